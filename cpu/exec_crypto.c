/* SPDX-License-Identifier: Apache-2.0
 * Handlers of AES, PCLMULQDQ and SHA in their legacy encodings, and of GFNI
 * in all encodings.
 */
#include "cpu/crypto.h"
#include "cpu/sse_body.h"

#define CRYPTO_AES(m, host)         SSE_HANDLERS(m, host, 16)
#define CRYPTO_OP(m, host, feature) SSE_HANDLERS(m, host, 16)
#define CRYPTO_AUX(m, host)         SSE_HANDLERS(m, host, 16)
#define CRYPTO_CLMUL(m, host)       SSE_HANDLERS(m, host, 16)
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"

/* The round constants are in XMM0. */
ALWAYS_INLINE void effect_sha256rnds2(struct cpu *c, const struct uop *u,
                                      __m128i s)
{
    register __m128i k __asm__("xmm0") = vec_get(c, 0);
    __m128i d = vec_get(c, u->dst);
    __asm__ volatile("sha256rnds2 %%xmm0, %1, %0" : "+x"(d) : "x"(s), "x"(k));
    vec_put(c, u->dst, d);
}
VEC_REG_HANDLER(sse_SHA256RNDS2_reg, effect_sha256rnds2)
VEC_MEM_HANDLER(sse_SHA256RNDS2_mem, 16, true, effect_sha256rnds2)

/* RCON goes into dwords 1 and 3, whatever the source. */
ALWAYS_INLINE void effect_keygen(struct cpu *c, const struct uop *u, __m128i s)
{
    __m128i d, rcon = _mm_set1_epi64x((int64_t)u->imm);
    __asm__ volatile("aeskeygenassist $0, %1, %0" : "=x"(d) : "x"(s));
    if (!PLANTED(c, PLANT_AESKEYGEN_NO_RCON))
        d = _mm_xor_si128(d, rcon);
    vec_put(c, u->dst, d);
}
VEC_REG_HANDLER(sse_AESKEYGENASSIST_reg, effect_keygen)
VEC_MEM_HANDLER(sse_AESKEYGENASSIST_mem, 16, true, effect_keygen)

/* --- GFNI --- */

#define GFNI_BYTES(u)  ((unsigned)((u)->imm >> 16 & 0xff))
#define GFNI_LEGACY(u) (((u)->imm >> 24 & 1) != 0)

/* The second source is at p; it may be the destination itself. */
static void gfni(struct cpu *c, const struct uop *u, const uint8_t *p)
{
    enum gfni_op op = (enum gfni_op)(u->imm & 0xff);
    unsigned imm8 = u->imm >> 8 & 0xff, qwords = GFNI_BYTES(u) / 8;
    const uint64_t *a = c->v[u->aux].u64;
    uint64_t *d = c->v[u->dst].u64;
    for (unsigned i = 0; i < qwords; i++)
        d[i] = gfni_qword(op, a[i], mem_get(p + (size_t)i * 8, 8), imm8);
    if (qwords == 2 && !GFNI_LEGACY(u))
        d[2] = d[3] = 0;
}

UOP_STATIC(gfni_reg)
{
    gfni(c, u, c->v[u->src].u8);
    UOP_NEXT(c, u);
}

static __attribute__((noinline, cold)) UOP_SLOW(gfni_mem)
{
    if (UNLIKELY(!vec_slow_load(c, u, GFNI_BYTES(u), GFNI_LEGACY(u))))
        return uop_fault(c, u);
    gfni(c, u, c->slow.u8);
    UOP_NEXT(c, u);
}

UOP_STATIC(gfni_mem)
{
    const uint8_t *p = vec_hit(c, u, GFNI_BYTES(u), GFNI_LEGACY(u));
    if (UNLIKELY(p == NULL))
        VEC_TAIL(gfni_mem_slow);
    gfni(c, u, p);
    UOP_NEXT(c, u);
}

#define ROW(m) [CRYPTO_##m] = {ENGINE(sse_##m##_reg), ENGINE(sse_##m##_mem)}
const struct exec_crypto_table ENGINE(exec_crypto) = {
    .op =
        {
#define CRYPTO_AES(m, host)         ROW(m),
#define CRYPTO_OP(m, host, feature) ROW(m),
#define CRYPTO_AUX(m, host)         ROW(m),
#define CRYPTO_CLMUL(m, host)       ROW(m),
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
            ROW(SHA256RNDS2),
            ROW(AESKEYGENASSIST),
        },
    .gfni = {ENGINE(gfni_reg), ENGINE(gfni_mem)},
};
