/* SPDX-License-Identifier: Apache-2.0
 * VM entry and VM exit: injection, information about events, windows, the
 * monitor trap flag, NMIs, activity states, MSR lists, failures. SDM Vol.3
 * "VM Entries", "VM Exits", "Other Causes of VM Exits".
 */
#include "tests/unit/vmx_rig.h"

static struct vmx_rig X;

enum { MSR_LIST = 0x120000, IA32_PAT = 0x277, IA32_LSTAR = 0xc0000082 };

static void set_up(void)
{
    vmx_rig_create(&X, NULL);
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

static void run(const char *hex)
{
    vmx_rig_run(&X, hex);
}

static void reason_is(unsigned reason)
{
    ck_assert_msg(X.exited, "no exit; vector %d", rig_vector(&X.r));
    ck_assert_uint_eq(X.after.exit_reason, reason);
}

static uint32_t info(unsigned type, unsigned vector, bool error)
{
    return INTR_VALID | type << INTR_TYPE_SHIFT | vector |
           (error ? INTR_ERROR_VALID : 0);
}

/* ------------------------------------------------------------- injection */

START_TEST(injected_events_are_delivered)
{
    static const struct {
        unsigned type, vector;
        bool error, software;
    } all[] = {
        {INTR_EXTERNAL, 0x40, false, false},
        {INTR_NMI, 2, false, false},
        {INTR_HARD_EXCEPTION, EXC_GP, true, false},
        {INTR_HARD_EXCEPTION, EXC_UD, false, false},
        {INTR_SOFT_INTERRUPT, 0x80, false, true},
        {INTR_PRIVILEGED, EXC_DB, false, true},
        {INTR_SOFT_EXCEPTION, EXC_BP, false, true},
    };
    for (unsigned k = 0; k < sizeof all / sizeof all[0]; k++) {
        X.v->guest_rflags = FLAG_ONE | FLAG_IF;
        X.v->entry_interruption =
            info(all[k].type, all[k].vector, all[k].error);
        X.v->entry_error_code = 0x1234;
        X.v->entry_instruction_length = 2;
        run("90");
        ck_assert(!X.exited);
        ck_assert_int_eq(rig_vector(&X.r), (int)all[k].vector);
        /* The frame: error code, RIP, CS, RFLAGS. */
        uint64_t sp = X.r.c->gpr[REG_RSP];
        if (all[k].error) {
            ck_assert_uint_eq(rig_read(&X.r, sp, 8), 0x1234);
            sp += 8;
        }
        ck_assert_uint_eq(rig_read(&X.r, sp, 8),
                          X.v->guest_rip + (all[k].software ? 2 : 0));
        /* RF of the image is the guest's: injection sets none. */
        ck_assert_uint_eq(rig_read(&X.r, sp + 16, 8) & FLAG_RF, 0);
    }
}
END_TEST

START_TEST(injection_is_subject_to_no_bitmap_and_changes_no_cr2)
{
    X.v->exception_bitmap = UINT32_MAX;
    X.v->entry_interruption = info(INTR_HARD_EXCEPTION, EXC_PF, true);
    X.v->entry_error_code = 2;
    X.r.c->cr2 = 0x5555;
    run("90");
    ck_assert(!X.exited);
    ck_assert_int_eq(rig_vector(&X.r), EXC_PF);
    ck_assert_uint_eq(X.r.c->cr2, 0x5555);
}
END_TEST

START_TEST(an_exit_clears_the_valid_bit_of_the_injection)
{
    X.v->entry_interruption = info(INTR_EXTERNAL, 0x40, false);
    X.v->guest_rflags |= FLAG_IF;
    rig_put(&X.r, RIG_HANDLERS + 16 * 0x40, 0xa20f, 2); /* CPUID */
    run("90");
    reason_is(REASON_CPUID);
    ck_assert_uint_eq(X.after.entry_interruption & INTR_VALID, 0);
    ck_assert_uint_eq(X.after.idt_vectoring & INTR_VALID, 0);
}
END_TEST

/* ------------------------------------------- events during event delivery */

START_TEST(vectoring_information_of_what_was_being_delivered)
{
    /* The stack of the handler is in a page that is not there. */
    X.v->guest_rsp = UINT64_C(0x7fff00000000);
    X.v->exception_bitmap = 1 << EXC_PF;
    run("0f 0b"); /* UD2 */
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption,
                      info(INTR_HARD_EXCEPTION, EXC_PF, true));
    ck_assert_uint_eq(X.after.idt_vectoring,
                      info(INTR_HARD_EXCEPTION, EXC_UD, false));
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip);
    run("cd 40"); /* INT 40h: its length comes with it */
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.idt_vectoring,
                      info(INTR_SOFT_INTERRUPT, 0x40, false));
    ck_assert_uint_eq(X.after.exit_instruction_length, 2);
    X.v->entry_interruption = info(INTR_HARD_EXCEPTION, EXC_GP, true);
    X.v->entry_error_code = 0x18;
    /* The exit is made before the entry has come back. */
    struct cpu *c = X.r.c;
    rig_long(&X.r, 0);
    c->cr4 |= CR4_VMXE;
    cpu_update_mode(c);
    ck_assert_int_eq(vmx_enter(c, true), STEP_JUMP);
    ck_assert(!c->vmx_guest);
    ck_assert_uint_eq(X.v->exit_reason, REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.v->idt_vectoring,
                      info(INTR_HARD_EXCEPTION, EXC_GP, true));
    ck_assert_uint_eq(X.v->idt_vectoring_error, 0x18);
}
END_TEST

