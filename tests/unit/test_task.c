/* SPDX-License-Identifier: Apache-2.0
 * Task switches: what is saved, loaded, marked and refused. The wider set of
 * cases is workloads/semantics/tasks.def, compared with other models; here is
 * what that image cannot see. SDM Vol.3 "Task Management".
 */
#include "tests/unit/sys_rig.h"

static struct rig R;

enum {
    SEL_NEW = 0xc0,
    SEL_NEW16 = 0xc8,
    SEL_TASK_GATE = 0xd0,
    SEL_UCONFORMING = 0xd8,
    NEW_TSS = 0x8000,
    NEW_TSS16 = 0x8100,
    NEW_CODE = 0x21000,
    NEW_STACK = 0x38000,
};

/* A task of level 0 at NEW_CODE, which is HLT. */
static void make_tasks(void)
{
    rig_protected(&R, 0);
    R.c->gdtr.limit = 0x1ff;
    rig_sel(&R, SEL_TSS32, rig_descriptor(RIG_TSS32, 0x67, 0x8b, 0));
    rig_sel(&R, SEL_NEW, rig_descriptor(NEW_TSS, 0x67, 0x89, 0));
    rig_sel(&R, SEL_NEW16, rig_descriptor(NEW_TSS16, 0x2b, 0x81, 0));
    rig_sel(&R, SEL_TASK_GATE, (uint64_t)SEL_NEW << 16 | UINT64_C(0x85) << 40);
    rig_put(&R, NEW_TSS + 0x20, NEW_CODE, 4);
    rig_put(&R, NEW_TSS + 0x24, 2, 4);
    for (unsigned i = 0; i < 8; i++)
        rig_put(&R, NEW_TSS + 0x28 + 4 * i, 0x1000 + i, 4);
    rig_put(&R, NEW_TSS + 0x38, NEW_STACK, 4);
    static const uint16_t sel[] = {SEL_DATA, SEL_CODE32, SEL_DATA,
                                   SEL_DATA, 0,          SEL_DATA};
    for (unsigned i = 0; i < 6; i++)
        rig_put(&R, NEW_TSS + 0x48 + 4 * i, sel[i], 4);
    rig_hex(&R, NEW_CODE, "f4");
}

static void set_up(void)
{
    rig_create(&R, NULL);
    make_tasks();
}

static void tear_down(void)
{
    rig_destroy(&R);
}

static unsigned access_of(unsigned sel)
{
    return (unsigned)rig_read(&R, RIG_GDT + sel + 5, 1);
}

START_TEST(jmp_saves_everything_and_loads_everything)
{
    for (unsigned i = 0; i < 8; i++)
        R.c->gpr[i] = i == REG_RSP ? RIG_STACK : 0xa0 + i;
    R.c->eflags |= FLAG_CF | FLAG_DF;
    rig_put(&R, RIG_TSS32 + 0x4a, 0xbeef, 2); /* above ES: kept */
    rig_runs(&R, "ea 00 00 00 00 c0 00");     /* ljmp SEL_NEW:0 */
    ck_assert_uint_eq(R.c->rip, NEW_CODE + 1);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x20, 4), RIG_CODE + 7);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x24, 4),
                      FLAG_ONE | FLAG_CF | FLAG_DF);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x28 + 4 * i, 4),
                          i == REG_RSP ? (unsigned)RIG_STACK : 0xa0 + i);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x48, 4), 0xbeef0000 | SEL_DATA);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x4c, 2), SEL_CODE32);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(R.c->gpr[i], i == REG_RSP ? NEW_STACK : 0x1000 + i);
    ck_assert_uint_eq(R.c->seg[SEG_TR].selector, SEL_NEW);
    ck_assert_uint_eq(R.c->seg[SEG_FS].attr & SEG_ATTR_UNUSABLE,
                      SEG_ATTR_UNUSABLE);
    ck_assert_uint_eq(R.c->eflags & (FLAG_CF | FLAG_NT), 0);
    ck_assert_uint_ne(R.c->cr0 & CR0_TS, 0);
    ck_assert_uint_eq(access_of(SEL_TSS32), 0x89);
    ck_assert_uint_eq(access_of(SEL_NEW), 0x8b);
    ck_assert_uint_eq(R.c->account.instructions, 2);
}
END_TEST

