/* SPDX-License-Identifier: Apache-2.0
 * MONITOR and MWAIT, UMONITOR, UMWAIT and TPAUSE: what ends a wait, what is
 * refused; RDPID, MOVDIRI, MOVDIR64B, CLWB and CLFLUSHOPT.
 */
#include "cpu/cpu.h"
#include "cpu/cpuid.h"
#include "cpu/reset.h"
#include "cpu/wait.h"
#include "sim/base/stat.h"
#include "tests/unit/sys_rig.h"

/* monitor; mwait; hlt with RAX, RCX, RDX set between: the test does it. */
static const char *const MONITOR = "0f 01 c8 f4";
static const char *const MWAIT = "0f 01 c9 90 f4";
static const char *const UMONITOR = "f3 0f ae f3 f4"; /* %rbx */
static const char *const UMWAIT = "f2 0f ae f3 f4";   /* %ebx */
static const char *const TPAUSE = "66 0f ae f3 f4";   /* %ebx */

static unsigned woken;

static void on_wake(void *self, unsigned core)
{
    (void)self, (void)core;
    woken++;
}

static void features(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->monitor = k->waitpkg = k->rdpid = k->clwb = k->clflushopt = true;
    k->movdiri = k->movdir64b = k->serialize = true;
}

static void absent(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->monitor = k->waitpkg = k->rdpid = k->clwb = k->clflushopt = false;
    k->movdiri = k->movdir64b = k->serialize = false;
}

static void create(struct rig *r)
{
    rig_create(r, features);
    r->c->wiring.wake = (struct wake_port){r, on_wake};
    rig_long(r, 0);
    woken = 0;
}

static enum cpu_stop step(struct rig *r, const char *hex)
{
    r->c->rip = RIG_CODE;
    r->c->activity = ACTIVITY_RUN;
    return rig_go(r, hex);
}

static void monitor(struct rig *r, uint64_t at)
{
    r->c->gpr[REG_RAX] = at;
    r->c->gpr[REG_RCX] = r->c->gpr[REG_RDX] = 0;
    ck_assert_int_eq(step(r, MONITOR), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(r), -1);
}

static bool waits(struct rig *r, uint32_t rcx)
{
    r->c->gpr[REG_RCX] = rcx;
    ck_assert_int_eq(step(r, MWAIT), CPU_STOP_HALT);
    return r->c->activity == ACTIVITY_MWAIT;
}

START_TEST(store_ends_mwait)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    ck_assert(!waits(&r, 0)); /* nothing is monitored */
    monitor(&r, RIG_DATA + 20);
    ck_assert(waits(&r, 0));
    ck_assert_uint_eq(c->rip, RIG_CODE + 3);
    ck_assert(!cpu_has_work(c));
    rig_put(&r, RIG_DATA + 64, 1, 8); /* the next line */
    rig_put(&r, RIG_DATA - 8, 1, 8);  /* the one before */
    ck_assert(!cpu_has_work(c));
    rig_put(&r, RIG_DATA + 63, 1, 1);
    ck_assert(cpu_has_work(c));
    ck_assert_uint_eq(woken, 1);
    ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
    ck_assert_uint_eq(c->rip, RIG_CODE + 5); /* behind the HLT */
    /* The store has used the monitor up. */
    ck_assert(!waits(&r, 0));
    /* Armed, then written by the core itself: MWAIT does not wait. */
    monitor(&r, RIG_DATA + 128);
    c->gpr[REG_RBX] = RIG_DATA + 128;
    ck_assert_int_eq(step(&r, "89 03 f4"), CPU_STOP_HALT);
    ck_assert(!waits(&r, 0));
    /* A store that straddles into the line counts. */
    monitor(&r, RIG_DATA + 192);
    c->gpr[REG_RBX] = RIG_DATA + 190;
    ck_assert_int_eq(step(&r, "89 03 f4"), CPU_STOP_HALT);
    ck_assert(!waits(&r, 0));
    /* A later MONITOR replaces the line. */
    monitor(&r, RIG_DATA);
    monitor(&r, RIG_DATA + 0x1000);
    rig_put(&r, RIG_DATA, 2, 8);
    ck_assert(waits(&r, 0));
    rig_destroy(&r);
}
END_TEST

