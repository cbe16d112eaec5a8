/* SPDX-License-Identifier: Apache-2.0
 * Multiboot headers: search, checks, placement of the kernel.
 */
#include "sim/machine/multiboot.h"

#include "sim/base/bits.h"
#include "sim/machine/elf_image.h"

#include <inttypes.h>
#include <string.h>

/* The whole header lies in the first bytes of the file. */
enum { SEARCH1 = 8192, SEARCH2 = 32768 };

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

bool multiboot_find(const struct load_file *f, size_t *at)
{
    size_t limit = f->len < SEARCH1 ? f->len : SEARCH1;
    for (size_t i = 0; i + 12 <= limit; i += 4) {
        const uint8_t *p = f->data + i;
        if (le32(p) == MULTIBOOT_MAGIC &&
            le32(p) + le32(p + 4) + le32(p + 8) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

bool multiboot2_find(const struct load_file *f, size_t *at)
{
    size_t limit = f->len < SEARCH2 ? f->len : SEARCH2;
    for (size_t i = 0; i + 16 <= limit; i += 8) {
        const uint8_t *p = f->data + i;
        if (le32(p) == MULTIBOOT2_MAGIC &&
            le32(p) + le32(p + 4) + le32(p + 8) + le32(p + 12) == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

static enum sim_status no_header(const struct load_file *f, unsigned version,
                                 unsigned limit, struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT,
                    "%s: no multiboot%s header with a right checksum in the "
                    "first %u bytes",
                    f->path, version == 2 ? "2" : "", limit);
}

enum sim_status multiboot_read(const struct load_file *f,
                               struct multiboot_header *out,
                               struct sim_error *e)
{
    memset(out, 0, sizeof *out);
    out->version = 1;
    if (!multiboot_find(f, &out->at))
        return no_header(f, 1, SEARCH1, e);
    const uint8_t *p = f->data + out->at;
    uint32_t flags = le32(p + 4);
    uint32_t unknown = flags & 0xffff & ~UINT32_C(7);
    if (unknown != 0)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: multiboot flags 0x%" PRIx32 ": required feature "
                        "in bit %d is unknown (bits 0 to 2 are known)",
                        f->path, flags, __builtin_ctz(unknown));
    out->wants_video = (flags & BIT(2)) != 0;
    out->has_address = (flags & BIT(16)) != 0;
    if (!out->has_address)
        return SIM_OK;
    if (f->len - out->at < 32)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: multiboot address fields outside file (%zu bytes)",
                        f->path, f->len);
    out->header_addr = le32(p + 12);
    out->load_addr = le32(p + 16);
    out->load_end = le32(p + 20);
    out->bss_end = le32(p + 24);
    out->has_entry = true;
    out->entry = le32(p + 28);
    return SIM_OK;
}

/* --- Version 2 tags ------------------------------------------------------ */

enum {
    TAG_END = 0,
    TAG_INFORMATION_REQUEST = 1,
    TAG_ADDRESS = 2,
    TAG_ENTRY = 3,
    TAG_CONSOLE_FLAGS = 4,
    TAG_FRAMEBUFFER = 5,
    TAG_MODULE_ALIGN = 6,
    TAG_EFI_BOOT_SERVICES = 7,
    TAG_EFI_ENTRY32 = 8,
    TAG_EFI_ENTRY64 = 9,
    TAG_RELOCATABLE = 10,
};

static enum sim_status bad_tag(const struct load_file *f, size_t at,
                               const char *what, uint32_t value,
                               const char *limit, struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT,
                    "%s: multiboot2 tag at 0x%zx: %s: 0x%" PRIx32 " (%s)",
                    f->path, at, what, value, limit);
}

static bool is_acpi(uint32_t type)
{
    return type == 14 || type == 15;
}

/* Which pieces of information boot_info_plan provides. */
static bool provides(uint32_t type)
{
    return type == 1 || type == 2 || type == 3 || type == 4 || type == 6 ||
           is_acpi(type);
}

static enum sim_status read_requests(const struct load_file *f, size_t at,
                                     uint32_t size,
                                     struct multiboot_header *out,
                                     struct sim_error *e)
{
    for (uint32_t i = 8; i + 4 <= size; i += 4) {
        uint32_t type = le32(f->data + at + i);
        if (!provides(type))
            return bad_tag(f, at, "requested information type", type,
                           "1, 2, 3, 4, 6, 14 and 15 are known", e);
        out->wants_acpi |= is_acpi(type);
    }
    return SIM_OK;
}

static enum sim_status read_relocatable(const struct load_file *f, size_t at,
                                        struct sim_error *e)
{
    const uint8_t *p = f->data + at;
    if (le32(p + 8) > le32(p + 12))
        return bad_tag(f, at, "lowest load address", le32(p + 8),
                       "above the highest", e);
    if (!is_pow2(le32(p + 16)))
        return bad_tag(f, at, "alignment", le32(p + 16), "a power of two", e);
    return SIM_OK; /* loaded where it is linked, which needs no moving */
}

/* The size a known tag must at least have. */
static uint32_t least_size(uint16_t type)
{
    switch (type) {
    case TAG_ADDRESS:
    case TAG_RELOCATABLE: return 24;
    case TAG_ENTRY:
    case TAG_CONSOLE_FLAGS:
    case TAG_EFI_ENTRY32:
    case TAG_EFI_ENTRY64: return 12;
    case TAG_FRAMEBUFFER: return 20;
    default: return 8;
    }
}

static enum sim_status take_address(const struct load_file *f, size_t at,
                                    struct multiboot_header *out,
                                    struct sim_error *e)
{
    const uint8_t *p = f->data + at;
    if (out->has_address)
        return bad_tag(f, at, "second address tag", TAG_ADDRESS, "one at most",
                       e);
    out->has_address = true;
    out->header_addr = le32(p + 8);
    out->load_addr = le32(p + 12);
    out->load_end = le32(p + 16);
    out->bss_end = le32(p + 20);
    if (out->load_addr == UINT32_MAX) /* "from the start of the file" */
        out->load_addr = out->header_addr - (uint32_t)out->at;
    return SIM_OK;
}

static enum sim_status read_tag(const struct load_file *f, size_t at,
                                uint16_t type, bool optional, uint32_t size,
                                struct multiboot_header *out,
                                struct sim_error *e)
{
    if (size < least_size(type))
        return bad_tag(f, at, "size", size, "too small for its type", e);
    switch (type) {
    case TAG_INFORMATION_REQUEST:
        return optional ? SIM_OK : read_requests(f, at, size, out, e);
    case TAG_ADDRESS: return take_address(f, at, out, e);
    case TAG_ENTRY:
        if (out->has_entry)
            return bad_tag(f, at, "second entry tag", type, "one at most", e);
        out->has_entry = true;
        out->entry = le32(f->data + at + 8);
        return SIM_OK;
    case TAG_FRAMEBUFFER: out->wants_video = true; return SIM_OK;
    case TAG_RELOCATABLE: return read_relocatable(f, at, e);
    case TAG_CONSOLE_FLAGS: /* there is a console: the serial port */
    case TAG_MODULE_ALIGN:  /* they always are aligned */
    case TAG_EFI_ENTRY32:   /* only for EFI machines */
    case TAG_EFI_ENTRY64: return SIM_OK;
    default:
        if (optional)
            return SIM_OK;
        return bad_tag(f, at, "required tag of unknown type", type,
                       "types 1 to 6 and 8 to 10 are known", e);
    }
}

static enum sim_status read_tags(const struct load_file *f, size_t end,
                                 struct multiboot_header *out,
                                 struct sim_error *e)
{
    size_t at = out->at + 16;
    while (at + 8 <= end) {
        const uint8_t *p = f->data + at;
        uint16_t type = (uint16_t)le32(p);
        bool optional = (p[2] & 1) != 0;
        uint32_t size = le32(p + 4);
        if (size < 8 || size > end - at)
            return bad_tag(f, at, "size", size,
                           "8 at least and inside the header", e);
        if (type == TAG_END)
            return SIM_OK;
        enum sim_status s = read_tag(f, at, type, optional, size, out, e);
        if (s != SIM_OK)
            return s;
        at += (size + 7) & ~(size_t)7;
    }
    return sim_fail(e, SIM_BAD_INPUT, "%s: multiboot2 header without end tag",
                    f->path);
}

enum sim_status multiboot2_read(const struct load_file *f,
                                struct multiboot_header *out,
                                struct sim_error *e)
{
    memset(out, 0, sizeof *out);
    out->version = 2;
    if (!multiboot2_find(f, &out->at))
        return no_header(f, 2, SEARCH2, e);
    const uint8_t *p = f->data + out->at;
    uint32_t length = le32(p + 8);
    if (le32(p + 4) != 0)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: multiboot2 architecture: 0x%" PRIx32
                        " (0: 32-bit protected mode)",
                        f->path, le32(p + 4));
    size_t room = (f->len < SEARCH2 ? f->len : SEARCH2) - out->at;
    if (length < 24 || length % 8 != 0 || length > room)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: multiboot2 header length: 0x%" PRIx32
                        " (a multiple of 8, 24 at least, inside the first "
                        "32768 bytes)",
                        f->path, length);
    enum sim_status s = read_tags(f, out->at + length, out, e);
    if (s != SIM_OK)
        return s;
    if (out->has_address && !out->has_entry)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: multiboot2 address tag without entry tag",
                        f->path);
    return SIM_OK;
}

