/* SPDX-License-Identifier: Apache-2.0
 * Far JMP and CALL: code segments and call gates, in 16-, 32- and 64-bit
 * form, and the way to a task switch. SDM Vol.2 "CALL", "JMP", Vol.3 "Program
 * Control Transfers", "Call Gates".
 */
#include "cpu/far.h"

#include "cpu/flags.h"
#include "cpu/idt.h"
#include "cpu/int_callout.h"
#include "cpu/plant.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/task.h"
#include "cpu/v86.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

struct far_target {
    uint16_t selector;
    uint64_t offset;
    unsigned size; /* operand size in bytes */
    bool call;
};

static enum step fault(struct cpu *c, uint8_t vector, uint16_t sel)
{
    return raise_error(c, vector, selector_error(sel, 0));
}

bool far_offset_ok(const struct cpu *c, const struct segment *cs,
                   uint64_t offset)
{
    bool wide = (c->mode & MODE_LMA) != 0 && (cs->attr & SEG_ATTR_L) != 0;
    return wide ? segment_canonical(c, offset) : offset <= cs->limit;
}

/* Both L and D set is reserved in IA-32e mode. */
bool far_code_widths_ok(const struct cpu *c, const struct descriptor *d)
{
    return (c->mode & MODE_LMA) == 0 || !descriptor_is_long(d) ||
           !descriptor_is_big(d);
}

/* Push CS and the return address on `s` with operand size `size`. */
static bool push_return(struct cpu *c, struct stack *s, unsigned size)
{
    uint64_t v[2] = {c->seg[SEG_CS].selector, c->next_rip};
    return stack_push(c, s, v, 2, size);
}

static enum step jump_real(struct cpu *c, const struct far_target *t)
{
    struct stack s = stack_current(c);
    if (t->call && !stack_has_room(c, &s, 2, t->size))
        return STEP_FAULT;
    if (t->offset > c->seg[SEG_CS].limit)
        return raise_gp(c, 0);
    if (t->call) {
        if (!push_return(c, &s, t->size))
            return STEP_FAULT;
        stack_commit(c, &s);
    }
    segment_set_real_cs(c, t->selector);
    c->rip = t->offset;
    return STEP_JUMP;
}

/* Directly to a code segment: no change of privilege. */
static enum step jump_code(struct cpu *c, const struct far_target *t,
                           struct descriptor *d)
{
    unsigned cpl = cpu_cpl(c), dpl = descriptor_dpl(d);
    bool conforming = (descriptor_type(d) & TYPE_CONFORMING) != 0;
    bool level =
        conforming ? dpl <= cpl : (t->selector & 3u) <= cpl && dpl == cpl;
    if (!level || !far_code_widths_ok(c, d))
        return fault(c, EXC_GP, t->selector);
    if (!descriptor_present(d))
        return fault(c, EXC_NP, t->selector);
    struct segment cs = segment_from(d);
    struct stack s = stack_current(c);
    if (t->call && !stack_has_room(c, &s, 2, t->size))
        return STEP_FAULT;
    if (!far_offset_ok(c, &cs, t->offset))
        return raise_gp(c, 0);
    if ((t->call && !push_return(c, &s, t->size)) ||
        !descriptor_set_accessed(c, d))
        return STEP_FAULT;
    if (t->call)
        stack_commit(c, &s);
    segment_set_cs(c, &cs, cpl);
    c->rip = t->offset;
    return STEP_JUMP;
}

/* What a call gate says. */
struct gate {
    uint16_t selector;
    uint64_t offset;
    unsigned size;   /* of what is pushed */
    unsigned params; /* words of `size` to copy, legacy gates */
};

static struct gate gate_from(const struct cpu *c, const struct descriptor *d)
{
    struct gate g = {.selector = (uint16_t)(d->lo >> 16)};
    g.offset = bits_get(d->lo, 15, 0);
    g.size = 2;
    if (descriptor_type(d) == SYS_CALL) {
        g.offset |= bits_get(d->lo, 63, 48) << 16;
        g.size = 4;
    }
    if ((c->mode & MODE_LMA) != 0) {
        g.offset |= bits_get(d->hi, 31, 0) << 32;
        g.size = 8;
    } else {
        g.params = (unsigned)(d->lo >> 32) & 31;
    }
    return g;
}

