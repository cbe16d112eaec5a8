/* SPDX-License-Identifier: Apache-2.0
 * The machine as a whole, run by a few bytes of flat code: ends, limits,
 * consoles, time, several cores, one machine after the other.
 */
#include "sim/machine/machine.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct guest {
    struct machine *machine;
    int console[2]; /* pipe: what the guest writes to port E9h */
    char notes[400];
    unsigned ticks, ticks_left;
};

static void take_note(void *self, const char *text)
{
    struct guest *g = self;
    snprintf(g->notes + strlen(g->notes), sizeof g->notes - strlen(g->notes),
             "%s\n", text);
}

/* Limits of a run; zero: none. */
static void start(struct guest *g, const struct machine_config *config,
                  const void *code, size_t len)
{
    static char path[] = "code";
    struct machine_config c = *config;
    struct load_file file = {.path = path, .len = len};
    struct load_result result;
    struct plan plan;
    struct sim_error e;
    memset(g, 0, sizeof *g);
    g->ticks_left = UINT32_MAX;
    ck_assert_int_eq(pipe(g->console), 0);
    const struct machine_io io = {
        .console_out = g->console[1],
        .serial_out = -1,
        .serial_in = -1,
        .self = g,
        .note = take_note,
    };
    file.data = malloc(len);
    ck_assert_ptr_nonnull(file.data);
    memcpy(file.data, code, len);
    ck_assert_msg(config_finish(&c, SIM_USAGE, &e) == SIM_OK, "%s", e.text);
    const struct load_request r = {.kind = IMAGE_FLAT,
                                   .flat_base = 0x100000,
                                   .image = &file,
                                   .config = &c};
    plan_init(&plan, path, c.memory.ram_bytes);
    ck_assert_msg(load_plan(&r, &plan, &result, &e) == SIM_OK, "%s", e.text);
    ck_assert_msg(machine_create(&c, &io, &g->machine, &e) == SIM_OK, "%s",
                  e.text);
    ck_assert_msg(machine_load(g->machine, &plan, &result, &e) == SIM_OK, "%s",
                  e.text);
    plan_free(&plan);
    free(file.data);
}

static bool tick(void *self)
{
    struct guest *g = self;
    g->ticks++;
    return g->ticks_left-- > 1;
}

static const struct machine_outcome *run(struct guest *g)
{
    machine_run(g->machine, tick, g);
    return machine_outcome(g->machine);
}

static void finish(struct guest *g)
{
    machine_destroy(g->machine);
    close(g->console[0]);
    close(g->console[1]);
}

static struct machine_config small(void)
{
    struct machine_config c;
    config_defaults(&c);
    c.memory.ram_bytes = 16 << 20;
    return c;
}

#define START(g, config, ...)                                                  \
    do {                                                                       \
        static const uint8_t code_[] = {__VA_ARGS__};                          \
        start(g, config, code_, sizeof code_);                                 \
    } while (0)

/* mov al, n; out 0xf4, al */
#define EXIT(n) 0xb0, n, 0xe6, 0xf4
#define SPIN    0xeb, 0xfe

START_TEST(debug_exit_gives_an_odd_status)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, EXIT(0x7f));
    const struct machine_outcome *o = run(&g);
    ck_assert_int_eq(o->end, END_EXIT);
    ck_assert_int_eq(o->status, 0xff);
    ck_assert_uint_eq(machine_account(g.machine, 0)->instructions, 2);
    finish(&g);
}
END_TEST

START_TEST(one_machine_after_the_other_starts_anew)
{
    struct machine_config c = small();
    uint64_t cycles[2];
    for (int i = 0; i < 2; i++) {
        struct guest g;
        START(&g, &c, EXIT(1));
        ck_assert_int_eq(run(&g)->status, 3);
        cycles[i] = machine_account(g.machine, 0)->cycles;
        finish(&g);
    }
    ck_assert_uint_eq(cycles[0], cycles[1]);
}
END_TEST

/* mov al, 'A'; out 0xe9, al; mov dx, 0x3f8; mov al, 'B'; out dx, al; exit.
 * No newline: what is waiting is sent when the run ends. */
