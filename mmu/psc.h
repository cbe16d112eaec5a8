/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: paging-structure caches, one per level. An entry of
 * level n stands for the paging-structure entries down to level n of a
 * linear-address prefix and says where the table of level n - 1 is.
 */
#ifndef VTSIM_MMU_PSC_H
#define VTSIM_MMU_PSC_H

#include "mmu/replace.h"
#include "mmu/walk.h"

struct psc_entry {
    uint64_t table;
    uint64_t all, any; /* AND / OR of the entries above */
    uint8_t pat;
};

struct psc {
    uint64_t *tag; /* 0: empty */
    struct psc_entry *entry;
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

void psc_insert(struct psc *p, uint64_t prefix, unsigned space, uint64_t now,
                const struct psc_entry *e);

/* Drop one entry, or those whose space `gone` wants gone. */
void psc_drop(struct psc *p, uint64_t prefix, unsigned space);
void psc_drop_spaces(struct psc *p,
                     bool (*gone)(const void *self, unsigned space),
                     const void *self);

#endif
