/* SPDX-License-Identifier: Apache-2.0
 * Translation through EPT: what a walk refers to, what it refuses and how
 * that is reported.
 */
#include "nested_fixture.h"

#define LIN UINT64_C(0x400000)

/* No cache of translation but the TLB. */
static void no_caches(struct nested *n)
{
    const struct assoc_config none = {.ways = 1};
    struct mmu_config *c = &n->f.config;
    c->psc_pml5e = c->psc_pml4e = c->psc_pdpte = c->psc_pde = none;
    c->ept_psc_pml5e = c->ept_psc_pml4e = c->ept_psc_pdpte = none;
    c->ept_psc_pde = c->nested_tlb = none;
}

static void map_guest(struct nested *n, unsigned class, unsigned levels)
{
    uint64_t leaf = fix_entry(&n->f, LIN, class + 1, levels);
    uint64_t page = class == PAGES_1G ? 0 : LIN;
    fix_put(&n->f, leaf,
            page | P | RW | US | ACC | DIRTY | (class != PAGES_4K ? PS : 0));
}

START_TEST(cold_references)
{
    const struct {
        unsigned guest, ept, levels, refs;
    } rows[] = {{PAGES_4K, PAGES_4K, 4, 24}, {PAGES_4K, PAGES_2M, 4, 19},
                {PAGES_4K, PAGES_1G, 4, 14}, {PAGES_2M, PAGES_2M, 4, 15},
                {PAGES_2M, PAGES_1G, 4, 11}, {PAGES_1G, PAGES_1G, 4, 8},
                {PAGES_4K, PAGES_4K, 5, 35}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct nested n;
        nested_defaults(&n);
        no_caches(&n);
        n.levels = rows[k].levels;
        nested_create(&n);
        if (rows[k].levels == 5)
            n.f.ctx.cr4 |= CR4_LA57;
        ept_identity(&n, rows[k].ept);
        map_guest(&n, rows[k].guest, rows[k].levels);
        nested_context(&n);
        ck_assert(fix_load(&n.f, LIN + 0x123000 % 0x1000));
        const struct walk_stats *w = &n.f.m[0]->stats->walk;
        ck_assert_uint_eq(w->references + w->references_ept, rows[k].refs);
        ck_assert_uint_eq(w->references, rows[k].levels - rows[k].guest);
        unsigned small =
            rows[k].guest < rows[k].ept ? rows[k].guest : rows[k].ept;
        ck_assert_uint_eq(w->completed[small], 1);
        fix_destroy(&n.f);
    }
}
END_TEST

START_TEST(without_paging)
{
    struct nested n;
    nested_defaults(&n);
    no_caches(&n);
    nested_create(&n);
    ept_identity(&n, PAGES_4K);
    ept_map(&n, 0x5000, 0x9000, PAGES_4K, EPT_RWX | EPT_WB);
    fix_put(&n.f, 0x9010, 77);
    n.f.ctx.cr0 = 1;
    n.f.ctx.efer = 0;
    nested_context(&n);
    uint64_t v = 0;
    ck_assert(mmu_read(n.f.m[0], 0x5010, 8, MMU_READ, &v));
    ck_assert_uint_eq(v, 77);
    ck_assert_uint_eq(n.f.m[0]->stats->walk.references_ept, 4);
    ck_assert(mmu_read(n.f.m[0], 0x5018, 8, MMU_READ, &v));
    ck_assert_uint_eq(n.f.m[0]->stats->walk.references_ept, 4);
    /* Cached by EPT root alone: another VPID finds it. */
    n.f.ctx.vpid = 9;
    nested_context(&n);
    ck_assert(mmu_read(n.f.m[0], 0x5010, 8, MMU_READ, &v));
    ck_assert_uint_eq(n.f.m[0]->stats->walk.references_ept, 4);
    fix_destroy(&n.f);
}
END_TEST

/* More VPIDs than there are numbers for spaces: what is cached may go, and
 * nothing else happens. */
