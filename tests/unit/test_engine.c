/* SPDX-License-Identifier: Apache-2.0
 * The engine: a run is the same however it is cut, stops are exact, faults
 * are precise, changed code is noticed at once.
 */
#include "tests/unit/bare.h"

#include <stdlib.h>

static const char *const levels[] = {"off", "simple"};

/* Everything that must not depend on how a run is cut. */
struct outcome {
    struct cycle_account account;
    struct cpu_regs regs;
};

static struct outcome outcome_of(struct bare *b)
{
    struct outcome o;
    memset(&o, 0, sizeof o);
    o.account = *cpu_account(b->cpu);
    cpu_get_regs(b->cpu, &o.regs);
    return o;
}

static void check_sum(const struct cycle_account *a)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < LEAF_COUNT; i++)
        sum += a->leaf[i];
    ck_assert_uint_eq(sum, a->cycles);
}

static void check_same(const struct outcome *x, const struct outcome *y)
{
    check_sum(&x->account);
    ck_assert_uint_eq(x->account.instructions, y->account.instructions);
    ck_assert_uint_eq(x->account.cycles, y->account.cycles);
    for (unsigned i = 0; i < LEAF_COUNT; i++)
        ck_assert_uint_eq(x->account.leaf[i], y->account.leaf[i]);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(x->regs.gpr[i], y->regs.gpr[i]);
    ck_assert_uint_eq(x->regs.rip, y->regs.rip);
    ck_assert_uint_eq(x->regs.rflags, y->regs.rflags);
}

static void run_to_halt(struct bare *b)
{
    enum cpu_stop why = cpu_run(b->cpu, UINT64_MAX / 2);
    ck_assert_msg(why == CPU_STOP_HALT, "stopped for %d: %s", (int)why,
                  cpu_stop_reason(b->cpu));
}

#define WITH_LEVELS(b, filter)                                                 \
    for (unsigned level_ = 0; level_ < 2; level_++)                            \
        for (bool once_ = (bare_create(&(b), levels[level_], (filter)), true); \
             once_; once_ = (bare_destroy(&(b)), false))

/* A bit of everything: fused and plain branches, calls, loads and stores
 * that miss, dead flags, string instructions, code over many lines. */
BARE_CODE(mixture, "  xor %eax, %eax\n"
                   "  mov $0x300000, %edi\n"
                   "  mov $6, %ecx\n"
                   "1: mov %ecx, %edx\n"
                   "  shl $7, %edx\n"
                   "  add %rdx, (%rdi,%rdx)\n"
                   "  mov (%rdi,%rdx,8), %rbx\n"
                   "  add $5, %rbx\n"
                   "  sub %rbx, %rax\n"
                   "  and $0xffff, %eax\n"
                   "  inc %ebx\n"
                   "  adc $3, %rbx\n"
                   "  call 5f\n"
                   "  cmp $100, %bl\n"
                   "  jb 2f\n"
                   "  .fill 150, 1, 0x90\n"
                   "2: test $1, %cl\n"
                   "  je 3f\n"
                   "  lea 4(%rax,%rbx), %rax\n"
                   "  push %rcx\n"
                   "  push %rdi\n"
                   "  mov $0x300100, %esi\n"
                   "  mov $0x310033, %edi\n"
                   "  mov $77, %ecx\n"
                   "  rep movsb\n"
                   "  mov $5, %ecx\n"
                   "  rep stosq\n"
                   "  mov $40, %ecx\n"
                   "  repe cmpsb\n"
                   "  pop %rdi\n"
                   "  pop %rcx\n"
                   "3: dec %ecx\n"
                   "  jne 1b\n"
                   "  mov %ds, %edx\n"
                   "  cpuid\n"
                   "  mov $2, %ecx\n"
                   "4: loop 4b\n"
                   "  hlt\n"
                   "5: add (%rsp), %rax\n"
                   "  lock addq $9, 8(%rdi)\n"
                   "  ret\n");

