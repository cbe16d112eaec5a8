/* SPDX-License-Identifier: Apache-2.0
 * Bad pointers and arguments get errors, not trouble.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const long bad[] = {1,
                           0x7fffffffffffl,
                           0x800000000000l,
                           -1,
                           -4096,
                           (long)0xffff800000000000ul,
                           (long)0xffffffff80100000ul};

#define N (sizeof bad / sizeof bad[0])

int main(void)
{
    int end[2], faults = 0;
    if (pipe(end) || write(end[1], "0123456789", 10) != 10)
        return 1;
    for (size_t i = 0; i < N; i++) {
        faults += syscall(SYS_read, end[0], bad[i], 4) < 0 && errno == EFAULT;
        faults += syscall(SYS_write, end[1], bad[i], 4) < 0 && errno == EFAULT;
        faults += syscall(SYS_open, bad[i], 0) < 0 && errno == EFAULT;
        faults += syscall(SYS_clock_gettime, 0, bad[i]) < 0;
        faults += syscall(SYS_rt_sigaction, 10, bad[i], 0, 8) < 0;
        faults += syscall(SYS_pipe2, bad[i], 0) < 0 && errno == EFAULT;
        faults += syscall(SYS_execve, bad[i], bad[i], 0) < 0;
        faults += syscall(SYS_poll, bad[i], 3, 0) < 0;
        faults += syscall(SYS_writev, 1, bad[i], 2) < 0;
        faults += syscall(SYS_getcwd, bad[i], 4096) < 0;
    }
    printf("%d of %zu\n", faults, 10 * N);
    char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(two + 4096, 4096);
    printf("%d\n", syscall(SYS_getrandom, two + 4090, 12, 0) < 12);
    printf("%ld ", syscall(SYS_mmap, 0, -1l, 3, 0x22, -1, 0));
    printf("%d\n", errno == ENOMEM);
    printf("%ld\n", syscall(SYS_mmap, 0, 0l, 3, 0x22, -1, 0));
    printf("%ld\n", syscall(SYS_munmap, 123, 4096));
    printf("%ld\n", syscall(SYS_close, 12345));
    printf("%ld\n", syscall(SYS_dup2, 0, 100000));
    printf("%ld\n", syscall(SYS_lseek, end[0], 0, 0));
    printf("%ld\n", syscall(SYS_readv, 0, two, 5000));
    printf("%ld\n", syscall(SYS_kill, 0x3ffffff0, 0));
    printf("%ld\n", syscall(SYS_prctl, 9999, 0, 0, 0, 0));
    fflush(stdout);
    /* Into the void, with a stack that is none. */
    __asm__ volatile("mov $0x7fffffff0000, %%rsp\n\tjmp *%0"
                     :
                     : "r"(0xdead000000000000ul)
                     : "memory");
    return 0;
}
