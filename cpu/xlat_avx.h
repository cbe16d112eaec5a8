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

xlat_fn xlat_avx_op2, xlat_avx_op3, xlat_avx_scalar3;

static inline bool is_ymm(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           o->reg.value >= ZYDIS_REGISTER_YMM0 &&
           o->reg.value <= ZYDIS_REGISTER_YMM31;
}

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
