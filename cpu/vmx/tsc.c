/* SPDX-License-Identifier: Apache-2.0
 * The time-stamp counter as a guest sees it: offset and multiplier. SDM Vol.3
 * "Changes to Instruction Behavior in VMX Non-Root Operation".
 */
#include "cpu/vmx/vmx.h"

enum { MULTIPLIER_FRACTION = 48 }; /* bits behind its binary point */

__extension__ typedef unsigned __int128 u128;

static bool scales(const struct cpu *c)
{
    const uint32_t both = PROC_TSC_OFFSET;
    return (c->vmx->proc & both) != 0 &&
           (c->vmx->proc2 & PROC2_TSC_SCALING) != 0;
}

uint64_t vmx_guest_tsc(const struct cpu *c, uint64_t tsc)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if ((c->vmx->proc & PROC_TSC_OFFSET) == 0)
        return tsc;
    if (scales(c))
        tsc = (uint64_t)((u128)tsc * v->tsc_multiplier >> MULTIPLIER_FRACTION);
    return tsc + v->tsc_offset;
}

/* A quotient that does not fit is a delay without end. VM entry refuses a
 * multiplier of 0. */
uint64_t vmx_physical_delay(const struct cpu *c, uint64_t delay)
{
    uint64_t multiplier = c->vmx->vmcs.tsc_multiplier;
    if (!scales(c) || multiplier == 0)
        return delay;
    u128 physical = ((u128)delay << MULTIPLIER_FRACTION) / multiplier;
    return physical > UINT64_MAX ? UINT64_MAX : (uint64_t)physical;
}
