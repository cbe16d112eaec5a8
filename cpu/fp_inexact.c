/* SPDX-License-Identifier: Apache-2.0
 * Whether a vector operation is inexact when overflow or underflow is
 * unmasked: then #P is about the result rounded to the destination's
 * precision but with an unbounded exponent (SDM Vol.1 "Numeric Overflow
 * Exception (#O)", "Numeric Underflow Exception (#U)"). The x87 with its
 * wider exponent and the destination's precision computes just that; for
 * fused operations and half precision the exact value is looked at. Rare, so
 * a lane at a time.
 */
#include "cpu/fp_checked.h"
#include "cpu/sse_body.h"
#include "cpu/x87.h"

enum { FLAG_OE = 1 << 3, FLAG_UE = 1 << 4, FLAG_PE = 1 << 5 };

/* One lane: sizes in bytes of operands and result, operands. */
struct lane {
    enum lane_kind kind;
    unsigned in, out;
    uint64_t a, b, c;
};

#define SCALAR(host) __asm__ volatile(host " %1, %0" : "+x"(d) : "x"(s))
#define FUSED(host)                                                            \
    __asm__ volatile(host " %2, %1, %0" : "+x"(d) : "x"(s), "x"(t))

/* The masked operation: flags, and the result in *out. */
static uint32_t lane_flags(const struct lane *l, uint32_t control,
                           uint64_t *out)
{
    __m128i d = vec_imm(l->a), s = vec_imm(l->b), t = vec_imm(l->c);
    _mm_setcsr(control);
    switch ((unsigned)l->kind << 1 | (l->out == 8)) {
    case LANE_ADD << 1: SCALAR("addss"); break;
    case LANE_ADD << 1 | 1: SCALAR("addsd"); break;
    case LANE_SUB << 1: SCALAR("subss"); break;
    case LANE_SUB << 1 | 1: SCALAR("subsd"); break;
    case LANE_MUL << 1: SCALAR("mulss"); break;
    case LANE_MUL << 1 | 1: SCALAR("mulsd"); break;
    case LANE_DIV << 1: SCALAR("divss"); break;
    case LANE_DIV << 1 | 1: SCALAR("divsd"); break;
    case LANE_CVT << 1:
        d = _mm_setzero_si128();
        SCALAR("cvtsd2ss");
        break;
    case LANE_FMA << 1: FUSED("vfmadd213ss"); break;
    case LANE_FMA << 1 | 1: FUSED("vfmadd213sd"); break;
    case LANE_HALF << 1:
        __asm__ volatile("vcvtps2ph $4, %1, %0" : "=x"(d) : "x"(s));
        break;
    default: break;
    }
    *out = (uint64_t)_mm_cvtsi128_si64(d) & bits_mask(l->out * 8);
    return _mm_getcsr() & MXCSR_FLAGS;
}

/* A finite number: (-1)^negative * m * 2^e, m odd or 0. */
struct exact {
    unsigned __int128 m;
    int e;
    bool negative;
};

static unsigned trailing_zeros(unsigned __int128 m)
{
    uint64_t low = (uint64_t)m;
    return low != 0 ? (unsigned)__builtin_ctzll(low)
                    : 64 + (unsigned)__builtin_ctzll((uint64_t)(m >> 64));
}

static unsigned bit_length(unsigned __int128 m)
{
    uint64_t high = (uint64_t)(m >> 64), low = (uint64_t)m;
    return high != 0  ? 128 - (unsigned)__builtin_clzll(high)
           : low != 0 ? 64 - (unsigned)__builtin_clzll(low)
                      : 0;
}

static struct exact make_odd(struct exact x)
{
    if (x.m != 0) {
        unsigned n = trailing_zeros(x.m);
        x.m >>= n;
        x.e += (int)n;
    }
    return x;
}

static struct exact exact_of(uint64_t x, unsigned size)
{
    unsigned fraction = size == 8 ? 52 : 23;
    uint64_t field = (x & bits_mask(size * 8 - 1)) >> fraction;
    uint64_t m = x & bits_mask(fraction);
    if (field != 0)
        m |= UINT64_C(1) << fraction;
    struct exact r = {m, field == 0 ? 1 : (int)field,
                      (x >> (size * 8 - 1) & 1) != 0};
    return make_odd(r); /* the exponent's bias is the same in all operands */
}

/* Precision of a format, the leading bit included. */
static unsigned precision(unsigned size)
{
    return size == 8 ? 53 : size == 4 ? 24 : 11;
}

/*
 * Has a * b + c more significant bits than the format has? The lowest bit of
 * the sum is the lower one of the two terms' lowest bits, unless they are
 * equal. A sum that spans more than 120 bits cannot lose so many of them by
 * cancellation, for a term has 106 at most.
 */
