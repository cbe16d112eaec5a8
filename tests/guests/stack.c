/* SPDX-License-Identifier: Apache-2.0
 * Deep recursion and large frames.
 */
#include <alloca.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static long depth(long n, const char *above)
{
    char frame[200];
    memset(frame, (int)n, sizeof frame);
    if (n == 0)
        return above[0];
    long below = depth(n - 1, frame);
    return below + frame[n % 200];
}

static void *big_stack(void *arg)
{
    volatile char *area = alloca(30000000);
    for (long i = 0; i < 30000000; i += 4096)
        area[i] = 1;
    return (void *)((long)area[4096] + (long)arg);
}

int main(void)
{
    char large[4000000];
    pthread_t t;
    pthread_attr_t a;
    void *r;
    memset(large, 3, sizeof large);
    printf("%d %ld\n", large[sizeof large / 2], depth(12000, large));
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 32 << 20);
    if (pthread_create(&t, &a, big_stack, (void *)41) != 0)
        return 1;
    pthread_join(t, &r);
    printf("%ld\n", (long)r);
    return 0;
}
