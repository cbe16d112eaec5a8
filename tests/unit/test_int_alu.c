/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic, logic, shifts, multiplication, division and bit
 * instructions against the host.
 */
#include "tests/unit/int_rig.h"

START_TEST(two_operand_arithmetic)
{
    struct rig *r = rig_make();
    for (unsigned op = 0; op < 9; op++) {
        for (unsigned lg = 0; lg < 4; lg++) {
            for (unsigned k = 0; k < KINDS; k++) {
                /* op rm, rcx and op rcx, rm; the ninth is TEST */
                for (unsigned way = 0; way < (op == 8 ? 1u : 2u); way++) {
                    unsigned code = op == 8 ? 0x84 : op * 8 + way * 2;
                    struct form f = sized(lg, 0, code + (lg > 0));
                    modrm(&f, kinds[k], REG_RCX);
                    check(r, &f, indexed);
                }
                uint64_t imm = rng_next(&r->rng);
                struct form f =
                    sized(lg, 0, op == 8 ? 0xf6 + (lg > 0) : 0x80 + (lg > 0));
                modrm(&f, kinds[k], op == 8 ? 0 : op);
                immediate(&f, lg == 0 ? 1 : lg == 1 ? 2 : 4, imm);
                check(r, &f, indexed);
            }
        }
    }
    /* High byte registers: op ah, bh and op dl, ch. */
    for (unsigned op = 0; op < 8; op++) {
        check(r, &(struct form){{(uint8_t)(op * 8), 0xfc}, 2}, any);
        check(r, &(struct form){{(uint8_t)(op * 8), 0xea}, 2}, any);
        /* op eax, eax and op rax, rax: the zero idioms among them */
        check(r, &(struct form){{(uint8_t)(op * 8 + 1), 0xc0}, 2}, any);
        check(r, &(struct form){{0x48, (uint8_t)(op * 8 + 1), 0xc0}, 3}, any);
    }
    rig_free(r);
}
END_TEST

START_TEST(one_operand_arithmetic)
{
    struct rig *r = rig_make();
    for (unsigned lg = 0; lg < 4; lg++) {
        for (unsigned k = 0; k < KINDS; k++) {
            for (unsigned op = 0; op < 2; op++) { /* INC, DEC; NOT, NEG */
                struct form f = sized(lg, 0, 0xfe + (lg > 0));
                modrm(&f, kinds[k], op);
                check(r, &f, indexed);
                f = sized(lg, 0, 0xf6 + (lg > 0));
                modrm(&f, kinds[k], 2 + op);
                check(r, &f, indexed);
            }
        }
    }
    rig_free(r);
}
END_TEST

START_TEST(exchanges)
{
    struct rig *r = rig_make();
    for (unsigned lg = 0; lg < 4; lg++) {
        for (unsigned k = 0; k < KINDS; k++) {
            struct form f = sized(lg, 0x0f, 0xc0 + (lg > 0)); /* XADD */
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
            f = sized(lg, 0x0f, 0xb0 + (lg > 0)); /* CMPXCHG */
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
            f = sized(lg, 0, 0x86 + (lg > 0)); /* XCHG */
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
        }
        /* XADD and XCHG of a register with itself; CMPXCHG rbx, rcx. */
        struct form f = sized(lg, 0x0f, 0xc0 + (lg > 0));
        put(&f, 0xc9);
        check(r, &f, any);
        f = sized(lg, 0, 0x86 + (lg > 0));
        put(&f, 0xc9);
        check(r, &f, any);
        f = sized(lg, 0x0f, 0xb0 + (lg > 0));
        put(&f, 0xcb);
        check(r, &f, any);
    }
    rig_free(r);
}
END_TEST

