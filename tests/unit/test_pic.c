/* SPDX-License-Identifier: Apache-2.0
 * The 8259A pair: initialisation, priorities, every end of interrupt,
 * rotation, masks, polling, cascade, spurious interrupts.
 */
#include "sim/chipset/pic.h"
#include "tests/unit/fake.h"

#include <stdlib.h>

struct bench {
    struct pic pic;
    struct io_port io;
    struct irq_port irq;
    struct inta_port inta;
    bool intr;
    unsigned changes;
};

static void set_intr(void *self, bool level)
{
    struct bench *b = self;
    ck_assert_int_ne(b->intr, level); /* changes only */
    b->intr = level;
    b->changes++;
}

/* Initialise as a PC does: vectors 20h and 28h, all unmasked. */
static void initialise(struct bench *b, uint8_t icw4)
{
    outb(b->io, 0x20, 0x11);
    outb(b->io, 0xA0, 0x11);
    outb(b->io, 0x21, 0x20);
    outb(b->io, 0xA1, 0x28);
    outb(b->io, 0x21, 0x04);
    outb(b->io, 0xA1, 0x02);
    outb(b->io, 0x21, icw4);
    outb(b->io, 0xA1, icw4);
}

static void bench_make(struct bench *b, uint8_t icw4)
{
    *b = (struct bench){.intr = false};
    pic_init(&b->pic, b, set_intr);
    b->io = pic_io_port(&b->pic);
    b->irq = pic_irq_port(&b->pic);
    b->inta = pic_inta_port(&b->pic);
    initialise(b, icw4);
}

static void line(struct bench *b, unsigned n, bool level)
{
    b->irq.set(b->irq.self, n, level);
}

static void pulse(struct bench *b, unsigned n)
{
    line(b, n, false);
    line(b, n, true);
}

static unsigned ack(struct bench *b)
{
    return b->inta.acknowledge(b->inta.self);
}

static uint8_t read_isr(struct bench *b, uint16_t port)
{
    outb(b->io, port, 0x0B);
    return inb(b->io, port);
}

static uint8_t read_irr(struct bench *b, uint16_t port)
{
    outb(b->io, port, 0x0A);
    return inb(b->io, port);
}

START_TEST(every_input_delivers_its_vector_and_ends)
{
    struct bench b;
    bench_make(&b, 0x01);
    for (unsigned n = 0; n < 16; n++) {
        if (n == 2)
            continue;
        ck_assert(!b.intr);
        line(&b, n, true);
        ck_assert(b.intr);
        ck_assert_uint_eq(ack(&b), 0x20 + n);
        ck_assert(!b.intr);
        if (n >= 8) {
            ck_assert_uint_eq(read_isr(&b, 0xA0), 1u << (n - 8));
            ck_assert_uint_eq(read_isr(&b, 0x20), 4);
            outb(b.io, 0xA0, 0x20);
        } else {
            ck_assert_uint_eq(read_isr(&b, 0x20), 1u << n);
        }
        outb(b.io, 0x20, 0x20);
        ck_assert(!b.intr); /* the line is still high: no second edge */
        ck_assert_uint_eq(read_isr(&b, 0x20) | read_isr(&b, 0xA0), 0);
        line(&b, n, false);
    }
}
END_TEST

START_TEST(nothing_is_requested_before_initialisation)
{
    struct bench b = {.intr = false};
    pic_init(&b.pic, &b, set_intr);
    b.io = pic_io_port(&b.pic);
    b.irq = pic_irq_port(&b.pic);
    line(&b, 0, true);
    ck_assert(!b.intr);
    ck_assert_uint_eq(inb(b.io, 0x21), 0xFF);
    outb(b.io, 0x21, 0xFE);
    ck_assert(b.intr);
    outb(b.io, 0x20, 0x11); /* ICW1 forgets edges and unmasks */
    ck_assert(!b.intr);
}
END_TEST

START_TEST(the_lowest_number_has_the_highest_priority)
{
    struct bench b;
    bench_make(&b, 0x01);
    line(&b, 7, true);
    line(&b, 12, true);
    line(&b, 1, true);
    line(&b, 8, true);
    static const unsigned order[] = {1, 8, 12, 7};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert(b.intr);
        ck_assert_uint_eq(ack(&b), 0x20 + order[i]);
        ck_assert(!b.intr); /* lower ones wait for the end of interrupt */
        if (order[i] >= 8)
            outb(b.io, 0xA0, 0x20);
        outb(b.io, 0x20, 0x20);
    }
    ck_assert(!b.intr);
}
END_TEST

START_TEST(a_higher_request_interrupts_a_lower_service)
{
    struct bench b;
    bench_make(&b, 0x01);
    line(&b, 5, true);
    ck_assert_uint_eq(ack(&b), 0x25);
    line(&b, 3, true);
    ck_assert(b.intr);
    ck_assert_uint_eq(ack(&b), 0x23);
    ck_assert_uint_eq(read_isr(&b, 0x20), 0x28);
    outb(b.io, 0x20, 0x20); /* non-specific: ends 3 */
    ck_assert_uint_eq(read_isr(&b, 0x20), 0x20);
    pulse(&b, 6);
    ck_assert(!b.intr);
    outb(b.io, 0x20, 0x65); /* specific: ends 5 */
    ck_assert(b.intr);
}
END_TEST

