/* SPDX-License-Identifier: Apache-2.0
 * Ports that emulators offer to guests: the console at E9h, the exit at F4h
 * and the shutdown string at 8900h. No PC has them.
 */
#ifndef VTSIM_SIM_CHIPSET_DEBUGPORT_H
#define VTSIM_SIM_CHIPSET_DEBUGPORT_H

#include "sim/base/port.h"

#define DEBUGPORT_CONSOLE  0x00E9
#define DEBUGPORT_EXIT     0x00F4
#define DEBUGPORT_SHUTDOWN 0x8900

struct debugport_sink {
    void *self;
    void (*put)(void *self, uint8_t byte);    /* written to E9h */
    void (*exit)(void *self, uint32_t value); /* written to F4h, raw */
    void (*shutdown)(void *self);             /* "Shutdown" written to 8900h */
};

struct debugport {
    struct debugport_sink sink;
    uint8_t matched; /* letters of "Shutdown" seen so far */
};

void debugport_init(struct debugport *d, struct debugport_sink sink);

/*
 * One port for all three numbers above. E9h reads E9h, which is how a guest
 * finds out that it is there; F4h takes 1, 2 or 4 bytes and reads 0; 8900h
 * takes single bytes and reads nothing.
 */
struct io_port debugport_port(struct debugport *d);

#endif
