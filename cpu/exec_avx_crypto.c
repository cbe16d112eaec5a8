/* SPDX-License-Identifier: Apache-2.0
 * Handlers of AES and PCLMULQDQ in their VEX encodings.
 */
#include "cpu/avx_body.h"
#include "cpu/crypto.h"

#define CRYPTO_AES(m, host) AVX_ROW3(m, "v" host, 16, 32, 256)
#define CRYPTO_OP(m, host, feature)
#define CRYPTO_AUX(m, host)
#define CRYPTO_CLMUL(m, host) AVX_ROW3(m, "v" host, 16, 32, 256)
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

const struct exec_avx_crypto_table ENGINE(exec_avx_crypto) = {.op = {
#define CRYPTO_AES(m, host) [CRYPTO_##m] = AVX_FORMS(m),
#define CRYPTO_OP(m, host, feature)
#define CRYPTO_AUX(m, host)
#define CRYPTO_CLMUL(m, host) [CRYPTO_##m] = AVX_FORMS(m),
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
    [CRYPTO_AESIMC] = AVX_FORMS_128(AESIMC),
    [CRYPTO_AESKEYGENASSIST] = AVX_FORMS_128(AESKEYGENASSIST),
}};
