/* SPDX-License-Identifier: Apache-2.0
 * Event delivery: frames, stacks, error codes, escalation, priorities at
 * instruction boundaries, debug events. SDM Vol.3 "Interrupt and Exception
 * Handling", "Debug Registers".
 */
#include "tests/unit/sys_rig.h"

static struct rig R;

static void set_up(void)
{
    rig_create(&R, NULL);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

/* The frame of a fault from CPL 3: aligned inner stack, five words. */
START_TEST(fault_from_user_pushes_a_full_frame_on_rsp0)
{
    rig_long(&R, 3);
    R.c->eflags |= FLAG_IF | FLAG_CF;
    rig_faults(&R, "0f 0b", EXC_UD, -1);
    uint64_t top = RIG_RSP0 & ~15u;
    ck_assert_uint_eq(R.c->gpr[REG_RSP], top - 40);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE);
    ck_assert_uint_eq(rig_frame(&R, 1, false), SEL_UCODE64);
    ck_assert_uint_eq(rig_frame(&R, 2, false),
                      FLAG_RF | FLAG_IF | FLAG_CF | FLAG_ONE);
    ck_assert_uint_eq(rig_frame(&R, 3, false), RIG_USER_STACK);
    ck_assert_uint_eq(rig_frame(&R, 4, false), SEL_UDATA);
    ck_assert_uint_eq(R.c->seg[SEG_SS].selector, 0);
    ck_assert_uint_eq(R.c->seg[SEG_CS].selector, SEL_CODE64);
    ck_assert_uint_eq(R.c->mode & MODE_CPL, 0);
    ck_assert_uint_eq(R.c->eflags & (FLAG_IF | FLAG_RF), 0);
}
END_TEST

/* Same level: SS:RSP are pushed all the same in IA-32e mode. */
START_TEST(fault_in_kernel_aligns_the_present_stack)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RSP] = RIG_STACK - 3;
    rig_faults(&R, "0f 0b", EXC_UD, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK - 16 - 40);
    ck_assert_uint_eq(rig_frame(&R, 3, false), RIG_STACK - 3);
    ck_assert_uint_eq(rig_frame(&R, 4, false), SEL_DATA);
}
END_TEST

START_TEST(ist_switches_the_stack_without_a_change_of_level)
{
    rig_long(&R, 0);
    rig_gate64(&R, EXC_UD, 0xe, 0, 1);
    rig_faults(&R, "0f 0b", EXC_UD, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_IST1 - 40);
    ck_assert_uint_eq(R.c->seg[SEG_SS].selector, SEL_DATA);
}
END_TEST

START_TEST(trap_gate_keeps_if)
{
    rig_long(&R, 0);
    R.c->eflags |= FLAG_IF | FLAG_NT;
    rig_gate64(&R, EXC_UD, 0xf, 0, 0);
    rig_faults(&R, "0f 0b", EXC_UD, -1);
    ck_assert_uint_eq(R.c->eflags & (FLAG_IF | FLAG_NT), FLAG_IF);
}
END_TEST

/* Software interrupts: next RIP, no RF, gate DPL. */
START_TEST(int_n_pushes_the_next_rip)
{
    rig_long(&R, 3);
    rig_faults(&R, "cd 80", 0x80, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 2);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_ONE);
    ck_assert_uint_eq(R.c->account.instructions, 2); /* INT and HLT */
}
END_TEST

START_TEST(int_n_below_the_gates_level_is_gp)
{
    rig_long(&R, 3);
    rig_faults(&R, "cd 21", EXC_GP, 0x21 * 8 + 2);
    ck_assert_uint_eq(rig_frame(&R, 0, true), RIG_CODE);
}
END_TEST

START_TEST(int1_ignores_the_gates_level)
{
    rig_long(&R, 3);
    rig_faults(&R, "f1", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 1);
}
END_TEST

START_TEST(page_fault_reports_address_and_error)
{
    rig_long(&R, 3);
    R.c->gpr[REG_RBX] = UINT64_C(0x40000123);
    rig_faults(&R, "48 89 03", EXC_PF, 6); /* user write, not present */
    ck_assert_uint_eq(R.c->cr2, 0x40000123);
}
END_TEST

/* The nested #NP names the gate with IDT and EXT bits. */
START_TEST(absent_gate_is_np_with_ext)
{
    rig_long(&R, 0);
    rig_put(&R, RIG_IDT + 16 * EXC_UD + 5, 0x0e, 1);
    rig_faults(&R, "0f 0b", EXC_NP, EXC_UD * 8 + 2 + 1);
    ck_assert_uint_eq(rig_frame(&R, 0, true), RIG_CODE);
}
END_TEST

