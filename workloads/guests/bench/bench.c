/* SPDX-License-Identifier: Apache-2.0
 * The engine benchmark's kernels, bare metal so that the same image runs in
 * any x86 machine model. Each kernel is announced on port E9h as
 * "<name> begin" and "<name> end <checksum>"; the harness takes the time of
 * the two lines.
 */
#include "guests/bench/vector.h"

#include <stddef.h>
#include <stdint.h>

typedef uint64_t kernel_fn(void);

enum {
    REGION = 0x10000000, /* 256 MiB: data of gups and stream, 4 KiB pages */
    REGION_MIB = 128,
    GUPS_WORDS = 64 * 1024 * 1024 / 8,
};

extern uint64_t pd[2048];
static uint64_t tables_4k[64 * 512] __attribute__((aligned(4096)));

static void put(const char *s)
{
    for (; *s != '\0'; s++)
        __asm__ volatile("outb %0, $0xe9" : : "a"(*s));
}

static void put_hex(uint64_t v)
{
    for (int shift = 60; shift >= 0; shift -= 4) {
        char digit[2] = {"0123456789abcdef"[(v >> shift) & 15], '\0'};
        put(digit);
    }
}

/* Integer arithmetic, hashing, data-dependent branches. */
static uint64_t hash_branch(void)
{
    uint64_t h = 0x9E3779B97F4A7C15u;
    uint64_t odd = 0;
    for (uint32_t i = 0; i < 9000000; i++) {
        h ^= h << 13;
        h ^= h >> 7;
        h ^= h << 17;
        if (h & 1)
            odd += h >> 60;
        else
            odd ^= i;
        if ((h & 0xf0) == 0x50)
            h += odd;
    }
    return h + odd;
}

static uint8_t composite[1 << 20];

static uint64_t sieve(void)
{
    uint64_t primes = 0;
    for (int round = 0; round < 12; round++) {
        primes = 0;
        for (uint32_t i = 0; i < sizeof composite; i++)
            composite[i] = 0;
        for (uint32_t i = 2; i < sizeof composite; i++) {
            if (composite[i])
                continue;
            primes++;
            for (uint64_t j = (uint64_t)i * i; j < sizeof composite; j += i)
                composite[j] = 1;
        }
    }
    return primes;
}

static __attribute__((noinline)) uint64_t fib(uint64_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t recursive_calls(void)
{
    return fib(33);
}

/* A byte-code interpreter: one indirect branch an operation. */
static __attribute__((noinline)) uint64_t run_bytecode(const uint8_t *code,
                                                       uint64_t rounds)
{
    static const void *const label[] = {&&add, &&shift, &&xorb,
                                        &&mix, &&sub,   &&loop};
    uint64_t a = 1, b = 2;
    const uint8_t *pc = code;
#define NEXT goto *label[*pc++]
    NEXT;
add:
    a += b;
    NEXT;
shift:
    b = (b << 3) | (b >> 61);
    NEXT;
xorb:
    a ^= b + 0x55;
    NEXT;
mix:
    b += a * 3;
    NEXT;
sub:
    a -= 7;
    NEXT;
loop:
    if (--rounds == 0)
        return a ^ b;
    pc = code;
    NEXT;
#undef NEXT
}

static uint64_t interpreter(void)
{
    static const uint8_t code[] = {0, 1, 2, 3, 0, 4, 1, 2, 2, 0, 3,
                                   1, 4, 0, 2, 3, 1, 0, 4, 2, 5};
    return run_bytecode(code, 1200000);
}

enum { N = 160 };
static double ma[N][N], mb[N][N], mc[N][N];

static uint64_t matmul(void)
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            ma[i][j] = (double)(i + j) * 0.5;
            mb[i][j] = (double)(i - j) * 0.25;
        }
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++)
                    sum += ma[i][k] * mb[k][j];
                mc[i][j] = sum;
            }
        }
    }
    double trace = 0;
    for (int i = 0; i < N; i++)
        trace += mc[i][(i * 7 + 3) % N];
    return (uint64_t)(int64_t)trace;
}

