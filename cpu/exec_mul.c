/* SPDX-License-Identifier: Apache-2.0
 * Multiply and divide. SDM Vol.2 MUL, IMUL, DIV, IDIV.
 *
 * Undefined flags: multiplications give SF, ZF and PF of the low half of the
 * product and AF 0 (Intel parts do so but for ZF, which varies); divisions
 * change none.
 */
#include "cpu/exec_int.h"

/* The double-width product of a and b, already extended to 64 bits. Sets CF
 * = OF when the high half is more than an extension of the low one. */
ALWAYS_INLINE void mul_product(struct cpu *c, unsigned lg, bool sign, bool live,
                               uint64_t a, uint64_t b, uint64_t *lo,
                               uint64_t *hi)
{
    bool over;
    if (lg < 3) {
        uint64_t p = a * b;
        *lo = p & INT_MASK(lg);
        *hi = (p >> INT_BITS(lg)) & INT_MASK(lg);
        over = sign ? (int64_t)p != int_signed(p, lg) : *hi != 0;
    } else if (sign) {
        __int128 p = (__int128)(int64_t)a * (int64_t)b;
        *lo = (uint64_t)p;
        *hi = (uint64_t)(p >> 64);
        over = p != (int64_t)p;
    } else {
        unsigned __int128 p = (unsigned __int128)a * b;
        *lo = (uint64_t)p;
        *hi = (uint64_t)(p >> 64);
        over = *hi != 0;
    }
    if (live)
        int_set_part(c, lg, *lo, over, over, false);
}

ALWAYS_INLINE uint64_t mul_extend(uint64_t v, unsigned lg, bool sign)
{
    return sign ? (uint64_t)int_signed(v, lg) : v;
}

/* RDX:RAX (AX for bytes) = RAX * b. */
ALWAYS_INLINE void mul_accumulator(struct cpu *c, unsigned lg, bool sign,
                                   bool live, uint64_t b)
{
    uint64_t a = mul_extend(int_get(c, REG_RAX * 8, lg), lg, sign), lo, hi;
    mul_product(c, lg, sign, live, a, mul_extend(b, lg, sign), &lo, &hi);
    if (lg == 0) {
        int_put(c, REG_RAX * 8, 1, lo | hi << 8);
        return;
    }
    int_put(c, REG_RAX * 8, lg, lo);
    int_put(c, REG_RDX * 8, lg, hi);
}

ALWAYS_INLINE void mul_r(struct cpu *c, const struct uop *u, unsigned lg,
                         bool sign, bool live)
{
    mul_accumulator(c, lg, sign, live, int_get(c, u->src, lg));
}

ALWAYS_INLINE bool mul_m(struct cpu *c, const struct uop *u, unsigned how,
                         unsigned lg, bool sign, bool live)
{
    uint64_t b;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &b)))
        return false;
    mul_accumulator(c, lg, sign, live, b);
    return true;
}

/* The truncated product of the two- and three-operand forms. */
ALWAYS_INLINE uint64_t imul_compute(struct cpu *c, unsigned lg, bool live,
                                    uint64_t a, uint64_t b)
{
    uint64_t r;
    if (!live)
        return a * b;
    int64_t sa = int_signed(a, lg), sb = int_signed(b, lg), wide;
    bool over = __builtin_mul_overflow(sa, sb, &wide);
    r = (uint64_t)wide & INT_MASK(lg);
    if (lg < 3)
        over = wide != int_signed(r, lg);
    int_set_part(c, lg, r, over, over, false);
    return r;
}

ALWAYS_INLINE void imul_r(struct cpu *c, const struct uop *u, unsigned lg,
                          bool live, bool imm)
{
    unsigned d = u->dst;
    uint64_t b = imm ? u->imm : int_get(c, d, lg);
    int_put(c, d, lg, imul_compute(c, lg, live, int_get(c, u->src, lg), b));
}

