/* SPDX-License-Identifier: Apache-2.0
 * The simulated side: one core in IA-32e mode at CPL 3 with the harness's
 * memory layout and the selectors that Linux uses. Faults go through a real IDT
 * to a HLT in ring 0; the frame on the interrupt stack is part of what is
 * compared.
 */
#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "cpu/xlat.h"
#include "mmu/memsys.h"
#include "sim/machine/config.h"
#include "tests/differential/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Physical memory map of the little machine. */
enum {
    PML4_AT = 0x1000,
    PDPT_AT = 0x2000,
    PD_LOW_AT = 0x3000,  /* 0..1 GiB */
    PT_SYS_AT = 0x4000,  /* linear 0..2 MiB: system page tables */
    PT_CODE_AT = 0x5000, /* around CODE_PAGE */
    PT_ARENA_AT = 0x6000,
    GDT_AT = 0x8000,
    IDT_AT = 0x9000,
    TSS_AT = 0xa000,
    STACK_AT = 0xb000,    /* one page; top at 0xc000 */
    HANDLERS_AT = 0xd000, /* 256 x 16 bytes of HLT */
    LDT_AT = 0xe000,
    CODE_AT = 0x10000,
    ARENA_AT = 0x11000, /* three pages */
};

struct sim {
    struct memsys *memory;
    struct cpu *cpu;
    struct cpu_regs start;      /* system registers of every case */
    unsigned dirty, dirty_size; /* of the code page: not INT3 now */
};

static void put64(struct sim *s, uint64_t at, uint64_t v)
{
    if (!memsys_write(s->memory, (hpa){at}, 8, &v))
        abort();
}

static void build_tables(struct sim *s)
{
    enum { P = 1, W = 2, U = 4 };
    put64(s, PML4_AT, PDPT_AT | P | W | U);
    put64(s, PDPT_AT, PD_LOW_AT | P | W | U);
    put64(s, PD_LOW_AT, PT_SYS_AT | P | W | U);
    put64(s, PD_LOW_AT + 8 * (CODE_PAGE >> 21), PT_CODE_AT | P | W | U);
    put64(s, PD_LOW_AT + 8 * (ARENA >> 21), PT_ARENA_AT | P | W | U);
    for (uint64_t page = 1; page < 0x10; page++) /* supervisor */
        put64(s, PT_SYS_AT + 8 * page, page << 12 | P | W);
    put64(s, PT_CODE_AT + 8 * ((CODE_PAGE >> 12) & 511), CODE_AT | P | U);
    uint64_t first = PT_ARENA_AT + 8 * ((ARENA >> 12) & 511);
    put64(s, first, ARENA_AT | P | W | U);
    put64(s, first + 8, (ARENA_AT + 0x1000) | P | W | U);
    put64(s, first + 16, (ARENA_AT + 0x2000) | P | U);
}

static uint64_t ldt_descriptor(const struct ldt_row *row)
{
    uint64_t pages = row->limit >> 20 != 0;
    uint64_t limit = pages ? row->limit >> 12 : row->limit;
    return (limit & 0xffff) | (uint64_t)(row->base & 0xffffff) << 16 |
           (uint64_t)(0x70u | row->type | (row->present ? 0x80 : 0)) << 40 |
           (limit >> 16) << 48 | (uint64_t)row->db << 54 | pages << 55 |
           (uint64_t)(row->base >> 24) << 56;
}

