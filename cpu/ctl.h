/* SPDX-License-Identifier: Apache-2.0
 * Control transfers done by callouts: everything outside 64-bit mode that
 * touches a stack or a segment limit, and direct branches whose target must
 * be checked when they are taken. Also the string instructions.
 */
#ifndef VTSIM_CPU_CTL_H
#define VTSIM_CPU_CTL_H

#include "cpu/uop.h"

/*
 * ctl_branch: direct. dst: log2 of the operand size; src: 0..15 Jcc's
 * condition, CTL_JMP, or CTL_LOOP + kind; scale: log2 of the counter's size;
 * disp: displacement.
 */
enum { CTL_JMP = 16, CTL_LOOP = 17 };
callout_fn ctl_branch;

/* Near CALL, JMP and RET. dst: log2 of the operand size; scale: of the
 * stack's item. ctl_call_rel: disp. ctl_*_reg: src. ctl_*_mem: address.
 * ctl_ret: aux bytes released. */
callout_fn ctl_call_rel, ctl_call_reg, ctl_call_mem;
callout_fn ctl_jmp_reg, ctl_jmp_mem, ctl_ret;

/*
 * String instructions. aux: log2 of the element, address size and repeat:
 * see string.c. seg: segment of the source.
 */
enum {
    STRING_LG = 3,            /* element size, bits 1:0 */
    STRING_ADDRESS_SHIFT = 2, /* log2 of the address size */
    STRING_REP = 1 << 4,      /* REP, REPE */
    STRING_REPNE = 1 << 5,
};
callout_fn string_movs, string_stos, string_lods, string_cmps, string_scas;

#endif
