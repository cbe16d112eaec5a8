/* SPDX-License-Identifier: Apache-2.0
 * QEMU's firmware configuration device: numbered items and named files that
 * a guest selects at port 510h and reads byte by byte at port 511h. The
 * traditional interface only; no DMA, which the ID item says.
 * Source: QEMU's documentation, "QEMU Firmware Configuration (fw_cfg)
 * Device".
 */
#ifndef VTSIM_SIM_CHIPSET_FWCFG_H
#define VTSIM_SIM_CHIPSET_FWCFG_H

#include "sim/base/port.h"
#include "sim/base/status.h"

#include <stddef.h>

#define FWCFG_SELECTOR 0x510
#define FWCFG_DATA     0x511

enum fwcfg_key {
    FWCFG_SIGNATURE = 0x00,
    FWCFG_ID = 0x01,
    FWCFG_RAM_SIZE = 0x03,
    FWCFG_NOGRAPHIC = 0x04,
    FWCFG_NB_CPUS = 0x05,
    FWCFG_MAX_CPUS = 0x0f,
    FWCFG_FILE_DIR = 0x19,
    FWCFG_FILE_FIRST = 0x20,
};

enum {
    FWCFG_ITEMS_MAX = 16,
    FWCFG_BYTES_MAX = 1024, /* of all items */
    FWCFG_FILES_MAX = 4,
    FWCFG_NAME_MAX = 56, /* with its terminating zero */
    FWCFG_DIR_ENTRY = 64,
};

struct fwcfg_item {
    uint16_t key, at, len; /* bytes [at, at+len) of `data` */
};

struct fwcfg {
    struct fwcfg_item item[FWCFG_ITEMS_MAX];
    unsigned items;
    uint8_t data[FWCFG_BYTES_MAX];
    size_t used;
    uint8_t directory[4 + FWCFG_FILES_MAX * FWCFG_DIR_ENTRY];
    unsigned files;
    uint16_t key; /* selected item */
    size_t next;  /* its next byte to be read */
};

/* Signature, ID and an empty directory; the signature is selected. */
void fwcfg_init(struct fwcfg *f);

/* Add an item (the bytes are copied); a little-endian number of `len`
 * bytes; a named file. What does not fit is an error of the caller's. */
void fwcfg_add(struct fwcfg *f, uint16_t key, const void *bytes, size_t len);
void fwcfg_add_number(struct fwcfg *f, uint16_t key, uint64_t v, unsigned len);
void fwcfg_add_file(struct fwcfg *f, const char *name, const void *bytes,
                    size_t len);

/*
 * Both ports. The selector takes words and is write-only; data is read in
 * bytes, and writes to it are ignored. An item that is not there, or read
 * past its end, reads as zeros.
 */
struct io_port fwcfg_port(struct fwcfg *f);

#endif
