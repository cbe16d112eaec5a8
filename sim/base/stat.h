/* SPDX-License-Identifier: Apache-2.0
 * Statistics as data. A room counts in plain uint64_t fields; its table of
 * rows gives each a dotted name, unit and meaning. A registry collects
 * (prefix, table, base) triples; printing, JSON, deltas for regions of
 * interest and docs/statistics.md all walk it.
 */
#ifndef VTSIM_SIM_BASE_STAT_H
#define VTSIM_SIM_BASE_STAT_H

#include <stddef.h>
#include <stdint.h>

struct stat_desc {
    const char *name; /* dotted, below the prefix: "dtlb.l1.misses" */
    size_t offset;    /* of a uint64_t below the base pointer */
    const char *unit; /* "misses", "cycles", "references", ... */
    const char *doc;  /* one sentence */
};

struct stat_group {
    char prefix[32]; /* "core0", "l3", ... */
    const struct stat_desc *rows;
    size_t count;
    const void *base;
};

#define STAT_GROUPS_MAX 256
#define STAT_HOOKS_MAX  256

/* Brings derived counts up to date before they are read. */
struct stat_hook {
    void (*refresh)(void *self);
    void *self;
};

struct stat_registry {
    struct stat_group group[STAT_GROUPS_MAX];
    size_t groups;
    size_t values; /* rows over all groups */
    struct stat_hook hook[STAT_HOOKS_MAX];
    size_t hooks;
};

/* Add a group; its rows and base must outlive the registry. */
void stat_register(struct stat_registry *r, const char *prefix,
                   const struct stat_desc *rows, size_t count,
                   const void *base);

/* Have stat_snapshot call refresh(self) first; `self` must outlive the
 * registry. */
void stat_on_read(struct stat_registry *r, void (*refresh)(void *self),
                  void *self);

/* Copy all values in registry order into out[r->values]. */
void stat_snapshot(const struct stat_registry *r, uint64_t *out);

/*
 * Call `visit` for every value in registry order with its full name
 * ("core0.dtlb.l1.misses") and values[index].
 */
void stat_walk(const struct stat_registry *r, const uint64_t *values,
               void (*visit)(void *self, const char *name, uint64_t value,
                             const struct stat_desc *d),
               void *self);

#endif
