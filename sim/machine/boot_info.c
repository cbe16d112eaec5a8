/* SPDX-License-Identifier: Apache-2.0
 * The multiboot information structures: built in host memory once their
 * address is known.
 */
#include "sim/base/bits.h"
#include "sim/machine/acpi.h"
#include "sim/machine/memory_map.h"
#include "sim/machine/multiboot.h"

#include <string.h>

static const char loader_name[] = "vtsim";

enum { RSDP1_SIZE = 20 }; /* the part that ACPI 1.0 knew */

struct writer {
    uint8_t *data; /* NULL: only measure */
    uint64_t base; /* guest address of data[0] */
    size_t used;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    if (w->data != NULL)
        memcpy(w->data + w->used, bytes, len);
    w->used += len;
}

static void put32(struct writer *w, uint64_t v)
{
    const uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
                          (uint8_t)(v >> 24)};
    put(w, b, sizeof b);
}

static void put64(struct writer *w, uint64_t v)
{
    put32(w, v);
    put32(w, v >> 32);
}

static void align(struct writer *w, size_t to)
{
    static const uint8_t zero[16];
    put(w, zero, (to - w->used % to) % to);
}

/* --- Version 1 ----------------------------------------------------------- */

enum { INFO1_SIZE = 120 };

struct info1 {
    uint64_t map, map_len, mods, cmdline, name;
};

static void put_info1(struct writer *w, const struct plan *p,
                      const struct boot_info *b, const struct info1 *at)
{
    uint64_t low = p->ram[0].size;
    uint32_t flags = BIT(0) | BIT(2) | BIT(6) | BIT(9);
    put32(w, flags | (b->modules != 0 ? BIT(3) : 0));
    put32(w, (low < LOW_RAM_END ? low : LOW_RAM_END) / 1024);
    put32(w, low > HIGH_RAM_START ? (low - HIGH_RAM_START) / 1024 : 0);
    put32(w, 0); /* boot device */
    put32(w, at->cmdline);
    put32(w, b->modules);
    put32(w, at->mods);
    for (unsigned i = 0; i < 4; i++)
        put32(w, 0); /* symbols */
    put32(w, at->map_len);
    put32(w, at->map);
    for (unsigned i = 0; i < 3; i++)
        put32(w, 0); /* drives, configuration table */
    put32(w, at->name);
    while (w->used < INFO1_SIZE)
        put32(w, 0); /* APM, VBE, framebuffer */
}

/* Strings are laid out after the arrays; a first pass measures. */
static void build1(struct writer *w, const struct plan *p,
                   const struct boot_info *b)
{
    struct mem_range map[MEM_RANGES_MAX];
    unsigned ranges = memory_map(p->ram[0].size, p->ram[1].size, map);
    struct info1 at = {
        .map = w->base + INFO1_SIZE,
        .map_len = 24 * (uint64_t)ranges,
    };
    at.mods = at.map + at.map_len;
    at.name = at.mods + 16 * b->modules;
    at.cmdline = at.name + sizeof loader_name;
    put_info1(w, p, b, &at);
    for (unsigned i = 0; i < ranges; i++) {
        put32(w, 20); /* size of the rest of the entry */
        put64(w, map[i].base);
        put64(w, map[i].size);
        put32(w, map[i].type);
    }
    uint64_t string = at.cmdline + strlen(b->cmdline) + 1;
    for (size_t i = 0; i < b->modules; i++) {
        put32(w, b->module[i].at);
        put32(w, b->module[i].at + b->module[i].len);
        put32(w, string);
        put32(w, 0);
        string += strlen(b->module[i].string) + 1;
    }
    put(w, loader_name, sizeof loader_name);
    put(w, b->cmdline, strlen(b->cmdline) + 1);
    for (size_t i = 0; i < b->modules; i++)
        put(w, b->module[i].string, strlen(b->module[i].string) + 1);
}

/* --- Version 2 ----------------------------------------------------------- */

static void put_tag(struct writer *w, uint32_t type, size_t payload)
{
    align(w, 8);
    put32(w, type);
    put32(w, 8 + payload);
}

static void put_string_tag(struct writer *w, uint32_t type, const char *text)
{
    size_t len = strlen(text) + 1;
    put_tag(w, type, len);
    put(w, text, len);
}

static void build2(struct writer *w, const struct plan *p,
                   const struct boot_info *b, size_t total)
{
    struct mem_range map[MEM_RANGES_MAX];
    unsigned ranges = memory_map(p->ram[0].size, p->ram[1].size, map);
    uint64_t low = p->ram[0].size;
    put32(w, total);
    put32(w, 0);
    put_string_tag(w, 1, b->cmdline);
    put_string_tag(w, 2, loader_name);
    for (size_t i = 0; i < b->modules; i++) {
        size_t len = strlen(b->module[i].string) + 1;
        put_tag(w, 3, 8 + len);
        put32(w, b->module[i].at);
        put32(w, b->module[i].at + b->module[i].len);
        put(w, b->module[i].string, len);
    }
    put_tag(w, 4, 8);
    put32(w, (low < LOW_RAM_END ? low : LOW_RAM_END) / 1024);
    put32(w, low > HIGH_RAM_START ? (low - HIGH_RAM_START) / 1024 : 0);
    put_tag(w, 6, 8 + 24 * (size_t)ranges);
    put32(w, 24); /* entry size */
    put32(w, 0);  /* entry version */
    for (unsigned i = 0; i < ranges; i++) {
        put64(w, map[i].base);
        put64(w, map[i].size);
        put32(w, map[i].type);
        put32(w, 0);
    }
    if (b->rsdp != NULL) {
        put_tag(w, 14, RSDP1_SIZE);
        put(w, b->rsdp, RSDP1_SIZE);
        put_tag(w, 15, ACPI_RSDP_SIZE);
        put(w, b->rsdp, ACPI_RSDP_SIZE);
    }
    put_tag(w, 0, 0);
}

/* ------------------------------------------------------------------------ */

static void build(unsigned version, struct writer *w, const struct plan *p,
                  const struct boot_info *b, size_t total)
{
    if (version == 2)
        build2(w, p, b, total);
    else
        build1(w, p, b);
}

enum sim_status boot_info_plan(unsigned version, const struct boot_info *b,
                               struct plan *p, uint64_t *at,
                               struct sim_error *e)
{
    struct writer measure = {0};
    build(version, &measure, p, b, 0);
    size_t size = measure.used;
    /* Below 512 KiB as boot loaders do, page 8 left to start-up vectors; a
     * long command line goes above the kernel. */
    const uint64_t low = p->ram[0].size;
    const uint64_t high = b->from != 0 ? b->from : HIGH_RAM_START;
    if ((b->from != 0 ||
         !plan_alloc(p, size, 16, 0x9000, low < 0x80000 ? low : 0x80000, at)) &&
        !plan_alloc(p, size, 4096, high, low > high ? low : high, at))
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: no room in RAM for %zu bytes of boot information",
                        p->name, size);
    struct writer w = {.data = plan_own(p, size), .base = *at};
    if (w.data == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    build(version, &w, p, b, size);
    plan_fill(p, *at, w.data, size);
    return SIM_OK;
}
