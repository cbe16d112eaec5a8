/* SPDX-License-Identifier: Apache-2.0
 * The small machine of mmu_fixture.h with EPT: guest tables at guest-physical
 * addresses, EPT tables at host-physical ones. Guest-physical memory lies at
 * HOST_BASE of host-physical memory unless a test maps it elsewhere.
 */
#ifndef VTSIM_TESTS_NESTED_FIXTURE_H
#define VTSIM_TESTS_NESTED_FIXTURE_H

#include "mmu_fixture.h"

/* Host-physical: EPT root and tables, and where guest-physical 0 is. */
#define EPT_ROOT   UINT64_C(0x2000000)
#define EPT_TABLES UINT64_C(0x2010000)
#define HOST_BASE  UINT64_C(0)

enum { EPT_R = 1, EPT_W = 2, EPT_X = 4, EPT_RWX = 7, EPT_WB = 6 << 3 };

struct nested {
    struct fixture f;
    uint64_t root, next_ept;
    unsigned levels; /* of EPT */
};

/* Without a check of Check's, which costs more than the rest. */
static inline uint64_t ept_get(const struct nested *n, uint64_t at)
{
    uint64_t v;
    memcpy(&v, n->f.s->ram + at, 8);
    return v;
}

static inline uint64_t ept_entry_of(struct nested *n, uint64_t guest,
                                    unsigned level)
{
    uint64_t table = n->root;
    for (unsigned l = n->levels;; l--) {
        uint64_t at = table + ((guest >> (12 + 9 * (l - 1))) & 511) * 8;
        if (l == level)
            return at;
        if ((ept_get(n, at) & 7) == 0) {
            fix_put(&n->f, at, n->next_ept | EPT_RWX);
            n->next_ept += PAGE_SIZE;
        }
        table = ept_get(n, at) & bits_mask(52) & ~bits_mask(12);
    }
}

/* Map one EPT page of a class; `bits` are its rights and flags. */
static inline void ept_map(struct nested *n, uint64_t guest, uint64_t host,
                           unsigned class, uint64_t bits)
{
    uint64_t large = class == PAGES_4K ? 0 : BIT(7);
    fix_put(&n->f, ept_entry_of(n, guest, class + 1), host | bits | large);
}

/* All of guest-physical [0, 16 MiB), or [0, 1 GiB) by the largest pages. */
static inline void ept_identity(struct nested *n, unsigned class)
{
    uint64_t step = UINT64_C(1) << page_class_shift(class);
    for (uint64_t at = 0; at < UINT64_C(16) << 20; at += step)
        ept_map(n, at, at, class, EPT_RWX | EPT_WB);
}

static inline void nested_defaults(struct nested *n)
{
    memset(n, 0, sizeof *n);
    fix_defaults(&n->f);
    n->f.config.ept_1g = n->f.config.ept_2m = true;
    n->f.config.ept_execute_only = true;
    n->levels = 4;
    n->root = EPT_ROOT;
    n->next_ept = EPT_TABLES;
}

/* The guest's tables of mmu_fixture.h are at the same guest- and
 * host-physical addresses as long as the identity map holds. */
static inline void nested_create(struct nested *n)
{
    fix_create(&n->f, 1);
    n->f.ctx.apic_page = MMU_NO_PAGE;
    n->f.ctx.vpid = 1;
    n->f.ctx.eptp = n->root | (n->levels - 1) << 3 | 6;
}

static inline void nested_context(struct nested *n)
{
    fix_context(&n->f);
}

#endif
