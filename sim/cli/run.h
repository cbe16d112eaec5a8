/* SPDX-License-Identifier: Apache-2.0
 * The parts of `vtsim run`.
 */
#ifndef VTSIM_SIM_CLI_RUN_H
#define VTSIM_SIM_CLI_RUN_H

#include "sim/base/hostio.h"
#include "sim/debug/trace.h"
#include "sim/machine/config_file.h"
#include "sim/machine/machine.h"

#include <signal.h>
#include <stdbool.h>

enum progress_kind { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_NONE };

enum { RUN_LIST_MAX = 256 };

/* A list of words that point into argv. */
struct word_list {
    const char *word[RUN_LIST_MAX];
    size_t count;
};

/* Read an image that is installed with vtsim; `*found` says whether it is. */
SIM_MUST_CHECK enum sim_status run_find_beside(const char *name,
                                               const char *role,
                                               struct load_file *f, bool *found,
                                               struct sim_error *e);

/* --under: a monitor between the machine and the guest. */
enum { RUN_UNDER_MAX = 256 };
struct run_under {
    bool given;
    uint64_t granule; /* the largest page that maps the guest */
    char command[RUN_UNDER_MAX + 16];
};

SIM_MUST_CHECK enum sim_status under_parse(const char *arg, struct run_under *u,
                                           struct sim_error *e);

struct run_options {
    const char *image;
    const char *preset, *config;
    const char *append, *stats, *stats_text, *serial, *vcd;
    struct word_list set, module, share, env, symbols;
    struct word_list dedicated; /* "parameter=value" pairs, in turn: name, */
    struct word_list dedicated_value, dedicated_option;
    enum image_kind kind;
    struct run_under under;
    bool kind_given, flat_given;
    uint64_t flat_base;
    enum progress_kind progress;
    bool quiet;
    uint64_t max_host_ms; /* 0: none */
    const char *gdb;      /* where to listen, or NULL */
    bool gdb_wait;
    struct trace_options trace;
    char **guest_argv; /* after "--" */
    size_t guest_argc;
};

/* Parse the words after `run`. Values are checked, files not yet opened. */
SIM_MUST_CHECK enum sim_status run_options_parse(int argc, char **argv,
                                                 struct run_options *o,
                                                 struct sim_error *e);

/* preset < config file < --set < other options. */
SIM_MUST_CHECK enum sim_status run_config(const struct run_options *o,
                                          struct machine_config *c,
                                          char preset[32], struct sim_error *e);

/* One file that took part in the run. */
struct run_file {
    const char *path, *role, *sha256;
};

/* Everything the reports tell. */
struct run_report {
    const struct machine *machine;
    const struct machine_config *config;
    const char *preset;
    const struct run_file *file;
    size_t files;
    const struct machine_outcome *outcome;
    int status;             /* exit status of vtsim */
    const uint64_t *values; /* what is reported, in registry order */
    double host_seconds, startup_seconds;
};

SIM_MUST_CHECK enum sim_status report_json(const struct run_report *r,
                                           struct hostio_file *f,
                                           struct sim_error *e);
SIM_MUST_CHECK enum sim_status report_text(const struct run_report *r,
                                           struct hostio_file *f,
                                           struct sim_error *e);

/* The one-screen summary, on stderr. */
void report_summary(const struct run_report *r);
/* The table of VM exits, when there were any. */
void report_exits(const struct run_report *r);

/* Value of a statistic by its full name; 0 and false when there is none. */
bool report_value(const struct run_report *r, const char *name,
                  uint64_t *value);

/* --- Progress ------------------------------------------------------------- */

struct progress {
    enum progress_kind kind; /* never PROGRESS_AUTO */
    bool shown;              /* a line is on the terminal */
    double last;             /* host time of the last line */
    uint64_t last_instructions;
};

/* Resolve "auto": a line only on a terminal. */
void progress_init(struct progress *p, enum progress_kind kind, bool quiet);

/* Once per second of the host's time: a line on stderr. */
void progress_tick(struct progress *p, const struct machine *m,
                   const struct machine_config *c, double now);

/* Remove the line from the terminal. */
void progress_clear(struct progress *p);

/* Seconds of the host's monotonic clock. */
double host_time(void);

#endif
