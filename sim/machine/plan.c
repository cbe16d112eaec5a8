/* SPDX-License-Identifier: Apache-2.0
 * Placement of images in guest RAM.
 */
#include "sim/machine/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void plan_init(struct plan *p, const char *name, uint64_t ram_bytes)
{
    const uint64_t hole = UINT64_C(3) << 30, above = UINT64_C(4) << 30;
    memset(p, 0, sizeof *p);
    p->name = name;
    p->ram[0].size = ram_bytes < hole ? ram_bytes : hole;
    p->ram[1].base = above;
    p->ram[1].size = ram_bytes < hole ? 0 : ram_bytes - hole;
}

void plan_free(struct plan *p)
{
    for (size_t i = 0; i < p->owned_count; i++)
        free(p->owned[i]);
    free(p->owned);
    free(p->item);
    memset(p, 0, sizeof *p);
}

static bool in_ram(const struct plan *p, uint64_t at, uint64_t size)
{
    for (size_t i = 0; i < 2; i++)
        if (at >= p->ram[i].base && at - p->ram[i].base <= p->ram[i].size &&
            size <= p->ram[i].size - (at - p->ram[i].base))
            return true;
    return false;
}

static bool grow(struct plan *p)
{
    if (p->count < p->capacity)
        return true;
    size_t capacity = p->capacity == 0 ? 16 : p->capacity * 2;
    struct plan_item *item = realloc(p->item, capacity * sizeof *item);
    if (item == NULL)
        return false;
    p->item = item;
    p->capacity = capacity;
    return true;
}

enum sim_status plan_add(struct plan *p, const struct plan_item *item,
                         struct sim_error *e)
{
    if (item->size == 0)
        return SIM_OK;
    uint64_t top =
        p->ram[1].size != 0 ? p->ram[1].base + p->ram[1].size : p->ram[0].size;
    if (!in_ram(p, item->at, item->size))
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: segment %d: [0x%" PRIx64 ", +0x%" PRIx64
                        ") is outside guest RAM (which ends at 0x%" PRIx64 ")",
                        p->name, item->index, item->at, item->size, top);
    if (!grow(p))
        return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", p->name);
    p->item[p->count++] = *item;
    p->sealed = false;
    return SIM_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct plan_item *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

enum sim_status plan_seal(struct plan *p, struct sim_error *e)
{
    if (p->count > 1)
        qsort(p->item, p->count, sizeof *p->item, by_address);
    for (size_t i = 1; i < p->count; i++) {
        const struct plan_item *a = &p->item[i - 1], *b = &p->item[i];
        if (b->at - a->at < a->size)
            return sim_fail(e, SIM_BAD_INPUT,
                            "%s: segments %d and %d overlap at 0x%" PRIx64,
                            p->name, a->index, b->index, b->at);
    }
    p->sealed = true;
    return SIM_OK;
}

uint64_t plan_end(const struct plan *p, uint64_t limit)
{
    uint64_t end = 0;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t item_end = p->item[i].at + p->item[i].size;
        if (item_end <= limit && item_end > end)
            end = item_end;
    }
    return end;
}

static uint64_t round_up(uint64_t x, uint64_t align)
{
    return (x + align - 1) & ~(align - 1);
}

bool plan_alloc(struct plan *p, uint64_t size, uint64_t align, uint64_t from,
                uint64_t to, uint64_t *at)
{
    SIM_ASSERT(p->sealed && to <= UINT64_MAX / 2);
    if (size == 0 || from > to || !grow(p))
        return false;
    uint64_t candidate = round_up(from, align);
    size_t i = 0;
    for (;; i++) {
        bool last = i == p->count;
        uint64_t limit = last || p->item[i].at > to ? to : p->item[i].at;
        if (candidate <= limit && size <= limit - candidate &&
            in_ram(p, candidate, size))
            break;
        if (last || p->item[i].at >= to)
            return false;
        uint64_t end = p->item[i].at + p->item[i].size;
        if (end > candidate)
            candidate = round_up(end, align);
    }
    memmove(&p->item[i + 1], &p->item[i], (p->count - i) * sizeof *p->item);
    p->item[i] = (struct plan_item){.at = candidate, .size = size, .index = -1};
    p->count++;
    *at = candidate;
    return true;
}

void plan_fill(struct plan *p, uint64_t at, const void *data, uint64_t len)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->item[i].at == at) {
            SIM_ASSERT(len <= p->item[i].size);
            p->item[i].data = data;
            p->item[i].filled = len;
            return;
        }
    SIM_ASSERT(false); /* `at` is what plan_alloc found */
}

void *plan_own(struct plan *p, size_t size)
{
    void **owned = realloc(p->owned, (p->owned_count + 1) * sizeof *p->owned);
    if (owned == NULL)
        return NULL;
    p->owned = owned;
    void *block = calloc(1, size != 0 ? size : 1);
    if (block != NULL)
        p->owned[p->owned_count++] = block;
    return block;
}
