/* SPDX-License-Identifier: Apache-2.0
 * The VMX-preemption timer (SDM Vol.3 "VMX-Preemption Timer") and the private
 * VMM timer: when they fire, to the instruction, and what they save.
 */
#include "cpu/reset.h"
#include "tests/unit/vmx_rig.h"

static struct vmx_rig X;

/* One cycle an instruction and a TSC that counts cycles, so that the boundary
 * at which a timer is due can be computed. */
static void exact(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->timing = TIMING_OFF;
    k->tsc_hz = k->core_hz;
    k->vtx.timer_shift = 3;
    k->vtx.extensions = true;
}

static void set_up(void)
{
    vmx_rig_create(&X, exact);
    X.r.c->msr.tsc_offset += 80000;
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

/* Sixteen INC RAX, then a jump back to the first. */
#define LOOP                                                                   \
    "48 ff c0 48 ff c0 48 ff c0 48 ff c0 48 ff c0 48 ff c0 48 ff c0 "          \
    "48 ff c0 eb e6"

static void count(void)
{
    X.r.c->gpr[REG_RAX] = 0;
    vmx_rig_go(&X, LOOP);
}

/* After a run: the host has executed its HLT since the exit. */
static uint64_t tsc_at_exit(void)
{
    return cpu_tsc(X.r.c) - 1;
}

static void reason_is(unsigned reason)
{
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, reason);
}

/* ------------------------------------------------------ preemption timer */

static uint64_t ticks(void)
{
    return cpu_tsc(X.r.c) >> 3;
}

START_TEST(fires_when_the_count_is_over)
{
    for (uint32_t value = 1; value < 40; value += 3) {
        X.v->pin_controls |= PIN_TIMER;
        X.v->timer_value = value;
        uint64_t before = ticks();
        count();
        reason_is(REASON_PREEMPTION_TIMER);
        ck_assert_uint_eq(ticks() - before, value);
        /* The first instruction boundary with that count, not a later one. */
        ck_assert_uint_eq(tsc_at_exit() & 7, 0);
    }
}
END_TEST

START_TEST(zero_fires_before_the_first_instruction)
{
    X.v->pin_controls |= PIN_TIMER;
    X.v->timer_value = 0;
    count();
    reason_is(REASON_PREEMPTION_TIMER);
    ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 0);
    ck_assert_uint_eq(X.after.guest_rip, X.v->guest_rip);
}
END_TEST

START_TEST(zero_fires_after_the_injection)
{
    X.v->pin_controls |= PIN_TIMER;
    X.v->timer_value = 0;
    X.v->entry_interruption = INTR_VALID | 0x40;
    X.v->guest_rflags |= FLAG_IF;
    count();
    reason_is(REASON_PREEMPTION_TIMER);
    ck_assert_uint_eq(X.after.guest_rip, RIG_HANDLERS + 16 * 0x40);
}
END_TEST

START_TEST(saved_on_request)
{
    X.v->pin_controls |= PIN_TIMER;
    X.v->timer_value = 1000;
    vmx_rig_run(&X, "0f a2"); /* CPUID */
    reason_is(REASON_CPUID);
    ck_assert_uint_eq(X.after.timer_value, 1000);
    X.v->exit_controls |= EXIT_SAVE_TIMER;
    uint64_t before = ticks();
    vmx_rig_go(&X, LOOP);
    reason_is(REASON_PREEMPTION_TIMER);
    ck_assert_uint_eq(X.after.timer_value, 0);
    ck_assert_uint_eq(ticks() - before, 1000);
    vmx_rig_run(&X, "b9 40 00 00 00 e2 fe 0f a2"); /* LOOP 64 times; CPUID */
    reason_is(REASON_CPUID);
    ck_assert_uint_le(X.after.timer_value, 1000 - 64 / 8);
    ck_assert_uint_ge(X.after.timer_value, 1000 - 64 / 8 - 3);
}
END_TEST

