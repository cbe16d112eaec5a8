/* SPDX-License-Identifier: Apache-2.0
 * Page records and the fully associative shadow.
 */
#include "mmu/miss_cause.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { FIRST_SLOTS = 1024 };

static bool records_map(struct page_records *r, uint32_t slots)
{
    void *p = mmap(NULL, slots * sizeof *r->at, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return false;
    if (slots * sizeof *r->at >= UINT64_C(4) << 20)
        (void)madvise(p, slots * sizeof *r->at, MADV_HUGEPAGE);
    *r = (struct page_records){.at = p, .slots = slots};
    return true;
}

bool page_records_init(struct page_records *r)
{
    return records_map(r, FIRST_SLOTS);
}

void page_records_free(struct page_records *r)
{
    if (r->at != NULL)
        munmap(r->at, r->slots * sizeof *r->at);
    memset(r, 0, sizeof *r);
}

bool page_record_get(struct page_records *r, uint64_t tag, uint32_t *page)
{
    uint64_t low = (uint64_t)(RECORD_PAGES - 1) << TLB_TAG_PAGE_SHIFT;
    uint64_t key = tag & ~low;
    uint32_t k = page_record_hash(r, key);
    while (r->at[k].key != key) {
        if (r->at[k].key == 0) {
            if (r->count >= r->slots / 2)
                return false;
            r->at[k].key = key;
            r->count++;
            break;
        }
        k = (k + 1) & (r->slots - 1);
    }
    *page = k * RECORD_PAGES + (uint32_t)((tag & low) >> TLB_TAG_PAGE_SHIFT);
    return true;
}

bool page_records_next(const struct page_records *r, struct page_records *next)
{
    uint32_t slots = r->slots;
    return records_map(next, slots / 2 < PAGE_RECORDS_MAX ? slots * 2 : slots);
}

void miss_cause_count(struct tlb_stats *s, unsigned left, bool near)
{
    if (left == LEFT_NEVER)
        s->compulsory++;
    else if (left >= LEFT_FLUSHED)
        s->flushed[left - LEFT_FLUSHED]++;
    else if (near)
        s->conflict++;
    else
        s->capacity++;
}

/* --- shadow --- */

struct shadow_node {
    uint64_t tag;          /* 0: free */
    uint32_t older, newer; /* neighbours in order of use */
    uint32_t chain;        /* next in the bucket */
};

struct shadow {
    uint32_t entries, used, oldest, newest, free_list, buckets;
    uint32_t *bucket;
    struct shadow_node *node;
};

#define NO_NODE UINT32_MAX

struct shadow *shadow_create(uint32_t entries)
{
    struct shadow *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->entries = entries;
    s->buckets = 16;
    while (s->buckets < entries)
        s->buckets *= 2;
    s->bucket = malloc(s->buckets * sizeof *s->bucket);
    s->node = calloc(entries, sizeof *s->node);
    if (s->bucket == NULL || s->node == NULL) {
        shadow_destroy(s);
        return NULL;
    }
    memset(s->bucket, 0xff, s->buckets * sizeof *s->bucket);
    s->oldest = s->newest = s->free_list = NO_NODE;
    return s;
}

void shadow_destroy(struct shadow *s)
{
    if (s == NULL)
        return;
    free(s->bucket);
    free(s->node);
    free(s);
}

static uint32_t *bucket_of(const struct shadow *s, uint64_t tag)
{
    uint64_t h = tag * UINT64_C(0x9E3779B97F4A7C15);
    return &s->bucket[(h >> 32) & (s->buckets - 1)];
}

static uint32_t shadow_find(const struct shadow *s, uint64_t tag)
{
    uint32_t k = *bucket_of(s, tag);
    while (k != NO_NODE && s->node[k].tag != tag)
        k = s->node[k].chain;
    return k;
}

static void unlink_use(struct shadow *s, uint32_t k)
{
    struct shadow_node *n = &s->node[k];
    if (n->older != NO_NODE)
        s->node[n->older].newer = n->newer;
    else
        s->oldest = n->newer;
    if (n->newer != NO_NODE)
        s->node[n->newer].older = n->older;
    else
        s->newest = n->older;
}

static void link_newest(struct shadow *s, uint32_t k)
{
    s->node[k].older = s->newest;
    s->node[k].newer = NO_NODE;
    if (s->newest != NO_NODE)
        s->node[s->newest].newer = k;
    else
        s->oldest = k;
    s->newest = k;
}

static void remove_node(struct shadow *s, uint32_t k)
{
    uint32_t *at = bucket_of(s, s->node[k].tag);
    while (*at != k)
        at = &s->node[*at].chain;
    *at = s->node[k].chain;
    unlink_use(s, k);
    s->node[k].tag = 0;
    s->node[k].chain = s->free_list;
    s->free_list = k;
}

static uint32_t new_node(struct shadow *s)
{
    if (s->free_list == NO_NODE && s->used < s->entries)
        return s->used++;
    if (s->free_list == NO_NODE)
        remove_node(s, s->oldest);
    uint32_t k = s->free_list;
    s->free_list = s->node[k].chain;
    return k;
}

bool shadow_access(struct shadow *s, uint64_t tag)
{
    uint32_t k = shadow_find(s, tag);
    if (k != NO_NODE) {
        unlink_use(s, k);
        link_newest(s, k);
        return true;
    }
    k = new_node(s);
    uint32_t *at = bucket_of(s, tag);
    s->node[k].tag = tag;
    s->node[k].chain = *at;
    *at = k;
    link_newest(s, k);
    return false;
}

bool shadow_holds(const struct shadow *s, uint64_t tag)
{
    return shadow_find(s, tag) != NO_NODE;
}

void shadow_drop(struct shadow *s, uint64_t tag)
{
    uint32_t k = shadow_find(s, tag);
    if (k != NO_NODE)
        remove_node(s, k);
}

void shadow_drop_matching(struct shadow *s,
                          bool (*match)(const void *self, uint64_t tag),
                          const void *self)
{
    for (uint32_t k = 0; k < s->used; k++)
        if (s->node[k].tag != 0 && match(self, s->node[k].tag))
            remove_node(s, k);
}
