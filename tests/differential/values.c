/* SPDX-License-Identifier: Apache-2.0
 * Registers and memory of a random case: values at which something happens
 * are common.
 */
#include "tests/differential/gen.h"

#include <string.h>

#define FLAGS_ARITH 0x8d5u

uint64_t integer_value(struct rng *r)
{
    static const uint64_t edge[] = {0,
                                    1,
                                    2,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    0x0f,
                                    0x10,
                                    0x1f,
                                    0x20,
                                    0x3f,
                                    0x40,
                                    0x100000000,
                                    0x7fffffffffffffff,
                                    UINT64_MAX,
                                    1ull << 63,
                                    ~0x7fffffffull,
                                    0x5555555555555555,
                                    0xaaaaaaaaaaaaaaaa};
    switch (below(r, 8)) {
    case 0:
    case 1: return edge[below(r, sizeof edge / sizeof edge[0])];
    case 2: return below(r, 256);
    case 3: return ~below(r, 256);
    default: return rng_next(r);
    }
}

/* Eight bytes that are interesting as floats, doubles or integers. */
uint64_t vector_value(struct rng *r)
{
    static const uint64_t doubles[] = {0,
                                       0x8000000000000000,
                                       0x3ff0000000000000,
                                       0xbff0000000000000,
                                       0x7ff0000000000000,
                                       0xfff0000000000000,
                                       0x7ff8000000000000,
                                       0x7ff0000000000001,
                                       0x0000000000000001,
                                       0x000fffffffffffff,
                                       0x0010000000000000,
                                       0x7fefffffffffffff,
                                       0x4330000000000000,
                                       0x41dfffffffc00000,
                                       0xc1e0000000000000,
                                       0x3fe0000000000000,
                                       0x43e0000000000000,
                                       0x4059000000000000};
    static const uint32_t floats[] = {
        0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
        0x7fc00000, 0x7f800001, 0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff,
        0x4b000000, 0x4effffff, 0xcf000000, 0x3f000000, 0x5f000000, 0x42c80000};
    switch (below(r, 6)) {
    case 0:
    case 1: return doubles[below(r, sizeof doubles / sizeof doubles[0])];
    case 2: {
        uint64_t lo = floats[below(r, sizeof floats / sizeof floats[0])];
        uint64_t hi = floats[below(r, sizeof floats / sizeof floats[0])];
        return hi << 32 | lo;
    }
    case 3: { /* a double of moderate size */
        uint64_t exponent = 1023 - 40 + below(r, 80);
        return (rng_next(r) & 0x800fffffffffffff) | exponent << 52;
    }
    case 4: { /* two floats of moderate size */
        uint64_t e0 = 127 - 20 + below(r, 40), e1 = 127 - 20 + below(r, 40);
        return (rng_next(r) & 0x807fffff807fffff) | e0 << 23 | e1 << 55;
    }
    default: return rng_next(r);
    }
}

static void random_st(struct rng *r, struct fx_image *fx, unsigned i)
{
    static const uint16_t exponents[] = {0,      0x3fff, 0xbfff, 0x7fff,
                                         0xffff, 0x4000, 0x3ffe, 0x4010,
                                         0x8000, 0x0001, 0x403e, 0x7ffe};
    uint64_t m = rng_next(r);
    uint16_t e = (uint16_t)(0x3fff - 60 + below(r, 120));
    switch (below(r, 6)) {
    case 0: e = exponents[below(r, 12)]; break;
    case 1: m = UINT64_C(1) << 63; break;
    case 2:
        m = below(r, 2) ? 0 : UINT64_C(3) << 62;
        e = exponents[below(r, 12)];
        break;
    default: break;
    }
    if ((e & 0x7fff) != 0 && !one_in(r, 64))
        m |= UINT64_C(1) << 63; /* else an unnormal: unsupported */
    fx->st[i].mantissa = m;
    fx->st[i].exponent = (uint16_t)(e | (below(r, 2) << 15));
}

static void random_x87(struct rng *r, struct fx_image *fx)
{
    uint16_t rc_pc = (uint16_t)(below(r, 16) << 8);
    if ((rc_pc & 0x300) == 0x100)
        rc_pc |= 0x200; /* precision control 01 is reserved */
    uint64_t masks = one_in(r, 32) ? below(r, 64) : 0x3f;
    fx->fcw = (uint16_t)(0x40 | rc_pc | masks);
    fx->fsw = (uint16_t)(below(r, 8) << 11 | (rng_next(r) & 0x4700));
    fx->ftw = (uint8_t)(below(r, 4) ? 0xff : rng_next(r));
    for (unsigned i = 0; i < 8; i++)
        random_st(r, fx, i);
}

