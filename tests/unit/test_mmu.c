/* SPDX-License-Identifier: Apache-2.0
 * Accesses of one core: rights, error codes, flags, splits, devices, memory
 * types, code, bulk. Run with timing and without where both apply.
 */
#include "tests/unit/mmu_fixture.h"

#define LIN  UINT64_C(0x7000000000)
#define PAGE UINT64_C(0x200000)

static struct fixture f;

static void begin(bool timing)
{
    fix_defaults(&f);
    f.memory.timing = timing;
    fix_create(&f, 1);
}

static uint32_t fault_code(void)
{
    return mmu_fault(f.m[0])->error_code;
}

/* --- rights --- */

struct grid {
    bool user, wp, smep, smap, ac, nxe, system;
    uint64_t page; /* flags of the leaf */
    unsigned access;
};

/* SDM Vol.3 "Determination of Access Rights", transcribed once more. */
static bool grid_allows(const struct grid *g)
{
    bool user_page = (g->page & US) != 0, writable = (g->page & RW) != 0;
    bool fetch = g->access == MMU_FETCH;
    bool write = g->access == MMU_WRITE || (g->access & MMU_INTENT) != 0;
    bool supervisor = !g->user || g->system;
    if (fetch && (g->page & NX) != 0)
        return false;
    if (!supervisor)
        return user_page && (!write || writable);
    if (fetch)
        return !(user_page && g->smep);
    if (user_page && g->smap && (!g->ac || g->system))
        return false;
    return !write || writable || !g->wp;
}

static void grid_check(const struct grid *g, bool timing)
{
    f.ctx.cpl = g->user ? 3 : 0;
    f.ctx.ac = g->ac;
    f.ctx.cr0 = CR0_PG | 1 | (g->wp ? CR0_WP : 0);
    f.ctx.cr4 = CR4_PAE | (g->smep ? CR4_SMEP : 0) | (g->smap ? CR4_SMAP : 0);
    f.ctx.efer = EFER_LMA | BIT(8) | (g->nxe ? EFER_NXE : 0);
    fix_context(&f);
    mmu_flush_all(f.m[0], true, FLUSH_MOV_CR4);
    fix_map(&f, LIN, PAGE, g->page);
    uint8_t v[8] = {0};
    uint64_t pline;
    const uint8_t *host;
    unsigned access = g->access | (g->system ? MMU_SYSTEM : 0U);
    bool done;
    if (g->access == MMU_FETCH)
        done = mmu_fetch(f.m[0], LIN, &pline, &host);
    else if (g->access == MMU_WRITE)
        done = mmu_write(f.m[0], LIN, 8, access, v);
    else
        done = mmu_read(f.m[0], LIN, 8, access, v);
    ck_assert_msg(done == grid_allows(g),
                  "timing %d user %d wp %d smep %d smap %d ac %d sys %d page "
                  "%llx access %x",
                  timing, g->user, g->wp, g->smep, g->smap, g->ac, g->system,
                  (unsigned long long)g->page, g->access);
    uint64_t leaf = fix_get(&f, fix_entry(&f, LIN, 1, 4));
    bool write = g->access == MMU_WRITE || (g->access & MMU_INTENT) != 0;
    ck_assert_uint_eq((leaf & ACC) != 0, done);
    ck_assert_uint_eq((leaf & DIRTY) != 0, done && write);
    if (done)
        return;
    uint32_t code = PF_P;
    if (write)
        code |= PF_W;
    if (g->user && !g->system)
        code |= PF_U;
    if (g->access == MMU_FETCH && (g->nxe || g->smep))
        code |= PF_I;
    ck_assert_uint_eq(fault_code(), code);
    ck_assert_uint_eq(mmu_fault(f.m[0])->address, LIN);
}

