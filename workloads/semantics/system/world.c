/* SPDX-License-Identifier: Apache-2.0
 * The world of a case: its tables, random descriptors, page tables and the
 * hash of what is left of it.
 */
#include "semantics/system/world.h"

bool legacy;
unsigned cpl;
enum bits bits;
u64 rng_state;

static u32 code_at;

u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 |
           (u64)(base >> 24) << 56;
}

u64 gate_low(u32 offset, u32 selector, u32 access, u32 extra)
{
    return (offset & 0xffff) | (u64)(selector & 0xffff) << 16 |
           (u64)extra << 32 | (u64)access << 40 | (u64)(offset >> 16) << 48;
}

unsigned code_selector(enum bits b, unsigned level)
{
    if (b == BITS32)
        return (SEL_CODE32_0 + 16 * level) | level;
    if (b == BITS16)
        return level == 0 ? 13 * 8 : 14 * 8 | 3;
    return level == 0 ? SEL_CODE64 : (9 + level) * 8 | level;
}

unsigned data_selector(unsigned level)
{
    return (SEL_DATA0 + 16 * level) | level;
}

/* ------------------------------------------------------------ fixed parts */

static void fill(u32 from, u32 to, u64 with)
{
    for (u64 *p = (u64 *)(uintptr_t)from; p < (u64 *)(uintptr_t)to; p++)
        *p = with;
}

static void trusted_segments(void)
{
    u64 *g = gdt();
    for (unsigned level = 0; level < 4; level++) {
        u32 dpl = level << 5;
        g[2 + 2 * level] = descriptor(0, 0xfffff, 0x93 | dpl, 0xc);
        g[3 + 2 * level] = descriptor(0, 0xfffff, 0x9b | dpl, 0xc);
        g[level == 0 ? 1 : 9 + level] = descriptor(0, 0xfffff, 0x9b | dpl, 0xa);
    }
    g[13] = descriptor(0, 0xfffff, 0x9b, 0x8);
    g[14] = descriptor(0, 0xfffff, 0xfb, 0x8);
    g[16] = descriptor(TSS_AT, 0x67, 0x89, 0);
    g[18] = descriptor(LDT_AT, LDT_COUNT * 8 - 1, 0x82, 0);
}

static void tss_init(void)
{
    u32 *t = (u32 *)(uintptr_t)TSS_AT;
    u32 *df = (u32 *)(uintptr_t)TSS_DF_AT;
    u32 ist1 = CAPTURE_STACK;
    if (legacy) {
        t[1] = STACK_LEVEL0, t[2] = data_selector(0);
        t[3] = STACK_LEVEL1, t[4] = data_selector(1);
        t[5] = STACK_LEVEL2, t[6] = data_selector(2);
        t[7] = (u32)setup.cr3;
    } else {
        t[1] = STACK_LEVEL0;
        t[3] = STACK_LEVEL1;
        t[5] = STACK_LEVEL2;
        t[9] = ist1;
        t[11] = STACK_IST2;
    }
    t[25] = 0x68 << 16;
    for (unsigned i = 0; i < 26; i++) {
        t[i + (TSS2_AT - TSS_AT) / 4] = t[i];
        df[i] = 0;
    }
    df[7] = (u32)setup.cr3;
    df[8] = (u32)(uintptr_t)double_fault;
    df[9] = 2;
    df[14] = CAPTURE_STACK;
    df[18] = df[20] = df[21] = SEL_DATA0;
    df[19] = SEL_CODE32_0;
    if (legacy)
        gdt()[SEL_TSS_DF / 8] = descriptor(TSS_DF_AT, 0x67, 0x89, 0);
}

void trusted_gate(unsigned vector, unsigned dpl)
{
    u64 *idt = (u64 *)(uintptr_t)IDT_AT;
    u32 to = (u32)(uintptr_t)(legacy ? stub32_0 : stub64_0) + vector * 16;
    if (legacy) {
        idt[vector] = gate_low(to, SEL_CODE32_0, 0x8e | dpl << 5, 0);
    } else {
        idt[2 * vector] = gate_low(to, SEL_CODE64, 0x8e | dpl << 5, 1);
        idt[2 * vector + 1] = 0;
    }
}

