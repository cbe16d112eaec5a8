/* SPDX-License-Identifier: Apache-2.0
 * Handlers of vector instructions that raise no floating-point exception:
 * integer, logic, unpack, register merges, variable blends.
 */
#include "cpu/sse_body.h"

#define SSE_MMX(m, host, size, feature_mm, feature) SSE_HANDLERS(m, host, size)
#define SSE_INT(m, host, size, feature)             SSE_HANDLERS(m, host, size)
#define SSE_AUX(m, host, size)                      SSE_HANDLERS(m, host, size)
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX

/* PBLENDVB, BLENDVPS, BLENDVPD: the mask is XMM0. */
#define SSE_BLENDV(m, host)                                                    \
    ALWAYS_INLINE void effect_##m(struct cpu *c, const struct uop *u,          \
                                  __m128i s)                                   \
    {                                                                          \
        register __m128i mask __asm__("xmm0") = vec_get(c, 0);                 \
        __m128i d = vec_get(c, u->dst);                                        \
        __asm__ volatile(host " %%xmm0, %1, %0"                                \
                         : "+x"(d)                                             \
                         : "x"(s), "x"(mask));                                 \
        vec_put(c, u->dst, d);                                                 \
    }                                                                          \
    VEC_REG_HANDLER(sse_##m##_reg, effect_##m)                                 \
    VEC_MEM_HANDLER(sse_##m##_mem, 16, true, effect_##m)

SSE_BLENDV(PBLENDVB, "pblendvb")
SSE_BLENDV(BLENDVPS, "blendvps")
SSE_BLENDV(BLENDVPD, "blendvpd")

const struct exec_sse_int_table ENGINE(exec_sse_int) = {
    .op =
        {
#define SSE_MMX(m, host, size, feature_mm, feature) SSE_HANDLER_ROW(m),
#define SSE_INT(m, host, size, feature)             SSE_HANDLER_ROW(m),
#define SSE_AUX(m, host, size)                      SSE_HANDLER_ROW(m),
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
        },
    .blendv = {
        {ENGINE(sse_PBLENDVB_reg), ENGINE(sse_PBLENDVB_mem)},
        {ENGINE(sse_BLENDVPS_reg), ENGINE(sse_BLENDVPS_mem)},
        {ENGINE(sse_BLENDVPD_reg), ENGINE(sse_BLENDVPD_mem)},
    }};
