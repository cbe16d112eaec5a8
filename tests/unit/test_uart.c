/* SPDX-License-Identifier: Apache-2.0
 * The 16550A: registers, FIFO, interrupt identification, loopback.
 */
#include "sim/chipset/uart.h"
#include "tests/unit/fake.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    struct fake_clock clock;
    struct fake_wire wire;
    struct uart uart;
    struct io_port io;
    char out[100];
    unsigned sent;
    const char *input; /* the rest of what will be received */
    bool endless;      /* after it: nothing now, or nothing ever */
    unsigned asked;
};

enum { RBR = 0x3F8, IER, IIR, LCR, MCR, LSR, MSR, SCR };

static void transmit(void *self, uint8_t byte)
{
    struct bench *b = self;
    ck_assert_uint_lt(b->sent, sizeof b->out);
    b->out[b->sent++] = (char)byte;
}

static int receive(void *self)
{
    struct bench *b = self;
    b->asked++;
    if (*b->input == '\0')
        return b->endless ? UART_RX_NONE : UART_RX_END;
    return (unsigned char)*b->input++;
}

static void bench_make(struct bench *b, const char *input)
{
    *b = (struct bench){.clock = {.on_time = uart_on_time, .device = &b->uart},
                        .input = input};
    struct uart_wiring w = {.base = RBR,
                            .irq = fake_wire_port(&b->wire),
                            .line = 4,
                            .clock = fake_clock_port(&b->clock),
                            .self = b,
                            .transmit = transmit,
                            .receive = receive};
    uart_init(&b->uart, &w);
    b->io = uart_port(&b->uart);
    outb(b->io, LCR, 3); /* 8N1 */
}

START_TEST(characters_are_sent_as_written)
{
    struct bench b;
    bench_make(&b, "");
    for (const char *p = "hello"; *p != '\0'; p++) {
        ck_assert_uint_eq(inb(b.io, LSR) & 0x60, 0x60);
        outb(b.io, RBR, (uint8_t)*p);
    }
    ck_assert_mem_eq(b.out, "hello", 5);
    ck_assert_uint_eq(b.sent, 5);
    outb(b.io, LCR, 2); /* seven bits */
    outb(b.io, RBR, 0xC1);
    ck_assert_int_eq(b.out[5], 0x41);
}
END_TEST

START_TEST(registers_keep_what_the_data_sheet_lets_them)
{
    struct bench b;
    bench_make(&b, "");
    outb(b.io, SCR, 0xA5);
    ck_assert_uint_eq(inb(b.io, SCR), 0xA5);
    outb(b.io, IER, 0xFF);
    ck_assert_uint_eq(inb(b.io, IER), 0x0F);
    outb(b.io, MCR, 0xEF);
    ck_assert_uint_eq(inb(b.io, MCR), 0x0F);
    outb(b.io, LCR, 0x83); /* divisor latch */
    outb(b.io, RBR, 0x0C);
    outb(b.io, IER, 0x01);
    ck_assert_uint_eq(inb(b.io, RBR), 0x0C);
    ck_assert_uint_eq(inb(b.io, IER), 0x01);
    ck_assert_uint_eq(b.sent, 0);
    outb(b.io, LCR, 0x03);
    ck_assert_uint_eq(inb(b.io, IER), 0x0F);
    outb(b.io, LSR, 0x00); /* read-only */
    ck_assert_uint_eq(inb(b.io, LSR), 0x60);
    ck_assert_uint_eq(inb(b.io, MSR), 0xB0);
}
END_TEST

START_TEST(a_16550_is_told_from_a_16450_by_its_fifo_bits)
{
    struct bench b;
    bench_make(&b, "");
    ck_assert_uint_eq(inb(b.io, IIR), 0x01);
    outb(b.io, IIR, 0x07);
    ck_assert_uint_eq(inb(b.io, IIR), 0xC1);
    outb(b.io, IIR, 0xC0); /* without the enable the rest is ignored */
    ck_assert_uint_eq(inb(b.io, IIR), 0x01);
    ck_assert_uint_eq(b.uart.s.fcr, 0);
}
END_TEST

START_TEST(input_waits_in_the_source_until_there_is_room)
{
    struct bench b;
    bench_make(&b, "abcdefghijklmnopqrstuvwxyz");
    ck_assert_uint_eq(inb(b.io, LSR) & 1, 1);
    ck_assert_str_eq(b.input, "bcdefghijklmnopqrstuvwxyz");
    ck_assert_uint_eq(inb(b.io, RBR), 'a');
    outb(b.io, IIR, 0x01); /* enabling clears the FIFO, which is empty */
    for (char c = 'b'; c <= 'z'; c++) {
        ck_assert_uint_eq(inb(b.io, LSR) & 3, 1); /* never an overrun */
        ck_assert_uint_eq(inb(b.io, RBR), (uint8_t)c);
    }
    ck_assert_uint_eq(inb(b.io, LSR) & 1, 0);
    unsigned asked = b.asked;
    ck_assert_uint_eq(inb(b.io, LSR) & 1, 0);
    ck_assert_uint_eq(b.asked, asked); /* the end is the end */
}
END_TEST

