/* SPDX-License-Identifier: Apache-2.0
 * Legacy protected mode as a table of small cases: task switches, far
 * transfers, gates, segment limits, debug exceptions, alignment checks. Each
 * case runs a few instructions at some level; the event that ends it is
 * printed on the debug console with its frame, the tasks' busy flags and what
 * the switch saved. A multiboot image of its own, 32-bit throughout.
 */
#include <stdint.h>

/* Loaded below the linker script's other sections; entered in 32-bit mode. */
__asm__(".pushsection .multiboot, \"a\"\n.balign 4\n"
        "header: .long 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000)\n"
        " .long header, image_start, image_end, bss_end, start\n"
        ".popsection\n"
        ".pushsection .text.start, \"ax\"\n.globl start\n"
        "start: cli; cld; mov $main_stack_top, %esp\n"
        " mov $bss_start, %edi; mov $bss_end, %ecx; sub %edi, %ecx\n"
        " xor %eax, %eax; rep stosb\n"
        " call guest_main\n"
        " mov $0xf4, %edx; xor %eax, %eax; out %eax, %dx\n"
        "1: hlt; jmp 1b\n"
        ".popsection\n"
        ".pushsection .bss\n.balign 16\n"
        " .skip 16384\nmain_stack_top:\n.popsection");

enum { CONSOLE = 0xe9, SHUTDOWN = 0x8900 };
enum { STACK = 2048 };

/* Selectors. */
enum {
    CODE = 0x08,
    DATA = 0x10,
    UCODE = 0x1b,
    UDATA = 0x23,
    CODE16 = 0x28, /* base: the image */
    CONF = 0x30,   /* conforming, DPL 0 */
    TSS_M = 0x38,
    TSS_A = 0x40,
    TSS_B = 0x48, /* runs at level 3 */
    TSS_S = 0x50, /* 16-bit */
    TSS_D = 0x58, /* double faults */
    GATE_A = 0x60,
    ABSENT = 0x68,
    READONLY = 0x70,
    EXECONLY = 0x78,
    LDT = 0x80,
    CALL32 = 0x88,
    CALL16 = 0x90,
    SMALL = 0x98,      /* 16 bytes of data, DPL 3 */
    DOWN = 0xa0,       /* expand-down, limit 0xfff, 4 GiB, DPL 3 */
    DOWN16 = 0xa8,     /* the same up to 0xffff */
    CODE3_DPL0 = 0xb0, /* non-conforming code of DPL 1 */
    TINYCODE = 0xb8,   /* a code segment of one page at the cases */
    DATA16 = 0xc0,     /* 16-bit stack segment */
    SPARE = 0xc8,
    CONF3 = 0xd0, /* conforming, DPL 3 */
    ABSENTC = 0xd8,
    CALLJ = 0xe0, /* call gate, same level */
    CODEB = 0xe8, /* 32-bit, base: the image */
    GDT_END = 0xf0
};

struct tss {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, iomap;
};
struct tss16 {
    uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags;
    uint16_t ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
};

struct outcome {
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t ds, es, fs, gs;
    uint32_t vector, error, eip, cs, eflags, user_esp, user_ss;
    uint32_t frame, ss_now, tr_now;
};
struct outcome out;
uint32_t note[4], saved_esp, case_address;
struct tss tss_m, tss_a, tss_b, tss_d;
struct tss16 tss_s;
uint8_t stacks[7][STACK] __attribute__((aligned(4096)));
enum { K_CASE, K_USER, K_ZERO, K_A, K_B, K_S, K_D };
uint8_t buffer[64] __attribute__((aligned(64)));
uint8_t io_map[4];
uint64_t gdt[GDT_END / 8], ldt[4], idt[256];
uint32_t directory[2][1024] __attribute__((aligned(4096)));

#define TOP(k) ((uint32_t)stacks[k] + STACK - 128)

/* Code that the cases' gates and tasks lead to. */
extern const char stub_0[], ta[], ta_iret[], ta_pop[], tb[], td[], td_mend[],
    t90[], ts[];
extern const char gate32[], gate16[], gate_same[], int16[];
extern const char image_start[], a20_begin[], a20_end[];
void run_case(uint32_t code, uint32_t cs, uint32_t ss, uint32_t sp,
              uint32_t flags);

