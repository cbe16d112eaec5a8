/* SPDX-License-Identifier: Apache-2.0
 * The options of `vtsim run`.
 */
#include "sim/cli/cli.h"
#include "sim/cli/run.h"
#include "sim/debug/gdb.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_PRESET = 256,
    OPT_CONFIG,
    OPT_SET,
    OPT_TIMING,
    OPT_CORES,
    OPT_MEMORY,
    OPT_APPEND,
    OPT_MODULE,
    OPT_FLAT,
    OPT_UNDER,
    OPT_KIND,
    OPT_SHARE,
    OPT_GUEST_PAGE,
    OPT_ENV,
    OPT_STATS,
    OPT_STATS_TEXT,
    OPT_SERIAL,
    OPT_MAX_INSTRUCTIONS,
    OPT_MAX_CYCLES,
    OPT_MAX_SECONDS,
    OPT_SEED,
    OPT_PROGRESS,
    OPT_QUIET,
    OPT_VCD,
    OPT_EXPLAIN,
    OPT_CHECK,
    OPT_GDB,
    OPT_SYMBOLS,
    OPT_TRACE,
    OPT_TRACE_CATEGORIES,
    OPT_TRACE_WINDOW,
    OPT_TRACE_FROM,
    OPT_TRACE_TO,
};

/* clang-format off */
static const struct argp_option table[] = {
    {NULL, 0, NULL, 0, "The machine:", 1},
    {"preset", OPT_PRESET, "NAME", 0, "processor to start from (default " PRESET_DEFAULT "; see vtsim presets)", 1},
    {"config", OPT_CONFIG, "FILE.yaml", 0, "parameters from a file, over the preset", 1},
    {"set", OPT_SET, "NAME=VALUE", 0, "set one parameter, over the file (see vtsim params)", 1},
    {"timing", OPT_TIMING, "off|simple", 0, "level of the timing model (core.timing)", 1},
    {"cores", OPT_CORES, "N", 0, "logical processors (machine.cores)", 1},
    {"memory", OPT_MEMORY, "SIZE", 0, "guest RAM, such as 512M (machine.memory)", 1},
    {"seed", OPT_SEED, "N", 0, "seed of all random choices (machine.seed)", 1},
    {NULL, 0, NULL, 0, "The guest:", 2},
    {"append", OPT_APPEND, "TEXT", 0, "kernel command line after the image's path", 2},
    {"module", OPT_MODULE, "FILE[=TEXT]", 0, "multiboot module and its command line", 2},
    {"kind", OPT_KIND, "auto|multiboot|multiboot2|linux|elf|flat", 0, "what the image is (default auto)", 2},
    {"flat", OPT_FLAT, "ADDRESS", 0, "the image is raw code: load and enter it here, in 64-bit mode", 2},
    {"under", OPT_UNDER, "microhv[:KEY=VALUE,...]", 0, "run the image as a virtual machine of this monitor (see docs/microhv.md)", 2},
    {"guest-page", OPT_GUEST_PAGE, "4k|2m|1g", 0, "pages behind a Linux program (pk.page)", 2},
    {"env", OPT_ENV, "NAME=VALUE", 0, "environment of a Linux program", 2},
    {"share", OPT_SHARE, "DIR[:ro]", 0, "let a Linux program see a directory of the host", 2},
    {NULL, 0, NULL, 0, "Results:", 3},
    {"stats", OPT_STATS, "FILE.json", 0, "write statistics as JSON", 3},
    {"stats-text", OPT_STATS_TEXT, "FILE", 0, "write statistics as lines of text", 3},
    {"serial", OPT_SERIAL, "FILE|stdio", 0, "where the serial port's output goes (default stdio)", 3},
    {"vcd", OPT_VCD, "FILE.vcd", 0, "record signals for a wave viewer", 3},
    {"progress", OPT_PROGRESS, "auto|plain|none", 0, "progress line on stderr (default auto: on a terminal)", 3},
    {"explain", OPT_EXPLAIN, NULL, 0, "say why a VM entry failed (core.explain)", 3},
    {"quiet", OPT_QUIET, NULL, 0, "no summary, no progress, no remarks", 3},
    {NULL, 0, NULL, 0, "Debugging (docs/debugging.md):", 5},
    {"check", OPT_CHECK, "tlb[=report|stop|fresh|random]", 0, "find uses of translations that lack an invalidation (mmu.check_tlb)", 5},
    {"gdb", OPT_GDB, "unix:PATH|tcp:127.0.0.1:PORT", 0, "let GDB attach there", 5},
    {"gdb-default", 's', NULL, 0, "the same as --gdb tcp:127.0.0.1:1234", 5},
    {"gdb-wait", 'S', NULL, 0, "wait for GDB before the first instruction", 5},
    {"symbols", OPT_SYMBOLS, "FILE[@BASE]", 0, "names from another ELF file, moved by BASE", 5},
    {"trace", OPT_TRACE, "FILE|-", 0, "write what the cores do, a line an event", 5},
    {"trace-categories", OPT_TRACE_CATEGORIES, "LIST", 0, "of insn, exit, walk, invalidate, interrupt, io, msr, or all (default exit)", 5},
    {"trace-window", OPT_TRACE_WINDOW, "FROM-TO", 0, "events of these cycles only", 5},
    {"trace-from", OPT_TRACE_FROM, "SYMBOL", 0, "begin when a core comes to this symbol or address", 5},
    {"trace-to", OPT_TRACE_TO, "SYMBOL", 0, "end when a core comes to this symbol or address", 5},
    {NULL, 0, NULL, 0, "Limits, which end the run with status 124:", 4},
    {"max-instructions", OPT_MAX_INSTRUCTIONS, "N", 0, "over all cores (machine.max_instructions)", 4},
    {"max-cycles", OPT_MAX_CYCLES, "N", 0, "of any core (machine.max_cycles)", 4},
    {"max-seconds", OPT_MAX_SECONDS, "S", 0, "of the host's time", 4},
    {0},
};
/* clang-format on */

