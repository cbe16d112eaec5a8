/* SPDX-License-Identifier: Apache-2.0
 * Real mode, virtual-8086 mode and 16- and 32-bit protected mode by small
 * cases: snippets of realmode.def run in these modes; what ends each of them
 * is printed on the debug console. Memory enters as a hash.
 */
#include "semantics/realmode.h"

#include <stdint.h>

enum { CONSOLE = 0xe9 };

enum group { REAL, BIG, V86, PM16, PM32, STACK, MEM, FLAG, PVI };

#define SNIP(group, name, ...)   extern const char snip_##name[];
#define SNIP32(group, name, ...) extern const char snip_##name[];
#include "semantics/realmode.def"
#undef SNIP
#undef SNIP32

static const struct {
    const char *name, *code;
    enum group group;
} snips[] = {
#define SNIP(group, name, ...)   {#name, snip_##name, group},
#define SNIP32(group, name, ...) {#name, snip_##name, group},
#include "semantics/realmode.def"
#undef SNIP
#undef SNIP32
};
enum { SNIPS = sizeof snips / sizeof snips[0] };

/* As POPAL takes them. */
struct gprs {
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
};

struct entry {
    struct gprs gpr;
    uint32_t eip, cs, eflags, esp, ss;
    uint32_t es, ds, fs, gs;             /* virtual-8086 mode */
    uint32_t pm_ds, pm_es, pm_fs, pm_gs; /* protected mode */
};

/* realmode.h's OUT_* are offsets in it; `vector` is real mode's. */
struct outcome {
    uint32_t vector;
    uint32_t eax, ecx, edx, ebx, ebp, esi, edi, esp;
    uint32_t segs[4];
    uint32_t ss, handler_flags, cr0;
    uint32_t words;
    uint32_t frame[16];
};
extern struct outcome out;

/* An outcome in one form whatever the mode was. */
struct result {
    uint32_t vector, error, ip, cs, flags, sp, ss;
    uint32_t segs[4]; /* DS ES FS GS */
    struct outcome o;
};

extern const uint8_t low[], low_end[], stubs[], word_stub[], real_stubs[];
extern uint8_t real_in[], real_stack[], real_ds[], real_target[], real_out[],
    real_gdt[], real_big[];
extern uint8_t idt_pointer[];
void load_tables(const void *gdtr, const void *idtr);
void enter(const struct entry *e);
void enter_real(void);

/* Where a symbol of the low section is once copied. */
#define LOW(symbol) (LOW_BASE + (uint32_t)((symbol)-low))

/* ----------------------------------------------------------------- output */

static void out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static void put(char c)
{
    out8(CONSOLE, (uint8_t)c);
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

/* ----------------------------------------------------------------- memory */

/* Low memory through a pointer whose target the compiler cannot see. */
static uint8_t *at(uint32_t linear)
{
    uint8_t *p;
    __asm__("" : "=r"(p) : "0"(linear));
    return p;
}

static void poke16(uint32_t linear, uint16_t v)
{
    *(volatile uint16_t *)at(linear) = v;
}

static void poke32(uint32_t linear, uint32_t v)
{
    *(volatile uint32_t *)at(linear) = v;
}

static uint32_t peek(uint32_t linear, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint32_t) * (volatile uint8_t *)at(linear + i) << 8 * i;
    return v;
}

/* Places that snippets write to, and that are looked at afterwards. */
static const struct {
    uint32_t base, bytes;
} windows[] = {
    {DATA_BASE, 0x80},           {DATA_BASE + 0x100, 0x20},
    {DATA_BASE + 0x400, 0x40},   {DATA_BASE + 0xff00, 0x100},
    {STACK_BASE, 0x40},          {STACK_BASE + 0x200, 0x10},
    {STACK_BASE + 0x7e0, 0x40},  {STACK_BASE + 0xfc0, 0x80},
    {STACK_BASE + 0x1fe0, 0x20}, {STACK_BASE + 0xffc0, 0x40},
    {EXTRA_BASE, 0x40},          {EXTRA_BASE + 0x100, 0x20},
    {EXTRA_BASE + 0xfff0, 0x20},
};

