/* SPDX-License-Identifier: Apache-2.0
 * vtsim presets [NAME]: the list, or every value of one with its source.
 */
#include "sim/cli/cli.h"
#include "sim/machine/config_file.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

struct presets_options {
    const char *name;
    bool extra;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct presets_options *o = state->input;
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    o->extra |= o->name != NULL;
    o->name = arg;
    return 0;
}

static enum sim_status list(struct sim_error *e)
{
    size_t count;
    const struct preset *p = preset_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct config_file *f = NULL;
        enum sim_status s = preset_read(p[i].name, &f, e);
        if (s != SIM_OK)
            return s;
        printf("%-16s %s%s\n", p[i].name, config_file_title(f),
               strcmp(p[i].name, PRESET_DEFAULT) == 0 ? " [default]" : "");
        config_file_free(f);
    }
    return SIM_OK;
}

static void print_values(const struct config_file *f,
                         const struct machine_config *c)
{
    const struct param_table *t = config_params();
    for (size_t i = 0; i < t->count; i++) {
        const struct param_desc *d = &t->rows[i];
        const char *confidence = "default", *source = "";
        char value[64];
        bool given = config_file_gives(f, d->name);
        bool known = config_file_source(f, d->name, &confidence, &source);
        if (!given && !known)
            continue;
        param_format(d, c, value, sizeof value);
        printf("%-28s %-11s %-8s %-9s %s\n", d->name, value, d->unit,
               confidence, source);
    }
}

static void print_published(const struct config_file *f)
{
    struct published p;
    for (size_t i = 0; config_file_published(f, i, &p); i++) {
        if (i == 0)
            printf("\n%-28s %-11s %-8s %-9s %s\n", "published", "value", "unit",
                   "basis", "source");
        printf("%-28s %-11s %-8s %-9s %s\n", p.name, p.value, "cycles",
               p.confidence, p.source);
    }
}

static enum sim_status show(const char *name, struct sim_error *e)
{
    struct machine_config c;
    struct config_file *f = NULL;
    config_defaults(&c);
    enum sim_status s = preset_read(name, &f, e);
    if (s != SIM_OK)
        return s;
    s = config_file_apply(f, &c, e);
    if (s == SIM_OK) {
        printf("%s: %s\n\n%-28s %-11s %-8s %-9s %s\n", name,
               config_file_title(f), "parameter", "value", "unit", "basis",
               "source");
        print_values(f, &c);
        print_published(f);
    }
    config_file_free(f);
    return s;
}

int cmd_presets(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "[NAME]",
        .doc = "List the presets, or show one: each value with its basis "
               "(read, recalled, derived, chosen) and source.",
    };
    char name[] = "vtsim presets";
    argv[0] = name;
    struct presets_options o = {0};
    struct sim_error e;
    if (cli_check_options(&argp, argc, argv, &e) != SIM_OK)
        return cli_fail(&e);
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    enum sim_status s = o.extra
                            ? sim_fail(&e, SIM_USAGE, "presets takes one NAME")
                        : o.name != NULL ? show(o.name, &e)
                                         : list(&e);
    return s == SIM_OK ? 0 : cli_fail(&e);
}
