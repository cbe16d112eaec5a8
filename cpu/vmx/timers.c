/* SPDX-License-Identifier: Apache-2.0
 * Timers of VMX non-root operation: the VMX-preemption timer (SDM Vol.3
 * "VMX-Preemption Timer") and the private VMM timer, which compares an
 * absolute time or a 64-bit count with one of several sources.
 *
 * The preemption timer counts down whenever bit `timer_shift` of the TSC
 * changes, so it reaches 0 at a TSC that is known when the entry begins.
 */
#include "cpu/reset.h"
#include "cpu/vmx/transition.h"
#include "sim/base/bits.h"
#include "timer/tsc.h"

/* VMM-timer configuration. */
enum {
    MODE_RELATIVE = 1,
    MODE_ABSOLUTE = 2,
    SOURCE_HOST_TSC = 0,
    SOURCE_GUEST_TSC = 1,
    SOURCE_INSTRUCTIONS = 2,
    SOURCE_REFERENCE = 3,
    CONFIG_SAVE = 1 << 8,
    CONFIG_NONROOT_ONLY = 1 << 9,
};

static unsigned mode_of(const struct cpu *c)
{
    if ((c->vmx->proc3 & PROC3_VMM_TIMER) == 0)
        return 0;
    return c->vmx->vmcs.vmm_timer_config & 3;
}

static unsigned source_of(const struct cpu *c)
{
    return c->vmx->vmcs.vmm_timer_config >> 4 & 3;
}

/* Instructions retired in non-root operation, by this core. */
static uint64_t guest_instructions(const struct cpu *c)
{
    uint64_t now =
        c->vmx_guest ? c->account.instructions - c->vmx->insn_at_entry : 0;
    return c->vmx->guest_instructions + now;
}