START_TEST(a_run_cut_at_any_cycle_is_the_same_run)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, mixture);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        struct outcome whole = outcome_of(&b);
        for (uint64_t step = 1; step < 60; step = step * 2 + 1) {
            struct bare p;
            bare_create(&p, levels[level_], NULL);
            BARE_LOAD(&p, mixture);
            bare_start(&p, BARE_CODE_AT);
            const struct cycle_account *a = cpu_account(p.cpu);
            enum cpu_stop why;
            do {
                uint64_t until = a->cycles + step;
                why = cpu_run(p.cpu, until);
                check_sum(a);
                ck_assert(why != CPU_STOP_TIME || a->cycles >= until);
            } while (why == CPU_STOP_TIME);
            ck_assert_int_eq(why, CPU_STOP_HALT);
            struct outcome cut = outcome_of(&p);
            check_same(&cut, &whole);
            bare_destroy(&p);
        }
    }
}
END_TEST

START_TEST(a_run_cut_at_any_instruction_is_the_same_run)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, mixture);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        struct outcome whole = outcome_of(&b);
        struct bare p;
        bare_create(&p, levels[level_], NULL);
        BARE_LOAD(&p, mixture);
        bare_start(&p, BARE_CODE_AT);
        const struct cycle_account *a = cpu_account(p.cpu);
        uint64_t done = 0;
        for (;;) {
            cpu_set_instruction_limit(p.cpu, done + 1);
            enum cpu_stop why = cpu_run(p.cpu, UINT64_MAX / 2);
            done++;
            ck_assert_uint_eq(a->instructions, done);
            if (why == CPU_STOP_HALT)
                break;
            ck_assert_int_eq(why, CPU_STOP_INSTRUCTIONS);
            if (done == whole.account.instructions)
                break;
        }
        cpu_set_instruction_limit(p.cpu, 0);
        struct outcome cut = outcome_of(&p);
        check_same(&cut, &whole);
        bare_destroy(&p);
    }
}
END_TEST

/* Time at each instruction boundary, by instruction limits. */
START_TEST(time_stops_at_the_first_boundary_past_the_limit)
{
    static uint64_t at[20000], rip[20000];
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, mixture);
        bare_start(&b, BARE_CODE_AT);
        const struct cycle_account *a = cpu_account(b.cpu);
        struct cpu_regs r;
        unsigned n = 0;
        enum cpu_stop why = CPU_STOP_TIME;
        while (why != CPU_STOP_HALT) {
            cpu_get_regs(b.cpu, &r);
            ck_assert_uint_lt(n, 20000);
            at[n] = a->cycles;
            rip[n++] = r.rip;
            cpu_set_instruction_limit(b.cpu, a->instructions + 1);
            why = cpu_run(b.cpu, UINT64_MAX / 2);
        }
        unsigned i = 0;
        for (uint64_t until = 1; until <= at[n - 1]; until += 1 + until / 500) {
            struct bare p;
            bare_create(&p, levels[level_], NULL);
            BARE_LOAD(&p, mixture);
            bare_start(&p, BARE_CODE_AT);
            why = cpu_run(p.cpu, until);
            while (at[i] < until)
                i++;
            cpu_get_regs(p.cpu, &r);
            /* A string instruction may stop between two iterations. */
            uint64_t now = cpu_account(p.cpu)->cycles;
            if (r.rip == rip[i]) {
                ck_assert_uint_eq(now, at[i]);
            } else {
                ck_assert_uint_eq(r.rip, rip[i - 1]);
                ck_assert_uint_ge(now, until);
                ck_assert_uint_lt(now, at[i]);
            }
            bare_destroy(&p);
        }
    }
}
END_TEST

START_TEST(the_filter_changes_nothing)
{
    struct bare b, p;
    bare_create(&b, "simple", "on");
    bare_create(&p, "simple", "off");
    BARE_LOAD(&b, mixture);
    BARE_LOAD(&p, mixture);
    bare_start(&b, BARE_CODE_AT);
    bare_start(&p, BARE_CODE_AT);
    run_to_halt(&b);
    run_to_halt(&p);
    struct outcome with = outcome_of(&b), without = outcome_of(&p);
    check_same(&with, &without);
    bare_destroy(&b);
    bare_destroy(&p);
}
END_TEST

