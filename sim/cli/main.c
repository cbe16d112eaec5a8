/* SPDX-License-Identifier: Apache-2.0
 * vtsim: the first word of the command line is the subcommand.
 */
#include "sim/cli/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: vtsim run [options] IMAGE [-- guest arguments]\n"
    "       vtsim regress [options] DIR|IMAGE...\n"
    "       vtsim params [PATTERN]\n"
    "       vtsim presets [NAME]\n"
    "       vtsim --help | --version\n"
    "\n"
    "A cycle-level simulator of an x86-64 machine.\n"
    "\n"
    "  run      run a static Linux program, a multiboot kernel, an ELF64\n"
    "           image or flat code, and say where the cycles went\n"
    "  regress  run guest tests and report TAP and JUnit XML\n"
    "  params   every parameter: value, unit, range and meaning\n"
    "  presets  the processors there are, and where their values come from\n"
    "\n"
    "`vtsim run --help` lists the options of run.\n";

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", cmd_run},
    {"regress", cmd_regress},
    {"params", cmd_params},
    {"presets", cmd_presets},
};

static int usage(const char *format, const char *word)
{
    static const char *const words[] = {"run",     "regress", "params",
                                        "presets", "--help",  "--version"};
    struct sim_error e;
    const char *near = word != NULL ? cli_nearest(words, 6, word) : NULL;
    if (near != NULL)
        sim_fail(&e, SIM_USAGE, "unknown %s '%.60s' (did you mean %s?)", format,
                 word, near);
    else if (word != NULL)
        sim_fail(&e, SIM_USAGE,
                 "unknown %s '%.60s' (run, regress, params, presets; see vtsim "
                 "--help)",
                 format, word);
    else
        sim_fail(&e, SIM_USAGE, "%s", format);
    return cli_fail(&e);
}

/* A full disk or closed pipe behind stdout is an error too. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    struct sim_error e;
    sim_fail(&e, SIM_NO_RESOURCE, "standard output: %m");
    return status != 0 ? status : cli_fail(&e);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage("a command is due: run, regress, params or presets "
                     "(see vtsim --help)",
                     NULL);
    const char *word = argv[1];
    bool is_help = strcmp(word, "--help") == 0;
    if (is_help || strcmp(word, "--version") == 0) {
        if (argc > 2)
            return usage("argument", argv[2]);
        fputs(is_help ? help : "vtsim " VTSIM_VERSION "\n", stdout);
        return finish(0);
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(word, commands[i].name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    return usage(word[0] == '-' ? "option" : "command", word);
}
