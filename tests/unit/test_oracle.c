/* SPDX-License-Identifier: Apache-2.0
 * The invalidation oracle: a use of what a walk would no longer give is found
 * with its cause and the instruction that was left out; what the manual
 * allows is not.
 */
#include "nested_fixture.h"

#include "mmu/oracle.h"

#define X     UINT64_C(0x400000)
#define OLD   UINT64_C(0x300000)
#define NEW   UINT64_C(0x310000)
#define FLAGS (P | RW | US | ACC | DIRTY)

struct heard {
    struct oracle_finding last;
    unsigned count;
    uint64_t rip;
};

static struct oracle_place where(void *self)
{
    const struct heard *h = self;
    return (struct oracle_place){.rip = h->rip};
}

static void found(void *self, const struct oracle_finding *f)
{
    struct heard *h = self;
    h->last = *f;
    h->count++;
}

static void create(struct nested *n, struct heard *h, unsigned mode)
{
    memset(h, 0, sizeof *h);
    nested_defaults(n);
    n->f.config.check_tlb = (uint8_t)mode;
    n->f.config.ept_psc_pde = n->f.config.nested_tlb = fix_assoc(16, 16);
    nested_create(n);
    mmu_set_oracle_port(n->f.m[0], (struct oracle_port){h, where, found});
    ept_identity(n, PAGES_4K);
    fix_map(&n->f, X, OLD, FLAGS);
    fix_map(&n->f, X + PAGE_SIZE, OLD + PAGE_SIZE, FLAGS);
    for (uint64_t at = 0; at < 0x2000; at += PAGE_SIZE) {
        fix_put(&n->f, OLD + at, 1);
        fix_put(&n->f, NEW + at, 2);
    }
    nested_context(n);
}

/* What the fixture put straight into memory comes from a device. */
static void put_by_device(struct nested *n, uint64_t at)
{
    uint64_t v = fix_get(&n->f, at);
    ck_assert(memsys_write(n->f.s, (hpa){at}, 8, &v));
}

static uint64_t load(struct nested *n, struct heard *h, uint64_t lin)
{
    uint64_t v = 0;
    h->rip = 0x1234;
    ck_assert(mmu_read(n->f.m[0], lin, 8, MMU_READ, &v));
    return v;
}

/* Store to a table as the guest: through a mapping of it. */
static void store_entry(struct nested *n, struct heard *h, uint64_t at,
                        uint64_t entry)
{
    const uint64_t window = UINT64_C(0x600000);
    fix_map(&n->f, window, at & ~UINT64_C(0xfff), FLAGS);
    h->rip = 0x5678;
    ck_assert(
        mmu_write(n->f.m[0], window | (at & 0xfff), 8, MMU_WRITE, &entry));
    mmu_flush_page(n->f.m[0], window, 0, true, FLUSH_INVLPG);
}

START_TEST(a_page_without_invlpg)
{
    struct nested n;
    struct heard h;
    create(&n, &h, TLB_CHECK_REPORT);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    uint64_t at = fix_entry(&n.f, X, 1, 4);
    store_entry(&n, &h, at, NEW | FLAGS);
    ck_assert_uint_eq(h.count, 0);
    ck_assert_uint_eq(load(&n, &h, X), 1); /* stale: reported and used */
    ck_assert_uint_eq(h.count, 1);
    ck_assert(h.last.changed && !h.last.ept && h.last.known);
    ck_assert_uint_eq(h.last.at, at);
    ck_assert_uint_eq(h.last.level, 1);
    ck_assert_uint_eq(h.last.before, OLD | FLAGS);
    ck_assert_uint_eq(h.last.after, NEW | FLAGS);
    ck_assert_uint_eq(h.last.user.rip, 0x1234);
    ck_assert_uint_eq(h.last.writer.rip, 0x5678);
    ck_assert_uint_eq(h.last.lin, X);
    ck_assert_str_eq(h.last.structure, "TLB");
    ck_assert(strncmp(h.last.missing, "INVLPG", 6) == 0);
    /* Told once, counted each time. */
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ck_assert_uint_eq(h.count, 1);
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 2);
    mmu_flush_page(n.f.m[0], X, 0, true, FLUSH_INVLPG);
    ck_assert_uint_eq(load(&n, &h, X), 2);
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 2);
    fix_destroy(&n.f);
}
END_TEST

