/* SPDX-License-Identifier: Apache-2.0
 * The rig of sys_rig.h with a VMCS: the core enters VMX non-root operation in
 * the mode it was put in, runs bytes of code there, and halts in the guest or
 * in the host after an exit. For tests of what VM-execution controls do.
 */
#ifndef VTSIM_TESTS_UNIT_VMX_RIG_H
#define VTSIM_TESTS_UNIT_VMX_RIG_H

#include "cpu/vmx/check.h"
#include "cpu/vmx/vmx.h"
#include "tests/unit/sys_rig.h"

enum {
    VMX_HOST = 0x28000, /* host RIP: HLT */
    VMX_HOST_STACK = 0x2a000,
    VMX_REGION = 0x100000,
    VMX_VMCS = 0x101000,
    VMX_LINK = 0x102000,
    VMX_IO_A = 0x103000, /* two pages */
    VMX_IO_B = 0x104000,
    VMX_MSR_BITMAP = 0x105000,
    VMX_READ_BITMAP = 0x106000,
    VMX_WRITE_BITMAP = 0x107000,
    VMX_APIC_PAGE = 0x108000,
    VMX_VE_AREA = 0x109000,
    VMX_EPTP_LIST = 0x10a000,
    VMX_EPT_PML4 = 0x110000, /* identity, 2-MByte pages; second root behind */
    VMX_EPT_PDPT = 0x111000,
    VMX_EPT_PD = 0x112000,
    VMX_EPT_OTHER = 0x113000,
    VMX_PD32 = 0x114000, /* of a 32-bit guest: identity, 4-MByte pages */
};

struct vmx_rig {
    struct rig r;
    struct vmcs *v;    /* of the core: what VMWRITE writes */
    struct vmcs after; /* as the run left it; *v is as it was before */
    bool exited;
};

static inline uint64_t vmx_rig_eptp(uint64_t root)
{
    return root | 3 << 3 | 6; /* 4 levels, write-back */
}

static inline void vmx_rig_ept(struct rig *r)
{
    rig_put(r, VMX_EPT_PML4, VMX_EPT_PDPT | 7, 8);
    rig_put(r, VMX_EPT_OTHER, VMX_EPT_PDPT | 7, 8);
    rig_put(r, VMX_EPT_PDPT, VMX_EPT_PD | 7, 8);
    for (uint64_t i = 0; i < 8; i++)
        rig_put(r, VMX_EPT_PD + 8 * i, i << 21 | 6 << 3 | 0x87, 8);
}

/* Host state: 64-bit mode at level 0, as rig_long leaves it. */
static inline void vmx_rig_host(struct vmx_rig *x)
{
    struct cpu *c = x->r.c;
    struct vmcs *v = x->v;
    v->host_cr0 = c->cr0;
    v->host_cr3 = c->cr3;
    v->host_cr4 = c->cr4;
    v->host_efer = c->efer;
    v->host_pat = c->msr.pat;
    v->host_cs_selector = SEL_CODE64;
    v->host_ss_selector = v->host_ds_selector = SEL_DATA;
    v->host_es_selector = SEL_DATA;
    v->host_tr_selector = SEL_TSS;
    v->host_tr_base = RIG_TSS;
    v->host_gdtr_base = c->gdtr.base;
    v->host_idtr_base = c->idtr.base;
    v->host_rip = VMX_HOST;
    v->host_rsp = VMX_HOST_STACK;
    v->exit_controls = (uint32_t)c->vmx->caps.true_exit | EXIT_HOST64 |
                       EXIT_LOAD_EFER | EXIT_SAVE_EFER;
}

