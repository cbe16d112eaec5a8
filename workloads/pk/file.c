/* SPDX-License-Identifier: Apache-2.0
 * Open files and descriptor tables, and the system calls that work on any
 * kind of file.
 */
#include "workloads/pk/file.h"

#include "workloads/pk/syscall.h"

#define FD_LIMIT 4096u

struct file *file_new(const struct file_ops *ops, u32 flags)
{
    struct file *f = kzalloc(sizeof *f);

    if (!f)
        return NULL;
    f->refs = 1;
    f->ops = ops;
    f->flags = flags;
    return f;
}

void file_get(struct file *f)
{
    f->refs++;
}

void file_put(struct file *f)
{
    if (--f->refs)
        return;
    if (f->ops->release)
        f->ops->release(f);
    kfree(f->path);
    kfree(f);
}

/* ---- descriptor tables ---- */

static bool files_grow(struct files *t, unsigned count)
{
    unsigned old = t->count;
    struct file **file = kzalloc(count * sizeof *file);
    u8 *cloexec = kzalloc(count);

    if (!file || !cloexec) {
        kfree(file);
        kfree(cloexec);
        return false;
    }
    if (old) {
        memcpy(file, t->file, old * sizeof *file);
        memcpy(cloexec, t->cloexec, old);
    }
    kfree(t->file);
    kfree(t->cloexec);
    t->file = file;
    t->cloexec = cloexec;
    t->count = count;
    return true;
}

struct files *files_new(void)
{
    struct files *t = kzalloc(sizeof *t);

    if (!t || !files_grow(t, 32)) {
        kfree(t);
        return NULL;
    }
    t->refs = 1;
    return t;
}

struct files *files_clone(const struct files *from)
{
    struct files *t = kzalloc(sizeof *t);

    if (!t || !files_grow(t, from->count)) {
        kfree(t);
        return NULL;
    }
    t->refs = 1;
    for (unsigned i = 0; i < from->count; i++) {
        t->file[i] = from->file[i];
        t->cloexec[i] = from->cloexec[i];
        if (t->file[i])
            file_get(t->file[i]);
    }
    return t;
}

void files_put(struct files *t)
{
    if (--t->refs)
        return;
    for (unsigned i = 0; i < t->count; i++)
        if (t->file[i])
            file_put(t->file[i]);
    kfree(t->file);
    kfree(t->cloexec);
    kfree(t);
}

void files_close_on_exec(struct files *t)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->file[i] && t->cloexec[i])
            fd_close(t, i);
}

struct file *file_of(u64 fd)
{
    struct files *t = current()->files;

    return fd < t->count ? t->file[fd] : NULL;
}

static u64 fd_limit(void)
{
    return min64(FD_LIMIT, current()->group->rlimit[RLIMIT_NOFILE].cur);
}

static s64 fd_put_at(struct file *f, unsigned fd, bool cloexec)
{
    struct files *t = current()->files;

    if (fd >= t->count && !files_grow(t, (unsigned)align_up(fd + 1, 64))) {
        file_put(f);
        return -ENOMEM;
    }
    t->file[fd] = f;
    t->cloexec[fd] = cloexec;
    return fd;
}

s64 fd_install_from(struct file *f, unsigned first, bool cloexec)
{
    struct files *t = current()->files;
    unsigned fd = first;

    while (fd < t->count && t->file[fd])
        fd++;
    if (fd >= fd_limit()) {
        file_put(f);
        return -EMFILE;
    }
    return fd_put_at(f, fd, cloexec);
}

s64 fd_install(struct file *f, bool cloexec)
{
    return fd_install_from(f, 0, cloexec);
}

s64 fd_close(struct files *t, unsigned fd)
{
    if (fd >= t->count || !t->file[fd])
        return -EBADF;
    struct file *f = t->file[fd];
    t->file[fd] = NULL;
    t->cloexec[fd] = 0;
    file_put(f);
    return 0;
}

s64 sys_close(const u64 *a)
{
    return a[0] < FD_LIMIT ? fd_close(current()->files, (unsigned)a[0])
                           : -EBADF;
}