START_TEST(double_and_triple_faults)
{
    X.v->guest_idtr_limit = 0; /* every delivery is #GP */
    X.v->exception_bitmap = 1 << EXC_DF;
    run("0f 0b");
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption,
                      info(INTR_HARD_EXCEPTION, EXC_DF, true));
    /* A double fault is no exit during the delivery of something. */
    ck_assert_uint_eq(X.after.idt_vectoring, 0);
    X.v->exception_bitmap = 0;
    run("0f 0b");
    reason_is(REASON_TRIPLE_FAULT);
    ck_assert_uint_eq(X.after.idt_vectoring, 0);
}
END_TEST

/* ------------------------------------------------------------- exceptions */

START_TEST(exception_bitmap)
{
    static const struct {
        const char *hex;
        unsigned vector, type, length;
    } all[] = {
        {"0f 0b", EXC_UD, INTR_HARD_EXCEPTION, 0},
        {"31 c9 f7 f1", EXC_DE, INTR_HARD_EXCEPTION, 0},
        {"cc", EXC_BP, INTR_SOFT_EXCEPTION, 1},
        {"f1", EXC_DB, INTR_PRIVILEGED, 1},
    };
    for (unsigned k = 0; k < sizeof all / sizeof all[0]; k++) {
        X.v->exception_bitmap = 1u << all[k].vector;
        run(all[k].hex);
        reason_is(REASON_EXCEPTION_NMI);
        ck_assert_uint_eq(X.after.exit_interruption,
                          info(all[k].type, all[k].vector, false));
        if (all[k].length != 0)
            ck_assert_uint_eq(X.after.exit_instruction_length, all[k].length);
        X.v->exception_bitmap = ~(1u << all[k].vector);
        run(all[k].hex);
        ck_assert(!X.exited);
        ck_assert_int_eq(rig_vector(&X.r), (int)all[k].vector);
    }
    X.v->exception_bitmap = UINT32_MAX;
    run("cd 03"); /* INT 3 is an interrupt */
    ck_assert(!X.exited);
}
END_TEST

START_TEST(page_faults_by_error_code)
{
    const char *read = "48 a1 00 00 00 00 ff 7f 00 00"; /* not mapped */
    static const struct {
        uint32_t bit, mask, match;
        bool exits;
    } all[] = {
        {1, 0, 0, true},  {1, 0, 1, false}, {0, 0, 1, true}, {1, 1, 0, true},
        {1, 1, 1, false}, {0, 1, 1, true},  {1, 2, 0, true}, {0, 0, 0, false},
    };
    for (unsigned k = 0; k < sizeof all / sizeof all[0]; k++) {
        X.v->exception_bitmap = all[k].bit << EXC_PF;
        X.v->pf_error_mask = all[k].mask;
        X.v->pf_error_match = all[k].match;
        X.r.c->cr2 = 0;
        run(read);
        ck_assert_msg(X.exited == all[k].exits, "case %u", k);
        if (X.exited) {
            ck_assert_uint_eq(X.after.exit_qualification, 0x7fff00000000);
            ck_assert_uint_eq(X.r.c->cr2, 0);
            ck_assert_uint_ne(X.after.guest_rflags & FLAG_RF, 0);
        }
    }
}
END_TEST

