/* SPDX-License-Identifier: Apache-2.0
 * Legacy-encoded vector floating point while the guest unmasks an exception:
 * what is loaded, run and committed. The rules are in cpu/fp_checked.h.
 */
#include "cpu/flags.h"
#include "cpu/fp_checked.h"
#include "cpu/mmx.h"
#include "cpu/sse_cvt.h"

#define SSE_FP(m, host, size, cost, lanes, feature) SSE_BODY(m, host)
#define SSE_FP_AUX(m, host, size, lanes)            SSE_BODY(m, host)
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX

static __m128i run_op(enum sse_fp_op op, __m128i d, __m128i s)
{
    switch (op) {
#define SSE_FP(m, host, size, cost, lanes, feature)                            \
    case SSE_##m:                                                              \
        return body_##m(d, s);
#define SSE_FP_AUX(m, host, size, lanes)                                       \
    case SSE_##m:                                                              \
        return body_##m(d, s);
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
    case SSE_FP_OPS: break;
    }
    return d;
}

static __m128i run_imm(enum sse_imm_op op, __m128i d, __m128i s, unsigned imm)
{
    switch (op) {
#define X(m, size, fp)                                                         \
    case SSE_##m: return sse_imm_##m(d, s, imm);
        SSE_IMM_OPS_LIST(X)
#undef X
    case SSE_IMM_OPS: break;
    }
    return d;
}

static const uint8_t op_size[SSE_FP_OPS] = {
#define SSE_FP(m, host, size, cost, lanes, feature) [SSE_##m] = (size),
#define SSE_FP_AUX(m, host, size, lanes)            [SSE_##m] = (size),
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
};

static const uint8_t op_lanes[SSE_FP_OPS] = {
#define SSE_FP(m, host, size, cost, lanes, feature) [SSE_##m] = LANES_##lanes,
#define SSE_FP_AUX(m, host, size, lanes)            [SSE_##m] = LANES_##lanes,
#include "cpu/sse_fp.def"
#undef SSE_FP
#undef SSE_FP_AUX
};

static const uint8_t imm_size[SSE_IMM_OPS] = {
#define X(m, size, fp) [SSE_##m] = (size),
    SSE_IMM_OPS_LIST(X)
#undef X
};

