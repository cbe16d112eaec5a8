/* SPDX-License-Identifier: Apache-2.0
 * The walker: formats, reserved bits, reference counts, nested walks.
 */
#include "tests/unit/mmu_fixture.h"

/* Memory of the walks: a sparse array of 8-byte words. */
enum { WORDS = 1 << 16 };
struct flat {
    uint64_t word[WORDS];
    unsigned reads;
    const struct pt_space *ept; /* the port translates through it */
    struct flat *below;
};

static bool flat_read(void *self, const struct pt_ref *ref, uint64_t *entry)
{
    struct flat *m = self;
    uint64_t at = ref->at;
    if (m->ept != NULL) {
        struct pt_port inner = {m->below, flat_read, NULL};
        struct pt_start from = pt_top(m->ept);
        struct pt_result r;
        pt_walk(m->ept, &inner, &from, at, &r);
        if (r.stop != PT_MAPPED)
            return false;
        at = r.out;
    }
    m->reads++;
    if (at / 8 >= WORDS)
        return false;
    *entry = m->below != NULL ? m->below->word[at / 8] : m->word[at / 8];
    if (ref->bytes == 4)
        *entry = (uint32_t)(*entry >> (at % 8 * 8));
    return true;
}

static bool flat_set(void *self, const struct pt_ref *ref, uint64_t bits)
{
    struct flat *m = self;
    m->word[ref->at / 8] |= bits;
    return true;
}

static const struct pt_controls controls = {
    .maxphyaddr = 40, .nx = true, .pse = true, .pages_1g = true};

static struct flat *fresh(void)
{
    struct flat *m = calloc(1, sizeof *m);
    ck_assert_ptr_nonnull(m);
    return m;
}

static void walk(const struct pt_space *s, struct flat *m, uint64_t in,
                 struct pt_result *r)
{
    struct pt_port port = {m, flat_read, flat_set};
    struct pt_start from = pt_top(s);
    m->reads = 0;
    pt_walk(s, &port, &from, in, r);
}

/* Tables at 0x1000 (top), 0x2000, ...; every index is 0 but the last. */
static void chain(struct flat *m, unsigned levels, uint64_t flags)
{
    for (unsigned k = 0; k + 1 < levels; k++)
        m->word[(0x1000 + k * 0x1000) / 8] = (0x2000 + k * 0x1000) | flags;
}

START_TEST(cold_walks_read_one_entry_a_level)
{
    static const struct {
        const struct pt_format *f;
        unsigned leaf;
        uint64_t page;
    } rows[] = {
        {&pt_format_ia32e4, 1, 0x5000},     {&pt_format_ia32e4, 2, 0x200000},
        {&pt_format_ia32e4, 3, 0x40000000}, {&pt_format_ia32e5, 1, 0x5000},
        {&pt_format_ia32e5, 2, 0x200000},   {&pt_format_ia32e5, 3, 0x40000000},
        {&pt_format_pae, 1, 0x5000},        {&pt_format_pae, 2, 0x200000}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct flat *m = fresh();
        struct pt_space s;
        struct pt_result r;
        unsigned depth = rows[k].f->top - rows[k].leaf + 1U;
        pt_space_init(&s, rows[k].f, 0x1000, &controls);
        chain(m, depth, P | RW | US);
        m->word[(0x1000 * depth) / 8] =
            rows[k].page | P | RW | (rows[k].leaf > 1 ? PS : 0);
        walk(&s, m, 0x123, &r);
        ck_assert_int_eq(r.stop, PT_MAPPED);
        ck_assert_uint_eq(m->reads, depth);
        ck_assert_uint_eq(r.count, depth);
        ck_assert_uint_eq(r.level, rows[k].leaf);
        ck_assert_uint_eq(r.out, rows[k].page + 0x123);
        ck_assert_uint_eq(r.rights, PT_R | PT_W | PT_X);
        free(m);
    }
}
END_TEST

