/* SPDX-License-Identifier: Apache-2.0
 * The residency filter: what the engine looks at on every access.
 *
 * An entry says that one 64-byte line is resident in the modelled L1 *and*
 * its page in the modelled L1 TLB, with these rights, and where its bytes
 * are in the host. So a hit needs no more than to stamp both slots with the
 * access clock; exact LRU and tree-PLRU victims are computed from the stamps
 * on the miss path. mmu/ drops an entry before the line or the translation
 * it stands for goes away, or a right or the context changes. With the
 * filter off no entry is ever installed and every statistic is the same.
 *
 * With timing off (functional mode) the page arrays are used instead: an
 * entry covers 4 KiB and there are no stamps.
 *
 * struct mmu_hot is embedded in struct cpu so that handlers reach it at a
 * constant offset; only mmu/ and the inline functions below touch it.
 */
#ifndef VTSIM_MMU_HOT_H
#define VTSIM_MMU_HOT_H

#include "sim/base/addr.h"
#include "sim/base/bits.h"

#include <stddef.h>
#include <stdint.h>

enum {
    DFILTER_ENTRIES = 1024, /* lines */
    IFILTER_ENTRIES = 256,  /* lines */
    PFILTER_ENTRIES = 1024, /* pages, functional mode */
    L1_SLOTS_MAX = 4096,    /* lines of an L1: 256 KiB */
    TLB_SLOTS_MAX = 1024,   /* entries of an L1 TLB, all page sizes */
};

/* Low bits of a tag: who may hit. Tags are line addresses, so six bits are
 * free. The context is chosen by mmu_set_context. */
enum {
    MMU_CTX_USER = 0,       /* CPL 3 */
    MMU_CTX_SUPERVISOR = 1, /* CPL < 3, user pages allowed */
    MMU_CTX_SMAP = 2,       /* CPL < 3, user pages refused */
    MMU_TAG_NONE = 63,      /* matches no context */
};

struct dfilter_entry {
    uint64_t rtag, wtag; /* line | context; wtag only if a store needs no
                            work: dirty, writable, exclusive, no code */
    uintptr_t addend;    /* host address = addend + linear address */
    uint16_t l1_slot, tlb_slot;
    uint32_t unused;
};

struct ifilter_entry {
    uint64_t tag;   /* linear line | context */
    uint64_t pline; /* physical address of the line */
    uint16_t l1_slot, tlb_slot;
    uint32_t unused;
};

struct pfilter_entry {
    uint64_t rtag, wtag; /* page | context */
    uintptr_t addend;
    uint64_t unused;
};

struct mmu_hot {
    uint64_t dclock, iclock; /* data / fetch accesses so far: the stamps */
    uint64_t ctx;            /* MMU_CTX_* of the current context */
    struct dfilter_entry d[DFILTER_ENTRIES];
    struct ifilter_entry i[IFILTER_ENTRIES];
    struct pfilter_entry p[PFILTER_ENTRIES];
    uint64_t l1d_stamp[L1_SLOTS_MAX], l1i_stamp[L1_SLOTS_MAX];
    uint64_t dtlb_stamp[TLB_SLOTS_MAX], itlb_stamp[TLB_SLOTS_MAX];
};

/*
 * Where a line's entry is. Bits 18..27 of the address are folded into bits
 * 4..9 of the index so that large arrays do not alias; the lowest four stay,
 * so that two neighbouring lines never share an entry (a line-crossing
 * access relies on it: its last byte's tag cannot match).
 */
ALWAYS_INLINE size_t dfilter_index(uint64_t lin)
{
    uint64_t line = lin >> LINE_SHIFT;
    return (size_t)((line ^ ((line >> 12) & 0x3f0)) & (DFILTER_ENTRIES - 1));
}

/* Never NULL: says so, to spare the callers a test after a hit. */
ALWAYS_INLINE uint8_t *mmu_host(uintptr_t addend, uint64_t lin)
{
    uint8_t *p = (uint8_t *)(addend + lin);
    if (p == NULL)
        __builtin_unreachable();
    return p;
}

/*
 * Host address of a data read / write of len bytes (1..64) at linear address
 * lin, or NULL when the full model must see the access.
 */
ALWAYS_INLINE uint8_t *mmu_hit_read(struct mmu_hot *h, uint64_t lin,
                                    unsigned len)
{
    struct dfilter_entry *e = &h->d[dfilter_index(lin)];
    uint64_t tag = ((lin + len - 1) & ~(LINE_SIZE - 1)) | h->ctx;
    if (UNLIKELY(e->rtag != tag))
        return NULL;
    uint64_t now = ++h->dclock;
    h->l1d_stamp[e->l1_slot] = now;
    h->dtlb_stamp[e->tlb_slot] = now;
    return mmu_host(e->addend, lin);
}

ALWAYS_INLINE uint8_t *mmu_hit_write(struct mmu_hot *h, uint64_t lin,
                                     unsigned len)
{
    struct dfilter_entry *e = &h->d[dfilter_index(lin)];
    uint64_t tag = ((lin + len - 1) & ~(LINE_SIZE - 1)) | h->ctx;
    if (UNLIKELY(e->wtag != tag))
        return NULL;
    uint64_t now = ++h->dclock;
    h->l1d_stamp[e->l1_slot] = now;
    h->dtlb_stamp[e->tlb_slot] = now;
    return mmu_host(e->addend, lin);
}

/* The same in functional mode. */
ALWAYS_INLINE uint8_t *mmu_page_read(struct mmu_hot *h, uint64_t lin,
                                     unsigned len)
{
    struct pfilter_entry *e =
        &h->p[(lin >> PAGE_SHIFT) & (PFILTER_ENTRIES - 1)];
    uint64_t tag = ((lin + len - 1) & ~(PAGE_SIZE - 1)) | h->ctx;
    return LIKELY(e->rtag == tag) ? mmu_host(e->addend, lin) : NULL;
}

ALWAYS_INLINE uint8_t *mmu_page_write(struct mmu_hot *h, uint64_t lin,
                                      unsigned len)
{
    struct pfilter_entry *e =
        &h->p[(lin >> PAGE_SHIFT) & (PFILTER_ENTRIES - 1)];
    uint64_t tag = ((lin + len - 1) & ~(PAGE_SIZE - 1)) | h->ctx;
    return LIKELY(e->wtag == tag) ? mmu_host(e->addend, lin) : NULL;
}

/*
 * True when fetching the line at linear address `line` (64-byte aligned)
 * hits and still maps to physical line `pline`; stamps it.
 */
ALWAYS_INLINE bool mmu_hit_fetch(struct mmu_hot *h, uint64_t line,
                                 uint64_t pline)
{
    struct ifilter_entry *e =
        &h->i[(line >> LINE_SHIFT) & (IFILTER_ENTRIES - 1)];
    if (UNLIKELY(e->tag != (line | h->ctx) || e->pline != pline))
        return false;
    uint64_t now = ++h->iclock;
    h->l1i_stamp[e->l1_slot] = now;
    h->itlb_stamp[e->tlb_slot] = now;
    return true;
}

#endif