START_TEST(every_combination_of_rights)
{
    static const unsigned access[] = {MMU_READ, MMU_WRITE, MMU_FETCH,
                                      MMU_READ | MMU_INTENT};
    begin(_i == 1);
    for (unsigned bits = 0; bits < 1024; bits++) {
        for (unsigned a = 0; a < 4; a++) {
            struct grid g = {.user = bits & 1,
                             .wp = bits >> 1 & 1,
                             .smep = bits >> 2 & 1,
                             .smap = bits >> 3 & 1,
                             .ac = bits >> 4 & 1,
                             .nxe = bits >> 5 & 1,
                             .system = bits >> 6 & 1,
                             .access = access[a]};
            g.page =
                P | ((bits >> 7 & 1) ? RW : 0U) | ((bits >> 8 & 1) ? US : 0U);
            if ((bits >> 9 & 1) != 0 && g.nxe)
                g.page |= NX;
            if (g.system && g.access == MMU_FETCH)
                continue;
            grid_check(&g, _i == 1);
        }
    }
    fix_destroy(&f);
}
END_TEST

START_TEST(not_present_and_reserved_error_codes)
{
    begin(_i == 1);
    f.ctx.cpl = 3;
    fix_context(&f);
    uint64_t v = 0;
    ck_assert(!fix_load(&f, LIN));
    ck_assert_uint_eq(fault_code(), PF_U);
    ck_assert(!fix_store(&f, LIN, 1));
    ck_assert_uint_eq(fault_code(), PF_U | PF_W);
    ck_assert(!mmu_read(f.m[0], LIN, 4, MMU_READ | MMU_SYSTEM, &v));
    ck_assert_uint_eq(fault_code(), 0);
    fix_map(&f, LIN, PAGE | BIT(45), P | RW | US);
    ck_assert(!fix_load(&f, LIN));
    ck_assert_uint_eq(fault_code(), PF_U | PF_P | PF_RSVD);
    /* tables beyond RAM read as all ones: reserved bits are set */
    fix_put(&f, fix_entry(&f, LIN, 2, 4), UINT64_C(0xf0000000) | P | RW | US);
    ck_assert(!fix_load(&f, LIN));
    ck_assert_uint_eq(fault_code(), PF_U | PF_P | PF_RSVD);
    fix_destroy(&f);
}
END_TEST

START_TEST(flags_are_set_at_every_level)
{
    begin(_i == 1);
    fix_map(&f, LIN, PAGE, P | RW | US);
    ck_assert(fix_load(&f, LIN));
    for (unsigned level = 1; level <= 4; level++)
        ck_assert_uint_eq(fix_get(&f, fix_entry(&f, LIN, level, 4)) &
                              (ACC | (level == 1 ? DIRTY : 0U)),
                          ACC);
    ck_assert(fix_store(&f, LIN, 1));
    ck_assert_uint_eq(fix_get(&f, fix_entry(&f, LIN, 1, 4)) & DIRTY, DIRTY);
    for (unsigned level = 2; level <= 4; level++)
        ck_assert_uint_eq(fix_get(&f, fix_entry(&f, LIN, level, 4)) & DIRTY, 0);
    fix_destroy(&f);
}
END_TEST

/* --- splits --- */

START_TEST(a_split_store_that_faults_writes_nothing)
{
    begin(_i == 1);
    fix_map(&f, LIN, PAGE, P | RW);
    ck_assert(!fix_store(&f, LIN + 4092, UINT64_MAX));
    ck_assert_uint_eq(mmu_fault(f.m[0])->address, LIN + 4096);
    ck_assert_uint_eq(fix_get(&f, PAGE + 4088), 0);
    fix_map(&f, LIN + 4096, PAGE + 0x8000, P | RW);
    ck_assert(fix_store(&f, LIN + 4092, UINT64_C(0x1122334455667788)));
    ck_assert_uint_eq(fix_get(&f, PAGE + 4088), UINT64_C(0x55667788) << 32);
    ck_assert_uint_eq(fix_get(&f, PAGE + 0x8000), 0x11223344);
    uint64_t v = 0;
    ck_assert(mmu_read(f.m[0], LIN + 4092, 8, MMU_READ, &v));
    ck_assert_uint_eq(v, UINT64_C(0x1122334455667788));
    uint8_t big[64], back[64];
    for (unsigned k = 0; k < 64; k++)
        big[k] = (uint8_t)(k * 3 + 1);
    ck_assert(mmu_write(f.m[0], LIN + 4090, 64, MMU_WRITE, big));
    ck_assert(mmu_read(f.m[0], LIN + 4090, 64, MMU_READ, back));
    ck_assert_mem_eq(big, back, 64);
    ck_assert(mmu_read(f.m[0], LIN + 4090, 8, MMU_READ | MMU_INTENT, &v));
    v++;
    ck_assert(mmu_write(f.m[0], LIN + 4090, 8, MMU_WRITE | MMU_SECOND, &v));
    ck_assert(mmu_read(f.m[0], LIN + 4090, 64, MMU_READ, back));
    big[0]++;
    ck_assert_mem_eq(big, back, 64);
    fix_destroy(&f);
}
END_TEST

