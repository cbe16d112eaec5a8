/* SPDX-License-Identifier: Apache-2.0
 * What the files of VMX instructions share.
 */
#ifndef VTSIM_CPU_VMX_INSN_H
#define VTSIM_CPU_VMX_INSN_H

#include "cpu/vmx/vmx.h"

/* In aux: the r/m operand of VMREAD and VMWRITE is the register at dst.
 * Otherwise the operand is memory, an offset as cpu/int_callout.h packs it;
 * src is the other register. */
enum { VMX_AUX_REGISTER = 1 << 17 };

/* The checks that all instructions but VMXON and VMCALL begin with. False:
 * c->event is valid. */
SIM_MUST_CHECK bool vmx_insn_allowed(struct cpu *c);

#endif
