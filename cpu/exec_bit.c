/* SPDX-License-Identifier: Apache-2.0
 * Bit tests, bit scans, POPCNT, CRC32 and random numbers.
 *
 * Undefined flags: BT and its kin change CF only; BSF and BSR give the
 * flags of a logic operation on the source, and leave the destination alone
 * when the source is 0.
 */
#include "cpu/exec_int.h"

ALWAYS_INLINE uint64_t bt_compute(struct cpu *c, unsigned op, bool live,
                                  uint64_t a, unsigned bit)
{
    if (live)
        int_set_cf(c, (a >> bit) & 1);
    switch (op) {
    case BIT_SET: return a | BIT(bit);
    case BIT_RESET: return a & ~BIT(bit);
    case BIT_COMPLEMENT: return a ^ BIT(bit);
    default: return a;
    }
}

ALWAYS_INLINE unsigned bt_number(const struct cpu *c, const struct uop *u,
                                 unsigned lg, bool imm)
{
    return (unsigned)(imm ? u->imm : int_get(c, u->src, lg)) &
           (INT_BITS(lg) - 1);
}

/* BT writes nothing, not even the upper half. */
ALWAYS_INLINE void bt_r(struct cpu *c, const struct uop *u, unsigned op,
                        unsigned lg, bool live, bool imm)
{
    unsigned d = u->dst, bit = bt_number(c, u, lg, imm);
    uint64_t r = bt_compute(c, op, live, int_get(c, d, lg), bit);
    if (op != BIT_TEST)
        int_put(c, d, lg, r);
}

/* With a register the bit number is signed and reaches beyond the operand:
 * the unit accessed is the one of the operand's size that holds the bit. */
ALWAYS_INLINE bool bt_m(struct cpu *c, const struct uop *u, unsigned how,
                        unsigned op, unsigned lg, bool live, bool imm)
{
    uint64_t lin = int_ea(c, u, how), a;
    unsigned bit = bt_number(c, u, lg, imm);
    uint8_t *p;
    if (!imm) {
        uint64_t number = int_get(c, u->src, lg);
        int64_t at = int_signed(number, lg) >> (3 + lg);
        if (PLANTED(c, PLANT_BT_NEGATIVE))
            at = (int64_t)(number >> (3 + lg));
        lin += (uint64_t)at << lg;
    }
    if (op == BIT_TEST) {
        if (UNLIKELY(!int_load(c, u, lin, lg, how, &a)))
            return false;
        (void)bt_compute(c, op, live, a, bit);
        return true;
    }
    if (UNLIKELY(!int_rmw_load(c, u, lin, lg, how, &p, &a)))
        return false;
    int_rmw_store(c, u, lin, lg, how, p, bt_compute(c, op, live, a, bit));
    return true;
}

