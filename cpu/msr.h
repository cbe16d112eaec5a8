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
enum { MISC_FAST_STRINGS = 1 << 0, MISC_MONITOR = 1 << 18 };

#endif
