/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: one translation by walking, in one dimension or through
 * EPT in two, with time or without. The guest's dimension is walker.c, that
 * of EPT is ept.c.
 */
#ifndef VTSIM_MMU_WALKER_H
#define VTSIM_MMU_WALKER_H

#include "mmu/model.h"

enum { DIMENSION_GUEST, DIMENSION_EPT, DIMENSIONS };

/* Where the 4 KiB of a guest-physical address are. */
struct ept_page {
    uint64_t host;      /* host-physical address */
    uint64_t all, leaf; /* AND of the EPT entries used; the last of them */
    uint8_t class;      /* of the EPT page */
};

struct walker {
    struct mmu *m;
    uint64_t lin;
    unsigned access, len;
    bool timed;      /* uses the caches of translation, and takes time */
    bool stopped;    /* an EPT event is in m->fault */
    bool set_failed; /* ... that a flag of the guest met */
    uint64_t cycles[DIMENSIONS];
    struct trail *trail;     /* with the oracle, of a timed walk */
    uint8_t mark[PT_LEVELS]; /* its length before the guest's entry */

    struct pt_start from;
    struct pt_result r;
    struct ept_page table[PT_LEVELS]; /* of the guest, by level */
    uint8_t known;                    /* of these, a bit each */
    struct walk_pages pages;          /* of the guest's tables */

    /* What came out. */
    uint64_t gpa;         /* guest-physical, or all there is */
    uint8_t rights, key;  /* of the guest's paging */
    uint8_t pat;          /* memory type by the guest's tables */
    struct ept_page page; /* through EPT */
};

/* --- walker.c --- */

/* Tell whoever traces of an entry of a timed walk. */
void walker_tell(const struct walker *w, bool ept, const struct pt_ref *ref,
                 uint64_t host, uint64_t entry);

static inline void walker_init(struct walker *w, struct mmu *m,
                               const struct piece *p, unsigned access,
                               bool timed)
{
    w->m = m;
    w->lin = p->lin;
    w->len = p->len;
    w->access = access;
    w->timed = timed;
    w->trail = NULL;
}

/* Walk for w->access to w->lin. False: the fault is recorded. */
bool walker_walk(struct walker *w);
/* The TLB entry it means; returns its class, with its tag in *tag. */
unsigned walker_entry(struct walker *w, struct tlb_entry *e, uint64_t *tag);
/* Remember the tables that a timed walk went through. */
void walker_fill_psc(struct walker *w);
uint64_t walker_prefix(const struct mmu *m, uint64_t lin, unsigned level);

/* --- ept.c --- */

/* Why a guest-physical address is translated. */
struct ept_use {
    uint8_t access; /* bits 2:0 of an EPT violation's exit qualification */
    bool user;      /* of a fetch: from a user-mode linear address */
    uint16_t about; /* the qualification's bits from 7 up */
};
enum {
    EPT_USE_READ = 1,
    EPT_USE_WRITE = 2,
    EPT_USE_FETCH = 4,
    EPT_ABOUT_LINEAR = 1 << 7,
    EPT_ABOUT_FINAL = 1 << 8,
    EPT_ABOUT_USER = 1 << 9,
    EPT_ABOUT_WRITABLE = 1 << 10,
    EPT_ABOUT_NX = 1 << 11
};

/* False: an EPT event is recorded, w->stopped is set. */
bool ept_translate(struct walker *w, uint64_t guest, const struct ept_use *use,
                   struct ept_page *out);
/* The same as it is in memory, for no access: no event, no time, no flag. */
bool ept_look(struct mmu *m, uint64_t eptp, uint64_t guest,
              struct ept_page *out);
/* The class and first address of a guest-physical translation, from the
 * prefix it has in mmu.nested. */
unsigned nested_page(uint64_t prefix, uint64_t *base);
/* For the guest's final access to w->gpa, into w->page. */
bool ept_final(struct walker *w);

/* --- invept.c --- */

void invept_address(struct mmu *m, uint64_t eptp, uint64_t guest, bool update);
void invept_region(struct mmu *m, uint64_t base, uint64_t bytes);

/* --- sub_page.c --- */

/* May w->len bytes at `guest` be written in spite of W = 0? False with
 * *event set: the tables themselves stop the access, and m->fault says
 * how. */
bool sub_page_allows(struct walker *w, uint64_t guest, bool *event);

#endif
