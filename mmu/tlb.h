/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: one array of cached translations, for one class of page
 * sizes or (second level) for several.
 */
#ifndef VTSIM_MMU_TLB_H
#define VTSIM_MMU_TLB_H

#include "mmu/psc.h"
#include "mmu/replace.h"
#include "sim/base/addr.h"

#include <emmintrin.h>
#include <stddef.h>

/* Page-size classes. A 4-MByte page is cached as its 2-MByte halves. */
enum { PAGES_4K, PAGES_2M, PAGES_1G, PAGE_CLASSES };

enum { TLB_NONE = 0xffffffff };

/* TLB_DIRTY: a store needs no walk, as every flag it sets is set and EPT lets
 * it through. The high half are the rights that EPT grants. */
enum {
    TLB_DIRTY = 1,
    TLB_HALF_4M = 2,
    TLB_EPT_SHIFT = 4,
    TLB_EPT_READ = 1 << TLB_EPT_SHIFT,
    TLB_EPT_ALL = 15 << TLB_EPT_SHIFT
};

struct tlb_entry {
    uint64_t base;   /* physical address of the page */
    uint32_t record; /* its page record (miss_cause.h) */
    uint8_t rights;  /* PT_R.. of the guest's paging */
    uint8_t pat;     /* enum memtype */
    uint8_t flags;   /* TLB_* */
    uint8_t key;     /* protection key */
};

/* Where a combined translation came from: looked at only by invalidation and
 * by those who look from outside. */
struct tlb_origin {
    uint64_t gpa; /* guest-physical address of the page */
    struct walk_pages pages;
    uint8_t ept_class; /* page-size class of the EPT leaf */
    uint8_t pat;       /* memory type before EPT's is in */
};

struct shadow;

struct tlb {
    uint64_t *tag; /* 0: empty */
    struct tlb_entry *entry;
    struct tlb_origin *origin;
    struct trail *trail; /* with check_tlb */
    struct set_index index;
    uint32_t entries, ways;
    uint32_t live;
    uint32_t live_class[PAGE_CLASSES]; /* of these, by page size */
    uint32_t first_slot; /* of an L1: its slots in the filter's numbering */
    uint8_t kind;        /* enum miss_kind */
    uint64_t *own_stamp; /* unless it is an L1 */
    struct replacer replace;
    struct shadow *shadow; /* only to tell conflict from capacity */
};

/* Which translations a tag matches: a space (VPID, PCID, EPT root). */
enum { SPACE_BITS = 16 };

ALWAYS_INLINE unsigned page_class_shift(unsigned class)
{
    return 12 + 9 * class;
}

/* The 57 translated bits of a linear address, as a page number. */
ALWAYS_INLINE uint64_t page_number(uint64_t lin, unsigned class)
{
    return (lin & bits_mask(57)) >> page_class_shift(class);
}

/* 45 + 2 + 16 + 1 bits: page, class, space, valid. */
ALWAYS_INLINE uint64_t tlb_tag(uint64_t page, unsigned class, unsigned space)
{
    return page << 19 | (uint64_t) class << 17 | (uint64_t)space << 1 | 1;
}

enum { TLB_TAG_PAGE_SHIFT = 19 };

ALWAYS_INLINE unsigned tlb_tag_class(uint64_t tag)
{
    return (unsigned)(tag >> 17) & 3;
}

ALWAYS_INLINE unsigned tlb_tag_space(uint64_t tag)
{
    return (unsigned)(tag >> 1) & 0xffff;
}

/* `stamp` NULL: the array brings its own. False: no memory. */
bool tlb_init(struct tlb *t, const struct assoc_config *c, unsigned kind,
              uint64_t *stamp, uint64_t seed);
void tlb_free(struct tlb *t);

/* The way of `ways` tags that equals `want`, or `ways`. */
ALWAYS_INLINE uint32_t tlb_way(const uint64_t *tag, uint32_t ways,
                               uint64_t want)
{
    const __m128i both = _mm_set1_epi64x((long long)want);
    uint32_t k = 0;
    for (; k + 4 <= ways; k += 4) {
        const __m128i *at = (const __m128i *)(const void *)(tag + k);
        __m128 a = _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_loadu_si128(at), both));
        __m128 b =
            _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_loadu_si128(at + 1), both));
        /* low halves of the four tags, and high halves */
        int mask = _mm_movemask_ps(
            _mm_and_ps(_mm_shuffle_ps(a, b, 0x88), _mm_shuffle_ps(a, b, 0xdd)));
        if (mask != 0)
            return k + (uint32_t)__builtin_ctz((unsigned)mask);
    }
    for (; k < ways; k++)
        if (tag[k] == want)
            return k;
    return ways;
}

/* The slot that holds a tag, or TLB_NONE. */
ALWAYS_INLINE uint32_t tlb_find(const struct tlb *t, uint64_t page,
                                uint64_t tag)
{
    uint32_t first = set_index_of(&t->index, page) * t->ways;
    uint32_t way = tlb_way(t->tag + first, t->ways, tag);
    return way != t->ways ? first + way : TLB_NONE;
}

/* The slot for a new page: an empty one or the victim's. */
uint32_t tlb_choose(struct tlb *t, uint64_t page);

#endif
