/* SPDX-License-Identifier: Apache-2.0
 * AES, PCLMULQDQ, SHA and GFNI: the numbering made from cpu/crypto.def, the
 * handler tables, and those that are in C because few hosts have them.
 */
#ifndef VTSIM_CPU_CRYPTO_H
#define VTSIM_CPU_CRYPTO_H

#include "cpu/avx.h"

enum crypto_op {
#define CRYPTO_AES(m, host)   CRYPTO_##m,
#define CRYPTO_CLMUL(m, host) CRYPTO_##m,
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
    CRYPTO_AESIMC,
    CRYPTO_AESKEYGENASSIST, /* uop.imm: RCON at bit 32 */
    CRYPTO_OPS
};

/* Handlers of legacy encodings, and of GFNI in every encoding. */
struct exec_crypto_table {
    uop_fn *op[CRYPTO_OPS][SSE_FORMS];
    uop_fn *sha[SSE_FORMS];  /* imm: enum sha_op */
    uop_fn *gfni[SSE_FORMS]; /* aux: first source register; imm: GFNI_UOP */
};
/* Of VEX encodings. */
struct exec_avx_crypto_table {
    struct avx_forms op[CRYPTO_OPS];
};
extern const struct exec_crypto_table exec_crypto_off, exec_crypto_simple;
extern const struct exec_avx_crypto_table exec_avx_crypto_off,
    exec_avx_crypto_simple;

/* d = op(d, the 16 bytes at source); xmm0: the low half of that register.
 * They may be the same. cpu/sha.c */
enum sha_op {
    SHA1_ROUNDS4_0, /* by imm8[1:0] */
    SHA1_ROUNDS4_1,
    SHA1_ROUNDS4_2,
    SHA1_ROUNDS4_3,
    SHA1_NEXT_E,
    SHA1_MESSAGE1,
    SHA1_MESSAGE2,
    SHA256_ROUNDS2,
    SHA256_MESSAGE1,
    SHA256_MESSAGE2
};
void sha_apply(enum sha_op op, uint32_t d[4], const uint8_t *source,
               const uint32_t xmm0[2]);

/*
 * GFNI, cpu/gfni.c: arithmetic in GF(2^8) with the reduction
 * polynomial x^8 + x^4 + x^3 + x + 1, 8 bytes at a time.
 */
enum gfni_op { GFNI_MULB, GFNI_AFFINE, GFNI_AFFINE_INVERSE };

/* imm of the handlers: operation, imm8, bytes of the operands, whether the
 * encoding is legacy (keeps bits 255:128, aligned memory operand). */
#define GFNI_UOP(op, imm8, bytes, legacy)                                      \
    ((uint64_t)(op) | (uint64_t)(imm8) << 8 | (uint64_t)(bytes) << 16 |        \
     (uint64_t)(legacy) << 24)

/* One qword of the operation: a holds bytes, b bytes or the bit matrix. */
uint64_t gfni_qword(enum gfni_op op, uint64_t a, uint64_t b, unsigned imm8);

#endif
