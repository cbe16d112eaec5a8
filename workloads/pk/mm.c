/* SPDX-License-Identifier: Apache-2.0
 * Address spaces: a sorted array of areas (struct vma) over a page table.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/pk.h"

struct mm *mm_new(void)
{
    struct mm *mm = kzalloc(sizeof *mm);

    if (!mm)
        return NULL;
    mm->refs = 1;
    mm->root = pt_new_root();
    if (!mm->root) {
        kfree(mm);
        return NULL;
    }
    return mm;
}

void vma_get(struct vma *v)
{
    if (v->file)
        file_get(v->file);
    if (v->shm)
        v->shm->refs++;
}

void vma_put(struct vma *v)
{
    if (v->file)
        file_put(v->file);
    if (v->shm)
        shm_put(v->shm);
}

void mm_put(struct mm *mm)
{
    if (--mm->refs)
        return;
    pt_free(mm);
    for (unsigned i = 0; i < mm->count; i++)
        vma_put(&mm->vma[i]);
    kfree(mm->vma);
    kfree(mm->exec);
    kfree(mm);
}

struct mm *mm_clone(struct mm *from)
{
    struct mm *mm = mm_new();

    if (!mm)
        return NULL;
    mm->brk_start = from->brk_start;
    mm->brk = from->brk;
    mm->arg_start = from->arg_start;
    mm->arg_end = from->arg_end;
    mm->env_end = from->env_end;
    mm->stack_top = from->stack_top;
    mm->exec = from->exec ? kstrdup(from->exec) : NULL;
    mm->vma = kmalloc(from->capacity * sizeof *mm->vma);
    if (!mm->vma) {
        mm_put(mm);
        return NULL;
    }
    mm->capacity = from->capacity;
    bool ok = true;
    for (unsigned i = 0; i < from->count && ok; i++) {
        struct vma *v = &mm->vma[mm->count++];
        *v = from->vma[i];
        vma_get(v);
        ok = pt_clone(mm, from, v->start, v->end);
    }
    pt_flush(from, 0, USER_END);
    if (!ok) {
        mm_put(mm);
        return NULL;
    }
    return mm;
}

/* Index of the first area that ends above va; mm->count if none does. */
static unsigned index_above(struct mm *mm, u64 va)
{
    unsigned low = 0, high = mm->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (mm->vma[middle].end > va)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct vma *mm_find(struct mm *mm, u64 va)
{
    if (mm->last < mm->count) {
        struct vma *v = &mm->vma[mm->last];
        if (v->start <= va && va < v->end)
            return v;
    }
    unsigned i = index_above(mm, va);
    if (i == mm->count || mm->vma[i].start > va)
        return NULL;
    mm->last = i;
    return &mm->vma[i];
}

bool mm_is_free(struct mm *mm, u64 start, u64 end)
{
    unsigned i = index_above(mm, start);

    return i == mm->count || mm->vma[i].start >= end;
}

/* Room for one more area at index i. */
static bool open_slot(struct mm *mm, unsigned i)
{
    if (mm->count == mm->capacity) {
        unsigned capacity = mm->capacity ? mm->capacity * 2 : 32;
        struct vma *bigger = kmalloc(capacity * sizeof *bigger);
        if (!bigger)
            return false;
        if (mm->count)
            memcpy(bigger, mm->vma, mm->count * sizeof *bigger);
        kfree(mm->vma);
        mm->vma = bigger;
        mm->capacity = capacity;
    }
    memmove(&mm->vma[i + 1], &mm->vma[i], (mm->count - i) * sizeof *mm->vma);
    mm->count++;
    return true;
}

static void close_slot(struct mm *mm, unsigned i)
{
    mm->count--;
    memmove(&mm->vma[i], &mm->vma[i + 1], (mm->count - i) * sizeof *mm->vma);
}

static bool can_merge(const struct vma *a, const struct vma *b)
{
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags &&
           !a->file && !b->file && !a->shm && !b->shm;
}

/* Join area i to its successor if they are alike. */
static void merge_next(struct mm *mm, unsigned i)
{
    if (i + 1 >= mm->count || !can_merge(&mm->vma[i], &mm->vma[i + 1]))
        return;
    mm->vma[i].end = mm->vma[i + 1].end;
    close_slot(mm, i + 1);
}

s64 mm_insert(struct mm *mm, const struct vma *v)
{
    unsigned i = index_above(mm, v->start);

    if (i && can_merge(&mm->vma[i - 1], v)) {
        mm->vma[i - 1].end = v->end;
        merge_next(mm, i - 1);
        return 0;
    }
    if (!open_slot(mm, i))
        return -ENOMEM;
    mm->vma[i] = *v;
    merge_next(mm, i);
    return 0;
}

/* Make `at` a border between areas, if one spans it. */
static s64 split_vma(struct mm *mm, u64 at)
{
    unsigned i = index_above(mm, at);

    if (i == mm->count || mm->vma[i].start >= at)
        return 0;
    if (!open_slot(mm, i + 1))
        return -ENOMEM;
    struct vma *low = &mm->vma[i], *high = &mm->vma[i + 1];
    *high = *low;
    vma_get(high);
    low->end = high->start = at;
    high->offset += at - low->start;
    high->shm_page += (at - low->start) / PAGE;
    return 0;
}

/* Borders of areas and leaves at both ends of a range. */
static s64 split_range(struct mm *mm, u64 start, u64 end)
{
    s64 r = split_vma(mm, start);

    if (!r)
        r = split_vma(mm, end);
    if (!r && !pt_split_range(mm, start, end))
        r = -ENOMEM;
    return r;
}

s64 mm_unmap(struct mm *mm, u64 start, u64 end)
{
    if (mm_is_free(mm, start, end))
        return 0;
    s64 r = split_range(mm, start, end);
    if (r)
        return r;
    pt_unmap(mm, start, end);
    unsigned i = index_above(mm, start);
    while (i < mm->count && mm->vma[i].start < end) {
        vma_put(&mm->vma[i]);
        close_slot(mm, i);
    }
    return 0;
}

u64 mm_hole(struct mm *mm, u64 len, u64 align)
{
    u64 top = MMAP_TOP;
    unsigned i = index_above(mm, top);

    if (i < mm->count)
        top = min64(top, mm->vma[i].start);
    for (;;) {
        u64 bottom = i ? mm->vma[i - 1].end : USER_MIN;
        if (top > bottom && top - bottom >= len) {
            u64 at = align_down(top - len, align);
            if (at >= bottom)
                return at;
        }
        if (!i)
            return 0;
        i--;
        top = min64(top, mm->vma[i].start);
    }
}

unsigned page_level_for(u64 len)
{
    unsigned level = params.page_level;

    while (level > 1 && len < level_size(level))
        level--;
    return level;
}

/* ---- mprotect ---- */

static bool all_mapped(struct mm *mm, u64 start, u64 end)
{
    while (start < end) {
        struct vma *v = mm_find(mm, start);
        if (!v)
            return false;
        start = v->end;
    }
    return true;
}

s64 mm_protect(struct mm *mm, u64 start, u64 end, unsigned prot)
{
    if (!all_mapped(mm, start, end))
        return -ENOMEM;
    s64 r = split_range(mm, start, end);
    if (r)
        return r;
    unsigned first = index_above(mm, start);
    unsigned i = first;
    for (; i < mm->count && mm->vma[i].start < end; i++) {
        struct vma *v = &mm->vma[i];
        v->prot = prot;
        if (v->shm && (prot & PROT_WRITE))
            v->shm->writable = true;
    }
    pt_protect(mm, start, end, prot);
    while (i > first) {
        i--;
        merge_next(mm, i);
    }
    if (first)
        merge_next(mm, first - 1);
    return 0;
}

/* ---- memory seen by several address spaces ---- */

struct shm *shm_new(u64 pages, struct file *f, u64 offset)
{
    struct shm *s = kzalloc(sizeof *s);

    if (!s)
        return NULL;
    s->page = kzalloc(pages * sizeof(struct page *));
    if (!s->page) {
        kfree(s);
        return NULL;
    }
    s->refs = 1;
    s->pages = pages;
    s->file = f;
    s->offset = offset;
    if (f)
        file_get(f);
    return s;
}

s64 shm_sync(struct shm *s)
{
    s64 size = s->file ? file_size(s->file) : 0;

    if (!s->file || !s->writable || size < 0)
        return 0;
    for (u64 i = 0; i < s->pages; i++) {
        u64 at = s->offset + i * PAGE;
        if (!s->page[i] || at >= (u64)size)
            continue;
        s64 r = file_pwrite_kernel(s->file, direct(page_pa(s->page[i])),
                                   min64(PAGE, (u64)size - at), at);
        if (r < 0)
            return r;
    }
    return 0;
}

void shm_put(struct shm *s)
{
    if (--s->refs)
        return;
    shm_sync(s);
    for (u64 i = 0; i < s->pages; i++)
        if (s->page[i])
            page_put(s->page[i]);
    if (s->file)
        file_put(s->file);
    kfree(s->page);
    kfree(s);
}
