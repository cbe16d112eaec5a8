/* SPDX-License-Identifier: Apache-2.0
 * BMI1, BMI2, LZCNT, ADX and MOVBE. SDM Vol.2.
 *
 * Undefined flags are those of a logic operation's result; AF is 0.
 */
#include "cpu/exec_bmi.h"

/* --- one operand: BLSR, BLSMSK, BLSI --- */

ALWAYS_INLINE void unary_compute(struct cpu *c, const struct uop *u,
                                 unsigned op, unsigned lg, bool live,
                                 uint64_t a)
{
    uint64_t r = op == BMI_BLSR     ? a & (a - 1)
                 : op == BMI_BLSMSK ? a ^ (a - 1)
                                    : a & (0 - a);
    r &= INT_MASK(lg);
    int_put(c, u->dst, lg, r);
    if (!live)
        return;
    bool cf = (a == 0) != (op == BMI_BLSI);
    if (op == BMI_BLSI && PLANTED(c, PLANT_BLSI_CARRY))
        cf = !cf;
    int_set_part(c, lg, r, cf, false, false);
}

ALWAYS_INLINE void unary_r(struct cpu *c, const struct uop *u, unsigned op,
                           unsigned lg, bool live)
{
    unary_compute(c, u, op, lg, live, int_get(c, u->base, lg));
}

ALWAYS_INLINE bool unary_m(struct cpu *c, const struct uop *u, unsigned how,
                           unsigned op, unsigned lg, bool live)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    unary_compute(c, u, op, lg, live, a);
    return true;
}

/* --- TZCNT, LZCNT --- */

ALWAYS_INLINE void count_compute(struct cpu *c, const struct uop *u,
                                 unsigned op, unsigned lg, bool live,
                                 uint64_t a)
{
    uint64_t r = INT_BITS(lg);
    if (a != 0)
        r = (uint64_t)(op == BMI_TZCNT
                           ? __builtin_ctzll(a)
                           : __builtin_clzll(a) - (int)(64 - INT_BITS(lg)));
    else if (op == BMI_LZCNT && PLANTED(c, PLANT_LZCNT_ZERO))
        r = INT_BITS(lg) - 1;
    int_put(c, u->dst, lg, r);
    if (live)
        int_set_part(c, lg, r, a == 0, false, false);
}

ALWAYS_INLINE void count_r(struct cpu *c, const struct uop *u, unsigned op,
                           unsigned lg, bool live)
{
    count_compute(c, u, op, lg, live, int_get(c, u->base, lg));
}

ALWAYS_INLINE bool count_m(struct cpu *c, const struct uop *u, unsigned how,
                           unsigned op, unsigned lg, bool live)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    count_compute(c, u, op, lg, live, a);
    return true;
}

/* --- two operands --- */

/* Low bits of `a` to the places of the mask's ones. */
ALWAYS_INLINE uint64_t deposit(uint64_t a, uint64_t mask)
{
    uint64_t r = 0;
    for (; mask != 0; mask &= mask - 1, a >>= 1)
        if (a & 1)
            r |= mask & (0 - mask);
    return r;
}

ALWAYS_INLINE uint64_t extract(uint64_t a, uint64_t mask)
{
    uint64_t r = 0;
    for (unsigned k = 0; mask != 0; mask &= mask - 1, k++)
        r |= (uint64_t)((a & mask & (0 - mask)) != 0) << k;
    return r;
}

/* `a` is the r/m operand. */
ALWAYS_INLINE uint64_t binary_result(unsigned op, unsigned lg, uint64_t a,
                                     uint64_t b)
{
    unsigned bits = INT_BITS(lg), n = (unsigned)b & (bits - 1);
    unsigned first = (unsigned)b & 0xff, length = (unsigned)(b >> 8) & 0xff;
    switch (op) {
    case BMI_ANDN: return a & ~b;
    case BMI_BEXTR:
        a = first < bits ? a >> first : 0;
        return length < 64 ? a & (BIT(length) - 1) : a;
    case BMI_BZHI: return first < bits ? a & (BIT(first) - 1) : a;
    case BMI_PDEP: return deposit(b, a);
    case BMI_PEXT: return extract(b, a);
    case BMI_SARX: return (uint64_t)(int_signed(a, lg) >> n) & INT_MASK(lg);
    case BMI_SHLX: return (a << n) & INT_MASK(lg);
    case BMI_SHRX: return a >> n;
    default: return (a >> n | a << ((bits - n) & (bits - 1))) & INT_MASK(lg);
    }
}

