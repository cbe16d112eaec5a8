/* SPDX-License-Identifier: Apache-2.0
 * Random walks, in one dimension and through EPT in two: what mmu/ makes of
 * them with and without its caches must be what the flat model says, flags in
 * memory, page-modification log and exit qualification included.
 */
#include "model.h"

#include "mmu/walker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Tables are in the frames below JUNK; accesses end in those from there on. */
enum { RAM = 4 << 20, FRAMES = 256, JUNK = 256, LINS = 6, MACHINES = 2 };
#define FRAME_MASK (bits_mask(52) & ~bits_mask(12))

struct machine {
    const char *name;
    struct memsys *s;
    struct mmu *m;
    struct mmu_hot *hot;
    struct cycle_account account;
    uint64_t log[MODEL_LOG];
    unsigned logged, log_room;
};

struct world {
    struct rng rng;
    uint8_t *ram; /* the model's */
    struct machine machine[MACHINES];
    struct model model;
    struct mmu_context ctx;
    unsigned frame;                /* next free one */
    unsigned levels;               /* of the guest's tables */
    unsigned guest_flaw, ept_flaw; /* one entry in so many is spoiled */
    uint64_t window; /* guest-physical address of host-physical 0 */
    uint64_t lin[LINS];
    uint64_t end[7];
};

static unsigned pick(struct world *w, unsigned n)
{
    return (unsigned)(rng_next(&w->rng) % n);
}

static bool one_in(struct world *w, unsigned n)
{
    return n != 0 && pick(w, n) == 0;
}

/* --- building --- */

static uint64_t get(const struct world *w, uint64_t at, unsigned bytes)
{
    uint64_t v = 0;
    memcpy(&v, w->ram + at, bytes);
    return v;
}

static void put(struct world *w, uint64_t at, unsigned bytes, uint64_t v)
{
    memcpy(w->ram + at, &v, bytes);
}

static uint64_t new_frame(struct world *w)
{
    uint64_t at = (uint64_t)w->frame * PAGE_SIZE;
    if (w->frame + 1 < FRAMES)
        w->frame++;
    return at;
}

/* Spoil an entry by one bit; address bits that would lead from one table to
 * another are left alone. */
static uint64_t spoil(struct world *w, uint64_t e, unsigned one_in_n, bool wide,
                      bool large)
{
    static const uint8_t bit[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                  10, 11, 20, 21, 28, 29, 36, 39, 41, 45,
                                  51, 52, 57, 59, 60, 61, 62, 63};
    if (!one_in(w, one_in_n))
        return e;
    unsigned k = bit[pick(w, sizeof bit)];
    if (large && one_in(w, 4))
        k = 12 + pick(w, 8);
    return wide || k < 32 ? e ^ BIT(k) : e;
}

/* Map a guest-physical page of the window through EPT. */
static void build_ept(struct world *w, uint64_t guest)
{
    unsigned class = pick(w, 2) == 0 ? PAGES_4K : pick(w, PAGE_CLASSES);
    uint64_t table = w->ctx.eptp & FRAME_MASK;
    unsigned level = (unsigned)bits_get(w->ctx.eptp, 5, 3) + 1;
    for (; level > 0; level--) {
        uint64_t at = table + (guest >> (12 + 9 * (level - 1)) & 511) * 8;
        uint64_t e = get(w, at, 8);
        bool leaf = level == 1 || level == class + 1;
        if (e != 0) { /* made earlier, as a table or as a page */
            if (level == 1 || (e & BIT(7)) != 0)
                return;
        } else if (!leaf) {
            e = new_frame(w) | 7 | BIT(10);
            put(w, at, 8, spoil(w, e, w->ept_flaw, true, false));
        } else {
            uint64_t offset = bits_mask(12 + 9 * (level - 1));
            e = ((guest - w->window) & ~offset) | 6 << 3 | 7 | BIT(10) |
                (level > 1 ? BIT(7) : 0);
            if (one_in(w, 5))
                e = (e & ~(uint64_t)(7 | BIT(10))) | pick(w, 8) |
                    (uint64_t)pick(w, 2) << 10 | (uint64_t)pick(w, 2) << 61;
            if (w->ctx.sub_page && level == 1 && one_in(w, 3))
                e = (e & ~UINT64_C(2)) | BIT(61);
            if (one_in(w, 16))
                e = (e & ~UINT64_C(0x38)) | (uint64_t)pick(w, 16) << 3;
            put(w, at, 8, spoil(w, e, w->ept_flaw, true, level > 1));
            return;
        }
        /* The table lies where it was put, spoiled pointer or not. */
        table = e & FRAME_MASK & (FRAMES * PAGE_SIZE - 1);
    }
}

