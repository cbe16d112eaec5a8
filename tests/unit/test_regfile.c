/* SPDX-License-Identifier: Apache-2.0
 * Register files: access sizes, partial writes, bit classes, gaps.
 */
#include "sim/base/bits.h"
#include "sim/base/regfile.h"
#include "sim/base/rng.h"

#include <check.h>
#include <stdlib.h>

struct device {
    struct regfile regs;
    uint64_t value[5];
    unsigned calls;
    uint64_t old, now;
};

static void on_write(void *self, uint64_t old, uint64_t now)
{
    struct device *d = self;
    d->calls++;
    d->old = old;
    d->now = now;
}

static uint64_t live_value(void *self)
{
    const struct device *d = self;
    return 0xA5000000u + d->calls;
}

static const struct reg_desc rows[] = {
    {.offset = 0, .size = 1, .name = "BYTE", .reset = 0x11, .rw = 0x0F},
    {.offset = 4,
     .size = 4,
     .name = "STATUS",
     .reset = 0xF0F0,
     .rw = 0xFF0000,
     .w1c = 0xFFFF,
     .wrote = on_write},
    {.offset = 8,
     .size = 8,
     .name = "WIDE",
     .reset = 0x1122334455667788,
     .rw = 0xFFFFFFFFFFFFF000},
    {.offset = 16,
     .size = 4,
     .name = "COMMAND",
     .rw = 0xFFFFFFFF,
     .wo = 0x80000000,
     .wrote = on_write},
    {.offset = 24, .size = 4, .name = "LIVE", .read = live_value},
};

static void device_init(struct device *d)
{
    *d = (struct device){.regs = {rows, 5, NULL, NULL}};
    d->regs.value = d->value;
    d->regs.self = d;
    regfile_reset(&d->regs);
}

static uint64_t get(const struct device *d, uint64_t at, unsigned len)
{
    uint64_t v = 0;
    ck_assert(regfile_read(&d->regs, at, len, &v));
    return v;
}

START_TEST(reset_gives_each_register_its_value_and_calls_nobody)
{
    struct device d;
    device_init(&d);
    ck_assert_uint_eq(get(&d, 0, 1), 0x11);
    ck_assert_uint_eq(get(&d, 4, 4), 0xF0F0);
    ck_assert_uint_eq(get(&d, 8, 8), 0x1122334455667788);
    ck_assert_uint_eq(d.calls, 0);
}
END_TEST

START_TEST(a_part_of_a_register_is_read_and_written_alone)
{
    struct device d;
    device_init(&d);
    ck_assert_uint_eq(get(&d, 12, 4), 0x11223344);
    ck_assert_uint_eq(get(&d, 10, 2), 0x5566);
    ck_assert(regfile_write(&d.regs, 12, 4, 0xFFFFFFFFAABBCCDD));
    ck_assert_uint_eq(get(&d, 8, 8), 0xAABBCCDD55667788);
    ck_assert(regfile_write(&d.regs, 9, 1, 0xFF)); /* bits 11:8 read-only */
    ck_assert_uint_eq(get(&d, 8, 8), 0xAABBCCDD5566F788);
}
END_TEST

START_TEST(a_written_one_clears_only_its_own_bit)
{
    struct device d;
    device_init(&d);
    ck_assert(regfile_write(&d.regs, 5, 1, 0x30));
    ck_assert_uint_eq(get(&d, 4, 4), 0xC0F0);
    ck_assert_uint_eq(d.old, 0xF0F0);
    ck_assert_uint_eq(d.now, 0xC0F0);
    ck_assert(regfile_write(&d.regs, 4, 4, 0x00AB0080));
    ck_assert_uint_eq(get(&d, 4, 4), 0xABC070);
    ck_assert_uint_eq(d.calls, 2);
}
END_TEST

