/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: numbers for address spaces, so that a tag holds 16 bits
 * instead of a VPID, a PCID and an EPT root. Global translations have a
 * space of their own beside those of their VPID's PCIDs.
 */
#ifndef VTSIM_MMU_SPACE_H
#define VTSIM_MMU_SPACE_H

#include <stdbool.h>
#include <stdint.h>

enum { SPACE_GLOBAL = 0xffff, SPACES_MAX = 65536, SPACE_HASH = 131072 };

struct space_name {
    uint64_t eptp;
    uint16_t vpid;
    uint16_t pcid; /* SPACE_GLOBAL: the global translations */
};

struct space_table {
    struct space_name *name; /* by number; number 0 is never used */
    uint16_t *hash;
    uint32_t count;
};

bool space_init(struct space_table *t);
void space_free(struct space_table *t);

/* The number of a space, given to it if it is new. 0: all numbers are
 * taken. */
unsigned space_number(struct space_table *t, const struct space_name *n);

/* The number of a space that has one, or 0. */
unsigned space_known(const struct space_table *t, const struct space_name *n);

/* Forget every number. */
void space_clear(struct space_table *t);

#endif
