/* SPDX-License-Identifier: Apache-2.0
 * usage: fuzz_<target> [-runs=N] [-seed=N] [FILE...]
 * Replays files, or mutates the target's seeds N times (default 5000) with a
 * fixed generator: bytes and words replaced by interesting values, pieces
 * cut, doubled and swapped. It finds less than libFuzzer and needs nothing.
 */
#include "sim/base/rng.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAP = 1 << 16 };

static const uint64_t interesting[] = {
    0,
    1,
    7,
    8,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    UINT64_MAX,
    UINT64_C(1) << 63,
    UINT64_MAX >> 1,
    0x1000,
    0x100000,
    0x1000000,
    0xfffff000,
};

static size_t below(struct rng *r, size_t n)
{
    return n == 0 ? 0 : (size_t)(rng_next(r) % n);
}

static size_t mutate_once(struct rng *r, uint8_t *buf, size_t len)
{
    if (len == 0)
        return 0;
    size_t at = below(r, len), n = 1 + below(r, len - at);
    switch (below(r, 7)) {
    case 0: buf[at] = (uint8_t)rng_next(r); return len;
    case 1: buf[at] ^= (uint8_t)(1 << below(r, 8)); return len;
    case 2: { /* a word of 1, 2, 4 or 8 bytes */
        size_t width = (size_t)1 << below(r, 4);
        uint64_t v =
            interesting[below(r, sizeof interesting / sizeof interesting[0])];
        at &= ~(width - 1);
        if (at + width <= len)
            memcpy(buf + at, &v, width);
        return len;
    }
    case 3: return at; /* cut the tail */
    case 4:            /* cut a piece */
        n = n > 64 ? 64 : n;
        memmove(buf + at, buf + at + n, len - at - n);
        return len - n;
    case 5: /* double a piece */
        n = n > 64 ? 64 : n;
        if (len + n > CAP)
            return len;
        memmove(buf + at + n, buf + at, len - at);
        return len + n;
    default: { /* copy a piece elsewhere */
        size_t to = below(r, len);
        n = n > len - to ? len - to : n;
        memmove(buf + to, buf + at, n);
        return len;
    }
    }
}

/* The target gets exactly its bytes, so that an overrun is seen. */
static void run_one(const uint8_t *buf, size_t len)
{
    uint8_t *copy = malloc(len != 0 ? len : 1);
    if (copy == NULL)
        exit(123);
    if (len != 0)
        memcpy(copy, buf, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void replay(const char *path)
{
    static const char what[] = "fuzz: cannot read";
    FILE *f = fopen(path, "rb");
    uint8_t *buf = malloc(CAP);
    if (f == NULL || buf == NULL) {
        fprintf(stderr, "%s %s\n", what, path);
        exit(122);
    }
    run_one(buf, fread(buf, 1, CAP, f));
    free(buf);
    fclose(f);
}

static void mutate_all(unsigned long runs, unsigned long seed)
{
    uint8_t *buf = malloc(CAP);
    struct rng r = rng_make(seed, 0);
    unsigned seeds = 0;
    if (buf == NULL)
        exit(123);
    for (size_t len; (len = fuzz_seed(seeds, buf, CAP)) != 0; seeds++)
        run_one(buf, len);
    for (unsigned long i = 0; i < runs; i++) {
        size_t len = fuzz_seed((unsigned)below(&r, seeds), buf, CAP);
        for (size_t n = 1 + below(&r, 6); n > 0; n--)
            len = mutate_once(&r, buf, len);
        run_one(buf, len);
    }
    free(buf);
    printf("%u seeds, %lu mutations of them\n", seeds, runs);
}

int main(int argc, char **argv)
{
    unsigned long runs = 5000, seed = 1;
    int files = 0;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0)
            runs = strtoul(argv[i] + 6, NULL, 10);
        else if (strncmp(argv[i], "-seed=", 6) == 0)
            seed = strtoul(argv[i] + 6, NULL, 10);
        else {
            replay(argv[i]);
            files++;
        }
    }
    if (files == 0)
        mutate_all(runs, seed);
    return 0;
}
