/* SPDX-License-Identifier: Apache-2.0
 * Handlers of vector instructions that exchange values with general
 * registers by conversion, or set EFLAGS.
 */
#include "cpu/flags.h"
#include "cpu/plant.h"
#include "cpu/sse_cvt.h"

/* CVTSI2SS, CVTSI2SD: src is a general register or memory. */
#define CVT(name, host, size)                                                  \
    UOP_STATIC(sse_##name##_reg)                                               \
    {                                                                          \
        vec_put(c, u->dst,                                                     \
                cvt_##name(vec_get(c, u->dst), REG(uint64_t, c, u->src)));     \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    ALWAYS_INLINE void effect_##name(struct cpu *c, const struct uop *u,       \
                                     __m128i s)                                \
    {                                                                          \
        vec_put(                                                               \
            c, u->dst,                                                         \
            cvt_##name(vec_get(c, u->dst), (uint64_t)_mm_cvtsi128_si64(s)));   \
    }                                                                          \
    VEC_MEM_HANDLER(sse_##name##_mem, size, false, effect_##name)
SSE_CVT_FROM_LIST(CVT)
#undef CVT

/* CVT(T)SS2SI, CVT(T)SD2SI: dst is a general register. */
#define CVT(name, host, size)                                                  \
    ALWAYS_INLINE void effect_##name(struct cpu *c, const struct uop *u,       \
                                     __m128i s)                                \
    {                                                                          \
        REG(uint64_t, c, u->dst) = cvt_##name(s);                              \
    }                                                                          \
    VEC_REG_HANDLER(sse_##name##_reg, effect_##name)                           \
    VEC_MEM_HANDLER(sse_##name##_mem, size, false, effect_##name)
SSE_CVT_TO_LIST(CVT)
#undef CVT

#define SSE_FLAGS_HANDLERS(m, size)                                            \
    ALWAYS_INLINE void effect_##m(struct cpu *c, const struct uop *u,          \
                                  __m128i s)                                   \
    {                                                                          \
        flags_set_arith(c,                                                     \
                        flags_##m(vec_get(c, u->dst), s) &                     \
                            ~(PLANTED(c, PLANT_COMIS_PARITY) ? FLAG_PF : 0u)); \
    }                                                                          \
    VEC_REG_HANDLER(sse_##m##_reg, effect_##m)                                 \
    VEC_MEM_HANDLER(sse_##m##_mem, size, (size) == 16, effect_##m)
SSE_FLAGS_HANDLERS(COMISS, 4)
SSE_FLAGS_HANDLERS(UCOMISS, 4)
SSE_FLAGS_HANDLERS(COMISD, 8)
SSE_FLAGS_HANDLERS(UCOMISD, 8)
SSE_FLAGS_HANDLERS(PTEST, 16)

const struct exec_sse_cvt_table ENGINE(exec_sse_cvt) = {
    .cvt =
        {
#define CVT(name, ...)                                                         \
    [CVT_##name] = {ENGINE(sse_##name##_reg), ENGINE(sse_##name##_mem)},
            SSE_CVT_FROM_LIST(CVT) SSE_CVT_TO_LIST(CVT)
#undef CVT
        },
    .flags = {
#define ROW(m) [SSE_##m] = {ENGINE(sse_##m##_reg), ENGINE(sse_##m##_mem)}
        ROW(COMISS),
        ROW(UCOMISS),
        ROW(COMISD),
        ROW(UCOMISD),
        ROW(PTEST),
#undef ROW
    }};