START_TEST(gate_to_32_bit_code_is_gp_in_long_mode)
{
    rig_long(&R, 0);
    rig_put(&R, RIG_IDT + 16 * EXC_UD + 2, SEL_CODE32, 2);
    rig_faults(&R, "0f 0b", EXC_GP, SEL_CODE32 + 1);
}
END_TEST

START_TEST(two_contributory_exceptions_are_a_double_fault)
{
    rig_long(&R, 0);
    rig_put(&R, RIG_IDT + 16 * EXC_GP + 5, 0x0e, 1); /* #GP, then #NP */
    R.c->gpr[REG_RBX] = UINT64_C(1) << 50;
    rig_faults(&R, "48 8b 03", EXC_DF, 0);
    ck_assert_uint_eq(rig_frame(&R, 0, true), RIG_CODE);
}
END_TEST

/* A bad inner stack turns #PF into #DF when that has its own by IST. */
START_TEST(page_fault_while_delivering_a_page_fault_is_a_double_fault)
{
    rig_long(&R, 3);
    rig_put(&R, RIG_TSS + 4, UINT64_C(0x50000000), 8);
    rig_gate64(&R, EXC_DF, 0xe, 0, 1);
    R.c->gpr[REG_RBX] = UINT64_C(0x40000000);
    rig_faults(&R, "48 8b 03", EXC_DF, 0);
    ck_assert_uint_eq(R.c->cr2, 0x50000000 - 8);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_IST1 - 48);
}
END_TEST

/* Contributory after a page fault is #DF too; benign then anything is not. */
START_TEST(fault_while_delivering_a_benign_one_is_serial)
{
    rig_long(&R, 3);
    rig_put(&R, RIG_TSS + 4, UINT64_C(0x50000000), 8);
    rig_gate64(&R, EXC_PF, 0xe, 0, 1);
    rig_faults(&R, "0f 0b", EXC_PF, 2); /* supervisor write, not present */
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_IST1 - 48);
}
END_TEST

START_TEST(triple_fault_shuts_down_with_a_line)
{
    rig_long(&R, 0);
    R.c->idtr.limit = 0;
    ck_assert_int_eq(rig_go(&R, "90 0f 0b"), CPU_STOP_SHUTDOWN);
    const char *s = cpu_stop_reason(R.c);
    ck_assert_ptr_nonnull(strstr(s, "triple fault: vector 6"));
    ck_assert_ptr_nonnull(strstr(s, "0000000000020001"));
    ck_assert_ptr_nonnull(strstr(s, "0f 0b"));
    ck_assert_int_eq(R.c->activity, ACTIVITY_SHUTDOWN);
}
END_TEST

/* Delivery costs what the table says, in its own leaf. */
START_TEST(delivery_is_charged_to_the_interrupt_leaf)
{
    rig_long(&R, 0);
    uint64_t before = R.c->account.leaf[LEAF_INTERRUPT];
    rig_faults(&R, "0f 0b", EXC_UD, -1);
    uint64_t cost = R.config.core.timing == TIMING_OFF
                        ? 0
                        : R.config.core.cost.cycles[COST_INTERRUPT];
    ck_assert_uint_eq(R.c->account.leaf[LEAF_INTERRUPT] - before, cost);
}
END_TEST

/* ------------------------------------------------------------ boundaries */

static void raise_intr(uint8_t vector)
{
    lapic_virtual_wire(R.c);
    R.inta_vector = vector;
    cpu_set_intr(R.c, true);
}

START_TEST(interrupt_waits_for_if)
{
    rig_long(&R, 0);
    raise_intr(0x33);
    rig_runs(&R, "90 90 f4");
    ck_assert_uint_eq(R.acknowledged, 0);
    R.c->eflags |= FLAG_IF;
    ck_assert(cpu_has_work(R.c));
    rig_faults(&R, NULL, 0x33, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 3);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_IF | FLAG_ONE);
}
END_TEST

/* STI; one more instruction; then the interrupt. */
START_TEST(sti_delays_by_one_instruction)
{
    rig_long(&R, 0);
    raise_intr(0x33);
    rig_faults(&R, "fb 48 ff c0 48 ff c0 f4", 0x33, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 4);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 1);
}
END_TEST

START_TEST(sti_holds_an_nmi_back_too)
{
    rig_long(&R, 0);
    rig_hex(&R, RIG_CODE, "fb 90 90 f4");
    cpu_set_instruction_limit(R.c, R.c->account.instructions + 1);
    (void)cpu_run(R.c, R.c->account.cycles + 1000);
    ck_assert_uint_eq(R.c->rip, RIG_CODE + 1);
    cpu_nmi(R.c);
    cpu_set_instruction_limit(R.c, 0);
    (void)cpu_run(R.c, R.c->account.cycles + 1000);
    ck_assert_int_eq(rig_vector(&R), EXC_NMI);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 2);
}
END_TEST

