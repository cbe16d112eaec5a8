/* SPDX-License-Identifier: Apache-2.0
 * The 8254 interval timer as a PC wires it: three counters at 1193182 Hz,
 * gates of 0 and 1 always high, gate 2 and the speaker at port 61h, output
 * of counter 0 on an interrupt line. All six modes, BCD, latches, read-back.
 * Source: Intel 8254 data sheet.
 */
#ifndef VTSIM_TIMER_PIT_H
#define VTSIM_TIMER_PIT_H

#include "sim/base/port.h"

#define PIT_HZ UINT64_C(1193182)

struct pit_wiring {
    struct clock_port clock; /* calls pit_on_time */
    struct irq_port irq;     /* the output of counter 0 */
    unsigned line;           /* 0 */
};

/* One counter: plain values. A tick is a period of the input clock, counted
 * from power-on. */
struct pit_counter {
    uint8_t mode;   /* 0..5 */
    uint8_t access; /* 1 low byte, 2 high byte, 3 low then high */
    bool bcd, gate;
    bool write_high, read_high; /* next byte of a two-byte access */
    uint8_t low;                /* low byte that waits for its high byte */
    bool loaded;                /* a count was written since the mode */
    bool started;   /* the counting element has, or will have, a count */
    uint32_t count; /* of the present period: 1..65536 (10000 in BCD) */
    uint32_t next;  /* count for the next period or trigger; 0 = none */
    int64_t change; /* modes 2 and 3: tick at which `next` takes over */
    int64_t start;  /* tick at which `count` is in the counting element */
    int64_t held;   /* ticks gone by when the gate stopped it; -1 = runs */
    bool count_latched, status_latched;
    uint16_t latch;
    uint8_t status;
};

struct pit_state {
    struct pit_counter counter[3];
    uint8_t port61; /* bits 3:0 */
    sim_time edges; /* edges of output 0 are delivered up to here */
    sim_time armed; /* what the clock was asked for */
    bool line;      /* level of output 0 as delivered */
};

struct pit {
    struct pit_wiring w;
    struct pit_state s;
};

/* Connect and reset: no counter counts until software programs it. */
void pit_init(struct pit *p, const struct pit_wiring *w);

/* Ports 40h..43h and 61h, single bytes. */
struct io_port pit_port(struct pit *p);

/* The clock's callback: an on_time_fn. */
void pit_on_time(void *self, sim_time now);

#endif