__asm__(
    ".pushsection .text\n"
    "run_case: push %ebx; push %ebp; push %esi; push %edi\n"
    " mov %esp, saved_esp\n"
    " mov 20(%esp), %eax; mov 24(%esp), %ebx; mov 28(%esp), %ecx\n"
    " mov 32(%esp), %edx; mov 36(%esp), %esi\n"
    " test $3, %ebx; jz 1f\n"
    " push %ecx; push %edx; jmp 2f\n"
    "1: mov %ecx, %ss; mov %edx, %esp\n"
    "2: push %esi; push %ebx; push %eax\n"
    " test $3, %ebx; jz 1f; mov $0x23, %eax; jmp 2f\n"
    "1: mov $0x10, %eax\n"
    "2: mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs\n"
    " xor %eax, %eax; xor %ebx, %ebx; xor %ecx, %ecx; xor %edx, %edx\n"
    " xor %esi, %esi; xor %edi, %edi; xor %ebp, %ebp\n"
    " iret\n"
    ".balign 16\n"
    "stub_0:\n.set v, 0\n.rept 256\n.balign 16\n"
    " .if v != 8 && (v < 10 || v > 14) && v != 17\n push $0\n .endif\n"
    " push $v\n jmp common\n .set v, v + 1\n.endr\n"
    "common: push %gs; push %fs; push %es; push %ds; pusha\n"
    " mov $0x10, %eax; mov %eax, %ds; mov %eax, %es\n"
    " mov %esp, %esi; mov %ss, %eax; and $~3, %eax; lar %eax, %eax\n"
    " test $0x400000, %eax; jnz 1f; movzwl %sp, %esi; 1:\n"
    " mov %esi, out+76; mov $out, %edi; mov $19, %ecx; cld\n"
    " rep movsl %ss:(%esi), (%edi)\n"
    " xor %eax, %eax; mov %ss, %eax; mov %eax, out+80\n"
    " xor %eax, %eax; str %ax; mov %eax, out+84\n"
    " mov $0x10, %eax; mov %eax, %ss; mov saved_esp, %esp\n"
    " push $2; popf\n"
    " pop %edi; pop %esi; pop %ebp; pop %ebx; ret\n"
    /* Tasks and handlers; their labels are told apart by 32 bytes. */
    ".macro at name\n.balign 32\n\\name:\n.endm\n"
    "at ta\n int $0x80\n"
    "at ta_iret\n inc %ebx; iret; inc %ebx; jmp ta_iret\n"
    "at ta_pop\n pop %ecx; int $0x80\n"
    "at tb\n int $0x80\n"
    "at td\n pop %ecx; int $0x80\n"
    "at td_mend\n movl $0x10, note; iret\n"
    "at t90\n int $0x90\n"
    "at gate32\n mov 8(%esp), %ebx; mov 12(%esp), %ecx; mov (%esp), %edx\n"
    " sub case_address, %edx; int $0x80\n"
    "at gate_same\n mov (%esp), %edx; sub case_address, %edx\n"
    " mov 4(%esp), %ecx; int $0x80\n"
    ".code16\n"
    "at ts\n int $0x80\n"
    "at gate16\n mov 4(%esp), %bx; mov 6(%esp), %cx; int $0x80\n"
    ".code32\n"
    "at int16\n movzwl (%esp), %ebx; sub case_address, %ebx\n"
    " movzwl %bx, %ebx; movzwl 2(%esp), %ecx; movzwl 4(%esp), %edx\n"
    " int $0x80\n"
    /* Run at 2 MiB, where address line 20 is 0: with the gate closed, what is
     * 1 MiB higher is this too. */
    ".globl a20_begin, a20_end\n"
    "a20_begin: in $0x92, %al; and $0xfc, %al; out %al, $0x92\n"
    " mov 0x300800, %bl; mov $0x300000 + (1f - a20_begin), %edx; jmp *%edx\n"
    "1: mov $0x200000 + (1f - a20_begin), %edx; jmp *%edx\n"
    "1: in $0x92, %al; and $0xfc, %al; or $2, %al; out %al, $0x92\n"
    " mov 0x300800, %cl; sub %eax, %eax; int $0x80\n"
    "a20_end:\n"
    ".balign 4096\n"
    ".popsection");

/* Level 0, 3: 32-bit code of that level; 1: 16-bit code of level 0. */
#define CASE(name, level, setup, code)                                         \
    __asm__(".pushsection .text\n"                                             \
            ".if " #level " == 1\n.code16\n.endif\n"                           \
            "case_" #name ": " code "\nint $0x80\n.code32\n.popsection");
#include "semantics/tasks.def"
#undef CASE

#define CASE(name, level, setup, code) extern const char case_##name[];
#include "semantics/tasks.def"
#undef CASE

#define SET(field, v)  (field) = (v)
#define WRITE_CR(n, v) __asm__ volatile("mov %0, %%cr" #n : : "r"(v) : "memory")
#define WRITE_DR(n, v) __asm__ volatile("mov %0, %%dr" #n : : "r"(v) : "memory")

static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t access,
                           uint64_t flags)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 |
           (limit >> 16 & 15) << 48 | flags << 52 | (base >> 24 & 0xff) << 56;
}

