/* SPDX-License-Identifier: Apache-2.0
 * Segment loads, far transfers, IRET and the fast system calls.
 * SDM Vol.3 "Protection", Vol.2 of each instruction.
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

static void set_rax(uint64_t v)
{
    R.c->gpr[REG_RAX] = v;
}

/* ------------------------------------------------------- segment registers */

START_TEST(mov_ds_loads_the_hidden_part_and_marks_accessed)
{
    rig_protected(&R, 0);
    set_rax(SEL_UNACCESSED);
    rig_runs(&R, "8e d8 f4");
    ck_assert_uint_eq(R.c->seg[SEG_DS].base, 0x1000);
    ck_assert_uint_eq(R.c->seg[SEG_DS].limit, 0xfff);
    ck_assert_uint_eq(R.c->seg[SEG_DS].attr, 0x4093);
    ck_assert_uint_eq(rig_read(&R, RIG_GDT + SEL_UNACCESSED + 5, 1), 0x93);
    ck_assert_uint_eq(R.c->mode & MODE_FLAT, 0);
}
END_TEST

START_TEST(null_data_selectors_load_and_fault_when_used)
{
    rig_protected(&R, 0);
    set_rax(3);
    ck_assert_int_eq(rig_go(&R, "8e d8 8b 03 f4"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), EXC_GP);
    ck_assert_uint_eq(R.c->seg[SEG_DS].selector, 3);
    ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP] + 4, 4), RIG_CODE + 2);
}
END_TEST

START_TEST(bad_data_selectors_name_themselves)
{
    static const struct {
        uint16_t sel;
        int vector, error;
    } rows[] = {
        {SEL_TSS, EXC_GP, SEL_TSS},
        {SEL_EXECUTE_ONLY, EXC_GP, SEL_EXECUTE_ONLY},
        {SEL_ABSENT, EXC_NP, SEL_ABSENT},
        {0x1000, EXC_GP, 0x1000},             /* beyond the limit */
        {SEL_DATA | 4, EXC_GP, SEL_DATA | 4}, /* no LDT */
        {SEL_DATA | 3, EXC_GP, SEL_DATA},     /* RPL > DPL */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_long(&R, 0);
        set_rax(rows[i].sel);
        rig_faults(&R, "8e c0 f4", rows[i].vector, rows[i].error);
    }
}
END_TEST

START_TEST(bad_stack_selectors_name_themselves)
{
    static const struct {
        uint16_t sel;
        int vector, error;
    } rows[] = {
        {SEL_READONLY, EXC_GP, SEL_READONLY},
        {SEL_UDATA, EXC_GP, SEL_UDATA & ~3},
        {SEL_ABSENT, EXC_SS, SEL_ABSENT},
        {SEL_CODE64, EXC_GP, SEL_CODE64},
        {3, EXC_GP, 0}, /* null with RPL != CPL */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_long(&R, 0);
        set_rax(rows[i].sel);
        rig_faults(&R, "8e d0 f4", rows[i].vector, rows[i].error);
    }
}
END_TEST

START_TEST(null_ss_is_fine_in_64_bit_kernel_code)
{
    rig_long(&R, 0);
    set_rax(0);
    rig_runs(&R, "8e d0 50 58 f4");
    ck_assert_uint_eq(R.c->seg[SEG_SS].selector, 0);
    ck_assert_uint_eq(R.c->mode & MODE_CPL, 0);
}
END_TEST

START_TEST(mov_to_cs_is_ud)
{
    rig_long(&R, 0);
    rig_faults(&R, "8e c8", EXC_UD, -1);
}
END_TEST

START_TEST(mov_from_sreg_zero_extends_registers_and_stores_words)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RCX] = UINT64_MAX;
    R.c->gpr[REG_RBX] = RIG_DATA;
    rig_put(&R, RIG_DATA, UINT64_MAX, 8);
    rig_runs(&R, "8c d9 8c 1b f4"); /* mov ecx, ds; mov [rbx], ds */
    ck_assert_uint_eq(R.c->gpr[REG_RCX], SEL_DATA);
    ck_assert_uint_eq(rig_read(&R, RIG_DATA, 8),
                      UINT64_C(0xffffffffffff0000) | SEL_DATA);
}
END_TEST