START_TEST(fresh_uses_what_a_walk_gives)
{
    struct nested n;
    struct heard h;
    create(&n, &h, TLB_CHECK_FRESH);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    store_entry(&n, &h, fix_entry(&n.f, X, 1, 4), NEW | FLAGS);
    ck_assert_uint_eq(load(&n, &h, X), 2);
    ck_assert_uint_eq(h.count, 1);
    ck_assert_uint_eq(load(&n, &h, X), 2);
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 1);
    fix_destroy(&n.f);
}
END_TEST

START_TEST(random_goes_by_the_seed)
{
    unsigned stale[2] = {0};
    for (unsigned run = 0; run < 2; run++) {
        struct nested n;
        struct heard h;
        create(&n, &h, TLB_CHECK_RANDOM);
        ck_assert_uint_eq(load(&n, &h, X), 1);
        uint64_t at = fix_entry(&n.f, X, 1, 4);
        for (unsigned k = 0; k < 64; k++) {
            uint64_t now = k % 2 == 0 ? 2 : 1;
            store_entry(&n, &h, at, (now == 2 ? NEW : OLD) | FLAGS);
            stale[run] += load(&n, &h, X) != now;
            mmu_flush_page(n.f.m[0], X, 0, true, FLUSH_INVLPG);
            ck_assert_uint_eq(load(&n, &h, X), now);
        }
        fix_destroy(&n.f);
    }
    ck_assert_uint_eq(stale[0], stale[1]);
    ck_assert(stale[0] > 16 && stale[0] < 48);
}
END_TEST

START_TEST(what_the_manual_allows)
{
    struct nested n;
    struct heard h;
    create(&n, &h, TLB_CHECK_REPORT);
    uint64_t at = fix_entry(&n.f, X, 1, 4), v = 5;
    /* A right added: the store walks. */
    fix_map(&n.f, X, OLD, FLAGS & ~(uint64_t)RW);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    store_entry(&n, &h, at, OLD | FLAGS);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ck_assert(mmu_write(n.f.m[0], X + 8, 8, MMU_WRITE, &v));
    /* Flags cleared, software's bits changed. */
    store_entry(&n, &h, at, OLD | P | RW | US | BIT(9) | BIT(55));
    ck_assert_uint_eq(load(&n, &h, X), 1);
    /* Not present to present: was never cached. */
    uint64_t far = fix_entry(&n.f, X + 0x5000, 1, 4);
    ck_assert(!mmu_read(n.f.m[0], X + 0x5000, 8, MMU_READ, &v));
    store_entry(&n, &h, far, OLD | FLAGS);
    ck_assert_uint_eq(load(&n, &h, X + 0x5000), 1);
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 0);
    /* A right taken away is one, at the access that it forbids. */
    ck_assert(mmu_write(n.f.m[0], X + 8, 8, MMU_WRITE, &v));
    store_entry(&n, &h, at, OLD | (FLAGS & ~(uint64_t)RW));
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 0);
    ck_assert(mmu_write(n.f.m[0], X + 8, 8, MMU_WRITE, &v));
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 1);
    fix_destroy(&n.f);
}
END_TEST

static void invept_is_named(struct heard *h, uint64_t at)
{
    ck_assert_uint_eq(h->count, 1);
    ck_assert(h->last.ept);
    ck_assert_uint_eq(h->last.at, at);
    ck_assert(strncmp(h->last.missing, "INVEPT", 6) == 0);
}

START_TEST(an_ept_page_without_invept)
{
    struct nested n;
    struct heard h;
    create(&n, &h, TLB_CHECK_REPORT);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ept_map(&n, OLD, NEW, PAGES_4K, EPT_RWX | EPT_WB);
    put_by_device(&n, ept_entry_of(&n, OLD, 1));
    ck_assert_uint_eq(load(&n, &h, X), 1);
    invept_is_named(&h, ept_entry_of(&n, OLD, 1));
    ck_assert(h.last.known && h.last.agent);
    fix_destroy(&n.f);
    /* The same where only the nested TLB is stale. */
    create(&n, &h, TLB_CHECK_REPORT);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ept_map(&n, OLD, NEW, PAGES_4K, EPT_RWX | EPT_WB);
    put_by_device(&n, ept_entry_of(&n, OLD, 1));
    mmu_flush_page(n.f.m[0], X, 0, true, FLUSH_INVLPG);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    invept_is_named(&h, ept_entry_of(&n, OLD, 1));
    ck_assert_str_eq(h.last.structure, "nested TLB");
    mmu_invept(n.f.m[0], INVEPT_SINGLE, n.f.ctx.eptp, 0);
    ck_assert_uint_eq(load(&n, &h, X), 2);
    ck_assert_uint_eq(n.f.m[0]->stats->stale_uses, 1);
    fix_destroy(&n.f);
}
END_TEST

