/* SPDX-License-Identifier: Apache-2.0
 * VEX-encoded vector instructions: the numbering made from the row tables
 * and the handler tables that the translator picks from.
 */
#ifndef VTSIM_CPU_AVX_H
#define VTSIM_CPU_AVX_H

#include "cpu/sse.h"

/* Handlers of one operation: [VEX.L][SSE_REG or SSE_MEM]. */
struct avx_forms {
    uop_fn *l[2][SSE_FORMS];
};

enum avx_int_op {
#define AVX2OP(m, host, size128, size256, s256, feature, rules) AVX_##m,
#define AVX3OP(m, host, size128, size256, s256, feature, rules) AVX_##m,
#define AVX2OP_128(m, host, size, feature)                      AVX_##m,
#define AVX3OP_128(m, host, size, feature)                      AVX_##m,
#define AVX2OP_256(m, host, size, s256, feature, rules)         AVX_##m,
#define AVX3OP_256(m, host, size, s256, feature, rules)         AVX_##m,
#define AVX3AUX_128(m, host, size, s128)                        AVX_##m,
#define AVX3AUX_256(m, host, size, s256)                        AVX_##m,
#include "cpu/avx_int.def"
#include "cpu/avx_undef.h"
    AVX_INT_OPS
};

/* Forms with an immediate, of which the translator makes the uop's imm. All
 * work within each 128-bit lane but those of whole registers. */
enum avx_imm_op {
    AVX_SHUF_DWORD,  /* a byte a dword: its index in the lane of rm */
    AVX_SHUF_WORD,   /* a byte a word of both lanes: twice its index in rm */
    AVX_SHUF_TWO,    /* as SHUF_DWORD; a lane's dwords 0, 1 from vvvv */
    AVX_BLEND_WORD,  /* a byte a word of both lanes: 00h vvvv, FFh rm */
    AVX_BLEND_DWORD, /* the same, a byte a dword of the register */
    AVX_ALIGN,       /* byte shift 0..32 of vvvv:rm */
    AVX_PERM_ONE,    /* a byte a dword: its index in the register */
    AVX_PERM_TWO,    /* the same, and PERM_VVVV, PERM_RM or neither: zero */
    AVX_MPSADBW,     /* imm8 */
    AVX_INSERTPS,    /* imm8 */
    AVX_IMM_OPS
};
enum { AVX_PERM_VVVV = 1 << 6, AVX_PERM_RM = 1 << 7 };

/* Shifts by imm8 of the rm register. */
#define AVX_SHIFT_LIST(X)                                                      \
    X(VPSLLW, "vpsllw")                                                        \
    X(VPSLLD, "vpslld")                                                        \
    X(VPSLLQ, "vpsllq")                                                        \
    X(VPSRLW, "vpsrlw")                                                        \
    X(VPSRLD, "vpsrld")                                                        \
    X(VPSRLQ, "vpsrlq")                                                        \
    X(VPSRAW, "vpsraw")                                                        \
    X(VPSRAD, "vpsrad")
enum avx_shift_op {
#define X(m, host) AVX_SHIFT_##m,
    AVX_SHIFT_LIST(X)
#undef X
        AVX_SHIFT_VPSLLDQ,
    AVX_SHIFT_VPSRLDQ, /* imm: bytes, at most 16 */
    AVX_SHIFT_OPS
};

/* Blends by the mask in register imm; tests that set ZF and CF. */
#define AVX_BLENDV_LIST(X)                                                     \
    X(VPBLENDVB, "vpblendvb")                                                  \
    X(VBLENDVPS, "vblendvps")                                                  \
    X(VBLENDVPD, "vblendvpd")
#define AVX_TEST_LIST(X)                                                       \
    X(VPTEST, "vptest")                                                        \
    X(VTESTPS, "vtestps")                                                      \
    X(VTESTPD, "vtestpd")
enum avx_blendv_op {
#define X(m, host) AVX_BLENDV_##m,
    AVX_BLENDV_LIST(X)
#undef X
        AVX_BLENDV_OPS
};
enum avx_test_op {
#define X(m, host) AVX_TEST_##m,
    AVX_TEST_LIST(X)
#undef X
        AVX_TEST_OPS
};

struct exec_avx_int_table {
    struct avx_forms op[AVX_INT_OPS];
};
struct exec_avx_imm_table {
    struct avx_forms op[AVX_IMM_OPS];
    uop_fn *shift[AVX_SHIFT_OPS][2]; /* [op][L]: dst, src */
    struct avx_forms blendv[AVX_BLENDV_OPS], test[AVX_TEST_OPS];
    struct avx_forms string; /* dst: the first operand; aux: STR_* */
};
/* Masked moves, mask in vvvv, data in dst or src: [0] at a linear address,
 * [1] at an offset in segment u->seg, imm is the mask of the address size. */
struct avx_masked {
    uop_fn *load[2], *store[2];
};
struct exec_avx_mov_table {
    struct avx_forms load, load_aligned; /* registers: whole ones */
    uop_fn *store[2], *store_aligned[2]; /* [L] */
    struct avx_forms low[4];    /* by log2(bytes): zero-extended; low[0] and
                                   low[1] have no register form */
    uop_fn *from_gpr[4];        /* by log2(bytes): zero-extended */
    struct avx_forms insert[4]; /* by log2(bytes): gpr or memory into element
                                   imm of vvvv */
    struct avx_forms extract;   /* lane of 16 bytes at byte imm: to a register
                                   [0][SSE_REG], to memory [0][SSE_MEM] */
    uop_fn *movmsk[3][2];       /* PS, PD, B: dst is a gpr */
    struct avx_masked masked[2][2]; /* [log2(element bytes) - 2][L] */
    uop_fn *gather;                 /* cpu/avx_mem.h */
    uop_fn *zero_upper, *zero_all;  /* aux: number of registers */
};
extern const struct exec_avx_int_table exec_avx_int_off, exec_avx_int_simple;
extern const struct exec_avx_imm_table exec_avx_imm_off, exec_avx_imm_simple;
extern const struct exec_avx_mov_table exec_avx_mov_off, exec_avx_mov_simple;

#endif
