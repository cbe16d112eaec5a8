/* SPDX-License-Identifier: Apache-2.0
 * MMX handlers. The host's own MMX instructions compute, followed by EMMS so
 * that the host's x87 stays empty. MMX register i is the low half of x87
 * register i. SDM Vol.1 "Programming with Intel MMX Technology".
 */
#include "cpu/mmx.h"
#include "cpu/sse_body.h"

/* A pending x87 exception comes before anything an MMX instruction does. */
static __attribute__((noinline, cold)) UOP_SLOW(mmx_pending)
{
    uop_sync(c, u);
    (void)fpu_pending(c);
    uop_unsync(c, u);
    return uop_fault(c, u);
}

/* The memory source of aux bytes, 4 or 8, in c->slow.u64[0]. False: c->event
 * is valid. */
static bool mmx_source(struct cpu *c, const struct uop *u, unsigned size)
{
    return size == 4   ? mem_load(c, u, uop_ea(c, u), 4, &c->slow.u64[0])
           : size == 2 ? mem_load(c, u, uop_ea(c, u), 2, &c->slow.u64[0])
                       : mem_load(c, u, uop_ea(c, u), 8, &c->slow.u64[0]);
}

ALWAYS_INLINE uint64_t mmx_get(const struct cpu *c, unsigned n)
{
    return c->x87.st[n].u64[0];
}

#define MMX_CHECK()                                                            \
    if (UNLIKELY(fpu_x87_pending(c)))                                          \
    VEC_TAIL(mmx_pending_slow)

#define MMX_BODY(m, host)                                                      \
    static uint64_t body_##m(uint64_t d, uint64_t s)                           \
    {                                                                          \
        uint64_t r;                                                            \
        __asm__ volatile("movq %1, %%mm0\n\tmovq %2, %%mm1\n\t" host           \
                         " %%mm1, %%mm0\n\tmovq %%mm0, %0\n\temms"             \
                         : "=r"(r)                                             \
                         : "r"(d), "r"(s)                                      \
                         : "mm0", "mm1");                                      \
        return r;                                                              \
    }

