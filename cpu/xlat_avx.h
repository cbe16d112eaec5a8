/* SPDX-License-Identifier: Apache-2.0
 * What the families of VEX-encoded vector instructions share. Private to
 * cpu/xlat_avx*.c.
 *
 * The rules of the row (cpu/xlat_rules.c) have been applied: VEX encoding,
 * XCR0, AVX2 where the form needs it. The decoder refuses a reserved VEX.L or
 * VEX.W, VEX.vvvv other than 1111b where it names no register, and a LOCK,
 * 66h, F2h, F3h or REX prefix before VEX.
 */
#ifndef VTSIM_CPU_XLAT_AVX_H
#define VTSIM_CPU_XLAT_AVX_H

#include "cpu/avx.h"
#include "cpu/xlat_vec.h"

xlat_fn xlat_avx_op2, xlat_avx_op3, xlat_avx_scalar3, xlat_avx_imm,
    xlat_avx_shift, xlat_avx_blendv, xlat_avx_test, xlat_avx_string,
    xlat_avx_mov, xlat_avx_movu, xlat_avx_movss, xlat_avx_movlp, xlat_avx_movhp,
    xlat_avx_movhlps, xlat_avx_movlhps, xlat_avx_movd, xlat_avx_movmsk,
    xlat_avx_extract, xlat_avx_insert, xlat_avx_extract128, xlat_avx_insert128,
    xlat_avx_mask, xlat_avx_maskmovdqu, xlat_avx_gather, xlat_avx_zero,
    xlat_avx_mxcsr;

/* VEX.L: 0 for 128 bits, 1 for 256. Scalar instructions ignore it: take the
 * forms' [0]. */
static inline unsigned avx_l(const struct xlat *x)
{
    return x->zi->avx.vector_length == 256 ? 1 : 0;
}

/*
 * Emit the register or the memory form of `row`: dst = op(vvvv, rm), or with
 * vvvv NULL dst = op(rm). dst and rm may be general registers.
 */
struct uop *avx_emit(struct xlat *x, uop_fn *const row[SSE_FORMS],
                     const ZydisDecodedOperand *dst,
                     const ZydisDecodedOperand *vvvv,
                     const ZydisDecodedOperand *rm);

/* The usual operands: (dst, rm) and (dst, vvvv, rm), in length L. */
static inline struct uop *avx_emit2(struct xlat *x, const struct avx_forms *f)
{
    return avx_emit(x, f->l[avx_l(x)], &x->zo[0], NULL, &x->zo[1]);
}
static inline struct uop *avx_emit3(struct xlat *x, const struct avx_forms *f)
{
    return avx_emit(x, f->l[avx_l(x)], &x->zo[0], &x->zo[1], &x->zo[2]);
}

#endif