static void build_descriptors(struct sim *s)
{
    put64(s, GDT_AT + 0x08, 0x00af9b000000ffff); /* ring 0 code, 64-bit */
    put64(s, GDT_AT + 0x10, 0x00cf93000000ffff);
    put64(s, GDT_AT + 0x20, 0x00cffb000000ffff); /* USER_CS32 */
    put64(s, GDT_AT + 0x28, 0x00cff3000000ffff); /* USER_DS */
    put64(s, GDT_AT + 0x30, 0x00affb000000ffff); /* USER_CS64 */
    for (unsigned i = 1; i < LDT_ROWS; i++)
        put64(s, LDT_AT + 8 * i, ldt_descriptor(&ldt_rows[i]));
    put64(s, TSS_AT + 4, STACK_AT + 0x1000);    /* RSP0 */
    put64(s, TSS_AT + 36, STACK_AT + 0x1000);   /* IST1 */
    put64(s, TSS_AT + 96, UINT64_C(104) << 48); /* no I/O bitmap */
    uint64_t hlt = 0xf4f4f4f4f4f4f4f4;
    for (uint64_t v = 0; v < 256; v++) {
        uint64_t rights = v == 3 || v == 4 ? 0xee : 0x8e; /* INT3, INTO */
        uint64_t to = HANDLERS_AT + v * 16;
        put64(s, to, hlt);
        put64(s, IDT_AT + v * 16,
              (to & 0xffff) | 0x08 << 16 | UINT64_C(1) << 32 | rights << 40 |
                  (to >> 16 & 0xffff) << 48);
        put64(s, IDT_AT + v * 16 + 8, to >> 32);
    }
}

/* A segment register as a load of the selector leaves it. */
static struct segment segment(uint16_t selector)
{
    struct segment g = {.selector = selector, .attr = SEG_ATTR_UNUSABLE};
    if ((selector & ~3) == 0)
        return g;
    g.limit = 0xffffffff;
    g.attr = 0xf3 | SEG_ATTR_DB | SEG_ATTR_G;
    if (selector & 4) {
        const struct ldt_row *row = &ldt_rows[selector >> 3];
        g.base = row->base;
        g.limit = row->limit;
        g.attr = 0xf0u | row->type | (row->db ? (unsigned)SEG_ATTR_DB : 0) |
                 (row->limit >> 20 ? (unsigned)SEG_ATTR_G : 0);
    } else if (selector == USER_CS32) {
        g.attr = 0xfb | SEG_ATTR_DB | SEG_ATTR_G;
    } else if (selector == USER_CS64) {
        g.attr = 0xfb | SEG_ATTR_L | SEG_ATTR_G;
    }
    return g;
}

static void set_start(struct sim *s)
{
    struct cpu_regs *r = &s->start;
    cpu_get_regs(s->cpu, r);
    r->cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
    r->cr3 = PML4_AT;
    r->cr4 = 0x40620; /* PAE OSFXSR OSXMMEXCPT OSXSAVE */
    r->xcr0 = 7;
    r->efer = 0xd01; /* SCE LME LMA NXE */
    r->seg[SEG_FS] = r->seg[SEG_GS] = segment(0);
    r->seg[SEG_TR] = (struct segment){
        .selector = 0x40, .attr = 0x8b, .base = TSS_AT, .limit = 103};
    r->seg[SEG_LDTR] = (struct segment){.selector = 0x50,
                                        .attr = 0x82,
                                        .base = LDT_AT,
                                        .limit = LDT_ROWS * 8 - 1};
    r->gdtr = (struct descriptor_table){GDT_AT, 0x7f};
    r->idtr = (struct descriptor_table){IDT_AT, 0xfff};
}

/* What both sides have; a property of the process, as the host's CPU is. */
static bool both[FEATURE_COUNT];

bool both_have(unsigned feature)
{
    return both[feature];
}

/* Of the optional features the core gets those that the host has. */
static void choose_features(struct cpu_config *core)
{
#define OPTIONAL(field, feature, doc) core->field = host_has(FEATURE_##feature);
#include "cpu/optional_features.def"
#undef OPTIONAL
}

static void note_features(const struct sim *s)
{
    for (unsigned f = 0; f < FEATURE_COUNT; f++)
        both[f] = host_has(f) && cpu_has(s->cpu, (enum cpu_feature)f);
}

