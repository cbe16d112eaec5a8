/* SPDX-License-Identifier: Apache-2.0
 * Bit helpers with defined behaviour for every guest-controlled operand.
 */
#ifndef VTSIM_SIM_BASE_BITS_H
#define VTSIM_SIM_BASE_BITS_H

#include <stdbool.h>
#include <stdint.h>

#define BIT(n) (UINT64_C(1) << (n))

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Bits hi..lo (inclusive, 63 >= hi >= lo) of x, moved down to bit 0. */
static inline uint64_t bits_get(uint64_t x, unsigned hi, unsigned lo)
{
    return (x >> lo) & (UINT64_MAX >> (63 - (hi - lo)));
}

/* A mask of the low n bits, 0 <= n <= 64. */
static inline uint64_t bits_mask(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Sign-extend the low n bits of x, 1 <= n <= 64. */
static inline uint64_t bits_sext(uint64_t x, unsigned n)
{
    return (uint64_t)((int64_t)(x << (64 - n)) >> (64 - n));
}

static inline bool is_pow2(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

#endif
