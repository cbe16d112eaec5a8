/* SPDX-License-Identifier: Apache-2.0
 * CR0, CR2, CR3, CR4, CR8 and the debug registers. SDM Vol.2 "MOV--Move
 * to/from Control Registers", Vol.3 "Control Registers", "Operations that
 * Invalidate TLBs and Paging-Structure Caches".
 */
#include "cpu/control.h"

#include "cpu/cpuid.h"
#include "cpu/debug.h"
#include "cpu/lapic.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/trace.h"
#include "cpu/vmx/vmx.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"

/* Other bits below 32 of CR0 are ignored when written. */
#define CR0_DEFINED                                                            \
    (CR0_PG | CR0_CD | CR0_NW | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_TS |   \
     CR0_EM | CR0_MP | CR0_PE)

uint16_t control_pcid(const struct cpu *c)
{
    return (c->cr4 & CR4_PCIDE) != 0 ? (uint16_t)(c->cr3 & 0xfff) : 0;
}

/* PAE paging is in use with these values. */
static bool is_pae_paging(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 &&
           (efer & EFER_LMA) == 0;
}

/* Load the PDPTEs where the manual says so. False: one is malformed. */
static bool reload_pdptes(struct cpu *c, uint64_t cr3)
{
    uint64_t loaded[4];
    if (!mmu_load_pdptes(c->mmu, cr3, loaded))
        return false;
    for (unsigned i = 0; i < 4; i++)
        c->pdpte[i] = loaded[i];
    return true;
}

/* Why they could not be: an EPT event on the way to them, or #GP(0). */
static enum step pdptes_refused(struct cpu *c)
{
    if (c->vmx_guest && mmu_fault(c->mmu)->kind != MMU_FAULT_PAGE)
        return raise_page_fault(c);
    return raise_gp(c, 0);
}

void control_load_pdptes(struct cpu *c)
{
    if (is_pae_paging(c->cr0, c->cr4, c->efer))
        (void)reload_pdptes(c, c->cr3);
}

/* In VMX operation CR0 and CR4 keep the bits that it fixes, but an
 * unrestricted guest may clear CR0.PE and PG. SDM Vol.3 "Restrictions on VMX
 * Operation", "Unrestricted Guests". */
static bool vmx_allows(const struct cpu *c, unsigned number, uint64_t v)
{
    const struct vmx *x = c->vmx;
    if (!x->on)
        return true;
    if (number == 4)
        return (v & x->caps.cr4_fixed0) == x->caps.cr4_fixed0 &&
               (v & ~x->caps.cr4_fixed1) == 0;
    uint64_t ones = x->caps.cr0_fixed0;
    if (c->vmx_guest && (x->proc2 & PROC2_UNRESTRICTED) != 0)
        ones &= ~(CR0_PE | CR0_PG);
    return (v & ones) == ones && (v & ~x->caps.cr0_fixed1) == 0;
}

/* -------------------------------------------------------------------- CR0 */

static bool cr0_consistent(const struct cpu *c, uint64_t v)
{
    if (v >> 32 != 0)
        return false;
    if ((v & CR0_PG) != 0 && (v & CR0_PE) == 0)
        return false;
    if ((v & CR0_NW) != 0 && (v & CR0_CD) == 0)
        return false;
    bool was = (c->cr0 & CR0_PG) != 0, is = (v & CR0_PG) != 0;
    const uint32_t cs = c->seg[SEG_CS].attr;
    if (is && !was && (c->efer & EFER_LME) != 0) {
        unsigned tss = c->seg[SEG_TR].attr & 0xf;
        return (c->cr4 & CR4_PAE) != 0 && (cs & SEG_ATTR_L) == 0 &&
               tss != SYS_TSS16_AVAIL && tss != SYS_TSS16_BUSY;
    }
    if (!is && was)
        return (c->mode & MODE_LONG) == 0 && (c->cr4 & CR4_PCIDE) == 0;
    return true;
}

static enum step write_cr0(struct cpu *c, uint64_t v)
{
    if (!cr0_consistent(c, v) || !vmx_allows(c, 0, v))
        return raise_gp(c, 0);
    v = (v & CR0_DEFINED) | CR0_ET;
    uint64_t changed = v ^ c->cr0, efer = c->efer;
    if ((changed & CR0_PG) != 0) {
        efer &= ~(uint64_t)EFER_LMA;
        if ((v & CR0_PG) != 0 && (efer & EFER_LME) != 0)
            efer |= EFER_LMA;
    }
    if (is_pae_paging(v, c->cr4, efer) &&
        (changed & (CR0_CD | CR0_NW | CR0_PG)) != 0 &&
        !reload_pdptes(c, c->cr3))
        return pdptes_refused(c);
    c->cr0 = v;
    c->efer = efer;
    cpu_update_mode(c);
    if ((changed & CR0_PG) != 0) {
        TRACE(c, INVALIDATE, "mov.cr0", v);
        mmu_flush_all(c->mmu, true, FLUSH_MOV_CR0);
    }
    engine_reset_fetch(c);
    return STEP_NEXT;
}

