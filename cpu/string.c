/* SPDX-License-Identifier: Apache-2.0
 * MOVS, STOS, LODS, CMPS, SCAS and their repetition. SDM Vol.2 "REP/REPE/
 * REPZ/REPNE/REPNZ", Vol.1 "String Operations".
 *
 * A repeated instruction commits after each iteration: a fault or a stop
 * leaves RCX, RSI and RDI as they are between two iterations and RIP on the
 * instruction. Iterations whose lines (timing off: pages) the filter knows
 * are done in one go; counts, stamps and time are those of doing them one by
 * one. Time: COST_STRING_START once, then the class of the operation an
 * iteration; a fast string (MOVS and STOS upwards in flat segments) is
 * charged a line at a time, by the iteration whose element begins in another
 * line of the destination. With timing off one cycle an iteration, so that
 * time passes in the longest of them.
 */
#include "cpu/block.h"
#include "cpu/ctl.h"
#include "cpu/debug.h"
#include "cpu/exec_ctl.h"
#include "cpu/flags.h"
#include "cpu/mem.h"
#include "cpu/plant.h"

enum operation { OP_MOVS, OP_STOS, OP_LODS, OP_CMPS, OP_SCAS };

struct string {
    struct cpu *c;
    const struct uop *u;
    enum operation op;
    unsigned size, lg; /* of an element */
    unsigned address;  /* log2 of the address size */
    uint64_t mask;     /* of addresses */
    int64_t step;      /* bytes to the next element */
    bool rep, repe, repne;
    bool timed, bulk; /* bulk: linear addresses are contiguous */
    uint64_t count;   /* iterations left */
    uint64_t own;     /* cycles charged at the block's entry */
    uint64_t cost;    /* cycles an iteration; 0: by lines */
    uint64_t line;    /* cycles a line of a fast string */
    uint64_t a, b;    /* last elements compared */
};

static void put_register(struct string *s, unsigned reg, uint64_t v)
{
    if (s->address == 3)
        s->c->gpr[reg] = v;
    else if (s->address == 2)
        reg_set32(s->c, reg * 8, (uint32_t)v);
    else
        REG(uint16_t, s->c, reg * 8) = (uint16_t)v;
}

static void advance(struct string *s, unsigned reg, uint64_t n)
{
    put_register(s, reg, s->c->gpr[reg] + (uint64_t)s->step * n);
}

/* Linear address of the element that register `reg` points at. */
static bool address_of(struct string *s, unsigned reg, bool write,
                       uint64_t *lin)
{
    unsigned seg = reg == REG_RDI ? (unsigned)SEG_ES : s->u->seg;
    return mem_linear(s->c, seg, s->c->gpr[reg] & s->mask, s->size, write, lin);
}

static const uint8_t *hit_read(struct string *s, uint64_t lin)
{
    return s->timed ? mmu_hit_read(&s->c->hot, lin, s->size)
                    : mmu_page_read(&s->c->hot, lin, s->size);
}

static uint8_t *hit_write(struct string *s, uint64_t lin)
{
    return s->timed ? mmu_hit_write(&s->c->hot, lin, s->size)
                    : mmu_page_write(&s->c->hot, lin, s->size);
}

static uint64_t get(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, p, size);
    return v;
}

/* One element, the short way when alignment cannot matter. */
static bool load(struct string *s, uint64_t lin, uint64_t *v)
{
    const uint8_t *p = NULL;
    if (!(s->c->mode & MODE_AC))
        p = hit_read(s, lin);
    if (p != NULL) {
        *v = get(p, s->size);
        return true;
    }
    if (!mem_aligned(s->c, lin, s->size) ||
        !mem_load_slow(s->c, s->u, lin, s->size, false))
        return false;
    *v = s->c->slow.u64[0];
    return true;
}

