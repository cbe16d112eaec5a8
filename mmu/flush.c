/* SPDX-License-Identifier: Apache-2.0
 * Invalidation of cached translations and lines. Source: SDM Vol.3
 * "Operations that Invalidate TLBs and Paging-Structure Caches".
 */
#include "mmu/walker.h"

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

/* A #PF concerns the current VPID under whatever EPT root. */
static void drop_address(struct mmu *m, uint64_t lin, unsigned here,
                         unsigned global, unsigned left)
{
    for (unsigned k = 0; k < SIDES; k++)
        flush_page_side(m, k, lin, here, global, left);
    if (m->paging)
        for (unsigned level = 2; level <= m->space.f->top; level++)
            psc_drop(&m->psc[level], walker_prefix(m, lin, level), here);
}

/* The numbers of `n` and its globals under a root; 0: it has none. */
static void numbers(const struct mmu *m, const struct space_name *n,
                    unsigned *here, unsigned *global)
{
    struct space_name g = *n;
    g.pcid = SPACE_GLOBAL;
    *here = space_known(&m->spaces, n);
    *global = space_known(&m->spaces, &g);
}

static struct space_name current(const struct mmu *m)
{
    return m->spaces.name[m->here];
}

void flush_fault(struct mmu *m, uint64_t lin)
{
    struct space_name n = current(m);
    for (uint32_t k = 0; k <= m->spaces.roots; k++) {
        unsigned here, global;
        n.root = k == 0 ? 0 : m->spaces.root[k - 1];
        numbers(m, &n, &here, &global);
        drop_address(m, lin, here, global, LEFT_FLUSHED + FLUSH_PAGE_FAULT);
    }
}

void flush_violation(struct mmu *m, uint64_t lin)
{
    drop_address(m, lin, m->here, m->global,
                 LEFT_FLUSHED + FLUSH_EPT_VIOLATION);
}

/* --- many --- */

/* Which spaces lose their translations. */
struct scope {
    const struct mmu *m;
    bool everything;
    bool linear;   /* those of linear addresses alone: no EPT in them */
    bool combined; /* of linear addresses through EPT */
    bool physical; /* of guest-physical addresses */
    bool one_root, one_vpid, one_pcid, not_vpid_0, globals;
    uint64_t root;
    uint16_t vpid, pcid;
};

static bool in_scope(const void *self, unsigned space)
{
    const struct scope *c = self;
    const struct space_name *n = &c->m->spaces.name[space];
    if (c->everything)
        return true;
    if (c->one_root && n->root != c->root)
        return false;
    if (n->pcid == SPACE_PHYSICAL)
        return c->physical;
    if (!(n->root == 0 ? c->linear : c->combined))
        return false;
    if ((c->one_vpid && n->vpid != c->vpid) || (c->not_vpid_0 && n->vpid == 0))
        return false;
    if (n->pcid == SPACE_GLOBAL)
        return c->globals;
    return !c->one_pcid || n->pcid == c->pcid;
}

/* Instructions that know nothing of VMX: the current VPID, without and
 * through EPT of whatever root. */
static struct scope scope_of_vpid(const struct mmu *m, uint16_t vpid)
{
    return (struct scope){.m = m,
                          .linear = true,
                          .combined = true,
                          .one_vpid = true,
                          .vpid = vpid};
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
    for (unsigned level = 0; level < PT_LEVELS; level++) {
        psc_drop_spaces(&m->psc[level], in_scope, c);
        psc_drop_spaces(&m->ept_psc[level], in_scope, c);
    }
    psc_drop_spaces(&m->nested, in_scope, c);
}

static bool is_aggressive(const struct mmu *m)
{
    return m->config.invalidation == INVALIDATION_AGGRESSIVE;
}

static void flush(struct mmu *m, struct scope *c, enum mmu_flush_cause why)
{
    m->stats->flushes[why]++;
    if (is_aggressive(m))
        c->everything = true;
    if (m->timing)
        flush_scope(m, c, LEFT_FLUSHED + (unsigned)why);
    else
        filter_drop_all(m);
}

void mmu_flush_pcid(struct mmu *m, uint16_t pcid, enum mmu_flush_cause why)
{
    struct scope c = scope_of_vpid(m, m->ctx.vpid);
    c.one_pcid = true;
    c.pcid = pcid;
    flush(m, &c, why);
}

void mmu_flush_all(struct mmu *m, bool globals, enum mmu_flush_cause why)
{
    struct scope c = scope_of_vpid(m, m->ctx.vpid);
    c.globals = globals;
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
    struct scope c = scope_of_vpid(m, m->ctx.vpid);
    if (!m->timing || is_aggressive(m)) {
        flush(m, &c, why);
        return;
    }
    m->stats->flushes[why]++;
    struct space_name n = {.vpid = m->ctx.vpid, .pcid = pcid};
    for (uint32_t k = 0; k <= m->spaces.roots; k++) {
        unsigned here, global;
        n.root = k == 0 ? 0 : m->spaces.root[k - 1];
        numbers(m, &n, &here, &global);
        for (unsigned side = 0; side < SIDES; side++)
            flush_page_side(m, side, lin, here, globals ? global : 0,
                            LEFT_FLUSHED + (unsigned)why);
    }
    c.one_pcid = true;
    c.pcid = pcid;
    for (unsigned level = 0; level < PT_LEVELS; level++)
        psc_drop_spaces(&m->psc[level], in_scope, &c);
}

