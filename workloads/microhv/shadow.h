/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of shadow paging. A shadow table stands for a table of
 * the guest (its page number and level) or, "direct", for a stretch of
 * guest-physical memory that the guest maps by one large page or without
 * paging. Entries above the leaves carry the rights of the guest's own
 * entries, so that a table is the same wherever it is linked.
 *
 * Tables stay when the guest leaves an address space: its pages of entries
 * are write-protected. The first write to one lets it be written freely until
 * the guest invalidates (MOV CR3, INVLPG): a processor may use the old entry
 * until then, too. Then its entries are compared and it is protected again.
 */
#ifndef WORKLOADS_MICROHV_SHADOW_H
#define WORKLOADS_MICROHV_SHADOW_H

#include "workloads/microhv/hv.h"

/* Tables and links are numbered from 1. */
#define NOTHING 0u

/* Tables and links that one fault may need, with room to spare. */
#define RESERVE 64

/* Bits of a leaf that a direct table copies to its own leaves: PWT, PCD, G,
 * and PAT (at bit 7, that of 4-KiB pages). */
#define PTE_PWT    (1ull << 3)
#define PTE_PCD    (1ull << 4)
#define PTE_PAT    (1ull << 7)
#define PTE_PAT_2M (1ull << 12)
#define PTE_ROLE   (PTE_PWT | PTE_PCD | PTE_G | PTE_PAT)
#define PTE_RIGHTS (PTE_W | PTE_U | PTE_NX)

struct table {
    u64 gfn;
    u32 next;    /* in its hash chain or among the free ones */
    u32 parents; /* links: entries that point here */
    u16 role;    /* PTE_ROLE bits of direct tables */
    u8 level;    /* 0: free */
    bool direct;
    bool unsync; /* the guest may write to what it stands for */
};

/* Who points here: a chain of places of entries. */
struct link {
    u64 *entry;
    u32 next;
};

struct shadow {
    u64 pool; /* physical address of table 0; tables follow each other */
    struct table *table;
    u32 tables, free_table, next_table, used_tables;
    struct link *link;
    u32 links, free_link, next_link, used_links;
    u32 *hash, hash_size;
    u32 *writable;    /* [frame]: links of entries that let it be written */
    u32 *writable_2m; /* [frame >> 9]: of large entries */
    u8 *protect;      /* [frame]: tables that need it read-only */
    u16 *tables_in;   /* [frame >> 9]: tables that stand for frames in it */
    u64 frames;
    u32 unsync[64]; /* tables; full: everything is compared */
    u32 unsyncs;
    u32 root;
    u64 pae_root; /* physical address of the four entries; no paging */
    bool flush;   /* the processor holds rights that were taken away */
};
extern struct shadow shadow;

static inline u64 *table_entries(u32 t)
{
    return direct(shadow.pool + ((u64)t << PAGE_BITS));
}

static inline u64 table_pa(u32 t)
{
    return shadow.pool + ((u64)t << PAGE_BITS);
}

static inline u32 table_of(u64 entry)
{
    return (u32)(((entry & PTE_ADDR) - shadow.pool) >> PAGE_BITS);
}

/* Does an entry of a table of `level` map memory? */
static inline bool is_leaf(u64 entry, unsigned level)
{
    return level == 1 || entry & PTE_PS;
}

/* ---- shadow_table.c ---- */

void tables_init(void);
void tables_reset(void);
bool tables_run_out(void);
/* The table that stands for a guest table, or for memory; made if need be. */
u32 table_get(u64 gfn, unsigned level, bool direct, u64 role);
void table_drop(u32 t);
void entry_set(u32 t, u64 *entry, u64 value);
bool frame_is_protected(u64 gpa);
void frame_hold(u64 frame);    /* one more table needs it read-only */
void frame_release(u64 frame); /* one less */
u32 table_first(u64 gfn);      /* of the chain that its tables are in */
bool region_has_tables(u64 gpa);

/* ---- shadow_sync.c ---- */

/* The guest writes to a frame that holds tables. */
void frame_unsync(u64 gfn);
void table_sync(u32 t);
void entry_sync(u32 t, unsigned index);
void sync_all(bool upper_only);

#endif
