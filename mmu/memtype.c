/* SPDX-License-Identifier: Apache-2.0
 * Memory types. Source: SDM Vol.3 "Memory Type Range Registers (MTRRs)",
 * "MTRR Precedences", "Page Attribute Table (PAT)". Where overlapping
 * variable ranges have types whose combination is undefined, the lower
 * encoding wins. A large page over several MTRR types acts as 4-KByte pages.
 */
#include "mmu/memtype.h"

#include "sim/base/addr.h"
#include "sim/base/bits.h"

#include <string.h>

#define DEF_TYPE_E  BIT(11)
#define DEF_TYPE_FE BIT(10)
#define MASK_VALID  BIT(11)

enum { VARIABLE_RANGES = 10 };

static enum memtype fixed_type(const struct mmu_mtrr *m, uint64_t pa)
{
    unsigned byte; /* of the 88 range bytes in MSR order */
    if (pa < 0x80000)
        byte = (unsigned)(pa >> 16); /* 64-KByte ranges */
    else if (pa < 0xc0000)
        byte = 8 + (unsigned)((pa - 0x80000) >> 14); /* 16-KByte */
    else
        byte = 24 + (unsigned)((pa - 0xc0000) >> 12); /* 4-KByte */
    return (enum memtype)bits_get(m->fixed[byte / 8], (byte % 8) * 8 + 7,
                                  (byte % 8) * 8);
}

static enum memtype overlap(enum memtype a, enum memtype b)
{
    if (a == MEMTYPE_UC || b == MEMTYPE_UC)
        return MEMTYPE_UC;
    if ((a == MEMTYPE_WT && b == MEMTYPE_WB) ||
        (a == MEMTYPE_WB && b == MEMTYPE_WT))
        return MEMTYPE_WT;
    return a < b ? a : b;
}

static enum memtype look_up(const struct mmu_mtrr *m, unsigned maxphyaddr,
                            uint64_t pa)
{
    if ((m->def_type & DEF_TYPE_E) == 0)
        return MEMTYPE_UC;
    if ((m->def_type & DEF_TYPE_FE) != 0 && pa < 0x100000)
        return fixed_type(m, pa);
    uint64_t frame = bits_mask(maxphyaddr) & ~bits_mask(12);
    bool found = false;
    enum memtype type = MEMTYPE_UC;
    for (unsigned k = 0; k < VARIABLE_RANGES; k++) {
        uint64_t mask = m->mask[k] & frame;
        if ((m->mask[k] & MASK_VALID) == 0 ||
            (pa & mask) != (m->base[k] & mask))
            continue;
        enum memtype here = (enum memtype)(m->base[k] & 7);
        type = found ? overlap(type, here) : here;
        found = true;
    }
    return found ? type : (enum memtype)(m->def_type & 7);
}

/* From 1 MByte to the first variable range the default type holds. No
 * address in a range is below its masked base. */
static void find_plain(struct memtype_map *map, const struct mmu_mtrr *m,
                       unsigned maxphyaddr)
{
    uint64_t end = BIT(maxphyaddr), frame = (end - 1) & ~bits_mask(12);
    if ((m->def_type & DEF_TYPE_E) == 0 || (m->def_type & 7) != MEMTYPE_WB)
        return;
    for (unsigned k = 0; k < VARIABLE_RANGES; k++) {
        uint64_t base = m->base[k] & m->mask[k] & frame;
        if ((m->mask[k] & MASK_VALID) != 0 && base < end)
            end = base;
    }
    map->plain_base = UINT64_C(1) << 20;
    map->plain_bytes = end > map->plain_base ? end - map->plain_base : 0;
}

void memtype_init(struct memtype_map *map, const struct mmu_mtrr *m,
                  unsigned maxphyaddr)
{
    memset(map, 0, sizeof *map);
    find_plain(map, m, maxphyaddr);
    map->type = (uint8_t)look_up(m, maxphyaddr, UINT64_C(1) << 20);
    map->uniform = true;
    if ((m->def_type & DEF_TYPE_E) == 0)
        return;
    for (unsigned k = 0; k < VARIABLE_RANGES; k++)
        if ((m->mask[k] & MASK_VALID) != 0)
            map->uniform = false;
    if ((m->def_type & DEF_TYPE_FE) == 0)
        return;
    for (unsigned k = 0; k < 11; k++)
        if (m->fixed[k] != UINT64_C(0x0101010101010101) * map->type)
            map->uniform = false;
}

enum memtype memtype_mtrr(struct memtype_map *map, const struct mmu_mtrr *m,
                          unsigned maxphyaddr, uint64_t pa)
{
    if (LIKELY(map->uniform))
        return (enum memtype)map->type;
    uint64_t page = pa >> PAGE_SHIFT;
    unsigned slot = (unsigned)(page & 63);
    if (map->cached_page[slot] != page + 1) {
        map->cached_page[slot] = page + 1;
        map->cached_type[slot] = (uint8_t)look_up(m, maxphyaddr, pa);
    }
    return (enum memtype)map->cached_type[slot];
}

enum memtype memtype_pat(uint64_t pat, unsigned index)
{
    return (enum memtype)bits_get(pat, index * 8 + 2, index * 8);
}

enum memtype memtype_ept(uint64_t leaf, enum memtype pat)
{
    enum memtype type = (enum memtype)bits_get(leaf, 5, 3);
    return (leaf & BIT(6)) != 0 ? type : memtype_combine(type, pat);
}

enum memtype memtype_combine(enum memtype mtrr, enum memtype pat)
{
    if (pat == MEMTYPE_UC || pat == MEMTYPE_WC)
        return pat;
    switch (mtrr) {
    case MEMTYPE_WC:
        return pat == MEMTYPE_UC_MINUS || pat == MEMTYPE_WB ? MEMTYPE_WC
                                                            : MEMTYPE_UC;
    case MEMTYPE_WT:
        if (pat == MEMTYPE_UC_MINUS)
            return MEMTYPE_UC;
        return pat == MEMTYPE_WP ? MEMTYPE_WP : MEMTYPE_WT;
    case MEMTYPE_WP:
        if (pat == MEMTYPE_UC_MINUS)
            return MEMTYPE_WC;
        return pat == MEMTYPE_WT ? MEMTYPE_WT : MEMTYPE_WP;
    case MEMTYPE_WB: return pat == MEMTYPE_UC_MINUS ? MEMTYPE_UC : pat;
    case MEMTYPE_UC:
    case MEMTYPE_UC_MINUS: break;
    }
    return MEMTYPE_UC;
}
