/* SPDX-License-Identifier: Apache-2.0
 * Images: what is accepted and where it goes, and sections E and M of the
 * catalogue of bad inputs, one row each: status and a part of the line.
 */
#include "sim/machine/elf_image.h"
#include "sim/machine/load.h"
#include "sim/machine/multiboot.h"

#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM (UINT64_C(64) << 20)

/* --- Building images ------------------------------------------------------ */

enum { CODE_AT = 0x1000, FILE_SIZE = 0x2000 };

/* A good ELF64 kernel: one segment of a page at 1 MiB. */
struct elf64 {
    Elf64_Ehdr h;
    Elf64_Phdr p[3];
    uint8_t rest[FILE_SIZE - sizeof(Elf64_Ehdr) - 3 * sizeof(Elf64_Phdr)];
};

static void good_elf(struct elf64 *f)
{
    memset(f, 0, sizeof *f);
    memcpy(f->h.e_ident, ELFMAG, SELFMAG);
    f->h.e_ident[EI_CLASS] = ELFCLASS64;
    f->h.e_ident[EI_DATA] = ELFDATA2LSB;
    f->h.e_ident[EI_VERSION] = EV_CURRENT;
    f->h.e_type = ET_EXEC;
    f->h.e_machine = EM_X86_64;
    f->h.e_version = EV_CURRENT;
    f->h.e_entry = 0x100010;
    f->h.e_phoff = sizeof f->h;
    f->h.e_ehsize = sizeof f->h;
    f->h.e_phentsize = sizeof f->p[0];
    f->h.e_phnum = 1;
    f->p[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                           .p_flags = PF_R | PF_X,
                           .p_offset = CODE_AT,
                           .p_vaddr = 0x100000,
                           .p_paddr = 0x100000,
                           .p_filesz = 0x800,
                           .p_memsz = 0x1800,
                           .p_align = 0x1000};
}

/* The result of planning `len` bytes. */
struct outcome {
    enum sim_status status;
    struct sim_error e;
    struct plan plan;
    struct load_result result;
};

static void plan_bytes(struct outcome *o, const void *bytes, size_t len,
                       const struct load_request *base)
{
    struct machine_config config;
    static char path[] = "image";
    struct load_file file = {.path = path, .len = len};
    file.data = malloc(len + 1);
    ck_assert_ptr_nonnull(file.data);
    if (len != 0)
        memcpy(file.data, bytes, len);
    config_defaults(&config);
    struct load_request r = *base;
    r.image = &file;
    r.config = &config;
    memset(o, 0, sizeof *o);
    plan_init(&o->plan, "image", RAM);
    o->status = load_plan(&r, &o->plan, &o->result, &o->e);
    /* The plan refers to the file, which goes away: keep what tests need. */
    for (size_t i = 0; i < o->plan.count; i++)
        if (o->plan.item[i].index >= 0)
            o->plan.item[i].data = NULL;
    free(file.data);
}

static const struct load_request automatic = {.kind = IMAGE_AUTO};

static const struct plan_item *item_at(const struct plan *p, uint64_t at)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->item[i].at == at)
            return &p->item[i];
    return NULL;
}

/* --- Good images ---------------------------------------------------------- */

START_TEST(plain_elf_is_entered_in_long_mode)
{
    struct elf64 f;
    struct outcome o;
    good_elf(&f);
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    ck_assert_int_eq(o.result.kind, IMAGE_ELF);
    ck_assert_int_eq(o.result.entry.mode, ENTRY_LONG64);
    ck_assert_uint_eq(o.result.entry.rip, 0x100010);
    ck_assert_uint_eq(o.result.entry.rsp % 16, 8);
    const struct plan_item *code = item_at(&o.plan, 0x100000);
    ck_assert_ptr_nonnull(code);
    ck_assert_uint_eq(code->size, 0x1800);
    ck_assert_uint_eq(code->filled, 0x800);
    /* The page tables map 4 GiB: the last entry of the last directory. */
    const struct plan_item *tables = item_at(&o.plan, o.result.entry.cr3);
    ck_assert_ptr_nonnull(tables);
    uint64_t last;
    memcpy(&last, tables->data + 6 * 4096 - 8, 8);
    ck_assert_uint_eq(last, UINT64_C(0xffe00083));
    plan_free(&o.plan);
}
END_TEST

