/* SPDX-License-Identifier: Apache-2.0
 * The x87 unit: operations, how the translator names them, and helpers on
 * its state. SDM Vol.1 "Programming with the x87 FPU".
 */
#ifndef VTSIM_CPU_X87_H
#define VTSIM_CPU_X87_H

#include "cpu/uop.h"

enum {
    X87_IE = 1 << 0,
    X87_DE = 1 << 1,
    X87_ZE = 1 << 2,
    X87_OE = 1 << 3,
    X87_UE = 1 << 4,
    X87_PE = 1 << 5,
    X87_EXCEPTIONS = 0x3f,
    X87_SF = 1 << 6,
    X87_ES = 1 << 7,
    X87_C0 = 1 << 8,
    X87_C1 = 1 << 9,
    X87_C2 = 1 << 10,
    X87_TOP_SHIFT = 11,
    X87_TOP = 7 << 11,
    X87_C3 = 1 << 14,
    X87_B = 1 << 15,
    X87_CW_VALID = 0x1f3f, /* bits that can be written */
    X87_CW_FIXED = 0x40,   /* and one that reads as 1 */
};

/*
 * What an instruction does, in uop.aux: operation, pops, and the 11-bit
 * opcode for FOP. dst is the ST number it names; imm is its RIP for FIP.
 */
enum x87_op {
    /* ST(0) op source, or with X87_TO_STI ST(dst) op ST(0) */
    X87_ADD,
    X87_MUL,
    X87_COM,
    X87_COMP,
    X87_SUB,
    X87_SUBR,
    X87_DIV,
    X87_DIVR,
    X87_UCOM,
    X87_COMI,
    X87_UCOMI,
    X87_FLD,
    X87_FST,
    X87_FXCH,
    X87_FCMOV,
    X87_FFREE,
    X87_FCHS,
    X87_FABS,
    X87_FTST,
    X87_FXAM,
    X87_FLD1,
    X87_FLDL2T,
    X87_FLDL2E,
    X87_FLDPI,
    X87_FLDLG2,
    X87_FLDLN2,
    X87_FLDZ,
    X87_F2XM1,
    X87_FYL2X,
    X87_FPTAN,
    X87_FPATAN,
    X87_FXTRACT,
    X87_FPREM1,
    X87_FDECSTP,
    X87_FINCSTP,
    X87_FPREM,
    X87_FYL2XP1,
    X87_FSQRT,
    X87_FSINCOS,
    X87_FRNDINT,
    X87_FSCALE,
    X87_FSIN,
    X87_FCOS,
    X87_FNOP,
    X87_FWAIT,
    X87_FNCLEX,
    X87_FNINIT,
    X87_FNSTSW_AX,
    X87_OPS
};

/* How a memory operand is read or written. */
enum x87_format {
    X87_F32,
    X87_F64,
    X87_I32,
    X87_I16, /* order of D8 DC DA DE */
    X87_I64,
    X87_F80,
    X87_BCD,
    X87_IT16,
    X87_IT32,
    X87_IT64,
    X87_CW,
    X87_SW,
    X87_REGISTER
};

enum {
    X87_AUX_OP = 0xff,
    X87_AUX_POP_SHIFT = 8, /* 0, 1, 2 */
    X87_TO_STI = 1 << 10,  /* the destination is ST(dst) */
    X87_AUX_FORMAT_SHIFT = 11,
    X87_AUX_FOP_SHIFT = 16
};

/* A register as FLD m80 reads it. */
struct f80 {
    uint64_t u64[2];
};

static inline unsigned x87_top(const struct x87 *f)
{
    return f->fsw >> X87_TOP_SHIFT & 7u;
}
/* Physical register of ST(i). */
static inline unsigned x87_physical(const struct x87 *f, unsigned i)
{
    return (x87_top(f) + i) & 7u;
}

/* ES and B follow from the flags and masks. */
void x87_update_summary(struct x87 *f);
/* The 16-bit tag word: 0 valid, 1 zero, 2 special, 3 empty. */
uint32_t x87_full_tags(const struct x87 *f);
void x87_set_full_tags(struct x87 *f, uint32_t tags);
/* FNINIT. */
void x87_init(struct x87 *f);
/* Clear the host's sticky x87 flags: they must stay a subset of the guest's,
 * so whoever clears a flag of f->fsw calls this. */
void x87_host_clear(void);

/*
 * Bodies behind the handlers of exec_x87.c, which have dealt with a pending
 * #MF and with memory.
 *
 * x87_register  everything without a memory operand
 * x87_load      the operand's bytes are in c->slow
 * x87_store     puts the bytes to be stored in c->slow; false: nothing is to
 *               be stored and the instruction is complete
 * x87_stored    after the store: flags, tags and TOP
 */
void x87_register(struct cpu *c, const struct uop *u);
void x87_load(struct cpu *c, const struct uop *u);
bool x87_store(struct cpu *c, const struct uop *u);
void x87_stored(struct cpu *c, const struct uop *u);

/* --- the host's x87 --- */

/* X(operation, operands loaded, host instruction, results popped): a is
 * ST(0), b is ST(1), m memory, r and r2 results from the top down. */
