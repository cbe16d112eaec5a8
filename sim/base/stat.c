/* SPDX-License-Identifier: Apache-2.0
 * The statistics registry: groups in the order of registration, values read
 * through (base, offset) only when somebody asks.
 */
#include "sim/base/stat.h"

#include "sim/base/status.h"

#include <stdio.h>
#include <string.h>

void stat_register(struct stat_registry *r, const char *prefix,
                   const struct stat_desc *rows, size_t count, const void *base)
{
    SIM_ASSERT(r->groups < STAT_GROUPS_MAX);
    struct stat_group *g = &r->group[r->groups];
    size_t length = strlen(prefix);
    SIM_ASSERT(length < sizeof g->prefix);
    memcpy(g->prefix, prefix, length + 1);
    g->rows = rows;
    g->count = count;
    g->base = base;
    r->groups++;
    r->values += count;
}

static uint64_t stat_value(const struct stat_group *g, size_t row)
{
    uint64_t value;
    memcpy(&value, (const char *)g->base + g->rows[row].offset, sizeof value);
    return value;
}

void stat_on_read(struct stat_registry *r, void (*refresh)(void *self),
                  void *self)
{
    SIM_ASSERT(r->hooks < STAT_HOOKS_MAX);
    r->hook[r->hooks++] = (struct stat_hook){refresh, self};
}

void stat_snapshot(const struct stat_registry *r, uint64_t *out)
{
    for (size_t i = 0; i < r->hooks; i++)
        r->hook[i].refresh(r->hook[i].self);
    for (size_t i = 0; i < r->groups; i++)
        for (size_t k = 0; k < r->group[i].count; k++)
            *out++ = stat_value(&r->group[i], k);
}

void stat_walk(const struct stat_registry *r, const uint64_t *values,
               void (*visit)(void *self, const char *name, uint64_t value,
                             const struct stat_desc *d),
               void *self)
{
    char name[160];
    for (size_t i = 0; i < r->groups; i++) {
        const struct stat_group *g = &r->group[i];
        for (size_t k = 0; k < g->count; k++) {
            /* An empty prefix is a group at the top of the tree. */
            int n = snprintf(name, sizeof name, "%s%s%s", g->prefix,
                             g->prefix[0] != '\0' ? "." : "", g->rows[k].name);
            SIM_ASSERT(n > 0 && (size_t)n < sizeof name);
            visit(self, name, *values++, &g->rows[k]);
        }
    }
}