/* With the line in the filter before it is monitored, hot stores count. */
START_TEST(hot_stores_count)
{
    struct rig r;
    create(&r);
    r.c->gpr[REG_RBX] = RIG_DATA + 256;
    ck_assert_int_eq(step(&r, "89 03 89 03 89 43 04 f4"), CPU_STOP_HALT);
    monitor(&r, RIG_DATA + 256);
    ck_assert_int_eq(step(&r, "89 43 08 f4"), CPU_STOP_HALT);
    ck_assert(!waits(&r, 0));
    monitor(&r, RIG_DATA + 256);
    ck_assert_int_eq(step(&r, "8b 43 08 f4"), CPU_STOP_HALT);
    ck_assert(waits(&r, 0));
    rig_destroy(&r);
}
END_TEST

START_TEST(interrupts_end_mwait)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    /* IF = 0: only with ECX bit 0; the interrupt stays pending. */
    for (unsigned ecx = 0; ecx < 2; ecx++) {
        monitor(&r, RIG_DATA);
        c->eflags &= ~(uint32_t)FLAG_IF;
        ck_assert(waits(&r, ecx));
        r.inta_vector = 0x41;
        lapic_virtual_wire(c);
        cpu_set_intr(c, true);
        ck_assert_int_eq(cpu_has_work(c), ecx == 1);
        ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
        ck_assert_int_eq(c->activity == ACTIVITY_MWAIT, ecx == 0);
        ck_assert_uint_eq(r.acknowledged, 0);
        cpu_set_intr(c, false);
    }
    /* IF = 1: delivered behind MWAIT. */
    monitor(&r, RIG_DATA);
    c->eflags |= FLAG_IF;
    ck_assert(waits(&r, 0));
    cpu_set_intr(c, true);
    ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&r), 0x41);
    ck_assert_uint_eq(rig_frame(&r, 0, false), RIG_CODE + 3);
    /* NMI */
    rig_long(&r, 0);
    monitor(&r, RIG_DATA);
    ck_assert(waits(&r, 0));
    cpu_nmi(c);
    ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&r), EXC_NMI);
    rig_destroy(&r);
}
END_TEST

START_TEST(monitor_refusals)
{
    struct rig r;
    uint32_t out[4];
    uint64_t v;
    create(&r);
    struct cpu *c = r.c;
    c->gpr[REG_RAX] = RIG_DATA;
    c->gpr[REG_RCX] = 1;
    rig_faults(&r, MONITOR, EXC_GP, 0);
    rig_long(&r, 0);
    c->gpr[REG_RCX] = 2;
    rig_faults(&r, MWAIT, EXC_GP, 0);
    rig_long(&r, 0);
    c->gpr[REG_RCX] = 0;
    c->gpr[REG_RAX] = UINT64_C(0x8000) << 40;
    rig_faults(&r, MONITOR, EXC_GP, 0);
    rig_long(&r, 0);
    c->gpr[REG_RAX] = 0x40000000; /* not mapped */
    rig_faults(&r, MONITOR, EXC_PF, 0);
    for (unsigned i = 0; i < 2; i++) {
        rig_long(&r, 3);
        rig_faults(&r, i == 0 ? MONITOR : MWAIT, EXC_UD, -1);
    }
    /* IA32_MISC_ENABLE takes them away, from CPUID too. */
    rig_long(&r, 0);
    cpuid_leaf(c, 5, 0, out);
    ck_assert_uint_eq(out[CPUID_EAX], 64);
    ck_assert_uint_eq(out[CPUID_ECX], 3);
    cpuid_leaf(c, 1, 0, out);
    ck_assert((out[CPUID_ECX] & 8) != 0);
    ck_assert(msr_read(c, 0x1a0, &v) && (v & MISC_MONITOR) != 0);
    ck_assert(msr_write(c, 0x1a0, v & ~(uint64_t)MISC_MONITOR));
    cpuid_leaf(c, 1, 0, out);
    ck_assert((out[CPUID_ECX] & 8) == 0);
    rig_faults(&r, MONITOR, EXC_UD, -1);
    rig_destroy(&r);
    rig_create(&r, absent);
    rig_long(&r, 0);
    ck_assert(!msr_write(r.c, 0x1a0, MISC_MONITOR));
    rig_destroy(&r);
}
END_TEST

