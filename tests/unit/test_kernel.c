/* SPDX-License-Identifier: Apache-2.0
 * Simulated time: order, half-open runs, stopping, tracing, one kernel after
 * another.
 */
#include "sim/kernel/kernel.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What ran, as "name@time " words. */
struct log {
    char text[4000];
    size_t used;
};

struct proc {
    struct log *log;
    struct sim_kernel *k;
    const char *name;
    sim_time delay; /* returned */
    unsigned wake;  /* process to wake, at now + wake_in, if `wakes` */
    sim_time wake_in;
    bool wakes, stops;
    uint64_t runs;
};

static sim_time body(void *self, sim_time now)
{
    struct proc *p = self;
    struct log *l = p->log;
    if (l->used < sizeof l->text - 64) {
        int n = snprintf(l->text + l->used, 64, "%s@%lu ", p->name,
                         (unsigned long)now);
        l->used += (size_t)n;
    }
    p->runs++;
    ck_assert_uint_eq(sim_now(p->k), now);
    if (p->wakes)
        sim_wake(p->k, p->wake, now + p->wake_in);
    if (p->stops)
        sim_stop(p->k);
    return p->delay;
}

struct bench {
    struct log log;
    struct sim_kernel *k;
    struct proc proc[4]; /* "a" .. "d", ids 0 .. 3, asleep */
};

static void bench_make(struct bench *b)
{
    static const char *const names[4] = {"a", "b", "c", "d"};
    struct sim_error e;
    memset(b, 0, sizeof *b);
    ck_assert_int_eq(sim_kernel_create(&b->k, &e), SIM_OK);
    for (unsigned i = 0; i < 4; i++) {
        b->proc[i] = (struct proc){
            .log = &b->log, .k = b->k, .name = names[i], .delay = SIM_NEVER};
        ck_assert_uint_eq(sim_spawn(b->k, names[i], body, &b->proc[i]), i);
    }
}

static void expect(struct bench *b, const char *text)
{
    ck_assert_str_eq(b->log.text, text);
    b->log.used = 0;
    b->log.text[0] = '\0';
}

