/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: multiboot 1 and 2 headers. Checksums are made right again, or
 * nearly every mutation would end there.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_image.h"

static void store32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_plan(data, len, IMAGE_AUTO);
    if (len < 16)
        return 0;
    uint8_t *copy = malloc(len);
    if (copy == NULL)
        abort();
    memcpy(copy, data, len);
    store32(copy, 0x1BADB002);
    store32(copy + 8, 0 - (load32(copy) + load32(copy + 4)));
    fuzz_plan(copy, len, IMAGE_MULTIBOOT);
    memcpy(copy, data, len);
    store32(copy, 0xE85250D6);
    store32(copy + 12,
            0 - (load32(copy) + load32(copy + 4) + load32(copy + 8)));
    fuzz_plan(copy, len, IMAGE_MULTIBOOT2);
    free(copy);
    return 0;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t cap)
{
    static const uint32_t one[] = {
        0x1BADB002, 0x10003,  0,        0x100000,
        0x100000,   0x100100, 0x101000, 0x100020,
    };
    static const uint32_t two[] = {
        0xE85250D6, 0,        104,      0, /* tags: */
        2,          24,       0x100000, 0x100000, 0x100100, 0x101000, 3,  12,
        0x100020,   0,        1,        16,       3,        6,        10, 24,
        0,          0x200000, 4096,     0,        0,        8,
    };
    if (cap < 256 || index > 1)
        return 0;
    memset(buf, 0, 256);
    memcpy(buf, index == 0 ? one : two, index == 0 ? sizeof one : sizeof two);
    return 256;
}
