/* SPDX-License-Identifier: Apache-2.0
 * The 8259A pair: initialisation and operation command words, priority
 * resolution with rotation, special mask and special fully nested modes,
 * polling, automatic end of interrupt. The MCS-80 mode (ICW4.uPM = 0) would
 * deliver CALL instructions; x86 processors take its vector byte as in 8086
 * mode, and so does this model. Section titles are the data sheet's.
 */
#include "sim/chipset/pic.h"

#include "sim/base/status.h"

#define CASCADE 2

#define ICW1_IC4  0x01u
#define ICW1_SNGL 0x02u
#define ICW1_LTIM 0x08u
#define ICW1_INIT 0x10u

#define ICW4_AEOI 0x02u
#define ICW4_SFNM 0x10u

#define OCW3 0x08u

/* Inputs that may be level triggered: not the timer, keyboard, cascade,
 * RTC and numeric error. */
static const uint8_t elcr_mask[2] = {0xF8, 0xDE};

static uint8_t level_inputs(const struct pic_chip *c)
{
    return (c->icw1 & ICW1_LTIM) != 0 ? 0xFF : c->elcr;
}

/* "Interrupt Request Register": an edge-triggered input requests from its
 * edge to the acknowledge but only while it stays high. */
static uint8_t requests(const struct pic_chip *c)
{
    uint8_t level = level_inputs(c);
    return (uint8_t)(c->lines & (level | c->edge));
}

/* Priority of an input, 0 is the highest. */
static unsigned rank(const struct pic_chip *c, unsigned input)
{
    return (input - c->lowest - 1u) & 7u;
}

/* The input of the highest priority in `mask`, or -1. */
static int highest(const struct pic_chip *c, uint8_t mask)
{
    for (unsigned i = 1; i <= 8; i++) {
        unsigned input = (c->lowest + i) & 7u;
        if (((unsigned)mask >> input & 1u) != 0)
            return (int)input;
    }
    return -1;
}

/* The request to be served next, or -1. "Fully Nested Mode". */
static int pending(const struct pic *p, unsigned which)
{
    const struct pic_chip *c = &p->chip[which];
    if (c->next_icw != 0)
        return -1;
    int input = highest(c, requests(c) & (uint8_t)~c->imr);
    if (input < 0)
        return -1;
    uint8_t service = c->isr;
    if (c->special_mask) /* masked levels block nobody */
        service &= (uint8_t)~c->imr;
    if (which == 0 && (c->icw4 & ICW4_SFNM) != 0 && input == CASCADE)
        service &= (uint8_t) ~(1u << CASCADE); /* the slave may go on */
    int served = highest(c, service);
    if (served >= 0 && rank(c, (unsigned)served) <= rank(c, (unsigned)input))
        return -1;
    return input;
}

static void set_input(struct pic_chip *c, unsigned input, bool level)
{
    uint8_t bit = (uint8_t)(1u << input);
    if (level && (c->lines & bit) == 0)
        c->edge |= bit;
    if (!level)
        c->edge &= (uint8_t)~bit;
    c->lines = (uint8_t)((c->lines & ~bit) | (level ? bit : 0));
}

static void update(struct pic *p)
{
    set_input(&p->chip[0], CASCADE, pending(p, 1) >= 0);
    bool intr = pending(p, 0) >= 0;
    if (intr != p->intr) {
        p->intr = intr;
        p->set_intr(p->self, intr);
    }
}

/* --- Acknowledge and end of interrupt ----------------------------------- */

static void end_interrupt(struct pic_chip *c, int input, bool rotate)
{
    if (input < 0)
        return;
    c->isr &= (uint8_t) ~(1u << input);
    if (rotate)
        c->lowest = (uint8_t)input;
}

/* Take the pending request into service; -1 when it has gone. */
static int take(struct pic *p, unsigned which)
{
    struct pic_chip *c = &p->chip[which];
    int input = pending(p, which);
    if (input < 0)
        return -1;
    c->edge &= (uint8_t) ~(1u << input);
    c->isr |= (uint8_t)(1u << input);
    if ((c->icw4 & ICW4_AEOI) != 0)
        end_interrupt(c, input, c->rotate_aeoi);
    return input;
}

static uint8_t vector(const struct pic_chip *c, int input)
{
    /* "Default IR7 routine": a request that went away. */
    return (uint8_t)((c->icw2 & 0xF8u) | (input < 0 ? 7u : (unsigned)input));
}

static bool cascaded(const struct pic *p)
{
    const struct pic_chip *c = &p->chip[0];
    return (c->icw1 & ICW1_SNGL) == 0 && (c->icw3 >> CASCADE & 1u) != 0;
}

static uint8_t pic_acknowledge(void *self)
{
    struct pic *p = self;
    int input = take(p, 0);
    uint8_t v = vector(&p->chip[0], input);
    if (input == CASCADE && cascaded(p)) {
        v = vector(&p->chip[1], take(p, 1));
        /* The slave's output falls between two interrupts, or the master
         * would see no edge for the next. */
        set_input(&p->chip[0], CASCADE, false);
    }
    update(p);
    return v;
}

/* --- Command words ------------------------------------------------------ */

