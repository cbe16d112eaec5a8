/* SPDX-License-Identifier: Apache-2.0
 * Exceptions and interrupts: faults of programs become pages or signals,
 * faults of the kernel end the machine.
 */
#include "workloads/pk/pk.h"

enum vector {
    V_DE = 0,
    V_DB = 1,
    V_BP = 3,
    V_OF = 4,
    V_BR = 5,
    V_UD = 6,
    V_SS = 12,
    V_PF = 14,
    V_MF = 16,
    V_AC = 17,
    V_XM = 19,
};

/* The first unmasked exception among IE, DE, ZE, OE, UE, PE. */
static int fpe_code(u32 raised)
{
    static const u8 code[] = {FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV,
                              FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES};

    for (unsigned i = 0; i < ARRAY(code); i++)
        if (raised >> i & 1)
            return code[i];
    return 0;
}

static int fp_exception(u64 vector)
{
    struct task *t = current();
    u16 control, status;
    u32 mxcsr;

    fpu_save(t->fpu);
    memcpy(&control, t->fpu, sizeof control);
    memcpy(&status, t->fpu + 2, sizeof status);
    memcpy(&mxcsr, t->fpu + 24, sizeof mxcsr);
    if (vector == V_MF)
        return fpe_code(status & ~(u32)control & 0x3f);
    return fpe_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
}

static void page_fault(struct regs *r, u64 va)
{
    struct fault f = mm_fault(current()->mm, va, r->error);

    if (!f.signal)
        return;
    if (f.signal == SIGKILL) {
        pk_warn("out of memory: process %d (%s) is killed",
                current()->group->pid, current()->comm);
        group_exit(SIGKILL);
    }
    signal_force(f.signal, f.code, va);
}

static void exception(struct regs *r, u64 cr2)
{
    struct task *t = current();

    t->fault_vector = r->vector;
    t->fault_error = r->error;
    t->fault_addr = r->vector == V_PF ? cr2 : 0;
    switch (r->vector) {
    case V_DE: signal_force(SIGFPE, FPE_INTDIV, r->rip); break;
    case V_DB: signal_force(SIGTRAP, TRAP_TRACE, r->rip); break;
    case V_BP: signal_force(SIGTRAP, SI_KERNEL, 0); break;
    case V_UD: signal_force(SIGILL, ILL_ILLOPN, r->rip); break;
    case V_SS: signal_force(SIGBUS, SI_KERNEL, 0); break;
    case V_PF: page_fault(r, cr2); break;
    case V_MF:
    case V_XM: signal_force(SIGFPE, fp_exception(r->vector), r->rip); break;
    case V_AC: signal_force(SIGBUS, BUS_ADRALN, 0); break;
    default: signal_force(SIGSEGV, SI_KERNEL, 0); break;
    }
}

/* A copy to or from a program met a page that is not there (yet). */
static bool copy_fault(struct regs *r, u64 va)
{
    if (r->vector != V_PF || r->rip < (u64)user_copy_start ||
        r->rip >= (u64)user_copy_end || va >= USER_END || !current()->mm)
        return false;
    if (mm_fault(current()->mm, va, r->error).signal)
        r->rip = (u64)user_copy_failed;
    return true;
}

static void interrupt_in_kernel(struct regs *r, u64 cr2)
{
    switch (r->vector) {
    case VECTOR_TIMER:
        this_cpu()->armed = NEVER;
        apic_eoi();
        return;
    case VECTOR_FLUSH: cpu_flush_poll(); /* fallthrough */
    case VECTOR_WAKE: apic_eoi(); return;
    case VECTOR_SPURIOUS: return;
    default: break;
    }
    if (copy_fault(r, cr2))
        return;
    pk_panic("exception %lu, error %lx, at %lx, address %lx, stack %lx",
             r->vector, r->error, r->rip, cr2, r->rsp);
}

void trap_entry(struct regs *r)
{
    u64 cr2 = r->vector == V_PF ? cr2_read() : 0;

    if (!(r->cs & 3)) {
        interrupt_in_kernel(r, cr2);
        return;
    }
    if (r->vector == VECTOR_FLUSH) { /* its sender holds the lock */
        cpu_flush_poll();
        apic_eoi();
        return;
    }
    big_lock();
    current()->in_syscall = false;
    if (r->vector < 32) {
        exception(r, cr2);
    } else if (r->vector == VECTOR_TIMER) {
        apic_eoi();
        sched_tick();
    } else if (r->vector == VECTOR_WAKE) {
        apic_eoi();
    }
    sched_return(r);
    big_unlock();
}
