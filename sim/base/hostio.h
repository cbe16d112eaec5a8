/* SPDX-License-Identifier: Apache-2.0
 * Files of the host: read whole, never mapped (a file cut short by someone
 * else must not become SIGBUS), written so that a reader sees the old file
 * or the complete new one.
 */
#ifndef VTSIM_SIM_BASE_HOSTIO_H
#define VTSIM_SIM_BASE_HOSTIO_H

#include "sim/base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Read the regular file `path` of at most `cap` bytes. On success `*data`
 * is allocated (free() it), one zero byte follows the `*len` bytes. A
 * missing file, one over the cap and anything but a regular file (never
 * waited for) is SIM_BAD_INPUT; a host refusal is SIM_NO_RESOURCE.
 */
SIM_MUST_CHECK enum sim_status hostio_read(const char *path, size_t cap,
                                           uint8_t **data, size_t *len,
                                           struct sim_error *e);

/* A file being written. Zero-initialise; the fields are private. */
struct hostio_file {
    FILE *stream; /* write here between hostio_begin and _commit */
    char *target; /* what the finished file is called */
    char *temp;   /* its name until then; NULL when written in place */
};

/*
 * Start a file. A regular (or new) file is written under a temporary name
 * in the same folder; a symbolic link is followed; a device or FIFO is
 * written in place; a folder is refused. Errors are SIM_NO_RESOURCE.
 */
SIM_MUST_CHECK enum sim_status
hostio_begin(struct hostio_file *f, const char *path, struct sim_error *e);

/* Flush to the disk and give the file its name. On failure the old file is
 * untouched and the new one removed. */
SIM_MUST_CHECK enum sim_status hostio_commit(struct hostio_file *f,
                                             struct sim_error *e);

/* Forget a started file; does nothing after a commit. */
void hostio_abandon(struct hostio_file *f);

/* All of the above for `len` bytes at `data`. */
SIM_MUST_CHECK enum sim_status hostio_write(const char *path, const void *data,
                                            size_t len, struct sim_error *e);

#endif
