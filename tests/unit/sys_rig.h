/* SPDX-License-Identifier: Apache-2.0
 * One core with memory, page tables, GDT, TSS and an IDT whose every handler
 * is HLT: run bytes of code, then look at where the core stopped and at the
 * frame on the stack. For tests of the privileged parts of cpu/.
 */
#ifndef VTSIM_TESTS_UNIT_SYS_RIG_H
#define VTSIM_TESTS_UNIT_SYS_RIG_H

#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/event.h"
#include "cpu/flags.h"
#include "cpu/lapic.h"
#include "cpu/msr.h"
#include "cpu/segment.h"
#include "cpu/state.h"
#include "sim/machine/config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RIG_PML4 = 0x1000,
    RIG_PDPT = 0x2000,
    RIG_PD = 0x3000,
    RIG_GDT = 0x5000,
    RIG_IDT = 0x6000,
    RIG_TSS = 0x7000,
    RIG_TSS32 = 0x7800,
    RIG_LDT = 0x7c00,
    RIG_HANDLERS = 0x9000, /* + 16 * vector: HLT */
    RIG_GATE_TARGET = 0xb000,
    RIG_CODE = 0x20000,
    RIG_USER_STACK = 0x30000,
    RIG_RSP0 = 0x40008, /* not 16-byte aligned on purpose */
    RIG_IST1 = 0x50000,
    RIG_STACK = 0x60000,
    RIG_DATA = 0x70000,
};

/* Selectors. */
enum {
    SEL_CODE64 = 0x08,
    SEL_DATA = 0x10,
    SEL_UCODE32 = 0x1b,
    SEL_UDATA = 0x23,
    SEL_UCODE64 = 0x2b,
    SEL_CODE32 = 0x30,
    SEL_CONFORMING = 0x38,
    SEL_TSS = 0x40, /* 16 bytes */
    SEL_ABSENT = 0x50,
    SEL_READONLY = 0x58,
    SEL_GATE64 = 0x60, /* 16 bytes */
    SEL_LDT = 0x70,    /* 16 bytes */
    SEL_TSS32 = 0x80,
    SEL_GATE32 = 0x88,      /* one parameter */
    SEL_CODE64_BOTH = 0x90, /* L and D set */
    SEL_CODE16 = 0x98,
    SEL_EXECUTE_ONLY = 0xa0,
    SEL_LDT32 = 0xa8,
    SEL_UNACCESSED = 0xb0,
    SEL_END = 0xb8
};

struct rig {
    struct machine_config config;
    struct memsys *memory;
    struct cpu *c;
    uint8_t inta_vector;
    unsigned acknowledged;
    uint16_t port;
    unsigned port_len, ins, outs;
    uint32_t port_value;
    struct apic_message sent[8];
    unsigned messages;
    sim_time armed;
};

static inline void rig_write(struct rig *r, uint64_t at, const void *p,
                             size_t n)
{
    ck_assert(memsys_write(r->memory, (hpa){at}, n, p));
}

static inline uint64_t rig_read(struct rig *r, uint64_t at, unsigned n)
{
    uint64_t v = 0;
    ck_assert(memsys_read(r->memory, (hpa){at}, n, &v));
    return v;
}

static inline void rig_put(struct rig *r, uint64_t at, uint64_t v, unsigned n)
{
    rig_write(r, at, &v, n);
}

static inline uint8_t rig_inta(void *self)
{
    struct rig *r = self;
    r->acknowledged++;
    cpu_set_intr(r->c, false);
    return r->inta_vector;
}

static inline bool rig_in(void *self, uint16_t port, unsigned len,
                          uint32_t *out)
{
    struct rig *r = self;
    r->port = port;
    r->port_len = len;
    r->ins++;
    *out = r->port_value + r->ins;
    return port < 0x8000;
}

static inline bool rig_out(void *self, uint16_t port, unsigned len, uint32_t v)
{
    struct rig *r = self;
    r->port = port;
    r->port_len = len;
    r->port_value = v;
    r->outs++;
    return true;
}

static inline void rig_send(void *self, unsigned sender,
                            const struct apic_message *m)
{
    struct rig *r = self;
    (void)sender;
    ck_assert_uint_lt(r->messages, 8);
    r->sent[r->messages++] = *m;
}

static inline sim_time rig_now(void *self)
{
    struct rig *r = self;
    uint64_t cycles = r->c == NULL ? 0 : r->c->account.cycles;
    return cycles * (SIM_FS_PER_SECOND / r->config.core.core_hz);
}

