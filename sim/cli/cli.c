/* SPDX-License-Identifier: Apache-2.0
 * What the subcommands share: error lines and the check of options.
 */
#include "sim/cli/cli.h"

#include "sim/base/param.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int cli_fail(const struct sim_error *e)
{
    fflush(stdout);
    fprintf(stderr, "vtsim: error: %s\n", e->text);
    return (int)e->status;
}

void cli_warn(const char *text)
{
    struct sim_error e;
    sim_fail(&e, SIM_OK, "%s", text); /* cleans the text */
    fprintf(stderr, "vtsim: warning: %s\n", e.text);
}

enum { WORDS_MAX = 64 };

/* A command may have no options; glibc's argp loses memory over an
 * empty table. */
static const struct argp_option *first_option(const struct argp *argp)
{
    static const struct argp_option none[] = {{0}};
    return argp->options != NULL ? argp->options : none;
}

const char *cli_nearest(const char *const *words, size_t count,
                        const char *text)
{
    struct param_desc rows[WORDS_MAX];
    memset(rows, 0, sizeof rows);
    if (count > WORDS_MAX)
        count = WORDS_MAX;
    for (size_t i = 0; i < count; i++)
        rows[i].name = words[i];
    const struct param_table table = {rows, count};
    return param_nearest(&table, text);
}

static enum sim_status unknown_option(const struct argp *argp, const char *text,
                                      size_t len, struct sim_error *e)
{
    const char *words[WORDS_MAX];
    size_t count = 0;
    for (const struct argp_option *o = first_option(argp);
         (o->name != NULL || o->doc != NULL) && count < WORDS_MAX; o++)
        if (o->name != NULL)
            words[count++] = o->name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), text);
    const char *near = strncmp(name, "--", 2) == 0
                           ? cli_nearest(words, count, name + 2)
                           : NULL;
    if (near != NULL)
        return sim_fail(e, SIM_USAGE,
                        "unknown option '%s' (did you mean --%s?)", name, near);
    return sim_fail(e, SIM_USAGE, "unknown option '%s' (see --help)", name);
}

/* The option whose name is the first `len` characters of `name`. */
static const struct argp_option *find_option(const struct argp *argp,
                                             const char *name, size_t len)
{
    for (const struct argp_option *o = first_option(argp);
         o->name != NULL || o->doc != NULL; o++)
        if (o->name != NULL && strlen(o->name) == len &&
            strncmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

/* Options with a letter take no value. */
static bool has_letter(const struct argp *argp, char letter)
{
    for (const struct argp_option *o = first_option(argp);
         o->name != NULL || o->doc != NULL; o++)
        if (o->key == letter && o->arg == NULL)
            return true;
    return false;
}

enum sim_status cli_check_options(const struct argp *argp, int argc,
                                  char **argv, struct sim_error *e)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (word[0] != '-' || word[1] == '\0')
            continue;
        const char *equals = strchr(word, '=');
        size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
        if (len == 2 && word[1] != '-' && has_letter(argp, word[1]))
            continue;
        if (len == 6 && strncmp(word, "--help", 6) == 0 && equals == NULL)
            continue;
        const struct argp_option *o = strncmp(word, "--", 2) == 0
                                          ? find_option(argp, word + 2, len - 2)
                                          : NULL;
        if (o == NULL)
            return unknown_option(argp, word, len, e);
        if (o->arg == NULL && equals != NULL)
            return sim_fail(e, SIM_USAGE, "--%s takes no value", o->name);
        if (o->arg == NULL || equals != NULL)
            continue;
        if (i + 1 >= argc)
            return sim_fail(e, SIM_USAGE, "--%s needs a value: %s", o->name,
                            o->arg);
        i++;
    }
    return SIM_OK;
}
