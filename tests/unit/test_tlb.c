/* SPDX-License-Identifier: Apache-2.0
 * Cached translations: stale ones stay usable until invalidated, what each
 * invalidation drops, miss causes, walk references, and the cycles of every
 * level.
 */
#include "tests/unit/mmu_fixture.h"

#define LIN  UINT64_C(0x7000000000)
#define PAGE UINT64_C(0x200000)

static struct fixture f;

static void begin(void)
{
    fix_defaults(&f);
    fix_create(&f, 1);
}

static uint64_t value_at(uint64_t lin)
{
    uint64_t v = 0;
    ck_assert(mmu_read(f.m[0], lin, 8, MMU_READ, &v));
    return v;
}

static const struct mmu_stats *stats(void)
{
    translate_fold(f.m[0]);
    return f.m[0]->stats;
}

/* Two frames with different contents, and a page that moves between them. */
static void two_frames(uint64_t flags)
{
    fix_put(&f, PAGE, 1);
    fix_put(&f, PAGE + PAGE_SIZE, 2);
    fix_map(&f, LIN, PAGE, P | RW | US | flags);
    ck_assert_uint_eq(value_at(LIN), 1);
    fix_map(&f, LIN, PAGE + PAGE_SIZE, P | RW | US | flags);
}

static void set_pcid(unsigned pcid)
{
    f.ctx.cr4 |= CR4_PCIDE | CR4_PGE;
    f.ctx.cr3 = FIX_CR3 | pcid;
    fix_context(&f);
}

START_TEST(stale_translations_serve_until_invlpg)
{
    begin();
    two_frames(0);
    ck_assert_uint_eq(value_at(LIN), 1);
    mmu_flush_page(f.m[0], LIN + PAGE_SIZE, 0, true, FLUSH_INVLPG);
    ck_assert_uint_eq(value_at(LIN), 1);
    mmu_flush_page(f.m[0], LIN + 5, 0, true, FLUSH_INVLPG);
    ck_assert_uint_eq(value_at(LIN), 2);
    ck_assert_uint_eq(stats()->dtlb.flushed[FLUSH_INVLPG], 1);
    ck_assert_uint_eq(stats()->stlb.flushed[FLUSH_INVLPG], 1);
    fix_destroy(&f);
}
END_TEST

START_TEST(a_fetch_and_a_load_have_tlbs_of_their_own)
{
    begin();
    two_frames(0);
    uint64_t pline;
    const uint8_t *host;
    /* the second level is shared: the fetch finds the stale page there */
    ck_assert(mmu_fetch(f.m[0], LIN, &pline, &host));
    ck_assert_uint_eq(pline, PAGE);
    ck_assert_uint_eq(stats()->stlb_hits[SIDE_I], 1);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_ITLB_STLB], 7);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_ITLB_WALK_GUEST], 0);
    fix_destroy(&f);
}
END_TEST

START_TEST(flushes_by_pcid_keep_others_and_globals)
{
    begin();
    set_pcid(1);
    two_frames(0);
    set_pcid(2);
    ck_assert_uint_eq(value_at(LIN), 2); /* its own, fresh */
    mmu_flush_pcid(f.m[0], 2, FLUSH_MOV_CR3);
    set_pcid(1);
    ck_assert_uint_eq(value_at(LIN), 1);
    mmu_flush_pcid(f.m[0], 1, FLUSH_MOV_CR3);
    ck_assert_uint_eq(value_at(LIN), 2);
    fix_destroy(&f);
}
END_TEST