struct sim *sim_open(unsigned plant)
{
    struct sim *s = calloc(1, sizeof *s);
    struct machine_config config;
    struct sim_error e;
    if (s == NULL)
        return NULL;
    config_defaults(&config);
    config.memory.ram_bytes = 1 << 20;
    config.core.timing = TIMING_OFF;
    if (config_finish(&config, SIM_INTERNAL, &e) != SIM_OK) {
        fprintf(stderr, "differential: %s\n", e.text);
        free(s);
        return NULL;
    }
    config.core.plant = plant;
    config.core.magic_ops = false;
    choose_features(&config.core);
    struct cpu_wiring wiring = {.cores = 1};
    if (memsys_create(&config.memory, &s->memory, &e) != SIM_OK) {
        free(s);
        return NULL;
    }
    wiring.memory = s->memory;
    if (cpu_create(&config.core, &config.mmu, &wiring, &s->cpu, &e) != SIM_OK) {
        memsys_destroy(s->memory);
        free(s);
        return NULL;
    }
    cpu_reset(s->cpu);
    note_features(s);
    build_tables(s);
    build_descriptors(s);
    uint8_t int3[4096];
    memset(int3, 0xcc, sizeof int3);
    memsys_write(s->memory, (hpa){CODE_AT}, sizeof int3, int3);
    set_start(s);
    return s;
}

void sim_close(struct sim *s)
{
    cpu_destroy(s->cpu);
    memsys_destroy(s->memory);
    free(s);
}

static void load_fpu(struct cpu_regs *r, const struct machine_state *m)
{
    const struct fx_image *fx = &m->fx;
    const uint64_t(*ymmh)[2] = m->ymmh;
    r->mxcsr = fx->mxcsr;
    r->x87.fcw = fx->fcw;
    r->x87.fsw = fx->fsw;
    r->x87.ftw = fx->ftw;
    unsigned top = fx->fsw >> 11 & 7;
    for (unsigned i = 0; i < 8; i++) {
        unsigned physical = (top + i) & 7;
        r->x87.st[physical].u64[0] = fx->st[i].mantissa;
        r->x87.st[physical].u64[1] = fx->st[i].exponent;
    }
    /* A pending unmasked exception raises ES and B, as FXRSTOR does. */
    if (fx->fsw & ~fx->fcw & 0x3f)
        r->x87.fsw |= 0x8080;
    else
        r->x87.fsw &= 0x7f7f;
    for (unsigned i = 0; i < 16; i++) {
        r->v[i].u64[0] = fx->xmm[i][0];
        r->v[i].u64[1] = fx->xmm[i][1];
        r->v[i].u64[2] = ymmh[i][0];
        r->v[i].u64[3] = ymmh[i][1];
    }
}

static void save_fpu(const struct cpu_regs *r, struct machine_state *m)
{
    struct fx_image *fx = &m->fx;
    uint64_t(*ymmh)[2] = m->ymmh;
    fx->mxcsr = r->mxcsr;
    fx->fcw = r->x87.fcw;
    fx->fsw = r->x87.fsw;
    fx->ftw = r->x87.ftw;
    unsigned top = fx->fsw >> 11 & 7;
    for (unsigned i = 0; i < 8; i++) {
        unsigned physical = (top + i) & 7;
        fx->st[i].mantissa = r->x87.st[physical].u64[0];
        fx->st[i].exponent = (uint16_t)r->x87.st[physical].u64[1];
    }
    for (unsigned i = 0; i < 16; i++) {
        fx->xmm[i][0] = r->v[i].u64[0];
        fx->xmm[i][1] = r->v[i].u64[1];
        ymmh[i][0] = r->v[i].u64[2];
        ymmh[i][1] = r->v[i].u64[3];
    }
}

