/* SPDX-License-Identifier: Apache-2.0
 * Files of the host, through the proxy. Data passes through one bounce buffer
 * that is contiguous in physical memory.
 */
#include "workloads/pk/file.h"

static const struct file_ops host_ops;

bool file_is_host(const struct file *f)
{
    return f->ops == &host_ops;
}

/* Strings for one request; calls are synchronous under the big lock. */
static char path_room[2][PK_PATH_MAX + 1];
static u64 words[PK_STAT_WORDS];

static u64 put_path(unsigned i, const char *path, u64 *len)
{
    *len = strlen(path);
    memcpy(path_room[i], path, *len);
    return kernel_pa(path_room[i]);
}

s64 host_path(u32 op, const char *path, u64 arg2, u64 arg3)
{
    u64 a[4] = {0, 0, arg2, arg3};

    a[0] = put_path(0, path, &a[1]);
    return proxy_call(op, a, 4);
}

s64 host_two_paths(u32 op, const char *x, const char *y, u64 arg)
{
    u64 a[5] = {0};

    a[0] = put_path(0, x, &a[1]);
    a[2] = put_path(1, y, &a[3]);
    a[4] = arg;
    return proxy_call(op, a, 5);
}

s64 host_handle_op(u32 op, struct file *f, u64 arg)
{
    u64 a[] = {f->handle, arg};

    return proxy_call(op, a, 2);
}

s64 host_readlink(u32 op, const char *path, char *to, u64 size)
{
    u64 a[4];

    a[0] = put_path(0, path, &a[1]);
    a[2] = kernel_pa(proxy_bounce());
    a[3] = min64(size, PROXY_BOUNCE);
    s64 n = proxy_call(op, a, 4);
    if (n > 0)
        memcpy(to, proxy_bounce(), min64((u64)n, size));
    return n;
}

s64 host_times(const char *path, struct file *f, const s64 *times, u32 flags)
{
    u64 a[4];

    memcpy(proxy_bounce(), times, 4 * sizeof *times);
    if (f) {
        a[0] = f->handle;
        a[1] = kernel_pa(proxy_bounce());
        return proxy_call(PK_OP_FUTIMENS, a, 2);
    }
    a[0] = put_path(0, path, &a[1]);
    a[2] = kernel_pa(proxy_bounce());
    a[3] = flags;
    return proxy_call(PK_OP_UTIMENS, a, 4);
}

static struct timespec time_of(u64 ns)
{
    return (struct timespec){(s64)(ns / 1000000000), (s64)(ns % 1000000000)};
}

static void stat_from_words(struct linux_stat *st)
{
    memset(st, 0, sizeof *st);
    st->dev = words[PK_STAT_DEV];
    st->ino = words[PK_STAT_INO];
    st->nlink = words[PK_STAT_NLINK];
    st->mode = (u32)words[PK_STAT_MODE];
    st->uid = (u32)words[PK_STAT_UID];
    st->gid = (u32)words[PK_STAT_GID];
    st->rdev = words[PK_STAT_RDEV];
    st->size = (s64)words[PK_STAT_SIZE];
    st->blksize = (s64)words[PK_STAT_BLKSIZE];
    st->blocks = (s64)words[PK_STAT_BLOCKS];
    st->atime = time_of(words[PK_STAT_ATIME]);
    st->mtime = time_of(words[PK_STAT_MTIME]);
    st->ctime = time_of(words[PK_STAT_CTIME]);
}

s64 host_stat(const char *path, u32 flags, struct linux_stat *st)
{
    s64 r = host_path(PK_OP_STAT, path, kernel_pa(words), flags);

    if (!r)
        stat_from_words(st);
    return r;
}

static s64 op_stat(struct file *f, struct linux_stat *st)
{
    s64 r = host_handle_op(PK_OP_FSTAT, f, kernel_pa(words));

    if (!r)
        stat_from_words(st);
    else if (!proxy_present) { /* the debug port: a character device */
        st->mode = S_IFCHR | 0620;
        r = 0;
    }
    return r;
}