START_TEST(wakes_from_hlt_but_not_from_wait_for_sipi)
{
    X.v->pin_controls |= PIN_TIMER;
    X.v->timer_value = 100;
    uint64_t before = ticks();
    vmx_rig_run(&X, "90");
    reason_is(REASON_PREEMPTION_TIMER);
    ck_assert_uint_eq(ticks() - before, 100);
    ck_assert_uint_eq(X.after.guest_activity, GUEST_HLT);
    X.v->guest_activity = GUEST_SHUTDOWN;
    count();
    reason_is(REASON_PREEMPTION_TIMER);
    ck_assert_uint_eq(X.after.guest_activity, GUEST_SHUTDOWN);
    X.v->guest_activity = GUEST_WAIT_SIPI;
    count();
    ck_assert(!X.exited);
}
END_TEST

START_TEST(a_debug_trap_comes_first)
{
    X.v->pin_controls |= PIN_TIMER;
    X.v->timer_value = 0;
    X.v->guest_pending_debug = PENDING_BS;
    X.v->guest_rflags |= FLAG_TF;
    X.v->guest_interruptibility = 0;
    X.v->exception_bitmap = 1 << EXC_DB;
    count();
    reason_is(REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_qualification, DR6_BS);
}
END_TEST

START_TEST(comes_before_the_windows)
{
    X.v->pin_controls |= PIN_TIMER | PIN_NMI | PIN_VIRTUAL_NMI;
    X.v->primary_controls |= PROC_NMI_WINDOW | PROC_INTERRUPT_WINDOW;
    X.v->guest_rflags |= FLAG_IF;
    X.v->timer_value = 0;
    count();
    reason_is(REASON_PREEMPTION_TIMER);
    X.v->timer_value = 100;
    count();
    reason_is(REASON_NMI_WINDOW);
    X.v->primary_controls &= ~(uint32_t)PROC_NMI_WINDOW;
    count();
    reason_is(REASON_INTERRUPT_WINDOW);
}
END_TEST

/* -------------------------------------------------------------- VMM timer */

enum { RELATIVE = 1, ABSOLUTE = 2, SAVE = 1 << 8, NONROOT = 1 << 9 };
#define SOURCE(n) ((uint32_t)(n) << 4)

static void vmm_timer(uint32_t config, uint64_t value)
{
    X.v->primary_controls |= PROC_TERTIARY;
    X.v->tertiary_controls = PROC3_VMM_TIMER;
    X.v->vmm_timer_config = config;
    X.v->vmm_timer_value = value;
}

START_TEST(absolute_tsc)
{
    uint64_t at = cpu_tsc(X.r.c) + 1000;
    vmm_timer(ABSOLUTE | SOURCE(0), at);
    count();
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_eq(tsc_at_exit(), at);
    ck_assert_uint_eq(X.after.exit_qualification, ABSOLUTE);
    ck_assert_uint_eq(X.after.vmm_timer_value, at);
    ck_assert_uint_eq(X.after.vmm_timer_reading, at);
}
END_TEST

START_TEST(a_past_time_fires_at_once_and_tells_how_late)
{
    uint64_t at = cpu_tsc(X.r.c) - 50;
    vmm_timer(ABSOLUTE | SOURCE(0), at);
    count();
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_eq(X.r.c->gpr[REG_RAX], 0);
    ck_assert_uint_eq(X.after.exit_qualification & 0xff, ABSOLUTE);
    ck_assert_uint_eq(X.after.exit_qualification >> 8,
                      X.after.vmm_timer_reading - at);
    vmm_timer(ABSOLUTE | SOURCE(0), 0);
    count();
    reason_is(REASON_VMM_TIMER);
}
END_TEST

START_TEST(instructions_in_the_guest)
{
    for (uint64_t n = 1; n < 60; n += 7) {
        vmm_timer(RELATIVE | SOURCE(2), n);
        uint64_t before = X.r.c->account.instructions;
        count();
        reason_is(REASON_VMM_TIMER);
        ck_assert_uint_eq(X.r.c->account.instructions - before, n + 1);
        ck_assert_uint_eq(X.after.exit_qualification, RELATIVE | SOURCE(2));
    }
}
END_TEST

START_TEST(the_guests_tsc)
{
    X.v->primary_controls |= PROC_TSC_OFFSET;
    X.v->secondary_controls |= PROC2_TSC_SCALING;
    X.v->tsc_offset = 0 - UINT64_C(12345);
    X.v->tsc_multiplier = UINT64_C(3) << 47; /* 1.5 */
    uint64_t now = cpu_tsc(X.r.c) * 3 / 2 - 12345;
    vmm_timer(ABSOLUTE | SOURCE(1), now + 3000);
    uint64_t before = cpu_tsc(X.r.c);
    count();
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_ge(cpu_tsc(X.r.c) - before, 2000);
    ck_assert_uint_le(cpu_tsc(X.r.c) - before, 2002);
    ck_assert_uint_le(X.after.exit_qualification >> 8, 2);
}
END_TEST