START_TEST(push_and_pop_of_fs)
{
    rig_long(&R, 0);
    rig_runs(&R, "0f a0 0f a9 f4"); /* push fs; pop gs */
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK);
    ck_assert_uint_eq(R.c->seg[SEG_GS].selector, SEL_DATA);
    ck_assert_uint_eq(rig_read(&R, RIG_STACK - 8, 8), SEL_DATA);
}
END_TEST

START_TEST(lss_loads_both_or_nothing)
{
    rig_protected(&R, 0);
    R.c->gpr[REG_RBX] = RIG_DATA;
    rig_put(&R, RIG_DATA, 0x12345, 4);
    rig_put(&R, RIG_DATA + 4, SEL_DATA, 2);
    rig_runs(&R, "0f b2 23 f4"); /* lss esp, [ebx] */
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 0x12345);
    rig_protected(&R, 0);
    rig_put(&R, RIG_DATA + 4, SEL_READONLY, 2);
    ck_assert_int_eq(rig_go(&R, NULL), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), EXC_GP);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_STACK - 16);
}
END_TEST

START_TEST(lldt_and_ltr)
{
    rig_long(&R, 0);
    rig_put(&R, RIG_LDT + 8, rig_descriptor(0x1000, 0xff, 0x93, 4), 8);
    set_rax(SEL_LDT);
    R.c->gpr[REG_RBX] = 0xc;
    R.c->gpr[REG_RCX] = SEL_TSS;
    rig_runs(&R, "0f 00 d0 8e c3 0f 00 d9 f4");
    ck_assert_uint_eq(R.c->seg[SEG_ES].base, 0x1000);
    ck_assert_uint_eq(R.c->seg[SEG_LDTR].base, RIG_LDT);
    /* The TSS is busy now: a second LTR is #GP. */
    ck_assert_uint_eq(rig_read(&R, RIG_GDT + SEL_TSS + 5, 1), 0x8b);
    rig_long(&R, 0);
    set_rax(SEL_TSS);
    rig_faults(&R, "0f 00 d8", EXC_GP, SEL_TSS);
}
END_TEST

START_TEST(lar_lsl_verr_verw_answer_in_zf)
{
    rig_long(&R, 3);
    R.c->gpr[REG_RBX] = SEL_UDATA;
    R.c->gpr[REG_RCX] = SEL_DATA; /* not visible from CPL 3 */
    /* lar eax, bx; lsl edx, bx; verw bx; setz r8b; lar esi, cx; setz r9b;
     * verr cx; setz r10b; int 80h */
    rig_faults(&R,
               "0f 02 c3 0f 03 d3 0f 00 eb 41 0f 94 c0 0f 02 f1 41 0f 94 c1 "
               "0f 00 e1 41 0f 94 c2 cd 80",
               0x80, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0xcff300);
    ck_assert_uint_eq(R.c->gpr[REG_RDX], 0xffffffff);
    ck_assert_uint_eq(R.c->gpr[8], 1);
    ck_assert_uint_eq(R.c->gpr[9], 0);
    ck_assert_uint_eq(R.c->gpr[10], 0);
}
END_TEST

START_TEST(arpl_raises_the_rpl)
{
    rig_protected(&R, 0);
    set_rax(SEL_DATA);
    R.c->gpr[REG_RCX] = 3;
    rig_runs(&R, "63 c8 f4"); /* arpl ax, cx */
    ck_assert_uint_eq(R.c->gpr[REG_RAX], SEL_DATA | 3);
    ck_assert_uint_ne(flags_arith(R.c) & FLAG_ZF, 0);
}
END_TEST

/* ------------------------------------------------------------ far transfers */

START_TEST(far_jump_to_compatibility_mode_and_back)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RBX] = RIG_DATA;
    rig_put(&R, RIG_DATA, RIG_CODE + 0x100, 4);
    rig_put(&R, RIG_DATA + 4, SEL_CODE32, 2);
    /* 32-bit code: inc eax (0x40 is a REX in 64-bit); ljmp back. */
    rig_hex(&R, RIG_CODE + 0x100, "40 ea 00 02 02 00 08 00");
    rig_hex(&R, RIG_CODE + 0x200, "f4");
    rig_runs(&R, "31 c0 ff 2b");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 1);
    ck_assert_uint_ne(R.c->mode & MODE_LONG, 0);
}
END_TEST

