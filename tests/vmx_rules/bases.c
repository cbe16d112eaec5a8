/* SPDX-License-Identifier: Apache-2.0
 * Valid VMCS states: a 64-bit guest, plain and with every feature, 32-bit and
 * PAE guests with and without EPT, virtual-8086 mode, real mode.
 */
#include "tests/vmx_rules/bases.h"

#include <string.h>

static void host(const struct vmx_caps *caps, struct vmcs *v)
{
    v->host_cr0 = 0x80050033;
    v->host_cr3 = 0x1000;
    v->host_cr4 = 0x2000 | 0x20;
    v->host_cs_selector = 0x10;
    v->host_ss_selector = v->host_ds_selector = v->host_es_selector = 0x18;
    v->host_tr_selector = 0x28;
    v->host_fs_base = 0x1234;
    v->host_gs_base = UINT64_C(0xffff800000001000);
    v->host_gdtr_base = 0x2000;
    v->host_idtr_base = 0x3000;
    v->host_tr_base = 0x3800;
    v->host_rip = UINT64_C(0xffffffff80000000);
    v->host_rsp = 0x9000;
    v->host_sysenter_esp = 0x100;
    v->host_sysenter_eip = 0x200;
    v->host_pat = UINT64_C(0x0007040600070406);
    v->host_efer = 0xd01;
    v->exit_controls =
        (uint32_t)caps->true_exit | 1u << 9 | 1u << 19 | 1u << 21;
}

static void segment(struct vmcs *v, unsigned seg, uint16_t selector,
                    uint32_t rights, uint32_t limit, uint64_t base)
{
    struct segment s = {
        .selector = selector, .attr = rights, .limit = limit, .base = base};
    vmcs_set_segment(v, seg, &s);
}

static void flat(struct vmcs *v, bool code64)
{
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        segment(v, seg, 0x18, 0xc093, UINT32_MAX, 0);
    segment(v, SEG_CS, 0x10, code64 ? 0xa09b : 0xc09b, UINT32_MAX, 0);
    segment(v, SEG_LDTR, 0x30, 0x82, 0xff, 0x5000);
    segment(v, SEG_TR, 0x28, 0x8b, 0x67, 0x3800);
}

static void common(const struct vmx_caps *caps, struct vmcs *v)
{
    memset(v, 0, sizeof *v);
    v->pin_controls = (uint32_t)caps->true_pin;
    v->primary_controls = (uint32_t)caps->true_primary;
    v->entry_controls = (uint32_t)caps->true_entry;
    host(caps, v);
    v->vmcs_link = UINT64_MAX;
    v->guest_cr0 = 0x80050033;
    v->guest_cr3 = BASE_PDPT;
    v->guest_cr4 = 0x2000 | 0x20;
    v->guest_rip = 0x8000;
    v->guest_rsp = 0x9000;
    v->guest_rflags = 0x202;
    v->guest_dr7 = 0x400;
    v->guest_gdtr_limit = v->guest_idtr_limit = 0xffff;
    v->guest_pat = UINT64_C(0x0007040600070406);
    v->vpid = 1;
    v->eptp = 0x10000 | 3 << 3 | 6;
    v->tsc_multiplier = UINT64_C(1) << 48;
    v->posted_vector = 0xf2;
    v->io_bitmap_a = v->io_bitmap_b = v->msr_bitmap = 0x11000;
    v->virtual_apic_address = 0x9f0000; /* VTPR there is high */
    v->apic_access_address = 0x13000;
    v->posted_descriptor = 0x14000;
    v->eptp_list = v->pml_address = v->ve_information = 0x15000;
    v->vmread_bitmap = v->vmwrite_bitmap = v->sub_page_table = 0x16000;
}

static void use_second(struct vmcs *v, uint32_t controls)
{
    v->primary_controls |= UINT32_C(1) << 31;
    v->secondary_controls |= controls;
}

static void long_mode(struct vmcs *v)
{
    flat(v, true);
    v->entry_controls |= 1u << 9 | 1u << 15;
    v->guest_efer = 0xd01;
}

/* All that can be on together. */
static void everything(const struct vmx_caps *caps, struct vmcs *v)
{
    v->pin_controls = (uint32_t)(caps->true_pin >> 32);
    v->primary_controls = (uint32_t)(caps->true_primary >> 32);
    use_second(v, (uint32_t)(caps->secondary >> 32) & ~(1u << 4));
    v->tertiary_controls = caps->tertiary;
    v->exit_controls = (uint32_t)(caps->true_exit >> 32);
    v->entry_controls = (uint32_t)(caps->true_entry >> 32);
    v->vm_functions = caps->vmfunc;
    v->vmm_timer_config = 1 | 1 << 4 | 1 << 8;
    v->exit_msr_store_count = v->exit_msr_load_count = 2;
    v->entry_msr_load_count = 2;
    v->vmcs_link = 0x100000; /* a shadow VMCS: bit 20 of its address */
    v->guest_activity = 0;
}

static void inject(struct vmcs *v, uint32_t info)
{
    v->entry_interruption = UINT32_C(1) << 31 | info;
    v->entry_instruction_length = 2;
    v->entry_error_code = 0x10;
}

static void real_mode(struct vmcs *v)
{
    use_second(v, 1u << 1 | 1u << 7);
    v->guest_cr0 = 0x30;
    v->guest_cr4 = 0x2000;
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        segment(v, seg, 0x100, 0x93, 0xffff, 0x1000);
    segment(v, SEG_LDTR, 0, 0x10000, 0, 0);
    segment(v, SEG_TR, 0, 0x8b, 0xffff, 0);
    v->guest_rip = 0x7c00;
    v->guest_rflags = 2; /* interrupts off */
}

static void v86(struct vmcs *v)
{
    flat(v, false);
    for (unsigned seg = SEG_ES; seg <= SEG_GS; seg++)
        segment(v, seg, 0x1234, 0xf3, 0xffff, 0x12340);
    v->guest_rflags = 0x23202;
}

const char *base_make(unsigned n, const struct vmx_caps *caps, struct vmcs *v)
{
    common(caps, v);
    switch (n) {
    case 0: long_mode(v); return "64-bit";
    case 1:
        long_mode(v);
        everything(caps, v);
        return "64-bit, everything";
    case 2:
        flat(v, false);
        inject(v, 3u << 8 | 1u << 11 | 13);
        return "PAE without EPT, injecting #GP";
    case 3:
        flat(v, false);
        use_second(v, 1u << 1 | 1u << 5);
        v->guest_pdpte0 = v->guest_pdpte1 = 0x20001;
        v->guest_interruptibility = 1;
        v->guest_rflags |= 0x100;
        v->guest_pending_debug = 1 << 14;
        return "PAE with EPT, stepping in the shadow of STI";
    case 4:
        flat(v, false);
        v->guest_cr4 = 0x2000;
        v->guest_activity = 1;
        inject(v, 2u << 8 | 2);
        return "32-bit, halted, injecting NMI";
    case 5: real_mode(v); return "real mode";
    case 6: v86(v); return "virtual-8086 mode";
    default:
        long_mode(v);
        use_second(v, 0);
        v->primary_controls |= 1u << 21; /* TPR shadow */
        v->tpr_threshold = 3;
        segment(v, SEG_CS, 0x13, 0xa0fb, UINT32_MAX, 0);
        segment(v, SEG_SS, 0x1b, 0xc0f3, UINT32_MAX, 0);
        segment(v, SEG_LDTR, 0, 0x10000, 0, 0);
        inject(v, 4u << 8 | 0x80);
        return "64-bit user code, TPR shadow, injecting INT 80h";
    }
}
