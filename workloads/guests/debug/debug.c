/* SPDX-License-Identifier: Apache-2.0
 * What debuggers are tried on: a function called ten times, a counter that it
 * changes, and a word that somebody else may set. The result says what the
 * word was.
 */
#include <stdint.h>

int guest_main(const char *line);
void tick(unsigned n);
unsigned leaf(unsigned n);

volatile uint64_t counter, mailbox;
volatile uint8_t block[64];

__attribute__((noinline)) unsigned leaf(unsigned n)
{
    return n * 3 + 1;
}

__attribute__((noinline)) void tick(unsigned n)
{
    counter += leaf(n);
    __asm__ volatile("" : : : "memory");
}

int guest_main(const char *line)
{
    (void)line;
    for (unsigned i = 0; i < 10; i++)
        tick(i);
    const uint8_t *from = (const uint8_t *)(uintptr_t)&guest_main;
    uint64_t count = sizeof block;
    uint8_t *to = (uint8_t *)(uintptr_t)block;
    __asm__ volatile("rep movsb"
                     : "+S"(from), "+D"(to), "+c"(count)
                     :
                     : "memory");
    return (int)(mailbox & 0x3f);
}
