/* SPDX-License-Identifier: Apache-2.0
 * Two cascaded 8259A interrupt controllers as a PC wires them: the slave's
 * output is input 2 of the master. Ports 20h, 21h, A0h, A1h and the
 * edge/level registers at 4D0h and 4D1h.
 * Source: Intel 8259A data sheet; EISA specification for the ELCR.
 */
#ifndef VTSIM_SIM_CHIPSET_PIC_H
#define VTSIM_SIM_CHIPSET_PIC_H

#include "sim/base/port.h"

/* One 8259A: plain values. Bit n of a mask is input n. */
struct pic_chip {
    uint8_t lines;    /* levels of the inputs */
    uint8_t edge;     /* rising edges seen and not yet acknowledged */
    uint8_t isr, imr; /* in service, masked */
    uint8_t elcr;     /* 1 = level triggered */
    uint8_t lowest;   /* input of the lowest priority */
    uint8_t icw1, icw2, icw3, icw4;
    uint8_t next_icw; /* 2..4 while initialising, else 0 */
    bool read_isr, poll, special_mask, rotate_aeoi;
};

struct pic {
    struct pic_chip chip[2]; /* master, slave */
    bool intr;               /* level of the output */
    void *self;
    void (*set_intr)(void *self, bool level);
};

/* Connect the INTR output; called back on changes only. Everything masked
 * until software initialises the chips. */
void pic_init(struct pic *p, void *self,
              void (*set_intr)(void *self, bool level));

/* Inputs 0..15; 2 is the cascade and refused. */
struct irq_port pic_irq_port(struct pic *p);

/* The processor's interrupt-acknowledge cycle. With nothing to acknowledge
 * any more it returns the spurious vector, input 7 of the chip. */
struct inta_port pic_inta_port(struct pic *p);

/* All six ports, single bytes. */
struct io_port pic_io_port(struct pic *p);

#endif
