/* SPDX-License-Identifier: Apache-2.0
 * Performance counters: what they count, at which privilege, when they
 * overflow, and what their registers accept. SDM Vol.3 "Performance
 * Monitoring".
 */
#include "cpu/pmc.h"
#include "cpu/xlat.h"
#include "tests/unit/sys_rig.h"

enum {
    PMC0 = 0xc1,
    SELECT0 = 0x186,
    FIXED0 = 0x309,
    CAPABILITIES = 0x345,
    FIXED_CTRL = 0x38d,
    STATUS = 0x38e,
    GLOBAL = 0x38f,
    OVF_CTRL = 0x390,
    STATUS_SET = 0x391,
    IN_USE = 0x392,
    A_PMC0 = 0x4c1,
    EN_OS = 0x420000,
    EN_USR = 0x410000,
    EN_BOTH = 0x430000,
    WITH_INT = 0x100000,
    INSTRUCTIONS = 0xc0,
    CYCLES = 0x3c,
    BRANCHES = 0xc4,
};
#define AMD_CTL0   UINT32_C(0xc0010200)
#define WIDTH_MASK ((UINT64_C(1) << 48) - 1)

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

static void put(uint32_t n, uint64_t v)
{
    ck_assert_msg(msr_write(R.c, n, v), "WRMSR %x = %llx", n,
                  (unsigned long long)v);
}

static uint64_t get(uint32_t n)
{
    uint64_t v = 0;
    ck_assert_msg(msr_read(R.c, n, &v), "RDMSR %x", n);
    return v;
}

static void again(unsigned cpl)
{
    rig_long(&R, cpl);
}

/* Eleven NOPs, then HLT. */
#define ELEVEN "90 90 90 90 90 90 90 90 90 90 90 f4"

START_TEST(instructions_and_cycles_are_exact)
{
    put(SELECT0, EN_BOTH | INSTRUCTIONS);
    put(SELECT0 + 1, EN_BOTH | CYCLES);
    put(FIXED_CTRL, 0x333);
    put(GLOBAL, 0x7000000ff);
    uint64_t cycles = R.c->account.cycles;
    rig_runs(&R, ELEVEN);
    cycles = R.c->account.cycles - cycles;
    ck_assert_uint_eq(get(PMC0), 12);
    ck_assert_uint_eq(get(FIXED0), 12);
    ck_assert_uint_eq(get(PMC0 + 1), cycles);
    ck_assert_uint_eq(get(FIXED0 + 1), cycles);
    /* The TSC of the rig runs with the core. */
    ck_assert_uint_eq(get(FIXED0 + 2), cycles);
    /* Time halted is none. */
    cpu_idle_until(R.c, R.c->account.cycles + 1000);
    ck_assert_uint_eq(get(PMC0 + 1), cycles);
}
END_TEST

/* mov ecx, 0; rdpmc; mov esi, eax; 5 NOPs; rdpmc; sub eax, esi; hlt */
#define RDPMC_PAIR "b9 00 00 00 00 0f 33 89 c6 90 90 90 90 90 0f 33 29 f0 f4"

START_TEST(rdpmc_counts_what_lies_between)
{
    put(SELECT0, EN_BOTH | INSTRUCTIONS);
    rig_runs(&R, RDPMC_PAIR);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 7);
    ck_assert_uint_eq(R.c->gpr[REG_RDX], 0);
    /* With TF set every block has one instruction: nothing changes. */
    again(0);
    R.c->single = true;
    cpu_update_mode(R.c);
    rig_runs(&R, RDPMC_PAIR);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 7);
}
END_TEST

START_TEST(rdpmc_has_its_conditions)
{
    R.c->gpr[REG_RCX] = 8;
    rig_faults(&R, "0f 33 f4", EXC_GP, 0);
    again(0);
    R.c->gpr[REG_RCX] = 0x40000003;
    rig_faults(&R, "0f 33 f4", EXC_GP, 0);
    again(3);
    R.c->gpr[REG_RCX] = 0;
    rig_faults(&R, "0f 33 f4", EXC_GP, 0);
    again(3);
    R.c->cr4 |= 1 << 8; /* PCE */
    cpu_update_mode(R.c);
    rig_faults(&R, "0f 33 f4", EXC_GP, 0); /* HLT, not RDPMC */
    ck_assert_uint_eq(rig_frame(&R, 0, true), RIG_CODE + 2);
    again(0);
    R.c->gpr[REG_RCX] = 0x40000001;
    rig_runs(&R, "0f 33 f4");
}
END_TEST

