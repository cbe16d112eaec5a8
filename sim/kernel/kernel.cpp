/* SPDX-License-Identifier: Apache-2.0
 * The C face of SystemC. All processes share one SC_METHOD, the dispatcher,
 * which runs them from a table ordered by (time, id). SystemC leaves the
 * order of methods runnable at one instant open; results must not depend on
 * it. It is also cheaper: one activation serves every process due at an
 * instant, and waking a process touches no SystemC object.
 *
 * The table is scanned, not sorted: a machine has some tens of processes,
 * and each run of one stands for a quantum of simulation.
 */
#include "sim/kernel/kernel.h"

#define SC_INCLUDE_DYNAMIC_PROCESSES
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

namespace
{

struct process {
    sim_proc_fn *fn;
    void *self;
    sim_time due;
};

/* SystemC warns through this; the first line says it all. Errors are thrown
 * and end in guarded() below. */
void report(const sc_core::sc_report &r, const sc_core::sc_actions &actions)
{
    if (r.get_severity() == sc_core::SC_WARNING)
        std::fprintf(stderr, "vtsim: warning: SystemC: %s: %s\n",
                     r.get_msg_type(), r.get_msg());
    if ((actions & sc_core::SC_THROW) != 0)
        throw sc_core::sc_report(r);
    if ((actions & sc_core::SC_ABORT) != 0)
        std::abort();
}

} // namespace

struct sim_kernel {
    std::vector<process> processes;
    sim_time now = 0;
    sim_time until = 0; /* end of the present sim_run */
    bool stopped = false;
    sc_core::sc_simcontext *context = nullptr;
    /* Belongs to the context, so it is made after it and ends before it. */
    std::unique_ptr<sc_core::sc_event> tick;
    sc_core::sc_trace_file *vcd = nullptr;

    ~sim_kernel()
    {
        close();
    }
    unsigned next_process() const;
    void dispatch();
    void schedule();
    void open();
    void run(sim_time end);
    void close() noexcept;
};

namespace
{

/* An exception here means that this file misuses SystemC: report and end, as
 * for a failed assertion. */
template <typename F> void guarded(const char *what, F f)
{
    try {
        f();
    } catch (const std::exception &x) {
        std::fprintf(stderr, "vtsim: error: internal error: %s: %s\n", what,
                     x.what());
        std::exit(SIM_INTERNAL);
    }
}

template <typename F>
enum sim_status attempt(struct sim_error *e, enum sim_status status,
                        const char *what, F f)
{
    try {
        f();
        return SIM_OK;
    } catch (const std::exception &x) {
        return sim_fail(e, status, "%s: %s", what, x.what());
    }
}

sc_core::sc_time femtoseconds(sim_time t)
{
    return sc_core::sc_time::from_value(t); /* the resolution is 1 fs */
}

sim_time add_capped(sim_time a, sim_time b)
{
    return b >= SIM_NEVER - a ? SIM_NEVER : a + b;
}

} // namespace

/* The process that is due first, the lowest id among equals. Only valid
 * while there is a process. */
unsigned sim_kernel::next_process() const
{
    size_t best = 0;
    for (size_t i = 1; i < processes.size(); i++)
        if (processes[i].due < processes[best].due)
            best = i;
    return static_cast<unsigned>(best);
}

/* The SC_METHOD: run everything due now. */
void sim_kernel::dispatch()
{
    now = sc_core::sc_time_stamp().value();
    while (!stopped && !processes.empty()) {
        unsigned id = next_process();
        if (processes[id].due > now)
            break;
        processes[id].due = SIM_NEVER;
        sim_proc_fn *fn = processes[id].fn;
        sim_time delay = fn(processes[id].self, now);
        if (delay == 0)
            delay = 1; /* time always advances */
        /* The body may have woken itself: the earlier of the two counts.
         * It may also have spawned, so no reference is kept across it. */
        sim_time due = add_capped(now, delay);
        if (due < processes[id].due)
            processes[id].due = due;
    }
    schedule();
}

/* Have the dispatcher called at the earliest due time of this run. What is
 * due at its end or later is not announced to SystemC, so that nothing is
 * left over in it between two runs. */
void sim_kernel::schedule()
{
    sim_time due = sim_next_due(this, UINT32_MAX);
    if (stopped)
        sc_core::sc_pause();
    else if (due < until)
        tick->notify(femtoseconds(due > now ? due - now : 0));
}

/*
 * Make a fresh context. The library's own, made when it is loaded, holds
 * static objects that outlive every kernel; it stays idle. The pointer to
 * the current context is public, so each kernel brings another one, whose
 * time starts at zero.
 */