START_TEST(without_long_mode_addresses_wrap)
{
    begin(_i == 1);
    f.ctx = (struct mmu_context){.cr0 = 1, .pat = f.ctx.pat};
    fix_context(&f);
    uint32_t low = 0x11111111;
    ck_assert(memsys_write(f.s, (hpa){0}, 4, &low));
    uint64_t v;
    ck_assert(mmu_read(f.m[0], 0xfffffffc, 8, MMU_READ, &v));
    ck_assert_uint_eq(v, UINT64_C(0x11111111ffffffff));
    fix_destroy(&f);
}
END_TEST

/* --- 32-bit and PAE paging --- */

START_TEST(pae_takes_its_tables_from_the_pdpte_registers)
{
    begin(_i == 1);
    f.ctx.efer = EFER_NXE;
    f.ctx.pdpte[1] = 0x30000 | P;
    fix_put(&f, 0x30000, 0x31000 | P | RW);
    fix_put(&f, 0x30008, 0x200000 | P | RW | PS);
    fix_put(&f, 0x31000, PAGE | P | RW);
    fix_context(&f);
    ck_assert(fix_store(&f, 0x40000010, 77));
    ck_assert_uint_eq(fix_get(&f, PAGE + 0x10), 77);
    ck_assert(fix_store(&f, 0x40200020, 78));
    ck_assert_uint_eq(fix_get(&f, 0x200020), 78);
    ck_assert(!fix_load(&f, 0x10));
    ck_assert_uint_eq(fault_code(), 0);
    uint64_t p[4];
    fix_put(&f, 0x5020, 0x30000 | P);
    fix_put(&f, 0x5028, 0x30000 | P | RW); /* bit 1 is reserved */
    ck_assert(!mmu_load_pdptes(f.m[0], 0x5020, p));
    fix_put(&f, 0x5028, 0x30000 | RW); /* but not when not present */
    ck_assert(mmu_load_pdptes(f.m[0], 0x503f, p));
    ck_assert_uint_eq(p[0], 0x30000 | P);
    fix_destroy(&f);
}
END_TEST

START_TEST(legacy_pages_of_4_mbytes)
{
    begin(_i == 1);
    f.ctx = (struct mmu_context){
        .cr0 = CR0_LONG, .cr3 = 0x1000, .cr4 = CR4_PSE, .pat = f.ctx.pat};
    fix_context(&f);
    uint32_t pde = 0x00400000 | P | RW | PS;
    ck_assert(memsys_write(f.s, (hpa){0x1000 + 4 * 3}, 4, &pde));
    uint64_t lin = 3 * 0x400000;
    ck_assert(fix_store(&f, lin + 0x300010, 5));
    ck_assert_uint_eq(fix_get(&f, 0x700010), 5);
    ck_assert(fix_store(&f, lin + 0x10, 6));
    ck_assert_uint_eq(fix_get(&f, 0x400010), 6);
    /* INVLPG of one half drops both: the page is one */
    pde = 0x00800000 | P | RW | PS;
    ck_assert(memsys_write(f.s, (hpa){0x1000 + 4 * 3}, 4, &pde));
    mmu_flush_page(f.m[0], lin, 0, true, FLUSH_INVLPG);
    ck_assert(fix_store(&f, lin + 0x300010, 7));
    ck_assert_uint_eq(fix_get(&f, 0xb00010), 7);
    fix_destroy(&f);
}
END_TEST

