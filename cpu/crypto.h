/* SPDX-License-Identifier: Apache-2.0
 * AES, PCLMULQDQ, SHA and GFNI: the numbering made from cpu/crypto.def, the
 * handler tables, and the Galois-field instructions in C.
 */
#ifndef VTSIM_CPU_CRYPTO_H
#define VTSIM_CPU_CRYPTO_H

#include "cpu/avx.h"

enum crypto_op {
#define CRYPTO_AES(m, host)         CRYPTO_##m,
#define CRYPTO_OP(m, host, feature) CRYPTO_##m,
#define CRYPTO_AUX(m, host)         CRYPTO_##m,
#define CRYPTO_CLMUL(m, host)       CRYPTO_##m,
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
    CRYPTO_SHA256RNDS2,
    CRYPTO_AESKEYGENASSIST, /* uop.imm: RCON at bit 32 */
    CRYPTO_OPS
};

/* Handlers of legacy encodings, and of GFNI in every encoding. */
struct exec_crypto_table {
    uop_fn *op[CRYPTO_OPS][SSE_FORMS];
    uop_fn *gfni[SSE_FORMS]; /* aux: first source register; imm: GFNI_UOP */
};
/* Of VEX encodings. */
struct exec_avx_crypto_table {
    struct avx_forms op[CRYPTO_OPS]; /* none of SHA */
};
extern const struct exec_crypto_table exec_crypto_off, exec_crypto_simple;
extern const struct exec_avx_crypto_table exec_avx_crypto_off,
    exec_avx_crypto_simple;

/*
 * GFNI. No host needs to have it: arithmetic in GF(2^8) with the reduction
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
