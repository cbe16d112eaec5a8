/* SPDX-License-Identifier: Apache-2.0
 * Checks that far transfers share.
 */
#ifndef VTSIM_CPU_FAR_H
#define VTSIM_CPU_FAR_H

#include "cpu/segment.h"

/* `offset` may be RIP in code segment `cs`: canonical in 64-bit code, else
 * within the limit. */
bool far_offset_ok(const struct cpu *c, const struct segment *cs,
                   uint64_t offset);

/* Not both L and D in IA-32e mode. */
bool far_code_widths_ok(const struct cpu *c, const struct descriptor *d);

#endif