/* --- devices --- */

struct log {
    unsigned count, len[32];
    uint64_t at[32], value[32];
    bool inside;
};

static bool log_read(void *self, uint64_t offset, unsigned len, uint64_t *out)
{
    struct log *l = self;
    ck_assert(l->inside);
    l->at[l->count] = offset;
    l->len[l->count++] = len;
    *out = UINT64_C(0xa0a1a2a3a4a5a6a7) >> (offset % 8 * 8);
    return offset < 0x800;
}

static bool log_write(void *self, uint64_t offset, unsigned len, uint64_t in)
{
    struct log *l = self;
    ck_assert(l->inside);
    l->at[l->count] = offset;
    l->len[l->count] = len;
    l->value[l->count++] = in;
    return true;
}

static void log_before(void *self)
{
    ((struct log *)self)->inside = true;
}

static void log_after(void *self)
{
    ((struct log *)self)->inside = false;
}

START_TEST(devices_see_aligned_accesses_of_at_most_8_bytes)
{
    struct log l = {0};
    struct sim_error e;
    begin(_i == 1);
    struct mmio_port port = {&l, log_read, log_write};
    ck_assert_int_eq(memsys_add_mmio(f.s, (hpa){0xfe000000}, 0x1000, port, &e),
                     SIM_OK);
    mmu_set_device_port(f.m[0],
                        (struct device_port){&l, log_before, log_after});
    fix_map(&f, LIN, 0xfe000000, P | RW);
    fix_map(&f, LIN + 4096, 0xfe100000, P | RW); /* nobody is there */
    uint64_t v = 0;
    ck_assert(mmu_read(f.m[0], LIN + 2, 8, MMU_READ, &v));
    ck_assert_uint_eq(l.count, 3);
    ck_assert_uint_eq(l.len[0], 2);
    ck_assert_uint_eq(l.len[1], 4);
    ck_assert_uint_eq(l.len[2], 2);
    ck_assert_uint_eq(v, UINT64_C(0xa6a7a0a1a2a3a4a5));
    l.count = 0;
    ck_assert(fix_store(&f, LIN + 4088, 9));
    ck_assert_uint_eq(l.count, 1);
    ck_assert_uint_eq(l.len[0], 8);
    ck_assert_uint_eq(l.value[0], 9);
    l.count = 0;
    /* a port that refuses, and an address that nobody claims: all ones */
    ck_assert(mmu_read(f.m[0], LIN + 0x900, 4, MMU_READ, &v));
    ck_assert_uint_eq((uint32_t)v, UINT32_MAX);
    ck_assert(mmu_read(f.m[0], LIN + 4096, 8, MMU_READ, &v));
    ck_assert_uint_eq(v, UINT64_MAX);
    ck_assert_uint_eq(l.count, 1);
    ck_assert_ptr_null(mmu_hit_read(f.hot[0], LIN, 8));
    ck_assert_ptr_null(mmu_page_read(f.hot[0], LIN, 8));
    uint64_t pline;
    const uint8_t *host;
    ck_assert(mmu_fetch(f.m[0], LIN, &pline, &host));
    ck_assert_ptr_null(host);
    ck_assert_uint_eq(pline, 0xfe000000);
    uint8_t *bulk;
    ck_assert_uint_eq(mmu_bulk(f.m[0], LIN, 64, MMU_READ, 8, &bulk), 0);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_IO] % f.config.mmio_latency, 0);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_IO] != 0, _i == 1);
    fix_destroy(&f);
}
END_TEST

/* --- code --- */

struct writes {
    unsigned count, len;
    uint64_t at;
};

static void note_write(void *self, hpa at, unsigned len)
{
    struct writes *w = self;
    w->count++;
    w->at = at.v;
    w->len = len;
}

