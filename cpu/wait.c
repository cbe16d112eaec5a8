/* SPDX-License-Identifier: Apache-2.0
 * Waiting for a store. The monitored line is marked in the memory system as
 * lines of translated code are, so that every store to it, by any core or
 * device, takes a path on which this core is told.
 *
 * A core that waits is halted (ACTIVITY_MWAIT). A wait with a deadline
 * passes in pieces of cpu_run's limit (cpu/engine.c), so nobody else need
 * know of it. SDM Vol.3 "MONITOR/MWAIT Instruction", Vol.2 "UMWAIT".
 */
#include "cpu/wait.h"

#include "cpu/control.h"
#include "cpu/flags.h"
#include "cpu/lapic.h"
#include "cpu/mem.h"
#include "cpu/msr.h"
#include "cpu/plant.h"
#include "cpu/reset.h"
#include "cpu/segment.h"
#include "cpu/vmx/vmx.h"
#include "cpu/xlat.h"
#include "timer/tsc.h"

static void unmark(struct cpu *c)
{
    if (c->monitor.line != UINT64_MAX)
        memsys_unmark_code(c->wiring.memory, (hpa){c->monitor.line});
    c->monitor.line = UINT64_MAX;
}

/* A store somewhere in [at, at+len), which lies in one line. */
static void written(void *self, hpa at, unsigned len)
{
    struct cpu *c = self;
    (void)len;
    if (!c->monitor.armed || (at.v & ~(LINE_SIZE - 1)) != c->monitor.line)
        return;
    if (PLANTED(c, PLANT_SYS_MONITOR_EARLY) && c->activity != ACTIVITY_MWAIT)
        return;
    c->monitor.armed = false;
    c->monitor.hit = true;
    unmark(c); /* one store is enough */
    if (c->activity != ACTIVITY_MWAIT)
        return;
    event_notify(c);
    if (c->wiring.wake.wake != NULL)
        c->wiring.wake.wake(c->wiring.wake.self, c->wiring.index);
}

void wait_create(struct cpu *c)
{
    struct code_port port = {c, written};
    c->monitor.line = UINT64_MAX;
    if (cpu_has(c, FEATURE_MONITOR) || cpu_has(c, FEATURE_WAITPKG))
        (void)memsys_add_code_port(c->wiring.memory, port);
}

void wait_reset(struct cpu *c)
{
    unmark(c);
    c->monitor.armed = c->monitor.hit = false;
}

/* An interrupt request, whether or not EFLAGS.IF lets it in. */
static bool interrupt_waits(const struct cpu *c)
{
    return lapic_pending(c) >= 0 || (c->intr_line && lapic_accepts_extint(c));
}

bool wait_over(const struct cpu *c)
{
    return (c->monitor.watching && c->monitor.hit) ||
           c->account.cycles >= c->monitor.deadline ||
           (c->monitor.any_interrupt && interrupt_waits(c));
}

/* CF: the time limit of the operating system ended the wait. */
void wait_end(struct cpu *c)
{
    bool hit = c->monitor.watching && c->monitor.hit;
    if (c->monitor.limited && !hit && c->account.cycles >= c->monitor.deadline)
        flags_set_arith(c, FLAG_CF);
    c->activity = ACTIVITY_RUN;
}

/* --- MONITOR, UMONITOR --- */

/* Checked like a load of one byte; an address that is not RAM is not
 * monitored. */
static enum step arm(struct cpu *c, const struct uop *u, uint64_t lin)
{
    hpa at;
    if (!mem_load_slow(c, u, lin, 1, false))
        return STEP_FAULT;
    wait_reset(c);
    if (!mmu_ram_line(c->mmu, lin, &at))
        return STEP_NEXT;
    memsys_mark_code(c->wiring.memory, at);
    c->monitor.line = at.v;
    c->monitor.armed = true;
    return STEP_NEXT;
}

/* IA32_MISC_ENABLE may take the pair away. */
bool wait_monitor_enabled(const struct cpu *c)
{
    return cpu_cpl(c) == 0 && (c->config.vendor != VENDOR_INTEL ||
                               (c->msr.misc_enable & MISC_MONITOR) != 0);
}

