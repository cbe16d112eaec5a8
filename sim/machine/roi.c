/* SPDX-License-Identifier: Apache-2.0
 * Magic operations: docs/guest-interface.md. Numbers are those of gem5's m5
 * operations, so that programs annotated for it work unchanged.
 */
#include "sim/machine/roi.h"

#include "sim/base/bits.h"
#include "sim/machine/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC_RPNS = 0x07,
    MAGIC_EXIT = 0x21,
    MAGIC_FAIL = 0x22,
    MAGIC_SUM = 0x23,
    MAGIC_RESET = 0x40,
    MAGIC_DUMP = 0x41,
    MAGIC_DUMP_RESET = 0x42,
    MAGIC_WORK_BEGIN = 0x5a,
    MAGIC_WORK_END = 0x5b,
};

bool roi_init(struct roi *r, const struct stat_registry *stats)
{
    memset(r, 0, sizeof *r);
    r->values = stats->values;
    size_t n = r->values != 0 ? r->values : 1;
    r->base = calloc(n, sizeof *r->base);
    r->begin = calloc(n, sizeof *r->begin);
    r->sum = calloc(n, sizeof *r->sum);
    r->scratch = calloc(n, sizeof *r->scratch);
    return r->base != NULL && r->begin != NULL && r->sum != NULL &&
           r->scratch != NULL;
}

void roi_free(struct roi *r)
{
    for (size_t i = 0; i < r->dumps; i++)
        free(r->dump[i]);
    free(r->dump);
    free(r->base);
    free(r->begin);
    free(r->sum);
    free(r->scratch);
    memset(r, 0, sizeof *r);
}

void machine_reported(const struct machine *m, uint64_t *out)
{
    const struct roi *r = &m->roi;
    stat_snapshot(&m->stats, out);
    for (size_t i = 0; i < r->values; i++) {
        if (r->regions == 0)
            out[i] -= r->base[i];
        else
            out[i] = r->sum[i] + (r->depth != 0 ? out[i] - r->begin[i] : 0);
    }
}

uint64_t machine_regions(const struct machine *m)
{
    return m->roi.regions;
}

size_t machine_dumps(const struct machine *m)
{
    return m->roi.dumps;
}

const uint64_t *machine_dump(const struct machine *m, size_t index)
{
    return m->roi.dump[index];
}

static void reset(struct machine *m)
{
    struct roi *r = &m->roi;
    stat_snapshot(&m->stats, r->base);
    memcpy(r->begin, r->base, r->values * sizeof *r->begin);
    memset(r->sum, 0, r->values * sizeof *r->sum);
}

static void work_begin(struct machine *m)
{
    struct roi *r = &m->roi;
    if (r->depth++ == 0)
        stat_snapshot(&m->stats, r->begin);
    r->regions++;
}

static void work_end(struct machine *m)
{
    struct roi *r = &m->roi;
    if (r->depth == 0) {
        machine_note(m, "the guest ended a region that it had not begun");
        return;
    }
    if (--r->depth != 0)
        return;
    stat_snapshot(&m->stats, r->scratch);
    for (size_t i = 0; i < r->values; i++)
        r->sum[i] += r->scratch[i] - r->begin[i];
}

static void dump(struct machine *m)
{
    struct roi *r = &m->roi;
    uint64_t **grown = NULL;
    uint64_t *values = NULL;
    if (r->dumps < ROI_DUMPS_MAX) {
        grown = realloc(r->dump, (r->dumps + 1) * sizeof *grown);
        values = calloc(r->values != 0 ? r->values : 1, sizeof *values);
    }
    if (grown != NULL)
        r->dump = grown;
    if (grown == NULL || values == NULL) {
        free(values);
        if (!r->warned_dumps)
            machine_note(m, "too many statistics dumps: those after the first "
                            "4096 are dropped");
        r->warned_dumps = true;
        return;
    }
    machine_reported(m, values);
    r->dump[r->dumps++] = values;
}

static void unknown(struct machine *m, uint16_t function)
{
    struct roi *r = &m->roi;
    uint64_t bit = BIT(function % 64);
    if ((r->warned_function & bit) != 0)
        return;
    r->warned_function |= bit;
    char text[80];
    snprintf(text, sizeof text, "the guest used unknown magic operation 0x%x",
             function);
    machine_note(m, text);
}

/* Delays and periods of m5 operations are not modelled. */
static void check_delay(struct machine *m, uint64_t delay, uint64_t period)
{
    if ((delay == 0 && period == 0) || m->roi.warned_delay)
        return;
    m->roi.warned_delay = true;
    machine_note(m, "a magic operation with a delay or period is done once "
                    "and at once");
}

static uint64_t operate(void *self, unsigned core, uint16_t function,
                        uint64_t arg0, uint64_t arg1)
{
    struct machine *m = self;
    (void)core;
    switch (function) {
    case MAGIC_RPNS: return machine_now(m) / 1000000;
    case MAGIC_SUM: return arg0 + arg1;
    case MAGIC_EXIT:
        check_delay(m, arg0, 0);
        machine_end(m, END_EXIT, 0, "%s", "");
        return 0;
    case MAGIC_FAIL:
        check_delay(m, arg0, 0);
        machine_end(m, END_EXIT, (int)(arg1 & 0xff),
                    "the guest failed with code %" PRIu64, arg1);
        return 0;
    case MAGIC_RESET:
        check_delay(m, arg0, arg1);
        reset(m);
        return 0;
    case MAGIC_DUMP:
    case MAGIC_DUMP_RESET:
        check_delay(m, arg0, arg1);
        dump(m);
        if (function == MAGIC_DUMP_RESET)
            reset(m);
        return 0;
    case MAGIC_WORK_BEGIN: work_begin(m); return 0;
    case MAGIC_WORK_END: work_end(m); return 0;
    default: unknown(m, function); return UINT64_MAX;
    }
}

struct magic_port roi_port(struct machine *m)
{
    return (struct magic_port){m, operate};
}
