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

int main(void)
{
    Suite *s = suite_create("nested");
    TCase *t = tcase_create("nested");
    tcase_add_test(t, cold_references);
    tcase_add_test(t, without_paging);
    suite_add_tcase(s, t);
    return fix_run(s);
}
