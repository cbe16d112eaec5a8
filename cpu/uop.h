/* SPDX-License-Identifier: Apache-2.0
 * Micro-operations: the compact form the translator makes of instructions,
 * and what a handler may do.
 *
 * A handler is a function of (cpu, uop) that ends by going on to the next
 * uop with UOP_NEXT or by leaving the chain. Files called cpu/exec_*.c hold
 * handlers and are compiled once per timing level: ENGINE(name) gives each
 * copy its own symbol and ENGINE_TIMING is 0 (off) or 1 (simple).
 *
 * Dispatch is by tail call where the compiler does it (clang always; gcc
 * when optimising without sanitizers); elsewhere UOP_NEXT returns the next
 * uop to a small loop. So a handler must never take the address of a local
 * that lives across UOP_NEXT: use c->slow for out-parameters.
 */
#ifndef VTSIM_CPU_UOP_H
#define VTSIM_CPU_UOP_H

#include "cpu/event.h"
#include "cpu/state.h"

struct uop;

/* Runs one uop; returns the next one to run when dispatch is a loop, NULL
 * when the chain is left (c->leave says why). */
typedef const struct uop *uop_fn(struct cpu *c, const struct uop *u);

/* A C function that does a whole instruction: see UOP_CALL in xlat.h. */
typedef enum step callout_fn(struct cpu *c, const struct uop *u);

/*
 * dst, src, base, index: byte offsets from &c->gpr[0] (register * 8; AH, CH,
 * DH, BH are register * 8 + 1; GPR_ZERO * 8 where absent), or plain numbers
 * for vector, x87 and segment registers. The linear address of a memory
 * operand is gpr[base] + (gpr[index] << scale) + disp; segment bases,
 * 16/32-bit address sizes and limit checks are done before it by an `ea`
 * uop, which leaves the linear address in gpr[GPR_EA].
 */
struct uop {
    uop_fn *fn;
    uint64_t imm;
    int32_t disp;
    uint8_t dst, src, base, index;
    uint8_t scale;
    uint8_t seg;   /* SEG_*: whose fault (#SS or #GP) a bad address is */
    uint8_t insn;  /* ordinal of the instruction in the block */
    uint8_t place; /* index of this uop in the block */
    uint32_t aux;  /* the family's own: size, condition, lane, ... */
};
_Static_assert(sizeof(struct uop) == 32, "uops are 32 bytes");

#define UOP_BLOCK_MAX 128 /* uops in a block, the terminator included */

#ifndef ENGINE_TIMING
#define ENGINE_TIMING 0 /* outside exec_*.c only declarations are used */
#endif
#if ENGINE_TIMING
#define ENGINE(name) name##_simple
#else
#define ENGINE(name) name##_off
#endif

#if defined(__clang__)
#define UOP_TAIL_CALLS 1
#define UOP_GOTO(c, u) __attribute__((musttail)) return (u)->fn((c), (u))
#elif defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(__SANITIZE_THREAD__) && !defined(VTSIM_NO_TAIL_CALLS)
#define UOP_TAIL_CALLS 1
#define UOP_GOTO(c, u) return (u)->fn((c), (u))
#else
#define UOP_TAIL_CALLS 0
#define UOP_GOTO(c, u) return (u)
#endif

#define UOP_NEXT(c, u) UOP_GOTO(c, (u) + 1)

/* Define a handler. */
#define UOP(name)                                                              \
    const struct uop *ENGINE(name)(struct cpu * c, const struct uop *u)
/* The same, not visible outside the file (reached through a table). */
#define UOP_STATIC(name)                                                       \
    static const struct uop *ENGINE(name)(struct cpu * c, const struct uop *u)

/*
 * Leave the chain from handler `u`.
 *
 * uop_fault   c->event is valid: nothing of the instruction was committed.
 *             Takes the rest of the block's charge back, sets rip.
 * uop_sync    makes rip, next_rip, cycles and instruction count exact as if
 *             the instruction of `u` were the last of its block, without
 *             leaving; uop_unsync puts the block's charge back so that the
 *             chain may go on. For device accesses and counter reads.
 */
const struct uop *uop_fault(struct cpu *c, const struct uop *u);
void uop_sync(struct cpu *c, const struct uop *u);
void uop_unsync(struct cpu *c, const struct uop *u);

/* Register operands. T is uint8_t .. uint64_t; a 32-bit destination is
 * written zero-extended by reg_set32. */
#define REG(T, c, off) (*(T *)((uintptr_t)(c)->gpr + (off)))
ALWAYS_INLINE void reg_set32(struct cpu *c, unsigned off, uint32_t v)
{
    REG(uint64_t, c, off) = v;
}

/* Linear address of the memory operand. */
ALWAYS_INLINE uint64_t uop_ea(const struct cpu *c, const struct uop *u)
{
    return REG(const uint64_t, c, u->base) +
           (REG(const uint64_t, c, u->index) << u->scale) +
           (uint64_t)(int64_t)u->disp;
}

#endif