START_TEST(far_jump_refusals)
{
    static const struct {
        uint16_t sel;
        int vector, error;
    } rows[] = {
        {0, EXC_GP, 0},
        {SEL_DATA, EXC_GP, SEL_DATA},
        {SEL_UCODE64, EXC_GP, SEL_UCODE64 & ~3},
        {SEL_CODE64_BOTH, EXC_GP, SEL_CODE64_BOTH},
        {SEL_TSS, EXC_GP, SEL_TSS}, /* no task switches in IA-32e mode */
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_long(&R, 0);
        R.c->gpr[REG_RBX] = RIG_DATA;
        rig_put(&R, RIG_DATA, RIG_CODE, 4);
        rig_put(&R, RIG_DATA + 4, rows[i].sel, 2);
        rig_faults(&R, "ff 2b", rows[i].vector, rows[i].error);
    }
}
END_TEST

START_TEST(conforming_code_keeps_the_level)
{
    rig_long(&R, 3);
    R.c->gpr[REG_RBX] = RIG_DATA;
    rig_put(&R, RIG_DATA, RIG_CODE + 0x100, 4);
    rig_put(&R, RIG_DATA + 4, SEL_CONFORMING, 2);
    rig_hex(&R, RIG_CODE + 0x100, "cd 80");
    rig_faults(&R, "ff 2b", 0x80, -1);
    ck_assert_uint_eq(rig_frame(&R, 1, false), SEL_CONFORMING | 3);
}
END_TEST

START_TEST(call_gate_in_long_mode_switches_stacks)
{
    rig_long(&R, 3);
    R.c->gpr[REG_RBX] = RIG_DATA;
    rig_put(&R, RIG_DATA + 4, SEL_GATE64 | 3, 2);
    ck_assert_int_eq(rig_go(&R, "ff 1b"), CPU_STOP_HALT);
    ck_assert_uint_eq(R.c->rip, RIG_GATE_TARGET + 1);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], RIG_RSP0 - 32);
    ck_assert_uint_eq(rig_frame(&R, 0, false), RIG_CODE + 2);
    ck_assert_uint_eq(rig_frame(&R, 1, false), SEL_UCODE64);
    ck_assert_uint_eq(rig_frame(&R, 2, false), RIG_USER_STACK);
    ck_assert_uint_eq(rig_frame(&R, 3, false), SEL_UDATA);
    ck_assert_uint_eq(R.c->seg[SEG_SS].selector, 0);
}
END_TEST

/* A 32-bit gate copies its parameter; RETF with an immediate drops both. */
START_TEST(call_gate_32_copies_parameters_and_retf_returns)
{
    rig_protected(&R, 3);
    R.c->seg[SEG_ES] = rig_segment(&R, SEL_DATA); /* an inner-level segment */
    rig_put(&R, RIG_USER_STACK - 4, 0x1234, 4);
    R.c->gpr[REG_RSP] = RIG_USER_STACK - 4;
    rig_hex(&R, RIG_GATE_TARGET, "8b 44 24 08 ca 04 00"); /* retf 4 */
    /* lcall 0:SEL_GATE32|3; int 80h */
    ck_assert_int_eq(rig_go(&R, "9a 00 00 00 00 8b 00 cd 80"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), 0x80);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0x1234);
    ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP] + 12, 4), RIG_USER_STACK);
    ck_assert_uint_eq(R.c->seg[SEG_ES].selector, 0);
    rig_hex(&R, RIG_GATE_TARGET, "f4");
}
END_TEST

/* ------------------------------------------------------------------- IRET */

static void frame64(uint64_t rip, uint64_t cs, uint64_t flags, uint64_t rsp,
                    uint64_t ss)
{
    uint64_t at = RIG_STACK - 40;
    R.c->gpr[REG_RSP] = at;
    rig_put(&R, at, rip, 8);
    rig_put(&R, at + 8, cs, 8);
    rig_put(&R, at + 16, flags, 8);
    rig_put(&R, at + 24, rsp, 8);
    rig_put(&R, at + 32, ss, 8);
}

