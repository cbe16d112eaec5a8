/* SPDX-License-Identifier: Apache-2.0
 * RESET#, INIT, SIPI, and the state in which a loader hands the machine to a
 * kernel. SDM Vol.3 "Processor Management and Initialization".
 *
 * There is no firmware, so what firmware leaves behind is made here: memory
 * typed write-back by the MTRRs, caches on, IA32_FEATURE_CONTROL locked, and
 * the bootstrap processor's local APIC in virtual wire mode. Application
 * processors get it at reset, since nothing else will ever do it for them.
 */
#include "cpu/reset.h"

#include "cpu/debug.h"
#include "cpu/fpu.h"
#include "cpu/lapic.h"
#include "cpu/msr.h"
#include "cpu/pmc.h"
#include "cpu/vmx/vmx.h"
#include "cpu/wait.h"
#include "sim/base/bits.h"

#include <string.h>

enum {
    CR0_RESET = 0x60000010,
    CR0_CD_NW = 0x60000000,
    CR0_KEPT = 0x60000010, /* over INIT: CD, NW, ET */
};

#define PAT_RESET UINT64_C(0x0007040600070406)

static struct segment real_segment(uint16_t selector)
{
    struct segment s = {.base = (uint64_t)selector << 4,
                        .limit = 0xffff,
                        .attr = 0x93, /* present, writable, accessed */
                        .selector = selector};
    return s;
}

/* EDX at reset: the processor signature of CPUID leaf 1. */
static uint32_t signature(const struct cpu_config *f)
{
    uint32_t family = f->family > 15 ? 15 : f->family;
    uint32_t ext_family = f->family > 15 ? f->family - 15 : 0;
    return ext_family << 20 | (f->model >> 4 & 0xf) << 16 | family << 8 |
           (f->model & 0xf) << 4 | (f->stepping & 0xf);
}

uint32_t cpu_signature(const struct cpu *c)
{
    return signature(&c->config);
}

/* What RESET# and INIT have in common. */
static void reset_common(struct cpu *c)
{
    memset(c->gpr, 0, sizeof c->gpr);
    c->gpr[REG_RDX] = signature(&c->config);
    c->eflags = FLAG_ONE;
    c->cc_op = 0;
    c->rip = 0xfff0;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        c->seg[i] = real_segment(0);
    c->seg[SEG_CS].selector = 0xf000;
    c->seg[SEG_CS].base = 0xffff0000;
    c->seg[SEG_LDTR].attr = 0x82;
    c->seg[SEG_TR].attr = 0x8b;
    c->gdtr = (struct descriptor_table){0, 0xffff};
    c->idtr = (struct descriptor_table){0, 0xffff};
    c->cr2 = 0;
    c->cr3 = 0;
    c->cr4 = 0;
    c->efer = 0;
    memset(c->dr, 0, sizeof c->dr);
    c->dr[6] = DR6_FIXED;
    c->dr[7] = DR7_FIXED;
    memset(c->pdpte, 0, sizeof c->pdpte);
    c->event.valid = false;
    c->shadow_sti = c->shadow_mov_ss = false;
    c->step_armed = c->branched = false;
    c->msr.debugctl = 0;
    c->rep_active = false;
    c->pending_dr6 = 0;
    c->nmi_blocked = false;
    c->init_pending = false; /* a SIPI that came after it stays */
    wait_reset(c);
}

/* Application processors of a multiple-processor system wait for SIPI. */
static void choose_activity(struct cpu *c)
{
    bool bsp = (c->msr.apic_base & APIC_BASE_BSP) != 0;
    c->activity = bsp ? ACTIVITY_RUN : ACTIVITY_WAIT_SIPI;
}

/* RAM is write-back, the VGA hole and the device area below 4 GiB are not
 * cached. */
static void firmware_memory_types(struct cpu *c)
{
    struct mmu_mtrr *m = &c->msr.mtrr;
    memset(m, 0, sizeof *m);
    uint64_t wb = UINT64_C(0x0606060606060606);
    for (unsigned i = 0; i < 11; i++)
        m->fixed[i] = wb;
    m->fixed[2] = 0; /* A0000h-BFFFFh */
    m->base[0] = 0xc0000000;
    m->mask[0] =
        (bits_mask(c->mmu_config.maxphyaddr) & ~UINT64_C(0x3fffffff)) | BIT(11);
    m->def_type = BIT(11) | BIT(10) | 6;
    mmu_set_mtrr(c->mmu, m);
    c->cr0 &= ~(uint64_t)CR0_CD_NW;
    c->msr.feature_control = FEATURE_CONTROL_LOCK;
    if (c->config.vmx)
        c->msr.feature_control = c->config.vtx.feature_control;
}

