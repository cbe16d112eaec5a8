/* SPDX-License-Identifier: Apache-2.0
 * The real-time clock: dates against the C library's, forms, flags, alarms.
 */
#include "sim/base/rng.h"
#include "sim/chipset/rtc.h"
#include "tests/unit/fake.h"

#include <stdlib.h>
#include <time.h>

#define EPOCH UINT64_C(1700000000) /* Tuesday 2023-11-14 22:13:20 UTC */

struct bench {
    struct fake_clock clock;
    struct fake_wire wire;
    struct rtc rtc;
    struct io_port io;
};

static void bench_make(struct bench *b, uint64_t epoch)
{
    *b = (struct bench){.clock = {.on_time = rtc_on_time, .device = &b->rtc}};
    struct rtc_wiring w = {.clock = fake_clock_port(&b->clock),
                           .irq = fake_wire_port(&b->wire),
                           .line = 8,
                           .epoch = epoch};
    rtc_init(&b->rtc, &w);
    b->io = rtc_port(&b->rtc);
}

static uint8_t get(struct bench *b, uint8_t index)
{
    outb(b->io, 0x70, index);
    return inb(b->io, 0x71);
}

/* A little-endian number of `n` bytes. */
static uint32_t number(struct bench *b, uint8_t index, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint32_t)get(b, (uint8_t)(index + i)) << (8 * i);
    return v;
}

static void put(struct bench *b, uint8_t index, uint8_t v)
{
    outb(b->io, 0x70, index);
    outb(b->io, 0x71, v);
}

static void expect_date(struct bench *b, const uint8_t want[7])
{
    static const uint8_t index[7] = {0x32, 9, 8, 7, 4, 2, 0};
    for (unsigned i = 0; i < 7; i++)
        ck_assert_msg(get(b, index[i]) == want[i], "register %u: %#x not %#x",
                      index[i], get(b, index[i]), want[i]);
}

START_TEST(the_configured_date_is_shown_in_bcd)
{
    struct bench b;
    bench_make(&b, EPOCH);
    static const uint8_t start[] = {0x20, 0x23, 0x11, 0x14, 0x22, 0x13, 0x20};
    expect_date(&b, start);
    ck_assert_uint_eq(get(&b, 6), 3); /* Tuesday */
    ck_assert_uint_eq(get(&b, 0x0D), 0x80);
    fake_advance(&b.clock, 6400 * SIM_FS_PER_SECOND);
    static const uint8_t later[] = {0x20, 0x23, 0x11, 0x15, 0x00, 0x00, 0x00};
    expect_date(&b, later);
    ck_assert_uint_eq(get(&b, 6), 4);
}
END_TEST

