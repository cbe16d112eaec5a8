/* SPDX-License-Identifier: Apache-2.0
 * The demonstration workload: an ordinary C program that looks up random
 * keys in a 32 MiB hash table. It knows nothing of the simulator; the same
 * binary runs on the host.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    size_t slots = (size_t)4 << 20;
    uint64_t lookups = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
    uint64_t *table = calloc(slots, sizeof *table);
    if (table == NULL) {
        perror("demo");
        return 1;
    }
    for (size_t i = 0; i < slots; i += 8)
        table[i] = i;
    uint64_t key = 1, found = 0;
    for (uint64_t i = 0; i < lookups; i++) {
        key = key * 6364136223846793005u + 1442695040888963407u;
        found += table[key >> 42] != 0;
    }
    printf("%llu lookups, %llu found\n", (unsigned long long)lookups,
           (unsigned long long)found);
    free(table);
    return 0;
}
