/* SPDX-License-Identifier: Apache-2.0
 * Family function of the VMX instructions: rows in cpu/insn_vmx.def.
 */
#ifndef VTSIM_CPU_VMX_XLAT_VMX_H
#define VTSIM_CPU_VMX_XLAT_VMX_H

#include "cpu/xlat.h"

xlat_fn xlat_vmx;

#endif
