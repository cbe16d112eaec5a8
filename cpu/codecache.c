/* SPDX-License-Identifier: Apache-2.0
 * The store of translated blocks: arena, lookup by address and mode, and
 * dropping what is written to.
 */
#include "cpu/block.h"
#include "cpu/debugger.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Address space, not memory: the host commits what is used. */
#define ARENA_BYTES (UINT64_C(24) << 20)

static size_t block_bucket(uint64_t phys, uint64_t lin, uint32_t mode)
{
    uint64_t h = (phys ^ (lin >> 12) ^ mode) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h >> 49); /* 15 bits: BLOCK_HASH */
}

static size_t page_bucket(uint64_t page)
{
    return (size_t)((page >> PAGE_SHIFT) * UINT64_C(0x9E3779B97F4A7C15) >> 52);
}

static struct code_page *find_page(const struct codecache *k, uint64_t phys)
{
    phys &= ~(PAGE_SIZE - 1);
    struct code_page *p = k->pages[page_bucket(phys)];
    while (p != NULL && p->phys != phys)
        p = p->next;
    return p;
}

static void *take(struct codecache *k, size_t bytes)
{
    bytes = (bytes + 63) & ~(size_t)63;
    if (bytes > k->arena_size - k->used)
        return NULL;
    void *p = k->arena + k->used;
    k->used += bytes;
    return p;
}

/* The physical bytes a block has in its page number `which`. */
static void span(const struct block *b, unsigned which, uint64_t *from,
                 uint64_t *to)
{
    uint64_t first = PAGE_SIZE - (b->phys & (PAGE_SIZE - 1));
    if (first > b->length)
        first = b->length;
    if (which == 0) {
        *from = b->phys;
        *to = b->phys + first;
    } else {
        *from = b->page[1]->phys;
        *to = b->page[1]->phys + (b->length - first);
    }
}

static uint64_t span_lines(const struct block *b, unsigned which)
{
    uint64_t from, to;
    span(b, which, &from, &to);
    if (to == from)
        return 0;
    unsigned lo = (unsigned)bits_get(from, 11, LINE_SHIFT);
    unsigned hi = (unsigned)bits_get(to - 1, 11, LINE_SHIFT);
    return bits_mask(hi + 1) & ~bits_mask(lo);
}

/* In which place of the block's pages p is. When both halves are in one
 * physical page the block is in its list once, as place 0. */
static unsigned page_role(const struct block *b, const struct code_page *p)
{
    return b->page[0] == p ? 0 : 1;
}

/* Tell memsys which lines of the page hold code now. */
static void remark(struct codecache *k, struct code_page *p)
{
    uint64_t lines = 0;
    for (struct block *b = p->blocks; b != NULL;) {
        for (unsigned i = 0; i < 2; i++) {
            if (b->page[i] == p)
                lines |= span_lines(b, i);
        }
        b = b->page_next[page_role(b, p)];
    }
    uint64_t changed = lines ^ p->marked;
    p->marked = lines;
    while (changed != 0) {
        unsigned i = (unsigned)__builtin_ctzll(changed);
        changed &= changed - 1;
        hpa at = {p->phys + i * LINE_SIZE};
        if (lines >> i & 1)
            memsys_mark_code(k->memory, at);
        else
            memsys_unmark_code(k->memory, at);
    }
}

static void unlink_page(struct code_page *p, const struct block *b)
{
    struct block **at = &p->blocks;
    while (*at != b)
        at = &(*at)->page_next[page_role(*at, p)];
    *at = b->page_next[page_role(b, p)];
}

void codecache_drop(struct codecache *k, struct block *b)
{
    if (!b->alive)
        return;
    b->alive = false;
    b->line = BLOCK_NO_LINE;
    b->cycles = BLOCK_NO_CYCLES;
    struct block **at = &k->hash[block_bucket(b->phys, b->lin, b->mode)];
    while (*at != b)
        at = &(*at)->hash_next;
    *at = b->hash_next;
    b->key = BLOCK_NO_LINE; /* rip stays: the block may be running */
    for (unsigned i = 0; i < 2; i++) {
        if (b->page[i] != NULL && (i == 0 || b->page[1] != b->page[0])) {
            unlink_page(b->page[i], b);
            remark(k, b->page[i]);
        }
    }
    k->cpu->count.blocks_dropped++;
}

static bool overlaps(const struct block *b, const struct code_page *p,
                     uint64_t at, unsigned len)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t from, to;
        if (b->page[i] != p)
            continue;
        span(b, i, &from, &to);
        if (at < to && at + len > from)
            return true;
    }
    return false;
}