static uint64_t gate(uint32_t to, uint64_t cs, uint64_t access, uint64_t params)
{
    return (to & 0xffff) | cs << 16 | params << 32 | access << 40 |
           (uint64_t)(to >> 16) << 48;
}

/* Change bytes of a descriptor: the type and DPL, or the limit. */
static void access_byte(unsigned sel, uint64_t access)
{
    gdt[sel / 8] = (gdt[sel / 8] & ~(0xffull << 40)) | access << 40;
}

static void limit(unsigned sel, uint64_t v)
{
    gdt[sel / 8] = (gdt[sel / 8] & ~0xffffull) | v;
}

/* Task A in virtual-8086 mode, at `ts`. */
static void v86_task(uint32_t flags)
{
    tss_a.eflags = flags;
    tss_a.cs = 0xffff;
    tss_a.eip = (uint32_t)ts - 0xffff0;
    tss_a.ss = 0x2000;
    tss_a.esp = 0x100;
    tss_a.ds = 0x3000;
    tss_a.es = tss_a.fs = tss_a.gs = 0xfff8;
}

static void trap_gate(unsigned v, uint64_t g)
{
    idt[v] = g;
}

static void paging(void)
{
    for (unsigned i = 0; i < 1024; i++)
        directory[0][i] = directory[1][i] = i << 22 | 0x87;
    directory[1][0x40] = 0x87; /* 0x10000000 shows address 0 there */
    WRITE_CR(4, 0x10);
    WRITE_CR(3, directory[0]);
    WRITE_CR(0, 0x80010011);
}

/* The routine at 2 MiB, other bytes above it. */
static void a20_setup(void)
{
    volatile uint8_t *low = (volatile uint8_t *)0x200000;
    for (unsigned i = 0; i < 0x1000; i++)
        low[i] = low[0x100000 + i] = 0xf1;
    for (const char *p = a20_begin; p != a20_end; p++)
        low[p - a20_begin] = (uint8_t)*p;
    low[0x800] = 0x55;
    low[0x100800] = 0x66;
}

#define CASE(name, level, code_setup, code)                                    \
    static void setup_##name(void)                                             \
    {                                                                          \
        code_setup;                                                            \
    }
#include "semantics/tasks.def"
#undef CASE

