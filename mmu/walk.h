/* SPDX-License-Identifier: Apache-2.0
 * The page walker: one loop for every paging-structure format. A format is
 * a row of data (formats.c); a space binds it to a root and to the controls
 * in force; entries are read through a port, so that a nested walk is this
 * walker with a port that translates the entry's address first.
 * Levels count down: 5 = PML5, 4 = PML4, ... 1 = page table.
 */
#ifndef VTSIM_MMU_WALK_H
#define VTSIM_MMU_WALK_H

#include <stdbool.h>
#include <stdint.h>

enum { PT_TOP = 5, PT_LEVELS = PT_TOP + 1 };

/* Rights, as accumulated over the entries of a walk. */
enum { PT_R = 1, PT_W = 2, PT_U = 4, PT_X = 8 };

struct pt_format {
    const char *name;
    uint8_t top;              /* level of the table that the root points at */
    uint8_t entry_bytes;      /* 4 or 8 */
    uint8_t shift[PT_LEVELS]; /* lowest input bit that indexes this level */
    uint16_t index_mask;
    uint64_t present;    /* an entry with none of these is not present */
    uint64_t leaf;       /* above level 1: the entry maps a page */
    uint8_t leaf_levels; /* bit n: it can at level n */
    bool pse36;          /* large-page address bits 39:32 in bits 20:13 */
    /* The bit that grants a right in each entry; 0: always granted. */
    uint64_t r, w, u, x;
    uint64_t nx; /* the bit that takes execution away */
    uint64_t accessed, dirty, global;
    uint8_t pat_shift;    /* of PWT; PCD is the next bit; 0: no such bits */
    uint8_t key_shift;    /* of a leaf's protection key; 0: it has none */
    uint8_t illegal;      /* bit k: low three bits equal to k are illegal */
    uint8_t illegal_type; /* bit k: a leaf whose bits 5:3 are k is illegal */
};

extern const struct pt_format pt_format_32bit;
extern const struct pt_format pt_format_pae; /* below the PDPTE registers */
extern const struct pt_format pt_format_ia32e4;
extern const struct pt_format pt_format_ia32e5;
extern const struct pt_format pt_format_ept4;
extern const struct pt_format pt_format_ept5;
extern const struct pt_format pt_format_vtd4; /* second-stage DMA remapping */

/* A format with a root and the controls in force. */
struct pt_space {
    const struct pt_format *f;
    uint64_t root;    /* address of the top table */
    uint8_t root_pat; /* PCD:PWT of the root pointer */
    uint8_t leaf_levels;
    uint64_t address; /* bits of an entry that hold the next address */
    uint64_t reserved_table[PT_LEVELS], reserved_leaf[PT_LEVELS];
    uint64_t nx;
    uint64_t present;   /* an entry with none of these is not present */
    uint64_t not_alone; /* rights that need one of bits 1:0 beside them */
};

/* What formats.c needs to know to make a space of a format. */
struct pt_controls {
    unsigned maxphyaddr; /* bits */
    bool nx;             /* IA32_EFER.NXE */
    bool pse;            /* CR4.PSE; 32-bit paging only */
    bool pages_1g;
    /* EPT only: */
    bool no_pages_2m;
    bool execute_only; /* translations may grant execution alone */
    bool mode_execute; /* bit 10 grants execution in user mode */
};

void pt_space_init(struct pt_space *s, const struct pt_format *f, uint64_t root,
                   const struct pt_controls *c);

/* One entry that a walk is about to read. */
struct pt_ref {
    uint64_t at;   /* address, in the space of the port */
    uint8_t level; /* of the entry */
    uint8_t bytes;
    uint8_t pat; /* PCD:PWT of whatever pointed here */
};

struct pt_port {
    void *self;
    /* False stops the walk with PT_UNREADABLE. */
    bool (*read)(void *self, const struct pt_ref *ref, uint64_t *entry);
    /* OR bits into an entry: accessed and dirty flags. */
    bool (*set)(void *self, const struct pt_ref *ref, uint64_t bits);
};

enum pt_stop { PT_MAPPED, PT_NOT_PRESENT, PT_RESERVED, PT_UNREADABLE };

struct pt_result {
    enum pt_stop stop;
    uint8_t level;     /* of the last entry looked at: the leaf if PT_MAPPED */
    uint8_t count;     /* entries in the trail */
    uint8_t rights;    /* PT_R.. of all entries together */
    uint64_t out;      /* PT_MAPPED: address the input maps to */
    uint64_t all, any; /* AND / OR of the entries, to go on from here */
    struct {
        struct pt_ref ref;
        uint64_t entry;
    } trail[PT_TOP];
};

/* Where a walk starts: the top, or below a paging-structure-cache hit. */
struct pt_start {
    uint64_t table;
    uint64_t all, any;
    uint8_t level;
    uint8_t pat;
};

struct pt_start pt_top(const struct pt_space *s);

/* Walk `in`; changes nothing. */
void pt_walk(const struct pt_space *s, const struct pt_port *p,
             const struct pt_start *from, uint64_t in, struct pt_result *r);

/* What PT_R.. rights entries with this AND and OR leave. */
unsigned pt_rights(const struct pt_space *s, uint64_t all, uint64_t any);

/*
 * Set the accessed flag in the trail's entries that a translation has used:
 * all of them if the walk mapped, else those above the one that stopped it.
 * With `dirty` also the leaf's dirty flag. The trail is updated.
 */
void pt_mark(const struct pt_space *s, const struct pt_port *p,
             struct pt_result *r, bool dirty, bool leaf);

/* The PAT entry (0..7) that a leaf at this level chooses. */
unsigned pt_leaf_pat(const struct pt_space *s, unsigned level, uint64_t leaf);

/* The protection key (0..15) of a leaf. */
unsigned pt_leaf_key(const struct pt_space *s, uint64_t leaf);

/* Bytes that a leaf at this level maps, as a power of two. */
static inline unsigned pt_page_shift(const struct pt_format *f, unsigned level)
{
    return f->shift[level];
}

#endif
