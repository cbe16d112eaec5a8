/* SPDX-License-Identifier: Apache-2.0
 * The way of a line through L1D or L1I, L2, L3 and DRAM, and its cycles.
 * Write-back, write-allocate; no level includes another. A dirty victim goes
 * to the next level and costs no time. A line written by a store is in the
 * L1D exclusive and dirty; with one core every line is exclusive. Reads of
 * an accessed or dirty flag's line count once: setting the flag is free.
 */
#include "mmu/coherence.h"
#include "mmu/model.h"

static uint32_t line_at(uint64_t pa)
{
    return (uint32_t)(pa >> LINE_SHIFT);
}

void hierarchy_to_l3(struct memsys *s, uint32_t line)
{
    if (!s->has_l3) {
        s->dram.writebacks++;
        return;
    }
    uint32_t victim = cache_write_back(&s->l3, line, LINE_DIRTY);
    if ((victim & LINE_DIRTY) != 0)
        s->dram.writebacks++;
}

static void l2_victim(struct mmu *m, uint32_t victim)
{
    if ((victim & LINE_DIRTY) != 0)
        hierarchy_to_l3(m->shared, line_of(victim));
}

/* A dirty line leaves an L1. */
static void l1_victim(struct mmu *m, uint32_t victim)
{
    if ((victim & LINE_DIRTY) == 0)
        return;
    if (m->has_l2)
        l2_victim(m, cache_write_back(&m->l2, line_of(victim),
                                      LINE_DIRTY | LINE_EXCLUSIVE));
    else
        hierarchy_to_l3(m->shared, line_of(victim));
}

static enum served from_shared(struct memsys *s, uint32_t line)
{
    if (s->has_l3) {
        uint32_t victim;
        if (cache_access(&s->l3, line, 0, &victim) != 0)
            return SERVED_L3;
        if ((victim & LINE_DIRTY) != 0)
            s->dram.writebacks++;
    }
    s->dram.reads++;
    return SERVED_DRAM;
}

/* Another core's copies, before the L3 is asked. True: one of them was
 * dirty and serves the line. */
static bool from_cores(struct mmu *m, uint32_t line, bool write,
                       uint32_t *flags)
{
    struct coherence_answer a =
        write ? coherence_take(m, line) : coherence_share(m, line);
    *flags = write || !a.copies ? LINE_EXCLUSIVE : 0;
    return a.dirty;
}

/* Get a line that the L1 lacks; *flags are those of the L1's copy. */
static enum served from_below(struct mmu *m, uint32_t line, bool write,
                              uint32_t *flags)
{
    struct memsys *s = m->shared;
    uint32_t victim = 0;
    *flags = LINE_EXCLUSIVE;
    if (m->has_l2) {
        uint32_t tag = cache_access(&m->l2, line, LINE_EXCLUSIVE, &victim);
        if (tag != 0 && (!write || (tag & LINE_EXCLUSIVE) != 0)) {
            *flags = tag & LINE_EXCLUSIVE;
            return SERVED_L2;
        }
        if (tag != 0) { /* shared: the other copies must go first */
            struct coherence_answer a = coherence_take(m, line);
            *cache_find(&m->l2, line) |= LINE_EXCLUSIVE;
            return a.copies ? SERVED_CORE : SERVED_L2;
        }
    }
    s->cached = true;
    enum served by = SERVED_CORE;
    if (s->cores == 1 || !from_cores(m, line, write, flags))
        by = from_shared(s, line);
    if (m->has_l2 && *flags == 0)
        *cache_find(&m->l2, line) &= ~(uint32_t)LINE_EXCLUSIVE;
    l2_victim(m, victim);
    return by;
}

