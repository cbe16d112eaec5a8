/* SPDX-License-Identifier: Apache-2.0
 * Trace events of the core. Of an instruction there are, in this order: a
 * "load" or "store" for each of its data accesses, a "reg" for each register
 * that it changed, and "insn" with its bytes; an instruction that faults
 * leaves accesses at most.
 */
#include "cpu/trace.h"

#include "cpu/block.h"
#include "cpu/debugger.h"
#include "cpu/flags.h"
#include "cpu/lbr.h"

#include <string.h>

void trace_event(struct cpu *c, enum trace_category k, const char *text,
                 unsigned args, const uint64_t *arg)
{
    struct trace_event e = {
        .category = k,
        .core = c->wiring.index,
        .cycle = c->account.cycles,
        .instructions = c->account.instructions,
        .rip = c->rip,
        .guest = c->vmx_guest,
        .text = text,
        .args = (uint8_t)args,
    };
    for (unsigned i = 0; i < args && i < 6; i++)
        e.arg[i] = arg[i];
    c->trace.event(c->trace.self, &e);
}

void trace_data(struct cpu *c, uint64_t lin, unsigned len, bool write)
{
    uint64_t value[8] = {0};
    unsigned n = len < sizeof value ? len : (unsigned)sizeof value;
    bool known = debugger_read(c, DEBUG_VIEW_CORE, lin, n, value) == n;
    TRACE(c, INSN, write ? "store" : "load", lin, len, known, value[0],
          value[1]);
}

void trace_begin(struct cpu *c, struct trace_before *b, uint64_t lin,
                 uint64_t phys, unsigned length)
{
    memcpy(b->gpr, c->gpr, sizeof b->gpr);
    memcpy(b->v, c->v, sizeof b->v);
    b->rip = c->rip;
    b->flags = flags_read(c);
    b->mode = c->mode;
    /* The engine has charged the instruction already. */
    b->instructions = c->account.instructions - 1;
    memset(b->bytes, 0, sizeof b->bytes);
    b->length = length < sizeof b->bytes ? length : (unsigned)sizeof b->bytes;
    if (PAGE_SIZE - (phys & (PAGE_SIZE - 1)) >= b->length)
        (void)memsys_read(c->wiring.memory, (hpa){phys}, b->length, b->bytes);
    else
        (void)debugger_read(c, DEBUG_VIEW_CORE, lin, b->length, b->bytes);
}

void trace_end(struct cpu *c, const struct trace_before *b)
{
    if (c->account.instructions == b->instructions)
        return; /* it faulted, or is a REP that goes on */
    uint64_t after = c->rip;
    c->rip = b->rip;
    for (unsigned i = 0; i < 16; i++)
        if (c->gpr[i] != b->gpr[i])
            TRACE(c, INSN, "reg", i, c->gpr[i]);
    for (unsigned i = 0; i < 16; i++)
        if (memcmp(&c->v[i], &b->v[i], 32) != 0)
            TRACE(c, INSN, "vreg", i, c->v[i].u64[0], c->v[i].u64[1],
                  c->v[i].u64[2], c->v[i].u64[3]);
    uint32_t flags = flags_read(c);
    if (flags != b->flags)
        TRACE(c, INSN, "flags", flags);
    uint64_t bytes[2];
    memcpy(bytes, b->bytes, sizeof bytes);
    unsigned bits = b->mode & MODE_LONG ? 64 : b->mode & MODE_CS32 ? 32 : 16;
    TRACE(c, INSN, "insn", bytes[0], bytes[1], b->length, bits,
          b->mode & MODE_CPL);
    c->rip = after;
}

/* --- what the MMU tells --- */

static void entry_read(void *self, const struct walk_step *s)
{
    struct cpu *c = self;
    TRACE(c, WALK, "entry", s->level, s->at, s->entry, s->ept, s->guest);
}

static void walked(void *self, uint64_t lin, unsigned access, uint64_t cycles,
                   bool mapped, uint64_t host)
{
    struct cpu *c = self;
    unsigned kind = access & MMU_KIND;
    if (kind == MMU_READ && (access & MMU_INTENT) != 0)
        kind = MMU_WRITE;
    TRACE(c, WALK, "walk", lin, kind, cycles, mapped, host);
}

static void device(void *self, uint64_t pa, unsigned len, bool write,
                   uint64_t value)
{
    struct cpu *c = self;
    TRACE(c, IO, write ? "mmio.write" : "mmio.read", pa, len, value);
}

void trace_watch_mmu(struct cpu *c)
{
    struct walk_port p = {.self = c};
    if (trace_on(c, TRACE_WALK)) {
        p.entry = entry_read;
        p.walked = walked;
    }
    if (trace_on(c, TRACE_IO))
        p.device = device;
    mmu_set_walk_port(c->mmu, &p);
}
