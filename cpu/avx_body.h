/* SPDX-License-Identifier: Apache-2.0
 * Handlers of VEX-encoded vector instructions, made of the host's own ones by
 * inline assembly. Private to the files cpu/exec_avx*.c, which are compiled
 * for AVX2 (CMakeLists.txt).
 *
 * To add an instruction:
 *  1. A row in a .def table, which expands to AVX_ROW3 (dst = op(vvvv, rm)),
 *     AVX_ROW2 (dst = op(rm)) or AVX_ROW_ACC (dst = op(dst, vvvv, rm)) in the
 *     exec file, to AVX_##m in an enumeration, and to AVX_TABLE_ROW in the
 *     table of handlers [op][L][register or memory]; the _128 and _256 variants
 *     have one form only. Whatever fits no row: AVX_HANDLERS with an effect, an
 *     always_inline function (cpu, uop, value of the rm operand) that commits.
 *  2. An INSN row with R_AVX or R_AVX_FP, and R_AVX2_256 when the 256-bit form
 *     needs AVX2 and the 128-bit one AVX alone.
 *  3. In the family function, avx_emit3 or avx_emit2 with the table's entry:
 *     cpu/xlat_avx.h.
 *
 * Operands in the uop: dst and src (the rm register) are numbers, aux is the
 * number of the vvvv register, imm is the form's own: an immediate, what the
 * translator computed from it, or the is4 register.
 *
 * Results are written with avx_put128, which zeroes bits 255:128, or
 * avx_put256; bits 511:256 of a register are always zero. Memory sources need
 * no alignment but where `aligned` is given.
 */
#ifndef VTSIM_CPU_AVX_BODY_H
#define VTSIM_CPU_AVX_BODY_H

#include "cpu/avx.h"
#include "cpu/sse_body.h"

#include <immintrin.h>

/* Types by width, so that one macro serves both: AVX_V(256). */
typedef __m128i avx_v128;
typedef __m256i avx_v256;
#define AVX_V(bits) avx_v##bits

ALWAYS_INLINE __m128i avx_get128(const struct cpu *c, unsigned n)
{
    return vec_get(c, n);
}

ALWAYS_INLINE __m256i avx_get256(const struct cpu *c, unsigned n)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)&c->v[n]);
}

ALWAYS_INLINE void avx_put256(struct cpu *c, unsigned n, __m256i x)
{
    _mm256_storeu_si256((__m256i *)(void *)&c->v[n], x);
}

/* One store of 32 bytes, so that a 256-bit reader is forwarded from it. The
 * move zeroes the host register's upper half, as any VEX.128 write does, and
 * leaves it clean: no VZEROUPPER follows. */
ALWAYS_INLINE void avx_put128(struct cpu *c, unsigned n, __m128i x)
{
    if (PLANTED(c, PLANT_VEX128_KEEPS_UPPER)) {
        vec_put(c, n, x);
        return;
    }
    __asm__("vmovdqa %1, %1\n\tvmovdqu %t1, %0"
            : "=m"(*(__m256i_u *)(void *)&c->v[n]), "+x"(x));
}

/* `size` bytes (a constant) at p, zero-extended to the width. */
ALWAYS_INLINE __m128i avx_from128(const uint8_t *p, unsigned size)
{
    return vec_from(p, size);
}

ALWAYS_INLINE __m256i avx_from256(const uint8_t *p, unsigned size)
{
    if (size == 32)
        return _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm256_zextsi128_si256(vec_from(p, size));
}

/* --- bodies --- */

/* D, A, S: widths in bits of the destination, the vvvv and the rm operand;
 * the operand order is AT&T's. */
#define AVX_BODY2(name, host, D, S)                                            \
    ALWAYS_INLINE AVX_V(D) name(AVX_V(S) s)                                    \
    {                                                                          \
        AVX_V(D) d;                                                            \
        __asm__ volatile(host " %1, %0" : "=x"(d) : "x"(s));                   \
        return d;                                                              \
    }
