/* SPDX-License-Identifier: Apache-2.0
 * The one-screen summary at the end of a run.
 */
#include "sim/cli/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct lookup {
    const char *name;
    uint64_t value;
    bool found;
};

static void look(void *self, const char *name, uint64_t value,
                 const struct stat_desc *d)
{
    struct lookup *l = self;
    (void)d;
    if (strcmp(name, l->name) == 0) {
        l->value = value;
        l->found = true;
    }
}

bool report_value(const struct run_report *r, const char *name, uint64_t *value)
{
    struct lookup l = {.name = name};
    stat_walk(machine_stats(r->machine), r->values, look, &l);
    *value = l.value;
    return l.found;
}

/* Sum over the cores of "core<n>.<name>". */
static uint64_t over_cores(const struct run_report *r, const char *name)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < r->config->cores; i++) {
        char full[128];
        uint64_t value;
        snprintf(full, sizeof full, "core%u.%s", i, name);
        if (report_value(r, full, &value))
            sum += value;
    }
    return sum;
}

static void format_number(uint64_t n, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *p = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = '\0';
}

static double ratio(uint64_t a, uint64_t b)
{
    return b != 0 ? (double)a / (double)b : 0.0;
}

static void print_head(const struct run_report *r, uint64_t instructions,
                       uint64_t cycles)
{
    char i[32], c[32];
    uint64_t most = 0, all = 0;
    for (unsigned n = 0; n < r->config->cores; n++) {
        const struct cycle_account *a = machine_account(r->machine, n);
        all += a->instructions;
        most = a->cycles > most ? a->cycles : most;
    }
    format_number(instructions, i);
    format_number(cycles, c);
    fprintf(stderr, "-- vtsim: %s, timing %s, %u core%s", r->preset,
            r->config->core.timing == TIMING_OFF ? "off" : "simple",
            r->config->cores, r->config->cores == 1 ? "" : "s");
    if (machine_regions(r->machine) != 0)
        fprintf(stderr, ", %" PRIu64 " region%s of interest",
                machine_regions(r->machine),
                machine_regions(r->machine) == 1 ? "" : "s");
    fprintf(stderr,
            "\ninstructions %s   cycles %s   IPC %.3f\n"
            "simulated %.6f s at %.2f GHz   host %.3f s   %.1f MIPS\n",
            i, c, ratio(instructions, cycles),
            (double)most / (double)r->config->core.core_hz,
            (double)r->config->core.core_hz / 1e9, r->host_seconds,
            r->host_seconds > 0.0 ? (double)all / r->host_seconds / 1e6 : 0.0);
}

static void print_stack(const struct run_report *r, uint64_t cycles)
{
    enum { BAR = 40 };
    static const char *const names[LEAF_COUNT] = {
#define LEAF_NAME(e, name, doc) name,
        CYCLE_LEAVES(LEAF_NAME)
#undef LEAF_NAME
    };
    uint64_t rest = 0;
    fprintf(stderr, "where the cycles went\n");
    for (int i = 0; i < LEAF_COUNT; i++) {
        char name[64];
        snprintf(name, sizeof name, "cycle_stack.%s", names[i]);
        uint64_t value = over_cores(r, name);
        double share = ratio(value, cycles);
        if (share < 0.00005) {
            rest += value;
            continue;
        }
        int len = (int)(share * BAR + 0.5);
        fprintf(stderr, "  %-17s %6.2f%%  %.*s\n", names[i], 100.0 * share,
                len > BAR ? BAR : len,
                "########################################");
    }
    if (rest != 0)
        fprintf(stderr, "  %-17s %6.2f%%\n", "(the rest)",
                100.0 * ratio(rest, cycles));
}

/* --- TLB misses ----------------------------------------------------------- */

struct tlb_row {
    char name[48]; /* below "core0." */
    uint64_t misses, compulsory, capacity, conflict, invalidated, fault;
};

struct tlb_table {
    struct tlb_row row[16];
    size_t rows;
    size_t prefix; /* length of "core<n>." */
    char core[16];
};

