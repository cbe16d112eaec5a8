/* SPDX-License-Identifier: Apache-2.0
 * Conversions between MMX and vector registers, by the vector instructions
 * that do the same on zero-extended halves, and the masked byte stores.
 */
#include "cpu/mmx.h"

#include "cpu/sse_body.h"

#define CONVERT(host, d, s) __asm__ volatile(host " %1, %0" : "=x"(d) : "x"(s))

/* The unused upper lanes are zero: exact, no flags. */
__m128i mmx_cvt_to_vec(enum mmx_cvt_op op, __m128i d, __m128i s)
{
    __m128i r;
    if (op == MMX_CVTPI2PD) {
        CONVERT("cvtdq2pd", r, s);
        return r;
    }
    CONVERT("cvtdq2ps", r, s);
    return _mm_unpacklo_epi64(r, _mm_unpackhi_epi64(d, d));
}

uint64_t mmx_cvt_from_vec(enum mmx_cvt_op op, __m128i s)
{
    __m128i r = s, low = _mm_move_epi64(s);
    switch (op) {
    case MMX_CVTPS2PI: CONVERT("cvtps2dq", r, low); break;
    case MMX_CVTTPS2PI: CONVERT("cvttps2dq", r, low); break;
    case MMX_CVTPD2PI: CONVERT("cvtpd2dq", r, s); break;
    case MMX_CVTTPD2PI: CONVERT("cvttpd2dq", r, s); break;
    case MMX_CVTPI2PS:
    case MMX_CVTPI2PD:
    case MMX_CVT_OPS: break;
    }
    return (uint64_t)_mm_cvtsi128_si64(r);
}

/* Probe the page of byte `at` before anything is written, so that a fault on
 * the second page leaves the first one alone. */
static bool probe(struct cpu *c, uint64_t at)
{
    unsigned bits = c->cr4 & BIT(12) ? 57 : 48; /* CR4.LA57 */
    if (bits_sext(at, bits) != at)
        return true; /* the store itself faults, on its first byte */
    if (mmu_probe(c->mmu, at, 1, MMU_WRITE))
        return true;
    (void)raise_page_fault(c);
    return false;
}

/* Store the bytes of `data` whose mask byte has bit 7 set, each by itself. */
static enum step store_masked(struct cpu *c, const struct uop *u,
                              const uint8_t *data, const uint8_t *mask,
                              unsigned size)
{
    uint64_t lin = uop_ea(c, u), page = UINT64_MAX;
    for (unsigned i = 0; i < size; i++) {
        uint64_t at = lin + i;
        if ((mask[i] & 0x80) == 0 || at >> PAGE_SHIFT == page)
            continue;
        page = at >> PAGE_SHIFT;
        if (!probe(c, at))
            return STEP_FAULT;
    }
    for (unsigned i = 0; i < size; i++)
        if ((mask[i] & 0x80) != 0 && !mem_store(c, u, lin + i, 1, data[i]))
            return STEP_FAULT;
    return STEP_NEXT;
}

enum step sse_maskmovdqu(struct cpu *c, const struct uop *u)
{
    return store_masked(c, u, c->v[u->dst].u8, c->v[u->src].u8, 16);
}

enum step mmx_maskmovq(struct cpu *c, const struct uop *u)
{
    if (fpu_x87_pending(c))
        return fpu_pending(c);
    enum step s =
        store_masked(c, u, c->x87.st[u->dst].u8, c->x87.st[u->src].u8, 8);
    if (s == STEP_NEXT)
        mmx_touch(c);
    return s;
}
