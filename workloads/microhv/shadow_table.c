/* SPDX-License-Identifier: Apache-2.0
 * The store of shadow tables: found by what they stand for, linked to each
 * other, and which entries let a frame be written.
 */
#include "workloads/microhv/shadow.h"

struct shadow shadow;

/* ---- Links ---- */

static void link_add(u32 *head, u64 *entry)
{
    u32 n = shadow.free_link;

    if (n == NOTHING)
        n = shadow.next_link++;
    else
        shadow.free_link = shadow.link[n].next;
    shadow.used_links++;
    shadow.link[n] = (struct link){entry, *head};
    *head = n;
}

static void link_remove(u32 *head, const u64 *entry)
{
    while (*head != NOTHING) {
        u32 n = *head;
        struct link *l = &shadow.link[n];
        if (l->entry == entry) {
            *head = l->next;
            l->next = shadow.free_link;
            shadow.free_link = n;
            shadow.used_links--;
            return;
        }
        head = &l->next;
    }
    hv_panic("shadow paging: a link is missing");
}

/* ---- Entries ---- */

/* The chain that a writable leaf belongs to; NULL: none, it is no RAM. */
static u32 *writable_chain(u64 entry, unsigned level)
{
    u64 frame = (entry & PTE_ADDR) >> PAGE_BITS;

    if (!(entry & PTE_W) || frame >= shadow.frames)
        return NULL;
    return level == 1 ? &shadow.writable[frame]
                      : &shadow.writable_2m[frame >> 9];
}

static void entry_unlink(u32 t, u64 *entry)
{
    unsigned level = shadow.table[t].level;
    u64 old = *entry;

    if (!(old & PTE_P))
        return;
    if (!is_leaf(old, level)) {
        link_remove(&shadow.table[table_of(old)].parents, entry);
        return;
    }
    u32 *chain = writable_chain(old, level);
    if (chain)
        link_remove(chain, entry);
}

void entry_set(u32 t, u64 *entry, u64 value)
{
    unsigned level = shadow.table[t].level;

    entry_unlink(t, entry);
    *entry = value;
    if (!(value & PTE_P))
        return;
    if (!is_leaf(value, level)) {
        link_add(&shadow.table[table_of(value)].parents, entry);
        return;
    }
    u32 *chain = writable_chain(value, level);
    if (chain)
        link_add(chain, entry);
}

/* ---- Protection ---- */

bool frame_is_protected(u64 gpa)
{
    u64 frame = gpa >> PAGE_BITS;

    return frame < shadow.frames && shadow.protect[frame];
}

bool region_has_tables(u64 gpa)
{
    u64 frame = gpa >> PAGE_BITS;

    return frame < shadow.frames && shadow.tables_in[frame >> 9];
}

/* Nobody may write to the frame any more: small pages become read-only,
 * large ones go, to come back in pieces. */
static void frame_protect(u64 frame)
{
    u32 *chain = &shadow.writable[frame];

    while (*chain != NOTHING) {
        u64 *entry = shadow.link[*chain].entry;
        link_remove(chain, entry);
        *entry &= ~PTE_W;
        shadow.flush = true;
    }
    chain = &shadow.writable_2m[frame >> 9];
    while (*chain != NOTHING) {
        u64 *entry = shadow.link[*chain].entry;
        link_remove(chain, entry);
        *entry = 0;
        shadow.flush = true;
    }
}

void frame_hold(u64 frame)
{
    if (frame < shadow.frames && !shadow.protect[frame]++)
        frame_protect(frame);
}

void frame_release(u64 frame)
{
    if (frame < shadow.frames)
        shadow.protect[frame]--;
}

/* ---- Tables ---- */

static u32 *bucket(u64 gfn)
{
    return &shadow.hash[gfn & (shadow.hash_size - 1)];
}

u32 table_first(u64 gfn)
{
    return *bucket(gfn);
}

static u32 find(u64 gfn, unsigned level, bool is_direct, u64 role)
{
    for (u32 t = table_first(gfn); t != NOTHING; t = shadow.table[t].next) {
        const struct table *d = &shadow.table[t];
        if (d->gfn == gfn && d->level == level && d->direct == is_direct &&
            d->role == role)
            return t;
    }
    return NOTHING;
}