ALWAYS_INLINE bool imul_m(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned lg, bool live, bool imm)
{
    unsigned d = u->dst;
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    uint64_t b = imm ? u->imm : int_get(c, d, lg);
    int_put(c, d, lg, imul_compute(c, lg, live, a, b));
    return true;
}

/*
 * RDX:RAX (AX) divided by b into quotient RAX (AL) and remainder RDX (AH).
 * False: #DE, nothing changed.
 */
ALWAYS_INLINE bool div_unsigned(struct cpu *c, unsigned lg, uint64_t b)
{
    uint64_t q, r, lo, hi;
    if (lg == 0) {
        lo = int_get(c, REG_RAX * 8, 1) & 0xff;
        hi = int_get(c, REG_RAX * 8, 1) >> 8;
    } else {
        lo = int_get(c, REG_RAX * 8, lg);
        hi = int_get(c, REG_RDX * 8, lg);
    }
    if (UNLIKELY(hi >= b)) { /* b == 0, or the quotient is too large */
        if (PLANTED(c, PLANT_DIV_COMMITS))
            c->gpr[REG_RAX] = 0;
        return false;
    }
    if (lg < 3 || hi == 0) {
        uint64_t n = lg < 3 ? lo | hi << INT_BITS(lg) : lo;
        q = n / b;
        r = n % b;
    } else {
        unsigned __int128 n = (unsigned __int128)hi << 64 | lo;
        q = (uint64_t)(n / b);
        r = (uint64_t)(n % b);
    }
    if (lg == 0) {
        int_put(c, REG_RAX * 8, 1, q | r << 8);
        return true;
    }
    int_put(c, REG_RAX * 8, lg, q);
    int_put(c, REG_RDX * 8, lg, r);
    return true;
}

ALWAYS_INLINE bool div_signed_wide(uint64_t hi, uint64_t lo, int64_t b,
                                   int64_t *q, int64_t *r)
{
    __int128 n = (__int128)((unsigned __int128)hi << 64 | lo);
    if (n == (int64_t)lo) { /* the usual dividend: CQO made its high half */
        if (b == -1 && (int64_t)lo == INT64_MIN)
            return false;
        *q = (int64_t)lo / b;
        *r = (int64_t)lo % b;
        return true;
    }
    if (b == -1) /* does not fit, and would overflow here for -2^127 */
        return false;
    __int128 wide = n / b;
    if (wide != (int64_t)wide)
        return false;
    *q = (int64_t)wide;
    *r = (int64_t)(n % b);
    return true;
}

ALWAYS_INLINE bool div_signed(struct cpu *c, unsigned lg, uint64_t b)
{
    int64_t d = int_signed(b, lg), q, r;
    if (UNLIKELY(d == 0))
        return false;
    if (lg < 3) {
        uint64_t w = lg == 0 ? int_get(c, REG_RAX * 8, 1)
                             : int_get(c, REG_RAX * 8, lg) |
                                   int_get(c, REG_RDX * 8, lg) << INT_BITS(lg);
        int64_t n = int_signed(w, lg + 1);
        if (UNLIKELY(d == -1 && n == INT64_MIN))
            return false;
        q = n / d;
        r = n % d;
        if (UNLIKELY(q != int_signed((uint64_t)q, lg)))
            return false;
    } else if (!div_signed_wide(c->gpr[REG_RDX], c->gpr[REG_RAX], d, &q, &r)) {
        return false;
    }
    if (lg == 0) {
        int_put(c, REG_RAX * 8, 1,
                ((uint64_t)q & 0xff) | ((uint64_t)r & 0xff) << 8);
        return true;
    }
    int_put(c, REG_RAX * 8, lg, (uint64_t)q);
    int_put(c, REG_RDX * 8, lg, (uint64_t)r);
    return true;
}

UOP_COLD UOP_STATIC(divide_error)
{
    raise_exception(c, EXC_DE);
    return uop_fault(c, u);
}

