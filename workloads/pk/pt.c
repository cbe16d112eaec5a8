/* SPDX-License-Identifier: Apache-2.0
 * Page tables of programs: four levels, leaves of 4 KiB, 2 MiB and 1 GiB.
 *
 * A page that its program may not touch (PROT_NONE) keeps its entry with P
 * clear and PTE_HELD set. A leaf of a private mapping may be writable only
 * while its page has no other holder; that is all copy-on-write needs.
 * Levels: 4 = PML4 ... 1 = page table.
 */
#include "workloads/pk/pk.h"

u64 pte_nx;

static bool is_leaf(u64 e, unsigned level)
{
    return level == 1 || (e & PTE_PS);
}

static unsigned slot(u64 va, unsigned level)
{
    return (unsigned)(va >> (12 + 9 * (level - 1))) & 511;
}

/* The block that a leaf maps, or maps a piece of. */
static struct page *leaf_page(u64 e)
{
    return page_head(page_of(e & PTE_ADDR));
}

static u64 *table_of(u64 e)
{
    return direct(e & PTE_ADDR);
}

u64 pte_rights(unsigned prot)
{
    u64 e = prot & PROT_EXEC ? 0 : pte_nx;

    if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC)))
        return e | PTE_HELD | PTE_U;
    return e | PTE_P | PTE_U | (prot & PROT_WRITE ? PTE_W : 0);
}

u64 *pt_new_root(void)
{
    extern u64 boot_pml4[512];
    struct page *p = page_alloc_zero(0);

    if (!p)
        return NULL;
    u64 *root = direct(page_pa(p));
    memcpy(root + 256, boot_pml4 + 256, 256 * sizeof *root);
    return root;
}

u64 *pt_find(struct mm *mm, u64 va, unsigned *level)
{
    u64 *table = mm->root;

    for (unsigned l = 4;; l--) {
        u64 *e = &table[slot(va, l)];
        *level = l;
        if (!*e)
            return NULL;
        if (is_leaf(*e, l))
            return e;
        table = table_of(*e);
    }
}

u64 *pt_make(struct mm *mm, u64 va, unsigned level)
{
    u64 *table = mm->root;

    for (unsigned l = 4; l > level; l--) {
        u64 *e = &table[slot(va, l)];
        if (!*e) {
            struct page *p = page_alloc_zero(0);
            if (!p)
                return NULL;
            *e = page_pa(p) | PTE_P | PTE_W | PTE_U;
        } else if (is_leaf(*e, l)) {
            return NULL;
        }
        table = table_of(*e);
    }
    u64 *e = &table[slot(va, level)];
    return !*e || is_leaf(*e, level) ? e : NULL;
}

void pt_flush(struct mm *mm, u64 from, u64 to)
{
    if (this_cpu()->active_mm == mm) {
        if (to - from <= 32 * PAGE)
            for (u64 va = from; va < to; va += PAGE)
                invlpg(va);
        else
            cr3_write(cr3_read());
    }
    cpu_flush_others(mm);
}

/* ---- splitting ---- */

/* The leaf becomes 512 leaves of pieces of the same block: others hold the
 * block as well, or hold pieces of it, so it cannot be cut. */
static void split_shared(u64 *table, u64 e, unsigned level)
{
    u64 piece = level_size(level - 1);
    u64 flags = e & ~PTE_ADDR & ~PTE_W & ~(level == 2 ? PTE_PS : 0);

    for (unsigned i = 0; i < 512; i++)
        table[i] = ((e & PTE_ADDR) + i * piece) | flags;
    leaf_page(e)->refs += 511;
}

static void split_in_place(u64 *table, u64 e, unsigned level)
{
    u64 piece = level_size(level - 1);
    u64 flags = e & ~PTE_ADDR & ~(level == 2 ? PTE_PS : 0);

    page_split(leaf_page(e), (level - 2) * 9);
    for (unsigned i = 0; i < 512; i++)
        table[i] = ((e & PTE_ADDR) + i * piece) | flags;
}

static bool split_once(struct mm *mm, u64 va, u64 *e, unsigned level)
{
    struct page *p = page_alloc_zero(0);
    u64 start = align_down(va, level_size(level));

    if (!p)
        return false;
    u64 *table = direct(page_pa(p));
    struct page *block = leaf_page(*e);
    if (block->refs == 1 && block->order == (level - 1) * 9)
        split_in_place(table, *e, level);
    else
        split_shared(table, *e, level);
    *e = page_pa(p) | PTE_P | PTE_W | PTE_U;
    pt_flush(mm, start, start + level_size(level));
    return true;
}

bool pt_split(struct mm *mm, u64 va)
{
    unsigned level;
    u64 *e = pt_find(mm, va, &level);

    return !e || level == 1 || split_once(mm, va, e, level);
}

