/* SPDX-License-Identifier: Apache-2.0
 * Extended state of a program: YMM registers survive signals, context
 * switches and fork; a handler starts with the initial state, finds the
 * interrupted one in its frame, and what it writes there is what goes on.
 */
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u

static volatile int handled, good_frame, clean;
static volatile int edit;

static void handler(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    uint8_t *area = (uint8_t *)uc->uc_mcontext.fpregs, ymm[32], lanes[32];
    uint32_t magic1, size, magic2, mxcsr;
    (void)signo, (void)info;
    __asm__ volatile("vmovdqu %%ymm5, %0" : "=m"(ymm));
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    memset(lanes, 0, sizeof lanes);
    clean += memcmp(ymm, lanes, 32) == 0 && mxcsr == 0x1f80;
    memcpy(&magic1, area + 464, 4);
    memcpy(&size, area + 480, 4);
    memcpy(&magic2, area + size, 4);
    good_frame += (uc->uc_flags & 1) != 0 && magic1 == MAGIC1 &&
                  magic2 == MAGIC2 && ((uintptr_t)area & 63) == 0;
    if (edit)
        memset(area + 576 + 16 * 5, 0x5a, 16); /* upper half of YMM5 */
    memset(lanes, 0xee, sizeof lanes);
    __asm__ volatile("vmovdqu %0, %%ymm5" : : "m"(lanes) : "xmm5");
    handled++;
}

/* Hold `value` in YMM5 while time passes; what is left of it. */
static uint64_t hold(uint8_t value, unsigned long spins, int raise_it)
{
    uint8_t in[32], out[32];
    long pid = getpid(), tid = gettid();
    memset(in, value, sizeof in);
    if (raise_it)
        __asm__ volatile("vmovdqu %[in], %%ymm5\n\t"
                         "mov $234, %%eax\n\t"
                         "syscall\n\t"
                         "vmovdqu %%ymm5, %[out]"
                         : [out] "=m"(out)
                         : [in] "m"(in), "D"(pid), "S"(tid), "d"((long)SIGUSR1)
                         : "rax", "rcx", "r11", "xmm5", "memory");
    else
        __asm__ volatile("vmovdqu %[in], %%ymm5\n"
                         "1: dec %[n]\n\t"
                         "jnz 1b\n\t"
                         "vmovdqu %%ymm5, %[out]"
                         : [out] "=m"(out), [n] "+r"(spins)
                         : [in] "m"(in)
                         : "xmm5", "memory");
    uint64_t low, high;
    memcpy(&low, out, 8);
    memcpy(&high, out + 24, 8);
    return low ^ high << 1;
}

static void *worker(void *arg)
{
    uint8_t value = (uint8_t)(uintptr_t)arg;
    uint64_t bad = 0;
    for (unsigned i = 0; i < 40; i++)
        bad |= hold(value, 3000, 0) ^ hold(value, 1, 0);
    return (void *)(uintptr_t)bad;
}

int main(void)
{
    if (!__builtin_cpu_supports("avx")) {
        printf("no AVX\n");
        return 0;
    }
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGALRM, &a, NULL);
    uint64_t held = hold(0x11, 10, 1);
    printf("%016llx %d %d %d\n", (unsigned long long)held, handled, good_frame,
           clean);
    edit = 1;
    held = hold(0x22, 10, 1);
    edit = 0;
    printf("%016llx %d %d %d\n", (unsigned long long)held, handled, good_frame,
           clean);
    struct itimerval t = {{0, 400}, {0, 400}}, off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &t, NULL);
    uint64_t x = 0;
    for (unsigned i = 0; i < 100; i++)
        x |= hold((uint8_t)(i + 1), 20000, 0) ^ hold((uint8_t)(i + 1), 1, 0);
    setitimer(ITIMER_REAL, &off, NULL);
    printf("%llx %d\n", (unsigned long long)x,
           good_frame == handled && clean == handled);
    pthread_t thread[3];
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, worker, (void *)(0x31 + i));
    x = 0;
    for (unsigned i = 0; i < 3; i++) {
        void *bad;
        pthread_join(thread[i], &bad);
        x |= (uintptr_t)bad;
    }
    printf("%llx\n", (unsigned long long)x);
    /* YMM5 over fork, in both processes. */
    uint8_t in[32], out[32];
    int pid, status = 0;
    memset(in, 0x77, sizeof in);
    fflush(stdout);
    __asm__ volatile("vmovdqu %[in], %%ymm5\n\t"
                     "mov $57, %%eax\n\t"
                     "syscall\n\t"
                     "vmovdqu %%ymm5, %[out]"
                     : [out] "=m"(out), "=a"(pid)
                     : [in] "m"(in)
                     : "rcx", "r11", "xmm5", "memory");
    if (pid == 0)
        _exit(memcmp(in, out, 32) == 0 ? 7 : 8);
    waitpid(pid, &status, 0);
    printf("%d %d\n", WEXITSTATUS(status), memcmp(in, out, 32));
    unsigned long most = getauxval(AT_MINSIGSTKSZ);
    printf("%d\n", most > 1200 && most < 12000);
    return 0;
}