/* -------------------------------------------------------------------- CR3 */

static enum step write_cr3(struct cpu *c, uint64_t v)
{
    bool keep = false;
    if ((c->cr4 & CR4_PCIDE) != 0) {
        keep = (v & BIT(63)) != 0;
        v &= ~BIT(63);
    }
    if ((v & ~bits_mask(c->mmu_config.maxphyaddr)) != 0)
        return raise_gp(c, 0);
    if (is_pae_paging(c->cr0, c->cr4, c->efer) && !reload_pdptes(c, v))
        return pdptes_refused(c);
    c->cr3 = v;
    cpu_update_mode(c);
    TRACE(c, INVALIDATE, keep ? "mov.cr3.keep" : "mov.cr3", v);
    if (!keep)
        mmu_flush_pcid(c->mmu, control_pcid(c), FLUSH_MOV_CR3);
    engine_reset_fetch(c);
    return STEP_NEXT;
}

/* -------------------------------------------------------------------- CR4 */

uint64_t control_cr4_allowed(const struct cpu_config *g)
{
    static const struct {
        uint32_t bit;
        uint8_t feature;
    } optional[] = {
        {CR4_UMIP, FEATURE_UMIP},         {CR4_LA57, FEATURE_LA57},
        {CR4_FSGSBASE, FEATURE_FSGSBASE}, {CR4_PCIDE, FEATURE_PCID},
        {CR4_SMEP, FEATURE_SMEP},         {CR4_SMAP, FEATURE_SMAP},
        {CR4_VME, FEATURE_VME},           {CR4_PVI, FEATURE_VME},
        {CR4_OSXSAVE, FEATURE_XSAVE},     {CR4_PKE, FEATURE_PKU},
        {CR4_VMXE, FEATURE_VMX},
    };
    uint64_t allowed = CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
                       CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    for (unsigned i = 0; i < sizeof optional / sizeof optional[0]; i++)
        if (cpuid_config_has(g, optional[i].feature))
            allowed |= optional[i].bit;
    return allowed;
}

static bool cr4_consistent(const struct cpu *c, uint64_t v)
{
    uint64_t changed = v ^ c->cr4;
    if ((v & ~control_cr4_allowed(&c->config)) != 0)
        return false;
    if ((c->efer & EFER_LMA) != 0 &&
        ((v & CR4_PAE) == 0 || (changed & CR4_LA57) != 0))
        return false;
    if ((changed & v & CR4_PCIDE) != 0 &&
        ((c->efer & EFER_LMA) == 0 || (c->cr3 & 0xfff) != 0))
        return false;
    return true;
}

static enum step write_cr4(struct cpu *c, uint64_t v)
{
    if (!cr4_consistent(c, v) || !vmx_allows(c, 4, v))
        return raise_gp(c, 0);
    uint64_t changed = v ^ c->cr4;
    if (is_pae_paging(c->cr0, v, c->efer) &&
        (changed & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)) != 0 &&
        !reload_pdptes(c, c->cr3))
        return pdptes_refused(c);
    c->cr4 = v;
    cpu_update_mode(c);
    /* PGE and PCIDE 1 -> 0 take every PCID and the global pages with them.
     * PAE and SMEP 0 -> 1 concern the present PCID by the manual; dropping
     * more is allowed and these happen once in a boot. */
    if ((changed & (CR4_PGE | CR4_PAE)) != 0 ||
        (changed & ~v & CR4_PCIDE) != 0 || (changed & v & CR4_SMEP) != 0) {
        TRACE(c, INVALIDATE, "mov.cr4", v);
        mmu_flush_all(c->mmu, true, FLUSH_MOV_CR4);
    }
    engine_reset_fetch(c);
    return STEP_NEXT;
}

static enum step write_cr8(struct cpu *c, uint64_t v)
{
    if ((v & ~UINT64_C(0xf)) != 0)
        return raise_gp(c, 0);
    lapic_set_cr8(c, v);
    return STEP_NEXT;
}

