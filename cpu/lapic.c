/* SPDX-License-Identifier: Apache-2.0
 * Local APIC: registers, acceptance and priority of interrupts, IPIs. The
 * timer's arithmetic is timer/lapic_timer.c's. Thermal and performance
 * entries of the local vector table are registers without a source; EOI
 * messages to an I/O APIC are not sent. SDM Vol.3 "Advanced Programmable
 * Interrupt Controller (APIC)".
 */
#include "cpu/lapic.h"

#include "cpu/reset.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"
#include "sim/base/regfile.h"
#include "timer/lapic_timer.h"
#include "timer/tsc.h"

#include <stdlib.h>

/* Rows of the register file, in order of offset. */
enum {
    REG_ID,
    REG_VERSION,
    REG_TPR,
    REG_APR,
    REG_PPR,
    REG_EOI,
    REG_RRD,
    REG_LDR,
    REG_DFR,
    REG_SVR,
    REG_ISR,
    REG_TMR = REG_ISR + 8,
    REG_IRR = REG_TMR + 8,
    REG_ESR = REG_IRR + 8,
    REG_ICR_LOW,
    REG_ICR_HIGH,
    REG_LVT_TIMER,
    REG_LVT_THERMAL,
    REG_LVT_PERF,
    REG_LVT_LINT0,
    REG_LVT_LINT1,
    REG_LVT_ERROR,
    REG_INITIAL,
    REG_CURRENT,
    REG_DIVIDE,
    REG_ROWS
};

enum {
    SVR_ENABLE = 1 << 8,
    LVT_MASKED = 1 << 16,
    LVT_STATUS = 1 << 12, /* read-only bits, not reserved ones */
    LVT_REMOTE_IRR = 1 << 14,
    ESR_SEND_ILLEGAL = 1 << 5,
    ESR_RECEIVE_ILLEGAL = 1 << 6,
    ESR_ILLEGAL_REGISTER = 1 << 7,
    ICR_BITS = 0xccfff,
};

/* Delivery modes, SDM Vol.3 "Interrupt Command Register (ICR)". */
enum {
    DELIVER_FIXED = 0,
    DELIVER_LOWEST = 1,
    DELIVER_NMI = 4,
    DELIVER_INIT = 5,
    DELIVER_STARTUP = 6,
    DELIVER_EXTINT = 7,
};

enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

struct lapic {
    struct cpu *c;
    uint64_t value[REG_ROWS];
    struct regfile file;
    struct lapic_timer timer;
    uint32_t errors; /* gathered since the last write to the ESR */
};

/* ------------------------------------------------------ vectors and masks */

static void vector_set(struct lapic *a, unsigned bank, unsigned v, bool on)
{
    uint64_t bit = BIT(v & 31);
    uint64_t *word = &a->value[bank + (v >> 5)];
    *word = on ? *word | bit : *word & ~bit;
}

/* The highest vector set in a bank of eight words, or -1. */
static int vector_highest(const struct lapic *a, unsigned bank)
{
    for (int i = 7; i >= 0; i--) {
        uint32_t word = (uint32_t)a->value[bank + (unsigned)i];
        if (word != 0)
            return i * 32 + 31 - __builtin_clz(word);
    }
    return -1;
}

static bool hardware_enabled(const struct cpu *c)
{
    return (c->msr.apic_base & APIC_BASE_ENABLE) != 0;
}

static bool x2apic(const struct cpu *c)
{
    return (c->msr.apic_base & APIC_BASE_EXTD) != 0;
}

static bool software_enabled(const struct lapic *a)
{
    return (a->value[REG_SVR] & SVR_ENABLE) != 0;
}

/* SDM Vol.3 "Task and Processor Priorities". */
static unsigned processor_priority(const struct lapic *a)
{
    unsigned tpr = (unsigned)a->value[REG_TPR];
    int isr = vector_highest(a, REG_ISR);
    unsigned serviced = isr < 0 ? 0 : (unsigned)isr & 0xf0;
    return (tpr & 0xf0) >= serviced ? tpr : serviced;
}

int lapic_pending(const struct cpu *c)
{
    const struct lapic *a = c->lapic;
    if (!hardware_enabled(c) || !software_enabled(a))
        return -1;
    int v = vector_highest(a, REG_IRR);
    if (v < 0 || ((unsigned)v & 0xf0) <= (processor_priority(a) & 0xf0))
        return -1;
    return v;
}

