/* SPDX-License-Identifier: Apache-2.0
 * Handling exits: the next instruction, injected exceptions, the guest's end,
 * and instructions that a guest of this machine does not have.
 */
#include "workloads/microhv/hv.h"

void skip_instruction(void)
{
    u64 from = vm_read(GUEST_RIP), rip = from + vm_read(EXIT_LENGTH);
    u64 blocked = vm_read(GUEST_INTERRUPTIBILITY);

    if (rip >> 32 && !(from >> 32) && !guest_is_64())
        rip = (u32)rip;
    vm_write(GUEST_RIP, rip);
    /* STI and MOV SS block for one instruction: it is over. */
    if (blocked & (BLOCKED_BY_STI | BLOCKED_BY_MOVSS))
        vm_write(GUEST_INTERRUPTIBILITY,
                 blocked & ~(u64)(BLOCKED_BY_STI | BLOCKED_BY_MOVSS));
}

/* ---- Ends ---- */

static const char *const reason_name[EXIT_REASONS] = {
    [EXIT_EXCEPTION_NMI] = "EXCEPTION_NMI",
    [EXIT_EXTERNAL_INTERRUPT] = "EXTERNAL_INTERRUPT",
    [EXIT_TRIPLE_FAULT] = "TRIPLE_FAULT",
    [EXIT_INTERRUPT_WINDOW] = "INTERRUPT_WINDOW",
    [EXIT_NMI_WINDOW] = "NMI_WINDOW",
    [EXIT_TASK_SWITCH] = "TASK_SWITCH",
    [EXIT_CPUID] = "CPUID",
    [EXIT_HLT] = "HLT",
    [EXIT_INVD] = "INVD",
    [EXIT_INVLPG] = "INVLPG",
    [EXIT_VMCALL] = "VMCALL",
    [EXIT_CR_ACCESS] = "CR_ACCESS",
    [EXIT_IO] = "IO_INSTRUCTION",
    [EXIT_RDMSR] = "MSR_READ",
    [EXIT_WRMSR] = "MSR_WRITE",
    [EXIT_EPT_VIOLATION] = "EPT_VIOLATION",
    [EXIT_EPT_MISCONFIG] = "EPT_MISCONFIG",
    [EXIT_XSETBV] = "XSETBV",
};

static void print_exits(const struct vcpu *v)
{
    for (unsigned i = 0; i < EXIT_REASONS; i++)
        if (v->exits[i] && reason_name[i])
            hv_say("exits %s %lu", reason_name[i], v->exits[i]);
        else if (v->exits[i])
            hv_say("exits %u %lu", i, v->exits[i]);
}

static NORETURN void end(const struct vcpu *v)
{
    if (hv.options.stats)
        print_exits(v);
    hv_shutdown();
}

NORETURN void exit_triple_fault(struct vcpu *v)
{
    hv_say("the guest: triple fault near %lx", vm_read(GUEST_RIP));
    end(v);
}

/* ---- Injection ---- */

/* SDM Vol.3 "Double Fault Exception (#DF)": #PF and the contributory ones. */
static bool makes_double(u32 first, u32 second)
{
    const u32 contributory =
        1u << 0 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13;

    if (first == 14)
        return second == 14 || contributory >> second & 1;
    return contributory >> first & 1 && contributory >> second & 1;
}

/* The event of the entry gives way to an exception met in delivering it. */
static u32 give_way(struct vcpu *v, u32 event, u32 vector)
{
    switch (EVENT_TYPE(event)) {
    case TYPE_EXTERNAL:
        v->waits[(event & 255) / 64] |= 1ull << (event & 63);
        return vector;
    case TYPE_NMI: v->nmi = true; return vector;
    case TYPE_EXCEPTION:
        if ((event & 255) == 8)
            return 0x100; /* a third fault */
        return makes_double(event & 255, vector) ? 8 : vector;
    default: return vector; /* its instruction is executed again */
    }
}

void inject_exception(struct vcpu *v, u32 vector, bool has_error, u32 error)
{
    if (v->vectoring) {
        u32 event = (u32)vm_read(ENTRY_INTERRUPTION);
        u32 now = give_way(v, event, vector);
        if (now > 255)
            exit_triple_fault(v);
        if (now != vector) {
            has_error = true;
            error = 0;
        }
        vector = now;
    }
    if (has_error)
        vm_write(ENTRY_ERROR_CODE, error);
    vm_write(ENTRY_INTERRUPTION, EVENT_VALID | EVENT_EXCEPTION | vector |
                                     (has_error ? EVENT_ERROR : 0));
}

void inject_gp(struct vcpu *v)
{
    inject_exception(v, 13, true, 0);
}

void inject_ud(struct vcpu *v)
{
    inject_exception(v, 6, false, 0);
}

/* ---- Exits that end the guest ---- */

void exit_ept_violation(struct vcpu *v)
{
    hv_say("the guest at %lx touches %lx, which is not its memory "
           "(qualification %lx)",
           vm_read(GUEST_RIP), vm_read(GUEST_PHYSICAL),
           vm_read(EXIT_QUALIFICATION));
    end(v);
}

void exit_unexpected(struct vcpu *v)
{
    u64 reason = vm_read(EXIT_REASON);

    hv_say("exit %lx of the guest at %lx is not expected (qualification %lx)",
           reason, vm_read(GUEST_RIP), vm_read(EXIT_QUALIFICATION));
    end(v);
}

/* ---- Instructions that a guest of this machine does not have ---- */

void exit_ud(struct vcpu *v)
{
    inject_ud(v);
}

/* INVD would lose what the caches hold for everyone. */
void exit_invd(struct vcpu *v)
{
    (void)v;
    __asm__ volatile("wbinvd" : : : "memory");
    skip_instruction();
}

void exit_cpuid(struct vcpu *v)
{
    u32 leaf = (u32)v->gpr[RAX], sub = (u32)v->gpr[RCX];
    struct cpuid r = cpuid(leaf, sub);
    const u32 vmx = 1u << 5, pcid = 1u << 17, osxsave = 1u << 27;
    const u32 invpcid = 1u << 10, ospke = 1u << 4, la57 = 1u << 16;

    if (leaf == 1) {
        r.c &= ~(vmx | osxsave);
        if (guest_cr4() & CR4_OSXSAVE)
            r.c |= osxsave;
        if (hv.options.shadow)
            r.c &= ~pcid;
    } else if (leaf == 7 && sub == 0) {
        r.c &= ~ospke;
        if (guest_cr4() & 1u << 22)
            r.c |= ospke;
        if (hv.options.shadow) {
            r.b &= ~invpcid;
            r.c &= ~(la57 | 1u << 3);
        }
    }
    v->gpr[RAX] = r.a;
    v->gpr[RBX] = r.b;
    v->gpr[RCX] = r.c;
    v->gpr[RDX] = r.d;
    skip_instruction();
}

/* Executed for the guest: the state is the guest's. */
void exit_xsetbv(struct vcpu *v)
{
    u64 value = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;

    if (try_xsetbv((u32)v->gpr[RCX], value))
        inject_gp(v);
    else
        skip_instruction();
}
