/* SPDX-License-Identifier: Apache-2.0
 * --under MONITOR[:KEY=VALUE,...]: the words checked before anything runs.
 */
#include "sim/cli/run.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *key, *values; /* separated by | */
} known[] = {
    {"ept", "4k|2m|1g"},   {"vpid", "on|off"},  {"paging", "ept|shadow"},
    {"apic", "pass|exit"}, {"io", "pass|exit"}, {"hlt", "pass|exit"},
    {"stats", "on|off"},
};

static bool listed(const char *values, const char *value, size_t len)
{
    while (*values != '\0') {
        size_t n = strcspn(values, "|");
        if (n == len && memcmp(values, value, n) == 0)
            return true;
        values += n + (values[n] == '|');
    }
    return false;
}

static enum sim_status check_word(const char *word, size_t len,
                                  struct sim_error *e)
{
    const char *equals = memchr(word, '=', len);
    size_t key = equals != NULL ? (size_t)(equals - word) : len;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].key) != key || memcmp(known[i].key, word, key) != 0)
            continue;
        if (equals != NULL &&
            listed(known[i].values, equals + 1, len - key - 1))
            return SIM_OK;
        return sim_fail(e, SIM_USAGE, "--under: '%.*s' (%s=%s)",
                        len < 80 ? (int)len : 80, word, known[i].key,
                        known[i].values);
    }
    return sim_fail(e, SIM_USAGE,
                    "--under: unknown key '%.*s' (ept, vpid, paging, apic, io, "
                    "hlt, stats)",
                    key < 80 ? (int)key : 80, word);
}

/* The commas become spaces: a command line behind the image's name. */
enum sim_status under_parse(const char *arg, struct run_under *u,
                            struct sim_error *e)
{
    static const char name[] = "microhv";
    size_t n = sizeof name - 1;
    memset(u, 0, sizeof *u);
    if (strncmp(arg, name, n) != 0 || (arg[n] != '\0' && arg[n] != ':'))
        return sim_fail(e, SIM_USAGE,
                        "--under: '%.80s' (microhv, or microhv:KEY=VALUE,...)",
                        arg);
    if (strlen(arg) > RUN_UNDER_MAX)
        return sim_fail(e, SIM_USAGE, "--under: %zu bytes (%d at most)",
                        strlen(arg), RUN_UNDER_MAX);
    u->granule = UINT64_C(2) << 20;
    int used = snprintf(u->command, sizeof u->command, "microhv.elf");
    const char *word = arg + n + (arg[n] == ':');
    while (*word != '\0') {
        size_t len = strcspn(word, ",");
        enum sim_status s = check_word(word, len, e);
        if (s != SIM_OK)
            return s;
        used += snprintf(u->command + used, sizeof u->command - (size_t)used,
                         " %.*s", (int)len, word);
        if (len == 6 && memcmp(word, "ept=1g", len) == 0)
            u->granule = UINT64_C(1) << 30;
        word += len + (word[len] == ',');
    }
    u->given = true;
    return SIM_OK;
}
