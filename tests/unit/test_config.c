/* SPDX-License-Identifier: Apache-2.0
 * Parameters, presets and configuration files. The bad inputs are section C
 * of the catalogue in docs: each must give one line with a place.
 */
#include "sim/base/sha256.h"
#include "sim/machine/config_file.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum sim_status apply(const char *text, size_t len,
                             struct machine_config *c, struct sim_error *e)
{
    struct config_file *f = NULL;
    config_defaults(c);
    memset(e, 0, sizeof *e);
    enum sim_status s = config_file_read("f.yaml", text, len, &f, e);
    if (s == SIM_OK)
        s = config_file_apply(f, c, e);
    config_file_free(f);
    return s == SIM_OK ? config_finish(c, SIM_BAD_INPUT, e) : s;
}

START_TEST(nested_and_dotted_names_set_parameters)
{
    static const char text[] = "core:\n"
                               "  dtlb.4k: {entries: 32, ways: 2}\n"
                               "  l2: {size: 1M, ways: 16}\n"
                               "  timing: off\n"
                               "machine.memory: 1G\n"
                               "l3.size: 0x400000\n";
    struct machine_config c;
    struct sim_error e;
    ck_assert_int_eq(apply(text, strlen(text), &c, &e), SIM_OK);
    ck_assert_uint_eq(c.mmu.dtlb_4k.entries, 32);
    ck_assert_uint_eq(c.mmu.dtlb_4k.ways, 2);
    ck_assert_uint_eq(c.mmu.l2.size_kib, 1024);
    ck_assert_uint_eq(c.core.timing, TIMING_OFF);
    ck_assert_uint_eq(c.memory.ram_bytes, UINT64_C(1) << 30);
    ck_assert_uint_eq(c.memory.l3.size_kib, 4096);
    ck_assert(!c.memory.timing);
}
END_TEST

START_TEST(aliases_stand_for_their_anchor)
{
    static const char text[] = "core.dtlb.4k: &tlb {entries: 16, ways: 4}\n"
                               "core.itlb.4k: *tlb\n"
                               "core.cost: {mul: &n 7, hlt: *n}\n";
    struct machine_config c;
    struct sim_error e;
    ck_assert_int_eq(apply(text, strlen(text), &c, &e), SIM_OK);
    ck_assert_uint_eq(c.mmu.itlb_4k.entries, 16);
    ck_assert_uint_eq(c.core.cost.cycles[COST_HLT], 7);
}
END_TEST

START_TEST(harmless_files_change_nothing)
{
    static const char *const texts[] = {
        "",
        "# only a comment",
        "\n\n",
        "---\n",
        "\xef\xbb\xbf# mark\n",
        "title: a title\nsource: {core: [read, x]}\n",
        "{}",
        "preset: toy",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct machine_config c, d;
        struct sim_error e;
        config_defaults(&d);
        ck_assert_int_eq(config_finish(&d, SIM_USAGE, &e), SIM_OK);
        ck_assert_msg(apply(texts[i], strlen(texts[i]), &c, &e) == SIM_OK,
                      "%zu: %s", i, e.text);
        ck_assert_mem_eq(&c, &d, sizeof c);
    }
}
END_TEST