START_TEST(a_new_process_sleeps_until_woken)
{
    struct bench b;
    bench_make(&b);
    ck_assert_uint_eq(sim_now(b.k), 0);
    ck_assert_uint_eq(sim_next_due(b.k, 99), SIM_NEVER);
    sim_run(b.k, 1000);
    expect(&b, "");
    ck_assert_uint_eq(sim_now(b.k), 1000);
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(processes_run_in_order_of_time_and_then_of_id)
{
    struct bench b;
    bench_make(&b);
    sim_wake(b.k, 3, 5);
    sim_wake(b.k, 0, 7);
    sim_wake(b.k, 2, 5);
    sim_wake(b.k, 1, 5);
    sim_run(b.k, 100);
    expect(&b, "b@5 c@5 d@5 a@7 ");
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_run_excludes_its_end)
{
    struct bench b;
    bench_make(&b);
    b.proc[0].delay = 10;
    sim_wake(b.k, 0, 0);
    sim_run(b.k, 20);
    expect(&b, "a@0 a@10 ");
    ck_assert_uint_eq(sim_now(b.k), 20);
    ck_assert_uint_eq(sim_next_due(b.k, 99), 20);
    sim_run(b.k, 20); /* empty */
    expect(&b, "");
    sim_run(b.k, 21);
    expect(&b, "a@20 ");
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_wake_replaces_the_time_waited_for)
{
    struct bench b;
    bench_make(&b);
    sim_wake(b.k, 0, 5);
    sim_wake(b.k, 0, 50);
    sim_wake(b.k, 1, 9);
    sim_wake(b.k, 1, SIM_NEVER);
    sim_run(b.k, 30);
    expect(&b, "");
    sim_wake(b.k, 0, 40);
    sim_wake(b.k, 2, 3); /* in the past: now */
    sim_run(b.k, 100);
    expect(&b, "c@30 a@40 ");
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_process_may_wake_another_in_the_same_instant)
{
    struct bench b;
    bench_make(&b);
    b.proc[2].wakes = true; /* c wakes a at once */
    b.proc[2].wake = 0;
    sim_wake(b.k, 2, 5);
    sim_wake(b.k, 3, 5);
    sim_run(b.k, 6);
    expect(&b, "c@5 a@5 d@5 ");
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_process_that_wakes_itself_gets_the_earlier_time)
{
    struct bench b;
    bench_make(&b);
    b.proc[0].wakes = true;
    b.proc[0].wake = 0;
    b.proc[0].wake_in = 7;
    sim_wake(b.k, 0, 0);
    sim_run(b.k, 20);
    expect(&b, "a@0 a@7 a@14 ");
    b.proc[0].delay = 2;
    sim_run(b.k, 24);
    expect(&b, "a@21 a@23 ");
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_delay_of_zero_lets_time_advance)
{
    struct bench b;
    bench_make(&b);
    b.proc[0].delay = 0;
    sim_wake(b.k, 0, 0);
    sim_run(b.k, 1000);
    ck_assert_uint_eq(b.proc[0].runs, 1000);
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(stop_ends_a_run_after_the_process_that_asked)
{
    struct bench b;
    bench_make(&b);
    b.proc[1].stops = true;
    b.proc[0].delay = b.proc[1].delay = b.proc[2].delay = 10;
    for (unsigned i = 0; i < 3; i++)
        sim_wake(b.k, i, 5);
    sim_run(b.k, 1000);
    expect(&b, "a@5 b@5 ");
    ck_assert_uint_eq(sim_now(b.k), 5);
    ck_assert_uint_eq(sim_next_due(b.k, 99), 5);
    sim_run(b.k, 1000);
    expect(&b, "c@5 a@15 b@15 ");
    b.proc[1].stops = false;
    sim_run(b.k, 16);
    expect(&b, "c@15 ");
    ck_assert_uint_eq(sim_now(b.k), 16);
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(next_due_leaves_out_the_one_who_asks)
{
    struct bench b;
    bench_make(&b);
    sim_wake(b.k, 0, 10);
    sim_wake(b.k, 1, 30);
    ck_assert_uint_eq(sim_next_due(b.k, 99), 10);
    ck_assert_uint_eq(sim_next_due(b.k, 0), 30);
    ck_assert_uint_eq(sim_next_due(b.k, 1), 10);
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_run_without_end_lasts_until_nobody_is_due)
{
    struct bench b;
    bench_make(&b);
    sim_wake(b.k, 0, SIM_FS_PER_SECOND);
    sim_run(b.k, SIM_NEVER);
    expect(&b, "a@1000000000000000 ");
    ck_assert_uint_eq(sim_now(b.k), SIM_FS_PER_SECOND);
    sim_run(b.k, SIM_NEVER);
    ck_assert_uint_eq(sim_now(b.k), SIM_FS_PER_SECOND);
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(time_ends_with_64_bits)
{
    struct bench b;
    bench_make(&b);
    sim_wake(b.k, 0, SIM_NEVER - 5);
    b.proc[0].delay = 3;
    sim_run(b.k, SIM_NEVER);
    expect(&b, "a@18446744073709551610 a@18446744073709551613 ");
    ck_assert_uint_eq(sim_next_due(b.k, 99), SIM_NEVER);
    sim_kernel_destroy(b.k);
}
END_TEST

START_TEST(a_second_live_kernel_is_refused)
{
    struct bench b;
    struct sim_kernel *other = NULL;
    struct sim_error e;
    bench_make(&b);
    ck_assert_int_eq(sim_kernel_create(&other, &e), SIM_INTERNAL);
    ck_assert_ptr_null(other);
    sim_kernel_destroy(b.k);
    sim_kernel_destroy(NULL);
}
END_TEST

START_TEST(kernels_one_after_another_are_alike)
{
    for (unsigned i = 0; i < 20; i++) {
        struct bench b;
        bench_make(&b);
        ck_assert_uint_eq(sim_now(b.k), 0);
        b.proc[0].delay = 3;
        b.proc[1].delay = 5;
        b.proc[2].stops = i % 2 == 0; /* ended in the middle, too */
        sim_wake(b.k, 0, 1);
        sim_wake(b.k, 1, 1);
        sim_wake(b.k, 2, 6);
        sim_run(b.k, 7);
        expect(&b, "a@1 b@1 a@4 b@6 c@6 ");
        sim_kernel_destroy(b.k);
    }
}
END_TEST

START_TEST(a_process_may_be_added_while_running)
{
    struct bench b;
    bench_make(&b);
    sim_wake(b.k, 0, 5);
    sim_run(b.k, 10);
    for (unsigned i = 0; i < 100; i++) {
        unsigned id = sim_spawn(b.k, "late", body, &b.proc[1]);
        ck_assert_uint_eq(id, 4 + i);
    }
    sim_wake(b.k, 103, 12);
    sim_run(b.k, 20);
    expect(&b, "a@5 b@12 ");
    sim_kernel_destroy(b.k);
}
END_TEST

/* Standard output belongs to the guest. */
START_TEST(systemc_prints_nothing)
{
    char path[] = "/tmp/vtsim-kernel-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    fflush(stdout);
    fflush(stderr);
    int out = dup(1);
    int err = dup(2);
    dup2(fd, 1);
    dup2(fd, 2);
    struct bench b;
    bench_make(&b);
    b.proc[0].delay = 10;
    sim_wake(b.k, 0, 0);
    sim_run(b.k, 100);
    sim_run(b.k, 100);
    sim_wake(b.k, 0, SIM_NEVER);
    sim_run(b.k, SIM_NEVER - 1);
    sim_kernel_destroy(b.k);
    fflush(NULL);
    dup2(out, 1);
    dup2(err, 2);
    ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
    close(fd);
    close(out);
    close(err);
    unlink(path);
}
END_TEST

START_TEST(a_traced_value_appears_in_the_vcd_file)
{
    char folder[] = "/tmp/vtsim-vcd-XXXXXX";
    char path[64];
    struct sim_error e;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t.vcd", folder);
    for (unsigned round = 0; round < 2; round++) {
        struct bench b;
        bench_make(&b);
        ck_assert_int_eq(sim_vcd_open(b.k, path, &e), SIM_OK);
        sim_vcd_add(b.k, "runs", &b.proc[0].runs, 8);
        b.proc[0].delay = 1000;
        sim_wake(b.k, 0, 500);
        sim_run(b.k, 3000);
        sim_kernel_destroy(b.k);
        FILE *f = fopen(path, "r");
        ck_assert_ptr_nonnull(f);
        char text[4000];
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
        ck_assert_ptr_nonnull(strstr(text, "1 fs"));
        ck_assert_ptr_nonnull(strstr(text, "runs"));
        ck_assert_ptr_nonnull(strstr(text, "#1500\nb10 "));
        ck_assert_ptr_nonnull(strstr(text, "#2500\nb11 "));
    }
    unlink(path);
    struct bench b;
    bench_make(&b);
    snprintf(path, sizeof path, "%s/no/t.vcd", folder);
    ck_assert_int_eq(sim_vcd_open(b.k, path, &e), SIM_NO_RESOURCE);
    ck_assert_ptr_nonnull(strstr(e.text, "No such file"));
    sim_kernel_destroy(b.k);
    rmdir(folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel");
    TCase *t = tcase_create("kernel");
    tcase_add_test(t, a_new_process_sleeps_until_woken);
    tcase_add_test(t, processes_run_in_order_of_time_and_then_of_id);
    tcase_add_test(t, a_run_excludes_its_end);
    tcase_add_test(t, a_wake_replaces_the_time_waited_for);
    tcase_add_test(t, a_process_may_wake_another_in_the_same_instant);
    tcase_add_test(t, a_process_that_wakes_itself_gets_the_earlier_time);
    tcase_add_test(t, a_delay_of_zero_lets_time_advance);
    tcase_add_test(t, stop_ends_a_run_after_the_process_that_asked);
    tcase_add_test(t, next_due_leaves_out_the_one_who_asks);
    tcase_add_test(t, a_run_without_end_lasts_until_nobody_is_due);
    tcase_add_test(t, time_ends_with_64_bits);
    tcase_add_test(t, a_second_live_kernel_is_refused);
    tcase_add_test(t, kernels_one_after_another_are_alike);
    tcase_add_test(t, a_process_may_be_added_while_running);
    tcase_add_test(t, systemc_prints_nothing);
    tcase_add_test(t, a_traced_value_appears_in_the_vcd_file);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
