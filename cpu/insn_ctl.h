/* SPDX-License-Identifier: Apache-2.0
 * Families named by cpu/insn_ctl.def.
 */
#ifndef VTSIM_CPU_INSN_CTL_H
#define VTSIM_CPU_INSN_CTL_H

#include "cpu/xlat.h"

xlat_fn xlat_ctl_jmp, xlat_ctl_jcc, xlat_ctl_call, xlat_ctl_ret, xlat_ctl_loop;
xlat_fn xlat_ctl_movs, xlat_ctl_stos, xlat_ctl_lods, xlat_ctl_cmps,
    xlat_ctl_scas;

#endif