/* To the inner level of `cs` through gate `g`: a new stack that receives SS,
 * RSP, the parameters, CS and RIP. */
static enum step call_inner(struct cpu *c, const struct gate *g,
                            struct descriptor *target)
{
    struct segment cs = segment_from(target);
    unsigned level = descriptor_dpl(target), n = 0;
    struct stack inner, outer = stack_current(c);
    uint64_t v[36], params[31];
    if (!stack_from_tss(c, level, 0, 0, &inner) ||
        !stack_has_room(c, &inner, g->params + 4, g->size))
        return STEP_FAULT;
    if (!far_offset_ok(c, &cs, g->offset))
        return raise_gp(c, 0);
    if (g->params != 0 && !stack_pop(c, &outer, params, g->params, g->size))
        return STEP_FAULT;
    v[n++] = c->seg[SEG_SS].selector;
    v[n++] = c->gpr[REG_RSP];
    for (unsigned i = g->params; i > PLANTED(c, PLANT_SYS_GATE_PARAMETER); i--)
        v[n++] = params[i - 1];
    v[n++] = c->seg[SEG_CS].selector;
    v[n++] = c->next_rip;
    if (!stack_push(c, &inner, v, n, g->size) ||
        !descriptor_set_accessed(c, target) || !stack_set_accessed(c, &inner))
        return STEP_FAULT;
    c->seg[SEG_SS] = inner.ss;
    stack_commit(c, &inner);
    segment_set_cs(c, &cs, level);
    c->rip = g->offset;
    return STEP_JUMP;
}

static enum step jump_gate(struct cpu *c, const struct far_target *t,
                           const struct descriptor *d)
{
    unsigned cpl = cpu_cpl(c);
    struct gate g = gate_from(c, d);
    struct descriptor target;
    if (descriptor_dpl(d) < cpl || descriptor_dpl(d) < (t->selector & 3u))
        return fault(c, EXC_GP, t->selector);
    if (!descriptor_present(d))
        return fault(c, EXC_NP, t->selector);
    if (selector_is_null(g.selector))
        return raise_gp(c, 0);
    if (!descriptor_read(c, g.selector, EXC_GP, 0, &target))
        return STEP_FAULT;
    unsigned dpl = descriptor_dpl(&target);
    bool conforming = (descriptor_type(&target) & TYPE_CONFORMING) != 0;
    bool lma = (c->mode & MODE_LMA) != 0;
    if (!descriptor_is_code(&target) || dpl > cpl ||
        (!t->call && !conforming && dpl != cpl) ||
        (lma && (!descriptor_is_long(&target) || descriptor_is_big(&target))))
        return fault(c, EXC_GP, g.selector);
    if (!descriptor_present(&target))
        return fault(c, EXC_NP, g.selector);
    struct segment cs = segment_from(&target);
    if (c->config.timing != TIMING_OFF)
        cycles_charge(&c->account, LEAF_BRANCH,
                      c->config.cost.cycles[COST_FAR_GATE]);
    if (t->call && !conforming && dpl < cpl)
        return call_inner(c, &g, &target);
    struct stack s = stack_current(c);
    s.flat64 = s.flat64 || lma;
    if (t->call && !stack_has_room(c, &s, 2, g.size))
        return STEP_FAULT;
    if (!far_offset_ok(c, &cs, g.offset))
        return raise_gp(c, 0);
    if ((t->call && !push_return(c, &s, g.size)) ||
        !descriptor_set_accessed(c, &target))
        return STEP_FAULT;
    if (t->call)
        stack_commit(c, &s);
    segment_set_cs(c, &cs, cpl);
    c->rip = g.offset;
    return STEP_JUMP;
}

/* An available TSS or a task gate. SDM Vol.2 "JMP", TASK-GATE and
 * TASK-STATE-SEGMENT. */
