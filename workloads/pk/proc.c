/* SPDX-License-Identifier: Apache-2.0
 * Processes and threads: birth, death, and who waits for whom.
 */
#include "workloads/pk/proc.h"

#include "workloads/pk/file.h"
#include "workloads/pk/syscall.h"

#define FIRST_PID 1000

static struct list all_tasks = {&all_tasks, &all_tasks};
struct list all_groups = {&all_groups, &all_groups};
static struct group *first_group;
static s32 last_id = FIRST_PID - 1;

static s32 new_id(void)
{
    do {
        last_id = last_id == 0x3fffffff ? FIRST_PID : last_id + 1;
    } while (task_by_tid(last_id) || group_by_pid(last_id));
    return last_id;
}

struct task *task_new(void)
{
    struct task *t = kzalloc(sizeof *t);
    struct page *stack = t ? page_alloc(KSTACK_ORDER) : NULL;
    u8 *fpu = stack ? fpu_new() : NULL;

    if (!fpu) {
        if (stack)
            page_put(stack);
        kfree(t);
        return NULL;
    }
    t->fpu = fpu;
    t->kstack = direct(page_pa(stack));
    t->regs = (struct regs *)(t->kstack + (PAGE << KSTACK_ORDER)) - 1;
    t->affinity = params.cores == 64 ? UINT64_MAX : (1ull << params.cores) - 1;
    t->wake_at = NEVER;
    t->alt_flags = SS_DISABLE;
    list_init(&t->thread);
    list_init(&t->run);
    list_init(&t->sleepers);
    list_init(&t->by_tid);
    sigpending_init(&t->pending);
    return t;
}

void task_free(struct task *t)
{
    page_put(page_of(direct_pa(t->kstack)));
    kfree(t->fpu);
    kfree(t);
}

struct task *task_by_tid(s32 tid)
{
    LIST_EACH(l, &all_tasks)
    {
        struct task *t = container_of(l, struct task, by_tid);
        if (t->tid == tid)
            return t;
    }
    return NULL;
}

struct group *group_by_pid(s32 pid)
{
    LIST_EACH(l, &all_groups)
    {
        struct group *g = container_of(l, struct group, all);
        if (g->pid == pid)
            return g;
    }
    return NULL;
}

static struct group *group_new(void)
{
    struct group *g = kzalloc(sizeof *g);

    if (!g)
        return NULL;
    list_init(&g->children);
    list_init(&g->sibling);
    list_init(&g->threads);
    sigpending_init(&g->pending);
    waitq_init(&g->child_exit);
    waitq_init(&g->stopped);
    g->timer_at = NEVER;
    g->start = time_ticks();
    list_append(&all_groups, &g->all);
    return g;
}

static void group_free(struct group *g)
{
    list_remove(&g->sibling);
    list_remove(&g->all);
    sigpending_free(&g->pending);
    kfree(g);
}

static void thread_join(struct group *g, struct task *t)
{
    t->group = g;
    list_append(&g->threads, &t->thread);
    list_append(&all_tasks, &t->by_tid);
    g->live++;
}

void proc_first(void)
{
    struct cpu *c = this_cpu();
    struct group *g = group_new();
    struct task *t = task_new();
    struct fs *fs = kzalloc(sizeof *fs);
    struct sighand *hand = kzalloc(sizeof *hand);

    if (!g || !t || !fs || !hand)
        pk_panic("no memory for the first process");
    g->pid = g->pgid = g->sid = t->tid = new_id();
    for (unsigned i = 0; i < RLIM_COUNT; i++)
        g->rlimit[i].cur = g->rlimit[i].max = RLIM_INFINITY;
    g->rlimit[RLIMIT_STACK].cur = STACK_LEN;
    g->rlimit[RLIMIT_CORE].cur = 0;
    g->rlimit[RLIMIT_NOFILE].cur = 1024;
    g->rlimit[RLIMIT_NOFILE].max = 4096;
    first_group = g;
    thread_join(g, t);
    fs->refs = hand->refs = 1;
    fs->umask = 022;
    path_normalise(params.cwd, fs->cwd);
    t->fs = fs;
    t->sighand = hand;
    t->files = files_new();
    if (!t->files)
        pk_panic("no memory for the first process");

    t->state = TASK_RUNNING;
    c->task = t;
    fd_install(host_stream(0, O_RDWR), false);
    fd_install(host_stream(1, O_RDWR), false);
    fd_install(host_stream(2, O_RDWR), false);
    s64 r = exec_first();
    if (r)
        pk_panic("cannot run %s: error %ld", params.exec, -r);
    c->task = c->idle_task;
    sched_start(t);
}

/* ---- clone ---- */

struct clone_request {
    u64 flags, stack, tls;
    u64 parent_tid, child_tid;
    s32 exit_signal;
};

