/* SPDX-License-Identifier: Apache-2.0
 * Callouts that move MXCSR and whole x87/MMX/SSE states between registers
 * and memory: the uop's linear address is the area.
 */
#ifndef VTSIM_CPU_FPU_SAVE_H
#define VTSIM_CPU_FPU_SAVE_H

#include "cpu/uop.h"

callout_fn fpu_ldmxcsr, fpu_stmxcsr;

/* FXSAVE, FXRSTOR: aux is the FPU_* flags. fpu_fxrstor may change the mode
 * key. */
enum {
    FPU_REXW = 1 << 0, /* FXSAVE64: 64-bit FIP and FDP */
    FPU_LONG = 1 << 1, /* 64-bit mode: XMM8-15 are part of the area */
    FPU_16 = 1 << 2,   /* 16-bit operand size: 14-byte environment */
    FPU_PROT = 1 << 3, /* protected mode: selectors, not linear addresses */
};
callout_fn fpu_fxsave, fpu_fxrstor;

/* FNSTENV, FLDENV, FNSAVE, FRSTOR: aux is the FPU_* flags. */
callout_fn fpu_fnstenv, fpu_fldenv, fpu_fnsave, fpu_frstor;

/*
 * What XSAVE and its kin (cpu/xsave.c) share with these. Would len bytes
 * fault? False: c->event is valid. It keeps an area that fails half-way from
 * being half-written.
 */
SIM_MUST_CHECK bool fpu_area_ok(struct cpu *c, const struct uop *u,
                                uint64_t lin, unsigned len,
                                enum mmu_access access);
SIM_MUST_CHECK bool fpu_area_read(struct cpu *c, const struct uop *u,
                                  uint64_t lin, unsigned len, uint8_t *out);
SIM_MUST_CHECK bool fpu_area_write(struct cpu *c, const struct uop *u,
                                   uint64_t lin, unsigned len,
                                   const uint8_t *in);
/* Bytes 23:0 and 159:32 of the area; the store leaves the reserved ones. */
void fpu_store_x87(const struct cpu *c, uint8_t *p, bool rexw);
void fpu_load_x87(struct cpu *c, const uint8_t *p, bool rexw);

#endif
