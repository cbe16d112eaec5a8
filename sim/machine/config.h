/* SPDX-License-Identifier: Apache-2.0
 * The whole configuration of a machine as one plain struct. Every field that
 * a user may set is a row of param_table.c; the rest is derived by
 * config_finish.
 */
#ifndef VTSIM_SIM_MACHINE_CONFIG_H
#define VTSIM_SIM_MACHINE_CONFIG_H

#include "cpu/config.h"
#include "mmu/config.h"
#include "sim/base/param.h"

enum pk_page { PK_PAGE_4K, PK_PAGE_2M, PK_PAGE_1G };

enum { MACHINE_CORES_MAX = 64 };

struct machine_config {
    struct cpu_config core;
    struct mmu_config mmu;
    struct memsys_config memory;
    /* Cache sizes in bytes; config_finish turns them into KiB. */
    uint64_t l1i_bytes, l1d_bytes, l2_bytes, l3_bytes;
    uint32_t cores;            /* 1..MACHINE_CORES_MAX */
    uint32_t quantum;          /* cycles that cores may drift apart */
    uint64_t seed;             /* of every random choice in the machine */
    uint64_t max_instructions; /* over all cores; 0: none */
    uint64_t max_cycles;       /* of any core; 0: none */
    uint64_t epoch;            /* time of day at power-on, s since 1970 */
    bool acpi;                 /* tables, PM timer, PM1 registers */
    bool fw_cfg;               /* QEMU's configuration device */
    uint8_t pk_page;           /* enum pk_page: pages of Linux programs */
};

/* All parameters, sorted as documentation lists them. */
const struct param_table *config_params(void);

/* The machine before a preset is applied. */
void config_defaults(struct machine_config *c);

/*
 * Derive what follows from the parameters and check what no single range can
 * say. Fails with `status` (SIM_USAGE or SIM_BAD_INPUT) and a line that
 * names the parameter, its value and the limit.
 */
SIM_MUST_CHECK enum sim_status config_finish(struct machine_config *c,
                                             enum sim_status status,
                                             struct sim_error *e);

/*
 * Set one parameter by name. `where` opens the error line. An unknown name
 * fails with SIM_USAGE and the nearest name there is.
 */
SIM_MUST_CHECK enum sim_status config_set(struct machine_config *c,
                                          const char *name, const char *value,
                                          const char *where,
                                          struct sim_error *e);

/* `text` is "name=value", as --set takes it. */
SIM_MUST_CHECK enum sim_status config_set_option(struct machine_config *c,
                                                 const char *text,
                                                 struct sim_error *e);

#endif
