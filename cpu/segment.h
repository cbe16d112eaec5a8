/* SPDX-License-Identifier: Apache-2.0
 * Segments: descriptors in memory, their checks, and the hidden parts of
 * the segment registers; stacks of the far transfers and event delivery.
 * SDM Vol.3 "Protected-Mode Memory Management", "Protection".
 */
#ifndef VTSIM_CPU_SEGMENT_H
#define VTSIM_CPU_SEGMENT_H

#include "cpu/event.h"

/* Types of system segments and gates, SDM Vol.3 "System Descriptor Types". */
enum {
    SYS_TSS16_AVAIL = 1,
    SYS_LDT = 2,
    SYS_TSS16_BUSY = 3,
    SYS_CALL16 = 4,
    SYS_TASK_GATE = 5,
    SYS_INT16 = 6,
    SYS_TRAP16 = 7,
    SYS_TSS_AVAIL = 9, /* 32-bit, or 64-bit in IA-32e mode */
    SYS_TSS_BUSY = 11,
    SYS_CALL = 12,
    SYS_INT = 14,
    SYS_TRAP = 15,
};

/* Bits of the type of a code or data segment. */
enum {
    TYPE_ACCESSED = 1,
    TYPE_WRITE = 2,       /* data */
    TYPE_READ = 2,        /* code */
    TYPE_EXPAND_DOWN = 4, /* data */
    TYPE_CONFORMING = 4,  /* code */
    TYPE_CODE = 8,
};

/* A descriptor as read from a table, copied once and then only decoded. */
struct descriptor {
    uint64_t lin;    /* linear address it was read from */
    uint64_t lo, hi; /* hi: second half of a 16-byte descriptor, else 0 */
    uint16_t selector;
};

static inline unsigned descriptor_type(const struct descriptor *d)
{
    return (unsigned)(d->lo >> 40) & 0xf;
}
static inline bool descriptor_is_system(const struct descriptor *d)
{
    return (d->lo >> 44 & 1) == 0;
}
static inline unsigned descriptor_dpl(const struct descriptor *d)
{
    return (unsigned)(d->lo >> 45) & 3;
}
static inline bool descriptor_present(const struct descriptor *d)
{
    return d->lo >> 47 & 1;
}
static inline bool descriptor_is_code(const struct descriptor *d)
{
    return !descriptor_is_system(d) && (descriptor_type(d) & TYPE_CODE) != 0;
}
static inline bool descriptor_is_long(const struct descriptor *d)
{
    return d->lo >> 53 & 1;
}
static inline bool descriptor_is_big(const struct descriptor *d)
{
    return d->lo >> 54 & 1;
}

static inline unsigned cpu_cpl(const struct cpu *c)
{
    return c->mode & MODE_CPL;
}
/* A linear address of the present paging mode (48 or 57 bits). */
bool segment_canonical(const struct cpu *c, uint64_t lin);

/* By the processor's width, not the present paging mode: what registers that
 * hold an address take. 5-level paging makes no difference to them. */
bool segment_canonical_register(const struct cpu *c, uint64_t v);

static inline bool selector_is_null(uint16_t sel)
{
    return (sel & ~3u) == 0;
}
/* Error code naming a selector; `ext` is bit 0. */
static inline uint32_t selector_error(uint16_t sel, uint32_t ext)
{
    return (sel & 0xfffcu) | ext;
}

/*
 * Read the descriptor of non-null selector `sel` from the GDT or LDT. Its
 * absence raises `vector` (EXC_GP, EXC_TS) with the selector and `ext` as
 * error code. descriptor_read_system reads 16 bytes in IA-32e mode. False:
 * c->event is valid.
 */
SIM_MUST_CHECK bool descriptor_read(struct cpu *c, uint16_t sel, uint8_t vector,
                                    uint32_t ext, struct descriptor *d);
SIM_MUST_CHECK bool descriptor_read_system(struct cpu *c, uint16_t sel,
                                           uint8_t vector, uint32_t ext,
                                           struct descriptor *d);
/* The same without faults for LAR, LSL, VERR, VERW: *found says whether the
 * selector names a descriptor. False: a #PF. */
SIM_MUST_CHECK bool descriptor_peek(struct cpu *c, uint16_t sel, bool wide,
                                    bool *found, struct descriptor *d);

/* Set the accessed bit in memory if it is clear. False: a #PF. */
SIM_MUST_CHECK bool descriptor_set_accessed(struct cpu *c,
                                            struct descriptor *d);