s64 sys_close_range(const u64 *a)
{
    struct files *t = current()->files;

    if (a[0] > a[1] || a[2] & ~6ull)
        return -EINVAL;
    for (u64 fd = a[0]; fd <= a[1] && fd < t->count; fd++) {
        if (a[2] & 4) /* CLOSE_RANGE_CLOEXEC */
            t->cloexec[fd] = 1;
        else
            fd_close(t, (unsigned)fd);
    }
    return 0;
}

static s64 dup_to(u64 from, u64 to, bool cloexec)
{
    struct file *f = file_of(from);

    if (!f || to >= fd_limit())
        return -EBADF;
    file_get(f);
    fd_close(current()->files, (unsigned)to);
    return fd_put_at(f, (unsigned)to, cloexec);
}

s64 sys_dup(const u64 *a)
{
    struct file *f = file_of(a[0]);

    if (!f)
        return -EBADF;
    file_get(f);
    return fd_install(f, false);
}

s64 sys_dup2(const u64 *a)
{
    if (a[0] == a[1])
        return file_of(a[0]) ? (s64)a[0] : -EBADF;
    return dup_to(a[0], a[1], false);
}

s64 sys_dup3(const u64 *a)
{
    if (a[0] == a[1] || a[2] & ~(u64)O_CLOEXEC)
        return -EINVAL;
    return dup_to(a[0], a[1], a[2] != 0);
}

/* ---- reading and writing ---- */

static bool readable(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_WRONLY && !(f->flags & O_PATH);
}

static bool writable(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_RDONLY && !(f->flags & O_PATH);
}

static s64 read_at(struct file *f, u64 to, u64 len, u64 *pos)
{
    if (!readable(f) || !f->ops->read)
        return f->ops->getdents ? -EISDIR : -EBADF;
    file_get(f);
    s64 n = f->ops->read(f, to, min64(len, 0x7ffff000), pos);
    file_put(f);
    return n;
}

static s64 write_at(struct file *f, u64 from, u64 len, u64 *pos)
{
    if (!writable(f) || !f->ops->write)
        return -EBADF;
    file_get(f);
    s64 n = f->ops->write(f, from, min64(len, 0x7ffff000), pos);
    file_put(f);
    if (n == -EPIPE)
        signal_kernel(current(), SIGPIPE);
    return n;
}

s64 sys_read(const u64 *a)
{
    struct file *f = file_of(a[0]);

    return f ? read_at(f, a[1], a[2], &f->pos) : -EBADF;
}

s64 sys_write(const u64 *a)
{
    struct file *f = file_of(a[0]);

    return f ? write_at(f, a[1], a[2], &f->pos) : -EBADF;
}

static s64 positioned(const u64 *a, struct file **f)
{
    *f = file_of(a[0]);
    if (!*f)
        return -EBADF;
    if (!(*f)->ops->seekable)
        return -ESPIPE;
    return (s64)a[3] < 0 ? -EINVAL : 0;
}

s64 sys_pread64(const u64 *a)
{
    struct file *f;
    u64 pos = a[3];
    s64 r = positioned(a, &f);

    return r ? r : read_at(f, a[1], a[2], &pos);
}

s64 sys_pwrite64(const u64 *a)
{
    struct file *f;
    u64 pos = a[3];
    s64 r = positioned(a, &f);

    return r ? r : write_at(f, a[1], a[2], &pos);
}

typedef s64 transfer_fn(struct file *f, u64 at, u64 len, u64 *pos);

static s64 vectored(const u64 *a, u64 *pos, transfer_fn *fn)
{
    struct file *f = file_of(a[0]);
    s64 total = 0;

    if (!f)
        return -EBADF;
    if (a[2] > 1024)
        return -EINVAL;
    for (u64 i = 0; i < a[2]; i++) {
        struct iovec v;
        if (GET_USER(&v, a[1] + i * sizeof v))
            return total ? total : -EFAULT;
        if ((s64)v.len < 0)
            return total ? total : -EINVAL;
        if (!v.len)
            continue;
        s64 n = fn(f, v.base, v.len, pos ? pos : &f->pos);
        if (n < 0)
            return total ? total : n;
        total += n;
        if ((u64)n < v.len)
            break;
        if (f != file_of(a[0]))
            break;
    }
    return total;
}

