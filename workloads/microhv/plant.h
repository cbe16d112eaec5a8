/* SPDX-License-Identifier: Apache-2.0
 * Deliberately planted defects of the monitor: each leaves out one needed
 * invalidation, and the check of cached translations must find it. The build
 * chooses one by its number; 0 is none.
 */
#ifndef WORKLOADS_MICROHV_PLANT_H
#define WORKLOADS_MICROHV_PLANT_H

#ifndef MICROHV_PLANT
#define MICROHV_PLANT 0
#endif

enum plant {
    PLANT_NONE,
    PLANT_INVVPID_CR0,     /* the guest switched paging off: type 1 */
    PLANT_INVVPID_INVLPG,  /* its INVLPG, shadow paging: type 0 */
    PLANT_INVVPID_CR3,     /* its MOV CR3, shadow paging: type 3 */
    PLANT_INVVPID_PROTECT, /* a page of its tables became read-only: type 1 */
};

#define PLANT(which) (MICROHV_PLANT == PLANT_##which)

#endif
