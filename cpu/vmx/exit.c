/* SPDX-License-Identifier: Apache-2.0
 * VM exits: recording one, saving the guest, loading the host (exit_load.c).
 * SDM Vol.3 "VM Exits".
 */
#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/flags.h"
#include "cpu/pmc.h"
#include "cpu/trace.h"
#include "cpu/vmx/transition.h"
#include "sim/base/bits.h"

#include <stdio.h>

/* ------------------------------------------------------------- recording */

/* Bytes of the present instruction: c->rip and c->next_rip are exact. */
static uint32_t insn_length(const struct cpu *c)
{
    uint64_t n = c->next_rip - c->rip;
    return (uint32_t)(c->mode & MODE_LONG ? n : (uint32_t)n);
}

enum step vmx_exit_event(struct cpu *c, const struct vmx_exit *x)
{
    c->vmx->exit = *x;
    c->event = (struct event){.valid = true, .exit = true};
    return STEP_FAULT;
}

enum step vmx_exit_insn(struct cpu *c, enum vmx_reason reason,
                        uint64_t qualification, uint32_t info)
{
    struct vmx_exit x = {.reason = reason,
                         .qualification = qualification,
                         .info = info,
                         .measure = true};
    return vmx_exit_event(c, &x);
}

void vmx_exit_later(struct cpu *c, const struct vmx_exit *x)
{
    c->vmx->exit_after = *x;
    c->vmx->exit_after.trap = true;
    c->vmx->trap_exit = true;
    event_notify(c);
}

/* An EPT event met by an access of the instruction at c->rip, or by the
 * delivery of an event. SDM Vol.3 "Information for VM Exits Due to
 * EPT Violations ...". */
enum step vmx_memory_event(struct cpu *c, const struct mmu_fault *f)
{
    enum { UNBLOCKED_NMI = 1 << 12, FETCH = 1 << 2 };
    struct vmx *v = c->vmx;
    if (f->kind == MMU_FAULT_TAKEN)
        return STEP_FAULT;
    struct vmx_exit x = {.physical = f->gpa, .linear = f->address};
    if (v->nmi_unblocked_by_iret && v->vectoring == 0)
        x.qualification = UNBLOCKED_NMI;
    switch ((enum mmu_fault_kind)f->kind) {
    case MMU_FAULT_EPT_VIOLATION:
        x.reason = REASON_EPT_VIOLATION;
        x.qualification |= f->qualification;
        if (!f->suppress_ve && vmx_ve(c, &x))
            return STEP_FAULT;
        break;
    case MMU_FAULT_EPT_MISCONFIG:
        x.reason = REASON_EPT_MISCONFIG;
        x.qualification = 0;
        break;
    case MMU_FAULT_SUB_PAGE:
        x.reason = REASON_SPP;
        x.qualification |= f->qualification;
        break;
    case MMU_FAULT_LOG_FULL: x.reason = REASON_PML_FULL; break;
    case MMU_FAULT_PAGE:
    case MMU_FAULT_TAKEN: break;
    }
    /* The processor gives a length for data accesses, though it is undefined
     * by the manual; of a fetch none is known. */
    bool fetch =
        x.reason == REASON_EPT_VIOLATION && (f->qualification & FETCH) != 0;
    x.measure = !fetch && v->vectoring == 0;
    return vmx_exit_event(c, &x);
}

/* ------------------------------------------------------------- the guest */

/* SDM Vol.3 "Saving RIP, RSP, RFLAGS, and SSP": RF. */
static uint64_t saved_flags(struct cpu *c, const struct vmx_exit *x)
{
    uint64_t f = flags_read(c) & ~(uint64_t)FLAG_RF;
    bool before =
        (c->eflags & FLAG_RF) != 0 && c->account.instructions <= c->rf_insn;
    bool rf;
    switch (x->reason & 0xffff) {
    case REASON_EXCEPTION_NMI: {
        /* As its delivery would push it: set by faults but #DB. */
        uint32_t type = x->interruption >> INTR_TYPE_SHIFT & 7;
        uint32_t vector = x->interruption & 0xff;
        rf = type == INTR_HARD_EXCEPTION && vector != EXC_DB ? true : before;
        rf |= type == INTR_NMI && c->rep_active;
        break;
    }
    case REASON_EXTERNAL_INTERRUPT: rf = before || c->rep_active; break;
    case REASON_EPT_VIOLATION:
    case REASON_EPT_MISCONFIG:
    case REASON_PML_FULL:
    case REASON_SPP:
    case REASON_APIC_ACCESS:
        rf = c->vmx->vectoring == 0 || c->vmx->vectoring_rf;
        break;
    case REASON_TASK_SWITCH:
        rf = (c->vmx->vectoring & INTR_VALID) != 0 && c->vmx->vectoring_rf;
        break;
    default: rf = x->length != 0 && !x->trap ? false : before; break;
    }
    return rf ? f | FLAG_RF : f;
}

