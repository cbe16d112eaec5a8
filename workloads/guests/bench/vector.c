/* SPDX-License-Identifier: Apache-2.0
 * Vector kernels of the engine benchmark: AVX2 and FMA double matmul, ChaCha
 * rounds on eight lanes, AES-NI in counter mode. Compiled per function for
 * what they need, so that the rest of the image stays x86-64.
 */
#include "guests/bench/vector.h"

#include <stddef.h>

typedef double v4d __attribute__((vector_size(32)));
typedef uint32_t v8u __attribute__((vector_size(32)));
typedef long long v2q __attribute__((vector_size(16)));

static void cpuid(uint32_t leaf, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(0));
}

int vector_enable(void)
{
    enum { XSAVE = 1 << 26, AVX = 1 << 28, FMA = 1 << 12, AES = 1 << 25 };
    uint32_t r[4];
    cpuid(1, r);
    uint32_t need = XSAVE | AVX | FMA | AES;
    if ((r[2] & need) != need)
        return 0;
    cpuid(7, r);
    if ((r[1] & 1 << 5) == 0) /* AVX2 */
        return 0;
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1 << 18)); /* OSXSAVE */
    __asm__ volatile("xsetbv" : : "a"(7), "d"(0), "c"(0));
    return 1;
}

enum { N = 160 };
static double ma[N][N] __attribute__((aligned(64)));
static double mb[N][N] __attribute__((aligned(64)));
static double mc[N][N] __attribute__((aligned(64)));

/* Two rows of eight columns at a time: sixteen sums stay in registers. */
__attribute__((target("avx2,fma"), noinline)) static void multiply(void)
{
    for (int i = 0; i < N; i += 2) {
        for (int j = 0; j < N; j += 8) {
            v4d s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0};
            for (int k = 0; k < N; k++) {
                v4d b0 = *(const v4d *)&mb[k][j];
                v4d b1 = *(const v4d *)&mb[k][j + 4];
                double x = ma[i][k], y = ma[i + 1][k];
                v4d a0 = {x, x, x, x}, a1 = {y, y, y, y};
                s00 += a0 * b0;
                s01 += a0 * b1;
                s10 += a1 * b0;
                s11 += a1 * b1;
            }
            *(v4d *)&mc[i][j] = s00;
            *(v4d *)&mc[i][j + 4] = s01;
            *(v4d *)&mc[i + 1][j] = s10;
            *(v4d *)&mc[i + 1][j + 4] = s11;
        }
    }
}

uint64_t vector_matmul(void)
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            ma[i][j] = (double)(i + j) * 0.5;
            mb[i][j] = (double)(i - j) * 0.25;
        }
    }
    for (int round = 0; round < 20; round++)
        multiply();
    double trace = 0;
    for (int i = 0; i < N; i++)
        trace += mc[i][(i * 7 + 3) % N];
    return (uint64_t)(int64_t)trace;
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define QUARTER(a, b, c, d)                                                    \
    a += b;                                                                    \
    d = ROTATE(d ^ a, 16);                                                     \
    c += d;                                                                    \
    b = ROTATE(b ^ c, 12);                                                     \
    a += b;                                                                    \
    d = ROTATE(d ^ a, 8);                                                      \
    c += d;                                                                    \
    b = ROTATE(b ^ c, 7)

__attribute__((target("avx2"), noinline)) uint64_t vector_chacha(void)
{
    v8u s[16], sum = {0};
    for (uint32_t i = 0; i < 16; i++)
        s[i] = (v8u){i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7} *
               0x9E3779B9u;
    for (uint32_t block = 0; block < 40000; block++) {
        v8u x[16];
        for (int i = 0; i < 16; i++)
            x[i] = s[i];
        x[12] += block;
        for (int round = 0; round < 10; round++) {
            QUARTER(x[0], x[4], x[8], x[12]);
            QUARTER(x[1], x[5], x[9], x[13]);
            QUARTER(x[2], x[6], x[10], x[14]);
            QUARTER(x[3], x[7], x[11], x[15]);
            QUARTER(x[0], x[5], x[10], x[15]);
            QUARTER(x[1], x[6], x[11], x[12]);
            QUARTER(x[2], x[7], x[8], x[13]);
            QUARTER(x[3], x[4], x[9], x[14]);
        }
        for (int i = 0; i < 16; i++)
            sum ^= x[i] + s[i];
    }
    uint64_t out = 0;
    for (int i = 0; i < 8; i++)
        out = out * 31 + sum[i];
    return out;
}

__attribute__((target("aes,sse4.1"), noinline)) uint64_t vector_aes(void)
{
    v2q key[11], sum = {0, 0};
    for (int i = 0; i < 11; i++)
        key[i] = (v2q){0x0123456789abcdef * (i + 1), 0x76543210 ^ i};
    for (long long block = 0; block < 600000; block++) {
        v2q x = (v2q){block, 1} ^ key[0];
        for (int i = 1; i < 10; i++)
            x = __builtin_ia32_aesenc128(x, key[i]);
        sum ^= __builtin_ia32_aesenclast128(x, key[10]);
    }
    return (uint64_t)(sum[0] ^ sum[1]);
}
