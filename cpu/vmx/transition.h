/* SPDX-License-Identifier: Apache-2.0
 * What the files of VM entry and VM exit share.
 */
#ifndef VTSIM_CPU_VMX_TRANSITION_H
#define VTSIM_CPU_VMX_TRANSITION_H

#include "cpu/control.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

/* Bits of CR0 that neither a VM entry nor a VM exit changes: ET, NW, CD and
 * those that are reserved. SDM Vol.3 "Loading Guest Control Registers, Debug
 * Registers, and MSRs", "Loading Host Control Registers, ...". */
#define VMX_CR0_KEPT                                                           \
    (CR0_ET | CR0_NW | CR0_CD | (bits_mask(16) & ~bits_mask(6)) | BIT(17) |    \
     (bits_mask(29) & ~bits_mask(19)))

enum { IA32_PERF_GLOBAL_CTRL = 0x38f };

/* --- msr_list.c --- */
/* The exit's MSR-store area. False: VMX abort. */
bool vmx_store_msrs(struct cpu *c);
/* An MSR-load area; 0, or the number (from 1) of the entry that failed. */
uint32_t vmx_load_msrs(struct cpu *c, uint64_t address, uint32_t count,
                       enum vmx_cost each);

/* --- exit_load.c --- */
/* Host state, its MSRs, and what a transition drops; aborts by itself. */
void vmx_load_host(struct cpu *c);

/* --- entry_load.c --- */
/* Guest state but for MSR lists and pending events. */
void vmx_load_guest(struct cpu *c);
/* Interruptibility, activity and pending debug exceptions. */
void vmx_load_nonregister(struct cpu *c);

/* --- inject.c --- */
/* The event of the VM-entry interruption information. */
void vmx_inject(struct cpu *c);

/* --- timers.c: the VMX-preemption timer and the absolute VMM timer --- */
void vmx_timers_start(struct cpu *c);
void vmx_timers_save(struct cpu *c);
/* The one that is due and which of the two, as the exit reports it. */
bool vmx_timer_due(const struct cpu *c, struct vmx_exit *x);

/* --- stats.c --- */
void vmx_stats_exit(struct cpu *c, uint32_t reason);
void vmx_stats_root(struct cpu *c);
void vmx_stats_entry(struct cpu *c); /* begins */
void vmx_stats_guest(struct cpu *c); /* the guest runs */

#endif
