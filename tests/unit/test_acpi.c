/* SPDX-License-Identifier: Apache-2.0
 * ACPI tables as a kernel finds them: search, checksums, pointers, fields.
 * The readers are written from the ACPI Specification, not from the writer.
 */
#include "sim/chipset/acpi_pm.h"
#include "sim/machine/acpi.h"
#include "sim/machine/multiboot.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct machine_config config;
    struct plan plan;
    struct acpi_root root;
};

static enum sim_status make(struct bench *b, uint32_t cores,
                            const struct plan_item *image, struct sim_error *e)
{
    memset(b, 0, sizeof *b);
    config_defaults(&b->config);
    b->config.cores = cores;
    plan_init(&b->plan, "image", 16 << 20);
    if (image != NULL)
        ck_assert_int_eq(plan_add(&b->plan, image, e), SIM_OK);
    ck_assert_int_eq(plan_seal(&b->plan, e), SIM_OK);
    return acpi_plan(&b->config, &b->plan, &b->root, e);
}

/* Guest memory at an address, which must be planned. */
static const uint8_t *at(const struct bench *b, uint64_t address)
{
    for (size_t i = 0; i < b->plan.count; i++) {
        const struct plan_item *item = &b->plan.item[i];
        if (address >= item->at && address - item->at < item->size)
            return item->data + (address - item->at);
    }
    ck_abort_msg("nothing at %lx", (unsigned long)address);
}

static uint64_t le(const uint8_t *p, unsigned len)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static unsigned sum(const uint8_t *p, uint64_t len)
{
    unsigned s = 0;
    while (len-- != 0)
        s += *p++;
    return s & 0xff;
}

static const uint8_t *table(const struct bench *b, uint64_t address,
                            const char *signature)
{
    const uint8_t *p = at(b, address);
    ck_assert_msg(memcmp(p, signature, 4) == 0, "%s", signature);
    ck_assert_uint_eq(sum(p, le(p + 4, 4)), 0);
    return p;
}

START_TEST(root_pointer_leads_to_every_table)
{
    struct bench b;
    struct sim_error e;
    ck_assert_int_eq(make(&b, 1, NULL, &e), SIM_OK);
    uint64_t where = b.root.at;
    ck_assert(where >= 0xe0000 && where < 0x100000 && where % 16 == 0);
    const uint8_t *rsdp = at(&b, where);
    ck_assert_ptr_eq(rsdp, b.root.bytes);
    ck_assert_mem_eq(rsdp, "RSD PTR ", 8);
    ck_assert_uint_eq(sum(rsdp, 20), 0);
    ck_assert_uint_eq(sum(rsdp, 36), 0);
    ck_assert_uint_eq(rsdp[15], 2);
    const uint8_t *rsdt = table(&b, le(rsdp + 16, 4), "RSDT");
    const uint8_t *xsdt = table(&b, le(rsdp + 24, 8), "XSDT");
    ck_assert_uint_eq(le(rsdt + 4, 4), 36 + 2 * 4);
    ck_assert_uint_eq(le(xsdt + 4, 4), 36 + 2 * 8);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_uint_eq(le(rsdt + 36 + 4 * i, 4), le(xsdt + 36 + 8 * i, 8));
    table(&b, le(xsdt + 36, 8), "FACP");
    table(&b, le(xsdt + 44, 8), "APIC");
    plan_free(&b.plan);
}
END_TEST

START_TEST(fixed_table_names_the_ports)
{
    struct bench b;
    struct sim_error e;
    ck_assert_int_eq(make(&b, 1, NULL, &e), SIM_OK);
    const uint8_t *xsdt = at(&b, le(at(&b, b.root.at) + 24, 8));
    const uint8_t *f = table(&b, le(xsdt + 36, 8), "FACP");
    uint64_t facs = le(f + 36, 4);
    ck_assert_uint_eq(facs % 64, 0);
    ck_assert_mem_eq(at(&b, facs), "FACS", 4);
    ck_assert_uint_eq(le(at(&b, facs) + 4, 4), 64);
    const uint8_t *dsdt = table(&b, le(f + 40, 4), "DSDT");
    ck_assert_uint_eq(le(f + 40, 4), le(f + 140, 8));
    /* DefName \_S5_ DefPackage, four elements. */
    ck_assert_mem_eq(dsdt + 36, "\x08\\_S5_\x12\x06\x04\0\0\0\0", 13);
    ck_assert_uint_eq(le(f + 46, 2), ACPI_SCI);
    ck_assert_uint_eq(le(f + 48, 4), 0); /* no SMI command port */
    ck_assert_uint_eq(le(f + 56, 4), ACPI_PM_BASE);
    ck_assert_uint_eq(le(f + 64, 4), ACPI_PM_BASE + 4);
    ck_assert_uint_eq(le(f + 76, 4), ACPI_PM_BASE + 8);
    /* Bits 8 (32-bit timer) clear, 10 (reset register) set. */
    ck_assert_uint_eq(le(f + 112, 4) & 0x500, 0x400);
    ck_assert_uint_eq(le(f + 120, 8), 0xcf9);
    /* Generic addresses say the same as the old fields. */
    ck_assert_uint_eq(le(f + 152, 8), le(f + 56, 4));
    ck_assert_uint_eq(le(f + 176, 8), le(f + 64, 4));
    ck_assert_uint_eq(le(f + 212, 8), le(f + 76, 4));
    plan_free(&b.plan);
}
END_TEST

