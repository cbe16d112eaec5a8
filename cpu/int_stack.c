/* SPDX-License-Identifier: Apache-2.0
 * Stack instructions as callouts: all of them on stacks that are not flat,
 * and PUSHA POPA ENTER PUSHF POPF everywhere. SDM Vol.2, each by its name.
 */
#include "cpu/event.h"
#include "cpu/exec_int.h"
#include "cpu/int_callout.h"
#include "cpu/segment.h"
#include "cpu/v86.h"

static uint64_t get(const struct cpu *c, unsigned off, unsigned lg)
{
    return lg == 1   ? int_get(c, off, 1)
           : lg == 2 ? int_get(c, off, 2)
                     : int_get(c, off, 3);
}

static void put(struct cpu *c, unsigned off, unsigned lg, uint64_t v)
{
    switch (lg) {
    case 1: int_put(c, off, 1, v); break;
    case 2: int_put(c, off, 2, v); break;
    default: int_put(c, off, 3, v); break;
    }
}

static enum step push(struct cpu *c, const uint64_t *v, unsigned n, unsigned lg)
{
    struct stack s = stack_current(c);
    if (!stack_push(c, &s, v, n, 1u << lg))
        return STEP_FAULT;
    stack_commit(c, &s);
    return STEP_NEXT;
}

enum step int_push_r(struct cpu *c, const struct uop *u)
{
    uint64_t v = get(c, u->src, u->scale);
    return push(c, &v, 1, u->scale);
}

enum step int_push_i(struct cpu *c, const struct uop *u)
{
    uint64_t v = (uint64_t)(int64_t)u->disp;
    return push(c, &v, 1, u->scale);
}

enum step int_pop_r(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v;
    if (!stack_pop(c, &s, &v, 1, 1u << u->scale))
        return STEP_FAULT;
    stack_commit(c, &s);
    put(c, u->dst, u->scale, v);
    return STEP_NEXT;
}

/* Intel's manual has #GP in place of #SS where 8086 segments end, for these
 * stack pointers; AMD's has not. SDM Vol.2 "PUSHA/PUSHAD". */
static bool pusha_refuses(const struct cpu *c)
{
    uint32_t sp = (uint32_t)c->gpr[REG_RSP];
    bool is_8086 = (c->mode & MODE_PROT) == 0 || (c->mode & MODE_V86) != 0;
    if ((c->mode & MODE_SS32) == 0)
        sp &= 0xffff;
    return is_8086 && c->config.vendor == VENDOR_INTEL && (sp & 1) != 0 &&
           sp >= 7 && sp <= 15;
}

/* The SP pushed is the one from before. */
enum step int_pusha(struct cpu *c, const struct uop *u)
{
    if (pusha_refuses(c))
        return raise_gp(c, 0);
    return push(c, c->gpr, 8, u->scale);
}

/* The saved SP is skipped. */
enum step int_popa(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v[8];
    if (!stack_pop(c, &s, v, 8, 1u << u->scale))
        return STEP_FAULT;
    stack_commit(c, &s);
    for (unsigned i = 0; i < 8; i++)
        if (7 - i != REG_RSP)
            put(c, (7 - i) * 8, u->scale, v[i]);
    return STEP_NEXT;
}

enum step int_leave(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v;
    s.sp = c->gpr[REG_RBP];
    if (!s.flat64 && (s.ss.attr & SEG_ATTR_DB) == 0)
        s.sp = (c->gpr[REG_RSP] & ~UINT64_C(0xffff)) | (s.sp & 0xffff);
    if (!stack_pop(c, &s, &v, 1, 1u << u->scale))
        return STEP_FAULT;
    stack_commit(c, &s);
    put(c, REG_RBP * 8, u->scale, v);
    return STEP_NEXT;
}

/* True when a write of `size` bytes at stack offset sp would succeed. */
static bool enter_probe(struct cpu *c, const struct stack *s, uint64_t sp,
                        unsigned size)
{
    uint64_t lin = sp;
    bool ok = true;
    if (s->flat64) {
        ok = segment_canonical(c, lin) && segment_canonical(c, lin + size - 1);
    } else {
        uint32_t off = (uint32_t)sp;
        if ((s->ss.attr & SEG_ATTR_DB) == 0)
            off &= 0xffff;
        lin = (uint32_t)(s->ss.base + off);
        ok = segment_within(&s->ss, off, size);
    }
    if (!ok) {
        raise_error(c, EXC_SS, 0);
        return false;
    }
    if (mmu_probe(c->mmu, lin, size, MMU_WRITE))
        return true;
    raise_page_fault(c);
    return false;
}

/* What ENTER will push, value after value, and then a write at the final
 * stack pointer, which must succeed though nothing is written there: of the
 * operand's size, as a processor was found to do. */
