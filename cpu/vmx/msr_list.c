/* SPDX-License-Identifier: Apache-2.0
 * MSR lists of VM entry and VM exit. SDM Vol.3 "Loading MSRs", "Saving MSRs".
 */
#include "cpu/lapic.h"
#include "cpu/msr.h"
#include "cpu/vmx/transition.h"

struct msr_entry {
    uint32_t number, reserved;
    uint64_t value;
};

enum {
    IA32_BIOS_UPDT_TRIG = 0x79,
    IA32_SMBASE = 0x9e,
    X2APIC_RANGE = 0x8, /* bits 31:8 of the numbers */
};

static bool loadable(const struct msr_entry *e)
{
    const uint32_t fs_base = UINT32_C(0xc0000100);
    return e->reserved == 0 && e->number != fs_base &&
           e->number != fs_base + 1 && e->number >> 8 != X2APIC_RANGE &&
           e->number != IA32_SMBASE && e->number != IA32_BIOS_UPDT_TRIG;
}

/* More entries than IA32_VMX_MISC recommends are undefined: here the first
 * one too many fails, so that a list has an end in good time. */
static bool too_many(const struct cpu *c, uint32_t k)
{
    return k >= c->config.vtx.msr_list_max;
}

uint32_t vmx_load_msrs(struct cpu *c, uint64_t address, uint32_t count,
                       enum vmx_cost each)
{
    for (uint32_t k = 0; k < count; k++) {
        struct msr_entry e;
        vmx_charge_n(c, each, 1);
        if (too_many(c, k) ||
            !vmx_phys_read(c, address + (uint64_t)k * sizeof e, sizeof e, &e) ||
            !loadable(&e) || !msr_write(c, e.number, e.value))
            return k + 1;
    }
    return 0;
}

bool vmx_store_msrs(struct cpu *c)
{
    const struct vmcs *v = &c->vmx->vmcs;
    for (uint32_t k = 0; k < v->exit_msr_store_count; k++) {
        struct msr_entry e;
        uint64_t at = v->exit_msr_store_address + (uint64_t)k * sizeof e;
        vmx_charge(c, exit_msr);
        if (too_many(c, k) || !vmx_phys_read(c, at, sizeof e, &e) ||
            e.reserved != 0 || e.number >> 8 == X2APIC_RANGE ||
            e.number == IA32_SMBASE || !msr_read(c, e.number, &e.value) ||
            !vmx_phys_write(c, at + 8, 8, &e.value)) {
            vmx_abort(c, VMX_ABORT_MSR_SAVE);
            return false;
        }
    }
    return true;
}
