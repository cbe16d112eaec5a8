/* SPDX-License-Identifier: Apache-2.0
 * Translation of arithmetic, logic, shifts, multiplication, division and
 * bit instructions.
 */
#include "cpu/int_callout.h"
#include "cpu/plant.h"
#include "cpu/xlat_int.h"

struct uop *int_emit_rr(struct xlat *x, uop_fn *fn, uint8_t dst, uint8_t src)
{
    struct uop *u = xlat_emit(x, fn);
    u->dst = dst;
    u->src = src;
    return u;
}

struct uop *int_emit_mem(struct xlat *x, const ZydisDecodedOperand *o,
                         uop_fn *plain, uop_fn *indexed)
{
    struct ea ea = xlat_ea(x, o);
    struct uop *u = xlat_emit(x, int_has_index(&ea) ? indexed : plain);
    xlat_set_ea(u, &ea);
    return u;
}

void int_set_offset(const struct xlat *x, struct uop *u,
                    const ZydisDecodedOperand *o, unsigned operation,
                    unsigned lg)
{
    const ZydisDecodedOperandMem *m = &o->mem;
    unsigned address = (unsigned)__builtin_ctz(x->zi->address_width / 8u);
    bool rip = m->base == ZYDIS_REGISTER_RIP || m->base == ZYDIS_REGISTER_EIP;
    if (m->base != ZYDIS_REGISTER_NONE && !rip)
        u->base = xlat_gpr(m->base);
    if (m->index != ZYDIS_REGISTER_NONE) {
        u->index = xlat_gpr(m->index);
        u->scale = (uint8_t)__builtin_ctz(m->scale | 16u);
    }
    u->disp = (int32_t)m->disp.value;
    u->seg = xlat_number(m->segment);
    u->aux = lg | (rip ? OFFSET_RIP : 0u) | address << OFFSET_ADDRESS_SHIFT |
             operation << OFFSET_OPERATION_SHIFT;
}

static enum alu_op alu_op_of(const struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_ADD: return ALU_ADD;
    case ZYDIS_MNEMONIC_OR: return ALU_OR;
    case ZYDIS_MNEMONIC_ADC: return ALU_ADC;
    case ZYDIS_MNEMONIC_SBB: return ALU_SBB;
    case ZYDIS_MNEMONIC_AND: return ALU_AND;
    case ZYDIS_MNEMONIC_SUB: return ALU_SUB;
    case ZYDIS_MNEMONIC_XOR: return ALU_XOR;
    case ZYDIS_MNEMONIC_CMP: return ALU_CMP;
    default: return ALU_TEST;
    }
}

static bool alu_memory(struct xlat *x, enum alu_op op, unsigned lg, bool live)
{
    const struct exec_alu_table *t = INT_TABLE(x, alu);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    bool imm = int_is_imm(src);
    enum int_form m = imm ? FORM_MI : FORM_MR, i = imm ? FORM_XI : FORM_XR;
    struct uop *u = int_emit_mem(x, dst, t->binary[op][m][lg][live],
                                 t->binary[op][i][lg][live]);
    if (imm)
        u->imm = int_imm(src, lg);
    else
        u->src = int_reg(src);
    return true;
}

bool xlat_alu(struct xlat *x)
{
    const struct exec_alu_table *t = INT_TABLE(x, alu);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    enum alu_op op = alu_op_of(x);
    unsigned lg = int_lg(dst);
    bool live = !x->flags_dead;
    if (PLANTED(x->c, PLANT_TEST_ALIAS) && x->zi->raw.modrm.reg == 1 &&
        (x->zi->opcode & 0xfe) == 0xf6)
        return false;
    int_lock(x);
    if (int_is_mem(dst))
        return alu_memory(x, op, lg, live);
    if (int_is_mem(src)) {
        if (op == ALU_TEST)
            return false;
        struct uop *u = int_emit_mem(x, src, t->binary[op][FORM_RM][lg][live],
                                     t->binary[op][FORM_RX][lg][live]);
        u->dst = int_reg(dst);
        return true;
    }
    if (int_is_imm(src)) {
        struct uop *u = xlat_emit(x, t->binary[op][FORM_RI][lg][live]);
        u->dst = int_reg(dst);
        u->imm = int_imm(src, lg);
        return true;
    }
    uint8_t d = int_reg(dst), s = int_reg(src);
    if (d == s && lg >= 2 && (op == ALU_XOR || op == ALU_SUB))
        int_emit_rr(x, t->zero[live], d, s);
    else
        int_emit_rr(x, t->binary[op][FORM_RR][lg][live], d, s);
    return true;
}