/* CL of every count; half of the time small. */
static void counted(struct rig *r, struct state *s)
{
    indexed(r, s);
    if (rng_next(&r->rng) & 1)
        s->rcx &= 0x3f;
}
START_TEST(shifts_and_rotates)
{
    struct rig *r = rig_make();
    for (unsigned op = 0; op < 8; op++) {
        for (unsigned lg = 0; lg < 4; lg++) {
            for (unsigned k = 0; k < KINDS; k++) {
                struct form f = sized(lg, 0, 0xd2 + (lg > 0)); /* by CL */
                modrm(&f, kinds[k], op);
                check(r, &f, counted);
                f = sized(lg, 0, 0xd0 + (lg > 0)); /* by 1 */
                modrm(&f, kinds[k], op);
                check(r, &f, indexed);
                for (unsigned i = 0; i < 67; i += 1 + k * 8) {
                    f = sized(lg, 0, 0xc0 + (lg > 0));
                    modrm(&f, kinds[k], op);
                    put(&f, i);
                    check(r, &f, indexed);
                }
            }
        }
    }
    rig_free(r);
}
END_TEST

/* 16-bit counts above 16 have undefined results. */
static void counted16(struct rig *r, struct state *s)
{
    counted(r, s);
    s->rcx = (s->rcx & ~UINT64_C(0xff)) | (s->rcx & 0xff) % 17;
}
START_TEST(double_shifts)
{
    struct rig *r = rig_make();
    for (unsigned right = 0; right < 2; right++) {
        for (unsigned lg = 1; lg < 4; lg++) {
            for (unsigned k = 0; k < KINDS; k++) {
                struct form f = sized(lg, 0x0f, right ? 0xad : 0xa5);
                modrm(&f, kinds[k], REG_RDX);
                check(r, &f, lg == 1 ? counted16 : counted);
                for (unsigned i = 0; i < (lg == 1 ? 17u : 64u); i++) {
                    f = sized(lg, 0x0f, right ? 0xac : 0xa4);
                    modrm(&f, kinds[k], REG_RDX);
                    put(&f, i);
                    check(r, &f, indexed);
                }
            }
        }
    }
    rig_free(r);
}
END_TEST

START_TEST(multiplications)
{
    struct rig *r = rig_make();
    for (unsigned lg = 0; lg < 4; lg++) {
        for (unsigned k = 0; k < KINDS; k++) {
            for (unsigned op = 4; op < 6; op++) { /* MUL, IMUL */
                struct form f = sized(lg, 0, 0xf6 + (lg > 0));
                modrm(&f, kinds[k], op);
                check(r, &f, indexed);
            }
            if (lg == 0)
                continue;
            struct form f = sized(lg, 0x0f, 0xaf);
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
            f = sized(lg, 0, 0x6b);
            modrm(&f, kinds[k], REG_RCX);
            immediate(&f, 1, rng_next(&r->rng));
            check(r, &f, indexed);
            f = sized(lg, 0, 0x69);
            modrm(&f, kinds[k], REG_RCX);
            immediate(&f, lg == 1 ? 2 : 4, rng_next(&r->rng));
            check(r, &f, indexed);
        }
    }
    rig_free(r);
}
END_TEST