void world_reset(void)
{
    const u64 int3 = 0xccccccccccccccccull;
    for (u32 copy = 0; copy < WORLD_END; copy += 0x10000)
        fill(copy + CODE_AT, copy + STACK_AT + 0x1000, int3);
    fill(GDT_AT, IDT_AT, 0);
    legacy = false;
    cpl = 0;
    bits = BITS64;
    code_at = CODE_AT;
    for (unsigned i = 0; i < sizeof setup / 8; i++)
        ((u64 *)&setup)[i] = 0;
    trusted_segments();
    setup.gdt_base = GDT_AT;
    setup.gdt_limit = GDT_COUNT * 8 - 1;
    setup.idt_base = IDT_AT;
    setup.idt_limit = 0xfff;
    setup.tr = SEL_TSS;
    setup.ldtr = SEL_LDT;
    setup.flags = 2;
    setup.rip = CODE_AT;
    setup.cr0 = 0x80010033;
    setup.efer = 0x500;
    setup.cr4 = 0x620;
    setup.cr3 = pages_root();
    pages_user(true);
    pages_zero(false);
}

void world_mode(void)
{
    cpl = one_in(2) ? 0 : below(4);
    u32 kind = below(legacy ? 8 : 16);
    bits = kind < 6 ? BITS32 : BITS16;
    if (!legacy && kind >= 8)
        bits = BITS64;
    if (bits == BITS16 && cpl != 0)
        cpl = 3;
    if (legacy) {
        setup.efer = 0;
        setup.cr4 = 0x620;
        setup.cr3 = pages_root();
    }
    tss_init();
    for (unsigned v = 0; v < 256; v++)
        trusted_gate(v, v == 3 || v == 4 ? 3 : 0);
    if (legacy)
        ((u64 *)(uintptr_t)IDT_AT)[8] = gate_low(0, SEL_TSS_DF, 0x85, 0);
    setup.cs = code_selector(bits, cpl);
    setup.ss = data_selector(cpl);
    setup.rsp = STACK_CASE;
    setup.ds = setup.es = setup.fs = setup.gs = data_selector(cpl);
}

void note_mode(void)
{
    note("cpl", cpl);
    note("bits", bits == BITS64 ? 64 : bits == BITS32 ? 32 : 16);
    if (legacy)
        note("legacy", 1);
}

/* --------------------------------------------------------- random parts */

/* Somewhere in the sea of INT3. */
u32 landing(void)
{
    return 0x1000 + below(0x3000);
}

static const u32 limits[] = {0,      0x10,   0xfff,   0x5fff,  0x6007,
                             0x73ff, 0x7fff, 0xfffff, 0xfffff, 0xfffff};

u16 random_selector(void)
{
    u32 kind = below(16);
    u32 rpl = one_in(2) ? cpl : below(4);
    if (kind == 0)
        return (u16)below(4); /* null */
    if (kind == 1)
        return (u16)rng();
    if (kind == 2) /* near the limit */
        return (u16)((GDT_COUNT - 1 + below(3)) * 8 | rpl);
    if (kind < 6)
        return (u16)(below(LDT_COUNT + 1) * 8 | 4 | rpl);
    if (kind < 9)
        return (u16)(below(GDT_RANDOM) * 8 | rpl);
    return (u16)((GDT_RANDOM + below(GDT_COUNT - GDT_RANDOM)) * 8 | rpl);
}

static u32 random_base(void)
{
    return below(4) < 3 ? 0 : (1 + below(2)) * 0x10000;
}

static u64 random_memory_segment(u32 access)
{
    u32 flags = below(16);
    if (legacy) /* L: reserved */
        flags &= ~2u;
    return descriptor(random_base(), limits[below(10)], access | 0x10, flags);
}

/* A system descriptor; *upper is its other half in IA-32e mode. */
static u64 random_system_segment(u32 access, u64 *upper)
{
    u32 type = access & 15;
    *upper = 0;
    if (one_in(8))
        *upper = rng();
    else if (one_in(8))
        *upper = (u64)below(32) << 40;
    if (type == 2)
        return descriptor(LDT_AT, 8 * below(LDT_COUNT + 1) - 1, access,
                          below(16));
    if ((type & 5) == 1 && (type & 8) == 0) /* TSS, 16 bits */
        return descriptor(TSS2_AT, one_in(4) ? below(0x30) : 0x67, access,
                          below(16));
    if ((type & 13) == 9 && type != 13) /* TSS; its IST1 stays in reach */
        return descriptor(TSS2_AT, 0x2f + below(0x60), access, below(8) & ~8u);
    u32 to = one_in(16) ? (u32)rng() : landing();
    return gate_low(to, random_selector(), access, one_in(4) ? below(256) : 0);
}

static void random_entry(u64 *table, unsigned i, unsigned count)
{
    u32 p = one_in(8) ? 0 : 0x80;
    u32 dpl = one_in(2) ? cpl : below(4);
    u32 access = below(16) | dpl << 5 | p;
    u64 upper;
    if (below(3) != 0) {
        table[i] = random_memory_segment(access);
        return;
    }
    table[i] = random_system_segment(access, &upper);
    if (!legacy && i + 1 < count)
        table[i + 1] = upper;
}

