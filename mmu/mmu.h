/* SPDX-License-Identifier: Apache-2.0
 * One core's view of memory: TLBs, paging-structure caches, page walker,
 * private caches. Everything that misses the residency filter comes here.
 *
 * Faults are values: a call that returns false has left mmu_fault(m) filled
 * and changed nothing but accessed flags, TLB contents and time.
 */
#ifndef VTSIM_MMU_MMU_H
#define VTSIM_MMU_MMU_H

#include "mmu/config.h"
#include "mmu/hot.h"
#include "mmu/memsys.h"
#include "sim/base/cycles.h"
#include "sim/base/stat.h"
#include "sim/base/status.h"

struct mmu;

/* What decides how a linear address translates. The CPU sets it whenever one
 * of these changes; mmu/ drops filter entries as needed and *nothing else*:
 * flushing TLBs is asked for separately, as the manual says per
 * instruction. */
struct mmu_context {
    uint64_t cr0, cr3, cr4, efer;
    uint32_t pkru;
    uint8_t cpl;
    bool ac;                 /* EFLAGS.AC */
    uint16_t vpid;           /* 0: VMX root operation */
    uint64_t eptp;           /* EPT pointer; 0: no EPT */
    uint64_t apic_page;      /* host-physical page whose accesses go to the
                                guest_port; MMU_NO_PAGE: none */
    uint64_t sub_page_table; /* SPPTP, with `sub_page` */
    bool mode_execute;       /* EPT execute permission by mode, bits 2 and 10 */
    bool sub_page;           /* sub-page write permissions */
    bool page_log;           /* PML: pages made dirty go to the guest_port */
    bool violation_ve;       /* bit 63 of EPT entries says what is no #VE */
    uint64_t pat;            /* IA32_PAT */
    uint64_t pdpte[4];       /* PAE: loaded by MOV to CR3 */
    bool wrap32; /* not 64-bit code: accesses wrap around at 4 GiB */
    bool watch;  /* data breakpoints are armed: no data access may hit the
                    filter, so that the core sees every one */
};

#define MMU_NO_PAGE UINT64_MAX

enum mmu_access {
    MMU_READ = 0,
    MMU_WRITE = 1,
    MMU_FETCH = 2,
    MMU_KIND = 3,
    MMU_SYSTEM = 4,   /* flag: implicit supervisor access (GDT, IDT, TSS) */
    MMU_INTENT = 8,   /* flag on a read: the write half of an RMW follows */
    MMU_SECOND = 16,  /* flag on a write: that write half; no time, no count */
    MMU_UNTIMED = 32, /* flag: neither time nor counts (debug, probes) */
    MMU_PAGING = 64   /* flag to the guest_port: by a walk, to an entry */
};

enum mmu_fault_kind {
    MMU_FAULT_PAGE,
    MMU_FAULT_EPT_VIOLATION,
    MMU_FAULT_EPT_MISCONFIG,
    MMU_FAULT_SUB_PAGE, /* qualification bit 11: miss, not misconfiguration */
    MMU_FAULT_LOG_FULL, /* the page-modification log took no more */
    MMU_FAULT_TAKEN,    /* the guest_port has recorded what happens */
};

struct mmu_fault {
    uint64_t address;    /* linear address for CR2 */
    uint32_t error_code; /* of #PF, SDM Vol.3 "Page-Fault Exceptions" */
    uint8_t kind;        /* enum mmu_fault_kind */
    /* Of EPT events: */
    bool suppress_ve;       /* bit 63 of the entry that stopped the walk */
    uint64_t gpa;           /* guest-physical address */
    uint64_t qualification; /* as the VM exit reports it */
};

/*
 * What translation asks of the core in VMX non-root operation. `pml` logs the
 * page of a guest-physical address whose dirty flag is about to be set;
 * false: the log is full and the access does not happen. The others are
 * accesses to the APIC page, `access` as of the mmu call; false: the core has
 * recorded an exit or fault (MMU_FAULT_TAKEN).
 */
struct guest_port {
    void *self;
    bool (*pml)(void *self, uint64_t gpa);
    bool (*apic_read)(void *self, unsigned offset, unsigned len,
                      unsigned access, uint64_t lin, void *out);
    bool (*apic_write)(void *self, unsigned offset, unsigned len,
                       unsigned access, uint64_t lin, const void *in);
    /* A fetch or a probe that nothing is transferred by. */
    bool (*apic_touch)(void *self, unsigned offset, unsigned access,
                       uint64_t lin);
};

