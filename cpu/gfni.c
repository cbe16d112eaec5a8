/* SPDX-License-Identifier: Apache-2.0
 * The Galois-field instructions on 8 bytes at once. SDM Vol.2 GF2P8MULB,
 * GF2P8AFFINEQB, GF2P8AFFINEINVQB.
 */
#include "cpu/crypto.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)

/* FFh in every byte whose bit `k` is set. */
static uint64_t byte_mask(uint64_t x, unsigned k)
{
    return (x >> k & EACH_BYTE) * 0xff;
}

/* Every byte times x, reduced. */
static uint64_t times_x(uint64_t a)
{
    uint64_t carry = byte_mask(a, 7);
    return ((a << 1) & ~EACH_BYTE) ^ (carry & (0x1b * EACH_BYTE));
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t r = 0;
    for (unsigned k = 0; k < 8; k++) {
        r ^= a & byte_mask(b, k);
        a = times_x(a);
    }
    return r;
}

/* x^254, which is 1/x, and 0 for 0: squares, gathering x^2 .. x^128. */
static uint64_t inverse(uint64_t x)
{
    uint64_t power = x, r = EACH_BYTE;
    for (unsigned k = 1; k < 8; k++) {
        power = multiply(power, power);
        r = multiply(r, power);
    }
    return r;
}

/* Rows become columns: bit j of byte i goes to bit i of byte j. */
static uint64_t transpose(uint64_t m)
{
    uint64_t t = (m ^ m >> 7) & UINT64_C(0x00aa00aa00aa00aa);
    m ^= t ^ t << 7;
    t = (m ^ m >> 14) & UINT64_C(0x0000cccc0000cccc);
    m ^= t ^ t << 14;
    t = (m ^ m >> 28) & UINT64_C(0x00000000f0f0f0f0);
    return m ^ t ^ t << 28;
}

/* Bit i of a result is the parity of byte 7 - i of the matrix and x: the sum
 * of the matrix's columns that x selects. */
static uint64_t affine(uint64_t x, uint64_t matrix, unsigned imm8)
{
    uint64_t columns = transpose(__builtin_bswap64(matrix));
    uint64_t r = imm8 * EACH_BYTE;
    for (unsigned k = 0; k < 8; k++)
        r ^= byte_mask(x, k) & (columns >> 8 * k & 0xff) * EACH_BYTE;
    return r;
}

uint64_t gfni_qword(enum gfni_op op, uint64_t a, uint64_t b, unsigned imm8)
{
    switch (op) {
    case GFNI_MULB: return multiply(a, b);
    case GFNI_AFFINE: return affine(a, b, imm8);
    case GFNI_AFFINE_INVERSE: return affine(inverse(a), b, imm8);
    }
    return 0;
}