/* From CPL 3 by INT 80h to HLT. */
START_TEST(levels_are_told_apart)
{
    put(SELECT0, EN_USR | INSTRUCTIONS);
    put(SELECT0 + 1, EN_OS | INSTRUCTIONS);
    put(SELECT0 + 2, EN_BOTH | INSTRUCTIONS);
    put(FIXED_CTRL, 0x12);
    put(GLOBAL, 0x7000000ff);
    again(3);
    ck_assert_int_eq(rig_go(&R, "90 90 90 cd 80"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), 0x80);
    ck_assert_uint_eq(get(PMC0), 4);
    ck_assert_uint_eq(get(PMC0 + 1), 1);
    ck_assert_uint_eq(get(PMC0 + 2), 5);
    ck_assert_uint_eq(get(FIXED0), 4);
    ck_assert_uint_gt(get(FIXED0 + 1), 0);
}
END_TEST

START_TEST(controls_stop_and_start)
{
    put(SELECT0, EN_BOTH | INSTRUCTIONS);
    put(GLOBAL, 0);
    rig_runs(&R, ELEVEN);
    ck_assert_uint_eq(get(PMC0), 0);
    put(GLOBAL, 1);
    again(0);
    rig_runs(&R, ELEVEN);
    ck_assert_uint_eq(get(PMC0), 12);
    put(SELECT0, INSTRUCTIONS | 0x30000);
    again(0);
    rig_runs(&R, ELEVEN);
    ck_assert_uint_eq(get(PMC0), 12);
}
END_TEST

/* --- overflow --- */

static void lvt(uint32_t v)
{
    struct mmio_port p = cpu_apic_port(R.c);
    ck_assert(p.write(p.self, 0xf0, 4, 0x1ff));
    ck_assert(p.write(p.self, 0x340, 4, v));
}

/* NOPs to run over, HLT at the end. */
static void long_code(unsigned nops)
{
    for (unsigned i = 0; i < nops; i++)
        rig_put(&R, RIG_CODE + i, 0x90, 1);
    rig_put(&R, RIG_CODE + nops, 0xf4, 1);
}

/* 100 instructions after the start the counter is 0 and the interrupt comes:
 * at exactly that boundary. */
static void overflows_at_hundred(uint32_t entry, int vector)
{
    lvt(entry);
    put(SELECT0, EN_BOTH | WITH_INT | INSTRUCTIONS);
    put(A_PMC0, WIDTH_MASK + 1 - 100);
    R.c->eflags |= FLAG_IF;
    long_code(300);
    ck_assert_int_eq(rig_go(&R, NULL), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), vector);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 100);
    ck_assert_uint_eq(get(STATUS), 1);
}

START_TEST(overflow_interrupts_at_the_exact_boundary)
{
    overflows_at_hundred(0x55, 0x55);
    /* Delivery masked the entry. */
    struct mmio_port p = cpu_apic_port(R.c);
    uint64_t v = 0;
    ck_assert(p.read(p.self, 0x340, 4, &v));
    ck_assert_uint_eq(v, 0x10055);
    put(OVF_CTRL, 1);
    ck_assert_uint_eq(get(STATUS), 0);
}
END_TEST

START_TEST(overflow_may_be_an_nmi)
{
    overflows_at_hundred(0x400, EXC_NMI);
}
END_TEST

START_TEST(cycles_overflow_no_earlier_than_they_must)
{
    lvt(0x55);
    put(FIXED_CTRL, 0xb0);
    put(FIXED0 + 1, WIDTH_MASK + 1 - 5000);
    put(GLOBAL, UINT64_C(1) << 33);
    R.c->eflags |= FLAG_IF;
    uint64_t start = R.c->account.cycles;
    /* 1: dec eax; jmp 1 */
    ck_assert_int_eq(rig_go(&R, "ff c8 eb fc"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), 0x55);
    uint64_t taken = R.c->account.cycles - start;
    ck_assert_uint_ge(taken, 5000);
    ck_assert_uint_lt(taken, 5000 + 3000); /* and the handler's misses */
    ck_assert_uint_eq(get(STATUS), UINT64_C(1) << 33);
}
END_TEST

