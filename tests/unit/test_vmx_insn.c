/* SPDX-License-Identifier: Apache-2.0
 * VMX instructions in root operation: every condition that faults or fails,
 * in the manual's order, and what they do when none holds. SDM Vol.3 "VMX
 * Instruction Reference". VMCSs and their fields: test_vmx_vmcs.c.
 */
#include "tests/unit/vmx_root_rig.h"

/* ----------------------------------------------------------- #UD and #GP */

static const char *const in_operation[] = {
    VMXOFF,      VMCLEAR, VMPTRLD,  VMPTRST,  VMREAD, VMREAD_MEM, VMWRITE,
    VMWRITE_MEM, VMCALL,  VMLAUNCH, VMRESUME, INVEPT, INVVPID};
enum { IN_OPERATION = sizeof in_operation / sizeof in_operation[0] };

START_TEST(undefined_outside_operation)
{
    for (unsigned i = 0; i < IN_OPERATION; i++)
        faults(in_operation[i], EXC_UD);
}
END_TEST

START_TEST(privileged)
{
    on_with_vmcs();
    rig_long(&R, 3);
    allow(&R);
    for (unsigned i = 0; i < IN_OPERATION; i++) {
        rig_long(&R, 3);
        allow(&R);
        faults(in_operation[i], EXC_GP);
    }
    rig_long(&R, 3);
    allow(&R);
    faults(VMXON, EXC_GP);
}
END_TEST

/* Outside operation #UD comes before the privilege check. */
START_TEST(undefined_before_privilege)
{
    for (unsigned i = 0; i < IN_OPERATION; i++) {
        rig_long(&R, 3);
        faults(in_operation[i], EXC_UD);
    }
    rig_long(&R, 3); /* CR4.VMXE is clear */
    faults(VMXON, EXC_UD);
}
END_TEST

/* VMX operation cannot be in force there: set, it shows that the mode alone
 * decides. */
START_TEST(undefined_in_real_mode)
{
    for (unsigned i = 0; i <= IN_OPERATION; i++) {
        rig_real(&R);
        R.c->cr4 = CR4_VMXE;
        R.c->vmx->on = i < IN_OPERATION;
        ck_assert_int_eq(rig_go(&R, i < IN_OPERATION ? in_operation[i] : VMXON),
                         CPU_STOP_HALT);
        ck_assert_int_eq(rig_vector(&R), EXC_UD);
    }
}
END_TEST

/* Compatibility mode: a 32-bit code segment in IA-32e mode. */
START_TEST(undefined_in_compatibility_mode)
{
    on_with_vmcs();
    for (unsigned i = 0; i <= IN_OPERATION; i++) {
        rig_long(&R, 0);
        allow(&R);
        R.c->seg[SEG_CS] = rig_segment(&R, SEL_CODE32);
        faults(i < IN_OPERATION ? in_operation[i] : VMXON, EXC_UD);
    }
}
END_TEST

static void no_vmx(struct rig *r)
{
    r->config.core.vmx = false;
}

START_TEST(undefined_without_the_feature)
{
    rig_create(&R, no_vmx);
    rig_long(&R, 0);
    for (unsigned i = 0; i <= IN_OPERATION; i++)
        faults(i < IN_OPERATION ? in_operation[i] : VMXON, EXC_UD);
    ck_assert_int_eq((int)control_write(R.c, 4, R.c->cr4 | CR4_VMXE),
                     (int)STEP_FAULT);
    uint64_t v;
    ck_assert(!msr_read(R.c, MSR_VMX_BASIC, &v));
    ck_assert(!msr_write(R.c, 0x3a, 4));
}
END_TEST

static void no_ept(struct rig *r)
{
    struct vmx_config *f = &r->config.core.vtx;
    f->ept = f->unrestricted_guest = f->pml = f->ept_violation_ve = false;
    f->mode_based_execute = f->sub_page = f->eptp_switching = false;
    f->vmfunc = f->ept_accessed_dirty = f->vpid = false;
    f->ept_execute_only = f->ept_2m = f->ept_1g = false;
}

START_TEST(invalidation_undefined_without_ept_and_vpid)
{
    create(no_ept);
    on_with_vmcs();
    faults(INVEPT, EXC_UD);
    faults(INVVPID, EXC_UD);
}
END_TEST

