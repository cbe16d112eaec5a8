/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: memory types from the MTRRs and the PAT.
 */
#ifndef VTSIM_MMU_MEMTYPE_H
#define VTSIM_MMU_MEMTYPE_H

#include "mmu/mmu.h"

/* Encodings of SDM Vol.3 "Memory Type Range Registers"; UC_MINUS only in
 * the PAT. */
enum memtype {
    MEMTYPE_UC = 0,
    MEMTYPE_WC = 1,
    MEMTYPE_WT = 4,
    MEMTYPE_WP = 5,
    MEMTYPE_WB = 6,
    MEMTYPE_UC_MINUS = 7
};

/* The MTRRs, digested: `uniform` when one type holds for all of memory. */
struct memtype_map {
    bool uniform;
    /* Write-back for sure: plain_bytes from plain_base on. */
    uint64_t plain_base, plain_bytes;
    uint8_t type;
    uint64_t cached_page[64]; /* physical page + 1 of each remembered type */
    uint8_t cached_type[64];
};

void memtype_init(struct memtype_map *map, const struct mmu_mtrr *m,
                  unsigned maxphyaddr);

/* Type that the MTRRs give the page holding pa. */
enum memtype memtype_mtrr(struct memtype_map *map, const struct mmu_mtrr *m,
                          unsigned maxphyaddr, uint64_t pa);

/* Entry `index` (0..7) of IA32_PAT. */
enum memtype memtype_pat(uint64_t pat, unsigned index);

/* The two together: SDM Vol.3 "Selecting Memory Types for Pentium III and
 * More Recent Processor Families". */
enum memtype memtype_combine(enum memtype mtrr, enum memtype pat);

/* The type of an EPT leaf and that of the PAT: the leaf's takes the MTRRs'
 * place, or with bit 6 stands alone. SDM Vol.3 "Memory Type Used for
 * Translated Guest-Physical Addresses". */
enum memtype memtype_ept(uint64_t leaf, enum memtype pat);

#endif
