/* SPDX-License-Identifier: Apache-2.0
 * fork, pipes, wait, exit statuses, copy-on-write, kill, orphans.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int value = 1;

static int child_status(int how)
{
    int status;
    pid_t p = fork();
    if (p == 0) {
        value = 100;
        if (how == 0)
            _exit(7);
        if (how == 1)
            kill(getpid(), SIGKILL);
        if (how == 2)
            abort();
        *(volatile int *)8 = 1;
    }
    waitpid(p, &status, 0);
    return status;
}

int main(void)
{
    int up[2], down[2];
    char buf[100];
    for (int how = 0; how < 4; how++) {
        int s = child_status(how);
        printf("%d %d %d %d\n", WIFEXITED(s), WEXITSTATUS(s), WIFSIGNALED(s),
               WIFSIGNALED(s) ? WTERMSIG(s) : 0);
    }
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pipe(up) || pipe(down))
        return 1;
    fflush(stdout);
    pid_t p = fork();
    if (p == 0) {
        ssize_t n = read(down[0], buf, sizeof buf);
        for (ssize_t i = 0; i < n; i++)
            buf[i] ^= 0x20;
        *shared = 4711;
        value = 55;
        _exit(write(up[1], buf, (size_t)n) == n ? 0 : 1);
    }
    if (write(down[1], "hello pipe", 10) != 10)
        return 2;
    ssize_t n = read(up[0], buf, sizeof buf);
    printf("%.*s %d %d\n", (int)n, buf, value, *shared);
    wait(NULL);
    close(up[1]);
    printf("eof %zd\n", read(up[0], buf, 1));
    close(down[0]);
    signal(SIGPIPE, SIG_IGN);
    printf("epipe %zd\n", write(down[1], "x", 1));

    char *big = malloc(3 << 20);
    memset(big, 1, 3 << 20);
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (int j = 0; j < 3 << 20; j += 4096)
                big[j] += (char)i;
            _exit(big[4096] + big[8192]);
        }
    }
    int sum = 0, status;
    while (wait(&status) > 0)
        sum += WEXITSTATUS(status);
    printf("sum %d %d\n", sum, big[4096]);
    return 9;
}