/* The fourth instruction faults. */
BARE_CODE(faulting, "  add $1, %eax\n"
                    "  add $1, %ecx\n"
                    "  cmp %edi, %eax\n"
                    "  mov (%rdi), %rbx\n"
                    "  add $1, %eax\n"
                    "  hlt\n");

START_TEST(a_fault_in_a_block_is_precise)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, faulting);
        bare_start(&b, BARE_CODE_AT);
        bare_put64(&b, BARE_PT + 8 * 3, 0);
        struct cpu_regs r;
        cpu_get_regs(b.cpu, &r);
        r.gpr[REG_RDI] = BARE_PAGES + 0x3008;
        cpu_set_regs(b.cpu, &r);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.rip, BARE_HANDLERS + 16 * 14 + 1);
        ck_assert_uint_eq(r.cr2, BARE_PAGES + 0x3008);
        ck_assert_uint_eq(r.gpr[REG_RAX], 1);
        ck_assert_uint_eq(r.gpr[REG_RBX], 0);
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP]), 0); /* error */
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP] + 8), BARE_CODE_AT + 8);
        /* CF, PF, AF, SF of 1 - 403008h. */
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP] + 24) & 0x8d5, 0x95);
        /* Three retired, and the HLT. */
        ck_assert_uint_eq(cpu_account(b.cpu)->instructions, 4);
        check_sum(cpu_account(b.cpu));
    }
}
END_TEST

/* Writes over the immediate of the instruction right behind. */
BARE_CODE(smc_next, "  movl $0x22222222, 1f+1(%rip)\n"
                    "1: mov $0x11111111, %eax\n"
                    "  hlt\n");
/* A loop that changes its own earlier instruction each time. */
BARE_CODE(smc_loop, "  xor %ebx, %ebx\n"
                    "  mov $5, %ecx\n"
                    "1: add $1, %ebx\n"
                    "  incb 1b+2(%rip)\n"
                    "  dec %ecx\n"
                    "  jne 1b\n"
                    "  hlt\n");
/* Runs a routine in another page through one address, changes it through
 * another, and runs it again. */
BARE_CODE(smc_alias, "  mov $0x401000, %esi\n"
                     "  call *%rsi\n"
                     "  mov %eax, %ebx\n"
                     "  movl $77, 0x402001\n"
                     "  call *%rsi\n"
                     "  hlt\n");
BARE_CODE(routine, "  mov $5, %eax\n"
                   "  ret\n");

START_TEST(changed_code_is_noticed_at_once)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        struct cpu_regs r;
        BARE_LOAD(&b, smc_next);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RAX], 0x22222222);
        ck_assert_uint_eq(cpu_account(b.cpu)->instructions, 3);

        BARE_LOAD(&b, smc_loop);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RBX], 1 + 2 + 3 + 4 + 5);

        BARE_LOAD(&b, smc_alias);
        bare_load(&b, BARE_PAGES + 0x1000, routine, routine_end);
        bare_put64(&b, BARE_PT + 8 * 2, (BARE_PAGES + 0x1000) | 7);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RBX], 5);
        ck_assert_uint_eq(r.gpr[REG_RAX], 77);
        check_sum(cpu_account(b.cpu));
    }
}
END_TEST

START_TEST(code_changed_from_outside_is_noticed)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        struct cpu_regs r;
        BARE_LOAD(&b, routine);
        for (uint32_t i = 0; i < 5; i++) {
            uint32_t v = 100 + i;
            uint8_t hlt = 0xf4;
            ck_assert(memsys_write(b.memory, (hpa){BARE_CODE_AT + 1}, 4, &v));
            ck_assert(memsys_write(b.memory, (hpa){BARE_CODE_AT + 5}, 1, &hlt));
            bare_start(&b, BARE_CODE_AT);
            run_to_halt(&b);
            cpu_get_regs(b.cpu, &r);
            ck_assert_uint_eq(r.gpr[REG_RAX], v);
        }
    }
}
END_TEST

