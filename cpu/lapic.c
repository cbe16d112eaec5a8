/* SPDX-License-Identifier: Apache-2.0
 * Local APIC: its state, and the acceptance and priority of interrupts.
 * Registers are lapic_regs.c's and lapic_x2apic.c's, the local vector table
 * lapic_lvt.c's, interprocessor interrupts lapic_ipi.c's, enabling and the
 * place in memory lapic_base.c's, the timer's arithmetic
 * timer/lapic_timer.c's. SDM Vol.3 "Advanced Programmable Interrupt
 * Controller (APIC)".
 */
#include "cpu/lapic_inside.h"
#include "cpu/reset.h"
#include "timer/tsc.h"

#include <stdlib.h>

/* ------------------------------------------------------------ vector banks */

static void vector_set(struct lapic *a, unsigned bank, unsigned v, bool on)
{
    uint64_t bit = BIT(v & 31);
    uint64_t *word = &a->value[bank + (v >> 5)];
    *word = on ? *word | bit : *word & ~bit;
}

/* The highest vector set in a bank of eight words, or -1. */
int apic_vector_highest(const struct lapic *a, unsigned bank)
{
    for (int i = 7; i >= 0; i--) {
        uint32_t word = (uint32_t)a->value[bank + (unsigned)i];
        if (word != 0)
            return i * 32 + 31 - __builtin_clz(word);
    }
    return -1;
}

/* ---------------------------------------------------------------- priority */

/* SDM Vol.3 "Task and Processor Priorities". */
unsigned apic_processor_priority(const struct lapic *a)
{
    unsigned tpr = (unsigned)a->value[REG_TPR];
    int isr = apic_vector_highest(a, REG_ISR);
    unsigned serviced = isr < 0 ? 0 : (unsigned)isr & 0xf0;
    return (tpr & 0xf0) >= serviced ? tpr : serviced;
}

unsigned cpu_apic_priority(const struct cpu *c)
{
    return apic_processor_priority(c->lapic);
}

/* Software disable keeps what was accepted before: SDM Vol.3 "Local APIC
 * State After It Has Been Software Disabled". */
int lapic_pending(const struct cpu *c)
{
    const struct lapic *a = c->lapic;
    if (!apic_enabled(c))
        return -1;
    int v = apic_vector_highest(a, REG_IRR);
    if (v < 0 || ((unsigned)v & 0xf0) <= (apic_processor_priority(a) & 0xf0))
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

/* SDM Vol.3 "Signaling Interrupt Servicing Completion". */
void lapic_eoi(struct cpu *c)
{
    struct lapic *a = c->lapic;
    int v = apic_vector_highest(a, REG_ISR);
    if (v < 0)
        return; /* an EOI with nothing in service is ignored */
    vector_set(a, REG_ISR, (unsigned)v, false);
    if ((a->value[REG_TMR + ((unsigned)v >> 5)] >> (v & 31) & 1) != 0) {
        apic_broadcast_eoi(a, (uint8_t)v);
        apic_lint0_ended(a, (uint8_t)v);
    }
    event_notify(c);
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

/* -------------------------------------------------------------- acceptance */

/* Note an error; the error entry's interrupt comes once for each kind until
 * a write to the ESR. SDM Vol.3 "Error Handling". */
void apic_note_error(struct lapic *a, uint32_t bit)
{
    uint64_t lvt = a->value[REG_LVT_ERROR];
    bool fresh = (a->errors & bit) == 0;
    a->errors |= bit;
    /* An illegal vector in the error entry itself must not come back here. */
    if (fresh && (lvt & LVT_MASKED) == 0 && (lvt & 0xff) >= 16)
        apic_accept_fixed(a, (uint8_t)lvt, false);
}

void apic_accept_fixed(struct lapic *a, uint8_t vector, bool level)
{
    if (vector < 16) {
        apic_note_error(a, ESR_RECEIVE_ILLEGAL);
        return;
    }
    vector_set(a, REG_IRR, vector, true);
    vector_set(a, REG_TMR, vector, level);
    event_notify(a->c);
}

/* ------------------------------------------------------------------- state */

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

void apic_registers_reset(struct lapic *a)
{
    regfile_reset(&a->file);
    a->value[REG_ID] = (uint64_t)(a->c->wiring.index & 0xff) << 24;
    if (a->c->config.vendor == VENDOR_INTEL)
        a->value[REG_VERSION] |= VERSION_NO_EOI_BROADCAST;
    a->errors = 0;
    lapic_timer_reset(&a->timer);
}

void lapic_reset(struct cpu *c)
{
    apic_registers_reset(c->lapic);
    c->lapic->lint0 = false;
}

void lapic_virtual_wire(struct cpu *c)
{
    struct lapic *a = c->lapic;
    a->value[REG_SVR] |= SVR_ENABLE;
    a->value[REG_LVT_LINT0] = (uint64_t)DELIVER_EXTINT << 8;
    a->value[REG_LVT_LINT1] = (uint64_t)DELIVER_NMI << 8;
}

/* ------------------------------------------------------------ TSC deadline */

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
        apic_fire(c->lapic, REG_LVT_TIMER);
}
