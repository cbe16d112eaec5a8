/* SPDX-License-Identifier: Apache-2.0
 * Translation of data movement, stack, condition and flag instructions.
 */
#include "cpu/int_callout.h"
#include "cpu/xlat_int.h"

/* moffs of 64 bits: the displacement does not fit a uop, so it becomes the
 * index register. */
static bool mov_far_displacement(struct xlat *x, bool load, unsigned lg)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    ZydisDecodedOperand mem = x->zo[load ? 1 : 0];
    uint8_t reg = int_reg(&x->zo[load ? 0 : 1]);
    struct uop *u = xlat_emit(x, t->ri[3]);
    u->dst = GPR_TMP * 8;
    u->imm = (uint64_t)mem.mem.disp.value;
    mem.mem.disp.value = 0;
    struct ea ea = xlat_ea(x, &mem);
    ea.index = GPR_TMP * 8;
    ea.scale = 0;
    u = xlat_emit(x, load ? t->load[1][lg] : t->store[1][lg]);
    xlat_set_ea(u, &ea);
    u->dst = u->src = reg;
    return true;
}

static bool mov_memory(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    bool load = int_is_mem(&x->zo[1]);
    const ZydisDecodedOperand *mem = &x->zo[load ? 1 : 0];
    const ZydisDecodedOperand *other = &x->zo[load ? 0 : 1];
    unsigned lg = int_lg(mem);
    int64_t disp = mem->mem.disp.value;
    if (disp != (int32_t)disp && x->zi->address_width == 64)
        return mov_far_displacement(x, load, lg);
    if (int_is_imm(other)) {
        int_emit_mem(x, mem, t->store_imm[0][lg], t->store_imm[1][lg])->imm =
            int_imm(other, lg);
        return true;
    }
    struct uop *u =
        load ? int_emit_mem(x, mem, t->load[0][lg], t->load[1][lg])
             : int_emit_mem(x, mem, t->store[0][lg], t->store[1][lg]);
    u->dst = u->src = int_reg(other);
    return true;
}

bool xlat_mov(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    for (unsigned i = 0; i < 2; i++) {
        if (!int_is_reg(&x->zo[i]))
            continue;
        switch ((int)ZydisRegisterGetClass(x->zo[i].reg.value)) {
        case ZYDIS_REGCLASS_SEGMENT: return xlat_mov_sreg(x);
        case ZYDIS_REGCLASS_CONTROL: return xlat_mov_cr(x);
        case ZYDIS_REGCLASS_DEBUG: return xlat_mov_dr(x);
        case ZYDIS_REGCLASS_TEST: return false;
        default: break;
        }
    }
    if (int_is_mem(dst) || int_is_mem(src))
        return mov_memory(x);
    unsigned lg = int_lg(dst);
    if (int_is_imm(src)) {
        struct uop *u = xlat_emit(x, t->ri[lg]);
        u->dst = int_reg(dst);
        u->imm = int_imm(src, lg);
        return true;
    }
    int_emit_rr(x, t->rr[lg], int_reg(dst), int_reg(src));
    return true;
}

bool xlat_movnti(struct xlat *x)
{
    return mov_memory(x);
}

/* MOVZX, MOVSX, MOVSXD. */
bool xlat_movx(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    bool sign = x->zi->mnemonic != ZYDIS_MNEMONIC_MOVZX;
    unsigned from = int_lg(src), to = int_lg(dst) - 1;
    struct uop *u;
    if (int_is_reg(src)) {
        u = xlat_emit(x, sign ? t->sx_rr[from][to] : t->zx_rr[from][to]);
        u->src = int_reg(src);
    } else {
        u = sign ? int_emit_mem(x, src, t->sx_load[0][from][to],
                                t->sx_load[1][from][to])
                 : int_emit_mem(x, src, t->zx_load[0][from][to],
                                t->zx_load[1][from][to]);
    }
    u->dst = int_reg(dst);
    return true;
}

/* CBW, CWDE, CDQE: the accumulator's low half, sign-extended. */
bool xlat_cbw(struct xlat *x)
{
    unsigned lg = int_insn_lg(x);
    int_emit_rr(x, INT_TABLE(x, mov)->sx_rr[lg - 1][lg - 1], REG_RAX * 8,
                REG_RAX * 8);
    return true;
}