START_TEST(iretq_to_user_drops_inner_segments)
{
    rig_long(&R, 0);
    frame64(RIG_CODE + 0x100, SEL_UCODE64, FLAG_IF | FLAG_AC | FLAG_ONE,
            RIG_USER_STACK, SEL_UDATA);
    rig_hex(&R, RIG_CODE + 0x100, "cd 80");
    R.c->seg[SEG_FS].selector = 0; /* null with a base: it stays */
    R.c->seg[SEG_FS].attr = SEG_ATTR_UNUSABLE;
    R.c->seg[SEG_FS].base = 0x1234;
    R.c->seg[SEG_GS] = R.c->seg[SEG_DS]; /* of level 0: only the base stays */
    R.c->seg[SEG_GS].base = 0x5678;
    rig_faults(&R, "48 cf", 0x80, -1);
    ck_assert_uint_eq(rig_frame(&R, 1, false), SEL_UCODE64);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_IF | FLAG_AC | FLAG_ONE);
    ck_assert_uint_eq(rig_frame(&R, 3, false), RIG_USER_STACK);
    ck_assert_uint_eq(rig_frame(&R, 4, false), SEL_UDATA);
    ck_assert_uint_eq(R.c->seg[SEG_DS].selector, 0);
    ck_assert_uint_eq(R.c->seg[SEG_FS].base, 0x1234);
    ck_assert_uint_eq(R.c->seg[SEG_GS].selector, 0);
    ck_assert_uint_eq(R.c->seg[SEG_GS].base, 0x5678);
}
END_TEST

START_TEST(iretq_refusals_leave_the_stack)
{
    static const struct {
        uint64_t rip;
        uint16_t cs, ss;
        int vector, error;
    } rows[] = {
        {RIG_CODE, 0, SEL_DATA, EXC_GP, 0},
        {RIG_CODE, SEL_DATA, SEL_DATA, EXC_GP, SEL_DATA},
        {RIG_CODE, SEL_UCODE64, SEL_DATA, EXC_GP, SEL_DATA},
        {RIG_CODE, SEL_UCODE64, 0, EXC_GP, 0},
        {RIG_CODE, SEL_CODE64, SEL_ABSENT, EXC_SS, SEL_ABSENT},
        {UINT64_C(1) << 47, SEL_CODE64, SEL_DATA, EXC_GP, 0},
        {RIG_CODE, SEL_CODE64_BOTH, SEL_DATA, EXC_GP, SEL_CODE64_BOTH},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_long(&R, 0);
        frame64(rows[i].rip, rows[i].cs, FLAG_ONE, RIG_STACK, rows[i].ss);
        rig_faults(&R, "48 cf", rows[i].vector, rows[i].error);
        ck_assert_uint_eq(rig_frame(&R, 3, true), RIG_STACK - 40);
        ck_assert_uint_eq(rig_frame(&R, 0, true), RIG_CODE);
    }
}
END_TEST

START_TEST(iret_with_nt_in_long_mode_is_gp)
{
    rig_long(&R, 0);
    R.c->eflags |= FLAG_NT;
    rig_faults(&R, "48 cf", EXC_GP, 0);
}
END_TEST

/* At CPL 3 neither IOPL nor IF (IOPL 0) changes. */
START_TEST(iret_in_user_code_keeps_privileged_flags)
{
    rig_long(&R, 3);
    frame64(RIG_CODE + 2, SEL_UCODE64, 0x3000 | FLAG_IF | FLAG_CF | FLAG_ONE,
            RIG_USER_STACK, SEL_UDATA);
    rig_faults(&R, "48 cf cd 80", 0x80, -1);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_CF | FLAG_ONE);
}
END_TEST

START_TEST(iretd_in_protected_mode_to_user)
{
    rig_protected(&R, 0);
    uint32_t at = RIG_STACK - 20;
    R.c->gpr[REG_RSP] = at;
    rig_put(&R, at, RIG_CODE + 0x100, 4);
    rig_put(&R, at + 4, SEL_UCODE32, 4);
    rig_put(&R, at + 8, FLAG_ONE, 4);
    rig_put(&R, at + 12, RIG_USER_STACK, 4);
    rig_put(&R, at + 16, SEL_UDATA, 4);
    rig_hex(&R, RIG_CODE + 0x100, "cd 80");
    ck_assert_int_eq(rig_go(&R, "cf"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), 0x80);
    ck_assert_uint_eq(rig_read(&R, RIG_RSP0 - 8, 4), RIG_USER_STACK);
    ck_assert_uint_eq(R.c->seg[SEG_DS].selector, 0);
}
END_TEST