/* An instruction over a page boundary whose second page is absent, then
 * present, then another one. */
BARE_CODE(crossing, "  movabs $0x1122334455667788, %rax\n"
                    "  hlt\n");

START_TEST(an_instruction_across_pages_follows_both)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        uint64_t at = BARE_PAGES + 0x6000 - 4;
        struct cpu_regs r;
        bare_load(&b, at, crossing, crossing_end);
        bare_put64(&b, BARE_PT + 8 * 6, 0);
        bare_start(&b, at);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.cr2, BARE_PAGES + 0x6000);
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP] + 8), at);
        ck_assert_uint_eq(cpu_account(b.cpu)->instructions, 1);

        bare_put64(&b, BARE_PT + 8 * 6, (BARE_PAGES + 0x6000) | 7);
        bare_start(&b, at);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RAX], 0x1122334455667788);

        bare_load(&b, BARE_PAGES + 0x9000, crossing + 4, crossing_end);
        uint8_t other = 0x99;
        ck_assert(
            memsys_write(b.memory, (hpa){BARE_PAGES + 0x9000}, 1, &other));
        bare_put64(&b, BARE_PT + 8 * 6, (BARE_PAGES + 0x9000) | 7);
        bare_start(&b, at);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RAX], 0x1122334455997788);
    }
}
END_TEST

BARE_CODE(rep_movsb, "  rep movsb\n  hlt\n");
BARE_CODE(rep_movsq_down, "  std\n  rep movsq\n  hlt\n");
BARE_CODE(rep_stosd, "  rep stosl\n  hlt\n");
BARE_CODE(repne_scasb, "  repne scasb\n  hlt\n");

static void fill_data(struct bare *b)
{
    uint8_t data[8192];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    ck_assert(memsys_write(b->memory, (hpa){BARE_DATA}, sizeof data, data));
}

static struct cpu_regs string_run(struct bare *b, uint64_t rsi, uint64_t rdi,
                                  uint64_t rcx, uint64_t rax)
{
    struct cpu_regs r;
    bare_start(b, BARE_CODE_AT);
    cpu_get_regs(b->cpu, &r);
    r.gpr[REG_RSI] = rsi;
    r.gpr[REG_RDI] = rdi;
    r.gpr[REG_RCX] = rcx;
    r.gpr[REG_RAX] = rax;
    cpu_set_regs(b->cpu, &r);
    run_to_halt(b);
    cpu_get_regs(b->cpu, &r);
    return r;
}

START_TEST(repeated_moves_go_element_by_element)
{
    static const struct {
        int src, dst;
        unsigned n;
    } cases[] = {{0, 4096, 1000}, {0, 1, 300},  {0, 8, 500},   {100, 64, 700},
                 {7, 4096, 1},    {7, 4099, 0}, {63, 65, 129}, {5, 5, 90}};
    static uint8_t ram[8192], want[8192];
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        for (unsigned down = 0; down < 2; down++) {
            for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                unsigned size = down ? 8 : 1, n = cases[i].n / size;
                int last = down ? (int)(n * size) : 0;
                fill_data(&b);
                ck_assert(memsys_read(b.memory, (hpa){BARE_DATA}, 8192, want));
                for (unsigned k = 0; k < n; k++) {
                    int at = down ? last - (int)(k * size) : (int)k;
                    uint8_t v[8];
                    memcpy(v, want + cases[i].src + at, size);
                    memcpy(want + cases[i].dst + at, v, size);
                }
                if (down)
                    BARE_LOAD(&b, rep_movsq_down);
                else
                    BARE_LOAD(&b, rep_movsb);
                uint64_t from = BARE_DATA + (uint64_t)(cases[i].src + last);
                uint64_t to = BARE_DATA + (uint64_t)(cases[i].dst + last);
                struct cpu_regs r = string_run(&b, from, to, n, 0);
                ck_assert(memsys_read(b.memory, (hpa){BARE_DATA}, 8192, ram));
                ck_assert_int_eq(memcmp(ram, want, 8192), 0);
                uint64_t moved = down ? 0 - (uint64_t)n * 8 : n;
                ck_assert_uint_eq(r.gpr[REG_RSI], from + moved);
                ck_assert_uint_eq(r.gpr[REG_RDI], to + moved);
                ck_assert_uint_eq(r.gpr[REG_RCX], 0);
            }
        }
        ck_assert_uint_gt(cpu_account(b.cpu)->cycles, 0);
    }
}
END_TEST

