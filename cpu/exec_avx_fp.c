/* SPDX-License-Identifier: Apache-2.0
 * Handlers of VEX-encoded vector instructions that may raise SIMD
 * floating-point exceptions, all of them masked: the host's MXCSR is the
 * guest's (cpu/fpu.h) and gathers the flags.
 */
#include "cpu/avx_fp_body.h"

/* dst = op(rm), with widths of the 256-bit form of their own. */
#define FP_ROW2(m, host, size128, size256, D, S)                               \
    AVX_ROW2_128(m, host, size128)                                             \
    AVX_BODY2(wide_##m, host, D, S)                                            \
    ALWAYS_INLINE void effect_wide_##m(struct cpu *c, const struct uop *u,     \
                                       AVX_V(S) s)                             \
    {                                                                          \
        avx_put##D(c, u->dst, wide_##m(s));                                    \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_256, S, size256, effect_wide_##m)

/* With imm8 in u->imm. */
#define FP_EFFECT3_I(m, host, bits, size, values)                              \
    AVX_BODY3_I(body_##m##_##bits, host, bits, values)                         \
    ALWAYS_INLINE void effect_##m##_##bits(struct cpu *c, const struct uop *u, \
                                           AVX_V(bits) s)                      \
    {                                                                          \
        unsigned imm = (unsigned)u->imm;                                       \
        if (PLANTED(c, PLANT_VCMP_3BITS) && (values) == 32)                    \
            imm &= 7;                                                          \
        avx_put##bits(c, u->dst,                                               \
                      body_##m##_##bits(avx_get##bits(c, u->aux), s, imm));    \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_##bits, bits, size, effect_##m##_##bits)
#define FP_EFFECT2_I(m, host, bits, size, values)                              \
    AVX_BODY2_I(body_##m##_##bits, host, bits, values)                         \
    ALWAYS_INLINE void effect_##m##_##bits(struct cpu *c, const struct uop *u, \
                                           AVX_V(bits) s)                      \
    {                                                                          \
        avx_put##bits(c, u->dst, body_##m##_##bits(s, (unsigned)u->imm));      \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_##bits, bits, size, effect_##m##_##bits)

#define AVX_FP3(m, host, cost, lanes, shape)         AVX_ROW3(m, host, 16, 32, 256)
#define AVX_FP3_S(m, host, size, cost, lanes, shape) AVX_ROW3_128(m, host, size)
#define AVX_FP2(m, host, size128, size256, D, S, cost, lanes, shape)           \
    FP_ROW2(m, host, size128, size256, D, S)
#define AVX_FP3_I(m, host, size, cost, values)                                 \
    FP_EFFECT3_I(m, host, 128, 16, values)                                     \
    FP_EFFECT3_I(m, host, 256, 32, values)
#define AVX_FP3_SI(m, host, size, cost, values)                                \
    FP_EFFECT3_I(m, host, 128, size, values)
#define AVX_FP2_I(m, host, size, cost, values)                                 \
    FP_EFFECT2_I(m, host, 128, 16, values)                                     \
    FP_EFFECT2_I(m, host, 256, 32, values)
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"

FP_ROW2(VCVTPH2PS, "vcvtph2ps", 8, 16, 256, 128)

/* --- dot products --- */

ALWAYS_INLINE void effect_dpps128(struct cpu *c, const struct uop *u, __m128i s)
{
    avx_put128(c, u->dst,
               sse_imm_DPPS(avx_get128(c, u->aux), s, (unsigned)u->imm));
}
AVX_HANDLERS(avx_VDPPS_128, 128, 16, effect_dpps128)

ALWAYS_INLINE void effect_dpps256(struct cpu *c, const struct uop *u, __m256i s)
{
    avx_put256(c, u->dst, dpps_256(avx_get256(c, u->aux), s, (unsigned)u->imm));
}
AVX_HANDLERS(avx_VDPPS_256, 256, 32, effect_dpps256)

ALWAYS_INLINE void effect_dppd(struct cpu *c, const struct uop *u, __m128i s)
{
    avx_put128(c, u->dst,
               sse_imm_DPPD(avx_get128(c, u->aux), s, (unsigned)u->imm));
}
AVX_HANDLERS(avx_VDPPD_128, 128, 16, effect_dppd)

/* --- VCVTSI2SS, VCVTSI2SD --- */

#define FROM_GPR(name, host, size)                                             \
    UOP_STATIC(from_##name##_reg)                                              \
    {                                                                          \
        avx_put128(                                                            \
            c, u->dst,                                                         \
            from_gpr_##name(avx_get128(c, u->aux), REG(uint64_t, c, u->src))); \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    ALWAYS_INLINE void effect_from_##name(struct cpu *c, const struct uop *u,  \
                                          __m128i s)                           \
    {                                                                          \
        avx_put128(c, u->dst,                                                  \
                   from_gpr_##name(avx_get128(c, u->aux),                      \
                                   (uint64_t)_mm_cvtsi128_si64(s)));           \
    }                                                                          \
    AVX_MEM_HANDLER(from_##name##_mem, 128, size, false, effect_from_##name)
AVX_FROM_GPR_LIST(FROM_GPR)

/* --- VCVTPS2PH --- */

ALWAYS_INLINE unsigned half_imm(const struct cpu *c, const struct uop *u)
{
    (void)c;
    return PLANTED(c, PLANT_PS2PH_IMM) ? 4 : (unsigned)u->imm;
}

/* To memory: a store that would fault must not leave flags in the host's
 * MXCSR, so the slow way asks first. */
#define TO_HALF(bits, size)                                                    \
    UOP_STATIC(to_half_##bits##_reg)                                           \
    {                                                                          \
        avx_put128(c, u->dst,                                                  \
                   to_half_##bits(avx_get##bits(c, u->src), half_imm(c, u)));  \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    static __attribute__((noinline, cold)) UOP_SLOW(to_half_##bits)            \
    {                                                                          \
        uint64_t lin = uop_ea(c, u);                                           \
        if (UNLIKELY(!mem_store_probe(c, u, lin, size)))                       \
            return uop_fault(c, u);                                            \
        __m128i h = to_half_##bits(avx_get##bits(c, u->src), half_imm(c, u));  \
        memcpy(c->slow.u8, &h, sizeof h);                                      \
        if (UNLIKELY(!mem_store_slow(c, u, lin, size, false)))                 \
            return uop_fault(c, u);                                            \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(to_half_##bits##_mem)                                           \
    {                                                                          \
        uint8_t *p = MEM_HIT_WRITE(&c->hot, uop_ea(c, u), size);               \
        if (UNLIKELY(p == NULL))                                               \
            VEC_TAIL(to_half_##bits##_slow);                                   \
        __m128i h = to_half_##bits(avx_get##bits(c, u->src), half_imm(c, u));  \
        memcpy(p, &h, size);                                                   \
        UOP_NEXT(c, u);                                                        \
    }
TO_HALF(128, 8)
TO_HALF(256, 16)

const struct exec_avx_fp_table ENGINE(exec_avx_fp) = {
    .op =
        {
#define AVX_FP3(m, ...)    AVX_TABLE_ROW(m),
#define AVX_FP3_S(m, ...)  AVX_TABLE_ROW_128(m),
#define AVX_FP2(m, ...)    AVX_TABLE_ROW(m),
#define AVX_FP3_I(m, ...)  AVX_TABLE_ROW(m),
#define AVX_FP3_SI(m, ...) AVX_TABLE_ROW_128(m),
#define AVX_FP2_I(m, ...)  AVX_TABLE_ROW(m),
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"
            AVX_TABLE_ROW(VDPPS),
            AVX_TABLE_ROW_128(VDPPD),
            AVX_TABLE_ROW(VCVTPH2PS),
        },
    .from_gpr =
        {
#define ROW(name, host, size) [CVT_##name] = AVX_PAIR(from_##name),
            AVX_FROM_GPR_LIST(ROW)
#undef ROW
        },
    .to_half = {.l = {AVX_PAIR(to_half_128), AVX_PAIR(to_half_256)}},
};
