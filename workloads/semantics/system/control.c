/* SPDX-License-Identifier: Apache-2.0
 * Control registers, debug registers and MSRs: random values are refused or
 * read back as what the processor made of them.
 */
#include "semantics/system/world.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI };

/* What every case finds in them. */
static const struct {
    u32 number;
    u64 value;
} msrs[] = {
    {0x174, 0},
    {0x175, 0},
    {0x176, 0},
    {0x277, 0x0007040600070406},
    {0x2ff, 0xc06},
    {0x200, 0},
    {0x201, 0},
    {0x206, 0},
    {0x207, 0},
    {0x250, 0x0606060606060606},
    {0x258, 0x0606060606060606},
    {0x259, 0x0606060606060606},
    {0x268, 0x0606060606060606},
    {0x26f, 0x0606060606060606},
    {0xc0000081, 0},
    {0xc0000082, 0},
    {0xc0000083, 0},
    {0xc0000084, 0},
    {0xc0000100, 0},
    {0xc0000101, 0},
    {0xc0000102, 0},
    {0xc0000103, 0},
};
enum { MSR_COUNT = sizeof msrs / sizeof msrs[0] };

static unsigned touched_msr; /* index + 1 */
static bool xcr_touched;

static void msr_write(u32 n, u64 v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(n), "a"((u32)v), "d"((u32)(v >> 32))
                     : "memory");
}

void control_init(void)
{
    for (unsigned i = 0; i < MSR_COUNT; i++)
        msr_write(msrs[i].number, msrs[i].value);
}

void control_restore(void)
{
    if (touched_msr != 0)
        msr_write(msrs[touched_msr - 1].number, msrs[touched_msr - 1].value);
    touched_msr = 0;
    if (!xcr_touched)
        return;
    xcr_touched = false;
    u64 cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 0x40000));
    __asm__ volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
}

/* MOV RAX, imm64 */
static void load_rax(u64 v)
{
    emit2(0x48, 0xb8);
    emit32((u32)v);
    emit32((u32)(v >> 32));
    note("val", v);
}

static void write_and_read_cr(unsigned n, u64 v)
{
    note("cr", n);
    load_rax(v);
    emit3(0x0f, 0x22, (u8)(0xc0 | n << 3 | AX));
    emit3(0x0f, 0x20, (u8)(0xc0 | n << 3 | BX));
}

static u64 flip(u64 v, const u8 *positions, u32 count)
{
    u32 times = 1 + below(3);
    while (times-- > 0)
        v ^= 1ull << positions[below(count)];
    return v;
}

static void control_cr0(void)
{
    static const u8 positions[] = {0,  1,  2,  3,  4,  5,  6,  8,  15, 16, 16,
                                   17, 18, 19, 28, 29, 30, 29, 30, 31, 32, 50};
    write_and_read_cr(0, flip(0x80010033, positions, sizeof positions));
}

static void control_cr4(void)
{
    static const u8 positions[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                   12, 16, 17, 18, 20, 21, 15, 24, 31, 32, 63};
    write_and_read_cr(4, flip(0x620, positions, sizeof positions));
}

static void control_cr3(void)
{
    static const u8 positions[] = {0, 1, 3,  4,  5,  11, 2,  6,
                                   3, 4, 40, 45, 51, 52, 62, 63};
    if (one_in(4))
        setup.cr4 |= 0x20000;
    note("cr4", setup.cr4);
    write_and_read_cr(3, flip(setup.cr3, positions, sizeof positions));
}

static void control_efer(void)
{
    static const u8 positions[] = {0, 0, 11, 11, 8, 10, 1, 7, 9, 16, 32, 63};
    setup.gpr[CX] = 0xc0000080;
    u64 v = flip(0x500, positions, sizeof positions);
    note("efer", v);
    setup.gpr[AX] = v & 0xffffffff;
    setup.gpr[DX] = v >> 32;
    emit2(0x0f, 0x30);
    emit2(0x0f, 0x32);
}

static void control_cr8(void)
{
    load_rax(one_in(4) ? rng() : below(20));
    emit2(0x44, 0x0f);
    emit2(0x22, 0xc0);
    emit2(0x44, 0x0f);
    emit2(0x20, 0xc3);
    emit2(0x31, 0xc0); /* and zero again */
    emit2(0x44, 0x0f);
    emit2(0x22, 0xc0);
}

