/* SPDX-License-Identifier: Apache-2.0
 * Shifts and rotates. SDM Vol.2 "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR",
 * "SHLD", "SHRD". A count of 0 after masking changes no flag but writes the
 * destination (a 32-bit register is zero-extended).
 *
 * Undefined flags: AF is 0. OF for counts other than 1 is what the last
 * single-bit step would give, as on Intel parts. CF of SHL and SHR by more
 * than the operand's size is 0.
 */
#include "cpu/exec_int.h"

ALWAYS_INLINE bool shift_reads_carry(unsigned op)
{
    return op == SHIFT_RCL || op == SHIFT_RCR;
}

/* SHL, SHR, SAR by n, 1..63. */
ALWAYS_INLINE uint64_t shift_plain(struct cpu *c, unsigned op, unsigned lg,
                                   bool live, uint64_t a, unsigned n)
{
    const unsigned bits = INT_BITS(lg);
    uint64_t r, last; /* last: the value before the last single-bit step */
    bool cf, of = false;
    switch (op) {
    case SHIFT_SHL:
        last = a << (n - 1);
        r = last << 1;
        cf = (last >> (bits - 1)) & 1;
        of = cf != ((r >> (bits - 1)) & 1);
        break;
    case SHIFT_SHR:
        last = a >> (n - 1);
        r = last >> 1;
        cf = last & 1;
        of = int_msb(last, lg);
        break;
    default:
        last = (uint64_t)(int_signed(a, lg) >> (n - 1));
        r = (uint64_t)((int64_t)last >> 1);
        cf = (PLANTED(c, PLANT_SAR_FLAG) ? r : last) & 1;
        break;
    }
    r &= INT_MASK(lg);
    if (live)
        int_set_part(c, lg, r, cf, of, false);
    return r;
}

/* ROL, ROR by n, 1..63. */
ALWAYS_INLINE uint64_t shift_rotate(struct cpu *c, unsigned op, unsigned lg,
                                    bool live, uint64_t a, unsigned n)
{
    const unsigned bits = INT_BITS(lg);
    unsigned k = n & (bits - 1), back = (bits - k) & (bits - 1);
    uint64_t r;
    if (op == SHIFT_ROL)
        r = (a << k) | (a >> back);
    else
        r = (a >> k) | (a << back);
    r &= INT_MASK(lg);
    if (live) {
        bool msb = int_msb(r, lg);
        if (op == SHIFT_ROL)
            int_set_cf_of(c, r & 1, msb != (r & 1));
        else
            int_set_cf_of(c, msb, msb != ((r >> (bits - 2)) & 1));
    }
    return r;
}

/* RCL, RCR by n, 1..63: a rotation of bits + 1 bits. */
ALWAYS_INLINE uint64_t shift_carry(struct cpu *c, unsigned op, unsigned lg,
                                   bool live, uint64_t a, unsigned n)
{
    const unsigned bits = INT_BITS(lg);
    uint64_t cf = flags_cf(c), r;
    n = lg < 2 ? n % (bits + 1) : n;
    if (n == 0)
        return a;
    if (op == SHIFT_RCL) {
        r = (a << n) | (cf << (n - 1));
        if (n > 1)
            r |= a >> (bits + 1 - n);
        cf = (a >> (bits - n)) & 1;
    } else {
        r = (a >> n) | (cf << (bits - n));
        if (n > 1)
            r |= a << (bits + 1 - n);
        cf = (a >> (n - 1)) & 1;
    }
    r &= INT_MASK(lg);
    if (live) {
        bool msb = int_msb(r, lg);
        int_set_cf_of(c, cf,
                      op == SHIFT_RCL ? msb != cf
                                      : msb != ((r >> (bits - 2)) & 1));
    }
    return r;
}

ALWAYS_INLINE uint64_t shift_compute(struct cpu *c, unsigned op, unsigned lg,
                                     bool live, uint64_t a, unsigned n)
{
    if (shift_reads_carry(op))
        return shift_carry(c, op, lg, live, a, n);
    if (op == SHIFT_ROL || op == SHIFT_ROR)
        return shift_rotate(c, op, lg, live, a, n);
    return shift_plain(c, op, lg, live, a, n);
}