uint8_t lapic_acknowledge(struct cpu *c)
{
    struct lapic *a = c->lapic;
    int v = lapic_pending(c);
    SIM_ASSERT(v >= 0);
    vector_set(a, REG_IRR, (unsigned)v, false);
    vector_set(a, REG_ISR, (unsigned)v, true);
    return (uint8_t)v;
}

bool lapic_accepts_extint(const struct cpu *c)
{
    uint64_t lint0 = c->lapic->value[REG_LVT_LINT0];
    if (!hardware_enabled(c))
        return true; /* LINT0 is the INTR pin then */
    return (lint0 & LVT_MASKED) == 0 &&
           bits_get(lint0, 10, 8) == DELIVER_EXTINT;
}

/* ------------------------------------------------------------- acceptance */

static void accept_fixed(struct lapic *a, uint8_t vector, bool level);

/* Note an error; the error entry's interrupt comes once for each. */
static void note_error(struct lapic *a, uint32_t bit)
{
    uint64_t lvt = a->value[REG_LVT_ERROR];
    bool fresh = (a->errors & bit) == 0;
    a->errors |= bit;
    /* An illegal vector in the error entry itself must not come back here. */
    if (fresh && (lvt & LVT_MASKED) == 0 && (lvt & 0xff) >= 16)
        accept_fixed(a, (uint8_t)lvt, false);
}

static void accept_fixed(struct lapic *a, uint8_t vector, bool level)
{
    if (vector < 16) {
        note_error(a, ESR_RECEIVE_ILLEGAL);
        return;
    }
    vector_set(a, REG_IRR, vector, true);
    vector_set(a, REG_TMR, vector, level);
    event_notify(a->c);
}

/* An interrupt from the local vector table. */
static void fire_lvt(struct lapic *a, unsigned row)
{
    uint64_t lvt = a->value[row];
    if ((lvt & LVT_MASKED) == 0)
        accept_fixed(a, (uint8_t)lvt, false);
}

void lapic_performance_interrupt(struct cpu *c)
{
    struct lapic *a = c->lapic;
    uint64_t lvt = a->value[REG_LVT_PERF];
    if ((lvt & LVT_MASKED) != 0)
        return;
    /* Delivery sets the mask on Intel processors: SDM Vol.3 "Local Vector
     * Table". */
    if (c->config.vendor == VENDOR_INTEL)
        a->value[REG_LVT_PERF] |= LVT_MASKED;
    if (bits_get(lvt, 10, 8) == DELIVER_NMI) {
        c->nmi_pending = true;
        event_notify(c);
    } else if (bits_get(lvt, 10, 8) == DELIVER_FIXED) {
        accept_fixed(a, (uint8_t)lvt, false);
    }
}

bool cpu_apic_matches(const struct cpu *c, const struct apic_message *m)
{
    const struct lapic *a = c->lapic;
    if (!hardware_enabled(c))
        return false;
    bool wide = x2apic(c);
    uint32_t to = m->destination;
    if (to == UINT32_MAX || (!wide && to == 0xff))
        return true;
    if (!m->logical)
        return to == c->wiring.index;
    uint32_t ldr = (uint32_t)a->value[REG_LDR];
    if (wide)
        return to >> 16 == ldr >> 16 && (to & ldr & 0xffff) != 0;
    uint32_t mine = ldr >> 24;
    if (to > 0xff)
        return false;
    if (a->value[REG_DFR] >> 28 == 0xf) /* flat model */
        return (to & mine) != 0;
    return (to >> 4 == mine >> 4 || to >> 4 == 0xf) && (to & mine & 0xf) != 0;
}

unsigned cpu_apic_priority(const struct cpu *c)
{
    return processor_priority(c->lapic);
}

/* SIPIs count only while the core waits for one. */
static void accept_startup(struct cpu *c, uint8_t vector)
{
    if (c->activity != ACTIVITY_WAIT_SIPI && !c->init_pending)
        return;
    c->sipi_vector = vector;
    c->sipi_pending = true;
}

void cpu_apic_message(struct cpu *c, const struct apic_message *m)
{
    struct lapic *a = c->lapic;
    if (m->shorthand == SHORT_NONE ? !cpu_apic_matches(c, m)
                                   : !hardware_enabled(c))
        return;
    switch (m->delivery) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
        if (software_enabled(a))
            accept_fixed(a, m->vector, m->level);
        break;
    case DELIVER_NMI: c->nmi_pending = true; break;
    case DELIVER_INIT:
        c->init_pending = true;
        c->sipi_pending = false;
        break;
    case DELIVER_STARTUP: accept_startup(c, m->vector); break;
    case DELIVER_EXTINT: c->intr_line = true; break;
    default: break; /* SMI (there is no SMM) and reserved modes: dropped */
    }
    event_notify(c);
}