START_TEST(global_pages_outlive_all_but_a_global_flush)
{
    begin();
    set_pcid(1);
    two_frames(GLOBAL);
    mmu_flush_pcid(f.m[0], 1, FLUSH_MOV_CR3);
    ck_assert_uint_eq(value_at(LIN), 1);
    set_pcid(2);
    ck_assert_uint_eq(value_at(LIN), 1);
    mmu_flush_all(f.m[0], false, FLUSH_INVPCID);
    ck_assert_uint_eq(value_at(LIN), 1);
    mmu_flush_page(f.m[0], LIN, 2, false, FLUSH_INVPCID);
    ck_assert_uint_eq(value_at(LIN), 1);
    mmu_flush_page(f.m[0], LIN, 2, true, FLUSH_INVLPG);
    ck_assert_uint_eq(value_at(LIN), 2);
    fix_map(&f, LIN, PAGE, P | RW | US | GLOBAL);
    mmu_flush_all(f.m[0], true, FLUSH_MOV_CR4);
    ck_assert_uint_eq(value_at(LIN), 1);
    fix_destroy(&f);
}
END_TEST

START_TEST(without_cr4_pge_the_global_bit_means_nothing)
{
    begin();
    two_frames(GLOBAL);
    mmu_flush_pcid(f.m[0], 0, FLUSH_MOV_CR3);
    ck_assert_uint_eq(value_at(LIN), 2);
    fix_destroy(&f);
}
END_TEST

START_TEST(a_page_fault_drops_the_translations_of_its_page)
{
    begin();
    fix_map(&f, LIN, PAGE, P | US);
    ck_assert_uint_eq(value_at(LIN), 0);
    f.ctx.cpl = 3;
    fix_context(&f);
    ck_assert(!fix_store(&f, LIN, 1));
    fix_put(&f, PAGE + PAGE_SIZE, 9);
    fix_map(&f, LIN, PAGE + PAGE_SIZE, P | RW | US);
    ck_assert_uint_eq(value_at(LIN), 9);
    ck_assert_uint_eq(stats()->dtlb.flushed[FLUSH_PAGE_FAULT], 1);
    fix_destroy(&f);
}
END_TEST

START_TEST(a_new_right_is_found_by_walking_again)
{
    begin();
    fix_map(&f, LIN, PAGE, P | US);
    f.ctx.cpl = 3;
    fix_context(&f);
    ck_assert_uint_eq(value_at(LIN), 0);
    fix_map(&f, LIN, PAGE, P | RW | US);
    ck_assert(fix_store(&f, LIN, 3));
    ck_assert_uint_eq(stats()->walk.assists, 1);
    ck_assert_uint_eq(stats()->walk.faults, 0);
    /* a right taken away stays usable */
    fix_map(&f, LIN, PAGE, P | US | ACC | DIRTY);
    ck_assert(fix_store(&f, LIN + 64, 3));
    mmu_flush_page(f.m[0], LIN, 0, true, FLUSH_INVLPG);
    ck_assert(!fix_store(&f, LIN + 64, 3));
    fix_destroy(&f);
}
END_TEST

START_TEST(the_first_store_to_a_clean_page_sets_dirty_once)
{
    begin();
    fix_map(&f, LIN, PAGE, P | RW);
    ck_assert_uint_eq(value_at(LIN), 0);
    uint64_t at = fix_entry(&f, LIN, 1, 4);
    ck_assert_uint_eq(fix_get(&f, at) & DIRTY, 0);
    ck_assert(fix_store(&f, LIN, 1));
    ck_assert_uint_eq(fix_get(&f, at) & DIRTY, DIRTY);
    ck_assert_uint_eq(stats()->walk.assists, 1);
    /* cleared behind the TLB's back: the cached flag stands */
    fix_put(&f, at, fix_get(&f, at) & ~(uint64_t)DIRTY);
    ck_assert(fix_store(&f, LIN, 1));
    ck_assert_uint_eq(fix_get(&f, at) & DIRTY, 0);
    fix_destroy(&f);
}
END_TEST

/* --- references --- */

static uint64_t references(uint64_t lin)
{
    uint64_t before = stats()->walk.references;
    (void)value_at(lin);
    return stats()->walk.references - before;
}

