/* SPDX-License-Identifier: Apache-2.0
 * A whole machine: cores, memory system and board on one simulated clock.
 */
#ifndef VTSIM_SIM_MACHINE_MACHINE_H
#define VTSIM_SIM_MACHINE_MACHINE_H

#include "sim/base/cycles.h"
#include "sim/base/stat.h"
#include "sim/machine/config.h"
#include "sim/machine/load.h"

struct machine;

/* Where bytes of the guest go to and come from: file descriptors of the
 * host, which the caller keeps open. */
struct machine_io {
    int console_out; /* port E9h; COM1 too unless serial_out says otherwise */
    int serial_out;  /* COM1; -1: console_out */
    int serial_in;   /* COM1's input; -1: none */
    const char *const *share; /* absolute directories for pk */
    const bool *share_read_only;
    size_t shares;
    bool proxy; /* the host proxy is there: the guest is pk */
    /* RAM from 0 and from 4 GiB up that firmware tells of; both 0: all. */
    uint64_t told_low, told_high;
    /* One remark for the user, without newline. */
    void *self;
    void (*note)(void *self, const char *text);
};

SIM_MUST_CHECK enum sim_status machine_create(const struct machine_config *c,
                                              const struct machine_io *io,
                                              struct machine **out,
                                              struct sim_error *e);
void machine_destroy(struct machine *m);

/* Write the plan to RAM and set the bootstrap processor's state. */
SIM_MUST_CHECK enum sim_status machine_load(struct machine *m,
                                            const struct plan *p,
                                            const struct load_result *r,
                                            struct sim_error *e);

/* Record signals in a VCD file; before machine_run. */
SIM_MUST_CHECK enum sim_status machine_vcd(struct machine *m, const char *path,
                                           struct sim_error *e);

/* Why a run ended. */
enum machine_end {
    END_NONE,      /* still running */
    END_EXIT,      /* the guest said so */
    END_LIMIT,     /* --max-instructions, --max-cycles, time of 64 bits */
    END_ABNORMAL,  /* triple fault, HLT for ever, reset, not modelled */
    END_REQUESTED, /* machine_run's callback */
};

struct machine_outcome {
    enum machine_end end;
    int status;       /* END_EXIT: 0..255; else a value of enum sim_status */
    char reason[320]; /* one line, no newline; empty after END_EXIT 0 */
};

/*
 * Run until the machine ends. `tick` is called some tens of times a second
 * of the host's; returning false ends the run (END_REQUESTED).
 */
void machine_run(struct machine *m, bool (*tick)(void *self), void *self);

const struct machine_outcome *machine_outcome(const struct machine *m);

/* --- Debugging ----------------------------------------------------------- */

/*
 * Who is told that a core stopped on request, perhaps its debugger's
 * (cpu/debugger.h), or is about to end the machine (`dying`: the line that
 * says why). Every core is at an instruction boundary then. `stopped` answers
 * whether it was the debugger and the core goes on.
 */
struct machine_debugger {
    void *self;
    bool (*stopped)(void *self, unsigned core);
    void (*dying)(void *self, unsigned core, const char *why);
};
void machine_set_debugger(struct machine *m, struct machine_debugger port);

/* The cores and the RAM, for debuggers and traces. */
unsigned machine_cores(const struct machine *m);
struct cpu *machine_core(struct machine *m, unsigned index);
struct memsys *machine_memory(struct machine *m);

/* End the run as the user wishes (END_REQUESTED). */
void machine_quit(struct machine *m);

/* --- Reading ------------------------------------------------------------- */

/* Every statistic; live while the machine is. */
const struct stat_registry *machine_stats(const struct machine *m);

/* VM exits of a core: see cpu/exits.h. */
struct cpu_exits;
bool machine_exits(const struct machine *m, unsigned core, unsigned index,
                   struct cpu_exits *out);

/* Account of a core: not of the region of interest, of everything. */
const struct cycle_account *machine_account(const struct machine *m,
                                            unsigned core);
uint64_t machine_committed(const struct machine *m); /* bytes of host RAM */

/* --- Region of interest -------------------------------------------------- */

enum { ROI_DUMPS_MAX = 4096 };

/*
 * What is to be reported, in registry order, into out[stats->values]: the
 * sum over the regions if the guest marked any, else everything since the
 * last reset of the statistics.
 */
void machine_reported(const struct machine *m, uint64_t *out);

/* Number of regions the guest has begun. */
uint64_t machine_regions(const struct machine *m);

/* Dumps made by the guest: their number and the values of one. */
size_t machine_dumps(const struct machine *m);
const uint64_t *machine_dump(const struct machine *m, size_t index);

#endif
