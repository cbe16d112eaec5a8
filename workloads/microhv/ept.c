/* SPDX-License-Identifier: Apache-2.0
 * Extended page tables: guest-physical addresses map to themselves in the
 * page size that the options ask for, all but the monitor's own memory. SDM
 * Vol.3 "The Extended Page Table Mechanism (EPT)".
 */
#include "workloads/microhv/hv.h"

static u64 size_of(unsigned level)
{
    return PAGE << 9 * (level - 1);
}

void ept_check(void)
{
    static const char *const name[] = {"", "4-KiB", "2-MiB", "1-GiB"};
    static const u64 need[] = {0, 0, EPT_CAP_2M, EPT_CAP_1G};
    unsigned level = hv.options.ept_level;

    if ((msr_read(MSR_VMX_EPT_VPID_CAP) & need[level]) != need[level])
        hv_panic("the processor has no %s pages of EPT", name[level]);
}

/* The entry of `gpa` at `level`, tables made on the way. */
static u64 *entry_of(u64 root, u64 gpa, unsigned level)
{
    u64 *table = direct(root);

    for (unsigned l = 4; l > level; l--) {
        u64 *e = &table[gpa >> (12 + 9 * (l - 1)) & 511];
        if (!*e)
            *e = page_take() | EPT_RWX;
        table = direct(*e & ~(u64)0xfff);
    }
    return &table[gpa >> (12 + 9 * (level - 1)) & 511];
}

/* [from, to) in pages of the given level, smaller ones at ragged ends. */
static void map(u64 root, u64 from, u64 to, unsigned most, unsigned type)
{
    while (from < to) {
        unsigned level = most;
        while (from & (size_of(level) - 1) || to - from < size_of(level))
            level--;
        u64 size = size_of(level), leaf = level > 1 ? EPT_LEAF : 0;
        u64 *e = entry_of(root, from, level);
        do { /* on to the end of this table */
            *e++ = from | EPT_RWX | EPT_TYPE(type) | leaf;
            from += size;
        } while ((u64)e & (PAGE - 1) && to - from >= size);
    }
}

u64 ept_build(void)
{
    const struct guest_start *s = &hv.start;
    unsigned level = hv.options.ept_level;
    u64 root = page_take();
    u64 cap = msr_read(MSR_VMX_EPT_VPID_CAP);
    /* The end of the guest's RAM in whole pages: what is behind it belongs
     * to nobody up to the monitor. */
    u64 low = align_up(s->ram_low, size_of(level));

    if (low > hv.area)
        low = s->ram_low;
    map(root, 0, low, level, MEMORY_WB);
    map(root, FOUR_GIB, FOUR_GIB + s->ram_high, level, MEMORY_WB);
    /* Behind the monitor: devices, and addresses that nobody answers. */
    map(root, align_up(hv.area_end, 1ull << 21), FOUR_GIB,
        cap & EPT_CAP_1G   ? 3
        : cap & EPT_CAP_2M ? 2
                           : 1,
        MEMORY_UC);
    return root | MEMORY_WB | EPTP_WALK_4;
}
