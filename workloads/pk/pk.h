/* SPDX-License-Identifier: Apache-2.0
 * The proxy kernel's structures and the interface of each of its files.
 *
 * Locking: one big lock, taken on entry from ring 3 (or from the idle loop)
 * and given back on return. Kernel code runs with interrupts off, so it is
 * preempted nowhere but where it calls sched_sleep or sched_yield.
 */
#ifndef WORKLOADS_PK_PK_H
#define WORKLOADS_PK_PK_H

#include "workloads/include/vtsim_pk.h"
#include "workloads/pk/linux_abi.h"
#include "workloads/runtime/libc.h"
#include "workloads/runtime/list.h"
#include "workloads/runtime/types.h"
#include "workloads/runtime/x86.h"

#define KERNEL_BASE 0xffffffff80000000ull
#define DIRECT_BASE 0xffff800000000000ull /* all of RAM, mapped linearly */

#define USER_MIN  0x10000ull        /* as vm.mmap_min_addr */
#define USER_END  0x7ffffffff000ull /* first address programs cannot have */
#define STACK_TOP 0x7fffffe00000ull /* a multiple of 2 MiB */
#define STACK_LEN 0x800000ull
#define MMAP_TOP  0x7fffc0000000ull /* a multiple of 1 GiB */
#define PIE_BASE  0x555540000000ull /* a multiple of 1 GiB */

#define SEL_KERNEL_CODE 0x10
#define SEL_KERNEL_DATA 0x18
#define SEL_USER_CODE32 0x23
#define SEL_USER_DATA   0x2b
#define SEL_USER_CODE   0x33
#define SEL_TSS         0x40

#define VECTOR_PIC      0x20 /* 16 vectors, all masked */
#define VECTOR_TIMER    0x40
#define VECTOR_FLUSH    0x41
#define VECTOR_WAKE     0x42
#define VECTOR_SPURIOUS 0xff

#define MAX_CPUS     64
#define KSTACK_ORDER 2 /* 16 KiB */
#define NEVER        UINT64_MAX

static inline void *direct(u64 pa)
{
    return (void *)(pa + DIRECT_BASE);
}

static inline u64 direct_pa(const void *p)
{
    return (u64)p - DIRECT_BASE;
}

static inline u64 kernel_pa(const void *p)
{
    return (u64)p - KERNEL_BASE;
}

/* Registers of ring 3 on the kernel stack; entry.S builds it. */
struct regs {
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    u64 vector; /* exception or interrupt; system call: its number */
    u64 error;
    u64 rip, cs, rflags, rsp, ss;
};

/* ---- main.c: parameters ---- */

struct params {
    const char *exec;
    u64 argc, envc;
    const char **argv, **envp; /* NULL-terminated */
    const char *cwd;
    const char *share[64];
    unsigned shares;
    unsigned page_level; /* 1: 4 KiB, 2: 2 MiB, 3: 1 GiB */
    unsigned cores;
    u64 epoch, seed, tsc_hz, apic_hz, slice_us;
    bool zeroed;
    const u8 *image; /* module 0 */
    u64 image_len;
};
extern struct params params;

/* Print "pk: ..." on standard error. */
void pk_warn(const char *f, ...) PRINTF(1, 2);
/* The same, then end the machine with status 126. */
void pk_panic(const char *f, ...) PRINTF(1, 2) NORETURN;
u64 random_next(void);
void random_fill(void *to, size_t n);

/* ---- page.c: physical pages ---- */

struct page {
    u32 refs; /* mappings and other holders */
    u8 order; /* of the free or allocated block this page heads */
    u8 flags;
    u16 slab; /* object size class + 1 if kmalloc cut it up */
    struct list link;
};

