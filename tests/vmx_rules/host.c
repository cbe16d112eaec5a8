/* SPDX-License-Identifier: Apache-2.0
 * Second statement: SDM Vol.3 "Checks on the Host State Area" and "Checks
 * Related to Address-Space Size"; and the verdict over all groups.
 */
#include "tests/vmx_rules/statement.h"

static bool fixed_ok(uint64_t v, uint64_t must, uint64_t may)
{
    return (v & must) == must && (v & ~may) == 0;
}

static bool pat_ok(uint64_t pat)
{
    for (unsigned k = 0; k < 8; k++) {
        unsigned type = pat >> 8 * k & 0xff;
        if (type == 2 || type == 3 || type > 7)
            return false;
    }
    return true;
}

static bool msrs_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t exit = v->exit_controls;
    bool host64 = bit(exit, 9);
    if (!canonical(p, v->host_sysenter_esp) ||
        !canonical(p, v->host_sysenter_eip))
        return false;
    if (bit(exit, 12) && (v->host_perf_global & ~p->perf_global_bits) != 0)
        return false;
    if (bit(exit, 19) && !pat_ok(v->host_pat))
        return false;
    if (bit(exit, 21))
        return (v->host_efer & ~p->efer_bits) == 0 &&
               bit(v->host_efer, 8) == host64 &&
               bit(v->host_efer, 10) == host64;
    return true;
}

static bool segments_ok(const struct processor *p, const struct vmcs *v)
{
    const uint16_t selector[] = {v->host_es_selector, v->host_cs_selector,
                                 v->host_ss_selector, v->host_ds_selector,
                                 v->host_fs_selector, v->host_gs_selector,
                                 v->host_tr_selector};
    for (unsigned k = 0; k < 7; k++)
        if ((selector[k] & 7) != 0)
            return false;
    if (v->host_cs_selector == 0 || v->host_tr_selector == 0)
        return false;
    if (v->host_ss_selector == 0 && !bit(v->exit_controls, 9))
        return false;
    return canonical(p, v->host_fs_base) && canonical(p, v->host_gs_base) &&
           canonical(p, v->host_gdtr_base) && canonical(p, v->host_idtr_base) &&
           canonical(p, v->host_tr_base);
}

static bool size_ok(const struct processor *p, const struct vmcs *v)
{
    bool host64 = bit(v->exit_controls, 9), guest64 = ia32e_guest(v);
    if (p->in_ia32e != host64)
        return false;
    if (host64)
        return bit(v->host_cr4, 5) && canonical(p, v->host_rip);
    return !guest64 && !bit(v->host_cr4, 17) && v->host_rip >> 32 == 0;
}

bool statement_host(const struct processor *p, const struct vmcs *v)
{
    return fixed_ok(v->host_cr0, p->cr0_fixed0, p->cr0_fixed1) &&
           fixed_ok(v->host_cr4, p->cr4_fixed0, p->cr4_fixed1) &&
           !wider_than_physical(p, v->host_cr3) && msrs_ok(p, v) &&
           segments_ok(p, v) && size_ok(p, v);
}

struct verdict statement_verdict(const struct processor *p,
                                 const struct vmcs *v)
{
    struct verdict r = {ENTRY_GOOD, 0};
    if (!statement_controls(p, v)) {
        r.outcome = ENTRY_BAD_CONTROLS;
    } else if (!statement_host(p, v)) {
        r.outcome = ENTRY_BAD_HOST;
    } else {
        r.qualifications = statement_guest(p, v) | statement_guest_other(p, v);
        if (r.qualifications != 0)
            r.outcome = ENTRY_BAD_GUEST;
    }
    return r;
}
