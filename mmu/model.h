/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: one core's memory management from inside.
 */
#ifndef VTSIM_MMU_MODEL_H
#define VTSIM_MMU_MODEL_H

#include "mmu/coherence.h"
#include "mmu/inspect.h"
#include "mmu/memory.h"
#include "mmu/memtype.h"
#include "mmu/miss_cause.h"
#include "mmu/mmu.h"
#include "mmu/plant.h"
#include "mmu/psc.h"
#include "mmu/space.h"
#include "mmu/tlb.h"
#include "mmu/trail.h"
#include "mmu/walk.h"

/* Bits of the control registers that translation looks at. */
#define CR0_WP    BIT(16)
#define CR0_CD    BIT(30)
#define CR0_PG    BIT(31)
#define CR4_PSE   BIT(4)
#define CR4_PAE   BIT(5)
#define CR4_PGE   BIT(7)
#define CR4_LA57  BIT(12)
#define CR4_PCIDE BIT(17)
#define CR4_SMEP  BIT(20)
#define CR4_SMAP  BIT(21)
#define CR4_PKE   BIT(22)
#define EFER_LMA  BIT(10)
#define EFER_NXE  BIT(11)

/* Error code of #PF. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

enum { SIDE_D, SIDE_I, SIDES };

/* Who answered a line's request. */
enum served {
    SERVED_L1,
    SERVED_L2,
    SERVED_L3,
    SERVED_DRAM,
    SERVED_CORE, /* another core's private cache */
    SERVED_UNCACHED,
    SERVED_COUNT
};

/* Most references of one walk, and the slot of accesses without paging. */
enum {
    WALK_REFS_MAX = PT_TOP,
    /* Each entry, its flags and the page through EPT, and sub-pages. */
    WALK_REFS_MAX_EPT = PT_TOP * (2 * PT_TOP + 1) + PT_TOP + 4,
    TLB_NO_SLOT = TLB_SLOTS_MAX - 1
};
enum { FILTER_WORDS = DFILTER_ENTRIES / 64 };
/* Added to the filter's contexts: with a VPID or through EPT. */
enum { MMU_CTX_GUEST = 4 };
enum { FILTER_LIST = 256, FILTER_OF_FETCH = 0x4000, FILTER_OF_PAGE = 0x8000 };

struct walk_stats {
    uint64_t count[SIDES], cycles[SIDES], cycles_ept[SIDES];
    uint64_t completed[PAGE_CLASSES], faults, assists;
    uint64_t references, level[PT_LEVELS];
    uint64_t references_ept, level_ept[PT_LEVELS], references_sub_page;
    uint64_t ept_violations, ept_misconfigs;
    uint64_t served[SERVED_COUNT];
    /* The same by the access that walked: MMU_READ, MMU_WRITE, MMU_FETCH. */
    struct walk_kind {
        uint64_t misses, stlb_hits, cycles, completed[PAGE_CLASSES];
    } by[3];
};

struct mmu_stats {
    struct tlb_stats dtlb, itlb, stlb, stlb_i;
    uint64_t stlb_hits[SIDES], stlb_misses[SIDES];
    struct walk_stats walk;
    uint64_t served[SIDES][SERVED_COUNT]; /* demand accesses by server */
    uint64_t uncached_reads, uncached_writes, write_throughs;
    uint64_t splits, prefetches, prefetches_dropped;
    uint64_t device_reads, device_writes;
    uint64_t flushes[FLUSH_CAUSES];
    uint64_t stale_uses, stale_sorts;
    struct nested_stats {
        uint64_t accesses, hits;
    } nested;
};

/* The data or the instruction side of translation. */
struct side {
    struct tlb l1[PAGE_CLASSES];
    struct tlb *l2, *l2_1g;
    struct tlb_stats *stats, *l2_stats;
    uint64_t *clock;     /* the filter's */
    uint64_t slow_ticks; /* ticks of the clock that were no filter hit */
    uint64_t folded;     /* filter hits already counted */
    enum cycle_leaf leaf_stlb, leaf_walk, leaf_walk_ept;
    struct l1_cache cache;
    /* The filter entries under each L1 TLB slot, a bit each. */
    uint64_t under[TLB_SLOTS_MAX][FILTER_WORDS];
};

