/* SPDX-License-Identifier: Apache-2.0
 * Paging-structure entries and VMX words in words, for monitor commands and
 * traces.
 */
#ifndef VTSIM_SIM_DEBUG_ENTRY_TEXT_H
#define VTSIM_SIM_DEBUG_ENTRY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "PML4E", "EPT PDE" */
const char *entry_name(bool ept, unsigned level);

/* "P RW US A D", "R W X WB"; out has room for ENTRY_TEXT bytes. */
enum { ENTRY_TEXT = 128 };
void entry_flags(bool ept, unsigned level, uint64_t entry,
                 char out[ENTRY_TEXT]);

/* The name of a basic exit reason (its number if it has none). */
const char *exit_name(unsigned reason, char scratch[24]);

/* "external 0x20", "hard exception 14 error"; "" when bit 31 is clear. */
void interruption_text(uint32_t info, char *out, size_t size);

#endif
