/* SPDX-License-Identifier: Apache-2.0
 * Linear to physical: L1 TLB, second level, paging-structure caches, walk.
 * Source: SDM Vol.3 "Access Rights", "Caching Translation Information".
 *
 * An L1 or second-level entry that holds the page but not the right, or not
 * the dirty flag that a store needs, makes the processor walk again (an
 * assist) instead of faulting on what may be stale; such an access is a hit
 * of the TLB. A page fault drops the entries of its page.
 */
#include "mmu/walker.h"

bool translate_allowed(const struct mmu *m, unsigned rights, unsigned key,
                       unsigned access)
{
    if (UNLIKELY(translate_key_stops(m, rights, key, access)))
        return false;
    bool user = m->ctx.cpl == 3 && (access & MMU_SYSTEM) == 0;
    bool write = access_writes(access);
    if ((access & MMU_KIND) == MMU_FETCH) {
        if ((rights & PT_X) == 0)
            return false;
        if (user)
            return (rights & PT_U) != 0;
        bool smep = m->smep;
        if (MMU_PLANTED(m, MMU_PLANT_SMEP) && m->ctx.cpl != 0)
            smep = false;
        return !smep || (rights & PT_U) == 0;
    }
    if (user)
        return (rights & PT_U) != 0 && (!write || (rights & PT_W) != 0);
    /* EFLAGS.AC opens user pages to explicit accesses only. */
    bool open = m->ctx.ac && (access & MMU_SYSTEM) == 0;
    if (MMU_PLANTED(m, MMU_PLANT_SMAP_AC))
        open = false;
    if (m->smap && (rights & PT_U) != 0 && !open)
        return false;
    bool wp = m->wp && !MMU_PLANTED(m, MMU_PLANT_WP);
    return !write || !wp || (rights & PT_W) != 0;
}

void translate_fold(struct mmu *m)
{
    for (unsigned k = 0; k < SIDES; k++) {
        struct side *s = &m->side[k];
        uint64_t hits = *s->clock - s->slow_ticks - s->folded;
        s->folded += hits;
        s->cache.stats.accesses += hits;
        m->stats->served[k][SERVED_L1] += hits;
        if (m->translating)
            s->stats->accesses += hits;
    }
}

static void unpaged(struct mmu *m, struct piece *p)
{
    p->pa = p->lin & bits_mask(32) & m->lines;
    p->rights = PT_R | PT_W | PT_X;
    p->ept = PT_R | PT_W | PT_U | PT_X;
    p->dirty = true;
    p->pat = MEMTYPE_WB; /* the MTRRs alone decide */
    p->key = 0;
    p->tlb_slot = TLB_NO_SLOT;
    p->offset = memory_offset(m->shared, p->pa);
}

bool translate_serves(const struct mmu *m, const struct tlb_entry *e,
                      unsigned access)
{
    return translate_allowed(m, e->rights, e->key, access) &&
           ept_permits(e->flags >> TLB_EPT_SHIFT, e->rights, access) &&
           (!access_writes(access) || (e->flags & TLB_DIRTY) != 0);
}

static void take(struct mmu *m, const struct tlb_entry *e, unsigned class,
                 struct piece *p)
{
    p->pa =
        (e->base | (p->lin & bits_mask(page_class_shift(class)))) & m->lines;
    p->rights = e->rights;
    p->pat = e->pat;
    p->key = e->key;
    p->ept = e->flags >> TLB_EPT_SHIFT;
    p->dirty = (e->flags & TLB_DIRTY) != 0;
    p->offset = memory_offset(m->shared, p->pa);
}

static uint32_t find_in(const struct mmu *m, const struct tlb *t, uint64_t lin,
                        unsigned class)
{
    if (t->live_class[class] == 0)
        return TLB_NONE;
    uint64_t page = page_number(lin, class);
    uint32_t slot = tlb_find(t, page, tlb_tag(page, class, m->here));
    if (slot == TLB_NONE && m->globals != 0)
        slot = tlb_find(t, page, tlb_tag(page, class, m->global));
    return slot;
}