START_TEST(cold_walks_make_one_reference_a_level)
{
    for (unsigned top = 4; top <= 5; top++) {
        for (unsigned leaf = 1; leaf <= 3; leaf++) {
            begin();
            f.config.psc_pml5e = fix_assoc(2, 2);
            if (top == 5)
                f.ctx.cr4 |= CR4_LA57;
            fix_context(&f);
            fix_put(&f, fix_entry(&f, LIN, leaf, top),
                    (leaf == 1 ? PAGE : 0U) | P | RW | (leaf > 1 ? PS : 0));
            ck_assert_uint_eq(references(LIN + 8), top - leaf + 1U);
            ck_assert_uint_eq(stats()->walk.level[leaf], 1);
            ck_assert_uint_eq(stats()->walk.level[top], 1);
            ck_assert_uint_eq(stats()->walk.completed[leaf - 1], 1);
            ck_assert_uint_eq(references(LIN + 8), 0);
            fix_destroy(&f);
        }
    }
}
END_TEST

START_TEST(paging_structure_caches_shorten_walks)
{
    begin();
    for (unsigned k = 0; k < 3; k++)
        fix_map(&f, LIN + k * PAGE_SIZE, PAGE, P | RW);
    fix_map(&f, LIN + (UINT64_C(1) << 21), PAGE, P | RW);
    fix_map(&f, LIN + (UINT64_C(1) << 30), PAGE, P | RW);
    ck_assert_uint_eq(references(LIN), 4);
    ck_assert_uint_eq(references(LIN + PAGE_SIZE), 1);
    ck_assert_uint_eq(references(LIN + (UINT64_C(1) << 21)), 2);
    ck_assert_uint_eq(references(LIN + (UINT64_C(1) << 30)), 3);
    ck_assert_uint_eq(f.m[0]->psc[2].hits, 1);
    ck_assert_uint_eq(f.m[0]->psc[3].hits, 1);
    ck_assert_uint_eq(f.m[0]->psc[4].hits, 1);
    /* INVLPG of any page drops them all */
    mmu_flush_page(f.m[0], 0, 0, true, FLUSH_INVLPG);
    ck_assert_uint_eq(references(LIN + 2 * PAGE_SIZE), 4);
    fix_destroy(&f);
}
END_TEST

START_TEST(stale_paging_structure_entries_are_used)
{
    begin();
    fix_map(&f, LIN, PAGE, P | RW);
    fix_map(&f, LIN + PAGE_SIZE, PAGE, P | RW);
    (void)value_at(LIN);
    fix_put(&f, fix_entry(&f, LIN, 2, 4), 0);
    ck_assert(fix_load(&f, LIN + PAGE_SIZE));
    mmu_flush_pcid(f.m[0], 0, FLUSH_MOV_CR3);
    ck_assert(!fix_load(&f, LIN + PAGE_SIZE));
    fix_destroy(&f);
}
END_TEST

/* --- cycles --- */

START_TEST(each_level_costs_what_it_is_said_to)
{
    begin();
    struct cycle_account *a = &f.account[0];
    fix_map(&f, LIN, PAGE, P | RW);
    (void)value_at(LIN);
    /* four cold references from DRAM, and the line */
    ck_assert_uint_eq(a->leaf[LEAF_DTLB_WALK_GUEST], 4 * 200);
    ck_assert_uint_eq(a->leaf[LEAF_DRAM], 200 - 4);
    ck_assert_uint_eq(stats()->walk.served[SERVED_DRAM], 4);
    uint64_t was = a->cycles;
    (void)value_at(LIN);
    ck_assert_uint_eq(a->cycles, was);
    /* out of the L1D by way of its set (4 ways, 4 sets of 64 bytes) */
    for (uint64_t k = 1; k <= 4; k++)
        (void)value_at(LIN + k * 256);
    was = a->leaf[LEAF_L2];
    (void)value_at(LIN);
    ck_assert_uint_eq(a->leaf[LEAF_L2] - was, 14 - 4);
    /* the same without the L2's copy */
    ck_assert_uint_ne(cache_drop(&f.m[0]->l2, PAGE >> LINE_SHIFT), 0);
    for (uint64_t k = 1; k <= 4; k++)
        (void)value_at(LIN + k * 256);
    was = a->leaf[LEAF_L3];
    (void)value_at(LIN);
    ck_assert_uint_eq(a->leaf[LEAF_L3] - was, 40 - 4);
    fix_destroy(&f);
}
END_TEST

