/* SPDX-License-Identifier: Apache-2.0
 * VEX-encoded vector instructions where they fault or must not: masked
 * elements at the end of a page, gathers in the middle, alignment, encodings
 * that are #UD, availability, modes with eight registers.
 */
#include "tests/unit/vec_rig.h"

/* Run code with RBX = rbx from state *s, which becomes the one after; the
 * vector, -1 for none. */
static int run(struct vec_rig *r, const uint8_t *code, const uint8_t *end,
               uint64_t rbx, struct vec_state *s)
{
    struct cpu *c = r->b.cpu;
    size_t size = (size_t)(end - code);
    uint64_t at = vec_place(r, code, size);
    vec_to_cpu(c, s);
    c->gpr[REG_RBX] = rbx;
    c->rip = at;
    c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
    ck_assert_int_eq(cpu_run(c, c->account.cycles + 100000), CPU_STOP_HALT);
    vec_from_cpu(c, s);
    if (c->rip == at + size + 1)
        return -1;
    return (int)((c->rip - 1 - BARE_HANDLERS) / 16);
}
#define RUN(r, name, rbx, s) run((r), name, name##_end, (rbx), (s))

static void fresh(struct vec_state *s)
{
    struct rng g = rng_make(31, 0);
    vec_random(s, &g);
}

static uint32_t lane32(const struct vec_state *s, unsigned n, unsigned i)
{
    uint32_t v;
    memcpy(&v,
           i < 4 ? s->fx + FX_XMM + 16 * n + 4 * i
                 : s->hi + 16 * n + 4 * (i - 4),
           4);
    return v;
}

static void set_lane32(struct vec_state *s, unsigned n, unsigned i, uint32_t v)
{
    memcpy(i < 4 ? s->fx + FX_XMM + 16 * n + 4 * i
                 : s->hi + 16 * n + 4 * (i - 4),
           &v, 4);
}

/* Elements whose bit in `chosen` is set have their mask on. */
static void set_mask(struct vec_state *s, unsigned n, unsigned chosen)
{
    for (unsigned i = 0; i < 8; i++)
        set_lane32(s, n, i, chosen >> i & 1 ? 0x80000000u : 0x7fffffffu);
}

/* The second page of BARE_PAGES goes away; the first holds its own offsets
 * in each dword. */
static uint64_t page_end(struct vec_rig *r)
{
    for (uint32_t i = 0; i < PAGE_SIZE; i += 4)
        ck_assert(memsys_write(r->b.memory, (hpa){BARE_PAGES + i}, 4, &i));
    bare_put64(&r->b, BARE_PT + 8, 0);
    mmu_flush_all(r->b.cpu->mmu, true, FLUSH_RESET);
    return BARE_PAGES + PAGE_SIZE;
}

BARE_CODE(m_load, "vmaskmovps (%rbx), %ymm2, %ymm0");
BARE_CODE(m_load_q, "vpmaskmovq (%rbx), %xmm2, %xmm0");
BARE_CODE(m_store, "vpmaskmovd %ymm1, %ymm2, (%rbx)");

START_TEST(masked_moves)
{
    struct vec_rig r;
    struct vec_state s, in;
    vec_create(&r, _i == 0 ? "off" : "simple");
    struct cpu *c = r.b.cpu;
    uint64_t end = page_end(&r);
    for (unsigned pass = 0; pass < 2; pass++) {
        fresh(&s);
        set_mask(&s, 2, 0x0f); /* the chosen four lie before the end */
        ck_assert_int_eq(RUN(&r, m_load, end - 16, &s), -1);
        for (unsigned i = 0; i < 8; i++)
            ck_assert_uint_eq(lane32(&s, 0, i), i < 4 ? 4080 + 4 * i : 0);
        set_mask(&s, 2, 0); /* nothing is touched, not even counted */
        uint64_t loads = c->count.loads, stores = c->count.stores;
        ck_assert_int_eq(RUN(&r, m_load, end, &s), -1);
        ck_assert_uint_eq(c->count.loads, loads);
        ck_assert_int_eq(RUN(&r, m_store, end, &s), -1);
        ck_assert_uint_eq(c->count.stores, stores);
        for (unsigned i = 0; i < 8; i++)
            ck_assert_uint_eq(lane32(&s, 0, i), 0);
        fresh(&s);
        set_mask(&s, 2, 0x11); /* the fifth does not */
        in = s;
        ck_assert_int_eq(RUN(&r, m_load, end - 16, &s), EXC_PF);
        ck_assert_uint_eq(c->cr2, end);
        ck_assert(memcmp(s.fx, in.fx, 416) == 0);
        ck_assert(memcmp(s.hi, in.hi, sizeof s.hi) == 0);
        set_mask(&s, 2, 0x12); /* a store that faults stores nothing */
        ck_assert_int_eq(RUN(&r, m_store, end - 16, &s), EXC_PF);
        ck_assert_uint_eq(bare_get64(&r.b, end - 16),
                          UINT64_C(4084) << 32 | 4080);
        set_mask(&s, 2, 0x0a);
        ck_assert_int_eq(RUN(&r, m_store, end - 16, &s), -1);
        ck_assert_uint_eq(bare_get64(&r.b, end - 16),
                          (uint64_t)lane32(&s, 1, 1) << 32 | 4080);
        ck_assert_uint_eq(bare_get64(&r.b, end - 8),
                          (uint64_t)lane32(&s, 1, 3) << 32 | 4088);
        page_end(&r);       /* its values again */
        set_mask(&s, 2, 2); /* the high dword of the first qword */
        ck_assert_int_eq(RUN(&r, m_load_q, end - 8, &s), -1);
        ck_assert_uint_eq(lane32(&s, 0, 0), 4088);
        ck_assert_uint_eq(lane32(&s, 0, 1), 4092);
        ck_assert_uint_eq(lane32(&s, 0, 2), 0);
    }
    bare_destroy(&r.b);
}
END_TEST

