/* SPDX-License-Identifier: Apache-2.0
 * Local APIC: IA32_APIC_BASE (enabling, x2APIC mode, the place in memory),
 * INIT, and accesses to the page of registers. SDM Vol.3 "Local APIC Status
 * and Location", "x2APIC State Transitions".
 *
 * sim/machine routes accesses to the default page to the core that makes
 * them. A core that moves its APIC claims the new page for itself; accesses
 * of other cores to it find nothing there.
 */
#include "cpu/block.h"
#include "cpu/lapic_inside.h"
#include "cpu/xlat.h"

#define BASE_ADDRESS (~UINT64_C(0xfff))

static uint64_t page_of(const struct cpu *c)
{
    return c->msr.apic_base & BASE_ADDRESS;
}

/* ---------------------------------------------------------- the page */

/* Registers are reached in xAPIC mode at the present base alone. */
static bool is_here(const struct cpu *c, uint64_t page)
{
    return apic_enabled(c) && !apic_is_x2apic(c) && page_of(c) == page;
}

/* SDM Vol.3 "The Local APIC Block Diagram": registers are 32 bits wide on
 * 16-byte boundaries, and other accesses are undefined. Here parts of a
 * register can be read, and writes of them are dropped. */
static void read_register(struct lapic *a, uint64_t offset, unsigned len,
                          uint64_t *out)
{
    if (regfile_read(&a->file, offset, len, out))
        return;
    apic_note_error(a, ESR_ILLEGAL_REGISTER);
    *out = 0;
}

static void write_register(struct lapic *a, uint64_t offset, unsigned len,
                           uint64_t in)
{
    if (regfile_find(&a->file, offset, len) < 0)
        apic_note_error(a, ESR_ILLEGAL_REGISTER);
    else if (len == 4 && (offset & 0xf) == 0)
        (void)regfile_write(&a->file, offset, 4, in);
}

static bool mmio_read(void *self, uint64_t offset, unsigned len, uint64_t *out)
{
    struct cpu *c = self;
    if (!is_here(c, APIC_BASE_DEFAULT))
        return false;
    read_register(c->lapic, offset, len, out);
    return true;
}

static bool mmio_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    struct cpu *c = self;
    if (!is_here(c, APIC_BASE_DEFAULT))
        return false;
    write_register(c->lapic, offset, len, in);
    return true;
}

struct mmio_port cpu_apic_port(struct cpu *c)
{
    return (struct mmio_port){c, mmio_read, mmio_write};
}

/* The access is this core's own: no other runs meanwhile. */
static bool is_mine(const struct lapic_page *p)
{
    return p->c->code->running && is_here(p->c, p->base);
}

static bool moved_read(void *self, uint64_t offset, unsigned len, uint64_t *out)
{
    struct lapic_page *p = self;
    if (!is_mine(p))
        return false;
    read_register(p->c->lapic, offset, len, out);
    return true;
}

static bool moved_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    struct lapic_page *p = self;
    if (!is_mine(p))
        return false;
    write_register(p->c->lapic, offset, len, in);
    return true;
}

/* Make accesses to `base` come here. False: refused aloud. */
static bool claim_page(struct lapic *a, uint64_t base)
{
    if (base == APIC_BASE_DEFAULT)
        return true;
    for (unsigned i = 0; i < a->pages; i++)
        if (a->page[i].base == base)
            return true;
    if (a->pages < LAPIC_PAGES) {
        struct lapic_page *p = &a->page[a->pages];
        *p = (struct lapic_page){a->c, base};
        const struct mmio_port port = {p, moved_read, moved_write};
        struct sim_error e = {0};
        if (memsys_add_mmio(a->c->wiring.memory, (hpa){base}, PAGE_SIZE, port,
                            &e) == SIM_OK) {
            a->pages++;
            return true;
        }
    }
    (void)raise_unmodelled(a->c, "a local APIC over RAM, a device or another "
                                 "core's, or a fifth place for it");
    return false;
}

/* ----------------------------------------------------------- enabling */

static void enter_x2apic(struct lapic *a)
{
    uint64_t id = a->c->wiring.index;
    a->value[REG_LDR] = (id >> 4) << 16 | BIT(id & 0xf);
    a->value[REG_ICR_HIGH] = 0;
}

/* An INIT leaves a local APIC in x2APIC mode. */
void lapic_init(struct cpu *c)
{
    struct lapic *a = c->lapic;
    uint64_t id = a->value[REG_ID];
    apic_registers_reset(a);
    a->value[REG_ID] = id;
    if (apic_is_x2apic(c))
        enter_x2apic(a);
}

/* What the bits EN and EXTD went from and to. */
static bool is_transition(uint64_t from, uint64_t to)
{
    uint64_t x2apic = APIC_BASE_ENABLE | APIC_BASE_EXTD;
    return to != APIC_BASE_EXTD &&
           !(from == x2apic && to == APIC_BASE_ENABLE) &&
           !(from == 0 && to == x2apic);
}

/* Disabling loses the registers' contents, the id that was written too. */
static void changed(struct lapic *a, uint64_t from, uint64_t to)
{
    if ((from & APIC_BASE_ENABLE) == 0 || (to & APIC_BASE_ENABLE) == 0)
        apic_registers_reset(a);
    else if ((to & ~from & APIC_BASE_EXTD) != 0)
        enter_x2apic(a);
    event_notify(a->c);
}

bool lapic_write_base(struct cpu *c, uint64_t in)
{
    uint64_t old = c->msr.apic_base;
    uint64_t modes = APIC_BASE_ENABLE | APIC_BASE_EXTD;
    uint64_t allowed = APIC_BASE_BSP | APIC_BASE_ENABLE;
    if (cpu_has(c, FEATURE_X2APIC))
        allowed |= APIC_BASE_EXTD;
    allowed |= bits_mask(c->mmu_config.maxphyaddr) & BASE_ADDRESS;
    if ((in & ~allowed) != 0 || !is_transition(old & modes, in & modes))
        return false;
    if ((in & APIC_BASE_ENABLE) != 0 &&
        !claim_page(c->lapic, in & BASE_ADDRESS))
        return false;
    c->msr.apic_base = (in & ~(uint64_t)APIC_BASE_BSP) | (old & APIC_BASE_BSP);
    changed(c->lapic, old & modes, in & modes);
    return true;
}
