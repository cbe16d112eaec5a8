/* SPDX-License-Identifier: Apache-2.0
 * Translation of x87 instructions, straight from the opcode and ModRM bytes:
 * the map is regular and the manual's own (SDM Vol.2 App. A "Opcode Map for
 * Escape Instructions"). Undocumented register forms act as the documented
 * ones they alias.
 */
#include "cpu/xlat_x87.h"

#include "cpu/exec_x87.h"
#include "cpu/fpu_save.h"
#include "cpu/x87.h"

static const struct exec_x87_table *table(const struct xlat *x)
{
    return xlat_timed(x) ? &exec_x87_simple : &exec_x87_off;
}

static uint32_t aux(const struct xlat *x, enum x87_op op, unsigned pops,
                    enum x87_format format)
{
    uint32_t modrm = (uint32_t)x->zi->raw.modrm.mod << 6 |
                     (uint32_t)x->zi->raw.modrm.reg << 3 | x->zi->raw.modrm.rm;
    uint32_t fop = (x->zi->opcode & 7u) << 8 | modrm;
    return (uint32_t)op | pops << X87_AUX_POP_SHIFT |
           (uint32_t)format << X87_AUX_FORMAT_SHIFT | fop << X87_AUX_FOP_SHIFT;
}

/* --- register forms --- */

static struct uop *emit_register(struct xlat *x, enum x87_op op, unsigned pops)
{
    bool wait = op != X87_FNCLEX && op != X87_FNINIT && op != X87_FNSTSW_AX;
    struct uop *u = xlat_emit(x, wait ? table(x)->reg : table(x)->reg_nowait);
    u->dst = x->zi->raw.modrm.rm;
    u->imm = x->rip;
    u->aux = aux(x, op, pops, X87_REGISTER);
    return u;
}

/* ST(0) op ST(i) in D8; ST(i) op ST(0) in DC and DE, where the two senses of
 * subtract and divide are exchanged. */
static const uint8_t arith_op[8] = {X87_ADD, X87_MUL,  X87_COM, X87_COMP,
                                    X87_SUB, X87_SUBR, X87_DIV, X87_DIVR};

static bool arith_sti(struct xlat *x, unsigned reg, unsigned pops)
{
    if (reg == 2 || reg == 3) {
        emit_register(x, X87_COM, pops + (reg == 3 ? 1 : 0));
        return true;
    }
    unsigned swapped = reg >= 4 ? reg ^ 1 : reg;
    emit_register(x, arith_op[swapped], pops)->aux |= X87_TO_STI;
    return true;
}

static bool register_d9(struct xlat *x, unsigned reg, unsigned rm)
{
    static const uint8_t ops[4][8] = {
        {X87_FCHS, X87_FABS, X87_OPS, X87_OPS, X87_FTST, X87_FXAM, X87_OPS,
         X87_OPS},
        {X87_FLD1, X87_FLDL2T, X87_FLDL2E, X87_FLDPI, X87_FLDLG2, X87_FLDLN2,
         X87_FLDZ, X87_OPS},
        {X87_F2XM1, X87_FYL2X, X87_FPTAN, X87_FPATAN, X87_FXTRACT, X87_FPREM1,
         X87_FDECSTP, X87_FINCSTP},
        {X87_FPREM, X87_FYL2XP1, X87_FSQRT, X87_FSINCOS, X87_FRNDINT,
         X87_FSCALE, X87_FSIN, X87_FCOS}};
    switch (reg) {
    case 0: emit_register(x, X87_FLD, 0); return true;
    case 1: emit_register(x, X87_FXCH, 0); return true;
    case 2:
        if (rm != 0)
            return false;
        emit_register(x, X87_FNOP, 0);
        return true;
    case 3: emit_register(x, X87_FST, 1); return true;
    default: break;
    }
    unsigned op = ops[reg - 4][rm];
    if (op == X87_OPS)
        return false;
    emit_register(x, op, 0);
    return true;
}

/* FCMOVcc; `negate` for the DB half. */
static bool conditional_move(struct xlat *x, unsigned reg, bool negate)
{
    static const uint8_t condition[4] = {2, 4, 6, 10}; /* B E BE U(P) */
    emit_register(x, X87_FCMOV, 0)->src =
        (uint8_t)(condition[reg] | (negate ? 1 : 0));
    return true;
}

