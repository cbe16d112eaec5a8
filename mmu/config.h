/* SPDX-License-Identifier: Apache-2.0
 * Configuration of the memory system as plain data. Every field is a row of
 * sim/machine/param_table.c; presets fill it from measured values.
 */
#ifndef VTSIM_MMU_CONFIG_H
#define VTSIM_MMU_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum replacement { REPL_LRU, REPL_TREE_PLRU, REPL_NRU, REPL_FIFO, REPL_RANDOM };

enum index_hash {
    HASH_LINEAR, /* low bits of the page or line number */
    HASH_XOR     /* the low bits XORed with the next ones above */
};

/* What an invalidating instruction drops: what it must; all it may; or what it
 * must as far as hardware can tell: INVEPT of an address then goes by a Bloom
 * word of the pages of each walk, and may drop more. */
enum invalidation {
    INVALIDATION_EXACT,
    INVALIDATION_AGGRESSIVE,
    INVALIDATION_TAGGED
};

/* --check tlb: what to do at a use of a cached translation that a walk would
 * no longer give. */
enum tlb_check {
    TLB_CHECK_OFF,
    TLB_CHECK_REPORT,
    TLB_CHECK_STOP,
    TLB_CHECK_FRESH, /* use what a walk gives */
    TLB_CHECK_RANDOM /* either, by the seed */
};

/* A set-associative structure; ways == entries is fully associative and
 * entries == 0 means it is absent. */
struct assoc_config {
    uint32_t entries, ways;
    uint8_t replacement; /* enum replacement */
    uint8_t hash;        /* enum index_hash */
};

struct cache_config {
    uint32_t size_kib, ways;
    uint32_t latency; /* load-to-use, cycles; the L1's is all a hit costs */
    uint8_t replacement, hash;
};

/* Private to a core. */
struct mmu_config {
    struct assoc_config itlb_4k, itlb_2m, itlb_1g;
    struct assoc_config dtlb_4k, dtlb_2m, dtlb_1g;
    /* Second level. unified: stlb serves both sides; else stlb is the data
     * side and stlb_i the instruction side. 2M pages share the 4K entries
     * when stlb_2m_shared, else they are not cached there; 1G likewise in
     * stlb_1g. */
    bool stlb_unified, stlb_2m_shared;
    struct assoc_config stlb, stlb_i, stlb_1g;
    uint32_t stlb_latency; /* cycles */
    /* Paging-structure caches, by the entry they hold. */
    struct assoc_config psc_pml5e, psc_pml4e, psc_pdpte, psc_pde;
    /* The same of EPT, by guest-physical address. */
    struct assoc_config ept_psc_pml5e, ept_psc_pml4e, ept_psc_pdpte,
        ept_psc_pde;
    struct assoc_config nested_tlb; /* guest-physical translations: of use
                                       with EPT only */
    uint32_t walkers; /* accesses block, so one walk is under way at a time:
                         more walkers change nothing in simple timing */
    bool walk_through_l1d; /* walk references look in the L1D, else in L2 */
    struct cache_config l1i, l1d, l2;
    uint32_t coherence_latency; /* cycles to take a line from another core */
    uint32_t uncached_latency;  /* cycles for a UC access to RAM */
    uint32_t mmio_latency;      /* cycles for an access to a device */
    uint32_t maxphyaddr;        /* bits, 32..52 */
    bool no_1g_pages; /* PS in a PDPTE is reserved: cpu_create sets it when
                         CPUID does not offer 1-GByte pages */
    bool filter;      /* the residency filter; never changes results */
    bool split_conflict_misses; /* fully associative shadow, slower */
    uint8_t invalidation;       /* enum invalidation */
    uint8_t check_tlb;          /* enum tlb_check */
    /* Of EPT; cpu_create sets them from core.vtx. */
    bool ept_execute_only, ept_2m, ept_1g;
    uint64_t seed;
};

/* Shared by the cores of a machine. */
struct memsys_config {
    uint64_t ram_bytes; /* multiple of 4096; RAM above 3 GiB moves to 4 GiB */
    struct cache_config l3; /* size 0: absent */
    uint32_t dram_latency;  /* load-to-use of a line served by DRAM, cycles */
    bool timing;            /* false: functional only */
    uint64_t seed;
};

#endif
