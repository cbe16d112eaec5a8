/* SPDX-License-Identifier: Apache-2.0
 * Interrupts of the guest. With apic=pass they go to the guest's handlers
 * without exits; with apic=exit each exits with its vector acknowledged, and
 * is injected as soon as the guest can take it. SDM Vol.3 "Event Injection".
 */
#include "workloads/microhv/hv.h"

static int highest_waiting(const struct vcpu *v)
{
    for (int i = 3; i >= 0; i--)
        if (v->waits[i])
            return 64 * i + 63 - __builtin_clzll(v->waits[i]);
    return -1;
}

static void set_window(struct vcpu *v, u32 window, bool on)
{
    u32 proc = on ? v->proc | window : v->proc & ~window;

    if (proc == v->proc)
        return;
    v->proc = proc;
    vm_write(PROC_CONTROLS, proc);
}

/* Is the entry to deliver something already? */
static bool entry_is_taken(void)
{
    return vm_read(ENTRY_INTERRUPTION) & EVENT_VALID;
}

static bool can_take_nmi(void)
{
    u64 blocked = vm_read(GUEST_INTERRUPTIBILITY);

    return !(blocked & (BLOCKED_BY_NMI | BLOCKED_BY_MOVSS | BLOCKED_BY_STI));
}

static bool can_take_interrupt(void)
{
    u64 blocked = vm_read(GUEST_INTERRUPTIBILITY);

    return vm_read(GUEST_RFLAGS) & RFLAGS_IF &&
           !(blocked & (BLOCKED_BY_MOVSS | BLOCKED_BY_STI));
}

static void inject_nmi(struct vcpu *v)
{
    if (!entry_is_taken() && can_take_nmi()) {
        v->nmi = false;
        vm_write(ENTRY_INTERRUPTION, EVENT_VALID | EVENT_NMI | 2);
    }
    set_window(v, PROC_NMI_WINDOW, v->nmi);
}

static void inject_interrupt(struct vcpu *v)
{
    int vector = highest_waiting(v);

    if (vector >= 0 && !entry_is_taken() && can_take_interrupt()) {
        v->waits[vector / 64] &= ~(1ull << vector % 64);
        vm_write(ENTRY_INTERRUPTION,
                 EVENT_VALID | EVENT_EXTERNAL | (u32)vector);
        vm_write(GUEST_ACTIVITY, ACTIVITY_ACTIVE);
        vector = highest_waiting(v);
    }
    set_window(v, PROC_INTERRUPT_WINDOW, vector >= 0);
}

void irq_before_entry(struct vcpu *v)
{
    if (nmi_waits) {
        nmi_waits = 0;
        v->nmi = true;
    }
    if (v->nmi || v->proc & PROC_NMI_WINDOW)
        inject_nmi(v);
    if (v->waits[0] | v->waits[1] | v->waits[2] | v->waits[3] ||
        v->proc & PROC_INTERRUPT_WINDOW)
        inject_interrupt(v);
}

/* The exit came while an event was delivered: deliver it again. SDM Vol.3
 * "Information for VM Exits That Occur During Event Delivery". */
void irq_requeue(struct vcpu *v)
{
    u32 event = (u32)vm_read(IDT_VECTORING);

    if (!(event & EVENT_VALID))
        return;
    v->vectoring = true;
    vm_write(ENTRY_INTERRUPTION, event & ~(1u << 12));
    if (event & EVENT_ERROR)
        vm_write(ENTRY_ERROR_CODE, vm_read(IDT_ERROR_CODE));
    if (EVENT_TYPE(event) >= TYPE_SOFT_INT)
        vm_write(ENTRY_LENGTH, vm_read(EXIT_LENGTH));
    if (EVENT_TYPE(event) == TYPE_NMI) /* it has not been delivered */
        vm_write(GUEST_INTERRUPTIBILITY,
                 vm_read(GUEST_INTERRUPTIBILITY) & ~(u64)BLOCKED_BY_NMI);
}

void exit_external(struct vcpu *v)
{
    u32 vector = vm_read(EXIT_INTERRUPTION) & 255;

    v->waits[vector / 64] |= 1ull << vector % 64;
}

/* irq_before_entry does the rest. */
void exit_window(struct vcpu *v)
{
    (void)v;
}

void exit_nmi_window(struct vcpu *v)
{
    (void)v;
}

/* An NMI for the guest; its IRET in the monitor ends the blocking. */
static void take_nmi(struct vcpu *v)
{
    __asm__ volatile("int $2" : : : "memory");
    nmi_waits = 0;
    v->nmi = true;
}

void exit_exception_nmi(struct vcpu *v)
{
    u32 info = (u32)vm_read(EXIT_INTERRUPTION);
    u32 error = (u32)vm_read(EXIT_ERROR_CODE);

    if (EVENT_TYPE(info) == TYPE_NMI) {
        take_nmi(v);
        return;
    }
    irq_requeue(v);
    if ((info & 255) == 14)
        shadow_page_fault(v, vm_read(EXIT_QUALIFICATION), error);
    else
        hv_panic("exception %u of the guest exits", info & 255);
}

/* Wait in the guest's place: the next interrupt ends that. */
void exit_hlt(struct vcpu *v)
{
    (void)v;
    skip_instruction();
    if (msr_read(MSR_VMX_MISC) & VMX_MISC_HLT)
        vm_write(GUEST_ACTIVITY, ACTIVITY_HLT);
}
