/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: numbers for address spaces, so that a tag holds 16 bits
 * instead of a VPID, a PCID and an EPT root. Global translations have a
 * space of their own beside those of their VPID's PCIDs; so have those of
 * guest-physical addresses.
 */
#ifndef VTSIM_MMU_SPACE_H
#define VTSIM_MMU_SPACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SPACE_GLOBAL = 0xffff,
    SPACE_PHYSICAL = 0xfffe,
    SPACES_MAX = 65536,
    SPACE_HASH = 131072
};

struct space_name {
    uint64_t root; /* EPT: bits 51:12 of its pointer, and bit 0; else 0 */
    uint16_t vpid;
    uint16_t pcid; /* SPACE_GLOBAL: the global translations. SPACE_PHYSICAL:
                      the guest-physical ones of the root, whatever the VPID */
};

struct space_table {
    struct space_name *name; /* by number; number 0 is never used */
    uint16_t *hash;
    uint32_t count;
    uint64_t *root; /* the roots of EPT in names, each once */
    uint32_t roots, roots_room;
};

/* The root of an EPT pointer as a name has it. */
static inline uint64_t space_root(uint64_t eptp)
{
    return (eptp & UINT64_C(0xffffffffff000)) | 1;
}

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
