/* SPDX-License-Identifier: Apache-2.0
 * VMX capability MSRs from the configuration. SDM Vol.3 appendix "VMX
 * Capability Reporting Facility". A feature whose basis is absent (a control
 * of an instruction that the processor lacks) is taken out before.
 */
#include "cpu/vmx/caps.h"

#include "cpu/control.h"
#include "cpu/vmx/controls.h"
#include "cpu/vmx/vmcs.h"
#include "sim/base/bits.h"

/* Reserved controls that are 1 for ever ("default1"), and of those the ones
 * that got a meaning with their zero setting: the TRUE MSRs let them be 0. */
enum {
    PIN_DEFAULT1 = 0x16,
    PRIMARY_DEFAULT1 = 0x0401e172,
    PRIMARY_TRUE1 = 0x04006172, /* CR3-load and CR3-store exiting */
    EXIT_DEFAULT1 = 0x36dff,
    EXIT_TRUE1 = 0x36dfb, /* save debug controls */
    ENTRY_DEFAULT1 = 0x11ff,
    ENTRY_TRUE1 = 0x11fb, /* load debug controls */
};

struct control_bit {
    uint32_t bit;
    bool there;
};

/* Must-be-1 bits below, may-be-1 bits above. */
static uint64_t report(uint32_t ones, uint32_t allowed)
{
    return (uint64_t)(allowed | ones) << 32 | ones;
}

static uint32_t collect(const struct control_bit *b, unsigned n)
{
    uint32_t bits = 0;
    for (unsigned k = 0; k < n; k++)
        if (b[k].there)
            bits |= b[k].bit;
    return bits;
}
#define COLLECT(table) collect(table, sizeof(table) / sizeof((table)[0]))

static uint32_t pin_allowed(const struct vmx_config *f)
{
    const struct control_bit bits[] = {
        {PIN_EXTERNAL_INTERRUPT, true},     {PIN_NMI, true},
        {PIN_VIRTUAL_NMI, f->virtual_nmis}, {PIN_TIMER, f->preemption_timer},
        {PIN_POSTED, f->posted_interrupts},
    };
    return COLLECT(bits);
}

static uint32_t primary_allowed(const struct vmx_config *f)
{
    const struct control_bit bits[] = {
        {PROC_INTERRUPT_WINDOW | PROC_TSC_OFFSET | PROC_HLT | PROC_INVLPG,
         true},
        {PROC_MWAIT | PROC_RDPMC | PROC_RDTSC | PROC_CR3_LOAD, true},
        {PROC_CR3_STORE | PROC_CR8_LOAD | PROC_CR8_STORE, true},
        {PROC_MOV_DR | PROC_IO | PROC_IO_BITMAPS, true},
        {PROC_MONITOR | PROC_PAUSE, true},
        {PROC_TERTIARY, f->extensions},
        {PROC_TPR_SHADOW, f->tpr_shadow},
        {PROC_NMI_WINDOW, f->virtual_nmis},
        {PROC_MTF, f->mtf},
        {PROC_MSR_BITMAPS, f->msr_bitmaps},
        {PROC_SECONDARY, f->secondary_controls},
    };
    return COLLECT(bits);
}

static uint32_t secondary_allowed(const struct vmx_config *f)
{
    const struct control_bit bits[] = {
        {PROC2_APIC_ACCESSES, f->apic_accesses},
        {PROC2_EPT, f->ept},
        {PROC2_DESC_TABLE, f->desc_table_exiting},
        {PROC2_RDTSCP, f->rdtscp},
        {PROC2_X2APIC, f->x2apic_mode},
        {PROC2_VPID, f->vpid},
        {PROC2_WBINVD, f->wbinvd_exiting},
        {PROC2_UNRESTRICTED, f->unrestricted_guest},
        {PROC2_APIC_REGISTERS, f->apic_registers},
        {PROC2_VIRTUAL_INTERRUPTS, f->virtual_interrupts},
        {PROC2_PAUSE_LOOP, f->pause_loop},
        {PROC2_RDRAND, f->rdrand_exiting},
        {PROC2_INVPCID, f->invpcid},
        {PROC2_VMFUNC, f->vmfunc},
        {PROC2_SHADOW, f->shadow_vmcs},
        {PROC2_RDSEED, f->rdseed_exiting},
        {PROC2_PML, f->pml},
        {PROC2_VE, f->ept_violation_ve},
        {PROC2_XSAVES, f->xsaves},
        {PROC2_MBEC, f->mode_based_execute},
        {PROC2_SUB_PAGE, f->sub_page},
        {PROC2_TSC_SCALING, f->tsc_scaling},
        {PROC2_USER_WAIT, f->user_wait},
    };
    return f->secondary_controls ? COLLECT(bits) : 0;
}

