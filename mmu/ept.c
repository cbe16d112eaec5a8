/* SPDX-License-Identifier: Apache-2.0
 * Guest-physical to host-physical addresses. Source: SDM Vol.3 "The Extended
 * Page Table Mechanism (EPT)", "EPT-Induced VM Exits", "Accessed and Dirty
 * Flags for EPT", "Page-Modification Logging".
 */
#include "mmu/walker.h"

#define EPT_DIRTY       BIT(9)
#define EPT_SUB_PAGE    BIT(61)
#define EPT_SUPPRESS_VE BIT(63)

/* An address of a guest-physical page and class, as a prefix of psc.h. */
static uint64_t nested_prefix(uint64_t guest, unsigned class)
{
    return page_number(guest, class) | (uint64_t) class << 45;
}

static uint64_t prefix_of(const struct mmu *m, uint64_t guest, unsigned level)
{
    return guest >> m->ept_space.f->shift[level];
}

unsigned nested_page(uint64_t prefix, uint64_t *base)
{
    unsigned class = (unsigned)(prefix >> 45);
    *base = (prefix & bits_mask(45)) << page_class_shift(class);
    return class;
}

/* --- entries --- */

static bool ept_read(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct walker *w = self;
    struct mmu *m = w->m;
    if (w->timed) {
        struct walk_stats *s = &m->stats->walk;
        enum memtype type = (enum memtype)(m->ctx.eptp & 7);
        enum served by;
        w->cycles[DIMENSION_EPT] +=
            hierarchy_walk(m, ref->at & m->lines, type, &by);
        s->references_ept++;
        s->level_ept[ref->level]++;
        s->served[by]++;
    }
    bool answered = table_read(m, ref, entry);
    if (UNLIKELY(m->watch.entry != NULL))
        walker_tell(w, true, ref, ref->at, *entry);
    if (UNLIKELY(w->trail != NULL)) {
        trail_add(w->trail, ref->at, *entry, ref->level, true, VIA_WALK);
        book_table(m->shared, ref->at);
    }
    return answered;
}

static bool ept_set(void *self, const struct pt_ref *ref, uint64_t bits)
{
    struct walker *w = self;
    return table_set(w->m, ref, bits);
}

/* --- events --- */

static bool stop(struct walker *w, const struct mmu_fault *f)
{
    w->stopped = true;
    w->m->fault = *f;
    return false;
}

static bool misconfigured(struct walker *w, uint64_t guest)
{
    struct mmu_fault f = {
        .address = w->lin, .kind = MMU_FAULT_EPT_MISCONFIG, .gpa = guest};
    w->m->stats->walk.ept_misconfigs++;
    return stop(w, &f);
}

/* Drop what would translate gpa, of the current root. */
static void drop_physical(struct mmu *m, uint64_t guest)
{
    if (!m->timing)
        return;
    for (unsigned class = 0; class < PAGE_CLASSES; class ++)
        psc_drop(&m->nested, nested_prefix(guest, class), m->ept_here);
    for (unsigned level = 2; level <= m->ept_space.f->top; level++)
        psc_drop(&m->ept_psc[level], prefix_of(m, guest, level), m->ept_here);
}

static bool violation(struct walker *w, uint64_t guest,
                      const struct ept_use *use, uint64_t all, uint64_t last)
{
    struct mmu *m = w->m;
    struct mmu_fault f = {.address = w->lin,
                          .kind = MMU_FAULT_EPT_VIOLATION,
                          .suppress_ve = (last & EPT_SUPPRESS_VE) != 0,
                          .gpa = guest,
                          .qualification =
                              use->access | (all & 7) << 3 | use->about};
    if (m->ctx.mode_execute && (all & BIT(10)) != 0)
        f.qualification |= BIT(6);
    m->stats->walk.ept_violations++;
    drop_physical(m, guest);
    return stop(w, &f);
}

/* --- rights --- */

static unsigned needed(const struct ept_use *use)
{
    unsigned need = 0;
    if ((use->access & EPT_USE_READ) != 0)
        need |= PT_R;
    if ((use->access & EPT_USE_WRITE) != 0)
        need |= PT_W;
    if ((use->access & EPT_USE_FETCH) != 0)
        need |= use->user ? PT_U : PT_X;
    return need;
}

