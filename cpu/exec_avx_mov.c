/* SPDX-License-Identifier: Apache-2.0
 * Handlers that move vectors in VEX encoding: whole registers, lanes,
 * elements, masked elements. Non-temporal stores are plain stores.
 */
#include "cpu/avx_body.h"
#include "cpu/avx_mem.h"

static __attribute__((noinline, cold)) const struct uop *
misaligned(struct cpu *c, const struct uop *u)
{
    (void)raise_gp(c, 0);
    return uop_fault(c, u);
}

/* --- whole registers --- */

ALWAYS_INLINE void effect_copy128(struct cpu *c, const struct uop *u, __m128i s)
{
    avx_put128(c, u->dst, s);
}
ALWAYS_INLINE void effect_copy256(struct cpu *c, const struct uop *u, __m256i s)
{
    avx_put256(c, u->dst, s);
}
AVX_HANDLERS(avx_load_128, 128, 16, effect_copy128)
AVX_HANDLERS(avx_load_256, 256, 32, effect_copy256)
AVX_MEM_HANDLER(avx_load_aligned_128_mem, 128, 16, true, effect_copy128)
AVX_MEM_HANDLER(avx_load_aligned_256_mem, 256, 32, true, effect_copy256)
AVX_MEM_HANDLER(avx_low_1, 128, 1, false, effect_copy128)
AVX_MEM_HANDLER(avx_low_2, 128, 2, false, effect_copy128)
AVX_MEM_HANDLER(avx_low_4, 128, 4, false, effect_copy128)
AVX_MEM_HANDLER(avx_low_8_mem, 128, 8, false, effect_copy128)

/* VMOVQ between registers */
UOP_STATIC(avx_low_8_reg)
{
    avx_put128(c, u->dst, _mm_move_epi64(avx_get128(c, u->src)));
    UOP_NEXT(c, u);
}

/* A store that missed the filter: the value is in c->slow. */
#define STORE_SLOW(size)                                                       \
    static __attribute__((noinline, cold)) UOP_SLOW(avx_store##size)           \
    {                                                                          \
        if (UNLIKELY(!mem_store_slow(c, u, uop_ea(c, u), size, false)))        \
            return uop_fault(c, u);                                            \
        UOP_NEXT(c, u);                                                        \
    }
STORE_SLOW(16)
STORE_SLOW(32)

#define STORE(name, V, put, value, size, aligned)                              \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        uint64_t lin = uop_ea(c, u);                                           \
        if ((aligned) && UNLIKELY(!avx_aligned(lin, size)))                    \
            return misaligned(c, u);                                           \
        uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, size);                        \
        V x = value;                                                           \
        if (UNLIKELY(p == NULL)) {                                             \
            put((V *)(void *)c->slow.u8, x);                                   \
            VEC_TAIL(avx_store##size##_slow);                                  \
        }                                                                      \
        put((V *)(void *)p, x);                                                \
        UOP_NEXT(c, u);                                                        \
    }
#define STORE16(name, value, aligned)                                          \
    STORE(name, __m128i, _mm_storeu_si128, value, 16, aligned)
#define STORE32(name, aligned)                                                 \
    STORE(name, __m256i, _mm256_storeu_si256, avx_get256(c, u->src), 32,       \
          aligned)
STORE16(avx_store_128, avx_get128(c, u->src), false)
STORE16(avx_store_aligned_128, avx_get128(c, u->src), true)
STORE32(avx_store_256, false)
STORE32(avx_store_aligned_256, true)

/* --- lanes: VEXTRACTx128 --- */

ALWAYS_INLINE __m128i lane_at(const struct cpu *c, const struct uop *u)
{
    return _mm_loadu_si128(
        (const __m128i *)(const void *)&c->v[u->src].u8[u->imm]);
}

UOP_STATIC(avx_extract_128_reg)
{
    avx_put128(c, u->dst, lane_at(c, u));
    UOP_NEXT(c, u);
}
STORE16(avx_extract_128_mem, lane_at(c, u), false)

/* --- elements --- */

/* x into element imm of vvvv: a select of whole registers, so that the next
 * reader is forwarded from one store. */