struct tlb *translate_second_level(const struct mmu *m, const struct side *s,
                                   unsigned class)
{
    if (class == PAGES_1G)
        return s->l2_1g->entries != 0 ? s->l2_1g : NULL;
    if (class == PAGES_2M && !m->config.stlb_2m_shared)
        return NULL;
    return s->l2->entries != 0 ? s->l2 : NULL;
}

/* --- filling --- */

/* The table of page records is full: take a larger one, or forget what is
 * in no TLB. Entries then get their records anew. */
static void renew_records(struct mmu *m)
{
    struct page_records next;
    if (!page_records_next(&m->records, &next))
        sim_assert_failed("memory for page records", __FILE__, __LINE__);
    bool keep = next.slots > m->records.slots;
    uint32_t index;
    for (uint32_t k = 0; keep && k < m->records.slots; k++) {
        const struct page_record *old = &m->records.at[k];
        if (old->key != 0 && page_record_get(&next, old->key, &index))
            memcpy(page_record_left(&next, index), old->left, sizeof old->left);
    }
    struct tlb *all[] = {&m->side[SIDE_D].l1[0],
                         &m->side[SIDE_D].l1[1],
                         &m->side[SIDE_D].l1[2],
                         &m->side[SIDE_I].l1[0],
                         &m->side[SIDE_I].l1[1],
                         &m->side[SIDE_I].l1[2],
                         &m->stlb,
                         &m->stlb_i,
                         &m->stlb_1g};
    for (size_t a = 0; a < sizeof all / sizeof *all; a++) {
        for (uint32_t k = 0; k < all[a]->entries; k++) {
            if (all[a]->tag[k] == 0 ||
                !page_record_get(&next, all[a]->tag[k], &index))
                continue;
            all[a]->entry[k].record = index;
            page_record_left(&next, index)[all[a]->kind] = LEFT_PRESENT;
        }
    }
    page_records_free(&m->records);
    m->records = next;
}

static uint32_t record_of(struct mmu *m, uint64_t tag)
{
    uint32_t index;
    while (!page_record_get(&m->records, tag, &index))
        renew_records(m);
    return index;
}

/* Count the cause of a miss of `t` (NULL: nothing holds such pages there). */
static void count_cause(struct mmu *m, const struct tlb *t, unsigned kind,
                        struct tlb_stats *s, uint32_t record, uint64_t tag)
{
    unsigned left = page_record_left(&m->records, record)[kind];
    if (left == LEFT_PRESENT) /* replaced by another size or assist */
        left = LEFT_EVICTED;
    bool near = t != NULL && t->shadow != NULL && shadow_holds(t->shadow, tag);
    miss_cause_count(s, left, near);
}

static uint32_t insert(struct mmu *m, unsigned side, struct tlb *t,
                       uint64_t tag, const struct tlb_entry *e,
                       const struct tlb_origin *o, uint64_t now)
{
    uint64_t page = tag >> 19;
    uint8_t *left = page_record_left(&m->records, e->record);
    if (t->shadow != NULL)
        (void)shadow_access(t->shadow, tag);
    uint32_t slot = tlb_choose(t, page);
    if (t->tag[slot] != 0)
        flush_slot(m, t, slot, LEFT_EVICTED);
    t->tag[slot] = tag;
    t->entry[slot] = *e;
    if (UNLIKELY(o != NULL))
        t->origin[slot] = *o;
    if (UNLIKELY(m->oracle != NULL))
        t->trail[slot] = *m->trail;
    t->live++;
    t->live_class[tlb_tag_class(tag)]++;
    m->globals += m->spaces.name[tlb_tag_space(tag)].pcid == SPACE_GLOBAL;
    left[t->kind] = LEFT_PRESENT;
    bool lost = replace_fill(&t->replace, slot, now);
    if (lost && (t->kind == KIND_DTLB || t->kind == KIND_ITLB)) {
        uint32_t first = slot - slot % t->ways;
        for (uint32_t k = 0; k < t->ways; k++)
            filter_drop_translation(m, side, t->first_slot + first + k);
    }
    return slot;
}

