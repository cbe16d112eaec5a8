/* SPDX-License-Identifier: Apache-2.0
 * What a guest printed, as results: a line protocol that is a subset of TAP.
 */
#include "sim/cli/regress.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static bool add(struct regress_test *t, enum regress_outcome outcome,
                const char *name, size_t len, const char *notes)
{
    if (t->results == REGRESS_RESULTS_MAX)
        return true; /* the count is wrong then, which is told */
    if (t->results == t->room) {
        size_t room = t->room == 0 ? 64 : 2 * t->room;
        struct regress_result *more =
            realloc(t->result, room * sizeof *t->result);
        if (more == NULL)
            return false;
        t->result = more;
        t->room = room;
    }
    struct regress_result *r = &t->result[t->results++];
    *r = (struct regress_result){outcome, strndup(name, len), strdup(notes)};
    t->failed += outcome == REGRESS_FAILED;
    t->skipped += outcome == REGRESS_SKIPPED;
    return r->name != NULL && r->notes != NULL;
}

/* Notes are kept up to a few lines; what is not printable becomes `?`. */
struct notes {
    char text[2048];
    size_t len;
};

static void note(struct notes *n, const char *line, size_t len)
{
    if (len + 2 > sizeof n->text - n->len)
        return;
    if (n->len != 0)
        n->text[n->len++] = '\n';
    for (size_t i = 0; i < len; i++)
        n->text[n->len++] = isprint((unsigned char)line[i]) ? line[i] : '?';
    n->text[n->len] = '\0';
}

/* Case does not matter in TAP's directives. */
static const char *directive(const char *line, size_t len)
{
    for (size_t i = 0; i + 6 <= len; i++)
        if (strncasecmp(line + i, "# skip", 6) == 0)
            return line + i;
    return NULL;
}

/* "ok 3 - name # SKIP why" */
static bool result_line(struct regress_test *t, const char *line, size_t len,
                        struct notes *n)
{
    bool good = strncmp(line, "ok", 2) == 0;
    const char *p = line + (good ? 2 : 6), *end = line + len;
    while (p < end && (*p == ' ' || isdigit((unsigned char)*p)))
        p++;
    if (p + 1 < end && p[0] == '-' && p[1] == ' ')
        p += 2;
    const char *skip = good ? directive(p, (size_t)(end - p)) : NULL;
    const char *last = skip != NULL ? skip : end;
    while (last > p && last[-1] == ' ')
        last--;
    if (skip != NULL) {
        const char *why = skip + 6;
        n->len = 0;
        while (why < end && *why == ' ')
            why++;
        note(n, why, (size_t)(end - why));
    }
    enum regress_outcome o = !good          ? REGRESS_FAILED
                             : skip != NULL ? REGRESS_SKIPPED
                                            : REGRESS_OK;
    bool fine = add(t, o, p, (size_t)(last - p), n->text);
    n->len = 0;
    n->text[0] = '\0';
    return fine;
}

static bool is_result(const char *line, size_t len)
{
    return (len >= 3 && strncmp(line, "ok ", 3) == 0) ||
           (len >= 7 && strncmp(line, "not ok ", 7) == 0);
}

/* What is wrong with the run as a whole: text into `why`, or "". */
static void judge(const struct regress_test *t, long plan, char *why,
                  size_t size)
{
    enum { SUCCESS_PORT = 0, SUCCESS_EXIT = 1 }; /* 8900h; F4h with 0 */
    why[0] = '\0';
    int status = WIFEXITED(t->status) ? WEXITSTATUS(t->status) : -1;
    if (status == SIM_LIMIT)
        snprintf(why, size, "limit reached after %u s", t->seconds);
    else if (status == SIM_GUEST_STOPPED)
        snprintf(why, size, "the guest stopped abnormally");
    else if (status < 0 || status >= SIM_USAGE)
        snprintf(why, size, "vtsim ended with status %d", status);
    else if (plan < 0)
        snprintf(why, size, "no plan (1..N): it ended early");
    else if ((size_t)plan != t->results)
        snprintf(why, size, "%zu results, %ld were planned", t->results, plan);
    else if (t->failed == 0 && status != SUCCESS_PORT && status != SUCCESS_EXIT)
        snprintf(why, size, "exit status %d without a failed test", status);
}

bool regress_read(struct regress_test *t)
{
    struct notes n = {.len = 0};
    long plan = -1;
    const char *p = t->output, *end = t->output + t->len;
    while (p != NULL && p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = eol != NULL ? (size_t)(eol - p) : (size_t)(end - p);
        size_t text = len > 0 && p[len - 1] == '\r' ? len - 1 : len;
        if (is_result(p, text)) {
            if (!result_line(t, p, text, &n))
                return false;
        } else if (text > 3 && strncmp(p, "1..", 3) == 0) {
            plan = strtol(p + 3, NULL, 10);
        } else if (text > 0) {
            note(&n, p, text);
        }
        p += len + 1;
    }
    char why[120];
    judge(t, plan, why, sizeof why);
    return why[0] == '\0' || (note(&n, why, strlen(why)),
                              add(t, REGRESS_FAILED, "run", 3, n.text));
}

void regress_print(const struct regress_test *t, size_t *number)
{
    for (size_t i = 0; i < t->results; i++) {
        const struct regress_result *r = &t->result[i];
        if (r->outcome == REGRESS_FAILED) {
            for (const char *p = r->notes; *p != '\0';) {
                size_t len = strcspn(p, "\n");
                printf("# %.*s\n", (int)len, p + (p[0] == '#' ? 2 : 0));
                p += len + (p[len] == '\n');
            }
        }
        printf("%sok %zu - %s: %s", r->outcome == REGRESS_FAILED ? "not " : "",
               ++*number, t->label, r->name);
        if (r->outcome == REGRESS_SKIPPED)
            printf(" # SKIP %s", r->notes);
        putchar('\n');
    }
    fflush(stdout);
}
