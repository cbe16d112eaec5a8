/* SPDX-License-Identifier: Apache-2.0
 * Vector instructions: the numbering made from the row tables
 * cpu/sse_int.def and cpu/sse_fp.def, the handler tables that the translator
 * picks from, and the bodies that are too large to be instantiated twice.
 */
#ifndef VTSIM_CPU_SSE_H
#define VTSIM_CPU_SSE_H

#include "cpu/fpu.h"
#include "cpu/uop.h"

#include <emmintrin.h>

enum sse_int_op {
#define SSE_MMX(m, host, size, feature_mm, feature) SSE_##m,
#define SSE_INT(m, host, size, feature)             SSE_##m,
#define SSE_AUX(m, host, size)                      SSE_##m,
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
    SSE_INT_OPS
};

enum sse_fp_op {
#define SSE_FP(m, host, size, cost, lanes, feature) SSE_##m,
#define SSE_FP_AUX(m, host, size, lanes)            SSE_##m,
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
    SSE_FP_OPS
};

/* Forms whose host instruction wants imm8 as a constant. */
#define SSE_IMM_OPS_LIST(X)                                                    \
    X(ROUNDPS, 16, true)                                                       \
    X(ROUNDPD, 16, true)                                                       \
    X(ROUNDSS, 4, true)                                                        \
    X(ROUNDSD, 8, true)                                                        \
    X(DPPS, 16, true)                                                          \
    X(DPPD, 16, true)                                                          \
    X(MPSADBW, 16, false)                                                      \
    X(INSERTPS, 4, false)

enum sse_imm_op {
#define X(m, size, fp) SSE_##m,
    SSE_IMM_OPS_LIST(X)
#undef X
        SSE_IMM_OPS
};

/* dst = op(dst, src, imm): one function a row, any imm8. cpu/sse_imm.c */
#define X(m, size, fp) __m128i sse_imm_##m(__m128i d, __m128i s, unsigned imm);
SSE_IMM_OPS_LIST(X)
#undef X

/* Which lanes of a result can underflow. */
enum sse_lanes { LANES_NONE, LANES_PS, LANES_SS, LANES_PD, LANES_SD, LANES_PH };

/* Conversions between a general register and a vector register. */
enum sse_cvt_op {
    CVT_SI2SS_32,
    CVT_SI2SS_64,
    CVT_SI2SD_32,
    CVT_SI2SD_64, /* gpr to xmm */
    CVT_SS2SI_32,
    CVT_SS2SI_64,
    CVT_SD2SI_32,
    CVT_SD2SI_64, /* xmm to gpr */
    CVT_TSS2SI_32,
    CVT_TSS2SI_64,
    CVT_TSD2SI_32,
    CVT_TSD2SI_64,
    CVT_OPS
};

/* Compares that set EFLAGS. */
enum sse_flag_op {
    SSE_COMISS,
    SSE_UCOMISS,
    SSE_COMISD,
    SSE_UCOMISD,
    SSE_PTEST,
    SSE_FLAG_OPS
};

/* Shuffles whose control the translator computes from imm8 into uop.imm. */
enum sse_shuffle_op {
    SHUF_ONE,   /* imm: 8 x (2 * word index) of src */
    SHUF_TWO,   /* imm: the same, words 0-3 from dst, 4-7 from src */
    SHUF_BLEND, /* imm: 8 x 00h (dst) or FFh (src), a byte a word */
    SHUF_ALIGN, /* imm: byte shift 0..32 of dst:src, in all 8 bytes */
    SHUF_OPS
};

/* Shifts by imm8 of one register: uop.imm as described there. */
enum sse_shift_op {
    SHIFT_PSLLW,
    SHIFT_PSLLD,
    SHIFT_PSLLQ,
    SHIFT_PSRLW,
    SHIFT_PSRLD,
    SHIFT_PSRLQ,
    SHIFT_PSRAW,
    SHIFT_PSRAD, /* imm: the count */
    SHIFT_PSLLDQ,
    SHIFT_PSRLDQ, /* imm: min(count, 16), in all 8 bytes */
    SHIFT_OPS
};

