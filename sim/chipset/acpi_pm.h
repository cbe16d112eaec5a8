/* SPDX-License-Identifier: Apache-2.0
 * ACPI's fixed hardware as PC chipsets have it in one block of ports: PM1
 * status and enable, PM1 control, and the 24-bit power management timer.
 * No buttons, no wake alarm, no legacy mode (SCI_EN is always set). Of the
 * sleeping states only S5 exists; which value of SLP_TYP means what is for
 * the owner to say.
 * Source: ACPI Specification, "Fixed Hardware Registers".
 */
#ifndef VTSIM_SIM_CHIPSET_ACPI_PM_H
#define VTSIM_SIM_CHIPSET_ACPI_PM_H

#include "sim/base/port.h"
#include "sim/base/regfile.h"

#define ACPI_PM_HZ UINT64_C(3579545)

/* Offsets from the first port; the block has ACPI_PM_PORTS of them. */
enum {
    ACPI_PM1_STATUS = 0,
    ACPI_PM1_ENABLE = 2,
    ACPI_PM1_CONTROL = 4,
    ACPI_PM_TIMER = 8,
    ACPI_PM_PORTS = 12,
};

struct acpi_pm_wiring {
    uint16_t base;
    struct clock_port clock; /* calls acpi_pm_on_time */
    struct irq_port irq;     /* the SCI */
    unsigned line;
    void *self;
    void (*sleep)(void *self, unsigned type); /* SLP_EN with this SLP_TYP */
};

struct acpi_pm {
    struct acpi_pm_wiring w;
    struct regfile regs;
    uint64_t value[4];
    uint64_t toggles; /* of the timer's highest bit that the status knows */
};

/* Connect and reset. The device must not move afterwards. */
void acpi_pm_init(struct acpi_pm *p, const struct acpi_pm_wiring *w);

/* The whole block: bytes and words of PM1, up to a double word of the
 * timer. */
struct io_port acpi_pm_port(struct acpi_pm *p);

/* The clock's callback: an on_time_fn. */
void acpi_pm_on_time(void *self, sim_time now);

#endif