/* ------------------------------------------------------------------- IPIs */

/* True when the ICR's combination of fields sends something. */
static bool may_send(struct lapic *a, const struct apic_message *m)
{
    switch (m->delivery) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
        if (m->vector < 16) {
            note_error(a, ESR_SEND_ILLEGAL);
            return false;
        }
        return m->shorthand != SHORT_SELF || m->delivery == DELIVER_FIXED;
    case DELIVER_INIT:
        /* Level de-assert only sets arbitration ids, which are not kept. */
        return m->shorthand != SHORT_SELF && !(m->level && !m->assert_);
    case DELIVER_NMI:
    case DELIVER_STARTUP: return m->shorthand != SHORT_SELF;
    default: return false;
    }
}

static void send_ipi(struct lapic *a)
{
    struct cpu *c = a->c;
    uint64_t low = a->value[REG_ICR_LOW], high = a->value[REG_ICR_HIGH];
    struct apic_message m = {
        .destination = (uint32_t)(x2apic(c) ? high : high >> 24),
        .vector = (uint8_t)low,
        .delivery = (uint8_t)bits_get(low, 10, 8),
        .shorthand = (uint8_t)bits_get(low, 19, 18),
        .logical = (low & BIT(11)) != 0,
        .level = (low & BIT(15)) != 0,
        .assert_ = (low & BIT(14)) != 0,
    };
    if (!x2apic(c) && m.destination == 0xff)
        m.destination = UINT32_MAX;
    if (!may_send(a, &m))
        return;
    if (m.delivery != DELIVER_INIT)
        m.level = false; /* IPIs are edge-triggered whatever bit 15 says */
    bool here = m.shorthand == SHORT_SELF || m.shorthand == SHORT_ALL ||
                (m.shorthand == SHORT_NONE && cpu_apic_matches(c, &m));
    if (m.shorthand != SHORT_SELF && c->wiring.apic_bus.send != NULL)
        c->wiring.apic_bus.send(c->wiring.apic_bus.self, c->wiring.index, &m);
    else if (here)
        cpu_apic_message(c, &m);
}

/* --------------------------------------------------------- register hooks */

static uint64_t read_id(void *self)
{
    const struct lapic *a = self;
    uint64_t id = a->c->wiring.index;
    return x2apic(a->c) ? id : (id & 0xff) << 24;
}

static uint64_t read_ppr(void *self)
{
    return processor_priority(self);
}

/* Arbitration priority: SDM Vol.3 "Arbitration Priority Register". */
static uint64_t read_apr(void *self)
{
    const struct lapic *a = self;
    int irr = vector_highest(a, REG_IRR);
    unsigned request = irr < 0 ? 0 : (unsigned)irr & 0xf0;
    unsigned tpr = (unsigned)a->value[REG_TPR], ppr = processor_priority(a);
    unsigned serviced = ppr & 0xf0;
    if ((tpr & 0xf0) >= request && (tpr & 0xf0) > serviced)
        return tpr;
    return request > serviced ? request : serviced;
}

static uint64_t read_current(void *self)
{
    const struct lapic *a = self;
    return lapic_timer_current(&a->timer);
}

static void wrote_tpr(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    (void)now;
    event_notify(a->c);
}

void lapic_eoi(struct cpu *c)
{
    struct lapic *a = c->lapic;
    int v = vector_highest(a, REG_ISR);
    if (v >= 0) /* an EOI with nothing in service is ignored */
        vector_set(a, REG_ISR, (unsigned)v, false);
    event_notify(c);
}

static void wrote_eoi(void *self, uint64_t old, uint64_t now)
{
    const struct lapic *a = self;
    (void)old;
    (void)now;
    lapic_eoi(a->c);
}

static void wrote_svr(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    if ((now & SVR_ENABLE) == 0)
        for (unsigned i = REG_LVT_TIMER; i <= REG_LVT_ERROR; i++)
            a->value[i] |= LVT_MASKED;
    event_notify(a->c);
}

static void wrote_esr(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    (void)now;
    a->value[REG_ESR] = a->errors;
    a->errors = 0;
}