/* --- UMWAIT, TPAUSE --- */

/* Runs to the HLT behind; returns the cycles waited. */
static uint64_t pause_until(struct rig *r, const char *hex, uint64_t tsc)
{
    struct cpu *c = r->c;
    uint64_t idle = c->account.leaf[LEAF_IDLE];
    c->gpr[REG_RAX] = (uint32_t)tsc;
    c->gpr[REG_RDX] = tsc >> 32;
    c->gpr[REG_RBX] = 0;
    c->eflags |= FLAG_ARITH;
    c->cc_op = 0;
    c->rip = RIG_CODE;
    c->activity = ACTIVITY_RUN;
    rig_hex(r, RIG_CODE, hex);
    for (unsigned n = 0; n < 100; n++) { /* in pieces of a run's limit */
        enum cpu_stop why = cpu_run(c, c->account.cycles + 1000);
        if (why == CPU_STOP_HALT)
            break;
        ck_assert_int_eq(why, CPU_STOP_TIME);
    }
    ck_assert_int_eq(c->activity, ACTIVITY_HLT);
    ck_assert_int_eq(rig_vector(r), -1);
    return c->account.leaf[LEAF_IDLE] - idle;
}

START_TEST(tpause)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    uint64_t now = cpu_tsc(c);
    uint64_t idle = pause_until(&r, TPAUSE, now + 20000);
    ck_assert_uint_gt(idle, 19000);
    ck_assert_uint_le(idle, 20000);
    ck_assert_uint_ge(cpu_tsc(c), now + 20000);
    ck_assert_uint_eq(flags_arith(c), 0);
    /* A deadline that has passed. */
    ck_assert_uint_eq(pause_until(&r, TPAUSE, 1), 0);
    ck_assert_uint_eq(flags_arith(c), 0);
    /* The operating system's limit: CF. */
    ck_assert(msr_write(c, 0xe1, 3000));
    idle = pause_until(&r, TPAUSE, cpu_tsc(c) + 20000);
    ck_assert_uint_gt(idle, 2900);
    ck_assert_uint_le(idle, 3000);
    ck_assert_uint_eq(flags_arith(c), FLAG_CF);
    /* ... not reached. */
    idle = pause_until(&r, TPAUSE, cpu_tsc(c) + 2000);
    ck_assert_uint_eq(flags_arith(c), 0);
    ck_assert(!msr_write(c, 0xe1, 2));
    ck_assert(!msr_write(c, 0xe1, UINT64_C(1) << 32));
    /* At any level, unless CR4.TSD. */
    rig_long(&r, 3);
    c->gpr[REG_RBX] = c->gpr[REG_RAX] = c->gpr[REG_RDX] = 0;
    rig_faults(&r, "66 0f ae f3 0f 0b", EXC_UD, -1);
    ck_assert_uint_eq(rig_frame(&r, 0, false), RIG_CODE + 4);
    rig_long(&r, 3);
    c->cr4 |= CR4_TSD;
    cpu_update_mode(c);
    rig_faults(&r, TPAUSE, EXC_GP, 0);
    rig_long(&r, 0);
    c->gpr[REG_RBX] = 2;
    rig_faults(&r, TPAUSE, EXC_GP, 0);
    rig_destroy(&r);
}
END_TEST