static inline void rig_arm(void *self, sim_time at)
{
    ((struct rig *)self)->armed = at;
}

/* Base, limit (in the descriptor's units), access byte, flags nibble. */
static inline uint64_t rig_descriptor(uint64_t base, uint64_t limit,
                                      uint64_t access, uint64_t flags)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 |
           (limit >> 16 & 0xf) << 48 | flags << 52 | (base >> 24 & 0xff) << 56;
}

static inline void rig_sel(struct rig *r, unsigned sel, uint64_t lo)
{
    rig_put(r, RIG_GDT + (sel & ~7u), lo, 8);
}

static inline void rig_gdt(struct rig *r)
{
    rig_sel(r, 0, 0);
    rig_sel(r, SEL_CODE64, rig_descriptor(0, 0xfffff, 0x9b, 0xa));
    rig_sel(r, SEL_DATA, rig_descriptor(0, 0xfffff, 0x93, 0xc));
    rig_sel(r, SEL_UCODE32, rig_descriptor(0, 0xfffff, 0xfb, 0xc));
    rig_sel(r, SEL_UDATA, rig_descriptor(0, 0xfffff, 0xf3, 0xc));
    rig_sel(r, SEL_UCODE64, rig_descriptor(0, 0xfffff, 0xfb, 0xa));
    rig_sel(r, SEL_CODE32, rig_descriptor(0, 0xfffff, 0x9b, 0xc));
    rig_sel(r, SEL_CONFORMING, rig_descriptor(0, 0xfffff, 0x9f, 0xa));
    rig_sel(r, SEL_TSS, rig_descriptor(RIG_TSS, 0x2068, 0x89, 0));
    rig_sel(r, SEL_TSS + 8, 0);
    rig_sel(r, SEL_ABSENT, rig_descriptor(0, 0xfffff, 0x13, 0xc));
    rig_sel(r, SEL_READONLY, rig_descriptor(0, 0xfffff, 0x91, 0xc));
    rig_sel(r, SEL_GATE64,
            (uint64_t)RIG_GATE_TARGET | (uint64_t)SEL_CODE64 << 16 |
                UINT64_C(0xec) << 40);
    rig_sel(r, SEL_GATE64 + 8, 0);
    rig_sel(r, SEL_LDT, rig_descriptor(RIG_LDT, 0xff, 0x82, 0));
    rig_sel(r, SEL_LDT + 8, 0);
    rig_sel(r, SEL_TSS32, rig_descriptor(RIG_TSS32, 0x67, 0x89, 0));
    rig_sel(r, SEL_GATE32,
            (uint64_t)RIG_GATE_TARGET | (uint64_t)SEL_CODE32 << 16 |
                UINT64_C(0xec01) << 32);
    rig_sel(r, SEL_CODE64_BOTH, rig_descriptor(0, 0xfffff, 0x9b, 0xe));
    rig_sel(r, SEL_CODE16, rig_descriptor(0, 0xffff, 0x9b, 0));
    rig_sel(r, SEL_EXECUTE_ONLY, rig_descriptor(0, 0xfffff, 0x99, 0xc));
    rig_sel(r, SEL_LDT32, rig_descriptor(RIG_LDT, 0xff, 0x82, 0));
    rig_sel(r, SEL_UNACCESSED, rig_descriptor(0x1000, 0xfff, 0x92, 4));
}

/* A 64-bit gate of `type` (0xe, 0xf) to the handler of `vector`. */
static inline void rig_gate64(struct rig *r, unsigned vector, unsigned type,
                              unsigned dpl, unsigned ist)
{
    uint64_t to = RIG_HANDLERS + 16 * (uint64_t)vector;
    uint64_t lo =
        (to & 0xffff) | (uint64_t)SEL_CODE64 << 16 | (uint64_t)ist << 32 |
        (uint64_t)(0x80 | dpl << 5 | type) << 40 | (to >> 16 & 0xffff) << 48;
    rig_put(r, RIG_IDT + 16 * (uint64_t)vector, lo, 8);
    rig_put(r, RIG_IDT + 16 * (uint64_t)vector + 8, to >> 32, 8);
}

static inline void rig_gate32(struct rig *r, unsigned vector, unsigned type,
                              unsigned dpl, unsigned sel)
{
    uint64_t to = RIG_HANDLERS + 16 * (uint64_t)vector;
    uint64_t lo = (to & 0xffff) | (uint64_t)sel << 16 |
                  (uint64_t)(0x80 | dpl << 5 | type) << 40 |
                  (to >> 16 & 0xffff) << 48;
    rig_put(r, RIG_IDT + 8 * (uint64_t)vector, lo, 8);
}

