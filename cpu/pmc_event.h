/* SPDX-License-Identifier: Apache-2.0
 * The events that performance counters count: encodings by processor family,
 * and what the core has counted of each.
 */
#ifndef VTSIM_CPU_PMC_EVENT_H
#define VTSIM_CPU_PMC_EVENT_H

#include "cpu/state.h"

/* What is counted; those of the MMU carry the access and the count. */
enum pmc_source {
    PMC_CYCLES,    /* not halted */
    PMC_REFERENCE, /* the same in ticks of the TSC */
    PMC_BUS,       /* ... of the bus clock */
    PMC_INSTRUCTIONS,
    PMC_BRANCHES,
    PMC_TAKEN,
    PMC_LOADS,
    PMC_STORES,
    PMC_ACCESSES,
    PMC_MMU, /* mmu_count */
};

/* Families of encodings. */
enum pmc_set {
    PMC_SET_ARCHITECTURAL = 1 << 0,
    PMC_SET_NEHALEM = 1 << 1, /* and Westmere */
    PMC_SET_SANDYBRIDGE = 1 << 2,
    PMC_SET_HASWELL = 1 << 3,
    PMC_SET_SKYLAKE = 1 << 4,
    PMC_SET_ICELAKE = 1 << 5,
    PMC_SET_SAPPHIRERAPIDS = 1 << 6,
    PMC_SET_ZEN = 1 << 7,
};

enum { PMC_NO_EVENT = 0xffff };

/* The family of this processor. */
enum pmc_set pmc_event_set(const struct cpu *c);
/* Row of the event that a select register names, or PMC_NO_EVENT. */
uint16_t pmc_event_find(const struct cpu *c, uint64_t select);
/* Row of a fixed counter's event. */
uint16_t pmc_event_fixed(enum pmc_source s);
/* How often it has happened since the reset. */
uint64_t pmc_event_count(const struct cpu *c, uint16_t row);
/* It happens at most once a cycle. */
bool pmc_event_slow(uint16_t row);

#endif