static void fill_memory(void)
{
    for (unsigned w = 0; w < sizeof windows / sizeof windows[0]; w++)
        for (uint32_t i = 0; i < windows[w].bytes; i++) {
            uint32_t a = windows[w].base + i;
            *at(a) = (uint8_t)(a * 7 + (a >> 8) * 13 + 5);
        }
    /* INT 80h for machines that do not see the limit of the code before. */
    poke16(DATA_BASE, 0x80cd);
    poke16(STACK_BASE, 0x80cd);
}

static uint32_t hash;

static void mix(uint32_t v)
{
    hash = (hash ^ v) * 16777619u;
    hash ^= hash >> 15;
}

static void hash_memory(void)
{
    for (unsigned w = 0; w < sizeof windows / sizeof windows[0]; w++)
        for (uint32_t i = 0; i < windows[w].bytes; i += 4)
            mix(peek(windows[w].base + i, 4));
}

/* ----------------------------------------------------------------- tables */

static uint64_t gdt[18];
static struct {
    uint32_t state[26]; /* base of the I/O map in the last */
    uint8_t redirect[32], ports[33];
} tss;
static uint8_t kernel_stack[4096] __attribute__((aligned(16)));

struct __attribute__((packed)) pointer {
    uint16_t limit;
    uint32_t base;
};

static uint64_t descriptor(uint64_t base, uint64_t limit, uint64_t access,
                           uint64_t flags)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 |
           (limit >> 16 & 15) << 48 | flags << 52 | (base >> 24 & 0xff) << 56;
}

static void gate(unsigned vector, uint32_t access, uint32_t cs)
{
    uint64_t to = (uint32_t)stubs + vector * 16;
    if ((access & 8) == 0) { /* PUSH imm32, RET in the first 64 KiB */
        to = (uint16_t)(TRAMPOLINES - 0x8000 + vector * 16);
        *at((uint32_t)to) = 0x68;
        poke32((uint32_t)to + 1, (uint32_t)word_stub);
        *at((uint32_t)to + 5) = 0xc3;
    }
    uint32_t entry = IDT_BASE + vector * 8;
    poke32(entry, (uint32_t)(to & 0xffff) | cs << 16);
    poke32(entry + 4, access << 8 | (uint32_t)(to >> 16) << 16);
}

static void make_descriptors(void)
{
    gdt[SEL_CODE / 8] = descriptor(0, 0xfffff, 0x9b, 0xc);
    gdt[SEL_DATA / 8] = descriptor(0, 0xfffff, 0x93, 0xc);
    gdt[SEL_CODE16 / 8] = descriptor(LOW_BASE, 0xffff, 0x9b, 0);
    gdt[SEL_DATA16 / 8] = descriptor(0, 0xffff, 0x93, 0);
    gdt[SEL_TSS / 8] = descriptor((uint32_t)&tss, sizeof tss - 1, 0x89, 0);
    gdt[SEL_UCODE16 / 8] = descriptor(LOW_BASE, 0xffff, 0xfb, 0);
    gdt[SEL_UDATA16 / 8] = descriptor(DATA_BASE, 0xffff, 0xf3, 0);
    gdt[SEL_USTACK16 / 8] = descriptor(STACK_BASE, 0xffff, 0xf3, 0);
    gdt[SEL_UCODE32 / 8] = descriptor(LOW_BASE, 0xffff, 0xfb, 4);
    gdt[SEL_USTACK32 / 8] = descriptor(STACK_BASE, 0x1fff, 0xf3, 4);
    gdt[SEL_DOWN16 / 8] = descriptor(DATA_BASE, 0x7fff, 0xf7, 0);
    gdt[SEL_DOWN32 / 8] = descriptor(DATA_BASE, 0x7fff, 0xf7, 4);
    gdt[SEL_CONFORM / 8] = descriptor(0, 0xfffff, 0x9f, 0xc);
    gdt[SEL_UFLAT / 8] = descriptor(0, 0xfffff, 0xfb, 0xc);
    gdt[SEL_RODATA / 8] = descriptor(DATA_BASE, 0xffff, 0xf1, 0);
    gdt[SEL_XONLY / 8] = descriptor(DATA_BASE, 0xffff, 0xf9, 0);
    gdt[SEL_CODE32 / 8] = descriptor(LOW_BASE, 0xffff, 0x9b, 4);
}