START_TEST(umwait)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    /* Not armed: no wait. */
    ck_assert_uint_eq(pause_until(&r, UMWAIT, cpu_tsc(c) + 5000), 0);
    c->gpr[REG_RBX] = RIG_DATA;
    ck_assert_int_eq(step(&r, UMONITOR), CPU_STOP_HALT);
    ck_assert_uint_gt(pause_until(&r, UMWAIT, cpu_tsc(c) + 5000), 4000);
    /* A store ends it. */
    c->gpr[REG_RBX] = 0;
    c->gpr[REG_RAX] = (uint32_t)(cpu_tsc(c) + 100000000);
    c->gpr[REG_RDX] = 0;
    c->rip = RIG_CODE;
    c->activity = ACTIVITY_RUN;
    ck_assert_int_eq(cpu_run(c, c->account.cycles + 5000), CPU_STOP_TIME);
    ck_assert_int_eq(c->activity, ACTIVITY_MWAIT);
    rig_put(&r, RIG_DATA + 8, 7, 8);
    ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
    ck_assert_uint_eq(c->rip, RIG_CODE + 5);
    ck_assert_uint_eq(flags_arith(c), 0);
    rig_destroy(&r);
}
END_TEST

/* --- the others --- */

START_TEST(direct_stores)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    c->gpr[REG_RBX] = RIG_DATA + 3;
    c->gpr[REG_RCX] = UINT64_C(0x1122334455667788);
    rig_runs(&r, "0f 38 f9 0b f4");
    ck_assert_uint_eq(rig_read(&r, RIG_DATA + 3, 8), 0x55667788);
    rig_long(&r, 0);
    rig_runs(&r, "48 0f 38 f9 0b f4");
    ck_assert_uint_eq(rig_read(&r, RIG_DATA + 3, 8), c->gpr[REG_RCX]);
    for (unsigned i = 0; i < 64; i++)
        rig_put(&r, RIG_DATA + 0x101 + i, i + 1, 1);
    rig_long(&r, 0);
    c->gpr[REG_RBX] = RIG_DATA + 0x101;
    c->gpr[REG_RCX] = RIG_DATA + 0x200;
    rig_runs(&r, "66 0f 38 f8 0b f4");
    for (unsigned i = 0; i < 64; i++)
        ck_assert_uint_eq(rig_read(&r, RIG_DATA + 0x200 + i, 1), i + 1);
    rig_long(&r, 0);
    c->gpr[REG_RCX] = RIG_DATA + 0x208;
    rig_faults(&r, "66 0f 38 f8 0b f4", EXC_GP, 0);
    rig_long(&r, 0); /* 32-bit addresses: the upper half is not looked at */
    c->gpr[REG_RCX] = UINT64_C(0x500000000) + RIG_DATA + 0x240;
    rig_runs(&r, "67 66 0f 38 f8 0b f4");
    ck_assert_uint_eq(rig_read(&r, RIG_DATA + 0x27f, 1), 64);
    rig_long(&r, 0);
    c->gpr[REG_RBX] = 0x40000000;
    rig_faults(&r, "66 0f 38 f8 0b f4", EXC_PF, 0);
    rig_destroy(&r);
}
END_TEST

START_TEST(rdpid_and_serialize)
{
    struct rig r;
    create(&r);
    r.c->msr.tsc_aux = 0x12345;
    r.c->gpr[REG_RBX] = UINT64_MAX;
    rig_runs(&r, "f3 0f c7 fb 0f 01 e8 f4");
    ck_assert_uint_eq(r.c->gpr[REG_RBX], 0x12345);
    rig_destroy(&r);
}
END_TEST

struct wanted {
    const char *name;
    uint64_t value;
    bool found;
};

