/* SPDX-License-Identifier: Apache-2.0
 * poll and select. Everyone who waits sleeps on one queue, and every change
 * of readiness wakes it: simple, and cheap for the few waiters there are.
 *
 * Nothing tells pk when a stream of the host becomes ready: while one is
 * waited for, it is asked again every POLL_HOST_NS of simulated time.
 */
#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

#define POLL_HOST_NS 10000000ull
#define POLL_ALWAYS  (POLLERR | POLLHUP | POLLNVAL)
#define MAX_POLL     4096u

struct pollfd {
    s32 fd;
    u16 events, revents;
};

void poll_changed(void)
{
    waitq_wake(&poll_waiters, UINT32_MAX);
}

unsigned file_poll(struct file *f)
{
    return f->ops->poll ? f->ops->poll(f) : POLLIN | POLLOUT;
}

static bool is_host_stream(const struct file *f)
{
    return f && f->handle <= 2 && !f->path && proxy_present && !f->data &&
           f->ops->ioctl && f->ops->pread_kernel;
}

struct scan {
    unsigned ready;
    bool asks_host;
};

static struct scan scan_all(struct pollfd *p, u64 n)
{
    struct scan s = {0, false};

    for (u64 i = 0; i < n; i++) {
        p[i].revents = 0;
        if (p[i].fd < 0)
            continue;
        struct file *f = file_of((u64)p[i].fd);
        unsigned now = f ? file_poll(f) : POLLNVAL;
        p[i].revents = (u16)(now & (p[i].events | POLL_ALWAYS));
        if (p[i].events & 0x40) /* POLLRDNORM */
            p[i].revents |= now & POLLIN ? 0x40 : 0;
        if (p[i].events & 0x100) /* POLLWRNORM */
            p[i].revents |= now & POLLOUT ? 0x100 : 0;
        s.ready += p[i].revents != 0;
        s.asks_host |= is_host_stream(f);
    }
    return s;
}

/* Wait until one is ready or the deadline: how many are, or -errno. */
static s64 poll_wait(struct pollfd *p, u64 n, u64 deadline)
{
    for (;;) {
        struct scan s = scan_all(p, n);
        if (s.ready)
            return s.ready;
        if (deadline <= time_ticks())
            return 0;
        u64 until = deadline;
        if (s.asks_host)
            until = min64(until, time_ticks() + time_to_ticks(POLL_HOST_NS));
        if (sched_sleep(&poll_waiters, until, true) == -EINTR)
            return -EINTR;
    }
}

static s64 deadline_of(u64 at, bool micro, u64 *deadline)
{
    s64 t[2];

    *deadline = NEVER;
    if (!at)
        return 0;
    if (copy_from_user(t, at, sizeof t))
        return -EFAULT;
    if (t[0] < 0 || t[1] < 0 || t[1] >= (micro ? 1000000 : 1000000000))
        return -EINVAL;
    u64 ns = (u64)t[1] * (micro ? 1000 : 1);
    *deadline = time_ticks() +
                time_to_ticks(min64((u64)t[0], 1ull << 30) * 1000000000 + ns);
    return 0;
}

s64 sigmask_temporary(u64 at, u64 size)
{
    struct task *t = current();
    u64 mask;

    if (!at)
        return 0;
    if (size != 8)
        return -EINVAL;
    if (GET_USER(&mask, at))
        return -EFAULT;
    t->saved_sigmask = t->sigmask;
    t->sigmask = mask & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP));
    t->restore_sigmask = true;
    return 0;
}

static s64 do_poll(u64 at, u64 n, u64 deadline)
{
    if (n > MAX_POLL)
        return -EINVAL;
    u64 bytes = n * sizeof(struct pollfd);
    struct pollfd *p = kmalloc(bytes + 1);
    if (!p)
        return -ENOMEM;
    s64 r = copy_from_user(p, at, bytes);
    if (!r)
        r = poll_wait(p, n, deadline);
    if (r >= 0 && copy_to_user(at, p, bytes))
        r = -EFAULT;
    kfree(p);
    return r;
}

