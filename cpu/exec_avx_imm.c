/* SPDX-License-Identifier: Apache-2.0
 * Handlers of VEX-encoded vector instructions with an immediate: the
 * translator turned it into controls for the host's variable shuffles and
 * blends (enum avx_imm_op). Blends by a register, and tests that set EFLAGS.
 */
#include "cpu/avx_body.h"
#include "cpu/flags.h"

/* An effect for both widths: p is the prefix of the host's intrinsics. */
#define BOTH(X) X(128, _mm) X(256, _mm256)

/* x in each lane. */
#define LANES128(x) (x)
#define LANES256(x) _mm256_broadcastsi128_si256(x)

#define IOTA _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

/* A byte a dword, made dwords: 8 of them are read for 256 bits, 4 for 128. */
#define DWORDS(p, u) p##_cvtepu8_epi32(vec_imm((u)->imm))

#define PERMUTE(bits, p, x, control)                                           \
    p##_castps_si##bits(p##_permutevar_ps(p##_castsi##bits##_ps(x), (control)))

/* VPSHUFD, VPERMILPS, VPERMILPD */
#define EFFECT_SHUF_DWORD(bits, p)                                             \
    ALWAYS_INLINE void effect_shuf_dword##bits(                                \
        struct cpu *c, const struct uop *u, AVX_V(bits) s)                     \
    {                                                                          \
        avx_put##bits(c, u->dst, PERMUTE(bits, p, s, DWORDS(p, u)));           \
    }
BOTH(EFFECT_SHUF_DWORD)

/* VSHUFPS, VSHUFPD: a lane's low half from vvvv, its high half from rm. */
#define EFFECT_SHUF_TWO(bits, p)                                               \
    ALWAYS_INLINE void effect_shuf_two##bits(                                  \
        struct cpu *c, const struct uop *u, AVX_V(bits) s)                     \
    {                                                                          \
        AVX_V(bits) a = avx_get##bits(c, u->aux), control = DWORDS(p, u);      \
        avx_put##bits(c, u->dst,                                               \
                      p##_blend_epi16(PERMUTE(bits, p, a, control),            \
                                      PERMUTE(bits, p, s, control), 0xf0));    \
    }
BOTH(EFFECT_SHUF_TWO)

/* 8 bytes, each twice the index of a word, made 16 byte indexes. */
ALWAYS_INLINE __m128i word_control(uint64_t imm)
{
    __m128i x = vec_imm(imm);
    return _mm_add_epi8(_mm_unpacklo_epi8(x, x), _mm_set1_epi16(0x0100));
}

/* VPSHUFLW, VPSHUFHW */
#define EFFECT_SHUF_WORD(bits, p)                                              \
    ALWAYS_INLINE void effect_shuf_word##bits(                                 \
        struct cpu *c, const struct uop *u, AVX_V(bits) s)                     \
    {                                                                          \
        AVX_V(bits) control = LANES##bits(word_control(u->imm));               \
        avx_put##bits(c, u->dst, p##_shuffle_epi8(s, control));                \
    }
BOTH(EFFECT_SHUF_WORD)

/* VPBLENDW */
#define EFFECT_BLEND_WORD(bits, p)                                             \
    ALWAYS_INLINE void effect_blend_word##bits(                                \
        struct cpu *c, const struct uop *u, AVX_V(bits) s)                     \
    {                                                                          \
        AVX_V(bits) mask = LANES##bits(_mm_cvtepi8_epi16(vec_imm(u->imm)));    \
        avx_put##bits(c, u->dst,                                               \
                      p##_blendv_epi8(avx_get##bits(c, u->aux), s, mask));     \
    }
BOTH(EFFECT_BLEND_WORD)

/* VPBLENDD, VBLENDPS, VBLENDPD */
#define EFFECT_BLEND_DWORD(bits, p)                                            \
    ALWAYS_INLINE void effect_blend_dword##bits(                               \
        struct cpu *c, const struct uop *u, AVX_V(bits) s)                     \
    {                                                                          \
        AVX_V(bits) mask = p##_cvtepi8_epi32(vec_imm(u->imm));                 \
        avx_put##bits(c, u->dst,                                               \
                      p##_blendv_epi8(avx_get##bits(c, u->aux), s, mask));     \
    }
BOTH(EFFECT_BLEND_DWORD)