static void match(void *self, const char *name, uint64_t value,
                  const struct stat_desc *d)
{
    struct wanted *w = self;
    (void)d;
    if (strcmp(name, w->name) == 0) {
        w->value = value;
        w->found = true;
    }
}

static uint64_t counter(const struct stat_registry *all, const char *name)
{
    static uint64_t values[4096];
    struct wanted w = {.name = name};
    ck_assert_uint_lt(all->values, 4096);
    stat_snapshot(all, values);
    stat_walk(all, values, match, &w);
    ck_assert_msg(w.found, "%s", name);
    return w.value;
}

/* The code at `at`, placed before. */
static void again(struct rig *r, uint64_t at)
{
    r->c->gpr[REG_RBX] = RIG_DATA;
    r->c->rip = at;
    r->c->activity = ACTIVITY_RUN;
    ck_assert_int_eq(rig_go(r, NULL), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(r), -1);
}

/* A dirty line: CLWB writes it back once and keeps it, CLFLUSHOPT drops it;
 * a store makes it dirty again although the filter knew it. */
START_TEST(write_back)
{
    static struct stat_registry all;
    const uint64_t store = RIG_CODE, load = RIG_CODE + 8, flush = RIG_CODE + 16;
    for (unsigned i = 0; i < 2; i++) {
        struct rig r;
        create(&r);
        r.c->msr.mtrr.def_type = 0x806; /* write-back */
        mmu_set_mtrr(r.c->mmu, &r.c->msr.mtrr);
        rig_hex(&r, store, "89 03 89 03 f4");
        rig_hex(&r, load, "8b 03 f4");
        rig_hex(&r, flush, i == 0 ? "66 0f ae 33 f4" : "66 0f ae 3b f4");
        memset(&all, 0, sizeof all);
        memsys_register_stats(r.memory, &all);
        uint64_t *dram = &r.c->account.leaf[LEAF_DRAM];
        again(&r, store);
        uint64_t before = counter(&all, "dram.writebacks");
        for (unsigned n = 1; n < 4; n++) {
            again(&r, flush);
            ck_assert_uint_eq(counter(&all, "dram.writebacks"), before + n);
            again(&r, flush); /* clean now, or gone */
            ck_assert_uint_eq(counter(&all, "dram.writebacks"), before + n);
            uint64_t cycles = *dram;
            again(&r, load);
            ck_assert_uint_eq(*dram != cycles, i == 1);
            again(&r, store);
        }
        rig_destroy(&r);
    }
}
END_TEST

START_TEST(absent_ones_are_ud)
{
    static const char *const hex[] = {
        "0f 01 c8",    "0f 01 c9",       "f3 0f ae f3", "f2 0f ae f3",
        "66 0f ae f3", "f3 0f c7 fb",    "66 0f ae 3b", "66 0f ae 33",
        "0f 38 f9 0b", "66 0f 38 f8 0b", "0f 01 e8"};
    struct rig r;
    uint32_t out[4];
    rig_create(&r, absent);
    for (unsigned i = 0; i < sizeof hex / sizeof hex[0]; i++) {
        rig_long(&r, 0);
        r.c->gpr[REG_RBX] = RIG_DATA;
        rig_faults(&r, hex[i], EXC_UD, -1);
    }
    cpuid_leaf(r.c, 5, 0, out);
    ck_assert_uint_eq(out[0] | out[1] | out[2] | out[3], 0);
    rig_destroy(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("wait");
    TCase *t = tcase_create("wait");
    tcase_add_test(t, store_ends_mwait);
    tcase_add_test(t, hot_stores_count);
    tcase_add_test(t, interrupts_end_mwait);
    tcase_add_test(t, monitor_refusals);
    tcase_add_test(t, tpause);
    tcase_add_test(t, umwait);
    tcase_add_test(t, direct_stores);
    tcase_add_test(t, rdpid_and_serialize);
    tcase_add_test(t, write_back);
    tcase_add_test(t, absent_ones_are_ud);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
