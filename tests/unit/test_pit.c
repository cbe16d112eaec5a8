/* SPDX-License-Identifier: Apache-2.0
 * The 8254: the output of each mode tick by tick, counts, latches, gates.
 * Expected values are the data sheet's waveforms.
 */
#include "tests/unit/fake.h"
#include "timer/pit.h"
#include "timer/tsc.h"

#include <stdlib.h>

struct bench {
    struct fake_clock clock;
    struct fake_wire wire;
    struct pit pit;
    struct io_port io;
};

static void bench_make(struct bench *b)
{
    *b = (struct bench){.clock = {.on_time = pit_on_time, .device = &b->pit}};
    struct pit_wiring w = {.clock = fake_clock_port(&b->clock),
                           .irq = fake_wire_port(&b->wire),
                           .line = 0};
    pit_init(&b->pit, &w);
    b->io = pit_port(&b->pit);
}

static void at_tick(struct bench *b, uint64_t tick)
{
    fake_advance(&b->clock, time_of_cycles(tick, PIT_HZ));
}

/* Program counter 0 or 2 with a two-byte count at the present tick. */
static void program(struct bench *b, unsigned counter, unsigned mode,
                    unsigned count)
{
    outb(b->io, 0x43, (uint8_t)(counter << 6 | 0x30 | mode << 1));
    outb(b->io, (uint16_t)(0x40 + counter), (uint8_t)count);
    outb(b->io, (uint16_t)(0x40 + counter), (uint8_t)(count >> 8));
}

static unsigned read_count(struct bench *b, unsigned counter)
{
    outb(b->io, 0x43, (uint8_t)(counter << 6));
    unsigned low = inb(b->io, (uint16_t)(0x40 + counter));
    return low | (unsigned)inb(b->io, (uint16_t)(0x40 + counter)) << 8;
}

static uint8_t status(struct bench *b, unsigned counter)
{
    outb(b->io, 0x43, (uint8_t)(0xE0 | 2u << counter));
    return inb(b->io, (uint16_t)(0x40 + counter));
}

/* The output at ticks from..from+strlen-1 as '0' and '1'; by the wire for
 * counter 0, which must agree with the status. */
static void expect_output(struct bench *b, unsigned counter, uint64_t from,
                          const char *wave)
{
    for (unsigned i = 0; wave[i] != '\0'; i++) {
        at_tick(b, from + i);
        bool high = (status(b, counter) & 0x80) != 0;
        ck_assert_msg(high == (wave[i] == '1'), "tick %lu: %d",
                      (unsigned long)from + i, high);
        if (counter == 0)
            ck_assert_int_eq(b->wire.level[0], high);
        else
            ck_assert_int_eq((inb(b->io, 0x61) & 0x20) != 0, high);
    }
}

START_TEST(mode_0_raises_its_output_count_plus_one_ticks_after_the_write)
{
    struct bench b;
    bench_make(&b);
    at_tick(&b, 100);
    program(&b, 0, 0, 4);
    expect_output(&b, 0, 100, "0000011111");
    ck_assert_uint_eq(b.wire.rises[0], 2); /* one is the power-on level */
    at_tick(&b, 100000);
    ck_assert_uint_eq(b.wire.rises[0], 2);
}
END_TEST

START_TEST(mode_0_goes_on_counting_below_zero)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 0, 4);
    at_tick(&b, 1);
    ck_assert_uint_eq(read_count(&b, 0), 4);
    at_tick(&b, 5);
    ck_assert_uint_eq(read_count(&b, 0), 0);
    at_tick(&b, 6);
    ck_assert_uint_eq(read_count(&b, 0), 0xFFFF);
    at_tick(&b, 5 + 65536 + 1);
    ck_assert_uint_eq(read_count(&b, 0), 0xFFFF);
}
END_TEST

START_TEST(mode_0_stops_with_the_first_byte_of_a_new_count)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 0, 4);
    at_tick(&b, 50);
    ck_assert(b.wire.level[0]);
    outb(b.io, 0x40, 2);
    ck_assert(!b.wire.level[0]);
    at_tick(&b, 90);
    ck_assert(!b.wire.level[0]);
    outb(b.io, 0x40, 0);
    expect_output(&b, 0, 90, "00011");
}
END_TEST

