/* SPDX-License-Identifier: Apache-2.0
 * Host files: what is refused, and that a reader never sees half a file.
 */
#include "sim/base/hostio.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char folder[64];
    char path[100];
};

static void place_make(struct place *p)
{
    strcpy(p->folder, "/tmp/vtsim-hostio-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/file", p->folder);
}

static unsigned entries(const struct place *p)
{
    unsigned n = 0;
    DIR *d = opendir(p->folder);
    ck_assert_ptr_nonnull(d);
    const struct dirent *e;
    while ((e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void place_remove(const struct place *p)
{
    DIR *d = opendir(p->folder);
    const struct dirent *e;
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ck_assert_int_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
    closedir(d);
    ck_assert_int_eq(rmdir(p->folder), 0);
}

static enum sim_status read_text(const char *path, size_t cap, char *text,
                                 size_t size, struct sim_error *e)
{
    uint8_t *data;
    size_t len;
    enum sim_status s = hostio_read(path, cap, &data, &len, e);
    if (s != SIM_OK)
        return s;
    ck_assert_uint_eq(data[len], 0);
    snprintf(text, size, "%s", (const char *)data);
    free(data);
    return SIM_OK;
}

START_TEST(what_was_written_is_read)
{
    struct place p;
    struct sim_error e;
    char text[20];
    place_make(&p);
    ck_assert_int_eq(hostio_write(p.path, "hello", 5, &e), SIM_OK);
    ck_assert_int_eq(read_text(p.path, 5, text, sizeof text, &e), SIM_OK);
    ck_assert_str_eq(text, "hello");
    ck_assert_int_eq(hostio_write(p.path, "", 0, &e), SIM_OK);
    ck_assert_int_eq(read_text(p.path, 0, text, sizeof text, &e), SIM_OK);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(entries(&p), 1);
    place_remove(&p);
}
END_TEST

START_TEST(a_large_file_is_read_whole)
{
    struct place p;
    struct sim_error e;
    size_t size = 3000001;
    uint8_t *in = malloc(size);
    uint8_t *out;
    size_t len;
    place_make(&p);
    for (size_t i = 0; i < size; i++)
        in[i] = (uint8_t)(i * 7 + i / 256);
    ck_assert_int_eq(hostio_write(p.path, in, size, &e), SIM_OK);
    ck_assert_int_eq(hostio_read(p.path, size, &out, &len, &e), SIM_OK);
    ck_assert_uint_eq(len, size);
    ck_assert_int_eq(memcmp(in, out, size), 0);
    free(in);
    free(out);
    place_remove(&p);
}
END_TEST

START_TEST(a_file_of_unknown_size_is_read_whole)
{
    struct sim_error e;
    uint8_t *data;
    size_t len;
    ck_assert_int_eq(hostio_read("/proc/self/maps", 1 << 24, &data, &len, &e),
                     SIM_OK);
    ck_assert_uint_gt(len, 100);
    free(data);
    ck_assert_int_eq(hostio_read("/proc/self/maps", 10, &data, &len, &e),
                     SIM_BAD_INPUT);
}
END_TEST

START_TEST(what_is_not_a_regular_file_is_refused_at_once)
{
    struct place p;
    struct sim_error e;
    char text[20];
    place_make(&p);
    ck_assert_int_eq(mkfifo(p.path, 0600), 0);
    const char *const paths[] = {p.folder, p.path, "/dev/zero"};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(read_text(paths[i], 100, text, sizeof text, &e),
                         SIM_BAD_INPUT);
        ck_assert_ptr_nonnull(strstr(e.text, "not a regular file"));
    }
    place_remove(&p);
}
END_TEST

START_TEST(a_missing_file_is_bad_input_and_a_refusal_is_the_hosts)
{
    struct place p;
    struct sim_error e;
    char text[20];
    char loop[120];
    place_make(&p);
    ck_assert_int_eq(read_text(p.path, 9, text, sizeof text, &e),
                     SIM_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(e.text, "No such file"));
    ck_assert_int_eq(read_text("", 9, text, sizeof text, &e), SIM_BAD_INPUT);
    snprintf(loop, sizeof loop, "%s/loop", p.folder);
    ck_assert_int_eq(symlink(loop, loop), 0);
    ck_assert_int_eq(read_text(loop, 9, text, sizeof text, &e),
                     SIM_NO_RESOURCE);
    place_remove(&p);
}
END_TEST

START_TEST(the_size_cap_holds_for_sparse_files_too)
{
    struct place p;
    struct sim_error e;
    char text[20];
    place_make(&p);
    ck_assert_int_eq(hostio_write(p.path, "123456", 6, &e), SIM_OK);
    ck_assert_int_eq(read_text(p.path, 5, text, sizeof text, &e),
                     SIM_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(e.text, "6 bytes (at most 5)"));
    ck_assert_int_eq(truncate(p.path, (off_t)1 << 40), 0);
    ck_assert_int_eq(read_text(p.path, 1 << 20, text, sizeof text, &e),
                     SIM_BAD_INPUT);
    place_remove(&p);
}
END_TEST

START_TEST(an_abandoned_file_leaves_the_old_one)
{
    struct place p;
    struct sim_error e;
    struct hostio_file f;
    char text[20];
    place_make(&p);
    ck_assert_int_eq(hostio_write(p.path, "old", 3, &e), SIM_OK);
    ck_assert_int_eq(hostio_begin(&f, p.path, &e), SIM_OK);
    fputs("new and longer", f.stream);
    fflush(f.stream);
    ck_assert_int_eq(read_text(p.path, 99, text, sizeof text, &e), SIM_OK);
    ck_assert_str_eq(text, "old");
    hostio_abandon(&f);
    hostio_abandon(&f);
    ck_assert_int_eq(read_text(p.path, 99, text, sizeof text, &e), SIM_OK);
    ck_assert_str_eq(text, "old");
    ck_assert_uint_eq(entries(&p), 1);
    place_remove(&p);
}
END_TEST

START_TEST(a_write_that_fails_keeps_the_old_file_and_no_debris)
{
    struct place p;
    struct sim_error e;
    struct hostio_file f;
    char text[20];
    place_make(&p);
    ck_assert_int_eq(hostio_write(p.path, "old", 3, &e), SIM_OK);
    ck_assert_int_eq(hostio_begin(&f, p.path, &e), SIM_OK);
    struct rlimit small = {4096, 4096};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 0; i < 10000; i++)
        fputs("too much ", f.stream);
    ck_assert_int_eq(hostio_commit(&f, &e), SIM_NO_RESOURCE);
    ck_assert_ptr_nonnull(strstr(e.text, "File too large"));
    ck_assert_int_eq(read_text(p.path, 99, text, sizeof text, &e), SIM_OK);
    ck_assert_str_eq(text, "old");
    ck_assert_uint_eq(entries(&p), 1);
    place_remove(&p);
}
END_TEST

START_TEST(a_link_is_followed_and_the_mode_is_kept)
{
    struct place p;
    struct sim_error e;
    char link[120];
    struct stat st;
    place_make(&p);
    ck_assert_int_eq(hostio_write(p.path, "old", 3, &e), SIM_OK);
    ck_assert_int_eq(chmod(p.path, 0640), 0);
    snprintf(link, sizeof link, "%s/link", p.folder);
    ck_assert_int_eq(symlink("file", link), 0);
    ck_assert_int_eq(hostio_write(link, "newer", 5, &e), SIM_OK);
    ck_assert_int_eq(lstat(link, &st), 0);
    ck_assert(S_ISLNK(st.st_mode));
    ck_assert_int_eq(stat(p.path, &st), 0);
    ck_assert_int_eq(st.st_size, 5);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    place_remove(&p);
}
END_TEST

START_TEST(devices_are_written_in_place_and_folders_refused)
{
    struct place p;
    struct sim_error e;
    char nowhere[120];
    place_make(&p);
    ck_assert_int_eq(hostio_write("/dev/null", "x", 1, &e), SIM_OK);
    ck_assert_int_eq(hostio_write("/dev/full", "x", 1, &e), SIM_NO_RESOURCE);
    ck_assert_int_eq(hostio_write(p.folder, "x", 1, &e), SIM_NO_RESOURCE);
    ck_assert_int_eq(hostio_write("", "x", 1, &e), SIM_NO_RESOURCE);
    snprintf(nowhere, sizeof nowhere, "%s/no/file", p.folder);
    ck_assert_int_eq(hostio_write(nowhere, "x", 1, &e), SIM_NO_RESOURCE);
    ck_assert_uint_eq(entries(&p), 0);
    place_remove(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostio");
    TCase *t = tcase_create("hostio");
    tcase_add_test(t, what_was_written_is_read);
    tcase_add_test(t, a_large_file_is_read_whole);
    tcase_add_test(t, a_file_of_unknown_size_is_read_whole);
    tcase_add_test(t, what_is_not_a_regular_file_is_refused_at_once);
    tcase_add_test(t, a_missing_file_is_bad_input_and_a_refusal_is_the_hosts);
    tcase_add_test(t, the_size_cap_holds_for_sparse_files_too);
    tcase_add_test(t, an_abandoned_file_leaves_the_old_one);
    tcase_add_test(t, a_write_that_fails_keeps_the_old_file_and_no_debris);
    tcase_add_test(t, a_link_is_followed_and_the_mode_is_kept);
    tcase_add_test(t, devices_are_written_in_place_and_folders_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
