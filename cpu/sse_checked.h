/* SPDX-License-Identifier: Apache-2.0
 * What the checked vector instructions share. Private to sse_*.c.
 */
#ifndef VTSIM_CPU_SSE_CHECKED_H
#define VTSIM_CPU_SSE_CHECKED_H

#include "cpu/sse.h"

/* A number that is not zero and below the smallest normal one. */
static inline bool sse_is_tiny(uint64_t x, bool wide)
{
    return wide ? (x & UINT64_C(0x7ff0000000000000)) == 0 &&
                      (x & UINT64_C(0x000fffffffffffff)) != 0
                : (x & 0x7f800000) == 0 && (x & 0x007fffff) != 0;
}

/*
 * Does row `op` on d and s, whose overflow or underflow is unmasked, raise
 * #P too? control: the MXCSR bits that matter (RC, DAZ, FZ); unmasked: the
 * unmasked exceptions in the order of the flags. Leaves the host's MXCSR
 * changed.
 */
bool sse_inexact(enum sse_fp_op op, enum sse_lanes lanes, __m128i d, __m128i s,
                 uint32_t control, uint32_t unmasked);

#endif
