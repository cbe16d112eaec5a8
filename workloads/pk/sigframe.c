/* SPDX-License-Identifier: Apache-2.0
 * The frame of a signal handler on the program's stack, as Linux x86-64
 * lays it out, and the way back.
 */
#include "workloads/pk/proc.h"
#include "workloads/pk/syscall.h"

#define RED_ZONE             128u
#define UC_FP_XSTATE         1u
#define UC_SIGCONTEXT_SS     2u
#define UC_STRICT_RESTORE_SS 4u
#define FLAGS_KEPT           /* what sigreturn may set in RFLAGS */            \
    (0x0cd5ull | RFLAGS_TF | RFLAGS_RF | RFLAGS_AC)

struct mcontext {
    u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx,
        rsp, rip, rflags;
    u16 cs, gs, fs, ss;
    u64 err, trapno, oldmask, cr2, fpstate, reserved[8];
};

struct ucontext {
    u64 flags, link;
    u64 stack_sp;
    u32 stack_flags, pad;
    u64 stack_size;
    struct mcontext m;
    u64 sigmask;
};

struct frame {
    u64 restorer;
    struct ucontext uc;
    struct siginfo info;
};

_Static_assert(sizeof(struct siginfo) == 128, "Linux layout");
_Static_assert(sizeof(struct mcontext) == 256, "Linux layout");
_Static_assert(sizeof(struct ucontext) == 304, "Linux layout");

#define COPY_REGISTERS(to, from)                                               \
    do {                                                                       \
        (to)->r8 = (from)->r8;                                                 \
        (to)->r9 = (from)->r9;                                                 \
        (to)->r10 = (from)->r10;                                               \
        (to)->r11 = (from)->r11;                                               \
        (to)->r12 = (from)->r12;                                               \
        (to)->r13 = (from)->r13;                                               \
        (to)->r14 = (from)->r14;                                               \
        (to)->r15 = (from)->r15;                                               \
        (to)->rdi = (from)->rdi;                                               \
        (to)->rsi = (from)->rsi;                                               \
        (to)->rbp = (from)->rbp;                                               \
        (to)->rbx = (from)->rbx;                                               \
        (to)->rdx = (from)->rdx;                                               \
        (to)->rax = (from)->rax;                                               \
        (to)->rcx = (from)->rcx;                                               \
        (to)->rsp = (from)->rsp;                                               \
        (to)->rip = (from)->rip;                                               \
    } while (0)

static bool on_alternate_stack(const struct task *t, u64 sp)
{
    return sp - t->alt_sp < t->alt_size;
}

static void fill_context(struct ucontext *uc, const struct task *t,
                         const struct regs *r, u64 mask, u64 fpstate)
{
    *uc = (struct ucontext){
        .flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
                 (fpu_frame_extended() ? UC_FP_XSTATE : 0),
        .stack_sp = t->alt_sp,
        .stack_flags = t->alt_flags,
        .stack_size = t->alt_size,
        .sigmask = mask,
    };
    COPY_REGISTERS(&uc->m, r);
    uc->m.rflags = r->rflags;
    uc->m.cs = (u16)r->cs;
    uc->m.ss = (u16)r->ss;
    uc->m.err = t->fault_error;
    uc->m.trapno = t->fault_vector;
    uc->m.cr2 = t->fault_addr;
    uc->m.oldmask = mask;
    uc->m.fpstate = fpstate;
}

/* Frame, extended state, and what aligning both can take. */
u64 sigframe_bytes(void)
{
    return sizeof(struct frame) + 16 + fpu_frame_bytes() + 63;
}

s64 sigframe_push(struct regs *r, const struct sigaction *a,
                  const struct siginfo *i, u64 mask)
{
    struct task *t = current();
    struct frame f = {.restorer = a->restorer, .info = *i};
    u64 sp = r->rsp - RED_ZONE;

    if (!(a->flags & SA_RESTORER))
        return -EFAULT; /* as Linux: there is no other way back */
    if (a->flags & SA_ONSTACK && t->alt_size && !on_alternate_stack(t, r->rsp))
        sp = t->alt_sp + t->alt_size;
    u64 fpstate = align_down(sp - fpu_frame_bytes(), 64);
    /* At the handler's first instruction RSP is 8 below a multiple of 16. */
    u64 at = align_down(fpstate - sizeof f, 16) - 8;
    sched_save_current();
    fill_context(&f.uc, t, r, mask, fpstate);
    if (fpu_frame_write(fpstate, t->fpu) || PUT_USER(at, &f))
        return -EFAULT;
    fpu_reset(t->fpu); /* handlers begin with the initial state */
    r->rdi = (u64)i->signo;
    r->rsi = at + offsetof(struct frame, info);
    r->rdx = at + offsetof(struct frame, uc);
    r->rax = 0;
    r->rip = a->handler;
    r->rsp = at;
    r->rflags &= ~(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
    r->cs = SEL_USER_CODE;
    r->ss = SEL_USER_DATA;
    return r->rip < USER_END ? 0 : -EFAULT;
}

s64 sys_rt_sigreturn(const u64 *a)
{
    struct task *t = current();
    struct regs *r = t->regs;
    struct ucontext uc;
    u64 at = r->rsp - 8 + offsetof(struct frame, uc);

    (void)a;
    if (GET_USER(&uc, at) ||
        (uc.m.fpstate && fpu_frame_read(t->fpu, uc.m.fpstate)) ||
        uc.m.rip >= USER_END) {
        signal_force(SIGSEGV, SI_KERNEL, 0);
        return 0;
    }
    COPY_REGISTERS(r, &uc.m);
    r->rflags = (r->rflags & ~FLAGS_KEPT) | (uc.m.rflags & FLAGS_KEPT);
    t->sigmask = uc.sigmask & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP));
    t->alt_sp = uc.stack_sp;
    t->alt_size = uc.stack_size;
    t->alt_flags = uc.stack_flags & (SS_DISABLE | SS_AUTODISARM);
    t->in_syscall = false; /* RAX is not a result to be restarted on */
    return (s64)r->rax;
}
