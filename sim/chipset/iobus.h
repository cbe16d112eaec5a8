/* SPDX-License-Identifier: Apache-2.0
 * The I/O space: 65536 byte ports, each claimed by at most one device. An
 * access that a device does not take at its width is split into halves, as
 * an ISA bridge splits for 8-bit cards; a byte nobody answers reads as all
 * ones and a write to it is dropped.
 */
#ifndef VTSIM_SIM_CHIPSET_IOBUS_H
#define VTSIM_SIM_CHIPSET_IOBUS_H

#include "sim/base/port.h"
#include "sim/base/stat.h"
#include "sim/base/status.h"

#define IOBUS_DEVICES_MAX 64

struct iobus_stats {
    uint64_t reads, writes; /* accesses, before any splitting */
    uint64_t unclaimed;     /* accesses no device answered in any part */
};

struct iobus {
    uint8_t owner[65536]; /* 1 + index into device, 0 = nobody */
    struct io_port device[IOBUS_DEVICES_MAX];
    unsigned devices;
    struct iobus_stats stats;
};

/* No device, no count. */
void iobus_init(struct iobus *b);

/*
 * Give ports first..last to `device` (copied), which sees absolute port
 * numbers. SIM_INTERNAL naming the port when one is taken already.
 */
SIM_MUST_CHECK enum sim_status iobus_claim(struct iobus *b, uint16_t first,
                                           uint16_t last, struct io_port device,
                                           struct sim_error *e);

/* What cores connect to: `len` 1, 2 or 4. False when nobody answered. */
struct io_port iobus_port(struct iobus *b);

void iobus_register_stats(const struct iobus *b, struct stat_registry *r,
                          const char *prefix);

#endif
