/* SPDX-License-Identifier: Apache-2.0
 * Far transfers to random descriptors: JMP, CALL, RET and IRET from every
 * level and code size, directly and through call gates.
 */
#include "semantics/system/world.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI };

/* Memory operand of JMP and CALL: offsets of every size before a selector. */
static void pointer(u16 sel, u64 offset, unsigned size)
{
    u8 *m = (u8 *)(uintptr_t)DATA_AT;
    for (unsigned i = 0; i < size; i++)
        m[i] = (u8)(offset >> 8 * i);
    m[size] = (u8)sel;
    m[size + 1] = (u8)(sel >> 8);
}

static unsigned operand_size(void)
{
    static const u8 usual[] = {2, 4, 4};
    unsigned size = usual[bits];
    u32 prefix = below(4);
    if (prefix == 0) {
        emit(0x66);
        size = size == 2 ? 4 : 2;
    } else if (prefix == 1 && bits == BITS64) {
        emit(0x48);
        size = 8;
    }
    return size;
}

static u64 random_offset(void)
{
    u32 how = below(16);
    if (how == 0)
        return 0x40000000;
    if (how == 1)
        return 0x0000800000000000ull;
    if (how == 2)
        return 0xffffffff;
    return landing();
}

static u16 target_selector(void)
{
    u32 how = below(4);
    u32 rpl = one_in(2) ? cpl : below(4);
    if (how == 0) {
        enum bits to = (enum bits)below(3);
        return (u16)((code_selector(to, one_in(2) ? cpl : below(4)) & ~3u) |
                     rpl);
    }
    if (how != 1)
        return random_selector();
    /* A call gate with good chances. */
    unsigned index = GDT_RANDOM + 2 * below(8);
    u64 *g = gdt();
    u16 inner = one_in(4) ? random_selector()
                          : (u16)code_selector(legacy ? BITS32 : BITS64,
                                               below(cpl + 1));
    u32 type = legacy && one_in(2) ? 4 : 12;
    u32 dpl = one_in(4) ? below(4) : 3;
    g[index] = gate_low(landing(), inner, 0x80 | type | dpl << 5,
                        one_in(2) ? 0 : below(32));
    if (!legacy)
        g[index + 1] = one_in(8) ? rng() & 0xff0000ffffull : 0;
    return (u16)(index * 8 | rpl);
}

static void go(u16 sel)
{
    bool call = one_in(2);
    unsigned size = operand_size();
    u64 to = random_offset();
    note("to", to);
    note("call", call);
    if (bits != BITS64 && one_in(2)) {
        emit(call ? 0x9a : 0xea);
        for (unsigned i = 0; i < size; i++)
            emit((u8)(to >> 8 * i));
        emit2((u8)sel, (u8)(sel >> 8));
        return;
    }
    pointer(sel, to, size);
    setup.gpr[BX] = DATA_AT;
    emit2(0xff, (u8)((call ? 3 : 5) << 3 | (bits == BITS16 ? 7 : 3)));
}

static void put(unsigned *at, unsigned size, u64 v)
{
    u8 *m = (u8 *)(uintptr_t)STACK_CASE;
    for (unsigned i = 0; i < size; i++)
        m[*at + i] = (u8)(v >> 8 * i);
    *at += size;
}

static void come_back(u16 sel)
{
    unsigned at = 0;
    u32 how = below(3);
    unsigned size = operand_size();
    u64 to = random_offset();
    u64 flags = (rng() & 0x47fd5) | 2;
    u16 ss = (u16)data_selector(sel & 3);
    if (one_in(4))
        ss = random_selector();
    note("iret", how == 2 ? size : 0);
    if (how == 2) { /* IRET; V86 mode is of other cases */
        put(&at, size, to);
        put(&at, size, sel);
        put(&at, size, flags & (one_in(8) ? ~0ull : ~0x100ull));
        emit(0xcf);
    } else {
        unsigned release = how == 1 ? 2 * below(16) : 0;
        put(&at, size, to);
        put(&at, size, sel);
        at += release;
        if (how == 1)
            emit3(0xca, (u8)release, 0);
        else
            emit(0xcb);
    }
    put(&at, size, one_in(16) ? 0x40000000u : STACK_CASE + 0x80u);
    put(&at, size, ss);
    note("to", to);
    note("ssel", ss);
}

static void stacks(void)
{
    u32 *t = (u32 *)(uintptr_t)TSS_AT;
    unsigned which = below(3);
    u32 how = below(8);
    if (legacy)
        t[2 + 2 * which] =
            how == 0 && which != 0 ? random_selector() : t[2 + 2 * which];
    else if (how == 0)
        t[1 + 2 * which] = 0x40000000;
    else if (how == 1)
        t[2 + 2 * which] = 0x8000;
}

/* ------------------------------------------------------------------ tasks */

