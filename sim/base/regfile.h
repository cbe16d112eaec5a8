/* SPDX-License-Identifier: Apache-2.0
 * Device registers as data: every access size, half register, write-1-to-
 * clear and write-only rule is handled here once, from one row a register.
 */
#ifndef VTSIM_SIM_BASE_REGFILE_H
#define VTSIM_SIM_BASE_REGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reg_desc {
    uint16_t offset; /* bytes from the start of the file */
    uint8_t size;    /* 1, 2, 4 or 8 bytes */
    const char *name;
    uint64_t reset;
    uint64_t rw;  /* bits that software writes and reads */
    uint64_t w1c; /* bits that a written 1 clears */
    uint64_t wo;  /* bits that read as zero */
    /* Called after a write that touched the register; may be NULL. */
    void (*wrote)(void *self, uint64_t old, uint64_t now);
    /* Called to obtain the value instead of the stored one; may be NULL. */
    uint64_t (*read)(void *self);
    const char *source; /* manual and section title */
};

struct regfile {
    const struct reg_desc *rows; /* sorted by offset, not overlapping */
    size_t count;
    uint64_t *value; /* value[count], owned by the device */
    void *self;      /* handed to the hooks */
};

/* Set every register to its reset value without calling hooks. */
void regfile_reset(struct regfile *f);

/* Index of the row covering [offset, offset+len), or -1. */
int regfile_find(const struct regfile *f, uint64_t offset, unsigned len);

/*
 * Read or write `len` (1, 2, 4, 8) bytes. A write to part of a register
 * keeps the other bytes. False, and no effect, when the access straddles
 * rows or hits a gap.
 */
bool regfile_read(const struct regfile *f, uint64_t offset, unsigned len,
                  uint64_t *out);
bool regfile_write(struct regfile *f, uint64_t offset, unsigned len,
                   uint64_t in);

#endif
