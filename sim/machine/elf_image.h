/* SPDX-License-Identifier: Apache-2.0
 * The part of an ELF file that loading needs, checked.
 */
#ifndef VTSIM_SIM_MACHINE_ELF_IMAGE_H
#define VTSIM_SIM_MACHINE_ELF_IMAGE_H

#include "sim/machine/load.h"

struct elf_segment {
    unsigned index; /* in the program header table */
    uint64_t offset, filesz, vaddr, paddr, memsz;
    uint32_t flags;
};

struct elf_image {
    bool is64, is_x86_64;
    bool is_dynamic_type; /* ET_DYN */
    bool has_interp;
    bool says_linux; /* OS ABI or GNU ABI-tag note */
    uint64_t entry;
    struct elf_segment *segment; /* PT_LOAD with memsz > 0, file order */
    size_t segments;
};

/* Are these the first bytes of an ELF file? */
bool elf_image_is(const uint8_t *data, size_t len);

/* Check the whole of the headers. On success the caller frees `segment`. */
SIM_MUST_CHECK enum sim_status elf_image_read(const struct load_file *f,
                                              struct elf_image *out,
                                              struct sim_error *e);
void elf_image_free(struct elf_image *i);

/* Plan every segment at its physical address. */
SIM_MUST_CHECK enum sim_status elf_image_plan(const struct elf_image *i,
                                              const struct load_file *f,
                                              struct plan *p,
                                              struct sim_error *e);

/* Physical address of the entry point; it must lie in a segment. */
SIM_MUST_CHECK enum sim_status elf_image_entry(const struct elf_image *i,
                                               const struct load_file *f,
                                               uint64_t *entry,
                                               struct sim_error *e);

#endif