static enum step jump_task(struct cpu *c, const struct far_target *t,
                           struct descriptor *d)
{
    struct task_switch s = {.cause = t->call ? TASK_CALL : TASK_JUMP,
                            .rip = c->next_rip,
                            .flags = flags_read(c) & ~(uint64_t)FLAG_RF};
    unsigned dpl = descriptor_dpl(d);
    if (dpl < cpu_cpl(c) || dpl < (t->selector & 3u))
        return fault(c, EXC_GP, t->selector);
    bool gate = descriptor_type(d) == SYS_TASK_GATE;
    if (!gate && (t->selector & 4) != 0) /* a TSS lies in the GDT */
        return fault(c, EXC_GP, t->selector);
    if (!descriptor_present(d))
        return fault(c, EXC_NP, t->selector);
    bool ok = gate ? task_switch_by_selector(c, &s, (uint16_t)(d->lo >> 16))
                   : task_switch(c, &s, d);
    return ok && task_entry_ok(c, 0) ? STEP_JUMP : STEP_FAULT;
}

static enum step jump_system(struct cpu *c, const struct far_target *t,
                             struct descriptor *d)
{
    unsigned type = descriptor_type(d);
    if ((c->mode & MODE_LMA) != 0) {
        if (type != SYS_CALL)
            return fault(c, EXC_GP, t->selector);
        if (!descriptor_read_system(c, t->selector, EXC_GP, 0, d))
            return STEP_FAULT;
        if (bits_get(d->hi, 44, 40) != 0)
            return fault(c, EXC_GP, t->selector);
        return jump_gate(c, t, d);
    }
    switch (type) {
    case SYS_CALL16:
    case SYS_CALL: return jump_gate(c, t, d);
    case SYS_TSS16_AVAIL:
    case SYS_TSS_AVAIL:
    case SYS_TASK_GATE: return jump_task(c, t, d);
    default: return fault(c, EXC_GP, t->selector);
    }
}

static enum step jump_far(struct cpu *c, const struct far_target *t)
{
    struct descriptor d;
    if ((c->mode & MODE_PROT) == 0 || (c->mode & MODE_V86) != 0) {
        enum step s = jump_real(c, t);
        if (s == STEP_JUMP)
            cpu_update_mode(c);
        return s;
    }
    if (selector_is_null(t->selector))
        return raise_gp(c, 0);
    if (!descriptor_read(c, t->selector, EXC_GP, 0, &d))
        return STEP_FAULT;
    enum step s;
    if (descriptor_is_code(&d))
        s = jump_code(c, t, &d);
    else if (descriptor_is_system(&d))
        s = jump_system(c, t, &d);
    else
        s = fault(c, EXC_GP, t->selector);
    if (s == STEP_JUMP)
        cpu_update_mode(c);
    return s;
}

enum step sys_far_direct(struct cpu *c, const struct uop *u)
{
    struct far_target t = {.selector = (uint16_t)sys_extra(u),
                           .offset = (uint32_t)u->disp,
                           .size = sys_size(u),
                           .call = (u->aux & SYS_CALL_FAR) != 0};
    return jump_far(c, &t);
}

enum step sys_far_indirect(struct cpu *c, const struct uop *u)
{
    struct far_target t = {.size = 1u << (u->aux & OFFSET_LG),
                           .call = (u->aux >> OFFSET_OPERATION_SHIFT & 1) != 0};
    uint64_t selector;
    if (!int_load_part(c, u, 0, t.size, &t.offset) ||
        !int_load_part(c, u, t.size, 2, &selector))
        return STEP_FAULT;
    t.selector = (uint16_t)selector;
    return jump_far(c, &t);
}

/* --------------------------------------------------- software interrupts */

enum step sys_int(struct cpu *c, const struct uop *u)
{
    uint8_t vector = (uint8_t)sys_extra(u);
    if ((c->mode & MODE_V86) != 0)
        return v86_int(c, vector);
    return event_software(c, vector, INTR_SOFT_INTERRUPT);
}

enum step sys_int3(struct cpu *c, const struct uop *u)
{
    (void)u;
    return event_software(c, EXC_BP, INTR_SOFT_EXCEPTION);
}

enum step sys_int1(struct cpu *c, const struct uop *u)
{
    (void)u;
    return event_software(c, EXC_DB, INTR_PRIVILEGED);
}