ALWAYS_INLINE uint32_t access_l1(struct mmu *m, unsigned side, uint32_t line,
                                 bool write, enum served *by)
{
    struct side *s = &m->side[side];
    struct l1_cache *c = &s->cache;
    uint64_t now = ++*s->clock;
    s->slow_ticks++;
    c->stats.accesses++;
    uint32_t slot = l1_find(c, line), flags;
    bool lost;
    if (slot != L1_NO_SLOT) {
        *by = SERVED_L1;
        if (write && (c->tag[slot] & LINE_EXCLUSIVE) == 0 &&
            coherence_take(m, line).copies)
            *by = SERVED_CORE;
        lost = replace_touch(&c->replace, slot, now);
    } else {
        c->stats.misses++;
        if (m->shared->has_l3) {
            cache_prefetch(&m->shared->l3, line);
            if (m->has_l2)
                cache_prefetch_victim(&m->l2, line, &m->shared->l3);
        }
        slot = l1_choose(c, line);
        uint32_t victim = c->tag[slot];
        /* What the victim's end needs, while the level below looks. */
        if (side == SIDE_D)
            __builtin_prefetch(
                &m->hot->d[c->owner[slot] & (DFILTER_ENTRIES - 1)], 1);
        if (m->has_l2 && (victim & LINE_DIRTY) != 0)
            cache_prefetch(&m->l2, line_of(victim));
        *by = from_below(m, line, write, &flags);
        if (victim != 0) {
            c->stats.evictions++;
            c->stats.writebacks += (victim & LINE_DIRTY) != 0;
            filter_drop_line(m, side, slot);
            l1_victim(m, victim);
        }
        c->tag[slot] = line_tag(line) | flags;
        lost = replace_fill(&c->replace, slot, now);
    }
    if (write)
        c->tag[slot] |= LINE_DIRTY | LINE_EXCLUSIVE;
    if (UNLIKELY(lost))
        for (uint32_t k = slot - slot % c->ways, n = c->ways; n > 0; k++, n--)
            filter_drop_line(m, side, k);
    return slot;
}

/* One access to a line through an L1; *by says who served it. */
static uint32_t through_l1(struct mmu *m, unsigned side, uint32_t line,
                           bool write, enum served *by)
{
    return access_l1(m, side, line, write, by);
}

static uint32_t beyond_l1(const struct mmu *m, enum served by, uint32_t l1)
{
    uint32_t total = m->latency[by];
    if (by == SERVED_CORE || by == SERVED_UNCACHED)
        return total;
    return total > l1 ? total - l1 : 0;
}

static void charge_data(struct mmu *m, enum served by)
{
    static const enum cycle_leaf leaf[SERVED_COUNT] = {
        [SERVED_L1] = LEAF_L1D,         [SERVED_L2] = LEAF_L2,
        [SERVED_L3] = LEAF_L3,          [SERVED_DRAM] = LEAF_DRAM,
        [SERVED_CORE] = LEAF_COHERENCE, [SERVED_UNCACHED] = LEAF_UNCACHED};
    m->stats->served[SIDE_D][by]++;
    if (by != SERVED_L1)
        cycles_charge(m->account, leaf[by],
                      beyond_l1(m, by, m->side[SIDE_D].cache.latency));
}

static uint32_t uncached(struct mmu *m, bool write)
{
    if (write)
        m->stats->uncached_writes++;
    else
        m->stats->uncached_reads++;
    charge_data(m, SERVED_UNCACHED);
    return L1_NO_SLOT;
}

/* CR0.CD: a line already cached still hits, nothing new is filled. SDM Vol.3
 * "Cache Control Registers and Bits", no-fill mode. */
static bool is_no_fill(const struct mmu *m, unsigned side, uint32_t line)
{
    return (m->ctx.cr0 & CR0_CD) != 0 &&
           l1_find(&m->side[side].cache, line) == L1_NO_SLOT;
}

/* A store to write-through memory updates a line that is there, allocates
 * none and leaves it clean; the store buffer hides its time. */
static uint32_t write_through(struct mmu *m, uint32_t line)
{
    enum served by;
    m->stats->write_throughs++;
    if (l1_find(&m->side[SIDE_D].cache, line) != L1_NO_SLOT) {
        (void)through_l1(m, SIDE_D, line, false, &by);
        charge_data(m, by);
    }
    return L1_NO_SLOT;
}

