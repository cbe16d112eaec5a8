/* SPDX-License-Identifier: Apache-2.0
 * Family functions of cpu/insn_ext.def.
 */
#ifndef VTSIM_CPU_INSN_EXT_H
#define VTSIM_CPU_INSN_EXT_H

#include "cpu/xlat.h"

#define INSN(mnemonic, fn, cost, rules, feature) xlat_fn fn;
#include "cpu/insn_ext.def"
#undef INSN

#endif
