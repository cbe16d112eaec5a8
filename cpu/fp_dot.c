/* SPDX-License-Identifier: Apache-2.0
 * DPPS and DPPD while the guest unmasks an exception: each multiplication and
 * each addition raises its own, in the order of their execution, so that an
 * unmasked one of the products hides what the sums would raise. SDM Vol.2
 * DPPS "SIMD Floating-Point Exceptions".
 */
#include "cpu/fp_checked.h"

#include <string.h>
#include <xmmintrin.h>

enum { BLOCK = 16 };

static void multiply(union vec *r, const struct fp_case *f, unsigned at)
{
    __m128i d, s;
    memcpy(&d, f->a.u8 + at, BLOCK);
    memcpy(&s, f->b.u8 + at, BLOCK);
    if (f->lanes == LANES_PD)
        __asm__ volatile("mulpd %1, %0" : "+x"(d) : "x"(s));
    else
        __asm__ volatile("mulps %1, %0" : "+x"(d) : "x"(s));
    memcpy(r->u8 + at, &d, BLOCK);
}

static void add(union vec *r, const struct fp_case *f, unsigned at)
{
    __m128i d, s;
    memcpy(&d, f->a.u8 + at, BLOCK);
    memcpy(&s, f->b.u8 + at, BLOCK);
    if (f->lanes == LANES_PD)
        __asm__ volatile("addpd %1, %0" : "+x"(d) : "x"(s));
    else
        __asm__ volatile("addps %1, %0" : "+x"(d) : "x"(s));
    memcpy(r->u8 + at, &d, BLOCK);
}

/* One step of all blocks; the flags it sets. */
static uint32_t step(struct fp_case *f, const struct fp_masks *m)
{
    _mm_setcsr(m->control | MXCSR_MASKS);
    for (unsigned at = 0; at < f->bytes; at += BLOCK)
        if (f->shape->kind == LANE_MUL)
            multiply(&f->result, f, at);
        else
            add(&f->result, f, at);
    return fp_judge(f, fp_raised(), m);
}

static void move(union vec *to, unsigned i, const union vec *from, unsigned k,
                 unsigned size)
{
    memcpy(to->u8 + (size_t)i * size, from->u8 + (size_t)k * size, size);
}

/* Neighbours of each block's results become the operands of its first n
 * lanes; the others are 0 + 0. */
static void pair(struct fp_case *f, unsigned n, unsigned size)
{
    unsigned per = BLOCK / size;
    memset(&f->a, 0, sizeof f->a);
    memset(&f->b, 0, sizeof f->b);
    for (unsigned first = 0; first < f->bytes / size; first += per)
        for (unsigned i = 0; i < n; i++) {
            move(&f->a, first + i, &f->result, first + 2 * i, size);
            move(&f->b, first + i, &f->result, first + 2 * i + 1, size);
        }
}

uint32_t fp_dot(const struct fp_dot *k, const struct fp_masks *m,
                union vec *result)
{
    static const struct fp_shape products = SHAPE_MUL, sums = SHAPE_ADD;
    unsigned size = k->wide ? 8 : 4, per = BLOCK / size;
    struct fp_case f = {.shape = &products,
                        .lanes = k->wide ? LANES_PD : LANES_PS,
                        .bytes = k->bytes};
    for (unsigned i = 0; i < k->bytes / size; i++)
        if (k->imm >> (4 + i % per) & 1) {
            move(&f.a, i, k->a, i, size);
            move(&f.b, i, k->b, i, size);
        }
    uint32_t raised = step(&f, m);
    f.shape = &sums;
    for (unsigned n = per / 2; n > 0; n /= 2) {
        if ((raised & m->unmasked) != 0)
            return raised;
        pair(&f, n, size);
        raised |= step(&f, m);
    }
    memset(result, 0, sizeof *result);
    for (unsigned i = 0; i < k->bytes / size; i++)
        if (k->imm >> i % per & 1)
            move(result, i, &f.result, i / per * per, size);
    return raised;
}
