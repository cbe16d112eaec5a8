/* SPDX-License-Identifier: Apache-2.0
 * Bodies that exec_avx_fp.c and avx_checked.c share: operations with imm8
 * (one case a value, since the host's instruction wants a constant),
 * conversions from general registers and to half precision. Private to them;
 * both are compiled for AVX.
 */
#ifndef VTSIM_CPU_AVX_FP_BODY_H
#define VTSIM_CPU_AVX_FP_BODY_H

#include "cpu/avx_body.h"
#include "cpu/avx_fp.h"

#define AVX_IMM_4(X, n, host)                                                  \
    X(n, host) X((n) + 1, host) X((n) + 2, host) X((n) + 3, host)
#define AVX_IMM_8(X, n, host)  AVX_IMM_4(X, n, host) AVX_IMM_4(X, (n) + 4, host)
#define AVX_IMM_16(X, n, host) AVX_IMM_8(X, n, host) AVX_IMM_8(X, (n) + 8, host)
#define AVX_IMM_32(X, n, host)                                                 \
    AVX_IMM_16(X, n, host) AVX_IMM_16(X, (n) + 16, host)

/* AT&T order: immediate, rm, vvvv, destination. */
#define AVX_CASE3(n, host)                                                     \
    case (n):                                                                  \
        __asm__ volatile(host " %3, %2, %1, %0"                                \
                         : "=x"(d)                                             \
                         : "x"(a), "x"(s), "i"(n));                            \
        break;
#define AVX_CASE2(n, host)                                                     \
    case (n):                                                                  \
        __asm__ volatile(host " %2, %1, %0" : "=x"(d) : "x"(s), "i"(n));       \
        break;

/* `values` distinct values of imm8; its other bits are ignored. */
#define AVX_BODY3_I(name, host, bits, values)                                  \
    ALWAYS_INLINE AVX_V(bits) name(AVX_V(bits) a, AVX_V(bits) s, unsigned imm) \
    {                                                                          \
        AVX_V(bits) d;                                                         \
        switch (imm & ((values)-1)) {                                          \
            AVX_IMM_##values(AVX_CASE3, 0, host) default                       \
                : __builtin_unreachable();                                     \
        }                                                                      \
        return d;                                                              \
    }
#define AVX_BODY2_I(name, host, bits, values)                                  \
    ALWAYS_INLINE AVX_V(bits) name(AVX_V(bits) s, unsigned imm)                \
    {                                                                          \
        AVX_V(bits) d;                                                         \
        switch (imm & ((values)-1)) {                                          \
            AVX_IMM_##values(AVX_CASE2, 0, host) default                       \
                : __builtin_unreachable();                                     \
        }                                                                      \
        return d;                                                              \
    }

/* VCVTPS2PH: imm8[2] takes the rounding mode from MXCSR. */
#define AVX_TO_HALF(bits)                                                      \
    ALWAYS_INLINE __m128i to_half_##bits(AVX_V(bits) s, unsigned imm)          \
    {                                                                          \
        __m128i d;                                                             \
        switch (imm & 7) {                                                     \
            AVX_IMM_8(AVX_CASE2, 0, "vcvtps2ph")                               \
        default: __builtin_unreachable();                                      \
        }                                                                      \
        return d;                                                              \
    }
AVX_TO_HALF(128)
AVX_TO_HALF(256)

AVX_BODY2(from_half_128, "vcvtph2ps", 128, 128)
AVX_BODY2(from_half_256, "vcvtph2ps", 256, 128)

/* X(name, host, bytes of a memory source) */
#define AVX_FROM_GPR_LIST(X)                                                   \
    X(SI2SS_32, "vcvtsi2ssl %k2", 4)                                           \
    X(SI2SS_64, "vcvtsi2ssq %q2", 8)                                           \
    X(SI2SD_32, "vcvtsi2sdl %k2", 4)                                           \
    X(SI2SD_64, "vcvtsi2sdq %q2", 8)
#define AVX_FROM_GPR(name, host, size)                                         \
    ALWAYS_INLINE __m128i from_gpr_##name(__m128i a, uint64_t s)               \
    {                                                                          \
        __m128i d;                                                             \
        __asm__ volatile(host ", %1, %0" : "=x"(d) : "x"(a), "r"(s));          \
        return d;                                                              \
    }
AVX_FROM_GPR_LIST(AVX_FROM_GPR)
#undef AVX_FROM_GPR

/* Every 128 bits by themselves. */
ALWAYS_INLINE __m256i dpps_256(__m256i a, __m256i s, unsigned imm)
{
    __m128i low =
        sse_imm_DPPS(_mm256_castsi256_si128(a), _mm256_castsi256_si128(s), imm);
    __m128i high = sse_imm_DPPS(_mm256_extracti128_si256(a, 1),
                                _mm256_extracti128_si256(s, 1), imm);
    return _mm256_set_m128i(high, low);
}

#endif
