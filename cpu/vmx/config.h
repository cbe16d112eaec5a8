/* SPDX-License-Identifier: Apache-2.0
 * Configuration of VT-x as plain data: what exists and what it costs. Rows of
 * sim/machine/param_table.c.
 */
#ifndef VTSIM_CPU_VMX_CONFIG_H
#define VTSIM_CPU_VMX_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct vmx_costs {
#define VMX_COST(field, leaf, cycles, doc) uint32_t field;
#include "cpu/vmx/cost.def"
#undef VMX_COST
};

struct vmx_config {
#define VTX(field, doc) bool field;
#include "cpu/vmx/features.def"
#undef VTX
    uint32_t revision;        /* VMCS revision identifier, 31 bits */
    uint32_t region_size;     /* bytes in IA32_VMX_BASIC, 1024..4096 */
    uint32_t timer_shift;     /* the preemption timer counts TSC >> this */
    uint32_t cr3_targets;     /* most CR3-target values, 0..4 */
    uint32_t msr_list_max;    /* recommended most entries of an MSR list,
                                 a multiple of 512 */
    uint32_t feature_control; /* IA32_FEATURE_CONTROL as firmware leaves it */
    uint32_t vmcs_cache;      /* VMCSs whose data the core keeps at hand, for
                                 the cost vmcs_cold; 1 at least */
    struct vmx_costs cost;
};

#endif
