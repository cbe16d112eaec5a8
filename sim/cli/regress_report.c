/* SPDX-License-Identifier: Apache-2.0
 * Results of `vtsim regress` as JUnit XML, and the table of exit reasons by
 * tests.
 */
#include "cpu/vmx/controls.h"
#include "sim/cli/regress.h"

#include <stdlib.h>
#include <string.h>

/* Text of an attribute or element. */
static void put_xml(FILE *f, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        switch (c) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\n': fputs("&#10;", f); break;
        default: fputc(c < ' ' || c > '~' ? '?' : c, f); break;
        }
    }
}

static void put_case(FILE *f, const struct regress_test *t,
                     const struct regress_result *r)
{
    fputs("    <testcase classname=\"", f);
    put_xml(f, t->label);
    fputs("\" name=\"", f);
    put_xml(f, r->name);
    fputc('"', f);
    if (r->outcome == REGRESS_OK) {
        fputs("/>\n", f);
        return;
    }
    fprintf(f, "><%s message=\"",
            r->outcome == REGRESS_FAILED ? "failure" : "skipped");
    put_xml(f, r->notes);
    fputs("\"/></testcase>\n", f);
}

void regress_junit(FILE *f, const struct regress_test *t, size_t count)
{
    size_t tests = 0, failed = 0, skipped = 0;
    for (size_t i = 0; i < count; i++) {
        tests += t[i].results;
        failed += t[i].failed;
        skipped += t[i].skipped;
    }
    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n",
            tests, failed, skipped);
    for (size_t i = 0; i < count; i++) {
        fputs("  <testsuite name=\"", f);
        put_xml(f, t[i].label);
        fprintf(f,
                "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
                "skipped=\"%zu\" time=\"%.3f\">\n",
                t[i].results, t[i].failed, t[i].skipped, t[i].took);
        for (size_t k = 0; k < t[i].results; k++)
            put_case(f, &t[i], &t[i].result[k]);
        fputs("  </testsuite>\n", f);
    }
    fputs("</testsuites>\n", f);
}

/* --- coverage --- */

/* The reason that a test is about: "exit N ...". */
static bool is_about(const struct regress_result *r, unsigned reason)
{
    char *end;
    if (strncmp(r->name, "exit ", 5) != 0)
        return false;
    unsigned long n = strtoul(r->name + 5, &end, 10);
    return end != r->name + 5 && n == reason;
}

static void put_row(FILE *f, unsigned reason, const char *name,
                    const struct regress_test *t, size_t count, size_t *covered)
{
    size_t n[3] = {0}; /* by outcome */
    fprintf(f, "| %u | %s | ", reason, name);
    const char *between = "";
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < t[i].results; k++) {
            const struct regress_result *r = &t[i].result[k];
            if (!is_about(r, reason))
                continue;
            n[r->outcome]++;
            const char *what = strchr(r->name + 5, ' ');
            fprintf(f, "%s%s:%s", between, t[i].label,
                    what != NULL ? what : "");
            between = ", ";
        }
    }
    fprintf(f, " | %zu | %zu | %zu |\n", n[REGRESS_OK], n[REGRESS_FAILED],
            n[REGRESS_SKIPPED]);
    *covered += n[REGRESS_OK] != 0;
}

void regress_coverage(FILE *f, const struct regress_test *t, size_t count)
{
    size_t covered = 0, reasons = 0;
    fputs("| reason | name | tests | pass | fail | skip |\n"
          "|---:|---|---|---:|---:|---:|\n",
          f);
#define EXIT(e, number, name)                                                  \
    put_row(f, number, name, t, count, &covered);                              \
    reasons++;
    VMX_EXITS(EXIT)
#undef EXIT
    fprintf(f, "\n%zu of %zu exit reasons have a test that passes.\n", covered,
            reasons);
}
