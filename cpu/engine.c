/* SPDX-License-Identifier: Apache-2.0
 * The run loop, and the charges of the running chain: taking them back when
 * a block is left in the middle, and stopping a chain exactly at the
 * instruction boundary where its time is up.
 *
 * How a deadline is exact: a block is entered by its predecessor only when
 * all of it fits below the limit. The run loop enters one that does not, but
 * first replaces the uop of the first instruction at or past the limit by
 * engine_stop. Time that is not known at entry (misses, devices) is added in
 * slow paths only, which look at the limit again (engine_recheck).
 */
#include "cpu/block.h"
#include "cpu/debugger_hook.h"
#include "cpu/exec_ctl.h"
#include "cpu/fpu.h"
#include "cpu/lbr.h"
#include "cpu/pmc.h"
#include "cpu/trace.h"
#include "cpu/vmx/vmx.h"

/* Take back what instructions from..end of the block were charged. */
static void take_back(struct cpu *c, const struct block *b, unsigned from)
{
    const struct insn_meta *m = &b->meta[from], *t = &b->meta[b->insns];
    uint64_t base = t->base - m->base, l1d = t->l1d - m->l1d;
    c->account.cycles -= base + l1d;
    c->account.leaf[LEAF_BASE] -= base;
    c->account.leaf[LEAF_L1D] -= l1d;
    c->account.instructions -= (uint64_t)b->insns - from;
    c->count.loads -= (uint64_t)t->loads - m->loads;
    c->count.stores -= (uint64_t)t->stores - m->stores;
}

static void put_back(struct cpu *c, const struct block *b, unsigned from)
{
    const struct insn_meta *m = &b->meta[from], *t = &b->meta[b->insns];
    uint64_t base = t->base - m->base, l1d = t->l1d - m->l1d;
    c->account.cycles += base + l1d;
    c->account.leaf[LEAF_BASE] += base;
    c->account.leaf[LEAF_L1D] += l1d;
    c->account.instructions += (uint64_t)b->insns - from;
    c->count.loads += (uint64_t)t->loads - m->loads;
    c->count.stores += (uint64_t)t->stores - m->stores;
}

/* Take back the charge uops that the instruction of u has run. */
static void refund_charges(struct cpu *c, const struct uop *u)
{
    for (const struct uop *v = u; v->place > 0 && v[-1].insn == u->insn; v--) {
        if (v[-1].fn == exec_ctl_simple.charge) {
            c->account.cycles -= v[-1].imm;
            c->account.leaf[v[-1].aux] -= v[-1].imm;
        }
    }
}

void uop_sync(struct cpu *c, const struct uop *u)
{
    const struct block *b = block_of(u);
    take_back(c, b, u->insn + 1u);
    c->rip = block_rip(b, u->insn);
    c->next_rip = block_rip(b, u->insn + 1u);
}

void uop_unsync(struct cpu *c, const struct uop *u)
{
    put_back(c, block_of(u), u->insn + 1u);
}

const struct uop *uop_fault(struct cpu *c, const struct uop *u)
{
    const struct block *b = block_of(u);
    take_back(c, b, u->insn);
    refund_charges(c, u);
    c->rip = block_rip(b, u->insn);
    c->next_rip = block_rip(b, u->insn + 1u);
    c->leave = LEAVE_EVENT;
    return NULL;
}

const struct uop *engine_leave(struct cpu *c, uint64_t rip, enum leave why)
{
    c->rip = rip;
    c->leave = (uint8_t)why;
    return NULL;
}

const struct uop *engine_unlinked(struct cpu *c, const struct uop *u,
                                  unsigned edge)
{
    const struct block *b = block_of(u);
    const struct uop_link *l = block_link(u);
    c->code->link_from = u;
    c->code->link_edge = edge;
    return engine_leave(c, edge ? l->target : block_rip(b, b->insns),
                        LEAVE_LOOKUP);
}

const struct uop *engine_unknown(struct cpu *c, uint64_t rip)
{
    c->code->link_indirect = true;
    return engine_leave(c, rip, LEAVE_LOOKUP);
}

/* --- stopping in the middle of a block --- */

static void unpatch(struct codecache *k)
{
    if (k->patch_at != NULL) {
        k->patch_at->fn = k->patch_fn;
        k->patch_at = NULL;
    }
}

static void patch(struct codecache *k, struct block *b, unsigned insn)
{
    struct uop *u = &b->uop[b->meta[insn].uop0];
    unpatch(k);
    k->patch_at = u;
    k->patch_fn = u->fn;
    u->fn = engine_stop;
}

