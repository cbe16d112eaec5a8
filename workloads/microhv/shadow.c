/* SPDX-License-Identifier: Apache-2.0
 * Paging without EPT: the processor walks shadow tables that lead from the
 * guest's linear addresses to memory directly. Page faults fill them from
 * the guest's own tables; what the guest does to its control registers and
 * INVLPG exit. 64-bit guests, and 32-bit ones before they turn paging on.
 */
#include "workloads/microhv/shadow.h"

#define CR0_PE    (1ull << 0)
#define CR0_NW    (1ull << 29)
#define CR0_CD    (1ull << 30)
#define CR4_PSE   (1ull << 4)
#define CR4_LA57  (1ull << 12)
#define CR4_VMXE  (1ull << 13)
#define CR4_PCIDE (1ull << 17)
#define CR4_SMAP  (1ull << 21)
#define CR4_PKE   (1ull << 22)

/* ---- Control registers ---- */

u64 shadow_cr0_mask(void)
{
    return CR0_PE | CR0_NE | CR0_WP | CR0_NW | CR0_CD | CR0_PG;
}

u64 shadow_cr4_hidden(void)
{
    return CR4_PCIDE | CR4_PKE | CR4_LA57;
}

u64 shadow_cr4_mask(void)
{
    return shadow_cr4_hidden() | CR4_VMXE | CR4_PSE | CR4_PAE | CR4_PGE |
           CR4_SMEP | CR4_SMAP;
}

/* Without paging every page is a user's: nothing may forbid them. */
u64 shadow_cr4(u64 cr4)
{
    if (!hv.options.shadow)
        return cr4;
    if (!(paging_cr0() & CR0_PG))
        cr4 &= ~(CR4_SMEP | CR4_SMAP);
    return cr4 | CR4_PAE;
}

u64 shadow_cr3(void)
{
    return hv.vcpu.cr3;
}

u64 shadow_efer(void)
{
    return hv.vcpu.efer;
}

/* SDM Vol.3 "Extended Feature Enable Register (IA32_EFER)". */
bool shadow_set_efer(struct vcpu *v, u64 efer)
{
    u64 known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;

    if (efer & ~known || ((efer ^ v->efer) & EFER_LME && paging_cr0() & CR0_PG))
        return false;
    v->efer = (efer & ~EFER_LMA) | (v->efer & EFER_LMA);
    vm_write(GUEST_EFER, v->efer & EFER_LMA ? v->efer : v->efer & ~EFER_LME);
    return true;
}

/* ---- What the processor holds ---- */

static void flush(bool keep_global)
{
    bool all = shadow.flush || !keep_global;

    shadow.flush = false;
    if (!hv.options.vpid) /* an entry without VPID drops everything */
        return;
    if (all)
        invvpid(INVVPID_CONTEXT, VPID_OF_GUEST, 0);
    else
        invvpid(INVVPID_KEEP_GLOBAL, VPID_OF_GUEST, 0);
}

/* What was taken away while the guest did not ask for it. */
static void flush_if_due(void)
{
    if (shadow.flush && !PLANT(INVVPID_PROTECT))
        flush(false);
}

/* ---- Roots ---- */

static void root_load(struct vcpu *v)
{
    if (!(paging_cr0() & CR0_PG)) {
        vm_write(GUEST_CR3, shadow.pae_root);
        shadow.root = NOTHING;
        return;
    }
    if (!(v->efer & EFER_LMA))
        hv_panic("the guest turns on paging outside 64-bit mode: not with "
                 "paging=shadow");
    shadow.root = table_get((v->cr3 & PTE_ADDR) >> PAGE_BITS, 4, false, 0);
    vm_write(GUEST_CR3, table_pa(shadow.root));
}

/* Four entries for 4 GiB without paging; entries of PAE have no rights. */
static void flat_root(void)
{
    u64 *entry = direct(shadow.pae_root);

    for (u64 i = 0; i < 4; i++)
        entry[i] = table_pa(table_get(i << 18, 2, true, 0)) | PTE_P;
}

