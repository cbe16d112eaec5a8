/* SPDX-License-Identifier: Apache-2.0
 * Lazy arithmetic flags. An ALU uop whose flags may be read leaves result,
 * second source and the kind of operation; flags are computed when asked
 * for. Uops whose flags are overwritten before any read leave nothing: the
 * translator picks their flagless instance.
 */
#ifndef VTSIM_CPU_FLAGS_H
#define VTSIM_CPU_FLAGS_H

#include "cpu/state.h"

/* cc_op: kind << 2 | log2(size in bytes). Sources are truncated and
 * zero-extended to the size. */
enum {
    CC_NONE = 0,       /* arithmetic bits of c->eflags are valid */
    CC_ADD = 1,        /* cc_res = a + b, cc_src = b */
    CC_SUB = 2,        /* cc_res = a - b, cc_src = b (CMP, NEG with a = 0) */
    CC_LOGIC = 3,      /* cc_res; CF = OF = AF = 0 */
    CC_INC = 4,        /* cc_res; cc_src = CF before */
    CC_DEC = 5,        /* cc_res; cc_src = CF before */
    CC_KINDS = 6
};
#define CC_OP(kind, size_log2) ((uint32_t)((kind) << 2 | (size_log2)))

/* The six arithmetic flags now, without changing the lazy state. */
uint32_t flags_arith(const struct cpu *c);

/* All of EFLAGS; makes the arithmetic bits of c->eflags valid first. */
uint32_t flags_read(struct cpu *c);

/* Replace the six arithmetic flags. */
static inline void flags_set_arith(struct cpu *c, uint32_t bits)
{
    c->eflags = (c->eflags & ~(uint32_t)FLAG_ARITH) | (bits & FLAG_ARITH);
    c->cc_op = 0;
}

/* Condition `cc` 0..15 as encoded in Jcc, SETcc, CMOVcc (SDM Vol.2
 * App. B "Condition Test Field"). */
bool flags_condition(const struct cpu *c, unsigned cc);

#endif