START_TEST(consoles_are_flushed_in_order)
{
    struct machine_config c = small();
    struct guest g;
    char text[8] = "";
    START(&g, &c, 0xb0, 'A', 0xe6, 0xe9, 0x66, 0xba, 0xf8, 0x03, 0xb0, 'B',
          0xee, EXIT(0));
    run(&g);
    ck_assert_int_eq(read(g.console[0], text, sizeof text), 2);
    ck_assert_str_eq(text, "AB");
    finish(&g);
}
END_TEST

START_TEST(halt_without_interrupts_ends_the_run)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, 0xf4);
    const struct machine_outcome *o = run(&g);
    ck_assert_int_eq(o->end, END_ABNORMAL);
    ck_assert_int_eq(o->status, SIM_GUEST_STOPPED);
    ck_assert_ptr_nonnull(strstr(o->reason, "halted"));
    finish(&g);
}
END_TEST

/* ud2 without an interrupt table. */
START_TEST(triple_fault_ends_the_run)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, 0x0f, 0x0b);
    const struct machine_outcome *o = run(&g);
    ck_assert_int_eq(o->end, END_ABNORMAL);
    ck_assert_ptr_nonnull(strstr(o->reason, "triple fault"));
    finish(&g);
}
END_TEST

START_TEST(limits_are_exact)
{
    static const uint64_t limits[] = {1, 2, 3, 1000, 54321};
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct machine_config c = small();
        struct guest g;
        c.max_instructions = limits[i];
        START(&g, &c, 0x90, 0x90, SPIN);
        const struct machine_outcome *o = run(&g);
        ck_assert_int_eq(o->end, END_LIMIT);
        ck_assert_int_eq(o->status, SIM_LIMIT);
        ck_assert_uint_eq(machine_account(g.machine, 0)->instructions,
                          limits[i]);
        finish(&g);
    }
}
END_TEST

START_TEST(the_callback_can_end_a_run)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, SPIN);
    g.ticks_left = 3;
    const struct machine_outcome *o = run(&g);
    ck_assert_int_eq(o->end, END_REQUESTED);
    ck_assert_uint_eq(g.ticks, 3);
    finish(&g);
}
END_TEST

/* A slice of the run ends every ten million cycles: nothing may show it.
 * mov ecx, 40000000; 1: dec ecx; jnz 1b; exit. */
START_TEST(slices_leave_no_trace)
{
    struct machine_config c = small();
    struct guest g;
    c.core.timing = TIMING_OFF;
    START(&g, &c, 0xb9, 0x00, 0x5a, 0x62, 0x02, 0xff, 0xc9, 0x75, 0xfc,
          EXIT(0));
    run(&g);
    ck_assert_uint_ge(g.ticks, 4);
    ck_assert_uint_eq(machine_account(g.machine, 0)->instructions, 80000003);
    finish(&g);
}
END_TEST

/* mov dx, 0x604; mov ax, 0x2000 | type << 10; out dx, ax */
#define SLEEP(type)                                                            \
    0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x20 | (type) << 2, 0x66, 0xef

START_TEST(soft_off_ends_the_run)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, SLEEP(0), EXIT(9));
    const struct machine_outcome *o = run(&g);
    ck_assert_int_eq(o->end, END_EXIT);
    ck_assert_int_eq(o->status, 0);
    finish(&g);
    START(&g, &c, SLEEP(1), EXIT(9));
    o = run(&g);
    ck_assert_int_eq(o->end, END_ABNORMAL);
    ck_assert_ptr_nonnull(strstr(o->reason, "sleep type 1"));
    finish(&g);
    c.acpi = false;
    START(&g, &c, SLEEP(0), EXIT(9));
    ck_assert_int_eq(run(&g)->status, 19);
    finish(&g);
}
END_TEST

/*
 * Configuration mechanism 1 over all functions of 256 buses, as a kernel
 * scans: no device answers. mov ecx, 0x80000000; 1: mov eax, ecx;
 * mov edx, 0xcf8; out dx, eax; mov edx, 0xcfc; in eax, dx; inc eax; jnz 2f;
 * add ecx, 0x100; cmp ecx, 0x81000000; jne 1b; exit(1); 2: exit(2)
 */