void page_init(u64 info_pa);
/* A block of 2^order pages, refs 1; NULL if there is none. Not cleared. */
struct page *page_alloc(unsigned order);
/* The same, cleared (pages known to be zero are not cleared again). */
struct page *page_alloc_zero(unsigned order);
void page_get(struct page *p);
void page_put(struct page *p);
/* Make one allocated block of refs 1 into 2^(order - to) blocks of refs 1. */
void page_split(struct page *p, unsigned to);
struct page *page_of(u64 pa);
/* The head of the 1 GiB or 2 MiB block that p lies in, else p itself. Only a
 * head in use has refs, and blocks in use do not overlap: so this is sure. */
struct page *page_head(struct page *p);
u64 page_pa(const struct page *p);
u64 page_total(void); /* bytes of RAM managed */
u64 page_free_bytes(void);

void *kmalloc(size_t n); /* NULL if there is no memory; 16-byte aligned */
void *kzalloc(size_t n);
void kfree(void *p); /* NULL is allowed */
char *kstrdup(const char *s);

/* ---- pt.c: page tables ---- */

#define PTE_P      (1ull << 0)
#define PTE_W      (1ull << 1)
#define PTE_U      (1ull << 2)
#define PTE_PWT    (1ull << 3)
#define PTE_PCD    (1ull << 4)
#define PTE_A      (1ull << 5)
#define PTE_D      (1ull << 6)
#define PTE_PS     (1ull << 7)
#define PTE_G      (1ull << 8)
#define PTE_HELD   (1ull << 9)  /* software: a page without access rights */
#define PTE_SHARED (1ull << 10) /* software: never copied on write */
#define PTE_NX     (1ull << 63)
#define PTE_ADDR   0x000ffffffffff000ull

static inline u64 level_size(unsigned level)
{
    return 1ull << (12 + 9 * (level - 1));
}

struct mm;
extern u64 pte_nx; /* PTE_NX, or 0 on a processor without it */

u64 *pt_new_root(void);
/* The leaf that maps va and its level, or NULL (level: the empty one's). */
u64 *pt_find(struct mm *mm, u64 va, unsigned *level);
/* The entry of va at `level`, tables made as needed; NULL: no memory, or a
 * larger leaf is in the way. */
u64 *pt_make(struct mm *mm, u64 va, unsigned level);
/* Cut the leaf at va into 512 smaller ones. False: no memory. */
bool pt_split(struct mm *mm, u64 va);
/* Cut leaves until none spans an end of [from, to). */
bool pt_split_range(struct mm *mm, u64 from, u64 to);
/* Drop everything mapped in [from, to), whose ends split no leaf. */
void pt_unmap(struct mm *mm, u64 from, u64 to);
/* Give the leaves in [from, to) new rights; writable private pages that are
 * shared with another process stay read-only. */
void pt_protect(struct mm *mm, u64 from, u64 to, unsigned prot);
/* Copy leaves from one mm to another, making private ones copy-on-write. */
bool pt_clone(struct mm *to, struct mm *from, u64 start, u64 end);
/* Move the leaves of [from, from + len) to `to`. */
bool pt_move(struct mm *mm, u64 from, u64 to, u64 len);
void pt_free(struct mm *mm);
void pt_flush(struct mm *mm, u64 from, u64 to); /* all processors */
u64 pte_rights(unsigned prot);

/* ---- mm.c, fault.c: address spaces ---- */

struct file;

/* Memory that several address spaces see, or a file mapped shared. */
struct shm {
    u32 refs;
    bool writable; /* was it ever mapped so: write the file back */
    u64 pages;
    struct page **page; /* [pages], NULL: not touched yet */
    struct file *file;  /* may be NULL */
    u64 offset;         /* of page[0] in the file */
};

struct vma {
    u64 start, end;
    unsigned prot, flags; /* PROT_*, MAP_SHARED or MAP_PRIVATE | VMA_* */
    struct file *file;    /* private file mapping */
    u64 offset;           /* in the file, of start */
    u64 file_end;         /* address from which on zeroes follow */
    struct shm *shm;
    u64 shm_page; /* index of start in shm */
};
#define VMA_HEAP  0x10000
#define VMA_STACK 0x20000

