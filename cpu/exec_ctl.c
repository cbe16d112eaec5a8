/* SPDX-License-Identifier: Apache-2.0
 * Handlers of control flow and of the translator's own uops.
 */
#include "cpu/exec_ctl.h"

#include "cpu/enter.h"
#include "cpu/flags.h"
#include "cpu/mem.h"

/* --- entering blocks --- */

ALWAYS_INLINE void charge_taken(struct cpu *c, const struct uop *u)
{
    if (ENGINE_TIMING) {
        uint64_t cost = block_link(u)->cost;
        c->account.cycles += cost;
        c->account.leaf[LEAF_BRANCH] += cost;
    }
}

/* Here a block did not fit, is gone, or its line is not at hand: the run
 * loop looks. */
UOP(enter_cold_0)
{
    struct block *n = block_link(u)->to[0];
    if (UNLIKELY(n->line == BLOCK_NO_LINE))
        return engine_unlinked(c, u, 0);
    return engine_leave(c, n->rip, LEAVE_LOOKUP);
}

UOP(enter_cold_1)
{
    struct block *n = block_link(u)->to[1];
    charge_taken(c, u);
    if (UNLIKELY(n->line == BLOCK_NO_LINE))
        return engine_unlinked(c, u, 1);
    return engine_leave(c, n->rip, LEAVE_LOOKUP);
}

UOP(enter_cold_2)
{
    charge_taken(c, u);
    return engine_leave(c, c->rip, LEAVE_LOOKUP);
}

/* Handlers kept out of line, so that those that jump to them need no frame. */
#define UOP_COLD(name) __attribute__((noinline, cold)) UOP_STATIC(name)

/* The block that an indirect target may have, and whether it has. */
ALWAYS_INLINE struct block *candidate(struct cpu *c, uint64_t rip)
{
    return c->code->jump[jump_index(rip)];
}

ALWAYS_INLINE bool known(const struct cpu *c, const struct block *n,
                         uint64_t rip)
{
    return LIKELY(n->key == rip && n->mode == c->mode);
}

/* Leave for a target that no block is known for: charge as entering does. */
static const struct uop *ENGINE(unknown)(struct cpu *c, const struct uop *u,
                                         uint64_t rip)
{
    enter_count(c, 1);
    charge_taken(c, u);
    return engine_unknown(c, rip);
}

/* --- ends of blocks --- */

UOP_STATIC(next)
{
    ENTER(c, u, block_link(u)->to[0], 0, false);
}

UOP_STATIC(jmp)
{
    ENTER(c, u, block_link(u)->to[1], 1, true);
}

