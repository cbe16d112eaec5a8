/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg: selector, data port, items, the file directory. Values are those
 * of QEMU's documentation.
 */
#include "sim/chipset/fwcfg.h"
#include "tests/unit/fake.h"

#include <stdlib.h>
#include <string.h>

static void select_key(struct io_port io, uint16_t key)
{
    ck_assert(io.out(io.self, FWCFG_SELECTOR, 2, key));
}

static void expect_bytes(struct io_port io, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < len; i++)
        ck_assert_msg(inb(io, FWCFG_DATA) == p[i], "byte %zu", i);
}

START_TEST(signature_and_id_say_that_it_is_there)
{
    struct fwcfg f;
    fwcfg_init(&f);
    struct io_port io = fwcfg_port(&f);
    expect_bytes(io, "QEMU\0\0", 6); /* selected at reset; then zeros */
    select_key(io, FWCFG_ID);
    expect_bytes(io, "\1\0\0\0\0", 5);
    select_key(io, FWCFG_SIGNATURE);
    expect_bytes(io, "QE", 2);
    select_key(io, FWCFG_SIGNATURE); /* selecting begins anew */
    expect_bytes(io, "QEMU", 4);
}
END_TEST

START_TEST(numbers_are_little_endian)
{
    struct fwcfg f;
    fwcfg_init(&f);
    fwcfg_add_number(&f, FWCFG_RAM_SIZE, UINT64_C(0x123456789a), 8);
    fwcfg_add_number(&f, FWCFG_NB_CPUS, 3, 2);
    struct io_port io = fwcfg_port(&f);
    select_key(io, FWCFG_NB_CPUS | 0x4000); /* bit 14 asks for writing */
    expect_bytes(io, "\3\0\0", 3);
    select_key(io, FWCFG_RAM_SIZE);
    expect_bytes(io, "\x9a\x78\x56\x34\x12\0\0\0\0", 9);
}
END_TEST

START_TEST(absent_items_are_zero_and_writes_do_nothing)
{
    struct fwcfg f;
    fwcfg_init(&f);
    struct io_port io = fwcfg_port(&f);
    select_key(io, 0x11);
    expect_bytes(io, "\0\0\0\0", 4);
    select_key(io, 0xffff);
    expect_bytes(io, "\0", 1);
    select_key(io, FWCFG_SIGNATURE);
    outb(io, FWCFG_DATA, 'X');
    expect_bytes(io, "QEMU", 4);
    uint32_t v;
    ck_assert(!io.in(io.self, FWCFG_SELECTOR, 2, &v));
    ck_assert(!io.in(io.self, FWCFG_DATA, 4, &v));
    ck_assert(!io.out(io.self, FWCFG_SELECTOR, 1, 0));
    ck_assert(!io.out(io.self, FWCFG_SELECTOR, 4, 0));
}
END_TEST

START_TEST(files_are_in_the_directory)
{
    struct fwcfg f;
    uint8_t entry[FWCFG_DIR_ENTRY] = {0, 0, 0, 3, 0, 0x21};
    fwcfg_init(&f);
    struct io_port io = fwcfg_port(&f);
    select_key(io, FWCFG_FILE_DIR);
    expect_bytes(io, "\0\0\0\0", 4);
    fwcfg_add_file(&f, "etc/first", "x", 1);
    fwcfg_add_file(&f, "etc/second", "abc", 3);
    select_key(io, FWCFG_FILE_DIR);
    expect_bytes(io, "\0\0\0\2", 4);
    for (unsigned i = 0; i < FWCFG_DIR_ENTRY; i++)
        inb(io, FWCFG_DATA);
    memcpy(entry + 8, "etc/second", 11);
    expect_bytes(io, entry, sizeof entry);
    select_key(io, 0x21);
    expect_bytes(io, "abc\0", 4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fwcfg");
    TCase *c = tcase_create("all");
    tcase_add_test(c, signature_and_id_say_that_it_is_there);
    tcase_add_test(c, numbers_are_little_endian);
    tcase_add_test(c, absent_items_are_zero_and_writes_do_nothing);
    tcase_add_test(c, files_are_in_the_directory);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