/* LOCK in front of them. */
START_TEST(undefined_with_lock)
{
    on_with_vmcs();
    faults("f0 0f c7 30", EXC_UD);
    faults("f0 0f 78 08", EXC_UD);
    faults("f0 0f 01 c2", EXC_UD);
}
END_TEST

/* ---------------------------------------------------------------- VMXON */

START_TEST(vmxon_needs_feature_control)
{
    pointer(VMXON_REGION);
    static const uint64_t bad[] = {0, 1, 4};
    for (unsigned i = 0; i < 3; i++) {
        R.c->msr.feature_control = bad[i];
        faults(VMXON, EXC_GP);
    }
    ck_assert(!R.c->vmx->on);
    allow(&R);
    gives(VMXON, DONE);
}
END_TEST

START_TEST(vmxon_needs_fixed_bits)
{
    pointer(VMXON_REGION);
    R.c->cr0 &= ~(uint64_t)CR0_NE;
    faults(VMXON, EXC_GP);
    R.c->cr0 |= CR0_NE;
    R.c->cr4 &= ~(uint64_t)CR4_VMXE;
    faults(VMXON, EXC_UD);
    allow(&R);
    gives(VMXON, DONE);
}
END_TEST

START_TEST(vmxon_needs_open_a20)
{
    pointer(VMXON_REGION);
    cpu_set_a20(R.c, false);
    faults(VMXON, EXC_GP);
    cpu_set_a20(R.c, true);
    gives(VMXON, DONE);
}
END_TEST

START_TEST(vmxon_pointer)
{
    uint32_t id = R.config.core.vtx.revision;
    static const uint64_t bad[] = {VMXON_REGION + 1, VMXON_REGION + 0x800,
                                   UINT64_C(1) << 46 | VMXON_REGION,
                                   UINT64_C(1) << 63 | VMXON_REGION, NOT_RAM};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pointer(bad[i]);
        gives(VMXON, INVALID);
    }
    pointer(VMXON_REGION);
    revision(VMXON_REGION, id + 1);
    gives(VMXON, INVALID);
    revision(VMXON_REGION, id | VMCS_SHADOW);
    gives(VMXON, INVALID);
    ck_assert(!R.c->vmx->on);
    revision(VMXON_REGION, id);
    gives(VMXON, DONE);
    ck_assert_uint_eq(R.c->vmx->vmxon, VMXON_REGION);
    ck_assert_uint_eq(R.c->vmx->current, VMX_NO_VMCS);
}
END_TEST

START_TEST(vmxon_operand_faults)
{
    R.c->gpr[REG_RAX] = UNMAPPED;
    faults(VMXON, EXC_PF);
    R.c->gpr[REG_RAX] = UINT64_C(1) << 63;
    faults(VMXON, EXC_GP);
}
END_TEST

/* Again in root operation: before the operand is read. */
START_TEST(vmxon_twice)
{
    on();
    R.c->gpr[REG_RAX] = UNMAPPED;
    gives(VMXON, INVALID);
    R.c->gpr[REG_RAX] = OPERAND;
    load(VMCS_A);
    R.c->gpr[REG_RAX] = UNMAPPED;
    fails(VMXON, VMERR_VMXON_IN_ROOT);
}
END_TEST

/* --------------------------------------- VMXOFF and what operation blocks */

START_TEST(vmxoff_leaves)
{
    on_with_vmcs();
    write_field(0x4012, 0x1234);
    gives(VMXOFF, DONE);
    ck_assert(!R.c->vmx->on);
    faults(VMXOFF, EXC_UD);
    on();
    load(VMCS_A); /* the data were in memory */
    ck_assert_uint_eq(read_field(0x4012), 0x1234);
}
END_TEST

START_TEST(fixed_bits_stay)
{
    on();
    static const char *const clear[] = {
        "0f 20 c3 0f ba f3 05 0f 22 c3", /* CR0.NE */
        "0f 20 e3 0f ba f3 0d 0f 22 e3", /* CR4.VMXE */
        "0f 20 c3 0f ba f3 1f 0f 22 c3", /* CR0.PG */
    };
    for (unsigned i = 0; i < 3; i++)
        faults(clear[i], EXC_GP);
    again("0f 20 c3 0f 22 c3"); /* the same value */
    ck_assert_int_eq(rig_vector(&R), -1);
    gives(VMXOFF, DONE);
    again(clear[0]);
    ck_assert_int_eq(rig_vector(&R), -1);
    again(clear[1]);
    ck_assert_int_eq(rig_vector(&R), -1);
    ck_assert((R.c->cr4 & CR4_VMXE) == 0 && (R.c->cr0 & CR0_NE) == 0);
}
END_TEST