#define ELEMENT(size, log2, set1, T)                                           \
    ALWAYS_INLINE void insert##size(struct cpu *c, const struct uop *u,        \
                                    uint64_t x)                                \
    {                                                                          \
        __m128i iota = _mm_set_epi8(                                           \
            15 >> log2, 14 >> log2, 13 >> log2, 12 >> log2, 11 >> log2,        \
            10 >> log2, 9 >> log2, 8 >> log2, 7 >> log2, 6 >> log2, 5 >> log2, \
            4 >> log2, 3 >> log2, 2 >> log2, 1 >> log2, 0);                    \
        __m128i mask = _mm_cmpeq_epi8(iota, _mm_set1_epi8((char)u->imm));      \
        avx_put128(c, u->dst,                                                  \
                   _mm_blendv_epi8(avx_get128(c, u->aux), set1((T)x), mask));  \
    }                                                                          \
    ALWAYS_INLINE void effect_insert##size(struct cpu *c, const struct uop *u, \
                                           __m128i s)                          \
    {                                                                          \
        insert##size(c, u, (uint64_t)_mm_cvtsi128_si64(s));                    \
    }                                                                          \
    AVX_MEM_HANDLER(avx_insert##size##_mem, 128, size, false,                  \
                    effect_insert##size)                                       \
    UOP_STATIC(avx_insert##size##_reg)                                         \
    {                                                                          \
        insert##size(c, u, REG(uint64_t, c, u->src));                          \
        UOP_NEXT(c, u);                                                        \
    }
ELEMENT(1, 0, _mm_set1_epi8, char)
ELEMENT(2, 1, _mm_set1_epi16, short)
ELEMENT(4, 2, _mm_set1_epi32, int)
ELEMENT(8, 3, _mm_set1_epi64x, long long)

#define FROM_GPR(T, size)                                                      \
    UOP_STATIC(avx_from_gpr##size)                                             \
    {                                                                          \
        avx_put128(c, u->dst, vec_imm((T)REG(uint64_t, c, u->src)));           \
        UOP_NEXT(c, u);                                                        \
    }
FROM_GPR(uint32_t, 4)
FROM_GPR(uint64_t, 8)

#define MOVMSK(name, host, bits)                                               \
    UOP_STATIC(avx_##name##_##bits)                                            \
    {                                                                          \
        uint64_t r;                                                            \
        __asm__(host " %1, %k0" : "=r"(r) : "x"(avx_get##bits(c, u->src)));    \
        REG(uint64_t, c, u->dst) = r;                                          \
        UOP_NEXT(c, u);                                                        \
    }
MOVMSK(movmskps, "vmovmskps", 128)
MOVMSK(movmskps, "vmovmskps", 256)
MOVMSK(movmskpd, "vmovmskpd", 128)
MOVMSK(movmskpd, "vmovmskpd", 256)
MOVMSK(pmovmskb, "vpmovmskb", 128)
MOVMSK(pmovmskb, "vpmovmskb", 256)

/* --- masked elements --- */

/* Bits 31 or 63 of the elements of the mask. */
ALWAYS_INLINE unsigned mask_bits4_128(__m128i m)
{
    return (unsigned)_mm_movemask_ps(_mm_castsi128_ps(m));
}
ALWAYS_INLINE unsigned mask_bits8_128(__m128i m)
{
    return (unsigned)_mm_movemask_pd(_mm_castsi128_pd(m));
}
ALWAYS_INLINE unsigned mask_bits4_256(__m256i m)
{
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(m));
}
ALWAYS_INLINE unsigned mask_bits8_256(__m256i m)
{
    return (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(m));
}

/*
 * When all 16 or 32 bytes hit the filter the host's own instruction does it;
 * otherwise only the bytes of chosen elements are touched (cpu/avx_mem.c).
 */
#define MASKED(size, bits, p, epi, T)                                          \
    static __attribute__((noinline, cold)) UOP_SLOW(avx_mask_load##size##bits) \
    {                                                                          \
        unsigned m = mask_bits##size##_##bits(avx_get##bits(c, u->aux));       \
        if (UNLIKELY(!avx_masked_load(c, u, m, size)))                         \
            return uop_fault(c, u);                                            \
        avx_put##bits(c, u->dst, avx_from##bits(c->slow.u8, bits / 8));        \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(avx_mask_load##size##bits)                                      \
    {                                                                          \
        AVX_V(bits) mask = avx_get##bits(c, u->aux);                           \
        if (UNLIKELY(mask_bits##size##_##bits(mask) == 0))                     \
            VEC_TAIL(avx_mask_load##size##bits##_slow);                        \
        const uint8_t *at = MEM_HIT_READ(&c->hot, uop_ea(c, u), bits / 8);     \
        if (UNLIKELY(at == NULL))                                              \
            VEC_TAIL(avx_mask_load##size##bits##_slow);                        \
        avx_put##bits(c, u->dst,                                               \
                      p##_maskload_##epi((const T *)(const void *)at, mask));  \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    static __attribute__((noinline, cold))                                     \
    UOP_SLOW(avx_mask_store##size##bits)                                       \
    {                                                                          \
        unsigned m = mask_bits##size##_##bits(avx_get##bits(c, u->aux));       \
        if (UNLIKELY(!avx_masked_store(c, u, m, size)))                        \
            return uop_fault(c, u);                                            \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(avx_mask_store##size##bits)                                     \
    {                                                                          \
        AVX_V(bits) mask = avx_get##bits(c, u->aux);                           \
        if (UNLIKELY(mask_bits##size##_##bits(mask) == 0))                     \
            VEC_TAIL(avx_mask_store##size##bits##_slow);                       \
        uint8_t *at = MEM_HIT_WRITE(&c->hot, uop_ea(c, u), bits / 8);          \
        if (UNLIKELY(at == NULL))                                              \
            VEC_TAIL(avx_mask_store##size##bits##_slow);                       \
        p##_maskstore_##epi((T *)(void *)at, mask, avx_get##bits(c, u->src));  \
        UOP_NEXT(c, u);                                                        \
    }
MASKED(4, 128, _mm, epi32, int)
MASKED(4, 256, _mm256, epi32, int)
MASKED(8, 128, _mm, epi64, long long)
MASKED(8, 256, _mm256, epi64, long long)

/* --- the rest --- */

UOP_STATIC(avx_gather)
{
    if (UNLIKELY(!avx_gather(c, u)))
        return uop_fault(c, u);
    UOP_NEXT(c, u);
}

UOP_STATIC(avx_zero_upper)
{
    for (unsigned i = 0; i < u->aux; i++)
        _mm_storeu_si128((__m128i *)(void *)&c->v[i].u64[2],
                         _mm_setzero_si128());
    UOP_NEXT(c, u);
}

UOP_STATIC(avx_zero_all)
{
    for (unsigned i = 0; i < u->aux; i++)
        avx_put128(c, i, _mm_setzero_si128());
    UOP_NEXT(c, u);
}

#define LENGTHS(name)                                                          \
    {                                                                          \
        ENGINE(name##_128), ENGINE(name##_256)                                 \
    }
#define MASKED_ROW(size, bits)                                                 \
    {                                                                          \
        {ENGINE(avx_mask_load##size##bits), avx_mask_load##size##bits##_slow}, \
        {                                                                      \
            ENGINE(avx_mask_store##size##bits),                                \
                avx_mask_store##size##bits##_slow                              \
        }                                                                      \
    }
#define ONE_PAIR(reg, mem)                                                     \
    {                                                                          \
        .l = { {reg, mem} }                                                    \
    }
#define INSERT_ROW(size)                                                       \
    ONE_PAIR(ENGINE(avx_insert##size##_reg), ENGINE(avx_insert##size##_mem))

const struct exec_avx_mov_table ENGINE(exec_avx_mov) = {
    .load = AVX_FORMS(load),
    .load_aligned =
        {.l = {{ENGINE(avx_load_128_reg), ENGINE(avx_load_aligned_128_mem)},
               {ENGINE(avx_load_256_reg), ENGINE(avx_load_aligned_256_mem)}}},
    .store = LENGTHS(avx_store),
    .store_aligned = LENGTHS(avx_store_aligned),
    .low = {ONE_PAIR(NULL, ENGINE(avx_low_1)),
            ONE_PAIR(NULL, ENGINE(avx_low_2)),
            ONE_PAIR(NULL, ENGINE(avx_low_4)),
            ONE_PAIR(ENGINE(avx_low_8_reg), ENGINE(avx_low_8_mem))},
    .from_gpr = {NULL, NULL, ENGINE(avx_from_gpr4), ENGINE(avx_from_gpr8)},
    .insert = {INSERT_ROW(1), INSERT_ROW(2), INSERT_ROW(4), INSERT_ROW(8)},
    .extract = AVX_FORMS_128(extract),
    .movmsk = {LENGTHS(avx_movmskps), LENGTHS(avx_movmskpd),
               LENGTHS(avx_pmovmskb)},
    .masked = {{MASKED_ROW(4, 128), MASKED_ROW(4, 256)},
               {MASKED_ROW(8, 128), MASKED_ROW(8, 256)}},
    .gather = ENGINE(avx_gather),
    .zero_upper = ENGINE(avx_zero_upper),
    .zero_all = ENGINE(avx_zero_all),
};
