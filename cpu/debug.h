/* SPDX-License-Identifier: Apache-2.0
 * Debug registers: what DR7 arms and what it finds. Traps are collected in
 * c->pending_dr6 and delivered by event_boundary; instruction breakpoints
 * and the single-step trap are event_boundary's own work, so blocks of one
 * instruction (MODE_SINGLE) with a look at event_pending before each are all
 * the run loop owes. SDM Vol.3 "Debug Registers".
 */
#ifndef VTSIM_CPU_DEBUG_H
#define VTSIM_CPU_DEBUG_H

#include "cpu/event.h"

#define DR6_FIXED UINT64_C(0xffff0ff0) /* bits that read as 1 */
#define DR6_BD    (UINT64_C(1) << 13)
#define DR6_BS    (UINT64_C(1) << 14)
#define DR6_BT    (UINT64_C(1) << 15)
#define DR7_FIXED UINT64_C(0x400)
#define DR7_GD    (UINT64_C(1) << 13)

/* A data access of `len` bytes at linear address `lin` that will complete:
 * note the breakpoints it hits. Call when c->watch is set. */
void debug_data(struct cpu *c, uint64_t lin, unsigned len, bool write);

/* The same for port I/O; armed with CR4.DE only. */
void debug_io(struct cpu *c, uint16_t port, unsigned len);

/* DR6.B0-B3 of enabled instruction breakpoints at linear address `lin`. */
uint64_t debug_instruction_match(const struct cpu *c, uint64_t lin);

/* True when DR7 enables an instruction (data) breakpoint. */
bool debug_instruction_armed(const struct cpu *c);
bool debug_data_armed(const struct cpu *c);

#endif