struct mm {
    u32 refs;
    u64 *root; /* PML4 */
    struct vma *vma;
    unsigned count, capacity;
    unsigned last; /* index of the last hit */
    u64 brk_start, brk;
    u64 pages; /* resident, of 4 KiB */
    u64 arg_start, arg_end, env_end, stack_top;
    char *exec; /* /proc/self/exe */
};

struct mm *mm_new(void);
struct mm *mm_clone(struct mm *from);
void mm_put(struct mm *mm);
struct vma *mm_find(struct mm *mm, u64 va);
/* Insert; `v` is copied, its references are taken over. 0 or -errno. */
s64 mm_insert(struct mm *mm, const struct vma *v);
s64 mm_unmap(struct mm *mm, u64 start, u64 end);
s64 mm_protect(struct mm *mm, u64 start, u64 end, unsigned prot);
/* An address for `len` bytes below MMAP_TOP; 0 if there is none. */
u64 mm_hole(struct mm *mm, u64 len, u64 align);
bool mm_is_free(struct mm *mm, u64 start, u64 end);
void vma_put(struct vma *v);
void vma_get(struct vma *v);
struct shm *shm_new(u64 pages, struct file *f, u64 offset);
void shm_put(struct shm *s);
s64 shm_sync(struct shm *s);

struct fault {
    int signal, code;
};
/* Serve an access to va. 0: retry; otherwise the signal to send. */
struct fault mm_fault(struct mm *mm, u64 va, u64 error);
/* The same for the kernel's own use: bring pages in. 0 or -EFAULT. */
s64 mm_populate(struct mm *mm, u64 va, u64 len, bool write);
unsigned page_level_for(u64 len); /* largest page size worth aligning to */

/* ---- user.c: the current process's memory; 0 or -EFAULT ---- */

s64 copy_from_user(void *to, u64 from, u64 n);
s64 copy_to_user(u64 to, const void *from, u64 n);
s64 clear_user(u64 to, u64 n);
/* At most size - 1 bytes and a NUL: the length, -EFAULT or -ENAMETOOLONG. */
s64 string_from_user(char *to, u64 from, u64 size);

#define GET_USER(p, va) copy_from_user((p), (va), sizeof *(p))
#define PUT_USER(va, p) copy_to_user((va), (p), sizeof *(p))

/* ---- tasks ---- */

struct waitq {
    struct list tasks;
};

struct sigaction {
    u64 handler, flags, restorer, mask;
};

struct siginfo {
    s32 signo, err, code, pad;
    union {
        struct {
            s32 pid;
            u32 uid;
            s32 status; /* of SIGCHLD; sigqueue: the value */
        };
        u64 addr;
        u8 bytes[112];
    };
};

struct sigqueued {
    struct list link;
    struct siginfo info;
};

struct sigpending {
    u64 set; /* bit n - 1 */
    struct list queue;
};

struct sighand {
    u32 refs;
    struct sigaction action[64];
};

struct files {
    u32 refs;
    unsigned count; /* slots */
    struct file **file;
    u8 *cloexec;
};

struct fs {
    u32 refs;
    u32 umask;
    char cwd[PK_PATH_MAX + 1];
};

/* What threads of one process share. */
struct group {
    s32 pid, pgid, sid;
    struct group *parent;
    struct list children, sibling; /* processes */
    struct list threads;
    struct list all;
    unsigned live; /* threads that have not exited */
    struct sigpending pending;
    struct waitq child_exit; /* wait4 of this process sleeps here */
    struct waitq stopped;    /* its threads sleep here while stopped */
    bool exiting, zombie, stop, stop_told, continued;
    s32 stop_signal;
    s32 exit_signal;               /* sent to the parent */
    u32 status;                    /* as wait4 reports it */
    u64 utime, child_utime, start; /* TSC ticks */
    u64 timer_at, timer_every;     /* ITIMER_REAL in TSC ticks; NEVER: off */
    struct {
        u64 cur, max;
    } rlimit[RLIM_COUNT];
    bool execed;
    char comm[16];
};

