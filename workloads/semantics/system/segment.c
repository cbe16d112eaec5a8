/* SPDX-License-Identifier: Apache-2.0
 * Segment loads and descriptor queries with random descriptors, then an
 * access through what was loaded; and delivery of events through random
 * gates.
 */
#include "semantics/system/world.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { ES, CS, SS, DS, FS, GS };

static void note_descriptor(u16 sel)
{
    u32 index = sel >> 3;
    const u64 *table = gdt();
    note("sel", sel);
    if ((sel & 4) != 0) {
        table = (const u64 *)(uintptr_t)LDT_AT;
        if (index >= LDT_COUNT)
            return;
    } else if (index >= GDT_COUNT) {
        return;
    }
    note("desc", table[index]);
    if (!legacy && index + 1 < GDT_COUNT && (table[index] >> 44 & 1) == 0)
        note("upper", table[index + 1]);
}

/* ------------------------------------------------------------------ loads */

/* ModRM byte of register `reg` and memory at BX in any address size. */
static u8 at_bx(unsigned reg)
{
    return (u8)(reg << 3 | (bits == BITS16 ? 7 : 3));
}

static void pop_segment(unsigned seg)
{
    static const u8 one[] = {0x07, 0x1f, 0x17, 0x1f};
    if (one_in(4))
        emit(0x66);
    if (seg >= FS)
        emit2(0x0f, seg == FS ? 0xa1 : 0xa9);
    else
        emit(one[seg]);
}

/* LES and LDS do not exist in 64-bit mode, LCS nowhere. */
static unsigned load_far(unsigned seg)
{
    static const u8 second[] = {0, 0, 0xb2, 0, 0xb4, 0xb5};
    if (bits == BITS64 && (seg == ES || seg == DS))
        seg = SS;
    if (seg == CS)
        seg = FS;
    u32 prefix = below(4);
    if (prefix == 0)
        emit(0x66);
    else if (prefix == 1 && bits == BITS64)
        emit(0x48);
    if (seg == ES || seg == DS)
        emit2(seg == ES ? 0xc4 : 0xc5, at_bx(AX));
    else
        emit3(0x0f, second[seg], at_bx(AX));
    return seg;
}

/* Operand sizes 2, 4 and, for the load, 8 have the selector behind them. */
static void far_pointer(u16 sel)
{
    u8 *m = (u8 *)(uintptr_t)DATA_AT;
    for (unsigned i = 0; i < 16; i++)
        m[i] = (u8)(0x10 + i);
    for (unsigned at = 2; at <= 8; at *= 2) {
        m[at] = (u8)sel;
        m[at + 1] = (u8)(sel >> 8);
    }
}

static unsigned load_segment(u16 sel)
{
    static const u8 usual[] = {ES, SS, DS, FS, GS, SS};
    unsigned seg = usual[below(6)];
    u32 how = below(4);
    if (how == 0) {
        *(u16 *)(uintptr_t)STACK_CASE = sel;
        pop_segment(seg);
    } else if (how == 1) {
        far_pointer(sel);
        return load_far(seg);
    } else {
        if (one_in(64))
            seg = below(8);
        if (one_in(4))
            emit(0x66);
        emit2(0x8e, (u8)(0xc0 | seg << 3 | AX));
    }
    return seg;
}

