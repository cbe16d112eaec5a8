/* SPDX-License-Identifier: Apache-2.0
 * vtsim regress: run guest tests, each in a `vtsim run` of its own, several at
 * a time; TAP on stdout in the order of their names. The exit status is 0 when
 * all is well, 1 when a test failed, 2 when the words or the files are wrong.
 */
#include "sim/base/hostio.h"
#include "sim/cli/cli.h"
#include "sim/cli/regress.h"
#include "sim/cli/run.h"

#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TESTS_MAX = 4096, JOBS_MAX = 64, SECONDS_DEFAULT = 60 };
enum { OPT_JUNIT = 256, OPT_JOBS, OPT_COVERAGE };

struct regress {
    const char *junit, *coverage;
    unsigned long jobs;
    const char *word[TESTS_MAX]; /* files and folders */
    size_t words;
    struct regress_test *test;
    size_t tests;
    enum sim_status status;
    struct sim_error *e;
};

extern char **environ;

/* --- which tests --- */

static char *label_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".elf") == 0)
        len -= 4;
    return strndup(name, len < REGRESS_LABEL_MAX ? len : REGRESS_LABEL_MAX);
}

static enum sim_status bad_key(const char *path, const char *key,
                               struct sim_error *e)
{
    return sim_fail(e, SIM_BAD_INPUT,
                    "%s: '%.60s' (options, seconds or skip: VALUE)", path, key);
}

static enum sim_status add_options(struct regress_test *t, const char *path,
                                   char *words, struct sim_error *e)
{
    char *save;
    for (char *w = strtok_r(words, " ", &save); w != NULL;
         w = strtok_r(NULL, " ", &save)) {
        if (t->options == REGRESS_OPTIONS_MAX)
            return sim_fail(e, SIM_BAD_INPUT, "%s: options: more than %d words",
                            path, (int)REGRESS_OPTIONS_MAX);
        t->option[t->options] = strdup(w);
        if (t->option[t->options++] == NULL)
            return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    }
    return SIM_OK;
}

static enum sim_status set_key(struct regress_test *t, const char *path,
                               char *line, struct sim_error *e)
{
    char *colon = strchr(line, ':');
    if (colon == NULL)
        return bad_key(path, line, e);
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " ");
    if (strcmp(line, "options") == 0)
        return add_options(t, path, value, e);
    if (strcmp(line, "skip") == 0) {
        free(t->skip);
        t->skip = strdup(value);
        return t->skip != NULL ? SIM_OK
                               : sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    }
    if (strcmp(line, "seconds") != 0)
        return bad_key(path, line, e);
    char *end;
    unsigned long n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end != '\0' || n == 0 || n > 86400)
        return sim_fail(e, SIM_BAD_INPUT, "%s: seconds: '%.40s' (1 to 86400)",
                        path, value);
    t->seconds = (unsigned)n;
    return SIM_OK;
}

/* IMAGE.test beside IMAGE.elf: how the test wants to be run. */
static enum sim_status read_wishes(struct regress_test *t, struct sim_error *e)
{
    size_t len = strlen(t->path);
    if (len > 4 && strcmp(t->path + len - 4, ".elf") == 0)
        len -= 4;
    char *path = malloc(len + 6);
    uint8_t *data = NULL;
    size_t size;
    if (path == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    snprintf(path, len + 6, "%.*s.test", (int)len, t->path);
    enum sim_status s = SIM_OK;
    if (access(path, F_OK) == 0)
        s = hostio_read(path, 1 << 16, &data, &size, e);
    char *save;
    for (char *line = s == SIM_OK && data != NULL
                          ? strtok_r((char *)data, "\r\n", &save)
                          : NULL;
         line != NULL && s == SIM_OK; line = strtok_r(NULL, "\r\n", &save))
        if (line[0] != '#')
            s = set_key(t, path, line, e);
    free(data);
    free(path);
    return s;
}

static enum sim_status add_test(struct regress *r, const char *path)
{
    if (r->tests == TESTS_MAX)
        return sim_fail(r->e, SIM_BAD_INPUT, "%s: more than %d tests", path,
                        (int)TESTS_MAX);
    struct regress_test *t = &r->test[r->tests++];
    t->pipe = -1;
    t->seconds = SECONDS_DEFAULT;
    t->path = strdup(path);
    t->label = label_of(path);
    if (t->path == NULL || t->label == NULL)
        return sim_fail(r->e, SIM_NO_RESOURCE, "out of memory");
    return read_wishes(t, r->e);
}

static int is_image(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return len > 4 && strcmp(d->d_name + len - 4, ".elf") == 0;
}

static enum sim_status add_folder(struct regress *r, const char *folder)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, is_image, alphasort);
    enum sim_status s =
        n < 0    ? sim_fail(r->e, SIM_BAD_INPUT, "%s: %m", folder)
        : n == 0 ? sim_fail(r->e, SIM_BAD_INPUT, "%s: no .elf in it", folder)
                 : SIM_OK;
    for (int i = 0; i < n; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (s == SIM_OK)
            s = add_test(r, path);
        free(list[i]);
    }
    free(list);
    return s;
}

