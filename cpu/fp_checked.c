/* SPDX-License-Identifier: Apache-2.0
 * The frame of every checked vector floating-point instruction.
 */
#include "cpu/fp_checked.h"

#include <string.h>
#include <xmmintrin.h>

enum {
    PRE_FLAGS = 0x07,   /* IE DE ZE */
    OVERFLOW = 1 << 3,  /* OE */
    UNDERFLOW = 1 << 4, /* UE */
    PRECISION = 1 << 5  /* PE */
};
enum { CR4_OSXMMEXCPT = 1 << 10 };

bool fp_is_tiny(uint64_t x, unsigned size)
{
    unsigned fraction = size == 8 ? 52 : size == 4 ? 23 : 10;
    uint64_t magnitude = x & bits_mask(size * 8 - 1);
    return magnitude != 0 && magnitude >> fraction == 0;
}

/* A tiny result in one of the lanes: raises unmasked #U even when exact. SDM
 * Vol.1 "Numeric Underflow Exception (#U)". */
static bool has_tiny(const union vec *v, enum sse_lanes lanes)
{
    bool tiny = false;
    switch (lanes) {
    case LANES_NONE: break;
    case LANES_SS: return fp_is_tiny(v->u32[0], 4);
    case LANES_SD: return fp_is_tiny(v->u64[0], 8);
    case LANES_PD:
        for (unsigned i = 0; i < 4; i++)
            tiny |= fp_is_tiny(v->u64[i], 8);
        break;
    case LANES_PS:
        for (unsigned i = 0; i < 8; i++)
            tiny |= fp_is_tiny(v->u32[i], 4);
        break;
    case LANES_PH:
        for (unsigned i = 0; i < 8; i++)
            tiny |= fp_is_tiny(v->u16[i], 2);
        break;
    }
    return tiny;
}

void fp_begin(struct cpu *c, struct fp_masks *m)
{
    (void)fpu_mxcsr_read(c);
    m->unmasked = ~(c->mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS;
    m->control = c->mxcsr & (MXCSR_DAZ | MXCSR_RC | MXCSR_FZ);
    if ((m->unmasked & UNDERFLOW) != 0)
        m->control &= ~(uint32_t)MXCSR_FZ; /* FZ needs underflow masked */
    m->host = _mm_getcsr();
    _mm_setcsr(m->control | MXCSR_MASKS);
}

uint32_t fp_raised(void)
{
    return _mm_getcsr() & MXCSR_FLAGS;
}

uint32_t fp_judge(const struct fp_case *k, uint32_t raised,
                  const struct fp_masks *m)
{
    if ((raised & PRE_FLAGS & m->unmasked) != 0)
        return raised & PRE_FLAGS;
    if ((m->unmasked & UNDERFLOW) != 0 && has_tiny(&k->result, k->lanes))
        raised |= UNDERFLOW;
    if ((raised & (OVERFLOW | UNDERFLOW) & m->unmasked) != 0 &&
        k->shape != NULL && !fp_inexact(k, m))
        raised &= ~(uint32_t)PRECISION;
    return raised;
}

enum step fp_end(struct cpu *c, const struct fp_masks *m, uint32_t raised)
{
    _mm_setcsr(m->host & ~(uint32_t)MXCSR_FLAGS);
    c->mxcsr |= raised;
    if ((raised & m->unmasked) == 0)
        return STEP_NEXT;
    return raise_exception(c, (c->cr4 & CR4_OSXMMEXCPT) != 0 ? EXC_XM : EXC_UD);
}
