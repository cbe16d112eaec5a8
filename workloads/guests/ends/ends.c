/* SPDX-License-Identifier: Apache-2.0
 * Every way a guest can end, and regions of interest: the last word of the
 * command line says which. Used by tests/cli.
 */
#include "include/vtsim_roi.h"

#include <stddef.h>

int guest_main(const char *line);

struct __attribute__((packed)) table {
    uint16_t limit;
    uint64_t base;
};

static struct {
    uint64_t low, high;
} idt[33];
static volatile uint64_t ticks;

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
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    put(digits + at);
    put("\n");
}

static int ends_with(const char *line, const char *word)
{
    size_t n = 0, w = 0;
    while (line[n] != '\0')
        n++;
    while (word[w] != '\0')
        w++;
    if (n < w)
        return 0;
    for (size_t i = 0; i < w; i++)
        if (line[n - w + i] != word[i])
            return 0;
    return 1;
}

/* Two instructions a turn, and two before the loop. */
static void spin(uint64_t turns)
{
    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
}

__asm__(".globl tick_entry\n"
        "tick_entry:\n"
        "    push %rax\n"
        "    incq ticks(%rip)\n"
        "    mov $0x20, %al\n"
        "    out %al, $0x20\n"
        "    pop %rax\n"
        "    iretq\n");
extern const char tick_entry[];

/* The 8254 at 1 kHz through the 8259 to vector 32. */
static void start_ticks(void)
{
    uint64_t at = (uint64_t)tick_entry;
    uint16_t cs;
    __asm__("mov %%cs, %0" : "=r"(cs));
    idt[32].low = (at & 0xffff) | (uint64_t)cs << 16 | UINT64_C(0x8e00) << 32 |
                  (at >> 16 & 0xffff) << 48;
    idt[32].high = at >> 32;
    const struct table t = {sizeof idt - 1, (uint64_t)idt};
    __asm__ volatile("lidt %0" : : "m"(t));
    out8(0x20, 0x11);
    out8(0x21, 0x20);
    out8(0x21, 0x04);
    out8(0x21, 0x01);
    out8(0x21, 0xfe);
    out8(0x43, 0x34);
    out8(0x40, (uint8_t)1193);
    out8(0x40, 1193 >> 8);
}

static void regions(void)
{
    spin(1000);
    vtsim_reset_stats();
    spin(50);
    for (int i = 0; i < 3; i++) {
        vtsim_work_begin(1, 0);
        spin(100);
        vtsim_work_end(1, 0);
        spin(10000);
    }
}

static void triple_fault(void)
{
    const struct table none = {0, 0};
    __asm__ volatile("lidt %0\n\tud2" : : "m"(none));
}

static void wait_for_ticks(uint64_t n)
{
    start_ticks();
    while (ticks < n)
        __asm__ volatile("sti\n\thlt\n\tcli");
}

int guest_main(const char *line)
{
    if (ends_with(line, "hlt"))
        __asm__ volatile("cli\n\thlt");
    else if (ends_with(line, "triple"))
        triple_fault();
    else if (ends_with(line, "reset"))
        out8(0x64, 0xfe);
    else if (ends_with(line, "shutdown"))
        for (const char *s = "Shutdown"; *s != '\0'; s++)
            out8(0x8900, (uint8_t)*s);
    else if (ends_with(line, "m5exit"))
        vtsim_exit();
    else if (ends_with(line, "m5fail"))
        vtsim_fail(300);
    else if (ends_with(line, "spin"))
        spin(UINT64_C(1) << 62);
    else if (ends_with(line, "regions"))
        regions();
    else if (ends_with(line, "dumps")) {
        vtsim_dump_stats();
        spin(5);
        vtsim_dump_reset_stats();
        spin(7);
    } else if (ends_with(line, "sum"))
        put_number(m5_sum(40, 2));
    else if (ends_with(line, "unknown"))
        VTSIM_MAGIC(0x99, 0, 0);
    else if (ends_with(line, "ticks")) {
        wait_for_ticks(10);
        put_number(vtsim_time_ns() / 1000000);
    }
    return 0;
}
