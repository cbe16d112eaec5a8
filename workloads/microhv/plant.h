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
    PLANT_INVVPID_CR0, /* the guest switched paging off */
};

#define PLANT(which) (MICROHV_PLANT == PLANT_##which)

#endif
