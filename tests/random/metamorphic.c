/* SPDX-License-Identifier: Apache-2.0
 * Random programs run twice, under two settings that must not matter:
 *
 *   filter       core.filter off: everything equal, statistics included
 *   blocks       core.block_cache off: everything equal, statistics included
 *   debugger     a breakpoint and a watchpoint that are never met, and a trace
 *                of everything: everything equal, statistics included
 *   tlb          TLBs of one entry and no paging-structure caches: the
 *                program's results equal
 *   timing       --timing=off: the program's results equal
 *   step         every instruction trapped by EFLAGS.TF, the handler being
 *                an IRET: the program's results equal
 *
 *   metamorphic [ROUNDS [SEED]]      default 400 1
 */
#include "cpu/debugger.h"
#include "tests/random/box.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUND_INSTRUCTIONS = 4000, CYCLES_EACH = 1000 };

/* What a run left behind. */
struct result {
    struct cpu_regs regs;
    uint64_t instructions, cycles, leaf[LEAF_COUNT];
    uint64_t retired; /* step: the handlers' included */
    enum cpu_stop stop;
    uint8_t memory[RAM_BYTES];
};

static void set_small_tlbs(struct machine_config *g)
{
    struct mmu_config *m = &g->mmu;
    struct assoc_config *one[] = {&m->itlb_4k, &m->itlb_2m, &m->dtlb_4k,
                                  &m->dtlb_2m, &m->stlb};
    for (unsigned i = 0; i < sizeof one / sizeof one[0]; i++)
        one[i]->entries = one[i]->ways = 1;
    m->psc_pml5e.entries = m->psc_pml4e.entries = 0;
    m->psc_pdpte.entries = m->psc_pde.entries = 0;
}

static void set_no_filter(struct machine_config *g)
{
    g->mmu.filter = false;
}

static void set_no_blocks(struct machine_config *g)
{
    g->core.block_cache = false;
}

static void set_timing_off(struct machine_config *g)
{
    g->core.timing = TIMING_OFF;
}

static void set_nothing(struct machine_config *g)
{
    (void)g;
}

/* Random pages differ in what stale translations they leave, so a program
 * whose results are compared across TLBs must not reach its own tables:
 * `tame` code (tests/random/box.h) in entries that know NX. */
static const struct relation {
    const char *name;
    void (*change)(struct machine_config *g);
    bool exact; /* time and statistics too */
    enum temper temper;
} relation[] = {
    {"filter", set_no_filter, true, WILD},
    {"blocks", set_no_blocks, true, WILD},
    {"debugger", set_nothing, true, WILD},
    {"tlb", set_small_tlbs, false, TAME},
    {"timing", set_timing_off, false, TAME},
};
enum { RELATIONS = sizeof relation / sizeof relation[0] };

static bool open_box(struct box *b, void (*change)(struct machine_config *g))
{
    struct machine_config config;
    struct sim_error e;
    config_defaults(&config);
    config.memory.ram_bytes = RAM_BYTES;
    change(&config);
    if (config_finish(&config, SIM_INTERNAL, &e) != SIM_OK) {
        fprintf(stderr, "metamorphic: %s\n", e.text);
        return false;
    }
    return box_open(b, &config);
}

static void count_event(void *self, const struct trace_event *e)
{
    uint64_t *events = self;
    *events += e->category == TRACE_INSN && e->text[0] == 'i';
}

/* Where no program comes to. */
static void debug(struct box *b, uint64_t *events)
{
    const uint64_t nowhere = UINT64_C(0x123456789000);
    const struct trace_port all = {events, (1 << TRACE_COUNT) - 1, count_event};
    struct sim_error e;
    if (debugger_attach(b->cpu, &e) != SIM_OK ||
        !debugger_insert(b->cpu, DEBUG_HARD, nowhere, 1) ||
        !debugger_insert(b->cpu, DEBUG_ACCESS, nowhere, 8))
        exit(2);
    cpu_set_trace(b->cpu, all);
}

/* Run for so many instructions and cycles. */
static void execute(struct box *b, struct result *r, uint64_t instructions,
                    uint64_t cycles)
{
    const struct cycle_account *a = cpu_account(b->cpu);
    struct cycle_account begin = *a;
    cpu_set_instruction_limit(b->cpu, begin.instructions + instructions);
    memset(r, 0, sizeof *r);
    r->stop = cpu_run(b->cpu, begin.cycles + cycles);
    cpu_get_regs(b->cpu, &r->regs);
    r->instructions = a->instructions - begin.instructions;
    r->cycles = a->cycles - begin.cycles;
    for (unsigned i = 0; i < LEAF_COUNT; i++)
        r->leaf[i] = a->leaf[i] - begin.leaf[i];
    if (!memsys_read(b->memory, (hpa){0}, RAM_BYTES, r->memory))
        abort();
}

