/* SPDX-License-Identifier: Apache-2.0
 * The I/O space and its small devices: dispatch and splitting, debug ports,
 * ways to reset.
 */
#include "sim/chipset/debugport.h"
#include "sim/chipset/i8042.h"
#include "sim/chipset/iobus.h"
#include "tests/unit/fake.h"

#include <stdlib.h>
#include <string.h>

/* A device that answers one width and remembers what it saw. */
struct card {
    unsigned width;
    uint32_t value;
    uint16_t port;
    unsigned reads, writes;
};

static bool card_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct card *c = self;
    if (len != c->width)
        return false;
    c->reads++;
    c->port = port;
    *out = 0xFFFFFF00u + port; /* more than its width: the bus cuts it */
    return true;
}

static bool card_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct card *c = self;
    if (len != c->width)
        return false;
    c->writes++;
    c->port = port;
    c->value = in;
    return true;
}

struct bench {
    struct iobus bus;
    struct io_port io;
    struct card byte, wide;
};

static struct bench *bench_make(void)
{
    struct bench *b = calloc(1, sizeof *b);
    struct sim_error e;
    iobus_init(&b->bus);
    b->io = iobus_port(&b->bus);
    b->byte.width = 1;
    b->wide.width = 4;
    struct io_port byte = {&b->byte, card_in, card_out};
    struct io_port wide = {&b->wide, card_in, card_out};
    ck_assert_int_eq(iobus_claim(&b->bus, 0x10, 0x11, byte, &e), SIM_OK);
    ck_assert_int_eq(iobus_claim(&b->bus, 0x12, 0x15, wide, &e), SIM_OK);
    ck_assert_int_eq(iobus_claim(&b->bus, 0xFFFE, 0xFFFF, byte, &e), SIM_OK);
    return b;
}

static uint32_t in(struct bench *b, uint16_t port, unsigned len, bool answered)
{
    uint32_t v = 0;
    ck_assert_int_eq(b->io.in(b->io.self, port, len, &v), answered);
    return v;
}

START_TEST(nobody_reads_as_all_ones)
{
    struct bench *b = bench_make();
    ck_assert_uint_eq(in(b, 0x20, 1, false), 0xFF);
    ck_assert_uint_eq(in(b, 0x20, 2, false), 0xFFFF);
    ck_assert_uint_eq(in(b, 0x20, 4, false), 0xFFFFFFFF);
    ck_assert(!b->io.out(b->io.self, 0x20, 4, 0));
    ck_assert_uint_eq(b->bus.stats.reads, 3);
    ck_assert_uint_eq(b->bus.stats.writes, 1);
    ck_assert_uint_eq(b->bus.stats.unclaimed, 4);
    free(b);
}
END_TEST

START_TEST(wide_accesses_to_byte_devices_are_split)
{
    struct bench *b = bench_make();
    ck_assert_uint_eq(in(b, 0x10, 1, true), 0x10);
    ck_assert_uint_eq(in(b, 0x10, 2, true), 0x1110);
    ck_assert_uint_eq(b->byte.reads, 3);
    ck_assert(b->io.out(b->io.self, 0x10, 2, 0xABCD));
    ck_assert_uint_eq(b->byte.port, 0x11); /* the low byte goes first */
    ck_assert_uint_eq(b->byte.value, 0xAB);
    ck_assert_uint_eq(b->bus.stats.unclaimed, 0);
    free(b);
}
END_TEST

START_TEST(accesses_across_devices_and_the_end_are_split)
{
    struct bench *b = bench_make();
    ck_assert_uint_eq(in(b, 0x12, 4, true), 0xFFFFFF12);
    ck_assert_uint_eq(in(b, 0x0F, 2, true), 0x10FF);
    /* The wide card answers no single bytes. */
    ck_assert_uint_eq(in(b, 0x10, 4, true), 0xFFFF1110);
    ck_assert_uint_eq(in(b, 0x12, 2, false), 0xFFFF);
    ck_assert_uint_eq(in(b, 0xFFFF, 1, true), 0xFF);
    ck_assert_uint_eq(in(b, 0xFFFE, 4, true), 0xFFFFFFFE);
    ck_assert_uint_eq(b->byte.port, 0xFFFF);
    ck_assert_uint_eq(b->wide.reads, 1);
    free(b);
}
END_TEST

