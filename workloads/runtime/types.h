/* SPDX-License-Identifier: Apache-2.0
 * Fixed-width names used by all guest code, and the few helpers that every
 * freestanding program wants.
 */
#ifndef WORKLOADS_RUNTIME_TYPES_H
#define WORKLOADS_RUNTIME_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define PAGE         4096ull
#define PAGE_BITS    12
#define ARRAY(a)     (sizeof(a) / sizeof((a)[0]))
#define NORETURN     __attribute__((noreturn))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

#define container_of(p, type, member)                                          \
    ((type *)((char *)(p)-offsetof(type, member)))

static inline u64 align_up(u64 x, u64 a)
{
    return (x + a - 1) & ~(a - 1);
}

static inline u64 align_down(u64 x, u64 a)
{
    return x & ~(a - 1);
}

static inline u64 min64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u64 max64(u64 a, u64 b)
{
    return a > b ? a : b;
}

#endif