/* A guest-physical frame for a table or page at host-physical `at`. */
static uint64_t guest_of(struct world *w, uint64_t at)
{
    if (w->ctx.eptp != 0 && !one_in(w, 40))
        build_ept(w, w->window + at);
    return w->window + at;
}

static uint64_t guest_flags(struct world *w, bool wide)
{
    uint64_t e = 7; /* present, writable, user */
    if (one_in(w, 4))
        e ^= BIT(1 + pick(w, 2));
    if (one_in(w, 3))
        e |= BIT(5);
    if (one_in(w, 3))
        e |= BIT(6);
    if (wide && (w->ctx.efer & EFER_NXE) != 0 && one_in(w, 6))
        e |= BIT(63);
    if (wide && w->levels > 2 && one_in(w, 3))
        e |= (uint64_t)pick(w, 16) << 59;
    return e;
}

static void build_guest(struct world *w, uint64_t lin)
{
    bool wide = (w->ctx.cr4 & CR4_PAE) != 0;
    unsigned bytes = wide ? 8 : 4, bits = wide ? 9 : 10;
    unsigned class = pick(w, 3) != 0 ? 0 : pick(w, w->levels > 2 ? 3 : 2);
    uint64_t table = (w->ctx.cr3 & FRAME_MASK) - w->window;
    if (wide && w->levels == 2)
        table = (w->ctx.pdpte[bits_get(lin, 31, 30)] & FRAME_MASK) - w->window;
    if (table >= FRAMES * PAGE_SIZE)
        return;
    for (unsigned level = w->levels; level > 0; level--) {
        unsigned shift = 12 + bits * (level - 1);
        uint64_t at = table + (lin >> shift & bits_mask(bits)) * bytes;
        uint64_t e = get(w, at, bytes);
        bool leaf = level == 1 || level == class + 1;
        if (e != 0) {
            if (level == 1 || (e & BIT(7)) != 0)
                return;
        } else if (!leaf) {
            e = guest_of(w, new_frame(w)) | guest_flags(w, wide);
            put(w, at, bytes, spoil(w, e, w->guest_flaw, wide, false));
        } else {
            uint64_t junk = (uint64_t)(JUNK + pick(w, 256)) * PAGE_SIZE;
            uint64_t page = level == 1 ? guest_of(w, junk) : w->window;
            if (level > 1) /* lin goes on into the junk of the page */
                (void)guest_of(w, lin & bits_mask(21) & ~bits_mask(12));
            e = page | guest_flags(w, wide) | (level > 1 ? BIT(7) : 0);
            put(w, at, bytes, spoil(w, e, w->guest_flaw, wide, level > 1));
            return;
        }
        table = ((e & FRAME_MASK) - w->window) & (FRAMES * PAGE_SIZE - 1);
    }
}

static void build_sub_pages(struct world *w, uint64_t guest)
{
    uint64_t table = w->ctx.sub_page_table;
    for (unsigned level = 4; level > 0; level--) {
        uint64_t at = table + (guest >> (12 + 9 * (level - 1)) & 511) * 8;
        uint64_t e = get(w, at, 8);
        if (level == 1) {
            e = rng_next(&w->rng) & UINT64_C(0x5555555555555555);
            put(w, at, 8, spoil(w, e, 16, true, false));
            return;
        }
        if (e == 0) {
            e = new_frame(w) | 1;
            put(w, at, 8, spoil(w, e, 24, true, false));
        }
        table = e & FRAME_MASK & (FRAMES * PAGE_SIZE - 1);
    }
}

