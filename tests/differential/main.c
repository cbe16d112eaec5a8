/* SPDX-License-Identifier: Apache-2.0
 * The differential tester: random user-mode instructions on the host CPU
 * and in the simulator.
 *
 *   differential [--cases N] [--seed S] [--case INDEX] [--jobs N]
 *                [--plant N] [--show N] [--coverage]
 *
 * Exit status 0: no unexplained difference; 1: some; 2: usage or harness.
 */
#define _GNU_SOURCE
#include "tests/differential/case.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIVERS_MAX = 32, SHOWN_MAX = 64, JOBS_MAX = 64 };

struct options {
    uint64_t cases, seed, only;
    bool one, coverage;
    unsigned jobs, plant, show;
};

/* What a worker hands back; lives in memory shared with the parent. */
struct tally {
    uint64_t run, skipped, faults, different;
    uint64_t waived[WAIVERS_MAX];
    uint32_t per_mnemonic[ZYDIS_MNEMONIC_MAX_VALUE + 1];
    uint64_t last; /* index under way: whom to blame for a crash */
    bool done;
    unsigned shown;
    char text[SHOWN_MAX][1400];
};

static void describe(const struct test_case *t, const struct verdict *v,
                     char *out, size_t size)
{
    char text[160] = "?", bytes[64] = "";
    ZydisFormatter f;
    ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
    ZydisFormatterFormatInstruction(&f, &t->zi, t->zo,
                                    t->zi.operand_count_visible, text,
                                    sizeof text, t->before.rip, NULL);
    for (unsigned i = 0; i < t->length; i++)
        snprintf(bytes + 3 * i, sizeof bytes - 3 * i, "%02x ", t->bytes[i]);
    snprintf(out, size,
             "seed %llu case %llu: %s[%s] (rflags %llx fcw %x fsw %x):%s",
             (unsigned long long)t->seed, (unsigned long long)t->index, bytes,
             text, (unsigned long long)t->before.rflags, t->before.fx.fcw,
             t->before.fx.fsw, v->text);
}

static void run_one(struct sim *s, const struct options *o, uint64_t index,
                    struct tally *tally)
{
    static struct test_case t; /* large; a worker is a process */
    static struct outcome native, sim;
    struct verdict v;
    const char *why;
    tally->last = index;
    if (!case_generate(o->seed, index, &t, &why)) {
        tally->skipped++;
        return;
    }
    native_run(&t, &native);
    sim_run_case(s, &t, &sim);
    case_compare(&t, &native, &sim, &v);
    tally->run++;
    tally->faults += native.vector >= 0;
    tally->per_mnemonic[t.zi.mnemonic]++;
    if (v.waived >= 0)
        tally->waived[v.waived]++;
    if (v.differs) {
        tally->different++;
        if (tally->shown < SHOWN_MAX)
            describe(&t, &v, tally->text[tally->shown++],
                     sizeof tally->text[0]);
    }
}

