/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: set index and replacement policy of every structure whose
 * entries stay in their way (TLBs, paging-structure caches, L1 caches).
 * Accesses leave a stamp in their slot; victims are computed from the stamps
 * on the miss path, so that a hit costs one store.
 */
#ifndef VTSIM_MMU_REPLACE_H
#define VTSIM_MMU_REPLACE_H

#include "mmu/config.h"
#include "sim/base/bits.h"
#include "sim/base/rng.h"

#include <stdbool.h>
#include <stdint.h>

/* Set index: the low bits of a page or line number, optionally XORed with
 * the next ones; modulo when the sets are not a power of two. */
struct set_index {
    uint32_t sets, mask; /* mask: sets - 1 */
    bool modulo;         /* the sets are not a power of two */
    uint8_t bits;
    uint64_t folded; /* which of the bits above are XORed in */
};

struct set_index set_index_make(uint32_t sets, unsigned hash);

ALWAYS_INLINE uint32_t set_index_of(const struct set_index *x, uint64_t key)
{
    key ^= (key >> x->bits) & x->folded;
    if (UNLIKELY(x->modulo))
        return (uint32_t)(key % x->sets);
    return (uint32_t)key & x->mask;
}

struct replacer {
    uint8_t policy; /* enum replacement */
    uint32_t ways;
    uint64_t *stamp; /* last access of each slot; kept by invalidation */
    uint64_t *born;  /* FIFO: when the slot was filled */
    uint8_t *ref;    /* NRU: the reference bit of each slot */
    struct rng rng;
};

/* Attach to `slots` stamps, which the caller owns. False: no memory. */
bool replace_init(struct replacer *r, unsigned policy, uint32_t ways,
                  uint32_t slots, uint64_t *stamp, uint64_t seed);
void replace_free(struct replacer *r);

/* NRU's part of replace_touch: true when other slots of the set lost their
 * reference bits. */
bool replace_touch_nru(struct replacer *r, uint32_t slot);

/*
 * An access at time `now` hits `slot`. True: other slots of its set lost
 * state, so that a hit on them would change something again.
 */
ALWAYS_INLINE bool replace_touch(struct replacer *r, uint32_t slot,
                                 uint64_t now)
{
    r->stamp[slot] = now;
    if (LIKELY(r->policy != REPL_NRU))
        return false;
    return replace_touch_nru(r, slot);
}

/* The slot is filled at time `now`; returns as replace_touch. */
bool replace_fill(struct replacer *r, uint32_t slot, uint64_t now);

/* The slot is invalidated. */
void replace_drop(struct replacer *r, uint32_t slot);

/* The way to replace in the set that starts at slot `first`, all of whose
 * ways are valid. */
uint32_t replace_victim(struct replacer *r, uint32_t first);

#endif
