/* SPDX-License-Identifier: Apache-2.0
 * A comparison or simple operation on registers together with the
 * conditional branch that follows it. The lazy flags are left as the two
 * uops would leave them. Nothing here can fault, so that the pair is one
 * step for every purpose but an exact stop between the two, for which the
 * run loop translates the instructions one by one.
 */
#include "cpu/enter.h"
#include "cpu/exec_ctl.h"
#include "cpu/flags.h"

typedef uint8_t u1;
typedef uint16_t u2;
typedef uint32_t u4;
typedef uint64_t u8;

/* Condition cc after a - b at the operands' size. */
#define SUB_CONDITION(T, S, cc, a, b)                                          \
    (((cc) >> 1) == 1   ? (T)(a) < (T)(b)                                      \
     : ((cc) >> 1) == 2 ? (T)(a) == (T)(b)                                     \
     : ((cc) >> 1) == 3 ? (T)(a) <= (T)(b)                                     \
     : ((cc) >> 1) == 4 ? (S)(T)((a) - (b)) < 0                                \
     : ((cc) >> 1) == 6 ? (S)(a) < (S)(b)                                      \
                        : (S)(a) <= (S)(b))

#define FUSE_END(taken)                                                        \
    if (taken)                                                                 \
        ENTER(c, u, block_link(u)->to[1], 1, true);                            \
    ENTER(c, u, block_link(u)->to[0], 0, true)

#define WRITE(T, off, v)                                                       \
    (sizeof(T) == 4 ? reg_set32(c, (off), (uint32_t)(v))                       \
                    : (void)(REG(T, c, (off)) = (T)(v)))

