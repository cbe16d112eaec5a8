/* SPDX-License-Identifier: Apache-2.0
 * The local APIC's timer: counts, periods without drift, deadlines.
 */
#include "tests/unit/fake.h"
#include "timer/lapic_timer.h"
#include "timer/tsc.h"

#include <stdlib.h>

#define APIC_HZ UINT64_C(25000000) /* 40 ns a tick */
#define CORE_HZ UINT64_C(3000000000)
#define TSC_HZ  UINT64_C(2900000000)

#define NS UINT64_C(1000000) /* femtoseconds */

struct bench {
    struct fake_clock clock;
    struct lapic_timer t;
    unsigned fired;
    sim_time last;
};

static void on_time(void *self, sim_time now)
{
    struct bench *b = self;
    if (lapic_timer_expire(&b->t, now)) {
        b->fired++;
        b->last = now;
    }
}

static void bench_make(struct bench *b)
{
    *b = (struct bench){.clock = {.on_time = on_time, .device = b}};
    lapic_timer_init(&b->t, fake_clock_port(&b->clock), APIC_HZ, CORE_HZ,
                     TSC_HZ);
}

START_TEST(each_divide_value_is_what_the_manual_says)
{
    static const struct {
        uint32_t dcr;
        unsigned divisor;
    } cases[] = {{0x0, 2},  {0x1, 4},  {0x2, 8},   {0x3, 16},
                 {0x8, 32}, {0x9, 64}, {0xA, 128}, {0xB, 1}};
    for (unsigned i = 0; i < 8; i++) {
        struct bench b;
        bench_make(&b);
        lapic_timer_set_divide(&b.t, cases[i].dcr | 0xFFFFFFF4);
        ck_assert_uint_eq(b.t.s.dcr, cases[i].dcr);
        lapic_timer_set_initial(&b.t, 100);
        ck_assert_uint_eq(b.clock.armed, 4000 * NS * cases[i].divisor);
    }
}
END_TEST

START_TEST(a_one_shot_counts_down_and_fires_once)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 0);
    b.clock.now = 1000 * NS;
    lapic_timer_set_initial(&b.t, 10);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 10);
    fake_advance(&b.clock, 1040 * NS - 1);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 10);
    fake_advance(&b.clock, 1040 * NS);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 9);
    fake_advance(&b.clock, 1400 * NS - 1);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 1);
    ck_assert_uint_eq(b.fired, 0);
    fake_advance(&b.clock, 1400 * NS);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 0);
    fake_advance(&b.clock, 9000 * NS);
    ck_assert_uint_eq(b.fired, 1);
    ck_assert_uint_eq(b.last, 1400 * NS);
}
END_TEST

START_TEST(a_periodic_timer_never_drifts)
{
    struct bench b;
    *(&b) = (struct bench){.clock = {.on_time = on_time, .device = &b}};
    /* 3 is no divisor of 10^15: each period ends in a fraction. */
    lapic_timer_init(&b.t, fake_clock_port(&b.clock), 3, CORE_HZ, TSC_HZ);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    lapic_timer_set_initial(&b.t, 1);
    fake_advance(&b.clock, 3000 * SIM_FS_PER_SECOND);
    ck_assert_uint_eq(b.fired, 9000);
    ck_assert_uint_eq(b.last, 3000 * SIM_FS_PER_SECOND);
}
END_TEST

START_TEST(a_periodic_count_reloads)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    lapic_timer_set_initial(&b.t, 4);
    static const uint32_t want[] = {4, 3, 2, 1, 4, 3, 2, 1, 4};
    for (unsigned i = 0; i < 9; i++) {
        fake_advance(&b.clock, i * 40 * NS);
        ck_assert_uint_eq(lapic_timer_current(&b.t), want[i]);
        ck_assert_uint_eq(b.fired, i / 4);
    }
    lapic_timer_set_initial(&b.t, 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 0);
}
END_TEST

START_TEST(missed_periods_are_one_expiry)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    lapic_timer_set_initial(&b.t, 10); /* 400 ns */
    b.clock.now = 4100 * NS;
    ck_assert(lapic_timer_expire(&b.t, 4100 * NS));
    ck_assert_uint_eq(b.clock.armed, 4400 * NS);
    ck_assert(!lapic_timer_expire(&b.t, 4200 * NS));
    ck_assert_uint_eq(b.clock.armed, 4400 * NS);
}
END_TEST

START_TEST(a_new_divisor_keeps_the_count)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_initial(&b.t, 100);
    fake_advance(&b.clock, 2000 * NS);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 50);
    lapic_timer_set_divide(&b.t, 0x1); /* by 4 */
    ck_assert_uint_eq(lapic_timer_current(&b.t), 50);
    fake_advance(&b.clock, 2160 * NS);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 49);
    fake_advance(&b.clock, 20000 * NS);
    ck_assert_uint_eq(b.fired, 1);
    ck_assert_uint_eq(b.last, 10000 * NS);
}
END_TEST

START_TEST(a_new_divisor_does_not_lose_an_expiry_that_is_due)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    lapic_timer_set_initial(&b.t, 10);
    b.clock.now = 410 * NS; /* past the end, not yet called back */
    lapic_timer_set_divide(&b.t, 0xA);
    ck_assert(lapic_timer_expire(&b.t, 410 * NS));
    ck_assert_uint_eq(b.clock.armed, 410 * NS + 10 * 128 * 40 * NS);
}
END_TEST

