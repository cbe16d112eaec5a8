/* SPDX-License-Identifier: Apache-2.0
 * Tag arrays: set-associative caches with exact replacement.
 */
#include "mmu/cache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static size_t tag_bytes(const struct cache *c)
{
    return (size_t)c->index.sets * c->ways * sizeof *c->tag;
}

static enum sim_status check(const struct cache_config *k, const char *name,
                             struct sim_error *e)
{
    uint64_t lines = (uint64_t)k->size_kib * 16;
    if (k->ways == 0 || lines == 0 || lines % k->ways != 0 ||
        lines > UINT32_MAX / 4)
        return sim_fail(e, SIM_USAGE,
                        "%s: %" PRIu32 " KiB do not divide into %" PRIu32
                        " ways",
                        name, k->size_kib, k->ways);
    return SIM_OK;
}

/* Walk the tree towards each way: an access points each node away from it.
 * A node is numbered as in a heap: root 1, children 2n and 2n+1. */
static bool make_tree(struct cache *c)
{
    uint32_t full = 1;
    while (full < c->ways)
        full *= 2;
    c->tree = calloc(c->ways, 2 * sizeof *c->tree);
    for (uint32_t way = 0; c->tree != NULL && way < c->ways; way++) {
        uint32_t node = 1, low = 0;
        for (uint32_t size = full; size > 1; size /= 2) {
            bool right = way >= low + size / 2;
            c->tree[2 * way] |= BIT(node);
            c->tree[2 * way + 1] |= right ? 0 : BIT(node);
            low += right ? size / 2 : 0;
            node = 2 * node + right;
        }
    }
    return c->tree != NULL;
}

enum sim_status cache_init(struct cache *c, const struct cache_config *k,
                           uint64_t seed, const char *name, struct sim_error *e)
{
    memset(c, 0, sizeof *c);
    enum sim_status status = check(k, name, e);
    if (status != SIM_OK)
        return status;
    bool bits = k->replacement == REPL_TREE_PLRU || k->replacement == REPL_NRU;
    if (bits && k->ways > 64)
        return sim_fail(e, SIM_USAGE,
                        "%s: %" PRIu32 " ways (64 at most with this "
                        "replacement)",
                        name, k->ways);
    c->ways = k->ways;
    c->latency = k->latency;
    c->policy = k->replacement;
    c->rng = rng_make(seed, 2);
    c->index = set_index_make(k->size_kib * 16 / k->ways, k->hash);
    /* Mapped: sets that are never used cost nothing. */
    void *p = mmap(NULL, tag_bytes(c), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) {
        c->tag = p;
        if (tag_bytes(c) >= (UINT64_C(2) << 20))
            (void)madvise(p, tag_bytes(c), MADV_HUGEPAGE);
    }
    if (bits)
        c->bits = calloc(c->index.sets, sizeof *c->bits);
    if (c->tag == NULL || (bits && c->bits == NULL) ||
        (k->replacement == REPL_TREE_PLRU && !make_tree(c))) {
        cache_free(c);
        return sim_fail(e, SIM_NO_RESOURCE, "%s: tag array: %s", name,
                        strerror(errno));
    }
    return SIM_OK;
}

void cache_free(struct cache *c)
{
    if (c->tag != NULL)
        munmap(c->tag, tag_bytes(c));
    free(c->bits);
    free(c->tree);
    c->tag = NULL;
    c->bits = NULL;
    c->tree = NULL;
}

static uint32_t *set_of(const struct cache *c, uint32_t line, uint32_t *set)
{
    *set = set_index_of(&c->index, line);
    return c->tag + (size_t)*set * c->ways;
}

static uint64_t tree_touch(const struct cache *c, uint64_t bits, uint32_t way)
{
    return (bits & ~c->tree[2 * way]) | c->tree[2 * way + 1];
}