static void make_gates(void)
{
    for (unsigned v = 0; v < 256; v++) {
        int open = v == 3 || v == 4 || v == 0x40 || v == 0x41 || v == 0x80;
        gate(v, open ? 0xee : 0x8e, SEL_CODE);
    }
    gate(0x43, 0xe6, SEL_CODE); /* 16 bits */
    gate(0x44, 0xef, SEL_CODE); /* trap */
    gate(0x45, 0xee, SEL_CONFORM);
    gate(0x46, 0xee, SEL_UFLAT);
    gate(0x47, 0x6e, SEL_CODE); /* absent */
}

static void make_tss(void)
{
    for (unsigned i = 0; i < 26; i++)
        tss.state[i] = 0;
    tss.state[1] = (uint32_t)kernel_stack + sizeof kernel_stack;
    tss.state[2] = SEL_DATA;
    tss.state[25] = (uint32_t)((uint8_t *)tss.ports - (uint8_t *)&tss) << 16;
    for (unsigned i = 0; i < sizeof tss.redirect; i++)
        tss.redirect[i] = 0xff;
    tss.redirect[0x40 / 8] &= (uint8_t)~1;
    tss.redirect[3 / 8] &= (uint8_t) ~(1 << 3);
    for (unsigned i = 0; i < sizeof tss.ports; i++)
        tss.ports[i] = 0xff;
    tss.ports[0x80 / 8] = 0;
}

/* The state every case starts in. */
static void baseline(void)
{
    struct pointer g = {sizeof gdt - 1, (uint32_t)gdt};
    struct pointer t = {256 * 8 - 1, IDT_BASE};
    make_descriptors();
    make_gates();
    make_tss();
    for (unsigned i = 0; i < sizeof t; i++)
        idt_pointer[i] = ((uint8_t *)&t)[i];
    load_tables(&g, &t);
    __asm__ volatile("ltr %w0; lldt %w1; fninit" : : "r"(SEL_TSS), "r"(0));
    for (unsigned v = 0; v < 256; v++)
        poke32(v * 4, LOW(real_stubs) + v * 16 - LOW_BASE +
                          ((uint32_t)LOW_SEGMENT << 16));
    for (unsigned i = 0; i < sizeof g; i++)
        *at(LOW(real_gdt) + i) = ((uint8_t *)&g)[i];
    fill_memory();
}

static const struct gprs initial = {.edi = 0x400,
                                    .esi = 0x300,
                                    .ebp = 0x440200,
                                    .ebx = 0x100,
                                    .edx = 0x330080,
                                    .ecx = 0x220003,
                                    .eax = 0x110102};

/* ------------------------------------------------------------------ modes */

/* What a case may choose. */
struct start {
    uint32_t ip, sp, bx;
    uint32_t eflags, cr4;
    int big; /* real mode: limits of 4 GiB */
};

