/* SPDX-License-Identifier: Apache-2.0
 * Delivery of one event through the IDT or the real-mode vector table.
 */
#ifndef VTSIM_CPU_IDT_H
#define VTSIM_CPU_IDT_H

#include "cpu/event.h"

/*
 * Deliver `e` at c->rip (c->next_rip for software events and traps).
 * interrupt: NMI or external interrupt, never an exception.
 * False: c->event holds the nested exception and nothing but accessed flags
 * changed. Does not call cpu_update_mode.
 */
SIM_MUST_CHECK bool idt_deliver(struct cpu *c, const struct event *e,
                                bool interrupt);

/*
 * Deliver a software event or trap from its own instruction (INT n, INT3,
 * INTO, INT1; `how` is its INTR_* type of cpu/vmx/controls.h): STEP_JUMP, or
 * STEP_FAULT with the nested exception, which is then an ordinary fault of the
 * instruction.
 */
enum step event_software(struct cpu *c, uint8_t vector, uint8_t how);

#endif
