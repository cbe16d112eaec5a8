/* SPDX-License-Identifier: Apache-2.0
 * Families of branches and string instructions, and the pairing of a
 * comparison with the conditional branch behind it.
 */
#include "cpu/ctl.h"
#include "cpu/insn_ctl.h"
#include "cpu/plant.h"
#include "cpu/xlat_block.h"

/* --- targets --- */

uint64_t xlat_target(const struct xlat *x, const ZydisDecodedInstruction *zi,
                     const ZydisDecodedOperand *zo, uint64_t next_rip)
{
    uint64_t target = next_rip + zo[0].imm.value.u;
    if (x->mode & MODE_LONG)
        return target;
    return zi->operand_width == 16 ? (uint16_t)target : (uint32_t)target;
}

bool xlat_target_plain(const struct xlat *x, uint64_t target)
{
    if (x->mode & MODE_LONG)
        return bits_sext(target, 48) == target;
    return (x->mode & MODE_FLAT) != 0;
}

int xlat_jcc(ZydisMnemonic m)
{
    switch ((unsigned)m) {
    case ZYDIS_MNEMONIC_JO: return 0;
    case ZYDIS_MNEMONIC_JNO: return 1;
    case ZYDIS_MNEMONIC_JB: return 2;
    case ZYDIS_MNEMONIC_JNB: return 3;
    case ZYDIS_MNEMONIC_JZ: return 4;
    case ZYDIS_MNEMONIC_JNZ: return 5;
    case ZYDIS_MNEMONIC_JBE: return 6;
    case ZYDIS_MNEMONIC_JNBE: return 7;
    case ZYDIS_MNEMONIC_JS: return 8;
    case ZYDIS_MNEMONIC_JNS: return 9;
    case ZYDIS_MNEMONIC_JP: return 10;
    case ZYDIS_MNEMONIC_JNP: return 11;
    case ZYDIS_MNEMONIC_JL: return 12;
    case ZYDIS_MNEMONIC_JNL: return 13;
    case ZYDIS_MNEMONIC_JLE: return 14;
    case ZYDIS_MNEMONIC_JNLE: return 15;
    default: return -1;
    }
}

static uint8_t log2_bytes(unsigned bits)
{
    return (uint8_t)__builtin_ctz(bits / 8u);
}

/* --- branches --- */

/* A direct branch by callout: its target is checked when it is taken. */
static bool checked_branch(struct xlat *x, unsigned what)
{
    struct uop *u = xlat_callout_end(x, ctl_branch);
    u->dst = log2_bytes(x->zi->operand_width);
    u->src = (uint8_t)what;
    u->scale = log2_bytes(x->zi->address_width);
    u->disp = (int32_t)x->zo[0].imm.value.s;
    return true;
}

static uint64_t own_target(const struct xlat *x)
{
    return xlat_target(x, x->zi, x->zo, x->next_rip);
}

bool xlat_ctl_jcc(struct xlat *x)
{
    unsigned cc = (unsigned)xlat_jcc(x->zi->mnemonic);
    uint64_t target = own_target(x);
    if (!xlat_target_plain(x, target))
        return checked_branch(x, cc);
    xlat_end(x, xlat_ctl_table(x)->jcc[cc], target);
    return true;
}

bool xlat_ctl_loop(struct xlat *x)
{
    unsigned kind, lg = log2_bytes(x->zi->address_width);
    switch ((unsigned)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_LOOPNE: kind = LOOP_NE; break;
    case ZYDIS_MNEMONIC_LOOPE: kind = LOOP_E; break;
    case ZYDIS_MNEMONIC_LOOP: kind = LOOP_ANY; break;
    default: kind = LOOP_JCXZ; break;
    }
    uint64_t target = own_target(x);
    if (PLANTED(x->c, PLANT_LOOP_COUNT64) && lg == 2)
        lg = 3;
    if (!xlat_target_plain(x, target))
        return checked_branch(x, CTL_LOOP + kind);
    xlat_end(x, xlat_ctl_table(x)->loop[kind][lg], target);
    return true;
}

