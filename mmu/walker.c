/* SPDX-License-Identifier: Apache-2.0
 * The guest's dimension of a walk. Under EPT each entry's address is
 * guest-physical and translated before the entry is read; an accessed or
 * dirty flag is a write to it. Source: SDM Vol.3 "EPT Translation Mechanism",
 * "EPT Violations", "Prioritization of EPT Misconfigurations and EPT
 * Violations".
 *
 * Flags are set after the walk, from the top down; so what stops the setting
 * of one comes before whatever stopped the walk further down.
 */
#include "mmu/walker.h"

uint64_t walker_prefix(const struct mmu *m, uint64_t lin, unsigned level)
{
    return (lin & bits_mask(57)) >> m->space.f->shift[level];
}

void walker_tell(const struct walker *w, bool ept, const struct pt_ref *ref,
                 uint64_t host, uint64_t entry)
{
    const struct walk_port *p = &w->m->watch;
    const struct walk_step s = {.ept = ept,
                                .level = ref->level,
                                .at = host,
                                .guest = ept || !w->m->ept ? 0 : ref->at,
                                .entry = entry};
    if (w->timed)
        p->entry(p->self, &s);
}

/* --- the guest's entries --- */

static bool find_table(struct walker *w, uint64_t guest, unsigned level,
                       bool update)
{
    /* With accessed and dirty flags for EPT all are writes. */
    bool write = update || w->m->ept_flags;
    struct ept_use use = {.access = EPT_USE_READ | (write ? EPT_USE_WRITE : 0),
                          .about = EPT_ABOUT_LINEAR};
    if (!ept_translate(w, guest, &use, &w->table[level]))
        return false;
    w->known |= (uint8_t)(1 << level);
    return true;
}

static enum memtype table_type(struct walker *w, const struct pt_ref *ref,
                               uint64_t at)
{
    enum memtype pat = memtype_pat(w->m->ctx.pat, ref->pat);
    if (!w->m->ept)
        return piece_type(w->m, at, pat);
    return memtype_ept(w->table[ref->level].leaf, pat);
}

/* A paging structure in the APIC page: a read of that page. */
static bool apic_walk(struct walker *w, uint64_t at)
{
    struct piece p = {.lin = w->lin, .pa = at, .len = 8};
    w->stopped = !apic_touch(w->m, &p, MMU_READ | MMU_PAGING);
    return !w->stopped;
}

static bool guest_read(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct walker *w = self;
    struct mmu *m = w->m;
    struct pt_ref host = *ref;
    if (m->ept) {
        if ((w->known >> ref->level & 1) == 0 &&
            !find_table(w, ref->at, ref->level, false))
            return false;
        host.at = w->table[ref->level].host | (ref->at & (PAGE_SIZE - 1));
        walk_pages_add(&w->pages, ref->at);
        if (piece_is_apic(m, host.at) && !apic_walk(w, host.at))
            return false;
    }
    if (w->timed) {
        struct walk_stats *s = &m->stats->walk;
        enum served by;
        uint64_t at = host.at & m->lines;
        w->cycles[DIMENSION_GUEST] +=
            hierarchy_walk(m, at, table_type(w, ref, at), &by);
        s->references++;
        s->level[ref->level]++;
        s->served[by]++;
    }
    bool answered = table_read(m, &host, entry);
    if (UNLIKELY(m->watch.entry != NULL))
        walker_tell(w, false, ref, host.at, *entry);
    if (UNLIKELY(w->trail != NULL)) {
        w->mark[ref->level] = w->trail->count;
        trail_add(w->trail, host.at, *entry, ref->level, false, VIA_WALK);
        book_table(m->shared, host.at);
    }
    return answered;
}

static bool guest_set(void *self, const struct pt_ref *ref, uint64_t bits)
{
    struct walker *w = self;
    struct pt_ref host = *ref;
    if (w->m->ept) {
        const struct ept_page *t = &w->table[ref->level];
        if (w->set_failed)
            return false;
        if ((t->all & BIT(1)) == 0 &&
            !find_table(w, ref->at, ref->level, true)) {
            w->set_failed = true;
            return false;
        }
        host.at = t->host | (ref->at & (PAGE_SIZE - 1));
    }
    return table_set(w->m, &host, bits);
}

/* --- paging-structure caches --- */

static void start_at_psc(struct walker *w)
{
    struct mmu *m = w->m;
    for (unsigned level = 2; level <= w->from.level; level++) {
        const struct psc_entry *e =
            psc_find(&m->psc[level], walker_prefix(m, w->lin, level), m->here,
                     ++m->clock);
        if (e == NULL)
            continue;
        w->from = (struct pt_start){.table = e->table,
                                    .all = e->all,
                                    .any = e->any,
                                    .level = (uint8_t)(level - 1),
                                    .pat = e->pat};
        if (m->ept) {
            w->table[level - 1] = (struct ept_page){
                .host = e->host, .all = e->ept_all, .leaf = e->ept_leaf};
            w->known |= (uint8_t)(1 << (level - 1));
            w->pages = e->pages;
        }
        if (UNLIKELY(w->trail != NULL)) {
            const struct psc *p = &m->psc[level];
            trail_append(w->trail, &p->trail[e - p->entry], VIA_PSC);
            w->trail->first = p->trail[e - p->entry].first;
        }
        return;
    }
}

