/* SPDX-License-Identifier: Apache-2.0
 * CPUID: what is advertised is what decodes, and geometry is the
 * configuration's. SDM Vol.2 "CPUID".
 */
#include "cpu/cpuid.h"
#include "cpu/xlat.h"
#include "tests/unit/sys_rig.h"

static struct rig R;
static uint32_t V[4];

static void set_up(void)
{
    rig_create(&R, NULL);
    rig_long(&R, 0);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

static void leaf(uint32_t n, uint32_t sub)
{
    cpuid_leaf(R.c, n, sub, V);
}

START_TEST(instruction_returns_the_leaf_zero_extended)
{
    R.c->gpr[REG_RAX] = UINT64_C(0xffffffff00000000);
    R.c->gpr[REG_RBX] = UINT64_MAX;
    rig_runs(&R, "0f a2 f4");
    leaf(0, 0);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], V[CPUID_EAX]);
    ck_assert_uint_eq(R.c->gpr[REG_RBX], V[CPUID_EBX]);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], V[CPUID_ECX]);
    ck_assert_uint_eq(R.c->gpr[REG_RDX], V[CPUID_EDX]);
}
END_TEST

START_TEST(vendor_names)
{
    R.c->config.vendor = VENDOR_INTEL;
    leaf(0, 0);
    ck_assert_mem_eq(&V[CPUID_EBX], "Genu", 4);
    ck_assert_mem_eq(&V[CPUID_EDX], "ineI", 4);
    ck_assert_mem_eq(&V[CPUID_ECX], "ntel", 4);
    R.c->config.vendor = VENDOR_AMD;
    leaf(0x80000000, 0);
    ck_assert_mem_eq(&V[CPUID_EBX], "Auth", 4);
    ck_assert_uint_eq(V[CPUID_EAX], 0x80000008);
}
END_TEST

/* Display family = family + extended family when the former is 15; the
 * extended model counts for families 6 and 15. */
START_TEST(signature_encodes_family_and_model)
{
    R.c->config.family = 6;
    R.c->config.model = 0x5e;
    R.c->config.stepping = 3;
    leaf(1, 0);
    ck_assert_uint_eq(V[CPUID_EAX], 0x506e3);
    R.c->config.family = 0x19;
    R.c->config.model = 0x21;
    R.c->config.stepping = 0;
    leaf(1, 0);
    ck_assert_uint_eq(V[CPUID_EAX], 0xa20f10);
}
END_TEST

static bool advertised(uint32_t n, uint32_t sub, unsigned reg, unsigned bit)
{
    leaf(n, sub);
    return (V[reg] >> bit & 1) != 0;
}

