/* SPDX-License-Identifier: Apache-2.0
 * Instruction fetch.
 */
#include "mmu/model.h"

static bool fetch_untimed(struct mmu *m, uint64_t lin, struct piece *p)
{
    *p = (struct piece){.lin = lin, .pa = lin & bits_mask(32)};
    if (m->paging && !mmu_walk_untimed(m, lin, MMU_FETCH, p))
        return false;
    p->offset = memory_offset(m->shared, p->pa);
    return true;
}

bool mmu_fetch(struct mmu *m, uint64_t lin, uint64_t *pline,
               const uint8_t **host)
{
    struct piece p;
    if (!fetch_untimed(m, lin, &p))
        return false;
    uint64_t in_line = LINE_SIZE - 1;
    *pline = p.pa & ~in_line;
    *host = NULL;
    if (p.offset == MEMORY_NONE)
        return true;
    memory_touch(m->shared, p.offset);
    *host = m->shared->ram + (p.offset & ~in_line);
    if (m->config.filter) {
        uint64_t line = lin & ~in_line;
        struct ifilter_entry *e =
            &m->hot->i[(line >> LINE_SHIFT) & (IFILTER_ENTRIES - 1)];
        e->tag = line | m->hot->ctx;
        e->pline = *pline;
    }
    return true;
}

bool mmu_fetch_peek(struct mmu *m, uint64_t lin, uint64_t *ppage,
                    const uint8_t **host)
{
    struct piece p;
    if (!fetch_untimed(m, lin, &p))
        return false;
    uint64_t in_page = PAGE_SIZE - 1;
    *ppage = p.pa & ~in_page;
    *host = p.offset == MEMORY_NONE
                ? NULL
                : m->shared->ram + (p.offset & ~in_page);
    return true;
}