START_TEST(mode_2_is_low_for_the_last_tick_of_each_period)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 3);
    expect_output(&b, 0, 0, "1110110110110");
}
END_TEST

START_TEST(mode_2_interrupts_at_its_rate_without_drift)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 11932); /* the 100 Hz of many kernels */
    unsigned before = b.wire.rises[0];
    fake_advance(&b.clock, 100 * SIM_FS_PER_SECOND);
    ck_assert_uint_eq(b.wire.rises[0] - before, 119318200u / 11932);
    at_tick(&b, 1 + 11932u * 10000u - 1); /* the last low tick */
    ck_assert(!b.wire.level[0]);
    at_tick(&b, 1 + 11932u * 10000u);
    ck_assert(b.wire.level[0]);
}
END_TEST

START_TEST(mode_3_is_a_square_wave_with_the_longer_half_high)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 3, 4);
    expect_output(&b, 0, 0, "11100110011");
    bench_make(&b);
    program(&b, 0, 3, 5);
    expect_output(&b, 0, 0, "111100111001110");
}
END_TEST

START_TEST(mode_3_counts_down_by_two)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 3, 6);
    static const unsigned even[] = {6, 4, 2, 6, 4, 2, 6};
    for (unsigned i = 0; i < 7; i++) {
        at_tick(&b, 1 + i);
        ck_assert_uint_eq(read_count(&b, 0), even[i]);
    }
    bench_make(&b);
    program(&b, 0, 3, 5);
    static const unsigned odd[] = {4, 2, 0, 4, 2, 4, 2, 0, 4, 2};
    for (unsigned i = 0; i < 10; i++) {
        at_tick(&b, 1 + i);
        ck_assert_uint_eq(read_count(&b, 0), odd[i]);
    }
}
END_TEST

START_TEST(mode_4_strobes_once)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 4, 3);
    expect_output(&b, 0, 0, "111101111");
    at_tick(&b, 200000);
    ck_assert(b.wire.level[0]);
    ck_assert_uint_eq(b.wire.rises[0], 2);
}
END_TEST

START_TEST(a_count_of_zero_is_the_largest)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 0);
    at_tick(&b, 1 + 65535);
    ck_assert(!b.wire.level[0]);
    at_tick(&b, 1 + 65536);
    ck_assert(b.wire.level[0]);
    outb(b.io, 0x43, 0x35); /* mode 2, BCD */
    outb(b.io, 0x40, 0);
    outb(b.io, 0x40, 0);
    uint64_t start = 1 + 65536 + 1;
    at_tick(&b, start);
    ck_assert_uint_eq(read_count(&b, 0), 0); /* 10000 */
    at_tick(&b, start + 1);
    ck_assert_uint_eq(read_count(&b, 0), 0x9999);
    at_tick(&b, start + 9999);
    ck_assert(!b.wire.level[0]);
}
END_TEST

START_TEST(bcd_counts_are_read_as_digits)
{
    struct bench b;
    bench_make(&b);
    outb(b.io, 0x43, 0x31); /* mode 0, BCD */
    outb(b.io, 0x40, 0x00);
    outb(b.io, 0x40, 0x12); /* 1200 */
    at_tick(&b, 2);
    ck_assert_uint_eq(read_count(&b, 0), 0x1199);
    at_tick(&b, 1 + 1201);
    ck_assert_uint_eq(read_count(&b, 0), 0x9999);
}
END_TEST

START_TEST(a_count_written_in_mode_2_waits_for_the_end_of_the_period)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 6);
    at_tick(&b, 3); /* into the first period, which began at tick 1 */
    outb(b.io, 0x40, 3);
    outb(b.io, 0x40, 0);
    expect_output(&b, 0, 3, "111011011011");
}
END_TEST

START_TEST(a_count_written_in_mode_3_waits_for_the_end_of_the_half)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 3, 8); /* high 1..4, low 5..8 */
    at_tick(&b, 2);
    outb(b.io, 0x40, 4);
    outb(b.io, 0x40, 0);
    expect_output(&b, 0, 2, "11100110011");
    bench_make(&b);
    program(&b, 0, 3, 8);
    at_tick(&b, 6);
    outb(b.io, 0x40, 4);
    outb(b.io, 0x40, 0);
    expect_output(&b, 0, 6, "00011001100");
}
END_TEST