/* CWD, CDQ, CQO. */
bool xlat_cwd(struct xlat *x)
{
    xlat_emit(x, INT_TABLE(x, mov)->sign_dx[int_insn_lg(x) - 1]);
    return true;
}

bool xlat_bswap(struct xlat *x)
{
    const ZydisDecodedOperand *dst = &x->zo[0];
    xlat_emit(x, INT_TABLE(x, mov)->bswap[int_lg(dst) - 1])->dst = int_reg(dst);
    return true;
}

/* XCHG with memory is locked without being told. */
bool xlat_xchg(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    bool mem0 = int_is_mem(&x->zo[0]), mem1 = int_is_mem(&x->zo[1]);
    const ZydisDecodedOperand *a = &x->zo[mem1 ? 1 : 0];
    const ZydisDecodedOperand *b = &x->zo[mem1 ? 0 : 1];
    unsigned lg = int_lg(a);
    if (!mem0 && !mem1) {
        int_emit_rr(x, t->xchg_rr[lg], int_reg(a), int_reg(b));
        return true;
    }
    int_emit_mem(x, a, t->xchg_mr[lg], t->xchg_mr[lg])->src = int_reg(b);
    return true;
}

/* LEA with a constant address: RIP-relative or absolute. */
static void lea_constant(struct xlat *x, unsigned lg, uint64_t address)
{
    struct uop *u = xlat_emit(x, INT_TABLE(x, mov)->ri[lg]);
    u->dst = int_reg(&x->zo[0]);
    u->imm = address & INT_MASK(lg);
}

bool xlat_lea(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    const ZydisDecodedOperandMem *m = &x->zo[1].mem;
    unsigned lg = int_lg(&x->zo[0]), width = x->zi->address_width;
    if (!int_is_mem(&x->zo[1]))
        return false;
    bool rip = m->base == ZYDIS_REGISTER_RIP || m->base == ZYDIS_REGISTER_EIP;
    bool base = m->base != ZYDIS_REGISTER_NONE;
    bool index = m->index != ZYDIS_REGISTER_NONE;
    if ((rip || !base) && !index) {
        uint64_t at = (uint64_t)m->disp.value + (rip ? x->next_rip : 0);
        lea_constant(x, lg, at & (UINT64_MAX >> (64 - width)));
        return true;
    }
    /* A destination wider than the address is zero-extended: the address
     * is made in the smaller of both sizes. */
    uop_fn *const *fn = index ? t->lea_x : t->lea;
    struct uop *u;
    if (lg > 1 && width == 16)
        u = xlat_emit(x, t->lea_z16);
    else
        u = xlat_emit(x, fn[lg == 3 && width == 32 ? 1 : lg - 1]);
    u->dst = int_reg(&x->zo[0]);
    if (base)
        u->base = xlat_gpr(m->base);
    if (index) {
        u->index = xlat_gpr(m->index);
        u->scale = (uint8_t)__builtin_ctz(m->scale | 16u);
    }
    u->disp = (int32_t)m->disp.value;
    return true;
}

/* Which of the stack handlers: 0 RSP, 1 flat ESP, -1 callout. */
static int stack_kind(const struct xlat *x)
{
    if (x->mode & MODE_LONG)
        return 0;
    if ((x->mode & MODE_FLAT) && (x->mode & MODE_SS32) && (x->mode & MODE_PROT))
        return 1;
    return -1;
}

static void push_register(struct xlat *x, uint8_t src, unsigned lg)
{
    int kind = stack_kind(x);
    struct uop *u;
    if (kind >= 0) {
        u = xlat_emit(x, INT_TABLE(x, mov)->push_r[kind][lg - 1]);
    } else {
        u = xlat_callout(x, int_push_r);
        u->scale = (uint8_t)lg;
    }
    u->src = src;
    u->seg = SEG_SS;
}