/* Divisor in RCX and memory, dividend in RDX:RAX (AX) whose quotient fits. */
static void dividable(struct rig *r, struct state *s)
{
    unsigned bits = r->zo[0].size;
    bool sign = r->zi.mnemonic == ZYDIS_MNEMONIC_IDIV;
    uint64_t mask = bits_mask(bits);
    any(r, s);
    s->rsi = 0;
    __int128 d = sign ? (__int128)(int64_t)bits_sext(s->rcx & mask, bits)
                      : (__int128)(s->rcx & mask);
    if (d == 0) {
        s->rcx |= 5;
        d = sign ? (__int128)(int64_t)bits_sext(s->rcx & mask, bits)
                 : (__int128)(s->rcx & mask);
    }
    uint64_t q = operand(&r->rng) & mask, m = operand(&r->rng);
    __int128 quotient =
        sign ? (__int128)(int64_t)bits_sext(q, bits) : (__int128)q;
    unsigned __int128 size = (unsigned __int128)(d < 0 ? -d : d);
    __int128 rest = (__int128)((unsigned __int128)(m & mask) % size);
    if (sign && (quotient < 0) != (d < 0))
        rest = -rest;
    unsigned __int128 n = (unsigned __int128)quotient * (unsigned __int128)d +
                          (unsigned __int128)rest;
    if (bits == 8) {
        s->rax = (s->rax & ~UINT64_C(0xffff)) | ((uint64_t)n & 0xffff);
    } else {
        s->rax = (s->rax & ~mask) | ((uint64_t)n & mask);
        s->rdx = (s->rdx & ~mask) | ((uint64_t)(n >> bits) & mask);
    }
    s->mem[0] = s->rcx;
}
START_TEST(divisions)
{
    struct rig *r = rig_make();
    for (unsigned lg = 0; lg < 4; lg++) {
        for (unsigned op = 6; op < 8; op++) {
            struct form f = sized(lg, 0, 0xf6 + (lg > 0));
            put(&f, 0xc1 | op << 3);
            check(r, &f, dividable);
            f = sized(lg, 0, 0xf6 + (lg > 0));
            put(&f, MEM_RDI | op << 3);
            check(r, &f, dividable);
        }
    }
    rig_free(r);
}
END_TEST

/* A bit number within mem, counted from its middle when it is signed. */
static void bit_number(struct rig *r, struct state *s)
{
    indexed(r, s);
    s->rcx &= 255;
    s->rsi = 0;
}
START_TEST(bit_instructions)
{
    struct rig *r = rig_make();
    for (unsigned lg = 1; lg < 4; lg++) {
        for (unsigned k = 0; k < KINDS; k++) {
            for (unsigned op = 4; op < 8; op++) {
                struct form f = sized(lg, 0x0f, 0xba);
                modrm(&f, kinds[k], op);
                put(&f, (unsigned)rng_next(&r->rng) & 0xff);
                check(r, &f, indexed);
                f = sized(lg, 0x0f, 0x83 + op * 8);
                modrm(&f, kinds[k], REG_RCX);
                check(r, &f, kinds[k] == REGISTERS ? any : bit_number);
            }
            struct form f = sized(lg, 0x0f, 0xbc);
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
            f = sized(lg, 0x0f, 0xbd);
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
            f = (struct form){.n = 0};
            if (lg == 1)
                put(&f, 0x66);
            put(&f, 0xf3);
            if (lg == 3)
                put(&f, 0x48);
            put(&f, 0x0f);
            put(&f, 0xb8);
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
        }
    }
    /* BT [rdi+24], rcx with negative numbers */
    for (unsigned op = 4; op < 8; op++) {
        struct form f = sized(3, 0x0f, 0x83 + op * 8);
        put(&f, 0x4f);
        put(&f, 24);
        check(r, &f, bit_number);
    }
    rig_free(r);
}
END_TEST

START_TEST(cyclic_redundancy_check)
{
    struct rig *r = rig_make();
    for (unsigned lg = 0; lg < 4; lg++) {
        for (unsigned k = 0; k < KINDS; k++) {
            struct form f = {.n = 0};
            if (lg == 1)
                put(&f, 0x66);
            put(&f, 0xf2);
            if (lg == 3)
                put(&f, 0x48);
            immediate(&f, 2, 0x380f);
            put(&f, 0xf0 + (lg > 0));
            modrm(&f, kinds[k], REG_RCX);
            check(r, &f, indexed);
        }
    }
    rig_free(r);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        two_operand_arithmetic,
        one_operand_arithmetic,
        exchanges,
        shifts_and_rotates,
        double_shifts,
        multiplications,
        divisions,
        bit_instructions,
        cyclic_redundancy_check,
    };
    return run_tests("int_alu", tests, sizeof tests / sizeof tests[0]);
}
