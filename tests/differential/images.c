/* SPDX-License-Identifier: Apache-2.0
 * Save areas that restores accept: x87 environments and states of each
 * format, FXSAVE and XSAVE areas. SDM Vol.1 "x87 FPU Environment", "FXSAVE
 * Area", "XSAVE Area".
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "tests/differential/gen.h"

#include <string.h>

static void put(uint8_t *p, uint64_t v, unsigned size)
{
    memcpy(p, &v, size);
}

static uint64_t random_control(struct rng *r)
{
    return 0x40 | (below(r, 2) ? 0x300 : 0x200) | below(r, 4) << 10 |
           (one_in(r, 4) ? below(r, 64) : 0x3f);
}

/* The environment at the start of FLDENV's and FRSTOR's image. */
static void put_environment(struct rng *r, uint8_t *p, unsigned word)
{
    put(p, random_control(r), 2);
    put(p + word, rng_next(r) & (one_in(r, 4) ? 0x7fff : 0x7f00), 2);
    put(p + 2 * word, one_in(r, 3) ? rng_next(r) : below(r, 2) ? 0 : 0xffff, 2);
}

static void put_fxsave(struct rng *r, uint8_t *p)
{
    put(p, random_control(r), 2);
    put(p + 2, rng_next(r) & (one_in(r, 4) ? 0x7fff : 0x7f00), 2);
    put(p + 4, rng_next(r), 1);
    /* Bit 17 of MXCSR is AMD's alone. */
    put(p + 24, rng_next(r) & (one_in(r, 16) ? 0xfffdffff : 0xffff), 4);
}

static void put_xsave(struct rng *r, struct test_case *t, uint8_t *p)
{
    bool compact = one_in(r, 4);
    put_fxsave(r, p);
    memset(p + 512, 0, 64);
    put(p + 512, below(r, 8), 8);
    if (compact)
        put(p + 520, UINT64_C(1) << 63 | below(r, 8) | (*(p + 512) & 7u), 8);
    if (one_in(r, 16)) /* something reserved */
        put(p + 512 + below(r, 64), below(r, 256), 1);
    t->before.gpr[0] = one_in(r, 8) ? rng_next(r) : below(r, 8);
    t->before.gpr[2] = one_in(r, 8) ? rng_next(r) : 0;
}

void steer_image(struct rng *r, struct test_case *t, uint8_t *p, unsigned room)
{
    unsigned word = t->zi.operand_width == 16 ? 2 : 4;
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FRSTOR:
        if (room >= 7 * word)
            put_environment(r, p, word);
        break;
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
        if (room >= 512)
            put_fxsave(r, p);
        break;
    default: /* XSAVE and XRSTOR of any kind */
        if (room >= 832 && !one_in(r, 16))
            put_xsave(r, t, p);
        break;
    }
}

bool has_image(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64: return true;
    default: return false;
    }
}