/* ------------------------------------------------- windows and interrupts */

START_TEST(interrupt_window)
{
    X.v->primary_controls |= PROC_INTERRUPT_WINDOW;
    run("90");
    ck_assert(!X.exited);
    run("fb 90 90"); /* STI covers one instruction */
    reason_is(REASON_INTERRUPT_WINDOW);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip + 2);
    X.v->guest_rflags |= FLAG_IF;
    X.v->guest_interruptibility = BLOCK_MOV_SS;
    run("90 90");
    reason_is(REASON_INTERRUPT_WINDOW);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip + 1);
    /* A halted guest with interrupts open is left at once. */
    X.v->guest_interruptibility = 0;
    X.v->guest_activity = GUEST_HLT;
    run("90");
    reason_is(REASON_INTERRUPT_WINDOW);
    ck_assert_uint_eq(X.after.guest_activity, GUEST_HLT);
}
END_TEST

START_TEST(nmi_window_and_virtual_blocking)
{
    X.v->pin_controls |= PIN_NMI | PIN_VIRTUAL_NMI;
    X.v->primary_controls |= PROC_NMI_WINDOW;
    X.v->guest_interruptibility = BLOCK_NMI;
    run("90");
    ck_assert(!X.exited);
    /* IRET opens it: to the HLT, through a frame that is pushed here. */
    run("6a 10 54 9c 6a 08 48 8d 05 03 00 00 00 50 48 cf");
    reason_is(REASON_NMI_WINDOW);
    ck_assert_uint_eq(X.after.guest_interruptibility & BLOCK_NMI, 0);
}
END_TEST

/* Bit 12 of the interruption information is about the IRET that faults, and
 * no later instruction. */
START_TEST(a_faulting_iret_tells_that_it_unblocked)
{
    X.v->pin_controls |= PIN_NMI | PIN_VIRTUAL_NMI;
    X.v->guest_interruptibility = BLOCK_NMI;
    X.v->exception_bitmap = 1u << EXC_GP | 1u << EXC_UD;
    run("6a 10 54 9c 6a 00 6a 00 48 cf"); /* to a null CS */
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption,
                      info(INTR_HARD_EXCEPTION, EXC_GP, true) |
                          INTR_UNBLOCK_NMI);
    ck_assert_uint_eq(X.after.guest_interruptibility & BLOCK_NMI, 0);
    /* The same fault delivered in the guest, whose handler meets #UD. */
    X.v->exception_bitmap = 1u << EXC_UD;
    rig_put(&X.r, RIG_HANDLERS + 16 * EXC_GP, 0x0b0f, 2);
    run("6a 10 54 9c 6a 00 6a 00 48 cf");
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption,
                      info(INTR_HARD_EXCEPTION, EXC_UD, false));
    /* An IRET that succeeds, to UD2. */
    run("6a 10 54 9c 6a 08 48 8d 05 03 00 00 00 50 48 cf 0f 0b");
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption,
                      info(INTR_HARD_EXCEPTION, EXC_UD, false));
}
END_TEST

START_TEST(nmi_exits_and_blocks_in_the_host)
{
    X.v->pin_controls |= PIN_NMI;
    cpu_nmi(X.r.c);
    run("90");
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption, info(INTR_NMI, 2, false));
    ck_assert_uint_eq(X.after.guest_interruptibility & BLOCK_NMI, 0);
    ck_assert(X.r.c->nmi_blocked);
    /* Without the control it is the guest's. */
    X.r.c->nmi_blocked = false;
    X.v->pin_controls &= ~(uint32_t)PIN_NMI;
    cpu_nmi(X.r.c);
    run("90");
    ck_assert(!X.exited);
    ck_assert_int_eq(rig_vector(&X.r), 2);
}
END_TEST

