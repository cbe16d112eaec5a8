/* SPDX-License-Identifier: Apache-2.0
 * What one agent's access does to the others' copies. Every other core is
 * asked; with one core nothing is.
 */
#include "mmu/coherence.h"

#include "mmu/model.h"

struct coherence_answer coherence_take(struct mmu *m, uint32_t line)
{
    struct coherence_answer a = {0};
    struct memsys *s = m->shared;
    for (unsigned k = 0; k < s->cores; k++) {
        if (s->core[k] == m)
            continue;
        uint32_t tags = hierarchy_drop(s->core[k], line);
        a.copies |= tags != 0;
        a.dirty |= (tags & LINE_DIRTY) != 0;
    }
    return a;
}

struct coherence_answer coherence_share(struct mmu *m, uint32_t line)
{
    struct coherence_answer a = {0};
    struct memsys *s = m->shared;
    for (unsigned k = 0; k < s->cores; k++) {
        if (s->core[k] == m)
            continue;
        uint32_t tags = hierarchy_downgrade(s->core[k], line);
        a.copies |= tags != 0;
        a.dirty |= (tags & LINE_DIRTY) != 0;
    }
    if (a.dirty)
        hierarchy_to_l3(s, line);
    return a;
}

void coherence_line_gone(struct memsys *s, uint32_t line)
{
    uint32_t tags = 0;
    for (unsigned k = 0; k < s->cores; k++)
        tags |= hierarchy_drop(s->core[k], line);
    if (s->has_l3)
        tags |= cache_drop(&s->l3, line);
    if ((tags & LINE_DIRTY) != 0)
        s->dram.writebacks++;
}

void coherence_line_clean(struct memsys *s, uint32_t line)
{
    uint32_t tags = 0;
    for (unsigned k = 0; k < s->cores; k++)
        tags |= hierarchy_clean(s->core[k], line);
    uint32_t *l3 = s->has_l3 ? cache_find(&s->l3, line) : NULL;
    if (l3 != NULL) {
        tags |= *l3;
        *l3 &= ~(uint32_t)LINE_DIRTY;
    }
    if ((tags & LINE_DIRTY) != 0)
        s->dram.writebacks++;
}

void coherence_write_protect(struct memsys *s, uint64_t offset, uint64_t len)
{
    for (unsigned k = 0; k < s->cores; k++)
        filter_write_protect(s->core[k], offset, len);
}

void coherence_agent_write(struct memsys *s, uint64_t pa, unsigned len)
{
    if (!s->cached)
        return;
    uint64_t last = (pa + len - 1) >> LINE_SHIFT;
    for (uint64_t line = pa >> LINE_SHIFT; line <= last; line++)
        coherence_line_gone(s, (uint32_t)line);
}
