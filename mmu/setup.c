/* SPDX-License-Identifier: Apache-2.0
 * Building one core's memory management from its configuration.
 */
#include "mmu/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static enum sim_status check_assoc(const struct assoc_config *a,
                                   const char *name, struct sim_error *e)
{
    if (a->entries != 0 &&
        (a->ways == 0 || a->ways > a->entries || a->entries % a->ways != 0))
        return sim_fail(e, SIM_USAGE,
                        "%s: %" PRIu32 " entries do not divide into %" PRIu32
                        " ways",
                        name, a->entries, a->ways);
    return SIM_OK;
}

static enum sim_status check(const struct mmu_config *c, struct sim_error *e)
{
    const struct {
        const struct assoc_config *a;
        const char *name;
    } rows[] = {{&c->itlb_4k, "itlb.4k"},
                {&c->itlb_2m, "itlb.2m"},
                {&c->itlb_1g, "itlb.1g"},
                {&c->dtlb_4k, "dtlb.4k"},
                {&c->dtlb_2m, "dtlb.2m"},
                {&c->dtlb_1g, "dtlb.1g"},
                {&c->stlb, "stlb"},
                {&c->stlb_i, "stlb_i"},
                {&c->stlb_1g, "stlb.1g"},
                {&c->psc_pml5e, "psc.pml5e"},
                {&c->psc_pml4e, "psc.pml4e"},
                {&c->psc_pdpte, "psc.pdpte"},
                {&c->psc_pde, "psc.pde"},
                {&c->nested_tlb, "nested_tlb"},
                {&c->ept_psc_pml5e, "ept_psc.pml5e"},
                {&c->ept_psc_pml4e, "ept_psc.pml4e"},
                {&c->ept_psc_pdpte, "ept_psc.pdpte"},
                {&c->ept_psc_pde, "ept_psc.pde"}};
    enum sim_status status = SIM_OK;
    for (size_t k = 0; k < sizeof rows / sizeof *rows && status == SIM_OK; k++)
        status = check_assoc(rows[k].a, rows[k].name, e);
    if (status != SIM_OK)
        return status;
    if (c->maxphyaddr < 32 || c->maxphyaddr > 52)
        return sim_fail(e, SIM_USAGE, "maxphyaddr: %" PRIu32 " bits (32 to 52)",
                        c->maxphyaddr);
    uint64_t data =
        (uint64_t)c->dtlb_4k.entries + c->dtlb_2m.entries + c->dtlb_1g.entries;
    uint64_t code =
        (uint64_t)c->itlb_4k.entries + c->itlb_2m.entries + c->itlb_1g.entries;
    if (data > TLB_NO_SLOT || code > TLB_NO_SLOT)
        return sim_fail(e, SIM_USAGE,
                        "first-level TLB: %" PRIu64 " entries (%d at most)",
                        data > code ? data : code, TLB_NO_SLOT);
    uint32_t most =
        c->l1d.size_kib > c->l1i.size_kib ? c->l1d.size_kib : c->l1i.size_kib;
    if (most > L1_SLOTS_MAX / 16)
        return sim_fail(e, SIM_USAGE,
                        "first-level cache: %" PRIu32 " KiB (%d at most)", most,
                        L1_SLOTS_MAX / 16);
    return SIM_OK;
}

/* Attach the shadow that tells conflict from capacity. */
static bool add_shadow(const struct mmu *m, struct tlb *t)
{
    if (!m->config.split_conflict_misses || t->entries == 0)
        return true;
    t->shadow = shadow_create(t->entries);
    return t->shadow != NULL;
}

static bool make_side(struct mmu *m, unsigned side, struct rng *seeds)
{
    const struct mmu_config *c = &m->config;
    const struct assoc_config *config[PAGE_CLASSES] = {
        side == SIDE_D ? &c->dtlb_4k : &c->itlb_4k,
        side == SIDE_D ? &c->dtlb_2m : &c->itlb_2m,
        side == SIDE_D ? &c->dtlb_1g : &c->itlb_1g};
    struct side *s = &m->side[side];
    uint64_t *stamp = side == SIDE_D ? m->hot->dtlb_stamp : m->hot->itlb_stamp;
    uint32_t slot = 0;
    bool good = true;
    for (unsigned k = 0; k < PAGE_CLASSES; k++) {
        good = tlb_init(&s->l1[k], config[k],
                        side == SIDE_D ? KIND_DTLB : KIND_ITLB, stamp + slot,
                        rng_next(seeds)) &&
               add_shadow(m, &s->l1[k]) && good;
        s->l1[k].first_slot = slot;
        slot += config[k]->entries;
    }
    bool own = side == SIDE_I && !c->stlb_unified;
    s->l2 = own ? &m->stlb_i : &m->stlb;
    s->l2_1g = &m->stlb_1g;
    s->stats = side == SIDE_D ? &m->stats->dtlb : &m->stats->itlb;
    s->l2_stats = own ? &m->stats->stlb_i : &m->stats->stlb;
    s->clock = side == SIDE_D ? &m->hot->dclock : &m->hot->iclock;
    s->leaf_stlb = side == SIDE_D ? LEAF_DTLB_STLB : LEAF_ITLB_STLB;
    s->leaf_walk = side == SIDE_D ? LEAF_DTLB_WALK_GUEST : LEAF_ITLB_WALK_GUEST;
    s->leaf_walk_ept = side == SIDE_D ? LEAF_DTLB_WALK_EPT : LEAF_ITLB_WALK_EPT;
    return good;
}

