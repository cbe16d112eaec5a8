/* SPDX-License-Identifier: Apache-2.0
 * Handlers of AES, PCLMULQDQ and SHA in their legacy encodings, and of GFNI
 * in all encodings.
 */
#include "cpu/crypto.h"
#include "cpu/sse_body.h"

#define CRYPTO_AES(m, host)   SSE_HANDLERS(m, host, 16)
#define CRYPTO_CLMUL(m, host) SSE_HANDLERS(m, host, 16)
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"

SSE_HANDLERS(AESIMC, "aesimc", 16)

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

/* --- SHA --- */

ALWAYS_INLINE void sha(struct cpu *c, const struct uop *u, const uint8_t *p)
{
    sha_apply((enum sha_op)u->imm, c->v[u->dst].u32, p, c->v[0].u32);
}

UOP_STATIC(sha_reg)
{
    sha(c, u, c->v[u->src].u8);
    UOP_NEXT(c, u);
}

static __attribute__((noinline, cold)) UOP_SLOW(sha_mem)
{
    if (UNLIKELY(!vec_slow_load(c, u, 16, true)))
        return uop_fault(c, u);
    sha(c, u, c->slow.u8);
    UOP_NEXT(c, u);
}

UOP_STATIC(sha_mem)
{
    const uint8_t *p = vec_hit(c, u, 16, true);
    if (UNLIKELY(p == NULL))
        VEC_TAIL(sha_mem_slow);
    sha(c, u, p);
    UOP_NEXT(c, u);
}

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
#define CRYPTO_AES(m, host)   ROW(m),
#define CRYPTO_CLMUL(m, host) ROW(m),
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
            ROW(AESIMC),
            ROW(AESKEYGENASSIST),
        },
    .sha = {ENGINE(sha_reg), ENGINE(sha_mem)},
    .gfni = {ENGINE(gfni_reg), ENGINE(gfni_mem)},
};
