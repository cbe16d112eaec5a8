/* SPDX-License-Identifier: Apache-2.0
 * Translation of VEX-encoded vector instructions that raise no SIMD
 * floating-point exception: computation. Moves are in xlat_avx_mov.c.
 */
#include "cpu/xlat_avx.h"

struct uop *avx_emit(struct xlat *x, uop_fn *const row[SSE_FORMS],
                     const ZydisDecodedOperand *dst,
                     const ZydisDecodedOperand *vvvv,
                     const ZydisDecodedOperand *rm)
{
    struct uop *u = vec_emit(x, row[SSE_REG], row[SSE_MEM], dst, rm);
    if (vvvv != NULL)
        u->aux = xlat_number(vvvv->reg.value);
    return u;
}

static unsigned int_op(ZydisMnemonic m)
{
    static const uint8_t op[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define AVX2OP(m, ...)     [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX3OP(m, ...)     [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX2OP_128(m, ...) [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX3OP_128(m, ...) [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX2OP_256(m, ...) [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX3OP_256(m, ...) [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX3AUX_128(m, ...)
#define AVX3AUX_256(m, ...)
#include "cpu/avx_int.def"
#include "cpu/avx_undef.h"
    };
    return op[m];
}

static const struct avx_forms *int_forms(const struct xlat *x)
{
    return &VEC_TABLE(x, avx_int)->op[int_op(x->zi->mnemonic)];
}

/* dst = op(rm) */
bool xlat_avx_op2(struct xlat *x)
{
    avx_emit2(x, int_forms(x));
    return true;
}

/* dst = op(vvvv, rm); shifts and VPERMILPx also have forms with imm8. */
bool xlat_avx_op3(struct xlat *x)
{
    if (x->zo[2].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        return x->zi->mnemonic == ZYDIS_MNEMONIC_VPERMILPS ||
                       x->zi->mnemonic == ZYDIS_MNEMONIC_VPERMILPD
                   ? xlat_avx_imm(x)
                   : xlat_avx_shift(x);
    avx_emit3(x, int_forms(x));
    return true;
}

/* The same where VEX.L is ignored. */
bool xlat_avx_scalar3(struct xlat *x)
{
    avx_emit(x, int_forms(x)->l[0], &x->zo[0], &x->zo[1], &x->zo[2]);
    return true;
}