const struct uop *engine_stop(struct cpu *c, const struct uop *u)
{
    const struct block *b = block_of(u);
    unpatch(c->code);
    take_back(c, b, u->insn);
    return engine_leave(c, block_rip(b, u->insn), LEAVE_CHECK);
}

/*
 * The block is charged and instruction `insn` is being executed: place a
 * stop at the first boundary after it that is at or past the limit, or at
 * the last clean one before that. False: there is none between the two.
 */
static bool plan(struct cpu *c, struct block *b, unsigned insn)
{
    const struct insn_meta *m = b->meta;
    unsigned i = insn + 1, last = 0;
    uint64_t start = c->account.cycles - m[b->insns].base - m[b->insns].l1d;
    for (; i < b->insns; i++) {
        if (m[i].clean)
            last = i;
        if (start + m[i].base + m[i].l1d >= c->limit)
            break;
    }
    if (i == b->insns) {
        unpatch(c->code);
        return true;
    }
    if (last == 0)
        return false;
    patch(c->code, b, last);
    return true;
}

void engine_replan(struct cpu *c, const struct uop *u)
{
    if (!c->code->running)
        return;
    /* After an instruction that can have come here the state is always
     * clean (cpu/xlat_flags.c), so a boundary is found. */
    bool found = plan(c, block_of(u), u->insn);
    SIM_ASSERT(found);
}

/* --- callouts --- */

static void call_again(struct cpu *c, const struct uop *u)
{
    if (c->activity != ACTIVITY_RUN) {
        c->rip = c->next_rip; /* HLT has retired */
    } else {
        /* A repeated string instruction: it retires when it ends. */
        take_back(c, block_of(u), u->insn);
        put_back(c, block_of(u), u->insn + 1u);
        refund_charges(c, u);
    }
    c->leave = LEAVE_CHECK;
}

static void call_fault(struct cpu *c, const struct uop *u)
{
    /* INT n, INT3, INTO, trap-like events and task switches have retired. */
    if (!c->event.software && !c->event.trap && !c->event.late) {
        take_back(c, block_of(u), u->insn);
        put_back(c, block_of(u), u->insn + 1u);
        refund_charges(c, u);
    }
    c->leave = LEAVE_EVENT;
}

const struct uop *engine_call(struct cpu *c, const struct uop *u, bool end)
{
    callout_fn *fn = (callout_fn *)(uintptr_t)u->imm;
    uop_sync(c, u);
    c->code->synced = true;
    c->slow_uop = u;
    enum step s = fn(c, u);
    c->code->synced = false;
    switch (s) {
    case STEP_NEXT:
        if (end)
            return engine_leave(c, c->next_rip, LEAVE_CHECK);
        uop_unsync(c, u);
        engine_recheck(c, u);
        return u;
    case STEP_JUMP:
        c->branched = true;
        return engine_leave(c, c->rip, LEAVE_CHECK);
    case STEP_FAULT: call_fault(c, u); return NULL;
    case STEP_AGAIN: call_again(c, u); return NULL;
    }
    return NULL;
}

uint64_t engine_insn_cycles(const struct uop *u)
{
    const struct insn_meta *m = &block_of(u)->meta[u->insn];
    return (uint64_t)(m[1].base - m[0].base) + (m[1].l1d - m[0].l1d);
}

/* --- fetching --- */

static uint64_t fetch_mask(const struct cpu *c)
{
    return c->config.timing == TIMING_OFF ? PAGE_SIZE - 1 : LINE_SIZE - 1;
}

static bool fetch(struct cpu *c, uint64_t lin)
{
    uint64_t pline = 0, mask = fetch_mask(c);
    const uint8_t *host;
    if (!mmu_fetch(c->mmu, lin, &pline, &host)) {
        engine_reset_fetch(c);
        (void)raise_page_fault(c);
        return false;
    }
    c->gpr[GPR_LINE] = lin & ~mask;
    c->fetch_pline = pline & ~mask;
    *fetch_page_of(c->code, lin) = (struct fetch_page){
        c->gpr[GPR_LINE], c->fetch_pline, c->fetch_generation, 0};
    return true;
}

bool engine_fetch_line(struct cpu *c, const struct uop *u, uint64_t line)
{
    c->slow_uop = u;
    if (!fetch(c, line)) {
        (void)uop_fault(c, u);
        return false;
    }
    if (UNLIKELY(c->fetch_pline != u->imm)) {
        /* Mapped elsewhere since: nothing of the instruction was done. */
        struct block *b = block_of(u);
        uint64_t rip = block_rip(b, u->insn);
        take_back(c, b, u->insn);
        codecache_drop(c->code, b);
        (void)engine_leave(c, rip, LEAVE_LOOKUP);
        return false;
    }
    engine_recheck(c, u);
    return true;
}

