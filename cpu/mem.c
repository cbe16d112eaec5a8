/* SPDX-License-Identifier: Apache-2.0
 * Guest memory off the filter: the checks that come before translation, the
 * full model, and what an access may have changed for the running chain.
 */
#include "cpu/mem.h"

#include "cpu/block.h"
#include "cpu/debug.h"
#include "cpu/plant_system.h"
#include "cpu/segment.h"

/* A bad linear address: #SS for stack references, #GP for others. SDM Vol.1
 * "Canonical Addressing". */
static bool raise_address(struct cpu *c, unsigned seg)
{
    (void)raise_error(c, seg == SEG_SS ? EXC_SS : EXC_GP, 0);
    return false;
}

static bool check(struct cpu *c, const struct uop *u, uint64_t lin,
                  unsigned size)
{
    if ((c->mode & MODE_LONG) &&
        (!segment_canonical(c, lin) || !segment_canonical(c, lin + size - 1)))
        return raise_address(c, u->seg);
    return true;
}

bool mem_aligned(struct cpu *c, uint64_t lin, unsigned size)
{
    uint64_t mask = size - 1;
    bool canonical = !(c->mode & MODE_LONG) || segment_canonical(c, lin);
    if (LIKELY(!(c->mode & MODE_AC) || (lin & mask) == 0 || !canonical))
        return true;
    (void)raise_error(c, EXC_AC, 0);
    return false;
}

bool mem_load_slow(struct cpu *c, const struct uop *u, uint64_t lin,
                   unsigned size, bool intent)
{
    if (UNLIKELY(!check(c, u, lin, size)))
        return false;
    c->slow_uop = u;
    c->slow.u64[0] = 0;
    unsigned how = intent ? MMU_READ | MMU_INTENT : MMU_READ;
    if (UNLIKELY(!mmu_read(c->mmu, lin, size, how, c->slow.u8))) {
        (void)raise_page_fault(c);
        return false;
    }
    if (UNLIKELY(c->watch))
        debug_data(c, lin, size, false);
    engine_recheck(c, u);
    return true;
}

bool mem_store_slow(struct cpu *c, const struct uop *u, uint64_t lin,
                    unsigned size, bool second)
{
    if (!second && UNLIKELY(!check(c, u, lin, size)))
        return false;
    c->slow_uop = u;
    unsigned how = second ? MMU_WRITE | MMU_SECOND : MMU_WRITE;
    if (UNLIKELY(!mmu_write(c->mmu, lin, size, how, c->slow.u8))) {
        (void)raise_page_fault(c);
        return false;
    }
    if (UNLIKELY(c->watch))
        debug_data(c, lin, size, true);
    engine_recheck(c, u);
    return true;
}

bool mem_store_probe(struct cpu *c, const struct uop *u, uint64_t lin,
                     unsigned size)
{
    if (!check(c, u, lin, size))
        return false;
    if (mmu_probe(c->mmu, lin, size, MMU_WRITE))
        return true;
    raise_page_fault(c);
    return false;
}

bool mem_system_read(struct cpu *c, uint64_t lin, unsigned len, void *out)
{
    if (mmu_read(c->mmu, lin, len, MMU_READ | MMU_SYSTEM, out))
        return true;
    (void)raise_page_fault(c);
    return false;
}

bool mem_system_write(struct cpu *c, uint64_t lin, unsigned len, const void *in)
{
    if (mmu_write(c->mmu, lin, len, MMU_WRITE | MMU_SYSTEM, in))
        return true;
    (void)raise_page_fault(c);
    return false;
}

/* Rights of a segment; SDM Vol.3 "Type Checking". Real mode goes on with
 * what protected mode left in the register: "Switching Back to Real-Address
 * Mode". */
static bool rights_ok(const struct segment *s, bool write)
{
    bool code = (s->attr & TYPE_CODE) != 0;
    if (write)
        return !code && (s->attr & TYPE_WRITE) != 0;
    return !code || (s->attr & TYPE_READ) != 0;
}

bool mem_linear(struct cpu *c, unsigned seg, uint64_t offset, unsigned size,
                bool write, uint64_t *lin)
{
    const struct segment *s = &c->seg[seg];
    if (c->mode & MODE_LONG) {
        *lin = offset + (seg == SEG_FS || seg == SEG_GS ? s->base : 0);
        return true;
    }
    uint32_t from = (uint32_t)offset;
    if (PLANTED(c, SYS_PLANT_EXPAND_DOWN) &&
        (s->attr & (TYPE_CODE | TYPE_EXPAND_DOWN)) == TYPE_EXPAND_DOWN)
        from++;
    if (s->attr & SEG_ATTR_UNUSABLE || !rights_ok(s, write) ||
        !segment_within(s, from, size))
        return raise_address(c, seg);
    *lin = (uint32_t)(s->base + offset);
    return true;
}