#define MMX_HANDLERS(m)                                                        \
    UOP_STATIC(mmx_##m##_reg)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        mmx_put(c, u->dst, body_##m(mmx_get(c, u->dst), mmx_get(c, u->src)));  \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mmx_##m##_mem)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        if (UNLIKELY(!mmx_source(c, u, u->aux)))                               \
            return uop_fault(c, u);                                            \
        mmx_put(c, u->dst, body_##m(mmx_get(c, u->dst), c->slow.u64[0]));      \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mmx_##m##_imm)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        mmx_put(c, u->dst, body_##m(mmx_get(c, u->dst), u->imm));              \
        UOP_NEXT(c, u);                                                        \
    }

#define SSE_INT(m, host, size, feature)
#define SSE_AUX(m, host, size)
#define SSE_MMX(m, host, size, feature_mm, feature)                            \
    MMX_BODY(m, host)                                                          \
    MMX_HANDLERS(m)
#include "cpu/sse_int.def"
#undef SSE_MMX

static uint64_t misc_PSHUFW(uint64_t d, uint64_t s, unsigned imm)
{
    (void)d;
    uint64_t r = 0;
    for (unsigned i = 0; i < 4; i++)
        r |= (s >> (imm >> 2 * i & 3) * 16 & 0xffff) << 16 * i;
    return r;
}

static uint64_t misc_PALIGNR(uint64_t d, uint64_t s, unsigned imm)
{
    if (imm >= 16)
        return 0;
    if (imm >= 8)
        return d >> (imm - 8) * 8;
    return imm == 0 ? s : s >> imm * 8 | d << (8 - imm) * 8;
}

static uint64_t misc_PINSRW(uint64_t d, uint64_t s, unsigned imm)
{
    unsigned at = (imm & 3) * 16;
    return (d & ~(UINT64_C(0xffff) << at)) | (s & 0xffff) << at;
}

static uint64_t misc_LOAD4(uint64_t d, uint64_t s, unsigned imm)
{
    (void)d, (void)imm;
    return (uint32_t)s;
}

static uint64_t misc_LOAD8(uint64_t d, uint64_t s, unsigned imm)
{
    (void)d, (void)imm;
    return s;
}

/* source: how the register form reads src; size: bytes of memory. */
#define MISC(m, source, size)                                                  \
    UOP_STATIC(mmx_##m##_reg)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        mmx_put(c, u->dst, misc_##m(mmx_get(c, u->dst), source, u->aux));      \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mmx_##m##_mem)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        if (UNLIKELY(!mmx_source(c, u, size)))                                 \
            return uop_fault(c, u);                                            \
        mmx_put(c, u->dst,                                                     \
                misc_##m(mmx_get(c, u->dst), c->slow.u64[0], u->aux));         \
        UOP_NEXT(c, u);                                                        \
    }
MISC(PSHUFW, mmx_get(c, u->src), 8)
MISC(PALIGNR, mmx_get(c, u->src), 8)
MISC(PINSRW, REG(uint64_t, c, u->src), 2)
MISC(LOAD4, REG(uint64_t, c, u->src), 4)
MISC(LOAD8, REG(uint64_t, c, u->src), 8)

UOP_STATIC(mmx_copy)
{
    MMX_CHECK();
    mmx_put(c, u->dst, mmx_get(c, u->src));
    UOP_NEXT(c, u);
}

#define OUT(name, ...)                                                         \
    UOP_STATIC(mmx_##name)                                                     \
    {                                                                          \
        MMX_CHECK();                                                           \
        uint64_t s = mmx_get(c, u->src);                                       \
        mmx_touch(c);                                                          \
        REG(uint64_t, c, u->dst) = (__VA_ARGS__);                              \
        UOP_NEXT(c, u);                                                        \
    }
OUT(to_gpr4, (uint32_t)s)
OUT(to_gpr8, s)
OUT(pextrw, s >> (u->aux & 3) * 16 & 0xffff)
OUT(pmovmskb,
    ((s >> 7 & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >>
        56)

#define MMX_STORE(size)                                                        \
    UOP_STATIC(mmx_store##size)                                                \
    {                                                                          \
        MMX_CHECK();                                                           \
        if (UNLIKELY(                                                          \
                !mem_store(c, u, uop_ea(c, u), size, mmx_get(c, u->src))))     \
            return uop_fault(c, u);                                            \
        mmx_touch(c);                                                          \
        UOP_NEXT(c, u);                                                        \
    }
MMX_STORE(4)
MMX_STORE(8)

UOP_STATIC(mmx_movq2dq)
{
    MMX_CHECK();
    vec_put(c, u->dst, vec_imm(mmx_get(c, u->src)));
    mmx_touch(c);
    UOP_NEXT(c, u);
}

UOP_STATIC(mmx_movdq2q)
{
    MMX_CHECK();
    mmx_put(c, u->dst, c->v[u->src].u64[0]);
    UOP_NEXT(c, u);
}

/* EMMS empties every tag; TOP becomes 0 as with the other instructions. */
UOP_STATIC(mmx_emms)
{
    MMX_CHECK();
    mmx_touch(c);
    c->x87.ftw = 0;
    UOP_NEXT(c, u);
}

/* CVTPI2PS, CVTPI2PD: the latter from memory touches no MMX state. */
#define CVT_TO_VEC(m)                                                          \
    UOP_STATIC(mmx_##m##_reg)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        __m128i s = vec_imm(mmx_get(c, u->src));                               \
        mmx_touch(c);                                                          \
        vec_put(c, u->dst, mmx_cvt_to_vec(MMX_##m, vec_get(c, u->dst), s));    \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mmx_##m##_mem)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        if (UNLIKELY(!mmx_source(c, u, 8)))                                    \
            return uop_fault(c, u);                                            \
        if (MMX_##m != MMX_CVTPI2PD)                                           \
            mmx_touch(c);                                                      \
        vec_put(c, u->dst,                                                     \
                mmx_cvt_to_vec(MMX_##m, vec_get(c, u->dst),                    \
                               vec_imm(c->slow.u64[0])));                      \
        UOP_NEXT(c, u);                                                        \
    }
CVT_TO_VEC(CVTPI2PS)
CVT_TO_VEC(CVTPI2PD)

#define CVT_FROM_VEC(m, size)                                                  \
    UOP_STATIC(mmx_##m##_reg)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        mmx_put(c, u->dst, mmx_cvt_from_vec(MMX_##m, vec_get(c, u->src)));     \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(mmx_##m##_mem)                                                  \
    {                                                                          \
        MMX_CHECK();                                                           \
        if (UNLIKELY(!vec_slow_load(c, u, size, (size) == 16)))                \
            return uop_fault(c, u);                                            \
        mmx_put(c, u->dst,                                                     \
                mmx_cvt_from_vec(MMX_##m, vec_from(c->slow.u8, size)));        \
        UOP_NEXT(c, u);                                                        \
    }
CVT_FROM_VEC(CVTPS2PI, 8)
CVT_FROM_VEC(CVTTPS2PI, 8)
CVT_FROM_VEC(CVTPD2PI, 16)
CVT_FROM_VEC(CVTTPD2PI, 16)

#define BOTH(m) [MMX_##m] = {ENGINE(mmx_##m##_reg), ENGINE(mmx_##m##_mem)}
const struct exec_mmx_table ENGINE(exec_mmx) = {
    .op =
        {
#define SSE_MMX(m, host, size, feature_mm, feature)                            \
    [MMX_##m] = {ENGINE(mmx_##m##_reg), ENGINE(mmx_##m##_mem),                 \
                 ENGINE(mmx_##m##_imm)},
#include "cpu/sse_int.def"
        },
    .misc = {BOTH(PSHUFW), BOTH(PALIGNR), BOTH(PINSRW), BOTH(LOAD4),
             BOTH(LOAD8), [MMX_COPY] = {ENGINE(mmx_copy), NULL}},
    .out = {[MMX_TO_GPR4] = ENGINE(mmx_to_gpr4),
            [MMX_TO_GPR8] = ENGINE(mmx_to_gpr8),
            [MMX_STORE4] = ENGINE(mmx_store4),
            [MMX_STORE8] = ENGINE(mmx_store8),
            [MMX_PEXTRW] = ENGINE(mmx_pextrw),
            [MMX_PMOVMSKB] = ENGINE(mmx_pmovmskb),
            [MMX_MOVQ2DQ] = ENGINE(mmx_movq2dq),
            [MMX_MOVDQ2Q] = ENGINE(mmx_movdq2q),
            [MMX_EMMS] = ENGINE(mmx_emms)},
    .cvt = {BOTH(CVTPI2PS), BOTH(CVTPI2PD), BOTH(CVTPS2PI), BOTH(CVTTPS2PI),
            BOTH(CVTPD2PI), BOTH(CVTTPD2PI)}};
