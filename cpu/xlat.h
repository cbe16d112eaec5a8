/* SPDX-License-Identifier: Apache-2.0
 * Translation: from decoded instructions to uops. The driver (cpu/xlat.c)
 * decodes with Zydis, applies the rules of the instruction's table row
 * (privilege, LOCK, mode, feature, FPU availability), then calls the row's
 * family function, which emits uops.
 */
#ifndef VTSIM_CPU_XLAT_H
#define VTSIM_CPU_XLAT_H

#include "cpu/cost.h"
#include "cpu/uop.h"

#include <Zydis/Zydis.h>

/* Rules a row may carry; checked in the manual's order before the family
 * function sees the instruction. */
enum {
    R_CPL0 = 1 << 0,     /* #GP(0) outside CPL 0 */
    R_LOCK = 1 << 1,     /* LOCK allowed when the first operand is memory */
    R_LONG = 1 << 2,     /* #UD outside 64-bit mode */
    R_NOT_LONG = 1 << 3, /* #UD in 64-bit mode */
    R_PROT = 1 << 4,     /* #UD in real and virtual-8086 mode */
    R_END = 1 << 5,      /* the block ends after it */
    R_X87 = 1 << 6,      /* #NM when CR0.EM or CR0.TS */
    R_WAIT = 1 << 7,     /* ... and delivers a pending #MF first (callee) */
    R_MMX = 1 << 8,      /* #UD when CR0.EM, #NM when CR0.TS, #MF */
    R_SSE = 1 << 9,      /* #UD when EM or !OSFXSR, #NM when TS */
    R_SSE_FP = 1 << 10,  /* R_SSE and may raise SIMD FP exceptions */
    R_ALIGN = 1 << 11,   /* memory operand of a vector is aligned, or #GP */
    /* Encodings with a VEX prefix; a row has one of them or is legacy. All
     * are #UD in real and virtual-8086 mode. */
    R_VEX = 1 << 12,        /* general registers: BMI and the like */
    R_AVX = 1 << 13,        /* vectors: #UD without OSXSAVE and XCR0[2:1] = 11b,
                               #NM when TS */
    R_AVX_FP = 1 << 14,     /* R_AVX and may raise SIMD FP exceptions */
    R_XSAVE = 1 << 15,      /* #UD without CR4.OSXSAVE */
    R_AVX2_256 = 1 << 16,   /* the 256-bit form needs AVX2 */
    R_AVX2_REG = 1 << 17,   /* the form without memory operand needs AVX2 */
    R_NO_AC = 1 << 18,      /* never #AC */
    R_NOT_COMPAT = 1 << 19, /* #UD in compatibility mode */
    R_VAES_256 = 1 << 24,   /* the 256-bit form needs VAES */
    R_VPCLMUL_256 = 1 << 25, /* the 256-bit form needs VPCLMULQDQ */
};

/* A CPUID feature an instruction needs; 0 = always there. The driver answers
 * #UD when the configured CPU lacks it. Rows in cpu/features.def. */
enum cpu_feature {
#define FEATURE(e, name, leaf, sub, reg, bit) FEATURE_##e,
#include "cpu/features.def"
#undef FEATURE
    FEATURE_COUNT
};
bool cpu_has(const struct cpu *c, enum cpu_feature f);

/* A memory operand in uop form. */
struct ea {
    uint8_t base, index, scale, seg;
    int32_t disp;
};

struct xlat {
    struct cpu *c;
    uint32_t mode; /* MODE_* key the block is made for */
    const ZydisDecodedInstruction *zi;
    const ZydisDecodedOperand *zo; /* all operands, hidden ones included */
    uint64_t rip, next_rip;        /* offsets in CS */
    struct uop *op; /* the block's uops; op[count] is the next free one */
    unsigned count;
    bool flags_dead;      /* this instruction's flags are never read */
    bool ended;           /* set by a family that emitted a terminator */
    enum cost_class cost; /* the row's, then cost_of_form's */
    /* Accesses the instruction makes, statically. The driver fills them from
     * the decoded operands (hidden ones too) before it calls the family,
     * which corrects them only where that is wrong. */
    uint16_t loads, stores;
};