START_TEST(a_port_has_one_owner)
{
    struct bench *b = bench_make();
    struct sim_error e;
    struct io_port p = {&b->byte, card_in, card_out};
    ck_assert_int_eq(iobus_claim(&b->bus, 0x0E, 0x10, p, &e), SIM_INTERNAL);
    ck_assert_str_eq(e.text, "I/O bus: port 0x10 claimed twice");
    ck_assert_uint_eq(in(b, 0x0E, 1, false), 0xFF); /* nothing was claimed */
    ck_assert_int_eq(iobus_claim(&b->bus, 5, 4, p, &e), SIM_INTERNAL);
    for (uint16_t i = 0; i < IOBUS_DEVICES_MAX - 3; i++)
        ck_assert_int_eq(iobus_claim(&b->bus, 0x1000 + i, 0x1000 + i, p, &e),
                         SIM_OK);
    ck_assert_int_eq(iobus_claim(&b->bus, 0x2000, 0x2000, p, &e), SIM_INTERNAL);
    free(b);
}
END_TEST

/* --- Debug ports -------------------------------------------------------- */

struct seen {
    char text[40];
    unsigned used, exits, shutdowns;
    uint32_t value;
};

static void seen_put(void *self, uint8_t byte)
{
    struct seen *s = self;
    s->text[s->used++] = (char)byte;
}

static void seen_exit(void *self, uint32_t value)
{
    struct seen *s = self;
    s->exits++;
    s->value = value;
}

static void seen_shutdown(void *self)
{
    struct seen *s = self;
    s->shutdowns++;
}

START_TEST(debug_console_and_exit)
{
    struct seen s = {.used = 0};
    struct debugport d;
    debugport_init(
        &d, (struct debugport_sink){&s, seen_put, seen_exit, seen_shutdown});
    struct io_port io = debugport_port(&d);
    ck_assert_uint_eq(inb(io, 0xE9), 0xE9);
    outb(io, 0xE9, 'o');
    outb(io, 0xE9, 'k');
    ck_assert_str_eq(s.text, "ok");
    refuses_other_widths(io, 0xE9);
    outb(io, 0xF4, 0x10);
    ck_assert_uint_eq(s.value, 0x10);
    ck_assert(io.out(io.self, 0xF4, 4, 0x12345678));
    ck_assert_uint_eq(s.value, 0x12345678);
    ck_assert_uint_eq(s.exits, 2);
    ck_assert_uint_eq(inb(io, 0xF4), 0);
    ck_assert(!io.out(io.self, 0xF5, 1, 0));
}
END_TEST

START_TEST(the_shutdown_string_must_be_whole)
{
    struct seen s = {.used = 0};
    struct debugport d;
    debugport_init(
        &d, (struct debugport_sink){&s, seen_put, seen_exit, seen_shutdown});
    struct io_port io = debugport_port(&d);
    for (const char *p = "Shutdwn"; *p != '\0'; p++)
        outb(io, 0x8900, (uint8_t)*p);
    ck_assert_uint_eq(s.shutdowns, 0);
    for (const char *p = "ShShutdown"; *p != '\0'; p++)
        outb(io, 0x8900, (uint8_t)*p);
    ck_assert_uint_eq(s.shutdowns, 1);
    refuses_other_widths(io, 0x8900);
}
END_TEST

/* --- Resets ------------------------------------------------------------- */

struct resets {
    unsigned count[3];
    unsigned gates;
    bool open;
};

static void note_reset(void *self, enum reset_kind kind)
{
    struct resets *r = self;
    r->count[kind]++;
}

static void note_gate(void *self, bool open)
{
    struct resets *r = self;
    r->gates++;
    r->open = open;
}