/* One request of at most the bounce buffer's size. */
static s64 move(u32 op, struct file *f, u64 len, u64 at)
{
    u64 a[] = {f->handle, kernel_pa(proxy_bounce()), min64(len, PROXY_BOUNCE),
               at};

    return proxy_call(op, a, 4);
}

static s64 op_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    s64 total = 0;

    if (!proxy_present)
        return 0;
    while (len) {
        s64 n = move(PK_OP_READ, f, len, *pos);
        if (n < 0)
            return total ? total : n;
        if (copy_to_user(to, proxy_bounce(), (u64)n))
            return total ? total : -EFAULT;
        total += n;
        *pos += (u64)n;
        to += (u64)n;
        len -= (u64)n;
        if (n < (s64)PROXY_BOUNCE || !f->path)
            break;
    }
    return total;
}

static s64 write_part(struct file *f, u64 len, u64 at)
{
    if (proxy_present)
        return move(PK_OP_WRITE, f, len, at);
    len = min64(len, PROXY_BOUNCE);
    console_write(1, (const char *)proxy_bounce(), len);
    return (s64)len;
}

static s64 op_write(struct file *f, u64 from, u64 len, u64 *pos)
{
    s64 total = 0;

    while (len) {
        u64 part = min64(len, PROXY_BOUNCE);
        if (copy_from_user(proxy_bounce(), from, part))
            return total ? total : -EFAULT;
        s64 n = write_part(f, part, *pos);
        if (n <= 0)
            return total ? total : n;
        total += n;
        *pos += (u64)n;
        from += (u64)n;
        len -= (u64)n;
    }
    if (f->flags & O_APPEND && f->path) {
        s64 size = file_size(f);
        if (size >= 0)
            *pos = (u64)size;
    }
    return total;
}

static s64 op_pread_kernel(struct file *f, void *to, u64 len, u64 at)
{
    u64 done = 0;

    while (done < len) {
        s64 n = move(PK_OP_READ, f, len - done, at + done);
        if (n < 0)
            return n;
        if (!n)
            break;
        memcpy((u8 *)to + done, proxy_bounce(), (u64)n);
        done += (u64)n;
    }
    return (s64)done;
}

static s64 op_pwrite_kernel(struct file *f, const void *from, u64 len, u64 at)
{
    u64 done = 0;

    while (done < len) {
        u64 part = min64(len - done, PROXY_BOUNCE);
        memcpy(proxy_bounce(), (const u8 *)from + done, part);
        s64 n = write_part(f, part, at + done);
        if (n <= 0)
            return done ? (s64)done : n;
        done += (u64)n;
    }
    return (s64)done;
}

static s64 op_getdents(struct file *f, u64 to, u64 len)
{
    u64 a[] = {f->handle, kernel_pa(proxy_bounce()), min64(len, PROXY_BOUNCE),
               f->pos};
    s64 n = proxy_call(PK_OP_GETDENTS, a, 4);

    if (n <= 0)
        return n;
    for (u64 at = 0; at < (u64)n;) {
        const u8 *entry = proxy_bounce() + at;
        u16 size;
        memcpy(&f->pos, entry + 8, sizeof f->pos);
        memcpy(&size, entry + 16, sizeof size);
        at += size;
    }
    return copy_to_user(to, proxy_bounce(), (u64)n) ? -EFAULT : n;
}

static s64 op_truncate(struct file *f, u64 size)
{
    return host_handle_op(PK_OP_FTRUNCATE, f, size);
}

