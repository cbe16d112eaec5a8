/* SPDX-License-Identifier: Apache-2.0
 * What VMX operations cost on the processor that runs this, by its own
 * RDTSC: one line "name cycles" each, on the debug console. A round trip is
 * a VM exit and the entry that follows, with VPID and EPT in use where there
 * are such, and nothing between them but a count.
 */
#include "workloads/microhv/vmx.h"

int guest_main(const char *line);

/* enter.S */
int vm_run(uint64_t exits, int launch);
extern const char guest_call[], guest_switch[];
extern volatile uint64_t guest_cycles;

extern uint64_t pml4[];

#define PAGES __attribute__((aligned(4096)))
static uint8_t vmxon_region[4096] PAGES, vmcs[4096] PAGES, spare[4096] PAGES;
static uint64_t ept_top[512] PAGES, ept_next[512] PAGES, ept_last[512] PAGES;
static uint64_t eptp_list[512] PAGES;
static uint8_t guest_stack[4096] PAGES;
static uint64_t gdt[5];
static uint8_t tss[104];
static uint64_t eptp;

enum { CODE = 8, DATA = 16, TSS = 24, REPEAT = 64, TRIPS = 1000 };

/* --------------------------------------------------------------- printing */

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void put(const char *s)
{
    for (; *s != '\0'; s++)
        out8(0xe9, (uint8_t)*s);
}

static void put_number(uint64_t n)
{
    char digits[24];
    unsigned at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    put(digits + at);
}

/* cycles / times to a hundredth. */
static void result(const char *name, uint64_t cycles, uint64_t times)
{
    uint64_t hundredths = (cycles * 100 + times / 2) / times;
    put(name);
    put(" ");
    put_number(hundredths / 100);
    put(hundredths % 100 < 10 ? ".0" : ".");
    put_number(hundredths % 100);
    put("\n");
}

_Noreturn static void fail(const char *what, uint64_t code)
{
    put("failed: ");
    put(what);
    put(" ");
    put_number(code);
    put("\n");
    for (;;)
        __asm__ volatile("outl %0, %1\n\thlt" : : "a"(1), "Nd"((u16)0xf4));
}

bool vm_write_failed(enum vmcs_field field)
{
    fail("VMWRITE of field", field);
}

/* -------------------------------------------------------------- registers */

static uint64_t rdmsr(uint32_t n)
{
    uint32_t a, d;
    __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n));
    return (uint64_t)d << 32 | a;
}

static uint64_t rdtsc(void)
{
    uint32_t a, d;
    __asm__ volatile("rdtsc" : "=a"(a), "=d"(d) : : "memory");
    return (uint64_t)d << 32 | a;
}

static uint64_t cr0(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

static uint64_t cr4(void)
{
    uint64_t v;
    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}

/* A GDT with a TSS: host state wants a task register. */
static void descriptor_tables(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } table = {sizeof gdt - 1, (uintptr_t)gdt};
    uint64_t base = (uintptr_t)tss;
    gdt[1] = 0x00af9b000000ffff;
    gdt[2] = 0x00cf93000000ffff;
    gdt[3] = 0x0000890000000067 | (base & 0xffffff) << 16 |
             (base >> 24 & 0xff) << 56;
    __asm__ volatile("lgdt %0" : : "m"(table));
    __asm__ volatile("ltr %w0" : : "r"(TSS));
}

/* ------------------------------------------------------------------- VMX */

static void enter_operation(void)
{
    uint32_t revision = (uint32_t)rdmsr(MSR_VMX_BASIC) & 0x7fffffff;
    if ((rdmsr(MSR_FEATURE_CONTROL) & 5) != 5)
        fail("IA32_FEATURE_CONTROL", rdmsr(MSR_FEATURE_CONTROL));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0() | 1 << 5)); /* NE */
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4() | 1 << 13));
    *(uint32_t *)vmxon_region = *(uint32_t *)vmcs = *(uint32_t *)spare =
        revision;
    if (!vmx_on((uintptr_t)vmxon_region) || !vmx_clear((uintptr_t)vmcs) ||
        !vmx_clear((uintptr_t)spare) || !vmx_load((uintptr_t)vmcs))
        fail("VMXON, VMCLEAR or VMPTRLD", 0);
}

