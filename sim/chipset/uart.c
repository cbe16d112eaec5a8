/* SPDX-License-Identifier: Apache-2.0
 * The 16550A: registers, receive FIFO, interrupt identification, loopback.
 * Source: NS PC16550D data sheet, "Registers" and "FIFO Interrupt Mode
 * Operation". The character time-out comes at once when the source has
 * nothing more, and not four character times later.
 */
#include "sim/chipset/uart.h"

#include "sim/base/bits.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RDA  0x01u
#define IER_THRE 0x02u
#define IER_RLS  0x04u
#define IER_MS   0x08u

#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u

#define LCR_BREAK 0x40u
#define LCR_DLAB  0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u

#define LSR_DR     0x01u
#define LSR_OE     0x02u
#define LSR_BI     0x10u
#define LSR_ERRORS 0x1Eu
#define LSR_THRE   0x20u
#define LSR_TEMT   0x40u
#define LSR_FIFO   0x80u

#define MSR_CTS 0x10u
#define MSR_DSR 0x20u
#define MSR_RI  0x40u
#define MSR_DCD 0x80u

/* One clock of the 1.8432 MHz crystal. */
#define FS_PER_CLOCK UINT64_C(542534722)

void uart_init(struct uart *u, const struct uart_wiring *w)
{
    u->w = *w;
    u->s = (struct uart_state){.divisor = 1};
    uart_reset(u);
}

void uart_reset(struct uart *u)
{
    /* A modem that is always there. */
    u->s = (struct uart_state){.divisor = u->s.divisor,
                               .scr = u->s.scr,
                               .input_ended = u->s.input_ended,
                               .poll_at = SIM_NEVER,
                               .lsr = LSR_THRE | LSR_TEMT,
                               .msr = MSR_CTS | MSR_DSR | MSR_DCD};
    u->w.irq.set(u->w.irq.self, u->w.line, false);
    u->w.clock.arm(u->w.clock.self, SIM_NEVER);
}

/* --- Interrupts --------------------------------------------------------- */

static unsigned trigger_level(const struct uart_state *s)
{
    static const uint8_t level[4] = {1, 4, 8, 14};
    return (s->fcr & FCR_ENABLE) != 0 ? level[s->fcr >> 6] : 1;
}

/* Interrupt identification, bits 3:0: the pending source of the highest
 * priority, 1 when there is none. */
static uint8_t identify(const struct uart_state *s)
{
    if ((s->ier & IER_RLS) != 0 && (s->lsr & LSR_ERRORS) != 0)
        return 0x6;
    if ((s->ier & IER_RDA) != 0 && s->count >= trigger_level(s))
        return 0x4;
    if ((s->ier & IER_RDA) != 0 && s->count > 0)
        return 0xC; /* time-out: fewer than the trigger level, no more come */
    if ((s->ier & IER_THRE) != 0 && s->thre_pending)
        return 0x2;
    if ((s->ier & IER_MS) != 0 && (s->msr & 0xF) != 0)
        return 0x0;
    return 0x1;
}

