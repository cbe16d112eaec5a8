/* SPDX-License-Identifier: Apache-2.0
 * Where cycles go. Every simulated cycle of a core is charged to exactly one
 * leaf at the moment the cycle counter advances, so the leaves sum to it; a
 * test compares the two, which are kept apart.
 */
#ifndef VTSIM_SIM_BASE_CYCLES_H
#define VTSIM_SIM_BASE_CYCLES_H

#include <stdint.h>

/* CYCLE_LEAF(enumerator, name in statistics, meaning) */
#define CYCLE_LEAVES(CYCLE_LEAF)                                               \
    CYCLE_LEAF(BASE, "base", "issue and execution of instructions")            \
    CYCLE_LEAF(BRANCH, "branch", "taken-branch and far-transfer bubbles")      \
    CYCLE_LEAF(IFETCH, "ifetch", "instruction lines that missed the L1I")      \
    CYCLE_LEAF(L1D, "l1d", "load-to-use beyond one cycle, L1D hits")           \
    CYCLE_LEAF(L2, "l2", "data lines served by the L2, beyond the L1D")        \
    CYCLE_LEAF(L3, "l3", "data lines served by the L3, beyond the L1D")        \
    CYCLE_LEAF(DRAM, "dram", "data lines served by DRAM, beyond the L1D")      \
    CYCLE_LEAF(COHERENCE, "coherence", "lines taken from another core")        \
    CYCLE_LEAF(UNCACHED, "uncached", "accesses to uncacheable memory")         \
    CYCLE_LEAF(ITLB_STLB, "itlb_stlb", "ITLB misses that hit the STLB")        \
    CYCLE_LEAF(DTLB_STLB, "dtlb_stlb", "DTLB misses that hit the STLB")        \
    CYCLE_LEAF(ITLB_WALK_GUEST, "itlb_walk.guest",                             \
               "page walks for fetches, guest paging structures")              \
    CYCLE_LEAF(ITLB_WALK_EPT, "itlb_walk.ept", "the same, EPT structures")     \
    CYCLE_LEAF(DTLB_WALK_GUEST, "dtlb_walk.guest",                             \
               "page walks for data, guest paging structures")                 \
    CYCLE_LEAF(DTLB_WALK_EPT, "dtlb_walk.ept", "the same, EPT structures")     \
    CYCLE_LEAF(INVALIDATION, "invalidation",                                   \
               "INVLPG, INVPCID, MOV to CR3 and their like")                   \
    CYCLE_LEAF(SERIALIZATION, "serialization",                                 \
               "serializing, fencing and locked instructions")                 \
    CYCLE_LEAF(INTERRUPT, "interrupt", "event delivery through the IDT")       \
    CYCLE_LEAF(VMENTRY_CHECKS, "vmentry.checks", "VM entry: checks")           \
    CYCLE_LEAF(VMENTRY_LOAD, "vmentry.load", "VM entry: loading guest state")  \
    CYCLE_LEAF(VMENTRY_MSR, "vmentry.msr", "VM entry: MSR-load list")          \
    CYCLE_LEAF(VMENTRY_INJECT, "vmentry.inject", "VM entry: event injection")  \
    CYCLE_LEAF(VMEXIT_SAVE, "vmexit.save", "VM exit: saving guest state")      \
    CYCLE_LEAF(VMEXIT_LOAD, "vmexit.load", "VM exit: loading host state")      \
    CYCLE_LEAF(VMEXIT_MSR, "vmexit.msr", "VM exit: MSR-store and -load lists") \
    CYCLE_LEAF(VMCS_ACCESS, "vmcs.access", "VMREAD, VMWRITE, cold VMCS data")  \
    CYCLE_LEAF(VMCS_SWITCH, "vmcs.switch", "VMPTRLD, VMCLEAR, VMXON, VMXOFF")  \
    CYCLE_LEAF(INVEPT, "invept", "INVEPT")                                     \
    CYCLE_LEAF(INVVPID, "invvpid", "INVVPID")                                  \
    CYCLE_LEAF(VMFUNC, "vmfunc", "VMFUNC")                                     \
    CYCLE_LEAF(VAPIC, "vapic", "virtual APIC, virtual and posted interrupts")  \
    CYCLE_LEAF(IO, "io", "port I/O and memory-mapped device accesses")         \
    CYCLE_LEAF(IDLE, "idle", "halted, waiting for an interrupt")

enum cycle_leaf {
#define CYCLE_LEAF_ENUM(e, name, doc) LEAF_##e,
    CYCLE_LEAVES(CYCLE_LEAF_ENUM)
#undef CYCLE_LEAF_ENUM
        LEAF_COUNT
};

/* One core's account. Cycles are cycles of the core clock. */
struct cycle_account {
    uint64_t cycles;       /* local time: all cycles since reset */
    uint64_t instructions; /* retired */
    uint64_t leaf[LEAF_COUNT];
};

/* Let time pass: `n` cycles that belong to `leaf`. */
static inline void cycles_charge(struct cycle_account *a, enum cycle_leaf leaf,
                                 uint64_t n)
{
    a->cycles += n;
    a->leaf[leaf] += n;
}

#endif