/* --- Placement ----------------------------------------------------------- */

static enum sim_status bad_field(const struct load_file *f, const char *field,
                                 uint64_t value, const char *limit,
                                 struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT, "%s: multiboot %s: 0x%" PRIx64 " (%s)",
                    f->path, field, value, limit);
}

static enum sim_status plan_by_address(const struct multiboot_header *h,
                                       const struct load_file *f,
                                       struct plan *p, uint64_t *entry,
                                       struct sim_error *e)
{
    if (h->header_addr < h->load_addr)
        return bad_field(f, "header_addr", h->header_addr, "below load_addr",
                         e);
    uint32_t before = h->header_addr - h->load_addr;
    if (before > h->at)
        return bad_field(f, "load_addr", h->load_addr,
                         "the load would start before the file", e);
    size_t start = h->at - before;
    uint64_t filled = f->len - start;
    if (h->load_end != 0) {
        if (h->load_end < h->load_addr)
            return bad_field(f, "load_end_addr", h->load_end, "below load_addr",
                             e);
        if (h->load_end - h->load_addr > filled)
            return bad_field(f, "load_end_addr", h->load_end,
                             "beyond the end of the file", e);
        filled = h->load_end - h->load_addr;
    }
    uint64_t size = filled;
    if (h->bss_end != 0) {
        if (h->bss_end < h->load_addr + filled)
            return bad_field(f, "bss_end_addr", h->bss_end,
                             "below the end of the load", e);
        size = h->bss_end - h->load_addr;
    }
    if (h->entry < h->load_addr || h->entry - h->load_addr >= size)
        return bad_field(f, "entry_addr", h->entry, "outside the load", e);
    *entry = h->entry;
    const struct plan_item item = {
        .at = h->load_addr,
        .size = size,
        .data = f->data + start,
        .filled = filled,
        .index = 0,
    };
    return plan_add(p, &item, e);
}

enum sim_status multiboot_plan(const struct multiboot_header *h,
                               const struct load_file *f, struct plan *p,
                               uint64_t *entry, struct sim_error *e)
{
    if (h->has_address)
        return plan_by_address(h, f, p, entry, e);
    if (!elf_image_is(f->data, f->len))
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: neither multiboot address fields nor an ELF file",
                        f->path);
    struct elf_image image;
    enum sim_status s = elf_image_read(f, &image, e);
    if (s != SIM_OK)
        return s;
    if (image.has_interp)
        s = sim_fail(e, SIM_BAD_INPUT,
                     "%s: a kernel with a program interpreter", f->path);
    if (s == SIM_OK)
        s = elf_image_plan(&image, f, p, e);
    if (s == SIM_OK && h->has_entry)
        *entry = h->entry;
    else if (s == SIM_OK)
        s = elf_image_entry(&image, f, entry, e);
    elf_image_free(&image);
    if (s == SIM_OK && *entry > UINT32_MAX)
        return bad_field(f, "entry", *entry, "above 4 GiB", e);
    return s;
}
