/* SPDX-License-Identifier: Apache-2.0
 * ELF headers by libelf, checked before use. Source: System V ABI, "Object
 * Files" and "Program Loading"; AMD64 supplement.
 */
#include "sim/machine/elf_image.h"

#include "sim/base/bits.h"

#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool elf_image_is(const uint8_t *data, size_t len)
{
    return len >= SELFMAG && memcmp(data, ELFMAG, SELFMAG) == 0;
}

/* A field with a value we do not take. */
static enum sim_status refuse(const struct load_file *f, const char *field,
                              uint64_t value, const char *due,
                              struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT, "%s: ELF %s: 0x%" PRIx64 " (%s)", f->path,
                    field, value, due);
}

/* The bytes that libelf itself trusts. */
static enum sim_status check_ident(const struct load_file *f,
                                   struct sim_error *e)
{
    if (f->len == 0)
        return sim_fail(e, SIM_BAD_INPUT, "%s: empty file", f->path);
    if (f->len < 52)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: too short for an ELF file: %zu bytes (52 at "
                        "least)",
                        f->path, f->len);
    if (!elf_image_is(f->data, f->len))
        return sim_fail(e, SIM_BAD_INPUT, "%s: not an ELF file", f->path);
    if (f->data[EI_CLASS] != ELFCLASS32 && f->data[EI_CLASS] != ELFCLASS64)
        return refuse(f, "class", f->data[EI_CLASS], "1 or 2", e);
    if (f->data[EI_CLASS] == ELFCLASS64 && f->len < 64)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: too short for an ELF64 file: %zu bytes (64 at "
                        "least)",
                        f->path, f->len);
    if (f->data[EI_DATA] != ELFDATA2LSB)
        return refuse(f, "data encoding", f->data[EI_DATA], "1: little-endian",
                      e);
    if (f->data[EI_VERSION] != EV_CURRENT)
        return refuse(f, "version", f->data[EI_VERSION], "1", e);
    return SIM_OK;
}

static enum sim_status check_header(const struct load_file *f,
                                    const GElf_Ehdr *h, struct sim_error *e)
{
    bool is64 = f->data[EI_CLASS] == ELFCLASS64;
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return refuse(f, "type", h->e_type, "2 executable or 3 shared", e);
    if (h->e_machine != (is64 ? EM_X86_64 : EM_386))
        return refuse(f, "machine", h->e_machine,
                      is64 ? "62: x86-64" : "3: 80386", e);
    if (h->e_version != EV_CURRENT)
        return refuse(f, "header version", h->e_version, "1", e);
    if (h->e_ehsize != (is64 ? 64 : 52))
        return refuse(f, "header size", h->e_ehsize, is64 ? "64" : "52", e);
    if (h->e_phentsize != (is64 ? 56 : 32))
        return refuse(f, "program header size", h->e_phentsize,
                      is64 ? "56" : "32", e);
    return SIM_OK;
}

static enum sim_status check_table(const struct load_file *f,
                                   const GElf_Ehdr *h, size_t count,
                                   struct sim_error *e)
{
    if (count == 0)
        return sim_fail(e, SIM_BAD_INPUT, "%s: no program headers", f->path);
    uint64_t size = (uint64_t)count * h->e_phentsize;
    if (h->e_phoff < 4 || h->e_phoff > f->len || size > f->len - h->e_phoff)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: program header table [0x%" PRIx64 ", +0x%" PRIx64
                        ") outside file (0x%zx bytes)",
                        f->path, h->e_phoff, size, f->len);
    if (h->e_phoff % 4 != 0)
        return refuse(f, "program header offset", h->e_phoff, "a multiple of 4",
                      e);
    return SIM_OK;
}

static enum sim_status bad_segment(const struct load_file *f, size_t index,
                                   const char *field, uint64_t value,
                                   const char *limit, struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT, "%s: segment %zu: %s 0x%" PRIx64 " (%s)",
                    f->path, index, field, value, limit);
}

static enum sim_status check_segment(const struct load_file *f, size_t i,
                                     const GElf_Phdr *h, struct sim_error *e)
{
    uint64_t end;
    if (h->p_filesz > h->p_memsz)
        return bad_segment(f, i, "file size", h->p_filesz,
                           "more than its memory size", e);
    if (h->p_offset > f->len || h->p_filesz > f->len - h->p_offset)
        return bad_segment(f, i, "end in file", h->p_offset + h->p_filesz,
                           "outside the file", e);
    if (__builtin_add_overflow(h->p_paddr, h->p_memsz, &end))
        return bad_segment(f, i, "memory size", h->p_memsz,
                           "wraps around the physical address space", e);
    if (__builtin_add_overflow(h->p_vaddr, h->p_memsz - 1, &end))
        return bad_segment(f, i, "memory size", h->p_memsz,
                           "wraps around the linear address space", e);
    if (h->p_align > 1 && !is_pow2(h->p_align))
        return bad_segment(f, i, "alignment", h->p_align, "a power of two", e);
    if (h->p_align > 1 && (h->p_offset ^ h->p_vaddr) & (h->p_align - 1))
        return bad_segment(f, i, "offset", h->p_offset,
                           "does not match its address modulo its alignment",
                           e);
    return SIM_OK;
}

/* The GNU ABI tag: name "GNU", type 1, first word 0 for Linux. */
static bool is_linux_note(const struct load_file *f, const GElf_Phdr *h)
{
    static const uint8_t tag[20] = {4, 0, 0,   0,   16,  0, 0, 0, 1, 0,
                                    0, 0, 'G', 'N', 'U', 0, 0, 0, 0, 0};
    if (h->p_offset > f->len || h->p_filesz > f->len - h->p_offset)
        return false;
    const uint8_t *p = f->data + h->p_offset;
    for (uint64_t at = 0; at + sizeof tag <= h->p_filesz; at += 4)
        if (memcmp(p + at, tag, sizeof tag) == 0)
            return true;
    return false;
}

