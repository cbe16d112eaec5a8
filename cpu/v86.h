/* SPDX-License-Identifier: Apache-2.0
 * Virtual-8086 mode: what IRET, INT n and the instructions that look at IOPL
 * do there, and virtual interrupts, which CR4.VME brings to this mode and
 * CR4.PVI to protected mode at level 3. SDM Vol.3 "8086 Emulation".
 */
#ifndef VTSIM_CPU_V86_H
#define VTSIM_CPU_V86_H

#include "cpu/segment.h"
#include "cpu/uop.h"

/* IRETD at level 0 popped EIP, CS and EFLAGS with VM set from `s`: the rest
 * of the frame and the commit. `mask`: flags it may change, VM aside. */
enum step v86_enter(struct cpu *c, struct stack *s, const uint64_t popped[3],
                    uint32_t mask);

/* INT n, by the methods 1 to 6 of "Software Interrupt Handling Methods While
 * in Virtual-8086 Mode". */
enum step v86_int(struct cpu *c, uint8_t vector);

/*
 * What PUSHF, POPF, IRET and INT n may do in virtual-8086 mode with operands
 * of `size` bytes: V86_PLAIN as in protected mode, V86_VIRTUAL with VIF in
 * IF's place, V86_REFUSED #GP(0).
 */
enum v86_flags { V86_PLAIN, V86_VIRTUAL, V86_REFUSED };
enum v86_flags v86_flags_access(const struct cpu *c, unsigned size);

/* FLAGS as PUSHF and INT n store them with V86_VIRTUAL. */
uint32_t v86_flags_image(struct cpu *c);

/* Popped FLAGS that V86_VIRTUAL may not load: c->event is valid. */
bool v86_flags_bad(struct cpu *c, uint32_t flags);

/* VIF as IF of `flags` says. */
void v86_set_vif(struct cpu *c, bool on);

/* VIF and VIP are both set where they are looked at: #GP(0) at the beginning
 * of the next instruction. */
bool v86_interrupt_waits(const struct cpu *c);

/* CLI and STI where IOPL does not allow them. */
callout_fn v86_cli, v86_sti;

#endif