ALWAYS_INLINE bool div_any(struct cpu *c, unsigned lg, bool sign, uint64_t b)
{
    return sign ? div_signed(c, lg, b) : div_unsigned(c, lg, b);
}

#define DIV_HANDLERS(n, lg, sign)                                              \
    UOP_STATIC(n##_r_##lg)                                                     \
    {                                                                          \
        if (UNLIKELY(!div_any(c, lg, sign, int_get(c, u->src, lg))))           \
            UOP_MISS(c, u, ENGINE(divide_error));                              \
        UOP_NEXT(c, u);                                                        \
    }                                                                          \
    UOP_STATIC(n##_m_##lg)                                                     \
    {                                                                          \
        uint64_t b;                                                            \
        if (UNLIKELY(!mem_load(c, u, uop_ea(c, u), 1u << lg, &b)))             \
            return uop_fault(c, u);                                            \
        if (UNLIKELY(!div_any(c, lg, sign, b)))                                \
            UOP_MISS(c, u, ENGINE(divide_error));                              \
        UOP_NEXT(c, u);                                                        \
    }
#define MUL_HANDLERS(n, lg, sign, live)                                        \
    INT_REGISTER(n##_r_##lg##live, mul_r, lg, sign, live)                      \
    INT_MEMORY1(n##_m_##lg##live, mul_m, lg, sign, live)
#define EACH_SIZE(lg)                                                          \
    DIV_HANDLERS(div, lg, false)                                               \
    DIV_HANDLERS(idiv, lg, true)                                               \
    MUL_HANDLERS(mul, lg, false, 0)                                            \
    MUL_HANDLERS(mul, lg, false, 1)                                            \
    MUL_HANDLERS(imul, lg, true, 0)                                            \
    MUL_HANDLERS(imul, lg, true, 1)
EACH_SIZE(0)
EACH_SIZE(1)
EACH_SIZE(2)
EACH_SIZE(3)

#define IMUL_HANDLERS(lg, live)                                                \
    INT_REGISTER(imul_rr_##lg##live, imul_r, lg, live, false)                  \
    INT_REGISTER(imul_rri_##lg##live, imul_r, lg, live, true)                  \
    INT_MEMORY1(imul_rm_##lg##live, imul_m, lg, live, false)                   \
    INT_MEMORY1(imul_rmi_##lg##live, imul_m, lg, live, true)
IMUL_HANDLERS(1, 0)
IMUL_HANDLERS(2, 0)
IMUL_HANDLERS(3, 0)
IMUL_HANDLERS(1, 1)
IMUL_HANDLERS(2, 1)
IMUL_HANDLERS(3, 1)

#define H(name) ENGINE(name)
#define SIZES(n)                                                               \
    {                                                                          \
        H(n##_0), H(n##_1), H(n##_2), H(n##_3)                                 \
    }
#define SIZES2(n)                                                              \
    {                                                                          \
        {H(n##_00), H(n##_01)}, {H(n##_10), H(n##_11)},                        \
            {H(n##_20), H(n##_21)},                                            \
        {                                                                      \
            H(n##_30), H(n##_31)                                               \
        }                                                                      \
    }
#define WORDS2(n)                                                              \
    {                                                                          \
        {H(n##_10), H(n##_11)}, {H(n##_20), H(n##_21)},                        \
        {                                                                      \
            H(n##_30), H(n##_31)                                               \
        }                                                                      \
    }

const struct exec_mul_table ENGINE(exec_mul) = {
    .mul = {{SIZES2(mul_r), SIZES2(imul_r)}, {SIZES2(mul_m), SIZES2(imul_m)}},
    .div = {{SIZES(div_r), SIZES(idiv_r)}, {SIZES(div_m), SIZES(idiv_m)}},
    .imul_rr = WORDS2(imul_rr),
    .imul_rm = WORDS2(imul_rm),
    .imul_rri = WORDS2(imul_rri),
    .imul_rmi = WORDS2(imul_rmi),
};
