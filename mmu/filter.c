/* SPDX-License-Identifier: Apache-2.0
 * The residency filter: installing entries and taking them back before what
 * they stand for goes away. An L1 TLB slot knows the entries under it by a bit
 * each; an L1 cache slot knows the one entry that stands for it.
 */
#include "mmu/model.h"

/* --- what an entry hangs on --- */

ALWAYS_INLINE void hang(struct side *s, uint32_t k, uint32_t tlb_slot,
                        uint32_t l1_slot)
{
    s->under[tlb_slot][k / 64] |= BIT(k % 64);
    s->cache.owner[l1_slot] = (uint16_t)k;
}

ALWAYS_INLINE void unhang(struct side *s, uint32_t k, uint32_t tlb_slot,
                          uint32_t l1_slot)
{
    s->under[tlb_slot][k / 64] &= ~BIT(k % 64);
    s->cache.owner[l1_slot] = L1_NO_OWNER;
}

ALWAYS_INLINE void drop_data(struct mmu *m, uint32_t k)
{
    struct dfilter_entry *e = &m->hot->d[k];
    if (e->rtag == MMU_TAG_NONE)
        return;
    unhang(&m->side[SIDE_D], k, e->tlb_slot, e->l1_slot);
    e->rtag = e->wtag = MMU_TAG_NONE;
}

static void drop_fetch(struct mmu *m, uint32_t k)
{
    struct ifilter_entry *e = &m->hot->i[k];
    if (e->tag == MMU_TAG_NONE)
        return;
    unhang(&m->side[SIDE_I], k, e->tlb_slot, e->l1_slot);
    e->tag = MMU_TAG_NONE;
}

void filter_drop_translation(struct mmu *m, unsigned side, uint32_t slot)
{
    const uint64_t *under = m->side[side].under[slot];
    for (uint32_t w = 0; w < FILTER_WORDS; w++) {
        while (under[w] != 0) {
            uint32_t k = w * 64 + (uint32_t)__builtin_ctzll(under[w]);
            if (side == SIDE_D)
                drop_data(m, k);
            else
                drop_fetch(m, k);
        }
    }
}

void filter_drop_line(struct mmu *m, unsigned side, uint32_t l1_slot)
{
    uint16_t k = m->side[side].cache.owner[l1_slot];
    if (k == L1_NO_OWNER)
        return;
    if (side == SIDE_D)
        drop_data(m, k);
    else
        drop_fetch(m, k);
}

/* --- dropping everything --- */

void filter_reset(struct mmu *m)
{
    struct mmu_hot *h = m->hot;
    for (size_t k = 0; k < PFILTER_ENTRIES; k++)
        h->p[k].rtag = h->p[k].wtag = MMU_TAG_NONE;
    for (size_t k = 0; k < DFILTER_ENTRIES; k++)
        h->d[k].rtag = h->d[k].wtag = MMU_TAG_NONE;
    for (size_t k = 0; k < IFILTER_ENTRIES; k++)
        h->i[k].tag = MMU_TAG_NONE;
    for (unsigned k = 0; k < SIDES; k++) {
        memset(m->side[k].under, 0, sizeof m->side[k].under);
        struct l1_cache *c = &m->side[k].cache;
        if (c->owner != NULL)
            memset(c->owner, 0xff, c->slots * sizeof *c->owner);
    }
    m->filter_used = 0;
}

static uint32_t new_generation(struct mmu *m)
{
    if (++m->memo_last == MEMO_GENERATIONS) {
        memset(m->memo, 0, PAGE_MEMOS * sizeof *m->memo);
        memset(m->memo_left, 0, sizeof m->memo_left);
        m->memo_last = 1;
    }
    return m->memo_last;
}

void filter_forget_memos(struct mmu *m)
{
    if (m->memo == NULL)
        return;
    memset(m->memo_left, 0, sizeof m->memo_left);
    m->memo_generation = new_generation(m);
}

void filter_change_sides(struct mmu *m, unsigned from, unsigned to)
{
    if (m->memo == NULL)
        return;
    m->memo_left[from] = m->memo_generation;
    m->memo_generation =
        m->memo_left[to] != 0 ? m->memo_left[to] : new_generation(m);
}

static void drop_listed(struct mmu *m, unsigned code)
{
    struct mmu_hot *h = m->hot;
    uint32_t k = code & (FILTER_OF_FETCH - 1);
    if ((code & FILTER_OF_PAGE) != 0)
        h->p[k].rtag = h->p[k].wtag = MMU_TAG_NONE;
    else if ((code & FILTER_OF_FETCH) == 0)
        drop_data(m, k);
    else if (m->timing)
        drop_fetch(m, k);
    else
        h->i[k].tag = MMU_TAG_NONE;
}

/* VM entries and exits drop everything, often little: then a list of it
 * spares looking at every entry. */
void filter_drop_all(struct mmu *m)
{
    struct mmu_hot *h = m->hot;
    uint32_t used = m->filter_used;
    filter_forget_memos(m);
    m->filter_used = 0;
    if (used <= FILTER_LIST) {
        for (uint32_t i = 0; i < used; i++)
            drop_listed(m, m->filter_list[i]);
        return;
    }
    if (!m->timing) {
        for (size_t k = 0; k < PFILTER_ENTRIES; k++)
            h->p[k].rtag = h->p[k].wtag = MMU_TAG_NONE;
        for (size_t k = 0; k < IFILTER_ENTRIES; k++)
            h->i[k].tag = MMU_TAG_NONE;
        return;
    }
    for (uint32_t k = 0; k < DFILTER_ENTRIES; k++)
        drop_data(m, k);
    for (uint32_t k = 0; k < IFILTER_ENTRIES; k++)
        drop_fetch(m, k);
}

