/* SPDX-License-Identifier: Apache-2.0
 * What the invalidation oracle of mmu/ wants of a core.
 */
#ifndef VTSIM_CPU_CHECK_TLB_H
#define VTSIM_CPU_CHECK_TLB_H

#include "cpu/cpu.h"
#include "mmu/oracle.h"

/* The instruction that makes an access now; the cycle is not filled. */
struct oracle_place cpu_place(struct cpu *c);

void cpu_set_oracle(struct cpu *c, struct oracle_port port);

/* End the run after this instruction, with this as the reason. */
void cpu_stop_stale(struct cpu *c, const char *line);

#endif