static s64 tty_ioctl(struct file *f, u64 command, u64 arg, s64 size)
{
    /* What a terminal has after `stty sane`. */
    static const struct {
        u32 iflag, oflag, cflag, lflag;
        u8 line, cc[19];
    } sane = {
        0x4500, 5,
        0xbf,   0x8a3b,
        0,      {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0}};
    u16 window[4] = {(u16)(size >> 16), (u16)size, 0, 0};
    s32 group = current()->group->pgid;

    (void)f;
    switch (command) {
    case 0x5401: return PUT_USER(arg, &sane); /* TCGETS */
    case 0x5402:                              /* TCSETS: accepted, as is */
    case 0x5403:
    case 0x5404: return 0;
    case 0x540f: return PUT_USER(arg, &group);  /* TIOCGPGRP */
    case 0x5410: return 0;                      /* TIOCSPGRP */
    case 0x5413: return PUT_USER(arg, &window); /* TIOCGWINSZ */
    default: return -EINVAL;
    }
}

static s64 op_ioctl(struct file *f, u64 command, u64 arg)
{
    struct linux_stat st;

    if (command == 0x541b) { /* FIONREAD */
        u32 left = 0;
        if (op_stat(f, &st))
            return -EIO;
        if (f->path && st.size > (s64)f->pos)
            left = (u32)(st.size - (s64)f->pos);
        return PUT_USER(arg, &left);
    }
    s64 size = host_handle_op(PK_OP_TTY, f, 0);
    return size < 0 ? -ENOTTY : tty_ioctl(f, command, arg, size);
}

static unsigned op_poll(struct file *f)
{
    s64 r;

    if (f->path) /* regular files and directories never block */
        return POLLIN | POLLOUT;
    r = host_handle_op(PK_OP_POLL, f, POLLIN | POLLOUT);
    return r < 0 ? POLLIN | POLLOUT : (unsigned)r;
}

static void op_release(struct file *f)
{
    if (f->handle > 2)
        host_handle_op(PK_OP_CLOSE, f, 0);
}

static const struct file_ops host_ops = {
    .read = op_read,
    .write = op_write,
    .pread_kernel = op_pread_kernel,
    .pwrite_kernel = op_pwrite_kernel,
    .stat = op_stat,
    .truncate = op_truncate,
    .ioctl = op_ioctl,
    .poll = op_poll,
    .release = op_release,
    .seekable = true,
};

static const struct file_ops host_directory_ops = {
    .getdents = op_getdents,
    .stat = op_stat,
    .ioctl = op_ioctl,
    .release = op_release,
    .seekable = true,
};

static const struct file_ops host_stream_ops = {
    .read = op_read,
    .write = op_write,
    .pread_kernel = op_pread_kernel,
    .pwrite_kernel = op_pwrite_kernel,
    .stat = op_stat,
    .ioctl = op_ioctl,
    .poll = op_poll,
    .release = op_release,
};

struct file *host_stream(u64 handle, u32 flags)
{
    struct file *f = file_new(&host_stream_ops, flags);

    if (!f)
        pk_panic("no memory for the standard streams");
    f->handle = handle;
    struct linux_stat st;
    /* Input from a file has an offset; outputs may share theirs. */
    if (proxy_present && !handle && !file_stat(f, &st) &&
        (st.mode & S_IFMT) == S_IFREG)
        f->ops = &host_ops;
    return f;
}

s64 host_open(const char *path, u32 flags, u32 mode, struct file **out)
{
    struct linux_stat st;
    struct file *f = file_new(&host_ops, flags & ~(O_CREAT | O_EXCL | O_TRUNC));

    if (!f)
        return -ENOMEM;
    f->path = kstrdup(path);
    s64 r = f->path ? host_path(PK_OP_OPEN, path, flags, mode) : -ENOMEM;
    if (r >= 0) {
        f->handle = (u64)r;
        r = file_stat(f, &st);
    }
    if (r < 0) {
        file_put(f); /* handle 0 is not closed */
        return r;
    }
    if ((st.mode & S_IFMT) == S_IFDIR)
        f->ops = &host_directory_ops;
    *out = f;
    return 0;
}
