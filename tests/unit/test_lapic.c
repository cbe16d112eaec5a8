/* SPDX-License-Identifier: Apache-2.0
 * Local APIC: register file, priorities, errors, IPIs, timer, x2APIC, and
 * the start of an application processor. SDM Vol.3 "Advanced Programmable
 * Interrupt Controller (APIC)".
 */
#include "tests/unit/sys_rig.h"

static struct rig R;

enum {
    ID = 0x20,
    VERSION = 0x30,
    TPR = 0x80,
    PPR = 0xa0,
    EOI = 0xb0,
    LDR = 0xd0,
    DFR = 0xe0,
    SVR = 0xf0,
    ISR = 0x100,
    TMR = 0x180,
    IRR = 0x200,
    ESR = 0x280,
    ICR = 0x300,
    ICR_HIGH = 0x310,
    LVT_TIMER = 0x320,
    LVT_PERF = 0x340,
    LVT_LINT0 = 0x350,
    LVT_ERROR = 0x370,
    INITIAL = 0x380,
    CURRENT = 0x390,
    DIVIDE = 0x3e0
};

static uint32_t get(uint64_t offset)
{
    struct mmio_port p = cpu_apic_port(R.c);
    uint64_t v = 0;
    ck_assert(p.read(p.self, offset, 4, &v));
    return (uint32_t)v;
}

static void put(uint64_t offset, uint32_t v)
{
    struct mmio_port p = cpu_apic_port(R.c);
    ck_assert(p.write(p.self, offset, 4, v));
}

