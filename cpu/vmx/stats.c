/* SPDX-License-Identifier: Apache-2.0
 * Where the cycles of a VM exit go: transition in, handler, transition out,
 * and the page walks of the guest until its next exit.
 */
#include "cpu/exits.h"
#include "cpu/vmx/transition.h"

static uint64_t walk_cycles(const struct cpu *c)
{
    return mmu_count(c->mmu, MMU_WALK_CYCLES, MMU_READ) +
           mmu_count(c->mmu, MMU_WALK_CYCLES, MMU_WRITE) +
           mmu_count(c->mmu, MMU_WALK_CYCLES, MMU_FETCH);
}

static struct vmx_exit_stats *slot(struct vmx *x, uint32_t reason)
{
    uint32_t basic = reason & 0xffff;
    return &x->stats[basic < VMX_REASON_SLOTS - 1 ? basic
                                                  : VMX_REASON_SLOTS - 1];
}

void vmx_stats_exit(struct cpu *c, uint32_t reason)
{
    struct vmx *x = c->vmx;
    uint64_t walks = walk_cycles(c);
    if (x->last_exit_valid)
        slot(x, x->last_reason)->refill += walks - x->walk_cycles_at_entry;
    x->last_reason = reason;
    x->last_exit_valid = true;
    x->exit_began = c->account.cycles;
    slot(x, reason)->count++;
}

void vmx_stats_root(struct cpu *c)
{
    c->vmx->root_began = c->account.cycles;
}

void vmx_stats_entry(struct cpu *c)
{
    c->vmx->entry_began = c->account.cycles;
}

void vmx_stats_guest(struct cpu *c)
{
    struct vmx *x = c->vmx;
    uint64_t now = c->account.cycles;
    x->walk_cycles_at_entry = walk_cycles(c);
    if (!x->last_exit_valid)
        return; /* the first entry follows no exit */
    struct vmx_exit_stats *s = slot(x, x->last_reason);
    uint64_t whole = now - x->exit_began;
    s->in += x->root_began - x->exit_began;
    s->handler += x->entry_began - x->root_began;
    s->out += now - x->entry_began;
    s->min = s->min == 0 || whole < s->min ? whole : s->min;
    s->max = whole > s->max ? whole : s->max;
}

/* ------------------------------------------------------------- reporting */

/* The slot of a reason: as slot(), for constants. */
#define SLOT(number)                                                           \
    ((number) < VMX_REASON_SLOTS - 1 ? (number) : VMX_REASON_SLOTS - 1)
#define COLUMN(number, column)                                                 \
    (offsetof(struct vmx, stats) +                                             \
     SLOT(number) * sizeof(struct vmx_exit_stats) +                            \
     offsetof(struct vmx_exit_stats, column))

static const struct stat_desc rows[] = {
    {"vmx.entries", offsetof(struct vmx, entries), "entries",
     "VM entries that reached the guest"},
    {"vmx.entry_failures", offsetof(struct vmx, entry_failures), "entries",
     "VM entries that failed"},
#define EXIT_ROWS(e, number, name)                                             \
    {"exits." name ".count", COLUMN(number, count), "exits",                   \
     "VM exits of this reason"},                                               \
        {"exits." name ".in", COLUMN(number, in), "cycles",                    \
         "... in the exits themselves"},                                       \
        {"exits." name ".handler", COLUMN(number, handler), "cycles",          \
         "... in root operation after them"},                                  \
        {"exits." name ".out", COLUMN(number, out), "cycles",                  \
         "... in the entries that ended it"},                                  \
        {"exits." name ".refill", COLUMN(number, refill), "cycles",            \
         "... in page walks of the guest until its next exit"},
    VMX_EXITS(EXIT_ROWS)
#undef EXIT_ROWS
};

void vmx_register_stats(const struct cpu *c, struct stat_registry *r,
                        const char *prefix)
{
    if (c->config.vmx)
        stat_register(r, prefix, rows, sizeof rows / sizeof rows[0], c->vmx);
}

bool cpu_exits(const struct cpu *c, unsigned index, struct cpu_exits *out)
{
    static const struct {
        const char *name;
        unsigned slot;
    } reasons[] = {
#define EXIT_NAME(e, number, name) {name, SLOT(number)},
        VMX_EXITS(EXIT_NAME)
#undef EXIT_NAME
    };
    if (index >= sizeof reasons / sizeof reasons[0])
        return false;
    const struct vmx_exit_stats *s = &c->vmx->stats[reasons[index].slot];
    *out = (struct cpu_exits){reasons[index].name, s->min, s->max};
    return true;
}
