/* SPDX-License-Identifier: Apache-2.0
 * Shadow tables whose guest tables may be written: comparing them when the
 * guest invalidates. SDM Vol.3 "Invalidation of TLBs and Paging-Structure
 * Caches" says until when old entries may be used.
 */
#include "workloads/microhv/shadow.h"

/* ---- One entry ---- */

static bool same_leaf(u64 entry, u64 guest, unsigned level)
{
    u64 bits = PTE_U | PTE_NX | PTE_PWT | PTE_PCD | PTE_G;
    u64 size = PAGE << 9 * (level - 1);

    if ((entry ^ guest) & bits)
        return false;
    if ((entry ^ guest) & PTE_ADDR & ~(size - 1))
        return false;
    if ((level == 1 ? PTE_PAT : PTE_PAT_2M) & (entry ^ guest))
        return false;
    return !(entry & PTE_W) || (guest & PTE_W && guest & PTE_D);
}

/* A table below: that of the guest's entry, or memory in pieces. */
static bool same_table(u64 entry, u64 guest, unsigned level)
{
    const struct table *child = &shadow.table[table_of(entry)];
    u64 frame = (guest & PTE_ADDR) >> PAGE_BITS;

    if (!child->direct)
        return !(level < 4 && guest & PTE_PS) && child->gfn == frame &&
               !((entry ^ guest) & PTE_RIGHTS);
    if (level == 4 || !(guest & PTE_PS))
        return false;
    u64 pieces = 1ull << 9 * (level - 1);
    u64 role = (guest & (PTE_PWT | PTE_PCD | PTE_G)) |
               (guest & PTE_PAT_2M ? PTE_PAT : 0);
    return child->gfn == (frame & ~(pieces - 1)) && child->role == role &&
           !((entry ^ guest) & (PTE_U | PTE_NX)) &&
           (!(entry & PTE_W) || (guest & PTE_W && guest & PTE_D));
}

void entry_sync(u32 t, unsigned index)
{
    const struct table *d = &shadow.table[t];
    u64 *entry = &table_entries(t)[index];

    if (!(*entry & PTE_P) || d->direct)
        return;
    u64 guest = ((volatile u64 *)direct(d->gfn << PAGE_BITS))[index];
    bool same = guest & PTE_P && guest & PTE_A;
    if (same && is_leaf(*entry, d->level))
        same = (d->level == 1 || guest & PTE_PS) &&
               same_leaf(*entry, guest, d->level);
    else if (same)
        same = same_table(*entry, guest, d->level);
    if (!same)
        entry_set(t, entry, 0);
}

/* ---- Tables ---- */

static void compare(u32 t)
{
    const u64 *entry = table_entries(t);

    for (unsigned i = 0; i < 512; i++)
        if (entry[i])
            entry_sync(t, i);
}

static void forget_unsync(u32 t)
{
    for (u32 i = 0; i < shadow.unsyncs; i++)
        if (shadow.unsync[i] == t) {
            shadow.unsync[i] = shadow.unsync[--shadow.unsyncs];
            return;
        }
}

/* Compared and protected again; one that is linked nowhere stands for a
 * table of old, and goes. */
void table_sync(u32 t)
{
    struct table *d = &shadow.table[t];

    forget_unsync(t);
    compare(t);
    d->unsync = false;
    frame_hold(d->gfn);
}

void sync_all(bool upper_only)
{
    for (u32 i = shadow.unsyncs; i-- > 0;) {
        u32 t = shadow.unsync[i];
        struct table *d = &shadow.table[t];
        if (upper_only && d->level == 1)
            continue;
        if (d->parents == NOTHING && t != shadow.root) {
            forget_unsync(t);
            table_drop(t);
        } else {
            table_sync(t);
        }
    }
}

void frame_unsync(u64 gfn)
{
    for (u32 t = table_first(gfn), next; t != NOTHING; t = next) {
        struct table *d = &shadow.table[t];
        next = d->next;
        if (d->gfn != gfn || d->direct || d->unsync)
            continue;
        if (shadow.unsyncs == ARRAY(shadow.unsync))
            sync_all(false);
        shadow.unsync[shadow.unsyncs++] = t;
        d->unsync = true;
        frame_release(gfn);
    }
}