/* What is wanted and allowed, and what must be. */
static uint64_t adjusted(uint32_t msr, uint32_t wanted)
{
    uint64_t caps = rdmsr(msr);
    return (wanted | (uint32_t)caps) & (uint32_t)(caps >> 32);
}

/* The first GiB, identity, by pages of 2 MiB. */
static void make_ept(void)
{
    ept_top[0] = (uintptr_t)ept_next | EPT_RWX;
    ept_next[0] = (uintptr_t)ept_last | EPT_RWX;
    for (uint64_t i = 0; i < 512; i++)
        ept_last[i] = i << 21 | EPT_RWX | EPT_TYPE(MEMORY_WB) | EPT_LEAF;
    eptp = (uintptr_t)ept_top | EPTP_WALK_4 | MEMORY_WB;
    eptp_list[0] = eptp;
}

static bool has_vmfunc(void)
{
    return (rdmsr(MSR_VMX_PROCBASED2) >> 32 & 1u << 13) != 0 &&
           (rdmsr(0x491) & 1) != 0;
}

enum { VM_FUNCTIONS = 0x2018, EPTP_LIST = 0x2024 };

static void set_controls(void)
{
    uint32_t second = PROC2_EPT | PROC2_VPID;
    if (has_vmfunc())
        second |= 1u << 13;
    second = (uint32_t)adjusted(MSR_VMX_PROCBASED2, second);
    vm_write(PIN_CONTROLS, adjusted(MSR_VMX_PINBASED, 0));
    vm_write(PROC_CONTROLS, adjusted(MSR_VMX_PROCBASED, PROC_SECONDARY));
    vm_write(PROC2_CONTROLS, second);
    vm_write(EXIT_CONTROLS, adjusted(MSR_VMX_EXIT, EXIT_HOST_64));
    vm_write(ENTRY_CONTROLS, adjusted(MSR_VMX_ENTRY, ENTRY_IA32E));
    vm_write(VMCS_LINK, ~0ull);
    if (second & PROC2_VPID)
        vm_write(VPID, 1);
    if (second & PROC2_EPT)
        vm_write(EPT_POINTER, eptp);
    if (has_vmfunc()) {
        vm_write((enum vmcs_field)VM_FUNCTIONS, 1);
        vm_write((enum vmcs_field)EPTP_LIST, (uintptr_t)eptp_list);
    }
}

static void set_segments(void)
{
    for (unsigned i = 0; i < 6; i++) { /* ES CS SS DS FS GS */
        vm_write(GUEST_ES_SELECTOR + 2 * i, i == 1 ? CODE : DATA);
        vm_write(GUEST_ES_LIMIT + 2 * i, 0xffffffff);
        vm_write(GUEST_ES_ACCESS + 2 * i, i == 1 ? 0xa09b : 0xc093);
        vm_write(HOST_ES_SELECTOR + 2 * i, i == 1 ? CODE : DATA);
    }
    vm_write(GUEST_LDTR_ACCESS, AR_UNUSABLE);
    vm_write(GUEST_TR_SELECTOR, TSS);
    vm_write(GUEST_TR_BASE, (uintptr_t)tss);
    vm_write(GUEST_TR_LIMIT, sizeof tss - 1);
    vm_write(GUEST_TR_ACCESS, 0x8b);
    vm_write(GUEST_GDTR_BASE, (uintptr_t)gdt);
    vm_write(GUEST_GDTR_LIMIT, sizeof gdt - 1);
    vm_write(HOST_TR_SELECTOR, TSS);
    vm_write(HOST_TR_BASE, (uintptr_t)tss);
    vm_write(HOST_GDTR_BASE, (uintptr_t)gdt);
}

static void set_state(void)
{
    set_segments();
    vm_write(GUEST_CR0, cr0());
    vm_write(GUEST_CR3, (uintptr_t)pml4);
    vm_write(GUEST_CR4, cr4());
    vm_write(GUEST_DR7, 0x400);
    vm_write(GUEST_RSP, (uintptr_t)guest_stack + sizeof guest_stack);
    vm_write(GUEST_RFLAGS, 2);
    vm_write(HOST_CR0, cr0());
    vm_write(HOST_CR3, (uintptr_t)pml4);
    vm_write(HOST_CR4, cr4());
}

