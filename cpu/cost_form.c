/* SPDX-License-Identifier: Apache-2.0
 * Which cost class a form of an instruction has. Runs at translation only:
 * one row a mnemonic (cpu/cost_form.def) names a selector, which looks at
 * the operands.
 */
#include "cpu/cost_form.h"

enum selector {
    SELECT_NONE, /* no row */
#define SELECTOR(name) SELECT_##name,
#include "cpu/cost_form.def"
#undef SELECTOR
};

struct form_row {
    uint8_t selector;
    uint8_t a, b; /* classes */
};

static const struct form_row rows[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define FORM(m, select, a, b)                                                  \
    [ZYDIS_MNEMONIC_##m] = {SELECT_##select, COST_##a, COST_##b},
#define BOTH(m, select, a, b) FORM(m, select, a, b) FORM(V##m, select, a, b)
#include "cpu/cost_form.def"
#undef FORM
#undef BOTH
};

/* The decoded instruction and its row. */
struct form {
    const ZydisDecodedInstruction *zi;
    const ZydisDecodedOperand *zo;
    unsigned visible;
    enum cost_class a, b;
};

static bool is_mem(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static bool is_class(const ZydisDecodedOperand *o, ZydisRegisterClass k)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           ZydisRegisterGetClass(o->reg.value) == k;
}

static bool is_general(const ZydisDecodedOperand *o)
{
    return is_class(o, ZYDIS_REGCLASS_GPR8) ||
           is_class(o, ZYDIS_REGCLASS_GPR16) ||
           is_class(o, ZYDIS_REGCLASS_GPR32) ||
           is_class(o, ZYDIS_REGCLASS_GPR64);
}

static bool is_imm(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

static bool any_mem(const struct form *f)
{
    for (unsigned i = 0; i < f->visible; i++)
        if (is_mem(&f->zo[i]))
            return true;
    return false;
}

/* A YMM register, or memory of that size. */
static bool is_wide(const struct form *f)
{
    for (unsigned i = 0; i < f->visible; i++)
        if (f->zo[i].size == 256)
            return true;
    return false;
}

/* Reads and writes its memory operand. */
static bool is_rmw(const struct form *f)
{
    return f->visible > 0 && is_mem(&f->zo[0]) &&
           (f->zo[0].actions & ZYDIS_OPERAND_ACTION_MASK_READ) != 0 &&
           (f->zo[0].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

static bool is_locked(const struct form *f)
{
    return (f->zi->attributes & ZYDIS_ATTRIB_HAS_LOCK) != 0;
}

static bool is_repeated(const struct form *f)
{
    return (f->zi->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE |
                                 ZYDIS_ATTRIB_HAS_REPNE)) != 0;
}

/* 0 to 3: an operand of 1, 2, 4 or 8 bytes. */
static unsigned size_index(const ZydisDecodedOperand *o)
{
    return o->size >= 64 ? 3 : o->size >= 32 ? 2 : o->size >= 16 ? 1 : 0;
}

static enum cost_class select_alu(const struct form *f)
{
    if (is_locked(f))
        return COST_LOCKED;
    return is_rmw(f) && f->a == COST_ALU ? COST_RMW : f->a;
}

/* MOV, PUSH and POP of segment, control and debug registers. */
static enum cost_class select_mov(const struct form *f)
{
    const ZydisDecodedOperand *to = &f->zo[0], *from = &f->zo[1];
    if (is_class(to, ZYDIS_REGCLASS_SEGMENT))
        return f->zi->mnemonic == ZYDIS_MNEMONIC_PUSH ? COST_SEGMENT_READ
                                                      : COST_SEGMENT;
    if (is_class(to, ZYDIS_REGCLASS_CONTROL))
        return to->reg.value == ZYDIS_REGISTER_CR3 ? COST_MOV_CR3 : COST_MOV_CR;
    if (is_class(to, ZYDIS_REGCLASS_DEBUG))
        return COST_MOV_DR;
    if (f->visible < 2)
        return COST_ALU;
    if (is_class(from, ZYDIS_REGCLASS_SEGMENT))
        return COST_SEGMENT_READ;
    if (is_class(from, ZYDIS_REGCLASS_CONTROL) ||
        is_class(from, ZYDIS_REGCLASS_DEBUG))
        return COST_READ_CR;
    return COST_ALU;
}

static enum cost_class select_lea(const struct form *f)
{
    const ZydisDecodedOperandMem *m = &f->zo[1].mem;
    bool three = m->base != ZYDIS_REGISTER_NONE &&
                 m->index != ZYDIS_REGISTER_NONE && m->disp.value != 0;
    return three || f->zo[0].size == 16 ? COST_LEA_COMPLEX : COST_ALU;
}

static enum cost_class select_bt(const struct form *f)
{
    if (is_locked(f))
        return COST_LOCKED;
    if (!is_mem(&f->zo[0]))
        return COST_ALU;
    return !is_imm(&f->zo[1]) ? COST_BIT_STRING
           : is_rmw(f)        ? COST_RMW
                              : COST_ALU;
}

/* By a count of one, or by another. */
static enum cost_class select_rotate(const struct form *f)
{
    const ZydisDecodedOperand *by = &f->zo[f->visible - 1];
    return is_imm(by) && by->imm.value.u == 1 ? f->a : f->b;
}

/* By an immediate, or by CL; on memory it reads and writes. */
static enum cost_class select_shift(const struct form *f)
{
    if (!is_imm(&f->zo[f->visible - 1]))
        return f->b;
    return is_rmw(f) && f->a == COST_ALU ? COST_RMW : f->a;
}

static enum cost_class select_far(const struct form *f)
{
    return f->zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR ? f->a : COST_ALU;
}

/* Elements of a gather: as many as the wider of data and indices fill. */
static enum cost_class select_gather(const struct form *f)
{
    bool narrow = f->zi->mnemonic == ZYDIS_MNEMONIC_VGATHERDPS ||
                  f->zi->mnemonic == ZYDIS_MNEMONIC_VPGATHERDD;
    if (f->zi->avx.vector_length == 256)
        return narrow ? COST_GATHER8 : COST_GATHER4;
    return narrow ? COST_GATHER4 : COST_GATHER2;
}

static enum cost_class select_movd(const struct form *f)
{
    return is_general(&f->zo[0]) || is_general(&f->zo[1]) ? COST_VEC_GPR
                                                          : COST_VEC;
}

/* From the low lane into both: the source decides nothing when it is
 * memory, whose load broadcasts. */
static enum cost_class select_spread(const struct form *f)
{
    if (any_mem(f) && f->a == COST_VEC)
        return is_wide(f) ? COST_VEC256 : COST_VEC;
    return is_wide(f) ? COST_LANE_CROSS : COST_SHUFFLE;
}

static enum cost_class select_vec_shift(const struct form *f)
{
    bool imm = is_imm(&f->zo[f->visible - 1]);
    if (is_wide(f))
        return imm ? COST_VEC256 : COST_VEC_SHIFT256;
    return imm ? COST_VEC : COST_VEC_SHIFT;
}

static enum cost_class select_string(const struct form *f)
{
    if (f->zi->meta.category != ZYDIS_CATEGORY_STRINGOP)
        return f->b;                         /* MOVSD and CMPSD of SSE2 */
    return is_repeated(f) ? COST_ALU : f->a; /* cpu/string.c charges REP */
}

static enum cost_class select_xchg(const struct form *f)
{
    if (any_mem(f))
        return COST_LOCKED;
    /* F3 90 with REX.B, which Zydis calls PAUSE. */
    if (f->zi->mnemonic == ZYDIS_MNEMONIC_PAUSE && f->zi->raw.rex.B == 0)
        return COST_PAUSE;
    return COST_XCHG;
}

enum cost_class cost_of_form(const ZydisDecodedInstruction *zi,
                             const ZydisDecodedOperand *zo,
                             enum cost_class other)
{
    const struct form_row *r = &rows[zi->mnemonic];
    const struct form f = {
        .zi = zi,
        .zo = zo,
        .visible = zi->operand_count_visible,
        .a = (enum cost_class)r->a,
        .b = (enum cost_class)r->b,
    };
    switch ((enum selector)r->selector) {
    case SELECT_NONE: return other;
    case SELECT_ONE: return f.a;
    case SELECT_WIDTH: return is_wide(&f) ? f.b : f.a;
    case SELECT_LOCK: return is_locked(&f) ? f.b : f.a;
    case SELECT_ALU: return select_alu(&f);
    case SELECT_SIZE: return f.a + size_index(&zo[0]);
    case SELECT_IMUL: return f.visible == 1 ? f.a + size_index(&zo[0]) : f.b;
    case SELECT_STORE: return is_mem(&zo[0]) ? f.b : f.a;
    case SELECT_MOV: return select_mov(&f);
    case SELECT_LEA: return select_lea(&f);
    case SELECT_BT: return select_bt(&f);
    case SELECT_ROTATE: return select_rotate(&f);
    case SELECT_SHIFT: return select_shift(&f);
    case SELECT_FAR: return select_far(&f);
    case SELECT_GATHER: return select_gather(&f);
    case SELECT_MOVD: return select_movd(&f);
    case SELECT_SPREAD: return select_spread(&f);
    case SELECT_VEC_SHIFT: return select_vec_shift(&f);
    case SELECT_STRING: return select_string(&f);
    case SELECT_XCHG: return select_xchg(&f);
    }
    return other;
}

bool cost_is_named(ZydisMnemonic m)
{
    return rows[m].selector != SELECT_NONE;
}
