/* SPDX-License-Identifier: Apache-2.0
 * Virtual-8086 mode: instructions that look at IOPL, with and without its
 * extensions (CR4.VME), interrupts by either table, I/O by the bitmap,
 * segment loads and far transfers as on an 8086.
 */
#include "semantics/system/world.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { VECTOR = 0x40, REDIRECT_AT = TSS_AT + 0x68, IO_AT = TSS_AT + 0x88 };

/* The 8086 vectors lead into the sea of INT3. */
void v86_init(void)
{
    u16 *v = (u16 *)0;
    __asm__("" : "+r"(v)); /* address 0 holds what we say */
    for (unsigned i = 0; i < 0x60; i++) {
        v[2 * i] = (u16)(0x10 + i);
        v[2 * i + 1] = 0x100;
    }
}

static void bitmaps(void)
{
    u32 *redirect = (u32 *)(uintptr_t)REDIRECT_AT;
    u32 *io = (u32 *)(uintptr_t)IO_AT;
    for (unsigned i = 0; i < 8; i++)
        redirect[i] = one_in(2) ? 0 : (u32)rng();
    for (unsigned i = 0; i < 17; i++)
        io[i] = one_in(2) ? 0 : (u32)rng();
    ((u32 *)(uintptr_t)TSS_AT)[25] =
        one_in(16) ? below(0x200) << 16 : 0x88 << 16;
    u32 limit = one_in(16) ? 0x67 + below(0x60) : 0xcf;
    gdt()[SEL_TSS / 8] = descriptor(TSS_AT, limit, 0x89, 0);
}

static void put(unsigned at, u16 v)
{
    *(u16 *)(uintptr_t)(STACK_CASE + at) = v;
}

/* One instruction, mostly one that IOPL or VME changes. */
static void instruction(void)
{
    static const u8 one_byte[] = {0xfa, 0xfb, 0x9c, 0x9d, 0xcf,
                                  0xf4, 0xcc, 0xce, 0x6c, 0x6e};
    u32 how = below(16);
    if (one_in(4) && how < 12)
        emit(0x66);
    note("op", how);
    if (how < 8) {
        emit(one_byte[below(10)]);
    } else if (how < 11) {
        emit2(0xcd, (u8)(VECTOR + below(8)));
    } else if (how == 11) { /* IN, OUT */
        static const u8 code[] = {0xe4, 0xe6, 0xe6, 0xe7};
        emit2(code[1 + below(3)], 0x80);
    } else if (how == 12) { /* MOV sreg, AX */
        emit2(0x8e, (u8)(0xc0 | below(6) << 3 | AX));
    } else if (how == 13) { /* JMP, CALL far */
        emit(one_in(2) ? 0xea : 0x9a);
        emit2(0x10, 0x00);
        emit2(0x00, one_in(8) ? 0xa0 : 0x01);
    } else if (how == 14) { /* not recognized there, or privileged */
        static const u8 second[] = {0x00, 0x02, 0x06, 0x09, 0x20, 0x30, 0x01};
        emit3(0x0f, second[below(7)], 0xd0);
    } else { /* a word at the end of the segment */
        setup.gpr[BX] = 0xfffe + below(2);
        emit2(0x8b, 0x07);
    }
}

void case_v86(void)
{
    legacy = true;
    world_mode();
    cpl = 3;
    bits = BITS16;
    pages_zero(true);
    bitmaps();
    setup.cs = CODE_AT >> 4;
    setup.rip = 0;
    setup.ss = STACK_AT >> 4;
    setup.rsp = STACK_CASE - STACK_AT;
    setup.ds = DATA_AT >> 4;
    setup.es = setup.fs = setup.gs = (u16)(below(0x500) + 0x100);
    setup.flags = (rng() & 0x1c3ad5) | 0x20002;
    if (one_in(16))
        setup.flags |= 0x100;
    if (one_in(2))
        setup.cr4 |= 1;
    for (unsigned v = VECTOR; v < VECTOR + 8; v++)
        trusted_gate(v, one_in(4) ? 0 : 3);
    setup.gpr[AX] = below(0x1000);
    /* What IRET and POPF find. */
    put(0, (u16)landing());
    put(2, one_in(2) ? 0 : 0x100);
    put(4, (u16)rng());
    put(6, 0);
    put(8, (u16)(rng() & 0xfeff));
    put(10, (u16)rng());
    note("fl", setup.flags);
    note("cr4", setup.cr4);
    instruction();
    if (one_in(2))
        instruction();
}