/* VPALIGNR: see effect_align in exec_sse_imm.c. */
#define EFFECT_ALIGN(bits, p)                                                  \
    ALWAYS_INLINE void effect_align##bits(struct cpu *c, const struct uop *u,  \
                                          AVX_V(bits) s)                       \
    {                                                                          \
        AVX_V(bits) seventy = p##_set1_epi8(0x70);                             \
        AVX_V(bits)                                                            \
        from_s = p##_add_epi8(LANES##bits(IOTA), p##_set1_epi8((char)u->imm)); \
        AVX_V(bits) from_a = p##_sub_epi8(from_s, p##_set1_epi8(16));          \
        from_a = p##_or_si##bits(p##_add_epi8(from_a, seventy), from_a);       \
        from_s = p##_add_epi8(from_s, seventy);                                \
        avx_put##bits(c, u->dst,                                               \
                      p##_or_si##bits(p##_shuffle_epi8(s, from_s),             \
                                      p##_shuffle_epi8(                        \
                                          avx_get##bits(c, u->aux), from_a))); \
    }
BOTH(EFFECT_ALIGN)

/* VPERMQ, VPERMPD */
ALWAYS_INLINE void effect_perm_one256(struct cpu *c, const struct uop *u,
                                      __m256i s)
{
    avx_put256(c, u->dst, _mm256_permutevar8x32_epi32(s, DWORDS(_mm256, u)));
}

/* VPERM2F128, VPERM2I128: VPERMD looks at bits 2:0 of the index only. */
ALWAYS_INLINE void effect_perm_two256(struct cpu *c, const struct uop *u,
                                      __m256i s)
{
    __m256i control = _mm256_cvtepi8_epi32(vec_imm(u->imm));
    __m256i from_s = _mm256_srai_epi32(control, 31);
    __m256i from_a = _mm256_srai_epi32(_mm256_slli_epi32(control, 25), 31);
    __m256i a = avx_get256(c, u->aux);
    a = _mm256_and_si256(_mm256_permutevar8x32_epi32(a, control), from_a);
    s = _mm256_and_si256(_mm256_permutevar8x32_epi32(s, control), from_s);
    avx_put256(c, u->dst, _mm256_or_si256(a, s));
}

/* imm8 as a number: cpu/sse_imm.c. */
ALWAYS_INLINE void effect_insertps128(struct cpu *c, const struct uop *u,
                                      __m128i s)
{
    avx_put128(c, u->dst,
               sse_imm_INSERTPS(avx_get128(c, u->aux), s, (unsigned)u->imm));
}

ALWAYS_INLINE void effect_mpsadbw128(struct cpu *c, const struct uop *u,
                                     __m128i s)
{
    avx_put128(c, u->dst,
               sse_imm_MPSADBW(avx_get128(c, u->aux), s, (unsigned)u->imm));
}

/* Bits 2:0 of imm8 are the low lane's, 5:3 the high one's. */
ALWAYS_INLINE void effect_mpsadbw256(struct cpu *c, const struct uop *u,
                                     __m256i s)
{
    __m256i a = avx_get256(c, u->aux);
    __m128i low =
        sse_imm_MPSADBW(_mm256_castsi256_si128(a), _mm256_castsi256_si128(s),
                        (unsigned)u->imm & 7);
    __m128i high = sse_imm_MPSADBW(_mm256_extracti128_si256(a, 1),
                                   _mm256_extracti128_si256(s, 1),
                                   (unsigned)u->imm >> 3 & 7);
    avx_put256(c, u->dst, _mm256_set_m128i(high, low));
}