static bool register_db(struct xlat *x, unsigned reg, unsigned rm)
{
    static const uint8_t e[8] = {X87_FNOP, X87_FNOP, X87_FNCLEX, X87_FNINIT,
                                 X87_FNOP, X87_OPS,  X87_OPS,    X87_OPS};
    if (reg < 4)
        return conditional_move(x, reg, true);
    if (reg == 5 || reg == 6) {
        emit_register(x, reg == 5 ? X87_UCOMI : X87_COMI, 0);
        return true;
    }
    if (reg != 4 || e[rm] == X87_OPS)
        return false;
    struct uop *u = emit_register(x, e[rm], 0);
    if (e[rm] == X87_FNOP) /* FNENI, FNDISI, FNSETPM: they do not wait */
        u->fn = table(x)->reg_nowait;
    return true;
}

static bool register_dd(struct xlat *x, unsigned reg)
{
    static const struct {
        uint8_t op, pops;
    } rows[6] = {{X87_FFREE, 0}, {X87_FXCH, 0}, {X87_FST, 0},
                 {X87_FST, 1},   {X87_UCOM, 0}, {X87_UCOM, 1}};
    if (reg > 5)
        return false;
    emit_register(x, rows[reg].op, rows[reg].pops);
    return true;
}

static bool register_df(struct xlat *x, unsigned reg, unsigned rm)
{
    static const struct {
        uint8_t op, pops;
    } rows[7] = {{X87_FFREE, 1},     {X87_FXCH, 0},  {X87_FST, 1}, {X87_FST, 1},
                 {X87_FNSTSW_AX, 0}, {X87_UCOMI, 1}, {X87_COMI, 1}};
    if (reg == 7 || (reg == 4 && rm != 0))
        return false;
    emit_register(x, rows[reg].op, rows[reg].pops);
    return true;
}

static bool register_form(struct xlat *x)
{
    unsigned reg = x->zi->raw.modrm.reg, rm = x->zi->raw.modrm.rm;
    switch (x->zi->opcode & 7) {
    case 0: emit_register(x, arith_op[reg], reg == 3 ? 1 : 0); return true;
    case 1: return register_d9(x, reg, rm);
    case 2:
        if (reg < 4)
            return conditional_move(x, reg, false);
        if (reg != 5 || rm != 1)
            return false;
        emit_register(x, X87_UCOM, 2);
        return true;
    case 3: return register_db(x, reg, rm);
    case 4: return arith_sti(x, reg, 0);
    case 5: return register_dd(x, reg);
    case 6:
        if (reg == 2) { /* FCOMP5 */
            emit_register(x, X87_COM, 1);
            return true;
        }
        if (reg == 3) {
            if (rm != 1)
                return false;
            emit_register(x, X87_COM, 2);
            return true;
        }
        return arith_sti(x, reg, 1);
    default: return register_df(x, reg, rm);
    }
}

/* --- memory forms --- */

/* Kind of a memory form: how it gets at memory. */
enum access { NONE, LOAD, STORE, POP, STORE_NOWAIT, CALL };

struct memory_row {
    uint8_t access, format;
    callout_fn *call;
};

/* D9, DB, DD, DF by the reg field. */
static const struct memory_row memory_rows[4][8] = {
    {{LOAD, X87_F32, NULL},
     {NONE, 0, NULL},
     {STORE, X87_F32, NULL},
     {POP, X87_F32, NULL},
     {CALL, 0, fpu_fldenv},
     {LOAD, X87_CW, NULL},
     {CALL, 0, fpu_fnstenv},
     {STORE_NOWAIT, X87_CW, NULL}},
    {{LOAD, X87_I32, NULL},
     {POP, X87_IT32, NULL},
     {STORE, X87_I32, NULL},
     {POP, X87_I32, NULL},
     {NONE, 0, NULL},
     {LOAD, X87_F80, NULL},
     {NONE, 0, NULL},
     {POP, X87_F80, NULL}},
    {{LOAD, X87_F64, NULL},
     {POP, X87_IT64, NULL},
     {STORE, X87_F64, NULL},
     {POP, X87_F64, NULL},
     {CALL, 0, fpu_frstor},
     {NONE, 0, NULL},
     {CALL, 0, fpu_fnsave},
     {STORE_NOWAIT, X87_SW, NULL}},
    {{LOAD, X87_I16, NULL},
     {POP, X87_IT16, NULL},
     {STORE, X87_I16, NULL},
     {POP, X87_I16, NULL},
     {LOAD, X87_BCD, NULL},
     {LOAD, X87_I64, NULL},
     {POP, X87_BCD, NULL},
     {POP, X87_I64, NULL}},
};

