/* SPDX-License-Identifier: Apache-2.0
 * Arrays of cached translations.
 */
#include "mmu/tlb.h"

#include "mmu/miss_cause.h"

#include <stdlib.h>
#include <string.h>

bool tlb_init(struct tlb *t, const struct assoc_config *c, unsigned kind,
              uint64_t *stamp, uint64_t seed)
{
    memset(t, 0, sizeof *t);
    t->kind = (uint8_t)kind;
    if (c->entries == 0)
        return true;
    t->entries = c->entries;
    t->ways = c->ways;
    t->index = set_index_make(c->entries / c->ways, c->hash);
    t->tag = calloc(t->entries, sizeof *t->tag);
    t->entry = calloc(t->entries, sizeof *t->entry);
    t->origin = calloc(t->entries, sizeof *t->origin);
    if (stamp == NULL)
        stamp = t->own_stamp = calloc(t->entries, sizeof *stamp);
    return t->tag != NULL && t->entry != NULL && t->origin != NULL &&
           stamp != NULL &&
           replace_init(&t->replace, c->replacement, t->ways, t->entries, stamp,
                        seed);
}

void tlb_free(struct tlb *t)
{
    free(t->tag);
    free(t->entry);
    free(t->origin);
    free(t->trail);
    free(t->own_stamp);
    replace_free(&t->replace);
    shadow_destroy(t->shadow);
    memset(t, 0, sizeof *t);
}

uint32_t tlb_choose(struct tlb *t, uint64_t page)
{
    uint32_t first = set_index_of(&t->index, page) * t->ways;
    if (t->live != t->entries) {
        uint32_t way = tlb_way(t->tag + first, t->ways, 0);
        if (way != t->ways)
            return first + way;
    }
    return first + replace_victim(&t->replace, first);
}
