/* SPDX-License-Identifier: Apache-2.0
 * Translation of vector moves: registers, memory, lanes, MXCSR.
 */
#include "cpu/fpu_save.h"
#include "cpu/xlat_vec.h"

#define MOV(x) VEC_TABLE(x, sse_mov)

/* Store register operand 1 to memory operand 0. */
static struct uop *emit_store(struct xlat *x, uop_fn *fn)
{
    struct ea ea = xlat_ea(x, &x->zo[0]);
    struct uop *u = xlat_emit(x, fn);
    xlat_set_ea(u, &ea);
    u->src = xlat_number(x->zo[1].reg.value);
    return u;
}

static bool mov16(struct xlat *x, uop_fn *load, uop_fn *store)
{
    if (is_mem(&x->zo[0]))
        emit_store(x, store);
    else
        vec_emit(x, MOV(x)->copy, load, &x->zo[0], &x->zo[1]);
    return true;
}

bool xlat_sse_mov16(struct xlat *x)
{
    return mov16(x, MOV(x)->load16_aligned, MOV(x)->store16_aligned);
}

bool xlat_sse_mov16u(struct xlat *x)
{
    return mov16(x, MOV(x)->load16, MOV(x)->store16);
}

/* MOVSS, MOVSD: from memory the rest is zeroed, between registers kept. */
static bool scalar_move(struct xlat *x, unsigned size_log2, unsigned merge)
{
    if (is_mem(&x->zo[0]))
        emit_store(x, MOV(x)->store[size_log2]);
    else
        vec_emit(x, VEC_TABLE(x, sse_int)->op[merge][SSE_REG],
                 MOV(x)->load[size_log2], &x->zo[0], &x->zo[1]);
    return true;
}

bool xlat_sse_movss(struct xlat *x)
{
    return scalar_move(x, 2, SSE_MERGE4);
}

bool xlat_sse_movsd(struct xlat *x)
{
    return !vec_available(x, true, FEATURE_SSE2) ||
           scalar_move(x, 3, SSE_MERGE8);
}

bool xlat_sse_movlp(struct xlat *x)
{
    if (is_mem(&x->zo[0]))
        emit_store(x, MOV(x)->store[3]);
    else
        vec_emit2(x, VEC_TABLE(x, sse_int)->op[SSE_MERGE8]);
    return true;
}

bool xlat_sse_movhp(struct xlat *x)
{
    if (is_mem(&x->zo[0]))
        emit_store(x, MOV(x)->store[3])->aux = 8;
    else
        vec_emit2(x, VEC_TABLE(x, sse_int)->op[SSE_HIGH_FROM_LOW]);
    return true;
}

bool xlat_sse_movhlps(struct xlat *x)
{
    vec_emit2(x, VEC_TABLE(x, sse_int)->op[SSE_LOW_FROM_HIGH]);
    return true;
}

bool xlat_sse_movlhps(struct xlat *x)
{
    vec_emit2(x, VEC_TABLE(x, sse_int)->op[SSE_HIGH_FROM_LOW]);
    return true;
}

bool xlat_sse_movmsk(struct xlat *x)
{
    bool pd = x->zi->mnemonic == ZYDIS_MNEMONIC_MOVMSKPD;
    vec_emit(x, MOV(x)->movmsk[pd ? 1 : 0], NULL, &x->zo[0], &x->zo[1]);
    return true;
}

/* log2 of the lane of PEXTRx, PINSRx, EXTRACTPS. */
static unsigned lane_log2(ZydisMnemonic m)
{
    switch ((unsigned)m) {
    case ZYDIS_MNEMONIC_PEXTRB:
    case ZYDIS_MNEMONIC_PINSRB: return 0;
    case ZYDIS_MNEMONIC_PEXTRW:
    case ZYDIS_MNEMONIC_PINSRW: return 1;
    case ZYDIS_MNEMONIC_PEXTRQ:
    case ZYDIS_MNEMONIC_PINSRQ: return 3;
    default: return 2;
    }
}

/* Byte offset of the lane that imm8 names; excess bits are ignored. */
static uint32_t lane_at(unsigned imm, unsigned log2)
{
    return (imm << log2) & 15;
}

bool xlat_sse_extract(struct xlat *x)
{
    unsigned log2 = lane_log2(x->zi->mnemonic);
    struct uop *u;
    if (is_mem(&x->zo[0]))
        u = emit_store(x, MOV(x)->store[log2]);
    else
        u = vec_emit(x, MOV(x)->to_gpr[log2], NULL, &x->zo[0], &x->zo[1]);
    u->aux = lane_at(vec_imm8(&x->zo[2]), log2);
    return true;
}

bool xlat_sse_insert(struct xlat *x)
{
    unsigned log2 = lane_log2(x->zi->mnemonic);
    struct uop *u = vec_emit(x, MOV(x)->insert_gpr[log2],
                             MOV(x)->insert_mem[log2], &x->zo[0], &x->zo[1]);
    u->aux = lane_at(vec_imm8(&x->zo[2]), log2);
    return true;
}

/* The memory operand, DS:rDI or overridden, is a hidden one. */
static const ZydisDecodedOperand *hidden_memory(const struct xlat *x)
{
    for (unsigned i = 0; i < x->zi->operand_count; i++)
        if (is_mem(&x->zo[i]))
            return &x->zo[i];
    return NULL;
}

/* MASKMOVDQU, MASKMOVQ: data and mask are the two register operands. */
bool vec_emit_masked(struct xlat *x, callout_fn *fn)
{
    const ZydisDecodedOperand *mem = hidden_memory(x), *reg[2];
    unsigned n = 0;
    for (unsigned i = 0; i < x->zi->operand_count && n < 2; i++)
        if (is_xmm(&x->zo[i]) || is_mmx(&x->zo[i]))
            reg[n++] = &x->zo[i];
    if (mem == NULL || n != 2)
        return false;
    struct ea ea = xlat_ea(x, mem);
    struct uop *u = xlat_callout(x, fn);
    xlat_set_ea(u, &ea);
    u->dst = xlat_number(reg[0]->reg.value);
    u->src = xlat_number(reg[1]->reg.value);
    x->stores = 0; /* counted byte by byte */
    return true;
}

bool xlat_sse_maskmovdqu(struct xlat *x)
{
    return vec_emit_masked(x, sse_maskmovdqu);
}

/* LDMXCSR may change the mode key, so it ends the block. */
bool xlat_sse_mxcsr(struct xlat *x)
{
    struct ea ea = xlat_ea(x, &x->zo[0]);
    bool load = x->zi->mnemonic == ZYDIS_MNEMONIC_LDMXCSR;
    struct uop *u =
        load ? xlat_callout_end(x, fpu_ldmxcsr) : xlat_callout(x, fpu_stmxcsr);
    xlat_set_ea(u, &ea);
    return true;
}