static bool make_tlbs(struct mmu *m, struct rng *seeds)
{
    const struct mmu_config *c = &m->config;
    const struct assoc_config none = {0};
    const struct assoc_config *psc[PT_LEVELS] = {
        &none, &none, &c->psc_pde, &c->psc_pdpte, &c->psc_pml4e, &c->psc_pml5e};
    const struct assoc_config *ept[PT_LEVELS] = {&none,
                                                 &none,
                                                 &c->ept_psc_pde,
                                                 &c->ept_psc_pdpte,
                                                 &c->ept_psc_pml4e,
                                                 &c->ept_psc_pml5e};
    bool good =
        make_side(m, SIDE_D, seeds) && make_side(m, SIDE_I, seeds) &&
        tlb_init(&m->stlb, &c->stlb, KIND_STLB, NULL, rng_next(seeds)) &&
        add_shadow(m, &m->stlb) &&
        tlb_init(&m->stlb_i, c->stlb_unified ? &none : &c->stlb_i, KIND_STLB_I,
                 NULL, rng_next(seeds)) &&
        add_shadow(m, &m->stlb_i) &&
        tlb_init(&m->stlb_1g, &c->stlb_1g, KIND_STLB, NULL, rng_next(seeds)) &&
        add_shadow(m, &m->stlb_1g) && page_records_init(&m->records) &&
        space_init(&m->spaces);
    for (unsigned k = 0; k < PT_LEVELS; k++)
        good = good && psc_init(&m->psc[k], psc[k], rng_next(seeds));
    for (unsigned k = 0; k < PT_LEVELS; k++)
        good = good && psc_init(&m->ept_psc[k], ept[k], rng_next(seeds));
    return good && psc_init(&m->nested, &c->nested_tlb, rng_next(seeds));
}

/* What the oracle needs, beside each entry that it watches. */
static bool make_oracle(struct mmu *m)
{
    struct tlb *tlbs[] = {&m->side[SIDE_D].l1[0],
                          &m->side[SIDE_D].l1[1],
                          &m->side[SIDE_D].l1[2],
                          &m->side[SIDE_I].l1[0],
                          &m->side[SIDE_I].l1[1],
                          &m->side[SIDE_I].l1[2],
                          &m->stlb,
                          &m->stlb_i,
                          &m->stlb_1g};
    struct psc *pscs[2 * PT_LEVELS + 1];
    if (m->config.check_tlb == TLB_CHECK_OFF)
        return true;
    for (unsigned k = 0; k < PT_LEVELS; k++) {
        pscs[k] = &m->psc[k];
        pscs[PT_LEVELS + k] = &m->ept_psc[k];
    }
    pscs[(size_t)2 * PT_LEVELS] = &m->nested;
    bool good = true;
    for (size_t k = 0; k < sizeof tlbs / sizeof *tlbs; k++) {
        tlbs[k]->trail = calloc(tlbs[k]->entries + 1, sizeof *tlbs[k]->trail);
        good = good && tlbs[k]->trail != NULL;
    }
    for (size_t k = 0; k < sizeof pscs / sizeof *pscs; k++) {
        pscs[k]->trail = calloc(pscs[k]->entries + 1, sizeof *pscs[k]->trail);
        good = good && pscs[k]->trail != NULL;
    }
    if (m->shared->book == NULL)
        m->shared->book = book_create(m->shared->config.ram_bytes);
    m->oracle = oracle_create(m);
    return good && m->shared->book != NULL && m->oracle != NULL;
}

static enum sim_status make_caches(struct mmu *m, struct rng *seeds,
                                   struct sim_error *e)
{
    const struct mmu_config *c = &m->config;
    const struct memsys_config *s = &m->shared->config;
    enum sim_status status =
        l1_init(&m->side[SIDE_D].cache, &c->l1d, m->hot->l1d_stamp,
                rng_next(seeds), "l1d", e);
    if (status == SIM_OK)
        status = l1_init(&m->side[SIDE_I].cache, &c->l1i, m->hot->l1i_stamp,
                         rng_next(seeds), "l1i", e);
    m->has_l2 = c->l2.size_kib != 0;
    if (status == SIM_OK && m->has_l2)
        status = cache_init(&m->l2, &c->l2, rng_next(seeds), "l2", e);
    m->latency[SERVED_L1] = c->l1d.latency;
    m->latency[SERVED_L2] = c->l2.latency;
    m->latency[SERVED_L3] = s->l3.latency;
    m->latency[SERVED_DRAM] = s->dram_latency;
    m->latency[SERVED_CORE] = c->coherence_latency;
    m->latency[SERVED_UNCACHED] = c->uncached_latency;
    return status;
}