u32 table_get(u64 gfn, unsigned level, bool is_direct, u64 role)
{
    u32 t = find(gfn, level, is_direct, role);

    if (t != NOTHING) {
        if (shadow.table[t].unsync)
            table_sync(t);
        return t;
    }
    t = shadow.free_table;
    if (t == NOTHING)
        t = shadow.next_table++;
    else
        shadow.free_table = shadow.table[t].next;
    shadow.used_tables++;
    struct table *d = &shadow.table[t];
    u32 *head = bucket(gfn);
    *d = (struct table){.gfn = gfn,
                        .next = *head,
                        .parents = NOTHING,
                        .role = (u16)role,
                        .level = (u8)level,
                        .direct = is_direct};
    *head = t;
    memset(table_entries(t), 0, PAGE);
    if (!is_direct) {
        frame_hold(gfn);
        if (gfn < shadow.frames)
            shadow.tables_in[gfn >> 9]++;
    }
    return t;
}

static void unhash(u32 t)
{
    u32 *at = bucket(shadow.table[t].gfn);

    while (*at != t)
        at = &shadow.table[*at].next;
    *at = shadow.table[t].next;
}

void table_drop(u32 t)
{
    struct table *d = &shadow.table[t];
    u64 *entry = table_entries(t);

    for (unsigned i = 0; i < 512; i++)
        if (entry[i])
            entry_set(t, &entry[i], 0);
    while (d->parents != NOTHING) {
        u64 *parent = shadow.link[d->parents].entry;
        link_remove(&d->parents, parent);
        *parent = 0;
    }
    if (!d->direct) {
        if (!d->unsync)
            frame_release(d->gfn);
        if (d->gfn < shadow.frames)
            shadow.tables_in[d->gfn >> 9]--;
    }
    unhash(t);
    d->level = 0;
    d->next = shadow.free_table;
    shadow.free_table = t;
    shadow.used_tables--;
    shadow.flush = true;
}

/* ---- Memory ---- */

static void *take(u64 bytes)
{
    return direct(pages_take(align_up(bytes, PAGE) >> PAGE_BITS));
}

/* Forget everything. */
void tables_reset(void)
{
    memset(shadow.hash, 0, shadow.hash_size * sizeof *shadow.hash);
    memset(shadow.writable, 0, shadow.frames * sizeof *shadow.writable);
    memset(shadow.writable_2m, 0,
           (shadow.frames >> 9) * sizeof *shadow.writable_2m);
    memset(shadow.protect, 0, shadow.frames);
    memset(shadow.tables_in, 0, (shadow.frames >> 9) * sizeof(u16));
    shadow.free_table = shadow.free_link = NOTHING;
    shadow.next_table = shadow.next_link = 1;
    shadow.used_tables = shadow.used_links = 0;
    shadow.unsyncs = 0;
    shadow.flush = true;
}

bool tables_run_out(void)
{
    return shadow.used_tables + RESERVE > shadow.tables ||
           shadow.used_links + RESERVE > shadow.links;
}

/* Frames are counted to the end of RAM, the gap below 4 GiB included. */
void tables_init(void)
{
    const struct guest_start *s = &hv.start;
    u64 end = s->ram_high ? FOUR_GIB + s->ram_high : s->ram_low;
    u64 ram = (s->ram_low + s->ram_high) >> PAGE_BITS;

    shadow.frames = align_up(end, 1ull << 21) >> PAGE_BITS;
    shadow.writable = take(shadow.frames * sizeof(u32));
    shadow.writable_2m = take((shadow.frames >> 9) * sizeof(u32));
    shadow.protect = take(shadow.frames);
    shadow.tables_in = take((shadow.frames >> 9) * sizeof(u16));
    shadow.links = (u32)(ram + ram / 2 + 4096);
    shadow.link = take(shadow.links * sizeof(struct link));
    shadow.hash_size = 4096;
    shadow.hash = take(shadow.hash_size * sizeof(u32));
    u64 left = (hv.area_end - hv.next) >> PAGE_BITS;
    shadow.tables = (u32)(left * PAGE / (PAGE + sizeof(struct table)) - 16);
    shadow.table = take(shadow.tables * sizeof(struct table));
    shadow.pool = pages_take(shadow.tables);
    shadow.free_table = shadow.free_link = NOTHING;
    shadow.next_table = shadow.next_link = 1;
}
