/* SPDX-License-Identifier: Apache-2.0
 * System calls about memory: brk, mmap and their relatives.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

static bool good_range(u64 start, u64 len)
{
    return !(start & (PAGE - 1)) && len && len <= USER_END &&
           start <= USER_END - len;
}

/* ---- brk ---- */

/* The heap's area ends at a multiple of the page size in use, so that large
 * pages can back all of it. */
static u64 heap_end(u64 brk)
{
    return align_up(brk, level_size(params.page_level));
}

static s64 heap_grow(struct mm *mm, u64 to)
{
    u64 start = heap_end(mm->brk), end = heap_end(to);
    struct vma v = {.start = start,
                    .end = end,
                    .prot = PROT_READ | PROT_WRITE,
                    .flags = MAP_PRIVATE | VMA_HEAP};

    if (start == end)
        return 0;
    if (end > MMAP_TOP || !mm_is_free(mm, start, end))
        return -ENOMEM;
    return mm_insert(mm, &v);
}

/* What is given back must read as zero when it is taken again. */
static void heap_shrink(struct mm *mm, u64 to)
{
    u64 from = align_up(to, PAGE), end = heap_end(to);

    mm_unmap(mm, end, heap_end(mm->brk));
    for (u64 at = from; at < min64(end, mm->brk); at += PAGE) {
        unsigned level;
        if (pt_find(mm, at, &level))
            clear_user(at, PAGE);
    }
}

s64 sys_brk(const u64 *a)
{
    struct mm *mm = current()->mm;
    u64 to = a[0];

    if (to < mm->brk_start || to >= MMAP_TOP)
        return (s64)mm->brk;
    if (to > mm->brk && heap_grow(mm, to))
        return (s64)mm->brk;
    if (to < mm->brk)
        heap_shrink(mm, to);
    mm->brk = to;
    return (s64)to;
}

/* ---- mmap ---- */

static s64 backing(struct vma *v, u64 fd, u64 offset)
{
    u64 len = v->end - v->start;
    bool shared = v->flags & MAP_SHARED;
    struct file *f = NULL;

    if (fd != UINT64_MAX) {
        f = file_of(fd);
        if (!f)
            return -EBADF;
        if (!f->ops->pread_kernel || !f->ops->seekable)
            return -ENODEV;
        u32 mode = f->flags & O_ACCMODE;
        if (mode == O_WRONLY ||
            (shared && v->prot & PROT_WRITE && mode != O_RDWR))
            return -EACCES;
    }
    if (shared) {
        v->shm = shm_new(len / PAGE, f, offset);
        if (!v->shm)
            return -ENOMEM;
        v->shm->writable = v->prot & PROT_WRITE;
    } else if (f) {
        file_get(f);
        v->file = f;
        v->offset = offset;
        v->file_end = v->end;
    }
    return 0;
}

/* The address to map at, or -errno. */
static s64 choose_address(struct mm *mm, u64 hint, u64 len, u32 flags,
                          bool anonymous)
{
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (hint & (PAGE - 1))
            return -EINVAL;
        if (hint < USER_MIN)
            return -EPERM;
        if (!good_range(hint, len))
            return -ENOMEM;
        if (flags & MAP_FIXED_NOREPLACE && !mm_is_free(mm, hint, hint + len))
            return -EEXIST;
        return (s64)hint;
    }
    hint = align_down(hint, PAGE);
    if (hint >= USER_MIN && good_range(hint, len) &&
        mm_is_free(mm, hint, hint + len))
        return (s64)hint;
    u64 at = mm_hole(mm, len, level_size(anonymous ? page_level_for(len) : 1));
    return at ? (s64)at : -ENOMEM;
}