START_TEST(a_latched_count_stands_until_it_is_read)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 1000);
    at_tick(&b, 1 + 100);
    outb(b.io, 0x43, 0x00);
    at_tick(&b, 1 + 200);
    outb(b.io, 0x43, 0x00); /* ignored */
    ck_assert_uint_eq(inb(b.io, 0x40), 900 & 0xFF);
    at_tick(&b, 1 + 300);
    ck_assert_uint_eq(inb(b.io, 0x40), 900 >> 8);
    ck_assert_uint_eq(inb(b.io, 0x40), 700 & 0xFF); /* live again */
    ck_assert_uint_eq(inb(b.io, 0x40), 700 >> 8);
}
END_TEST

START_TEST(read_back_latches_status_before_count)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 1000);
    ck_assert_uint_eq(status(&b, 0), 0xC0 | 0x30 | 2 << 1); /* null count */
    at_tick(&b, 1 + 100);
    outb(b.io, 0x43, 0xC2); /* both, counter 0 */
    at_tick(&b, 1 + 500);
    ck_assert_uint_eq(inb(b.io, 0x40), 0x80 | 0x30 | 2 << 1);
    ck_assert_uint_eq(inb(b.io, 0x40), 900 & 0xFF);
    ck_assert_uint_eq(inb(b.io, 0x40), 900 >> 8);
    outb(b.io, 0x40, 5);
    outb(b.io, 0x40, 0);
    ck_assert_uint_eq(status(&b, 0) & 0x40, 0x40); /* not loaded yet */
    at_tick(&b, 1 + 1000);
    ck_assert_uint_eq(status(&b, 0) & 0x40, 0);
}
END_TEST

START_TEST(single_byte_accesses_set_the_other_byte_to_zero)
{
    struct bench b;
    bench_make(&b);
    outb(b.io, 0x43, 0x14); /* low byte, mode 2 */
    outb(b.io, 0x40, 200);
    at_tick(&b, 1);
    ck_assert_uint_eq(inb(b.io, 0x40), 200);
    ck_assert_uint_eq(inb(b.io, 0x40), 200);
    outb(b.io, 0x43, 0x24); /* high byte, mode 2 */
    outb(b.io, 0x40, 2);
    at_tick(&b, 2 + 1);
    ck_assert_uint_eq(inb(b.io, 0x40), 1); /* 511 */
}
END_TEST

START_TEST(gate_2_pauses_mode_0)
{
    struct bench b;
    bench_make(&b);
    program(&b, 2, 0, 10); /* the gate is low after reset */
    at_tick(&b, 50);
    ck_assert_uint_eq(read_count(&b, 2), 10);
    outb(b.io, 0x61, 1);
    at_tick(&b, 54);
    ck_assert_uint_eq(read_count(&b, 2), 6);
    outb(b.io, 0x61, 0);
    at_tick(&b, 90);
    ck_assert_uint_eq(read_count(&b, 2), 6);
    outb(b.io, 0x61, 1);
    expect_output(&b, 2, 90, "0000001111");
}
END_TEST

START_TEST(gate_2_restarts_the_periodic_modes)
{
    struct bench b;
    bench_make(&b);
    outb(b.io, 0x61, 1);
    program(&b, 2, 3, 4);
    expect_output(&b, 2, 0, "1110");
    outb(b.io, 0x61, 0);
    expect_output(&b, 2, 4, "1111111");
    outb(b.io, 0x61, 1);
    expect_output(&b, 2, 10, "11100110");
}
END_TEST

START_TEST(gate_2_triggers_modes_1_and_5)
{
    struct bench b;
    bench_make(&b);
    program(&b, 2, 1, 3);
    expect_output(&b, 2, 0, "1111");
    outb(b.io, 0x61, 1);
    expect_output(&b, 2, 3, "0000111");
    outb(b.io, 0x61, 0);
    outb(b.io, 0x61, 1);
    expect_output(&b, 2, 9, "00");
    outb(b.io, 0x61, 0);
    outb(b.io, 0x61, 1); /* again while low: starts anew */
    expect_output(&b, 2, 10, "000011");
    bench_make(&b);
    program(&b, 2, 5, 3);
    expect_output(&b, 2, 0, "11");
    outb(b.io, 0x61, 1);
    expect_output(&b, 2, 1, "1111011");
}
END_TEST

