/* SPDX-License-Identifier: Apache-2.0
 * The architectural state of a core as values: no pointers, no lazy parts.
 * What a test sets and compares, a debugger shows and a checkpoint holds.
 */
#ifndef VTSIM_CPU_REGS_H
#define VTSIM_CPU_REGS_H

#include <stdbool.h>
#include <stdint.h>

enum { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI };

/* Order of the sreg field of MOV; then the system segments. */
enum {
    SEG_ES,
    SEG_CS,
    SEG_SS,
    SEG_DS,
    SEG_FS,
    SEG_GS,
    SEG_LDTR,
    SEG_TR,
    SEG_COUNT
};

/* A segment register with its hidden part. `attr` has the layout of the VMX
 * access-rights field: type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14,
 * G 15, unusable 16. `limit` is in bytes, already scaled. */
struct segment {
    uint64_t base;
    uint32_t limit;
    uint32_t attr;
    uint16_t selector;
};

enum {
    SEG_ATTR_TYPE = 0xf,
    SEG_ATTR_S = 1 << 4,
    SEG_ATTR_DPL_SHIFT = 5,
    SEG_ATTR_P = 1 << 7,
    SEG_ATTR_L = 1 << 13,
    SEG_ATTR_DB = 1 << 14,
    SEG_ATTR_G = 1 << 15,
    SEG_ATTR_UNUSABLE = 1 << 16,
};

struct descriptor_table {
    uint64_t base;
    uint16_t limit;
};

/* One vector register, wide enough for the 512-bit extension to come. */
union vec {
    uint8_t u8[64];
    uint16_t u16[32];
    uint32_t u32[16];
    uint64_t u64[8];
    int64_t i64[8];
    float f32[16];
    double f64[8];
};

/* x87: st[i] is the physical register i as 80 bits in 16 bytes (MMX register
 * i is its low 8 bytes); TOP is in fsw; ftw is the *full* 16-bit tag word's
 * abridged form: bit i set = register i not empty. */
struct x87 {
    union {
        uint8_t u8[16];
        uint64_t u64[2];
    } st[8];
    uint16_t fcw, fsw, fop;
    uint8_t ftw;
    uint16_t fcs, fds;
    uint64_t fip, fdp;
};

struct cpu_regs {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    struct segment seg[SEG_COUNT];
    struct descriptor_table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0, xss;
    uint32_t pkru;
    uint64_t dr[8];
    union vec v[32];
    struct x87 x87;
    uint32_t mxcsr;
};

#endif
