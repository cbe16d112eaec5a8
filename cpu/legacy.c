/* SPDX-License-Identifier: Apache-2.0
 * Decimal adjustment, BOUND and SALC. SDM Vol.2, each by its name.
 *
 * Undefined flags are those of the addition or subtraction that does the
 * work, as a processor was found to give them for every operand: of 16 bits
 * for AAA and AAS, of 8 bits for DAA, DAS and AAD; AAM clears them.
 */
#include "cpu/legacy.h"

#include "cpu/event.h"
#include "cpu/exec_int.h"
#include "cpu/int_callout.h"

/* SF, ZF and PF of a result of `bits` bits. */
static uint32_t result_flags(uint32_t v, unsigned bits)
{
    uint32_t f = __builtin_parity(v & 0xff) ? 0u : FLAG_PF;
    if ((v & bits_mask(bits)) == 0)
        f |= FLAG_ZF;
    if ((v >> (bits - 1) & 1) != 0)
        f |= FLAG_SF;
    return f;
}

/* OF of a + b = r and, with the operands in this order, of r = b - a. */
static uint32_t overflow(uint32_t a, uint32_t b, uint32_t r, unsigned bits)
{
    return ((a ^ r) & (b ^ r)) >> (bits - 1) & 1 ? FLAG_OF : 0;
}

/* The low digit of AL is no decimal one, or the operation before carried out
 * of it. */
static bool adjusts(const struct cpu *c, uint8_t al)
{
    return (al & 15) > 9 || flags_af(c);
}

static enum step ascii(struct cpu *c, bool subtract)
{
    enum { ADJUST = 0x106 };
    uint16_t ax = (uint16_t)c->gpr[REG_RAX], by = 0;
    uint32_t flags = 0;
    if (adjusts(c, (uint8_t)ax)) {
        by = ADJUST;
        flags = FLAG_AF | FLAG_CF;
    }
    uint16_t r = (uint16_t)(subtract ? ax - by : ax + by);
    flags |= result_flags(r, 16);
    flags |= subtract ? overflow(by, r, ax, 16) : overflow(ax, by, r, 16);
    REG(uint16_t, c, REG_RAX * 8) = r & 0xff0f;
    flags_set_arith(c, flags);
    return STEP_NEXT;
}

enum step legacy_aaa(struct cpu *c, const struct uop *u)
{
    (void)u;
    return ascii(c, false);
}

enum step legacy_aas(struct cpu *c, const struct uop *u)
{
    (void)u;
    return ascii(c, true);
}

/* DAA clears CF when neither digit overflows; DAS keeps the borrow of the
 * low digit. */
static enum step decimal(struct cpu *c, bool subtract)
{
    uint8_t al = (uint8_t)c->gpr[REG_RAX], by = 0;
    bool carry = flags_cf(c), low = adjusts(c, al);
    uint32_t flags = 0;
    if (PLANTED(c, PLANT_DAA_NO_AF) && !subtract)
        low = (al & 15) > 9;
    if (low) {
        by = 6;
        flags = FLAG_AF;
        if (subtract && (carry || al < 6))
            flags |= FLAG_CF;
    }
    if (al > 0x99 || carry) {
        by += 0x60;
        flags |= FLAG_CF;
    }
    uint8_t r = (uint8_t)(subtract ? al - by : al + by);
    flags |= result_flags(r, 8);
    flags |= subtract ? overflow(by, r, al, 8) : overflow(al, by, r, 8);
    REG(uint8_t, c, REG_RAX * 8) = r;
    flags_set_arith(c, flags);
    return STEP_NEXT;
}

enum step legacy_daa(struct cpu *c, const struct uop *u)
{
    (void)u;
    return decimal(c, false);
}

enum step legacy_das(struct cpu *c, const struct uop *u)
{
    (void)u;
    return decimal(c, true);
}

enum step legacy_aam(struct cpu *c, const struct uop *u)
{
    uint8_t base = (uint8_t)u->disp, al = (uint8_t)c->gpr[REG_RAX];
    if (base == 0 && PLANTED(c, PLANT_AAM_ZERO))
        base = 1;
    if (base == 0)
        return raise_exception(c, EXC_DE);
    uint8_t low = al % base;
    REG(uint16_t, c, REG_RAX * 8) = (uint16_t)(al / base << 8 | low);
    flags_set_arith(c, result_flags(low, 8));
    return STEP_NEXT;
}

enum step legacy_aad(struct cpu *c, const struct uop *u)
{
    uint32_t al = (uint8_t)c->gpr[REG_RAX];
    uint32_t tens = (uint8_t)(c->gpr[REG_RAX] >> 8) * (uint32_t)u->disp & 0xff;
    uint32_t r = al + tens, flags = result_flags(r, 8);
    flags |= overflow(al, tens, r, 8) | ((al ^ tens ^ r) & FLAG_AF);
    flags |= r > 0xff ? FLAG_CF : 0;
    REG(uint16_t, c, REG_RAX * 8) = (uint8_t)r;
    flags_set_arith(c, flags);
    return STEP_NEXT;
}

/* AL = CF in every bit; no flag changes. */
enum step legacy_salc(struct cpu *c, const struct uop *u)
{
    (void)u;
    REG(uint8_t, c, REG_RAX * 8) = flags_cf(c) ? 0xff : 0;
    return STEP_NEXT;
}

/* Signed; the upper bound belongs to the array. */
enum step legacy_bound(struct cpu *c, const struct uop *u)
{
    unsigned lg = u->aux & OFFSET_LG, size = 1u << lg;
    uint64_t low, high;
    if (!int_load_part(c, u, 0, size, &low) ||
        !int_load_part(c, u, size, size, &high))
        return STEP_FAULT;
    int64_t index = int_signed(c->gpr[u->dst / 8], lg);
    if (index < int_signed(low, lg) || index > int_signed(high, lg))
        return raise_exception(c, EXC_BR);
    return STEP_NEXT;
}
