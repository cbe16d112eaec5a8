/* SPDX-License-Identifier: Apache-2.0
 * Control registers: the guest reads what it wrote, the processor runs with
 * what VMX and the monitor need besides. SDM Vol.3 "Guest/Host Masks and Read
 * Shadows for CR0 and CR4".
 */
#include "workloads/microhv/hv.h"

#define CR0_PE (1ull << 0)
#define CR0_ET (1ull << 4)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)

#define CR4_VMXE  (1ull << 13)
#define CR4_PCIDE (1ull << 17)

enum { MOV_TO, MOV_FROM, CLTS, LMSW };

u64 gpr_read(const struct vcpu *v, unsigned n)
{
    return n == RSP ? vm_read(GUEST_RSP) : v->gpr[n];
}

void gpr_write(struct vcpu *v, unsigned n, u64 value)
{
    if (n == RSP)
        vm_write(GUEST_RSP, value);
    else
        v->gpr[n] = value;
}

/* What the guest reads. */
static u64 view(enum vmcs_field real, enum vmcs_field mask,
                enum vmcs_field shadow)
{
    u64 m = vm_read(mask);

    return (vm_read(real) & ~m) | (vm_read(shadow) & m);
}

/* With shadow paging every bit that matters to paging exits, and the last
 * value is at hand. */
u64 paging_cr0(void)
{
    return hv.options.shadow ? hv.vcpu.cr0 : guest_cr0();
}

u64 paging_cr4(void)
{
    return hv.options.shadow ? hv.vcpu.cr4 : guest_cr4();
}

u64 guest_cr0(void)
{
    return view(GUEST_CR0, CR0_MASK, CR0_SHADOW);
}

u64 guest_cr4(void)
{
    return view(GUEST_CR4, CR4_MASK, CR4_SHADOW);
}

u64 guest_efer(void)
{
    return hv.options.shadow ? hv.vcpu.efer : vm_read(GUEST_EFER);
}

bool guest_is_long(void)
{
    return vm_read(ENTRY_CONTROLS) & ENTRY_IA32E;
}

/* In 64-bit code; elsewhere registers are 32 bits wide. */
bool guest_is_64(void)
{
    return guest_is_long() && vm_read(GUEST_CS_ACCESS) & 1u << 13;
}

static void set_cr0(u64 cr0)
{
    u64 must = msr_read(MSR_VMX_CR0_FIXED0);

    must &= hv.options.shadow ? ~0ull : ~(CR0_PE | CR0_PG);
    if (hv.options.shadow)
        must |= CR0_WP;
    hv.vcpu.cr0 = cr0;
    vm_write(CR0_SHADOW, cr0);
    vm_write(GUEST_CR0, cr0 | must);
}

static void set_cr4(u64 cr4)
{
    hv.vcpu.cr4 = cr4;
    vm_write(CR4_SHADOW, cr4);
    vm_write(GUEST_CR4, shadow_cr4(cr4) | msr_read(MSR_VMX_CR4_FIXED0));
}

void cr_init(u64 cr0, u64 cr4)
{
    u64 cr0_must = msr_read(MSR_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG);

    vm_write(CR0_MASK, hv.options.shadow ? shadow_cr0_mask() : cr0_must);
    vm_write(CR4_MASK, (hv.options.shadow ? shadow_cr4_mask() : 0) |
                           msr_read(MSR_VMX_CR4_FIXED0));
    set_cr0(cr0);
    set_cr4(cr4);
}

/* SDM Vol.2 "MOV - Move to/from Control Registers". */
static bool cr0_is_valid(u64 old, u64 cr0)
{
    bool in_64 = vm_read(GUEST_CS_ACCESS) & 1u << 13;
    u64 cr4 = guest_cr4();

    if (cr0 >> 32 || (cr0 & CR0_PG && !(cr0 & CR0_PE)) ||
        (cr0 & CR0_NW && !(cr0 & CR0_CD)))
        return false;
    if (cr0 & CR0_PG && !(old & CR0_PG) && guest_efer() & EFER_LME)
        return cr4 & CR4_PAE && !in_64;
    if (!(cr0 & CR0_PG) && old & CR0_PG)
        return !(guest_is_long() && in_64) && !(cr4 & CR4_PCIDE);
    return true;
}