static void run(struct box *b, uint64_t seed, uint64_t round, enum entry entry,
                enum temper temper, struct result *r)
{
    box_clear(b);
    box_fill(b, seed, round, entry, temper);
    execute(b, r, ROUND_INSTRUCTIONS,
            CYCLES_EACH * (uint64_t)ROUND_INSTRUCTIONS);
}

/* The registers field by field: structs have padding. */
#define FIELD(f)                                                               \
    {                                                                          \
#f, offsetof(struct cpu_regs, f), sizeof(((struct cpu_regs *)0)->f)    \
    }
#define SEGMENT(i)                                                             \
    FIELD(seg[i].base), FIELD(seg[i].limit), FIELD(seg[i].attr),               \
        FIELD(seg[i].selector)
static const struct {
    const char *name;
    size_t offset, size;
} field[] = {
    FIELD(gpr),        FIELD(rip),        FIELD(rflags),     SEGMENT(SEG_ES),
    SEGMENT(SEG_CS),   SEGMENT(SEG_SS),   SEGMENT(SEG_DS),   SEGMENT(SEG_FS),
    SEGMENT(SEG_GS),   SEGMENT(SEG_LDTR), SEGMENT(SEG_TR),   FIELD(gdtr.base),
    FIELD(gdtr.limit), FIELD(idtr.base),  FIELD(idtr.limit), FIELD(cr0),
    FIELD(cr2),        FIELD(cr3),        FIELD(cr4),        FIELD(cr8),
    FIELD(efer),       FIELD(xcr0),       FIELD(dr),         FIELD(v),
    FIELD(x87.st),     FIELD(x87.fcw),    FIELD(x87.fsw),    FIELD(x87.fop),
    FIELD(x87.ftw),    FIELD(x87.fcs),    FIELD(x87.fds),    FIELD(x87.fip),
    FIELD(x87.fdp),    FIELD(mxcsr),
};
enum { FIELDS = sizeof field / sizeof field[0] };

/* Name of the first field that differs, or NULL. */
static const char *differing(const struct cpu_regs *a, const struct cpu_regs *b)
{
    for (unsigned i = 0; i < FIELDS; i++)
        if (memcmp((const char *)a + field[i].offset,
                   (const char *)b + field[i].offset, field[i].size) != 0)
            return field[i].name;
    return NULL;
}

static bool same_results(const struct result *a, const struct result *b)
{
    return a->stop == b->stop && a->instructions == b->instructions &&
           differing(&a->regs, &b->regs) == NULL &&
           memcmp(a->memory, b->memory, RAM_BYTES) == 0;
}

static bool same_time(const struct result *a, const struct result *b)
{
    return a->cycles == b->cycles &&
           memcmp(a->leaf, b->leaf, sizeof a->leaf) == 0;
}

static void explain(const struct relation *k, uint64_t seed, uint64_t round,
                    enum entry entry, const struct result *a,
                    const struct result *b)
{
    printf("%s: seed %" PRIu64 " round %" PRIu64 " (%s): stop %d/%d, "
           "instructions %" PRIu64 "/%" PRIu64 ", cycles %" PRIu64 "/%" PRIu64
           ", rip %" PRIx64 "/%" PRIx64 "\n",
           k->name, seed, round, entry_name[entry], (int)a->stop, (int)b->stop,
           a->instructions, b->instructions, a->cycles, b->cycles, a->regs.rip,
           b->regs.rip);
    const char *name = differing(&a->regs, &b->regs);
    if (name != NULL)
        printf("  %s\n", name);
    for (unsigned i = 0; i < 16; i++)
        if (a->regs.gpr[i] != b->regs.gpr[i])
            printf("  gpr%u %" PRIx64 "/%" PRIx64 "\n", i, a->regs.gpr[i],
                   b->regs.gpr[i]);
    unsigned shown = 0;
    for (unsigned i = 0; i < RAM_BYTES && shown < 8; i++)
        if (a->memory[i] != b->memory[i]) {
            printf("  [%x] %02x/%02x\n", i, a->memory[i], b->memory[i]);
            shown++;
        }
}

/* Entries for tame programs: paging with NX, so that nothing but the code
 * pages is executed. */
