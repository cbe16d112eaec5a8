/* SPDX-License-Identifier: Apache-2.0
 * Where the stub listens: nowhere another user or another host can reach.
 */
#ifndef VTSIM_SIM_DEBUG_GDB_SOCKET_H
#define VTSIM_SIM_DEBUG_GDB_SOCKET_H

#include "sim/base/status.h"

#include <stddef.h>

/* Listen on `where`. `path` gets the UNIX socket's name, or ""; `name` what
 * the user is told. */
SIM_MUST_CHECK enum sim_status gdb_socket_listen(const char *where, int *fd,
                                                 char path[108], char *name,
                                                 size_t size,
                                                 struct sim_error *e);

/* A client of the same user, or -1. Never waits. */
int gdb_socket_accept(int listener);

#endif
