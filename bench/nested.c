/* SPDX-License-Identifier: Apache-2.0
 * Workloads of the nested-paging study: ordinary static programs whose time
 * goes into address translation. Only the loop itself is a region of
 * interest; see bench/nested.py.
 *
 *   nested gups MIB UPDATES    random read-modify-writes of 8 bytes
 *   nested chase MIB LOADS     one cycle of dependent loads, a page apart
 *   nested churn MIB ROUNDS    map, touch every page, unmap
 */
#define _DEFAULT_SOURCE
#include "vtsim_roi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static uint64_t state = 88172645463325252u;

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static char *map(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("nested");
        exit(1);
    }
    return p;
}

static void touch(char *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += PAGE)
        p[i] = 1;
}

static uint64_t gups(size_t bytes, uint64_t updates)
{
    uint64_t *table = (uint64_t *)map(bytes);
    uint64_t mask = bytes / sizeof *table - 1;
    touch((char *)table, bytes);
    vtsim_work_begin(0, 0);
    for (uint64_t i = 0; i < updates; i++) {
        uint64_t r = next_random();
        table[r & mask] ^= r;
    }
    vtsim_work_end(0, 0);
    return table[mask & 12345];
}

/* Sattolo's shuffle over the pages; the line within a page varies. */
static uint64_t chase(size_t bytes, uint64_t loads)
{
    char *base = map(bytes);
    size_t nodes = bytes / PAGE;
    uint32_t *order = (uint32_t *)map(nodes * sizeof *order);
#define NODE(i) (*(char **)(base + (i)*PAGE + (i) % 61 * 64))
    for (size_t i = 0; i < nodes; i++)
        order[i] = (uint32_t)i;
    for (size_t i = nodes - 1; i > 0; i--) {
        size_t j = next_random() % i;
        uint32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (size_t i = 0; i < nodes; i++)
        NODE((size_t)order[i]) = (char *)&NODE((size_t)order[(i + 1) % nodes]);
    char *at = (char *)&NODE((size_t)0);
    vtsim_work_begin(0, 0);
    for (uint64_t i = 0; i < loads; i++)
        at = *(char **)at;
    vtsim_work_end(0, 0);
    return (uint64_t)(at - base) / PAGE;
}

static uint64_t churn(size_t bytes, uint64_t rounds)
{
    vtsim_work_begin(0, 0);
    for (uint64_t i = 0; i < rounds; i++) {
        char *p = map(bytes);
        touch(p, bytes);
        munmap(p, bytes);
    }
    vtsim_work_end(0, 0);
    return rounds;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        uint64_t (*run)(size_t bytes, uint64_t count);
    } work[] = {{"gups", gups}, {"chase", chase}, {"churn", churn}};
    size_t mib = argc == 4 ? strtoull(argv[2], NULL, 0) : 0;
    for (size_t i = 0; mib != 0 && i < sizeof work / sizeof work[0]; i++) {
        if (strcmp(argv[1], work[i].name) != 0)
            continue;
        uint64_t sum = work[i].run(mib << 20, strtoull(argv[3], NULL, 0));
        printf("%s %llx\n", argv[1], (unsigned long long)sum);
        return 0;
    }
    fprintf(stderr, "usage: nested gups|chase|churn MIB COUNT\n");
    return 2;
}