START_TEST(init_waits_for_vmxoff)
{
    on();
    R.c->init_pending = true;
    again("90");
    ck_assert(R.c->init_pending);
    again(VMXOFF);
    ck_assert(!R.c->init_pending);
    ck_assert((R.c->cr0 & CR0_PE) == 0 && R.c->cr4 == 0);
}
END_TEST

START_TEST(a20_has_no_effect_in_operation)
{
    on();
    rig_put(&R, 0x100000 + RIG_DATA + 8, 0x1111, 8);
    rig_put(&R, RIG_DATA + 8, 0x2222, 8);
    cpu_set_a20(R.c, false);
    R.c->gpr[REG_RBX] = 0x100000 + RIG_DATA + 8;
    again("48 8b 0b"); /* mov rcx, [rbx] */
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x1111);
    gives(VMXOFF, DONE);
    again("48 8b 0b");
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x2222);
}
END_TEST
static void extended(struct rig *r)
{
    r->config.core.vtx.extensions = true;
}

/* ------------------------------------------- VMLAUNCH, VMRESUME, VMCALL */

START_TEST(launch_state)
{
    on_with_vmcs();
    fails(VMRESUME, VMERR_VMRESUME_NOT_LAUNCHED);
    R.c->vmx->vmcs.launched = 1;
    fails(VMLAUNCH, VMERR_VMLAUNCH_NOT_CLEAR);
}
END_TEST

/* Before the launch state. */
START_TEST(entry_blocked_by_mov_ss)
{
    on_with_vmcs();
    R.c->gpr[REG_RBX] = SEL_DATA;
    fails("8e d3 " VMRESUME, VMERR_ENTRY_MOV_SS);
    fails("8e d3 90 " VMRESUME, VMERR_VMRESUME_NOT_LAUNCHED);
}
END_TEST

START_TEST(vmcall_in_root)
{
    on_with_vmcs();
    fails(VMCALL, VMERR_VMCALL_IN_ROOT);
}
END_TEST

/* -------------------------------------------------------- INVEPT, INVVPID */

static void descriptor(uint64_t low, uint64_t high)
{
    rig_put(&R, OPERAND, low, 8);
    rig_put(&R, OPERAND + 8, high, 8);
}

static void invalidates(const char *insn, uint64_t type)
{
    R.c->gpr[REG_RCX] = type;
    gives(insn, DONE);
}

static void refuses(const char *insn, uint64_t type)
{
    R.c->gpr[REG_RCX] = type;
    R.c->vmx->vmcs.instruction_error = 0;
    fails(insn, VMERR_INVALID_OPERAND);
}

enum { EPTP = 0x300000 | 3 << 3 | 6 };

START_TEST(invept_types)
{
    on_with_vmcs();
    descriptor(EPTP, 0);
    invalidates(INVEPT, 1);
    invalidates(INVEPT, 2);
    static const uint64_t bad[] = {0,         3, 4, 5, UINT64_C(1) << 32 | 1,
                                   UINT64_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuses(INVEPT, bad[i]);
    /* The type is looked at before the descriptor is read. */
    R.c->gpr[REG_RAX] = UNMAPPED;
    refuses(INVEPT, 0);
    refuses(INVEPT, 5);
    R.c->gpr[REG_RCX] = 1;
    faults(INVEPT, EXC_PF);
    R.c->gpr[REG_RCX] = 2;
    faults(INVEPT, EXC_PF);
}
END_TEST

START_TEST(invept_pointer)
{
    on_with_vmcs();
    static const uint64_t bad[] = {
        0x300000 | 3 << 3 | 5, 0x300000 | 2 << 3 | 6, 0x300000 | 4 << 3 | 6,
        EPTP | 1 << 7,         EPTP | 1 << 8,         EPTP | UINT64_C(1) << 46};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        descriptor(bad[i], 0);
        refuses(INVEPT, 1);
        invalidates(INVEPT, 2);
    }
}
END_TEST