static int worker(const struct options *o, unsigned job, struct tally *tally)
{
    struct sim *s = sim_open(o->plant);
    if (!native_open() || s == NULL) {
        fprintf(stderr, "differential: cannot map the test memory\n");
        return 2;
    }
    for (uint64_t i = job; i < o->cases; i += o->jobs)
        run_one(s, o, o->one ? o->only : i, tally);
    sim_close(s);
    tally->done = true;
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'n': o->cases = strtoull(arg, NULL, 0); return 0;
    case 's': o->seed = strtoull(arg, NULL, 0); return 0;
    case 'c':
        o->only = strtoull(arg, NULL, 0);
        o->one = true;
        return 0;
    case 'j': o->jobs = (unsigned)strtoul(arg, NULL, 0); return 0;
    case 'p': o->plant = (unsigned)strtoul(arg, NULL, 0); return 0;
    case 'w': o->show = (unsigned)strtoul(arg, NULL, 0); return 0;
    case 'v': o->coverage = true; return 0;
    case ARGP_KEY_ARG: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option keys[] = {
    {"cases", 'n', "N", 0, "number of cases (default 100000)", 0},
    {"seed", 's', "S", 0, "seed (default 1)", 0},
    {"case", 'c', "INDEX", 0, "only this case of the seed", 0},
    {"jobs", 'j', "N", 0, "worker processes (default 2)", 0},
    {"plant", 'p', "N", 0, "run with planted defect N", 0},
    {"show", 'w', "N", 0, "differences to print (default 20)", 0},
    {"coverage", 'v', NULL, 0, "print cases per mnemonic", 0},
    {0}};

static uint64_t report(const struct options *o, struct tally *tally)
{
    struct tally sum = {0};
    unsigned shown = 0;
    for (unsigned j = 0; j < o->jobs; j++) {
        sum.run += tally[j].run;
        sum.skipped += tally[j].skipped;
        sum.faults += tally[j].faults;
        sum.different += tally[j].different;
        for (unsigned w = 0; w < waiver_count(); w++)
            sum.waived[w] += tally[j].waived[w];
        for (unsigned m = 0; m <= ZYDIS_MNEMONIC_MAX_VALUE; m++)
            sum.per_mnemonic[m] += tally[j].per_mnemonic[m];
        for (unsigned i = 0; i < tally[j].shown && shown < o->show; i++)
            printf("%s\n", (shown++, tally[j].text[i]));
    }
    unsigned mnemonics = 0;
    for (unsigned m = 0; m <= ZYDIS_MNEMONIC_MAX_VALUE; m++) {
        mnemonics += sum.per_mnemonic[m] != 0;
        if (o->coverage && sum.per_mnemonic[m])
            printf("%-16s %u\n", ZydisMnemonicGetString((ZydisMnemonic)m),
                   sum.per_mnemonic[m]);
    }
    printf("%llu cases (seed %llu), %u mnemonics, %llu faulting, "
           "%llu without a case\n",
           (unsigned long long)sum.run, (unsigned long long)o->seed, mnemonics,
           (unsigned long long)sum.faults, (unsigned long long)sum.skipped);
    for (unsigned w = 0; w < waiver_count(); w++)
        printf("waiver %-18s %8llu  %s\n", waiver_name(w),
               (unsigned long long)sum.waived[w], waiver_reason(w));
    printf("%llu unexplained differences\n", (unsigned long long)sum.different);
    return sum.different;
}

/* A wild address must meet the same nothing in every run: without address-
 * space randomisation the heap stays next to the program. */
static void fix_layout(char **argv)
{
    int now = personality(0xffffffff);
    if (now < 0 || (now & ADDR_NO_RANDOMIZE) ||
        personality((unsigned long)now | ADDR_NO_RANDOMIZE) < 0)
        return;
    (void)execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    fix_layout(argv);
    struct options o = {.cases = 100000, .seed = 1, .jobs = 2, .show = 20};
    const struct argp argp = {
        keys, parse, NULL, "Compare instructions with the host CPU.",
        NULL, NULL,  NULL};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return 2;
    if (o.one)
        o.cases = o.jobs = 1;
    if (o.jobs < 1 || o.jobs > JOBS_MAX) {
        fprintf(stderr, "differential: --jobs: %u (1..%d)\n", o.jobs, JOBS_MAX);
        return 2;
    }
    struct tally *tally =
        mmap(NULL, sizeof *tally * o.jobs, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 2;
    for (unsigned j = 0; j < o.jobs; j++) {
        if (fork() == 0)
            _exit(worker(&o, j, &tally[j]));
    }
    bool broken = false;
    for (unsigned j = 0; j < o.jobs; j++)
        (void)wait(NULL);
    for (unsigned j = 0; j < o.jobs; j++) {
        if (!tally[j].done) {
            fprintf(stderr, "differential: worker %u died in case %llu\n", j,
                    (unsigned long long)tally[j].last);
            broken = true;
        }
    }
    uint64_t different = report(&o, tally);
    return broken ? 2 : different != 0;
}
