/* SPDX-License-Identifier: Apache-2.0
 * The VMX state of a core: making it, reset, costs, memory of VMX structures.
 */
#include "cpu/vmx/vmx.h"

#include <stdlib.h>
#include <string.h>

enum sim_status vmx_create(struct cpu *c, struct sim_error *e)
{
    c->vmx = calloc(1, sizeof *c->vmx);
    if (c->vmx == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "no memory for a core");
    vmx_caps_settle(&c->config);
    vmx_caps_init(&c->vmx->caps, &c->config, c->mmu_config.maxphyaddr);
    struct guest_port port = vmx_apic_port(c);
    mmu_set_guest_port(c->mmu, port);
    return SIM_OK;
}

void vmx_destroy(struct cpu *c)
{
    free(c->vmx);
}

void vmx_reset(struct cpu *c)
{
    struct vmx *x = c->vmx;
    struct vmx_caps caps = x->caps;
    bool a20_closed = x->a20_closed;
    memset(x, 0, sizeof *x);
    x->caps = caps;
    x->a20_closed = a20_closed;
    x->current = VMX_NO_VMCS;
    x->timer_cycle = x->vmm_timer_cycle = UINT64_MAX;
    memset(x->cached, 0xff, sizeof x->cached);
    c->vmx_guest = false;
}

void vmx_apply_a20(struct cpu *c)
{
    mmu_set_a20(c->mmu, !c->vmx->a20_closed || c->vmx->on);
    engine_reset_fetch(c);
}

void vmx_charge_n(struct cpu *c, enum vmx_cost what, uint64_t times)
{
    static const uint8_t leaf[] = {
#define VMX_COST(field, leaf, cycles, doc) LEAF_##leaf,
#include "cpu/vmx/cost.def"
#undef VMX_COST
    };
    static const uint16_t field[] = {
#define VMX_COST(field, leaf, cycles, doc) offsetof(struct vmx_costs, field),
#include "cpu/vmx/cost.def"
#undef VMX_COST
    };
    if (c->config.timing == TIMING_OFF)
        return;
    uint32_t cycles;
    memcpy(&cycles, (const char *)&c->config.vtx.cost + field[what],
           sizeof cycles);
    cycles_charge(&c->account, (enum cycle_leaf)leaf[what], cycles * times);
}

bool vmx_phys_read(struct cpu *c, uint64_t at, unsigned len, void *out)
{
    return memsys_read(c->wiring.memory, (hpa){at}, len, out);
}

bool vmx_phys_write(struct cpu *c, uint64_t at, unsigned len, const void *in)
{
    return memsys_write(c->wiring.memory, (hpa){at}, len, in);
}