static void write_icw1(struct pic_chip *c, uint8_t v)
{
    c->icw1 = v;
    c->icw4 = 0; /* all functions off unless an ICW4 follows */
    c->edge = 0;
    c->imr = 0;
    c->isr = 0;
    c->lowest = 7;
    c->read_isr = false;
    c->poll = false;
    c->special_mask = false;
    c->rotate_aeoi = false;
    c->next_icw = 2;
}

static void write_later_icw(struct pic_chip *c, uint8_t v)
{
    bool single = (c->icw1 & ICW1_SNGL) != 0;
    bool needs_icw4 = (c->icw1 & ICW1_IC4) != 0;
    switch (c->next_icw) {
    case 2:
        c->icw2 = v & 0xF8;
        c->next_icw = !single ? 3 : needs_icw4 ? 4 : 0;
        break;
    case 3:
        c->icw3 = v;
        c->next_icw = needs_icw4 ? 4 : 0;
        break;
    default:
        c->icw4 = v & 0x1F;
        c->next_icw = 0;
        break;
    }
}

/* "Operation Command Word 2": R, SL, EOI in bits 7:5. */
static void write_ocw2(struct pic_chip *c, uint8_t v)
{
    int level = v & 7;
    uint8_t service = c->isr;
    if (c->special_mask) /* a non-specific EOI skips masked levels */
        service &= (uint8_t)~c->imr;
    switch (v >> 5) {
    case 0: c->rotate_aeoi = false; break;
    case 1: end_interrupt(c, highest(c, service), false); break;
    case 3: end_interrupt(c, level, false); break;
    case 4: c->rotate_aeoi = true; break;
    case 5: end_interrupt(c, highest(c, service), true); break;
    case 6: c->lowest = (uint8_t)level; break;
    case 7: end_interrupt(c, level, true); break;
    default: break; /* 2: no operation */
    }
}

/* "Operation Command Word 3". */
static void write_ocw3(struct pic_chip *c, uint8_t v)
{
    if ((v & 0x40) != 0)
        c->special_mask = (v & 0x20) != 0;
    if ((v & 0x04) != 0)
        c->poll = true;
    else if ((v & 0x02) != 0)
        c->read_isr = (v & 0x01) != 0;
}

/* --- Ports -------------------------------------------------------------- */

/* Chip and register of a port: bit 0 the data port, bit 1 ELCR. */
static bool decode(uint16_t port, unsigned *which, unsigned *reg)
{
    switch (port) {
    case 0x20:
    case 0x21:
    case 0xA0:
    case 0xA1:
        *which = port >> 7;
        *reg = port & 1;
        return true;
    case 0x4D0:
    case 0x4D1:
        *which = port & 1;
        *reg = 2;
        return true;
    default: return false;
    }
}

/* "Poll Command": the read is the acknowledge. */
static uint8_t read_poll(struct pic *p, unsigned which)
{
    p->chip[which].poll = false;
    int input = take(p, which);
    update(p);
    return input < 0 ? 0 : (uint8_t)(0x80u | (unsigned)input);
}

static bool pic_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct pic *p = self;
    unsigned which, reg;
    if (len != 1 || !decode(port, &which, &reg))
        return false;
    struct pic_chip *c = &p->chip[which];
    if (reg == 2)
        *out = c->elcr;
    else if (c->poll)
        *out = read_poll(p, which);
    else if (reg == 1)
        *out = c->imr;
    else
        *out = c->read_isr ? c->isr : requests(c);
    return true;
}

static void write_chip(struct pic *p, unsigned which, unsigned reg, uint8_t v)
{
    struct pic_chip *c = &p->chip[which];
    if (reg == 2)
        c->elcr = v & elcr_mask[which];
    else if (reg == 1 && c->next_icw != 0)
        write_later_icw(c, v);
    else if (reg == 1)
        c->imr = v;
    else if ((v & ICW1_INIT) != 0)
        write_icw1(c, v);
    else if ((v & OCW3) != 0)
        write_ocw3(c, v);
    else
        write_ocw2(c, v);
}

static bool pic_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct pic *p = self;
    unsigned which, reg;
    if (len != 1 || !decode(port, &which, &reg))
        return false;
    write_chip(p, which, reg, (uint8_t)in);
    update(p);
    return true;
}

static void pic_set_line(void *self, unsigned line, bool level)
{
    struct pic *p = self;
    SIM_ASSERT(line < 16 && line != CASCADE);
    set_input(&p->chip[line >> 3], line & 7u, level);
    update(p);
}

void pic_init(struct pic *p, void *self,
              void (*set_intr)(void *self, bool level))
{
    *p = (struct pic){.self = self, .set_intr = set_intr};
    for (unsigned i = 0; i < 2; i++) {
        p->chip[i].imr = 0xFF;
        p->chip[i].lowest = 7;
        p->chip[i].icw3 = i == 0 ? 1u << CASCADE : CASCADE;
    }
}

struct irq_port pic_irq_port(struct pic *p)
{
    return (struct irq_port){.self = p, .set = pic_set_line};
}

struct inta_port pic_inta_port(struct pic *p)
{
    return (struct inta_port){.self = p, .acknowledge = pic_acknowledge};
}

struct io_port pic_io_port(struct pic *p)
{
    return (struct io_port){.self = p, .in = pic_in, .out = pic_out};
}
