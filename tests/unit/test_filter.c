/* SPDX-License-Identifier: Apache-2.0
 * The residency filter and the short path behind it change no result: the
 * same random trace through a machine with them and one without gives the
 * same data, faults, cycles and statistics, for every replacement policy.
 */
#include "tests/unit/mmu_fixture.h"

#include <stdio.h>

enum { STEPS = 40000, PAGES = 48, CHECK_EVERY = 500 };

#define DATA_BASE UINT64_C(0x100000) /* physical, 4-KByte pages */
#define LINEAR    UINT64_C(0x7f0000000000)
#define LARGE     UINT64_C(0x40000000) /* linear, 2-MByte pages */

struct machine {
    struct fixture f;
    struct stat_registry *r;
};

static void map_all(struct fixture *f)
{
    for (unsigned k = 0; k < PAGES; k++) {
        uint64_t flags = P | RW | US;
        if (k % 7 == 3)
            flags &= ~(uint64_t)RW;
        if (k % 5 == 2)
            flags &= ~(uint64_t)US;
        if (k % 3 == 1)
            flags |= GLOBAL;
        if (k % 11 == 6)
            flags |= NX;
        if (k % 13 == 12)
            flags |= PWT | PCD; /* uncacheable */
        if (k % 17 == 5)
            flags |= PWT; /* write-through */
        if (k == 20)
            flags = 0;
        /* two pages in eight are aliases of others */
        uint64_t frame = k % 8 == 7 ? k - 3 : k;
        fix_map(f, LINEAR + k * PAGE_SIZE, DATA_BASE + frame * PAGE_SIZE,
                flags);
    }
    for (unsigned k = 0; k < 6; k++)
        fix_put(f, fix_entry(f, LARGE + k * 0x200000, 2, 4),
                k * 0x200000 | P | RW | US | PS);
}

static void start(struct machine *m, const struct fixture *like, bool filter,
                  unsigned cores)
{
    m->f = *like;
    m->f.config.filter = filter;
    fix_create(&m->f, cores);
    m->f.ctx.cr4 |= CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP;
    map_all(&m->f);
    /* The machine without the filter also goes without the short path of
     * fast.c, which must change nothing either. */
    for (unsigned k = 0; k < cores && !filter; k++)
        m->f.m[k]->fast_config = false;
    fix_context(&m->f);
    m->r = calloc(1, sizeof *m->r);
    memsys_register_stats(m->f.s, m->r);
    for (unsigned k = 0; k < cores; k++)
        mmu_register_stats(m->f.m[k], m->r, k == 0 ? "core0" : "core1");
}

static void stop(struct machine *m)
{
    free(m->r);
    fix_destroy(&m->f);
}

static uint64_t random_linear(uint64_t r)
{
    uint64_t offset = (r >> 20) & 4095;
    if ((r >> 32 & 7) == 0)
        return LARGE + (r >> 35) % 6 * 0x200000 + DATA_BASE +
               (r >> 40 & 15) * PAGE_SIZE + offset;
    uint64_t page = (r >> 40) % PAGES;
    if ((r >> 33 & 3) != 0) /* mostly few pages: hits matter here */
        page %= 6;
    if ((r >> 36 & 1) != 0)
        offset &= 0x1c7;
    return LINEAR + page * PAGE_SIZE + offset;
}

/* An access as the engine makes it. */
static uint64_t load(struct fixture *f, unsigned core, uint64_t lin,
                     unsigned len, unsigned access)
{
    uint64_t v = 0;
    const uint8_t *p =
        access == MMU_READ ? mmu_hit_read(f->hot[core], lin, len) : NULL;
    if (p != NULL)
        memcpy(&v, p, len);
    else if (!mmu_read(f->m[core], lin, len, access, &v))
        return ~(mmu_fault(f->m[core])->error_code * UINT64_C(0x1000001));
    return v;
}

static uint64_t store(struct fixture *f, unsigned core, uint64_t lin,
                      unsigned len, uint64_t v)
{
    uint8_t *p = mmu_hit_write(f->hot[core], lin, len);
    if (p != NULL)
        memcpy(p, &v, len);
    else if (!mmu_write(f->m[core], lin, len, MMU_WRITE, &v))
        return mmu_fault(f->m[core])->error_code;
    return UINT64_MAX;
}

