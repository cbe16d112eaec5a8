/* SPDX-License-Identifier: Apache-2.0
 * The guest's own page tables as its processor would walk them: SDM Vol.3
 * "4-Level Paging and 5-Level Paging", "32-Bit Paging", "PAE Paging".
 */
#include "workloads/microhv/hv.h"

struct format {
    unsigned levels, index_bits;
    bool wide; /* entries of 8 bytes */
};

static struct format format_of(void)
{
    if (guest_efer() & EFER_LMA)
        return (struct format){4, 9, true};
    if (paging_cr4() & CR4_PAE)
        return (struct format){3, 9, true};
    return (struct format){2, 10, false};
}

static bool may_be_large(const struct format *f, unsigned level)
{
    if (level == 2)
        return f->wide || paging_cr4() & 1u << 4; /* PSE */
    return level == 3 && f->levels == 4;
}

/* In entries of 8 bytes at every level. */
static u64 reserved_bits(void)
{
    static u64 above; /* the width of physical addresses never changes */

    if (!above)
        above = PTE_ADDR & ~((1ull << (cpuid(0x80000008, 0).a & 255)) - 1);
    return above | (guest_efer() & EFER_NXE ? 0 : PTE_NX);
}

static u64 read_entry(u64 at, bool wide)
{
    if (!guest_ram(at, wide ? 8 : 4))
        return 0;
    return wide ? *(volatile u64 *)direct(at) : *(volatile u32 *)direct(at);
}

static void set_bits(u64 at, bool wide, u64 old, u64 bits)
{
    if ((old & bits) == bits)
        return;
    if (wide)
        *(volatile u64 *)direct(at) = old | bits;
    else
        *(volatile u32 *)direct(at) = (u32)(old | bits);
}

/* Does what the way allows suffice? SDM Vol.3 "Determination of Access
 * Rights". */
static bool allowed(u64 rights, u32 error)
{
    bool user = error & PF_U, write_protect = paging_cr0() & CR0_WP;
    u64 cr4 = paging_cr4();

    if (user && !(rights & PTE_U))
        return false;
    if (error & PF_I && rights & PTE_NX)
        return false;
    if (error & PF_I && !user && rights & PTE_U && cr4 & CR4_SMEP)
        return false;
    if (!user && !(error & PF_I) && rights & PTE_U && cr4 & 1u << 21 &&
        !(vm_read(GUEST_RFLAGS) & RFLAGS_AC))
        return false; /* SMAP */
    return !(error & PF_W) || rights & PTE_W || (!user && !write_protect);
}

static struct walk fault(struct walk w, u32 error, u32 also)
{
    bool reports_fetch = guest_efer() & EFER_NXE || paging_cr4() & CR4_SMEP;

    w.ok = false;
    w.error =
        (error & (PF_W | PF_U)) | also | (reports_fetch ? error & PF_I : 0);
    return w;
}

struct walk guest_walk(u64 cr3, u64 linear, u32 error, bool set)
{
    struct walk w = {.ok = true, .gpa = linear, .rights = PTE_W | PTE_U};
    struct format f;
    u64 at, reserved;
    unsigned l;

    if (!(paging_cr0() & CR0_PG)) {
        w.gpa = (u32)linear;
        w.dirty = true;
        return w;
    }
    f = format_of();
    reserved = f.wide ? reserved_bits() : 0;
    at = cr3 & (f.levels == 4   ? PTE_ADDR
                : f.levels == 3 ? 0xffffffe0
                                : 0xfffff000);
    for (l = f.levels;; l--) {
        unsigned shift = 12 + f.index_bits * (l - 1);
        u64 index = linear >> shift & ((1u << f.index_bits) - 1);
        if (f.levels == 3 && l == 3)
            index &= 3;
        w.table[l] = at + index * (f.wide ? 8 : 4);
        u64 e = w.entry[l] = read_entry(w.table[l], f.wide);
        if (!(e & PTE_P))
            return fault(w, error, 0);
        if (e & reserved)
            return fault(w, error, PF_P | PF_R);
        if (!(f.levels == 3 && l == 3)) { /* PDPTEs have no rights */
            w.rights &= e | PTE_NX;
            w.rights |= e & PTE_NX;
        }
        at = e & PTE_ADDR;
        if (l == 1 || (e & PTE_PS && may_be_large(&f, l)))
            break;
    }
    w.level = l;
    if (!allowed(w.rights, error))
        return fault(w, error, PF_P);
    u64 size = 1ull << (12 + f.index_bits * (l - 1));
    w.gpa = (at & ~(size - 1)) | (linear & (size - 1));
    w.global = w.entry[l] & PTE_G && paging_cr4() & CR4_PGE;
    w.dirty = w.entry[l] & PTE_D;
    if (set) {
        for (unsigned i = f.levels; i >= l; i--)
            if (!(f.levels == 3 && i == 3))
                set_bits(w.table[i], f.wide, w.entry[i],
                         PTE_A | (i == l && error & PF_W ? PTE_D : 0));
        w.dirty |= (error & PF_W) != 0;
    }
    return w;
}