enum task_state { TASK_READY, TASK_RUNNING, TASK_SLEEPING, TASK_DEAD };

struct task {
    u64 ksp; /* kernel stack pointer while not running */
    u8 *kstack;
    struct regs *regs; /* at the top of the kernel stack */
    s32 tid;
    enum task_state state;
    struct group *group;
    struct list thread; /* in group->threads */
    struct mm *mm;
    struct files *files;
    struct fs *fs;
    struct sighand *sighand;
    struct list run;      /* in the run queue or in a waitq */
    struct list sleepers; /* by wake_at */
    u64 wake_at;
    bool interruptible, woken;
    struct list by_tid;
    u64 sigmask, saved_sigmask;
    bool restore_sigmask;
    bool in_syscall; /* regs belong to a system call that can be restarted */
    struct sigpending pending;
    u64 alt_sp, alt_size;
    u32 alt_flags;
    u64 fs_base, gs_base;
    u64 clear_tid, set_tid, robust_list;
    struct waitq *vfork_done; /* the parent sleeps there ... */
    bool *vfork_finished;     /* ... until this is set */
    u64 affinity;
    u64 run_from, utime; /* TSC */
    u64 fault_addr, fault_error, fault_vector;
    unsigned cpu;
    char comm[16];
    bool killed;
    u8 *fpu; /* fpu_new's */
};

struct cpu {
    /* entry.S knows the first three fields. */
    u64 user_rsp;
    u64 kernel_rsp; /* top of the current task's kernel stack */
    struct task *task;
    struct cpu *self;
    unsigned index;
    bool idle, online;
    volatile bool flush; /* another processor waits for our flush */
    struct task *idle_task;
    struct task *previous; /* switched away from, not yet let go */
    struct mm *active_mm;
    u64 slice_end;
    u64 armed; /* TSC at which the timer is due */
    u64 gdt[10];
    u8 tss[104] __attribute__((aligned(16)));
    u8 ist_stack[4096] __attribute__((aligned(16)));
};

static inline struct cpu *this_cpu(void)
{
    struct cpu *c;

    __asm__ volatile("movq %%gs:24, %0" : "=r"(c));
    return c;
}

static inline struct task *current(void)
{
    struct task *t;

    __asm__ volatile("movq %%gs:16, %0" : "=r"(t));
    return t;
}

/* ---- entry.S ---- */
extern char entry_syscall[], entry_vectors[], entry_new_task[];
extern char user_copy_start[], user_copy_end[], user_copy_failed[];
void switch_stacks(u64 *save, u64 load);

/* ---- cpu.c: processors, interrupts ---- */
extern struct cpu *cpus[MAX_CPUS];
extern unsigned cpu_count;
extern bool cpu_has_fsgsbase;

void cpu_init_first(void);
void cpu_start_others(void);
void cpu_send_ipi(unsigned cpu, unsigned vector);
void cpu_flush_poll(void); /* serve a waiting flush; for the lock's spin */
void cpu_flush_others(struct mm *mm);
void big_lock(void);
void big_unlock(void);

/* ---- fpu.c: extended state ---- */
void fpu_init(void); /* before any task */
u64 fpu_cr4(void);   /* what CR4 must have before ... */
void fpu_init_cpu(void);
u8 *fpu_new(void); /* an area, to be given to kfree; NULL: no memory */
void fpu_copy(u8 *to, const u8 *from);
void fpu_save(u8 *area);
void fpu_load(const u8 *area);
void fpu_reset(u8 *area); /* to the initial state, and load it */
/* The part of a signal frame, 64-byte aligned; area is a saved one. */
u64 fpu_frame_bytes(void);
bool fpu_frame_extended(void);
s64 fpu_frame_write(u64 at, u8 *area);
s64 fpu_frame_read(u8 *area, u64 at); /* and load it */

