/* SPDX-License-Identifier: Apache-2.0
 * Count-down arithmetic of the local APIC's timer. Nothing ticks: counts are
 * computed from the instant at which one was loaded, so periods never drift
 * whatever the ratio of the clocks.
 */
#include "timer/lapic_timer.h"

#include "timer/tsc.h"

/* SDM Vol.3 "APIC Timer", figure of the divide configuration register: 000b
 * is 2, each step doubles, 111b is 1. */
static unsigned divisor(const struct lapic_timer *t)
{
    unsigned code = (t->s.dcr & 3) | ((t->s.dcr >> 1) & 4);
    return 1u << ((code + 1) & 7);
}

static void set_due(struct lapic_timer *t, sim_time due)
{
    t->s.due = due;
    t->clock.arm(t->clock.self, due);
}

static void disarm(struct lapic_timer *t)
{
    t->s.counting = false;
    t->s.deadline = 0;
    set_due(t, SIM_NEVER);
}

static sim_time now_of(const struct lapic_timer *t)
{
    return t->clock.now(t->clock.self);
}

/* The instant `counts` counts after the load. */
static sim_time count_instant(const struct lapic_timer *t, uint64_t counts)
{
    uint64_t ticks;
    sim_time at;
    if (__builtin_mul_overflow(counts, (uint64_t)divisor(t), &ticks))
        return SIM_NEVER;
    sim_time span = time_of_cycles(ticks, t->apic_hz);
    if (__builtin_add_overflow(t->s.start, span, &at))
        return SIM_NEVER;
    return at;
}

/* Whole counts since the load. */
static uint64_t counts_by(const struct lapic_timer *t, sim_time now)
{
    if (now < t->s.start)
        return 0; /* another core's local time is behind ours */
    return ticks_by_time(now - t->s.start, t->apic_hz) / divisor(t);
}

void lapic_timer_init(struct lapic_timer *t, struct clock_port clock,
                      uint64_t apic_hz, uint64_t core_hz, uint64_t tsc_hz)
{
    t->clock = clock;
    t->apic_hz = apic_hz;
    t->core_hz = core_hz;
    t->tsc_hz = tsc_hz;
    lapic_timer_reset(t);
}

void lapic_timer_reset(struct lapic_timer *t)
{
    t->s = (struct lapic_timer_state){.due = SIM_NEVER};
    t->clock.arm(t->clock.self, SIM_NEVER);
}

/* Make the newest reload of a periodic count the load that `start` and
 * `first` describe, so that the count goes on when periods end. */
static void begin_at_reload(struct lapic_timer *t)
{
    uint64_t gone = counts_by(t, now_of(t));
    if (!t->s.counting || gone < t->s.first)
        return;
    uint64_t whole = (gone - t->s.first) / t->s.initial;
    t->s.start = count_instant(t, t->s.first + whole * t->s.initial);
    t->s.first = t->s.initial;
}

void lapic_timer_set_mode(struct lapic_timer *t, unsigned mode)
{
    mode &= 3;
    if (mode == t->s.mode)
        return;
    bool counts = mode <= LAPIC_TIMER_PERIODIC;
    bool counted = t->s.mode <= LAPIC_TIMER_PERIODIC;
    /* Manual: a write that changes the mode disarms the timer. That sentence
     * is about TSC-deadline mode; processors go on counting when one-shot and
     * periodic are exchanged, and guests rely on it. */
    if (!counts || !counted) {
        disarm(t);
        t->s.initial = 0;
    } else if (t->s.mode == LAPIC_TIMER_PERIODIC) {
        begin_at_reload(t);
    }
    t->s.mode = (uint8_t)mode;
}

void lapic_timer_set_initial(struct lapic_timer *t, uint32_t count)
{
    if (t->s.mode > LAPIC_TIMER_PERIODIC)
        return;
    t->s.initial = count;
    if (count == 0) {
        disarm(t);
        return;
    }
    t->s.counting = true;
    t->s.first = count;
    t->s.start = now_of(t);
    set_due(t, count_instant(t, count));
}

/* The count at `now`, in first..1, or 0 for a one-shot that is over. */
static uint32_t count_at(const struct lapic_timer *t, sim_time now)
{
    if (!t->s.counting)
        return 0;
    uint64_t gone = counts_by(t, now);
    if (gone < t->s.first)
        return t->s.first - (uint32_t)gone;
    if (t->s.mode != LAPIC_TIMER_PERIODIC)
        return 0;
    return t->s.initial - (uint32_t)((gone - t->s.first) % t->s.initial);
}

uint32_t lapic_timer_current(const struct lapic_timer *t)
{
    return count_at(t, now_of(t));
}

void lapic_timer_set_divide(struct lapic_timer *t, uint32_t dcr)
{
    dcr &= 0xB;
    if (dcr == t->s.dcr)
        return;
    sim_time now = now_of(t);
    if (t->s.counting) {
        t->s.first = count_at(t, now);
        t->s.start = now;
    }
    t->s.dcr = dcr;
    /* An expiry that is due but not yet collected stays due. */
    if (t->s.counting && t->s.due > now)
        set_due(t, count_instant(t, t->s.first));
}

/* --- TSC deadline ------------------------------------------------------- */

static void arm_deadline(struct lapic_timer *t)
{
    sim_time now = now_of(t);
    uint64_t cycle = ticks_by_time(now, t->core_hz);
    uint64_t ticks = ticks_of_cycles(cycle, t->core_hz, t->tsc_hz);
    uint64_t tsc = ticks + t->s.tsc_offset;
    if (t->s.deadline <= tsc) {
        set_due(t, now);
        return;
    }
    uint64_t target;
    if (__builtin_add_overflow(ticks, t->s.deadline - tsc, &target)) {
        set_due(t, SIM_NEVER);
        return;
    }
    uint64_t at = cycles_of_ticks(target, t->core_hz, t->tsc_hz);
    set_due(t, time_of_cycles(at, t->core_hz));
}

void lapic_timer_set_deadline(struct lapic_timer *t, uint64_t deadline,
                              uint64_t tsc_offset)
{
    t->s.tsc_offset = tsc_offset;
    if (t->s.mode != LAPIC_TIMER_TSC_DEADLINE)
        return;
    t->s.deadline = deadline;
    if (deadline == 0)
        disarm(t);
    else
        arm_deadline(t);
}

uint64_t lapic_timer_deadline(const struct lapic_timer *t)
{
    return t->s.deadline;
}

void lapic_timer_tsc_moved(struct lapic_timer *t, uint64_t tsc_offset)
{
    t->s.tsc_offset = tsc_offset;
    if (t->s.deadline != 0)
        arm_deadline(t);
}

/* --- Expiry ------------------------------------------------------------- */

bool lapic_timer_expire(struct lapic_timer *t, sim_time now)
{
    if (t->s.due == SIM_NEVER)
        return false;
    if (now < t->s.due) {
        t->clock.arm(t->clock.self, t->s.due);
        return false;
    }
    if (t->s.mode != LAPIC_TIMER_PERIODIC || !t->s.counting) {
        disarm(t);
        return true;
    }
    /* The first reload that lies in the future; start and first stay, so
     * rounding never accumulates. */
    uint64_t gone = counts_by(t, now);
    uint64_t periods =
        gone < t->s.first ? 0 : (gone - t->s.first) / t->s.initial + 1;
    set_due(t, count_instant(t, t->s.first + periods * t->s.initial));
    return true;
}