static bool enter_checks(struct cpu *c, const struct stack *s, unsigned n,
                         unsigned lg, unsigned bytes)
{
    for (unsigned i = 1; i <= n; i++)
        if (!enter_probe(c, s, s->sp - ((uint64_t)i << lg), 1u << lg))
            return false;
    if (PLANTED(c, PLANT_ENTER_NO_PROBE))
        return true;
    return enter_probe(c, s, s->sp - ((uint64_t)n << lg) - bytes, 1u << lg);
}

/* A value of the display, read at offset `at`, with the bytes that the n
 * values pushed below sp would have put there. */
static uint64_t enter_overlay(uint64_t value, uint64_t at, const uint64_t *v,
                              unsigned n, uint64_t sp, unsigned size)
{
    for (unsigned i = 0; i < n * size; i++) {
        uint64_t byte = sp - (i / size + 1) * size + i % size - at;
        if (byte >= size)
            continue;
        uint64_t pushed = v[i / size] >> (8 * (i % size)) & 0xff;
        value &= ~(UINT64_C(0xff) << (8 * byte));
        value |= pushed << (8 * byte);
    }
    return value;
}

/*
 * The display is read before anything is pushed, so that a fault changes
 * nothing; where it overlaps the new frame it is read as pushed. (Not across
 * a wrap of a 16-bit stack pointer.)
 */
enum step int_enter(struct cpu *c, const struct uop *u)
{
    unsigned lg = u->scale, bytes = u->aux & 0xffff;
    unsigned level = (u->aux >> 16) & 31, n = 0;
    uint64_t v[32];
    struct stack s = stack_current(c), display = s;
    bool wide = s.flat64 || (s.ss.attr & SEG_ATTR_DB) != 0;
    v[n++] = c->gpr[REG_RBP];
    for (unsigned i = 1; i < level; i++) {
        display.sp = c->gpr[REG_RBP] - ((uint64_t)i << lg);
        uint64_t at = display.sp;
        if (!stack_pop(c, &display, &v[n], 1, 1u << lg))
            return STEP_FAULT;
        v[n] = enter_overlay(v[n], at, v, n, s.sp, 1u << lg);
        n++;
    }
    uint64_t frame = s.sp - (1u << lg);
    if (!wide)
        frame = (s.sp & ~UINT64_C(0xffff)) | (frame & 0xffff);
    if (level > 0)
        v[n++] = frame;
    if (!enter_checks(c, &s, n, lg, bytes) ||
        !stack_push(c, &s, v, n, 1u << lg))
        return STEP_FAULT;
    s.sp -= bytes;
    stack_commit(c, &s);
    put(c, REG_RBP * 8, lg, frame);
    return STEP_NEXT;
}

static enum v86_flags flags_access(const struct cpu *c, const struct uop *u)
{
    return (c->mode & MODE_V86) != 0 ? v86_flags_access(c, 1u << u->scale)
                                     : V86_PLAIN;
}

/* VM and RF are 0 in the image. */
enum step int_pushf(struct cpu *c, const struct uop *u)
{
    enum v86_flags access = flags_access(c, u);
    if (access == V86_REFUSED)
        return raise_gp(c, 0);
    uint64_t v =
        (flags_read(c) | FLAG_ONE) & ~(uint64_t)(uint32_t)(FLAG_VM | FLAG_RF);
    if (access == V86_VIRTUAL)
        v = v86_flags_image(c);
    return push(c, &v, 1, u->scale);
}

/*
 * Which flags may change: SDM Vol.2 POPF, "Effect of POPF/POPFD on the
 * EFLAGS Register". IOPL needs CPL 0, IF needs CPL <= IOPL; RF is cleared.
 */
enum step int_popf(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    enum v86_flags access = flags_access(c, u);
    uint64_t v;
    if (access == V86_REFUSED)
        return raise_gp(c, 0);
    if (!stack_pop(c, &s, &v, 1, 1u << u->scale) ||
        (access == V86_VIRTUAL && v86_flags_bad(c, (uint32_t)v)))
        return STEP_FAULT;
    uint32_t may = FLAG_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
    unsigned cpl = c->mode & MODE_CPL;
    if (u->scale > 1)
        may |= FLAG_AC | FLAG_ID;
    if (cpl == 0)
        may |= FLAG_IOPL | FLAG_IF;
    else if (cpl <= (c->eflags & FLAG_IOPL) >> 12)
        may |= FLAG_IF;
    stack_commit(c, &s);
    uint32_t old = flags_read(c);
    if (u->scale > 1)
        old &= ~(uint32_t)FLAG_RF;
    if (access == V86_VIRTUAL) {
        old &= ~(uint32_t)FLAG_VIF;
        old |= (v & FLAG_IF) != 0 ? FLAG_VIF : 0;
        may |= PLANTED(c, PLANT_VME_POPF_IF) ? FLAG_IF : 0;
    }
    c->eflags = (old & ~may) | ((uint32_t)v & may);
    cpu_update_mode(c);
    return STEP_NEXT;
}
