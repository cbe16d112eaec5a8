/* SPDX-License-Identifier: Apache-2.0
 * Posted interrupts. SDM Vol.3 "Posted-Interrupt Processing".
 */
#include "cpu/lapic.h"
#include "cpu/vmx/apicv.h"

/* The descriptor: 256 requests, then bit 256, "outstanding notification". */
enum { PIR_WORDS = 8, CONTROL_AT = 32, CONTROL_ON = 1 };

static bool clear_outstanding(struct cpu *c, uint64_t descriptor)
{
    uint32_t control;
    if (!vmx_phys_read(c, descriptor + CONTROL_AT, sizeof control, &control))
        return false;
    control &= ~(uint32_t)CONTROL_ON;
    return vmx_phys_write(c, descriptor + CONTROL_AT, sizeof control, &control);
}

/* Move the requests to VIRR; the highest vector, or -1. */
static int take_requests(struct cpu *c, uint64_t descriptor)
{
    uint32_t request[PIR_WORDS];
    static const uint32_t none[PIR_WORDS] = {0};
    int highest = -1;
    if (!vmx_phys_read(c, descriptor, sizeof request, request))
        return -1;
    (void)vmx_phys_write(c, descriptor, sizeof none, none);
    for (unsigned i = 0; i < PIR_WORDS; i++) {
        if (request[i] == 0)
            continue;
        unsigned at = VAPIC_IRR + 16 * i;
        vapic_write(c, at, vapic_read(c, at) | request[i]);
        highest = (int)(32 * i) + 31 - __builtin_clz(request[i]);
    }
    return highest;
}

bool vmx_apic_posted(struct cpu *c, uint8_t vector)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if (vector != (v->posted_vector & 0xff))
        return false;
    vmx_charge(c, posted_interrupt);
    (void)clear_outstanding(c, v->posted_descriptor);
    lapic_eoi(c);
    int highest = take_requests(c, v->posted_descriptor);
    if (highest > vapic_rvi(c))
        vapic_set_rvi(c, (uint8_t)highest);
    vapic_evaluate(c);
    return true;
}