static const struct {
    const char *name, *code;
    void (*setup)(void);
    int level;
} cases[] = {
#define CASE(name, level, setup, code)                                         \
    {#name, case_##name, setup_##name, level},
#include "semantics/tasks.def"
#undef CASE
};

static void make_task(struct tss *t, const char *code, int user, int stack)
{
    *t = (struct tss){.esp0 = TOP(K_ZERO),
                      .ss0 = DATA,
                      .cr3 = (uint32_t)directory[0],
                      .eip = (uint32_t)code,
                      .eflags = 2,
                      .eax = 0xa,
                      .ebx = 0xb,
                      .ecx = 0xc,
                      .edx = 0xd,
                      .esp = TOP(stack),
                      .cs = user ? UCODE : CODE,
                      .iomap = sizeof *t};
    t->es = t->ss = t->ds = t->fs = t->gs = user ? UDATA : DATA;
}

static void make_gdt(void)
{
    uint32_t image = (uint32_t)image_start;
    gdt[CODE / 8] = descriptor(0, 0xfffff, 0x9b, 0xc);
    gdt[DATA / 8] = descriptor(0, 0xfffff, 0x93, 0xc);
    gdt[UCODE / 8] = descriptor(0, 0xfffff, 0xfb, 0xc);
    gdt[UDATA / 8] = descriptor(0, 0xfffff, 0xf3, 0xc);
    gdt[CODE16 / 8] = descriptor(image, 0xffff, 0x9b, 0);
    gdt[CONF / 8] = descriptor(0, 0xfffff, 0x9f, 0xc);
    gdt[TSS_M / 8] = descriptor((uint32_t)&tss_m, 0x67, 0x89, 0);
    gdt[TSS_A / 8] = descriptor((uint32_t)&tss_a, 0x67, 0x89, 0);
    gdt[TSS_B / 8] = descriptor((uint32_t)&tss_b, 0x67, 0x89, 0);
    gdt[TSS_S / 8] = descriptor((uint32_t)&tss_s, 0x2b, 0x81, 0);
    gdt[TSS_D / 8] = descriptor((uint32_t)&tss_d, 0x67, 0x89, 0);
    gdt[GATE_A / 8] = gate(0, TSS_A, 0x85, 0);
    gdt[ABSENT / 8] = descriptor(0, 0xfffff, 0x13, 0xc);
    gdt[READONLY / 8] = descriptor(0, 0xfffff, 0xf1, 0xc);
    gdt[EXECONLY / 8] = descriptor(0, 0xfffff, 0x99, 0xc);
    gdt[LDT / 8] = descriptor((uint32_t)ldt, sizeof ldt - 1, 0x82, 0);
    gdt[CALL32 / 8] = gate((uint32_t)gate32, CODE, 0xec, 2);
    gdt[CALL16 / 8] = gate((uint32_t)gate16 - image, CODE16, 0xe4, 2);
    gdt[SMALL / 8] = descriptor((uint32_t)buffer, 15, 0xf3, 4);
    gdt[DOWN / 8] = descriptor(0, 0xfff, 0xf7, 4);
    gdt[DOWN16 / 8] = descriptor(0, 0xfff, 0xf7, 0);
    gdt[CODE3_DPL0 / 8] = descriptor(0, 0xfffff, 0xbb, 0xc);
    gdt[TINYCODE / 8] = descriptor(0, 0xff, 0x9b, 4);
    gdt[DATA16 / 8] = descriptor((uint32_t)stacks[K_S], STACK - 1, 0x93, 0);
    gdt[SPARE / 8] = 0;
    gdt[CONF3 / 8] = descriptor(0, 0xfffff, 0xff, 0xc);
    gdt[ABSENTC / 8] = descriptor(0, 0xfffff, 0x1b, 0xc);
    gdt[CALLJ / 8] = gate((uint32_t)gate_same, CODE, 0x8c, 3);
    gdt[CODEB / 8] = descriptor(image, 0xffff, 0x9b, 4);
    ldt[1] = descriptor(0, 0xfffff, 0x93, 0xc);
    ldt[2] = gate(0, TSS_A, 0xe5, 0);
    ldt[3] = descriptor(0, 0xfffff, 0x9b, 0xc);
}

/* The state every case starts in. */
static void baseline(int i)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint32_t base;
    } g = {sizeof gdt - 1, (uint32_t)gdt}, t = {sizeof idt - 1, (uint32_t)idt};
    WRITE_CR(0, 0x11);
    WRITE_CR(4, 0);
    make_gdt();
    for (unsigned v = 0; v < 256; v++)
        trap_gate(v, gate((uint32_t)stub_0 + v * 16, CODE,
                          v == 3 || v == 4 || v >= 0x80 ? 0xee : 0x8e, 0));
    trap_gate(8, gate(0, TSS_D, 0x85, 0));
    trap_gate(0x30, gate(0, TSS_A, 0x85, 0));
    trap_gate(0x31,
              gate((uint32_t)int16 - (uint32_t)image_start, CODEB, 0x86, 0));
    make_task(&tss_m, ta, 0, K_CASE);
    make_task(&tss_a, ta, 0, K_A);
    make_task(&tss_b, tb, 1, K_B);
    make_task(&tss_d, td, 0, K_D);
    tss_s =
        (struct tss16){.ip = (uint16_t)((uint32_t)ts - (uint32_t)image_start),
                       .flags = 2,
                       .ax = 0x1a,
                       .bx = 0x1b,
                       .cx = 0x1c,
                       .dx = 0x1d,
                       .sp = STACK - 128,
                       .cs = CODE16,
                       .es = DATA,
                       .ss = DATA16,
                       .ds = DATA};
    for (unsigned j = 0; j < 4; j++)
        note[j] = 0;
    for (unsigned j = 0; j < sizeof buffer; j++)
        buffer[j] = (uint8_t)j;
    case_address = (uint32_t)cases[i].code;
    WRITE_DR(7, 0x400);
    WRITE_DR(6, 0xffff0ff0);
    __asm__ volatile("fninit");
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2; lldt %w3"
                     :
                     : "m"(g), "m"(t), "r"(TSS_M), "r"(LDT)
                     : "memory");
    cases[i].setup();
}

/* ------------------------------------------------------------- printing */

static void put(char c)
{
    __asm__ volatile("outb %0, %1" : : "a"(c), "Nd"((uint16_t)CONSOLE));
}

static void text(const char *s)
{
    while (*s != '\0')
        put(*s++);
}

