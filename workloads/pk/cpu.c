/* SPDX-License-Identifier: Apache-2.0
 * Processors: descriptor tables, features, start of the others, the big lock
 * and TLB shootdown.
 */
#include "workloads/pk/pk.h"

struct cpu *cpus[MAX_CPUS];
unsigned cpu_count;
bool cpu_has_fsgsbase;

#define GATES 256

static struct {
    u64 low, high;
} idt[GATES] __attribute__((aligned(16)));

/* Held from the start until the first program runs. */
static volatile u32 lock = 1;
static struct cpu *volatile starting;

struct table_register {
    u16 limit;
    u64 base;
} __attribute__((packed));

#define APIC_INIT    0x4500u
#define APIC_STARTUP 0x4600u
#define APIC_FIXED   0x4000u

static void idt_init(void)
{
    for (unsigned i = 0; i < GATES; i++) {
        u64 at = (u64)entry_vectors + 16 * i;
        u64 dpl = i == 3 || i == 4 ? 3 : 0;
        u64 ist = i == 2 || i == 8 || i == 18;
        idt[i].low = (at & 0xffff) | SEL_KERNEL_CODE << 16 | ist << 32 |
                     0xeull << 40 | dpl << 45 | 1ull << 47 |
                     (at >> 16 & 0xffff) << 48;
        idt[i].high = at >> 32;
    }
}

/* The order is that of the SEL_* values; SYSRET and SYSCALL depend on it. */
static void tables_load(struct cpu *c)
{
    static const u64 segments[] = {
        0,
        0x00cf9b000000ffff,
        0x00af9b000000ffff,
        0x00cf93000000ffff,
        0x00cffb000000ffff,
        0x00cff3000000ffff,
        0x00affb000000ffff,
    };
    u64 tss = (u64)c->tss;
    u64 ist = (u64)c->ist_stack + sizeof c->ist_stack;
    u16 no_bitmap = sizeof c->tss;

    memcpy(c->gdt, segments, sizeof segments);
    c->gdt[8] = (sizeof c->tss - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
                (tss >> 24 & 0xff) << 56;
    c->gdt[9] = tss >> 32;
    memcpy(c->tss + 0x24, &ist, sizeof ist);
    memcpy(c->tss + 0x66, &no_bitmap, sizeof no_bitmap);

    struct table_register g = {sizeof c->gdt - 1, (u64)c->gdt};
    struct table_register i = {sizeof idt - 1, (u64)idt};
    __asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2"
                     :
                     : "m"(g), "m"(i), "r"(SEL_TSS)
                     : "memory");
}

static void features_enable(void)
{
    struct cpuid one = cpuid(1, 0), seven = {0, 0, 0, 0};
    struct cpuid extended = cpuid(0x80000001, 0);
    u64 cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | fpu_cr4();
    u64 efer = msr_read(MSR_EFER) | EFER_SCE;

    if (cpuid(0, 0).a >= 7)
        seven = cpuid(7, 0);
    if (one.d & 1u << 13)
        cr4 |= CR4_PGE;
    if (seven.b & 1u << 0) {
        cr4 |= CR4_FSGSBASE;
        cpu_has_fsgsbase = true;
    }
    if (seven.b & 1u << 7)
        cr4 |= CR4_SMEP;
    if (extended.d & 1u << 20) {
        efer |= EFER_NXE;
        pte_nx = PTE_NX;
    }
    msr_write(MSR_EFER, efer);
    cr4_write(cr4);
    fpu_init_cpu();
    msr_write(MSR_STAR,
              (u64)SEL_USER_CODE32 << 48 | (u64)SEL_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (u64)entry_syscall);
    msr_write(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL |
                              RFLAGS_NT | RFLAGS_AC);
}

static void cpu_setup(struct cpu *c)
{
    tables_load(c);
    msr_write(MSR_GS_BASE, (u64)c);
    msr_write(MSR_KERNEL_GS_BASE, 0);
    features_enable();
    timer_init_cpu();
    c->armed = NEVER;
}

