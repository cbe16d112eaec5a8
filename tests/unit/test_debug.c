/* SPDX-License-Identifier: Apache-2.0
 * Debug exceptions, branch records, single-stepping on branches, NMI
 * blocking and the A20 gate. The wider set of debug cases is
 * workloads/semantics/tasks.def. SDM Vol.3 "Debug, Branch Profile, TSC, and
 * Intel Resource Director Technology (Intel RDT) Features".
 */
#include "cpu/lbr.h"
#include "tests/unit/sys_rig.h"

static struct rig R;

enum {
    DEBUGCTL = 0x1d9,
    SELECT = 0x1c8,
    TOS = 0x1c9,
    FROM = 0x680,
    TO = 0x6c0,
    INFO = 0xdc0,
};

static void sixteen_records(struct rig *r)
{
    r->config.core.lbr_entries = 16;
}

static void set_up(void)
{
    rig_create(&R, sixteen_records);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

static uint64_t rd(uint32_t n)
{
    uint64_t v = 0;
    ck_assert(msr_read(R.c, n, &v));
    return v;
}

static void wr(uint32_t n, uint64_t v)
{
    ck_assert(msr_write(R.c, n, v));
}

/* The record `age` before the newest: from and to, as offsets in the code. */
static void check_record(unsigned age, uint64_t from, uint64_t to)
{
    unsigned i = (unsigned)(rd(TOS) - age) & 15;
    ck_assert_uint_eq(rd(FROM + i), from);
    ck_assert_uint_eq(rd(TO + i), to);
}

/* ----------------------------------------------------------- branch records */

/* jmp +1; nop; call +1; hlt; je (not taken); ret */
static const char branches[] = "eb 01 90 e8 01 00 00 00 f4 74 00 c3";

START_TEST(taken_branches_are_recorded)
{
    rig_long(&R, 0);
    R.c->eflags &= ~(uint32_t)FLAG_ZF;
    wr(DEBUGCTL, DEBUGCTL_LBR);
    rig_runs(&R, branches);
    ck_assert_uint_eq(rd(TOS), 3);
    check_record(2, RIG_CODE, RIG_CODE + 3);
    check_record(1, RIG_CODE + 3, RIG_CODE + 9);
    check_record(0, RIG_CODE + 11, RIG_CODE + 8);
}
END_TEST

START_TEST(nothing_is_recorded_while_off)
{
    rig_long(&R, 0);
    rig_runs(&R, branches);
    ck_assert_uint_eq(rd(TOS), 0);
    ck_assert_uint_eq(rd(FROM + 1), 0);
}
END_TEST

/* Results of the program do not depend on recording. */
START_TEST(recording_changes_no_result)
{
    /* mov ecx,100; lea rax,[rax+rcx]; loop; hlt */
    static const char sum[] = "b9 64 00 00 00 48 8d 04 08 e2 fa f4";
    uint64_t instructions[2], cycles[2];
    for (unsigned on = 0; on < 2; on++) {
        rig_long(&R, 0);
        R.c->gpr[REG_RAX] = 0;
        wr(DEBUGCTL, on ? DEBUGCTL_LBR : 0);
        uint64_t i0 = R.c->account.instructions, c0 = R.c->account.cycles;
        rig_runs(&R, sum);
        ck_assert_uint_eq(R.c->gpr[REG_RAX], 5050);
        instructions[on] = R.c->account.instructions - i0;
        cycles[on] = R.c->account.cycles - c0;
    }
    ck_assert_uint_eq(instructions[0], instructions[1]);
    ck_assert_uint_ge(cycles[0], cycles[1]); /* the caches are warm then */
    ck_assert_uint_eq(rd(TOS), 99 % 16);
}
END_TEST

START_TEST(select_filters_by_kind_and_level)
{
    rig_long(&R, 0);
    wr(SELECT, 1 << 3 | 1 << 7); /* no near relative calls and jumps */
    wr(DEBUGCTL, DEBUGCTL_LBR);
    rig_runs(&R, branches);
    ck_assert_uint_eq(rd(TOS), 1);
    check_record(0, RIG_CODE + 11, RIG_CODE + 8);
    rig_long(&R, 0);
    wr(SELECT, 1); /* nothing that ends at level 0 */
    rig_runs(&R, branches);
    ck_assert_uint_eq(rd(TOS), 1);
    ck_assert(!msr_write(R.c, SELECT, 1 << 9));
}
END_TEST

START_TEST(events_are_recorded_and_the_last_branch_kept)
{
    rig_long(&R, 3);
    wr(DEBUGCTL, DEBUGCTL_LBR);
    rig_faults(&R, "eb 00 0f 0b", EXC_UD, -1);
    check_record(0, RIG_CODE + 2, RIG_HANDLERS + 16 * EXC_UD);
    check_record(1, RIG_CODE, RIG_CODE + 2);
    ck_assert_uint_eq(rd(0x1dd), RIG_CODE);
    ck_assert_uint_eq(rd(0x1de), RIG_CODE + 2);
    rig_long(&R, 3);
    rig_faults(&R, "cd 80", 0x80, -1);
    check_record(0, RIG_CODE, RIG_HANDLERS + 16 * 0x80);
}
END_TEST

/* #DB turns recording and BTF off and is no record itself. */
START_TEST(debug_exception_stops_recording)
{
    rig_long(&R, 0);
    wr(DEBUGCTL, DEBUGCTL_LBR);
    rig_faults(&R, "eb 00 f1", EXC_DB, -1);
    ck_assert_uint_eq(rd(DEBUGCTL), 0);
    check_record(0, RIG_CODE, RIG_CODE + 2);
}
END_TEST

START_TEST(registers_exist_as_configured)
{
    uint64_t v;
    ck_assert(msr_read(R.c, FROM + 15, &v));
    ck_assert(!msr_read(R.c, FROM + 16, &v));
    ck_assert(!msr_read(R.c, INFO, &v));
    ck_assert(!msr_read(R.c, 0x1db, &v));
    ck_assert(!msr_write(R.c, TOS, 1));
    ck_assert(!msr_write(R.c, FROM, UINT64_C(1) << 50));
    wr(FROM, UINT64_C(0xffff800000000123));
    ck_assert_uint_eq(rd(FROM), UINT64_C(0xffff800000000123));
    wr(DEBUGCTL, DEBUGCTL_FREEZE);
    ck_assert(!msr_write(R.c, DEBUGCTL, 1 << 6)); /* branch trace messages */
    ck_assert(!msr_write(R.c, DEBUGCTL, 1 << 7)); /* branch trace store */
    R.c->config.lbr_entries = 32;
    wr(INFO + 31, 5);
    R.c->config.lbr_entries = 1;
    ck_assert(msr_read(R.c, 0x1db, &v));
    ck_assert(!msr_read(R.c, FROM, &v));
    R.c->config.lbr_entries = 0;
    ck_assert(!msr_read(R.c, 0x1dd, &v));
    ck_assert(!msr_write(R.c, DEBUGCTL, DEBUGCTL_LBR));
}
END_TEST

START_TEST(thirty_two_records_have_cycles)
{
    R.c->config.lbr_entries = 32;
    rig_long(&R, 0);
    wr(DEBUGCTL, DEBUGCTL_LBR);
    rig_runs(&R, "eb 00 90 90 90 eb 00 f4");
    ck_assert_uint_eq(rd(TOS), 2);
    ck_assert_uint_ge(rd(INFO + 2), 4);
    ck_assert_uint_lt(rd(INFO + 2), 0xffff);
}
END_TEST

/* --------------------------------------------------------- single stepping */

START_TEST(btf_steps_to_the_next_branch)
{
    rig_long(&R, 0);
    wr(DEBUGCTL, DEBUGCTL_BTF);
    R.c->eflags |= FLAG_TF;
    R.c->gpr[REG_RCX] = 0;
    cpu_update_mode(R.c);
    /* inc ecx; jrcxz (not taken); inc ecx; jmp; inc ecx; hlt */
    rig_faults(&R, "ff c1 e3 00 ff c1 eb 01 90 ff c1 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 2);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 9);
    ck_assert_uint_eq(R.c->dr[6] & 0xe00f, DR6_BS);
    ck_assert_uint_eq(rd(DEBUGCTL), 0);
}
END_TEST

START_TEST(btf_does_not_step_through_rep)
{
    rig_long(&R, 0);
    wr(DEBUGCTL, DEBUGCTL_BTF);
    R.c->eflags |= FLAG_TF;
    R.c->gpr[REG_RCX] = 3;
    R.c->gpr[REG_RDI] = RIG_DATA;
    cpu_update_mode(R.c);
    rig_faults(&R, "f3 aa eb 00 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 4);
}
END_TEST

START_TEST(single_step_has_bs)
{
    rig_long(&R, 0);
    R.c->eflags |= FLAG_TF;
    cpu_update_mode(R.c);
    rig_faults(&R, "90 90 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.c->dr[6], DR6_FIXED | DR6_BS);
}
END_TEST

/* B0-B3 are the newest exception's; BS and BD stay until software clears
 * them. */
START_TEST(dr6_keeps_all_but_the_breakpoints)
{
    rig_long(&R, 0);
    R.c->dr[6] = DR6_FIXED | DR6_BD | 0xf;
    R.c->dr[1] = RIG_CODE + 1;
    R.c->dr[7] = DR7_FIXED | 4;
    cpu_update_mode(R.c);
    rig_faults(&R, "90 90 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.c->dr[6], DR6_FIXED | DR6_BD | 2);
}
END_TEST

/* A data breakpoint of MOV SS waits, and is delivered in the handler of an
 * INT n that follows. */
START_TEST(held_breakpoint_fires_after_int)
{
    rig_long(&R, 0);
    R.c->dr[0] = RIG_DATA;
    R.c->dr[7] = DR7_FIXED | 0x50001 | 0x20000; /* word, read or write */
    rig_put(&R, RIG_DATA, SEL_DATA, 2);
    cpu_update_mode(R.c);
    rig_faults(&R, "8e 14 25 00 00 07 00 cd 80", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_HANDLERS + 16 * 0x80);
    ck_assert_uint_eq(R.c->dr[6] & 0xf, 1);
}
END_TEST

/* With INT1 it is one exception, whose DR6 has the breakpoint. */
START_TEST(held_breakpoint_goes_along_with_int1)
{
    rig_long(&R, 0);
    R.c->dr[0] = RIG_DATA;
    R.c->dr[7] = DR7_FIXED | 0x50001 | 0x20000;
    rig_put(&R, RIG_DATA, SEL_DATA, 2);
    cpu_update_mode(R.c);
    rig_faults(&R, "8e 14 25 00 00 07 00 f1", EXC_DB, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 8);
    ck_assert_uint_eq(R.c->dr[6] & 0xf, 1);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK - 40);
}
END_TEST

START_TEST(io_breakpoint_traps_after_the_access)
{
    rig_long(&R, 0); /* CR4.DE is set */
    R.c->dr[2] = 0x40;
    R.c->dr[7] = DR7_FIXED | 0x20 | 0x2000000;
    cpu_update_mode(R.c);
    rig_faults(&R, "e4 40 90 f4", EXC_DB, -1);
    ck_assert_uint_eq(R.ins, 1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 2);
    ck_assert_uint_eq(R.c->dr[6] & 0xf, 4);
}
END_TEST

/* ------------------------------------------------------------------- NMI */

/* A second NMI waits for the IRET of the first one's handler. */
START_TEST(nmi_waits_for_iret)
{
    rig_long(&R, 0);
    rig_hex(&R, RIG_HANDLERS + 32, "48 ff c0 90 48 cf"); /* inc rax; iretq */
    cpu_nmi(R.c);
    R.c->dr[0] = RIG_HANDLERS + 32 + 3; /* in the handler */
    R.c->dr[7] = DR7_FIXED | 1;
    cpu_update_mode(R.c);
    rig_faults(&R, "90 f4", EXC_DB, -1);
    ck_assert(R.c->nmi_blocked);
    uint64_t sp = rig_frame(&R, 3, false);
    cpu_nmi(R.c);
    R.c->dr[7] = DR7_FIXED;
    cpu_update_mode(R.c);
    ck_assert(!cpu_has_work(R.c));
    R.c->activity = ACTIVITY_RUN;
    uint64_t handler = R.c->rip;
    rig_hex(&R, handler, "90 eb fe"); /* the debug handler stays */
    (void)cpu_run(R.c, R.c->account.cycles + 1000);
    ck_assert_uint_eq(R.c->rip, handler + 1);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 1);
    R.c->rip = RIG_HANDLERS + 32 + 4; /* its IRETQ, to the NMI's frame */
    R.c->gpr[REG_RSP] = sp;
    engine_reset_fetch(R.c);
    rig_runs(&R, NULL);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 2);
    ck_assert(!R.c->nmi_blocked);
}
END_TEST

/* "If the IRET faults, NMIs are unblocked all the same": the handler of the
 * fault is interrupted. */
START_TEST(faulting_iret_unblocks_nmi)
{
    rig_long(&R, 0);
    R.c->nmi_blocked = true;
    cpu_nmi(R.c);
    rig_put(&R, RIG_STACK, RIG_CODE, 8);
    rig_put(&R, RIG_STACK + 8, 0, 8); /* a null CS */
    rig_faults(&R, "48 cf", EXC_NMI, -1);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_HANDLERS + 16 * EXC_GP);
}
END_TEST

/* ------------------------------------------------------------------- A20 */

START_TEST(closed_a20_masks_data_and_code)
{
    rig_long(&R, 0);
    rig_put(&R, 0x100000 + RIG_DATA, 0x22, 1);
    rig_put(&R, RIG_DATA, 0x11, 1);
    /* mov al,[170000h]; jmp 120010h: open, HLT; closed, INT 80h */
    rig_hex(&R, 0x100000 + RIG_CODE + 0x10, "f4");
    rig_hex(&R, RIG_CODE + 0x10, "cd 80");
    const char code[] = "8a 04 25 00 00 17 00 68 10 00 12 00 c3";
    for (unsigned round = 0; round < 2; round++) {
        rig_long(&R, 0);
        rig_runs(&R, code);
        ck_assert_uint_eq(R.c->gpr[REG_RAX] & 0xff, 0x22);
        rig_long(&R, 0);
        cpu_set_a20(R.c, false);
        rig_faults(&R, code, 0x80, -1);
        ck_assert_uint_eq(R.c->gpr[REG_RAX] & 0xff, 0x11);
        cpu_set_a20(R.c, true);
    }
}
END_TEST

/* Page tables are read through the gate, and real mode wraps. */
START_TEST(closed_a20_masks_walks_and_real_mode)
{
    rig_long(&R, 0);
    R.c->cr3 = RIG_PML4 + 0x100000;
    cpu_set_a20(R.c, false);
    mmu_flush_all(R.c->mmu, true, FLUSH_RESET);
    cpu_update_mode(R.c);
    rig_runs(&R, "90 f4");
    rig_real(&R);
    rig_put(&R, 0x10, 0x33, 1);
    rig_put(&R, 0x100010, 0x44, 1);
    R.c->seg[SEG_DS].selector = 0xffff;
    R.c->seg[SEG_DS].base = 0xffff0;
    rig_runs(&R, "a0 20 00 f4"); /* mov al, [20h]: 100010h */
    ck_assert_uint_eq(R.c->gpr[REG_RAX] & 0xff, 0x33);
    cpu_set_a20(R.c, true);
    R.c->rip = 0;
    R.c->activity = ACTIVITY_RUN;
    rig_runs(&R, NULL);
    ck_assert_uint_eq(R.c->gpr[REG_RAX] & 0xff, 0x44);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        taken_branches_are_recorded,
        nothing_is_recorded_while_off,
        recording_changes_no_result,
        select_filters_by_kind_and_level,
        events_are_recorded_and_the_last_branch_kept,
        debug_exception_stops_recording,
        registers_exist_as_configured,
        thirty_two_records_have_cycles,
        btf_steps_to_the_next_branch,
        btf_does_not_step_through_rep,
        single_step_has_bs,
        dr6_keeps_all_but_the_breakpoints,
        held_breakpoint_fires_after_int,
        held_breakpoint_goes_along_with_int1,
        io_breakpoint_traps_after_the_access,
        nmi_waits_for_iret,
        faulting_iret_unblocks_nmi,
        closed_a20_masks_data_and_code,
        closed_a20_masks_walks_and_real_mode,
    };
    Suite *s = suite_create("debug");
    TCase *t = tcase_create("debug");
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
