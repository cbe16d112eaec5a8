/* SPDX-License-Identifier: Apache-2.0
 * The devices of a machine and how they are wired. Private to sim/machine.
 */
#ifndef VTSIM_SIM_MACHINE_BOARD_H
#define VTSIM_SIM_MACHINE_BOARD_H

#include "sim/base/status.h"
#include "sim/chipset/acpi_pm.h"
#include "sim/chipset/debugport.h"
#include "sim/chipset/fwcfg.h"
#include "sim/chipset/hostproxy.h"
#include "sim/chipset/i8042.h"
#include "sim/chipset/iobus.h"
#include "sim/chipset/pic.h"
#include "sim/chipset/postcode.h"
#include "sim/chipset/rtc.h"
#include "sim/chipset/uart.h"
#include "timer/pit.h"

struct machine;

/* Bytes on their way to the host. */
struct byte_sink {
    int fd;
    size_t used;
    uint8_t data[4096];
};

/* Bytes from the host. */
struct byte_source {
    int fd; /* -1: none */
    size_t at, used;
    uint8_t data[256];
};

struct board {
    struct iobus iobus;
    struct pic pic;
    struct uart uart;
    struct debugport debugport;
    struct i8042 i8042;
    struct pit pit;
    struct rtc rtc;
    struct postcode postcode;
    struct acpi_pm acpi_pm;  /* claimed with machine.acpi */
    struct fwcfg fwcfg;      /* claimed with machine.fw_cfg */
    struct hostproxy *proxy; /* NULL: the guest is not pk */
    struct io_port proxy_port;
    struct byte_sink console, serial;
    struct byte_source input;
    uint64_t vcd_requests; /* INTR rose so often; for the VCD file */
};

/* Make and wire everything; the memory system and the kernel exist, cores do
 * not yet. */
SIM_MUST_CHECK enum sim_status board_create(struct machine *m,
                                            struct sim_error *e);

void board_destroy(struct machine *m);

/* Send what is waiting. */
void board_flush(struct machine *m);

#endif
