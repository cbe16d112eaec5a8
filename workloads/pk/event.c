/* SPDX-License-Identifier: Apache-2.0
 * eventfd and epoll. An epoll set keeps no list of what is ready: it asks
 * each of its files, as poll does.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

/* ---- eventfd: the counter is file->size ---- */

#define EFD_SEMAPHORE 1u

static s64 event_read(struct file *f, u64 to, u64 len, u64 *pos)
{
    (void)pos;
    if (len < 8)
        return -EINVAL;
    while (!f->size) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (sched_sleep(&poll_waiters, NEVER, true) == -EINTR)
            return -ERESTARTSYS;
    }
    u64 value = f->data ? 1 : f->size;
    f->size -= value;
    poll_changed();
    return PUT_USER(to, &value) ? -EFAULT : 8;
}

static s64 event_write(struct file *f, u64 from, u64 len, u64 *pos)
{
    u64 value;

    (void)pos;
    if (len < 8)
        return -EINVAL;
    if (GET_USER(&value, from))
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    while (f->size + value < value || f->size + value == UINT64_MAX) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        if (sched_sleep(&poll_waiters, NEVER, true) == -EINTR)
            return -ERESTARTSYS;
    }
    f->size += value;
    poll_changed();
    return 8;
}

static unsigned event_poll(struct file *f)
{
    return (f->size ? POLLIN : 0) | (f->size < UINT64_MAX - 1 ? POLLOUT : 0);
}

static const struct file_ops event_ops = {
    .read = event_read,
    .write = event_write,
    .poll = event_poll,
};