static const struct {
    const char *id, *text, *place, *says;
} bad[] = {
    {"C3 NUL", NULL, "f.yaml:1:5", "control"},
    {"C3 Latin-1", "core:\n  hz: \xe9\n", "f.yaml:2:7", "not UTF-8"},
    {"C3 UTF-16", "\xff\xfe", "f.yaml:1:1", "not UTF-8"},
    {"C7 deep", "core: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1",
     "f.yaml:1:", "deep"},
    {"C8 string", "core.timing: \"off", "f.yaml:1:", ""},
    {"C8 list", "core: [1, 2", "f.yaml:", ""},
    {"C9 duplicate", "l3.latency: 1\nl3.ways: 16\nl3.latency: 1\n",
     "f.yaml:3:1", "duplicate key l3.latency"},
    {"C9 two spellings", "l3: {latency: 9}\nl3.latency: 8\n", "f.yaml:2:1",
     "twice"},
    {"C10", "core:\n  dtlb.4k.entires: 8\n", "f.yaml:2:3",
     "did you mean core.dtlb.4k.entries?"},
    {"C10 nothing near", "xyzzy: 8\n", "f.yaml:1:1", "unknown"},
    {"C11 map for value", "core:\n  hz: {a: 1}\n", "f.yaml:2:7", "map"},
    {"C11 list for value", "core.hz: [1]\n", "f.yaml:1:10", "list"},
    {"C11 list for map", "core: [1]\n", "f.yaml:1:7", "a map is due"},
    {"C11 value for map", "core: 5\n", "f.yaml:1:", "core"},
    {"C11 word", "core.hz: fast\n", "f.yaml:1:10", "fast"},
    {"C11 nothing", "core.hz:\n", "f.yaml:1:", "core.hz"},
    {"C11 list at the top", "- 1\n", "f.yaml:1:", "map"},
    {"C12 negative", "core.hz: -1\n", "f.yaml:1:10", "-1"},
    {"C12 huge", "core.hz: 1e400\n", "f.yaml:1:10", "1e400"},
    {"C12 NaN", "core.hz: .nan\n", "f.yaml:1:10", ".nan"},
    {"C12 0x", "core.hz: 0x\n", "f.yaml:1:10", "0x"},
    {"C12 underscore", "core.hz: 1_000\n", "f.yaml:1:10", "1_000"},
    {"C12 octal", "core.hz: 08\n", "f.yaml:1:10", "08"},
    {"C12 2^64", "machine.seed: 18446744073709551616\n", "f.yaml:1:15", ""},
    {"C12 suffix overflow", "machine.memory: 99999999999999T\n", "f.yaml:1:17",
     ""},
    {"C13 zero", "core.dtlb.4k.entries: 0\n", "", "core.dtlb.4k.entries"},
    {"C13 not a power of two", "core.dtlb.4k: {entries: 12, ways: 4}\n", "",
     "power of two"},
    {"C13 too many", "core.dtlb.4k.entries: 4096\n", "f.yaml:1:23", "1024"},
    {"C13 sum", "core.dtlb: {4k: {entries: 1024, ways: 4}}\n", "",
     "over all page sizes"},
    {"C13 ways", "core.dtlb.4k: {entries: 4, ways: 8}\n", "", "more than"},
    {"C13 cache sets", "core.l1d.size: 48K\n", "", "power of two"},
    {"C13 cache ways", "core.l2: {size: 1K, ways: 7}\n", "", "multiple"},
    {"C13 tree", "core.l2: {ways: 3, replacement: tree-plru, size: 192K}\n", "",
     "tree-plru"},
    {"C14 zero", "machine.memory: 0\n", "f.yaml:1:17", "1MiB"},
    {"C14 page", "machine.memory: 1048577\n", "", "4096"},
    {"C14 cap", "machine.memory: 2T\n", "f.yaml:1:17", "1TiB"},
    {"C14 width", "{machine.memory: 8G, core.maxphyaddr: 33}\n", "",
     "maxphyaddr"},
    {"C15 31", "core.maxphyaddr: 31\n", "f.yaml:1:18", "32 to 52"},
    {"C15 53", "core.maxphyaddr: 53\n", "f.yaml:1:18", "32 to 52"},
    {"C16 zero", "core.apic_hz: 0\n", "f.yaml:1:15", ""},
    {"C21 INVPCID", "core: {pcid: off}\n", "", "core.pcid"},
    {"C21 1 GiB", "{core.pages_1g: off, pk.page: 1g}\n", "", "pages_1g"},
    {"linear bits", "core.linear_bits: 50\n", "", "48 or 57"},
    {"cost", "core.cost.alu: 0\n", "", "at least 1"},
    {"tag", "core.hz: !!int 5\n", "f.yaml:1:", "tags"},
    {"alias loop", "core: &a {hz: *a}\n", "f.yaml:1:", "no anchor"},
    {"unknown alias", "core.hz: *b\n", "f.yaml:1:", "no anchor"},
    {"second document", "---\ncore.hz: 2000000000\n---\n{}\n", "f.yaml:3:1",
     "second document"},
    {"key is a list", "[1]: 2\n", "f.yaml:1:", "plain word"},
    {"source", "source: {core: read}\n", "f.yaml:1:", "[confidence, text]"},
    {"preset", "preset: [a]\n", "f.yaml:1:9", "a word is due"},
    {"published", "published: {vmfunc: [1, read]}\n",
     "f.yaml:1:", "[value, confidence, text]"},
    {"published", "published: 5\n", "f.yaml:1:", "a map is due"},
    {"EPT", "core.vtx.ept: off\n", "",
     "core.vtx.unrestricted_guest: on (needs core.vtx.ept)"},
    {"VMFUNC", "core.vtx.vmfunc: off\n", "",
     "core.vtx.eptp_switching: on (needs core.vtx.vmfunc)"},
    {"MSR lists", "core.vtx.msr_list_max: 1000\n", "", "multiple of 512"},
    {"feature control", "core.vtx.feature_control: 7\n", "", "needs SMX"},
};

