/* SPDX-License-Identifier: Apache-2.0
 * The invalidation oracle's view of a core.
 */
#include "cpu/check_tlb.h"

#include "cpu/block.h"
#include "cpu/event.h"
#include "cpu/state.h"

#include <stdio.h>

struct oracle_place cpu_place(struct cpu *c)
{
    /* Inside a block RIP is made exact as for a device access. */
    const struct device_port exact = engine_device_port(c);
    exact.before(exact.self);
    struct oracle_place here = {
        .rip = c->rip, .core = c->wiring.index, .guest = c->vmx_guest};
    exact.after(exact.self);
    return here;
}

void cpu_set_oracle(struct cpu *c, struct oracle_port port)
{
    mmu_set_oracle_port(c->mmu, port);
}

void cpu_stop_stale(struct cpu *c, const char *line)
{
    snprintf(c->stop_reason, sizeof c->stop_reason, "%s", line);
    c->unmodelled = true;
    event_notify(c);
}
