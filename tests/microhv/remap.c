/* SPDX-License-Identifier: Apache-2.0
 * Changes its address space in the ways that need invalidations: unmaps and
 * maps again, takes rights away, forks.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 8, ROUNDS = 4 };

static char *map(char *at)
{
    char *p = mmap(at, PAGES * PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
    if (p == MAP_FAILED)
        exit(1);
    return p;
}

int main(void)
{
    char *p = map(NULL);
    int sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PAGES; i++)
            p[i * PAGE] = (char)(round + i + 1);
        if (fork() == 0) {
            p[PAGE] = 99;
            _exit(p[0]);
        }
        int status = 0;
        wait(&status);
        sum += WEXITSTATUS(status);
        for (int i = 0; i < PAGES; i++)
            p[i * PAGE]++;
        sum += p[PAGE];
        munmap(p, PAGES * PAGE);
        map(p);
        for (int i = 0; i < PAGES; i++)
            sum += p[i * PAGE]; /* fresh: zero */
    }
    printf("sum %d\n", sum);
    return 0;
}