static void reset_if_full(struct vcpu *v)
{
    if (!tables_run_out())
        return;
    tables_reset();
    flat_root();
    root_load(v);
}

void shadow_init(struct vcpu *v)
{
    shadow.pae_root = page_take();
    if (shadow.pae_root >= FOUR_GIB)
        hv_panic("the monitor lies above 4 GiB");
    tables_init();
    flat_root();
    v->cr3 = hv.start.cr3;
    v->efer = vm_read(GUEST_EFER);
    root_load(v);
}

void shadow_cr_changed(struct vcpu *v)
{
    v->efer = (v->efer & ~EFER_LMA) | (guest_is_long() ? EFER_LMA : 0);
    shadow_set_efer(v, v->efer);
    vm_write(GUEST_CR4, shadow_cr4(paging_cr4()) | CR4_VMXE);
    sync_all(false);
    root_load(v);
    flush(false);
}

void shadow_cr3_written(struct vcpu *v, u64 cr3)
{
    v->cr3 = cr3;
    if (paging_cr0() & CR0_PG) {
        sync_all(false);
        root_load(v);
        if (!PLANT(INVVPID_CR3))
            flush(true);
    }
    skip_instruction();
}

/* ---- Filling ---- */

static bool is_whole_region(u64 gpa)
{
    u64 from = align_down(gpa, 1ull << 21), to = from + (1ull << 21);

    return (to <= hv.area || from >= hv.area_end) && !region_has_tables(gpa);
}

/* A page of memory, as far as the monitor lets it be written. */
static u64 leaf_of(u64 gpa, u64 bits)
{
    if (frame_is_protected(gpa))
        bits &= ~PTE_W;
    return align_down(gpa, PAGE) | bits | PTE_P | PTE_A | PTE_D;
}

/* Memory below a large page of the guest, or without paging: `rights` are
 * those that the entries on the way have not got. */
static void fill_direct(u32 t, u64 gpa, u64 role, u64 rights)
{
    unsigned level = shadow.table[t].level;
    u64 *entry = &table_entries(t)[gpa >> (12 + 9 * (level - 1)) & 511];
    u64 value;

    if (level == 1) {
        entry_set(t, entry, leaf_of(gpa, role | rights));
        return;
    }
    if (is_whole_region(gpa)) {
        value = align_down(gpa, 1ull << 21) | PTE_PS | PTE_P | PTE_A | PTE_D |
                rights | (role & ~PTE_PAT) | (role & PTE_PAT ? PTE_PAT_2M : 0);
        entry_set(t, entry, value);
        return;
    }
    u32 child = table_get(gpa >> 21 << 9, 1, true, role);
    value = table_pa(child) | PTE_P | PTE_A | rights;
    if (*entry != value)
        entry_set(t, entry, value);
    fill_direct(child, gpa, role, PTE_W | PTE_U);
}

/* The guest's leaf at `level` of table t: one entry, or memory in pieces. */
static void fill_leaf(u32 t, u64 *entry, const struct walk *w)
{
    u64 guest = w->entry[w->level];
    u64 rights = guest & (PTE_U | PTE_NX);
    u64 cache = guest & (PTE_PWT | PTE_PCD | (w->global ? PTE_G : 0));

    if (guest & PTE_W && w->dirty)
        rights |= PTE_W;
    if (w->level == 1) {
        entry_set(t, entry,
                  leaf_of(w->gpa, rights | cache | (guest & PTE_PAT)));
        return;
    }
    u64 role = cache | (guest & PTE_PAT_2M ? PTE_PAT : 0);
    if (w->level == 2 && is_whole_region(w->gpa)) {
        entry_set(t, entry,
                  align_down(w->gpa, 1ull << 21) | PTE_PS | PTE_P | PTE_A |
                      PTE_D | rights | cache | (guest & PTE_PAT_2M));
        return;
    }
    unsigned below = w->level - 1;
    u64 frame = w->gpa >> (12 + 9 * below) << 9 * below;
    u32 child = table_get(frame, below, true, role);
    u64 value = table_pa(child) | PTE_P | PTE_A | rights;
    if (*entry != value)
        entry_set(t, entry, value);
    fill_direct(child, w->gpa, role, PTE_W | PTE_U);
}