START_TEST(received_data_interrupts_by_trigger_level_and_time_out)
{
    struct bench b;
    bench_make(&b, "12345678ab");
    outb(b.io, MCR, 0x08);
    outb(b.io, IIR, 0x81); /* trigger at 8 */
    outb(b.io, IER, 0x01);
    ck_assert(!b.wire.level[4]);
    fake_advance(&b.clock, SIM_FS_PER_SECOND); /* the character times go by */
    ck_assert(b.wire.level[4]);
    ck_assert_uint_eq(inb(b.io, IIR), 0xC4);
    for (unsigned i = 0; i < 3; i++)
        (void)inb(b.io, RBR);
    ck_assert_uint_eq(inb(b.io, IIR), 0xCC); /* 7 left: the time-out */
    for (unsigned i = 0; i < 7; i++)
        (void)inb(b.io, RBR);
    ck_assert_uint_eq(inb(b.io, IIR), 0xC1);
    ck_assert(!b.wire.level[4]);
    ck_assert_uint_eq(b.wire.rises[4], 1);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER); /* nothing more will come */
}
END_TEST

START_TEST(the_source_is_asked_once_a_character_time)
{
    struct bench b;
    bench_make(&b, "");
    b.endless = true;
    outb(b.io, LCR, 0x83);
    outb(b.io, RBR, 12); /* 9600 baud */
    outb(b.io, LCR, 0x03);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    outb(b.io, IER, 0x01);
    sim_time first = b.clock.armed;
    /* Ten bits at 9600 baud take 1.0417 ms. */
    ck_assert_uint_gt(first, UINT64_C(1041) * 1000000000);
    ck_assert_uint_lt(first, UINT64_C(1042) * 1000000000);
    b.clock.now = first / 2;
    outb(b.io, SCR, 0); /* does not put the poll off */
    ck_assert_uint_eq(b.clock.armed, first);
    unsigned asked = b.asked;
    fake_advance(&b.clock, first * 10);
    ck_assert_uint_eq(b.asked - asked, 10);
    b.input = "x";
    outb(b.io, MCR, 0x08);
    fake_advance(&b.clock, first * 11);
    ck_assert(b.wire.level[4]);
    outb(b.io, IER, 0);
    ck_assert_uint_eq(b.clock.armed, SIM_NEVER);
    ck_assert(!b.wire.level[4]);
}
END_TEST

START_TEST(the_empty_transmitter_interrupts_once_per_cause)
{
    struct bench b;
    bench_make(&b, "");
    outb(b.io, MCR, 0x08);
    outb(b.io, IER, 0x02);
    ck_assert(b.wire.level[4]); /* enabling while empty raises it */
    ck_assert_uint_eq(inb(b.io, IIR), 0x02);
    ck_assert(!b.wire.level[4]); /* reading the IIR clears it */
    ck_assert_uint_eq(inb(b.io, IIR), 0x01);
    outb(b.io, RBR, 'x');
    outb(b.io, RBR, 'y'); /* a new edge for every character */
    ck_assert(b.wire.level[4]);
    ck_assert_uint_eq(b.wire.rises[4], 3);
    ck_assert_uint_eq(inb(b.io, IIR), 0x02);
    outb(b.io, IER, 0x02); /* enabled already: no new cause */
    ck_assert_uint_eq(inb(b.io, IIR), 0x01);
}
END_TEST

START_TEST(interrupts_need_out2_and_have_priorities)
{
    struct bench b;
    bench_make(&b, "q");
    outb(b.io, IER, 0x0F);
    ck_assert_uint_eq(inb(b.io, IIR), 0x04); /* data before transmitter */
    ck_assert(!b.wire.level[4]);
    outb(b.io, MCR, 0x08);
    ck_assert(b.wire.level[4]);
    ck_assert_uint_eq(inb(b.io, RBR), 'q');
    ck_assert_uint_eq(inb(b.io, IIR), 0x02);
    ck_assert_uint_eq(inb(b.io, IIR), 0x01);
    ck_assert(!b.wire.level[4]);
}
END_TEST