static uint32_t tree_victim(uint64_t bits, uint32_t ways)
{
    uint32_t size = 1, node = 1, low = 0;
    if (LIKELY(is_pow2(ways))) { /* a leaf's number is its way + ways */
        while (node < ways)
            node = 2 * node + (uint32_t)(bits >> node & 1);
        return node - ways;
    }
    while (size < ways)
        size *= 2;
    for (; size > 1; size /= 2) {
        bool right = (bits >> node & 1) != 0 && low + size / 2 < ways;
        low += right ? size / 2 : 0;
        node = 2 * node + right;
    }
    return low;
}

static void nru_touch(uint64_t *bits, uint32_t ways, uint32_t way)
{
    *bits |= BIT(way);
    if (*bits == bits_mask(ways))
        *bits = BIT(way);
}

static void move_to_front(uint32_t *t, uint32_t way)
{
    uint32_t tag = t[way];
    for (; way >= 4; way -= 4) { /* four at a time, from the old end */
        __m128i *to = (__m128i *)(void *)(t + way - 3);
        const __m128i *from = (const __m128i *)(const void *)(t + way - 4);
        _mm_storeu_si128(to, _mm_loadu_si128(from));
    }
    for (; way > 0; way--)
        t[way] = t[way - 1];
    t[0] = tag;
}

/* Way `way` of a set was accessed. */
static void touch(struct cache *c, uint32_t set, uint32_t *t, uint32_t way)
{
    switch ((enum replacement)c->policy) {
    case REPL_LRU: move_to_front(t, way); break;
    case REPL_TREE_PLRU: c->bits[set] = tree_touch(c, c->bits[set], way); break;
    case REPL_NRU: nru_touch(&c->bits[set], c->ways, way); break;
    case REPL_FIFO:
    case REPL_RANDOM: break;
    }
}

uint32_t cache_lookup(struct cache *c, uint32_t line, uint32_t flags)
{
    uint32_t set;
    uint32_t *t = set_of(c, line, &set);
    uint32_t way = line_way(t, c->ways, line);
    c->stats.accesses++;
    if (way == c->ways) {
        c->stats.misses++;
        return 0;
    }
    c->stats.hits++;
    t[way] |= flags;
    uint32_t tag = t[way];
    touch(c, set, t, way);
    return tag;
}

static uint32_t choose_way(struct cache *c, uint32_t set, const uint32_t *t)
{
    if (c->policy == REPL_LRU || c->policy == REPL_FIFO)
        return c->ways - 1; /* the oldest, or empty */
    for (uint32_t k = 0; k < c->ways; k++)
        if (t[k] == 0)
            return k;
    switch ((enum replacement)c->policy) {
    case REPL_TREE_PLRU: return tree_victim(c->bits[set], c->ways);
    case REPL_NRU:
        for (uint32_t k = 0; k < c->ways; k++)
            if ((c->bits[set] >> k & 1) == 0)
                return k;
        return 0;
    case REPL_LRU:
    case REPL_FIFO:
    case REPL_RANDOM: break;
    }
    return (uint32_t)(rng_next(&c->rng) % c->ways);
}

static uint32_t fill(struct cache *c, uint32_t set, uint32_t *t, uint32_t line,
                     uint32_t flags)
{
    uint32_t way = choose_way(c, set, t);
    uint32_t victim = t[way];
    if (victim != 0)
        c->stats.evictions++;
    if ((victim & LINE_DIRTY) != 0)
        c->stats.writebacks++;
    t[way] = line_tag(line) | flags;
    if (c->policy == REPL_NRU)
        c->bits[set] &= ~BIT(way);
    if (c->policy == REPL_FIFO)
        move_to_front(t, way);
    else
        touch(c, set, t, way);
    return victim;
}

uint32_t cache_fill(struct cache *c, uint32_t line, uint32_t flags)
{
    uint32_t set;
    uint32_t *t = set_of(c, line, &set);
    return fill(c, set, t, line, flags);
}