static void insert_l1(struct mmu *m, unsigned side, unsigned class,
                      uint64_t tag, const struct tlb_entry *e,
                      const struct tlb_origin *o, struct piece *p)
{
    struct side *s = &m->side[side];
    struct tlb *t = &s->l1[class];
    if (t->entries == 0) {
        /* The page cannot stay: the next access misses for want of room. */
        unsigned kind = side == SIDE_D ? KIND_DTLB : KIND_ITLB;
        page_record_left(&m->records, e->record)[kind] = LEFT_EVICTED;
        p->tlb_slot = TLB_NONE;
        return;
    }
    if (side == SIDE_D)
        fast_forget(m, p->lin, class);
    p->tlb_slot = t->first_slot + insert(m, side, t, tag, e, o, *s->clock);
}

/* --- lookups --- */

enum found { FOUND_NOT, FOUND_SERVES, FOUND_LACKS };

static enum found look_l1(struct mmu *m, unsigned side, unsigned access,
                          struct piece *p)
{
    struct side *s = &m->side[side];
    for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
        struct tlb *t = &s->l1[class];
        uint32_t slot = find_in(m, t, p->lin, class);
        if (slot == TLB_NONE)
            continue;
        if (t->shadow != NULL)
            (void)shadow_access(t->shadow, t->tag[slot]);
        if (replace_touch(&t->replace, slot, *s->clock)) {
            uint32_t first = t->first_slot + slot - slot % t->ways;
            for (uint32_t k = 0; k < t->ways; k++)
                filter_drop_translation(m, side, first + k);
        }
        if (!translate_serves(m, &t->entry[slot], access))
            return FOUND_LACKS;
        take(m, &t->entry[slot], class, p);
        p->tlb_slot = t->first_slot + slot;
        return FOUND_SERVES;
    }
    return FOUND_NOT;
}

/* An L1 miss that the second level serves goes into the L1. */
static enum found look_l2(struct mmu *m, unsigned side, unsigned access,
                          struct piece *p)
{
    struct side *s = &m->side[side];
    for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
        struct tlb *t = translate_second_level(m, s, class);
        if (t == NULL)
            continue;
        uint32_t slot = find_in(m, t, p->lin, class);
        if (slot == TLB_NONE)
            continue;
        struct tlb_entry e = t->entry[slot];
        uint64_t tag = t->tag[slot];
        const struct tlb_origin *o = m->ept ? &t->origin[slot] : NULL;
        m->trail = t->trail != NULL ? &t->trail[slot] : NULL;
        hierarchy_hint(m,
                       e.base | (p->lin & bits_mask(page_class_shift(class))));
        if (t->shadow != NULL)
            (void)shadow_access(t->shadow, tag);
        (void)replace_touch(&t->replace, slot, ++m->clock); /* no filter */
        unsigned kind = side == SIDE_D ? KIND_DTLB : KIND_ITLB;
        count_cause(m, &s->l1[class], kind, s->stats, e.record, tag);
        cycles_charge(m->account, s->leaf_stlb, m->config.stlb_latency);
        if (!translate_serves(m, &e, access))
            return FOUND_LACKS;
        take(m, &e, class, p);
        insert_l1(m, side, class, tag, &e, o, p);
        return FOUND_SERVES;
    }
    return FOUND_NOT;
}

/* --- the timed walk --- */

/* What a walk that stopped leaves behind. */
static bool walk_stopped(struct mmu *m, uint64_t lin, bool by_ept)
{
    if (!by_ept) {
        m->stats->walk.faults++;
        flush_fault(m, lin);
    } else if (m->fault.kind == MMU_FAULT_EPT_VIOLATION) {
        flush_violation(m, lin);
    }
    return false;
}

/* Counters of walks by the kind of access. */
static struct walk_kind *walks_of(struct mmu *m, unsigned side, unsigned access)
{
    unsigned kind = side == SIDE_I          ? MMU_FETCH
                    : access_writes(access) ? MMU_WRITE
                                            : MMU_READ;
    return &m->stats->walk.by[kind];
}

static void charge_walk(struct mmu *m, unsigned side, struct walker *w)
{
    const struct side *s = &m->side[side];
    uint64_t guest = w->cycles[DIMENSION_GUEST];
    uint64_t ept = w->cycles[DIMENSION_EPT];
    m->stats->walk.cycles[side] += guest + ept;
    m->stats->walk.cycles_ept[side] += ept;
    walks_of(m, side, w->access)->cycles += guest + ept;
    cycles_charge(m->account, s->leaf_walk, guest);
    if (ept != 0)
        cycles_charge(m->account, s->leaf_walk_ept, ept);
}

