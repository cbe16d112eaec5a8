/* SPDX-License-Identifier: Apache-2.0
 * Translation of VEX-encoded vector moves: registers, memory, lanes,
 * elements, masked moves and gathers, MXCSR. Handlers without a vector
 * destination are those of the legacy encoding.
 */
#include "cpu/avx_mem.h"
#include "cpu/fpu_save.h"
#include "cpu/xlat_avx.h"

#define MOV(x)    VEC_TABLE(x, avx_mov)
#define LEGACY(x) VEC_TABLE(x, sse_mov)

/* Store a register operand to memory operand 0. */
static struct uop *emit_store(struct xlat *x, uop_fn *fn,
                              const ZydisDecodedOperand *src)
{
    struct ea ea = xlat_ea(x, &x->zo[0]);
    struct uop *u = xlat_emit(x, fn);
    xlat_set_ea(u, &ea);
    u->src = xlat_number(src->reg.value);
    return u;
}

static bool whole_move(struct xlat *x, const struct avx_forms *load,
                       uop_fn *const store[2])
{
    if (is_mem(&x->zo[0]))
        emit_store(x, store[avx_l(x)], &x->zo[1]);
    else
        avx_emit2(x, load);
    return true;
}

bool xlat_avx_mov(struct xlat *x)
{
    return whole_move(x, &MOV(x)->load_aligned, MOV(x)->store_aligned);
}

bool xlat_avx_movu(struct xlat *x)
{
    return whole_move(x, &MOV(x)->load, MOV(x)->store);
}

/* A merge of two registers, or of register and memory, into the low lane. */
static bool merge(struct xlat *x, unsigned op)
{
    avx_emit(x, VEC_TABLE(x, avx_int)->op[op].l[0], &x->zo[0], &x->zo[1],
             &x->zo[2]);
    return true;
}

/* VMOVSS, VMOVSD: from memory the rest is zeroed; L is ignored. */
bool xlat_avx_movss(struct xlat *x)
{
    unsigned log2 = x->zi->mnemonic == ZYDIS_MNEMONIC_VMOVSS ? 2 : 3;
    if (is_mem(&x->zo[0]))
        emit_store(x, LEGACY(x)->store[log2], &x->zo[1]);
    else if (is_mem(&x->zo[1]))
        avx_emit(x, MOV(x)->low[log2].l[0], &x->zo[0], NULL, &x->zo[1]);
    else
        return merge(x, log2 == 2 ? AVX_MERGE4 : AVX_MERGE8);
    return true;
}

bool xlat_avx_movlp(struct xlat *x)
{
    if (!is_mem(&x->zo[0]))
        return merge(x, AVX_MERGE8);
    emit_store(x, LEGACY(x)->store[3], &x->zo[1]);
    return true;
}

bool xlat_avx_movhp(struct xlat *x)
{
    if (!is_mem(&x->zo[0]))
        return merge(x, AVX_HIGH_FROM_LOW);
    emit_store(x, LEGACY(x)->store[3], &x->zo[1])->aux = 8;
    return true;
}

bool xlat_avx_movhlps(struct xlat *x)
{
    return merge(x, AVX_LOW_FROM_HIGH);
}

bool xlat_avx_movlhps(struct xlat *x)
{
    return merge(x, AVX_HIGH_FROM_LOW);
}

/* VMOVD, VMOVQ */
bool xlat_avx_movd(struct xlat *x)
{
    unsigned log2 = x->zi->mnemonic == ZYDIS_MNEMONIC_VMOVD ? 2 : 3;
    const ZydisDecodedOperand *dst = &x->zo[0], *src = &x->zo[1];
    if (is_mem(dst)) {
        emit_store(x, LEGACY(x)->store[log2], src);
    } else if (!is_xmm(dst)) {
        vec_emit(x, LEGACY(x)->to_gpr[log2], NULL, dst, src);
    } else {
        const struct avx_forms *low = &MOV(x)->low[log2];
        vec_emit(x, is_xmm(src) ? low->l[0][SSE_REG] : MOV(x)->from_gpr[log2],
                 low->l[0][SSE_MEM], dst, src);
    }
    return true;
}

bool xlat_avx_movmsk(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_VMOVMSKPS   ? 0
                  : m == ZYDIS_MNEMONIC_VMOVMSKPD ? 1
                                                  : 2;
    vec_emit(x, MOV(x)->movmsk[op][avx_l(x)], NULL, &x->zo[0], &x->zo[1]);
    return true;
}

/* log2 of the element of VPEXTRx, VPINSRx, VEXTRACTPS. */
static unsigned element_log2(ZydisMnemonic m)
{
    switch ((unsigned)m) {
    case ZYDIS_MNEMONIC_VPEXTRB:
    case ZYDIS_MNEMONIC_VPINSRB: return 0;
    case ZYDIS_MNEMONIC_VPEXTRW:
    case ZYDIS_MNEMONIC_VPINSRW: return 1;
    case ZYDIS_MNEMONIC_VPEXTRQ:
    case ZYDIS_MNEMONIC_VPINSRQ: return 3;
    default: return 2;
    }
}

/* SDM Vol.2 PEXTRB, PINSRB: VEX.W = 1 is #UD outside 64-bit mode. */
static bool is_wide_invalid(const struct xlat *x, unsigned log2)
{
    return log2 >= 2 && x->zi->raw.vex.W && !(x->mode & MODE_LONG) &&
           x->zi->mnemonic != ZYDIS_MNEMONIC_VEXTRACTPS;
}

