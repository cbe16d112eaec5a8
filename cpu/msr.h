/* SPDX-License-Identifier: Apache-2.0
 * Model-specific registers.
 */
#ifndef VTSIM_CPU_MSR_H
#define VTSIM_CPU_MSR_H

#include "cpu/event.h"

/*
 * RDMSR and WRMSR without their privilege check. False: the register does
 * not exist, is read-only, or the value has a reserved bit: #GP(0), and
 * nothing changed.
 */
SIM_MUST_CHECK bool msr_read(struct cpu *c, uint32_t number, uint64_t *out);
SIM_MUST_CHECK bool msr_write(struct cpu *c, uint32_t number, uint64_t in);

/* IA32_FEATURE_CONTROL: locked, VMXON outside SMX operation. */
enum { FEATURE_CONTROL_LOCK = 1 << 0, FEATURE_CONTROL_VMX = 1 << 2 };

/* IA32_MISC_ENABLE. */
enum {
    MISC_FAST_STRINGS = 1 << 0,
    MISC_THERMAL = 1 << 3, /* no effect: nothing gets hot */
    MISC_PERFMON = 1 << 7, /* read-only, as the next two */
    MISC_NO_BTS = 1 << 11,
    MISC_NO_PEBS = 1 << 12,
    MISC_SPEEDSTEP = 1 << 16, /* no effect: one operating point */
    MISC_MONITOR = 1 << 18,
    MISC_LIMIT_CPUID = 1 << 22, /* no leaf above 2 */
    MISC_NO_XTPR = 1 << 23,     /* no effect: no front-side bus */
};
#define MISC_NO_XD (UINT64_C(1) << 34) /* no execute-disable pages */

#endif