START_TEST(one_shot_and_periodic_exchange_while_counting)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_initial(&b.t, 10);
    fake_advance(&b.clock, 200 * NS);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 5);
    fake_advance(&b.clock, 1000 * NS);
    ck_assert_uint_eq(b.fired, 2);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_ONE_SHOT);
    fake_advance(&b.clock, 9000 * NS);
    ck_assert_uint_eq(b.fired, 3);
    /* Over is over: periodic does not revive it. */
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 0);
    fake_advance(&b.clock, 20000 * NS);
    ck_assert_uint_eq(b.fired, 3);
}
END_TEST

START_TEST(a_periodic_count_goes_on_as_one_shot_after_its_reloads)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_divide(&b.t, 0xB);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    lapic_timer_set_initial(&b.t, 10);
    fake_advance(&b.clock, 3 * 400 * NS + 120 * NS);
    ck_assert_uint_eq(b.fired, 3);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_ONE_SHOT);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 7);
    fake_advance(&b.clock, 4 * 400 * NS - 1);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 1);
    ck_assert_uint_eq(b.fired, 3);
    fake_advance(&b.clock, 9000 * NS);
    ck_assert_uint_eq(b.fired, 4);
    ck_assert_uint_eq(b.last, 4 * 400 * NS);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_PERIODIC);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
}
END_TEST

START_TEST(a_deadline_fires_at_the_first_cycle_that_shows_it)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_TSC_DEADLINE);
    b.clock.now = time_of_cycles(3000, CORE_HZ); /* TSC 2900 */
    lapic_timer_set_deadline(&b.t, 1000 + 5801, 1000);
    ck_assert_uint_eq(lapic_timer_deadline(&b.t), 6801);
    uint64_t cycle = cycles_at_time(b.clock.armed, CORE_HZ);
    ck_assert_uint_ge(ticks_of_cycles(cycle, CORE_HZ, TSC_HZ), 5801);
    ck_assert_uint_lt(ticks_of_cycles(cycle - 1, CORE_HZ, TSC_HZ), 5801);
    fake_advance(&b.clock, b.clock.armed);
    ck_assert_uint_eq(b.fired, 1);
    ck_assert_uint_eq(lapic_timer_deadline(&b.t), 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
}
END_TEST

START_TEST(a_deadline_in_the_past_fires_at_once)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_TSC_DEADLINE);
    b.clock.now = time_of_cycles(3000, CORE_HZ);
    lapic_timer_set_deadline(&b.t, 2900, 0);
    ck_assert_uint_eq(b.clock.armed, b.clock.now);
    fake_advance(&b.clock, b.clock.now);
    ck_assert_uint_eq(b.fired, 1);
    lapic_timer_set_deadline(&b.t, UINT64_MAX, 0); /* never in 64 bits of fs */
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    lapic_timer_set_deadline(&b.t, 0, 0);
    ck_assert_uint_eq(lapic_timer_deadline(&b.t), 0);
    /* A negative offset: the guest set its TSC back. */
    lapic_timer_set_deadline(&b.t, 100, UINT64_C(0) - 2900);
    ck_assert_uint_gt(b.clock.armed, b.clock.now);
    ck_assert_uint_lt(b.clock.armed, b.clock.now + 40 * NS);
    lapic_timer_tsc_moved(&b.t, 0);
    ck_assert_uint_eq(b.clock.armed, b.clock.now);
}
END_TEST

START_TEST(each_mode_ignores_the_registers_of_the_others)
{
    struct bench b;
    bench_make(&b);
    lapic_timer_set_deadline(&b.t, 1, 0);
    ck_assert_uint_eq(lapic_timer_deadline(&b.t), 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    lapic_timer_set_initial(&b.t, 5);
    lapic_timer_set_mode(&b.t, LAPIC_TIMER_TSC_DEADLINE);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    ck_assert_uint_eq(lapic_timer_current(&b.t), 0);
    lapic_timer_set_initial(&b.t, 5);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    lapic_timer_set_deadline(&b.t, 1 << 20, 0);
    ck_assert_uint_ne(b.clock.armed, SIM_NEVER);
    lapic_timer_set_mode(&b.t, 3);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    lapic_timer_set_initial(&b.t, 5);
    lapic_timer_set_deadline(&b.t, 5, 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lapic_timer");
    TCase *t = tcase_create("lapic_timer");
    tcase_add_test(t, each_divide_value_is_what_the_manual_says);
    tcase_add_test(t, a_one_shot_counts_down_and_fires_once);
    tcase_add_test(t, a_periodic_timer_never_drifts);
    tcase_add_test(t, a_periodic_count_reloads);
    tcase_add_test(t, missed_periods_are_one_expiry);
    tcase_add_test(t, a_new_divisor_keeps_the_count);
    tcase_add_test(t, a_new_divisor_does_not_lose_an_expiry_that_is_due);
    tcase_add_test(t, one_shot_and_periodic_exchange_while_counting);
    tcase_add_test(t, a_periodic_count_goes_on_as_one_shot_after_its_reloads);
    tcase_add_test(t, a_deadline_fires_at_the_first_cycle_that_shows_it);
    tcase_add_test(t, a_deadline_in_the_past_fires_at_once);
    tcase_add_test(t, each_mode_ignores_the_registers_of_the_others);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
