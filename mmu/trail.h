/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: the oracle's memory. A trail is every entry that a cached
 * translation was made from; the book says who last stored to the entries of
 * the tables in trails.
 */
#ifndef VTSIM_MMU_TRAIL_H
#define VTSIM_MMU_TRAIL_H

#include "mmu/oracle.h"
#include "mmu/walk.h"

struct tlb;
struct psc;
struct walker;
struct piece;

/* The structure that a step was taken from. */
enum trail_via { VIA_WALK, VIA_PSC, VIA_EPT_PSC, VIA_NESTED };

enum { TRAIL_MAX = 64 };

struct trail_step {
    uint64_t at, value; /* host-physical */
    uint8_t level;
    uint8_t via; /* enum trail_via */
    bool ept;
};

struct trail {
    uint64_t first; /* table that the walk of the guest's entries began at */
    uint64_t eptp;
    uint64_t born;    /* cycle */
    uint64_t checked; /* book_stores when it agreed with memory */
    uint8_t count;
    struct trail_step step[TRAIL_MAX];
};

struct oracle;
struct oracle_book;

/* The last store to an aligned quadword of a table. */
struct book_entry {
    uint64_t at;
    struct oracle_place place;
    uint16_t vpid, pcid;
    bool used, agent; /* agent: no core */
};

struct oracle_book *book_create(uint64_t ram_bytes);
void book_destroy(struct oracle_book *b);
/* From now on, stores to the page of `at` are noted. */
void book_table(struct memsys *s, uint64_t at);
/* Stores so far to pages with tables. */
uint64_t book_stores(const struct oracle_book *b);
/* Who last stored there, or NULL. */
const struct book_entry *book_find(struct oracle_book *b, uint64_t at);

struct oracle *oracle_create(struct mmu *m);
void oracle_destroy(struct mmu *m);

struct oracle_place oracle_here(const struct mmu *m);

/* Before a translation: the cached one that will serve it is looked at. */
void oracle_use(struct mmu *m, unsigned side, unsigned access,
                const struct piece *p);
/* After a walk that used caches. True: make it again, they are empty now. */
bool oracle_walked(struct walker *w, bool good);
/* A core stores to RAM; before it does. */
void oracle_store(struct mmu *m, uint64_t pa, unsigned len, const void *in);
/* An agent that is no core does. */
void oracle_agent_store(struct memsys *s, uint64_t pa, unsigned len);
/* Are there entries of tables in the page? */
bool oracle_has_tables(const struct mmu *m, uint64_t pa);

/* Trails: a walk appends to the walker's; an array keeps a copy of a part. */
void trail_add(struct trail *t, uint64_t at, uint64_t value, unsigned level,
               bool ept, unsigned via);
void trail_append(struct trail *t, const struct trail *from, unsigned via);
void trail_keep(struct trail *to, const struct trail *t, unsigned from,
                unsigned until);

#endif
