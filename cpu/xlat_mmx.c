/* SPDX-License-Identifier: Apache-2.0
 * Translation of what has MMX registers as operands, and of the mnemonics
 * that MMX and SSE2 share. The rules depend on the form, so they are applied
 * here.
 */
#include "cpu/xlat_vec.h"

#define MMX(x) VEC_TABLE(x, mmx)
#define MOV(x) VEC_TABLE(x, sse_mov)

/* MMX op of a mnemonic, and the features its two forms need. */
struct mmx_row {
    uint8_t op, feature_mm, feature;
};

static const struct mmx_row *mmx_row(ZydisMnemonic m)
{
    static const struct mmx_row rows[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define SSE_MMX(m, host, size, feature_mm, feature)                            \
    [ZYDIS_MNEMONIC_##m] = {MMX_##m, FEATURE_##feature_mm, FEATURE_##feature},
#define SSE_INT(m, host, size, feature)
#define SSE_AUX(m, host, size)
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
    };
    return &rows[m];
}

static unsigned shift_op(ZydisMnemonic m)
{
    switch ((unsigned)m) {
    case ZYDIS_MNEMONIC_PSLLW: return SHIFT_PSLLW;
    case ZYDIS_MNEMONIC_PSLLD: return SHIFT_PSLLD;
    case ZYDIS_MNEMONIC_PSLLQ: return SHIFT_PSLLQ;
    case ZYDIS_MNEMONIC_PSRLW: return SHIFT_PSRLW;
    case ZYDIS_MNEMONIC_PSRLD: return SHIFT_PSRLD;
    case ZYDIS_MNEMONIC_PSRLQ: return SHIFT_PSRLQ;
    case ZYDIS_MNEMONIC_PSRAW: return SHIFT_PSRAW;
    default: return SHIFT_PSRAD;
    }
}

static bool is_imm(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

static void emit_mm(struct xlat *x, unsigned op)
{
    uop_fn *const *row = MMX(x)->op[op];
    const ZydisDecodedOperand *src = &x->zo[1];
    if (is_imm(src)) {
        struct uop *u = xlat_emit(x, row[MMX_IMM]);
        u->dst = xlat_number(x->zo[0].reg.value);
        u->imm = vec_imm8(src);
        return;
    }
    struct uop *u = vec_emit2(x, row);
    u->aux = src->size / 8; /* 4 bytes for PUNPCKLxx */
}

/* The rows that have both forms. */
bool xlat_sse_mmx(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    const struct mmx_row *row = mmx_row(m);
    bool mm = is_mmx(&x->zo[0]);
    if (!vec_available(x, !mm, mm ? row->feature_mm : row->feature))
        return true;
    if (mm) {
        emit_mm(x, row->op);
    } else if (is_imm(&x->zo[1])) {
        struct uop *u = xlat_emit(x, VEC_TABLE(x, sse_imm)->shift[shift_op(m)]);
        u->dst = xlat_number(x->zo[0].reg.value);
        u->imm = vec_imm8(&x->zo[1]);
    } else {
        vec_emit2(x, VEC_TABLE(x, sse_int)->op[vec_int_op(m)]);
    }
    return true;
}

bool xlat_mmx_pmovmskb(struct xlat *x)
{
    bool mm = is_mmx(&x->zo[1]);
    if (vec_available(x, !mm, mm ? FEATURE_SSE : FEATURE_SSE2))
        vec_emit(x, mm ? MMX(x)->out[MMX_PMOVMSKB] : MOV(x)->movmsk[2], NULL,
                 &x->zo[0], &x->zo[1]);
    return true;
}

bool xlat_mmx_pextrw(struct xlat *x)
{
    bool mm = is_mmx(&x->zo[1]);
    enum cpu_feature f = mm                  ? FEATURE_SSE
                         : is_mem(&x->zo[0]) ? FEATURE_SSE41
                                             : FEATURE_SSE2;
    if (!vec_available(x, !mm, f))
        return true;
    if (!mm)
        return xlat_sse_extract(x);
    struct uop *u =
        vec_emit(x, MMX(x)->out[MMX_PEXTRW], NULL, &x->zo[0], &x->zo[1]);
    u->aux = vec_imm8(&x->zo[2]);
    return true;
}

bool xlat_mmx_pinsrw(struct xlat *x)
{
    bool mm = is_mmx(&x->zo[0]);
    if (!vec_available(x, !mm, mm ? FEATURE_SSE : FEATURE_SSE2))
        return true;
    if (!mm)
        return xlat_sse_insert(x);
    vec_emit2(x, MMX(x)->misc[MMX_PINSRW])->aux = vec_imm8(&x->zo[2]);
    return true;
}

bool xlat_mmx_palignr(struct xlat *x)
{
    bool mm = is_mmx(&x->zo[0]);
    unsigned n = vec_imm8(&x->zo[2]);
    if (!vec_available(x, !mm, FEATURE_SSSE3))
        return true;
    if (mm)
        vec_emit2(x, MMX(x)->misc[MMX_PALIGNR])->aux = n;
    else
        vec_emit2(x, VEC_TABLE(x, sse_imm)->shuffle[SHUF_ALIGN])->imm =
            (n > 32 ? 32 : n) * UINT64_C(0x0101010101010101);
    return true;
}

bool xlat_mmx_pshufw(struct xlat *x)
{
    if (vec_available(x, false, FEATURE_SSE))
        vec_emit2(x, MMX(x)->misc[MMX_PSHUFW])->aux = vec_imm8(&x->zo[2]);
    return true;
}

/* Vector or MMX register operand 1 to general register or memory operand 0.
 * wide: 8 bytes. */
static bool move_out(struct xlat *x, bool mm, bool wide)
{
    if (!is_mem(&x->zo[0])) {
        uop_fn *fn = mm ? MMX(x)->out[wide ? MMX_TO_GPR8 : MMX_TO_GPR4]
                        : MOV(x)->to_gpr[wide ? 3 : 2];
        vec_emit(x, fn, NULL, &x->zo[0], &x->zo[1]);
        return true;
    }
    struct ea ea = xlat_ea(x, &x->zo[0]);
    struct uop *u =
        xlat_emit(x, mm ? MMX(x)->out[wide ? MMX_STORE8 : MMX_STORE4]
                        : MOV(x)->store[wide ? 3 : 2]);
    xlat_set_ea(u, &ea);
    u->src = xlat_number(x->zo[1].reg.value);
    return true;
}

/* General register or memory operand 1 to vector or MMX operand 0. */
static bool move_in(struct xlat *x, bool mm, bool wide)
{
    if (mm)
        vec_emit2(x, MMX(x)->misc[wide ? MMX_LOAD8 : MMX_LOAD4]);
    else
        vec_emit(x, MOV(x)->from_gpr[wide ? 3 : 2], MOV(x)->load[wide ? 3 : 2],
                 &x->zo[0], &x->zo[1]);
    return true;
}

static bool is_vector(const ZydisDecodedOperand *o)
{
    return is_xmm(o) || is_mmx(o);
}

static bool move_available(struct xlat *x, bool mm)
{
    enum cpu_feature f = x->zi->mnemonic == ZYDIS_MNEMONIC_MOVNTQ ? FEATURE_SSE
                         : mm                                     ? FEATURE_MMX
                              : FEATURE_SSE2;
    return vec_available(x, !mm, f);
}

bool xlat_mmx_movd(struct xlat *x)
{
    bool in = is_vector(&x->zo[0]);
    bool mm = is_mmx(&x->zo[in ? 0 : 1]);
    if (!move_available(x, mm))
        return true;
    return in ? move_in(x, mm, false) : move_out(x, mm, false);
}

bool xlat_mmx_movq(struct xlat *x)
{
    bool in = is_vector(&x->zo[0]);
    bool mm = is_mmx(&x->zo[in ? 0 : 1]);
    if (!move_available(x, mm))
        return true;
    if (!in)
        return move_out(x, mm, true);
    if (!is_vector(&x->zo[1]))
        return move_in(x, mm, true);
    if (mm)
        vec_emit2(x, MMX(x)->misc[MMX_COPY]);
    else
        vec_emit2(x, VEC_TABLE(x, sse_int)->op[SSE_LOW8]);
    return true;
}

bool xlat_mmx_movq2dq(struct xlat *x)
{
    bool to_vec = x->zi->mnemonic == ZYDIS_MNEMONIC_MOVQ2DQ;
    if (vec_available(x, true, FEATURE_SSE2))
        vec_emit(x, MMX(x)->out[to_vec ? MMX_MOVQ2DQ : MMX_MOVDQ2Q], NULL,
                 &x->zo[0], &x->zo[1]);
    return true;
}

bool xlat_mmx_maskmovq(struct xlat *x)
{
    return !vec_available(x, false, FEATURE_SSE) ||
           vec_emit_masked(x, mmx_maskmovq);
}

bool xlat_mmx_emms(struct xlat *x)
{
    if (vec_available(x, false, FEATURE_MMX))
        xlat_emit(x, MMX(x)->out[MMX_EMMS]);
    return true;
}

bool xlat_mmx_cvt_to_vec(struct xlat *x)
{
    bool pd = x->zi->mnemonic == ZYDIS_MNEMONIC_CVTPI2PD;
    unsigned op = pd ? MMX_CVTPI2PD : MMX_CVTPI2PS;
    if (!vec_available(x, true, pd ? FEATURE_SSE2 : FEATURE_SSE))
        return true;
    if (vec_is_checked(x))
        vec_emit_checked(x, CHECKED_FROM_MMX, op, 0);
    else
        vec_emit2(x, MMX(x)->cvt[op]);
    return true;
}

bool xlat_mmx_cvt_from_vec(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_CVTPS2PI    ? MMX_CVTPS2PI
                  : m == ZYDIS_MNEMONIC_CVTTPS2PI ? MMX_CVTTPS2PI
                  : m == ZYDIS_MNEMONIC_CVTPD2PI  ? MMX_CVTPD2PI
                                                  : MMX_CVTTPD2PI;
    bool ps = op == MMX_CVTPS2PI || op == MMX_CVTTPS2PI;
    if (!vec_available(x, true, ps ? FEATURE_SSE : FEATURE_SSE2))
        return true;
    if (vec_is_checked(x))
        vec_emit_checked(x, CHECKED_TO_MMX, op, 0);
    else
        vec_emit2(x, MMX(x)->cvt[op]);
    return true;
}