static void run_real(const struct start *s, struct result *r)
{
    struct gprs g = initial;
    uint32_t in = LOW(real_in);
    g.ebx = s->bx;
    poke32(in, s->eflags);
    for (unsigned i = 0; i < 8; i++)
        poke32(in + 4 + 4 * i, ((const uint32_t *)&g)[i]);
    poke32(LOW(real_stack), s->sp);
    poke16(LOW(real_stack) + 4, STACK_BASE >> 4);
    static const uint16_t segs[4] = {DATA_BASE >> 4, (DATA_BASE + 0x8000) >> 4,
                                     EXTRA_BASE >> 4, (EXTRA_BASE + 256) >> 4};
    for (unsigned i = 0; i < 4; i++)
        poke16(LOW(real_ds) + 2 * i, segs[i]);
    poke16(LOW(real_target), (uint16_t)s->ip);
    *at(LOW(real_big)) = (uint8_t)s->big;
    enter_real();
    for (unsigned i = 0; i < sizeof r->o / 4; i++)
        ((uint32_t *)&r->o)[i] = peek(LOW(real_out) + 4 * i, 4);
    r->vector = r->o.vector & 0xffff;
    r->error = 0;
    r->ss = r->o.ss & 0xffff;
    uint32_t base = r->ss << 4, sp = r->o.esp;
    r->ip = peek(base + (sp & 0xffff), 2);
    r->cs = peek(base + ((sp + 2) & 0xffff), 2);
    r->flags = peek(base + ((sp + 4) & 0xffff), 2);
    r->sp = (sp & ~0xffffu) | ((sp + 6) & 0xffff);
    for (unsigned i = 0; i < 4; i++)
        r->segs[i] = r->o.segs[i] & 0xffff;
}

/* Read a frame: vector and error code, then dwords or words. */
static void read_frame(struct result *r, int v86)
{
    uint32_t frame[9];
    r->o = out;
    r->vector = out.words ? 0x43 : out.frame[0];
    r->error = out.words ? 0 : out.frame[1];
    for (unsigned i = 0; i < 9; i++)
        frame[i] = out.words ? out.frame[i / 2] >> 16 * (i & 1) & 0xffff
                             : out.frame[2 + i];
    r->ip = frame[0];
    r->cs = frame[1];
    r->flags = frame[2];
    r->sp = frame[3];
    r->ss = frame[4];
    static const uint8_t order[4] = {6, 5, 7, 8}; /* ES DS FS GS pushed */
    for (unsigned i = 0; i < 4; i++)
        r->segs[i] = v86 ? frame[order[i]] : out.segs[i];
}

static void set_cr4(uint32_t v)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(v));
}

static void run_v86(const struct start *s, struct result *r)
{
    struct entry e = {.gpr = initial,
                      .eip = s->ip,
                      .cs = LOW_SEGMENT,
                      .eflags = s->eflags | 0x20002,
                      .esp = s->sp,
                      .ss = STACK_BASE >> 4,
                      .ds = DATA_BASE >> 4,
                      .es = (DATA_BASE + 0x8000) >> 4,
                      .fs = EXTRA_BASE >> 4,
                      .gs = (EXTRA_BASE + 256) >> 4};
    e.gpr.ebx = s->bx;
    set_cr4(s->cr4);
    enter(&e);
    set_cr4(0);
    read_frame(r, 1);
}

static void run_user(const struct start *s, int wide, struct result *r)
{
    struct entry e = {.gpr = initial,
                      .eip = s->ip,
                      .cs = wide ? SEL_UCODE32 : SEL_UCODE16,
                      .eflags = s->eflags | 2,
                      .esp = s->sp,
                      .ss = wide ? SEL_USTACK32 : SEL_USTACK16,
                      .pm_ds = SEL_UDATA16,
                      .pm_es = SEL_UDATA16,
                      .pm_fs = SEL_UDATA16,
                      .pm_gs = 0};
    e.gpr.ebx = s->bx;
    set_cr4(s->cr4);
    enter(&e);
    set_cr4(0);
    read_frame(r, 0);
}

/* ---------------------------------------------------------------- reports */

static void changed(const char *label, uint32_t v, uint32_t was)
{
    if (v != was)
        number(label, v);
}