static void set_up(void)
{
    rig_create(&R, NULL);
    rig_long(&R, 0);
    put(SVR, 0x1ff);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

static void fixed(uint8_t vector)
{
    struct apic_message m = {.destination = 0, .vector = vector};
    cpu_apic_message(R.c, &m);
}

static bool in_bank(uint64_t bank, unsigned vector)
{
    return (get(bank + vector / 32 * 16) >> (vector & 31) & 1) != 0;
}

START_TEST(reset_values)
{
    lapic_reset(R.c);
    ck_assert_uint_eq(get(ID), 0);
    ck_assert_uint_eq(get(VERSION), 0x01050014);
    ck_assert_uint_eq(get(SVR), 0xff);
    ck_assert_uint_eq(get(DFR), 0xffffffff);
    for (uint64_t at = LVT_TIMER; at <= LVT_ERROR; at += 16)
        ck_assert_uint_eq(get(at), 0x10000);
    ck_assert_uint_eq(get(ESR), 0);
    ck_assert_uint_eq(get(DIVIDE), 0);
}
END_TEST

START_TEST(reserved_bits_do_not_stick)
{
    static const struct {
        uint64_t at;
        uint32_t kept;
    } rows[] = {
        {TPR, 0xff},          {LDR, 0xff000000},      {DFR, 0xffffffff},
        {LVT_TIMER, 0x700ff}, {LVT_LINT0, 0x1a7ff},   {LVT_ERROR, 0x100ff},
        {DIVIDE, 0xb},        {ICR_HIGH, 0xff000000}, {VERSION, 0x01050014},
        {PPR, 0xff},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(rows[i].at, 0xffffffff);
        ck_assert_msg(get(rows[i].at) == rows[i].kept, "register %llx: %x",
                      (unsigned long long)rows[i].at, get(rows[i].at));
    }
}
END_TEST

/* Accept, deliver, in service, end. */
START_TEST(fixed_interrupt_goes_through_irr_and_isr)
{
    R.c->eflags |= FLAG_IF;
    fixed(0x41);
    ck_assert(in_bank(IRR, 0x41));
    rig_faults(&R, "90 f4", 0x41, -1);
    ck_assert(!in_bank(IRR, 0x41));
    ck_assert(in_bank(ISR, 0x41));
    ck_assert_uint_eq(get(PPR), 0x40);
    put(EOI, 0);
    ck_assert(!in_bank(ISR, 0x41));
    ck_assert_uint_eq(get(PPR), 0);
    put(EOI, 0); /* with nothing in service */
    ck_assert_uint_eq(get(ESR), 0);
}
END_TEST

START_TEST(priority_classes_decide)
{
    fixed(0x51);
    fixed(0x42);
    fixed(0x5f);
    ck_assert_int_eq(lapic_pending(R.c), 0x5f);
    put(TPR, 0x50);
    ck_assert_int_eq(lapic_pending(R.c), -1);
    put(TPR, 0x4f);
    ck_assert_int_eq(lapic_pending(R.c), 0x5f);
    ck_assert_uint_eq(lapic_acknowledge(R.c), 0x5f);
    /* The same class does not nest. */
    ck_assert_int_eq(lapic_pending(R.c), -1);
    fixed(0x61);
    ck_assert_int_eq(lapic_pending(R.c), 0x61);
    put(EOI, 0);
    put(TPR, 0);
    ck_assert_uint_eq(lapic_acknowledge(R.c), 0x61);
    put(EOI, 0);
    ck_assert_uint_eq(lapic_acknowledge(R.c), 0x51);
    put(EOI, 0);
    ck_assert_uint_eq(lapic_acknowledge(R.c), 0x42);
}
END_TEST

START_TEST(level_trigger_shows_in_tmr)
{
    struct apic_message m = {.vector = 0x71, .level = true};
    cpu_apic_message(R.c, &m);
    ck_assert(in_bank(TMR, 0x71));
    fixed(0x71);
    ck_assert(!in_bank(TMR, 0x71));
}
END_TEST

START_TEST(software_disable_masks_and_drops)
{
    put(LVT_ERROR, 0x30);
    put(SVR, 0xff);
    ck_assert_uint_eq(get(LVT_ERROR), 0x10030);
    put(LVT_ERROR, 0x31); /* stays masked */
    ck_assert_uint_eq(get(LVT_ERROR), 0x10031);
    fixed(0x41);
    ck_assert(!in_bank(IRR, 0x41));
}
END_TEST

/* Errors gather and show after a write to the ESR. */
START_TEST(error_register_latches_on_write)
{
    put(LVT_ERROR, 0x35);
    fixed(5);
    ck_assert_uint_eq(get(ESR), 0);
    ck_assert_int_eq(lapic_pending(R.c), 0x35);
    put(ESR, 0);
    ck_assert_uint_eq(get(ESR), 0x40);
    put(ESR, 0);
    ck_assert_uint_eq(get(ESR), 0);
    put(ICR, 0x00040005); /* self, vector 5 */
    (void)get(0x40);      /* no such register */
    put(ESR, 0);
    ck_assert_uint_eq(get(ESR), 0xa0);
}
END_TEST

/* ------------------------------------------------------------------- IPIs */

START_TEST(icr_sends_what_it_says)
{
    put(ICR_HIGH, 0x03000000);
    put(ICR, 0x00004062);
    ck_assert_uint_eq(R.messages, 1);
    ck_assert_uint_eq(R.sent[0].destination, 3);
    ck_assert_uint_eq(R.sent[0].vector, 0x62);
    ck_assert_uint_eq(R.sent[0].delivery, 0);
    ck_assert(!R.sent[0].logical);
    put(ICR_HIGH, 0xff000000);
    put(ICR, 0x000c4500); /* INIT, all but self */
    put(ICR, 0x000c4608); /* SIPI */
    put(ICR, 0x000c8500); /* INIT level de-assert: nothing */
    put(ICR, 0x00044062); /* self: not on the bus */
    ck_assert_uint_eq(R.messages, 3);
    ck_assert_uint_eq(R.sent[1].delivery, 5);
    ck_assert_uint_eq(R.sent[1].shorthand, 3);
    ck_assert_uint_eq(R.sent[1].destination, UINT32_MAX);
    ck_assert_uint_eq(R.sent[2].vector, 8);
    ck_assert(in_bank(IRR, 0x62));
}
END_TEST

START_TEST(reserved_and_illegal_ipis_send_nothing)
{
    put(ICR, 0x000c0300); /* delivery mode 3 */
    put(ICR, 0x000c0700);
    put(ICR, 0x0000000f); /* vector below 16 */
    put(ICR, 0x00040500); /* INIT to self */
    put(ICR, 0x00080500); /* ... and to all with self */
    put(ICR, 0x00080400); /* so NMI */
    put(ICR, 0x00080152); /* and lowest priority */
    ck_assert_uint_eq(R.messages, 0);
    ck_assert(!R.c->init_pending);
}
END_TEST

START_TEST(destinations)
{
    struct apic_message m = {.destination = 0};
    ck_assert(cpu_apic_matches(R.c, &m));
    m.destination = 1;
    ck_assert(!cpu_apic_matches(R.c, &m));
    m.destination = 0xff;
    ck_assert(cpu_apic_matches(R.c, &m));
    m.logical = true;
    put(LDR, 0x04000000);
    m.destination = 0x06;
    ck_assert(cpu_apic_matches(R.c, &m)); /* flat */
    m.destination = 0x03;
    ck_assert(!cpu_apic_matches(R.c, &m));
    put(DFR, 0x0fffffff); /* cluster model */
    put(LDR, 0x24000000);
    m.destination = 0x26;
    ck_assert(cpu_apic_matches(R.c, &m));
    m.destination = 0x16;
    ck_assert(!cpu_apic_matches(R.c, &m));
}
END_TEST

START_TEST(nmi_message_interrupts_with_if_clear)
{
    struct apic_message m = {.delivery = 4};
    cpu_apic_message(R.c, &m);
    rig_faults(&R, "90 f4", EXC_NMI, -1);
    ck_assert(R.c->nmi_blocked);
}
END_TEST

/* Accepted interrupts stay: "Local APIC State After It Has Been Software
 * Disabled". */
START_TEST(software_disable_keeps_what_is_pending)
{
    fixed(0x41);
    put(SVR, 0xff);
    ck_assert_int_eq(lapic_pending(R.c), 0x41);
    R.c->eflags |= FLAG_IF;
    rig_faults(&R, "90 f4", 0x41, -1);
    struct apic_message nmi = {.delivery = 4};
    cpu_apic_message(R.c, &nmi);
    ck_assert(R.c->nmi_pending);
    put(ICR_HIGH, 0x03000000);
    put(ICR, 0x00004062); /* it still sends */
    ck_assert_uint_eq(R.messages, 1);
}
END_TEST

/* Undefined by the manual but for 32 bits at a multiple of 16. */
START_TEST(other_access_sizes)
{
    struct mmio_port p = cpu_apic_port(R.c);
    uint64_t v;
    put(TPR, 0x35);
    ck_assert(p.read(p.self, TPR, 1, &v));
    ck_assert_uint_eq(v, 0x35);
    ck_assert(p.read(p.self, SVR, 2, &v));
    ck_assert_uint_eq(v, 0x1ff);
    ck_assert(p.write(p.self, TPR, 1, 0x44));
    ck_assert(p.write(p.self, SVR + 2, 2, 0xffff));
    ck_assert_uint_eq(get(TPR), 0x35);
    put(ESR, 0);
    ck_assert_uint_eq(get(ESR), 0);
    ck_assert(p.read(p.self, TPR, 8, &v)); /* no register is as wide */
    ck_assert_uint_eq(v, 0);
    ck_assert(p.write(p.self, TPR, 8, 0));
    put(ESR, 0);
    ck_assert_uint_eq(get(ESR), 0x80);
    ck_assert_uint_eq(get(TPR), 0x35);
}
END_TEST

/* ------------------------------------------------------------ IA32_APIC_BASE
 */

enum { BASE = 0xfee00100, ENABLE = 0x800, X2APIC = 0xc00 };

static void base(uint64_t v)
{
    ck_assert(msr_write(R.c, 0x1b, v));
}

START_TEST(disabled_there_is_no_apic)
{
    struct mmio_port p = cpu_apic_port(R.c);
    uint64_t v;
    put(TPR, 0x30);
    put(LVT_TIMER, 0x44);
    put(0x20, 0x05000000);
    fixed(0x41);
    base(BASE);
    ck_assert(!p.read(p.self, VERSION, 4, &v));
    ck_assert(!p.write(p.self, TPR, 4, 0));
    ck_assert_int_eq(lapic_pending(R.c), -1);
    fixed(0x42);
    lapic_set_cr8(R.c, 9);
    ck_assert_uint_eq(lapic_cr8(R.c), 9);
    /* Enabled again it is as after a reset. */
    base(BASE | ENABLE);
    ck_assert_uint_eq(get(TPR), 0);
    ck_assert_uint_eq(get(SVR), 0xff);
    ck_assert_uint_eq(get(LVT_TIMER), 0x10000);
    ck_assert_uint_eq(get(ID), 0);
    ck_assert(!in_bank(IRR, 0x41) && !in_bank(IRR, 0x42));
    put(SVR, 0x1ff);
    fixed(0x43);
    ck_assert_int_eq(lapic_pending(R.c), 0x43);
}
END_TEST

/* The 8259's line is the processor's INTR pin then. */
START_TEST(disabled_the_intr_pin_works)
{
    ck_assert(!lapic_accepts_extint(R.c));
    base(BASE);
    R.inta_vector = 0x77;
    R.c->eflags |= FLAG_IF;
    cpu_set_intr(R.c, true);
    rig_faults(&R, "90 f4", 0x77, -1);
}
END_TEST

START_TEST(the_id_of_xapic_mode_can_be_written)
{
    struct apic_message m = {.destination = 5};
    put(ID, 0x05123456);
    ck_assert_uint_eq(get(ID), 0x05000000);
    ck_assert(cpu_apic_matches(R.c, &m));
    struct apic_message init = {.delivery = 5, .shorthand = 2};
    cpu_apic_message(R.c, &init);
    (void)cpu_run(R.c, R.c->account.cycles + 100);
    ck_assert_uint_eq(get(ID), 0x05000000); /* INIT keeps it */
    uint64_t v;
    base(BASE | X2APIC);
    ck_assert(msr_read(R.c, 0x802, &v)); /* the initial id again */
    ck_assert_uint_eq(v, 0);
    ck_assert(!cpu_apic_matches(R.c, &m));
    base(BASE);
    base(BASE | ENABLE);
    ck_assert_uint_eq(get(ID), 0);
}
END_TEST

START_TEST(init_in_x2apic_mode_stays_there)
{
    uint64_t v;
    base(BASE | X2APIC);
    ck_assert(msr_write(R.c, 0x80f, 0x1ff));
    ck_assert(msr_write(R.c, 0x808, 0x40));
    struct apic_message init = {.delivery = 5, .shorthand = 2};
    cpu_apic_message(R.c, &init);
    (void)cpu_run(R.c, R.c->account.cycles + 100);
    ck_assert(msr_read(R.c, 0x1b, &v));
    ck_assert_uint_eq(v, BASE | X2APIC);
    ck_assert(msr_read(R.c, 0x808, &v));
    ck_assert_uint_eq(v, 0);
    ck_assert(msr_read(R.c, 0x80f, &v));
    ck_assert_uint_eq(v, 0xff);
    ck_assert(msr_read(R.c, 0x80d, &v));
    ck_assert_uint_eq(v, 1);
}
END_TEST

/* The guest finds it at the new place, not at the old one, and can go back. */
START_TEST(it_can_be_moved)
{
    base(UINT64_C(0xfed40900));
    rig_protected(&R, 0);
    rig_runs(&R, "a1 30 00 d4 fe 8b 1d 30 00 e0 fe "
                 "c7 05 80 00 d4 fe 60 00 00 00 8b 0d 80 00 d4 fe f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0x01050014);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x60);
    ck_assert_uint_eq(R.c->gpr[REG_RBX], 0xffffffff);
    base(BASE | ENABLE);
    ck_assert_uint_eq(get(TPR), 0x60);
    rig_protected(&R, 0);
    rig_runs(&R, "a1 30 00 d4 fe f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0xffffffff);
    base(UINT64_C(0xfed40900));
    rig_protected(&R, 0);
    rig_runs(&R, "a1 80 00 d4 fe f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0x60);
}
END_TEST

START_TEST(a_place_over_ram_is_refused_aloud)
{
    ck_assert(!msr_write(R.c, 0x1b, 0x100900));
    ck_assert(R.c->unmodelled);
    ck_assert_ptr_nonnull(strstr(cpu_stop_reason(R.c), "local APIC"));
}
END_TEST

/* ------------------------------------------------------- EOI and local pins */

/* A level-triggered interrupt's end is told to the I/O APICs. */
START_TEST(eoi_broadcast_and_its_suppression)
{
    struct apic_message m = {.vector = 0x71, .level = true};
    cpu_apic_message(R.c, &m);
    (void)lapic_acknowledge(R.c);
    put(EOI, 0);
    ck_assert_uint_eq(R.messages, 1);
    ck_assert_uint_eq(R.sent[0].delivery, APIC_MESSAGE_EOI);
    ck_assert_uint_eq(R.sent[0].vector, 0x71);
    fixed(0x71); /* edge-triggered: nothing is told */
    (void)lapic_acknowledge(R.c);
    put(EOI, 0);
    put(SVR, 0x11ff);
    cpu_apic_message(R.c, &m);
    (void)lapic_acknowledge(R.c);
    put(EOI, 0);
    ck_assert_uint_eq(R.messages, 1);
}
END_TEST

START_TEST(a_local_apic_ignores_ends_of_interrupts)
{
    struct apic_message m = {
        .vector = 0x71, .delivery = APIC_MESSAGE_EOI, .shorthand = 3};
    cpu_apic_message(R.c, &m);
    ck_assert(!event_pending(R.c));
    ck_assert(!in_bank(IRR, 0x71));
}
END_TEST

START_TEST(lint0_by_edge)
{
    put(LVT_LINT0, 0x45);
    cpu_set_intr(R.c, true);
    ck_assert_int_eq(lapic_pending(R.c), 0x45);
    ck_assert(!in_bank(TMR, 0x45));
    (void)lapic_acknowledge(R.c);
    put(EOI, 0);
    ck_assert_int_eq(lapic_pending(R.c), -1);
    cpu_set_intr(R.c, false);
    put(LVT_LINT0, 0x10045);
    cpu_set_intr(R.c, true); /* masked */
    ck_assert_int_eq(lapic_pending(R.c), -1);
    put(LVT_LINT0, 0x400); /* NMI */
    ck_assert(!R.c->nmi_pending);
    cpu_set_intr(R.c, false);
    cpu_set_intr(R.c, true);
    ck_assert(R.c->nmi_pending);
}
END_TEST

/* One request at a time, again after EOI while the pin is asserted. */
START_TEST(lint0_by_level)
{
    put(LVT_LINT0, 0x8045);
    cpu_set_intr(R.c, true);
    ck_assert_uint_eq(get(LVT_LINT0), 0xc045);
    ck_assert(in_bank(TMR, 0x45));
    ck_assert_uint_eq(lapic_acknowledge(R.c), 0x45);
    put(EOI, 0);
    ck_assert_uint_eq(lapic_acknowledge(R.c), 0x45);
    cpu_set_intr(R.c, false);
    put(EOI, 0);
    ck_assert_int_eq(lapic_pending(R.c), -1);
    ck_assert_uint_eq(get(LVT_LINT0), 0x8045);
    put(LVT_LINT0, 0xa045); /* active low */
    ck_assert_int_eq(lapic_pending(R.c), 0x45);
}
END_TEST

START_TEST(the_entry_of_the_counters_masks_itself)
{
    put(LVT_PERF, 0x400);
    lapic_performance_interrupt(R.c);
    ck_assert(R.c->nmi_pending);
    ck_assert_uint_eq(get(LVT_PERF), 0x10400);
    R.c->nmi_pending = false;
    lapic_performance_interrupt(R.c);
    ck_assert(!R.c->nmi_pending);
    put(LVT_PERF, 0x200); /* SMI: no SMM */
    lapic_performance_interrupt(R.c);
    put(LVT_PERF, 0x46);
    lapic_performance_interrupt(R.c);
    ck_assert_int_eq(lapic_pending(R.c), 0x46);
}
END_TEST

/* ------------------------------------------------------------------- timer */

static void one_tick_later(uint64_t ticks)
{
    uint64_t per = R.config.core.core_hz / R.config.core.apic_hz;
    cycles_charge(&R.c->account, LEAF_IDLE, ticks * per);
}

static void round_clocks(struct rig *r)
{
    r->config.core.core_hz = UINT64_C(1000000000);
    r->config.core.tsc_hz = UINT64_C(1000000000);
    r->config.core.apic_hz = UINT64_C(100000000);
}

static void timer_rig(void)
{
    rig_destroy(&R);
    rig_create(&R, round_clocks);
    rig_long(&R, 0);
    put(SVR, 0x1ff);
}

START_TEST(one_shot_counts_down_and_fires_once)
{
    timer_rig();
    put(DIVIDE, 0xb); /* by 1 */
    put(LVT_TIMER, 0x50);
    put(INITIAL, 1000);
    sim_time start = rig_now(&R);
    ck_assert_uint_eq(R.armed - start, 1000 * UINT64_C(10000000));
    one_tick_later(400);
    ck_assert_uint_eq(get(CURRENT), 600);
    cpu_on_apic_time(R.c, rig_now(&R)); /* early: nothing */
    ck_assert(!in_bank(IRR, 0x50));
    one_tick_later(600);
    cpu_on_apic_time(R.c, rig_now(&R));
    ck_assert(in_bank(IRR, 0x50));
    ck_assert_uint_eq(get(CURRENT), 0);
    ck_assert_uint_eq(R.armed, SIM_NEVER);
}
END_TEST

START_TEST(masked_timer_expires_silently)
{
    timer_rig();
    put(LVT_TIMER, 0x10050);
    put(INITIAL, 10);
    one_tick_later(100);
    cpu_on_apic_time(R.c, rig_now(&R));
    ck_assert(!in_bank(IRR, 0x50));
}
END_TEST

START_TEST(periodic_timer_rearms)
{
    timer_rig();
    put(DIVIDE, 0);
    put(LVT_TIMER, 0x20050);
    put(INITIAL, 100); /* divided by 2: 200 ticks */
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(R.armed, rig_now(&R) + 200 * UINT64_C(10000000));
        one_tick_later(200);
        cpu_on_apic_time(R.c, R.armed);
        ck_assert_int_eq(lapic_pending(R.c), 0x50);
        (void)lapic_acknowledge(R.c);
        put(EOI, 0);
    }
}
END_TEST

START_TEST(tsc_deadline_fires_at_the_deadline)
{
    timer_rig();
    uint64_t now, v;
    put(LVT_TIMER, 0x40051);
    ck_assert(msr_read(R.c, 0x10, &now));
    ck_assert(msr_write(R.c, 0x6e0, now + 5000));
    ck_assert(msr_read(R.c, 0x6e0, &v));
    ck_assert_uint_eq(v, now + 5000);
    ck_assert_uint_eq(R.armed - rig_now(&R), 5000 * UINT64_C(1000000));
    put(INITIAL, 77); /* ignored in this mode */
    ck_assert_uint_eq(get(CURRENT), 0);
    cycles_charge(&R.c->account, LEAF_IDLE, 5000);
    cpu_on_apic_time(R.c, rig_now(&R));
    ck_assert(in_bank(IRR, 0x51));
    ck_assert(msr_read(R.c, 0x6e0, &v));
    ck_assert_uint_eq(v, 0);
}
END_TEST

START_TEST(deadline_in_another_mode_is_ignored)
{
    timer_rig();
    uint64_t v;
    put(LVT_TIMER, 0x51);
    ck_assert(msr_write(R.c, 0x6e0, 12345));
    ck_assert(msr_read(R.c, 0x6e0, &v));
    ck_assert_uint_eq(v, 0);
    ck_assert_uint_eq(R.armed, SIM_NEVER);
}
END_TEST

/* ------------------------------------------------------------------ x2APIC */

static void enter_x2apic(void)
{
    ck_assert(msr_write(R.c, 0x1b, UINT64_C(0xfee00d00)));
}

START_TEST(x2apic_registers_are_msrs)
{
    struct mmio_port p = cpu_apic_port(R.c);
    uint64_t v;
    ck_assert(!msr_read(R.c, 0x808, &v)); /* not in xAPIC mode */
    enter_x2apic();
    ck_assert(!p.read(p.self, TPR, 4, &v));
    ck_assert(msr_write(R.c, 0x808, 0x30));
    ck_assert(msr_read(R.c, 0x808, &v));
    ck_assert_uint_eq(v, 0x30);
    ck_assert(msr_read(R.c, 0x80d, &v)); /* LDR from the id */
    ck_assert_uint_eq(v, 1);
    ck_assert(msr_write(R.c, 0x80f, 0x1ff));
    ck_assert(msr_write(R.c, 0x83f, 0x44)); /* SELF IPI */
    ck_assert(msr_read(R.c, 0x822, &v));
    ck_assert_uint_eq(v, 1u << 4);
}
END_TEST

START_TEST(x2apic_refusals)
{
    static const struct {
        uint32_t n;
        uint64_t v;
    } writes[] = {
        {0x802, 0},
        {0x803, 0},
        {0x808, 0x100},
        {0x80a, 0},
        {0x80b, 1},
        {0x80d, 0},
        {0x80e, 0},
        {0x80f, 0x2000},
        {0x810, 0},
        {0x828, 1},
        {0x830, 0x1000},
        {0x831, 0},
        {0x832, 0x100},
        {0x839, 0},
        {0x83e, 4},
        {0x83f, 0x100},
        {0x840, 0},
        {0x8ff, 0},
        {0x838, UINT64_C(1) << 32},
    };
    static const uint32_t reads[] = {0x80b, 0x80e, 0x831, 0x83f, 0x8ff};
    uint64_t v;
    enter_x2apic();
    for (unsigned i = 0; i < sizeof writes / sizeof writes[0]; i++)
        ck_assert_msg(!msr_write(R.c, writes[i].n, writes[i].v), "%x",
                      writes[i].n);
    for (unsigned i = 0; i < sizeof reads / sizeof reads[0]; i++)
        ck_assert_msg(!msr_read(R.c, reads[i], &v), "%x", reads[i]);
}
END_TEST

START_TEST(x2apic_icr_is_64_bits)
{
    uint64_t v;
    enter_x2apic();
    ck_assert(msr_write(R.c, 0x80f, 0x1ff));
    ck_assert(msr_write(R.c, 0x830, UINT64_C(0x12345678000008f0)));
    ck_assert_uint_eq(R.messages, 1);
    ck_assert_uint_eq(R.sent[0].destination, 0x12345678);
    ck_assert(R.sent[0].logical);
    ck_assert(msr_read(R.c, 0x830, &v));
    ck_assert_uint_eq(v, UINT64_C(0x12345678000008f0));
}
END_TEST

/* ---------------------------------------------------------- INIT and SIPI */

/* An AP waits after INIT, starts at vector << 12 in real mode, and a second
 * SIPI is ignored. */
START_TEST(init_sipi_sipi_starts_an_application_processor)
{
    struct apic_message init = {.delivery = 5, .shorthand = 2};
    struct apic_message sipi = {.delivery = 6, .vector = 8, .shorthand = 2};
    R.c->wiring.index = 1;
    cpu_reset(R.c);
    ck_assert_int_eq(R.c->activity, ACTIVITY_WAIT_SIPI);
    ck_assert(!cpu_has_work(R.c));
    cpu_apic_message(R.c, &init);
    cpu_apic_message(R.c, &sipi);
    ck_assert(cpu_has_work(R.c));
    /* mov ax, 1234h; hlt; inc ax; hlt */
    rig_hex(&R, 0x8000, "b8 34 12 f4 40 f4");
    ck_assert_int_eq(cpu_run(R.c, R.c->account.cycles + 100000), CPU_STOP_HALT);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], 0x1234);
    ck_assert_uint_eq(R.c->seg[SEG_CS].selector, 0x800);
    ck_assert_uint_eq(R.c->rip, 4);
    cpu_apic_message(R.c, &sipi);
    ck_assert(!cpu_has_work(R.c));
}
END_TEST

START_TEST(init_keeps_what_the_manual_keeps)
{
    struct apic_message init = {.delivery = 5, .shorthand = 2};
    R.c->wiring.index = 1;
    cpu_reset(R.c);
    uint64_t mtrr = R.c->msr.mtrr.def_type, cr0 = R.c->cr0;
    R.c->msr.lstar = 0x1234;
    R.c->v[3].u64[0] = 77;
    R.c->gpr[REG_RBX] = 5;
    cpu_apic_message(R.c, &init);
    ck_assert(event_pending(R.c));
    ck_assert_int_eq(cpu_run(R.c, R.c->account.cycles + 1000), CPU_STOP_HALT);
    ck_assert_uint_eq(R.c->gpr[REG_RBX], 0);
    ck_assert_uint_eq(R.c->v[3].u64[0], 77);
    ck_assert_uint_eq(R.c->msr.lstar, 0x1234);
    ck_assert_uint_eq(R.c->msr.mtrr.def_type, mtrr);
    ck_assert_uint_eq(R.c->cr0, cr0);
    ck_assert_int_eq(R.c->activity, ACTIVITY_WAIT_SIPI);
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        reset_values,
        reserved_bits_do_not_stick,
        fixed_interrupt_goes_through_irr_and_isr,
        priority_classes_decide,
        level_trigger_shows_in_tmr,
        software_disable_masks_and_drops,
        error_register_latches_on_write,
        icr_sends_what_it_says,
        reserved_and_illegal_ipis_send_nothing,
        destinations,
        nmi_message_interrupts_with_if_clear,
        software_disable_keeps_what_is_pending,
        other_access_sizes,
        disabled_there_is_no_apic,
        disabled_the_intr_pin_works,
        the_id_of_xapic_mode_can_be_written,
        init_in_x2apic_mode_stays_there,
        it_can_be_moved,
        a_place_over_ram_is_refused_aloud,
        eoi_broadcast_and_its_suppression,
        a_local_apic_ignores_ends_of_interrupts,
        lint0_by_edge,
        lint0_by_level,
        the_entry_of_the_counters_masks_itself,
        one_shot_counts_down_and_fires_once,
        masked_timer_expires_silently,
        periodic_timer_rearms,
        tsc_deadline_fires_at_the_deadline,
        deadline_in_another_mode_is_ignored,
        x2apic_registers_are_msrs,
        x2apic_refusals,
        x2apic_icr_is_64_bits,
        init_sipi_sipi_starts_an_application_processor,
        init_keeps_what_the_manual_keeps,
    };
    Suite *s = suite_create("lapic");
    TCase *t = tcase_create("lapic");
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