static bool shadowed(const struct cpu *c, bool flag)
{
    return flag && c->account.instructions <= c->shadow_insn;
}

static uint32_t interruptibility(const struct cpu *c)
{
    uint32_t v = 0;
    if (shadowed(c, c->shadow_sti))
        v |= BLOCK_STI;
    if (shadowed(c, c->shadow_mov_ss))
        v |= BLOCK_MOV_SS;
    bool nmi = (c->vmx->pin & PIN_VIRTUAL_NMI) != 0
                   ? c->vmx->virtual_nmi_blocked
                   : c->nmi_blocked;
    /* An NMI that exits is not yet blocking in the guest: its taker sets
     * c->nmi_blocked after this. */
    return nmi ? v | BLOCK_NMI : v;
}

static uint32_t activity(const struct cpu *c)
{
    switch (c->activity) {
    case ACTIVITY_HLT: return GUEST_HLT;
    case ACTIVITY_GUEST_SHUTDOWN:
    case ACTIVITY_SHUTDOWN: return GUEST_SHUTDOWN;
    case ACTIVITY_WAIT_SIPI: return GUEST_WAIT_SIPI;
    case ACTIVITY_MWAIT: /* the manual has no such state: active */
    case ACTIVITY_RUN: break;
    }
    return GUEST_ACTIVE;
}

/* SDM Vol.3 "Saving Non-Register State": pending debug exceptions are kept by
 * exits of higher priority than they, and while MOV SS blocks them. */
static uint64_t pending_debug(const struct cpu *c, const struct vmx_exit *x)
{
    bool kept =
        x->trap || x->reason == REASON_INIT || x->reason == REASON_MTF ||
        x->reason == REASON_TPR_THRESHOLD ||
        (shadowed(c, c->shadow_mov_ss) && x->reason != REASON_EXCEPTION_NMI);
    if (!kept)
        return 0;
    uint64_t v = c->pending_dr6 & 0xf;
    if (v != 0)
        v |= PENDING_ENABLED;
    /* In the shadow of MOV SS or POP SS a step waits too. */
    bool step = c->step_armed && (c->msr.debugctl & BIT(1)) == 0 &&
                (c->account.instructions > c->step_insn || c->rep_active);
    if (step || (c->pending_dr6 & DR6_BS) != 0)
        v |= PENDING_BS;
    return v;
}

static void save_registers(struct cpu *c, const struct vmx_exit *x)
{
    struct vmcs *v = &c->vmx->vmcs;
    v->guest_cr0 = c->cr0;
    v->guest_cr3 = c->cr3;
    v->guest_cr4 = c->cr4;
    if ((c->vmx->exit_controls & EXIT_SAVE_DEBUG) != 0) {
        v->guest_dr7 = c->dr[7];
        v->guest_debugctl = c->msr.debugctl;
    }
    v->guest_sysenter_cs = (uint32_t)c->msr.sysenter_cs;
    v->guest_sysenter_esp = c->msr.sysenter_esp;
    v->guest_sysenter_eip = c->msr.sysenter_eip;
    if ((c->vmx->exit_controls & EXIT_SAVE_PAT) != 0)
        v->guest_pat = c->msr.pat;
    if ((c->vmx->exit_controls & EXIT_SAVE_EFER) != 0)
        v->guest_efer = c->efer;
    for (unsigned seg = 0; seg < SEG_COUNT; seg++)
        vmcs_set_segment(v, seg, &c->seg[seg]);
    v->guest_gdtr_base = c->gdtr.base;
    v->guest_gdtr_limit = c->gdtr.limit;
    v->guest_idtr_base = c->idtr.base;
    v->guest_idtr_limit = c->idtr.limit;
    v->guest_rsp = c->gpr[REG_RSP];
    v->guest_rip = c->rip;
    v->guest_rflags = saved_flags(c, x);
    /* SDM Vol.3 "Saving Control Registers, Debug Registers, and MSRs". */
    if (c->config.vtx.save_lma) {
        v->entry_controls &= ~(uint32_t)ENTRY_IA32E;
        if ((c->efer & EFER_LMA) != 0)
            v->entry_controls |= ENTRY_IA32E;
    }
    if ((c->vmx->proc2 & PROC2_EPT) != 0) {
        v->guest_pdpte0 = c->pdpte[0];
        v->guest_pdpte1 = c->pdpte[1];
        v->guest_pdpte2 = c->pdpte[2];
        v->guest_pdpte3 = c->pdpte[3];
    }
}