static uint64_t reading(const struct cpu *c, unsigned source)
{
    switch (source) {
    case SOURCE_HOST_TSC: return cpu_tsc(c);
    case SOURCE_GUEST_TSC: return vmx_guest_tsc(c, cpu_tsc(c));
    case SOURCE_INSTRUCTIONS: return guest_instructions(c);
    default:
        return ticks_of_cycles(c->account.cycles, c->config.core_hz,
                               c->config.apic_hz);
    }
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

/* The cycle at which the TSC shows `tsc`. */
static uint64_t cycle_of_tsc(const struct cpu *c, uint64_t tsc)
{
    uint64_t now = cpu_tsc(c), ticks = cpu_tsc_ticks(c);
    if (tsc <= now)
        return c->account.cycles;
    if (tsc - now > UINT64_MAX - ticks)
        return UINT64_MAX;
    return cycles_of_ticks(ticks + (tsc - now), c->config.core_hz,
                           c->config.tsc_hz);
}

/* A cycle that is no later than that at which the VMM timer is due: the
 * source is read again when it comes. A cycle holds one instruction at
 * most; a scaled TSC is approached in halves. */
static uint64_t vmm_cycle(const struct cpu *c)
{
    const struct vmx *x = c->vmx;
    unsigned source = source_of(c);
    uint64_t now = reading(c, source), left;
    if (now >= x->vmm_target)
        return c->account.cycles;
    left = x->vmm_target - now;
    switch (source) {
    case SOURCE_HOST_TSC: return cycle_of_tsc(c, cpu_tsc(c) + left);
    case SOURCE_REFERENCE:
        return cycles_of_ticks(x->vmm_target, c->config.core_hz,
                               c->config.apic_hz);
    case SOURCE_GUEST_TSC:
        if ((x->proc2 & PROC2_TSC_SCALING) == 0 ||
            (x->proc & PROC_TSC_OFFSET) == 0)
            return cycle_of_tsc(c, saturating_add(cpu_tsc(c), left));
        return saturating_add(c->account.cycles, left / 65536 + 1);
    default: return saturating_add(c->account.cycles, left);
    }
}

static void start_vmm(struct cpu *c)
{
    struct vmx *x = c->vmx;
    const struct vmcs *v = &x->vmcs;
    x->vmm_timer_cycle = UINT64_MAX;
    unsigned mode = mode_of(c);
    if (mode == 0)
        return;
    uint64_t now = reading(c, source_of(c)), value = v->vmm_timer_value;
    if (mode == MODE_RELATIVE) {
        /* With saving, time in root operation counts too unless it must
         * not: the reading at the last exit tells how much it was. */
        uint32_t config = v->vmm_timer_config;
        if ((config & CONFIG_SAVE) != 0 &&
            (config & CONFIG_NONROOT_ONLY) == 0 && v->vmm_timer_reading != 0) {
            uint64_t gone = now - v->vmm_timer_reading;
            value = gone < value ? value - gone : 0;
        }
        value = saturating_add(now, value);
    }
    x->vmm_target = value;
    x->vmm_timer_cycle = vmm_cycle(c);
}

void vmx_timers_start(struct cpu *c)
{
    struct vmx *x = c->vmx;
    x->insn_at_entry = c->account.instructions;
    x->timer_cycle = UINT64_MAX;
    if ((x->pin & PIN_TIMER) != 0) {
        unsigned shift = c->config.vtx.timer_shift;
        x->timer_start = cpu_tsc(c) >> shift;
        uint64_t end = x->timer_start + x->vmcs.timer_value;
        x->timer_cycle = x->vmcs.timer_value == 0
                             ? c->account.cycles
                             : cycle_of_tsc(c, end << shift);
    }
    start_vmm(c);
}

static void save_vmm(struct cpu *c)
{
    struct vmx *x = c->vmx;
    unsigned mode = mode_of(c);
    if (mode == 0)
        return;
    uint64_t now = reading(c, source_of(c));
    x->vmcs.vmm_timer_reading = now;
    if (mode == MODE_RELATIVE && (x->vmcs.vmm_timer_config & CONFIG_SAVE) != 0)
        x->vmcs.vmm_timer_value = now < x->vmm_target ? x->vmm_target - now : 0;
}

void vmx_timers_save(struct cpu *c)
{
    struct vmx *x = c->vmx;
    if ((x->exit_controls & EXIT_SAVE_TIMER) != 0) {
        uint64_t gone =
            (cpu_tsc(c) >> c->config.vtx.timer_shift) - x->timer_start;
        uint32_t value = x->vmcs.timer_value;
        x->vmcs.timer_value = gone < value ? value - (uint32_t)gone : 0;
    }
    save_vmm(c);
    x->guest_instructions += c->account.instructions - x->insn_at_entry;
    x->insn_at_entry = c->account.instructions;
}

/* Both run in every state but wait-for-SIPI. */
bool vmx_timer_due(const struct cpu *c, struct vmx_exit *out)
{
    const struct vmx *x = c->vmx;
    uint64_t now = c->account.cycles;
    *out = (struct vmx_exit){0};
    if (c->activity == ACTIVITY_WAIT_SIPI)
        return false;
    if (now >= x->timer_cycle) {
        out->reason = REASON_PREEMPTION_TIMER;
        return true;
    }
    if (now < x->vmm_timer_cycle)
        return false;
    uint64_t at = reading(c, source_of(c));
    if (at < x->vmm_target)
        return false;
    uint64_t over = at - x->vmm_target, most = bits_mask(56);
    out->reason = REASON_VMM_TIMER;
    out->qualification = mode_of(c) | (uint64_t)source_of(c) << 4 |
                         (over < most ? over : most) << 8;
    return true;
}

uint64_t vmx_deadline(const struct cpu *c)
{
    const struct vmx *x = c->vmx;
    if (!c->vmx_guest || c->activity == ACTIVITY_WAIT_SIPI)
        return UINT64_MAX;
    /* An inactive core retires nothing. */
    bool counts =
        x->vmm_timer_cycle != UINT64_MAX &&
        (c->activity == ACTIVITY_RUN || source_of(c) != SOURCE_INSTRUCTIONS);
    uint64_t vmm = counts ? vmm_cycle(c) : UINT64_MAX;
    return vmm < x->timer_cycle ? vmm : x->timer_cycle;
}
