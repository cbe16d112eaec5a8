/* SPDX-License-Identifier: Apache-2.0
 * Dispatch of port accesses to devices: one byte a port says whose it is.
 */
#include "sim/chipset/iobus.h"

#include "sim/base/bits.h"

#include <string.h>

void iobus_init(struct iobus *b)
{
    memset(b, 0, sizeof *b);
}

enum sim_status iobus_claim(struct iobus *b, uint16_t first, uint16_t last,
                            struct io_port device, struct sim_error *e)
{
    if (first > last || b->devices == IOBUS_DEVICES_MAX)
        return sim_fail(e, SIM_INTERNAL, "I/O bus: ports %#x..%#x refused",
                        first, last);
    for (uint32_t p = first; p <= last; p++)
        if (b->owner[p] != 0)
            return sim_fail(e, SIM_INTERNAL, "I/O bus: port %#x claimed twice",
                            p);
    b->device[b->devices++] = device;
    memset(b->owner + first, (int)b->devices, (size_t)last - first + 1u);
    return SIM_OK;
}

/* The device that owns all of [port, port+len), or NULL. */
static const struct io_port *owner_of(const struct iobus *b, uint32_t port,
                                      unsigned len)
{
    if (port + len > 65536)
        return NULL; /* the space does not wrap */
    uint8_t owner = b->owner[port];
    for (unsigned i = 1; i < len; i++)
        if (b->owner[port + i] != owner)
            return NULL;
    return owner == 0 ? NULL : &b->device[owner - 1];
}

static bool read_split(const struct iobus *b, uint32_t port, unsigned len,
                       uint32_t *out)
{
    const struct io_port *d = owner_of(b, port, len);
    uint32_t value = 0;
    if (d != NULL && d->in(d->self, (uint16_t)port, len, &value)) {
        *out = value & (uint32_t)bits_mask(8 * len);
        return true;
    }
    *out = (uint32_t)bits_mask(8 * len);
    if (len == 1)
        return false;
    unsigned half = len / 2;
    uint32_t low, high;
    bool any = read_split(b, port, half, &low);
    any |= read_split(b, port + half, half, &high);
    *out = low | high << (8 * half);
    return any;
}

static bool write_split(const struct iobus *b, uint32_t port, unsigned len,
                        uint32_t in)
{
    const struct io_port *d = owner_of(b, port, len);
    in &= (uint32_t)bits_mask(8 * len);
    if (d != NULL && d->out(d->self, (uint16_t)port, len, in))
        return true;
    if (len == 1)
        return false;
    unsigned half = len / 2;
    bool any = write_split(b, port, half, in);
    any |= write_split(b, port + half, half, in >> (8 * half));
    return any;
}

static bool iobus_in(void *self, uint16_t port, unsigned len, uint32_t *out)
{
    struct iobus *b = self;
    SIM_ASSERT(len == 1 || len == 2 || len == 4);
    b->stats.reads++;
    bool answered = read_split(b, port, len, out);
    b->stats.unclaimed += !answered;
    return answered;
}

static bool iobus_out(void *self, uint16_t port, unsigned len, uint32_t in)
{
    struct iobus *b = self;
    SIM_ASSERT(len == 1 || len == 2 || len == 4);
    b->stats.writes++;
    bool answered = write_split(b, port, len, in);
    b->stats.unclaimed += !answered;
    return answered;
}

struct io_port iobus_port(struct iobus *b)
{
    return (struct io_port){.self = b, .in = iobus_in, .out = iobus_out};
}

static const struct stat_desc iobus_rows[] = {
    {"reads", offsetof(struct iobus_stats, reads), "accesses",
     "Reads of I/O ports."},
    {"writes", offsetof(struct iobus_stats, writes), "accesses",
     "Writes of I/O ports."},
    {"unclaimed", offsetof(struct iobus_stats, unclaimed), "accesses",
     "Accesses of I/O ports that no device answered."},
};

void iobus_register_stats(const struct iobus *b, struct stat_registry *r,
                          const char *prefix)
{
    stat_register(r, prefix, iobus_rows,
                  sizeof iobus_rows / sizeof iobus_rows[0], &b->stats);
}