/* Writes to a 4-KByte page may be decided by 128-byte pieces of it, those of
 * the guest's paging structures excepted. */
static bool is_sub_page(const struct mmu *m, const struct ept_use *use,
                        unsigned have, unsigned class, uint64_t leaf)
{
    return m->ctx.sub_page && class == PAGES_4K && (leaf & EPT_SUB_PAGE) != 0 &&
           (use->access & EPT_USE_WRITE) != 0 &&
           (use->about & EPT_ABOUT_FINAL) != 0 &&
           (have & (PT_R | PT_W)) == PT_R;
}

static bool has_dirty(const struct mmu *m, const struct ept_use *use,
                      uint64_t leaf)
{
    return !m->ept_flags || (use->access & EPT_USE_WRITE) == 0 ||
           (leaf & EPT_DIRTY) != 0;
}

/* --- caches --- */

static bool find_nested(struct walker *w, uint64_t guest,
                        const struct ept_use *use, struct ept_page *out)
{
    struct mmu *m = w->m;
    if (m->nested.entries == 0)
        return false;
    m->stats->nested.accesses++;
    for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
        const struct psc_entry *e = psc_find(
            &m->nested, nested_prefix(guest, class), m->ept_here, ++m->clock);
        if (e == NULL)
            continue;
        unsigned need = needed(use);
        if ((ept_rights(m, e->all) & need) != need ||
            !has_dirty(m, use, e->any))
            return false; /* as a TLB entry that lacks the right: walk */
        uint64_t offset = bits_mask(page_class_shift(class));
        *out = (struct ept_page){.host = (e->table | (guest & offset)) &
                                         ~bits_mask(PAGE_SHIFT),
                                 .all = e->all,
                                 .leaf = e->any,
                                 .class = (uint8_t) class};
        m->stats->nested.hits++;
        if (UNLIKELY(w->trail != NULL))
            trail_append(w->trail, &m->nested.trail[e - m->nested.entry],
                         VIA_NESTED);
        return true;
    }
    return false;
}

static void start_at_psc(struct walker *w, uint64_t guest,
                         struct pt_start *from)
{
    struct mmu *m = w->m;
    for (unsigned level = 2; level <= from->level; level++) {
        const struct psc_entry *e =
            psc_find(&m->ept_psc[level], prefix_of(m, guest, level),
                     m->ept_here, ++m->clock);
        if (e == NULL)
            continue;
        *from = (struct pt_start){.table = e->table,
                                  .all = e->all,
                                  .any = e->any,
                                  .level = (uint8_t)(level - 1)};
        if (UNLIKELY(w->trail != NULL)) {
            const struct psc *p = &m->ept_psc[level];
            trail_append(w->trail, &p->trail[e - p->entry], VIA_EPT_PSC);
        }
        return;
    }
}

static void fill(struct walker *w, uint64_t guest, const struct pt_start *from,
                 const struct pt_result *r, const struct ept_page *page,
                 unsigned begin)
{
    struct mmu *m = w->m;
    struct psc_entry e = {.all = from->all, .any = from->any};
    for (unsigned k = 0; k + 1 < r->count; k++) {
        unsigned level = r->trail[k].ref.level;
        e.all &= r->trail[k].entry;
        e.any |= r->trail[k].entry;
        e.table = r->trail[k].entry & m->ept_space.address;
        uint32_t slot =
            psc_insert(&m->ept_psc[level], prefix_of(m, guest, level),
                       m->ept_here, ++m->clock, &e);
        if (UNLIKELY(w->trail != NULL) && slot != UINT32_MAX)
            trail_keep(&m->ept_psc[level].trail[slot], w->trail, begin,
                       w->trail->count - (r->count - 1U - k));
    }
    uint64_t offset = bits_mask(page_class_shift(page->class));
    struct psc_entry whole = {
        .table = page->host & ~offset, .all = page->all, .any = page->leaf};
    uint32_t slot = psc_insert(&m->nested, nested_prefix(guest, page->class),
                               m->ept_here, ++m->clock, &whole);
    if (UNLIKELY(w->trail != NULL) && slot != UINT32_MAX)
        trail_keep(&m->nested.trail[slot], w->trail, begin, w->trail->count);
}

/* --- translation --- */

/* The flags that the access sets, and the log of pages made dirty: both come
 * before the access, and neither happens when the log is full. */
