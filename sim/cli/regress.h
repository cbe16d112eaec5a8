/* SPDX-License-Identifier: Apache-2.0
 * The parts of `vtsim regress`: docs/regress.md has the protocol.
 */
#ifndef VTSIM_SIM_CLI_REGRESS_H
#define VTSIM_SIM_CLI_REGRESS_H

#include "sim/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
    REGRESS_OUTPUT_MAX = 4 << 20, /* bytes of one test's output */
    REGRESS_OPTIONS_MAX = 64,     /* words for vtsim run */
    REGRESS_RESULTS_MAX = 20000,  /* in one image */
    REGRESS_LABEL_MAX = 160,
};

enum regress_outcome { REGRESS_OK, REGRESS_FAILED, REGRESS_SKIPPED };

/* One line "ok N - NAME" of a guest. */
struct regress_result {
    enum regress_outcome outcome;
    char *name;  /* without the number and directives */
    char *notes; /* "# ..." lines in front of it, or the reason of a skip */
};

/* One image. */
struct regress_test {
    char *path, *label; /* label: the file's name without .elf */
    char *option[REGRESS_OPTIONS_MAX];
    size_t options;
    unsigned seconds; /* limit of the host's time */
    char *skip;       /* why it is not run, or NULL */

    /* While it runs. */
    pid_t pid; /* 0: not started */
    int pipe;  /* its stdout and stderr, or -1 */
    bool done;
    char *output;
    size_t len;
    double began, took;
    int status; /* of waitpid */

    /* What came of it. */
    struct regress_result *result;
    size_t results, room, failed, skipped;
};

/* --- regress_tap.c --- */

/* Read results from t->output; adds a failed one for whatever is wrong with
 * the run as a whole. False: no memory. */
bool regress_read(struct regress_test *t);
void regress_print(const struct regress_test *t, size_t *number);

/* --- regress_report.c --- */
void regress_junit(FILE *f, const struct regress_test *t, size_t count);
/* Exit reasons by tests, as Markdown. */
void regress_coverage(FILE *f, const struct regress_test *t, size_t count);

#endif