static uint32_t exit_allowed(const struct vmx_config *f)
{
    const struct control_bit bits[] = {
        {EXIT_SAVE_DEBUG | EXIT_HOST64 | EXIT_ACK_INTERRUPT, true},
        {EXIT_LOAD_PERF_GLOBAL, f->load_perf_global},
        {EXIT_SAVE_PAT | EXIT_LOAD_PAT, f->load_pat},
        {EXIT_SAVE_EFER | EXIT_LOAD_EFER, f->load_efer},
        {EXIT_SAVE_TIMER, f->preemption_timer},
    };
    return COLLECT(bits);
}

/* Without the dual-monitor treatment its two controls are reserved. */
static uint32_t entry_allowed(const struct vmx_config *f)
{
    const struct control_bit bits[] = {
        {ENTRY_LOAD_DEBUG | ENTRY_IA32E, true},
        {ENTRY_LOAD_PERF_GLOBAL, f->load_perf_global},
        {ENTRY_LOAD_PAT, f->load_pat},
        {ENTRY_LOAD_EFER, f->load_efer},
    };
    return COLLECT(bits);
}

/* Appendix "Basic VMX Information": bits 48 (addresses of 32 bits) and 49
 * (dual-monitor treatment) are 0; VMCSs are in write-back memory. */
static uint64_t basic(const struct vmx_config *f)
{
    return f->revision | (uint64_t)f->region_size << 32 | UINT64_C(6) << 50 |
           (uint64_t)f->ins_outs_info << 54 | (uint64_t)f->true_controls << 55;
}

/* Appendix "Miscellaneous Data": neither Processor Trace nor SMM appears. */
static uint64_t misc(const struct vmx_config *f)
{
    uint64_t lists = f->msr_list_max / 512 - 1;
    return (f->preemption_timer ? f->timer_shift : 0) |
           (uint64_t)f->save_lma << 5 | (uint64_t)f->activity_hlt << 6 |
           (uint64_t)f->activity_shutdown << 7 |
           (uint64_t)f->activity_wait_sipi << 8 |
           (uint64_t)f->cr3_targets << 16 | lists << 25 |
           (uint64_t)f->vmwrite_any << 29 | (uint64_t)f->inject_length_0 << 30;
}

/* "Advanced VM-exit information for EPT violations" came to the same
 * processors as mode-based execute control. */
static uint64_t ept_vpid(const struct vmx_config *f)
{
    uint64_t v = 0;
    if (f->ept) {
        v |= EPT_CAP_4LEVEL | EPT_CAP_UC | EPT_CAP_WB | EPT_CAP_INVEPT |
             EPT_CAP_INVEPT_1 | EPT_CAP_INVEPT_2;
        v |= f->ept_execute_only ? EPT_CAP_EXECUTE_ONLY : 0;
        v |= f->ept_5level ? EPT_CAP_5LEVEL : 0;
        v |= f->ept_2m ? EPT_CAP_2M : 0;
        v |= f->ept_1g ? EPT_CAP_1G : 0;
        v |= f->ept_accessed_dirty ? EPT_CAP_AD : 0;
        v |= f->mode_based_execute ? EPT_CAP_ADVANCED : 0;
        if (f->extensions)
            v |= EPT_CAP_INVEPT_0 | EPT_CAP_INVEPT_3 | EPT_CAP_INVEPT_4;
    }
    if (f->vpid)
        v |= EPT_CAP_INVVPID | EPT_CAP_INVVPID_0 | EPT_CAP_INVVPID_1 |
             EPT_CAP_INVVPID_2 | EPT_CAP_INVVPID_3;
    return f->secondary_controls ? v : 0;
}

/* The highest index, in place, of the fields that there are. */
static uint64_t vmcs_enum(const struct vmx_config *f)
{
    unsigned highest = 0;
    for (unsigned k = 0; k < vmcs_field_count; k++) {
        unsigned index = vmcs_fields[k].encoding & 0x3feu;
        if (vmcs_fields[k].available(f) && index > highest)
            highest = index;
    }
    return highest;
}

void vmx_caps_settle(struct cpu_config *c)
{
    struct vmx_config *f = &c->vtx;
    f->rdtscp = f->rdtscp && c->rdtscp;
    f->invpcid = f->invpcid && c->invpcid;
    f->xsaves = f->xsaves && c->xsaves;
    f->rdrand_exiting = f->rdrand_exiting && c->rdrand;
    f->rdseed_exiting = f->rdseed_exiting && c->rdseed;
    f->user_wait = f->user_wait && c->waitpkg;
}