START_TEST(dates_agree_with_the_c_library)
{
    struct rng r = rng_make(3, 0);
    for (unsigned i = 0; i < 20000; i++) {
        struct bench b;
        uint64_t epoch = rng_next(&r) % 253402300800u; /* up to 9999 */
        time_t t = (time_t)epoch;
        struct tm tm;
        gmtime_r(&t, &tm);
        bench_make(&b, epoch);
        put(&b, 0x0B, 0x06); /* binary, 24 hours */
        int year = tm.tm_year + 1900;
        const uint8_t want[] = {(uint8_t)(year / 100),    (uint8_t)(year % 100),
                                (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday,
                                (uint8_t)tm.tm_hour,      (uint8_t)tm.tm_min,
                                (uint8_t)tm.tm_sec};
        expect_date(&b, want);
        ck_assert_uint_eq(get(&b, 6), (unsigned)tm.tm_wday + 1);
        /* Written back, it is the same date. */
        int64_t base = b.rtc.s.base;
        put(&b, 0x0B, 0x86);
        b.rtc.s.base = 0;
        put(&b, 0x0B, 0x06);
        ck_assert_int_eq(b.rtc.s.base, base);
    }
}
END_TEST

START_TEST(twelve_hour_form_runs_from_twelve)
{
    static const struct {
        unsigned hour;
        uint8_t bcd, binary;
    } cases[] = {{0, 0x12, 12},    {1, 0x01, 1},     {11, 0x11, 11},
                 {12, 0x92, 0x8C}, {13, 0x81, 0x81}, {23, 0x91, 0x8B}};
    for (unsigned i = 0; i < 6; i++) {
        struct bench b;
        bench_make(&b, cases[i].hour * 3600);
        put(&b, 0x0B, 0x00);
        ck_assert_uint_eq(get(&b, 4), cases[i].bcd);
        put(&b, 0x0B, 0x04);
        ck_assert_uint_eq(get(&b, 4), cases[i].binary);
        put(&b, 0x0B, 0x84);
        put(&b, 0x0B, 0x04);
        ck_assert_int_eq(b.rtc.s.base, cases[i].hour * 3600);
    }
}
END_TEST

START_TEST(the_date_stands_still_while_it_is_set)
{
    struct bench b;
    bench_make(&b, EPOCH);
    put(&b, 0x0B, 0x82);
    fake_advance(&b.clock, 100 * SIM_FS_PER_SECOND);
    ck_assert_uint_eq(get(&b, 0), 0x20);
    static const uint8_t index[] = {0x32, 9, 8, 7, 4, 2, 0};
    static const uint8_t eve[] = {0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59};
    for (unsigned i = 0; i < 7; i++)
        put(&b, index[i], eve[i]);
    put(&b, 0x0B, 0x02);
    expect_date(&b, eve);
    ck_assert_uint_eq(get(&b, 6), 6); /* a Friday */
    fake_advance(&b.clock, 101 * SIM_FS_PER_SECOND);
    static const uint8_t next[] = {0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00};
    expect_date(&b, next);
}
END_TEST

START_TEST(nonsense_in_the_date_is_harmless)
{
    struct rng r = rng_make(4, 0);
    struct bench b;
    bench_make(&b, EPOCH);
    for (unsigned i = 0; i < 50000; i++) {
        uint64_t x = rng_next(&r);
        put(&b, (uint8_t)x, (uint8_t)(x >> 8));
        (void)get(&b, (uint8_t)(x >> 16));
        if (x >> 60 == 0)
            fake_advance(&b.clock, b.clock.now + (x >> 24) % 10000000000000);
    }
    ck_assert_uint_ge(b.clock.now, 1);
}
END_TEST

START_TEST(update_in_progress_precedes_the_second)
{
    struct bench b;
    bench_make(&b, EPOCH);
    ck_assert_uint_eq(get(&b, 0x0A), 0x26);
    b.clock.now = SIM_FS_PER_SECOND - UINT64_C(2229000000000);
    ck_assert_uint_eq(get(&b, 0x0A), 0x26);
    b.clock.now = SIM_FS_PER_SECOND - UINT64_C(2000000000000);
    ck_assert_uint_eq(get(&b, 0x0A), 0xA6);
    b.clock.now = SIM_FS_PER_SECOND;
    ck_assert_uint_eq(get(&b, 0x0A), 0x26);
}
END_TEST

START_TEST(flags_are_set_without_interrupts_and_cleared_by_reading)
{
    struct bench b;
    bench_make(&b, EPOCH);
    ck_assert_uint_eq(get(&b, 0x0C), 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    b.clock.now = SIM_FS_PER_SECOND / 2;
    ck_assert_uint_eq(get(&b, 0x0C), 0x40);
    ck_assert_uint_eq(get(&b, 0x0C), 0x00);
    b.clock.now = SIM_FS_PER_SECOND;
    ck_assert_uint_eq(get(&b, 0x0C), 0x50);
    ck_assert_uint_eq(b.wire.rises[8], 0);
}
END_TEST

START_TEST(the_periodic_interrupt_comes_at_its_rate)
{
    static const struct {
        uint8_t rate;
        unsigned hz;
    } cases[] = {{1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {13, 8}, {15, 2}};
    for (unsigned i = 0; i < 6; i++) {
        struct bench b;
        bench_make(&b, EPOCH);
        put(&b, 0x0A, 0x20 | cases[i].rate);
        put(&b, 0x0B, 0x42);
        unsigned n = 0;
        while (b.clock.armed <= SIM_FS_PER_SECOND) {
            fake_advance(&b.clock, b.clock.armed);
            ck_assert(b.wire.level[8]);
            ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
            ck_assert_uint_eq(get(&b, 0x0C) & 0xC0, 0xC0);
            ck_assert(!b.wire.level[8]);
            n++;
        }
        ck_assert_uint_eq(n, cases[i].hz);
    }
}
END_TEST

START_TEST(the_alarm_rings_when_all_parts_match)
{
    struct bench b;
    bench_make(&b, EPOCH); /* 22:13:20 */
    put(&b, 1, 0x05);
    put(&b, 3, 0x00);
    put(&b, 5, 0xC0); /* any hour */
    put(&b, 0x0B, 0x22);
    ck_assert_uint_eq(b.clock.armed, (46 * 60 + 45) * SIM_FS_PER_SECOND);
    fake_advance(&b.clock, b.clock.armed);
    ck_assert(b.wire.level[8]);
    ck_assert_uint_eq(get(&b, 0x0C) & 0xA0, 0xA0);
    ck_assert_uint_eq(b.clock.armed, (46 * 60 + 45 + 3600) * SIM_FS_PER_SECOND);
    put(&b, 5, 0x77); /* no such hour */
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
}
END_TEST

START_TEST(the_update_interrupt_comes_each_second)
{
    struct bench b;
    bench_make(&b, EPOCH);
    put(&b, 0x0B, 0x12);
    for (unsigned i = 1; i < 4; i++) {
        ck_assert_uint_eq(b.clock.armed, i * SIM_FS_PER_SECOND);
        fake_advance(&b.clock, b.clock.armed);
        ck_assert_uint_eq(get(&b, 0x0C) & 0x90, 0x90);
    }
    put(&b, 0x0B, 0x92); /* setting the date disables it */
    ck_assert_uint_eq(get(&b, 0x0B), 0x82);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
}
END_TEST

START_TEST(memory_sizes_are_where_firmware_puts_them)
{
    struct bench b;
    bench_make(&b, EPOCH);
    rtc_set_memory(&b.rtc, UINT64_C(3) << 30, UINT64_C(5) << 30);
    ck_assert_uint_eq(number(&b, 0x15, 2), 640);
    ck_assert_uint_eq(number(&b, 0x17, 2), 0xFFFF);
    ck_assert_uint_eq(number(&b, 0x30, 2), 0xFFFF);
    ck_assert_uint_eq(number(&b, 0x34, 2), 0xBF00);
    ck_assert_uint_eq(number(&b, 0x5B, 3), 5 << 14);
    rtc_set_memory(&b.rtc, UINT64_C(8) << 20, 0);
    ck_assert_uint_eq(number(&b, 0x17, 2), 7 << 10);
    ck_assert_uint_eq(number(&b, 0x34, 2), 0);
    unsigned sum = 0;
    for (uint8_t i = 0x10; i <= 0x2D; i++)
        sum += get(&b, i);
    ck_assert_uint_eq(get(&b, 0x2E) * 256u + get(&b, 0x2F), sum);
}
END_TEST

START_TEST(bytes_are_kept_and_wrong_accesses_refused)
{
    struct bench b;
    bench_make(&b, EPOCH);
    put(&b, 0x8F, 0x0A); /* bit 7 of the index is the NMI gate */
    ck_assert_uint_eq(get(&b, 0x0F), 0x0A);
    put(&b, 0x0D, 0xFF);
    ck_assert_uint_eq(get(&b, 0x0D), 0x80);
    uint32_t v;
    refuses_other_widths(b.io, 0x70);
    refuses_other_widths(b.io, 0x71);
    ck_assert(!b.io.in(b.io.self, 0x70, 1, &v));
    ck_assert(!b.io.out(b.io.self, 0x72, 1, 0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rtc");
    TCase *t = tcase_create("rtc");
    tcase_add_test(t, the_configured_date_is_shown_in_bcd);
    tcase_add_test(t, dates_agree_with_the_c_library);
    tcase_add_test(t, twelve_hour_form_runs_from_twelve);
    tcase_add_test(t, the_date_stands_still_while_it_is_set);
    tcase_add_test(t, nonsense_in_the_date_is_harmless);
    tcase_add_test(t, update_in_progress_precedes_the_second);
    tcase_add_test(t, flags_are_set_without_interrupts_and_cleared_by_reading);
    tcase_add_test(t, the_periodic_interrupt_comes_at_its_rate);
    tcase_add_test(t, the_alarm_rings_when_all_parts_match);
    tcase_add_test(t, the_update_interrupt_comes_each_second);
    tcase_add_test(t, memory_sizes_are_where_firmware_puts_them);
    tcase_add_test(t, bytes_are_kept_and_wrong_accesses_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