/* Options that are parameters; one without argument turns its own on. */
static const struct {
    int key;
    const char *option, *parameter;
} dedicated[] = {
    {OPT_TIMING, "--timing", "core.timing"},
    {OPT_CORES, "--cores", "machine.cores"},
    {OPT_MEMORY, "--memory", "machine.memory"},
    {OPT_SEED, "--seed", "machine.seed"},
    {OPT_GUEST_PAGE, "--guest-page", "pk.page"},
    {OPT_EXPLAIN, "--explain", "core.explain"},
    {OPT_CHECK, "--check", "mmu.check_tlb"},
    {OPT_MAX_INSTRUCTIONS, "--max-instructions", "machine.max_instructions"},
    {OPT_MAX_CYCLES, "--max-cycles", "machine.max_cycles"},
};

struct parse {
    struct run_options *o;
    struct sim_error *e;
    enum sim_status status;
};

static void fail(struct parse *p, const char *option, const char *value,
                 const char *due)
{
    if (p->status == SIM_OK)
        p->status =
            sim_fail(p->e, SIM_USAGE, "%s: '%.80s' (%s)", option, value, due);
}

static void append(struct parse *p, struct word_list *list, const char *option,
                   const char *word)
{
    if (list->count == RUN_LIST_MAX)
        fail(p, option, word, "256 times at most");
    else
        list->word[list->count++] = word;
}

/* "tlb" or "tlb=MODE": the value of the parameter; NULL and a failure. */
static const char *check_mode(struct parse *p, const char *arg)
{
    if (strcmp(arg, "tlb") == 0)
        return "report";
    if (strncmp(arg, "tlb=", 4) == 0)
        return arg + 4;
    fail(p, "--check", arg, "tlb, or tlb=report, stop, fresh or random");
    return NULL;
}

static bool parse_dedicated(struct parse *p, int key, const char *arg)
{
    if (key == OPT_CHECK && (arg = check_mode(p, arg)) == NULL)
        return true;
    for (size_t i = 0; i < sizeof(dedicated) / sizeof(dedicated[0]); i++) {
        if (dedicated[i].key != key)
            continue;
        const char *option = dedicated[i].option;
        append(p, &p->o->dedicated, option, dedicated[i].parameter);
        append(p, &p->o->dedicated_value, option, arg != NULL ? arg : "on");
        append(p, &p->o->dedicated_option, option, option);
        return true;
    }
    return false;
}

/* The index of `arg` among the words, or -1 and a failure. */
static int choose(struct parse *p, const char *option, const char *arg,
                  const char *const *words, const char *due)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], arg) == 0)
            return i;
    fail(p, option, arg, due);
    return -1;
}

static void parse_kind(struct parse *p, const char *arg)
{
    /* In the order of enum image_kind. */
    static const char *const words[] = {
        "auto", "multiboot", "multiboot2", "linux", "elf", "flat", NULL};
    int kind = choose(p, "--kind", arg, words,
                      "auto, multiboot, multiboot2, linux, elf or flat");
    if (kind < 0)
        return;
    p->o->kind = (enum image_kind)kind;
    p->o->kind_given = true;
}

static void parse_progress(struct parse *p, const char *arg)
{
    static const char *const words[] = {"auto", "plain", "none", NULL};
    int kind = choose(p, "--progress", arg, words, "auto, plain or none");
    if (kind >= 0)
        p->o->progress = (enum progress_kind)kind;
}