START_TEST(stores_to_translated_code_are_told)
{
    struct writes w = {0};
    begin(_i == 1);
    memsys_add_code_port(f.s, (struct code_port){&w, note_write});
    fix_map(&f, LIN, PAGE, P | RW);
    ck_assert(fix_store(&f, LIN + 0x40, 1));
    uint8_t *p = _i == 1 ? mmu_hit_write(f.hot[0], LIN + 0x40, 8)
                         : mmu_page_write(f.hot[0], LIN + 0x40, 8);
    ck_assert_ptr_nonnull(p);
    memsys_mark_code(f.s, (hpa){PAGE + 0x44});
    memsys_mark_code(f.s, (hpa){PAGE + 0x44});
    p = _i == 1 ? mmu_hit_write(f.hot[0], LIN + 0x40, 8)
                : mmu_page_write(f.hot[0], LIN + 0x40, 8);
    ck_assert_ptr_null(p);
    ck_assert(fix_store(&f, LIN + 0x3c, UINT64_MAX));
    ck_assert_uint_eq(w.count, 1);
    ck_assert_uint_eq(w.at, PAGE + 0x40);
    ck_assert_uint_eq(w.len, 4);
    uint8_t *bulk;
    ck_assert_uint_eq(mmu_bulk(f.m[0], LIN + 0x40, 64, MMU_WRITE, 8, &bulk), 0);
    ck_assert_uint_ne(mmu_bulk(f.m[0], LIN + 0x40, 64, MMU_READ, 8, &bulk), 0);
    uint32_t dma = 3;
    ck_assert(memsys_write(f.s, (hpa){PAGE + 0x40}, 4, &dma));
    ck_assert_uint_eq(w.count, 2);
    memsys_unmark_code(f.s, (hpa){PAGE + 0x44});
    ck_assert(fix_store(&f, LIN + 0x40, 1));
    ck_assert_uint_eq(w.count, 3);
    memsys_unmark_code(f.s, (hpa){PAGE + 0x44});
    ck_assert(fix_store(&f, LIN + 0x40, 1));
    ck_assert_uint_eq(w.count, 3);
    fix_destroy(&f);
}
END_TEST

/* --- memory types --- */

START_TEST(types_combine_as_the_table_says)
{
    enum { UC = 0, WC = 1, WT = 4, WPR = 5, WB = 6, UCM = 7 };
    static const uint8_t row[][3] = {
        {UC, UC, UC},   {UC, UCM, UC},  {UC, WC, WC},  {UC, WT, UC},
        {UC, WB, UC},   {UC, WPR, UC},  {WC, UC, UC},  {WC, UCM, WC},
        {WC, WC, WC},   {WC, WT, UC},   {WC, WB, WC},  {WC, WPR, UC},
        {WT, UC, UC},   {WT, UCM, UC},  {WT, WC, WC},  {WT, WT, WT},
        {WT, WB, WT},   {WT, WPR, WPR}, {WB, UC, UC},  {WB, UCM, UC},
        {WB, WC, WC},   {WB, WT, WT},   {WB, WB, WB},  {WB, WPR, WPR},
        {WPR, UC, UC},  {WPR, UCM, WC}, {WPR, WC, WC}, {WPR, WT, WT},
        {WPR, WB, WPR}, {WPR, WPR, WPR}};
    for (size_t k = 0; k < sizeof row / sizeof *row; k++)
        ck_assert_int_eq(
            memtype_combine((enum memtype)row[k][0], (enum memtype)row[k][1]),
            row[k][2]);
}
END_TEST

START_TEST(mtrrs_fixed_variable_and_default)
{
    struct mmu_mtrr r = {.def_type = 6};
    struct memtype_map map;
    memtype_init(&map, &r, 40);
    ck_assert_int_eq(memtype_mtrr(&map, &r, 40, 0), MEMTYPE_UC);
    r.def_type |= BIT(11) | BIT(10);
    r.fixed[0] = UINT64_C(0x0606060606060604);
    r.fixed[2] = UINT64_C(0x0500000000000000);
    r.fixed[10] = UINT64_C(0x0100000000000000);
    r.base[0] = 0x80000000 | 0;
    r.mask[0] = (bits_mask(40) & ~bits_mask(28)) | BIT(11);
    r.base[1] = 0x80000000 | 4;
    r.mask[1] = (bits_mask(40) & ~bits_mask(29)) | BIT(11);
    memtype_init(&map, &r, 40);
    static const struct {
        uint64_t at;
        int type;
    } row[] = {{0, 4},          {0x10000, 6},    {0xbc000, 5},
               {0xbbfff, 0},    {0xff000, 1},    {0x100000, 6},
               {0x80000000, 0}, {0x90000000, 4}, {0xa0000000, 6}};
    for (unsigned twice = 0; twice < 2; twice++)
        for (size_t k = 0; k < sizeof row / sizeof *row; k++)
            ck_assert_int_eq(memtype_mtrr(&map, &r, 40, row[k].at),
                             row[k].type);
}
END_TEST

