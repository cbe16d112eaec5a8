/* SPDX-License-Identifier: Apache-2.0
 * The residency filter: installing entries and taking them back before what
 * they stand for goes away.
 */
#include "mmu/model.h"

void filter_drop_all(struct mmu *m)
{
    struct mmu_hot *h = m->hot;
    for (size_t k = 0; k < PFILTER_ENTRIES; k++)
        h->p[k].rtag = h->p[k].wtag = MMU_TAG_NONE;
    for (size_t k = 0; k < DFILTER_ENTRIES; k++)
        h->d[k].rtag = h->d[k].wtag = MMU_TAG_NONE;
    for (size_t k = 0; k < IFILTER_ENTRIES; k++)
        h->i[k].tag = MMU_TAG_NONE;
}

/* --- functional mode: one entry a page --- */

void filter_install_page(struct mmu *m, const struct piece *p, unsigned access)
{
    if (!m->config.filter || m->ctx.watch || (access & MMU_SYSTEM) != 0 ||
        p->offset == MEMORY_NONE)
        return;
    uint64_t page = p->lin & ~(PAGE_SIZE - 1);
    struct pfilter_entry *e =
        &m->hot->p[(p->lin >> PAGE_SHIFT) & (PFILTER_ENTRIES - 1)];
    uint64_t tag = page | m->hot->ctx;
    e->rtag = tag;
    e->wtag = MMU_TAG_NONE;
    e->addend = (uintptr_t)(m->shared->ram + p->offset) - p->lin;
    if (p->dirty && mmu_allowed(m, p->rights, MMU_WRITE) &&
        !memory_has_code(m->shared, p->offset) &&
        !memory_is_rom(m->shared, p->offset))
        e->wtag = tag;
}

static void write_protect_pages(struct mmu *m, uint64_t offset, uint64_t len)
{
    uintptr_t low = (uintptr_t)m->shared->ram + (offset & ~(PAGE_SIZE - 1));
    uintptr_t high = (uintptr_t)m->shared->ram + offset + len;
    for (size_t k = 0; k < PFILTER_ENTRIES; k++) {
        struct pfilter_entry *e = &m->hot->p[k];
        uintptr_t host = e->addend + (e->rtag & ~(PAGE_SIZE - 1));
        if (e->rtag != MMU_TAG_NONE && host >= low && host < high)
            e->wtag = MMU_TAG_NONE;
    }
}

void filter_write_protect(struct mmu *m, uint64_t offset, uint64_t len)
{
    write_protect_pages(m, offset, len);
}
