/* SPDX-License-Identifier: Apache-2.0
 * Looking at translation from outside: debuggers, tests, explanations. No
 * time passes, nothing is counted, nothing is changed.
 */
#ifndef VTSIM_MMU_INSPECT_H
#define VTSIM_MMU_INSPECT_H

#include "mmu/mmu.h"

/* One entry read by a walk, in the order of the processor's reads. */
struct walk_step {
    bool ept;       /* an EPT entry, else a guest (or the only) one */
    uint8_t level;  /* 5..1 */
    uint64_t at;    /* host-physical address of the entry */
    uint64_t guest; /* its guest-physical address, when EPT is in use */
    uint64_t entry;
};

enum walk_end {
    WALK_MAPPED,
    WALK_NOT_PRESENT,
    WALK_RESERVED,
    WALK_EPT_VIOLATION, /* not present or without read right */
    WALK_EPT_MISCONFIG,
    WALK_NOT_CANONICAL,
};

enum { WALK_STEPS_MAX = 40 };

struct walk_report {
    enum walk_end end;
    unsigned count;
    struct walk_step step[WALK_STEPS_MAX];
    uint64_t guest;              /* WALK_MAPPED: guest-physical address */
    uint64_t host;               /* ... and host-physical */
    unsigned page_shift;         /* of the smaller of the two pages */
    unsigned rights, ept_rights; /* PT_R.. (mmu/walk.h) */
};

/* Walk `lin` afresh under the present context (also without paging). */
void mmu_inspect_walk(const struct mmu *m, uint64_t lin, struct walk_report *r);
/* The same under another context. */
void mmu_inspect_walk_in(const struct mmu *m, const struct mmu_context *ctx,
                         uint64_t lin, struct walk_report *r);

/*
 * Told of what takes time in translation, and of device accesses, for traces;
 * functions may be NULL. `entry` comes once for each paging-structure entry
 * read, in that order, `walked` when the walk is over: mapped or stopped by an
 * event. Nothing is told with timing off, but device accesses.
 */
struct walk_port {
    void *self;
    void (*entry)(void *self, const struct walk_step *s);
    void (*walked)(void *self, uint64_t lin, unsigned access, uint64_t cycles,
                   bool mapped, uint64_t host);
    void (*device)(void *self, uint64_t pa, unsigned len, bool write,
                   uint64_t value);
};
void mmu_set_walk_port(struct mmu *m, const struct walk_port *port);

/* One cached translation. */
struct tlb_view {
    const char *structure; /* "dtlb", "stlb", "psc.pde", "nested_tlb" ... */
    uint64_t lin, host;
    unsigned page_shift; /* of a paging-structure cache: of its prefix */
    unsigned rights, ept_rights;
    uint64_t eptp;
    uint16_t vpid, pcid;
    bool global, guest_physical; /* `lin` is a guest-physical address */
};
void mmu_inspect_tlb(const struct mmu *m,
                     void (*each)(void *self, const struct tlb_view *v),
                     void *self);

#endif
