/* SPDX-License-Identifier: Apache-2.0
 * A small machine's memory for tests of mmu/: RAM, one or two cores, and
 * paging structures built by hand.
 */
#ifndef VTSIM_TESTS_MMU_FIXTURE_H
#define VTSIM_TESTS_MMU_FIXTURE_H

#include "mmu/model.h"

#include <check.h>
#include <stdlib.h>

enum {
    P = 1,
    RW = 2,
    US = 4,
    PWT = 8,
    PCD = 16,
    ACC = 32,
    DIRTY = 64,
    PS = 128,
    GLOBAL = 256
};
#define NX BIT(63)

#define FIX_RAM   (UINT64_C(64) << 20)
#define FIX_CR3   UINT64_C(0x1000)
#define FIX_TABLE UINT64_C(0x10000) /* further tables are taken from here */
#define CR0_LONG  (CR0_PG | CR0_WP | 1)
#define EFER_LONG (EFER_LMA | BIT(8) | EFER_NXE)

struct fixture {
    struct mmu_config config;
    struct memsys_config memory;
    struct memsys *s;
    struct mmu *m[2];
    struct mmu_hot *hot[2];
    struct cycle_account account[2];
    struct mmu_context ctx;
    uint64_t next_table;
};

static inline struct assoc_config fix_assoc(uint32_t entries, uint32_t ways)
{
    return (struct assoc_config){.entries = entries, .ways = ways};
}

/* Tiny structures, so that short traces meet every case. */
static inline void fix_defaults(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    struct mmu_config *c = &f->config;
    c->itlb_4k = fix_assoc(8, 4);
    c->itlb_2m = fix_assoc(4, 4);
    c->dtlb_4k = fix_assoc(8, 4);
    c->dtlb_2m = fix_assoc(4, 4);
    c->dtlb_1g = fix_assoc(2, 2);
    c->stlb_unified = c->stlb_2m_shared = true;
    c->stlb = fix_assoc(32, 4);
    c->stlb_latency = 7;
    c->psc_pml4e = fix_assoc(2, 2);
    c->psc_pdpte = fix_assoc(2, 2);
    c->psc_pde = fix_assoc(4, 4);
    c->walkers = 1;
    c->walk_through_l1d = true;
    c->l1i = (struct cache_config){.size_kib = 1, .ways = 4, .latency = 4};
    c->l1d = (struct cache_config){.size_kib = 1, .ways = 4, .latency = 4};
    c->l2 = (struct cache_config){.size_kib = 4, .ways = 4, .latency = 14};
    c->coherence_latency = 60;
    c->uncached_latency = 300;
    c->mmio_latency = 500;
    c->maxphyaddr = 40;
    c->filter = true;
    c->seed = 7;
    f->memory.ram_bytes = FIX_RAM;
    f->memory.l3 =
        (struct cache_config){.size_kib = 12, .ways = 4, .latency = 40};
    f->memory.dram_latency = 200;
    f->memory.timing = true;
    f->memory.seed = 7;
}

static inline void fix_context(struct fixture *f)
{
    for (unsigned k = 0; k < 2; k++)
        if (f->m[k] != NULL)
            mmu_set_context(f->m[k], &f->ctx);
}

/* Memory is write-back by the MTRRs; 4-level paging with empty tables. */
static inline void fix_create(struct fixture *f, unsigned cores)
{
    struct sim_error e;
    static const struct mmu_mtrr write_back = {.def_type = BIT(11) | 6};
    ck_assert_int_eq(memsys_create(&f->memory, &f->s, &e), SIM_OK);
    for (unsigned k = 0; k < cores; k++) {
        f->hot[k] = calloc(1, sizeof *f->hot[k]);
        ck_assert_int_eq(mmu_create(&f->config, f->s, f->hot[k], &f->account[k],
                                    &f->m[k], &e),
                         SIM_OK);
        mmu_set_mtrr(f->m[k], &write_back);
    }
    f->next_table = FIX_TABLE;
    f->ctx = (struct mmu_context){.cr0 = CR0_LONG,
                                  .cr3 = FIX_CR3,
                                  .cr4 = CR4_PAE,
                                  .efer = EFER_LONG,
                                  .pat = UINT64_C(0x0007040600070406)};
    fix_context(f);
}

static inline void fix_destroy(struct fixture *f)
{
    for (unsigned k = 0; k < 2; k++) {
        mmu_destroy(f->m[k]);
        free(f->hot[k]);
    }
    memsys_destroy(f->s);
}

static inline uint64_t fix_get(struct fixture *f, uint64_t pa)
{
    uint64_t v;
    ck_assert(memsys_read(f->s, (hpa){pa}, 8, &v));
    return v;
}

static inline void fix_put(struct fixture *f, uint64_t pa, uint64_t v)
{
    /* Straight into RAM: the tests count what the caches see. */
    memcpy(f->s->ram + memory_offset(f->s, pa), &v, 8);
}

/* Address of the entry of `lin` at `level`, in tables that grow as needed
 * (present, writable, user). */
static inline uint64_t fix_entry(struct fixture *f, uint64_t lin,
                                 unsigned level, unsigned top)
{
    uint64_t table = f->ctx.cr3 & ~UINT64_C(0xfff);
    for (unsigned l = top;; l--) {
        uint64_t at = table + ((lin >> (12 + 9 * (l - 1))) & 511) * 8;
        if (l == level)
            return at;
        if ((fix_get(f, at) & P) == 0) {
            fix_put(f, at, f->next_table | P | RW | US);
            f->next_table += PAGE_SIZE;
        }
        table = fix_get(f, at) & bits_mask(52) & ~bits_mask(12);
    }
}

static inline void fix_map(struct fixture *f, uint64_t lin, uint64_t pa,
                           uint64_t flags)
{
    fix_put(f, fix_entry(f, lin, 1, 4), pa | flags);
}

static inline bool fix_load(struct fixture *f, uint64_t lin)
{
    uint64_t v;
    return mmu_read(f->m[0], lin, 8, MMU_READ, &v);
}

static inline bool fix_store(struct fixture *f, uint64_t lin, uint64_t v)
{
    return mmu_write(f->m[0], lin, 8, MMU_WRITE, &v);
}

static inline int fix_run(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