BARE_CODE(g_dd, "vpgatherdd %ymm2, (%rbx,%ymm1,4), %ymm0");
BARE_CODE(g_qd, "vpgatherqd %xmm2, (%rbx,%ymm1,1), %xmm0");

/* Faults are delivered from right to left; what was loaded before stays, and
 * its mask is cleared, so that the instruction goes on where it was. */
START_TEST(gathers)
{
    struct vec_rig r;
    struct vec_state s, in;
    vec_create(&r, _i == 0 ? "off" : "simple");
    struct cpu *c = r.b.cpu;
    uint64_t end = page_end(&r);
    fresh(&s);
    set_mask(&s, 2, 0xed);
    for (unsigned i = 0; i < 8; i++)
        set_lane32(&s, 1, i, 0u - 8 + i);
    set_lane32(&s, 1, 3, 1);    /* end + 4 */
    set_lane32(&s, 1, 5, 1024); /* end + 4096, a page that is there */
    set_lane32(&s, 1, 6, 0);    /* end: faults too */
    in = s;
    ck_assert_int_eq(RUN(&r, g_dd, end, &s), EXC_PF);
    ck_assert_uint_eq(c->cr2, end + 4);
    ck_assert_uint_eq(lane32(&s, 0, 0), 4096 - 32);
    ck_assert_uint_eq(lane32(&s, 0, 1), lane32(&in, 0, 1));
    ck_assert_uint_eq(lane32(&s, 0, 2), 4096 - 24);
    for (unsigned i = 3; i < 8; i++)
        ck_assert_uint_eq(lane32(&s, 0, i), lane32(&in, 0, i));
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(lane32(&s, 2, i) >> 31, 0xe8u >> i & 1);
    bare_put64(&r.b, BARE_PT + 8, end | 7);
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
    uint64_t loads = c->count.loads;
    bare_put64(&r.b, end, UINT64_C(0x2222222211111111));
    ck_assert_int_eq(RUN(&r, g_dd, end, &s), -1);
    ck_assert_uint_eq(c->count.loads, loads + 4);
    ck_assert_uint_eq(lane32(&s, 0, 3), 0x22222222);
    ck_assert_uint_eq(lane32(&s, 0, 4), lane32(&in, 0, 4));
    ck_assert_uint_eq(lane32(&s, 0, 6), 0x11111111);
    ck_assert_uint_eq(lane32(&s, 0, 7), 4092);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(lane32(&s, 2, i), 0);
    /* A non-canonical address in the second element: #GP. */
    set_mask(&s, 2, 0x0f);
    for (unsigned i = 0; i < 8; i++)
        set_lane32(&s, 1, i, i == 3 ? 0x10000000 : 0);
    ck_assert_int_eq(RUN(&r, g_qd, end, &s), EXC_GP);
    ck_assert_uint_eq(lane32(&s, 0, 0), 0x11111111);
    ck_assert_uint_eq(lane32(&s, 2, 0), 0);
    ck_assert_uint_eq(lane32(&s, 2, 1) >> 31, 1);
    bare_destroy(&r.b);
}
END_TEST

