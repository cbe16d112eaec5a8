/* SPDX-License-Identifier: Apache-2.0
 * A monitor behind the guest's RAM.
 */
#include "sim/machine/load_under.h"

#include "sim/base/bits.h"
#include "sim/machine/multiboot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the monitor may use: as in workloads/include/vtsim_guest.h. */
enum { MONITOR_FIXED = 16 << 20, MONITOR_SHIFT = 5 };

#define HOLE  (UINT64_C(3) << 30)
#define ABOVE (UINT64_C(4) << 30)

static uint64_t round_up(uint64_t x, uint64_t to)
{
    return (x + to - 1) / to * to;
}

struct under_layout under_layout(uint64_t guest_ram, uint64_t granule)
{
    uint64_t own = round_up(MONITOR_FIXED + (guest_ram >> MONITOR_SHIFT),
                            UINT64_C(2) << 20);
    uint64_t span = own > granule ? round_up(own, granule) : granule;
    struct under_layout u = {.guest_low = guest_ram};
    if (round_up(guest_ram, granule) + own <= HOLE) {
        u.at = round_up(guest_ram, granule);
        u.total = u.at + own;
    } else {
        u.guest_low = HOLE - span;
        u.guest_high = guest_ram - u.guest_low;
        u.at = u.guest_low;
        u.total = HOLE + u.guest_high;
    }
    return u;
}

void under_plan_init(struct plan *p, const char *name,
                     const struct under_layout *u)
{
    plan_init(p, name, u->total);
    p->ram[0].size = u->guest_low;
    p->ram[1].size = u->guest_high;
}

/* --- The description of the guest ----------------------------------------- */

enum { PARAMS_MAX = 1024 };

struct text {
    char data[PARAMS_MAX];
    size_t used;
};

static void put(struct text *t, const char *key, const char *value)
{
    int n =
        snprintf(t->data + t->used, PARAMS_MAX - t->used, "%s=%s", key, value);
    SIM_ASSERT(n > 0 && (size_t)n < PARAMS_MAX - t->used);
    t->used += (size_t)n + 1;
}

static void put_number(struct text *t, const char *key, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, value);
    put(t, key, digits);
}

static void describe(struct text *t, const struct cpu_entry *c,
                     const struct under_layout *u)
{
    const struct {
        const char *key;
        uint64_t value;
    } number[] = {
        {"rip", c->rip},
        {"rsp", c->rsp},
        {"rax", c->rax},
        {"rbx", c->rbx},
        {"rcx", c->rcx},
        {"rdx", c->rdx},
        {"rsi", c->rsi},
        {"rdi", c->rdi},
        {"cr3", c->cr3},
        {"gdt_base", c->gdt_base},
        {"gdt_limit", c->gdt_limit},
        {"cs", c->cs},
        {"ds", c->ds},
        {"ram_low", u->guest_low},
        {"ram_high", u->guest_high},
        {"zeroed", 1},
    };
    put(t, "mode", c->mode == ENTRY_LONG64 ? "long64" : "protected32");
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
        put_number(t, number[i].key, number[i].value);
}

/* --- The monitor's image -------------------------------------------------- */

/* One span with the address fields, which say where it was linked; it runs
 * where it is put. Returns the distance. */
static enum sim_status plan_image(const struct load_file *f, uint64_t at,
                                  struct plan *p, uint64_t *entry,
                                  struct sim_error *e)
{
    struct multiboot_header h;
    enum sim_status s = multiboot_read(f, &h, e);
    if (s != SIM_OK)
        return s;
    uint64_t before = (uint64_t)h.header_addr - h.load_addr;
    uint64_t filled = (uint64_t)h.load_end - h.load_addr;
    uint64_t size = (uint64_t)h.bss_end - h.load_addr, place;
    if (!h.has_address || h.header_addr < h.load_addr || before > h.at ||
        h.load_end < h.load_addr || h.bss_end < h.load_end ||
        filled > f->len - (h.at - before) || h.entry < h.load_addr ||
        h.entry - h.load_addr >= filled)
        return sim_fail(e, SIM_BAD_INPUT, "%s: not a monitor's image", f->path);
    if (!plan_alloc(p, size, PAGE_SIZE, at, p->ram[0].size, &place) ||
        place != at)
        return sim_fail(e, SIM_BAD_INPUT,
                        "%s: no room for %" PRIu64 " bytes at 0x%" PRIx64,
                        f->path, size, at);
    plan_fill(p, at, f->data + (h.at - before), filled);
    *entry = at + (h.entry - h.load_addr);
    return SIM_OK;
}

static enum sim_status no_room(const struct load_file *f, struct sim_error *e)
{
    return sim_fail(e, SIM_NO_RESOURCE, "%s: out of memory", f->path);
}

enum sim_status under_plan(const struct load_file *monitor, const char *options,
                           const struct under_layout *u, struct plan *p,
                           struct load_result *out, struct sim_error *e)
{
    struct boot_module module = {.string = "guest.params"};
    struct boot_info b = {options, &module, 1, u->at, NULL};
    struct cpu_entry *entry = &out->entry;
    uint64_t info = 0, start = 0;
    /* Nothing is placed in the guest's RAM any more. */
    p->ram[0].size = u->guest_high != 0 ? HOLE : u->total;
    enum sim_status s = plan_image(monitor, u->at, p, &start, e);
    if (s != SIM_OK)
        return s;
    struct text *t = plan_own(p, sizeof *t);
    if (t == NULL)
        return no_room(monitor, e);
    describe(t, entry, u);
    module.len = t->used;
    if (!plan_alloc(p, t->used, PAGE_SIZE, u->at, p->ram[0].size, &module.at))
        return no_room(monitor, e);
    plan_fill(p, module.at, t->data, t->used);
    s = boot_info_plan(1, &b, p, &info, e);
    if (s != SIM_OK)
        return s;
    /* The flat segments of the guest's table are the monitor's first ones. */
    *entry = (struct cpu_entry){
        .mode = ENTRY_PROTECTED32,
        .rip = start,
        .rax = MULTIBOOT_BOOT_MAGIC,
        .rbx = info,
        .gdt_base = entry->gdt_base,
        .gdt_limit = entry->gdt_limit,
        .cs = 0x08,
        .ds = 0x10,
    };
    return SIM_OK;
}