static void set_origin(const struct walker *w, struct tlb_origin *o,
                       unsigned class)
{
    o->gpa = w->gpa & ~bits_mask(page_class_shift(class));
    o->pages = w->pages;
    o->ept_class = w->page.class;
    o->pat = w->pat;
}

static void tell_walk(const struct mmu *m, const struct walker *w, bool good)
{
    uint64_t host = m->ept ? w->page.host | (w->gpa & (PAGE_SIZE - 1)) : w->gpa;
    m->watch.walked(m->watch.self, w->lin, w->access,
                    w->cycles[DIMENSION_GUEST] + w->cycles[DIMENSION_EPT], good,
                    good ? host : 0);
}

/* Walk, and put the result in both levels. `counted`: the L1 or also the L2
 * missed, so causes are due. */
static bool walk_and_fill(struct mmu *m, unsigned side, unsigned access,
                          struct piece *p, bool l1_missed, bool l2_missed)
{
    struct side *s = &m->side[side];
    struct walker w;
    struct trail trail;
    walker_init(&w, m, p, access, true);
    m->stats->walk.count[side]++;
    if (UNLIKELY(m->oracle != NULL))
        m->trail = w.trail = &trail;
    bool good = walker_walk(&w);
    if (UNLIKELY(m->oracle != NULL) && oracle_walked(&w, good))
        good = walker_walk(&w);
    charge_walk(m, side, &w);
    if (UNLIKELY(m->watch.walked != NULL))
        tell_walk(m, &w, good);
    if (!good) {
        s->stats->fault += l1_missed;
        s->l2_stats->fault += l2_missed;
        return walk_stopped(m, p->lin, w.stopped);
    }
    walker_fill_psc(&w);
    struct tlb_entry e;
    uint64_t tag;
    unsigned class = walker_entry(&w, &e, &tag);
    m->stats->walk.completed[class]++;
    walks_of(m, side, access)->completed[class]++;
    e.record = record_of(m, tag);
    struct tlb *l1 = &s->l1[class], *l2 = translate_second_level(m, s, class);
    unsigned kind = side == SIDE_D ? KIND_DTLB : KIND_ITLB;
    unsigned kind2 = s->l2 == &m->stlb_i ? KIND_STLB_I : KIND_STLB;
    if (l1_missed)
        count_cause(m, l1, kind, s->stats, e.record, tag);
    if (l2_missed)
        count_cause(m, l2, kind2, s->l2_stats, e.record, tag);
    if (!l2_missed) /* an assist replaces what there was */
        flush_page_side(m, side, p->lin, m->here, m->global, LEFT_EVICTED);
    struct tlb_origin origin;
    if (m->ept)
        set_origin(&w, &origin, class);
    const struct tlb_origin *o = m->ept ? &origin : NULL;
    if (l2 != NULL)
        (void)insert(m, side, l2, tag, &e, o, ++m->clock);
    else
        page_record_left(&m->records, e.record)[kind2] = LEFT_EVICTED;
    insert_l1(m, side, class, tag, &e, o, p);
    take(m, &e, class, p);
    return true;
}

static bool translate_timed(struct mmu *m, unsigned side, unsigned access,
                            struct piece *p)
{
    struct side *s = &m->side[side];
    if (UNLIKELY(m->oracle != NULL))
        oracle_use(m, side, access, p);
    s->stats->accesses++;
    ++*s->clock;
    s->slow_ticks++;
    enum found found = look_l1(m, side, access, p);
    if (LIKELY(found == FOUND_SERVES))
        return true;
    if (found == FOUND_LACKS) {
        m->stats->walk.assists++;
        return walk_and_fill(m, side, access, p, false, false);
    }
    s->stats->misses++;
    if (access_writes(access))
        s->stats->store_misses++;
    else
        s->stats->load_misses++;
    s->l2_stats->accesses++;
    found = look_l2(m, side, access, p);
    if (found == FOUND_NOT) {
        s->l2_stats->misses++;
        m->stats->stlb_misses[side]++;
        walks_of(m, side, access)->misses++;
        return walk_and_fill(m, side, access, p, true, true);
    }
    m->stats->stlb_hits[side]++;
    walks_of(m, side, access)->stlb_hits++;
    if (found == FOUND_SERVES)
        return true;
    m->stats->walk.assists++;
    return walk_and_fill(m, side, access, p, false, false);
}

