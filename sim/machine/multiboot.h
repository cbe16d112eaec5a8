/* SPDX-License-Identifier: Apache-2.0
 * Multiboot headers, versions 1 and 2, and the information structures handed
 * to the kernel. Sources: Multiboot Specification 0.6.96; Multiboot2
 * Specification 2.0.
 */
#ifndef VTSIM_SIM_MACHINE_MULTIBOOT_H
#define VTSIM_SIM_MACHINE_MULTIBOOT_H

#include "sim/machine/load.h"

enum {
    MULTIBOOT_MAGIC = 0x1BADB002,
    MULTIBOOT_BOOT_MAGIC = 0x2BADB002,
    MULTIBOOT2_BOOT_MAGIC = 0x36D76289,
};
#define MULTIBOOT2_MAGIC UINT32_C(0xE85250D6)

struct multiboot_header {
    unsigned version; /* 1 or 2 */
    size_t at;        /* offset in the file */
    bool wants_video; /* asked for a mode; not provided */
    bool wants_acpi;  /* asked for ACPI's root pointer */
    bool has_address; /* the fields below replace the ELF headers */
    uint32_t header_addr, load_addr, load_end, bss_end;
    bool has_entry;
    uint32_t entry;
};

/* Is there a valid header? Checksum and place only. */
bool multiboot_find(const struct load_file *f, size_t *at);
bool multiboot2_find(const struct load_file *f, size_t *at);

/* Read and check the header; missing or wrong: SIM_BAD_INPUT. */
SIM_MUST_CHECK enum sim_status multiboot_read(const struct load_file *f,
                                              struct multiboot_header *out,
                                              struct sim_error *e);
SIM_MUST_CHECK enum sim_status multiboot2_read(const struct load_file *f,
                                               struct multiboot_header *out,
                                               struct sim_error *e);

/* Plan the kernel and return its physical entry point. */
SIM_MUST_CHECK enum sim_status multiboot_plan(const struct multiboot_header *h,
                                              const struct load_file *f,
                                              struct plan *p, uint64_t *entry,
                                              struct sim_error *e);

/* What the information structures tell. */
struct boot_module {
    uint64_t at, len;
    const char *string;
};

struct boot_info {
    const char *cmdline;
    const struct boot_module *module;
    size_t modules;
    uint64_t from; /* not below this address; 0: where boot loaders put it */
    const uint8_t *rsdp; /* ACPI's root pointer, or NULL; version 2 tells */
};

/* Place and write the structure; `*at` is its address. The plan is sealed
 * and holds kernel and modules. */
SIM_MUST_CHECK enum sim_status boot_info_plan(unsigned version,
                                              const struct boot_info *b,
                                              struct plan *p, uint64_t *at,
                                              struct sim_error *e);

#endif
