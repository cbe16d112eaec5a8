/* SPDX-License-Identifier: Apache-2.0
 * Family functions of insn_vec.def and what they share. Private to
 * cpu/xlat_vec*.c and cpu/xlat_mmx.c.
 */
#ifndef VTSIM_CPU_XLAT_VEC_H
#define VTSIM_CPU_XLAT_VEC_H

#include "cpu/mmx.h"
#include "cpu/xlat.h"

xlat_fn xlat_sse_int, xlat_sse_fp, xlat_sse_cmp, xlat_sse_flags,
    xlat_sse_cvt_from_gpr, xlat_sse_cvt_to_gpr, xlat_sse_imm, xlat_sse_shuffle,
    xlat_sse_blendv, xlat_sse_byte_shift, xlat_sse_string, xlat_sse_mov16,
    xlat_sse_mov16u, xlat_sse_movss, xlat_sse_movlp, xlat_sse_movhp,
    xlat_sse_movhlps, xlat_sse_movlhps, xlat_sse_movmsk, xlat_sse_extract,
    xlat_sse_insert, xlat_sse_maskmovdqu, xlat_sse_mxcsr;
xlat_fn xlat_sse_mmx, xlat_mmx_pmovmskb, xlat_mmx_pextrw, xlat_mmx_pinsrw,
    xlat_mmx_palignr, xlat_mmx_pshufw, xlat_mmx_movd, xlat_mmx_movq,
    xlat_mmx_movq2dq, xlat_mmx_maskmovq, xlat_mmx_emms, xlat_mmx_cvt_to_vec,
    xlat_mmx_cvt_from_vec;

/* The handler tables of the level being translated for. */
#define VEC_TABLE(x, name)                                                     \
    (xlat_timed(x) ? &exec_##name##_simple : &exec_##name##_off)

/* A register operand in uop form: gpr offset, or number. */
uint8_t vec_register(const ZydisDecodedOperand *o);

/* Emit `reg` with the source register, or `mem` with its address; dst is the
 * destination register. */
struct uop *vec_emit(struct xlat *x, uop_fn *reg, uop_fn *mem,
                     const ZydisDecodedOperand *dst,
                     const ZydisDecodedOperand *src);
/* The same with a row of a table: {register form, memory form}. */
static inline struct uop *vec_emit2(struct xlat *x, uop_fn *const row[2])
{
    return vec_emit(x, row[0], row[1], &x->zo[0], &x->zo[1]);
}

/* Emit the checked form: see sse_checked. src may be a general register. */
struct uop *vec_emit_checked(struct xlat *x, enum sse_checked_kind kind,
                             unsigned op, unsigned imm);

/* True while a SIMD floating-point exception is unmasked. */
static inline bool vec_is_checked(const struct xlat *x)
{
    return (x->mode & MODE_SSE_UNMASKED) != 0;
}

/*
 * The rules of a form that its row does not know: SDM Vol.3 "Exceptions for
 * MMX/SSE instructions" (#UD, #NM). False: a uop that raises was emitted.
 * `sse`: the form is subject to CR4.OSFXSR.
 */
bool vec_available(struct xlat *x, bool sse, enum cpu_feature f);

static inline bool is_mmx(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           o->reg.value >= ZYDIS_REGISTER_MM0 &&
           o->reg.value <= ZYDIS_REGISTER_MM7;
}
static inline bool is_xmm(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           o->reg.value >= ZYDIS_REGISTER_XMM0 &&
           o->reg.value <= ZYDIS_REGISTER_XMM31;
}
static inline bool is_ymm(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           o->reg.value >= ZYDIS_REGISTER_YMM0 &&
           o->reg.value <= ZYDIS_REGISTER_YMM31;
}
static inline bool is_mem(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}
static inline unsigned vec_imm8(const ZydisDecodedOperand *o)
{
    return (unsigned)(o->imm.value.u & 0xff);
}

/* MASKMOVDQU, MASKMOVQ: data and mask registers, hidden memory operand. */
bool vec_emit_masked(struct xlat *x, callout_fn *fn);

/* Row of sse_int.def for a mnemonic. */
unsigned vec_int_op(ZydisMnemonic m);

#endif
