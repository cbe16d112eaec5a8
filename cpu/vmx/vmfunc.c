/* SPDX-License-Identifier: Apache-2.0
 * Features that exist in VMX non-root operation alone: VM functions and
 * virtualization exceptions. SDM Vol.3 "VM Functions", "Virtualization
 * Exceptions".
 */
#include "cpu/control.h"
#include "cpu/vmx/vmx.h"

/* ----------------------------------------------------------- VM functions */

enum { FUNCTION_EPTP_SWITCHING = 0, FUNCTIONS = 64, EPTP_LIST_ENTRIES = 512 };

/* "EPTP Switching". Cached translations are tagged by EPT root and stay. */
static enum step switch_eptp(struct cpu *c)
{
    struct vmx *x = c->vmx;
    uint32_t index = (uint32_t)c->gpr[REG_RCX];
    uint64_t eptp = UINT64_MAX; /* where nothing is, the bus reads as ones */
    if (index >= EPTP_LIST_ENTRIES)
        return vmx_exit_insn(c, REASON_VMFUNC, 0, 0);
    (void)vmx_phys_read(c, x->vmcs.eptp_list + 8 * (uint64_t)index, sizeof eptp,
                        &eptp);
    if (!vmx_eptp_valid(&x->caps, c->mmu_config.maxphyaddr, eptp))
        return vmx_exit_insn(c, REASON_VMFUNC, 0, 0);
    vmx_charge(c, vmfunc);
    x->vmcs.eptp = eptp;
    if (c->config.vtx.ept_violation_ve)
        x->vmcs.eptp_index = (uint16_t)index;
    cpu_update_mode(c);
    return STEP_NEXT;
}

enum step vmx_vmfunc(struct cpu *c, const struct uop *u)
{
    (void)u;
    uint32_t function = (uint32_t)c->gpr[REG_RAX];
    if (!c->vmx_guest || (c->vmx->proc2 & PROC2_VMFUNC) == 0 ||
        function >= FUNCTIONS)
        return raise_ud(c);
    if ((c->vmx->vmcs.vm_functions >> function & 1) == 0)
        return vmx_exit_insn(c, REASON_VMFUNC, 0, 0);
    return switch_eptp(c); /* VM entry lets no other function be enabled */
}

/* ------------------------------------------------ virtualization exceptions */

/* "Virtualization-Exception Information". */
struct ve_information {
    uint32_t reason, busy;
    uint64_t qualification, linear, physical;
    uint16_t eptp_index;
};
#define VE_BUSY UINT32_MAX
enum { VE_BYTES = 34 }; /* without the struct's padding */

/* "Convertible EPT Violations", "Virtualization-Exception Information". */
bool vmx_ve(struct cpu *c, const struct vmx_exit *x)
{
    const struct vmcs *v = &c->vmx->vmcs;
    uint32_t busy = VE_BUSY;
    if ((c->vmx->proc2 & PROC2_VE) == 0 || mmu_fault(c->mmu)->suppress_ve ||
        (c->cr0 & CR0_PE) == 0 || c->vmx->vectoring != 0)
        return false;
    (void)vmx_phys_read(c, v->ve_information + 4, sizeof busy, &busy);
    if (busy != 0)
        return false;
    struct ve_information area = {.reason = REASON_EPT_VIOLATION,
                                  .busy = VE_BUSY,
                                  .qualification = x->qualification,
                                  .linear = x->linear,
                                  .physical = x->physical,
                                  .eptp_index = v->eptp_index};
    (void)vmx_phys_write(c, v->ve_information, VE_BYTES, &area);
    vmx_charge(c, ve);
    raise_exception(c, EXC_VE);
    return true;
}