static bool store(struct string *s, uint64_t lin, uint64_t v)
{
    uint8_t *p = NULL;
    if (!(s->c->mode & MODE_AC))
        p = hit_write(s, lin);
    if (p != NULL) {
        memcpy(p, &v, s->size);
        return true;
    }
    s->c->slow.u64[0] = v;
    return mem_aligned(s->c, lin, s->size) &&
           mem_store_slow(s->c, s->u, lin, s->size, false);
}

/* Cycles until the limit, this instruction's own charge aside. */
static uint64_t time_left(const struct string *s)
{
    uint64_t now = s->c->account.cycles - s->own;
    return s->c->limit > now ? s->c->limit - now : 0;
}

/* --- in one go --- */

/* Elements from lin on, in the direction of DF, in its line or page. */
static uint64_t span(const struct string *s, uint64_t lin)
{
    uint64_t granule = s->timed ? LINE_SIZE : PAGE_SIZE;
    uint64_t at = lin & (granule - 1);
    if (at + s->size > granule)
        return 0;
    return s->step > 0 ? (granule - at) / s->size : at / s->size + 1;
}

/* Iterations that fit before the first boundary at or past the limit. */
static uint64_t most(const struct string *s, uint64_t n)
{
    n = n < s->count ? n : s->count;
    if (s->cost != 0) { /* a line costs the same however it is cut */
        uint64_t fit = (time_left(s) + s->cost - 1) / s->cost;
        n = n < fit ? n : fit;
    }
    return n == 0 ? 1 : n;
}

/* memmove where it means the same as element by element. */
static void copy(const struct string *s, uint8_t *to, const uint8_t *from,
                 uint64_t n)
{
    uint64_t bytes = n * s->size, back = bytes - s->size;
    if (s->step < 0) {
        to -= back;
        from -= back;
    }
    uintptr_t t = (uintptr_t)to, f = (uintptr_t)from;
    bool apart = t + bytes <= f || f + bytes <= t;
    if (apart || t == f || (t < f) == (s->step > 0)) {
        memmove(to, from, bytes);
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = s->step > 0 ? i * s->size : back - i * s->size;
        uint64_t v = get(from + at, s->size);
        memcpy(to + at, &v, s->size);
    }
}