/* Functional mode: what a walk found, so that pages beyond the reach of the
 * filter need no other. It lives no longer than filter entries do. */
struct page_memo {
    uint64_t key;   /* page number and generation */
    uint64_t value; /* rights of EPT << 52 | physical page | key << 8 |
                       dirty << 7 | memory type << 4 | rights */
};
enum { PAGE_MEMOS = 1 << 15, MEMO_GENERATIONS = 1 << 19, MEMO_EPT_SHIFT = 52 };

/* The L1 TLB slot, filter numbering, where a page was last found. */
struct page_hint {
    uint64_t page; /* linear address / 4 KiB */
    uint32_t slot;
};
enum { PAGE_HINTS = 256 };

struct mmu {
#ifdef VTSIM_PLANTS
    uint32_t plant; /* enum mmu_plant */
#endif
    struct mmu_config config;
    struct memsys *shared;
    struct mmu_hot *hot;
    struct cycle_account *account;
    struct device_port device;
    struct guest_port guest;
    struct walk_port watch; /* mmu/inspect.h */
    struct mmu_context ctx;
    /* How VMX root operation and the guest were left last; valid: the other
     * has been in force since, and only it. */
    struct mmu_context left[2];
    bool left_valid[2];
    struct mmu_mtrr mtrr;
    struct memtype_map types;
    struct mmu_fault fault;
    struct pt_space space; /* the guest's paging structures */
    struct pt_space ept_space;
    bool ept, ept_flags; /* in use; ... with accessed and dirty flags */
    bool translating;    /* by paging, EPT or both */
    uint64_t apic_page;  /* ctx.apic_page, if the guest_port can serve it */
    bool timing, paging, pae; /* pae: PDPTE registers are in use */
    bool nx, wp, smep, smap, pke;
    bool filter; /* entries are installed at all */
    /* The first entries installed since all were dropped, as FILTER_OF_*
     * plus index; more than fit are only counted. */
    uint16_t filter_list[FILTER_LIST];
    uint32_t filter_used;
    uint64_t lines;         /* address lines that work: A20 may not */
    unsigned granule;       /* bytes one piece of an access lies in */
    bool fast, fast_config; /* fast.c may serve; ... in some context */
    uint16_t may[2]; /* data reads, writes: a bit for each PT_R.. rights */
    /* Keys of user pages that PKRU closes, a bit each: to every data access,
     * and to stores of user mode [0] and supervisor mode [1]. */
    uint16_t key_closed, key_no_write[2];
    struct page_hint hint[PAGE_HINTS];
    struct page_memo *memo;   /* PAGE_MEMOS of them, or NULL */
    uint32_t memo_generation; /* of those that are valid: from 1 */
    uint32_t memo_last;       /* the newest one */
    uint32_t memo_left[2];    /* of the side that is not in force, or 0 */

    struct space_table spaces;
    uint32_t globals;      /* global translations in all TLBs */
    unsigned here, global; /* numbers of the current space, its global one */
    unsigned ept_here;     /* ... of the guest-physical one */
    struct side side[SIDES];
    struct tlb stlb, stlb_i, stlb_1g;
    struct psc psc[PT_LEVELS], ept_psc[PT_LEVELS], nested;
    uint64_t clock; /* of STLB and paging-structure caches */
    struct page_records records;
    struct cache l2;
    bool has_l2;
    uint32_t latency[SERVED_COUNT];
    struct mmu_stats *stats;
    struct oracle *oracle; /* with check_tlb */
    struct trail *trail;   /* ... of the translation that is being cached */
};

/* A translated piece of an access; it lies in one page, with timing in one
 * line. */
