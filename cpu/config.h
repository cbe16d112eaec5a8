/* SPDX-License-Identifier: Apache-2.0
 * Configuration of a core as plain data; rows of sim/machine/param_table.c.
 */
#ifndef VTSIM_CPU_CONFIG_H
#define VTSIM_CPU_CONFIG_H

#include "cpu/cost.h"
#include "cpu/vmx/config.h"

#include <stdbool.h>
#include <stdint.h>

enum cpu_vendor { VENDOR_INTEL, VENDOR_AMD };

enum timing_level { TIMING_OFF, TIMING_SIMPLE };

struct cpu_config {
    uint8_t timing;   /* enum timing_level */
    uint64_t core_hz; /* core clock */
    uint64_t tsc_hz;  /* TSC: derived from the core clock by exact ratio */
    uint64_t apic_hz; /* local-APIC timer input (crystal / bus clock) */
    uint8_t vendor;   /* enum cpu_vendor */
    uint32_t family, model, stepping; /* display values, SDM CPUID leaf 1 */
    uint32_t linear_bits;             /* 48 or 57: LA57 advertised when 57 */
    bool pages_1g, tsc_deadline;
    uint32_t lbr_entries; /* last branch records: 0, 1 (AMD), 16 or 32 */
    /* CPUID features that a processor may lack. */
#define OPTIONAL(field, feature, doc) bool field;
#include "cpu/optional_features.def"
#undef OPTIONAL
    /* Performance counters; version 0: an Intel processor has none. */
    uint32_t pmc_version, pmc_counters, pmc_width;
    uint32_t pmc_fixed, pmc_fixed_width;
    struct vmx_config vtx; /* with `vmx`: see cpu/optional_features.def */
    bool explain;          /* say why a VM entry failed, as a note */
    bool magic_ops;        /* 0F 04 imm16 is the magic operation, not #UD */
    bool block_cache;      /* keep translated blocks; off: translate anew */
    uint64_t seed;
    struct cost_table cost;
    uint32_t plant; /* number of a planted defect; only test builds look at
                       it: cpu/plant.h */
};

#endif
