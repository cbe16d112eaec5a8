/* SPDX-License-Identifier: Apache-2.0
 * The real-time clock and its battery-backed memory: an MC146818A with 128
 * bytes at ports 70h and 71h. It starts at a configured date and advances
 * with simulated time; the host's clock is never read.
 * Source: Motorola MC146818A data sheet; the IBM PC/AT's use of the bytes.
 */
#ifndef VTSIM_SIM_CHIPSET_RTC_H
#define VTSIM_SIM_CHIPSET_RTC_H

#include "sim/base/port.h"

struct rtc_wiring {
    struct clock_port clock; /* calls rtc_on_time */
    struct irq_port irq;
    unsigned line;  /* 8 */
    uint64_t epoch; /* date at power-on: seconds since 1970-01-01, UTC */
};

/* Plain values. */
struct rtc_state {
    uint8_t index;     /* of the byte at 71h */
    uint8_t cmos[128]; /* 0..9 and the century: as last written or shown */
    int64_t base;      /* date minus simulated seconds */
    sim_time seen;     /* flags of register C are complete up to here */
    sim_time due;      /* next enabled interrupt or SIM_NEVER */
};

struct rtc {
    struct rtc_wiring w;
    struct rtc_state s;
};

void rtc_init(struct rtc *r, const struct rtc_wiring *w);

/* Store the sizes where a PC's firmware leaves them: bytes of RAM below and
 * above 4 GiB. */
void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g);

/* Ports 70h and 71h, single bytes. */
struct io_port rtc_port(struct rtc *r);

/* The clock's callback: an on_time_fn. */
void rtc_on_time(void *self, sim_time now);

#endif
