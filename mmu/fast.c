/* SPDX-License-Identifier: Apache-2.0
 * The usual miss of the filter, in one pass: an access inside one line of
 * write-back RAM whose page is in the L1 TLB with the rights it needs. It
 * does exactly what the general path does for it; whatever else an access
 * may be is left to that path, with nothing changed.
 */
#include "mmu/model.h"

void fast_update(struct mmu *m)
{
    /* Rights with U, and those with W, a bit for each combination. */
    const uint16_t with_u = 0xf0f0, with_w = 0xcccc, all = 0xffff;
    if (m->ctx.cpl == 3) {
        m->may[0] = with_u;
        m->may[1] = with_u & with_w;
    } else {
        m->may[0] = m->smap && !m->ctx.ac ? (uint16_t)~with_u : all;
        m->may[1] = m->may[0] & (m->wp ? with_w : all);
    }
    /* Even bits of PKRU disable access, odd ones writes. */
    m->key_closed = m->key_no_write[0] = m->key_no_write[1] = 0;
    for (unsigned key = 0; m->pke && key < 16; key++) {
        m->key_closed |= (uint16_t)((m->ctx.pkru >> (2 * key) & 1) << key);
        m->key_no_write[0] |=
            (uint16_t)((m->ctx.pkru >> (2 * key + 1) & 1) << key);
    }
    m->key_no_write[1] = m->wp ? m->key_no_write[0] : 0;
    m->fast = m->fast_config && m->translating && (m->ctx.cr0 & CR0_CD) == 0 &&
              m->lines == UINT64_MAX;
}

/* NRU forgets references, the shadow wants to see each access. */
void fast_init(struct mmu *m)
{
    const struct side *s = &m->side[SIDE_D];
    m->fast_config = m->timing && !m->config.split_conflict_misses &&
                     m->config.check_tlb == TLB_CHECK_OFF &&
                     s->cache.replace.policy != REPL_NRU;
    for (unsigned class = 0; class < PAGE_CLASSES; class ++)
        if (s->l1[class].entries != 0 &&
            s->l1[class].replace.policy == REPL_NRU)
            m->fast_config = false;
}

/* The L1 slot of a page, filter numbering, or TLB_NONE. */
static uint32_t search(struct mmu *m, uint64_t lin)
{
    const struct side *s = &m->side[SIDE_D];
    for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
        const struct tlb *t = &s->l1[class];
        if (t->live == 0)
            continue;
        uint64_t page = page_number(lin, class);
        uint32_t slot = tlb_find(t, page, tlb_tag(page, class, m->here));
        if (slot == TLB_NONE && m->globals != 0)
            slot = tlb_find(t, page, tlb_tag(page, class, m->global));
        if (slot != TLB_NONE)
            return t->first_slot + slot;
    }
    return TLB_NONE;
}

static struct page_hint *hint_of(struct mmu *m, uint64_t lin)
{
    return &m->hint[(lin >> PAGE_SHIFT) & (PAGE_HINTS - 1)];
}

/*
 * A lookup takes the smallest page that matches. A hint stands for a lookup
 * of its own page, which an insertion of that page outdates; that of a large
 * page may outdate hints to a larger one for every page in it.
 */
void fast_forget(struct mmu *m, uint64_t lin, unsigned class)
{
    const struct side *s = &m->side[SIDE_D];
    hint_of(m, lin)->page = UINT64_MAX;
    if (UNLIKELY(class == PAGES_2M && s->l1[PAGES_1G].live != 0))
        memset(m->hint, 0xff, sizeof m->hint);
}

static bool holds(const struct mmu *m, const struct tlb *t, uint32_t slot,
                  uint64_t lin, unsigned class)
{
    uint64_t page = page_number(lin, class), at = slot - t->first_slot;
    return t->tag[at] == tlb_tag(page, class, m->here) ||
           t->tag[at] == tlb_tag(page, class, m->global);
}

static unsigned class_of(const struct mmu *m, uint32_t slot)
{
    const struct tlb *t = m->side[SIDE_D].l1;
    return (unsigned)(slot >= t[PAGES_2M].first_slot) +
           (slot >= t[PAGES_1G].first_slot);
}

/* The slot that holds the page now, its class in *class; or TLB_NONE. */
ALWAYS_INLINE uint32_t find(struct mmu *m, uint64_t lin, unsigned *class)
{
    struct page_hint *h = hint_of(m, lin);
    if (LIKELY(h->page == lin >> PAGE_SHIFT)) {
        *class = class_of(m, h->slot);
        if (LIKELY(holds(m, &m->side[SIDE_D].l1[*class], h->slot, lin, *class)))
            return h->slot;
    }
    uint32_t slot = search(m, lin);
    if (slot != TLB_NONE) {
        *class = class_of(m, slot);
        *h = (struct page_hint){.page = lin >> PAGE_SHIFT, .slot = slot};
    }
    return slot;
}

uint8_t *fast_data(struct mmu *m, uint64_t lin, unsigned len, bool write)
{
    struct side *s = &m->side[SIDE_D];
    struct memsys *shared = m->shared;
    unsigned class;
    if (UNLIKELY(!m->fast || (lin & (LINE_SIZE - 1)) + len > LINE_SIZE))
        return NULL;
    uint32_t slot = find(m, lin, &class);
    if (UNLIKELY(slot == TLB_NONE))
        return NULL;
    struct tlb *t = &s->l1[class];
    const struct tlb_entry *e = &t->entry[slot - t->first_slot];
    struct piece p = {
        .lin = lin, .tlb_slot = slot, .rights = e->rights, .key = e->key};
    p.pa = e->base | (lin & bits_mask(page_class_shift(class)));
    p.offset = memory_offset(shared, p.pa);
    p.dirty = (e->flags & TLB_DIRTY) != 0;
    if (UNLIKELY(!(m->may[write] >> e->rights & 1) ||
                 translate_key_stops(m, e->rights, e->key,
                                     write ? MMU_WRITE : MMU_READ) ||
                 (write && !p.dirty) || (e->flags & TLB_EPT_READ) == 0 ||
                 p.offset == MEMORY_NONE || piece_is_apic(m, p.pa) ||
                 piece_type(m, p.pa, e->pat) != MEMTYPE_WB))
        return NULL;
    uint8_t flags = shared->page_flags[p.offset >> PAGE_SHIFT];
    if (UNLIKELY((flags & PAGE_TOUCHED) == 0 ||
                 (write && ((flags & PAGE_ROM) != 0 ||
                            memory_has_code(shared, p.offset)))))
        return NULL;
    uint8_t *host = shared->ram + p.offset;
    __builtin_prefetch(host);
    /* One tick serves both arrays: their stamps never meet. */
    s->stats->accesses++;
    t->replace.stamp[slot - t->first_slot] = *s->clock + 1;
    uint32_t l1_slot =
        hierarchy_data_line(m, (uint32_t)(p.pa >> LINE_SHIFT), write);
    if (LIKELY(m->filter && !m->ctx.watch))
        filter_install_line(m, &p, l1_slot);
    return host;
}