static inline void rig_tables(struct rig *r)
{
    rig_gdt(r);
    rig_put(r, RIG_PML4, RIG_PDPT | 7, 8);
    rig_put(r, RIG_PDPT, RIG_PD | 7, 8);
    for (uint64_t i = 0; i < 8; i++) /* 16 MiB of 2 MiB pages */
        rig_put(r, RIG_PD + 8 * i, i << 21 | 0x87, 8);
    for (unsigned v = 0; v < 256; v++) {
        rig_put(r, RIG_HANDLERS + 16 * (uint64_t)v, 0xf4, 1);
        rig_gate64(r, v, 0xe, v == 3 || v == 0x80 ? 3 : 0, 0);
    }
    rig_put(r, RIG_GATE_TARGET, 0xf4, 1);
    rig_put(r, RIG_TSS + 4, RIG_RSP0, 8);
    rig_put(r, RIG_TSS + 36, RIG_IST1, 8);
    rig_put(r, RIG_TSS + 102, 0x68, 2); /* I/O map: ports below are free */
    rig_put(r, RIG_TSS32 + 4, RIG_RSP0, 4);
    rig_put(r, RIG_TSS32 + 8, SEL_DATA, 4);
    rig_put(r, RIG_TSS32 + 102, 0x68, 2);
}

static inline void rig_create(struct rig *r, void (*tweak)(struct rig *))
{
    struct sim_error e = {0};
    memset(r, 0, sizeof *r);
    config_defaults(&r->config);
    struct cpu_config *k = &r->config.core;
    k->pcid = k->invpcid = k->smep = k->smap = k->umip = true;
    k->fsgsbase = k->rdtscp = k->x2apic = k->tsc_deadline = true;
    k->pages_1g = true;
    /* The library with planted defects asks which one. */
    const char *plant = getenv("VTSIM_TEST_PLANT");
    k->plant = plant == NULL ? 0 : (uint32_t)strtoul(plant, NULL, 0);
    r->config.memory.ram_bytes = 16 << 20;
    if (tweak != NULL)
        tweak(r);
    ck_assert_msg(config_finish(&r->config, SIM_USAGE, &e) == SIM_OK, "%s",
                  e.text);
    ck_assert_msg(memsys_create(&r->config.memory, &r->memory, &e) == SIM_OK,
                  "%s", e.text);
    struct cpu_wiring w = {
        .cores = 1,
        .memory = r->memory,
        .io = {r, rig_in, rig_out},
        .inta = {r, rig_inta},
        .apic_bus = {r, rig_send},
        .apic_clock = {r, rig_now, rig_arm},
        .l3 = r->config.memory.l3,
    };
    struct cpu *c = NULL;
    ck_assert_msg(cpu_create(&r->config.core, &r->config.mmu, &w, &c, &e) ==
                      SIM_OK,
                  "%s", e.text);
    r->c = c;
    rig_tables(r);
}

static inline void rig_destroy(struct rig *r)
{
    cpu_destroy(r->c);
    memsys_destroy(r->memory);
}

/* The register contents that selector `sel` of the rig's GDT would load. */
static inline struct segment rig_segment(struct rig *r, unsigned sel)
{
    struct descriptor d = {.selector = (uint16_t)sel};
    d.lo = rig_read(r, RIG_GDT + (sel & ~7u), 8);
    return segment_from(&d);
}

/* 64-bit mode at privilege level `cpl` (0 or 3). */
static inline void rig_long(struct rig *r, unsigned cpl)
{
    struct cpu *c = r->c;
    c->cr0 = CR0_PG | CR0_PE | CR0_ET | CR0_NE | CR0_MP | CR0_WP;
    c->cr3 = RIG_PML4;
    c->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_DE;
    c->efer = EFER_LME | EFER_LMA | EFER_SCE | EFER_NXE;
    c->gdtr = (struct descriptor_table){RIG_GDT, SEL_END - 1};
    c->idtr = (struct descriptor_table){RIG_IDT, 0xfff};
    unsigned data = cpl == 3 ? SEL_UDATA : SEL_DATA;
    for (unsigned i = 0; i <= SEG_GS; i++)
        c->seg[i] = rig_segment(r, data);
    c->seg[SEG_CS] = rig_segment(r, cpl == 3 ? SEL_UCODE64 : SEL_CODE64);
    c->seg[SEG_TR] = rig_segment(r, SEL_TSS);
    c->seg[SEG_TR].attr |= 2;
    c->eflags = FLAG_ONE;
    c->rip = RIG_CODE;
    c->gpr[REG_RSP] = cpl == 3 ? RIG_USER_STACK : RIG_STACK;
    c->activity = ACTIVITY_RUN;
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
    cpu_update_mode(c);
}

