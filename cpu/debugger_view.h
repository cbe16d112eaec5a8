/* SPDX-License-Identifier: Apache-2.0
 * The two sides of VMX as a debugger looks at them. Private to cpu/.
 */
#ifndef VTSIM_CPU_DEBUGGER_VIEW_H
#define VTSIM_CPU_DEBUGGER_VIEW_H

#include "cpu/debugger.h"
#include "cpu/vmx/vmx.h"

/* The view is what the core runs with now. */
bool debugger_own_view(const struct cpu *c, enum debug_view v);

uint64_t debugger_view_efer(const struct cpu *c, enum debug_view v);

#endif