static uint64_t modify(struct fixture *f, unsigned core, uint64_t lin,
                       unsigned len, uint64_t by)
{
    uint64_t v = 0;
    uint8_t *p = mmu_hit_write(f->hot[core], lin, len);
    if (p != NULL) {
        memcpy(&v, p, len);
        v += by;
        memcpy(p, &v, len);
        return v;
    }
    if (!mmu_read(f->m[core], lin, len, MMU_READ | MMU_INTENT, &v))
        return mmu_fault(f->m[core])->error_code;
    v += by;
    ck_assert(mmu_write(f->m[core], lin, len, MMU_WRITE | MMU_SECOND, &v));
    return v;
}

static uint64_t fetch(struct fixture *f, unsigned core, uint64_t lin)
{
    uint64_t pline, page;
    const uint8_t *host;
    lin &= ~(LINE_SIZE - 1);
    if (!mmu_fetch_peek(f->m[core], lin, &page, &host))
        return mmu_fault(f->m[core])->error_code;
    pline = page + (lin & (PAGE_SIZE - 1));
    if (mmu_hit_fetch(f->hot[core], lin, pline))
        return pline;
    if (!mmu_fetch(f->m[core], lin, &pline, &host))
        return mmu_fault(f->m[core])->error_code;
    return pline;
}

/* Changes of context, tables and caches. */
static uint64_t disturb(struct fixture *f, unsigned core, uint64_t r,
                        uint64_t lin)
{
    struct mmu *m = f->m[core];
    uint64_t at, value = r;
    uint8_t *host;
    switch (r & 15) {
    case 0: mmu_flush_page(m, lin, 0, true, FLUSH_INVLPG); break;
    case 1: mmu_flush_page(m, lin, 1, false, FLUSH_INVPCID); break;
    case 2: mmu_flush_pcid(m, 0, FLUSH_MOV_CR3); break;
    case 3:
        if ((r >> 4 & 7) == 0)
            mmu_flush_all(m, (r >> 8 & 1) != 0, FLUSH_MOV_CR4);
        break;
    case 4:
    case 5:
        f->ctx.cpl = (r >> 4 & 1) != 0 ? 3 : 0;
        f->ctx.ac = (r >> 5 & 1) != 0;
        fix_context(f);
        break;
    case 6:
        f->ctx.cr3 = FIX_CR3 | (r >> 4 & 1);
        fix_context(f);
        break;
    case 7:
        f->ctx.cr0 ^= (r >> 4 & 7) == 0 ? CR0_CD : CR0_WP;
        fix_context(f);
        break;
    case 8: /* the guest edits an entry behind the TLBs' back */
        at = fix_entry(f, LINEAR + (r >> 40) % PAGES * PAGE_SIZE, 1, 4);
        fix_put(f, at, fix_get(f, at) ^ (RW | (r >> 4 & 1) * DIRTY));
        break;
    case 9: memsys_mark_code(f->s, (hpa){DATA_BASE + (r >> 4 & 0xfc0)}); break;
    case 10:
        memsys_unmark_code(f->s, (hpa){DATA_BASE + (r >> 4 & 0xfc0)});
        break;
    case 11: mmu_clflush(m, lin); break;
    case 12: mmu_prefetch(m, lin, (r >> 4 & 1) != 0); break;
    case 13:
        return memsys_write(f->s, (hpa){DATA_BASE + (r >> 4 & 0x7fff)}, 8,
                            &value);
    case 14: {
        unsigned kind = (r >> 4 & 1) != 0 ? MMU_WRITE : MMU_READ;
        return mmu_bulk(m, lin, 64, kind, 1 + (r >> 8 & 7), &host);
    }
    default:
        if ((r >> 4 & 15) == 0)
            mmu_wbinvd(m);
        else if ((r >> 4 & 15) == 1) { /* paging off and on again */
            f->ctx.cr0 ^= CR0_PG;
            fix_context(f);
        } else {
            return load(f, core, lin, 8, MMU_READ | MMU_SYSTEM);
        }
        break;
    }
    return 0;
}

