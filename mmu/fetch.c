/* SPDX-License-Identifier: Apache-2.0
 * Instruction fetch, a line at a time.
 */
#include "mmu/model.h"

bool mmu_fetch(struct mmu *m, uint64_t lin, uint64_t *pline,
               const uint8_t **host)
{
    struct piece p = {.lin = lin, .len = 1};
    if (!translate_piece(m, SIDE_I, MMU_FETCH, &p))
        return false;
    uint64_t in_line = LINE_SIZE - 1;
    *pline = p.pa & ~in_line;
    *host = NULL;
    if (piece_is_apic(m, p.pa) && !apic_touch(m, &p, MMU_FETCH))
        return false;
    if (p.offset == MEMORY_NONE)
        return true;
    *host = m->shared->ram + (p.offset & ~in_line);
    uint32_t slot = m->timing ? hierarchy_fetch(m, &p) : 0;
    filter_install_fetch(m, &p, slot);
    return true;
}

bool mmu_fetch_peek(struct mmu *m, uint64_t lin, uint64_t *ppage,
                    const uint8_t **host)
{
    struct piece p = {.lin = lin, .len = 1};
    if (!translate_peek(m, SIDE_I, MMU_FETCH, &p))
        return false;
    uint64_t in_page = PAGE_SIZE - 1;
    *ppage = p.pa & ~in_page;
    *host = p.offset == MEMORY_NONE || piece_is_apic(m, p.pa)
                ? NULL
                : m->shared->ram + (p.offset & ~in_page);
    return true;
}