START_TEST(the_remaining_time_is_saved)
{
    vmm_timer(RELATIVE | SOURCE(0) | SAVE | NONROOT, 10000);
    uint64_t before = cpu_tsc(X.r.c);
    vmx_rig_run(&X, "90 90 90 0f a2");
    reason_is(REASON_CPUID);
    uint64_t left = X.after.vmm_timer_value;
    ck_assert_uint_lt(left, 10000);
    ck_assert_uint_ge(left + (cpu_tsc(X.r.c) - before), 10000);
    /* Root operation counts too unless it must not. */
    X.v->vmm_timer_value = 300;
    X.v->vmm_timer_reading = cpu_tsc(X.r.c) - 200;
    before = cpu_tsc(X.r.c);
    count();
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_eq(tsc_at_exit() - before, 300);
    X.v->vmm_timer_config &= ~(uint32_t)NONROOT;
    X.v->vmm_timer_value = 300;
    X.v->vmm_timer_reading = cpu_tsc(X.r.c) - 200;
    before = cpu_tsc(X.r.c);
    count();
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_eq(tsc_at_exit() - before, 100);
}
END_TEST

START_TEST(off_and_disarmed)
{
    vmm_timer(0, 0); /* mode 0 */
    vmx_rig_run(&X, "90");
    ck_assert(!X.exited);
    vmm_timer(ABSOLUTE, 0);
    X.v->tertiary_controls = 0;
    vmx_rig_run(&X, "90");
    ck_assert(!X.exited);
}
END_TEST

START_TEST(the_preemption_timer_comes_first)
{
    vmm_timer(ABSOLUTE, 0);
    X.v->pin_controls |= PIN_TIMER;
    X.v->timer_value = 0;
    count();
    reason_is(REASON_PREEMPTION_TIMER);
}
END_TEST

START_TEST(no_vector_is_delivered)
{
    /* With interrupts off and no IDT at all. */
    X.v->guest_idtr_limit = 0;
    X.v->host_idtr_base = 0;
    vmm_timer(RELATIVE, 64);
    count();
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_eq(X.after.idt_vectoring, 0);
}
END_TEST

START_TEST(wakes_from_hlt)
{
    uint64_t at = cpu_tsc(X.r.c) + 5000;
    vmm_timer(ABSOLUTE, at);
    vmx_rig_run(&X, "90");
    reason_is(REASON_VMM_TIMER);
    ck_assert_uint_eq(X.after.guest_activity, GUEST_HLT);
    ck_assert_uint_eq(X.after.vmm_timer_reading, at);
}
END_TEST

static void preemption_cases(TCase *t)
{
    tcase_add_test(t, fires_when_the_count_is_over);
    tcase_add_test(t, zero_fires_before_the_first_instruction);
    tcase_add_test(t, zero_fires_after_the_injection);
    tcase_add_test(t, saved_on_request);
    tcase_add_test(t, wakes_from_hlt_but_not_from_wait_for_sipi);
    tcase_add_test(t, a_debug_trap_comes_first);
    tcase_add_test(t, comes_before_the_windows);
}

static void vmm_cases(TCase *t)
{
    tcase_add_test(t, absolute_tsc);
    tcase_add_test(t, a_past_time_fires_at_once_and_tells_how_late);
    tcase_add_test(t, instructions_in_the_guest);
    tcase_add_test(t, the_guests_tsc);
    tcase_add_test(t, the_remaining_time_is_saved);
    tcase_add_test(t, off_and_disarmed);
    tcase_add_test(t, the_preemption_timer_comes_first);
    tcase_add_test(t, no_vector_is_delivered);
    tcase_add_test(t, wakes_from_hlt);
}

int main(void)
{
    Suite *s = suite_create("vmx timers");
    TCase *t = tcase_create("timers");
    tcase_add_checked_fixture(t, set_up, tear_down);
    preemption_cases(t);
    vmm_cases(t);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
