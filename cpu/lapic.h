/* SPDX-License-Identifier: Apache-2.0
 * The local APIC of a core: xAPIC and x2APIC register file, interrupt
 * acceptance and the timer. SDM Vol.3 "Advanced Programmable Interrupt
 * Controller (APIC)".
 */
#ifndef VTSIM_CPU_LAPIC_H
#define VTSIM_CPU_LAPIC_H

#include "cpu/event.h"

#define APIC_BASE_DEFAULT UINT64_C(0xfee00000)
#define APIC_BASE_BSP     (UINT64_C(1) << 8)
#define APIC_BASE_EXTD    (UINT64_C(1) << 10)
#define APIC_BASE_ENABLE  (UINT64_C(1) << 11)

/* apic_message.delivery beyond the ICR's: the end of the level-triggered
 * interrupt `vector`, for I/O APICs; local APICs ignore it. */
enum { APIC_MESSAGE_EOI = 8 };

/* Make the APIC of core `c` (c->wiring and c->config are set) and store it
 * in c->lapic. */
SIM_MUST_CHECK enum sim_status lapic_create(struct cpu *c, struct sim_error *e);
void lapic_destroy(struct lapic *a);

/* Power-up state; lapic_init is what an INIT leaves: the APIC id stays. */
void lapic_reset(struct cpu *c);
void lapic_init(struct cpu *c);

/* The state firmware hands over: software-enabled, LINT0 = ExtINT and
 * LINT1 = NMI (virtual wire mode, "Local Vector Table"). */
void lapic_virtual_wire(struct cpu *c);

/* True when the 8259's INTR line reaches the core: APIC disabled, or LINT0
 * unmasked in ExtINT mode. */
bool lapic_accepts_extint(const struct cpu *c);
/* The level of the line that ends at pin LINT0. In other modes than ExtINT
 * the pin's entry of the local vector table says what it means. */
void lapic_lint0(struct cpu *c, bool level);

/* Highest-priority fixed interrupt above PPR, or -1. */
int lapic_pending(const struct cpu *c);
/* Acknowledge it: IRR to ISR. Call only when lapic_pending is not -1. The
 * request cannot go away between the two, so no spurious vector is made. */
uint8_t lapic_acknowledge(struct cpu *c);
/* What a write to the EOI register does. */
void lapic_eoi(struct cpu *c);

/* A performance counter overflowed: the entry of the local vector table. */
void lapic_performance_interrupt(struct cpu *c);

/* CR8 is bits 7:4 of the task-priority register. */
uint64_t lapic_cr8(const struct cpu *c);
void lapic_set_cr8(struct cpu *c, uint64_t cr8);

/* MSR 800h-8FFh in x2APIC mode. False: #GP(0) is due. */
bool lapic_msr_read(struct cpu *c, uint32_t msr, uint64_t *out);
bool lapic_msr_write(struct cpu *c, uint32_t msr, uint64_t in);

/* WRMSR to IA32_APIC_BASE. False: #GP(0) is due. A page that cannot be
 * claimed is refused aloud: c->unmodelled is set. */
bool lapic_write_base(struct cpu *c, uint64_t in);

/* IA32_TSC_DEADLINE; and the TSC moved under it. */
uint64_t lapic_deadline(const struct cpu *c);
void lapic_set_deadline(struct cpu *c, uint64_t deadline);
void lapic_tsc_moved(struct cpu *c);

#endif
