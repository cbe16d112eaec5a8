/* SPDX-License-Identifier: Apache-2.0
 * Random system calls with awkward arguments, by short-lived children: the
 * kernel must survive them all. On the host nothing is called (the calls
 * would do harm there); the output is the same.
 *
 * usage: fuzz [SEED [CHILDREN [CALLS]]]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

static uint64_t next(void)
{
    state += 0x9e3779b97f4a7c15;
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static char *area; /* some pages, mapped in different ways */

static uint64_t argument(void)
{
    static const uint64_t odd[] = {
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        16,
        64,
        255,
        4096,
        65536,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x7fffffffe000,
        0x7ffffffff000,
        0x800000000000,
        0xffff800000000000,
        0xffffffff80100000,
        0x7fffffffffffffff,
        0x8000000000000000,
        UINT64_MAX,
        UINT64_MAX - 1,
        UINT64_MAX - 4095,
        UINT64_MAX - 99, /* AT_FDCWD */
    };
    switch (next() % 6) {
    case 0:
    case 1: return odd[next() % (sizeof odd / sizeof odd[0])];
    case 2: return next() % 40;
    case 3: return (uint64_t)area + next() % 32768;
    case 4: return (uint64_t)area + next() % 8 * 4096;
    default: return next() >> next() % 64;
    }
}

/* Not these: they end the child or the test, or sleep. */
static int excluded(long nr)
{
    static const long list[] = {
        SYS_exit,
        SYS_exit_group,
        SYS_pause,
        SYS_rt_sigsuspend,
        SYS_kill,
        SYS_tgkill,
        SYS_tkill,
        SYS_rt_sigqueueinfo,
        SYS_fork,
        SYS_vfork,
        SYS_clone,
        SYS_clone3,
        SYS_nanosleep,
        SYS_clock_nanosleep,
        SYS_rt_sigtimedwait,
        SYS_poll,
        SYS_ppoll,
        SYS_select,
        SYS_pselect6,
        SYS_epoll_wait,
        SYS_epoll_pwait,
        SYS_futex,
        SYS_wait4,
        SYS_waitid,
        SYS_setrlimit,
        SYS_prlimit64,
        SYS_write,
        SYS_writev,
        SYS_pwrite64,
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (list[i] == nr)
            return 1;
    return 0;
}

static void child(unsigned calls)
{
    int end[2];
    area = mmap(NULL, 32768, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 32768; i += 8)
        *(uint64_t *)(area + i) = next() % 3 ? next() % 100 : next();
    strcpy(area, "/proc/self/exe");
    strcpy(area + 8192, "file");
    mprotect(area + 4096, 4096, PROT_READ);
    mprotect(area + 12288, 4096, PROT_NONE);
    munmap(area + 20480, 4096);
    if (pipe(end) != 0 || syscall(SYS_socket, 1, 1, 0) < 0)
        _exit(1);
    close(1);
    alarm(2);
    for (unsigned i = 0; i < calls; i++) {
        long nr = (long)(next() % 335);
        if (next() % 8 == 0)
            nr = 424 + (long)(next() % 30);
        if (!excluded(nr))
            syscall(nr, argument(), argument(), argument(), argument(),
                    argument(), argument());
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    struct utsname u;
    unsigned children = argc > 2 ? (unsigned)atoi(argv[2]) : 60;
    unsigned calls = argc > 3 ? (unsigned)atoi(argv[3]) : 300;
    uint64_t seed = argc > 1 ? (uint64_t)atoll(argv[1]) : 1;
    uname(&u);
    int inside = strstr(u.version, "vtsim pk") != NULL;
    for (unsigned i = 0; i < children && inside; i++) {
        state = seed * 1000003 + i;
        pid_t p = fork();
        if (p == 0)
            child(calls);
        /* A child may stop itself or change its group: end it. */
        for (int status, n = 0; waitpid(p, &status, WNOHANG) == 0; n++) {
            usleep(1000);
            if (n > 3000)
                kill(p, SIGKILL);
        }
    }
    puts("alive");
    return 0;
}
