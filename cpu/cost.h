/* SPDX-License-Identifier: Apache-2.0
 * Cost classes: what an instruction costs beyond its memory accesses in
 * --timing=simple. One row a class (cpu/cost.def); a preset gives each value
 * of its part. docs/timing.md says what the cycles mean.
 */
#ifndef VTSIM_CPU_COST_H
#define VTSIM_CPU_COST_H

#include <stdint.h>

enum cost_class {
#define COST(e, name, cycles, leaf, rule, doc) COST_##e,
#include "cpu/cost.def"
#undef COST
    COST_COUNT
};

/* How a class's cycles follow from published figures. */
enum cost_rule {
    COST_PIPELINED, /* reciprocal throughput, at least 1 */
    COST_WHOLE,     /* the larger of latency and reciprocal throughput */
};

struct cost_table {
    uint32_t cycles[COST_COUNT];
};

#endif
