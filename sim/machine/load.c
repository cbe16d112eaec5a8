/* SPDX-License-Identifier: Apache-2.0
 * Kinds of images, and what each is given besides its own bytes: modules,
 * boot information, descriptor table, page tables, stack.
 */
#include "sim/machine/load.h"

#include "sim/base/bits.h"
#include "sim/base/hostio.h"
#include "sim/base/sha256.h"
#include "sim/machine/acpi.h"
#include "sim/machine/elf_image.h"
#include "sim/machine/load_linux.h"
#include "sim/machine/multiboot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOW_FIRST = 0x9000, /* small tables go between these, as PCs do */
    LOW_LIMIT = 0x80000,
    STACK_SIZE = 64 << 10,
    /* Selectors of the flat table. */
    SELECTOR_CODE32 = 0x08,
    SELECTOR_DATA = 0x10,
    SELECTOR_CODE64 = 0x18,
};

enum sim_status load_read(struct load_file *f, const char *path,
                          const char *role, struct sim_error *e)
{
    memset(f, 0, sizeof *f);
    enum sim_status s = hostio_read(path, LOAD_FILE_CAP, &f->data, &f->len, e);
    if (s != SIM_OK)
        return s;
    f->path = strdup(path);
    if (f->path == NULL) {
        load_release(f);
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", path);
    }
    f->role = role;
    sha256_hex(f->data, f->len, f->sha256);
    return SIM_OK;
}

void load_release(struct load_file *f)
{
    free(f->data);
    free(f->path);
    memset(f, 0, sizeof *f);
}

/* --- What is it? --------------------------------------------------------- */

/* Linked for user space: where ld puts programs by default or above, or
 * position-independent. Kernels are linked low or into the upper half. */
static bool looks_like_linux(const struct elf_image *i)
{
    if (i->says_linux || i->is_dynamic_type || i->has_interp)
        return true;
    for (size_t n = 0; n < i->segments; n++)
        if (i->segment[n].vaddr != i->segment[n].paddr ||
            i->segment[n].vaddr < 0x400000)
            return false;
    return true;
}

static enum sim_status detect_elf(const struct load_file *f,
                                  enum image_kind *kind, struct sim_error *e)
{
    struct elf_image image;
    enum sim_status s = elf_image_read(f, &image, e);
    if (s != SIM_OK)
        return s;
    if (!image.is64)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: 32-bit ELF file without a multiboot header", f->path);
    *kind = looks_like_linux(&image) ? IMAGE_LINUX : IMAGE_ELF;
    elf_image_free(&image);
    return s;
}

static bool is_bzimage(const struct load_file *f)
{
    return f->len >= 0x206 && f->data[0x1fe] == 0x55 &&
           f->data[0x1ff] == 0xaa && memcmp(f->data + 0x202, "HdrS", 4) == 0;
}

enum sim_status load_detect(const struct load_file *f, enum image_kind *kind,
                            struct sim_error *e)
{
    size_t at;
    if (f->len == 0)
        return sim_fail(e, SIM_BAD_INPUT, "%s: empty file", f->path);
    if (multiboot_find(f, &at)) {
        *kind = IMAGE_MULTIBOOT;
        return SIM_OK;
    }
    if (multiboot2_find(f, &at)) {
        *kind = IMAGE_MULTIBOOT2;
        return SIM_OK;
    }
    if (elf_image_is(f->data, f->len))
        return detect_elf(f, kind, e);
    if (is_bzimage(f))
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: a Linux kernel image (bzImage), which is not "
                        "supported",
                        f->path);
    return sim_fail(e, SIM_BAD_INPUT,
                    "%s: not an image: neither ELF nor multiboot (raw code "
                    "needs --flat ADDRESS)",
                    f->path);
}

/* --- What images are given ----------------------------------------------- */

static enum sim_status no_room(const struct plan *p, const char *what,
                               uint64_t size, struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT,
                    "%s: no room in RAM for %s of %" PRIu64 " bytes", p->name,
                    what, size);
}

static bool alloc_low(struct plan *p, uint64_t size, uint64_t align,
                      uint64_t *at)
{
    uint64_t low = p->ram[0].size < LOW_LIMIT ? p->ram[0].size : LOW_LIMIT;
    return plan_alloc(p, size, align, LOW_FIRST, low, at) ||
           plan_alloc(p, size, align, LOW_FIRST, p->ram[0].size, at);
}

