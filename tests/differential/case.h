/* SPDX-License-Identifier: Apache-2.0
 * One differential case: an instruction, the state before it, and the
 * results of running it on the host CPU and in the simulator.
 *
 * Memory layout, the same linear addresses on both sides:
 *   CODE_PAGE     one page, int3 everywhere but for the case
 *   ARENA         [absent] RW RW RO [absent]
 */
#ifndef VTSIM_TESTS_DIFFERENTIAL_CASE_H
#define VTSIM_TESTS_DIFFERENTIAL_CASE_H

#include <stdbool.h>
#include <stdint.h>
#include <Zydis/Zydis.h>

#define CODE_PAGE   UINT64_C(0x10000000)
#define CODE_OFFSET 0x800u /* of the case in its page */
#define ARENA       UINT64_C(0x20001000)
#define ARENA_PAGES 3u
#define ARENA_SIZE  (ARENA_PAGES * 4096u)
#define ARENA_RO    (ARENA + 2 * 4096u) /* the read-only page */

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
    struct fx_image fx;
    uint64_t xstate_bv, xcomp_bv, xheader[6];
    uint64_t ymmh[16][2]; /* bits 255:128 */
};
enum { XSAVE_SIZE = 832 };
_Static_assert(sizeof(struct machine_state) -
                       __builtin_offsetof(struct machine_state, fx) ==
                   XSAVE_SIZE,
               "XSAVE area");

/* How the instruction ended. */
struct outcome {
    int vector; /* -1: completed; else the exception */
    uint32_t error;
    uint64_t cr2; /* #PF only */
    struct machine_state after;
    uint8_t memory[ARENA_SIZE];
};

struct test_case {
    uint64_t seed, index;
    uint8_t bytes[16];
    unsigned length;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    struct machine_state before;
    uint8_t memory[ARENA_SIZE];
};

/* A feature (enum cpu_feature) the host has, by its CPUID. */
bool host_has(unsigned feature);
/* ... and one that both sides have; valid once sim_open was called. */
bool both_have(unsigned feature);

/* Make case `index` of `seed`: a pure function of the two. False: this index
 * gives no case (the form is excluded); *why is then a short reason. */
bool case_generate(uint64_t seed, uint64_t index, struct test_case *t,
                   const char **why);

/* Native side: native_open once a process; false when the host refuses. */
bool native_open(void);
void native_run(const struct test_case *t, struct outcome *o);

/* Simulated side. */
struct sim;
struct sim *sim_open(unsigned plant);
void sim_run_case(struct sim *s, const struct test_case *t, struct outcome *o);
void sim_close(struct sim *s);

/* A difference that remains after masks: text for people, empty if none.
 * `waived` is the waiver's index or -1; see waivers.def. */
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

/* Arithmetic flags (CF PF AF ZF SF OF) the manual leaves undefined for this
 * instruction with these operands. */
uint32_t undefined_flags(const struct test_case *t);

#endif