START_TEST(a_second_level_hit_costs_its_latency_and_refills_the_first)
{
    begin();
    struct cycle_account *a = &f.account[0];
    for (uint64_t k = 0; k < 5; k++) /* one set of the DTLB: 2 sets, 4 ways */
        fix_map(&f, LIN + 2 * k * PAGE_SIZE, PAGE, P | RW);
    for (uint64_t k = 0; k < 5; k++)
        (void)value_at(LIN + 2 * k * PAGE_SIZE);
    ck_assert_uint_eq(a->leaf[LEAF_DTLB_STLB], 0);
    uint64_t walks = stats()->walk.count[SIDE_D];
    (void)value_at(LIN);
    ck_assert_uint_eq(a->leaf[LEAF_DTLB_STLB], 7);
    (void)value_at(LIN);
    ck_assert_uint_eq(a->leaf[LEAF_DTLB_STLB], 7);
    ck_assert_uint_eq(stats()->walk.count[SIDE_D], walks);
    ck_assert_uint_eq(stats()->dtlb.compulsory, 5);
    ck_assert_uint_eq(stats()->dtlb.capacity, 1);
    fix_destroy(&f);
}
END_TEST

START_TEST(a_split_load_counts_twice)
{
    begin();
    fix_map(&f, LIN, PAGE, P | RW);
    (void)value_at(LIN + 60);
    ck_assert_uint_eq(stats()->dtlb.accesses, 2);
    ck_assert_uint_eq(stats()->splits, 1);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_L1D], 3);
    fix_destroy(&f);
}
END_TEST

START_TEST(walks_may_pass_the_l1d_by)
{
    fix_defaults(&f);
    f.config.walk_through_l1d = false;
    fix_create(&f, 1);
    fix_map(&f, LIN, PAGE, P | RW);
    fix_map(&f, LIN + PAGE_SIZE, PAGE, P | RW);
    (void)value_at(LIN);
    ck_assert_uint_eq(f.m[0]->side[SIDE_D].cache.stats.accesses, 1);
    uint64_t was = f.account[0].leaf[LEAF_DTLB_WALK_GUEST];
    (void)value_at(LIN + PAGE_SIZE);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_DTLB_WALK_GUEST] - was, 14);
    fix_destroy(&f);
}
END_TEST

/* --- causes --- */

START_TEST(conflict_and_capacity_are_told_apart_when_asked)
{
    fix_defaults(&f);
    f.config.split_conflict_misses = true;
    fix_create(&f, 1);
    for (uint64_t k = 0; k < 32; k++)
        fix_map(&f, LIN + k * PAGE_SIZE, PAGE, P | RW);
    /* five pages of one set: 8 entries would hold them */
    for (unsigned round = 0; round < 3; round++)
        for (uint64_t k = 0; k < 5; k++)
            (void)value_at(LIN + 2 * k * PAGE_SIZE);
    ck_assert_uint_eq(stats()->dtlb.compulsory, 5);
    ck_assert_uint_eq(stats()->dtlb.conflict, 10);
    ck_assert_uint_eq(stats()->dtlb.capacity, 0);
    for (unsigned round = 0; round < 3; round++)
        for (uint64_t k = 0; k < 32; k++)
            (void)value_at(LIN + k * PAGE_SIZE);
    ck_assert_uint_ge(stats()->dtlb.capacity, 64);
    ck_assert_ptr_null(mmu_hit_read(f.hot[0], LIN + 31 * PAGE_SIZE, 8));
    fix_destroy(&f);
}
END_TEST

