/* SPDX-License-Identifier: Apache-2.0
 * Handlers of control flow and of the translator's own uops.
 */
#include "cpu/exec_ctl.h"

#include "cpu/enter.h"
#include "cpu/flags.h"
#include "cpu/mem.h"

/* --- entering blocks --- */

/* Make the block's line the fetched one, by the quick check alone. */
static bool ENGINE(enter_line)(struct cpu *c, const struct block *n)
{
#if ENGINE_TIMING
    if (UNLIKELY(!mmu_hit_fetch(&c->hot, n->line, n->pline)))
        return false;
#else
    const struct fetch_page *f = fetch_page_of(c->code, n->line);
    if (UNLIKELY(f->line != n->line || f->pline != n->pline ||
                 f->generation != c->fetch_generation))
        return false;
#endif
    c->gpr[GPR_LINE] = n->line;
    c->fetch_pline = n->pline;
    return true;
}

ALWAYS_INLINE void charge_taken(struct cpu *c, const struct uop *u)
{
    if (ENGINE_TIMING) {
        uint64_t cost = block_link(u)->cost;
        c->account.cycles += cost;
        c->account.leaf[LEAF_BRANCH] += cost;
    }
}

/* The start of block n once it is entered, or NULL. */
static const struct uop *ENGINE(enter_slowly)(struct cpu *c, struct block *n)
{
    uint64_t then = c->account.cycles + n->cycles;
    if (UNLIKELY(then > c->limit))
        return engine_leave(c, n->rip, LEAVE_LOOKUP);
    if (n->line != c->gpr[GPR_LINE] || n->pline != c->fetch_pline) {
        if (UNLIKELY(!ENGINE(enter_line)(c, n)))
            return engine_leave(c, n->rip, LEAVE_LOOKUP);
    }
    enter_commit(c, n, then, 0);
    return n->uop;
}

#define ENTER_SLOWLY(c, n)                                                     \
    do {                                                                       \
        const struct uop *start_ = ENGINE(enter_slowly)((c), (n));             \
        if (UNLIKELY(start_ == NULL))                                          \
            return NULL;                                                       \
        UOP_GOTO((c), start_);                                                 \
    } while (0)

UOP(enter_cold_0)
{
    struct block *n = block_link(u)->to[0];
    if (UNLIKELY(n->line == BLOCK_NO_LINE))
        return engine_unlinked(c, u, 0);
    ENTER_SLOWLY(c, n);
}

UOP(enter_cold_1)
{
    struct block *n = block_link(u)->to[1];
    charge_taken(c, u);
    if (UNLIKELY(n->line == BLOCK_NO_LINE))
        return engine_unlinked(c, u, 1);
    ENTER_SLOWLY(c, n);
}

UOP(enter_cold_2)
{
    struct block *n = c->code->jump[jump_index(c->rip)];
    charge_taken(c, u);
    ENTER_SLOWLY(c, n);
}

