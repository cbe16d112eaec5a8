/* SPDX-License-Identifier: Apache-2.0
 * Numbers for address spaces.
 */
#include "mmu/space.h"

#include <stdlib.h>
#include <string.h>

bool space_init(struct space_table *t)
{
    memset(t, 0, sizeof *t);
    t->name = calloc(SPACES_MAX, sizeof *t->name);
    t->hash = calloc(SPACE_HASH, sizeof *t->hash);
    t->count = 1;
    return t->name != NULL && t->hash != NULL;
}

void space_free(struct space_table *t)
{
    free(t->name);
    free(t->hash);
    free(t->root);
    memset(t, 0, sizeof *t);
}

/* The hash slot that holds the name's number, or the free one for it. */
static uint32_t slot_of(const struct space_table *t, const struct space_name *n)
{
    uint64_t key = n->root ^ (uint64_t)n->vpid << 48 ^ n->pcid;
    uint64_t h = key * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t k = (uint32_t)(h >> 40) & (SPACE_HASH - 1);
    for (; t->hash[k] != 0; k = (k + 1) & (SPACE_HASH - 1)) {
        const struct space_name *have = &t->name[t->hash[k]];
        if (have->root == n->root && have->vpid == n->vpid &&
            have->pcid == n->pcid)
            break;
    }
    return k;
}

unsigned space_known(const struct space_table *t, const struct space_name *n)
{
    return t->hash[slot_of(t, n)];
}

static bool note_root(struct space_table *t, uint64_t root)
{
    for (uint32_t k = 0; k < t->roots; k++)
        if (t->root[k] == root)
            return true;
    if (t->roots == t->roots_room) {
        uint32_t room = t->roots_room == 0 ? 16 : t->roots_room * 2;
        uint64_t *bigger = realloc(t->root, room * sizeof *bigger);
        if (bigger == NULL)
            return false;
        t->root = bigger;
        t->roots_room = room;
    }
    t->root[t->roots++] = root;
    return true;
}

unsigned space_number(struct space_table *t, const struct space_name *n)
{
    uint32_t k = slot_of(t, n);
    if (t->hash[k] != 0)
        return t->hash[k];
    if (t->count == SPACES_MAX)
        return 0;
    if (n->root != 0 && !note_root(t, n->root))
        return 0;
    t->name[t->count] = *n;
    t->hash[k] = (uint16_t)t->count;
    return t->count++;
}

void space_clear(struct space_table *t)
{
    memset(t->hash, 0, SPACE_HASH * sizeof *t->hash);
    t->count = 1;
    t->roots = 0;
}