/* --- of VMX --- */

/* Types that look at single entries. True: it is done. */
static bool invept_one(struct mmu *m, enum mmu_invept type, uint64_t a,
                       uint64_t b)
{
    if (!m->timing || is_aggressive(m))
        return false;
    switch (type) {
    case INVEPT_INDIVIDUAL: invept_address(m, a, b, false); return true;
    case INVEPT_UPDATE: invept_address(m, a, b, true); return true;
    case INVEPT_REGION: invept_region(m, a, b); return true;
    case INVEPT_SINGLE:
    case INVEPT_GLOBAL: break;
    }
    return false;
}

void mmu_invept(struct mmu *m, enum mmu_invept type, uint64_t a, uint64_t b)
{
    static const enum mmu_flush_cause why[] = {
        [INVEPT_INDIVIDUAL] = FLUSH_INVEPT_INDIVIDUAL,
        [INVEPT_SINGLE] = FLUSH_INVEPT_SINGLE,
        [INVEPT_GLOBAL] = FLUSH_INVEPT_GLOBAL,
        [INVEPT_REGION] = FLUSH_INVEPT_REGION,
        [INVEPT_UPDATE] = FLUSH_INVEPT_UPDATE};
    struct scope c = {.m = m,
                      .combined = true,
                      .physical = true,
                      .globals = true,
                      .one_root = type != INVEPT_GLOBAL,
                      .root = space_root(a)};
    if (invept_one(m, type, a, b))
        m->stats->flushes[why[type]]++;
    else
        flush(m, &c, why[type]);
}

/* INVVPID of an address: every PCID and root, and the caches of the tables
 * that would translate it. */
static void flush_address(struct mmu *m, struct tlb *t, uint64_t lin,
                          const struct scope *c)
{
    for (uint32_t k = 0; k < t->entries && t->live != 0; k++) {
        uint64_t tag = t->tag[k];
        unsigned class = tlb_tag_class(tag);
        uint64_t page = tag >> TLB_TAG_PAGE_SHIFT;
        bool half = (t->entry[k].flags & TLB_HALF_4M) != 0;
        if (tag == 0 || !in_scope(c, tlb_tag_space(tag)) ||
            (page ^ page_number(lin, class)) >> half != 0)
            continue;
        if (t->shadow != NULL)
            shadow_drop(t->shadow, tag);
        flush_slot(m, t, k, LEFT_FLUSHED + FLUSH_INVVPID_ADDRESS);
    }
}

static void invvpid_address(struct mmu *m, uint64_t lin, const struct scope *c)
{
    m->stats->flushes[FLUSH_INVVPID_ADDRESS]++;
    for (unsigned side = 0; side < SIDES; side++)
        for (unsigned class = 0; class < PAGE_CLASSES; class ++)
            flush_address(m, &m->side[side].l1[class], lin, c);
    flush_address(m, &m->stlb, lin, c);
    flush_address(m, &m->stlb_i, lin, c);
    flush_address(m, &m->stlb_1g, lin, c);
    for (unsigned level = 2; level < PT_LEVELS; level++) {
        struct psc *p = &m->psc[level];
        for (uint32_t k = 0; k < p->entries; k++) {
            if (p->tag[k] != 0 && in_scope(c, psc_space(p, k)) &&
                (lin & bits_mask(57)) >> p->entry[k].shift == psc_prefix(p, k))
                psc_drop_slot(p, k);
        }
    }
}

void mmu_invvpid(struct mmu *m, enum mmu_invvpid type, uint16_t vpid,
                 uint64_t lin)
{
    static const enum mmu_flush_cause why[] = {
        [INVVPID_ADDRESS] = FLUSH_INVVPID_ADDRESS,
        [INVVPID_SINGLE] = FLUSH_INVVPID_SINGLE,
        [INVVPID_ALL] = FLUSH_INVVPID_ALL,
        [INVVPID_RETAIN] = FLUSH_INVVPID_RETAIN};
    struct scope c = scope_of_vpid(m, vpid);
    c.globals = type != INVVPID_RETAIN;
    if (type == INVVPID_ALL) {
        c.one_vpid = false;
        c.not_vpid_0 = true;
    }
    if (type == INVVPID_ADDRESS && m->timing && !is_aggressive(m))
        invvpid_address(m, lin, &c);
    else
        flush(m, &c, why[type]);
}

void flush_when_allowed(struct mmu *m)
{
    struct scope c = {.m = m};
    if (is_aggressive(m))
        flush(m, &c, FLUSH_VM_TRANSITION);
}

void mmu_vm_transition(struct mmu *m)
{
    struct scope c = scope_of_vpid(m, 0);
    c.globals = true;
    flush(m, &c, FLUSH_VM_TRANSITION);
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
