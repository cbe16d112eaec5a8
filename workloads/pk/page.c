/* SPDX-License-Identifier: Apache-2.0
 * Physical memory: a binary buddy allocator over blocks taken from untouched
 * RAM only when they are first needed, and kmalloc on top of it.
 *
 * RAM that was never handed out stays in `ranges`; a host that gives memory
 * on first touch so pays for no more than the guest uses.
 */
#include "workloads/pk/pk.h"
#include "workloads/runtime/multiboot.h"

#define MAX_ORDER   18 /* 1 GiB */
#define CHUNK_ORDER 9
#define MAX_RANGES  64
#define LOW_LIMIT   0x100000ull

#define PAGE_FREE  1u
#define PAGE_CLEAN 2u /* known to hold zeroes */

struct range {
    u64 start, end;
};

static struct range ranges[MAX_RANGES];
static unsigned range_count;
static struct page *pages; /* index: physical address / 4096 */
static u64 page_limit;     /* number of entries */
static struct list free_blocks[MAX_ORDER + 1];
static u64 total_bytes, free_bytes;

struct page *page_of(u64 pa)
{
    return &pages[pa >> PAGE_BITS];
}

struct page *page_head(struct page *p)
{
    static const unsigned orders[] = {18, 9}; /* of 1 GiB and 2 MiB leaves */
    u64 index = (u64)(p - pages);

    for (unsigned i = 0; i < ARRAY(orders); i++) {
        struct page *head = &pages[align_down(index, 1ull << orders[i])];
        if (head->order == orders[i] && head->refs)
            return head;
    }
    return p;
}

u64 page_pa(const struct page *p)
{
    return (u64)(p - pages) << PAGE_BITS;
}

u64 page_total(void)
{
    return total_bytes;
}

u64 page_free_bytes(void)
{
    return free_bytes;
}

static void range_add(u64 start, u64 end)
{
    start = align_up(max64(start, LOW_LIMIT), PAGE);
    end = align_down(end, PAGE);
    if (start < end && range_count < MAX_RANGES)
        ranges[range_count++] = (struct range){start, end};
}

/* Take [start, end) out of what is free. */
static void range_reserve(u64 start, u64 end)
{
    unsigned count = range_count;

    start = align_down(start, PAGE);
    end = align_up(end, PAGE);
    for (unsigned i = 0; i < count; i++) {
        struct range r = ranges[i];
        if (r.end <= start || r.start >= end)
            continue;
        ranges[i].end = max64(r.start, min64(r.end, start));
        range_add(max64(end, r.start), r.end);
    }
}

/* An aligned block of 2^order pages of untouched RAM that ends at or below
 * `limit`; 0 if there is none. */
static u64 range_take(unsigned order, u64 limit)
{
    u64 size = PAGE << order;

    for (unsigned i = 0; i < range_count; i++) {
        struct range r = ranges[i];
        u64 at = align_up(r.start, size);
        if (at < r.start || at + size > min64(r.end, limit))
            continue;
        if (at == r.start) {
            ranges[i].start = at + size;
        } else if (at + size == r.end) {
            ranges[i].end = at;
        } else {
            if (range_count == MAX_RANGES)
                continue;
            ranges[i].end = at;
            ranges[range_count++] = (struct range){at + size, r.end};
        }
        return at;
    }
    return 0;
}

static void range_place_table(void)
{
    u64 limit = 0;

    for (unsigned i = 0; i < range_count; i++) {
        limit = max64(limit, ranges[i].end);
        total_bytes += ranges[i].end - ranges[i].start;
    }
    page_limit = limit >> PAGE_BITS;
    u64 bytes = align_up(page_limit * sizeof *pages, PAGE);
    for (unsigned i = 0; i < range_count; i++) {
        struct range *r = &ranges[i];
        if (r->end - r->start < bytes || r->start + bytes > 1ull << 32)
            continue;
        pages = direct(r->start);
        if (!params.zeroed)
            memset(pages, 0, bytes);
        r->start += bytes;
        total_bytes -= bytes;
        return;
    }
    pk_panic("not enough memory: %lu MiB", total_bytes >> 20);
}

/* Extend the linear map past the 4 GiB that the start code mapped. */
static void map_high_memory(u64 limit)
{
    extern u64 boot_pdpt[512];

    for (u64 at = 4ull << 30; at < limit && at < 512ull << 30;
         at += 1ull << 30) {
        u64 table = range_take(0, 4ull << 30);
        if (!table)
            pk_panic("no memory for the linear map");
        u64 *pd = direct(table);
        for (u64 i = 0; i < 512; i++)
            pd[i] = (at + (i << 21)) | PTE_P | PTE_W | PTE_PS;
        boot_pdpt[at >> 30] = table | PTE_P | PTE_W;
    }
}

static void read_memory_map(const struct multiboot_info *info)
{
    u64 at = info->mmap_addr, end = at + info->mmap_length;

    if (!(info->flags & MULTIBOOT_MMAP))
        pk_panic("the loader gave no memory map");
    while (at < end) {
        const struct multiboot_range *r = direct(at);
        u64 stop = min64(r->addr + r->length, 512ull << 30);
        if (r->type == 1)
            range_add(r->addr, stop);
        at += r->size + sizeof r->size;
    }
}

