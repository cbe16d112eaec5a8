/* SPDX-License-Identifier: Apache-2.0
 * What a core tells a trace: one value an event, in the order in which they
 * happen. A sink formats and filters; nothing is told while no sink is set.
 */
#ifndef VTSIM_SIM_BASE_TRACE_H
#define VTSIM_SIM_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/* TRACE_CATEGORY(enumerator, name in --trace, meaning) */
#define TRACE_CATEGORIES(TRACE_CATEGORY)                                       \
    TRACE_CATEGORY(INSN, "insn", "every retired instruction (a commit log)")   \
    TRACE_CATEGORY(EXIT, "exit", "VM entries and VM exits")                    \
    TRACE_CATEGORY(WALK, "walk", "page walks, each entry read")                \
    TRACE_CATEGORY(INVALIDATE, "invalidate",                                   \
                   "instructions that drop cached translations")               \
    TRACE_CATEGORY(INTERRUPT, "interrupt", "exceptions, interrupts, IPIs")     \
    TRACE_CATEGORY(IO, "io", "port and memory-mapped device accesses")         \
    TRACE_CATEGORY(MSR, "msr", "RDMSR and WRMSR")

enum trace_category {
#define TRACE_CATEGORY(e, name, doc) TRACE_##e,
    TRACE_CATEGORIES(TRACE_CATEGORY)
#undef TRACE_CATEGORY
        TRACE_COUNT
};

/* The numbers mean what the category's user says; `text` is a constant
 * string that names the event ("invept.single", "exit"). */
struct trace_event {
    enum trace_category category;
    unsigned core;
    uint64_t cycle, instructions, rip;
    bool guest; /* VMX non-root operation */
    const char *text;
    uint64_t arg[6];
    uint8_t args;
};

struct trace_port {
    void *self;
    uint32_t mask; /* bit n: category n is wanted */
    void (*event)(void *self, const struct trace_event *e);
};

#endif