static bool split_at(struct mm *mm, u64 va)
{
    unsigned level;

    for (;;) {
        u64 *e = pt_find(mm, va, &level);
        if (!e || !(va & (level_size(level) - 1)))
            return true;
        if (!split_once(mm, va, e, level))
            return false;
    }
}

bool pt_split_range(struct mm *mm, u64 from, u64 to)
{
    return split_at(mm, from) && split_at(mm, to);
}

/* ---- unmapping ---- */

struct gather {
    struct mm *mm;
    struct list pages; /* to be freed once no processor can use them */
    bool any;
};

static void gather_leaf(struct gather *g, u64 e, unsigned level)
{
    struct page *p = leaf_page(e);

    g->any = true;
    g->mm->pages -= level_size(level) / PAGE;
    if (p->refs > 1)
        page_put(p);
    else
        list_append(&g->pages, &p->link);
}

static void unmap_table(struct gather *g, u64 *table, unsigned level, u64 base,
                        u64 from, u64 to)
{
    u64 size = level_size(level);

    for (unsigned i = slot(from, level); i < 512; i++) {
        u64 start = base + i * size, end = start + size;
        u64 e = table[i];
        if (start >= to)
            break;
        if (!e)
            continue;
        if (is_leaf(e, level)) {
            gather_leaf(g, e, level);
            table[i] = 0;
            continue;
        }
        unmap_table(g, table_of(e), level - 1, start, max64(from, start),
                    min64(to, end));
        if (from <= start && to >= end) {
            table[i] = 0;
            g->any = true;
            list_append(&g->pages, &page_of(e & PTE_ADDR)->link);
        }
    }
}

static void gather_release(struct gather *g)
{
    LIST_EACH_SAFE(l, &g->pages)
    {
        list_remove(l);
        page_put(container_of(l, struct page, link));
    }
}

void pt_unmap(struct mm *mm, u64 from, u64 to)
{
    struct gather g = {.mm = mm};

    list_init(&g.pages);
    unmap_table(&g, mm->root, 4, 0, from, to);
    if (g.any)
        pt_flush(mm, from, to);
    gather_release(&g);
}

void pt_free(struct mm *mm)
{
    struct gather g = {.mm = mm};

    list_init(&g.pages);
    unmap_table(&g, mm->root, 4, 0, 0, 1ull << 47);
    gather_release(&g);
    page_put(page_of(direct_pa(mm->root)));
}

/* ---- rights, copies, moves ---- */

/* Call fn for every leaf in [from, to) until it returns false. */
typedef bool leaf_fn(void *self, u64 *e, unsigned level, u64 va);

static bool each_leaf(struct mm *mm, u64 from, u64 to, leaf_fn *fn, void *self)
{
    unsigned level;

    for (u64 va = from; va < to;) {
        u64 *e = pt_find(mm, va, &level);
        if (e && !fn(self, e, level, align_down(va, level_size(level))))
            return false;
        va = align_down(va, level_size(level)) + level_size(level);
    }
    return true;
}

static bool protect_leaf(void *self, u64 *e, unsigned level, u64 va)
{
    u64 rights = *(u64 *)self;
    u64 keep = PTE_ADDR | PTE_A | PTE_D | PTE_PS | PTE_SHARED;

    (void)level;
    (void)va;
    if (!(*e & PTE_SHARED) && leaf_page(*e)->refs > 1)
        rights &= ~PTE_W;
    *e = (*e & keep) | rights;
    return true;
}

void pt_protect(struct mm *mm, u64 from, u64 to, unsigned prot)
{
    u64 rights = pte_rights(prot);

    each_leaf(mm, from, to, protect_leaf, &rights);
    pt_flush(mm, from, to);
}

struct clone {
    struct mm *to, *from;
};

static bool clone_leaf(void *self, u64 *e, unsigned level, u64 va)
{
    struct clone *c = self;
    u64 *copy = pt_make(c->to, va, level);

    if (!copy)
        return false;
    if (!(*e & PTE_SHARED))
        *e &= ~PTE_W;
    page_get(leaf_page(*e));
    *copy = *e & ~(PTE_A | PTE_D);
    c->to->pages += level_size(level) / PAGE;
    return true;
}

bool pt_clone(struct mm *to, struct mm *from, u64 start, u64 end)
{
    struct clone c = {to, from};

    return each_leaf(from, start, end, clone_leaf, &c);
}

bool pt_move(struct mm *mm, u64 from, u64 to, u64 len)
{
    unsigned level;

    for (u64 va = from; va < from + len;) {
        u64 *e = pt_find(mm, va, &level);
        u64 size = level_size(level);
        if (!e) {
            va = align_down(va, size) + size;
            continue;
        }
        u64 *copy = NULL;
        if (!((to + (va - from)) & (size - 1)))
            copy = pt_make(mm, to + (va - from), level);
        if (!copy) {
            if (level == 1 || !pt_split(mm, va))
                return false;
            continue;
        }
        *copy = *e;
        *e = 0;
        va += size;
    }
    pt_flush(mm, from, from + len);
    return true;
}
