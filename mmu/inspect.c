/* SPDX-License-Identifier: Apache-2.0
 * Translation seen from outside: a walk of its own that sets no flag, and the
 * contents of the structures that cache translations.
 */
#include "mmu/inspect.h"

#include "mmu/walker.h"

/* The walk of one address under a context. */
struct inspect {
    const struct mmu *m;
    struct pt_space guest, ept;
    bool nested, pae;
    struct walk_report *r;
};

static struct walk_step *add_step(struct inspect *w)
{
    return w->r->count < WALK_STEPS_MAX ? &w->r->step[w->r->count++] : NULL;
}

/* What memory holds; a device or nobody reads as all ones, as for a walk. */
static uint64_t peek(const struct mmu *m, const struct pt_ref *ref)
{
    uint64_t entry = ref->bytes == 4 ? UINT32_MAX : UINT64_MAX;
    uint64_t offset = memory_offset(m->shared, ref->at & m->lines);
    if (offset != MEMORY_NONE) {
        entry = 0;
        memcpy(&entry, m->shared->ram + offset, ref->bytes);
    }
    return entry;
}

static bool read_ept(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct inspect *w = self;
    *entry = peek(w->m, ref);
    struct walk_step *s = add_step(w);
    if (s != NULL)
        *s = (struct walk_step){
            .ept = true, .level = ref->level, .at = ref->at, .entry = *entry};
    return true;
}

/* Guest-physical to host-physical; false: the report says why not. */
static bool through_ept(struct inspect *w, uint64_t in, unsigned needed,
                        uint64_t *host, unsigned *shift)
{
    const struct pt_port port = {w, read_ept, NULL};
    struct pt_start from = pt_top(&w->ept);
    struct pt_result r;
    w->r->guest = in;
    pt_walk(&w->ept, &port, &from, in, &r);
    if (r.stop != PT_MAPPED) {
        w->r->end =
            r.stop == PT_RESERVED ? WALK_EPT_MISCONFIG : WALK_EPT_VIOLATION;
        return false;
    }
    w->r->ept_rights = r.rights;
    if ((r.rights & needed) != needed) {
        w->r->end = WALK_EPT_VIOLATION;
        return false;
    }
    *host = r.out;
    *shift = pt_page_shift(w->ept.f, r.level);
    return true;
}

static bool read_guest(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct inspect *w = self;
    struct pt_ref at = *ref;
    unsigned shift;
    if (w->nested && !through_ept(w, ref->at, PT_R, &at.at, &shift))
        return false;
    *entry = peek(w->m, &at);
    struct walk_step *s = add_step(w);
    if (s != NULL)
        *s = (struct walk_step){.level = ref->level,
                                .at = at.at,
                                .guest = w->nested ? ref->at : 0,
                                .entry = *entry};
    return true;
}

/* The same choices as for the running context (context.c), from any. */
static void bind(struct inspect *w, const struct mmu_context *c)
{
    const struct mmu *m = w->m;
    bool pae = (c->cr4 & CR4_PAE) != 0, lma = (c->efer & EFER_LMA) != 0;
    struct pt_controls k = {.maxphyaddr = m->config.maxphyaddr,
                            .nx = pae && (c->efer & EFER_NXE) != 0,
                            .pse = (c->cr4 & CR4_PSE) != 0,
                            .pages_1g = !m->config.no_1g_pages};
    const struct pt_format *f = &pt_format_ia32e4;
    uint64_t root = c->cr3 & bits_mask(52) & ~bits_mask(12);
    if (!pae) {
        f = &pt_format_32bit;
        root &= bits_mask(32);
    } else if (!lma) {
        f = &pt_format_pae;
        w->pae = true;
    } else if ((c->cr4 & CR4_LA57) != 0) {
        f = &pt_format_ia32e5;
    }
    pt_space_init(&w->guest, f, root, &k);
    w->nested = c->eptp != 0;
    if (w->nested)
        ept_space_init(m, c->eptp, c->mode_execute, &w->ept);
}

static bool is_canonical(const struct inspect *w, uint64_t lin)
{
    return w->guest.f->entry_bytes != 8 || w->pae ||
           bits_sext(lin, w->guest.f->top == 5 ? 57 : 48) == lin;
}

static void finish(struct inspect *w, uint64_t in, unsigned shift)
{
    unsigned ept_shift = shift;
    w->r->guest = in;
    w->r->host = in;
    if (w->nested && !through_ept(w, in, 0, &w->r->host, &ept_shift))
        return;
    w->r->host &= w->m->lines;
    w->r->page_shift = shift < ept_shift ? shift : ept_shift;
    w->r->end = WALK_MAPPED;
}

void mmu_inspect_walk_in(const struct mmu *m, const struct mmu_context *ctx,
                         uint64_t lin, struct walk_report *r)
{
    struct inspect w = {.m = m, .r = r};
    const struct pt_port port = {&w, read_guest, NULL};
    struct pt_result walk;
    r->end = WALK_MAPPED; /* the steps are not cleared: there are many */
    r->count = r->page_shift = r->rights = r->ept_rights = 0;
    r->guest = r->host = 0;
    bind(&w, ctx);
    if ((ctx->cr0 & CR0_PG) == 0) {
        r->rights = PT_R | PT_W | PT_X;
        finish(&w, lin & bits_mask(32), 32);
        return;
    }
    if (!is_canonical(&w, lin)) {
        r->end = WALK_NOT_CANONICAL;
        return;
    }
    struct pt_start from = pt_top(&w.guest);
    if (w.pae) {
        uint64_t pdpte = ctx->pdpte[bits_get(lin, 31, 30)];
        from.table = pdpte & w.guest.address;
        if ((pdpte & 1) == 0) {
            r->end = WALK_NOT_PRESENT;
            return;
        }
    }
    pt_walk(&w.guest, &port, &from, lin, &walk);
    switch (walk.stop) {
    case PT_NOT_PRESENT: r->end = WALK_NOT_PRESENT; break;
    case PT_RESERVED: r->end = WALK_RESERVED; break;
    case PT_UNREADABLE: break; /* through_ept has said why */
    case PT_MAPPED:
        r->rights = walk.rights;
        finish(&w, walk.out, pt_page_shift(w.guest.f, walk.level));
        break;
    }
}

