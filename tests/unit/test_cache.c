/* SPDX-License-Identifier: Apache-2.0
 * Replacement and tag arrays against naive models that keep what hardware
 * keeps: recency order, tree bits, reference bits, fill order.
 */
#include "mmu/cache.h"
#include "mmu/tlb.h"
#include "tests/unit/mmu_fixture.h"

enum { WAYS_MAX = 16, STEPS = 20000 };

static const char *const policy_name[] = {"lru", "tree-plru", "nru", "fifo",
                                          "random"};

/* One set as the textbook has it. */
struct naive {
    unsigned ways, policy;
    uint32_t line[WAYS_MAX]; /* + 1; 0 is empty */
    bool dirty[WAYS_MAX];
    unsigned used[WAYS_MAX], filled[WAYS_MAX]; /* times */
    bool bit[2 * WAYS_MAX];                    /* tree nodes, heap order */
    bool ref[WAYS_MAX];
    unsigned time;
    struct rng *rng;
};

static unsigned tree_leaves(const struct naive *n)
{
    unsigned size = 1;
    while (size < n->ways)
        size *= 2;
    return size;
}

static void naive_touch(struct naive *n, unsigned way)
{
    n->used[way] = ++n->time;
    unsigned leaves = tree_leaves(n);
    for (unsigned node = way + leaves; node > 1; node /= 2)
        n->bit[node / 2] = node % 2 == 0; /* 1: the victim is on the right */
    n->ref[way] = true;
    bool all = true;
    for (unsigned k = 0; k < n->ways; k++)
        all = all && n->ref[k];
    for (unsigned k = 0; all && k < n->ways; k++)
        n->ref[k] = k == way;
}

/* Does the subtree at `node` hold a way that exists? */
static bool naive_exists(const struct naive *n, unsigned node)
{
    unsigned leaves = tree_leaves(n);
    while (node < leaves)
        node *= 2;
    return node - leaves < n->ways;
}

static unsigned naive_victim(struct naive *n)
{
    unsigned best = 0;
    for (unsigned k = 0; k < n->ways; k++)
        if (n->line[k] == 0)
            return k;
    switch ((enum replacement)n->policy) {
    case REPL_LRU:
        for (unsigned k = 1; k < n->ways; k++)
            best = n->used[k] < n->used[best] ? k : best;
        return best;
    case REPL_FIFO:
        for (unsigned k = 1; k < n->ways; k++)
            best = n->filled[k] < n->filled[best] ? k : best;
        return best;
    case REPL_NRU:
        while (best + 1 < n->ways && n->ref[best])
            best++;
        return n->ref[best] ? 0 : best;
    case REPL_TREE_PLRU:
        best = 1;
        while (best < tree_leaves(n))
            best = 2 * best + (n->bit[best] && naive_exists(n, 2 * best + 1));
        return best - tree_leaves(n);
    case REPL_RANDOM: break;
    }
    return (unsigned)(rng_next(n->rng) % n->ways);
}

static unsigned naive_find(const struct naive *n, uint32_t line)
{
    for (unsigned k = 0; k < n->ways; k++)
        if (n->line[k] == line + 1)
            return k;
    return n->ways;
}

/* Returns true on a hit; else *out is the line replaced + 1, or 0. */
static bool naive_access(struct naive *n, uint32_t line, bool dirty,
                         uint32_t *out, bool *out_dirty)
{
    unsigned way = naive_find(n, line);
    bool hit = way != n->ways;
    *out = 0;
    *out_dirty = false;
    if (!hit) {
        way = naive_victim(n);
        *out = n->line[way];
        *out_dirty = n->dirty[way];
        n->line[way] = line + 1;
        n->dirty[way] = false;
        n->ref[way] = false;
        n->filled[way] = ++n->time;
    }
    n->dirty[way] |= dirty;
    naive_touch(n, way);
    return hit;
}

static void naive_drop(struct naive *n, uint32_t line)
{
    unsigned way = naive_find(n, line);
    if (way == n->ways)
        return;
    n->line[way] = 0;
    n->dirty[way] = n->ref[way] = false;
}