START_TEST(upper_half_entry_is_physical)
{
    struct elf64 f;
    struct outcome o;
    good_elf(&f);
    f.p[0].p_vaddr = UINT64_C(0xffffffff80100000);
    f.h.e_entry = UINT64_C(0xffffffff80100020);
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    ck_assert_uint_eq(o.result.entry.rip, 0x100020);
    plan_free(&o.plan);
}
END_TEST

/* Program headers may overlap the ELF header, zero-sized segments are
 * ignored, alignment 0 and 1 mean none. */
START_TEST(odd_but_legal_elf_files_load)
{
    struct elf64 f;
    struct outcome o;
    good_elf(&f);
    f.h.e_phnum = 3;
    f.p[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_offset = ~UINT64_C(0)};
    f.p[2] = (Elf64_Phdr){.p_type = PT_LOAD,
                          .p_offset = 3,
                          .p_vaddr = 0x300000,
                          .p_paddr = 0x300000,
                          .p_filesz = 1,
                          .p_memsz = 1,
                          .p_align = 1};
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    ck_assert_ptr_nonnull(item_at(&o.plan, 0x300000));
    plan_free(&o.plan);
}
END_TEST

START_TEST(many_segments_load_in_time)
{
    enum { COUNT = 65534 };
    size_t len = sizeof(Elf64_Ehdr) + COUNT * sizeof(Elf64_Phdr);
    uint8_t *bytes = calloc(1, len);
    struct elf64 f;
    struct outcome o;
    ck_assert_ptr_nonnull(bytes);
    good_elf(&f);
    f.h.e_phnum = COUNT;
    f.h.e_entry = 0x200000;
    memcpy(bytes, &f.h, sizeof f.h);
    for (unsigned i = 0; i < COUNT; i++) {
        Elf64_Phdr p = {.p_type = PT_LOAD,
                        .p_offset = i,
                        .p_vaddr = 0x200000 + 2 * (uint64_t)(COUNT - 1 - i),
                        .p_paddr = 0x200000 + 2 * (uint64_t)(COUNT - 1 - i),
                        .p_filesz = 1,
                        .p_memsz = 1};
        memcpy(bytes + sizeof f.h + i * sizeof p, &p, sizeof p);
    }
    plan_bytes(&o, bytes, len, &automatic);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    plan_free(&o.plan);
    free(bytes);
}
END_TEST

START_TEST(linux_programs_are_recognised)
{
    struct elf64 f;
    struct load_file file = {.path = (char[]){"x"}, .len = sizeof f};
    struct sim_error e;
    enum image_kind kind;
    file.data = (uint8_t *)&f;
    good_elf(&f);
    ck_assert_int_eq(load_detect(&file, &kind, &e), SIM_OK);
    ck_assert_int_eq(kind, IMAGE_ELF);
    f.h.e_ident[EI_OSABI] = ELFOSABI_GNU;
    ck_assert_int_eq(load_detect(&file, &kind, &e), SIM_OK);
    ck_assert_int_eq(kind, IMAGE_LINUX);
    good_elf(&f);
    f.h.e_type = ET_DYN; /* static-PIE */
    ck_assert_int_eq(load_detect(&file, &kind, &e), SIM_OK);
    ck_assert_int_eq(kind, IMAGE_LINUX);
    good_elf(&f);
    f.p[0].p_vaddr = f.p[0].p_paddr = 0x400000;
    ck_assert_int_eq(load_detect(&file, &kind, &e), SIM_OK);
    ck_assert_int_eq(kind, IMAGE_LINUX);
    good_elf(&f); /* ABI note */
    static const uint8_t tag[20] = {4, 0, 0,   0,   16,  0, 0, 0, 1, 0,
                                    0, 0, 'G', 'N', 'U', 0, 0, 0, 0, 0};
    f.h.e_phnum = 2;
    f.p[1] =
        (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = 0x1800, .p_filesz = 32};
    memcpy((uint8_t *)&f + 0x1800, tag, sizeof tag);
    ck_assert_int_eq(load_detect(&file, &kind, &e), SIM_OK);
    ck_assert_int_eq(kind, IMAGE_LINUX);
}
END_TEST

