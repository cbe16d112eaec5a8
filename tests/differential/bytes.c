/* SPDX-License-Identifier: Apache-2.0
 * Random encodings: structured bytes, of which the decoder accepts a good
 * part, with the prefixes in odd orders too. SDM Vol.2 "Instruction Format".
 */
#include "cpu/xlat.h"
#include "tests/differential/gen.h"

#include <string.h>

/* A VEX prefix and its opcode. */
static unsigned random_vex(struct rng *r, enum code_mode mode, uint8_t *b)
{
    unsigned n = 0;
    /* vvvv is 1111b where the instruction has no such operand. */
    uint8_t last = (uint8_t)(below(r, 2) ? rng_next(r) : 0x78 | below(r, 8));
    uint8_t high = (uint8_t)(mode == CODE_64 ? below(r, 8) << 5 : 0xe0);
    if (one_in(r, 48)) /* #UD: a legacy prefix before VEX */
        b[n++] = (uint8_t[]){0x66, 0xf2, 0xf3, 0xf0, 0x48}[below(r, 5)];
    if (one_in(r, 32))
        b[n++] = 0x67;
    if (one_in(r, 3)) { /* two-byte form: map 1, W = 0 */
        b[n++] = 0xc5;
        b[n++] = (uint8_t)((last & 0x7f) | (high & 0x80));
    } else {
        static const uint8_t maps[] = {1, 1, 1, 2, 2, 2, 3, 3};
        b[n++] = 0xc4;
        b[n++] = high | maps[below(r, 8)];
        b[n++] = last;
    }
    b[n++] = (uint8_t)rng_next(r);
    return n;
}

static unsigned random_prefixes(struct rng *r, enum code_mode mode, uint8_t *b)
{
    unsigned n = 0;
    if (one_in(r, 6))
        b[n++] = 0x66;
    switch (below(r, 24)) {
    case 0:
    case 1: b[n++] = 0xf2; break;
    case 2:
    case 3:
    case 4: b[n++] = 0xf3; break;
    case 5: b[n++] = 0xf0; break;
    case 6: b[n++] = 0x67; break;
    case 7: b[n++] = (uint8_t[]){0x2e, 0x3e, 0x26, 0x36}[below(r, 4)]; break;
    default: break;
    }
    if (one_in(r, 16))
        b[n++] = 0x66;
    if (mode == CODE_64 && below(r, 2))
        b[n++] = (uint8_t)(0x40 | below(r, 16));
    if (one_in(r, 64)) /* a prefix after REX: REX is then ignored */
        b[n++] = 0x66;
    return n;
}

static unsigned random_legacy(struct rng *r, enum code_mode mode, uint8_t *b)
{
    unsigned n = random_prefixes(r, mode, b);
    uint64_t map = below(r, 16);
    if (map >= 8) {
        b[n++] = 0x0f;
        if (map == 13 || map == 14)
            b[n++] = 0x38;
        else if (map == 15)
            b[n++] = 0x3a;
    }
    b[n++] = (uint8_t)rng_next(r);
    return n;
}

void random_encoding(struct rng *r, enum code_mode mode, uint8_t *b)
{
    bool vex = both_have(FEATURE_AVX) && below(r, 8) < 3;
    unsigned n = vex ? random_vex(r, mode, b) : random_legacy(r, mode, b);
    while (n < 15)
        b[n++] = (uint8_t)rng_next(r);
}

static ZydisRegister other_register(struct rng *r, ZydisRegister reg,
                                    uint64_t count)
{
    static const struct {
        ZydisRegisterClass of;
        ZydisRegister first;
    } classes[] = {{ZYDIS_REGCLASS_GPR16, ZYDIS_REGISTER_AX},
                   {ZYDIS_REGCLASS_GPR32, ZYDIS_REGISTER_EAX},
                   {ZYDIS_REGCLASS_GPR64, ZYDIS_REGISTER_RAX},
                   {ZYDIS_REGCLASS_XMM, ZYDIS_REGISTER_XMM0},
                   {ZYDIS_REGCLASS_YMM, ZYDIS_REGISTER_YMM0}};
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (ZydisRegisterGetClass(reg) == classes[i].of)
            return (ZydisRegister)(classes[i].first + below(r, count));
    }
    return reg;
}

bool reencode(struct rng *r, struct test_case *t)
{
    ZydisEncoderRequest q;
    uint8_t b[ZYDIS_MAX_INSTRUCTION_LENGTH];
    ZyanUSize n = sizeof b;
    if (t->zi.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
        ZYAN_FAILED(ZydisEncoderDecodedInstructionToEncoderRequest(
            &t->zi, t->zo, t->zi.operand_count_visible, &q)))
        return false;
    for (unsigned i = 0; i < q.operand_count; i++) {
        if (q.operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER && below(r, 2))
            q.operands[i].reg.value = other_register(
                r, q.operands[i].reg.value, t->mode == CODE_64 ? 16 : 8);
    }
    if (ZYAN_FAILED(ZydisEncoderEncodeInstruction(&q, b, &n)))
        return false;
    memcpy(t->bytes, b, n);
    return true;
}

void random_tail(struct rng *r, uint8_t *b, unsigned n, uint8_t modrm,
                 uint8_t keep)
{
    b[n] = (uint8_t)((rng_next(r) & ~keep) | (modrm & keep));
    /* Immediates that are at an edge as often as not. */
    for (unsigned i = n + 1; i < 15; i++)
        b[i] = (uint8_t)rng_next(r);
    if (one_in(r, 8)) {
        uint8_t fill = (uint8_t[]){0, 0xff, 0x01, 0x7f}[below(r, 4)];
        for (unsigned i = n + 2; i < 15; i++)
            b[i] = fill;
    }
}