static enum sim_status collect(struct regress *r)
{
    enum sim_status s = SIM_OK;
    for (size_t i = 0; i < r->words && s == SIM_OK; i++) {
        struct stat st;
        if (stat(r->word[i], &st) != 0)
            s = sim_fail(r->e, SIM_BAD_INPUT, "%s: %m", r->word[i]);
        else if (S_ISDIR(st.st_mode))
            s = add_folder(r, r->word[i]);
        else
            s = add_test(r, r->word[i]);
    }
    return s;
}

/* --- running --- */

static bool start(struct regress_test *t, const char *self)
{
    char seconds[16];
    char *argv[REGRESS_OPTIONS_MAX + 8];
    size_t n = 0;
    int p[2];
    snprintf(seconds, sizeof seconds, "%u", t->seconds);
    const char *const fixed[] = {self, "run", "--quiet", "--max-seconds",
                                 seconds};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        argv[n++] = (char *)(uintptr_t)fixed[i];
    for (size_t i = 0; i < t->options; i++)
        argv[n++] = t->option[i];
    argv[n++] = t->path;
    argv[n] = NULL;
    if (pipe(p) != 0)
        return false;
    fcntl(p[0], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&a, p[1], 1);
    posix_spawn_file_actions_adddup2(&a, p[1], 2);
    posix_spawn_file_actions_addclose(&a, p[1]);
    t->began = host_time();
    bool good = posix_spawn(&t->pid, self, &a, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&a);
    close(p[1]);
    t->pipe = p[0];
    if (!good)
        close(p[0]);
    return good;
}

/* One read; at the end of the output the test is over. False: no memory. */
static bool receive(struct regress_test *t)
{
    char some[16384];
    ssize_t n = read(t->pipe, some, sizeof some);
    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0 && t->len + (size_t)n <= REGRESS_OUTPUT_MAX) {
        char *more = realloc(t->output, t->len + (size_t)n);
        if (more == NULL)
            return false;
        t->output = more;
        memcpy(t->output + t->len, some, (size_t)n);
        t->len += (size_t)n;
    }
    if (n > 0)
        return true;
    close(t->pipe);
    t->pipe = -1;
    while (waitpid(t->pid, &t->status, 0) < 0 && errno == EINTR)
        ;
    t->took = host_time() - t->began;
    t->done = true;
    return regress_read(t);
}

static bool skip(struct regress_test *t)
{
    t->done = true;
    t->result = calloc(1, sizeof *t->result);
    if (t->result == NULL)
        return false;
    t->results = t->skipped = 1;
    t->result->outcome = REGRESS_SKIPPED;
    t->result->name = strdup("run");
    t->result->notes = strdup(t->skip);
    return t->result->name != NULL && t->result->notes != NULL;
}

/* Start tests as long as there are jobs free; returns how many run. */
static size_t refill(struct regress *r, const char *self, size_t *next,
                     size_t running)
{
    while (running < r->jobs && *next < r->tests) {
        struct regress_test *t = &r->test[(*next)++];
        if (t->skip != NULL ? skip(t) : start(t, self))
            running += t->skip == NULL;
        else
            r->status = sim_fail(r->e, SIM_NO_RESOURCE, "%s: cannot be run: %m",
                                 t->path);
    }
    return running;
}

/* Wait for output of those that run; returns how many still do. */
static size_t pump(struct regress *r, size_t running)
{
    struct pollfd p[JOBS_MAX];
    struct regress_test *of[JOBS_MAX];
    nfds_t n = 0;
    for (size_t i = 0; i < r->tests && n < JOBS_MAX; i++) {
        if (r->test[i].pipe < 0)
            continue;
        of[n] = &r->test[i];
        p[n++] = (struct pollfd){.fd = r->test[i].pipe, .events = POLLIN};
    }
    if (poll(p, n, -1) < 0)
        return running;
    for (nfds_t i = 0; i < n; i++) {
        if (p[i].revents == 0)
            continue;
        if (!receive(of[i]))
            r->status = sim_fail(r->e, SIM_NO_RESOURCE, "out of memory");
        running -= of[i]->pipe < 0;
    }
    return running;
}