START_TEST(bad_files_are_one_line_with_a_place)
{
    static const char nul[] = "core\0: 1";
    struct machine_config c;
    struct sim_error e;
    const char *text = bad[_i].text != NULL ? bad[_i].text : nul;
    size_t len = bad[_i].text != NULL ? strlen(text) : sizeof nul - 1;
    enum sim_status s = apply(text, len, &c, &e);
    ck_assert_msg(s == SIM_BAD_INPUT, "%s: status %d", bad[_i].id, s);
    ck_assert_int_eq(e.status, SIM_BAD_INPUT);
    ck_assert_msg(strncmp(e.text, bad[_i].place, strlen(bad[_i].place)) == 0 &&
                      strstr(e.text, bad[_i].says) != NULL &&
                      strchr(e.text, '\n') == NULL,
                  "%s: %s", bad[_i].id, e.text);
}
END_TEST

/* C5, C6: size and number of values are capped, in time and memory. */
START_TEST(large_files_are_refused_quickly)
{
    size_t len = 3 << 20;
    char *text = malloc(len);
    struct machine_config c;
    struct sim_error e;
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', len);
    ck_assert_int_eq(apply(text, len, &c, &e), SIM_BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(e.text, "1 MiB"));
    size_t used = 0;
    for (unsigned i = 0; used < 900000; i++)
        used += (size_t)sprintf(text + used, "k%u: 1\n", i);
    ck_assert_int_eq(apply(text, used, &c, &e), SIM_BAD_INPUT);
    /* Aliases of aliases: 9^9 values if they were copied. */
    used = (size_t)sprintf(text, "a0: &a0 [1,1,1,1,1,1,1,1,1]\n");
    for (unsigned i = 1; i < 9; i++)
        used += (size_t)sprintf(text + used,
                                "a%u: &a%u [*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,"
                                "*a%u,*a%u,*a%u]\n",
                                i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1,
                                i - 1, i - 1, i - 1);
    ck_assert_int_eq(apply(text, used, &c, &e), SIM_BAD_INPUT);
    free(text);
}
END_TEST

START_TEST(set_takes_name_and_value)
{
    struct machine_config c;
    struct sim_error e;
    config_defaults(&c);
    ck_assert_int_eq(config_set_option(&c, "core.dtlb.4k.ways=2", &e), SIM_OK);
    ck_assert_uint_eq(c.mmu.dtlb_4k.ways, 2);
    static const char *const wrong[] = {
        "",
        "=",
        "core.hz",
        "core.hz=",
        "core.hzz=1",
        "=1",
        "core.hz=x",
        "core=1",
        "core.hz=99999999999999999999",
        "l3.size=16X",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct machine_config before = c;
        ck_assert_msg(config_set_option(&c, wrong[i], &e) == SIM_USAGE, "%s",
                      wrong[i]);
        ck_assert_ptr_null(strchr(e.text, '\n'));
        ck_assert_mem_eq(&before, &c, sizeof c);
    }
}
END_TEST

START_TEST(every_parameter_prints_what_it_reads)
{
    const struct param_table *t = config_params();
    struct machine_config c, again;
    struct sim_error e;
    config_defaults(&c);
    config_defaults(&again);
    for (size_t i = 0; i < t->count; i++) {
        char text[80];
        param_format(&t->rows[i], &c, text, sizeof text);
        ck_assert_msg(param_set(&t->rows[i], &again, text, "x", &e) == SIM_OK,
                      "%s", e.text);
        ck_assert_ptr_nonnull(t->rows[i].doc);
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(t->rows[i].name, t->rows[k].name);
    }
    ck_assert_mem_eq(&c, &again, sizeof c);
}
END_TEST

/* Every value of a preset says where it comes from. */
START_TEST(presets_are_valid_and_sourced)
{
    static const char *const bases[] = {"read", "recalled", "derived",
                                        "chosen"};
    static const char *const due[] = {
        "haswell",    "icelake-sp", "nehalem", "sandybridge", "sapphirerapids",
        "skylake-sp", "skylake",    "toy",     "westmere",    "zen3",
    };
    size_t count;
    const struct preset *p = preset_all(&count);
    ck_assert_uint_eq(count, sizeof(due) / sizeof(due[0]));
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(p[i].name, due[i]);
        struct machine_config c;
        struct sim_error e;
        struct config_file *f = NULL;
        config_defaults(&c);
        ck_assert_msg(preset_read(p[i].name, &f, &e) == SIM_OK, "%s", e.text);
        ck_assert_msg(config_file_apply(f, &c, &e) == SIM_OK, "%s", e.text);
        ck_assert_msg(config_finish(&c, SIM_USAGE, &e) == SIM_OK, "%s: %s",
                      p[i].name, e.text);
        const struct param_table *t = config_params();
        for (size_t k = 0; k < t->count; k++) {
            const char *name = t->rows[k].name, *basis = "", *text = "";
            if (!config_file_gives(f, name))
                continue;
            ck_assert_msg(config_file_source(f, name, &basis, &text),
                          "%s: %s has no source", p[i].name, name);
            size_t b = 0;
            while (b < 4 && strcmp(bases[b], basis) != 0)
                b++;
            ck_assert_msg(b < 4 && text[0] != '\0', "%s: %s: %s", p[i].name,
                          name, basis);
        }
        config_file_free(f);
    }
}
END_TEST

