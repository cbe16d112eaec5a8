/* SPDX-License-Identifier: Apache-2.0
 * VEX-encoded vector instructions that may raise SIMD floating-point
 * exceptions: numbering, handler tables, checked forms. What reads or writes
 * general registers or EFLAGS and has two operands shares the handlers of the
 * legacy encodings (cpu/sse.h).
 */
#ifndef VTSIM_CPU_AVX_FP_H
#define VTSIM_CPU_AVX_FP_H

#include "cpu/avx.h"

enum avx_fp_op {
#define AVX_FP3(m, ...)    AVX_##m,
#define AVX_FP3_S(m, ...)  AVX_##m,
#define AVX_FP2(m, ...)    AVX_##m,
#define AVX_FP3_I(m, ...)  AVX_##m,
#define AVX_FP3_SI(m, ...) AVX_##m,
#define AVX_FP2_I(m, ...)  AVX_##m,
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"
    AVX_VDPPS,
    AVX_VDPPD,
    AVX_VCVTPH2PS,
    AVX_FP_OPS
};

enum avx_fma_op {
#define AVX_FMA(m, ...)   AVX_##m,
#define AVX_FMA_S(m, ...) AVX_##m,
#include "cpu/avx_fma.def"
#include "cpu/avx_fp_undef.h"
    AVX_FMA_OPS
};

struct exec_avx_fp_table {
    struct avx_forms op[AVX_FP_OPS]; /* imm: imm8 where there is one */
    /* VCVTSI2SS, VCVTSI2SD: rm is a general register or memory. */
    uop_fn *from_gpr[CVT_SI2SD_64 + 1][SSE_FORMS];
    struct avx_forms to_half; /* VCVTPS2PH: from src to dst or memory */
};
struct exec_avx_fma_table {
    struct avx_forms op[AVX_FMA_OPS];
};
extern const struct exec_avx_fp_table exec_avx_fp_off, exec_avx_fp_simple;
extern const struct exec_avx_fma_table exec_avx_fma_off, exec_avx_fma_simple;

/*
 * Callout used while the guest unmasks a SIMD floating-point exception: aux
 * is AVX_CHECKED. cpu/avx_checked.c
 */
enum avx_checked_kind {
    AVX_CHECKED_OP,
    AVX_CHECKED_FMA,
    AVX_CHECKED_FROM_GPR,
    AVX_CHECKED_TO_HALF
};
#define AVX_CHECKED(kind, op, l, imm, memory, vvvv)                            \
    ((uint32_t)(kind) << 28 | (uint32_t)(op) << 16 | (uint32_t)(imm) << 8 |    \
     (uint32_t)(memory) << 5 | (uint32_t)(l) << 4 | (uint32_t)(vvvv))
callout_fn avx_checked;

#endif
