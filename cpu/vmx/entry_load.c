/* SPDX-License-Identifier: Apache-2.0
 * Loading guest state at a VM entry. SDM Vol.3 "Loading Guest State".
 */
#include "cpu/debug.h"
#include "cpu/flags.h"
#include "cpu/msr.h"
#include "cpu/segment.h"
#include "cpu/vmx/transition.h"

static void load_efer(struct cpu *c)
{
    const struct vmx *x = c->vmx;
    if ((x->entry_controls & ENTRY_LOAD_EFER) != 0) {
        c->efer = x->vmcs.guest_efer;
        return;
    }
    bool ia32e = (x->entry_controls & ENTRY_IA32E) != 0;
    c->efer &= ~(uint64_t)EFER_LMA;
    if ((c->cr0 & CR0_PG) != 0)
        c->efer &= ~(uint64_t)EFER_LME;
    if (ia32e)
        c->efer |= EFER_LMA | EFER_LME;
}

static void load_control(struct cpu *c)
{
    const struct vmx *x = c->vmx;
    const struct vmcs *v = &x->vmcs;
    c->cr0 = (v->guest_cr0 & ~VMX_CR0_KEPT) | (c->cr0 & VMX_CR0_KEPT);
    c->cr3 = v->guest_cr3;
    c->cr4 = v->guest_cr4;
    if ((x->entry_controls & ENTRY_LOAD_DEBUG) != 0) {
        c->dr[7] = (v->guest_dr7 & 0xffff2fff) | DR7_FIXED;
        c->msr.debugctl = v->guest_debugctl;
    }
    c->msr.sysenter_cs = v->guest_sysenter_cs;
    c->msr.sysenter_esp = v->guest_sysenter_esp;
    c->msr.sysenter_eip = v->guest_sysenter_eip;
    load_efer(c);
    if ((x->entry_controls & ENTRY_LOAD_PAT) != 0)
        c->msr.pat = v->guest_pat;
    if ((x->entry_controls & ENTRY_LOAD_PERF_GLOBAL) != 0)
        (void)!msr_write(c, IA32_PERF_GLOBAL_CTRL, v->guest_perf_global);
}

/* The base of a register that is unusable is loaded for FS and GS alone, and
 * SS keeps its DPL, which is the CPL: "Loading Guest Segment Registers". */
static struct segment loaded(const struct vmcs *v, unsigned seg)
{
    struct segment s = vmcs_segment(v, seg);
    if (seg != SEG_FS && seg != SEG_GS && seg != SEG_TR && seg != SEG_LDTR)
        s.base = (uint32_t)s.base;
    return s;
}

static void load_segments(struct cpu *c)
{
    const struct vmcs *v = &c->vmx->vmcs;
    for (unsigned seg = 0; seg < SEG_COUNT; seg++)
        c->seg[seg] = loaded(v, seg);
    c->gdtr = (struct descriptor_table){v->guest_gdtr_base,
                                        (uint16_t)v->guest_gdtr_limit};
    c->idtr = (struct descriptor_table){v->guest_idtr_base,
                                        (uint16_t)v->guest_idtr_limit};
}

static void load_pdptes(struct cpu *c)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if ((c->cr0 & CR0_PG) == 0 || (c->cr4 & CR4_PAE) == 0 ||
        (c->efer & EFER_LMA) != 0)
        return;
    if ((c->vmx->proc2 & PROC2_EPT) != 0) {
        c->pdpte[0] = v->guest_pdpte0;
        c->pdpte[1] = v->guest_pdpte1;
        c->pdpte[2] = v->guest_pdpte2;
        c->pdpte[3] = v->guest_pdpte3;
    } else {
        /* The checks have read them and found them well-formed. */
        (void)!mmu_load_pdptes(c->mmu, c->cr3, c->pdpte);
    }
}

void vmx_load_guest(struct cpu *c)
{
    const struct vmcs *v = &c->vmx->vmcs;
    load_control(c);
    load_segments(c);
    c->gpr[REG_RSP] = v->guest_rsp;
    c->rip = v->guest_rip;
    c->eflags = (uint32_t)v->guest_rflags | FLAG_ONE;
    flags_set_arith(c, (uint32_t)v->guest_rflags & FLAG_ARITH);
    c->rf_insn = c->account.instructions;
    load_pdptes(c);
}

/* SDM Vol.3 "Delivery of Pending Debug Exceptions after VM Entry". */
static bool debug_lost(const struct vmcs *v)
{
    uint32_t info = v->entry_interruption;
    if ((info & INTR_VALID) == 0)
        return v->guest_activity == GUEST_SHUTDOWN ||
               v->guest_activity == GUEST_WAIT_SIPI;
    switch (info >> INTR_TYPE_SHIFT & 7) {
    case INTR_EXTERNAL:
    case INTR_NMI:
    case INTR_HARD_EXCEPTION:
    case INTR_PRIVILEGED: return true;
    case INTR_SOFT_INTERRUPT:
    case INTR_SOFT_EXCEPTION:
        return (v->guest_interruptibility & BLOCK_MOV_SS) == 0;
    default: return false;
    }
}

static void load_pending_debug(struct cpu *c)
{
    const struct vmcs *v = &c->vmx->vmcs;
    uint64_t field = v->guest_pending_debug;
    c->pending_dr6 = 0;
    c->step_armed = false;
    if (debug_lost(v))
        return;
    /* Breakpoints that no enabled one came with are no exception. */
    if ((field & PENDING_ENABLED) != 0)
        c->pending_dr6 = field & 0xf;
    if ((field & PENDING_BS) != 0)
        c->pending_dr6 |= DR6_BS | (field & 0xf);
}

void vmx_load_nonregister(struct cpu *c)
{
    struct vmx *x = c->vmx;
    uint32_t block = x->vmcs.guest_interruptibility;
    c->shadow_sti = (block & BLOCK_STI) != 0;
    c->shadow_mov_ss = (block & BLOCK_MOV_SS) != 0;
    c->shadow_insn = c->account.instructions;
    bool nmi = (block & BLOCK_NMI) != 0;
    bool is_virtual = (x->pin & PIN_VIRTUAL_NMI) != 0;
    x->virtual_nmi_blocked = is_virtual && nmi;
    c->nmi_blocked = !is_virtual && nmi;
    load_pending_debug(c);
    switch (x->vmcs.guest_activity) {
    case GUEST_HLT: c->activity = ACTIVITY_HLT; break;
    case GUEST_SHUTDOWN: c->activity = ACTIVITY_GUEST_SHUTDOWN; break;
    case GUEST_WAIT_SIPI: c->activity = ACTIVITY_WAIT_SIPI; break;
    default: c->activity = ACTIVITY_RUN; break;
    }
}