/* ---- timer.c: time ---- */
void time_init(void);
void timer_init_cpu(void);
u64 time_ticks(void); /* TSC */
u64 time_ns(u64 ticks);
u64 time_to_ticks(u64 ns);
void timer_arm(u64 at); /* one interrupt at this TSC value; NEVER: none */
void timer_ack(void);
void apic_eoi(void);
void apic_send(u32 apic_id, u32 command);
void apic_enable(void);

/* ---- sched.c ---- */
void sched_init(void);
void sched_start(struct task *t); /* make a new task runnable */
void sched_run_first(void) NORETURN;
void sched_idle_loop(void) NORETURN;
void sched_yield(void);
void sched_migrate(void); /* off a processor that affinity excludes */
void waitq_init(struct waitq *q);
/*
 * Sleep until woken, until TSC `deadline`, or (interruptible) until a signal
 * is there: 0, -ETIMEDOUT, -EINTR. `q` may be NULL.
 */
s64 sched_sleep(struct waitq *q, u64 deadline, bool interruptible);
void waitq_wake(struct waitq *q, unsigned count);
void task_wake(struct task *t);    /* whatever it sleeps on, if interruptible */
void task_kick(struct task *t);    /* make it look at its signals soon */
void sched_tick(void);             /* a timer interrupt */
void sched_return(struct regs *r); /* last stop before ring 3 */
void sched_exit(void) NORETURN;    /* the current task never runs again */
void sched_timer_update(void);     /* deadlines changed */
void sched_set_mm(struct mm *mm);
u64 task_runtime(struct task *t);
/* Sleepers of poll, select and epoll: woken at any change of readiness. */
extern struct waitq poll_waiters;

/* ---- proc.c ---- */
extern struct list all_groups;
struct task *task_new(void);
void task_free(struct task *t);
struct task *task_by_tid(s32 tid);
struct group *group_by_pid(s32 pid);
void task_exit(u32 code) NORETURN;         /* this thread */
void group_exit(u32 wait_status) NORETURN; /* the process */
void proc_first(void);
void proc_release_vfork(struct task *t);
u64 proc_cpu_time(bool whole_process); /* TSC ticks */

/* ---- signal.c, sigframe.c ---- */
void sigpending_init(struct sigpending *p);
void sigpending_free(struct sigpending *p);
void signal_send_task(struct task *t, const struct siginfo *i);
void signal_send_group(struct group *g, const struct siginfo *i);
void signal_kernel(struct task *t, int signo);    /* SI_KERNEL, to a thread */
void signal_force(int signo, int code, u64 addr); /* a fault of current */
bool signal_waiting(struct task *t);              /* one that is not blocked */
void signal_deliver(struct regs *r);
/* Take one pending signal of the set; 0 if none. */
int signal_take(struct task *t, u64 set, struct siginfo *out);
u64 sigframe_bytes(void); /* most that a frame takes, for AT_MINSIGSTKSZ */
s64 sigframe_push(struct regs *r, const struct sigaction *a,
                  const struct siginfo *i, u64 mask);
void signal_fork(struct task *child, struct task *parent, bool share);
void signal_exec(struct task *t);
bool signal_ignored(struct group *g, int signo);

/* ---- file.c, path.c ...: see file.h ---- */

/* ---- futex.c ---- */
void futex_wake_address(struct mm *mm, u64 va, unsigned count);
void futex_exit_robust(struct task *t);

/* ---- proxy.c ---- */
extern bool proxy_present;
void proxy_init(void);
/* One request; buffers are given by proxy_bounce or by physical address. */
s64 proxy_call(u32 op, const u64 *arg, unsigned args);
u8 *proxy_bounce(void);
#define PROXY_BOUNCE 0x10000u
void console_write(int fd, const char *text, size_t n);
void machine_exit(u32 status) NORETURN;

/* ---- syscall.c ---- */
typedef s64 syscall_fn(const u64 *a);
void syscall_entry(struct regs *r);
void trap_entry(struct regs *r);

#endif