START_TEST(spaces_run_out)
{
    struct nested n;
    nested_defaults(&n);
    nested_create(&n);
    ept_identity(&n, PAGES_4K);
    map_guest(&n, PAGES_4K, 4);
    fix_put(&n.f, LIN, 5);
    for (unsigned k = 0; k < 70000; k++) {
        uint64_t v = 0;
        n.f.ctx.vpid = (uint16_t)(1 + k % 65535);
        nested_context(&n);
        if (k % 500 != 0)
            continue;
        ck_assert(mmu_read(n.f.m[0], LIN, 8, MMU_READ, &v));
        ck_assert_uint_eq(v, 5);
    }
    fix_destroy(&n.f);
}
END_TEST

/* --- the filter changes nothing --- */

enum { PAGES = 48, STEPS = 60000 };

struct replay {
    struct nested n;
    struct rng rng;
    uint64_t line[PAGES]; /* physical line of the last fetch of each page */
    uint64_t sum;         /* of what was read, and of faults */
    unsigned near;        /* accesses are to a few pages from here on */
};

static unsigned draw(struct replay *r, unsigned n)
{
    return (unsigned)(rng_next(&r->rng) % n);
}

static void switch_context(struct replay *r)
{
    struct mmu_context *c = &r->n.f.ctx;
    unsigned who = draw(r, 5);
    c->cr0 = CR0_LONG;
    c->efer = EFER_LONG;
    c->eptp = EPT_ROOT | 3 << 3 | 6 | (who == 3 ? 0 : BIT(6));
    c->vpid = (uint16_t)(who < 2 ? 1 : who);
    c->cpl = who == 1 ? 3 : 0;
    c->mode_execute = who == 2;
    if (who == 4) { /* a guest without paging, or the monitor itself */
        c->cr0 = draw(r, 2) == 0 ? 1 : CR0_LONG;
        c->efer = c->cr0 == 1 ? 0 : EFER_LONG;
        if (c->cr0 != 1)
            c->eptp = c->vpid = 0;
    }
    nested_context(&r->n);
}

/* Change a mapping, and invalidate or forget to. */
static void change(struct replay *r)
{
    uint64_t page = draw(r, PAGES), lin = LIN + page * PAGE_SIZE;
    uint64_t frame = 0x800000 + draw(r, 64) * PAGE_SIZE;
    struct mmu *m = r->n.f.m[0];
    uint64_t eptp = EPT_ROOT | 3 << 3 | 6;
    switch (draw(r, 3)) {
    case 0:
        fix_map(&r->n.f, lin, frame, P | US | (draw(r, 3) != 0 ? RW : 0));
        break;
    case 1:
        ept_map(&r->n, frame, frame ^ (draw(r, 4) * PAGE_SIZE), PAGES_4K,
                (draw(r, 8) != 0 ? EPT_RWX : EPT_R) | BIT(10) | EPT_WB);
        break;
    default: break;
    }
    switch (draw(r, 12)) {
    case 0: mmu_flush_page(m, lin, 0, true, FLUSH_INVLPG); break;
    case 1: mmu_invept(m, INVEPT_SINGLE, eptp, 0); break;
    case 2: mmu_invept(m, INVEPT_INDIVIDUAL, eptp, frame); break;
    case 3: mmu_invept(m, INVEPT_UPDATE, eptp, frame); break;
    case 4: mmu_invept(m, INVEPT_REGION, frame, PAGE_SIZE); break;
    case 5: mmu_invvpid(m, INVVPID_ADDRESS, 1, lin); break;
    case 6: mmu_invvpid(m, INVVPID_SINGLE, 2, 0); break;
    case 7: mmu_flush_pcid(m, 0, FLUSH_MOV_CR3); break;
    case 8: mmu_vm_transition(m); break;
    default: break;
    }
}

static void fetch(struct replay *r, uint64_t page, uint64_t lin)
{
    struct fixture *f = &r->n.f;
    uint64_t line = lin & ~UINT64_C(63), got;
    const uint8_t *host;
    if (mmu_hit_fetch(f->hot[0], line, r->line[page]))
        return;
    if (mmu_fetch(f->m[0], line, &got, &host))
        r->line[page] = got;
    else
        r->sum = r->sum * 31 + mmu_fault(f->m[0])->qualification;
}

