/* SPDX-License-Identifier: Apache-2.0
 * Private to mmu/: one core's memory management from inside.
 */
#ifndef VTSIM_MMU_MODEL_H
#define VTSIM_MMU_MODEL_H

#include "mmu/memory.h"
#include "mmu/memtype.h"
#include "mmu/mmu.h"
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
#define EFER_LMA  BIT(10)
#define EFER_NXE  BIT(11)

/* Error code of #PF. */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

struct mmu {
    struct mmu_config config;
    struct memsys *shared;
    struct mmu_hot *hot;
    struct cycle_account *account;
    struct device_port device;
    struct mmu_context ctx;
    struct mmu_mtrr mtrr;
    struct memtype_map types;
    struct mmu_fault fault;
    struct pt_space space; /* the guest's paging structures */
    bool timing, paging, pae; /* pae: PDPTE registers are in use */
    bool nx, wp, smep, smap;
};

/* A translated piece of an access; it lies in one page. */
struct piece {
    uint64_t lin, pa;
    uint64_t offset; /* in RAM, or MEMORY_NONE */
    unsigned len;
    uint8_t rights;  /* PT_R.. of the page */
    uint8_t pat;     /* memory type by PAT, enum memtype */
    bool dirty;      /* a store needs no dirty flag */
};

/* mmu.c: does the page's combined right let this access through? */
bool mmu_allowed(const struct mmu *m, unsigned rights, unsigned access);

/* mmu.c: walk the tables untimed, set the flags that the access sets. False:
 * the fault is recorded. */
bool mmu_walk_untimed(struct mmu *m, uint64_t lin, unsigned access,
                      struct piece *out);

/* mmu.c: reads and flag updates of paging-structure entries, as the port of
 * an untimed walk; self is the mmu. */
bool mmu_table_read(void *self, const struct pt_ref *ref, uint64_t *entry);
bool mmu_table_set(void *self, const struct pt_ref *ref, uint64_t bits);
bool mmu_walk_start(const struct mmu *m, uint64_t lin, struct pt_start *from);

/* mmu.c: record the #PF that the walk's result means. */
bool mmu_page_fault(struct mmu *m, uint64_t lin, unsigned access,
                    enum pt_stop stop);

/* device.c: accesses that RAM does not answer. */
void device_read(struct mmu *m, uint64_t pa, unsigned len, uint8_t *out);
void device_write(struct mmu *m, uint64_t pa, unsigned len, const uint8_t *in);

/* filter.c */
void filter_drop_all(struct mmu *m);
void filter_install_page(struct mmu *m, const struct piece *p,
                         unsigned access);
/* Entries that let stores to RAM [offset, offset+len) through go. */
void filter_write_protect(struct mmu *m, uint64_t offset, uint64_t len);

static inline bool access_writes(unsigned access)
{
    return (access & MMU_KIND) == MMU_WRITE || (access & MMU_INTENT) != 0;
}

#endif
