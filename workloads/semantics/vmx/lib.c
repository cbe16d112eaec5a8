/* SPDX-License-Identifier: Apache-2.0
 * The library of the VMX tests: see vmx.h.
 */
#include "semantics/vmx/vmx.h"

#include <stdarg.h>

enum {
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_VMX_BASIC = 0x480,
    MSR_CR0_FIXED0 = 0x486,
    MSR_CR0_FIXED1 = 0x487,
    MSR_CR4_FIXED0 = 0x488,
    MSR_CR4_FIXED1 = 0x489,
    MSR_SECONDARY = 0x48b,
    MSR_EPT_VPID = 0x48c,
    MSR_TRUE_PIN = 0x48d,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_EFER = 0xc0000080,
    CR4_VMXE = 1 << 13,
};

#define read_cr(n)                                                             \
    ({                                                                         \
        uint64_t v_;                                                           \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v_));                     \
        v_;                                                                    \
    })
#define write_cr(n, v)                                                         \
    __asm__ volatile("mov %0, %%cr" #n : : "r"((uint64_t)(v)) : "memory")

/* --- memory --- */

static uint8_t pool[1024][4096] __attribute__((aligned(4096)));
static unsigned pool_used;

void *page(void)
{
    if (pool_used == sizeof pool / sizeof pool[0])
        pool_used = 1; /* not the VMXON region, the first of them */
    uint64_t *p = (uint64_t *)(void *)pool[pool_used++];
    for (unsigned i = 0; i < 512; i++)
        p[i] = 0;
    return p;
}

unsigned pages_used(void)
{
    return pool_used;
}

void pages_release(unsigned used)
{
    pool_used = used;
}

/* --- exceptions of our own --- */

int fault_vector;
uint64_t fault_rsp, fault_rip;
static uint64_t idt[512] __attribute__((aligned(16)));
extern const char fault_stubs[], host_return[];

__asm__(".pushsection .text\n"
        ".globl fault_stubs\n"
        ".balign 16\n"
        "fault_stubs:\n"
        ".set v, 0\n"
        ".rept 32\n"
        " .balign 16\n"
        " movl $v, fault_vector\n"
        " jmp fault_common\n"
        " .set v, v + 1\n"
        ".endr\n"
        "fault_common: mov fault_rsp, %rsp; jmp *fault_rip\n"
        /* faults(fn in RDI) */
        ".globl faults\n"
        "faults: push %rbx; push %rbp; push %r12; push %r13; push %r14;\n"
        " push %r15; sub $8, %rsp; mov %rsp, fault_rsp\n"
        " movq $1f, fault_rip; movl $-1, fault_vector\n"
        " call *%rdi\n"
        "1: mov fault_vector, %eax\n"
        " add $8, %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp\n"
        " pop %rbx; ret\n"
        ".popsection");

static void load_idt(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) r = {sizeof idt - 1, (uintptr_t)idt};
    for (unsigned v = 0; v < 32; v++) {
        uint64_t at = (uintptr_t)fault_stubs + 16 * v;
        idt[2 * v] = (at & 0xffff) | UINT64_C(0x8e0000080000) |
                     (at >> 16 & 0xffff) << 48;
        idt[2 * v + 1] = at >> 32;
    }
    __asm__ volatile("lidt %0" : : "m"(r));
}

/* A GDT with room for a TSS: VMX wants a busy one in TR on both sides. */
static uint64_t gdt[6] __attribute__((aligned(8))) = {
    0, UINT64_C(0x00af9b000000ffff), UINT64_C(0x00cf93000000ffff), 0, 0};
static uint8_t tss[104];

static void load_gdt(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) r = {sizeof gdt - 1, (uintptr_t)gdt};
    uint64_t at = (uintptr_t)tss;
    gdt[3] = (sizeof tss - 1) | (at & 0xffffff) << 16 | UINT64_C(0x89) << 40 |
             (at >> 24 & 0xff) << 56;
    gdt[4] = at >> 32;
    gdt[5] = gdt[3]; /* one for guests outside IA-32e mode, not busy */
    __asm__ volatile("lgdt %0; ltr %w1" : : "m"(r), "r"(0x18));
}

/* --- VMX operation --- */

bool vmx_possible(void)
{
    uint32_t r[4];
    cpuid(1, 0, r);
    if ((r[2] & 1 << 5) == 0)
        return false;
    uint64_t control = rdmsr(MSR_FEATURE_CONTROL);
    return (control & 1) == 0 || (control & 4) != 0;
}

static uint32_t revision;

