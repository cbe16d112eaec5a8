/* SPDX-License-Identifier: Apache-2.0
 * Handlers of AES and PCLMULQDQ in their VEX encodings.
 */
#include "cpu/avx_body.h"
#include "cpu/crypto.h"

/* Every 128 bits by themselves, so that no host needs VAES or VPCLMULQDQ. */
#define HALVES(m, host)                                                        \
    AVX_ROW3_128(m, "v" host, 16)                                              \
    ALWAYS_INLINE void effect_##m##_256(struct cpu *c, const struct uop *u,    \
                                        __m256i s)                             \
    {                                                                          \
        __m256i a = avx_get256(c, u->aux);                                     \
        __m128i low = body_##m##_128(_mm256_castsi256_si128(a),                \
                                     _mm256_castsi256_si128(s));               \
        __m128i high = body_##m##_128(_mm256_extracti128_si256(a, 1),          \
                                      _mm256_extracti128_si256(s, 1));         \
        avx_put256(c, u->dst, _mm256_set_m128i(high, low));                    \
    }                                                                          \
    AVX_HANDLERS(avx_##m##_256, 256, 32, effect_##m##_256)

#define CRYPTO_AES(m, host)   HALVES(m, host)
#define CRYPTO_CLMUL(m, host) HALVES(m, host)
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"

AVX_ROW2_128(AESIMC, "vaesimc", 16)

ALWAYS_INLINE void effect_keygen(struct cpu *c, const struct uop *u, __m128i s)
{
    __m128i d, rcon = _mm_set1_epi64x((int64_t)u->imm);
    __asm__ volatile("vaeskeygenassist $0, %1, %0" : "=x"(d) : "x"(s));
    avx_put128(c, u->dst, _mm_xor_si128(d, rcon));
}
AVX_HANDLERS(avx_AESKEYGENASSIST_128, 128, 16, effect_keygen)

const struct exec_avx_crypto_table ENGINE(exec_avx_crypto) = {
    .op = {
#define CRYPTO_AES(m, host)   [CRYPTO_##m] = AVX_FORMS(m),
#define CRYPTO_CLMUL(m, host) [CRYPTO_##m] = AVX_FORMS(m),
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
        [CRYPTO_AESIMC] = AVX_FORMS_128(AESIMC),
        [CRYPTO_AESKEYGENASSIST] = AVX_FORMS_128(AESKEYGENASSIST),
    }};