/* --- installing --- */

static bool may_install(const struct mmu *m, const struct piece *p,
                        unsigned access)
{
    return m->filter && !m->ctx.watch && (access & MMU_SYSTEM) == 0 &&
           p->offset != MEMORY_NONE && !piece_is_apic(m, p->pa);
}

static bool may_store(const struct mmu *m, const struct piece *p)
{
    return p->dirty && (m->may[1] >> p->rights & 1) != 0 &&
           !translate_key_stops(m, p->rights, p->key, MMU_WRITE) &&
           !memory_is_rom(m->shared, p->offset);
}

static void list_installed(struct mmu *m, unsigned code)
{
    if (m->filter_used < FILTER_LIST)
        m->filter_list[m->filter_used] = (uint16_t)code;
    if (m->filter_used <= FILTER_LIST)
        m->filter_used++;
}

void filter_install_data(struct mmu *m, const struct piece *p, unsigned access,
                         uint32_t l1_slot)
{
    if (may_install(m, p, access) && l1_slot != L1_NO_SLOT &&
        p->tlb_slot != TLB_NONE)
        filter_install_line(m, p, l1_slot);
}

void filter_install_line(struct mmu *m, const struct piece *p, uint32_t l1_slot)
{
    struct side *s = &m->side[SIDE_D];
    uint32_t k = (uint32_t)dfilter_index(p->lin);
    struct dfilter_entry *e = &m->hot->d[k];
    drop_data(m, k);
    filter_drop_line(m, SIDE_D, l1_slot);
    uint64_t tag = (p->lin & ~(LINE_SIZE - 1)) | m->hot->ctx;
    uint32_t line = s->cache.tag[l1_slot];
    e->rtag = tag;
    e->wtag = MMU_TAG_NONE;
    e->addend = (uintptr_t)(m->shared->ram + p->offset) - p->lin;
    e->l1_slot = (uint16_t)l1_slot;
    e->tlb_slot = (uint16_t)p->tlb_slot;
    if ((line & LINE_FLAGS) == LINE_FLAGS && may_store(m, p) &&
        !memory_is_code_line(m->shared, p->offset))
        e->wtag = tag;
    hang(s, k, p->tlb_slot, l1_slot);
    list_installed(m, k);
}

void filter_install_fetch(struct mmu *m, const struct piece *p,
                          uint32_t l1_slot)
{
    struct side *s = &m->side[SIDE_I];
    if (!m->filter || l1_slot == L1_NO_SLOT || p->tlb_slot == TLB_NONE ||
        piece_is_apic(m, p->pa))
        return;
    uint64_t line = p->lin & ~(LINE_SIZE - 1);
    uint32_t k = (uint32_t)(line >> LINE_SHIFT) & (IFILTER_ENTRIES - 1);
    struct ifilter_entry *e = &m->hot->i[k];
    list_installed(m, k | FILTER_OF_FETCH);
    if (!m->timing) {
        e->tag = line | m->hot->ctx;
        e->pline = p->pa & ~(LINE_SIZE - 1);
        return;
    }
    drop_fetch(m, k);
    filter_drop_line(m, SIDE_I, l1_slot);
    *e = (struct ifilter_entry){.tag = line | m->hot->ctx,
                                .pline = p->pa & ~(LINE_SIZE - 1),
                                .l1_slot = (uint16_t)l1_slot,
                                .tlb_slot = (uint16_t)p->tlb_slot};
    hang(s, k, p->tlb_slot, l1_slot);
}

/* Functional mode: one entry a page. */
void filter_install_page(struct mmu *m, const struct piece *p, unsigned access)
{
    if (!may_install(m, p, access))
        return;
    uint32_t k = (uint32_t)(p->lin >> PAGE_SHIFT) & (PFILTER_ENTRIES - 1);
    struct pfilter_entry *e = &m->hot->p[k];
    uint64_t tag = (p->lin & ~(PAGE_SIZE - 1)) | m->hot->ctx;
    e->rtag = tag;
    e->wtag = MMU_TAG_NONE;
    e->addend = (uintptr_t)(m->shared->ram + p->offset) - p->lin;
    if (may_store(m, p) && !memory_has_code(m->shared, p->offset))
        e->wtag = tag;
    list_installed(m, k | FILTER_OF_PAGE);
}

/* --- taking back the right to store --- */

static void protect_pages(struct mmu *m, uint64_t offset)
{
    uintptr_t host = (uintptr_t)m->shared->ram + (offset & ~(PAGE_SIZE - 1));
    for (size_t k = 0; k < PFILTER_ENTRIES; k++) {
        struct pfilter_entry *e = &m->hot->p[k];
        if (e->wtag != MMU_TAG_NONE &&
            e->addend + (e->wtag & ~(PAGE_SIZE - 1)) == host)
            e->wtag = MMU_TAG_NONE;
    }
}

void filter_write_protect(struct mmu *m, uint64_t offset, uint64_t len)
{
    if (m->filter_used == 0)
        return;
    if (!m->timing) {
        protect_pages(m, offset);
        return;
    }
    const struct l1_cache *c = &m->side[SIDE_D].cache;
    for (uint64_t at = offset; at < offset + len; at += LINE_SIZE) {
        uint64_t pa = memory_address(m->shared, at);
        uint32_t slot = l1_find(c, (uint32_t)(pa >> LINE_SHIFT));
        if (slot != L1_NO_SLOT && c->owner[slot] != L1_NO_OWNER)
            m->hot->d[c->owner[slot]].wtag = MMU_TAG_NONE;
    }
}