/* STI; HLT does not lose the wake-up. */
START_TEST(sti_hlt_wakes)
{
    rig_long(&R, 0);
    raise_intr(0x33);
    rig_faults(&R, "fb f4", 0x33, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 2);
}
END_TEST

/* SDM Vol.2 "MOV": debug traps wait for the instruction after MOV SS. */
START_TEST(mov_ss_delays_the_single_step_trap)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RAX] = SEL_DATA;
    R.c->gpr[REG_RCX] = 0;
    R.c->eflags |= FLAG_TF;
    cpu_update_mode(R.c);
    rig_faults(&R, "8e d0 48 ff c1 48 ff c1 f4", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 5);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 1);
}
END_TEST

START_TEST(nmi_is_blocked_until_iret)
{
    rig_long(&R, 0);
    rig_hex(&R, RIG_HANDLERS + 32, "48 ff c0 48 cf"); /* inc rax; iretq */
    cpu_nmi(R.c);
    rig_runs(&R, "90 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 1);
    ck_assert(!R.c->nmi_blocked);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK);
}
END_TEST

/* TF traps after each instruction, with DR6.BS and the next RIP. */
START_TEST(single_step_traps_after_one_instruction)
{
    rig_long(&R, 0);
    R.c->eflags |= FLAG_TF;
    cpu_update_mode(R.c);
    rig_faults(&R, "48 ff c0 48 ff c0 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 3);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_TF | FLAG_ONE);
    ck_assert_uint_eq(R.c->dr[6] & 0xf00f, 0x4000);
    ck_assert_uint_eq(R.c->eflags & FLAG_TF, 0);
}
END_TEST

/* POPF that sets TF does not trap itself. */
START_TEST(popf_sets_tf_for_the_next_instruction)
{
    rig_long(&R, 0);
    rig_faults(&R, "9c 48 81 0c 24 00 01 00 00 9d 48 ff c1 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 13);
}
END_TEST

START_TEST(instruction_breakpoint_faults_and_rf_passes_it)
{
    rig_long(&R, 0);
    R.c->dr[1] = RIG_CODE + 3;
    R.c->dr[7] = 0x404;
    cpu_update_mode(R.c);
    rig_faults(&R, "48 ff c0 48 ff c0 f4", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 3);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_ONE);
    ck_assert_uint_eq(R.c->dr[6] & 0xf00f, 2);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 1);
    /* The handler returns with RF set. */
    uint64_t flags = R.c->gpr[REG_RSP] + 16;
    rig_put(&R, flags, FLAG_RF | FLAG_ONE, 8);
    R.c->activity = ACTIVITY_RUN;
    R.c->dr[6] = DR6_FIXED;
    rig_hex(&R, R.c->rip, "48 cf");
    rig_runs(&R, NULL);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 2);
    ck_assert_uint_eq(R.c->eflags & FLAG_RF, 0);
}
END_TEST

START_TEST(data_breakpoint_traps_after_the_access)
{
    rig_long(&R, 0);
    R.c->dr[2] = RIG_DATA + 4;
    R.c->dr[7] = 0x410 | UINT64_C(0xd) << 24; /* write, 4 bytes */
    R.c->gpr[REG_RBX] = RIG_DATA;
    cpu_update_mode(R.c);
    rig_faults(&R, "8b 43 04 89 03 88 43 07 90 f4", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 8);
    ck_assert_uint_eq(R.c->dr[6] & 0xf00f, 4);
}
END_TEST

/* A data breakpoint sees accesses that were fast before it was armed. */
START_TEST(data_breakpoint_sees_resident_lines)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RBX] = RIG_DATA;
    R.c->gpr[REG_RDX] = RIG_DATA;
    R.c->gpr[REG_RCX] = 0x30401; /* DR0: read or write, 1 byte */
    rig_faults(&R, "8b 03 8b 03 0f 23 c2 0f 23 f9 8b 03 f4", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 12);
    ck_assert_uint_eq(R.c->dr[6] & 0xf00f, 1);
}
END_TEST

START_TEST(general_detect_faults_on_mov_dr)
{
    rig_long(&R, 0);
    R.c->dr[7] = 0x2400;
    rig_faults(&R, "0f 21 c0", EXC_DB, -1);
    ck_assert_uint_eq(R.c->dr[6] & 0xf00f, 0x2000);
    ck_assert_uint_eq(R.c->dr[7], 0x400);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE);
}
END_TEST

/* ---------------------------------------------------------- legacy modes */