struct piece {
    uint64_t lin, pa;
    uint64_t offset; /* in RAM, or MEMORY_NONE */
    unsigned len;
    uint32_t tlb_slot; /* of the L1, filter numbering */
    uint8_t rights;    /* PT_R.. of the page */
    uint8_t pat;       /* memory type by PAT, enum memtype */
    uint8_t key;       /* protection key */
    uint8_t ept;       /* PT_R.. that EPT grants: PT_U executes for users */
    bool dirty;        /* a store needs no walk */
};

static inline bool access_writes(unsigned access)
{
    return (access & MMU_KIND) == MMU_WRITE || (access & MMU_INTENT) != 0;
}

/* The type of the memory at a piece, MTRRs and PAT together. */
ALWAYS_INLINE enum memtype piece_type(struct mmu *m, uint64_t pa, unsigned pat)
{
    if (LIKELY(pat == MEMTYPE_WB &&
               pa - m->types.plain_base < m->types.plain_bytes))
        return MEMTYPE_WB;
    if (m->ept) /* whose types are in already; the MTRRs have no say */
        return (enum memtype)pat;
    return memtype_combine(
        memtype_mtrr(&m->types, &m->mtrr, m->config.maxphyaddr, pa),
        (enum memtype)pat);
}

/* The rights that EPT entries with this AND grant. Without execute control by
 * mode bit 2 is for every mode. */
ALWAYS_INLINE unsigned ept_rights(const struct mmu *m, uint64_t all)
{
    unsigned rights = all & (PT_R | PT_W);
    rights |= (all & BIT(2)) != 0 ? PT_X : 0;
    uint64_t user = m->ctx.mode_execute ? BIT(10) : BIT(2);
    return rights | ((all & user) != 0 ? PT_U : 0);
}

/* Do they let this access through, to a page with the guest's rights? For
 * stores the dirty flag of a translation says it. */
ALWAYS_INLINE bool ept_permits(unsigned ept, unsigned rights, unsigned access)
{
    if ((access & MMU_KIND) == MMU_FETCH)
        return (ept & ((rights & PT_U) != 0 ? PT_U : PT_X)) != 0;
    return (ept & PT_R) != 0;
}

/* Is it the page whose accesses the guest_port serves? */
ALWAYS_INLINE bool piece_is_apic(const struct mmu *m, uint64_t pa)
{
    return UNLIKELY((pa & ~bits_mask(PAGE_SHIFT)) == m->apic_page);
}

/* ... an access that is no mere look? */
ALWAYS_INLINE bool piece_at_apic(const struct mmu *m, const struct piece *p,
                                 unsigned access)
{
    return piece_is_apic(m, p->pa) && (access & MMU_UNTIMED) == 0;
}

/* --- context.c --- */

/* The space of an EPT pointer under the controls in force. */
void ept_space_init(const struct mmu *m, uint64_t eptp, bool mode_execute,
                    struct pt_space *s);

/* --- translate.c --- */

/* Does the page's combined right and its key let this access through? */
bool translate_allowed(const struct mmu *m, unsigned rights, unsigned key,
                       unsigned access);

/* Does the key alone stop this data access? */
ALWAYS_INLINE bool translate_key_stops(const struct mmu *m, unsigned rights,
                                       unsigned key, unsigned access)
{
    if (LIKELY((m->key_closed | m->key_no_write[0]) == 0) ||
        (rights & PT_U) == 0 || (access & MMU_KIND) == MMU_FETCH)
        return false;
    bool system = m->ctx.cpl != 3 || (access & MMU_SYSTEM) != 0;
    unsigned closed =
        m->key_closed | (access_writes(access) ? m->key_no_write[system] : 0u);
    return (closed >> key & 1) != 0;
}

/* Translate p->lin for one access: timed and counted through the TLBs with
 * timing on, else by a walk. False: the fault is recorded. */
bool translate_piece(struct mmu *m, unsigned side, unsigned access,
                     struct piece *p);

