/* SPDX-License-Identifier: Apache-2.0
 * Instructions that manage VMX operation and VMCSs, in the order of checks
 * of SDM Vol.3 "VMX Instruction Reference". Those that exit from non-root
 * operation were stopped by their intercept (vmx_xlat_intercept); what gets
 * here executes: everything in root operation, and VMREAD and VMWRITE of a
 * guest that the bitmaps send to the shadow VMCS.
 */
#include "cpu/vmx/insn.h"

#include "cpu/control.h"
#include "cpu/flags.h"
#include "cpu/int_callout.h"
#include "cpu/msr.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/wait.h"
#include "sim/base/bits.h"

#include <string.h>

/* What is left of the region after the revision and the abort indicator,
 * which the processor does not write here: software owns them. */
enum { VMCS_DATA = offsetof(struct vmcs, launched) };

/* --------------------------------------------------------------- results */

void vmx_succeed(struct cpu *c)
{
    flags_set_arith(c, 0);
}

void vmx_fail_invalid(struct cpu *c)
{
    flags_set_arith(c, FLAG_CF);
}

void vmx_fail(struct cpu *c, enum vmx_error error)
{
    if (c->vmx->current == VMX_NO_VMCS) {
        vmx_fail_invalid(c);
        return;
    }
    c->vmx->vmcs.instruction_error = (uint32_t)error;
    flags_set_arith(c, FLAG_ZF);
}

static enum step fail(struct cpu *c, enum vmx_error error)
{
    vmx_fail(c, error);
    return STEP_NEXT;
}

static enum step fail_invalid(struct cpu *c)
{
    vmx_fail_invalid(c);
    return STEP_NEXT;
}

static enum step succeed(struct cpu *c)
{
    vmx_succeed(c);
    return STEP_NEXT;
}

bool vmx_insn_allowed(struct cpu *c)
{
    if (!c->vmx->on)
        raise_ud(c);
    else if (cpu_cpl(c) != 0)
        raise_gp(c, 0);
    else
        return true;
    return false;
}

/* ------------------------------------------------- VMCSs and their memory */

/* A pointer that VMXON, VMPTRLD and VMCLEAR accept. */
static bool pointer_ok(const struct cpu *c, uint64_t pointer)
{
    return (pointer & 0xfff) == 0 &&
           (pointer & ~bits_mask(c->mmu_config.maxphyaddr)) == 0;
}

/* The first 4 bytes of a region; where nothing is, the bus reads as ones. */
static uint32_t region_revision(struct cpu *c, uint64_t pointer)
{
    uint32_t revision;
    if (!vmx_phys_read(c, pointer, sizeof revision, &revision))
        return UINT32_MAX;
    return revision;
}

void vmx_store_current(struct cpu *c)
{
    struct vmx *x = c->vmx;
    if (x->current != VMX_NO_VMCS)
        (void)vmx_phys_write(c, x->current + VMCS_DATA,
                             sizeof x->vmcs - VMCS_DATA,
                             (const char *)&x->vmcs + VMCS_DATA);
}

/* A region outside RAM was refused by its revision, but for the revision
 * that all ones show. */
static void load_current(struct cpu *c, uint64_t pointer)
{
    struct vmx *x = c->vmx;
    if (x->current == pointer)
        return;
    vmx_store_current(c);
    x->current = pointer;
    if (!vmx_phys_read(c, pointer, sizeof x->vmcs, &x->vmcs))
        memset(&x->vmcs, 0xff, sizeof x->vmcs);
}

/* Move slot n of the list to its front. */
static void to_front(struct vmx *x, unsigned n, uint64_t pointer)
{
    memmove(&x->cached[1], &x->cached[0], n * sizeof x->cached[0]);
    x->cached[0] = pointer;
}

void vmx_touch_vmcs(struct cpu *c, uint64_t pointer)
{
    struct vmx *x = c->vmx;
    if (x->cached[0] == pointer)
        return;
    unsigned size = c->config.vtx.vmcs_cache, n = 1;
    while (n < size && x->cached[n] != pointer)
        n++;
    if (n == size) {
        vmx_charge(c, vmcs_cold);
        n = size - 1;
    }
    to_front(x, n, pointer);
}

/* The VMCS's data are in memory again. */
static void forget_vmcs(struct vmx *x, uint64_t pointer)
{
    const unsigned slots = sizeof x->cached / sizeof x->cached[0];
    for (unsigned n = 0; n < slots; n++) {
        if (x->cached[n] != pointer)
            continue;
        memmove(&x->cached[n], &x->cached[n + 1],
                (slots - n - 1) * sizeof x->cached[0]);
        x->cached[slots - 1] = VMX_NO_VMCS;
        return;
    }
}

/* --------------------------------------------------------- VMXON, VMXOFF */

