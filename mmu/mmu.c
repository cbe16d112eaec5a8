/* SPDX-License-Identifier: Apache-2.0
 * One core's accesses: translation with its checks, split accesses, RAM and
 * devices. Source: SDM Vol.3 "Access Rights", "Page-Fault Exceptions".
 */
#include "mmu/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum sim_status mmu_create(const struct mmu_config *c, struct memsys *shared,
                           struct mmu_hot *hot, struct cycle_account *account,
                           struct mmu **out, struct sim_error *e)
{
    if (shared->cores == MEMORY_CORES_MAX)
        return sim_fail(e, SIM_USAGE, "cores: more than %d", MEMORY_CORES_MAX);
    if (c->maxphyaddr < 32 || c->maxphyaddr > 52)
        return sim_fail(e, SIM_USAGE,
                        "maxphyaddr: %" PRIu32 " bits (32 to 52)",
                        c->maxphyaddr);
    struct mmu *m = calloc(1, sizeof *m);
    if (m == NULL)
        return sim_fail(e, SIM_NO_RESOURCE, "mmu: %s", strerror(errno));
    m->config = *c;
    m->shared = shared;
    m->hot = hot;
    m->account = account;
    m->timing = shared->config.timing;
    shared->core[shared->cores++] = m;
    mmu_reset(m);
    *out = m;
    return SIM_OK;
}

void mmu_destroy(struct mmu *m)
{
    if (m == NULL)
        return;
    struct memsys *s = m->shared;
    for (unsigned k = 0; k < s->cores; k++)
        if (s->core[k] == m)
            s->core[k] = s->core[--s->cores];
    free(m);
}

void mmu_reset(struct mmu *m)
{
    memset(m->hot, 0, sizeof *m->hot);
    memset(&m->ctx, 0, sizeof m->ctx);
    memset(&m->mtrr, 0, sizeof m->mtrr);
    memset(&m->fault, 0, sizeof m->fault);
    m->ctx.cr3 = UINT64_MAX; /* so that the first context differs */
    struct mmu_context reset = {.pat = UINT64_C(0x0007040600070406)};
    mmu_set_context(m, &reset);
    mmu_set_mtrr(m, &m->mtrr);
}

const struct mmu_fault *mmu_fault(const struct mmu *m)
{
    return &m->fault;
}

static bool is_user(const struct mmu *m, unsigned access)
{
    return m->ctx.cpl == 3 && (access & MMU_SYSTEM) == 0;
}

bool mmu_allowed(const struct mmu *m, unsigned rights, unsigned access)
{
    bool write = access_writes(access);
    if ((access & MMU_KIND) == MMU_FETCH) {
        if ((rights & PT_X) == 0)
            return false;
        return is_user(m, access) ? (rights & PT_U) != 0
                                  : !m->smep || (rights & PT_U) == 0;
    }
    if (is_user(m, access))
        return (rights & PT_U) != 0 && (!write || (rights & PT_W) != 0);
    /* EFLAGS.AC opens user pages to explicit accesses only. */
    bool open = m->ctx.ac && (access & MMU_SYSTEM) == 0;
    if (m->smap && (rights & PT_U) != 0 && !open)
        return false;
    return !write || !m->wp || (rights & PT_W) != 0;
}

bool mmu_page_fault(struct mmu *m, uint64_t lin, unsigned access,
                    enum pt_stop stop)
{
    uint32_t code = 0;
    if (stop != PT_NOT_PRESENT)
        code |= PF_P;
    if (stop == PT_RESERVED)
        code |= PF_RSVD;
    if (access_writes(access))
        code |= PF_W;
    if (is_user(m, access))
        code |= PF_U;
    if ((access & MMU_KIND) == MMU_FETCH && (m->nx || m->smep))
        code |= PF_I;
    m->fault = (struct mmu_fault){.address = lin, .error_code = code};
    return false;
}

/* Where the walk of `lin` starts. False: a PDPTE register is not present. */
bool mmu_walk_start(const struct mmu *m, uint64_t lin, struct pt_start *from)
{
    *from = pt_top(&m->space);
    if (!m->pae)
        return true;
    uint64_t pdpte = m->ctx.pdpte[bits_get(lin, 31, 30)];
    from->table = pdpte & m->space.address;
    from->pat = (uint8_t)bits_get(pdpte, 4, 3);
    return (pdpte & 1) != 0;
}

/* A reference that nobody answers reads all ones and drops writes; so do
 * device regions, whose registers a walk must not disturb. */
bool mmu_table_read(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct mmu *m = self;
    uint64_t offset = memory_offset(m->shared, ref->at);
    *entry = ref->bytes == 4 ? UINT32_MAX : UINT64_MAX;
    if (offset != MEMORY_NONE) {
        *entry = 0;
        memcpy(entry, m->shared->ram + offset, ref->bytes);
    }
    return true;
}

bool mmu_table_set(void *self, const struct pt_ref *ref, uint64_t bits)
{
    struct mmu *m = self;
    uint64_t offset = memory_offset(m->shared, ref->at);
    if (offset == MEMORY_NONE || memory_is_rom(m->shared, offset))
        return false;
    uint64_t entry = 0;
    memcpy(&entry, m->shared->ram + offset, ref->bytes);
    entry |= bits;
    memory_store(m->shared, offset, ref->bytes, &entry);
    return true;
}