START_TEST(call_nests_and_iret_returns)
{
    rig_hex(&R, NEW_CODE, "cf f4");
    rig_runs(&R, "9a 00 00 00 00 c0 00 f4"); /* lcall; hlt */
    ck_assert_uint_eq(R.c->rip, RIG_CODE + 8);
    ck_assert_uint_eq(rig_read(&R, NEW_TSS, 2), SEL_TSS32);
    ck_assert_uint_eq(R.c->seg[SEG_TR].selector, SEL_TSS32);
    ck_assert_uint_eq(access_of(SEL_TSS32), 0x8b);
    ck_assert_uint_eq(access_of(SEL_NEW), 0x89);
    ck_assert_uint_eq(rig_read(&R, NEW_TSS + 0x20, 4), NEW_CODE + 1);
    ck_assert_uint_eq(rig_read(&R, NEW_TSS + 0x24, 4) & FLAG_NT, 0);
    ck_assert_uint_eq(R.c->eflags & FLAG_NT, 0);
}
END_TEST

/* Nothing of a refused switch is left behind. */
START_TEST(refusals_leave_the_task_as_it_is)
{
    static const struct {
        unsigned at;
        unsigned value, vector, error;
    } bad[] = {
        {RIG_GDT + SEL_NEW + 5, 0x09, EXC_NP, SEL_NEW},
        {RIG_GDT + SEL_NEW + 5, 0x8b, EXC_GP, SEL_NEW},
        {RIG_GDT + SEL_NEW, 0x66, EXC_TS, SEL_NEW},
    };
    for (unsigned i = 0; i < 3; i++) {
        make_tasks();
        rig_put(&R, bad[i].at, bad[i].value, 1);
        rig_put(&R, RIG_TSS32 + 0x20, 0x55, 4);
        unsigned before = access_of(SEL_NEW);
        rig_faults(&R, "ea 00 00 00 00 c0 00", (int)bad[i].vector,
                   (int)bad[i].error);
        ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x20, 4), 0x55);
        ck_assert_uint_eq(R.c->seg[SEG_TR].selector, SEL_TSS32);
        ck_assert_uint_eq(access_of(SEL_TSS32), 0x8b);
        ck_assert_uint_eq(access_of(SEL_NEW), before);
    }
}
END_TEST

/* After the commit point a fault is the new task's: RIP is its first. */
START_TEST(bad_segment_faults_in_the_new_task)
{
    rig_put(&R, NEW_TSS + 0x54, SEL_ABSENT, 4); /* DS */
    rig_faults(&R, "ea 00 00 00 00 c0 00", EXC_NP, SEL_ABSENT);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], NEW_STACK - 16);
    ck_assert_uint_eq(rig_read(&R, NEW_STACK - 12, 4), NEW_CODE);
    ck_assert_uint_eq(R.c->seg[SEG_TR].selector, SEL_NEW);
    ck_assert_uint_eq(R.c->account.instructions, 2); /* JMP has retired */
}
END_TEST

START_TEST(exception_by_task_gate_brings_its_error_code)
{
    rig_put(&R, RIG_IDT + 8 * EXC_GP, (uint64_t)SEL_NEW << 16, 4);
    rig_put(&R, RIG_IDT + 8 * EXC_GP + 4, 0x8500, 4);
    rig_runs(&R, "66 b8 f8 0f 8e d8"); /* mov ax, 0xff8; mov ds, ax */
    ck_assert_uint_eq(R.c->rip, NEW_CODE + 1);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], NEW_STACK - 4);
    ck_assert_uint_eq(rig_read(&R, NEW_STACK - 4, 4), 0xff8);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x20, 4), RIG_CODE + 4);
    ck_assert_uint_ne(rig_read(&R, RIG_TSS32 + 0x24, 4) & FLAG_RF, 0);
    ck_assert_uint_ne(R.c->eflags & FLAG_NT, 0);
}
END_TEST