s64 sys_eventfd2(const u64 *a)
{
    struct file *f;

    if (a[1] & ~(u64)(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    f = file_new(&event_ops, O_RDWR | ((u32)a[1] & O_NONBLOCK));
    if (!f)
        return -ENOMEM;
    f->size = (u32)a[0];
    f->data = a[1] & EFD_SEMAPHORE ? f : NULL;
    return fd_install(f, a[1] & O_CLOEXEC);
}

s64 sys_eventfd(const u64 *a)
{
    const u64 b[2] = {a[0], 0};

    return sys_eventfd2(b);
}

/* ---- epoll ---- */

#define EPOLLET      0x80000000u
#define EPOLLONESHOT 0x40000000u
#define EPOLL_EVENTS (POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP)

struct epoll_event {
    u32 events;
    u64 data;
} __attribute__((packed));

struct watch {
    struct list link;
    struct file *file; /* one reference is ours: see forget_closed */
    s32 fd;
    u32 events, told; /* told: what an edge-triggered watch reported */
    u64 data;
};

struct epoll {
    struct list watches;
};

static void epoll_release(struct file *f)
{
    struct epoll *e = f->data;

    LIST_EACH_SAFE(l, &e->watches)
    {
        struct watch *w = container_of(l, struct watch, link);
        file_put(w->file);
        kfree(w);
    }
    kfree(e);
}

static u32 watch_ready(struct watch *w)
{
    u32 now = file_poll(w->file) & (w->events | POLLERR | POLLHUP);

    if (w->events & EPOLLET) {
        u32 fresh = now & ~w->told;
        w->told &= now;
        return fresh;
    }
    return now;
}

static unsigned epoll_poll(struct file *f)
{
    struct epoll *e = f->data;

    LIST_EACH(l, &e->watches)
    if (watch_ready(container_of(l, struct watch, link)))
        return POLLIN;
    return 0;
}

static const struct file_ops epoll_ops = {
    .poll = epoll_poll,
    .release = epoll_release,
};

s64 sys_epoll_create1(const u64 *a)
{
    struct epoll *e = kzalloc(sizeof *e);
    struct file *f = file_new(&epoll_ops, O_RDWR);

    if (a[0] & ~(u64)O_CLOEXEC || !e || !f) {
        kfree(e);
        kfree(f);
        return a[0] & ~(u64)O_CLOEXEC ? -EINVAL : -ENOMEM;
    }
    list_init(&e->watches);
    f->data = e;
    return fd_install(f, a[0] & O_CLOEXEC);
}

s64 sys_epoll_create(const u64 *a)
{
    const u64 b[1] = {0};

    return (s32)a[0] <= 0 ? -EINVAL : sys_epoll_create1(b);
}

static struct epoll *epoll_of(u64 fd)
{
    struct file *f = file_of(fd);

    return f && f->ops == &epoll_ops ? f->data : NULL;
}

static void watch_remove(struct watch *w)
{
    list_remove(&w->link);
    file_put(w->file);
    kfree(w);
}

/* A watch lives as long as its descriptor names the same file: programs
 * close descriptors without telling the set. */
static void forget_closed(struct epoll *e)
{
    LIST_EACH_SAFE(l, &e->watches)
    {
        struct watch *w = container_of(l, struct watch, link);
        if (file_of((u64)w->fd) != w->file && w->file->refs == 1)
            watch_remove(w);
    }
}

static struct watch *watch_find(struct epoll *e, s32 fd, struct file *f)
{
    LIST_EACH(l, &e->watches)
    {
        struct watch *w = container_of(l, struct watch, link);
        if (w->fd == fd && w->file == f)
            return w;
    }
    return NULL;
}

s64 sys_epoll_ctl(const u64 *a)
{
    struct epoll *e = epoll_of(a[0]);
    struct file *f = file_of(a[2]);
    struct epoll_event v = {0, 0};

    if (!f || !file_of(a[0]))
        return -EBADF;
    if (!e || f->data == e)
        return -EINVAL;
    if (a[1] != 2 && GET_USER(&v, a[3]))
        return -EFAULT;
    forget_closed(e);
    struct watch *w = watch_find(e, (s32)a[2], f);
    if (a[1] == 1) { /* EPOLL_CTL_ADD */
        if (w)
            return -EEXIST;
        w = kzalloc(sizeof *w);
        if (!w)
            return -ENOMEM;
        file_get(f);
        *w = (struct watch){.file = f, .fd = (s32)a[2]};
        list_append(&e->watches, &w->link);
    } else if (!w) {
        return -ENOENT;
    }
    if (a[1] == 2) {
        watch_remove(w);
        return 0;
    }
    w->events = v.events;
    w->data = v.data;
    w->told = 0;
    poll_changed();
    return 0;
}

/* Report up to `room` ready watches; how many, or -errno. Those reported go
 * to the end of the list, so that all get their turn. */
static s64 harvest(struct epoll *e, u64 to, u64 room)
{
    struct list told;
    u64 n = 0;

    forget_closed(e);
    list_init(&told);
    LIST_EACH_SAFE(l, &e->watches)
    {
        struct watch *w = container_of(l, struct watch, link);
        u32 now = watch_ready(w);
        if (!now)
            continue;
        struct epoll_event v = {now, w->data};
        if (copy_to_user(to + n * sizeof v, &v, sizeof v))
            break;
        w->told |= now;
        if (w->events & EPOLLONESHOT)
            w->events &= ~EPOLL_EVENTS;
        list_remove(&w->link);
        list_append(&told, &w->link);
        if (++n == room)
            break;
    }
    bool fault = !n && !list_empty(&told);
    LIST_EACH_SAFE(l, &told)
    {
        list_remove(l);
        list_append(&e->watches, l);
    }
    return fault ? -EFAULT : (s64)n;
}

static s64 do_epoll_wait(const u64 *a)
{
    struct epoll *e = epoll_of(a[0]);
    s32 ms = (s32)a[3];
    u64 deadline = NEVER;

    if (!file_of(a[0]))
        return -EBADF;
    if (!e || (s32)a[2] <= 0)
        return -EINVAL;
    if (ms >= 0)
        deadline = time_ticks() + time_to_ticks((u64)ms * 1000000);
    for (;;) {
        s64 n = harvest(e, a[1], (u32)a[2]);
        if (n)
            return n;
        if (deadline <= time_ticks())
            return 0;
        /* Streams of the host do not wake anyone: ask every 10 ms. */
        u64 again = time_ticks() + time_to_ticks(10000000);
        bool host = false;
        LIST_EACH(l, &e->watches)
        host |= container_of(l, struct watch, link)->file->handle <= 2;
        s64 r = sched_sleep(&poll_waiters,
                            host ? min64(deadline, again) : deadline, true);
        if (r == -EINTR)
            return -EINTR;
    }
}

s64 sys_epoll_wait(const u64 *a)
{
    return do_epoll_wait(a);
}

s64 sys_epoll_pwait(const u64 *a)
{
    s64 r = sigmask_temporary(a[4], a[5]);

    return r ? r : do_epoll_wait(a);
}