static uint64_t random_lin(struct world *w)
{
    static const uint16_t index[] = {0, 1, 7, 255, 256, 511};
    uint64_t lin = BIT(20) | pick(w, 256) << 12 | pick(w, 512) * 8u;
    if ((w->ctx.cr0 & CR0_PG) == 0) /* guest-physical at once */
        return ((w->window + lin) & bits_mask(32)) | 0x100000;
    for (unsigned level = 2; level <= 5; level++)
        lin |= (uint64_t)index[pick(w, 6)] << (12 + 9 * (level - 1));
    if (w->levels == 2)
        return lin & bits_mask(32);
    return bits_sext(lin, w->levels == 5 ? 57 : 48);
}

/* --- a world --- */

static void choose_paging(struct world *w)
{
    struct mmu_context *c = &w->ctx;
    unsigned mode = pick(w, 8);
    w->levels = mode < 4 ? 4 : mode == 4 ? 5 : 2;
    c->cr0 = mode == 7 ? 1 : CR0_PG | 1;
    if (one_in(w, 2))
        c->cr0 |= CR0_WP;
    if (mode < 6)
        c->cr4 |= CR4_PAE;
    if (mode < 5)
        c->efer = EFER_LMA | BIT(8);
    if (mode == 4)
        c->cr4 |= CR4_LA57;
    if (!one_in(w, 4))
        c->efer |= EFER_NXE;
    if (!one_in(w, 4))
        c->cr4 |= CR4_PSE;
    c->cr4 |= (one_in(w, 3) ? CR4_SMEP : 0) | (one_in(w, 3) ? CR4_SMAP : 0) |
              (one_in(w, 3) ? CR4_PKE : 0) | (one_in(w, 2) ? CR4_PGE : 0);
    c->pkru = one_in(w, 2) ? 0 : (uint32_t)rng_next(&w->rng);
}

static void choose_ept(struct world *w)
{
    struct mmu_context *c = &w->ctx;
    c->eptp = new_frame(w) | 6 | (one_in(w, 4) ? 4u : 3u) << 3 |
              (one_in(w, 2) ? BIT(6) : 0);
    c->mode_execute = one_in(w, 3);
    c->page_log = (c->eptp & BIT(6)) != 0 && one_in(w, 2);
    if (one_in(w, 3)) {
        c->sub_page = true;
        c->sub_page_table = new_frame(w);
    }
    w->window = pick(w, 2) * UINT64_C(0x40000000);
    if (w->levels > 2 && one_in(w, 3))
        w->window = UINT64_C(0x8000000000);
}

static void build(struct world *w)
{
    struct mmu_context *c = &w->ctx;
    memset(c, 0, sizeof *c);
    c->apic_page = MMU_NO_PAGE;
    c->pat = UINT64_C(0x0007040600070406);
    w->frame = 1;
    w->window = 0;
    memset(w->ram, 0, FRAMES * PAGE_SIZE);
    w->guest_flaw = one_in(w, 3) ? 0 : 10 + pick(w, 30);
    w->ept_flaw = one_in(w, 3) ? 0 : 20 + pick(w, 100);
    choose_paging(w);
    if (!one_in(w, 6))
        choose_ept(w);
    c->vpid = (uint16_t)pick(w, 3);
    c->cr3 = guest_of(w, new_frame(w));
    for (unsigned k = 0; k < 4; k++)
        c->pdpte[k] = guest_of(w, new_frame(w)) | (one_in(w, 8) ? 0u : 1u);
    for (unsigned k = 0; k < LINS; k++) {
        w->lin[k] = random_lin(w);
        if ((c->cr0 & CR0_PG) != 0)
            build_guest(w, w->lin[k]);
        else if (c->eptp != 0)
            build_ept(w, w->lin[k]);
    }
}

