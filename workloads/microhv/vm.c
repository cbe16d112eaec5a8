/* SPDX-License-Identifier: Apache-2.0
 * The VMCS of the virtual machine: controls adjusted to what the processor
 * has, the monitor's state, and the guest's at its start.
 */
#include "workloads/microhv/hv.h"

/* ---- Controls ---- */

/* SDM Vol.3 "Algorithms for Determining VMX Capabilities": what must be 1 is
 * set, what is wanted and cannot be is given up if optional. */
u32 vm_adjust(u32 msr, u32 true_msr, u32 want, u32 optional)
{
    bool exact = msr_read(MSR_VMX_BASIC) & VMX_BASIC_TRUE_CONTROLS;
    u64 cap = msr_read(exact && true_msr ? true_msr : msr);
    u32 must = (u32)cap, may = (u32)(cap >> 32);

    want &= may | ~optional;
    if (want & ~may)
        hv_panic("the processor lacks VMX controls %x of MSR %x", want & ~may,
                 msr);
    return want | must;
}

static void set_pin_controls(void)
{
    bool exits = hv.options.apic == APIC_EXIT;
    u32 want = PIN_NMI | PIN_VIRTUAL_NMI | (exits ? PIN_EXTERNAL_INTERRUPT : 0);

    vm_write(PIN_CONTROLS,
             vm_adjust(MSR_VMX_PINBASED, MSR_VMX_TRUE_PIN, want, 0));
}

static void set_primary_controls(struct vcpu *v)
{
    const struct options *o = &hv.options;
    u32 shadow = PROC_INVLPG | PROC_CR3_LOAD | PROC_CR3_STORE;
    u32 want = PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_SECONDARY;

    if (o->shadow)
        want |= shadow;
    if (o->hlt_exit)
        want |= PROC_HLT;
    v->proc = vm_adjust(MSR_VMX_PROCBASED, MSR_VMX_TRUE_PROC, want, 0);
    if (!o->shadow && v->proc & shadow)
        hv_panic("the processor cannot leave CR3 to the guest");
    vm_write(PROC_CONTROLS, v->proc);
}

/* Instructions that only work in a guest when a control lets them. */
static void set_secondary_controls(void)
{
    const struct options *o = &hv.options;
    u32 optional =
        PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES | PROC2_USER_WAIT;
    u32 want = optional;

    if (o->shadow)
        want &= ~(u32)PROC2_INVPCID;
    else
        want |= PROC2_EPT | PROC2_UNRESTRICTED;
    if (o->vpid)
        want |= PROC2_VPID;
    vm_write(PROC2_CONTROLS, vm_adjust(MSR_VMX_PROCBASED2, 0, want, optional));
    if (want & PROC2_XSAVES)
        vm_write(XSS_EXIT_BITMAP, 0);
    if (o->vpid)
        vm_write(VPID, VPID_OF_GUEST);
}

static void set_transition_controls(void)
{
    u32 exit = EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
               EXIT_SAVE_EFER | EXIT_LOAD_EFER;
    u32 entry = ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER;

    if (hv.options.apic == APIC_EXIT)
        exit |= EXIT_ACK_INTERRUPT;
    if (hv.start.long64)
        entry |= ENTRY_IA32E;
    vm_write(EXIT_CONTROLS,
             vm_adjust(MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT, exit, 0));
    vm_write(ENTRY_CONTROLS,
             vm_adjust(MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY, entry, 0));
}

/* A bit for each MSR: reads of 0..1FFFh, of C0000000h.., then writes. */
static void hide_msr(u8 *bitmap, u32 msr, bool read, bool write)
{
    if (read)
        bitmap[msr >> 3] |= (u8)(1 << (msr & 7));
    if (write)
        bitmap[2048 + (msr >> 3)] |= (u8)(1 << (msr & 7));
}

static void set_bitmaps(void)
{
    u64 msrs = page_take(), ports = pages_take(2);

    hide_msr(direct(msrs), MSR_FEATURE_CONTROL, true, true);
    for (u32 m = MSR_VMX_FIRST; m <= MSR_VMX_LAST; m++)
        hide_msr(direct(msrs), m, true, true);
    if (hv.options.shadow) { /* EFER: C0000080h, behind the low 8192 */
        u8 *efer = (u8 *)direct(msrs) + 1024 + 0x80 / 8;
        efer[0] |= 1;
        efer[2048] |= 1;
    }
    vm_write(MSR_BITMAP, msrs);
    if (hv.options.io_exit)
        memset(direct(ports), 0xff, 2 * PAGE);
    vm_write(IO_BITMAP_A, ports);
    vm_write(IO_BITMAP_B, ports + PAGE);
}

/* ---- State ---- */