START_TEST(a_fault_in_a_repeated_store_keeps_what_was_done)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, rep_stosd);
        bare_put64(&b, BARE_PT + 8 * 5, 0);
        uint64_t to = BARE_PAGES + 0x5000 - 0x84 * 4;
        struct cpu_regs r = string_run(&b, 0, to, 1000, 0xabcdef01);
        ck_assert_uint_eq(r.cr2, BARE_PAGES + 0x5000);
        ck_assert_uint_eq(r.gpr[REG_RDI], BARE_PAGES + 0x5000);
        ck_assert_uint_eq(r.gpr[REG_RCX], 1000 - 0x84);
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP] + 8), BARE_CODE_AT);
        for (uint64_t i = 0; i < 0x84 * 4; i += 8)
            ck_assert_uint_eq(bare_get64(&b, to + i), 0xabcdef01abcdef01);
        ck_assert_uint_eq(bare_get64(&b, to - 8), 0);
    }
}
END_TEST

START_TEST(a_scan_stops_at_its_match)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, repne_scasb);
        fill_data(&b);
        struct cpu_regs r = string_run(&b, 0, BARE_DATA, 500, 21);
        ck_assert_uint_eq(r.gpr[REG_RDI], BARE_DATA + 4);
        ck_assert_uint_eq(r.gpr[REG_RCX], 496);
        ck_assert_uint_eq(r.rflags & 0x40, 0x40);
    }
}
END_TEST

/* Data and instruction breakpoints, single step. */
BARE_CODE(stepped, "  pushf\n"
                   "  orl $0x100, (%rsp)\n"
                   "  popf\n"
                   "  nop\n"
                   "  nop\n"
                   "  hlt\n");

START_TEST(a_single_step_trap_follows_one_instruction)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        struct cpu_regs r;
        BARE_LOAD(&b, stepped);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.rip, BARE_HANDLERS + 16 + 1);
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP]),
                          BARE_CODE_AT + (uint64_t)(stepped_end - stepped) - 2);
        ck_assert_uint_eq(r.dr[6] & 0x4000, 0x4000);
    }
}
END_TEST

/* A jump to an address that is not canonical is the jump's own fault. */
BARE_CODE(wild, "  movabs $0x800000000000, %rax\n"
                "1: jmp *%rax\n"
                "  hlt\n");

START_TEST(a_bad_target_is_the_branchs_fault)
{
    struct bare b;
    WITH_LEVELS(b, NULL)
    {
        struct cpu_regs r;
        BARE_LOAD(&b, wild);
        bare_start(&b, BARE_CODE_AT);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.rip, BARE_HANDLERS + 16 * 13 + 1);
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP] + 8),
                          BARE_CODE_AT + 10);
    }
}
END_TEST

/* --- devices --- */

enum { DEVICE_AT = 0xd0000000 };

struct device {
    struct cpu *cpu;
    uint64_t cycles[8], instructions[8];
    unsigned reads;
    uint64_t shorten; /* cycles from now; 0: not */
    bool stop;
};

static bool device_read(void *self, uint64_t offset, unsigned len,
                        uint64_t *out)
{
    struct device *d = self;
    (void)offset;
    (void)len;
    const struct cycle_account *a = cpu_account(d->cpu);
    check_sum(a);
    d->cycles[d->reads & 7] = a->cycles;
    d->instructions[d->reads & 7] = a->instructions;
    d->reads++;
    if (d->stop)
        cpu_request_stop(d->cpu);
    if (d->shorten != 0)
        cpu_shorten(d->cpu, a->cycles + d->shorten);
    *out = 0x55;
    return true;
}

