/* SPDX-License-Identifier: Apache-2.0
 * Integer arithmetic of every width, division, bit tricks, 128-bit products.
 */
#include <inttypes.h>
#include <stdio.h>

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

int main(void)
{
    uint64_t sum = 0, bits = 0, high = 0;
    int64_t quotients = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t a = next(), b = next() >> (i % 60);
        if (b == 0)
            b = 1;
        sum += a / b + a % b;
        quotients += (int64_t)a / (int32_t)(b | 1) + (int16_t)a % (int8_t)7;
        bits += (uint64_t)__builtin_popcountll(a ^ b) +
                (uint64_t)__builtin_clzll(a | 1) + (uint64_t)__builtin_ctzll(b);
        high ^= (uint64_t)(((unsigned __int128)a * b) >> 64);
        high = (high << (i & 63)) | (high >> (-i & 63));
        sum ^= __builtin_bswap64(high) + (uint32_t)(a * 2654435761u);
    }
    printf("%016" PRIx64 " %" PRId64 " %" PRIu64 " %016" PRIx64 "\n", sum,
           quotients, bits, high);
    return 0;
}
