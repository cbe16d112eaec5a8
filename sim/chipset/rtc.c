/* SPDX-License-Identifier: Apache-2.0
 * MC146818A: date arithmetic, BCD and 12-hour forms, alarm, periodic and
 * update-ended flags. Nothing ticks: the date and the flags are computed
 * from simulated time when somebody looks, and the clock is armed only for
 * an interrupt that is enabled. Section titles are the data sheet's.
 */
#include "sim/chipset/rtc.h"

enum {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D,
    CENTURY = 0x32
};

#define A_UIP  0x80u
#define A_RATE 0x0Fu

#define B_SET 0x80u
#define B_DM  0x04u /* binary, not BCD */
#define B_24  0x02u

#define C_IRQ 0x80u
#define C_PF  0x40u
#define C_AF  0x20u
#define C_UF  0x10u

#define D_VALID 0x80u

/* "Update Cycle": UIP rises 244 us before the update, which takes 1984 us;
 * here the new second starts with the end of the update. */
#define UPDATE_FS (UINT64_C(2228) * 1000000000)

/* --- Dates (proleptic Gregorian) ---------------------------------------- */

struct date {
    int64_t year;
    unsigned month, day, hour, minute, second, weekday; /* Sunday is 1 */
};

/* Days since 1970-01-01 of a date whose parts may be out of range. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    /* Years that start in March put the leap day last. */
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

static struct date date_of(int64_t seconds)
{
    struct date d;
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    d.hour = (unsigned)(rest / 3600);
    d.minute = (unsigned)(rest / 60 % 60);
    d.second = (unsigned)(rest % 60);
    d.weekday = (unsigned)(((days + 4) % 7 + 7) % 7) + 1;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    d.day = (unsigned)(of_year - (153 * m + 2) / 5) + 1;
    d.month = (unsigned)(m < 10 ? m + 3 : m - 9);
    d.year = y + era * 400 + (d.month <= 2);
    return d;
}

/* --- Register forms ----------------------------------------------------- */

static uint8_t encode(const struct rtc_state *s, unsigned v)
{
    if ((s->cmos[REG_B] & B_DM) != 0)
        return (uint8_t)v;
    return (uint8_t)(v / 10 % 10 << 4 | v % 10);
}

static unsigned decode(const struct rtc_state *s, uint8_t v)
{
    if ((s->cmos[REG_B] & B_DM) != 0)
        return v;
    return (v >> 4) * 10u + (v & 15u);
}

/* Hours: 12-hour form runs 12, 1 .. 11 with bit 7 for the afternoon. */
static uint8_t encode_hour(const struct rtc_state *s, unsigned hour)
{
    if ((s->cmos[REG_B] & B_24) != 0)
        return encode(s, hour);
    unsigned of_half = hour % 12 == 0 ? 12 : hour % 12;
    return (uint8_t)(encode(s, of_half) | (hour >= 12 ? 0x80u : 0));
}

static unsigned decode_hour(const struct rtc_state *s, uint8_t v)
{
    if ((s->cmos[REG_B] & B_24) != 0)
        return decode(s, v);
    unsigned of_half = decode(s, v & 0x7F) % 12;
    return of_half + ((v & 0x80u) != 0 ? 12 : 0);
}

static sim_time now_of(const struct rtc *r)
{
    return r->w.clock.now(r->w.clock.self);
}

static int64_t seconds_at(const struct rtc *r, sim_time t)
{
    return r->s.base + (int64_t)(t / SIM_FS_PER_SECOND);
}

static void show_date(struct rtc *r, sim_time now)
{
    struct rtc_state *s = &r->s;
    struct date d = date_of(seconds_at(r, now));
    s->cmos[SECONDS] = encode(s, d.second);
    s->cmos[MINUTES] = encode(s, d.minute);
    s->cmos[HOURS] = encode_hour(s, d.hour);
    s->cmos[WEEKDAY] = encode(s, d.weekday);
    s->cmos[DAY] = encode(s, d.day);
    s->cmos[MONTH] = encode(s, d.month);
    s->cmos[YEAR] = encode(s, (unsigned)(d.year % 100));
    s->cmos[CENTURY] = encode(s, (unsigned)(d.year / 100 % 100));
}

/* The date registers become the date; what is out of range carries over,
 * and the weekday follows from the rest. */
static void take_date(struct rtc *r, sim_time now)
{
    struct rtc_state *s = &r->s;
    int64_t year =
        decode(s, s->cmos[CENTURY]) * 100 + (int64_t)decode(s, s->cmos[YEAR]);
    unsigned month = decode(s, s->cmos[MONTH]);
    month = month < 1 ? 1 : month > 12 ? 12 : month;
    int64_t days = days_of(year, month, decode(s, s->cmos[DAY]));
    int64_t seconds =
        days * 86400 + decode_hour(s, s->cmos[HOURS]) * INT64_C(3600) +
        decode(s, s->cmos[MINUTES]) * INT64_C(60) + decode(s, s->cmos[SECONDS]);
    s->base = seconds - (int64_t)(now / SIM_FS_PER_SECOND);
}