bool vmx_start(void)
{
    load_gdt();
    load_idt();
    if (!vmx_possible())
        return false;
    if ((rdmsr(MSR_FEATURE_CONTROL) & 1) == 0)
        wrmsr(MSR_FEATURE_CONTROL, rdmsr(MSR_FEATURE_CONTROL) | 5);
    uint64_t cr0 = read_cr(0), cr4 = read_cr(4);
    write_cr(0, (cr0 | rdmsr(MSR_CR0_FIXED0)) & rdmsr(MSR_CR0_FIXED1));
    write_cr(4,
             (cr4 | CR4_VMXE | rdmsr(MSR_CR4_FIXED0)) & rdmsr(MSR_CR4_FIXED1));
    revision = (uint32_t)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
    uint32_t *region = page();
    *region = revision;
    uint64_t at = (uintptr_t)region;
    bool failed;
    __asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(at) : "memory");
    return !failed;
}

uint64_t vmread(unsigned field)
{
    uint64_t v = 0;
    bool failed;
    __asm__ volatile("vmread %2, %1"
                     : "=@ccbe"(failed), "+r"(v)
                     : "r"((uint64_t)field));
    if (failed)
        diag("VMREAD %x fails", field);
    return v;
}

void vmwrite(unsigned field, uint64_t v)
{
    bool failed;
    __asm__ volatile("vmwrite %2, %1"
                     : "=@ccbe"(failed)
                     : "r"((uint64_t)field), "r"(v));
    if (failed)
        diag("VMWRITE %x fails", field);
}

/* The capability MSR of a control field: bits that must be 1 below, bits that
 * may be 1 above. The TRUE ones are there where IA32_VMX_BASIC says so. */
static uint64_t capability(unsigned field)
{
    bool exact = (rdmsr(MSR_VMX_BASIC) >> 55 & 1) != 0;
    switch (field) {
    case F_PIN: return rdmsr(exact ? 0x48d : 0x481);
    case F_PRIMARY: return rdmsr(exact ? 0x48e : 0x482);
    case F_EXIT: return rdmsr(exact ? 0x48f : 0x483);
    case F_ENTRY: return rdmsr(exact ? 0x490 : 0x484);
    default:
        return (vmx_allowed(F_PRIMARY) & CPU_SECONDARY) != 0
                   ? rdmsr(MSR_SECONDARY)
                   : 0;
    }
}

uint32_t vmx_allowed(unsigned field)
{
    return (uint32_t)(capability(field) >> 32);
}

bool vm_enable(unsigned field, uint32_t bits)
{
    if ((vmx_allowed(field) & bits) != bits)
        return false;
    if (field == F_SECONDARY)
        vmwrite(F_PRIMARY, vmread(F_PRIMARY) | CPU_SECONDARY);
    vmwrite(field, vmread(field) | bits);
    return true;
}

static void host_state(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) g, i;
    __asm__ volatile("sgdt %0; sidt %1" : "=m"(g), "=m"(i));
    vmwrite(F_HOST_CR0, read_cr(0));
    vmwrite(F_HOST_CR3, read_cr(3));
    vmwrite(F_HOST_CR4, read_cr(4));
    for (unsigned k = 0; k < 6; k++)
        vmwrite(F_HOST_ES + 2 * k, k == 1 ? 8 : 16);
    vmwrite(F_HOST_TR, 0x18);
    vmwrite(F_HOST_FS_BASE, rdmsr(MSR_FS_BASE));
    vmwrite(F_HOST_GS_BASE, rdmsr(MSR_GS_BASE));
    vmwrite(F_HOST_TR_BASE, (uintptr_t)tss);
    vmwrite(F_HOST_GDTR_BASE, g.base);
    vmwrite(F_HOST_IDTR_BASE, i.base);
    vmwrite(F_HOST_SYSENTER_CS, 0);
    vmwrite(F_HOST_RIP, (uintptr_t)host_return);
    vmwrite(F_GUEST_GDTR_BASE, g.base);
    vmwrite(F_GUEST_GDTR_LIMIT, g.limit);
    vmwrite(F_GUEST_IDTR_BASE, i.base);
    vmwrite(F_GUEST_IDTR_LIMIT, i.limit);
}

static void guest_segments(void)
{
    for (unsigned k = 0; k < 8; k++) {
        /* ES CS SS DS FS GS LDTR TR */
        static const uint16_t selector[8] = {16, 8, 16, 16, 16, 16, 0, 0x18};
        static const uint32_t rights[8] = {0xc093, 0xa09b, 0xc093,  0xc093,
                                           0xc093, 0xc093, 0x10000, 0x8b};
        vmwrite(F_GUEST_ES + 2 * k, selector[k]);
        vmwrite(F_GUEST_ES_LIMIT + 2 * k, k < 6 ? 0xffffffff : sizeof tss - 1);
        vmwrite(F_GUEST_ES_RIGHTS + 2 * k, rights[k]);
        vmwrite(F_GUEST_ES_BASE + 2 * k, k == 7 ? (uintptr_t)tss : 0);
    }
}