/* Anything but plain write-back memory; never in the filter. */
static uint32_t special_data(struct mmu *m, const struct piece *p, bool write,
                             enum memtype type)
{
    enum served by;
    uint32_t line = line_at(p->pa);
    if (type == MEMTYPE_WT && write)
        return write_through(m, line);
    if (type == MEMTYPE_WP && write) {
        coherence_line_gone(m->shared, line);
        return uncached(m, true);
    }
    if (type != MEMTYPE_WB && type != MEMTYPE_WT && type != MEMTYPE_WP)
        return uncached(m, write);
    if (is_no_fill(m, SIDE_D, line))
        return uncached(m, write);
    (void)through_l1(m, SIDE_D, line, write, &by);
    charge_data(m, by);
    return L1_NO_SLOT;
}

uint32_t hierarchy_data(struct mmu *m, const struct piece *p, bool write)
{
    enum memtype type = piece_type(m, p->pa, p->pat);
    if (UNLIKELY(write && memory_is_rom(m->shared, p->offset)))
        write = false; /* dropped: the line stays as it is */
    if (UNLIKELY(type != MEMTYPE_WB || (m->ctx.cr0 & CR0_CD) != 0))
        return special_data(m, p, write, type);
    enum served by;
    uint32_t slot = through_l1(m, SIDE_D, line_at(p->pa), write, &by);
    charge_data(m, by);
    return slot;
}

uint32_t hierarchy_data_line(struct mmu *m, uint32_t line, bool write)
{
    enum served by;
    uint32_t slot = access_l1(m, SIDE_D, line, write, &by);
    charge_data(m, by);
    return slot;
}

uint32_t hierarchy_fetch(struct mmu *m, const struct piece *p)
{
    enum memtype type = piece_type(m, p->pa, p->pat);
    enum served by = SERVED_UNCACHED;
    uint32_t slot = L1_NO_SLOT, line = line_at(p->pa);
    if (type != MEMTYPE_UC && type != MEMTYPE_WC &&
        !is_no_fill(m, SIDE_I, line))
        slot = through_l1(m, SIDE_I, line, false, &by);
    m->stats->served[SIDE_I][by]++;
    enum cycle_leaf leaf = LEAF_IFETCH;
    if (by == SERVED_CORE)
        leaf = LEAF_COHERENCE;
    if (by == SERVED_UNCACHED)
        leaf = LEAF_UNCACHED;
    if (by != SERVED_L1)
        cycles_charge(m->account, leaf,
                      beyond_l1(m, by, m->side[SIDE_I].cache.latency));
    return slot;
}

uint32_t hierarchy_walk(struct mmu *m, uint64_t pa, enum memtype type,
                        enum served *by)
{
    uint32_t line = line_at(pa), flags;
    if (memory_offset(m->shared, pa) == MEMORY_NONE || type == MEMTYPE_UC ||
        type == MEMTYPE_WC || is_no_fill(m, SIDE_D, line))
        *by = SERVED_UNCACHED;
    else if (m->config.walk_through_l1d)
        (void)through_l1(m, SIDE_D, line, false, by);
    else
        *by = from_below(m, line, false, &flags);
    return m->latency[*by];
}

void hierarchy_walk_store(struct mmu *m, uint64_t pa)
{
    uint32_t line = line_at(pa);
    struct l1_cache *c = &m->side[SIDE_D].cache;
    uint32_t slot = l1_find(c, line);
    uint32_t *tag = slot != L1_NO_SLOT ? &c->tag[slot] : NULL;
    if (tag == NULL && m->has_l2)
        tag = cache_find(&m->l2, line);
    if (m->shared->cores > 1)
        (void)coherence_take(m, line);
    if (tag != NULL)
        *tag |= LINE_DIRTY | LINE_EXCLUSIVE;
}

void hierarchy_prefetch(struct mmu *m, const struct piece *p, bool write)
{
    enum served by;
    uint32_t line = line_at(p->pa);
    if (piece_type(m, p->pa, p->pat) != MEMTYPE_WB ||
        is_no_fill(m, SIDE_D, line))
        return;
    /* PREFETCHW makes the line exclusive, not dirty; with one core that is
     * what a read does. */
    uint32_t slot = through_l1(m, SIDE_D, line, false, &by);
    uint32_t *tag = &m->side[SIDE_D].cache.tag[slot];
    if (write && (*tag & LINE_EXCLUSIVE) == 0) {
        (void)coherence_take(m, line);
        *tag |= LINE_EXCLUSIVE;
    }
}

