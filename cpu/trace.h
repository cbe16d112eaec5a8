/* SPDX-License-Identifier: Apache-2.0
 * What the core tells a trace (sim/base/trace.h). The hooks are on paths that
 * are left anyway; with no sink they cost a test of c->trace.mask there.
 * docs/debugging.md lists the events and their arguments.
 */
#ifndef VTSIM_CPU_TRACE_H
#define VTSIM_CPU_TRACE_H

#include "cpu/state.h"

static inline bool trace_on(const struct cpu *c, enum trace_category k)
{
    return (c->trace.mask >> k & 1) != 0;
}

/* An event now, at the instruction c->rip. `text` is a constant. */
void trace_event(struct cpu *c, enum trace_category k, const char *text,
                 unsigned args, const uint64_t *arg);

/* TRACE(c, MSR, "rdmsr", number, value): nothing unless it is asked for. */
#define TRACE(c, category, text, ...)                                          \
    do {                                                                       \
        if (UNLIKELY(trace_on(c, TRACE_##category))) {                         \
            const uint64_t trace_args[] = {__VA_ARGS__};                       \
            trace_event(c, TRACE_##category, text,                             \
                        (unsigned)(sizeof trace_args / sizeof *trace_args),    \
                        trace_args);                                           \
        }                                                                      \
    } while (0)

/* TRACE_INSN: the access of an instruction, when it has been made. */
void trace_data(struct cpu *c, uint64_t lin, unsigned len, bool write);

/* TRACE_INSN, around one instruction that the run loop executes alone. */
struct trace_before {
    uint64_t gpr[16], rip, instructions;
    uint32_t flags;
    union vec v[16];
    unsigned length; /* of the bytes */
    uint8_t bytes[16];
    uint32_t mode;
};
void trace_begin(struct cpu *c, struct trace_before *b, uint64_t lin,
                 uint64_t phys, unsigned length);
void trace_end(struct cpu *c, const struct trace_before *b);

/* Have the MMU tell of walks and device accesses, as c->trace.mask says. */
void trace_watch_mmu(struct cpu *c);

#endif
