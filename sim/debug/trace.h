/* SPDX-License-Identifier: Apache-2.0
 * The text of a trace: one line an event (docs/debugging.md). What is written
 * depends on the simulated run alone.
 */
#ifndef VTSIM_SIM_DEBUG_TRACE_H
#define VTSIM_SIM_DEBUG_TRACE_H

#include "sim/base/status.h"
#include "sim/base/trace.h"
#include "sim/machine/machine.h"
#include "sim/machine/symbols.h"

struct trace;

struct trace_options {
    const char *file;              /* "-": stdout; NULL: no trace */
    uint32_t mask;                 /* of categories */
    uint64_t from_cycle, to_cycle; /* events in [from, to] */
    const char *from, *to;         /* symbols or addresses; NULL: none */
};

/* "insn,exit" to a mask; "all" is every category. */
SIM_MUST_CHECK enum sim_status
trace_parse_categories(const char *text, uint32_t *mask, struct sim_error *e);
/* "FROM-TO" in cycles; either may be left out. */
SIM_MUST_CHECK enum sim_status trace_parse_window(const char *text,
                                                  struct trace_options *o,
                                                  struct sim_error *e);

/* Begin to trace every core of the machine. */
SIM_MUST_CHECK enum sim_status trace_open(const struct trace_options *o,
                                          struct machine *m,
                                          const struct symbols *names,
                                          struct trace **out,
                                          struct sim_error *e);
/* A file that could not be written is found out here at the latest. */
SIM_MUST_CHECK enum sim_status trace_close(struct trace *t,
                                           struct sim_error *e);

#endif
