/* SPDX-License-Identifier: Apache-2.0
 * One differential case: one instruction or a few, the state before, and the
 * results of running them on the host CPU and in the simulator.
 *
 * Memory layout, the same linear addresses on both sides:
 *   CODE_PAGE     one page, int3 everywhere but for the case; then nothing
 *   ARENA         [absent] RW RW RO [absent]
 */
#ifndef VTSIM_TESTS_DIFFERENTIAL_CASE_H
#define VTSIM_TESTS_DIFFERENTIAL_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <Zydis/Zydis.h>

#define CODE_PAGE   UINT64_C(0x10000000)
#define CODE_OFFSET 0x800u /* of the case in its page, usually */
#define ARENA       UINT64_C(0x20001000)
#define ARENA_PAGES 3u
#define ARENA_SIZE  (ARENA_PAGES * 4096u)
#define ARENA_RO    (ARENA + 2 * 4096u) /* the read-only page */

enum { CODE_MAX = 160, STEPS_MAX = 16 };

/* Code segments that a case can run in. */
enum code_mode { CODE_64, CODE_32, CODE_16, CODE_MODES };

/* Where cases come from; the upper byte of a case's index. */
enum case_kind {
    CASE_SINGLE,   /* one instruction */
    CASE_SEQUENCE, /* 4 to 16 with forward branches, stack, strings */
    CASE_X87,      /* one of the x87 and, if it left an exception, FWAIT */
    CASE_BYTES,    /* uniformly random bytes at the end of the code page */
    CASE_CORPUS,   /* a line of the corpus */
    CASE_KINDS
};
#define CASE_INDEX(kind, n) ((uint64_t)(kind) << 56 | (n))

/* The local descriptor table of both sides (segments.c). */
struct ldt_row {
    uint32_t base, limit; /* limit in bytes */
    uint8_t type;         /* as in the descriptor, accessed */
    bool db, present;
};
enum {
    LDT_NONE, /* entry 0 is not used: selector 0 stands for it */
    LDT_CODE16,
    LDT_CODE16_XO, /* execute-only */
    LDT_CODE32,
    LDT_CODE32_XO,
    LDT_FLAT,   /* 4 GiB of data */
    LDT_WINDOW, /* 64 KiB from the arena on, 16-bit stack pointer */
    LDT_SMALL,  /* ends inside the arena */
    LDT_DOWN16, /* expand-down: from 1000h to FFFFh above the arena */
    LDT_DOWN32, /* expand-down: everything above the arena's first page */
    LDT_RO,     /* flat, read-only */
    LDT_ABSENT, /* not present */
    LDT_ROWS
};
extern const struct ldt_row ldt_rows[LDT_ROWS];
static inline uint16_t ldt_selector(unsigned row)
{
    return row == LDT_NONE ? 0 : (uint16_t)(row << 3 | 7);
}
enum { USER_CS32 = 0x23, USER_DS = 0x2b, USER_CS64 = 0x33 };
/* A return to user mode, which an interrupt may cause at any time, makes
 * every null selector 0. */
static inline uint16_t null_as_zero(uint16_t selector)
{
    return (selector & ~3) == 0 ? 0 : selector;
}
/* Base of what a selector names, 0 for the flat ones. */
uint64_t selector_base(uint16_t selector);

/* FXSAVE image, 64-bit form (SDM Vol.1 "FXSAVE Area"). */
struct fx_image {
    uint16_t fcw, fsw;
    uint8_t ftw, reserved;
    uint16_t fop;
    uint64_t fip, fdp;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t mantissa;
        uint16_t exponent;
        uint16_t pad[3];
    } st[8];
    uint64_t xmm[16][2];
    uint8_t unused[96];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct fx_image) == 512, "FXSAVE area");

/* From `fx` on it is an XSAVE area of the standard format with the x87, SSE
 * and AVX components (SDM Vol.1 "XSAVE Area"). */
struct machine_state {
    uint64_t gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8.. */
    uint64_t rip, rflags;
    uint16_t cs, ss, ds, es;
    struct fx_image fx;
    uint64_t xstate_bv, xcomp_bv, xheader[6];
    uint64_t ymmh[16][2]; /* bits 255:128 */
};
enum { XSAVE_SIZE = 832 };
_Static_assert(sizeof(struct machine_state) -
                       __builtin_offsetof(struct machine_state, fx) ==
                   XSAVE_SIZE,
               "XSAVE area");

