/* SPDX-License-Identifier: Apache-2.0
 * What the rules of VM entry are written with. Private to cpu/vmx/check*.
 */
#ifndef VTSIM_CPU_VMX_CHECK_INSIDE_H
#define VTSIM_CPU_VMX_CHECK_INSIDE_H

#include "cpu/control.h"
#include "cpu/lbr.h"
#include "cpu/state.h"
#include "cpu/vmx/check.h"
#include "sim/base/bits.h"

#include <string.h>

/* --- check_controls.c, check_host.c, check_guest.c ------------------------ */

const struct vmx_rule *vmx_rules_controls(unsigned *count);
const struct vmx_rule *vmx_rules_host(unsigned *count);
const struct vmx_rule *vmx_rules_guest(unsigned *count);
const struct vmx_rule *vmx_check_controls(const struct vmx_check *k);
const struct vmx_rule *vmx_check_host(const struct vmx_check *k);
const struct vmx_rule *vmx_check_guest(const struct vmx_check *k);

/* IA32_VMX_BASIC, IA32_VMX_MISC. */
#define VMX_BASIC_TRUE_CONTROLS BIT(55)
#define VMX_MISC_CR3_TARGETS(m) bits_get(m, 24, 16)
#define VMX_MISC_ACTIVITY_SHIFT 5 /* state n > 0 is supported: bit n + 5 */
#define VMX_MISC_LENGTH_0       BIT(30)

/* A rule that is one only when `a` is true. */
#define IMPLIES(a, b) (!(a) || (b))
/* Bits that are wrong only when `a` is true. */
#define WHEN(a, bits) ((a) ? (uint64_t)(bits) : 0)

/* --- Controls ------------------------------------------------------------- */

static inline uint32_t check_proc2(const struct vmcs *v)
{
    return (v->primary_controls & PROC_SECONDARY) != 0 ? v->secondary_controls
                                                       : 0;
}

static inline uint64_t check_proc3(const struct vmcs *v)
{
    return (v->primary_controls & PROC_TERTIARY) != 0 ? v->tertiary_controls
                                                      : 0;
}

#define PIN(bit)      ((v->pin_controls & (bit)) != 0)
#define PROC(bit)     ((v->primary_controls & (bit)) != 0)
#define PROC2(bit)    ((check_proc2(v) & (bit)) != 0)
#define PROC3(bit)    ((check_proc3(v) & (bit)) != 0)
#define ON_EXIT(bit)  ((v->exit_controls & (bit)) != 0)
#define ON_ENTRY(bit) ((v->entry_controls & (bit)) != 0)

#define EPT          PROC2(PROC2_EPT)
#define UNRESTRICTED PROC2(PROC2_UNRESTRICTED)
#define IA32E        ON_ENTRY(ENTRY_IA32E)
#define HOST64       ON_EXIT(EXIT_HOST64)

/* The capability MSR that says which bits of a control word are reserved. */
#define CAPABILITY(word)                                                       \
    ((k->caps->basic & VMX_BASIC_TRUE_CONTROLS) != 0 ? k->caps->true_##word    \
                                                     : k->caps->word)

/* Bits that are 0 and must be 1, and the reverse. */
static inline uint32_t check_control(uint64_t capability, uint32_t value)
{
    uint32_t ones = (uint32_t)capability;
    uint32_t allowed = (uint32_t)(capability >> 32);
    return (ones & ~value) | (value & ~allowed);
}

static inline uint64_t check_fixed(uint64_t fixed0, uint64_t fixed1,
                                   uint64_t value)
{
    return (fixed0 & ~value) | (value & ~fixed1);
}

/* CR0.CD and CR0.NW are never checked: no transition changes them. */
#define CR0_UNCHECKED ((uint64_t)CR0_CD | (uint64_t)CR0_NW)

/* --- Addresses ------------------------------------------------------------ */

/* Bits beyond the physical-address width. */
static inline uint64_t check_wide(const struct vmx_check *k, uint64_t address)
{
    return address & ~bits_mask(k->maxphyaddr);
}

/* Bits that a physical address of this alignment must not have. */
static inline uint64_t check_physical(const struct vmx_check *k,
                                      uint64_t address, uint64_t align)
{
    return check_wide(k, address) | (address & (align - 1));
}

static inline bool check_canonical(const struct vmx_check *k, uint64_t address)
{
    return bits_sext(address, k->config->linear_bits) == address;
}

/* The last byte of an MSR list lies within the physical-address width. */
static inline bool check_list_end(const struct vmx_check *k, uint64_t address,
                                  uint32_t count)
{
    uint64_t last = address + (uint64_t)count * 16 - 1;
    return count == 0 || (last >= address && check_wide(k, last) == 0);
}

static inline void check_read(const struct vmx_check *k, uint64_t at,
                              unsigned len, void *out)
{
    if (!k->memory.read(k->memory.self, (hpa){at}, len, out))
        memset(out, 0xff, len);
}

/* --- MSRs ----------------------------------------------------------------- */

/* Bytes of an IA32_PAT value that are no memory type. */
static inline uint64_t check_pat(uint64_t pat)
{
    uint64_t wrong = 0;
    for (unsigned at = 0; at < 64; at += 8) {
        uint64_t type = bits_get(pat, at + 7, at);
        if (type > 7 || type == 2 || type == 3)
            wrong |= UINT64_C(0xff) << at;
    }
    return wrong;
}

/* WRMSR ignores EFER.LMA; a VMCS holds it. */
static inline uint64_t check_efer(const struct vmx_check *k, uint64_t efer)
{
    return efer & ~(k->efer_allowed | EFER_LMA);
}

/* --- Event injection ------------------------------------------------------ */

#define INJECTS       ((v->entry_interruption & INTR_VALID) != 0)
#define INJECT_TYPE   (v->entry_interruption >> INTR_TYPE_SHIFT & 7)
#define INJECT_VECTOR (v->entry_interruption & 0xff)

static inline bool check_injects(const struct vmcs *v, unsigned type)
{
    return INJECTS && INJECT_TYPE == type;
}

static inline bool check_injects_exception(const struct vmcs *v,
                                           unsigned vector)
{
    return check_injects(v, INTR_HARD_EXCEPTION) && INJECT_VECTOR == vector;
}

static inline bool check_injects_software(const struct vmcs *v)
{
    return check_injects(v, INTR_SOFT_INTERRUPT) ||
           check_injects(v, INTR_PRIVILEGED) ||
           check_injects(v, INTR_SOFT_EXCEPTION);
}

/* The event to be injected is one that has an error code. */
static inline bool check_error_code_due(const struct vmcs *v)
{
    const uint32_t with = 1 << EXC_DF | 1 << EXC_TS | 1 << EXC_NP |
                          1 << EXC_SS | 1 << EXC_GP | 1 << EXC_PF | 1 << EXC_AC;
    return check_injects(v, INTR_HARD_EXCEPTION) && INJECT_VECTOR < 32 &&
           (with >> INJECT_VECTOR & 1) != 0 &&
           (!UNRESTRICTED || (v->guest_cr0 & CR0_PE) != 0);
}

#endif