#define X87_HOST_ARITH(X, name, st, m)                                         \
    X(name##_F32, LOAD_A, m "s %[m]", STORE_R)                                 \
    X(name##_F64, LOAD_A, m "l %[m]", STORE_R)                                 \
    X(name##_I32, LOAD_A, "fi" st "l %[m]", STORE_R)                           \
    X(name##_I16, LOAD_A, "fi" st "s %[m]", STORE_R)                           \
    X(name##_ST, LOAD_BA, m " %%st(1), %%st", STORE_R_POP)
#define X87_HOST_OPS(X)                                                        \
    X87_HOST_ARITH(X, ADD, "add", "fadd")                                      \
    X87_HOST_ARITH(X, MUL, "mul", "fmul")                                      \
    X87_HOST_ARITH(X, SUB, "sub", "fsub")                                      \
    X87_HOST_ARITH(X, SUBR, "subr", "fsubr")                                   \
    X87_HOST_ARITH(X, DIV, "div", "fdiv")                                      \
    X87_HOST_ARITH(X, DIVR, "divr", "fdivr")                                   \
    X(COM_F32, LOAD_A, "fcoms %[m]", POP)                                      \
    X(COM_F64, LOAD_A, "fcoml %[m]", POP)                                      \
    X(COM_I32, LOAD_A, "ficoml %[m]", POP)                                     \
    X(COM_I16, LOAD_A, "ficoms %[m]", POP)                                     \
    X(COM_ST, LOAD_BA, "fcom %%st(1)", POP_POP)                                \
    X(UCOM_ST, LOAD_BA, "fucom %%st(1)", POP_POP)                              \
    X(TST, LOAD_A, "ftst", POP)                                                \
    X(LD_F32, LOAD_NONE, "flds %[m]", STORE_R)                                 \
    X(LD_F64, LOAD_NONE, "fldl %[m]", STORE_R)                                 \
    X(LD_I16, LOAD_NONE, "filds %[m]", STORE_R)                                \
    X(LD_I32, LOAD_NONE, "fildl %[m]", STORE_R)                                \
    X(LD_I64, LOAD_NONE, "fildll %[m]", STORE_R)                               \
    X(LD_BCD, LOAD_NONE, "fbld %[a]", STORE_R)                                 \
    X(ST_F32, LOAD_A, "fsts %[m]", POP)                                        \
    X(ST_F64, LOAD_A, "fstl %[m]", POP)                                        \
    X(ST_I16, LOAD_A, "fists %[m]", POP)                                       \
    X(ST_I32, LOAD_A, "fistl %[m]", POP)                                       \
    X(ST_I64, LOAD_A, "fistpll %[m]", STORE_NONE)                              \
    X(ST_BCD, LOAD_A, "fbstp %[r]", STORE_NONE)                                \
    X(ST_IT16, LOAD_A, "fisttps %[m]", STORE_NONE)                             \
    X(ST_IT32, LOAD_A, "fisttpl %[m]", STORE_NONE)                             \
    X(ST_IT64, LOAD_A, "fisttpll %[m]", STORE_NONE)                            \
    X(F2XM1, LOAD_A, "f2xm1", STORE_R)                                         \
    X(SQRT, LOAD_A, "fsqrt", STORE_R)                                          \
    X(RNDINT, LOAD_A, "frndint", STORE_R)                                      \
    X(SIN, LOAD_A, "fsin", STORE_R)                                            \
    X(COS, LOAD_A, "fcos", STORE_R)                                            \
    X(SCALE, LOAD_BA, "fscale", STORE_R_POP)                                   \
    X(PREM, LOAD_BA, "fprem", STORE_R_POP)                                     \
    X(PREM1, LOAD_BA, "fprem1", STORE_R_POP)                                   \
    X(YL2X, LOAD_BA, "fyl2x", STORE_R)                                         \
    X(YL2XP1, LOAD_BA, "fyl2xp1", STORE_R)                                     \
    X(PATAN, LOAD_BA, "fpatan", STORE_R)                                       \
    X(XTRACT, LOAD_A, "fxtract", STORE_R_R2)                                   \
    X(PTAN, LOAD_ZERO_A, "fptan", STORE_R_R2)                                  \
    X(SINCOS, LOAD_ZERO_A, "fsincos", STORE_R_R2)                              \
    X(LD1, LOAD_NONE, "fld1", STORE_R)                                         \
    X(LDL2T, LOAD_NONE, "fldl2t", STORE_R)                                     \
    X(LDL2E, LOAD_NONE, "fldl2e", STORE_R)                                     \
    X(LDPI, LOAD_NONE, "fldpi", STORE_R)                                       \
    X(LDLG2, LOAD_NONE, "fldlg2", STORE_R)                                     \
    X(LDLN2, LOAD_NONE, "fldln2", STORE_R)                                     \
    X(LDZ, LOAD_NONE, "fldz", STORE_R)

enum x87_host_op {
#define X(name, load, op, store) HOST_##name,
    X87_HOST_OPS(X)
#undef X
        HOST_OPS
};

struct x87_host {
    struct f80 a, b, r, r2;
    uint64_t m;
    uint16_t cw; /* the guest's control word */
    uint16_t sw; /* status after the instruction: C0-C3, flags (sticky) */
};

/*
 * Run one instruction on the host under control word h->cw. With an
 * exception unmasked, sw has exactly the flags this instruction raised and
 * r, r2, m what the unmasked response leaves there; with all masked, sw's
 * flags also have those raised since x87_host_clear.
 */
void x87_host_run(struct x87_host *h, enum x87_host_op op);

#endif
