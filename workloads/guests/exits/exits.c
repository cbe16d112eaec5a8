/* SPDX-License-Identifier: Apache-2.0
 * Instructions that exit to a monitor, in loops: the command line holds words
 *
 *   cpuid=N  cr0=N  xsetbv=N  invd=N  io=N  vmcall=N  msr=N  nop=N
 *
 * and each prints "exits <word> <N> <cycles in all>" on port E9h, from RDTSC.
 * Natively the same instructions just execute (VMCALL is left out there: it
 * raises #UD, and the loop runs the handler). `msr` reads a register that
 * does not exist, `io` port 80h.
 */
#include <stddef.h>
#include <stdint.h>

int guest_main(const char *line);

static struct {
    uint64_t low, high;
} idt[32];

static void put(const char *s)
{
    for (; *s != '\0'; s++)
        __asm__ volatile("outb %0, $0xe9" : : "a"(*s));
}

static void put_number(uint64_t v)
{
    char text[24];
    size_t i = sizeof text;
    text[--i] = '\0';
    do {
        text[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    put(text + i);
}

static uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

/* #UD and #GP: step over the instruction (VMCALL 3 bytes, RDMSR 2). */
__asm__(".globl skip_ud, skip_gp\n"
        "skip_ud: addq $3, (%rsp)\n"
        "    iretq\n"
        "skip_gp: addq $8, %rsp\n"
        "    addq $2, (%rsp)\n"
        "    iretq\n");
extern const char skip_ud[], skip_gp[];

static void set_gate(unsigned n, const char *to)
{
    uint64_t at = (uint64_t)to;
    uint16_t cs;
    __asm__("mov %%cs, %0" : "=r"(cs));
    idt[n].low = (at & 0xffff) | (uint64_t)cs << 16 | UINT64_C(0x8e00) << 32 |
                 (at >> 16 & 0xffff) << 48;
    idt[n].high = at >> 32;
}

static void set_handlers(void)
{
    const struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } table = {sizeof idt - 1, (uint64_t)idt};
    set_gate(6, skip_ud);
    set_gate(13, skip_gp);
    __asm__ volatile("lidt %0" : : "m"(table));
}

static void do_cpuid(void)
{
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

/* NE is what VMX fixes: a monitor owns it, and each change exits. */
static void do_cr0(void)
{
    uint64_t cr0;
    __asm__ volatile("mov %%cr0, %0\n\t"
                     "xor $0x20, %0\n\t"
                     "mov %0, %%cr0"
                     : "=r"(cr0));
}

static void do_xsetbv(void)
{
    __asm__ volatile("xsetbv" : : "a"(3), "d"(0), "c"(0));
}

static void do_invd(void)
{
    __asm__ volatile("invd" : : : "memory");
}

static void do_io(void)
{
    __asm__ volatile("outb %%al, $0x80" : : "a"(0));
}

static void do_vmcall(void)
{
    __asm__ volatile("vmcall");
}

static void do_msr(void)
{
    uint32_t a, d;
    __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(0x3fff));
}

static void do_nop(void)
{
    __asm__ volatile("nop");
}

static const struct {
    const char *word;
    void (*run)(void);
} kind[] = {
    {"cpuid", do_cpuid}, {"cr0", do_cr0}, {"xsetbv", do_xsetbv},
    {"invd", do_invd},   {"io", do_io},   {"vmcall", do_vmcall},
    {"msr", do_msr},     {"nop", do_nop},
};

/* The value of word "key=..." at s, or NULL. */
static const char *value_of(const char *s, const char *key)
{
    while (*key != '\0' && *s == *key)
        s++, key++;
    return *key == '\0' && *s == '=' ? s + 1 : NULL;
}

static void measure(size_t i, const char *digits)
{
    uint64_t n = 0;
    while (*digits >= '0' && *digits <= '9')
        n = n * 10 + (uint64_t)(*digits++ - '0');
    kind[i].run();
    uint64_t begin = rdtsc();
    for (uint64_t k = 0; k < n; k++)
        kind[i].run();
    uint64_t cycles = rdtsc() - begin;
    put("exits ");
    put(kind[i].word);
    put(" ");
    put_number(n);
    put(" ");
    put_number(cycles);
    put("\n");
}

int guest_main(const char *line)
{
    uint64_t cr4;
    set_handlers();
    __asm__ volatile("mov %%cr4, %0\n\tor $0x40000, %0\n\tmov %0, %%cr4"
                     : "=&r"(cr4)); /* OSXSAVE */
    while (line != NULL && *line != '\0') {
        const char *v;
        for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++)
            if ((v = value_of(line, kind[i].word)) != NULL)
                measure(i, v);
        while (*line != '\0' && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return 0;
}