#define CMP(name, T, S, log2, cc, second)                                      \
    UOP_STATIC(name##_##T##_##cc)                                              \
    {                                                                          \
        T a = REG(T, c, u->dst), b = (T)(second);                              \
        flags_set_lazy(c, CC_SUB, log2, (T)(a - b), b);                        \
        bool taken = (0x##cc >> 1) == 0 || (0x##cc >> 1) == 5                  \
                         ? flags_condition(c, 0x##cc)                          \
                         : SUB_CONDITION(T, S, 0x##cc, a, b) != (0x##cc & 1);  \
        FUSE_END(taken);                                                       \
    }

#define TEST(name, T, S, log2, cc, second)                                     \
    UOP_STATIC(name##_##T##_##cc)                                              \
    {                                                                          \
        T r = (T)(REG(T, c, u->dst) & (T)(second));                            \
        flags_set_lazy(c, CC_LOGIC, log2, r, 0);                               \
        FUSE_END(flags_condition(c, 0x##cc));                                  \
    }

#define SUB(name, T, S, log2, cc, second)                                      \
    UOP_STATIC(name##_##T##_##cc)                                              \
    {                                                                          \
        T a = REG(T, c, u->dst), b = (T)(second);                              \
        WRITE(T, u->dst, a - b);                                               \
        flags_set_lazy(c, CC_SUB, log2, (T)(a - b), b);                        \
        bool taken = (0x##cc >> 1) == 0 || (0x##cc >> 1) == 5                  \
                         ? flags_condition(c, 0x##cc)                          \
                         : SUB_CONDITION(T, S, 0x##cc, a, b) != (0x##cc & 1);  \
        FUSE_END(taken);                                                       \
    }

#define ADD(name, T, S, log2, cc, second)                                      \
    UOP_STATIC(name##_##T##_##cc)                                              \
    {                                                                          \
        T b = (T)(second), r = (T)(REG(T, c, u->dst) + b);                     \
        WRITE(T, u->dst, r);                                                   \
        flags_set_lazy(c, CC_ADD, log2, r, b);                                 \
        FUSE_END(flags_condition(c, 0x##cc));                                  \
    }

#define AND(name, T, S, log2, cc, second)                                      \
    UOP_STATIC(name##_##T##_##cc)                                              \
    {                                                                          \
        T r = (T)(REG(T, c, u->dst) & (T)(second));                            \
        WRITE(T, u->dst, r);                                                   \
        flags_set_lazy(c, CC_LOGIC, log2, r, 0);                               \
        FUSE_END(flags_condition(c, 0x##cc));                                  \
    }

/* INC and DEC keep CF. */
#define STEP(name, T, S, log2, cc, kind, delta)                                \
    UOP_STATIC(name##_##T##_##cc)                                              \
    {                                                                          \
        uint64_t carry = flags_cf(c);                                          \
        T r = (T)(REG(T, c, u->dst) + (T)(delta));                             \
        WRITE(T, u->dst, r);                                                   \
        flags_set_lazy(c, kind, log2, r, carry);                               \
        FUSE_END(flags_condition(c, 0x##cc));                                  \
    }

#define CMP_RR(T, S, l, cc)  CMP(cmp_rr, T, S, l, cc, REG(T, c, u->src))
#define CMP_RI(T, S, l, cc)  CMP(cmp_ri, T, S, l, cc, u->imm)
#define TEST_RR(T, S, l, cc) TEST(test_rr, T, S, l, cc, REG(T, c, u->src))
#define TEST_RI(T, S, l, cc) TEST(test_ri, T, S, l, cc, u->imm)
#define SUB_RR(T, S, l, cc)  SUB(sub_rr, T, S, l, cc, REG(T, c, u->src))
#define SUB_RI(T, S, l, cc)  SUB(sub_ri, T, S, l, cc, u->imm)
#define ADD_RR(T, S, l, cc)  ADD(add_rr, T, S, l, cc, REG(T, c, u->src))
#define ADD_RI(T, S, l, cc)  ADD(add_ri, T, S, l, cc, u->imm)
#define AND_RR(T, S, l, cc)  AND(and_rr, T, S, l, cc, REG(T, c, u->src))
#define AND_RI(T, S, l, cc)  AND(and_ri, T, S, l, cc, u->imm)
#define INC_R(T, S, l, cc)   STEP(inc, T, S, l, cc, CC_INC, 1)
#define DEC_R(T, S, l, cc)   STEP(dec, T, S, l, cc, CC_DEC, -1)

#define CONDITIONS(M, T, S, l)                                                 \
    M(T, S, l, 0)                                                              \
    M(T, S, l, 1)                                                              \
    M(T, S, l, 2)                                                              \
    M(T, S, l, 3)                                                              \
    M(T, S, l, 4)                                                              \
    M(T, S, l, 5)                                                              \
    M(T, S, l, 6)                                                              \
    M(T, S, l, 7)                                                              \
    M(T, S, l, 8)                                                              \
    M(T, S, l, 9)                                                              \
    M(T, S, l, a)                                                              \
    M(T, S, l, b) M(T, S, l, c) M(T, S, l, d) M(T, S, l, e) M(T, S, l, f)

#define WIDE(M)                                                                \
    CONDITIONS(M, u4, int32_t, 2)                                              \
    CONDITIONS(M, u8, int64_t, 3)
#define ALL(M)                                                                 \
    CONDITIONS(M, u1, int8_t, 0)                                               \
    CONDITIONS(M, u2, int16_t, 1)                                              \
    WIDE(M)

ALL(CMP_RR)
ALL(CMP_RI)
ALL(TEST_RR)
ALL(TEST_RI)
WIDE(SUB_RR)
WIDE(SUB_RI)
WIDE(ADD_RR)
WIDE(ADD_RI)
WIDE(AND_RR)
WIDE(AND_RI)
WIDE(INC_R)
WIDE(DEC_R)

#define ROW(name, T)                                                           \
    {                                                                          \
        ENGINE(name##_##T##_0), ENGINE(name##_##T##_1),                        \
            ENGINE(name##_##T##_2), ENGINE(name##_##T##_3),                    \
            ENGINE(name##_##T##_4), ENGINE(name##_##T##_5),                    \
            ENGINE(name##_##T##_6), ENGINE(name##_##T##_7),                    \
            ENGINE(name##_##T##_8), ENGINE(name##_##T##_9),                    \
            ENGINE(name##_##T##_a), ENGINE(name##_##T##_b),                    \
            ENGINE(name##_##T##_c), ENGINE(name##_##T##_d),                    \
            ENGINE(name##_##T##_e), ENGINE(name##_##T##_f)                     \
    }
#define ALL_ROWS(name)                                                         \
    {                                                                          \
        ROW(name, u1), ROW(name, u2), ROW(name, u4), ROW(name, u8)             \
    }
#define WIDE_ROWS(name)                                                        \
    {                                                                          \
        {NULL}, {NULL}, ROW(name, u4), ROW(name, u8)                           \
    }

uop_fn *const ENGINE(exec_fuse)[FUSE_KINDS][4][16] = {
    [FUSE_CMP_RR] = ALL_ROWS(cmp_rr),   [FUSE_CMP_RI] = ALL_ROWS(cmp_ri),
    [FUSE_TEST_RR] = ALL_ROWS(test_rr), [FUSE_TEST_RI] = ALL_ROWS(test_ri),
    [FUSE_SUB_RR] = WIDE_ROWS(sub_rr),  [FUSE_SUB_RI] = WIDE_ROWS(sub_ri),
    [FUSE_ADD_RR] = WIDE_ROWS(add_rr),  [FUSE_ADD_RI] = WIDE_ROWS(add_ri),
    [FUSE_AND_RR] = WIDE_ROWS(and_rr),  [FUSE_AND_RI] = WIDE_ROWS(and_ri),
    [FUSE_INC] = WIDE_ROWS(inc),        [FUSE_DEC] = WIDE_ROWS(dec),
};