/* Sets of any number, ways of any number; whole KiB. */
static const struct {
    unsigned sets, ways;
} shape[] = {{4, 4},  {1, 16}, {3, 16}, {16, 1}, {8, 12},
             {16, 2}, {8, 6},  {5, 16}, {2, 8},  {12, 4}};

static unsigned index_of(unsigned sets, unsigned hash, uint32_t line)
{
    unsigned bits = 0;
    while ((1U << bits) < sets)
        bits++;
    return (hash == HASH_XOR ? line ^ (line >> bits) : line) % sets;
}

static void lower_level(unsigned policy, unsigned sets, unsigned ways,
                        unsigned hash)
{
    struct cache c;
    struct sim_error e;
    struct cache_config k = {.size_kib = sets * ways / 16,
                             .ways = ways,
                             .replacement = (uint8_t)policy,
                             .hash = (uint8_t)hash};
    ck_assert_int_eq(cache_init(&c, &k, 5, "test", &e), SIM_OK);
    struct naive *n = calloc(sets, sizeof *n);
    struct rng twin = c.rng, trace = rng_make(policy + ways, sets);
    for (unsigned s = 0; s < sets; s++)
        n[s] = (struct naive){.ways = ways, .policy = policy, .rng = &twin};
    uint64_t misses = 0, writebacks = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t r = rng_next(&trace);
        uint32_t line = (uint32_t)(r % (2 * sets * ways));
        bool dirty = (r >> 40 & 3) == 0;
        struct naive *set = &n[index_of(sets, hash, line)];
        if ((r >> 44 & 31) == 0) {
            bool held = naive_find(set, line) != ways;
            ck_assert_int_eq(cache_drop(&c, line) != 0, held);
            naive_drop(set, line);
            continue;
        }
        uint32_t out;
        bool out_dirty;
        bool hit = naive_access(set, line, dirty, &out, &out_dirty);
        uint32_t tag = cache_lookup(&c, line, dirty ? LINE_DIRTY : 0);
        ck_assert_msg((tag != 0) == hit, "%s %ux%u step %u",
                      policy_name[policy], sets, ways, step);
        if (hit)
            continue;
        misses++;
        tag = cache_fill(&c, line, dirty ? LINE_DIRTY : 0);
        ck_assert_msg(tag == 0 ? out == 0 : line_of(tag) + 1 == out,
                      "%s %ux%u step %u: victim", policy_name[policy], sets,
                      ways, step);
        ck_assert_int_eq((tag & LINE_DIRTY) != 0, out_dirty);
        writebacks += out_dirty;
    }
    ck_assert_uint_eq(c.stats.misses, misses);
    ck_assert_uint_eq(c.stats.hits, c.stats.accesses - misses);
    ck_assert_uint_eq(c.stats.writebacks, writebacks);
    cache_free(&c);
    free(n);
}

START_TEST(lower_levels_match_a_naive_model)
{
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        for (unsigned hash = 0; hash < 2; hash++)
            lower_level((unsigned)_i, shape[k].sets, shape[k].ways, hash);
}
END_TEST

static void stamped(unsigned policy, unsigned sets, unsigned ways)
{
    struct assoc_config k = {
        .entries = sets * ways, .ways = ways, .replacement = (uint8_t)policy};
    struct tlb t;
    ck_assert(tlb_init(&t, &k, 0, NULL, 11));
    struct naive *n = calloc(sets, sizeof *n);
    struct rng twin = t.replace.rng, trace = rng_make(policy + ways, sets);
    for (unsigned s = 0; s < sets; s++)
        n[s] = (struct naive){.ways = ways, .policy = policy, .rng = &twin};
    for (uint64_t now = 1; now <= STEPS; now++) {
        uint64_t r = rng_next(&trace);
        uint32_t page = (uint32_t)(r % (2 * sets * ways));
        struct naive *set = &n[page % sets];
        uint64_t tag = tlb_tag(page, PAGES_4K, 3);
        uint32_t slot = tlb_find(&t, page, tag), out;
        bool out_dirty;
        if ((r >> 44 & 31) == 0) {
            ck_assert_int_eq(slot != TLB_NONE, naive_find(set, page) != ways);
            naive_drop(set, page);
            if (slot != TLB_NONE) {
                t.tag[slot] = 0;
                t.live--;
                replace_drop(&t.replace, slot);
            }
            continue;
        }
        bool hit = naive_access(set, page, false, &out, &out_dirty);
        ck_assert_msg((slot != TLB_NONE) == hit, "%s %ux%u step %u",
                      policy_name[policy], sets, ways, (unsigned)now);
        if (hit) {
            ck_assert_uint_eq(slot, page % sets * ways + naive_find(set, page));
            (void)replace_touch(&t.replace, slot, now);
            continue;
        }
        slot = tlb_choose(&t, page);
        ck_assert_msg(slot == page % sets * ways + naive_find(set, page),
                      "%s %ux%u step %u: way", policy_name[policy], sets, ways,
                      (unsigned)now);
        t.live += t.tag[slot] == 0;
        t.tag[slot] = tag;
        (void)replace_fill(&t.replace, slot, now);
    }
    tlb_free(&t);
    free(n);
}

