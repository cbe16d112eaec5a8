/* SPDX-License-Identifier: Apache-2.0
 * Paging-structure caches. Source: SDM Vol.3 "Paging-Structure Caches".
 */
#include "mmu/psc.h"

#include <stdlib.h>
#include <string.h>

bool psc_init(struct psc *p, const struct assoc_config *c, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    if (c->entries == 0)
        return true;
    p->entries = c->entries;
    p->ways = c->ways;
    p->index = set_index_make(c->entries / c->ways, c->hash);
    p->tag = calloc(p->entries, sizeof *p->tag);
    p->entry = calloc(p->entries, sizeof *p->entry);
    p->stamp = calloc(p->entries, sizeof *p->stamp);
    return p->tag != NULL && p->entry != NULL && p->stamp != NULL &&
           replace_init(&p->replace, c->replacement, p->ways, p->entries,
                        p->stamp, seed);
}

void psc_free(struct psc *p)
{
    free(p->tag);
    free(p->entry);
    free(p->trail);
    free(p->stamp);
    replace_free(&p->replace);
    memset(p, 0, sizeof *p);
}

static uint64_t tag_of(uint64_t prefix, unsigned space)
{
    return prefix << 17 | (uint64_t)space << 1 | 1;
}

static uint32_t find(const struct psc *p, uint64_t prefix, unsigned space)
{
    uint64_t want = tag_of(prefix, space);
    uint32_t first = set_index_of(&p->index, prefix) * p->ways;
    for (uint32_t k = 0; k < p->ways; k++)
        if (p->tag[first + k] == want)
            return first + k;
    return UINT32_MAX;
}

const struct psc_entry *psc_find(struct psc *p, uint64_t prefix, unsigned space,
                                 uint64_t now)
{
    if (p->entries == 0)
        return NULL;
    p->lookups++;
    uint32_t slot = find(p, prefix, space);
    if (slot == UINT32_MAX)
        return NULL;
    p->hits++;
    (void)replace_touch(&p->replace, slot, now);
    return &p->entry[slot];
}

uint32_t psc_insert(struct psc *p, uint64_t prefix, unsigned space,
                    uint64_t now, const struct psc_entry *e)
{
    if (p->entries == 0)
        return UINT32_MAX;
    uint32_t slot = find(p, prefix, space);
    if (slot == UINT32_MAX) {
        uint32_t first = set_index_of(&p->index, prefix) * p->ways;
        for (uint32_t k = 0; k < p->ways && slot == UINT32_MAX; k++)
            if (p->tag[first + k] == 0)
                slot = first + k;
        if (slot == UINT32_MAX)
            slot = first + replace_victim(&p->replace, first);
    }
    p->tag[slot] = tag_of(prefix, space);
    p->entry[slot] = *e;
    (void)replace_fill(&p->replace, slot, now);
    return slot;
}

void psc_drop_slot(struct psc *p, uint32_t slot)
{
    p->tag[slot] = 0;
    replace_drop(&p->replace, slot);
}

void psc_drop(struct psc *p, uint64_t prefix, unsigned space)
{
    if (p->entries == 0)
        return;
    uint32_t slot = find(p, prefix, space);
    if (slot != UINT32_MAX)
        psc_drop_slot(p, slot);
}

void psc_drop_spaces(struct psc *p,
                     bool (*gone)(const void *self, unsigned space),
                     const void *self)
{
    for (uint32_t k = 0; k < p->entries; k++)
        if (p->tag[k] != 0 && gone(self, psc_space(p, k)))
            psc_drop_slot(p, k);
}