/* Guest state: the core's own, whatever mode it is in. */
static inline void vmx_rig_guest(struct vmx_rig *x)
{
    struct cpu *c = x->r.c;
    struct vmcs *v = x->v;
    v->guest_cr0 = c->cr0;
    v->guest_cr3 = c->cr3;
    v->guest_cr4 = c->cr4 | CR4_VMXE;
    v->guest_efer = c->efer;
    v->guest_dr7 = DR7_FIXED;
    for (unsigned i = 0; i < SEG_COUNT; i++)
        vmcs_set_segment(v, i, &c->seg[i]);
    v->guest_ldtr_rights = SEG_ATTR_UNUSABLE;
    v->guest_gdtr_base = c->gdtr.base;
    v->guest_gdtr_limit = c->gdtr.limit;
    v->guest_idtr_base = c->idtr.base;
    v->guest_idtr_limit = c->idtr.limit;
    v->guest_rip = c->rip;
    v->guest_rsp = c->gpr[REG_RSP];
    v->guest_rflags = c->eflags | FLAG_ONE;
    v->entry_controls = (uint32_t)c->vmx->caps.true_entry | ENTRY_LOAD_EFER |
                        ((c->efer & EFER_LMA) != 0 ? ENTRY_IA32E : 0);
}

static inline void vmx_rig_controls(struct vmx_rig *x)
{
    struct vmcs *v = x->v;
    const struct vmx_caps *k = &x->r.c->vmx->caps;
    v->pin_controls = (uint32_t)k->true_pin;
    v->primary_controls =
        (uint32_t)k->true_primary | PROC_SECONDARY | PROC_MSR_BITMAPS;
    v->secondary_controls = 0;
    v->io_bitmap_a = VMX_IO_A;
    v->io_bitmap_b = VMX_IO_B;
    v->msr_bitmap = VMX_MSR_BITMAP;
    v->vmread_bitmap = VMX_READ_BITMAP;
    v->vmwrite_bitmap = VMX_WRITE_BITMAP;
    v->virtual_apic_address = VMX_APIC_PAGE;
    v->ve_information = VMX_VE_AREA;
    v->eptp_list = VMX_EPTP_LIST;
    v->eptp = vmx_rig_eptp(VMX_EPT_PML4);
    v->tsc_multiplier = UINT64_C(1) << 48;
    v->vmcs_link = UINT64_MAX;
}

static inline void vmx_rig_create(struct vmx_rig *x,
                                  void (*tweak)(struct rig *))
{
    rig_create(&x->r, tweak);
    struct cpu *c = x->r.c;
    rig_long(&x->r, 0);
    c->cr4 |= CR4_VMXE;
    c->msr.feature_control = 5;
    cpu_update_mode(c);
    vmx_rig_ept(&x->r);
    rig_put(&x->r, VMX_HOST, 0xf4, 1);
    c->vmx->on = true;
    c->vmx->vmxon = VMX_REGION;
    c->vmx->current = VMX_VMCS;
    x->v = &c->vmx->vmcs;
    x->v->revision = c->config.vtx.revision;
    rig_put(&x->r, VMX_LINK, c->config.vtx.revision | VMCS_SHADOW, 4);
    vmx_rig_controls(x);
    vmx_rig_host(x);
    vmx_rig_guest(x);
}

static inline void vmx_rig_destroy(struct vmx_rig *x)
{
    rig_destroy(&x->r);
}

/* The guest will be in 64-bit mode, in 32-bit protected mode with paging, or,
 * unrestricted, in real mode. */
static inline void vmx_rig_long(struct vmx_rig *x, unsigned cpl)
{
    rig_long(&x->r, cpl);
    vmx_rig_guest(x);
}

static inline void vmx_rig_protected(struct vmx_rig *x, unsigned cpl)
{
    rig_protected(&x->r, cpl);
    for (uint64_t i = 0; i < 4; i++)
        rig_put(&x->r, VMX_PD32 + 4 * i, i << 22 | 0x87, 4);
    x->r.c->cr0 |= CR0_PG;
    x->r.c->cr3 = VMX_PD32;
    x->r.c->cr4 = CR4_PSE;
    vmx_rig_guest(x);
}

static inline void vmx_rig_real(struct vmx_rig *x)
{
    rig_real(&x->r);
    x->r.c->cr0 |= CR0_NE;
    x->r.c->cr4 = x->r.c->efer = 0;
    x->v->secondary_controls |= PROC2_EPT | PROC2_UNRESTRICTED;
    vmx_rig_guest(x);
}

