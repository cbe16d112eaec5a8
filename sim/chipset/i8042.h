/* SPDX-License-Identifier: Apache-2.0
 * Ways to reset a PC or open its A20 gate: a keyboard controller without
 * keyboard or mouse (60h, 64h), system control port A (92h) and the reset
 * control register (CF9h). There is one A20 gate: the keyboard controller and
 * port 92h both set and show it, the last write counts. It begins open, as
 * firmware leaves it.
 */
#ifndef VTSIM_SIM_CHIPSET_I8042_H
#define VTSIM_SIM_CHIPSET_I8042_H

#include "sim/base/port.h"

enum reset_kind {
    RESET_INIT, /* INIT# to the processors: 64h and 92h */
    RESET_CPU,  /* CF9h, soft: processors only */
    RESET_HARD  /* CF9h, hard: the whole machine */
};

struct i8042 {
    void *self;
    void (*reset)(void *self, enum reset_kind kind);
    void (*gate)(void *self, bool open); /* NULL: nobody listens */
    uint8_t command_byte; /* interrupt enables and translation; no effect */
    uint8_t expects;      /* command whose data byte comes next, or 0 */
    uint8_t output;       /* output buffer */
    bool full;            /* it holds an unread byte */
    bool last_was_command;
    uint8_t port92, cf9;
};

/* `reset` is told of every request, `gate` of every change of the A20 gate;
 * both may be called inside an access. */
void i8042_init(struct i8042 *k, void *self,
                void (*reset)(void *self, enum reset_kind kind),
                void (*gate)(void *self, bool open));

/* Ports 60h, 64h, 92h and CF9h, single bytes; double words at CF8h, which
 * are not for CF9h, are dropped and read as all ones. */
struct io_port i8042_port(struct i8042 *k);

#endif
