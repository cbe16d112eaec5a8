/* SPDX-License-Identifier: Apache-2.0
 * Page walks: two neighbouring pages behind random entries of every format,
 * a few accesses of every kind from any level, under random controls. The
 * entries may change between two accesses, with an invalidation.
 */
#include "semantics/system/world.h"

enum { AX, CX, DX, BX, SP, BP, SI, DI };
enum { LEVELS_64 = 4, FRAME = 0x26000 }; /* two pages of the world's data */

enum format { FORMAT_4LEVEL, FORMAT_PAE, FORMAT_32 };

static enum format format;
static u64 test_page; /* linear address of the first page */
static u64 *leaf[2];  /* where the entries of the two pages are */
static bool large;

static u64 table(unsigned level)
{
    return SCRATCH_AT + 0x1000 * (level - 1);
}

static u64 entry_bits(bool top)
{
    u64 e = 0;
    if (!one_in(24))
        e |= 1;
    if (!one_in(4))
        e |= 2;
    if (!one_in(4))
        e |= 4;
    if (one_in(8))
        e |= below(4) << 3;
    if (one_in(2))
        e |= 0x20;
    if (one_in(2))
        e |= 0x40;
    if (one_in(4))
        e |= 0x100;
    if (one_in(8))
        e |= below(8) << 9;
    (void)top;
    if (format == FORMAT_32)
        return e;
    if (one_in(6))
        e |= 1ull << 63;
    if (one_in(32))
        e |= 1ull << (40 + below(12)); /* reserved: above MAXPHYADDR */
    if (one_in(32))
        e |= 1ull << (52 + below(11));
    return e;
}

/* An entry at `level` (1: page table) that leads to `frame`; true when it
 * maps a page itself. */
static bool make_entry(void *at, unsigned level, u64 next, bool may_be_large)
{
    unsigned bytes = format == FORMAT_32 ? 4 : 8;
    u64 e = entry_bits(false);
    bool ps = level > 1 && one_in(may_be_large ? 3 : 32);
    bool is_leaf = level == 1 || ps;
    if (ps && may_be_large)
        next = 0;
    if (ps || (level == 1 && one_in(4)))
        e |= 0x80;
    if (ps && one_in(12))
        e |= format == FORMAT_32 ? 1u << 21 : 1u << (13 + below(8));
    e |= next;
    if (bytes == 4)
        *(u32 *)at = (u32)e;
    else
        *(u64 *)at = e;
    watch(at, bytes, !is_leaf);
    note("pte", e);
    return ps && may_be_large;
}

static void build_64(void)
{
    unsigned top = 1 + below(511), mid = below(512), low = below(512);
    bool high = top >= 256;
    bool huge = one_in(4);
    if (huge)
        low = 0;
    test_page = (u64)top << 39 | (u64)mid << 30 | (u64)low << 21 | FRAME;
    if (high)
        test_page |= 0xffffull << 48;
    unsigned index = FRAME >> 12;
    u64 *e3 = (u64 *)(uintptr_t)table(3) + mid;
    u64 *e2 = (u64 *)(uintptr_t)table(2) + low;
    u64 *e1 = (u64 *)(uintptr_t)table(1) + index;
    make_entry(pages_pml4() + top, 4, table(3), false);
    leaf[0] = leaf[1] = e3;
    large = make_entry(e3, 3, table(2), huge);
    if (large)
        return;
    leaf[0] = leaf[1] = e2;
    large = make_entry(e2, 2, table(1), true);
    leaf[0] = e1;
    leaf[1] = e1 + 1;
    make_entry(e1, 1, FRAME, false);
    make_entry(e1 + 1, 1, FRAME + 0x1000, false);
    if (large)
        leaf[0] = leaf[1] = e2;
}

static void build_pae(void)
{
    unsigned top = 1 + below(3), low = below(512);
    test_page = (u64)top << 30 | (u64)low << 21 | FRAME;
    u64 *e3 = pages_pdpt() + top;
    u64 *e2 = (u64 *)(uintptr_t)table(2) + low;
    u64 *e1 = (u64 *)(uintptr_t)table(1) + (FRAME >> 12);
    /* PDPTEs are checked when CR3 is loaded, by the harness. */
    *e3 = table(2) | (one_in(24) ? 0 : 1) | below(4) << 3 | below(8) << 9;
    watch(e3, 8, false);
    note("pte", *e3);
    large = make_entry(e2, 2, table(1), true);
    make_entry(e1, 1, FRAME, false);
    make_entry(e1 + 1, 1, FRAME + 0x1000, false);
    leaf[0] = large ? e2 : e1;
    leaf[1] = large ? e2 : e1 + 1;
}

static void build_32(void)
{
    unsigned low = 4 + below(1020);
    test_page = (u64)low << 22 | FRAME;
    u32 *e2 = pages_pd32() + low;
    u32 *e1 = (u32 *)(uintptr_t)table(1) + (FRAME >> 12);
    large = make_entry(e2, 2, table(1), true);
    make_entry(e1, 1, FRAME, false);
    make_entry(e1 + 1, 1, FRAME + 0x1000, false);
    leaf[0] = (u64 *)(large ? e2 : e1);
    leaf[1] = (u64 *)(large ? e2 : e1 + 1);
}

