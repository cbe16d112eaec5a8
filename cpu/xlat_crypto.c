/* SPDX-License-Identifier: Apache-2.0
 * Translation of AES, PCLMULQDQ, SHA and GFNI, legacy and VEX-encoded.
 */
#include "cpu/crypto.h"
#include "cpu/xlat_avx.h"

xlat_fn xlat_crypto_op, xlat_crypto_avx2, xlat_crypto_avx3, xlat_crypto_keygen,
    xlat_crypto_sha, xlat_crypto_clmul, xlat_crypto_gfni;

static bool is_vex(const struct xlat *x)
{
    return x->zi->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX;
}

/* The row of a mnemonic that has one of its own. */
static unsigned crypto_op(ZydisMnemonic m)
{
    static const uint8_t op[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define CRYPTO_AES(m, host)                                                    \
    [ZYDIS_MNEMONIC_##m] = CRYPTO_##m, [ZYDIS_MNEMONIC_V##m] = CRYPTO_##m,
#define CRYPTO_CLMUL(m, host)
#include "cpu/crypto.def"
#include "cpu/crypto_undef.h"
        [ZYDIS_MNEMONIC_AESIMC] = CRYPTO_AESIMC,
        [ZYDIS_MNEMONIC_VAESIMC] = CRYPTO_AESIMC,
    };
    return op[m];
}

bool xlat_crypto_op(struct xlat *x)
{
    vec_emit2(x, VEC_TABLE(x, crypto)->op[crypto_op(x->zi->mnemonic)]);
    return true;
}

/* dst = op(rm) */
bool xlat_crypto_avx2(struct xlat *x)
{
    avx_emit2(x, &VEC_TABLE(x, avx_crypto)->op[crypto_op(x->zi->mnemonic)]);
    return true;
}

/* dst = op(vvvv, rm) */
bool xlat_crypto_avx3(struct xlat *x)
{
    avx_emit3(x, &VEC_TABLE(x, avx_crypto)->op[crypto_op(x->zi->mnemonic)]);
    return true;
}

bool xlat_crypto_keygen(struct xlat *x)
{
    unsigned op = CRYPTO_AESKEYGENASSIST;
    struct uop *u = is_vex(x) ? avx_emit2(x, &VEC_TABLE(x, avx_crypto)->op[op])
                              : vec_emit2(x, VEC_TABLE(x, crypto)->op[op]);
    u->imm = (uint64_t)vec_imm8(&x->zo[2]) << 32;
    return true;
}

static enum sha_op sha_op(const struct xlat *x)
{
    switch ((unsigned)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_SHA1RNDS4:
        return SHA1_ROUNDS4_0 + (vec_imm8(&x->zo[2]) & 3);
    case ZYDIS_MNEMONIC_SHA1NEXTE: return SHA1_NEXT_E;
    case ZYDIS_MNEMONIC_SHA1MSG1: return SHA1_MESSAGE1;
    case ZYDIS_MNEMONIC_SHA1MSG2: return SHA1_MESSAGE2;
    case ZYDIS_MNEMONIC_SHA256RNDS2: return SHA256_ROUNDS2;
    case ZYDIS_MNEMONIC_SHA256MSG1: return SHA256_MESSAGE1;
    default: return SHA256_MESSAGE2;
    }
}

bool xlat_crypto_sha(struct xlat *x)
{
    vec_emit2(x, VEC_TABLE(x, crypto)->sha)->imm = sha_op(x);
    return true;
}

/* imm8[0] chooses the qword of the first source, imm8[4] of the second. */
bool xlat_crypto_clmul(struct xlat *x)
{
    unsigned imm = vec_imm8(&x->zo[is_vex(x) ? 3 : 2]);
    unsigned op = CRYPTO_CLMUL_LOW_LOW + (imm & 1) + (imm >> 3 & 2);
    if (is_vex(x))
        avx_emit3(x, &VEC_TABLE(x, avx_crypto)->op[op]);
    else
        vec_emit2(x, VEC_TABLE(x, crypto)->op[op]);
    return true;
}

bool xlat_crypto_gfni(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    bool vex = is_vex(x);
    const ZydisDecodedOperand *first = &x->zo[vex ? 1 : 0];
    enum gfni_op op =
        m == ZYDIS_MNEMONIC_GF2P8MULB || m == ZYDIS_MNEMONIC_VGF2P8MULB
            ? GFNI_MULB
        : m == ZYDIS_MNEMONIC_GF2P8AFFINEQB ||
                m == ZYDIS_MNEMONIC_VGF2P8AFFINEQB
            ? GFNI_AFFINE
            : GFNI_AFFINE_INVERSE;
    unsigned imm = op == GFNI_MULB ? 0 : vec_imm8(first + 2);
    struct uop *u =
        avx_emit(x, VEC_TABLE(x, crypto)->gfni, &x->zo[0], first, first + 1);
    u->imm = GFNI_UOP(op, imm, vex && avx_l(x) ? 32 : 16, !vex);
    return true;
}
