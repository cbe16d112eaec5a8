/* SPDX-License-Identifier: Apache-2.0
 * malloc, realloc and free in all sizes, contents checked.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 2000

static unsigned char *block[SLOTS];
static size_t size[SLOTS];
static uint32_t seed = 12345;

static uint32_t next(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

int main(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < 15000; i++) {
        unsigned at = next() % SLOTS;
        if (block[at] != NULL) {
            for (size_t j = 0; j < size[at]; j += 97)
                if (block[at][j] != (unsigned char)at)
                    return 1;
            sum += size[at];
        }
        if (block[at] != NULL && next() % 3 == 0) {
            free(block[at]);
            block[at] = NULL;
            continue;
        }
        size_t n = next() % 16 == 0 ? next() % 300000 : next() % 500 + 1;
        block[at] = realloc(block[at], n + 1);
        if (block[at] == NULL)
            return 2;
        memset(block[at], (int)at, n + 1);
        size[at] = n + 1;
    }
    unsigned char *zero = calloc(1, 3000000);
    for (size_t i = 0; i < 3000000; i += 4096)
        sum += zero[i];
    printf("%llu\n", (unsigned long long)sum);
    return 0;
}