static void wrote_icr(void *self, uint64_t old, uint64_t now)
{
    (void)old;
    (void)now;
    send_ipi(self);
}

/* "Disabled" keeps every entry masked. */
static void wrote_lvt(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    (void)now;
    if (!software_enabled(a))
        for (unsigned i = REG_LVT_TIMER; i <= REG_LVT_ERROR; i++)
            a->value[i] |= LVT_MASKED;
}

static void wrote_lvt_timer(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    uint64_t modes = cpu_has(a->c, FEATURE_TSC_DEADLINE) ? 3 : 1;
    a->value[REG_LVT_TIMER] &= ~((3 & ~modes) << 17);
    lapic_timer_set_mode(&a->timer, (unsigned)(now >> 17 & modes));
    wrote_lvt(self, old, now);
}

static void wrote_initial(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    if (bits_get(a->value[REG_LVT_TIMER], 18, 17) == LAPIC_TIMER_TSC_DEADLINE)
        a->value[REG_INITIAL] = old; /* writes are ignored in this mode */
    lapic_timer_set_initial(&a->timer, (uint32_t)now);
}

static void wrote_divide(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    lapic_timer_set_divide(&a->timer, (uint32_t)now);
}

#define BANK(offset, name)                                                     \
    {offset, 4, name "0", 0, 0, 0, 0, NULL, NULL, "SDM Vol.3 APIC"},           \
        {(offset) + 0x10, 4, name "1", 0, 0, 0, 0, NULL, NULL, "same"},        \
        {(offset) + 0x20, 4, name "2", 0, 0, 0, 0, NULL, NULL, "same"},        \
        {(offset) + 0x30, 4, name "3", 0, 0, 0, 0, NULL, NULL, "same"},        \
        {(offset) + 0x40, 4, name "4", 0, 0, 0, 0, NULL, NULL, "same"},        \
        {(offset) + 0x50, 4, name "5", 0, 0, 0, 0, NULL, NULL, "same"},        \
        {(offset) + 0x60, 4, name "6", 0, 0, 0, 0, NULL, NULL, "same"},        \
    {                                                                          \
        (offset) + 0x70, 4, name "7", 0, 0, 0, 0, NULL, NULL, "same"           \
    }

/* Column order: offset, size, name, reset, rw, w1c, wo, wrote, read, source;
 * all from SDM Vol.3 "Local APIC Register Address Map" and the section of
 * the register's name. */
static const struct reg_desc lapic_rows[REG_ROWS] = {
    {0x020, 4, "ID", 0, 0, 0, 0, NULL, read_id, "Local APIC ID"},
    {0x030, 4, "VERSION", 0x00050014, 0, 0, 0, NULL, NULL,
     "Local APIC Version Register"},
    {0x080, 4, "TPR", 0, 0xff, 0, 0, wrote_tpr, NULL, "Task Priority"},
    {0x090, 4, "APR", 0, 0, 0, 0, NULL, read_apr, "Arbitration Priority"},
    {0x0a0, 4, "PPR", 0, 0, 0, 0, NULL, read_ppr, "Processor Priority"},
    {0x0b0, 4, "EOI", 0, 0, 0, UINT32_MAX, wrote_eoi, NULL, "EOI"},
    {0x0c0, 4, "RRD", 0, 0, 0, 0, NULL, NULL, "Remote Read Register"},
    {0x0d0, 4, "LDR", 0, 0xff000000, 0, 0, NULL, NULL, "Logical Destination"},
    {0x0e0, 4, "DFR", 0xffffffff, 0xf0000000, 0, 0, NULL, NULL,
     "Destination Format"},
    {0x0f0, 4, "SVR", 0xff, 0x3ff, 0, 0, wrote_svr, NULL, "Spurious Interrupt"},
    BANK(0x100, "ISR"),
    BANK(0x180, "TMR"),
    BANK(0x200, "IRR"),
    {0x280, 4, "ESR", 0, 0, 0, 0, wrote_esr, NULL, "Error Handling"},
    {0x300, 4, "ICR_LOW", 0, ICR_BITS, 0, 0, wrote_icr, NULL,
     "Interrupt Command Register (ICR)"},
    {0x310, 4, "ICR_HIGH", 0, 0xff000000, 0, 0, NULL, NULL,
     "Interrupt Command Register (ICR)"},
    {0x320, 4, "LVT_TIMER", LVT_MASKED, 0x700ff, 0, 0, wrote_lvt_timer, NULL,
     "Local Vector Table"},
    {0x330, 4, "LVT_THERMAL", LVT_MASKED, 0x107ff, 0, 0, wrote_lvt, NULL,
     "Local Vector Table"},
    {0x340, 4, "LVT_PERF", LVT_MASKED, 0x107ff, 0, 0, wrote_lvt, NULL,
     "Local Vector Table"},
    {0x350, 4, "LVT_LINT0", LVT_MASKED, 0x1a7ff, 0, 0, wrote_lvt, NULL,
     "Local Vector Table"},
    {0x360, 4, "LVT_LINT1", LVT_MASKED, 0x1a7ff, 0, 0, wrote_lvt, NULL,
     "Local Vector Table"},
    {0x370, 4, "LVT_ERROR", LVT_MASKED, 0x100ff, 0, 0, wrote_lvt, NULL,
     "Local Vector Table"},
    {0x380, 4, "INITIAL_COUNT", 0, UINT32_MAX, 0, 0, wrote_initial, NULL,
     "APIC Timer"},
    {0x390, 4, "CURRENT_COUNT", 0, 0, 0, 0, NULL, read_current, "APIC Timer"},
    {0x3e0, 4, "DIVIDE", 0, 0xb, 0, 0, wrote_divide, NULL, "APIC Timer"},
};

