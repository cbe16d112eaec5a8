/* SPDX-License-Identifier: Apache-2.0
 * A 16550A serial port at eight byte ports. Characters are transmitted the
 * moment they are written: the transmitter is always empty and baud rate
 * costs no time. Received ones are fetched from the source when the guest
 * looks and, while it waits for an interrupt, once a character time.
 * Source: NS PC16550D data sheet.
 */
#ifndef VTSIM_SIM_CHIPSET_UART_H
#define VTSIM_SIM_CHIPSET_UART_H

#include "sim/base/port.h"

#define UART_FIFO 16

#define UART_RX_NONE (-1) /* nothing at present */
#define UART_RX_END  (-2) /* nothing ever again */

struct uart_wiring {
    uint16_t base;       /* first of the eight ports: 3F8h for COM1 */
    struct irq_port irq; /* asserted only while MCR.OUT2 is set, as on a PC */
    unsigned line;       /* 4 for COM1 */
    struct clock_port clock; /* calls uart_on_time */
    void *self;              /* handed to the two callbacks */
    void (*transmit)(void *self, uint8_t byte);
    int (*receive)(void *self); /* 0..255 or UART_RX_*; never waits */
};

/* Registers and FIFO: plain values. */
struct uart_state {
    uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
    uint16_t divisor;
    bool thre_pending; /* the transmitter-empty interrupt is not yet seen */
    bool line;         /* what the interrupt wire shows */
    bool input_ended;
    sim_time poll_at;    /* next look at the source; SIM_NEVER when not armed */
    uint8_t count, head; /* of the receive FIFO */
    uint8_t data[UART_FIFO];
    uint8_t error[UART_FIFO]; /* LSR bits 4:2 that came with the byte */
};

struct uart {
    struct uart_wiring w;
    struct uart_state s;
};

void uart_init(struct uart *u, const struct uart_wiring *w);
void uart_reset(struct uart *u);

/* Ports base..base+7, single bytes. */
struct io_port uart_port(struct uart *u);

/* Fetch what the source has, as far as there is room. */
void uart_poll(struct uart *u);

/* The clock's callback: an on_time_fn. */
void uart_on_time(void *self, sim_time now);

#endif
