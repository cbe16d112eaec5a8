/* SPDX-License-Identifier: Apache-2.0
 * General-purpose integer handlers: how their bodies are written, and the
 * tables in which the translator finds them.
 *
 * One always_inline body an operation takes operation, operand kind and size
 * as constants; macros make the instances. A hot instance that touches
 * memory looks at the residency filter only; when that misses it tail-calls
 * its cold twin, which does the whole instruction through the slow path. So
 * the hot one needs neither stack frame nor saved registers.
 */
#ifndef VTSIM_CPU_EXEC_INT_H
#define VTSIM_CPU_EXEC_INT_H

#include "cpu/flags.h"
#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/uop.h"

/* Index of an operand size in the tables: log2 of its bytes, 0..3. */
enum { INT_SIZES = 4 };

/* Where an operand pair lives. M: base + disp; X: with an index as well. */
enum int_form {
    FORM_RR, /* dst register, src register */
    FORM_RI, /* dst register, imm truncated to the size */
    FORM_RM, /* dst register, src memory */
    FORM_RX,
    FORM_MR, /* dst memory, src register */
    FORM_XR,
    FORM_MI, /* dst memory, imm */
    FORM_XI,
    INT_FORMS
};

enum alu_op {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP,
    ALU_TEST,
    ALU_OPS
};
enum unary_op { UNARY_NOT, UNARY_NEG, UNARY_INC, UNARY_DEC, UNARY_OPS };
enum shift_op {
    SHIFT_ROL,
    SHIFT_ROR,
    SHIFT_RCL,
    SHIFT_RCR,
    SHIFT_SHL,
    SHIFT_SHR,
    SHIFT_SAR,
    SHIFT_OPS
};
enum { SHIFT_WIDE_CL = 255 }; /* imm of SHLD, SHRD: the count is in CL */
/* The order of the reg field of 0F BA. */
enum bt_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT, BT_OPS };
enum scan_op { SCAN_FORWARD, SCAN_REVERSE, SCAN_COUNT, SCAN_OPS };

/* [2] after a size: 0 flags dead, 1 flags live. [2] first: register or
 * memory operand. NULL: no such form. */
struct exec_alu_table {
    uop_fn *binary[ALU_OPS][INT_FORMS][INT_SIZES][2];
    uop_fn *zero[2]; /* dst = 0 in 64 bits: XOR r,r and SUB r,r */
    uop_fn *unary[2][UNARY_OPS][INT_SIZES][2];
    uop_fn *xadd[2][INT_SIZES];    /* dst, src */
    uop_fn *cmpxchg[2][INT_SIZES]; /* dst, src */
    uop_fn *cmpxchg_pair[2];       /* CMPXCHG8B, CMPXCHG16B */
};

struct exec_mov_table {
    uop_fn *rr[INT_SIZES], *ri[INT_SIZES]; /* imm zero-extended */
    /* [indexed] */
    uop_fn *load[2][INT_SIZES], *store[2][INT_SIZES];
    uop_fn *store_imm[2][INT_SIZES];
    /* [source size: 1, 2, 4 bytes][destination size 2, 4, 8 bytes] */
    uop_fn *zx_rr[3][3], *sx_rr[3][3];
    uop_fn *zx_load[2][3][3], *sx_load[2][3][3];
    uop_fn *xchg_rr[INT_SIZES], *xchg_mr[INT_SIZES];
    uop_fn *lea[3], *lea_x[3]; /* dst = address, 2, 4, 8 bytes written */
    uop_fn *lea_z16;           /* 4 bytes written, 16-bit address */
    uop_fn *sign_dx[3];        /* CWD, CDQ, CQO */
    uop_fn *bswap[3];
    /* Stack pointer of 64 bits [0] or flat 32 bits [1]; size 2, 4, 8. */
    uop_fn *push_r[2][3], *push_i[2][3], *pop_r[2][3];
    uop_fn *leave64;
    uop_fn *xlat_al;  /* GPR_TMP = AL */
    uop_fn *prefetch; /* imm: for writing */
};

struct exec_cond_table {
    uop_fn *set_r[16], *set_m[16];
    uop_fn *cmov_r[16][3], *cmov_m[16][3]; /* 2, 4, 8 bytes */
    uop_fn *lahf, *sahf, *clc, *stc, *cmc, *cld, *std, *nop;
};

/* Shift counts: in imm (masked, not 0 when the operand is a register) or in
 * CL. */