START_TEST(masks_hold_requests_back_and_do_not_lose_them)
{
    struct bench b;
    bench_make(&b, 0x01);
    outb(b.io, 0x21, 0x10);
    ck_assert_uint_eq(inb(b.io, 0x21), 0x10);
    line(&b, 4, true);
    ck_assert(!b.intr);
    ck_assert_uint_eq(read_irr(&b, 0x20), 0x10);
    outb(b.io, 0x21, 0x00);
    ck_assert(b.intr);
    ck_assert_uint_eq(ack(&b), 0x24);
}
END_TEST

START_TEST(an_edge_is_needed_and_must_stay_until_acknowledged)
{
    struct bench b;
    bench_make(&b, 0x01);
    line(&b, 3, true);
    line(&b, 3, false); /* went away: the default interrupt 7 */
    ck_assert(!b.intr);
    ck_assert_uint_eq(ack(&b), 0x27);
    ck_assert_uint_eq(read_isr(&b, 0x20), 0);
    outb(b.io, 0xA1, 0);
    line(&b, 10, true);
    ck_assert(b.intr);
    outb(b.io, 0xA1, 0xFF);
    ck_assert(!b.intr);
}
END_TEST

START_TEST(a_spurious_interrupt_of_the_slave_occupies_the_cascade)
{
    struct bench b;
    bench_make(&b, 0x01);
    line(&b, 10, true);
    b.pic.chip[1].lines = 0; /* gone between the two acknowledge cycles */
    ck_assert_uint_eq(ack(&b), 0x2F);
    ck_assert_uint_eq(read_isr(&b, 0xA0), 0);
    ck_assert_uint_eq(read_isr(&b, 0x20), 0x04);
    outb(b.io, 0x20, 0x20);
    ck_assert_uint_eq(read_isr(&b, 0x20), 0);
}
END_TEST

START_TEST(a_level_input_requests_again_while_it_is_high)
{
    struct bench b;
    bench_make(&b, 0x01);
    outb(b.io, 0x4D0, 0xFF);
    outb(b.io, 0x4D1, 0xFF);
    ck_assert_uint_eq(inb(b.io, 0x4D0), 0xF8);
    ck_assert_uint_eq(inb(b.io, 0x4D1), 0xDE);
    line(&b, 5, true);
    ck_assert_uint_eq(ack(&b), 0x25);
    ck_assert(!b.intr);
    outb(b.io, 0x20, 0x20);
    ck_assert(b.intr);
    ck_assert_uint_eq(ack(&b), 0x25);
    line(&b, 5, false);
    outb(b.io, 0x20, 0x20);
    ck_assert(!b.intr);
    line(&b, 11, true);
    ck_assert_uint_eq(ack(&b), 0x2B);
    outb(b.io, 0xA0, 0x20);
    outb(b.io, 0x20, 0x20);
    ck_assert(b.intr);
}
END_TEST

START_TEST(automatic_end_of_interrupt_leaves_nothing_in_service)
{
    struct bench b;
    bench_make(&b, 0x03);
    line(&b, 4, true);
    line(&b, 9, true);
    line(&b, 12, true);
    ck_assert_uint_eq(ack(&b), 0x29);
    ck_assert_uint_eq(ack(&b), 0x2C);
    ck_assert_uint_eq(ack(&b), 0x24);
    ck_assert(!b.intr);
    ck_assert_uint_eq(read_isr(&b, 0x20) | read_isr(&b, 0xA0), 0);
}
END_TEST

START_TEST(rotation_gives_every_device_its_turn)
{
    struct bench b;
    bench_make(&b, 0x01);
    for (unsigned n = 3; n < 6; n++)
        line(&b, n, true);
    ck_assert_uint_eq(ack(&b), 0x23);
    outb(b.io, 0x20, 0xA0); /* rotate on non-specific: 3 is the lowest */
    pulse(&b, 3);
    ck_assert_uint_eq(ack(&b), 0x24);
    outb(b.io, 0x20, 0xE4); /* rotate on specific */
    ck_assert_uint_eq(ack(&b), 0x25);
    outb(b.io, 0x20, 0x20);
    ck_assert_uint_eq(ack(&b), 0x23);
    outb(b.io, 0x20, 0x20);
    outb(b.io, 0x20, 0xC0 | 6); /* set priority: 7 is the highest now */
    pulse(&b, 0);
    pulse(&b, 7);
    ck_assert_uint_eq(ack(&b), 0x27);
}
END_TEST