static uint32_t drop_l1(struct mmu *m, unsigned side, uint32_t line)
{
    struct l1_cache *c = &m->side[side].cache;
    uint32_t slot = l1_find(c, line);
    if (slot == L1_NO_SLOT)
        return 0;
    uint32_t tag = c->tag[slot];
    filter_drop_line(m, side, slot);
    c->tag[slot] = 0;
    c->stats.invalidations++;
    replace_drop(&c->replace, slot);
    return tag;
}

uint32_t hierarchy_drop(struct mmu *m, uint32_t line)
{
    uint32_t tags = drop_l1(m, SIDE_D, line) | drop_l1(m, SIDE_I, line);
    if (m->has_l2)
        tags |= cache_drop(&m->l2, line);
    return tags;
}

void hierarchy_drop_fetch(struct mmu *m, uint64_t pa)
{
    (void)drop_l1(m, SIDE_I, line_at(pa));
}

uint32_t hierarchy_downgrade(struct mmu *m, uint32_t line)
{
    struct l1_cache *c = &m->side[SIDE_D].cache;
    uint32_t slot = l1_find(c, line), tags = 0;
    if (slot != L1_NO_SLOT) {
        tags |= c->tag[slot];
        c->tag[slot] &= ~(uint32_t)LINE_FLAGS;
        filter_drop_line(m, SIDE_D, slot);
    }
    slot = l1_find(&m->side[SIDE_I].cache, line);
    if (slot != L1_NO_SLOT) {
        tags |= m->side[SIDE_I].cache.tag[slot];
        m->side[SIDE_I].cache.tag[slot] &= ~(uint32_t)LINE_FLAGS;
    }
    uint32_t *tag = m->has_l2 ? cache_find(&m->l2, line) : NULL;
    if (tag != NULL) {
        tags |= *tag;
        *tag &= ~(uint32_t)LINE_FLAGS;
    }
    return tags;
}

uint32_t hierarchy_clean(struct mmu *m, uint32_t line)
{
    struct l1_cache *c = &m->side[SIDE_D].cache;
    uint32_t slot = l1_find(c, line), tags = 0;
    if (slot != L1_NO_SLOT) {
        tags |= c->tag[slot];
        c->tag[slot] &= ~(uint32_t)LINE_DIRTY;
        filter_drop_line(m, SIDE_D, slot); /* a store must mark it again */
    }
    uint32_t *tag = m->has_l2 ? cache_find(&m->l2, line) : NULL;
    if (tag != NULL) {
        tags |= *tag;
        *tag &= ~(uint32_t)LINE_DIRTY;
    }
    return tags;
}

void hierarchy_clear(struct mmu *m)
{
    for (unsigned k = 0; k < SIDES; k++) {
        struct l1_cache *c = &m->side[k].cache;
        for (uint32_t slot = 0; slot < c->slots; slot++) {
            if (c->tag[slot] == 0)
                continue;
            filter_drop_line(m, k, slot);
            l1_victim(m, c->tag[slot]);
            c->stats.writebacks += (c->tag[slot] & LINE_DIRTY) != 0;
            c->tag[slot] = 0;
            replace_drop(&c->replace, slot);
        }
    }
    if (m->has_l2) {
        uint64_t dirty = cache_clear(&m->l2);
        m->l2.stats.writebacks += dirty;
        m->shared->dram.writebacks += dirty;
    }
    if (m->shared->has_l3) {
        uint64_t dirty = cache_clear(&m->shared->l3);
        m->shared->l3.stats.writebacks += dirty;
        m->shared->dram.writebacks += dirty;
    }
}

uint64_t hierarchy_worst(const struct mmu *m)
{
    uint64_t worst = 0;
    for (unsigned k = 0; k < SERVED_COUNT; k++)
        worst = m->latency[k] > worst ? m->latency[k] : worst;
    return worst;
}
