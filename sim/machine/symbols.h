/* SPDX-License-Identifier: Apache-2.0
 * Names of addresses from the symbol tables of several ELF files at once: the
 * kernel, the program it runs, a hypervisor and its guest. For what users
 * read; images are untrusted, and a file without symbols is no error.
 */
#ifndef VTSIM_SIM_MACHINE_SYMBOLS_H
#define VTSIM_SIM_MACHINE_SYMBOLS_H

#include "sim/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

/* In which address space a file's names hold. When two files have names for
 * an address, the one whose side is asked for wins, then the one added first.
 */
enum symbol_side {
    SYMBOL_ANY,
    SYMBOL_ROOT,  /* outside VMX non-root operation */
    SYMBOL_GUEST, /* in VMX non-root operation */
};

struct symbol {
    const char *name, *file;  /* of the symbol; owned by struct symbols */
    uint64_t address, offset; /* of the name; from there to what was asked */
};

struct symbols *symbols_create(void); /* NULL: no memory */
void symbols_free(struct symbols *s);

/* Add the functions, objects and labels of an ELF file in memory, at their
 * linked addresses plus `bias`. `file` is what it is called in output.
 * SIM_BAD_INPUT when the bytes are no ELF file. */
SIM_MUST_CHECK enum sim_status symbols_add(struct symbols *s, const char *file,
                                           const uint8_t *data, size_t len,
                                           uint64_t bias, enum symbol_side side,
                                           struct sim_error *e);

/* The name at or before an address, inside its extent if it has one. */
bool symbols_find(const struct symbols *s, uint64_t address,
                  enum symbol_side side, struct symbol *out);

/* The address of a name: of "file:name" in that file alone. */
bool symbols_address(const struct symbols *s, const char *name, uint64_t *out);

/* "name", "name+0x12" or "" into out; returns out. */
const char *symbols_format(const struct symbols *s, uint64_t address,
                           enum symbol_side side, char *out, size_t size);

#endif