static uint64_t gups(void)
{
    uint64_t *table = (uint64_t *)(uintptr_t)REGION;
    uint64_t ran = 1;
    for (uint32_t i = 0; i < 4000000; i++) {
        ran = (ran << 1) ^ ((int64_t)ran < 0 ? 7 : 0);
        table[(ran * 0x9E3779B97F4A7C15u) >> 41] ^= ran;
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < GUPS_WORDS; i += 4097)
        sum += table[i];
    return sum;
}

static uint64_t stream(void)
{
    enum { WORDS = 64 * 1024 * 1024 / 3 / 8 };
    double *a = (double *)(uintptr_t)REGION;
    double *b = a + WORDS;
    double *c = b + WORDS;
    for (uint32_t i = 0; i < WORDS; i++) {
        a[i] = 1.0;
        b[i] = 2.0;
        c[i] = 0.0;
    }
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < WORDS; i++)
            c[i] = a[i];
        for (uint32_t i = 0; i < WORDS; i++)
            b[i] = 3.0 * c[i];
        for (uint32_t i = 0; i < WORDS; i++)
            c[i] = a[i] + b[i];
        for (uint32_t i = 0; i < WORDS; i++)
            a[i] = b[i] + 3.0 * c[i];
    }
    return (uint64_t)a[WORDS / 2];
}

static const struct {
    const char *name;
    kernel_fn *run;
} kernel[] = {
    {"hash", hash_branch},      {"sieve", sieve},
    {"fib", recursive_calls},   {"interp", interpreter},
    {"matmul", matmul},         {"gups", gups},
    {"stream", stream},         {"none", NULL}, /* start-up alone */
    {"vmatmul", vector_matmul}, {"vchacha", vector_chacha},
    {"vaes", vector_aes},
};
enum { FIRST_VECTOR = 8 };

/* Map the data region with 4 KiB pages, as a process would see it. */
static void map_small_pages(void)
{
    for (uint64_t mib = 0; mib < REGION_MIB; mib += 2) {
        uint64_t *table = tables_4k + mib / 2 * 512;
        for (uint64_t page = 0; page < 512; page++)
            table[page] = (REGION + (mib << 20) + (page << 12)) | 3;
        pd[(REGION >> 21) + mib / 2] = (uint64_t)(uintptr_t)table | 3;
    }
    __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3"
                     :
                     :
                     : "rax", "memory");
}

/* True when `name` is a word of the command line, or there is none. */
static int wanted(const char *line, const char *name)
{
    if (line == NULL)
        return 1;
    int any = 0;
    while (*line != '\0') {
        const char *word = line;
        size_t n = 0;
        while (*line != '\0' && *line != ' ')
            line++, n++;
        while (*line == ' ')
            line++;
        size_t i = 0;
        while (i < n && name[i] == word[i])
            i++;
        if (i == n && name[i] == '\0')
            return 1;
        for (size_t k = 0; k < sizeof kernel / sizeof kernel[0]; k++) {
            i = 0;
            while (i < n && kernel[k].name[i] == word[i])
                i++;
            any |= i == n && kernel[k].name[i] == '\0';
        }
    }
    return !any;
}

int guest_main(const char *line)
{
    map_small_pages();
    for (size_t k = 0; k < sizeof kernel / sizeof kernel[0]; k++) {
        if (kernel[k].run == NULL || !wanted(line, kernel[k].name) ||
            (k >= FIRST_VECTOR && !vector_enable()))
            continue;
        put(kernel[k].name);
        put(" begin\n");
        uint64_t sum = kernel[k].run();
        put(kernel[k].name);
        put(" end ");
        put_hex(sum);
        put("\n");
    }
    return 0;
}
