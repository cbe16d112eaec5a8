/* SPDX-License-Identifier: Apache-2.0
 * Parameters: what is read, what is refused and with which words.
 */
#include "sim/base/param.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct config {
    bool flag;
    uint32_t ways;
    uint64_t hz, size;
    uint8_t policy;
};

static const char *const policies[] = {"lru", "plru", "random", NULL};

static const struct param_desc rows[] = {
    {"core.flag", PARAM_BOOL, offsetof(struct config, flag), 0, 0, "", NULL,
     "A switch."},
    {"core.l1d.ways", PARAM_U32, offsetof(struct config, ways), 1, 64, "ways",
     NULL, "Ways."},
    {"core.clock", PARAM_U64, offsetof(struct config, hz), 1, UINT64_MAX, "Hz",
     NULL, "Clock."},
    {"memory.size", PARAM_SIZE, offsetof(struct config, size), 1 << 20,
     UINT64_C(1) << 40, "", NULL, "RAM."},
    {"core.l1d.policy", PARAM_ENUM, offsetof(struct config, policy), 0, 0, "",
     policies, "Replacement."},
};
static const struct param_table table = {rows, sizeof rows / sizeof rows[0]};

static enum sim_status set(struct config *c, const char *name, const char *text,
                           struct sim_error *e)
{
    const struct param_desc *d = param_find(&table, name);
    ck_assert_ptr_nonnull(d);
    return param_set(d, c, text, "--set", e);
}

START_TEST(numbers_are_decimal_or_hexadecimal)
{
    static const struct {
        const char *text;
        bool suffixes;
        uint64_t value;
    } good[] = {
        {"0", false, 0},
        {"10", false, 10},
        {"0x1F", false, 31},
        {"0Xab", false, 171},
        {"18446744073709551615", false, UINT64_MAX},
        {"0xffffffffffffffff", false, UINT64_MAX},
        {"4k", true, 4096},
        {"3M", true, UINT64_C(3) << 20},
        {"2GiB", true, UINT64_C(2) << 30},
        {"1T", true, UINT64_C(1) << 40},
        {"0x10KiB", true, 16384},
        {"0G", true, 0},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t v = 99;
        ck_assert_int_eq(param_parse_number(good[i].text, good[i].suffixes, &v),
                         PARAM_NUMBER);
        ck_assert_uint_eq(v, good[i].value);
    }
}
END_TEST

START_TEST(malformed_numbers_are_refused)
{
    static const char *const bad[] = {
        "",    " 1",    "1 ",  "-1",  "+1",  "1_000", "08",   "00",
        "0x",  "0xg",   "1e3", "NaN", "1.5", "k",     "1kB",  "1Kib",
        "1 K", "1KiBx", "1P",  "0b1", "1KK", "\n",    "0x_1", "1\xc2\xa0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t v = 99;
        ck_assert_msg(param_parse_number(bad[i], true, &v) ==
                          PARAM_NOT_A_NUMBER,
                      "accepted '%s'", bad[i]);
        ck_assert_uint_eq(v, 99);
    }
    uint64_t v;
    ck_assert_int_eq(param_parse_number("4K", false, &v), PARAM_NOT_A_NUMBER);
}
END_TEST

START_TEST(numbers_beyond_64_bits_overflow)
{
    static const char *const big[] = {
        "18446744073709551616", "0x10000000000000000", "18014398509481984K",
        "16777216T", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        uint64_t v = 99;
        ck_assert_int_eq(param_parse_number(big[i], true, &v), PARAM_OVERFLOW);
        ck_assert_uint_eq(v, 99);
    }
}
END_TEST

