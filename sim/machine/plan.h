/* SPDX-License-Identifier: Apache-2.0
 * What goes where in guest RAM, decided completely before the first byte is
 * written: a load succeeds as a whole or leaves RAM untouched.
 */
#ifndef VTSIM_SIM_MACHINE_PLAN_H
#define VTSIM_SIM_MACHINE_PLAN_H

#include "sim/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plan_item {
    uint64_t at, size;   /* physical address; bytes in RAM, at least 1 */
    const uint8_t *data; /* the first `filled` bytes; the rest is zero */
    uint64_t filled;
    int index; /* segment number for messages, -1: not a segment */
};

struct plan {
    const char *name; /* of the image, for error lines */
    struct {
        uint64_t base, size;
    } ram[2]; /* second one size 0 when absent */
    struct plan_item *item;
    size_t count, capacity;
    bool sealed;  /* sorted, no overlaps */
    void **owned; /* blocks freed with the plan */
    size_t owned_count;
};

/* Start a plan for RAM as memsys_create lays it out. */
void plan_init(struct plan *p, const char *name, uint64_t ram_bytes);
void plan_free(struct plan *p);

/* Place segment `index` at a given address. Fails when it is not in RAM. The
 * data must outlive the plan. Size 0 is ignored. */
SIM_MUST_CHECK enum sim_status
plan_add(struct plan *p, const struct plan_item *item, struct sim_error *e);

/* All fixed addresses are known: refuse overlaps. */
SIM_MUST_CHECK enum sim_status plan_seal(struct plan *p, struct sim_error *e);

/* End of the highest item that lies below `limit`. */
uint64_t plan_end(const struct plan *p, uint64_t limit);

/*
 * Find the lowest free place of `size` bytes in [from, to), `align` a power
 * of two, and take it; data is set later by plan_fill. False: no room.
 */
bool plan_alloc(struct plan *p, uint64_t size, uint64_t align, uint64_t from,
                uint64_t to, uint64_t *at);

/* Give the place found by plan_alloc its bytes. */
void plan_fill(struct plan *p, uint64_t at, const void *data, uint64_t len);

/* Zeroed memory that lives as long as the plan, or NULL. */
void *plan_own(struct plan *p, size_t size);

#endif