#define BOTH_HANDLERS(name)                                                    \
    AVX_HANDLERS(avx_##name##_128, 128, 16, effect_##name##128)                \
    AVX_HANDLERS(avx_##name##_256, 256, 32, effect_##name##256)
BOTH_HANDLERS(shuf_dword)
BOTH_HANDLERS(shuf_word)
BOTH_HANDLERS(shuf_two)
BOTH_HANDLERS(blend_word)
BOTH_HANDLERS(blend_dword)
BOTH_HANDLERS(align)
BOTH_HANDLERS(mpsadbw)
AVX_HANDLERS(avx_perm_one_256, 256, 32, effect_perm_one256)
AVX_HANDLERS(avx_perm_two_256, 256, 32, effect_perm_two256)
AVX_HANDLERS(avx_insertps_128, 128, 4, effect_insertps128)

/* Shifts by imm8 are the host's shifts by a register. */
#define SHIFT_WIDTH(m, host, bits)                                             \
    AVX_BODY3(body_shift_##m##_##bits, host, bits, bits, 128)                  \
    UOP_STATIC(shift_##m##_##bits)                                             \
    {                                                                          \
        avx_put##bits(c, u->dst,                                               \
                      body_shift_##m##_##bits(avx_get##bits(c, u->src),        \
                                              vec_imm(u->imm)));               \
        UOP_NEXT(c, u);                                                        \
    }
#define SHIFT(m, host)                                                         \
    SHIFT_WIDTH(m, host, 128)                                                  \
    SHIFT_WIDTH(m, host, 256)
AVX_SHIFT_LIST(SHIFT)

/* PSHUFB gives 0 for an index with bit 7 set. */
#define BYTE_SHIFTS(bits, p)                                                   \
    UOP_STATIC(shift_VPSRLDQ_##bits)                                           \
    {                                                                          \
        AVX_V(bits)                                                            \
        control = p##_add_epi8(                                                \
            p##_add_epi8(LANES##bits(IOTA), p##_set1_epi8((char)u->imm)),      \
            p##_set1_epi8(0x70));                                              \
        avx_put##bits(c, u->dst,                                               \
                      p##_shuffle_epi8(avx_get##bits(c, u->src), control));    \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(shift_VPSLLDQ_##bits)                                           \
    {                                                                          \
        AVX_V(bits)                                                            \
        control =                                                              \
            p##_sub_epi8(LANES##bits(IOTA), p##_set1_epi8((char)u->imm));      \
        avx_put##bits(c, u->dst,                                               \
                      p##_shuffle_epi8(avx_get##bits(c, u->src), control));    \
        UOP_NEXT(c, u);                                                        \
    }
BOTH(BYTE_SHIFTS)

#define BLENDV_WIDTH(m, host, bits)                                            \
    ALWAYS_INLINE void effect_##m##bits(struct cpu *c, const struct uop *u,    \
                                        AVX_V(bits) s)                         \
    {                                                                          \
        AVX_V(bits) mask = avx_get##bits(c, (unsigned)u->imm), d;              \
        __asm__ volatile(host " %3, %2, %1, %0"                                \
                         : "=x"(d)                                             \
                         : "x"(avx_get##bits(c, u->aux)), "x"(s), "x"(mask));  \
        avx_put##bits(c, u->dst, d);                                           \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_##bits, bits, bits / 8, effect_##m##bits)
#define BLENDV(m, host)                                                        \
    BLENDV_WIDTH(m, host, 128)                                                 \
    BLENDV_WIDTH(m, host, 256)
AVX_BLENDV_LIST(BLENDV)

/* SDM Vol.2 PTEST, VTESTPS: ZF and CF; the other flags are cleared. */
#define TEST_WIDTH(m, host, bits)                                              \
    ALWAYS_INLINE void effect_##m##bits(struct cpu *c, const struct uop *u,    \
                                        AVX_V(bits) s)                         \
    {                                                                          \
        bool cf, zf;                                                           \
        __asm__ volatile(host " %3, %2"                                        \
                         : "=@ccc"(cf), "=@ccz"(zf)                            \
                         : "x"(avx_get##bits(c, u->dst)), "x"(s));             \
        flags_set_arith(c, (uint32_t)cf | (uint32_t)zf << 6);                  \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_##bits, bits, bits / 8, effect_##m##bits)
#define TEST(m, host)                                                          \
    TEST_WIDTH(m, host, 128)                                                   \
    TEST_WIDTH(m, host, 256)
AVX_TEST_LIST(TEST)

/* A mask in XMM0 has its upper half zeroed, an index touches none. */
ALWAYS_INLINE void effect_string(struct cpu *c, const struct uop *u, __m128i s)
{
    sse_string_compare(c, u, s);
    if (u->aux & STR_MASK)
        avx_put128(c, 0, avx_get128(c, 0));
}
AVX_HANDLERS(avx_string_128, 128, 16, effect_string)

const struct exec_avx_imm_table ENGINE(exec_avx_imm) = {
    .op =
        {
            [AVX_SHUF_DWORD] = AVX_FORMS(shuf_dword),
            [AVX_SHUF_WORD] = AVX_FORMS(shuf_word),
            [AVX_SHUF_TWO] = AVX_FORMS(shuf_two),
            [AVX_BLEND_WORD] = AVX_FORMS(blend_word),
            [AVX_BLEND_DWORD] = AVX_FORMS(blend_dword),
            [AVX_ALIGN] = AVX_FORMS(align),
            [AVX_PERM_ONE] = AVX_FORMS_256(perm_one),
            [AVX_PERM_TWO] = AVX_FORMS_256(perm_two),
            [AVX_MPSADBW] = AVX_FORMS(mpsadbw),
            [AVX_INSERTPS] = AVX_FORMS_128(insertps),
        },
    .shift =
        {
#define X(m, host)                                                             \
    [AVX_SHIFT_##m] = {ENGINE(shift_##m##_128), ENGINE(shift_##m##_256)},
            AVX_SHIFT_LIST(X) X(VPSLLDQ, ) X(VPSRLDQ, )
#undef X
        },
    .blendv =
        {
#define X(m, host) [AVX_BLENDV_##m] = AVX_FORMS(m),
            AVX_BLENDV_LIST(X)
#undef X
        },
    .test =
        {
#define X(m, host) [AVX_TEST_##m] = AVX_FORMS(m),
            AVX_TEST_LIST(X)
#undef X
        },
    .string = AVX_FORMS_128(string)};
