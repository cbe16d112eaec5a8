/* SPDX-License-Identifier: Apache-2.0
 * Ports: how rooms meet without including each other. Each is a struct of
 * function pointers and the receiver's `self`; sim/machine wires them.
 */
#ifndef VTSIM_SIM_BASE_PORT_H
#define VTSIM_SIM_BASE_PORT_H

#include "sim/base/addr.h"

#include <stdbool.h>
#include <stdint.h>

/* Simulated time in femtoseconds since power-on. */
typedef uint64_t sim_time;
#define SIM_NEVER         UINT64_MAX
#define SIM_FS_PER_SECOND UINT64_C(1000000000000000)

/*
 * Physical memory as a bus master sees it. `len` is 1..4096 and the access
 * stays in one page. False: nothing answers at this address (master abort).
 */
struct mem_port {
    void *self;
    bool (*read)(void *self, hpa at, unsigned len, void *out);
    bool (*write)(void *self, hpa at, unsigned len, const void *in);
};

/*
 * A memory-mapped device. `offset` is relative to the region; `len` is
 * 1, 2, 4 or 8. False: the device does not answer this access (the bus reads
 * all ones and drops writes).
 */
struct mmio_port {
    void *self;
    bool (*read)(void *self, uint64_t offset, unsigned len, uint64_t *out);
    bool (*write)(void *self, uint64_t offset, unsigned len, uint64_t in);
};

/* I/O space, port 0..65535, `len` 1, 2 or 4. False: no device claims it. */
struct io_port {
    void *self;
    bool (*in)(void *self, uint16_t port, unsigned len, uint32_t *out);
    bool (*out)(void *self, uint16_t port, unsigned len, uint32_t in);
};

/* An interrupt wire. `level` true = asserted. */
struct irq_port {
    void *self;
    void (*set)(void *self, unsigned line, bool level);
};

/* Interrupt acknowledge: the vector of the highest pending ExtINT request. */
struct inta_port {
    void *self;
    uint8_t (*acknowledge)(void *self);
};

/* Message-signalled interrupts; source_id is the PCI requestor id. */
struct msi_port {
    void *self;
    void (*send)(void *self, uint16_t source_id, uint64_t addr, uint32_t data);
};

/*
 * Time as a device sees it. Inside an access made by a core, now() is that
 * core's local time. arm(id, at) asks for the owner's on_time callback no
 * earlier than `at`; it replaces an earlier request of the same port;
 * SIM_NEVER cancels. Arming before the end of the running core's quantum
 * shortens the quantum.
 */
struct clock_port {
    void *self;
    sim_time (*now)(void *self);
    void (*arm)(void *self, sim_time at);
};

/* What the owner of a clock_port is called back with. */
typedef void on_time_fn(void *self, sim_time now);

/*
 * Magic operations of guest programs (docs/guest-interface.md): m5-style
 * function number, two arguments, a result for RAX.
 */
struct magic_port {
    void *self;
    uint64_t (*op)(void *self, unsigned core, uint16_t function, uint64_t arg0,
                   uint64_t arg1);
};

/* A halted core has work again, by what another agent did. */
struct wake_port {
    void *self;
    void (*wake)(void *self, unsigned core);
};

/* One line for whoever watches the run, without newline: the explanation of
 * a failed VM entry, a finding of a check. */
struct note_port {
    void *self;
    void (*note)(void *self, unsigned core, const char *line);
};

/* An inter-processor or device interrupt message on the APIC bus. */
struct apic_message {
    uint32_t destination; /* APIC id or logical destination */
    uint8_t vector;
    uint8_t delivery;  /* SDM Vol.3 "Interrupt Command Register": 0 fixed .. */
    uint8_t shorthand; /* 0 none, 1 self, 2 all, 3 all but self */
    bool logical;
    bool level;
    bool assert_;
};

/* Where a local APIC sends its IPIs; `sender` is the core's index. */
struct apic_bus_port {
    void *self;
    void (*send)(void *self, unsigned sender, const struct apic_message *m);
};

#endif
