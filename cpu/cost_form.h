/* SPDX-License-Identifier: Apache-2.0
 * The cost class of a decoded instruction: its mnemonic, operand size,
 * register or memory operands, vector length, LOCK and REP.
 */
#ifndef VTSIM_CPU_COST_FORM_H
#define VTSIM_CPU_COST_FORM_H

#include "cpu/cost.h"

#include <stdbool.h>
#include <Zydis/Zydis.h>

/* The class; `other` when no row names the mnemonic. */
enum cost_class cost_of_form(const ZydisDecodedInstruction *zi,
                             const ZydisDecodedOperand *zo,
                             enum cost_class other);

/* True when a row names it. */
bool cost_is_named(ZydisMnemonic m);

#endif
