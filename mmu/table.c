/* SPDX-License-Identifier: Apache-2.0
 * Paging-structure entries in memory, page faults, and the untimed walk.
 * Source: SDM Vol.3 "Page-Fault Exceptions", "PDPTE Registers".
 */
#include "mmu/walker.h"

bool table_start(const struct mmu *m, uint64_t lin, struct pt_start *from)
{
    *from = pt_top(&m->space);
    if (!m->pae)
        return true;
    uint64_t pdpte = m->ctx.pdpte[bits_get(lin, 31, 30)];
    from->table = pdpte & m->space.address;
    from->pat = (uint8_t)bits_get(pdpte, 4, 3);
    return (pdpte & 1) != 0;
}

/* A reference that nobody answers reads all ones and drops writes; so do
 * device regions, whose registers a walk must not disturb. */
bool table_read(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct mmu *m = self;
    uint64_t offset = memory_offset(m->shared, ref->at & m->lines);
    if (offset == MEMORY_NONE) {
        *entry = ref->bytes == 4 ? UINT32_MAX : UINT64_MAX;
    } else if (ref->bytes == 8) {
        memcpy(entry, m->shared->ram + offset, 8);
    } else {
        uint32_t half;
        memcpy(&half, m->shared->ram + offset, 4);
        *entry = half;
    }
    return true;
}

bool table_set(void *self, const struct pt_ref *ref, uint64_t bits)
{
    struct mmu *m = self;
    uint64_t at = ref->at & m->lines, offset = memory_offset(m->shared, at);
    if (offset == MEMORY_NONE || memory_is_rom(m->shared, offset))
        return false;
    uint64_t entry = 0;
    memcpy(&entry, m->shared->ram + offset, ref->bytes);
    entry |= bits;
    memory_store(m->shared, offset, ref->bytes, &entry);
    if (m->timing)
        hierarchy_walk_store(m, at);
    return true;
}

unsigned table_key(const struct mmu *m, const struct pt_result *r)
{
    return pt_leaf_key(&m->space, r->trail[r->count - 1].entry);
}

bool table_fault(struct mmu *m, uint64_t lin, unsigned access,
                 const struct pt_result *r)
{
    enum pt_stop stop = r == NULL ? PT_NOT_PRESENT : r->stop;
    uint32_t code = 0;
    if (stop == PT_MAPPED &&
        translate_key_stops(m, r->rights, table_key(m, r), access))
        code |= PF_PK; /* whatever else is wrong with the access */
    if (stop != PT_NOT_PRESENT)
        code |= PF_P;
    if (stop == PT_RESERVED && !MMU_PLANTED(m, MMU_PLANT_RSVD))
        code |= PF_RSVD;
    if (access_writes(access))
        code |= PF_W;
    if (m->ctx.cpl == 3 && (access & MMU_SYSTEM) == 0)
        code |= PF_U;
    if ((access & MMU_KIND) == MMU_FETCH && (m->nx || m->smep) &&
        !MMU_PLANTED(m, MMU_PLANT_FETCH_ID))
        code |= PF_I;
    m->fault = (struct mmu_fault){.address = lin, .error_code = code};
    return false;
}

bool table_walk(struct mmu *m, uint64_t lin, unsigned access, struct piece *out)
{
    struct walker w;
    struct tlb_entry e;
    uint64_t tag;
    walker_init(&w, m, out, access, false);
    w.lin = lin;
    if (!walker_walk(&w))
        return false;
    unsigned class = walker_entry(&w, &e, &tag);
    out->pa = (e.base | (lin & bits_mask(page_class_shift(class)))) & m->lines;
    out->rights = e.rights;
    out->key = e.key;
    out->ept = e.flags >> TLB_EPT_SHIFT;
    out->dirty = (e.flags & TLB_DIRTY) != 0;
    out->pat = e.pat;
    return true;
}

/* The page that holds the PDPTEs of cr3; these are reads whatever the flags
 * of EPT, and of no linear address. */
static bool pdpte_page(struct mmu *m, uint64_t *at)
{
    struct walker w = {.m = m};
    struct ept_use use = {.access = EPT_USE_READ};
    struct ept_page page;
    if (!ept_translate(&w, *at, &use, &page))
        return false;
    *at = page.host | (*at & (PAGE_SIZE - 1));
    return true;
}

bool mmu_load_pdptes(struct mmu *m, uint64_t cr3, uint64_t out[4])
{
    /* Bits 2:1, 8:5 and those from MAXPHYADDR up are reserved in a present
     * entry. */
    uint64_t reserved = BIT(1) | BIT(2) | (bits_mask(4) << 5) |
                        ~bits_mask(m->config.maxphyaddr);
    uint64_t pdpte[4], at = cr3 & 0xffffffe0;
    m->fault.kind = MMU_FAULT_PAGE;
    if (m->ept && !pdpte_page(m, &at))
        return false;
    for (unsigned k = 0; k < 4; k++) {
        struct pt_ref ref = {.at = at + k * 8, .level = 3, .bytes = 8};
        (void)table_read(m, &ref, &pdpte[k]);
        if ((pdpte[k] & 1) != 0 && (pdpte[k] & reserved) != 0)
            return false;
    }
    memcpy(out, pdpte, sizeof pdpte);
    return true;
}