/* Read, or read and write, a byte through `seg` at CX... SI in 16 bits. */
static void probe(unsigned seg)
{
    static const u8 prefix[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    static const u32 offsets[] = {0,      0xf,    0x10,   0x11,   0xfff,
                                  0x1000, 0x5fff, 0x6000, 0x6008, 0x7ffe,
                                  0x7fff, 0x8000, 0xffff};
    u32 at = offsets[below(13)];
    if (bits != BITS16 && one_in(8))
        at = 0xfffffffeu + below(2);
    setup.gpr[SI] = at;
    if (seg >= 6 || seg == CS)
        return;
    note("probe", at);
    emit(prefix[seg]);
    u8 rm = bits == BITS16 ? 4 : 6;
    u32 how = below(6);
    if (how < 2) { /* CMP byte, imm8 */
        emit3(0x80, 0x38 | rm, 0);
    } else if (how < 4) { /* ADD byte, imm8 */
        emit3(0x80, rm, 0);
    } else { /* CMP AX, word or dword */
        if (how == 4)
            emit(0x66);
        emit2(0x3b, rm);
    }
}

static void query(void)
{
    if (one_in(4))
        emit(0x66);
    else if (bits == BITS64 && one_in(4))
        emit(0x48);
    u32 how = below(6);
    if (how < 4)
        emit3(0x0f, how < 2 ? 0x02 : 0x03, 0xc0 | DX << 3 | AX);
    else
        emit3(0x0f, 0x00, (u8)(0xc0 | how << 3 | AX));
}

void case_segment(void)
{
    legacy = one_in(4);
    world_mode();
    note_mode();
    world_segments();
    u16 sel = random_selector();
    note_descriptor(sel);
    setup.gpr[AX] = sel;
    setup.gpr[BX] = DATA_AT;
    setup.gpr[DX] = 0x1122334455667788ull;
    u32 kind = below(16);
    if (kind < 8) {
        probe(load_segment(sel));
    } else if (kind < 13) {
        query();
        if (one_in(4))
            query();
    } else if (kind < 15) {
        emit3(0x0f, 0x00, (u8)(0xc0 | (2 + below(2)) << 3 | AX));
        if (one_in(2)) { /* what was loaded says whether it is there */
            setup.gpr[CX] = (u16)(below(LDT_COUNT + 1) * 8 | 4 | cpl);
            emit3(0x0f, 0x02, 0xc0 | DX << 3 | CX);
        }
    } else if (bits != BITS64) { /* ARPL */
        setup.gpr[DX] = rng() & 0xffff;
        emit2(0x63, 0xc0 | DX << 3 | AX);
    } else { /* SLDT, STR */
        emit3(0x0f, 0x00, (u8)(0xc0 | below(2) << 3 | AX));
    }
}

/* ----------------------------------------------------------------- events */

enum { V_FIRST = 0x40, V_COUNT = 16 };

/* Of the upper half of a gate: reserved, and the manual does not say that
 * they are looked at. */
#define RESERVED (0x1full << 40)

static void random_gate(unsigned vector)
{
    u64 *idt = (u64 *)(uintptr_t)IDT_AT;
    static const u8 types[] = {14, 15, 14, 15, 14, 15, 6, 7, 12, 5};
    u32 type = one_in(8) ? below(32) : types[below(10)];
    if (legacy && (type == 5 || type == 0x15))
        type = 14; /* task gates are of the task cases */
    u32 access = type | below(4) << 5 | (one_in(8) ? 0 : 0x80);
    u16 sel = one_in(3) ? random_selector()
                        : (u16)(code_selector(BITS64, 0) | below(4));
    if (legacy && below(4) != 0)
        sel = (u16)(code_selector(one_in(4) ? BITS16 : BITS32, 0) | below(4));
    else if (one_in(4))
        sel = (u16)code_selector(BITS64, below(4));
    u32 ist = one_in(4) ? 2 : one_in(8) ? below(8) : 0;
    if (ist == 1) /* the harness's own */
        ist = 3;
    u32 extra = ist | (one_in(16) ? below(32) << 3 : 0);
    u32 to = landing();
    if (legacy) {
        idt[vector] = gate_low(to, sel, access, extra);
        return;
    }
    u64 upper = one_in(128) ? rng() & ~RESERVED : one_in(128) ? 0x8000 : 0;
    idt[2 * vector] = gate_low(to, sel, access, extra);
    idt[2 * vector + 1] = upper;
}

static void note_gate(unsigned vector)
{
    const u64 *idt = (const u64 *)(uintptr_t)IDT_AT;
    note("vec", vector);
    if (legacy) {
        note("gate", idt[vector]);
        note("desc", gdt()[(idt[vector] >> 19 & 0x1fff) % GDT_COUNT]);
    } else {
        note("gate", idt[2 * vector]);
        note("upper", idt[2 * vector + 1]);
        note("desc", gdt()[(idt[2 * vector] >> 19 & 0x1fff) % GDT_COUNT]);
    }
}

/* Stacks of the inner levels, good and bad. */
static void random_stacks(void)
{
    u32 *t = (u32 *)(uintptr_t)TSS_AT;
    unsigned which = below(4);
    if (which == 3)
        return;
    if (legacy) {
        u32 how = below(3);
        u32 *esp = &t[1 + 2 * which];
        if (how == 0 && which != 0)
            esp[0] = 0x40000000; /* nothing there */
        else if (how == 1 && which != 0)
            esp[1] = random_selector();
        else
            esp[0] += below(4);
    } else {
        u32 *rsp = one_in(4) ? &t[11] : &t[1 + 2 * which];
        u32 how = below(3);
        if (how == 0)
            rsp[0] = 0x40000000;
        else if (how == 1)
            rsp[1] = 0x8000;
        else
            rsp[0] += below(32);
    }
}

static void raise(unsigned vector)
{
    static const u8 special[] = {0xcc, 0xce, 0xf1};
    switch (vector) {
    case 0: /* DIV by zero */ emit2(0xf7, 0xf0 | CX); break;
    case 6: emit2(0x0f, 0x0b); break;
    case 13: emit2(0x8e, 0xe0 | AX); break; /* MOV FS, AX: beyond the GDT */
    case 14:
        setup.gpr[SI] = 0x40000000;
        emit2(0x8b, 0x06);
        break;
    case 3: emit(special[0]); break;
    default: emit2(0xcd, (u8)vector); break;
    }
}

void case_event(void)
{
    static const u8 exceptions[] = {0, 6, 13, 14};
    legacy = one_in(4);
    world_mode();
    note_mode();
    world_segments();
    if (one_in(2))
        random_stacks();
    setup.gpr[AX] = 0xfff0;
    setup.flags |= rng() & 0x44ad5; /* arithmetic, IF, DF, NT, AC but TF */
    if (cpl != 0 || one_in(2))
        setup.flags &= ~0x4000ull;
    if (one_in(4))
        setup.flags |= below(4) << 12;
    unsigned vector = V_FIRST + below(V_COUNT);
    if (one_in(2)) {
        vector = exceptions[below(bits == BITS16 ? 3 : 4)];
        /* The harness stays reachable: only this one is random. */
        random_gate(vector);
    } else if (one_in(16)) {
        setup.idt_limit = (u16)((legacy ? 8 : 16) * vector + below(18));
        random_gate(vector);
    } else {
        random_gate(vector);
    }
    note_gate(vector);
    if (one_in(16))
        setup.flags |= 0x100;
    raise(vector);
}