static bool canonical(const struct cpu *c, uint64_t lin)
{
    unsigned bits = c->cr4 & BIT(12) ? 57 : 48; /* CR4.LA57 */
    return bits_sext(lin, bits) == lin;
}

bool engine_target_ok(struct cpu *c, uint64_t rip)
{
    bool ok =
        c->mode & MODE_LONG ? canonical(c, rip) : rip <= c->seg[SEG_CS].limit;
    if (!ok)
        (void)raise_gp(c, 0);
    return ok;
}

/* The block to run at c->rip, made when needed. NULL: c->event is valid. */
static struct block *next_block(struct cpu *c, uint32_t key)
{
    struct codecache *k = c->code;
    uint64_t lin = c->rip + c->seg[SEG_CS].base, mask = fetch_mask(c);
    if (!(key & MODE_LONG)) {
        lin = (uint32_t)lin;
    } else {
        lin = c->rip;
        if (UNLIKELY(!canonical(c, lin))) {
            (void)raise_gp(c, 0);
            return NULL;
        }
    }
    if ((c->gpr[GPR_LINE] != (lin & ~mask) || c->fetch_pline == UINT64_MAX) &&
        !fetch(c, lin))
        return NULL;
    uint64_t phys = c->fetch_pline | (lin & mask);
    struct block *b = codecache_find(k, phys, lin, c->rip, key);
    if (UNLIKELY(b != NULL && !c->config.block_cache)) {
        codecache_drop(k, b);
        b = NULL;
    }
    if (UNLIKELY(b == NULL)) {
        b = xlat_block(c, phys, lin, c->rip, key);
        if (b == NULL) {
            codecache_flush(k);
            b = xlat_block(c, phys, lin, c->rip, key);
            SIM_ASSERT(b != NULL);
        }
    }
    return b;
}

static void make_links(struct codecache *k, struct block *b)
{
    const struct uop *from = k->link_from;
    bool keep = k->cpu->config.block_cache;
    if (keep && from != NULL && block_of(from)->mode == b->mode)
        block_link(from)->to[k->link_edge] = b;
    if (keep && k->link_indirect && !(b->mode & MODE_SINGLE) &&
        b->lin == b->rip)
        k->jump[jump_index(b->rip)] = b;
    k->link_from = NULL;
    k->link_indirect = false;
}

static void run_chain(struct cpu *c, const struct uop *u)
{
    c->code->running = true;
    do
        u = u->fn(c, u);
    while (u != NULL);
    c->code->running = false;
    unpatch(c->code);
    c->slow_uop = NULL;
}

/* Out of line: what was before the instruction is large. */
__attribute__((noinline)) static void run_traced(struct cpu *c, struct block *b)
{
    struct trace_before before;
    trace_begin(c, &before, b->lin, b->phys, b->length);
    run_chain(c, b->uop);
    trace_end(c, &before);
}

static void run_single(struct cpu *c)
{
    struct block *b = next_block(c, c->mode | MODE_SINGLE);
    if (b == NULL) {
        c->leave = LEAVE_EVENT;
        return;
    }
    c->code->link_from = NULL;
    c->code->link_indirect = false;
    c->limit = 0; /* no branch goes on to another block */
    put_back(c, b, 0);
    uint64_t from = lbr_linear(c, c->rip), taken = c->count.taken;
    enum branch_kind kind = (enum branch_kind)b->branch;
    c->branched = false;
    if (UNLIKELY(trace_on(c, TRACE_INSN)))
        run_traced(c, b);
    else
        run_chain(c, b->uop);
    c->branched |= c->count.taken != taken;
    if (UNLIKELY(lbr_on(c)) && c->branched)
        lbr_branch(c, from, lbr_linear(c, c->rip), kind);
    if (c->leave == LEAVE_LOOKUP)
        c->leave = LEAVE_CHECK;
}

/* Run from c->rip until the chain is left. */
static void run_block(struct cpu *c)
{
    if (UNLIKELY(c->mode & MODE_SINGLE)) {
        run_single(c);
        return;
    }
    struct block *b = next_block(c, c->mode);
    if (UNLIKELY(b == NULL)) {
        c->leave = LEAVE_EVENT;
        return;
    }
    make_links(c->code, b);
    put_back(c, b, 0);
    if (UNLIKELY(c->account.cycles > c->limit)) {
        c->code->running = true;
        if (!plan(c, b, 0)) {
            c->code->running = false;
            take_back(c, b, 0);
            run_single(c);
            return;
        }
    }
    run_chain(c, b->uop);
}

/* --- the run loop --- */

/* The limit for chains: cpu_run's, and the earliest cycle at which the
 * instruction limit can be reached (an instruction takes one at least). */