/* As the engine makes an access: the filter first. */
static void replay_access(struct replay *r)
{
    struct fixture *f = &r->n.f;
    if (draw(r, 50) == 0)
        r->near = draw(r, PAGES - 4);
    uint64_t page = r->near + draw(r, 4), v = r->sum;
    uint64_t lin = LIN + page * PAGE_SIZE + draw(r, 2) * 64 + 8;
    if (f->ctx.cr0 == 1)
        lin += 0x400000;
    unsigned kind = draw(r, 4);
    bool good = true;
    if (kind == 3) {
        fetch(r, page, lin & ~UINT64_C(0xfff));
        return;
    }
    uint8_t *host = kind == 0 ? mmu_hit_write(f->hot[0], lin, 8)
                              : mmu_hit_read(f->hot[0], lin, 8);
    if (host != NULL && kind == 0)
        memcpy(host, &v, 8);
    else if (host != NULL)
        memcpy(&v, host, 8);
    else if (kind == 0)
        good = mmu_write(f->m[0], lin, 8, MMU_WRITE, &v);
    else
        good = mmu_read(f->m[0], lin, 8, MMU_READ, &v);
    r->sum = r->sum * 31 + (good ? v : mmu_fault(f->m[0])->qualification);
}

static void replay(struct replay *r, bool filter, uint64_t seed)
{
    memset(r, 0, sizeof *r);
    nested_defaults(&r->n);
    r->n.f.config.filter = filter;
    r->n.f.config.dtlb_4k = r->n.f.config.itlb_4k = fix_assoc(32, 4);
    r->n.f.config.l1d.size_kib = 4;
    r->n.f.config.nested_tlb = fix_assoc(16, 4);
    r->n.f.config.ept_psc_pde = fix_assoc(4, 2);
    r->rng = rng_make(seed, 1);
    nested_create(&r->n);
    ept_identity(&r->n, PAGES_4K);
    for (uint64_t page = 0; page < PAGES; page++)
        fix_map(&r->n.f, LIN + page * PAGE_SIZE,
                0x800000 + (page % 64) * PAGE_SIZE, P | RW | US);
    switch_context(r);
    for (unsigned k = 0; k < STEPS; k++) {
        if (draw(r, 40) == 0)
            switch_context(r);
        if (draw(r, 60) == 0)
            change(r);
        replay_access(r);
    }
    translate_fold(r->n.f.m[0]);
}

START_TEST(the_filter_changes_nothing)
{
    struct replay *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    ck_assert(a != NULL && b != NULL);
    replay(a, true, 3 + (uint64_t)_i);
    replay(b, false, 3 + (uint64_t)_i);
    const struct mmu *x = a->n.f.m[0], *y = b->n.f.m[0];
    ck_assert_uint_eq(a->sum, b->sum);
    ck_assert_mem_eq(x->stats, y->stats, sizeof *x->stats);
    ck_assert_mem_eq(&a->n.f.account[0], &b->n.f.account[0],
                     sizeof a->n.f.account[0]);
    for (unsigned side = 0; side < SIDES; side++)
        ck_assert_uint_eq(x->side[side].cache.stats.misses,
                          y->side[side].cache.stats.misses);
    ck_assert_uint_gt(x->stats->walk.references_ept, 1000);
    ck_assert_uint_gt(x->stats->walk.ept_violations, 10);
    /* Some accesses were answered by it. */
    ck_assert_uint_gt(x->side[SIDE_D].folded, STEPS / 20);
    ck_assert_uint_eq(y->side[SIDE_D].folded, 0);
    fix_destroy(&a->n.f);
    fix_destroy(&b->n.f);
    free(a);
    free(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("nested");
    TCase *t = tcase_create("nested");
    tcase_add_test(t, cold_references);
    tcase_add_test(t, without_paging);
    tcase_add_test(t, spaces_run_out);
    tcase_add_loop_test(t, the_filter_changes_nothing, 0, 4);
    suite_add_tcase(s, t);
    return fix_run(s);
}
