/* SPDX-License-Identifier: Apache-2.0
 * A second statement of the rules of VM entry: plain code written from the
 * manual and not from the simulator's table, to be compared with it. SDM
 * Vol.3 "VM Entries".
 */
#ifndef VTSIM_TESTS_VMX_RULES_STATEMENT_H
#define VTSIM_TESTS_VMX_RULES_STATEMENT_H

#include "cpu/vmx/vmcs.h"

#include <stdbool.h>
#include <stdint.h>

/* What the rules depend on besides the VMCS. The capability MSRs are what
 * RDMSR gives; memory is read through a function. */
struct processor {
    uint64_t pin, primary, secondary, tertiary, exit, entry; /* TRUE forms */
    uint64_t misc, ept_vpid, vmfunc, basic;
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    unsigned physical_bits, linear_bits;
    bool in_ia32e; /* IA32_EFER.LMA of the VMM */
    uint64_t efer_bits, debugctl_bits, perf_global_bits; /* not reserved */
    uint64_t current_vmcs;
    bool (*read)(void *self, uint64_t at, unsigned len, void *out);
    void *self;
};

enum outcome {
    ENTRY_GOOD,
    ENTRY_BAD_CONTROLS, /* VMfailValid 7 */
    ENTRY_BAD_HOST,     /* VMfailValid 8 */
    ENTRY_BAD_GUEST     /* exit 33 */
};

/* Qualifications of exit 33 that some violated rule would give, as bits. */
struct verdict {
    enum outcome outcome;
    uint32_t qualifications;
};

struct verdict statement_verdict(const struct processor *p,
                                 const struct vmcs *v);

bool statement_controls(const struct processor *p, const struct vmcs *v);
bool statement_host(const struct processor *p, const struct vmcs *v);
/* The bits of qualifications that apply; 0: the state is good. */
uint32_t statement_guest(const struct processor *p, const struct vmcs *v);
uint32_t statement_guest_other(const struct processor *p, const struct vmcs *v);

static inline bool bit(uint64_t v, unsigned n)
{
    return (v >> n & 1) != 0;
}

/* Bits hi..lo. */
static inline uint64_t field(uint64_t v, unsigned hi, unsigned lo)
{
    return v >> lo & (UINT64_MAX >> (63 - (hi - lo)));
}

static inline bool canonical(const struct processor *p, uint64_t v)
{
    unsigned unused = 64 - p->linear_bits;
    return (uint64_t)((int64_t)(v << unused) >> unused) == v;
}

static inline bool wider_than_physical(const struct processor *p, uint64_t v)
{
    return v >> p->physical_bits != 0;
}

/* Secondary and tertiary controls as they work: 0 unless activated. */
static inline uint32_t secondary_of(const struct vmcs *v)
{
    return bit(v->primary_controls, 31) ? v->secondary_controls : 0;
}

static inline bool unrestricted(const struct vmcs *v)
{
    return bit(secondary_of(v), 7);
}

static inline bool ia32e_guest(const struct vmcs *v)
{
    return bit(v->entry_controls, 9);
}

#endif