static void save_guest(struct cpu *c, const struct vmx_exit *x)
{
    struct vmcs *v = &c->vmx->vmcs;
    save_registers(c, x);
    v->guest_activity = activity(c);
    v->guest_interruptibility = interruptibility(c);
    v->guest_pending_debug = pending_debug(c, x);
    vmx_timers_save(c);
}

static bool is_software(uint32_t info)
{
    uint32_t type = info >> INTR_TYPE_SHIFT & 7;
    return type == INTR_SOFT_INTERRUPT || type == INTR_PRIVILEGED ||
           type == INTR_SOFT_EXCEPTION;
}

/* SDM Vol.3 "Recording VM-Exit Information and Updating VM-Entry Control
 * Fields". */
static void record(struct cpu *c, const struct vmx_exit *x)
{
    struct vmcs *v = &c->vmx->vmcs;
    uint32_t vectoring = c->vmx->vectoring;
    v->exit_reason = x->reason;
    v->exit_qualification = x->qualification;
    v->guest_linear_address = x->linear;
    v->guest_physical_address = x->physical;
    v->exit_interruption = x->interruption;
    v->exit_error_code = x->error_code;
    v->idt_vectoring = vectoring;
    v->idt_vectoring_error =
        (vectoring & INTR_ERROR_VALID) != 0 ? c->vmx->vectoring_error : 0;
    v->exit_instruction_length = x->length;
    if (is_software(vectoring) && x->length == 0)
        v->exit_instruction_length = c->vmx->vectoring_length;
    v->exit_instruction_info = x->info;
    v->entry_interruption &= ~INTR_VALID;
}

void vmx_abort(struct cpu *c, unsigned indicator)
{
    struct vmx *x = c->vmx;
    uint32_t word = indicator;
    (void)vmx_phys_write(c, x->current + offsetof(struct vmcs, abort), 4,
                         &word);
    snprintf(c->stop_reason, sizeof c->stop_reason,
             "VMX abort %u at the exit with reason %u (VMCS %llx)", indicator,
             (unsigned)(x->vmcs.exit_reason & 0xffff),
             (unsigned long long)x->current);
    c->vmx_guest = false;
    c->activity = ACTIVITY_SHUTDOWN;
    c->event.valid = false;
    event_notify(c);
}

void vmx_exit(struct cpu *c, const struct vmx_exit *x)
{
    struct vmx *v = c->vmx;
    struct vmx_exit made = *x; /* x may be v->exit, which is used again */
    if (made.measure)
        made.length = insn_length(c);
    TRACE(c, EXIT, "exit", made.reason, made.qualification, made.length,
          made.physical, made.interruption);
    vmx_stats_exit(c, made.reason);
    vmx_charge(c, exit_save);
    record(c, &made);
    save_guest(c, &made);
    v->vectoring = 0;
    v->trap_exit = v->mtf_pending = v->apic_written = false;
    v->interrupt_recognized = false;
    v->nmi_unblocked_by_iret = false;
    c->event.valid = false;
    if (!vmx_store_msrs(c))
        return; /* aborted */
    if ((made.interruption >> INTR_TYPE_SHIFT & 7) == INTR_NMI &&
        (made.interruption & INTR_VALID) != 0)
        c->nmi_blocked = true;
    vmx_load_host(c);
    vmx_stats_root(c);
}