START_TEST(protected_mode_switches_to_the_tss_stack)
{
    rig_protected(&R, 3);
    ck_assert_int_eq(rig_go(&R, "0f 0b"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), EXC_UD);
    uint64_t sp = RIG_RSP0 - 20;
    ck_assert_uint_eq(R.c->gpr[REG_RSP], sp);
    ck_assert_uint_eq(rig_read(&R, sp, 4), RIG_CODE);
    ck_assert_uint_eq(rig_read(&R, sp + 4, 4), SEL_UCODE32);
    ck_assert_uint_eq(rig_read(&R, sp + 8, 4), FLAG_RF | FLAG_ONE);
    ck_assert_uint_eq(rig_read(&R, sp + 12, 4), RIG_USER_STACK);
    ck_assert_uint_eq(rig_read(&R, sp + 16, 4), SEL_UDATA);
    ck_assert_uint_eq(R.c->seg[SEG_SS].selector, SEL_DATA);
}
END_TEST

START_TEST(protected_mode_same_level_pushes_three_words)
{
    rig_protected(&R, 0);
    ck_assert_int_eq(rig_go(&R, "cd 21"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), 0x21);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK - 12);
    ck_assert_uint_eq(rig_read(&R, RIG_STACK - 12, 4), RIG_CODE + 2);
}
END_TEST

START_TEST(sixteen_bit_gate_pushes_words)
{
    rig_protected(&R, 0);
    rig_gate32(&R, 0x21, SYS_INT16, 0, SEL_CODE32);
    ck_assert_int_eq(rig_go(&R, "cd 21"), CPU_STOP_HALT);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK - 6);
    ck_assert_uint_eq(rig_read(&R, RIG_STACK - 6, 2), 2); /* IP, truncated */
}
END_TEST

START_TEST(bad_ss_in_the_tss_is_ts)
{
    rig_protected(&R, 3);
    rig_put(&R, RIG_TSS32 + 8, SEL_UDATA, 4);
    /* #TS needs a stack of its own that works: SS1 of a level-0 handler is
     * not there, so this ends in a triple fault. */
    ck_assert_int_eq(rig_go(&R, "0f 0b"), CPU_STOP_SHUTDOWN);
}
END_TEST

START_TEST(real_mode_uses_the_vector_table)
{
    rig_real(&R);
    ck_assert_int_eq(rig_go(&R, "f9 cd 21"), CPU_STOP_HALT);
    ck_assert_uint_eq(R.c->rip, (RIG_HANDLERS + 16 * 0x21 + 1) & 0xffff);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 0xff00 - 6);
    ck_assert_uint_eq(rig_read(&R, 0xff00 - 6, 2), 3);
    ck_assert_uint_eq(rig_read(&R, 0xff00 - 4, 2), RIG_CODE >> 4);
    ck_assert_uint_eq(rig_read(&R, 0xff00 - 2, 2), 3);
}
END_TEST

START_TEST(real_mode_divide_error_and_iret)
{
    rig_real(&R);
    /* Handler of #DE: add word [bp], 2 with BP = SP; iret. */
    rig_hex(&R, RIG_HANDLERS, "89 e5 83 46 00 02 cf");
    rig_runs(&R, "31 c9 f7 f1 f4");
    ck_assert_uint_eq(R.c->rip, 5);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 0xff00);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        fault_from_user_pushes_a_full_frame_on_rsp0,
        fault_in_kernel_aligns_the_present_stack,
        ist_switches_the_stack_without_a_change_of_level,
        trap_gate_keeps_if,
        int_n_pushes_the_next_rip,
        int_n_below_the_gates_level_is_gp,
        int1_ignores_the_gates_level,
        page_fault_reports_address_and_error,
        absent_gate_is_np_with_ext,
        gate_to_32_bit_code_is_gp_in_long_mode,
        two_contributory_exceptions_are_a_double_fault,
        page_fault_while_delivering_a_page_fault_is_a_double_fault,
        fault_while_delivering_a_benign_one_is_serial,
        triple_fault_shuts_down_with_a_line,
        delivery_is_charged_to_the_interrupt_leaf,
        interrupt_waits_for_if,
        sti_delays_by_one_instruction,
        sti_holds_an_nmi_back_too,
        sti_hlt_wakes,
        mov_ss_delays_the_single_step_trap,
        nmi_is_blocked_until_iret,
        single_step_traps_after_one_instruction,
        popf_sets_tf_for_the_next_instruction,
        instruction_breakpoint_faults_and_rf_passes_it,
        data_breakpoint_traps_after_the_access,
        data_breakpoint_sees_resident_lines,
        general_detect_faults_on_mov_dr,
        protected_mode_switches_to_the_tss_stack,
        protected_mode_same_level_pushes_three_words,
        sixteen_bit_gate_pushes_words,
        bad_ss_in_the_tss_is_ts,
        real_mode_uses_the_vector_table,
        real_mode_divide_error_and_iret,
    };
    Suite *s = suite_create("event");
    TCase *t = tcase_create("event");
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
