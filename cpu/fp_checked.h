/* SPDX-License-Identifier: Apache-2.0
 * What vector floating point does while the guest unmasks an exception, for
 * every encoding: run the host's instruction with everything masked, look at
 * the flags it raised, and commit only if none of them is unmasked. SDM Vol.1
 * "Handling SIMD Floating-Point Exceptions in Hardware": when an unmasked #I,
 * #D or #Z is found in any lane, the flags of #O, #U and #P are not set; the
 * flags of all lanes gather before #XM is raised, #UD when CR4.OSXMMEXCPT is
 * clear. Private to sse_*.c, avx_*.c and fp_*.c.
 */
#ifndef VTSIM_CPU_FP_CHECKED_H
#define VTSIM_CPU_FP_CHECKED_H

#include "cpu/sse.h"

/* How a lane of the result is made. */
enum lane_kind {
    LANE_NONE, /* neither overflows nor underflows */
    LANE_ADD,
    LANE_SUB,
    LANE_MUL,
    LANE_DIV,
    LANE_CVT,  /* double to single */
    LANE_FMA,  /* a * b + c */
    LANE_HALF, /* single to half */
};

struct fp_shape {
    uint8_t kind;     /* enum lane_kind, of odd lanes when alternating */
    bool horizontal;  /* neighbours of one operand, first a then b */
    bool alternating; /* even lanes subtract; LANE_FMA: the opposite */
    bool negate;      /* LANE_FMA: -(a * b) */
    bool subtract;    /* LANE_FMA: ... - c */
};

#define SHAPE_NONE                                                             \
    {                                                                          \
        .kind = LANE_NONE                                                      \
    }
#define SHAPE_ADD                                                              \
    {                                                                          \
        .kind = LANE_ADD                                                       \
    }
#define SHAPE_SUB                                                              \
    {                                                                          \
        .kind = LANE_SUB                                                       \
    }
#define SHAPE_MUL                                                              \
    {                                                                          \
        .kind = LANE_MUL                                                       \
    }
#define SHAPE_DIV                                                              \
    {                                                                          \
        .kind = LANE_DIV                                                       \
    }
#define SHAPE_CVT                                                              \
    {                                                                          \
        .kind = LANE_CVT                                                       \
    }
#define SHAPE_ADDSUB                                                           \
    {                                                                          \
        .kind = LANE_ADD, .alternating = true                                  \
    }
#define SHAPE_HADD                                                             \
    {                                                                          \
        .kind = LANE_ADD, .horizontal = true                                   \
    }
#define SHAPE_HSUB                                                             \
    {                                                                          \
        .kind = LANE_SUB, .horizontal = true                                   \
    }

/* An operation that was run with all exceptions masked. */
struct fp_case {
    const struct fp_shape *shape; /* NULL: #P is as the masked run has it */
    enum sse_lanes lanes;         /* which lanes of the result can be tiny */
    unsigned bytes;               /* of a whole source vector: 16 or 32 */
    union vec a, b, c;            /* operands */
    union vec result;             /* zero beyond its lanes */
};

/* What is unmasked, in the order of the flags, and the MXCSR bits that
 * matter (RC, DAZ, FZ), between fp_begin and fp_end. */
struct fp_masks {
    uint32_t unmasked, control, host;
};

/* Load the host's MXCSR for a run with all exceptions masked. */
void fp_begin(struct cpu *c, struct fp_masks *m);

/* The flags the run raised. */
uint32_t fp_raised(void);

/* The flags the instruction sets, when the run raised `raised`. Changes the
 * host's MXCSR. */
uint32_t fp_judge(const struct fp_case *k, uint32_t raised,
                  const struct fp_masks *m);

/* Restore the host's MXCSR and gather `raised`. STEP_NEXT: commit; else
 * c->event is valid and nothing is to be committed. */
SIM_MUST_CHECK enum step fp_end(struct cpu *c, const struct fp_masks *m,
                                uint32_t raised);

/* DPPS (4 products a block of 16 bytes) or DPPD (2): result and the flags the
 * instruction sets; the result is valid when none of them is unmasked. Between
 * fp_begin and fp_end. cpu/fp_dot.c */
struct fp_dot {
    const union vec *a, *b;
    unsigned bytes; /* 16 or 32 */
    unsigned imm;
    bool wide; /* DPPD */
};
uint32_t fp_dot(const struct fp_dot *k, const struct fp_masks *m,
                union vec *result);

/* A number of 2, 4 or 8 bytes that is not zero and below the smallest normal
 * one. */
bool fp_is_tiny(uint64_t x, unsigned size);

/*
 * Does the operation, whose overflow or underflow is unmasked, raise #P too?
 * Leaves the host's MXCSR changed. cpu/fp_inexact.c
 */
bool fp_inexact(const struct fp_case *k, const struct fp_masks *m);

#endif