static bool device_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    (void)offset;
    (void)len;
    (void)in;
    uint64_t v;
    return device_read(self, 0, 8, &v);
}

BARE_CODE(device_user, "  mov $0xd0000000, %edi\n"
                       "  add $1, %eax\n"
                       "  add (%rdi), %eax\n"
                       "  add $1, %eax\n"
                       "  cmp $0, %eax\n"
                       "  mov %eax, 8(%rdi)\n"
                       "  add $1, %eax\n"
                       "  hlt\n");

static void device_bare(struct bare *b, struct device *d)
{
    struct sim_error e;
    *d = (struct device){.cpu = b->cpu};
    struct mmio_port port = {d, device_read, device_write};
    ck_assert_int_eq(
        memsys_add_mmio(b->memory, (hpa){DEVICE_AT}, 4096, port, &e), SIM_OK);
    bare_put64(b, BARE_PDPT + 8 * 3, (BARE_PD + 0x6000) | 7);
    bare_put64(b, BARE_PD + 0x6000 + 8 * 128, DEVICE_AT | 0x97);
    BARE_LOAD(b, device_user);
    bare_start(b, BARE_CODE_AT);
}

START_TEST(a_device_sees_the_exact_time)
{
    struct bare b;
    struct device d, s;
    WITH_LEVELS(b, NULL)
    {
        device_bare(&b, &d);
        run_to_halt(&b);
        ck_assert_uint_eq(d.reads, 2);
        ck_assert_uint_eq(d.instructions[0], 3);
        ck_assert_uint_eq(d.instructions[1], 6);
        /* The same with an instruction at a time. */
        struct bare p;
        bare_create(&p, levels[level_], NULL);
        device_bare(&p, &s);
        for (uint64_t i = 1; i <= 8; i++) {
            cpu_set_instruction_limit(p.cpu, i);
            (void)cpu_run(p.cpu, UINT64_MAX / 2);
        }
        ck_assert_uint_eq(s.cycles[0], d.cycles[0]);
        ck_assert_uint_eq(s.cycles[1], d.cycles[1]);
        ck_assert_uint_eq(cpu_account(p.cpu)->cycles,
                          cpu_account(b.cpu)->cycles);
        bare_destroy(&p);
    }
}
END_TEST

START_TEST(a_device_can_stop_the_core_after_its_access)
{
    struct bare b;
    struct device d;
    struct cpu_regs r;
    WITH_LEVELS(b, NULL)
    {
        device_bare(&b, &d);
        d.stop = true;
        ck_assert_int_eq(cpu_run(b.cpu, 1000000), CPU_STOP_REQUEST);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RAX], 0x56);
        ck_assert_uint_eq(cpu_account(b.cpu)->instructions, 3);
        d.stop = false;
        d.shorten = 1;
        ck_assert_int_eq(cpu_run(b.cpu, 1000000), CPU_STOP_TIME);
        ck_assert_uint_eq(d.reads, 2);
        check_sum(cpu_account(b.cpu));
        uint64_t n = cpu_account(b.cpu)->instructions;
        ck_assert(n == 6 || n == 7);
        ck_assert_uint_ge(cpu_account(b.cpu)->cycles, d.cycles[1] + 1);
        run_to_halt(&b);
    }
}
END_TEST

/* --- breakpoints --- */

BARE_CODE(watched, "  mov $0x300000, %edi\n"
                   "  mov (%rdi), %eax\n"
                   "  movl $1, 4(%rdi)\n"
                   "1: add $1, %ebx\n"
                   "  add $1, %ebx\n"
                   "  hlt\n");