/* A near indirect transfer: fast handlers in 64-bit mode, else callouts. */
struct indirect {
    uop_fn *reg, *mem;
    callout_fn *slow_reg, *slow_mem;
};

static bool indirect(struct xlat *x, const struct indirect *f)
{
    const ZydisDecodedOperand *o = &x->zo[0];
    bool reg = o->type == ZYDIS_OPERAND_TYPE_REGISTER;
    bool quick = (x->mode & MODE_LONG) != 0;
    struct ea ea = {0};
    struct uop *u;
    if (!reg)
        ea = xlat_ea(x, o);
    if (quick) {
        u = xlat_end(x, reg ? f->reg : f->mem, 0);
        u->imm = x->next_rip;
    } else {
        u = xlat_callout_end(x, reg ? f->slow_reg : f->slow_mem);
        u->dst = log2_bytes(x->zi->operand_width);
    }
    if (reg)
        u->src = xlat_gpr(o->reg.value);
    else
        xlat_set_ea(u, &ea);
    return true;
}

bool xlat_ctl_jmp(struct xlat *x)
{
    const struct exec_ctl_table *t = xlat_ctl_table(x);
    if (x->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return xlat_far(x);
    if (x->zo[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        struct indirect f = {t->jmp_reg, t->jmp_mem, ctl_jmp_reg, ctl_jmp_mem};
        return indirect(x, &f);
    }
    uint64_t target = own_target(x);
    if (!xlat_target_plain(x, target))
        return checked_branch(x, CTL_JMP);
    xlat_end(x, t->jmp, target);
    return true;
}

bool xlat_ctl_call(struct xlat *x)
{
    const struct exec_ctl_table *t = xlat_ctl_table(x);
    if (x->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return xlat_far(x);
    if (x->zo[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE) {
        struct indirect f = {t->call_reg, t->call_mem, ctl_call_reg,
                             ctl_call_mem};
        return indirect(x, &f);
    }
    uint64_t target = own_target(x);
    struct uop *u;
    if ((x->mode & MODE_LONG) && xlat_target_plain(x, target)) {
        u = xlat_end(x, t->call, target);
        u->imm = x->next_rip;
        u->seg = SEG_SS;
        return true;
    }
    u = xlat_callout_end(x, ctl_call_rel);
    u->dst = log2_bytes(x->zi->operand_width);
    u->disp = (int32_t)x->zo[0].imm.value.s;
    u->seg = SEG_SS;
    return true;
}

bool xlat_ctl_ret(struct xlat *x)
{
    if (x->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return xlat_far(x);
    uint32_t release = 0;
    if (x->zo[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
        x->zi->operand_count_visible > 0)
        release = (uint16_t)x->zo[0].imm.value.u;
    struct uop *u;
    if (x->mode & MODE_LONG) {
        u = xlat_end(x, xlat_ctl_table(x)->ret, 0);
        u->imm = release;
    } else {
        u = xlat_callout_end(x, ctl_ret);
        u->dst = log2_bytes(x->zi->operand_width);
        u->aux = release;
    }
    u->seg = SEG_SS;
    return true;
}

/* --- string instructions --- */

static bool string(struct xlat *x, callout_fn *fn, unsigned element_bits)
{
    /* Counted as they happen, an iteration at a time. */
    x->loads = x->stores = 0;
    unsigned seg = SEG_DS;
    for (unsigned i = 0; i < x->zi->operand_count; i++) {
        const ZydisDecodedOperand *o = &x->zo[i];
        ZydisRegister base = o->mem.base;
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            (base == ZYDIS_REGISTER_SI || base == ZYDIS_REGISTER_ESI ||
             base == ZYDIS_REGISTER_RSI))
            seg = xlat_number(o->mem.segment);
    }
    bool repne = (x->zi->attributes & ZYDIS_ATTRIB_HAS_REPNE) != 0;
    bool rep = (x->zi->attributes &
                (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) != 0;
    struct uop *u = xlat_callout(x, fn);
    u->seg = (uint8_t)seg;
    u->aux = log2_bytes(element_bits) |
             (uint32_t)log2_bytes(x->zi->address_width)
                 << STRING_ADDRESS_SHIFT |
             (rep ? STRING_REP : 0) | (repne ? STRING_REPNE : 0);
    return true;
}

static unsigned element(const struct xlat *x)
{
    switch (x->zi->opcode & 1) {
    case 0: return 8;
    default: return x->zi->operand_width;
    }
}

bool xlat_ctl_movs(struct xlat *x)
{
    if (x->zi->meta.category != ZYDIS_CATEGORY_STRINGOP)
        return xlat_sse_movsd(x);
    return string(x, string_movs, element(x));
}

bool xlat_ctl_cmps(struct xlat *x)
{
    if (x->zi->meta.category != ZYDIS_CATEGORY_STRINGOP)
        return xlat_sse_cmpsd(x);
    return string(x, string_cmps, element(x));
}

bool xlat_ctl_stos(struct xlat *x)
{
    return string(x, string_stos, element(x));
}

bool xlat_ctl_lods(struct xlat *x)
{
    return string(x, string_lods, element(x));
}

bool xlat_ctl_scas(struct xlat *x)
{
    return string(x, string_scas, element(x));
}

/* --- fusion --- */

static int fuse_kind(const struct decoded *d)
{
    const ZydisDecodedOperand *o = d->zo;
    if (d->how != DECODE_OK || o[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
        (d->zi.attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0)
        return -1;
    if (d->zi.mnemonic == ZYDIS_MNEMONIC_INC)
        return FUSE_INC;
    if (d->zi.mnemonic == ZYDIS_MNEMONIC_DEC)
        return FUSE_DEC;
    bool imm = o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    if (!imm && o[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
        return -1;
    switch ((unsigned)d->zi.mnemonic) {
    case ZYDIS_MNEMONIC_CMP: return imm ? FUSE_CMP_RI : FUSE_CMP_RR;
    case ZYDIS_MNEMONIC_TEST: return imm ? FUSE_TEST_RI : FUSE_TEST_RR;
    case ZYDIS_MNEMONIC_SUB: return imm ? FUSE_SUB_RI : FUSE_SUB_RR;
    case ZYDIS_MNEMONIC_ADD: return imm ? FUSE_ADD_RI : FUSE_ADD_RR;
    case ZYDIS_MNEMONIC_AND: return imm ? FUSE_AND_RI : FUSE_AND_RR;
    default: return -1;
    }
}

static uop_fn *fused_handler(bool timed, const struct decoded *first, int kind,
                             int cc)
{
    unsigned lg = log2_bytes(first->zo[0].size);
    return timed ? exec_fuse_simple[kind][lg][cc] : exec_fuse_off[kind][lg][cc];
}

bool xlat_fusible(const struct decoded *first, const struct decoded *jcc)
{
    int kind = fuse_kind(first);
    if (kind < 0 || jcc->how != DECODE_OK)
        return false;
    int cc = xlat_jcc(jcc->zi.mnemonic);
    return cc >= 0 && fused_handler(true, first, kind, cc) != NULL;
}

bool xlat_fuse(struct xlat *x, const struct decoded *first,
               const struct decoded *jcc, uint64_t target)
{
    int kind = fuse_kind(first), cc = xlat_jcc(jcc->zi.mnemonic);
    uop_fn *fn = fused_handler(xlat_timed(x), first, kind, cc);
    if (fn == NULL)
        return false;
    const ZydisDecodedOperand *o = first->zo;
    struct uop *u = xlat_end(x, fn, target);
    u->dst = xlat_gpr(o[0].reg.value);
    if (first->zi.operand_count_visible > 1) {
        if (o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
            u->imm = o[1].imm.value.u;
        else
            u->src = xlat_gpr(o[1].reg.value);
    }
    return true;
}
