/* SPDX-License-Identifier: Apache-2.0
 * Identity, limits, scheduling attributes and other small system calls.
 */
#include "workloads/pk/proc.h"
#include "workloads/pk/syscall.h"

/* ---- ids: one user, root, as a container has it ---- */

#define ZERO_CALL(name)                                                        \
    s64 sys_##name(const u64 *a)                                               \
    {                                                                          \
        (void)a;                                                               \
        return 0;                                                              \
    }
ZERO_CALL(getuid)
ZERO_CALL(geteuid)
ZERO_CALL(getgid)
ZERO_CALL(getegid)
ZERO_CALL(getgroups)

static s64 only_root(u64 id)
{
    return (u32)id == 0 ? 0 : -EPERM;
}

s64 sys_setuid(const u64 *a)
{
    return only_root(a[0]);
}

s64 sys_setgid(const u64 *a)
{
    return only_root(a[0]);
}

static s64 three_zeroes(const u64 *a)
{
    u32 zero = 0;

    for (unsigned i = 0; i < 3; i++)
        if (PUT_USER(a[i], &zero))
            return -EFAULT;
    return 0;
}

s64 sys_getresuid(const u64 *a)
{
    return three_zeroes(a);
}

s64 sys_getresgid(const u64 *a)
{
    return three_zeroes(a);
}

s64 sys_getpid(const u64 *a)
{
    (void)a;
    return current()->group->pid;
}

s64 sys_gettid(const u64 *a)
{
    (void)a;
    return current()->tid;
}

s64 sys_getppid(const u64 *a)
{
    struct group *p = current()->group->parent;

    (void)a;
    return p ? p->pid : 1;
}

static struct group *group_of(u64 pid)
{
    return (s32)pid ? group_by_pid((s32)pid) : current()->group;
}

s64 sys_getpgid(const u64 *a)
{
    struct group *g = group_of(a[0]);

    return g ? g->pgid : -ESRCH;
}

s64 sys_getpgrp(const u64 *a)
{
    (void)a;
    return current()->group->pgid;
}

s64 sys_getsid(const u64 *a)
{
    struct group *g = group_of(a[0]);

    return g ? g->sid : -ESRCH;
}

s64 sys_setpgid(const u64 *a)
{
    struct group *g = group_of(a[0]);
    s32 pgid = (s32)a[1];

    if (pgid < 0)
        return -EINVAL;
    if (!g || (g != current()->group && g->parent != current()->group))
        return -ESRCH;
    if (g->sid == g->pid || g->sid != current()->group->sid)
        return -EPERM;
    g->pgid = pgid ? pgid : g->pid;
    return 0;
}

s64 sys_setsid(const u64 *a)
{
    struct group *g = current()->group;

    (void)a;
    if (g->pgid == g->pid)
        return -EPERM;
    g->sid = g->pgid = g->pid;
    return g->sid;
}

s64 sys_set_tid_address(const u64 *a)
{
    current()->clear_tid = a[0];
    return current()->tid;
}

/* ---- the system ---- */

s64 sys_uname(const u64 *a)
{
    static const char text[6][65] = {
        "Linux", "vtsim", "6.1.0", "#1 SMP vtsim pk", "x86_64", "(none)",
    };

    return PUT_USER(a[0], &text);
}

s64 sys_sysinfo(const u64 *a)
{
    struct {
        s64 uptime;
        u64 loads[3], total, free, shared, buffers, swap, swap_free;
        u16 procs, pad;
        u32 pad2;
        u64 high, high_free;
        u32 unit, pad3;
    } s = {.uptime = (s64)(time_ns(time_ticks()) / 1000000000),
           .total = page_total(),
           .free = page_free_bytes(),
           .unit = 1};

    LIST_EACH(l, &all_groups)
    s.procs++;
    return PUT_USER(a[0], &s);
}

s64 sys_getrandom(const u64 *a)
{
    u8 buf[256];
    u64 len = min64(a[1], 0x2000000);

    if (a[2] & ~7ull)
        return -EINVAL;
    for (u64 done = 0; done < len;) {
        u64 part = min64(len - done, sizeof buf);
        random_fill(buf, part);
        if (copy_to_user(a[0] + done, buf, part))
            return -EFAULT;
        done += part;
    }
    return (s64)len;
}

s64 sys_personality(const u64 *a)
{
    return (u32)a[0] == 0xffffffff || !a[0] ? 0 : -EINVAL;
}

s64 sys_prctl(const u64 *a)
{
    struct task *t = current();
    s32 zero = 0, one = 1;

    switch (a[0]) {
    case 1: return 0; /* PR_SET_PDEATHSIG */
    case 2: return PUT_USER(a[1], &zero);
    case 3: return 1; /* PR_GET_DUMPABLE */
    case 4: return 0;
    case 15: { /* PR_SET_NAME */
        char name[16];
        s64 n = string_from_user(name, a[1], sizeof name);
        if (n == -EFAULT)
            return n;
        name[15] = 0;
        memcpy(t->comm, name, sizeof name);
        return 0;
    }
    case 16: return PUT_USER(a[1], &t->comm);
    case 23: return a[1] < 41; /* PR_CAPBSET_READ: all of them */
    case 36: return 0;         /* PR_SET_CHILD_SUBREAPER */
    case 37: return PUT_USER(a[1], &zero);
    case 38: return 0; /* PR_SET_NO_NEW_PRIVS */
    case 39: return one;
    default: return -EINVAL;
    }
}

