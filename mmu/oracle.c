/* SPDX-License-Identifier: Apache-2.0
 * The invalidation oracle. Each cached translation keeps the entries that it
 * was made from; at a use they are compared with memory. When one differs,
 * or the tables begin elsewhere now, a walk of its own decides whether the
 * access would go another way today.
 */
#include "mmu/oracle.h"

#include "mmu/inspect.h"
#include "mmu/walker.h"

#include <stdlib.h>

enum { FINDINGS = 1024 };

/* One sort of finding, however often it is met. */
struct sort {
    uint64_t key, count;
};

struct oracle {
    struct oracle_port port;
    struct rng rng;
    struct sort sort[FINDINGS];
    unsigned sorts;
};

struct oracle *oracle_create(struct mmu *m)
{
    struct oracle *o = calloc(1, sizeof *o);
    if (o != NULL)
        o->rng = rng_make(m->config.seed, 0x6f7261636c65);
    return o;
}

void oracle_destroy(struct mmu *m)
{
    free(m->oracle);
    m->oracle = NULL;
}

void mmu_set_oracle_port(struct mmu *m, struct oracle_port port)
{
    if (m->oracle != NULL)
        m->oracle->port = port;
}

struct oracle_place oracle_here(const struct mmu *m)
{
    const struct oracle_port *p = &m->oracle->port;
    struct oracle_place here = {0};
    if (p->where != NULL)
        here = p->where(p->self);
    here.cycle = m->account->cycles;
    return here;
}

/* --- is it stale? --- */

/* Accessed and dirty flags, and nothing of what software may keep there. */
static uint64_t flags_of(const struct trail_step *s)
{
    return s->ept ? BIT(8) | BIT(9) : BIT(5) | BIT(6);
}

static uint64_t now_of(const struct mmu *m, const struct trail_step *s)
{
    struct pt_ref ref = {
        .at = s->at,
        .bytes = s->ept || m->space.f == NULL ? 8 : m->space.f->entry_bytes};
    uint64_t entry;
    (void)table_read((struct mmu *)(uintptr_t)m, &ref, &entry);
    return entry;
}

/* The first entry that differs; NULL: none does, nor will before a store. */
static const struct trail_step *changed(const struct mmu *m, struct trail *t)
{
    uint64_t stores = book_stores(m->shared->book);
    if (t->checked == stores)
        return NULL;
    for (unsigned k = 0; k < t->count; k++) {
        const struct trail_step *s = &t->step[k];
        if (((now_of(m, s) ^ s->value) & ~flags_of(s)) != 0)
            return s;
    }
    t->checked = stores;
    return NULL;
}

static bool begins_here(const struct mmu *m, const struct trail *t,
                        uint64_t lin)
{
    struct pt_start from;
    if (t->eptp != m->ctx.eptp)
        return false;
    return !m->paging || (table_start(m, lin, &from) && from.table == t->first);
}

/* Would this access, made by a walk, end where the cached one does? `host`
 * NULL: the cached one ends in a fault. */
static bool agrees(const struct mmu *m, uint64_t lin, unsigned access,
                   unsigned key, const uint64_t *host)
{
    struct walk_report r;
    mmu_inspect_walk(m, lin, &r);
    bool mapped = r.end == WALK_MAPPED;
    if (mapped && m->paging)
        mapped = translate_allowed(m, r.rights, key, access);
    if (mapped && m->ept) {
        unsigned need = (access & MMU_KIND) == MMU_FETCH ? PT_X
                        : access_writes(access)          ? PT_W
                                                         : PT_R;
        mapped = m->ctx.mode_execute || (r.ept_rights & need) != 0;
    }
    if (host == NULL)
        return !mapped;
    return mapped && ((r.host ^ *host) & ~bits_mask(PAGE_SHIFT)) == 0;
}

/* --- what was left out --- */

static const char *missing(const struct mmu *m, const struct oracle_finding *f,
                           const struct book_entry *by, bool global)
{
    uint16_t vpid = m->ctx.vpid;
    if (f->ept)
        return "INVEPT (type 1 for this EPT pointer, 0 for the address, 2)";
    if (!f->changed && m->ept)
        return "INVVPID (type 1), or INVEPT after a change of the EPT pointer";
    if (!f->changed)
        return vpid != 0 ? "INVVPID (type 1)" : "MOV to CR3 without bit 63";
    if (vpid != 0 && (by == NULL || by->agent || by->vpid != vpid))
        return "INVVPID (type 0 for the address, 1, 2 or 3)";
    if (global)
        return "INVLPG, or INVPCID type 2, as the page is global";
    uint16_t pcid = m->spaces.name[m->here].pcid;
    if (by != NULL && by->pcid != pcid)
        return "INVPCID (type 0 for the address, 1 or 3)";
    if (f->level > 1)
        return "INVLPG of each page below, INVPCID (type 1) or MOV to CR3";
    return "INVLPG, INVPCID (type 0) or MOV to CR3";
}

