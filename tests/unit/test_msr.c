/* SPDX-License-Identifier: Apache-2.0
 * Model-specific registers: every row's reserved bits, the vendor's and the
 * configuration's absences, and the registers that act. SDM Vol.4
 * "Architectural MSRs".
 */
#include "cpu/cpuid.h"
#include "tests/unit/sys_rig.h"

static struct rig R;

static void set_up(void)
{
    rig_create(&R, NULL);
    rig_long(&R, 0);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

static uint64_t get(uint32_t n)
{
    uint64_t v = 0;
    ck_assert_msg(msr_read(R.c, n, &v), "MSR %x", n);
    return v;
}

static void put(uint32_t n, uint64_t v)
{
    ck_assert_msg(msr_write(R.c, n, v), "MSR %x", n);
}

static void refuses(uint32_t n, uint64_t v)
{
    uint64_t before = 0, after = 0;
    bool readable = msr_read(R.c, n, &before);
    ck_assert_msg(!msr_write(R.c, n, v), "MSR %x took %llx", n,
                  (unsigned long long)v);
    ck_assert(msr_read(R.c, n, &after) == readable);
    if (n != 0x10)
        ck_assert_uint_eq(before, after);
}

enum { EFER = 0xc0000080, STAR, LSTAR, CSTAR, FMASK };
enum { FS_BASE = 0xc0000100, GS_BASE, KERNEL_GS_BASE, TSC_AUX };

START_TEST(registers_hold_what_is_written)
{
    static const struct {
        uint32_t n;
        uint64_t v;
    } rows[] = {
        {STAR, UINT64_C(0x0123456789abcdef)},
        {LSTAR, UINT64_C(0xffff800012345678)},
        {CSTAR, UINT64_C(0x00007fffffffffff)},
        {FMASK, 0xffffffff},
        {FS_BASE, UINT64_C(0xffff800012345678)},
        {GS_BASE, 0x1234},
        {KERNEL_GS_BASE, UINT64_C(0xffffffffffffffff)},
        {TSC_AUX, 0xffffffff},
        {0x174, 0xffffffff},
        {0x175, UINT64_C(0xffff800000000000)},
        {0x176, 0x1000},
        {0x277, UINT64_C(0x0706050401000006)},
        {0x2ff, 0xc06},
        {0x250, UINT64_C(0x0601040506000606)},
        {0x268, UINT64_C(0x0606060606060606)},
        {0x26f, UINT64_C(0x0505050505050505)},
        {0x200, 0x80000006},
        {0x201, UINT64_C(0xfffff800)},
        {0x213, 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(rows[i].n, rows[i].v);
        ck_assert_uint_eq(get(rows[i].n), rows[i].v);
    }
}
END_TEST

START_TEST(reserved_bits_are_refused)
{
    const uint64_t wide = UINT64_C(1) << R.config.mmu.maxphyaddr;
    const struct {
        uint32_t n;
        uint64_t v;
    } rows[] = {
        {EFER, 2},
        {EFER, UINT64_C(1) << 40},
        {LSTAR, UINT64_C(1) << 47},
        {CSTAR, UINT64_C(0x8000000000000000)},
        {FMASK, UINT64_C(1) << 32},
        {FS_BASE, UINT64_C(1) << 47},
        {GS_BASE, UINT64_C(1) << 63},
        {KERNEL_GS_BASE, UINT64_C(1) << 50},
        {TSC_AUX, UINT64_C(1) << 32},
        {0x174, UINT64_C(1) << 32},
        {0x175, UINT64_C(1) << 47},
        {0x277, 2}, /* memory types 2 and 3 do not exist */
        {0x277, UINT64_C(3) << 56},
        {0x277, 8},
        {0x2ff, 2},
        {0x2ff, 0x1000},
        {0x250, 7}, /* UC- is PAT's alone */
        {0x259, UINT64_C(2) << 8},
        {0x200, 0x106},
        {0x200, 3},
        {0x200, wide | 6},
        {0x201, 0x400},
        {0x201, wide},
        {0x1a0, 1 << 1}, /* MISC_ENABLE: reserved */
        {0x1a0, UINT64_C(1) << 33},
        {0x1d9, 1},      /* LBR: this part has no records */
        {0x1d9, 1 << 6}, /* TR is not modelled */
        {0x17a, 4},
        {0x3a, 5}, /* locked */
    };
    R.c->msr.feature_control = 1;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuses(rows[i].n, rows[i].v);
}
END_TEST

/* What is there and has an effect, has no effect here, or is read-only. */
START_TEST(misc_enable_switches_features)
{
    uint32_t out[4];
    uint64_t was = get(0x1a0);
    put(0x1a0, UINT64_C(0x400c50809));
    ck_assert_uint_eq(get(0x1a0) & ~UINT64_C(0x1880), UINT64_C(0x400c50009));
    cpuid_leaf(R.c, 0, 0, out);
    ck_assert_uint_eq(out[0], 2);
    cpuid_leaf(R.c, UINT32_C(0x80000001), 0, out);
    ck_assert_uint_eq(out[3] >> 20 & 1, 0);
    R.c->efer &= ~(uint64_t)EFER_NXE;
    refuses(EFER, R.c->efer | EFER_NXE);
    put(0x1a0, was);
    ck_assert_uint_eq(get(0x1a0), was);
    put(EFER, R.c->efer | EFER_NXE);
    cpuid_leaf(R.c, 0, 0, out);
    ck_assert_uint_gt(out[0], 2);
    cpuid_leaf(R.c, UINT32_C(0x80000001), 0, out);
    ck_assert_uint_eq(out[3] >> 20 & 1, 1);
}
END_TEST

START_TEST(read_only_registers)
{
    static const uint32_t n[] = {0x17, 0xce, 0xfe, 0x179, 0x198};
    for (unsigned i = 0; i < sizeof n / sizeof n[0]; i++)
        refuses(n[i], get(n[i]));
    ck_assert_uint_eq(get(0xfe), 0x50a);
    ck_assert_uint_eq(get(0xce) >> 8 & 0xff, R.config.core.tsc_hz / 100000000);
}
END_TEST

START_TEST(unknown_registers_are_gp)
{
    static const uint32_t n[] = {0x48,       0x49,       0x492,     0x10a,
                                 0x214,      0x251,      0x260,     0x770,
                                 0x40000000, 0xc0000085, 0xc0000104};
    uint64_t v;
    for (unsigned i = 0; i < sizeof n / sizeof n[0]; i++) {
        ck_assert(!msr_read(R.c, n[i], &v));
        ck_assert(!msr_write(R.c, n[i], 0));
    }
    R.c->gpr[REG_RCX] = 0x492;
    rig_faults(&R, "0f 32", EXC_GP, 0);
    rig_long(&R, 0);
    R.c->gpr[REG_RCX] = LSTAR;
    R.c->gpr[REG_RAX] = 0;
    R.c->gpr[REG_RDX] = 0x8000;
    rig_faults(&R, "0f 30", EXC_GP, 0);
}
END_TEST

START_TEST(rdmsr_and_wrmsr_split_edx_eax)
{
    R.c->gpr[REG_RCX] = UINT64_C(0xdead0000c0000081); /* upper half unused */
    R.c->gpr[REG_RAX] = UINT64_C(0xffffffff11112222);
    R.c->gpr[REG_RDX] = 0x33334444;
    rig_runs(&R, "0f 30 31 c0 31 d2 0f 32 f4");
    ck_assert_uint_eq(R.c->msr.star, UINT64_C(0x3333444411112222));
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0x11112222);
    ck_assert_uint_eq(R.c->gpr[REG_RDX], 0x33334444);
}
END_TEST

/* LME cannot change while paging; LMA cannot be written. */
START_TEST(efer_rules)
{
    refuses(EFER, 0);
    put(EFER, EFER_LME | EFER_NXE);
    ck_assert_uint_eq(get(EFER), EFER_LME | EFER_LMA | EFER_NXE);
    rig_protected(&R, 0);
    put(EFER, EFER_LME | EFER_LMA);
    ck_assert_uint_eq(get(EFER), EFER_LME);
}
END_TEST

/* TSC = function of local time; writing it moves TSC_ADJUST as much. */
START_TEST(tsc_and_tsc_adjust_move_together)
{
    uint64_t t = get(0x10);
    put(0x10, t + 1000);
    ck_assert_uint_eq(get(0x10), t + 1000);
    ck_assert_uint_eq(get(0x3b), 1000);
    put(0x3b, 400);
    ck_assert_uint_eq(get(0x10), t + 400);
    put(0x10, 5);
    ck_assert_uint_eq(get(0x10), 5);
    ck_assert_uint_eq(get(0x3b), 5 - t);
}
END_TEST

static void slow_tsc(struct rig *r)
{
    r->config.core.core_hz = UINT64_C(3000000000);
    r->config.core.tsc_hz = UINT64_C(2000000000);
}

START_TEST(tsc_keeps_its_ratio_to_the_core_clock)
{
    rig_destroy(&R);
    rig_create(&R, slow_tsc);
    uint64_t t = get(0x10);
    cycles_charge(&R.c->account, LEAF_IDLE, 3000000);
    ck_assert_uint_eq(get(0x10) - t, 2000000);
    /* rdtsc twice with nothing between: the difference is RDTSC's cost. */
    rig_long(&R, 0);
    rig_runs(&R, "0f 31 89 c3 0f 31 29 d8 f4");
    ck_assert_uint_gt(R.c->gpr[REG_RAX], 0);
    ck_assert_uint_lt(R.c->gpr[REG_RAX], 2000);
}
END_TEST

START_TEST(rdtscp_gives_the_aux_value)
{
    put(TSC_AUX, 0x12345);
    rig_runs(&R, "0f 01 f9 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x12345);
}
END_TEST

static void plain(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->vendor = VENDOR_AMD;
    k->rdtscp = k->rdpid = k->x2apic = k->tsc_deadline = false;
}

START_TEST(absent_features_take_their_registers_along)
{
    static const uint32_t n[] = {TSC_AUX, 0x6e0, 0x3a, 0xce, 0x17, 0x802};
    uint64_t v;
    rig_destroy(&R);
    rig_create(&R, plain);
    for (unsigned i = 0; i < sizeof n / sizeof n[0]; i++)
        ck_assert_msg(!msr_read(R.c, n[i], &v), "MSR %x", n[i]);
    refuses(0x1b, UINT64_C(0xfee00d00));
}
END_TEST

/* SDM Vol.3 "x2APIC State Transitions". */
START_TEST(apic_base_transitions)
{
    const uint64_t base = UINT64_C(0xfee00100);
    ck_assert_uint_eq(get(0x1b), base | 0x800);
    refuses(0x1b, base | 0x400); /* EXTD without EN */
    refuses(0x1b, base | 0x801);
    refuses(0x1b, base | 0x800 | UINT64_C(1) << R.config.mmu.maxphyaddr);
    put(0x1b, base | 0xc00);
    refuses(0x1b, base | 0x800); /* x2APIC to xAPIC */
    put(0x1b, base);             /* to disabled */
    refuses(0x1b, base | 0xc00); /* disabled to x2APIC */
    put(0x1b, base | 0x800);
    put(0x1b, UINT64_C(0xfee00800)); /* BSP is read-only */
    ck_assert_uint_eq(get(0x1b), base | 0x800);
    put(0x1b, UINT64_C(0xfee01800)); /* another place */
    ck_assert_uint_eq(get(0x1b), UINT64_C(0xfee01900));
}
END_TEST

START_TEST(cpuid_loads_the_microcode_revision)
{
    put(0x8b, 0);
    R.c->gpr[REG_RAX] = 1;
    rig_runs(&R, "0f a2 f4");
    ck_assert_uint_eq(get(0x8b), UINT64_C(1) << 32);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        registers_hold_what_is_written,
        reserved_bits_are_refused,
        misc_enable_switches_features,
        read_only_registers,
        unknown_registers_are_gp,
        rdmsr_and_wrmsr_split_edx_eax,
        efer_rules,
        tsc_and_tsc_adjust_move_together,
        tsc_keeps_its_ratio_to_the_core_clock,
        rdtscp_gives_the_aux_value,
        absent_features_take_their_registers_along,
        apic_base_transitions,
        cpuid_loads_the_microcode_revision,
    };
    Suite *s = suite_create("msr");
    TCase *t = tcase_create("msr");
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
