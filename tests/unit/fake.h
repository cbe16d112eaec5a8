/* SPDX-License-Identifier: Apache-2.0
 * What a device is wired to in unit tests: a clock that moves when told, an
 * interrupt wire that counts, and one-line port accesses.
 */
#ifndef VTSIM_TESTS_UNIT_FAKE_H
#define VTSIM_TESTS_UNIT_FAKE_H

#include "sim/base/port.h"

#include <check.h>

struct fake_clock {
    sim_time now, armed;
    on_time_fn *on_time;
    void *device;
};

static inline sim_time fake_now(void *self)
{
    return ((struct fake_clock *)self)->now;
}

static inline void fake_arm(void *self, sim_time at)
{
    ((struct fake_clock *)self)->armed = at;
}

static inline struct clock_port fake_clock_port(struct fake_clock *c)
{
    c->armed = SIM_NEVER;
    return (struct clock_port){.self = c, .now = fake_now, .arm = fake_arm};
}

/* Move to `until`, calling the device back at each armed time on the way. */
static inline void fake_advance(struct fake_clock *c, sim_time until)
{
    while (c->armed <= until) {
        sim_time at = c->armed;
        if (at > c->now)
            c->now = at;
        c->armed = SIM_NEVER;
        c->on_time(c->device, c->now);
    }
    c->now = until;
}

struct fake_wire {
    bool level[16];
    unsigned rises[16];
};

static inline void fake_set(void *self, unsigned line, bool level)
{
    struct fake_wire *w = self;
    ck_assert_uint_lt(line, 16);
    w->rises[line] += level && !w->level[line];
    w->level[line] = level;
}

static inline struct irq_port fake_wire_port(struct fake_wire *w)
{
    return (struct irq_port){.self = w, .set = fake_set};
}

/* A byte from a port that must answer. */
static inline uint8_t inb(struct io_port io, uint16_t port)
{
    uint32_t v = 0xDEADBEEF;
    ck_assert(io.in(io.self, port, 1, &v));
    ck_assert_uint_le(v, 0xFF);
    return (uint8_t)v;
}

static inline void outb(struct io_port io, uint16_t port, uint8_t v)
{
    ck_assert(io.out(io.self, port, 1, v));
}

/* Words and double words, and ports of others, are not answered. */
static inline void refuses_other_widths(struct io_port io, uint16_t port)
{
    uint32_t v = 0x1234;
    static const unsigned widths[] = {0, 2, 3, 4, 8};
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(!io.in(io.self, port, widths[i], &v));
        ck_assert(!io.out(io.self, port, widths[i], 0));
    }
    ck_assert_uint_eq(v, 0x1234);
}

#endif
