/* SPDX-License-Identifier: Apache-2.0
 * Vector instructions whose host form needs imm8 as a constant: one case a
 * value. The string compares, made exactly from the intermediate result of
 * one host instruction. Conversions and compares as plain functions, for the
 * checked forms.
 */
#include "cpu/flags.h"
#include "cpu/sse_cvt.h"

/* AT&T order: immediate, source, destination. */
#define CASE(n, host)                                                          \
    case (n):                                                                  \
        __asm__ volatile(host " %2, %1, %0" : "+x"(d) : "x"(s), "i"(n));       \
        break;
#define CASES4(n, host)                                                        \
    CASE((n), host)                                                            \
    CASE((n) + 1, host)                                                        \
    CASE((n) + 2, host)                                                        \
    CASE((n) + 3, host)
#define CASES8(n, host)                                                        \
    CASES4(n, host)                                                            \
    CASES4((n) + 4, host)
#define CASES16(n, host)                                                       \
    CASES8(n, host)                                                            \
    CASES8((n) + 8, host)
#define CASES64(n, host)                                                       \
    CASES16(n, host)                                                           \
    CASES16((n) + 16, host)                                                    \
    CASES16((n) + 32, host)                                                    \
    CASES16((n) + 48, host)
#define CASES256(n, host)                                                      \
    CASES64(n, host)                                                           \
    CASES64((n) + 64, host)                                                    \
    CASES64((n) + 128, host)                                                   \
    CASES64((n) + 192, host)

/* Bits of imm8 outside `mask` are ignored by the instruction. */
#define SSE_IMM_FUNCTION(m, host, mask, cases)                                 \
    __m128i sse_imm_##m(__m128i d, __m128i s, unsigned imm)                    \
    {                                                                          \
        switch (imm & (mask)) {                                                \
            cases(0, host) default : break;                                    \
        }                                                                      \
        return d;                                                              \
    }

SSE_IMM_FUNCTION(ROUNDPS, "roundps", 0xf, CASES16)
SSE_IMM_FUNCTION(ROUNDPD, "roundpd", 0xf, CASES16)
SSE_IMM_FUNCTION(ROUNDSS, "roundss", 0xf, CASES16)
SSE_IMM_FUNCTION(ROUNDSD, "roundsd", 0xf, CASES16)
SSE_IMM_FUNCTION(DPPS, "dpps", 0xff, CASES256)
SSE_IMM_FUNCTION(DPPD, "dppd", 0xff, CASES256)
SSE_IMM_FUNCTION(MPSADBW, "mpsadbw", 0x7, CASES8)
SSE_IMM_FUNCTION(INSERTPS, "insertps", 0xff, CASES256)

/*
 * IntRes2 of a string compare, a bit an element, for lengths la and lb.
 * PCMPESTRM with imm8[6] clear leaves exactly that in XMM0. SDM Vol.2
 * "Imm8 Control Byte Operation for PCMPESTRI/PCMPESTRM/...".
 */
#undef CASE
#define CASE(n, host)                                                          \
    case (n):                                                                  \
        __asm__ volatile(host " %4, %2, %1"                                    \
                         : "=Yz"(r)                                            \
                         : "x"(d), "x"(s), "a"(la), "i"(n), "d"(lb)            \
                         : "ecx", "cc");                                       \
        break;

static uint32_t string_result(__m128i d, __m128i s, uint32_t la, uint32_t lb,
                              unsigned imm)
{
    __m128i r;
    switch (imm & 0x3f) {
        CASES64(0, "pcmpestrm")
    default: r = _mm_setzero_si128(); break;
    }
    return (uint32_t)_mm_cvtsi128_si32(r);
}

/* Elements before the first zero one; `max` when there is none. */
static uint32_t string_implicit_length(__m128i x, bool words)
{
    __m128i zero = _mm_setzero_si128();
    __m128i eq = words ? _mm_cmpeq_epi16(x, zero) : _mm_cmpeq_epi8(x, zero);
    uint32_t mask = (uint32_t)_mm_movemask_epi8(eq);
    if (mask == 0)
        return words ? 8 : 16;
    return (uint32_t)__builtin_ctz(mask) >> (words ? 1 : 0);
}

/* Explicit length: absolute value of EAX / EDX (RAX / RDX with REX.W),
 * saturated. */
static uint32_t string_explicit_length(uint64_t reg, bool wide, uint32_t max)
{
    int64_t v = wide ? (int64_t)reg : (int32_t)(uint32_t)reg;
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    return magnitude > max ? max : (uint32_t)magnitude;
}

static uint32_t string_index(uint32_t result, uint32_t max, bool msb)
{
    if (result == 0)
        return max;
    return (uint32_t)(msb ? 31 - __builtin_clz(result) : __builtin_ctz(result));
}

/* The result as a mask in XMM0: bits, or whole elements. */
static void string_store_mask(struct cpu *c, uint32_t result, bool words,
                              bool expand)
{
    uint64_t out[2] = {result, 0};
    if (expand) {
        unsigned width = words ? 16 : 8;
        out[0] = 0;
        for (unsigned i = 0; i < 128 / width; i++)
            if (result >> i & 1)
                out[i * width / 64] |= bits_mask(width) << (i * width % 64);
    }
    c->v[0].u64[0] = out[0];
    c->v[0].u64[1] = out[1];
}

void sse_string_compare(struct cpu *c, const struct uop *u, __m128i s)
{
    unsigned imm = u->aux & STR_IMM;
    bool words = (imm & 1) != 0, wide = (u->aux & STR_REXW) != 0;
    uint32_t max = words ? 8 : 16;
    __m128i d = vec_get(c, u->dst);
    uint32_t la, lb;
    if (u->aux & STR_EXPLICIT) {
        la = string_explicit_length(c->gpr[REG_RAX], wide, max);
        lb = string_explicit_length(c->gpr[REG_RDX], wide, max);
    } else {
        la = string_implicit_length(d, words);
        lb = string_implicit_length(s, words);
    }
    uint32_t result = string_result(d, s, la, lb, imm);
    if (u->aux & STR_MASK)
        string_store_mask(c, result, words, (imm & 0x40) != 0);
    else
        c->gpr[REG_RCX] = string_index(result, max, (imm & 0x40) != 0);
    flags_set_arith(
        c, (result != 0 ? FLAG_CF : 0u) | (lb < max ? FLAG_ZF : 0u) |
               (la < max ? FLAG_SF : 0u) | (result & 1 ? FLAG_OF : 0u));
}

uint32_t sse_flags(enum sse_flag_op op, __m128i d, __m128i s)
{
    switch (op) {
    case SSE_COMISS: return flags_COMISS(d, s);
    case SSE_UCOMISS: return flags_UCOMISS(d, s);
    case SSE_COMISD: return flags_COMISD(d, s);
    case SSE_UCOMISD: return flags_UCOMISD(d, s);
    case SSE_PTEST: return flags_PTEST(d, s);
    case SSE_FLAG_OPS: break;
    }
    return 0;
}

__m128i sse_cvt_from_gpr(enum sse_cvt_op op, __m128i d, uint64_t s)
{
#define CVT(name, host, size)                                                  \
    if (op == CVT_##name)                                                      \
        return cvt_##name(d, s);
    SSE_CVT_FROM_LIST(CVT)
#undef CVT
    return d;
}

uint64_t sse_cvt_to_gpr(enum sse_cvt_op op, __m128i s)
{
#define CVT(name, host, size)                                                  \
    if (op == CVT_##name)                                                      \
        return cvt_##name(s);
    SSE_CVT_TO_LIST(CVT)
#undef CVT
    return 0;
}
