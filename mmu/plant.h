/* SPDX-License-Identifier: Apache-2.0
 * Deliberately planted defects of address translation, which the system-level
 * cases must find: a test of the test. Only the library built with
 * VTSIM_PLANTS contains them; elsewhere MMU_PLANTED is a constant 0. Numbers
 * start above those of cpu/plant.h: both are values of one parameter.
 */
#ifndef VTSIM_MMU_PLANT_H
#define VTSIM_MMU_PLANT_H

enum mmu_plant {
    MMU_PLANT_FIRST = 1000,
    MMU_PLANT_SMAP_AC = MMU_PLANT_FIRST, /* EFLAGS.AC does not suspend SMAP */
    MMU_PLANT_WP,         /* CR0.WP does not bind the supervisor */
    MMU_PLANT_ACCESSED,   /* the leaf's accessed flag is not set */
    MMU_PLANT_FETCH_ID,   /* fetches fault without I/D in the error code */
    MMU_PLANT_RSVD,       /* reserved bits fault without RSVD */
    MMU_PLANT_SMEP,       /* SMEP does not bind levels 1 and 2 */
    MMU_PLANT_USER_TABLE, /* U/S of the top table is not looked at */
    MMU_PLANT_END
};

#ifdef VTSIM_PLANTS
#include <stdint.h>
struct mmu;
/* Plant the defect of this number. */
void mmu_plant(struct mmu *m, uint32_t number);
#define MMU_PLANTED(m, n) __builtin_expect((m)->plant == (n), 0)
#else
#define MMU_PLANTED(m, n) 0
#endif

#endif