static uint8_t guest_stack[8192] __attribute__((aligned(16)));

static void guest_state(const void *code)
{
    vmwrite(F_GUEST_CR0, read_cr(0));
    vmwrite(F_GUEST_CR3, read_cr(3));
    vmwrite(F_GUEST_CR4, read_cr(4));
    guest_segments();
    vmwrite(F_GUEST_DR7, 0x400);
    vmwrite(F_GUEST_RSP, (uintptr_t)(guest_stack + sizeof guest_stack - 8));
    vmwrite(F_GUEST_RIP, (uintptr_t)code);
    vmwrite(F_GUEST_RFLAGS, 2);
    vmwrite(F_LINK, ~UINT64_C(0));
    static const unsigned zero[] = {F_GUEST_DEBUGCTL,
                                    F_INTERRUPTIBILITY,
                                    F_ACTIVITY,
                                    F_GUEST_PENDING_DEBUG,
                                    F_GUEST_SYSENTER_CS,
                                    0x6824,
                                    0x6826,
                                    0x6c10,
                                    0x6c12};
    for (unsigned k = 0; k < sizeof zero / sizeof zero[0]; k++)
        vmwrite(zero[k], 0);
}

static void controls(void)
{
    static const unsigned fields[] = {F_PIN, F_PRIMARY, F_EXIT, F_ENTRY};
    for (unsigned k = 0; k < 4; k++)
        vmwrite(fields[k], (uint32_t)capability(fields[k]));
    if ((vmx_allowed(F_PRIMARY) & CPU_SECONDARY) != 0)
        vmwrite(F_SECONDARY, (uint32_t)capability(F_SECONDARY));
    vmwrite(F_EXIT, vmread(F_EXIT) | EXIT_HOST64);
    vmwrite(F_ENTRY, vmread(F_ENTRY) | ENTRY_IA32E);
    static const unsigned zero[] = {F_EXCEPTIONS,
                                    0x4006,
                                    0x4008,
                                    F_CR3_TARGETS,
                                    F_EXIT_MSR_STORES,
                                    F_EXIT_MSR_LOADS,
                                    F_ENTRY_MSR_LOADS,
                                    F_ENTRY_EVENT,
                                    F_CR0_MASK,
                                    F_CR4_MASK,
                                    F_CR0_SHADOW,
                                    F_CR4_SHADOW,
                                    F_TSC_OFFSET};
    for (unsigned k = 0; k < sizeof zero / sizeof zero[0]; k++)
        vmwrite(zero[k], 0);
    /* The true controls of a processor that has none make CR3 exit. */
}

void vm_reset(struct vm *vm, const void *code)
{
    bool failed;
    for (unsigned i = 0; i < GPR_COUNT; i++)
        vm->gpr[i] = 0;
    uint32_t *region = page();
    *region = revision;
    vm->vmcs = (uintptr_t)region;
    vm->launched = false;
    __asm__ volatile("vmclear %1"
                     : "=@ccbe"(failed)
                     : "m"(vm->vmcs)
                     : "memory");
    if (failed)
        diag("VMCLEAR fails");
    __asm__ volatile("vmptrld %1"
                     : "=@ccbe"(failed)
                     : "m"(vm->vmcs)
                     : "memory");
    if (failed)
        diag("VMPTRLD fails");
    controls();
    host_state();
    guest_state(code);
}

bool vm_enable_ept(uint64_t at, uint64_t **entry)
{
    if ((vmx_allowed(F_SECONDARY) & CPU2_EPT) == 0)
        return false;
    uint64_t cap = rdmsr(MSR_EPT_VPID);
    if ((cap & 1 << 6) == 0 || (cap & 1 << 14) == 0 || (cap & 1 << 16) == 0)
        return false; /* 4 levels, write-back tables, 2-MiB pages */
    uint64_t *top = page(), *pdpt = page(), *table = page();
    top[0] = (uintptr_t)pdpt | 7;
    for (uint64_t g = 0; g < 4; g++) {
        uint64_t *pd = page();
        pdpt[g] = (uintptr_t)pd | 7;
        for (uint64_t i = 0; i < 512; i++)
            pd[i] = (g << 30 | i << 21) | 0xb7; /* leaf, write-back, RWX */
        if (at >> 30 != g)
            continue;
        for (uint64_t i = 0; i < 512; i++)
            table[i] = (at >> 21 << 21 | i << 12) | 0x37;
        pd[at >> 21 & 511] = (uintptr_t)table | 7;
    }
    *entry = &table[at >> 12 & 511];
    vmwrite(F_EPTP, (uintptr_t)top | 3 << 3 | 6);
    return vm_enable(F_SECONDARY, CPU2_EPT);
}