START_TEST(rotation_in_automatic_mode)
{
    struct bench b;
    bench_make(&b, 0x03);
    outb(b.io, 0x20, 0x80);
    line(&b, 3, true);
    line(&b, 4, true);
    ck_assert_uint_eq(ack(&b), 0x23);
    pulse(&b, 3);
    ck_assert_uint_eq(ack(&b), 0x24); /* 3 has become the lowest */
    ck_assert_uint_eq(ack(&b), 0x23);
    outb(b.io, 0x20, 0x00);
    pulse(&b, 5);
    (void)ack(&b);
    ck_assert_uint_eq(b.pic.chip[0].lowest, 3);
}
END_TEST

START_TEST(special_mask_mode_lets_lower_requests_through)
{
    struct bench b;
    bench_make(&b, 0x01);
    line(&b, 1, true);
    ck_assert_uint_eq(ack(&b), 0x21);
    line(&b, 6, true);
    outb(b.io, 0x21, 0x02);
    ck_assert(!b.intr);
    outb(b.io, 0x20, 0x68);
    ck_assert(b.intr);
    ck_assert_uint_eq(ack(&b), 0x26);
    outb(b.io, 0x20, 0x20); /* skips the masked one */
    ck_assert_uint_eq(read_isr(&b, 0x20), 0x02);
    outb(b.io, 0x20, 0x48);
    ck_assert(!b.pic.chip[0].special_mask);
}
END_TEST

START_TEST(special_fully_nested_mode_lets_the_slave_nest)
{
    struct bench b;
    bench_make(&b, 0x01);
    line(&b, 12, true);
    ck_assert_uint_eq(ack(&b), 0x2C);
    line(&b, 9, true);
    ck_assert(!b.intr); /* the cascade is in service */
    bench_make(&b, 0x01);
    outb(b.io, 0x20, 0x11);
    outb(b.io, 0x21, 0x20);
    outb(b.io, 0x21, 0x04);
    outb(b.io, 0x21, 0x11);
    line(&b, 12, true);
    ck_assert_uint_eq(ack(&b), 0x2C);
    line(&b, 9, true);
    ck_assert(b.intr);
    ck_assert_uint_eq(ack(&b), 0x29);
}
END_TEST

START_TEST(poll_is_an_acknowledge_by_read)
{
    struct bench b;
    bench_make(&b, 0x01);
    outb(b.io, 0x20, 0x0C);
    ck_assert_uint_eq(inb(b.io, 0x20), 0);
    line(&b, 6, true);
    outb(b.io, 0x20, 0x0C);
    ck_assert_uint_eq(inb(b.io, 0x20), 0x86);
    ck_assert(!b.intr);
    ck_assert_uint_eq(read_isr(&b, 0x20), 0x40);
}
END_TEST

START_TEST(initialisation_without_icw3_or_icw4)
{
    struct bench b;
    bench_make(&b, 0x01);
    outb(b.io, 0x20, 0x12); /* single, no ICW4 */
    outb(b.io, 0x21, 0x47);
    outb(b.io, 0x21, 0xFB); /* already the mask */
    ck_assert_uint_eq(inb(b.io, 0x21), 0xFB);
    outb(b.io, 0x21, 0x00);
    line(&b, 6, true);
    ck_assert_uint_eq(ack(&b), 0x46); /* low bits of ICW2 are the input's */
}
END_TEST

START_TEST(wrong_widths_and_ports_are_refused)
{
    struct bench b;
    bench_make(&b, 0x01);
    uint32_t v;
    static const uint16_t ports[] = {0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1};
    for (unsigned i = 0; i < 6; i++)
        refuses_other_widths(b.io, ports[i]);
    ck_assert(!b.io.in(b.io.self, 0x22, 1, &v));
    ck_assert(!b.io.out(b.io.self, 0x4D2, 1, 0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pic");
    TCase *t = tcase_create("pic");
    tcase_add_test(t, every_input_delivers_its_vector_and_ends);
    tcase_add_test(t, nothing_is_requested_before_initialisation);
    tcase_add_test(t, the_lowest_number_has_the_highest_priority);
    tcase_add_test(t, a_higher_request_interrupts_a_lower_service);
    tcase_add_test(t, masks_hold_requests_back_and_do_not_lose_them);
    tcase_add_test(t, an_edge_is_needed_and_must_stay_until_acknowledged);
    tcase_add_test(t, a_spurious_interrupt_of_the_slave_occupies_the_cascade);
    tcase_add_test(t, a_level_input_requests_again_while_it_is_high);
    tcase_add_test(t, automatic_end_of_interrupt_leaves_nothing_in_service);
    tcase_add_test(t, rotation_gives_every_device_its_turn);
    tcase_add_test(t, rotation_in_automatic_mode);
    tcase_add_test(t, special_mask_mode_lets_lower_requests_through);
    tcase_add_test(t, special_fully_nested_mode_lets_the_slave_nest);
    tcase_add_test(t, poll_is_an_acknowledge_by_read);
    tcase_add_test(t, initialisation_without_icw3_or_icw4);
    tcase_add_test(t, wrong_widths_and_ports_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