s64 sys_readv(const u64 *a)
{
    return vectored(a, NULL, read_at);
}

s64 sys_writev(const u64 *a)
{
    return vectored(a, NULL, write_at);
}

s64 sys_preadv(const u64 *a)
{
    struct file *f;
    u64 pos = a[3];
    s64 r = positioned(a, &f);

    return r ? r : vectored(a, &pos, read_at);
}

s64 sys_pwritev(const u64 *a)
{
    struct file *f;
    u64 pos = a[3];
    s64 r = positioned(a, &f);

    return r ? r : vectored(a, &pos, write_at);
}

s64 file_pread_kernel(struct file *f, void *to, u64 len, u64 at)
{
    return f->ops->pread_kernel ? f->ops->pread_kernel(f, to, len, at)
                                : -ENODEV;
}

s64 file_pwrite_kernel(struct file *f, const void *from, u64 len, u64 at)
{
    return f->ops->pwrite_kernel ? f->ops->pwrite_kernel(f, from, len, at)
                                 : -ENODEV;
}

/* ---- position, size, attributes ---- */

s64 file_stat(struct file *f, struct linux_stat *st)
{
    memset(st, 0, sizeof *st);
    st->blksize = 4096;
    st->nlink = 1;
    return f->ops->stat ? f->ops->stat(f, st) : 0;
}

s64 file_size(struct file *f)
{
    struct linux_stat st;
    s64 r = file_stat(f, &st);

    return r ? r : st.size;
}

s64 sys_lseek(const u64 *a)
{
    struct file *f = file_of(a[0]);
    s64 base = 0;

    if (!f)
        return -EBADF;
    if (!f->ops->seekable)
        return -ESPIPE;
    switch (a[2]) {
    case 0: break;
    case 1: base = (s64)f->pos; break;
    case 2: base = file_size(f); break;
    case 3: /* SEEK_DATA: all of a file is data, */
    case 4: /* SEEK_HOLE: with a hole at its end */
        base = file_size(f);
        if ((s64)a[1] < 0 || (s64)a[1] >= base)
            return -6; /* ENXIO */
        f->pos = a[2] == 3 ? a[1] : (u64)base;
        return (s64)f->pos;
    default: return -EINVAL;
    }
    if (base < 0)
        return base;
    s64 at;
    if (__builtin_add_overflow(base, (s64)a[1], &at) || at < 0)
        return -EINVAL;
    f->pos = (u64)at;
    return at;
}

s64 sys_ftruncate(const u64 *a)
{
    struct file *f = file_of(a[0]);

    if (!f)
        return -EBADF;
    if (!writable(f) || (s64)a[1] < 0 || !f->ops->truncate)
        return -EINVAL;
    return f->ops->truncate(f, a[1]);
}

s64 sys_getdents64(const u64 *a)
{
    struct file *f = file_of(a[0]);

    if (!f)
        return -EBADF;
    return f->ops->getdents ? f->ops->getdents(f, a[1], a[2]) : -ENOTDIR;
}

s64 sys_ioctl(const u64 *a)
{
    struct file *f = file_of(a[0]);
    u32 on;

    if (!f)
        return -EBADF;
    switch (a[1]) {
    case 0x5421: /* FIONBIO */
        if (GET_USER(&on, a[2]))
            return -EFAULT;
        f->flags = on ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
        return 0;
    case 0x5450: /* FIONCLEX */
    case 0x5451: /* FIOCLEX */
        current()->files->cloexec[a[0]] = a[1] == 0x5451;
        return 0;
    default: return f->ops->ioctl ? f->ops->ioctl(f, a[1], a[2]) : -ENOTTY;
    }
}

