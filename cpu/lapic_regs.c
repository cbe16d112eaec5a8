/* SPDX-License-Identifier: Apache-2.0
 * Registers of the local APIC as a table, and what reading and writing them
 * does. SDM Vol.3 "Local APIC Register Address Map".
 */
#include "cpu/lapic_inside.h"
#include "cpu/xlat.h"

static uint64_t read_id(void *self)
{
    const struct lapic *a = self;
    return apic_is_x2apic(a->c) ? a->c->wiring.index : a->value[REG_ID];
}

static uint64_t read_ppr(void *self)
{
    return apic_processor_priority(self);
}

/* Arbitration priority: SDM Vol.3 "Arbitration Priority Register". */
static uint64_t read_apr(void *self)
{
    const struct lapic *a = self;
    int irr = apic_vector_highest(a, REG_IRR);
    unsigned request = irr < 0 ? 0 : (unsigned)irr & 0xf0;
    unsigned tpr = (unsigned)a->value[REG_TPR],
             ppr = apic_processor_priority(a);
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

static void wrote_eoi(void *self, uint64_t old, uint64_t now)
{
    const struct lapic *a = self;
    (void)old;
    (void)now;
    lapic_eoi(a->c);
}

/* "Disabled" keeps every entry masked. */
static void mask_if_disabled(struct lapic *a)
{
    if (!apic_software_enabled(a))
        for (unsigned i = REG_LVT_TIMER; i <= REG_LVT_ERROR; i++)
            a->value[i] |= LVT_MASKED;
}

static void wrote_svr(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    (void)now;
    if ((a->value[REG_VERSION] & VERSION_NO_EOI_BROADCAST) == 0)
        a->value[REG_SVR] &= ~(uint64_t)SVR_NO_EOI_BROADCAST;
    mask_if_disabled(a);
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
    apic_send_ipi(self);
}

static void wrote_lvt(void *self, uint64_t old, uint64_t now)
{
    (void)old;
    (void)now;
    mask_if_disabled(self);
}

static void wrote_lint0(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    (void)old;
    if ((now & LVT_LEVEL) == 0)
        a->value[REG_LVT_LINT0] &= ~(uint64_t)LVT_REMOTE_IRR;
    mask_if_disabled(a);
    apic_lint0_evaluate(a);
    event_notify(a->c); /* ExtINT may have become deliverable */
}

static void wrote_lvt_timer(void *self, uint64_t old, uint64_t now)
{
    struct lapic *a = self;
    uint64_t modes = cpu_has(a->c, FEATURE_TSC_DEADLINE) ? 3 : 1;
    (void)old;
    a->value[REG_LVT_TIMER] &= ~((3 & ~modes) << 17);
    lapic_timer_set_mode(&a->timer, (unsigned)(now >> 17 & modes));
    mask_if_disabled(a);
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
const struct reg_desc lapic_rows[REG_ROWS] = {
    {0x020, 4, "ID", 0, 0xff000000, 0, 0, NULL, read_id, "Local APIC ID"},
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
    {0x0f0, 4, "SVR", 0xff, 0x13ff, 0, 0, wrote_svr, NULL,
     "Spurious Interrupt"},
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
    {0x350, 4, "LVT_LINT0", LVT_MASKED, 0x1a7ff, 0, 0, wrote_lint0, NULL,
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
