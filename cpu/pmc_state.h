/* SPDX-License-Identifier: Apache-2.0
 * State of the performance counters, a part of struct cpu.
 */
#ifndef VTSIM_CPU_PMC_STATE_H
#define VTSIM_CPU_PMC_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum { PMC_GENERAL_MAX = 8, PMC_FIXED_MAX = 3 };
enum { PMC_COUNTERS = PMC_GENERAL_MAX + PMC_FIXED_MAX };

struct pmc_counter {
    uint64_t value;  /* as of mark */
    uint64_t mark;   /* the event's count when value was right */
    uint16_t source; /* row of the event table, or PMC_NO_EVENT */
    bool counts;     /* enabled, and at this privilege level */
    bool interrupts;
};

struct pmc {
    struct pmc_counter counter[PMC_COUNTERS]; /* general, then fixed */
    uint64_t select[PMC_GENERAL_MAX];
    uint64_t fixed_control, global_control, status;
    uint8_t level;    /* CPL that `counts` is for */
    bool distinguish; /* an enabled counter asks for one privilege level */
    bool armed;       /* a counter that interrupts counts */
};

#endif