START_TEST(legacy_paging_and_pse36)
{
    struct flat *m = fresh();
    struct pt_space s;
    struct pt_result r;
    pt_space_init(&s, &pt_format_32bit, 0x1000, &controls);
    m->word[0x1000 / 8] = (uint64_t)(0x00400000 | 0x5 << 13 | PS | P) << 32 |
                          0x2000 | P | RW | US;
    m->word[0x2000 / 8 + 1] = (uint64_t)(0x7000 | P | US) << 32;
    walk(&s, m, 0x3456, &r);
    ck_assert_int_eq(r.stop, PT_MAPPED);
    ck_assert_uint_eq(r.count, 2);
    ck_assert_uint_eq(r.out, 0x7456);
    ck_assert_uint_eq(r.rights, PT_R | PT_U | PT_X);
    walk(&s, m, 0x00412345, &r);
    ck_assert_int_eq(r.stop, PT_MAPPED);
    ck_assert_uint_eq(r.out, UINT64_C(0x500412345));
    ck_assert_uint_eq(r.count, 1);
    /* bit 21 is reserved in an entry for a 4-MByte page */
    m->word[0x1000 / 8] |= BIT(21 + 32);
    walk(&s, m, 0x00412345, &r);
    ck_assert_int_eq(r.stop, PT_RESERVED);
    /* without CR4.PSE the PS bit means nothing */
    struct pt_controls no_pse = controls;
    no_pse.pse = false;
    pt_space_init(&s, &pt_format_32bit, 0x1000, &no_pse);
    walk(&s, m, 0x00412345, &r);
    ck_assert_int_ne(r.stop, PT_RESERVED);
    ck_assert_uint_eq(r.level, 1);
    free(m);
}
END_TEST

/* For each level and each bit alone: reserved or not, as the manual's
 * figure of the entry formats says. */
static bool expect_reserved(unsigned level, bool leaf, unsigned bit,
                            const struct pt_controls *c)
{
    if (bit == 63)
        return !c->nx;
    if (bit >= c->maxphyaddr && bit <= 51)
        return true;
    if (bit == 7)
        return level >= 4 || (level == 3 && !c->pages_1g);
    if (!leaf || level == 1)
        return false;
    return bit >= 13 && bit < 12 + 9 * (level - 1);
}

START_TEST(reserved_bits_of_every_level)
{
    for (unsigned variant = 0; variant < 4; variant++) {
        struct pt_controls c = controls;
        c.nx = (variant & 1) != 0;
        c.pages_1g = (variant & 2) != 0;
        struct pt_space s;
        pt_space_init(&s, &pt_format_ia32e5, 0x1000, &c);
        for (unsigned level = 1; level <= 5; level++) {
            for (unsigned large = 0; large < 2; large++) {
                if (large &&
                    (level == 1 || level > 3 || (level == 3 && !c.pages_1g)))
                    continue;
                for (unsigned bit = 1; bit < 64; bit++) {
                    struct flat *m = fresh();
                    struct pt_result r;
                    chain(m, 6 - level, P | RW | US);
                    uint64_t e = P | BIT(bit) | (large ? PS : 0);
                    m->word[0x1000 * (6 - level) / 8] = e;
                    walk(&s, m, 0, &r);
                    bool leaf =
                        level == 1 ||
                        ((e & PS) != 0 && (s.leaf_levels >> level & 1) != 0);
                    bool bad = expect_reserved(level, leaf, bit, &c);
                    ck_assert_msg(
                        (r.stop == PT_RESERVED && r.level == level) == bad,
                        "level %u large %u bit %u", level, large, bit);
                    free(m);
                }
            }
        }
    }
}
END_TEST

START_TEST(rights_come_from_every_level)
{
    struct pt_space s;
    pt_space_init(&s, &pt_format_ia32e4, 0x1000, &controls);
    for (unsigned taker = 0; taker < 4; taker++) {
        for (unsigned what = 0; what < 3; what++) {
            struct flat *m = fresh();
            struct pt_result r;
            chain(m, 4, P | RW | US);
            m->word[0x4000 / 8] = 0x9000 | P | RW | US;
            uint64_t *e = &m->word[(0x1000 + taker * 0x1000) / 8];
            unsigned expected = PT_R | PT_W | PT_U | PT_X;
            if (what == 0) {
                *e &= ~(uint64_t)RW;
                expected &= ~(unsigned)PT_W;
            } else if (what == 1) {
                *e &= ~(uint64_t)US;
                expected &= ~(unsigned)PT_U;
            } else {
                *e |= NX;
                expected &= ~(unsigned)PT_X;
            }
            walk(&s, m, 0, &r);
            ck_assert_uint_eq(r.rights, expected);
            free(m);
        }
    }
}
END_TEST