/* --- entering --- */

uint64_t vm_switch(uint64_t *gpr, bool launched);

__asm__(".pushsection .text\n"
        ".globl vm_switch, host_return\n"
        "vm_switch: push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
        " push %r15; push %rdi\n"
        " mov $0x6c14, %eax; vmwrite %rsp, %rax; jbe 9f\n"
        " mov %rdi, %rax; test %sil, %sil\n"
        " mov 8(%rax), %rcx; mov 16(%rax), %rdx; mov 24(%rax), %rbx\n"
        " mov 40(%rax), %rbp; mov 48(%rax), %rsi; mov 56(%rax), %rdi\n"
        " mov 64(%rax), %r8; mov 72(%rax), %r9; mov 80(%rax), %r10\n"
        " mov 88(%rax), %r11; mov 96(%rax), %r12; mov 104(%rax), %r13\n"
        " mov 112(%rax), %r14; mov 120(%rax), %r15\n"
        " mov (%rax), %rax\n" /* MOV changes no flag */
        " jnz 1f\n"
        " vmlaunch; jmp 9f\n"
        "1: vmresume\n"
        "9: pushfq; pop %rax; and $0x41, %eax\n" /* CF, ZF */
        " or $0x1000, %eax; pop %rdi; jmp 8f\n"
        "host_return: push %rax; mov 8(%rsp), %rax; popq (%rax)\n"
        " mov %rcx, 8(%rax); mov %rdx, 16(%rax); mov %rbx, 24(%rax)\n"
        " mov %rbp, 40(%rax); mov %rsi, 48(%rax); mov %rdi, 56(%rax)\n"
        " mov %r8, 64(%rax); mov %r9, 72(%rax); mov %r10, 80(%rax)\n"
        " mov %r11, 88(%rax); mov %r12, 96(%rax); mov %r13, 104(%rax)\n"
        " mov %r14, 112(%rax); mov %r15, 120(%rax)\n"
        " pop %rdi; xor %eax, %eax\n"
        "8: pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
        ".popsection");

uint64_t vm_run(struct vm *vm)
{
    uint64_t flags = vm_switch(vm->gpr, vm->launched);
    if (flags == 0) {
        uint64_t reason = vmread(F_REASON);
        vm->launched |= (reason >> 31 & 1) == 0;
        return reason;
    }
    return (flags & 0x40) != 0 ? VM_FAIL_VALID | vmread(F_ERROR)
                               : VM_FAIL_INVALID;
}

/* --- the local APIC --- */

static volatile uint32_t *apic(unsigned offset)
{
    return (volatile uint32_t *)(UINT64_C(0xfee00000) + offset);
}

void apic_write(unsigned offset, uint32_t v)
{
    *apic(offset) = v;
}

uint32_t apic_read(unsigned offset)
{
    return *apic(offset);
}

/* --- results --- */

enum { CONSOLE = 0xe9, COM1 = 0x3f8 };

static unsigned tests, failed_tests;

static void put(char c)
{
    __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)CONSOLE));
}

static void put_text(const char *s)
{
    while (*s != '\0')
        put(*s++);
}

static void put_number(uint64_t v, unsigned base)
{
    char digits[24];
    unsigned n = 0;
    do {
        digits[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0);
    while (n > 0)
        put(digits[--n]);
}

/* %s %u %x, with l for 64 bits. */
static void put_format(const char *format, va_list args)
{
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        format++;
        bool wide = *format == 'l';
        format += wide;
        if (*format == 's')
            put_text(va_arg(args, const char *));
        else
            put_number(wide ? va_arg(args, uint64_t) : va_arg(args, unsigned),
                       *format == 'x' ? 16 : 10);
    }
}

void plan_begin(void)
{
    tests = failed_tests = 0;
}

void ok(bool good, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tests++;
    failed_tests += !good;
    put_text(good ? "ok " : "not ok ");
    put_number(tests, 10);
    put_text(" - ");
    put_format(format, args);
    put('\n');
    va_end(args);
}

void skip(const char *name, const char *why)
{
    put_text("ok ");
    put_number(++tests, 10);
    put_text(" - ");
    put_text(name);
    put_text(" # SKIP ");
    put_text(why);
    put('\n');
}

void diag(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_text("# ");
    put_format(format, args);
    put('\n');
    va_end(args);
}

int plan_end(void)
{
    put_text("1..");
    put_number(tests, 10);
    put('\n');
    return failed_tests != 0;
}