bool xlat_avx_extract(struct xlat *x)
{
    unsigned log2 = element_log2(x->zi->mnemonic);
    if (is_wide_invalid(x, log2))
        return false;
    unsigned element = vec_imm8(&x->zo[2]) & ((16u >> log2) - 1);
    struct uop *u;
    if (is_mem(&x->zo[0]))
        u = emit_store(x, LEGACY(x)->store[log2], &x->zo[1]);
    else
        u = vec_emit(x, LEGACY(x)->to_gpr[log2], NULL, &x->zo[0], &x->zo[1]);
    u->aux = element << log2;
    return true;
}

bool xlat_avx_insert(struct xlat *x)
{
    unsigned log2 = element_log2(x->zi->mnemonic);
    if (is_wide_invalid(x, log2))
        return false;
    struct uop *u = avx_emit3(x, &MOV(x)->insert[log2]);
    u->imm = vec_imm8(&x->zo[3]) & ((16u >> log2) - 1);
    return true;
}

/* VEXTRACTF128, VEXTRACTI128 */
bool xlat_avx_extract128(struct xlat *x)
{
    uop_fn *const *row = MOV(x)->extract.l[0];
    struct uop *u;
    if (is_mem(&x->zo[0]))
        u = emit_store(x, row[SSE_MEM], &x->zo[1]);
    else
        u = vec_emit(x, row[SSE_REG], NULL, &x->zo[0], &x->zo[1]);
    u->imm = (vec_imm8(&x->zo[2]) & 1) * 16;
    return true;
}

/* VINSERTF128, VINSERTI128 */
bool xlat_avx_insert128(struct xlat *x)
{
    unsigned op = vec_imm8(&x->zo[3]) & 1 ? AVX_INSERT_HIGH : AVX_INSERT_LOW;
    avx_emit3(x, &VEC_TABLE(x, avx_int)->op[op]);
    return true;
}

/* VMASKMOVPS, VMASKMOVPD, VPMASKMOVD, VPMASKMOVQ: the mask is vvvv. A
 * segment's limit concerns the chosen elements only. */
bool xlat_avx_mask(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    bool wide =
        m == ZYDIS_MNEMONIC_VMASKMOVPD || m == ZYDIS_MNEMONIC_VPMASKMOVQ;
    bool store = is_mem(&x->zo[0]);
    const ZydisDecodedOperand *mem = &x->zo[store ? 0 : 2];
    const struct avx_masked *h = &MOV(x)->masked[wide][avx_l(x)];
    bool segmented = xlat_segmented(x, mem);
    struct ea ea = segmented ? xlat_offset(x, mem) : xlat_ea(x, mem);
    struct uop *u =
        xlat_emit(x, store ? h->store[segmented] : h->load[segmented]);
    xlat_set_ea(u, &ea);
    u->dst = xlat_number(x->zo[0].reg.value);
    u->src = xlat_number(x->zo[2].reg.value);
    u->aux = xlat_number(x->zo[1].reg.value);
    u->imm = segmented ? bits_mask(x->zi->address_width) : 0;
    return true;
}

bool xlat_avx_maskmovdqu(struct xlat *x)
{
    return vec_emit_masked(x, sse_maskmovdqu);
}

/* The number of elements is that of the narrower register, of indexes or of
 * data. Operands: (dst, memory, mask). */
bool xlat_avx_gather(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    const ZydisDecodedOperandMem *mem = &x->zo[1].mem;
    bool data8 =
        m == ZYDIS_MNEMONIC_VGATHERDPD || m == ZYDIS_MNEMONIC_VGATHERQPD ||
        m == ZYDIS_MNEMONIC_VPGATHERDQ || m == ZYDIS_MNEMONIC_VPGATHERQQ;
    bool index8 =
        m == ZYDIS_MNEMONIC_VGATHERQPS || m == ZYDIS_MNEMONIC_VGATHERQPD ||
        m == ZYDIS_MNEMONIC_VPGATHERQD || m == ZYDIS_MNEMONIC_VPGATHERQQ;
    unsigned count = (avx_l(x) ? 32u : 16u) / (data8 || index8 ? 8 : 4);
    struct uop *u = xlat_emit(x, MOV(x)->gather);
    u->dst = xlat_number(x->zo[0].reg.value);
    u->src = xlat_number(x->zo[2].reg.value);
    if (mem->base != ZYDIS_REGISTER_NONE)
        u->base = xlat_gpr(mem->base);
    u->index = xlat_number(mem->index);
    u->scale = mem->scale == 0 ? 0 : (uint8_t)__builtin_ctz(mem->scale);
    u->disp = (int32_t)mem->disp.value;
    u->seg = xlat_segment(&x->zo[1]);
    u->imm = bits_mask(x->zi->address_width);
    u->aux = count | (data8 ? AVX_GATHER_DATA8 : 0u) |
             (index8 ? AVX_GATHER_INDEX8 : 0u);
    x->loads = (uint16_t)count;
    return true;
}

/* VZEROUPPER, VZEROALL: the registers that the mode can name. */
bool xlat_avx_zero(struct xlat *x)
{
    bool all = x->zi->mnemonic == ZYDIS_MNEMONIC_VZEROALL;
    struct uop *u = xlat_emit(x, all ? MOV(x)->zero_all : MOV(x)->zero_upper);
    u->aux = x->mode & MODE_LONG ? 16 : 8;
    return true;
}

/* VLDMXCSR may change the mode key, so it ends the block. */
bool xlat_avx_mxcsr(struct xlat *x)
{
    struct ea ea = xlat_ea(x, &x->zo[0]);
    bool load = x->zi->mnemonic == ZYDIS_MNEMONIC_VLDMXCSR;
    struct uop *u =
        load ? xlat_callout_end(x, fpu_ldmxcsr) : xlat_callout(x, fpu_stmxcsr);
    xlat_set_ea(u, &ea);
    return true;
}