/* Values of CR0 and CR4 that VMX operation supports. */
static bool fixed_bits_ok(const struct cpu *c)
{
    const struct vmx_caps *k = &c->vmx->caps;
    return (c->cr0 & k->cr0_fixed0) == k->cr0_fixed0 &&
           (c->cr0 & ~k->cr0_fixed1) == 0 &&
           (c->cr4 & k->cr4_fixed0) == k->cr4_fixed0 &&
           (c->cr4 & ~k->cr4_fixed1) == 0;
}

static bool may_enter(const struct cpu *c)
{
    const uint64_t needed = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX;
    return cpu_cpl(c) == 0 && !c->vmx->a20_closed && fixed_bits_ok(c) &&
           (c->msr.feature_control & needed) == needed;
}

/* INIT waits (event.c), A20M# has no effect (cpu_set_a20), no line is
 * monitored any more. */
static void enter_operation(struct cpu *c, uint64_t pointer)
{
    c->vmx->on = true;
    c->vmx->vmxon = pointer;
    c->vmx->current = VMX_NO_VMCS;
    wait_reset(c);
}

enum step vmx_vmxon(struct cpu *c, const struct uop *u)
{
    if ((c->cr4 & CR4_VMXE) == 0)
        return raise_ud(c);
    if (c->vmx->on) {
        if (cpu_cpl(c) != 0)
            return raise_gp(c, 0);
        return fail(c, VMERR_VMXON_IN_ROOT);
    }
    if (!may_enter(c))
        return raise_gp(c, 0);
    uint64_t pointer;
    if (!int_load_part(c, u, 0, 8, &pointer))
        return STEP_FAULT;
    vmx_charge(c, vmxon);
    /* Bit 31 must be clear too. */
    if (!pointer_ok(c, pointer) ||
        region_revision(c, pointer) != c->config.vtx.revision)
        return fail_invalid(c);
    enter_operation(c, pointer);
    return succeed(c);
}

enum step vmx_vmxoff(struct cpu *c, const struct uop *u)
{
    (void)u;
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    vmx_charge(c, vmxon);
    vmx_store_current(c);
    c->vmx->current = VMX_NO_VMCS;
    c->vmx->on = false;
    wait_reset(c);
    vmx_apply_a20(c);
    event_notify(c); /* an INIT that waited */
    return succeed(c);
}

/* -------------------------------------------- VMCLEAR, VMPTRLD, VMPTRST */

enum step vmx_vmclear(struct cpu *c, const struct uop *u)
{
    struct vmx *x = c->vmx;
    uint64_t pointer;
    if (!vmx_insn_allowed(c) || !int_load_part(c, u, 0, 8, &pointer))
        return STEP_FAULT;
    vmx_charge(c, vmclear);
    if (!pointer_ok(c, pointer))
        return fail(c, VMERR_VMCLEAR_ADDRESS);
    if (pointer == x->vmxon)
        return fail(c, VMERR_VMCLEAR_VMXON);
    if (pointer == x->current) {
        x->vmcs.launched = 0;
        vmx_store_current(c);
        x->current = VMX_NO_VMCS;
    } else {
        uint32_t clear = 0;
        (void)vmx_phys_write(c, pointer + offsetof(struct vmcs, launched),
                             sizeof clear, &clear);
    }
    forget_vmcs(x, pointer);
    return succeed(c);
}

enum step vmx_vmptrld(struct cpu *c, const struct uop *u)
{
    uint64_t pointer;
    if (!vmx_insn_allowed(c) || !int_load_part(c, u, 0, 8, &pointer))
        return STEP_FAULT;
    vmx_charge(c, vmptrld);
    if (!pointer_ok(c, pointer))
        return fail(c, VMERR_VMPTRLD_ADDRESS);
    if (pointer == c->vmx->vmxon)
        return fail(c, VMERR_VMPTRLD_VMXON);
    uint32_t revision = region_revision(c, pointer);
    if ((revision & ~VMCS_SHADOW) != c->config.vtx.revision ||
        ((revision & VMCS_SHADOW) != 0 && !c->config.vtx.shadow_vmcs))
        return fail(c, VMERR_VMPTRLD_REVISION);
    load_current(c, pointer);
    vmx_touch_vmcs(c, pointer);
    return succeed(c);
}

enum step vmx_vmptrst(struct cpu *c, const struct uop *u)
{
    if (!vmx_insn_allowed(c) ||
        !int_store_part(c, u, 0, 8, c->vmx->current, true))
        return STEP_FAULT;
    return succeed(c);
}

/* ------------------------------------------------------- VMREAD, VMWRITE */

/* The VMCS that the instruction accesses: the current one, or in non-root
 * operation the one that the VMCS link pointer names, in memory. */
static uint64_t accessed_vmcs(const struct cpu *c)
{
    return c->vmx_guest ? c->vmx->vmcs.vmcs_link : c->vmx->current;
}

