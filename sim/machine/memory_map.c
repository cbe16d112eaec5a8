/* SPDX-License-Identifier: Apache-2.0
 * The memory map of multiboot and fw_cfg.
 */
#include "sim/machine/memory_map.h"

unsigned memory_map(uint64_t low, uint64_t high,
                    struct mem_range out[MEM_RANGES_MAX])
{
    unsigned n = 0;
    uint64_t base = low < LOW_RAM_END ? low : LOW_RAM_END;
    out[n++] = (struct mem_range){0, base, MEM_AVAILABLE};
    if (low > LOW_RAM_END)
        out[n++] = (struct mem_range){LOW_RAM_END, HIGH_RAM_START - LOW_RAM_END,
                                      MEM_RESERVED};
    if (low > HIGH_RAM_START)
        out[n++] = (struct mem_range){HIGH_RAM_START, low - HIGH_RAM_START,
                                      MEM_AVAILABLE};
    /* IOAPIC, local APIC and firmware, as PCs report them. */
    out[n++] = (struct mem_range){0xfec00000, 0x01400000, MEM_RESERVED};
    if (high != 0)
        out[n++] = (struct mem_range){UINT64_C(4) << 30, high, MEM_AVAILABLE};
    return n;
}
