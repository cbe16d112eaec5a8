/* SPDX-License-Identifier: Apache-2.0
 * The random machine: memory map, tables, code and entry states.
 */
#include "tests/random/box.h"

#include "sim/base/addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const entry_name[ENTRY_COUNT] = {
    "real", "unreal", "prot16",   "prot32",    "paged32",  "paged32u", "pae",
    "paeu", "v86",    "compat32", "compat32u", "compat16", "long",     "longu"};

/* Where the paging structures lie. */
enum {
    PML4_AT = TABLES_AT,
    PDPT_AT = TABLES_AT + 0x1000, /* of IA-32e mode */
    PD_AT = TABLES_AT + 0x2000,   /* IA-32e and PAE */
    PD32_AT = TABLES_AT + 0x3000, /* 32-bit paging */
    PT_AT = TABLES_AT + 0x4000,   /* 4 KiB pages of the first 2 MiB */
    PT32_AT = TABLES_AT + 0x5000, /* ... of the first 4 MiB, 32-bit format */
    PDPTE_AT = TABLES_AT + 0x6000 /* PAE */
};

/* Selectors: flat segments first, random descriptors from RANDOM_GDT on. */
enum {
    SEL_CODE64 = 0x08,
    SEL_DATA = 0x10,
    SEL_CODE32U = 0x18,
    SEL_DATAU = 0x20,
    SEL_CODE64U = 0x28,
    SEL_CODE32 = 0x30,
    SEL_CODE16 = 0x38,
    SEL_TSS = 0x40, /* two slots */
    RANDOM_GDT = 10,
    GDT_SLOTS = 32
};

static uint64_t below(struct box *b, uint64_t n)
{
    return rng_next(&b->rng) % n;
}

static void put(struct box *b, uint64_t at, const void *p, uint64_t n)
{
    if (!memsys_write(b->memory, (hpa){at}, n, p))
        abort();
}

static void put64(struct box *b, uint64_t at, uint64_t v)
{
    put(b, at, &v, 8);
}

static void put32(struct box *b, uint64_t at, uint32_t v)
{
    put(b, at, &v, 4);
}

bool box_open(struct box *b, const struct machine_config *config)
{
    struct sim_error e;
    memset(b, 0, sizeof *b);
    if (memsys_create(&config->memory, &b->memory, &e) != SIM_OK) {
        fprintf(stderr, "box: %s\n", e.text);
        return false;
    }
    struct cpu_wiring wiring = {.cores = 1, .memory = b->memory};
    if (cpu_create(&config->core, &config->mmu, &wiring, &b->cpu, &e) !=
        SIM_OK) {
        fprintf(stderr, "box: %s\n", e.text);
        memsys_destroy(b->memory);
        return false;
    }
    return true;
}

void box_close(struct box *b)
{
    cpu_destroy(b->cpu);
    memsys_destroy(b->memory);
}

/* Leaf of a 4 KiB page of the first 2 MiB. Beyond the first megabyte leaves
 * get random extra bits now and then, so that walks meet reserved bits, keys
 * and odd rights. */
static uint64_t random_leaf(struct box *b, uint64_t page, enum temper temper)
{
    uint64_t at = page << 12, e = at | 7;
    if (page >= 256 && below(b, 4) == 0)
        e ^= rng_next(&b->rng) & 0xf8000000000001ff;
    if (at >= GDT_AT && at < TABLES_AT)
        e &= ~UINT64_C(4); /* the processor's, whatever SMAP says */
    if (temper == WILD)
        return e;
    if (at - CODE_AT < CODE_BYTES)
        return at | 5;
    if (at - TABLES_AT < 0x8000)
        return 0;
    if (at == STEP_CODE_AT)
        return at | 1;
    return e | UINT64_C(1) << 63;
}

