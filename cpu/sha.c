/* SPDX-License-Identifier: Apache-2.0
 * The SHA instructions. Many hosts lack them, so they are in C. Names are
 * those of SDM Vol.2 SHA1RNDS4 to SHA256MSG2; element 3 of a vector holds
 * bits 127:96.
 */
#include "cpu/crypto.h"

#include <string.h>

static uint32_t rol(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) ^ (~x & z);
}

static uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) ^ (x & z) ^ (y & z);
}

/* --- SHA-1 --- */

static uint32_t sha1_function(unsigned n, uint32_t b, uint32_t c, uint32_t d)
{
    static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc,
                                  0xca62c1d6};
    uint32_t f = n == 0   ? choose(b, c, d)
                 : n == 2 ? majority(b, c, d)
                          : b ^ c ^ d;
    return f + k[n];
}

/* The first word has E added already. */
static void sha1_rounds(unsigned n, uint32_t x[4], const uint32_t w[4])
{
    uint32_t a = x[3], b = x[2], c = x[1], d = x[0], e = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t t = sha1_function(n, b, c, d) + rol(a, 5) + w[3 - i] + e;
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = t;
    }
    x[3] = a, x[2] = b, x[1] = c, x[0] = d;
}

static void sha1_next_e(uint32_t x[4], const uint32_t s[4])
{
    uint32_t e = rol(x[3], 30) + s[3];
    memcpy(x, s, 12);
    x[3] = e;
}

static void sha1_message1(uint32_t w[4], const uint32_t s[4])
{
    w[3] ^= w[1];
    w[2] ^= w[0];
    w[1] ^= s[3];
    w[0] ^= s[2];
}

static void sha1_message2(uint32_t w[4], const uint32_t s[4])
{
    w[3] = rol(w[3] ^ s[2], 1);
    w[2] = rol(w[2] ^ s[1], 1);
    w[1] = rol(w[1] ^ s[0], 1);
    w[0] = rol(w[0] ^ w[3], 1);
}

/* --- SHA-256 --- */

static uint32_t big_sigma0(uint32_t x)
{
    return rol(x, 30) ^ rol(x, 19) ^ rol(x, 10);
}

static uint32_t big_sigma1(uint32_t x)
{
    return rol(x, 26) ^ rol(x, 21) ^ rol(x, 7);
}

static uint32_t sigma0(uint32_t x)
{
    return rol(x, 25) ^ rol(x, 14) ^ x >> 3;
}

static uint32_t sigma1(uint32_t x)
{
    return rol(x, 15) ^ rol(x, 13) ^ x >> 10;
}

/* x: C D G H, and the result; s: A B E F; wk: two words plus constants. */
static void sha256_rounds(uint32_t x[4], const uint32_t s[4],
                          const uint32_t wk[2])
{
    uint32_t a = s[3], b = s[2], e = s[1], f = s[0];
    uint32_t c = x[3], d = x[2], g = x[1], h = x[0];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t t = choose(e, f, g) + big_sigma1(e) + wk[i] + h;
        uint32_t sum = t + majority(a, b, c) + big_sigma0(a);
        h = g, g = f, f = e, e = t + d;
        d = c, c = b, b = a, a = sum;
    }
    x[3] = a, x[2] = b, x[1] = e, x[0] = f;
}

static void sha256_message1(uint32_t w[4], const uint32_t s[4])
{
    w[0] += sigma0(w[1]);
    w[1] += sigma0(w[2]);
    w[2] += sigma0(w[3]);
    w[3] += sigma0(s[0]);
}

static void sha256_message2(uint32_t w[4], const uint32_t s[4])
{
    w[0] += sigma1(s[2]);
    w[1] += sigma1(s[3]);
    w[2] += sigma1(w[0]);
    w[3] += sigma1(w[1]);
}

void sha_apply(enum sha_op op, uint32_t d[4], const uint8_t *source,
               const uint32_t xmm0[2])
{
    uint32_t s[4], k[2] = {xmm0[0], xmm0[1]}; /* d may be any of them */
    memcpy(s, source, sizeof s);
    switch (op) {
    case SHA1_ROUNDS4_0:
    case SHA1_ROUNDS4_1:
    case SHA1_ROUNDS4_2:
    case SHA1_ROUNDS4_3: sha1_rounds(op - SHA1_ROUNDS4_0, d, s); break;
    case SHA1_NEXT_E: sha1_next_e(d, s); break;
    case SHA1_MESSAGE1: sha1_message1(d, s); break;
    case SHA1_MESSAGE2: sha1_message2(d, s); break;
    case SHA256_ROUNDS2: sha256_rounds(d, s, k); break;
    case SHA256_MESSAGE1: sha256_message1(d, s); break;
    case SHA256_MESSAGE2: sha256_message2(d, s); break;
    }
}
