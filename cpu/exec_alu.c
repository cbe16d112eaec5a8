/* SPDX-License-Identifier: Apache-2.0
 * Two-operand arithmetic and logic, NOT NEG INC DEC, XADD, CMPXCHG and
 * CMPXCHG8B/16B. LOCK needs nothing here: cores take turns between
 * instructions. Flags: SDM Vol.1 App. A "EFLAGS Cross-Reference".
 */
#include "cpu/exec_int.h"

ALWAYS_INLINE bool alu_writes(unsigned op)
{
    return op != ALU_CMP && op != ALU_TEST;
}

/* a + b + carry or a - b - carry; AF and CF come from the carries. */
ALWAYS_INLINE uint64_t alu_carry(struct cpu *c, bool subtract, unsigned lg,
                                 bool live, uint64_t a, uint64_t b)
{
    uint64_t cf = flags_cf(c), r, out;
    if (subtract) {
        r = a - b - cf;
        out = (~a & b) | ((~a | b) & r);
    } else {
        r = a + b + cf;
        out = (a & b) | ((a | b) & ~r);
    }
    if (PLANTED(c, PLANT_ADC_CARRY_IN) && !subtract)
        out = (a & b) | ((a | b) & ~(a + b));
    r &= INT_MASK(lg);
    if (live) {
        bool of = int_msb(subtract ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r), lg);
        int_set_part(c, lg, r, int_msb(out, lg), of, (out >> 3) & 1);
    }
    return r;
}

ALWAYS_INLINE uint64_t alu_compute(struct cpu *c, unsigned op, unsigned lg,
                                   bool live, uint64_t a, uint64_t b)
{
    uint64_t r;
    unsigned kind = CC_LOGIC;
    switch (op) {
    case ALU_ADC:
    case ALU_SBB: return alu_carry(c, op == ALU_SBB, lg, live, a, b);
    case ALU_ADD:
        r = a + b;
        kind = CC_ADD;
        break;
    case ALU_SUB:
    case ALU_CMP:
        r = a - b;
        kind = CC_SUB;
        break;
    case ALU_OR: r = a | b; break;
    case ALU_XOR: r = a ^ b; break;
    default: r = a & b; break;
    }
    r &= INT_MASK(lg);
    if (live)
        flags_set_lazy(c, kind, lg, r, b);
    return r;
}

ALWAYS_INLINE void alu_rr(struct cpu *c, const struct uop *u, unsigned op,
                          unsigned lg, bool live)
{
    unsigned d = u->dst;
    uint64_t b = int_get(c, u->src, lg);
    uint64_t r = alu_compute(c, op, lg, live, int_get(c, d, lg), b);
    if (alu_writes(op))
        int_put(c, d, lg, r);
}

ALWAYS_INLINE void alu_ri(struct cpu *c, const struct uop *u, unsigned op,
                          unsigned lg, bool live)
{
    unsigned d = u->dst;
    uint64_t b = u->imm;
    uint64_t r = alu_compute(c, op, lg, live, int_get(c, d, lg), b);
    if (alu_writes(op))
        int_put(c, d, lg, r);
}

ALWAYS_INLINE bool alu_rm(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned op, unsigned lg, bool live)
{
    unsigned d = u->dst;
    uint64_t b;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &b)))
        return false;
    uint64_t r = alu_compute(c, op, lg, live, int_get(c, d, lg), b);
    if (alu_writes(op))
        int_put(c, d, lg, r);
    return true;
}

/* Memory destination; the source is a register or the immediate. */
ALWAYS_INLINE bool alu_m(struct cpu *c, const struct uop *u, unsigned how,
                         unsigned op, unsigned lg, bool live, bool imm)
{
    uint64_t lin = int_ea(c, u, how), a;
    uint8_t *p = NULL;
    if (alu_writes(op)) {
        if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
            return false;
    } else if (UNLIKELY(!int_load(c, u, lin, lg, how, &a))) {
        return false;
    }
    uint64_t b = imm ? u->imm : int_get(c, u->src, lg);
    uint64_t r = alu_compute(c, op, lg, live, a, b);
    if (alu_writes(op))
        int_rmw_store(c, u, lin, lg, how, p, r);
    return true;
}