s64 sys_fcntl(const u64 *a)
{
    struct file *f = file_of(a[0]);
    const u32 settable = O_APPEND | O_NONBLOCK | O_DIRECT;

    if (!f)
        return -EBADF;
    switch (a[1]) {
    case 0:    /* F_DUPFD */
    case 1030: /* F_DUPFD_CLOEXEC */
        if (a[2] >= fd_limit())
            return -EINVAL;
        file_get(f);
        return fd_install_from(f, (unsigned)a[2], a[1] == 1030);
    case 1: return current()->files->cloexec[a[0]]; /* F_GETFD */
    case 2: current()->files->cloexec[a[0]] = a[2] & 1; return 0;
    case 3: return (s64)(f->flags & ~O_CLOEXEC); /* F_GETFL */
    case 4:
        f->flags = (f->flags & ~settable) | ((u32)a[2] & settable);
        return 0;
    case 5: { /* F_GETLK: no one else holds locks */
        u16 unlocked = 2;
        return PUT_USER(a[2], &unlocked);
    }
    case 6: /* F_SETLK */
    case 7: return 0;
    case 8: f->owner = (u32)a[2]; return 0;
    case 9: return f->owner;
    case 1031: /* F_SETPIPE_SZ */
    case 1032: return 65536;
    default: return -EINVAL;
    }
}

s64 sys_flock(const u64 *a)
{
    return file_of(a[0]) ? 0 : -EBADF;
}

s64 sys_fadvise64(const u64 *a)
{
    return file_of(a[0]) ? 0 : -EBADF;
}

s64 sys_fsync(const u64 *a)
{
    struct file *f = file_of(a[0]);

    if (!f)
        return -EBADF;
    return file_is_host(f) ? host_handle_op(PK_OP_FSYNC, f, 0) : -EINVAL;
}

s64 sys_fdatasync(const u64 *a)
{
    return sys_fsync(a);
}

s64 sys_sync(const u64 *a)
{
    (void)a;
    return 0;
}

/* ---- from file to file, through kernel memory ---- */

static s64 copy_files(struct file *in, u64 *in_pos, struct file *out,
                      u64 *out_pos, u64 len)
{
    struct page *p = page_alloc(0);
    s64 total = 0;

    if (!p)
        return -ENOMEM;
    u8 *buf = direct(page_pa(p));
    while (len) {
        s64 n = file_pread_kernel(in, buf, min64(len, PAGE), *in_pos);
        if (n > 0)
            n = file_pwrite_kernel(out, buf, (u64)n, *out_pos);
        if (n <= 0) {
            if (!total)
                total = n == -ENODEV ? -EINVAL : n;
            break;
        }
        *in_pos += (u64)n;
        *out_pos += (u64)n;
        total += n;
        len -= (u64)n;
    }
    page_put(p);
    return total;
}

/* Offsets in the program's memory, or the files' own. */
static s64 transfer(u64 in_fd, u64 in_at, u64 out_fd, u64 out_at, u64 len)
{
    struct file *in = file_of(in_fd), *out = file_of(out_fd);
    u64 in_pos, out_pos;

    if (!in || !out || !readable(in) || !writable(out))
        return -EBADF;
    in_pos = in->pos;
    out_pos = out->pos;
    if ((in_at && GET_USER(&in_pos, in_at)) ||
        (out_at && GET_USER(&out_pos, out_at)))
        return -EFAULT;
    /* A part is enough: the caller goes on, and others get their turn. */
    s64 n = copy_files(in, &in_pos, out, &out_pos, min64(len, 0x100000));
    if (n == -EPIPE)
        signal_kernel(current(), SIGPIPE);
    if (n <= 0)
        return n;
    if (!in_at)
        in->pos = in_pos;
    else if (PUT_USER(in_at, &in_pos))
        return -EFAULT;
    if (!out_at)
        out->pos = out_pos;
    else if (PUT_USER(out_at, &out_pos))
        return -EFAULT;
    return n;
}

s64 sys_sendfile(const u64 *a)
{
    return transfer(a[1], a[2], a[0], 0, a[3]);
}

s64 sys_copy_file_range(const u64 *a)
{
    return a[5] ? -EINVAL : transfer(a[0], a[1], a[2], a[3], a[4]);
}
