/* SPDX-License-Identifier: Apache-2.0
 * Cycles, ticks and femtoseconds: the one place where clocks are converted.
 * Everything is exact 128-bit integer arithmetic. Tick number n of a clock
 * of `hz` happens at the instant time_of_cycles(n, hz); the other functions
 * are the inverses of that definition, so that no rounding can make a clock
 * run backwards or an event come a cycle late.
 */
#ifndef VTSIM_TIMER_TSC_H
#define VTSIM_TIMER_TSC_H

#include "sim/base/port.h"

#include <stdint.h>

/*
 * The instant of tick number `cycles`: floor(cycles * 10^15 / hz).
 * hz  1..10^15. Returns SIM_NEVER when the instant is beyond 64 bits.
 */
sim_time time_of_cycles(uint64_t cycles, uint64_t hz);

/*
 * The number of the first tick at or after `t`: the least c with
 * time_of_cycles(c, hz) >= t. UINT64_MAX for SIM_NEVER or when it does not
 * fit. cycles_at_time(time_of_cycles(c, hz), hz) == c.
 */
uint64_t cycles_at_time(sim_time t, uint64_t hz);

/*
 * The number of the last tick at or before `t`: the greatest n with
 * time_of_cycles(n, hz) <= t. What a counter that started at 0 shows.
 */
uint64_t ticks_by_time(sim_time t, uint64_t hz);

/*
 * What a counter of `tick_hz` locked to a core clock of `core_hz` shows
 * after `cycles`: floor(cycles * tick_hz / core_hz), saturating.
 */
uint64_t ticks_of_cycles(uint64_t cycles, uint64_t core_hz, uint64_t tick_hz);

/* The first cycle at which that counter shows at least `ticks`. */
uint64_t cycles_of_ticks(uint64_t ticks, uint64_t core_hz, uint64_t tick_hz);

#endif
