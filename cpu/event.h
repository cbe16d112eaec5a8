/* SPDX-License-Identifier: Apache-2.0
 * Guest events as values: how instruction code reports a fault, and how the
 * run loop delivers it.
 */
#ifndef VTSIM_CPU_EVENT_H
#define VTSIM_CPU_EVENT_H

#include "cpu/state.h"

/* What a callout (an instruction body that is a C function) answers. */
enum step {
    STEP_NEXT,  /* commit: go on at next_rip */
    STEP_JUMP,  /* the function set rip */
    STEP_FAULT, /* c->event holds the exception; nothing else changed */
    STEP_AGAIN, /* rip unchanged on purpose: the REP goes on after a look at
                   interrupts, or HLT entered its state at next_rip */
};

/* Record exception `vector`; each returns STEP_FAULT so that a callout can
 * write `return raise_gp(c, 0)`. */
enum step raise_exception(struct cpu *c, uint8_t vector);
enum step raise_error(struct cpu *c, uint8_t vector, uint32_t error);
static inline enum step raise_ud(struct cpu *c)
{
    return raise_exception(c, EXC_UD);
}
static inline enum step raise_gp(struct cpu *c, uint32_t error)
{
    return raise_error(c, EXC_GP, error);
}

/* Record the #PF that mmu_fault(c->mmu) describes. */
enum step raise_page_fault(struct cpu *c);

/*
 * Deliver c->event through the IDT at c->rip (c->next_rip for software
 * events and traps), with double-fault and triple-fault escalation as SDM
 * Vol.3 "Double Fault Exception". On a triple fault the activity becomes
 * ACTIVITY_SHUTDOWN and stop_reason is written.
 */
void event_deliver(struct cpu *c);

/* Deliver an event that VM entry injects: `info` and `length` are those of
 * the VMCS. */
void event_inject(struct cpu *c, const struct event *e, uint32_t info,
                  uint32_t length);

/* Deliver an external interrupt or NMI at an instruction boundary. */
void event_interrupt(struct cpu *c, uint8_t vector, bool nmi);

/*
 * Instruction-boundary work: SMI-less priority order of SDM Vol.3
 * "Priority Among Simultaneous Exceptions and Interrupts": INIT, traps on
 * the previous instruction, NMI, maskable interrupts; wakes from HLT.
 * Returns true when rip changed.
 */
bool event_boundary(struct cpu *c);

/* True when event_boundary would do something. */
bool event_pending(const struct cpu *c);

/* Make the running chain come back to look at events after the present
 * instruction: an interrupt may have become deliverable. */
static inline void event_notify(struct cpu *c)
{
    c->limit = 0;
}

/* Stop the machine aloud: something that is not modelled was asked for. The
 * line names RIP, bytes and `what`. */
enum step raise_unmodelled(struct cpu *c, const char *what);

#endif
