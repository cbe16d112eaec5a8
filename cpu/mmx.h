/* SPDX-License-Identifier: Apache-2.0
 * MMX: registers on top of the x87's, the handler table, and the conversions
 * between MMX and vector registers.
 */
#ifndef VTSIM_CPU_MMX_H
#define VTSIM_CPU_MMX_H

#include "cpu/sse.h"

enum mmx_op {
#define SSE_MMX(m, host, size, feature_mm, feature) MMX_##m,
#define SSE_INT(m, host, size, feature)
#define SSE_AUX(m, host, size)
#include "cpu/sse_int.def"
#undef SSE_MMX
#undef SSE_INT
#undef SSE_AUX
    MMX_OPS
};

enum mmx_cvt_op {
    MMX_CVTPI2PS,
    MMX_CVTPI2PD, /* to vector registers */
    MMX_CVTPS2PI,
    MMX_CVTTPS2PI,
    MMX_CVTPD2PI,
    MMX_CVTTPD2PI,
    MMX_CVT_OPS
};

/* Instructions with a body of their own. Where not said: dst and src are MMX
 * register numbers, aux is imm8. */
enum mmx_misc_op {
    MMX_PSHUFW,
    MMX_PALIGNR, /* src register or memory */
    MMX_PINSRW,  /* src: gpr, or 2 bytes of memory */
    MMX_LOAD4,
    MMX_LOAD8, /* src: gpr or memory, zero-extended */
    MMX_COPY,
    MMX_MISC_OPS
};
enum mmx_out_op {
    MMX_TO_GPR4,
    MMX_TO_GPR8,
    MMX_STORE4,
    MMX_STORE8,
    MMX_PEXTRW,
    MMX_PMOVMSKB,
    MMX_MOVQ2DQ,
    MMX_MOVDQ2Q,
    MMX_EMMS,
    MMX_OUT_OPS
};

enum { MMX_REG, MMX_MEM, MMX_IMM, MMX_FORMS }; /* where the source is */

struct exec_mmx_table {
    /* MEM: aux is the bytes read, 4 or 8; IMM: the source is uop.imm */
    uop_fn *op[MMX_OPS][MMX_FORMS];
    uop_fn *misc[MMX_MISC_OPS][2];
    uop_fn *out[MMX_OUT_OPS];
    uop_fn *cvt[MMX_CVT_OPS][2];
};
extern const struct exec_mmx_table exec_mmx_off, exec_mmx_simple;

/* Every MMX instruction but EMMS: TOP = 0, all tags valid. SDM Vol.3
 * "Effects of MMX Instructions on x87 FPU State". */
static inline void mmx_touch(struct cpu *c)
{
    c->x87.fsw &= (uint16_t)~0x3800;
    c->x87.ftw = 0xff;
}

/* Write MMX register n: the exponent of the x87 register becomes all ones. */
static inline void mmx_put(struct cpu *c, unsigned n, uint64_t v)
{
    mmx_touch(c);
    c->x87.st[n].u64[0] = v;
    c->x87.st[n].u64[1] = 0xffff;
}

/* The conversions; the vector side of 64 bits is zero-extended. */
__m128i mmx_cvt_to_vec(enum mmx_cvt_op op, __m128i d, __m128i s);
uint64_t mmx_cvt_from_vec(enum mmx_cvt_op op, __m128i s);

callout_fn mmx_maskmovq;   /* MASKMOVQ: dst data, src mask, memory */
callout_fn sse_maskmovdqu; /* MASKMOVDQU: the same with vector registers */

#endif