START_TEST(overflow_without_interrupt_shows_in_the_status)
{
    put(SELECT0, EN_BOTH | INSTRUCTIONS);
    put(A_PMC0, WIDTH_MASK - 4);
    rig_runs(&R, ELEVEN);
    ck_assert_uint_eq(get(STATUS), 1);
    ck_assert_uint_eq(get(PMC0), 7);
    put(STATUS_SET, 2);
    ck_assert_uint_eq(get(STATUS), 3);
    put(OVF_CTRL, 3);
    ck_assert_uint_eq(get(STATUS), 0);
}
END_TEST

/* --- events --- */

START_TEST(branches_and_misses_are_counted)
{
    put(SELECT0, EN_BOTH | BRANCHES);
    put(SELECT0 + 1, EN_BOTH | BRANCHES | 0x2000); /* near taken */
    put(SELECT0 + 2, EN_BOTH | 0x2e | 0x4f00);     /* LLC references */
    put(SELECT0 + 3, EN_BOTH | 0x2e | 0x4100);     /* LLC misses */
    put(SELECT0 + 4, EN_BOTH | 0x08 | 0x0e00);     /* load walks completed */
    put(SELECT0 + 5, EN_BOTH | 0x49 | 0x0400);     /* store walks, 2 MiB */
    put(SELECT0 + 6, EN_BOTH | 0x85 | 0x0e00);     /* fetch walks */
    put(SELECT0 + 7, EN_BOTH | 0xd0 | 0x8100);     /* loads */
    put(0x2ff, 0x806); /* MTRRs on, write-back by default */
    /* mov ecx, 10; 1: dec ecx; jnz 1; then a load, a store elsewhere */
    R.c->gpr[REG_RSI] = 0x400000;
    R.c->gpr[REG_RDI] = 0x600000;
    rig_runs(&R, "b9 0a 00 00 00 ff c9 75 fc 8b 06 89 07 f4");
    ck_assert_uint_eq(get(PMC0), 10);
    ck_assert_uint_eq(get(PMC0 + 1), 9);
    ck_assert_uint_ge(get(PMC0 + 3), 3); /* code, load, store */
    ck_assert_uint_ge(get(PMC0 + 2), get(PMC0 + 3));
    ck_assert_uint_eq(get(PMC0 + 4), 1);
    ck_assert_uint_eq(get(PMC0 + 5), 1);
    ck_assert_uint_eq(get(PMC0 + 6), 1);
    ck_assert_uint_eq(get(PMC0 + 7), 1);
}
END_TEST

START_TEST(events_that_are_not_modelled_stop_the_machine)
{
    put(SELECT0, 0xc5); /* not enabled: nothing is asked for */
    R.c->gpr[REG_RCX] = SELECT0;
    R.c->gpr[REG_RAX] = EN_BOTH | 0xc5;
    R.c->gpr[REG_RDX] = 0;
    ck_assert_int_eq(rig_go(&R, "0f 30 f4"), CPU_STOP_UNMODELLED);
    ck_assert_ptr_nonnull(strstr(cpu_stop_reason(R.c), "performance event"));
}
END_TEST

/* --- registers --- */

START_TEST(registers_have_reserved_bits)
{
    ck_assert(!msr_write(R.c, SELECT0, UINT64_C(1) << 32));
    ck_assert(!msr_write(R.c, GLOBAL, 0x100));
    ck_assert(!msr_write(R.c, GLOBAL, UINT64_C(8) << 32));
    ck_assert(!msr_write(R.c, FIXED_CTRL, 0x1000));
    ck_assert(!msr_write(R.c, STATUS, 0));
    ck_assert(!msr_write(R.c, IN_USE, 0));
    ck_assert(!msr_write(R.c, CAPABILITIES, 0));
    ck_assert(!msr_write(R.c, A_PMC0, WIDTH_MASK + 1));
    ck_assert(!msr_write(R.c, FIXED0, WIDTH_MASK + 1));
    uint64_t v;
    ck_assert(!msr_read(R.c, PMC0 + 8, &v));
    ck_assert(!msr_read(R.c, FIXED0 + 3, &v));
    put(A_PMC0, WIDTH_MASK);
    ck_assert_uint_eq(get(PMC0), WIDTH_MASK);
    put(PMC0, 0x80000000);
    ck_assert_uint_eq(get(PMC0), WIDTH_MASK & ~UINT64_C(0x7fffffff));
    put(PMC0, UINT64_C(0x123456789)); /* the upper half is not looked at */
    ck_assert_uint_eq(get(PMC0), 0x23456789);
    ck_assert_uint_eq(get(CAPABILITIES), 1 << 13);
    put(SELECT0 + 2, 0x10003c);
    put(FIXED_CTRL, 0x30);
    ck_assert_uint_eq(get(IN_USE), UINT64_C(0x8000000200000004));
}
END_TEST

