/* SPDX-License-Identifier: Apache-2.0
 * Far RET and IRET in every mode; IRET to another task is cpu/task.c's.
 * SDM Vol.2 "RET", "IRET/IRETD/IRETQ".
 */
#include "cpu/far.h"
#include "cpu/flags.h"
#include "cpu/idt.h"
#include "cpu/plant.h"
#include "cpu/sysinsn.h"
#include "cpu/task.h"
#include "cpu/v86.h"
#include "cpu/vmx/vmx.h"

/* A return under way: everything is read and checked before any commit. */
struct far_return {
    struct stack stack; /* after the pops */
    unsigned size;
    uint64_t rip, flags;
    uint16_t cs_sel;
    struct segment cs;
    unsigned level; /* privilege level returned to */
    bool pops_ss;   /* SS:RSP come from the stack */
    uint64_t rsp;
    struct segment ss;
    struct descriptor cs_from, ss_from; /* their accessed bits are set last */
};

static bool refuse(struct cpu *c, uint8_t vector, uint16_t sel)
{
    raise_error(c, vector, selector_error(sel, 0));
    return false;
}

/* The code segment of r->cs_sel as the target of a return. */
static bool check_cs(struct cpu *c, struct far_return *r)
{
    struct descriptor *d = &r->cs_from;
    unsigned rpl = r->cs_sel & 3u;
    if (selector_is_null(r->cs_sel))
        return refuse(c, EXC_GP, 0);
    if (!descriptor_read(c, r->cs_sel, EXC_GP, 0, d))
        return false;
    unsigned dpl = descriptor_dpl(d);
    bool conforming = (descriptor_type(d) & TYPE_CONFORMING) != 0;
    if (!descriptor_is_code(d) || rpl < cpu_cpl(c) ||
        (conforming ? dpl > rpl : dpl != rpl) || !far_code_widths_ok(c, d))
        return refuse(c, EXC_GP, r->cs_sel);
    if (!descriptor_present(d))
        return refuse(c, EXC_NP, r->cs_sel);
    r->cs = segment_from(d);
    r->level = rpl;
    return true;
}

/* A popped SS. Null is the rule for 64-bit code of levels 0 to 2. */
static bool check_ss(struct cpu *c, struct far_return *r, uint16_t sel)
{
    if (selector_is_null(sel)) {
        bool to64 = (c->mode & MODE_LMA) != 0 && (r->cs.attr & SEG_ATTR_L) != 0;
        if (!to64 || r->level == 3 || (sel & 3u) != r->level)
            return refuse(c, EXC_GP, 0);
        r->ss = segment_null(sel, r->level);
        return true;
    }
    if (!segment_check_ss(c, sel, r->level, EXC_GP, 0, &r->ss_from))
        return false;
    r->ss = segment_from(&r->ss_from);
    return true;
}

static bool pop_ss(struct cpu *c, struct far_return *r)
{
    uint64_t v[2];
    if (!stack_pop(c, &r->stack, v, 2, r->size))
        return false;
    r->rsp = v[0];
    return check_ss(c, r, (uint16_t)v[1]);
}

/* The last check; then the segments are marked accessed. */
static bool check_rip(struct cpu *c, struct far_return *r)
{
    if (!far_offset_ok(c, &r->cs, r->rip))
        return refuse(c, EXC_GP, 0);
    return descriptor_set_accessed(c, &r->cs_from) &&
           (r->ss_from.lo == 0 || descriptor_set_accessed(c, &r->ss_from));
}

/* CS, RIP and, when they were popped, SS and RSP plus `release` bytes. */
static void commit(struct cpu *c, struct far_return *r, unsigned release)
{
    bool outward = r->level != cpu_cpl(c);
    if (r->pops_ss) {
        bool to64 = (c->mode & MODE_LMA) != 0 && (r->cs.attr & SEG_ATTR_L) != 0;
        struct stack s = {.ss = r->ss, .sp = r->rsp + release, .flat64 = to64};
        c->seg[SEG_SS] = r->ss;
        stack_commit(c, &s);
    } else {
        stack_commit(c, &r->stack);
    }
    segment_set_cs(c, &r->cs, r->level);
    c->rip = r->rip;
    if (outward && !PLANTED(c, PLANT_SYS_IRET_OUTER_DS))
        segment_drop_inner(c, r->level);
}

/* Segments are 8086 ones: real or virtual-8086 mode. */
static bool is_8086(const struct cpu *c)
{
    return (c->mode & MODE_PROT) == 0 || (c->mode & MODE_V86) != 0;
}

static enum step ret_real(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v[2];
    if (!stack_pop(c, &s, v, 2, sys_size(u)))
        return STEP_FAULT;
    if (v[0] > c->seg[SEG_CS].limit)
        return raise_gp(c, 0);
    s.sp += sys_extra(u);
    stack_commit(c, &s);
    segment_set_real_cs(c, (uint16_t)v[1]);
    c->rip = v[0];
    cpu_update_mode(c);
    return STEP_JUMP;
}

