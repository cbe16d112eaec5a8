/* SPDX-License-Identifier: Apache-2.0
 * Control registers in VMX non-root operation: guest/host masks and read
 * shadows, CR3 targets, exits. What a write that does not exit may hold is
 * cpu/control.c's to say. SDM Vol.3 "Instructions That Cause VM Exits
 * Conditionally", "Changes to Instruction Behavior in VMX Non-Root
 * Operation", "Exit Qualification for Control-Register Accesses".
 */
#include "cpu/control.h"
#include "cpu/vmx/vmx.h"

/* Fields of the exit qualification. */
enum {
    ACCESS_MOV_TO = 0 << 4,
    ACCESS_MOV_FROM = 1 << 4,
    ACCESS_CLTS = 2 << 4,
    ACCESS_LMSW = 3 << 4,
    LMSW_MEMORY = 1 << 6,
    CR_GPR_SHIFT = 8,
    LMSW_SOURCE_SHIFT = 16,
};

static enum step exit_access(struct cpu *c, uint64_t qualification)
{
    return vmx_exit_insn(c, REASON_CR_ACCESS, qualification, 0);
}

static uint64_t mask_of(const struct vmcs *v, unsigned number)
{
    return number == 0 ? v->cr0_mask : v->cr4_mask;
}

static uint64_t shadow_of(const struct vmcs *v, unsigned number)
{
    return number == 0 ? v->cr0_shadow : v->cr4_shadow;
}

uint64_t vmx_read_cr(const struct cpu *c, unsigned number)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if (number == 8)
        return vmx_apic_read_cr8(c);
    uint64_t value = control_read(c, number);
    if (number != 0 && number != 4)
        return value;
    uint64_t mask = mask_of(v, number);
    return (value & ~mask) | (shadow_of(v, number) & mask);
}

/* The host's bits stay as they are. */
static uint64_t merge(const struct cpu *c, unsigned number, uint64_t v)
{
    uint64_t mask = mask_of(&c->vmx->vmcs, number);
    return (control_read(c, number) & mask) | (v & ~mask);
}

static bool is_cr3_target(const struct vmcs *v, uint64_t cr3)
{
    const uint64_t target[] = {v->cr3_target_0, v->cr3_target_1,
                               v->cr3_target_2, v->cr3_target_3};
    for (unsigned i = 0; i < v->cr3_target_count && i < 4; i++)
        if (target[i] == cr3)
            return true;
    return false;
}

static bool write_exits(const struct cpu *c, unsigned number, uint64_t v)
{
    const struct vmcs *vmcs = &c->vmx->vmcs;
    switch (number) {
    case 0:
    case 4: return ((v ^ shadow_of(vmcs, number)) & mask_of(vmcs, number)) != 0;
    case 3:
        return (c->vmx->proc & PROC_CR3_LOAD) != 0 && !is_cr3_target(vmcs, v);
    case 8: return (c->vmx->proc & PROC_CR8_LOAD) != 0;
    default: return false;
    }
}

enum step vmx_mov_to_cr(struct cpu *c, unsigned number, unsigned gpr,
                        uint64_t v)
{
    if (write_exits(c, number, v))
        return exit_access(c, number | ACCESS_MOV_TO | gpr << CR_GPR_SHIFT);
    if (number == 8)
        return vmx_apic_write_cr8(c, v);
    if (number == 0 || number == 4)
        v = merge(c, number, v);
    return control_write(c, number, v);
}

enum step vmx_mov_from_cr(struct cpu *c, unsigned number, unsigned gpr)
{
    uint32_t control = number == 3   ? PROC_CR3_STORE
                       : number == 8 ? PROC_CR8_STORE
                                     : 0;
    if ((c->vmx->proc & control) == 0)
        return STEP_NEXT;
    return exit_access(c, number | ACCESS_MOV_FROM | gpr << CR_GPR_SHIFT);
}

enum step vmx_clts(struct cpu *c)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if ((v->cr0_mask & CR0_TS) == 0) {
        c->cr0 &= ~(uint64_t)CR0_TS;
        cpu_update_mode(c);
        return STEP_NEXT;
    }
    if ((v->cr0_shadow & CR0_TS) == 0)
        return STEP_NEXT;
    return exit_access(c, ACCESS_CLTS);
}

/* LMSW can set PE but not clear it, so that a clear PE in its source asks
 * for nothing. */
enum step vmx_lmsw(struct cpu *c, uint16_t source, bool memory, uint64_t linear)
{
    const struct vmcs *v = &c->vmx->vmcs;
    uint64_t written = 0xe | (source & CR0_PE);
    if (((source ^ v->cr0_shadow) & v->cr0_mask & written) != 0) {
        enum step s = exit_access(c, ACCESS_LMSW | (memory ? LMSW_MEMORY : 0) |
                                         (uint64_t)source << LMSW_SOURCE_SHIFT);
        if (memory)
            c->vmx->exit.linear = linear;
        return s;
    }
    uint64_t value = (c->cr0 & ~written) | (source & written);
    return control_write(c, 0, merge(c, 0, value));
}