static void set_limit(struct cpu *c)
{
    /* Below what a block that must not be entered carries. */
    c->limit = c->until < BLOCK_NO_CYCLES ? c->until : BLOCK_NO_CYCLES - 1;
    if (c->instruction_limit != 0) {
        uint64_t left = c->instruction_limit - c->account.instructions;
        if (left < c->limit - c->account.cycles)
            c->limit = c->account.cycles + left;
    }
    if (UNLIKELY(c->pmc.armed) && pmc_deadline(c) < c->limit)
        c->limit = pmc_deadline(c);
    if (UNLIKELY(c->vmx_guest) && vmx_deadline(c) < c->limit)
        c->limit = vmx_deadline(c);
}

static bool instructions_done(const struct cpu *c)
{
    return c->instruction_limit != 0 &&
           c->account.instructions >= c->instruction_limit;
}

static void deliver(struct cpu *c)
{
    c->rep_active = false;
    event_deliver(c);
    c->event.valid = false;
}

/* The cycle at which an inactive core goes on without an event. */
static uint64_t wait_deadline(const struct cpu *c)
{
    uint64_t at =
        c->activity == ACTIVITY_MWAIT ? c->monitor.deadline : UINT64_MAX;
    if (c->vmx_guest && vmx_deadline(c) < at)
        at = vmx_deadline(c);
    return at;
}

/* A wait with a deadline: idle up to it or to the end of the run. */
static void pass_time(struct cpu *c, uint64_t deadline)
{
    uint64_t to = deadline < c->until ? deadline : c->until;
    if (to > c->account.cycles)
        cycles_charge(&c->account, LEAF_IDLE, to - c->account.cycles);
}

static enum cpu_stop run(struct cpu *c)
{
    for (;;) {
        c->code->link_from = NULL;
        c->code->link_indirect = false;
        if (UNLIKELY(c->unmodelled))
            return CPU_STOP_UNMODELLED;
        if (c->activity == ACTIVITY_SHUTDOWN)
            return CPU_STOP_SHUTDOWN;
        if (c->stop_requested) {
            c->stop_requested = false;
            return CPU_STOP_REQUEST;
        }
        if (UNLIKELY(debugger_attached(c)) && debugger_stops(c))
            return CPU_STOP_REQUEST;
        if (instructions_done(c))
            return CPU_STOP_INSTRUCTIONS;
        if (c->account.cycles >= c->until)
            return CPU_STOP_TIME;
        if (UNLIKELY(c->pmc.armed))
            pmc_poll(c);
        if (event_pending(c)) {
            if (event_boundary(c))
                c->rep_active = false;
            continue;
        }
        if (c->activity != ACTIVITY_RUN) {
            uint64_t deadline = wait_deadline(c);
            if (deadline == UINT64_MAX)
                return CPU_STOP_HALT;
            pass_time(c, deadline);
            continue;
        }
        if (UNLIKELY(debugger_attached(c)) && debugger_breaks(c))
            return CPU_STOP_REQUEST;
        set_limit(c);
        if (c->mode & MODE_SINGLE)
            cpu_update_single(c);
        do
            run_block(c);
        while (c->leave == LEAVE_LOOKUP && c->account.cycles < c->limit);
        if (c->leave == LEAVE_EVENT)
            deliver(c);
    }
}

enum cpu_stop cpu_run(struct cpu *c, uint64_t until)
{
    c->until = until;
    fpu_enter(c);
    enum cpu_stop why = run(c);
    fpu_leave(c);
    c->limit = 0;
    return why;
}

void cpu_shorten(struct cpu *c, uint64_t until)
{
    if (until < c->until)
        c->until = until;
    if (until < c->limit)
        c->limit = until;
}

void cpu_request_stop(struct cpu *c)
{
    c->stop_requested = true;
    c->limit = 0;
}

void cpu_set_instruction_limit(struct cpu *c, uint64_t instructions)
{
    c->instruction_limit = instructions;
    c->limit = 0;
}

/* --- device accesses --- */

static void device_before(void *self)
{
    struct cpu *c = self;
    struct codecache *k = c->code;
    if (k->running && !k->synced && c->slow_uop != NULL) {
        uop_sync(c, c->slow_uop);
        k->synced = true;
        k->device_synced = true;
    }
}

static void device_after(void *self)
{
    struct cpu *c = self;
    struct codecache *k = c->code;
    if (k->device_synced) {
        k->device_synced = false;
        k->synced = false;
        uop_unsync(c, c->slow_uop);
        engine_recheck(c, c->slow_uop);
    }
}

struct device_port engine_device_port(struct cpu *c)
{
    return (struct device_port){c, device_before, device_after};
}
