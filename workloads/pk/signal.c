/* SPDX-License-Identifier: Apache-2.0
 * Signals: sending, choosing, default actions, and the system calls about
 * them. Frames on the program's stack are built in sigframe.c.
 */
#include "workloads/pk/proc.h"
#include "workloads/pk/syscall.h"

#define UNBLOCKABLE (SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP))
#define STOPS                                                                  \
    (SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define IGNORED_BY_DEFAULT                                                     \
    (SIG_BIT(SIGCHLD) | SIG_BIT(SIGURG) | SIG_BIT(SIGWINCH) | SIG_BIT(SIGCONT))
#define SYNCHRONOUS                                                            \
    (SIG_BIT(SIGSEGV) | SIG_BIT(SIGBUS) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | \
     SIG_BIT(SIGFPE) | SIG_BIT(SIGSYS))
#define QUEUE_LIMIT 1024u

void sigpending_init(struct sigpending *p)
{
    p->set = 0;
    list_init(&p->queue);
}

void sigpending_free(struct sigpending *p)
{
    LIST_EACH_SAFE(l, &p->queue)
    {
        list_remove(l);
        kfree(container_of(l, struct sigqueued, link));
    }
    p->set = 0;
}

static void drop(struct sigpending *p, u64 set)
{
    p->set &= ~set;
    LIST_EACH_SAFE(l, &p->queue)
    {
        struct sigqueued *q = container_of(l, struct sigqueued, link);
        if (!(SIG_BIT(q->info.signo) & set))
            continue;
        list_remove(l);
        kfree(q);
    }
}

static struct sigaction *action_of(struct task *t, int signo)
{
    return &t->sighand->action[signo - 1];
}

static bool ignored(struct task *t, int signo)
{
    u64 h = action_of(t, signo)->handler;

    return h == SIG_IGN ||
           (h == SIG_DFL && SIG_BIT(signo) & IGNORED_BY_DEFAULT);
}

static struct task *any_thread(struct group *g)
{
    return list_empty(&g->threads)
               ? NULL
               : container_of(g->threads.next, struct task, thread);
}

bool signal_waiting(struct task *t)
{
    if (t->killed)
        return true;
    if (!t->group)
        return false;
    return (t->pending.set | t->group->pending.set) & ~t->sigmask ||
           t->group->stop;
}

/* ---- sending ---- */

static void enqueue(struct sigpending *p, const struct siginfo *i)
{
    u64 bit = SIG_BIT(i->signo);
    struct sigqueued *q;

    if (i->signo < SIGRTMIN && p->set & bit)
        return; /* the standard signals do not queue */
    q = kmalloc(sizeof *q);
    p->set |= bit;
    if (!q)
        return; /* it is delivered without its information */
    q->info = *i;
    list_append(&p->queue, &q->link);
}

/* SIGCONT and the stop signals cancel each other whoever blocks them. */
static void before_send(struct group *g, int signo)
{
    u64 cancel = signo == SIGCONT         ? STOPS
                 : SIG_BIT(signo) & STOPS ? SIG_BIT(SIGCONT)
                                          : 0;

    if (!cancel)
        return;
    drop(&g->pending, cancel);
    LIST_EACH(l, &g->threads)
    drop(&container_of(l, struct task, thread)->pending, cancel);
    if (signo == SIGCONT && g->stop) {
        g->stop = false;
        g->continued = true;
        waitq_wake(&g->stopped, UINT32_MAX);
        proc_notify_parent(g, CLD_CONTINUED, SIGCONT);
    }
    if (signo == SIGCONT)
        waitq_wake(&g->stopped, UINT32_MAX);
}

static bool kills(struct group *g, int signo)
{
    if (signo == SIGKILL && !g->exiting) {
        g->stop = false;
        waitq_wake(&g->stopped, UINT32_MAX);
    }
    return signo == SIGKILL;
}

void signal_send_task(struct task *t, const struct siginfo *i)
{
    struct group *g = t->group;

    if (g->zombie || g->exiting)
        return;
    before_send(g, i->signo);
    kills(g, i->signo);
    if (ignored(t, i->signo) && !(t->sigmask & SIG_BIT(i->signo)))
        return;
    enqueue(&t->pending, i);
    if (!(t->sigmask & SIG_BIT(i->signo)))
        task_kick(t);
}

void signal_send_group(struct group *g, const struct siginfo *i)
{
    struct task *t = any_thread(g), *chosen = NULL;

    if (g->zombie || g->exiting || !t)
        return;
    before_send(g, i->signo);
    kills(g, i->signo);
    LIST_EACH(l, &g->threads)
    {
        t = container_of(l, struct task, thread);
        if (!(t->sigmask & SIG_BIT(i->signo)) && !t->killed) {
            chosen = t;
            break;
        }
    }
    if (chosen && ignored(chosen, i->signo))
        return;
    enqueue(&g->pending, i);
    if (chosen)
        task_kick(chosen);
    else /* sigtimedwait may wait for a blocked one */
        LIST_EACH(l, &g->threads)
    task_wake(container_of(l, struct task, thread));
}

void signal_kernel(struct task *t, int signo)
{
    struct siginfo i = {.signo = signo, .code = SI_KERNEL};

    signal_send_task(t, &i);
}

/* A fault cannot be ignored or put off: then the default action is due. */
void signal_force(int signo, int code, u64 addr)
{
    struct task *t = current();
    struct sigaction *a = action_of(t, signo);
    struct siginfo i = {.signo = signo, .code = code};

    i.addr = addr;
    if (a->handler == SIG_IGN || t->sigmask & SIG_BIT(signo)) {
        a->handler = SIG_DFL;
        t->sigmask &= ~SIG_BIT(signo);
    }
    enqueue(&t->pending, &i);
}

/* ---- taking ---- */

static int take_from(struct sigpending *p, u64 set, struct siginfo *out)
{
    u64 have = p->set & set;

    if (!have)
        return 0;
    u64 first = have & SYNCHRONOUS ? have & SYNCHRONOUS : have;
    int signo = __builtin_ctzll(first) + 1;
    bool found = false, more = false;
    *out = (struct siginfo){.signo = signo};
    LIST_EACH_SAFE(l, &p->queue)
    {
        struct sigqueued *q = container_of(l, struct sigqueued, link);
        if (q->info.signo != signo)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = true;
        *out = q->info;
        list_remove(l);
        kfree(q);
    }
    if (!more)
        p->set &= ~SIG_BIT(signo);
    return signo;
}

int signal_take(struct task *t, u64 set, struct siginfo *out)
{
    int signo = take_from(&t->pending, set, out);

    return signo ? signo : take_from(&t->group->pending, set, out);
}

/* ---- acting ---- */

static void stop_process(struct task *t, int signo)
{
    struct group *g = t->group;

    g->stop = true;
    g->stop_told = false;
    g->stop_signal = signo;
    LIST_EACH(l, &g->threads)
    {
        struct task *other = container_of(l, struct task, thread);
        if (other != t)
            task_kick(other);
    }
    proc_notify_parent(g, CLD_STOPPED, signo);
}

static void restart(struct regs *r, bool again)
{
    if (again) {
        r->rax = r->vector; /* the number of the system call */
        r->rip -= 2;        /* SYSCALL is 0F 05 */
    } else {
        r->rax = (u64)-EINTR;
    }
}

static void settle_restart(struct task *t, struct regs *r,
                           const struct sigaction *a)
{
    s64 result = (s64)r->rax;

    if (!t->in_syscall)
        return;
    if (result == -ERESTARTSYS)
        restart(r, !a || a->flags & SA_RESTART);
    else if (result == -ERESTARTNOHAND)
        restart(r, !a);
    t->in_syscall = false;
}

static void handle(struct task *t, struct regs *r, const struct siginfo *i)
{
    struct sigaction a = *action_of(t, i->signo);
    u64 mask = t->restore_sigmask ? t->saved_sigmask : t->sigmask;

    settle_restart(t, r, &a);
    if (a.flags & SA_RESETHAND)
        action_of(t, i->signo)->handler = SIG_DFL;
    if (sigframe_push(r, &a, i, mask))
        group_exit(SIGSEGV);
    t->restore_sigmask = false;
    t->sigmask |= a.mask;
    if (!(a.flags & SA_NODEFER))
        t->sigmask |= SIG_BIT(i->signo);
    t->sigmask &= ~UNBLOCKABLE;
}

void signal_deliver(struct regs *r)
{
    struct task *t = current();
    struct siginfo i;

    for (;;) {
        if (t->killed)
            task_exit(0);
        if (t->group->stop) {
            sched_sleep(&t->group->stopped, NEVER, false);
            continue;
        }
        int signo = signal_take(t, ~t->sigmask, &i);
        if (!signo)
            break;
        u64 h = action_of(t, signo)->handler;
        if (ignored(t, signo))
            continue;
        if (h != SIG_DFL) {
            handle(t, r, &i);
            continue;
        }
        if (SIG_BIT(signo) & STOPS)
            stop_process(t, signo);
        else
            group_exit((u32)signo);
    }
    settle_restart(t, r, NULL);
    if (t->restore_sigmask) {
        t->restore_sigmask = false;
        t->sigmask = t->saved_sigmask;
    }
}

void signal_exec(struct task *t)
{
    struct sighand *h = t->sighand;

    if (h->refs > 1) { /* shared with a process made by clone */
        struct sighand *own = kmalloc(sizeof *own);
        if (!own)
            group_exit(SIGKILL);
        *own = *h;
        own->refs = 1;
        h->refs--;
        t->sighand = h = own;
    }
    for (unsigned i = 0; i < ARRAY(h->action); i++)
        if (h->action[i].handler != SIG_IGN)
            h->action[i] = (struct sigaction){0};
        else
            h->action[i] = (struct sigaction){.handler = SIG_IGN};
    t->alt_sp = t->alt_size = 0;
    t->alt_flags = SS_DISABLE;
}

/* ---- system calls ---- */

s64 sys_rt_sigaction(const u64 *a)
{
    struct task *t = current();
    struct sigaction new, *old;

    if (a[3] != 8 || a[0] < 1 || a[0] > SIGMAX)
        return -EINVAL;
    if (a[1] && (a[0] == SIGKILL || a[0] == SIGSTOP))
        return -EINVAL;
    old = action_of(t, (int)a[0]);
    if (a[1] && GET_USER(&new, a[1]))
        return -EFAULT;
    if (a[2] && PUT_USER(a[2], old))
        return -EFAULT;
    if (!a[1])
        return 0;
    new.mask &= ~UNBLOCKABLE;
    *old = new;
    if (ignored(t, (int)a[0])) {
        drop(&t->group->pending, SIG_BIT(a[0]));
        LIST_EACH(l, &t->group->threads)
        drop(&container_of(l, struct task, thread)->pending, SIG_BIT(a[0]));
    }
    return 0;
}

s64 sys_rt_sigprocmask(const u64 *a)
{
    struct task *t = current();
    u64 set, old = t->sigmask;

    if (a[3] != 8)
        return -EINVAL;
    if (a[1]) {
        if (GET_USER(&set, a[1]))
            return -EFAULT;
        switch (a[0]) {
        case 0: set |= old; break;
        case 1: set = old & ~set; break;
        case 2: break;
        default: return -EINVAL;
        }
        t->sigmask = set & ~UNBLOCKABLE;
    }
    return a[2] ? PUT_USER(a[2], &old) : 0;
}

s64 sys_rt_sigpending(const u64 *a)
{
    struct task *t = current();
    u64 set = (t->pending.set | t->group->pending.set) & t->sigmask;

    return a[1] > 8 ? -EINVAL : copy_to_user(a[0], &set, a[1]);
}

static s64 sleep_for_signal(void)
{
    while (sched_sleep(NULL, NEVER, true) != -EINTR)
        ;
    return -ERESTARTNOHAND;
}

s64 sys_pause(const u64 *a)
{
    (void)a;
    return sleep_for_signal();
}

s64 sys_rt_sigsuspend(const u64 *a)
{
    struct task *t = current();
    u64 mask;

    if (a[1] != 8)
        return -EINVAL;
    if (GET_USER(&mask, a[0]))
        return -EFAULT;
    t->saved_sigmask = t->sigmask;
    t->sigmask = mask & ~UNBLOCKABLE;
    t->restore_sigmask = true;
    return sleep_for_signal();
}

s64 sys_rt_sigtimedwait(const u64 *a)
{
    struct task *t = current();
    u64 set, deadline = NEVER, mask = t->sigmask;
    struct timespec limit;
    struct siginfo i;
    int signo;

    if (a[3] != 8 || GET_USER(&set, a[0]))
        return a[3] != 8 ? -EINVAL : -EFAULT;
    if (a[2]) {
        if (GET_USER(&limit, a[2]))
            return -EFAULT;
        if (limit.sec < 0 || limit.nsec < 0 || limit.nsec >= 1000000000)
            return -EINVAL;
        deadline =
            time_ticks() +
            time_to_ticks(min64((u64)limit.sec, 1ull << 30) * 1000000000 +
                          (u64)limit.nsec);
    }
    set &= ~UNBLOCKABLE;
    while (!(signo = signal_take(t, set, &i))) {
        t->sigmask = mask & ~set; /* let the awaited ones wake us */
        s64 r = sched_sleep(NULL, deadline, true);
        t->sigmask = mask;
        signo = signal_take(t, set, &i);
        if (signo)
            break;
        if (r)
            return r == -ETIMEDOUT ? -EAGAIN : -EINTR;
    }
    if (a[1] && PUT_USER(a[1], &i))
        return -EFAULT;
    return signo;
}

s64 sys_sigaltstack(const u64 *a)
{
    struct task *t = current();
    struct {
        u64 sp;
        u32 flags, pad;
        u64 size;
    } s = {t->alt_sp, t->alt_flags, 0, t->alt_size}, new;
    bool on = t->regs->rsp - t->alt_sp < t->alt_size;

    if (on)
        s.flags |= SS_ONSTACK;
    if (a[0]) {
        if (GET_USER(&new, a[0]))
            return -EFAULT;
        if (on)
            return -EPERM;
        if (new.flags & ~(SS_DISABLE | SS_ONSTACK | SS_AUTODISARM))
            return -EINVAL;
        if (!(new.flags &SS_DISABLE) && new.size < 2048)
            return -ENOMEM;
        t->alt_sp = new.flags &SS_DISABLE ? 0 : new.sp;
        t->alt_size = new.flags &SS_DISABLE ? 0 : new.size;
        t->alt_flags = new.flags & ~SS_ONSTACK;
    }
    return a[1] ? PUT_USER(a[1], &s) : 0;
}

/* ---- kill and its relatives ---- */

static struct siginfo from_user(int signo, int code)
{
    struct siginfo i = {.signo = signo, .code = code};

    i.pid = current()->group->pid;
    return i;
}

static s64 kill_many(s64 pid, const struct siginfo *i)
{
    s32 pgid = pid == 0 ? current()->group->pgid : (s32)-pid;
    s64 r = -ESRCH;

    LIST_EACH_SAFE(l, &all_groups)
    {
        struct group *g = container_of(l, struct group, all);
        bool hit = pid == -1 ? g != current()->group : g->pgid == pgid;
        if (!hit || g->zombie)
            continue;
        r = 0;
        if (i->signo)
            signal_send_group(g, i);
    }
    return r;
}

s64 sys_kill(const u64 *a)
{
    s32 pid = (s32)a[0];
    struct siginfo i = from_user((int)a[1], SI_USER);

    if (a[1] > SIGMAX)
        return -EINVAL;
    if (pid <= 0)
        return kill_many(pid, &i);
    struct group *g = group_by_pid(pid);
    if (!g)
        return -ESRCH;
    if (i.signo)
        signal_send_group(g, &i);
    return 0;
}

static s64 kill_thread(s32 pid, s32 tid, u64 signo)
{
    struct task *t = tid > 0 ? task_by_tid(tid) : NULL;
    struct siginfo i = from_user((int)signo, SI_TKILL);

    if (signo > SIGMAX || tid <= 0)
        return -EINVAL;
    if (!t || (pid && t->group->pid != pid))
        return -ESRCH;
    if (signo)
        signal_send_task(t, &i);
    return 0;
}

s64 sys_tkill(const u64 *a)
{
    return kill_thread(0, (s32)a[0], a[1]);
}

s64 sys_tgkill(const u64 *a)
{
    return (s32)a[0] <= 0 ? -EINVAL : kill_thread((s32)a[0], (s32)a[1], a[2]);
}

s64 sys_rt_sigqueueinfo(const u64 *a)
{
    struct group *g = group_by_pid((s32)a[0]);
    struct siginfo i;

    if (GET_USER(&i, a[2]))
        return -EFAULT;
    if (a[1] < 1 || a[1] > SIGMAX)
        return -EINVAL;
    if (!g)
        return -ESRCH;
    if (i.code >= 0 && g != current()->group)
        return -EPERM;
    i.signo = (s32)a[1];
    signal_send_group(g, &i);
    return 0;
}
