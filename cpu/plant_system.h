/* SPDX-License-Identifier: Apache-2.0
 * Planted defects as those of cpu/plant.h, which the system-level cases must
 * find. Address translation has its own, mmu/plant.h; all are values of one
 * parameter.
 */
#ifndef VTSIM_CPU_PLANT_SYSTEM_H
#define VTSIM_CPU_PLANT_SYSTEM_H

#include "cpu/plant.h"

enum sys_plant {
    SYS_PLANT_FIRST = 500,
    SYS_PLANT_LAR_TYPES = SYS_PLANT_FIRST, /* LAR knows interrupt gates */
    SYS_PLANT_EXPAND_DOWN,   /* expand-down segments begin a byte too low */
    SYS_PLANT_NP_FIRST,      /* data segments: presence before privilege */
    SYS_PLANT_EXT,           /* EXT is missing in error codes of delivery */
    SYS_PLANT_FRAME_ALIGN,   /* 64-bit delivery does not align the stack */
    SYS_PLANT_SS_DPL,        /* loads of SS ignore DPL */
    SYS_PLANT_MSR_CANONICAL, /* LSTAR and its like take any address */
    SYS_PLANT_END
};

#endif
