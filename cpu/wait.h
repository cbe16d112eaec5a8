/* SPDX-License-Identifier: Apache-2.0
 * Waiting for a store: MONITOR, MWAIT, UMONITOR, UMWAIT, TPAUSE. SDM Vol.3
 * "MONITOR/MWAIT Instruction", Vol.2.
 */
#ifndef VTSIM_CPU_WAIT_H
#define VTSIM_CPU_WAIT_H

#include "cpu/uop.h"

/* Let the memory system tell this core of stores to its monitored line. */
void wait_create(struct cpu *c);

/* No line is monitored: reset, INIT. */
void wait_reset(struct cpu *c);

/* ACTIVITY_MWAIT only: the core has a reason to go on, but for interrupts
 * that are delivered anyway. */
bool wait_over(const struct cpu *c);
/* Go on. */
void wait_end(struct cpu *c);

/* MONITOR and MWAIT are not #UD here: CPL 0, IA32_MISC_ENABLE. */
bool wait_monitor_enabled(const struct cpu *c);

/* Callouts. Their linear address or register: the uop's; sys_umwait and
 * sys_tpause: dst is the register, aux bit 0 set for UMWAIT. */
callout_fn sys_monitor, sys_umonitor, sys_mwait, sys_umwait;

#endif
