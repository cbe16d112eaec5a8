/* SPDX-License-Identifier: Apache-2.0
 * Local sources of interrupts: what the entries of the local vector table
 * make of the timer, of performance counters, and of pin LINT0, where the
 * 8259's INTR line ends. Nothing on the board drives LINT1, and there is no
 * thermal sensor: those two entries are registers without a source. CMCI is
 * absent as IA32_MCG_CAP says. SDM Vol.3 "Local Vector Table".
 */
#include "cpu/lapic_inside.h"

static unsigned delivery_of(uint64_t lvt)
{
    return (unsigned)bits_get(lvt, 10, 8);
}

/* An unmasked entry's interrupt. SMI has no effect: there is no SMM. */
static void deliver(struct lapic *a, uint64_t lvt, bool level)
{
    struct cpu *c = a->c;
    switch (delivery_of(lvt)) {
    case DELIVER_FIXED: apic_accept_fixed(a, (uint8_t)lvt, level); return;
    case DELIVER_NMI: c->nmi_pending = true; break;
    case DELIVER_INIT:
        c->init_pending = true;
        c->sipi_pending = false;
        break;
    default: return;
    }
    event_notify(c);
}

void apic_fire(struct lapic *a, unsigned row)
{
    uint64_t lvt = a->value[row];
    if ((lvt & LVT_MASKED) == 0)
        deliver(a, lvt, false);
}

void lapic_performance_interrupt(struct cpu *c)
{
    struct lapic *a = c->lapic;
    uint64_t lvt = a->value[REG_LVT_PERF];
    if ((lvt & LVT_MASKED) != 0)
        return;
    /* Delivery sets the mask on Intel processors. */
    if (c->config.vendor == VENDOR_INTEL)
        a->value[REG_LVT_PERF] |= LVT_MASKED;
    deliver(a, lvt, false);
}

/* ------------------------------------------------------------------- LINT0 */

bool lapic_accepts_extint(const struct cpu *c)
{
    uint64_t lint0 = c->lapic->value[REG_LVT_LINT0];
    if (!apic_enabled(c))
        return true; /* LINT0 is the INTR pin then */
    return (lint0 & LVT_MASKED) == 0 && delivery_of(lint0) == DELIVER_EXTINT;
}

static bool is_asserted(const struct lapic *a)
{
    bool low = (a->value[REG_LVT_LINT0] & LVT_ACTIVE_LOW) != 0;
    return a->lint0 != low;
}

/* Level-triggered requests are of fixed interrupts alone, and one at a time:
 * remote IRR is set from acceptance to EOI. */
void apic_lint0_evaluate(struct lapic *a)
{
    uint64_t lvt = a->value[REG_LVT_LINT0];
    bool wants = (lvt & (LVT_LEVEL | LVT_MASKED | LVT_REMOTE_IRR)) == LVT_LEVEL;
    if (!apic_enabled(a->c) || !wants || delivery_of(lvt) != DELIVER_FIXED ||
        !is_asserted(a))
        return;
    a->value[REG_LVT_LINT0] |= LVT_REMOTE_IRR;
    deliver(a, lvt, true);
}

void apic_lint0_ended(struct lapic *a, uint8_t vector)
{
    uint64_t lvt = a->value[REG_LVT_LINT0];
    if ((lvt & LVT_REMOTE_IRR) == 0 || (uint8_t)lvt != vector)
        return;
    a->value[REG_LVT_LINT0] &= ~(uint64_t)LVT_REMOTE_IRR;
    apic_lint0_evaluate(a);
}

void lapic_lint0(struct cpu *c, bool level)
{
    struct lapic *a = c->lapic;
    bool before = is_asserted(a);
    a->lint0 = level;
    uint64_t lvt = a->value[REG_LVT_LINT0];
    bool by_level = (lvt & LVT_LEVEL) != 0 && delivery_of(lvt) == DELIVER_FIXED;
    if (by_level)
        apic_lint0_evaluate(a);
    else if (apic_enabled(c) && !before && is_asserted(a))
        apic_fire(a, REG_LVT_LINT0); /* ExtINT: cpu_set_intr's line says it */
}
