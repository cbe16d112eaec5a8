/* SPDX-License-Identifier: Apache-2.0
 * Handlers of vector instructions with imm8: the translator turned shuffle
 * controls into byte indexes for the host's PSHUFB; the rest calls
 * cpu/sse_imm.c.
 */
#include "cpu/sse_body.h"

SSE_BODY(pshufb, "pshufb")

#define IOTA _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/* 8 bytes, each twice the index of a word, made 16 byte indexes. */
ALWAYS_INLINE __m128i word_control(uint64_t imm)
{
    __m128i x = vec_imm(imm);
    return _mm_add_epi8(_mm_unpacklo_epi8(x, x), _mm_set1_epi16(0x0100));
}

ALWAYS_INLINE __m128i byte_control(uint64_t imm)
{
    __m128i x = vec_imm(imm);
    return _mm_unpacklo_epi64(x, x);
}

/* PSHUFD, PSHUFLW, PSHUFHW */
ALWAYS_INLINE void effect_one(struct cpu *c, const struct uop *u, __m128i s)
{
    vec_put(c, u->dst, body_pshufb(s, word_control(u->imm)));
}

/* SHUFPS, SHUFPD */
ALWAYS_INLINE void effect_two(struct cpu *c, const struct uop *u, __m128i s)
{
    __m128i control = word_control(u->imm);
    __m128i low = body_pshufb(vec_get(c, u->dst), control);
    __m128i high = body_pshufb(s, control);
    vec_put(c, u->dst, _mm_unpacklo_epi64(low, _mm_unpackhi_epi64(high, high)));
}

/* BLENDPS, BLENDPD, PBLENDW */
ALWAYS_INLINE void effect_blend(struct cpu *c, const struct uop *u, __m128i s)
{
    __m128i x = vec_imm(u->imm);
    __m128i mask = _mm_unpacklo_epi8(x, x);
    vec_put(c, u->dst,
            _mm_or_si128(_mm_and_si128(mask, s),
                         _mm_andnot_si128(mask, vec_get(c, u->dst))));
}

/*
 * PALIGNR: bytes n .. n+15 of dst:src. Index i + n picks from src while below
 * 16, and i + n - 16 from dst; PSHUFB gives 0 for an index with bit 7 set,
 * which + 70h makes of 16 and above.
 */
ALWAYS_INLINE void effect_align(struct cpu *c, const struct uop *u, __m128i s)
{
    __m128i seventy = _mm_set1_epi8(0x70);
    __m128i from_s = _mm_add_epi8(IOTA, byte_control(u->imm));
    __m128i from_d = _mm_sub_epi8(from_s, _mm_set1_epi8(16));
    from_d = _mm_or_si128(_mm_add_epi8(from_d, seventy), from_d);
    from_s = _mm_add_epi8(from_s, seventy);
    vec_put(c, u->dst,
            _mm_or_si128(body_pshufb(s, from_s),
                         body_pshufb(vec_get(c, u->dst), from_d)));
}

#define BOTH(name, effect)                                                     \
    VEC_REG_HANDLER(shuf_##name##_reg, effect)                                 \
    VEC_MEM_HANDLER(shuf_##name##_mem, 16, true, effect)
BOTH(one, effect_one)
BOTH(two, effect_two)
BOTH(blend, effect_blend)
BOTH(align, effect_align)

/* Shifts by imm8 are the host's shifts by a register. */
#define SHIFT(m, host)                                                         \
    SSE_BODY(shift_##m, host)                                                  \
    UOP_STATIC(shift_##m)                                                      \
    {                                                                          \
        vec_put(c, u->dst,                                                     \
                body_shift_##m(vec_get(c, u->dst), vec_imm(u->imm)));          \
        UOP_NEXT(c, u);                                                        \
    }
SHIFT(PSLLW, "psllw")
SHIFT(PSLLD, "pslld")
SHIFT(PSLLQ, "psllq")
SHIFT(PSRLW, "psrlw")
SHIFT(PSRLD, "psrld")
SHIFT(PSRLQ, "psrlq")
SHIFT(PSRAW, "psraw")
SHIFT(PSRAD, "psrad")

UOP_STATIC(shift_PSRLDQ)
{
    __m128i control = _mm_add_epi8(_mm_add_epi8(IOTA, byte_control(u->imm)),
                                   _mm_set1_epi8(0x70));
    vec_put(c, u->dst, body_pshufb(vec_get(c, u->dst), control));
    UOP_NEXT(c, u);
}

UOP_STATIC(shift_PSLLDQ)
{
    __m128i control = _mm_sub_epi8(IOTA, byte_control(u->imm));
    vec_put(c, u->dst, body_pshufb(vec_get(c, u->dst), control));
    UOP_NEXT(c, u);
}

/* imm8 as a number: one case a value in cpu/sse_imm.c. */
#define IMM_HANDLERS(m, size, fp)                                              \
    ALWAYS_INLINE void effect_##m(struct cpu *c, const struct uop *u,          \
                                  __m128i s)                                   \
    {                                                                          \
        vec_put(c, u->dst, sse_imm_##m(vec_get(c, u->dst), s, u->aux));        \
    }                                                                          \
    VEC_REG_HANDLER(imm_##m##_reg, effect_##m)                                 \
    VEC_MEM_HANDLER(imm_##m##_mem, size, (size) == 16, effect_##m)
SSE_IMM_OPS_LIST(IMM_HANDLERS)

/* INSERTPS from memory takes the 4 bytes there, whatever COUNT_S says: the
 * translator clears it. The string compares need no alignment. */
VEC_REG_HANDLER(string_reg, sse_string_compare)
VEC_MEM_HANDLER(string_mem, 16, false, sse_string_compare)

const struct exec_sse_imm_table ENGINE(exec_sse_imm) = {
    .op =
        {
#define X(m, size, fp)                                                         \
    [SSE_##m] = {ENGINE(imm_##m##_reg), ENGINE(imm_##m##_mem)},
            SSE_IMM_OPS_LIST(X)
#undef X
        },
    .shuffle =
        {
            [SHUF_ONE] = {ENGINE(shuf_one_reg), ENGINE(shuf_one_mem)},
            [SHUF_TWO] = {ENGINE(shuf_two_reg), ENGINE(shuf_two_mem)},
            [SHUF_BLEND] = {ENGINE(shuf_blend_reg), ENGINE(shuf_blend_mem)},
            [SHUF_ALIGN] = {ENGINE(shuf_align_reg), ENGINE(shuf_align_mem)},
        },
    .shift =
        {
#define X(m) [SHIFT_##m] = ENGINE(shift_##m)
            X(PSLLW),
            X(PSLLD),
            X(PSLLQ),
            X(PSRLW),
            X(PSRLD),
            X(PSRLQ),
            X(PSRAW),
            X(PSRAD),
            X(PSLLDQ),
            X(PSRLDQ),
#undef X
        },
    .string = {ENGINE(string_reg), ENGINE(string_mem)}};