static void to_model(struct world *w)
{
    struct model *d = &w->model;
    const struct mmu_context *c = &w->ctx;
    const struct mmu_config *f = &w->machine[0].m->config;
    *d = (struct model){.ram = w->ram,
                        .ram_bytes = RAM,
                        .cr0 = c->cr0,
                        .cr3 = c->cr3,
                        .cr4 = c->cr4,
                        .efer = c->efer,
                        .pkru = c->pkru,
                        .eptp = c->eptp,
                        .sub_page_table = c->sub_page_table,
                        .mode_execute = c->mode_execute,
                        .sub_page = c->sub_page,
                        .page_log = c->page_log,
                        .maxphyaddr = f->maxphyaddr,
                        .guest_1g = !f->no_1g_pages,
                        .ept_2m = f->ept_2m,
                        .ept_1g = f->ept_1g,
                        .execute_only = f->ept_execute_only,
                        .log_room = one_in(w, 4) ? pick(w, 8) : MODEL_LOG};
    memcpy(d->pdpte, c->pdpte, sizeof d->pdpte);
}

/* --- comparing --- */

static bool fault_agrees(const struct mmu_fault *f, const struct model *d,
                         uint64_t lin)
{
    switch (d->end) {
    case MODEL_OK: return false;
    case MODEL_PAGE_FAULT:
        return f->kind == MMU_FAULT_PAGE && f->error_code == d->error &&
               f->address == lin;
    case MODEL_VIOLATION:
        return f->kind == MMU_FAULT_EPT_VIOLATION && f->gpa == d->gpa &&
               f->qualification == d->qualification && f->address == lin &&
               f->suppress_ve == d->suppress_ve;
    case MODEL_MISCONFIG:
        return f->kind == MMU_FAULT_EPT_MISCONFIG && f->gpa == d->gpa;
    case MODEL_SUB_PAGE:
        return f->kind == MMU_FAULT_SUB_PAGE && f->gpa == d->gpa &&
               f->qualification == d->qualification;
    case MODEL_LOG_FULL:
        return f->kind == MMU_FAULT_LOG_FULL && f->gpa == d->gpa;
    }
    return false;
}

static bool disagree(const struct world *w, const struct machine *x,
                     uint64_t lin, unsigned access, bool good,
                     const struct piece *p)
{
    const struct model *d = &w->model;
    const struct mmu_fault *f = mmu_fault(x->m);
    printf("%s: lin %" PRIx64 " access %u cpl %u cr0 %" PRIx64 " cr4 %" PRIx64
           " efer %" PRIx64 " eptp %" PRIx64 "\n",
           x->name, lin, access, w->ctx.cpl, w->ctx.cr0, w->ctx.cr4,
           w->ctx.efer, w->ctx.eptp);
    printf("  model: end %d host %" PRIx64 " gpa %" PRIx64
           " qualification %" PRIx64 " error %x log %u\n",
           d->end, d->host, d->gpa, d->qualification, d->error, d->logged);
    printf("  mmu: %s host %" PRIx64 " kind %u gpa %" PRIx64
           " qualification %" PRIx64 " error %x log %u\n",
           good ? "mapped" : "fault", good ? p->pa : 0, f->kind, f->gpa,
           f->qualification, f->error_code, x->logged);
    return false;
}