s64 sys_arch_prctl(const u64 *a)
{
    struct task *t = current();

    if (cpu_has_fsgsbase)
        sched_save_current();
    switch (a[0]) {
    case 0x1001: /* ARCH_SET_GS */
        if (a[1] >= USER_END)
            return -EPERM;
        t->gs_base = a[1];
        msr_write(MSR_KERNEL_GS_BASE, a[1]);
        return 0;
    case 0x1002: /* ARCH_SET_FS */
        if (a[1] >= USER_END)
            return -EPERM;
        t->fs_base = a[1];
        msr_write(MSR_FS_BASE, a[1]);
        return 0;
    case 0x1003: return PUT_USER(a[1], &t->fs_base);
    case 0x1004: return PUT_USER(a[1], &t->gs_base);
    default: return -EINVAL;
    }
}

/* ---- limits ---- */

static s64 do_limit(u64 which, u64 set, u64 get)
{
    struct group *g = current()->group;
    u64 new[2];

    if (which >= RLIM_COUNT)
        return -EINVAL;
    if (set && GET_USER(&new, set))
        return -EFAULT;
    if (set && new[0] > new[1])
        return -EINVAL;
    if (set && which == RLIMIT_NOFILE && new[1] > 4096)
        return -EPERM;
    if (get && PUT_USER(get, &g->rlimit[which]))
        return -EFAULT;
    if (set) {
        g->rlimit[which].cur = new[0];
        g->rlimit[which].max = new[1];
    }
    return 0;
}

s64 sys_getrlimit(const u64 *a)
{
    return do_limit(a[0], 0, a[1]);
}

s64 sys_setrlimit(const u64 *a)
{
    return do_limit(a[0], a[1], 0);
}

s64 sys_prlimit64(const u64 *a)
{
    s32 pid = (s32)a[0];

    if (pid && pid != current()->group->pid)
        return group_by_pid(pid) ? -EPERM : -ESRCH;
    return do_limit(a[1], a[2], a[3]);
}

s64 sys_getpriority(const u64 *a)
{
    (void)a;
    return 20; /* nice 0, in the form of the raw call */
}

ZERO_CALL(setpriority)

/* ---- scheduling: one class, equal for all ---- */

s64 sys_sched_yield(const u64 *a)
{
    (void)a;
    sched_yield();
    return 0;
}

static struct task *task_of(u64 tid)
{
    return (s32)tid ? task_by_tid((s32)tid) : current();
}

s64 sys_sched_getaffinity(const u64 *a)
{
    struct task *t = task_of(a[0]);

    if (!t)
        return -ESRCH;
    if (a[1] < 8 || a[1] & 7)
        return -EINVAL;
    return PUT_USER(a[2], &t->affinity) ? -EFAULT : 8;
}

s64 sys_sched_setaffinity(const u64 *a)
{
    struct task *t = task_of(a[0]);
    u64 mask = 0,
        all = params.cores == 64 ? UINT64_MAX : (1ull << params.cores) - 1;

    if (!t)
        return -ESRCH;
    if (copy_from_user(&mask, a[2], min64(a[1], sizeof mask)))
        return -EFAULT;
    if (!(mask & all))
        return -EINVAL;
    t->affinity = mask & all;
    if (t == current() && !(t->affinity >> this_cpu()->index & 1))
        sched_migrate();
    return 0;
}

s64 sys_getcpu(const u64 *a)
{
    u32 cpu = this_cpu()->index, node = 0;

    if ((a[0] && PUT_USER(a[0], &cpu)) || (a[1] && PUT_USER(a[1], &node)))
        return -EFAULT;
    return 0;
}

s64 sys_sched_getscheduler(const u64 *a)
{
    return task_of(a[0]) ? 0 : -ESRCH;
}

s64 sys_sched_setscheduler(const u64 *a)
{
    if (!task_of(a[0]))
        return -ESRCH;
    return a[1] == 0 || a[1] == 3 || a[1] == 5 ? 0 : -EINVAL;
}

s64 sys_sched_getparam(const u64 *a)
{
    s32 zero = 0;

    return task_of(a[0]) ? PUT_USER(a[1], &zero) : -ESRCH;
}

s64 sys_sched_setparam(const u64 *a)
{
    return task_of(a[0]) ? 0 : -ESRCH;
}

s64 sys_sched_get_priority_max(const u64 *a)
{
    return a[0] == 1 || a[0] == 2 ? 99 : 0;
}

s64 sys_sched_get_priority_min(const u64 *a)
{
    return a[0] == 1 || a[0] == 2 ? 1 : 0;
}
