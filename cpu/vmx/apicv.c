/* SPDX-License-Identifier: Apache-2.0
 * APIC virtualization: the virtual APIC's state, virtual interrupts, CR8 and
 * the MSRs of x2APIC mode. The APIC-access page is apicv_page.c's, posted
 * interrupts are apicv_posted.c's. SDM Vol.3 "APIC Virtualization and Virtual
 * Interrupts"; functions name the section they do.
 */
#include "cpu/vmx/apicv.h"

#include "cpu/lapic.h"
#include "sim/base/bits.h"

/* --------------------------------------------------- the virtual-APIC page */

uint32_t vapic_read(const struct cpu *c, unsigned offset)
{
    uint32_t v = UINT32_MAX; /* what nobody answers */
    uint64_t at = c->vmx->vmcs.virtual_apic_address + offset;
    (void)memsys_read(c->wiring.memory, (hpa){at}, sizeof v, &v);
    return v;
}

void vapic_write(struct cpu *c, unsigned offset, uint32_t v)
{
    uint64_t at = c->vmx->vmcs.virtual_apic_address + offset;
    (void)vmx_phys_write(c, at, sizeof v, &v);
}

static unsigned word_of(unsigned bank, unsigned vector)
{
    return bank + (vector >> 5) * 16;
}

void vapic_set_vector(struct cpu *c, unsigned bank, unsigned vector, bool on)
{
    unsigned at = word_of(bank, vector);
    uint32_t bit = UINT32_C(1) << (vector & 31), v = vapic_read(c, at);
    vapic_write(c, at, on ? v | bit : v & ~bit);
}

int vapic_highest(const struct cpu *c, unsigned bank)
{
    for (int i = 7; i >= 0; i--) {
        uint32_t word = vapic_read(c, bank + (unsigned)i * 16);
        if (word != 0)
            return i * 32 + 31 - __builtin_clz(word);
    }
    return -1;
}

uint8_t vapic_rvi(const struct cpu *c)
{
    return (uint8_t)c->vmx->vmcs.guest_interrupt_status;
}

void vapic_set_rvi(struct cpu *c, uint8_t v)
{
    uint16_t *s = &c->vmx->vmcs.guest_interrupt_status;
    *s = (uint16_t)((*s & 0xff00) | v);
}

static uint8_t svi(const struct cpu *c)
{
    return (uint8_t)(c->vmx->vmcs.guest_interrupt_status >> 8);
}

static void set_svi(struct cpu *c, uint8_t v)
{
    uint16_t *s = &c->vmx->vmcs.guest_interrupt_status;
    *s = (uint16_t)((*s & 0xff) | v << 8);
}

/* A vector, or 0 for "none", as the guest interrupt status holds it. */
static uint8_t highest_or_0(const struct cpu *c, unsigned bank)
{
    int v = vapic_highest(c, bank);
    return v < 0 ? 0 : (uint8_t)v;
}

void vapic_exit_later(struct cpu *c, enum vmx_reason reason,
                      uint64_t qualification)
{
    const struct vmx_exit x = {
        .reason = reason, .qualification = qualification, .trap = true};
    vmx_exit_later(c, &x);
    event_notify(c);
}

/* ------------------------------------------------------ virtual interrupts */

/* "Evaluation of Pending Virtual Interrupts". */
void vapic_evaluate(struct cpu *c)
{
    unsigned ppr = vapic_read(c, VAPIC_PPR) & 0xf0;
    c->vmx->interrupt_recognized =
        (c->vmx->proc & PROC_INTERRUPT_WINDOW) == 0 &&
        (vapic_rvi(c) & 0xf0) > ppr;
    if (c->vmx->interrupt_recognized)
        event_notify(c);
}

/* "PPR Virtualization". */
static void virtualize_ppr(struct cpu *c)
{
    uint32_t tpr = vapic_read(c, VAPIC_TPR) & 0xff;
    uint32_t serviced = svi(c) & 0xf0;
    vapic_write(c, VAPIC_PPR, (tpr & 0xf0) >= serviced ? tpr : serviced);
}

static bool below_threshold(const struct cpu *c)
{
    return bits_get(vapic_read(c, VAPIC_TPR), 7, 4) <
           (c->vmx->vmcs.tpr_threshold & 0xf);
}

/* "TPR Virtualization". */
void vapic_tpr_changed(struct cpu *c)
{
    if (!vapic_delivers(c)) {
        if (below_threshold(c))
            vapic_exit_later(c, REASON_TPR_THRESHOLD, 0);
        return;
    }
    virtualize_ppr(c);
    vapic_evaluate(c);
}

static bool eoi_exits(const struct cpu *c, unsigned vector)
{
    const struct vmcs *v = &c->vmx->vmcs;
    const uint64_t bitmap[4] = {v->eoi_bitmap_0, v->eoi_bitmap_1,
                                v->eoi_bitmap_2, v->eoi_bitmap_3};
    return (bitmap[vector >> 6] >> (vector & 63) & 1) != 0;
}

/* "EOI Virtualization". */
void vapic_end_of_interrupt(struct cpu *c)
{
    uint8_t vector = svi(c);
    vapic_set_vector(c, VAPIC_ISR, vector, false);
    set_svi(c, highest_or_0(c, VAPIC_ISR));
    virtualize_ppr(c);
    if (eoi_exits(c, vector))
        vapic_exit_later(c, REASON_EOI, vector);
    else
        vapic_evaluate(c);
}

