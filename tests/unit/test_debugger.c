/* SPDX-License-Identifier: Apache-2.0
 * cpu/debugger.h on a bare core: what stops it, where, and that time does not
 * notice.
 */
#include "bare.h"

#include "cpu/debugger.h"

BARE_CODE(program, "mov $3, %ecx\n"
                   "1: mov %rcx, 0x300000\n"
                   "mov 0x300008, %rax\n"
                   "inc %rdx\n"
                   "dec %ecx\n"
                   "jnz 1b\n"
                   "ud2\n");
enum {
    LOOP = BARE_CODE_AT + 5, /* the store */
    LOAD = LOOP + 8,
    INC = LOAD + 8,
    UD2 = INC + 3 + 2 + 2,
};

static struct bare b;

static void begin(void)
{
    struct sim_error e;
    bare_create(&b, "simple", NULL);
    BARE_LOAD(&b, program);
    bare_start(&b, BARE_CODE_AT);
    ck_assert_int_eq(debugger_attach(b.cpu, &e), SIM_OK);
}

static struct debug_stop go(void)
{
    enum cpu_stop s = cpu_run(b.cpu, cpu_account(b.cpu)->cycles + 1000000);
    struct debug_stop d = debugger_take_stop(b.cpu);
    if (d.kind == DEBUG_STOP_NONE)
        ck_assert_int_eq(s, CPU_STOP_HALT); /* the handler of #UD */
    else
        ck_assert_int_eq(s, CPU_STOP_REQUEST);
    return d;
}

static uint64_t rip(void)
{
    struct cpu_regs r;
    cpu_get_regs(b.cpu, &r);
    return r.rip;
}

START_TEST(breakpoint_stops_before_the_instruction)
{
    begin();
    ck_assert(debugger_insert(b.cpu, DEBUG_HARD, INC, 1));
    for (unsigned i = 0; i < 3; i++) {
        struct debug_stop s = go();
        ck_assert_int_eq(s.kind, DEBUG_STOP_POINT);
        ck_assert_int_eq(s.point, DEBUG_HARD);
        ck_assert_uint_eq(rip(), INC);
        struct cpu_regs r;
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RDX], i);
    }
    ck_assert_int_eq(go().kind, DEBUG_STOP_NONE);
    bare_destroy(&b);
}
END_TEST

START_TEST(removed_points_do_not_stop)
{
    begin();
    ck_assert(debugger_insert(b.cpu, DEBUG_SOFT, INC, 1));
    ck_assert(debugger_insert(b.cpu, DEBUG_SOFT, INC, 1)); /* once is enough */
    ck_assert(debugger_insert(b.cpu, DEBUG_WRITE, BARE_DATA, 8));
    debugger_remove(b.cpu, DEBUG_SOFT, INC, 1);
    debugger_remove(b.cpu, DEBUG_WRITE, BARE_DATA, 8);
    ck_assert_int_eq(go().kind, DEBUG_STOP_NONE);
    bare_destroy(&b);
}
END_TEST