START_TEST(write_only_bits_reach_the_hook_and_read_as_zero)
{
    struct device d;
    device_init(&d);
    ck_assert(regfile_write(&d.regs, 16, 4, 0x80000001));
    ck_assert_uint_eq(d.now, 0x80000001);
    ck_assert_uint_eq(get(&d, 16, 4), 1);
    ck_assert_uint_eq(get(&d, 19, 1), 0);
}
END_TEST

START_TEST(a_read_hook_supplies_the_value)
{
    struct device d;
    device_init(&d);
    ck_assert_uint_eq(get(&d, 24, 4), 0xA5000000);
    d.calls = 7;
    ck_assert_uint_eq(get(&d, 27, 1), 0xA5);
    ck_assert_uint_eq(get(&d, 24, 1), 7);
    ck_assert(regfile_write(&d.regs, 24, 4, 0)); /* read-only: no effect */
    ck_assert_uint_eq(get(&d, 24, 1), 7);
}
END_TEST

START_TEST(gaps_straddles_and_odd_sizes_are_refused_without_effect)
{
    static const struct {
        uint64_t at;
        unsigned len;
    } bad[] = {{1, 1},          {0, 2},
               {0, 8},          {2, 4},
               {4, 8},          {6, 4},
               {14, 4},         {20, 1},
               {28, 1},         {4, 3},
               {4, 0},          {8, 16},
               {UINT64_MAX, 1}, {UINT64_MAX - 3, 8},
               {40, 4}};
    struct device d;
    device_init(&d);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t v = 0x77;
        ck_assert(!regfile_read(&d.regs, bad[i].at, bad[i].len, &v));
        ck_assert_uint_eq(v, 0x77);
        ck_assert(!regfile_write(&d.regs, bad[i].at, bad[i].len, ~0ull));
        ck_assert_int_eq(regfile_find(&d.regs, bad[i].at, bad[i].len), -1);
    }
    ck_assert_uint_eq(d.calls, 0);
    ck_assert_uint_eq(get(&d, 4, 4), 0xF0F0);
}
END_TEST

/* Against a model that works byte by byte. */
START_TEST(random_accesses_match_a_bytewise_model)
{
    struct device d;
    device_init(&d);
    uint8_t model[8];
    for (unsigned i = 0; i < 8; i++)
        model[i] = (uint8_t)(rows[2].reset >> (8 * i));
    struct rng r = rng_make(1, 1);
    for (unsigned n = 0; n < 100000; n++) {
        uint64_t x = rng_next(&r);
        unsigned len = 1u << (x & 3);
        unsigned at = 8 + (unsigned)(x >> 2 & 7);
        uint64_t in = rng_next(&r);
        bool inside = at + len <= 16;
        ck_assert_int_eq(regfile_write(&d.regs, at, len, in), inside);
        for (unsigned i = 0; inside && i < len; i++) {
            unsigned b = at - 8 + i;
            uint8_t rw = (uint8_t)(rows[2].rw >> (8 * b));
            model[b] = (uint8_t)((model[b] & ~rw) | (in >> (8 * i) & rw));
        }
        uint64_t want = 0;
        for (unsigned i = 0; inside && i < len; i++)
            want |= (uint64_t)model[at - 8 + i] << (8 * i);
        uint64_t got = 0;
        if (regfile_read(&d.regs, at, len, &got))
            ck_assert_uint_eq(got & bits_mask(8 * len), want);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("regfile");
    TCase *t = tcase_create("regfile");
    tcase_add_test(t, reset_gives_each_register_its_value_and_calls_nobody);
    tcase_add_test(t, a_part_of_a_register_is_read_and_written_alone);
    tcase_add_test(t, a_written_one_clears_only_its_own_bit);
    tcase_add_test(t, write_only_bits_reach_the_hook_and_read_as_zero);
    tcase_add_test(t, a_read_hook_supplies_the_value);
    tcase_add_test(t, gaps_straddles_and_odd_sizes_are_refused_without_effect);
    tcase_add_test(t, random_accesses_match_a_bytewise_model);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
