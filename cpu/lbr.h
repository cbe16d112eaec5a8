/* SPDX-License-Identifier: Apache-2.0
 * Last-branch recording and single-stepping on branches. Both need blocks of
 * one instruction (MODE_SINGLE), so that nothing is paid while they are off.
 * SDM Vol.3 "Last Branch, Interrupt, and Exception Recording".
 */
#ifndef VTSIM_CPU_LBR_H
#define VTSIM_CPU_LBR_H

#include "cpu/state.h"

/* IA32_DEBUGCTL. FREEZE_LBRS_ON_PMI is kept and does nothing: there is no
 * performance-monitoring interrupt. */
enum {
    DEBUGCTL_LBR = 1 << 0,
    DEBUGCTL_BTF = 1 << 1,
    DEBUGCTL_FREEZE = 1 << 11,
};

/* What an instruction is as a branch; n > 0 is filtered by bit n + 1 of
 * MSR_LBR_SELECT. */
enum branch_kind {
    BRANCH_NONE,
    BRANCH_JCC,
    BRANCH_CALL_RELATIVE,
    BRANCH_CALL_INDIRECT,
    BRANCH_RET,
    BRANCH_JMP_INDIRECT,
    BRANCH_JMP_RELATIVE,
    BRANCH_FAR, /* events too */
};
enum { LBR_SELECT_BITS = 0x1ff };

static inline bool lbr_on(const struct cpu *c)
{
    return (c->msr.debugctl & DEBUGCTL_LBR) != 0;
}

/* A taken branch between linear addresses, made a moment ago. */
void lbr_branch(struct cpu *c, uint64_t from, uint64_t to,
                enum branch_kind kind);
/* An interrupt or exception; the branch before it becomes the last one
 * before an exception. */
void lbr_event(struct cpu *c, uint64_t from, uint64_t to);

/* The MSRs of the configured processor's branch records. False: #GP. */
bool lbr_is_msr(const struct cpu *c, uint32_t number);
bool lbr_msr_read(struct cpu *c, uint32_t number, uint64_t *out);
bool lbr_msr_write(struct cpu *c, uint32_t number, uint64_t in);

/* RIP of CS:RIP as a linear address. */
uint64_t lbr_linear(const struct cpu *c, uint64_t rip);

#endif