static const enum entry tame_entries[] = {ENTRY_PAE,      ENTRY_PAE_USER,
                                          ENTRY_COMPAT32, ENTRY_COMPAT32_USER,
                                          ENTRY_LONG,     ENTRY_LONG_USER};

static enum entry entry_of(uint64_t round, enum temper temper)
{
    if (temper != WILD)
        return tame_entries[round %
                            (sizeof tame_entries / sizeof tame_entries[0])];
    return (enum entry)(round % ENTRY_COUNT);
}

/* --- single-stepping --- */

/* False: the program does not end. */
static bool run_stepped(struct box *b, uint64_t seed, uint64_t round, bool step,
                        struct result *r)
{
    box_clear(b);
    box_fill(b, seed, round, ENTRY_LONG_USER, STEP);
    box_halt_on_faults(b, step);
    uint64_t most = ROUND_INSTRUCTIONS * (step ? 4u : 1u);
    execute(b, r, most, CYCLES_EACH * most);
    /* What a step itself leaves: the handler's frame, BS, TF in the images;
     * and the handlers' instructions. */
    memset(r->memory + STEP_STACK_AT - 0x1000, 0, 0x1000);
    memset(r->memory + IDT_AT, 0, 0x1000);
    r->regs.rflags &= ~UINT64_C(0x10100);
    r->regs.dr[6] = 0;
    r->retired = r->instructions;
    r->instructions = 0;
    return r->stop == CPU_STOP_HALT;
}

static bool check_step(struct box *b, struct result *a, struct result *z,
                       uint64_t seed, uint64_t rounds)
{
    static const struct relation step = {"step", set_nothing, false, STEP};
    uint64_t ended = 0, traps = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        if (!run_stepped(b, seed, i, false, a))
            continue;
        ended++;
        bool halted = run_stepped(b, seed, i, true, z);
        traps += z->retired - a->retired;
        if (!halted || !same_results(a, z)) {
            explain(&step, seed, i, ENTRY_LONG_USER, a, z);
            return false;
        }
    }
    printf("%-8s %" PRIu64 " of %" PRIu64 " programs end, %" PRIu64
           " traps: equal\n",
           "step", ended, rounds, traps);
    return ended > rounds / 2;
}

static bool check(const struct relation *k, struct result *a, struct result *z,
                  uint64_t seed, uint64_t rounds, uint64_t *instructions)
{
    /* Both new: clocks and random numbers begin alike. */
    struct box *plain = calloc(1, sizeof *plain);
    struct box *changed = calloc(1, sizeof *changed);
    if (plain == NULL || changed == NULL || !open_box(plain, set_nothing) ||
        !open_box(changed, k->change))
        exit(2);
    bool debugged = strcmp(k->name, "debugger") == 0;
    uint64_t events = 0;
    if (debugged)
        debug(changed, &events);
    bool good = true;
    for (uint64_t i = 0; i < rounds && good; i++) {
        enum entry entry = entry_of(i, k->temper);
        run(plain, seed, i, entry, k->temper, a);
        run(changed, seed, i, entry, k->temper, z);
        /* Where time ran out depends on what time is made of. */
        bool cut =
            !k->exact && (a->stop == CPU_STOP_TIME || z->stop == CPU_STOP_TIME);
        good = cut || (same_results(a, z) && (!k->exact || same_time(a, z)));
        if (!good)
            explain(k, seed, i, entry, a, z);
        if (!cut)
            *instructions += a->instructions;
    }
    /* Not every one: what faults or loses its code has none. */
    if (debugged && events < *instructions / 2) {
        printf("debugger: %" PRIu64 " of %" PRIu64 " instructions traced\n",
               events, *instructions);
        good = false;
    }
    box_close(plain);
    box_close(changed);
    free(plain);
    free(changed);
    return good;
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : 400;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct box *plain = calloc(1, sizeof *plain);
    struct result *a = calloc(1, sizeof *a), *z = calloc(1, sizeof *z);
    if (plain == NULL || a == NULL || z == NULL ||
        !open_box(plain, set_nothing))
        return 2;
    bool good = true;
    for (unsigned i = 0; i < RELATIONS; i++) {
        uint64_t instructions = 0;
        bool same = check(&relation[i], a, z, seed, rounds, &instructions);
        printf("%-8s %" PRIu64 " programs, %" PRIu64 " instructions: %s\n",
               relation[i].name, rounds, instructions,
               same ? "equal" : "DIFFERENT");
        good &= same;
    }
    good &= check_step(plain, a, z, seed, rounds);
    box_close(plain);
    free(plain);
    free(a);
    free(z);
    return good ? 0 : 1;
}
