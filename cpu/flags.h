/* SPDX-License-Identifier: Apache-2.0
 * Lazy arithmetic flags. An ALU uop whose flags may be read leaves result,
 * second source and the kind of operation; flags are computed when asked
 * for. Uops whose flags are overwritten before any read leave nothing: the
 * translator picks their flagless instance.
 *
 * Everything a handler needs is inline and free of calls, so that a handler
 * using it needs no stack frame. Source: SDM Vol.1 "Status Flags".
 */
#ifndef VTSIM_CPU_FLAGS_H
#define VTSIM_CPU_FLAGS_H

#include "cpu/state.h"

/* cc_op: kind << 2 | log2(size in bytes). cc_res and sources are truncated
 * and zero-extended to the size. */
enum {
    CC_NONE = 0,  /* arithmetic bits of c->eflags are valid */
    CC_ADD = 1,   /* cc_res = a + b, cc_src = b */
    CC_SUB = 2,   /* cc_res = a - b, cc_src = b (CMP, NEG with a = 0) */
    CC_LOGIC = 3, /* cc_res; CF = OF = AF = 0 */
    CC_INC = 4,   /* cc_res; cc_src = CF before */
    CC_DEC = 5,   /* cc_res; cc_src = CF before */
    CC_PART = 6,  /* cc_res gives ZF SF PF; cc_src holds the CF, AF and
                     OF bits at their places in EFLAGS, nothing else */
    CC_KINDS = 7
};
#define CC_OP(kind, size_log2) ((uint32_t)((kind) << 2 | (size_log2)))
#define CC_KIND(op)            ((op) >> 2)

/* The six arithmetic flags now, without changing the lazy state. */
uint32_t flags_arith(const struct cpu *c);

/* All of EFLAGS; makes the arithmetic bits of c->eflags valid first. */
uint32_t flags_read(struct cpu *c);

/* Replace the six arithmetic flags. */
static inline void flags_set_arith(struct cpu *c, uint32_t bits)
{
    c->eflags = (c->eflags & ~(uint32_t)FLAG_ARITH) | (bits & FLAG_ARITH);
    c->cc_op = 0;
}

/* Leave a lazy result; kind and size_log2 are constants. */
ALWAYS_INLINE void flags_set_lazy(struct cpu *c, unsigned kind,
                                  unsigned size_log2, uint64_t res,
                                  uint64_t src)
{
    c->cc_res = res;
    if (kind != CC_LOGIC)
        c->cc_src = src;
    c->cc_op = CC_OP(kind, size_log2);
}

/* How far a value of the lazy operation's size is from the top of 64 bits. */
ALWAYS_INLINE unsigned flags_shift(const struct cpu *c)
{
    return 64u - (8u << (c->cc_op & 3u));
}

ALWAYS_INLINE bool flags_zf(const struct cpu *c)
{
    if (LIKELY(c->cc_op > 3))
        return c->cc_res == 0;
    return (c->eflags & FLAG_ZF) != 0;
}

ALWAYS_INLINE bool flags_sf(const struct cpu *c)
{
    if (LIKELY(c->cc_op > 3))
        return (int64_t)(c->cc_res << flags_shift(c)) < 0;
    return (c->eflags & FLAG_SF) != 0;
}

ALWAYS_INLINE bool flags_pf(const struct cpu *c)
{
    if (LIKELY(c->cc_op > 3))
        return !__builtin_parity((unsigned)(c->cc_res & 0xff));
    return (c->eflags & FLAG_PF) != 0;
}

ALWAYS_INLINE bool flags_cf(const struct cpu *c)
{
    unsigned kind = CC_KIND(c->cc_op);
    if (kind == CC_SUB) {
        unsigned k = flags_shift(c);
        return ((c->cc_res + c->cc_src) << k) < (c->cc_src << k);
    }
    if (kind == CC_ADD)
        return c->cc_res < c->cc_src;
    if (kind == CC_LOGIC)
        return false;
    return ((kind == CC_NONE ? c->eflags : c->cc_src) & FLAG_CF) != 0;
}

ALWAYS_INLINE bool flags_of(const struct cpu *c)
{
    unsigned kind = CC_KIND(c->cc_op), k = flags_shift(c);
    uint64_t r = c->cc_res, b = c->cc_src;
    if (kind == CC_SUB)
        return (int64_t)((((r + b) ^ b) & ((r + b) ^ r)) << k) < 0;
    if (kind == CC_ADD)
        return (int64_t)(((r ^ (r - b)) & (r ^ b)) << k) < 0;
    if (kind == CC_LOGIC)
        return false;
    if (kind == CC_INC)
        return r << k == BIT(63);
    if (kind == CC_DEC)
        return (r + 1) << k == BIT(63);
    return ((kind == CC_NONE ? c->eflags : b) & FLAG_OF) != 0;
}

