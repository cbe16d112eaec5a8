/* SPDX-License-Identifier: Apache-2.0
 * Random bytes executed as code, begun in every mode of the processor:
 * whatever a guest does, the simulator neither crashes, nor hangs, nor runs
 * past its limits.
 *
 *   random_code [INSTRUCTIONS [SEED]]     default 10000000 1
 *
 * Exit status 0 when all rounds kept to their limits.
 */
#include "tests/random/box.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUND_INSTRUCTIONS = 50000, BOXES = 3, STOPS = 8 };

struct campaign {
    struct box box[BOXES];
    uint64_t rounds, instructions;
    uint64_t per_entry[ENTRY_COUNT], stops[STOPS];
};

/* Timing on, off, and on with the smallest structures there can be. */
static bool open_boxes(struct campaign *k, uint64_t seed)
{
    for (unsigned i = 0; i < BOXES; i++) {
        struct machine_config config;
        struct sim_error e;
        config_defaults(&config);
        config.memory.ram_bytes = RAM_BYTES;
        config.seed = seed;
        if (i == 1)
            config.core.timing = TIMING_OFF;
        if (i == 2) {
            config.mmu.dtlb_4k.entries = config.mmu.dtlb_4k.ways = 1;
            config.mmu.itlb_4k.entries = config.mmu.itlb_4k.ways = 1;
            config.mmu.stlb.entries = config.mmu.stlb.ways = 1;
            config.l1d_bytes = config.l1i_bytes = 1024;
            config.mmu.l1d.ways = config.mmu.l1i.ways = 1;
        }
        if (config_finish(&config, SIM_INTERNAL, &e) != SIM_OK) {
            fprintf(stderr, "random_code: %s\n", e.text);
            return false;
        }
        if (!box_open(&k->box[i], &config))
            return false;
        /* Handlers that fault at once make events without instructions. */
        k->box[i].cycles_each = i == 1 ? 2 : 30;
    }
    return true;
}

/* One round; false when the core ran past its limits. */
static bool run_round(struct campaign *k, uint64_t seed)
{
    enum entry entry = (enum entry)(k->rounds % ENTRY_COUNT);
    struct box *b = &k->box[k->rounds / ENTRY_COUNT % BOXES];
    box_fill(b, seed, k->rounds, entry, WILD);
    struct cycle_account *a = cpu_account(b->cpu);
    uint64_t from = a->instructions, begin = a->cycles;
    cpu_set_instruction_limit(b->cpu, from + ROUND_INSTRUCTIONS);
    enum cpu_stop stop =
        cpu_run(b->cpu, begin + b->cycles_each * ROUND_INSTRUCTIONS);
    uint64_t sum = 0, done = a->instructions - from;
    for (unsigned i = 0; i < LEAF_COUNT; i++)
        sum += a->leaf[i];
    if (sum != a->cycles) {
        printf("round %" PRIu64 ": leaves %" PRIu64 ", cycles %" PRIu64 "\n",
               k->rounds, sum, a->cycles);
        return false;
    }
    if (done > ROUND_INSTRUCTIONS) {
        printf("round %" PRIu64 ": ran past the limit\n", k->rounds);
        return false;
    }
    k->rounds++;
    k->instructions += done;
    k->per_entry[entry] += done;
    k->stops[stop]++;
    return true;
}

int main(int argc, char **argv)
{
    uint64_t target = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct campaign *k = calloc(1, sizeof *k);
    if (k == NULL || !open_boxes(k, seed))
        return 2;
    bool good = true;
    while (good && k->instructions < target)
        good = run_round(k, seed);
    printf("%" PRIu64 " instructions in %" PRIu64 " rounds, seed %" PRIu64
           "; stops:",
           k->instructions, k->rounds, seed);
    for (unsigned i = 0; i < STOPS; i++)
        printf(" %" PRIu64, k->stops[i]);
    printf("\n");
    for (unsigned i = 0; i < ENTRY_COUNT; i++)
        printf("%-10s %" PRIu64 "\n", entry_name[i], k->per_entry[i]);
    for (unsigned i = 0; i < BOXES; i++)
        box_close(&k->box[i]);
    free(k);
    return good ? 0 : 1;
}