/* "Self-IPI Virtualization". */
void vapic_self_ipi(struct cpu *c, uint8_t vector)
{
    vapic_set_vector(c, VAPIC_IRR, vector, true);
    if (vector > vapic_rvi(c))
        vapic_set_rvi(c, vector);
    vapic_evaluate(c);
}

bool vmx_apic_pending(const struct cpu *c)
{
    return c->vmx->interrupt_recognized;
}

/* "Virtual-Interrupt Delivery", up to the delivery through the IDT. */
uint8_t vmx_apic_deliver(struct cpu *c)
{
    uint8_t vector = vapic_rvi(c);
    vapic_set_vector(c, VAPIC_ISR, vector, true);
    set_svi(c, vector);
    vapic_write(c, VAPIC_PPR, vector & 0xf0);
    vapic_set_vector(c, VAPIC_IRR, vector, false);
    vapic_set_rvi(c, highest_or_0(c, VAPIC_IRR));
    c->vmx->interrupt_recognized = false;
    return vector;
}

/* "VM Exits Induced by the TPR Threshold"; with virtual-interrupt delivery
 * "PPR Virtualization" and evaluation instead. */
void vmx_apic_entry(struct cpu *c)
{
    struct vmx *x = c->vmx;
    x->interrupt_recognized = false;
    x->apic_written = false;
    if (!vapic_shadow(c))
        return;
    if (vapic_delivers(c)) {
        virtualize_ppr(c);
        vapic_evaluate(c);
        return;
    }
    bool asleep = x->vmcs.guest_activity == GUEST_SHUTDOWN ||
                  x->vmcs.guest_activity == GUEST_WAIT_SIPI;
    if ((x->proc2 & PROC2_APIC_ACCESSES) != 0 && !asleep && below_threshold(c))
        vapic_exit_later(c, REASON_TPR_THRESHOLD, 0);
}

/* --------------------------------------------------------------------- CR8 */

/* "Virtualizing CR8-Based TPR Accesses". */
enum step vmx_apic_write_cr8(struct cpu *c, uint64_t v)
{
    if ((v & ~UINT64_C(0xf)) != 0)
        return raise_gp(c, 0);
    if (!vapic_shadow(c)) {
        lapic_set_cr8(c, v);
        return STEP_NEXT;
    }
    vmx_charge(c, virtual_apic);
    vapic_write(c, VAPIC_TPR, (uint32_t)v << 4);
    vapic_tpr_changed(c);
    return STEP_NEXT;
}

uint64_t vmx_apic_read_cr8(const struct cpu *c)
{
    if (!vapic_shadow(c))
        return lapic_cr8(c);
    return bits_get(vapic_read(c, VAPIC_TPR), 7, 4);
}

/* ------------------------------------------ "Virtualizing MSR-Based APIC
 * Accesses": whatever mode the local APIC is in */

enum { X2APIC_FIRST = 0x800, X2APIC_LAST = 0x8ff };
enum { X2APIC_TPR = 0x808, X2APIC_EOI = 0x80b, X2APIC_SELF_IPI = 0x83f };

static bool is_virtualized_range(const struct cpu *c, uint32_t number)
{
    return (c->vmx->proc2 & PROC2_X2APIC) != 0 && number >= X2APIC_FIRST &&
           number <= X2APIC_LAST;
}

enum step vmx_apic_rdmsr(struct cpu *c, uint32_t number, bool *done)
{
    bool all = (c->vmx->proc2 & PROC2_APIC_REGISTERS) != 0;
    *done = is_virtualized_range(c, number) && (all || number == X2APIC_TPR);
    if (!*done)
        return STEP_NEXT;
    unsigned at = (number & 0xff) << 4;
    vmx_charge(c, virtual_apic);
    c->gpr[REG_RAX] = vapic_read(c, at);
    c->gpr[REG_RDX] = vapic_read(c, at + 4);
    return STEP_NEXT;
}

static void write_64(struct cpu *c, unsigned at, uint64_t v)
{
    vmx_charge(c, virtual_apic);
    vapic_write(c, at, (uint32_t)v);
    vapic_write(c, at + 4, (uint32_t)(v >> 32));
}

static enum step write_self_ipi(struct cpu *c, uint64_t v)
{
    if (v >> 8 != 0)
        return raise_gp(c, 0);
    write_64(c, VAPIC_SELF_IPI, v);
    if ((v & 0xf0) == 0)
        vapic_exit_later(c, REASON_APIC_WRITE, VAPIC_SELF_IPI);
    else
        vapic_self_ipi(c, (uint8_t)v);
    return STEP_NEXT;
}

enum step vmx_apic_wrmsr(struct cpu *c, uint32_t number, uint64_t v, bool *done)
{
    bool more = vapic_delivers(c);
    *done = is_virtualized_range(c, number) &&
            (number == X2APIC_TPR ||
             (more && (number == X2APIC_EOI || number == X2APIC_SELF_IPI)));
    if (!*done)
        return STEP_NEXT;
    if (number == X2APIC_SELF_IPI)
        return write_self_ipi(c, v);
    if (number == X2APIC_TPR) {
        if (v >> 8 != 0)
            return raise_gp(c, 0);
        write_64(c, VAPIC_TPR, v);
        vapic_tpr_changed(c);
    } else {
        if (v != 0)
            return raise_gp(c, 0);
        write_64(c, VAPIC_EOI, 0);
        vapic_end_of_interrupt(c);
    }
    return STEP_NEXT;
}