/* Seconds with up to three decimals. */
static void parse_seconds(struct parse *p, const char *arg)
{
    char *end;
    uint64_t ms = 0;
    if (arg[0] >= '0' && arg[0] <= '9') {
        unsigned long long s = strtoull(arg, &end, 10);
        if (s <= 1000000000)
            ms = s * 1000;
        if (*end == '.') {
            uint64_t unit = 100;
            for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
                ms += unit * (uint64_t)(*end - '0');
        }
        if (*end == '\0' && ms != 0 && s <= 1000000000) {
            p->o->max_host_ms = ms;
            return;
        }
    }
    fail(p, "--max-seconds", arg, "0.001 to 1000000000");
}

static void parse_flat(struct parse *p, const char *arg)
{
    if (param_parse_number(arg, true, &p->o->flat_base) != PARAM_NUMBER)
        fail(p, "--flat", arg, "an address such as 0x100000");
    p->o->flat_given = true;
}

static void parse_env(struct parse *p, const char *arg)
{
    if (arg[0] == '=' || strchr(arg, '=') == NULL)
        fail(p, "--env", arg, "NAME=VALUE");
    append(p, &p->o->env, "--env", arg);
}

static void parse_image(struct parse *p, const char *arg)
{
    if (p->o->image != NULL)
        fail(p, "a second image", arg, "guest arguments go after --");
    p->o->image = arg;
}

static void parse_under(struct parse *p, const char *arg)
{
    if (p->status == SIM_OK)
        p->status = under_parse(arg, &p->o->under, p->e);
}

/* The status of a parser that has written its own line; the first counts. */
static void take(struct parse *p, enum sim_status s)
{
    if (p->status == SIM_OK)
        p->status = s;
}

