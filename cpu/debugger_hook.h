/* SPDX-License-Identifier: Apache-2.0
 * Where the core asks its debugger. Private to cpu/. Every caller is on a path
 * that is left anyway: the run loop between chains, the slow path of a data
 * access that is watched.
 */
#ifndef VTSIM_CPU_DEBUGGER_HOOK_H
#define VTSIM_CPU_DEBUGGER_HOOK_H

#include "cpu/block.h"
#include "cpu/debugger.h"
#include "cpu/state.h"

static inline bool debugger_attached(const struct cpu *c)
{
    return c->code->debugger != NULL;
}

/* At a boundary: a step is done or a watchpoint was hit. */
bool debugger_stops(struct cpu *c);
/* An instruction is about to begin at c->rip: a breakpoint is there. */
bool debugger_breaks(struct cpu *c);
/* An instruction's data access that completes. */
void debugger_data(struct cpu *c, uint64_t lin, unsigned len, bool write);
/* Data accesses must all take the slow path. */
bool debugger_watches(const struct cpu *c);

#endif
