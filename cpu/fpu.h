/* SPDX-License-Identifier: Apache-2.0
 * Floating-point control of a core: MXCSR mirrored in the host's while guest
 * code runs, and the save areas of x87, MMX and SSE state.
 */
#ifndef VTSIM_CPU_FPU_H
#define VTSIM_CPU_FPU_H

#include "cpu/event.h"
#include "cpu/state.h"

enum {
    MXCSR_FLAGS = 0x3f, /* IE DE ZE OE UE PE, sticky */
    MXCSR_DAZ = 1 << 6,
    MXCSR_MASKS = 0x1f80, /* IM .. PM, in the order of the flags */
    MXCSR_MASK_SHIFT = 7,
    MXCSR_RC = 3 << 13,
    MXCSR_FZ = 1 << 15,
    MXCSR_VALID = 0xffff, /* MXCSR_MASK: other bits are reserved (#GP) */
    MXCSR_RESET = 0x1f80,
    FCW_RESET = 0x40, /* RESET#; FNINIT gives FCW_INIT */
    FCW_INIT = 0x37f,
};

/* True when the host executes everything that guest vector code needs
 * (SSE4.2); cpu_create fails with SIM_NO_RESOURCE otherwise. */
bool fpu_host_ok(void);

/* What the handlers of optional features take from the host. */
enum {
    HOST_AVX2 = 1 << 0,
    HOST_FMA = 1 << 1,
    HOST_F16C = 1 << 2,
    HOST_AES = 1 << 3,
    HOST_PCLMULQDQ = 1 << 4,
};
unsigned fpu_host_features(void);

/* A feature that `c` switches on and a host with `features` cannot run: the
 * parameter to switch off, and in *lacks what the host has not. NULL: none. */
const char *fpu_host_lacks(const struct cpu_config *c, unsigned features,
                           const char **lacks);

/* x87, MXCSR and vector registers after RESET# (INIT# leaves them alone).
 * SDM Vol.3 "Processor State After Reset". */
void fpu_reset(struct cpu *c);

/*
 * Around the run loop: between the two the host's MXCSR is the guest's with
 * every exception masked, so that its sticky flags gather there. c->host_mxcsr
 * keeps the host's own. No other floating-point code runs in between.
 */
void fpu_enter(struct cpu *c);
void fpu_leave(struct cpu *c);

/*
 * The architectural MXCSR, valid inside and outside fpu_enter .. fpu_leave.
 * A write recomputes the mode key when the masks changed; the caller ends the
 * block then. `v` has no reserved bit set.
 */
uint32_t fpu_mxcsr_read(struct cpu *c);
void fpu_mxcsr_write(struct cpu *c, uint32_t v);

/* True when an unmasked x87 exception is pending: waiting instructions
 * deliver it with fpu_pending before anything else. */
static inline bool fpu_x87_pending(const struct cpu *c)
{
    return (c->x87.fsw & 0x80) != 0;
}
/* #MF with CR0.NE; refused aloud without (external FERR# is not modelled). */
enum step fpu_pending(struct cpu *c);

#endif
