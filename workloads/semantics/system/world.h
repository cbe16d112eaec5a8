/* SPDX-License-Identifier: Apache-2.0
 * The small world in which a case runs, and what is seen of it afterwards.
 *
 * A case owns the first 192 KiB of memory. Whatever is neither code nor data
 * nor a table there is INT3, so that every place to which a transfer may lead
 * ends the case: the trusted gates of its IDT capture the machine's state.
 */
#ifndef SEMANTICS_SYSTEM_WORLD_H
#define SEMANTICS_SYSTEM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* Linear and physical addresses of the world. */
enum {
    WORLD_END = 0x30000,
    CODE_AT = 0x5000,
    DATA_AT = 0x6000,
    STACK_AT = 0x7000, /* a page of stacks, downwards from the tops below */
    STACK_CASE = 0x7400,
    STACK_LEVEL0 = 0x7800,
    STACK_LEVEL1 = 0x7a00,
    STACK_LEVEL2 = 0x7c00,
    STACK_IST2 = 0x7e00,
    GDT_AT = 0x9000,
    LDT_AT = 0x9400,
    TSS_AT = 0x9800,     /* the trusted one; IST1 is the harness's */
    TSS2_AT = 0x9c00,    /* what random TSS descriptors name */
    TSS_DF_AT = 0x8f000, /* of the task that takes #DF in protected mode */
    IDT_AT = 0xa000,
    SCRATCH_AT = 0x80000,    /* page tables of the paging cases */
    TABLES_END = 0x8b000,    /* the world's own are behind them */
    CAPTURE_STACK = 0x8e000, /* top of the stack that the stubs run on */
};

/* Trusted selectors, at the same place in every GDT. */
enum {
    SEL_CODE64 = 0x08,
    SEL_DATA0 = 0x10,
    SEL_CODE32_0 = 0x18, /* then data 1, code32 1, data 2, ... */
    SEL_TSS_DF = 0x78,
    SEL_TSS = 0x80,
    SEL_LDT = 0x90,
    GDT_RANDOM = 20, /* first index of random descriptors */
    GDT_COUNT = 56,
    LDT_COUNT = 16,
};

enum bits { BITS16, BITS32, BITS64 };

/* Read by entry.S: keep the offsets there equal. */
struct setup {
    u64 gpr[16];
    u64 rip, cs, flags, rsp, ss;  /* 0x80: as IRETQ pops them */
    u64 cr0, cr3, cr4, efer;      /* 0xa8 */
    u64 ds, es, fs, gs, ldtr, tr; /* 0xc8 */
    u16 gdt_pad[3], gdt_limit;    /* 0xf8 */
    u64 gdt_base;                 /* 0x100 */
    u16 idt_pad[3], idt_limit;    /* 0x108 */
    u64 idt_base;                 /* 0x110 */
};

struct outcome {
    u64 gpr[16];                                /* 0x00 */
    u64 vector, error, rip, cs, flags, rsp, ss; /* 0x80 */
    u64 ds, es, fs, gs, ldtr, tr;               /* 0xb8 */
    u64 cr0, cr2, cr3, cr4, efer, dr6, dr7;     /* 0xe8 */
    u64 raw[24];                                /* 0x120: legacy frame */
};

extern struct setup setup;
extern struct outcome out;
extern const char stub64_0[], stub32_0[], double_fault[];
void run_long(void);
void run_legacy(void);

/* --- random numbers: splitmix64 --- */

extern u64 rng_state;

static inline u64 rng(void)
{
    u64 z = rng_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static inline u32 below(u32 n)
{
    return (u32)((rng() >> 32) * n >> 32);
}

/* True once in `n`. */
static inline bool one_in(u32 n)
{
    return below(n) == 0;
}

/* --- tables --- */

static inline u64 *gdt(void)
{
    return (u64 *)(uintptr_t)GDT_AT;
}

u64 descriptor(u32 base, u32 limit, u32 access, u32 flags);
u64 gate_low(u32 offset, u32 selector, u32 access, u32 extra);
void trusted_gate(unsigned vector, unsigned dpl);
unsigned code_selector(enum bits bits, unsigned cpl);
unsigned data_selector(unsigned cpl);

/* What the generators agree on about the case at hand. */
extern bool legacy; /* protected mode without EFER.LMA */
extern unsigned cpl;
extern enum bits bits; /* of the code the case starts in */

/* The world as every case finds it; the generator then changes it. */
void world_reset(void);
void world_mode(void); /* choose legacy, cpl, bits and the code's start */
void note_mode(void);
void world_segments(void); /* random descriptors */
u16 random_selector(void);
u32 landing(void);
u64 world_hash(void);

/* --- code of the case --- */

void emit(u8 byte);
void emit2(u8 a, u8 b);
void emit3(u8 a, u8 b, u8 c);
void emit32(u32 v);

/* A remark of the generator for the verbose line: "name=hex". */
void note(const char *name, u64 v);

/* --- page tables --- */

void pages_init(void);
u64 pages_root(void);
void pages_user(bool world); /* the world's pages are the user's */
void pages_zero(bool present);
u64 *pages_pml4(void);
u64 *pages_pdpt(void);
u32 *pages_pd32(void);

/* A paging-structure entry whose value after the case is reported; `inner`
 * names a table. It is cleared before the next case. */
void watch(void *entry, unsigned bytes, bool inner);

/* --- kinds of cases --- */

void case_segment(void);
void case_far(void);
void case_far_legacy(void);
void case_event(void);
void case_paging(void);
void case_v86(void);
void v86_init(void); /* the 8086 vectors */
void case_control(void);
void control_init(void);
void control_restore(void); /* what the last control case changed */

#endif