/* As the access would be translated now, with no time, count or structure
 * changed; a walk sets the flags the access would. */
bool translate_peek(struct mmu *m, unsigned side, unsigned access,
                    struct piece *p);

/* From the TLBs alone; false: none holds it with the rights. */
bool translate_cached(struct mmu *m, unsigned side, unsigned access,
                      struct piece *p);

/* The array that holds the page of lin for a side, and its slot; NULL: none
 * does. */
const struct tlb *translate_find(const struct mmu *m, unsigned side,
                                 uint64_t lin, uint32_t *slot);
/* Does the entry do for this access? */
bool translate_serves(const struct mmu *m, const struct tlb_entry *e,
                      unsigned access);

/* The second-level array that holds pages of a class, or NULL. */
struct tlb *translate_second_level(const struct mmu *m, const struct side *s,
                                   unsigned class);

/* Note when fast hits were with paging and when without. */
void translate_fold(struct mmu *m);

/* --- table.c: paging-structure entries in memory --- */

bool table_read(void *self, const struct pt_ref *ref, uint64_t *entry);
bool table_set(void *self, const struct pt_ref *ref, uint64_t bits);
/* Where the walk of `lin` starts. False: a PDPTE register not present. */
bool table_start(const struct mmu *m, uint64_t lin, struct pt_start *from);
/* Record the #PF that stops an access; always false. r NULL: there was no
 * walk, as nothing is present. */
bool table_fault(struct mmu *m, uint64_t lin, unsigned access,
                 const struct pt_result *r);
/* The protection key of a finished walk. */
unsigned table_key(const struct mmu *m, const struct pt_result *r);
/* Walk untimed; false: the fault is recorded. */
bool table_walk(struct mmu *m, uint64_t lin, unsigned access,
                struct piece *out);

/* --- hierarchy.c: the caches --- */

/*
 * One data access to the line of a RAM piece: finds it, charges what is
 * beyond an L1D hit, and returns its L1D slot, or L1_NO_SLOT if the access
 * left nothing in the L1D.
 */
uint32_t hierarchy_data(struct mmu *m, const struct piece *p, bool write);

/* The host may start loading what an access to physical address pa needs:
 * the bytes, and the sets of the levels below the L1. */
ALWAYS_INLINE void hierarchy_hint(const struct mmu *m, uint64_t pa)
{
    uint64_t offset = memory_offset(m->shared, pa);
    uint32_t line = (uint32_t)(pa >> LINE_SHIFT);
    if (UNLIKELY(offset == MEMORY_NONE))
        return;
    __builtin_prefetch(m->shared->ram + offset);
    if (!m->shared->has_l3)
        return;
    cache_prefetch(&m->shared->l3, line);
    if (m->has_l2)
        cache_prefetch_victim(&m->l2, line, &m->shared->l3);
}

/* The same for a line that is known to be plain write-back memory. */
uint32_t hierarchy_data_line(struct mmu *m, uint32_t line, bool write);

/* One fetch of a line of RAM; as hierarchy_data for the L1I. */
uint32_t hierarchy_fetch(struct mmu *m, const struct piece *p);

/* One reference of a page walk; returns its cycles and says who served. */
uint32_t hierarchy_walk(struct mmu *m, uint64_t pa, enum memtype type,
                        enum served *by);

/* An accessed or dirty flag was written to the line. */
void hierarchy_walk_store(struct mmu *m, uint64_t pa);

/* Bring a line into the L1D, charging nothing. */
void hierarchy_prefetch(struct mmu *m, const struct piece *p, bool write);

/* Drop a line from this core's caches, or make it shared and clean there;
 * the tags of all copies, ORed. */
uint32_t hierarchy_drop(struct mmu *m, uint32_t line);
uint32_t hierarchy_downgrade(struct mmu *m, uint32_t line);
/* Make the copies in this core's caches clean; who owns the line, stays. */
uint32_t hierarchy_clean(struct mmu *m, uint32_t line);
/* Drop the line that holds pa from the L1I: its code was written. */
void hierarchy_drop_fetch(struct mmu *m, uint64_t pa);
/* WBINVD: write everything back and empty the core's caches and the L3. */
void hierarchy_clear(struct mmu *m);