static void update_line(struct uart *u)
{
    /* In loopback OUT2 is disconnected from its pin, which gates the wire. */
    bool gate = (u->s.mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
    bool level = gate && identify(&u->s) != 0x1;
    if (level != u->s.line) {
        u->s.line = level;
        u->w.irq.set(u->w.irq.self, u->w.line, level);
    }
}

/* --- Receiver ----------------------------------------------------------- */

static unsigned fifo_size(const struct uart_state *s)
{
    return (s->fcr & FCR_ENABLE) != 0 ? UART_FIFO : 1;
}

/* The error bits of the byte at the top show in the LSR; bit 7 tells of one
 * anywhere in the FIFO. */
static void update_lsr(struct uart_state *s)
{
    s->lsr &= (uint8_t) ~(LSR_DR | LSR_FIFO);
    if (s->count == 0)
        return;
    s->lsr |= LSR_DR;
    s->lsr |= s->error[s->head];
    s->error[s->head] = 0; /* reported once */
    for (unsigned i = 1; i < s->count; i++)
        if (s->error[(s->head + i) % UART_FIFO] != 0 &&
            (s->fcr & FCR_ENABLE) != 0)
            s->lsr |= LSR_FIFO;
    if ((s->lsr & (LSR_ERRORS & ~LSR_OE)) != 0 && (s->fcr & FCR_ENABLE) != 0)
        s->lsr |= LSR_FIFO;
}

static void receive_byte(struct uart_state *s, uint8_t byte, uint8_t error)
{
    if (s->count >= fifo_size(s)) {
        s->lsr |= LSR_OE;
        if ((s->fcr & FCR_ENABLE) == 0)
            s->data[s->head] = byte; /* without FIFO the old one is lost */
        return;
    }
    unsigned at = (s->head + s->count) % UART_FIFO;
    s->data[at] = byte;
    s->error[at] = error;
    s->count++;
    update_lsr(s);
}

static void clear_receiver(struct uart_state *s)
{
    s->count = 0;
    s->head = 0;
    s->lsr &= (uint8_t) ~(LSR_DR | LSR_FIFO);
}

/* The time of one character: start, data, parity and stop bits. */
static sim_time character_time(const struct uart_state *s)
{
    uint64_t divisor = s->divisor != 0 ? s->divisor : 65536;
    uint64_t bits =
        1 + 5 + (s->lcr & 3u) + ((s->lcr >> 3) & 1u) + 1 + ((s->lcr >> 2) & 1u);
    return divisor * 16 * bits * FS_PER_CLOCK;
}

void uart_poll(struct uart *u)
{
    struct uart_state *s = &u->s;
    while ((s->mcr & MCR_LOOP) == 0 && !s->input_ended &&
           s->count < fifo_size(s)) {
        int byte = u->w.receive(u->w.self);
        if (byte < 0) {
            s->input_ended = byte == UART_RX_END;
            break;
        }
        receive_byte(s, (uint8_t)byte & (uint8_t)bits_mask(5 + (s->lcr & 3u)),
                     0);
    }
    update_line(u);
}

/* Look again in a character time while an interrupt is to announce input. */
static void arm_poll(struct uart *u)
{
    struct uart_state *s = &u->s;
    bool waits = (s->ier & IER_RDA) != 0 && (s->mcr & MCR_LOOP) == 0 &&
                 !s->input_ended && s->count < fifo_size(s);
    if (waits == (s->poll_at != SIM_NEVER))
        return; /* an armed poll is not put off by further accesses */
    struct clock_port *c = &u->w.clock;
    s->poll_at = waits ? c->now(c->self) + character_time(s) : SIM_NEVER;
    c->arm(c->self, s->poll_at);
}

void uart_on_time(void *self, sim_time now)
{
    struct uart *u = self;
    if (now < u->s.poll_at)
        return;
    u->s.poll_at = SIM_NEVER;
    uart_poll(u);
    arm_poll(u);
}

/* --- Modem control ------------------------------------------------------ */

/* In loopback the modem inputs follow the outputs; changes set the delta
 * bits, the ring indicator only by its trailing edge. */
static void update_modem(struct uart_state *s)
{
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;
    if ((s->mcr & MCR_LOOP) != 0)
        lines = (uint8_t)(((s->mcr & MCR_RTS) != 0 ? MSR_CTS : 0) |
                          ((s->mcr & MCR_DTR) != 0 ? MSR_DSR : 0) |
                          ((s->mcr & MCR_OUT1) != 0 ? MSR_RI : 0) |
                          ((s->mcr & MCR_OUT2) != 0 ? MSR_DCD : 0));
    uint8_t changed = (s->msr ^ lines) & 0xF0;
    if ((lines & MSR_RI) != 0)
        changed &= (uint8_t)~MSR_RI;
    s->msr = (uint8_t)(lines | (s->msr & 0x0F) | (changed >> 4));
}

/* --- Registers ---------------------------------------------------------- */

static void transmit(struct uart *u, uint8_t byte)
{
    struct uart_state *s = &u->s;
    byte &= (uint8_t)bits_mask(5 + (s->lcr & 3u));
    /* The wire falls before it rises again, or an edge-triggered interrupt
     * controller would miss that the next character may come. */
    s->thre_pending = false;
    update_line(u);
    if ((s->mcr & MCR_LOOP) != 0)
        receive_byte(s, byte, 0);
    else
        u->w.transmit(u->w.self, byte);
    s->thre_pending = true;
}

static void write_fcr(struct uart_state *s, uint8_t v)
{
    if (((s->fcr ^ v) & FCR_ENABLE) != 0 || (v & FCR_CLEAR_RX) != 0)
        clear_receiver(s);
    /* The other bits are programmed only together with the enable. */
    s->fcr = (v & FCR_ENABLE) != 0 ? (uint8_t)(v & 0xC9) : 0;
}

static void write_lcr(struct uart_state *s, uint8_t v)
{
    bool starts_break = (v & ~s->lcr & LCR_BREAK) != 0;
    s->lcr = v;
    if (starts_break && (s->mcr & MCR_LOOP) != 0)
        receive_byte(s, 0, LSR_BI);
}

static void write_register(struct uart *u, unsigned reg, uint8_t v)
{
    struct uart_state *s = &u->s;
    bool dlab = (s->lcr & LCR_DLAB) != 0;
    switch (reg) {
    case RBR_THR:
        if (dlab)
            s->divisor = (uint16_t)((s->divisor & 0xFF00) | v);
        else
            transmit(u, v);
        break;
    case IER:
        if (dlab) {
            s->divisor = (uint16_t)((s->divisor & 0x00FF) | v << 8);
            break;
        }
        /* Enabling the interrupt while the transmitter is empty raises it. */
        if ((v & ~s->ier & IER_THRE) != 0)
            s->thre_pending = true;
        s->ier = v & 0x0F;
        break;
    case IIR_FCR: write_fcr(s, v); break;
    case LCR: write_lcr(s, v); break;
    case MCR:
        s->mcr = v & 0x1F;
        update_modem(s);
        break;
    case SCR: s->scr = v; break;
    default: break; /* LSR and MSR are for factory tests; ignored there too */
    }
}

static uint8_t read_data(struct uart_state *s)
{
    uint8_t byte = s->data[s->head];
    if (s->count > 0) {
        s->head = (uint8_t)((s->head + 1) % UART_FIFO);
        s->count--;
        update_lsr(s);
    }
    return byte;
}

static uint8_t read_register(struct uart_state *s, unsigned reg)
{
    bool dlab = (s->lcr & LCR_DLAB) != 0;
    uint8_t v = 0;
    switch (reg) {
    case RBR_THR: return dlab ? (uint8_t)s->divisor : read_data(s);
    case IER: return dlab ? (uint8_t)(s->divisor >> 8) : s->ier;
    case IIR_FCR:
        v = identify(s);
        if (v == 0x2)
            s->thre_pending = false;
        return v | ((s->fcr & FCR_ENABLE) != 0 ? 0xC0 : 0);
    case LCR: return s->lcr;
    case MCR: return s->mcr;
    case LSR:
        v = s->lsr;
        s->lsr &= (uint8_t)~LSR_ERRORS;
        update_lsr(s);
        return v;
    case MSR:
        v = s->msr;
        s->msr &= 0xF0;
        return v;
    default: return s->scr;
    }
}

static bool uart_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct uart *u = self;
    unsigned reg = (unsigned)(port - u->w.base);
    if (len != 1 || reg > 7)
        return false;
    uart_poll(u);
    *out = read_register(&u->s, reg);
    update_line(u);
    arm_poll(u);
    return true;
}

static bool uart_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct uart *u = self;
    unsigned reg = (unsigned)(port - u->w.base);
    if (len != 1 || reg > 7)
        return false;
    write_register(u, reg, (uint8_t)in);
    update_line(u);
    arm_poll(u);
    return true;
}

struct io_port uart_port(struct uart *u)
{
    return (struct io_port){.self = u, .in = uart_in, .out = uart_out};
}
