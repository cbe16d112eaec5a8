/* SPDX-License-Identifier: Apache-2.0
 * Clock ports: how devices see simulated time.
 */
#include "sim/machine/inside.h"
#include "timer/tsc.h"

static sim_time alarm_now(void *self)
{
    const struct alarm *a = self;
    return machine_now(a->m);
}

static void alarm_arm(void *self, sim_time at)
{
    struct alarm *a = self;
    struct machine *m = a->m;
    sim_time now = sim_now(m->kernel);
    a->due = at < now ? now : at;
    sim_wake(m->kernel, a->process, a->due);
    if (m->running != NULL && a->due != SIM_NEVER)
        cpu_shorten(m->running->cpu,
                    cycles_at_time(a->due, m->config.core.core_hz));
}

static sim_time alarm_process(void *self, sim_time now)
{
    struct alarm *a = self;
    a->due = SIM_NEVER;
    a->on_time(a->owner, now);
    return SIM_NEVER; /* a new alarm went through sim_wake */
}

struct alarm *alarm_create(struct machine *m, on_time_fn *on_time, void *owner,
                           struct clock_port *port)
{
    SIM_ASSERT(m->alarms < ALARMS_MAX);
    struct alarm *a = &m->alarm[m->alarms++];
    a->m = m;
    a->due = SIM_NEVER;
    a->on_time = on_time;
    a->owner = owner;
    a->process = sim_spawn(m->kernel, "alarm", alarm_process, a);
    *port = (struct clock_port){a, alarm_now, alarm_arm};
    return a;
}

sim_time alarm_next(const struct machine *m)
{
    sim_time next = SIM_NEVER;
    for (unsigned i = 0; i < m->alarms; i++)
        if (m->alarm[i].due < next)
            next = m->alarm[i].due;
    return next;
}