START_TEST(loopback_connects_the_transmitter_to_the_receiver)
{
    struct bench b;
    bench_make(&b, "outside");
    outb(b.io, MCR, 0x1E);
    ck_assert_uint_eq(inb(b.io, LSR) & 1, 0);
    outb(b.io, RBR, 0xAE);
    ck_assert_uint_eq(b.sent, 0);
    ck_assert_uint_eq(inb(b.io, LSR) & 1, 1);
    ck_assert_uint_eq(inb(b.io, RBR), 0xAE);
    outb(b.io, RBR, 1);
    outb(b.io, RBR, 2);
    ck_assert_uint_eq(inb(b.io, LSR) & 3, 3); /* overrun without FIFO */
    ck_assert_uint_eq(inb(b.io, LSR) & 3, 1); /* reported once */
    ck_assert_uint_eq(inb(b.io, RBR), 2);
}
END_TEST

START_TEST(the_fifo_holds_sixteen_and_then_overruns)
{
    struct bench b;
    bench_make(&b, "");
    outb(b.io, MCR, 0x10);
    outb(b.io, IIR, 0x01);
    for (uint8_t i = 0; i < 17; i++)
        outb(b.io, RBR, i);
    ck_assert_uint_eq(inb(b.io, LSR) & 3, 3);
    for (uint8_t i = 0; i < 16; i++)
        ck_assert_uint_eq(inb(b.io, RBR), i);
    ck_assert_uint_eq(inb(b.io, LSR) & 3, 0);
    outb(b.io, RBR, 9);
    outb(b.io, IIR, 0x03); /* clear the receiver */
    ck_assert_uint_eq(inb(b.io, LSR) & 1, 0);
}
END_TEST

START_TEST(a_break_in_loopback_is_received_with_its_flag)
{
    struct bench b;
    bench_make(&b, "");
    outb(b.io, MCR, 0x10);
    outb(b.io, IIR, 0x01);
    outb(b.io, IER, 0x04);
    outb(b.io, RBR, 'a');
    outb(b.io, LCR, 0x43);
    ck_assert_uint_eq(inb(b.io, LSR), 0xE1); /* one somewhere behind */
    ck_assert_uint_eq(inb(b.io, RBR), 'a');
    ck_assert_uint_eq(inb(b.io, IIR), 0xC6); /* line status */
    ck_assert_uint_eq(inb(b.io, LSR), 0xF1);
    ck_assert_uint_eq(inb(b.io, LSR), 0x61);
    ck_assert_uint_eq(inb(b.io, RBR), 0);
}
END_TEST

START_TEST(modem_inputs_follow_the_outputs_in_loopback)
{
    struct bench b;
    bench_make(&b, "");
    outb(b.io, MCR, 0x1A); /* RTS, OUT2: what drivers probe with */
    ck_assert_uint_eq(inb(b.io, MSR) & 0xF0, 0x90);
    outb(b.io, MCR, 0x14); /* OUT1 only: ring */
    (void)inb(b.io, MSR);
    outb(b.io, MCR, 0x10);
    ck_assert_uint_eq(inb(b.io, MSR), 0x04); /* trailing edge of ring */
    outb(b.io, MCR, 0x11);
    ck_assert_uint_eq(inb(b.io, MSR), 0x22);
    ck_assert_uint_eq(inb(b.io, MSR), 0x20); /* deltas clear by reading */
    outb(b.io, IER, 0x08);
    outb(b.io, MCR, 0x13);
    ck_assert_uint_eq(inb(b.io, IIR), 0x00);
}
END_TEST

START_TEST(wrong_widths_and_ports_are_refused)
{
    struct bench b;
    bench_make(&b, "");
    uint32_t v;
    for (uint16_t p = RBR; p <= SCR; p++)
        refuses_other_widths(b.io, p);
    ck_assert(!b.io.in(b.io.self, RBR - 1, 1, &v));
    ck_assert(!b.io.out(b.io.self, SCR + 1, 1, 0));
    ck_assert_uint_eq(b.sent, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("uart");
    TCase *t = tcase_create("uart");
    tcase_add_test(t, characters_are_sent_as_written);
    tcase_add_test(t, registers_keep_what_the_data_sheet_lets_them);
    tcase_add_test(t, a_16550_is_told_from_a_16450_by_its_fifo_bits);
    tcase_add_test(t, input_waits_in_the_source_until_there_is_room);
    tcase_add_test(t, received_data_interrupts_by_trigger_level_and_time_out);
    tcase_add_test(t, the_source_is_asked_once_a_character_time);
    tcase_add_test(t, the_empty_transmitter_interrupts_once_per_cause);
    tcase_add_test(t, interrupts_need_out2_and_have_priorities);
    tcase_add_test(t, loopback_connects_the_transmitter_to_the_receiver);
    tcase_add_test(t, the_fifo_holds_sixteen_and_then_overruns);
    tcase_add_test(t, a_break_in_loopback_is_received_with_its_flag);
    tcase_add_test(t, modem_inputs_follow_the_outputs_in_loopback);
    tcase_add_test(t, wrong_widths_and_ports_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