#define AVX_BODY3(name, host, D, A, S)                                         \
    ALWAYS_INLINE AVX_V(D) name(AVX_V(A) a, AVX_V(S) s)                        \
    {                                                                          \
        AVX_V(D) d;                                                            \
        __asm__ volatile(host " %2, %1, %0" : "=x"(d) : "x"(a), "x"(s));       \
        return d;                                                              \
    }
#define AVX_BODY_ACC(name, host, D, A, S)                                      \
    ALWAYS_INLINE AVX_V(D) name(AVX_V(D) d, AVX_V(A) a, AVX_V(S) s)            \
    {                                                                          \
        __asm__ volatile(host " %2, %1, %0" : "+x"(d) : "x"(a), "x"(s));       \
        return d;                                                              \
    }

/* --- handlers --- */

ALWAYS_INLINE bool avx_aligned(uint64_t lin, unsigned size)
{
    return (lin & (size - 1)) == 0;
}

/* SDM Vol.2 "Exceptions Type 1": #GP(0) for a misaligned operand, before the
 * page is looked at. */
ALWAYS_INLINE bool avx_slow_load(struct cpu *c, const struct uop *u,
                                 unsigned size, bool aligned)
{
    uint64_t lin = uop_ea(c, u);
    if (aligned && !avx_aligned(lin, size)) {
        (void)raise_gp(c, 0);
        return false;
    }
    return mem_load_slow(c, u, lin, size, false);
}

/* Host address of the memory operand, or NULL when the slow path must run. */
ALWAYS_INLINE const uint8_t *avx_hit(struct cpu *c, const struct uop *u,
                                     unsigned size, bool aligned)
{
    uint64_t lin = uop_ea(c, u);
    if (aligned && UNLIKELY(!avx_aligned(lin, size)))
        return NULL;
    return MEM_HIT_READ(&c->hot, lin, size);
}

/* The rm operand is a register of S bits. */
#define AVX_REG_HANDLER(name, S, effect)                                       \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        effect(c, u, avx_get##S(c, u->src));                                   \
        UOP_NEXT(c, u);                                                        \
    }

/* ... or `size` bytes of memory, handed on as S bits. The slow path is a
 * function of its own: see VEC_MEM_HANDLER. */