enum step sys_monitor(struct cpu *c, const struct uop *u)
{
    if (!wait_monitor_enabled(c))
        return raise_ud(c);
    if ((uint32_t)c->gpr[REG_RCX] != 0)
        return raise_gp(c, 0);
    return arm(c, u, uop_ea(c, u));
}

enum step sys_umonitor(struct cpu *c, const struct uop *u)
{
    return arm(c, u, uop_ea(c, u));
}

/* --- waiting --- */

static enum step begin(struct cpu *c, bool watching, bool any_interrupt,
                       uint64_t deadline, bool limited)
{
    c->monitor.watching = watching;
    c->monitor.any_interrupt = any_interrupt;
    c->monitor.deadline = deadline;
    c->monitor.limited = limited;
    c->activity = ACTIVITY_MWAIT;
    c->rip = c->next_rip;
    return STEP_AGAIN;
}

/* Without a line monitored, or after a store to it, nothing is waited for. */
static bool watched(const struct cpu *c)
{
    return c->monitor.armed;
}

/* SDM Vol.3 "Changes to Instruction Behavior in VMX Non-Root Operation",
 * MWAIT: an interrupt that only the window of its monitor lets in would never
 * end the wait. */
static bool window_keeps_awake(const struct cpu *c)
{
    return c->vmx_guest && (c->vmx->proc & PROC_INTERRUPT_WINDOW) != 0 &&
           (c->eflags & FLAG_IF) == 0;
}

enum step sys_mwait(struct cpu *c, const struct uop *u)
{
    uint32_t extensions = (uint32_t)c->gpr[REG_RCX];
    (void)u;
    if (!wait_monitor_enabled(c))
        return raise_ud(c);
    if ((extensions & ~UINT32_C(1)) != 0)
        return raise_gp(c, 0);
    if (!watched(c) || ((extensions & 1) != 0 && window_keeps_awake(c)))
        return STEP_NEXT;
    return begin(c, true, (extensions & 1) != 0, UINT64_MAX, false);
}

/* The cycle at which `delay` ticks of the TSC have passed. */
static uint64_t cycle_after(const struct cpu *c, uint64_t delay)
{
    uint64_t ticks = cpu_tsc_ticks(c);
    if (delay > UINT64_MAX - ticks)
        return UINT64_MAX;
    return cycles_of_ticks(ticks + delay, c->config.core_hz, c->config.tsc_hz);
}

/* The TSC that the deadline in EDX:EAX is compared with. */
static uint64_t visible_tsc(const struct cpu *c)
{
    uint64_t tsc = cpu_tsc(c);
    return c->vmx_guest ? vmx_guest_tsc(c, tsc) : tsc;
}

/* A guest's delays are ticks of its own TSC: SDM Vol.3 "Changes to
 * Instruction Behavior in VMX Non-Root Operation", TPAUSE. */
static uint64_t cycle_of_delay(const struct cpu *c, uint64_t delay)
{
    return cycle_after(c, c->vmx_guest ? vmx_physical_delay(c, delay) : delay);
}

/* The C0.1 and C0.2 states differ in nothing that is modelled. */
enum step sys_umwait(struct cpu *c, const struct uop *u)
{
    bool watch = (u->aux & 1) != 0;
    uint64_t tsc = (uint32_t)c->gpr[REG_RAX] | c->gpr[REG_RDX] << 32;
    uint64_t most = c->msr.umwait_control & 0xfffffffc;
    if ((REG(uint32_t, c, u->dst) & ~UINT32_C(1)) != 0)
        return raise_gp(c, 0);
    flags_set_arith(c, 0);
    uint64_t now = visible_tsc(c);
    if ((watch && !watched(c)) || tsc <= now)
        return STEP_NEXT;
    uint64_t deadline = cycle_of_delay(c, tsc - now);
    uint64_t limit = most == 0 ? UINT64_MAX : cycle_of_delay(c, most);
    if (deadline <= c->account.cycles)
        return STEP_NEXT;
    bool limited = limit < deadline;
    return begin(c, watch, true, limited ? limit : deadline, limited);
}
