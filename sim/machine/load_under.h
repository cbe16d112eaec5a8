/* SPDX-License-Identifier: Apache-2.0
 * A guest below a monitor: the guest is loaded as if there were none, and
 * the monitor behind the guest's RAM, entered instead of the guest and told
 * how to start it. The contract is that of workloads/include/vtsim_guest.h.
 */
#ifndef VTSIM_SIM_MACHINE_LOAD_UNDER_H
#define VTSIM_SIM_MACHINE_LOAD_UNDER_H

#include "sim/machine/load.h"

struct under_layout {
    uint64_t guest_low, guest_high; /* the guest's RAM from 0, from 4 GiB */
    uint64_t at;                    /* the monitor */
    uint64_t total;                 /* RAM of the machine */
};

/* `granule`: the largest page that maps the guest. */
struct under_layout under_layout(uint64_t guest_ram, uint64_t granule);

/* A plan whose RAM is the guest's alone. */
void under_plan_init(struct plan *p, const char *name,
                     const struct under_layout *u);

/* The guest is planned, `out` says how to start it: plan the monitor and
 * change `out` to start that. `options` is its command line. */
SIM_MUST_CHECK enum sim_status
under_plan(const struct load_file *monitor, const char *options,
           const struct under_layout *u, struct plan *p,
           struct load_result *out, struct sim_error *e);

#endif
