/* SPDX-License-Identifier: Apache-2.0
 * VM entry: checks, guest state, injection, and failures. SDM Vol.3
 * "VM Entries".
 */
#include "cpu/control.h"
#include "cpu/lbr.h"
#include "cpu/msr.h"
#include "cpu/pmc.h"
#include "cpu/trace.h"
#include "cpu/vmx/check.h"
#include "cpu/vmx/transition.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"

static bool port_read(void *self, hpa at, unsigned len, void *out)
{
    return vmx_phys_read(self, at.v, len, out);
}

static bool port_write(void *self, hpa at, unsigned len, const void *in)
{
    return vmx_phys_write(self, at.v, len, in);
}

static struct vmx_check check_of(struct cpu *c)
{
    struct vmx *x = c->vmx;
    uint64_t efer = EFER_SCE | EFER_LME | EFER_LMA;
    if (cpu_has(c, FEATURE_NX))
        efer |= EFER_NXE;
    uint64_t debugctl = DEBUGCTL_BTF | DEBUGCTL_FREEZE;
    if (c->config.lbr_entries != 0)
        debugctl |= DEBUGCTL_LBR;
    return (struct vmx_check){
        .v = &x->vmcs,
        .caps = &x->caps,
        .config = &c->config,
        .maxphyaddr = c->mmu_config.maxphyaddr,
        .current_vmcs = x->current,
        .vmxon = x->vmxon,
        .ia32e = (c->efer & EFER_LMA) != 0,
        .efer_allowed = efer,
        .debugctl_allowed = debugctl,
        .perf_global_allowed = bits_mask(c->config.pmc_counters) |
                               bits_mask(c->config.pmc_fixed) << 32,
        .memory = {c, port_read, port_write},
    };
}

/* Why the entry failed, for the user who asked. */
static void explain(struct cpu *c, const struct vmx_rule *r,
                    const struct vmx_check *k)
{
    char line[512];
    if (!c->config.explain || c->wiring.note.note == NULL)
        return;
    vmx_explain(r, k, line, sizeof line);
    c->wiring.note.note(c->wiring.note.self, c->wiring.index, line);
}

static void take_controls(struct cpu *c)
{
    struct vmx *x = c->vmx;
    const struct vmcs *v = &x->vmcs;
    x->pin = v->pin_controls;
    x->proc = v->primary_controls;
    bool secondary = (x->proc & PROC_SECONDARY) != 0;
    bool tertiary = (x->proc & PROC_TERTIARY) != 0;
    x->proc2 = secondary ? v->secondary_controls : 0;
    x->proc3 = tertiary ? v->tertiary_controls : 0;
    x->exit_controls = v->exit_controls;
    x->entry_controls = v->entry_controls;
    x->vectoring = 0;
    x->trap_exit = x->mtf_pending = x->apic_written = false;
    x->nmi_unblocked_by_iret = false;
    x->pause_seen = false;
}

/* SDM Vol.3 "VM-Entry Failures During or After Loading Guest State": host
 * state is loaded, guest state is not saved. */
static enum step fail_late(struct cpu *c, enum vmx_reason reason,
                           uint64_t qualification)
{
    struct vmx *x = c->vmx;
    x->entry_failures++;
    x->vmcs.exit_reason = reason | REASON_ENTRY_FAILURE;
    x->vmcs.exit_qualification = qualification;
    vmx_stats_exit(c, reason);
    vmx_load_host(c);
    vmx_stats_root(c);
    return STEP_JUMP;
}

/* Guest state is loaded from here on: the core is in non-root operation. */
static enum step load(struct cpu *c, bool launch)
{
    struct vmx *x = c->vmx;
    const struct vmcs *v = &x->vmcs;
    vmx_charge(c, entry_load);
    if (launch)
        vmx_charge(c, entry_launch);
    vmx_load_guest(c);
    c->vmx_guest = true;
    cpu_update_mode(c);
    if ((x->proc2 & PROC2_VPID) == 0)
        mmu_vm_transition(c->mmu);
    engine_reset_fetch(c);
    uint32_t bad = vmx_load_msrs(c, v->entry_msr_load_address,
                                 v->entry_msr_load_count, VMXC_entry_msr);
    if (bad != 0)
        return fail_late(c, REASON_MSR_LOAD_FAIL, bad);
    vmx_load_nonregister(c);
    cpu_update_single(c); /* shadows; the rest of the mode is as loaded */
    x->entries++;
    x->vmcs.launched = 1;
    vmx_timers_start(c);
    vmx_stats_guest(c);
    TRACE(c, EXIT, "entry", v->entry_interruption);
    vmx_inject(c);
    if (!c->vmx_guest)
        return STEP_JUMP; /* the injection exited */
    vmx_apic_entry(c);
    return STEP_JUMP;
}

enum step vmx_enter(struct cpu *c, bool launch)
{
    struct vmx_check k = check_of(c);
    vmx_stats_entry(c);
    vmx_touch_vmcs(c, c->vmx->current);
    vmx_charge(c, entry_checks);
    const struct vmx_rule *r = vmx_check(CHECK_CONTROLS, &k);
    enum vmx_error error = VMERR_ENTRY_CONTROLS;
    if (r == NULL) {
        r = vmx_check(CHECK_HOST, &k);
        error = VMERR_ENTRY_HOST;
    }
    if (r != NULL) {
        explain(c, r, &k);
        c->vmx->entry_failures++;
        TRACE(c, EXIT, "entry.failed", error);
        vmx_fail(c, error);
        return STEP_NEXT;
    }
    take_controls(c);
    r = vmx_check(CHECK_GUEST, &k);
    if (r != NULL) {
        explain(c, r, &k);
        return fail_late(c, REASON_INVALID_STATE, r->qualification);
    }
    return load(c, launch);
}
