/* SPDX-License-Identifier: Apache-2.0
 * What decides how a linear address translates, digested into the form that
 * the access paths use. Source: SDM Vol.3 "Paging Modes and Control Bits".
 */
#include "mmu/model.h"

/* The PCD and PWT bits of CR3 choose the type of the top table, except that
 * with CR4.PCIDE they are part of the PCID and PAT entry 0 is used. */
static uint8_t root_pat(const struct mmu_context *c)
{
    return (c->cr4 & CR4_PCIDE) != 0 ? 0 : (uint8_t)bits_get(c->cr3, 4, 3);
}

static void choose_format(struct mmu *m)
{
    const struct mmu_context *c = &m->ctx;
    struct pt_controls k = {.maxphyaddr = m->config.maxphyaddr,
                            .nx = m->nx,
                            .pse = (c->cr4 & CR4_PSE) != 0,
                            .pages_1g = !m->config.no_1g_pages};
    const struct pt_format *f = &pt_format_ia32e4;
    uint64_t root = c->cr3 & bits_mask(52) & ~bits_mask(12);
    m->pae = false;
    if ((c->cr4 & CR4_PAE) == 0) {
        f = &pt_format_32bit;
        root &= bits_mask(32);
    } else if ((c->efer & EFER_LMA) == 0) {
        f = &pt_format_pae;
        m->pae = true;
    } else if ((c->cr4 & CR4_LA57) != 0) {
        f = &pt_format_ia32e5;
    }
    pt_space_init(&m->space, f, root, &k);
    m->space.root_pat = root_pat(c);
}

void ept_space_init(const struct mmu *m, uint64_t eptp, bool mode_execute,
                    struct pt_space *s)
{
    struct pt_controls k = {.maxphyaddr = m->config.maxphyaddr,
                            .pages_1g = m->config.ept_1g,
                            .no_pages_2m = !m->config.ept_2m,
                            .execute_only = m->config.ept_execute_only,
                            .mode_execute = mode_execute};
    /* Bits 5:3: the levels of a walk, less one. */
    const struct pt_format *f =
        bits_get(eptp, 5, 3) == 4 ? &pt_format_ept5 : &pt_format_ept4;
    pt_space_init(s, f, space_root(eptp) & ~UINT64_C(1), &k);
}

static void choose_ept(struct mmu *m)
{
    m->ept = m->ctx.eptp != 0;
    m->ept_flags = (m->ctx.eptp & BIT(6)) != 0;
    if (m->ept)
        ept_space_init(m, m->ctx.eptp, m->ctx.mode_execute, &m->ept_space);
}

static unsigned number(struct mmu *m, const struct space_name *n)
{
    unsigned k = space_number(&m->spaces, n);
    SIM_ASSERT(k != 0);
    return k;
}

/* Numbers run out: all translations go, which is allowed at any time. */
static void forget_spaces(struct mmu *m)
{
    flush_everything(m);
    page_records_free(&m->records);
    SIM_ASSERT(page_records_init(&m->records));
    space_clear(&m->spaces);
}

/* The numbers of the spaces whose translations may be used. */
static void choose_spaces(struct mmu *m)
{
    const struct mmu_context *c = &m->ctx;
    if (!m->timing)
        return;
    if (m->spaces.count > SPACES_MAX - 4)
        forget_spaces(m);
    struct space_name n = {.vpid = c->vpid},
                      physical = {.pcid = SPACE_PHYSICAL};
    if (m->ept) {
        n.root = physical.root = space_root(c->eptp);
        m->ept_here = number(m, &physical);
    }
    if ((c->cr4 & CR4_PCIDE) != 0)
        n.pcid = (uint16_t)bits_get(c->cr3, 11, 0);
    if (m->ept && !m->paging) { /* linear addresses are guest-physical */
        m->here = m->global = m->ept_here;
        return;
    }
    m->here = number(m, &n);
    n.pcid = SPACE_GLOBAL;
    m->global = number(m, &n);
}

/* VM entries and exits go to and fro between two contexts. Entries of the
 * filter for either carry the number of its side and may stay, as long as
 * each comes back as it was left. */
