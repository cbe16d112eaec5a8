/* SPDX-License-Identifier: Apache-2.0
 * vtsim run: from words to a machine, its run, the reports and the exit
 * status. Everything that can be refused is refused before the guest's first
 * instruction.
 */
#include "sim/cli/cli.h"
#include "sim/cli/debugging.h"
#include "sim/cli/run.h"
#include "sim/machine/load_under.h"
#include "sim/machine/tlb_check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct run {
    struct run_options o;
    struct machine_config config;
    char preset[32];
    struct load_file image, pk, monitor, module[LOAD_MODULES_MAX];
    const char *module_text[LOAD_MODULES_MAX];
    size_t modules;
    bool has_pk;
    char exec_path[PATH_MAX];
    char *share[RUN_LIST_MAX]; /* absolute */
    bool share_read_only[RUN_LIST_MAX];
    size_t shares;
    struct plan plan;
    uint64_t told_low, told_high; /* RAM of the guest below a monitor */
    struct load_result load;
    struct hostio_file stats, stats_text;
    int serial_fd, signal_fd;
    int signal; /* that ended the run, 0 none */
    bool out_of_time;
    struct machine *machine;
    struct progress progress;
    struct debugging debugging;
    double started, entered; /* host time */
};

double host_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- Files ---------------------------------------------------------------- */

