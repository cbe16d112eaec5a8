/* SPDX-License-Identifier: Apache-2.0
 * Accesses to the APIC page of VMX non-root operation: the core decides what
 * they do. Source: SDM Vol.3 "Virtualizing Memory-Mapped APIC Accesses".
 */
#include "mmu/model.h"

static unsigned offset_of(const struct piece *p)
{
    return (unsigned)(p->pa & (PAGE_SIZE - 1));
}

static bool taken(struct mmu *m, const struct piece *p)
{
    m->fault = (struct mmu_fault){.address = p->lin, .kind = MMU_FAULT_TAKEN};
    return false;
}

unsigned apic_join(const struct mmu *m, struct piece p[2], unsigned count)
{
    if (count == 2 && piece_is_apic(m, p[0].pa) && piece_is_apic(m, p[1].pa) &&
        p[1].pa == p[0].pa + p[0].len) {
        p[0].len += p[1].len; /* pieces are lines with timing on */
        return 1;
    }
    return count;
}

bool apic_read(struct mmu *m, const struct piece *p, unsigned access, void *out)
{
    return m->guest.apic_read(m->guest.self, offset_of(p), p->len, access,
                              p->lin, out) ||
           taken(m, p);
}

bool apic_write(struct mmu *m, const struct piece *p, unsigned access,
                const void *in)
{
    return m->guest.apic_write(m->guest.self, offset_of(p), p->len, access,
                               p->lin, in) ||
           taken(m, p);
}

bool apic_touch(struct mmu *m, const struct piece *p, unsigned access)
{
    return m->guest.apic_touch(m->guest.self, offset_of(p), access, p->lin) ||
           taken(m, p);
}
