/* SPDX-License-Identifier: Apache-2.0
 * Statistics of the memory system as tables.
 */
#include "mmu/model.h"

#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* --- translation lookaside buffers: one table for every level --- */

#define TLB(field) offsetof(struct tlb_stats, field)
#define FLUSHED(name, cause, doc)                                              \
    {                                                                          \
        "miss_cause.invalidated." name, TLB(flushed[FLUSH_##cause]), "misses", \
            "misses on pages that were dropped by " doc                        \
    }

static const struct stat_desc tlb_rows[] = {
    {"accesses", TLB(accesses), "accesses", "lookups"},
    {"hits", TLB(hits), "accesses", "lookups that found the page"},
    {"misses", TLB(misses), "misses", "lookups that did not"},
    {"load_misses", TLB(load_misses), "misses", "of these, loads or fetches"},
    {"store_misses", TLB(store_misses), "misses",
     "of these, stores and read-modify-writes"},
    {"miss_cause.compulsory", TLB(compulsory), "misses",
     "misses on pages that were never there"},
    {"miss_cause.capacity", TLB(capacity), "misses",
     "misses on pages that were replaced; conflicts too unless "
     "split_conflict_misses is on"},
    {"miss_cause.conflict", TLB(conflict), "misses",
     "misses that a fully associative structure of this size would not have; "
     "0 unless split_conflict_misses is on"},
    {"miss_cause.fault", TLB(fault), "misses",
     "misses whose walk ended in a page fault"},
    FLUSHED("mov_cr3", MOV_CR3, "MOV to CR3"),
    FLUSHED("invlpg", INVLPG, "INVLPG"),
    FLUSHED("invpcid", INVPCID, "INVPCID"),
    FLUSHED("mov_cr4", MOV_CR4, "MOV to CR4"),
    FLUSHED("mov_cr0", MOV_CR0, "MOV to CR0"),
    FLUSHED("wrmsr", WRMSR, "WRMSR"),
    FLUSHED("task_switch", TASK_SWITCH, "a task switch"),
    FLUSHED("vm_transition", VM_TRANSITION, "VM entry or exit"),
    FLUSHED("invvpid_address", INVVPID_ADDRESS, "INVVPID of an address"),
    FLUSHED("invvpid_single", INVVPID_SINGLE, "INVVPID of one context"),
    FLUSHED("invvpid_all", INVVPID_ALL, "INVVPID of all contexts"),
    FLUSHED("invvpid_retain", INVVPID_RETAIN,
            "INVVPID of one context but its globals"),
    FLUSHED("invept_individual", INVEPT_INDIVIDUAL, "INVEPT of an address"),
    FLUSHED("invept_single", INVEPT_SINGLE, "INVEPT of one context"),
    FLUSHED("invept_global", INVEPT_GLOBAL, "INVEPT of all contexts"),
    FLUSHED("invept_region", INVEPT_REGION, "INVEPT of a host-physical region"),
    FLUSHED("invept_update", INVEPT_UPDATE, "INVEPT that updates in place"),
    FLUSHED("reset", RESET, "a reset"),
    FLUSHED("page_fault", PAGE_FAULT, "a page fault at their address"),
    FLUSHED("ept_violation", EPT_VIOLATION,
            "an EPT violation at their address"),
};

/* --- the core --- */

#define MMU(field) offsetof(struct mmu_stats, field)
#define REFERENCES(n, doc)                                                     \
    {                                                                          \
        "walk.references.level" #n, MMU(walk.level[n]), "references",          \
            "of these, " doc " entries"                                        \
    }
#define EPT_REFERENCES(n, doc)                                                 \
    {                                                                          \
        "walk.references.ept_level" #n, MMU(walk.level_ept[n]), "references",  \
            "of those to EPT, " doc " entries"                                 \
    }
#define FLUSH_ROW(name, cause, doc)                                            \
    {                                                                          \
        "tlb_flush." name, MMU(flushes[FLUSH_##cause]), "invalidations",       \
            "invalidations by " doc                                            \
    }

static const struct stat_desc core_rows[] = {
    {"dtlb.stlb_hits", MMU(stlb_hits[SIDE_D]), "misses",
     "DTLB misses that hit the second level"},
    {"dtlb.misses_causing_walk", MMU(stlb_misses[SIDE_D]), "misses",
     "DTLB misses that started a page walk"},
    {"itlb.stlb_hits", MMU(stlb_hits[SIDE_I]), "misses",
     "ITLB misses that hit the second level"},
    {"itlb.misses_causing_walk", MMU(stlb_misses[SIDE_I]), "misses",
     "ITLB misses that started a page walk"},
    {"walk.count.data", MMU(walk.count[SIDE_D]), "walks",
     "page walks for data accesses"},
    {"walk.count.fetch", MMU(walk.count[SIDE_I]), "walks",
     "page walks for instruction fetches"},
    {"walk.completed.4k", MMU(walk.completed[PAGES_4K]), "walks",
     "walks that ended at a 4-KByte page"},
    {"walk.completed.2m", MMU(walk.completed[PAGES_2M]), "walks",
     "walks that ended at a 2-MByte or 4-MByte page"},
    {"walk.completed.1g", MMU(walk.completed[PAGES_1G]), "walks",
     "walks that ended at a 1-GByte page"},
    {"walk.faults", MMU(walk.faults), "walks", "walks that ended in a fault"},
    {"walk.assists", MMU(walk.assists), "walks",
     "walks although a TLB held the page: to set a dirty flag, or to check a "
     "right that the cached translation lacks"},
    {"walk.cycles.data", MMU(walk.cycles[SIDE_D]), "cycles",
     "time of page walks for data accesses"},
    {"walk.cycles.fetch", MMU(walk.cycles[SIDE_I]), "cycles",
     "time of page walks for instruction fetches"},
    {"walk.references.guest", MMU(walk.references), "references",
     "entries read from the guest's paging structures"},
    {"walk.references.ept", MMU(walk.references_ept), "references",
     "entries read from EPT paging structures"},
    {"walk.references.sub_page", MMU(walk.references_sub_page), "references",
     "entries read from tables of sub-page permissions"},
    {"walk.ept_violations", MMU(walk.ept_violations), "walks",
     "walks that ended in an EPT violation"},
    {"walk.ept_misconfigurations", MMU(walk.ept_misconfigs), "walks",
     "walks that ended in an EPT misconfiguration"},
    {"walk.cycles.data_ept", MMU(walk.cycles_ept[SIDE_D]), "cycles",
     "of the time for data accesses, for EPT paging structures"},
    {"walk.cycles.fetch_ept", MMU(walk.cycles_ept[SIDE_I]), "cycles",
     "of the time for fetches, for EPT paging structures"},
    EPT_REFERENCES(5, "PML5"),
    EPT_REFERENCES(4, "PML4"),
    EPT_REFERENCES(3, "page-directory-pointer-table"),
    EPT_REFERENCES(2, "page-directory"),
    EPT_REFERENCES(1, "page-table"),
    {"check_tlb.stale_uses", MMU(stale_uses), "accesses",
     "uses of a cached translation that a walk would no longer give, with "
     "mmu.check_tlb"},
    {"check_tlb.findings", MMU(stale_sorts), "findings",
     "of these, different ones: by instruction, entry and its new value"},
    {"nested_tlb.lookups", MMU(nested.accesses), "lookups",
     "guest-physical addresses looked up in the nested TLB"},
    {"nested_tlb.hits", MMU(nested.hits), "lookups",
     "of these, found with the rights that the access needs"},
    REFERENCES(5, "PML5"),
    REFERENCES(4, "PML4"),
    REFERENCES(3, "page-directory-pointer-table"),
    REFERENCES(2, "page-directory"),
    REFERENCES(1, "page-table"),
    {"walk.served.l1d", MMU(walk.served[SERVED_L1]), "references",
     "walk references served by the L1D"},
    {"walk.served.l2", MMU(walk.served[SERVED_L2]), "references",
     "walk references served by the L2"},
    {"walk.served.l3", MMU(walk.served[SERVED_L3]), "references",
     "walk references served by the L3"},
    {"walk.served.dram", MMU(walk.served[SERVED_DRAM]), "references",
     "walk references served by DRAM"},
    {"walk.served.core", MMU(walk.served[SERVED_CORE]), "references",
     "walk references served by another core"},
    {"walk.served.uncached", MMU(walk.served[SERVED_UNCACHED]), "references",
     "walk references to uncacheable memory"},
    {"mem.served.l1d", MMU(served[SIDE_D][SERVED_L1]), "accesses",
     "data accesses served by the L1D"},
    {"mem.served.l2", MMU(served[SIDE_D][SERVED_L2]), "accesses",
     "data accesses served by the L2"},
    {"mem.served.l3", MMU(served[SIDE_D][SERVED_L3]), "accesses",
     "data accesses served by the L3"},
    {"mem.served.dram", MMU(served[SIDE_D][SERVED_DRAM]), "accesses",
     "data accesses served by DRAM"},
    {"mem.served.core", MMU(served[SIDE_D][SERVED_CORE]), "accesses",
     "data accesses that took the line from another core"},
    {"mem.served.uncached", MMU(served[SIDE_D][SERVED_UNCACHED]), "accesses",
     "data accesses to uncacheable memory"},
    {"fetch.served.l1i", MMU(served[SIDE_I][SERVED_L1]), "lines",
     "instruction lines served by the L1I"},
    {"fetch.served.l2", MMU(served[SIDE_I][SERVED_L2]), "lines",
     "instruction lines served by the L2"},
    {"fetch.served.l3", MMU(served[SIDE_I][SERVED_L3]), "lines",
     "instruction lines served by the L3"},
    {"fetch.served.dram", MMU(served[SIDE_I][SERVED_DRAM]), "lines",
     "instruction lines served by DRAM"},
    {"fetch.served.core", MMU(served[SIDE_I][SERVED_CORE]), "lines",
     "instruction lines served by another core"},
    {"fetch.served.uncached", MMU(served[SIDE_I][SERVED_UNCACHED]), "lines",
     "instruction lines from uncacheable memory"},
    {"mem.splits", MMU(splits), "accesses",
     "data accesses that crossed a line; each counts as two"},
    {"mem.uncached_reads", MMU(uncached_reads), "accesses",
     "reads of uncacheable RAM"},
    {"mem.uncached_writes", MMU(uncached_writes), "accesses",
     "writes to uncacheable RAM"},
    {"mem.write_throughs", MMU(write_throughs), "accesses",
     "stores to write-through memory"},
    {"mem.device_reads", MMU(device_reads), "accesses",
     "bus reads that RAM does not answer"},
    {"mem.device_writes", MMU(device_writes), "accesses",
     "bus writes that RAM does not answer"},
    {"mem.prefetches", MMU(prefetches), "instructions", "software prefetches"},
    {"mem.prefetches_dropped", MMU(prefetches_dropped), "instructions",
     "of these, dropped for want of a cached translation"},
    FLUSH_ROW("mov_cr3", MOV_CR3, "MOV to CR3"),
    FLUSH_ROW("invlpg", INVLPG, "INVLPG"),
    FLUSH_ROW("invpcid", INVPCID, "INVPCID"),
    FLUSH_ROW("mov_cr4", MOV_CR4, "MOV to CR4"),
    FLUSH_ROW("mov_cr0", MOV_CR0, "MOV to CR0"),
    FLUSH_ROW("wrmsr", WRMSR, "WRMSR"),
    FLUSH_ROW("task_switch", TASK_SWITCH, "a task switch"),
    FLUSH_ROW("vm_transition", VM_TRANSITION, "VM entry or exit"),
    FLUSH_ROW("invvpid_address", INVVPID_ADDRESS, "INVVPID of an address"),
    FLUSH_ROW("invvpid_single", INVVPID_SINGLE, "INVVPID of one context"),
    FLUSH_ROW("invvpid_all", INVVPID_ALL, "INVVPID of all contexts"),
    FLUSH_ROW("invvpid_retain", INVVPID_RETAIN,
              "INVVPID of one context but its globals"),
    FLUSH_ROW("invept_individual", INVEPT_INDIVIDUAL, "INVEPT of an address"),
    FLUSH_ROW("invept_single", INVEPT_SINGLE, "INVEPT of one context"),
    FLUSH_ROW("invept_global", INVEPT_GLOBAL, "INVEPT of all contexts"),
    FLUSH_ROW("invept_region", INVEPT_REGION,
              "INVEPT of a host-physical region"),
    FLUSH_ROW("invept_update", INVEPT_UPDATE, "INVEPT that updates in place"),
};

/* --- paging-structure caches and caches --- */

static const struct stat_desc psc_rows[] = {
    {"lookups", offsetof(struct psc, lookups), "lookups",
     "walks that looked for a starting point here"},
    {"hits", offsetof(struct psc, hits), "lookups",
     "walks that started from an entry found here"},
};

#define CACHE(field) offsetof(struct cache_stats, field)

static const struct stat_desc cache_rows[] = {
    {"accesses", CACHE(accesses), "accesses",
     "lookups; page walks and prefetches included"},
    {"hits", CACHE(hits), "accesses", "lookups that found the line"},
    {"misses", CACHE(misses), "misses", "lookups that did not"},
    {"evictions", CACHE(evictions), "lines", "lines replaced"},
    {"writebacks", CACHE(writebacks), "lines",
     "dirty lines sent to the next level"},
    {"invalidations", CACHE(invalidations), "lines",
     "lines dropped by other cores, DMA, CLFLUSH or a store to code"},
};

static const struct stat_desc dram_rows[] = {
    {"reads", offsetof(struct dram_stats, reads), "lines",
     "lines read from DRAM"},
    {"writebacks", offsetof(struct dram_stats, writebacks), "lines",
     "dirty lines written to DRAM"},
};

/* --- registration --- */

void memsys_register_stats(const struct memsys *s, struct stat_registry *r)
{
    stat_register(r, "l3", cache_rows, COUNT(cache_rows), &s->l3.stats);
    stat_register(r, "dram", dram_rows, COUNT(dram_rows), &s->dram);
}

static void finish_tlb(struct tlb_stats *s)
{
    s->hits = s->accesses - s->misses;
}

/* Counts that accesses answered by the filter leave to be derived. */
static void refresh(void *self)
{
    struct mmu *m = self;
    if (!m->timing)
        return;
    translate_fold(m);
    finish_tlb(&m->stats->dtlb);
    finish_tlb(&m->stats->itlb);
    finish_tlb(&m->stats->stlb);
    finish_tlb(&m->stats->stlb_i);
    for (unsigned k = 0; k < SIDES; k++) {
        struct cache_stats *c = &m->side[k].cache.stats;
        c->hits = c->accesses - c->misses;
    }
}

static void add(struct stat_registry *r, const char *prefix, const char *name,
                const struct stat_desc *rows, size_t count, const void *base)
{
    char full[32];
    int n = snprintf(full, sizeof full, "%s.%s", prefix, name);
    SIM_ASSERT(n > 0 && (size_t)n < sizeof full);
    stat_register(r, full, rows, count, base);
}

void mmu_register_stats(const struct mmu *m, struct stat_registry *r,
                        const char *prefix)
{
    static const char *const psc_name[PT_LEVELS] = {
        "", "", "psc.pde", "psc.pdpte", "psc.pml4e", "psc.pml5e"};
    static const char *const ept_name[PT_LEVELS] = {"",
                                                    "",
                                                    "ept_psc.pde",
                                                    "ept_psc.pdpte",
                                                    "ept_psc.pml4e",
                                                    "ept_psc.pml5e"};
    const struct mmu_stats *s = m->stats;
    add(r, prefix, "dtlb.l1", tlb_rows, COUNT(tlb_rows), &s->dtlb);
    add(r, prefix, "itlb.l1", tlb_rows, COUNT(tlb_rows), &s->itlb);
    add(r, prefix, "stlb", tlb_rows, COUNT(tlb_rows), &s->stlb);
    if (!m->config.stlb_unified)
        add(r, prefix, "stlb_i", tlb_rows, COUNT(tlb_rows), &s->stlb_i);
    stat_register(r, prefix, core_rows, COUNT(core_rows), s);
    for (unsigned k = 2; k < PT_LEVELS; k++)
        add(r, prefix, psc_name[k], psc_rows, COUNT(psc_rows), &m->psc[k]);
    for (unsigned k = 2; k < PT_LEVELS; k++)
        add(r, prefix, ept_name[k], psc_rows, COUNT(psc_rows), &m->ept_psc[k]);
    add(r, prefix, "l1d", cache_rows, COUNT(cache_rows),
        &m->side[SIDE_D].cache.stats);
    add(r, prefix, "l1i", cache_rows, COUNT(cache_rows),
        &m->side[SIDE_I].cache.stats);
    add(r, prefix, "l2", cache_rows, COUNT(cache_rows), &m->l2.stats);
    /* The list of cores has this one's address without const. */
    for (unsigned k = 0; k < m->shared->cores; k++)
        if (m->shared->core[k] == m)
            stat_on_read(r, refresh, m->shared->core[k]);
}

/* --- for performance counters --- */

uint64_t mmu_count(const struct mmu *m, enum mmu_count what, unsigned kind)
{
    const struct mmu_stats *s = m->stats;
    const struct walk_kind *w = &s->walk.by[kind];
    uint64_t misses = 0, hits = 0;
    switch (what) {
    case MMU_WALKS: return w->misses;
    case MMU_WALK_CYCLES: return w->cycles;
    case MMU_STLB_HITS: return w->stlb_hits;
    case MMU_WALKED_4K: return w->completed[PAGES_4K];
    case MMU_WALKED_2M: return w->completed[PAGES_2M];
    case MMU_WALKED_1G: return w->completed[PAGES_1G];
    case MMU_LLC_REFERENCES:
    case MMU_LLC_MISSES: break;
    }
    for (unsigned side = 0; side < SIDES; side++) {
        hits += s->served[side][SERVED_L3] + s->served[side][SERVED_CORE];
        misses += s->served[side][SERVED_DRAM];
    }
    return what == MMU_LLC_MISSES ? misses : hits + misses;
}
