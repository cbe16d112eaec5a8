/* SPDX-License-Identifier: Apache-2.0
 * Invalidation of cached translations. Source: SDM Vol.3 "Operations that
 * Invalidate TLBs and Paging-Structure Caches".
 */
#include "mmu/model.h"

void mmu_flush_pcid(struct mmu *m, uint16_t pcid, enum mmu_flush_cause why)
{
    (void)pcid;
    (void)why;
    filter_drop_all(m);
}

void mmu_flush_all(struct mmu *m, bool globals, enum mmu_flush_cause why)
{
    (void)globals;
    (void)why;
    filter_drop_all(m);
}

void mmu_flush_page(struct mmu *m, uint64_t lin, uint16_t pcid, bool globals,
                    enum mmu_flush_cause why)
{
    (void)lin;
    (void)pcid;
    (void)globals;
    (void)why;
    filter_drop_all(m);
}

void mmu_clflush(struct mmu *m, uint64_t lin)
{
    (void)m;
    (void)lin;
}

void mmu_wbinvd(struct mmu *m)
{
    (void)m;
}

void mmu_prefetch(struct mmu *m, uint64_t lin, bool write)
{
    (void)m;
    (void)lin;
    (void)write;
}
