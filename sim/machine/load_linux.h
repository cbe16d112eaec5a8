/* SPDX-License-Identifier: Apache-2.0
 * Static Linux programs: what is refused, and the parameters that pk gets.
 */
#ifndef VTSIM_SIM_MACHINE_LOAD_LINUX_H
#define VTSIM_SIM_MACHINE_LOAD_LINUX_H

#include "sim/machine/load.h"

/* Refuse what pk cannot run: dynamic programs, other architectures. */
SIM_MUST_CHECK enum sim_status load_linux_check(const struct load_file *f,
                                                struct sim_error *e);

/* The parameter block of workloads/include/vtsim_pk.h; owned by the plan. */
SIM_MUST_CHECK enum sim_status
load_linux_params(const struct load_request *r, struct plan *p,
                  const uint8_t **data, uint64_t *len, struct sim_error *e);

#endif
