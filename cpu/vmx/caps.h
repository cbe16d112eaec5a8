/* SPDX-License-Identifier: Apache-2.0
 * VMX capability MSRs, computed from the configuration. SDM Vol.3 appendix
 * "VMX Capability Reporting Facility".
 */
#ifndef VTSIM_CPU_VMX_CAPS_H
#define VTSIM_CPU_VMX_CAPS_H

#include "cpu/config.h"

struct vmx_caps {
    uint64_t basic, misc;
    /* Allowed-0 settings (bits that must be 1) in bits 31:0, allowed-1 in
     * 63:32; the plain MSRs report the default1 bits as must-be-1. */
    uint64_t pin, primary, exit, entry;
    uint64_t true_pin, true_primary, true_exit, true_entry;
    uint64_t secondary, tertiary; /* tertiary: allowed-1 alone */
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    uint64_t vmcs_enum, ept_vpid, vmfunc;
};

enum {
    MSR_VMX_BASIC = 0x480,
    MSR_VMX_PIN = 0x481,
    MSR_VMX_PRIMARY = 0x482,
    MSR_VMX_EXIT = 0x483,
    MSR_VMX_ENTRY = 0x484,
    MSR_VMX_MISC = 0x485,
    MSR_VMX_CR0_FIXED0 = 0x486,
    MSR_VMX_CR0_FIXED1 = 0x487,
    MSR_VMX_CR4_FIXED0 = 0x488,
    MSR_VMX_CR4_FIXED1 = 0x489,
    MSR_VMX_VMCS_ENUM = 0x48a,
    MSR_VMX_SECONDARY = 0x48b,
    MSR_VMX_EPT_VPID = 0x48c,
    MSR_VMX_TRUE_PIN = 0x48d,
    MSR_VMX_TRUE_PRIMARY = 0x48e,
    MSR_VMX_TRUE_EXIT = 0x48f,
    MSR_VMX_TRUE_ENTRY = 0x490,
    MSR_VMX_VMFUNC = 0x491,
    MSR_VMX_TERTIARY = 0x492,
};

/* IA32_VMX_EPT_VPID_CAP. */
#define EPT_CAP_EXECUTE_ONLY (UINT64_C(1) << 0)
#define EPT_CAP_4LEVEL       (UINT64_C(1) << 6)
#define EPT_CAP_5LEVEL       (UINT64_C(1) << 7)
#define EPT_CAP_UC           (UINT64_C(1) << 8)
#define EPT_CAP_WB           (UINT64_C(1) << 14)
#define EPT_CAP_2M           (UINT64_C(1) << 16)
#define EPT_CAP_1G           (UINT64_C(1) << 17)
#define EPT_CAP_INVEPT       (UINT64_C(1) << 20)
#define EPT_CAP_AD           (UINT64_C(1) << 21)
#define EPT_CAP_ADVANCED     (UINT64_C(1) << 22) /* exit information */
#define EPT_CAP_INVEPT_0     (UINT64_C(1) << 24) /* private */
#define EPT_CAP_INVEPT_1     (UINT64_C(1) << 25)
#define EPT_CAP_INVEPT_2     (UINT64_C(1) << 26)
#define EPT_CAP_INVEPT_3     (UINT64_C(1) << 28) /* private */
#define EPT_CAP_INVEPT_4     (UINT64_C(1) << 29) /* private */
#define EPT_CAP_INVVPID      (UINT64_C(1) << 32)
#define EPT_CAP_INVVPID_0    (UINT64_C(1) << 40)
#define EPT_CAP_INVVPID_1    (UINT64_C(1) << 41)
#define EPT_CAP_INVVPID_2    (UINT64_C(1) << 42)
#define EPT_CAP_INVVPID_3    (UINT64_C(1) << 43)

/* Controls of instructions that the processor lacks are absent too. */
void vmx_caps_settle(struct cpu_config *c);

void vmx_caps_init(struct vmx_caps *k, const struct cpu_config *c,
                   unsigned maxphyaddr);

/* The MSR's value; false: this processor has no such MSR. */
bool vmx_caps_msr(const struct vmx_caps *k, const struct cpu_config *c,
                  uint32_t number, uint64_t *out);

/* An EPT pointer that VM entry accepts. SDM Vol.3 "Checks on VMX Controls". */
bool vmx_eptp_valid(const struct vmx_caps *k, unsigned maxphyaddr,
                    uint64_t eptp);

#endif
