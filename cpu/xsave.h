/* SPDX-License-Identifier: Apache-2.0
 * The XSAVE feature set: extended control register 0, IA32_XSS, CPUID leaf
 * 0Dh, and the instructions that save and restore state components. SDM
 * Vol.1 "Managing State Using the XSAVE Feature Set".
 */
#ifndef VTSIM_CPU_XSAVE_H
#define VTSIM_CPU_XSAVE_H

#include "cpu/uop.h"

/* State components, as bits of XCR0 and of instruction masks. */
enum {
    XSTATE_X87 = 1 << 0,
    XSTATE_SSE = 1 << 1,
    XSTATE_AVX = 1 << 2,
    XSTATE_PKRU = 1 << 9,
};

/* Bits that XCR0 and IA32_XSS may have set on this processor. */
uint64_t xsave_user_components(const struct cpu *c);
uint64_t xsave_system_components(const struct cpu *c);

/* Components not in their initial configuration, whatever XCR0 says: a pure
 * function of the registers' values. */
uint64_t xsave_in_use(const struct cpu *c);

/* CPUID leaf 0Dh, but for the feature bits of subleaf 1. */
void xsave_cpuid(const struct cpu *c, uint32_t sub, uint32_t out[4]);

/*
 * Callouts. The uop's linear address is the area; aux holds FPU_REXW,
 * FPU_LONG (cpu/fpu_save.h) and XSAVE_*. sys_xsave changes memory only;
 * sys_xrstor and sys_xsetbv may change the mode key.
 */
enum {
    XSAVE_INIT = 1 << 8,    /* components in initial state are not saved */
    XSAVE_COMPACT = 1 << 9, /* compacted format (XRSTORS: demanded) */
    XSAVE_SYSTEM = 1 << 10, /* XSAVES, XRSTORS: IA32_XSS counts too */
};
callout_fn sys_xsave, sys_xrstor, sys_xgetbv, sys_xsetbv;

#endif