enum step control_write(struct cpu *c, unsigned number, uint64_t v)
{
    switch (number) {
    case 0: return write_cr0(c, v);
    case 2: c->cr2 = v; return STEP_NEXT;
    case 3: return write_cr3(c, v);
    case 4: return write_cr4(c, v);
    case 8: return write_cr8(c, v);
    default: return raise_ud(c);
    }
}

uint64_t control_read(const struct cpu *c, unsigned number)
{
    switch (number) {
    case 0: return c->cr0;
    case 2: return c->cr2;
    case 3: return c->cr3;
    case 4: return c->cr4;
    default: return lapic_cr8(c);
    }
}

/* --------------------------------------------------------------- callouts */

/* MOV with these registers is 64 bits wide in 64-bit mode, else 32. */
static uint64_t narrow(const struct cpu *c, uint64_t v)
{
    return (c->mode & MODE_LONG) != 0 ? v : (uint32_t)v;
}

enum step sys_mov_to_cr(struct cpu *c, const struct uop *u)
{
    uint64_t v = narrow(c, REG(uint64_t, c, u->dst));
    if (UNLIKELY(c->vmx_guest))
        return vmx_mov_to_cr(c, u->src, u->dst / 8u, v);
    return control_write(c, u->src, v);
}

enum step sys_mov_from_cr(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (UNLIKELY(c->vmx_guest)) {
        enum step s = vmx_mov_from_cr(c, u->src, u->dst / 8u);
        if (s != STEP_NEXT)
            return s;
        v = vmx_read_cr(c, u->src);
    } else {
        v = control_read(c, u->src);
    }
    REG(uint64_t, c, u->dst) = narrow(c, v);
    return STEP_NEXT;
}

/* LMSW writes PE, MP, EM, TS; it can set PE but not clear it. */
enum step sys_lmsw(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (!sys_read_rm(c, u, 2, &v))
        return STEP_FAULT;
    if (UNLIKELY(c->vmx_guest))
        return vmx_lmsw(c, (uint16_t)v, (u->aux & SYS_MEM) != 0, uop_ea(c, u));
    return write_cr0(c, (c->cr0 & ~UINT64_C(0xe)) | (v & 0xf));
}

enum step sys_clts(struct cpu *c, const struct uop *u)
{
    (void)u;
    if (UNLIKELY(c->vmx_guest))
        return vmx_clts(c);
    c->cr0 &= ~(uint64_t)CR0_TS;
    cpu_update_mode(c);
    return STEP_NEXT;
}

/* Vol.2 CLAC, STAC: whatever CR4.SMAP says; outside ring 0 undefined. */
static enum step set_ac(struct cpu *c, uint32_t ac)
{
    if (cpu_cpl(c) != 0)
        return raise_ud(c);
    c->eflags = (c->eflags & ~(uint32_t)FLAG_AC) | ac;
    cpu_update_mode(c);
    return STEP_NEXT;
}

enum step sys_clac(struct cpu *c, const struct uop *u)
{
    (void)u;
    return set_ac(c, 0);
}

enum step sys_stac(struct cpu *c, const struct uop *u)
{
    (void)u;
    return set_ac(c, FLAG_AC);
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE; DR7.GD guards all of them.
 * False: c->event is valid. */
static bool debug_register(struct cpu *c, unsigned *number)
{
    if ((*number & 6) == 4) {
        if ((c->cr4 & CR4_DE) != 0) {
            raise_ud(c);
            return false;
        }
        *number += 2;
    }
    if (cpu_cpl(c) != 0) {
        raise_gp(c, 0);
        return false;
    }
    if ((c->dr[7] & DR7_GD) != 0) {
        raise_exception(c, EXC_DB);
        c->event.dr6 = DR6_BD;
        return false;
    }
    return true;
}

enum step sys_mov_to_dr(struct cpu *c, const struct uop *u)
{
    unsigned n = u->src;
    if (!debug_register(c, &n))
        return STEP_FAULT;
    uint64_t v = narrow(c, REG(uint64_t, c, u->dst));
    if (n >= 6 && v >> 32 != 0)
        return raise_gp(c, 0);
    if (n == 6)
        v = (v & 0xe00f) | DR6_FIXED;
    else if (n == 7)
        v = (v & 0xffff23ff) | DR7_FIXED;
    c->dr[n] = v;
    cpu_update_mode(c);
    return STEP_NEXT;
}

enum step sys_mov_from_dr(struct cpu *c, const struct uop *u)
{
    unsigned n = u->src;
    if (!debug_register(c, &n))
        return STEP_FAULT;
    REG(uint64_t, c, u->dst) = narrow(c, c->dr[n]);
    return STEP_NEXT;
}