static void fill(const struct string *s, uint8_t *to, uint64_t v, uint64_t n)
{
    if (s->step < 0)
        to -= (n - 1) * s->size;
    if (s->size == 1) {
        memset(to, (int)v, n);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        memcpy(to + i * s->size, &v, s->size);
}

/* MOVS over elements that the filter knows; 0: it does not know them. On 0
 * *value holds the source element when *loaded. */
static uint64_t bulk_movs(struct string *s, uint64_t src, uint64_t dst,
                          uint64_t *value, bool *loaded)
{
    uint64_t in = span(s, src), out = span(s, dst);
    uint64_t n = most(s, in < out ? in : out);
    const uint8_t *from = hit_read(s, src);
    if (from == NULL)
        return 0;
    *value = get(from, s->size);
    *loaded = true;
    uint8_t *to = hit_write(s, dst);
    if (to == NULL)
        return 0;
    if (s->timed && n > 1) { /* the stamps of the last of n pairs */
        s->c->hot.dclock += 2 * (n - 2);
        (void)hit_read(s, src);
        (void)hit_write(s, dst);
    }
    copy(s, to, from, n);
    return n;
}

static uint64_t bulk_stos(struct string *s, uint64_t dst)
{
    uint64_t n = most(s, span(s, dst));
    uint8_t *to = hit_write(s, dst);
    if (to == NULL)
        return 0;
    if (s->timed && n > 1) {
        s->c->hot.dclock += n - 2;
        (void)hit_write(s, dst);
    }
    fill(s, to, s->c->gpr[REG_RAX], n);
    return n;
}

/* --- one step: 0 on a fault, else the iterations done --- */

static uint64_t do_movs(struct string *s)
{
    uint64_t src, dst, v, n = 0;
    bool loaded = false;
    if (!address_of(s, REG_RSI, false, &src) ||
        (!s->bulk && !address_of(s, REG_RDI, true, &dst)))
        return 0;
    if (s->bulk) {
        (void)address_of(s, REG_RDI, true, &dst);
        n = bulk_movs(s, src, dst, &v, &loaded);
    }
    if (n == 0) {
        if ((!loaded && !load(s, src, &v)) || !store(s, dst, v))
            return 0;
        n = 1;
    }
    advance(s, REG_RSI, n);
    advance(s, REG_RDI, n);
    return n;
}

static uint64_t do_stos(struct string *s)
{
    uint64_t dst, n;
    if (!address_of(s, REG_RDI, true, &dst))
        return 0;
    n = s->bulk ? bulk_stos(s, dst) : 0;
    if (n == 0) {
        if (!store(s, dst, s->c->gpr[REG_RAX]))
            return 0;
        n = 1;
    }
    advance(s, REG_RDI, n);
    return n;
}

static uint64_t do_lods(struct string *s)
{
    uint64_t src, v;
    if (!address_of(s, REG_RSI, false, &src) || !load(s, src, &v))
        return 0;
    if (s->lg == 2)
        reg_set32(s->c, REG_RAX * 8, (uint32_t)v);
    else
        memcpy(&s->c->gpr[REG_RAX], &v, s->size);
    advance(s, REG_RSI, 1);
    return 1;
}

static uint64_t do_cmps(struct string *s)
{
    uint64_t src, dst;
    if (!address_of(s, REG_RSI, false, &src) || !load(s, src, &s->a) ||
        !address_of(s, REG_RDI, false, &dst) || !load(s, dst, &s->b))
        return 0;
    advance(s, REG_RSI, 1);
    advance(s, REG_RDI, 1);
    return 1;
}

static uint64_t do_scas(struct string *s)
{
    uint64_t dst;
    s->a = s->c->gpr[REG_RAX] & bits_mask(8 * s->size);
    if (!address_of(s, REG_RDI, false, &dst) || !load(s, dst, &s->b))
        return 0;
    advance(s, REG_RDI, 1);
    return 1;
}

static uint64_t iterate(struct string *s)
{
    switch (s->op) {
    case OP_MOVS: return do_movs(s);
    case OP_STOS: return do_stos(s);
    case OP_LODS: return do_lods(s);
    case OP_CMPS: return do_cmps(s);
    case OP_SCAS: return do_scas(s);
    }
    return 0;
}

/* --- repetition --- */

static bool compares(const struct string *s)
{
    return s->op == OP_CMPS || s->op == OP_SCAS;
}

/* CMPS and SCAS: flags of the last comparison. They appear only when the
 * instruction ends; in the middle the old ones stay, as the manual wants for
 * a page fault. */
static void set_flags(struct string *s)
{
    struct cpu *c = s->c;
    c->cc_res = (s->a - s->b) & bits_mask(8 * s->size);
    c->cc_src = s->b;
    c->cc_op = CC_OP(CC_SUB, s->lg);
}

static void count_accesses(const struct string *s, uint64_t n)
{
    struct cpu_counters *k = &s->c->count;
    k->loads += s->op == OP_CMPS ? 2 * n : s->op == OP_STOS ? 0 : n;
    k->stores += s->op == OP_MOVS || s->op == OP_STOS ? n : 0;
}

/* The REP ended before its count: nothing more to compare. */
static bool decided(const struct string *s)
{
    return compares(s) &&
           ((s->repe && s->a != s->b) || (s->repne && s->a == s->b));
}

static enum step again(struct string *s)
{
    s->c->rep_active = true; /* with TF set, a trap is due: event.c */
    return STEP_AGAIN;
}

/* Cycles of n iterations, none but the first beginning a line; the
 * destination was at `at`. */
static uint64_t iteration_cycles(const struct string *s, uint64_t at,
                                 uint64_t n)
{
    if (s->cost != 0)
        return s->cost * n;
    return at % LINE_SIZE < s->size ? s->line : 0;
}

static enum step repeat(struct string *s)
{
    struct cpu *c = s->c;
    if (!c->rep_active && s->timed)
        cycles_charge(&c->account, LEAF_BASE,
                      c->config.cost.cycles[COST_STRING_START]);
    c->rep_active = false;
    s->count = c->gpr[REG_RCX] & s->mask;
    if (s->count == 0) {
        /* The counter is not written: no zero-extension of ECX. */
        if (PLANTED(c, PLANT_REP_COUNT32))
            put_register(s, REG_RCX, 0);
        return STEP_NEXT;
    }
    for (;;) {
        uint64_t at = c->gpr[REG_RDI], n = iterate(s);
        if (n == 0)
            return STEP_FAULT;
        s->count -= n;
        put_register(s, REG_RCX, s->count);
        cycles_charge(&c->account, LEAF_BASE, iteration_cycles(s, at, n));
        count_accesses(s, n);
        if (s->count == 0 || decided(s))
            break;
        if (time_left(s) == 0 || (c->eflags & FLAG_TF))
            return again(s);
    }
    if (compares(s))
        set_flags(s);
    return STEP_NEXT;
}

static bool contiguous(const struct string *s)
{
    const struct cpu *c = s->c;
    unsigned seg = s->u->seg;
    if ((c->mode & MODE_AC) || (c->eflags & FLAG_TF)) /* a trap each time */
        return false;
    if (c->mode & MODE_LONG)
        return s->address == 3 || (seg != SEG_FS && seg != SEG_GS);
    return (c->mode & MODE_FLAT) && seg != SEG_FS && seg != SEG_GS;
}

/* What repetition costs. */
static void set_costs(struct string *s)
{
    static const uint8_t each[] = {
        [OP_MOVS] = COST_STRING,   [OP_STOS] = COST_STRING,
        [OP_LODS] = COST_REP_LODS, [OP_CMPS] = COST_REP_CMPS,
        [OP_SCAS] = COST_REP_SCAS,
    };
    const uint32_t *cycles = s->c->config.cost.cycles;
    s->cost = 1;
    if (!s->timed)
        return;
    s->cost = cycles[each[s->op]];
    if (s->bulk && s->step > 0 && (s->op == OP_MOVS || s->op == OP_STOS)) {
        s->cost = 0;
        s->line =
            cycles[s->op == OP_MOVS ? COST_REP_MOVS_LINE : COST_REP_STOS_LINE];
    }
}

static enum step run(struct cpu *c, const struct uop *u, enum operation op)
{
    struct string s = {.c = c, .u = u, .op = op};
    s.lg = u->aux & STRING_LG;
    s.size = 1u << s.lg;
    s.address = (u->aux >> STRING_ADDRESS_SHIFT) & 3;
    s.mask = bits_mask(8u << s.address);
    s.step = c->eflags & FLAG_DF ? -(int64_t)s.size : (int64_t)s.size;
    s.repne = (u->aux & STRING_REPNE) != 0;
    s.repe = (u->aux & STRING_REP) != 0;
    s.rep = s.repe || s.repne;
    s.timed = c->config.timing != TIMING_OFF;
    s.own = engine_insn_cycles(u);
    s.bulk = s.rep && contiguous(&s);
    set_costs(&s);
    if (s.rep)
        return repeat(&s);
    s.count = 1;
    if (iterate(&s) == 0)
        return STEP_FAULT;
    count_accesses(&s, 1);
    if (compares(&s))
        set_flags(&s);
    return STEP_NEXT;
}

enum step string_movs(struct cpu *c, const struct uop *u)
{
    return run(c, u, OP_MOVS);
}

enum step string_stos(struct cpu *c, const struct uop *u)
{
    return run(c, u, OP_STOS);
}

enum step string_lods(struct cpu *c, const struct uop *u)
{
    return run(c, u, OP_LODS);
}

enum step string_cmps(struct cpu *c, const struct uop *u)
{
    return run(c, u, OP_CMPS);
}

enum step string_scas(struct cpu *c, const struct uop *u)
{
    return run(c, u, OP_SCAS);
}