#define AVX_MEM_HANDLER(name, S, size, aligned, effect)                        \
    static __attribute__((noinline, cold)) UOP_SLOW(name)                      \
    {                                                                          \
        if (UNLIKELY(!avx_slow_load(c, u, (size), (aligned))))                 \
            return uop_fault(c, u);                                            \
        effect(c, u, avx_from##S(c->slow.u8, (size)));                         \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        const uint8_t *p = avx_hit(c, u, (size), (aligned));                   \
        if (UNLIKELY(p == NULL))                                               \
            VEC_TAIL(name##_slow);                                             \
        effect(c, u, avx_from##S(p, (size)));                                  \
        UOP_NEXT(c, u);                                                        \
    }

/* name_reg and name_mem. */
#define AVX_HANDLERS(name, S, size, effect)                                    \
    AVX_REG_HANDLER(name##_reg, S, effect)                                     \
    AVX_MEM_HANDLER(name##_mem, S, size, false, effect)

/* Effects of the row forms: dst of D bits. */
#define AVX_EFFECT2(m, host, D, S)                                             \
    AVX_BODY2(body_##m##_##D, host, D, S)                                      \
    ALWAYS_INLINE void effect_##m##_##D(struct cpu *c, const struct uop *u,    \
                                        AVX_V(S) s)                            \
    {                                                                          \
        avx_put##D(c, u->dst, body_##m##_##D(s));                              \
    }
#define AVX_EFFECT3(m, host, D, A, S)                                          \
    AVX_BODY3(body_##m##_##D, host, D, A, S)                                   \
    ALWAYS_INLINE void effect_##m##_##D(struct cpu *c, const struct uop *u,    \
                                        AVX_V(S) s)                            \
    {                                                                          \
        avx_put##D(c, u->dst, body_##m##_##D(avx_get##A(c, u->aux), s));       \
    }
#define AVX_EFFECT_ACC(m, host, D, A, S)                                       \
    AVX_BODY_ACC(body_##m##_##D, host, D, A, S)                                \
    ALWAYS_INLINE void effect_##m##_##D(struct cpu *c, const struct uop *u,    \
                                        AVX_V(S) s)                            \
    {                                                                          \
        avx_put##D(                                                            \
            c, u->dst,                                                         \
            body_##m##_##D(avx_get##D(c, u->dst), avx_get##A(c, u->aux), s));  \
    }

/*
 * Both lengths of a row: size128 and size256 are the bytes of a memory
 * source, S256 the width of the rm register of the 256-bit form (128 where it
 * stays an XMM register: counts, narrower elements). A scalar row (VEX.LIG)
 * has the 128-bit form alone, and its family uses it whatever L is.
 */
#define AVX_ROW2(m, host, size128, size256, S256)                              \
    AVX_ROW2_128(m, host, size128)                                             \
    AVX_ROW2_256(m, host, size256, S256)
#define AVX_ROW2_256(m, host, size, S256)                                      \
    AVX_EFFECT2(m, host, 256, S256)                                            \
    AVX_HANDLERS(avx_##m##_256, S256, size, effect_##m##_256)
#define AVX_ROW2_128(m, host, size)                                            \
    AVX_EFFECT2(m, host, 128, 128)                                             \
    AVX_HANDLERS(avx_##m##_128, 128, size, effect_##m##_128)
#define AVX_ROW3(m, host, size128, size256, S256)                              \
    AVX_ROW3_128(m, host, size128)                                             \
    AVX_ROW3_256(m, host, size256, S256)
#define AVX_ROW3_256(m, host, size, S256)                                      \
    AVX_EFFECT3(m, host, 256, 256, S256)                                       \
    AVX_HANDLERS(avx_##m##_256, S256, size, effect_##m##_256)
#define AVX_ROW3_128(m, host, size)                                            \
    AVX_EFFECT3(m, host, 128, 128, 128)                                        \
    AVX_HANDLERS(avx_##m##_128, 128, size, effect_##m##_128)
#define AVX_ROW_ACC(m, host, size128, size256)                                 \
    AVX_ROW_ACC_128(m, host, size128)                                          \
    AVX_EFFECT_ACC(m, host, 256, 256, 256)                                     \
    AVX_HANDLERS(avx_##m##_256, 256, size256, effect_##m##_256)
#define AVX_ROW_ACC_128(m, host, size)                                         \
    AVX_EFFECT_ACC(m, host, 128, 128, 128)                                     \
    AVX_HANDLERS(avx_##m##_128, 128, size, effect_##m##_128)

/* Their entries in a table of struct avx_forms: {128 bits, 256 bits}. */
#define AVX_PAIR(name)                                                         \
    {                                                                          \
        ENGINE(name##_reg), ENGINE(name##_mem)                                 \
    }
#define AVX_FORMS(m)                                                           \
    {                                                                          \
        .l = { AVX_PAIR(avx_##m##_128), AVX_PAIR(avx_##m##_256) }              \
    }
#define AVX_FORMS_128(m)                                                       \
    {                                                                          \
        .l = { AVX_PAIR(avx_##m##_128) }                                       \
    }
#define AVX_FORMS_256(m)                                                       \
    {                                                                          \
        .l = { {NULL, NULL}, AVX_PAIR(avx_##m##_256) }                         \
    }
#define AVX_TABLE_ROW(m)     [AVX_##m] = AVX_FORMS(m)
#define AVX_TABLE_ROW_128(m) [AVX_##m] = AVX_FORMS_128(m)
#define AVX_TABLE_ROW_256(m) [AVX_##m] = AVX_FORMS_256(m)

#endif