START_TEST(watchpoints_stop_after_the_access)
{
    static const struct {
        enum debug_point point;
        uint64_t at, len;
        bool hit_store, hit_load;
    } cases[] = {
        {DEBUG_WRITE, BARE_DATA, 8, true, false},
        {DEBUG_WRITE, BARE_DATA + 7, 1, true, false},
        {DEBUG_WRITE, BARE_DATA + 8, 8, false, false},
        {DEBUG_READ, BARE_DATA + 8, 1, false, true},
        {DEBUG_READ, BARE_DATA, 8, false, false},
        {DEBUG_ACCESS, BARE_DATA - 8, 32, true, true},
        {DEBUG_ACCESS, BARE_DATA + 16, 8, false, false},
        {DEBUG_ACCESS, UINT64_MAX - 3, 4, false, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        ck_assert(
            debugger_insert(b.cpu, cases[i].point, cases[i].at, cases[i].len));
        for (unsigned n = 0; n < 3; n++) {
            if (cases[i].hit_store) {
                struct debug_stop s = go();
                ck_assert_int_eq(s.kind, DEBUG_STOP_POINT);
                ck_assert_uint_eq(s.at, cases[i].at);
                ck_assert_uint_eq(rip(), LOAD);
                ck_assert_uint_eq(bare_get64(&b, BARE_DATA), 3 - n);
            }
            if (cases[i].hit_load) {
                ck_assert_int_eq(go().kind, DEBUG_STOP_POINT);
                ck_assert_uint_eq(rip(), INC);
            }
        }
        ck_assert_int_eq(go().kind, DEBUG_STOP_NONE);
        bare_destroy(&b);
    }
}
END_TEST

START_TEST(refused_points)
{
    begin();
    ck_assert(!debugger_insert(b.cpu, DEBUG_WRITE, BARE_DATA, 0));
    ck_assert(
        !debugger_insert(b.cpu, DEBUG_WRITE, BARE_DATA, DEBUG_WATCH_MAX + 1));
    for (uint64_t i = 0; i < DEBUG_POINTS_MAX; i++)
        ck_assert(debugger_insert(b.cpu, DEBUG_HARD, BARE_PAGES + i, 1));
    ck_assert(!debugger_insert(b.cpu, DEBUG_HARD, BARE_DATA, 1));
    debugger_clear(b.cpu);
    ck_assert(debugger_insert(b.cpu, DEBUG_HARD, BARE_DATA, 1));
    bare_destroy(&b);
}
END_TEST

START_TEST(steps)
{
    static const uint64_t at[] = {LOOP, LOAD, INC, INC + 3, INC + 5, LOOP};
    begin();
    for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
        debugger_step(b.cpu);
        ck_assert_int_eq(go().kind, DEBUG_STOP_STEP);
        ck_assert_uint_eq(rip(), at[i]);
    }
    /* An exception instead of the instruction: its handler. */
    ck_assert(debugger_insert(b.cpu, DEBUG_HARD, UD2, 1));
    ck_assert_int_eq(go().kind, DEBUG_STOP_POINT);
    debugger_step(b.cpu);
    ck_assert_int_eq(go().kind, DEBUG_STOP_STEP);
    ck_assert_uint_eq(rip(), BARE_HANDLERS + 16 * 6);
    bare_destroy(&b);
}
END_TEST

START_TEST(time_does_not_notice)
{
    struct cycle_account plain;
    begin();
    debugger_detach(b.cpu);
    (void)go();
    plain = *cpu_account(b.cpu);
    bare_destroy(&b);
    for (unsigned how = 0; how < 4; how++) {
        begin();
        if (how == 1)
            ck_assert(debugger_insert(b.cpu, DEBUG_HARD, INC, 1));
        if (how == 2)
            ck_assert(debugger_insert(b.cpu, DEBUG_ACCESS, BARE_DATA, 64));
        do
            if (how == 3)
                debugger_step(b.cpu);
        while (go().kind != DEBUG_STOP_NONE);
        const struct cycle_account *a = cpu_account(b.cpu);
        ck_assert_uint_eq(a->cycles, plain.cycles);
        ck_assert_uint_eq(a->instructions, plain.instructions);
        ck_assert_mem_eq(a->leaf, plain.leaf, sizeof a->leaf);
        bare_destroy(&b);
    }
}
END_TEST

static unsigned index_of(const char *name)
{
    unsigned i = 0;
    while (strcmp(debugger_register(i)->name, name) != 0)
        i++;
    return i;
}

static bool put(const char *name, uint64_t value)
{
    uint8_t bytes[DEBUG_REGISTER_BYTES] = {0};
    memcpy(bytes, &value, sizeof value);
    return debugger_write_register(b.cpu, index_of(name), bytes);
}

static uint64_t get(const char *name)
{
    uint8_t file[DEBUG_FILE_BYTES];
    uint64_t v = 0;
    unsigned i = index_of(name);
    (void)debugger_read_registers(b.cpu, DEBUG_VIEW_CORE, file);
    memcpy(&v, file + debugger_register_at(i),
           debugger_register(i)->bits / 8u < 8 ? debugger_register(i)->bits / 8u
                                               : 8);
    return v;
}

