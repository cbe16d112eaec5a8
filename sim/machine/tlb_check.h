/* SPDX-License-Identifier: Apache-2.0
 * The invalidation oracle of a machine (mmu.check_tlb): where its findings go.
 */
#ifndef VTSIM_SIM_MACHINE_TLB_CHECK_H
#define VTSIM_SIM_MACHINE_TLB_CHECK_H

#include "sim/machine/machine.h"
#include "sim/machine/symbols.h"

/* Findings become notes, a line each, with names if there are any; they must
 * outlive the machine. */
void machine_check_tlb(struct machine *m, const struct symbols *names);

#endif
