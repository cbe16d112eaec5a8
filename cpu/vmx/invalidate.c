/* SPDX-License-Identifier: Apache-2.0
 * INVEPT and INVVPID. SDM Vol.3 "VMX Instruction Reference"; INVEPT types 0,
 * 3 and 4 are private (core.vtx.extensions), and so are their capability
 * bits.
 */
#include "cpu/int_callout.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/trace.h"
#include "cpu/vmx/insn.h"
#include "sim/base/bits.h"

/* Types that there are: the capability bit and the cost of each. */
struct type_row {
    uint64_t capability;
    enum vmx_cost cost;
};

static const struct type_row invept_types[] = {
    [INVEPT_INDIVIDUAL] = {EPT_CAP_INVEPT_0, VMXC_invept_individual},
    [INVEPT_SINGLE] = {EPT_CAP_INVEPT_1, VMXC_invept_single},
    [INVEPT_GLOBAL] = {EPT_CAP_INVEPT_2, VMXC_invept_global},
    [INVEPT_REGION] = {EPT_CAP_INVEPT_3, VMXC_invept_region},
    [INVEPT_UPDATE] = {EPT_CAP_INVEPT_4, VMXC_invept_update},
};

static const struct type_row invvpid_types[] = {
    [INVVPID_ADDRESS] = {EPT_CAP_INVVPID_0, VMXC_invvpid_address},
    [INVVPID_SINGLE] = {EPT_CAP_INVVPID_1, VMXC_invvpid_single},
    [INVVPID_ALL] = {EPT_CAP_INVVPID_2, VMXC_invvpid_all},
    [INVVPID_RETAIN] = {EPT_CAP_INVVPID_3, VMXC_invvpid_retain},
};

/* The row of the type in the register operand, or NULL. */
static const struct type_row *find_type(const struct cpu *c,
                                        const struct uop *u,
                                        const struct type_row *rows,
                                        unsigned count, unsigned *type)
{
    unsigned size = (c->mode & MODE_LONG) != 0 ? 8 : 4;
    uint64_t t = sys_read_reg(c, u->src, size);
    if (t >= count || (c->vmx->caps.ept_vpid & rows[t].capability) == 0)
        return NULL;
    *type = (unsigned)t;
    return &rows[t];
}

static enum step operand_fails(struct cpu *c)
{
    vmx_fail(c, VMERR_INVALID_OPERAND);
    return STEP_NEXT;
}

static bool load_descriptor(struct cpu *c, const struct uop *u, uint64_t *low,
                            uint64_t *high)
{
    return int_load_part(c, u, 0, 8, low) && int_load_part(c, u, 8, 8, high);
}

static enum step done(struct cpu *c)
{
    engine_reset_fetch(c);
    vmx_succeed(c);
    return STEP_NEXT;
}

/* Guest-physical address within reach of the root's walk and of the
 * processor. */
static bool gpa_fits(const struct cpu *c, uint64_t eptp, uint64_t at)
{
    unsigned levels = (unsigned)(eptp >> 3 & 7) + 1;
    unsigned reach = 12 + 9 * levels;
    unsigned bits = c->mmu_config.maxphyaddr;
    return (at & ~bits_mask(reach < bits ? reach : bits)) == 0;
}

/* A naturally aligned power of two of pages. */
static bool region_ok(const struct cpu *c, uint64_t base, uint64_t size)
{
    return size >= PAGE_SIZE && (size & (size - 1)) == 0 &&
           (base & (size - 1)) == 0 &&
           (base & ~bits_mask(c->mmu_config.maxphyaddr)) == 0;
}

static bool invept_operands_ok(const struct cpu *c, unsigned type, uint64_t low,
                               uint64_t high)
{
    if (type == INVEPT_GLOBAL)
        return true;
    if (type == INVEPT_REGION)
        return region_ok(c, low, high);
    if (!vmx_eptp_valid(&c->vmx->caps, c->mmu_config.maxphyaddr, low))
        return false;
    return type == INVEPT_SINGLE || gpa_fits(c, low, high);
}

enum step vmx_invept(struct cpu *c, const struct uop *u)
{
    if ((c->vmx->caps.ept_vpid & EPT_CAP_INVEPT) == 0)
        return raise_ud(c);
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    unsigned type;
    const struct type_row *row =
        find_type(c, u, invept_types,
                  sizeof invept_types / sizeof invept_types[0], &type);
    if (row == NULL)
        return operand_fails(c);
    uint64_t low, high;
    if (!load_descriptor(c, u, &low, &high))
        return STEP_FAULT;
    vmx_charge_n(c, row->cost, 1);
    if (!invept_operands_ok(c, type, low, high))
        return operand_fails(c);
    TRACE(c, INVALIDATE, "invept", type, low, high);
    mmu_invept(c->mmu, (enum mmu_invept)type, low, high);
    return done(c);
}

enum step vmx_invvpid(struct cpu *c, const struct uop *u)
{
    if ((c->vmx->caps.ept_vpid & EPT_CAP_INVVPID) == 0)
        return raise_ud(c);
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    unsigned type;
    const struct type_row *row =
        find_type(c, u, invvpid_types,
                  sizeof invvpid_types / sizeof invvpid_types[0], &type);
    if (row == NULL)
        return operand_fails(c);
    uint64_t low, high;
    if (!load_descriptor(c, u, &low, &high))
        return STEP_FAULT;
    vmx_charge_n(c, row->cost, 1);
    if (low >> 16 != 0 || (type != INVVPID_ALL && low == 0) ||
        (type == INVVPID_ADDRESS && !segment_canonical(c, high)))
        return operand_fails(c);
    TRACE(c, INVALIDATE, "invvpid", type, low, high);
    mmu_invvpid(c->mmu, (enum mmu_invvpid)type, (uint16_t)low, high);
    return done(c);
}