START_TEST(registers)
{
    begin();
    ck_assert_uint_eq(get("rip"), BARE_CODE_AT);
    ck_assert_uint_eq(get("cr3"), BARE_PML4);
    ck_assert(put("rdx", 41) && get("rdx") == 41);
    ck_assert(put("rcx", 1)); /* the loop ends */
    ck_assert(put("rip", LOOP) && get("rip") == LOOP);
    ck_assert(!put("rip", UINT64_C(1) << 63));
    ck_assert(put("eflags", 0x8d7) && get("eflags") == 0x8d7);
    ck_assert(!put("eflags", 0x202 | 1 << 17));
    ck_assert(!put("cs", 0x10));
    ck_assert(put("cs", 8)); /* as it is */
    ck_assert(!put("cr0", UINT64_C(0x80000000)));
    ck_assert(!put("cr4", UINT64_C(1) << 40));
    ck_assert(!put("efer", UINT64_C(1) << 60));
    ck_assert(put("lstar", 0x1234) && get("lstar") == 0x1234);
    ck_assert(!put("lstar", UINT64_C(1) << 62));
    ck_assert(put("fs_base", 0x5000) && get("fs_base") == 0x5000);
    ck_assert(put("xmm7", 77) && get("xmm7") == 77);
    ck_assert(put("mxcsr", 0x1fa0) && !put("mxcsr", 1 << 16));
    ck_assert(!debugger_write_register(b.cpu, debugger_registers(), NULL));
    (void)go();
    ck_assert_uint_eq(get("rip") - 1, BARE_HANDLERS + 16 * 6);
    bare_destroy(&b);
}
END_TEST

START_TEST(memory_and_walks)
{
    uint8_t bytes[4096 + 16];
    struct walk_report r;
    begin();
    bare_put64(&b, BARE_PT + 8, 0); /* the second page is away */
    ck_assert_uint_eq(debugger_read(b.cpu, DEBUG_VIEW_CORE, BARE_PAGES + 8,
                                    sizeof bytes, bytes),
                      4096 - 8);
    bytes[0] = 0x5a;
    ck_assert_uint_eq(
        debugger_write(b.cpu, DEBUG_VIEW_CORE, BARE_PAGES, 1, bytes), 1);
    ck_assert_uint_eq(bare_get64(&b, BARE_PAGES) & 0xff, 0x5a);
    ck_assert(debugger_walk(b.cpu, DEBUG_VIEW_CORE, BARE_PAGES + 0x2010, &r));
    ck_assert_int_eq(r.end, WALK_MAPPED);
    ck_assert_uint_eq(r.count, 4);
    ck_assert_uint_eq(r.step[3].at, BARE_PT + 16);
    ck_assert_uint_eq(r.host, BARE_PAGES + 0x2010);
    ck_assert_uint_eq(r.page_shift, 12);
    ck_assert(debugger_walk(b.cpu, DEBUG_VIEW_CORE, BARE_PAGES + 4096, &r));
    ck_assert_int_eq(r.end, WALK_NOT_PRESENT);
    ck_assert(debugger_walk(b.cpu, DEBUG_VIEW_CORE, UINT64_C(1) << 50, &r));
    ck_assert_int_eq(r.end, WALK_NOT_CANONICAL);
    /* No accessed flag came of it. */
    ck_assert_uint_eq(bare_get64(&b, BARE_PML4), BARE_PDPT | 7);
    ck_assert(!debugger_has_view(b.cpu, DEBUG_VIEW_GUEST));
    ck_assert(!debugger_walk(b.cpu, DEBUG_VIEW_GUEST, 0, &r));
    bare_destroy(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("debugger");
    TCase *t = tcase_create("core");
    tcase_add_test(t, breakpoint_stops_before_the_instruction);
    tcase_add_test(t, removed_points_do_not_stop);
    tcase_add_test(t, watchpoints_stop_after_the_access);
    tcase_add_test(t, refused_points);
    tcase_add_test(t, steps);
    tcase_add_test(t, time_does_not_notice);
    tcase_add_test(t, registers);
    tcase_add_test(t, memory_and_walks);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