/* --- Bad ELF files -------------------------------------------------------- */

static void e_magic(struct elf64 *f)
{
    f->h.e_ident[0] = 'X';
}
static void e_class(struct elf64 *f)
{
    f->h.e_ident[EI_CLASS] = 3;
}
static void e_data(struct elf64 *f)
{
    f->h.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void e_version(struct elf64 *f)
{
    f->h.e_ident[EI_VERSION] = 0;
}
static void e_version2(struct elf64 *f)
{
    f->h.e_version = 2;
}
static void e_arm(struct elf64 *f)
{
    f->h.e_machine = EM_ARM;
}
static void e_386(struct elf64 *f)
{
    f->h.e_machine = EM_386;
}
static void e_65535(struct elf64 *f)
{
    f->h.e_machine = 65535;
}
static void e_rel(struct elf64 *f)
{
    f->h.e_type = ET_REL;
}
static void e_core(struct elf64 *f)
{
    f->h.e_type = ET_CORE;
}
static void e_none(struct elf64 *f)
{
    f->h.e_type = ET_NONE;
}
static void e_ehsize0(struct elf64 *f)
{
    f->h.e_ehsize = 0;
}
static void e_ehsize52(struct elf64 *f)
{
    f->h.e_ehsize = 52;
}
static void e_ehsize65535(struct elf64 *f)
{
    f->h.e_ehsize = 65535;
}
static void e_phentsize0(struct elf64 *f)
{
    f->h.e_phentsize = 0;
}
static void e_phentsize57(struct elf64 *f)
{
    f->h.e_phentsize = 57;
}
static void e_phentsize65535(struct elf64 *f)
{
    f->h.e_phentsize = 65535;
}
static void e_phnum0(struct elf64 *f)
{
    f->h.e_phnum = 0;
}
static void e_phnum65535(struct elf64 *f)
{
    f->h.e_phnum = PN_XNUM;
}
static void e_phnum_many(struct elf64 *f)
{
    f->h.e_phnum = 60000;
}
static void e_phoff0(struct elf64 *f)
{
    f->h.e_phoff = 0;
}
static void e_phoff_end(struct elf64 *f)
{
    f->h.e_phoff = FILE_SIZE;
}
static void e_phoff_past(struct elf64 *f)
{
    f->h.e_phoff = FILE_SIZE + 8;
}
static void e_phoff_odd(struct elf64 *f)
{
    f->h.e_phoff = 65;
}
static void e_phoff_max(struct elf64 *f)
{
    f->h.e_phoff = UINT64_MAX;
}
static void e_phoff_wrap(struct elf64 *f)
{
    f->h.e_phoff = UINT64_MAX - 55;
}
static void e_filesz(struct elf64 *f)
{
    f->p[0].p_filesz = 0x1801;
}
static void e_offset(struct elf64 *f)
{
    f->p[0].p_offset = 0x10000;
}
static void e_offset_wrap(struct elf64 *f)
{
    f->p[0].p_offset = UINT64_MAX - 0xff;
}
static void e_offset_end(struct elf64 *f)
{
    f->p[0].p_filesz = 0x1001;
}
static void e_memsz(struct elf64 *f)
{
    f->p[0].p_memsz = UINT64_C(1) << 63;
}
static void e_paddr_wrap(struct elf64 *f)
{
    f->p[0].p_paddr = UINT64_MAX - 0xfff;
}
static void e_vaddr_wrap(struct elf64 *f)
{
    f->p[0].p_vaddr = UINT64_MAX - 0xfff;
}
static void e_align3(struct elf64 *f)
{
    f->p[0].p_align = 3;
}
static void e_align_max(struct elf64 *f)
{
    f->p[0].p_align = UINT64_C(1) << 63;
    f->p[0].p_offset = CODE_AT + 8;
}
static void e_congruent(struct elf64 *f)
{
    f->p[0].p_offset = CODE_AT + 4;
}
static void e_no_load(struct elf64 *f)
{
    f->p[0].p_type = PT_NOTE;
}
static void e_outside(struct elf64 *f)
{
    f->p[0].p_paddr = RAM;
}
static void e_straddle(struct elf64 *f)
{
    f->p[0].p_paddr = RAM - 0x1800 + 1;
    f->p[0].p_align = 1;
}
static void e_lapic(struct elf64 *f)
{
    f->p[0].p_paddr = 0xfee00000;
}
static void e_width(struct elf64 *f)
{
    f->p[0].p_paddr = UINT64_C(1) << 52;
}
static void e_bigger(struct elf64 *f)
{
    f->p[0].p_memsz = RAM;
}
static void e_overlap(struct elf64 *f)
{
    f->h.e_phnum = 2;
    f->p[1] = f->p[0];
    f->p[1].p_vaddr = f->p[1].p_paddr = 0x101000;
}
static void e_same(struct elf64 *f)
{
    f->h.e_phnum = 2;
    f->p[1] = f->p[0];
}
static void e_entry(struct elf64 *f)
{
    f->h.e_entry = 0x101800;
}
static void e_entry0(struct elf64 *f)
{
    f->h.e_entry = 0;
}
static void e_entry_noncanonical(struct elf64 *f)
{
    f->h.e_entry = UINT64_C(1) << 63;
}
static void e_interp(struct elf64 *f)
{
    f->h.e_phnum = 2;
    f->p[1] =
        (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = CODE_AT, .p_filesz = 5};
}

static const struct {
    const char *id;
    void (*damage)(struct elf64 *f);
    const char *says;
} bad_elf[] = {
    {"E4", e_magic, "not an image"},
    {"E7", e_class, "class: 0x3"},
    {"E8", e_data, "data encoding: 0x2"},
    {"E9", e_version, "version: 0x0"},
    {"E9b", e_version2, "header version: 0x2"},
    {"E10", e_arm, "machine: 0x28"},
    {"E10b", e_386, "machine: 0x3"},
    {"E10c", e_65535, "machine: 0xffff"},
    {"E11", e_rel, "type: 0x1"},
    {"E11b", e_core, "type: 0x4"},
    {"E11c", e_none, "type: 0x0"},
    {"E14", e_ehsize0, "header size: 0x0"},
    {"E14b", e_ehsize52, "header size: 0x34"},
    {"E14c", e_ehsize65535, "header size: 0xffff"},
    {"E15", e_phentsize0, "program header size: 0x0"},
    {"E15b", e_phentsize57, "program header size: 0x39"},
    {"E15c", e_phentsize65535, "program header size: 0xffff"},
    {"E16", e_phnum0, "no program headers"},
    {"E17", e_phnum65535, "program header"},
    {"E17b", e_phnum_many, "outside file"},
    {"E18", e_phoff0, "outside file"},
    {"E18b", e_phoff_end, "outside file"},
    {"E18c", e_phoff_past, "outside file"},
    {"E18d", e_phoff_odd, "program header"},
    {"E18e", e_phoff_max, "outside file"},
    {"E19", e_phoff_wrap, "outside file"},
    {"E21", e_filesz, "segment 0: file size 0x1801"},
    {"E22", e_offset, "segment 0: end in file"},
    {"E23", e_offset_wrap, "segment 0: end in file"},
    {"E23b", e_offset_end, "segment 0: end in file"},
    {"E24", e_memsz, "segment 0"},
    {"E25", e_paddr_wrap, "segment 0: memory size"},
    {"E25b", e_vaddr_wrap, "segment 0: memory size"},
    {"E26", e_align3, "segment 0: alignment 0x3"},
    {"E26b", e_align_max, "segment 0: offset"},
    {"E27", e_congruent, "segment 0: offset"},
    {"E29", e_no_load, "nothing to load"},
    {"E31", e_outside, "segment 0: [0x4000000"},
    {"E32", e_straddle, "outside guest RAM"},
    {"E33", e_lapic, "outside guest RAM"},
    {"E36", e_width, "outside guest RAM"},
    {"E37", e_bigger, "outside guest RAM"},
    {"E34", e_overlap, "segments 0 and 1 overlap"},
    {"E34b", e_same, "overlap"},
    {"E39", e_entry, "entry point 0x101800"},
    {"E39b", e_entry0, "entry point 0x0"},
    {"E39c", e_entry_noncanonical, "entry point 0x8000000000000000"},
    {"E43", e_interp, "PT_INTERP"},
};

START_TEST(bad_elf_is_refused_by_name)
{
    struct elf64 f;
    struct outcome o;
    good_elf(&f);
    bad_elf[_i].damage(&f);
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_msg(o.status == SIM_BAD_INPUT &&
                      strstr(o.e.text, bad_elf[_i].says) != NULL &&
                      strncmp(o.e.text, "image: ", 7) == 0 &&
                      strchr(o.e.text, '\n') == NULL,
                  "%s: %d %s", bad_elf[_i].id, o.status, o.e.text);
    plan_free(&o.plan);
}
END_TEST

/* E1..E3 and every other cut: no length is read past. */
START_TEST(cut_files_are_refused)
{
    struct elf64 f;
    struct outcome o;
    good_elf(&f);
    for (size_t len = 0; len < CODE_AT + 0x800; len += len < 300 ? 1 : 97) {
        plan_bytes(&o, &f, len, &automatic);
        ck_assert_msg(o.status == SIM_BAD_INPUT, "%zu", len);
        plan_free(&o.plan);
    }
}
END_TEST

/* --- Multiboot ------------------------------------------------------------ */

struct words {
    uint32_t w[12288 / 4 * 4];
};

static void put_mb1(struct words *f, size_t at, uint32_t flags)
{
    f->w[at / 4] = MULTIBOOT_MAGIC;
    f->w[at / 4 + 1] = flags;
    f->w[at / 4 + 2] = 0 - (MULTIBOOT_MAGIC + flags);
}

/* Address fields: the file at 1 MiB. */
static void put_mb1_address(struct words *f, size_t at)
{
    put_mb1(f, at, 0x10003);
    f->w[at / 4 + 3] = (uint32_t)(0x100000 + at);
    f->w[at / 4 + 4] = 0x100000;
    f->w[at / 4 + 5] = 0x104000;
    f->w[at / 4 + 6] = 0x108000;
    f->w[at / 4 + 7] = 0x100100;
}

START_TEST(multiboot_header_is_found_up_to_its_last_place)
{
    struct words f;
    struct outcome o;
    for (size_t at = 0; at <= 8192 - 12; at += 4084) {
        memset(&f, 0, sizeof f);
        put_mb1_address(&f, at);
        plan_bytes(&o, &f, sizeof f, &automatic);
        ck_assert_msg(o.status == SIM_OK, "%zu: %s", at, o.e.text);
        ck_assert_int_eq(o.result.kind, IMAGE_MULTIBOOT);
        ck_assert_int_eq(o.result.entry.mode, ENTRY_PROTECTED32);
        ck_assert_uint_eq(o.result.entry.rax, MULTIBOOT_BOOT_MAGIC);
        ck_assert_uint_eq(o.result.entry.rip, 0x100100);
        plan_free(&o.plan);
    }
    memset(&f, 0, sizeof f);
    put_mb1_address(&f, 8184); /* its checksum would lie beyond 8 KiB */
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_int_eq(o.status, SIM_BAD_INPUT);
    plan_free(&o.plan);
}
END_TEST

/* The information structure: flags, command line, module, memory map. */
START_TEST(multiboot_information_tells_what_was_asked)
{
    struct words f;
    struct outcome o;
    uint8_t bytes[3] = {1, 2, 3};
    static char path[] = "mod";
    struct load_file module = {.path = path, .data = bytes, .len = 3};
    const char *text[] = {"a b"};
    struct load_request r = automatic;
    r.append = "x=1";
    r.module = &module;
    r.module_cmdline = text;
    r.modules = 1;
    memset(&f, 0, sizeof f);
    put_mb1_address(&f, 0);
    plan_bytes(&o, &f, sizeof f, &r);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    uint64_t at = o.result.entry.rbx;
    const struct plan_item *info = item_at(&o.plan, at);
    ck_assert_ptr_nonnull(info);
    const uint32_t *w = (const uint32_t *)(const void *)info->data;
    ck_assert_uint_eq(w[0], 0x24d);
    ck_assert_uint_eq(w[2], (RAM - 0x100000) / 1024);
    ck_assert_str_eq((const char *)info->data + (w[4] - at), "image x=1");
    ck_assert_uint_eq(w[5], 1);
    const uint32_t *m = w + (w[6] - at) / 4;
    ck_assert_uint_eq(m[0], 0x108000); /* above the kernel's bss */
    ck_assert_uint_eq(m[1], 0x108003);
    ck_assert_str_eq((const char *)info->data + (m[2] - at), "mod a b");
    const uint32_t *map = w + (w[12] - at) / 4;
    ck_assert_uint_eq(w[11], 4 * 24);
    ck_assert_uint_eq(map[0], 20);
    ck_assert_uint_eq(map[3], 0x9fc00);
    ck_assert_uint_eq(map[5], 1);
    plan_free(&o.plan);
}
END_TEST

static void m_flag(struct words *f)
{
    put_mb1(f, 0, 0x10023);
}
static void m_checksum(struct words *f)
{
    f->w[2]++;
}
static void m_header_addr(struct words *f)
{
    f->w[3] = 0xfffff;
}
static void m_load_end(struct words *f)
{
    f->w[5] = 0xfffff;
}
static void m_load_far(struct words *f)
{
    f->w[5] = 0x200000;
}
static void m_bss_end(struct words *f)
{
    f->w[6] = 0x103fff;
}
static void m_entry(struct words *f)
{
    f->w[7] = 0x108000;
}
static void m_entry_low(struct words *f)
{
    f->w[7] = 0xfffff;
}
static void m_ram(struct words *f)
{
    f->w[3] = f->w[4] = f->w[7] = 0x3fff000;
    f->w[5] = 0x4003000;
    f->w[6] = 0;
}
static void m_wrap(struct words *f)
{
    f->w[3] = f->w[4] = f->w[7] = 0xfffff000;
    f->w[5] = 0;
    f->w[6] = 0;
}
static void m_before(struct words *f)
{
    f->w[3] = 0x100010;
}

static const struct {
    const char *id;
    void (*damage)(struct words *f);
    const char *says;
} bad_mb1[] = {
    {"M4", m_checksum, "not an image"},
    {"M6", m_flag, "bit 5"},
    {"M8", m_header_addr, "header_addr: 0xfffff"},
    {"M8b", m_before, "before the file"},
    {"M9", m_load_end, "load_end_addr: 0xfffff"},
    {"M9b", m_load_far, "beyond the end of the file"},
    {"M10", m_bss_end, "bss_end_addr: 0x103fff"},
    {"M12", m_ram, "outside guest RAM"},
    {"M12b", m_wrap, "outside guest RAM"},
    {"M13", m_entry, "entry_addr: 0x108000"},
    {"M13b", m_entry_low, "entry_addr: 0xfffff"},
};

START_TEST(bad_multiboot_is_refused_by_name)
{
    struct words f;
    struct outcome o;
    memset(&f, 0, sizeof f);
    put_mb1_address(&f, 0);
    bad_mb1[_i].damage(&f);
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_msg(o.status == SIM_BAD_INPUT &&
                      strstr(o.e.text, bad_mb1[_i].says) != NULL,
                  "%s: %d %s", bad_mb1[_i].id, o.status, o.e.text);
    plan_free(&o.plan);
}
END_TEST

/* M7, M11, M14: unknown optional flags, load_end 0, a video mode. */
START_TEST(lenient_multiboot_cases_load)
{
    struct words f;
    struct outcome o;
    memset(&f, 0, sizeof f);
    put_mb1_address(&f, 0);
    f.w[1] |= 0x80020004;
    f.w[2] = 0 - (f.w[0] + f.w[1]);
    f.w[5] = 0;
    f.w[6] = 0;
    plan_bytes(&o, &f, sizeof f, &automatic);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    ck_assert_ptr_nonnull(strstr(o.result.note, "video"));
    ck_assert_uint_eq(item_at(&o.plan, 0x100000)->size, sizeof f);
    plan_free(&o.plan);
}
END_TEST

/* --- Multiboot2 ----------------------------------------------------------- */

struct tag_words {
    uint32_t w[16];
    unsigned n;
};

/* Header, address and entry tags, `extra`, end tag. */
static void put_mb2(struct words *f, const struct tag_words *extra)
{
    static const uint32_t fixed[] = {
        2, 24, 0x100000, 0x100000, 0x104000, 0x108000, 3, 12, 0x100100, 0,
    };
    memset(f, 0, sizeof *f);
    uint32_t *w = f->w + 4;
    memcpy(w, fixed, sizeof fixed);
    w += 10;
    memcpy(w, extra->w, sizeof(uint32_t) * extra->n);
    w += (extra->n + 1) / 2 * 2;
    w[0] = 0;
    w[1] = 8;
    uint32_t length = (uint32_t)(w + 2 - f->w) * 4;
    f->w[0] = MULTIBOOT2_MAGIC;
    f->w[2] = length;
    f->w[3] = 0 - (MULTIBOOT2_MAGIC + length);
}

static const struct {
    const char *id;
    struct tag_words extra;
    const char *says; /* NULL: loads */
} mb2[] = {
    {"plain", {{0}, 0}, NULL},
    {"M16 size 0", {{5, 0}, 2}, "size: 0x0"},
    {"M16 size 1", {{5, 1}, 2}, "size: 0x1"},
    {"M16 size 7", {{5, 7}, 2}, "size: 0x7"},
    {"M16 beyond", {{5, 0x10000}, 2}, "size: 0x10000"},
    {"M16 short", {{5, 8}, 2}, "too small"},
    {"M19 address", {{2, 24, 1, 1, 1, 1}, 6}, "second address"},
    {"M19 entry", {{3, 12, 0x100000}, 3}, "second entry"},
    {"M20 order", {{10, 24, 0x200000, 0x100000, 4096, 0}, 6}, "lowest"},
    {"M20 align 0", {{10, 24, 0, 0x200000, 0, 0}, 6}, "alignment"},
    {"M20 align 3", {{10, 24, 0, 0x200000, 3, 0}, 6}, "alignment"},
    {"M20 good", {{10, 24, 0, 0x200000, 4096, 0}, 6}, NULL},
    {"M21 required", {{1, 12, 77}, 3}, "type: 0x4d"},
    {"M21 optional", {{0x10001, 12, 77}, 3}, NULL},
    {"M21 known", {{1, 16, 3, 6}, 4}, NULL},
    {"M21 ACPI", {{1, 16, 14, 15}, 4}, NULL},
    {"unknown tag", {{99, 8}, 2}, "unknown type: 0x63"},
    {"unknown optional", {{0x10063, 8}, 2}, NULL},
    {"EFI boot services", {{7, 8}, 2}, "unknown type: 0x7"},
    {"framebuffer", {{5, 20, 0, 0, 0}, 5}, NULL},
};

START_TEST(multiboot2_tags)
{
    struct words f;
    struct outcome o;
    put_mb2(&f, &mb2[_i].extra);
    plan_bytes(&o, &f, sizeof f, &automatic);
    if (mb2[_i].says == NULL) {
        ck_assert_msg(o.status == SIM_OK, "%s: %s", mb2[_i].id, o.e.text);
        ck_assert_int_eq(o.result.kind, IMAGE_MULTIBOOT2);
        ck_assert_uint_eq(o.result.entry.rax, MULTIBOOT2_BOOT_MAGIC);
        ck_assert_uint_eq(o.result.entry.rip, 0x100100);
    } else {
        ck_assert_msg(o.status == SIM_BAD_INPUT &&
                          strstr(o.e.text, mb2[_i].says) != NULL,
                      "%s: %d %s", mb2[_i].id, o.status, o.e.text);
    }
    plan_free(&o.plan);
}
END_TEST

/* M15, M17 and the architecture field. */
START_TEST(multiboot2_header_fields)
{
    static const struct {
        uint32_t word, value;
        const char *says;
    } row[] = {
        {1, 4, "architecture: 0x4"}, {2, 16, "length: 0x10"},
        {2, 0x10000, "length"},      {2, 60, "length: 0x3c"},
        {2, 56, "without end tag"},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct words f;
        struct outcome o;
        put_mb2(&f, &mb2[0].extra);
        f.w[row[i].word] = row[i].value;
        f.w[3] = 0 - (f.w[0] + f.w[1] + f.w[2]);
        plan_bytes(&o, &f, sizeof f, &automatic);
        ck_assert_msg(o.status == SIM_BAD_INPUT &&
                          strstr(o.e.text, row[i].says) != NULL,
                      "%zu: %s", i, o.e.text);
        plan_free(&o.plan);
    }
}
END_TEST

/* M23, M24: a command line that does not fit below 512 KiB goes above. */
START_TEST(long_command_lines_move_the_information)
{
    struct words f;
    struct outcome o;
    char *text = malloc(LOAD_CMDLINE_MAX + 2);
    struct load_request r = automatic;
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', LOAD_CMDLINE_MAX + 1);
    text[LOAD_CMDLINE_MAX] = '\0';
    r.append = text;
    memset(&f, 0, sizeof f);
    put_mb1_address(&f, 0);
    plan_bytes(&o, &f, sizeof f, &r);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    ck_assert_uint_ge(o.result.entry.rbx, 0x108000);
    plan_free(&o.plan);
    text[LOAD_CMDLINE_MAX] = 'x';
    text[LOAD_CMDLINE_MAX + 1] = '\0';
    plan_bytes(&o, &f, sizeof f, &r);
    ck_assert_int_eq(o.status, SIM_USAGE);
    plan_free(&o.plan);
    free(text);
}
END_TEST

/* M22: a module that is empty, and one that RAM cannot hold. */
START_TEST(modules_of_odd_sizes)
{
    struct words f;
    struct outcome o;
    static char path[] = "mod";
    uint8_t byte = 0;
    struct load_file module = {.path = path, .data = &byte, .len = 0};
    const char *text[] = {NULL};
    struct load_request r = automatic;
    r.module = &module;
    r.module_cmdline = text;
    r.modules = 1;
    memset(&f, 0, sizeof f);
    put_mb1_address(&f, 0);
    plan_bytes(&o, &f, sizeof f, &r);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    plan_free(&o.plan);
    module.len = RAM; /* never read: it does not fit */
    plan_bytes(&o, &f, sizeof f, &r);
    ck_assert_int_eq(o.status, SIM_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(o.e.text, "mod: module of 67108864 bytes"));
    plan_free(&o.plan);
}
END_TEST

/* M26 */
START_TEST(flat_code)
{
    uint8_t code[16] = {0xf4};
    struct outcome o;
    struct load_request r = {.kind = IMAGE_FLAT, .flat_base = 0x12345};
    plan_bytes(&o, code, sizeof code, &r);
    ck_assert_msg(o.status == SIM_OK, "%s", o.e.text);
    ck_assert_uint_eq(o.result.entry.rip, 0x12345);
    plan_free(&o.plan);
    plan_bytes(&o, code, 0, &r);
    ck_assert_int_eq(o.status, SIM_BAD_INPUT);
    plan_free(&o.plan);
    r.flat_base = RAM - 8;
    plan_bytes(&o, code, sizeof code, &r);
    ck_assert_int_eq(o.status, SIM_BAD_INPUT);
    plan_free(&o.plan);
    r.flat_base = UINT64_MAX - 8;
    plan_bytes(&o, code, sizeof code, &r);
    ck_assert_int_eq(o.status, SIM_BAD_INPUT);
    plan_free(&o.plan);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loader");
    TCase *t = tcase_create("loader");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, plain_elf_is_entered_in_long_mode);
    tcase_add_test(t, upper_half_entry_is_physical);
    tcase_add_test(t, odd_but_legal_elf_files_load);
    tcase_add_test(t, many_segments_load_in_time);
    tcase_add_test(t, linux_programs_are_recognised);
    tcase_add_loop_test(t, bad_elf_is_refused_by_name, 0,
                        (int)(sizeof(bad_elf) / sizeof(bad_elf[0])));
    tcase_add_test(t, cut_files_are_refused);
    tcase_add_test(t, multiboot_header_is_found_up_to_its_last_place);
    tcase_add_test(t, multiboot_information_tells_what_was_asked);
    tcase_add_loop_test(t, bad_multiboot_is_refused_by_name, 0,
                        (int)(sizeof(bad_mb1) / sizeof(bad_mb1[0])));
    tcase_add_test(t, lenient_multiboot_cases_load);
    tcase_add_loop_test(t, multiboot2_tags, 0,
                        (int)(sizeof(mb2) / sizeof(mb2[0])));
    tcase_add_test(t, multiboot2_header_fields);
    tcase_add_test(t, long_command_lines_move_the_information);
    tcase_add_test(t, modules_of_odd_sizes);
    tcase_add_test(t, flat_code);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
