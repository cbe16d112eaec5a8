/* SPDX-License-Identifier: Apache-2.0
 * Sub-page write permissions: a table walk that decides on 128 bytes.
 * Source: SDM Vol.3 "Sub-Page Write Permissions".
 */
#include "mmu/walker.h"

enum { SUB_PAGE_SHIFT = 7, SPP_TOP = 4 };

/* Bits that no permission has. */
#define SPP_VECTOR_RESERVED UINT64_C(0xaaaaaaaaaaaaaaaa)

static bool spp_event(struct walker *w, uint64_t guest, bool miss, bool *event)
{
    *event = true;
    w->m->fault = (struct mmu_fault){.address = w->lin,
                                     .kind = MMU_FAULT_SUB_PAGE,
                                     .gpa = guest,
                                     .qualification = miss ? BIT(11) : 0};
    return false;
}

static uint64_t read_entry(struct walker *w, uint64_t at)
{
    struct mmu *m = w->m;
    struct pt_ref ref = {.at = at, .bytes = 8};
    uint64_t entry;
    if (w->timed) {
        enum served by;
        w->cycles[DIMENSION_EPT] +=
            hierarchy_walk(m, at & m->lines, MEMTYPE_WB, &by);
        m->stats->walk.references_sub_page++;
        m->stats->walk.served[by]++;
    }
    (void)table_read(m, &ref, &entry);
    return entry;
}

bool sub_page_allows(struct walker *w, uint64_t guest, bool *event)
{
    const struct mmu *m = w->m;
    uint64_t frame = bits_mask(52) & ~bits_mask(PAGE_SHIFT);
    uint64_t reserved =
        ~(frame | 1) | (frame & ~bits_mask(m->config.maxphyaddr));
    uint64_t table = m->ctx.sub_page_table & frame;
    for (unsigned level = SPP_TOP;; level--) {
        uint64_t index = guest >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
        uint64_t entry = read_entry(w, table + index * 8);
        if (level == 1) {
            if ((entry & SPP_VECTOR_RESERVED) != 0)
                return spp_event(w, guest, false, event);
            uint64_t first = (guest & (PAGE_SIZE - 1)) >> SUB_PAGE_SHIFT;
            uint64_t last =
                ((guest + w->len - 1) & (PAGE_SIZE - 1)) >> SUB_PAGE_SHIFT;
            for (; first <= last; first++)
                if ((entry >> (2 * first) & 1) == 0)
                    return false;
            return true;
        }
        if ((entry & 1) == 0)
            return spp_event(w, guest, true, event);
        if ((entry & reserved) != 0)
            return spp_event(w, guest, false, event);
        table = entry & frame;
    }
}
