/* SPDX-License-Identifier: Apache-2.0
 * INVEPT of an address, of a host-physical region, and with an update in
 * place: they look at single entries. What every combined entry remembers for
 * them is its page's guest-physical address and the pages of the tables that
 * the walk read. Exact, each page is compared; `tagged`, the Bloom word of
 * them is, which may drop more.
 */
#include "mmu/walker.h"

/* What one of these instructions is about. */
struct about {
    struct mmu *m;
    uint64_t root;        /* of the spaces concerned; types 0 and 4 */
    uint64_t first, last; /* bytes: guest-physical, or of the region */
    unsigned left;
    /* Type 4: what the address maps to now, if to anything. */
    bool update, mapped;
    struct ept_page page;
};

static bool overlaps(const struct about *a, uint64_t base, uint64_t bytes)
{
    return base <= a->last && base + (bytes - 1) >= a->first;
}

static bool of_root(const struct about *a, unsigned space)
{
    return a->m->spaces.name[space].root == a->root;
}

static bool walked(const struct about *a, const struct walk_pages *p)
{
    if (a->m->config.invalidation == INVALIDATION_TAGGED)
        return (p->bloom & walk_pages_bit(a->first)) != 0;
    for (unsigned k = 0; k < p->count; k++)
        if (overlaps(a, p->page[k], PAGE_SIZE))
            return true;
    return false;
}

/* --- translations --- */

/* Give an entry what EPT says now. False: it cannot stay. */
static bool update_entry(const struct about *a, struct tlb_entry *e,
                         const struct tlb_origin *o, unsigned class)
{
    const struct mmu *m = a->m;
    if (!a->mapped || a->page.class != o->ept_class)
        return false;
    uint64_t ept_offset = bits_mask(page_class_shift(a->page.class));
    uint64_t offset = bits_mask(page_class_shift(class));
    unsigned rights = ept_rights(m, a->page.all);
    e->base = ((a->page.host & ~ept_offset) | (o->gpa & ept_offset)) & ~offset;
    e->pat = (uint8_t)memtype_ept(a->page.leaf, (enum memtype)o->pat);
    e->flags &= (uint8_t)~TLB_EPT_ALL;
    e->flags |= (uint8_t)(rights << TLB_EPT_SHIFT);
    /* The next store walks again and sets what flags it must. */
    e->flags &= (uint8_t)~TLB_DIRTY;
    return true;
}

static void visit_tlb(struct about *a, struct tlb *t,
                      bool (*concerns)(const struct about *a,
                                       const struct tlb *t, uint32_t slot))
{
    for (uint32_t k = 0; k < t->entries && t->live != 0; k++) {
        if (t->tag[k] == 0 || !concerns(a, t, k))
            continue;
        const struct tlb_origin *o = &t->origin[k];
        unsigned class = tlb_tag_class(t->tag[k]);
        if (a->update && !walked(a, &o->pages) &&
            update_entry(a, &t->entry[k], o, class)) {
            if (t->kind == KIND_DTLB)
                filter_drop_translation(a->m, SIDE_D, t->first_slot + k);
            if (t->kind == KIND_ITLB)
                filter_drop_translation(a->m, SIDE_I, t->first_slot + k);
            continue;
        }
        if (t->shadow != NULL)
            shadow_drop(t->shadow, t->tag[k]);
        flush_slot(a->m, t, k, a->left);
    }
}

static void visit_tlbs(struct about *a,
                       bool (*concerns)(const struct about *a,
                                        const struct tlb *t, uint32_t slot))
{
    struct mmu *m = a->m;
    for (unsigned side = 0; side < SIDES; side++)
        for (unsigned class = 0; class < PAGE_CLASSES; class ++)
            visit_tlb(a, &m->side[side].l1[class], concerns);
    visit_tlb(a, &m->stlb, concerns);
    visit_tlb(a, &m->stlb_i, concerns);
    visit_tlb(a, &m->stlb_1g, concerns);
}

static bool at_guest(const struct about *a, const struct tlb *t, uint32_t slot)
{
    const struct tlb_origin *o = &t->origin[slot];
    unsigned class = tlb_tag_class(t->tag[slot]);
    return of_root(a, tlb_tag_space(t->tag[slot])) &&
           (overlaps(a, o->gpa, BIT(page_class_shift(class))) ||
            walked(a, &o->pages));
}

static bool at_host(const struct about *a, const struct tlb *t, uint32_t slot)
{
    unsigned class = tlb_tag_class(t->tag[slot]);
    return overlaps(a, t->entry[slot].base, BIT(page_class_shift(class)));
}

/* --- paging-structure caches and whole guest-physical translations --- */