/* Every row of features.def: its bit is set exactly when cpu_has says so. */
START_TEST(feature_bits_follow_cpu_has)
{
#define FEATURE(e, name, n, sub, reg, bit)                                     \
    if (FEATURE_##e != FEATURE_NONE)                                           \
        ck_assert_msg(advertised(n, sub, reg, bit) ==                          \
                          cpu_has(R.c, FEATURE_##e),                           \
                      "%s", name);
#include "cpu/features.def"
#undef FEATURE
    ck_assert(cpu_has(R.c, FEATURE_PCID));
    ck_assert(!cpu_has(R.c, FEATURE_LA57));
}
END_TEST

START_TEST(configuration_turns_features_off)
{
    struct cpu_config *k = &R.c->config;
    k->pcid = k->invpcid = k->smep = k->smap = k->umip = false;
    k->fsgsbase = k->rdtscp = k->x2apic = k->tsc_deadline = false;
    k->pages_1g = false;
    k->linear_bits = 57;
    ck_assert(!advertised(1, 0, CPUID_ECX, 17));
    ck_assert(!advertised(1, 0, CPUID_ECX, 21));
    ck_assert(!advertised(1, 0, CPUID_ECX, 24));
    ck_assert(!advertised(7, 0, CPUID_EBX, 0));
    ck_assert(!advertised(7, 0, CPUID_EBX, 7));
    ck_assert(!advertised(7, 0, CPUID_EBX, 10));
    ck_assert(!advertised(7, 0, CPUID_EBX, 20));
    ck_assert(!advertised(7, 0, CPUID_ECX, 2));
    ck_assert(advertised(7, 0, CPUID_ECX, 16));
    ck_assert(!advertised(0x80000001, 0, CPUID_EDX, 26));
    ck_assert(!advertised(0x80000001, 0, CPUID_EDX, 27));
    leaf(0x80000008, 0);
    ck_assert_uint_eq(V[CPUID_EAX] >> 8 & 0xff, 57);
    ck_assert_uint_eq(V[CPUID_EAX] & 0xff, R.config.mmu.maxphyaddr);
}
END_TEST

/* Nothing that is not modelled: SMX, SGX, TSX, MPX, AVX-512, CET. */
START_TEST(unmodelled_features_are_not_advertised)
{
    leaf(1, 0);
    ck_assert_uint_eq(V[CPUID_ECX] & 0x00000044, 0);
    leaf(7, 0);
    ck_assert_uint_eq(V[CPUID_EBX] & 0xdc234814, 0);
    ck_assert_uint_eq(V[CPUID_ECX] & 0x000058c2, 0);
    ck_assert_uint_eq(V[CPUID_EDX] & 0x00900d0c, 0);
}
END_TEST

/* Every optional feature shows when it is configured, and only then. */
START_TEST(optional_features_follow_the_configuration)
{
    static const struct {
        uint32_t leaf, sub, reg, bit;
    } at[FEATURE_COUNT] = {
#define FEATURE(e, name, leaf, sub, reg, bit) {leaf, sub, reg, bit},
#include "cpu/features.def"
#undef FEATURE
    };
    R.c->config.vendor = VENDOR_INTEL;
    R.c->config.xsave = true;
#define OPTIONAL(field, feature, doc)                                          \
    for (unsigned on = 0; on < 2; on++) {                                      \
        bool was = R.c->config.field;                                          \
        R.c->config.field = on;                                                \
        ck_assert_msg(advertised(at[FEATURE_##feature].leaf,                   \
                                 at[FEATURE_##feature].sub,                    \
                                 at[FEATURE_##feature].reg,                    \
                                 at[FEATURE_##feature].bit) == on,             \
                      #field);                                                 \
        R.c->config.field = was;                                               \
    }
#include "cpu/optional_features.def"
#undef OPTIONAL
}
END_TEST

START_TEST(syscall_shows_in_64_bit_mode_only)
{
    R.c->config.vendor = VENDOR_INTEL;
    ck_assert(advertised(0x80000001, 0, CPUID_EDX, 11));
    rig_protected(&R, 0);
    ck_assert(!advertised(0x80000001, 0, CPUID_EDX, 11));
    R.c->config.vendor = VENDOR_AMD;
    ck_assert(advertised(0x80000001, 0, CPUID_EDX, 11));
}
END_TEST

/* ways * partitions * line * sets = size. */
START_TEST(cache_geometry_multiplies_to_the_size)
{
    const struct mmu_config *m = &R.config.mmu;
    const uint32_t kib[] = {m->l1d.size_kib, m->l1i.size_kib, m->l2.size_kib,
                            R.config.memory.l3.size_kib};
    R.c->config.vendor = VENDOR_INTEL;
    for (uint32_t i = 0; i < 4 && kib[i] != 0; i++) {
        leaf(4, i);
        uint64_t ways = (V[CPUID_EBX] >> 22) + 1;
        uint64_t line = (V[CPUID_EBX] & 0xfff) + 1;
        ck_assert_uint_eq(ways * line * ((uint64_t)V[CPUID_ECX] + 1),
                          (uint64_t)kib[i] * 1024);
    }
    leaf(4, 5);
    ck_assert_uint_eq(V[CPUID_EAX] & 0x1f, 0);
}
END_TEST

/* TSC = crystal * EBX / EAX. */
START_TEST(tsc_frequency_is_exact)
{
    R.c->config.vendor = VENDOR_INTEL;
    leaf(0x15, 0);
    if (V[CPUID_EAX] != 0)
        ck_assert_uint_eq((uint64_t)V[CPUID_ECX] * V[CPUID_EBX] / V[CPUID_EAX],
                          R.config.core.tsc_hz);
    leaf(0x16, 0);
    ck_assert_uint_eq(V[CPUID_EBX], R.config.core.core_hz / 1000000);
}
END_TEST

START_TEST(topology_counts_cores)
{
    R.c->wiring.cores = 6;
    R.c->wiring.index = 5;
    leaf(0xb, 0);
    ck_assert_uint_eq(V[CPUID_ECX], 0x100);
    ck_assert_uint_eq(V[CPUID_EDX], 5);
    leaf(0xb, 1);
    ck_assert_uint_eq(V[CPUID_EAX], 3);
    ck_assert_uint_eq(V[CPUID_EBX], 6);
    ck_assert_uint_eq(V[CPUID_ECX], 0x201);
    leaf(0xb, 2);
    ck_assert_uint_eq(V[CPUID_EBX], 0);
    ck_assert_uint_eq(V[CPUID_ECX], 2);
    leaf(1, 0);
    ck_assert_uint_eq(V[CPUID_EBX] >> 24, 5);
    ck_assert_uint_eq(V[CPUID_EBX] >> 16 & 0xff, 8);
    ck_assert_uint_ne(V[CPUID_EDX] & 1u << 28, 0);
}
END_TEST

START_TEST(apic_bit_follows_the_base_register)
{
    ck_assert(advertised(1, 0, CPUID_EDX, 9));
    R.c->msr.apic_base &= ~APIC_BASE_ENABLE;
    ck_assert(!advertised(1, 0, CPUID_EDX, 9));
}
END_TEST

START_TEST(leaves_out_of_range)
{
    uint32_t last[4];
    R.c->config.vendor = VENDOR_INTEL;
    leaf(0x16, 0);
    memcpy(last, V, sizeof last);
    leaf(0x40000000, 0);
    ck_assert_mem_eq(last, V, sizeof last);
    leaf(0x80000009, 0);
    ck_assert_mem_eq(last, V, sizeof last);
    R.c->config.vendor = VENDOR_AMD;
    leaf(0x40000000, 0);
    ck_assert_uint_eq(V[0] | V[1] | V[2] | V[3], 0);
}
END_TEST

START_TEST(brand_string_is_terminated)
{
    char name[49] = {0};
    for (uint32_t i = 0; i < 3; i++) {
        leaf(0x80000002 + i, 0);
        memcpy(name + (size_t)i * 16, V, 16);
    }
    ck_assert_uint_lt(strlen(name), 48);
    ck_assert_ptr_nonnull(strstr(name, "vtsim"));
    ck_assert_ptr_nonnull(strstr(name, "GHz"));
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        instruction_returns_the_leaf_zero_extended,
        vendor_names,
        signature_encodes_family_and_model,
        feature_bits_follow_cpu_has,
        configuration_turns_features_off,
        unmodelled_features_are_not_advertised,
        optional_features_follow_the_configuration,
        syscall_shows_in_64_bit_mode_only,
        cache_geometry_multiplies_to_the_size,
        tsc_frequency_is_exact,
        topology_counts_cores,
        apic_bit_follows_the_base_register,
        leaves_out_of_range,
        brand_string_is_terminated,
    };
    Suite *s = suite_create("cpuid");
    TCase *t = tcase_create("cpuid");
    tcase_add_checked_fixture(t, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
