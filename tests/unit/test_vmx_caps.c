/* SPDX-License-Identifier: Apache-2.0
 * VMX capability MSRs: what a server of the Skylake generation reports, what
 * each feature adds, and EPT pointers. SDM Vol.3 appendix "VMX Capability
 * Reporting Facility".
 */
#include "cpu/msr.h"
#include "cpu/vmx/vmx.h"
#include "tests/unit/sys_rig.h"

#include <stddef.h>

static struct cpu_config defaults(void)
{
    static struct machine_config m; /* large */
    config_defaults(&m);
    return m.core;
}

static uint64_t msr_of(const struct cpu_config *c, uint32_t number)
{
    struct vmx_caps k;
    uint64_t v = 0;
    vmx_caps_init(&k, c, 46);
    ck_assert_msg(vmx_caps_msr(&k, c, number, &v), "MSR %x", number);
    return v;
}

static bool there(const struct cpu_config *c, uint32_t number)
{
    struct vmx_caps k;
    uint64_t v;
    vmx_caps_init(&k, c, 46);
    return vmx_caps_msr(&k, c, number, &v);
}

/* Values of a Xeon of family 6 model 55h, but for what is not modelled: the
 * dual-monitor treatment, Processor Trace, SGX, MPX. */
START_TEST(as_a_skylake_server_reports)
{
    struct cpu_config c = defaults();
    static const struct {
        uint32_t number;
        uint64_t value;
    } rows[] = {
        {MSR_VMX_BASIC, UINT64_C(0x00d8040000000004)},
        {MSR_VMX_PIN, UINT64_C(0x000000ff00000016)},
        {MSR_VMX_PRIMARY, UINT64_C(0xfff9fffe0401e172)},
        {MSR_VMX_EXIT, UINT64_C(0x007fffff00036dff)},
        {MSR_VMX_ENTRY, UINT64_C(0x0000f3ff000011ff)},
        {MSR_VMX_MISC, UINT64_C(0x00000000600401e7)},
        {MSR_VMX_CR0_FIXED0, 0x80000021},
        {MSR_VMX_CR0_FIXED1, 0xffffffff},
        {MSR_VMX_CR4_FIXED0, 0x2000},
        {MSR_VMX_VMCS_ENUM, 0x32},
        {MSR_VMX_SECONDARY, UINT64_C(0x02577fff00000000)},
        {MSR_VMX_EPT_VPID, UINT64_C(0x00000f0106734141)},
        {MSR_VMX_TRUE_PIN, UINT64_C(0x000000ff00000016)},
        {MSR_VMX_TRUE_PRIMARY, UINT64_C(0xfff9fffe04006172)},
        {MSR_VMX_TRUE_EXIT, UINT64_C(0x007fffff00036dfb)},
        {MSR_VMX_TRUE_ENTRY, UINT64_C(0x0000f3ff000011fb)},
        {MSR_VMX_VMFUNC, 1},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(msr_of(&c, rows[i].number) == rows[i].value,
                      "MSR %x: %llx", rows[i].number,
                      (unsigned long long)msr_of(&c, rows[i].number));
    ck_assert(!there(&c, MSR_VMX_TERTIARY));
    ck_assert(!there(&c, MSR_VMX_TERTIARY + 1));
}
END_TEST

/* CR4_FIXED1 is what MOV to CR4 takes. */
START_TEST(cr4_follows_the_features)
{
    struct cpu_config c = defaults();
    uint64_t all = msr_of(&c, MSR_VMX_CR4_FIXED1);
    ck_assert((all & CR4_VMXE) != 0 && (all & CR4_PCIDE) != 0);
    ck_assert((all & CR4_LA57) == 0);
    c.linear_bits = 57;
    c.pcid = false;
    ck_assert_uint_eq(msr_of(&c, MSR_VMX_CR4_FIXED1),
                      (all | CR4_LA57) & ~(uint64_t)CR4_PCIDE);
}
END_TEST

/* A feature that is off takes exactly these bits with it, and where the bits
 * are all of the MSR, the MSR. */
static const struct {
    size_t feature;
    uint32_t number;
    uint64_t bits;
} feature_rows[] = {
#define ROW(f, n, bits)                                                        \
    {                                                                          \
        offsetof(struct vmx_config, f), MSR_VMX_##n, bits                      \
    }
#define ALLOW(f, n, bit) ROW(f, n, (uint64_t)(bit) << 32)
    ALLOW(virtual_nmis, PIN, PIN_VIRTUAL_NMI),
    ALLOW(virtual_nmis, PRIMARY, PROC_NMI_WINDOW),
    ALLOW(preemption_timer, PIN, PIN_TIMER),
    ALLOW(preemption_timer, EXIT, EXIT_SAVE_TIMER),
    ALLOW(preemption_timer, TRUE_EXIT, EXIT_SAVE_TIMER),
    ROW(preemption_timer, MISC, 7),
    ALLOW(posted_interrupts, PIN, PIN_POSTED),
    ALLOW(tpr_shadow, PRIMARY, PROC_TPR_SHADOW),
    ALLOW(mtf, TRUE_PRIMARY, PROC_MTF),
    ALLOW(msr_bitmaps, PRIMARY, PROC_MSR_BITMAPS),
    ALLOW(secondary_controls, PRIMARY, PROC_SECONDARY),
    ALLOW(apic_accesses, SECONDARY, PROC2_APIC_ACCESSES),
    ALLOW(ept, SECONDARY, PROC2_EPT),
    ROW(ept, EPT_VPID, 0x06734141),
    ALLOW(desc_table_exiting, SECONDARY, PROC2_DESC_TABLE),
    ALLOW(rdtscp, SECONDARY, PROC2_RDTSCP),
    ALLOW(x2apic_mode, SECONDARY, PROC2_X2APIC),
    ALLOW(vpid, SECONDARY, PROC2_VPID),
    ROW(vpid, EPT_VPID, UINT64_C(0x00000f0100000000)),
    ALLOW(wbinvd_exiting, SECONDARY, PROC2_WBINVD),
    ALLOW(unrestricted_guest, SECONDARY, PROC2_UNRESTRICTED),
    ALLOW(apic_registers, SECONDARY, PROC2_APIC_REGISTERS),
    ALLOW(virtual_interrupts, SECONDARY, PROC2_VIRTUAL_INTERRUPTS),
    ALLOW(pause_loop, SECONDARY, PROC2_PAUSE_LOOP),
    ALLOW(rdrand_exiting, SECONDARY, PROC2_RDRAND),
    ALLOW(invpcid, SECONDARY, PROC2_INVPCID),
    ALLOW(vmfunc, SECONDARY, PROC2_VMFUNC),
    ROW(vmfunc, VMFUNC, 1),
    ROW(eptp_switching, VMFUNC, 1),
    ALLOW(shadow_vmcs, SECONDARY, PROC2_SHADOW),
    ALLOW(rdseed_exiting, SECONDARY, PROC2_RDSEED),
    ALLOW(pml, SECONDARY, PROC2_PML),
    ALLOW(ept_violation_ve, SECONDARY, PROC2_VE),
    ALLOW(xsaves, SECONDARY, PROC2_XSAVES),
    ALLOW(mode_based_execute, SECONDARY, PROC2_MBEC),
    ROW(mode_based_execute, EPT_VPID, EPT_CAP_ADVANCED),
    ALLOW(sub_page, SECONDARY, PROC2_SUB_PAGE),
    ALLOW(tsc_scaling, SECONDARY, PROC2_TSC_SCALING),
    ROW(tsc_scaling, VMCS_ENUM, 0x32 ^ 0x2e),
    ALLOW(user_wait, SECONDARY, PROC2_USER_WAIT),
    ALLOW(load_pat, EXIT, EXIT_SAVE_PAT | EXIT_LOAD_PAT),
    ALLOW(load_pat, ENTRY, ENTRY_LOAD_PAT),
    ALLOW(load_efer, EXIT, EXIT_SAVE_EFER | EXIT_LOAD_EFER),
    ALLOW(load_efer, TRUE_ENTRY, ENTRY_LOAD_EFER),
    ALLOW(load_perf_global, EXIT, EXIT_LOAD_PERF_GLOBAL),
    ALLOW(load_perf_global, ENTRY, ENTRY_LOAD_PERF_GLOBAL),
    ROW(ept_execute_only, EPT_VPID, EPT_CAP_EXECUTE_ONLY),
    ROW(ept_5level, EPT_VPID, EPT_CAP_5LEVEL),
    ROW(ept_2m, EPT_VPID, EPT_CAP_2M),
    ROW(ept_1g, EPT_VPID, EPT_CAP_1G),
    ROW(ept_accessed_dirty, EPT_VPID, EPT_CAP_AD),
    ROW(activity_hlt, MISC, 1 << 6),
    ROW(activity_shutdown, MISC, 1 << 7),
    ROW(activity_wait_sipi, MISC, 1 << 8),
    ROW(vmwrite_any, MISC, 1 << 29),
    ROW(inject_length_0, MISC, 1 << 30),
    ROW(ins_outs_info, BASIC, UINT64_C(1) << 54),
    ROW(save_lma, MISC, 1 << 5),
    ROW(true_controls, BASIC, UINT64_C(1) << 55),
    ALLOW(extensions, PRIMARY, PROC_TERTIARY),
    ROW(extensions, EPT_VPID,
        EPT_CAP_INVEPT_0 | EPT_CAP_INVEPT_3 | EPT_CAP_INVEPT_4),
#undef ALLOW
#undef ROW
};

static void set(struct cpu_config *c, size_t feature, bool on)
{
    memcpy((char *)&c->vtx + feature, &on, sizeof on);
}

START_TEST(each_feature_is_its_bits)
{
    for (unsigned i = 0; i < sizeof feature_rows / sizeof feature_rows[0];
         i++) {
        struct cpu_config c = defaults();
        set(&c, feature_rows[i].feature, true);
        uint64_t with = msr_of(&c, feature_rows[i].number), without = 0;
        set(&c, feature_rows[i].feature, false);
        if (there(&c, feature_rows[i].number))
            without = msr_of(&c, feature_rows[i].number);
        ck_assert_msg((with ^ without) == feature_rows[i].bits,
                      "row %u: %llx and %llx", i, (unsigned long long)with,
                      (unsigned long long)without);
    }
}
END_TEST

/* MSRs that come with a feature. */
START_TEST(absent_registers)
{
    struct cpu_config c = defaults();
    c.vtx.true_controls = false;
    for (uint32_t n = MSR_VMX_TRUE_PIN; n <= MSR_VMX_TRUE_ENTRY; n++)
        ck_assert(!there(&c, n));
    c.vtx.vmfunc = false;
    ck_assert(!there(&c, MSR_VMX_VMFUNC));
    c.vtx.ept = c.vtx.vpid = false;
    ck_assert(!there(&c, MSR_VMX_EPT_VPID));
    c.vtx.extensions = true;
    ck_assert_uint_eq(msr_of(&c, MSR_VMX_TERTIARY), PROC3_VMM_TIMER);
    ck_assert_uint_eq(msr_of(&c, MSR_VMX_VMCS_ENUM), 0x340);
    c.vtx.secondary_controls = false;
    ck_assert(!there(&c, MSR_VMX_SECONDARY));
    c.vmx = false;
    for (uint32_t n = MSR_VMX_BASIC; n <= MSR_VMX_TERTIARY; n++)
        ck_assert(!there(&c, n));
}
END_TEST

START_TEST(numbers_of_the_configuration)
{
    struct cpu_config c = defaults();
    c.vtx.revision = 0x12;
    c.vtx.region_size = 1280;
    c.vtx.timer_shift = 5;
    c.vtx.cr3_targets = 2;
    c.vtx.msr_list_max = 2048;
    ck_assert_uint_eq(msr_of(&c, MSR_VMX_BASIC), UINT64_C(0x00d8050000000012));
    ck_assert_uint_eq(msr_of(&c, MSR_VMX_MISC), 0x660201e5);
}
END_TEST

START_TEST(ept_pointers)
{
    struct cpu_config c = defaults();
    struct vmx_caps k;
    vmx_caps_init(&k, &c, 46);
    static const struct {
        uint64_t eptp;
        bool valid;
    } rows[] = {
        {0x1000 | 3 << 3 | 6, true},
        {0x1000 | 3 << 3 | 0, true},
        {0x1000 | 3 << 3 | 6 | 1 << 6, true},
        {0x1000 | 3 << 3 | 1, false},
        {0x1000 | 3 << 3 | 4, false},
        {0x1000 | 3 << 3 | 5, false},
        {0x1000 | 3 << 3 | 7, false},
        {0x1000 | 2 << 3 | 6, false},
        {0x1000 | 4 << 3 | 6, false},
        {0x1000 | 7 << 3 | 6, false},
        {0x1000 | 3 << 3 | 6 | 1 << 7, false},
        {0x1000 | 3 << 3 | 6 | 1 << 11, false},
        {UINT64_C(1) << 45 | 3 << 3 | 6, true},
        {UINT64_C(1) << 46 | 3 << 3 | 6, false},
        {UINT64_C(1) << 63 | 3 << 3 | 6, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(vmx_eptp_valid(&k, 46, rows[i].eptp) == rows[i].valid,
                      "row %u", i);
    c.vtx.ept_5level = true;
    c.vtx.ept_accessed_dirty = false;
    vmx_caps_init(&k, &c, 46);
    ck_assert(vmx_eptp_valid(&k, 46, 0x1000 | 4 << 3 | 6));
    ck_assert(!vmx_eptp_valid(&k, 46, 0x1000 | 3 << 3 | 6 | 1 << 6));
}
END_TEST

/* ------------------------------------------------- as software sees them */

static struct rig R;

static void unlocked(struct rig *r)
{
    r->config.core.vtx.feature_control = 0;
}

START_TEST(registers_are_read_only)
{
    rig_create(&R, NULL);
    rig_long(&R, 0);
    for (uint32_t n = MSR_VMX_BASIC; n < MSR_VMX_TERTIARY; n++) {
        uint64_t v;
        ck_assert(msr_read(R.c, n, &v));
        ck_assert_uint_eq(v, msr_of(&R.config.core, n));
        ck_assert(!msr_write(R.c, n, v));
    }
    uint64_t v;
    ck_assert(!msr_read(R.c, MSR_VMX_TERTIARY, &v));
    rig_destroy(&R);
}
END_TEST

/* IA32_FEATURE_CONTROL: what firmware leaves, and the lock. */
START_TEST(feature_control)
{
    uint64_t v;
    rig_create(&R, NULL);
    rig_real(&R);
    ck_assert(msr_read(R.c, 0x3a, &v));
    ck_assert_uint_eq(v, 5);
    ck_assert(!msr_write(R.c, 0x3a, 5));
    rig_destroy(&R);
    rig_create(&R, unlocked);
    rig_real(&R);
    ck_assert(msr_read(R.c, 0x3a, &v));
    ck_assert_uint_eq(v, 0);
    ck_assert(!msr_write(R.c, 0x3a, 2)); /* no SMX */
    ck_assert(!msr_write(R.c, 0x3a, 8));
    ck_assert(msr_write(R.c, 0x3a, 4));
    ck_assert(msr_write(R.c, 0x3a, 5));
    ck_assert(!msr_write(R.c, 0x3a, 5));
    ck_assert(msr_read(R.c, 0x3a, &v));
    ck_assert_uint_eq(v, 5);
    rig_destroy(&R);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmx_caps");
    TCase *t = tcase_create("all");
    tcase_add_test(t, as_a_skylake_server_reports);
    tcase_add_test(t, cr4_follows_the_features);
    tcase_add_test(t, each_feature_is_its_bits);
    tcase_add_test(t, absent_registers);
    tcase_add_test(t, numbers_of_the_configuration);
    tcase_add_test(t, ept_pointers);
    tcase_add_test(t, registers_are_read_only);
    tcase_add_test(t, feature_control);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
