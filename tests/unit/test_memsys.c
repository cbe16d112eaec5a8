/* SPDX-License-Identifier: Apache-2.0
 * Physical memory: where RAM is, who answers, untimed access, code marks,
 * and how much of the host it takes.
 */
#include "tests/unit/mmu_fixture.h"

#include <stdio.h>

static struct memsys *make(uint64_t bytes)
{
    struct memsys_config c = {.ram_bytes = bytes};
    struct memsys *s;
    struct sim_error e;
    ck_assert_int_eq(memsys_create(&c, &s, &e), SIM_OK);
    return s;
}

START_TEST(ram_above_3_gib_moves_to_4_gib)
{
    hpa base[2];
    uint64_t size[2];
    struct memsys *s = make(UINT64_C(5) << 30);
    ck_assert_uint_eq(memsys_ram_ranges(s, base, size), 2);
    ck_assert_uint_eq(size[0], UINT64_C(3) << 30);
    ck_assert_uint_eq(base[1].v, UINT64_C(4) << 30);
    ck_assert_uint_eq(size[1], UINT64_C(2) << 30);
    static const struct {
        uint64_t at, len;
        bool ram;
    } row[] = {{0, 1, true},
               {0, 0, true},
               {UINT64_C(0xbfffffff), 1, true},
               {UINT64_C(0xbfffffff), 2, false},
               {UINT64_C(0xc0000000), 1, false},
               {UINT64_C(0xffffffff), 1, false},
               {UINT64_C(0xffffffff), 2, false},
               {UINT64_C(0x100000000), 8, true},
               {UINT64_C(0x17ffffff8), 8, true},
               {UINT64_C(0x17ffffff8), 9, false},
               {UINT64_C(0x180000000), 1, false},
               {UINT64_MAX, 1, false},
               {UINT64_MAX - 3, 8, false},
               {0, UINT64_MAX, false}};
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        uint64_t v = 0x0102030405060708 + k;
        if (row[k].len > 8 && row[k].ram)
            continue;
        bool in_ram = row[k].len > 8
                          ? memsys_read(s, (hpa){row[k].at}, row[k].len, NULL)
                          : memsys_write(s, (hpa){row[k].at}, row[k].len, &v);
        ck_assert_msg(in_ram == row[k].ram, "row %zu", k);
    }
    uint64_t v = 1, back;
    ck_assert(memsys_write(s, (hpa){UINT64_C(0x100000000)}, 8, &v));
    ck_assert(memsys_read(s, (hpa){UINT64_C(0x100000000)}, 8, &back));
    ck_assert_uint_eq(back, 1);
    ck_assert_uint_eq(memory_address(s, memory_offset(s, 0x100000000)),
                      0x100000000);
    memsys_destroy(s);
}
END_TEST

START_TEST(sizes_are_checked)
{
    struct memsys_config c = {.ram_bytes = 4095};
    struct memsys *s;
    struct sim_error e;
    ck_assert_int_eq(memsys_create(&c, &s, &e), SIM_USAGE);
    c.ram_bytes = 0;
    ck_assert_int_eq(memsys_create(&c, &s, &e), SIM_USAGE);
    c.ram_bytes = UINT64_C(1) << 40;
    ck_assert_int_eq(memsys_create(&c, &s, &e), SIM_USAGE);
    struct fixture f;
    fix_defaults(&f);
    ck_assert_int_eq(memsys_create(&f.memory, &f.s, &e), SIM_OK);
    f.hot[0] = calloc(1, sizeof *f.hot[0]);
    struct mmu_config bad = f.config;
    bad.dtlb_4k = fix_assoc(9, 4);
    ck_assert_int_eq(
        mmu_create(&bad, f.s, f.hot[0], &f.account[0], &f.m[0], &e), SIM_USAGE);
    bad = f.config;
    bad.dtlb_4k = fix_assoc(1024, 4);
    ck_assert_int_eq(
        mmu_create(&bad, f.s, f.hot[0], &f.account[0], &f.m[0], &e), SIM_USAGE);
    bad = f.config;
    bad.l1d.size_kib = 512;
    ck_assert_int_eq(
        mmu_create(&bad, f.s, f.hot[0], &f.account[0], &f.m[0], &e), SIM_USAGE);
    bad = f.config;
    bad.l2.ways = 0;
    ck_assert_int_eq(
        mmu_create(&bad, f.s, f.hot[0], &f.account[0], &f.m[0], &e), SIM_USAGE);
    ck_assert_uint_eq(f.s->cores, 0);
    free(f.hot[0]);
    memsys_destroy(f.s);
}
END_TEST

static bool no_read(void *self, uint64_t offset, unsigned len, uint64_t *out)
{
    (void)self;
    (void)offset;
    (void)len;
    *out = 0;
    return true;
}

static bool no_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    (void)self;
    (void)offset;
    (void)len;
    (void)in;
    return true;
}

