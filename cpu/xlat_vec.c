/* SPDX-License-Identifier: Apache-2.0
 * Translation of SSE to SSE4.2: computation. Moves are in xlat_vec_mov.c,
 * forms with MMX registers in xlat_mmx.c.
 */
#include "cpu/xlat_vec.h"

static bool is_general(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER && !is_xmm(o) && !is_ymm(o) &&
           !is_mmx(o);
}

uint8_t vec_register(const ZydisDecodedOperand *o)
{
    return is_general(o) ? xlat_gpr(o->reg.value) : xlat_number(o->reg.value);
}

struct uop *vec_emit(struct xlat *x, uop_fn *reg, uop_fn *mem,
                     const ZydisDecodedOperand *dst,
                     const ZydisDecodedOperand *src)
{
    struct uop *u;
    if (is_mem(src)) {
        struct ea ea = xlat_ea(x, src);
        u = xlat_emit(x, mem);
        xlat_set_ea(u, &ea);
    } else {
        u = xlat_emit(x, reg);
        u->src = vec_register(src);
    }
    u->dst = vec_register(dst);
    return u;
}

struct uop *vec_emit_checked(struct xlat *x, enum sse_checked_kind kind,
                             unsigned op, unsigned imm)
{
    const ZydisDecodedOperand *src = &x->zo[1];
    struct uop *u;
    if (is_mem(src)) {
        struct ea ea = xlat_ea(x, src);
        u = xlat_callout(x, sse_checked);
        xlat_set_ea(u, &ea);
    } else {
        u = xlat_callout(x, sse_checked);
        u->src = vec_register(src);
    }
    u->dst = vec_register(&x->zo[0]);
    u->aux = SSE_CHECKED(kind, op, imm, is_mem(src));
    return u;
}

bool vec_available(struct xlat *x, bool sse, enum cpu_feature f)
{
    bool ud = !cpu_has(x->c, f) || (x->mode & MODE_EM) != 0 ||
              (sse && (x->mode & MODE_OSFXSR) == 0);
    if (ud)
        xlat_raise(x, EXC_UD);
    else if ((x->mode & MODE_TS) != 0)
        xlat_raise(x, EXC_NM);
    else
        return true;
    return false;
}