bool xlat_unary(struct xlat *x)
{
    const struct exec_alu_table *t = INT_TABLE(x, alu);
    const ZydisDecodedOperand *dst = &x->zo[0];
    unsigned lg = int_lg(dst);
    bool mem = int_is_mem(dst), live = !x->flags_dead;
    enum unary_op op;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_NOT: op = UNARY_NOT; break;
    case ZYDIS_MNEMONIC_NEG: op = UNARY_NEG; break;
    case ZYDIS_MNEMONIC_INC: op = UNARY_INC; break;
    default: op = UNARY_DEC; break;
    }
    uop_fn *fn = t->unary[mem][op][lg][live];
    int_lock(x);
    if (!mem) {
        xlat_emit(x, fn)->dst = int_reg(dst);
        return true;
    }
    int_emit_mem(x, dst, fn, fn);
    return true;
}

/* XADD, CMPXCHG: register or memory, register. */
static bool exchange(struct xlat *x, uop_fn *const table[2][INT_SIZES])
{
    const ZydisDecodedOperand *dst = &x->zo[0];
    unsigned lg = int_lg(dst);
    uint8_t src = int_reg(&x->zo[1]);
    int_lock(x);
    if (int_is_reg(dst)) {
        int_emit_rr(x, table[0][lg], int_reg(dst), src);
        return true;
    }
    int_emit_mem(x, dst, table[1][lg], table[1][lg])->src = src;
    return true;
}

bool xlat_xadd(struct xlat *x)
{
    return exchange(x, INT_TABLE(x, alu)->xadd);
}

bool xlat_cmpxchg(struct xlat *x)
{
    return exchange(x, INT_TABLE(x, alu)->cmpxchg);
}

bool xlat_cmpxchg_pair(struct xlat *x)
{
    const struct exec_alu_table *t = INT_TABLE(x, alu);
    bool wide = x->zi->mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B;
    if (!int_is_mem(&x->zo[0]))
        return false;
    int_lock(x);
    int_emit_mem(x, &x->zo[0], t->cmpxchg_pair[wide], t->cmpxchg_pair[wide]);
    return true;
}

static enum shift_op shift_op_of(const struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_ROL: return SHIFT_ROL;
    case ZYDIS_MNEMONIC_ROR: return SHIFT_ROR;
    case ZYDIS_MNEMONIC_RCL: return SHIFT_RCL;
    case ZYDIS_MNEMONIC_RCR: return SHIFT_RCR;
    case ZYDIS_MNEMONIC_SHL: return SHIFT_SHL;
    case ZYDIS_MNEMONIC_SHR: return SHIFT_SHR;
    default: return SHIFT_SAR;
    }
}

static uint64_t shift_imm(const ZydisDecodedOperand *o, unsigned lg)
{
    return o->imm.value.u & (lg == 3 ? 63 : 31);
}

bool xlat_shift(struct xlat *x)
{
    const struct exec_shift_table *t = INT_TABLE(x, shift);
    const ZydisDecodedOperand *dst = &x->zo[0], *by = &x->zo[1];
    enum shift_op op = shift_op_of(x);
    unsigned lg = int_lg(dst);
    bool mem = int_is_mem(dst), cl = !int_is_imm(by), live = !x->flags_dead;
    uint64_t n = cl ? 0 : shift_imm(by, lg);
    uop_fn *fn = cl ? t->cl[mem][op][lg][live] : t->imm[mem][op][lg][live];
    struct uop *u;
    if (mem) {
        u = int_emit_mem(x, dst, fn, fn);
    } else {
        if (!cl && n == 0) /* only zero-extends */
            fn = INT_TABLE(x, mov)->rr[lg];
        u = int_emit_rr(x, fn, int_reg(dst), int_reg(dst));
    }
    u->imm = n;
    return true;
}

bool xlat_shift_wide(struct xlat *x)
{
    const struct exec_shift_table *t = INT_TABLE(x, shift);
    const ZydisDecodedOperand *dst = &x->zo[0], *by = &x->zo[2];
    unsigned lg = int_lg(dst);
    bool mem = int_is_mem(dst);
    bool right = x->zi->mnemonic == ZYDIS_MNEMONIC_SHRD;
    uop_fn *fn = t->wide[right][mem][lg - 1][!x->flags_dead];
    struct uop *u;
    if (mem) {
        u = int_emit_mem(x, dst, fn, fn);
    } else {
        u = xlat_emit(x, fn);
        u->dst = int_reg(dst);
    }
    u->src = int_reg(&x->zo[1]);
    u->imm = int_is_imm(by) ? shift_imm(by, lg) : SHIFT_WIDE_CL;
    return true;
}

/* The one-operand forms: MUL, IMUL, DIV, IDIV. */
static bool accumulator(struct xlat *x, uop_fn *reg, uop_fn *mem)
{
    const ZydisDecodedOperand *src = &x->zo[0];
    if (int_is_reg(src)) {
        xlat_emit(x, reg)->src = int_reg(src);
        return true;
    }
    int_emit_mem(x, src, mem, mem);
    return true;
}