START_TEST(invept_private_types)
{
    create(extended);
    on_with_vmcs();
    uint64_t top = UINT64_C(1) << R.config.mmu.maxphyaddr;
    for (unsigned type = 0; type <= 4; type += 4) {
        descriptor(EPTP, 0x123fff);
        invalidates(INVEPT, type);
        descriptor(EPTP | 1 << 7, 0x123000);
        refuses(INVEPT, type);
        descriptor(EPTP, top - 1);
        invalidates(INVEPT, type);
        descriptor(EPTP, top);
        refuses(INVEPT, type);
        descriptor(EPTP, UINT64_C(1) << 48);
        refuses(INVEPT, type);
    }
    descriptor(0x200000, 0x200000);
    invalidates(INVEPT, 3);
    static const uint64_t regions[][2] = {
        {0x201000, 0x200000}, {0x200000, 0},      {0x200000, 0x800},
        {0x200000, 0x3000},   {0x200800, 0x1000}, {UINT64_C(1) << 52, 0x1000}};
    for (unsigned i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        descriptor(regions[i][0], regions[i][1]);
        refuses(INVEPT, 3);
    }
    refuses(INVEPT, 5);
}
END_TEST

START_TEST(invvpid_types)
{
    on_with_vmcs();
    descriptor(1, 0x1000);
    for (unsigned type = 0; type <= 3; type++)
        invalidates(INVVPID, type);
    refuses(INVVPID, 4);
    refuses(INVVPID, UINT64_C(1) << 32);
    R.c->gpr[REG_RAX] = UNMAPPED;
    refuses(INVVPID, 4);
    R.c->gpr[REG_RCX] = 2;
    faults(INVVPID, EXC_PF);
}
END_TEST

static void five_levels(struct rig *r)
{
    r->config.core.linear_bits = 57;
}

/* Canonical by what the processor has, whatever CR4.LA57 says. */
START_TEST(invvpid_of_57_bits)
{
    create(five_levels);
    on_with_vmcs();
    descriptor(1, UINT64_C(1) << 55);
    invalidates(INVVPID, 0);
    descriptor(1, UINT64_C(1) << 56);
    refuses(INVVPID, 0);
}
END_TEST

START_TEST(invvpid_operands)
{
    on_with_vmcs();
    for (unsigned type = 0; type <= 3; type++) {
        for (unsigned bit = 16; bit < 64; bit += 47) {
            descriptor(UINT64_C(1) << bit | 1, 0);
            refuses(INVVPID, type);
        }
        descriptor(0, 0);
        if (type == 2)
            invalidates(INVVPID, type);
        else
            refuses(INVVPID, type);
        descriptor(1, UINT64_C(1) << 47); /* not canonical */
        if (type == 0)
            refuses(INVVPID, type);
        else
            invalidates(INVVPID, type);
    }
    descriptor(0xffff, ~UINT64_C(0) << 47);
    invalidates(INVVPID, 0);
}
END_TEST
static TCase *tests(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    return t;
}

int main(void)
{
    Suite *s = suite_create("vmx_insn");
    TCase *t = tests("conditions");
    tcase_add_test(t, undefined_outside_operation);
    tcase_add_test(t, privileged);
    tcase_add_test(t, undefined_before_privilege);
    tcase_add_test(t, undefined_in_real_mode);
    tcase_add_test(t, undefined_in_compatibility_mode);
    tcase_add_test(t, undefined_without_the_feature);
    tcase_add_test(t, invalidation_undefined_without_ept_and_vpid);
    tcase_add_test(t, undefined_with_lock);
    suite_add_tcase(s, t);
    t = tests("operation");
    tcase_add_test(t, vmxon_needs_feature_control);
    tcase_add_test(t, vmxon_needs_fixed_bits);
    tcase_add_test(t, vmxon_needs_open_a20);
    tcase_add_test(t, vmxon_pointer);
    tcase_add_test(t, vmxon_operand_faults);
    tcase_add_test(t, vmxon_twice);
    tcase_add_test(t, vmxoff_leaves);
    tcase_add_test(t, fixed_bits_stay);
    tcase_add_test(t, init_waits_for_vmxoff);
    tcase_add_test(t, a20_has_no_effect_in_operation);
    suite_add_tcase(s, t);
    t = tests("others");
    tcase_add_test(t, launch_state);
    tcase_add_test(t, entry_blocked_by_mov_ss);
    tcase_add_test(t, vmcall_in_root);
    tcase_add_test(t, invept_types);
    tcase_add_test(t, invept_pointer);
    tcase_add_test(t, invept_private_types);
    tcase_add_test(t, invvpid_types);
    tcase_add_test(t, invvpid_operands);
    tcase_add_test(t, invvpid_of_57_bits);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