START_TEST(an_evicted_page_is_not_blamed_on_a_later_flush)
{
    begin();
    for (uint64_t k = 0; k < 6; k++)
        fix_map(&f, LIN + 2 * k * PAGE_SIZE, PAGE, P | RW);
    for (uint64_t k = 0; k < 5; k++)
        (void)value_at(LIN + 2 * k * PAGE_SIZE);
    mmu_flush_pcid(f.m[0], 0, FLUSH_MOV_CR3);
    (void)value_at(LIN); /* had left the DTLB before, not the STLB */
    ck_assert_uint_eq(stats()->dtlb.capacity, 1);
    ck_assert_uint_eq(stats()->dtlb.flushed[FLUSH_MOV_CR3], 0);
    ck_assert_uint_eq(stats()->stlb.flushed[FLUSH_MOV_CR3], 1);
    (void)value_at(LIN + 2 * PAGE_SIZE);
    ck_assert_uint_eq(stats()->dtlb.flushed[FLUSH_MOV_CR3], 1);
    ck_assert(!fix_load(&f, LIN + 40 * PAGE_SIZE));
    ck_assert_uint_eq(stats()->dtlb.fault, 1);
    ck_assert_uint_eq(stats()->stlb.fault, 1);
    fix_destroy(&f);
}
END_TEST

START_TEST(page_records_grow_and_forget)
{
    struct page_records r, next;
    uint32_t at;
    ck_assert(page_records_init(&r));
    uint64_t page = 1;
    while (page_record_get(&r, tlb_tag(page, 0, 1), &at))
        page_record_left(&r, at)[0] = (uint8_t)page++;
    ck_assert_uint_eq(r.count, r.slots / 2);
    ck_assert_uint_eq(page, r.slots / 2 * RECORD_PAGES);
    /* known ones are still found */
    ck_assert(page_record_get(&r, tlb_tag(77, 0, 1), &at));
    ck_assert_uint_eq(page_record_left(&r, at)[0], 77);
    ck_assert(page_records_next(&r, &next));
    ck_assert_uint_eq(next.slots, 2 * r.slots);
    page_records_free(&next);
    page_records_free(&r);
    /* through the model: many more pages than the first table holds */
    begin();
    for (unsigned round = 0; round < 2; round++)
        for (uint64_t k = 0; k < 5000; k++) {
            if (round == 0)
                fix_map(&f, LIN + k * PAGE_SIZE, PAGE, P | RW);
            (void)value_at(LIN + k * PAGE_SIZE);
        }
    ck_assert_uint_eq(stats()->dtlb.compulsory, 5000);
    ck_assert_uint_eq(stats()->dtlb.capacity, 5000);
    ck_assert_uint_eq(stats()->stlb.compulsory, 5000);
    ck_assert_uint_eq(stats()->stlb.capacity, 5000);
    fix_destroy(&f);
}
END_TEST

START_TEST(spaces_have_numbers)
{
    struct space_table t;
    ck_assert(space_init(&t));
    for (unsigned k = 0; k < 4096; k++) {
        struct space_name n = {.pcid = (uint16_t)k, .vpid = 3};
        ck_assert_uint_eq(space_known(&t, &n), 0);
        ck_assert_uint_eq(space_number(&t, &n), k + 1);
    }
    struct space_name n = {.pcid = 9, .vpid = 3};
    ck_assert_uint_eq(space_known(&t, &n), 10);
    n.root = 0x1000;
    ck_assert_uint_eq(space_known(&t, &n), 0);
    space_clear(&t);
    n.root = 0;
    ck_assert_uint_eq(space_known(&t, &n), 0);
    space_free(&t);
}
END_TEST

/* --- several cores --- */