/* The same at CPL 3, with a task state for the way back. */
static int run_user(struct vec_rig *r, const uint8_t *code, const uint8_t *end,
                    uint64_t rbx, struct vec_state *s)
{
    enum { TASK = 0x7000, RSP0 = 4 };
    struct cpu *c = r->b.cpu;
    bare_put64(&r->b, TASK + RSP0, BARE_STACK);
    c->seg[SEG_TR] = (struct segment){
        .base = TASK, .limit = 0x67, .attr = 0x8b, .selector = 0x18};
    for (unsigned i = SEG_CS; i <= SEG_SS; i++) {
        c->seg[i].attr |= 3 << SEG_ATTR_DPL_SHIFT;
        c->seg[i].selector |= 3;
    }
    return run(r, code, end, rbx, s);
}

BARE_CODE(a_movaps, "vmovaps (%rbx), %ymm1");
BARE_CODE(a_movaps_x, "vmovaps (%rbx), %xmm1");
BARE_CODE(a_movdqa_st, "vmovdqa %ymm1, (%rbx)");
BARE_CODE(a_movntps, "vmovntps %ymm1, (%rbx)");
BARE_CODE(a_movntdqa, "vmovntdqa (%rbx), %ymm1");
BARE_CODE(a_movups, "vmovups (%rbx), %ymm1");
BARE_CODE(a_movdqu_st, "vmovdqu %ymm1, (%rbx)");
BARE_CODE(a_paddb, "vpaddb (%rbx), %ymm1, %ymm1");
BARE_CODE(a_pshufd, "vpshufd $1, (%rbx), %xmm1");
BARE_CODE(a_movq, "vmovq (%rbx), %xmm1");

START_TEST(alignment)
{
    static const struct {
        const uint8_t *code, *end;
        unsigned gp; /* #GP unless aligned to that */
        unsigned ac; /* #AC, when checked, unless aligned to that */
    } rows[] = {
        {a_movaps, a_movaps_end, 32, 0},
        {a_movaps_x, a_movaps_x_end, 16, 0},
        {a_movdqa_st, a_movdqa_st_end, 32, 0},
        {a_movntps, a_movntps_end, 32, 0},
        {a_movntdqa, a_movntdqa_end, 32, 0},
        {a_movups, a_movups_end, 0, 16},
        {a_movdqu_st, a_movdqu_st_end, 0, 16},
        {a_paddb, a_paddb_end, 0, 16},
        {a_pshufd, a_pshufd_end, 0, 16},
        {a_movq, a_movq_end, 0, 8},
        {m_load, m_load_end, 0, 0},
        {m_store, m_store_end, 0, 0},
    };
    struct vec_rig r;
    struct vec_state s;
    vec_create(&r, _i == 0 ? "off" : "simple");
    struct cpu *c = r.b.cpu;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned by = 1; by <= 32; by *= 2) {
            int gp = by < rows[i].gp ? EXC_GP : -1;
            fresh(&s);
            ck_assert_int_eq(
                run(&r, rows[i].code, rows[i].end, BARE_DATA + by, &s), gp);
            ck_assert_int_eq(/* the filter is warm now */
                             run(&r, rows[i].code, rows[i].end, BARE_DATA + by,
                                 &s),
                             gp);
        }
    /* CPL 3 with CR0.AM and EFLAGS.AC: HLT is then #GP itself, so that only
     * the first event's vector counts. */
    c->cr0 |= UINT64_C(1) << 18;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned by = 1; by <= 32; by *= 2) {
            int want = by < rows[i].gp   ? EXC_GP
                       : by < rows[i].ac ? EXC_AC
                                         : EXC_GP; /* of HLT */
            fresh(&s);
            s.flags |= FLAG_AC;
            ck_assert_int_eq(
                run_user(&r, rows[i].code, rows[i].end, BARE_DATA + by, &s),
                want);
        }
    bare_destroy(&r.b);
}
END_TEST

