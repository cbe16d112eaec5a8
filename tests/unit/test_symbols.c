/* SPDX-License-Identifier: Apache-2.0
 * Names of addresses, with this program's own symbol table.
 */
#include "sim/base/hostio.h"
#include "sim/machine/symbols.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

int symbols_test_function(int x);
int symbols_test_function(int x)
{
    return x + 1;
}

static uint8_t *self;
static size_t self_size;

static struct symbols *two_files(uint64_t apart)
{
    struct sim_error e;
    struct symbols *s = symbols_create();
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(
        symbols_add(s, "dir/one", self, self_size, 0, SYMBOL_ROOT, &e), SIM_OK);
    ck_assert_int_eq(
        symbols_add(s, "two", self, self_size, apart, SYMBOL_GUEST, &e),
        SIM_OK);
    return s;
}

START_TEST(names_and_addresses)
{
    struct symbols *s = two_files(UINT64_C(1) << 40);
    uint64_t at, other;
    struct symbol y;
    char text[80];
    ck_assert(symbols_address(s, "symbols_test_function", &at));
    ck_assert(symbols_address(s, "two:symbols_test_function", &other));
    ck_assert_uint_eq(other - at, UINT64_C(1) << 40);
    ck_assert(symbols_address(s, "one:symbols_test_function", &other));
    ck_assert_uint_eq(other, at);
    ck_assert(!symbols_address(s, "no_such_name", &other));
    ck_assert(symbols_find(s, at + 1, SYMBOL_ANY, &y));
    ck_assert_str_eq(y.name, "symbols_test_function");
    ck_assert_str_eq(y.file, "dir/one");
    ck_assert_uint_eq(y.offset, 1);
    ck_assert_str_eq(symbols_format(s, at, SYMBOL_ANY, text, sizeof text),
                     "symbols_test_function");
    ck_assert_str_eq(symbols_format(s, at + 2, SYMBOL_ANY, text, sizeof text),
                     "symbols_test_function+0x2");
    ck_assert_str_eq(symbols_format(s, 0, SYMBOL_ANY, text, sizeof text), "");
    ck_assert_str_eq(
        symbols_format(s, UINT64_MAX, SYMBOL_ANY, text, sizeof text), "");
    symbols_free(s);
}
END_TEST

START_TEST(the_side_decides)
{
    struct symbols *s = two_files(0);
    uint64_t at;
    struct symbol y;
    ck_assert(symbols_address(s, "symbols_test_function", &at));
    ck_assert(symbols_find(s, at, SYMBOL_GUEST, &y));
    ck_assert_str_eq(y.file, "two");
    ck_assert(symbols_find(s, at, SYMBOL_ROOT, &y));
    ck_assert_str_eq(y.file, "dir/one");
    ck_assert(symbols_find(s, at, SYMBOL_ANY, &y));
    ck_assert_str_eq(y.file, "dir/one");
    symbols_free(s);
}
END_TEST

/* Damaged files: refused or read, never trusted. */
START_TEST(damaged_files)
{
    struct sim_error e;
    uint8_t *copy = malloc(self_size);
    uint64_t random = 88172645463325252U;
    ck_assert_ptr_nonnull(copy);
    for (unsigned i = 0; i < 300; i++) {
        struct symbols *s = symbols_create();
        struct symbol y;
        memcpy(copy, self, self_size);
        for (unsigned n = 0; n < 8; n++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            /* The header, or the section headers at the end. */
            size_t at =
                n % 2 == 0 ? random % 64 : self_size - 1 - random % 2048;
            copy[at] ^= (uint8_t)(1u << (random >> 60 & 7));
        }
        size_t len = i % 3 == 0 ? random % self_size : self_size;
        enum sim_status st =
            symbols_add(s, "damaged", copy, len, 0, SYMBOL_ANY, &e);
        ck_assert(st == SIM_OK || st == SIM_BAD_INPUT);
        (void)symbols_find(s, 0x1000, SYMBOL_ANY, &y);
        symbols_free(s);
    }
    free(copy);
    struct symbols *s = symbols_create();
    ck_assert_int_eq(
        symbols_add(s, "text", (const uint8_t *)"hello", 5, 0, SYMBOL_ANY, &e),
        SIM_BAD_INPUT);
    symbols_free(s);
}
END_TEST

int main(void)
{
    struct sim_error e;
    if (hostio_read("/proc/self/exe", 1 << 28, &self, &self_size, &e) != SIM_OK)
        return 2;
    Suite *s = suite_create("symbols");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, names_and_addresses);
    tcase_add_test(t, the_side_decides);
    tcase_add_test(t, damaged_files);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    free(self);
    return failed != 0;
}
