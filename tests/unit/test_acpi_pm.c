/* SPDX-License-Identifier: Apache-2.0
 * ACPI fixed hardware: the timer, its status and interrupt, the control
 * register and the way into S5.
 */
#include "sim/chipset/acpi_pm.h"
#include "tests/unit/fake.h"
#include "timer/tsc.h"

#include <stdlib.h>

enum { BASE = 0x600, SCI = 9 };

struct bench {
    struct fake_clock clock;
    struct fake_wire wire;
    struct acpi_pm pm;
    struct io_port io;
    unsigned sleeps, type;
};

static void fell_asleep(void *self, unsigned type)
{
    struct bench *b = self;
    b->sleeps++;
    b->type = type;
}

static void bench_make(struct bench *b)
{
    *b =
        (struct bench){.clock = {.on_time = acpi_pm_on_time, .device = &b->pm}};
    struct acpi_pm_wiring w = {.base = BASE,
                               .clock = fake_clock_port(&b->clock),
                               .irq = fake_wire_port(&b->wire),
                               .line = SCI,
                               .self = b,
                               .sleep = fell_asleep};
    acpi_pm_init(&b->pm, &w);
    b->io = acpi_pm_port(&b->pm);
}

static void at_tick(struct bench *b, uint64_t tick)
{
    fake_advance(&b->clock, time_of_cycles(tick, ACPI_PM_HZ));
}

static uint32_t in(const struct bench *b, unsigned offset, unsigned len)
{
    uint32_t v = 0xdeadbeef;
    ck_assert(b->io.in(b->io.self, (uint16_t)(BASE + offset), len, &v));
    return v;
}

static void out16(const struct bench *b, unsigned offset, uint16_t v)
{
    ck_assert(b->io.out(b->io.self, (uint16_t)(BASE + offset), 2, v));
}

START_TEST(timer_counts_at_its_rate_and_wraps_at_24_bits)
{
    struct bench b;
    bench_make(&b);
    ck_assert_uint_eq(in(&b, ACPI_PM_TIMER, 4), 0);
    at_tick(&b, 1000);
    ck_assert_uint_eq(in(&b, ACPI_PM_TIMER, 4), 1000);
    fake_advance(&b.clock, SIM_FS_PER_SECOND);
    ck_assert_uint_eq(in(&b, ACPI_PM_TIMER, 4), ACPI_PM_HZ);
    at_tick(&b, (1u << 24) + 5);
    ck_assert_uint_eq(in(&b, ACPI_PM_TIMER, 4), 5);
    ck_assert_uint_eq(in(&b, ACPI_PM_TIMER, 1), 5);
    out16(&b, ACPI_PM_TIMER, 0x1234); /* read-only */
    ck_assert_uint_eq(in(&b, ACPI_PM_TIMER, 4), 5);
}
END_TEST

START_TEST(status_is_set_at_each_change_of_the_highest_bit)
{
    struct bench b;
    bench_make(&b);
    at_tick(&b, (1u << 23) - 1);
    ck_assert_uint_eq(in(&b, ACPI_PM1_STATUS, 2), 0);
    at_tick(&b, 1u << 23);
    ck_assert_uint_eq(in(&b, ACPI_PM1_STATUS, 2), 1);
    out16(&b, ACPI_PM1_STATUS, 0xfffe); /* other bits do not clear it */
    ck_assert_uint_eq(in(&b, ACPI_PM1_STATUS, 2), 1);
    out16(&b, ACPI_PM1_STATUS, 1);
    ck_assert_uint_eq(in(&b, ACPI_PM1_STATUS, 2), 0);
    at_tick(&b, 1u << 24);
    ck_assert_uint_eq(in(&b, ACPI_PM1_STATUS, 2), 1);
    ck_assert_uint_eq(b.wire.rises[SCI], 0); /* not enabled */
}
END_TEST

START_TEST(enabled_timer_raises_the_sci_until_cleared)
{
    struct bench b;
    bench_make(&b);
    out16(&b, ACPI_PM1_ENABLE, 0xffff);
    ck_assert_uint_eq(in(&b, ACPI_PM1_ENABLE, 2), 0x21);
    at_tick(&b, (1u << 23) - 1);
    ck_assert(!b.wire.level[SCI]);
    at_tick(&b, 1u << 23);
    ck_assert(b.wire.level[SCI]);
    out16(&b, ACPI_PM1_STATUS, 1);
    ck_assert(!b.wire.level[SCI]);
    at_tick(&b, 1u << 24);
    ck_assert(b.wire.level[SCI]);
    out16(&b, ACPI_PM1_ENABLE, 0);
    ck_assert(!b.wire.level[SCI]);
    ck_assert(b.clock.armed == SIM_NEVER);
}
END_TEST

START_TEST(control_keeps_the_type_and_sleeps_on_request)
{
    struct bench b;
    bench_make(&b);
    ck_assert_uint_eq(in(&b, ACPI_PM1_CONTROL, 2), 1); /* SCI_EN */
    out16(&b, ACPI_PM1_CONTROL, 5 << 10);
    ck_assert_uint_eq(in(&b, ACPI_PM1_CONTROL, 2), 5 << 10 | 1);
    ck_assert_uint_eq(b.sleeps, 0);
    out16(&b, ACPI_PM1_CONTROL, 1 << 13 | 5 << 10);
    ck_assert_uint_eq(b.sleeps, 1);
    ck_assert_uint_eq(b.type, 5);
    ck_assert_uint_eq(in(&b, ACPI_PM1_CONTROL, 2), 5 << 10 | 1);
    /* The high byte alone asks again, the low byte does not. */
    ck_assert(b.io.out(b.io.self, BASE + ACPI_PM1_CONTROL, 1, 0));
    ck_assert_uint_eq(b.sleeps, 1);
    ck_assert(b.io.out(b.io.self, BASE + ACPI_PM1_CONTROL + 1, 1, 0x20));
    ck_assert_uint_eq(b.sleeps, 2);
    ck_assert_uint_eq(b.type, 0);
}
END_TEST

START_TEST(gaps_and_wide_accesses_are_refused)
{
    struct bench b;
    uint32_t v;
    bench_make(&b);
    ck_assert(!b.io.in(b.io.self, BASE + 6, 2, &v));
    ck_assert(!b.io.out(b.io.self, BASE + 6, 2, 0));
    ck_assert(!b.io.in(b.io.self, BASE, 4, &v));
    ck_assert(!b.io.out(b.io.self, BASE, 4, 0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("acpi_pm");
    TCase *c = tcase_create("all");
    tcase_add_test(c, timer_counts_at_its_rate_and_wraps_at_24_bits);
    tcase_add_test(c, status_is_set_at_each_change_of_the_highest_bit);
    tcase_add_test(c, enabled_timer_raises_the_sci_until_cleared);
    tcase_add_test(c, control_keeps_the_type_and_sleeps_on_request);
    tcase_add_test(c, gaps_and_wide_accesses_are_refused);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
