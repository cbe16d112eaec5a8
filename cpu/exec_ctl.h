/* SPDX-License-Identifier: Apache-2.0
 * Handlers of control flow and of the translator's own uops; tables of
 * cpu/exec_ctl.c and cpu/exec_fuse.c, one a timing level.
 */
#ifndef VTSIM_CPU_EXEC_CTL_H
#define VTSIM_CPU_EXEC_CTL_H

#include "cpu/uop.h"

/* LOOPNE, LOOPE, LOOP as their opcodes go on, then JCXZ. */
enum { LOOP_NE, LOOP_E, LOOP_ANY, LOOP_JCXZ, LOOP_KINDS };

struct exec_ctl_table {
    /* Ends of blocks: a struct uop_link follows each. */
    uop_fn *next; /* falls through */
    uop_fn *jmp;  /* direct */
    uop_fn *jcc[16];
    uop_fn *loop[LOOP_KINDS][4]; /* by log2 of the counter's size, 1..3 */
    uop_fn *jmp_reg, *jmp_mem;   /* src; ea */
    uop_fn *call, *call_reg, *call_mem; /* imm: RIP pushed; 64-bit mode */
    uop_fn *ret;                        /* imm: bytes released after the pop */

    uop_fn *line;   /* fetch the next line; imm: its physical address */
    uop_fn *charge; /* imm cycles to leaf aux */
    uop_fn *raise;  /* exception aux */
    uop_fn *callout, *callout_end; /* imm: the function */
    uop_fn *cs_limit; /* imm: offset of the instruction's last byte */

    /* gpr[GPR_EA] = ... */
    uop_fn *ea_mask;  /* address & imm */
    uop_fn *ea_base;  /* base of segment aux + (address & imm) */
    uop_fn *ea_const; /* imm */
    uop_fn *ea_seg;   /* address & imm in segment seg, checked; aux: size,
                         bit 16 set for a write */
    /* Check the address: aux is the alignment - 1. */
    uop_fn *align_ac; /* #AC(0) */
};
extern const struct exec_ctl_table exec_ctl_off, exec_ctl_simple;

/* A register operation and the Jcc that tests its flags, as one uop: dst,
 * src or imm as in the operation; a struct uop_link follows. */
enum fuse_kind {
    FUSE_CMP_RR,
    FUSE_CMP_RI,
    FUSE_TEST_RR,
    FUSE_TEST_RI,
    /* 32 and 64 bits only: */
    FUSE_SUB_RR,
    FUSE_SUB_RI,
    FUSE_ADD_RR,
    FUSE_ADD_RI,
    FUSE_AND_RR,
    FUSE_AND_RI,
    FUSE_INC,
    FUSE_DEC,
    FUSE_KINDS
};
/* [kind][log2 size][condition]; NULL: not fused. */
extern uop_fn *const exec_fuse_off[FUSE_KINDS][4][16];
extern uop_fn *const exec_fuse_simple[FUSE_KINDS][4][16];

/* Cycles that instruction `u` was charged at the block's entry. */
uint64_t engine_insn_cycles(const struct uop *u);

#endif
