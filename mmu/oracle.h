/* SPDX-License-Identifier: Apache-2.0
 * The invalidation oracle (config.check_tlb): at each use of a cached
 * translation that a walk would no longer give, what was used, what changed,
 * who changed it and which instruction was left out. Its results go to a
 * port, as the statistics say how often. Permissions added and flags cleared
 * are not reported: the manual lets software do that without invalidation.
 */
#ifndef VTSIM_MMU_ORACLE_H
#define VTSIM_MMU_ORACLE_H

#include "mmu/mmu.h"

/* Where a core is, as its owner knows it. */
struct oracle_place {
    uint64_t rip, cycle;
    unsigned core;
    bool guest; /* in VMX non-root operation */
};

struct oracle_finding {
    struct oracle_place user;
    const char *structure; /* that held what is stale: "tlb", "psc" ... */
    uint64_t lin;
    unsigned access; /* enum mmu_access */
    uint64_t age;    /* cycles since it was cached */
    /* What a walk finds changed; `changed` false: no entry, but the pointer
     * to the first table. */
    bool changed, ept;
    uint8_t level;
    uint64_t at, before, after; /* host-physical; the entry's values */
    /* Who stored it, if that is known; `agent`: no core, but a device. */
    bool known, agent;
    struct oracle_place writer;
    const char *missing; /* the instruction */
    uint64_t count;      /* of this one so far, this time included */
    bool stop;           /* the run is to end here */
};

struct oracle_port {
    void *self;
    struct oracle_place (*where)(void *self);
    /* Called the first time, the tenth, the hundredth ... of each. */
    void (*found)(void *self, const struct oracle_finding *f);
};

/* Of use with check_tlb alone. */
void mmu_set_oracle_port(struct mmu *m, struct oracle_port port);

#endif
