/* SPDX-License-Identifier: Apache-2.0
 * Family functions of insn_x87.def.
 */
#ifndef VTSIM_CPU_XLAT_X87_H
#define VTSIM_CPU_XLAT_X87_H

#include "cpu/xlat.h"

xlat_fn xlat_x87, xlat_fwait, xlat_fxsave;

#endif