static bool copy_or_share(struct task *t, struct task *from, u64 flags)
{
    if (flags & CLONE_VM) {
        from->mm->refs++;
        t->mm = from->mm;
    } else {
        t->mm = mm_clone(from->mm);
    }
    if (flags & CLONE_FILES) {
        from->files->refs++;
        t->files = from->files;
    } else {
        t->files = files_clone(from->files);
    }
    if (flags & CLONE_FS) {
        from->fs->refs++;
        t->fs = from->fs;
    } else {
        t->fs = kmalloc(sizeof *t->fs);
        if (t->fs) {
            *t->fs = *from->fs;
            t->fs->refs = 1;
        }
    }
    if (flags & CLONE_SIGHAND) {
        from->sighand->refs++;
        t->sighand = from->sighand;
    } else {
        t->sighand = kmalloc(sizeof *t->sighand);
        if (t->sighand) {
            *t->sighand = *from->sighand;
            t->sighand->refs = 1;
        }
    }
    return t->mm && t->files && t->fs && t->sighand;
}

static void let_go(struct task *t)
{
    if (t->mm)
        mm_put(t->mm);
    if (t->files)
        files_put(t->files);
    if (t->fs && !--t->fs->refs)
        kfree(t->fs);
    if (t->sighand && !--t->sighand->refs)
        kfree(t->sighand);
    t->mm = NULL;
    t->files = NULL;
    t->fs = NULL;
    t->sighand = NULL;
}

static struct group *child_group(struct task *from, u64 flags, s32 pid)
{
    struct group *parent = from->group, *g = group_new();

    if (!g)
        return NULL;
    if (flags & CLONE_PARENT && parent->parent)
        parent = parent->parent;
    g->pid = pid;
    g->pgid = from->group->pgid;
    g->sid = from->group->sid;
    g->parent = parent;
    memcpy(g->rlimit, from->group->rlimit, sizeof g->rlimit);
    memcpy(g->comm, from->group->comm, sizeof g->comm);
    list_append(&parent->children, &g->sibling);
    return g;
}

static struct task *copy_task(struct task *from, const struct clone_request *q)
{
    struct task *t = task_new();

    if (!t)
        return NULL;
    sched_save_current();
    if (!copy_or_share(t, from, q->flags)) {
        let_go(t);
        task_free(t);
        return NULL;
    }
    fpu_copy(t->fpu, from->fpu);
    memcpy(t->comm, from->comm, sizeof t->comm);
    t->fs_base = q->flags & CLONE_SETTLS ? q->tls : from->fs_base;
    t->gs_base = from->gs_base;
    t->affinity = from->affinity;
    t->sigmask = from->restore_sigmask ? from->saved_sigmask : from->sigmask;
    *t->regs = *from->regs;
    t->regs->rax = 0;
    if (q->stack)
        t->regs->rsp = q->stack;
    if (!(q->flags & CLONE_VM) || q->flags & CLONE_VFORK) {
        t->alt_sp = from->alt_sp;
        t->alt_size = from->alt_size;
        t->alt_flags = from->alt_flags;
    }
    return t;
}