static void report(const char *name, const char *how, const struct start *s,
                   const struct result *r)
{
    hash = 2166136261u;
    hash_memory();
    text(name);
    text(how);
    number(": v=", r->vector);
    number(" e=", r->error);
    if (r->ip - s->ip < 256)
        number(" ip=+", r->ip - s->ip);
    else if (r->ip - (LOW(real_stubs) - LOW_BASE) < 4096)
        number(" ip=handler+", r->ip - (LOW(real_stubs) - LOW_BASE));
    else
        number(" ip=", r->ip);
    number(" cs=", r->cs);
    number(" fl=", r->flags);
    number(" hf=", r->o.handler_flags & 0x27700);
    changed(" sp=", r->sp, s->sp);
    changed(" ss=", r->ss, STACK_BASE >> 4);
    static const char *const segs[4] = {" ds=", " es=", " fs=", " gs="};
    for (unsigned i = 0; i < 4; i++)
        number(segs[i], r->segs[i]);
    changed(" ax=", r->o.eax, initial.eax);
    changed(" bx=", r->o.ebx, s->bx);
    changed(" cx=", r->o.ecx, initial.ecx);
    changed(" dx=", r->o.edx, initial.edx);
    changed(" si=", r->o.esi, initial.esi);
    changed(" di=", r->o.edi, initial.edi);
    changed(" bp=", r->o.ebp, initial.ebp);
    number(" mem=", hash);
    put('\n');
}

enum mode { IN_REAL, IN_V86, IN_16, IN_32 };
static const char *const mode_name[] = {" real", " v86", " 16", " 32"};

static void run(enum mode m, const struct start *s, struct result *r)
{
    baseline();
    if (m == IN_REAL)
        run_real(s, r);
    else if (m == IN_V86)
        run_v86(s, r);
    else
        run_user(s, m == IN_32, r);
}

static struct start start_of(unsigned i)
{
    struct start s = {.ip = (uint32_t)(snips[i].code - (const char *)low),
                      .sp = 0x1000,
                      .bx = 0x100,
                      .eflags = 2};
    return s;
}

static void once(unsigned i, enum mode m, uint32_t iopl, int big)
{
    struct start s = start_of(i);
    struct result r = {0};
    s.eflags |= iopl << 12;
    s.big = big;
    run(m, &s, &r);
    report(snips[i].name, "", &s, &r);
}

/* One letter: what ended a case of a series. */
static char letter(const struct result *r)
{
    if (r->vector == 0x80)
        return '-';
    return r->vector < 26 ? (char)('a' + r->vector) : '?';
}

/* ----------------------------------------------------------------- series */

static const uint32_t stack_pointers[] = {
    0x1000, 0x0fff, 0,      1,      2,      3,      4,      5,
    6,      7,      8,      9,      0xa,    0xb,    0xc,    0xd,
    0xe,    0xf,    0x10,   0x11,   0x12,   0x13,   0x1e,   0x1f,
    0x20,   0x21,   0x22,   0x23,   0xfff0, 0xfff1, 0xfff8, 0xfff9,
    0xfffa, 0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff};
static const uint32_t offsets[] = {
    0x100,  0,      2,      0xff00, 0xfff0, 0xfff1, 0xfff3,
    0xfff4, 0xfff5, 0xfff6, 0xfff7, 0xfff8, 0xfff9, 0xfffa,
    0xfffb, 0xfffc, 0xfffd, 0xfffe, 0xffff, 0xef,   0x10000};

/* After a fault in real mode at these the interrupt itself finds no room:
 * the machine would shut down. */
static int shuts_down(enum mode m, uint32_t sp)
{
    return m == IN_REAL && (sp == 1 || sp == 3 || sp == 5);
}

