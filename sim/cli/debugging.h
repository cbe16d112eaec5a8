/* SPDX-License-Identifier: Apache-2.0
 * What `vtsim run` has for whoever debugs the guest: symbols, the GDB stub,
 * the trace.
 */
#ifndef VTSIM_SIM_CLI_DEBUGGING_H
#define VTSIM_SIM_CLI_DEBUGGING_H

#include "sim/cli/run.h"
#include "sim/debug/gdb.h"
#include "sim/debug/trace.h"

struct debugging {
    struct symbols *symbols;
    struct gdb *gdb;
    struct trace *trace;
};

/* Names from a file of the run: of no interest if it is no ELF file. */
SIM_MUST_CHECK enum sim_status debugging_names(struct debugging *d,
                                               const struct load_file *f,
                                               enum symbol_side side,
                                               struct sim_error *e);

/* --symbols FILE[@BASE] */
SIM_MUST_CHECK enum sim_status debugging_symbols(struct debugging *d,
                                                 const struct run_options *o,
                                                 struct sim_error *e);

/* Open what the options ask for, on a machine that is loaded. The callbacks
 * are those of struct gdb_options. */
SIM_MUST_CHECK enum sim_status debugging_open(struct debugging *d,
                                              const struct run_options *o,
                                              const struct gdb_options *port,
                                              struct sim_error *e);

/* Before the first instruction, and between slices. False: the run ends. */
bool debugging_begin(struct debugging *d, const struct run_options *o);
bool debugging_tick(struct debugging *d);

/* After the run. */
SIM_MUST_CHECK enum sim_status debugging_end(struct debugging *d, int status,
                                             struct sim_error *e);
void debugging_release(struct debugging *d);

#endif