/* Selectors of 32 and 16-bit code: mostly segments that reach the arena. */
void random_segments(struct rng *r, struct test_case *t)
{
    static const uint8_t rows32[] = {
        LDT_FLAT,   LDT_FLAT,   LDT_RO,   LDT_WINDOW, LDT_SMALL,
        LDT_DOWN16, LDT_DOWN32, LDT_NONE, LDT_CODE32, LDT_CODE16};
    static const uint8_t rows16[] = {
        LDT_WINDOW, LDT_WINDOW, LDT_SMALL,  LDT_DOWN16, LDT_FLAT,
        LDT_NONE,   LDT_CODE16, LDT_WINDOW, LDT_DOWN16, LDT_RO};
    static const uint8_t stacks[] = {LDT_FLAT, LDT_WINDOW, LDT_SMALL,
                                     LDT_DOWN16};
    struct machine_state *s = &t->before;
    bool wide = t->mode == CODE_32;
    if (t->mode == CODE_64) {
        s->cs = USER_CS64;
        s->ss = USER_DS;
        s->ds = s->es = 0;
        return;
    }
    bool xo = one_in(r, 16);
    s->ds = s->es = s->ss = wide ? (uint16_t)USER_DS : ldt_selector(LDT_WINDOW);
    if (wide)
        s->cs = below(r, 2) ? (uint16_t)USER_CS32
                            : ldt_selector(xo ? LDT_CODE32_XO : LDT_CODE32);
    else
        s->cs = ldt_selector(xo ? LDT_CODE16_XO : LDT_CODE16);
    if (one_in(r, 3))
        s->ds = ldt_selector((wide ? rows32 : rows16)[below(r, 10)]);
    if (one_in(r, 3))
        s->es = ldt_selector((wide ? rows32 : rows16)[below(r, 10)]);
    if (one_in(r, 4))
        s->ss = ldt_selector(stacks[below(r, 4)]);
}

/* The registers of a case whose mode is known. */
void random_state(struct rng *r, struct test_case *t)
{
    struct machine_state *s = &t->before;
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = integer_value(r);
    random_segments(r, t);
    s->gpr[4] = ARENA + 0x800 + 8 * below(r, 256);
    if (one_in(r, 24)) /* at the end of what can be written, or the start */
        s->gpr[4] = (below(r, 2) ? ARENA_RO : ARENA) + 8 * below(r, 8) - 16;
    s->gpr[4] -= t->mode == CODE_64 ? 0 : selector_base(s->ss);
    s->rip = CODE_PAGE + t->place;
    if (t->mode == CODE_16)
        s->rip -= CODE_PAGE;
    if (t->mode != CODE_64) {
        for (unsigned i = 0; i < 16; i++)
            s->gpr[i] = (uint32_t)s->gpr[i];
    }
    s->rflags = 0x202 | (rng_next(r) & FLAGS_ARITH);
    if (one_in(r, 16))
        s->rflags |= 0x400; /* DF */
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned k = 0; k < 2; k++) {
            s->fx.xmm[i][k] = vector_value(r);
            s->ymmh[i][k] = vector_value(r);
        }
    }
    s->xstate_bv = 7;
    s->fx.mxcsr = 0x1f80;
    if (one_in(r, 4))
        s->fx.mxcsr |= (uint32_t)(rng_next(r) & 0xe07f);
    if (one_in(r, 48)) /* unmask some */
        s->fx.mxcsr &= ~(uint32_t)(rng_next(r) & 0x1f80);
    s->fx.mxcsr_mask = 0xffff;
    random_x87(r, &s->fx);
}

/* Two KiB of interesting values, repeated: filling it all afresh would be
 * most of a case's cost. */
void fill_memory(struct rng *r, uint8_t *memory)
{
    enum { CHUNK = 2048 };
    for (unsigned i = 0; i < CHUNK; i += 8) {
        uint64_t v = (i & 8) ? vector_value(r) : integer_value(r);
        memcpy(memory + i, &v, 8);
    }
    for (unsigned i = CHUNK; i < ARENA_SIZE; i += CHUNK)
        memcpy(memory + i, memory, CHUNK);
}