START_TEST(external_interrupts)
{
    struct cpu *c = X.r.c;
    X.r.inta_vector = 0x55;
    lapic_virtual_wire(c);
    cpu_set_intr(c, true);
    X.v->pin_controls |= PIN_EXTERNAL_INTERRUPT;
    run("90"); /* whatever IF says */
    reason_is(REASON_EXTERNAL_INTERRUPT);
    ck_assert_uint_eq(X.after.exit_interruption, 0);
    ck_assert_uint_eq(X.r.acknowledged, 0);
    X.v->exit_controls |= EXIT_ACK_INTERRUPT;
    X.v->guest_activity = GUEST_HLT;
    run("90");
    reason_is(REASON_EXTERNAL_INTERRUPT);
    ck_assert_uint_eq(X.after.exit_interruption,
                      info(INTR_EXTERNAL, 0x55, false));
    ck_assert_uint_eq(X.r.acknowledged, 1);
    ck_assert_uint_eq(X.after.guest_activity, GUEST_HLT);
}
END_TEST

START_TEST(init_and_sipi)
{
    X.r.c->init_pending = true;
    run("90");
    reason_is(REASON_INIT);
    ck_assert(!X.r.c->init_pending);
    X.v->guest_activity = GUEST_WAIT_SIPI;
    X.r.c->sipi_pending = true;
    X.r.c->sipi_vector = 0x9a;
    run("90");
    reason_is(REASON_SIPI);
    ck_assert_uint_eq(X.after.exit_qualification, 0x9a);
}
END_TEST

/* ------------------------------------------------------------------ MTF */

START_TEST(monitor_trap_flag)
{
    X.v->primary_controls |= PROC_MTF;
    run("48 ff c0 48 ff c0");
    reason_is(REASON_MTF);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip + 3);
    /* After the delivery of a fault, before the handler. */
    run("0f 0b");
    reason_is(REASON_MTF);
    ck_assert_uint_eq(X.after.guest_rip, RIG_HANDLERS + 16 * EXC_UD);
    /* After the event that the entry injects. */
    X.v->entry_interruption = info(INTR_EXTERNAL, 0x40, false);
    X.v->guest_rflags |= FLAG_IF;
    run("90");
    reason_is(REASON_MTF);
    ck_assert_uint_eq(X.after.guest_rip, RIG_HANDLERS + 16 * 0x40);
    /* Pending by injection of type 7, without the control. */
    X.v->primary_controls &= ~(uint32_t)PROC_MTF;
    X.v->entry_interruption = info(INTR_OTHER, 0, false);
    run("90");
    reason_is(REASON_MTF);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip);
}
END_TEST

START_TEST(mtf_after_an_iteration)
{
    X.v->primary_controls |= PROC_MTF;
    X.r.c->gpr[REG_RCX] = 5;
    X.r.c->gpr[REG_RDI] = RIG_DATA;
    run("f3 aa"); /* REP STOSB */
    reason_is(REASON_MTF);
    ck_assert_uint_eq(X.r.c->gpr[REG_RCX], 4);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip);
}
END_TEST

/* --------------------------------------------------------------- debugging */

START_TEST(pending_debug_exceptions)
{
    X.v->guest_rflags |= FLAG_TF;
    X.v->guest_pending_debug = PENDING_BS | PENDING_ENABLED | 2;
    X.v->exception_bitmap = 1 << EXC_DB;
    run("90");
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_qualification, DR6_BS | 2);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip);
    ck_assert_uint_eq(X.after.guest_pending_debug, 0);
    /* A breakpoint that is not enabled is no exception by itself. */
    X.v->guest_rflags &= ~(uint64_t)FLAG_TF;
    X.v->guest_pending_debug = 2;
    run("90");
    ck_assert(!X.exited);
    ck_assert_int_eq(rig_vector(&X.r), -1);
    /* An exit of higher priority keeps them. */
    X.v->guest_pending_debug = PENDING_ENABLED | 1;
    X.r.c->init_pending = true;
    run("90");
    reason_is(REASON_INIT);
    ck_assert_uint_eq(X.after.guest_pending_debug, PENDING_ENABLED | 1);
}
END_TEST

START_TEST(single_stepping_over_an_exit)
{
    X.v->guest_rflags |= FLAG_TF;
    X.v->exception_bitmap = 1 << EXC_DB;
    run("90 90");
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_qualification, DR6_BS);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip + 1);
}
END_TEST

/* ----------------------------------------------------------------- MSRs */

static void msr_entry(unsigned n, uint32_t number, uint32_t reserved,
                      uint64_t value)
{
    rig_put(&X.r, MSR_LIST + 16 * n, number, 4);
    rig_put(&X.r, MSR_LIST + 16 * n + 4, reserved, 4);
    rig_put(&X.r, MSR_LIST + 16 * n + 8, value, 8);
}