static void visit_psc(struct about *a, struct psc *p, unsigned shift,
                      bool (*concerns)(const struct about *a,
                                       const struct psc *p, uint32_t slot,
                                       unsigned shift))
{
    for (uint32_t k = 0; k < p->entries; k++)
        if (p->tag[k] != 0 && concerns(a, p, k, shift))
            psc_drop_slot(p, k);
}

/* Combined: the tables read, or the one it leads to. */
static bool psc_at_guest(const struct about *a, const struct psc *p,
                         uint32_t slot, unsigned shift)
{
    const struct psc_entry *e = &p->entry[slot];
    (void)shift;
    return of_root(a, psc_space(p, slot)) &&
           (overlaps(a, e->table, PAGE_SIZE) || walked(a, &e->pages));
}

/* EPT's: the guest-physical addresses below it. */
static bool ept_at_guest(const struct about *a, const struct psc *p,
                         uint32_t slot, unsigned shift)
{
    return of_root(a, psc_space(p, slot)) &&
           overlaps(a, psc_prefix(p, slot) << shift, BIT(shift));
}

static bool psc_at_host(const struct about *a, const struct psc *p,
                        uint32_t slot, unsigned shift)
{
    const struct psc_entry *e = &p->entry[slot];
    const struct space_name *n = &a->m->spaces.name[psc_space(p, slot)];
    (void)shift;
    bool combined = n->root != 0 && n->pcid != SPACE_PHYSICAL;
    return overlaps(a, combined ? e->host : e->table, PAGE_SIZE);
}

static bool nested_at_guest(const struct about *a, const struct psc *p,
                            uint32_t slot, unsigned shift)
{
    uint64_t base;
    unsigned class = nested_page(psc_prefix(p, slot), &base);
    (void)shift;
    return of_root(a, psc_space(p, slot)) &&
           overlaps(a, base, BIT(page_class_shift(class)));
}

static bool nested_at_host(const struct about *a, const struct psc *p,
                           uint32_t slot, unsigned shift)
{
    uint64_t base;
    unsigned class = nested_page(psc_prefix(p, slot), &base);
    (void)shift;
    return overlaps(a, p->entry[slot].table, BIT(page_class_shift(class)));
}

/* --- the instructions --- */

static void update_nested(struct about *a)
{
    struct psc *p = &a->m->nested;
    for (uint32_t k = 0; k < p->entries; k++) {
        uint64_t base;
        if (p->tag[k] == 0 || !nested_at_guest(a, p, k, 0))
            continue;
        unsigned class = nested_page(psc_prefix(p, k), &base);
        if (!a->mapped || a->page.class != class) {
            psc_drop_slot(p, k);
            continue;
        }
        struct psc_entry *e = &p->entry[k];
        e->table = a->page.host & ~bits_mask(page_class_shift(class));
        e->all = a->page.all;
        e->any = a->page.leaf;
    }
}

/* What EPT says of an address, read afresh; no event comes of it. */
static void look(struct about *a, uint64_t eptp)
{
    a->mapped = ept_look(a->m, eptp, a->first, &a->page);
}

void invept_address(struct mmu *m, uint64_t eptp, uint64_t guest, bool update)
{
    struct about a = {.m = m,
                      .root = space_root(eptp),
                      .first = guest & ~(PAGE_SIZE - 1),
                      .last = guest | (PAGE_SIZE - 1),
                      .update = update};
    a.left =
        LEFT_FLUSHED + (update ? FLUSH_INVEPT_UPDATE : FLUSH_INVEPT_INDIVIDUAL);
    if (update)
        look(&a, eptp);
    visit_tlbs(&a, at_guest);
    for (unsigned level = 2; level < PT_LEVELS; level++) {
        visit_psc(&a, &m->psc[level], 0, psc_at_guest);
        visit_psc(&a, &m->ept_psc[level], 12 + 9 * (level - 1), ept_at_guest);
    }
    if (update)
        update_nested(&a);
    else
        visit_psc(&a, &m->nested, 0, nested_at_guest);
}

void invept_region(struct mmu *m, uint64_t base, uint64_t bytes)
{
    struct about a = {.m = m,
                      .first = base,
                      .last = base + (bytes - 1),
                      .left = LEFT_FLUSHED + FLUSH_INVEPT_REGION};
    visit_tlbs(&a, at_host);
    for (unsigned level = 2; level < PT_LEVELS; level++) {
        visit_psc(&a, &m->psc[level], 0, psc_at_host);
        visit_psc(&a, &m->ept_psc[level], 0, psc_at_host);
    }
    visit_psc(&a, &m->nested, 0, nested_at_host);
}