void cpu_reset(struct cpu *c)
{
    reset_common(c);
    c->cr0 = CR0_RESET;
    c->cr8 = 0;
    c->xcr0 = 1;
    c->xss = 0;
    c->pkru = 0;
    fpu_reset(c);
    memset(&c->msr, 0, sizeof c->msr);
    memset(&c->lbr, 0, sizeof c->lbr);
    memset(&c->pmc, 0, sizeof c->pmc);
    c->msr.pat = PAT_RESET;
    c->msr.apic_base = APIC_BASE_DEFAULT | APIC_BASE_ENABLE |
                       (c->wiring.index == 0 ? APIC_BASE_BSP : 0);
    c->msr.misc_enable = MISC_FAST_STRINGS;
    if (c->config.monitor)
        c->msr.misc_enable |= MISC_MONITOR;
    c->msr.tsc_offset = 0 - cpu_tsc_ticks(c);
    mmu_reset(c->mmu);
    vmx_reset(c);
    mmu_set_mtrr(c->mmu, &c->msr.mtrr);
    lapic_reset(c);
    c->nmi_pending = c->intr_line = c->sipi_pending = false;
    c->stop_requested = false;
    c->unmodelled = false;
    c->stop_reason[0] = '\0';
    choose_activity(c);
    if (c->wiring.index != 0)
        firmware_memory_types(c);
    cpu_update_mode(c);
    pmc_reset(c);
}

void cpu_init_signal(struct cpu *c)
{
    uint64_t kept = c->cr0 & CR0_KEPT;
    reset_common(c);
    c->cr0 = kept;
    c->cr8 = 0;
    c->nmi_pending = false;
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
    lapic_init(c);
    choose_activity(c);
    cpu_update_mode(c);
    event_notify(c);
}

void cpu_startup(struct cpu *c)
{
    c->sipi_pending = false;
    c->seg[SEG_CS].selector = (uint16_t)(c->sipi_vector << 8);
    c->seg[SEG_CS].base = (uint64_t)c->sipi_vector << 12;
    c->rip = 0;
    c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
}

/* ------------------------------------------------------------ hand-over */

static struct segment flat_segment(uint16_t selector, uint32_t type, bool l)
{
    struct segment s = {.limit = UINT32_MAX, .selector = selector};
    s.attr = type | SEG_ATTR_S | SEG_ATTR_P | SEG_ATTR_G |
             (l ? SEG_ATTR_L : SEG_ATTR_DB);
    return s;
}

static void set_flat(struct cpu *c, const struct cpu_entry *e, bool l)
{
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        c->seg[i] = flat_segment(e->ds, 3, false);
    c->seg[SEG_CS] = flat_segment(e->cs, 0xb, l);
    c->gdtr = (struct descriptor_table){e->gdt_base, e->gdt_limit};
    c->idtr = (struct descriptor_table){0, 0};
}

void cpu_set_entry(struct cpu *c, const struct cpu_entry *e)
{
    firmware_memory_types(c);
    lapic_virtual_wire(c);
    c->gpr[REG_RAX] = e->rax;
    c->gpr[REG_RBX] = e->rbx;
    c->gpr[REG_RCX] = e->rcx;
    c->gpr[REG_RDX] = e->rdx;
    c->gpr[REG_RSI] = e->rsi;
    c->gpr[REG_RDI] = e->rdi;
    c->gpr[REG_RSP] = e->rsp;
    c->rip = e->rip;
    switch (e->mode) {
    case ENTRY_PROTECTED32:
        c->cr0 = 0x11; /* PE, ET */
        set_flat(c, e, false);
        break;
    case ENTRY_LONG64:
        c->cr0 = 0x80010033; /* PG, WP, NE, ET, MP, PE */
        c->cr3 = e->cr3;
        c->cr4 = 0x620;  /* OSXMMEXCPT, OSFXSR, PAE */
        c->efer = 0x500; /* LMA, LME */
        set_flat(c, e, true);
        break;
    case ENTRY_REAL16:
        c->cr0 = 0x10;
        for (unsigned i = SEG_ES; i <= SEG_GS; i++)
            c->seg[i] = real_segment(i == SEG_CS ? e->cs : e->ds);
        c->idtr = (struct descriptor_table){0, 0x3ff};
        break;
    }
    c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
}
