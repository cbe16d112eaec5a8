/* SPDX-License-Identifier: Apache-2.0
 * VEX-encoded vector floating point while the guest unmasks an exception:
 * what is loaded, run and committed. The rules are in cpu/fp_checked.h.
 */
#include "cpu/avx_fp_body.h"
#include "cpu/fp_checked.h"

/* r is zero before; d is the destination, a the vvvv and s the rm operand. */
typedef void run_fn(union vec *r, const union vec *d, const union vec *a,
                    const union vec *s, unsigned imm);

static AVX_V(128) get_128(const union vec *v)
{
    return _mm_loadu_si128((const __m128i *)(const void *)v);
}

static AVX_V(256) get_256(const union vec *v)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)v);
}

static void put_128(union vec *v, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)v, x);
}

static void put_256(union vec *v, __m256i x)
{
    _mm256_storeu_si256((__m256i *)(void *)v, x);
}

#define GET(bits, v)    get_##bits(v)
#define PUT(bits, r, x) put_##bits(r, x)
#define RUN(name)                                                              \
    static void name(union vec *r, const union vec *d, const union vec *a,     \
                     const union vec *s, unsigned imm)                         \
    {                                                                          \
        (void)d, (void)a, (void)imm;

#define RUN3(m, host, bits)                                                    \
    AVX_BODY3(body_##m##_##bits, host, bits, bits, bits)                       \
    RUN(run_##m##_##bits)                                                      \
    PUT(bits, r, body_##m##_##bits(GET(bits, a), GET(bits, s)));               \
    }
#define RUN2(m, host, l, D, S)                                                 \
    AVX_BODY2(body_##m##_##l, host, D, S)                                      \
    RUN(run_##m##_##l)                                                         \
    PUT(D, r, body_##m##_##l(GET(S, s)));                                      \
    }
#define RUN3_I(m, host, bits, values)                                          \
    AVX_BODY3_I(body_##m##_##bits, host, bits, values)                         \
    RUN(run_##m##_##bits)                                                      \
    PUT(bits, r, body_##m##_##bits(GET(bits, a), GET(bits, s), imm));          \
    }
#define RUN2_I(m, host, bits, values)                                          \
    AVX_BODY2_I(body_##m##_##bits, host, bits, values)                         \
    RUN(run_##m##_##bits)                                                      \
    PUT(bits, r, body_##m##_##bits(GET(bits, s), imm));                        \
    }
#define RUN_FMA(m, host, bits)                                                 \
    AVX_BODY_ACC(body_##m##_##bits, host, bits, bits, bits)                    \
    RUN(run_##m##_##bits)                                                      \
    PUT(bits, r, body_##m##_##bits(GET(bits, d), GET(bits, a), GET(bits, s))); \
    }

#define AVX_FP3(m, host, cost, lanes, shape)                                   \
    RUN3(m, host, 128) RUN3(m, host, 256)
#define AVX_FP3_S(m, host, size, cost, lanes, shape) RUN3(m, host, 128)
#define AVX_FP2(m, host, size128, size256, D, S, cost, lanes, shape)           \
    RUN2(m, host, 128, 128, 128) RUN2(m, host, 256, D, S)
#define AVX_FP3_I(m, host, size, cost, values)                                 \
    RUN3_I(m, host, 128, values) RUN3_I(m, host, 256, values)
#define AVX_FP3_SI(m, host, size, cost, values) RUN3_I(m, host, 128, values)
#define AVX_FP2_I(m, host, size, cost, values)                                 \
    RUN2_I(m, host, 128, values) RUN2_I(m, host, 256, values)
#define AVX_FMA(m, host, order, lanes, n, s, alternate)                        \
    RUN_FMA(m, host, 128) RUN_FMA(m, host, 256)
#define AVX_FMA_S(m, host, size, order, lanes, n, s) RUN_FMA(m, host, 128)
#include "cpu/avx_fma.def"
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"

RUN2(VCVTPH2PS, "vcvtph2ps", 128, 128, 128)
RUN2(VCVTPH2PS, "vcvtph2ps", 256, 256, 128)
/* What the judge wants to know of an operation, by VEX.L. */
struct checked_row {
    run_fn *run[2];
    uint8_t size[2]; /* bytes of a memory source */
    uint8_t lanes;   /* enum sse_lanes */
    uint8_t order;   /* of a fused operation, else 0 */
    struct fp_shape shape;
};

static const struct checked_row fp_rows[AVX_FP_OPS] = {
#define AVX_FP3(m, host, cost, lns, shp)                                       \
    [AVX_##m] = {.run = {run_##m##_128, run_##m##_256},                        \
                 .size = {16, 32},                                             \
                 .lanes = LANES_##lns,                                         \
                 .shape = SHAPE_##shp},
#define AVX_FP3_S(m, host, sz, cost, lns, shp)                                 \
    [AVX_##m] = {.run = {run_##m##_128},                                       \
                 .size = {sz},                                                 \
                 .lanes = LANES_##lns,                                         \
                 .shape = SHAPE_##shp},
#define AVX_FP2(m, host, size128, size256, D, S, cost, lns, shp)               \
    [AVX_##m] = {.run = {run_##m##_128, run_##m##_256},                        \
                 .size = {size128, size256},                                   \
                 .lanes = LANES_##lns,                                         \
                 .shape = SHAPE_##shp},
#define AVX_FP3_I(m, host, sz, cost, values)                                   \
    [AVX_##m] = {.run = {run_##m##_128, run_##m##_256}, .size = {16, 32}},
#define AVX_FP3_SI(m, host, sz, cost, values)                                  \
    [AVX_##m] = {.run = {run_##m##_128}, .size = {sz}},
#define AVX_FP2_I(m, host, sz, cost, values)                                   \
    [AVX_##m] = {.run = {run_##m##_128, run_##m##_256}, .size = {16, 32}},
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"
    [AVX_VDPPS] = {.size = {16, 32}}, /* see fp_dot */
    [AVX_VDPPD] = {.size = {16}},
    [AVX_VCVTPH2PS] = {.run = {run_VCVTPH2PS_128, run_VCVTPH2PS_256},
                       .size = {8, 16}},
};

static const struct checked_row fma_rows[AVX_FMA_OPS] = {
#define FMA_SHAPE(n, s, alternate)                                             \
    {                                                                          \
        .kind = LANE_FMA, .negate = n, .subtract = s, .alternating = alternate \
    }
#define AVX_FMA(m, host, ord, lns, n, s, alternate)                            \
    [AVX_##m] = {.run = {run_##m##_128, run_##m##_256},                        \
                 .size = {16, 32},                                             \
                 .lanes = LANES_##lns,                                         \
                 .order = ord,                                                 \
                 .shape = FMA_SHAPE(n, s, alternate)},
#define AVX_FMA_S(m, host, sz, ord, lns, n, s)                                 \
    [AVX_##m] = {.run = {run_##m##_128},                                       \
                 .size = {sz},                                                 \
                 .lanes = LANES_##lns,                                         \
                 .order = ord,                                                 \
                 .shape = FMA_SHAPE(n, s, false)},
#include "cpu/avx_fma.def"
#include "cpu/avx_fp_undef.h"
};

static const struct fp_shape half_shape = {.kind = LANE_HALF};

/* The fields of aux, and what was found on the way. */
struct checked {
    enum avx_checked_kind kind;
    unsigned op, l, imm;
    bool memory;
    const struct checked_row *row; /* of an operation */
    union vec d, a, s;
};

/* Zero where the field of the uop names no vector register. */
static void get(const struct cpu *c, unsigned n, unsigned bytes, union vec *v)
{
    memset(v, 0, sizeof *v);
    if (n < sizeof c->v / sizeof c->v[0])
        memcpy(v, &c->v[n], bytes);
}

/* False: c->event is valid. */
static bool load_source(struct cpu *c, const struct uop *u, struct checked *k)
{
    bool gpr = k->kind == AVX_CHECKED_FROM_GPR;
    memset(&k->s, 0, sizeof k->s);
    if (k->kind == AVX_CHECKED_TO_HALF || (!k->memory && !gpr)) {
        get(c, u->src, 32, &k->s);
        return true;
    }
    if (!k->memory) {
        k->s.u64[0] = REG(uint64_t, c, u->src);
        return true;
    }
    bool wide = k->op == CVT_SI2SS_64 || k->op == CVT_SI2SD_64;
    unsigned size = gpr ? (wide ? 8 : 4) : k->row->size[k->l];
    if (!avx_slow_load(c, u, size, false))
        return false;
    memcpy(&k->s, c->slow.u8, size);
    return true;
}

static void run(struct checked *k, union vec *result)
{
    __m128i a = GET(128, &k->a), r = a;
    uint64_t s = k->s.u64[0];
    if (k->kind == AVX_CHECKED_OP || k->kind == AVX_CHECKED_FMA) {
        k->row->run[k->l](result, &k->d, &k->a, &k->s, k->imm);
        return;
    }
    if (k->kind == AVX_CHECKED_TO_HALF)
        r = k->l ? to_half_256(GET(256, &k->s), k->imm)
                 : to_half_128(GET(128, &k->s), k->imm);
#define CASE(name, host, size)                                                 \
    else if (k->op == CVT_##name) r = from_gpr_##name(a, s);
    AVX_FROM_GPR_LIST(CASE)
#undef CASE
    PUT(128, result, r);
}

/* Operands as the judge names them: a * b + c, or a and b. */
static void describe(const struct checked *k, struct fp_case *f)
{
    unsigned order = k->row != NULL ? k->row->order : 0;
    f->bytes = k->l ? 32 : 16;
    f->a = order == 132 ? k->d : k->a;
    f->b = order == 213 ? k->d : k->s;
    f->c = order == 132 ? k->a : order == 213 ? k->s : k->d;
    if (k->kind == AVX_CHECKED_TO_HALF) {
        f->lanes = LANES_PH;
        f->shape = &half_shape;
    } else if (k->row != NULL) {
        f->lanes = k->row->lanes;
        f->shape = &k->row->shape;
    }
}

/* VCVTPS2PH: imm8 may have a rounding mode of its own, and MXCSR.FZ is
 * ignored. */
static struct fp_masks masks_of(const struct checked *k, struct fp_masks m)
{
    if (k->kind == AVX_CHECKED_TO_HALF && (k->imm & 4) == 0)
        m.control = (m.control & ~(uint32_t)MXCSR_RC) | (k->imm & 3) << 13;
    return m;
}

static bool commit(struct cpu *c, const struct uop *u, const struct checked *k,
                   const union vec *result)
{
    if (k->kind == AVX_CHECKED_TO_HALF && k->memory)
        return mem_store_vec(c, u, uop_ea(c, u), k->l ? 16 : 8, result);
    avx_put256(c, u->dst, GET(256, result));
    return true;
}

/* Run it; the flags it sets. */
static uint32_t judge(struct checked *k, const struct fp_masks *m,
                      union vec *result)
{
    if (k->kind == AVX_CHECKED_OP && k->row->run[0] == NULL) {
        struct fp_dot f = {.a = &k->a,
                           .b = &k->s,
                           .bytes = k->l ? 32 : 16,
                           .imm = k->imm,
                           .wide = k->op == AVX_VDPPD};
        return fp_dot(&f, m, result);
    }
    struct fp_case f = {.shape = NULL};
    run(k, &f.result);
    uint32_t raised = fp_raised();
    *result = f.result;
    describe(k, &f);
    struct fp_masks judged = masks_of(k, *m);
    return fp_judge(&f, raised, &judged);
}

enum step avx_checked(struct cpu *c, const struct uop *u)
{
    struct checked k = {.kind = u->aux >> 28,
                        .op = u->aux >> 16 & 0xfff,
                        .imm = u->aux >> 8 & 0xff,
                        .memory = (u->aux >> 5 & 1) != 0,
                        .l = u->aux >> 4 & 1};
    union vec result;
    struct fp_masks m;
    if (k.kind == AVX_CHECKED_OP)
        k.row = &fp_rows[k.op];
    else if (k.kind == AVX_CHECKED_FMA)
        k.row = &fma_rows[k.op];
    if (!load_source(c, u, &k))
        return STEP_FAULT;
    if (k.kind == AVX_CHECKED_TO_HALF && k.memory &&
        !mem_store_probe(c, u, uop_ea(c, u), k.l ? 16 : 8))
        return STEP_FAULT;
    get(c, u->dst, 32, &k.d);
    get(c, u->aux & 0xf, 32, &k.a);
    fp_begin(c, &m);
    enum step step = fp_end(c, &m, judge(&k, &m, &result));
    if (step == STEP_NEXT && !commit(c, u, &k, &result))
        return STEP_FAULT;
    return step;
}
