/* SPDX-License-Identifier: Apache-2.0
 * VMCSs that VM entry accepts, and what its checks look at, without a
 * processor: for tests that change one thing.
 */
#ifndef VTSIM_TESTS_UNIT_VMCS_RIG_H
#define VTSIM_TESTS_UNIT_VMCS_RIG_H

#include "cpu/control.h"
#include "cpu/state.h"
#include "cpu/vmx/check.h"
#include "sim/base/bits.h"

#include <string.h>

enum rig_base {
    MIN64,  /* 64-bit guest and host, no control that can be 0 */
    FULL64, /* the same with every control that goes together, LDTR, lists */
    PAE32,  /* 32-bit guest with PAE paging, without EPT */
    REAL,   /* unrestricted guest in real mode */
    V86,    /* guest in virtual-8086 mode */
    LEGACY, /* like PAE32, of a 32-bit host */
    RIG_BASES
};

enum {
    RIG_MAXPHYADDR = 46,
    RIG_MEMORY = 0x8000,
    RIG_IO = 0x1000,
    RIG_APIC = 0x3000, /* virtual-APIC page; VTPR 50h */
    RIG_CURRENT = 0x4000,
    RIG_LINK = 0x5000,
    RIG_PDPTES = 0x6000, /* 4 entries that PAE paging accepts */
};

struct vmcs_rig {
    struct vmcs v;
    struct vmx_caps caps;
    struct cpu_config config;
    struct vmx_check k;
    uint8_t memory[RIG_MEMORY];
};

static bool rig_read(void *self, hpa at, unsigned len, void *out)
{
    const struct vmcs_rig *r = self;
    if (at.v >= RIG_MEMORY || RIG_MEMORY - at.v < len)
        return false;
    memcpy(out, r->memory + at.v, len);
    return true;
}

static inline void rig_put32(struct vmcs_rig *r, unsigned at, uint32_t value)
{
    memcpy(r->memory + at, &value, sizeof value);
}

static inline void rig_put64(struct vmcs_rig *r, unsigned at, uint64_t value)
{
    memcpy(r->memory + at, &value, sizeof value);
}

/* After a change of the configuration. */
static inline void rig_caps(struct vmcs_rig *r)
{
    vmx_caps_init(&r->caps, &r->config, RIG_MAXPHYADDR);
}

/* A processor with every feature. */
static inline void rig_config(struct vmcs_rig *r)
{
    struct cpu_config *c = &r->config;
#define OPTIONAL(field, feature, doc) c->field = true;
#include "cpu/optional_features.def"
#undef OPTIONAL
#define VTX(field, doc) c->vtx.field = true;
#include "cpu/vmx/features.def"
#undef VTX
    c->linear_bits = 48;
    c->vtx.revision = 0x11;
    c->vtx.region_size = 1024;
    c->vtx.timer_shift = 5;
    c->vtx.cr3_targets = 4;
    c->vtx.msr_list_max = 512;
    rig_caps(r);
}

static inline void rig_segment(struct vmcs_rig *r, unsigned seg,
                               uint16_t selector, uint64_t base, uint32_t limit,
                               uint32_t rights)
{
    const struct segment s = {base, limit, rights, selector};
    vmcs_set_segment(&r->v, seg, &s);
}

/* The controls that must be 1, with which the rest may be 0. */
static inline void rig_controls(struct vmcs_rig *r)
{
    r->v.pin_controls = (uint32_t)r->caps.true_pin;
    r->v.primary_controls = (uint32_t)r->caps.true_primary;
    r->v.exit_controls = (uint32_t)r->caps.true_exit | EXIT_HOST64;
    r->v.entry_controls = (uint32_t)r->caps.true_entry;
    r->v.vpid = 1;
    r->v.eptp = 0x7000 | 6 | 3 << 3;
    r->v.virtual_apic_address = RIG_APIC;
    r->v.vmcs_link = UINT64_MAX;
}

static inline void rig_host(struct vmcs_rig *r)
{
    struct vmcs *v = &r->v;
    v->host_cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE;
    v->host_cr4 = CR4_VMXE | CR4_PAE;
    v->host_cr3 = 0x7000;
    v->host_cs_selector = 0x08;
    v->host_ss_selector = v->host_ds_selector = v->host_es_selector = 0x10;
    v->host_fs_selector = v->host_gs_selector = 0x10;
    v->host_tr_selector = 0x18;
    v->host_rip = 0x400000;
    v->host_efer = EFER_LME | EFER_LMA;
    v->host_pat = v->guest_pat = UINT64_C(0x0007040600070406);
}