/* Identity map of RAM in every format. */
static void random_tables(struct box *b, enum temper temper)
{
    put64(b, PML4_AT, PDPT_AT | 7);
    put64(b, PDPT_AT, PD_AT | 7);
    for (uint64_t i = 0; i < 4; i++)
        put64(b, PDPTE_AT + 8 * i, PD_AT | 1);
    put64(b, PD_AT, PT_AT | 7);
    put64(b, PD_AT + 8,
          1 << 21 | 0x87 | (temper == WILD ? 0 : UINT64_C(1) << 63));
    put32(b, PD32_AT, PT32_AT | 7);
    put32(b, PD32_AT + 4, 0x87);
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t e = random_leaf(b, i, temper);
        put64(b, PT_AT + 8 * i, e);
        put32(b, PT32_AT + 4 * i, (uint32_t)e);
        put32(b, PT32_AT + 4 * (i + 512),
              (uint32_t)((i + 512) << 12 | (rng_next(&b->rng) & 0x1e7)));
    }
}

static uint64_t gate(uint64_t to, unsigned sel, uint64_t type)
{
    return (to & 0xffff) | (uint64_t)sel << 16 | type << 40 |
           (to >> 16 & 0xffff) << 48;
}

static uint64_t handler(struct box *b)
{
    return CODE_AT + below(b, CODE_BYTES);
}

/* Interrupt table of the mode: 8-byte or 16-byte gates, or the real-mode
 * vector table at 0. */
static void random_idt(struct box *b, enum entry entry)
{
    for (uint64_t v = 0; v < 256; v++) {
        uint64_t to = handler(b);
        uint64_t type = below(b, 8) ? 0x8e : rng_next(&b->rng) & 255;
        if (below(b, 4) == 0)
            type |= 0x60; /* reachable from ring 3 */
        put32(b, 4 * v, (uint32_t)((to & 0xf) | (to >> 4 & 0xffff) << 16));
        if (entry >= ENTRY_COMPAT32) {
            put64(b, IDT_AT + 16 * v,
                  gate(to, SEL_CODE64, type) | (rng_next(&b->rng) & 3) << 32);
            put64(b, IDT_AT + 16 * v + 8, to >> 32);
        } else {
            unsigned sel =
                entry == ENTRY_PROT16 && below(b, 2) ? SEL_CODE16 : SEL_CODE32;
            put64(b, IDT_AT + 8 * v, gate(to, sel, type));
        }
    }
}