/* Conditions that take longer are the slow twin's. */
#define JCC(cc)                                                                \
    __attribute__((cold, noinline)) UOP_STATIC(jcc_slow_##cc)                  \
    {                                                                          \
        if (flags_condition(c, 0x##cc))                                        \
            ENTER(c, u, block_link(u)->to[1], 1, true);                        \
        ENTER(c, u, block_link(u)->to[0], 0, true);                            \
    }                                                                          \
    UOP_STATIC(jcc_##cc)                                                       \
    {                                                                          \
        int quick = flags_quick(c, 0x##cc);                                    \
        if (UNLIKELY(quick < 0))                                               \
            UOP_JUMP(c, u, ENGINE(jcc_slow_##cc));                             \
        if (quick)                                                             \
            ENTER(c, u, block_link(u)->to[1], 1, true);                        \
        ENTER(c, u, block_link(u)->to[0], 0, true);                            \
    }
JCC(0)
JCC(1)
JCC(2)
JCC(3)
JCC(4)
JCC(5)
JCC(6)
JCC(7)
JCC(8)
JCC(9)
JCC(a)
JCC(b)
JCC(c)
JCC(d)
JCC(e)
JCC(f)

/* LOOP and JCXZ: CX, ECX or RCX by address size. ECX is written zero-
 * extended in 64-bit mode; its upper half is zero elsewhere. */
#define LOOP(name, T, kind)                                                    \
    UOP_STATIC(name##_##T)                                                     \
    {                                                                          \
        T count = REG(T, c, REG_RCX * 8);                                      \
        if (kind != LOOP_JCXZ) {                                               \
            count--;                                                           \
            if (sizeof(T) == 4)                                                \
                reg_set32(c, REG_RCX * 8, (uint32_t)count);                    \
            else                                                               \
                REG(T, c, REG_RCX * 8) = count;                                \
        }                                                                      \
        bool taken = kind == LOOP_JCXZ  ? count == 0                           \
                     : kind == LOOP_ANY ? count != 0                           \
                     : kind == LOOP_E   ? count != 0 && flags_zf(c)            \
                                        : count != 0 && !flags_zf(c);            \
        if (taken)                                                             \
            ENTER(c, u, block_link(u)->to[1], 1, true);                        \
        ENTER(c, u, block_link(u)->to[0], 0, true);                            \
    }
#define LOOPS(name, kind)                                                      \
    LOOP(name, uint16_t, kind)                                                 \
    LOOP(name, uint32_t, kind)                                                 \
    LOOP(name, uint64_t, kind)
LOOPS(loopne, LOOP_NE)
LOOPS(loope, LOOP_E)
LOOPS(loop, LOOP_ANY)
LOOPS(jcxz, LOOP_JCXZ)
#define LOOP_ROW(name)                                                         \
    {                                                                          \
        NULL, ENGINE(name##_uint16_t), ENGINE(name##_uint32_t),                \
            ENGINE(name##_uint64_t)                                            \
    }

/* Near transfers through registers, memory and the stack: 64-bit mode, or
 * flat 32-bit jumps. A target that is not canonical is the branch's own
 * fault, found before anything is changed. */
ALWAYS_INLINE bool target_ok(struct cpu *c, uint64_t rip)
{
    return LIKELY(bits_sext(rip, 48) == rip) || engine_target_ok(c, rip);
}

/* The target is in c->rip and no block is known for it. */
UOP_COLD(jmp_unknown)
{
    uint64_t rip = c->rip;
    if (UNLIKELY(!target_ok(c, rip)))
        return uop_fault(c, u);
    return ENGINE(unknown)(c, u, rip);
}

UOP_STATIC(jmp_reg)
{
    uint64_t rip = REG(uint64_t, c, u->src);
    struct block *n = candidate(c, rip);
    if (known(c, n, rip))
        ENTER(c, u, n, 2, true);
    c->rip = rip;
    UOP_JUMP(c, u, ENGINE(jmp_unknown));
}

UOP_COLD(jmp_mem_slow)
{
    if (UNLIKELY(!mem_load_slow(c, u, uop_ea(c, u), 8, false)))
        return uop_fault(c, u);
    c->rip = c->slow.u64[0];
    UOP_JUMP(c, u, ENGINE(jmp_unknown));
}

/* A handler that may call needs a frame: what misses the filter is done by
 * another one, from the start. */
UOP_STATIC(jmp_mem)
{
    const uint8_t *p = MEM_HIT_READ(&c->hot, uop_ea(c, u), 8);
    if (UNLIKELY(p == NULL))
        UOP_JUMP(c, u, ENGINE(jmp_mem_slow));
    uint64_t rip = mem_get(p, 8);
    struct block *n = candidate(c, rip);
    if (known(c, n, rip))
        ENTER(c, u, n, 2, true);
    c->rip = rip;
    UOP_JUMP(c, u, ENGINE(jmp_unknown));
}

/* Push the return address; false: a fault. */
static bool ENGINE(push_return)(struct cpu *c, const struct uop *u)
{
    uint64_t sp = c->gpr[REG_RSP] - 8;
    if (UNLIKELY(!mem_store(c, u, sp, 8, u->imm))) {
        if (c->event.vector == EXC_GP) /* u->seg is the target's */
            c->event.vector = EXC_SS;
        return false;
    }
    c->gpr[REG_RSP] = sp;
    return true;
}

UOP_COLD(call_slow)
{
    if (UNLIKELY(!ENGINE(push_return)(c, u)))
        return uop_fault(c, u);
    ENTER(c, u, block_link(u)->to[1], 1, true);
}

UOP_STATIC(call)
{
    uint64_t sp = c->gpr[REG_RSP] - 8;
    uint8_t *p = MEM_HIT_WRITE(&c->hot, sp, 8);
    if (UNLIKELY(p == NULL))
        UOP_JUMP(c, u, ENGINE(call_slow));
    mem_put(p, 8, u->imm);
    c->gpr[REG_RSP] = sp;
    ENTER(c, u, block_link(u)->to[1], 1, true);
}

/* Call c->rip, checks included. A fault of the push is a stack fault. */
UOP_COLD(call_unknown)
{
    uint64_t rip = c->rip;
    if (UNLIKELY(!target_ok(c, rip) || !ENGINE(push_return)(c, u)))
        return uop_fault(c, u);
    return ENGINE(unknown)(c, u, rip);
}

UOP_STATIC(call_reg)
{
    uint64_t rip = REG(uint64_t, c, u->src), sp = c->gpr[REG_RSP] - 8;
    struct block *n = candidate(c, rip);
    uint8_t *p = known(c, n, rip) ? MEM_HIT_WRITE(&c->hot, sp, 8) : NULL;
    if (UNLIKELY(p == NULL)) {
        c->rip = rip;
        UOP_JUMP(c, u, ENGINE(call_unknown));
    }
    mem_put(p, 8, u->imm);
    c->gpr[REG_RSP] = sp;
    ENTER(c, u, n, 2, true);
}

UOP_COLD(call_mem_slow)
{
    if (UNLIKELY(!mem_load_slow(c, u, uop_ea(c, u), 8, false)))
        return uop_fault(c, u);
    c->rip = c->slow.u64[0];
    UOP_JUMP(c, u, ENGINE(call_unknown));
}

UOP_STATIC(call_mem)
{
    const uint8_t *from = MEM_HIT_READ(&c->hot, uop_ea(c, u), 8);
    if (UNLIKELY(from == NULL))
        UOP_JUMP(c, u, ENGINE(call_mem_slow));
    uint64_t rip = mem_get(from, 8);
    uint64_t sp = c->gpr[REG_RSP] - 8;
    struct block *n = candidate(c, rip);
    uint8_t *p = known(c, n, rip) ? MEM_HIT_WRITE(&c->hot, sp, 8) : NULL;
    if (UNLIKELY(p == NULL)) {
        c->rip = rip;
        UOP_JUMP(c, u, ENGINE(call_unknown));
    }
    mem_put(p, 8, u->imm);
    c->gpr[REG_RSP] = sp;
    ENTER(c, u, n, 2, true);
}

UOP_COLD(ret_unknown)
{
    uint64_t rip = c->rip;
    if (UNLIKELY(!target_ok(c, rip)))
        return uop_fault(c, u);
    c->gpr[REG_RSP] += 8 + u->imm;
    return ENGINE(unknown)(c, u, rip);
}

UOP_COLD(ret_slow)
{
    if (UNLIKELY(!mem_load_slow(c, u, c->gpr[REG_RSP], 8, false)))
        return uop_fault(c, u);
    c->rip = c->slow.u64[0];
    UOP_JUMP(c, u, ENGINE(ret_unknown));
}

UOP_STATIC(ret)
{
    uint64_t sp = c->gpr[REG_RSP];
    const uint8_t *p = MEM_HIT_READ(&c->hot, sp, 8);
    if (UNLIKELY(p == NULL))
        UOP_JUMP(c, u, ENGINE(ret_slow));
    uint64_t rip = mem_get(p, 8);
    struct block *n = candidate(c, rip);
    if (known(c, n, rip)) {
        c->gpr[REG_RSP] = sp + 8 + u->imm;
        ENTER(c, u, n, 2, true);
    }
    c->rip = rip;
    UOP_JUMP(c, u, ENGINE(ret_unknown));
}

/* --- the translator's own --- */

UOP_COLD(line_slow)
{
    uint64_t line = c->gpr[GPR_LINE] + (ENGINE_TIMING ? LINE_SIZE : PAGE_SIZE);
    if (UNLIKELY(!engine_fetch_line(c, u, line)))
        return NULL;
    UOP_NEXT(c, u);
}

UOP_STATIC(line)
{
#if ENGINE_TIMING
    uint64_t line = c->gpr[GPR_LINE] + LINE_SIZE;
    if (LIKELY(mmu_hit_fetch(&c->hot, line, u->imm))) {
        c->gpr[GPR_LINE] = line;
        c->fetch_pline = u->imm;
        UOP_NEXT(c, u);
    }
#endif
    UOP_JUMP(c, u, ENGINE(line_slow));
}

UOP_STATIC(charge)
{
    c->account.cycles += u->imm;
    c->account.leaf[u->aux] += u->imm;
    if (UNLIKELY(c->account.cycles > c->limit))
        engine_replan(c, u);
    UOP_NEXT(c, u);
}

UOP_STATIC(raise)
{
    uint32_t v = u->aux;
    bool error = v == EXC_DF || (v >= EXC_TS && v <= EXC_PF) || v == EXC_AC;
    if (error)
        (void)raise_error(c, (uint8_t)v, 0);
    else
        (void)raise_exception(c, (uint8_t)v);
    return uop_fault(c, u);
}

UOP_STATIC(callout)
{
    if (UNLIKELY(engine_call(c, u, false) == NULL))
        return NULL;
    UOP_NEXT(c, u);
}

UOP_STATIC(callout_end)
{
    (void)engine_call(c, u, true);
    return NULL;
}

UOP_STATIC(cs_limit)
{
    uint32_t limit = c->seg[SEG_CS].limit;
    if (UNLIKELY(u->imm > limit && limit != UINT32_MAX)) {
        (void)raise_gp(c, 0);
        return uop_fault(c, u);
    }
    UOP_NEXT(c, u);
}

UOP_STATIC(ea_mask)
{
    c->gpr[GPR_EA] = uop_ea(c, u) & u->imm;
    UOP_NEXT(c, u);
}

UOP_STATIC(ea_base)
{
    c->gpr[GPR_EA] = c->seg[u->aux].base + (uop_ea(c, u) & u->imm);
    UOP_NEXT(c, u);
}

UOP_STATIC(ea_const)
{
    c->gpr[GPR_EA] = u->imm;
    UOP_NEXT(c, u);
}

UOP_STATIC(ea_seg)
{
    if (UNLIKELY(!mem_linear(c, u->seg, uop_ea(c, u) & u->imm, u->aux & 0xffff,
                             (u->aux & 0x10000) != 0, &c->gpr[GPR_EA])))
        return uop_fault(c, u);
    UOP_NEXT(c, u);
}

UOP_STATIC(align_ac)
{
    if (UNLIKELY((uop_ea(c, u) & u->aux) != 0) &&
        !mem_aligned(c, uop_ea(c, u), u->aux + 1))
        return uop_fault(c, u);
    UOP_NEXT(c, u);
}

#define JCC_ROW(cc) ENGINE(jcc_##cc)
const struct exec_ctl_table ENGINE(exec_ctl) = {
    .next = ENGINE(next),
    .jmp = ENGINE(jmp),
    .jcc = {JCC_ROW(0), JCC_ROW(1), JCC_ROW(2), JCC_ROW(3), JCC_ROW(4),
            JCC_ROW(5), JCC_ROW(6), JCC_ROW(7), JCC_ROW(8), JCC_ROW(9),
            JCC_ROW(a), JCC_ROW(b), JCC_ROW(c), JCC_ROW(d), JCC_ROW(e),
            JCC_ROW(f)},
    .loop = {LOOP_ROW(loopne), LOOP_ROW(loope), LOOP_ROW(loop), LOOP_ROW(jcxz)},
    .jmp_reg = ENGINE(jmp_reg),
    .jmp_mem = ENGINE(jmp_mem),
    .call = ENGINE(call),
    .call_reg = ENGINE(call_reg),
    .call_mem = ENGINE(call_mem),
    .ret = ENGINE(ret),
    .line = ENGINE(line),
    .charge = ENGINE(charge),
    .raise = ENGINE(raise),
    .callout = ENGINE(callout),
    .callout_end = ENGINE(callout_end),
    .cs_limit = ENGINE(cs_limit),
    .ea_mask = ENGINE(ea_mask),
    .ea_base = ENGINE(ea_base),
    .ea_const = ENGINE(ea_const),
    .ea_seg = ENGINE(ea_seg),
    .align_ac = ENGINE(align_ac),
};
