/* SPDX-License-Identifier: Apache-2.0
 * One test for each exit reason that a guest at level 0 can raise by itself:
 * an instruction, the controls that make it exit, and what the exit must
 * report. Each name begins with "exit N": the coverage table counts them.
 * A control that the processor has not skips the test.
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

static struct vm vm;

/* Code of a case: what comes before, the instruction, and a VMCALL in case
 * that nothing exits. */
#define CASE(name, before, insn, after)                                        \
    __asm__(".pushsection .text\n.globl before_" #name ", at_" #name           \
            ", after_" #name "\n"                                              \
            "before_" #name ": " before "\nat_" #name ": " insn                \
            "\nafter_" #name ": " after "\nvmcall\n.popsection");              \
    extern const char before_##name[], at_##name[], after_##name[]

static uint8_t buffer[4096] __attribute__((aligned(4096), used));
static uint8_t touched[4096] __attribute__((aligned(4096), used));

CASE(ud2, "", "ud2", "");
CASE(nothing, "", "nop", "");
CASE(pending, "", "nop", "");
#define IPI(command)                                                           \
    "mov $0xfee00000, %ebx; movl $0x1ff, 0xf0(%rbx); mov 0x20(%rbx), %eax\n"   \
    "mov %eax, 0x310(%rbx); movl $" #command ", 0x300(%rbx)"
CASE(ipi, "sti\n" IPI(0x4051), "nop", "nop; nop");
CASE(init, IPI(0x4500), "nop", "nop; nop");
CASE(task_switch, ".code32", "ljmp $0x28, $0", "nop\n.code64");
CASE(nmi, IPI(0x4400), "nop", "nop; nop");
CASE(interrupt_window, "sti; nop", "nop", "");
CASE(nmi_window, "", "nop", "");
CASE(monitor_trap, "", "nop", "");
CASE(triple, "lidt null_idt", "ud2", "");
__asm__(".pushsection .rodata\nnull_idt: .word 0; .quad 0\n.popsection");
CASE(cpuid, "xor %eax, %eax", "cpuid", "");
CASE(hlt, "", "hlt", "");
CASE(invd, "", "invd", "");
CASE(invlpg, "mov $0x1234567, %eax", "invlpg (%rax)", "");
CASE(rdpmc, "xor %ecx, %ecx", "rdpmc", "");
CASE(rdtsc, "", "rdtsc", "");
CASE(vmcall, "", "vmcall", "");
CASE(vmclear, "", "vmclear buffer", "");
CASE(vmlaunch, "", "vmlaunch", "");
CASE(vmptrld, "", "vmptrld buffer", "");
CASE(vmptrst, "", "vmptrst buffer", "");
CASE(vmread, "", "vmread %rax, %rbx", "");
CASE(vmresume, "", "vmresume", "");
CASE(vmwrite, "", "vmwrite %rax, %rbx", "");
CASE(vmxoff, "", "vmxoff", "");
CASE(vmxon, "", "vmxon buffer", "");
CASE(mov_cr0, "mov %cr0, %rax; xor $8, %rax", "mov %rax, %cr0", "");
CASE(clts, "", "clts", "");
CASE(lmsw, "mov $0xf, %eax", "lmsw %ax", "");
CASE(mov_to_cr3, "mov %cr3, %rdi", "mov %rdi, %cr3", "");
CASE(mov_from_cr3, "", "mov %cr3, %r9", "");
CASE(mov_cr4, "mov %cr4, %rax; xor $4, %rax", "mov %rax, %cr4", "");
CASE(mov_to_cr8, "xor %ebx, %ebx", "mov %rbx, %cr8", "");
CASE(mov_from_cr8, "", "mov %cr8, %rdx", "");
CASE(mov_dr, "", "mov %dr3, %rsi", "");
CASE(in, "mov $0x71, %edx", "in %dx, %al", "");
CASE(out, "", "outw %ax, $0x80", "");
CASE(rdmsr, "mov $0x1b, %ecx", "rdmsr", "");
CASE(wrmsr, "mov $0xc0000102, %ecx; xor %eax, %eax; xor %edx, %edx", "wrmsr",
     "");
CASE(mwait, "xor %eax, %eax; xor %ecx, %ecx", "mwait", "");
CASE(monitor, "mov $buffer, %eax; xor %ecx, %ecx; xor %edx, %edx", "monitor",
     "");
CASE(pause, "", "pause", "");
CASE(sgdt, "", "sgdt buffer", "");
CASE(lidt, "", "lidt null_idt", "");
CASE(str, "", "str %ecx", "");
CASE(sldt, "", "sldt %ecx", "");
CASE(read, "", "mov touched, %al", "");
CASE(write, "", "movb $1, touched", "");
CASE(fetch, "mov $touched, %eax", "jmp *%rax", "");
CASE(invept, "mov $2, %eax", "invept buffer, %rax", "");
CASE(rdtscp, "", "rdtscp", "");
CASE(loop, "1:", "jmp 1b", "");
CASE(invvpid, "mov $2, %eax", "invvpid buffer, %rax", "");
CASE(wbinvd, "", "wbinvd", "");
CASE(xsetbv, "mov $1, %eax; xor %edx, %edx; xor %ecx, %ecx", "xsetbv", "");
CASE(rdrand, "", "rdrand %rdi", "");
CASE(rdseed, "", "rdseed %rdi", "");
CASE(invpcid, "mov $2, %eax", "invpcid buffer, %rax", "");
CASE(vmfunc, "mov $63, %eax; xor %ecx, %ecx", "vmfunc", "");
CASE(tpr, "mov $3, %eax", "mov %rax, %cr8", "");
CASE(apic_read, "", "mov touched + 0x30, %eax", "");
CASE(apic_eoi, "", "movl $0, touched + 0xb0", "");
CASE(apic_icr, "", "movl $0, touched + 0x300", "");
CASE(xsaves, "mov $1, %eax; xor %edx, %edx", "xsaves buffer", "");
CASE(xrstors, "mov $1, %eax; xor %edx, %edx", "xrstors buffer", "");
CASE(umwait, "xor %eax, %eax; xor %edx, %edx; xor %ecx, %ecx", "umwait %ecx",
     "");
CASE(tpause, "xor %eax, %eax; xor %edx, %edx; xor %ecx, %ecx", "tpause %ecx",
     "");

/* --- what the cases need; false: the processor has it not --- */

static bool none(void)
{
    return true;
}

static bool exception_ud(void)
{
    vmwrite(F_EXCEPTIONS, 1 << 6);
    return true;
}

static bool external_interrupt(void)
{
    return vm_enable(F_PIN, PIN_EXTINT) && vm_enable(F_EXIT, EXIT_ACK);
}

/* One that waits since before the entry, whatever RFLAGS.IF says: SDM Vol.3
 * "Pin-Based VM-Execution Controls". */
static bool pending_interrupt(void)
{
    apic_write(0xf0, 0x1ff); /* software-enabled */
    apic_write(0x310, apic_read(0x20));
    apic_write(0x300, 0x44051); /* fixed, to itself */
    return external_interrupt();
}

static bool nmi_exiting(void)
{
    return vm_enable(F_PIN, PIN_NMI);
}

static bool triple_fault(void)
{
    return true;
}

static bool window(void)
{
    return vm_enable(F_PRIMARY, CPU_INTR_WINDOW);
}

static bool virtual_nmi_window(void)
{
    return vm_enable(F_PIN, PIN_NMI | PIN_VNMI) &&
           vm_enable(F_PRIMARY, CPU_NMI_WINDOW);
}

#define PRIMARY(name, bits)                                                    \
    static bool name(void)                                                     \
    {                                                                          \
        return vm_enable(F_PRIMARY, bits);                                     \
    }
PRIMARY(hlt_exiting, CPU_HLT)
PRIMARY(invlpg_exiting, CPU_INVLPG)
PRIMARY(rdpmc_exiting, CPU_RDPMC)
PRIMARY(rdtsc_exiting, CPU_RDTSC)
PRIMARY(cr3_load, CPU_CR3_LOAD)
PRIMARY(cr3_store, CPU_CR3_STORE)
PRIMARY(cr8_load, CPU_CR8_LOAD)
PRIMARY(cr8_store, CPU_CR8_STORE)
PRIMARY(mov_dr_exiting, CPU_MOV_DR)
PRIMARY(io_exiting, CPU_IO)
PRIMARY(mtf, CPU_MTF)
PRIMARY(pause_exiting, CPU_PAUSE)

static bool has(uint32_t leaf, unsigned reg, unsigned bit)
{
    uint32_t r[4];
    cpuid(leaf, 0, r);
    return (r[reg] >> bit & 1) != 0;
}

static bool monitor_exiting(void)
{
    return has(1, 2, 3) && vm_enable(F_PRIMARY, CPU_MONITOR);
}

static bool mwait_exiting(void)
{
    return has(1, 2, 3) && vm_enable(F_PRIMARY, CPU_MWAIT);
}

#define SECONDARY(name, bits)                                                  \
    static bool name(void)                                                     \
    {                                                                          \
        return vm_enable(F_SECONDARY, bits);                                   \
    }
SECONDARY(desc_table, CPU2_DESC_TABLE)
SECONDARY(wbinvd_exiting, CPU2_WBINVD)
SECONDARY(rdrand_exiting, CPU2_RDRAND)
SECONDARY(rdseed_exiting, CPU2_RDSEED)

static bool rdtscp_exiting(void)
{
    return vm_enable(F_SECONDARY, CPU2_RDTSCP) &&
           vm_enable(F_PRIMARY, CPU_RDTSC);
}

static bool invpcid_exiting(void)
{
    return vm_enable(F_SECONDARY, CPU2_INVPCID) &&
           vm_enable(F_PRIMARY, CPU_INVLPG);
}

static bool user_wait(void)
{
    return vm_enable(F_SECONDARY, CPU2_USER_WAIT) &&
           vm_enable(F_PRIMARY, CPU_RDTSC);
}

/* Bits that the guest changes belong to us. */
static bool cr0_mask(void)
{
    vmwrite(F_CR0_MASK, 0x8);
    vmwrite(F_CR0_SHADOW, vmread(F_GUEST_CR0));
    return true;
}

static bool cr0_ts_set(void)
{
    vmwrite(F_CR0_MASK, 0x8);
    vmwrite(F_CR0_SHADOW, vmread(F_GUEST_CR0) | 8);
    return true;
}

static bool cr4_mask(void)
{
    vmwrite(F_CR4_MASK, 4);
    vmwrite(F_CR4_SHADOW, vmread(F_GUEST_CR4));
    return true;
}

static bool bad_flags(void)
{
    vmwrite(F_GUEST_RFLAGS, 0); /* bit 1 is 1 */
    return true;
}

static bool bad_link(void)
{
    vmwrite(F_LINK, 1); /* not aligned */
    return true;
}

/* IA32_FS_BASE may not be in the list. */
static bool bad_msr(void)
{
    uint32_t *list = page();
    list[0] = 0xc0000100;
    vmwrite(F_ENTRY_MSR_LOAD, (uintptr_t)list);
    vmwrite(F_ENTRY_MSR_LOADS, 1);
    return true;
}

static bool ept_no_access(uint64_t keep)
{
    uint64_t *entry;
    if (!vm_enable_ept((uintptr_t)touched, &entry))
        return false;
    *entry = (*entry & ~UINT64_C(7)) | keep;
    return true;
}

static bool ept_none(void)
{
    return ept_no_access(0);
}

static bool ept_read_only(void)
{
    return ept_no_access(1);
}

static bool ept_no_execute(void)
{
    return ept_no_access(3);
}

/* Writable but not readable. */
static bool ept_write_only(void)
{
    return ept_no_access(2);
}

static bool ept_cap(unsigned bit)
{
    return (vmx_allowed(F_SECONDARY) & (CPU2_EPT | CPU2_VPID)) != 0 &&
           (rdmsr(0x48c) >> bit & 1) != 0;
}

static bool has_invept(void)
{
    return ept_cap(20);
}

static bool has_invvpid(void)
{
    return ept_cap(32);
}

/* A store to a page that sub-page permissions decide about, without tables
 * for them: a miss. */
static bool sub_page_miss(void)
{
    enum { SUB_PAGE = 1 << 23 };
    uint64_t *entry;
    if ((vmx_allowed(F_SECONDARY) & SUB_PAGE) == 0 ||
        !vm_enable_ept((uintptr_t)touched, &entry))
        return false;
    *entry = (*entry & ~UINT64_C(2)) | UINT64_C(1) << 61;
    vmwrite(F_SUB_PAGE_TABLE, (uintptr_t)page());
    return vm_enable(F_SECONDARY, SUB_PAGE);
}

/* Tasks are switched outside IA-32e mode only: protected mode without paging,
 * for which the guest must be unrestricted. */
static bool legacy_guest(void)
{
    uint64_t *entry;
    if ((vmx_allowed(F_SECONDARY) & CPU2_UNRESTRICTED) == 0 ||
        !vm_enable_ept((uintptr_t)touched, &entry))
        return false;
    vmwrite(F_GUEST_CR0, vmread(F_GUEST_CR0) & 0x7fffffff);
    vmwrite(F_GUEST_ES_RIGHTS + 2, 0xc09b);
    vmwrite(F_ENTRY, vmread(F_ENTRY) & ~(uint64_t)ENTRY_IA32E);
    return vm_enable(F_SECONDARY, CPU2_UNRESTRICTED);
}

static bool timer(void)
{
    vmwrite(F_TIMER, 1000);
    return vm_enable(F_PIN, PIN_TIMER);
}

/* CR4.OSXSAVE for XSETBV and XSAVES. */
static bool with_xsave(void)
{
    if (!has(1, 2, 26))
        return false;
    vmwrite(F_GUEST_CR4, vmread(F_GUEST_CR4) | 1 << 18);
    return true;
}

static bool xsaves_exiting(void)
{
    uint32_t r[4];
    cpuid(13, 1, r);
    if ((r[0] & 8) == 0 || !with_xsave() ||
        !vm_enable(F_SECONDARY, CPU2_XSAVES))
        return false;
    vmwrite(F_XSS_BITMAP, ~UINT64_C(0));
    /* Exits are for components of IA32_XSS, of which there may be none. */
    return (r[2] | r[3]) != 0;
}

static bool vm_functions(void)
{
    uint64_t *entry;
    if ((vmx_allowed(F_SECONDARY) & CPU2_VMFUNC) == 0 ||
        !vm_enable_ept((uintptr_t)touched, &entry))
        return false;
    vmwrite(F_VM_FUNCTIONS, 0);
    return vm_enable(F_SECONDARY, CPU2_VMFUNC);
}

/* --- the virtual APIC --- */

static uint8_t *virtual_apic;

static bool tpr_shadow(void)
{
    if ((vmx_allowed(F_PRIMARY) & CPU_TPR_SHADOW) == 0)
        return false;
    virtual_apic = page();
    vmwrite(F_VIRTUAL_APIC, (uintptr_t)virtual_apic);
    vmwrite(F_TPR_THRESHOLD, 0);
    return vm_enable(F_PRIMARY, CPU_TPR_SHADOW);
}

static bool tpr_threshold(void)
{
    if (!tpr_shadow())
        return false;
    virtual_apic[0x80] = 0x60;
    vmwrite(F_TPR_THRESHOLD, 5);
    return true;
}

static bool apic_access(void)
{
    if (!tpr_shadow())
        return false;
    vmwrite(F_APIC_ACCESS, (uintptr_t)touched);
    return vm_enable(F_SECONDARY, CPU2_APIC_ACCESS);
}

static bool apic_registers(void)
{
    return apic_access() && vm_enable(F_SECONDARY, CPU2_APIC_REGISTERS);
}

/* Vector 51h is in service and its bit of the EOI-exit bitmap is set. */
static bool eoi(void)
{
    if (!apic_access() || !vm_enable(F_PIN, PIN_EXTINT) ||
        !vm_enable(F_SECONDARY, CPU2_VIRTUAL_INTR))
        return false;
    for (unsigned i = 0; i < 4; i++)
        vmwrite(F_EOI_BITMAP0 + 2 * i, i == 1 ? UINT64_C(1) << 17 : 0);
    virtual_apic[0x100 + 0x20 + 2] = 1 << 1; /* ISR bit 51h */
    vmwrite(F_GUEST_INTERRUPT_STATUS, 0x5100);
    return vm_enable(F_EXIT, EXIT_ACK);
}

/* PML with an index that is full: the first dirty flag exits. */
static bool pml_full(void)
{
    uint64_t *entry;
    if ((vmx_allowed(F_SECONDARY) & CPU2_PML) == 0 || !ept_cap(21) ||
        !vm_enable_ept((uintptr_t)touched, &entry))
        return false;
    vmwrite(F_EPTP, vmread(F_EPTP) | 1 << 6);
    vmwrite(F_PML_ADDRESS, (uintptr_t)page());
    vmwrite(F_PML_INDEX, 0xffff);
    return vm_enable(F_SECONDARY, CPU2_PML);
}

/* --- the table --- */

enum rip { FAULT, TRAP, ANY }; /* guest RIP: at, after, not looked at */

static const struct exit_case {
    const char *name, *before, *at, *after;
    bool (*prepare)(void);
    unsigned reason;
    enum rip rip;
    bool length; /* the instruction's is reported */
    uint64_t qualification, mask;
} cases[] = {
#define ROW(reason, name, prepare, rip, length, qualification, mask)           \
    {                                                                          \
#name, before_##name, at_##name, after_##name, prepare, reason, rip,   \
            length, qualification, mask                                        \
    }
#define INSN(reason, name, prepare)                                            \
    ROW(reason, name, prepare, FAULT, true, 0, 0)
#define QUAL(reason, name, prepare, q)                                         \
    ROW(reason, name, prepare, FAULT, true, q, ~UINT64_C(0))
    ROW(0, ud2, exception_ud, FAULT, false, 0, ~UINT64_C(0)),
    ROW(1, ipi, external_interrupt, ANY, false, 0, 0),
    ROW(1, pending, pending_interrupt, FAULT, false, 0, 0),
    ROW(2, triple, triple_fault, FAULT, false, 0, 0),
    ROW(7, interrupt_window, window, FAULT, false, 0, 0),
    ROW(8, nmi_window, virtual_nmi_window, FAULT, false, 0, 0),
    QUAL(9, task_switch, legacy_guest, 0x80000028),
    INSN(10, cpuid, none),
    INSN(12, hlt, hlt_exiting),
    INSN(13, invd, none),
    QUAL(14, invlpg, invlpg_exiting, 0x1234567),
    INSN(15, rdpmc, rdpmc_exiting),
    INSN(16, rdtsc, rdtsc_exiting),
    INSN(18, vmcall, none),
    INSN(19, vmclear, none),
    INSN(20, vmlaunch, none),
    INSN(21, vmptrld, none),
    INSN(22, vmptrst, none),
    INSN(23, vmread, none),
    INSN(24, vmresume, none),
    INSN(25, vmwrite, none),
    INSN(26, vmxoff, none),
    INSN(27, vmxon, none),
    QUAL(28, mov_cr0, cr0_mask, 0x000),
    QUAL(28, clts, cr0_ts_set, 0x020),
    QUAL(28, lmsw, cr0_mask, 0xf0030),
    QUAL(28, mov_to_cr3, cr3_load, 0x703),
    QUAL(28, mov_from_cr3, cr3_store, 0x913),
    QUAL(28, mov_cr4, cr4_mask, 0x004),
    QUAL(28, mov_to_cr8, cr8_load, 0x308),
    QUAL(28, mov_from_cr8, cr8_store, 0x218),
    QUAL(29, mov_dr, mov_dr_exiting, 0x613),
    QUAL(30, in, io_exiting, 0x00710008),
    QUAL(30, out, io_exiting, 0x00800041),
    INSN(31, rdmsr, none),
    INSN(32, wrmsr, none),
    INSN(36, mwait, mwait_exiting),
    ROW(37, monitor_trap, mtf, TRAP, false, 0, 0),
    INSN(39, monitor, monitor_exiting),
    INSN(40, pause, pause_exiting),
    ROW(43, tpr, tpr_threshold, TRAP, false, 0, 0),
    ROW(44, apic_read, apic_access, FAULT, false, 0x0030, 0xffff),
    ROW(44, apic_icr, apic_access, FAULT, false, 0x1300, 0xffff),
    ROW(45, apic_eoi, eoi, TRAP, false, 0x51, ~UINT64_C(0)),
    INSN(46, sgdt, desc_table),
    INSN(46, lidt, desc_table),
    INSN(47, str, desc_table),
    INSN(47, sldt, desc_table),
    /* Bits 0-2 the access, 3-5 the rights, 7 and 8 the linear address. */
    ROW(48, read, ept_none, FAULT, false, 0x181, 0x1bf),
    ROW(48, write, ept_read_only, FAULT, false, 0x18a, 0x1bf),
    ROW(48, fetch, ept_no_execute, ANY, false, 0x19c, 0x1bf),
    ROW(49, read, ept_write_only, FAULT, false, 0, 0),
    INSN(50, invept, has_invept),
    INSN(51, rdtscp, rdtscp_exiting),
    ROW(52, loop, timer, FAULT, false, 0, 0),
    INSN(53, invvpid, has_invvpid),
    INSN(54, wbinvd, wbinvd_exiting),
    INSN(55, xsetbv, with_xsave),
    ROW(56, apic_icr, apic_registers, TRAP, false, 0x300, ~UINT64_C(0)),
    INSN(57, rdrand, rdrand_exiting),
    INSN(58, invpcid, invpcid_exiting),
    INSN(59, vmfunc, vm_functions),
    INSN(61, rdseed, rdseed_exiting),
    ROW(62, write, pml_full, ANY, false, 0, 0),
    INSN(63, xsaves, xsaves_exiting),
    INSN(64, xrstors, xsaves_exiting),
    ROW(66, write, sub_page_miss, FAULT, false, 0, 0),
    INSN(67, umwait, user_wait),
    INSN(68, tpause, user_wait),
};

static const struct {
    const char *name;
    bool (*prepare)(void);
    uint64_t reason, qualification;
} failures[] = {
    {"RFLAGS bit 1 clear", bad_flags, 0x80000021, 0},
    {"VMCS link pointer", bad_link, 0x80000021, 4},
    {"MSR-load list", bad_msr, 0x80000022, 1},
};

static bool as_reported(const struct exit_case *k)
{
    uint64_t rip = vmread(F_GUEST_RIP), qual = vmread(F_QUALIFICATION);
    uint64_t at = (uintptr_t)k->at, after = (uintptr_t)k->after;
    bool good = true;
    if (k->rip != ANY && rip != (k->rip == FAULT ? at : after)) {
        diag("RIP 0x%lx, not 0x%lx", rip, k->rip == FAULT ? at : after);
        good = false;
    }
    if (k->length && vmread(F_LENGTH) != after - at) {
        diag("length %lu, not %lu", vmread(F_LENGTH), after - at);
        good = false;
    }
    if ((qual & k->mask) != (k->qualification & k->mask)) {
        diag("qualification 0x%lx, not 0x%lx", qual, k->qualification);
        good = false;
    }
    return good;
}

/* The vector and type of what made the exit, and that an interrupt was
 * acknowledged and is in service. */
static bool event_is(uint64_t due)
{
    uint64_t event = vmread(F_EXIT_EVENT) & 0x800007ff;
    if (event != due)
        diag("interruption information 0x%lx, not 0x%lx", event, due);
    apic_write(0xb0, 0);
    return event == due;
}

static void run_case(const struct exit_case *k)
{
    vm_reset(&vm, k->before);
    if (!k->prepare()) {
        static char text[64];
        unsigned n = 0;
        const char *from[] = {"exit ", NULL, " ", k->name};
        char number[4] = {(char)('0' + k->reason / 10),
                          (char)('0' + k->reason % 10), 0, 0};
        from[1] = k->reason < 10 ? number + 1 : number;
        for (unsigned i = 0; i < 4; i++)
            for (const char *p = from[i]; *p != '\0' && n < 63;)
                text[n++] = *p++;
        text[n] = '\0';
        skip(text, "not in this processor");
        return;
    }
    uint64_t reason = vm_run(&vm);
    if (reason != k->reason)
        diag("exit reason 0x%lx at 0x%lx, qualification 0x%lx", reason,
             vmread(F_GUEST_RIP), vmread(F_QUALIFICATION));
    bool good = reason == k->reason && as_reported(k);
    if (good && k->reason == 1)
        good = event_is(0x80000051);
    if (good && k->reason == 0)
        good = event_is(0x80000306);
    ok(good, "exit %u %s", k->reason, k->name);
}

/* After the others: NMIs are blocked then. */
static void test_nmi(void)
{
    vm_reset(&vm, before_nmi);
    if (!nmi_exiting()) {
        skip("exit 0 nmi", "not in this processor");
        return;
    }
    uint64_t reason = vm_run(&vm);
    if (reason != 0)
        diag("exit reason 0x%lx", reason);
    ok(reason == 0 && event_is(0x80000202), "exit 0 nmi");
}

/* Last: some emulators keep the signal. */
static void test_init(void)
{
    vm_reset(&vm, before_init);
    uint64_t reason = vm_run(&vm);
    if (reason != 3)
        diag("exit reason 0x%lx", reason);
    ok(reason == 3, "exit 3 init");
}

static void test_failure(unsigned i)
{
    vm_reset(&vm, before_nothing);
    (void)failures[i].prepare();
    uint64_t reason = vm_run(&vm);
    uint64_t qual = vmread(F_QUALIFICATION);
    bool good =
        reason == failures[i].reason && qual == failures[i].qualification;
    if (!good)
        diag("exit reason 0x%lx, qualification 0x%lx", reason, qual);
    ok(good, "exit %u %s", (unsigned)failures[i].reason & 0xffff,
       failures[i].name);
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("all", "no VMX, or the firmware has locked it off");
        return plan_end();
    }
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run_case(&cases[i]);
    for (unsigned i = 0; i < sizeof failures / sizeof failures[0]; i++)
        test_failure(i);
    test_nmi();
    test_init();
    return plan_end();
}