static void random_descriptors(struct box *b, enum entry entry)
{
    static const uint64_t fixed[] = {
        0,
        0x00af9b000000ffff, /* ring 0 code, 64-bit */
        0x00cf93000000ffff, /* ring 0 data */
        0x00cffb000000ffff, /* ring 3 code, 32-bit */
        0x00cff3000000ffff, /* ring 3 data */
        0x00affb000000ffff, /* ring 3 code, 64-bit */
        0x00cf9b000000ffff, /* ring 0 code, 32-bit */
        0x008f9b000000ffff, /* ring 0 code, 16-bit, 4 GiB */
    };
    for (unsigned i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        put64(b, GDT_AT + 8 * i, fixed[i]);
    put64(b, GDT_AT + SEL_TSS,
          UINT64_C(0x00008b0000002100) | (uint64_t)(TSS_AT & 0xffffff) << 16);
    put64(b, GDT_AT + SEL_TSS + 8, 0);
    for (uint64_t i = RANDOM_GDT; i < GDT_SLOTS; i++) {
        uint64_t d = rng_next(&b->rng);
        if (below(b, 2)) /* mostly low bases: something lies there */
            d &= 0x00ff00ff0fffffff;
        put64(b, GDT_AT + 8 * i, d | (below(b, 4) ? UINT64_C(1) << 47 : 0));
    }
    random_idt(b, entry);
    for (uint64_t i = 0; i < 0x2100; i += 8)
        put64(b, TSS_AT + i, i < 104 ? 0 : rng_next(&b->rng));
    if (entry >= ENTRY_COMPAT32) {
        for (uint64_t i = 4; i < 92; i += 8)
            put64(b, TSS_AT + i, STACK_AT - below(b, STACK_BYTES / 2));
        put32(b, TSS_AT + 100, 104 << 16);
        return;
    }
    for (uint64_t ring = 0; ring < 3; ring++) {
        put32(b, TSS_AT + 4 + 8 * ring, STACK_AT - 0x100 * (uint32_t)ring);
        put32(b, TSS_AT + 8 + 8 * ring, SEL_DATA | (uint32_t)ring);
    }
    put32(b, TSS_AT + 100, 136 << 16); /* redirection bitmap below it */
}

/* True when an instruction could begin with these bytes that reads a clock
 * or a random number, changes what addresses mean, or (step) shows or changes
 * EFLAGS.TF. */
static bool unruly(const uint8_t *p, enum temper temper)
{
    if (p[0] == 0x0f)
        switch (p[1]) {
        case 0x01: /* LGDT, INVLPG, RDTSCP, XSETBV, MWAIT ... */
        case 0x22: /* MOV to CR */
        case 0xc7: /* RDRAND, RDPID, XSAVEC, CMPXCHG8B */
        case 0x05:
        case 0x07:
        case 0x34:
        case 0x35: return true;                        /* SYSCALL and its kin */
        case 0xae: return p[2] >= 0xf0 && p[2] < 0xf8; /* UMWAIT, TPAUSE */
        default: return (p[1] & 0xf8) == 0x30;         /* RDTSC, RDMSR ... */
        }
    if (temper != STEP)
        return false;
    return p[0] == 0x9c || p[0] == 0x9d || p[0] == 0xcc || p[0] == 0xcd ||
           p[0] == 0xcf || p[0] == 0xf1;
}

static void tame_code(struct box *b, enum temper temper)
{
    for (unsigned i = 0; i + 2 < CODE_BYTES; i++)
        if (unruly(b->code + i, temper))
            b->code[i] = 0x90;
}

/* Half random bytes; half of the kind that makes short valid instructions,
 * so that more than a few run before the first #UD; some short loops. */
static void random_code(struct box *b, enum temper temper)
{
    static const uint8_t common[] = {
        0x48, 0x89, 0x8b, 0x01, 0x83, 0xc3, 0xe8, 0xeb, 0x74, 0x0f, 0x66,
        0xf3, 0xa4, 0xab, 0x50, 0x58, 0x41, 0xff, 0xc1, 0xd3, 0xf7, 0x85,
        0xb6, 0xbe, 0xaf, 0xc7, 0xdd, 0xd9, 0x10, 0x11, 0x28, 0x6f, 0x7f,
        0xc5, 0xc4, 0xe2, 0x79, 0x38, 0x3a, 0x58, 0x59, 0xe4, 0xfc, 0x2e,
        0x26, 0x64, 0x67, 0x9a, 0xcf, 0xcd, 0x9d, 0x07, 0x8e, 0x22, 0x31};
    /* add; xor; inc; imul; shift; test+branch: a loop's body */
    static const uint8_t body[] = {0x01, 0xd8, 0x31, 0xca, 0xff, 0xc3,
                                   0x89, 0xf0, 0xd1, 0xe6, 0x85, 0xc0};
    for (unsigned i = 0; i < CODE_BYTES;) {
        uint64_t r = rng_next(&b->rng);
        if ((r & 0x3f0) == 0 && i + 16 < CODE_BYTES) {
            memcpy(b->code + i, body, sizeof body);
            b->code[i + 12] = 0xe2; /* LOOP */
            b->code[i + 13] = (uint8_t)-14;
            i += 14;
        } else {
            b->code[i++] =
                r & 1 ? (uint8_t)(r >> 10) : common[(r >> 10) % sizeof common];
        }
    }
    if (temper != WILD)
        tame_code(b, temper);
    put(b, CODE_AT, b->code, CODE_BYTES);
    for (unsigned i = 0; i < DATA_BYTES; i += 8) {
        uint64_t v = rng_next(&b->rng);
        if (i % 64 == 0) /* a pointer to data, now and then */
            v = DATA_AT + v % DATA_BYTES;
        memcpy(b->data + i, &v, 8);
    }
    put(b, DATA_AT, b->data, DATA_BYTES);
}

static struct segment flat(uint16_t selector, uint32_t attr)
{
    return (struct segment){
        .selector = selector, .attr = attr, .limit = 0xffffffff};
}

static void real_segments(struct box *b, struct cpu_regs *r, uint32_t limit,
                          bool v86)
{
    static const uint32_t paragraph[6] = {
        DATA_AT >> 4, CODE_AT >> 4, (STACK_AT - 0x8000) >> 4,
        DATA_AT >> 4, DATA_AT >> 4, STACK_AT >> 4};
    for (unsigned i = 0; i < 6; i++) {
        r->seg[i] = flat((uint16_t)paragraph[i], v86 ? 0xf3 : 0x93);
        r->seg[i].base = (uint64_t)r->seg[i].selector << 4;
        r->seg[i].limit = i == SEG_CS ? 0xffff : limit;
    }
    r->gpr[REG_RSP] = 0x7000 + below(b, 0x1000);
    r->rip = below(b, CODE_BYTES);
}

static void flat_segments(struct cpu_regs *r, unsigned ring, uint16_t cs,
                          uint32_t size)
{
    uint32_t code = (ring ? 0xfb : 0x9b) | SEG_ATTR_G | size;
    uint32_t data = (ring ? 0xf3 : 0x93) | SEG_ATTR_G | SEG_ATTR_DB;
    uint16_t rpl = ring ? 3 : 0;
    for (unsigned i = 0; i < 6; i++)
        r->seg[i] = flat((uint16_t)((ring ? SEL_DATAU : SEL_DATA) | rpl), data);
    r->seg[SEG_CS] = flat((uint16_t)(cs | rpl), code);
}

/* What differs between the entries. */
static const struct {
    uint32_t cr0, cr4, efer, cr3;
    uint16_t cs;
    uint32_t size;
    uint8_t ring;
} entry_row[ENTRY_COUNT] = {
    [ENTRY_REAL] = {0x30, 0, 0, 0, 0, 0, 0},
    [ENTRY_UNREAL] = {0x30, 0, 0, 0, 0, 0, 0},
    [ENTRY_PROT16] = {0x31, 0, 0, 0, SEL_CODE16, 0, 0},
    [ENTRY_PROT32] = {0x31, 0, 0, 0, SEL_CODE32, SEG_ATTR_DB, 0},
    [ENTRY_PAGED32] = {0x80000033, 0x10, 0, PD32_AT, SEL_CODE32, SEG_ATTR_DB,
                       0},
    [ENTRY_PAGED32_USER] = {0x80050033, 0x10, 0, PD32_AT, SEL_CODE32U,
                            SEG_ATTR_DB, 1},
    [ENTRY_PAE] = {0x80010033, 0x20, 0x800, PDPTE_AT, SEL_CODE32, SEG_ATTR_DB,
                   0},
    [ENTRY_PAE_USER] = {0x80050033, 0x20, 0x800, PDPTE_AT, SEL_CODE32U,
                        SEG_ATTR_DB, 1},
    [ENTRY_V86] = {0x80050033, 0x10, 0, PD32_AT, 0, 0, 1},
    [ENTRY_COMPAT32] = {0x80050033, 0x20, 0xd01, PML4_AT, SEL_CODE32,
                        SEG_ATTR_DB, 0},
    [ENTRY_COMPAT32_USER] = {0x80050033, 0x20, 0xd01, PML4_AT, SEL_CODE32U,
                             SEG_ATTR_DB, 1},
    [ENTRY_COMPAT16] = {0x80050033, 0x20, 0xd01, PML4_AT, SEL_CODE16, 0, 0},
    [ENTRY_LONG] = {0x80050033, 0x20, 0xd01, PML4_AT, SEL_CODE64, SEG_ATTR_L,
                    0},
    [ENTRY_LONG_USER] = {0x80050033, 0x20, 0xd01, PML4_AT, SEL_CODE64U,
                         SEG_ATTR_L, 1},
};

/* OSFXSR OSXMMEXCPT mostly; OSXSAVE often; the rest now and then. */
static uint64_t random_cr4(struct box *b)
{
    uint64_t cr4 = 0x600;
    if (below(b, 4))
        cr4 |= 1 << 18;
    if (below(b, 4) == 0)
        cr4 ^= rng_next(&b->rng) & 0x31098f; /* VME PVI TSD DE PGE PCE ... */
    return cr4;
}

static void random_registers(struct box *b, enum entry entry)
{
    struct cpu_regs r;
    cpu_reset(b->cpu);
    cpu_get_regs(b->cpu, &r);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t v = rng_next(&b->rng);
        r.gpr[i] = below(b, 3) == 0 ? v : DATA_AT + v % DATA_BYTES;
    }
    r.gpr[REG_RCX] = below(b, 64);
    r.cr0 = entry_row[entry].cr0;
    r.cr3 = entry_row[entry].cr3;
    r.cr4 = entry_row[entry].cr4 | random_cr4(b);
    r.efer = entry_row[entry].efer;
    r.xcr0 = below(b, 8) ? 7 : 3;
    r.rflags = 2 | (rng_next(&b->rng) & 0x244ed5);
    if (below(b, 64) == 0)
        r.rflags |= 0x100; /* TF */
    if (entry == ENTRY_REAL || entry == ENTRY_UNREAL) {
        real_segments(b, &r, entry == ENTRY_REAL ? 0xffff : UINT32_MAX, false);
    } else if (entry == ENTRY_V86) {
        real_segments(b, &r, 0xffff, true);
        r.rflags |= 1 << 17;
        if (below(b, 2))
            r.rflags |= 0x3000; /* IOPL 3 */
    } else {
        flat_segments(&r, entry_row[entry].ring, entry_row[entry].cs,
                      entry_row[entry].size);
        r.gpr[REG_RSP] = STACK_AT - below(b, STACK_BYTES / 2);
        r.rip = CODE_AT + below(b, CODE_BYTES);
    }
    r.seg[SEG_TR] = flat(SEL_TSS, 0x8b);
    r.seg[SEG_TR].base = TSS_AT;
    r.seg[SEG_TR].limit = 0x2100;
    r.seg[SEG_LDTR] = flat(0, SEG_ATTR_UNUSABLE);
    r.gdtr = (struct descriptor_table){GDT_AT, GDT_SLOTS * 8 - 1};
    bool real = r.seg[SEG_CS].base == CODE_AT && entry != ENTRY_V86;
    r.idtr = (struct descriptor_table){real ? 0 : IDT_AT, real ? 0x3ff : 4095};
    if (below(b, 32) == 0) { /* breakpoints */
        r.dr[0] = CODE_AT + below(b, CODE_BYTES);
        r.dr[1] = DATA_AT + below(b, DATA_BYTES);
        r.dr[7] = 0x400 | (rng_next(&b->rng) & 0xffff00ff);
    }
    cpu_set_regs(b->cpu, &r);
}

