/* SPDX-License-Identifier: Apache-2.0
 * Second statement: SDM Vol.3 "Checks on Guest Control Registers, Debug
 * Registers, and MSRs" and "Checks on Guest Segment Registers".
 */
#include "tests/vmx_rules/statement.h"

static bool pat_ok(uint64_t pat)
{
    for (unsigned k = 0; k < 8; k++) {
        unsigned type = pat >> 8 * k & 0xff;
        if (type == 2 || type == 3 || type > 7)
            return false;
    }
    return true;
}

static bool controls_ok(const struct processor *p, const struct vmcs *v)
{
    uint64_t must = p->cr0_fixed0;
    if (unrestricted(v))
        must &= ~(UINT64_C(1) << 31 | 1);
    uint64_t cr0 = v->guest_cr0, cr4 = v->guest_cr4;
    if ((cr0 & must) != must || (cr0 & ~p->cr0_fixed1) != 0)
        return false;
    if (bit(cr0, 31) && !bit(cr0, 0))
        return false;
    if ((cr4 & p->cr4_fixed0) != p->cr4_fixed0 || (cr4 & ~p->cr4_fixed1) != 0)
        return false;
    if (ia32e_guest(v) && !(bit(cr0, 31) && bit(cr4, 5)))
        return false;
    if (!ia32e_guest(v) && bit(cr4, 17))
        return false;
    return !wider_than_physical(p, v->guest_cr3);
}

static bool msrs_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t entry = v->entry_controls;
    if (bit(entry, 2) && ((v->guest_debugctl & ~p->debugctl_bits) != 0 ||
                          v->guest_dr7 >> 32 != 0))
        return false;
    if (!canonical(p, v->guest_sysenter_esp) ||
        !canonical(p, v->guest_sysenter_eip))
        return false;
    if (bit(entry, 13) && (v->guest_perf_global & ~p->perf_global_bits) != 0)
        return false;
    if (bit(entry, 14) && !pat_ok(v->guest_pat))
        return false;
    if (bit(entry, 15)) {
        uint64_t efer = v->guest_efer;
        if ((efer & ~p->efer_bits) != 0 || bit(efer, 10) != ia32e_guest(v))
            return false;
        if (bit(v->guest_cr0, 31) && bit(efer, 8) != bit(efer, 10))
            return false;
    }
    return true;
}

/* A segment register; the order of the array is ES CS SS DS FS GS. */
struct seg {
    uint16_t selector;
    uint32_t limit, rights;
    uint64_t base;
};
enum { ES, CS, SS, DS, FS, GS, SIX };

static void six(const struct vmcs *v, struct seg s[SIX])
{
    s[ES] = (struct seg){v->guest_es_selector, v->guest_es_limit,
                         v->guest_es_rights, v->guest_es_base};
    s[CS] = (struct seg){v->guest_cs_selector, v->guest_cs_limit,
                         v->guest_cs_rights, v->guest_cs_base};
    s[SS] = (struct seg){v->guest_ss_selector, v->guest_ss_limit,
                         v->guest_ss_rights, v->guest_ss_base};
    s[DS] = (struct seg){v->guest_ds_selector, v->guest_ds_limit,
                         v->guest_ds_rights, v->guest_ds_base};
    s[FS] = (struct seg){v->guest_fs_selector, v->guest_fs_limit,
                         v->guest_fs_rights, v->guest_fs_base};
    s[GS] = (struct seg){v->guest_gs_selector, v->guest_gs_limit,
                         v->guest_gs_rights, v->guest_gs_base};
}

static bool usable(const struct seg *s)
{
    return !bit(s->rights, 16);
}

static unsigned type_of(const struct seg *s)
{
    return s->rights & 0xf;
}

static unsigned dpl_of(const struct seg *s)
{
    return (unsigned)field(s->rights, 6, 5);
}

static bool granularity_ok(const struct seg *s)
{
    if (field(s->limit, 11, 0) != 0xfff && bit(s->rights, 15))
        return false;
    return field(s->limit, 31, 20) == 0 || bit(s->rights, 15);
}

static bool v86_ok(const struct seg s[SIX])
{
    for (unsigned k = 0; k < SIX; k++)
        if (s[k].base != (uint64_t)s[k].selector << 4 || s[k].limit != 0xffff ||
            s[k].rights != 0xf3)
            return false;
    return true;
}

