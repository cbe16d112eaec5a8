/* SPDX-License-Identifier: Apache-2.0
 * Callouts of the system instructions and what they read from their uop.
 */
#ifndef VTSIM_CPU_SYSINSN_H
#define VTSIM_CPU_SYSINSN_H

#include "cpu/mem.h"
#include "cpu/uop.h"

/*
 * aux of these callouts. The r/m operand is memory (base, index, scale,
 * disp, seg) with SYS_MEM, else the register at byte offset dst; another
 * register is at src.
 */
enum {
    SYS_SIZE = 0xf,        /* operand size in bytes */
    SYS_MEM = 1 << 4,      /* the r/m operand is memory */
    SYS_REP = 1 << 5,      /* INS, OUTS: REP prefix */
    SYS_IMM = 1 << 6,      /* the port is the immediate, not DX */
    SYS_CALL_FAR = 1 << 7, /* CALL rather than JMP */
    SYS_ADDRESS_SHIFT = 8, /* address size in bytes, bits 11:8 */
    SYS_EXTRA_SHIFT = 16,  /* immediate: vector, port, bytes to release */
};

static inline unsigned sys_size(const struct uop *u)
{
    return u->aux & SYS_SIZE;
}
static inline unsigned sys_extra(const struct uop *u)
{
    return u->aux >> SYS_EXTRA_SHIFT;
}

/* The register at byte offset `off`, `size` 1, 2, 4 or 8; a 4-byte write
 * zeroes the upper half. */
uint64_t sys_read_reg(const struct cpu *c, unsigned off, unsigned size);
void sys_write_reg(struct cpu *c, unsigned off, unsigned size, uint64_t v);

/* The r/m operand. False: c->event is valid. */
SIM_MUST_CHECK bool sys_read_rm(struct cpu *c, const struct uop *u,
                                unsigned size, uint64_t *v);
SIM_MUST_CHECK bool sys_write_rm(struct cpu *c, const struct uop *u,
                                 unsigned size, uint64_t v);

/* Replace the EFLAGS bits of `mask`; RF starts its one instruction. */
void sys_set_flags(struct cpu *c, uint32_t value, uint32_t mask);

/* cpu/sysinsn.c. mov_sreg, load_far: src is the segment's number; load_far
 * has its operand as an offset (cpu/int_callout.h), and so has far_indirect. */
callout_fn sys_mov_to_sreg, sys_mov_from_sreg, sys_push_sreg, sys_pop_sreg;
callout_fn sys_load_far;
callout_fn sys_lgdt, sys_lidt, sys_sgdt, sys_sidt, sys_smsw;
callout_fn sys_lldt, sys_ltr, sys_sldt, sys_str;
callout_fn sys_lar, sys_lsl, sys_verr, sys_verw, sys_arpl;
callout_fn sys_cli, sys_sti, sys_hlt;
callout_fn sys_rdmsr, sys_wrmsr, sys_rdtsc, sys_rdtscp, sys_rdpmc, sys_cpuid;
/* dst of rdpid: the register; of movdir64b: the offset in ES, aux the bytes
 * of an address. */
callout_fn sys_rdpid, sys_rdpkru, sys_wrpkru, sys_movdir64b;
callout_fn sys_invlpg, sys_invpcid, sys_wbinvd;
callout_fn sys_swapgs, sys_rdbase, sys_wrbase; /* src: SEG_FS or SEG_GS */

/* cpu/portio.c */
callout_fn sys_in, sys_out, sys_ins, sys_outs;

/* cpu/far.c, cpu/iret.c */
callout_fn sys_far_direct;   /* disp: offset, extra: selector */
callout_fn sys_far_indirect; /* offset; operation: 1 for CALL */
callout_fn sys_far_ret, sys_iret;
callout_fn sys_int, sys_int3, sys_int1, sys_into;

/* cpu/syscall.c */
callout_fn sys_syscall, sys_sysret, sys_sysenter, sys_sysexit;

#endif