/* --- Flags and interrupts ----------------------------------------------- */

/* "Register A", periodic rates: 3..15 halve from 8192 Hz; 1 and 2 are those
 * of 8 and 9. 0 when off. */
static unsigned periodic_hz(const struct rtc_state *s)
{
    unsigned rate = s->cmos[REG_A] & A_RATE;
    if (rate == 0)
        return 0;
    return 32768u >> ((rate <= 2 ? rate + 7 : rate) - 1);
}

/* How many events of `hz` have happened by `t`; the n-th (0, 1, ..) is at
 * floor(n * 10^15 / hz). */
static uint64_t events_by(sim_time t, unsigned hz)
{
    unsigned __int128 product = ((unsigned __int128)t + 1) * hz;
    return (uint64_t)((product - 1) / SIM_FS_PER_SECOND);
}

static sim_time event_time(uint64_t n, unsigned hz)
{
    unsigned __int128 at = (unsigned __int128)n * SIM_FS_PER_SECOND / hz;
    return at >= SIM_NEVER ? SIM_NEVER : (sim_time)at;
}

/* "Time, Calendar, and Alarm Locations": C0h..FFh match everything. */
static bool alarm_part(const struct rtc_state *s, unsigned reg, unsigned value)
{
    uint8_t alarm = s->cmos[reg];
    if (alarm >= 0xC0)
        return true;
    return (reg == HOURS_ALARM ? decode_hour(s, alarm) : decode(s, alarm)) ==
           value;
}

/* Whether some value below `count` matches at all. */
static bool alarm_possible(const struct rtc_state *s, unsigned reg,
                           unsigned count)
{
    for (unsigned v = 0; v < count; v++)
        if (alarm_part(s, reg, v))
            return true;
    return false;
}

/* Seconds from `from` (exclusive) to the next alarm, at most `limit`, or 0.
 * An alarm repeats daily; whole hours and minutes that differ are skipped. */
static int64_t next_alarm(const struct rtc_state *s, int64_t from,
                          int64_t limit)
{
    if (!alarm_possible(s, SECONDS_ALARM, 60) ||
        !alarm_possible(s, MINUTES_ALARM, 60) ||
        !alarm_possible(s, HOURS_ALARM, 24))
        return 0;
    if (limit > 86400)
        limit = 86400;
    for (int64_t i = 1; i <= limit;) {
        unsigned of_day = (unsigned)(((from + i) % 86400 + 86400) % 86400);
        if (!alarm_part(s, HOURS_ALARM, of_day / 3600))
            i += 3600 - of_day % 3600;
        else if (!alarm_part(s, MINUTES_ALARM, of_day / 60 % 60))
            i += 60 - of_day % 60;
        else if (!alarm_part(s, SECONDS_ALARM, of_day % 60))
            i++;
        else
            return i;
    }
    return 0;
}

static bool is_set(const struct rtc_state *s)
{
    return (s->cmos[REG_B] & B_SET) != 0;
}

/* Bring register C up to `now`. */
static void collect_flags(struct rtc *r, sim_time now)
{
    struct rtc_state *s = &r->s;
    if (now <= s->seen)
        return;
    unsigned hz = periodic_hz(s);
    if (hz != 0 && events_by(now, hz) > events_by(s->seen, hz))
        s->cmos[REG_C] |= C_PF;
    int64_t from = seconds_at(r, s->seen);
    int64_t to = seconds_at(r, now);
    if (to > from && !is_set(s)) {
        s->cmos[REG_C] |= C_UF;
        if ((s->cmos[REG_C] & C_AF) == 0 && next_alarm(s, from, to - from) != 0)
            s->cmos[REG_C] |= C_AF;
    }
    s->seen = now;
}

static void update_line(struct rtc *r)
{
    struct rtc_state *s = &r->s;
    uint8_t enabled = s->cmos[REG_B] & s->cmos[REG_C] & (C_PF | C_AF | C_UF);
    bool irq = enabled != 0;
    bool was = (s->cmos[REG_C] & C_IRQ) != 0;
    s->cmos[REG_C] = (uint8_t)((s->cmos[REG_C] & ~C_IRQ) | (irq ? C_IRQ : 0));
    if (irq != was)
        r->w.irq.set(r->w.irq.self, r->w.line, irq);
}

static sim_time earlier(sim_time a, sim_time b)
{
    return a < b ? a : b;
}

/* Arm the next flag that is enabled and not yet set. */
static void arm(struct rtc *r, sim_time now)
{
    struct rtc_state *s = &r->s;
    uint8_t waits = s->cmos[REG_B] & (uint8_t)~s->cmos[REG_C];
    unsigned hz = periodic_hz(s);
    sim_time due = SIM_NEVER;
    if ((waits & C_PF) != 0 && hz != 0)
        due = event_time(events_by(now, hz) + 1, hz);
    uint64_t second = now / SIM_FS_PER_SECOND;
    if ((waits & C_UF) != 0 && !is_set(s))
        due = earlier(due, event_time(second + 1, 1));
    if ((waits & C_AF) != 0 && !is_set(s)) {
        int64_t in = next_alarm(s, seconds_at(r, now), 86400);
        if (in != 0)
            due = earlier(due, event_time(second + (uint64_t)in, 1));
    }
    if (due != s->due) {
        s->due = due;
        r->w.clock.arm(r->w.clock.self, due);
    }
}