/* The masked count; 0 is possible when it comes from CL or the operand is
 * memory. */
ALWAYS_INLINE unsigned shift_count(const struct cpu *c, const struct uop *u,
                                   unsigned lg, bool cl)
{
    return (unsigned)(cl ? c->gpr[REG_RCX] : u->imm) & (lg == 3 ? 63u : 31u);
}

/* Without live flags a count of 0 needs no test. */
ALWAYS_INLINE uint64_t shift_dead(unsigned op, unsigned lg, uint64_t a,
                                  unsigned n)
{
    switch (op) {
    case SHIFT_SHL: return a << n;
    case SHIFT_SHR: return a >> n;
    default: return (uint64_t)(int_signed(a, lg) >> n);
    }
}

ALWAYS_INLINE uint64_t shift_any(struct cpu *c, const struct uop *u,
                                 unsigned op, unsigned lg, bool live, bool cl,
                                 uint64_t a)
{
    unsigned n = shift_count(c, u, lg, cl);
    if (!live && op >= SHIFT_SHL)
        return shift_dead(op, lg, a, n);
    if (UNLIKELY(n == 0))
        return a;
    return shift_compute(c, op, lg, live, a, n);
}

ALWAYS_INLINE void shift_r(struct cpu *c, const struct uop *u, unsigned op,
                           unsigned lg, bool live, bool cl)
{
    unsigned d = u->dst;
    int_put(c, d, lg, shift_any(c, u, op, lg, live, cl, int_get(c, d, lg)));
}

ALWAYS_INLINE bool shift_m(struct cpu *c, const struct uop *u, unsigned how,
                           unsigned op, unsigned lg, bool live, bool cl)
{
    uint64_t lin = int_ea(c, u, how), a;
    uint8_t *p;
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    int_rmw_store(c, u, lin, lg, how, p, shift_any(c, u, op, lg, live, cl, a));
    return true;
}

