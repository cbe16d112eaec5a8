/* SPDX-License-Identifier: Apache-2.0
 * What the integer families of the translator share: operand classes, sizes,
 * and emission with a memory operand.
 */
#ifndef VTSIM_CPU_XLAT_INT_H
#define VTSIM_CPU_XLAT_INT_H

#include "cpu/exec_int.h"
#include "cpu/xlat.h"

/* The families. */
#define INSN(mnemonic, fn, cost, rules, feature) xlat_fn fn;
#include "cpu/insn_int.def"
#undef INSN

/* The handler table `exec_<family>` of the timing level. */
#define INT_TABLE(x, family)                                                   \
    (xlat_timed(x) ? &exec_##family##_simple : &exec_##family##_off)

static inline bool int_is_reg(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER;
}
static inline bool int_is_mem(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}
static inline bool int_is_imm(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

/* log2 of an operand's bytes: 0..3 for the general sizes. */
static inline unsigned int_lg(const ZydisDecodedOperand *o)
{
    return (unsigned)__builtin_ctz(o->size / 8u);
}
/* The same for the operand size of the instruction. */
static inline unsigned int_insn_lg(const struct xlat *x)
{
    return (unsigned)__builtin_ctz(x->zi->operand_width / 8u);
}

/* An immediate, sign-extended as encoded, truncated to the operand size. */
static inline uint64_t int_imm(const ZydisDecodedOperand *o, unsigned lg)
{
    return o->imm.value.u & INT_MASK(lg);
}

static inline uint8_t int_reg(const ZydisDecodedOperand *o)
{
    return xlat_gpr(o->reg.value);
}

static inline bool int_has_index(const struct ea *ea)
{
    return ea->index != GPR_ZERO * 8;
}

/* A LOCK prefix decides the cost; atomicity is free. */
static inline void int_lock(struct xlat *x)
{
    if (x->zi->attributes & ZYDIS_ATTRIB_HAS_LOCK)
        x->cost = COST_LOCKED;
}

/* Append handler `fn` on a register pair. */
struct uop *int_emit_rr(struct xlat *x, uop_fn *fn, uint8_t dst, uint8_t src);
/* ... on memory operand `o`: `plain` without, `indexed` with an index. */
struct uop *int_emit_mem(struct xlat *x, const ZydisDecodedOperand *o,
                         uop_fn *plain, uop_fn *indexed);

/*
 * The memory operand as an offset in its segment, for callouts that must do
 * arithmetic on it before segmentation: int_offset in int_callout.c reads
 * these fields. `u` is a callout's uop; its aux is taken.
 */
void int_set_offset(const struct xlat *x, struct uop *u,
                    const ZydisDecodedOperand *o, unsigned operation,
                    unsigned lg);

#endif
