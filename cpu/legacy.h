/* SPDX-License-Identifier: Apache-2.0
 * Callouts of the instructions that 64-bit mode has no more: decimal
 * adjustment, BOUND and SALC.
 */
#ifndef VTSIM_CPU_LEGACY_H
#define VTSIM_CPU_LEGACY_H

#include "cpu/uop.h"

callout_fn legacy_aaa, legacy_aas, legacy_daa, legacy_das;
callout_fn legacy_aam, legacy_aad; /* imm is taken; disp: the base */
callout_fn legacy_salc;
callout_fn legacy_bound; /* dst: index; offset of the bounds */

#endif