/* -------------------------------------------------------- memory accesses */

static bool mmio_read(void *self, uint64_t offset, unsigned len, uint64_t *out)
{
    struct cpu *c = self;
    if (!hardware_enabled(c) || x2apic(c))
        return false;
    if (regfile_read(&c->lapic->file, offset, len, out))
        return true;
    note_error(c->lapic, ESR_ILLEGAL_REGISTER);
    *out = 0;
    return true;
}

static bool mmio_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    struct cpu *c = self;
    if (!hardware_enabled(c) || x2apic(c))
        return false;
    if (!regfile_write(&c->lapic->file, offset, len, in))
        note_error(c->lapic, ESR_ILLEGAL_REGISTER);
    return true;
}

struct mmio_port cpu_apic_port(struct cpu *c)
{
    return (struct mmio_port){c, mmio_read, mmio_write};
}

/* ------------------------------------------------------------ x2APIC MSRs */

enum {
    X2_LDR = 0x80d,
    X2_EOI = 0x80b,
    X2_ESR = 0x828,
    X2_ICR = 0x830,
    X2_SELF_IPI = 0x83f,
};

/* Row of an x2APIC register, or -1: DFR, APR, RRD and ICR_HIGH are gone. */
static int x2apic_row(const struct lapic *a, uint32_t msr)
{
    if (msr < 0x800 || msr > 0x83f)
        return -1;
    int row = regfile_find(&a->file, (uint64_t)(msr - 0x800) << 4, 4);
    if (row == REG_DFR || row == REG_APR || row == REG_RRD ||
        row == REG_ICR_HIGH)
        return -1;
    return row;
}

bool lapic_msr_read(struct cpu *c, uint32_t msr, uint64_t *out)
{
    struct lapic *a = c->lapic;
    int row = x2apic_row(a, msr);
    if (!x2apic(c) || row < 0 || row == REG_EOI)
        return false;
    if (msr == X2_ICR) {
        *out = a->value[REG_ICR_LOW] | a->value[REG_ICR_HIGH] << 32;
        return true;
    }
    return regfile_read(&a->file, (uint64_t)(msr - 0x800) << 4, 4, out);
}

/* Bits that may be written as 1: the others are reserved. */
static uint64_t x2apic_writable(const struct lapic *a, unsigned row)
{
    uint64_t bits = lapic_rows[row].rw;
    if (row >= REG_LVT_TIMER && row <= REG_LVT_ERROR)
        bits |= LVT_STATUS;
    if (row == REG_LVT_LINT0 || row == REG_LVT_LINT1)
        bits |= LVT_REMOTE_IRR;
    if (row == REG_LVT_TIMER && !cpu_has(a->c, FEATURE_TSC_DEADLINE))
        bits &= ~BIT(18);
    return bits;
}

