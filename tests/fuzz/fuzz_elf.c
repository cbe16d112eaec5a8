/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: ELF files, as detected, as plain kernels and as programs.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_image.h"

#include <elf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    fuzz_plan(data, len, IMAGE_AUTO);
    fuzz_plan(data, len, IMAGE_ELF);
    fuzz_plan(data, len, IMAGE_LINUX);
    return 0;
}

static size_t seed64(uint8_t *buf, bool linux_note)
{
    Elf64_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_X86_64,
                    .e_version = EV_CURRENT,
                    .e_entry = 0x100010,
                    .e_phoff = sizeof h,
                    .e_ehsize = sizeof h,
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = 2};
    Elf64_Phdr p[2] = {{.p_type = PT_LOAD,
                        .p_offset = 0x100,
                        .p_vaddr = 0x100100,
                        .p_paddr = 0x100100,
                        .p_filesz = 0x80,
                        .p_memsz = 0x1000,
                        .p_align = 0x100},
                       {.p_type = PT_LOAD,
                        .p_offset = 0x180,
                        .p_vaddr = 0x200180,
                        .p_paddr = 0x200180,
                        .p_filesz = 0x80,
                        .p_memsz = 0x80,
                        .p_align = 0x80}};
    static const uint8_t tag[20] = {4, 0, 0,   0,   16,  0, 0, 0, 1, 0,
                                    0, 0, 'G', 'N', 'U', 0, 0, 0, 0, 0};
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    h.e_entry = 0x100110;
    if (linux_note)
        p[1] = (Elf64_Phdr){
            .p_type = PT_NOTE, .p_offset = 0x180, .p_filesz = 0x20};
    memset(buf, 0, 0x200);
    memcpy(buf, &h, sizeof h);
    memcpy(buf + sizeof h, p, sizeof p);
    memcpy(buf + 0x180, tag, sizeof tag);
    return 0x200;
}

static size_t seed32(uint8_t *buf)
{
    Elf32_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_386,
                    .e_version = EV_CURRENT,
                    .e_entry = 0x100100,
                    .e_phoff = sizeof h,
                    .e_ehsize = sizeof h,
                    .e_phentsize = sizeof(Elf32_Phdr),
                    .e_phnum = 1};
    Elf32_Phdr p = {.p_type = PT_LOAD,
                    .p_offset = 0x100,
                    .p_vaddr = 0x100100,
                    .p_paddr = 0x100100,
                    .p_filesz = 0x100,
                    .p_memsz = 0x100};
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS32;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    h.e_ident[EI_VERSION] = EV_CURRENT;
    /* With a multiboot header, or it would only ever be refused. */
    static const uint32_t header[3] = {0x1BADB002, 0, 0 - 0x1BADB002u};
    memset(buf, 0, 0x200);
    memcpy(buf, &h, sizeof h);
    memcpy(buf + sizeof h, &p, sizeof p);
    memcpy(buf + 0x120, header, sizeof header);
    return 0x200;
}

size_t fuzz_seed(unsigned index, uint8_t *buf, size_t cap)
{
    if (cap < 0x200)
        return 0;
    switch (index) {
    case 0: return seed64(buf, false);
    case 1: return seed64(buf, true);
    case 2: return seed32(buf);
    default: return 0;
    }
}