START_TEST(device_regions_do_not_overlap)
{
    struct memsys *s = make(UINT64_C(64) << 20);
    struct mmio_port port = {NULL, no_read, no_write};
    static const struct {
        uint64_t base, size;
        enum sim_status status;
    } row[] = {{0xfee00000, 0x1000, SIM_OK},
               {0xfec00000, 0x1000, SIM_OK},
               {0xfed00000, 0x2000, SIM_OK},
               {0xfed01000, 0x1000, SIM_INTERNAL},
               {0xfecff000, 0x2000, SIM_INTERNAL},
               {0xfed02000, 0x1000, SIM_OK},
               {0x3fff000, 0x1000, SIM_INTERNAL},
               {0x4000000, 0x1000, SIM_OK},
               {0x5000000, 0x800, SIM_INTERNAL},
               {0x5000800, 0x1000, SIM_INTERNAL},
               {0x5000000, 0, SIM_INTERNAL},
               {UINT64_MAX & ~UINT64_C(0xfff), 0x1000, SIM_INTERNAL}};
    struct sim_error e;
    for (size_t k = 0; k < sizeof row / sizeof *row; k++)
        ck_assert_msg(memsys_add_mmio(s, (hpa){row[k].base}, row[k].size, port,
                                      &e) == row[k].status,
                      "row %zu", k);
    ck_assert_ptr_nonnull(memory_region(s, 0xfec00fff));
    ck_assert_uint_eq(memory_region(s, 0xfed01fff)->base, 0xfed00000);
    ck_assert_uint_eq(memory_region(s, 0xfed02000)->base, 0xfed02000);
    ck_assert_ptr_null(memory_region(s, 0xfec01000));
    ck_assert_ptr_null(memory_region(s, 0));
    ck_assert_ptr_null(memory_region(s, UINT64_MAX));
    memsys_destroy(s);
}
END_TEST

static uint64_t resident_bytes(void)
{
    unsigned long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return (uint64_t)resident * 4096;
}

/* Touch every n-th page: the host must not commit much more. */
START_TEST(sparse_and_dense_guests_commit_what_they_touch)
{
    static const unsigned stride[] = {1, 2, 16, 512};
    uint64_t bytes = UINT64_C(1) << 30, slack = UINT64_C(64) << 20;
    for (size_t k = 0; k < 4; k++) {
        struct memsys *s = make(bytes);
        uint64_t before = resident_bytes(), touched = 0;
        uint64_t top = bytes / (k == 0 ? 8 : 1);
        for (uint64_t at = 0; at < top; at += stride[k] * PAGE_SIZE) {
            ck_assert(memsys_write(s, (hpa){at}, 8, &at));
            touched += PAGE_SIZE;
        }
        uint64_t committed = memsys_committed(s);
        ck_assert_uint_ge(committed, touched);
        ck_assert_uint_le(committed, touched + slack);
        ck_assert_uint_le(resident_bytes(), before + touched + slack);
        memsys_destroy(s);
    }
}
END_TEST

START_TEST(code_marks_are_counted_by_line)
{
    struct memsys *s = make(UINT64_C(1) << 20);
    memsys_mark_code(s, (hpa){0x1000});
    memsys_mark_code(s, (hpa){0x103f});
    memsys_mark_code(s, (hpa){0x1fc0});
    memsys_mark_code(s, (hpa){UINT64_C(1) << 20}); /* no RAM: nothing */
    memsys_mark_code(s, (hpa){UINT64_MAX});
    ck_assert(memory_is_code_line(s, 0x1010));
    ck_assert(!memory_is_code_line(s, 0x1040));
    ck_assert(memory_is_code_line(s, 0x1fff));
    ck_assert(memory_has_code(s, 0x1800));
    memsys_unmark_code(s, (hpa){0x1000});
    ck_assert(memory_is_code_line(s, 0x1010));
    memsys_unmark_code(s, (hpa){0x1000});
    ck_assert(!memory_is_code_line(s, 0x1010));
    memsys_unmark_code(s, (hpa){0x1000}); /* one too many is harmless */
    memsys_unmark_code(s, (hpa){0x1fc0});
    ck_assert(!memory_has_code(s, 0x1800));
    for (unsigned k = 0; k < 70000; k++) /* a saturated count stays */
        memsys_mark_code(s, (hpa){0x2000});
    for (unsigned k = 0; k < 70000; k++)
        memsys_unmark_code(s, (hpa){0x2000});
    ck_assert(memory_is_code_line(s, 0x2000));
    memsys_destroy(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memsys");
    TCase *t = tcase_create("memsys");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, ram_above_3_gib_moves_to_4_gib);
    tcase_add_test(t, sizes_are_checked);
    tcase_add_test(t, device_regions_do_not_overlap);
    tcase_add_test(t, sparse_and_dense_guests_commit_what_they_touch);
    tcase_add_test(t, code_marks_are_counted_by_line);
    suite_add_tcase(s, t);
    return fix_run(s);
}
