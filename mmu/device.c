/* SPDX-License-Identifier: Apache-2.0
 * Accesses that RAM does not answer: device regions, and addresses nobody
 * claims, which read as all ones. Each bus access is a naturally aligned
 * power of two of at most 8 bytes.
 */
#include "mmu/model.h"

static unsigned bus_size(uint64_t pa, unsigned left)
{
    unsigned n = 8;
    while (n > left || (pa & (n - 1)) != 0)
        n /= 2;
    return n;
}

static void begin(struct mmu *m)
{
    if (m->timing)
        cycles_charge(m->account, LEAF_IO, m->config.mmio_latency);
    if (m->device.before != NULL)
        m->device.before(m->device.self);
}

static void end(struct mmu *m)
{
    if (m->device.after != NULL)
        m->device.after(m->device.self);
}

void device_read(struct mmu *m, uint64_t pa, unsigned len, uint8_t *out)
{
    while (len != 0) {
        unsigned n = bus_size(pa, len);
        uint64_t value = UINT64_MAX;
        const struct mmio_region *r = memory_region(m->shared, pa);
        m->stats->device_reads++;
        begin(m);
        if (r != NULL && !r->port.read(r->port.self, pa - r->base, n, &value))
            value = UINT64_MAX;
        if (UNLIKELY(m->watch.device != NULL))
            m->watch.device(m->watch.self, pa, n, false, value);
        end(m);
        memcpy(out, &value, n);
        pa += n;
        out += n;
        len -= n;
    }
}

void device_write(struct mmu *m, uint64_t pa, unsigned len, const uint8_t *in)
{
    while (len != 0) {
        unsigned n = bus_size(pa, len);
        uint64_t value = 0;
        memcpy(&value, in, n);
        const struct mmio_region *r = memory_region(m->shared, pa);
        m->stats->device_writes++;
        begin(m);
        if (UNLIKELY(m->watch.device != NULL))
            m->watch.device(m->watch.self, pa, n, true, value);
        if (r != NULL)
            (void)r->port.write(r->port.self, pa - r->base, n, value);
        end(m);
        pa += n;
        in += n;
        len -= n;
    }
}
