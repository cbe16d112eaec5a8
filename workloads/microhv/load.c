/* SPDX-License-Identifier: Apache-2.0
 * The guest from the loader's modules: the first is a multiboot 1 kernel, the
 * others are its modules. It finds memory as any loader of that kind leaves
 * it ("Multiboot Specification version 0.6.96").
 */
#include "workloads/microhv/hv.h"
#include "workloads/runtime/multiboot.h"

#define INFO_AT       0x9000ull /* information structure, map, strings */
#define INFO_END      0xf000ull
#define GDT_AT        0xf000ull
#define LOW_END       0x9fc00ull
#define HIGH          0x100000ull
#define MODULES       16u
#define HAS_ADDRESSES (1u << 16)

struct multiboot_header {
    u32 magic, flags, checksum;
    u32 header_addr, load_addr, load_end, bss_end, entry;
};

struct elf64 {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum;
};

struct elf64_segment {
    u32 type, flags;
    u64 offset, vaddr, paddr, filesz, memsz, align;
};

struct elf32 {
    u8 ident[16];
    u16 type, machine;
    u32 version, entry, phoff, shoff, flags;
    u16 ehsize, phentsize, phnum;
};

struct elf32_segment {
    u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

static struct {
    u64 at, len;
    char string[256];
} module[MODULES];
static u32 modules;

/* ---- Modules ---- */

/* What the loader left may be overwritten soon. */
static void note_modules(u64 info_pa)
{
    const struct multiboot_info *info = direct(info_pa);
    const struct multiboot_module *m = direct(info->mods_addr);

    if (!(info->flags & MULTIBOOT_MODULES) || !info->mods_count)
        hv_panic("no guest: module 0 is missing");
    if (info->mods_count > MODULES)
        hv_panic("%u modules (%u at most)", info->mods_count, MODULES);
    modules = info->mods_count;
    for (u32 i = 0; i < modules; i++) {
        module[i].at = m[i].start;
        module[i].len = m[i].end - m[i].start;
        format(module[i].string, sizeof module[i].string, "%s",
               (const char *)direct(m[i].string));
    }
}

/* To the end of the guest's RAM, where no kernel is linked. */
static void move_modules(void)
{
    u64 to = hv.start.ram_low, highest = 0;

    for (u32 i = 0; i < modules; i++)
        highest = max64(highest, module[i].at + module[i].len);
    for (u32 i = modules; i-- > 0;) {
        if (to < module[i].len + PAGE)
            hv_panic("the modules do not fit into the guest's RAM");
        to = align_down(to - module[i].len, PAGE);
        if (to < highest)
            hv_panic("no room for moving the modules");
        memcpy(direct(to), direct(module[i].at), module[i].len);
        module[i].at = to;
    }
}

/* ---- The kernel ---- */

static void place(u64 to, u64 size, u64 offset, u64 filled)
{
    const u8 *file = direct(module[0].at);

    if (filled > size || offset > module[0].len ||
        filled > module[0].len - offset || to > module[modules - 1].at ||
        size > module[0].at - to)
        hv_panic("the kernel does not fit: %lu bytes at %lx", size, to);
    memcpy(direct(to), file + offset, filled);
    memset(direct(to + filled), 0, size - filled);
}

static u64 place_by_addresses(const struct multiboot_header *h, u64 at)
{
    u64 before = h->header_addr - h->load_addr;
    u64 filled = h->load_end ? h->load_end - h->load_addr
                             : module[0].len - (at - before);
    u64 end = h->bss_end ? h->bss_end : h->load_addr + filled;

    if (before > at || end < h->load_addr)
        hv_panic("the kernel's multiboot header is wrong");
    place(h->load_addr, end - h->load_addr, at - before, filled);
    return h->entry;
}

/* The entry point is virtual: it is the segment's that holds it. */
static u64 physical_entry(u64 entry, u64 vaddr, u64 paddr, u64 size, u64 old)
{
    return entry - vaddr < size ? paddr + (entry - vaddr) : old;
}

static u64 place_elf64(const struct elf64 *e)
{
    u64 entry = e->entry;

    for (u32 i = 0; i < e->phnum; i++) {
        const struct elf64_segment *s =
            (const void *)((const u8 *)e + e->phoff + i * e->phentsize);
        if ((const u8 *)(s + 1) > (const u8 *)e + module[0].len)
            hv_panic("the kernel's program headers are cut off");
        if (s->type != 1)
            continue;
        place(s->paddr, s->memsz, s->offset, s->filesz);
        entry = physical_entry(e->entry, s->vaddr, s->paddr, s->memsz, entry);
    }
    return entry;
}

static u64 place_elf32(const struct elf32 *e)
{
    u64 entry = e->entry;

    for (u32 i = 0; i < e->phnum; i++) {
        const struct elf32_segment *s =
            (const void *)((const u8 *)e + e->phoff + i * e->phentsize);
        if ((const u8 *)(s + 1) > (const u8 *)e + module[0].len)
            hv_panic("the kernel's program headers are cut off");
        if (s->type != 1)
            continue;
        place(s->paddr, s->memsz, s->offset, s->filesz);
        entry = physical_entry(e->entry, s->vaddr, s->paddr, s->memsz, entry);
    }
    return entry;
}

static u64 place_kernel(void)
{
    const u8 *file = direct(module[0].at);
    u64 limit = min64(module[0].len, 8192);

    for (u64 at = 0; at + sizeof(struct multiboot_header) <= limit; at += 4) {
        const struct multiboot_header *h = (const void *)(file + at);
        if (h->magic != 0x1badb002 || h->magic + h->flags + h->checksum)
            continue;
        if (h->flags & HAS_ADDRESSES)
            return place_by_addresses(h, at);
        if (!memcmp(file, "\177ELF\2", 5))
            return place_elf64((const void *)file);
        if (!memcmp(file, "\177ELF\1", 5))
            return place_elf32((const void *)file);
    }
    hv_panic("module 0 is not a multiboot 1 kernel");
}

/* ---- What the kernel is told ---- */

static u64 put(u64 *at, const void *bytes, u64 n)
{
    u64 here = align_up(*at, 8);

    if (here + n > INFO_END)
        hv_panic("no room for the boot information");
    memcpy(direct(here), bytes, n);
    *at = here + n;
    return here;
}

static u32 put_map(u64 *at, u32 *length)
{
    const struct guest_start *s = &hv.start;
    const struct multiboot_range map[] = {
        {20, 0, LOW_END, 1},
        {20, LOW_END, HIGH - LOW_END, 2},
        {20, HIGH, s->ram_low - HIGH, 1},
        {20, 0xfec00000, 0x01400000, 2},
        {20, FOUR_GIB, s->ram_high, 1},
    };

    *length = s->ram_high ? sizeof map : sizeof map - sizeof map[0];
    return (u32)put(at, map, *length);
}

static void put_info(void)
{
    struct multiboot_info info = {0};
    struct multiboot_module list[MODULES];
    u64 at = INFO_AT + 128;

    for (u32 i = 1; i < modules; i++)
        list[i - 1] = (struct multiboot_module){
            (u32)module[i].at, (u32)(module[i].at + module[i].len),
            (u32)put(&at, module[i].string, strlen(module[i].string) + 1), 0};
    info.flags = 1 | MULTIBOOT_CMDLINE | MULTIBOOT_MMAP |
                 (modules > 1 ? MULTIBOOT_MODULES : 0);
    info.mem_lower = LOW_END >> 10;
    info.mem_upper = (u32)((hv.start.ram_low - HIGH) >> 10);
    info.cmdline =
        (u32)put(&at, module[0].string, strlen(module[0].string) + 1);
    info.mods_count = modules - 1;
    info.mods_addr = (u32)put(&at, list, (modules - 1) * sizeof list[0]);
    info.mmap_addr = put_map(&at, &info.mmap_length);
    memset(direct(INFO_AT), 0, 128);
    memcpy(direct(INFO_AT), &info, sizeof info);
}

void load_guest(u64 info_pa)
{
    static const u64 flat[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
    struct guest_start *s = &hv.start;

    note_modules(info_pa);
    move_modules();
    s->rip = place_kernel();
    put_info();
    memcpy(direct(GDT_AT), flat, sizeof flat);
    s->gdt_base = GDT_AT;
    s->gdt_limit = sizeof flat - 1;
    s->cs = 0x08;
    s->ds = 0x10;
    s->gpr[RAX] = MULTIBOOT_LOADED;
    s->gpr[RBX] = INFO_AT;
}