START_TEST(msr_lists)
{
    msr_entry(0, IA32_LSTAR, 0, 0x1111); /* loaded by entry */
    msr_entry(1, IA32_LSTAR, 0, 0);      /* stored by exit */
    msr_entry(2, IA32_LSTAR, 0, 0x2222); /* loaded by exit */
    X.v->entry_msr_load_address = MSR_LIST;
    X.v->exit_msr_store_address = MSR_LIST + 16;
    X.v->exit_msr_load_address = MSR_LIST + 32;
    X.v->entry_msr_load_count = X.v->exit_msr_store_count = 1;
    X.v->exit_msr_load_count = 1;
    run("0f a2");
    reason_is(REASON_CPUID);
    ck_assert_uint_eq(rig_read(&X.r, MSR_LIST + 24, 8), 0x1111);
    ck_assert_uint_eq(X.r.c->msr.lstar, 0x2222);
}
END_TEST

START_TEST(a_bad_entry_list_fails_the_entry)
{
    static const struct {
        uint32_t number, reserved;
    } bad[] = {{0xc0000100, 0}, {0xc0000101, 0}, {0x808, 0},  {0x79, 0},
               {0x9e, 0},       {IA32_LSTAR, 1}, {0x12345, 0}};
    X.v->entry_msr_load_address = MSR_LIST;
    X.v->entry_msr_load_count = 2;
    for (unsigned k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        msr_entry(0, IA32_LSTAR, 0, 0);
        msr_entry(1, bad[k].number, bad[k].reserved, 0);
        struct cpu *c = X.r.c;
        rig_long(&X.r, 0);
        c->cr4 |= CR4_VMXE;
        cpu_update_mode(c);
        X.v->launched = 0;
        ck_assert_int_eq(vmx_enter(c, true), STEP_JUMP);
        ck_assert(!c->vmx_guest);
        ck_assert_uint_eq(X.v->exit_reason,
                          REASON_MSR_LOAD_FAIL | REASON_ENTRY_FAILURE);
        ck_assert_uint_eq(X.v->exit_qualification, 2);
        ck_assert_uint_eq(c->rip, VMX_HOST);
        ck_assert_uint_eq(X.v->launched, 0);
    }
}
END_TEST

START_TEST(bad_exit_lists_abort)
{
    msr_entry(0, 0x12345, 0, 0);
    X.v->exit_msr_store_address = MSR_LIST;
    X.v->exit_msr_store_count = 1;
    run("0f a2");
    ck_assert_int_eq(X.r.c->activity, ACTIVITY_SHUTDOWN);
    ck_assert_uint_eq(rig_read(&X.r, VMX_VMCS + 4, 4), VMX_ABORT_MSR_SAVE);
    ck_assert_ptr_nonnull(strstr(X.r.c->stop_reason, "VMX abort 1"));
}
END_TEST

START_TEST(bad_host_list_aborts)
{
    msr_entry(0, IA32_LSTAR, 7, 0);
    X.v->exit_msr_load_address = MSR_LIST;
    X.v->exit_msr_load_count = 1;
    run("0f a2");
    ck_assert_int_eq(X.r.c->activity, ACTIVITY_SHUTDOWN);
    ck_assert_uint_eq(rig_read(&X.r, VMX_VMCS + 4, 4), VMX_ABORT_MSR_LOAD);
}
END_TEST

/* ------------------------------------------------------------- entries */

START_TEST(bad_guest_state_is_exit_33)
{
    struct cpu *c = X.r.c;
    X.v->guest_rflags = 0;
    uint64_t rax = c->gpr[REG_RAX];
    X.v->exit_interruption = 0xabcd;
    X.v->entry_interruption = info(INTR_HARD_EXCEPTION, EXC_UD, false);
    ck_assert_int_eq(vmx_enter(c, true), STEP_JUMP);
    ck_assert(!c->vmx_guest);
    ck_assert_uint_eq(X.v->exit_reason,
                      REASON_INVALID_STATE | REASON_ENTRY_FAILURE);
    ck_assert_uint_eq(X.v->exit_qualification, 0);
    ck_assert_uint_eq(c->rip, VMX_HOST);
    ck_assert_uint_eq(c->gpr[REG_RAX], rax);
    /* Other information is as it was, and the injection too. */
    ck_assert_uint_eq(X.v->exit_interruption, 0xabcd);
    ck_assert_uint_ne(X.v->entry_interruption & INTR_VALID, 0);
}
END_TEST

