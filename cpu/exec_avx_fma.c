/* SPDX-License-Identifier: Apache-2.0
 * Handlers of fused multiply-add: see exec_avx_fp.c.
 */
#include "cpu/avx_body.h"
#include "cpu/avx_fp.h"

/* A planted defect: the product is rounded, too. */
#define ROUNDS_TWICE(c, order, lanes, n, s)                                    \
    (PLANTED(c, PLANT_FMA_ROUNDS_TWICE) && (order) == 231 && !(n) && !(s) &&   \
     LANES_##lanes == LANES_PD)

#define FMA_EFFECT(m, host, bits, size, order, lanes, n, s)                    \
    AVX_BODY_ACC(body_##m##_##bits, host, bits, bits, bits)                    \
    ALWAYS_INLINE void effect_##m##_##bits(struct cpu *c, const struct uop *u, \
                                           AVX_V(bits) x)                      \
    {                                                                          \
        AVX_V(bits)                                                            \
        d = avx_get##bits(c, u->dst), a = avx_get##bits(c, u->aux);            \
        if (ROUNDS_TWICE(c, order, lanes, n, s))                               \
            __asm__ volatile("vmulpd %2, %1, %1\n\tvaddpd %1, %0, %0"          \
                             : "+x"(d), "+x"(a)                                \
                             : "x"(x));                                        \
        else                                                                   \
            d = body_##m##_##bits(d, a, x);                                    \
        avx_put##bits(c, u->dst, d);                                           \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_##bits, bits, size, effect_##m##_##bits)

#define AVX_FMA(m, host, order, lanes, n, s, alternate)                        \
    FMA_EFFECT(m, host, 128, 16, order, lanes, n, s)                           \
    FMA_EFFECT(m, host, 256, 32, order, lanes, n, s)
#define AVX_FMA_S(m, host, size, order, lanes, n, s)                           \
    FMA_EFFECT(m, host, 128, size, order, lanes, n, s)
#include "cpu/avx_fma.def"
#include "cpu/avx_fp_undef.h"

const struct exec_avx_fma_table ENGINE(exec_avx_fma) = {.op = {
#define AVX_FMA(m, ...)   AVX_TABLE_ROW(m),
#define AVX_FMA_S(m, ...) AVX_TABLE_ROW_128(m),
#include "cpu/avx_fma.def"
#include "cpu/avx_fp_undef.h"
                                                        }};