static bool one_access(struct world *w)
{
    static const unsigned as[] = {MMU_READ, MMU_WRITE, MMU_FETCH,
                                  MMU_READ | MMU_INTENT};
    struct model *d = &w->model;
    uint64_t lin = w->lin[pick(w, LINS)];
    unsigned kind = pick(w, 4), access = as[kind];
    unsigned len = kind == MODEL_FETCH ? 1 : 1 + pick(w, 8);
    bool system = kind != MODEL_FETCH && one_in(w, 6);
    if (one_in(w, 3)) /* elsewhere in the page, not across its end */
        lin = (lin & ~UINT64_C(0xfff)) | pick(w, 4088);
    access |= system ? MMU_SYSTEM : 0;
    d->cpl = w->ctx.cpl = one_in(w, 2) ? 3 : 0;
    d->ac = w->ctx.ac = one_in(w, 3);
    bool expected = model_access(d, lin, kind, system, len);
    w->end[d->end]++;
    for (unsigned k = 0; k < MACHINES; k++) {
        struct machine *x = &w->machine[k];
        struct piece p = {.lin = lin, .len = len};
        mmu_set_context(x->m, &w->ctx);
        bool good = translate_piece(x->m, kind == MODEL_FETCH ? SIDE_I : SIDE_D,
                                    access, &p);
        bool same =
            good == expected &&
            (good ? p.pa == d->host : fault_agrees(mmu_fault(x->m), d, lin));
        if (!same || x->logged != d->logged ||
            memcmp(x->log, d->log, d->logged * sizeof *d->log) != 0)
            return disagree(w, x, lin, access, good, &p);
    }
    return true;
}

static bool log_page(void *self, uint64_t guest)
{
    struct machine *x = self;
    if (x->logged == x->log_room)
        return false;
    x->log[x->logged++] = guest;
    return true;
}

/* Dropping what is cached changes nothing as long as no table changes. */
static void drop_something(struct world *w, struct mmu *m)
{
    uint64_t lin = w->lin[pick(w, LINS)];
    switch (pick(w, 8)) {
    case 0: mmu_flush_page(m, lin, 0, true, FLUSH_INVLPG); break;
    case 1: mmu_flush_pcid(m, 0, FLUSH_MOV_CR3); break;
    case 2: mmu_flush_all(m, true, FLUSH_MOV_CR4); break;
    case 3:
        mmu_invvpid(m, (enum mmu_invvpid)pick(w, 4), w->ctx.vpid, lin);
        break;
    case 4: mmu_vm_transition(m); break;
    default:
        if (w->ctx.eptp != 0)
            mmu_invept(m, (enum mmu_invept)pick(w, 3), w->ctx.eptp,
                       w->window + BIT(20));
        break;
    }
}

static bool run_world(struct world *w, unsigned accesses)
{
    build(w);
    if (w->ctx.sub_page)
        for (unsigned k = 0; k < 16; k++)
            build_sub_pages(w, w->window + BIT(20) + pick(w, 256) * 4096u);
    to_model(w);
    for (unsigned k = 0; k < MACHINES; k++) {
        struct machine *x = &w->machine[k];
        memcpy(x->s->ram, w->ram, FRAMES * PAGE_SIZE);
        x->logged = 0;
        x->log_room = w->model.log_room;
        mmu_flush_all(x->m, true, FLUSH_RESET);
    }
    for (unsigned n = 0; n < accesses; n++) {
        if (!one_access(w))
            return false;
        if (one_in(w, 32))
            for (unsigned k = 0; k < MACHINES; k++)
                drop_something(w, w->machine[k].m);
    }
    for (unsigned k = 0; k < MACHINES; k++) {
        struct machine *x = &w->machine[k];
        if (memcmp(x->s->ram, w->ram, w->frame * PAGE_SIZE) == 0)
            continue;
        for (uint64_t at = 0; at < w->frame * PAGE_SIZE; at += 8) {
            uint64_t v;
            memcpy(&v, x->s->ram + at, 8);
            if (v != get(w, at, 8))
                printf("%s: %" PRIx64 " is %" PRIx64 ", model %" PRIx64 "\n",
                       x->name, at, v, get(w, at, 8));
        }
        return false;
    }
    return true;
}

/* --- the machines --- */

