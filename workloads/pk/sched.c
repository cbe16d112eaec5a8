/* SPDX-License-Identifier: Apache-2.0
 * Which task runs where: one queue for all processors, time slices only while
 * someone waits, sleeping, deadlines.
 */
#include "workloads/pk/pk.h"
#include "workloads/pk/proc.h"

static struct list ready;
static struct list sleepers;       /* tasks with a deadline, soonest first */
static u64 group_deadline = NEVER; /* soonest interval timer */

struct waitq poll_waiters;

void waitq_init(struct waitq *q)
{
    list_init(&q->tasks);
}

void sched_init(void)
{
    list_init(&ready);
    list_init(&sleepers);
    waitq_init(&poll_waiters);
}

static u64 stack_top(const struct task *t)
{
    return (u64)t->kstack + (PAGE << KSTACK_ORDER);
}

u64 task_runtime(struct task *t)
{
    u64 now = t->state == TASK_RUNNING ? time_ticks() - t->run_from : 0;

    return t->utime + now;
}

/* ---- becoming ready ---- */

static void make_ready(struct task *t)
{
    t->state = TASK_READY;
    list_append(&ready, &t->run);
    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *c = cpus[i];
        if (!c->idle || !(t->affinity >> i & 1))
            continue;
        c->idle = false; /* one message is enough */
        if (c != this_cpu())
            cpu_send_ipi(i, VECTOR_WAKE);
        return;
    }
    /* Nobody is idle: where it last ran, the slice must come to an end. */
    if (t->cpu != this_cpu()->index || !(t->affinity >> t->cpu & 1)) {
        unsigned to = t->affinity >> t->cpu & 1
                          ? t->cpu
                          : (unsigned)__builtin_ctzll(t->affinity);
        if (to < cpu_count && cpus[to] != this_cpu())
            cpu_send_ipi(to, VECTOR_WAKE);
    }
}

/* ---- switching ---- */

void sched_set_mm(struct mm *mm)
{
    struct cpu *c = this_cpu();
    struct mm *old = c->active_mm;

    if (mm == old)
        return;
    mm->refs++;
    c->active_mm = mm;
    cr3_write(direct_pa(mm->root));
    if (old)
        mm_put(old);
}

/* GS of ring 3 is in the "kernel" MSR while the kernel runs. */
static void save_bases(struct task *t)
{
    if (!cpu_has_fsgsbase)
        return; /* only arch_prctl can have changed them */
    t->fs_base = msr_read(MSR_FS_BASE);
    t->gs_base = msr_read(MSR_KERNEL_GS_BASE);
}

void sched_save_current(void)
{
    struct task *t = current();

    fpu_save(t->fpu);
    save_bases(t);
}

static void load_bases(const struct task *t)
{
    msr_write(MSR_FS_BASE, t->fs_base);
    msr_write(MSR_KERNEL_GS_BASE, t->gs_base);
}

/* On the new task's stack: let go of the one that ran before. */
static void finish_switch(void)
{
    struct cpu *c = this_cpu();
    struct task *previous = c->previous;

    c->previous = NULL;
    if (previous && previous->state == TASK_DEAD)
        task_free(previous);
}

static void switch_to(struct task *next)
{
    struct cpu *c = this_cpu();
    struct task *prev = c->task;
    u64 now = time_ticks(), top = stack_top(next);

    prev->utime += now - prev->run_from;
    if (prev->mm && prev->state != TASK_DEAD) {
        fpu_save(prev->fpu);
        save_bases(prev);
    }
    next->state = TASK_RUNNING;
    next->run_from = now;
    next->cpu = c->index;
    c->task = next;
    c->kernel_rsp = top;
    memcpy(c->tss + 4, &top, sizeof top);
    c->slice_end = now + time_to_ticks(params.slice_us * 1000);
    if (next->mm) {
        sched_set_mm(next->mm);
        load_bases(next);
        fpu_load(next->fpu);
    }
    c->previous = prev;
    switch_stacks(&prev->ksp, next->ksp);
    finish_switch();
}

static struct task *pick(struct cpu *c)
{
    LIST_EACH(l, &ready)
    {
        struct task *t = container_of(l, struct task, run);
        if (t->affinity >> c->index & 1) {
            list_remove(l);
            return t;
        }
    }
    return NULL;
}

static void schedule(void)
{
    struct cpu *c = this_cpu();
    struct task *prev = c->task, *next = pick(c);
    bool goes_on = prev->state == TASK_RUNNING && prev != c->idle_task;

    if (!next && goes_on)
        return;
    if (!next)
        next = c->idle_task;
    if (next == prev)
        return;
    if (goes_on) {
        prev->state = TASK_READY;
        list_append(&ready, &prev->run);
    }
    switch_to(next);
}

void sched_yield(void)
{
    schedule();
}

void sched_migrate(void)
{
    struct task *t = current();

    make_ready(t);
    schedule();
}

void sched_exit(void)
{
    struct task *t = current();

    t->state = TASK_DEAD;
    schedule();
    pk_panic("a dead task runs");
}

void sched_new_task(struct regs *r);