START_TEST(a_pci_scan_finds_nothing_and_ends)
{
    struct machine_config c = small();
    struct guest g;
    c.core.timing = TIMING_OFF;
    START(&g, &c, 0xb9, 0, 0, 0, 0x80, 0x89, 0xc8, 0xba, 0xf8, 0x0c, 0, 0, 0xef,
          0xba, 0xfc, 0x0c, 0, 0, 0xed, 0xff, 0xc0, 0x75, 18, 0x81, 0xc1, 0, 1,
          0, 0, 0x81, 0xf9, 0, 0, 0, 0x81, 0x75, 0xe0, EXIT(1), EXIT(2));
    ck_assert_int_eq(run(&g)->status, 3);
    finish(&g);
}
END_TEST

/* mov edx, 0x510; mov eax, 5; out dx, ax; inc edx; in al, dx; out 0xf4, al:
 * the number of cores. */
START_TEST(fw_cfg_can_be_left_out)
{
    struct machine_config c = small();
    struct guest g;
    c.cores = 3;
    for (int i = 0; i < 2; i++) {
        c.fw_cfg = i == 0;
        START(&g, &c, 0xba, 0x10, 0x05, 0, 0, 0xb8, 5, 0, 0, 0, 0x66, 0xef,
              0xff, 0xc2, 0xec, 0xe6, 0xf4);
        ck_assert_int_eq(run(&g)->status, i == 0 ? 7 : 0xff);
        finish(&g);
    }
}
END_TEST

/* Statistics: leaves sum to cycles, and every name is unique. */
struct seen {
    char name[600][80];
    size_t count;
    uint64_t leaves, cycles;
};

static void see(void *self, const char *name, uint64_t value,
                const struct stat_desc *d)
{
    struct seen *s = self;
    static const char stack[] = "core0.cycle_stack.";
    ck_assert_uint_lt(s->count, 600);
    ck_assert_uint_lt(strlen(name), 80);
    ck_assert(d->doc[0] != '\0' && d->unit[0] != '\0');
    for (size_t i = 0; i < s->count; i++)
        ck_assert_str_ne(s->name[i], name);
    memcpy(s->name[s->count++], name, strlen(name) + 1);
    if (strncmp(name, stack, sizeof stack - 1) == 0)
        s->leaves += value;
    if (strcmp(name, "core0.cycles") == 0)
        s->cycles = value;
}

START_TEST(statistics_are_named_once_and_sum)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, 0x48, 0x8b, 0x04, 0x24, 0x0f, 0xa2, EXIT(0));
    run(&g);
    const struct stat_registry *r = machine_stats(g.machine);
    uint64_t *values = calloc(r->values, sizeof *values);
    struct seen *s = calloc(1, sizeof *s);
    ck_assert(values != NULL && s != NULL);
    machine_reported(g.machine, values);
    stat_walk(r, values, see, s);
    ck_assert_uint_gt(s->cycles, 0);
    ck_assert_uint_eq(s->leaves, s->cycles);
    ck_assert_uint_eq(s->cycles, machine_account(g.machine, 0)->cycles);
    free(s);
    free(values);
    finish(&g);
}
END_TEST

/*
 * 0F 04 5A 00: work begin; nop; 0F 04 5B 00: work end; nop x 3; exit. The
 * operation that begins a region has not retired when it is counted.
 */
START_TEST(regions_and_their_misuse)
{
    struct machine_config c = small();
    struct guest g;
    START(&g, &c, 0x0f, 0x04, 0x5b, 0x00, 0x0f, 0x04, 0x5a, 0x00, 0x90, 0x0f,
          0x04, 0x5b, 0x00, 0x90, 0x90, 0x90, EXIT(0));
    run(&g);
    ck_assert_uint_eq(machine_regions(g.machine), 1);
    ck_assert_ptr_nonnull(strstr(g.notes, "had not begun"));
    const struct stat_registry *r = machine_stats(g.machine);
    uint64_t *values = calloc(r->values, sizeof *values);
    ck_assert_ptr_nonnull(values);
    machine_reported(g.machine, values);
    uint64_t instructions = UINT64_MAX;
    for (size_t i = 0, at = 0; i < r->groups; i++)
        for (size_t k = 0; k < r->group[i].count; k++, at++)
            if (strcmp(r->group[i].prefix, "core0") == 0 &&
                strcmp(r->group[i].rows[k].name, "instructions") == 0)
                instructions = values[at];
    ck_assert_uint_eq(instructions, 2);
    free(values);
    finish(&g);
}
END_TEST

