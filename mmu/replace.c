/* SPDX-License-Identifier: Apache-2.0
 * Replacement policies. LRU and FIFO take the oldest stamp. Tree-PLRU's bit
 * at a node points away from the half that was accessed last, which is the
 * half holding the newest stamp below the node: so the victim is found by
 * going to the half whose newest stamp is older, and a fresh tree points
 * left. With ways that are no power of two the tree is that of the next one
 * and leaves that do not exist are never chosen. NRU sets a bit on access;
 * when that would set all of a set, the others are cleared; the victim is
 * the first way without. Random draws from the run's seed.
 */
#include "mmu/replace.h"

#include <stdlib.h>

struct set_index set_index_make(uint32_t sets, unsigned hash)
{
    struct set_index x = {.sets = sets,
                          .mask = sets - 1,
                          .modulo = !is_pow2(sets),
                          .folded = hash == HASH_XOR ? UINT64_MAX : 0};
    while ((UINT64_C(1) << x.bits) < sets)
        x.bits++;
    return x;
}

bool replace_init(struct replacer *r, unsigned policy, uint32_t ways,
                  uint32_t slots, uint64_t *stamp, uint64_t seed)
{
    *r = (struct replacer){.policy = (uint8_t)policy,
                           .ways = ways,
                           .stamp = stamp,
                           .rng = rng_make(seed, 1)};
    if (policy == REPL_FIFO)
        r->born = calloc(slots, sizeof *r->born);
    if (policy == REPL_NRU)
        r->ref = calloc(slots, sizeof *r->ref);
    return (policy != REPL_FIFO || r->born != NULL) &&
           (policy != REPL_NRU || r->ref != NULL);
}

void replace_free(struct replacer *r)
{
    free(r->born);
    free(r->ref);
    r->born = NULL;
    r->ref = NULL;
}

bool replace_touch_nru(struct replacer *r, uint32_t slot)
{
    if (r->ref[slot] != 0)
        return false;
    r->ref[slot] = 1;
    uint32_t first = slot - slot % r->ways;
    for (uint32_t k = 0; k < r->ways; k++)
        if (r->ref[first + k] == 0)
            return false;
    for (uint32_t k = 0; k < r->ways; k++)
        r->ref[first + k] = first + k == slot;
    return r->ways > 1;
}

bool replace_fill(struct replacer *r, uint32_t slot, uint64_t now)
{
    if (r->policy == REPL_FIFO)
        r->born[slot] = now;
    if (r->policy == REPL_NRU)
        r->ref[slot] = 0;
    return replace_touch(r, slot, now);
}

void replace_drop(struct replacer *r, uint32_t slot)
{
    if (r->policy == REPL_NRU)
        r->ref[slot] = 0;
}

static uint32_t oldest(const uint64_t *stamp, uint32_t ways)
{
    uint32_t best = 0;
    uint64_t least = stamp[0];
#pragma GCC unroll 4
    for (uint32_t k = 1; k < ways; k++) {
        bool less = stamp[k] < least;
        best = less ? k : best;
        least = less ? stamp[k] : least;
    }
    return best;
}

/* The half whose newest stamp is older holds the victim. */
ALWAYS_INLINE uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t tree_victim_4(const uint64_t *s)
{
    bool right = later(s[2], s[3]) < later(s[0], s[1]);
    s += right ? 2 : 0;
    return 2u * right + (s[1] < s[0]);
}

static uint32_t tree_victim_8(const uint64_t *s)
{
    uint64_t left = later(later(s[0], s[1]), later(s[2], s[3]));
    uint64_t right = later(later(s[4], s[5]), later(s[6], s[7]));
    uint32_t half = right < left ? 4 : 0;
    return half + tree_victim_4(s + half);
}

static uint64_t newest(const uint64_t *stamp, uint32_t from, uint32_t to)
{
    uint64_t best = 0;
    for (uint32_t k = from; k < to; k++)
        best = later(stamp[k], best);
    return best;
}

static uint32_t tree_victim(const uint64_t *stamp, uint32_t ways)
{
    uint32_t low = 0, size = 1;
    if (LIKELY(ways == 8))
        return tree_victim_8(stamp);
    if (ways == 4)
        return tree_victim_4(stamp);
    while (size < ways)
        size *= 2;
    for (; size > 1; size /= 2) {
        uint32_t middle = low + size / 2;
        uint32_t end = low + size < ways ? low + size : ways;
        if (middle < end &&
            newest(stamp, middle, end) < newest(stamp, low, middle))
            low = middle;
    }
    return low;
}

uint32_t replace_victim(struct replacer *r, uint32_t first)
{
    switch ((enum replacement)r->policy) {
    case REPL_TREE_PLRU: return tree_victim(r->stamp + first, r->ways);
    case REPL_FIFO: return oldest(r->born + first, r->ways);
    case REPL_RANDOM: return (uint32_t)(rng_next(&r->rng) % r->ways);
    case REPL_NRU:
        for (uint32_t k = 0; k < r->ways; k++)
            if (r->ref[first + k] == 0)
                return k;
        return 0; /* one way */
    case REPL_LRU: break;
    }
    return oldest(r->stamp + first, r->ways);
}