START_TEST(every_core_has_its_apic)
{
    struct bench b;
    struct sim_error e;
    ck_assert_int_eq(make(&b, MACHINE_CORES_MAX, NULL, &e), SIM_OK);
    const uint8_t *xsdt = at(&b, le(at(&b, b.root.at) + 24, 8));
    const uint8_t *m = table(&b, le(xsdt + 44, 8), "APIC");
    ck_assert_uint_eq(le(m + 36, 4), 0xfee00000);
    ck_assert_uint_eq(le(m + 40, 4), 1);
    uint64_t end = le(m + 4, 4), i = 44;
    unsigned cores = 0, others = 0;
    while (i < end) {
        const uint8_t *entry = m + i;
        if (entry[0] == 0) {
            ck_assert_uint_eq(entry[1], 8);
            ck_assert_uint_eq(entry[3], cores++);
            ck_assert_uint_eq(le(entry + 4, 4), 1);
        } else {
            ck_assert_uint_eq(entry[0], 4); /* NMI */
            others++;
        }
        ck_assert_uint_ne(entry[1], 0);
        i += entry[1];
    }
    ck_assert_uint_eq(i, end);
    ck_assert_uint_eq(cores, MACHINE_CORES_MAX);
    ck_assert_uint_eq(others, 1);
    plan_free(&b.plan);
}
END_TEST

/* Images come first; without room the line says what to do. */
START_TEST(tables_make_room_for_the_image)
{
    static const uint8_t byte = 0;
    struct plan_item low = {
        .at = 0xe0000, .size = 0x8000, .data = &byte, .filled = 1};
    struct bench b;
    struct sim_error e;
    ck_assert_int_eq(make(&b, 1, &low, &e), SIM_OK);
    ck_assert_uint_eq(b.root.at, 0xe8000);
    plan_free(&b.plan);
    low.size = 0x20000;
    ck_assert_int_eq(make(&b, 1, &low, &e), SIM_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(e.text, "machine.acpi=off"));
    plan_free(&b.plan);
}
END_TEST

/* --- Multiboot 2 ---------------------------------------------------------- */

/* The first tag of a type in the information structure, or NULL. */
static const uint32_t *info_tag(const uint8_t *info, uint32_t type)
{
    uint32_t size;
    memcpy(&size, info, 4);
    for (uint32_t i = 8; i < size;) {
        const uint32_t *w = (const uint32_t *)(const void *)(info + i);
        if (w[0] == type)
            return w;
        ck_assert_uint_ge(w[1], 8);
        i += (w[1] + 7) & ~7u;
    }
    return NULL;
}

START_TEST(multiboot2_tells_the_root_pointer)
{
    struct boot_info info = {.cmdline = "x"};
    struct bench b;
    struct sim_error e;
    uint64_t where;
    ck_assert_int_eq(make(&b, 1, NULL, &e), SIM_OK);
    ck_assert_int_eq(boot_info_plan(2, &info, &b.plan, &where, &e), SIM_OK);
    ck_assert_ptr_null(info_tag(at(&b, where), 14));
    info.rsdp = b.root.bytes;
    ck_assert_int_eq(boot_info_plan(2, &info, &b.plan, &where, &e), SIM_OK);
    const uint32_t *old = info_tag(at(&b, where), 14);
    const uint32_t *new = info_tag(at(&b, where), 15);
    ck_assert(old != NULL && new != NULL);
    ck_assert_uint_eq(old[1], 8 + 20);
    ck_assert_uint_eq(new[1], 8 + 36);
    ck_assert_mem_eq(old + 2, b.root.bytes, 20);
    ck_assert_mem_eq(new + 2, b.root.bytes, 36);
    plan_free(&b.plan);
}
END_TEST

/* A kernel that insists on it is not started without. */
START_TEST(a_required_root_pointer_that_is_off_is_refused)
{
    enum { LENGTH = 80 };
    uint32_t image[32] = {
        MULTIBOOT2_MAGIC,
        0,
        LENGTH,
        0 - (MULTIBOOT2_MAGIC + LENGTH),
        2,
        24,
        0x100000,
        0x100000,
        0x100080,
        0, /* address */
        3,
        12,
        0x100000,
        0, /* entry */
        1,
        12,
        15,
        0, /* information request */
        0,
        8,
    };
    static char path[] = "image";
    struct load_file file = {
        .path = path, .data = (uint8_t *)image, .len = sizeof image};
    for (int on = 0; on < 2; on++) {
        struct machine_config c;
        struct load_result result;
        struct plan plan;
        struct sim_error e;
        config_defaults(&c);
        c.acpi = on != 0;
        const struct load_request r = {
            .kind = IMAGE_AUTO, .image = &file, .config = &c};
        plan_init(&plan, path, 16 << 20);
        enum sim_status s = load_plan(&r, &plan, &result, &e);
        ck_assert_msg(s == (on != 0 ? SIM_OK : SIM_BAD_INPUT), "%d: %s", on,
                      e.text);
        if (on == 0)
            ck_assert_ptr_nonnull(strstr(e.text, "machine.acpi is off"));
        plan_free(&plan);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("acpi");
    TCase *c = tcase_create("all");
    tcase_add_test(c, root_pointer_leads_to_every_table);
    tcase_add_test(c, fixed_table_names_the_ports);
    tcase_add_test(c, every_core_has_its_apic);
    tcase_add_test(c, tables_make_room_for_the_image);
    tcase_add_test(c, multiboot2_tells_the_root_pointer);
    tcase_add_test(c, a_required_root_pointer_that_is_off_is_refused);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
