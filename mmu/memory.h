/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: the shared memory system from inside. Addresses that a
 * guest chooses become host addresses in memory_offset and nowhere else.
 */
#ifndef VTSIM_MMU_MEMORY_H
#define VTSIM_MMU_MEMORY_H

#include "mmu/cache.h"
#include "mmu/memsys.h"
#include "sim/base/bits.h"

#include <stddef.h>
#include <string.h>

#define MEMORY_NONE UINT64_MAX
#define MEMORY_LOW  (UINT64_C(3) << 30) /* RAM below 4 GiB at most */
#define MEMORY_4G   (UINT64_C(4) << 30)
#define MEMORY_LIMIT                                                           \
    (UINT64_C(60) << 30) /* cache tags hold 36-bit addresses                   \
                          */

enum { MEMORY_CORES_MAX = 256, MEMORY_PORTS_MAX = 256 };

/* Flags of a RAM page. */
enum { PAGE_ROM = 1, PAGE_TOUCHED = 2, PAGE_CODE = 4 };

struct mmio_region {
    uint64_t base, end;
    struct mmio_port port;
};

struct dram_stats {
    uint64_t reads, writebacks;
};

struct memsys {
    struct memsys_config config;
    uint8_t *map; /* the whole mapping, guard areas included */
    size_t map_bytes;
    uint8_t *ram;
    uint64_t low_bytes, high_bytes; /* RAM below and from 4 GiB */
    uint8_t *page_flags;            /* one a page */
    uint64_t *code_lines;           /* one a page: bit n = line n */
    uint16_t **code_count;          /* one a page: users of each line */
    uint16_t *chunk_touched;        /* pages touched of each 2 MiB */
    uint64_t huge_slack; /* untouched bytes that huge pages have committed */
    struct mmio_region *mmio; /* sorted */
    unsigned mmios;
    struct code_port code_port[MEMORY_PORTS_MAX];
    unsigned code_ports;
    struct mmu *core[MEMORY_CORES_MAX];
    unsigned cores;
    struct cache l3;
    bool has_l3;
    bool cached; /* some cache has held a line */
    struct dram_stats dram;
    struct oracle_book *book; /* with check_tlb: who stored to tables */
};

/* Where physical address pa is in RAM, or MEMORY_NONE. */
ALWAYS_INLINE uint64_t memory_offset(const struct memsys *s, uint64_t pa)
{
    if (LIKELY(pa < s->low_bytes))
        return pa;
    uint64_t high = pa - MEMORY_4G; /* wraps below 4 GiB: out of range */
    return high < s->high_bytes ? s->low_bytes + high : MEMORY_NONE;
}

/* The physical address of a RAM offset. */
static inline uint64_t memory_address(const struct memsys *s, uint64_t offset)
{
    return offset < s->low_bytes ? offset : offset - s->low_bytes + MEMORY_4G;
}

/* Note that the guest uses the page of `offset`. */
void memory_touch_page(struct memsys *s, uint64_t offset);

ALWAYS_INLINE void memory_touch(struct memsys *s, uint64_t offset)
{
    if (UNLIKELY((s->page_flags[offset >> PAGE_SHIFT] & PAGE_TOUCHED) == 0))
        memory_touch_page(s, offset);
}

/* The device region that holds pa, or NULL. */
const struct mmio_region *memory_region(const struct memsys *s, uint64_t pa);

/* Tell translators that [offset, offset+len), inside one page, was written. */
void memory_written(struct memsys *s, uint64_t offset, unsigned len);

ALWAYS_INLINE bool memory_has_code(const struct memsys *s, uint64_t offset)
{
    return (s->page_flags[offset >> PAGE_SHIFT] & PAGE_CODE) != 0;
}

ALWAYS_INLINE bool memory_is_code_line(const struct memsys *s, uint64_t offset)
{
    if (LIKELY(!memory_has_code(s, offset)))
        return false;
    uint64_t line = (offset & (PAGE_SIZE - 1)) >> LINE_SHIFT;
    return (s->code_lines[offset >> PAGE_SHIFT] >> line & 1) != 0;
}

ALWAYS_INLINE bool memory_is_rom(const struct memsys *s, uint64_t offset)
{
    return (s->page_flags[offset >> PAGE_SHIFT] & PAGE_ROM) != 0;
}

/* A store that the guest makes, inside one page: ROM drops it. */
ALWAYS_INLINE void memory_store(struct memsys *s, uint64_t offset, unsigned len,
                                const void *in)
{
    if (UNLIKELY(memory_is_rom(s, offset)))
        return;
    memcpy(s->ram + offset, in, len);
    if (UNLIKELY(memory_has_code(s, offset)))
        memory_written(s, offset, len);
}

#endif