ALWAYS_INLINE bool flags_af(const struct cpu *c)
{
    unsigned kind = CC_KIND(c->cc_op);
    uint64_t r = c->cc_res, b = c->cc_src;
    switch (kind) {
    case CC_ADD: return ((r ^ (r - b) ^ b) & FLAG_AF) != 0;
    case CC_SUB: return ((r ^ (r + b) ^ b) & FLAG_AF) != 0;
    case CC_LOGIC: return false;
    case CC_INC: return (r & 15) == 0;
    case CC_DEC: return (r & 15) == 15;
    default: return ((kind == CC_NONE ? c->eflags : b) & FLAG_AF) != 0;
    }
}

/* Condition B, BE, L or LE of a comparison of a and b, whose size U and S
 * have. */
#define FLAGS_COMPARED(U, S, cc, a, b)                                         \
    ((cc) >> 1 == 1   ? (U)(a) < (U)(b)                                        \
     : (cc) >> 1 == 3 ? (U)(a) <= (U)(b)                                       \
     : (cc) >> 1 == 6 ? (S)(a) < (S)(b)                                        \
                      : (S)(a) <= (S)(b))

/* B, BE, L or LE from flag bits at their places in EFLAGS. */
ALWAYS_INLINE bool flags_from_bits(uint32_t f, unsigned cc)
{
    bool less = ((f >> 7 ^ f >> 11) & 1) != 0;
    switch (cc >> 1) {
    case 0: return (f & FLAG_OF) != 0;
    case 1: return (f & FLAG_CF) != 0;
    case 3: return (f & (FLAG_CF | FLAG_ZF)) != 0;
    case 6: return less;
    default: return less || (f & FLAG_ZF) != 0;
    }
}

/*
 * Condition `cc` 0..15 as encoded in Jcc, SETcc, CMOVcc (SDM Vol.2 App. B
 * "Encoding of Conditional Test (tttn) Field") where it takes a few host
 * instructions: 0 or 1, or -1 when flags_condition must be asked. cc is a
 * constant. A handler tail-calls its slow twin on -1.
 */
ALWAYS_INLINE int flags_quick(const struct cpu *c, unsigned cc)
{
    uint32_t op = c->cc_op;
    uint64_t r = c->cc_res, b = c->cc_src, a = r + b;
    bool is;
    switch (cc >> 1) {
    case 2: is = flags_zf(c); break;
    case 4: is = flags_sf(c); break;
    case 5: is = flags_pf(c); break;
    default:
        if (op == CC_OP(CC_SUB, 2) && cc >> 1 != 0)
            is = FLAGS_COMPARED(uint32_t, int32_t, cc, a, b);
        else if (op == CC_OP(CC_SUB, 3) && cc >> 1 != 0)
            is = FLAGS_COMPARED(uint64_t, int64_t, cc, a, b);
        else if (CC_KIND(op) == CC_NONE)
            is = flags_from_bits(c->eflags, cc);
        else if (CC_KIND(op) == CC_LOGIC)
            is = cc >> 1 <= 1   ? false
                 : cc >> 1 == 3 ? r == 0
                 : cc >> 1 == 6 ? flags_sf(c)
                                : r == 0 || flags_sf(c);
        else
            return -1;
        break;
    }
    return is != (cc & 1);
}

/* The same, always answered. Inline, but for a handler's slow twin. */
ALWAYS_INLINE bool flags_condition(const struct cpu *c, unsigned cc)
{
    bool is;
    switch (cc >> 1) {
    case 0: is = flags_of(c); break;
    case 1: is = flags_cf(c); break;
    case 2: is = flags_zf(c); break;
    case 3: is = flags_cf(c) || flags_zf(c); break;
    case 4: is = flags_sf(c); break;
    case 5: is = flags_pf(c); break;
    case 6: is = flags_sf(c) != flags_of(c); break;
    default: is = flags_zf(c) || flags_sf(c) != flags_of(c); break;
    }
    return is != (cc & 1);
}

/* The same out of line, for a cc that is not a constant. */
bool flags_condition_var(const struct cpu *c, unsigned cc);

#endif
