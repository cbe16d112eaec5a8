/* SPDX-License-Identifier: Apache-2.0
 * The differential tester: random user-mode code on the host CPU and in the
 * simulator.
 *
 *   differential [--cases N] [--sequences N] [--x87 N] [--random-bytes N]
 *                [--seed S] [--jobs N] [--coverage] [--require-hits N]
 *                [--case INDEX [--minimise]] [--replay LINE] [--plant N]
 * [--stop]
 *
 * A case is named by its kind and number: 17, s17, x17, b17, c17.
 * Exit status 0: no unexplained difference; 1: some; 2: usage or harness.
 */
#define _GNU_SOURCE
#include "tests/differential/gen.h"
#include "tests/differential/report.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
    uint64_t cases[CASE_KINDS], seed, only, require;
    bool one, any, minimise, coverage, stop;
    unsigned jobs, plant, show;
    const char *line;
};

static const char kind_letter[CASE_KINDS + 1] = "-sxbc";

static void describe_code(const struct test_case *t, char *out, size_t size)
{
    ZydisFormatter f;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    size_t used = 0;
    out[0] = '\0';
    ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
    for (unsigned at = 0; at < t->length && used + 8 < size; at += zi.length) {
        unsigned room = t->length - at;
        if (ZYAN_FAILED(ZydisDecoderDecodeFull(case_decoder(t->mode),
                                               t->bytes + at, room, &zi, zo)))
            break;
        if (at != 0)
            used += (size_t)snprintf(out + used, size - used, "; ");
        ZydisFormatterFormatInstruction(&f, &zi, zo, zi.operand_count_visible,
                                        out + used, size - used,
                                        t->before.rip + at, NULL);
        used = strlen(out);
    }
}

static void name_case(uint64_t index, char *out, size_t size)
{
    unsigned kind = (unsigned)(index >> 56);
    unsigned long long number = index & 0xffffffffffffff;
    if (kind == CASE_SINGLE)
        snprintf(out, size, "%llu", number);
    else
        snprintf(out, size, "%c%llu", kind_letter[kind], number);
}

static void describe(const struct test_case *t, const struct verdict *v,
                     char *out, size_t size)
{
    static const char *const modes[CODE_MODES] = {"64", "32", "16"};
    char code[600], bytes[2 * CODE_MAX + 1] = "", name[32];
    describe_code(t, code, sizeof code);
    for (unsigned i = 0; i < t->length; i++)
        snprintf(bytes + 2 * i, sizeof bytes - 2 * i, "%02x", t->bytes[i]);
    name_case(t->index, name, sizeof name);
    snprintf(out, size,
             "seed %llu case %s: %s %s [%s] (rflags %llx fcw %x fsw %x):%s",
             (unsigned long long)t->seed, name, modes[t->mode], bytes, code,
             (unsigned long long)t->before.rflags, t->before.fx.fcw,
             t->before.fx.fsw, v->text);
}

/* A host that answers twice differently proves nothing. */
static bool stable(const struct test_case *t, const struct outcome *first)
{
    static struct outcome second;
    struct verdict v;
    native_run(t, &second);
    case_compare(t, first, &second, &v);
    return !v.differs;
}

static void note_difference(const struct test_case *t, const struct verdict *v,
                            struct tally *tally)
{
    tally->different++;
    if (tally->shown < SHOWN_MAX)
        describe(t, v, tally->text[tally->shown++], sizeof tally->text[0]);
}

/* Random bytes that the decoder knows: their length, too. */
static void check_length(struct sim *s, const struct test_case *t, bool invalid,
                         struct tally *tally)
{
    struct verdict v = {.differs = true, .waived = -1};
    const char *wrong = length_differs(s, t, invalid);
    if (wrong == NULL)
        return;
    snprintf(v.text, sizeof v.text, "%s", wrong);
    note_difference(t, &v, tally);
}

static void run_case(struct sim *s, const struct test_case *t,
                     struct tally *tally)
{
    static struct outcome native, sim;
    struct verdict v;
    bool lengths = case_kind(t) == CASE_BYTES && t->zi.length != 0;
    if (lengths && case_standing(&t->zi, t->zo) != STANDING_TESTED) {
        tally->run[CASE_BYTES]++;
        check_length(s, t, true, tally);
        return;
    }
    bool differs = case_differs(s, t, &native, &sim, &v);
    tally_case(tally, t, &native, &v);
    if (differs && !stable(t, &native)) {
        tally->unstable++;
        differs = case_differs(s, t, &native, &sim, &v);
    }
    if (differs)
        note_difference(t, &v, tally);
    if (lengths)
        check_length(s, t, native.vector == 6, tally);
}

static void run_index(struct sim *s, uint64_t seed, uint64_t index,
                      struct tally *tally)
{
    static struct test_case t; /* large; a worker is a process */
    const char *why;
    tally->last = index;
    if (case_generate(seed, index, &t, &why))
        run_case(s, &t, tally);
    else
        tally->skipped++;
}

/* One case by name or text, perhaps made smaller. */
static int run_one(struct sim *s, const struct options *o, struct tally *tally)
{
    static struct test_case t;
    static char text[1 << 16];
    const char *why;
    bool ok = o->line != NULL ? case_parse(o->line, &t, &why)
                              : case_generate(o->seed, o->only, &t, &why);
    if (o->line != NULL)
        t.index = CASE_INDEX(CASE_CORPUS, 0);
    if (!ok) {
        printf("no case: %s\n", why);
        return 2;
    }
    run_case(s, &t, tally);
    if (o->minimise && tally->different != 0) {
        static struct outcome native, sim;
        struct verdict v;
        case_minimise(s, &t);
        (void)case_differs(s, &t, &native, &sim, &v);
        describe(&t, &v, text, sizeof text);
        printf("smaller: %s\n", text);
        case_print(&t, text, sizeof text);
        printf("corpus line:\n%s\n", text);
    }
    return 0;
}

