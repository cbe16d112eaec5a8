/* SPDX-License-Identifier: Apache-2.0
 * Reset, INIT and start-up of a core, and its time-stamp counter.
 */
#ifndef VTSIM_CPU_RESET_H
#define VTSIM_CPU_RESET_H

#include "cpu/event.h"

/* INIT#: SDM Vol.3 "Processor State After Reset", INIT column. An
 * application processor then waits for SIPI. */
void cpu_init_signal(struct cpu *c);

/* Take the pending SIPI: start in real mode at vector << 12. */
void cpu_startup(struct cpu *c);

/* Family, model and stepping as CPUID leaf 1 encodes them in EAX. */
uint32_t cpu_signature(const struct cpu *c);

/* Ticks of the TSC's clock since power-on, from the core's local time, and
 * the TSC: that plus msr.tsc_offset. cpu/msr.c */
uint64_t cpu_tsc_ticks(const struct cpu *c);
uint64_t cpu_tsc(const struct cpu *c);

#endif
