/* SPDX-License-Identifier: Apache-2.0
 * Pipes: a ring of 64 KiB between a reading and a writing end. Writes of up
 * to PIPE_BUF bytes are not torn.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

#define PIPE_SIZE  65536u
#define PIPE_ORDER 4
#define PIPE_BUF   4096u

struct pipe {
    u8 *data;
    u64 head, tail; /* bytes ever written, ever read */
    bool reader, writer;
    unsigned busy; /* tasks inside an operation, maybe asleep */
    struct waitq can_read, can_write;
};

struct pipe *pipe_create(void)
{
    struct pipe *p = kzalloc(sizeof *p);
    struct page *ring = p ? page_alloc(PIPE_ORDER) : NULL;

    if (!ring) {
        kfree(p);
        return NULL;
    }
    p->data = direct(page_pa(ring));
    p->reader = p->writer = true;
    waitq_init(&p->can_read);
    waitq_init(&p->can_write);
    return p;
}

u64 pipe_bytes(const struct pipe *p)
{
    return p->head - p->tail;
}

static void changed(struct waitq *q)
{
    waitq_wake(q, UINT32_MAX);
    poll_changed();
}

static void settle(struct pipe *p)
{
    if (p->reader || p->writer || p->busy)
        return;
    page_put(page_of(direct_pa(p->data)));
    kfree(p);
}

/* The result of an operation that is over. */
static s64 leave(struct pipe *p, s64 result)
{
    p->busy--;
    settle(p);
    return result;
}

static s64 read_some(struct pipe *p, u64 to, u64 len, bool nonblock)
{
    if (!len)
        return 0;
    while (p->head == p->tail) {
        if (!p->writer)
            return 0;
        if (nonblock)
            return -EAGAIN;
        if (sched_sleep(&p->can_read, NEVER, true) == -EINTR)
            return -ERESTARTSYS;
    }
    u64 n = 0;
    while (n < len && p->head != p->tail) {
        u64 at = p->tail % PIPE_SIZE;
        u64 part = min64(min64(len - n, p->head - p->tail), PIPE_SIZE - at);
        if (copy_to_user(to + n, p->data + at, part))
            return n ? (s64)n : -EFAULT;
        n += part;
        p->tail += part;
    }
    changed(&p->can_write);
    return (s64)n;
}

s64 pipe_read(struct pipe *p, u64 to, u64 len, bool nonblock)
{
    p->busy++;
    return leave(p, read_some(p, to, len, nonblock));
}

static s64 peek_some(struct pipe *p, u64 to, u64 len, bool nonblock)
{
    u64 tail = p->tail;

    while (len && tail == p->head) {
        if (!p->writer)
            return 0;
        if (nonblock)
            return -EAGAIN;
        if (sched_sleep(&p->can_read, NEVER, true) == -EINTR)
            return -ERESTARTSYS;
        tail = p->tail;
    }
    u64 n = min64(len, p->head - tail);
    u64 at = tail % PIPE_SIZE, first = min64(n, PIPE_SIZE - at);
    if (copy_to_user(to, p->data + at, first) ||
        copy_to_user(to + first, p->data, n - first))
        return -EFAULT;
    return (s64)n;
}

s64 pipe_peek(struct pipe *p, u64 to, u64 len, bool nonblock)
{
    p->busy++;
    return leave(p, peek_some(p, to, len, nonblock));
}

/* Bytes from a program, or (user false) from the kernel. */
static s64 fill(struct pipe *p, u64 from, u64 len, bool user)
{
    u64 n = 0;

    while (n < len && p->head - p->tail < PIPE_SIZE) {
        u64 at = p->head % PIPE_SIZE;
        u64 room = PIPE_SIZE - (p->head - p->tail);
        u64 part = min64(min64(len - n, room), PIPE_SIZE - at);
        if (!user)
            memcpy(p->data + at, (const void *)(from + n), part);
        else if (copy_from_user(p->data + at, from + n, part))
            return n ? (s64)n : -EFAULT;
        n += part;
        p->head += part;
    }
    if (n)
        changed(&p->can_read);
    return (s64)n;
}

static s64 write_all(struct pipe *p, u64 from, u64 len, bool nonblock,
                     bool user)
{
    u64 done = 0;

    while (done < len) {
        u64 room = PIPE_SIZE - (p->head - p->tail);
        if (!p->reader)
            return done ? (s64)done : -EPIPE;
        if (room < min64(len - done, len <= PIPE_BUF ? len : 1)) {
            if (nonblock)
                return done ? (s64)done : -EAGAIN;
            if (sched_sleep(&p->can_write, NEVER, true) == -EINTR)
                return done ? (s64)done : -ERESTARTSYS;
            continue;
        }
        s64 n = fill(p, from + done, len - done, user);
        if (n < 0)
            return done ? (s64)done : n;
        done += (u64)n;
    }
    return (s64)done;
}

