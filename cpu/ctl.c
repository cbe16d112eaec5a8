/* SPDX-License-Identifier: Apache-2.0
 * Control transfers done by callouts (cpu/ctl.h). Every check comes before
 * the first change.
 */
#include "cpu/ctl.h"

#include "cpu/block.h"
#include "cpu/exec_ctl.h"
#include "cpu/flags.h"
#include "cpu/mem.h"
#include "cpu/segment.h"

/* EIP truncated to the operand size, RIP whole. */
static uint64_t truncate(const struct cpu *c, uint64_t rip, unsigned lg)
{
    if (c->mode & MODE_LONG)
        return rip;
    return lg == 1 ? (uint16_t)rip : (uint32_t)rip;
}

static void count(struct cpu *c, bool taken)
{
    c->count.branches++;
    if (!taken)
        return;
    c->count.taken++;
    if (c->config.timing != TIMING_OFF)
        cycles_charge(&c->account, LEAF_BRANCH,
                      c->config.cost.cycles[COST_BRANCH_TAKEN]);
}

static enum step go(struct cpu *c, uint64_t rip)
{
    count(c, true);
    c->rip = rip;
    return STEP_JUMP;
}

static bool loop_taken(const struct cpu *c, unsigned kind, uint64_t counter)
{
    switch (kind) {
    case LOOP_JCXZ: return counter == 0;
    case LOOP_ANY: return counter != 0;
    case LOOP_E: return counter != 0 && flags_zf(c);
    default: return counter != 0 && !flags_zf(c);
    }
}

static void set_counter(struct cpu *c, unsigned lg, uint64_t v)
{
    if (lg == 1)
        REG(uint16_t, c, REG_RCX * 8) = (uint16_t)v;
    else if (lg == 2)
        reg_set32(c, REG_RCX * 8, (uint32_t)v);
    else
        c->gpr[REG_RCX] = v;
}

enum step ctl_branch(struct cpu *c, const struct uop *u)
{
    uint64_t target =
        truncate(c, c->next_rip + (uint64_t)(int64_t)u->disp, u->dst);
    unsigned kind = u->src - (unsigned)CTL_LOOP;
    bool loop = u->src >= CTL_LOOP, taken = true;
    uint64_t counter = c->gpr[REG_RCX] & bits_mask(8u << u->scale);
    if (loop) {
        if (kind != LOOP_JCXZ)
            counter = (counter - 1) & bits_mask(8u << u->scale);
        taken = loop_taken(c, kind, counter);
    } else if (u->src != CTL_JMP) {
        taken = flags_condition_var(c, u->src);
    }
    if (taken && !engine_target_ok(c, target))
        return STEP_FAULT;
    if (loop && kind != LOOP_JCXZ)
        set_counter(c, u->scale, counter);
    if (taken)
        return go(c, target);
    count(c, false);
    return STEP_NEXT;
}

/* Push the return address and go. */
static enum step call(struct cpu *c, const struct uop *u, uint64_t target)
{
    if (!engine_target_ok(c, target))
        return STEP_FAULT;
    struct stack s = stack_current(c);
    unsigned size = c->mode & MODE_LONG ? 8u : 1u << u->dst;
    if (!stack_push(c, &s, &c->next_rip, 1, size))
        return STEP_FAULT;
    stack_commit(c, &s);
    return go(c, target);
}

static bool load_target(struct cpu *c, const struct uop *u, uint64_t *target)
{
    if (!mem_load_slow(c, u, uop_ea(c, u), 1u << u->dst, false))
        return false;
    *target = c->slow.u64[0];
    return true;
}

enum step ctl_call_rel(struct cpu *c, const struct uop *u)
{
    uint64_t to = c->next_rip + (uint64_t)(int64_t)u->disp;
    return call(c, u, truncate(c, to, u->dst));
}

enum step ctl_call_reg(struct cpu *c, const struct uop *u)
{
    return call(c, u, truncate(c, REG(uint64_t, c, u->src), u->dst));
}

enum step ctl_call_mem(struct cpu *c, const struct uop *u)
{
    uint64_t to;
    return load_target(c, u, &to) ? call(c, u, to) : STEP_FAULT;
}

enum step ctl_jmp_reg(struct cpu *c, const struct uop *u)
{
    uint64_t to = truncate(c, REG(uint64_t, c, u->src), u->dst);
    return engine_target_ok(c, to) ? go(c, to) : STEP_FAULT;
}

enum step ctl_jmp_mem(struct cpu *c, const struct uop *u)
{
    uint64_t to;
    if (!load_target(c, u, &to) || !engine_target_ok(c, to))
        return STEP_FAULT;
    return go(c, to);
}

enum step ctl_ret(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t to;
    if (!stack_pop(c, &s, &to, 1, 1u << u->dst))
        return STEP_FAULT;
    if (!engine_target_ok(c, to))
        return STEP_FAULT;
    s.sp += u->aux;
    stack_commit(c, &s);
    return go(c, to);
}
