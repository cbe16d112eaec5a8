/* SPDX-License-Identifier: Apache-2.0
 * Port 80h: a byte that keeps what was written. Firmware shows its progress
 * there and old drivers write to it to wait a microsecond.
 */
#ifndef VTSIM_SIM_CHIPSET_POSTCODE_H
#define VTSIM_SIM_CHIPSET_POSTCODE_H

#include "sim/base/port.h"

#define POSTCODE_PORT 0x80

struct postcode {
    uint8_t value;
};

void postcode_init(struct postcode *p);

/* A single byte. */
struct io_port postcode_port(struct postcode *p);

#endif
