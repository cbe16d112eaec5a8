/* SPDX-License-Identifier: Apache-2.0
 * Rules of VM entry on control fields. SDM Vol.3 "Checks on VMX Controls".
 */
#include "cpu/vmx/check_inside.h"

enum { VTPR = 0x80 };

static bool check_threshold(const struct vmx_check *k)
{
    const struct vmcs *v = k->v;
    if (!PROC(PROC_TPR_SHADOW) || PROC2(PROC2_APIC_ACCESSES) ||
        PROC2(PROC2_VIRTUAL_INTERRUPTS))
        return true;
    /* A malformed address is another rule's matter. */
    uint64_t page = v->virtual_apic_address;
    if (check_physical(k, page, PAGE_SIZE) != 0)
        return true;
    uint8_t vtpr;
    check_read(k, page + VTPR, 1, &vtpr);
    return (v->tpr_threshold & 0xf) <= vtpr >> 4;
}

static bool check_ept_memory_type(const struct vmx_check *k)
{
    switch (k->v->eptp & 7) {
    case 0: return (k->caps->ept_vpid & EPT_CAP_UC) != 0;
    case 6: return (k->caps->ept_vpid & EPT_CAP_WB) != 0;
    default: return false;
    }
}

static bool check_ept_walk_length(const struct vmx_check *k)
{
    switch (bits_get(k->v->eptp, 5, 3)) {
    case 3: return (k->caps->ept_vpid & EPT_CAP_4LEVEL) != 0;
    case 4: return (k->caps->ept_vpid & EPT_CAP_5LEVEL) != 0;
    default: return false;
    }
}

static bool check_eptp_switching(const struct vmcs *v)
{
    return PROC2(PROC2_VMFUNC) && (v->vm_functions & 1) != 0;
}

#define CHECK_RULES  "cpu/vmx/check_controls.def"
#define CHECK_PREFIX "controls"
#define CHECK_GROUP  controls
#include "cpu/vmx/check_expand.h"
