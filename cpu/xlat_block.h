/* SPDX-License-Identifier: Apache-2.0
 * What the files of the translator's driver share.
 */
#ifndef VTSIM_CPU_XLAT_BLOCK_H
#define VTSIM_CPU_XLAT_BLOCK_H

#include "cpu/block.h"
#include "cpu/exec_ctl.h"
#include "cpu/xlat.h"

enum {
    DECODE_OPERANDS = ZYDIS_MAX_OPERAND_COUNT,
    SCRATCH_UOPS = 256, /* an instruction's uops may go past UOP_BLOCK_MAX */
    INSN_UOPS_MAX = 24,
};

/* How decoding one instruction ended. */
enum decode {
    DECODE_OK,
    DECODE_UD,       /* no such instruction */
    DECODE_TOO_LONG, /* more than 15 bytes */
    DECODE_MAGIC,    /* 0F 04 imm16 */
    DECODE_NO_PAGE,  /* its bytes go on in a page that cannot be fetched */
};

struct decoded {
    enum decode how;
    uint8_t length;
    uint16_t offset; /* from the start of the block */
    uint16_t magic;  /* DECODE_MAGIC: function */
    bool fetches;    /* begins with uops that can fault */
    bool dead;       /* writes flags that nobody sees */
    bool clean;      /* see struct insn_meta */
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[DECODE_OPERANDS];
};

struct xlat_scratch {
    ZydisDecoder decoder[4]; /* by mode: cpu/xlat.c */
    struct decoded insn[BLOCK_INSNS_MAX];
    struct insn_meta meta[BLOCK_INSNS_MAX + 1];
    struct uop op[SCRATCH_UOPS];
};

/* The driver's view of a block in the making; the families see x. */
struct builder {
    struct xlat x;
    struct xlat_scratch *s;
    uint64_t lin, phys;
    uint64_t phys2;   /* second page, or ~0 */
    unsigned decoded; /* instructions decoded */
    unsigned insn;    /* the present one */
    bool linked;      /* the last uop is a struct uop_link */
};

static inline const struct exec_ctl_table *xlat_ctl_table(const struct xlat *x)
{
    return xlat_timed(x) ? &exec_ctl_simple : &exec_ctl_off;
}

/* Append a terminator and its link; `target` is the RIP when taken. */
struct uop *xlat_end(struct xlat *x, uop_fn *fn, uint64_t target);

/* Fetch granule: a line, or a page with timing off. */
static inline uint64_t xlat_granule(const struct xlat *x)
{
    return xlat_timed(x) ? LINE_SIZE : PAGE_SIZE;
}

/* Set dead and clean of each decoded instruction: cpu/xlat_flags.c */
void xlat_flags(const struct cpu *c, struct decoded *d, unsigned n);

/* A conditional branch and the instruction before it as one uop; false when
 * the pair is none that is fused. cpu/xlat_ctl.c */
bool xlat_fuse(struct xlat *x, const struct decoded *first,
               const struct decoded *jcc, uint64_t target);
bool xlat_fusible(const struct decoded *first, const struct decoded *jcc);

/* RIP that the relative operand of a branch names, and whether a fast
 * handler may go there unchecked. */
uint64_t xlat_target(const struct xlat *x, const ZydisDecodedInstruction *zi,
                     const ZydisDecodedOperand *zo, uint64_t next_rip);
bool xlat_target_plain(const struct xlat *x, uint64_t target);

/* Condition of a Jcc, or -1. */
int xlat_jcc(ZydisMnemonic m);

/* #UD, #GP and #NM that the row's rules ask for; true: one was emitted. */
bool xlat_rules(struct xlat *x, const struct insn_row *row);

#endif
