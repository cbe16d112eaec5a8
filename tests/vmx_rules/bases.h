/* SPDX-License-Identifier: Apache-2.0
 * Valid VMCS states from which mutated ones begin.
 */
#ifndef VTSIM_TESTS_VMX_RULES_BASES_H
#define VTSIM_TESTS_VMX_RULES_BASES_H

#include "cpu/vmx/caps.h"
#include "cpu/vmx/vmcs.h"

enum { BASES = 8 };
/* Where the PDPTEs of a guest without EPT are: four good ones, and behind
 * them four with reserved bits. */
#define BASE_PDPT UINT64_C(0x7000)

/* Base n (0..BASES-1); returns its name. */
const char *base_make(unsigned n, const struct vmx_caps *caps, struct vmcs *v);

#endif
