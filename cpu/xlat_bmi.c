/* SPDX-License-Identifier: Apache-2.0
 * Translation of BMI1, BMI2, LZCNT, ADX and MOVBE.
 */
#include "cpu/exec_bmi.h"
#include "cpu/insn_bmi.h"
#include "cpu/xlat_int.h"

/* The operand that field `e` of the encoding names. */
static const ZydisDecodedOperand *operand(const struct xlat *x,
                                          ZydisOperandEncoding e)
{
    for (unsigned i = 0; i < x->zi->operand_count_visible; i++)
        if (x->zo[i].encoding == e)
            return &x->zo[i];
    return NULL;
}

/* Emit the handler of the r/m operand's kind, dst set. */
static struct uop *emit(struct xlat *x, uop_fn *on_register, uop_fn *on_memory)
{
    const ZydisDecodedOperand *rm = operand(x, ZYDIS_OPERAND_ENCODING_MODRM_RM);
    struct uop *u;
    if (int_is_mem(rm)) {
        u = int_emit_mem(x, rm, on_memory, on_memory);
    } else {
        u = xlat_emit(x, on_register);
        u->base = int_reg(rm);
    }
    u->dst = int_reg(&x->zo[0]);
    return u;
}

bool xlat_bmi_unary(struct xlat *x)
{
    const struct exec_bmi_table *t = INT_TABLE(x, bmi);
    unsigned w = int_lg(&x->zo[0]) - 2;
    bool live = !x->flags_dead;
    enum bmi_unary op = x->zi->mnemonic == ZYDIS_MNEMONIC_BLSR     ? BMI_BLSR
                        : x->zi->mnemonic == ZYDIS_MNEMONIC_BLSMSK ? BMI_BLSMSK
                                                                   : BMI_BLSI;
    (void)emit(x, t->unary[0][op][w][live], t->unary[1][op][w][live]);
    return true;
}

bool xlat_bmi_count(struct xlat *x)
{
    const struct exec_bmi_table *t = INT_TABLE(x, bmi);
    unsigned w = int_lg(&x->zo[0]) - 1;
    bool live = !x->flags_dead;
    enum bmi_count op =
        x->zi->mnemonic == ZYDIS_MNEMONIC_TZCNT ? BMI_TZCNT : BMI_LZCNT;
    (void)emit(x, t->count[0][op][w][live], t->count[1][op][w][live]);
    return true;
}

static enum bmi_binary binary_op(const struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_ANDN: return BMI_ANDN;
    case ZYDIS_MNEMONIC_BEXTR: return BMI_BEXTR;
    case ZYDIS_MNEMONIC_BZHI: return BMI_BZHI;
    case ZYDIS_MNEMONIC_PDEP: return BMI_PDEP;
    case ZYDIS_MNEMONIC_PEXT: return BMI_PEXT;
    case ZYDIS_MNEMONIC_SARX: return BMI_SARX;
    case ZYDIS_MNEMONIC_SHLX: return BMI_SHLX;
    case ZYDIS_MNEMONIC_SHRX: return BMI_SHRX;
    default: return BMI_RORX;
    }
}

bool xlat_bmi_binary(struct xlat *x)
{
    const struct exec_bmi_table *t = INT_TABLE(x, bmi);
    unsigned w = int_lg(&x->zo[0]) - 2;
    bool live = !x->flags_dead;
    enum bmi_binary op = binary_op(x);
    struct uop *u =
        emit(x, t->binary[0][op][w][live], t->binary[1][op][w][live]);
    if (op == BMI_RORX)
        u->imm = x->zo[2].imm.value.u & (INT_BITS(w + 2) - 1);
    else
        u->src = int_reg(operand(x, ZYDIS_OPERAND_ENCODING_NDSNDD));
    return true;
}

bool xlat_bmi_mulx(struct xlat *x)
{
    const struct exec_bmi_table *t = INT_TABLE(x, bmi);
    unsigned w = int_lg(&x->zo[0]) - 2;
    struct uop *u = emit(x, t->mulx[0][w], t->mulx[1][w]);
    u->aux = int_reg(&x->zo[1]);
    return true;
}

bool xlat_bmi_adx(struct xlat *x)
{
    const struct exec_bmi_table *t = INT_TABLE(x, bmi);
    unsigned w = int_lg(&x->zo[0]) - 2;
    bool of = x->zi->mnemonic == ZYDIS_MNEMONIC_ADOX;
    (void)emit(x, t->adx[0][of][w], t->adx[1][of][w]);
    return true;
}

bool xlat_bmi_movbe(struct xlat *x)
{
    const struct exec_bmi_table *t = INT_TABLE(x, bmi);
    bool store = int_is_mem(&x->zo[0]);
    uop_fn *fn = t->movbe[store][int_lg(&x->zo[0]) - 1];
    const ZydisDecodedOperand *m = &x->zo[!store];
    if (!int_is_mem(m))
        return false;
    struct uop *u = int_emit_mem(x, m, fn, fn);
    if (store)
        u->src = int_reg(&x->zo[1]);
    else
        u->dst = int_reg(&x->zo[0]);
    return true;
}
