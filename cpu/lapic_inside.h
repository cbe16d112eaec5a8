/* SPDX-License-Identifier: Apache-2.0
 * The local APIC from inside: what its files share. SDM Vol.3 "Advanced
 * Programmable Interrupt Controller (APIC)".
 */
#ifndef VTSIM_CPU_LAPIC_INSIDE_H
#define VTSIM_CPU_LAPIC_INSIDE_H

#include "cpu/lapic.h"
#include "sim/base/bits.h"
#include "sim/base/regfile.h"
#include "timer/lapic_timer.h"

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
    SVR_NO_EOI_BROADCAST = 1 << 12,
    VERSION_NO_EOI_BROADCAST = 1 << 24, /* the bit above exists */
    LVT_STATUS = 1 << 12,               /* read-only, not reserved */
    LVT_ACTIVE_LOW = 1 << 13,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_LEVEL = 1 << 15,
    LVT_MASKED = 1 << 16,
    ESR_SEND_ILLEGAL = 1 << 5,
    ESR_RECEIVE_ILLEGAL = 1 << 6,
    ESR_ILLEGAL_REGISTER = 1 << 7,
    ICR_BITS = 0xccfff,
};

/* Delivery modes, SDM Vol.3 "Interrupt Command Register (ICR)". */
enum {
    DELIVER_FIXED = 0,
    DELIVER_LOWEST = 1,
    DELIVER_SMI = 2,
    DELIVER_NMI = 4,
    DELIVER_INIT = 5,
    DELIVER_STARTUP = 6,
    DELIVER_EXTINT = 7,
};

enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

/* A page that the APIC was moved to; stays claimed when it moves on. */
struct lapic_page {
    struct cpu *c;
    uint64_t base;
};
enum { LAPIC_PAGES = 4 };

struct lapic {
    struct cpu *c;
    uint64_t value[REG_ROWS];
    struct regfile file;
    struct lapic_timer timer;
    uint32_t errors; /* gathered since the last write to the ESR */
    bool lint0;      /* level of the pin */
    struct lapic_page page[LAPIC_PAGES];
    unsigned pages;
};

extern const struct reg_desc lapic_rows[REG_ROWS];

static inline bool apic_enabled(const struct cpu *c)
{
    return (c->msr.apic_base & APIC_BASE_ENABLE) != 0;
}

static inline bool apic_is_x2apic(const struct cpu *c)
{
    return (c->msr.apic_base & APIC_BASE_EXTD) != 0;
}

static inline bool apic_software_enabled(const struct lapic *a)
{
    return (a->value[REG_SVR] & SVR_ENABLE) != 0;
}

/* The id that physical destinations name. */
static inline uint32_t apic_id(const struct lapic *a)
{
    return apic_is_x2apic(a->c) ? a->c->wiring.index
                                : (uint32_t)a->value[REG_ID] >> 24;
}

/* --- lapic.c --- */
int apic_vector_highest(const struct lapic *a, unsigned bank);
unsigned apic_processor_priority(const struct lapic *a);
void apic_note_error(struct lapic *a, uint32_t bit);
void apic_accept_fixed(struct lapic *a, uint8_t vector, bool level);
/* Reset values: the id is the initial one. */
void apic_registers_reset(struct lapic *a);

/* --- lapic_lvt.c --- */
void apic_fire(struct lapic *a, unsigned row);
/* LINT0's entry or pin changed: a level-triggered request may be due. */
void apic_lint0_evaluate(struct lapic *a);
/* An interrupt accepted as level-triggered was ended. */
void apic_lint0_ended(struct lapic *a, uint8_t vector);

/* --- lapic_ipi.c --- */
void apic_send_ipi(struct lapic *a); /* what ICR_LOW and ICR_HIGH say */
/* Tell I/O APICs of the end of a level-triggered interrupt. */
void apic_broadcast_eoi(struct lapic *a, uint8_t vector);

#endif