/* Encodings that are #UD: SDM Vol.2 "Intel Advanced Vector Extensions". */
START_TEST(invalid_encodings)
{
    static const struct {
        uint8_t byte[10];
        uint8_t size;
        bool valid;
    } rows[] = {
        {{0xc5, 0xf8, 0x28, 0xc1}, 4, true},        /* vmovaps */
        {{0xf0, 0xc5, 0xf8, 0x28, 0x03}, 5, false}, /* LOCK before VEX */
        {{0x66, 0xc5, 0xf8, 0x28, 0xc1}, 5, false},
        {{0xf2, 0xc5, 0xf8, 0x28, 0xc1}, 5, false},
        {{0xf3, 0xc5, 0xf8, 0x28, 0xc1}, 5, false},
        {{0x48, 0xc5, 0xf8, 0x28, 0xc1}, 5, false},
        {{0xc5, 0xf0, 0x28, 0xc1}, 4, false}, /* vvvv not 1111b */
        {{0xc5, 0xf8, 0x77}, 3, true},        /* vzeroupper */
        {{0xc5, 0xf0, 0x77}, 3, false},
        {{0xc5, 0xf9, 0x6e, 0xc1}, 4, true},              /* vmovd */
        {{0xc5, 0xfd, 0x6e, 0xc1}, 4, false},             /* L = 1 */
        {{0xc5, 0xf8, 0x12, 0x03}, 4, true},              /* vmovlps */
        {{0xc5, 0xfc, 0x12, 0x03}, 4, false},             /* L = 1 */
        {{0xc5, 0xfa, 0x10, 0xc1}, 4, true},              /* vmovss */
        {{0xc5, 0xfe, 0x10, 0xc1}, 4, true},              /* L ignored */
        {{0xc4, 0xe3, 0xfd, 0x00, 0xc1, 0x1b}, 6, true},  /* vpermq */
        {{0xc4, 0xe3, 0x7d, 0x00, 0xc1, 0x1b}, 6, false}, /* W = 0 */
        {{0xc4, 0xe3, 0xf9, 0x00, 0xc1, 0x1b}, 6, false}, /* L = 0 */
        {{0xc4, 0xe3, 0x6d, 0x06, 0xc1, 0x20}, 6, true},  /* vperm2f128 */
        {{0xc4, 0xe3, 0xed, 0x06, 0xc1, 0x20}, 6, false}, /* W = 1 */
        {{0xc4, 0xe2, 0x7d, 0x1a, 0x03}, 5, true},        /* vbroadcastf128 */
        {{0xc4, 0xe2, 0x7d, 0x1a, 0xc1}, 5, false},       /* of a register */
        {{0xc4, 0xe2, 0x6d, 0x2c, 0x03}, 5, true},        /* vmaskmovps */
        {{0xc4, 0xe2, 0x6d, 0x2c, 0xc1}, 5, false},       /* of a register */
        {{0xc5, 0xfa, 0x70, 0xc1, 0x00}, 5, true},        /* vpshufhw */
        {{0xc5, 0xea, 0x70, 0xc1, 0x00}, 5, false},       /* vvvv */
        {{0xc4, 0xe2, 0x6d, 0x90, 0x04, 0x0b}, 6, true},  /* vpgatherdd */
        {{0xc4, 0xe2, 0x6d, 0x90, 0x0c, 0x0b}, 6, false}, /* dst = index */
        {{0xc4, 0xe2, 0x6d, 0x90, 0x14, 0x0b}, 6, false}, /* dst = mask */
        {{0xc4, 0xe2, 0x6d, 0x90, 0x04, 0x13}, 6, false}, /* mask = index */
        {{0xc4, 0xe2, 0x6d, 0x90, 0x03}, 5, false},       /* no SIB */
        {{0x0f, 0x28, 0xc1}, 3, true},                    /* movaps, legacy */
        {{0x66, 0x0f, 0x38, 0x18, 0xc1}, 5, false}, /* vbroadcastss without
                                                       VEX */
    };
    struct vec_rig r;
    struct vec_state s;
    vec_create(&r, "off");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fresh(&s);
        set_mask(&s, 2, 0);
        int v =
            run(&r, rows[i].byte, rows[i].byte + rows[i].size, BARE_DATA, &s);
        ck_assert_msg(v == (rows[i].valid ? -1 : EXC_UD), "row %zu: %d", i, v);
    }
    bare_destroy(&r.b);
}
END_TEST

BARE_CODE(v_paddb, "vpaddb %ymm1, %ymm2, %ymm0");
BARE_CODE(v_paddb_x, "vpaddb %xmm1, %xmm2, %xmm0");
BARE_CODE(v_broadcast, "vbroadcastss %xmm1, %ymm0");
BARE_CODE(v_broadcast_m, "vbroadcastss (%rbx), %ymm0");
BARE_CODE(v_permq, "vpermq $0, %ymm1, %ymm0");
BARE_CODE(v_zeroall, "vzeroall");
BARE_CODE(v_zeroupper, "vzeroupper");

