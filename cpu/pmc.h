/* SPDX-License-Identifier: Apache-2.0
 * Performance counters: Intel's architectural ones (general and fixed) and
 * AMD's. Counters are differences of what the core counts anyway, taken when
 * they are read, started or stopped, so that instructions pay nothing.
 * SDM Vol.3 "Performance Monitoring"; AMD APM Vol.2 "Performance Monitoring
 * Counters".
 */
#ifndef VTSIM_CPU_PMC_H
#define VTSIM_CPU_PMC_H

#include "cpu/pmc_state.h"

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* The state after a reset. */
void pmc_reset(struct cpu *c);

/* A performance-monitoring MSR of this processor. */
bool pmc_is_msr(const struct cpu *c, uint32_t number);
/* As msr_read and msr_write. A count of an event that is not modelled is
 * refused aloud when it is enabled. */
bool pmc_msr_read(struct cpu *c, uint32_t number, uint64_t *out);
bool pmc_msr_write(struct cpu *c, uint32_t number, uint64_t in);

/* RDPMC with index ECX. False: there is no such counter. */
bool pmc_read(struct cpu *c, uint32_t index, uint64_t *out);

/* CPUID leaf 0Ah. */
void pmc_cpuid(const struct cpu *c, uint32_t out[4]);

/* The privilege level changed while a counter distinguishes levels. */
void pmc_level_changed(struct cpu *c);

/* While a counter that interrupts is running (pmc.armed): take overflows
 * that have happened, and the earliest cycle at which the next one can. */
void pmc_poll(struct cpu *c);
uint64_t pmc_deadline(const struct cpu *c);

#endif
