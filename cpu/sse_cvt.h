/* SPDX-License-Identifier: Apache-2.0
 * Bodies of the vector instructions that read or write general registers or
 * EFLAGS. Private to exec_sse_cvt.c and sse_*.c.
 */
#ifndef VTSIM_CPU_SSE_CVT_H
#define VTSIM_CPU_SSE_CVT_H

#include "cpu/sse_body.h"

/* X(name, host instruction, source bytes): integer to the low lane. */
#define SSE_CVT_FROM_LIST(X)                                                   \
    X(SI2SS_32, "cvtsi2ssl %k1", 4)                                            \
    X(SI2SS_64, "cvtsi2ssq %q1", 8)                                            \
    X(SI2SD_32, "cvtsi2sdl %k1", 4)                                            \
    X(SI2SD_64, "cvtsi2sdq %q1", 8)

/* X(name, host instruction, source bytes); the result is zero-extended. */
#define SSE_CVT_TO_LIST(X)                                                     \
    X(SS2SI_32, "cvtss2si %1, %k0", 4)                                         \
    X(SS2SI_64, "cvtss2si %1, %q0", 4)                                         \
    X(SD2SI_32, "cvtsd2si %1, %k0", 8)                                         \
    X(SD2SI_64, "cvtsd2si %1, %q0", 8)                                         \
    X(TSS2SI_32, "cvttss2si %1, %k0", 4)                                       \
    X(TSS2SI_64, "cvttss2si %1, %q0", 4)                                       \
    X(TSD2SI_32, "cvttsd2si %1, %k0", 8)                                       \
    X(TSD2SI_64, "cvttsd2si %1, %q0", 8)

#define CVT(name, host, size)                                                  \
    ALWAYS_INLINE __m128i cvt_##name(__m128i d, uint64_t s)                    \
    {                                                                          \
        __asm__ volatile(host ", %0" : "+x"(d) : "r"(s));                      \
        return d;                                                              \
    }
SSE_CVT_FROM_LIST(CVT)
#undef CVT

#define CVT(name, host, size)                                                  \
    ALWAYS_INLINE uint64_t cvt_##name(__m128i s)                               \
    {                                                                          \
        uint64_t r;                                                            \
        __asm__ volatile(host : "=r"(r) : "x"(s));                             \
        return r;                                                              \
    }
SSE_CVT_TO_LIST(CVT)
#undef CVT

/* EFLAGS of a compare: OF, SF and AF are cleared. SDM Vol.2 COMISS, PTEST. */
#define SSE_FLAGS(m, host)                                                     \
    ALWAYS_INLINE uint32_t flags_##m(__m128i d, __m128i s)                     \
    {                                                                          \
        bool cf, pf, zf;                                                       \
        __asm__ volatile(host " %4, %3"                                        \
                         : "=@ccc"(cf), "=@ccp"(pf), "=@ccz"(zf)               \
                         : "x"(d), "x"(s));                                    \
        return (uint32_t)cf | (uint32_t)pf << 2 | (uint32_t)zf << 6;           \
    }
SSE_FLAGS(COMISS, "comiss")
SSE_FLAGS(UCOMISS, "ucomiss")
SSE_FLAGS(COMISD, "comisd")
SSE_FLAGS(UCOMISD, "ucomisd")
SSE_FLAGS(PTEST, "ptest")

#endif