static bool fused_inexact(const struct lane *l)
{
    struct exact a = exact_of(l->a, l->in), b = exact_of(l->b, l->in);
    struct exact c = exact_of(l->c, l->in);
    /* Exponents count from the format's lowest bit: a product does so twice. */
    int bias = l->in == 8 ? 1075 : 150;
    struct exact p = {a.m * b.m, a.e + b.e - bias, a.negative != b.negative};
    if (p.m == 0 || c.m == 0)
        return bit_length(p.m | c.m) > precision(l->out);
    int low = p.e < c.e ? p.e : c.e;
    int p_top = p.e + (int)bit_length(p.m), c_top = c.e + (int)bit_length(c.m);
    if ((p_top > c_top ? p_top : c_top) - low > 120)
        return true;
    unsigned __int128 x = p.m << (p.e - low), y = c.m << (c.e - low);
    struct exact sum = {x + y, low, false};
    if (p.negative != c.negative)
        sum.m = x > y ? x - y : y - x;
    return bit_length(make_odd(sum).m) > precision(l->out);
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
                             (l->out == 8 ? 0x200 : 0) | 0x7f);
    switch ((unsigned)l->kind << 1 | (l->in == 8)) {
    case LANE_ADD << 1: X87("flds", "fadds %[b]"); break;
    case LANE_ADD << 1 | 1: X87("fldl", "faddl %[b]"); break;
    case LANE_SUB << 1: X87("flds", "fsubs %[b]"); break;
    case LANE_SUB << 1 | 1: X87("fldl", "fsubl %[b]"); break;
    case LANE_MUL << 1: X87("flds", "fmuls %[b]"); break;
    case LANE_MUL << 1 | 1: X87("fldl", "fmull %[b]"); break;
    case LANE_DIV << 1: X87("flds", "fdivs %[b]"); break;
    case LANE_DIV << 1 | 1: X87("fldl", "fdivl %[b]"); break;
    case LANE_CVT << 1 | 1: X87("fldl", "fld1\n\tfmulp"); break;
    case LANE_FMA << 1:
    case LANE_FMA << 1 | 1: return fused_inexact(l);
    case LANE_HALF << 1: return bit_length(exact_of(l->b, 4).m) > precision(2);
    default: break;
    }
    return (sw & X87_PE) != 0;
}

static uint64_t element(const union vec *v, unsigned i, unsigned size)
{
    return size == 8 ? v->u64[i] : v->u32[i];
}

static uint64_t negated(uint64_t x, bool negate, unsigned size)
{
    return x ^ (uint64_t)negate << (size * 8 - 1);
}

/* Neighbours of one operand, first a then b, in each 16 bytes. */
static void pair_operands(const struct fp_case *k, unsigned i, struct lane *l)
{
    unsigned n = 16 / l->in, within = 2 * i % (2 * n);
    const union vec *from = within < n ? &k->a : &k->b;
    unsigned at = i / n * n + within % n;
    l->a = element(from, at, l->in);
    l->b = element(from, at + 1, l->in);
}

/* Operands of result lane i. */
static struct lane lane_at(const struct fp_case *k, unsigned i)
{
    const struct fp_shape *p = k->shape;
    bool wide = k->lanes == LANES_PD || k->lanes == LANES_SD;
    bool even = p->alternating && i % 2 == 0;
    struct lane l = {.kind = p->kind, .in = wide ? 8 : 4, .out = wide ? 8 : 4};
    if (p->kind == LANE_HALF)
        l.out = 2;
    else if (p->kind == LANE_CVT)
        l.in = 8;
    if (p->horizontal) {
        pair_operands(k, i, &l);
        return l;
    }
    l.a = element(&k->a, i, l.in);
    l.b = element(&k->b, i, l.in);
    l.c = element(&k->c, i, l.in);
    if (p->kind == LANE_FMA) {
        l.a = negated(l.a, p->negate, l.in);
        l.c = negated(l.c, p->subtract != even, l.in);
    } else if (even) {
        l.kind = LANE_SUB;
    }
    if (p->kind == LANE_CVT)
        l.a = l.b;
    return l;
}

static uint64_t flush(uint64_t x, unsigned size)
{
    uint64_t sign = x & UINT64_C(1) << (size * 8 - 1);
    return fp_is_tiny(x, size) ? sign : x;
}

static unsigned lane_count(const struct fp_case *k)
{
    switch (k->lanes) {
    case LANES_PS: return k->bytes / (k->shape->kind == LANE_CVT ? 8 : 4);
    case LANES_PD: return k->bytes / 8;
    case LANES_PH: return k->bytes / 4;
    case LANES_NONE:
    case LANES_SS:
    case LANES_SD: break;
    }
    return 1;
}

bool fp_inexact(const struct fp_case *k, const struct fp_masks *m)
{
    unsigned n = lane_count(k);
    bool inexact = false;
    for (unsigned i = 0; i < n; i++) {
        struct lane l = lane_at(k, i);
        if ((m->control & MXCSR_DAZ) != 0) {
            l.a = flush(l.a, l.in);
            l.b = flush(l.b, l.in);
            l.c = flush(l.c, l.in);
        }
        uint64_t r;
        uint32_t f = lane_flags(&l, m->control | MXCSR_MASKS, &r);
        bool tiny = fp_is_tiny(r, l.out) || (f & FLAG_UE) != 0;
        if ((f & m->unmasked & FLAG_OE) != 0 ||
            (tiny && (m->unmasked & FLAG_UE) != 0))
            inexact |= lane_inexact(&l, m->control);
        else
            inexact |= (f & FLAG_PE) != 0;
    }
    return inexact;
}