/* ------------------------------------------------------------ system calls */

static void set_syscall(void)
{
    R.c->msr.star = (uint64_t)0x18 << 48 | (uint64_t)SEL_CODE64 << 32;
    R.c->msr.lstar = RIG_CODE + 0x100;
    R.c->msr.fmask = FLAG_IF | FLAG_CF;
}

START_TEST(syscall_and_sysretq)
{
    rig_long(&R, 3);
    set_syscall();
    R.c->eflags |= FLAG_IF | FLAG_CF | FLAG_ZF;
    /* Kernel: mov rsi, rcx; mov rdi, r11; pushf-free look at CF; sysretq. */
    rig_hex(&R, RIG_CODE + 0x100, "0f 92 c2 48 89 ce 4c 89 df 48 0f 07");
    rig_faults(&R, "0f 05 cd 80", 0x80, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RSI], RIG_CODE + 2);
    ck_assert_uint_eq(R.c->gpr[REG_RDI],
                      FLAG_IF | FLAG_CF | FLAG_ZF | FLAG_ONE);
    ck_assert_uint_eq(R.c->gpr[REG_RDX] & 1, 0); /* FMASK cleared CF */
    ck_assert_uint_eq(rig_frame(&R, 1, false), 0x18 + 16 + 3);
    ck_assert_uint_eq(rig_frame(&R, 2, false),
                      FLAG_IF | FLAG_CF | FLAG_ZF | FLAG_ONE);
    ck_assert_uint_eq(rig_frame(&R, 3, false), RIG_USER_STACK);
    ck_assert_uint_eq(rig_frame(&R, 4, false), 0x18 + 8 + 3);
    ck_assert_uint_eq(R.c->count.syscalls, 1);
}
END_TEST

START_TEST(syscall_without_sce_is_ud)
{
    rig_long(&R, 3);
    R.c->efer &= ~(uint64_t)EFER_SCE;
    rig_faults(&R, "0f 05", EXC_UD, -1);
}
END_TEST

START_TEST(sysret_to_a_non_canonical_rip_is_gp_at_level_0)
{
    rig_long(&R, 0);
    set_syscall();
    R.c->gpr[REG_RCX] = UINT64_C(1) << 47;
    rig_faults(&R, "48 0f 07", EXC_GP, 0);
    ck_assert_uint_eq(rig_frame(&R, 1, true), SEL_CODE64);
}
END_TEST

START_TEST(sysret_at_level_3_is_gp)
{
    rig_long(&R, 3);
    rig_faults(&R, "48 0f 07", EXC_GP, 0);
}
END_TEST

START_TEST(sysenter_and_sysexit)
{
    rig_long(&R, 3);
    R.c->msr.sysenter_cs = SEL_CODE64;
    R.c->msr.sysenter_eip = RIG_CODE + 0x100;
    R.c->msr.sysenter_esp = RIG_STACK;
    R.c->eflags |= FLAG_IF;
    R.c->gpr[REG_RDX] = RIG_CODE + 0x200;
    R.c->gpr[REG_RCX] = RIG_USER_STACK - 8;
    rig_hex(&R, RIG_CODE + 0x100, "48 89 e0 48 0f 35");
    rig_hex(&R, RIG_CODE + 0x200, "cd 80");
    rig_faults(&R, "0f 34", 0x80, -1);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], RIG_STACK);
    ck_assert_uint_eq(rig_frame(&R, 1, false), SEL_CODE64 + 32 + 3);
    ck_assert_uint_eq(rig_frame(&R, 2, false), FLAG_ONE); /* IF cleared */
    ck_assert_uint_eq(rig_frame(&R, 3, false), RIG_USER_STACK - 8);
    ck_assert_uint_eq(rig_frame(&R, 4, false), SEL_CODE64 + 40 + 3);
}
END_TEST

START_TEST(sysenter_without_a_selector_is_gp)
{
    rig_long(&R, 3);
    R.c->msr.sysenter_cs = 3;
    rig_faults(&R, "0f 34", EXC_GP, 0);
}
END_TEST