void walker_fill_psc(struct walker *w)
{
    struct mmu *m = w->m;
    const struct pt_result *r = &w->r;
    struct psc_entry e = {.all = w->from.all, .any = w->from.any};
    if (!m->paging)
        return;
    for (unsigned k = 0; k + 1 < r->count; k++) {
        uint64_t entry = r->trail[k].entry;
        unsigned level = r->trail[k].ref.level;
        e.all &= entry;
        e.any |= entry;
        e.shift = m->space.f->shift[level];
        e.table = entry & m->space.address;
        e.pat = r->trail[k + 1].ref.pat;
        if (m->ept) {
            const struct ept_page *t = &w->table[level - 1];
            e.host = t->host;
            e.ept_all = t->all;
            e.ept_leaf = t->leaf;
            /* Those of the tables above; the walk may have begun lower. */
            e.pages = w->pages;
            walk_pages_cut(&e.pages, r->count - 1 - k);
        }
        uint32_t slot =
            psc_insert(&m->psc[level], walker_prefix(m, w->lin, level), m->here,
                       ++m->clock, &e);
        if (UNLIKELY(w->trail != NULL) && slot != UINT32_MAX)
            trail_keep(&m->psc[level].trail[slot], w->trail, 0,
                       w->mark[level - 1]);
    }
}

/* --- the walk --- */

/* Without paging every linear address is a user-mode one, writable and
 * executable: SDM Vol.3 "Exit Qualification for EPT Violations". */
static bool walk_unpaged(struct walker *w)
{
    w->gpa = w->lin & bits_mask(32);
    w->rights = PT_R | PT_W | PT_U | PT_X;
    w->key = 0;
    return ept_final(w);
}

bool walker_walk(struct walker *w)
{
    struct mmu *m = w->m;
    struct pt_result *r = &w->r;
    struct pt_port port = {w, guest_read, guest_set};
    w->known = 0;
    w->stopped = w->set_failed = false;
    w->cycles[DIMENSION_GUEST] = w->cycles[DIMENSION_EPT] = 0;
    w->pages.count = 0;
    w->pages.bloom = 0;
    r->count = 0;
    if (UNLIKELY(w->trail != NULL)) {
        w->trail->count = 0;
        w->trail->checked = 0;
        w->trail->born = m->account->cycles;
        w->trail->eptp = m->ctx.eptp;
        w->trail->first = 0;
    }
    if (!m->paging)
        return walk_unpaged(w);
    if (!table_start(m, w->lin, &w->from))
        return table_fault(m, w->lin, w->access, NULL);
    if (UNLIKELY(w->trail != NULL))
        w->trail->first = w->from.table;
    if (w->timed)
        start_at_psc(w);
    pt_walk(&m->space, &port, &w->from, w->lin, r);
    if (w->timed && !m->ept && r->stop == PT_MAPPED)
        hierarchy_hint(m, r->out);
    if (MMU_PLANTED(m, MMU_PLANT_USER_TABLE) && r->stop == PT_MAPPED &&
        !w->timed) {
        uint64_t below = r->count > 1 ? m->space.f->u : 0;
        for (unsigned k = 1; k < r->count; k++)
            below &= r->trail[k].entry;
        r->rights = (uint8_t)pt_rights(&m->space, r->all | below, r->any);
    }
    bool good = r->stop == PT_MAPPED &&
                translate_allowed(m, r->rights, table_key(m, r), w->access);
    pt_mark(&m->space, &port, r, access_writes(w->access),
            good && !MMU_PLANTED(m, MMU_PLANT_ACCESSED));
    if (w->stopped)
        return false;
    if (!good)
        return table_fault(m, w->lin, w->access, r);
    w->gpa = r->out;
    w->rights = r->rights;
    w->key = (uint8_t)table_key(m, r);
    return !m->ept || ept_final(w);
}

/* --- what it means --- */

static void entry_of_ept(const struct walker *w, struct tlb_entry *e)
{
    const struct mmu *m = w->m;
    unsigned rights = ept_rights(m, w->page.all);
    e->flags |= (uint8_t)(rights << TLB_EPT_SHIFT);
    e->pat = (uint8_t)memtype_ept(w->page.leaf, (enum memtype)e->pat);
    /* A store must walk as long as either dimension has work for it. */
    if ((rights & PT_W) == 0 || (m->ept_flags && (w->page.leaf & BIT(9)) == 0))
        e->flags &= (uint8_t)~TLB_DIRTY;
}

unsigned walker_entry(struct walker *w, struct tlb_entry *e, uint64_t *tag)
{
    const struct mmu *m = w->m;
    const struct pt_format *f = m->space.f;
    const struct pt_result *r = &w->r;
    unsigned class = m->ept ? w->page.class : PAGES_4K;
    bool global = false;
    *e = (struct tlb_entry){.rights = w->rights,
                            .key = w->key,
                            .pat = MEMTYPE_WB,
                            .flags = TLB_DIRTY};
    if (m->paging) {
        uint64_t leaf = r->trail[r->count - 1].entry;
        unsigned guest = r->level - 1U;
        class = m->ept && class < guest ? class : guest;
        global = (leaf & f->global) != 0 && (m->ctx.cr4 & CR4_PGE) != 0;
        e->pat = (uint8_t)memtype_pat(m->ctx.pat,
                                      pt_leaf_pat(&m->space, r->level, leaf));
        if ((leaf & f->dirty) == 0)
            e->flags = 0;
        if (class == PAGES_2M && f->shift[r->level] == 22)
            e->flags |= TLB_HALF_4M;
    }
    uint64_t at = w->gpa;
    w->pat = e->pat;
    if (m->ept) {
        at = w->page.host | (w->gpa & (PAGE_SIZE - 1));
        entry_of_ept(w, e);
    } else {
        e->flags |= TLB_EPT_ALL;
    }
    e->base = at & ~bits_mask(page_class_shift(class));
    uint64_t page = page_number(w->lin, class);
    *tag = tlb_tag(page, class, global ? m->global : m->here);
    return class;
}