SIM_MUST_CHECK enum sim_status
mmu_create(const struct mmu_config *c, struct memsys *shared,
           struct mmu_hot *hot, struct cycle_account *account, struct mmu **out,
           struct sim_error *e);
void mmu_destroy(struct mmu *m);

/* Counts that the core's performance counters show; `kind` is MMU_READ,
 * MMU_WRITE or MMU_FETCH and does not matter to the first two. */
enum mmu_count {
    MMU_LLC_REFERENCES, /* demand accesses that missed the private caches */
    MMU_LLC_MISSES,
    MMU_WALKS, /* misses of both TLB levels */
    MMU_WALK_CYCLES,
    MMU_STLB_HITS,
    MMU_WALKED_4K, /* completed walks by page size */
    MMU_WALKED_2M,
    MMU_WALKED_1G,
};
uint64_t mmu_count(const struct mmu *m, enum mmu_count what, unsigned kind);

/* Power-on state: every structure empty, statistics zero. */
void mmu_reset(struct mmu *m);

void mmu_set_context(struct mmu *m, const struct mmu_context *ctx);
void mmu_set_guest_port(struct mmu *m, struct guest_port port);

/*
 * Called around every device access that an instruction makes, so that the
 * core can make its time exact first. May be left zero.
 */
struct device_port {
    void *self;
    void (*before)(void *self);
    void (*after)(void *self);
};
void mmu_set_device_port(struct mmu *m, struct device_port port);

/* Variable and fixed range MTRRs decide the memory type with PAT; layout of
 * the MSRs: index 0..7 {base, mask}, fixed[11] in MSR order, def_type. */
struct mmu_mtrr {
    uint64_t base[10], mask[10];
    uint64_t fixed[11];
    uint64_t def_type;
};
void mmu_set_mtrr(struct mmu *m, const struct mmu_mtrr *mtrr);

/* The A20 gate of a PC: closed, bit 20 of every physical address is 0. */
void mmu_set_a20(struct mmu *m, bool open);

/*
 * Read or write len (1..64) bytes at linear address lin, canonical and, in
 * 32-bit modes, below 2^32 except for wrap-around inside the access. May
 * cross lines, pages and into devices. Charges time, counts, sets A/D bits.
 * A write that faults writes nothing.
 */
SIM_MUST_CHECK bool mmu_read(struct mmu *m, uint64_t lin, unsigned len,
                             unsigned access, void *out);
SIM_MUST_CHECK bool mmu_write(struct mmu *m, uint64_t lin, unsigned len,
                              unsigned access, const void *in);

/* Check that an access of len (1..4096) bytes would not fault, and set A/D
 * bits as it would; no data moves. */
SIM_MUST_CHECK bool mmu_probe(struct mmu *m, uint64_t lin, unsigned len,
                              unsigned access);

/*
 * Fetch the line that holds lin: ITLB, L1I, time, counts. On success *host
 * points at the line's 64 bytes and *pline is its physical address; *host
 * is NULL when the line is not RAM.
 */
SIM_MUST_CHECK bool mmu_fetch(struct mmu *m, uint64_t lin, uint64_t *pline,
                              const uint8_t **host);

/* As mmu_fetch for the translator: the whole page, no time and no counts
 * and no structure changed but accessed flags. */
SIM_MUST_CHECK bool mmu_fetch_peek(struct mmu *m, uint64_t lin, uint64_t *ppage,
                                   const uint8_t **host);

/*
 * Host pointer to write (or read) up to the end of the line / page for bulk
 * string operations: the number of bytes of [lin, lin+want) that one call
 * covers, never across a line when timing is on or a page when off. Counts
 * `accesses` accesses to the line and charges the first one's misses. 0: use
 * mmu_read/mmu_write (device, fault, code line).
 */
SIM_MUST_CHECK unsigned mmu_bulk(struct mmu *m, uint64_t lin, unsigned want,
                                 unsigned access, uint32_t accesses,
                                 uint8_t **host);

/* The fault that the last failing call met. */
const struct mmu_fault *mmu_fault(const struct mmu *m);

