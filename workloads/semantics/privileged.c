/* SPDX-License-Identifier: Apache-2.0
 * Privileged behaviour as a table of small cases: each runs a few
 * instructions at some level; the event that ends it is printed on the
 * debug console with its error code, frame and registers.
 */
#include <stdint.h>

int guest_main(const char *line);

enum { CONSOLE = 0xe9 };

struct outcome {
    uint64_t ax, bx, cx, dx;
    uint64_t vector, error, ip, cs, flags, sp, ss;
};
struct outcome out;

#define CASE(name, level, code)                                                \
    __asm__(".pushsection .text\n.globl case_" #name "\n"                      \
            ".if " #level " == 1 || " #level " == 2\n.code32\n.endif\n"        \
            "case_" #name ": " code "\nint $0x80\n.code64\n.popsection");
#include "semantics/privileged.def"
#undef CASE

#define CASE(name, level, code) extern const char case_##name[];
#include "semantics/privileged.def"
#undef CASE

static const struct {
    const char *name, *code;
    int level;
} cases[] = {
#define CASE(name, level, code) {#name, case_##name, level},
#include "semantics/privileged.def"
#undef CASE
};

extern uint64_t pml4[], pdpt[], pd[];
extern const char stub_0[], gate_target[], syscall_target[];
uint8_t buffer[256] __attribute__((aligned(64)));
uint8_t kernel_stack[8192] __attribute__((aligned(16)));
uint8_t case_stack[8192] __attribute__((aligned(16)));
uint8_t ist_stack[4096] __attribute__((aligned(16)));
uint8_t user_stack[4096] __attribute__((aligned(16)));
uint64_t saved_rsp;
void run_case(const char *code, uint64_t cs, uint64_t ss, void *sp);

__asm__(".pushsection .text\n"
        ".globl user_stack_top\n.set user_stack_top, user_stack + 4096\n"
        ".globl run_case, stub_0, gate_target, syscall_target\n"
        "run_case: push %rbx; push %rbp; push %r12; push %r13; push %r14\n"
        " push %r15; mov %rsp, saved_rsp\n"
        " pushq %rdx; pushq %rcx; pushq $2; pushq %rsi; pushq %rdi\n"
        " xor %eax, %eax; xor %ebx, %ebx; xor %ecx, %ecx; xor %edx, %edx\n"
        " iretq\n"
        "gate_target: int $0x80\n"
        "syscall_target: int $0x26\n"
        ".balign 16\n"
        "stub_0:\n"
        ".set v, 0\n"
        ".rept 256\n"
        " .balign 16\n"
        " .if v != 8 && (v < 10 || v > 14) && v != 17\n"
        " pushq $0\n"
        " .endif\n"
        " pushq $v\n"
        " jmp common\n"
        " .set v, v + 1\n"
        ".endr\n"
        "common: mov %rax, out; mov %rbx, out+8; mov %rcx, out+16\n"
        " mov %rdx, out+24\n"
        " mov $out+32, %edi; mov %rsp, %rsi; mov $7, %ecx\n"
        " cld; rep movsq %ss:(%rsi), (%rdi)\n"
        " mov saved_rsp, %rsp\n"
        " pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
        ".popsection");

static void put(char c)
{
    __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)CONSOLE));
}

static void text(const char *s)
{
    while (*s != '\0')
        put(*s++);
}

static void number(const char *label, uint64_t v)
{
    int shift = 60;
    text(label);
    while (shift > 0 && (v >> shift & 15) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put("0123456789abcdef"[v >> shift & 15]);
}

static uint64_t gdt[22], ldt[4], idt[512];
static uint32_t tss[26];

static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t access,
                           uint64_t flags)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 |
           (limit >> 16 & 15) << 48 | flags << 52 | (base >> 24 & 0xff) << 56;
}

static void gate(unsigned v, uint64_t access, uint64_t ist, uint64_t cs)
{
    uint64_t to = (uint64_t)stub_0 + v * 16;
    idt[2 * v] = (to & 0xffff) | cs << 16 | ist << 32 | access << 40 |
                 (to >> 16 & 0xffff) << 48;
    idt[2 * v + 1] = to >> 32;
}

