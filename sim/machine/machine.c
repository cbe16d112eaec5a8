/* SPDX-License-Identifier: Apache-2.0
 * Building a machine and running it.
 *
 * Each core is a process that runs ahead of the kernel's time inside a
 * quantum. With one core the quantum ends at the next alarm of any device,
 * and an alarm set meanwhile shortens it: interrupts are exact. Several
 * cores take turns of config.quantum cycles in order of their time, then
 * their number. Whatever the host does, results are the same: slices, at
 * whose ends signals and limits of the host are looked at, have a fixed
 * simulated length.
 */
#include "cpu/exits.h"
#include "cpu/regs.h"
#include "sim/machine/inside.h"
#include "timer/tsc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_CYCLES = 10000000 };

/* EFLAGS.IF */
#define INTERRUPT_FLAG UINT64_C(0x200)

/* --- Time ----------------------------------------------------------------- */

static sim_time time_at(const struct machine *m, uint64_t cycle)
{
    return time_of_cycles(cycle, m->config.core.core_hz);
}

static uint64_t cycle_at(const struct machine *m, sim_time t)
{
    return cycles_at_time(t, m->config.core.core_hz);
}

sim_time machine_now(const struct machine *m)
{
    if (m->running != NULL)
        return time_at(m, cpu_account(m->running->cpu)->cycles);
    return sim_now(m->kernel);
}

/* --- Ends ----------------------------------------------------------------- */

void machine_end(struct machine *m, enum machine_end end, int status,
                 const char *format, ...)
{
    if (m->outcome.end != END_NONE)
        return;
    m->outcome.end = end;
    m->outcome.status = status;
    va_list args;
    va_start(args, format);
    vsnprintf(m->outcome.reason, sizeof m->outcome.reason, format, args);
    va_end(args);
    sim_stop(m->kernel);
    if (m->running != NULL)
        cpu_request_stop(m->running->cpu);
}

void machine_note(const struct machine *m, const char *text)
{
    if (m->io.note != NULL)
        m->io.note(m->io.self, text);
}

const struct machine_outcome *machine_outcome(const struct machine *m)
{
    return &m->outcome;
}

/* --- Cores ---------------------------------------------------------------- */

void machine_wake_core(struct machine *m, unsigned index)
{
    struct core_slot *k = &m->core[index];
    if (k->halted && k != m->running && cpu_has_work(k->cpu))
        sim_wake(m->kernel, k->process, machine_now(m));
}

static uint64_t all_instructions(const struct machine *m)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < m->cores; i++)
        sum += cpu_account(m->core[i].cpu)->instructions;
    return sum;
}

/* The cycle at which this turn of the core ends. */
static uint64_t quantum_end(const struct core_slot *k)
{
    const struct machine *m = k->m;
    uint64_t end = cycle_at(m, m->slice_end);
    uint64_t alarm = cycle_at(m, alarm_next(m));
    if (alarm < end)
        end = alarm;
    if (m->config.max_cycles != 0 && m->config.max_cycles < end)
        end = m->config.max_cycles;
    if (m->cores > 1) {
        uint64_t turn = cpu_account(k->cpu)->cycles + m->config.quantum;
        if (turn < end)
            end = turn;
    }
    return end;
}

/* True: the run is over by --max-instructions or --max-cycles. */
static bool check_limits(struct core_slot *k)
{
    struct machine *m = k->m;
    const struct cycle_account *a = cpu_account(k->cpu);
    uint64_t cycles = m->config.max_cycles;
    uint64_t instructions = m->config.max_instructions;
    if (cycles != 0 && a->cycles >= cycles)
        machine_end(m, END_LIMIT, SIM_LIMIT,
                    "limit reached: %" PRIu64 " cycles", cycles);
    if (instructions == 0)
        return m->outcome.end != END_NONE;
    uint64_t sum = all_instructions(m);
    if (sum >= instructions)
        machine_end(m, END_LIMIT, SIM_LIMIT,
                    "limit reached: %" PRIu64 " instructions", instructions);
    else
        cpu_set_instruction_limit(k->cpu,
                                  a->instructions + (instructions - sum));
    return m->outcome.end != END_NONE;
}

