/* SPDX-License-Identifier: Apache-2.0
 * Handlers that move vectors: whole registers, lanes, between vector and
 * general registers and memory. Non-temporal stores are plain stores.
 */
#include "cpu/sse_body.h"

/* A store that missed the filter: the value is in c->slow. */
#define STORE_SLOW(size)                                                       \
    static __attribute__((noinline, cold)) UOP_SLOW(mov_store##size)           \
    {                                                                          \
        if (UNLIKELY(!mem_store_slow(c, u, uop_ea(c, u), size, false)))        \
            return uop_fault(c, u);                                            \
        UOP_NEXT(c, u);                                                        \
    }
STORE_SLOW(1)
STORE_SLOW(2)
STORE_SLOW(4)
STORE_SLOW(8)
STORE_SLOW(16)

static __attribute__((noinline, cold)) const struct uop *
misaligned(struct cpu *c, const struct uop *u)
{
    (void)raise_gp(c, 0);
    return uop_fault(c, u);
}

ALWAYS_INLINE void effect_copy(struct cpu *c, const struct uop *u, __m128i s)
{
    vec_put(c, u->dst, s);
}
VEC_REG_HANDLER(mov_copy, effect_copy)
VEC_MEM_HANDLER(mov_load16, 16, false, effect_copy)
VEC_MEM_HANDLER(mov_load16_aligned, 16, true, effect_copy)
VEC_MEM_HANDLER(mov_load1, 1, false, effect_copy)
VEC_MEM_HANDLER(mov_load2, 2, false, effect_copy)
VEC_MEM_HANDLER(mov_load4, 4, false, effect_copy)
VEC_MEM_HANDLER(mov_load8, 8, false, effect_copy)

#define STORE16(name, aligned)                                                 \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        uint64_t lin = uop_ea(c, u);                                           \
        if ((aligned) && UNLIKELY(!vec_aligned(lin)))                          \
            return misaligned(c, u);                                           \
        uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, 16);                          \
        __m128i x = vec_get(c, u->src);                                        \
        if (UNLIKELY(p == NULL)) {                                             \
            _mm_storeu_si128((__m128i *)(void *)c->slow.u8, x);                \
            VEC_TAIL(mov_store16_slow);                                        \
        }                                                                      \
        _mm_storeu_si128((__m128i *)(void *)p, x);                             \
        UOP_NEXT(c, u);                                                        \
    }
STORE16(mov_store16, false)
STORE16(mov_store16_aligned, true)

/* Lane at byte aux of register n, zero-extended. */
#define LANE(T, c, n, at) (*(const T *)(const void *)&(c)->v[n].u8[at])