s64 pipe_write(struct pipe *p, u64 from, u64 len, bool nonblock)
{
    p->busy++;
    return leave(p, write_all(p, from, len, nonblock, true));
}

unsigned pipe_poll_read(const struct pipe *p)
{
    return (p->head != p->tail ? POLLIN : 0) | (p->writer ? 0 : POLLHUP);
}

unsigned pipe_poll_write(const struct pipe *p)
{
    if (!p->reader)
        return POLLOUT | POLLERR;
    return PIPE_SIZE - (p->head - p->tail) >= PIPE_BUF ? POLLOUT : 0;
}

static void release(struct pipe *p)
{
    changed(&p->can_read);
    changed(&p->can_write);
    settle(p);
}

void pipe_close_reader(struct pipe *p)
{
    p->reader = false;
    release(p);
}

void pipe_close_writer(struct pipe *p)
{
    p->writer = false;
    release(p);
}

/* ---- as files ---- */

static s64 op_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    (void)pos;
    return pipe_read(f->data, to, len, f->flags & O_NONBLOCK);
}

static s64 op_write(struct file *f, u64 from, u64 len, u64 *pos)
{
    (void)pos;
    return pipe_write(f->data, from, len, f->flags & O_NONBLOCK);
}

/* For sendfile into a pipe. */
static s64 op_pwrite_kernel(struct file *f, const void *from, u64 len, u64 at)
{
    (void)at;
    struct pipe *p = f->data;
    p->busy++;
    return leave(p, write_all(p, (u64)from, len, f->flags & O_NONBLOCK, false));
}

static unsigned op_poll_read(struct file *f)
{
    return pipe_poll_read(f->data);
}

static unsigned op_poll_write(struct file *f)
{
    return pipe_poll_write(f->data);
}

static void op_release_read(struct file *f)
{
    pipe_close_reader(f->data);
}

static void op_release_write(struct file *f)
{
    pipe_close_writer(f->data);
}

static s64 op_stat(struct file *f, struct linux_stat *st)
{
    (void)f;
    st->mode = S_IFIFO | 0600;
    return 0;
}

static s64 op_ioctl(struct file *f, u64 command, u64 arg)
{
    u32 n = (u32)pipe_bytes(f->data);

    return command == 0x541b ? PUT_USER(arg, &n) : -ENOTTY;
}

static const struct file_ops reader_ops = {
    .read = op_read,
    .poll = op_poll_read,
    .release = op_release_read,
    .stat = op_stat,
    .ioctl = op_ioctl,
};
static const struct file_ops writer_ops = {
    .write = op_write,
    .pwrite_kernel = op_pwrite_kernel,
    .poll = op_poll_write,
    .release = op_release_write,
    .stat = op_stat,
    .ioctl = op_ioctl,
};

s64 pipe_new(u32 flags, struct file **reader, struct file **writer)
{
    struct pipe *p = pipe_create();
    struct file *r = file_new(&reader_ops, O_RDONLY | flags);
    struct file *w = file_new(&writer_ops, O_WRONLY | flags);

    if (!p || !r || !w) {
        kfree(r);
        kfree(w);
        if (p) {
            pipe_close_reader(p);
            pipe_close_writer(p);
        }
        return -ENOMEM;
    }
    r->data = w->data = p;
    *reader = r;
    *writer = w;
    return 0;
}

static s64 do_pipe(u64 to, u32 flags)
{
    struct file *r, *w;
    s32 fd[2];

    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    s64 e = pipe_new(flags & O_NONBLOCK, &r, &w);
    if (e)
        return e;
    fd[0] = (s32)fd_install(r, flags & O_CLOEXEC);
    if (fd[0] < 0) {
        file_put(w);
        return fd[0];
    }
    fd[1] = (s32)fd_install(w, flags & O_CLOEXEC);
    if (fd[1] >= 0 && !PUT_USER(to, &fd))
        return 0;
    fd_close(current()->files, (unsigned)fd[0]);
    if (fd[1] < 0)
        return fd[1];
    fd_close(current()->files, (unsigned)fd[1]);
    return -EFAULT;
}

s64 sys_pipe(const u64 *a)
{
    return do_pipe(a[0], 0);
}

s64 sys_pipe2(const u64 *a)
{
    return do_pipe(a[0], (u32)a[1]);
}