static inline void rig_guest(struct vmcs_rig *r, uint32_t code, uint32_t data)
{
    struct vmcs *v = &r->v;
    v->guest_cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE;
    v->guest_cr4 = CR4_VMXE | CR4_PAE;
    v->guest_cr3 = RIG_PDPTES;
    v->guest_dr7 = 0x400;
    v->guest_rflags = FLAG_ONE;
    v->guest_rip = 0x1000;
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        rig_segment(r, s, 0x10, 0, UINT32_MAX, data);
    rig_segment(r, SEG_CS, 0x08, 0, UINT32_MAX, code);
    rig_segment(r, SEG_LDTR, 0, 0, 0, SEG_ATTR_UNUSABLE);
    rig_segment(r, SEG_TR, 0x18, 0x2000, 0x67, 0x8b);
}

/* Everything but what excludes another: x2APIC mode. */
static inline void rig_full(struct vmcs_rig *r)
{
    struct vmcs *v = &r->v;
    v->pin_controls = (uint32_t)(r->caps.true_pin >> 32);
    v->primary_controls = (uint32_t)(r->caps.true_primary >> 32);
    v->secondary_controls =
        (uint32_t)(r->caps.secondary >> 32) & ~(uint32_t)PROC2_X2APIC;
    v->tertiary_controls = r->caps.tertiary;
    v->exit_controls = (uint32_t)(r->caps.true_exit >> 32);
    v->entry_controls = (uint32_t)(r->caps.true_entry >> 32);
    v->cr3_target_count = 4;
    v->vm_functions = 1;
    v->vmm_timer_config = 1;
    v->posted_vector = 0xf2;
    v->io_bitmap_a = v->io_bitmap_b = v->msr_bitmap = RIG_IO;
    v->exit_msr_store_count = v->exit_msr_load_count = 2;
    v->entry_msr_load_count = 2;
    v->exit_msr_store_address = v->exit_msr_load_address = 0x7000;
    v->entry_msr_load_address = 0x7000;
    v->vmcs_link = RIG_LINK;
    v->guest_efer = v->host_efer = EFER_LME | EFER_LMA;
    rig_segment(r, SEG_LDTR, 0x20, 0x2100, 0xfff, 0x82);
}

static inline void rig_real(struct vmcs_rig *r)
{
    struct vmcs *v = &r->v;
    v->primary_controls |= PROC_SECONDARY;
    v->secondary_controls = PROC2_EPT | PROC2_UNRESTRICTED;
    v->guest_cr0 = CR0_NE | CR0_ET;
    v->guest_cr4 = CR4_VMXE;
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        rig_segment(r, s, 0x100, 0x1000, 0xffff, 0x93);
}

static inline void rig_v86(struct vmcs_rig *r)
{
    r->v.guest_rflags |= FLAG_VM;
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        rig_segment(r, s, 0x123, 0x1230, 0xffff, 0xf3);
}

static inline void rig_memory(struct vmcs_rig *r, enum rig_base base)
{
    memset(r->memory, 0, sizeof r->memory);
    r->memory[RIG_APIC + 0x80] = 0x50;
    rig_put32(r, RIG_LINK,
              r->config.vtx.revision | (base == FULL64 ? VMCS_SHADOW : 0));
    for (unsigned i = 0; i < 4; i++)
        rig_put64(r, RIG_PDPTES + 8 * i, 0x7000 | 1);
}

static inline void rig_make(struct vmcs_rig *r, enum rig_base base)
{
    memset(r, 0, sizeof *r);
    rig_config(r);
    rig_memory(r, base);
    r->k = (struct vmx_check){
        .v = &r->v,
        .caps = &r->caps,
        .config = &r->config,
        .maxphyaddr = RIG_MAXPHYADDR,
        .current_vmcs = RIG_CURRENT,
        .vmxon = 0x2000,
        .ia32e = base != LEGACY,
        .efer_allowed = EFER_SCE | EFER_LME | EFER_NXE,
        .debugctl_allowed = 0x803,
        .perf_global_allowed = UINT64_C(0x70000000f),
        .memory = {r, rig_read, NULL},
    };
    bool is_64 = base == MIN64 || base == FULL64;
    rig_controls(r);
    rig_host(r);
    rig_guest(r, is_64 ? 0xa09b : 0xc09b, 0xc093);
    if (is_64)
        r->v.entry_controls |= ENTRY_IA32E;
    if (base == FULL64)
        rig_full(r);
    if (base == REAL)
        rig_real(r);
    if (base == V86)
        rig_v86(r);
    if (base == LEGACY)
        r->v.exit_controls &= ~(uint32_t)EXIT_HOST64;
}

#endif