/* --- entry points --- */

static bool take_memo(const struct mmu *m, const struct page_memo *memo,
                      uint64_t key, unsigned access, struct piece *p)
{
    uint64_t in_page = PAGE_SIZE - 1, v = memo->value;
    if (memo->key != key ||
        !translate_allowed(m, (unsigned)v & 15, (unsigned)(v >> 8) & 15,
                           access) ||
        !ept_permits((unsigned)(v >> MEMO_EPT_SHIFT), (unsigned)v & 15,
                     access) ||
        (access_writes(access) && (v & BIT(7)) == 0))
        return false;
    p->pa = (v & bits_mask(MEMO_EPT_SHIFT) & ~in_page) | (p->lin & in_page);
    p->rights = v & 15;
    p->pat = (uint8_t)(v >> 4 & 7);
    p->dirty = (v & BIT(7)) != 0;
    p->key = (uint8_t)(v >> 8 & 15);
    p->ept = (uint8_t)(v >> MEMO_EPT_SHIFT);
    return true;
}

/* A walk, unless one was lately made. */
static bool walk_untimed(struct mmu *m, unsigned access, struct piece *p)
{
    if (m->memo == NULL)
        return table_walk(m, p->lin, access, p);
    uint64_t page = page_number(p->lin, PAGES_4K);
    uint64_t key = page * MEMO_GENERATIONS | m->memo_generation;
    struct page_memo *memo = &m->memo[page & (PAGE_MEMOS - 1)];
    if (LIKELY(take_memo(m, memo, key, access, p)))
        return true;
    memo->key = 0; /* a fault drops what was there */
    if (!table_walk(m, p->lin, access, p))
        return false;
    memo->key = key;
    memo->value = (uint64_t)p->ept << MEMO_EPT_SHIFT |
                  (p->pa & ~(PAGE_SIZE - 1)) | (uint64_t)p->key << 8 |
                  (uint64_t)p->dirty << 7 | (uint64_t)p->pat << 4 | p->rights;
    return true;
}

static bool translate_untimed(struct mmu *m, unsigned access, struct piece *p)
{
    if (!walk_untimed(m, access, p))
        return false;
    p->tlb_slot = TLB_NO_SLOT;
    p->offset = memory_offset(m->shared, p->pa);
    return true;
}

bool translate_piece(struct mmu *m, unsigned side, unsigned access,
                     struct piece *p)
{
    if (!m->translating)
        unpaged(m, p);
    else if (!(m->timing ? translate_timed(m, side, access, p)
                         : translate_untimed(m, access, p)))
        return false;
    if (p->offset != MEMORY_NONE)
        memory_touch(m->shared, p->offset);
    return true;
}

const struct tlb *translate_find(const struct mmu *m, unsigned side,
                                 uint64_t lin, uint32_t *slot)
{
    const struct side *s = &m->side[side];
    for (unsigned k = 0; k < 2 * PAGE_CLASSES; k++) {
        unsigned class = k % PAGE_CLASSES;
        const struct tlb *t = k < PAGE_CLASSES
                                  ? &s->l1[class]
                                  : translate_second_level(m, s, class);
        *slot = t == NULL ? TLB_NONE : find_in(m, t, lin, class);
        if (*slot != TLB_NONE)
            return t;
    }
    return NULL;
}

bool translate_cached(struct mmu *m, unsigned side, unsigned access,
                      struct piece *p)
{
    if (!m->translating) {
        unpaged(m, p);
        return true;
    }
    if (!m->timing)
        return false;
    uint32_t slot;
    const struct tlb *t = translate_find(m, side, p->lin, &slot);
    if (t == NULL || !translate_serves(m, &t->entry[slot], access))
        return false;
    take(m, &t->entry[slot], tlb_tag_class(t->tag[slot]), p);
    p->tlb_slot = TLB_NONE;
    return true;
}

bool translate_peek(struct mmu *m, unsigned side, unsigned access,
                    struct piece *p)
{
    return translate_cached(m, side, access, p) ||
           translate_untimed(m, access, p);
}
