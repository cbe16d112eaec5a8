/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: why a TLB missed. A record per page that was ever cached
 * says how the page left each structure; it is looked at only on misses. The
 * record is bounded: beyond PAGE_RECORDS_MAX groups of pages those that are
 * in no TLB are forgotten and count as never seen.
 */
#ifndef VTSIM_MMU_MISS_CAUSE_H
#define VTSIM_MMU_MISS_CAUSE_H

#include "mmu/mmu.h"
#include "mmu/tlb.h"

enum miss_kind {
    KIND_DTLB,
    KIND_ITLB,
    KIND_STLB,   /* unified, or the data side */
    KIND_STLB_I, /* the instruction side of a split second level */
    KIND_COUNT
};

/* How a page left: values of page_record.left. */
enum { LEFT_NEVER, LEFT_PRESENT, LEFT_EVICTED, LEFT_FLUSHED };

/* Neighbouring pages share a record, for the host's caches' sake. */
enum { RECORD_PAGES = 8 };

#define PAGE_RECORDS_MAX (UINT32_C(1) << 19)

struct page_record {
    uint64_t key; /* the pages' common tag; 0: free */
    /* LEFT_FLUSHED + enum mmu_flush_cause */
    uint8_t left[RECORD_PAGES][KIND_COUNT];
};

struct page_records {
    struct page_record *at;
    uint32_t count, slots; /* slots: a power of two */
};

/* Counts of one structure; the causes sum to the misses. */
struct tlb_stats {
    uint64_t accesses, hits, misses;
    uint64_t load_misses, store_misses;
    uint64_t compulsory, capacity, conflict, fault;
    uint64_t flushed[FLUSH_CAUSES];
};

SIM_MUST_CHECK bool page_records_init(struct page_records *r);
void page_records_free(struct page_records *r);

ALWAYS_INLINE uint32_t page_record_hash(const struct page_records *r,
                                        uint64_t key)
{
    uint64_t h = key * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32) & (r->slots - 1);
}

/* The number of the page with this tag, whose record is made if it is new.
 * False: the table must grow or forget first (page_records_next). */
bool page_record_get(struct page_records *r, uint64_t tag, uint32_t *page);

/* How the page left each kind of structure: KIND_COUNT values. */
ALWAYS_INLINE uint8_t *page_record_left(const struct page_records *r,
                                        uint32_t page)
{
    return r->at[page / RECORD_PAGES].left[page % RECORD_PAGES];
}

/* A table for more records, or of the same size when at its limit; the
 * caller moves what it wants to keep. False: no memory. */
SIM_MUST_CHECK bool page_records_next(const struct page_records *r,
                                      struct page_records *next);

/* Count one miss of a page that left as `left`. `near`: a fully associative
 * structure of the same size would have hit. */
void miss_cause_count(struct tlb_stats *s, unsigned left, bool near);

/* A fully associative LRU structure of `entries` tags. */
struct shadow *shadow_create(uint32_t entries);
void shadow_destroy(struct shadow *s);
/* Access a tag; true when it was there. */
bool shadow_access(struct shadow *s, uint64_t tag);
bool shadow_holds(const struct shadow *s, uint64_t tag);
void shadow_drop(struct shadow *s, uint64_t tag);
/* Drop the tags that `match` wants gone. */
void shadow_drop_matching(struct shadow *s,
                          bool (*match)(const void *self, uint64_t tag),
                          const void *self);

#endif