bool mmu_walk_untimed(struct mmu *m, uint64_t lin, unsigned access,
                      struct piece *out)
{
    struct pt_port port = {m, mmu_table_read, mmu_table_set};
    struct pt_start from;
    struct pt_result r;
    if (!mmu_walk_start(m, lin, &from))
        return mmu_page_fault(m, lin, access, PT_NOT_PRESENT);
    pt_walk(&m->space, &port, &from, lin, &r);
    bool good = r.stop == PT_MAPPED && mmu_allowed(m, r.rights, access);
    pt_mark(&m->space, &port, &r, access_writes(access), good);
    if (!good)
        return mmu_page_fault(m, lin, access, r.stop);
    uint64_t leaf = r.trail[r.count - 1].entry;
    out->pa = r.out;
    out->rights = r.rights;
    out->dirty = (leaf & m->space.f->dirty) != 0;
    return true;
}

static bool translate(struct mmu *m, unsigned access, struct piece *p)
{
    if (!m->paging) {
        p->pa = p->lin & bits_mask(32);
        p->rights = PT_R | PT_W | PT_X;
        p->dirty = true;
    } else if (!mmu_walk_untimed(m, p->lin, access, p)) {
        return false;
    }
    p->offset = memory_offset(m->shared, p->pa);
    if (p->offset != MEMORY_NONE)
        memory_touch(m->shared, p->offset);
    return true;
}

/* Cut an access into the parts that lie in one page and translate them all,
 * so that nothing happens if one faults. Returns their number, 0 on a
 * fault. Without long mode linear addresses wrap at 4 GiB. */
static unsigned translate_pieces(struct mmu *m, uint64_t lin, unsigned len,
                                 unsigned access, struct piece p[2])
{
    unsigned room = (unsigned)(PAGE_SIZE - (lin & (PAGE_SIZE - 1)));
    unsigned count = len > room ? 2 : 1;
    p[0] = (struct piece){.lin = lin, .len = len > room ? room : len};
    if (count == 2) {
        uint64_t next = lin + room;
        if ((m->ctx.efer & EFER_LMA) == 0)
            next &= bits_mask(32);
        p[1] = (struct piece){.lin = next, .len = len - room};
    }
    for (unsigned k = 0; k < count; k++)
        if (!translate(m, access, &p[k]))
            return 0;
    return count;
}

bool mmu_read(struct mmu *m, uint64_t lin, unsigned len, unsigned access,
              void *out)
{
    struct piece p[2];
    unsigned count = translate_pieces(m, lin, len, access, p);
    uint8_t *to = out;
    for (unsigned k = 0; k < count; k++) {
        if (p[k].offset == MEMORY_NONE) {
            device_read(m, p[k].pa, p[k].len, to);
        } else {
            memcpy(to, m->shared->ram + p[k].offset, p[k].len);
            filter_install_page(m, &p[k], access);
        }
        to += p[k].len;
    }
    return count != 0;
}

bool mmu_write(struct mmu *m, uint64_t lin, unsigned len, unsigned access,
               const void *in)
{
    struct piece p[2];
    unsigned count = translate_pieces(m, lin, len, access, p);
    const uint8_t *from = in;
    for (unsigned k = 0; k < count; k++) {
        if (p[k].offset == MEMORY_NONE) {
            device_write(m, p[k].pa, p[k].len, from);
        } else {
            memory_store(m->shared, p[k].offset, p[k].len, from);
            filter_install_page(m, &p[k], access);
        }
        from += p[k].len;
    }
    return count != 0;
}

bool mmu_probe(struct mmu *m, uint64_t lin, unsigned len, unsigned access)
{
    struct piece p[2];
    return translate_pieces(m, lin, len, access | MMU_UNTIMED, p) != 0;
}

unsigned mmu_bulk(struct mmu *m, uint64_t lin, unsigned want, unsigned access,
                  uint32_t accesses, uint8_t **host)
{
    (void)accesses;
    unsigned room = (unsigned)(PAGE_SIZE - (lin & (PAGE_SIZE - 1)));
    struct piece p = {.lin = lin, .len = want < room ? want : room};
    if (m->ctx.watch || !translate(m, access, &p) ||
        p.offset == MEMORY_NONE)
        return 0;
    if (access_writes(access) && (memory_has_code(m->shared, p.offset) ||
                                  memory_is_rom(m->shared, p.offset)))
        return 0;
    *host = m->shared->ram + p.offset;
    return p.len;
}

bool mmu_load_pdptes(struct mmu *m, uint64_t cr3, uint64_t out[4])
{
    /* SDM Vol.3 "PDPTE Registers": bits 2:1, 8:5 and those from MAXPHYADDR
     * up are reserved in a present one. */
    uint64_t reserved =
        bits_get(UINT64_MAX, 1, 0) << 1 | bits_get(UINT64_MAX, 3, 0) << 5 |
        ~bits_mask(m->config.maxphyaddr);
    uint64_t pdpte[4];
    for (unsigned k = 0; k < 4; k++) {
        struct pt_ref ref = {.at = (cr3 & 0xffffffe0) + k * 8,
                             .level = 3,
                             .bytes = 8};
        (void)mmu_table_read(m, &ref, &pdpte[k]);
        if ((pdpte[k] & 1) != 0 && (pdpte[k] & reserved) != 0)
            return false;
    }
    memcpy(out, pdpte, sizeof pdpte);
    return true;
}

uint64_t mmu_worst_access(const struct mmu *m)
{
    return m->timing ? UINT32_MAX : 0;
}
