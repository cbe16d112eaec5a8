/* SPDX-License-Identifier: Apache-2.0
 * The memory system that the cores of a machine share: RAM, device regions,
 * the L3, DRAM latency, coherence between the cores' private caches, and
 * the map of lines that hold translated code.
 */
#ifndef VTSIM_MMU_MEMSYS_H
#define VTSIM_MMU_MEMSYS_H

#include "mmu/config.h"
#include "sim/base/port.h"
#include "sim/base/stat.h"
#include "sim/base/status.h"

struct memsys;
struct mmu;

/* Told when bytes that a core translated change, by whoever writes them. */
struct code_port {
    void *self;
    void (*written)(void *self, hpa at, unsigned len);
};

/*
 * Create RAM of c->ram_bytes: [0, min(bytes, 3 GiB)) and the rest from
 * 4 GiB up. Pages are committed by the host on first touch.
 */
SIM_MUST_CHECK enum sim_status memsys_create(const struct memsys_config *c,
                                             struct memsys **out,
                                             struct sim_error *e);
void memsys_destroy(struct memsys *s);

/* Claim [base, base+size) for a device; size is a multiple of 4096. Fails
 * with SIM_INTERNAL when it overlaps RAM or another region. */
SIM_MUST_CHECK enum sim_status memsys_add_mmio(struct memsys *s, hpa base,
                                               uint64_t size,
                                               struct mmio_port port,
                                               struct sim_error *e);

/* Make [base, base+size) read-only to guests (ROM); loaders still write. */
void memsys_set_rom(struct memsys *s, hpa base, uint64_t size);

/* RAM ranges in address order, for memory maps: returns their number. */
unsigned memsys_ram_ranges(const struct memsys *s, hpa base[2],
                           uint64_t size[2]);

/*
 * Untimed access for loaders, DMA and debuggers; any length, any alignment.
 * Writes drop translated code and, in other agents' caches, the lines they
 * touch. Device regions are not reached: false, and nothing is written,
 * when any byte is outside RAM.
 */
bool memsys_read(struct memsys *s, hpa at, uint64_t len, void *out);
bool memsys_write(struct memsys *s, hpa at, uint64_t len, const void *in);

/* Register a core's translator; called back for every write to a marked
 * line. Returns a handle for memsys_mark_code. */
unsigned memsys_add_code_port(struct memsys *s, struct code_port port);

/* Say that translated code was made from the line holding `at`; stores to
 * it take the slow path of every core from now on. Unmark when no block
 * uses the line any more. */
void memsys_mark_code(struct memsys *s, hpa at);
void memsys_unmark_code(struct memsys *s, hpa at);

/* Bytes of guest RAM the host has committed for this machine. */
uint64_t memsys_committed(const struct memsys *s);

/* L3 and DRAM counters, under the prefix "l3" / "dram". */
void memsys_register_stats(const struct memsys *s, struct stat_registry *r);

#endif
