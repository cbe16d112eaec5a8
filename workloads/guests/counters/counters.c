/* SPDX-License-Identifier: Apache-2.0
 * Performance counters as a program uses them: a loop whose instructions and
 * branches are known, measured with RDPMC on an Intel or an AMD processor.
 */
#include <stdint.h>

int guest_main(const char *line);

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

static void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static uint32_t cpuid_ebx(uint32_t leaf)
{
    uint32_t a = leaf, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b;
}

/* Program counter n to count `event` at every privilege level. */
static void program(int intel, unsigned n, uint32_t event)
{
    uint64_t select = 0x430000 | event;
    if (intel)
        wrmsr(0x186 + n, select);
    else
        wrmsr(0xc0010200u + 2 * n, select);
}

enum { TURNS = 1000 };

/* What counter n counts over the loop: between the two RDPMC lie 4 moves,
 * then 2 instructions a turn; one RDPMC counts itself. */
static uint64_t measure(uint32_t n)
{
    uint64_t before, after;
    __asm__ volatile("rdpmc\n\t"
                     "mov %%eax, %%esi\n\t"
                     "mov %%edx, %%edi\n\t"
                     "mov %3, %%r8d\n\t"
                     "nop\n"
                     "1: dec %%r8d\n\t"
                     "jnz 1b\n\t"
                     "rdpmc\n\t"
                     "shl $32, %%rdx\n\t"
                     "or %%rdx, %%rax\n\t"
                     "shl $32, %%rdi\n\t"
                     "or %%rdi, %%rsi"
                     : "=a"(after), "=S"(before)
                     : "c"(n), "i"(TURNS)
                     : "rdx", "rdi", "r8", "cc", "memory");
    return after - before;
}

static int check(const char *what, uint64_t got, uint64_t least, uint64_t most)
{
    put(what);
    put(" ");
    put_number(got);
    put(got < least || got > most ? " wrong\n" : "\n");
    return got < least || got > most;
}

int guest_main(const char *line)
{
    (void)line;
    int intel = cpuid_ebx(0) == 0x756e6547; /* "Genu" */
    int bad = 0;
    program(intel, 0, 0xc0);
    program(intel, 1, intel ? 0x3c : 0x76);
    program(intel, 2, intel ? 0xc4 : 0xc2);
    if (intel) {
        wrmsr(0x38d, 0x333);
        wrmsr(0x38f, UINT64_C(0x70000000f));
    }
    /* The first run brings the code into the caches. */
    (void)measure(0);
    bad += check("instructions", measure(0), 2 * TURNS + 5, 2 * TURNS + 5);
    bad += check("branches", measure(2), TURNS, TURNS);
    bad += check("cycles", measure(1), 2 * TURNS + 5, 4 * TURNS);
    if (intel)
        bad +=
            check("fixed", measure(0x40000000), 2 * TURNS + 5, 2 * TURNS + 5);
    put(bad == 0 ? "counters agree\n" : "counters disagree\n");
    return bad;
}