ALWAYS_INLINE void binary_compute(struct cpu *c, const struct uop *u,
                                  unsigned op, unsigned lg, bool live,
                                  uint64_t a)
{
    uint64_t b = op == BMI_RORX ? u->imm : int_get(c, u->src, lg);
    uint64_t r = binary_result(op, lg, a, b);
    int_put(c, u->dst, lg, r);
    if (live && op < BMI_PDEP) {
        bool cf = op == BMI_BZHI && (b & 0xff) >= INT_BITS(lg);
        int_set_part(c, lg, r, cf, false, false);
    }
}

ALWAYS_INLINE void binary_r(struct cpu *c, const struct uop *u, unsigned op,
                            unsigned lg, bool live)
{
    binary_compute(c, u, op, lg, live, int_get(c, u->base, lg));
}

ALWAYS_INLINE bool binary_m(struct cpu *c, const struct uop *u, unsigned how,
                            unsigned op, unsigned lg, bool live)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    binary_compute(c, u, op, lg, live, a);
    return true;
}

/* --- MULX: the low half is written first, so that a destination named
 * twice gets the high one --- */

ALWAYS_INLINE void mulx_compute(struct cpu *c, const struct uop *u, unsigned lg,
                                uint64_t a)
{
    unsigned __int128 p = (unsigned __int128)a * int_get(c, REG_RDX * 8, lg);
    int_put(c, u->aux, lg, (uint64_t)p & INT_MASK(lg));
    int_put(c, u->dst, lg, (uint64_t)(p >> INT_BITS(lg)) & INT_MASK(lg));
}

ALWAYS_INLINE void mulx_r(struct cpu *c, const struct uop *u, unsigned lg)
{
    mulx_compute(c, u, lg, int_get(c, u->base, lg));
}

ALWAYS_INLINE bool mulx_m(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned lg)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    mulx_compute(c, u, lg, a);
    return true;
}

/* --- ADCX, ADOX: one flag in, the same one out, the others kept --- */

ALWAYS_INLINE void adx_compute(struct cpu *c, const struct uop *u, bool of,
                               unsigned lg, uint64_t a)
{
    unsigned __int128 sum = (unsigned __int128)a + int_get(c, u->dst, lg) +
                            (of ? flags_of(c) : flags_cf(c));
    bool carry = (uint64_t)(sum >> INT_BITS(lg)) != 0;
    int_put(c, u->dst, lg, (uint64_t)sum & INT_MASK(lg));
    if (of)
        int_set_cf_of(c, flags_cf(c), carry);
    else
        int_set_cf_of(c, carry,
                      PLANTED(c, PLANT_ADCX_OVERFLOW) ? carry : flags_of(c));
}

ALWAYS_INLINE void adx_r(struct cpu *c, const struct uop *u, bool of,
                         unsigned lg)
{
    adx_compute(c, u, of, lg, int_get(c, u->base, lg));
}

ALWAYS_INLINE bool adx_m(struct cpu *c, const struct uop *u, unsigned how,
                         bool of, unsigned lg)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    adx_compute(c, u, of, lg, a);
    return true;
}

/* --- MOVBE --- */

ALWAYS_INLINE uint64_t swapped(uint64_t v, unsigned lg)
{
    return __builtin_bswap64(v) >> (64 - INT_BITS(lg));
}

ALWAYS_INLINE bool movbe_load(struct cpu *c, const struct uop *u, unsigned how,
                              unsigned lg)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    if (lg == 1 && PLANTED(c, PLANT_MOVBE_UPPER))
        int_put(c, u->dst, 2, swapped(a, lg));
    else
        int_put(c, u->dst, lg, swapped(a, lg));
    return true;
}

ALWAYS_INLINE bool movbe_store(struct cpu *c, const struct uop *u, unsigned how,
                               unsigned lg)
{
    return int_store(c, u, int_ea(c, u, how), lg, how,
                     swapped(int_get(c, u->src, lg), lg));
}

/* --- instances --- */

