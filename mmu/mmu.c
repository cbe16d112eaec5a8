/* SPDX-License-Identifier: Apache-2.0
 * One core's accesses: split accesses, RAM and devices. Pieces of an access
 * lie in one line with timing, in one page without; all are translated
 * before anything moves.
 */
#include "mmu/model.h"

const struct mmu_fault *mmu_fault(const struct mmu *m)
{
    return &m->fault;
}

/* Outside 64-bit code linear addresses wrap at 4 GiB; those of descriptor
 * tables and the TSS only without long mode. */
static uint64_t next_linear(const struct mmu *m, uint64_t lin, uint64_t n,
                            unsigned access)
{
    bool wraps = (m->ctx.efer & EFER_LMA) == 0 ||
                 (m->ctx.wrap32 && (access & MMU_SYSTEM) == 0);
    lin += n;
    return wraps ? lin & bits_mask(32) : lin;
}

static unsigned cut(const struct mmu *m, uint64_t lin, unsigned len,
                    unsigned granule, unsigned access, struct piece p[2])
{
    unsigned room = granule - (unsigned)(lin & (granule - 1));
    p[0].lin = lin;
    p[0].len = len;
    if (LIKELY(len <= room))
        return 1;
    p[0].len = room;
    p[1].lin = next_linear(m, lin, room, access);
    p[1].len = len - room;
    return 2;
}

/* Returns the number of pieces, 0 on a fault. */
static unsigned translate_pieces(struct mmu *m, uint64_t lin, unsigned len,
                                 unsigned access, struct piece p[2])
{
    bool quiet = (access & (MMU_SECOND | MMU_UNTIMED)) != 0;
    unsigned granule = quiet ? (unsigned)PAGE_SIZE : m->granule;
    unsigned count = cut(m, lin, len, granule, access, p);
    for (unsigned k = 0; k < count; k++)
        if (!(quiet ? translate_peek(m, SIDE_D, access, &p[k])
                    : translate_piece(m, SIDE_D, access, &p[k])))
            return 0;
    if (UNLIKELY(count == 2 && !quiet && m->timing)) {
        m->stats->splits++;
        if (!access_writes(access)) /* the second line's load-to-use */
            cycles_charge(m->account, LEAF_L1D, m->config.l1d.latency - 1);
    }
    return count;
}

/* Time of one piece, and its filter entry. */
static void account_piece(struct mmu *m, const struct piece *p, unsigned access)
{
    if ((access & (MMU_SECOND | MMU_UNTIMED)) != 0)
        return;
    if (!m->timing) {
        filter_install_page(m, p, access);
        return;
    }
    __builtin_prefetch(m->shared->ram + p->offset);
    uint32_t slot = hierarchy_data(m, p, access_writes(access));
    filter_install_data(m, p, access, slot);
}

static void read_device(struct mmu *m, const struct piece *p, unsigned access,
                        uint8_t *out)
{
    memset(out, 0xff, p->len);
    if ((access & MMU_UNTIMED) == 0) /* a look must not disturb a device */
        device_read(m, p->pa, p->len, out);
}

ALWAYS_INLINE void move(void *to, const void *from, unsigned len)
{
    switch (len) {
    case 1: memcpy(to, from, 1); break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    default: memcpy(to, from, len); break;
    }
}

bool mmu_read(struct mmu *m, uint64_t lin, unsigned len, unsigned access,
              void *out)
{
    struct piece p[2];
    const uint8_t *host = (access & ~(unsigned)MMU_INTENT) != MMU_READ
                              ? NULL
                              : fast_data(m, lin, len, access != MMU_READ);
    if (LIKELY(host != NULL)) {
        move(out, host, len);
        return true;
    }
    unsigned count = translate_pieces(m, lin, len, access, p);
    uint8_t *to = out;
    if (UNLIKELY(m->apic_page != MMU_NO_PAGE))
        count = apic_join(m, p, count);
    for (unsigned k = 0; k < count; k++) {
        if (piece_at_apic(m, &p[k], access)) {
            if (!apic_read(m, &p[k], access, to))
                return false;
        } else if (UNLIKELY(p[k].offset == MEMORY_NONE)) {
            read_device(m, &p[k], access, to);
        } else {
            account_piece(m, &p[k], access);
            memcpy(to, m->shared->ram + p[k].offset, p[k].len);
        }
        to += p[k].len;
    }
    return count != 0;
}

/* A store to translated code takes the line out of the L1I. The second half
 * of a read-modify-write may cross a line. */
static void write_ram(struct mmu *m, const struct piece *p, const uint8_t *in)
{
    if (UNLIKELY(m->oracle != NULL))
        oracle_store(m, p->pa, p->len, in);
    if (UNLIKELY(m->timing && memory_has_code(m->shared, p->offset))) {
        uint64_t last = p->len - 1;
        if (memory_is_code_line(m->shared, p->offset))
            hierarchy_drop_fetch(m, p->pa);
        if (memory_is_code_line(m->shared, p->offset + last))
            hierarchy_drop_fetch(m, p->pa + last);
    }
    memory_store(m->shared, p->offset, p->len, in);
}

