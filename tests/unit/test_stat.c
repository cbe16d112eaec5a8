/* SPDX-License-Identifier: Apache-2.0
 * The statistics registry: order, names, snapshots.
 */
#include "sim/base/stat.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counters {
    uint64_t hits, misses;
};

static const struct stat_desc rows[] = {
    {"hits", offsetof(struct counters, hits), "hits", "Hits."},
    {"l1.misses", offsetof(struct counters, misses), "misses", "Misses."},
};

struct seen {
    char text[400];
};

static void note(void *self, const char *name, uint64_t value,
                 const struct stat_desc *d)
{
    struct seen *s = self;
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, "%s=%lu %s\n", name,
             (unsigned long)value, d->unit);
}

START_TEST(values_are_visited_in_registry_order_with_full_names)
{
    struct stat_registry *r = calloc(1, sizeof *r);
    struct counters a = {1, 2};
    struct counters b = {3, 4};
    stat_register(r, "core0", rows, 2, &a);
    stat_register(r, "", rows, 1, &b);
    ck_assert_uint_eq(r->groups, 2);
    ck_assert_uint_eq(r->values, 3);
    uint64_t values[3];
    stat_snapshot(r, values);
    struct seen s = {""};
    stat_walk(r, values, note, &s);
    ck_assert_str_eq(s.text, "core0.hits=1 hits\ncore0.l1.misses=2 misses\n"
                             "hits=3 hits\n");
    free(r);
}
END_TEST

START_TEST(a_snapshot_is_not_moved_by_later_counting)
{
    struct stat_registry *r = calloc(1, sizeof *r);
    struct counters a = {10, 20};
    stat_register(r, "l3", rows, 2, &a);
    uint64_t before[2];
    uint64_t after[2];
    stat_snapshot(r, before);
    a.misses += 5;
    stat_snapshot(r, after);
    ck_assert_uint_eq(before[1], 20);
    ck_assert_uint_eq(after[1] - before[1], 5);
    ck_assert_uint_eq(after[0] - before[0], 0);
    free(r);
}
END_TEST

START_TEST(a_prefix_that_does_not_fit_is_a_bug)
{
    struct stat_registry *r = calloc(1, sizeof *r);
    struct counters a = {0, 0};
    stat_register(r, "a_prefix_of_more_than_31_characters", rows, 2, &a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stat");
    TCase *t = tcase_create("stat");
    tcase_add_test(t, values_are_visited_in_registry_order_with_full_names);
    tcase_add_test(t, a_snapshot_is_not_moved_by_later_counting);
    tcase_add_exit_test(t, a_prefix_that_does_not_fit_is_a_bug, 125);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