#define BMI_PAIR(kind, n, op, lg, live)                                        \
    INT_REGISTER(n##_r_##lg##live, kind##_r, op, lg, live)                     \
    INT_MEMORY1(n##_m_##lg##live, kind##_m, op, lg, live)
#define BMI_WIDE(kind, n, op)                                                  \
    BMI_PAIR(kind, n, op, 2, 0)                                                \
    BMI_PAIR(kind, n, op, 2, 1)                                                \
    BMI_PAIR(kind, n, op, 3, 0)                                                \
    BMI_PAIR(kind, n, op, 3, 1)
#define BMI_UNARY_LIST(L)                                                      \
    L(unary, blsr, BMI_BLSR)                                                   \
    L(unary, blsmsk, BMI_BLSMSK) L(unary, blsi, BMI_BLSI)
#define BMI_COUNT_LIST(L) L(count, tzcnt, BMI_TZCNT) L(count, lzcnt, BMI_LZCNT)
#define BMI_BINARY_LIST(L)                                                     \
    L(binary, andn, BMI_ANDN)                                                  \
    L(binary, bextr, BMI_BEXTR)                                                \
    L(binary, bzhi, BMI_BZHI)                                                  \
    L(binary, pdep, BMI_PDEP)                                                  \
    L(binary, pext, BMI_PEXT)                                                  \
    L(binary, sarx, BMI_SARX)                                                  \
    L(binary, shlx, BMI_SHLX)                                                  \
    L(binary, shrx, BMI_SHRX) L(binary, rorx, BMI_RORX)
#define BMI_WORD(kind, n, op)                                                  \
    BMI_PAIR(kind, n, op, 1, 0) BMI_PAIR(kind, n, op, 1, 1)

BMI_UNARY_LIST(BMI_WIDE)
BMI_COUNT_LIST(BMI_WORD)
BMI_COUNT_LIST(BMI_WIDE)
BMI_BINARY_LIST(BMI_WIDE)

#define BMI_SIZE(lg)                                                           \
    INT_REGISTER(mulx_r_##lg, mulx_r, lg)                                      \
    INT_MEMORY1(mulx_m_##lg, mulx_m, lg)                                       \
    INT_REGISTER(adcx_r_##lg, adx_r, false, lg)                                \
    INT_MEMORY1(adcx_m_##lg, adx_m, false, lg)                                 \
    INT_REGISTER(adox_r_##lg, adx_r, true, lg)                                 \
    INT_MEMORY1(adox_m_##lg, adx_m, true, lg)
BMI_SIZE(2)
BMI_SIZE(3)
#define MOVBE_SIZE(lg)                                                         \
    INT_MEMORY1(movbe_load_##lg, movbe_load, lg)                               \
    INT_MEMORY1(movbe_store_##lg, movbe_store, lg)
MOVBE_SIZE(1)
MOVBE_SIZE(2)
MOVBE_SIZE(3)

#define H(name) ENGINE(name)
#define BMI_R(kind, n, op)                                                     \
    [op] = {{H(n##_r_20), H(n##_r_21)}, {H(n##_r_30), H(n##_r_31)}},
#define BMI_M(kind, n, op)                                                     \
    [op] = {{H(n##_m_20), H(n##_m_21)}, {H(n##_m_30), H(n##_m_31)}},
#define BMI_R3(kind, n, op)                                                    \
    [op] = {{H(n##_r_10), H(n##_r_11)},                                        \
            {H(n##_r_20), H(n##_r_21)},                                        \
            {H(n##_r_30), H(n##_r_31)}},
#define BMI_M3(kind, n, op)                                                    \
    [op] = {{H(n##_m_10), H(n##_m_11)},                                        \
            {H(n##_m_20), H(n##_m_21)},                                        \
            {H(n##_m_30), H(n##_m_31)}},

const struct exec_bmi_table ENGINE(exec_bmi) = {
    .unary = {{BMI_UNARY_LIST(BMI_R)}, {BMI_UNARY_LIST(BMI_M)}},
    .count = {{BMI_COUNT_LIST(BMI_R3)}, {BMI_COUNT_LIST(BMI_M3)}},
    .binary = {{BMI_BINARY_LIST(BMI_R)}, {BMI_BINARY_LIST(BMI_M)}},
    .mulx = {{H(mulx_r_2), H(mulx_r_3)}, {H(mulx_m_2), H(mulx_m_3)}},
    .adx = {{{H(adcx_r_2), H(adcx_r_3)}, {H(adox_r_2), H(adox_r_3)}},
            {{H(adcx_m_2), H(adcx_m_3)}, {H(adox_m_2), H(adox_m_3)}}},
    .movbe = {{H(movbe_load_1), H(movbe_load_2), H(movbe_load_3)},
              {H(movbe_store_1), H(movbe_store_2), H(movbe_store_3)}},
};