s64 sys_mmap(const u64 *a)
{
    struct mm *mm = current()->mm;
    u64 len = align_up(a[1], PAGE), fd = (u64)(s64)(s32)a[4];
    u32 prot = (u32)a[2], flags = (u32)a[3], type = flags & MAP_TYPE;
    bool anonymous = flags & MAP_ANONYMOUS;

    if (!a[1] || a[5] & (PAGE - 1) || prot & ~(PROT_ALL | 0x03000000u))
        return -EINVAL;
    if (len > USER_END || !len)
        return -ENOMEM;
    if (type == MAP_SHARED_VALIDATE)
        type = MAP_SHARED;
    if (type != MAP_SHARED && type != MAP_PRIVATE)
        return -EINVAL;
    s64 at = choose_address(mm, a[0], len, flags, anonymous);
    if (at < 0)
        return at;
    struct vma v = {.start = (u64)at,
                    .end = (u64)at + len,
                    .prot = prot & PROT_ALL,
                    .flags = type};
    s64 r = backing(&v, anonymous ? UINT64_MAX : fd, a[5]);
    if (!r && flags & MAP_FIXED)
        r = mm_unmap(mm, v.start, v.end);
    if (!r)
        r = mm_insert(mm, &v);
    if (r) {
        vma_put(&v);
        return r;
    }
    if (flags & MAP_POPULATE)
        mm_populate(mm, v.start, len, true);
    return at;
}

s64 sys_munmap(const u64 *a)
{
    u64 len = align_up(a[1], PAGE);

    if (!good_range(a[0], len))
        return -EINVAL;
    return mm_unmap(current()->mm, a[0], a[0] + len);
}

s64 sys_mprotect(const u64 *a)
{
    u64 len = align_up(a[1], PAGE);

    if (a[0] & (PAGE - 1) || a[2] & ~(u64)PROT_ALL)
        return -EINVAL;
    if (!len)
        return 0;
    if (!good_range(a[0], len))
        return -ENOMEM;
    return mm_protect(current()->mm, a[0], a[0] + len, (unsigned)a[2]);
}

/* ---- mremap ---- */

static s64 move_area(struct mm *mm, struct vma v, u64 old_len, u64 to,
                     u64 new_len, bool keep)
{
    u64 from = v.start;
    s64 shift = (s64)(to - from);
    struct vma n = v;

    n.start = to;
    n.end = to + new_len;
    n.flags &= ~(unsigned)(VMA_HEAP | VMA_STACK);
    if (n.file)
        n.file_end = v.file_end >= v.end ? n.end : v.file_end + (u64)shift;
    vma_get(&n);
    s64 r = mm_insert(mm, &n);
    if (r) {
        vma_put(&n);
        return r;
    }
    if (!pt_move(mm, from, to, min64(old_len, new_len)))
        return -ENOMEM;
    r = keep ? 0 : mm_unmap(mm, from, from + old_len);
    return r ? r : (s64)to;
}

static bool can_extend(struct mm *mm, const struct vma *v, u64 end, u64 to)
{
    return v->end == end && !v->shm && to <= USER_END &&
           mm_is_free(mm, end, to);
}

/* The area cut down to exactly [start, start + len); false if it is not all
 * of one area. */
static bool cut_out(struct mm *mm, u64 start, u64 len, struct vma *out)
{
    struct vma *v = mm_find(mm, start);

    if (!v || v->end < start + len)
        return false;
    *out = *v;
    out->offset += start - v->start;
    out->shm_page += (start - v->start) / PAGE;
    out->start = start;
    out->end = start + len;
    return true;
}

