/* SPDX-License-Identifier: Apache-2.0
 * struct machine. Private to sim/machine.
 */
#ifndef VTSIM_SIM_MACHINE_INSIDE_H
#define VTSIM_SIM_MACHINE_INSIDE_H

#include "sim/kernel/kernel.h"
#include "sim/machine/board.h"
#include "sim/machine/machine.h"
#include "sim/machine/roi.h"

/* A device's (or local APIC's) alarm: one process of the kernel. */
struct alarm {
    struct machine *m;
    unsigned process;
    sim_time due;
    on_time_fn *on_time;
    void *owner;
};

enum { ALARMS_MAX = MACHINE_CORES_MAX + 8 };

struct symbols;

struct core_slot {
    struct machine *m;
    struct cpu *cpu;
    unsigned index, process;
    bool halted; /* the process sleeps until wake_core */
    struct alarm *apic_alarm;
    /* Shown in the VCD file. */
    uint64_t vcd_running, vcd_instructions;
};

struct machine {
    struct machine_config config;
    struct machine_io io;
    struct sim_kernel *kernel;
    struct memsys *memory;
    struct core_slot core[MACHINE_CORES_MAX];
    unsigned cores;
    struct core_slot *running; /* whose cpu_run is under way, or NULL */
    struct alarm alarm[ALARMS_MAX];
    unsigned alarms;
    const struct symbols *names; /* for findings; or NULL */
    sim_time slice_end;
    struct board board;
    struct stat_registry stats;
    struct roi roi;
    struct machine_outcome outcome;
    struct machine_debugger debugger;
    /* Of machine_run, while it is under way. */
    bool (*tick)(void *self);
    void *tick_self;
};

/* --- machine.c ------------------------------------------------------------ */

/* End the run: the first reason counts. */
void machine_end(struct machine *m, enum machine_end end, int status,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Let the caller of machine_run look at the host; it may end the run. */
void machine_tick(struct machine *m);

/* The core may have work again. */
void machine_wake_core(struct machine *m, unsigned index);

/* Time as a device sees it: the running core's, else the kernel's. */
sim_time machine_now(const struct machine *m);

void machine_note(const struct machine *m, const char *text);

/* --- alarm.c -------------------------------------------------------------- */

/* A clock for one device. Alarms come before cores at one instant, so they
 * are all made first. */
struct alarm *alarm_create(struct machine *m, on_time_fn *on_time, void *owner,
                           struct clock_port *port);

/* The earliest alarm. */
sim_time alarm_next(const struct machine *m);

#endif