START_TEST(reset_enables_the_general_counters)
{
    ck_assert_uint_eq(get(GLOBAL), 0xff);
    put(SELECT0, EN_BOTH | INSTRUCTIONS);
    put(A_PMC0, 5);
    cpu_reset(R.c);
    ck_assert_uint_eq(get(SELECT0), 0);
    ck_assert_uint_eq(get(PMC0), 0);
    ck_assert_uint_eq(get(GLOBAL), 0xff);
}
END_TEST

START_TEST(cpuid_describes_the_counters)
{
    uint32_t v[4] = {0};
    pmc_cpuid(R.c, v);
    ck_assert_uint_eq(v[0], 0x07300804);
    ck_assert_uint_eq(v[1] & ~0x18u, 1 << 6);
    ck_assert_uint_eq(v[2], 0);
    ck_assert_uint_eq(v[3], 0x603);
}
END_TEST

static void none(struct rig *r)
{
    r->config.core.pmc_version = 0;
}

START_TEST(version_zero_has_no_counters)
{
    rig_destroy(&R);
    rig_create(&R, none);
    rig_long(&R, 0);
    uint64_t v;
    ck_assert(!msr_read(R.c, PMC0, &v));
    ck_assert(!msr_read(R.c, GLOBAL, &v));
    ck_assert(!cpu_has(R.c, FEATURE_PDCM));
    R.c->gpr[REG_RCX] = 0;
    rig_faults(&R, "0f 33 f4", EXC_GP, 0);
}
END_TEST

static void amd(struct rig *r)
{
    r->config.core.vendor = VENDOR_AMD;
    r->config.core.family = 25;
    r->config.core.pmc_version = 0;
    r->config.core.pmc_counters = 6;
}

START_TEST(amd_counters)
{
    rig_destroy(&R);
    rig_create(&R, amd);
    rig_long(&R, 0);
    put(AMD_CTL0, EN_BOTH | 0xc0);
    put(AMD_CTL0 + 10, EN_BOTH | 0x76);
    uint64_t cycles = R.c->account.cycles;
    rig_runs(&R, ELEVEN);
    cycles = R.c->account.cycles - cycles;
    ck_assert_uint_eq(get(AMD_CTL0 + 1), 12);
    ck_assert_uint_eq(get(AMD_CTL0 + 11), cycles);
    /* The first four have their older numbers too. */
    ck_assert_uint_eq(get(UINT32_C(0xc0010004)), 12);
    ck_assert_uint_eq(get(UINT32_C(0xc0010000)), EN_BOTH | 0xc0);
    uint64_t v;
    ck_assert(!msr_read(R.c, AMD_CTL0 + 12, &v));
    ck_assert(!msr_read(R.c, UINT32_C(0xc0010008), &v));
    ck_assert(!msr_read(R.c, SELECT0, &v));
    ck_assert(cpu_has(R.c, FEATURE_PERFCTR_CORE));
    R.c->gpr[REG_RCX] = 5;
    again(0);
    R.c->gpr[REG_RCX] = 5;
    rig_runs(&R, "0f 33 f4");
    ck_assert_uint_ge(R.c->gpr[REG_RAX], cycles);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pmc");
    TCase *t = tcase_create("counters");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, instructions_and_cycles_are_exact);
    tcase_add_test(t, rdpmc_counts_what_lies_between);
    tcase_add_test(t, rdpmc_has_its_conditions);
    tcase_add_test(t, levels_are_told_apart);
    tcase_add_test(t, controls_stop_and_start);
    tcase_add_test(t, overflow_interrupts_at_the_exact_boundary);
    tcase_add_test(t, overflow_may_be_an_nmi);
    tcase_add_test(t, cycles_overflow_no_earlier_than_they_must);
    tcase_add_test(t, overflow_without_interrupt_shows_in_the_status);
    tcase_add_test(t, branches_and_misses_are_counted);
    tcase_add_test(t, events_that_are_not_modelled_stop_the_machine);
    tcase_add_test(t, registers_have_reserved_bits);
    tcase_add_test(t, reset_enables_the_general_counters);
    tcase_add_test(t, cpuid_describes_the_counters);
    tcase_add_test(t, version_zero_has_no_counters);
    tcase_add_test(t, amd_counters);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