START_TEST(port_61_shows_gate_speaker_and_refresh)
{
    struct bench b;
    bench_make(&b);
    outb(b.io, 0x61, 0xFF);
    ck_assert_uint_eq(inb(b.io, 0x61) & 0xCF, 0x0F);
    outb(b.io, 0x61, 0x02);
    ck_assert_uint_eq(inb(b.io, 0x61) & 0xCF, 0x02);
    uint8_t before = inb(b.io, 0x61) & 0x10;
    at_tick(&b, 18);
    ck_assert_uint_ne(inb(b.io, 0x61) & 0x10, before);
}
END_TEST

START_TEST(late_and_early_callbacks_lose_no_interrupt)
{
    struct bench b;
    bench_make(&b);
    program(&b, 0, 2, 100);
    unsigned before = b.wire.rises[0];
    /* A core looks at a later time than the clock's callback brings. */
    b.clock.now = time_of_cycles(105, PIT_HZ);
    (void)read_count(&b, 0);
    ck_assert_uint_eq(b.wire.rises[0] - before, 1);
    pit_on_time(&b.pit, time_of_cycles(100, PIT_HZ));
    ck_assert_uint_eq(b.wire.rises[0] - before, 1);
    ck_assert_uint_eq(b.clock.armed, time_of_cycles(1 + 199, PIT_HZ));
    b.clock.now = time_of_cycles(100000000, PIT_HZ);
    pit_on_time(&b.pit, b.clock.now);
    ck_assert_uint_gt(b.wire.rises[0] - before, 1);
    ck_assert_uint_gt(b.clock.armed, b.clock.now);
}
END_TEST

START_TEST(wrong_widths_and_ports_are_refused)
{
    struct bench b;
    bench_make(&b);
    uint32_t v = 0;
    for (uint16_t p = 0x40; p <= 0x43; p++)
        refuses_other_widths(b.io, p);
    refuses_other_widths(b.io, 0x61);
    ck_assert(!b.io.in(b.io.self, 0x43, 1, &v)); /* write-only */
    ck_assert(!b.io.in(b.io.self, 0x44, 1, &v));
    ck_assert(!b.io.out(b.io.self, 0x3F, 1, 0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pit");
    TCase *t = tcase_create("pit");
    tcase_add_test(
        t, mode_0_raises_its_output_count_plus_one_ticks_after_the_write);
    tcase_add_test(t, mode_0_goes_on_counting_below_zero);
    tcase_add_test(t, mode_0_stops_with_the_first_byte_of_a_new_count);
    tcase_add_test(t, mode_2_is_low_for_the_last_tick_of_each_period);
    tcase_add_test(t, mode_2_interrupts_at_its_rate_without_drift);
    tcase_add_test(t, mode_3_is_a_square_wave_with_the_longer_half_high);
    tcase_add_test(t, mode_3_counts_down_by_two);
    tcase_add_test(t, mode_4_strobes_once);
    tcase_add_test(t, a_count_of_zero_is_the_largest);
    tcase_add_test(t, bcd_counts_are_read_as_digits);
    tcase_add_test(t,
                   a_count_written_in_mode_2_waits_for_the_end_of_the_period);
    tcase_add_test(t, a_count_written_in_mode_3_waits_for_the_end_of_the_half);
    tcase_add_test(t, a_latched_count_stands_until_it_is_read);
    tcase_add_test(t, read_back_latches_status_before_count);
    tcase_add_test(t, single_byte_accesses_set_the_other_byte_to_zero);
    tcase_add_test(t, gate_2_pauses_mode_0);
    tcase_add_test(t, gate_2_restarts_the_periodic_modes);
    tcase_add_test(t, gate_2_triggers_modes_1_and_5);
    tcase_add_test(t, port_61_shows_gate_speaker_and_refresh);
    tcase_add_test(t, late_and_early_callbacks_lose_no_interrupt);
    tcase_add_test(t, wrong_widths_and_ports_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