void box_clear(struct box *b)
{
    static const uint8_t zero[PAGE_SIZE];
    for (uint64_t at = 0; at < RAM_BYTES; at += PAGE_SIZE)
        put(b, at, zero, PAGE_SIZE);
    cpu_reset(b->cpu);
}

void box_fill(struct box *b, uint64_t seed, uint64_t round, enum entry entry,
              enum temper temper)
{
    b->rng = rng_make(seed ^ round << 20, 99);
    random_tables(b, temper);
    random_descriptors(b, entry);
    random_code(b, temper);
    random_registers(b, entry);
}

void box_halt_on_faults(struct box *b, bool step)
{
    struct cpu_regs r;
    uint8_t code[PAGE_SIZE];
    memset(code, 0xf4, sizeof code);
    code[0] = 0x48; /* IRETQ at its start, HLT from 16 on */
    code[1] = 0xcf;
    put(b, STEP_CODE_AT, code, sizeof code);
    for (uint64_t v = 0; v < 256; v++) {
        uint64_t to = STEP_CODE_AT + (v == 1 && step ? 0 : 16);
        put64(b, IDT_AT + 16 * v, gate(to, SEL_CODE64, 0xee));
        put64(b, IDT_AT + 16 * v + 8, to >> 32);
    }
    put64(b, TSS_AT + 4, STEP_STACK_AT);
    cpu_get_regs(b->cpu, &r);
    r.dr[7] = 0x400;
    r.rflags &= ~UINT64_C(0x100);
    if (step)
        r.rflags |= 0x100;
    cpu_set_regs(b->cpu, &r);
}
