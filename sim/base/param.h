/* SPDX-License-Identifier: Apache-2.0
 * Parameters as data. A room's configuration is a plain struct; one table
 * (sim/machine/param_table.c) gives each field its dotted name, unit, range
 * and meaning. Parsing, printing, range checks and "did you mean" live here
 * once.
 */
#ifndef VTSIM_SIM_BASE_PARAM_H
#define VTSIM_SIM_BASE_PARAM_H

#include "sim/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_type {
    PARAM_BOOL, /* bool field; on/off, true/false, yes/no, 1/0 */
    PARAM_U32,  /* uint32_t field */
    PARAM_U64,  /* uint64_t field */
    PARAM_SIZE, /* uint64_t field, bytes; accepts K M G T and KiB.. suffixes */
    PARAM_ENUM, /* uint8_t field; index into `choices` */
};

struct param_desc {
    const char *name; /* dotted, stable: "core.dtlb.4k.entries" */
    enum param_type type;
    size_t offset;              /* of the field in the configuration struct */
    uint64_t min, max;          /* inclusive; unused for bool and enum */
    const char *unit;           /* "entries", "cycles", "Hz", "" */
    const char *const *choices; /* PARAM_ENUM: NULL-terminated names */
    const char *doc;            /* one sentence */
};

struct param_table {
    const struct param_desc *rows;
    size_t count;
};

/* The row called `name`, or NULL. */
const struct param_desc *param_find(const struct param_table *t,
                                    const char *name);

/* The nearest name by edit distance, for error messages; NULL if none. */
const char *param_nearest(const struct param_table *t, const char *name);

/*
 * Parse `text` into the field of `config` that row `d` describes.
 * `where` ("--set", "FILE:3:7") opens the error line. Nothing is written on
 * failure. Returns SIM_USAGE for a bad value.
 */
SIM_MUST_CHECK enum sim_status param_set(const struct param_desc *d,
                                         void *config, const char *text,
                                         const char *where,
                                         struct sim_error *e);

enum param_number { PARAM_NUMBER, PARAM_NOT_A_NUMBER, PARAM_OVERFLOW };

/*
 * Read a whole string as an unsigned number: decimal without leading zeros,
 * or 0x and hexadecimal digits; with `suffixes`, one of K M G T KiB MiB GiB
 * TiB (powers of 1024, any case of the letter) may follow. No sign, space or
 * underscore. `*out` is written only for PARAM_NUMBER.
 */
enum param_number param_parse_number(const char *text, bool suffixes,
                                     uint64_t *out);

/* Print the field's value as param_set would read it; returns its length. */
size_t param_format(const struct param_desc *d, const void *config, char *buf,
                    size_t size);

#endif