static u64 msr_value(u64 old)
{
    u32 how = below(8);
    u64 v = rng();
    if (how < 2)
        return v;
    if (how == 2)
        return v & 0x00007fffffffffffull;
    if (how == 3)
        return v | 0xffff800000000000ull;
    if (how == 4)
        return v & 0xffffffff;
    if (how == 5)
        return v & 0x0706040507060405ull;
    if (how == 6) /* a mask or base within MAXPHYADDR */
        return (v & 0xfffffff000ull) | below(8) | (v >> 52 & 0x800);
    return old ^ 1ull << below(64);
}

static void control_msr(void)
{
    unsigned i = below(MSR_COUNT);
    u32 n = msrs[i].number;
    touched_msr = i + 1;
    u64 v = msr_value(msrs[i].value);
    /* 63:32 are unused or reserved, and not every model looks at them. */
    if (n == 0x174 || n == 0xc0000084 || n == 0xc0000103)
        v &= 0xffffffff;
    setup.gpr[CX] = n;
    setup.gpr[AX] = v & 0xffffffff;
    setup.gpr[DX] = v >> 32;
    note("msr", n);
    note("val", v);
    emit2(0x0f, 0x30);
    emit2(0x31, 0xc0);
    emit2(0x31, 0xd2);
    emit2(0x0f, 0x32);
}

static void control_xcr(void)
{
    static const u8 values[] = {1, 3, 7, 0, 2, 5, 6, 4};
    u64 v = values[below(8)];
    if (one_in(4))
        v |= 1ull << (10 + below(54));
    xcr_touched = true;
    if (!one_in(8))
        setup.cr4 |= 0x40000;
    setup.gpr[CX] = one_in(8) ? below(3) : 0;
    setup.gpr[AX] = v & 0xffffffff;
    setup.gpr[DX] = v >> 32;
    note("xcr", setup.gpr[CX]);
    note("val", v);
    note("cr4", setup.cr4);
    emit3(0x0f, 0x01, 0xd1);
    emit3(0x0f, 0x01, 0xd0);
}

static void control_dr(void)
{
    unsigned n = below(8);
    u64 v = one_in(4) ? rng() : rng() & 0xffffffff;
    if (n == 7 || n == 5) /* nothing is armed; bit 11 is RTM's */
        v &= one_in(16) ? ~0x8ffull : ~0x28ffull;
    if (one_in(4))
        setup.cr4 |= 8;
    note("dr", n);
    note("cr4", setup.cr4);
    load_rax(v);
    emit3(0x0f, 0x23, (u8)(0xc0 | n << 3 | AX));
    emit3(0x0f, 0x21, (u8)(0xc0 | n << 3 | BX));
}

/* Data breakpoints around the world's data page, then accesses there. */
static void control_breakpoint(void)
{
    u64 dr7 = 0x400;
    for (unsigned i = 0; i < 4; i++) {
        /* DR6 may also name breakpoints that are not enabled: these lie
         * elsewhere. */
        bool on = one_in(2);
        load_rax((on ? DATA_AT : CODE_AT - 0x1000) + below(24));
        emit3(0x0f, 0x23, (u8)(0xc0 | i << 3 | AX));
        if (on)
            dr7 |= (u64)(1 + below(3)) << 2 * i;
        u64 rw = one_in(2) ? 3 : 1;
        dr7 |= (rw | (u64)below(4) << 2) << (16 + 4 * i);
    }
    setup.gpr[SI] = DATA_AT + below(16);
    note("si", setup.gpr[SI]);
    load_rax(dr7);
    emit3(0x0f, 0x23, 0xf8);
    u32 how = below(4);
    if (how == 0)
        emit3(0x48, 0x8b, 0x16);
    else if (how == 1)
        emit2(0x88, 0x16);
    else if (how == 2)
        emit2(0x8b, 0x16);
    else
        emit3(0x66, 0x89, 0x16);
    emit2(0x90, 0x90);
}

void case_control(void)
{
    static void (*const kinds[])(void) = {
        control_cr0, control_cr4,       control_cr3, control_efer,
        control_cr8, control_msr,       control_msr, control_xcr,
        control_dr,  control_breakpoint};
    world_mode();
    bits = BITS64;
    if (!one_in(16))
        cpl = 0;
    setup.cs = code_selector(bits, cpl);
    setup.ss = data_selector(cpl);
    setup.ds = setup.es = setup.fs = setup.gs = data_selector(cpl);
    note_mode();
    pages_user(cpl == 3);
    kinds[below(10)]();
    if (one_in(4))
        kinds[below(4)]();
}