static void use_amd(struct rig *r)
{
    r->config.core.vendor = VENDOR_AMD;
}

/* The vendors differ: AMD has SYSCALL in compatibility mode and no SYSENTER
 * in long mode. */
START_TEST(amd_sysenter_is_ud_and_compatibility_syscall_uses_cstar)
{
    rig_destroy(&R);
    rig_create(&R, use_amd);
    rig_long(&R, 3);
    R.c->msr.sysenter_cs = SEL_CODE64;
    rig_faults(&R, "0f 34", EXC_UD, -1);
    rig_long(&R, 3);
    set_syscall();
    R.c->msr.cstar = RIG_CODE + 0x300;
    R.c->seg[SEG_CS] = rig_segment(&R, SEL_UCODE32);
    cpu_update_mode(R.c);
    rig_hex(&R, RIG_CODE + 0x300, "f4");
    rig_runs(&R, "0f 05");
    ck_assert_uint_eq(R.c->rip, RIG_CODE + 0x301);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], RIG_CODE + 2);
}
END_TEST

START_TEST(intel_syscall_in_compatibility_mode_is_ud)
{
    rig_long(&R, 3);
    set_syscall();
    R.c->seg[SEG_CS] = rig_segment(&R, SEL_UCODE32);
    cpu_update_mode(R.c);
    rig_faults(&R, "0f 05", EXC_UD, -1);
}
END_TEST

/* ------------------------------------------------------------------- ports */

START_TEST(in_and_out_reach_the_port)
{
    rig_long(&R, 0);
    R.port_value = 0x11223343;
    R.c->gpr[REG_RAX] = UINT64_MAX;
    R.c->gpr[REG_RDX] = 0x3f8;
    rig_runs(&R, "ec f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], UINT64_C(0xffffffffffffff44));
    ck_assert_uint_eq(R.port, 0x3f8);
    rig_long(&R, 0);
    R.c->gpr[REG_RAX] = 0x55aa;
    rig_runs(&R, "66 e7 f4 f4"); /* out 0f4h, ax */
    ck_assert_uint_eq(R.port, 0xf4);
    ck_assert_uint_eq(R.port_len, 2);
    ck_assert_uint_eq(R.port_value, 0x55aa);
}
END_TEST

START_TEST(unclaimed_ports_read_as_ones)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RDX] = 0x9000;
    rig_runs(&R, "ed f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], UINT32_MAX);
}
END_TEST

/* The bitmap begins at 68h: bit clear allows, set refuses, as does a word
 * beyond the limit. */
START_TEST(io_bitmap_decides_below_iopl)
{
    rig_long(&R, 3);
    rig_put(&R, RIG_TSS + 0x68 + 0x10, 0x02, 1); /* port 81h */
    rig_faults(&R, "e4 80 cd 80", 0x80, -1);
    rig_long(&R, 3);
    rig_faults(&R, "e4 81", EXC_GP, 0);
    rig_long(&R, 3);
    rig_faults(&R, "66 e5 80", EXC_GP, 0);
    rig_long(&R, 3);
    R.c->seg[SEG_TR].limit = 0x68 + 0x0f;
    rig_faults(&R, "e4 78", EXC_GP, 0);
    rig_long(&R, 3);
    R.c->eflags |= 0x3000;
    cpu_update_mode(R.c);
    rig_faults(&R, "e4 81 cd 80", 0x80, -1);
}
END_TEST

START_TEST(rep_insb_fills_memory_and_counts_one_instruction)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RDI] = RIG_DATA;
    R.c->gpr[REG_RCX] = 3;
    R.c->gpr[REG_RDX] = 0x60;
    uint64_t before = R.c->account.instructions;
    rig_runs(&R, "f3 6c f4");
    ck_assert_uint_eq(rig_read(&R, RIG_DATA, 4), 0x030201);
    ck_assert_uint_eq(R.c->gpr[REG_RDI], RIG_DATA + 3);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0);
    ck_assert_uint_eq(R.c->account.instructions - before, 2);
}
END_TEST

/* The port is not read when the store cannot happen. */
START_TEST(ins_checks_the_store_first)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RDI] = UINT64_C(0x40000000);
    rig_faults(&R, "6c", EXC_PF, 2);
    ck_assert_uint_eq(R.ins, 0);
}
END_TEST