/* "FILE=TEXT": the text is the module's command line. */
static enum sim_status read_module(struct run *r, const char *word,
                                   struct sim_error *e)
{
    const char *equals = strchr(word, '=');
    size_t len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    char *path = strndup(word, len);
    if (path == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    enum sim_status s = load_read(&r->module[r->modules], path, "module", e);
    free(path);
    if (s == SIM_OK)
        r->module_text[r->modules++] = equals != NULL ? equals + 1 : NULL;
    return s;
}

static enum sim_status find_monitor(struct run *r, struct sim_error *e)
{
    bool found;
    const struct machine_config *c = &r->config;
    if (!c->core.vmx)
        return sim_fail(e, SIM_USAGE,
                        "--under: the processor has no VT-x (core.vmx)");
    if (c->cores != 1)
        return sim_fail(e, SIM_USAGE, "--under: %u cores (microhv runs one)",
                        c->cores);
    enum sim_status s =
        run_find_beside("microhv.elf", "monitor", &r->monitor, &found, e);
    if (s == SIM_OK && !found)
        s = sim_fail(e, SIM_NO_RESOURCE,
                     "microhv.elf, the monitor, is not beside vtsim nor in "
                     "../lib/vtsim");
    return s;
}

/* Is `path` absolute and free of "." and ".." and double slashes? */
static bool plain_absolute(const char *path)
{
    return path[0] == '/' && strstr(path, "//") == NULL &&
           strstr(path, "/./") == NULL && strstr(path, "/../") == NULL &&
           path[strlen(path) - 1] != '.';
}

/* "DIR" or "DIR:ro". The guest finds it under the name the user gave when
 * that is a plain absolute path (even of a link, such as /bin), else under
 * its real path. */
static enum sim_status add_share(struct run *r, const char *word,
                                 struct sim_error *e)
{
    size_t len = strlen(word);
    bool read_only = len > 3 && strcmp(word + len - 3, ":ro") == 0;
    char *dir = strndup(word, read_only ? len - 3 : len);
    if (dir == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    char *path = realpath(dir, NULL);
    struct stat st;
    enum sim_status s = SIM_OK;
    if (path == NULL || stat(path, &st) != 0)
        s = sim_fail(e, SIM_BAD_INPUT, "--share: %s: %m", dir);
    else if (!S_ISDIR(st.st_mode))
        s = sim_fail(e, SIM_BAD_INPUT, "--share: %s: not a directory", dir);
    if (s == SIM_OK && plain_absolute(dir)) {
        free(path);
        path = dir;
    } else {
        free(dir);
    }
    if (s != SIM_OK) {
        free(path);
        return s;
    }
    r->share[r->shares] = path;
    r->share_read_only[r->shares++] = read_only;
    return SIM_OK;
}

static enum sim_status read_files(struct run *r, struct sim_error *e)
{
    enum sim_status s = load_read(&r->image, r->o.image, "image", e);
    for (size_t i = 0; i < r->o.module.count && s == SIM_OK; i++)
        s = read_module(r, r->o.module.word[i], e);
    if (s == SIM_OK && r->o.kind == IMAGE_AUTO)
        s = load_detect(&r->image, &r->o.kind, e);
    for (size_t i = 0; i < r->o.share.count && s == SIM_OK; i++)
        s = add_share(r, r->o.share.word[i], e);
    if (s == SIM_OK && r->o.kind == IMAGE_LINUX)
        s = run_find_beside("pk.elf", "pk", &r->pk, &r->has_pk, e);
    if (s == SIM_OK && r->o.under.given)
        s = find_monitor(r, e);
    return s;
}

/* Options that the kind of image cannot honour are refused. */
static enum sim_status check_kind(const struct run *r, struct sim_error *e)
{
    const struct run_options *o = &r->o;
    bool is_linux = o->kind == IMAGE_LINUX;
    const char *option = NULL;
    if (is_linux && o->append != NULL)
        option = "--append";
    else if (is_linux && o->module.count != 0)
        option = "--module";
    else if (!is_linux && o->env.count != 0)
        option = "--env";
    else if (!is_linux && o->share.count != 0)
        option = "--share";
    else if (!is_linux && o->guest_argc != 0)
        option = "guest arguments";
    if (option == NULL)
        return SIM_OK;
    return sim_fail(e, SIM_USAGE, "%s: not for a %s", option,
                    is_linux ? "Linux program"
                             : "kernel (only for Linux "
                               "programs; --append is the "
                               "kernel command line)");
}

static enum sim_status plan_all(struct run *r, struct sim_error *e)
{
    enum sim_status s = check_kind(r, e);
    if (s != SIM_OK)
        return s;
    if (realpath(r->o.image, r->exec_path) == NULL)
        return sim_fail(e, SIM_BAD_INPUT, "%s: %m", r->o.image);
    const struct load_request request = {
        .kind = r->o.kind,
        .flat_base = r->o.flat_base,
        .append = r->o.append,
        .image = &r->image,
        .module = r->module,
        .module_cmdline = r->module_text,
        .modules = r->modules,
        .pk = r->has_pk ? &r->pk : NULL,
        .exec_path = r->exec_path,
        .argv = (const char *const *)r->o.guest_argv,
        .argc = r->o.guest_argc,
        .env = r->o.env.word,
        .envs = r->o.env.count,
        .share = (const char *const *)r->share,
        .shares = r->shares,
        .config = &r->config,
    };
    uint64_t *ram = &r->config.memory.ram_bytes;
    if (!r->o.under.given) {
        plan_init(&r->plan, r->image.path, *ram);
        return load_plan(&request, &r->plan, &r->load, e);
    }
    const struct under_layout u = under_layout(*ram, r->o.under.granule);
    *ram = u.total;
    r->told_low = u.guest_low;
    r->told_high = u.guest_high;
    under_plan_init(&r->plan, r->image.path, &u);
    s = load_plan(&request, &r->plan, &r->load, e);
    return s != SIM_OK ? s
                       : under_plan(&r->monitor, r->o.under.command, &u,
                                    &r->plan, &r->load, e);
}

/* Results that cannot be written are found out now, not after an hour. */
static enum sim_status open_outputs(struct run *r, struct sim_error *e)
{
    enum sim_status s = SIM_OK;
    if (r->o.stats != NULL)
        s = hostio_begin(&r->stats, r->o.stats, e);
    if (s == SIM_OK && r->o.stats_text != NULL)
        s = hostio_begin(&r->stats_text, r->o.stats_text, e);
    if (s != SIM_OK || r->o.serial == NULL || strcmp(r->o.serial, "stdio") == 0)
        return s;
    r->serial_fd =
        open(r->o.serial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (r->serial_fd < 0)
        return sim_fail(e, SIM_NO_RESOURCE, "--serial: %s: %m", r->o.serial);
    return SIM_OK;
}

/* --- The run -------------------------------------------------------------- */

static void note(void *self, const char *text)
{
    struct run *r = self;
    if (r->o.quiet)
        return;
    progress_clear(&r->progress);
    cli_warn(text);
}

/* Names of what was loaded: for the stub, traces and findings. */
static enum sim_status read_names(struct run *r, struct sim_error *e)
{
    bool under = r->o.under.given;
    enum symbol_side side = under ? SYMBOL_GUEST : SYMBOL_ANY;
    enum sim_status s = debugging_names(&r->debugging, &r->image, side, e);
    if (s == SIM_OK && r->has_pk)
        s = debugging_names(&r->debugging, &r->pk, side, e);
    if (s == SIM_OK && under)
        s = debugging_names(&r->debugging, &r->monitor, SYMBOL_ROOT, e);
    for (size_t i = 0; i < r->modules && s == SIM_OK; i++)
        s = debugging_names(&r->debugging, &r->module[i], SYMBOL_GUEST, e);
    return s == SIM_OK ? debugging_symbols(&r->debugging, &r->o, e) : s;
}

static bool tick(void *self);

static enum sim_status open_debugging(struct run *r, struct sim_error *e)
{
    const struct gdb_options port = {
        .machine = r->machine, .alive = tick, .note = note, .self = r};
    enum sim_status s = SIM_OK;
    bool check = r->config.mmu.check_tlb != TLB_CHECK_OFF;
    if (r->o.gdb != NULL || r->o.trace.file != NULL ||
        r->o.symbols.count != 0 || check)
        s = read_names(r, e);
    if (s == SIM_OK && check)
        machine_check_tlb(r->machine, r->debugging.symbols);
    return s == SIM_OK ? debugging_open(&r->debugging, &r->o, &port, e) : s;
}

static enum sim_status build(struct run *r, struct sim_error *e)
{
    const struct machine_io io = {
        .console_out = STDOUT_FILENO,
        .serial_out = r->serial_fd,
        .serial_in = STDIN_FILENO,
        .share = (const char *const *)r->share,
        .share_read_only = r->share_read_only,
        .shares = r->shares,
        /* A monitor writes its messages to stderr by it. */
        .proxy = r->load.kind == IMAGE_LINUX || r->o.under.given,
        .told_low = r->told_low,
        .told_high = r->told_high,
        .self = r,
        .note = note,
    };
    enum sim_status s = machine_create(&r->config, &io, &r->machine, e);
    if (s == SIM_OK)
        s = machine_load(r->machine, &r->plan, &r->load, e);
    if (s == SIM_OK && r->o.vcd != NULL)
        s = machine_vcd(r->machine, r->o.vcd, e);
    if (s == SIM_OK)
        s = open_debugging(r, e);
    /* RAM holds the bytes now. */
    plan_free(&r->plan);
    return s;
}

/* Runs in signal context: hand the number on through the signalfd. A call
 * that waits (for the guest's input, say) ends with EINTR. */
static void on_signal(int number)
{
    const union sigval value = {.sival_int = number};
    sigqueue(getpid(), SIGRTMIN, value);
}

/* Its coming is all that matters: it ends a call that waits. */
static void on_alarm(int number)
{
    (void)number;
}

/* --max-seconds holds for a guest that waits for input, too. */
static void start_alarm(const struct run *r)
{
    if (r->o.max_host_ms == 0)
        return;
    const struct itimerval timer = {
        .it_value = {.tv_sec = (time_t)(r->o.max_host_ms / 1000),
                     .tv_usec = (suseconds_t)(r->o.max_host_ms % 1000 * 1000)},
        .it_interval = {.tv_usec = 100000},
    };
    struct sigaction action = {.sa_handler = on_alarm};
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Signals are looked at between slices of the run. */
static void catch_signals(struct run *r)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    r->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool tick(void *self)
{
    struct run *r = self;
    struct signalfd_siginfo info;
    if (r->signal_fd >= 0 &&
        read(r->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        r->signal = info.ssi_int;
        return false;
    }
    double now = host_time();
    if (r->o.max_host_ms != 0 &&
        (now - r->entered) * 1000.0 >= (double)r->o.max_host_ms) {
        r->out_of_time = true;
        return false;
    }
    progress_tick(&r->progress, r->machine, &r->config, now);
    return true;
}

/* Between slices of the run. */
static bool between(void *self)
{
    struct run *r = self;
    return tick(r) && debugging_tick(&r->debugging);
}

/* The line and status for the way the run ended. */
static int end_status(const struct run *r, struct sim_error *e)
{
    const struct machine_outcome *end = machine_outcome(r->machine);
    e->text[0] = '\0';
    if (r->signal != 0)
        return 128 + r->signal;
    if (r->out_of_time) {
        sim_fail(e, SIM_LIMIT, "limit reached: %llu.%03u s of the host's time",
                 (unsigned long long)(r->o.max_host_ms / 1000),
                 (unsigned)(r->o.max_host_ms % 1000));
        return SIM_LIMIT;
    }
    if (end->end == END_LIMIT || end->end == END_ABNORMAL)
        sim_fail(e, (enum sim_status)end->status, "%s", end->reason);
    return end->status;
}

static size_t list_files(const struct run *r, struct run_file *out)
{
    size_t n = 0;
    out[n++] = (struct run_file){r->image.path, "image", r->image.sha256};
    for (size_t i = 0; i < r->modules; i++)
        out[n++] =
            (struct run_file){r->module[i].path, "module", r->module[i].sha256};
    if (r->has_pk)
        out[n++] = (struct run_file){r->pk.path, "pk", r->pk.sha256};
    if (r->o.under.given)
        out[n++] =
            (struct run_file){r->monitor.path, "monitor", r->monitor.sha256};
    return n;
}

static enum sim_status write_reports(struct run *r, int status, double seconds,
                                     struct sim_error *e)
{
    struct run_file file[LOAD_FILES_MAX];
    const struct stat_registry *stats = machine_stats(r->machine);
    uint64_t *values = calloc(stats->values + 1, sizeof *values);
    if (values == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    machine_reported(r->machine, values);
    const struct run_report report = {
        .machine = r->machine,
        .config = &r->config,
        .preset = r->preset,
        .file = file,
        .files = list_files(r, file),
        .outcome = machine_outcome(r->machine),
        .status = status,
        .values = values,
        .host_seconds = seconds,
        .startup_seconds = r->entered - r->started,
    };
    enum sim_status s = SIM_OK;
    if (r->o.stats != NULL)
        s = report_json(&report, &r->stats, e);
    if (s == SIM_OK && r->o.stats_text != NULL)
        s = report_text(&report, &r->stats_text, e);
    if (s == SIM_OK && !r->o.quiet)
        report_summary(&report);
    free(values);
    return s;
}

static int run_machine(struct run *r, struct sim_error *e)
{
    if (r->load.note[0] != '\0')
        note(r, r->load.note);
    catch_signals(r);
    progress_init(&r->progress, r->o.progress, r->o.quiet);
    r->entered = host_time();
    start_alarm(r);
    if (debugging_begin(&r->debugging, &r->o))
        machine_run(r->machine, between, r);
    double seconds = host_time() - r->entered;
    progress_clear(&r->progress);
    struct sim_error line;
    int status = end_status(r, &line);
    if (line.text[0] != '\0')
        cli_fail(&line);
    enum sim_status s = debugging_end(&r->debugging, status, e);
    if (s == SIM_OK)
        s = write_reports(r, status, seconds, e);
    return s == SIM_OK ? status : cli_fail(e);
}

static void release(struct run *r)
{
    if (r->machine != NULL)
        debugging_release(&r->debugging);
    symbols_free(r->debugging.symbols);
    machine_destroy(r->machine);
    plan_free(&r->plan);
    hostio_abandon(&r->stats);
    hostio_abandon(&r->stats_text);
    load_release(&r->image);
    load_release(&r->pk);
    load_release(&r->monitor);
    for (size_t i = 0; i < r->modules; i++)
        load_release(&r->module[i]);
    for (size_t i = 0; i < r->shares; i++)
        free(r->share[i]);
    if (r->serial_fd >= 0)
        close(r->serial_fd);
    if (r->signal_fd >= 0)
        close(r->signal_fd);
    free(r);
}

static enum sim_status prepare(struct run *r, int argc, char **argv,
                               struct sim_error *e)
{
    enum sim_status s = run_options_parse(argc, argv, &r->o, e);
    if (s == SIM_OK)
        s = run_config(&r->o, &r->config, r->preset, e);
    if (s == SIM_OK)
        s = read_files(r, e);
    if (s == SIM_OK)
        s = plan_all(r, e);
    if (s == SIM_OK)
        s = open_outputs(r, e);
    if (s == SIM_OK)
        s = build(r, e);
    return s;
}

int cmd_run(int argc, char **argv)
{
    struct sim_error e;
    struct run *r = calloc(1, sizeof *r);
    if (r == NULL) {
        sim_fail(&e, SIM_NO_RESOURCE, "out of memory");
        return cli_fail(&e);
    }
    r->started = host_time();
    r->serial_fd = r->signal_fd = -1;
    int status = prepare(r, argc, argv, &e) == SIM_OK ? run_machine(r, &e)
                                                      : cli_fail(&e);
    release(r);
    return status;
}