/*
 * Two cores. The first starts the second by INIT and SIPI at 8000h, where it
 * has put `mov al, 5; out 0xf4, al` (the same bytes in 16-bit code), and
 * spins.
 */
START_TEST(a_second_core_is_started_by_sipi)
{
    struct machine_config c = small();
    struct guest g;
    uint64_t cycles[2];
    c.cores = 2;
    for (int i = 0; i < 2; i++) {
        START(&g, &c,
              /* mov dword [0x8000], EXIT(5) */
              0xc7, 0x04, 0x25, 0x00, 0x80, 0x00, 0x00, EXIT(5),
              /* mov eax, 0xfee00310; mov dword [rax], 1 << 24 */
              0xb8, 0x10, 0x03, 0xe0, 0xfe, 0xc7, 0x00, 0, 0, 0, 1,
              /* mov eax, 0xfee00300; mov dword [rax], INIT, assert */
              0xb8, 0x00, 0x03, 0xe0, 0xfe, 0xc7, 0x00, 0x00, 0x45, 0, 0,
              /* mov dword [rax], SIPI, page 8 */
              0xc7, 0x00, 0x08, 0x46, 0, 0, SPIN);
        const struct machine_outcome *o = run(&g);
        ck_assert_int_eq(o->end, END_EXIT);
        ck_assert_int_eq(o->status, 11);
        ck_assert_uint_eq(machine_account(g.machine, 1)->instructions, 2);
        cycles[i] = machine_account(g.machine, 0)->cycles;
        finish(&g);
    }
    ck_assert_uint_eq(cycles[0], cycles[1]);
}
END_TEST

/* The limit counts the instructions of all cores together. */
START_TEST(instruction_limit_is_over_all_cores)
{
    struct machine_config c = small();
    struct guest g;
    c.cores = 2;
    c.max_instructions = 100000;
    START(&g, &c, 0xc7, 0x04, 0x25, 0x00, 0x80, 0x00, 0x00, SPIN, SPIN, 0xb8,
          0x10, 0x03, 0xe0, 0xfe, 0xc7, 0x00, 0, 0, 0, 1, 0xb8, 0x00, 0x03,
          0xe0, 0xfe, 0xc7, 0x00, 0x00, 0x45, 0, 0, 0xc7, 0x00, 0x08, 0x46, 0,
          0, SPIN);
    ck_assert_int_eq(run(&g)->end, END_LIMIT);
    uint64_t first = machine_account(g.machine, 0)->instructions;
    uint64_t second = machine_account(g.machine, 1)->instructions;
    ck_assert_uint_eq(first + second, 100000);
    ck_assert_uint_gt(second, 10000);
    finish(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("machine");
    TCase *t = tcase_create("machine");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, debug_exit_gives_an_odd_status);
    tcase_add_test(t, one_machine_after_the_other_starts_anew);
    tcase_add_test(t, consoles_are_flushed_in_order);
    tcase_add_test(t, halt_without_interrupts_ends_the_run);
    tcase_add_test(t, triple_fault_ends_the_run);
    tcase_add_test(t, limits_are_exact);
    tcase_add_test(t, the_callback_can_end_a_run);
    tcase_add_test(t, slices_leave_no_trace);
    tcase_add_test(t, soft_off_ends_the_run);
    tcase_add_test(t, a_pci_scan_finds_nothing_and_ends);
    tcase_add_test(t, fw_cfg_can_be_left_out);
    tcase_add_test(t, statistics_are_named_once_and_sum);
    tcase_add_test(t, regions_and_their_misuse);
    tcase_add_test(t, a_second_core_is_started_by_sipi);
    tcase_add_test(t, instruction_limit_is_over_all_cores);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
