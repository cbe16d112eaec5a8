/* SPDX-License-Identifier: Apache-2.0
 * What VMX non-root operation adds to address translation. SDM Vol.3 "VMX
 * Support for Address Translation".
 */
#include "cpu/vmx/vmx.h"

void vmx_context(const struct cpu *c, struct mmu_context *ctx)
{
    const struct vmx *x = c->vmx;
    uint32_t on = x->proc2;
    if ((on & PROC2_VPID) != 0)
        ctx->vpid = x->vmcs.vpid;
    if ((on & PROC2_EPT) != 0)
        ctx->eptp = x->vmcs.eptp;
    if ((on & PROC2_APIC_ACCESSES) != 0)
        ctx->apic_page = x->vmcs.apic_access_address;
    ctx->mode_execute = (on & PROC2_MBEC) != 0;
    ctx->sub_page = (on & PROC2_SUB_PAGE) != 0;
    ctx->sub_page_table = x->vmcs.sub_page_table;
    ctx->page_log = (on & PROC2_PML) != 0;
    ctx->violation_ve = (on & PROC2_VE) != 0;
}
