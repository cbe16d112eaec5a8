/* SPDX-License-Identifier: Apache-2.0
 * vtsim params [PATTERN]: every parameter whose name contains PATTERN, or
 * matches it when it has a wildcard.
 */
#include "sim/cli/cli.h"
#include "sim/machine/config.h"
#include "sim/machine/config_file.h"

#include <argp.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct params_options {
    const char *pattern;
    const char *preset;
    bool markdown, extra;
};

enum { OPT_PRESET = 256, OPT_MARKDOWN };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct params_options *o = state->input;
    switch (key) {
    case OPT_PRESET:
        o->preset = arg;
        return 0;
    case OPT_MARKDOWN:
        o->markdown = true;
        return 0;
    case ARGP_KEY_ARG:
        o->extra |= o->pattern != NULL;
        o->pattern = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool matches(const char *pattern, const char *name)
{
    if (pattern == NULL)
        return true;
    if (strpbrk(pattern, "*?[") != NULL)
        return fnmatch(pattern, name, 0) == 0;
    return strstr(name, pattern) != NULL;
}

static void format_range(const struct param_desc *d, char *buf, size_t size)
{
    switch (d->type) {
    case PARAM_BOOL:
        snprintf(buf, size, "on, off");
        return;
    case PARAM_ENUM:
        buf[0] = '\0';
        for (const char *const *c = d->choices; *c != NULL; c++) {
            size_t used = strlen(buf);
            snprintf(buf + used, size - used, "%s%s", used != 0 ? ", " : "",
                     *c);
        }
        return;
    case PARAM_U32:
    case PARAM_U64:
    case PARAM_SIZE:
        break;
    }
    if (d->max == UINT64_MAX)
        snprintf(buf, size, "%" PRIu64 "..", d->min);
    else
        snprintf(buf, size, "%" PRIu64 "..%" PRIu64, d->min, d->max);
}

static void print_row(const struct param_desc *d,
                      const struct machine_config *c, bool markdown)
{
    char value[64], range[120];
    param_format(d, c, value, sizeof value);
    format_range(d, range, sizeof range);
    if (markdown)
        printf("| `%s` | %s | %s | %s | %s |\n", d->name, value, d->unit,
               range, d->doc);
    else
        printf("%-32s %-12s %-12s %s\n    %s\n", d->name, value, d->unit,
               range, d->doc);
}

static enum sim_status run(const struct params_options *o, struct sim_error *e)
{
    struct machine_config c;
    struct config_file *preset = NULL;
    if (o->extra)
        return sim_fail(e, SIM_USAGE, "params takes one PATTERN");
    config_defaults(&c);
    enum sim_status s = preset_read(
        o->preset != NULL ? o->preset : PRESET_DEFAULT, &preset, e);
    if (s != SIM_OK)
        return s;
    s = config_file_apply(preset, &c, e);
    config_file_free(preset);
    if (s != SIM_OK)
        return s;
    const struct param_table *t = config_params();
    size_t shown = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (!matches(o->pattern, t->rows[i].name))
            continue;
        if (shown++ == 0 && o->markdown)
            printf("| name | value | unit | range | meaning |\n"
                   "| --- | --- | --- | --- | --- |\n");
        print_row(&t->rows[i], &c, o->markdown);
    }
    if (shown == 0) {
        const char *near = param_nearest(t, o->pattern);
        return sim_fail(e, SIM_USAGE, "no parameter matches '%.60s'%s%s%s",
                        o->pattern, near != NULL ? " (did you mean " : "",
                        near != NULL ? near : "", near != NULL ? "?)" : "");
    }
    return SIM_OK;
}

int cmd_params(int argc, char **argv)
{
    static const struct argp_option table[] = {
        {"preset", OPT_PRESET, "NAME", 0,
         "show the values of this preset (default " PRESET_DEFAULT ")", 0},
        {"markdown", OPT_MARKDOWN, NULL, OPTION_HIDDEN, "for docs/", 0},
        {0},
    };
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[PATTERN]",
        .doc = "Show parameters: name, value, unit, range, meaning.\v"
               "PATTERN is a part of a name, or a pattern with * and ?.",
    };
    char name[] = "vtsim params";
    argv[0] = name;
    struct params_options o = {0};
    struct sim_error e;
    if (cli_check_options(&argp, argc, argv, &e) != SIM_OK)
        return cli_fail(&e);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    return run(&o, &e) == SIM_OK ? 0 : cli_fail(&e);
}
