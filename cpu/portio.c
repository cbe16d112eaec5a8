/* SPDX-License-Identifier: Apache-2.0
 * IN, OUT, INS, OUTS: permission by IOPL and the TSS's bitmap, then the
 * port. Repeated forms do one iteration a callout, so that interrupts are
 * taken between any two. SDM Vol.1 "Input/Output", Vol.2 "IN", "INS".
 */
#include "cpu/debug.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/trace.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

/* The bitmap of a 32- or 64-bit TSS: every bit of the access must be 0, and
 * the word that holds them must lie within the limit. */
static bool bitmap_allows(struct cpu *c, uint16_t port, unsigned len)
{
    enum { MAP_BASE = 102 };
    const struct segment *tr = &c->seg[SEG_TR];
    unsigned type = tr->attr & 0xf;
    uint16_t base, word;
    if ((type != SYS_TSS_BUSY && type != SYS_TSS_AVAIL) ||
        tr->limit < MAP_BASE + 1) {
        raise_gp(c, 0);
        return false;
    }
    if (!mem_system_read(c, tr->base + MAP_BASE, 2, &base))
        return false;
    uint32_t at = (uint32_t)base + port / 8;
    if (at + 1 > tr->limit) {
        raise_gp(c, 0);
        return false;
    }
    if (!mem_system_read(c, tr->base + at, 2, &word))
        return false;
    if (((uint64_t)word >> (port & 7) & bits_mask(len)) != 0) {
        raise_gp(c, 0);
        return false;
    }
    return true;
}

static bool allowed(struct cpu *c, uint16_t port, unsigned len)
{
    if ((c->mode & (MODE_IOPL_LOW | MODE_V86)) == 0)
        return true;
    return bitmap_allows(c, port, len);
}

static uint32_t port_read(struct cpu *c, uint16_t port, unsigned len)
{
    const struct io_port *io = &c->wiring.io;
    uint32_t v = 0;
    c->count.io_reads++;
    if (io->in == NULL || !io->in(io->self, port, len, &v))
        v = UINT32_MAX; /* no device drives the bus */
    debug_io(c, port, len);
    v &= (uint32_t)bits_mask(8 * len);
    TRACE(c, IO, "in", port, len, v);
    return v;
}

static void port_write(struct cpu *c, uint16_t port, unsigned len, uint32_t v)
{
    const struct io_port *io = &c->wiring.io;
    c->count.io_writes++;
    TRACE(c, IO, "out", port, len, v);
    if (io->out != NULL)
        (void)io->out(io->self, port, len, v);
    debug_io(c, port, len);
}

static uint16_t port_of(const struct cpu *c, const struct uop *u)
{
    return (uint16_t)((u->aux & SYS_IMM) != 0 ? sys_extra(u) : c->gpr[REG_RDX]);
}

/* VM exits come after the rights to the port. */
static bool exits(struct cpu *c, const struct uop *u, uint16_t port, bool in)
{
    struct vmx_io io = {.port = port,
                        .size = (uint8_t)sys_size(u),
                        .in = in,
                        .immediate = (u->aux & SYS_IMM) != 0};
    return UNLIKELY(c->vmx_guest) && vmx_exit_io(c, &io) != STEP_NEXT;
}

enum step sys_in(struct cpu *c, const struct uop *u)
{
    unsigned size = sys_size(u);
    uint16_t port = port_of(c, u);
    if (!allowed(c, port, size) || exits(c, u, port, true))
        return STEP_FAULT;
    sys_write_reg(c, REG_RAX * 8, size, port_read(c, port, size));
    return STEP_NEXT;
}

enum step sys_out(struct cpu *c, const struct uop *u)
{
    unsigned size = sys_size(u);
    uint16_t port = port_of(c, u);
    if (!allowed(c, port, size) || exits(c, u, port, false))
        return STEP_FAULT;
    port_write(c, port, size, (uint32_t)sys_read_reg(c, REG_RAX * 8, size));
    return STEP_NEXT;
}

