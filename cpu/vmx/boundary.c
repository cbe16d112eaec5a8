/* SPDX-License-Identifier: Apache-2.0
 * Events at instruction boundaries of VMX non-root operation. SDM Vol.3
 * "Other Causes of VM Exits", "Virtual NMIs", "Monitor Trap Flag",
 * "VMX-Preemption Timer", "Exceptions" of "Changes to Instruction Behavior".
 */
#include "cpu/lapic.h"
#include "cpu/reset.h"
#include "cpu/vmx/transition.h"
#include "cpu/wait.h"

/* ---------------------------------------------------------- priorities */

enum vmx_boundary vmx_above_traps(const struct cpu *c)
{
    const struct vmx *x = c->vmx;
    if (x->apic_written)
        return VMX_BOUNDARY_APIC_WRITE;
    if (x->trap_exit)
        return VMX_BOUNDARY_TRAP_EXIT;
    /* After an instruction or an iteration of one; after the delivery of an
     * event cpu/event.c says so. */
    bool stepped =
        (x->proc & PROC_MTF) != 0 &&
        (c->account.instructions > x->insn_at_entry || c->rep_active);
    return x->mtf_pending || stepped ? VMX_BOUNDARY_MTF : VMX_BOUNDARY_NONE;
}

static bool in_shadow(const struct cpu *c, bool flag)
{
    return flag && c->account.instructions <= c->shadow_insn;
}

/* "NMI-window exiting": no virtual-NMI blocking and no blocking by MOV SS;
 * the manual leaves blocking by STI to the processor, and this one waits. */
static bool nmi_window(const struct cpu *c)
{
    return (c->vmx->proc & PROC_NMI_WINDOW) != 0 &&
           !c->vmx->virtual_nmi_blocked && !in_shadow(c, c->shadow_mov_ss) &&
           !in_shadow(c, c->shadow_sti) && c->activity != ACTIVITY_WAIT_SIPI;
}

enum vmx_boundary vmx_above_nmi(const struct cpu *c)
{
    struct vmx_exit due;
    if (vmx_timer_due(c, &due))
        return VMX_BOUNDARY_TIMER;
    return nmi_window(c) ? VMX_BOUNDARY_NMI_WINDOW : VMX_BOUNDARY_NONE;
}

enum vmx_boundary vmx_above_interrupts(const struct cpu *c, bool open)
{
    const struct vmx *x = c->vmx;
    if (!open || c->activity == ACTIVITY_GUEST_SHUTDOWN)
        return VMX_BOUNDARY_NONE;
    if ((x->proc & PROC_INTERRUPT_WINDOW) != 0)
        return VMX_BOUNDARY_INTERRUPT_WINDOW;
    if ((x->proc2 & PROC2_VIRTUAL_INTERRUPTS) != 0 && vmx_apic_pending(c))
        return VMX_BOUNDARY_VIRTUAL_INTERRUPT;
    return VMX_BOUNDARY_NONE;
}

/* --------------------------------------------------------------- taking */

static void exit_plain(struct cpu *c, enum vmx_reason reason)
{
    struct vmx_exit x = {.reason = reason};
    vmx_exit(c, &x);
}

static void take_virtual_interrupt(struct cpu *c)
{
    vmx_charge(c, virtual_interrupt);
    uint8_t vector = vmx_apic_deliver(c);
    event_interrupt(c, vector, false);
}

void vmx_take_boundary(struct cpu *c, enum vmx_boundary b)
{
    struct vmx *x = c->vmx;
    struct vmx_exit due;
    switch (b) {
    case VMX_BOUNDARY_APIC_WRITE: vmx_apic_emulate(c); break;
    case VMX_BOUNDARY_TRAP_EXIT:
        due = x->exit_after;
        vmx_exit(c, &due);
        break;
    case VMX_BOUNDARY_MTF: exit_plain(c, REASON_MTF); break;
    case VMX_BOUNDARY_TIMER:
        if (vmx_timer_due(c, &due))
            vmx_exit(c, &due);
        break;
    case VMX_BOUNDARY_NMI_WINDOW: exit_plain(c, REASON_NMI_WINDOW); break;
    case VMX_BOUNDARY_INTERRUPT_WINDOW:
        exit_plain(c, REASON_INTERRUPT_WINDOW);
        break;
    case VMX_BOUNDARY_VIRTUAL_INTERRUPT: take_virtual_interrupt(c); break;
    case VMX_BOUNDARY_NONE: break;
    }
}

void vmx_take_init(struct cpu *c)
{
    c->init_pending = false;
    exit_plain(c, REASON_INIT);
}

