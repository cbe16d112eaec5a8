/* SPDX-License-Identifier: Apache-2.0
 * Clocks, sleeping and interval timers. All time is the simulated machine's:
 * the TSC, and for the calendar the given epoch at TSC 0.
 */
#include "workloads/pk/syscall.h"

#define NS 1000000000ull

enum {
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS_CPUTIME_ID = 2,
    CLOCK_THREAD_CPUTIME_ID = 3,
    CLOCK_TAI = 11,
    CLOCKS = 12,
};

/* Nanoseconds of a clock; false if there is no such clock. */
static bool clock_ns(u64 clock, u64 *ns)
{
    u64 now = time_ticks();

    switch ((s32)clock) {
    case CLOCK_REALTIME:
    case 5: /* coarse */
    case 8: /* alarm */
    case CLOCK_TAI: *ns = time_ns(now) + params.epoch * NS; return true;
    case CLOCK_MONOTONIC:
    case 4:
    case 6:
    case 7:
    case 9: *ns = time_ns(now); return true;
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = time_ns(proc_cpu_time(true));
        return true;
    case CLOCK_THREAD_CPUTIME_ID:
        *ns = time_ns(proc_cpu_time(false));
        return true;
    default: break;
    }
    if ((s32)clock < 0) { /* made from a pid: our own alone */
        *ns = time_ns(proc_cpu_time(!((s32)clock & 4)));
        return true;
    }
    return false;
}

s64 sys_clock_gettime(const u64 *a)
{
    u64 ns;

    if (!clock_ns(a[0], &ns))
        return -EINVAL;
    struct timespec t = {(s64)(ns / NS), (s64)(ns % NS)};
    return PUT_USER(a[1], &t);
}

s64 sys_clock_getres(const u64 *a)
{
    struct timespec t = {0, 1};
    u64 ns;

    if (!clock_ns(a[0], &ns))
        return -EINVAL;
    return a[1] ? PUT_USER(a[1], &t) : 0;
}

s64 sys_gettimeofday(const u64 *a)
{
    u64 ns, zone = 0;

    clock_ns(CLOCK_REALTIME, &ns);
    struct timeval t = {(s64)(ns / NS), (s64)(ns % NS / 1000)};
    if (a[0] && PUT_USER(a[0], &t))
        return -EFAULT;
    return a[1] ? PUT_USER(a[1], &zone) : 0;
}

s64 sys_time(const u64 *a)
{
    u64 ns;

    clock_ns(CLOCK_REALTIME, &ns);
    s64 t = (s64)(ns / NS);
    return a[0] && PUT_USER(a[0], &t) ? -EFAULT : t;
}

/* ---- sleeping ---- */

static s64 sleep_until(u64 deadline, u64 remaining)
{
    s64 r;

    do {
        r = sched_sleep(NULL, deadline, true);
    } while (!r);
    if (r != -EINTR)
        return 0;
    if (remaining) {
        u64 now = time_ticks();
        u64 ns = deadline > now ? time_ns(deadline - now) : 0;
        struct timespec left = {(s64)(ns / NS), (s64)(ns % NS)};
        if (PUT_USER(remaining, &left))
            return -EFAULT;
    }
    return -EINTR;
}

s64 sys_clock_nanosleep(const u64 *a)
{
    struct timespec t;
    u64 now_ns, ns;
    bool absolute = a[1] & 1;

    if (!clock_ns(a[0], &now_ns) || a[0] == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    if (GET_USER(&t, a[2]))
        return -EFAULT;
    if (t.sec < 0 || t.nsec < 0 || t.nsec >= (s64)NS)
        return -EINVAL;
    ns = min64((u64)t.sec, 1ull << 33) * NS + (u64)t.nsec;
    if (absolute)
        ns = ns > now_ns ? ns - now_ns : 0;
    if (!ns)
        return 0;
    return sleep_until(time_ticks() + time_to_ticks(ns), absolute ? 0 : a[3]);
}

s64 sys_nanosleep(const u64 *a)
{
    const u64 b[4] = {CLOCK_MONOTONIC, 0, a[0], a[1]};

    return sys_clock_nanosleep(b);
}

/* ---- interval timers ---- */

struct itimer {
    struct timeval every, value;
};

static struct timeval to_timeval(u64 ticks)
{
    u64 ns = time_ns(ticks);

    /* A timer that runs never shows zero. */
    if (ticks && ns < 1000)
        ns = 1000;
    return (struct timeval){(s64)(ns / NS), (s64)(ns % NS / 1000)};
}

static void read_timer(struct group *g, struct itimer *t)
{
    u64 now = time_ticks();

    *t = (struct itimer){.every = to_timeval(g->timer_every)};
    if (g->timer_at != NEVER)
        t->value = to_timeval(g->timer_at > now ? g->timer_at - now : 1);
}

static void start_timer(struct group *g, u64 value_ns, u64 every_ns)
{
    g->timer_every = value_ns && every_ns ? time_to_ticks(every_ns) : 0;
    g->timer_at = value_ns ? time_ticks() + time_to_ticks(value_ns) : NEVER;
    sched_timer_update();
}

s64 sys_getitimer(const u64 *a)
{
    struct itimer t = {0};

    if (a[0] > 2)
        return -EINVAL;
    if (!a[0])
        read_timer(current()->group, &t);
    return PUT_USER(a[1], &t);
}

static bool timeval_ns(struct timeval t, u64 *ns)
{
    *ns = min64((u64)t.sec, 1ull << 33) * NS + (u64)t.usec * 1000;
    return t.sec >= 0 && t.usec >= 0 && t.usec < 1000000;
}

s64 sys_setitimer(const u64 *a)
{
    struct group *g = current()->group;
    static bool told;
    struct itimer t = {0}, old;
    u64 value, every;

    if (a[0]) {
        if (!told)
            pk_warn("setitimer: only ITIMER_REAL is provided");
        told = true;
        return -EINVAL;
    }
    if (a[1] && GET_USER(&t, a[1]))
        return -EFAULT;
    if (!timeval_ns(t.value, &value) || !timeval_ns(t.every, &every))
        return -EINVAL;
    read_timer(g, &old);
    if (a[2] && PUT_USER(a[2], &old))
        return -EFAULT;
    start_timer(g, value, every);
    return 0;
}

s64 sys_alarm(const u64 *a)
{
    struct group *g = current()->group;
    u64 now = time_ticks(), left = 0;

    if (g->timer_at != NEVER) {
        u64 ns = g->timer_at > now ? time_ns(g->timer_at - now) : 0;
        left = (ns + NS / 2) / NS;
        if (!left)
            left = 1;
    }
    start_timer(g, (u64)(u32)a[0] * NS, 0);
    return (s64)left;
}
