/* SPDX-License-Identifier: Apache-2.0
 * Cost classes: what an instruction costs beyond its memory accesses in
 * --timing=simple. One row a class; a preset overrides single values.
 */
#ifndef VTSIM_CPU_COST_H
#define VTSIM_CPU_COST_H

#include <stdint.h>

/* COST(enumerator, parameter name, default cycles, leaf, meaning): cycles
 * the instruction occupies, at least 1 of which is the base leaf's. */
#define COST_CLASSES(COST)                                                     \
    COST(ALU, "alu", 1, BASE, "simple integer, move, not-taken branch")        \
    COST(BRANCH_TAKEN, "branch_taken", 1, BRANCH,                              \
         "added to a branch that is taken")                                    \
    COST(MUL, "mul", 3, BASE, "integer multiply")                              \
    COST(DIV32, "div32", 26, BASE, "integer divide, 8 to 32 bits")             \
    COST(DIV64, "div64", 40, BASE, "integer divide, 64 bits")                  \
    COST(SHIFT_DOUBLE, "shift_double", 3, BASE, "SHLD, SHRD, RCL, RCR")        \
    COST(STRING, "string", 1, BASE, "one iteration of a string instruction")   \
    COST(STRING_START, "string_start", 20, BASE, "start of a REP string")      \
    COST(FP_ADD, "fp_add", 1, BASE, "vector and scalar FP add, compare")       \
    COST(FP_MUL, "fp_mul", 1, BASE, "vector and scalar FP multiply")           \
    COST(FP_DIV, "fp_div", 13, BASE, "FP divide")                              \
    COST(FP_SQRT, "fp_sqrt", 18, BASE, "FP square root")                       \
    COST(VEC, "vec", 1, BASE, "vector integer, logic, shuffle, move")          \
    COST(X87, "x87", 3, BASE, "x87 arithmetic and moves")                      \
    COST(X87_TRANS, "x87_trans", 100, BASE, "x87 transcendental")              \
    COST(LOCKED, "locked", 18, SERIALIZATION,                                  \
         "LOCK-prefixed, XCHG with memory")                                    \
    COST(FENCE, "fence", 33, SERIALIZATION, "MFENCE, LFENCE, SFENCE")          \
    COST(PAUSE, "pause", 40, SERIALIZATION, "PAUSE")                           \
    COST(CPUID, "cpuid", 100, SERIALIZATION, "CPUID")                          \
    COST(RDTSC, "rdtsc", 25, SERIALIZATION, "RDTSC, RDTSCP, RDPMC")            \
    COST(RDRAND, "rdrand", 300, BASE, "RDRAND, RDSEED")                        \
    COST(SYSCALL, "syscall", 80, SERIALIZATION, "SYSCALL, SYSENTER")           \
    COST(SYSRET, "sysret", 75, SERIALIZATION, "SYSRET, SYSEXIT")               \
    COST(FAR, "far", 60, BRANCH, "far transfers, IRET")                        \
    COST(SEGMENT, "segment", 10, BASE, "segment-register loads")               \
    COST(MSR, "msr", 100, SERIALIZATION, "RDMSR, WRMSR")                       \
    COST(MOV_CR, "mov_cr", 40, SERIALIZATION, "MOV to CR0, CR4, CR8, DRs")     \
    COST(MOV_CR3, "mov_cr3", 186, INVALIDATION, "MOV to CR3")                  \
    COST(INVLPG, "invlpg", 140, INVALIDATION, "INVLPG")                        \
    COST(INVPCID, "invpcid", 376, INVALIDATION, "INVPCID")                     \
    COST(FLUSH_LINE, "clflush", 66, SERIALIZATION, "CLFLUSH")                  \
    COST(WBINVD, "wbinvd", 10000, SERIALIZATION, "WBINVD, INVD")               \
    COST(INTERRUPT, "interrupt", 60, INTERRUPT, "delivery through the IDT")    \
    COST(PORT_IO, "port_io", 500, IO, "IN, OUT")                               \
    COST(FXSAVE, "fxsave", 50, BASE, "FXSAVE, FXRSTOR, FSAVE, FRSTOR")         \
    COST(HLT, "hlt", 10, BASE, "HLT")

enum cost_class {
#define COST_ENUM(e, name, cycles, leaf, doc) COST_##e,
    COST_CLASSES(COST_ENUM)
#undef COST_ENUM
        COST_COUNT
};

struct cost_table {
    uint32_t cycles[COST_COUNT];
};

#endif