/* Set or clear the busy bit of a TSS descriptor in memory. */
SIM_MUST_CHECK bool descriptor_set_busy(struct cpu *c, struct descriptor *d,
                                        bool busy);

/* The register contents that `d` describes, the accessed bit set; the
 * selector is d->selector. */
struct segment segment_from(const struct descriptor *d);
/* A null selector in a data register; for SS `dpl` is the CPL. */
struct segment segment_null(uint16_t sel, unsigned dpl);
/* Any of the six registers in virtual-8086 mode: base, limit and rights
 * follow from the mode. SDM Vol.3 "Segment Registers" of virtual machines. */
struct segment segment_v86(uint16_t sel);

/*
 * Load ES, DS, FS, GS or SS as MOV and POP do, in any mode; commits only
 * when every check passed. Does not call cpu_update_mode.
 */
SIM_MUST_CHECK bool segment_load(struct cpu *c, unsigned seg, uint16_t sel);

/* The checks of segment_load for SS with a privilege level of `cpl` and
 * errors by `vector` (#GP for MOV and far RET, #TS for stack switches). The
 * accessed bit is not set. */
SIM_MUST_CHECK bool segment_check_ss(struct cpu *c, uint16_t sel, unsigned cpl,
                                     uint8_t vector, uint32_t ext,
                                     struct descriptor *out);

/* LLDT and LTR; `sel` may be null for LLDT. */
SIM_MUST_CHECK bool segment_load_ldtr(struct cpu *c, uint16_t sel);
SIM_MUST_CHECK bool segment_load_tr(struct cpu *c, uint16_t sel);

/* Put CS in place for a transfer that ends at privilege level `cpl`. */
void segment_set_cs(struct cpu *c, const struct segment *cs, unsigned cpl);

/* CS as far transfers in real and virtual-8086 mode load it: a writable,
 * readable segment; in real mode limit and default size stay. */
void segment_set_real_cs(struct cpu *c, uint16_t sel);

/* The six segment registers, SEG_ES..SEG_GS, in virtual-8086 mode. SDM Vol.3
 * "8086 Emulation". */
void segment_set_v86(struct cpu *c, const uint16_t sel[6]);

/* After a return to an outer level: data registers that may not be used
 * there become null. SDM Vol.2 "RET", "IRET". */
void segment_drop_inner(struct cpu *c, unsigned cpl);

/* True when [off, off+len) lies within the limit of `s`, expand-down
 * segments included. */
bool segment_within(const struct segment *s, uint32_t off, unsigned len);

/* A stack under use: the present one or one being switched to. */
struct stack {
    struct segment ss;
    uint64_t sp;
    bool flat64;            /* 64-bit: no segmentation */
    unsigned access;        /* MMU_SYSTEM for a stack of an inner level */
    uint32_t error;         /* error code of #SS */
    struct descriptor from; /* of ss, for stack_set_accessed; else zero */
};

/* A segment is accessed when it is loaded: after every check and push. */
SIM_MUST_CHECK bool stack_set_accessed(struct cpu *c, struct stack *s);

struct stack stack_current(struct cpu *c);

/* Push v[0], v[1], ... v[n-1] of `size` bytes; all or nothing. */
SIM_MUST_CHECK bool stack_push(struct cpu *c, struct stack *s,
                               const uint64_t *v, unsigned n, unsigned size);
/* The same, pushing nothing: limits and canonicality, not pages, so that the
 * order of checks can be the manual's. */
SIM_MUST_CHECK bool stack_has_room(struct cpu *c, const struct stack *s,
                                   unsigned n, unsigned size);
/* Pop n values of `size` bytes into v[0] ...; moves only s->sp. */
SIM_MUST_CHECK bool stack_pop(struct cpu *c, struct stack *s, uint64_t *v,
                              unsigned n, unsigned size);
/* Write s->sp to RSP, ESP or SP as the stack's width says. */
void stack_commit(struct cpu *c, const struct stack *s);

/*
 * Inner stack pointer from the TSS for privilege level `cpl`: SS too in
 * legacy modes. `ist` 1..7 picks an IST entry in IA-32e mode. Checks what
 * the manual says under #TS. SDM Vol.3 "Stack Switching".
 */
SIM_MUST_CHECK bool stack_from_tss(struct cpu *c, unsigned cpl, unsigned ist,
                                   uint32_t ext, struct stack *out);

#endif