uint32_t cache_access(struct cache *c, uint32_t line, uint32_t flags,
                      uint32_t *victim)
{
    uint32_t set;
    uint32_t *t = set_of(c, line, &set);
    uint32_t way = line_way(t, c->ways, line);
    c->stats.accesses++;
    *victim = 0;
    if (way != c->ways) {
        uint32_t tag = t[way];
        c->stats.hits++;
        touch(c, set, t, way);
        return tag;
    }
    c->stats.misses++;
    *victim = fill(c, set, t, line, flags);
    return 0;
}

uint32_t cache_write_back(struct cache *c, uint32_t line, uint32_t flags)
{
    uint32_t set;
    uint32_t *t = set_of(c, line, &set);
    uint32_t way = line_way(t, c->ways, line);
    if (way == c->ways)
        return fill(c, set, t, line, flags);
    t[way] |= flags;
    return 0;
}

uint32_t *cache_find(const struct cache *c, uint32_t line)
{
    uint32_t set;
    uint32_t *t = set_of(c, line, &set);
    uint32_t way = line_way(t, c->ways, line);
    return way == c->ways ? NULL : t + way;
}

uint32_t cache_drop(struct cache *c, uint32_t line)
{
    uint32_t set;
    uint32_t *t = set_of(c, line, &set);
    uint32_t way = line_way(t, c->ways, line);
    if (way == c->ways)
        return 0;
    uint32_t tag = t[way];
    c->stats.invalidations++;
    t[way] = 0;
    if (c->policy == REPL_LRU || c->policy == REPL_FIFO) {
        /* Empty ways are last. */
        for (; way + 1 < c->ways; way++)
            t[way] = t[way + 1];
        t[way] = 0;
    } else if (c->policy == REPL_NRU) {
        c->bits[set] &= ~BIT(way);
    }
    return tag;
}

uint64_t cache_clear(struct cache *c)
{
    size_t n = (size_t)c->index.sets * c->ways;
    uint64_t dirty = 0;
    for (size_t k = 0; k < n; k++) {
        if (c->tag[k] == 0)
            continue;
        dirty += (c->tag[k] & LINE_DIRTY) != 0;
        c->tag[k] = 0;
    }
    if (c->bits != NULL)
        memset(c->bits, 0, c->index.sets * sizeof *c->bits);
    return dirty;
}

/* --- level 1 --- */

enum sim_status l1_init(struct l1_cache *c, const struct cache_config *k,
                        uint64_t *stamp, uint64_t seed, const char *name,
                        struct sim_error *e)
{
    memset(c, 0, sizeof *c);
    enum sim_status status = check(k, name, e);
    if (status != SIM_OK)
        return status;
    c->slots = k->size_kib * 16;
    c->ways = k->ways;
    c->latency = k->latency;
    c->index = set_index_make(c->slots / c->ways, k->hash);
    c->tag = calloc(c->slots, sizeof *c->tag);
    c->owner = malloc(c->slots * sizeof *c->owner);
    if (!replace_init(&c->replace, k->replacement, c->ways, c->slots, stamp,
                      seed) ||
        c->tag == NULL || c->owner == NULL) {
        l1_free(c);
        return sim_fail(e, SIM_NO_RESOURCE, "%s: no memory", name);
    }
    memset(c->owner, 0xff, c->slots * sizeof *c->owner);
    return SIM_OK;
}

void l1_free(struct l1_cache *c)
{
    free(c->tag);
    free(c->owner);
    replace_free(&c->replace);
    c->tag = NULL;
    c->owner = NULL;
}

uint32_t l1_choose(struct l1_cache *c, uint32_t line)
{
    uint32_t first = set_index_of(&c->index, line) * c->ways;
    uint32_t way = line_way(c->tag + first, c->ways, LINE_NONE);
    if (way != c->ways)
        return first + way;
    return first + replace_victim(&c->replace, first);
}