static void run(const char *guest, uint64_t exits, int launch)
{
    if (guest != NULL)
        vm_write(GUEST_RIP, (uintptr_t)guest);
    if (!vm_run(exits, launch))
        fail("VM entry: error", vm_read(INSTRUCTION_ERROR));
    if (vm_read(EXIT_REASON) != EXIT_VMCALL)
        fail("exit reason", vm_read(EXIT_REASON));
}

/* ----------------------------------------------------------- measurements */

/* The cycles between two RDTSC with nothing between them, warm. */
static uint64_t empty(void)
{
    uint64_t cycles = 0;
    for (volatile int round = 0; round < 2; round++) {
        uint64_t from = rdtsc();
        cycles = rdtsc() - from;
    }
    return cycles;
}

/* REPEAT times `code`, without the loop; the second round is warm, and must
 * be of the same instructions. */
#define MEASURE(name, code, ...)                                               \
    do {                                                                       \
        uint64_t cycles = 0, nothing = empty();                                \
        for (volatile int round = 0; round < 2; round++) {                     \
            uint64_t from = rdtsc();                                           \
            __asm__ volatile(".rept 64\n\t" code "\n\t.endr"                   \
                             :                                                 \
                             : __VA_ARGS__                                     \
                             : "rax", "memory", "cc");                         \
            cycles = rdtsc() - from - nothing;                                 \
        }                                                                      \
        result(name, cycles, REPEAT);                                          \
    } while (0)

static void round_trips(void)
{
    run(guest_call, 16, 1);
    uint64_t from = rdtsc();
    run(NULL, TRIPS, 0);
    uint64_t many = rdtsc() - from;
    from = rdtsc();
    run(NULL, 2 * TRIPS, 0);
    /* The difference leaves out what is done once a call. */
    result("vm_round_trip", rdtsc() - from - many, TRIPS);
}

static void accesses(void)
{
    uint64_t field = GUEST_RIP, pointer = (uintptr_t)vmcs;
    MEASURE("vmread", "vmread %0, %%rax", "r"(field));
    vm_write(GUEST_RIP, 0);
    MEASURE("vmwrite", "vmwrite %1, %0", "r"(field), "r"(0ull));
    MEASURE("vmptrld", "vmptrld %0", "m"(pointer));
}

static void invalidations(void)
{
    if (!(rdmsr(MSR_VMX_PROCBASED2) >> 32 & (PROC2_EPT | PROC2_VPID)))
        return;
    static struct inv_descriptor d;
    uint64_t caps = rdmsr(MSR_VMX_EPT_VPID_CAP);
    d.first = eptp;
    if (caps & 1ull << 25)
        MEASURE("invept_single", "invept %0, %1", "m"(d), "r"(1ull));
    if (caps & 1ull << 26)
        MEASURE("invept_global", "invept %0, %1", "m"(d), "r"(2ull));
    d.first = 1;
    d.second = 0x1000;
    if (caps & 1ull << 40)
        MEASURE("invvpid_address", "invvpid %0, %1", "m"(d), "r"(0ull));
    if (caps & 1ull << 41)
        MEASURE("invvpid_single", "invvpid %0, %1", "m"(d), "r"(1ull));
    if (caps & 1ull << 42)
        MEASURE("invvpid_all", "invvpid %0, %1", "m"(d), "r"(2ull));
    if (caps & 1ull << 43)
        MEASURE("invvpid_retain", "invvpid %0, %1", "m"(d), "r"(3ull));
}

static void functions(void)
{
    if (!has_vmfunc())
        return;
    run(guest_switch, 1, 0);
    result("vmfunc", guest_cycles - empty(), REPEAT);
}

int guest_main(const char *line)
{
    (void)line;
    descriptor_tables();
    enter_operation();
    make_ept();
    set_controls();
    set_state();
    round_trips();
    functions();
    accesses();
    invalidations();
    vmx_off();
    return 0;
}