static void set_host_state(void)
{
    extern char start_gdt[];
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) idtr;

    __asm__ volatile("sidt %0" : "=m"(idtr));
    vm_write(HOST_CR0, cr0_read());
    vm_write(HOST_CR3, cr3_read());
    vm_write(HOST_CR4, cr4_read());
    vm_write(HOST_EFER, msr_read(MSR_EFER));
    vm_write(HOST_PAT, msr_read(MSR_PAT));
    vm_write(HOST_CS_SELECTOR, 0x10);
    vm_write(HOST_SS_SELECTOR, 0x18);
    vm_write(HOST_DS_SELECTOR, 0x18);
    vm_write(HOST_ES_SELECTOR, 0x18);
    vm_write(HOST_FS_SELECTOR, 0);
    vm_write(HOST_GS_SELECTOR, 0);
    vm_write(HOST_TR_SELECTOR, 0x20);
    vm_write(HOST_FS_BASE, 0);
    vm_write(HOST_GS_BASE, 0);
    vm_write(HOST_TR_BASE, host_tss());
    vm_write(HOST_GDTR_BASE, (u64)start_gdt);
    vm_write(HOST_IDTR_BASE, idtr.base);
    vm_write(HOST_SYSENTER_CS, 0);
    vm_write(HOST_SYSENTER_ESP, 0);
    vm_write(HOST_SYSENTER_EIP, 0);
    vm_write(HOST_RIP, (u64)vm_exit_entry);
}

/* Flat segments, as a boot loader leaves them. */
static void set_segments(void)
{
    const struct guest_start *s = &hv.start;

    for (u32 i = 0; i < 6; i++) {
        vm_write(GUEST_ES_SELECTOR + 2 * i, s->ds);
        vm_write(GUEST_ES_BASE + 2 * i, 0);
        vm_write(GUEST_ES_LIMIT + 2 * i, UINT32_MAX);
        vm_write(GUEST_ES_ACCESS + 2 * i, 0xc093);
    }
    vm_write(GUEST_CS_SELECTOR, s->cs);
    vm_write(GUEST_CS_ACCESS, s->long64 ? 0xa09b : 0xc09b);
    vm_write(GUEST_LDTR_SELECTOR, 0);
    vm_write(GUEST_LDTR_BASE, 0);
    vm_write(GUEST_LDTR_LIMIT, 0xffff);
    vm_write(GUEST_LDTR_ACCESS, AR_UNUSABLE);
    vm_write(GUEST_TR_SELECTOR, 0);
    vm_write(GUEST_TR_BASE, 0);
    vm_write(GUEST_TR_LIMIT, 0xffff);
    vm_write(GUEST_TR_ACCESS, 0x8b);
    vm_write(GUEST_GDTR_BASE, s->gdt_base);
    vm_write(GUEST_GDTR_LIMIT, s->gdt_limit);
    vm_write(GUEST_IDTR_BASE, 0);
    vm_write(GUEST_IDTR_LIMIT, s->long64 ? 0 : 0x3ff);
}

static void set_guest_state(struct vcpu *v)
{
    const struct guest_start *s = &hv.start;

    memcpy(v->gpr, s->gpr, sizeof v->gpr);
    set_segments();
    vm_write(GUEST_RIP, s->rip);
    vm_write(GUEST_RSP, s->gpr[RSP]);
    vm_write(GUEST_RFLAGS, 2);
    vm_write(GUEST_CR3, s->cr3);
    vm_write(GUEST_EFER, s->long64 ? EFER_LME | EFER_LMA : 0);
    vm_write(GUEST_PAT, msr_read(MSR_PAT));
    vm_write(GUEST_DR7, 0x400);
    vm_write(GUEST_DEBUGCTL, 0);
    vm_write(GUEST_PENDING_DEBUG, 0);
    vm_write(GUEST_INTERRUPTIBILITY, 0);
    vm_write(GUEST_ACTIVITY, ACTIVITY_ACTIVE);
    vm_write(GUEST_SYSENTER_CS, 0);
    vm_write(GUEST_SYSENTER_ESP, 0);
    vm_write(GUEST_SYSENTER_EIP, 0);
    vm_write(VMCS_LINK, UINT64_MAX);
    cr_init(s->long64 ? 0x80010033 : 0x11,
            s->long64 ? CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT : 0);
}

void vm_create(struct vcpu *v)
{
    v->vmcs = page_take();
    *(u32 *)direct(v->vmcs) = (u32)msr_read(MSR_VMX_BASIC) & 0x7fffffff;
    if (!vmx_clear(v->vmcs) || !vmx_load(v->vmcs))
        hv_panic("the VMCS cannot be loaded");
    set_pin_controls();
    set_primary_controls(v);
    set_secondary_controls();
    set_transition_controls();
    set_bitmaps();
    vm_write(PF_ERROR_MASK, 0);
    vm_write(PF_ERROR_MATCH, 0);
    vm_write(EXCEPTION_BITMAP, hv.options.shadow ? 1u << 14 : 0);
    vm_write(CR3_TARGET_COUNT, 0);
    vm_write(EXIT_MSR_STORE_COUNT, 0);
    vm_write(EXIT_MSR_LOAD_COUNT, 0);
    vm_write(ENTRY_MSR_LOAD_COUNT, 0);
    vm_write(ENTRY_INTERRUPTION, 0);
    set_host_state();
    set_guest_state(v);
    if (hv.options.shadow) {
        shadow_init(v);
    } else {
        ept_check();
        u64 eptp = ept_build();
        vm_write(EPT_POINTER, eptp);
        invept(INVEPT_ALL, 0);
    }
    if (hv.options.vpid)
        invvpid(INVVPID_ALL, 0, 0);
}
