/* SPDX-License-Identifier: Apache-2.0
 * Second statement: SDM Vol.3 "Checks on Guest RIP, RFLAGS, and SSP",
 * "Checks on Guest Non-Register State", "Checks on Guest
 * Page-Directory-Pointer-Table Entries".
 */
#include "tests/vmx_rules/statement.h"

#include <string.h>

enum {
    QUAL_0 = 1 << 0,
    QUAL_PDPTE = 1 << 2,
    QUAL_NMI = 1 << 3,
    QUAL_LINK = 1 << 4
};

static bool injects(const struct vmcs *v, unsigned type)
{
    return bit(v->entry_interruption, 31) &&
           field(v->entry_interruption, 10, 8) == type;
}

static bool instruction_ok(const struct processor *p, const struct vmcs *v)
{
    uint64_t flags = v->guest_rflags;
    bool code64 = ia32e_guest(v) && bit(v->guest_cs_rights, 13);
    if (!code64 && v->guest_rip >> 32 != 0)
        return false;
    if (code64 && p->linear_bits < 64) {
        uint64_t upper = v->guest_rip >> p->linear_bits;
        if (upper != 0 && upper != UINT64_MAX >> p->linear_bits)
            return false;
    }
    if (flags >> 22 != 0 || bit(flags, 15) || bit(flags, 5) || bit(flags, 3) ||
        !bit(flags, 1))
        return false;
    if (bit(flags, 17) && (ia32e_guest(v) || !bit(v->guest_cr0, 0)))
        return false;
    return bit(flags, 9) || !injects(v, 0);
}

static bool activity_ok(const struct processor *p, const struct vmcs *v)
{
    uint32_t state = v->guest_activity;
    uint32_t info = v->entry_interruption, vector = info & 0xff;
    if (state == 0)
        return true;
    if (state > 3 || !bit(p->misc, 5 + state))
        return false;
    if (state == 1 && field(v->guest_ss_rights, 6, 5) != 0)
        return false;
    if ((v->guest_interruptibility & 3) != 0)
        return false;
    if (!bit(info, 31))
        return true;
    switch (state) {
    case 1:
        return injects(v, 0) || injects(v, 2) || injects(v, 7) ||
               (injects(v, 3) && (vector == 1 || vector == 18));
    case 2: return injects(v, 2) || (injects(v, 3) && vector == 18);
    default: return false;
    }
}

static bool interruptibility_ok(const struct vmcs *v)
{
    uint32_t b = v->guest_interruptibility;
    if (b >> 4 != 0) /* no enclaves here: bit 4 too */
        return false;
    if ((b & 3) == 3 || (bit(b, 0) && !bit(v->guest_rflags, 9)))
        return false;
    if ((b & 3) != 0 && injects(v, 0))
        return false;
    if (bit(b, 1) && injects(v, 2))
        return false;
    if (bit(b, 2)) /* not in SMM */
        return false;
    return !(bit(v->pin_controls, 5) && bit(b, 3) && injects(v, 2));
}

static bool debug_ok(const struct vmcs *v)
{
    uint64_t d = v->guest_pending_debug;
    if (field(d, 11, 4) != 0 || bit(d, 13) || bit(d, 15) || d >> 16 != 0)
        return false;
    if ((v->guest_interruptibility & 3) != 0 || v->guest_activity == 1) {
        bool step = bit(v->guest_rflags, 8) && !bit(v->guest_debugctl, 1);
        return bit(d, 14) == step;
    }
    return true;
}

static bool link_ok(const struct processor *p, const struct vmcs *v)
{
    uint64_t link = v->vmcs_link;
    uint32_t word = 0;
    if (link == UINT64_MAX)
        return true;
    if (field(link, 11, 0) != 0 || wider_than_physical(p, link) ||
        link == p->current_vmcs)
        return false;
    if (!p->read(p->self, link, 4, &word))
        word = UINT32_MAX;
    return (word & 0x7fffffff) == (uint32_t)field(p->basic, 30, 0) &&
           bit(word, 31) == bit(secondary_of(v), 14);
}

static bool pdptes_ok(const struct processor *p, const struct vmcs *v)
{
    uint64_t e[4] = {v->guest_pdpte0, v->guest_pdpte1, v->guest_pdpte2,
                     v->guest_pdpte3};
    if (ia32e_guest(v) || !bit(v->guest_cr0, 31) || !bit(v->guest_cr4, 5))
        return true;
    if (!bit(secondary_of(v), 1)) {
        uint64_t at = v->guest_cr3 & 0xffffffe0;
        for (unsigned k = 0; k < 4; k++)
            if (!p->read(p->self, at + 8 * k, 8, &e[k]))
                e[k] = UINT64_MAX;
    }
    for (unsigned k = 0; k < 4; k++)
        if (bit(e[k], 0) && (field(e[k], 2, 1) != 0 || field(e[k], 8, 5) != 0 ||
                             wider_than_physical(p, e[k])))
            return false;
    return true;
}

uint32_t statement_guest_other(const struct processor *p, const struct vmcs *v)
{
    uint32_t q = 0;
    if (!instruction_ok(p, v) || !activity_ok(p, v) ||
        !interruptibility_ok(v) || !debug_ok(v))
        q |= QUAL_0;
    /* Blocking by STI when an NMI is injected: a processor may refuse it. */
    if (bit(v->guest_interruptibility, 0) && injects(v, 2))
        q |= QUAL_NMI;
    if (!link_ok(p, v))
        q |= QUAL_LINK;
    if (!pdptes_ok(p, v))
        q |= QUAL_PDPTE;
    return q;
}