void sim_kernel::open()
{
    sc_core::sc_report_handler::set_handler(report);
    sc_core::sc_report_handler::set_actions(sc_core::SC_INFO,
                                            sc_core::SC_DO_NOTHING);
    context = new sc_core::sc_simcontext;
    sc_core::sc_curr_simcontext = context;
    sc_core::sc_set_time_resolution(1, sc_core::SC_FS);
    tick.reset(new sc_core::sc_event("tick"));
    sc_core::sc_spawn_options options;
    options.spawn_method();
    options.dont_initialize();
    options.set_sensitivity(tick.get());
    sc_core::sc_spawn([this] { dispatch(); }, "dispatcher", &options);
}

void sim_kernel::run(sim_time end)
{
    until = end;
    stopped = false;
    schedule();
    if (until == SIM_NEVER && sim_next_due(this, UINT32_MAX) == SIM_NEVER)
        return;
    if (until == SIM_NEVER)
        sc_core::sc_start(sc_core::sc_max_time() - sc_core::sc_time_stamp(),
                          sc_core::SC_EXIT_ON_STARVATION);
    else if (until > now)
        sc_core::sc_start(femtoseconds(until - now), sc_core::SC_RUN_TO_TIME);
    now = sc_core::sc_time_stamp().value();
}

void sim_kernel::close() noexcept
{
    if (vcd != nullptr)
        sc_core::sc_close_vcd_trace_file(vcd);
    tick.reset();
    delete context;
    sc_core::sc_curr_simcontext = sc_core::sc_default_global_context;
}

/* --- The C API ---------------------------------------------------------- */

extern "C" {

/* libsystemc has a main of its own that calls this; vtsim's main replaces it
 * and nobody calls it, but the library does not link without. */
int sc_main(int, char *[])
{
    return SIM_INTERNAL;
}

enum sim_status sim_kernel_create(struct sim_kernel **out, struct sim_error *e)
{
    if (sc_core::sc_curr_simcontext != sc_core::sc_default_global_context)
        return sim_fail(e, SIM_INTERNAL, "a second simulation kernel");
    return attempt(e, SIM_NO_RESOURCE, "simulation kernel", [out] {
        auto k = std::make_unique<sim_kernel>();
        k->open();
        *out = k.release();
    });
}

void sim_kernel_destroy(struct sim_kernel *k)
{
    delete k;
}

unsigned sim_spawn(struct sim_kernel *k, const char *name, sim_proc_fn *fn,
                   void *self)
{
    (void)name; /* for readers of the call; the dispatcher needs none */
    guarded("sim_spawn", [&] {
        k->processes.push_back({fn, self, SIM_NEVER});
    });
    return static_cast<unsigned>(k->processes.size() - 1);
}

void sim_wake(struct sim_kernel *k, unsigned id, sim_time at)
{
    SIM_ASSERT(id < k->processes.size());
    k->processes[id].due = at < k->now ? k->now : at;
}

sim_time sim_now(const struct sim_kernel *k)
{
    return k->now;
}

sim_time sim_next_due(const struct sim_kernel *k, unsigned except)
{
    sim_time due = SIM_NEVER;
    for (size_t i = 0; i < k->processes.size(); i++)
        if (i != except && k->processes[i].due < due)
            due = k->processes[i].due;
    return due;
}

void sim_run(struct sim_kernel *k, sim_time until)
{
    guarded("sim_run", [k, until] { k->run(until); });
}

void sim_stop(struct sim_kernel *k)
{
    k->stopped = true;
}

enum sim_status sim_vcd_open(struct sim_kernel *k, const char *path,
                             struct sim_error *e)
{
    SIM_ASSERT(k->vcd == nullptr);
    std::string stem(path); /* SystemC appends the suffix */
    if (stem.size() > 4 && stem.compare(stem.size() - 4, 4, ".vcd") == 0)
        stem.resize(stem.size() - 4);
    std::string full = stem + ".vcd";
    /* SystemC opens the file late and reports badly; ask the host now. */
    std::FILE *probe = std::fopen(full.c_str(), "w");
    if (probe == nullptr)
        return sim_fail(e, SIM_NO_RESOURCE, "%s: %s", full.c_str(),
                        std::strerror(errno));
    std::fclose(probe);
    return attempt(e, SIM_NO_RESOURCE, full.c_str(), [&] {
        k->vcd = sc_core::sc_create_vcd_trace_file(stem.c_str());
        k->vcd->set_time_unit(1, sc_core::SC_FS);
    });
}

void sim_vcd_add(struct sim_kernel *k, const char *name, const uint64_t *value,
                 unsigned bits)
{
    SIM_ASSERT(k->vcd != nullptr && bits >= 1 && bits <= 64);
    guarded("sim_vcd_add", [=] {
        sc_core::sc_trace(k->vcd, *value, name, static_cast<int>(bits));
    });
}

} /* extern "C" */