/* SDM Vol.2 "Exceptions Type 4" and its like: XCR0, CR4, CR0.TS, features. */
START_TEST(availability)
{
    struct vec_rig r;
    struct vec_state s;
    vec_create(&r, "off");
    struct cpu *c = r.b.cpu;
    fresh(&s);
    c->cr0 |= 4; /* EM: of no concern */
    ck_assert_int_eq(RUN(&r, v_paddb, BARE_DATA, &s), -1);
    c->cr0 = (c->cr0 & ~UINT64_C(4)) | 8; /* TS */
    ck_assert_int_eq(RUN(&r, v_paddb, BARE_DATA, &s), EXC_NM);
    c->xcr0 = 3;
    ck_assert_int_eq(RUN(&r, v_paddb, BARE_DATA, &s), EXC_UD);
    c->cr0 &= ~UINT64_C(8);
    c->xcr0 = 7;
    c->cr4 &= ~UINT64_C(0x40000);
    ck_assert_int_eq(RUN(&r, v_paddb, BARE_DATA, &s), EXC_UD);
    c->cr4 |= 0x40000;
    c->config.avx2 = false;
    ck_assert_int_eq(RUN(&r, v_paddb, BARE_DATA, &s), EXC_UD);
    ck_assert_int_eq(RUN(&r, v_paddb_x, BARE_DATA, &s), -1);
    ck_assert_int_eq(RUN(&r, v_broadcast, BARE_DATA, &s), EXC_UD);
    ck_assert_int_eq(RUN(&r, v_broadcast_m, BARE_DATA, &s), -1);
    ck_assert_int_eq(RUN(&r, v_permq, BARE_DATA, &s), EXC_UD);
    c->config.avx = false;
    ck_assert_int_eq(RUN(&r, v_paddb_x, BARE_DATA, &s), EXC_UD);
    bare_destroy(&r.b);
}
END_TEST

/* Outside 64-bit mode there are eight registers. */
START_TEST(eight_registers)
{
    struct vec_rig r;
    struct vec_state s, in;
    vec_create(&r, "off");
    struct cpu *c = r.b.cpu;
    c->seg[SEG_CS].attr =
        (c->seg[SEG_CS].attr & ~(uint32_t)SEG_ATTR_L) | SEG_ATTR_DB;
    fresh(&s);
    in = s;
    ck_assert_int_eq(RUN(&r, v_zeroupper, BARE_DATA, &s), -1);
    for (unsigned i = 0; i < 64; i++) /* dwords of the upper halves */
        ck_assert_uint_eq(lane32(&s, i / 4, 4 + i % 4),
                          i < 32 ? 0 : lane32(&in, i / 4, 4 + i % 4));
    ck_assert(memcmp(s.fx + FX_XMM, in.fx + FX_XMM, 256) == 0);
    s = in;
    ck_assert_int_eq(RUN(&r, v_zeroall, BARE_DATA, &s), -1);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(lane32(&s, i, 0), i < 8 ? 0 : lane32(&in, i, 0));
    ck_assert_uint_eq(lane32(&s, 8, 4), lane32(&in, 8, 4));
    bare_destroy(&r.b);
}
END_TEST

/* A host that lacks what a modelled feature needs is refused by name. */
START_TEST(host_features)
{
    struct cpu_config c = {.avx = true, .fma = true, .f16c = true};
    const char *lacks = NULL;
    ck_assert_ptr_null(
        fpu_host_lacks(&c, HOST_AVX2 | HOST_FMA | HOST_F16C, &lacks));
    ck_assert_str_eq(fpu_host_lacks(&c, HOST_FMA | HOST_F16C, &lacks),
                     "core.avx");
    ck_assert_str_eq(lacks, "AVX2");
    ck_assert_str_eq(fpu_host_lacks(&c, HOST_AVX2 | HOST_F16C, &lacks),
                     "core.fma");
    ck_assert_str_eq(fpu_host_lacks(&c, HOST_AVX2 | HOST_FMA, &lacks),
                     "core.f16c");
    c = (struct cpu_config){.avx2 = false};
    ck_assert_ptr_null(fpu_host_lacks(&c, 0, &lacks));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("avx_faults");
    TCase *t = tcase_create("faults");
    tcase_set_timeout(t, 120);
    if (vec_host_avx()) {
        tcase_add_loop_test(t, masked_moves, 0, 2);
        tcase_add_loop_test(t, gathers, 0, 2);
        tcase_add_loop_test(t, alignment, 0, 2);
        tcase_add_test(t, invalid_encodings);
        tcase_add_test(t, availability);
        tcase_add_test(t, eight_registers);
    }
    tcase_add_test(t, host_features);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
