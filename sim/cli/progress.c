/* SPDX-License-Identifier: Apache-2.0
 * The progress line: stderr, once per second of the host's time.
 */
#include "sim/cli/run.h"

#include <stdio.h>
#include <unistd.h>

void progress_init(struct progress *p, enum progress_kind kind, bool quiet)
{
    *p = (struct progress){.kind = kind, .last = host_time()};
    if (quiet || (kind == PROGRESS_AUTO && !isatty(STDERR_FILENO)))
        p->kind = PROGRESS_NONE;
}

/* "12.3 M", three significant digits or more. */
static void format_count(double n, char *buf, size_t size)
{
    static const char *const unit[] = {"", " k", " M", " G", " T"};
    size_t u = 0;
    while (n >= 10000.0 && u < 4) {
        n /= 1000.0;
        u++;
    }
    snprintf(buf, size, n < 100.0 && u > 0 ? "%.1f%s" : "%.0f%s", n, unit[u]);
}

void progress_tick(struct progress *p, const struct machine *m,
                   const struct machine_config *c, double now)
{
    if (p->kind == PROGRESS_NONE || now - p->last < 1.0)
        return;
    uint64_t instructions = 0, cycles = 0;
    for (unsigned i = 0; i < c->cores; i++) {
        const struct cycle_account *a = machine_account(m, i);
        instructions += a->instructions;
        if (a->cycles > cycles)
            cycles = a->cycles;
    }
    char done[32], all[32] = "", percent[16] = "";
    format_count((double)instructions, done, sizeof done);
    if (c->max_instructions != 0) {
        all[0] = '/';
        format_count((double)c->max_instructions, all + 1, sizeof all - 1);
        snprintf(percent, sizeof percent, "[%3.0f%%] ",
                 100.0 * (double)instructions / (double)c->max_instructions);
    }
    double mips =
        (double)(instructions - p->last_instructions) / (now - p->last) / 1e6;
    fprintf(stderr, "%s%s%s%s insts  %.1f MIPS  IPC %.2f  %.3f s simulated%s",
            p->kind == PROGRESS_AUTO ? "\r\033[K" : "", percent, done, all,
            mips, cycles != 0 ? (double)instructions / (double)cycles : 0.0,
            (double)cycles / (double)c->core.core_hz,
            p->kind == PROGRESS_AUTO ? "" : "\n");
    fflush(stderr);
    p->shown = p->kind == PROGRESS_AUTO;
    p->last = now;
    p->last_instructions = instructions;
}

void progress_clear(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