static enum sim_status make(struct mmu *m, struct sim_error *e)
{
    struct rng seeds = rng_make(m->config.seed, 0x6d6d75 + m->shared->cores);
    m->stats = calloc(1, sizeof *m->stats);
    if (m->stats == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "mmu: %s", strerror(errno));
    m->timing = m->shared->config.timing;
    m->lines = UINT64_MAX;
    m->granule = (unsigned)(m->timing ? LINE_SIZE : PAGE_SIZE);
    /* The shadow must see every access. */
    m->filter = m->config.filter &&
                !(m->timing && m->config.split_conflict_misses) &&
                m->config.check_tlb == TLB_CHECK_OFF;
    if (!m->timing) {
        m->memo = m->filter ? calloc(PAGE_MEMOS, sizeof *m->memo) : NULL;
        m->memo_generation = m->memo_last = 1;
        return m->memo != NULL || !m->filter
                   ? SIM_OK
                   : sim_fail(e, SIM_NO_RESOURCE, "mmu: %s", strerror(errno));
    }
    enum sim_status status = make_caches(m, &seeds, e);
    if (status != SIM_OK)
        return status;
    if (!make_tlbs(m, &seeds) || !make_oracle(m))
        return sim_fail(e, SIM_NO_RESOURCE, "mmu: %s", strerror(errno));
    fast_init(m);
    return SIM_OK;
}

enum sim_status mmu_create(const struct mmu_config *c, struct memsys *shared,
                           struct mmu_hot *hot, struct cycle_account *account,
                           struct mmu **out, struct sim_error *e)
{
    enum sim_status status = check(c, e);
    if (status != SIM_OK)
        return status;
    if (shared->cores == MEMORY_CORES_MAX)
        return sim_fail(e, SIM_USAGE, "cores: more than %d", MEMORY_CORES_MAX);
    struct mmu *m = calloc(1, sizeof *m);
    if (m == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "mmu: %s", strerror(errno));
    m->config = *c;
    m->shared = shared;
    m->hot = hot;
    m->account = account;
    status = make(m, e);
    if (status != SIM_OK) {
        mmu_destroy(m);
        return status;
    }
    shared->core[shared->cores++] = m;
    mmu_reset(m);
    *out = m;
    return SIM_OK;
}

void mmu_destroy(struct mmu *m)
{
    if (m == NULL)
        return;
    struct memsys *s = m->shared;
    for (unsigned k = 0; k < s->cores; k++)
        if (s->core[k] == m)
            s->core[k] = s->core[--s->cores];
    for (unsigned side = 0; side < SIDES; side++) {
        for (unsigned k = 0; k < PAGE_CLASSES; k++)
            tlb_free(&m->side[side].l1[k]);
        l1_free(&m->side[side].cache);
    }
    tlb_free(&m->stlb);
    tlb_free(&m->stlb_i);
    tlb_free(&m->stlb_1g);
    for (unsigned k = 0; k < PT_LEVELS; k++) {
        psc_free(&m->psc[k]);
        psc_free(&m->ept_psc[k]);
    }
    psc_free(&m->nested);
    oracle_destroy(m);
    page_records_free(&m->records);
    space_free(&m->spaces);
    cache_free(&m->l2);
    free(m->memo);
    free(m->stats);
    free(m);
}

static void reset_caches(struct mmu *m)
{
    for (unsigned k = 0; k < SIDES; k++) {
        struct l1_cache *c = &m->side[k].cache;
        for (uint32_t slot = 0; slot < c->slots; slot++) {
            c->tag[slot] = 0;
            replace_drop(&c->replace, slot);
        }
        memset(&c->stats, 0, sizeof c->stats);
        m->side[k].slow_ticks = m->side[k].folded = 0;
    }
    if (m->has_l2)
        (void)cache_clear(&m->l2);
    memset(&m->l2.stats, 0, sizeof m->l2.stats);
}

void mmu_reset(struct mmu *m)
{
    filter_reset(m);
    if (m->timing) {
        flush_everything(m);
        page_records_free(&m->records);
        SIM_ASSERT(page_records_init(&m->records));
        space_clear(&m->spaces);
        reset_caches(m);
        m->clock = 0;
    }
    memset(m->hot, 0, sizeof *m->hot);
    filter_reset(m);
    memset(m->stats, 0, sizeof *m->stats);
    memset(&m->mtrr, 0, sizeof m->mtrr);
    memset(&m->fault, 0, sizeof m->fault);
    memset(&m->ctx, 0, sizeof m->ctx);
    m->ctx.cr3 = UINT64_MAX; /* so that the first context differs */
    m->paging = m->ept = m->translating = false;
    struct mmu_context reset = {.pat = UINT64_C(0x0007040600070406),
                                .apic_page = MMU_NO_PAGE};
    mmu_set_context(m, &reset);
    mmu_set_mtrr(m, &m->mtrr);
}

#ifdef VTSIM_PLANTS
void mmu_plant(struct mmu *m, uint32_t number)
{
    m->plant = number;
}
#endif
