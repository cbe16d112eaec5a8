/* SPDX-License-Identifier: Apache-2.0
 * Which RAM is the guest's and which the monitor's, the monitor's pages, and
 * its linear map of all RAM.
 */
#include "workloads/include/vtsim_guest.h"
#include "workloads/microhv/hv.h"
#include "workloads/runtime/multiboot.h"

/* Room behind the image for parameters and boot information. */
#define LOADERS_BYTES 0x10000ull

extern u64 boot_pdpt[512];

/* ---- The memory map ---- */

struct ram {
    u64 low_end;  /* of the range that holds 1 MiB */
    u64 high_end; /* of the one at 4 GiB, or 0 */
    u64 own_end;  /* of the range that holds the image */
};

static struct ram read_map(u64 info_pa)
{
    const struct multiboot_info *info = direct(info_pa);
    struct ram ram = {0};
    u64 at = info->mmap_addr, end = at + info->mmap_length;

    if (!(info->flags & MULTIBOOT_MMAP))
        hv_panic("the loader gave no memory map");
    while (at < end) {
        const struct multiboot_range *r = direct(at);
        u64 stop = r->addr + r->length;
        if (r->type == 1 && r->addr <= 0x100000 && stop > 0x100000)
            ram.low_end = stop;
        if (r->type == 1 && r->addr == FOUR_GIB)
            ram.high_end = stop;
        if (r->type == 1 && r->addr <= hv.image && stop > hv.image)
            ram.own_end = stop;
        at += r->size + sizeof r->size;
    }
    if (!ram.own_end)
        hv_panic("the memory map does not have the image");
    return ram;
}

/* The loader has put the monitor behind the guest's low RAM, or (move) the
 * monitor takes the end of it. */
void memory_find(u64 info_pa, bool move)
{
    struct ram ram = read_map(info_pa);
    struct guest_start *s = &hv.start;

    hv.area = hv.image;
    hv.area_end = align_down(ram.own_end, PAGE);
    if (move) {
        u64 granule = hv.options.ept_level == 3 ? GIB : 1ull << 21;
        u64 high = ram.high_end ? ram.high_end - FOUR_GIB : 0;
        u64 need =
            VTSIM_MONITOR_FIXED + ((ram.low_end + high) >> VTSIM_MONITOR_SHIFT);
        if (ram.low_end < need + granule)
            hv_panic("no room for the monitor: %lu KiB of RAM",
                     ram.low_end >> 10);
        hv.area_end = align_down(ram.low_end, PAGE);
        hv.area = align_down(ram.low_end - need, granule);
        if (!hv.area)
            hv_panic("no room for 1-GiB pages: %lu KiB of RAM",
                     ram.low_end >> 10);
        s->ram_low = hv.area;
        s->ram_high = high;
    }
    extern char kernel_start[], kernel_end[];
    hv.next = align_up(hv.area + (u64)(kernel_end - kernel_start), PAGE);
    if (!move) /* what the loader has put there */
        hv.next += LOADERS_BYTES;
    if (s->ram_low > hv.area || hv.next > hv.area_end)
        hv_panic("guest RAM up to %lx and the monitor at %lx overlap",
                 s->ram_low, hv.area);
}

bool guest_ram(u64 gpa, u64 n)
{
    const struct guest_start *s = &hv.start;

    if (gpa < s->ram_low)
        return n <= s->ram_low - gpa;
    return gpa >= FOUR_GIB && gpa - FOUR_GIB < s->ram_high &&
           n <= s->ram_high - (gpa - FOUR_GIB);
}

/* ---- Pages ---- */

u64 pages_take(u64 n)
{
    u64 pa = hv.next;

    if (n > (hv.area_end - pa) >> PAGE_BITS)
        hv_panic("out of memory: %lu KiB were not enough",
                 (hv.area_end - hv.area) >> 10);
    hv.next += n << PAGE_BITS;
    if (!hv.start.zeroed)
        memset(direct(pa), 0, n << PAGE_BITS);
    return pa;
}

u64 page_take(void)
{
    return pages_take(1);
}

/* start.S maps 4 GiB; RAM above follows in 2 MiB pages. */
void memory_map_high(void)
{
    u64 end = FOUR_GIB + hv.start.ram_high;

    for (u64 at = FOUR_GIB; at < end; at += GIB) {
        u64 table = page_take(), *pd = direct(table);
        for (u64 i = 0; i < 512; i++)
            pd[i] = (at + (i << 21)) | 0x83;
        boot_pdpt[at >> 30] = table | 3;
    }
}