/* 32-bit protected mode without paging; gates are 32-bit ones. */
static inline void rig_protected(struct rig *r, unsigned cpl)
{
    struct cpu *c = r->c;
    for (unsigned v = 0; v < 256; v++)
        rig_gate32(r, v, 0xe, v == 3 || v == 0x80 ? 3 : 0, SEL_CODE32);
    c->cr0 = CR0_PE | CR0_ET | CR0_NE;
    c->cr3 = c->cr4 = c->efer = 0;
    c->gdtr = (struct descriptor_table){RIG_GDT, SEL_END - 1};
    c->idtr = (struct descriptor_table){RIG_IDT, 0x7ff};
    unsigned data = cpl == 3 ? SEL_UDATA : SEL_DATA;
    for (unsigned i = 0; i <= SEG_GS; i++)
        c->seg[i] = rig_segment(r, data);
    c->seg[SEG_CS] = rig_segment(r, cpl == 3 ? SEL_UCODE32 : SEL_CODE32);
    c->seg[SEG_TR] = rig_segment(r, SEL_TSS32);
    c->seg[SEG_TR].attr |= 2;
    c->eflags = FLAG_ONE;
    c->rip = RIG_CODE;
    c->gpr[REG_RSP] = cpl == 3 ? RIG_USER_STACK : RIG_STACK;
    c->activity = ACTIVITY_RUN;
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
    cpu_update_mode(c);
}

/* Real mode, code at RIG_CODE, vectors to the HLT handlers. */
static inline void rig_real(struct rig *r)
{
    struct cpu *c = r->c;
    for (unsigned v = 0; v < 256; v++)
        rig_put(r, 4 * (uint64_t)v, RIG_HANDLERS + 16 * v, 4);
    struct cpu_entry e = {.rip = 0,
                          .rsp = 0xff00,
                          .mode = ENTRY_REAL16,
                          .cs = RIG_CODE >> 4,
                          .ds = 0};
    cpu_set_entry(c, &e);
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
}

/* Place code given in hexadecimal at `at`. */
static inline void rig_hex(struct rig *r, uint64_t at, const char *hex)
{
    unsigned byte;
    int used;
    while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
        rig_put(r, at++, byte, 1);
        hex += used;
    }
}

/* Run the code at RIG_CODE until the core halts or stops. */
static inline enum cpu_stop rig_go(struct rig *r, const char *hex)
{
    if (hex != NULL)
        rig_hex(r, RIG_CODE, hex);
    return cpu_run(r->c, r->c->account.cycles + 2000000);
}

/* The vector whose handler the core halted in, or -1. */
static inline int rig_vector(const struct rig *r)
{
    uint64_t at = r->c->rip - 1;
    if (r->c->activity != ACTIVITY_HLT || at < RIG_HANDLERS ||
        at >= RIG_HANDLERS + 16 * 256 || at % 16 != 0)
        return -1;
    return (int)((at - RIG_HANDLERS) / 16);
}

/* Code runs to its own HLT, without an event. */
static inline void rig_runs(struct rig *r, const char *hex)
{
    ck_assert_int_eq(rig_go(r, hex), CPU_STOP_HALT);
    ck_assert_msg(rig_vector(r) == -1, "vector %d at %llx", rig_vector(r),
                  (unsigned long long)r->c->gpr[REG_RSP]);
}

/* Code ends in the handler of `vector`; its error code is `error` unless
 * that is -1 (the vector has none). 64-bit mode. */
static inline void rig_faults(struct rig *r, const char *hex, int vector,
                              int error)
{
    enum cpu_stop why = rig_go(r, hex);
    ck_assert_msg(why == CPU_STOP_HALT, "stop %d: %s", (int)why,
                  cpu_stop_reason(r->c));
    ck_assert_int_eq(rig_vector(r), vector);
    if (error >= 0)
        ck_assert_uint_eq(rig_read(r, r->c->gpr[REG_RSP], 4), (unsigned)error);
}

/* Word n of the frame above the error code, if any: 0 RIP, 1 CS, 2 RFLAGS,
 * 3 RSP, 4 SS. */
static inline uint64_t rig_frame(struct rig *r, unsigned n, bool error)
{
    return rig_read(r, r->c->gpr[REG_RSP] + 8 * (n + error), 8);
}

#endif
