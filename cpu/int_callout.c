/* SPDX-License-Identifier: Apache-2.0
 * Integer callouts that work on an offset before segmentation, and CLFLUSH.
 */
#include "cpu/int_callout.h"

#include "cpu/event.h"
#include "cpu/exec_int.h"
#include "cpu/segment.h"

/* The operand's offset in its segment, `add` added, at its address size. */
static uint64_t offset_of(const struct cpu *c, const struct uop *u,
                          uint64_t add)
{
    uint64_t off = uop_ea(c, u) + add;
    if (u->aux & OFFSET_RIP)
        off += c->next_rip;
    return off & INT_MASK((u->aux & OFFSET_ADDRESS) >> OFFSET_ADDRESS_SHIFT);
}

static bool limit_fault(struct cpu *c, const struct uop *u)
{
    raise_error(c, u->seg == SEG_SS ? EXC_SS : EXC_GP, 0);
    return false;
}

/* Linear address of `size` bytes at `off` of the operand's segment; in
 * 64-bit mode the access itself looks at canonicality. */
static bool linear_of(struct cpu *c, const struct uop *u, uint64_t off,
                      unsigned size, bool write, uint64_t *lin)
{
    const struct segment *s = &c->seg[u->seg];
    bool override = u->seg == SEG_FS || u->seg == SEG_GS;
    if (c->mode & MODE_LONG) {
        *lin = override ? s->base + off : off;
        return true;
    }
    *lin = (uint32_t)(s->base + off);
    if (!segment_within(s, (uint32_t)off, size))
        return limit_fault(c, u);
    bool code = (s->attr & TYPE_CODE) != 0;
    if ((s->attr & SEG_ATTR_UNUSABLE) != 0 ||
        (write && (code || (s->attr & TYPE_WRITE) == 0)) ||
        (!write && code && (s->attr & TYPE_READ) == 0))
        return limit_fault(c, u);
    return true;
}

bool int_load_part(struct cpu *c, const struct uop *u, unsigned at,
                   unsigned size, uint64_t *v)
{
    uint64_t lin;
    if (!linear_of(c, u, offset_of(c, u, at), size, false, &lin) ||
        !mem_load_slow(c, u, lin, size, false))
        return false;
    *v = c->slow.u64[0];
    return true;
}

bool int_store_part(struct cpu *c, const struct uop *u, unsigned at,
                    unsigned size, uint64_t v, bool commit)
{
    uint64_t lin;
    if (!linear_of(c, u, offset_of(c, u, at), size, true, &lin))
        return false;
    if (!commit)
        return mem_store_probe(c, u, lin, size);
    c->slow.u64[0] = v;
    return mem_store_slow(c, u, lin, size, false);
}

enum step int_pop_m(struct cpu *c, const struct uop *u)
{
    unsigned lg = u->aux & OFFSET_LG;
    struct stack s = stack_current(c);
    uint64_t rsp = c->gpr[REG_RSP], v, lin;
    if (!stack_pop(c, &s, &v, 1, 1u << lg))
        return STEP_FAULT;
    /* The address is formed with the incremented RSP: SDM Vol.2 POP. */
    stack_commit(c, &s);
    if (linear_of(c, u, offset_of(c, u, 0), 1u << lg, true, &lin)) {
        c->slow.u64[0] = v;
        if (mem_store_slow(c, u, lin, 1u << lg, false))
            return STEP_NEXT;
    }
    c->gpr[REG_RSP] = rsp;
    return STEP_FAULT;
}

enum step int_bt(struct cpu *c, const struct uop *u)
{
    unsigned lg = u->aux & OFFSET_LG;
    unsigned op = (u->aux >> OFFSET_OPERATION_SHIFT) & 3;
    uint64_t number = lg == 1   ? int_get(c, u->src, 1)
                      : lg == 2 ? int_get(c, u->src, 2)
                                : int_get(c, u->src, 3);
    int64_t bit = int_signed(number, lg);
    uint64_t mask = BIT((uint64_t)bit & (INT_BITS(lg) - 1)), lin, v;
    uint64_t off = offset_of(c, u, (uint64_t)(bit >> (3 + lg)) << lg);
    bool write = op != BIT_TEST;
    if (!linear_of(c, u, off, 1u << lg, write, &lin) ||
        !mem_load_slow(c, u, lin, 1u << lg, write))
        return STEP_FAULT;
    v = c->slow.u64[0];
    if (write) {
        c->slow.u64[0] = op == BIT_SET     ? v | mask
                         : op == BIT_RESET ? v & ~mask
                                           : v ^ mask;
        (void)mem_store_slow(c, u, lin, 1u << lg, true);
    }
    int_set_cf(c, (v & mask) != 0);
    return STEP_NEXT;
}

enum step int_xlat(struct cpu *c, const struct uop *u)
{
    uint64_t lin;
    uint64_t off = offset_of(c, u, (uint8_t)c->gpr[REG_RAX]);
    if (!linear_of(c, u, off, 1, false, &lin) ||
        !mem_load_slow(c, u, lin, 1, false))
        return STEP_FAULT;
    int_put(c, REG_RAX * 8, 0, c->slow.u64[0]);
    return STEP_NEXT;
}

/* Checked like a read of one byte: SDM Vol.2 CLFLUSH. */
static bool line_ok(struct cpu *c, const struct uop *u, uint64_t lin)
{
    if (!segment_canonical(c, lin)) {
        return limit_fault(c, u);
    }
    if (mmu_probe(c->mmu, lin, 1, MMU_READ))
        return true;
    (void)raise_page_fault(c);
    return false;
}

enum step int_clflush(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    if (!line_ok(c, u, lin))
        return STEP_FAULT;
    mmu_clflush(c->mmu, lin);
    return STEP_NEXT;
}

enum step int_clwb(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    if (!line_ok(c, u, lin))
        return STEP_FAULT;
    mmu_clwb(c->mmu, lin);
    return STEP_NEXT;
}