#define LANE_HANDLERS(T, size)                                                 \
    UOP_STATIC(mov_store##size)                                                \
    {                                                                          \
        uint64_t lin = uop_ea(c, u);                                           \
        uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, size);                        \
        T x = LANE(T, c, u->src, u->aux);                                      \
        if (UNLIKELY(p == NULL)) {                                             \
            c->slow.u64[0] = x;                                                \
            VEC_TAIL(mov_store##size##_slow);                                  \
        }                                                                      \
        memcpy(p, &x, sizeof(T));                                              \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mov_to_gpr##size)                                               \
    {                                                                          \
        REG(uint64_t, c, u->dst) = LANE(T, c, u->src, u->aux);                 \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mov_from_gpr##size)                                             \
    {                                                                          \
        vec_put(c, u->dst,                                                     \
                _mm_cvtsi64_si128((int64_t)(T)REG(uint64_t, c, u->src)));      \
        UOP_NEXT(c, u);                                                        \
    }
LANE_HANDLERS(uint8_t, 1)
LANE_HANDLERS(uint16_t, 2)
LANE_HANDLERS(uint32_t, 4)
LANE_HANDLERS(uint64_t, 8)

/* Insert `x` at byte `at` by the host instruction: whole-register writes
 * keep the host's store forwarding working for the next reader. */
#define CASE(n, size, host)                                                    \
    case (n) * (size):                                                         \
        __asm__(host ", %0" : "+x"(d) : "i"(n), "r"(x));                       \
        break;
#define INSERT1(n)                                                             \
    CASE(n, 1, "pinsrb %1, %k2")                                               \
    CASE((n) + 1, 1, "pinsrb %1, %k2")                                         \
    CASE((n) + 2, 1, "pinsrb %1, %k2")                                         \
    CASE((n) + 3, 1, "pinsrb %1, %k2")
#define INSERT2(n)                                                             \
    CASE(n, 2, "pinsrw %1, %k2")                                               \
    CASE((n) + 1, 2, "pinsrw %1, %k2")                                         \
    CASE((n) + 2, 2, "pinsrw %1, %k2")                                         \
    CASE((n) + 3, 2, "pinsrw %1, %k2")

ALWAYS_INLINE __m128i insert1(__m128i d, uint64_t x, uint32_t at)
{
    switch (at) {
        INSERT1(0)
        INSERT1(4)
        INSERT1(8)
        INSERT1(12)
    default: break;
    }
    return d;
}

ALWAYS_INLINE __m128i insert2(__m128i d, uint64_t x, uint32_t at)
{
    switch (at) {
        INSERT2(0)
        INSERT2(4)
    default: break;
    }
    return d;
}

ALWAYS_INLINE __m128i insert4(__m128i d, uint64_t x, uint32_t at)
{
    switch (at) {
        CASE(0, 4, "pinsrd %1, %k2")
        CASE(1, 4, "pinsrd %1, %k2")
        CASE(2, 4, "pinsrd %1, %k2")
        CASE(3, 4, "pinsrd %1, %k2")
    default: break;
    }
    return d;
}

ALWAYS_INLINE __m128i insert8(__m128i d, uint64_t x, uint32_t at)
{
    switch (at) {
        CASE(0, 8, "pinsrq %1, %q2")
        CASE(1, 8, "pinsrq %1, %q2")
    default: break;
    }
    return d;
}

#define INSERT_HANDLERS(size)                                                  \
    UOP_STATIC(mov_insert_gpr##size)                                           \
    {                                                                          \
        vec_put(c, u->dst,                                                     \
                insert##size(vec_get(c, u->dst), REG(uint64_t, c, u->src),     \
                             u->aux));                                         \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    ALWAYS_INLINE void effect_insert##size(struct cpu *c, const struct uop *u, \
                                           __m128i s)                          \
    {                                                                          \
        vec_put(c, u->dst,                                                     \
                insert##size(vec_get(c, u->dst),                               \
                             (uint64_t)_mm_cvtsi128_si64(s), u->aux));         \
    }                                                                          \
    VEC_MEM_HANDLER(mov_insert_mem##size, size, false, effect_insert##size)
INSERT_HANDLERS(1)
INSERT_HANDLERS(2)
INSERT_HANDLERS(4)
INSERT_HANDLERS(8)

#define MOVMSK(name, host)                                                     \
    UOP_STATIC(mov_##name)                                                     \
    {                                                                          \
        uint64_t r;                                                            \
        __asm__(host " %1, %k0" : "=r"(r) : "x"(vec_get(c, u->src)));          \
        REG(uint64_t, c, u->dst) = r;                                          \
        UOP_NEXT(c, u);                                                        \
    }
MOVMSK(movmskps, "movmskps")
MOVMSK(movmskpd, "movmskpd")
MOVMSK(pmovmskb, "pmovmskb")

#define BY_SIZE(name)                                                          \
    {                                                                          \
        ENGINE(name##1), ENGINE(name##2), ENGINE(name##4), ENGINE(name##8)     \
    }
const struct exec_sse_mov_table ENGINE(exec_sse_mov) = {
    .copy = ENGINE(mov_copy),
    .load16 = ENGINE(mov_load16),
    .load16_aligned = ENGINE(mov_load16_aligned),
    .store16 = ENGINE(mov_store16),
    .store16_aligned = ENGINE(mov_store16_aligned),
    .load = BY_SIZE(mov_load),
    .store = BY_SIZE(mov_store),
    .from_gpr = BY_SIZE(mov_from_gpr),
    .to_gpr = BY_SIZE(mov_to_gpr),
    .insert_gpr = BY_SIZE(mov_insert_gpr),
    .insert_mem = BY_SIZE(mov_insert_mem),
    .movmsk = {ENGINE(mov_movmskps), ENGINE(mov_movmskpd),
               ENGINE(mov_pmovmskb)},
};