void rtc_on_time(void *self, sim_time now)
{
    struct rtc *r = self;
    collect_flags(r, now);
    update_line(r);
    r->s.due = SIM_NEVER; /* the request that brought us here is used up */
    arm(r, now);
}

/* --- Ports -------------------------------------------------------------- */

static bool is_date(unsigned index)
{
    return index == SECONDS || index == MINUTES || index == HOURS ||
           (index >= WEEKDAY && index <= YEAR) || index == CENTURY;
}

static uint8_t read_byte(struct rtc *r, unsigned index, sim_time now)
{
    struct rtc_state *s = &r->s;
    uint8_t v;
    if (is_date(index) && !is_set(s))
        show_date(r, now);
    switch (index) {
    case REG_A:
        v = s->cmos[REG_A];
        if (!is_set(s) &&
            now % SIM_FS_PER_SECOND >= SIM_FS_PER_SECOND - UPDATE_FS)
            v |= A_UIP;
        return v;
    case REG_C: /* reading clears the flags */
        v = s->cmos[REG_C];
        s->cmos[REG_C] &= C_IRQ;
        update_line(r);
        return v;
    case REG_D: return D_VALID;
    default: return s->cmos[index];
    }
}

static void write_byte(struct rtc *r, unsigned index, uint8_t v, sim_time now)
{
    struct rtc_state *s = &r->s;
    bool was_set = is_set(s);
    switch (index) {
    case REG_A: s->cmos[REG_A] = v & (uint8_t)~A_UIP; return;
    case REG_B:
        /* Entering SET freezes the date as shown; leaving starts from what
         * the registers hold, in the form now chosen. SET clears UIE. */
        if (!was_set && (v & B_SET) != 0)
            show_date(r, now);
        s->cmos[REG_B] = (v & B_SET) != 0 ? v & (uint8_t)~C_UF : v;
        if (was_set && (v & B_SET) == 0)
            take_date(r, now);
        return;
    case REG_C:
    case REG_D: return; /* read-only */
    default: break;
    }
    if (is_date(index) && !was_set) {
        show_date(r, now);
        s->cmos[index] = v;
        take_date(r, now);
        return;
    }
    s->cmos[index] = v;
}

static bool rtc_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct rtc *r = self;
    if (len != 1 || port != 0x71) /* 70h is write-only */
        return false;
    sim_time now = now_of(r);
    collect_flags(r, now);
    update_line(r);
    *out = read_byte(r, r->s.index, now);
    arm(r, now);
    return true;
}

static bool rtc_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct rtc *r = self;
    if (len != 1 || (port != 0x70 && port != 0x71))
        return false;
    if (port == 0x70) {
        r->s.index = in & 0x7F; /* bit 7 gates NMI, of which there is none */
        return true;
    }
    sim_time now = now_of(r);
    collect_flags(r, now);
    write_byte(r, r->s.index, (uint8_t)in, now);
    update_line(r);
    arm(r, now);
    return true;
}

struct io_port rtc_port(struct rtc *r)
{
    return (struct io_port){.self = r, .in = rtc_in, .out = rtc_out};
}

/* --- Configuration ------------------------------------------------------ */

static void put16(struct rtc *r, unsigned at, uint64_t v)
{
    if (v > 0xFFFF)
        v = 0xFFFF;
    r->s.cmos[at] = (uint8_t)v;
    r->s.cmos[at + 1] = (uint8_t)(v >> 8);
}

void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g)
{
    const uint64_t mib = 1 << 20;
    uint64_t extended = below_4g > mib ? (below_4g - mib) >> 10 : 0;
    put16(r, 0x15, 640);
    put16(r, 0x17, extended);
    put16(r, 0x30, extended);
    put16(r, 0x34, below_4g > 16 * mib ? (below_4g - 16 * mib) >> 16 : 0);
    uint64_t high = above_4g >> 16;
    put16(r, 0x5B, high & 0xFFFF);
    r->s.cmos[0x5D] = (uint8_t)(high >> 16);
    unsigned sum = 0; /* of 10h..2Dh, stored with the high byte first */
    for (unsigned i = 0x10; i <= 0x2D; i++)
        sum += r->s.cmos[i];
    r->s.cmos[0x2E] = (uint8_t)(sum >> 8);
    r->s.cmos[0x2F] = (uint8_t)sum;
}

void rtc_init(struct rtc *r, const struct rtc_wiring *w)
{
    r->w = *w;
    r->s = (struct rtc_state){.base = (int64_t)w->epoch, .due = SIM_NEVER};
    r->s.cmos[REG_A] = 0x26; /* 32.768 kHz, 1024 Hz */
    r->s.cmos[REG_B] = B_24;
    r->s.cmos[REG_D] = D_VALID;
    r->s.cmos[0x14] = 0x06; /* equipment: coprocessor, mouse port */
    rtc_set_memory(r, 0, 0);
}