START_TEST(bad_controls_and_host_state_are_vmfail)
{
    struct cpu *c = X.r.c;
    X.v->pin_controls = 0;
    X.v->host_tr_selector = 0;
    ck_assert_int_eq(vmx_enter(c, true), STEP_NEXT);
    ck_assert_uint_eq(X.v->instruction_error, VMERR_ENTRY_CONTROLS);
    ck_assert_uint_eq(flags_read(c) & FLAG_ARITH, FLAG_ZF);
    vmx_rig_controls(&X);
    ck_assert_int_eq(vmx_enter(c, true), STEP_NEXT);
    ck_assert_uint_eq(X.v->instruction_error, VMERR_ENTRY_HOST);
    ck_assert_uint_eq(X.v->launched, 0);
}
END_TEST

START_TEST(host_state_is_loaded)
{
    struct cpu *c = X.r.c;
    X.v->host_sysenter_cs = 0x77;
    X.v->host_fs_base = 0x123456;
    X.v->host_pat = UINT64_C(0x0606060606060606);
    X.v->exit_controls |= EXIT_LOAD_PAT | EXIT_SAVE_DEBUG;
    c->dr[7] = 0x455;
    run("0f a2");
    reason_is(REASON_CPUID);
    ck_assert_uint_eq(c->msr.sysenter_cs, 0x77);
    ck_assert_uint_eq(c->seg[SEG_FS].base, 0x123456);
    ck_assert_uint_eq(c->msr.pat, UINT64_C(0x0606060606060606));
    ck_assert_uint_eq(c->dr[7], DR7_FIXED);
    ck_assert_uint_eq(c->seg[SEG_CS].selector, SEL_CODE64);
    ck_assert_uint_eq(c->seg[SEG_TR].limit, 0x67);
    ck_assert_uint_eq(c->gdtr.limit, 0xffff);
    ck_assert_uint_ne(c->seg[SEG_LDTR].attr & SEG_ATTR_UNUSABLE, 0);
    ck_assert_uint_eq(X.after.guest_dr7, 0x455);
    ck_assert_uint_eq(c->gpr[REG_RSP], VMX_HOST_STACK);
}
END_TEST

static void event_cases(TCase *t)
{
    tcase_add_test(t, injected_events_are_delivered);
    tcase_add_test(t, injection_is_subject_to_no_bitmap_and_changes_no_cr2);
    tcase_add_test(t, an_exit_clears_the_valid_bit_of_the_injection);
    tcase_add_test(t, vectoring_information_of_what_was_being_delivered);
    tcase_add_test(t, double_and_triple_faults);
    tcase_add_test(t, exception_bitmap);
    tcase_add_test(t, page_faults_by_error_code);
    tcase_add_test(t, interrupt_window);
    tcase_add_test(t, nmi_window_and_virtual_blocking);
    tcase_add_test(t, a_faulting_iret_tells_that_it_unblocked);
    tcase_add_test(t, nmi_exits_and_blocks_in_the_host);
    tcase_add_test(t, external_interrupts);
    tcase_add_test(t, init_and_sipi);
    tcase_add_test(t, monitor_trap_flag);
    tcase_add_test(t, mtf_after_an_iteration);
    tcase_add_test(t, pending_debug_exceptions);
    tcase_add_test(t, single_stepping_over_an_exit);
}

static void state_cases(TCase *t)
{
    tcase_add_test(t, msr_lists);
    tcase_add_test(t, a_bad_entry_list_fails_the_entry);
    tcase_add_test(t, bad_exit_lists_abort);
    tcase_add_test(t, bad_host_list_aborts);
    tcase_add_test(t, bad_guest_state_is_exit_33);
    tcase_add_test(t, bad_controls_and_host_state_are_vmfail);
    tcase_add_test(t, host_state_is_loaded);
}

int main(void)
{
    Suite *s = suite_create("vmx transitions");
    TCase *t = tcase_create("transitions");
    tcase_add_checked_fixture(t, set_up, tear_down);
    event_cases(t);
    state_cases(t);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
