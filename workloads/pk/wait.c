/* SPDX-License-Identifier: Apache-2.0
 * Waiting for children: wait4 and waitid.
 */
#include "workloads/pk/proc.h"
#include "workloads/pk/syscall.h"

#define WNOHANG    1u
#define WUNTRACED  2u
#define WEXITED    4u
#define WCONTINUED 8u
#define WNOWAIT    0x01000000u

struct wait_result {
    s32 pid, code, status; /* CLD_* and its value */
    u32 wait_status;
    u64 utime;
};

static bool matches(const struct group *g, s64 which)
{
    if (which > 0)
        return g->pid == which;
    if (which == 0)
        return g->pgid == current()->group->pgid;
    return which == -1 || g->pgid == -which;
}

static bool look_at(struct group *g, u32 options, struct wait_result *w)
{
    w->pid = g->pid;
    w->utime = g->utime + g->child_utime;
    if (g->zombie && options & WEXITED) {
        w->wait_status = g->status;
        w->code = g->status & 0x7f ? CLD_KILLED : CLD_EXITED;
        w->status =
            (s32)(g->status & 0x7f ? g->status & 0x7f : g->status >> 8 & 0xff);
        if (!(options & WNOWAIT))
            proc_reap(g);
        return true;
    }
    if (g->stop && !g->stop_told && options & WUNTRACED) {
        w->code = CLD_STOPPED;
        w->status = g->stop_signal;
        w->wait_status = (u32)g->stop_signal << 8 | 0x7f;
        if (!(options & WNOWAIT))
            g->stop_told = true;
        return true;
    }
    if (g->continued && options & WCONTINUED) {
        w->code = CLD_CONTINUED;
        w->status = SIGCONT;
        w->wait_status = 0xffff;
        if (!(options & WNOWAIT))
            g->continued = false;
        return true;
    }
    return false;
}

/* The pid found, 0 with WNOHANG, or -errno. */
static s64 wait_for(s64 which, u32 options, struct wait_result *w)
{
    struct group *self = current()->group;

    for (;;) {
        bool any = false;
        LIST_EACH(l, &self->children)
        {
            struct group *g = container_of(l, struct group, sibling);
            if (!matches(g, which))
                continue;
            any = true;
            if (look_at(g, options, w))
                return w->pid;
        }
        if (!any)
            return -ECHILD;
        if (options & WNOHANG)
            return 0;
        if (sched_sleep(&self->child_exit, NEVER, true) == -EINTR)
            return -ERESTARTSYS;
    }
}

static s64 put_rusage(u64 to, u64 ticks)
{
    u64 ns = time_ns(ticks);
    s64 r[18] = {(s64)(ns / 1000000000), (s64)(ns % 1000000000 / 1000)};

    return to ? PUT_USER(to, &r) : 0;
}

s64 sys_wait4(const u64 *a)
{
    struct wait_result w;
    u32 options = (u32)a[2];

    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | 0xe0000000u))
        return -EINVAL;
    s64 pid = wait_for((s32)a[0], options | WEXITED, &w);
    if (pid <= 0)
        return pid;
    if (a[1] && PUT_USER(a[1], &w.wait_status))
        return -EFAULT;
    return put_rusage(a[3], w.utime) ? -EFAULT : pid;
}

s64 sys_waitid(const u64 *a)
{
    struct wait_result w;
    struct siginfo i = {0};
    u32 options = (u32)a[3];
    s64 which;

    if (!(options & (WEXITED | WUNTRACED | WCONTINUED)))
        return -EINVAL;
    switch (a[0]) {
    case 0: which = -1; break;
    case 1: which = (s32)a[1] > 0 ? (s32)a[1] : -2; break;
    case 2: which = a[1] ? -(s64)(s32)a[1] : 0; break;
    default: return -EINVAL;
    }
    s64 pid = wait_for(which, options, &w);
    if (pid < 0)
        return pid;
    if (pid) {
        i.signo = SIGCHLD;
        i.code = w.code;
        i.pid = w.pid;
        i.status = w.status;
    }
    if (a[2] && PUT_USER(a[2], &i))
        return -EFAULT;
    return pid ? put_rusage(a[4], w.utime) : 0;
}

/* ---- resource use ---- */

static u64 group_time(struct group *g)
{
    u64 ticks = g->utime;

    LIST_EACH(l, &g->threads)
    ticks += task_runtime(container_of(l, struct task, thread));
    return ticks;
}

s64 sys_getrusage(const u64 *a)
{
    struct group *g = current()->group;

    switch ((s32)a[0]) {
    case 0: return put_rusage(a[1], group_time(g));
    case -1: return put_rusage(a[1], g->child_utime);
    case 1: return put_rusage(a[1], task_runtime(current()));
    default: return -EINVAL;
    }
}

/* In 1/100 s; the kernel's own time is counted as the program's. */
s64 sys_times(const u64 *a)
{
    struct group *g = current()->group;
    s64 t[4] = {(s64)(time_ns(group_time(g)) / 10000000), 0,
                (s64)(time_ns(g->child_utime) / 10000000), 0};

    if (a[0] && PUT_USER(a[0], &t))
        return -EFAULT;
    return (s64)(time_ns(time_ticks()) / 10000000);
}

u64 proc_cpu_time(bool whole_process)
{
    return whole_process ? group_time(current()->group)
                         : task_runtime(current());
}