START_TEST(uncacheable_ram_is_in_no_cache)
{
    begin(true);
    fix_map(&f, LIN, PAGE, P | RW | PCD | PWT);
    ck_assert(fix_load(&f, LIN));
    ck_assert(fix_load(&f, LIN));
    ck_assert(fix_store(&f, LIN, 4));
    ck_assert_uint_eq(fix_get(&f, PAGE), 4);
    ck_assert_uint_eq(f.account[0].leaf[LEAF_UNCACHED], 3 * 300);
    ck_assert_ptr_null(mmu_hit_read(f.hot[0], LIN, 8));
    ck_assert_ptr_null(cache_find(&f.m[0]->l2, PAGE >> LINE_SHIFT));
    /* CR0.CD: what is cached hits, what is not stays out */
    fix_map(&f, LIN + 4096, PAGE + 4096, P | RW);
    ck_assert(fix_load(&f, LIN + 4096));
    uint64_t before = f.account[0].leaf[LEAF_UNCACHED];
    f.ctx.cr0 |= CR0_CD;
    fix_context(&f);
    ck_assert(fix_load(&f, LIN + 4096));
    ck_assert_uint_eq(f.account[0].leaf[LEAF_UNCACHED], before);
    ck_assert(fix_load(&f, LIN + 4096 + 64));
    ck_assert_uint_eq(f.account[0].leaf[LEAF_UNCACHED], before + 300);
    fix_destroy(&f);
}
END_TEST

/* --- the rest --- */

START_TEST(rom_keeps_its_bytes)
{
    begin(_i == 1);
    uint64_t v = 42;
    ck_assert(memsys_write(f.s, (hpa){PAGE}, 8, &v));
    fix_map(&f, LIN, PAGE, P | RW);
    ck_assert(fix_store(&f, LIN + 0x40, 1));
    memsys_set_rom(f.s, (hpa){PAGE}, 4096);
    ck_assert_ptr_null(mmu_hit_write(f.hot[0], LIN + 0x40, 8));
    ck_assert_ptr_null(mmu_page_write(f.hot[0], LIN + 0x40, 8));
    ck_assert(fix_store(&f, LIN, 1));
    ck_assert(fix_store(&f, LIN, 1));
    ck_assert_uint_eq(fix_get(&f, PAGE), 42);
    /* accessed flags in read-only memory stay as they are */
    fix_destroy(&f);
}
END_TEST

START_TEST(probes_and_peeks_cost_nothing)
{
    begin(_i == 1);
    fix_map(&f, LIN, PAGE, P | RW);
    uint64_t page;
    const uint8_t *host;
    ck_assert(mmu_probe(f.m[0], LIN + 8, 4000, MMU_WRITE));
    ck_assert(!mmu_probe(f.m[0], LIN + 8, 4096, MMU_WRITE));
    ck_assert_uint_eq(mmu_fault(f.m[0])->address, LIN + 4096);
    ck_assert(mmu_fetch_peek(f.m[0], LIN + 0x123, &page, &host));
    ck_assert_uint_eq(page, PAGE);
    ck_assert_ptr_eq(host, f.s->ram + PAGE);
    ck_assert_uint_eq(f.account[0].cycles, 0);
    ck_assert_uint_eq(f.m[0]->stats->dtlb.accesses, 0);
    ck_assert_uint_eq(f.m[0]->stats->walk.references, 0);
    uint64_t leaf = fix_get(&f, fix_entry(&f, LIN, 1, 4));
    ck_assert_uint_eq(leaf & (ACC | DIRTY), ACC | DIRTY);
    fix_destroy(&f);
}
END_TEST