void page_init(u64 info_pa)
{
    extern char kernel_start[], kernel_end[];
    const struct multiboot_info *info = direct(info_pa);

    for (unsigned i = 0; i <= MAX_ORDER; i++)
        list_init(&free_blocks[i]);
    read_memory_map(info);
    range_reserve(kernel_pa(kernel_start), kernel_pa(kernel_end));
    range_reserve(info_pa, info_pa + sizeof *info);
    if (info->flags & MULTIBOOT_MODULES) {
        const struct multiboot_module *m = direct(info->mods_addr);
        range_reserve(info->mods_addr,
                      info->mods_addr + info->mods_count * sizeof *m);
        for (u32 i = 0; i < info->mods_count; i++) {
            const char *string = direct(m[i].string);
            range_reserve(m[i].start, m[i].end);
            range_reserve(m[i].string, m[i].string + strlen(string) + 1);
        }
    }
    range_place_table();
    free_bytes = total_bytes;
    map_high_memory(page_limit << PAGE_BITS);
}

static void block_push(struct page *p, unsigned order, u8 flags)
{
    p->order = (u8)order;
    p->flags = (u8)(flags | PAGE_FREE);
    p->refs = 0;
    list_append(&free_blocks[order], &p->link);
}

/* Refill from untouched RAM so that an order-sized block is there. */
static bool refill(unsigned order)
{
    unsigned take = order < CHUNK_ORDER ? CHUNK_ORDER : order;
    u64 pa = range_take(take, NEVER);

    while (!pa && take > order)
        pa = range_take(--take, NEVER);
    if (!pa)
        return false;
    block_push(page_of(pa), take, params.zeroed ? PAGE_CLEAN : 0);
    return true;
}

static struct page *block_pop(unsigned order)
{
    unsigned have = order;

    while (have <= MAX_ORDER && list_empty(&free_blocks[have]))
        have++;
    if (have > MAX_ORDER)
        return NULL;
    struct page *p = container_of(free_blocks[have].next, struct page, link);
    list_remove(&p->link);
    while (have > order) {
        have--;
        block_push(p + (1ull << have), have, p->flags & PAGE_CLEAN);
    }
    return p;
}

struct page *page_alloc(unsigned order)
{
    struct page *p = block_pop(order);

    if (!p && refill(order))
        p = block_pop(order);
    if (!p)
        return NULL;
    p->order = (u8)order;
    p->flags &= PAGE_CLEAN;
    p->refs = 1;
    p->slab = 0;
    list_init(&p->link);
    free_bytes -= PAGE << order;
    return p;
}

struct page *page_alloc_zero(unsigned order)
{
    struct page *p = page_alloc(order);

    if (p && !(p->flags & PAGE_CLEAN))
        memset(direct(page_pa(p)), 0, PAGE << order);
    return p;
}

void page_get(struct page *p)
{
    p->refs++;
}

static void block_free(struct page *p)
{
    unsigned order = p->order;
    u64 index = (u64)(p - pages);

    free_bytes += PAGE << order;
    while (order < MAX_ORDER) {
        u64 buddy = index ^ (1ull << order);
        if (buddy >= page_limit)
            break;
        struct page *b = &pages[buddy];
        if (!(b->flags & PAGE_FREE) || b->order != order)
            break;
        list_remove(&b->link);
        b->flags = 0;
        index &= ~(1ull << order);
        order++;
    }
    block_push(&pages[index], order, 0);
}

void page_put(struct page *p)
{
    if (!p->refs)
        pk_panic("page %lx freed twice", page_pa(p));
    if (--p->refs == 0)
        block_free(p);
}

void page_split(struct page *p, unsigned to)
{
    u64 step = 1ull << to, count = 1ull << p->order;

    for (u64 i = 0; i < count; i += step) {
        p[i].order = (u8)to;
        p[i].flags = 0;
        p[i].refs = 1;
        p[i].slab = 0;
        list_init(&p[i].link);
    }
}

/* ---- kmalloc: powers of two from 32 to 2048, whole blocks above ---- */

#define SLAB_MIN   5
#define SLAB_COUNT 7

struct object {
    struct object *next;
};

static struct object *slabs[SLAB_COUNT];

void *kmalloc(size_t n)
{
    unsigned class = 0;

    if (n > 1ull << (SLAB_MIN + SLAB_COUNT - 1)) {
        unsigned order = 0;
        while (order <= MAX_ORDER && PAGE << order < n)
            order++;
        struct page *p = order <= MAX_ORDER ? page_alloc(order) : NULL;
        return p ? direct(page_pa(p)) : NULL;
    }
    while (1ull << (SLAB_MIN + class) < n)
        class ++;
    if (!slabs[class]) {
        struct page *p = page_alloc(0);
        if (!p)
            return NULL;
        p->slab = (u16)(class + 1);
        char *at = direct(page_pa(p));
        for (u64 i = 0; i < PAGE; i += 1ull << (SLAB_MIN + class)) {
            struct object *o = (struct object *)(at + i);
            o->next = slabs[class];
            slabs[class] = o;
        }
    }
    struct object *o = slabs[class];
    slabs[class] = o->next;
    return o;
}

void *kzalloc(size_t n)
{
    void *p = kmalloc(n);

    if (p)
        memset(p, 0, n);
    return p;
}

void kfree(void *p)
{
    if (!p)
        return;
    struct page *page = page_of(direct_pa(p));
    if (!page->slab) {
        page_put(page);
        return;
    }
    struct object *o = p;
    o->next = slabs[page->slab - 1];
    slabs[page->slab - 1] = o;
}

char *kstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = kmalloc(n);

    if (p)
        memcpy(p, s, n);
    return p;
}