/* How the case ended. */
struct outcome {
    int vector; /* -1: completed; else the exception */
    uint32_t error;
    uint64_t cr2; /* #PF only */
    struct machine_state after;
    uint8_t memory[ARENA_SIZE];
};

struct test_case {
    uint64_t seed, index;
    enum code_mode mode;
    uint16_t place; /* offset of the bytes in the code page */
    uint8_t bytes[CODE_MAX];
    unsigned length, steps; /* bytes and instructions of the whole case */
    bool open_end; /* the last byte is the page's last: nothing follows */
    /* The (first) instruction. */
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    /* Sequences: where instruction i starts, and the EFLAGS bits that are
     * undefined before it. */
    uint16_t start[STEPS_MAX + 1];
    uint32_t undefined[STEPS_MAX + 1];
    struct machine_state before;
    uint8_t memory[ARENA_SIZE];
};

static inline enum case_kind case_kind(const struct test_case *t)
{
    return (enum case_kind)(t->index >> 56);
}

/* A feature (enum cpu_feature) the host has, by its CPUID. */
bool host_has(unsigned feature);
/* ... and one that both sides have; valid once sim_open was called. */
bool both_have(unsigned feature);
/* Code segments other than 64-bit ones can be tested on this host. */
bool host_has_mode(enum code_mode mode);

/* Make the case of an index: a pure function of the two (and of which
 * features both sides have). False: this index gives no case; *why is then
 * a short reason. */
bool case_generate(uint64_t seed, uint64_t index, struct test_case *t,
                   const char **why);

/* Decode the first instruction of t->bytes; false when it is not one. */
bool case_decode(struct test_case *t);
const ZydisDecoder *case_decoder(enum code_mode mode);

/* What may run: the effect does not depend on what the host's kernel set up,
 * and control stays in user mode. */
enum standing {
    STANDING_TESTED,
    STANDING_EXCLUDED,     /* left to other tests */
    STANDING_NOT_MODELLED, /* no row in the instruction table */
    STANDING_HOST_LACKS    /* or the configured core does */
};
enum standing case_standing(const ZydisDecodedInstruction *zi,
                            const ZydisDecodedOperand *zo);

/* Native side: native_open once a process; false when the host refuses. */
bool native_open(void);
void native_run(const struct test_case *t, struct outcome *o);

/* Simulated side. */
struct sim;
struct sim *sim_open(unsigned plant);
void sim_run_case(struct sim *s, const struct test_case *t, struct outcome *o);
void sim_close(struct sim *s);

/* A difference that remains after masks: text for people, empty if none.
 * `waived` is the waiver's index or -1; see waivers.h. */
struct verdict {
    bool differs;
    int waived;
    char text[1024];
};
void case_compare(const struct test_case *t, const struct outcome *native,
                  const struct outcome *sim, struct verdict *v);

unsigned waiver_count(void);
const char *waiver_name(unsigned i);
const char *waiver_reason(unsigned i);
double waiver_share(unsigned i); /* of all cases, at most */

/* A case as one line of the corpus, and back; false: not a case. */
void case_print(const struct test_case *t, char *out, size_t size);
bool case_parse(const char *line, struct test_case *t, const char **why);
/* Make a failing case smaller while it fails. */
void case_minimise(struct sim *s, struct test_case *t);
/* Run both sides; true when an unexplained difference remains. */
bool case_differs(struct sim *s, const struct test_case *t,
                  struct outcome *native, struct outcome *sim,
                  struct verdict *v);

/* How the length that the decoder gives the instruction is wrong, or NULL.
 * `invalid`: the host refuses the whole instruction with #UD. */
const char *length_differs(struct sim *s, const struct test_case *t,
                           bool invalid);

/* Arithmetic flags (CF PF AF ZF SF OF) the manual leaves undefined for this
 * instruction with these operands. */
uint32_t undefined_flags(const struct test_case *t);
/* ... with any operands. */
uint32_t undefined_flags_worst(const ZydisDecodedInstruction *zi);

#endif