static void store64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* A flat descriptor table: SDM Vol.3 "Segment Descriptors". */
static enum sim_status plan_gdt(struct plan *p, struct cpu_entry *entry,
                                struct sim_error *e)
{
    static const uint64_t flat[4] = {
        0, UINT64_C(0x00cf9b000000ffff), /* code, 32 bits */
        UINT64_C(0x00cf93000000ffff),    /* data */
        UINT64_C(0x00af9b000000ffff),    /* code, 64 bits */
    };
    uint8_t *bytes = plan_own(p, sizeof flat);
    if (bytes == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    for (size_t i = 0; i < 4; i++)
        store64(bytes + 8 * i, flat[i]);
    if (!alloc_low(p, sizeof flat, 16, &entry->gdt_base))
        return no_room(p, "a descriptor table", sizeof flat, e);
    plan_fill(p, entry->gdt_base, bytes, sizeof flat);
    entry->gdt_limit = sizeof flat - 1;
    entry->ds = SELECTOR_DATA;
    return SIM_OK;
}

/* Identity map of the first 4 GiB in 2 MiB pages: SDM Vol.3 "4-Level
 * Paging". */
static enum sim_status plan_page_tables(struct plan *p, struct cpu_entry *entry,
                                        struct sim_error *e)
{
    enum { PAGES = 6, PRESENT_WRITE = 3, LARGE = 0x80 };
    uint64_t at;
    uint8_t *bytes = plan_own(p, PAGES * PAGE_SIZE);
    if (bytes == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    if (!alloc_low(p, PAGES * PAGE_SIZE, PAGE_SIZE, &at))
        return no_room(p, "page tables", PAGES * PAGE_SIZE, e);
    store64(bytes, (at + PAGE_SIZE) | PRESENT_WRITE);
    for (uint64_t i = 0; i < 4; i++)
        store64(bytes + PAGE_SIZE + 8 * i,
                (at + (2 + i) * PAGE_SIZE) | PRESENT_WRITE);
    for (uint64_t i = 0; i < 4 * 512; i++)
        store64(bytes + 2 * PAGE_SIZE + 8 * i, i << 21 | PRESENT_WRITE | LARGE);
    plan_fill(p, at, bytes, PAGES * PAGE_SIZE);
    entry->cr3 = at;
    return SIM_OK;
}

/* Modules go above the kernel, each on its page. */
static enum sim_status plan_module(struct plan *p, struct boot_module *out,
                                   const uint8_t *data, uint64_t len,
                                   const char *name, struct sim_error *e)
{
    uint64_t low = p->ram[0].size;
    uint64_t from = plan_end(p, low);
    if (from < 0x100000)
        from = 0x100000;
    /* An empty module still has an address of its own. */
    uint64_t size = len != 0 ? len : 1;
    if (from > low || !plan_alloc(p, size, PAGE_SIZE, from, low, &out->at))
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: module of %" PRIu64 " bytes does not fit into "
                        "RAM below 0x%" PRIx64,
                        name, len, low);
    plan_fill(p, out->at, data, len);
    out->len = len;
    return SIM_OK;
}

/* "first second", or just the first. */
static const char *join(struct plan *p, const char *first, const char *second)
{
    size_t a = strlen(first);
    size_t b = second != NULL ? strlen(second) : 0;
    char *text = plan_own(p, a + b + 2);
    if (text != NULL)
        snprintf(text, a + b + 2, "%s%s%s", first, b != 0 ? " " : "",
                 b != 0 ? second : "");
    return text;
}

static enum sim_status plan_modules(const struct load_request *r,
                                    struct plan *p, struct boot_module *out,
                                    struct sim_error *e)
{
    for (size_t i = 0; i < r->modules; i++) {
        const struct load_file *f = &r->module[i];
        enum sim_status s =
            plan_module(p, &out[i], f->data, f->len, f->path, e);
        if (s != SIM_OK)
            return s;
        out[i].string = join(p, f->path, r->module_cmdline[i]);
        if (out[i].string == NULL)
            return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    }
    return SIM_OK;
}

/* Modules, ACPI tables, command line, information structure. */
static enum sim_status plan_boot_info(const struct load_request *r,
                                      unsigned version, struct plan *p,
                                      uint64_t *at, struct sim_error *e)
{
    struct boot_module module[LOAD_MODULES_MAX];
    struct boot_info info = {.module = module, .modules = r->modules};
    struct acpi_root root = {0};
    enum sim_status s = plan_modules(r, p, module, e);
    if (s == SIM_OK && r->config->acpi)
        s = acpi_plan(r->config, p, &root, e);
    if (s != SIM_OK)
        return s;
    info.rsdp = root.bytes;
    info.cmdline = join(p, r->image->path, r->append);
    if (info.cmdline == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    return boot_info_plan(version, &info, p, at, e);
}

/* --- The kinds ----------------------------------------------------------- */

/* SDM and both specifications: 32-bit flat, paging off. */
static enum sim_status enter_multiboot(unsigned version, uint64_t info,
                                       uint64_t entry, struct plan *p,
                                       struct load_result *out,
                                       struct sim_error *e)
{
    out->entry.mode = ENTRY_PROTECTED32;
    out->entry.rip = entry;
    out->entry.rax =
        version == 2 ? MULTIBOOT2_BOOT_MAGIC : MULTIBOOT_BOOT_MAGIC;
    out->entry.rbx = info;
    out->entry.cs = SELECTOR_CODE32;
    return plan_gdt(p, &out->entry, e);
}

static enum sim_status plan_multiboot(const struct load_request *r,
                                      unsigned version, struct plan *p,
                                      struct load_result *out,
                                      struct sim_error *e)
{
    struct multiboot_header h;
    uint64_t entry = 0, info = 0;
    enum sim_status s = version == 2 ? multiboot2_read(r->image, &h, e)
                                     : multiboot_read(r->image, &h, e);
    if (s == SIM_OK && h.wants_acpi && !r->config->acpi)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: asks for ACPI's root pointer (machine.acpi is off)",
                     r->image->path);
    if (s == SIM_OK)
        s = multiboot_plan(&h, r->image, p, &entry, e);
    if (s == SIM_OK)
        s = plan_seal(p, e);
    if (s == SIM_OK)
        s = plan_boot_info(r, version, p, &info, e);
    if (s == SIM_OK)
        s = enter_multiboot(version, info, entry, p, out, e);
    if (s == SIM_OK && h.wants_video)
        snprintf(out->note, sizeof out->note,
                 "the kernel asks for a video mode; there is no display");
    return s;
}

/* pk is a multiboot kernel; the program and its parameters are modules. */
static enum sim_status plan_linux(const struct load_request *r, struct plan *p,
                                  struct load_result *out, struct sim_error *e)
{
    struct multiboot_header h;
    struct boot_module module[2];
    uint64_t entry = 0, info = 0, len = 0;
    const uint8_t *params = NULL;
    enum sim_status s = load_linux_check(r->image, e);
    if (s == SIM_OK && r->pk == NULL)
        s = sim_fail(e, SIM_NO_RESOURCE,
                     "pk.elf, which runs Linux programs, is not beside vtsim "
                     "nor in ../lib/vtsim");
    if (s == SIM_OK)
        s = multiboot_read(r->pk, &h, e);
    if (s == SIM_OK)
        s = multiboot_plan(&h, r->pk, p, &entry, e);
    if (s == SIM_OK)
        s = plan_seal(p, e);
    if (s == SIM_OK)
        s = load_linux_params(r, p, &params, &len, e);
    if (s == SIM_OK)
        s = plan_module(p, &module[0], r->image->data, r->image->len,
                        r->image->path, e);
    if (s == SIM_OK)
        s = plan_module(p, &module[1], params, len, "parameters", e);
    if (s != SIM_OK)
        return s;
    module[0].string = r->exec_path;
    module[1].string = "pk.params";
    const struct boot_info b = {r->pk->path, module, 2, 0, NULL};
    s = boot_info_plan(1, &b, p, &info, e);
    return s != SIM_OK ? s : enter_multiboot(1, info, entry, p, out, e);
}

/* Long mode over an identity map: what the image needs to begin in C. */
static enum sim_status enter_long(const struct load_request *r, uint64_t entry,
                                  struct plan *p, struct load_result *out,
                                  struct sim_error *e)
{
    uint64_t info = 0, stack = 0;
    enum sim_status s = plan_boot_info(r, 1, p, &info, e);
    if (s == SIM_OK)
        s = plan_gdt(p, &out->entry, e);
    if (s == SIM_OK)
        s = plan_page_tables(p, &out->entry, e);
    if (s != SIM_OK)
        return s;
    if (!alloc_low(p, STACK_SIZE, 16, &stack))
        return no_room(p, "a stack", STACK_SIZE, e);
    out->entry.mode = ENTRY_LONG64;
    out->entry.rip = entry;
    out->entry.rsp = stack + STACK_SIZE - 8; /* as after a call; returns to 0 */
    out->entry.rdi = info;
    out->entry.rsi = MULTIBOOT_BOOT_MAGIC;
    out->entry.cs = SELECTOR_CODE64;
    return SIM_OK;
}

static enum sim_status plan_elf(const struct load_request *r, struct plan *p,
                                struct load_result *out, struct sim_error *e)
{
    struct elf_image image;
    uint64_t entry = 0;
    enum sim_status s = elf_image_read(r->image, &image, e);
    if (s != SIM_OK)
        return s;
    if (!image.is64)
        s = sim_fail(e, SIM_BAD_INPUT, "%s: ELF class: 1 (2: 64-bit)",
                     r->image->path);
    else if (image.has_interp)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: has a program interpreter (PT_INTERP)",
                     r->image->path);
    if (s == SIM_OK)
        s = elf_image_plan(&image, r->image, p, e);
    if (s == SIM_OK)
        s = plan_seal(p, e);
    if (s == SIM_OK)
        s = elf_image_entry(&image, r->image, &entry, e);
    elf_image_free(&image);
    if (s == SIM_OK && entry >= UINT64_C(4) << 30)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: entry point at physical 0x%" PRIx64
                     " (below 4 GiB, which are mapped)",
                     r->image->path, entry);
    return s != SIM_OK ? s : enter_long(r, entry, p, out, e);
}

