/* SPDX-License-Identifier: Apache-2.0
 * The page-modification log: a table of 512 guest-physical addresses that is
 * filled from its end. SDM Vol.3 "Page-Modification Logging".
 */
#include "cpu/vmx/pml.h"

#include "cpu/vmx/vmx.h"

enum { LOG_ENTRIES = 512 };

bool vmx_pml(void *self, uint64_t address)
{
    struct cpu *c = self;
    struct vmcs *v = &c->vmx->vmcs;
    if (v->guest_pml_index >= LOG_ENTRIES)
        return false;
    uint64_t page = address & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t at = v->pml_address + v->guest_pml_index * UINT64_C(8);
    (void)vmx_phys_write(c, at, sizeof page, &page);
    v->guest_pml_index--; /* after entry 0 it is FFFFh: full */
    vmx_charge(c, pml);
    return true;
}