struct exec_shift_table {
    uop_fn *imm[2][SHIFT_OPS][INT_SIZES][2];
    uop_fn *cl[2][SHIFT_OPS][INT_SIZES][2];
    /* SHLD [0] and SHRD [1]; count in imm or, when imm is 255, in CL. */
    uop_fn *wide[2][2][3][2];
};

struct exec_mul_table {
    uop_fn *mul[2][2][INT_SIZES][2]; /* [memory][signed], implicit RDX:RAX */
    uop_fn *div[2][2][INT_SIZES];
    uop_fn *imul_rr[3][2], *imul_rm[3][2];   /* dst *= src; 2, 4, 8 bytes */
    uop_fn *imul_rri[3][2], *imul_rmi[3][2]; /* dst = src * imm */
};

struct exec_bit_table {
    /* Bit number in imm (masked) or in register src. [memory]; the memory
     * form with a register adds the byte offset of the bit's unit. */
    uop_fn *bt_imm[2][BT_OPS][3][2], *bt_reg[2][BT_OPS][3][2];
    uop_fn *scan[2][SCAN_OPS][3][2];
    uop_fn *crc32[2][INT_SIZES]; /* source size; dst is written in 64 bits */
    uop_fn *random[3];
};

extern const struct exec_alu_table exec_alu_off, exec_alu_simple;
extern const struct exec_mov_table exec_mov_off, exec_mov_simple;
extern const struct exec_cond_table exec_cond_off, exec_cond_simple;
extern const struct exec_shift_table exec_shift_off, exec_shift_simple;
extern const struct exec_mul_table exec_mul_off, exec_mul_simple;
extern const struct exec_bit_table exec_bit_off, exec_bit_simple;

/* Operands; lg (log2 of the size) is a constant everywhere. */
#define INT_BITS(lg) (8u << (lg))
#define INT_MASK(lg) (UINT64_MAX >> (64u - INT_BITS(lg)))

ALWAYS_INLINE uint64_t int_get(const struct cpu *c, unsigned off, unsigned lg)
{
    switch (lg) {
    case 0: return REG(const uint8_t, c, off);
    case 1: return REG(const uint16_t, c, off);
    case 2: return REG(const uint32_t, c, off);
    default: return REG(const uint64_t, c, off);
    }
}

ALWAYS_INLINE void int_put(struct cpu *c, unsigned off, unsigned lg, uint64_t v)
{
    switch (lg) {
    case 0: REG(uint8_t, c, off) = (uint8_t)v; break;
    case 1: REG(uint16_t, c, off) = (uint16_t)v; break;
    case 2: reg_set32(c, off, (uint32_t)v); break;
    default: REG(uint64_t, c, off) = v; break;
    }
}

/* Sign-extend from the size. */
ALWAYS_INLINE int64_t int_signed(uint64_t v, unsigned lg)
{
    switch (lg) {
    case 0: return (int8_t)v;
    case 1: return (int16_t)v;
    case 2: return (int32_t)v;
    default: return (int64_t)v;
    }
}

ALWAYS_INLINE bool int_msb(uint64_t v, unsigned lg)
{
    return int_signed(v, lg) < 0;
}

/* How a body is compiled: which addressing, and hot or cold. */
enum {
    WITH_INDEX = 1, /* the operand has an index register */
    COLD = 2        /* the filter missed: use the slow path */
};

ALWAYS_INLINE uint64_t int_ea(const struct cpu *c, const struct uop *u,
                              unsigned how)
{
    if (how & WITH_INDEX)
        return uop_ea(c, u);
    return REG(const uint64_t, c, u->base) + (uint64_t)(int64_t)u->disp;
}

/*
 * Memory operands of bodies. False: a hot body missed the filter, a cold
 * one met a fault; either way nothing is committed.
 */
ALWAYS_INLINE bool int_load(struct cpu *c, const struct uop *u, uint64_t lin,
                            unsigned lg, unsigned how, uint64_t *out)
{
    if (how & COLD) {
        if (!mem_load_slow(c, u, lin, 1u << lg, false))
            return false;
        *out = c->slow.u64[0];
        return true;
    }
    const uint8_t *p = MEM_HIT_READ(&c->hot, lin, 1u << lg);
    if (UNLIKELY(p == NULL))
        return false;
    *out = mem_get(p, 1u << lg);
    return true;
}

ALWAYS_INLINE bool int_store(struct cpu *c, const struct uop *u, uint64_t lin,
                             unsigned lg, unsigned how, uint64_t v)
{
    if (how & COLD) {
        c->slow.u64[0] = v;
        return mem_store_slow(c, u, lin, 1u << lg, false);
    }
    uint8_t *p = MEM_HIT_WRITE(&c->hot, lin, 1u << lg);
    if (UNLIKELY(p == NULL))
        return false;
    mem_put(p, 1u << lg, v);
    return true;
}