/* The table below, linked. One that is linked already is not compared: the
 * guest may be writing to it by this very way. */
static u32 child_of(u32 t, u64 *entry, const struct walk *w, unsigned level)
{
    u64 rights = w->entry[level] & PTE_RIGHTS;
    u64 gfn = w->table[level - 1] >> PAGE_BITS;

    if (*entry & PTE_P && !(level < 4 && *entry & PTE_PS)) {
        u32 old = table_of(*entry);
        const struct table *d = &shadow.table[old];
        if (!d->direct && d->gfn == gfn && (*entry & PTE_RIGHTS) == rights)
            return old;
    }
    u32 child = table_get(gfn, level - 1, false, 0);
    entry_set(t, entry, table_pa(child) | PTE_P | PTE_A | rights);
    return child;
}

static void fill(u64 linear, const struct walk *w)
{
    u32 t = shadow.root;

    for (unsigned level = 4;; level--) {
        u64 *entry = &table_entries(t)[linear >> (12 + 9 * (level - 1)) & 511];
        if (level == w->level) {
            fill_leaf(t, entry, w);
            return;
        }
        t = child_of(t, entry, w, level);
    }
}

/* ---- Exits ---- */

static void fill_flat(u64 gpa)
{
    u64 *root = direct(shadow.pae_root);

    fill_direct(table_of(root[gpa >> 30]), gpa, 0, PTE_W | PTE_U);
}

static void check_memory(u64 gpa)
{
    if (gpa >= hv.area && gpa < hv.area_end)
        hv_panic("the guest at %lx touches %lx, which is not its memory",
                 vm_read(GUEST_RIP), gpa);
}

/* Also where the rights do not forbid it: CR0.WP is always set in truth. */
static void check_write(const struct walk *w, u32 error)
{
    if (error & PF_W && w->level && !(w->rights & PTE_W))
        hv_panic("the guest at %lx, without CR0.WP, writes to a page that is "
                 "read-only: not with paging=shadow",
                 vm_read(GUEST_RIP));
}

void shadow_page_fault(struct vcpu *v, u64 linear, u32 error)
{
    struct walk w = guest_walk(v->cr3, linear, error, true);

    if (!w.ok) {
        __asm__ volatile("mov %0, %%cr2" : : "r"(linear));
        inject_exception(v, 14, true, w.error);
        return;
    }
    check_memory(w.gpa);
    check_write(&w, error);
    reset_if_full(v);
    if (error & PF_W && frame_is_protected(w.gpa))
        frame_unsync(w.gpa >> PAGE_BITS);
    if (w.level)
        fill(linear, &w);
    else
        fill_flat(w.gpa);
    flush_if_due();
}

void exit_invlpg(struct vcpu *v)
{
    u64 linear = vm_read(EXIT_QUALIFICATION);
    u32 t = shadow.root;

    (void)v;
    sync_all(true);
    for (unsigned level = 4; t != NOTHING && level; level--) {
        unsigned index = linear >> (12 + 9 * (level - 1)) & 511;
        entry_sync(t, index);
        u64 entry = table_entries(t)[index];
        if (!(entry & PTE_P) || is_leaf(entry, level))
            break;
        t = table_of(entry);
    }
    if (shadow.flush)
        flush(false);
    else if (hv.options.vpid && !PLANT(INVVPID_INVLPG))
        invvpid(INVVPID_ADDRESS, VPID_OF_GUEST, linear);
    skip_instruction();
}