static uint64_t step(struct machine *m, unsigned cores, uint64_t r)
{
    struct fixture *f = &m->f;
    unsigned core = cores == 2 ? (unsigned)(r >> 63) : 0;
    unsigned len = 1U << (r >> 8 & 3);
    uint64_t lin = random_linear(r);
    if ((f->ctx.cr0 & CR0_PG) == 0)
        lin = DATA_BASE + (lin & 0x3fff);
    switch (r & 15) {
    case 0: return disturb(f, core, r >> 4, lin);
    case 1:
    case 2:
    case 3: return store(f, core, lin, len, r);
    case 4:
    case 5: return modify(f, core, lin, len, r);
    case 6:
    case 7:
    case 8: return fetch(f, core, lin);
    default: return load(f, core, lin, len, MMU_READ);
    }
}

static void compare(struct machine *a, struct machine *b)
{
    uint64_t *x = calloc(a->r->values, sizeof *x);
    uint64_t *y = calloc(a->r->values, sizeof *y);
    ck_assert_uint_eq(a->r->values, b->r->values);
    stat_snapshot(a->r, x);
    stat_snapshot(b->r, y);
    size_t k = 0;
    for (size_t g = 0; g < a->r->groups; g++)
        for (size_t i = 0; i < a->r->group[g].count; i++, k++)
            ck_assert_msg(x[k] == y[k], "%s.%s: %llu with, %llu without",
                          a->r->group[g].prefix, a->r->group[g].rows[i].name,
                          (unsigned long long)x[k], (unsigned long long)y[k]);
    free(x);
    free(y);
    ck_assert_int_eq(memcmp(a->f.account, b->f.account, sizeof a->f.account),
                     0);
}

/* Causes sum to misses, hits and misses to accesses, leaves to cycles. */
static void check_sums(const struct fixture *f, unsigned cores)
{
    for (unsigned k = 0; k < cores; k++) {
        const struct mmu_stats *s = f->m[k]->stats;
        const struct tlb_stats *t[] = {&s->dtlb, &s->itlb, &s->stlb,
                                       &s->stlb_i};
        for (unsigned i = 0; i < 4; i++) {
            uint64_t sum = t[i]->compulsory + t[i]->capacity + t[i]->conflict +
                           t[i]->fault;
            for (unsigned c = 0; c < FLUSH_CAUSES; c++)
                sum += t[i]->flushed[c];
            ck_assert_uint_eq(sum, t[i]->misses);
            ck_assert_uint_eq(t[i]->hits + t[i]->misses, t[i]->accesses);
        }
        ck_assert_uint_eq(s->dtlb.misses,
                          s->dtlb.load_misses + s->dtlb.store_misses);
        uint64_t sum = 0;
        for (unsigned i = 0; i < LEAF_COUNT; i++)
            sum += f->account[k].leaf[i];
        ck_assert_uint_eq(sum, f->account[k].cycles);
    }
}

/* Every entry stands for what is resident, and its TLB slot knows it. */
static void check_entries(const struct fixture *f)
{
    const struct mmu *m = f->m[0];
    const struct mmu_hot *h = f->hot[0];
    unsigned listed = 0, valid = 0;
    for (unsigned k = 0; k < DFILTER_ENTRIES; k++) {
        const struct dfilter_entry *e = &h->d[k];
        if (e->rtag == MMU_TAG_NONE)
            continue;
        valid++;
        ck_assert_uint_eq(m->side[SIDE_D].cache.owner[e->l1_slot], k);
        uint64_t lin = e->rtag & ~(LINE_SIZE - 1);
        uint64_t pa =
            memory_address(f->s, e->addend + lin - (uintptr_t)f->s->ram);
        uint32_t tag = m->side[SIDE_D].cache.tag[e->l1_slot];
        ck_assert_uint_eq(line_of(tag), pa >> LINE_SHIFT);
        if (e->wtag != MMU_TAG_NONE)
            ck_assert_uint_eq(tag & LINE_FLAGS, LINE_FLAGS);
    }
    for (unsigned slot = 0; slot < TLB_SLOTS_MAX; slot++)
        for (unsigned k = 0; k < DFILTER_ENTRIES; k++) {
            if ((m->side[SIDE_D].under[slot][k / 64] >> k % 64 & 1) == 0)
                continue;
            ck_assert_uint_eq(h->d[k].tlb_slot, slot);
            listed++;
        }
    ck_assert_uint_eq(listed, valid);
}

