/* SPDX-License-Identifier: Apache-2.0
 * Instructions in VMX non-root operation: which control makes each exit and
 * what the exit reports, and which faults come first. SDM Vol.3 "Instructions
 * That Cause VM Exits", "Information for VM Exits Due to Instruction
 * Execution".
 */
#include "tests/unit/vmx_rig.h"

static struct vmx_rig X;

static void features(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->waitpkg = k->vtx.user_wait = true;
    k->monitor = k->rdpid = k->rdrand = k->rdseed = true;
    k->xsave = k->xsaves = k->xsavec = k->xsaveopt = true;
}

static void set_up(void)
{
    vmx_rig_create(&X, features);
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

/* ------------------------------------------------ each with and without */

#define ABOVE 0x80000000u /* in `proc`: no such control, it always exits */

struct row {
    const char *hex;      /* rax = RIG_DATA, rbx = 0x100, rcx = 2 */
    uint32_t proc, proc2; /* what makes it exit */
    uint32_t needs;       /* what it does not exist without */
    uint16_t reason;
    uint64_t qualification;
    uint32_t info;
};

/* Memory operands: 64-bit addresses in DS; [rax]; without index or base. */
#define A64             (2u << 7)
#define DS              (3u << 15)
#define FS              (4u << 15)
#define SS              (2u << 15)
#define NOX             (1u << 22)
#define NOB             (1u << 27)
#define RAX             (A64 | DS | NOX)
#define REGISTER        (1u << 10)
#define R1(n)           ((uint32_t)(n) << 3)
#define R2(n)           ((uint32_t)(n) << 28)
#define INDEX(n, scale) ((uint32_t)(n) << 18 | (scale))
#define BASE(n)         ((uint32_t)(n) << 23)
#define OS32            (1u << 11)
#define DT              PROC2_DESC_TABLE

static const struct row rows[] = {
    {"0f a2", ABOVE, 0, 0, REASON_CPUID, 0, 0},
    {"f4", PROC_HLT, 0, 0, REASON_HLT, 0, 0},
    {"0f 08", ABOVE, 0, 0, REASON_INVD, 0, 0},
    {"0f 09", 0, PROC2_WBINVD, 0, REASON_WBINVD, 0, 0},
    {"0f 01 38", PROC_INVLPG, 0, 0, REASON_INVLPG, RIG_DATA, 0},
    {"64 0f 01 7c 8b 10", PROC_INVLPG, 0, 0, REASON_INVLPG,
     0x7000 + 0x100 + 2 * 4 + 0x10, 0},
    {"67 0f 01 3f", PROC_INVLPG, 0, 0, REASON_INVLPG, 0xfffff000, 0},
    {"66 0f 38 82 08", PROC_INVLPG, 0, PROC2_INVPCID, REASON_INVPCID, 0,
     RAX | R2(1)},
    {"66 0f 38 82 88 78 56 34 92", PROC_INVLPG, 0, PROC2_INVPCID,
     REASON_INVPCID, UINT64_C(0xffffffff92345678), RAX | R2(1)},
    {"66 0f 38 82 0d f0 ff ff ff", PROC_INVLPG, 0, PROC2_INVPCID,
     REASON_INVPCID, RIG_CODE + 9 - 0x10, A64 | DS | NOX | NOB | R2(1)},
    {"0f 33", PROC_RDPMC, 0, 0, REASON_RDPMC, 0, 0},
    {"0f 31", PROC_RDTSC, 0, 0, REASON_RDTSC, 0, 0},
    {"0f 01 f9", PROC_RDTSC, 0, PROC2_RDTSCP, REASON_RDTSCP, 0, 0},
    {"0f 01 c8", PROC_MONITOR, 0, 0, REASON_MONITOR, 0, 0},
    {"0f 01 c9", PROC_MWAIT, 0, 0, REASON_MWAIT, 0, 0},
    {"66 0f ae f1", PROC_RDTSC, 0, PROC2_USER_WAIT, REASON_TPAUSE, 0,
     R1(1) | OS32},
    {"f2 0f ae f3", PROC_RDTSC, 0, PROC2_USER_WAIT, REASON_UMWAIT, 0,
     R1(3) | OS32},
    {"f3 90", PROC_PAUSE, 0, 0, REASON_PAUSE, 0, 0},
    {"0f c7 f0", 0, PROC2_RDRAND, 0, REASON_RDRAND, 0, R1(0) | 1 << 11},
    {"49 0f c7 f1", 0, PROC2_RDRAND, 0, REASON_RDRAND, 0, R1(9) | 2 << 11},
    {"66 0f c7 f3", 0, PROC2_RDRAND, 0, REASON_RDRAND, 0, R1(3)},
    {"0f c7 fa", 0, PROC2_RDSEED, 0, REASON_RDSEED, 0, R1(2) | 1 << 11},
    {"0f 01 d1", ABOVE, 0, 0, REASON_XSETBV, 0, 0},
    {"0f 01 00", 0, DT, 0, REASON_GDTR_IDTR, 0, RAX | OS32},
    {"0f 01 4c 8b 10", 0, DT, 0, REASON_GDTR_IDTR, 0x10,
     A64 | DS | INDEX(1, 2) | BASE(3) | OS32 | R2(1)},
    {"0f 01 10", 0, DT, 0, REASON_GDTR_IDTR, 0, RAX | OS32 | R2(2)},
    {"64 43 0f 01 5c ec f0", 0, DT, 0, REASON_GDTR_IDTR, UINT64_MAX - 0xf,
     A64 | FS | INDEX(13, 3) | BASE(12) | OS32 | R2(3)},
    {"0f 00 c1", 0, DT, 0, REASON_LDTR_TR, 0, REGISTER | R1(1)},
    {"0f 00 44 24 08", 0, DT, 0, REASON_LDTR_TR, 8, A64 | SS | NOX | BASE(4)},
    {"0f 00 ca", 0, DT, 0, REASON_LDTR_TR, 0, REGISTER | R1(2) | R2(1)},
    {"0f 00 d7", 0, DT, 0, REASON_LDTR_TR, 0, REGISTER | R1(7) | R2(2)},
    {"67 0f 00 18", 0, DT, 0, REASON_LDTR_TR, 0, 1 << 7 | DS | NOX | R2(3)},
    {"0f 23 da", PROC_MOV_DR, 0, 0, REASON_DR_ACCESS, 3 | 2 << 8, 0},
    {"41 0f 21 fa", PROC_MOV_DR, 0, 0, REASON_DR_ACCESS, 7 | 1 << 4 | 10 << 8,
     0},
    {"0f 01 c1", ABOVE, 0, 0, REASON_VMCALL, 0, 0},
    {"66 0f c7 30", ABOVE, 0, 0, REASON_VMCLEAR, 0, RAX},
    {"0f 01 c2", ABOVE, 0, 0, REASON_VMLAUNCH, 0, 0},
    {"0f c7 70 04", ABOVE, 0, 0, REASON_VMPTRLD, 4, RAX},
    {"0f c7 38", ABOVE, 0, 0, REASON_VMPTRST, 0, RAX},
    {"0f 78 cb", ABOVE, 0, 0, REASON_VMREAD, 0, REGISTER | R1(3) | R2(1)},
    {"0f 78 08", ABOVE, 0, 0, REASON_VMREAD, 0, RAX | R2(1)},
    {"0f 01 c3", ABOVE, 0, 0, REASON_VMRESUME, 0, 0},
    {"0f 79 cb", ABOVE, 0, 0, REASON_VMWRITE, 0, REGISTER | R1(3) | R2(1)},
    {"44 0f 79 40 20", ABOVE, 0, 0, REASON_VMWRITE, 0x20, RAX | R2(8)},
    {"0f 01 c4", ABOVE, 0, 0, REASON_VMXOFF, 0, 0},
    {"f3 0f c7 30", ABOVE, 0, 0, REASON_VMXON, 0, RAX},
    {"66 0f 38 80 08", ABOVE, 0, 0, REASON_INVEPT, 0, RAX | R2(1)},
    {"66 0f 38 81 08", ABOVE, 0, 0, REASON_INVVPID, 0, RAX | R2(1)},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static void registers(void)
{
    uint64_t *gpr = X.r.c->gpr;
    gpr[REG_RAX] = RIG_DATA;
    gpr[REG_RBX] = 0x100;
    gpr[REG_RCX] = 2;
    gpr[REG_RDX] = 0;
    gpr[REG_RDI] = UINT64_C(0x5fffff000);
}

static void run(const char *hex)
{
    vmx_rig_run(&X, hex);
}

static void exits(const char *hex, unsigned reason, uint64_t qualification,
                  uint32_t info)
{
    vmx_rig_exits(&X, hex, reason, qualification);
    ck_assert_msg(X.after.exit_instruction_info == info, "%s: info %x, not %x",
                  hex, X.after.exit_instruction_info, info);
}

static void faults(const char *hex, int vector)
{
    vmx_rig_faults(&X, hex, vector);
}

static void completes(const char *hex)
{
    faults(hex, -1);
}

static void extensions(void)
{
    X.v->guest_cr4 |= CR4_OSXSAVE;
    X.v->guest_fs_base = 0x7000;
    X.v->secondary_controls |=
        PROC2_RDTSCP | PROC2_INVPCID | PROC2_USER_WAIT | PROC2_XSAVES;
    registers();
}

START_TEST(test_control_on)
{
    const struct row *t = &rows[_i];
    extensions();
    X.v->primary_controls |= t->proc == ABOVE ? 0 : t->proc;
    X.v->secondary_controls |= t->proc2;
    exits(t->hex, t->reason, t->qualification, t->info);
}
END_TEST

START_TEST(test_control_off)
{
    const struct row *t = &rows[_i];
    extensions();
    if (t->proc == ABOVE)
        return;
    /* Every other control on. */
    X.v->primary_controls |=
        (PROC_HLT | PROC_INVLPG | PROC_RDPMC | PROC_RDTSC | PROC_MONITOR |
         PROC_MWAIT | PROC_PAUSE | PROC_MOV_DR) &
        ~t->proc;
    X.v->secondary_controls |=
        (PROC2_WBINVD | PROC2_RDRAND | PROC2_RDSEED | DT) & ~t->proc2;
    run(t->hex);
    ck_assert_msg(X.after.exit_reason != t->reason, "%s exits", t->hex);
}
END_TEST

/* Without the control that gives the guest the instruction: #UD, before #GP by
 * privilege and before the exit. */
START_TEST(test_needs)
{
    static const char *const also[] = {"f3 0f c7 f8", "f3 0f ae f0", "0f c7 28",
                                       "0f c7 18"};
    extensions();
    X.v->primary_controls |= PROC_INVLPG | PROC_RDTSC;
    X.v->secondary_controls &= ~(uint32_t)(PROC2_RDTSCP | PROC2_INVPCID |
                                           PROC2_USER_WAIT | PROC2_XSAVES);
    for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
        vmx_rig_long(&X, cpl);
        X.v->guest_cr4 |= CR4_TSD | CR4_OSXSAVE;
        registers();
        for (unsigned i = 0; i < ROWS; i++)
            if (rows[i].needs != 0)
                faults(rows[i].hex, EXC_UD);
        for (unsigned i = 0; i < sizeof also / sizeof also[0]; i++)
            faults(also[i], EXC_UD);
    }
}
END_TEST

/* ------------------------------------------------------------- priorities */

/* Outside level 0 the #GP, or for MONITOR and MWAIT the #UD, comes first. */
START_TEST(test_privilege_first)
{
    static const char *const gp[] = {
        "f4",       "0f 08",    "0f 09",    "0f 01 38",    "66 0f 38 82 08",
        "0f 33",    "0f 31",    "0f 01 f9", "66 0f ae f1", "f2 0f ae f3",
        "0f 01 d1", "0f 01 00", "0f 01 08", "0f 01 10",    "0f 01 18",
        "0f 00 c1", "0f 00 ca", "0f 00 d7", "0f 00 18",    "0f c7 28",
        "0f c7 18", "0f 32",    "0f 30",    "0f 20 c0",    "0f 22 c0",
        "0f 06",    "0f 01 f0"};
    vmx_rig_long(&X, 3);
    extensions();
    X.v->guest_cr4 |= CR4_TSD | CR4_UMIP;
    X.v->primary_controls |= PROC_HLT | PROC_INVLPG | PROC_RDPMC | PROC_RDTSC |
                             PROC_MONITOR | PROC_MWAIT;
    X.v->primary_controls &= ~(uint32_t)PROC_MSR_BITMAPS;
    X.v->secondary_controls |= PROC2_WBINVD | DT;
    X.v->cr0_mask = UINT64_MAX;
    X.v->xss_bitmap = UINT64_MAX;
    /* Their handler must not exit by its HLT. */
    for (unsigned i = 0; i < sizeof gp / sizeof gp[0]; i++) {
        bool halts = strcmp(gp[i], "f4") == 0;
        if (!halts)
            X.v->primary_controls &= ~(uint32_t)PROC_HLT;
        run(gp[i]);
        if (halts)
            ck_assert_uint_eq(X.after.guest_rip, RIG_HANDLERS + 16 * EXC_GP);
        else
            ck_assert_msg(rig_vector(&X.r) == EXC_GP, "%s: %d, exit %x", gp[i],
                          rig_vector(&X.r), X.after.exit_reason);
    }
    faults("0f 01 c8", EXC_UD);
    faults("0f 01 c9", EXC_UD);
}
END_TEST

/* Without TSD, PCE and UMIP in the way, level 3 exits as level 0 does; VMX
 * instructions do anyway, and MOV DR before its #GP. */
START_TEST(test_level_3_exits)
{
    static const char *const user[] = {
        "0f a2",    "0f 33",    "0f 31",         "0f 01 f9",    "66 0f ae f1",
        "f3 90",    "0f c7 f0", "0f 01 00",      "0f 00 c1",    "0f 23 da",
        "0f 01 c1", "0f 01 c2", "66 0f c7 30",   "f3 0f c7 30", "0f 01 c4",
        "0f 78 cb", "0f 79 cb", "66 0f 38 80 08"};
    vmx_rig_long(&X, 3);
    extensions();
    X.v->guest_cr4 |= CR4_PCE;
    X.v->primary_controls |= PROC_RDPMC | PROC_RDTSC | PROC_PAUSE | PROC_MOV_DR;
    X.v->secondary_controls |= PROC2_RDRAND | DT;
    for (unsigned i = 0; i < sizeof user / sizeof user[0]; i++) {
        run(user[i]);
        ck_assert_msg(X.exited, "%s: vector %d", user[i], rig_vector(&X.r));
    }
}
END_TEST

/* The exit of MOV DR comes before #UD by CR4.DE and before the #DB of DR7.GD;
 * an encoding that no register has is #UD all the same. */
START_TEST(test_mov_dr_first)
{
    X.v->primary_controls |= PROC_MOV_DR;
    X.v->guest_cr4 |= CR4_DE;
    exits("0f 21 e0", REASON_DR_ACCESS, 4 | 1 << 4, 0);
    X.v->guest_dr7 |= DR7_GD;
    X.v->entry_controls |= ENTRY_LOAD_DEBUG;
    exits("0f 21 c0", REASON_DR_ACCESS, 1 << 4, 0);
    faults("44 0f 21 c0", EXC_UD);
    X.v->primary_controls &= ~(uint32_t)PROC_MOV_DR;
    faults("0f 21 e0", EXC_UD);
    faults("0f 21 c0", EXC_DB);
}
END_TEST

/* Exits come before the faults of operands: of a page that is not there, of a
 * misaligned XSAVE area, of a reserved hint; and before #NM. */
START_TEST(test_before_operands)
{
    extensions();
    X.v->guest_cr0 |= CR0_TS;
    X.v->secondary_controls |= DT;
    X.v->primary_controls |= PROC_MONITOR | PROC_RDTSC;
    X.v->xss_bitmap = UINT64_MAX;
    X.r.c->xss = 0;
    X.r.c->gpr[REG_RAX] = UINT64_C(0x8000000000001);
    exits("0f 01 10", REASON_GDTR_IDTR, 0, RAX | OS32 | R2(2));
    exits("66 0f c7 30", REASON_VMCLEAR, 0, RAX);
    exits("0f 01 c8", REASON_MONITOR, 0, 0); /* ECX is 2 */
    exits("66 0f ae f1", REASON_TPAUSE, 0, R1(1) | OS32);
    faults("0f c7 28", EXC_NM); /* no bit of IA32_XSS: no exit */
    X.r.c->xss = 1 << 8;
    X.r.c->gpr[REG_RAX] = UINT64_C(0x8000000000101);
    exits("0f c7 28", REASON_XSAVES, 0, RAX);
    exits("48 0f c7 68 40", REASON_XSAVES, 0x40, RAX);
    exits("0f c7 18", REASON_XRSTORS, 0, RAX);
    X.v->xss_bitmap = ~UINT64_C(0x100);
    faults("0f c7 18", EXC_NM);
    X.r.c->xss = 0;
}
END_TEST

/* MWAIT says whether a line is monitored. */
START_TEST(test_mwait_armed)
{
    extensions();
    X.r.c->gpr[REG_RCX] = 0;
    X.v->primary_controls |= PROC_MWAIT;
    run("0f 01 c8 0f 01 c9");
    ck_assert_uint_eq(X.after.exit_reason, REASON_MWAIT);
    ck_assert_uint_eq(X.after.exit_qualification, 1);
    ck_assert_uint_eq(X.after.guest_rip, RIG_CODE + 3);
}
END_TEST

/* With "interrupt-window exiting" and interrupts off, MWAIT that any interrupt
 * would end does not wait. */
START_TEST(test_mwait_window)
{
    /* monitor; inc ecx; mwait */
    static const char code[] = "0f 01 c8 ff c1 0f 01 c9";
    extensions();
    X.r.c->gpr[REG_RCX] = 0;
    vmx_rig_run(&X, code);
    ck_assert_int_eq(X.r.c->activity, ACTIVITY_MWAIT);
    X.r.c->gpr[REG_RCX] = 0;
    X.v->primary_controls |= PROC_INTERRUPT_WINDOW;
    completes(code);
    X.r.c->gpr[REG_RCX] = UINT32_MAX; /* ECX[0] is 0: it does */
    vmx_rig_run(&X, "ff c1 0f 01 c8 0f 01 c9");
    ck_assert_int_eq(X.r.c->activity, ACTIVITY_MWAIT);
}
END_TEST

/* ---------------------------------------------------------- other modes */

/* VMCALL exits from any mode; the others are #UD in compatibility mode. */
START_TEST(test_modes)
{
    vmx_rig_long(&X, 0);
    X.v->guest_rip = RIG_CODE;
    vmcs_set_segment(X.v, SEG_CS,
                     &(struct segment){.selector = SEL_CODE32,
                                       .limit = UINT32_MAX,
                                       .attr = 0xc09b});
    registers();
    exits("0f 01 c1", REASON_VMCALL, 0, 0);
    faults("0f 01 c2", EXC_UD);
    faults("0f 78 cb", EXC_UD);
}
END_TEST

/* Forms of addresses that 64-bit mode does not have. */
START_TEST(test_32_bit_information)
{
    vmx_rig_protected(&X, 0);
    X.v->secondary_controls |= DT;
    registers();
    /* lgdt [bx+si-2], 16-bit operand */
    exits("66 67 0f 01 50 fe", REASON_GDTR_IDTR, UINT64_MAX - 1,
          DS | INDEX(6, 0) | BASE(3) | R2(2));
    /* sidt [bp], a stack address */
    exits("67 0f 01 4e 00", REASON_GDTR_IDTR, 0,
          SS | NOX | BASE(5) | OS32 | R2(1));
    /* lgdt es:[0x1234] */
    exits("26 0f 01 15 34 12 00 00", REASON_GDTR_IDTR, 0x1234,
          1 << 7 | NOX | NOB | OS32 | R2(2));
    X.v->guest_ds_base = 0x2000;
    X.v->primary_controls |= PROC_INVLPG;
    X.r.c->gpr[REG_RAX] = 0xfffff000;
    exits("0f 01 38", REASON_INVLPG, 0x1000, 0);
}
END_TEST

/* ----------------------------------------------------------------- PAUSE */

/* A loop of PAUSE: 100 iterations, each some hundred cycles. */
#define PAUSES "b9 64 00 00 00 f3 90 ff c9 75 fa"

START_TEST(test_pause_loop)
{
    X.v->secondary_controls |= PROC2_PAUSE_LOOP;
    X.v->ple_gap = 2000;
    X.v->ple_window = 3000;
    uint64_t began = X.r.c->account.cycles;
    run(PAUSES);
    ck_assert_uint_eq(X.after.exit_reason, REASON_PAUSE);
    ck_assert_uint_gt(X.r.c->account.cycles - began, 3000);
    ck_assert_uint_gt(X.r.c->gpr[REG_RCX], 50);
    X.v->ple_window = 1000000; /* never so long */
    completes(PAUSES);
    X.v->ple_window = 3000;
    X.v->ple_gap = 10; /* each begins a loop of its own */
    completes(PAUSES);
    vmx_rig_long(&X, 3); /* not outside level 0 */
    X.v->ple_gap = 2000;
    faults(PAUSES, EXC_GP);
}
END_TEST

/* F3 90 with REX.B exchanges RAX and R8. */
START_TEST(test_not_pause)
{
    X.v->primary_controls |= PROC_PAUSE;
    X.r.c->gpr[REG_RAX] = 1;
    X.r.c->gpr[8] = 2;
    completes("f3 49 90");
    ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 2);
}
END_TEST

