/* SPDX-License-Identifier: Apache-2.0
 * A bare machine for tests of the core: RAM and one processor in 64-bit mode
 * at CPL 0 over an identity map, with an IDT whose every handler halts.
 *
 * Guest code is written as host assembly: BARE_CODE(name, "text") makes the
 * bytes name[]..name_end[].
 */
#ifndef VTSIM_TESTS_UNIT_BARE_H
#define VTSIM_TESTS_UNIT_BARE_H

#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "sim/machine/config.h"

#include <check.h>
#include <string.h>

#define BARE_CODE(name, text)                                                  \
    extern const uint8_t name[], name##_end[];                                 \
    __asm__(".pushsection .rodata\n.globl " #name "\n.globl " #name            \
            "_end\n.balign 64\n" #name ":\n" text "\n" #name                   \
            "_end:\n.popsection\n")

enum {
    BARE_RAM = 16 << 20,
    BARE_PML4 = 0x1000,
    BARE_PDPT = 0x2000,
    BARE_PD = 0x3000,
    BARE_PT = 0x4000, /* 4 KiB pages of the third 2 MiB: 400000h */
    BARE_IDT = 0x5000,
    BARE_HANDLERS = 0x6000, /* 16 bytes a vector: HLT */
    BARE_GDT = 0x8000,
    BARE_CODE_AT = 0x100000,
    BARE_STACK = 0x200000,
    BARE_DATA = 0x300000,
    BARE_PAGES = 0x400000, /* 4 KiB pages, identity until changed */
};

struct bare {
    struct memsys *memory;
    struct cpu *cpu;
};

static inline void bare_put64(struct bare *b, uint64_t at, uint64_t v)
{
    ck_assert(memsys_write(b->memory, (hpa){at}, 8, &v));
}

static inline uint64_t bare_get64(struct bare *b, uint64_t at)
{
    uint64_t v;
    ck_assert(memsys_read(b->memory, (hpa){at}, 8, &v));
    return v;
}

static inline void bare_tables(struct bare *b)
{
    bare_put64(b, BARE_PML4, BARE_PDPT | 7);
    bare_put64(b, BARE_PDPT, BARE_PD | 7);
    for (uint64_t i = 0; i < 512; i++)
        bare_put64(b, BARE_PD + 8 * i, i << 21 | 0x87);
    bare_put64(b, BARE_PD + 8 * (BARE_PAGES >> 21), BARE_PT | 7);
    for (uint64_t i = 0; i < 512; i++)
        bare_put64(b, BARE_PT + 8 * i, (BARE_PAGES + (i << 12)) | 7);
    bare_put64(b, BARE_GDT + 8, UINT64_C(0x00af9b000000ffff));
    bare_put64(b, BARE_GDT + 16, UINT64_C(0x00cf93000000ffff));
    for (uint64_t v = 0; v < 256; v++) {
        uint64_t at = BARE_HANDLERS + 16 * v;
        bare_put64(b, BARE_IDT + 16 * v,
                   (at & 0xffff) | 8 << 16 | UINT64_C(0x8e00) << 32 |
                       (at >> 16) << 48);
        bare_put64(b, BARE_IDT + 16 * v + 8, 0);
        uint8_t hlt = 0xf4;
        ck_assert(memsys_write(b->memory, (hpa){at}, 1, &hlt));
    }
}

/* `timing` is enum timing_level. */
static inline void bare_create(struct bare *b, const char *timing,
                               const char *filter)
{
    struct machine_config mc;
    struct sim_error e = {0};
    config_defaults(&mc);
    ck_assert_int_eq(config_set(&mc, "core.timing", timing, "", &e), SIM_OK);
    if (filter != NULL)
        ck_assert_int_eq(config_set(&mc, "core.filter", filter, "", &e),
                         SIM_OK);
    ck_assert_int_eq(config_finish(&mc, SIM_USAGE, &e), SIM_OK);
    mc.memory.ram_bytes = BARE_RAM;
    mc.core.magic_ops = true;
    ck_assert_int_eq(memsys_create(&mc.memory, &b->memory, &e), SIM_OK);
    struct cpu_wiring w = {.index = 0, .cores = 1, .memory = b->memory};
    ck_assert_int_eq(cpu_create(&mc.core, &mc.mmu, &w, &b->cpu, &e), SIM_OK);
    bare_tables(b);
}

static inline void bare_destroy(struct bare *b)
{
    cpu_destroy(b->cpu);
    memsys_destroy(b->memory);
}

static inline void bare_load(struct bare *b, uint64_t at, const uint8_t *from,
                             const uint8_t *end)
{
    ck_assert(memsys_write(b->memory, (hpa){at}, (uint64_t)(end - from), from));
}

/* Registers as at the first instruction, which is at `rip`. */
static inline void bare_start(struct bare *b, uint64_t rip)
{
    struct cpu_entry e = {.rip = rip,
                          .rsp = BARE_STACK,
                          .mode = ENTRY_LONG64,
                          .cr3 = BARE_PML4,
                          .gdt_base = BARE_GDT,
                          .gdt_limit = 23,
                          .cs = 8,
                          .ds = 16};
    cpu_reset(b->cpu);
    cpu_set_entry(b->cpu, &e);
    struct cpu_regs r;
    cpu_get_regs(b->cpu, &r);
    r.idtr.base = BARE_IDT;
    r.idtr.limit = 0xfff;
    cpu_set_regs(b->cpu, &r);
}

#define BARE_LOAD(b, name) bare_load((b), BARE_CODE_AT, name, name##_end)

#endif