static void charge_access(struct cpu *c, uint64_t pointer, bool write)
{
    vmx_touch_vmcs(c, pointer);
    if (write)
        vmx_charge(c, vmwrite);
    else
        vmx_charge(c, vmread);
    if (c->vmx_guest)
        vmx_charge(c, vmcs_shadow);
}

static unsigned access_size(const struct cpu *c)
{
    return (c->mode & MODE_LONG) != 0 ? 8 : 4;
}

enum step vmx_vmread(struct cpu *c, const struct uop *u)
{
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    uint64_t pointer = accessed_vmcs(c), value;
    unsigned size = access_size(c);
    if (pointer == VMX_NO_VMCS)
        return fail_invalid(c);
    charge_access(c, pointer, false);
    bool high;
    const struct vmcs_field *d =
        vmcs_find(&c->config.vtx, sys_read_reg(c, u->src, size), &high);
    if (d == NULL)
        return fail(c, VMERR_UNSUPPORTED_FIELD);
    if (c->vmx_guest) {
        value = 0;
        (void)vmx_phys_read(c, pointer + d->offset, d->bytes, &value);
        value = high ? value >> 32 : value;
    } else {
        value = vmcs_get(&c->vmx->vmcs, d, high);
    }
    if ((u->aux & VMX_AUX_REGISTER) != 0)
        sys_write_reg(c, u->dst, size, value);
    else if (!int_store_part(c, u, 0, size, value, true))
        return STEP_FAULT;
    return succeed(c);
}

/* Bits of the value beyond the field are ignored, those that a 32-bit
 * operand lacks are 0. */
static void write_shadow(struct cpu *c, uint64_t pointer,
                         const struct vmcs_field *d, bool high, uint64_t value)
{
    if (high)
        (void)vmx_phys_write(c, pointer + d->offset + 4, 4, &value);
    else
        (void)vmx_phys_write(c, pointer + d->offset, d->bytes, &value);
}

enum step vmx_vmwrite(struct cpu *c, const struct uop *u)
{
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    uint64_t pointer = accessed_vmcs(c), value;
    unsigned size = access_size(c);
    if (pointer == VMX_NO_VMCS)
        return fail_invalid(c);
    if ((u->aux & VMX_AUX_REGISTER) != 0)
        value = sys_read_reg(c, u->dst, size);
    else if (!int_load_part(c, u, 0, size, &value))
        return STEP_FAULT;
    charge_access(c, pointer, true);
    bool high;
    const struct vmcs_field *d =
        vmcs_find(&c->config.vtx, sys_read_reg(c, u->src, size), &high);
    if (d == NULL)
        return fail(c, VMERR_UNSUPPORTED_FIELD);
    if (vmcs_type(d->encoding) == VMCS_READ_ONLY && !c->config.vtx.vmwrite_any)
        return fail(c, VMERR_READ_ONLY_FIELD);
    if (c->vmx_guest)
        write_shadow(c, pointer, d, high, value);
    else
        vmcs_set(&c->vmx->vmcs, d, high, value);
    return succeed(c);
}

/* -------------------------------------------- VMLAUNCH, VMRESUME, VMCALL */

/* The instruction before was MOV to SS or POP SS, whose shadow covers this
 * one; this one counts as retired already. */
static bool blocked_by_mov_ss(const struct cpu *c)
{
    return c->shadow_mov_ss && c->account.instructions <= c->shadow_insn + 1;
}

static enum step enter(struct cpu *c, bool launch)
{
    struct vmx *x = c->vmx;
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    if (x->current == VMX_NO_VMCS || (x->vmcs.revision & VMCS_SHADOW) != 0)
        return fail_invalid(c);
    if (blocked_by_mov_ss(c))
        return fail(c, VMERR_ENTRY_MOV_SS);
    if (launch && x->vmcs.launched != 0)
        return fail(c, VMERR_VMLAUNCH_NOT_CLEAR);
    if (!launch && x->vmcs.launched == 0)
        return fail(c, VMERR_VMRESUME_NOT_LAUNCHED);
    vmx_touch_vmcs(c, x->current);
    return vmx_enter(c, launch);
}

enum step vmx_vmlaunch(struct cpu *c, const struct uop *u)
{
    (void)u;
    return enter(c, true);
}

enum step vmx_vmresume(struct cpu *c, const struct uop *u)
{
    (void)u;
    return enter(c, false);
}

/* Alone among them it exits from any mode of a guest, so that its own mode
 * is looked at here: root operation leaves compatibility mode. */
enum step vmx_vmcall(struct cpu *c, const struct uop *u)
{
    (void)u;
    if (!c->vmx->on || (c->mode & (MODE_PROT | MODE_V86)) != MODE_PROT ||
        (c->mode & (MODE_LMA | MODE_LONG)) == MODE_LMA)
        return raise_ud(c);
    if (cpu_cpl(c) != 0)
        return raise_gp(c, 0);
    return fail(c, VMERR_VMCALL_IN_ROOT);
}