/* How the lanes of the rows are made that can overflow or underflow. */
static const struct fp_shape op_shape[SSE_FP_OPS] = {
#define VERTICAL(m)                                                            \
    [SSE_##m##PS] = SHAPE_##m, [SSE_##m##SS] = SHAPE_##m,                      \
    [SSE_##m##PD] = SHAPE_##m, [SSE_##m##SD] = SHAPE_##m
    VERTICAL(ADD),
    VERTICAL(SUB),
    VERTICAL(MUL),
    VERTICAL(DIV),
#undef VERTICAL
    [SSE_ADDSUBPS] = SHAPE_ADDSUB,
    [SSE_ADDSUBPD] = SHAPE_ADDSUB,
    [SSE_HADDPS] = SHAPE_HADD,
    [SSE_HADDPD] = SHAPE_HADD,
    [SSE_HSUBPS] = SHAPE_HSUB,
    [SSE_HSUBPD] = SHAPE_HSUB,
    [SSE_CVTPD2PS] = SHAPE_CVT,
    [SSE_CVTSD2SS] = SHAPE_CVT,
};

/* Everything a checked instruction reads and makes. */
struct checked {
    enum sse_checked_kind kind;
    unsigned op, imm;
    bool memory;
    __m128i s, result;
    uint64_t value; /* of a general or MMX register, or EFLAGS bits */
    enum sse_lanes lanes;
};

static unsigned source_size(const struct checked *k)
{
    static const uint8_t flag_size[SSE_FLAG_OPS] = {4, 4, 8, 8, 16};
    switch (k->kind) {
    case CHECKED_OP: return op_size[k->op];
    case CHECKED_IMM: return imm_size[k->op];
    case CHECKED_FROM_GPR:
        return k->op == CVT_SI2SS_64 || k->op == CVT_SI2SD_64 ? 8 : 4;
    case CHECKED_TO_GPR:
        return k->op == CVT_SS2SI_32 || k->op == CVT_SS2SI_64 ||
                       k->op == CVT_TSS2SI_32 || k->op == CVT_TSS2SI_64
                   ? 4
                   : 8;
    case CHECKED_FLAGS: return flag_size[k->op];
    case CHECKED_FROM_MMX: return 8;
    case CHECKED_TO_MMX:
        return k->op == MMX_CVTPD2PI || k->op == MMX_CVTTPD2PI ? 16 : 8;
    }
    return 16;
}

/* False: c->event is valid. */
static bool load_source(struct cpu *c, const struct uop *u, struct checked *k)
{
    if (!k->memory) {
        uint64_t x = 0;
        if (k->kind == CHECKED_FROM_GPR)
            x = REG(uint64_t, c, u->src);
        else if (k->kind == CHECKED_FROM_MMX)
            x = c->x87.st[u->src].u64[0];
        else {
            k->s = vec_get(c, u->src);
            return true;
        }
        k->s = vec_imm(x);
        return true;
    }
    unsigned size = source_size(k);
    if (!vec_slow_load(c, u, size, size == 16))
        return false;
    __m128i s = _mm_setzero_si128();
    memcpy(&s, c->slow.u8, size);
    k->s = s;
    return true;
}

static void run(struct cpu *c, const struct uop *u, struct checked *k)
{
    switch (k->kind) {
    case CHECKED_OP:
        k->result = run_op(k->op, vec_get(c, u->dst), k->s);
        k->lanes = op_lanes[k->op];
        break;
    case CHECKED_IMM:
        k->result = run_imm(k->op, vec_get(c, u->dst), k->s, k->imm);
        break;
    case CHECKED_FROM_GPR:
        k->result = sse_cvt_from_gpr(k->op, vec_get(c, u->dst),
                                     (uint64_t)_mm_cvtsi128_si64(k->s));
        break;
    case CHECKED_TO_GPR: k->value = sse_cvt_to_gpr(k->op, k->s); break;
    case CHECKED_FLAGS:
        k->value = sse_flags(k->op, vec_get(c, u->dst), k->s);
        break;
    case CHECKED_FROM_MMX:
        k->result = mmx_cvt_to_vec(k->op, vec_get(c, u->dst), k->s);
        break;
    case CHECKED_TO_MMX: k->value = mmx_cvt_from_vec(k->op, k->s); break;
    }
}

static void commit(struct cpu *c, const struct uop *u, const struct checked *k)
{
    switch (k->kind) {
    case CHECKED_OP:
    case CHECKED_IMM:
    case CHECKED_FROM_GPR: vec_put(c, u->dst, k->result); break;
    case CHECKED_TO_GPR: REG(uint64_t, c, u->dst) = k->value; break;
    case CHECKED_FLAGS: flags_set_arith(c, (uint32_t)k->value); break;
    case CHECKED_FROM_MMX:
        if (!(k->memory && k->op == MMX_CVTPI2PD))
            mmx_touch(c);
        vec_put(c, u->dst, k->result);
        break;
    case CHECKED_TO_MMX: mmx_put(c, u->dst, k->value); break;
    }
}

static void vec_of(union vec *v, __m128i x)
{
    memset(v, 0, sizeof *v);
    memcpy(v, &x, sizeof x);
}

static bool is_dot(const struct checked *k)
{
    return k->kind == CHECKED_IMM && (k->op == SSE_DPPS || k->op == SSE_DPPD);
}

static uint32_t dot(struct cpu *c, const struct uop *u, struct checked *k,
                    const struct fp_masks *m)
{
    union vec s, result;
    struct fp_dot f = {.a = &c->v[u->dst],
                       .b = &s,
                       .bytes = 16,
                       .imm = k->imm,
                       .wide = k->op == SSE_DPPD};
    vec_of(&s, k->s);
    uint32_t raised = fp_dot(&f, m, &result);
    memcpy(&k->result, &result, sizeof k->result);
    return raised;
}

/* Run it; the flags it sets. */
static uint32_t judge(struct cpu *c, const struct uop *u, struct checked *k,
                      const struct fp_masks *m)
{
    if (is_dot(k))
        return dot(c, u, k, m);
    run(c, u, k);
    uint32_t raised = fp_raised();
    struct fp_case f = {.lanes = k->lanes, .bytes = 16};
    if (k->kind == CHECKED_OP) { /* else dst may be another kind's */
        f.shape = &op_shape[k->op];
        vec_of(&f.a, vec_get(c, u->dst));
    }
    vec_of(&f.b, k->s);
    vec_of(&f.result, k->result);
    return fp_judge(&f, raised, m);
}

enum step sse_checked(struct cpu *c, const struct uop *u)
{
    struct checked k = {.kind = u->aux >> 24,
                        .op = u->aux & 0xff,
                        .imm = u->aux >> 8 & 0xff,
                        .memory = (u->aux >> 23 & 1) != 0};
    bool mmx = k.kind == CHECKED_FROM_MMX || k.kind == CHECKED_TO_MMX;
    if (mmx && fpu_x87_pending(c))
        return fpu_pending(c);
    if (!load_source(c, u, &k))
        return STEP_FAULT;
    struct fp_masks m;
    fp_begin(c, &m);
    enum step step = fp_end(c, &m, judge(c, u, &k, &m));
    if (step == STEP_NEXT)
        commit(c, u, &k);
    return step;
}
