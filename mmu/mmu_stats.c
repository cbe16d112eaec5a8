/* SPDX-License-Identifier: Apache-2.0
 * Statistics of the memory system as tables.
 */
#include "mmu/model.h"

static const struct stat_desc dram_rows[] = {
    {"reads", offsetof(struct dram_stats, reads), "lines",
     "lines read from DRAM"},
    {"writebacks", offsetof(struct dram_stats, writebacks), "lines",
     "dirty lines written to DRAM"},
};

void memsys_register_stats(const struct memsys *s, struct stat_registry *r)
{
    stat_register(r, "dram", dram_rows, sizeof dram_rows / sizeof *dram_rows,
                  &s->dram);
}

void mmu_register_stats(const struct mmu *m, struct stat_registry *r,
                        const char *prefix)
{
    (void)m;
    (void)r;
    (void)prefix;
}