/* --- telling --- */

static bool is_round(uint64_t n)
{
    while (n % 10 == 0)
        n /= 10;
    return n == 1;
}

static uint64_t count_sort(struct oracle *o, const struct oracle_finding *f)
{
    uint64_t key = (f->user.rip * UINT64_C(0x9E3779B97F4A7C15)) ^
                   f->at * UINT64_C(0xC2B2AE3D27D4EB4F) ^ f->after;
    for (unsigned k = 0; k < o->sorts; k++)
        if (o->sort[k].key == key)
            return ++o->sort[k].count;
    if (o->sorts == FINDINGS)
        return 2; /* beyond that many sorts they are only counted */
    o->sort[o->sorts++] = (struct sort){.key = key, .count = 1};
    return 1;
}

/* True: use what a walk gives. */
static bool tell(struct mmu *m, uint64_t lin, unsigned access,
                 const struct trail *t, const struct trail_step *s, bool global,
                 bool cached)
{
    static const char *const via[] = {[VIA_WALK] = "TLB",
                                      [VIA_PSC] = "paging-structure cache",
                                      [VIA_EPT_PSC] =
                                          "EPT paging-structure cache",
                                      [VIA_NESTED] = "nested TLB"};
    struct oracle *o = m->oracle;
    struct oracle_finding f = {.user = oracle_here(m),
                               .lin = lin,
                               .access = access,
                               .stop = m->config.check_tlb == TLB_CHECK_STOP};
    f.structure = cached || s == NULL ? via[VIA_WALK] : via[s->via];
    f.age = f.user.cycle - t->born;
    const struct book_entry *by = NULL;
    if (s != NULL) {
        f.changed = true;
        f.ept = s->ept;
        f.level = s->level;
        f.at = s->at;
        f.before = s->value;
        f.after = now_of(m, s);
        by = book_find(m->shared->book, s->at);
    }
    if (by != NULL) {
        f.known = true;
        f.agent = by->agent;
        f.writer = by->place;
    }
    f.missing = missing(m, &f, by, global);
    m->stats->stale_uses++;
    f.count = count_sort(o, &f);
    m->stats->stale_sorts = o->sorts;
    if (is_round(f.count) && o->port.found != NULL)
        o->port.found(o->port.self, &f);
    if (m->config.check_tlb == TLB_CHECK_RANDOM)
        return (rng_next(&o->rng) & 1) != 0;
    return m->config.check_tlb == TLB_CHECK_FRESH;
}

static bool every(const void *self, unsigned space)
{
    (void)self;
    (void)space;
    return true;
}

/* No cache of tables may serve the next walk. */
static void forget_tables(struct mmu *m)
{
    for (unsigned level = 0; level < PT_LEVELS; level++) {
        psc_drop_spaces(&m->psc[level], every, NULL);
        psc_drop_spaces(&m->ept_psc[level], every, NULL);
    }
    psc_drop_spaces(&m->nested, every, NULL);
}

/* --- uses --- */

void oracle_use(struct mmu *m, unsigned side, unsigned access,
                const struct piece *p)
{
    uint32_t slot;
    const struct tlb *t = translate_find(m, side, p->lin, &slot);
    if (t == NULL)
        return;
    const struct tlb_entry *e = &t->entry[slot];
    struct trail *trail = &t->trail[slot];
    unsigned class = tlb_tag_class(t->tag[slot]);
    uint64_t host =
        (e->base | (p->lin & bits_mask(page_class_shift(class)))) & m->lines;
    if (!translate_serves(m, e, access))
        return; /* the processor walks, and does not use it */
    const struct trail_step *s = changed(m, trail);
    if ((s == NULL && begins_here(m, trail, p->lin)) ||
        agrees(m, p->lin, access, e->key, &host))
        return;
    bool global = tlb_tag_space(t->tag[slot]) == m->global && m->paging &&
                  m->global != m->here;
    if (!tell(m, p->lin, access, trail, s, global, true))
        return;
    for (unsigned k = 0; k < SIDES; k++)
        flush_page_side(m, k, p->lin, m->here, m->global, LEFT_EVICTED);
    forget_tables(m);
}

bool oracle_walked(struct walker *w, bool good)
{
    struct mmu *m = w->m;
    const struct trail_step *s = changed(m, w->trail);
    uint64_t host = m->ept ? w->page.host : w->gpa;
    if (s == NULL || s->via == VIA_WALK)
        return false;
    if (agrees(m, w->lin, w->access, good ? w->key : 0, good ? &host : NULL))
        return false;
    if (!tell(m, w->lin, w->access, w->trail, s, false, false))
        return false;
    forget_tables(m);
    return true;
}
