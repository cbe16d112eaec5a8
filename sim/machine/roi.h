/* SPDX-License-Identifier: Apache-2.0
 * Regions of interest and dumps: which part of the run the reported
 * statistics cover. Private to sim/machine.
 */
#ifndef VTSIM_SIM_MACHINE_ROI_H
#define VTSIM_SIM_MACHINE_ROI_H

#include "sim/base/port.h"
#include "sim/base/stat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

struct roi {
    size_t values;   /* length of every array */
    uint64_t *base;  /* at the last reset */
    uint64_t *begin; /* when the present region began */
    uint64_t *sum;   /* over finished regions */
    uint64_t *scratch;
    uint64_t regions; /* begun so far */
    unsigned depth;   /* regions that are open: they may nest */
    uint64_t **dump;
    size_t dumps;
    bool warned_dumps, warned_delay;
    uint64_t warned_function; /* BIT(function) already complained of, < 64 */
};

/* False: out of memory. The registry is complete. */
bool roi_init(struct roi *r, const struct stat_registry *stats);
void roi_free(struct roi *r);

/* The port that cores call for 0F 04 imm16. */
struct magic_port roi_port(struct machine *m);

#endif