/* Bytes [at, at + len) of one page changed. */
static void written_in_page(struct codecache *k, uint64_t at, unsigned len)
{
    struct code_page *p = find_page(k, at);
    if (p == NULL)
        return;
    struct cpu *c = k->cpu;
    const struct block *running =
        k->running && c->slow_uop != NULL ? block_of(c->slow_uop) : NULL;
    struct block *next;
    for (struct block *b = p->blocks; b != NULL; b = next) {
        next = b->page_next[page_role(b, p)];
        if (!overlaps(b, p, at, len))
            continue;
        if (b == running) {
            c->limit = 0; /* stop after this instruction */
            engine_recheck(c, c->slow_uop);
        }
        codecache_drop(k, b);
    }
}

static void code_written(void *self, hpa at, unsigned len)
{
    struct codecache *k = self;
    uint64_t a = at.v;
    k->cpu->count.smc_writes++;
    while (len != 0) {
        unsigned here = (unsigned)(PAGE_SIZE - (a & (PAGE_SIZE - 1)));
        if (here > len)
            here = len;
        written_in_page(k, a, here);
        a += here;
        len -= here;
    }
}

struct block *codecache_find(struct codecache *k, uint64_t phys, uint64_t lin,
                             uint64_t rip, uint32_t mode)
{
    struct block *b = k->hash[block_bucket(phys, lin, mode)];
    while (b != NULL && (b->phys != phys || b->lin != lin || b->rip != rip ||
                         b->mode != mode))
        b = b->hash_next;
    return b;
}

struct block *codecache_alloc(struct codecache *k, unsigned uops,
                              unsigned insns)
{
    size_t head = sizeof(struct block) + uops * sizeof(struct uop);
    /* Two page records may be needed by the insert that follows. */
    size_t pages = 2 * 64;
    if (head + (insns + 1) * sizeof(struct insn_meta) + 128 + pages >
        k->arena_size - k->used)
        return NULL;
    struct block *b = take(k, head);
    memset(b, 0, sizeof *b);
    b->meta = take(k, (insns + 1) * sizeof(struct insn_meta));
    return b;
}

static struct code_page *get_page(struct codecache *k, uint64_t phys)
{
    struct code_page *p = find_page(k, phys);
    if (p != NULL)
        return p;
    p = take(k, sizeof *p); /* codecache_alloc left room */
    SIM_ASSERT(p != NULL);
    phys &= ~(PAGE_SIZE - 1);
    struct code_page **head = &k->pages[page_bucket(phys)];
    *p = (struct code_page){.phys = phys, .next = *head};
    *head = p;
    return p;
}

void codecache_insert(struct codecache *k, struct block *b, uint64_t phys2)
{
    struct block **head = &k->hash[block_bucket(b->phys, b->lin, b->mode)];
    b->hash_next = *head;
    *head = b;
    b->alive = true;
    b->key = b->rip;
    b->page[0] = get_page(k, b->phys);
    b->page[1] = phys2 == UINT64_MAX ? NULL : get_page(k, phys2);
    for (unsigned i = 0; i < 2; i++) {
        /* Both halves in one physical page: one list, found as role 0. */
        if (b->page[i] == NULL || (i == 1 && b->page[1] == b->page[0]))
            continue;
        b->page_next[i] = b->page[i]->blocks;
        b->page[i]->blocks = b;
        remark(k, b->page[i]);
    }
    k->cpu->count.blocks_translated++;
}

void codecache_flush(struct codecache *k)
{
    for (size_t i = 0; i < PAGE_HASH; i++) {
        for (struct code_page *p = k->pages[i]; p != NULL; p = p->next) {
            p->blocks = NULL;
            remark(k, p);
        }
        k->pages[i] = NULL;
    }
    memset(k->hash, 0, sizeof k->hash);
    k->used = 0;
    k->none = take(k, sizeof *k->none);
    *k->none = (struct block){
        .line = BLOCK_NO_LINE, .key = BLOCK_NO_LINE, .cycles = BLOCK_NO_CYCLES};
    for (size_t i = 0; i < JUMP_ENTRIES; i++)
        k->jump[i] = k->none;
    k->generation++;
    k->link_from = NULL;
    k->link_indirect = false;
}

enum sim_status codecache_create(struct cpu *c, struct sim_error *e)
{
    struct codecache *k = aligned_alloc(64, (sizeof *k + 63) & ~(size_t)63);
    if (k == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "no memory for translations");
    memset(k, 0, sizeof *k);
    k->arena = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (k->arena == MAP_FAILED) {
        free(k);
        return sim_fail(e, SIM_NO_RESOURCE, "no memory for translations");
    }
    k->arena_size = ARENA_BYTES;
    k->cpu = c;
    k->memory = c->wiring.memory;
    k->port =
        memsys_add_code_port(k->memory, (struct code_port){k, code_written});
    c->code = k;
    codecache_flush(k);
    return SIM_OK;
}

void codecache_destroy(struct cpu *c)
{
    if (c->code == NULL)
        return;
    debugger_detach(c);
    munmap(c->code->arena, c->code->arena_size);
    free(c->code);
    c->code = NULL;
}
