/* SPDX-License-Identifier: Apache-2.0
 * Invalidation of cached translations and lines. Source: SDM Vol.3
 * "Operations that Invalidate TLBs and Paging-Structure Caches".
 */
#include "mmu/model.h"

void flush_slot(struct mmu *m, struct tlb *t, uint32_t slot, unsigned left)
{
    page_record_left(&m->records, t->entry[slot].record)[t->kind] =
        (uint8_t)left;
    if (t->kind == KIND_DTLB)
        filter_drop_translation(m, SIDE_D, t->first_slot + slot);
    if (t->kind == KIND_ITLB)
        filter_drop_translation(m, SIDE_I, t->first_slot + slot);
    uint64_t tag = t->tag[slot];
    m->globals -= m->spaces.name[tlb_tag_space(tag)].pcid == SPACE_GLOBAL;
    t->live_class[tlb_tag_class(tag)]--;
    t->live--;
    t->tag[slot] = 0;
    replace_drop(&t->replace, slot);
}

/* --- one page --- */

static void flush_page_in(struct mmu *m, struct tlb *t, unsigned class,
                          uint64_t page, unsigned space, unsigned left,
                          bool halves_only)
{
    uint64_t tag = tlb_tag(page, class, space);
    if (t->shadow != NULL && left >= LEFT_FLUSHED)
        shadow_drop(t->shadow, tag);
    uint32_t slot = tlb_find(t, page, tag);
    if (slot == TLB_NONE ||
        (halves_only && (t->entry[slot].flags & TLB_HALF_4M) == 0))
        return;
    flush_slot(m, t, slot, left);
}

void flush_page_side(struct mmu *m, unsigned side, uint64_t lin, unsigned here,
                     unsigned global, unsigned left)
{
    struct side *s = &m->side[side];
    const unsigned space[2] = {here, global};
    for (unsigned class = 0; class < PAGE_CLASSES; class ++) {
        uint64_t page = page_number(lin, class);
        struct tlb *level[2] = {&s->l1[class],
                                translate_second_level(m, s, class)};
        for (unsigned k = 0; k < 4; k++) {
            struct tlb *t = level[k / 2];
            if (t == NULL || t->live_class[class] == 0 || space[k % 2] == 0)
                continue;
            flush_page_in(m, t, class, page, space[k % 2], left, false);
            if (class == PAGES_2M) /* the other half of a 4-MByte page */
                flush_page_in(m, t, class, page ^ 1, space[k % 2], left, true);
        }
    }
}

/* --- many --- */

struct scope {
    const struct mmu *m;
    bool everything;
    bool globals;
    bool all_pcids;
    uint16_t pcid;
};

static bool in_scope(const void *self, unsigned space)
{
    const struct scope *c = self;
    const struct space_name *n = &c->m->spaces.name[space];
    if (c->everything)
        return true;
    if (n->vpid != c->m->ctx.vpid || n->eptp != c->m->ctx.eptp)
        return false;
    if (n->pcid == SPACE_GLOBAL)
        return c->globals;
    return c->all_pcids || n->pcid == c->pcid;
}

static bool tag_in_scope(const void *self, uint64_t tag)
{
    return in_scope(self, tlb_tag_space(tag));
}

static void flush_tlb(struct mmu *m, struct tlb *t, const struct scope *c,
                      unsigned left)
{
    for (uint32_t k = 0; k < t->entries && t->live != 0; k++)
        if (t->tag[k] != 0 && in_scope(c, tlb_tag_space(t->tag[k])))
            flush_slot(m, t, k, left);
    if (t->shadow != NULL)
        shadow_drop_matching(t->shadow, tag_in_scope, c);
}

static void flush_scope(struct mmu *m, const struct scope *c, unsigned left)
{
    for (unsigned side = 0; side < SIDES; side++)
        for (unsigned class = 0; class < PAGE_CLASSES; class ++)
            flush_tlb(m, &m->side[side].l1[class], c, left);
    flush_tlb(m, &m->stlb, c, left);
    flush_tlb(m, &m->stlb_i, c, left);
    flush_tlb(m, &m->stlb_1g, c, left);
    for (unsigned level = 0; level < PT_LEVELS; level++)
        psc_drop_spaces(&m->psc[level], in_scope, c);
}

static void flush(struct mmu *m, const struct scope *c,
                  enum mmu_flush_cause why)
{
    m->stats->flushes[why]++;
    if (m->timing)
        flush_scope(m, c, LEFT_FLUSHED + (unsigned)why);
    else
        filter_drop_all(m);
}

void mmu_flush_pcid(struct mmu *m, uint16_t pcid, enum mmu_flush_cause why)
{
    struct scope c = {.m = m, .pcid = pcid};
    flush(m, &c, why);
}

void mmu_flush_all(struct mmu *m, bool globals, enum mmu_flush_cause why)
{
    struct scope c = {.m = m, .globals = globals, .all_pcids = true};
    c.everything = why == FLUSH_RESET;
    flush(m, &c, why);
}

void flush_everything(struct mmu *m)
{
    struct scope c = {.m = m, .everything = true};
    flush_scope(m, &c, LEFT_NEVER);
}

void mmu_flush_page(struct mmu *m, uint64_t lin, uint16_t pcid, bool globals,
                    enum mmu_flush_cause why)
{
    m->stats->flushes[why]++;
    if (!m->timing) {
        filter_drop_all(m);
        return;
    }
    struct space_name n = {m->ctx.eptp, m->ctx.vpid, pcid};
    unsigned here = space_known(&m->spaces, &n);
    for (unsigned side = 0; side < SIDES; side++)
        flush_page_side(m, side, lin, here, globals ? m->global : 0,
                        LEFT_FLUSHED + (unsigned)why);
    struct scope c = {.m = m, .pcid = pcid};
    for (unsigned level = 0; level < PT_LEVELS; level++)
        psc_drop_spaces(&m->psc[level], in_scope, &c);
}

/* --- lines --- */

void mmu_clflush(struct mmu *m, uint64_t lin)
{
    struct piece p = {.lin = lin};
    if (!m->timing || !translate_peek(m, SIDE_D, MMU_READ, &p) ||
        p.offset == MEMORY_NONE)
        return;
    coherence_line_gone(m->shared, (uint32_t)(p.pa >> LINE_SHIFT));
}

void mmu_clwb(struct mmu *m, uint64_t lin)
{
    struct piece p = {.lin = lin};
    if (!m->timing || !translate_peek(m, SIDE_D, MMU_READ, &p) ||
        p.offset == MEMORY_NONE)
        return;
    coherence_line_clean(m->shared, (uint32_t)(p.pa >> LINE_SHIFT));
}

bool mmu_ram_line(struct mmu *m, uint64_t lin, hpa *line)
{
    struct piece p = {.lin = lin};
    if (!translate_peek(m, SIDE_D, MMU_READ, &p) || p.offset == MEMORY_NONE)
        return false;
    line->v = p.pa & ~(LINE_SIZE - 1);
    return true;
}

void mmu_wbinvd(struct mmu *m)
{
    if (m->timing)
        hierarchy_clear(m);
}

void mmu_prefetch(struct mmu *m, uint64_t lin, bool write)
{
    struct piece p = {.lin = lin};
    if (!m->timing)
        return;
    m->stats->prefetches++;
    /* A hint: without a cached translation it is dropped. */
    if (!translate_cached(m, SIDE_D, MMU_READ, &p) || p.offset == MEMORY_NONE) {
        m->stats->prefetches_dropped++;
        return;
    }
    hierarchy_prefetch(m, &p, write);
}
