/* SPDX-License-Identifier: Apache-2.0
 * Paging-structure formats as data, and their reserved bits under the
 * controls in force. Source: SDM Vol.3 "Paging", "VMX Support for Address
 * Translation"; VT-d specification, "Second-Stage Translation".
 */
#include "mmu/walk.h"
#include "sim/base/bits.h"

#include <string.h>

#define IA32_BITS                                                              \
    .present = 1, .leaf = BIT(7), .w = BIT(1), .u = BIT(2),                    \
    .accessed = BIT(5), .dirty = BIT(6), .global = BIT(8), .pat_shift = 3

const struct pt_format pt_format_32bit = {
    .name = "32-bit",
    .top = 2,
    .entry_bytes = 4,
    .shift = {0, 12, 22},
    .index_mask = 0x3ff,
    .leaf_levels = BIT(2),
    .pse36 = true,
    IA32_BITS,
};

const struct pt_format pt_format_pae = {
    .name = "PAE",
    .top = 2,
    .entry_bytes = 8,
    .shift = {0, 12, 21},
    .index_mask = 0x1ff,
    .leaf_levels = BIT(2),
    .nx = BIT(63),
    IA32_BITS,
};

const struct pt_format pt_format_ia32e4 = {
    .name = "IA-32e 4-level",
    .top = 4,
    .entry_bytes = 8,
    .shift = {0, 12, 21, 30, 39},
    .index_mask = 0x1ff,
    .leaf_levels = BIT(2) | BIT(3),
    .nx = BIT(63),
    .key_shift = 59,
    IA32_BITS,
};

const struct pt_format pt_format_ia32e5 = {
    .name = "IA-32e 5-level",
    .top = 5,
    .entry_bytes = 8,
    .shift = {0, 12, 21, 30, 39, 48},
    .index_mask = 0x1ff,
    .leaf_levels = BIT(2) | BIT(3),
    .nx = BIT(63),
    .key_shift = 59,
    IA32_BITS,
};

/* Write without read (2, 6) is a misconfiguration, execute-only where the
 * capability does not say so: pt_space.not_alone. Memory types 2, 3 and 7 are
 * reserved. */
#define EPT_BITS                                                               \
    .entry_bytes = 8, .index_mask = 0x1ff, .leaf_levels = BIT(2) | BIT(3),     \
    .present = 7, .leaf = BIT(7), .r = BIT(0), .w = BIT(1), .x = BIT(2),       \
    .accessed = BIT(8), .dirty = BIT(9), .illegal = BIT(2) | BIT(6),           \
    .illegal_type = BIT(2) | BIT(3) | BIT(7)

const struct pt_format pt_format_ept4 = {
    .name = "EPT 4-level",
    .top = 4,
    .shift = {0, 12, 21, 30, 39},
    EPT_BITS,
};

const struct pt_format pt_format_ept5 = {
    .name = "EPT 5-level",
    .top = 5,
    .shift = {0, 12, 21, 30, 39, 48},
    EPT_BITS,
};

const struct pt_format pt_format_vtd4 = {
    .name = "VT-d second stage 4-level",
    .top = 4,
    .entry_bytes = 8,
    .shift = {0, 12, 21, 30, 39},
    .index_mask = 0x1ff,
    .present = 3,
    .leaf = BIT(7),
    .leaf_levels = BIT(2) | BIT(3),
    .r = BIT(0),
    .w = BIT(1),
};

/* Address bits of a 4-byte entry that maps a 4-MByte page: with PSE-36 bit 21
 * and those of 20:13 that stand for bits above MAXPHYADDR are reserved. */
static void space_32bit(struct pt_space *s, const struct pt_controls *c)
{
    unsigned top = c->maxphyaddr < 40 ? c->maxphyaddr : 40;
    s->leaf_levels = c->pse ? s->f->leaf_levels : 0;
    s->address = bits_mask(32) & ~bits_mask(12);
    s->reserved_leaf[2] = BIT(21) | (bits_mask(21) & ~bits_mask(top - 19));
}

static bool is_ept(const struct pt_format *f)
{
    return f->illegal != 0;
}

void pt_space_init(struct pt_space *s, const struct pt_format *f, uint64_t root,
                   const struct pt_controls *c)
{
    memset(s, 0, sizeof *s);
    s->f = f;
    s->root = root;
    s->leaf_levels = f->leaf_levels;
    s->nx = c->nx ? f->nx : 0;
    s->present = f->present;
    if (is_ept(f)) {
        uint64_t user = c->mode_execute ? BIT(10) : 0;
        s->present |= user;
        s->not_alone = c->execute_only ? 0 : BIT(2) | user;
        if (c->no_pages_2m)
            s->leaf_levels &= (uint8_t)~BIT(2);
    }
    if (f->entry_bytes == 4) {
        space_32bit(s, c);
        return;
    }
    if (!c->pages_1g)
        s->leaf_levels &= (uint8_t)~BIT(3);
    s->address = bits_mask(52) & ~bits_mask(12);
    /* PAE entries reserve up to bit 62; bits 62:52 are ignored elsewhere. */
    unsigned high = f == &pt_format_pae ? 63 : 52;
    uint64_t everywhere = bits_mask(high) & ~bits_mask(c->maxphyaddr);
    if (!c->nx)
        everywhere |= f->nx;
    for (unsigned level = 1; level <= f->top; level++) {
        s->reserved_table[level] = everywhere;
        s->reserved_leaf[level] = everywhere;
        bool large = (s->leaf_levels >> level & 1) != 0;
        if (level > 1 && !large)
            s->reserved_table[level] |= f->leaf;
        if (level > 1 && is_ept(f))
            s->reserved_table[level] |= bits_mask(7) & ~bits_mask(3);
        if (large) /* between the frame number and bit 12, which is PAT */
            s->reserved_leaf[level] |= bits_mask(f->shift[level]) &
                                       ~bits_mask(f->pat_shift != 0 ? 13 : 12);
    }
}