static bool code_ok(const struct vmcs *v, const struct seg s[SIX])
{
    unsigned type = type_of(&s[CS]), dpl = dpl_of(&s[CS]);
    unsigned ss_dpl = dpl_of(&s[SS]);
    switch (type) {
    case 3:
        if (!unrestricted(v) || dpl != 0)
            return false;
        break;
    case 9:
    case 11:
        if (dpl != ss_dpl)
            return false;
        break;
    case 13:
    case 15:
        if (dpl > ss_dpl)
            return false;
        break;
    default: return false;
    }
    return !(ia32e_guest(v) && bit(s[CS].rights, 13) && bit(s[CS].rights, 14));
}

static bool stack_ok(const struct vmcs *v, const struct seg s[SIX])
{
    unsigned type = type_of(&s[SS]), dpl = dpl_of(&s[SS]);
    if (usable(&s[SS]) && type != 3 && type != 7)
        return false;
    if (!unrestricted(v) && dpl != (s[SS].selector & 3u))
        return false;
    bool zero = type_of(&s[CS]) == 3 || !bit(v->guest_cr0, 0);
    return !zero || dpl == 0;
}

static bool data_ok(const struct vmcs *v, const struct seg *s)
{
    unsigned type = type_of(s);
    if (!usable(s))
        return true;
    if (!bit(type, 0) || (bit(type, 3) && !bit(type, 1)))
        return false;
    bool level = !unrestricted(v) && type <= 11;
    return !level || dpl_of(s) >= (s->selector & 3u);
}

static bool ordinary_ok(const struct vmcs *v, const struct seg s[SIX])
{
    if (!code_ok(v, s) || !stack_ok(v, s))
        return false;
    for (unsigned k = 0; k < SIX; k++) {
        if (k != CS && k != SS && !data_ok(v, &s[k]))
            return false;
        if (k != CS && !usable(&s[k]))
            continue;
        if (!bit(s[k].rights, 4) || !bit(s[k].rights, 7) ||
            field(s[k].rights, 11, 8) != 0 || s[k].rights >> 17 != 0 ||
            !granularity_ok(&s[k]))
            return false;
    }
    return true;
}

static bool task_ok(const struct processor *p, const struct vmcs *v)
{
    struct seg tr = {v->guest_tr_selector, v->guest_tr_limit,
                     v->guest_tr_rights, v->guest_tr_base};
    unsigned type = type_of(&tr);
    if (bit(tr.selector, 2) || !canonical(p, tr.base))
        return false;
    if (type != 11 && (type != 3 || ia32e_guest(v)))
        return false;
    return !bit(tr.rights, 4) && bit(tr.rights, 7) &&
           field(tr.rights, 11, 8) == 0 && usable(&tr) &&
           tr.rights >> 17 == 0 && granularity_ok(&tr);
}

static bool local_ok(const struct processor *p, const struct vmcs *v)
{
    struct seg l = {v->guest_ldtr_selector, v->guest_ldtr_limit,
                    v->guest_ldtr_rights, v->guest_ldtr_base};
    if (!usable(&l))
        return true;
    return !bit(l.selector, 2) && canonical(p, l.base) && type_of(&l) == 2 &&
           !bit(l.rights, 4) && bit(l.rights, 7) &&
           field(l.rights, 11, 8) == 0 && l.rights >> 17 == 0 &&
           granularity_ok(&l);
}

static bool bases_ok(const struct processor *p, const struct seg s[SIX])
{
    if (!canonical(p, s[FS].base) || !canonical(p, s[GS].base) ||
        s[CS].base >> 32 != 0)
        return false;
    const unsigned low[] = {SS, DS, ES};
    for (unsigned k = 0; k < 3; k++)
        if (usable(&s[low[k]]) && s[low[k]].base >> 32 != 0)
            return false;
    return true;
}

static bool segments_ok(const struct processor *p, const struct vmcs *v)
{
    struct seg s[SIX];
    six(v, s);
    bool v86 = bit(v->guest_rflags, 17);
    if (!task_ok(p, v) || !local_ok(p, v) || !bases_ok(p, s))
        return false;
    if (v86)
        return v86_ok(s);
    if (!unrestricted(v) && (s[SS].selector & 3) != (s[CS].selector & 3))
        return false;
    return ordinary_ok(v, s);
}

static bool tables_ok(const struct processor *p, const struct vmcs *v)
{
    return canonical(p, v->guest_gdtr_base) &&
           canonical(p, v->guest_idtr_base) && v->guest_gdtr_limit >> 16 == 0 &&
           v->guest_idtr_limit >> 16 == 0;
}

uint32_t statement_guest(const struct processor *p, const struct vmcs *v)
{
    bool ok = controls_ok(p, v) && msrs_ok(p, v) && segments_ok(p, v) &&
              tables_ok(p, v);
    return ok ? 0 : 1;
}