static void small_caches(struct mmu_config *c)
{
    const struct assoc_config tiny = {.entries = 4, .ways = 2};
    c->itlb_4k = c->dtlb_4k = (struct assoc_config){.entries = 8, .ways = 4};
    c->itlb_2m = c->dtlb_2m = c->dtlb_1g = tiny;
    c->stlb_unified = c->stlb_2m_shared = true;
    c->stlb = (struct assoc_config){.entries = 16, .ways = 4};
    c->psc_pml5e = c->psc_pml4e = c->psc_pdpte = c->psc_pde = tiny;
    c->ept_psc_pml5e = c->ept_psc_pml4e = c->ept_psc_pdpte = tiny;
    c->ept_psc_pde = c->nested_tlb = tiny;
    c->l1i = (struct cache_config){.size_kib = 1, .ways = 4, .latency = 4};
    c->l1d = c->l1i;
    c->walk_through_l1d = c->filter = true;
}

static bool create(struct machine *x, const char *name, bool timing,
                   const struct world *w, unsigned variant)
{
    struct sim_error e;
    struct mmu_config c = {.maxphyaddr = variant % 3 == 0   ? 36
                                         : variant % 3 == 1 ? 40
                                                            : 46,
                           .seed = 1,
                           .ept_execute_only = variant % 2 == 0,
                           .no_1g_pages = variant % 5 == 4,
                           .ept_2m = variant % 7 != 6,
                           .ept_1g = variant % 4 != 3};
    struct memsys_config s = {.ram_bytes = RAM, .timing = timing, .seed = 1};
    s.dram_latency = 100;
    small_caches(&c);
    x->name = name;
    x->hot = calloc(1, sizeof *x->hot);
    if (x->hot == NULL || memsys_create(&s, &x->s, &e) != SIM_OK ||
        mmu_create(&c, x->s, x->hot, &x->account, &x->m, &e) != SIM_OK)
        return false;
    const struct mmu_mtrr mtrr = {.def_type = BIT(11) | 6};
    mmu_set_mtrr(x->m, &mtrr);
    mmu_set_guest_port(x->m, (struct guest_port){.self = x, .pml = log_page});
    (void)w;
    return true;
}

static void destroy(struct machine *x)
{
    mmu_destroy(x->m);
    memsys_destroy(x->s);
    free(x->hot);
    memset(x, 0, sizeof *x);
}

/* The processor's properties change every so many walks. */
static bool run(struct world *w, uint64_t count)
{
    enum { VARIANTS = 84, ACCESSES = 100 };
    uint64_t done = 0;
    for (unsigned v = 0; v < VARIANTS; v++) {
        uint64_t until = count * (v + 1) / VARIANTS;
        if (!create(&w->machine[0], "without caches", false, w, v) ||
            !create(&w->machine[1], "with caches", true, w, v)) {
            fprintf(stderr, "walks: no memory\n");
            return false;
        }
        for (; done < until; done += ACCESSES)
            if (!run_world(w, ACCESSES)) {
                printf("variant %u, after %" PRIu64 " walks\n", v, done);
                return false;
            }
        for (unsigned k = 0; k < MACHINES; k++)
            destroy(&w->machine[k]);
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t count = 2000000, seed = 1;
    for (int k = 1; k + 1 < argc; k += 2) {
        if (strcmp(argv[k], "--count") == 0)
            count = strtoull(argv[k + 1], NULL, 0);
        else if (strcmp(argv[k], "--seed") == 0)
            seed = strtoull(argv[k + 1], NULL, 0);
    }
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL || (w->ram = calloc(1, RAM)) == NULL)
        return EXIT_FAILURE;
    w->rng = rng_make(seed, 0x77616c6b);
    bool good = run(w, count);
    printf("%" PRIu64 " walks, seed %" PRIu64 ": %s; %" PRIu64
           " mapped, %" PRIu64 " #PF, %" PRIu64 " violations, %" PRIu64
           " misconfigurations, %" PRIu64 " sub-page, %" PRIu64 " log full\n",
           count, seed, good ? "agree" : "DISAGREE", w->end[0], w->end[1],
           w->end[2], w->end[3], w->end[4], w->end[5]);
    free(w->ram);
    free(w);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