static void number(const char *label, uint32_t v)
{
    int shift = 28;
    text(label);
    while (shift > 0 && (v >> shift & 15) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put("0123456789abcdef"[v >> shift & 15]);
}

/* An address of code, independent of where things lie. */
static void place(const char *label, uint32_t v, uint32_t code)
{
    static const struct {
        const char *name, *at;
    } known[] = {{"int16", int16},     {"gate16", gate16},
                 {"ts", ts},           {"gate_same", gate_same},
                 {"gate32", gate32},   {"td", td},
                 {"tb", tb},           {"ta_pop", ta_pop},
                 {"ta_iret", ta_iret}, {"td_mend", td_mend},
                 {"t90", t90},         {"ta", ta}};
    text(label);
    if (v - code < 128) {
        number("+", v - code);
        return;
    }
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t at = (uint32_t)known[i].at;
        if (v - at < 32) {
            text(known[i].name);
            number("+", v - at);
            return;
        }
    }
    number("=", v);
}

static void stack_place(uint32_t v)
{
    for (unsigned k = 0; k < 7; k++) {
        uint32_t low = (uint32_t)stacks[k];
        if (v - low < STACK) {
            put(' ');
            put("CUZABSD"[k]);
            if (v <= TOP(k))
                number("-", TOP(k) - v);
            else
                number("+", v - TOP(k));
            return;
        }
    }
    number(" sp=", v);
}

static const struct tss *tss_of(uint32_t sel)
{
    return sel == TSS_A   ? &tss_a
           : sel == TSS_B ? &tss_b
           : sel == TSS_D ? &tss_d
           : sel == TSS_S ? (const struct tss *)(const void *)&tss_s
                          : &tss_m;
}

static void report(int i)
{
    uint32_t code = (uint32_t)cases[i].code, cr0, cr2, dr6, dr7;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
    __asm__ volatile("mov %%dr7, %0" : "=r"(dr7));
    WRITE_DR(7, 0x400);
    text(cases[i].name);
    number(": v=", out.vector);
    number(" e=", out.error);
    if (out.vector == 14)
        number(" cr2=", cr2);
    if (dr6 != 0xffff0ff0)
        number(" dr6=", dr6);
    if (dr7 != 0x400)
        number(" dr7=", dr7);
    uint32_t eip = out.eip;
    if ((out.cs & 0xfffc) == CODE16 || (out.cs & 0xfffc) == CODEB)
        eip += (uint32_t)image_start;
    if ((out.eflags & 0x20000) != 0)
        eip += (out.cs & 0xffff) << 4;
    place(" ip", eip, code);
    number(" cs=", out.cs & 0xffff);
    number(" fl=", out.eflags);
    if ((out.cs & 3) != 0 || (out.eflags & 0x20000) != 0) {
        stack_place(out.user_esp);
        number(" ss=", out.user_ss & 0xffff);
    } else {
        stack_place(out.frame + 68 +
                    (out.ss_now == DATA16 ? (uint32_t)stacks[K_S] : 0));
        number(" ss=", out.ss_now);
    }
    number(" tr=", out.tr_now);
    if ((cr0 & 8) != 0)
        text(" ts");
    number(" link=", tss_of(out.tr_now)->link & 0xffff);
    text(" busy=");
    for (unsigned s = TSS_M; s <= TSS_D; s += 8)
        if ((gdt[s / 8] >> 41 & 1) != 0)
            put("MABSD"[(s - TSS_M) / 8]);
    if (out.tr_now != TSS_M) {
        place(" old", tss_m.eip, code);
        number(" fl=", tss_m.eflags);
        number(" ax=", tss_m.eax);
    }
    number(" r=", out.eax);
    number(",", out.ebx);
    number(",", out.ecx);
    number(",", out.edx);
    number(" s=", out.ds & 0xffff);
    number(",", out.es & 0xffff);
    number(",", out.fs & 0xffff);
    number(",", out.gs & 0xffff);
    if ((note[0] | note[1]) != 0) {
        number(" n=", note[0]);
        number(",", note[1]);
    }
    put('\n');
}

void guest_main(void)
{
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t code = (uint32_t)cases[i].code;
        baseline((int)i);
        if (cases[i].level == 3)
            run_case(code, UCODE, UDATA, TOP(K_USER), 2);
        else if (cases[i].level == 1)
            run_case(code - (uint32_t)image_start, CODE16, DATA, TOP(K_CASE),
                     2);
        else
            run_case(code, CODE, DATA, TOP(K_CASE), 2);
        report((int)i);
    }
    for (const char *s = "Shutdown"; *s != '\0'; s++)
        __asm__ volatile("outb %0, %1" : : "a"(*s), "d"((uint16_t)SHUTDOWN));
}