/* A task that starts well more often than not. */
static void task_state(bool wide)
{
    unsigned level = one_in(2) ? 0 : below(4);
    u16 selectors[6]; /* ES CS SS DS FS GS */
    for (unsigned i = 0; i < 6; i++)
        selectors[i] =
            one_in(16) ? random_selector() : (u16)data_selector(level);
    selectors[1] =
        one_in(8) ? random_selector() : (u16)code_selector(BITS32, level);
    u32 flags = ((u32)rng() & 0x47ed5) | 2;
    if (one_in(8))
        flags |= 0x100;
    u32 ip = one_in(16) ? 0x40000000 : landing();
    u16 ldt = one_in(8) ? random_selector() : SEL_LDT;
    u32 *t = (u32 *)(uintptr_t)TSS2_AT;
    u16 *h = (u16 *)(uintptr_t)TSS2_AT;
    if (!wide) {
        for (unsigned i = 0; i < 22; i++)
            h[i] = (u16)rng();
        h[1] = STACK_LEVEL0, h[2] = data_selector(0);
        h[7] = (u16)ip, h[8] = (u16)flags, h[13] = STACK_LEVEL1;
        for (unsigned i = 0; i < 4; i++)
            h[17 + i] = selectors[i];
        h[21] = ldt;
        return;
    }
    t[0] = (u32)rng();
    t[7] = (u32)setup.cr3, t[8] = ip, t[9] = flags;
    for (unsigned i = 10; i < 18; i++)
        t[i] = (u32)rng();
    t[14] = one_in(16) ? 0x40000000 : STACK_LEVEL1;
    for (unsigned i = 0; i < 6; i++)
        t[18 + i] = selectors[i];
    t[24] = ldt;
    t[25] = 0x68u << 16 | one_in(16);
}

/* A TSS, or a gate to one, at a random place of the GDT. */
static u16 task_selector(bool wide)
{
    unsigned i = GDT_RANDOM + below(16), g = i + 16;
    u32 limit = one_in(8) ? below(0x70) : wide ? 0x67 : 0x2b;
    u32 type = (wide ? 9 : 1) | (one_in(8) ? 2u : 0);
    u32 dpl = one_in(2) ? 3 : below(4);
    u32 p = one_in(16) ? 0 : 0x80;
    gdt()[i] = descriptor(TSS2_AT, limit, type | dpl << 5 | p, 0);
    u16 tss = (u16)(i * 8 | (one_in(2) ? cpl : below(4)));
    if (one_in(2))
        return tss;
    if (one_in(16))
        tss = random_selector();
    gdt()[g] = gate_low(
        (u32)rng(), tss,
        5 | (one_in(2) ? 3 : below(4)) << 5 | (one_in(16) ? 0 : 0x80), 0);
    return (u16)(g * 8 | (one_in(2) ? cpl : below(4)));
}

/* A 32-bit switch would take CR3 from a 16-bit TSS: one width a case. */
static void same_width(u64 *table, unsigned count, bool wide)
{
    for (unsigned i = 0; i < count; i++) {
        u64 *d = table + i;
        if ((*d >> 44 & 1) != 0 || (*d >> 40 & 5) != 1)
            continue;
        *d = wide ? *d | 8ull << 40 : *d & ~(8ull << 40);
    }
}

/* Whatever TSS a transfer meets, it can be switched to. */
static bool tasks(void)
{
    bool wide = !one_in(4);
    task_state(wide);
    same_width(gdt() + GDT_RANDOM, GDT_COUNT - GDT_RANDOM, wide);
    same_width((u64 *)(uintptr_t)LDT_AT, LDT_COUNT, wide);
    return wide;
}

static void transfer(void)
{
    world_mode();
    note_mode();
    world_segments();
    if (legacy)
        (void)tasks();
    stacks();
    u16 sel = target_selector();
    note("sel", sel);
    const u64 *table = (sel & 4) != 0 ? (const u64 *)(uintptr_t)LDT_AT : gdt();
    unsigned index = sel >> 3;
    if (index < ((sel & 4) != 0 ? LDT_COUNT : GDT_COUNT)) {
        note("desc", table[index]);
        note("upper", table[index + 1]);
    }
    if (one_in(2))
        go(sel);
    else
        come_back(sel);
}

void case_far(void)
{
    transfer();
}

/* Protected mode has tasks too. */
void case_far_legacy(void)
{
    legacy = true;
    if (one_in(4)) {
        transfer();
        return;
    }
    world_mode();
    note_mode();
    world_segments();
    bool wide = tasks();
    u16 sel = task_selector(wide);
    note("sel", sel);
    note("desc", gdt()[sel >> 3]);
    u32 how = below(4);
    note("how", how);
    if (how < 2) {
        go(sel);
    } else if (how == 2) { /* IRET with NT: the back link */
        *(u16 *)(uintptr_t)TSS_AT = sel;
        if (one_in(2))
            gdt()[sel >> 3] |= 2ull << 40;
        setup.flags |= 0x4000;
        (void)operand_size();
        emit(0xcf);
    } else {
        unsigned v = one_in(2) ? 0x40 : 6;
        u32 dpl = one_in(2) ? 3 : below(4);
        ((u64 *)(uintptr_t)IDT_AT)[v] =
            gate_low(0, sel, (one_in(16) ? 5 : 0x85) | dpl << 5, 0);
        if (v == 6)
            emit2(0x0f, 0x0b);
        else
            emit2(0xcd, 0x40);
    }
}