static void series(unsigned i, enum mode m, const uint32_t *values,
                   unsigned count, int stack)
{
    uint32_t all = 2166136261u;
    text(snips[i].name);
    text(mode_name[m]);
    text(": ");
    for (unsigned j = 0; j < count; j++) {
        struct start s = start_of(i);
        struct result r = {0};
        if (stack && shuts_down(m, values[j])) {
            put('.');
            continue;
        }
        s.eflags |= 0x3000;
        if (stack)
            s.sp = values[j];
        else
            s.bx = values[j];
        run(m, &s, &r);
        put(letter(&r));
        hash = all;
        /* Of a faulting instruction some parts may have been written. */
        if (r.vector == 0x80)
            hash_memory();
        mix(r.vector);
        mix(r.error);
        mix(r.ip - s.ip);
        mix(r.flags & 0xffff);
        mix(r.sp);
        mix(r.o.eax);
        mix(r.o.ecx);
        mix(r.o.ebx);
        mix(r.o.edx);
        mix(r.o.esi);
        mix(r.o.edi);
        mix(r.o.ebp);
        all = hash;
    }
    number(" ", all);
    put('\n');
}

/* IOPL x CR4.VME (PVI) x VIF, VIP x IF. */
static void flags(unsigned i, enum mode m)
{
    for (unsigned k = 0; k < 32; k++) {
        char how[] = " iopl0 ---";
        struct start s = start_of(i);
        struct result r = {0};
        unsigned vif = k >> 2 & 1, vip = k >> 3 & 1;
        if ((vif && vip && k >> 4) || (k >> 4 && (vif || vip)))
            continue;
        s.eflags |= (k & 1 ? 0x3000u : 0) | vif << 19 | vip << 20;
        s.eflags |= k >> 4 ? 0 : 0x200;
        s.cr4 = k & 2 ? (m == IN_V86 ? 1u : 2u) : 0;
        how[5] = k & 1 ? '3' : '0';
        how[7] = s.cr4 ? 'v' : '-';
        how[8] = vif ? 'f' : vip ? 'p' : '-';
        if (vif && vip)
            how[8] = 'b';
        how[9] = s.eflags & 0x200 ? 'i' : '-';
        run(m, &s, &r);
        report(snips[i].name, how, &s, &r);
    }
}

/* Code that ends at, or goes over, the limit of its segment. */
static void fetches(enum mode m)
{
    static const struct {
        const char *name;
        uint8_t bytes[8];
        unsigned length;
    } code[] = {
        {"nop", {0x90}, 1},
        {"mov_imm", {0xb8, 0x34, 0x12}, 3},
        {"prefix", {0x26, 0x90}, 2},
        {"invalid", {0x0f, 0xff, 0xc0}, 3},
        {"invalid_reg", {0xfe, 0xff}, 2},
        {"jmp_short", {0xeb, 0x10}, 2},
        {"call", {0xe8, 0xf0, 0xff}, 3},
        {"int_80", {0xcd, 0x80}, 2},
        {"far", {0xea, 0, 0, 0, 0x20}, 5},
    };
    for (unsigned i = 0; i < sizeof code / sizeof code[0]; i++)
        for (unsigned cut = 0; cut < code[i].length; cut++) {
            struct start s = {.ip = 0x10000 - code[i].length + cut,
                              .sp = 0x1000,
                              .bx = 0x100,
                              .eflags = 0x3002};
            struct result r = {0};
            char how[] = "+0";
            how[1] = (char)('0' + cut);
            for (unsigned j = 0; j < code[i].length; j++)
                *at(LOW_BASE + s.ip + j) = code[i].bytes[j];
            if (code[i].bytes[0] == 0xeb || code[i].bytes[0] == 0xe8 ||
                code[i].bytes[0] == 0xea)
                *at(LOW_BASE) = 0xcc; /* where the short ones arrive */
            run(m, &s, &r);
            text(mode_name[m] + 1);
            put(' ');
            report(code[i].name, how, &s, &r);
        }
}

/* ---------------------------------------------------------------- decimal */