static void parse_gdb(struct parse *p, const char *arg)
{
    struct sim_error e;
    enum sim_status s = gdb_check(arg, &e);
    if (s != SIM_OK && p->status == SIM_OK)
        *p->e = e;
    take(p, s);
    p->o->gdb = arg;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    struct run_options *o = p->o;
    if (parse_dedicated(p, key, arg))
        return 0;
    switch (key) {
    case OPT_PRESET: o->preset = arg; return 0;
    case OPT_CONFIG: o->config = arg; return 0;
    case OPT_SET: append(p, &o->set, "--set", arg); return 0;
    case OPT_APPEND: o->append = arg; return 0;
    case OPT_MODULE: append(p, &o->module, "--module", arg); return 0;
    case OPT_FLAT: parse_flat(p, arg); return 0;
    case OPT_UNDER: parse_under(p, arg); return 0;
    case OPT_KIND: parse_kind(p, arg); return 0;
    case OPT_SHARE: append(p, &o->share, "--share", arg); return 0;
    case OPT_ENV: parse_env(p, arg); return 0;
    case OPT_STATS: o->stats = arg; return 0;
    case OPT_STATS_TEXT: o->stats_text = arg; return 0;
    case OPT_SERIAL: o->serial = arg; return 0;
    case OPT_VCD: o->vcd = arg; return 0;
    case OPT_GDB: parse_gdb(p, arg); return 0;
    case 's': parse_gdb(p, "tcp:127.0.0.1:1234"); return 0;
    case 'S': o->gdb_wait = true; return 0;
    case OPT_SYMBOLS: append(p, &o->symbols, "--symbols", arg); return 0;
    case OPT_TRACE: o->trace.file = arg; return 0;
    case OPT_TRACE_CATEGORIES:
        take(p, trace_parse_categories(arg, &o->trace.mask, p->e));
        return 0;
    case OPT_TRACE_WINDOW:
        take(p, trace_parse_window(arg, &o->trace, p->e));
        return 0;
    case OPT_TRACE_FROM: o->trace.from = arg; return 0;
    case OPT_TRACE_TO: o->trace.to = arg; return 0;
    case OPT_MAX_SECONDS: parse_seconds(p, arg); return 0;
    case OPT_PROGRESS: parse_progress(p, arg); return 0;
    case OPT_QUIET: o->quiet = true; return 0;
    case ARGP_KEY_ARG: parse_image(p, arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* What single options cannot say. */
static enum sim_status check_together(struct run_options *o,
                                      struct sim_error *e)
{
    if (o->image == NULL)
        return sim_fail(e, SIM_USAGE, "no image (see vtsim run --help)");
    if (o->flat_given && o->kind_given && o->kind != IMAGE_FLAT)
        return sim_fail(e, SIM_USAGE,
                        "--flat and another --kind contradict each other");
    if (o->kind == IMAGE_FLAT && !o->flat_given)
        return sim_fail(e, SIM_USAGE, "--kind flat needs --flat ADDRESS");
    if (o->flat_given)
        o->kind = IMAGE_FLAT;
    if (o->gdb_wait && o->gdb == NULL)
        return sim_fail(e, SIM_USAGE, "-S waits for GDB: it needs -s or --gdb");
    if (o->trace.file == NULL &&
        (o->trace.mask != 0 || o->trace.from != NULL || o->trace.to != NULL ||
         o->trace.to_cycle != UINT64_MAX || o->trace.from_cycle != 0))
        return sim_fail(e, SIM_USAGE, "--trace-...: needs --trace FILE");
    if (o->trace.mask == 0)
        o->trace.mask = UINT32_C(1) << TRACE_EXIT;
    if (o->module.count > LOAD_MODULES_MAX)
        return sim_fail(e, SIM_USAGE, "--module: %zu modules (%d at most)",
                        o->module.count, LOAD_MODULES_MAX);
    return SIM_OK;
}

enum sim_status run_options_parse(int argc, char **argv, struct run_options *o,
                                  struct sim_error *e)
{
    static const struct argp argp = {
        .options = table,
        .parser = parse_option,
        .args_doc = "IMAGE [-- GUEST ARGUMENTS]",
        .doc = "Run IMAGE and say where the cycles went.\v"
               "IMAGE is a static Linux program, a multiboot 1 or 2 kernel, a "
               "plain ELF64 file or, with --flat, raw code. The guest's "
               "console is stdout; all else goes to stderr. The exit status "
               "is the guest's; vtsim's own are 121 usage, 122 bad input "
               "file, 123 host resource, 124 limit reached, 125 internal "
               "error, 126 guest stopped abnormally.",
    };
    memset(o, 0, sizeof *o);
    o->trace.to_cycle = UINT64_MAX;
    int own = 1; /* words before "--" */
    while (own < argc && strcmp(argv[own], "--") != 0)
        own++;
    if (own < argc) {
        o->guest_argv = argv + own + 1;
        o->guest_argc = (size_t)(argc - own - 1);
    }
    enum sim_status s = cli_check_options(&argp, own, argv, e);
    if (s != SIM_OK)
        return s;
    char name[] = "vtsim run";
    argv[0] = name;
    struct parse p = {.o = o, .e = e};
    if (argp_parse(&argp, own, argv, 0, NULL, &p) != 0 && p.status == SIM_OK)
        return sim_fail(e, SIM_USAGE, "options (see vtsim run --help)");
    return p.status != SIM_OK ? p.status : check_together(o, e);
}

/* --- The configuration ---------------------------------------------------- */

static enum sim_status read_config(const char *path, struct config_file **f,
                                   struct sim_error *e)
{
    uint8_t *data;
    size_t len;
    enum sim_status s = hostio_read(path, 1 << 21, &data, &len, e);
    if (s != SIM_OK)
        return s;
    s = config_file_read(path, (const char *)data, len, f, e);
    free(data);
    return s;
}

static enum sim_status apply_preset(const char *name, struct machine_config *c,
                                    struct sim_error *e)
{
    struct config_file *f = NULL;
    enum sim_status s = preset_read(name, &f, e);
    if (s == SIM_OK)
        s = config_file_apply(f, c, e);
    config_file_free(f);
    return s;
}

static enum sim_status apply_options(const struct run_options *o,
                                     struct machine_config *c,
                                     struct sim_error *e)
{
    for (size_t i = 0; i < o->set.count; i++) {
        enum sim_status s = config_set_option(c, o->set.word[i], e);
        if (s != SIM_OK)
            return s;
    }
    for (size_t i = 0; i < o->dedicated.count; i++) {
        enum sim_status s =
            config_set(c, o->dedicated.word[i], o->dedicated_value.word[i],
                       o->dedicated_option.word[i], e);
        if (s != SIM_OK)
            return s;
    }
    return SIM_OK;
}

enum sim_status run_config(const struct run_options *o,
                           struct machine_config *c, char preset[32],
                           struct sim_error *e)
{
    struct config_file *file = NULL;
    enum sim_status s = SIM_OK;
    const char *name = o->preset;
    config_defaults(c);
    if (o->config != NULL)
        s = read_config(o->config, &file, e);
    if (s == SIM_OK && name == NULL && file != NULL)
        name = config_file_preset(file);
    if (name == NULL)
        name = PRESET_DEFAULT;
    if (s == SIM_OK)
        s = apply_preset(name, c, e);
    if (s == SIM_USAGE && o->preset == NULL)
        s = sim_fail(e, SIM_BAD_INPUT, "%s: unknown preset '%.60s'", o->config,
                     name);
    if (s == SIM_OK)
        snprintf(preset, 32, "%s", name);
    if (s == SIM_OK && file != NULL)
        s = config_file_apply(file, c, e);
    config_file_free(file);
    if (s == SIM_OK)
        s = apply_options(o, c, e);
    if (s != SIM_OK)
        return s;
    /* What only together is wrong is the file's fault if there is one. */
    bool options = o->set.count != 0 || o->dedicated.count != 0;
    return config_finish(
        c, o->config != NULL && !options ? SIM_BAD_INPUT : SIM_USAGE, e);
}
