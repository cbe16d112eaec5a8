/* SPDX-License-Identifier: Apache-2.0
 * Breakpoints, watchpoints and single steps of a debugger. While there is a
 * breakpoint or a step the engine runs blocks of one instruction, and while
 * there is a watchpoint data accesses keep off the residency filter; neither
 * is visible in time (docs/debugging.md).
 */
#include "cpu/debug.h"
#include "cpu/debugger_hook.h"
#include "cpu/event.h"
#include "cpu/lbr.h"
#include "cpu/trace.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

#include <stdlib.h>
#include <string.h>

struct point {
    uint64_t lin, len;
    enum debug_point kind;
};

enum { FILTER_BITS = 4096 };

struct debugger {
    struct point point[DEBUG_POINTS_MAX];
    unsigned points, breakpoints;      /* all; those on instructions */
    uint64_t filter[FILTER_BITS / 64]; /* hashed addresses of breakpoints */
    struct debug_stop stop;
    /* The step under way: what was when it began. */
    bool step, step_guest;
    uint64_t step_insn, step_events;
    /* The breakpoint of the last stop: it is passed when the core goes on
     * from it. */
    uint64_t passed_rip, passed_insn;
    bool passed;
};

static bool is_breakpoint(enum debug_point kind)
{
    return kind == DEBUG_SOFT || kind == DEBUG_HARD;
}

static unsigned filter_bit(uint64_t lin)
{
    return (unsigned)(lin ^ lin >> 12) & (FILTER_BITS - 1);
}

/* Blocks of one instruction, and accesses off the filter, as long as somebody
 * wants to look at each. What is fetched stays as it is. */
static void update(struct cpu *c)
{
    const struct debugger *d = c->code->debugger;
    const uint32_t every = BIT(TRACE_INSN) | BIT(TRACE_WALK);
    c->single = (d != NULL && (d->step || d->breakpoints != 0)) ||
                (c->trace.mask & every) != 0;
    cpu_update_single(c);
    if (c->watch != (debug_data_armed(c) || debugger_watches(c))) {
        uint64_t generation = c->fetch_generation, line = c->fetch_pline;
        cpu_update_mode(c);
        c->fetch_generation = generation;
        c->fetch_pline = line;
    }
}

enum sim_status debugger_attach(struct cpu *c, struct sim_error *e)
{
    if (c->code->debugger != NULL)
        return SIM_OK;
    c->code->debugger = calloc(1, sizeof *c->code->debugger);
    if (c->code->debugger == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "no memory for a debugger");
    return SIM_OK;
}

void debugger_detach(struct cpu *c)
{
    if (c->code->debugger == NULL)
        return;
    debugger_clear(c);
    free(c->code->debugger);
    c->code->debugger = NULL;
}

static void rebuild(struct cpu *c)
{
    struct debugger *d = c->code->debugger;
    memset(d->filter, 0, sizeof d->filter);
    d->breakpoints = 0;
    for (unsigned i = 0; i < d->points; i++) {
        if (!is_breakpoint(d->point[i].kind))
            continue;
        unsigned bit = filter_bit(d->point[i].lin);
        d->filter[bit / 64] |= BIT(bit % 64);
        d->breakpoints++;
    }
    update(c);
}

static struct point *find(struct debugger *d, enum debug_point kind,
                          uint64_t lin, uint64_t len)
{
    for (unsigned i = 0; i < d->points; i++) {
        struct point *p = &d->point[i];
        if (p->kind == kind && p->lin == lin &&
            (is_breakpoint(kind) || p->len == len))
            return p;
    }
    return NULL;
}

bool debugger_insert(struct cpu *c, enum debug_point kind, uint64_t lin,
                     uint64_t len)
{
    struct debugger *d = c->code->debugger;
    if (!is_breakpoint(kind) && (len == 0 || len > DEBUG_WATCH_MAX))
        return false;
    if (find(d, kind, lin, len) != NULL)
        return true;
    if (d->points == DEBUG_POINTS_MAX)
        return false;
    d->point[d->points++] = (struct point){lin, len, kind};
    rebuild(c);
    return true;
}