static enum sim_status plan_flat(const struct load_request *r, struct plan *p,
                                 struct load_result *out, struct sim_error *e)
{
    const struct load_file *f = r->image;
    if (f->len == 0)
        return sim_fail(e, SIM_BAD_INPUT, "%s: empty file", f->path);
    if (r->flat_base >= UINT64_C(4) << 30)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: --flat 0x%" PRIx64 " (below 4 GiB, which are "
                        "mapped)",
                        f->path, r->flat_base);
    const struct plan_item item = {.at = r->flat_base,
                                   .size = f->len,
                                   .data = f->data,
                                   .filled = f->len,
                                   .index = 0};
    enum sim_status s = plan_add(p, &item, e);
    if (s == SIM_OK)
        s = plan_seal(p, e);
    return s != SIM_OK ? s : enter_long(r, r->flat_base, p, out, e);
}

enum sim_status load_plan(const struct load_request *r, struct plan *p,
                          struct load_result *out, struct sim_error *e)
{
    memset(out, 0, sizeof *out);
    out->kind = r->kind;
    if (r->modules > LOAD_MODULES_MAX)
        return sim_fail(e, SIM_USAGE, "--module: %zu modules (%d at most)",
                        r->modules, LOAD_MODULES_MAX);
    if (r->append != NULL && strlen(r->append) > LOAD_CMDLINE_MAX)
        return sim_fail(e, SIM_USAGE, "--append: %zu bytes (%d at most)",
                        strlen(r->append), LOAD_CMDLINE_MAX);
    if (r->kind == IMAGE_AUTO) {
        enum sim_status s = load_detect(r->image, &out->kind, e);
        if (s != SIM_OK)
            return s;
    }
    switch (out->kind) {
    case IMAGE_MULTIBOOT: return plan_multiboot(r, 1, p, out, e);
    case IMAGE_MULTIBOOT2: return plan_multiboot(r, 2, p, out, e);
    case IMAGE_LINUX: return plan_linux(r, p, out, e);
    case IMAGE_ELF: return plan_elf(r, p, out, e);
    case IMAGE_FLAT: return plan_flat(r, p, out, e);
    case IMAGE_AUTO:
    default:
        return sim_fail(e, SIM_INTERNAL, "kind of image %d", (int)out->kind);
    }
}