static enum sim_status add_segment(struct elf_image *out, size_t index,
                                   const GElf_Phdr *h)
{
    out->segment[out->segments++] = (struct elf_segment){
        .index = (unsigned)index,
        .offset = h->p_offset,
        .filesz = h->p_filesz,
        .vaddr = h->p_vaddr,
        .paddr = h->p_paddr,
        .memsz = h->p_memsz,
        .flags = h->p_flags,
    };
    return SIM_OK;
}

static enum sim_status read_segments(const struct load_file *f, Elf *elf,
                                     size_t count, struct elf_image *out,
                                     struct sim_error *e)
{
    out->segment = calloc(count, sizeof *out->segment);
    if (out->segment == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", f->path);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr h;
        if (gelf_getphdr(elf, (int)i, &h) == NULL)
            return sim_fail(e, SIM_BAD_INPUT,
                            "%s: segment %zu cannot be read: %s", f->path, i,
                            elf_errmsg(-1));
        if (h.p_type == PT_INTERP)
            out->has_interp = true;
        if (h.p_type == PT_NOTE && is_linux_note(f, &h))
            out->says_linux = true;
        if (h.p_type != PT_LOAD || h.p_memsz == 0)
            continue;
        enum sim_status s = check_segment(f, i, &h, e);
        if (s == SIM_OK)
            s = add_segment(out, i, &h);
        if (s != SIM_OK)
            return s;
    }
    if (out->segments == 0)
        return sim_fail(e, SIM_BAD_INPUT, "%s: nothing to load", f->path);
    return SIM_OK;
}

static enum sim_status read_all(const struct load_file *f, Elf *elf,
                                struct elf_image *out, struct sim_error *e)
{
    GElf_Ehdr h;
    size_t count = 0;
    if (elf_kind(elf) != ELF_K_ELF || gelf_getehdr(elf, &h) == NULL)
        return sim_fail(e, SIM_BAD_INPUT, "%s: ELF header: %s", f->path,
                        elf_errmsg(-1));
    enum sim_status s = check_header(f, &h, e);
    if (s != SIM_OK)
        return s;
    if (h.e_phnum == PN_XNUM && h.e_shoff == 0)
        return refuse(f, "number of program headers", h.e_phnum,
                      "needs a section 0", e);
    count = h.e_phnum;
    if (h.e_phnum == PN_XNUM && elf_getphdrnum(elf, &count) != 0)
        return sim_fail(e, SIM_BAD_INPUT, "%s: program headers: %s", f->path,
                        elf_errmsg(-1));
    s = check_table(f, &h, count, e);
    if (s != SIM_OK)
        return s;
    out->is64 = f->data[EI_CLASS] == ELFCLASS64;
    out->is_x86_64 = h.e_machine == EM_X86_64;
    out->is_dynamic_type = h.e_type == ET_DYN;
    out->says_linux = f->data[EI_OSABI] == ELFOSABI_GNU;
    out->entry = h.e_entry;
    return read_segments(f, elf, count, out, e);
}

enum sim_status elf_image_read(const struct load_file *f, struct elf_image *out,
                               struct sim_error *e)
{
    memset(out, 0, sizeof *out);
    enum sim_status s = check_ident(f, e);
    if (s != SIM_OK)
        return s;
    elf_version(EV_CURRENT);
    Elf *elf = elf_memory((char *)f->data, f->len);
    if (elf == NULL)
        return sim_fail(e, SIM_BAD_INPUT, "%s: %s", f->path, elf_errmsg(-1));
    s = read_all(f, elf, out, e);
    elf_end(elf);
    if (s != SIM_OK)
        elf_image_free(out);
    return s;
}

void elf_image_free(struct elf_image *i)
{
    free(i->segment);
    i->segment = NULL;
    i->segments = 0;
}

enum sim_status elf_image_plan(const struct elf_image *i,
                               const struct load_file *f, struct plan *p,
                               struct sim_error *e)
{
    for (size_t n = 0; n < i->segments; n++) {
        const struct elf_segment *g = &i->segment[n];
        const struct plan_item item = {
            .at = g->paddr,
            .size = g->memsz,
            .data = f->data + g->offset,
            .filled = g->filesz,
            .index = (int)g->index,
        };
        enum sim_status s = plan_add(p, &item, e);
        if (s != SIM_OK)
            return s;
    }
    return SIM_OK;
}

enum sim_status elf_image_entry(const struct elf_image *i,
                                const struct load_file *f, uint64_t *entry,
                                struct sim_error *e)
{
    for (size_t n = 0; n < i->segments; n++) {
        const struct elf_segment *g = &i->segment[n];
        if (i->entry >= g->vaddr && i->entry - g->vaddr < g->memsz) {
            *entry = g->paddr + (i->entry - g->vaddr);
            return SIM_OK;
        }
    }
    for (size_t n = 0; n < i->segments; n++) {
        const struct elf_segment *g = &i->segment[n];
        if (i->entry >= g->paddr && i->entry - g->paddr < g->memsz) {
            *entry = i->entry;
            return SIM_OK;
        }
    }
    return sim_fail(e, SIM_BAD_INPUT,
                    "%s: entry point 0x%" PRIx64 " is in no loaded segment",
                    f->path, i->entry);
}
