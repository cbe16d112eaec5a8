/* SPDX-License-Identifier: Apache-2.0
 * The smallest guest: a line on the serial port and one on the debug
 * console, then the debug exit. Its status is 2 * 20 + 1.
 */
#include <stdint.h>

enum { COM1 = 0x3f8, COM1_LSR = COM1 + 5, LSR_THRE = 0x20, CONSOLE = 0xe9 };

int guest_main(const char *line);

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void serial(const char *text)
{
    for (; *text != '\0'; text++) {
        while ((in8(COM1_LSR) & LSR_THRE) == 0)
            ;
        out8(COM1, (uint8_t)*text);
    }
}

int guest_main(const char *line)
{
    (void)line;
    serial("hello from the serial port\n");
    for (const char *p = "hello from the debug console\n"; *p != '\0'; p++)
        out8(CONSOLE, (uint8_t)*p);
    return 20;
}