void debugger_remove(struct cpu *c, enum debug_point kind, uint64_t lin,
                     uint64_t len)
{
    struct debugger *d = c->code->debugger;
    struct point *p = find(d, kind, lin, len);
    if (p == NULL)
        return;
    *p = d->point[--d->points];
    rebuild(c);
}

void debugger_clear(struct cpu *c)
{
    struct debugger *d = c->code->debugger;
    d->points = 0;
    d->step = false;
    d->stop.kind = DEBUG_STOP_NONE;
    rebuild(c);
}

static uint64_t events(const struct cpu *c)
{
    return c->count.exceptions + c->count.interrupts;
}

void debugger_step(struct cpu *c)
{
    struct debugger *d = c->code->debugger;
    d->step = true;
    d->step_insn = c->account.instructions;
    d->step_events = events(c);
    d->step_guest = c->vmx_guest;
    update(c);
}

struct debug_stop debugger_take_stop(struct cpu *c)
{
    struct debugger *d = c->code->debugger;
    struct debug_stop s = {.kind = DEBUG_STOP_NONE};
    if (d == NULL)
        return s;
    s = d->stop;
    d->stop.kind = DEBUG_STOP_NONE;
    d->step = false;
    rebuild(c);
    return s;
}

bool debugger_stops(struct cpu *c)
{
    struct debugger *d = c->code->debugger;
    if (d->stop.kind != DEBUG_STOP_NONE)
        return true;
    if (!d->step ||
        (c->account.instructions == d->step_insn &&
         events(c) == d->step_events && c->vmx_guest == d->step_guest))
        return false;
    d->stop = (struct debug_stop){.kind = DEBUG_STOP_STEP};
    return true;
}

bool debugger_breaks(struct cpu *c)
{
    struct debugger *d = c->code->debugger;
    uint64_t lin = lbr_linear(c, c->rip);
    unsigned bit = filter_bit(lin);
    if (LIKELY((d->filter[bit / 64] >> (bit % 64) & 1) == 0))
        return false;
    if (d->passed && d->passed_rip == c->rip &&
        d->passed_insn == c->account.instructions)
        return false;
    for (unsigned i = 0; i < d->points; i++) {
        const struct point *p = &d->point[i];
        if (!is_breakpoint(p->kind) || p->lin != lin)
            continue;
        d->stop = (struct debug_stop){DEBUG_STOP_POINT, p->kind, lin};
        d->passed = true;
        d->passed_rip = c->rip;
        d->passed_insn = c->account.instructions;
        return true;
    }
    return false;
}

static bool wants(enum debug_point kind, bool write)
{
    return kind == DEBUG_ACCESS || kind == (write ? DEBUG_WRITE : DEBUG_READ);
}

void debugger_data(struct cpu *c, uint64_t lin, unsigned len, bool write)
{
    struct debugger *d = c->code->debugger;
    for (unsigned i = 0; i < d->points; i++) {
        const struct point *p = &d->point[i];
        /* Distances, so that nothing overflows at the top of the space. */
        if (!wants(p->kind, write) ||
            !(lin - p->lin < p->len || p->lin - lin < len))
            continue;
        if (d->stop.kind == DEBUG_STOP_NONE)
            d->stop = (struct debug_stop){DEBUG_STOP_POINT, p->kind, p->lin};
        event_notify(c);
    }
}

bool debugger_watches(const struct cpu *c)
{
    const struct debugger *d = c->code->debugger;
    return (d != NULL && d->points != d->breakpoints) ||
           (c->trace.mask & BIT(TRACE_INSN)) != 0;
}

void cpu_set_trace(struct cpu *c, struct trace_port port)
{
    c->trace = port;
    trace_watch_mmu(c);
    update(c);
}
