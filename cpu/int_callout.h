/* SPDX-License-Identifier: Apache-2.0
 * Integer instructions done by callouts: the flag register, stacks that are
 * not flat, and forms that do arithmetic on an offset before segmentation.
 */
#ifndef VTSIM_CPU_INT_CALLOUT_H
#define VTSIM_CPU_INT_CALLOUT_H

#include "cpu/uop.h"

/* aux of callouts with an offset: what int_set_offset packs. */
enum {
    OFFSET_LG = 3,           /* operand size, bits 1:0 */
    OFFSET_RIP = 1 << 2,     /* relative to next_rip */
    OFFSET_ADDRESS = 3 << 3, /* log2 of the bytes of an address */
    OFFSET_ADDRESS_SHIFT = 3,
    OFFSET_OPERATION_SHIFT = 8,
    OFFSET_IMM = 1 << 16, /* bt: the bit number is in disp's place */
};

/* scale: log2 of the operand size in all of the stack callouts. */
callout_fn int_push_r; /* src: register */
callout_fn int_push_i; /* disp: sign-extended immediate */
callout_fn int_pop_r;  /* dst: register */
callout_fn int_pop_m;  /* offset */
callout_fn int_pusha, int_popa, int_leave;
callout_fn int_enter; /* aux: bytes | level << 16 */
callout_fn int_pushf, int_popf;

/*
 * Part of an operand that is read piece by piece: `size` bytes, `at` bytes
 * after the offset, which wraps around at the address size as for an operand
 * of its own. Callouts with an offset. False: c->event is valid.
 */
SIM_MUST_CHECK bool int_load_part(struct cpu *c, const struct uop *u,
                                  unsigned at, unsigned size, uint64_t *v);
/* The same for a store; without `commit` only whether it would fault. */
SIM_MUST_CHECK bool int_store_part(struct cpu *c, const struct uop *u,
                                   unsigned at, unsigned size, uint64_t v,
                                   bool commit);

callout_fn int_bt;   /* offset, src: bit number; operation: enum bt_op */
callout_fn int_xlat; /* offset */
callout_fn int_clflush, int_clwb; /* linear address of the uop */

#endif