void vmx_caps_init(struct vmx_caps *k, const struct cpu_config *c,
                   unsigned maxphyaddr)
{
    (void)maxphyaddr;
    const struct vmx_config *f = &c->vtx;
    bool loose = f->true_controls;
    *k = (struct vmx_caps){
        .basic = basic(f),
        .misc = misc(f),
        .pin = report(PIN_DEFAULT1, pin_allowed(f)),
        .primary = report(PRIMARY_DEFAULT1, primary_allowed(f)),
        .exit = report(EXIT_DEFAULT1, exit_allowed(f)),
        .entry = report(ENTRY_DEFAULT1, entry_allowed(f)),
        .secondary = report(0, secondary_allowed(f)),
        .tertiary = f->extensions ? PROC3_VMM_TIMER : 0,
        .cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
        .cr0_fixed1 = UINT32_MAX,
        .cr4_fixed0 = CR4_VMXE,
        .cr4_fixed1 = control_cr4_allowed(c),
        .vmcs_enum = vmcs_enum(f),
        .ept_vpid = ept_vpid(f),
        .vmfunc = f->vmfunc && f->eptp_switching ? 1 : 0,
    };
    k->true_pin = k->pin;
    k->true_primary = loose
                          ? report(PRIMARY_TRUE1, (uint32_t)(k->primary >> 32))
                          : k->primary;
    k->true_exit =
        loose ? report(EXIT_TRUE1, (uint32_t)(k->exit >> 32)) : k->exit;
    k->true_entry =
        loose ? report(ENTRY_TRUE1, (uint32_t)(k->entry >> 32)) : k->entry;
}

bool vmx_caps_msr(const struct vmx_caps *k, const struct cpu_config *c,
                  uint32_t number, uint64_t *out)
{
    const struct vmx_config *f = &c->vtx;
    const struct {
        uint64_t value;
        bool there;
    } rows[] = {
        [MSR_VMX_BASIC - MSR_VMX_BASIC] = {k->basic, true},
        [MSR_VMX_PIN - MSR_VMX_BASIC] = {k->pin, true},
        [MSR_VMX_PRIMARY - MSR_VMX_BASIC] = {k->primary, true},
        [MSR_VMX_EXIT - MSR_VMX_BASIC] = {k->exit, true},
        [MSR_VMX_ENTRY - MSR_VMX_BASIC] = {k->entry, true},
        [MSR_VMX_MISC - MSR_VMX_BASIC] = {k->misc, true},
        [MSR_VMX_CR0_FIXED0 - MSR_VMX_BASIC] = {k->cr0_fixed0, true},
        [MSR_VMX_CR0_FIXED1 - MSR_VMX_BASIC] = {k->cr0_fixed1, true},
        [MSR_VMX_CR4_FIXED0 - MSR_VMX_BASIC] = {k->cr4_fixed0, true},
        [MSR_VMX_CR4_FIXED1 - MSR_VMX_BASIC] = {k->cr4_fixed1, true},
        [MSR_VMX_VMCS_ENUM - MSR_VMX_BASIC] = {k->vmcs_enum, true},
        [MSR_VMX_SECONDARY -
            MSR_VMX_BASIC] = {k->secondary, f->secondary_controls},
        [MSR_VMX_EPT_VPID - MSR_VMX_BASIC] = {k->ept_vpid, k->ept_vpid != 0},
        [MSR_VMX_TRUE_PIN - MSR_VMX_BASIC] = {k->true_pin, f->true_controls},
        [MSR_VMX_TRUE_PRIMARY -
            MSR_VMX_BASIC] = {k->true_primary, f->true_controls},
        [MSR_VMX_TRUE_EXIT - MSR_VMX_BASIC] = {k->true_exit, f->true_controls},
        [MSR_VMX_TRUE_ENTRY -
            MSR_VMX_BASIC] = {k->true_entry, f->true_controls},
        [MSR_VMX_VMFUNC - MSR_VMX_BASIC] = {k->vmfunc, (k->secondary >> 32 &
                                                        PROC2_VMFUNC) != 0},
        [MSR_VMX_TERTIARY - MSR_VMX_BASIC] = {k->tertiary, f->extensions},
    };
    uint32_t row = number - MSR_VMX_BASIC;
    if (!c->vmx || row >= sizeof rows / sizeof rows[0] || !rows[row].there)
        return false;
    *out = rows[row].value;
    return true;
}

bool vmx_eptp_valid(const struct vmx_caps *k, unsigned maxphyaddr,
                    uint64_t eptp)
{
    unsigned type = eptp & 7, levels = (eptp >> 3 & 7) + 1;
    bool type_ok = (type == 0 && (k->ept_vpid & EPT_CAP_UC) != 0) ||
                   (type == 6 && (k->ept_vpid & EPT_CAP_WB) != 0);
    bool levels_ok = (levels == 4 && (k->ept_vpid & EPT_CAP_4LEVEL) != 0) ||
                     (levels == 5 && (k->ept_vpid & EPT_CAP_5LEVEL) != 0);
    uint64_t reserved = UINT64_C(0xf80) | ~bits_mask(maxphyaddr);
    if ((k->ept_vpid & EPT_CAP_AD) == 0)
        reserved |= BIT(6);
    return type_ok && levels_ok && (eptp & reserved) == 0;
}