void mmu_inspect_walk(const struct mmu *m, uint64_t lin, struct walk_report *r)
{
    mmu_inspect_walk_in(m, &m->ctx, lin, r);
}

void mmu_set_walk_port(struct mmu *m, const struct walk_port *port)
{
    m->watch = *port;
}

/* --- what is cached --- */

struct dump {
    const struct mmu *m;
    void (*each)(void *self, const struct tlb_view *v);
    void *self;
};

static void show(const struct dump *d, struct tlb_view *v, unsigned space)
{
    const struct space_name *n = &d->m->spaces.name[space];
    v->eptp = n->root & ~UINT64_C(1);
    v->vpid = n->vpid;
    v->global = n->pcid == SPACE_GLOBAL;
    v->guest_physical = n->pcid == SPACE_PHYSICAL;
    v->pcid = v->global || v->guest_physical ? 0 : n->pcid;
    d->each(d->self, v);
}

/* The 57 translated bits as an address. */
static uint64_t address_of(uint64_t page, unsigned shift)
{
    return bits_sext(page << shift, 57);
}

static void dump_tlb(const struct dump *d, const struct tlb *t,
                     const char *name)
{
    for (uint32_t k = 0; k < t->entries; k++) {
        uint64_t tag = t->tag[k];
        if (tag == 0)
            continue;
        unsigned shift = page_class_shift(tlb_tag_class(tag));
        struct tlb_view v = {
            .structure = name,
            .lin = address_of(tag >> TLB_TAG_PAGE_SHIFT, shift),
            .host = t->entry[k].base,
            .page_shift = shift,
            .rights = t->entry[k].rights,
            .ept_rights = t->entry[k].flags >> TLB_EPT_SHIFT,
        };
        show(d, &v, tlb_tag_space(tag));
    }
}

/* EPT's are of guest-physical addresses; of the others some are through EPT
 * and then lead to a guest-physical table, which lies at `host`. */
static void dump_psc(const struct dump *d, const struct psc *p, bool ept,
                     unsigned level, const char *name)
{
    for (uint32_t k = 0; k < p->entries; k++) {
        uint64_t tag = p->tag[k];
        if (tag == 0)
            continue;
        unsigned shift = ept ? 12 + 9 * (level - 1) : p->entry[k].shift;
        bool combined = !ept && d->m->spaces.name[psc_space(p, k)].root != 0;
        struct tlb_view v = {
            .structure = name,
            .lin = address_of(tag >> 17, shift),
            .host = combined ? p->entry[k].host : p->entry[k].table,
            .page_shift = shift,
            .rights =
                ept ? PT_R | PT_W | PT_U | PT_X
                    : pt_rights(&d->m->space, p->entry[k].all, p->entry[k].any),
            .ept_rights = ept ? ept_rights(d->m, p->entry[k].all)
                              : PT_R | PT_W | PT_U | PT_X,
        };
        show(d, &v, psc_space(p, k));
    }
}

static void dump_nested(const struct dump *d)
{
    const struct psc *p = &d->m->nested;
    for (uint32_t k = 0; k < p->entries; k++) {
        if (p->tag[k] == 0)
            continue;
        struct tlb_view v = {
            .structure = "nested_tlb",
            .host = p->entry[k].table,
            .rights = PT_R | PT_W | PT_U | PT_X,
            .ept_rights = ept_rights(d->m, p->entry[k].all),
        };
        v.page_shift = page_class_shift(nested_page(psc_prefix(p, k), &v.lin));
        show(d, &v, psc_space(p, k));
    }
}

void mmu_inspect_tlb(const struct mmu *m,
                     void (*each)(void *self, const struct tlb_view *v),
                     void *self)
{
    static const char *const l1[SIDES] = {"dtlb", "itlb"};
    static const char *const psc[PT_LEVELS] = {
        "", "", "psc.pde", "psc.pdpte", "psc.pml4e", "psc.pml5e"};
    static const char *const ept[PT_LEVELS] = {"",
                                               "",
                                               "ept_psc.pde",
                                               "ept_psc.pdpte",
                                               "ept_psc.pml4e",
                                               "ept_psc.pml5e"};
    const struct dump d = {m, each, self};
    for (unsigned side = 0; side < SIDES; side++)
        for (unsigned class = 0; class < PAGE_CLASSES; class ++)
            dump_tlb(&d, &m->side[side].l1[class], l1[side]);
    dump_tlb(&d, &m->stlb, "stlb");
    dump_tlb(&d, &m->stlb_i, "stlb");
    dump_tlb(&d, &m->stlb_1g, "stlb");
    for (unsigned level = 2; level < PT_LEVELS; level++) {
        dump_psc(&d, &m->psc[level], false, level, psc[level]);
        dump_psc(&d, &m->ept_psc[level], true, level, ept[level]);
    }
    dump_nested(&d);
}