static int worker(const struct options *o, unsigned job, struct tally *tally)
{
    struct sim *s = sim_open(o->plant);
    if (!native_open() || s == NULL) {
        fprintf(stderr, "differential: cannot map the test memory\n");
        return 2;
    }
    if (o->one) {
        int status = run_one(s, o, tally);
        fflush(stdout);
        tally->done = true;
        return status;
    }
    static const enum case_kind order[] = {CASE_CORPUS, CASE_SINGLE, CASE_X87,
                                           CASE_SEQUENCE, CASE_BYTES};
    for (unsigned k = 0; k < CASE_KINDS; k++) {
        uint64_t n = o->cases[order[k]];
        for (uint64_t i = job; i < n && !(o->stop && tally->different);
             i += o->jobs)
            run_index(s, o->seed, CASE_INDEX(order[k], i), tally);
    }
    tally->done = true;
    return 0;
}

static void parse_name(struct options *o, const char *arg)
{
    const char *letter = strchr(kind_letter + 1, arg[0]);
    unsigned kind = arg[0] && letter ? (unsigned)(letter - kind_letter) : 0;
    o->only = CASE_INDEX(kind, strtoull(arg + (kind != 0), NULL, 0));
    o->one = true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    uint64_t number = arg == NULL ? 0 : strtoull(arg, NULL, 0);
    switch (key) {
    case 'n': o->cases[CASE_SINGLE] = number; break;
    case 'q': o->cases[CASE_SEQUENCE] = number; break;
    case 'x': o->cases[CASE_X87] = number; break;
    case 'b': o->cases[CASE_BYTES] = number; break;
    case 's': o->seed = number; return 0;
    case 'c': parse_name(o, arg); return 0;
    case 'r':
        o->line = arg;
        o->one = true;
        return 0;
    case 'm': o->minimise = true; return 0;
    case 'j': o->jobs = (unsigned)number; return 0;
    case 'p': o->plant = (unsigned)number; return 0;
    case 'w': o->show = (unsigned)number; return 0;
    case 't': o->stop = true; return 0;
    case 'v': o->coverage = true; return 0;
    case 'h': o->require = number; return 0;
    case ARGP_KEY_ARG: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
    o->any = true;
    return 0;
}

static const struct argp_option keys[] = {
    {"cases", 'n', "N", 0, "single instructions (default 100000)", 0},
    {"sequences", 'q', "N", 0, "sequences of 4 to 16 instructions", 0},
    {"x87", 'x', "N", 0, "x87 cases", 0},
    {"random-bytes", 'b', "N", 0, "uniformly random byte strings", 0},
    {"seed", 's', "S", 0, "seed (default 1)", 0},
    {"case", 'c', "INDEX", 0, "only this case: 17, s17, x17, b17, c17", 0},
    {"replay", 'r', "LINE", 0, "only this case, a line of the corpus", 0},
    {"minimise", 'm', NULL, 0, "make the one case smaller while it fails", 0},
    {"jobs", 'j', "N", 0, "worker processes (default 2)", 0},
    {"plant", 'p', "N", 0, "run with planted defect N", 0},
    {"show", 'w', "N", 0, "differences to print (default 20)", 0},
    {"stop", 't', NULL, 0, "each worker stops at its first difference", 0},
    {"coverage", 'v', NULL, 0, "print every form's hits", 0},
    {"require-hits", 'h', "N", 0, "fail if a supported form has fewer", 0},
    {0}};

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

static int run_workers(const struct options *o, struct tally *tally)
{
    int worst = 0;
    for (unsigned j = 0; j < o->jobs; j++) {
        if (fork() == 0)
            _exit(worker(o, j, &tally[j]));
    }
    for (unsigned j = 0; j < o->jobs; j++) {
        int status;
        if (wait(&status) >= 0 && WIFEXITED(status) &&
            WEXITSTATUS(status) > worst)
            worst = WEXITSTATUS(status);
    }
    for (unsigned j = 0; j < o->jobs; j++) {
        char name[32];
        if (tally[j].done)
            continue;
        name_case(tally[j].last, name, sizeof name);
        fprintf(stderr, "differential: worker %u died in case %s\n", j, name);
        worst = 2;
    }
    return worst;
}

int main(int argc, char **argv)
{
    fix_layout(argv);
    struct options o = {.seed = 1, .jobs = 2, .show = 20};
    const struct argp argp = {
        keys, parse, NULL, "Compare instructions with the host CPU.",
        NULL, NULL,  NULL};
    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return 2;
    if (!o.any)
        o.cases[CASE_SINGLE] = 100000;
    if (o.one)
        o.jobs = 1;
    if (o.jobs < 1 || o.jobs > JOBS_MAX) {
        fprintf(stderr, "differential: --jobs: %u (1..%d)\n", o.jobs, JOBS_MAX);
        return 2;
    }
    struct tally *tally =
        mmap(NULL, sizeof *tally * o.jobs, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return 2;
    struct sim *s = sim_open(o.plant); /* for what both sides have */
    if (s == NULL)
        return 2;
    sim_close(s);
    forms_open();
    o.cases[CASE_CORPUS] = o.one ? 0 : corpus_count();
    int worst = run_workers(&o, tally);
    uint64_t wrong =
        report(tally, o.jobs, o.seed, o.show, o.coverage, o.require);
    return worst != 0 ? worst : wrong != 0;
}