bool xlat_push(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    const ZydisDecodedOperand *src = &x->zo[0];
    unsigned lg = int_insn_lg(x);
    int kind = stack_kind(x);
    struct uop *u;
    if (int_is_reg(src)) {
        if (ZydisRegisterGetClass(src->reg.value) == ZYDIS_REGCLASS_SEGMENT)
            return xlat_push_sreg(x);
        push_register(x, int_reg(src), lg);
    } else if (int_is_mem(src)) {
        u = int_emit_mem(x, src, t->load[0][lg], t->load[1][lg]);
        u->dst = GPR_TMP * 8;
        push_register(x, GPR_TMP * 8, lg);
    } else if (kind >= 0) {
        u = xlat_emit(x, t->push_i[kind][lg - 1]);
        u->imm = int_imm(src, lg);
        u->seg = SEG_SS;
    } else {
        u = xlat_callout(x, int_push_i);
        u->disp = (int32_t)src->imm.value.s;
        u->scale = (uint8_t)lg;
    }
    return true;
}

bool xlat_pop(struct xlat *x)
{
    const ZydisDecodedOperand *dst = &x->zo[0];
    unsigned lg = int_insn_lg(x);
    int kind = stack_kind(x);
    struct uop *u;
    if (int_is_mem(dst)) {
        u = xlat_callout(x, int_pop_m);
        int_set_offset(x, u, dst, 0, lg);
        return true;
    }
    if (ZydisRegisterGetClass(dst->reg.value) == ZYDIS_REGCLASS_SEGMENT)
        return xlat_pop_sreg(x);
    if (kind >= 0) {
        u = xlat_emit(x, INT_TABLE(x, mov)->pop_r[kind][lg - 1]);
    } else {
        u = xlat_callout(x, int_pop_r);
        u->scale = (uint8_t)lg;
    }
    u->dst = int_reg(dst);
    u->seg = SEG_SS;
    return true;
}

/* PUSHA, POPA, ENTER, LEAVE, PUSHF, POPF. */
bool xlat_frame(struct xlat *x)
{
    unsigned lg = int_insn_lg(x);
    unsigned level = (unsigned)x->zo[1].imm.value.u & 31; /* ENTER */
    bool end = false;
    callout_fn *fn;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_PUSHA:
    case ZYDIS_MNEMONIC_PUSHAD:
        fn = int_pusha;
        x->stores = 8;
        break;
    case ZYDIS_MNEMONIC_POPA:
    case ZYDIS_MNEMONIC_POPAD:
        fn = int_popa;
        x->loads = 8;
        break;
    case ZYDIS_MNEMONIC_ENTER:
        fn = int_enter;
        x->stores = (uint16_t)(1 + level);
        x->loads = (uint16_t)(level > 1 ? level - 1 : 0);
        break;
    case ZYDIS_MNEMONIC_LEAVE:
        if (stack_kind(x) == 0 && lg == 3) {
            xlat_emit(x, INT_TABLE(x, mov)->leave64)->seg = SEG_SS;
            return true;
        }
        fn = int_leave;
        break;
    case ZYDIS_MNEMONIC_PUSHF:
    case ZYDIS_MNEMONIC_PUSHFD:
    case ZYDIS_MNEMONIC_PUSHFQ: fn = int_pushf; break;
    default:
        fn = int_popf;
        end = true;
        break;
    }
    struct uop *u = end ? xlat_callout_end(x, fn) : xlat_callout(x, fn);
    u->scale = (uint8_t)lg;
    u->seg = SEG_SS;
    if (fn == int_enter)
        u->aux = (uint32_t)(x->zo[0].imm.value.u & 0xffff) | level << 16;
    return true;
}

bool xlat_setcc(struct xlat *x)
{
    const struct exec_cond_table *t = INT_TABLE(x, cond);
    const ZydisDecodedOperand *dst = &x->zo[0];
    unsigned cc = x->zi->opcode & 15;
    if (int_is_mem(dst)) {
        int_emit_mem(x, dst, t->set_m[cc], t->set_m[cc]);
        return true;
    }
    xlat_emit(x, t->set_r[cc])->dst = int_reg(dst);
    return true;
}

bool xlat_cmov(struct xlat *x)
{
    const struct exec_cond_table *t = INT_TABLE(x, cond);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    unsigned cc = x->zi->opcode & 15, w = int_lg(dst) - 1;
    if (int_is_mem(src)) {
        int_emit_mem(x, src, t->cmov_m[cc][w], t->cmov_m[cc][w])->dst =
            int_reg(dst);
        return true;
    }
    int_emit_rr(x, t->cmov_r[cc][w], int_reg(dst), int_reg(src));
    return true;
}