bool lapic_msr_write(struct cpu *c, uint32_t msr, uint64_t in)
{
    struct lapic *a = c->lapic;
    if (!x2apic(c))
        return false;
    if (msr == X2_SELF_IPI) {
        if (in > 0xff)
            return false;
        if (in < 16)
            note_error(a, ESR_SEND_ILLEGAL);
        else if (software_enabled(a))
            accept_fixed(a, (uint8_t)in, false);
        return true;
    }
    if (msr == X2_ICR) {
        if ((uint32_t)in & ~(uint32_t)ICR_BITS)
            return false;
        a->value[REG_ICR_LOW] = (uint32_t)in;
        a->value[REG_ICR_HIGH] = in >> 32;
        send_ipi(a);
        return true;
    }
    int row = x2apic_row(a, msr);
    if (row < 0 || msr == X2_LDR)
        return false;
    bool zero_only = msr == X2_EOI || msr == X2_ESR;
    if (zero_only ? in != 0
                  : (lapic_rows[row].rw == 0 ||
                     (in & ~x2apic_writable(a, (unsigned)row)) != 0))
        return false;
    return regfile_write(&a->file, (uint64_t)(msr - 0x800) << 4, 4, in);
}

/* ------------------------------------------------------------------ state */

/* Time for cores that are wired to no clock: their own. */
static sim_time own_now(void *self)
{
    const struct cpu *c = self;
    return time_of_cycles(c->account.cycles, c->config.core_hz);
}

static void own_arm(void *self, sim_time at)
{
    (void)self;
    (void)at;
}

enum sim_status lapic_create(struct cpu *c, struct sim_error *e)
{
    struct lapic *a = calloc(1, sizeof *a);
    if (a == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory for a local APIC");
    a->c = c;
    a->file = (struct regfile){lapic_rows, REG_ROWS, a->value, a};
    struct clock_port clock = c->wiring.apic_clock;
    if (clock.now == NULL)
        clock = (struct clock_port){c, own_now, own_arm};
    lapic_timer_init(&a->timer, clock, c->config.apic_hz, c->config.core_hz,
                     c->config.tsc_hz);
    regfile_reset(&a->file);
    c->lapic = a;
    return SIM_OK;
}

void lapic_destroy(struct lapic *a)
{
    free(a);
}

void lapic_reset(struct cpu *c)
{
    struct lapic *a = c->lapic;
    regfile_reset(&a->file);
    a->errors = 0;
    lapic_timer_reset(&a->timer);
}

void lapic_init(struct cpu *c)
{
    lapic_reset(c); /* the id is the wiring's and stays */
    if (x2apic(c))
        lapic_base_changed(c, c->msr.apic_base & ~APIC_BASE_EXTD);
}

void lapic_virtual_wire(struct cpu *c)
{
    struct lapic *a = c->lapic;
    a->value[REG_SVR] |= SVR_ENABLE;
    a->value[REG_LVT_LINT0] = (uint64_t)DELIVER_EXTINT << 8;
    a->value[REG_LVT_LINT1] = (uint64_t)DELIVER_NMI << 8;
}

uint64_t lapic_cr8(const struct cpu *c)
{
    return bits_get(c->lapic->value[REG_TPR], 7, 4);
}

void lapic_set_cr8(struct cpu *c, uint64_t cr8)
{
    c->cr8 = cr8 & 0xf;
    c->lapic->value[REG_TPR] = (cr8 & 0xf) << 4;
    event_notify(c);
}

void lapic_base_changed(struct cpu *c, uint64_t old)
{
    struct lapic *a = c->lapic;
    uint64_t now = c->msr.apic_base;
    if ((now & APIC_BASE_ENABLE) == 0 || (old & APIC_BASE_ENABLE) == 0) {
        lapic_reset(c); /* disabling loses the state */
    } else if ((now & ~old & APIC_BASE_EXTD) != 0) {
        uint64_t id = c->wiring.index;
        a->value[REG_LDR] = (id >> 4) << 16 | BIT(id & 0xf);
        a->value[REG_ICR_HIGH] = 0;
    }
    event_notify(c);
}

uint64_t lapic_deadline(const struct cpu *c)
{
    return lapic_timer_deadline(&c->lapic->timer);
}

void lapic_set_deadline(struct cpu *c, uint64_t deadline)
{
    lapic_timer_set_deadline(&c->lapic->timer, deadline, c->msr.tsc_offset);
}

void lapic_tsc_moved(struct cpu *c)
{
    lapic_timer_tsc_moved(&c->lapic->timer, c->msr.tsc_offset);
}

void cpu_on_apic_time(struct cpu *c, sim_time now)
{
    if (lapic_timer_expire(&c->lapic->timer, now))
        fire_lvt(c->lapic, REG_LVT_TIMER);
}