void world_segments(void)
{
    u64 *ldt = (u64 *)(uintptr_t)LDT_AT;
    for (unsigned i = 0; i < LDT_COUNT; i++) {
        random_entry(ldt, i, LDT_COUNT);
        i += !legacy && one_in(2);
    }
    for (unsigned i = GDT_RANDOM; i < GDT_COUNT; i++) {
        random_entry(gdt(), i, GDT_COUNT);
        i += !legacy && one_in(2);
    }
    if (one_in(16))
        setup.gdt_limit = (u16)(GDT_RANDOM * 8 + below(100));
    if (one_in(16))
        setup.ldtr = 0;
}

/* ----------------------------------------------------------- the result */

static u64 mix(u64 h, u64 v)
{
    h = (h ^ v) * 0x9fb21c651e98df25ull;
    return h ^ h >> 29;
}

u64 world_hash(void)
{
    u64 h = 0;
    for (u32 copy = 0; copy < WORLD_END; copy += 0x10000)
        for (u32 at = copy + DATA_AT; at < copy + STACK_AT + 0x1000; at += 8)
            h = mix(h, *(u64 *)(uintptr_t)at);
    for (u32 at = GDT_AT; at < IDT_AT; at += 8)
        h = mix(h, *(u64 *)(uintptr_t)at);
    return h;
}

/* ----------------------------------------------------------- the code */

void emit(u8 byte)
{
    *(u8 *)(uintptr_t)code_at++ = byte;
}

void emit2(u8 a, u8 b)
{
    emit(a);
    emit(b);
}

void emit3(u8 a, u8 b, u8 c)
{
    emit2(a, b);
    emit(c);
}

void emit32(u32 v)
{
    for (unsigned i = 0; i < 4; i++)
        emit((u8)(v >> 8 * i));
}

/* ---------------------------------------------------------- page tables */

/*
 * For every format the same map: the first 640 KiB in 4-KByte pages, the rest
 * of the first 16 MiB, where the harness is, in large ones. Linear addresses
 * above belong to nobody or to the case. The tables lie where no compiler can
 * move them, as their addresses are seen by the cases.
 */
#define pml4   ((u64 *)0x84000)
#define pdpt   ((u64 *)0x85000)
#define pdptes ((u64 *)0x86000) /* PAE */
#define pd     ((u64 *)0x87000)
#define pt     ((u64 *)0x88000)
#define pd32   ((u32 *)0x89000)
#define pt32   ((u32 *)0x8a000)

static u32 at(const void *p)
{
    return (u32)(uintptr_t)p;
}

/* What world_reset() makes anew; the sea around it is read-only, so that no
 * case leaves traces there for another. */
static bool is_owned(u32 page)
{
    u32 in_copy = page & 15;
    bool tables = page >= GDT_AT >> 12 && page <= IDT_AT >> 12;
    return page >= WORLD_END >> 12 || tables ||
           (in_copy >= CODE_AT >> 12 && in_copy <= STACK_AT >> 12);
}

void pages_user(bool world)
{
    for (u32 page = 1; page < 0xa0; page++) {
        bool tables = page >= GDT_AT >> 12 && page <= IDT_AT >> 12;
        bool user = world && page < WORLD_END >> 12 && !tables;
        u32 rights = 0x61 | (is_owned(page) ? 2 : 0) | (user ? 4 : 0);
        pt[page] = page << 12 | rights;
        pt32[page] = page << 12 | rights;
    }
}

/* Page 0, which only virtual-8086 mode's vectors need. */
void pages_zero(bool present)
{
    pt[0] = present ? 0x65 : 0;
}

void pages_init(void)
{
    pml4[0] = at(pdpt) | 0x27;
    pdpt[0] = at(pd) | 0x27;
    pdptes[0] = at(pd) | 1;
    pd[0] = at(pt) | 0x27;
    pd32[0] = at(pt32) | 0x27;
    for (u32 i = 1; i < 8; i++)
        pd[i] = (u64)i << 21 | 0xe3;
    for (u32 i = 0x100; i < 0x400; i++)
        pt32[i] = i << 12 | 0x63;
    for (u32 i = 0x100; i < 0x200; i++)
        pt[i] = i << 12 | 0x63;
    for (u32 i = 1; i < 4; i++)
        pd32[i] = i << 22 | 0xe3;
}

u64 *pages_pml4(void)
{
    return pml4;
}

u64 *pages_pdpt(void)
{
    return pdptes;
}

u32 *pages_pd32(void)
{
    return pd32;
}

/* The root for the mode of `setup`: its CR4 and EFER. */
u64 pages_root(void)
{
    if ((setup.cr4 & 0x20) == 0)
        return at(pd32);
    return at(legacy ? pdptes : pml4);
}