/* LAHF SAHF CLC STC CMC CLD STD. */
bool xlat_flag(struct xlat *x)
{
    const struct exec_cond_table *t = INT_TABLE(x, cond);
    uop_fn *fn;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_LAHF: fn = t->lahf; break;
    case ZYDIS_MNEMONIC_SAHF: fn = t->sahf; break;
    case ZYDIS_MNEMONIC_CLC: fn = t->clc; break;
    case ZYDIS_MNEMONIC_STC: fn = t->stc; break;
    case ZYDIS_MNEMONIC_CMC: fn = t->cmc; break;
    case ZYDIS_MNEMONIC_CLD: fn = t->cld; break;
    default: fn = t->std; break;
    }
    if ((fn == t->lahf || fn == t->sahf) && (x->mode & MODE_LONG) &&
        !cpu_has(x->c, FEATURE_LAHF64))
        return false;
    xlat_emit(x, fn);
    return true;
}

/* NOP in all its lengths, PAUSE and the fences: only their cost differs.
 * Encodings that other extensions reuse are NOPs without them. */
bool xlat_nop(struct xlat *x)
{
    const ZydisDecodedInstruction *zi = x->zi;
    /* 0F 0D with a register: a NOP on Intel parts, invalid on AMD's. */
    if (zi->opcode_map == ZYDIS_OPCODE_MAP_0F && zi->opcode == 0x0d &&
        int_is_reg(&x->zo[0]) && x->c->config.vendor == VENDOR_AMD)
        return false;
    xlat_emit(x, INT_TABLE(x, cond)->nop);
    return true;
}

static bool hint_is_plain(const struct xlat *x)
{
    ZydisRegister s = x->zo[0].mem.segment;
    if (x->mode & MODE_LONG)
        return true;
    return (x->mode & MODE_FLAT) != 0 && s != ZYDIS_REGISTER_FS &&
           s != ZYDIS_REGISTER_GS;
}

/* F3 90 with REX.B is XCHG with R8 all the same. SDM Vol.2 App. A "One-Byte
 * Opcode Map". */
bool xlat_pause(struct xlat *x)
{
    if (!(x->mode & MODE_LONG) || !x->zi->raw.rex.B)
        return xlat_nop(x);
    int_emit_rr(x, INT_TABLE(x, mov)->xchg_rr[int_insn_lg(x)], REG_RAX * 8,
                8 * 8);
    return true;
}

bool xlat_prefetch(struct xlat *x)
{
    uop_fn *fn = INT_TABLE(x, mov)->prefetch;
    int m = (int)x->zi->mnemonic;
    /* A register operand is a reserved NOP; so is a hint whose segment
     * would need a limit check that must not fault. */
    if (!int_is_mem(&x->zo[0]) || !hint_is_plain(x))
        return xlat_nop(x);
    int_emit_mem(x, &x->zo[0], fn, fn)->imm =
        m == ZYDIS_MNEMONIC_PREFETCHW || m == ZYDIS_MNEMONIC_PREFETCHWT1;
    return true;
}

bool xlat_clflush(struct xlat *x)
{
    ZydisDecodedOperand byte = x->zo[0];
    byte.size = 8; /* checked like a load of one byte */
    struct ea ea = xlat_ea(x, &byte);
    bool keep = x->zi->mnemonic == ZYDIS_MNEMONIC_CLWB;
    xlat_set_ea(xlat_callout(x, keep ? int_clwb : int_clflush), &ea);
    x->loads = x->stores = 0;
    return true;
}

bool xlat_xlat(struct xlat *x)
{
    const struct exec_mov_table *t = INT_TABLE(x, mov);
    const ZydisDecodedOperand *o = &x->zo[0];
    while (!int_is_mem(o))
        o++;
    if (x->zi->address_width != 64) {
        int_set_offset(x, xlat_callout(x, int_xlat), o, 0, 0);
        return true;
    }
    struct ea ea = xlat_ea(x, o);
    xlat_emit(x, t->xlat_al);
    ea.index = GPR_TMP * 8;
    ea.scale = 0;
    struct uop *u = xlat_emit(x, t->load[1][0]);
    xlat_set_ea(u, &ea);
    u->dst = REG_RAX * 8;
    return true;
}