enum step sys_far_ret(struct cpu *c, const struct uop *u)
{
    if (is_8086(c))
        return ret_real(c, u);
    struct far_return r = {.stack = stack_current(c), .size = sys_size(u)};
    unsigned release = sys_extra(u);
    uint64_t v[2];
    if (!stack_pop(c, &r.stack, v, 2, r.size))
        return STEP_FAULT;
    r.rip = v[0];
    r.cs_sel = (uint16_t)v[1];
    if (!check_cs(c, &r))
        return STEP_FAULT;
    r.stack.sp += release;
    r.pops_ss = r.level != cpu_cpl(c);
    if ((r.pops_ss && !pop_ss(c, &r)) || !check_rip(c, &r))
        return STEP_FAULT;
    commit(c, &r, release);
    cpu_update_mode(c);
    return STEP_JUMP;
}

/* ------------------------------------------------------------------- IRET */

/* EFLAGS that IRET at `cpl` with this operand size may change. */
static uint32_t iret_mask(const struct cpu *c, unsigned cpl, unsigned size)
{
    uint32_t mask = FLAG_ARITH | FLAG_TF | FLAG_DF | FLAG_NT;
    if (size > 2)
        mask |= FLAG_RF | FLAG_AC | FLAG_ID;
    if (cpl == 0) {
        mask |= FLAG_IOPL;
        if (size > 2)
            mask |= FLAG_VIF | FLAG_VIP;
    }
    if (cpl <= (c->eflags >> 12 & 3))
        mask |= FLAG_IF;
    return mask;
}

static enum step iret_real(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v[3];
    if (!stack_pop(c, &s, v, 3, sys_size(u)))
        return STEP_FAULT;
    if (v[0] > c->seg[SEG_CS].limit)
        return raise_gp(c, 0);
    stack_commit(c, &s);
    segment_set_real_cs(c, (uint16_t)v[1]);
    c->rip = v[0];
    /* VIF and VIP stay, and a word of FLAGS takes RF away. */
    uint32_t mask =
        iret_mask(c, 0, sys_size(u)) & ~(uint32_t)(FLAG_VIF | FLAG_VIP);
    sys_set_flags(c, (uint32_t)v[2], mask | FLAG_RF);
    cpu_update_mode(c);
    return STEP_JUMP;
}

static enum step iret_v86(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    unsigned size = sys_size(u);
    enum v86_flags access = v86_flags_access(c, size);
    uint64_t v[3];
    if (access == V86_REFUSED)
        return raise_gp(c, 0);
    if (!stack_pop(c, &s, v, 3, size))
        return STEP_FAULT;
    uint32_t flags = (uint32_t)v[2];
    if (access == V86_VIRTUAL && v86_flags_bad(c, flags))
        return STEP_FAULT;
    if (v[0] > c->seg[SEG_CS].limit)
        return raise_gp(c, 0);
    stack_commit(c, &s);
    segment_set_real_cs(c, (uint16_t)v[1]);
    c->rip = v[0];
    sys_set_flags(c, flags, iret_mask(c, 3, size) | FLAG_RF);
    if (access == V86_VIRTUAL)
        v86_set_vif(c, (flags & FLAG_IF) != 0);
    cpu_update_mode(c);
    return STEP_JUMP;
}

static enum step iret(struct cpu *c, const struct uop *u)
{
    if ((c->mode & MODE_PROT) == 0)
        return iret_real(c, u);
    if ((c->mode & MODE_V86) != 0)
        return iret_v86(c, u);
    if ((c->eflags & FLAG_NT) != 0) {
        if ((c->mode & MODE_LMA) != 0)
            return raise_gp(c, 0);
        return task_return(c);
    }
    struct far_return r = {.stack = stack_current(c), .size = sys_size(u)};
    unsigned cpl = cpu_cpl(c);
    uint64_t v[3];
    if (!stack_pop(c, &r.stack, v, 3, r.size))
        return STEP_FAULT;
    r.rip = v[0];
    r.cs_sel = (uint16_t)v[1];
    r.flags = v[2];
    if (r.size == 4 && (r.flags & FLAG_VM) != 0 && cpl == 0 &&
        (c->mode & MODE_LMA) == 0)
        return v86_enter(c, &r.stack, v, iret_mask(c, 0, 4));
    if (!check_cs(c, &r))
        return STEP_FAULT;
    r.pops_ss = r.level != cpl || (c->mode & MODE_LONG) != 0;
    if ((r.pops_ss && !pop_ss(c, &r)) || !check_rip(c, &r))
        return STEP_FAULT;
    uint32_t mask = iret_mask(c, cpl, r.size);
    commit(c, &r, 0);
    sys_set_flags(c, (uint32_t)r.flags, mask);
    if (r.size == 2)
        c->eflags &= ~(uint32_t)FLAG_RF;
    cpu_update_mode(c);
    return STEP_JUMP;
}

enum step sys_iret(struct cpu *c, const struct uop *u)
{
    /* Whether it faults or not: SDM Vol.3 "Handling Multiple NMIs". */
    if (!c->vmx_guest) {
        c->nmi_blocked = false;
        return iret(c, u);
    }
    vmx_iret(c);
    enum step s = iret(c, u);
    if (s != STEP_FAULT)
        c->vmx->nmi_unblocked_by_iret = false;
    return s;
}

enum step sys_into(struct cpu *c, const struct uop *u)
{
    (void)u;
    if ((flags_arith(c) & FLAG_OF) == 0)
        return STEP_NEXT;
    return event_software(c, EXC_OF, INTR_SOFT_EXCEPTION);
}