START_TEST(external_interrupt_by_task_gate)
{
    rig_put(&R, RIG_IDT + 8 * 0x40, (uint64_t)SEL_NEW << 16, 4);
    rig_put(&R, RIG_IDT + 8 * 0x40 + 4, 0x8500, 4);
    lapic_virtual_wire(R.c);
    R.inta_vector = 0x40;
    R.c->eflags |= FLAG_IF;
    cpu_set_intr(R.c, true);
    rig_runs(&R, "90 f4");
    ck_assert_uint_eq(R.c->rip, NEW_CODE + 1);
    ck_assert_uint_eq(rig_read(&R, NEW_TSS, 2), SEL_TSS32);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x20, 4), RIG_CODE);
}
END_TEST

/* A double fault with its own task works when the stack does not. */
START_TEST(double_fault_task_survives_a_bad_stack)
{
    rig_put(&R, RIG_IDT + 8 * EXC_DF, (uint64_t)SEL_NEW << 16, 4);
    rig_put(&R, RIG_IDT + 8 * EXC_DF + 4, 0x8500, 4);
    R.c->seg[SEG_SS].limit = 0xff;
    cpu_update_mode(R.c);
    rig_runs(&R, "50"); /* push */
    ck_assert_uint_eq(R.c->rip, NEW_CODE + 1);
    ck_assert_uint_eq(rig_read(&R, NEW_STACK - 4, 4), 0);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x20, 4), RIG_CODE);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x38, 4), RIG_STACK);
}
END_TEST

/* The trap flag of the TSS: before the task's first instruction. */
START_TEST(t_flag_traps_with_bt)
{
    rig_put(&R, NEW_TSS + 0x64, 1, 2);
    R.c->dr[7] = DR7_FIXED | 0x3ff;
    rig_faults(&R, "ea 00 00 00 00 c0 00", EXC_DB, -1);
    ck_assert_uint_eq(R.c->dr[6], DR6_FIXED | DR6_BT);
    ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP], 4), NEW_CODE);
    ck_assert_uint_eq(R.c->dr[7], DR7_FIXED | 0x2aa); /* local ones are off */
}
END_TEST

START_TEST(sixteen_bit_task)
{
    rig_put(&R, NEW_TSS16 + 0x0e, 0x9000, 2); /* IP: HLT of vector 0 */
    rig_put(&R, NEW_TSS16 + 0x10, 2, 2);
    rig_put(&R, NEW_TSS16 + 0x12, 0x1234, 2);
    rig_put(&R, NEW_TSS16 + 0x24, SEL_CODE16, 2);
    rig_put(&R, NEW_TSS16 + 0x26, SEL_DATA, 2);
    R.c->gpr[REG_RAX] = 0x11111111;
    (void)rig_go(&R, "ea 00 00 00 00 c8 00");
    ck_assert_uint_eq(R.c->rip, 0x9001);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0xffff1234);
    ck_assert_uint_eq(R.c->seg[SEG_GS].selector, 0);
    ck_assert_uint_eq(rig_read(&R, RIG_TSS32 + 0x28, 4), 0x11111111);
}
END_TEST

/* SDM Vol.3 "Task Management in 64-bit Mode". */
START_TEST(long_mode_has_no_tasks)
{
    rig_tables(&R);
    rig_long(&R, 0);
    R.c->gdtr.limit = 0x1ff;
    rig_sel(&R, SEL_NEW, rig_descriptor(NEW_TSS, 0x67, 0x89, 0));
    rig_put(&R, RIG_DATA, 0, 4);
    rig_put(&R, RIG_DATA + 4, SEL_NEW, 2);
    rig_faults(&R, "ff 2c 25 00 00 07 00", EXC_GP, SEL_NEW);
    rig_long(&R, 0);
    R.c->gdtr.limit = 0x1ff;
    rig_put(&R, RIG_DATA + 4, SEL_TASK_GATE, 2);
    rig_faults(&R, "ff 2c 25 00 00 07 00", EXC_GP, SEL_TASK_GATE);
    rig_long(&R, 0);
    rig_put(&R, RIG_IDT + 16 * EXC_UD + 5, 0x85, 1);
    rig_faults(&R, "0f 0b", EXC_GP, EXC_UD * 8 + 3);
}
END_TEST

