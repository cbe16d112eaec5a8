/* SPDX-License-Identifier: Apache-2.0
 * `monitor walk` and `monitor tlb`: how an address translates afresh, and
 * what the processor has kept of earlier walks.
 */
#include "mmu/walk.h"
#include "sim/debug/entry_text.h"
#include "sim/debug/gdb_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *page_size(unsigned shift, char out[16])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned k = shift / 10;
    if (k < sizeof unit / sizeof *unit)
        snprintf(out, 16, "%u %s", 1u << shift % 10, unit[k]);
    else
        snprintf(out, 16, "2^%u B", shift);
    return out;
}

static void put_step(struct text *t, const struct walk_step *s)
{
    char flags[ENTRY_TEXT];
    entry_flags(s->ept, s->level, s->entry, flags);
    text_printf(t, "%s%-9s at 0x%" PRIx64, s->ept ? "    " : "  ",
                entry_name(s->ept, s->level), s->at);
    if (!s->ept && s->guest != s->at && s->guest != 0)
        text_printf(t, " (guest 0x%" PRIx64 ")", s->guest);
    text_printf(t, ": 0x%016" PRIx64 "  %s\n", s->entry, flags);
}

static void put_rights(struct text *t, const char *what, unsigned rights,
                       bool ept)
{
    text_printf(t, "%s%s%s%s", what, (rights & PT_R) != 0 ? "R" : "-",
                (rights & PT_W) != 0 ? "W" : "-",
                (rights & PT_X) != 0 ? "X" : "-");
    if (!ept)
        text_printf(t, (rights & PT_U) != 0 ? " user" : " supervisor");
}

static void put_end(struct text *t, const struct walk_report *r, bool nested)
{
    char size[16];
    switch (r->end) {
    case WALK_MAPPED:
        if (nested)
            text_printf(t, "  guest-physical 0x%" PRIx64 ", ", r->guest);
        else
            text_printf(t, "  ");
        text_printf(t, "physical 0x%" PRIx64 ", page of %s, ", r->host,
                    page_size(r->page_shift, size));
        put_rights(t, "", r->rights, false);
        if (nested)
            put_rights(t, ", EPT ", r->ept_rights, true);
        text_printf(t, "\n");
        break;
    case WALK_NOT_PRESENT: text_printf(t, "  not present: #PF\n"); break;
    case WALK_RESERVED: text_printf(t, "  reserved bit: #PF\n"); break;
    case WALK_EPT_VIOLATION: text_printf(t, "  EPT violation\n"); break;
    case WALK_EPT_MISCONFIG: text_printf(t, "  EPT misconfiguration\n"); break;
    case WALK_NOT_CANONICAL: text_printf(t, "  not canonical\n"); break;
    }
}

void monitor_walk(struct monitor *m)
{
    struct walk_report r;
    uint64_t lin;
    bool nested = false;
    unsigned entries[2] = {0, 0};
    if (!monitor_address(m, &lin))
        return;
    if (!debugger_walk(m->cpu, m->g->view, lin, &r)) {
        text_printf(m->t, "there is no current VMCS to walk by\n");
        return;
    }
    for (unsigned i = 0; i < r.count; i++) {
        nested |= r.step[i].ept;
        entries[r.step[i].ept]++;
    }
    text_printf(m->t, "linear 0x%" PRIx64 ": %u entries", lin, r.count);
    if (nested)
        text_printf(m->t, " (%u of the guest, %u of EPT)", entries[0],
                    entries[1]);
    text_printf(m->t, "%s\n", r.count == 0 ? ", no paging" : "");
    for (unsigned i = 0; i < r.count; i++)
        put_step(m->t, &r.step[i]);
    put_end(m->t, &r, nested);
}

struct tlb_query {
    struct text *t;
    bool one; /* those that could serve `address` */
    uint64_t address;
    unsigned count;
};

static void put_tlb(void *self, const struct tlb_view *v)
{
    struct tlb_query *q = self;
    char size[16];
    uint64_t page = ~UINT64_C(0) << v->page_shift;
    if (q->one && ((v->lin ^ q->address) & page & ((UINT64_C(1) << 48) - 1)))
        return;
    q->count++;
    text_printf(q->t, "%-10s %s0x%012" PRIx64 " -> 0x%" PRIx64 " %s",
                v->structure, v->guest_physical ? "gpa " : "", v->lin, v->host,
                page_size(v->page_shift, size));
    put_rights(q->t, " ", v->rights, v->guest_physical);
    if (v->eptp != 0)
        put_rights(q->t, ", EPT ", v->ept_rights, true);
    text_printf(q->t, " vpid %u pcid %u%s", v->vpid, v->pcid,
                v->global ? " global" : "");
    if (v->eptp != 0)
        text_printf(q->t, " eptp 0x%" PRIx64, v->eptp);
    text_printf(q->t, "\n");
}

void monitor_tlb(struct monitor *m)
{
    struct tlb_query q = {.t = m->t};
    if (*m->rest != '\0') {
        q.one = true;
        if (!monitor_address(m, &q.address))
            return;
    }
    debugger_tlb(m->cpu, put_tlb, &q);
    text_printf(m->t, "%u cached translations%s\n", q.count,
                q.one ? " could serve it (each under its own tag)" : "");
}