static void run(const struct fixture *like, unsigned cores, uint64_t seed)
{
    struct machine with, without;
    struct rng trace = rng_make(seed, cores);
    start(&with, like, true, cores);
    start(&without, like, false, cores);
    for (unsigned k = 0; k < STEPS; k++) {
        uint64_t r = rng_next(&trace);
        uint64_t a = step(&with, cores, r), b = step(&without, cores, r);
        ck_assert_msg(a == b, "step %u: %llx with, %llx without", k,
                      (unsigned long long)a, (unsigned long long)b);
        ck_assert_uint_eq(with.f.account[0].cycles,
                          without.f.account[0].cycles);
        if (k % CHECK_EVERY == 0) {
            compare(&with, &without);
            check_entries(&with.f);
        }
    }
    compare(&with, &without);
    check_sums(&with.f, cores);
    ck_assert_int_eq(memcmp(with.f.s->ram, without.f.s->ram, FIX_RAM), 0);
    ck_assert_uint_gt(with.f.hot[0]->dclock, STEPS / 4);
    stop(&with);
    stop(&without);
}

static void set_policy(struct fixture *f, uint8_t policy, uint8_t hash)
{
    struct mmu_config *c = &f->config;
    struct assoc_config *a[] = {&c->itlb_4k,   &c->itlb_2m,   &c->dtlb_4k,
                                &c->dtlb_2m,   &c->dtlb_1g,   &c->stlb,
                                &c->psc_pml4e, &c->psc_pdpte, &c->psc_pde};
    for (size_t k = 0; k < sizeof a / sizeof *a; k++) {
        a[k]->replacement = policy;
        a[k]->hash = hash;
    }
    struct cache_config *l[] = {&c->l1i, &c->l1d, &c->l2, &f->memory.l3};
    for (size_t k = 0; k < sizeof l / sizeof *l; k++) {
        l[k]->replacement = policy;
        l[k]->hash = hash;
    }
}

START_TEST(on_and_off_agree_for_every_policy)
{
    struct fixture like;
    fix_defaults(&like);
    set_policy(&like, (uint8_t)(_i % 5), (uint8_t)(_i / 5));
    run(&like, 1, 100 + (uint64_t)_i);
}
END_TEST

START_TEST(on_and_off_agree_on_two_cores)
{
    struct fixture like;
    fix_defaults(&like);
    set_policy(&like, (uint8_t)_i, HASH_LINEAR);
    run(&like, 2, 200 + (uint64_t)_i);
}
END_TEST

START_TEST(on_and_off_agree_for_other_shapes)
{
    struct fixture like;
    fix_defaults(&like);
    struct mmu_config *c = &like.config;
    if (_i == 0) { /* split second level, walks beside the L1D */
        c->stlb_unified = c->stlb_2m_shared = false;
        c->stlb_i = fix_assoc(16, 4);
        c->walk_through_l1d = false;
    } else if (_i == 1) { /* bare: one level each, nothing for large pages */
        c->stlb = c->dtlb_2m = c->dtlb_1g = c->itlb_2m = fix_assoc(0, 1);
        c->psc_pml4e = c->psc_pdpte = c->psc_pde = fix_assoc(0, 1);
        c->l2.size_kib = like.memory.l3.size_kib = 0;
    } else { /* sets that are no power of two, direct-mapped L1 */
        c->dtlb_4k = fix_assoc(9, 3);
        c->itlb_4k = fix_assoc(5, 1);
        c->stlb = fix_assoc(36, 3);
        c->l1d.size_kib = 3;
        c->l1i.ways = 1;
        like.memory.l3.size_kib = 5;
    }
    run(&like, 1, 300 + (uint64_t)_i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("filter");
    TCase *t = tcase_create("filter");
    tcase_set_timeout(t, 300);
    tcase_add_loop_test(t, on_and_off_agree_for_every_policy, 0, 10);
    tcase_add_loop_test(t, on_and_off_agree_on_two_cores, 0, 5);
    tcase_add_loop_test(t, on_and_off_agree_for_other_shapes, 0, 3);
    suite_add_tcase(s, t);
    return fix_run(s);
}