static void controls(void)
{
    setup.cr0 = 0x80000033 | (one_in(2) ? 0x10000 : 0);
    setup.efer = (legacy ? 0 : 0x500) | (one_in(3) ? 0 : 0x800);
    u64 cr4 = 0x600;
    if (format != FORMAT_32)
        cr4 |= 0x20;
    if (one_in(2))
        cr4 |= 0x80;
    if (one_in(3))
        cr4 |= 0x100000;
    if (one_in(3))
        cr4 |= 0x200000;
    if (format == FORMAT_32 && one_in(2))
        cr4 |= 0x10;
    /* The harness itself uses 4-MByte pages. */
    if (format == FORMAT_32)
        cr4 |= 0x10;
    setup.cr4 = cr4;
    setup.cr3 = pages_root();
    if (one_in(3))
        setup.flags |= 0x40000;
    note("cr0", setup.cr0);
    note("cr4", cr4);
    note("efer", setup.efer);
    note("fl", setup.flags);
}

/* Linear address of the access: at the start, inside, or across the end. */
static u64 place(void)
{
    static const u32 offsets[] = {0, 8, 0x123, 0xff8, 0xffe, 0xfff, 0x1000};
    return test_page + offsets[below(7)];
}

/* One access at SI. */
static void access(void)
{
    u32 how = below(9);
    note("op", how);
    switch (how) {
    case 0: emit2(0x8b, 0x06); break;       /* MOV EAX, [SI] */
    case 1: emit2(0x89, 0x16); break;       /* MOV [SI], EDX */
    case 2: emit3(0x83, 0x06, 0); break;    /* ADD dword [SI], 0 */
    case 3: emit2(0xff, 0xe6); break;       /* JMP SI */
    case 4: emit3(0x0f, 0xb1, 0x16); break; /* CMPXCHG [SI], EDX */
    case 5: emit2(0x8a, 0x06); break;       /* MOV AL, [SI] */
    case 6:                                 /* MOVSB [DI], [SI] */
        emit2(0x89, 0xdf);                  /* MOV EDI, EBX */
        emit(0xa4);
        break;
    case 7:
        if (bits == BITS64) { /* PUSH on the page: MOV RSP, RSI; PUSH RDX */
            emit3(0x48, 0x89, 0xf4);
            emit(0x52);
        } else {
            emit2(0x88, 0x16); /* MOV [SI], DL */
        }
        break;
    default: /* a descriptor of the LDT there: MOV FS, CX */
        emit2(0x8e, 0xe0 | CX);
        break;
    }
}

/* Change an entry and make sure that it is seen. */
static void change(void)
{
    unsigned which = below(2);
    u64 flip = one_in(2) ? 2 : one_in(2) ? 4 : one_in(2) ? 1 : 0x60;
    note("flip", flip);
    /* XOR byte [DI], imm8 */
    setup.gpr[DI] = (u64)(uintptr_t)leaf[which];
    emit3(0x80, 0x37, (u8)flip);
    if ((setup.cr4 & 0x80) != 0 || one_in(2)) {
        for (int page = -1; page <= 1; page++) { /* INVLPG [SI + disp32] */
            emit3(0x0f, 0x01, 0xbe);
            emit32((u32)page * 0x1000);
        }
    } else {
        emit3(0x0f, 0x20, 0xd8); /* MOV EAX, CR3; MOV CR3, EAX */
        emit3(0x0f, 0x22, 0xd8);
        emit(0xb8); /* MOV EAX: a stray write finds nothing there */
        emit32(0xcccccccc);
    }
}

void case_paging(void)
{
    u32 kind = below(8);
    format = kind < 4 ? FORMAT_4LEVEL : kind < 6 ? FORMAT_PAE : FORMAT_32;
    legacy = format != FORMAT_4LEVEL;
    world_mode();
    if (bits == BITS16) { /* its addresses reach no test page */
        bits = BITS32;
        setup.cs = code_selector(bits, cpl);
    }
    if (!legacy) {
        bits = BITS64;
        setup.cs = code_selector(bits, cpl);
    }
    note_mode();
    controls();
    if (format == FORMAT_4LEVEL)
        build_64();
    else if (format == FORMAT_PAE)
        build_pae();
    else
        build_32();
    setup.cr3 = pages_root();
    pages_user(cpl == 3);
    setup.gpr[SI] = place();
    setup.gpr[BX] = DATA_AT;
    /* What is written can be executed: INT3 and INT1. */
    setup.gpr[DX] = 0xcccccccc;
    for (unsigned i = 0; i < 4; i++)
        if (one_in(2))
            setup.gpr[DX] ^= 0x3dull << 8 * i;
    setup.gpr[AX] = 0xcccccccc;
    setup.gpr[CX] = 8 | 4 | cpl;
    /* The LDT's second descriptor, wherever the table is thought to be. */
    for (unsigned page = 0; page < 2; page++)
        *(u64 *)(uintptr_t)(FRAME + 0x1000 * page + 8) =
            descriptor(0, 0xfffff, one_in(2) ? 0xf3 : 0xf2, 0xc);
    /* A stack that is the supervisor's, for SMAP's sake. */
    ((u32 *)(uintptr_t)TSS_AT)[1] = CAPTURE_STACK;
    ((u32 *)(uintptr_t)TSS_DF_AT)[7] = (u32)setup.cr3;
    u64 ldt = test_page & 0xffffffff;
    gdt()[18] = descriptor((u32)ldt, 0xfff, 0x82, 0);
    gdt()[19] = test_page >> 32;
    note("at", setup.gpr[SI]);
    access();
    u32 more = below(3);
    for (u32 i = 0; i < more; i++) {
        if (cpl == 0 && one_in(2))
            change();
        access();
    }
}
