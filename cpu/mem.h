/* SPDX-License-Identifier: Apache-2.0
 * Guest memory as handlers see it: the residency filter inline, everything
 * else in one call. Included by cpu/exec_*.c (ENGINE_TIMING is set) and by
 * callouts.
 */
#ifndef VTSIM_CPU_MEM_H
#define VTSIM_CPU_MEM_H

#include "cpu/uop.h"

#include <string.h>

/*
 * Slow paths; size 1..64 bytes. They check canonicality (#GP, or #SS when
 * u->seg is SS), translate, do split and device accesses. Alignment (#AC) is
 * checked by a uop of its own before the instruction's (MODE_AC). False:
 * c->event is valid and nothing was written. A store that hits the running
 * block's own code makes the block stop after this instruction; the handler
 * need not know.
 *
 * mem_load_slow   value in c->slow (zero-extended into c->slow.u64[0] for
 *                 sizes below 8). intent: the store half of an RMW follows
 *                 (write permission is checked, the access counts once).
 * mem_store_slow  value taken from c->slow. second: that store half; it
 *                 cannot fault any more.
 */
bool mem_load_slow(struct cpu *c, const struct uop *u, uint64_t lin,
                   unsigned size, bool intent);
bool mem_store_slow(struct cpu *c, const struct uop *u, uint64_t lin,
                    unsigned size, bool second);

/* Alignment checking, for instructions whose accesses the translator does not
 * see: strings. False: #AC is recorded. */
SIM_MUST_CHECK bool mem_aligned(struct cpu *c, uint64_t lin, unsigned size);

/* True when a store of `size` bytes would not fault; nothing is written. For
 * instructions that may refrain from storing but must still fault. */
SIM_MUST_CHECK bool mem_store_probe(struct cpu *c, const struct uop *u,
                                    uint64_t lin, unsigned size);

/* System-structure accesses (descriptor tables, TSS, IDT): implicit
 * supervisor, no uop. False: c->event holds the #PF. */
SIM_MUST_CHECK bool mem_system_read(struct cpu *c, uint64_t lin, unsigned len,
                                    void *out);
SIM_MUST_CHECK bool mem_system_write(struct cpu *c, uint64_t lin, unsigned len,
                                     const void *in);

/*
 * For callouts: the linear address of size bytes at `offset` in segment
 * `seg` (SEG_*), already truncated to the address size, with the checks of
 * SDM Vol.3 "Segment-Level Protection" (null, limit, rights; none but the
 * base in 64-bit mode, where the access itself finds a non-canonical
 * address). False: c->event holds #GP(0) or #SS(0).
 */
SIM_MUST_CHECK bool mem_linear(struct cpu *c, unsigned seg, uint64_t offset,
                               unsigned size, bool write, uint64_t *lin);

#if ENGINE_TIMING
#define MEM_HIT_READ  mmu_hit_read
#define MEM_HIT_WRITE mmu_hit_write
#else
#define MEM_HIT_READ  mmu_page_read
#define MEM_HIT_WRITE mmu_page_write
#endif

/* Guest values lie at any address. */
typedef uint16_t mem_u16 __attribute__((aligned(1), may_alias));
typedef uint32_t mem_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t mem_u64 __attribute__((aligned(1), may_alias));

ALWAYS_INLINE uint64_t mem_get(const uint8_t *p, unsigned size)
{
    switch (size) {
    case 1: return *p;
    case 2: return *(const mem_u16 *)(const void *)p;
    case 4: return *(const mem_u32 *)(const void *)p;
    default: return *(const mem_u64 *)(const void *)p;
    }
}

/* Zero-extending load of 1, 2, 4 or 8 bytes (size is a constant). */
ALWAYS_INLINE bool mem_load(struct cpu *c, const struct uop *u, uint64_t lin,
                            unsigned size, uint64_t *out)
{
    const uint8_t *p = MEM_HIT_READ(&c->hot, lin, size);
    if (LIKELY(p != NULL)) {
        *out = mem_get(p, size);
        return true;
    }
    if (UNLIKELY(!mem_load_slow(c, u, lin, size, false)))
        return false;
    *out = c->slow.u64[0];
    return true;
}

ALWAYS_INLINE void mem_put(uint8_t *p, unsigned size, uint64_t v)
{
    switch (size) {
    case 1: *p = (uint8_t)v; break;
    case 2: *(mem_u16 *)(void *)p = (uint16_t)v; break;
    case 4: *(mem_u32 *)(void *)p = (uint32_t)v; break;
    default: *(mem_u64 *)(void *)p = v; break;
    }
}

ALWAYS_INLINE bool mem_store(struct cpu *c, const struct uop *u, uint64_t lin,
                             unsigned size, uint64_t v)
{
    uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, size);
    if (LIKELY(p != NULL)) {
        mem_put(p, size, v);
        return true;
    }
    c->slow.u64[0] = v;
    return mem_store_slow(c, u, lin, size, false);
}

/*
 * Read-modify-write. mem_rmw_begin gives the old value and a host pointer
 * (NULL: slow) for mem_rmw_end, which cannot fail.
 */
ALWAYS_INLINE bool mem_rmw_begin(struct cpu *c, const struct uop *u,
                                 uint64_t lin, unsigned size, uint8_t **host,
                                 uint64_t *old)
{
    uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, size);
    *host = p;
    if (LIKELY(p != NULL)) {
        *old = mem_get(p, size);
        return true;
    }
    if (UNLIKELY(!mem_load_slow(c, u, lin, size, true)))
        return false;
    *old = c->slow.u64[0];
    return true;
}

ALWAYS_INLINE void mem_rmw_end(struct cpu *c, const struct uop *u, uint64_t lin,
                               unsigned size, uint8_t *host, uint64_t v)
{
    if (LIKELY(host != NULL)) {
        mem_put(host, size, v);
        return;
    }
    c->slow.u64[0] = v;
    (void)mem_store_slow(c, u, lin, size, true);
}

/* Whole vectors: size 4..64 bytes between memory and c->slow. After a true
 * return of mem_load_vec the bytes are in c->slow. */
ALWAYS_INLINE bool mem_load_vec(struct cpu *c, const struct uop *u,
                                uint64_t lin, unsigned size)
{
    const uint8_t *p = MEM_HIT_READ(&c->hot, lin, size);
    if (LIKELY(p != NULL)) {
        memcpy(c->slow.u8, p, size);
        return true;
    }
    return mem_load_slow(c, u, lin, size, false);
}

ALWAYS_INLINE bool mem_store_vec(struct cpu *c, const struct uop *u,
                                 uint64_t lin, unsigned size, const void *v)
{
    uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, size);
    if (LIKELY(p != NULL)) {
        memcpy(p, v, size);
        return true;
    }
    memcpy(c->slow.u8, v, size);
    return mem_store_slow(c, u, lin, size, false);
}

#endif