START_TEST(each_type_is_stored_and_printed_as_it_reads)
{
    static const struct {
        const char *name, *text, *printed;
    } cases[] = {
        {"core.flag", "yes", "on"},
        {"core.flag", "OFF", "off"},
        {"core.flag", "1", "on"},
        {"core.l1d.ways", "0x8", "8"},
        {"core.clock", "3000000000", "3000000000"},
        {"memory.size", "512M", "512MiB"},
        {"memory.size", "1048577", "1048577"},
        {"memory.size", "1T", "1TiB"},
        {"core.l1d.policy", "random", "random"},
    };
    struct config c = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_error e;
        char text[40];
        ck_assert_int_eq(set(&c, cases[i].name, cases[i].text, &e), SIM_OK);
        const struct param_desc *d = param_find(&table, cases[i].name);
        ck_assert_uint_eq(param_format(d, &c, text, sizeof text),
                          strlen(cases[i].printed));
        ck_assert_str_eq(text, cases[i].printed);
        struct config again = c;
        ck_assert_int_eq(param_set(d, &again, text, "again", &e), SIM_OK);
        ck_assert_mem_eq(&again, &c, sizeof c);
    }
}
END_TEST

START_TEST(a_bad_value_changes_nothing_and_names_the_limit)
{
    static const struct {
        const char *name, *text, *message;
    } cases[] = {
        {"core.l1d.ways", "0", "--set: core.l1d.ways: 0 (1 to 64 ways)"},
        {"core.l1d.ways", "65", "--set: core.l1d.ways: 65 (1 to 64 ways)"},
        {"core.l1d.ways", "4294967297",
         "--set: core.l1d.ways: 4294967297 (1 to 64 ways)"},
        {"core.l1d.ways", "1_0",
         "--set: core.l1d.ways: 1_0 (not a number; 1 to 64 ways)"},
        {"core.clock", "18446744073709551616",
         "--set: core.clock: 18446744073709551616 (1 to "
         "18446744073709551615 Hz)"},
        {"memory.size", "64K", "--set: memory.size: 64K (1MiB to 1TiB)"},
        {"core.flag", "maybe", "--set: core.flag: maybe (on or off)"},
        {"core.l1d.policy", "LRU",
         "--set: core.l1d.policy: LRU (one of lru, plru, random)"},
        {"core.flag", "a\nb", "--set: core.flag: a?b (on or off)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config c;
        struct config before;
        memset(&c, 0x5A, sizeof c);
        before = c;
        struct sim_error e;
        ck_assert_int_eq(set(&c, cases[i].name, cases[i].text, &e), SIM_USAGE);
        ck_assert_str_eq(e.text, cases[i].message);
        ck_assert_int_eq(e.status, SIM_USAGE);
        ck_assert_mem_eq(&c, &before, sizeof c);
    }
}
END_TEST

START_TEST(an_unknown_name_gets_the_nearest_known_one)
{
    ck_assert_ptr_null(param_find(&table, "core.l1d.way"));
    ck_assert_str_eq(param_nearest(&table, "core.l1d.way"), "core.l1d.ways");
    ck_assert_str_eq(param_nearest(&table, "core.lld.polcy"),
                     "core.l1d.policy");
    ck_assert_str_eq(param_nearest(&table, "l1d.ways"), "core.l1d.ways");
    ck_assert_ptr_null(param_nearest(&table, "something.else.entirely"));
    ck_assert_ptr_null(param_nearest(&table, ""));
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ck_assert_ptr_null(param_nearest(&table, longest));
}
END_TEST

START_TEST(an_error_text_is_cut_and_has_no_control_characters)
{
    struct sim_error e;
    char longest[1000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(sim_fail(&e, SIM_BAD_INPUT, "%s", longest), SIM_BAD_INPUT);
    ck_assert_uint_eq(strlen(e.text), sizeof e.text - 1);
    sim_fail(&e, SIM_USAGE, "a\x1b[31m\x7f\tz");
    ck_assert_str_eq(e.text, "a?[31m??z");
    ck_assert_int_eq(sim_fail(NULL, SIM_LIMIT, "ignored"), SIM_LIMIT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("param");
    TCase *t = tcase_create("param");
    tcase_add_test(t, numbers_are_decimal_or_hexadecimal);
    tcase_add_test(t, malformed_numbers_are_refused);
    tcase_add_test(t, numbers_beyond_64_bits_overflow);
    tcase_add_test(t, each_type_is_stored_and_printed_as_it_reads);
    tcase_add_test(t, a_bad_value_changes_nothing_and_names_the_limit);
    tcase_add_test(t, an_unknown_name_gets_the_nearest_known_one);
    tcase_add_test(t, an_error_text_is_cut_and_has_no_control_characters);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