static inline void vmx_rig_refused(const struct vmx_rig *x)
{
    struct cpu *c = x->r.c;
    struct vmx_check k = {.v = x->v,
                          .caps = &c->vmx->caps,
                          .config = &c->config,
                          .maxphyaddr = c->mmu_config.maxphyaddr,
                          .current_vmcs = VMX_VMCS,
                          .vmxon = VMX_REGION,
                          .ia32e = true,
                          .efer_allowed = UINT64_MAX,
                          .debugctl_allowed = UINT64_MAX,
                          .perf_global_allowed = UINT64_MAX};
    const struct vmx_rule *rule = vmx_check(CHECK_CONTROLS, &k);
    rule = rule != NULL ? rule : vmx_check(CHECK_HOST, &k);
    if (rule == NULL && x->v->vmcs_link == UINT64_MAX)
        rule = vmx_check(CHECK_GUEST, &k);
    ck_abort_msg("no entry: error %u, reason %x, rule %s",
                 x->v->instruction_error, x->v->exit_reason,
                 rule == NULL ? "of memory" : rule->name);
}

/* Enter as VMLAUNCH would from the host, and run the code until a HLT: of
 * the guest, or after an exit of the host. */
static inline void vmx_rig_go(struct vmx_rig *x, const char *hex)
{
    struct cpu *c = x->r.c;
    uint64_t gpr[16];
    memcpy(gpr, c->gpr, sizeof gpr);
    rig_hex(&x->r, RIG_CODE, hex);
    c->activity = ACTIVITY_RUN;
    c->event.valid = false;
    rig_long(&x->r, 0);
    memcpy(c->gpr, gpr, sizeof gpr);
    c->cr4 |= CR4_VMXE;
    cpu_update_mode(c);
    x->v->exit_reason = UINT32_MAX;
    struct vmcs before = *x->v;
    enum step s = vmx_enter(c, true);
    if (s != STEP_JUMP || x->v->exit_reason != UINT32_MAX)
        vmx_rig_refused(x);
    (void)cpu_run(c, c->account.cycles + 2000000);
    x->after = *x->v;
    x->exited = !c->vmx_guest;
    *x->v = before;
}

/* The code and HLT behind it. */
static inline void vmx_rig_run(struct vmx_rig *x, const char *hex)
{
    char code[64];
    snprintf(code, sizeof code, "%s f4", hex);
    vmx_rig_go(x, code);
}

/* The one instruction exits: before it, with its length. */
static inline void vmx_rig_exits(struct vmx_rig *x, const char *hex,
                                 unsigned reason, uint64_t qualification)
{
    const struct vmcs *v = &x->after;
    unsigned length = (unsigned)(strlen(hex) + 1) / 3;
    vmx_rig_run(x, hex);
    ck_assert_msg(x->exited, "%s: no exit, vector %d", hex, rig_vector(&x->r));
    ck_assert_msg(v->exit_reason == reason, "%s: reason %u", hex,
                  v->exit_reason);
    ck_assert_msg(v->exit_qualification == qualification,
                  "%s: qualification %llx", hex,
                  (unsigned long long)v->exit_qualification);
    ck_assert_msg(v->exit_instruction_length == length, "%s: length %u", hex,
                  v->exit_instruction_length);
    ck_assert_uint_eq(v->guest_rip, x->v->guest_rip);
}

/* `vector` is delivered in the guest; -1: the code came to its HLT. */
static inline void vmx_rig_faults(struct vmx_rig *x, const char *hex,
                                  int vector)
{
    vmx_rig_run(x, hex);
    ck_assert_msg(!x->exited, "%s: exit %u", hex, x->after.exit_reason);
    ck_assert_msg(rig_vector(&x->r) == vector, "%s: vector %d", hex,
                  rig_vector(&x->r));
    ck_assert_int_eq(x->r.c->activity, ACTIVITY_HLT);
}

#endif
