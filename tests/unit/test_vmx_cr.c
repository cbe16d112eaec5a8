/* SPDX-License-Identifier: Apache-2.0
 * Control registers in VMX non-root operation: masks, shadows, exits and their
 * qualifications. SDM Vol.3 "Exit Qualification for Control-Register Accesses",
 * "Changes to Instruction Behavior in VMX Non-Root Operation".
 */
#include "tests/unit/vmx_rig.h"

static struct vmx_rig X;

static void set_up(void)
{
    vmx_rig_create(&X, NULL);
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

static uint64_t *gpr(unsigned reg)
{
    return &X.r.c->gpr[reg];
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

#define MOV_FROM (1u << 4)
#define CLTS     (2u << 4)
#define LMSW     (3u << 4)
#define GPR(n)   ((uint32_t)(n) << 8)

static uint64_t cr0(void)
{
    return X.r.c->cr0;
}

START_TEST(test_cr0)
{
    const uint64_t now = X.v->guest_cr0;
    *gpr(REG_RBX) = now ^ CR0_AM;
    completes("0f 22 c3 0f 20 c1");
    ck_assert_uint_eq(cr0(), now ^ CR0_AM);
    ck_assert_uint_eq(*gpr(REG_RCX), now ^ CR0_AM);
    /* The host owns AM and WP; the guest reads them as 1 and 0. */
    X.v->cr0_mask = CR0_AM | CR0_WP;
    X.v->cr0_shadow = CR0_AM;
    *gpr(REG_RBX) = (now | CR0_AM | CR0_TS) & ~(uint64_t)CR0_WP;
    completes("0f 22 c3 0f 20 c1 0f 01 e2"); /* smsw edx */
    ck_assert_uint_eq(cr0(), now | CR0_TS);
    ck_assert_uint_eq(*gpr(REG_RCX), *gpr(REG_RBX));
    ck_assert_uint_eq(*gpr(REG_RDX), *gpr(REG_RBX));
    *gpr(REG_RBX) |= CR0_WP;
    exits("0f 22 c3", REASON_CR_ACCESS, GPR(REG_RBX));
    *gpr(REG_RBX) = now & ~(uint64_t)(CR0_WP | CR0_AM);
    *gpr(9) = *gpr(REG_RBX);
    exits("41 0f 22 c1", REASON_CR_ACCESS, GPR(9));
    /* The exit comes before #GP; bits of the host are none of the guest's
     * business, and VMX operation keeps NE. */
    *gpr(REG_RBX) = UINT64_C(1) << 40;
    exits("0f 22 c3", REASON_CR_ACCESS, GPR(REG_RBX));
    *gpr(REG_RBX) |= now | CR0_AM;
    *gpr(REG_RBX) &= ~(uint64_t)CR0_WP;
    faults("0f 22 c3", EXC_GP);
    *gpr(REG_RBX) = (now | CR0_AM) & ~(uint64_t)(CR0_WP | CR0_NE);
    faults("0f 22 c3", EXC_GP);
    *gpr(REG_RBX) = (now | CR0_AM) & ~(uint64_t)(CR0_WP | CR0_PE | CR0_PG);
    faults("0f 22 c3", EXC_GP);
}
END_TEST

START_TEST(test_clts)
{
    X.v->guest_cr0 |= CR0_TS;
    completes("0f 06");
    ck_assert_uint_eq(cr0() & CR0_TS, 0);
    X.v->cr0_mask = CR0_TS;
    completes("0f 06"); /* it reads 0 already, and is the host's */
    ck_assert_uint_ne(cr0() & CR0_TS, 0);
    X.v->cr0_shadow = CR0_TS;
    exits("0f 06", REASON_CR_ACCESS, CLTS);
    X.v->cr0_mask = ~(uint64_t)CR0_TS;
    completes("0f 06");
    ck_assert_uint_eq(cr0() & CR0_TS, 0);
}
END_TEST

START_TEST(test_lmsw)
{
    const uint64_t now = X.v->guest_cr0;
    *gpr(REG_RAX) = 0xff08; /* TS; PE is not cleared */
    completes("0f 01 f0");
    ck_assert_uint_eq(cr0(), (now & ~UINT64_C(0xe)) | CR0_TS);
    X.v->cr0_mask = CR0_TS | CR0_PE | CR0_NE;
    exits("0f 01 f0", REASON_CR_ACCESS, LMSW | UINT64_C(0xff08) << 16);
    rig_put(&X.r, RIG_DATA + 4, 0x1, 2);
    *gpr(REG_RAX) = RIG_DATA;
    exits("0f 01 70 04", REASON_CR_ACCESS, LMSW | 1 << 6 | 1 << 16);
    ck_assert_uint_eq(X.after.guest_linear_address, RIG_DATA + 4);
    /* A clear PE asks for nothing, nor do bits above 3; MP and EM are not
     * the host's, TS stays. */
    X.v->cr0_shadow = CR0_PE;
    X.v->guest_cr0 |= CR0_TS;
    *gpr(REG_RAX) = 0xfff6;
    completes("0f 01 f0");
    ck_assert_uint_eq(cr0(), (now & ~UINT64_C(0xf)) | 6 | CR0_TS | CR0_PE);
    /* The operand's fault comes before the exit. */
    *gpr(REG_RAX) = UINT64_C(0x10000000);
    X.v->cr0_shadow = 0xf;
    faults("0f 01 30", EXC_PF);
}
END_TEST

START_TEST(test_cr3)
{
    const uint64_t now = X.v->guest_cr3;
    *gpr(REG_RBX) = now;
    completes("0f 22 db 0f 20 d9");
    ck_assert_uint_eq(*gpr(REG_RCX), now);
    X.v->primary_controls |= PROC_CR3_LOAD;
    completes("0f 20 d9");
    exits("0f 22 db", REASON_CR_ACCESS, 3 | GPR(REG_RBX));
    X.v->cr3_target_2 = now;
    X.v->cr3_target_count = 2;
    exits("0f 22 db", REASON_CR_ACCESS, 3 | GPR(REG_RBX));
    X.v->cr3_target_count = 3;
    completes("0f 22 db");
    *gpr(REG_RBX) |= UINT64_C(1) << 60; /* before #GP */
    exits("0f 22 db", REASON_CR_ACCESS, 3 | GPR(REG_RBX));
    X.v->primary_controls =
        (X.v->primary_controls & ~(uint32_t)PROC_CR3_LOAD) | PROC_CR3_STORE;
    faults("0f 22 db", EXC_GP);
    exits("0f 20 d9", REASON_CR_ACCESS, 3 | MOV_FROM | GPR(REG_RCX));
}
END_TEST

START_TEST(test_cr4)
{
    const uint64_t now = X.v->guest_cr4;
    X.v->cr4_mask = CR4_VMXE | CR4_PGE;
    X.v->cr4_shadow = CR4_PGE;
    *gpr(REG_RBX) = (now | CR4_PGE | CR4_TSD) & ~(uint64_t)CR4_VMXE;
    completes("0f 22 e3 0f 20 e1");
    ck_assert_uint_eq(X.r.c->cr4, now | CR4_TSD);
    ck_assert_uint_eq(*gpr(REG_RCX), *gpr(REG_RBX));
    *gpr(REG_RBX) |= CR4_VMXE;
    exits("0f 22 e3", REASON_CR_ACCESS, 4 | GPR(REG_RBX));
    *gpr(REG_RBX) ^= CR4_VMXE | UINT64_C(1) << 50;
    faults("0f 22 e3", EXC_GP);
    X.v->cr4_mask = 0;
    *gpr(REG_RBX) = now & ~(uint64_t)CR4_VMXE;
    faults("0f 22 e3", EXC_GP);
}
END_TEST

START_TEST(test_cr8)
{
    *gpr(REG_RBX) = 0x7;
    completes("44 0f 22 c3 44 0f 20 c1");
    ck_assert_uint_eq(*gpr(REG_RCX), 7);
    X.v->primary_controls |= PROC_CR8_STORE;
    exits("44 0f 20 c1", REASON_CR_ACCESS, 8 | MOV_FROM | GPR(REG_RCX));
    completes("44 0f 22 c3");
    X.v->primary_controls ^= PROC_CR8_STORE | PROC_CR8_LOAD;
    *gpr(REG_RBX) = 0x17; /* before #GP */
    exits("44 0f 22 c3", REASON_CR_ACCESS, 8 | GPR(REG_RBX));
    /* With a shadow it is a byte of the virtual-APIC page. */
    X.v->primary_controls ^= PROC_CR8_LOAD | PROC_TPR_SHADOW;
    faults("44 0f 22 c3", EXC_GP);
    *gpr(REG_RBX) = 0x5;
    completes("44 0f 22 c3 44 0f 20 c1");
    ck_assert_uint_eq(*gpr(REG_RCX), 5);
    ck_assert_uint_eq(rig_read(&X.r, VMX_APIC_PAGE + 0x80, 4), 0x50);
    ck_assert_uint_eq(lapic_cr8(X.r.c), 7);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmx_cr");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, test_cr0);
    tcase_add_test(t, test_clts);
    tcase_add_test(t, test_lmsw);
    tcase_add_test(t, test_cr3);
    tcase_add_test(t, test_cr4);
    tcase_add_test(t, test_cr8);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
