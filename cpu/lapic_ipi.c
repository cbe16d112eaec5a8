/* SPDX-License-Identifier: Apache-2.0
 * Messages between local APICs: what the interrupt command register sends,
 * whom a destination names, and what an APIC does with a message. SDM Vol.3
 * "Issuing Interprocessor Interrupts".
 */
#include "cpu/lapic_inside.h"

/* --------------------------------------------------------------- receiving */

/* SDM Vol.3 "Determining IPI Destination", "Logical Destination Mode in
 * x2APIC Mode". */
bool cpu_apic_matches(const struct cpu *c, const struct apic_message *m)
{
    const struct lapic *a = c->lapic;
    if (!apic_enabled(c))
        return false;
    bool wide = apic_is_x2apic(c);
    uint32_t to = m->destination;
    if (to == UINT32_MAX || (!wide && to == 0xff))
        return true;
    if (!m->logical)
        return to == apic_id(a);
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
    if (m->shorthand == SHORT_NONE ? !cpu_apic_matches(c, m) : !apic_enabled(c))
        return;
    switch (m->delivery) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
        if (apic_software_enabled(a))
            apic_accept_fixed(a, m->vector, m->level);
        break;
    case DELIVER_NMI: c->nmi_pending = true; break;
    case DELIVER_INIT:
        c->init_pending = true;
        c->sipi_pending = false;
        break;
    case DELIVER_STARTUP: accept_startup(c, m->vector); break;
    case DELIVER_EXTINT: c->intr_line = true; break;
    default:
        break; /* SMI (there is no SMM), reserved modes, ends of level-
                  triggered interrupts: not for a local APIC */
    }
    event_notify(c);
}

/* ----------------------------------------------------------------- sending */

/* True when the ICR's combination of fields sends something: SDM Vol.3,
 * table "Valid Combinations for the Pentium 4 and Intel Xeon Processors'
 * Local xAPIC Interrupt Command Register". */
static bool may_send(struct lapic *a, const struct apic_message *m)
{
    bool to_self = m->shorthand == SHORT_SELF || m->shorthand == SHORT_ALL;
    switch (m->delivery) {
    case DELIVER_FIXED:
    case DELIVER_LOWEST:
        if (m->vector < 16) {
            apic_note_error(a, ESR_SEND_ILLEGAL);
            return false;
        }
        return !to_self || m->delivery == DELIVER_FIXED;
    case DELIVER_INIT:
        /* Level de-assert only sets arbitration ids, which are not kept. */
        return !to_self && !(m->level && !m->assert_);
    case DELIVER_NMI:
    case DELIVER_STARTUP: return !to_self;
    default: return false; /* remote read and other reserved modes; SMI */
    }
}

void apic_send_ipi(struct lapic *a)
{
    struct cpu *c = a->c;
    uint64_t low = a->value[REG_ICR_LOW], high = a->value[REG_ICR_HIGH];
    bool wide = apic_is_x2apic(c);
    struct apic_message m = {
        .destination = (uint32_t)(wide ? high : high >> 24),
        .vector = (uint8_t)low,
        .delivery = (uint8_t)bits_get(low, 10, 8),
        .shorthand = (uint8_t)bits_get(low, 19, 18),
        .logical = (low & BIT(11)) != 0,
        .level = (low & BIT(15)) != 0,
        .assert_ = (low & BIT(14)) != 0,
    };
    if (!wide && m.destination == 0xff)
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

void apic_broadcast_eoi(struct lapic *a, uint8_t vector)
{
    const struct apic_bus_port *bus = &a->c->wiring.apic_bus;
    const struct apic_message m = {
        .destination = UINT32_MAX,
        .vector = vector,
        .delivery = APIC_MESSAGE_EOI,
        .shorthand = SHORT_OTHERS,
        .level = true,
    };
    if ((a->value[REG_SVR] & SVR_NO_EOI_BROADCAST) == 0 && bus->send != NULL)
        bus->send(bus->self, a->c->wiring.index, &m);
}