/* A family function. False: the form is not supported, the driver emits
 * #UD. It must emit at least one uop otherwise. */
typedef bool xlat_fn(struct xlat *x);

/* One row an instruction: cpu/insn_int.def, insn_vec.def, insn_x87.def,
 * insn_sys.def.
 * INSN(mnemonic, family function, cost class, rules, feature) */
struct insn_row {
    xlat_fn *fn;
    uint32_t rules;
    uint8_t cost;
    uint8_t feature;
};
extern const struct insn_row insn_rows[ZYDIS_MNEMONIC_MAX_VALUE + 1];

/*
 * MOVSD and CMPSD name a string and an SSE2 instruction each. Their rows are
 * those of the string forms (insn_int.def); that family hands every form
 * whose category is not ZYDIS_CATEGORY_STRINGOP to these, which apply the SSE
 * rules (#UD, #NM) and set the cost themselves.
 */
bool xlat_sse_movsd(struct xlat *x);
bool xlat_sse_cmpsd(struct xlat *x);

/* Far forms of CALL, JMP and RET, whose rows are the near forms' too
 * (insn_ctl.def): handed on when meta.branch_type is FAR. cpu/xlat_sys*.c */
bool xlat_far(struct xlat *x);

/* Forms of MOV, PUSH and POP with a segment, control or debug register,
 * handed on by those rows. cpu/xlat_sys.c */
bool xlat_mov_sreg(struct xlat *x);
bool xlat_mov_cr(struct xlat *x);
bool xlat_mov_dr(struct xlat *x);
bool xlat_push_sreg(struct xlat *x);
bool xlat_pop_sreg(struct xlat *x);

/* Append a uop with handler `fn`; its registers default to GPR_ZERO. */
struct uop *xlat_emit(struct xlat *x, uop_fn *fn);

/*
 * The memory operand `o` as an ea; emits an `ea` uop first when segment
 * base, address size or limit checks need one. Call before xlat_emit of the
 * instruction's own uop, then xlat_set_ea on it.
 */
struct ea xlat_ea(struct xlat *x, const ZydisDecodedOperand *o);
void xlat_set_ea(struct uop *u, const struct ea *ea);
/* The same without segment base, limit and rights: of use where an access
 * may be smaller than the operand. True of xlat_segmented: there are such,
 * and mem_linear has to make the linear address. */
struct ea xlat_offset(struct xlat *x, const ZydisDecodedOperand *o);
bool xlat_segmented(const struct xlat *x, const ZydisDecodedOperand *o);
/* SEG_* of a memory operand. */
uint8_t xlat_segment(const ZydisDecodedOperand *o);

/* Byte offset in the gpr file of a general register, high bytes included. */
uint8_t xlat_gpr(ZydisRegister r);
/* Number of an XMM/YMM/ZMM, MMX, ST, segment, control or debug register. */
uint8_t xlat_number(ZydisRegister r);

/* Emit a uop that raises `vector` (no error code, or error code 0 for the
 * vectors that have one) and ends the block. */
void xlat_raise(struct xlat *x, uint8_t vector);

/*
 * Emit a callout: the instruction is done by C function `fn`, run with rip,
 * next_rip, cycles and counts exact. xlat_callout_end also ends the block
 * and is for whatever may change mode, context or control flow;
 * xlat_callout is for bodies that only compute. The returned uop's imm is
 * taken; all other fields are the family's.
 */
struct uop *xlat_callout(struct xlat *x, callout_fn *fn);
struct uop *xlat_callout_end(struct xlat *x, callout_fn *fn);

/* Which copy of the handlers to use: tables exported by exec_*.c. */
static inline bool xlat_timed(const struct xlat *x)
{
    return x->c->config.timing != TIMING_OFF;
}

/* Operand size of the instruction in bytes (2, 4, 8; 1 for byte forms). */
static inline unsigned xlat_size(const struct xlat *x)
{
    return x->zi->operand_width / 8u;
}

#endif
