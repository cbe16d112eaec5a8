/* SPDX-License-Identifier: Apache-2.0
 * A GDB remote stub for a machine: docs/debugging.md. It listens on a UNIX
 * socket or on the loopback address, serves one client of the same user, and
 * is never reachable from the guest.
 */
#ifndef VTSIM_SIM_DEBUG_GDB_H
#define VTSIM_SIM_DEBUG_GDB_H

#include "sim/base/status.h"
#include "sim/machine/machine.h"
#include "sim/machine/symbols.h"

struct gdb;

struct gdb_options {
    const char *where; /* "unix:PATH" or "tcp:127.0.0.1:PORT" */
    struct machine *machine;
    const struct symbols *symbols;
    /* Called some times a second while the machine is stopped; false ends the
     * run. */
    bool (*alive)(void *self);
    /* One remark for the user. */
    void (*note)(void *self, const char *text);
    void *self;
};

/* Is `where` an address that may be listened on? */
SIM_MUST_CHECK enum sim_status gdb_check(const char *where,
                                         struct sim_error *e);

SIM_MUST_CHECK enum sim_status gdb_open(const struct gdb_options *o,
                                        struct gdb **out, struct sim_error *e);

/* Wait for a client before the first instruction. False: the run ends. */
bool gdb_wait(struct gdb *g);

/* To be called between slices of the run: a client may have come, or may ask
 * for a stop. False: the run ends. */
bool gdb_tick(struct gdb *g);

/* The machine has ended with this exit status; tells the client and closes. */
void gdb_close(struct gdb *g, int status);

#endif