/* The interrupt frame that delivery pushed below the top of the stack. */
static void read_frame(struct sim *s, unsigned vector, struct outcome *o)
{
    static const uint32_t with_error = 1u << 8 | 1u << 10 | 1u << 11 |
                                       1u << 12 | 1u << 13 | 1u << 14 |
                                       1u << 17;
    uint64_t frame[6] = {0};
    bool error = vector < 32 && (with_error >> vector & 1);
    uint64_t size = error ? 48 : 40;
    memsys_read(s->memory, (hpa){STACK_AT + 0x1000 - size}, size,
                frame + (error ? 0 : 1));
    o->error = (uint32_t)frame[0];
    o->after.rip = frame[1];
    o->after.cs = (uint16_t)frame[2];
    o->after.rflags = frame[3];
    o->after.gpr[4] = frame[4];
    o->after.ss = (uint16_t)frame[5];
}

static void load_case(struct sim *s, const struct test_case *t,
                      struct cpu_regs *r)
{
    const struct machine_state *m = &t->before;
    *r = s->start;
    memcpy(r->gpr, m->gpr, sizeof r->gpr);
    r->rip = m->rip;
    r->rflags = m->rflags;
    r->cr2 = 0;
    r->seg[SEG_CS] = segment(m->cs);
    r->seg[SEG_SS] = segment(m->ss);
    r->seg[SEG_DS] = segment(m->ds);
    r->seg[SEG_ES] = segment(m->es);
    load_fpu(r, m);
    /* The bytes, and after them INT3: the end of a sequence. */
    uint8_t bytes[CODE_MAX + 16];
    unsigned size = t->length + 16;
    if (t->place + size > 4096)
        size = 4096 - t->place;
    memset(bytes, 0xcc, sizeof bytes);
    memcpy(bytes, t->bytes, t->length);
    memsys_write(s->memory, (hpa){CODE_AT + t->place}, size, bytes);
    memsys_write(s->memory, (hpa){ARENA_AT}, ARENA_SIZE, t->memory);
    s->dirty = t->place;
    s->dirty_size = size;
    cpu_set_regs(s->cpu, r);
}

/* A case that leaves its end by itself is one instruction or two; one with
 * branches ends at the INT3. */
static bool ended(const struct test_case *t, const struct outcome *o)
{
    uint64_t end = t->before.rip + t->length;
    return t->steps > 1 && o->vector == 3 && o->after.rip == end + 1;
}

void sim_run_case(struct sim *s, const struct test_case *t, struct outcome *o)
{
    struct cpu_regs r;
    load_case(s, t, &r);
    /* The longest way through a sequence is one instruction a byte. */
    unsigned budget = t->steps > 1 ? t->length + 8 : 1;
    cpu_set_instruction_limit(s->cpu,
                              cpu_account(s->cpu)->instructions + budget);
    (void)cpu_run(s->cpu, UINT64_MAX);

    cpu_get_regs(s->cpu, &r);
    memset(&o->after.fx, 0, sizeof o->after.fx);
    memcpy(o->after.gpr, r.gpr, sizeof o->after.gpr);
    o->after.rip = r.rip;
    o->after.rflags = r.rflags;
    o->after.cs = r.seg[SEG_CS].selector;
    o->after.ss = r.seg[SEG_SS].selector;
    o->after.ds = null_as_zero(r.seg[SEG_DS].selector);
    o->after.es = null_as_zero(r.seg[SEG_ES].selector);
    o->vector = -1;
    o->error = 0;
    o->cr2 = 0;
    save_fpu(&r, &o->after);
    if (r.seg[SEG_CS].selector == 0x08 && r.rip - HANDLERS_AT < 0x1000) {
        o->vector = (int)((r.rip - HANDLERS_AT) / 16);
        read_frame(s, (unsigned)o->vector, o);
        if (o->vector == 14)
            o->cr2 = r.cr2;
    }
    if (ended(t, o)) {
        o->vector = -1;
        o->after.rip--;
    }
    memsys_read(s->memory, (hpa){ARENA_AT}, ARENA_SIZE, o->memory);
    uint8_t int3[CODE_MAX + 16];
    memset(int3, 0xcc, sizeof int3);
    memsys_write(s->memory, (hpa){CODE_AT + s->dirty}, s->dirty_size, int3);
}
