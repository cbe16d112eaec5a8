/* SPDX-License-Identifier: Apache-2.0
 * Findings of the invalidation oracle as lines for the user.
 */
#include "sim/machine/tlb_check.h"

#include "cpu/check_tlb.h"
#include "sim/machine/inside.h"

#include <inttypes.h>
#include <stdio.h>

static struct oracle_place where(void *self)
{
    struct core_slot *k = self;
    return cpu_place(k->cpu);
}

/* "0xADDRESS (name+0x12)" */
static const char *place_text(const struct machine *m,
                              const struct oracle_place *p, char *out,
                              size_t size)
{
    char name[96] = "";
    if (m->names != NULL)
        symbols_format(m->names, p->rip, p->guest ? SYMBOL_GUEST : SYMBOL_ROOT,
                       name, sizeof name);
    snprintf(out, size, name[0] != '\0' ? "0x%" PRIx64 " (%s)" : "0x%" PRIx64,
             p->rip, name);
    return out;
}

static void writer_text(const struct machine *m, const struct oracle_finding *f,
                        char *out, size_t size)
{
    char at[144];
    if (!f->known)
        snprintf(out, size, "by whom is not known");
    else if (f->agent)
        snprintf(out, size, "by a device or loader");
    else
        snprintf(out, size, "by core %u at %s, cycle %" PRIu64, f->writer.core,
                 place_text(m, &f->writer, at, sizeof at), f->writer.cycle);
}

static const char *kind_text(unsigned access)
{
    switch (access & MMU_KIND) {
    case MMU_FETCH: return "fetch";
    case MMU_WRITE: return "store";
    default: return (access & MMU_INTENT) != 0 ? "store" : "load";
    }
}

static void change_text(const struct machine *m, const struct oracle_finding *f,
                        char *out, size_t size)
{
    char by[200];
    if (!f->changed) {
        snprintf(out, size, "the first table is another one");
        return;
    }
    writer_text(m, f, by, sizeof by);
    snprintf(out, size,
             "%slevel %u entry at 0x%" PRIx64 " changed from 0x%" PRIx64
             " to 0x%" PRIx64 " %s",
             f->ept ? "EPT " : "", f->level, f->at, f->before, f->after, by);
}

static void found(void *self, const struct oracle_finding *f)
{
    struct core_slot *k = self;
    char at[144], change[480], line[960];
    place_text(k->m, &f->user, at, sizeof at);
    change_text(k->m, f, change, sizeof change);
    int n =
        snprintf(line, sizeof line,
                 "core %u: stale translation: %s of 0x%" PRIx64
                 " at %s used the %s, %" PRIu64 " cycles old; %s; missing: %s",
                 k->index, kind_text(f->access), f->lin, at, f->structure,
                 f->age, change, f->missing);
    if (f->count > 1 && n > 0 && (size_t)n < sizeof line)
        snprintf(line + n, sizeof line - (size_t)n,
                 "; %" PRIu64 " times so far", f->count);
    machine_note(k->m, line);
    if (f->stop)
        cpu_stop_stale(k->cpu, line);
}

void machine_check_tlb(struct machine *m, const struct symbols *names)
{
    m->names = names;
    for (unsigned i = 0; i < m->cores; i++)
        cpu_set_oracle(m->core[i].cpu,
                       (struct oracle_port){&m->core[i], where, found});
}