/* Switching paging on and off enters and leaves IA-32e mode. */
static void set_long_mode(bool on)
{
    u64 entry = vm_read(ENTRY_CONTROLS), efer = vm_read(GUEST_EFER);

    vm_write(ENTRY_CONTROLS,
             on ? entry | ENTRY_IA32E : entry & ~(u64)ENTRY_IA32E);
    vm_write(GUEST_EFER, on ? efer | EFER_LME | EFER_LMA : efer & ~EFER_LMA);
}

/* With PAE paging the processor takes the guest's four PDPTEs from the VMCS.
 * False: a reserved bit is set. */
static bool load_pdptes(void)
{
    u64 at = vm_read(GUEST_CR3) & 0xffffffe0;

    for (u32 i = 0; i < 4; i++) {
        u64 e = guest_ram(at, 32) ? ((u64 *)direct(at))[i] : 0;
        if (e & 1 && e & 0x1e6)
            return false;
        vm_write(GUEST_PDPTE0 + 2 * i, e);
    }
    return true;
}

static void write_cr0(struct vcpu *v, u64 cr0)
{
    u64 old = guest_cr0(), changed;

    cr0 |= CR0_ET;
    changed = old ^ cr0;
    if (!cr0_is_valid(old, cr0)) {
        inject_gp(v);
        return;
    }
    bool long_mode = cr0 & CR0_PG && guest_efer() & EFER_LME;
    bool pae = cr0 & CR0_PG && !long_mode && guest_cr4() & CR4_PAE;
    if (!hv.options.shadow && pae && changed & (CR0_PG | CR0_CD | CR0_NW) &&
        !load_pdptes()) {
        inject_gp(v);
        return;
    }
    if (changed & CR0_PG)
        set_long_mode(long_mode);
    set_cr0(cr0);
    if (hv.options.shadow && changed & (CR0_PG | CR0_WP))
        shadow_cr_changed(v);
    else if (changed & CR0_PG && hv.options.vpid && !PLANT(INVVPID_CR0))
        invvpid(INVVPID_CONTEXT, VPID_OF_GUEST, 0);
    skip_instruction();
}

static void write_cr4(struct vcpu *v, u64 cr4)
{
    u64 allowed = msr_read(MSR_VMX_CR4_FIXED1) & ~CR4_VMXE;
    u64 old = guest_cr4();

    if (hv.options.shadow)
        allowed &= ~shadow_cr4_hidden();
    if (cr4 & ~allowed || (guest_is_long() && !(cr4 & CR4_PAE))) {
        inject_gp(v);
        return;
    }
    set_cr4(cr4);
    if (hv.options.shadow && (old ^ cr4))
        shadow_cr_changed(v);
    skip_instruction();
}

static void move_to(struct vcpu *v, unsigned cr, u64 value)
{
    if (!guest_is_64())
        value = (u32)value;
    switch (cr) {
    case 0: write_cr0(v, value); break;
    case 3: shadow_cr3_written(v, value); break;
    case 4: write_cr4(v, value); break;
    default: hv_panic("MOV to CR%u exits", cr);
    }
}

void exit_cr(struct vcpu *v)
{
    u64 q = vm_read(EXIT_QUALIFICATION);
    unsigned cr = q & 15, gpr = q >> 8 & 15;

    switch (q >> 4 & 3) {
    case MOV_TO: move_to(v, cr, gpr_read(v, gpr)); break;
    case MOV_FROM:
        if (cr != 3)
            hv_panic("MOV from CR%u exits", cr);
        gpr_write(v, gpr, shadow_cr3());
        skip_instruction();
        break;
    case CLTS: write_cr0(v, guest_cr0() & ~CR0_TS); break;
    case LMSW: /* bits 3:0, and PE is only ever set */
        write_cr0(v, (guest_cr0() & ~14ull) | (q >> 16 & 15));
        break;
    default: break;
    }
}
