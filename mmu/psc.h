/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: paging-structure caches, one per level. An entry of
 * level n stands for the paging-structure entries down to level n of a
 * linear-address prefix and says where the table of level n - 1 is. The same
 * arrays hold EPT's, by guest-physical addresses, and whole guest-physical
 * translations (ept.c).
 */
#ifndef VTSIM_MMU_PSC_H
#define VTSIM_MMU_PSC_H

#include "mmu/replace.h"
#include "mmu/walk.h"
#include "sim/base/bits.h"

/* The guest-physical pages of the tables that a walk has read, by which INVEPT
 * of an address finds what came of them: each, and all in a Bloom word. */
struct walk_pages {
    uint64_t bloom;
    uint64_t page[PT_TOP];
    uint8_t count;
};

ALWAYS_INLINE uint64_t walk_pages_bit(uint64_t guest)
{
    return BIT((guest >> 12) * UINT64_C(0x9E3779B97F4A7C15) >> 58);
}

ALWAYS_INLINE void walk_pages_add(struct walk_pages *p, uint64_t guest)
{
    p->bloom |= walk_pages_bit(guest);
    if (p->count < PT_TOP)
        p->page[p->count++] = guest & ~bits_mask(12);
}

/* Without the last n. */
static inline void walk_pages_cut(struct walk_pages *p, unsigned n)
{
    p->count -= (uint8_t)n;
    p->bloom = 0;
    for (unsigned k = 0; k < p->count; k++)
        p->bloom |= walk_pages_bit(p->page[k]);
}

struct psc_entry {
    uint64_t table;
    uint64_t all, any; /* AND / OR of the entries above */
    uint8_t pat;
    uint8_t shift; /* of the prefix */
    /* Under EPT: `table` is guest-physical, and lies here; AND and last of
     * the EPT entries that say so; the tables above. */
    uint64_t host, ept_all, ept_leaf;
    struct walk_pages pages;
};

struct trail;

struct psc {
    uint64_t *tag; /* 0: empty */
    struct psc_entry *entry;
    struct trail *trail; /* with check_tlb */
    uint64_t *stamp;
    struct set_index index;
    uint32_t entries, ways;
    struct replacer replace;
    uint64_t lookups, hits;
};

bool psc_init(struct psc *p, const struct assoc_config *c, uint64_t seed);
void psc_free(struct psc *p);

/* `prefix`: the linear-address bits above those the next table indexes.
 * NULL on a miss. */
const struct psc_entry *psc_find(struct psc *p, uint64_t prefix, unsigned space,
                                 uint64_t now);

/* Returns the slot. */
uint32_t psc_insert(struct psc *p, uint64_t prefix, unsigned space,
                    uint64_t now, const struct psc_entry *e);

/* Of an entry in a slot. */
static inline uint64_t psc_prefix(const struct psc *p, uint32_t slot)
{
    return p->tag[slot] >> 17;
}

static inline unsigned psc_space(const struct psc *p, uint32_t slot)
{
    return (unsigned)(p->tag[slot] >> 1) & 0xffff;
}

void psc_drop_slot(struct psc *p, uint32_t slot);
/* Drop one entry, or those whose space `gone` wants gone. */
void psc_drop(struct psc *p, uint64_t prefix, unsigned space);
void psc_drop_spaces(struct psc *p,
                     bool (*gone)(const void *self, unsigned space),
                     const void *self);

#endif
