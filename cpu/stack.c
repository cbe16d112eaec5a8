/* SPDX-License-Identifier: Apache-2.0
 * Stacks of far transfers and event delivery: several values pushed or
 * popped as one, on the present stack or one that the TSS names.
 * SDM Vol.3 "Stack Switching", "Stack Switching in IA-32e Mode".
 */
#include "cpu/debug.h"
#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/segment.h"
#include "sim/base/bits.h"

#include <string.h>

enum { FRAME_MAX = 36 }; /* 31 parameters and four words of a call gate */

struct stack stack_current(struct cpu *c)
{
    struct stack s = {
        .ss = c->seg[SEG_SS],
        .sp = c->gpr[REG_RSP],
        .flat64 = (c->mode & MODE_LONG) != 0,
    };
    return s;
}

static uint64_t pointer_mask(const struct stack *s)
{
    if (s->flat64)
        return UINT64_MAX;
    return (s->ss.attr & SEG_ATTR_DB) != 0 ? UINT32_MAX : 0xffff;
}

/* Linear address of `size` bytes at stack offset `off`; false: #SS. */
static bool address(struct cpu *c, const struct stack *s, uint64_t off,
                    unsigned size, bool write, uint64_t *lin)
{
    bool ok;
    if (s->flat64) {
        *lin = off;
        ok = segment_canonical(c, off) && segment_canonical(c, off + size - 1);
    } else {
        *lin = (uint32_t)(s->ss.base + off);
        if (PLANTED(c, PLANT_REAL_SP_WRAP) && (c->mode & MODE_PROT) == 0)
            return true;
        ok = (s->ss.attr & SEG_ATTR_UNUSABLE) == 0 &&
             (!write || (s->ss.attr & TYPE_WRITE) != 0) &&
             segment_within(&s->ss, (uint32_t)off, size);
    }
    if (!ok) {
        raise_error(c, EXC_SS, s->error);
        return false;
    }
    if ((c->mode & MODE_AC) != 0 && (s->access & MMU_SYSTEM) == 0 &&
        (*lin & (size - 1)) != 0) {
        raise_error(c, EXC_AC, 0);
        return false;
    }
    return true;
}

/* Write values at linear addresses; nothing is written when one faults. */
static bool write_frame(struct cpu *c, const struct stack *s,
                        const uint64_t *lin, const uint64_t *v, unsigned n,
                        unsigned size)
{
    bool dense = n * size <= 64;
    for (unsigned i = 1; i < n; i++)
        dense = dense && lin[i] == lin[i - 1] - size;
    if (dense) {
        uint8_t image[64];
        for (unsigned i = 0; i < n; i++)
            memcpy(image + (n - 1 - i) * size, &v[i], size);
        if (mmu_write(c->mmu, lin[n - 1], n * size, MMU_WRITE | s->access,
                      image))
            return true;
        /* Look again in the order of the pushes: CR2 is the first's. */
    }
    for (unsigned i = 0; i < n; i++) {
        if (!mmu_probe(c->mmu, lin[i], size, MMU_WRITE | s->access)) {
            raise_page_fault(c);
            return false;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!mmu_write(c->mmu, lin[i], size, MMU_WRITE | s->access, &v[i])) {
            raise_page_fault(c);
            return false;
        }
    }
    return true;
}

bool stack_push(struct cpu *c, struct stack *s, const uint64_t *v, unsigned n,
                unsigned size)
{
    uint64_t lin[FRAME_MAX], mask = pointer_mask(s), sp = s->sp;
    SIM_ASSERT(n > 0 && n <= FRAME_MAX);
    for (unsigned i = 0; i < n; i++) {
        sp = (sp & ~mask) | ((sp - size) & mask);
        if (!address(c, s, sp & mask, size, true, &lin[i]))
            return false;
    }
    if (!write_frame(c, s, lin, v, n, size))
        return false;
    if (UNLIKELY(c->watch))
        for (unsigned i = 0; i < n; i++)
            debug_data(c, lin[i], size, true);
    s->sp = sp;
    return true;
}

