/* SPDX-License-Identifier: Apache-2.0
 * Clock conversions: exact, mutually inverse, saturating.
 */
#include "sim/base/rng.h"
#include "timer/tsc.h"

#include <check.h>
#include <stdlib.h>

static const uint64_t clocks[] = {1,
                                  32768,
                                  1193182,
                                  1843200,
                                  14318180,
                                  24000000,
                                  25000000,
                                  133333333,
                                  999999999,
                                  1000000000,
                                  2900000000,
                                  3400000001,
                                  5123456789,
                                  UINT64_C(1000000000000),
                                  SIM_FS_PER_SECOND};

START_TEST(known_instants)
{
    ck_assert_uint_eq(time_of_cycles(1, 1), SIM_FS_PER_SECOND);
    ck_assert_uint_eq(time_of_cycles(3, 3000000000u), 1000000);
    ck_assert_uint_eq(time_of_cycles(1, 3000000000u), 333333);
    ck_assert_uint_eq(time_of_cycles(2, 3000000000u), 666666);
    ck_assert_uint_eq(time_of_cycles(1193182, 1193182), SIM_FS_PER_SECOND);
    ck_assert_uint_eq(cycles_at_time(333333, 3000000000u), 1);
    ck_assert_uint_eq(cycles_at_time(333334, 3000000000u), 2);
    ck_assert_uint_eq(ticks_by_time(333332, 3000000000u), 0);
    ck_assert_uint_eq(ticks_by_time(333333, 3000000000u), 1);
    ck_assert_uint_eq(ticks_of_cycles(10, 3, 2), 6);
    ck_assert_uint_eq(cycles_of_ticks(6, 3, 2), 9);
    for (unsigned i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        ck_assert_uint_eq(time_of_cycles(0, clocks[i]), 0);
        ck_assert_uint_eq(cycles_at_time(0, clocks[i]), 0);
        ck_assert_uint_eq(ticks_by_time(0, clocks[i]), 0);
    }
}
END_TEST

START_TEST(cycles_survive_a_round_trip_through_time)
{
    struct rng r = rng_make(7, 0);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t hz = clocks[i % (sizeof clocks / sizeof clocks[0])];
        /* Cycle numbers whose instants fit. */
        uint64_t most = ticks_by_time(SIM_NEVER - 1, hz);
        uint64_t c = most == 0 ? 0 : rng_next(&r) % most;
        if (i % 3 == 0)
            c %= 1000;
        sim_time t = time_of_cycles(c, hz);
        ck_assert_uint_eq(cycles_at_time(t, hz), c);
        ck_assert_uint_eq(ticks_by_time(t, hz), c);
        if (c > 0)
            ck_assert_uint_lt(time_of_cycles(c - 1, hz), t);
    }
}
END_TEST

START_TEST(a_time_lies_between_its_last_and_its_next_tick)
{
    struct rng r = rng_make(8, 0);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t hz = clocks[i % (sizeof clocks / sizeof clocks[0])];
        sim_time t = rng_next(&r) >> (rng_next(&r) % 60);
        if (t == SIM_NEVER)
            continue;
        uint64_t next = cycles_at_time(t, hz);
        uint64_t last = ticks_by_time(t, hz);
        ck_assert_uint_ge(time_of_cycles(next, hz), t);
        ck_assert_uint_le(time_of_cycles(last, hz), t);
        if (next > 0)
            ck_assert_uint_lt(time_of_cycles(next - 1, hz), t);
        if (time_of_cycles(last, hz) == t)
            ck_assert_uint_eq(next, last);
        else
            ck_assert_uint_eq(next, last + 1);
    }
}
END_TEST

START_TEST(a_locked_counter_is_exact_and_invertible)
{
    struct rng r = rng_make(9, 0);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t core = 1 + rng_next(&r) % 6000000000u;
        uint64_t tick = 1 + rng_next(&r) % 6000000000u;
        uint64_t n = rng_next(&r) >> (8 + rng_next(&r) % 50);
        uint64_t c = cycles_of_ticks(n, core, tick);
        if (c == UINT64_MAX)
            continue;
        ck_assert_uint_ge(ticks_of_cycles(c, core, tick), n);
        if (c > 0)
            ck_assert_uint_lt(ticks_of_cycles(c - 1, core, tick), n);
    }
    ck_assert_uint_eq(ticks_of_cycles(UINT64_MAX, 5, 5), UINT64_MAX);
}
END_TEST

START_TEST(what_does_not_fit_saturates)
{
    ck_assert_uint_eq(time_of_cycles(UINT64_MAX, 1), SIM_NEVER);
    ck_assert_uint_eq(time_of_cycles(18447, 1), SIM_NEVER);
    ck_assert_uint_lt(time_of_cycles(18446, 1), SIM_NEVER);
    ck_assert_uint_eq(cycles_at_time(SIM_NEVER, 1), UINT64_MAX);
    ck_assert_uint_eq(ticks_by_time(SIM_NEVER, SIM_FS_PER_SECOND), UINT64_MAX);
    ck_assert_uint_eq(ticks_of_cycles(UINT64_MAX, 1, 2), UINT64_MAX);
    ck_assert_uint_eq(cycles_of_ticks(UINT64_MAX, 2, 1), UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tsc");
    TCase *t = tcase_create("tsc");
    tcase_add_test(t, known_instants);
    tcase_add_test(t, cycles_survive_a_round_trip_through_time);
    tcase_add_test(t, a_time_lies_between_its_last_and_its_next_tick);
    tcase_add_test(t, a_locked_counter_is_exact_and_invertible);
    tcase_add_test(t, what_does_not_fit_saturates);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
