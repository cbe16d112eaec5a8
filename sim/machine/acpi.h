/* SPDX-License-Identifier: Apache-2.0
 * ACPI tables, which firmware would leave in memory. Private to sim/machine.
 */
#ifndef VTSIM_SIM_MACHINE_ACPI_H
#define VTSIM_SIM_MACHINE_ACPI_H

#include "sim/machine/config.h"
#include "sim/machine/plan.h"

/* What the tables say about the board. */
enum {
    ACPI_PM_BASE = 0x600,
    ACPI_SCI = 9,
    ACPI_S5 = 0, /* SLP_TYP */
    ACPI_RSDP_SIZE = 36,
};

/* ACPI's root pointer. */
struct acpi_root {
    uint64_t at;
    const uint8_t *bytes; /* ACPI_RSDP_SIZE of them; live as long as the plan */
};

/*
 * Place RSDP, RSDT, XSDT, FADT, FACS, MADT and DSDT where a search of
 * E0000h-FFFFFh finds them; `*root` is the first. The plan is sealed. No room:
 * SIM_BAD_INPUT.
 */
SIM_MUST_CHECK enum sim_status acpi_plan(const struct machine_config *c,
                                         struct plan *p, struct acpi_root *root,
                                         struct sim_error *e);

#endif