s64 sys_mremap(const u64 *a)
{
    struct mm *mm = current()->mm;
    u64 start = a[0], old = align_up(a[1], PAGE), len = align_up(a[2], PAGE);
    struct vma v;

    if (!good_range(start, old) || !len || len > USER_END || a[3] & ~7ull ||
        (a[3] & 6 && !(a[3] & MREMAP_MAYMOVE)) ||
        (a[3] & MREMAP_DONTUNMAP && old != len))
        return -EINVAL;
    if (!cut_out(mm, start, old, &v))
        return -EFAULT;
    if (!(a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
        if (len <= old) {
            s64 r = mm_unmap(mm, start + len, start + old);
            return r ? r : (s64)start;
        }
        struct vma *whole = mm_find(mm, start);
        if (can_extend(mm, whole, start + old, start + len)) {
            if (whole->file && whole->file_end >= whole->end)
                whole->file_end = start + len;
            whole->end = start + len;
            return (s64)start;
        }
        if (!(a[3] & MREMAP_MAYMOVE))
            return -ENOMEM;
    }
    u64 to = a[4];
    if (a[3] & MREMAP_FIXED) {
        if (!good_range(to, len) || to < USER_MIN ||
            (to < start + old && start < to + len))
            return -EINVAL;
        s64 r = mm_unmap(mm, to, to + len);
        if (r)
            return r;
    } else {
        unsigned level = v.file || v.shm ? 1 : page_level_for(len);
        to = mm_hole(mm, len, level_size(level));
        if (!to)
            return -ENOMEM;
    }
    return move_area(mm, v, old, to, len, a[3] & MREMAP_DONTUNMAP);
}

/* ---- advice ---- */

#define MADV_DONTNEED 4u
#define MADV_FREE     8u
#define MADV_LAST     25u

/* Drop pages: private ones read as zero, or as the file, afterwards. */
static s64 drop_pages(struct mm *mm, u64 start, u64 end)
{
    for (u64 at = start; at < end;) {
        struct vma *v = mm_find(mm, at);
        if (!v)
            return -ENOMEM;
        u64 stop = min64(v->end, end);
        if (!pt_split_range(mm, at, stop))
            return -ENOMEM;
        pt_unmap(mm, at, stop);
        at = stop;
    }
    return 0;
}

s64 sys_madvise(const u64 *a)
{
    u64 len = align_up(a[1], PAGE);

    if (a[0] & (PAGE - 1) || a[2] > MADV_LAST)
        return -EINVAL;
    if (!len)
        return 0;
    if (!good_range(a[0], len))
        return -EINVAL;
    if (a[2] == MADV_DONTNEED || a[2] == MADV_FREE)
        return drop_pages(current()->mm, a[0], a[0] + len);
    return 0; /* the rest is advice indeed */
}

s64 sys_msync(const u64 *a)
{
    struct mm *mm = current()->mm;
    u64 len = align_up(a[1], PAGE);

    if (a[0] & (PAGE - 1) || a[2] & ~7ull)
        return -EINVAL;
    if (!len)
        return 0;
    if (!good_range(a[0], len))
        return -ENOMEM;
    for (u64 at = a[0]; at < a[0] + len;) {
        struct vma *v = mm_find(mm, at);
        if (!v)
            return -ENOMEM;
        s64 r = v->shm ? shm_sync(v->shm) : 0;
        if (r)
            return r;
        at = v->end;
    }
    return 0;
}

s64 sys_mincore(const u64 *a)
{
    struct mm *mm = current()->mm;
    u64 pages = align_up(a[1], PAGE) / PAGE;

    if (a[0] & (PAGE - 1))
        return -EINVAL;
    if (pages && !good_range(a[0], pages * PAGE))
        return -ENOMEM;
    for (u64 i = 0; i < pages; i++) {
        u64 va = a[0] + i * PAGE;
        unsigned level;
        if (!mm_find(mm, va))
            return -ENOMEM;
        u8 here = pt_find(mm, va, &level) != NULL;
        if (PUT_USER(a[2] + i, &here))
            return -EFAULT;
    }
    return 0;
}

/* Nothing is ever paged out. */
s64 sys_mlock(const u64 *a)
{
    return mm_populate(current()->mm, a[0], a[1], true) ? -ENOMEM : 0;
}

s64 sys_munlock(const u64 *a)
{
    (void)a;
    return 0;
}

s64 sys_mlockall(const u64 *a)
{
    (void)a;
    return 0;
}

s64 sys_munlockall(const u64 *a)
{
    (void)a;
    return 0;
}

/* All processors see memory in order once they left user code: the IPI of a
 * flush is barrier enough. */
s64 sys_membarrier(const u64 *a)
{
    if (a[0] == 0)
        return 1 << 0 | 1 << 3 | 1 << 4; /* GLOBAL, PRIVATE_EXPEDITED(+REG) */
    if (a[0] != 1 && a[0] != 8 && a[0] != 16)
        return -EINVAL;
    cpu_flush_others(current()->mm);
    return 0;
}