#define SHIFT_PAIR(op, OP, lg, live)                                           \
    INT_REGISTER(op##_ri_##lg##live, shift_r, OP, lg, live, false)             \
    INT_REGISTER(op##_rc_##lg##live, shift_r, OP, lg, live, true)              \
    INT_MEMORY1(op##_mi_##lg##live, shift_m, OP, lg, live, false)              \
    INT_MEMORY1(op##_mc_##lg##live, shift_m, OP, lg, live, true)
#define SHIFT_EACH(op, OP)                                                     \
    SHIFT_PAIR(op, OP, 0, 0)                                                   \
    SHIFT_PAIR(op, OP, 1, 0)                                                   \
    SHIFT_PAIR(op, OP, 2, 0)                                                   \
    SHIFT_PAIR(op, OP, 3, 0)                                                   \
    SHIFT_PAIR(op, OP, 0, 1)                                                   \
    SHIFT_PAIR(op, OP, 1, 1) SHIFT_PAIR(op, OP, 2, 1) SHIFT_PAIR(op, OP, 3, 1)
#define SHIFT_LIST(L)                                                          \
    L(rol, SHIFT_ROL)                                                          \
    L(ror, SHIFT_ROR)                                                          \
    L(rcl, SHIFT_RCL)                                                          \
    L(rcr, SHIFT_RCR) L(shl, SHIFT_SHL) L(shr, SHIFT_SHR) L(sar, SHIFT_SAR)
SHIFT_LIST(SHIFT_EACH)

/*
 * SHLD, SHRD by n, 1..63. With 16-bit operands and counts above 16 result
 * and flags are undefined; as on Intel parts the destination, the source
 * and the destination again are shifted through.
 */
ALWAYS_INLINE uint64_t wide_compute(struct cpu *c, bool right, unsigned lg,
                                    bool live, uint64_t a, uint64_t b,
                                    unsigned n)
{
    const unsigned bits = INT_BITS(lg);
    uint64_t r;
    bool cf;
    if (lg == 1) {
        uint64_t w = a << 32 | b << 16 | a;
        r = right ? w >> n : (w << n) >> 32;
        cf = (w >> (right ? n - 1 : 48 - n)) & 1;
    } else if (right) {
        r = (a >> n) | (b << (bits - n));
        cf = (a >> (n - 1)) & 1;
    } else {
        r = (a << n) | (b >> (bits - n));
        cf = (a >> (bits - n)) & 1;
    }
    r &= INT_MASK(lg);
    if (live) /* OF: the sign changed (defined for n == 1) */
        int_set_part(c, lg, r, cf, int_msb(a ^ r, lg), false);
    return r;
}

ALWAYS_INLINE uint64_t wide_any(struct cpu *c, const struct uop *u, bool right,
                                unsigned lg, bool live, uint64_t a)
{
    uint64_t n = u->imm == SHIFT_WIDE_CL ? c->gpr[REG_RCX] : u->imm;
    n &= lg == 3 && !PLANTED(c, PLANT_SHLD_COUNT) ? 63 : 31;
    if (n == 0)
        return a;
    return wide_compute(c, right, lg, live, a, int_get(c, u->src, lg),
                        (unsigned)n);
}

ALWAYS_INLINE void wide_r(struct cpu *c, const struct uop *u, bool right,
                          unsigned lg, bool live)
{
    unsigned d = u->dst;
    int_put(c, d, lg, wide_any(c, u, right, lg, live, int_get(c, d, lg)));
}

ALWAYS_INLINE bool wide_m(struct cpu *c, const struct uop *u, unsigned how,
                          bool right, unsigned lg, bool live)
{
    uint64_t lin = int_ea(c, u, how), a;
    uint8_t *p;
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    int_rmw_store(c, u, lin, lg, how, p, wide_any(c, u, right, lg, live, a));
    return true;
}

#define WIDE_PAIR(op, right, lg, live)                                         \
    INT_REGISTER(op##_r_##lg##live, wide_r, right, lg, live)                   \
    INT_MEMORY1(op##_m_##lg##live, wide_m, right, lg, live)
#define WIDE_EACH(op, right)                                                   \
    WIDE_PAIR(op, right, 1, 0)                                                 \
    WIDE_PAIR(op, right, 2, 0)                                                 \
    WIDE_PAIR(op, right, 3, 0)                                                 \
    WIDE_PAIR(op, right, 1, 1)                                                 \
    WIDE_PAIR(op, right, 2, 1) WIDE_PAIR(op, right, 3, 1)
WIDE_EACH(shld, false)
WIDE_EACH(shrd, true)

#define H(name) ENGINE(name)
#define SIZES2(n)                                                              \
    {                                                                          \
        {H(n##00), H(n##01)}, {H(n##10), H(n##11)}, {H(n##20), H(n##21)},      \
        {                                                                      \
            H(n##30), H(n##31)                                                 \
        }                                                                      \
    }
#define WIDE_SIZES(n)                                                          \
    {                                                                          \
        {H(n##10), H(n##11)}, {H(n##20), H(n##21)},                            \
        {                                                                      \
            H(n##30), H(n##31)                                                 \
        }                                                                      \
    }
#define ROW_RI(op, OP) [OP] = SIZES2(op##_ri_),
#define ROW_RC(op, OP) [OP] = SIZES2(op##_rc_),
#define ROW_MI(op, OP) [OP] = SIZES2(op##_mi_),
#define ROW_MC(op, OP) [OP] = SIZES2(op##_mc_),

const struct exec_shift_table ENGINE(exec_shift) = {
    .imm = {{SHIFT_LIST(ROW_RI)}, {SHIFT_LIST(ROW_MI)}},
    .cl = {{SHIFT_LIST(ROW_RC)}, {SHIFT_LIST(ROW_MC)}},
    .wide = {{WIDE_SIZES(shld_r_), WIDE_SIZES(shld_m_)},
             {WIDE_SIZES(shrd_r_), WIDE_SIZES(shrd_m_)}},
};
