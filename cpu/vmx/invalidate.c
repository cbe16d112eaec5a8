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

static enum step operand_fails(struct cpu *c)
{
    vmx_fail(c, VMERR_INVALID_OPERAND);
    return STEP_NEXT;
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

/* One of the two instructions on its way: its type and its descriptor. */
struct operands {
    unsigned type;
    uint64_t low, high;
};

/* What both check, in the manual's order: the instruction's existence, the
 * level, the type before the descriptor is read. STEP_JUMP: go on with *v;
 * else it has failed and this is what to return. */
static enum step begin(struct cpu *c, const struct uop *u, uint64_t exists,
                       const struct type_row *rows, unsigned count,
                       struct operands *v)
{
    uint64_t caps = c->vmx->caps.ept_vpid;
    if ((caps & exists) == 0)
        return raise_ud(c);
    if (!vmx_insn_allowed(c))
        return STEP_FAULT;
    unsigned size = (c->mode & MODE_LONG) != 0 ? 8 : 4;
    uint64_t type = sys_read_reg(c, u->src, size);
    if (type >= count || (caps & rows[type].capability) == 0)
        return operand_fails(c);
    if (!int_load_part(c, u, 0, 8, &v->low) ||
        !int_load_part(c, u, 8, 8, &v->high))
        return STEP_FAULT;
    v->type = (unsigned)type;
    vmx_charge_n(c, rows[type].cost, 1);
    return STEP_JUMP;
}

#define TYPES(rows) rows, sizeof(rows) / sizeof(rows)[0]

enum step vmx_invept(struct cpu *c, const struct uop *u)
{
    struct operands v;
    enum step s = begin(c, u, EPT_CAP_INVEPT, TYPES(invept_types), &v);
    if (s != STEP_JUMP)
        return s;
    if (!invept_operands_ok(c, v.type, v.low, v.high))
        return operand_fails(c);
    TRACE(c, INVALIDATE, "invept", v.type, v.low, v.high);
    mmu_invept(c->mmu, (enum mmu_invept)v.type, v.low, v.high);
    return done(c);
}

/* The address is canonical by the processor's width, as INVPCID's is. */
enum step vmx_invvpid(struct cpu *c, const struct uop *u)
{
    struct operands v;
    enum step s = begin(c, u, EPT_CAP_INVVPID, TYPES(invvpid_types), &v);
    if (s != STEP_JUMP)
        return s;
    if (v.low >> 16 != 0 || (v.type != INVVPID_ALL && v.low == 0) ||
        (v.type == INVVPID_ADDRESS && !segment_canonical_register(c, v.high)))
        return operand_fails(c);
    TRACE(c, INVALIDATE, "invvpid", v.type, v.low, v.high);
    mmu_invvpid(c->mmu, (enum mmu_invvpid)v.type, (uint16_t)v.low, v.high);
    return done(c);
}
