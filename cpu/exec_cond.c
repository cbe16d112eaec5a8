/* SPDX-License-Identifier: Apache-2.0
 * SETcc, CMOVcc and the instructions that move or set single flags.
 */
#include "cpu/exec_int.h"

/* Bodies return false when they want the twin: the condition takes longer,
 * or the filter missed; or, from the twin, when a fault was met. */
ALWAYS_INLINE bool condition(const struct cpu *c, unsigned how, unsigned cc,
                             bool *is)
{
    int quick = how & COLD ? -1 : flags_quick(c, cc);
    if (!(how & COLD) && UNLIKELY(quick < 0))
        return false;
    *is = how & COLD ? flags_condition(c, cc) : quick != 0;
    return true;
}

ALWAYS_INLINE bool set_r(struct cpu *c, const struct uop *u, unsigned how,
                         unsigned cc)
{
    bool is;
    if (!condition(c, how, cc, &is))
        return false;
    REG(uint8_t, c, u->dst) = is;
    return true;
}

ALWAYS_INLINE bool set_m(struct cpu *c, const struct uop *u, unsigned how,
                         unsigned cc)
{
    bool is;
    return condition(c, how, cc, &is) &&
           int_store(c, u, int_ea(c, u, how), 0, how, is);
}

/* A 32-bit destination is zero-extended even when nothing is moved; the
 * memory operand is always loaded. SDM Vol.2 CMOVcc. */
ALWAYS_INLINE bool cmov_r(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned cc, unsigned lg)
{
    unsigned d = u->dst;
    uint64_t a = int_get(c, d, lg), b = int_get(c, u->src, lg);
    bool is;
    if (!condition(c, how, cc, &is))
        return false;
    if (PLANTED(c, PLANT_CMOV_UPPER) && !is)
        return true;
    int_put(c, d, lg, is ? b : a);
    return true;
}

ALWAYS_INLINE bool cmov_m(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned cc, unsigned lg)
{
    unsigned d = u->dst;
    uint64_t b;
    bool is;
    if (!condition(c, how, cc, &is) ||
        UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &b)))
        return false;
    int_put(c, d, lg, is ? b : int_get(c, d, lg));
    return true;
}

#define CONDITIONS(L)                                                          \
    L(0)                                                                       \
    L(1)                                                                       \
    L(2) L(3) L(4) L(5) L(6) L(7) L(8) L(9) L(10) L(11) L(12) L(13) L(14) L(15)
#define COND_HANDLERS(cc)                                                      \
    INT_MEMORY1(set_r_##cc, set_r, cc)                                         \
    INT_MEMORY1(set_m_##cc, set_m, cc)                                         \
    INT_MEMORY1(cmov_r_##cc##_1, cmov_r, cc, 1)                                \
    INT_MEMORY1(cmov_r_##cc##_2, cmov_r, cc, 2)                                \
    INT_MEMORY1(cmov_r_##cc##_3, cmov_r, cc, 3)                                \
    INT_MEMORY1(cmov_m_##cc##_1, cmov_m, cc, 1)                                \
    INT_MEMORY1(cmov_m_##cc##_2, cmov_m, cc, 2)                                \
    INT_MEMORY1(cmov_m_##cc##_3, cmov_m, cc, 3)
CONDITIONS(COND_HANDLERS)

/* LAHF: AH = SF ZF 0 AF 0 PF 1 CF. */
UOP_STATIC(lahf)
{
    uint32_t f = (flags_cf(c) ? FLAG_CF : 0u) | (flags_pf(c) ? FLAG_PF : 0u) |
                 (flags_af(c) ? FLAG_AF : 0u) | (flags_zf(c) ? FLAG_ZF : 0u) |
                 (flags_sf(c) ? FLAG_SF : 0u) | FLAG_ONE;
    REG(uint8_t, c, 1) = (uint8_t)f;
    UOP_NEXT(c, u);
}

UOP_STATIC(sahf)
{
    uint32_t of = flags_of(c) ? FLAG_OF : 0u;
    flags_set_arith(c, (uint32_t)REG(uint8_t, c, 1) | of);
    UOP_NEXT(c, u);
}

UOP_STATIC(clc)
{
    int_set_cf(c, false);
    UOP_NEXT(c, u);
}

UOP_STATIC(stc)
{
    int_set_cf(c, true);
    UOP_NEXT(c, u);
}

UOP_STATIC(cmc)
{
    int_set_cf(c, !flags_cf(c));
    UOP_NEXT(c, u);
}

UOP_STATIC(cld)
{
    c->eflags &= ~(uint32_t)FLAG_DF;
    UOP_NEXT(c, u);
}

UOP_STATIC(std)
{
    c->eflags |= FLAG_DF;
    UOP_NEXT(c, u);
}

UOP_STATIC(nop)
{
    (void)c;
    UOP_NEXT(c, u);
}

#define H(name)    ENGINE(name)
#define SET_R(cc)  H(set_r_##cc),
#define SET_M(cc)  H(set_m_##cc),
#define CMOV_R(cc) {H(cmov_r_##cc##_1), H(cmov_r_##cc##_2), H(cmov_r_##cc##_3)},
#define CMOV_M(cc) {H(cmov_m_##cc##_1), H(cmov_m_##cc##_2), H(cmov_m_##cc##_3)},

const struct exec_cond_table ENGINE(exec_cond) = {
    .set_r = {CONDITIONS(SET_R)},
    .set_m = {CONDITIONS(SET_M)},
    .cmov_r = {CONDITIONS(CMOV_R)},
    .cmov_m = {CONDITIONS(CMOV_M)},
    .lahf = H(lahf),
    .sahf = H(sahf),
    .clc = H(clc),
    .stc = H(stc),
    .cmc = H(cmc),
    .cld = H(cld),
    .std = H(std),
    .nop = H(nop),
};