unsigned vec_int_op(ZydisMnemonic m)
{
    static const uint8_t op[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define SSE_MMX(m, host, size, feature_mm, feature)                            \
    [ZYDIS_MNEMONIC_##m] = SSE_##m,
#define SSE_INT(m, host, size, feature) [ZYDIS_MNEMONIC_##m] = SSE_##m,
#define SSE_AUX(m, host, size)
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
    };
    return op[m];
}

bool xlat_sse_int(struct xlat *x)
{
    vec_emit2(x, VEC_TABLE(x, sse_int)->op[vec_int_op(x->zi->mnemonic)]);
    return true;
}

static bool emit_fp(struct xlat *x, unsigned op)
{
    if (vec_is_checked(x))
        vec_emit_checked(x, CHECKED_OP, op, 0);
    else
        vec_emit2(x, VEC_TABLE(x, sse_fp)->op[op]);
    return true;
}

bool xlat_sse_fp(struct xlat *x)
{
    static const uint8_t op[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define SSE_FP(m, host, size, cost, lanes, feature)                            \
    [ZYDIS_MNEMONIC_##m] = SSE_##m,
#define SSE_FP_AUX(m, host, size, lanes)
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
    };
    return emit_fp(x, op[x->zi->mnemonic]);
}

/* Only imm8[2:0] counts in the legacy encoding. */
bool xlat_sse_cmp(struct xlat *x)
{
    unsigned first = x->zi->mnemonic == ZYDIS_MNEMONIC_CMPPS   ? SSE_CMPPS_0
                     : x->zi->mnemonic == ZYDIS_MNEMONIC_CMPPD ? SSE_CMPPD_0
                     : x->zi->mnemonic == ZYDIS_MNEMONIC_CMPSS ? SSE_CMPSS_0
                                                               : SSE_CMPSD_0;
    return emit_fp(x, first + (vec_imm8(&x->zo[2]) & 7));
}

bool xlat_sse_cmpsd(struct xlat *x)
{
    return !vec_available(x, true, FEATURE_SSE2) || xlat_sse_cmp(x);
}

bool xlat_sse_flags(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_COMISS    ? SSE_COMISS
                  : m == ZYDIS_MNEMONIC_UCOMISS ? SSE_UCOMISS
                  : m == ZYDIS_MNEMONIC_COMISD  ? SSE_COMISD
                  : m == ZYDIS_MNEMONIC_UCOMISD ? SSE_UCOMISD
                                                : SSE_PTEST;
    if (vec_is_checked(x) && op != SSE_PTEST)
        vec_emit_checked(x, CHECKED_FLAGS, op, 0);
    else
        vec_emit2(x, VEC_TABLE(x, sse_cvt)->flags[op]);
    return true;
}

bool xlat_sse_cvt_from_gpr(struct xlat *x)
{
    unsigned op = x->zi->mnemonic == ZYDIS_MNEMONIC_CVTSI2SS ? CVT_SI2SS_32
                                                             : CVT_SI2SD_32;
    if (x->zo[1].size == 64)
        op++;
    if (vec_is_checked(x)) {
        vec_emit_checked(x, CHECKED_FROM_GPR, op, 0);
        return true;
    }
    vec_emit2(x, VEC_TABLE(x, sse_cvt)->cvt[op]);
    return true;
}

bool xlat_sse_cvt_to_gpr(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_CVTSS2SI    ? CVT_SS2SI_32
                  : m == ZYDIS_MNEMONIC_CVTSD2SI  ? CVT_SD2SI_32
                  : m == ZYDIS_MNEMONIC_CVTTSS2SI ? CVT_TSS2SI_32
                                                  : CVT_TSD2SI_32;
    if (x->zo[0].size == 64)
        op++;
    if (vec_is_checked(x)) {
        vec_emit_checked(x, CHECKED_TO_GPR, op, 0);
        return true;
    }
    vec_emit2(x, VEC_TABLE(x, sse_cvt)->cvt[op]);
    return true;
}

bool xlat_sse_imm(struct xlat *x)
{
    static const struct {
        uint16_t mnemonic;
        bool fp;
    } rows[SSE_IMM_OPS] = {
#define X(m, size, fp) [SSE_##m] = {ZYDIS_MNEMONIC_##m, fp},
        SSE_IMM_OPS_LIST(X)
#undef X
    };
    unsigned op = 0, imm = vec_imm8(&x->zo[2]);
    while (rows[op].mnemonic != x->zi->mnemonic)
        op++;
    if (op == SSE_INSERTPS && is_mem(&x->zo[1]))
        imm &= 0x3f; /* COUNT_S counts in a register only */
    if (rows[op].fp && vec_is_checked(x))
        vec_emit_checked(x, CHECKED_IMM, op, imm);
    else
        vec_emit2(x, VEC_TABLE(x, sse_imm)->op[op])->aux = imm;
    return true;
}

/* `n` lanes of `words` words each; lane i comes from lane select[i]. The
 * result: a byte a word, twice the word's index. */
static uint64_t lane_control(const unsigned *select, unsigned words)
{
    uint64_t r = 0;
    for (unsigned w = 0; w < 8; w++) {
        uint64_t from = select[w / words] * words + w % words;
        r |= 2 * from << 8 * w;
    }
    return r;
}

static uint64_t dword_control(unsigned imm)
{
    unsigned select[4];
    for (unsigned i = 0; i < 4; i++)
        select[i] = imm >> 2 * i & 3;
    return lane_control(select, 2);
}

/* PSHUFLW (first 0) and PSHUFHW (first 4). */
static uint64_t word_control(unsigned imm, unsigned first)
{
    unsigned select[8];
    for (unsigned i = 0; i < 8; i++)
        select[i] = (i & 4) == first ? first + (imm >> 2 * (i & 3) & 3) : i;
    return lane_control(select, 1);
}

/* A byte of ones for each word whose lane's bit is set in imm. */
static uint64_t blend_control(unsigned imm, unsigned words)
{
    uint64_t r = 0;
    for (unsigned w = 0; w < 8; w++)
        if (imm >> w / words & 1)
            r |= UINT64_C(0xff) << 8 * w;
    return r;
}

bool xlat_sse_shuffle(struct xlat *x)
{
    unsigned imm = vec_imm8(&x->zo[2]), op = SHUF_BLEND;
    unsigned qwords[2] = {imm & 1, imm >> 1 & 1};
    uint64_t control;
    switch ((unsigned)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_PSHUFD:
        op = SHUF_ONE;
        control = dword_control(imm);
        break;
    case ZYDIS_MNEMONIC_PSHUFLW:
        op = SHUF_ONE;
        control = word_control(imm, 0);
        break;
    case ZYDIS_MNEMONIC_PSHUFHW:
        op = SHUF_ONE;
        control = word_control(imm, 4);
        break;
    case ZYDIS_MNEMONIC_SHUFPS:
        op = SHUF_TWO;
        control = dword_control(imm);
        break;
    case ZYDIS_MNEMONIC_SHUFPD:
        op = SHUF_TWO;
        control = lane_control(qwords, 4);
        break;
    case ZYDIS_MNEMONIC_BLENDPS: control = blend_control(imm, 2); break;
    case ZYDIS_MNEMONIC_BLENDPD: control = blend_control(imm, 4); break;
    case ZYDIS_MNEMONIC_PBLENDW: control = blend_control(imm, 1); break;
    default: return false;
    }
    vec_emit2(x, VEC_TABLE(x, sse_imm)->shuffle[op])->imm = control;
    return true;
}

bool xlat_sse_blendv(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_PBLENDVB   ? 0
                  : m == ZYDIS_MNEMONIC_BLENDVPS ? 1
                                                 : 2;
    vec_emit2(x, VEC_TABLE(x, sse_int)->blendv[op]);
    return true;
}

bool xlat_sse_byte_shift(struct xlat *x)
{
    bool left = x->zi->mnemonic == ZYDIS_MNEMONIC_PSLLDQ;
    unsigned n = vec_imm8(&x->zo[1]);
    struct uop *u = xlat_emit(
        x, VEC_TABLE(x, sse_imm)->shift[left ? SHIFT_PSLLDQ : SHIFT_PSRLDQ]);
    u->dst = xlat_number(x->zo[0].reg.value);
    u->imm = (n > 16 ? 16 : n) * UINT64_C(0x0101010101010101);
    return true;
}

bool xlat_sse_string(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    struct uop *u = vec_emit2(x, VEC_TABLE(x, sse_imm)->string);
    u->aux = vec_imm8(&x->zo[2]);
    if (m == ZYDIS_MNEMONIC_PCMPESTRI || m == ZYDIS_MNEMONIC_PCMPESTRM)
        u->aux |= STR_EXPLICIT;
    if (m == ZYDIS_MNEMONIC_PCMPESTRM || m == ZYDIS_MNEMONIC_PCMPISTRM)
        u->aux |= STR_MASK;
    if (x->zi->attributes & ZYDIS_ATTRIB_HAS_REX && x->zi->raw.rex.W)
        u->aux |= STR_REXW;
    return true;
}
