/* SPDX-License-Identifier: Apache-2.0
 * What translation and address translation depend on, gathered from the
 * architectural registers: the mode key and the MMU's context.
 */
#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/debugger_hook.h"
#include "cpu/lbr.h"
#include "cpu/pmc.h"
#include "cpu/state.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

/* Base 0, limit 4 GiB, present and usable. */
static bool is_flat(const struct segment *s)
{
    return s->base == 0 && s->limit == UINT32_MAX &&
           (s->attr & (SEG_ATTR_UNUSABLE | SEG_ATTR_P)) == SEG_ATTR_P;
}

/* Writable data that expands up: type 001xb. */
static bool is_flat_data(const struct segment *s)
{
    return is_flat(s) && (s->attr & 0xe) == 2;
}

static uint32_t segment_bits(const struct cpu *c, uint32_t mode)
{
    const struct segment *cs = &c->seg[SEG_CS];
    if ((mode & MODE_LMA) != 0 && (cs->attr & SEG_ATTR_L) != 0)
        mode |= MODE_LONG;
    else if ((cs->attr & SEG_ATTR_DB) != 0)
        mode |= MODE_CS32;
    if ((mode & MODE_LONG) == 0 && (c->seg[SEG_SS].attr & SEG_ATTR_DB) != 0)
        mode |= MODE_SS32;
    if (cs->base == 0 || (mode & MODE_LONG) != 0)
        mode |= MODE_CS_BASE0;
    /* A code segment must also be readable (type 1x1xb). */
    if ((mode & MODE_LONG) != 0 ||
        (is_flat(cs) && (cs->attr & 0xa) == 0xa &&
         is_flat_data(&c->seg[SEG_ES]) && is_flat_data(&c->seg[SEG_SS]) &&
         is_flat_data(&c->seg[SEG_DS])))
        mode |= MODE_FLAT;
    return mode;
}

static uint32_t control_bits(const struct cpu *c)
{
    uint32_t mode = 0;
    if ((c->cr0 & CR0_TS) != 0)
        mode |= MODE_TS;
    if ((c->cr0 & CR0_EM) != 0)
        mode |= MODE_EM;
    if ((c->cr0 & CR0_MP) != 0)
        mode |= MODE_MP;
    if ((c->cr4 & CR4_TSD) != 0)
        mode |= MODE_TSD;
    if ((c->cr4 & CR4_PCE) != 0)
        mode |= MODE_PCE;
    if ((c->cr4 & CR4_OSFXSR) != 0)
        mode |= MODE_OSFXSR;
    if ((c->cr4 & CR4_OSXMMEXCPT) != 0)
        mode |= MODE_OSXMMEXCPT;
    if ((c->cr4 & CR4_UMIP) != 0)
        mode |= MODE_UMIP;
    if ((c->cr4 & CR4_FSGSBASE) != 0)
        mode |= MODE_FSGSBASE;
    if ((c->cr4 & CR4_OSXSAVE) != 0)
        mode |= MODE_OSXSAVE | ((c->xcr0 & 6) == 6 ? MODE_AVX : 0);
    if ((~c->mxcsr & 0x1f80) != 0)
        mode |= MODE_SSE_UNMASKED;
    return mode;
}

static uint32_t privilege_bits(const struct cpu *c)
{
    if ((c->cr0 & CR0_PE) == 0)
        return 0;
    uint32_t mode = MODE_PROT;
    uint32_t cpl = c->seg[SEG_SS].attr >> SEG_ATTR_DPL_SHIFT & 3;
    if ((c->eflags & FLAG_VM) != 0) {
        mode |= MODE_V86;
        cpl = 3;
    }
    mode |= cpl;
    if (cpl > bits_get(c->eflags, 13, 12))
        mode |= MODE_IOPL_LOW;
    if (cpl == 3 && (c->cr0 & CR0_AM) != 0 && (c->eflags & FLAG_AC) != 0)
        mode |= MODE_AC;
    if ((c->efer & EFER_LMA) != 0)
        mode |= MODE_LMA;
    return mode;
}

static uint32_t single_bit(const struct cpu *c)
{
    bool single = c->single || (c->eflags & FLAG_TF) != 0 || c->step_armed ||
                  c->shadow_sti || c->shadow_mov_ss ||
                  debug_instruction_armed(c) || lbr_on(c) ||
                  (c->vmx_guest && (c->vmx->proc & PROC_MTF) != 0);
    return single ? MODE_SINGLE : 0;
}

void cpu_update_single(struct cpu *c)
{
    c->mode = (c->mode & ~(uint32_t)MODE_SINGLE) | single_bit(c);
}

void cpu_update_mode(struct cpu *c)
{
    uint32_t mode = privilege_bits(c) | control_bits(c) | single_bit(c);
    if (c->vmx_guest)
        mode |= MODE_GUEST;
    c->mode = segment_bits(c, mode);
    c->watch = debug_data_armed(c) || debugger_watches(c);
    struct mmu_context ctx = {
        .cr0 = c->cr0,
        .cr3 = c->cr3,
        .cr4 = c->cr4,
        .efer = c->efer,
        .pkru = (c->cr4 & CR4_PKE) != 0 ? c->pkru : 0,
        .cpl = (uint8_t)(c->mode & MODE_CPL),
        .ac = (c->eflags & FLAG_AC) != 0,
        .pat = c->msr.pat,
        .pdpte = {c->pdpte[0], c->pdpte[1], c->pdpte[2], c->pdpte[3]},
        .wrap32 = (c->mode & MODE_LONG) == 0,
        .watch = c->watch,
        .apic_page = MMU_NO_PAGE,
    };
    if (UNLIKELY(c->vmx_guest))
        vmx_context(c, &ctx);
    mmu_set_context(c->mmu, &ctx);
    engine_reset_fetch(c);
    if (c->pmc.distinguish)
        pmc_level_changed(c);
}
