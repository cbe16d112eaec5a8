/* SPDX-License-Identifier: Apache-2.0
 * The local APIC's timer: count-down arithmetic of the one-shot, periodic
 * and TSC-deadline modes. It knows no registers and delivers no interrupt:
 * the local APIC owns both and asks here what time it is in counts.
 * Source: SDM Vol.3 "APIC Timer", "TSC-Deadline Mode".
 */
#ifndef VTSIM_TIMER_LAPIC_TIMER_H
#define VTSIM_TIMER_LAPIC_TIMER_H

#include "sim/base/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Values of LVT timer register bits 18:17. */
enum lapic_timer_mode {
    LAPIC_TIMER_ONE_SHOT = 0,
    LAPIC_TIMER_PERIODIC = 1,
    LAPIC_TIMER_TSC_DEADLINE = 2,
    LAPIC_TIMER_RESERVED = 3 /* counts nothing */
};

/* Architectural state: plain values, no pointers. */
struct lapic_timer_state {
    uint8_t mode;        /* enum lapic_timer_mode */
    uint32_t dcr;        /* divide configuration register, bits 3, 1, 0 */
    uint32_t initial;    /* initial count register */
    bool counting;       /* one-shot or periodic count is running */
    sim_time start;      /* instant at which `first` was loaded */
    uint32_t first;      /* count that was loaded then */
    uint64_t deadline;   /* IA32_TSC_DEADLINE; 0 = disarmed */
    uint64_t tsc_offset; /* guest TSC minus ticks since power-on */
    sim_time due;        /* next expiry or SIM_NEVER */
};

struct lapic_timer {
    struct clock_port clock;
    uint64_t apic_hz; /* input of the divider */
    uint64_t core_hz, tsc_hz;
    struct lapic_timer_state s;
};

/* Connect to a clock (copied) and reset. Frequencies are 1..10^12 Hz. */
void lapic_timer_init(struct lapic_timer *t, struct clock_port clock,
                      uint64_t apic_hz, uint64_t core_hz, uint64_t tsc_hz);

/* State after reset: one-shot, divide by 2, stopped; cancels the clock. */
void lapic_timer_reset(struct lapic_timer *t);

/*
 * LVT timer register bits 18:17 were written. A change to or from
 * TSC-deadline mode disarms the timer; between one-shot and periodic a
 * running count goes on.
 */
void lapic_timer_set_mode(struct lapic_timer *t, unsigned mode);

/* Divide configuration register; only bits 3, 1 and 0 are kept. A running
 * count goes on from its present value at the new rate. */
void lapic_timer_set_divide(struct lapic_timer *t, uint32_t dcr);

/* Initial count register: loads and starts, 0 stops. Ignored in TSC-deadline
 * mode. */
void lapic_timer_set_initial(struct lapic_timer *t, uint32_t count);

/* Current count register; 0 when stopped or in TSC-deadline mode. */
uint32_t lapic_timer_current(const struct lapic_timer *t);

/*
 * WRMSR to IA32_TSC_DEADLINE: fires when the guest's TSC reaches `deadline`,
 * at once if it has; 0 disarms. Ignored outside TSC-deadline mode.
 * tsc_offset  the guest's TSC is ticks since power-on plus this, modulo 2^64.
 */
void lapic_timer_set_deadline(struct lapic_timer *t, uint64_t deadline,
                              uint64_t tsc_offset);

/* RDMSR of it: 0 when disarmed, expired or in another mode. */
uint64_t lapic_timer_deadline(const struct lapic_timer *t);

/* The guest's TSC was written: rearm an armed deadline. */
void lapic_timer_tsc_moved(struct lapic_timer *t, uint64_t tsc_offset);

/*
 * The clock called back. True when the timer expired at or before `now`
 * (several missed periods are one expiry): the owner then delivers the LVT
 * interrupt unless masked. Arms the next expiry. False for an early call.
 */
bool lapic_timer_expire(struct lapic_timer *t, sim_time now);

#endif
