/* SPDX-License-Identifier: Apache-2.0
 * Host side of the proxy kernel's file access: a device with a doorbell port
 * and a request block in guest RAM. The guest reaches the host's standard
 * streams and what lies beneath the shared directories; nothing else.
 *
 * The contract is written down in docs/pk.md. Everything that comes from the
 * guest is copied once, checked, and then acted on; the only answers are a
 * result word and the buffer that the request names.
 */
#ifndef VTSIM_SIM_CHIPSET_HOSTPROXY_H
#define VTSIM_SIM_CHIPSET_HOSTPROXY_H

#include "sim/base/port.h"
#include "sim/base/status.h"

#include <stddef.h>

#define HOSTPROXY_PORT      0x05c0 /* first port */
#define HOSTPROXY_PORTS     16
#define HOSTPROXY_SIGNATURE 0x4b505456u
#define HOSTPROXY_VERSION   1u

struct hostproxy;

/* Where the guest's exit goes; called inside the OUT of the doorbell. */
struct hostproxy_exit {
    void *self;
    void (*exit)(void *self, uint8_t status);
};

struct hostproxy_config {
    struct mem_port mem;      /* guest RAM as a bus master sees it */
    const char *const *share; /* [shares] absolute directories */
    const bool *read_only;    /* [shares], NULL: all may be written */
    size_t shares;
    int in, out, err; /* host descriptors of handles 0, 1, 2; not closed */
    struct hostproxy_exit exit;
};

/*
 * Make the device. The directories are opened here: one that is missing, not
 * a directory or not absolute is SIM_BAD_INPUT. `config` is copied.
 */
SIM_MUST_CHECK enum sim_status
hostproxy_create(const struct hostproxy_config *config, struct hostproxy **out,
                 struct sim_error *e);

/* Close what the guest left open. NULL is allowed. */
void hostproxy_destroy(struct hostproxy *p);

/*
 * The ports HOSTPROXY_PORT + 0 (signature), + 4 (version), + 8 (address
 * high), + 12 (doorbell and address low), 4 bytes each; other accesses are
 * not answered. A request is complete when the OUT to the doorbell returns.
 * It may block the host while standard input has nothing to give.
 */
struct io_port hostproxy_port(struct hostproxy *p);

#endif