/* The known block at an indirect target, or NULL. */
ALWAYS_INLINE struct block *known(struct cpu *c, uint64_t rip)
{
    struct block *n = c->code->jump[jump_index(rip)];
    return LIKELY(n->key == rip && n->mode == c->mode) ? n : NULL;
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

#define JCC(cc)                                                                \
    UOP_STATIC(jcc_##cc)                                                       \
    {                                                                          \
        if (flags_condition(c, 0x##cc))                                        \
            ENTER(c, u, block_link(u)->to[1], 1, true);                        \
        ENTER(c, u, block_link(u)->to[0], 0, true);                            \
    }
JCC(0) JCC(1) JCC(2) JCC(3) JCC(4) JCC(5) JCC(6) JCC(7)
JCC(8) JCC(9) JCC(a) JCC(b) JCC(c) JCC(d) JCC(e) JCC(f)

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
                                        : count != 0 && !flags_zf(c);          \
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

UOP_STATIC(jmp_reg)
{
    uint64_t rip = REG(uint64_t, c, u->src);
    struct block *n = known(c, rip);
    if (LIKELY(n != NULL))
        ENTER(c, u, n, 2, true);
    if (UNLIKELY(!target_ok(c, rip)))
        return uop_fault(c, u);
    return ENGINE(unknown)(c, u, rip);
}

UOP_STATIC(jmp_mem)
{
    uint64_t rip;
    if (UNLIKELY(!mem_load(c, u, uop_ea(c, u), 8, &rip)))
        return uop_fault(c, u);
    struct block *n = known(c, rip);
    if (LIKELY(n != NULL))
        ENTER(c, u, n, 2, true);
    if (UNLIKELY(!target_ok(c, rip)))
        return uop_fault(c, u);
    return ENGINE(unknown)(c, u, rip);
}

/* Push the return address; false: a fault. */
ALWAYS_INLINE bool push_return(struct cpu *c, const struct uop *u)
{
    uint64_t sp = c->gpr[REG_RSP] - 8;
    if (UNLIKELY(!mem_store(c, u, sp, 8, u->imm)))
        return false;
    c->gpr[REG_RSP] = sp;
    return true;
}

UOP_STATIC(call)
{
    if (UNLIKELY(!push_return(c, u)))
        return uop_fault(c, u);
    ENTER(c, u, block_link(u)->to[1], 1, true);
}

UOP_STATIC(call_reg)
{
    uint64_t rip = REG(uint64_t, c, u->src);
    struct block *n = known(c, rip);
    if (UNLIKELY(n == NULL && !target_ok(c, rip)))
        return uop_fault(c, u);
    if (UNLIKELY(!push_return(c, u)))
        return uop_fault(c, u);
    if (LIKELY(n != NULL))
        ENTER(c, u, n, 2, true);
    return ENGINE(unknown)(c, u, rip);
}

UOP_STATIC(call_mem)
{
    uint64_t rip;
    if (UNLIKELY(!mem_load(c, u, uop_ea(c, u), 8, &rip)))
        return uop_fault(c, u);
    struct block *n = known(c, rip);
    if (UNLIKELY(n == NULL && !target_ok(c, rip)))
        return uop_fault(c, u);
    /* A fault of the push is a stack fault. */
    if (UNLIKELY(!push_return(c, u)))
        return uop_fault(c, u);
    if (LIKELY(n != NULL))
        ENTER(c, u, n, 2, true);
    return ENGINE(unknown)(c, u, rip);
}

UOP_STATIC(ret)
{
    uint64_t sp = c->gpr[REG_RSP], rip;
    if (UNLIKELY(!mem_load(c, u, sp, 8, &rip)))
        return uop_fault(c, u);
    struct block *n = known(c, rip);
    if (LIKELY(n != NULL)) {
        c->gpr[REG_RSP] = sp + 8 + u->imm;
        ENTER(c, u, n, 2, true);
    }
    if (UNLIKELY(!target_ok(c, rip)))
        return uop_fault(c, u);
    c->gpr[REG_RSP] = sp + 8 + u->imm;
    return ENGINE(unknown)(c, u, rip);
}

/* --- the translator's own --- */

UOP_STATIC(line)
{
    uint64_t line =
        c->gpr[GPR_LINE] + (ENGINE_TIMING ? LINE_SIZE : PAGE_SIZE);
#if ENGINE_TIMING
    if (LIKELY(mmu_hit_fetch(&c->hot, line, u->imm))) {
        c->gpr[GPR_LINE] = line;
        c->fetch_pline = u->imm;
        UOP_NEXT(c, u);
    }
#endif
    if (UNLIKELY(!engine_fetch_line(c, u, line)))
        return NULL;
    UOP_NEXT(c, u);
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
    if (UNLIKELY(u->imm > c->seg[SEG_CS].limit)) {
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
    if (UNLIKELY((uop_ea(c, u) & u->aux) != 0)) {
        (void)raise_error(c, EXC_AC, 0);
        return uop_fault(c, u);
    }
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
    .loop = {LOOP_ROW(loopne), LOOP_ROW(loope), LOOP_ROW(loop),
             LOOP_ROW(jcxz)},
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