/* ----------------------------------------------------------- shadow VMCS */

START_TEST(test_shadow_vmcs)
{
    enum { RIP_FIELD = 0x681e };
    X.v->secondary_controls |= PROC2_SHADOW;
    X.v->vmcs_link = VMX_LINK;
    X.r.c->gpr[REG_RCX] = RIP_FIELD;
    X.r.c->gpr[REG_RBX] = 0x1234567;
    completes("0f 79 cb 0f 78 ca"); /* vmwrite rcx, rbx; vmread rdx, rcx */
    ck_assert_uint_eq(X.r.c->gpr[REG_RDX], 0x1234567);
    ck_assert_uint_eq(
        rig_read(&X.r, VMX_LINK + offsetof(struct vmcs, guest_rip), 8),
        0x1234567);
    rig_put(&X.r, VMX_WRITE_BITMAP + RIP_FIELD / 8, 1 << (RIP_FIELD & 7), 1);
    completes("0f 78 ca");
    exits("0f 79 cb", REASON_VMWRITE, 0, REGISTER | R1(3) | R2(1));
    rig_put(&X.r, VMX_READ_BITMAP + RIP_FIELD / 8, 1 << (RIP_FIELD & 7), 1);
    exits("0f 78 cb", REASON_VMREAD, 0, REGISTER | R1(3) | R2(1));
    /* More than 15 bits, in the low or the high half. */
    X.r.c->gpr[REG_RCX] = 0x8000;
    exits("0f 78 cb", REASON_VMREAD, 0, REGISTER | R1(3) | R2(1));
    X.r.c->gpr[REG_RCX] = UINT64_C(1) << 32;
    exits("0f 79 cb", REASON_VMWRITE, 0, REGISTER | R1(3) | R2(1));
    /* What does not exit is privileged. */
    vmx_rig_long(&X, 3);
    X.r.c->gpr[REG_RCX] = 0x6820;
    faults("0f 78 cb", EXC_GP);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmx_intercept");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_loop_test(t, test_control_on, 0, ROWS);
    tcase_add_loop_test(t, test_control_off, 0, ROWS);
    tcase_add_test(t, test_needs);
    tcase_add_test(t, test_privilege_first);
    tcase_add_test(t, test_level_3_exits);
    tcase_add_test(t, test_mov_dr_first);
    tcase_add_test(t, test_before_operands);
    tcase_add_test(t, test_mwait_armed);
    tcase_add_test(t, test_mwait_window);
    tcase_add_test(t, test_modes);
    tcase_add_test(t, test_32_bit_information);
    tcase_add_test(t, test_pause_loop);
    tcase_add_test(t, test_not_pause);
    tcase_add_test(t, test_shadow_vmcs);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
