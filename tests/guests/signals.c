/* SPDX-License-Identifier: Apache-2.0
 * Handlers on faults and timers, masks, alternate stack, queueing.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile sig_atomic_t ticks, last, on_alternate;
static char alternate[65536];
static char *page;

static void fault(int signo, siginfo_t *i, void *context)
{
    ucontext_t *u = context;
    char here;
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
    printf("signal %d code %d", signo, i->si_code);
    if (u->uc_mcontext.gregs[REG_TRAPNO] == 14)
        printf(" offset %ld trap %lld", (long)((uintptr_t)i->si_addr & 4095),
               (long long)u->uc_mcontext.gregs[REG_TRAPNO]);
    printf(" alternate %d\n", (int)on_alternate);
    siglongjmp(back, 1);
}

static void repair(int signo, siginfo_t *i, void *context)
{
    (void)context;
    last = signo;
    mprotect((void *)((uintptr_t)i->si_addr & ~4095ul), 4096,
             PROT_READ | PROT_WRITE);
}

static void tick(int signo)
{
    last = signo;
    ticks++;
}

static void install(int signo, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_sigaction = fn;
    a.sa_flags = SA_SIGINFO | flags;
    sigaction(signo, &a, NULL);
}

static void faults(void)
{
    volatile int zero = 0;
    if (!sigsetjmp(back, 1))
        *(volatile char *)(page + 5) = 1;
    if (!sigsetjmp(back, 1))
        *(volatile char *)4097 = 1;
    if (!sigsetjmp(back, 1))
        printf("%d\n", 1 / zero);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("ud2");
    if (!sigsetjmp(back, 1))
        __asm__ volatile("hlt");
}

int main(void)
{
    stack_t s = {.ss_sp = alternate, .ss_size = sizeof alternate};
    page = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
    sigaltstack(&s, NULL);
    install(SIGSEGV, fault, SA_ONSTACK);
    install(SIGFPE, fault, 0);
    install(SIGILL, fault, 0);
    faults();
    install(SIGSEGV, repair, 0);
    mprotect(page, 4096, PROT_READ);
    page[7] = 42;
    printf("repaired %d %d\n", page[7], (int)last);

    struct itimerval t = {{0, 2000}, {0, 2000}};
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &t, NULL);
    while (ticks < 5)
        ;
    memset(&t, 0, sizeof t);
    setitimer(ITIMER_REAL, &t, NULL);
    printf("ticked %d\n", ticks >= 5);

    sigset_t set, old, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    signal(SIGUSR1, tick);
    signal(SIGRTMIN, tick);
    sigprocmask(SIG_BLOCK, &set, &old);
    ticks = 0;
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        raise(SIGRTMIN);
    }
    sigpending(&pending);
    printf("pending %d %d\n", sigismember(&pending, SIGUSR1),
           sigismember(&pending, SIGRTMIN));
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("delivered %d\n", (int)ticks);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    siginfo_t info;
    printf("taken %d from %d\n", sigwaitinfo(&set, &info),
           info.si_pid == getpid());
    alarm(1);
    ticks = 0;
    int r = pause();
    printf("pause %d alarm %d\n", r, (int)last == SIGALRM);
    fflush(stdout);
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
    return 0;
}