START_TEST(a_fault_marks_what_was_used_and_no_more)
{
    struct flat *m = fresh();
    struct pt_space s;
    struct pt_result r;
    struct pt_port port = {m, flat_read, flat_set};
    pt_space_init(&s, &pt_format_ia32e4, 0x1000, &controls);
    chain(m, 4, P | RW | US);
    walk(&s, m, 0, &r);
    ck_assert_int_eq(r.stop, PT_NOT_PRESENT);
    ck_assert_uint_eq(r.level, 1);
    pt_mark(&s, &port, &r, true, false);
    for (unsigned k = 0; k < 3; k++)
        ck_assert_uint_eq(m->word[(0x1000 + k * 0x1000) / 8] & (ACC | DIRTY),
                          ACC);
    ck_assert_uint_eq(m->word[0x4000 / 8], 0);
    m->word[0x4000 / 8] = 0x5000 | P;
    walk(&s, m, 0, &r);
    pt_mark(&s, &port, &r, true, true);
    ck_assert_uint_eq(m->word[0x4000 / 8] & (ACC | DIRTY), ACC | DIRTY);
    ck_assert_uint_eq(m->word[0x3000 / 8] & DIRTY, 0);
    free(m);
}
END_TEST

/* A guest walk whose entries, and whose result, are translated by EPT: with
 * 4 levels each 4 * 5 + 4 = 24 references, with 5 each 35. */
static unsigned nested(const struct pt_format *guest,
                       const struct pt_format *host)
{
    struct flat *below = fresh(), *above = fresh();
    struct pt_space g, h;
    struct pt_result r;
    unsigned levels = guest->top, deep = host->top;
    pt_space_init(&h, host, 0x10000, &controls);
    pt_space_init(&g, guest, 0x1000, &controls);
    /* EPT: one table a level, the last maps the low 2 MiB one to one */
    for (unsigned k = 0; k + 1 < deep; k++)
        below->word[(0x10000 + k * 0x1000) / 8] = (0x11000 + k * 0x1000) | 7;
    for (unsigned k = 0; k < 512; k++)
        below->word[(0x10000 + (deep - 1) * 0x1000) / 8 + k] =
            (k << 12) | 7 | 6 << 3;
    chain(below, levels, P | RW | US);
    below->word[levels * 0x1000 / 8] = 0x9000 | P | RW | US;
    above->ept = &h;
    above->below = below;
    walk(&g, above, 0x10, &r);
    ck_assert_int_eq(r.stop, PT_MAPPED);
    uint64_t out = r.out;
    unsigned reads = above->reads + below->reads;
    walk(&h, below, out, &r);
    ck_assert_uint_eq(r.out, 0x9010);
    reads += below->reads;
    free(below);
    free(above);
    return reads;
}

START_TEST(nested_walks_are_the_same_walker)
{
    ck_assert_uint_eq(nested(&pt_format_ia32e4, &pt_format_ept4), 24);
    ck_assert_uint_eq(nested(&pt_format_ia32e5, &pt_format_ept5), 35);
}
END_TEST

START_TEST(ept_rights_and_misconfigurations)
{
    struct pt_space s;
    struct pt_controls c = controls;
    c.execute_only = true;
    pt_space_init(&s, &pt_format_ept4, 0x1000, &c);
    for (unsigned low = 0; low < 8; low++) {
        struct flat *m = fresh();
        struct pt_result r;
        chain(m, 4, 7);
        m->word[0x4000 / 8] = 0x9000 | low | 6 << 3;
        walk(&s, m, 0, &r);
        enum pt_stop expected = PT_MAPPED;
        if (low == 0)
            expected = PT_NOT_PRESENT;
        else if (low == 2 || low == 6)
            expected = PT_RESERVED;
        ck_assert_int_eq(r.stop, expected);
        if (expected == PT_MAPPED)
            ck_assert_uint_eq(r.rights & (PT_R | PT_W | PT_X),
                              (low & 3) | (low & 4) << 1);
        free(m);
    }
    for (unsigned type = 0; type < 8; type++) {
        struct flat *m = fresh();
        struct pt_result r;
        chain(m, 4, 7);
        m->word[0x4000 / 8] = 0x9000 | 7 | type << 3;
        walk(&s, m, 0, &r);
        bool bad = type == 2 || type == 3 || type == 7;
        ck_assert_int_eq(r.stop, bad ? PT_RESERVED : PT_MAPPED);
        free(m);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("walk");
    TCase *t = tcase_create("walk");
    tcase_add_test(t, cold_walks_read_one_entry_a_level);
    tcase_add_test(t, legacy_paging_and_pse36);
    tcase_add_test(t, reserved_bits_of_every_level);
    tcase_add_test(t, rights_come_from_every_level);
    tcase_add_test(t, a_fault_marks_what_was_used_and_no_more);
    tcase_add_test(t, nested_walks_are_the_same_walker);
    tcase_add_test(t, ept_rights_and_misconfigurations);
    suite_add_tcase(s, t);
    return fix_run(s);
}