#define BT_HANDLERS(n, op, lg, live)                                           \
    INT_REGISTER(n##_ri_##lg##live, bt_r, op, lg, live, true)                  \
    INT_REGISTER(n##_rr_##lg##live, bt_r, op, lg, live, false)                 \
    INT_MEMORY1(n##_mi_##lg##live, bt_m, op, lg, live, true)                   \
    INT_MEMORY1(n##_mr_##lg##live, bt_m, op, lg, live, false)
#define BT_EACH(n, op)                                                         \
    BT_HANDLERS(n, op, 1, 0)                                                   \
    BT_HANDLERS(n, op, 2, 0)                                                   \
    BT_HANDLERS(n, op, 3, 0)                                                   \
    BT_HANDLERS(n, op, 1, 1) BT_HANDLERS(n, op, 2, 1) BT_HANDLERS(n, op, 3, 1)
#define BT_LIST(L)                                                             \
    L(bt, BIT_TEST) L(bts, BIT_SET) L(btr, BIT_RESET) L(btc, BIT_COMPLEMENT)
BT_LIST(BT_EACH)

ALWAYS_INLINE void scan_compute(struct cpu *c, unsigned d, unsigned op,
                                unsigned lg, bool live, uint64_t a)
{
    if (op == SCAN_COUNT) {
        int_put(c, d, lg, (uint64_t)__builtin_popcountll(a));
        if (live)
            flags_set_arith(c, a == 0 ? FLAG_ZF : 0);
        return;
    }
    if (a != 0)
        int_put(c, d, lg,
                (uint64_t)(op == SCAN_FORWARD ? __builtin_ctzll(a)
                                              : 63 - __builtin_clzll(a)));
    if (live)
        flags_set_lazy(c, CC_LOGIC, lg, a, 0);
}

ALWAYS_INLINE void scan_r(struct cpu *c, const struct uop *u, unsigned op,
                          unsigned lg, bool live)
{
    scan_compute(c, u->dst, op, lg, live, int_get(c, u->src, lg));
}

ALWAYS_INLINE bool scan_m(struct cpu *c, const struct uop *u, unsigned how,
                          unsigned op, unsigned lg, bool live)
{
    uint64_t a;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &a)))
        return false;
    scan_compute(c, u->dst, op, lg, live, a);
    return true;
}

#define SCAN_HANDLERS(n, op, lg, live)                                         \
    INT_REGISTER(n##_r_##lg##live, scan_r, op, lg, live)                       \
    INT_MEMORY1(n##_m_##lg##live, scan_m, op, lg, live)
#define SCAN_EACH(n, op)                                                       \
    SCAN_HANDLERS(n, op, 1, 0)                                                 \
    SCAN_HANDLERS(n, op, 2, 0)                                                 \
    SCAN_HANDLERS(n, op, 3, 0)                                                 \
    SCAN_HANDLERS(n, op, 1, 1)                                                 \
    SCAN_HANDLERS(n, op, 2, 1) SCAN_HANDLERS(n, op, 3, 1)
SCAN_EACH(bsf, SCAN_FORWARD)
SCAN_EACH(bsr, SCAN_REVERSE)
SCAN_EACH(popcnt, SCAN_COUNT)

/* Remainders of nibble << 0 modulo the reflected Castagnoli polynomial
 * 11EDC6F41h (SDM Vol.2 CRC32). */
static const uint32_t crc_nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

ALWAYS_INLINE void crc_compute(struct cpu *c, unsigned d, unsigned lg,
                               uint64_t v)
{
    uint64_t crc = REG(uint32_t, c, d) ^ v;
    for (unsigned i = 0; i < 2u << lg; i++)
        crc = (crc >> 4) ^ crc_nibble[crc & 15];
    REG(uint64_t, c, d) = (uint32_t)crc;
}

ALWAYS_INLINE void crc_r(struct cpu *c, const struct uop *u, unsigned lg)
{
    crc_compute(c, u->dst, lg, int_get(c, u->src, lg));
}

ALWAYS_INLINE bool crc_m(struct cpu *c, const struct uop *u, unsigned how,
                         unsigned lg)
{
    uint64_t v;
    if (UNLIKELY(!int_load(c, u, int_ea(c, u, how), lg, how, &v)))
        return false;
    crc_compute(c, u->dst, lg, v);
    return true;
}

#define CRC_HANDLERS(lg)                                                       \
    INT_REGISTER(crc_r_##lg, crc_r, lg)                                        \
    INT_MEMORY1(crc_m_##lg, crc_m, lg)
CRC_HANDLERS(0)
CRC_HANDLERS(1)
CRC_HANDLERS(2)
CRC_HANDLERS(3)

/* RDRAND, RDSEED: the run's own stream; a number is always available. */
ALWAYS_INLINE void random_r(struct cpu *c, const struct uop *u, unsigned lg)
{
    int_put(c, u->dst, lg, rng_next(&c->rng) & INT_MASK(lg));
    flags_set_arith(c, FLAG_CF);
}
INT_REGISTER(random_1, random_r, 1)
INT_REGISTER(random_2, random_r, 2)
INT_REGISTER(random_3, random_r, 3)

#define H(name) ENGINE(name)
#define SIZES(n)                                                               \
    {                                                                          \
        H(n##_0), H(n##_1), H(n##_2), H(n##_3)                                 \
    }
#define WORDS2(n)                                                              \
    {                                                                          \
        {H(n##10), H(n##11)}, {H(n##20), H(n##21)},                            \
        {                                                                      \
            H(n##30), H(n##31)                                                 \
        }                                                                      \
    }
#define BT_RI(n, op) [op] = WORDS2(n##_ri_),
#define BT_RR(n, op) [op] = WORDS2(n##_rr_),
#define BT_MI(n, op) [op] = WORDS2(n##_mi_),
#define BT_MR(n, op) [op] = WORDS2(n##_mr_),

const struct exec_bit_table ENGINE(exec_bit) = {
    .bt_imm = {{BT_LIST(BT_RI)}, {BT_LIST(BT_MI)}},
    .bt_reg = {{BT_LIST(BT_RR)}, {BT_LIST(BT_MR)}},
    .scan = {{WORDS2(bsf_r_), WORDS2(bsr_r_), WORDS2(popcnt_r_)},
             {WORDS2(bsf_m_), WORDS2(bsr_m_), WORDS2(popcnt_m_)}},
    .crc32 = {SIZES(crc_r), SIZES(crc_m)},
    .random = {H(random_1), H(random_2), H(random_3)},
};
