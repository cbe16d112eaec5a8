/* SPDX-License-Identifier: Apache-2.0
 * Simulated time and processes: the C face of SystemC. Only sim/machine
 * uses it. Processes are SC_METHODs: they run to completion and say when
 * they want to run next.
 */
#ifndef VTSIM_SIM_KERNEL_KERNEL_H
#define VTSIM_SIM_KERNEL_KERNEL_H

#include "sim/base/port.h"
#include "sim/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sim_kernel;

/*
 * A process body: runs at `now`, returns the delay in femtoseconds after
 * which it runs again, or SIM_NEVER to sleep until sim_wake. If it woke
 * itself meanwhile, the earlier of the two holds. A delay of 0 counts as 1.
 *
 * Time ends where 64 bits of femtoseconds do, after 5 h 7 min: a process due
 * later never runs, and sim_next_due does not know of it. sim/machine turns
 * that into SIM_LIMIT.
 */
typedef sim_time sim_proc_fn(void *self, sim_time now);

/*
 * Bring up the kernel at time 0. SystemC has a single context in a process,
 * so a second live kernel fails with SIM_INTERNAL; one after the other is
 * fine.
 */
SIM_MUST_CHECK enum sim_status sim_kernel_create(struct sim_kernel **out,
                                                 struct sim_error *e);
void sim_kernel_destroy(struct sim_kernel *k);

/* Add a process; it first runs when woken. Returns its id. */
unsigned sim_spawn(struct sim_kernel *k, const char *name, sim_proc_fn *fn,
                   void *self);

/* Make process `id` due at absolute time `at`; it replaces the time the
 * process waits for. A time in the past means now, SIM_NEVER cancels.
 * Processes due at one instant run in order of id. */
void sim_wake(struct sim_kernel *k, unsigned id, sim_time at);

/* Current time. */
sim_time sim_now(const struct sim_kernel *k);

/* The earliest time at which any process other than `except` is due, or
 * SIM_NEVER. */
sim_time sim_next_due(const struct sim_kernel *k, unsigned except);

/* Run processes due in [now, until): half-open, as SystemC does not run one
 * that is due exactly at `until`. Returns at time `until`, or early after
 * sim_stop. With SIM_NEVER it returns when no process is due any more, at
 * the time of the last one. */
void sim_run(struct sim_kernel *k, sim_time until);

/* Make sim_run return after the running process. */
void sim_stop(struct sim_kernel *k);

/* Trace a value to a VCD file: `*value` is sampled whenever time advances.
 * sim_vcd_open before sim_run; one file a kernel. The suffix .vcd is added
 * to a path without it. */
SIM_MUST_CHECK enum sim_status
sim_vcd_open(struct sim_kernel *k, const char *path, struct sim_error *e);
void sim_vcd_add(struct sim_kernel *k, const char *name, const uint64_t *value,
                 unsigned bits);

#ifdef __cplusplus
}
#endif

#endif
