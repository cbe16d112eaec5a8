/* SPDX-License-Identifier: Apache-2.0
 * How a chain goes on to the next block. Included by cpu/exec_*.c only.
 *
 * Entering is the same few loads, compares and adds in each branch handler;
 * whatever does not match at once goes to enter_cold.
 */
#ifndef VTSIM_CPU_ENTER_H
#define VTSIM_CPU_ENTER_H

#include "cpu/block.h"

/* Two counters added in one go. */
typedef uint64_t enter_pair
    __attribute__((vector_size(16), aligned(16), may_alias));

_Static_assert(offsetof(struct cpu, account.leaf) % 16 == 0, "paired");
_Static_assert(LEAF_BASE == 0 && LEAF_BRANCH == 1, "charged as a pair");
_Static_assert(offsetof(struct cpu, count.loads) % 16 == 0, "paired");
_Static_assert(offsetof(struct cpu, count.taken) ==
                   offsetof(struct cpu, count.loads) + 24,
               "paired");
_Static_assert(offsetof(struct block, loads) % 16 == 0, "paired");

ALWAYS_INLINE enter_pair *enter_at(uint64_t *p)
{
    return (enter_pair *)(void *)p;
}

/*
 * The long way to the block behind edge 0 (falls through), 1 (taken) or 2
 * (indirect: to c->rip, which jump[] knows). They have the handlers' type so
 * that they can be tail-called.
 */
uop_fn ENGINE(enter_cold_0), ENGINE(enter_cold_1), ENGINE(enter_cold_2);

/* The block's line is not the fetched one: make it so by the quick check
 * alone. */
ALWAYS_INLINE bool enter_line(struct cpu *c, const struct block *n)
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

ALWAYS_INLINE bool enter_fetched(const struct cpu *c, const struct block *n)
{
    return n->line == c->gpr[GPR_LINE] && n->pline == c->fetch_pline;
}

/* Charge block n; cycles and instructions are the account's new ones. */
ALWAYS_INLINE void enter_commit(struct cpu *c, struct block *n, uint64_t cycles,
                                uint64_t cost)
{
    c->account.cycles = cycles;
    c->account.instructions += n->instructions;
    *enter_at(&c->account.leaf[LEAF_BASE]) += (enter_pair){n->base, cost};
    if (ENGINE_TIMING)
        c->account.leaf[LEAF_L1D] += n->l1d;
    *enter_at(&c->count.loads) += *enter_at(&n->loads);
}

ALWAYS_INLINE void enter_count(struct cpu *c, unsigned edge)
{
    /* A pair in both cases: mixed widths would stall the host's loads. */
    *enter_at(&c->count.branches) += (enter_pair){1, edge != 0};
}

#if defined(__clang__)
#define UOP_JUMP(c, u, f) __attribute__((musttail)) return f((c), (u))
#else
#define UOP_JUMP(c, u, f) return f((c), (u))
#endif

/* Go on to block n from the branch u; `branch`: count it as one. */
#define ENTER(c, u, n, edge, branch)                                           \
    do {                                                                       \
        struct block *n_ = (n);                                                \
        uint64_t cost_ =                                                       \
            ENGINE_TIMING && (edge) != 0 ? block_link(u)->cost : 0;            \
        uint64_t then_ = (c)->account.cycles + cost_ + n_->cycles;             \
        if (branch)                                                            \
            enter_count((c), (edge));                                          \
        /* A block that must not be entered never fits below the limit. */     \
        if (UNLIKELY(then_ > (c)->limit) ||                                    \
            (UNLIKELY(!enter_fetched((c), n_)) &&                              \
             UNLIKELY(!enter_line((c), n_)))) {                                \
            if ((edge) == 2)                                                   \
                (c)->rip = n_->rip;                                            \
            UOP_JUMP((c), (u), ENGINE(enter_cold_##edge));                     \
        }                                                                      \
        enter_commit((c), n_, then_, cost_);                                   \
        UOP_GOTO((c), n_->uop);                                                \
    } while (0)

#endif