START_TEST(breakpoints_keep_data_out_of_the_filter)
{
    begin(_i == 1);
    fix_map(&f, LIN, PAGE, P | RW);
    f.ctx.watch = true;
    fix_context(&f);
    ck_assert(fix_store(&f, LIN, 1));
    ck_assert_ptr_null(mmu_hit_read(f.hot[0], LIN, 8));
    ck_assert_ptr_null(mmu_page_read(f.hot[0], LIN, 8));
    uint8_t *host;
    ck_assert_uint_eq(mmu_bulk(f.m[0], LIN, 64, MMU_READ, 1, &host), 0);
    fix_destroy(&f);
}
END_TEST

START_TEST(bulk_stays_in_its_line_or_page)
{
    begin(_i == 1);
    fix_map(&f, LIN, PAGE, P | RW);
    uint8_t *host;
    unsigned n = mmu_bulk(f.m[0], LIN + 0x48, 1000, MMU_WRITE, 7, &host);
    ck_assert_uint_eq(n, _i == 1 ? 0x38 : 1000);
    ck_assert_ptr_eq(host, f.s->ram + PAGE + 0x48);
    if (_i == 1) {
        translate_fold(f.m[0]);
        ck_assert_uint_eq(f.m[0]->stats->dtlb.accesses, 7);
        ck_assert_uint_eq(f.m[0]->stats->dtlb.misses, 1);
        ck_assert_uint_eq(f.m[0]->stats->served[SIDE_D][SERVED_L1], 6);
    }
    ck_assert_uint_eq(mmu_bulk(f.m[0], LIN + 4095, 9, MMU_READ, 1, &host), 1);
    ck_assert_uint_eq(mmu_bulk(f.m[0], LIN + 4096, 9, MMU_READ, 1, &host), 0);
    fix_destroy(&f);
}
END_TEST

START_TEST(no_access_costs_more_than_the_bound)
{
    begin(true);
    uint64_t worst = mmu_worst_access(f.m[0]);
    struct rng rng = rng_make(3, 3);
    for (unsigned k = 0; k < 64; k++)
        fix_map(&f, LIN + k * PAGE_SIZE, PAGE + k * PAGE_SIZE,
                P | RW | (k % 5 == 0 ? PCD | PWT : 0U));
    fix_map(&f, LIN + 64 * PAGE_SIZE, 0xfe000000, P | RW);
    uint8_t buffer[64] = {0};
    for (unsigned k = 0; k < 20000; k++) {
        uint64_t r = rng_next(&rng), was = f.account[0].cycles;
        unsigned len = 1 + (unsigned)(r >> 50 & 63);
        uint64_t lin = LIN + r % (65 * PAGE_SIZE - 64);
        if ((r >> 40 & 3) == 0)
            ck_assert(mmu_write(f.m[0], lin, len, MMU_WRITE, buffer));
        else
            ck_assert(mmu_read(f.m[0], lin, len, MMU_READ, buffer));
        ck_assert_uint_le(f.account[0].cycles - was, worst);
        if (k % 50 == 0)
            mmu_flush_all(f.m[0], true, FLUSH_MOV_CR3);
    }
    fix_destroy(&f);
}
END_TEST

/* Tables of random bits, random controls, random accesses: whatever comes
 * of it, nothing outside guest RAM is touched (the sanitizers and the guard
 * areas watch) and every walk ends. */