#define ALU_REG(op, OP, lg, live)                                              \
    INT_REGISTER(op##_rr_##lg##live, alu_rr, OP, lg, live)                     \
    INT_REGISTER(op##_ri_##lg##live, alu_ri, OP, lg, live)
#define ALU_MEM(op, OP, lg, live)                                              \
    INT_MEMORY(op##_mr_##lg##live, alu_m, OP, lg, live, false)                 \
    INT_MEMORY(op##_mi_##lg##live, alu_m, OP, lg, live, true)
#define ALU_LOAD(op, OP, lg, live)                                             \
    INT_MEMORY(op##_rm_##lg##live, alu_rm, OP, lg, live)
#define ALU_EACH(F, op, OP)                                                    \
    F(op, OP, 0, 0)                                                            \
    F(op, OP, 1, 0)                                                            \
    F(op, OP, 2, 0)                                                            \
    F(op, OP, 3, 0)                                                            \
    F(op, OP, 0, 1) F(op, OP, 1, 1) F(op, OP, 2, 1) F(op, OP, 3, 1)
#define ALU_LIST(L)                                                            \
    L(add, ALU_ADD)                                                            \
    L(or, ALU_OR)                                                              \
    L(adc, ALU_ADC)                                                            \
    L(sbb, ALU_SBB)                                                            \
    L(and, ALU_AND) L(sub, ALU_SUB) L(xor, ALU_XOR) L(cmp, ALU_CMP)

#define ALU_HANDLERS(op, OP)                                                   \
    ALU_EACH(ALU_REG, op, OP)                                                  \
    ALU_EACH(ALU_MEM, op, OP)                                                  \
    ALU_EACH(ALU_LOAD, op, OP)
ALU_LIST(ALU_HANDLERS)
ALU_EACH(ALU_REG, test, ALU_TEST)
ALU_EACH(ALU_MEM, test, ALU_TEST)

/* dst = 0, as XOR r,r and SUB r,r do with every flag of result 0. */
ALWAYS_INLINE void alu_zero(struct cpu *c, const struct uop *u, bool live)
{
    REG(uint64_t, c, u->dst) = 0;
    if (live)
        flags_set_lazy(c, CC_LOGIC, 3, 0, 0);
}
INT_REGISTER(zero_0, alu_zero, false)
INT_REGISTER(zero_1, alu_zero, true)

ALWAYS_INLINE uint64_t unary_compute(struct cpu *c, unsigned op, unsigned lg,
                                     bool live, uint64_t a)
{
    uint64_t r;
    switch (op) {
    case UNARY_NOT: return ~a & INT_MASK(lg);
    case UNARY_NEG:
        r = (0 - a) & INT_MASK(lg);
        if (live)
            flags_set_lazy(c, CC_SUB, lg, r, a);
        return r;
    default:
        r = (op == UNARY_INC ? a + 1 : a - 1) & INT_MASK(lg);
        if (live)
            flags_set_lazy(c, op == UNARY_INC ? CC_INC : CC_DEC, lg, r,
                           !(PLANTED(c, PLANT_INC_CARRY) && op == UNARY_INC) &&
                               flags_cf(c));
        return r;
    }
}

ALWAYS_INLINE void unary_r(struct cpu *c, const struct uop *u, unsigned op,
                           unsigned lg, bool live)
{
    unsigned d = u->dst;
    int_put(c, d, lg, unary_compute(c, op, lg, live, int_get(c, d, lg)));
}

ALWAYS_INLINE bool unary_m(struct cpu *c, const struct uop *u, unsigned how,
                           unsigned op, unsigned lg, bool live)
{
    uint64_t lin = int_ea(c, u, how), a;
    uint8_t *p;
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    int_rmw_store(c, u, lin, lg, how, p, unary_compute(c, op, lg, live, a));
    return true;
}

#define UNARY_PAIR(op, OP, lg, live)                                           \
    INT_REGISTER(op##_r_##lg##live, unary_r, OP, lg, live)                     \
    INT_MEMORY1(op##_m_##lg##live, unary_m, OP, lg, live)
#define UNARY_LIST(L)                                                          \
    L(not, UNARY_NOT) L(neg, UNARY_NEG) L(inc, UNARY_INC) L(dec, UNARY_DEC)
#define UNARY_HANDLERS(op, OP) ALU_EACH(UNARY_PAIR, op, OP)
UNARY_LIST(UNARY_HANDLERS)

/* The destination is written last: XADD r,r with one register leaves the
 * sum. SDM Vol.2 XADD. */
ALWAYS_INLINE void xadd_r(struct cpu *c, const struct uop *u, unsigned lg)
{
    unsigned d = u->dst, s = u->src;
    uint64_t a = int_get(c, d, lg);
    uint64_t r = alu_compute(c, ALU_ADD, lg, true, a, int_get(c, s, lg));
    int_put(c, s, lg, a);
    int_put(c, d, lg, r);
}

ALWAYS_INLINE bool xadd_m(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned lg)
{
    uint64_t lin = int_ea(c, u, how), a;
    unsigned s = u->src;
    uint8_t *p;
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    uint64_t r = alu_compute(c, ALU_ADD, lg, true, a, int_get(c, s, lg));
    int_rmw_store(c, u, lin, lg, how, p, r);
    int_put(c, s, lg, a);
    return true;
}

/* When the comparison fails a memory destination is written with what it
 * held, as SDM Vol.2 CMPXCHG says, but a register is not touched: the upper
 * half of a 64-bit one stays, on Intel and AMD parts alike. The accumulator
 * is written only then. */
ALWAYS_INLINE void cmpxchg_r(struct cpu *c, const struct uop *u, unsigned lg)
{
    unsigned d = u->dst;
    uint64_t a = int_get(c, d, lg), b = int_get(c, u->src, lg);
    if (alu_compute(c, ALU_CMP, lg, true, int_get(c, 0, lg), a) == 0)
        int_put(c, d, lg, b);
    else
        int_put(c, 0, lg, a);
}

ALWAYS_INLINE bool cmpxchg_m(struct cpu *c, const struct uop *u, unsigned how,
                             unsigned lg)
{
    uint64_t lin = int_ea(c, u, how), a;
    uint64_t b = int_get(c, u->src, lg);
    uint8_t *p;
    if (PLANTED(c, PLANT_CMPXCHG_NO_WRITE)) {
        if (!int_load(c, u, lin, lg, how, &a))
            return false;
        if (a != int_get(c, 0, lg)) {
            (void)alu_compute(c, ALU_CMP, lg, true, int_get(c, 0, lg), a);
            int_put(c, 0, lg, a);
            return true;
        }
    }
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    if (alu_compute(c, ALU_CMP, lg, true, int_get(c, 0, lg), a) != 0) {
        int_put(c, 0, lg, a);
        b = a;
    }
    int_rmw_store(c, u, lin, lg, how, p, b);
    return true;
}

/* CMPXCHG8B, CMPXCHG16B: only ZF changes. Always by the slow path, which
 * moves 16 bytes as one access. */
ALWAYS_INLINE bool cmpxchg_pair(struct cpu *c, const struct uop *u, unsigned lg)
{
    uint64_t lin = uop_ea(c, u), lo, hi;
    unsigned size = 2u << lg;
    if (!mem_load_slow(c, u, lin, size, true))
        return false;
    lo = lg == 3 ? c->slow.u64[0] : (uint32_t)c->slow.u64[0];
    hi = lg == 3 ? c->slow.u64[1] : c->slow.u64[0] >> 32;
    bool equal =
        lo == int_get(c, REG_RAX * 8, lg) && hi == int_get(c, REG_RDX * 8, lg);
    uint64_t new_lo = equal ? int_get(c, REG_RBX * 8, lg) : lo;
    uint64_t new_hi = equal ? int_get(c, REG_RCX * 8, lg) : hi;
    c->slow.u64[0] = lg == 3 ? new_lo : new_lo | new_hi << 32;
    c->slow.u64[1] = new_hi;
    (void)mem_store_slow(c, u, lin, size, true);
    if (!equal) {
        int_put(c, REG_RAX * 8, lg, lo);
        int_put(c, REG_RDX * 8, lg, hi);
    }
    uint32_t f = flags_arith(c) & ~(uint32_t)FLAG_ZF;
    flags_set_arith(c, equal ? f | FLAG_ZF : f);
    return true;
}

#define EXCHANGE_HANDLERS(lg)                                                  \
    INT_REGISTER(xadd_r_##lg, xadd_r, lg)                                      \
    INT_MEMORY1(xadd_m_##lg, xadd_m, lg)                                       \
    INT_REGISTER(cmpxchg_r_##lg, cmpxchg_r, lg)                                \
    INT_MEMORY1(cmpxchg_m_##lg, cmpxchg_m, lg)
EXCHANGE_HANDLERS(0)
EXCHANGE_HANDLERS(1)
EXCHANGE_HANDLERS(2)
EXCHANGE_HANDLERS(3)

UOP_STATIC(cmpxchg8b)
{
    if (!cmpxchg_pair(c, u, 2))
        return uop_fault(c, u);
    UOP_NEXT(c, u);
}

/* A misaligned operand is #GP(0) before anything else is looked at. */
UOP_STATIC(cmpxchg16b)
{
    if (uop_ea(c, u) & 15) {
        raise_gp(c, 0);
        return uop_fault(c, u);
    }
    if (!cmpxchg_pair(c, u, 3))
        return uop_fault(c, u);
    UOP_NEXT(c, u);
}

#define H(name) ENGINE(name)
#define ALU_SIZES(op, form, x)                                                 \
    {                                                                          \
        {H(op##form##00##x), H(op##form##01##x)},                              \
            {H(op##form##10##x), H(op##form##11##x)},                          \
            {H(op##form##20##x), H(op##form##21##x)},                          \
        {                                                                      \
            H(op##form##30##x), H(op##form##31##x)                             \
        }                                                                      \
    }
#define ALU_ROW(op, OP)                                                        \
    [OP] = {[FORM_RR] = ALU_SIZES(op, _rr_, ),                                 \
            [FORM_RI] = ALU_SIZES(op, _ri_, ),                                 \
            [FORM_RM] = ALU_SIZES(op, _rm_, _m),                               \
            [FORM_RX] = ALU_SIZES(op, _rm_, _x),                               \
            [FORM_MR] = ALU_SIZES(op, _mr_, _m),                               \
            [FORM_XR] = ALU_SIZES(op, _mr_, _x),                               \
            [FORM_MI] = ALU_SIZES(op, _mi_, _m),                               \
            [FORM_XI] = ALU_SIZES(op, _mi_, _x)},
#define UNARY_R(op, OP) [OP] = ALU_SIZES(op, _r_, ),
#define UNARY_M(op, OP) [OP] = ALU_SIZES(op, _m_, ),
#define EXCHANGE_SIZES(n)                                                      \
    {                                                                          \
        H(n##_0), H(n##_1), H(n##_2), H(n##_3)                                 \
    }

const struct exec_alu_table ENGINE(exec_alu) = {
    .binary =
        {ALU_LIST(ALU_ROW)[ALU_TEST] = {[FORM_RR] = ALU_SIZES(test, _rr_, ),
                                        [FORM_RI] = ALU_SIZES(test, _ri_, ),
                                        [FORM_MR] = ALU_SIZES(test, _mr_, _m),
                                        [FORM_XR] = ALU_SIZES(test, _mr_, _x),
                                        [FORM_MI] = ALU_SIZES(test, _mi_, _m),
                                        [FORM_XI] = ALU_SIZES(test, _mi_, _x)}},
    .zero = {H(zero_0), H(zero_1)},
    .unary = {{UNARY_LIST(UNARY_R)}, {UNARY_LIST(UNARY_M)}},
    .xadd = {EXCHANGE_SIZES(xadd_r), EXCHANGE_SIZES(xadd_m)},
    .cmpxchg = {EXCHANGE_SIZES(cmpxchg_r), EXCHANGE_SIZES(cmpxchg_m)},
    .cmpxchg_pair = {H(cmpxchg8b), H(cmpxchg16b)},
};
