/* SPDX-License-Identifier: Apache-2.0
 * The physical address map as firmware reports it to kernels. Private to
 * sim/machine.
 */
#ifndef VTSIM_SIM_MACHINE_MEMORY_MAP_H
#define VTSIM_SIM_MACHINE_MEMORY_MAP_H

#include <stdint.h>

/* Real PCs keep the extended BIOS data area, ROMs and tables between. */
enum { LOW_RAM_END = 0x9fc00, HIGH_RAM_START = 0x100000 };

enum mem_type { MEM_AVAILABLE = 1, MEM_RESERVED = 2 };

struct mem_range {
    uint64_t base, size;
    uint32_t type; /* enum mem_type */
};

enum { MEM_RANGES_MAX = 5 };

/* In address order, for so many bytes of RAM below and above 4 GiB. Returns
 * the number of ranges. */
unsigned memory_map(uint64_t low, uint64_t high,
                    struct mem_range out[MEM_RANGES_MAX]);

#endif