/* Invalidation, by the instruction that causes it (statistics keep them
 * apart); SDM Vol.3 "Operations that Invalidate TLBs and Paging-Structure
 * Caches". */
enum mmu_flush_cause {
    FLUSH_MOV_CR3,
    FLUSH_INVLPG,
    FLUSH_INVPCID,
    FLUSH_MOV_CR4,
    FLUSH_MOV_CR0,
    FLUSH_WRMSR,
    FLUSH_TASK_SWITCH,
    FLUSH_VM_TRANSITION,
    FLUSH_INVVPID_ADDRESS,
    FLUSH_INVVPID_SINGLE,
    FLUSH_INVVPID_ALL,
    FLUSH_INVVPID_RETAIN,
    FLUSH_INVEPT_INDIVIDUAL,
    FLUSH_INVEPT_SINGLE,
    FLUSH_INVEPT_GLOBAL,
    FLUSH_INVEPT_REGION,
    FLUSH_INVEPT_UPDATE,
    FLUSH_RESET,
    FLUSH_PAGE_FAULT,    /* a #PF drops the translations of its address */
    FLUSH_EPT_VIOLATION, /* so does an EPT violation */
    FLUSH_CAUSES
};

/* All translations of the current VPID and PCID `pcid`, globals kept. */
void mmu_flush_pcid(struct mmu *m, uint16_t pcid, enum mmu_flush_cause why);
/* All translations of all PCIDs; `globals` says whether global ones too. */
void mmu_flush_all(struct mmu *m, bool globals, enum mmu_flush_cause why);
/* Translations for the page of lin: in `pcid` and global ones (INVLPG), or
 * in `pcid` without globals (INVPCID type 0). INVLPG also drops every
 * paging-structure-cache entry of the PCID. */
void mmu_flush_page(struct mmu *m, uint64_t lin, uint16_t pcid, bool globals,
                    enum mmu_flush_cause why);

/*
 * Invalidation of VMX; SDM Vol.3 "Caching Translation Information" of "VMX
 * Support for Address Translation". Operands are checked by the caller.
 * invept: `a` is the EPT pointer (types 0, 1, 4) or the base of a
 * host-physical region, `b` the guest-physical address or the region's size.
 * The transition is that of VM entries and exits without a VPID: linear and
 * combined mappings of VPID 0, all PCIDs and EPT roots.
 */
enum mmu_invept {
    INVEPT_INDIVIDUAL,
    INVEPT_SINGLE,
    INVEPT_GLOBAL,
    INVEPT_REGION,
    INVEPT_UPDATE
};
enum mmu_invvpid {
    INVVPID_ADDRESS,
    INVVPID_SINGLE,
    INVVPID_ALL,
    INVVPID_RETAIN
};
void mmu_invept(struct mmu *m, enum mmu_invept type, uint64_t a, uint64_t b);
void mmu_invvpid(struct mmu *m, enum mmu_invvpid type, uint16_t vpid,
                 uint64_t lin);
void mmu_vm_transition(struct mmu *m);

/* PAE: read the four PDPTEs at cr3 for MOV to CR3, through EPT when it is in
 * use. False: a reserved bit is set in a present one (#GP), or an EPT event
 * stopped it: then the kind in mmu_fault is not MMU_FAULT_PAGE. */
SIM_MUST_CHECK bool mmu_load_pdptes(struct mmu *m, uint64_t cr3,
                                    uint64_t out[4]);

/* CLFLUSH, CLWB, WBINVD, PREFETCH: cache effects only. */
void mmu_clflush(struct mmu *m, uint64_t lin);
void mmu_clwb(struct mmu *m, uint64_t lin);
void mmu_wbinvd(struct mmu *m);
void mmu_prefetch(struct mmu *m, uint64_t lin, bool write);

/* The physical address of the line at lin, as a read would find it; no time
 * and no counts. False: it is not RAM, or the read would fault. */
bool mmu_ram_line(struct mmu *m, uint64_t lin, hpa *line);

/* Worst cost in cycles of one access, misses and walks included: the engine
 * uses it to know when a block cannot cross a deadline. */
uint64_t mmu_worst_access(const struct mmu *m);

void mmu_register_stats(const struct mmu *m, struct stat_registry *r,
                        const char *prefix);

#endif