s64 sys_poll(const u64 *a)
{
    u64 deadline = NEVER;

    if ((s32)a[2] >= 0)
        deadline = time_ticks() + time_to_ticks((u64)(u32)a[2] * 1000000);
    return do_poll(a[0], a[1], deadline);
}

s64 sys_ppoll(const u64 *a)
{
    u64 deadline;
    s64 r = deadline_of(a[2], false, &deadline);

    if (!r)
        r = sigmask_temporary(a[3], a[4]);
    return r ? r : do_poll(a[0], a[1], deadline);
}

/* ---- select, in terms of poll ---- */

static s64 read_sets(const u64 *at, u64 n, u8 set[3][128])
{
    for (unsigned k = 0; k < 3; k++) {
        memset(set[k], 0, 128);
        if (at[k] && copy_from_user(set[k], at[k], (n + 63) / 64 * 8))
            return -EFAULT;
    }
    return 0;
}

static u64 sets_to_polls(u8 set[3][128], u64 n, struct pollfd *p)
{
    static const u16 events[3] = {POLLIN, POLLOUT, POLLPRI};
    u64 count = 0;

    for (u64 fd = 0; fd < n; fd++) {
        u16 wanted = 0;
        for (unsigned k = 0; k < 3; k++)
            if (set[k][fd / 8] >> fd % 8 & 1)
                wanted |= events[k];
        if (wanted)
            p[count++] = (struct pollfd){(s32)fd, wanted, 0};
    }
    return count;
}

static s64 polls_to_sets(const struct pollfd *p, u64 count, u8 set[3][128])
{
    static const u16 meaning[3] = {POLLIN | POLLHUP | POLLERR,
                                   POLLOUT | POLLERR, POLLPRI};
    static const u16 events[3] = {POLLIN, POLLOUT, POLLPRI};
    s64 total = 0;

    memset(set, 0, 3 * 128);
    for (u64 i = 0; i < count; i++) {
        if (p[i].revents & POLLNVAL)
            return -EBADF;
        for (unsigned k = 0; k < 3; k++) {
            if (!(p[i].events & events[k]) || !(p[i].revents & meaning[k]))
                continue;
            set[k][p[i].fd / 8] |= (u8)(1 << p[i].fd % 8);
            total++;
        }
    }
    return total;
}

static s64 do_select(const u64 *a, u64 deadline)
{
    u8 set[3][128];
    u64 n = min64(a[0], 1024);

    if ((s32)a[0] < 0)
        return -EINVAL;
    s64 r = read_sets(a + 1, n, set);
    if (r)
        return r;
    struct pollfd *p = kmalloc(n * sizeof *p + 1);
    if (!p)
        return -ENOMEM;
    u64 count = sets_to_polls(set, n, p);
    for (u64 i = 0; i < count && r >= 0; i++)
        if (!file_of((u64)p[i].fd))
            r = -EBADF;
    if (r >= 0)
        r = poll_wait(p, count, deadline);
    if (r >= 0)
        r = polls_to_sets(p, count, set);
    kfree(p);
    for (unsigned k = 0; k < 3 && r >= 0; k++)
        if (a[k + 1] && copy_to_user(a[k + 1], set[k], (n + 63) / 64 * 8))
            r = -EFAULT;
    return r;
}

s64 sys_select(const u64 *a)
{
    u64 deadline;
    s64 r = deadline_of(a[4], true, &deadline);

    if (r)
        return r;
    r = do_select(a, deadline);
    if (a[4] && r >= 0) { /* Linux leaves the time that is left */
        u64 now = time_ticks();
        u64 left = deadline > now ? time_ns(deadline - now) : 0;
        s64 t[2] = {(s64)(left / 1000000000), (s64)(left % 1000000000 / 1000)};
        copy_to_user(a[4], t, sizeof t);
    }
    return r;
}

s64 sys_pselect6(const u64 *a)
{
    u64 deadline, mask[2] = {0, 0};
    s64 r = deadline_of(a[4], false, &deadline);

    if (!r && a[5] && copy_from_user(mask, a[5], sizeof mask))
        r = -EFAULT;
    if (!r)
        r = sigmask_temporary(mask[0], mask[1]);
    return r ? r : do_select(a, deadline);
}