void vmx_take_sipi(struct cpu *c)
{
    struct vmx_exit x = {.reason = REASON_SIPI,
                         .qualification = c->sipi_vector};
    c->sipi_pending = false;
    vmx_exit(c, &x);
}

void vmx_take_nmi(struct cpu *c)
{
    struct vmx_exit x = {.reason = REASON_EXCEPTION_NMI};
    x.interruption = EXC_NMI | INTR_NMI << INTR_TYPE_SHIFT | INTR_VALID;
    c->nmi_pending = false;
    vmx_exit(c, &x);
}

static uint8_t acknowledge(struct cpu *c, bool apic)
{
    return apic ? lapic_acknowledge(c)
                : c->wiring.inta.acknowledge(c->wiring.inta.self);
}

void vmx_take_external(struct cpu *c, bool apic)
{
    struct vmx *v = c->vmx;
    struct vmx_exit x = {.reason = REASON_EXTERNAL_INTERRUPT};
    bool posted = (v->pin & PIN_POSTED) != 0;
    if (posted || (v->exit_controls & EXIT_ACK_INTERRUPT) != 0) {
        uint8_t vector = acknowledge(c, apic);
        if (posted && vmx_apic_posted(c, vector))
            return;
        x.interruption = vector | INTR_EXTERNAL << INTR_TYPE_SHIFT | INTR_VALID;
    }
    vmx_exit(c, &x);
}

/* ----------------------------------------------------------- exceptions */

/* SDM Vol.3 "Exception Bitmap": a page fault is in it by its error code. */
static bool bitmap_takes(const struct cpu *c, const struct event *e)
{
    const struct vmcs *v = &c->vmx->vmcs;
    bool bit = (v->exception_bitmap >> (e->vector & 31) & 1) != 0;
    if (e->vector != EXC_PF)
        return bit;
    bool match = (e->error & v->pf_error_mask) == v->pf_error_match;
    return match ? bit : !bit;
}

uint32_t vmx_event_info(const struct event *e, bool interrupt, bool nmi)
{
    uint32_t type = INTR_HARD_EXCEPTION;
    if (interrupt)
        type = nmi ? INTR_NMI : INTR_EXTERNAL;
    else if (e->how != 0)
        type = e->how;
    uint32_t info = e->vector | type << INTR_TYPE_SHIFT | INTR_VALID;
    return e->has_error ? info | INTR_ERROR_VALID : info;
}

bool vmx_takes_exception(const struct cpu *c, const struct event *e,
                         struct vmx_exit *x)
{
    /* INT n is no exception, whatever its vector. */
    if (e->how == INTR_SOFT_INTERRUPT || !bitmap_takes(c, e))
        return false;
    *x = (struct vmx_exit){.reason = REASON_EXCEPTION_NMI};
    x->interruption = vmx_event_info(e, false, false);
    x->error_code = e->has_error ? e->error : 0;
    if (e->vector == EXC_PF)
        x->qualification = e->cr2;
    if (e->vector == EXC_DB && e->how == 0)
        x->qualification = e->dr6;
    if (e->how != 0)
        x->length = (uint32_t)(c->next_rip - c->rip);
    /* A fault of an IRET that had unblocked NMIs. */
    if (c->vmx->nmi_unblocked_by_iret && c->vmx->vectoring == 0 &&
        e->vector != EXC_DF)
        x->interruption |= INTR_UNBLOCK_NMI;
    return true;
}

void vmx_vectoring(struct cpu *c, uint32_t info, const struct event *e,
                   uint32_t length)
{
    struct vmx *x = c->vmx;
    bool before =
        (c->eflags & FLAG_RF) != 0 && c->account.instructions <= c->rf_insn;
    uint32_t type = info >> INTR_TYPE_SHIFT & 7;
    bool fault = type == INTR_HARD_EXCEPTION && !e->trap && !e->injected &&
                 e->vector != EXC_DB;
    x->vectoring = info;
    x->vectoring_error = e->error;
    x->vectoring_length = length;
    x->vectoring_rf =
        fault || before ||
        ((type == INTR_EXTERNAL || type == INTR_NMI) && c->rep_active);
}

/* SDM Vol.3 "Changes to Instruction Behavior", IRET. */
void vmx_iret(struct cpu *c)
{
    struct vmx *x = c->vmx;
    if ((x->pin & PIN_NMI) == 0) {
        x->nmi_unblocked_by_iret = c->nmi_blocked;
        c->nmi_blocked = false;
    } else if ((x->pin & PIN_VIRTUAL_NMI) != 0) {
        x->nmi_unblocked_by_iret = x->virtual_nmi_blocked;
        x->virtual_nmi_blocked = false;
    }
}