/* A part either has an optional feature or lacks it: presets say which. */
START_TEST(presets_state_every_optional_feature)
{
    static const char *const features[] = {
#define OPTIONAL(field, feature, doc) "core." #field,
#include "cpu/optional_features.def"
#undef OPTIONAL
    };
    static const char *const vtx[] = {
#define VTX(field, doc) "core.vtx." #field,
#include "cpu/vmx/features.def"
#undef VTX
    };
    size_t count;
    const struct preset *p = preset_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct config_file *f = NULL;
        struct sim_error e;
        ck_assert_int_eq(preset_read(p[i].name, &f, &e), SIM_OK);
        for (size_t k = 0; k < sizeof features / sizeof features[0]; k++)
            ck_assert_msg(config_file_gives(f, features[k]),
                          "%s does not say whether it has %s", p[i].name,
                          features[k]);
        bool vmx = false;
        struct machine_config c;
        config_defaults(&c);
        ck_assert_int_eq(config_file_apply(f, &c, &e), SIM_OK);
        vmx = c.core.vmx;
        for (size_t k = 0; k < sizeof vtx / sizeof vtx[0]; k++)
            ck_assert_msg(config_file_gives(f, vtx[k]) == vmx,
                          "%s does not say whether it has %s", p[i].name,
                          vtx[k]);
        config_file_free(f);
    }
}
END_TEST

/* Published figures are numbers with a basis, and none is of a part that
 * lacks the feature. */
START_TEST(published_figures_are_sourced)
{
    size_t count, figures = 0;
    const struct preset *all = preset_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct config_file *f = NULL;
        struct sim_error e;
        struct published p;
        ck_assert_int_eq(preset_read(all[i].name, &f, &e), SIM_OK);
        for (size_t k = 0; config_file_published(f, k, &p); k++, figures++) {
            char *end;
            ck_assert(strtoul(p.value, &end, 10) > 0 && *end == '\0');
            ck_assert(strcmp(p.confidence, "read") == 0 ||
                      strcmp(p.confidence, "recalled") == 0);
            ck_assert(p.source[0] != '\0');
        }
        config_file_free(f);
    }
    ck_assert_uint_ge(figures, 8);
}
END_TEST

START_TEST(unknown_preset_names_those_there_are)
{
    struct sim_error e;
    struct config_file *f = NULL;
    ck_assert_int_eq(preset_read("sky", &f, &e), SIM_USAGE);
    ck_assert_ptr_nonnull(strstr(e.text, "skylake"));
}
END_TEST

/* FIPS 180-4 examples, and lengths around the padding's edges. */
START_TEST(sha256_agrees_with_published_digests)
{
    char hex[65];
    sha256_hex("", 0, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                          "27ae41e4649b934ca495991b7852b855");
    sha256_hex("abc", 3, hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223"
                          "b00361a396177a9cb410ff61f20015ad");
    static const char two[] =
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha256_hex(two, 56, hex);
    ck_assert_str_eq(hex, "248d6a61d20638b8e5c026930c3e6039"
                          "a33ce45964ff2167f6ecedd419db06c1");
    char *million = malloc(1000000);
    ck_assert_ptr_nonnull(million);
    memset(million, 'a', 1000000);
    sha256_hex(million, 1000000, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
                          "f1809a48a497200e046d39ccc7112cd0");
    free(million);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("config");
    TCase *t = tcase_create("config");
    tcase_add_test(t, nested_and_dotted_names_set_parameters);
    tcase_add_test(t, aliases_stand_for_their_anchor);
    tcase_add_test(t, harmless_files_change_nothing);
    tcase_add_loop_test(t, bad_files_are_one_line_with_a_place, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(t, large_files_are_refused_quickly);
    tcase_add_test(t, set_takes_name_and_value);
    tcase_add_test(t, every_parameter_prints_what_it_reads);
    tcase_add_test(t, presets_are_valid_and_sourced);
    tcase_add_test(t, presets_state_every_optional_feature);
    tcase_add_test(t, published_figures_are_sourced);
    tcase_add_test(t, unknown_preset_names_those_there_are);
    tcase_add_test(t, sha256_agrees_with_published_digests);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