/* What the core's process does after a turn. */
static sim_time after_run(struct core_slot *k, enum cpu_stop stop, sim_time now)
{
    struct machine *m = k->m;
    switch (stop) {
    case CPU_STOP_HALT: k->halted = !cpu_has_work(k->cpu); break;
    case CPU_STOP_SHUTDOWN:
    case CPU_STOP_UNMODELLED:
        if (m->debugger.dying != NULL)
            m->debugger.dying(m->debugger.self, k->index,
                              cpu_stop_reason(k->cpu));
        machine_end(m, END_ABNORMAL, SIM_GUEST_STOPPED, "core %u: %s", k->index,
                    cpu_stop_reason(k->cpu));
        break;
    case CPU_STOP_TIME:
    case CPU_STOP_REQUEST:
    case CPU_STOP_INSTRUCTIONS: check_limits(k); break;
    }
    if (m->outcome.end != END_NONE)
        return SIM_NEVER;
    /* A core that halted comes back at that instant, to show it in the VCD
     * file, and then sleeps. */
    sim_time due = time_at(m, cpu_account(k->cpu)->cycles);
    return due > now ? due - now : 0;
}

/* Run to the end of the turn. A stop for the debugger does not end it: turns
 * are the same with and without one. */
static enum cpu_stop run_turn(struct core_slot *k)
{
    const struct machine_debugger *d = &k->m->debugger;
    uint64_t end = quantum_end(k);
    for (;;) {
        enum cpu_stop stop = cpu_run(k->cpu, end);
        if (stop != CPU_STOP_REQUEST || d->stopped == NULL ||
            !d->stopped(d->self, k->index))
            return stop;
        /* Alarms may have been set meanwhile. */
        uint64_t again = quantum_end(k);
        end = again < end ? again : end;
    }
}

static sim_time core_process(void *self, sim_time now)
{
    struct core_slot *k = self;
    struct machine *m = k->m;
    const struct cycle_account *a = cpu_account(k->cpu);
    if (k->halted) {
        k->vcd_running = cpu_has_work(k->cpu);
        if (!k->vcd_running)
            return SIM_NEVER;
        uint64_t cycle = cycle_at(m, now);
        if (cycle > a->cycles)
            cpu_idle_until(k->cpu, cycle);
        k->halted = false;
    }
    if (check_limits(k))
        return SIM_NEVER;
    k->vcd_running = 1;
    m->running = k;
    enum cpu_stop stop = run_turn(k);
    m->running = NULL;
    sim_time delay = after_run(k, stop, now);
    k->vcd_instructions = a->instructions;
    return delay;
}

/* --- Wiring --------------------------------------------------------------- */

/* A store of another agent ended a core's wait. */
static void store_wakes(void *self, unsigned core)
{
    machine_wake_core(self, core);
}

static void core_note(void *self, unsigned core, const char *line)
{
    char text[640];
    snprintf(text, sizeof text, "core %u: %s", core, line);
    machine_note(self, text);
}

static void apic_time(void *self, sim_time now)
{
    struct core_slot *k = self;
    cpu_on_apic_time(k->cpu, now);
    machine_wake_core(k->m, k->index);
}

static void deliver(struct machine *m, unsigned core,
                    const struct apic_message *message)
{
    cpu_apic_message(m->core[core].cpu, message);
    machine_wake_core(m, core);
}

/* SDM Vol.3 "Lowest Priority Delivery Mode". */
static void deliver_lowest(struct machine *m,
                           const struct apic_message *message)
{
    unsigned best = UINT32_MAX, core = 0;
    for (unsigned i = 0; i < m->cores; i++) {
        const struct cpu *c = m->core[i].cpu;
        if (cpu_apic_matches(c, message) && cpu_apic_priority(c) < best) {
            best = cpu_apic_priority(c);
            core = i;
        }
    }
    if (best != UINT32_MAX)
        deliver(m, core, message);
}

/* The APIC bus: SDM Vol.3 "Determining IPI Destination". */
static void apic_send(void *self, unsigned sender,
                      const struct apic_message *message)
{
    enum { NONE, SELF, ALL, OTHERS, LOWEST = 1 };
    struct machine *m = self;
    if (message->shorthand == NONE && message->delivery == LOWEST) {
        deliver_lowest(m, message);
        return;
    }
    for (unsigned i = 0; i < m->cores; i++) {
        if ((message->shorthand == SELF && i != sender) ||
            (message->shorthand == OTHERS && i == sender))
            continue;
        deliver(m, i, message);
    }
}

