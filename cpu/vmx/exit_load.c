/* SPDX-License-Identifier: Apache-2.0
 * Loading host state at a VM exit. SDM Vol.3 "Loading Host State".
 */
#include "cpu/debug.h"
#include "cpu/flags.h"
#include "cpu/msr.h"
#include "cpu/segment.h"
#include "cpu/vmx/transition.h"
#include "cpu/wait.h"

static void load_control(struct cpu *c, bool host64)
{
    const struct vmcs *v = &c->vmx->vmcs;
    c->cr0 = (v->host_cr0 & ~VMX_CR0_KEPT) | (c->cr0 & VMX_CR0_KEPT);
    c->cr3 = v->host_cr3 & bits_mask(c->mmu_config.maxphyaddr);
    c->cr4 = v->host_cr4;
    if (host64)
        c->cr4 |= CR4_PAE;
    else
        c->cr4 &= ~(uint64_t)CR4_PCIDE;
    c->dr[7] = DR7_FIXED;
    c->msr.debugctl = 0;
    c->msr.sysenter_cs = v->host_sysenter_cs;
    c->msr.sysenter_esp = v->host_sysenter_esp;
    c->msr.sysenter_eip = v->host_sysenter_eip;
    if ((c->vmx->exit_controls & EXIT_LOAD_EFER) != 0)
        c->efer = v->host_efer;
    c->efer &= ~(uint64_t)(EFER_LMA | EFER_LME);
    if (host64)
        c->efer |= EFER_LMA | EFER_LME;
    if ((c->vmx->exit_controls & EXIT_LOAD_PAT) != 0)
        c->msr.pat = v->host_pat;
    if ((c->vmx->exit_controls & EXIT_LOAD_PERF_GLOBAL) != 0)
        (void)!msr_write(c, IA32_PERF_GLOBAL_CTRL, v->host_perf_global);
}

static void load_data(struct cpu *c, unsigned seg, uint16_t selector,
                      uint64_t base)
{
    struct segment s = {.base = base, .selector = selector};
    if (selector == 0) {
        s.attr = SEG_ATTR_UNUSABLE;
    } else {
        s.limit = UINT32_MAX;
        s.attr = 3 | SEG_ATTR_S | SEG_ATTR_P | SEG_ATTR_DB | SEG_ATTR_G;
    }
    c->seg[seg] = s;
}

static void load_segments(struct cpu *c, bool host64)
{
    const struct vmcs *v = &c->vmx->vmcs;
    enum { CODE = 11, BUSY_TSS = 11 };
    c->seg[SEG_CS] =
        (struct segment){.limit = UINT32_MAX,
                         .selector = v->host_cs_selector,
                         .attr = CODE | SEG_ATTR_S | SEG_ATTR_P | SEG_ATTR_G |
                                 (host64 ? SEG_ATTR_L : SEG_ATTR_DB)};
    /* SS may be null in 64-bit mode; its DPL is the CPL, 0. */
    load_data(c, SEG_SS, v->host_ss_selector, 0);
    load_data(c, SEG_DS, v->host_ds_selector, 0);
    load_data(c, SEG_ES, v->host_es_selector, 0);
    load_data(c, SEG_FS, v->host_fs_selector, v->host_fs_base);
    load_data(c, SEG_GS, v->host_gs_selector, v->host_gs_base);
    c->seg[SEG_TR] = (struct segment){.base = v->host_tr_base,
                                      .limit = 0x67,
                                      .selector = v->host_tr_selector,
                                      .attr = BUSY_TSS | SEG_ATTR_P};
    c->seg[SEG_LDTR] = (struct segment){.attr = SEG_ATTR_UNUSABLE};
    c->gdtr = (struct descriptor_table){v->host_gdtr_base, 0xffff};
    c->idtr = (struct descriptor_table){v->host_idtr_base, 0xffff};
}

static void load_rest(struct cpu *c)
{
    c->rip = c->vmx->vmcs.host_rip;
    c->gpr[REG_RSP] = c->vmx->vmcs.host_rsp;
    c->eflags = FLAG_ONE;
    flags_set_arith(c, 0);
    c->shadow_sti = c->shadow_mov_ss = false;
    c->step_armed = false;
    c->pending_dr6 = 0;
    c->rep_active = false;
    c->activity = ACTIVITY_RUN;
    wait_reset(c); /* "Clearing Address-Range Monitoring" */
}

/* PAE paging of a 32-bit host: the registers are read through the context
 * that cpu_update_mode has just made, and change it. */
static bool load_pdptes(struct cpu *c)
{
    if ((c->cr0 & CR0_PG) == 0 || (c->cr4 & CR4_PAE) == 0 ||
        (c->efer & EFER_LMA) != 0)
        return true;
    if (!mmu_load_pdptes(c->mmu, c->cr3, c->pdpte))
        return false;
    cpu_update_mode(c);
    return true;
}

void vmx_load_host(struct cpu *c)
{
    struct vmx *x = c->vmx;
    bool host64 = (x->exit_controls & EXIT_HOST64) != 0;
    bool tagged = (x->proc2 & PROC2_VPID) != 0;
    vmx_charge(c, exit_load);
    /* A processor in IA-32e mode cannot go to a 32-bit host: the checks of
     * VM entry see to it, unless the guest changed its mode meanwhile, which
     * is legal. */
    load_control(c, host64);
    load_segments(c, host64);
    load_rest(c);
    c->vmx_guest = false;
    x->timer_cycle = x->vmm_timer_cycle = UINT64_MAX;
    cpu_update_mode(c);
    if (!tagged)
        mmu_vm_transition(c->mmu);
    engine_reset_fetch(c);
    if (!load_pdptes(c)) {
        vmx_abort(c, VMX_ABORT_HOST_PDPTE);
        return;
    }
    const struct vmcs *v = &x->vmcs;
    if (vmx_load_msrs(c, v->exit_msr_load_address, v->exit_msr_load_count,
                      VMXC_exit_msr) != 0)
        vmx_abort(c, VMX_ABORT_MSR_LOAD);
}