static s64 check_clone(const struct clone_request *q)
{
    u64 f = q->flags;

    if (f & CLONE_THREAD && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if (f & CLONE_SIGHAND && !(f & CLONE_VM))
        return -EINVAL;
    if (f & CLONE_SETTLS && q->tls >= USER_END)
        return -EPERM;
    if (f & 0x7e020000) /* new name spaces */
        return -EINVAL;
    return 0;
}

static s64 do_clone(const struct clone_request *q)
{
    struct task *from = current(), *t;
    s64 r = check_clone(q);

    if (r)
        return r;
    t = copy_task(from, q);
    if (!t)
        return -ENOMEM;
    t->tid = new_id();
    struct group *g = q->flags & CLONE_THREAD
                          ? from->group
                          : child_group(from, q->flags, t->tid);
    if (!g) {
        let_go(t);
        task_free(t);
        return -ENOMEM;
    }
    thread_join(g, t);
    if (g != from->group)
        g->exit_signal = q->exit_signal;
    if (q->flags & CLONE_PARENT_SETTID)
        PUT_USER(q->parent_tid, &t->tid);
    if (q->flags & CLONE_CHILD_CLEARTID)
        t->clear_tid = q->child_tid;
    if (q->flags & CLONE_CHILD_SETTID) {
        if (q->flags & CLONE_VM)
            PUT_USER(q->child_tid, &t->tid);
        else
            t->set_tid = q->child_tid;
    }
    s32 tid = t->tid;
    struct waitq done;
    bool finished = false;
    if (q->flags & CLONE_VFORK) {
        waitq_init(&done);
        t->vfork_done = &done;
        t->vfork_finished = &finished;
    }
    sched_start(t);
    while (q->flags & CLONE_VFORK && !finished)
        sched_sleep(&done, NEVER, false);
    return tid;
}

void proc_release_vfork(struct task *t)
{
    if (!t->vfork_done)
        return;
    *t->vfork_finished = true;
    waitq_wake(t->vfork_done, 1);
    t->vfork_done = NULL;
}

s64 sys_fork(const u64 *a)
{
    struct clone_request q = {.exit_signal = SIGCHLD};

    (void)a;
    return do_clone(&q);
}

s64 sys_vfork(const u64 *a)
{
    struct clone_request q = {.flags = CLONE_VM | CLONE_VFORK,
                              .exit_signal = SIGCHLD};

    (void)a;
    return do_clone(&q);
}

s64 sys_clone(const u64 *a)
{
    struct clone_request q = {
        .flags = a[0] & ~0xffull,
        .exit_signal = (s32)(a[0] & 0xff),
        .stack = a[1],
        .parent_tid = a[2],
        .child_tid = a[3],
        .tls = a[4],
    };

    return q.exit_signal > SIGMAX ? -EINVAL : do_clone(&q);
}

s64 sys_clone3(const u64 *a)
{
    u64 v[11] = {0}; /* struct clone_args */
    struct clone_request q;

    if (a[1] < 64)
        return -EINVAL;
    if (copy_from_user(v, a[0], min64(a[1], sizeof v)))
        return -EFAULT;
    if (v[4] > SIGMAX || (v[5] && !v[6]) || v[8] /* set_tid */)
        return -EINVAL;
    q = (struct clone_request){
        .flags = v[0],
        .child_tid = v[2],
        .parent_tid = v[3],
        .exit_signal = (s32)v[4],
        .stack = v[5] ? v[5] + v[6] : 0,
        .tls = v[7],
    };
    return do_clone(&q);
}

/* ---- exit ---- */

static u32 machine_status(u32 wait_status)
{
    u32 signal = wait_status & 0x7f;

    return signal ? 128 + signal : wait_status >> 8 & 0xff;
}

void proc_notify_parent(struct group *g, s32 code, s32 status)
{
    struct group *parent = g->parent;
    struct siginfo i = {.signo = g->exit_signal, .code = code};

    if (!parent)
        return;
    i.pid = g->pid;
    i.status = status;
    if (code != CLD_EXITED && code != CLD_KILLED && code != CLD_DUMPED)
        i.signo = SIGCHLD;
    if (i.signo)
        signal_send_group(parent, &i);
    waitq_wake(&parent->child_exit, UINT32_MAX);
}

/* A parent that ignores SIGCHLD never hears of its children. */
static bool parent_ignores(struct group *g)
{
    struct group *p = g->parent;

    if (!p || p->zombie || list_empty(&p->threads))
        return true;
    struct task *t = container_of(p->threads.next, struct task, thread);
    struct sigaction *a = &t->sighand->action[SIGCHLD - 1];
    return g->exit_signal == SIGCHLD &&
           (a->handler == SIG_IGN || a->flags & SA_NOCLDWAIT);
}

static void give_children_away(struct group *g)
{
    LIST_EACH_SAFE(l, &g->children)
    {
        struct group *child = container_of(l, struct group, sibling);
        list_remove(l);
        child->parent = first_group;
        list_append(&first_group->children, &child->sibling);
        child->exit_signal = SIGCHLD;
        if (child->zombie)
            proc_notify_parent(child, CLD_EXITED, 0);
    }
}

static void group_finish(struct group *g)
{
    u32 s = g->status;

    if (g == first_group)
        machine_exit(machine_status(s));
    g->zombie = true;
    g->timer_at = NEVER;
    sched_timer_update();
    give_children_away(g);
    if (s & 0x7f)
        proc_notify_parent(g, CLD_KILLED, (s32)(s & 0x7f));
    else
        proc_notify_parent(g, CLD_EXITED, (s32)(s >> 8 & 0xff));
    if (parent_ignores(g))
        group_free(g);
}

void task_exit(u32 code)
{
    struct task *t = current();
    struct group *g = t->group;
    u32 zero = 0;

    futex_exit_robust(t);
    if (t->clear_tid && t->mm->refs > 1 && !PUT_USER(t->clear_tid, &zero))
        futex_wake_address(t->mm, t->clear_tid, 1);
    proc_release_vfork(t);
    g->utime += task_runtime(t);
    let_go(t);
    sigpending_free(&t->pending);
    list_remove(&t->thread);
    list_remove(&t->by_tid);
    waitq_wake(&g->child_exit, UINT32_MAX);
    if (!--g->live) {
        if (!g->exiting)
            g->status = (code & 0xff) << 8;
        group_finish(g);
    }
    sched_exit();
}

void proc_kill_others(struct group *g)
{
    LIST_EACH(l, &g->threads)
    {
        struct task *t = container_of(l, struct task, thread);
        if (t == current())
            continue;
        t->killed = true;
        task_kick(t);
    }
}

void group_exit(u32 wait_status)
{
    struct group *g = current()->group;

    if (!g->exiting) {
        g->exiting = true;
        g->status = wait_status;
        waitq_wake(&g->stopped, UINT32_MAX);
        proc_kill_others(g);
    }
    task_exit(0);
}

s64 sys_exit(const u64 *a)
{
    task_exit((u32)a[0]);
}

s64 sys_exit_group(const u64 *a)
{
    group_exit(((u32)a[0] & 0xff) << 8);
}

void proc_reap(struct group *g)
{
    if (g->parent)
        g->parent->child_utime += g->utime + g->child_utime;
    group_free(g);
}