START_TEST(outsd_with_an_override_and_df)
{
    rig_long(&R, 0);
    R.c->seg[SEG_GS].base = 0x100;
    R.c->eflags |= FLAG_DF;
    R.c->gpr[REG_RSI] = RIG_DATA;
    rig_put(&R, RIG_DATA + 0x100, 0xdeadbeef, 4);
    rig_runs(&R, "65 6f f4");
    ck_assert_uint_eq(R.port_value, 0xdeadbeef);
    ck_assert_uint_eq(R.c->gpr[REG_RSI], RIG_DATA - 4);
}
END_TEST

/* ---------------------------------------------------------- changing modes */

START_TEST(real_mode_to_long_mode_and_on)
{
    rig_real(&R);
    rig_put(&R, 0x500, SEL_END - 1, 2); /* GDTR image */
    rig_put(&R, 0x502, RIG_GDT, 4);
    /* 16 bit: lgdt [500h]; mov eax, cr0; or al, 1; mov cr0, eax;
     * ljmp SEL_CODE32:20100h (66h prefix) */
    rig_hex(&R, RIG_CODE,
            "0f 01 16 00 05 0f 20 c0 0c 01 0f 22 c0 66 ea 00 01 02 00 30 00");
    /* 32 bit: mov eax, cr4 | PAE; mov cr3; EFER.LME; CR0.PG; ljmp 64 */
    rig_hex(&R, RIG_CODE + 0x100,
            "66 b8 10 00 8e d8 8e d0 0f 20 e0 83 c8 20 0f 22 e0 "
            "b8 00 10 00 00 0f 22 d8 b9 80 00 00 c0 0f 32 0d 00 01 00 00 "
            "0f 30 0f 20 c0 0d 00 00 00 80 0f 22 c0 "
            "ea 00 02 02 00 08 00");
    rig_hex(&R, RIG_CODE + 0x200, "48 b8 88 77 66 55 44 33 22 11 f4");
    ck_assert_int_eq(cpu_run(R.c, R.c->account.cycles + 1000000),
                     CPU_STOP_HALT);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], UINT64_C(0x1122334455667788));
    ck_assert_uint_ne(R.c->mode & MODE_LONG, 0);
    ck_assert_uint_eq(R.c->efer, EFER_LME | EFER_LMA);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        mov_ds_loads_the_hidden_part_and_marks_accessed,
        null_data_selectors_load_and_fault_when_used,
        bad_data_selectors_name_themselves,
        bad_stack_selectors_name_themselves,
        null_ss_is_fine_in_64_bit_kernel_code,
        mov_to_cs_is_ud,
        mov_from_sreg_zero_extends_registers_and_stores_words,
        push_and_pop_of_fs,
        lss_loads_both_or_nothing,
        lldt_and_ltr,
        lar_lsl_verr_verw_answer_in_zf,
        arpl_raises_the_rpl,
        far_jump_to_compatibility_mode_and_back,
        far_jump_refusals,
        conforming_code_keeps_the_level,
        call_gate_in_long_mode_switches_stacks,
        call_gate_32_copies_parameters_and_retf_returns,
        iretq_to_user_drops_inner_segments,
        iretq_refusals_leave_the_stack,
        iret_with_nt_in_long_mode_is_gp,
        iret_in_user_code_keeps_privileged_flags,
        iretd_in_protected_mode_to_user,
        syscall_and_sysretq,
        syscall_without_sce_is_ud,
        sysret_to_a_non_canonical_rip_is_gp_at_level_0,
        sysret_at_level_3_is_gp,
        sysenter_and_sysexit,
        sysenter_without_a_selector_is_gp,
        amd_sysenter_is_ud_and_compatibility_syscall_uses_cstar,
        intel_syscall_in_compatibility_mode_is_ud,
        in_and_out_reach_the_port,
        unclaimed_ports_read_as_ones,
        io_bitmap_decides_below_iopl,
        rep_insb_fills_memory_and_counts_one_instruction,
        ins_checks_the_store_first,
        outsd_with_an_override_and_df,
        real_mode_to_long_mode_and_on,
    };
    Suite *s = suite_create("segment");
    TCase *t = tcase_create("segment");
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