static bool mark(struct walker *w, uint64_t guest, const struct ept_use *use,
                 const struct pt_port *port, struct pt_result *r)
{
    struct mmu *m = w->m;
    bool write = (use->access & EPT_USE_WRITE) != 0;
    if (!m->ept_flags)
        return true;
    uint64_t page = guest & ~bits_mask(PAGE_SHIFT);
    if (m->ctx.page_log && write &&
        (r->trail[r->count - 1].entry & EPT_DIRTY) == 0 &&
        !m->guest.pml(m->guest.self, page)) {
        struct mmu_fault f = {
            .address = w->lin, .kind = MMU_FAULT_LOG_FULL, .gpa = guest};
        return stop(w, &f);
    }
    pt_mark(&m->ept_space, port, r, write, true);
    return true;
}

bool ept_translate(struct walker *w, uint64_t guest, const struct ept_use *use,
                   struct ept_page *out)
{
    struct mmu *m = w->m;
    struct pt_port port = {w, ept_read, ept_set};
    struct pt_start from = pt_top(&m->ept_space);
    struct pt_result r;
    unsigned begin = w->trail != NULL ? w->trail->count : 0;
    /* Beyond the reach of four levels nothing is mapped. */
    if (m->ept_space.f->top == 4 && guest >> 48 != 0)
        return violation(w, guest, use, 0, 0);
    if (w->timed) {
        if (find_nested(w, guest, use, out))
            return true;
        start_at_psc(w, guest, &from);
    }
    pt_walk(&m->ept_space, &port, &from, guest, &r);
    uint64_t last = r.trail[r.count - 1].entry;
    if (r.stop == PT_RESERVED)
        return misconfigured(w, guest);
    if (r.stop != PT_MAPPED)
        return violation(w, guest, use, r.all & last, last);
    unsigned have = ept_rights(m, r.all), need = needed(use);
    if ((have & need) != need) {
        bool event = false;
        if (!is_sub_page(m, use, have, r.level - 1U, last) ||
            (need & ~have) != PT_W || !sub_page_allows(w, guest, &event))
            return event ? stop(w, &m->fault)
                         : violation(w, guest, use, r.all, last);
    }
    if (!mark(w, guest, use, &port, &r))
        return false;
    *out = (struct ept_page){.host = r.out & ~bits_mask(PAGE_SHIFT),
                             .all = r.all,
                             .leaf = r.trail[r.count - 1].entry,
                             .class = (uint8_t)(r.level - 1)};
    if (w->timed)
        fill(w, guest, &from, &r, out, begin);
    return true;
}

bool ept_final(struct walker *w)
{
    unsigned kind = w->access & MMU_KIND;
    struct ept_use use = {.access = EPT_USE_READ,
                          .user = (w->rights & PT_U) != 0,
                          .about = EPT_ABOUT_LINEAR | EPT_ABOUT_FINAL};
    if (kind == MMU_FETCH)
        use.access = EPT_USE_FETCH;
    else if (kind == MMU_WRITE)
        use.access = EPT_USE_WRITE;
    else if (access_writes(w->access))
        use.access = EPT_USE_READ | EPT_USE_WRITE;
    if ((w->rights & PT_U) != 0)
        use.about |= EPT_ABOUT_USER;
    if ((w->rights & PT_W) != 0)
        use.about |= EPT_ABOUT_WRITABLE;
    if ((w->rights & PT_X) == 0)
        use.about |= EPT_ABOUT_NX;
    return ept_translate(w, w->gpa, &use, &w->page);
}

bool ept_look(struct mmu *m, uint64_t eptp, uint64_t guest,
              struct ept_page *out)
{
    struct pt_space space;
    struct pt_port port = {m, table_read, NULL};
    struct pt_result r;
    ept_space_init(m, eptp, m->ctx.mode_execute, &space);
    struct pt_start from = pt_top(&space);
    if (space.f->top == 4 && guest >> 48 != 0)
        return false;
    pt_walk(&space, &port, &from, guest, &r);
    if (r.stop != PT_MAPPED)
        return false;
    *out = (struct ept_page){.host = r.out & ~bits_mask(PAGE_SHIFT),
                             .all = r.all,
                             .leaf = r.trail[r.count - 1].entry,
                             .class = (uint8_t)(r.level - 1)};
    return true;
}