START_TEST(a_line_is_writable_in_one_core_only)
{
    fix_defaults(&f);
    fix_create(&f, 2);
    fix_map(&f, LIN, PAGE, P | RW | ACC | DIRTY);
    uint64_t v = 1;
    ck_assert(mmu_write(f.m[0], LIN, 8, MMU_WRITE, &v));
    ck_assert_ptr_nonnull(mmu_hit_write(f.hot[0], LIN, 8));
    /* a read elsewhere takes the dirty line and leaves both shared */
    ck_assert(mmu_read(f.m[1], LIN, 8, MMU_READ, &v));
    ck_assert_uint_eq(v, 1);
    ck_assert_uint_eq(f.account[1].leaf[LEAF_COHERENCE], 60);
    ck_assert_ptr_null(mmu_hit_write(f.hot[0], LIN, 8));
    ck_assert_ptr_null(mmu_hit_write(f.hot[1], LIN, 8));
    ck_assert_ptr_nonnull(mmu_hit_read(f.hot[1], LIN, 8));
    /* a write takes the other copy away */
    v = 2;
    ck_assert(mmu_write(f.m[1], LIN, 8, MMU_WRITE, &v));
    ck_assert_uint_eq(f.account[1].leaf[LEAF_COHERENCE], 120);
    ck_assert_ptr_null(mmu_hit_read(f.hot[0], LIN, 8));
    ck_assert_uint_eq(l1_find(&f.m[0]->side[SIDE_D].cache, PAGE >> LINE_SHIFT),
                      L1_NO_SLOT);
    ck_assert_ptr_nonnull(mmu_hit_write(f.hot[1], LIN, 8));
    fix_destroy(&f);
}
END_TEST

START_TEST(dma_and_clflush_empty_every_cache)
{
    fix_defaults(&f);
    fix_create(&f, 2);
    fix_map(&f, LIN, PAGE, P | RW);
    uint64_t v;
    for (unsigned round = 0; round < 2; round++) {
        ck_assert(mmu_read(f.m[0], LIN, 8, MMU_READ, &v));
        ck_assert(mmu_read(f.m[1], LIN, 8, MMU_READ, &v));
        v = 5;
        if (round == 0)
            ck_assert(memsys_write(f.s, (hpa){PAGE + 60}, 8, &v));
        else
            mmu_clflush(f.m[1], LIN + 3);
        uint32_t line = PAGE >> LINE_SHIFT;
        for (unsigned k = 0; k < 2; k++) {
            ck_assert_ptr_null(mmu_hit_read(f.hot[k], LIN, 8));
            ck_assert_ptr_null(cache_find(&f.m[k]->l2, line));
        }
        ck_assert_ptr_null(cache_find(&f.s->l3, line));
    }
    fix_destroy(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tlb");
    TCase *t = tcase_create("tlb");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, stale_translations_serve_until_invlpg);
    tcase_add_test(t, a_fetch_and_a_load_have_tlbs_of_their_own);
    tcase_add_test(t, flushes_by_pcid_keep_others_and_globals);
    tcase_add_test(t, global_pages_outlive_all_but_a_global_flush);
    tcase_add_test(t, without_cr4_pge_the_global_bit_means_nothing);
    tcase_add_test(t, a_page_fault_drops_the_translations_of_its_page);
    tcase_add_test(t, a_new_right_is_found_by_walking_again);
    tcase_add_test(t, the_first_store_to_a_clean_page_sets_dirty_once);
    tcase_add_test(t, cold_walks_make_one_reference_a_level);
    tcase_add_test(t, paging_structure_caches_shorten_walks);
    tcase_add_test(t, stale_paging_structure_entries_are_used);
    tcase_add_test(t, each_level_costs_what_it_is_said_to);
    tcase_add_test(t,
                   a_second_level_hit_costs_its_latency_and_refills_the_first);
    tcase_add_test(t, a_split_load_counts_twice);
    tcase_add_test(t, walks_may_pass_the_l1d_by);
    tcase_add_test(t, conflict_and_capacity_are_told_apart_when_asked);
    tcase_add_test(t, an_evicted_page_is_not_blamed_on_a_later_flush);
    tcase_add_test(t, page_records_grow_and_forget);
    tcase_add_test(t, spaces_have_numbers);
    tcase_add_test(t, a_line_is_writable_in_one_core_only);
    tcase_add_test(t, dma_and_clflush_empty_every_cache);
    suite_add_tcase(s, t);
    return fix_run(s);
}
