/* SPDX-License-Identifier: Apache-2.0
 * The program's parts: one function a subcommand, and what they share.
 */
#ifndef VTSIM_SIM_CLI_CLI_H
#define VTSIM_SIM_CLI_CLI_H

#include "sim/base/status.h"

#include <stddef.h>

struct argp;

/* `argv[0]` is the subcommand's name. They return the exit status. */
int cmd_run(int argc, char **argv);
int cmd_regress(int argc, char **argv);
int cmd_params(int argc, char **argv);
int cmd_presets(int argc, char **argv);

/* Print "vtsim: error: ..." and return the status. */
int cli_fail(const struct sim_error *e);

/* "vtsim: warning: ..."; control characters become `?`. */
void cli_warn(const char *text);

/*
 * Check the options in argv[1..argc) against argp's table before argp sees
 * them, so that a wrong one is one error line that names it and the nearest
 * there is. Options are long but for those with a letter in the table.
 */
SIM_MUST_CHECK enum sim_status cli_check_options(const struct argp *argp,
                                                 int argc, char **argv,
                                                 struct sim_error *e);

/* The nearest of the words to `text`, or NULL. */
const char *cli_nearest(const char *const *words, size_t count,
                        const char *text);

#endif
