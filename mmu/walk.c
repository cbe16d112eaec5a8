/* SPDX-License-Identifier: Apache-2.0
 * The walk loop. Source: SDM Vol.3 "4-Level Paging and 5-Level Paging",
 * "32-Bit Paging", "PAE Paging", "Accessed and Dirty Flags".
 */
#include "mmu/walk.h"

#include "sim/base/bits.h"

static unsigned pat_bits(const struct pt_format *f, uint64_t pointer)
{
    return f->pat_shift == 0 ? 0 : (unsigned)(pointer >> f->pat_shift) & 3;
}

struct pt_start pt_top(const struct pt_space *s)
{
    return (struct pt_start){.table = s->root,
                             .all = UINT64_MAX,
                             .any = 0,
                             .level = s->f->top,
                             .pat = s->root_pat};
}

unsigned pt_rights(const struct pt_space *s, uint64_t all, uint64_t any)
{
    const struct pt_format *f = s->f;
    unsigned rights = 0;
    if ((all & f->r) == f->r)
        rights |= PT_R;
    if ((all & f->w) == f->w)
        rights |= PT_W;
    if ((all & f->u) == f->u)
        rights |= PT_U;
    if ((all & f->x) == f->x && (any & s->nx) == 0)
        rights |= PT_X;
    return rights;
}

static uint64_t leaf_out(const struct pt_space *s, unsigned level,
                         uint64_t entry, uint64_t in)
{
    uint64_t offset = bits_mask(s->f->shift[level]);
    uint64_t base = entry & s->address & ~offset;
    if (s->f->pse36 && level == 2)
        base |= bits_get(entry, 20, 13) << 32;
    return base | (in & offset);
}

static bool is_reserved(const struct pt_space *s, unsigned level, bool leaf,
                        uint64_t e)
{
    const struct pt_format *f = s->f;
    uint64_t bad = leaf ? s->reserved_leaf[level] : s->reserved_table[level];
    if ((e & bad) != 0 || (f->illegal >> (e & 7) & 1) != 0)
        return true;
    if ((e & 3) == 0 && (e & s->not_alone) != 0)
        return true;
    return leaf && (f->illegal_type >> bits_get(e, 5, 3) & 1) != 0;
}

void pt_walk(const struct pt_space *s, const struct pt_port *p,
             const struct pt_start *from, uint64_t in, struct pt_result *r)
{
    const struct pt_format *f = s->f;
    uint64_t table = from->table;
    unsigned pat = from->pat;
    r->all = from->all;
    r->any = from->any;
    r->count = 0;
    for (unsigned level = from->level;; level--) {
        uint64_t e;
        uint64_t index = (in >> f->shift[level]) & f->index_mask;
        struct pt_ref *ref = &r->trail[r->count].ref;
        *ref = (struct pt_ref){.at = table + index * f->entry_bytes,
                               .level = (uint8_t)level,
                               .bytes = f->entry_bytes,
                               .pat = (uint8_t)pat};
        r->level = (uint8_t)level;
        if (!p->read(p->self, ref, &e)) {
            r->stop = PT_UNREADABLE;
            return;
        }
        r->trail[r->count++].entry = e;
        if ((e & s->present) == 0) {
            r->stop = PT_NOT_PRESENT;
            return;
        }
        bool leaf = level == 1 ||
                    ((e & f->leaf) != 0 && (s->leaf_levels >> level & 1) != 0);
        if (is_reserved(s, level, leaf, e)) {
            r->stop = PT_RESERVED;
            return;
        }
        r->all &= e;
        r->any |= e;
        if (leaf) {
            r->stop = PT_MAPPED;
            r->rights = (uint8_t)pt_rights(s, r->all, r->any);
            r->out = leaf_out(s, level, e, in);
            return;
        }
        table = e & s->address;
        pat = pat_bits(f, e);
    }
}

void pt_mark(const struct pt_space *s, const struct pt_port *p,
             struct pt_result *r, bool dirty, bool leaf)
{
    unsigned used = r->count;
    bool stopped = r->stop != PT_MAPPED && r->stop != PT_UNREADABLE;
    if (used > 0 && (stopped || (r->stop == PT_MAPPED && !leaf)))
        used--;
    for (unsigned k = 0; k < used; k++) {
        bool last = r->stop == PT_MAPPED && k + 1 == r->count;
        uint64_t want = s->f->accessed | (last && dirty ? s->f->dirty : 0);
        uint64_t missing = want & ~r->trail[k].entry;
        if (missing == 0)
            continue;
        if (!p->set(p->self, &r->trail[k].ref, missing))
            continue; /* read-only memory keeps its bits */
        r->trail[k].entry |= missing;
    }
}

unsigned pt_leaf_pat(const struct pt_space *s, unsigned level, uint64_t leaf)
{
    if (s->f->pat_shift == 0)
        return 0;
    unsigned pat = (unsigned)(leaf >> (level == 1 ? 7 : 12)) & 1;
    return pat << 2 | pat_bits(s->f, leaf);
}

unsigned pt_leaf_key(const struct pt_space *s, uint64_t leaf)
{
    return s->f->key_shift == 0 ? 0 : (unsigned)(leaf >> s->f->key_shift) & 15;
}
