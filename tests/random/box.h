/* SPDX-License-Identifier: Apache-2.0
 * A little machine whose tables, code and registers are random, in any mode
 * a processor can be in: what the random-code and metamorphic tests run.
 */
#ifndef VTSIM_TESTS_RANDOM_BOX_H
#define VTSIM_TESTS_RANDOM_BOX_H

#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "mmu/memsys.h"
#include "sim/base/rng.h"
#include "sim/machine/config.h"

enum {
    RAM_BYTES = 4 << 20,
    TABLES_AT = 0x20000, /* paging structures of every format */
    GDT_AT = 0x18000,
    IDT_AT = 0x19000,
    TSS_AT = 0x1a000, /* with I/O and redirection bitmaps */
    CODE_AT = 0x30000,
    CODE_BYTES = 0x4000,
    DATA_AT = 0x40000,
    DATA_BYTES = 0x10000,
    STACK_AT = 0x60000, /* below it: STACK_BYTES */
    STACK_BYTES = 0x8000,
    STEP_CODE_AT = 0x70000,  /* handlers of box_halt_on_faults */
    STEP_STACK_AT = 0x72000, /* and their stack, one page below it */
};

/* Where a round begins. */
enum entry {
    ENTRY_REAL,
    ENTRY_UNREAL, /* real mode with 4 GiB data segments */
    ENTRY_PROT16,
    ENTRY_PROT32,       /* without paging */
    ENTRY_PAGED32,      /* 32-bit paging, large pages */
    ENTRY_PAGED32_USER, /* ... ring 3 */
    ENTRY_PAE,
    ENTRY_PAE_USER,
    ENTRY_V86,
    ENTRY_COMPAT32,
    ENTRY_COMPAT32_USER,
    ENTRY_COMPAT16,
    ENTRY_LONG,
    ENTRY_LONG_USER,
    ENTRY_COUNT
};
extern const char *const entry_name[ENTRY_COUNT];

struct box {
    struct memsys *memory;
    struct cpu *cpu;
    struct rng rng;
    uint64_t cycles_each; /* the user's: time allowed an instruction */
    uint8_t code[CODE_BYTES];
    uint8_t data[DATA_BYTES];
};

/* Build the machine; `config` has been finished. False: message printed. */
bool box_open(struct box *b, const struct machine_config *config);
void box_close(struct box *b);

/* Zero the RAM and reset the core, so that nothing is left of a round. */
void box_clear(struct box *b);

/* What code may do. A tame program runs alike whatever the TLBs hold and
 * however time passes: its code is read-only and all else NX, its tables are
 * out of reach, and it neither reads clocks and random numbers nor writes
 * control registers. A step program also leaves EFLAGS.TF alone. */
enum temper { WILD, TAME, STEP };

/* Tables, code, data and registers of a round, a function of (seed, round);
 * the core is reset. */
void box_fill(struct box *b, uint64_t seed, uint64_t round, enum entry entry,
              enum temper temper);

/* After box_fill of ENTRY_LONG_USER: every event ends in a HLT in ring 0, but
 * for #DB with `step`, whose handler is an IRET; EFLAGS.TF is then set. */
void box_halt_on_faults(struct box *b, bool step);

#endif