static enum x87_width width_of(enum x87_format f)
{
    switch ((unsigned)f) {
    case X87_I16:
    case X87_IT16:
    case X87_CW:
    case X87_SW: return X87_2;
    case X87_F32:
    case X87_I32:
    case X87_IT32: return X87_4;
    case X87_F80:
    case X87_BCD: return X87_10;
    default: return X87_8;
    }
}

static const ZydisDecodedOperand *memory_operand(const struct xlat *x)
{
    for (unsigned i = 0; i < x->zi->operand_count; i++)
        if (x->zo[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            return &x->zo[i];
    return NULL;
}

/* A pending #MF comes before what the segment says of the operand, which is
 * checked when its address is made. */
static void wait_first(struct xlat *x)
{
    bool code = memory_operand(x)->mem.segment == ZYDIS_REGISTER_CS;
    if ((x->mode & MODE_LONG) == 0 && ((x->mode & MODE_FLAT) == 0 || code))
        emit_register(x, X87_FWAIT, 0);
}

static struct uop *emit_memory(struct xlat *x, uop_fn *fn, enum x87_op op,
                               unsigned pops, enum x87_format format)
{
    if (fn != table(x)->store_nowait)
        wait_first(x);
    struct ea ea = xlat_ea(x, memory_operand(x));
    struct uop *u = xlat_emit(x, fn);
    xlat_set_ea(u, &ea);
    u->imm = x->rip;
    u->aux = aux(x, op, pops, format);
    return u;
}

static uint32_t save_flags(const struct xlat *x)
{
    uint32_t f = 0;
    if ((x->mode & MODE_LONG) != 0)
        f |= FPU_LONG;
    if (x->zi->operand_width == 16)
        f |= FPU_16;
    if ((x->mode & MODE_PROT) != 0 && (x->mode & MODE_V86) == 0)
        f |= FPU_PROT;
    return f;
}

static bool memory_form(struct xlat *x)
{
    unsigned low = x->zi->opcode & 7, reg = x->zi->raw.modrm.reg;
    if ((low & 1) == 0) { /* D8 DC DA DE */
        static const uint8_t format[4] = {X87_F32, X87_I32, X87_F64, X87_I16};
        enum x87_format f = format[low / 2];
        emit_memory(x, table(x)->load[width_of(f)], arith_op[reg],
                    reg == 3 ? 1 : 0, f);
        return true;
    }
    const struct memory_row *row = &memory_rows[low / 2][reg];
    unsigned width = width_of(row->format);
    switch (row->access) {
    case LOAD:
        emit_memory(x, table(x)->load[width], X87_FLD, 0, row->format);
        return true;
    case STORE:
    case POP:
        emit_memory(x, table(x)->store[width], X87_FST,
                    row->access == POP ? 1 : 0, row->format);
        return true;
    case STORE_NOWAIT:
        emit_memory(x, table(x)->store_nowait, X87_FST, 0, row->format);
        return true;
    case CALL: {
        if (row->call == fpu_fldenv || row->call == fpu_frstor)
            wait_first(x);
        struct ea ea = xlat_ea(x, memory_operand(x));
        struct uop *u = xlat_callout(x, row->call);
        xlat_set_ea(u, &ea);
        u->aux = save_flags(x);
        return true;
    }
    default: return false;
    }
}

bool xlat_x87(struct xlat *x)
{
    return x->zi->raw.modrm.mod == 3 ? register_form(x) : memory_form(x);
}

/* FWAIT: #NM only when CR0.MP and CR0.TS are both set. */
bool xlat_fwait(struct xlat *x)
{
    if ((x->mode & MODE_MP) != 0 && (x->mode & MODE_TS) != 0)
        xlat_raise(x, EXC_NM);
    else
        emit_register(x, X87_FWAIT, 0);
    return true;
}

/* FXRSTOR may change the mode key, so it ends the block. */
bool xlat_fxsave(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    bool save = m == ZYDIS_MNEMONIC_FXSAVE || m == ZYDIS_MNEMONIC_FXSAVE64;
    bool wide = m == ZYDIS_MNEMONIC_FXSAVE64 || m == ZYDIS_MNEMONIC_FXRSTOR64;
    struct ea ea = xlat_ea(x, memory_operand(x));
    struct uop *u =
        save ? xlat_callout(x, fpu_fxsave) : xlat_callout_end(x, fpu_fxrstor);
    xlat_set_ea(u, &ea);
    u->aux = save_flags(x) | (wide ? FPU_REXW : 0u);
    return true;
}
