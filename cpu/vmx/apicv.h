/* SPDX-License-Identifier: Apache-2.0
 * The virtual APIC from inside: registers on the virtual-APIC page, and the
 * operations on them that its files share. SDM Vol.3 "APIC Virtualization and
 * Virtual Interrupts".
 */
#ifndef VTSIM_CPU_VMX_APICV_H
#define VTSIM_CPU_VMX_APICV_H

#include "cpu/event.h"
#include "cpu/vmx/vmx.h"

/* Offsets on the virtual-APIC page. */
enum {
    VAPIC_TPR = 0x080,
    VAPIC_PPR = 0x0a0,
    VAPIC_EOI = 0x0b0,
    VAPIC_ISR = 0x100,
    VAPIC_IRR = 0x200,
    VAPIC_ICR_LOW = 0x300,
    VAPIC_ICR_HIGH = 0x310,
    VAPIC_SELF_IPI = 0x3f0
};

static inline bool vapic_shadow(const struct cpu *c)
{
    return (c->vmx->proc & PROC_TPR_SHADOW) != 0;
}

static inline bool vapic_delivers(const struct cpu *c)
{
    return (c->vmx->proc2 & PROC2_VIRTUAL_INTERRUPTS) != 0;
}

uint32_t vapic_read(const struct cpu *c, unsigned offset);
void vapic_write(struct cpu *c, unsigned offset, uint32_t v);

/* One bit of VISR or VIRR; the highest one set, or -1. */
void vapic_set_vector(struct cpu *c, unsigned bank, unsigned vector, bool on);
int vapic_highest(const struct cpu *c, unsigned bank);

/* Guest interrupt status. */
uint8_t vapic_rvi(const struct cpu *c);
void vapic_set_rvi(struct cpu *c, uint8_t v);

void vapic_evaluate(struct cpu *c);
void vapic_tpr_changed(struct cpu *c); /* "TPR Virtualization" */
void vapic_end_of_interrupt(struct cpu *c);
void vapic_self_ipi(struct cpu *c, uint8_t vector);
/* A trap-like exit at the boundary after the present instruction. */
void vapic_exit_later(struct cpu *c, enum vmx_reason reason,
                      uint64_t qualification);

#endif