/* FEE00000h belongs to the core that makes the access. */
static bool apic_read(void *self, uint64_t offset, unsigned len, uint64_t *out)
{
    const struct machine *m = self;
    if (m->running == NULL)
        return false;
    struct mmio_port p = cpu_apic_port(m->running->cpu);
    return p.read(p.self, offset, len, out);
}

static bool apic_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    const struct machine *m = self;
    if (m->running == NULL)
        return false;
    struct mmio_port p = cpu_apic_port(m->running->cpu);
    return p.write(p.self, offset, len, in);
}

static enum sim_status create_cores(struct machine *m, struct sim_error *e)
{
    const hpa apic_base = {0xfee00000};
    struct mmio_port apic = {m, apic_read, apic_write};
    enum sim_status s = memsys_add_mmio(m->memory, apic_base, 4096, apic, e);
    struct clock_port clock[MACHINE_CORES_MAX];
    for (unsigned i = 0; i < m->config.cores; i++) {
        struct core_slot *k = &m->core[i];
        k->m = m;
        k->index = i;
        k->apic_alarm = alarm_create(m, apic_time, k, &clock[i]);
    }
    for (unsigned i = 0; i < m->config.cores && s == SIM_OK; i++) {
        struct core_slot *k = &m->core[i];
        const struct cpu_wiring w = {
            .index = i,
            .cores = m->config.cores,
            .memory = m->memory,
            .io = iobus_port(&m->board.iobus),
            .inta = pic_inta_port(&m->board.pic),
            .apic_bus = {m, apic_send},
            .apic_clock = clock[i],
            .magic = roi_port(m),
            .l3 = m->config.memory.l3,
            .wake = {m, store_wakes},
            .note = {m, core_note},
        };
        s = cpu_create(&m->config.core, &m->config.mmu, &w, &k->cpu, e);
        if (s != SIM_OK)
            break;
        m->cores = i + 1;
        k->process = sim_spawn(m->kernel, "core", core_process, k);
    }
    return s;
}

static enum sim_status register_stats(struct machine *m, struct sim_error *e)
{
    for (unsigned i = 0; i < m->cores; i++) {
        char prefix[16];
        snprintf(prefix, sizeof prefix, "core%u", i);
        cpu_register_stats(m->core[i].cpu, &m->stats, prefix);
    }
    memsys_register_stats(m->memory, &m->stats);
    iobus_register_stats(&m->board.iobus, &m->stats, "iobus");
    if (!roi_init(&m->roi, &m->stats))
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    return SIM_OK;
}

enum sim_status machine_create(const struct machine_config *c,
                               const struct machine_io *io,
                               struct machine **out, struct sim_error *e)
{
    struct machine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "out of memory");
    m->config = *c;
    m->io = *io;
    enum sim_status s = sim_kernel_create(&m->kernel, e);
    if (s == SIM_OK)
        s = memsys_create(&c->memory, &m->memory, e);
    if (s == SIM_OK)
        s = board_create(m, e);
    if (s == SIM_OK)
        s = create_cores(m, e);
    if (s == SIM_OK)
        s = register_stats(m, e);
    if (s != SIM_OK) {
        machine_destroy(m);
        return s;
    }
    for (unsigned i = 0; i < m->cores; i++)
        cpu_reset(m->core[i].cpu);
    *out = m;
    return SIM_OK;
}

void machine_destroy(struct machine *m)
{
    if (m == NULL)
        return;
    roi_free(&m->roi);
    for (unsigned i = 0; i < m->cores; i++)
        cpu_destroy(m->core[i].cpu);
    board_destroy(m);
    if (m->memory != NULL)
        memsys_destroy(m->memory);
    if (m->kernel != NULL)
        sim_kernel_destroy(m->kernel);
    free(m);
}

enum sim_status machine_load(struct machine *m, const struct plan *p,
                             const struct load_result *r, struct sim_error *e)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_item *item = &p->item[i];
        const hpa at = {item->at};
        if (item->filled != 0 &&
            !memsys_write(m->memory, at, item->filled, item->data))
            return sim_fail(e, SIM_INTERNAL,
                            "%s: planned bytes at 0x%" PRIx64
                            " are outside RAM",
                            p->name, item->at);
    }
    cpu_set_entry(m->core[0].cpu, &r->entry);
    return SIM_OK;
}