/* The first half of a read-modify-write has mostly left an entry. */
static bool second_half(struct mmu *m, uint64_t lin, unsigned len,
                        const void *in)
{
    uint8_t *host = NULL;
    if (m->timing) {
        const struct dfilter_entry *e = &m->hot->d[dfilter_index(lin)];
        if (e->wtag == (((lin + len - 1) & ~(LINE_SIZE - 1)) | m->hot->ctx))
            host = (uint8_t *)(e->addend + lin);
    } else {
        host = mmu_page_write(m->hot, lin, len);
    }
    if (host == NULL)
        return false;
    memcpy(host, in, len);
    return true;
}

/* What may fault comes before anything is written. */
static bool write_apic(struct mmu *m, const struct piece p[2], unsigned count,
                       unsigned access, const void *in)
{
    const uint8_t *from = in;
    for (unsigned k = 0; k < count; from += p[k++].len)
        if (piece_at_apic(m, &p[k], access) &&
            !apic_write(m, &p[k], access, from))
            return false;
    return true;
}

bool mmu_write(struct mmu *m, uint64_t lin, unsigned len, unsigned access,
               const void *in)
{
    struct piece p[2];
    if ((access & MMU_SECOND) != 0 && second_half(m, lin, len, in))
        return true;
    uint8_t *host = access != MMU_WRITE ? NULL : fast_data(m, lin, len, true);
    if (LIKELY(host != NULL)) {
        move(host, in, len);
        return true;
    }
    unsigned count = translate_pieces(m, lin, len, access, p);
    const uint8_t *from = in;
    if (UNLIKELY(m->apic_page != MMU_NO_PAGE)) {
        count = apic_join(m, p, count);
        if (!write_apic(m, p, count, access, in))
            return false;
    }
    for (unsigned k = 0; k < count; k++) {
        if (piece_at_apic(m, &p[k], access)) {
            /* done */
        } else if (UNLIKELY(p[k].offset == MEMORY_NONE)) {
            if ((access & MMU_UNTIMED) == 0)
                device_write(m, p[k].pa, p[k].len, from);
        } else {
            account_piece(m, &p[k], access);
            write_ram(m, &p[k], from);
        }
        from += p[k].len;
    }
    return count != 0;
}

bool mmu_probe(struct mmu *m, uint64_t lin, unsigned len, unsigned access)
{
    struct piece p[2];
    unsigned count = translate_pieces(m, lin, len, access | MMU_UNTIMED, p);
    if (UNLIKELY(m->apic_page != MMU_NO_PAGE))
        count = apic_join(m, p, count);
    for (unsigned k = 0; k < count; k++)
        if (piece_is_apic(m, p[k].pa) && !apic_touch(m, &p[k], access))
            return false;
    return count != 0;
}

/* May a bulk operation touch this piece directly? */
static bool bulk_allowed(struct mmu *m, const struct piece *p, unsigned access)
{
    if (p->offset == MEMORY_NONE || piece_is_apic(m, p->pa))
        return false;
    if (m->timing && (piece_type(m, p->pa, p->pat) != MEMTYPE_WB ||
                      (m->ctx.cr0 & CR0_CD) != 0))
        return false;
    if (!access_writes(access))
        return true;
    if (m->oracle != NULL && oracle_has_tables(m, p->pa))
        return false;
    return !memory_is_rom(m->shared, p->offset) &&
           !(m->timing ? memory_is_code_line(m->shared, p->offset)
                       : memory_has_code(m->shared, p->offset));
}

/* Accesses to a line that the first one has made resident. */
static void repeat_hits(struct mmu *m, const struct piece *p, uint32_t slot,
                        uint32_t times)
{
    uint64_t now = m->hot->dclock += times;
    m->hot->l1d_stamp[slot] = now;
    if (p->tlb_slot != TLB_NONE)
        m->hot->dtlb_stamp[p->tlb_slot] = now;
}

unsigned mmu_bulk(struct mmu *m, uint64_t lin, unsigned want, unsigned access,
                  uint32_t accesses, uint8_t **host)
{
    struct piece p[2];
    (void)cut(m, lin, want, m->granule, access, p);
    if (m->ctx.watch || !translate_peek(m, SIDE_D, access, &p[0]) ||
        !bulk_allowed(m, &p[0], access) ||
        !translate_piece(m, SIDE_D, access, &p[0]))
        return 0;
    if (m->timing) {
        uint32_t slot = hierarchy_data(m, &p[0], access_writes(access));
        filter_install_data(m, &p[0], access, slot);
        if (accesses > 1)
            repeat_hits(m, &p[0], slot, accesses - 1);
    } else {
        filter_install_page(m, &p[0], access);
    }
    *host = m->shared->ram + p[0].offset;
    return p[0].len;
}

uint64_t mmu_worst_access(const struct mmu *m)
{
    /* Two lines, each with a second-level lookup, a walk, and at worst all
     * copies elsewhere; or, for 64 bytes, bus accesses of 1, 2 and 4 bytes
     * at either end of seven of 8. */
    enum { LINES = 2, BUS_ACCESSES = 14 };
    if (!m->timing)
        return 0;
    uint64_t line = hierarchy_worst(m);
    uint64_t refs = m->ept ? WALK_REFS_MAX_EPT : WALK_REFS_MAX;
    uint64_t each = m->config.stlb_latency + (refs + 1) * line;
    uint64_t device = (uint64_t)BUS_ACCESSES * m->config.mmio_latency;
    return LINES * each + m->config.l1d.latency + device;
}
