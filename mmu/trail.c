/* SPDX-License-Identifier: Apache-2.0
 * Trails of cached translations, and the book of stores to their tables. The
 * book is a table by address: a later store to another entry that falls into
 * the same slot makes the earlier one's author unknown.
 */
#include "mmu/trail.h"

#include "mmu/walker.h"

#include <stdlib.h>

enum { BOOK_SLOTS = 1 << 16 };

struct oracle_book {
    uint8_t *table; /* a flag a page of RAM: entries of trails are in it */
    uint64_t stores;
    struct book_entry slot[BOOK_SLOTS];
};

void trail_add(struct trail *t, uint64_t at, uint64_t value, unsigned level,
               bool ept, unsigned via)
{
    SIM_ASSERT(t->count < TRAIL_MAX);
    t->step[t->count++] = (struct trail_step){.at = at,
                                              .value = value,
                                              .level = (uint8_t)level,
                                              .via = (uint8_t)via,
                                              .ept = ept};
}

void trail_append(struct trail *t, const struct trail *from, unsigned via)
{
    for (unsigned k = 0; k < from->count; k++) {
        const struct trail_step *s = &from->step[k];
        trail_add(t, s->at, s->value, s->level, s->ept, via);
    }
    if (from->born < t->born)
        t->born = from->born;
}

void trail_keep(struct trail *to, const struct trail *t, unsigned from,
                unsigned until)
{
    to->first = t->first;
    to->eptp = t->eptp;
    to->born = t->born;
    to->checked = 0;
    to->count = (uint8_t)(until - from);
    memcpy(to->step, &t->step[from], to->count * sizeof *to->step);
}

/* --- the book --- */

uint64_t book_stores(const struct oracle_book *b)
{
    return b->stores;
}

struct oracle_book *book_create(uint64_t ram_bytes)
{
    struct oracle_book *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->table = calloc(ram_bytes >> PAGE_SHIFT, 1);
    if (b->table == NULL) {
        free(b);
        return NULL;
    }
    b->stores = 1; /* no trail has been checked */
    return b;
}

void book_destroy(struct oracle_book *b)
{
    if (b != NULL)
        free(b->table);
    free(b);
}

void book_table(struct memsys *s, uint64_t at)
{
    uint64_t offset = memory_offset(s, at);
    if (offset != MEMORY_NONE)
        s->book->table[offset >> PAGE_SHIFT] = 1;
}

static struct book_entry *slot_of(struct oracle_book *b, uint64_t at)
{
    uint64_t h = (at >> 3) * UINT64_C(0x9E3779B97F4A7C15);
    return &b->slot[h >> 48 & (BOOK_SLOTS - 1)];
}

const struct book_entry *book_find(struct oracle_book *b, uint64_t at)
{
    const struct book_entry *e = slot_of(b, at);
    return e->used && e->at >> 3 == at >> 3 ? e : NULL;
}

bool oracle_has_tables(const struct mmu *m, uint64_t pa)
{
    uint64_t offset = memory_offset(m->shared, pa);
    return offset != MEMORY_NONE &&
           m->shared->book->table[offset >> PAGE_SHIFT] != 0;
}

static void note(struct memsys *s, uint64_t pa, unsigned len,
                 const struct book_entry *what)
{
    s->book->stores++;
    for (uint64_t at = pa & ~UINT64_C(7); at < pa + len; at += 8) {
        struct book_entry *e = slot_of(s->book, at);
        *e = *what;
        e->at = at;
        e->used = true;
    }
}

void oracle_store(struct mmu *m, uint64_t pa, unsigned len, const void *in)
{
    uint64_t offset = memory_offset(m->shared, pa);
    if (offset == MEMORY_NONE ||
        m->shared->book->table[offset >> PAGE_SHIFT] == 0 ||
        memcmp(m->shared->ram + offset, in, len) == 0)
        return;
    struct book_entry e = {.vpid = m->ctx.vpid};
    if (m->paging)
        e.pcid = m->spaces.name[m->here].pcid;
    e.place = oracle_here(m);
    note(m->shared, pa, len, &e);
}

void oracle_agent_store(struct memsys *s, uint64_t pa, unsigned len)
{
    uint64_t offset = memory_offset(s, pa);
    if (offset == MEMORY_NONE || s->book->table[offset >> PAGE_SHIFT] == 0)
        return;
    const struct book_entry e = {.agent = true};
    note(s, pa, len, &e);
}
