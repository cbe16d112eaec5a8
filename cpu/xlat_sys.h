/* SPDX-License-Identifier: Apache-2.0
 * Family functions of the system instructions: rows in cpu/insn_sys.def.
 */
#ifndef VTSIM_CPU_XLAT_SYS_H
#define VTSIM_CPU_XLAT_SYS_H

#include "cpu/xlat.h"

xlat_fn xlat_sys_load_far, xlat_sys_table_load, xlat_sys_rm_load;
xlat_fn xlat_sys_store, xlat_sys_lar_lsl, xlat_sys_verify, xlat_sys_arpl;
xlat_fn xlat_sys_if, xlat_sys_clts, xlat_sys_ac, xlat_sys_hlt;
xlat_fn xlat_sys_int, xlat_sys_iret, xlat_sys_call;
xlat_fn xlat_sys_rdmsr, xlat_sys_wrmsr, xlat_sys_rdtsc, xlat_sys_rdpmc;
xlat_fn xlat_sys_cpuid, xlat_sys_invlpg, xlat_sys_invpcid, xlat_sys_wbinvd;
xlat_fn xlat_sys_swapgs, xlat_sys_base;
xlat_fn xlat_sys_in_out, xlat_sys_ins_outs;
xlat_fn xlat_sys_absent;

#endif