/* Results come out in order, whatever ends first. */
static size_t run_all(struct regress *r)
{
    char self[4200];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    size_t next = 0, running = 0, shown = 0, number = 0;
    self[n > 0 ? n : 0] = '\0';
    puts("TAP version 13");
    do {
        running = refill(r, self, &next, running);
        if (running != 0)
            running = pump(r, running);
        while (shown < r->tests && r->test[shown].done)
            regress_print(&r->test[shown++], &number);
    } while (running != 0 || (next < r->tests && r->status == SIM_OK));
    printf("1..%zu\n", number);
    size_t failed = 0, skipped = 0;
    for (size_t i = 0; i < r->tests; i++) {
        failed += r->test[i].failed;
        skipped += r->test[i].skipped;
    }
    printf("# %zu tests in %zu images: %zu failed, %zu skipped\n", number,
           r->tests, failed, skipped);
    return failed;
}

/* --- the command --- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct regress *r = state->input;
    char *end;
    switch (key) {
    case OPT_JUNIT: r->junit = arg; return 0;
    case OPT_COVERAGE: r->coverage = arg; return 0;
    case OPT_JOBS:
        r->jobs = strtoul(arg, &end, 10);
        if (*arg < '0' || *arg > '9' || *end != '\0' || r->jobs == 0 ||
            r->jobs > JOBS_MAX)
            r->status = sim_fail(r->e, SIM_USAGE, "--jobs: '%.40s' (1 to %d)",
                                 arg, (int)JOBS_MAX);
        return 0;
    case ARGP_KEY_ARG:
        if (r->words < TESTS_MAX)
            r->word[r->words++] = arg;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static enum sim_status
write_report(const struct regress *r, const char *path,
             void (*report)(FILE *, const struct regress_test *, size_t),
             struct sim_error *e)
{
    if (strcmp(path, "-") == 0) {
        report(stdout, r->test, r->tests);
        return SIM_OK;
    }
    struct hostio_file f = {0};
    enum sim_status s = hostio_begin(&f, path, e);
    if (s != SIM_OK)
        return s;
    report(f.stream, r->test, r->tests);
    return hostio_commit(&f, e);
}

static void release(struct regress *r)
{
    for (size_t i = 0; i < r->tests; i++) {
        struct regress_test *t = &r->test[i];
        for (size_t k = 0; k < t->options; k++)
            free(t->option[k]);
        for (size_t k = 0; k < t->results; k++) {
            free(t->result[k].name);
            free(t->result[k].notes);
        }
        free(t->result);
        free(t->output);
        free(t->skip);
        free(t->path);
        free(t->label);
    }
    free(r->test);
    free(r);
}

static enum sim_status regress(struct regress *r, int argc, char **argv,
                               size_t *failed)
{
    static const struct argp_option table[] = {
        {"junit", OPT_JUNIT, "FILE", 0, "write the results as JUnit XML", 0},
        {"jobs", OPT_JOBS, "N", 0, "images to run at a time (default 1)", 0},
        {"coverage", OPT_COVERAGE, "FILE|-", 0,
         "write which exit reasons the tests cover, as Markdown", 0},
        {0},
    };
    static const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "DIR|IMAGE...",
        .doc = "Run guest tests and report TAP (docs/regress.md).\v"
               "The exit status is 0 when all is well, 1 when a test failed "
               "and 2 when the words or the files are wrong.",
    };
    enum sim_status s = cli_check_options(&argp, argc, argv, r->e);
    if (s == SIM_OK && argp_parse(&argp, argc, argv, 0, NULL, r) != 0)
        s = sim_fail(r->e, SIM_USAGE, "options (see vtsim regress --help)");
    if (s == SIM_OK)
        s = r->status;
    if (s == SIM_OK && r->words == 0)
        s = sim_fail(r->e, SIM_USAGE,
                     "no test: DIR or IMAGE... (see vtsim regress --help)");
    if (s == SIM_OK)
        s = collect(r);
    if (s != SIM_OK)
        return s;
    *failed = run_all(r);
    s = r->status;
    if (s == SIM_OK && r->junit != NULL)
        s = write_report(r, r->junit, regress_junit, r->e);
    if (s == SIM_OK && r->coverage != NULL)
        s = write_report(r, r->coverage, regress_coverage, r->e);
    return s;
}

int cmd_regress(int argc, char **argv)
{
    enum { ALL_WELL, SOME_FAILED, WRONG };
    struct sim_error e;
    size_t failed = 0;
    struct regress *r = calloc(1, sizeof *r);
    enum sim_status s = SIM_NO_RESOURCE;
    if (r != NULL)
        r->test = calloc(TESTS_MAX, sizeof *r->test);
    if (r == NULL || r->test == NULL) {
        (void)sim_fail(&e, s, "out of memory");
        cli_fail(&e);
        free(r);
        return WRONG;
    }
    r->e = &e;
    r->jobs = 1;
    char name[] = "vtsim regress";
    argv[0] = name;
    s = regress(r, argc, argv, &failed);
    if (s != SIM_OK)
        cli_fail(&e);
    release(r);
    return s != SIM_OK ? WRONG : failed != 0 ? SOME_FAILED : ALL_WELL;
}
