/* SPDX-License-Identifier: Apache-2.0
 * Translation of VEX-encoded vector instructions that may raise SIMD
 * floating-point exceptions. Families of insn_avx_fp.def.
 */
#include "cpu/avx_fp.h"
#include "cpu/xlat_avx.h"

xlat_fn xlat_avx_fp2, xlat_avx_fp3, xlat_avx_fp3_scalar, xlat_avx_fma,
    xlat_avx_fma_scalar, xlat_avx_to_half, xlat_avx_from_gpr, xlat_avx_to_gpr,
    xlat_avx_compare;

/* An instruction of these families on its way to a uop. */
struct fp_insn {
    enum avx_checked_kind kind;
    unsigned op, l, imm;
    uop_fn *const *forms;
    const ZydisDecodedOperand *dst, *vvvv, *rm; /* vvvv may be NULL */
};

static void emit(struct xlat *x, const struct fp_insn *i)
{
    struct uop *u;
    if (!vec_is_checked(x)) {
        u = avx_emit(x, i->forms, i->dst, i->vvvv, i->rm);
        u->imm = i->imm;
        return;
    }
    bool memory = is_mem(i->rm);
    struct ea ea = {0};
    if (memory)
        ea = xlat_ea(x, i->rm);
    u = xlat_callout(x, avx_checked);
    if (memory)
        xlat_set_ea(u, &ea);
    else
        u->src = vec_register(i->rm);
    u->dst = vec_register(i->dst);
    u->aux = AVX_CHECKED(i->kind, i->op, i->l, i->imm, memory,
                         i->vvvv != NULL ? xlat_number(i->vvvv->reg.value) : 0);
}

static unsigned fp_op(ZydisMnemonic m)
{
    static const uint8_t op[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define AVX_FP3(m, ...)    [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX_FP3_S(m, ...)  [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX_FP2(m, ...)    [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX_FP3_I(m, ...)  [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX_FP3_SI(m, ...) [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX_FP2_I(m, ...)  [ZYDIS_MNEMONIC_##m] = AVX_##m,
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"
        [ZYDIS_MNEMONIC_VDPPS] = AVX_VDPPS,
        [ZYDIS_MNEMONIC_VDPPD] = AVX_VDPPD,
        [ZYDIS_MNEMONIC_VCVTPH2PS] = AVX_VCVTPH2PS,
    };
    return op[m];
}

static unsigned fma_op(ZydisMnemonic m)
{
    static const uint8_t op[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define AVX_FMA(m, ...)   [ZYDIS_MNEMONIC_##m] = AVX_##m,
#define AVX_FMA_S(m, ...) [ZYDIS_MNEMONIC_##m] = AVX_##m,
#include "cpu/avx_fma.def"
#include "cpu/avx_fp_undef.h"
    };
    return op[m];
}

/* The operation of a row: `operands` of them, then imm8 if there is one. */
static bool row(struct xlat *x, unsigned l, unsigned operands)
{
    struct fp_insn i = {.kind = AVX_CHECKED_OP,
                        .op = fp_op(x->zi->mnemonic),
                        .l = l,
                        .dst = &x->zo[0],
                        .vvvv = operands == 3 ? &x->zo[1] : NULL,
                        .rm = &x->zo[operands - 1]};
    if (x->zi->operand_count_visible > operands)
        i.imm = vec_imm8(&x->zo[operands]);
    i.forms = VEC_TABLE(x, avx_fp)->op[i.op].l[l];
    emit(x, &i);
    return true;
}

/* VCVTPD2PS and its like have an XMM destination: VEX.L is what counts. */
bool xlat_avx_fp2(struct xlat *x)
{
    return row(x, avx_l(x), 2);
}

bool xlat_avx_fp3(struct xlat *x)
{
    return row(x, avx_l(x), 3);
}

bool xlat_avx_fp3_scalar(struct xlat *x)
{
    return row(x, 0, 3);
}

static bool fused(struct xlat *x, unsigned l)
{
    struct fp_insn i = {.kind = AVX_CHECKED_FMA,
                        .op = fma_op(x->zi->mnemonic),
                        .l = l,
                        .dst = &x->zo[0],
                        .vvvv = &x->zo[1],
                        .rm = &x->zo[2]};
    i.forms = VEC_TABLE(x, avx_fma)->op[i.op].l[l];
    emit(x, &i);
    return true;
}

bool xlat_avx_fma(struct xlat *x)
{
    return fused(x, avx_l(x));
}

bool xlat_avx_fma_scalar(struct xlat *x)
{
    return fused(x, 0);
}

/* VCVTPS2PH: the first operand is r/m, the second the source. */
bool xlat_avx_to_half(struct xlat *x)
{
    bool memory = is_mem(&x->zo[0]), checked = vec_is_checked(x);
    unsigned l = avx_l(x), imm = vec_imm8(&x->zo[2]);
    uop_fn *fn = VEC_TABLE(x, avx_fp)->to_half.l[l][memory];
    struct ea ea = {0};
    if (memory)
        ea = xlat_ea(x, &x->zo[0]);
    struct uop *u = checked ? xlat_callout(x, avx_checked) : xlat_emit(x, fn);
    if (memory)
        xlat_set_ea(u, &ea);
    else
        u->dst = vec_register(&x->zo[0]);
    u->src = vec_register(&x->zo[1]);
    if (checked)
        u->aux = AVX_CHECKED(AVX_CHECKED_TO_HALF, 0, l, imm, memory, 0);
    else
        u->imm = imm;
    return true;
}

bool xlat_avx_from_gpr(struct xlat *x)
{
    bool single = x->zi->mnemonic == ZYDIS_MNEMONIC_VCVTSI2SS;
    unsigned op = single ? CVT_SI2SS_32 : CVT_SI2SD_32;
    if (x->zo[2].size == 64)
        op++;
    struct fp_insn i = {.kind = AVX_CHECKED_FROM_GPR,
                        .op = op,
                        .forms = VEC_TABLE(x, avx_fp)->from_gpr[op],
                        .dst = &x->zo[0],
                        .vvvv = &x->zo[1],
                        .rm = &x->zo[2]};
    emit(x, &i);
    return true;
}

/* The same as the legacy encoding: no vector register is written. */
bool xlat_avx_to_gpr(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_VCVTSS2SI    ? CVT_SS2SI_32
                  : m == ZYDIS_MNEMONIC_VCVTSD2SI  ? CVT_SD2SI_32
                  : m == ZYDIS_MNEMONIC_VCVTTSS2SI ? CVT_TSS2SI_32
                                                   : CVT_TSD2SI_32;
    if (x->zo[0].size == 64)
        op++;
    if (vec_is_checked(x))
        vec_emit_checked(x, CHECKED_TO_GPR, op, 0);
    else
        vec_emit2(x, VEC_TABLE(x, sse_cvt)->cvt[op]);
    return true;
}

bool xlat_avx_compare(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_VCOMISS    ? SSE_COMISS
                  : m == ZYDIS_MNEMONIC_VUCOMISS ? SSE_UCOMISS
                  : m == ZYDIS_MNEMONIC_VCOMISD  ? SSE_COMISD
                                                 : SSE_UCOMISD;
    if (vec_is_checked(x))
        vec_emit_checked(x, CHECKED_FLAGS, op, 0);
    else
        vec_emit2(x, VEC_TABLE(x, sse_cvt)->flags[op]);
    return true;
}