bool xlat_mul(struct xlat *x)
{
    const struct exec_mul_table *t = INT_TABLE(x, mul);
    bool sign = x->zi->mnemonic == ZYDIS_MNEMONIC_IMUL, live = !x->flags_dead;
    unsigned lg = int_lg(&x->zo[0]);
    return accumulator(x, t->mul[0][sign][lg][live], t->mul[1][sign][lg][live]);
}

bool xlat_div(struct xlat *x)
{
    const struct exec_mul_table *t = INT_TABLE(x, mul);
    bool sign = x->zi->mnemonic == ZYDIS_MNEMONIC_IDIV;
    unsigned lg = int_lg(&x->zo[0]);
    return accumulator(x, t->div[0][sign][lg], t->div[1][sign][lg]);
}

bool xlat_imul(struct xlat *x)
{
    const struct exec_mul_table *t = INT_TABLE(x, mul);
    unsigned operands = x->zi->operand_count_visible;
    if (operands == 1)
        return xlat_mul(x);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    unsigned lg = int_lg(dst), w = lg - 1;
    bool imm = operands == 3, live = !x->flags_dead;
    struct uop *u;
    if (int_is_mem(src)) {
        uop_fn *fn = imm ? t->imul_rmi[w][live] : t->imul_rm[w][live];
        u = int_emit_mem(x, src, fn, fn);
    } else {
        u = xlat_emit(x, imm ? t->imul_rri[w][live] : t->imul_rr[w][live]);
        u->src = int_reg(src);
    }
    u->dst = int_reg(dst);
    if (imm)
        u->imm = int_imm(&x->zo[2], lg);
    return true;
}

static enum bt_op bt_op_of(const struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_BT: return BIT_TEST;
    case ZYDIS_MNEMONIC_BTS: return BIT_SET;
    case ZYDIS_MNEMONIC_BTR: return BIT_RESET;
    default: return BIT_COMPLEMENT;
    }
}

bool xlat_bt(struct xlat *x)
{
    const struct exec_bit_table *t = INT_TABLE(x, bit);
    const ZydisDecodedOperand *dst = &x->zo[0], *by = &x->zo[1];
    enum bt_op op = bt_op_of(x);
    unsigned lg = int_lg(dst);
    bool mem = int_is_mem(dst), imm = int_is_imm(by), live = !x->flags_dead;
    uop_fn *fn = imm ? t->bt_imm[mem][op][lg - 1][live]
                     : t->bt_reg[mem][op][lg - 1][live];
    struct uop *u;
    int_lock(x);
    if (mem && !imm && x->zi->address_width != 64) {
        u = xlat_callout(x, int_bt);
        int_set_offset(x, u, dst, op, lg);
        u->src = int_reg(by);
        return true;
    }
    if (mem) {
        u = int_emit_mem(x, dst, fn, fn);
    } else {
        u = xlat_emit(x, fn);
        u->dst = int_reg(dst);
    }
    if (imm)
        u->imm = by->imm.value.u & (INT_BITS(lg) - 1);
    else
        u->src = int_reg(by);
    return true;
}

/* BSF, BSR, POPCNT. */
bool xlat_scan(struct xlat *x)
{
    const struct exec_bit_table *t = INT_TABLE(x, bit);
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    enum scan_op op;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_POPCNT: op = SCAN_COUNT; break;
    case ZYDIS_MNEMONIC_BSF: op = SCAN_FORWARD; break;
    default: op = SCAN_REVERSE; break;
    }
    bool mem = int_is_mem(src);
    uop_fn *fn = t->scan[mem][op][int_lg(dst) - 1][!x->flags_dead];
    struct uop *u;
    if (mem) {
        u = int_emit_mem(x, src, fn, fn);
    } else {
        u = xlat_emit(x, fn);
        u->src = int_reg(src);
    }
    u->dst = int_reg(dst);
    return true;
}

bool xlat_crc32(struct xlat *x)
{
    const struct exec_bit_table *t = INT_TABLE(x, bit);
    const ZydisDecodedOperand *src = &x->zo[1];
    bool mem = int_is_mem(src);
    uop_fn *fn = t->crc32[mem][int_lg(src)];
    struct uop *u;
    if (mem) {
        u = int_emit_mem(x, src, fn, fn);
    } else {
        u = xlat_emit(x, fn);
        u->src = int_reg(src);
    }
    u->dst = int_reg(&x->zo[0]);
    return true;
}

bool xlat_random(struct xlat *x)
{
    const ZydisDecodedOperand *dst = &x->zo[0];
    xlat_emit(x, INT_TABLE(x, bit)->random[int_lg(dst) - 1])->dst =
        int_reg(dst);
    return true;
}
