/* SPDX-License-Identifier: Apache-2.0
 * The 8254: every counter is a function of the tick number since its count
 * was loaded, so nothing happens between accesses but the edges of output 0.
 * Section titles are the data sheet's. A count of 1 in modes 2 and 3, which
 * the data sheet calls illegal, counts as 2; digits above 9 in BCD count as
 * what their bits are worth.
 */
#include "timer/pit.h"

#include "timer/tsc.h"

#include <stddef.h>

#define NO_EDGE INT64_MAX

#define CONTROL_READ_BACK 0xC0u

#define P61_GATE2  0x01u
#define P61_KEPT   0x0Fu /* gate, speaker, two NMI enables without source */
#define P61_TOGGLE 0x10u
#define P61_OUT2   0x20u

/* Memory refresh: counter 1 as a PC's firmware programs it. */
#define REFRESH_TICKS 18

static int64_t tick_at(sim_time t)
{
    return (int64_t)ticks_by_time(t, PIT_HZ);
}

static sim_time now_of(const struct pit *p)
{
    return p->w.clock.now(p->w.clock.self);
}

/* --- One counter as a function of time ---------------------------------- */

static bool is_periodic(const struct pit_counter *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_triggered(const struct pit_counter *c)
{
    return c->mode == 1 || c->mode == 5;
}

static int64_t modulus(const struct pit_counter *c)
{
    return c->bcd ? 10000 : 65536;
}

/* Ticks since the count was loaded; negative before. */
static int64_t elapsed(const struct pit_counter *c, int64_t tick)
{
    return c->held >= 0 ? c->held : tick - c->start;
}

/* Mode 3: the output is high for the first, longer half. */
static int64_t high_half(const struct pit_counter *c)
{
    return ((int64_t)c->count + 1) / 2;
}

static bool output(const struct pit_counter *c, int64_t tick)
{
    if (!c->started)
        return c->mode != 0;
    int64_t e = elapsed(c, tick);
    int64_t n = c->count;
    switch (c->mode) {
    case 0:
    case 1: return e >= n;
    case 2: return !c->gate || e < 0 || e % n != n - 1;
    case 3: return !c->gate || e < 0 || e % n < high_half(c);
    default: return e != n; /* 4 and 5: low for one tick */
    }
}

/* The first tick after `tick` at which the output changes by itself. */
static int64_t next_edge(const struct pit_counter *c, int64_t tick)
{
    if (!c->started || c->held >= 0)
        return NO_EDGE;
    int64_t e = tick - c->start;
    int64_t n = c->count;
    if (is_periodic(c)) {
        int64_t low = c->mode == 2 ? n - 1 : high_half(c);
        int64_t into = e < 0 ? 0 : e % n;
        int64_t begin = e < 0 ? 0 : e - into;
        return c->start + begin + (into < low ? low : n);
    }
    if (e < n)
        return c->start + n;
    if (e == n && c->mode >= 4)
        return c->start + n + 1;
    return NO_EDGE;
}

static uint16_t to_bcd(int64_t v)
{
    return (uint16_t)((v / 1000 % 10) << 12 | (v / 100 % 10) << 8 |
                      (v / 10 % 10) << 4 | v % 10);
}

/* The counting element as a read sees it. */
static uint16_t counting_element(const struct pit_counter *c, int64_t tick)
{
    if (!c->started)
        return 0;
    int64_t e = elapsed(c, tick);
    int64_t n = c->count;
    int64_t v;
    if (e < 0)
        e = 0;
    if (c->mode == 3) { /* counts down by two in each half */
        int64_t into = e % n;
        int64_t half = high_half(c);
        v = (n & ~INT64_C(1)) - 2 * (into < half ? into : into - half);
    } else if (c->mode == 2) {
        v = n - e % n;
    } else { /* goes on below zero */
        v = n - e % modulus(c) + modulus(c);
    }
    v %= modulus(c);
    return c->bcd ? to_bcd(v) : (uint16_t)v;
}

/* --- Loading, starting, stopping ---------------------------------------- */

/* A written count enters the counting element with the next clock pulse. */
static void load(struct pit_counter *c, int64_t tick)
{
    if (c->next != 0) {
        c->count = c->next;
        c->next = 0;
    }
    c->start = tick + 1;
    c->held = -1;
    c->started = true;
}

/* "Mode 2", "Mode 3": a count written meanwhile takes over at the end of the
 * period, or of the half-period. */
static void plan_change(struct pit_counter *c, int64_t tick)
{
    int64_t e = elapsed(c, tick);
    int64_t n = c->count;
    int64_t into = e < 0 ? 0 : e % n;
    c->start += e < 0 ? 0 : e - into;
    c->change =
        c->start + (c->mode == 3 && into < high_half(c) ? high_half(c) : n);
}

static void catch_up(struct pit_counter *c, int64_t tick)
{
    if (!is_periodic(c) || !c->started || c->next == 0 || c->held >= 0 ||
        tick < c->change)
        return;
    bool at_half = c->change != c->start + (int64_t)c->count;
    c->count = c->next;
    c->next = 0;
    c->start = c->change - (at_half ? high_half(c) : 0);
}

static void write_count(struct pit_counter *c, uint32_t raw, int64_t tick)
{
    uint32_t count = raw;
    if (c->bcd)
        count = (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 +
                (raw >> 4 & 15) * 10 + (raw & 15);
    count %= (uint32_t)modulus(c);
    if (count == 0)
        count = (uint32_t)modulus(c);
    if (is_periodic(c) && count == 1)
        count = 2;
    c->loaded = true;
    c->next = count;
    if (is_triggered(c))
        return; /* waits for the gate */
    if (is_periodic(c) && c->started && c->held < 0) {
        plan_change(c, tick);
        return;
    }
    load(c, tick);
    if (!c->gate)
        c->held = 0;
}

/* "Gate Pin Operations Summary". */
static void set_gate(struct pit_counter *c, bool gate, int64_t tick)
{
    bool rises = gate && !c->gate;
    bool falls = !gate && c->gate;
    c->gate = gate;
    if (!c->loaded)
        return;
    if (rises && (is_triggered(c) || is_periodic(c))) {
        load(c, tick);
    } else if (rises && c->held >= 0) {
        c->start = tick - c->held;
        c->held = -1;
    } else if (falls && !is_triggered(c) && c->started) {
        int64_t e = elapsed(c, tick);
        c->held = e < 0 ? 0 : e;
    }
}

/* --- Edges of output 0 -------------------------------------------------- */

static void drive(struct pit *p, bool level)
{
    if (level != p->s.line) {
        p->s.line = level;
        p->w.irq.set(p->w.irq.self, p->w.line, level);
    }
}

/*
 * Deliver edges up to `now` and ask for the next. A core may have asked
 * about a later time than the clock's callback brings; time does not go
 * back. Of many edges missed the first few are enough: an interrupt
 * controller holds one request.
 */
static void deliver(struct pit *p, sim_time now)
{
    struct pit_counter *c = &p->s.counter[0];
    if (now < p->s.edges)
        now = p->s.edges;
    int64_t tick = tick_at(now);
    int64_t at = tick_at(p->s.edges);
    for (unsigned i = 0; i < 8; i++) {
        at = next_edge(c, at);
        if (at > tick)
            break;
        catch_up(c, at);
        drive(p, output(c, at));
    }
    catch_up(c, tick);
    drive(p, output(c, tick));
    p->s.edges = now;
    int64_t edge = next_edge(c, tick);
    sim_time due = SIM_NEVER;
    if (edge != NO_EDGE)
        due = time_of_cycles((uint64_t)edge, PIT_HZ);
    if (due != p->s.armed) {
        p->s.armed = due;
        p->w.clock.arm(p->w.clock.self, due);
    }
}

void pit_on_time(void *self, sim_time now)
{
    struct pit *p = self;
    p->s.armed = SIM_NEVER; /* the request that brought us here is used up */
    deliver(p, now);
}

/* --- Registers ---------------------------------------------------------- */

static void latch_count(struct pit_counter *c, int64_t tick)
{
    if (c->count_latched)
        return; /* the first latch stands until it is read */
    c->count_latched = true;
    c->latch = counting_element(c, tick);
}

/* "Read-Back Command", status byte. */
static void latch_status(struct pit_counter *c, int64_t tick)
{
    if (c->status_latched)
        return;
    bool null_count =
        !c->loaded || c->next != 0 || (c->held < 0 && tick < c->start);
    c->status_latched = true;
    c->status = (uint8_t)((output(c, tick) ? 0x80u : 0) |
                          (null_count ? 0x40u : 0) | (unsigned)c->access << 4 |
                          (unsigned)c->mode << 1 | (c->bcd ? 1u : 0));
}

static void write_control(struct pit *p, uint8_t v, int64_t tick)
{
    if ((v & CONTROL_READ_BACK) == CONTROL_READ_BACK) {
        for (unsigned i = 0; i < 3; i++) {
            if (((unsigned)v >> (i + 1) & 1u) == 0)
                continue;
            if ((v & 0x20) == 0)
                latch_count(&p->s.counter[i], tick);
            if ((v & 0x10) == 0)
                latch_status(&p->s.counter[i], tick);
        }
        return;
    }
    struct pit_counter *c = &p->s.counter[v >> 6];
    if ((v & 0x30) == 0) {
        latch_count(c, tick);
        return;
    }
    unsigned mode = v >> 1 & 7u;
    *c = (struct pit_counter){.mode = (uint8_t)(mode > 5 ? mode - 4 : mode),
                              .access = (v >> 4) & 3,
                              .bcd = (v & 1) != 0,
                              .gate = c->gate,
                              .held = -1,
                              .count = 1};
}

static void write_counter(struct pit_counter *c, uint8_t v, int64_t tick)
{
    if (c->access == 1) {
        write_count(c, v, tick);
    } else if (c->access == 2) {
        write_count(c, (uint32_t)v << 8, tick);
    } else if (!c->write_high) {
        c->low = v;
        c->write_high = true;
        if (c->mode == 0) /* the first byte disables counting */
            c->started = false;
    } else {
        c->write_high = false;
        write_count(c, (uint32_t)v << 8 | c->low, tick);
    }
}

static uint8_t read_counter(struct pit_counter *c, int64_t tick)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    uint16_t value = c->count_latched ? c->latch : counting_element(c, tick);
    bool high = c->access == 2 || (c->access == 3 && c->read_high);
    if (c->access == 3)
        c->read_high = !c->read_high;
    if (c->access != 3 || high)
        c->count_latched = false;
    return (uint8_t)(high ? value >> 8 : value);
}

static uint8_t read_port61(const struct pit *p, int64_t tick)
{
    bool toggle = (tick / REFRESH_TICKS & 1) != 0;
    return (uint8_t)(p->s.port61 | (toggle ? P61_TOGGLE : 0) |
                     (output(&p->s.counter[2], tick) ? P61_OUT2 : 0));
}

/* Bring every counter to `now`; returns the tick. */
static int64_t advance(struct pit *p)
{
    sim_time now = now_of(p);
    deliver(p, now);
    int64_t tick = tick_at(now > p->s.edges ? now : p->s.edges);
    for (unsigned i = 0; i < 3; i++)
        catch_up(&p->s.counter[i], tick);
    return tick;
}

static bool pit_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct pit *p = self;
    if (len != 1)
        return false;
    if (port == 0x61)
        *out = read_port61(p, advance(p));
    else if (port >= 0x40 && port <= 0x42)
        *out = read_counter(&p->s.counter[port - 0x40], advance(p));
    else
        return false; /* 43h is write-only */
    return true;
}

static bool pit_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct pit *p = self;
    if (len != 1 || (port != 0x61 && (port < 0x40 || port > 0x43)))
        return false;
    int64_t tick = advance(p);
    uint8_t v = (uint8_t)in;
    if (port == 0x61) {
        p->s.port61 = v & P61_KEPT;
        set_gate(&p->s.counter[2], (v & P61_GATE2) != 0, tick);
    } else if (port == 0x43) {
        write_control(p, v, tick);
    } else {
        write_counter(&p->s.counter[port - 0x40], v, tick);
    }
    deliver(p, p->s.edges); /* the output and its next edge may be others */
    return true;
}

struct io_port pit_port(struct pit *p)
{
    return (struct io_port){.self = p, .in = pit_in, .out = pit_out};
}

void pit_init(struct pit *p, const struct pit_wiring *w)
{
    p->w = *w;
    p->s = (struct pit_state){.armed = SIM_NEVER};
    for (unsigned i = 0; i < 3; i++)
        p->s.counter[i] = (struct pit_counter){
            .mode = 3, .access = 3, .gate = i != 2, .held = -1, .count = 1};
    w->clock.arm(w->clock.self, SIM_NEVER);
    drive(p, true); /* the output of a counter in mode 3 */
}
