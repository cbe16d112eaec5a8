/* SPDX-License-Identifier: Apache-2.0
 * I/O, MSRs, time and task switches in VMX non-root operation: bitmaps, exits
 * and their qualifications. SDM Vol.3 "Instructions That Cause VM Exits
 * Conditionally", "Changes to Instruction Behavior in VMX Non-Root Operation",
 * "Exit Qualification".
 */
#include "cpu/reset.h"
#include "tests/unit/vmx_rig.h"

static struct vmx_rig X;

static void features(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->waitpkg = k->vtx.user_wait = true;
}

static void set_up(void)
{
    vmx_rig_create(&X, features);
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

static uint64_t *gpr(unsigned reg)
{
    return &X.r.c->gpr[reg];
}

static void run(const char *hex)
{
    vmx_rig_run(&X, hex);
}

static void exits(const char *hex, unsigned reason, uint64_t qualification)
{
    vmx_rig_exits(&X, hex, reason, qualification);
}

static void faults(const char *hex, int vector)
{
    vmx_rig_faults(&X, hex, vector);
}

static void completes(const char *hex)
{
    faults(hex, -1);
}

/* -------------------------------------------------------------------- I/O */

#define IN      (1u << 3)
#define STRING  (1u << 4)
#define REP     (1u << 5)
#define IMM     (1u << 6)
#define PORT(n) ((uint64_t)(n) << 16)

START_TEST(test_io_unconditional)
{
    *gpr(REG_RDX) = 0x3f8;
    completes("ee");
    X.v->primary_controls |= PROC_IO;
    exits("e4 80", REASON_IO, PORT(0x80) | IMM | IN);
    exits("66 e5 80", REASON_IO, PORT(0x80) | IMM | IN | 1);
    exits("e7 80", REASON_IO, PORT(0x80) | IMM | 3);
    exits("ec", REASON_IO, PORT(0x3f8) | IN);
    exits("ef", REASON_IO, PORT(0x3f8) | 3);
    ck_assert_uint_eq(X.r.ins, 0);
    ck_assert_uint_eq(X.r.outs, 1);
    /* With bitmaps that control does not matter. */
    X.v->primary_controls |= PROC_IO_BITMAPS;
    completes("ee");
}
END_TEST

/* Guest linear address, address size and segment of string I/O; the exit
 * comes before any check of the segment and once an iteration. */
START_TEST(test_io_string)
{
    X.v->primary_controls |= PROC_IO;
    X.v->guest_gs_base = 0x5000;
    *gpr(REG_RDX) = 0x1234;
    *gpr(REG_RSI) = UINT64_C(0x8000000000000010); /* not canonical */
    *gpr(REG_RDI) = 0x1000000000;
    *gpr(REG_RCX) = 7;
    exits("f3 6c", REASON_IO, PORT(0x1234) | IN | STRING | REP);
    ck_assert_uint_eq(X.after.guest_linear_address, 0x1000000000);
    ck_assert_uint_eq(X.after.exit_instruction_info, 2 << 7);
    exits("6f", REASON_IO, PORT(0x1234) | STRING | 3);
    ck_assert_uint_eq(X.after.guest_linear_address,
                      UINT64_C(0x8000000000000010));
    ck_assert_uint_eq(X.after.exit_instruction_info, 2 << 7 | SEG_DS << 15);
    exits("65 67 66 6f", REASON_IO, PORT(0x1234) | STRING | 1);
    ck_assert_uint_eq(X.after.guest_linear_address, 0x5010);
    ck_assert_uint_eq(X.after.exit_instruction_info, 1 << 7 | SEG_GS << 15);
    *gpr(REG_RCX) = 0; /* no iteration */
    completes("f3 6c");
}
END_TEST

START_TEST(test_io_segments)
{
    vmx_rig_protected(&X, 0);
    X.v->primary_controls |= PROC_IO;
    X.v->guest_es_rights = SEG_ATTR_UNUSABLE;
    X.v->guest_es_base = 0;
    *gpr(REG_RDX) = 0;
    *gpr(REG_RDI) = 0x1234;
    exits("6c", REASON_IO, IN | STRING);
    ck_assert_uint_eq(X.after.guest_linear_address, 0x1234);
    X.v->guest_ds_base = 0x10000;
    *gpr(REG_RSI) = 0xffff0020;
    exits("67 6e", REASON_IO, STRING); /* 16-bit SI */
    ck_assert_uint_eq(X.after.guest_linear_address, 0x10020);
    ck_assert_uint_eq(X.after.exit_instruction_info, SEG_DS << 15);
}
END_TEST

static void io_bit(unsigned port, bool set)
{
    uint64_t at = (port < 0x8000 ? VMX_IO_A : VMX_IO_B) + (port & 0x7fff) / 8;
    rig_put(&X.r, at, set ? 1u << (port & 7) : 0, 1);
}

START_TEST(test_io_bitmaps)
{
    X.v->primary_controls |= PROC_IO_BITMAPS;
    *gpr(REG_RDX) = 0x3f8;
    completes("ef");
    io_bit(0x3fb, true); /* the last byte of four */
    exits("ef", REASON_IO, PORT(0x3f8) | 3);
    completes("66 ef");
    *gpr(REG_RDX) = 0x7ffe; /* from one bitmap into the other */
    completes("ef");
    io_bit(0x8001, true);
    exits("ef", REASON_IO, PORT(0x7ffe) | 3);
    completes("66 ef");
    io_bit(0x8001, false);
    io_bit(0x7fff, true);
    exits("ef", REASON_IO, PORT(0x7ffe) | 3);
    *gpr(REG_RDX) = 0xffff; /* around the end */
    completes("ee");
    exits("66 ef", REASON_IO, PORT(0xffff) | 1);
    io_bit(0xffff, true);
    exits("ee", REASON_IO, PORT(0xffff));
}
END_TEST

/* Permission by IOPL and the TSS comes before the exit. */
START_TEST(test_io_permission_first)
{
    vmx_rig_long(&X, 3);
    X.v->primary_controls |= PROC_IO;
    rig_put(&X.r, RIG_TSS + 0x68 + 0x3f8 / 8, 1, 1);
    *gpr(REG_RDX) = 0x3f8;
    faults("ee", EXC_GP);
    faults("6e", EXC_GP);
    *gpr(REG_RDX) = 0x3f9;
    exits("ee", REASON_IO, PORT(0x3f9));
}
END_TEST

/* ------------------------------------------------------------------- MSRs */

static void msr_bit(uint32_t number, bool write, unsigned set)
{
    uint64_t at = VMX_MSR_BITMAP + (write ? 2048u : 0) +
                  (number >> 31 != 0 ? 1024u : 0) + (number & 0x1fff) / 8;
    rig_put(&X.r, at, set << (number & 7), 1);
}

START_TEST(test_msr_bitmaps)
{
    static const uint32_t number[] = {0x174, 0xc0000081, 0x1fff, 0xc0001fff};
    for (unsigned i = 0; i < 4; i++) {
        bool exists = i < 2;
        *gpr(REG_RCX) = UINT64_C(0x500000000) | number[i];
        *gpr(REG_RAX) = *gpr(REG_RDX) = 0;
        faults("0f 32", exists ? -1 : EXC_GP);
        faults("0f 30", exists ? -1 : EXC_GP);
        msr_bit(number[i], false, 1);
        exits("0f 32", REASON_MSR_READ, 0);
        faults("0f 30", exists ? -1 : EXC_GP);
        msr_bit(number[i], false, 0);
        msr_bit(number[i], true, 1);
        faults("0f 32", exists ? -1 : EXC_GP);
        exits("0f 30", REASON_MSR_WRITE, 0);
        msr_bit(number[i], true, 0);
    }
    static const uint32_t outside[] = {0x2000, 0xbfffffff, 0xc0002000,
                                       0x40000000};
    for (unsigned i = 0; i < 4; i++) {
        *gpr(REG_RCX) = outside[i];
        exits("0f 32", REASON_MSR_READ, 0);
        exits("0f 30", REASON_MSR_WRITE, 0);
    }
    X.v->primary_controls &= ~(uint32_t)PROC_MSR_BITMAPS;
    *gpr(REG_RCX) = number[0];
    exits("0f 32", REASON_MSR_READ, 0);
    exits("0f 30", REASON_MSR_WRITE, 0);
}
END_TEST

/* No microcode update is loaded, and the MSR is not #GP. */
START_TEST(test_msr_update)
{
    *gpr(REG_RCX) = 0x79;
    completes("0f 30");
}
END_TEST

/* ------------------------------------------------------------------- time */

static uint64_t edx_eax(void)
{
    return (uint32_t)*gpr(REG_RAX) | *gpr(REG_RDX) << 32;
}

/* RDTSC, RDTSCP and RDMSR see the guest's time, WRMSR the processor's. */
START_TEST(test_tsc)
{
    static const char *const reads[] = {"0f 31", "0f 01 f9",
                                        "b9 10 00 00 00 0f 32"};
    const uint64_t offset = UINT64_C(1) << 60;
    X.v->secondary_controls |= PROC2_RDTSCP;
    X.r.c->msr.tsc_offset = UINT64_C(1) << 40;
    for (unsigned i = 0; i < 3; i++) {
        X.v->tsc_offset = offset;
        X.v->primary_controls &= ~(uint32_t)PROC_TSC_OFFSET;
        X.v->secondary_controls |= PROC2_TSC_SCALING; /* alone: nothing */
        X.v->tsc_multiplier = UINT64_C(3) << 47;
        completes(reads[i]);
        uint64_t now = cpu_tsc(X.r.c);
        ck_assert_uint_le(now - edx_eax(), 10000);
        X.v->primary_controls |= PROC_TSC_OFFSET;
        X.v->secondary_controls &= ~(uint32_t)PROC2_TSC_SCALING;
        completes(reads[i]);
        now = cpu_tsc(X.r.c);
        ck_assert_uint_le(now + offset - edx_eax(), 10000);
        X.v->secondary_controls |= PROC2_TSC_SCALING;
        completes(reads[i]);
        now = cpu_tsc(X.r.c);
        ck_assert_uint_le(now + now / 2 + offset - edx_eax(), 20000);
    }
    *gpr(REG_RCX) = 0x10;
    *gpr(REG_RAX) = 0;
    *gpr(REG_RDX) = 0x100;
    completes("0f 30");
    ck_assert_uint_le(cpu_tsc(X.r.c) - (UINT64_C(0x100) << 32), 10000);
}
END_TEST

/* The multiplier is 16.48: the product has 128 bits. */
START_TEST(test_tsc_product)
{
    struct vmx *x = X.r.c->vmx;
    x->proc = PROC_TSC_OFFSET;
    x->proc2 = PROC2_TSC_SCALING;
    x->vmcs.tsc_offset = 5;
    x->vmcs.tsc_multiplier = UINT64_C(0xffff) << 48 | UINT64_C(1) << 47;
    ck_assert_uint_eq(vmx_guest_tsc(X.r.c, UINT64_C(1) << 62 | 2),
                      (UINT64_C(7) << 61) + 2 * 0xffff + 1 + 5);
    ck_assert_uint_eq(vmx_physical_delay(X.r.c, 0xffff * 10 + 5), 10);
    x->vmcs.tsc_multiplier = 1;
    ck_assert_uint_eq(vmx_physical_delay(X.r.c, 1), UINT64_C(1) << 48);
    ck_assert_uint_eq(vmx_physical_delay(X.r.c, 1 << 16), UINT64_MAX);
    x->proc = 0;
    ck_assert_uint_eq(vmx_physical_delay(X.r.c, 7), 7);
}
END_TEST

/* TPAUSE waits for the guest's time: 100000 of its ticks are a quarter of
 * that with a multiplier of 4. */
START_TEST(test_tpause)
{
    X.v->secondary_controls |= PROC2_USER_WAIT | PROC2_TSC_SCALING;
    X.v->primary_controls |= PROC_TSC_OFFSET;
    X.v->tsc_offset = UINT64_C(1) << 50;
    X.r.c->msr.umwait_control = 0;
    /* rdtsc; add eax, 100000; adc edx, 0; tpause ebx */
    static const char code[] =
        "31 db 0f 31 05 a0 86 01 00 83 d2 00 66 0f ae f3";
    for (uint64_t times = 1; times <= 4; times += 3) {
        X.v->tsc_multiplier = times << 48;
        uint64_t began = X.r.c->account.cycles;
        completes(code);
        uint64_t took = X.r.c->account.cycles - began;
        ck_assert_uint_ge(took, 100000 / times);
        ck_assert_uint_le(took, 100000 / times + 5000);
    }
}
END_TEST

/* ----------------------------------------------------------- task switches */

enum { OTHER_TSS = 0x80000, SEL_OTHER = SEL_UNACCESSED };

static void other_task(void)
{
    vmx_rig_protected(&X, 0);
    rig_sel(&X.r, SEL_OTHER, rig_descriptor(OTHER_TSS, 0x67, 0x89, 0));
}

/* jmp and call SEL_OTHER:0, and through the IDT by a task gate. */
START_TEST(test_task_switch)
{
    other_task();
    exits("ea 00 00 00 00 b0 00", REASON_TASK_SWITCH,
          SEL_OTHER | UINT64_C(2) << 30);
    exits("9a 00 00 00 00 b0 00", REASON_TASK_SWITCH, SEL_OTHER);
    rig_put(&X.r, RIG_IDT + 8 * 0x80,
            (uint64_t)SEL_OTHER << 16 | UINT64_C(0xe5) << 40, 8);
    exits("cd 80", REASON_TASK_SWITCH, SEL_OTHER | UINT64_C(3) << 30);
    ck_assert_uint_eq(X.after.idt_vectoring, INTR_VALID | 0x480);
    rig_put(&X.r, RIG_IDT + 8 * EXC_UD,
            (uint64_t)SEL_OTHER << 16 | UINT64_C(0x85) << 40, 8);
    run("0f 0b");
    ck_assert_uint_eq(X.after.exit_reason, REASON_TASK_SWITCH);
    ck_assert_uint_eq(X.after.exit_qualification, SEL_OTHER | UINT64_C(3)
                                                                  << 30);
    ck_assert_uint_eq(X.after.exit_instruction_length, 0);
    ck_assert_uint_eq(X.after.idt_vectoring,
                      INTR_VALID | INTR_HARD_EXCEPTION << 8 | EXC_UD);
}
END_TEST

START_TEST(test_task_return)
{
    other_task();
    rig_put(&X.r, RIG_TSS32, SEL_OTHER, 2); /* back link */
    rig_sel(&X.r, SEL_OTHER, rig_descriptor(OTHER_TSS, 0x67, 0x8b, 0));
    X.v->guest_rflags |= FLAG_NT;
    exits("cf", REASON_TASK_SWITCH, SEL_OTHER | UINT64_C(1) << 30);
}
END_TEST

/* Type, presence and limit are looked at before; nothing is switched. */
START_TEST(test_task_faults_first)
{
    other_task();
    rig_sel(&X.r, SEL_OTHER, rig_descriptor(OTHER_TSS, 0x67, 0x09, 0));
    faults("ea 00 00 00 00 b0 00", EXC_NP);
    rig_sel(&X.r, SEL_OTHER, rig_descriptor(OTHER_TSS, 0x66, 0x89, 0));
    faults("ea 00 00 00 00 b0 00", EXC_TS);
    rig_sel(&X.r, SEL_OTHER, rig_descriptor(OTHER_TSS, 0x67, 0x8b, 0));
    faults("ea 00 00 00 00 b0 00", EXC_GP);
    /* The old TSS's limit and the pages of the new one come after. */
    rig_sel(&X.r, SEL_OTHER, rig_descriptor(0x40000000, 0x67, 0x89, 0));
    exits("ea 00 00 00 00 b0 00", REASON_TASK_SWITCH,
          SEL_OTHER | UINT64_C(2) << 30);
    ck_assert_uint_eq(rig_read(&X.r, RIG_GDT + SEL_OTHER + 5, 1), 0x89);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmx_guest");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, test_io_unconditional);
    tcase_add_test(t, test_io_string);
    tcase_add_test(t, test_io_segments);
    tcase_add_test(t, test_io_bitmaps);
    tcase_add_test(t, test_io_permission_first);
    tcase_add_test(t, test_msr_bitmaps);
    tcase_add_test(t, test_msr_update);
    tcase_add_test(t, test_tsc);
    tcase_add_test(t, test_tsc_product);
    tcase_add_test(t, test_tpause);
    tcase_add_test(t, test_task_switch);
    tcase_add_test(t, test_task_return);
    tcase_add_test(t, test_task_faults_first);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
