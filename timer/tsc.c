/* SPDX-License-Identifier: Apache-2.0
 * Conversions between clocks: see tsc.h for the definitions.
 */
#include "timer/tsc.h"

typedef unsigned __int128 wide;

static uint64_t saturate(wide x)
{
    return x > UINT64_MAX ? UINT64_MAX : (uint64_t)x;
}

sim_time time_of_cycles(uint64_t cycles, uint64_t hz)
{
    return saturate((wide)cycles * SIM_FS_PER_SECOND / hz);
}

uint64_t cycles_at_time(sim_time t, uint64_t hz)
{
    if (t == SIM_NEVER)
        return UINT64_MAX;
    wide product = (wide)t * hz;
    return saturate((product + SIM_FS_PER_SECOND - 1) / SIM_FS_PER_SECOND);
}

uint64_t ticks_by_time(sim_time t, uint64_t hz)
{
    /* floor(n * P) <= t is n * P < t + 1, with P = 10^15 / hz. */
    wide product = ((wide)t + 1) * hz;
    return saturate((product - 1) / SIM_FS_PER_SECOND);
}

uint64_t ticks_of_cycles(uint64_t cycles, uint64_t core_hz, uint64_t tick_hz)
{
    if (core_hz == tick_hz)
        return cycles;
    return saturate((wide)cycles * tick_hz / core_hz);
}

uint64_t cycles_of_ticks(uint64_t ticks, uint64_t core_hz, uint64_t tick_hz)
{
    if (core_hz == tick_hz)
        return ticks;
    return saturate(((wide)ticks * core_hz + tick_hz - 1) / tick_hz);
}