START_TEST(a_table_in_the_paging_structure_caches)
{
    struct nested n;
    struct heard h;
    create(&n, &h, TLB_CHECK_REPORT);
    n.f.ctx.eptp = 0;
    n.f.ctx.vpid = 0;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    uint64_t at = fix_entry(&n.f, X, 2, 4), table = UINT64_C(0x330000);
    fix_put(&n.f, table + 8, (NEW + PAGE_SIZE) | FLAGS);
    store_entry(&n, &h, at, table | P | RW | US | ACC);
    /* store_entry invalidated an address, and with it these caches: load
     * again from the old table. */
    fix_put(&n.f, at, fix_get(&n.f, at));
    ck_assert_uint_eq(load(&n, &h, X + PAGE_SIZE), 2);
    ck_assert_uint_eq(load(&n, &h, X), 1); /* the TLB's is stale */
    ck_assert_uint_eq(h.count, 1);
    ck_assert_uint_eq(h.last.level, 2);
    ck_assert_str_eq(h.last.structure, "TLB");
    fix_destroy(&n.f);
    create(&n, &h, TLB_CHECK_REPORT);
    n.f.ctx.eptp = 0;
    n.f.ctx.vpid = 0;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    fix_put(&n.f, table + 8, (NEW + PAGE_SIZE) | FLAGS);
    fix_put(&n.f, at, table | P | RW | US | ACC);
    put_by_device(&n, at);
    ck_assert_uint_eq(load(&n, &h, X + PAGE_SIZE), 1);
    ck_assert_uint_eq(h.count, 1);
    ck_assert_uint_eq(h.last.at, at);
    ck_assert_str_eq(h.last.structure, "paging-structure cache");
    fix_destroy(&n.f);
}
END_TEST

START_TEST(who_must_invalidate_what)
{
    struct nested n;
    struct heard h;
    /* A monitor (VPID 0) changes a shadow table of VPID 1. */
    create(&n, &h, TLB_CHECK_REPORT);
    n.f.ctx.eptp = 0;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    n.f.ctx.vpid = 0;
    nested_context(&n);
    uint64_t at = fix_entry(&n.f, X, 1, 4);
    store_entry(&n, &h, at, NEW | FLAGS);
    n.f.ctx.vpid = 1;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ck_assert(strncmp(h.last.missing, "INVVPID", 7) == 0);
    fix_destroy(&n.f);
    /* Another PCID does, in the same VPID. */
    create(&n, &h, TLB_CHECK_REPORT);
    n.f.ctx.cr4 |= CR4_PCIDE;
    n.f.ctx.cr3 = FIX_CR3 | 3;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    n.f.ctx.cr3 = FIX_CR3 | 4;
    nested_context(&n);
    store_entry(&n, &h, at, NEW | FLAGS);
    n.f.ctx.cr3 = FIX_CR3 | 3;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ck_assert(strncmp(h.last.missing, "INVPCID", 7) == 0);
    fix_destroy(&n.f);
    /* Other tables under the same PCID. */
    create(&n, &h, TLB_CHECK_REPORT);
    n.f.ctx.eptp = 0;
    n.f.ctx.vpid = 0;
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    n.f.ctx.cr3 = UINT64_C(0x340000);
    fix_map(&n.f, X, NEW, FLAGS);
    nested_context(&n);
    ck_assert_uint_eq(load(&n, &h, X), 1);
    ck_assert(!h.last.changed);
    ck_assert(strncmp(h.last.missing, "MOV to CR3", 10) == 0);
    fix_destroy(&n.f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("oracle");
    TCase *t = tcase_create("oracle");
    tcase_add_test(t, a_page_without_invlpg);
    tcase_add_test(t, fresh_uses_what_a_walk_gives);
    tcase_add_test(t, random_goes_by_the_seed);
    tcase_add_test(t, what_the_manual_allows);
    tcase_add_test(t, an_ept_page_without_invept);
    tcase_add_test(t, a_table_in_the_paging_structure_caches);
    tcase_add_test(t, who_must_invalidate_what);
    suite_add_tcase(s, t);
    return fix_run(s);
}
