/* SPDX-License-Identifier: Apache-2.0
 * CPUID: what the configured processor says about itself.
 */
#ifndef VTSIM_CPU_CPUID_H
#define VTSIM_CPU_CPUID_H

#include "cpu/state.h"

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* Registers after CPUID with EAX = leaf, ECX = sub: out[4] by CPUID_*.
 * Leaves out of range answer as the vendor's processors do. */
void cpuid_leaf(const struct cpu *c, uint32_t leaf, uint32_t sub,
                uint32_t out[4]);

/* cpu_has (cpu/xlat.h) of a processor that need not exist yet: FEATURE_*. */
bool cpuid_config_has(const struct cpu_config *g, unsigned feature);

#endif