START_TEST(random_tables_lead_nowhere_outside_ram)
{
    begin(_i == 1);
    struct rng rng = rng_make(99, (uint64_t)_i);
    struct mmu *m = f.m[0];
    uint8_t buffer[64] = {0};
    for (unsigned round = 0; round < 400; round++) {
        for (uint64_t at = 0x1000; at < 0x9000; at += 8) {
            uint64_t e = rng_next(&rng), how = e >> 60;
            if (how < 10) /* mostly another of these tables, or low RAM */
                e = (e & (how < 6 ? 0x7fff : 0x3ffffff)) | P | RW | US;
            else if (how < 12)
                e = (e & bits_mask(40)) | P | RW | US;
            fix_put(&f, at, e);
        }
        uint64_t r = rng_next(&rng);
        f.ctx.cr3 = 0x1000 + (r & 0x3000);
        f.ctx.cr4 =
            (r >> 16) & (CR4_PSE | CR4_PGE | CR4_LA57 | CR4_SMEP | CR4_SMAP);
        f.ctx.efer = 0;
        f.ctx.cpl = (r >> 40 & 1) != 0 ? 3 : 0;
        if ((r >> 41 & 3) != 0) {
            f.ctx.cr4 |= CR4_PAE;
            f.ctx.efer = EFER_LONG;
        } else if ((r >> 43 & 1) != 0) {
            f.ctx.cr4 = (f.ctx.cr4 | CR4_PAE) & ~CR4_LA57;
            if (!mmu_load_pdptes(m, f.ctx.cr3, f.ctx.pdpte))
                f.ctx.pdpte[0] = FIX_CR3 | P;
        }
        fix_context(&f);
        for (unsigned k = 0; k < 300; k++) {
            r = rng_next(&rng);
            uint64_t lin = bits_sext(r & (r >> 7), 57), pline;
            unsigned len = 1 + (unsigned)(r >> 58);
            const uint8_t *host;
            uint8_t *bulk;
            if ((f.ctx.efer & EFER_LMA) == 0)
                lin &= bits_mask(32);
            bool done = false;
            switch (r >> 3 & 7) {
            case 0: done = mmu_fetch(m, lin, &pline, &host); break;
            case 1: done = mmu_fetch_peek(m, lin, &pline, &host); break;
            case 2: done = mmu_probe(m, lin, 4096, MMU_WRITE); break;
            case 3:
                done = mmu_bulk(m, lin, len, MMU_WRITE, 1, &bulk) != 0;
                break;
            case 4: mmu_clflush(m, lin); break;
            case 5: done = mmu_write(m, lin, len, MMU_WRITE, buffer); break;
            default: done = mmu_read(m, lin, len, MMU_READ, buffer); break;
            }
            ck_assert(done || mmu_fault(m)->error_code < 32);
        }
    }
    fix_destroy(&f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("mmu");
    TCase *t = tcase_create("mmu");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_combination_of_rights, 0, 2);
    tcase_add_loop_test(t, not_present_and_reserved_error_codes, 0, 2);
    tcase_add_loop_test(t, flags_are_set_at_every_level, 0, 2);
    tcase_add_loop_test(t, a_split_store_that_faults_writes_nothing, 0, 2);
    tcase_add_loop_test(t, without_long_mode_addresses_wrap, 0, 2);
    tcase_add_loop_test(t, pae_takes_its_tables_from_the_pdpte_registers, 0, 2);
    tcase_add_loop_test(t, legacy_pages_of_4_mbytes, 0, 2);
    tcase_add_loop_test(t, devices_see_aligned_accesses_of_at_most_8_bytes, 0,
                        2);
    tcase_add_loop_test(t, stores_to_translated_code_are_told, 0, 2);
    tcase_add_test(t, types_combine_as_the_table_says);
    tcase_add_test(t, mtrrs_fixed_variable_and_default);
    tcase_add_test(t, uncacheable_ram_is_in_no_cache);
    tcase_add_loop_test(t, rom_keeps_its_bytes, 0, 2);
    tcase_add_loop_test(t, probes_and_peeks_cost_nothing, 0, 2);
    tcase_add_loop_test(t, breakpoints_keep_data_out_of_the_filter, 0, 2);
    tcase_add_loop_test(t, bulk_stays_in_its_line_or_page, 0, 2);
    tcase_add_test(t, no_access_costs_more_than_the_bound);
    tcase_add_loop_test(t, random_tables_lead_nowhere_outside_ram, 0, 2);
    suite_add_tcase(s, t);
    return fix_run(s);
}
