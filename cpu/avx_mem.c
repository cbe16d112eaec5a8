/* SPDX-License-Identifier: Apache-2.0
 * Vector accesses made element by element.
 */
#include "cpu/avx_mem.h"

#include "cpu/block.h"
#include "cpu/mem.h"
#include "cpu/plant.h"

/* The block was charged for `n` loads that the instruction does not make. */
static void refund_loads(struct cpu *c, unsigned n)
{
    uint32_t latency = c->mmu_config.l1d.latency;
    c->count.loads -= n;
    if (c->config.timing != TIMING_OFF && latency > 1) {
        uint64_t cycles = (uint64_t)n * (latency - 1);
        c->account.cycles -= cycles;
        c->account.leaf[LEAF_L1D] -= cycles;
    }
}

/* An access without alignment check. */
static bool load(struct cpu *c, const struct uop *u, uint64_t lin,
                 unsigned size)
{
    const uint8_t *p = c->config.timing == TIMING_OFF
                           ? mmu_page_read(&c->hot, lin, size)
                           : mmu_hit_read(&c->hot, lin, size);
    if (LIKELY(p != NULL)) {
        memcpy(c->slow.u8, p, size);
        return true;
    }
    uint32_t ac = c->mode & MODE_AC;
    c->mode &= ~(uint32_t)MODE_AC;
    bool ok = mem_load_slow(c, u, lin, size, false);
    c->mode |= ac;
    return ok;
}

static bool store(struct cpu *c, const struct uop *u, uint64_t lin,
                  unsigned size)
{
    uint32_t ac = c->mode & MODE_AC;
    c->mode &= ~(uint32_t)MODE_AC;
    bool ok = mem_store_slow(c, u, lin, size, false);
    c->mode |= ac;
    return ok;
}

static bool probe(struct cpu *c, const struct uop *u, uint64_t lin,
                  unsigned size)
{
    uint32_t ac = c->mode & MODE_AC;
    c->mode &= ~(uint32_t)MODE_AC;
    bool ok = mem_store_probe(c, u, lin, size);
    c->mode |= ac;
    return ok;
}

/* The linear address of `size` bytes that begin `at` bytes into the operand. */
static bool part(struct cpu *c, const struct uop *u, unsigned at, unsigned size,
                 bool write, uint64_t *lin)
{
    *lin = uop_ea(c, u) + at;
    return u->imm == 0 ||
           mem_linear(c, u->seg, *lin & u->imm, size, write, lin);
}

/*
 * One access from the first chosen element to the last: its pages are those
 * of the two, so that it faults exactly when one of the chosen elements does.
 */
bool avx_masked_load(struct cpu *c, const struct uop *u, unsigned chosen,
                     unsigned size)
{
    union vec v = {0};
    if (PLANTED(c, PLANT_MASKMOV_FAULTS))
        chosen |= 1u << (16 / size - 1) | 1u;
    if (chosen == 0) {
        refund_loads(c, 1);
        memset(&c->slow, 0, sizeof c->slow);
        return true;
    }
    unsigned first = (unsigned)__builtin_ctz(chosen);
    unsigned last = 31 - (unsigned)__builtin_clz(chosen);
    unsigned bytes = (last - first + 1) * size;
    uint64_t lin;
    if (!part(c, u, first * size, bytes, false, &lin) ||
        !load(c, u, lin, bytes))
        return false;
    for (unsigned i = first; i <= last; i++)
        if (chosen >> i & 1)
            memcpy(&v.u8[i * size], &c->slow.u8[(i - first) * size], size);
    memcpy(c->slow.u8, v.u8, sizeof v);
    return true;
}

/* Every run of neighbouring chosen elements is one store. */
bool avx_masked_store(struct cpu *c, const struct uop *u, unsigned chosen,
                      unsigned size)
{
    if (chosen == 0) {
        c->count.stores--;
        return true;
    }
    unsigned first = (unsigned)__builtin_ctz(chosen);
    unsigned last = 31 - (unsigned)__builtin_clz(chosen);
    unsigned bytes = (last - first + 1) * size;
    uint64_t lin;
    if (!part(c, u, first * size, bytes, true, &lin) ||
        !probe(c, u, lin, bytes))
        return false;
    while (chosen != 0) {
        unsigned at = (unsigned)__builtin_ctz(chosen);
        unsigned n = (unsigned)__builtin_ctz(~(chosen >> at));
        memcpy(c->slow.u8, &c->v[u->src].u8[at * size], n * size);
        if (!store(c, u, lin + (at - first) * size, n * size))
            return false;
        chosen &= ~((1u << n) - 1) << at;
    }
    return true;
}

/* --- gathers --- */

struct gather {
    unsigned count, size, index_size;
};

/* All ones, or zero, by the sign of element i. */
static void set_mask(union vec *m, const struct gather *g, unsigned i, bool on)
{
    memset(&m->u8[i * g->size], on ? 0xff : 0, g->size);
}

static bool is_chosen(const union vec *m, const struct gather *g, unsigned i)
{
    return (m->u8[(i + 1) * g->size - 1] & 0x80) != 0;
}

static uint64_t address(const struct cpu *c, const struct uop *u,
                        const struct gather *g, unsigned i)
{
    const union vec *x = &c->v[u->index];
    uint64_t index =
        g->index_size == 8 ? x->u64[i] : (uint64_t)(int64_t)(int32_t)x->u32[i];
    return (REG(const uint64_t, c, u->base) + (index << u->scale) +
            (uint64_t)(int64_t)u->disp) &
           u->imm;
}

static bool gather_element(struct cpu *c, const struct uop *u,
                           const struct gather *g, unsigned i)
{
    uint64_t lin;
    if (!mem_linear(c, u->seg, address(c, u, g, i), g->size, false, &lin) ||
        !load(c, u, lin, g->size))
        return false;
    memcpy(&c->v[u->dst].u8[i * g->size], c->slow.u8, g->size);
    return true;
}

bool avx_gather(struct cpu *c, const struct uop *u)
{
    struct gather g = {u->aux & AVX_GATHER_COUNT,
                       u->aux & AVX_GATHER_DATA8 ? 8 : 4,
                       u->aux & AVX_GATHER_INDEX8 ? 8 : 4};
    union vec *mask = &c->v[u->src], *dst = &c->v[u->dst];
    unsigned bytes = g.count * g.size, skipped = 0;
    for (unsigned i = 0; i < g.count; i++)
        set_mask(mask, &g, i, is_chosen(mask, &g, i));
    memset(&mask->u8[bytes], 0, 32 - bytes);
    for (unsigned i = 0; i < g.count; i++) {
        if (!is_chosen(mask, &g, i)) {
            skipped++;
            continue;
        }
        if (!gather_element(c, u, &g, i))
            return false;
        if (!PLANTED(c, PLANT_GATHER_KEEPS_MASK))
            set_mask(mask, &g, i, false);
    }
    memset(&dst->u8[bytes], 0, 32 - bytes);
    refund_loads(c, skipped);
    return true;
}