enum { SSE_REG, SSE_MEM, SSE_FORMS }; /* where the source is */

/*
 * Handlers. Unless said otherwise dst and src are register numbers, memory is
 * the uop's linear address.
 */
struct exec_sse_int_table {
    uop_fn *op[SSE_INT_OPS][SSE_FORMS];
    uop_fn *blendv[3][SSE_FORMS]; /* PBLENDVB, BLENDVPS, BLENDVPD */
};
struct exec_sse_fp_table {
    uop_fn *op[SSE_FP_OPS][SSE_FORMS];
};
struct exec_sse_imm_table {
    uop_fn *op[SSE_IMM_OPS][SSE_FORMS]; /* aux: imm8 */
    uop_fn *shuffle[SHUF_OPS][SSE_FORMS];
    uop_fn *shift[SHIFT_OPS];  /* dst only */
    uop_fn *string[SSE_FORMS]; /* aux: STR_* */
};
struct exec_sse_mov_table {
    uop_fn *copy; /* whole register */
    uop_fn *load16, *load16_aligned, *store16, *store16_aligned;
    uop_fn *load[4], *store[4];      /* by log2(bytes): zero-extended load; the
                                       store writes lane aux (bytes from bit 0) */
    uop_fn *from_gpr[4], *to_gpr[4]; /* by log2(bytes): dst zero-extended;
                                  to_gpr reads lane aux (bytes) */
    uop_fn *insert_gpr[4], *insert_mem[4]; /* by log2(bytes), lane aux */
    uop_fn *movmsk[3]; /* MOVMSKPS, MOVMSKPD, PMOVMSKB: dst is a gpr */
};
struct exec_sse_cvt_table {
    uop_fn *cvt[CVT_OPS][SSE_FORMS];
    uop_fn *flags[SSE_FLAG_OPS][SSE_FORMS];
};
extern const struct exec_sse_int_table exec_sse_int_off, exec_sse_int_simple;
extern const struct exec_sse_fp_table exec_sse_fp_off, exec_sse_fp_simple;
extern const struct exec_sse_imm_table exec_sse_imm_off, exec_sse_imm_simple;
extern const struct exec_sse_mov_table exec_sse_mov_off, exec_sse_mov_simple;
extern const struct exec_sse_cvt_table exec_sse_cvt_off, exec_sse_cvt_simple;

/* aux of the string compares: imm8 and how the lengths and result are. */
enum {
    STR_IMM = 0xff,
    STR_EXPLICIT = 1 << 8,
    STR_MASK = 1 << 9,
    STR_REXW = 1 << 10
};

/* PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM with second operand `s`: result
 * and flags are committed. cpu/sse_imm.c */
void sse_string_compare(struct cpu *c, const struct uop *u, __m128i s);

/* EFLAGS bits of SSE_FLAG_OPS and the general-register conversions, one
 * function each for the checked forms. */
uint32_t sse_flags(enum sse_flag_op op, __m128i d, __m128i s);
__m128i sse_cvt_from_gpr(enum sse_cvt_op op, __m128i d, uint64_t s);
uint64_t sse_cvt_to_gpr(enum sse_cvt_op op, __m128i s);

/*
 * Callouts used while the guest unmasks a SIMD floating-point exception:
 * aux is SSE_CHECKED(kind, op, imm, memory). Nothing is committed when one
 * is raised but the sticky flags. cpu/sse_checked.c
 */
enum sse_checked_kind {
    CHECKED_OP,
    CHECKED_IMM,
    CHECKED_FROM_GPR,
    CHECKED_TO_GPR,
    CHECKED_FLAGS,
    CHECKED_FROM_MMX,
    CHECKED_TO_MMX
};
#define SSE_CHECKED(kind, op, imm, memory)                                     \
    ((uint32_t)(kind) << 24 | (uint32_t)(memory) << 23 |                       \
     (uint32_t)(imm) << 8 | (uint32_t)(op))
callout_fn sse_checked;

#endif