static unsigned side_of(const struct mmu_context *c)
{
    return c->vpid != 0 || c->eptp != 0;
}

static uint64_t filter_context(const struct mmu *m)
{
    uint64_t side = side_of(&m->ctx) != 0 ? MMU_CTX_GUEST : 0;
    if (m->ctx.cpl == 3)
        return side + MMU_CTX_USER;
    return side + (m->smap && !m->ctx.ac ? MMU_CTX_SMAP : MMU_CTX_SUPERVISOR);
}

static bool same_tables(const struct mmu_context *a,
                        const struct mmu_context *b)
{
    return a->cr0 == b->cr0 && a->cr3 == b->cr3 && a->cr4 == b->cr4 &&
           a->efer == b->efer && a->pkru == b->pkru && a->vpid == b->vpid &&
           a->eptp == b->eptp && a->pat == b->pat && a->watch == b->watch &&
           a->apic_page == b->apic_page &&
           a->sub_page_table == b->sub_page_table &&
           a->mode_execute == b->mode_execute && a->sub_page == b->sub_page &&
           a->page_log == b->page_log &&
           memcmp(a->pdpte, b->pdpte, sizeof a->pdpte) == 0;
}

/* The context changes from m->ctx to `to`: may entries of the filter stay?
 * Hints may, too: the sides share no space, so they match nothing. */
static void leave_context(struct mmu *m, const struct mmu_context *to)
{
    unsigned from_side = side_of(&m->ctx), side = side_of(to);
    if (side != from_side && m->left_valid[side] &&
        same_tables(&m->left[side], to)) {
        filter_change_sides(m, from_side, side);
    } else {
        filter_drop_all(m);
        memset(m->hint, 0xff, sizeof m->hint);
        m->left_valid[side] = false;
    }
    m->left[from_side] = m->ctx;
    m->left_valid[from_side] = side != from_side;
}

void mmu_set_context(struct mmu *m, const struct mmu_context *ctx)
{
    bool same = same_tables(&m->ctx, ctx);
    bool other_machine = m->ctx.vpid != ctx->vpid || m->ctx.eptp != ctx->eptp;
    if (!same && m->timing)
        translate_fold(m);
    if (!same)
        leave_context(m, ctx);
    m->ctx = *ctx;
    if (!same) {
        m->paging = (ctx->cr0 & CR0_PG) != 0;
        m->wp = (ctx->cr0 & CR0_WP) != 0;
        m->smep = m->paging && (ctx->cr4 & CR4_SMEP) != 0;
        m->smap = m->paging && (ctx->cr4 & CR4_SMAP) != 0;
        m->pke = m->paging && (ctx->cr4 & CR4_PKE) != 0 &&
                 (ctx->efer & EFER_LMA) != 0;
        /* 32-bit paging has no XD bit. */
        m->nx = (ctx->cr4 & CR4_PAE) != 0 && (ctx->efer & EFER_NXE) != 0;
        choose_format(m);
        choose_ept(m);
        m->translating = m->paging || m->ept;
        m->apic_page =
            m->guest.apic_read != NULL ? ctx->apic_page : MMU_NO_PAGE;
        choose_spaces(m);
        if (other_machine)
            flush_when_allowed(m);
    }
    m->hot->ctx = filter_context(m);
    fast_update(m);
}

void mmu_set_mtrr(struct mmu *m, const struct mmu_mtrr *mtrr)
{
    m->mtrr = *mtrr;
    memtype_init(&m->types, &m->mtrr, m->config.maxphyaddr);
    filter_drop_all(m);
}

void mmu_set_a20(struct mmu *m, bool open)
{
    m->lines = open ? UINT64_MAX : ~BIT(20);
    if (m->timing) {
        translate_fold(m);
        flush_everything(m);
    }
    filter_drop_all(m);
    memset(m->hint, 0xff, sizeof m->hint);
    fast_update(m);
}

void mmu_set_guest_port(struct mmu *m, struct guest_port port)
{
    m->guest = port;
    m->apic_page = port.apic_read != NULL ? m->ctx.apic_page : MMU_NO_PAGE;
    filter_drop_all(m);
}

void mmu_set_device_port(struct mmu *m, struct device_port port)
{
    m->device = port;
}