/* ---------------------------------------------------------------- strings */

static unsigned address_size(const struct uop *u)
{
    return u->aux >> SYS_ADDRESS_SHIFT & 0xf;
}

/* RCX at the address size is zero: a repeated form that does nothing. */
static bool nothing_left(const struct cpu *c, const struct uop *u)
{
    return (u->aux & SYS_REP) != 0 &&
           sys_read_reg(c, REG_RCX * 8, address_size(u)) == 0;
}

/* Move the index register and count an iteration. */
static enum step advance(struct cpu *c, const struct uop *u, unsigned reg)
{
    unsigned asize = address_size(u);
    uint64_t step = sys_size(u);
    if ((c->eflags & FLAG_DF) != 0)
        step = 0 - step;
    sys_write_reg(c, reg * 8, asize, sys_read_reg(c, reg * 8, asize) + step);
    if ((u->aux & SYS_REP) == 0)
        return STEP_NEXT;
    uint64_t left = sys_read_reg(c, REG_RCX * 8, asize) - 1;
    sys_write_reg(c, REG_RCX * 8, asize, left);
    left &= bits_mask(8 * asize);
    c->rep_active = left != 0;
    return left != 0 ? STEP_AGAIN : STEP_NEXT;
}

/* ... and before the checks of the segment: SDM Vol.3 "Relative Priority of
 * Faults and VM Exits". */
static bool string_exits(struct cpu *c, const struct uop *u, bool in)
{
    unsigned index = in ? REG_RDI : REG_RSI;
    if (LIKELY(!c->vmx_guest))
        return false;
    struct vmx_io io = {.port = (uint16_t)c->gpr[REG_RDX],
                        .size = (uint8_t)sys_size(u),
                        .in = in,
                        .string = true,
                        .rep = (u->aux & SYS_REP) != 0,
                        .segment = in ? SEG_ES : u->seg,
                        .address_size = (uint8_t)address_size(u),
                        .offset = sys_read_reg(c, index * 8, address_size(u))};
    return vmx_exit_io(c, &io) != STEP_NEXT;
}

enum step sys_ins(struct cpu *c, const struct uop *u)
{
    unsigned size = sys_size(u);
    uint16_t port = (uint16_t)c->gpr[REG_RDX];
    uint64_t lin;
    /* Hardware checks the right to the port even when RCX is 0. */
    if (!allowed(c, port, size))
        return STEP_FAULT;
    if (nothing_left(c, u))
        return STEP_NEXT;
    if (string_exits(c, u, true))
        return STEP_FAULT;
    if (!mem_linear(c, SEG_ES, sys_read_reg(c, REG_RDI * 8, address_size(u)),
                    size, true, &lin))
        return STEP_FAULT;
    /* Reading the port has effects: the store must be known to succeed. */
    if (!mem_aligned(c, lin, size) || !mem_store_probe(c, u, lin, size))
        return STEP_FAULT;
    c->slow.u64[0] = port_read(c, port, size);
    if (!mem_store_slow(c, u, lin, size, false))
        return STEP_FAULT;
    return advance(c, u, REG_RDI);
}

enum step sys_outs(struct cpu *c, const struct uop *u)
{
    unsigned size = sys_size(u);
    uint16_t port = (uint16_t)c->gpr[REG_RDX];
    uint64_t lin;
    if (!allowed(c, port, size))
        return STEP_FAULT;
    if (nothing_left(c, u))
        return STEP_NEXT;
    if (string_exits(c, u, false))
        return STEP_FAULT;
    if (!mem_linear(c, u->seg, sys_read_reg(c, REG_RSI * 8, address_size(u)),
                    size, false, &lin) ||
        !mem_aligned(c, lin, size) || !mem_load_slow(c, u, lin, size, false))
        return STEP_FAULT;
    port_write(c, port, size, (uint32_t)c->slow.u64[0]);
    return advance(c, u, REG_RSI);
}
