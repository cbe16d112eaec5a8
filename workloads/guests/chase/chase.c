/* SPDX-License-Identifier: Apache-2.0
 * Pointer chase: cycles of a dependent load against the footprint. The
 * command line holds words
 *
 *   page=4k|2m|1g   pages that map the chain (default 2m)
 *   stride=BYTES    distance of neighbouring nodes (default 64)
 *   kib=N           a footprint; every one given is measured in turn
 *
 * and each footprint prints "chase <page> <stride> <kib> <milli-cycles per
 * load>" on port E9h. The chain is one random cycle through all nodes.
 */
#include <stddef.h>
#include <stdint.h>

enum {
    REGION = 0x40000000, /* 1 GiB: fits every page size */
    LOADS = 409600,      /* a multiple of the unrolling */
    REGION_2M_PAGES = 512,
};

extern uint64_t pdpt[512], pd[2048];
static uint64_t tables[REGION_2M_PAGES * 512] __attribute__((aligned(4096)));

static void put(const char *s)
{
    for (; *s != '\0'; s++)
        __asm__ volatile("outb %0, $0xe9" : : "a"(*s));
}

static void put_number(uint64_t v)
{
    char text[24];
    size_t i = sizeof text;
    text[--i] = '\0';
    do {
        text[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    put(text + i);
}

static void reload_cr3(void)
{
    __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3"
                     :
                     :
                     : "rax", "memory");
}

/* Map [1 GiB, 2 GiB) to itself with the given pages. */
static void map_region(char page)
{
    if (page == '1') {
        pdpt[1] = REGION | 0x83;
    } else if (page == '4') {
        for (uint64_t i = 0; i < REGION_2M_PAGES * 512; i++)
            tables[i] = (REGION + (i << 12)) | 3;
        for (uint64_t i = 0; i < REGION_2M_PAGES; i++)
            pd[512 + i] = (uint64_t)(uintptr_t)(tables + i * 512) | 3;
    }
    reload_cr3();
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Sattolo's shuffle makes one cycle through all nodes. The permutation is
 * built in the nodes themselves as indices, then turned into pointers. */
static void build_chain(uint64_t nodes, uint64_t stride)
{
    uint64_t seed = 88172645463325252u;
#define NODE(i) (*(uint64_t *)(uintptr_t)(REGION + (i)*stride))
    for (uint64_t i = 0; i < nodes; i++)
        NODE(i) = i;
    for (uint64_t i = nodes - 1; i > 0; i--) {
        uint64_t j = next_random(&seed) % i, kept = NODE(i);
        NODE(i) = NODE(j);
        NODE(j) = kept;
    }
    for (uint64_t i = 0; i < nodes; i++)
        NODE(i) = REGION + NODE(i) * stride;
#undef NODE
}

static uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

/* Follow `loads` pointers (a multiple of 128). */
static __attribute__((noinline)) uint64_t follow(uint64_t at, uint64_t loads)
{
    for (uint64_t i = 0; i < loads; i += 128) {
        __asm__ volatile(".rept 128; mov (%0), %0; .endr" : "+r"(at));
    }
    return at;
}

static void measure(const char *page, uint64_t stride, uint64_t kib)
{
    uint64_t nodes = kib * 1024 / stride;
    if (nodes < 2 || kib > 1024 * 1024) {
        put("chase: footprint out of range\n");
        return;
    }
    build_chain(nodes, stride);
    uint64_t warm = nodes < LOADS ? (nodes + 127) / 128 * 128 * 2 : LOADS;
    uint64_t at = follow(REGION, warm);
    uint64_t begin = rdtsc();
    at = follow(at, LOADS);
    uint64_t cycles = rdtsc() - begin;
    put("chase ");
    put(page);
    put(" ");
    put_number(stride);
    put(" ");
    put_number(kib);
    put(" ");
    put_number(at == 0 ? 0 : cycles * 1000 / LOADS);
    put("\n");
}

static uint64_t number(const char *s)
{
    uint64_t v = 0;
    while (*s >= '0' && *s <= '9')
        v = v * 10 + (uint64_t)(*s++ - '0');
    return v;
}

/* The value of word "key=..." at s, or NULL. */
static const char *value_of(const char *s, const char *key)
{
    while (*key != '\0' && *s == *key)
        s++, key++;
    return *key == '\0' ? s : NULL;
}

int guest_main(const char *line)
{
    char page[3] = "2m";
    uint64_t stride = 64;
    const char *v;
    int mapped = 0;
    while (line != NULL && *line != '\0') {
        if ((v = value_of(line, "page=")) != NULL) {
            page[0] = v[0];
            page[1] = v[1];
        } else if ((v = value_of(line, "stride=")) != NULL) {
            stride = number(v);
        } else if ((v = value_of(line, "kib=")) != NULL) {
            if (!mapped)
                map_region(page[0]);
            mapped = 1;
            measure(page, stride, number(v));
        }
        while (*line != '\0' && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return 0;
}
