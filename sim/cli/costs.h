/* SPDX-License-Identifier: Apache-2.0
 * docs/costs.md: the cost classes and what each preset charges.
 */
#ifndef VTSIM_SIM_CLI_COSTS_H
#define VTSIM_SIM_CLI_COSTS_H

#include "sim/base/status.h"

SIM_MUST_CHECK enum sim_status print_costs(struct sim_error *e);

#endif
