/* SPDX-License-Identifier: Apache-2.0
 * What the workers of the differential tester count, and how it is printed.
 */
#ifndef VTSIM_TESTS_DIFFERENTIAL_REPORT_H
#define VTSIM_TESTS_DIFFERENTIAL_REPORT_H

#include "tests/differential/case.h"

enum { WAIVERS_MAX = 32, SHOWN_MAX = 64, JOBS_MAX = 64, TALLY_FORMS = 1 << 14 };

/* Hits of a form: cases, and those that ended with CF, ZF, SF and OF clear
 * and set. */
struct form_hits {
    uint32_t cases, flag[4][2];
};

/* What a worker hands back; lives in memory shared with the parent. */
struct tally {
    uint64_t run[CASE_KINDS], skipped, faults, different, unstable, unknown;
    uint64_t waived[WAIVERS_MAX];
    uint64_t last; /* index under way: whom to blame for a crash */
    bool done;
    unsigned shown;
    char text[SHOWN_MAX][1600];
    struct form_hits form[TALLY_FORMS];
};

/* Count a case that ran. */
void tally_case(struct tally *tally, const struct test_case *t,
                const struct outcome *native, const struct verdict *v);

/* Print the sum; returns what is wrong: unexplained differences, waivers
 * above their share, forms with fewer than `require` hits. */
uint64_t report(const struct tally *tally, unsigned jobs, uint64_t seed,
                unsigned show, bool coverage, uint64_t require);

#endif
