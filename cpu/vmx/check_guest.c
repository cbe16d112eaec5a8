/* SPDX-License-Identifier: Apache-2.0
 * Rules of VM entry on the guest-state area. SDM Vol.3 "Checks on the Guest
 * State Area".
 */
#include "cpu/vmx/check_inside.h"

/* --- Registers ------------------------------------------------------------ */

/* The guest will be in virtual-8086 mode. */
static bool check_v86(const struct vmcs *v)
{
    return (v->guest_rflags & FLAG_VM) != 0;
}

/* The guest will run 64-bit code. */
static bool check_code64(const struct vmcs *v)
{
    return IA32E && (v->guest_cs_rights & SEG_ATTR_L) != 0;
}

static bool check_high_equal(const struct vmx_check *k, uint64_t address)
{
    uint64_t high = address >> k->config->linear_bits;
    return high == 0 || high == UINT64_MAX >> k->config->linear_bits;
}

/* The bits of RFLAGS that may have either value. */
static uint64_t check_flags(void)
{
    return FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT |
           FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF | FLAG_VIP | FLAG_ID;
}

/* --- Segments: granularity against limit ---------------------------------- */

static bool check_g_clear(uint32_t rights, uint32_t limit)
{
    return (rights & SEG_ATTR_G) == 0 || (limit & 0xfff) == 0xfff;
}

static bool check_g_set(uint32_t rights, uint32_t limit)
{
    return (rights & SEG_ATTR_G) != 0 || limit >> 20 == 0;
}

/* --- Pending debug exceptions --------------------------------------------- */

/* A single-step trap that is due must be pending, and no other can be. */
static bool check_step_due(const struct vmcs *v)
{
    return (v->guest_interruptibility & (BLOCK_STI | BLOCK_MOV_SS)) != 0 ||
           v->guest_activity == GUEST_HLT;
}

static bool check_steps(const struct vmcs *v)
{
    return (v->guest_rflags & FLAG_TF) != 0 &&
           (v->guest_debugctl & DEBUGCTL_BTF) == 0;
}

/* --- Memory --------------------------------------------------------------- */

/* The bits `mask` of the first 4 bytes of the VMCS that the link pointer
 * names, if it is one that can be followed. */
static bool check_link(const struct vmx_check *k, uint32_t mask, uint32_t due)
{
    uint64_t at = k->v->vmcs_link;
    if (at == UINT64_MAX || check_physical(k, at, PAGE_SIZE) != 0)
        return true;
    uint32_t head;
    check_read(k, at, sizeof head, &head);
    return ((head ^ due) & mask) == 0;
}

static bool check_pae(const struct vmcs *v)
{
    return !IA32E && (v->guest_cr0 & CR0_PG) != 0 &&
           (v->guest_cr4 & CR4_PAE) != 0;
}

static uint64_t check_pdpte(const struct vmx_check *k, uint64_t entry)
{
    const uint64_t reserved = 0x1e6;
    return WHEN((entry & 1) != 0, (entry & reserved) | check_wide(k, entry));
}

static bool check_pdptes(const struct vmx_check *k)
{
    uint64_t entry[4];
    check_read(k, k->v->guest_cr3 & UINT32_C(0xffffffe0), sizeof entry, entry);
    for (unsigned i = 0; i < 4; i++)
        if (check_pdpte(k, entry[i]) != 0)
            return false;
    return true;
}

#define CHECK_RULES  "cpu/vmx/check_guest.def"
#define CHECK_PREFIX "guest"
#define CHECK_GROUP  guest
#include "cpu/vmx/check_expand.h"