START_TEST(stamps_give_the_victims_of_the_policy)
{
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++)
        stamped((unsigned)_i, shape[k].sets, shape[k].ways);
}
END_TEST

START_TEST(nru_says_when_other_slots_lose_their_bit)
{
    uint64_t stamp[4] = {0};
    struct replacer r;
    ck_assert(replace_init(&r, REPL_NRU, 4, 4, stamp, 1));
    ck_assert(!replace_fill(&r, 0, 1));
    ck_assert(!replace_fill(&r, 1, 2));
    ck_assert(!replace_fill(&r, 2, 3));
    ck_assert(!replace_touch(&r, 1, 4));
    ck_assert(replace_fill(&r, 3, 5));
    ck_assert_uint_eq(replace_victim(&r, 0), 0);
    replace_free(&r);
}
END_TEST

START_TEST(a_large_l3_costs_four_bytes_a_line)
{
    struct cache c;
    struct sim_error e;
    struct cache_config k = {.size_kib = 100 * 1024, .ways = 20};
    ck_assert_int_eq(cache_init(&c, &k, 1, "l3", &e), SIM_OK);
    ck_assert_uint_eq(c.index.sets, 81920);
    ck_assert_uint_le((uint64_t)c.index.sets * c.ways * sizeof *c.tag,
                      UINT64_C(24) << 20);
    cache_free(&c);
    k.ways = 0;
    ck_assert_int_eq(cache_init(&c, &k, 1, "l3", &e), SIM_USAGE);
    k = (struct cache_config){
        .size_kib = 80, .ways = 80, .replacement = REPL_TREE_PLRU};
    ck_assert_int_eq(cache_init(&c, &k, 1, "l3", &e), SIM_USAGE);
}
END_TEST

START_TEST(a_dirty_victim_is_kept_below)
{
    struct cache c;
    struct sim_error e;
    struct cache_config k = {.size_kib = 1, .ways = 4};
    ck_assert_int_eq(cache_init(&c, &k, 1, "l2", &e), SIM_OK);
    ck_assert_uint_eq(cache_write_back(&c, 5, LINE_DIRTY), 0);
    ck_assert_uint_eq(c.stats.accesses, 0);
    ck_assert_uint_eq(*cache_find(&c, 5) & LINE_FLAGS, LINE_DIRTY);
    ck_assert_uint_eq(cache_fill(&c, 9, 0), 0);
    ck_assert_uint_eq(cache_write_back(&c, 9, LINE_DIRTY), 0);
    ck_assert_uint_eq(cache_clear(&c), 2);
    ck_assert_ptr_null(cache_find(&c, 5));
    cache_free(&c);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cache");
    TCase *t = tcase_create("cache");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, lower_levels_match_a_naive_model, REPL_LRU,
                        REPL_RANDOM + 1);
    tcase_add_loop_test(t, stamps_give_the_victims_of_the_policy, REPL_LRU,
                        REPL_RANDOM + 1);
    tcase_add_test(t, nru_says_when_other_slots_lose_their_bit);
    tcase_add_test(t, a_large_l3_costs_four_bytes_a_line);
    tcase_add_test(t, a_dirty_victim_is_kept_below);
    suite_add_tcase(s, t);
    return fix_run(s);
}