/* The values pushed are as many as the gate says. */
START_TEST(call_gate_copies_every_parameter)
{
    rig_protected(&R, 3);
    rig_sel(&R, SEL_GATE32,
            (uint64_t)RIG_GATE_TARGET | (uint64_t)SEL_CODE32 << 16 |
                UINT64_C(0xec03) << 32);
    rig_runs(&R, "6a 11 6a 22 6a 33 9a 00 00 00 00 8b 00");
    uint64_t sp = R.c->gpr[REG_RSP];
    ck_assert_uint_eq(sp, RIG_RSP0 - 28);
    static const uint32_t frame[] = {
        RIG_CODE + 13, SEL_UCODE32, 0x33, 0x22, 0x11, RIG_USER_STACK - 12};
    for (unsigned i = 0; i < 6; i++)
        ck_assert_uint_eq(rig_read(&R, sp + 4 * i, 4), frame[i]);
}
END_TEST

/* Room on the inner stack is looked at before the gate's offset. */
START_TEST(call_gate_stack_before_offset)
{
    rig_protected(&R, 3);
    rig_sel(&R, SEL_GATE32,
            (uint64_t)0x5000 | (uint64_t)SEL_UNACCESSED << 16 |
                UINT64_C(0xec00) << 32);
    rig_sel(&R, SEL_UNACCESSED, rig_descriptor(0, 0xfff, 0x9a, 4));
    rig_sel(&R, SEL_READONLY, rig_descriptor(RIG_STACK, 0xfff, 0x93, 4));
    rig_put(&R, RIG_TSS32 + 4, 8, 4);
    rig_put(&R, RIG_TSS32 + 8, SEL_READONLY, 4);
    rig_put(&R, RIG_IDT + 8 * EXC_SS + 4, 0xee00 & ~0x6000u, 2);
    /* The handler's stack is as bad: a double fault, then the end. */
    ck_assert_int_eq(rig_go(&R, "9a 00 00 00 00 8b 00"), CPU_STOP_SHUTDOWN);
    ck_assert_ptr_nonnull(strstr(cpu_stop_reason(R.c), "vector 12"));
}
END_TEST

/* IRET to level 3 takes level 0's data segments away. */
START_TEST(iret_outward_drops_inner_data)
{
    uint32_t frame[] = {RIG_CODE + 0x100, SEL_UCODE32, 2, RIG_USER_STACK,
                        SEL_UDATA};
    R.c->gpr[REG_RSP] = RIG_STACK - 20;
    rig_write(&R, RIG_STACK - 20, frame, sizeof frame);
    R.c->seg[SEG_ES] = rig_segment(&R, SEL_UDATA);
    rig_hex(&R, RIG_CODE + 0x100, "8b 05 00 00 07 00"); /* mov eax, [70000h] */
    rig_faults(&R, "cf", EXC_GP, 0);
    ck_assert_uint_eq(R.c->seg[SEG_DS].selector, 0);
    ck_assert_uint_eq(R.c->seg[SEG_ES].selector, SEL_UDATA);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        jmp_saves_everything_and_loads_everything,
        call_nests_and_iret_returns,
        refusals_leave_the_task_as_it_is,
        bad_segment_faults_in_the_new_task,
        exception_by_task_gate_brings_its_error_code,
        external_interrupt_by_task_gate,
        double_fault_task_survives_a_bad_stack,
        t_flag_traps_with_bt,
        sixteen_bit_task,
        long_mode_has_no_tasks,
        call_gate_copies_every_parameter,
        call_gate_stack_before_offset,
        iret_outward_drops_inner_data,
    };
    Suite *s = suite_create("task");
    TCase *t = tcase_create("task");
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