bool stack_has_room(struct cpu *c, const struct stack *s, unsigned n,
                    unsigned size)
{
    uint64_t mask = pointer_mask(s), sp = s->sp, lin;
    for (unsigned i = 0; i < n; i++) {
        sp = (sp & ~mask) | ((sp - size) & mask);
        if (!address(c, s, sp & mask, size, true, &lin))
            return false;
    }
    return true;
}

bool stack_pop(struct cpu *c, struct stack *s, uint64_t *v, unsigned n,
               unsigned size)
{
    uint64_t mask = pointer_mask(s), sp = s->sp;
    for (unsigned i = 0; i < n; i++) {
        uint64_t lin;
        if (!address(c, s, sp & mask, size, false, &lin))
            return false;
        v[i] = 0;
        if (!mmu_read(c->mmu, lin, size, MMU_READ | s->access, &v[i])) {
            raise_page_fault(c);
            return false;
        }
        if (UNLIKELY(c->watch))
            debug_data(c, lin, size, false);
        sp = (sp & ~mask) | ((sp + size) & mask);
    }
    s->sp = sp;
    return true;
}

void stack_commit(struct cpu *c, const struct stack *s)
{
    uint64_t mask = pointer_mask(s);
    if (mask == 0xffff)
        c->gpr[REG_RSP] = (c->gpr[REG_RSP] & ~mask) | (s->sp & mask);
    else
        c->gpr[REG_RSP] = s->sp & mask;
}

bool stack_set_accessed(struct cpu *c, struct stack *s)
{
    return s->from.lo == 0 || descriptor_set_accessed(c, &s->from);
}

static bool invalid_tss(struct cpu *c, uint32_t ext)
{
    raise_error(c, EXC_TS, selector_error(c->seg[SEG_TR].selector, ext));
    return false;
}

/* Read `len` bytes at `off` of the TSS. */
static bool tss_read(struct cpu *c, uint32_t off, unsigned len, uint32_t ext,
                     void *out)
{
    const struct segment *tr = &c->seg[SEG_TR];
    if (off + len - 1 > tr->limit)
        return invalid_tss(c, ext);
    uint64_t lin = tr->base + off;
    if ((c->mode & MODE_LMA) == 0)
        lin = (uint32_t)lin;
    return mem_system_read(c, lin, len, out);
}

static bool from_tss64(struct cpu *c, unsigned cpl, unsigned ist, uint32_t ext,
                       struct stack *out)
{
    uint32_t off = ist != 0 ? 36 + (ist - 1) * 8 : 4 + cpl * 8;
    if (!tss_read(c, off, 8, ext, &out->sp))
        return false;
    if (!segment_canonical(c, out->sp)) {
        raise_error(c, EXC_SS, ext);
        return false;
    }
    out->flat64 = true;
    out->ss = segment_null((uint16_t)cpl, cpl);
    out->error = ext;
    return true;
}

bool stack_from_tss(struct cpu *c, unsigned cpl, unsigned ist, uint32_t ext,
                    struct stack *out)
{
    *out = (struct stack){.access = MMU_SYSTEM};
    if ((c->mode & MODE_LMA) != 0)
        return from_tss64(c, cpl, ist, ext, out);
    uint16_t ss = 0;
    unsigned type = c->seg[SEG_TR].attr & 0xf;
    if (type == SYS_TSS_BUSY || type == SYS_TSS_AVAIL) {
        uint32_t pair[2];
        if (!tss_read(c, 4 + cpl * 8, 8, ext, pair))
            return false;
        out->sp = pair[0];
        ss = (uint16_t)pair[1];
    } else {
        uint16_t pair[2];
        if (!tss_read(c, 2 + cpl * 4, 4, ext, pair))
            return false;
        out->sp = pair[0];
        ss = pair[1];
    }
    if (selector_is_null(ss)) {
        raise_error(c, EXC_TS, ext);
        return false;
    }
    if (!segment_check_ss(c, ss, cpl, EXC_TS, ext, &out->from))
        return false;
    out->ss = segment_from(&out->from);
    out->error = selector_error(ss, ext);
    return true;
}