static void make_tables(void)
{
    uint64_t target = (uint64_t)gate_target;
    gdt[1] = descriptor(0, 0xfffff, 0x9b, 0xa);
    gdt[2] = descriptor(0, 0xfffff, 0x93, 0xc);
    gdt[3] = descriptor(0, 0xfffff, 0xfb, 0xc);
    gdt[4] = descriptor(0, 0xfffff, 0xf3, 0xc);
    gdt[5] = descriptor(0, 0xfffff, 0xfb, 0xa);
    gdt[6] = descriptor(0, 0xfffff, 0x9b, 0xc);
    gdt[7] = descriptor(0, 0xfffff, 0x9f, 0xa);
    gdt[8] = descriptor((uint64_t)tss, sizeof tss - 1, 0x89, 0);
    gdt[9] = 0;
    gdt[10] = descriptor(0, 0xfffff, 0x13, 0xc);
    gdt[11] = descriptor(0, 0xfffff, 0x91, 0xc);
    gdt[12] = (target & 0xffff) | 8 << 16 | 0xecull << 40 |
              (target >> 16 & 0xffff) << 48;
    gdt[13] = 0;
    gdt[14] = descriptor((uint64_t)ldt, 15, 0x82, 0);
    gdt[15] = 0;
    gdt[16] = descriptor(0, 0xfffff, 0x99, 0xc);
    gdt[17] = descriptor(0, 0xfffff, 0x9b, 0xe);
    gdt[18] = descriptor(0, 0xfffff, 0x1b, 0xa);
    gdt[19] = descriptor(0x1000, 0x12345, 0x92, 0x4);
    gdt[20] = descriptor(0, 0xfff, 0xf7, 0x4);
    gdt[21] = descriptor((uint64_t)buffer, 15, 0xf3, 0x4);
    ldt[1] = descriptor(0, 0xfffff, 0x93, 0xc);
    for (unsigned v = 0; v < 240; v++)
        gate(v, v == 3 || v == 0x80 ? 0xee : 0x8e, 0, 8);
    gate(0x22, 0x0e, 0, 8);
    gate(0x23, 0x8e, 0, 0x30);
    gate(0x24, 0x8e, 0, 0);
    gate(0x25, 0x8e, 1, 8);
    for (unsigned i = 0; i < 26; i++)
        tss[i] = 0;
    uint64_t sp0 = (uint64_t)kernel_stack + sizeof kernel_stack;
    uint64_t ist1 = (uint64_t)ist_stack + sizeof ist_stack;
    tss[1] = (uint32_t)sp0;
    tss[9] = (uint32_t)ist1;
    tss[25] = sizeof tss << 16;
}

#define WRITE_CR(n, v) __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory")
#define WRITE_DR(n, v) __asm__ volatile("mov %0, %%dr" #n : : "r"(v) : "memory")

static void wrmsr(uint32_t n, uint64_t v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

/* The state every case starts in. */
static void baseline(int i)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } g = {sizeof gdt - 1, (uint64_t)gdt}, t = {240 * 16 - 1, (uint64_t)idt};
    make_tables();
    WRITE_CR(0, 0x80050033ull); /* AM, WP */
    WRITE_CR(4, 0x620ull);
    WRITE_CR(3, (uint64_t)pml4);
    WRITE_DR(7, 0x400ull);
    WRITE_DR(6, 0xffff0ff0ull);
    const char *n = cases[i].name;
    int off = n[0] == 's' && n[1] == 'y' && n[7] == '_' && n[8] == 'o';
    wrmsr(0xc0000080, off ? 0x500 : 0x501);
    wrmsr(0xc0000081, 0x0018000800000000ull);
    wrmsr(0xc0000082, (uint64_t)syscall_target);
    wrmsr(0xc0000084, 0x300);
    wrmsr(0x174, n[0] == 's' && n[3] == 'e' && n[8] == '6' ? 8 : 0);
    wrmsr(0x175, (uint64_t)kernel_stack + sizeof kernel_stack);
    wrmsr(0x176, (uint64_t)syscall_target);
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2; lldt %w3\n"
                     "mov %4, %%ds; mov %4, %%es; mov %4, %%ss\n"
                     "mov %4, %%fs; mov %4, %%gs"
                     :
                     : "m"(g), "m"(t), "r"(0x40), "r"(0x70), "r"(0x10)
                     : "memory");
    for (unsigned j = 0; j < sizeof buffer; j++)
        buffer[j] = 0;
}

static void report(int i, const uint8_t *stack_top)
{
    uint64_t cr2, dr6;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
    text(cases[i].name);
    number(": v=", out.vector);
    number(" e=", out.error);
    if (out.vector == 14)
        number(" cr2=", cr2);
    if (out.vector == 1)
        number(" dr6=", dr6);
    uint64_t ip = out.ip - (uint64_t)cases[i].code;
    if (out.ip == (uint64_t)gate_target + 2)
        text(" ip=target");
    else if (out.ip == (uint64_t)syscall_target + 2)
        text(" ip=syscall");
    else if (ip < 256)
        number(" ip=+", ip);
    else
        number(" ip=", out.ip);
    number(" cs=", out.cs);
    number(" fl=", out.flags);
    uint64_t below = (uint64_t)stack_top - out.sp;
    if (below < 4096)
        number(" sp=-", below);
    else
        text(" sp=other");
    number(" ss=", out.ss);
    number(" bx=", out.bx);
    number(" cx=", out.cx < 0x10000 ? out.cx : 0x10000);
    if (out.dx - 0x100000 < 0x100000)
        text(" dx=code");
    else
        number(" dx=", out.dx);
    put('\n');
}

int guest_main(const char *line)
{
    (void)line;
    pml4[0] |= 4;
    for (unsigned i = 0; i < 4; i++)
        pdpt[i] |= 4;
    for (unsigned i = 0; i < 2048; i++)
        pd[i] |= 4;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const uint16_t code[4] = {0x08, 0x30, 0x1b, 0x2b};
        int user = cases[i].level >= 2;
        uint8_t *top = user ? user_stack + sizeof user_stack
                            : case_stack + sizeof case_stack;
        baseline((int)i);
        if (user) /* level 0's would become null on the way out */
            __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x23));
        run_case(cases[i].code, code[cases[i].level], user ? 0x23 : 0x10, top);
        __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss"
                         :
                         : "r"(0x10));
        report((int)i, top);
    }
    return 0;
}
