/* SPDX-License-Identifier: Apache-2.0
 * Whether a vector operation is inexact when overflow or underflow is
 * unmasked: then #P is about the result rounded to the destination's
 * precision but with an unbounded exponent (SDM Vol.1 "Numeric Overflow
 * Exception (#O)", "Numeric Underflow Exception (#U)"). The x87 with its
 * wider exponent and the destination's precision computes just that. Rare,
 * so a lane at a time.
 */
#include "cpu/sse_body.h"
#include "cpu/sse_checked.h"
#include "cpu/x87.h"

enum { FLAG_OE = 1 << 3, FLAG_UE = 1 << 4, FLAG_PE = 1 << 5 };

enum lane_kind { LANE_NONE, LANE_ADD, LANE_SUB, LANE_MUL, LANE_DIV, LANE_CVT };

/* How the lanes of a row are paired. */
struct shape {
    uint8_t kind;     /* enum lane_kind, of odd lanes when alternating */
    bool horizontal;  /* neighbours of one operand, first d then s */
    bool alternating; /* even lanes subtract */
};

static struct shape shape_of(enum sse_fp_op op)
{
    static const struct shape shapes[SSE_FP_OPS] = {
#define VERTICAL(m, k)                                                         \
    [SSE_##m##PS] = {k, false, false}, [SSE_##m##SS] = {k, false, false},      \
    [SSE_##m##PD] = {k, false, false}, [SSE_##m##SD] = {k, false, false}
        VERTICAL(ADD, LANE_ADD),
        VERTICAL(SUB, LANE_SUB),
        VERTICAL(MUL, LANE_MUL),
        VERTICAL(DIV, LANE_DIV),
#undef VERTICAL
        [SSE_ADDSUBPS] = {LANE_ADD, false, true},
        [SSE_ADDSUBPD] = {LANE_ADD, false, true},
        [SSE_HADDPS] = {LANE_ADD, true, false},
        [SSE_HADDPD] = {LANE_ADD, true, false},
        [SSE_HSUBPS] = {LANE_SUB, true, false},
        [SSE_HSUBPD] = {LANE_SUB, true, false},
        [SSE_CVTPD2PS] = {LANE_CVT, false, false},
        [SSE_CVTSD2SS] = {LANE_CVT, false, false},
    };
    return shapes[op];
}

struct lane {
    enum lane_kind kind;
    bool wide_in, wide_out; /* double */
    uint64_t a, b;
};

#define SCALAR(host) __asm__ volatile(host " %1, %0" : "+x"(d) : "x"(s))

/* The masked operation: flags, and the result in *out. */
static uint32_t lane_flags(const struct lane *l, uint32_t control,
                           uint64_t *out)
{
    __m128i d = vec_imm(l->a), s = vec_imm(l->b);
    _mm_setcsr(control);
    switch ((unsigned)l->kind << 1 | l->wide_out) {
    case LANE_ADD << 1: SCALAR("addss"); break;
    case LANE_ADD << 1 | 1: SCALAR("addsd"); break;
    case LANE_SUB << 1: SCALAR("subss"); break;
    case LANE_SUB << 1 | 1: SCALAR("subsd"); break;
    case LANE_MUL << 1: SCALAR("mulss"); break;
    case LANE_MUL << 1 | 1: SCALAR("mulsd"); break;
    case LANE_DIV << 1: SCALAR("divss"); break;
    case LANE_DIV << 1 | 1: SCALAR("divsd"); break;
    case LANE_CVT << 1:
        s = d;
        d = _mm_setzero_si128();
        SCALAR("cvtsd2ss");
        break;
    default: break;
    }
    *out = (uint64_t)_mm_cvtsi128_si64(d);
    return _mm_getcsr() & MXCSR_FLAGS;
}

#define X87(load, insn)                                                        \
    __asm__ volatile(                                                          \
        "fnclex\n\tfldcw %[cw]\n\t" load " %[a]\n\t" insn                      \
        "\n\tfnstsw %[sw]\n\tfstp %%st(0)\n\tfnclex\n\t"                       \
        "fldcw %[host]"                                                        \
        : [sw] "=m"(sw)                                                        \
        : [cw] "m"(cw), [a] "m"(l->a), [b] "m"(l->b), [host] "m"(host))

/* Inexact with an unbounded exponent. */
static bool lane_inexact(const struct lane *l, uint32_t control)
{
    const uint16_t host = 0x37f;
    uint16_t sw = 0;
    /* RC has the same encoding; PC is single (0) or double (2). */
    uint16_t cw = (uint16_t)((control & MXCSR_RC) >> 3 |
                             (l->wide_out ? 0x200 : 0) | 0x7f);
    switch ((unsigned)l->kind << 1 | l->wide_in) {
    case LANE_ADD << 1: X87("flds", "fadds %[b]"); break;
    case LANE_ADD << 1 | 1: X87("fldl", "faddl %[b]"); break;
    case LANE_SUB << 1: X87("flds", "fsubs %[b]"); break;
    case LANE_SUB << 1 | 1: X87("fldl", "fsubl %[b]"); break;
    case LANE_MUL << 1: X87("flds", "fmuls %[b]"); break;
    case LANE_MUL << 1 | 1: X87("fldl", "fmull %[b]"); break;
    case LANE_DIV << 1: X87("flds", "fdivs %[b]"); break;
    case LANE_DIV << 1 | 1: X87("fldl", "fdivl %[b]"); break;
    case LANE_CVT << 1 | 1: X87("fldl", "fld1\n\tfmulp"); break;
    default: break;
    }
    return (sw & X87_PE) != 0;
}

static uint64_t element(const union vec *v, unsigned i, bool wide)
{
    return wide ? v->u64[i] : v->u32[i];
}

/* Operands of result lane i of n. */
static struct lane lane_at(const struct shape *p, const union vec *d,
                           const union vec *s, unsigned i, unsigned n,
                           bool wide)
{
    struct lane l = {.kind = p->kind, .wide_in = wide, .wide_out = wide};
    if (p->kind == LANE_CVT) {
        l.wide_in = true;
        l.wide_out = false;
        l.a = s->u64[i];
    } else if (p->horizontal) {
        const union vec *from = 2 * i < n ? d : s;
        l.a = element(from, 2 * i % n, wide);
        l.b = element(from, 2 * i % n + 1, wide);
    } else {
        l.a = element(d, i, wide);
        l.b = element(s, i, wide);
        if (p->alternating && i % 2 == 0)
            l.kind = LANE_SUB;
    }
    return l;
}

static uint64_t flush(uint64_t x, bool wide)
{
    uint64_t sign = x & (wide ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
    return sse_is_tiny(x, wide) ? sign : x;
}

bool sse_inexact(enum sse_fp_op op, enum sse_lanes lanes, __m128i dx,
                 __m128i sx, uint32_t control, uint32_t unmasked)
{
    struct shape p = shape_of(op);
    union vec d, s;
    bool wide = lanes == LANES_PD || lanes == LANES_SD, inexact = false;
    unsigned n = lanes == LANES_PS && p.kind != LANE_CVT  ? 4
                 : lanes == LANES_PD || lanes == LANES_PS ? 2
                                                          : 1;
    memcpy(&d, &dx, sizeof dx);
    memcpy(&s, &sx, sizeof sx);
    for (unsigned i = 0; i < n; i++) {
        struct lane l = lane_at(&p, &d, &s, i, n, wide);
        if ((control & MXCSR_DAZ) != 0) {
            l.a = flush(l.a, l.wide_in);
            l.b = flush(l.b, l.wide_in);
        }
        uint64_t r;
        uint32_t f = lane_flags(&l, control | MXCSR_MASKS, &r);
        bool tiny = sse_is_tiny(r, l.wide_out) || (f & FLAG_UE) != 0;
        if ((f & unmasked & FLAG_OE) != 0 ||
            (tiny && (unmasked & FLAG_UE) != 0))
            inexact |= lane_inexact(&l, control);
        else
            inexact |= (f & FLAG_PE) != 0;
    }
    return inexact;
}
