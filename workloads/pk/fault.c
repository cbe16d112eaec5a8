/* SPDX-License-Identifier: Apache-2.0
 * Demand paging: what happens at the first touch of a page, at a write to a
 * shared one, and at an access that is not allowed.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/pk.h"

/* Page-fault error code, SDM Vol.3 "Page-Fault Exceptions". */
#define FAULT_WRITE 2u
#define FAULT_FETCH 16u

#define FAULT_DONE  ((struct fault){0, 0})
#define FAULT_NOMEM ((struct fault){SIGKILL, 0})

static bool allowed(const struct vma *v, u64 error)
{
    if (error & FAULT_FETCH)
        return v->prot & PROT_EXEC;
    if (error & FAULT_WRITE)
        return v->prot & PROT_WRITE;
    return v->prot != 0;
}

static struct fault install(struct mm *mm, u64 va, unsigned level,
                            struct page *p, u64 flags)
{
    u64 *e = pt_make(mm, va, level);

    if (!e) {
        page_put(p);
        return FAULT_NOMEM;
    }
    *e = page_pa(p) | flags | (level > 1 ? PTE_PS : 0);
    mm->pages += level_size(level) / PAGE;
    return FAULT_DONE;
}

/* Try one page of the given size for an anonymous area. */
static bool fault_large(struct mm *mm, const struct vma *v, u64 va,
                        unsigned level)
{
    u64 size = level_size(level), start = align_down(va, size);

    if (start < v->start || start + size > v->end)
        return false;
    u64 *e = pt_make(mm, start, level);
    if (!e || *e)
        return false;
    struct page *p = page_alloc_zero((level - 1) * 9);
    if (!p)
        return false;
    *e = page_pa(p) | pte_rights(v->prot) | PTE_PS;
    mm->pages += size / PAGE;
    return true;
}

static struct fault fault_anonymous(struct mm *mm, const struct vma *v, u64 va)
{
    for (unsigned level = params.page_level; level > 1; level--)
        if (fault_large(mm, v, va, level))
            return FAULT_DONE;
    struct page *p = page_alloc_zero(0);
    if (!p)
        return FAULT_NOMEM;
    return install(mm, align_down(va, PAGE), 1, p, pte_rights(v->prot));
}

static struct fault fault_file(struct mm *mm, const struct vma *v, u64 va)
{
    u64 start = align_down(va, PAGE);
    struct page *p = page_alloc_zero(0);

    if (!p)
        return FAULT_NOMEM;
    if (start < v->file_end) {
        u64 want = min64(PAGE, v->file_end - start);
        u64 at = v->offset + (start - v->start);
        s64 got = file_pread_kernel(v->file, direct(page_pa(p)), want, at);
        if (got <= 0) {
            page_put(p);
            return (struct fault){SIGBUS, BUS_ADRERR};
        }
    }
    return install(mm, start, 1, p, pte_rights(v->prot));
}

static struct fault fault_shm(struct mm *mm, const struct vma *v, u64 va)
{
    u64 start = align_down(va, PAGE);
    u64 index = v->shm_page + (start - v->start) / PAGE;
    struct shm *s = v->shm;

    if (index >= s->pages)
        return (struct fault){SIGBUS, BUS_ADRERR};
    if (!s->page[index]) {
        struct page *p = page_alloc_zero(0);
        if (!p)
            return FAULT_NOMEM;
        if (s->file && file_pread_kernel(s->file, direct(page_pa(p)), PAGE,
                                         s->offset + index * PAGE) <= 0) {
            page_put(p);
            return (struct fault){SIGBUS, BUS_ADRERR};
        }
        s->page[index] = p;
    }
    page_get(s->page[index]);
    return install(mm, start, 1, s->page[index],
                   pte_rights(v->prot) | PTE_SHARED);
}

/* A private copy of a page. One of 1 GiB, or of 2 MiB when memory is short,
 * is cut and the piece that is wanted copied at the next attempt. */
static struct fault copy_page(struct mm *mm, u64 *e, unsigned level, u64 va)
{
    u64 old = *e & PTE_ADDR;
    struct page *p = level < 3 ? page_alloc((level - 1) * 9) : NULL;
    u64 size = level_size(level), start = align_down(va, size);

    if (!p)
        return level > 1 && pt_split(mm, va) ? FAULT_DONE : FAULT_NOMEM;
    memcpy(direct(page_pa(p)), direct(old), size);
    *e = page_pa(p) | (*e & ~PTE_ADDR) | PTE_W;
    pt_flush(mm, start, start + PAGE);
    page_put(page_head(page_of(old)));
    return FAULT_DONE;
}

static struct fault fault_present(struct mm *mm, u64 va, u64 *e, unsigned level,
                                  u64 error)
{
    struct page *p = page_head(page_of(*e & PTE_ADDR));
    u64 start = align_down(va, level_size(level));

    if (!(error & FAULT_WRITE) || (*e & PTE_W)) {
        invlpg(va); /* the tables allow it: a stale translation */
        return FAULT_DONE;
    }
    if (!(*e & PTE_SHARED) && p->refs > 1)
        return copy_page(mm, e, level, va);
    *e |= PTE_W;
    invlpg(start);
    return FAULT_DONE;
}

struct fault mm_fault(struct mm *mm, u64 va, u64 error)
{
    struct vma *v = va < USER_END ? mm_find(mm, va) : NULL;
    unsigned level;

    if (!v)
        return (struct fault){SIGSEGV, SEGV_MAPERR};
    if (!allowed(v, error))
        return (struct fault){SIGSEGV, SEGV_ACCERR};
    u64 *e = pt_find(mm, va, &level);
    if (e)
        return fault_present(mm, va, e, level, error);
    if (v->shm)
        return fault_shm(mm, v, va);
    if (v->file)
        return fault_file(mm, v, va);
    return fault_anonymous(mm, v, va);
}

s64 mm_populate(struct mm *mm, u64 va, u64 len, bool write)
{
    u64 end = va + len;

    for (u64 at = align_down(va, PAGE); at < end; at += PAGE) {
        unsigned level;
        struct vma *v = mm_find(mm, at);
        if (!v)
            return -EFAULT;
        if (pt_find(mm, at, &level))
            continue;
        bool w = write && (v->prot & PROT_WRITE);
        if (mm_fault(mm, at, w ? FAULT_WRITE : 0).signal)
            return -EFAULT;
    }
    return 0;
}
