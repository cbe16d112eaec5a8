/* SPDX-License-Identifier: Apache-2.0
 * Two threads hand a counter to and fro. Where the processor has UMONITOR
 * and UMWAIT each waits with them, without a deadline: only the other's
 * store, or an interrupt, ends it.
 */
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define TURNS 400

static struct {
    volatile unsigned value;
    char rest[60];
} turn __attribute__((aligned(64)));

static int has_waitpkg(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 5 & 1) != 0;
}

static void wait_while(unsigned parity, int waitpkg)
{
    while ((turn.value & 1) == parity) {
        if (!waitpkg) {
            sched_yield();
            continue;
        }
        __asm__ volatile(".byte 0xf3, 0x0f, 0xae, 0xf0" /* umonitor %rax */
                         :
                         : "a"(&turn.value)
                         : "memory");
        if ((turn.value & 1) != parity)
            return;
        __asm__ volatile(".byte 0xf2, 0x0f, 0xae, 0xf1" /* umwait %ecx */
                         :
                         : "a"(-1), "d"(-1), "c"(0)
                         : "memory", "cc");
    }
}

static void *other(void *arg)
{
    int waitpkg = has_waitpkg();
    (void)arg;
    for (unsigned i = 0; i < TURNS; i++) {
        wait_while(0, waitpkg);
        turn.value++;
    }
    return NULL;
}

int main(void)
{
    int waitpkg = has_waitpkg();
    pthread_t t;
    pthread_create(&t, NULL, other, NULL);
    for (unsigned i = 0; i < TURNS; i++) {
        turn.value++;
        wait_while(1, waitpkg);
    }
    pthread_join(t, NULL);
    printf("%u\n", turn.value);
    return 0;
}