#define DECIMAL(name, bytes)                                                   \
    static void name(uint32_t *eax, uint32_t *eflags)                          \
    {                                                                          \
        __asm__ volatile("push %1; popf; .byte " bytes "; pushf; pop %1"       \
                         : "+a"(*eax), "+r"(*eflags)                           \
                         :                                                     \
                         : "cc");                                              \
    }
DECIMAL(do_aaa, "0x37")
DECIMAL(do_aas, "0x3f")
DECIMAL(do_daa, "0x27")
DECIMAL(do_das, "0x2f")
DECIMAL(do_aam, "0xd4, 10")
DECIMAL(do_aam_16, "0xd4, 16")
DECIMAL(do_aad, "0xd5, 10")
DECIMAL(do_aad_247, "0xd5, 247")

/* Every AL, AF and CF, and a few AH; only defined flags count. */
static void decimals(void)
{
    enum { CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128 };
    static const struct {
        const char *name;
        void (*run)(uint32_t *, uint32_t *);
        uint32_t defined;
    } rows[] = {
        {"aaa", do_aaa, CF | AF},
        {"aas", do_aas, CF | AF},
        {"daa", do_daa, CF | AF | PF | ZF | SF},
        {"das", do_das, CF | AF | PF | ZF | SF},
        {"aam", do_aam, PF | ZF | SF},
        {"aam_16", do_aam_16, PF | ZF | SF},
        {"aad", do_aad, PF | ZF | SF},
        {"aad_247", do_aad_247, PF | ZF | SF},
    };
    static const uint8_t high[] = {0, 1, 9, 0x7f, 0x80, 0xfe, 0xff};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hash = 2166136261u;
        for (unsigned n = 0; n < 256 * 4 * sizeof high; n++) {
            uint32_t eax = (n & 255) | (uint32_t)high[n >> 10] << 8;
            uint32_t f = 2 | (n & 256 ? CF : 0) | (n & 512 ? AF : 0);
            eax |= 0x5aa50000;
            rows[i].run(&eax, &f);
            mix(eax);
            mix(f & rows[i].defined);
        }
        text(rows[i].name);
        number(": ", hash);
        put('\n');
    }
}

int guest_main(void);
int guest_main(void)
{
    uint32_t cr0;
    out8(0x21, 0xff); /* no interrupt of a board */
    out8(0xa1, 0xff);
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 = (cr0 & ~0x6000000cu) | 0x22; /* CD, NW, EM, TS off; NE, MP on */
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0));
    for (uint32_t i = 0; i < (uint32_t)(low_end - low); i++)
        *at(LOW_BASE + i) = low[i];
    for (uint32_t i = DATA_BASE; i < EXTRA_BASE + 0x10010; i++)
        *at(i) = (uint8_t)(i * 3 + 1);
    decimals();
    for (unsigned i = 0; i < SNIPS; i++) {
        const unsigned sps = sizeof stack_pointers / sizeof stack_pointers[0];
        const unsigned offs = sizeof offsets / sizeof offsets[0];
        switch (snips[i].group) {
        case REAL: once(i, IN_REAL, 0, 0); break;
        case BIG: once(i, IN_REAL, 0, 1); break;
        case V86: once(i, IN_V86, 3, 0); break;
        case PM16: once(i, IN_16, 0, 0); break;
        case PM32: once(i, IN_32, 0, 0); break;
        case FLAG: flags(i, IN_V86); break;
        case PVI: flags(i, IN_32); break;
        case STACK:
            for (enum mode m = IN_REAL; m <= IN_16; m++)
                series(i, m, stack_pointers, sps, 1);
            break;
        case MEM:
            for (enum mode m = IN_REAL; m <= IN_16; m++)
                series(i, m, offsets, offs, 0);
            break;
        }
    }
    for (enum mode m = IN_REAL; m <= IN_32; m++)
        fetches(m);
    return 0;
}