/* The row that a name "core0.<tlb>.<what>" belongs to. */
static struct tlb_row *row_of(struct tlb_table *t, const char *name,
                              const char *what, bool make)
{
    size_t len = (size_t)(what - name) - t->prefix - 1;
    for (size_t i = 0; i < t->rows; i++)
        if (strlen(t->row[i].name) == len &&
            strncmp(t->row[i].name, name + t->prefix, len) == 0)
            return &t->row[i];
    if (!make || t->rows == 16 || len >= sizeof t->row[0].name)
        return NULL;
    struct tlb_row *row = &t->row[t->rows++];
    memset(row, 0, sizeof *row);
    memcpy(row->name, name + t->prefix, len);
    return row;
}

/* Structures that tell why they missed have "<tlb>.miss_cause.<cause>". */
static void collect_tlb(void *self, const char *name, uint64_t value,
                        const struct stat_desc *d)
{
    struct tlb_table *t = self;
    (void)d;
    if (strncmp(name, t->core, t->prefix) != 0)
        return;
    const char *causes = strstr(name + t->prefix, ".miss_cause.");
    if (causes == NULL)
        return;
    struct tlb_row *row = row_of(t, name, causes + 1, true);
    if (row == NULL)
        return;
    const char *cause = causes + strlen(".miss_cause.");
    row->misses += value;
    if (strcmp(cause, "compulsory") == 0)
        row->compulsory += value;
    else if (strcmp(cause, "capacity") == 0)
        row->capacity += value;
    else if (strcmp(cause, "conflict") == 0)
        row->conflict += value;
    else if (strncmp(cause, "invalidated", 11) == 0)
        row->invalidated += value;
    else
        row->fault += value;
}

static void print_tlbs(const struct run_report *r, uint64_t instructions)
{
    struct tlb_table t = {0};
    for (unsigned i = 0; i < r->config->cores; i++) {
        snprintf(t.core, sizeof t.core, "core%u.", i);
        t.prefix = strlen(t.core);
        stat_walk(machine_stats(r->machine), r->values, collect_tlb, &t);
    }
    uint64_t all = 0;
    for (size_t i = 0; i < t.rows; i++)
        all += t.row[i].misses;
    if (all == 0 || instructions == 0)
        return;
    double k = 1000.0 / (double)instructions;
    fprintf(stderr,
            "TLB misses per 1000 instructions\n"
            "  %-9s %9s %11s %9s %9s %12s %9s\n",
            "", "all", "compulsory", "capacity", "conflict", "invalidated",
            "faults");
    for (size_t i = 0; i < t.rows; i++) {
        const struct tlb_row *w = &t.row[i];
        if (w->misses == 0)
            continue;
        fprintf(stderr, "  %-9s %9.4f %11.4f %9.4f %9.4f %12.4f %9.4f\n",
                w->name, k * (double)w->misses, k * (double)w->compulsory,
                k * (double)w->capacity, k * (double)w->conflict,
                k * (double)w->invalidated, k * (double)w->fault);
    }
}

static void print_walks(const struct run_report *r)
{
    uint64_t walks =
        over_cores(r, "walk.count.data") + over_cores(r, "walk.count.fetch");
    uint64_t references = over_cores(r, "walk.references.guest");
    uint64_t ept = over_cores(r, "walk.references.ept");
    if (walks == 0)
        return;
    char w[32], n[32];
    format_number(walks, w);
    format_number(references + ept, n);
    fprintf(stderr, "page walks %s   references %s   %.2f a walk\n", w, n,
            ratio(references + ept, walks));
}

void report_summary(const struct run_report *r)
{
    uint64_t instructions = over_cores(r, "instructions");
    uint64_t cycles = over_cores(r, "cycles");
    print_head(r, instructions, cycles);
    if (cycles == 0)
        return;
    print_stack(r, cycles);
    print_tlbs(r, instructions);
    print_walks(r);
    report_exits(r);
}
