/* SPDX-License-Identifier: Apache-2.0
 * The exits table of the summary: KVM's reason names and the columns of
 * `perf kvm stat`, then where the cycles of one exit went.
 */
#include "cpu/exits.h"
#include "sim/cli/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exit_row {
    char name[32]; /* in capitals */
    uint64_t count, in, handler, out, refill;
    uint64_t min, max;
};

enum { EXIT_ROWS_MAX = 80 };

static uint64_t sum(const struct run_report *r, const char *reason,
                    const char *column)
{
    uint64_t all = 0, value;
    for (unsigned n = 0; n < r->config->cores; n++) {
        char name[96];
        snprintf(name, sizeof name, "core%u.exits.%s.%s", n, reason, column);
        if (report_value(r, name, &value))
            all += value;
    }
    return all;
}

/* perf's time of an event is from exit to entry, both included here. */
static uint64_t time_of(const struct exit_row *w)
{
    return w->in + w->handler + w->out;
}

static void capitals(char *to, size_t size, const char *from)
{
    size_t i = 0;
    for (; i + 1 < size && from[i] != '\0'; i++)
        to[i] = from[i] >= 'a' && from[i] <= 'z' ? (char)(from[i] - 'a' + 'A')
                                                 : from[i];
    to[i] = '\0';
}

/* The row of the index-th reason over all cores; false: no such reason. */
static bool gather(const struct run_report *r, unsigned index,
                   struct exit_row *w)
{
    struct cpu_exits x;
    memset(w, 0, sizeof *w);
    for (unsigned n = 0; n < r->config->cores; n++) {
        if (!machine_exits(r->machine, n, index, &x))
            return false;
        if (x.min != 0 && (w->min == 0 || x.min < w->min))
            w->min = x.min;
        if (x.max > w->max)
            w->max = x.max;
    }
    capitals(w->name, sizeof w->name, x.reason);
    w->count = sum(r, x.reason, "count");
    w->in = sum(r, x.reason, "in");
    w->handler = sum(r, x.reason, "handler");
    w->out = sum(r, x.reason, "out");
    w->refill = sum(r, x.reason, "refill");
    return true;
}

/* Most time first, then by name. */
static int order(const void *a, const void *b)
{
    const struct exit_row *x = a, *y = b;
    uint64_t tx = time_of(x), ty = time_of(y);
    if (tx != ty)
        return tx < ty ? 1 : -1;
    return strcmp(x->name, y->name);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : 100.0 * (double)part / (double)whole;
}

static double each(uint64_t cycles, uint64_t count)
{
    return count == 0 ? 0.0 : (double)cycles / (double)count;
}

/* Minimum and maximum belong to the whole run, not to regions of it. */
static void print_extremes(const struct run_report *r, const struct exit_row *w,
                           double us)
{
    if (machine_regions(r->machine) != 0)
        fprintf(stderr, " %9s %9s", "-", "-");
    else
        fprintf(stderr, " %7.2fus %7.2fus", (double)w->min * us,
                (double)w->max * us);
}

static void print_row(const struct run_report *r, const struct exit_row *w,
                      uint64_t samples, uint64_t time)
{
    double us = 1e6 / (double)r->config->core.core_hz;
    fprintf(stderr, "  %-20s %9" PRIu64 " %7.2f%% %7.2f%%", w->name, w->count,
            share(w->count, samples), share(time_of(w), time));
    print_extremes(r, w, us);
    fprintf(stderr, " %7.2fus | %6.0f %8.0f %6.0f %7.0f\n",
            each(time_of(w), w->count) * us, each(w->in, w->count),
            each(w->handler, w->count), each(w->out, w->count),
            each(w->refill, w->count));
}

void report_exits(const struct run_report *r)
{
    struct exit_row row[EXIT_ROWS_MAX];
    size_t rows = 0;
    uint64_t samples = 0, time = 0;
    for (unsigned i = 0; rows < EXIT_ROWS_MAX && gather(r, i, &row[rows]);
         i++) {
        samples += row[rows].count;
        time += time_of(&row[rows]);
        if (row[rows].count != 0)
            rows++;
    }
    if (samples == 0)
        return;
    qsort(row, rows, sizeof row[0], order);
    fprintf(stderr,
            "VM exits %" PRIu64 "   (behind the bar: cycles of one exit)\n"
            "  %-20s %9s %8s %8s %9s %9s %9s | %6s %8s %6s %7s\n",
            samples, "VM-EXIT", "Samples", "Samples%", "Time%", "Min Time",
            "Max Time", "Avg time", "in", "handler", "out", "refill");
    for (size_t i = 0; i < rows; i++)
        print_row(r, &row[i], samples, time);
}
