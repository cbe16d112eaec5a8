/* SPDX-License-Identifier: Apache-2.0
 * VM exits of a core by reason, for the summary: what does not add up over
 * regions of interest as the statistics core<N>.exits.<reason>.* do.
 */
#ifndef VTSIM_CPU_EXITS_H
#define VTSIM_CPU_EXITS_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

struct cpu_exits {
    const char *reason; /* KVM's name in lower case, as in the statistics */
    uint64_t min, max;  /* cycles from exit to entry; of the whole run */
};

/* The index-th reason; false: there are no more. */
bool cpu_exits(const struct cpu *c, unsigned index, struct cpu_exits *out);

#endif
