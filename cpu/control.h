/* SPDX-License-Identifier: Apache-2.0
 * Control and debug registers as MOV, LMSW and CLTS write them: reserved
 * bits, consistency of modes, and what each change invalidates.
 */
#ifndef VTSIM_CPU_CONTROL_H
#define VTSIM_CPU_CONTROL_H

#include "cpu/uop.h"

enum {
    CR0_PE = 1 << 0,
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR0_TS = 1 << 3,
    CR0_ET = 1 << 4,
    CR0_NE = 1 << 5,
    CR0_WP = 1 << 16,
    CR0_AM = 1 << 18,
    CR0_NW = 1 << 29,
    CR0_CD = 1 << 30,
};
#define CR0_PG (UINT64_C(1) << 31)

enum {
    CR4_VME = 1 << 0,
    CR4_PVI = 1 << 1,
    CR4_TSD = 1 << 2,
    CR4_DE = 1 << 3,
    CR4_PSE = 1 << 4,
    CR4_PAE = 1 << 5,
    CR4_MCE = 1 << 6,
    CR4_PGE = 1 << 7,
    CR4_PCE = 1 << 8,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_UMIP = 1 << 11,
    CR4_LA57 = 1 << 12,
    CR4_VMXE = 1 << 13,
    CR4_FSGSBASE = 1 << 16,
    CR4_PCIDE = 1 << 17,
    CR4_OSXSAVE = 1 << 18,
    CR4_SMEP = 1 << 20,
    CR4_SMAP = 1 << 21,
    CR4_PKE = 1 << 22,
};

enum {
    EFER_SCE = 1 << 0,
    EFER_LME = 1 << 8,
    EFER_LMA = 1 << 10,
    EFER_NXE = 1 << 11,
};

/* Bits of CR4 that may be 1. */
uint64_t control_cr4_allowed(const struct cpu_config *g);

/* The PCID in use: 0 unless CR4.PCIDE. */
uint16_t control_pcid(const struct cpu *c);

/* Load the PDPTEs from memory at CR3 when PAE paging is in use, for state that
 * is set from outside; they stay as they are when one is malformed. */
void control_load_pdptes(struct cpu *c);

/* Write a control register (number 0, 2, 3, 4, 8). STEP_FAULT: #GP(0) and
 * nothing changed. */
enum step control_write(struct cpu *c, unsigned number, uint64_t v);
uint64_t control_read(const struct cpu *c, unsigned number);

/* Callouts. dst: byte offset of the register read from or written to; src:
 * number of the control or debug register. */
callout_fn sys_mov_to_cr, sys_mov_from_cr, sys_mov_to_dr, sys_mov_from_dr;
callout_fn sys_lmsw, sys_clts, sys_clac, sys_stac;

#endif