static struct cpu *cpu_new(void)
{
    struct cpu *c = kzalloc(sizeof *c);
    struct task *idle = c ? task_new() : NULL;

    if (!idle)
        pk_panic("no memory for a processor");
    c->self = c;
    c->index = cpu_count;
    c->idle_task = c->task = idle;
    idle->state = TASK_RUNNING;
    c->kernel_rsp = (u64)idle->kstack + (PAGE << KSTACK_ORDER);
    return c;
}

/* The linear map and the kernel are the same everywhere: global pages. */
static void mark_global(void)
{
    extern u64 boot_pdpt[512];

    for (unsigned i = 0; i < 512; i++) {
        if (!(boot_pdpt[i] & PTE_P))
            continue;
        u64 *pd = direct(boot_pdpt[i] & PTE_ADDR);
        for (unsigned j = 0; j < 512; j++)
            pd[j] |= PTE_G;
    }
}

void cpu_init_first(void)
{
    struct cpu *c;

    fpu_init();
    c = cpu_new();

    out8(0x21, 0xff); /* both 8259: everything masked */
    out8(0xa1, 0xff);
    mark_global();
    idt_init();
    cpu_setup(c);
    c->online = true;
    cpus[cpu_count++] = c;
}

void kernel_ap_main(void);

void kernel_ap_main(void)
{
    struct cpu *c = starting;

    cpu_setup(c);
    c->online = true;
    big_lock();
    sched_idle_loop();
}

static void wait_ns(u64 ns, struct cpu *until_online)
{
    u64 end = time_ticks() + time_to_ticks(ns);

    while (time_ticks() < end) {
        if (until_online && *(volatile bool *)&until_online->online)
            return;
        cpu_pause();
    }
}

static void start_cpu(struct cpu *c)
{
    extern u64 boot_ap_stack;
    u32 page = PK_AP_PAGE >> PAGE_BITS;

    boot_ap_stack = (u64)c->idle_task->kstack + (PAGE << KSTACK_ORDER);
    starting = c;
    apic_send(c->index, APIC_INIT);
    wait_ns(10000, NULL); /* 10 ms was for processors of before 2000 */
    apic_send(c->index, APIC_STARTUP | page);
    wait_ns(200000, c);
    if (!c->online)
        apic_send(c->index, APIC_STARTUP | page);
    wait_ns(1000000000, c);
    if (!*(volatile bool *)&c->online)
        pk_panic("processor %u does not start", c->index);
}

void cpu_start_others(void)
{
    extern char boot_ap_code[], boot_ap_code_end[];

    if (params.cores > 1)
        memcpy(direct(PK_AP_PAGE), boot_ap_code,
               (size_t)(boot_ap_code_end - boot_ap_code));
    while (cpu_count < params.cores) {
        struct cpu *c = cpu_new();
        start_cpu(c);
        cpus[cpu_count++] = c;
    }
}

/* ---- the big lock ---- */

void big_lock(void)
{
    if (params.cores == 1)
        return;
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {
        while (lock) {
            cpu_flush_poll();
            cpu_pause();
        }
    }
}

void big_unlock(void)
{
    if (params.cores > 1)
        __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

/* ---- TLB shootdown ---- */

void cpu_send_ipi(unsigned cpu, unsigned vector)
{
    apic_send(cpu, APIC_FIXED | vector);
}

void cpu_flush_poll(void)
{
    struct cpu *c = this_cpu();

    if (!c->flush)
        return;
    cr3_write(cr3_read());
    c->flush = false;
}

void cpu_flush_others(struct mm *mm)
{
    struct cpu *self = this_cpu();

    if (cpu_count == 1)
        return;
    for (unsigned i = 0; i < cpu_count; i++) {
        if (cpus[i] == self || cpus[i]->active_mm != mm)
            continue;
        cpus[i]->flush = true;
        cpu_send_ipi(i, VECTOR_FLUSH);
    }
    for (unsigned i = 0; i < cpu_count; i++)
        while (cpus[i] != self && cpus[i]->flush)
            cpu_pause();
}