START_TEST(a_data_breakpoint_traps_behind_its_instruction)
{
    struct bare b;
    struct cpu_regs r;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, watched);
        for (unsigned armed = 0; armed < 2; armed++) {
            bare_start(&b, BARE_CODE_AT);
            cpu_get_regs(b.cpu, &r);
            r.dr[0] = BARE_DATA + 4;
            r.dr[7] = armed ? 0x400 | 1 | 0xd << 16 : 0x400;
            cpu_set_regs(b.cpu, &r);
            run_to_halt(&b);
            cpu_get_regs(b.cpu, &r);
            ck_assert_uint_eq(r.gpr[REG_RBX], armed ? 0 : 2);
            if (!armed)
                continue;
            ck_assert_uint_eq(r.rip, BARE_HANDLERS + 16 + 1);
            ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP]),
                              BARE_CODE_AT + 14);
            ck_assert_uint_eq(r.dr[6] & 0xf, 1);
        }
    }
}
END_TEST

START_TEST(an_instruction_breakpoint_faults_before_it)
{
    struct bare b;
    struct cpu_regs r;
    WITH_LEVELS(b, NULL)
    {
        BARE_LOAD(&b, watched);
        bare_start(&b, BARE_CODE_AT);
        cpu_get_regs(b.cpu, &r);
        r.dr[2] = BARE_CODE_AT + 17;
        r.dr[7] = 0x400 | 1 << 4;
        cpu_set_regs(b.cpu, &r);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RBX], 1);
        ck_assert_uint_eq(bare_get64(&b, r.gpr[REG_RSP]), BARE_CODE_AT + 17);
        ck_assert_uint_eq(r.dr[6] & 0xf, 4);
    }
}
END_TEST

/* More code than the store of translations holds, twice over. */
START_TEST(translations_are_flushed_and_made_again)
{
    enum { PAGES = 700 };
    struct bare b;
    bare_create(&b, "off", NULL);
    /* Blocks of one instruction: add $1, %eax; jmp to the next. */
    static uint8_t page[4096];
    for (unsigned i = 0; i + 5 <= sizeof page; i += 5) {
        static const uint8_t step[] = {0x83, 0xc0, 0x01, 0xeb, 0x00};
        memcpy(page + i, step, 5);
    }
    page[4095] = 0x90;
    uint64_t at = 0x500000;
    for (unsigned i = 0; i < PAGES; i++, at += sizeof page)
        ck_assert(memsys_write(b.memory, (hpa){at}, sizeof page, page));
    uint8_t hlt = 0xf4;
    ck_assert(memsys_write(b.memory, (hpa){at}, 1, &hlt));
    for (unsigned again = 0; again < 2; again++) {
        struct cpu_regs r;
        bare_start(&b, 0x500000);
        run_to_halt(&b);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RAX], PAGES * 819u);
    }
    bare_destroy(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("engine");
    TCase *t = tcase_create("engine");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_run_cut_at_any_cycle_is_the_same_run);
    tcase_add_test(t, a_run_cut_at_any_instruction_is_the_same_run);
    tcase_add_test(t, time_stops_at_the_first_boundary_past_the_limit);
    tcase_add_test(t, the_filter_changes_nothing);
    tcase_add_test(t, a_fault_in_a_block_is_precise);
    tcase_add_test(t, changed_code_is_noticed_at_once);
    tcase_add_test(t, code_changed_from_outside_is_noticed);
    tcase_add_test(t, an_instruction_across_pages_follows_both);
    tcase_add_test(t, repeated_moves_go_element_by_element);
    tcase_add_test(t, a_fault_in_a_repeated_store_keeps_what_was_done);
    tcase_add_test(t, a_scan_stops_at_its_match);
    tcase_add_test(t, a_single_step_trap_follows_one_instruction);
    tcase_add_test(t, a_bad_target_is_the_branchs_fault);
    tcase_add_test(t, a_device_sees_the_exact_time);
    tcase_add_test(t, a_device_can_stop_the_core_after_its_access);
    tcase_add_test(t, a_data_breakpoint_traps_behind_its_instruction);
    tcase_add_test(t, an_instruction_breakpoint_faults_before_it);
    tcase_add_test(t, translations_are_flushed_and_made_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
