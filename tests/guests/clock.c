/* SPDX-License-Identifier: Apache-2.0
 * Clocks go forward at one rate; sleeping takes its time.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t c)
{
    struct timespec t;
    clock_gettime(c, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void)
{
    double a = now(CLOCK_MONOTONIC), r = now(CLOCK_REALTIME);
    struct timespec s = {0, 50000000};
    printf("%d\n", nanosleep(&s, NULL));
    double b = now(CLOCK_MONOTONIC);
    printf("%d %d\n", b - a >= 0.05, b - a < 1.0);
    double d = now(CLOCK_REALTIME) - r - (now(CLOCK_MONOTONIC) - a);
    printf("%d\n", d < 0.01 && d > -0.01);
    struct timeval tv;
    gettimeofday(&tv, NULL);
    time_t t = time(NULL);
    printf("%d\n", t - tv.tv_sec <= 1);
    clock_gettime(CLOCK_MONOTONIC, &s);
    s.tv_nsec += 20000000;
    if (s.tv_nsec >= 1000000000) {
        s.tv_nsec -= 1000000000;
        s.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &s, NULL);
    double c = now(CLOCK_MONOTONIC);
    printf("%d\n", c >= (double)s.tv_sec + (double)s.tv_nsec / 1e9);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (volatile int i = 0; i < 3000000; i++)
        ;
    printf("%d\n", now(CLOCK_PROCESS_CPUTIME_ID) > cpu);
    struct rusage u;
    struct tms m;
    printf("%d %d\n", getrusage(RUSAGE_SELF, &u), times(&m) != (clock_t)-1);
    double last = now(CLOCK_MONOTONIC);
    for (int i = 0; i < 1000; i++) {
        double x = now(CLOCK_MONOTONIC);
        if (x < last)
            return 1;
        last = x;
    }
    return 0;
}