/* A dirty line leaves the core. */
void hierarchy_to_l3(struct memsys *s, uint32_t line);

/* Most cycles that one line of data can cost. */
uint64_t hierarchy_worst(const struct mmu *m);

/* --- fast.c: the usual miss of the filter --- */

void fast_init(struct mmu *m);
/* The context or the memory types changed. */
void fast_update(struct mmu *m);
/* A translation of a class is inserted for lin: hints that would find
 * another one earlier than the lookup does are forgotten. */
void fast_forget(struct mmu *m, uint64_t lin, unsigned class);
/* Do a read or write (no flags but intent) if it is a usual one; returns
 * where the bytes are. NULL: nothing was done. */
uint8_t *fast_data(struct mmu *m, uint64_t lin, unsigned len, bool write);

/* --- apic_page.c --- */

/* Pieces in the APIC page that are one access become one piece; returns how
 * many there are then. */
unsigned apic_join(const struct mmu *m, struct piece p[2], unsigned count);
/* One piece in that page. False: the core has recorded what happens. */
bool apic_read(struct mmu *m, const struct piece *p, unsigned access,
               void *out);
bool apic_write(struct mmu *m, const struct piece *p, unsigned access,
                const void *in);
bool apic_touch(struct mmu *m, const struct piece *p, unsigned access);

/* --- device.c: accesses that RAM does not answer --- */

void device_read(struct mmu *m, uint64_t pa, unsigned len, uint8_t *out);
void device_write(struct mmu *m, uint64_t pa, unsigned len, const uint8_t *in);

/* --- filter.c --- */

void filter_reset(struct mmu *m);
/* No memo is valid any more. */
void filter_forget_memos(struct mmu *m);
/* To the other side of VM transitions and back: its memos are kept. */
void filter_change_sides(struct mmu *m, unsigned from, unsigned to);
void filter_drop_all(struct mmu *m);
/* Entries of a translation (filter numbering) or of an L1 line go. */
void filter_drop_translation(struct mmu *m, unsigned side, uint32_t slot);
void filter_drop_line(struct mmu *m, unsigned side, uint32_t l1_slot);
void filter_install_page(struct mmu *m, const struct piece *p, unsigned access);
void filter_install_data(struct mmu *m, const struct piece *p, unsigned access,
                         uint32_t l1_slot);
/* The same for a translation and a line that stay. */
void filter_install_line(struct mmu *m, const struct piece *p,
                         uint32_t l1_slot);
void filter_install_fetch(struct mmu *m, const struct piece *p,
                          uint32_t l1_slot);
/* Entries that let stores to RAM [offset, offset+len) through go. */
void filter_write_protect(struct mmu *m, uint64_t offset, uint64_t len);

/* --- flush.c --- */

/* Drop an L1 or L2 entry; `left` is what its page record says then. */
void flush_slot(struct mmu *m, struct tlb *t, uint32_t slot, unsigned left);
/* Drop the page of lin, in spaces `here` and `global` (0: none), from both
 * levels of a side. */
void flush_page_side(struct mmu *m, unsigned side, uint64_t lin, unsigned here,
                     unsigned global, unsigned left);
/* The same for a page of the current VPID under every EPT root, and what the
 * paging-structure caches hold for it, in PCID `pcid`: a page fault. */
void flush_fault(struct mmu *m, uint64_t lin);
/* ... under the current root: an EPT violation at this linear address. */
void flush_violation(struct mmu *m, uint64_t lin);
/* A VM entry or exit that need not drop anything: all the same if that is how
 * the machine is configured. */
void flush_when_allowed(struct mmu *m);
/* Drop every translation of every space, saying so in no count. */
void flush_everything(struct mmu *m);

#endif