START_TEST(each_way_to_reset_asks_once)
{
    struct resets r = {.gates = 0};
    struct i8042 k;
    i8042_init(&k, &r, note_reset, note_gate);
    struct io_port io = i8042_port(&k);
    outb(io, 0x64, 0xFE);
    ck_assert_uint_eq(r.count[RESET_INIT], 1);
    outb(io, 0x64, 0xFF); /* pulses nothing */
    outb(io, 0x64, 0xD1);
    outb(io, 0x60, 0xDF); /* A20 open, no reset */
    ck_assert_uint_eq(r.count[RESET_INIT], 1);
    outb(io, 0x64, 0xD1);
    outb(io, 0x60, 0xDE);
    ck_assert_uint_eq(r.count[RESET_INIT], 2);
    outb(io, 0x92, 0x02);
    outb(io, 0x92, 0x03);
    outb(io, 0x92, 0x03); /* a level, not an edge */
    ck_assert_uint_eq(r.count[RESET_INIT], 3);
    outb(io, 0xCF9, 0x02);
    outb(io, 0xCF9, 0x06);
    outb(io, 0xCF9, 0x0E);
    ck_assert_uint_eq(r.count[RESET_HARD], 1);
    ck_assert_uint_eq(inb(io, 0xCF9), 0x0E);
    outb(io, 0xCF9, 0x00);
    outb(io, 0xCF9, 0x04);
    ck_assert_uint_eq(r.count[RESET_CPU], 1);
}
END_TEST

/* One gate with several handles; only changes are told. */
START_TEST(the_a20_gate_follows_every_handle)
{
    struct resets r = {.gates = 0};
    struct i8042 k;
    i8042_init(&k, &r, note_reset, note_gate);
    struct io_port io = i8042_port(&k);
    ck_assert_uint_eq(inb(io, 0x64) & 0x03, 0); /* ready for a command */
    outb(io, 0x64, 0xD0);
    ck_assert_uint_eq(inb(io, 0x64) & 0x01, 1);
    ck_assert_uint_eq(inb(io, 0x60) & 0x03, 0x03);
    ck_assert_uint_eq(inb(io, 0x64) & 0x01, 0);
    outb(io, 0x92, 0x00);
    ck_assert_uint_eq(inb(io, 0x92), 0x00);
    ck_assert(r.gates == 1 && !r.open);
    outb(io, 0x64, 0xD0);
    ck_assert_uint_eq(inb(io, 0x60) & 0x03, 0x01);
    outb(io, 0x64, 0xD1);
    outb(io, 0x60, 0xDF);
    ck_assert(r.gates == 2 && r.open);
    ck_assert_uint_eq(inb(io, 0x92), 0x02);
    outb(io, 0x64, 0xDD);
    ck_assert(r.gates == 3 && !r.open);
    outb(io, 0x64, 0xDD);
    outb(io, 0x64, 0xDF);
    ck_assert(r.gates == 4 && r.open);
    ck_assert_uint_eq(r.count[RESET_INIT], 0);
}
END_TEST

START_TEST(the_keyboard_controller_answers_and_finds_no_keyboard)
{
    struct resets r = {.gates = 0};
    struct i8042 k;
    i8042_init(&k, &r, note_reset, note_gate);
    struct io_port io = i8042_port(&k);
    outb(io, 0x64, 0xAA);
    ck_assert_uint_eq(inb(io, 0x60), 0x55);
    outb(io, 0x64, 0x60);
    outb(io, 0x60, 0x47);
    outb(io, 0x64, 0x20);
    ck_assert_uint_eq(inb(io, 0x60), 0x47);
    outb(io, 0x64, 0xAB);
    ck_assert_uint_ne(inb(io, 0x60), 0); /* a fault on the keyboard's wires */
    outb(io, 0x60, 0xED);                /* to the keyboard: no answer */
    ck_assert_uint_eq(inb(io, 0x64) & 0x09, 0);
    static const uint16_t ports[] = {0x60, 0x64, 0x92, 0xCF9};
    for (unsigned i = 0; i < 4; i++)
        refuses_other_widths(io, ports[i]);
    ck_assert(!io.out(io.self, 0x61, 1, 0));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("iobus");
    TCase *t = tcase_create("iobus");
    tcase_add_test(t, nobody_reads_as_all_ones);
    tcase_add_test(t, wide_accesses_to_byte_devices_are_split);
    tcase_add_test(t, accesses_across_devices_and_the_end_are_split);
    tcase_add_test(t, a_port_has_one_owner);
    tcase_add_test(t, debug_console_and_exit);
    tcase_add_test(t, the_shutdown_string_must_be_whole);
    tcase_add_test(t, each_way_to_reset_asks_once);
    tcase_add_test(t, the_a20_gate_follows_every_handle);
    tcase_add_test(t, the_keyboard_controller_answers_and_finds_no_keyboard);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
