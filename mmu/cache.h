/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: tag arrays of the caches. Data is always in RAM; a cache
 * is who has which line. A line is a physical address / 64, below 2^30.
 *
 * struct cache (L2, L3) keeps each set in order of recency (LRU) or age
 * (FIFO), so that one 4-byte tag a line is all there is and a 16-way set is
 * one line of the host. struct l1_cache keeps lines in their slots, because
 * the residency filter stamps slots.
 */
#ifndef VTSIM_MMU_CACHE_H
#define VTSIM_MMU_CACHE_H

#include "mmu/replace.h"
#include "sim/base/status.h"

#include <emmintrin.h>
#include <stddef.h>

/* Flags in a tag's low bits. */
enum { LINE_EXCLUSIVE = 1, LINE_DIRTY = 2, LINE_FLAGS = 3 };

/* Zero is an empty way: the tag of line -1. */
#define LINE_NONE UINT32_MAX

ALWAYS_INLINE uint32_t line_tag(uint32_t line)
{
    return (line + 1) << 2;
}

ALWAYS_INLINE uint32_t line_of(uint32_t tag)
{
    return (tag >> 2) - 1;
}

/* The way of `ways` tags that holds a line, or `ways`. */
ALWAYS_INLINE uint32_t line_way(const uint32_t *tag, uint32_t ways,
                                uint32_t line)
{
    const __m128i want = _mm_set1_epi32((int)line_tag(line));
    const __m128i flags = _mm_set1_epi32(LINE_FLAGS);
    uint32_t k = 0;
    for (; k + 4 <= ways; k += 4) {
        __m128i four =
            _mm_loadu_si128((const __m128i *)(const void *)(tag + k));
        __m128i equal = _mm_cmpeq_epi32(_mm_andnot_si128(flags, four), want);
        int mask = _mm_movemask_ps(_mm_castsi128_ps(equal));
        if (mask != 0)
            return k + (uint32_t)__builtin_ctz((unsigned)mask);
    }
    for (; k < ways; k++)
        if ((tag[k] & ~(uint32_t)LINE_FLAGS) == line_tag(line))
            return k;
    return ways;
}

struct cache_stats {
    uint64_t accesses, hits, misses;
    uint64_t evictions;     /* lines replaced */
    uint64_t writebacks;    /* dirty lines sent to the next level */
    uint64_t invalidations; /* lines dropped by other agents or CLFLUSH */
};

struct cache {
    uint32_t *tag;  /* sets * ways */
    uint64_t *bits; /* a set's tree or reference bits; tree-PLRU and NRU */
    uint64_t *tree; /* tree-PLRU: of each way, its nodes and where they point
                       after an access */
    struct set_index index;
    uint32_t ways;
    uint32_t latency;
    uint8_t policy;
    struct rng rng;
    struct cache_stats stats;
};

/* `name` is for the error line. The sets may be any number; tree-PLRU and
 * NRU have at most 64 ways. */
SIM_MUST_CHECK enum sim_status cache_init(struct cache *c,
                                          const struct cache_config *config,
                                          uint64_t seed, const char *name,
                                          struct sim_error *e);
void cache_free(struct cache *c);

/* Start loading the host line that holds the set of `line`. */
ALWAYS_INLINE void cache_prefetch(const struct cache *c, uint32_t line)
{
    size_t first = (size_t)set_index_of(&c->index, line) * c->ways;
    __builtin_prefetch(c->tag + first, 1);
}

/* Look up and count an access; on a hit OR `flags` in, make it the most
 * recent and return the tag, else 0. */
uint32_t cache_lookup(struct cache *c, uint32_t line, uint32_t flags);

/* Look up as cache_lookup; on a miss insert the line with `flags` and
 * give the tag replaced, or 0, in *victim. */
uint32_t cache_access(struct cache *c, uint32_t line, uint32_t flags,
                      uint32_t *victim);

/* Start loading what the next miss in the set of `line` will ask of the
 * level below: the set of its oldest line, to write it back. */
ALWAYS_INLINE void cache_prefetch_victim(const struct cache *c, uint32_t line,
                                         const struct cache *below)
{
    size_t set = set_index_of(&c->index, line);
    uint32_t last = c->tag[(set + 1) * c->ways - 1];
    if ((last & LINE_DIRTY) != 0)
        cache_prefetch(below, line_of(last));
}

/* Insert a line that is not there; returns the tag replaced, or 0. */
uint32_t cache_fill(struct cache *c, uint32_t line, uint32_t flags);

/* A dirty line comes from the level above: update it or allocate it, without
 * counting an access. Returns the tag replaced, or 0. */
uint32_t cache_write_back(struct cache *c, uint32_t line, uint32_t flags);

/* The tag of a line, or NULL; changes nothing. */
uint32_t *cache_find(const struct cache *c, uint32_t line);

/* Remove a line; returns its tag, or 0. */
uint32_t cache_drop(struct cache *c, uint32_t line);

/* Empty; returns the number of dirty lines. */
uint64_t cache_clear(struct cache *c);

enum { L1_NO_OWNER = 0xffff, L1_NO_SLOT = 0xffffffff };

struct l1_cache {
    uint32_t *tag;
    uint16_t *owner; /* the filter entry that stands for the slot */
    struct set_index index;
    uint32_t ways, slots;
    uint32_t latency;
    struct replacer replace;
    struct cache_stats stats;
};

/* `stamp` has L1_SLOTS_MAX elements. */
SIM_MUST_CHECK enum sim_status l1_init(struct l1_cache *c,
                                       const struct cache_config *config,
                                       uint64_t *stamp, uint64_t seed,
                                       const char *name, struct sim_error *e);
void l1_free(struct l1_cache *c);

ALWAYS_INLINE uint32_t l1_find(const struct l1_cache *c, uint32_t line)
{
    uint32_t first = set_index_of(&c->index, line) * c->ways;
    uint32_t way = line_way(c->tag + first, c->ways, line);
    return way != c->ways ? first + way : L1_NO_SLOT;
}

/* The slot that a new line would take: an empty one, or the victim's. */
uint32_t l1_choose(struct l1_cache *c, uint32_t line);

#endif
