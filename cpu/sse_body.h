/* SPDX-License-Identifier: Apache-2.0
 * The single body of each row of sse_int.def and sse_fp.def: the host's own
 * instruction, by inline assembly, so that operand order, rounding and flags
 * are the instruction's and no compiler folds or reorders them. Private to
 * exec_sse_*.c and sse_*.c.
 */
#ifndef VTSIM_CPU_SSE_BODY_H
#define VTSIM_CPU_SSE_BODY_H

#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/sse.h"

/* dst = op(dst, src) as host instruction `host`. */
#define SSE_BODY(m, host)                                                      \
    ALWAYS_INLINE __m128i body_##m(__m128i d, __m128i s)                       \
    {                                                                          \
        __asm__ volatile(host " %1, %0" : "+x"(d) : "x"(s));                   \
        return d;                                                              \
    }

ALWAYS_INLINE __m128i vec_get(const struct cpu *c, unsigned n)
{
    return _mm_loadu_si128((const __m128i *)(const void *)&c->v[n]);
}

ALWAYS_INLINE void vec_put(struct cpu *c, unsigned n, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)&c->v[n], x);
}

/* `size` bytes (1, 2, 4, 8, 16; a constant) at p, zero-extended. */
ALWAYS_INLINE __m128i vec_from(const uint8_t *p, unsigned size)
{
    uint16_t word;
    int32_t dword;
    switch (size) {
    case 16: return _mm_loadu_si128((const __m128i *)(const void *)p);
    case 8: return _mm_loadl_epi64((const __m128i *)(const void *)p);
    case 4: memcpy(&dword, p, 4); return _mm_cvtsi32_si128(dword);
    case 2: memcpy(&word, p, 2); return _mm_cvtsi32_si128(word);
    default: return _mm_cvtsi32_si128(*p);
    }
}

/* x zero-extended. */
ALWAYS_INLINE __m128i vec_imm(uint64_t x)
{
    return _mm_cvtsi64_si128((int64_t)x);
}

ALWAYS_INLINE bool vec_aligned(uint64_t lin)
{
    return (lin & 15) == 0;
}

/*
 * Load the memory operand into c->slow the slow way: alignment first, SDM
 * Vol.2 "Exceptions Type 4" (#GP before #PF).
 */
ALWAYS_INLINE bool vec_slow_load(struct cpu *c, const struct uop *u,
                                 unsigned size, bool aligned)
{
    uint64_t lin = uop_ea(c, u);
    if (aligned && !vec_aligned(lin) && !PLANTED(c, PLANT_SSE_UNALIGNED)) {
        (void)raise_gp(c, 0);
        return false;
    }
    return mem_load_slow(c, u, lin, size, false);
}

/* Host address of the memory operand, or NULL when the slow path must run. */
ALWAYS_INLINE const uint8_t *vec_hit(struct cpu *c, const struct uop *u,
                                     unsigned size, bool aligned)
{
    uint64_t lin = uop_ea(c, u);
    if (aligned && UNLIKELY(!vec_aligned(lin)))
        return NULL;
    return MEM_HIT_READ(&c->hot, lin, size);
}

/*
 * A handler with a memory source of `size` bytes; effect(c, u, s) is an
 * always_inline function that commits. The slow path is a function of its
 * own that ends the handler itself, so that the fast one keeps everything in
 * registers and needs no frame.
 */
#define VEC_MEM_HANDLER(name, size, aligned, effect)                           \
    static __attribute__((noinline, cold)) UOP_SLOW(name)                      \
    {                                                                          \
        if (UNLIKELY(!vec_slow_load(c, u, (size), (aligned))))                 \
            return uop_fault(c, u);                                            \
        effect(c, u, vec_from(c->slow.u8, (size)));                            \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        const uint8_t *p = vec_hit(c, u, (size), (aligned));                   \
        if (UNLIKELY(p == NULL))                                               \
            VEC_TAIL(name##_slow);                                             \
        effect(c, u, vec_from(p, (size)));                                     \
        UOP_NEXT(c, u);                                                        \
    }
/* Go on in the slow function `f`, without a frame of ours. */
#if defined(__clang__)
#define VEC_TAIL(f) __attribute__((musttail)) return f(c, u)
#else
#define VEC_TAIL(f) return f(c, u)
#endif
#define UOP_SLOW(name)                                                         \
    const struct uop *name##_slow(struct cpu *c, const struct uop *u)

#define VEC_REG_HANDLER(name, effect)                                          \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        effect(c, u, vec_get(c, u->src));                                      \
        UOP_NEXT(c, u);                                                        \
    }

/* Register and memory handlers of the row `m`. */
#define SSE_HANDLERS(m, host, size)                                            \
    SSE_BODY(m, host)                                                          \
    ALWAYS_INLINE void effect_##m(struct cpu *c, const struct uop *u,          \
                                  __m128i s)                                   \
    {                                                                          \
        vec_put(c, u->dst, body_##m(vec_get(c, u->dst), s));                   \
    }                                                                          \
    VEC_REG_HANDLER(sse_##m##_reg, effect_##m)                                 \
    VEC_MEM_HANDLER(sse_##m##_mem, size, (size) == 16, effect_##m)
#define SSE_HANDLER_ROW(m)                                                     \
    [SSE_##m] = {ENGINE(sse_##m##_reg), ENGINE(sse_##m##_mem)}

#endif
