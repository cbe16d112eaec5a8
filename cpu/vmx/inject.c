/* SPDX-License-Identifier: Apache-2.0
 * Event injection by VM entry. SDM Vol.3 "Event Injection".
 */
#include "cpu/idt.h"
#include "cpu/vmx/transition.h"

void vmx_inject(struct cpu *c)
{
    struct vmx *x = c->vmx;
    uint32_t info = x->vmcs.entry_interruption;
    if ((info & INTR_VALID) == 0)
        return;
    uint32_t type = info >> INTR_TYPE_SHIFT & 7;
    if (type == INTR_OTHER) {
        /* No event but a pending MTF exit: before the first instruction. */
        x->mtf_pending = true;
        return;
    }
    vmx_charge(c, entry_inject);
    struct event e = {.valid = true, .vector = (uint8_t)info};
    e.has_error = (info & INTR_ERROR_VALID) != 0;
    e.error = x->vmcs.entry_error_code;
    e.software = type == INTR_SOFT_INTERRUPT || type == INTR_SOFT_EXCEPTION;
    e.trap = type == INTR_PRIVILEGED;
    c->next_rip = c->rip;
    if (e.software || e.trap)
        c->next_rip += x->vmcs.entry_instruction_length;
    if (type == INTR_NMI) {
        if ((x->pin & PIN_VIRTUAL_NMI) != 0)
            x->virtual_nmi_blocked = true;
        else
            c->nmi_blocked = true;
    }
    c->activity = ACTIVITY_RUN;
    event_inject(c, &e, info, x->vmcs.entry_instruction_length);
}