/* Read-modify-write: the store half cannot fail. */
ALWAYS_INLINE bool int_rmw_load(struct cpu *c, const struct uop *u,
                                uint64_t lin, unsigned lg, unsigned how,
                                uint8_t **p, uint64_t *out)
{
    if (how & COLD) {
        *p = NULL;
        if (!mem_load_slow(c, u, lin, 1u << lg, true))
            return false;
        *out = c->slow.u64[0];
        return true;
    }
    *p = MEM_HIT_WRITE(&c->hot, lin, 1u << lg);
    if (UNLIKELY(*p == NULL))
        return false;
    *out = mem_get(*p, 1u << lg);
    return true;
}

ALWAYS_INLINE void int_rmw_store(struct cpu *c, const struct uop *u,
                                 uint64_t lin, unsigned lg, unsigned how,
                                 uint8_t *p, uint64_t v)
{
    if (how & COLD) {
        c->slow.u64[0] = v;
        (void)mem_store_slow(c, u, lin, 1u << lg, true);
        return;
    }
    mem_put(p, 1u << lg, v);
}

/* Carry of a rotate or bit test: the other flags stay as they are. A lazy
 * state keeps its result and becomes partly eager. */
ALWAYS_INLINE void int_set_cf_of(struct cpu *c, bool cf, bool of)
{
    uint32_t bits = (cf ? FLAG_CF : 0u) | (of ? FLAG_OF : 0u);
    if (CC_KIND(c->cc_op) == CC_NONE) {
        c->eflags = (c->eflags & ~(uint32_t)(FLAG_CF | FLAG_OF)) | bits;
        return;
    }
    c->cc_src = bits | (flags_af(c) ? FLAG_AF : 0u);
    c->cc_op = CC_OP(CC_PART, c->cc_op & 3u);
}

ALWAYS_INLINE void int_set_cf(struct cpu *c, bool cf)
{
    int_set_cf_of(c, cf, flags_of(c));
}

/* Flags of a result whose CF, OF and AF are known. */
ALWAYS_INLINE void int_set_part(struct cpu *c, unsigned lg, uint64_t r, bool cf,
                                bool of, bool af)
{
    flags_set_lazy(c, CC_PART, lg, r,
                   (uint64_t)cf | (uint64_t)af << 4 | (uint64_t)of << 11);
}

#if defined(__clang__)
#define UOP_MISS(c, u, fn) __attribute__((musttail)) return fn((c), (u))
#else
#define UOP_MISS(c, u, fn) return fn((c), (u))
#endif
#define UOP_COLD __attribute__((cold, noinline))

/* The cold twin and the hot instances of a body that touches memory:
 * body(c, u, how, constants...) answers as int_load does. */
#define INT_COLD(name, body, ...)                                              \
    UOP_COLD UOP_STATIC(name)                                                  \
    {                                                                          \
        if (UNLIKELY(!body(c, u, WITH_INDEX | COLD, __VA_ARGS__)))             \
            return uop_fault(c, u);                                            \
        UOP_NEXT(c, u);                                                        \
    }
#define INT_HOT(name, cold, body, how, ...)                                    \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        if (UNLIKELY(!body(c, u, how, __VA_ARGS__)))                           \
            UOP_MISS(c, u, ENGINE(cold));                                      \
        UOP_NEXT(c, u);                                                        \
    }
/* name_c, name_m (no index) and name_x. */
#define INT_MEMORY(name, body, ...)                                            \
    INT_COLD(name##_c, body, __VA_ARGS__)                                      \
    INT_HOT(name##_m, name##_c, body, 0, __VA_ARGS__)                          \
    INT_HOT(name##_x, name##_c, body, WITH_INDEX, __VA_ARGS__)
/* name_c and name (any addressing): for forms that are not hot. Also for
 * register forms with a slow twin. */
#define INT_MEMORY1(name, body, ...)                                           \
    INT_COLD(name##_c, body, __VA_ARGS__)                                      \
    INT_HOT(name, name##_c, body, WITH_INDEX, __VA_ARGS__)
/* A body that touches registers only. */
#define INT_REGISTER(name, body, ...)                                          \
    UOP_STATIC(name)                                                           \
    {                                                                          \
        body(c, u, __VA_ARGS__);                                               \
        UOP_NEXT(c, u);                                                        \
    }

#endif