void sched_new_task(struct regs *r)
{
    struct task *t = current();

    finish_switch();
    if (t->set_tid)
        PUT_USER(t->set_tid, &t->tid);
    t->set_tid = 0;
    sched_return(r);
    big_unlock();
}

void sched_start(struct task *t)
{
    struct regs *r = t->regs;
    u64 *sp = (u64 *)r - 7;

    memset(sp, 0, 6 * sizeof *sp);
    sp[6] = (u64)entry_new_task;
    t->ksp = (u64)sp;
    t->cpu = this_cpu()->index;
    make_ready(t);
}

static void wake(struct task *t)
{
    if (t->state != TASK_SLEEPING)
        return;
    list_remove(&t->run);
    list_remove(&t->sleepers);
    make_ready(t);
}

void task_wake(struct task *t)
{
    if (t->state == TASK_SLEEPING && t->interruptible)
        wake(t);
}

void task_kick(struct task *t)
{
    task_wake(t);
    if (t->state == TASK_RUNNING && t != current())
        cpu_send_ipi(t->cpu, VECTOR_WAKE);
}

void waitq_wake(struct waitq *q, unsigned count)
{
    while (count-- && !list_empty(&q->tasks)) {
        struct task *t = container_of(q->tasks.next, struct task, run);
        t->woken = true;
        wake(t);
    }
}

/* ---- sleeping ---- */

static void add_sleeper(struct task *t)
{
    struct list *at = sleepers.next;

    while (at != &sleepers &&
           container_of(at, struct task, sleepers)->wake_at <= t->wake_at)
        at = at->next;
    list_before(at, &t->sleepers);
    sched_timer_update();
}

s64 sched_sleep(struct waitq *q, u64 deadline, bool interruptible)
{
    struct task *t = current();

    if (interruptible && signal_waiting(t))
        return -EINTR;
    if (deadline != NEVER && deadline <= time_ticks())
        return -ETIMEDOUT;
    t->woken = false;
    t->interruptible = interruptible;
    t->wake_at = deadline;
    t->state = TASK_SLEEPING;
    if (q)
        list_append(&q->tasks, &t->run);
    if (deadline != NEVER)
        add_sleeper(t);
    schedule();
    if (t->woken)
        return 0;
    if (interruptible && signal_waiting(t))
        return -EINTR;
    return deadline != NEVER && deadline <= time_ticks() ? -ETIMEDOUT : 0;
}

/* ---- deadlines ---- */

static u64 next_deadline(void)
{
    u64 at = group_deadline;

    if (!list_empty(&sleepers))
        at = min64(at,
                   container_of(sleepers.next, struct task, sleepers)->wake_at);
    return at;
}

/* The first processor alone serves deadlines; tell it of a sooner one. */
void sched_timer_update(void)
{
    group_deadline = NEVER;
    LIST_EACH(l, &all_groups)
    {
        struct group *g = container_of(l, struct group, all);
        group_deadline = min64(group_deadline, g->timer_at);
    }
    if (this_cpu()->index && next_deadline() < cpus[0]->armed)
        cpu_send_ipi(0, VECTOR_WAKE);
}

static void group_timer_fire(struct group *g, u64 now)
{
    struct siginfo i = {.signo = SIGALRM, .code = SI_KERNEL};

    g->timer_at = g->timer_every ? g->timer_at + g->timer_every : NEVER;
    if (g->timer_at <= now)
        g->timer_at = now + g->timer_every;
    signal_send_group(g, &i);
}

static void serve_deadlines(void)
{
    u64 now = time_ticks();

    while (!list_empty(&sleepers)) {
        struct task *t = container_of(sleepers.next, struct task, sleepers);
        if (t->wake_at > now)
            break;
        wake(t);
    }
    if (group_deadline > now)
        return;
    LIST_EACH(l, &all_groups)
    {
        struct group *g = container_of(l, struct group, all);
        if (g->timer_at <= now)
            group_timer_fire(g, now);
    }
    sched_timer_update();
}

static void rearm(struct cpu *c)
{
    u64 at = c->index ? NEVER : next_deadline();

    if (!list_empty(&ready) && c->task != c->idle_task)
        at = min64(at, c->slice_end);
    if (at == c->armed)
        return;
    c->armed = at;
    timer_arm(at);
}

void sched_tick(void)
{
    struct cpu *c = this_cpu();

    c->armed = NEVER;
    serve_deadlines();
    if (time_ticks() >= c->slice_end)
        schedule();
}

void sched_return(struct regs *r)
{
    if (signal_waiting(current()))
        signal_deliver(r);
    rearm(this_cpu());
}

/* ---- nothing to do ---- */

static bool all_idle(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i]->task != cpus[i]->idle_task)
            return false;
    return true;
}

void sched_idle_loop(void)
{
    struct cpu *c = this_cpu();

    for (;;) {
        schedule();
        c->idle = true;
        rearm(c);
        if (list_empty(&ready) && all_idle() && next_deadline() == NEVER &&
            cpu_count == params.cores)
            pk_panic("every task sleeps and nothing can wake one");
        big_unlock();
        irq_wait();
        big_lock();
        c->idle = false;
        if (c->index == 0)
            serve_deadlines();
    }
}

void sched_run_first(void)
{
    sched_idle_loop();
}
