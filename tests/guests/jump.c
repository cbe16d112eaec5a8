/* SPDX-License-Identifier: Apache-2.0
 * setjmp and longjmp, sigsetjmp with the mask, from deep calls.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static jmp_buf back;
static sigjmp_buf from_handler;
static volatile int depth;

static void dive(int n)
{
    depth = n;
    if (n == 1000)
        longjmp(back, n);
    dive(n + 1);
    depth--;
}

static void handler(int signo)
{
    siglongjmp(from_handler, signo);
}

int main(void)
{
    volatile int rounds = 0;
    int r = setjmp(back);
    if (rounds++ < 3)
        dive(0);
    printf("%d %d %d\n", r, rounds, depth);
    signal(SIGUSR1, handler);
    for (volatile int i = 0; i < 3; i++) {
        int s = sigsetjmp(from_handler, 1);
        if (s == 0)
            raise(SIGUSR1);
        sigset_t now;
        sigprocmask(SIG_BLOCK, NULL, &now);
        printf("signal %d blocked %d\n", s, sigismember(&now, SIGUSR1));
    }
    return 0;
}