enum sim_status machine_vcd(struct machine *m, const char *path,
                            struct sim_error *e)
{
    enum sim_status s = sim_vcd_open(m->kernel, path, e);
    for (unsigned i = 0; i < m->cores && s == SIM_OK; i++) {
        char name[40];
        snprintf(name, sizeof name, "core%u.running", i);
        sim_vcd_add(m->kernel, name, &m->core[i].vcd_running, 1);
        snprintf(name, sizeof name, "core%u.instructions", i);
        sim_vcd_add(m->kernel, name, &m->core[i].vcd_instructions, 64);
    }
    if (s == SIM_OK)
        sim_vcd_add(m->kernel, "pic.requests", &m->board.vcd_requests, 32);
    return s;
}

/* --- Running -------------------------------------------------------------- */

/* Every core sleeps with interrupts off or waits for another to start it:
 * nothing on this board raises NMI, so nothing will ever wake one. */
static bool sleeps_for_ever(const struct machine *m)
{
    for (unsigned i = 0; i < m->cores; i++) {
        const struct core_slot *k = &m->core[i];
        if (!k->halted || cpu_has_work(k->cpu))
            return false;
        struct cpu_regs regs;
        cpu_get_regs(k->cpu, &regs);
        if ((regs.rflags & INTERRUPT_FLAG) != 0)
            return false;
    }
    return true;
}

static void report_sleep(struct machine *m)
{
    struct cpu_regs regs;
    cpu_get_regs(m->core[0].cpu, &regs);
    machine_end(m, END_ABNORMAL, SIM_GUEST_STOPPED,
                "core 0: halted for ever after RIP 0x%" PRIx64
                ": no interrupt can come",
                regs.rip);
}

/* Simulate one slice. */
static void run_slice(struct machine *m)
{
    sim_time next = sim_next_due(m->kernel, UINT32_MAX);
    if (next == SIM_NEVER || sleeps_for_ever(m)) {
        report_sleep(m);
        return;
    }
    sim_time now = sim_now(m->kernel);
    uint64_t from = cycle_at(m, next > now ? next : now);
    m->slice_end = time_at(m, from + SLICE_CYCLES);
    if (m->slice_end == SIM_NEVER) {
        machine_end(m, END_LIMIT, SIM_LIMIT,
                    "limit reached: 18446 s of simulated time");
        return;
    }
    sim_run(m->kernel, m->slice_end);
}

void machine_tick(struct machine *m)
{
    if (m->outcome.end == END_NONE && !m->tick(m->tick_self))
        machine_end(m, END_REQUESTED, 0, "%s", "");
}

void machine_run(struct machine *m, bool (*tick)(void *self), void *self)
{
    m->tick = tick;
    m->tick_self = self;
    for (unsigned i = 0; i < m->cores; i++) {
        m->core[i].halted = !cpu_has_work(m->core[i].cpu) && i != 0;
        if (!m->core[i].halted)
            sim_wake(m->kernel, m->core[i].process, sim_now(m->kernel));
    }
    while (m->outcome.end == END_NONE) {
        run_slice(m);
        board_flush(m);
        machine_tick(m);
    }
    board_flush(m);
}

/* --- Debugging ------------------------------------------------------------ */

void machine_set_debugger(struct machine *m, struct machine_debugger port)
{
    m->debugger = port;
}

unsigned machine_cores(const struct machine *m)
{
    return m->cores;
}

struct cpu *machine_core(struct machine *m, unsigned index)
{
    return index < m->cores ? m->core[index].cpu : NULL;
}

struct memsys *machine_memory(struct machine *m)
{
    return m->memory;
}

void machine_quit(struct machine *m)
{
    machine_end(m, END_REQUESTED, 0, "%s", "");
}

/* --- Reading -------------------------------------------------------------- */

const struct stat_registry *machine_stats(const struct machine *m)
{
    return &m->stats;
}

const struct cycle_account *machine_account(const struct machine *m,
                                            unsigned core)
{
    return cpu_account(m->core[core].cpu);
}

bool machine_exits(const struct machine *m, unsigned core, unsigned index,
                   struct cpu_exits *out)
{
    return cpu_exits(m->core[core].cpu, index, out);
}

uint64_t machine_committed(const struct machine *m)
{
    return memsys_committed(m->memory);
}
