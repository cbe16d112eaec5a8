/* SPDX-License-Identifier: Apache-2.0
 * Save areas against the host; what vector, MMX and x87 instructions raise:
 * alignment, page faults that leave everything alone, availability, pending
 * x87 exceptions, reserved MXCSR bits.
 */
#include "tests/unit/vec_rig.h"

struct form {
    const char *name;
    const uint8_t *code, *end;
    unsigned env; /* bytes of x87 environment in memory, 0 for FXSAVE */
};

#define FORMS(F)                                                               \
    F(fxsave64, "fxsave64 (%rbx)", 0)                                          \
    F(fxsave, "fxsave (%rbx)", 0)                                              \
    F(fxrstor64, "fxrstor64 (%rbx)", 0)                                        \
    F(fxrstor, "fxrstor (%rbx)", 0)                                            \
    F(fnstenv, "fnstenv (%rbx)", 28)                                           \
    F(fnstenv16, "data16 fnstenv (%rbx)", 14)                                  \
    F(fldenv, "fldenv (%rbx)", 28)                                             \
    F(fldenv16, "data16 fldenv (%rbx)", 14)                                    \
    F(fnsave, "fnsave 1(%rbx)", 28)                                            \
    F(fnsave16, "data16 fnsave (%rbx)", 14)                                    \
    F(frstor, "frstor (%rbx)", 28)                                             \
    F(frstor16, "data16 frstor (%rbx)", 14)

#define CODE(name, text, env) BARE_CODE(form_##name, text);
FORMS(CODE)
#define ROW(name, text, env) {text, form_##name, form_##name##_end, env},
static const struct form forms[] = {FORMS(ROW)};

static void random_state(struct vec_state *s, struct rng *g)
{
    vec_random(s, g);
    uint64_t k = rng_next(g);
    uint32_t cw = (uint32_t)(k & 0x0f3f) | 0x40;
    fx_put(s, FX_FCW, 2, cw);
    fx_put(s, FX_FSW, 2, (k >> 16 & 0x7f00) | (k >> 32 & cw & 0x3f));
    fx_put(s, FX_FTW, 1, k >> 56);
    fx_put(s, FX_MXCSR, 4, 0x1f80 | (k >> 40 & 0xe07f));
    for (unsigned i = 0; i < 8; i++) {
        fx_put(s, FX_ST + 16 * i, 8, vec_value(g));
        uint64_t e = rng_next(g);
        fx_put(s, FX_ST + 16 * i + 8, 2, e & 1 ? e >> 8 & 0xffff : 0);
    }
    uint32_t mxcsr = 0x1f80 | (uint32_t)(rng_next(g) & 0xe07f);
    memcpy(s->memory + FX_MXCSR, &mxcsr, 4);
}

/* Pointers, opcodes and MXCSR_MASK are the vendor's. */
static void forget(struct vec_state *s, const struct form *f)
{
    if (f->env == 0) {
        memset(s->memory + 6, 0, 18);
        memset(s->memory + 28, 0, 4);
    } else {
        unsigned at = strstr(f->name, "1(%rbx)") != NULL ? 1 : 0;
        memset(s->memory + at + 3 * f->env / 7, 0, 4 * f->env / 7);
    }
}

START_TEST(areas)
{
    struct vec_rig r;
    struct rng g = rng_make(22, 0);
    unsigned wrong = 0;
    vec_host_create();
    vec_create(&r, _i == 0 ? "off" : "simple");
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *f = &forms[i];
        size_t size = (size_t)(f->end - f->code);
        uint64_t at = vec_place(&r, f->code, size);
        for (unsigned k = 0; k < 500; k++) {
            struct vec_state in, host, sim;
            random_state(&in, &g);
            host = sim = in;
            vec_host_run(&host, f->code, size);
            vec_run(&r, &sim, at, size);
            forget(&host, f);
            forget(&sim, f);
            if (vec_equal(&host, &sim, 0xffff))
                continue;
            if (wrong++ < 20) {
                fprintf(stderr, "--- %s, case %u\n", f->name, k);
                vec_print("in  ", &in);
                vec_print("host", &host);
                vec_print("sim ", &sim);
                for (unsigned b = 0; b < VEC_MEMORY; b++)
                    if (host.memory[b] != sim.memory[b])
                        fprintf(stderr, "  byte %u: host %02x sim %02x\n", b,
                                host.memory[b], sim.memory[b]);
            }
            break;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    bare_destroy(&r.b);
}
END_TEST

/* --- faults --- */

/* Run code with RBX = rbx from a random state; the vector, and that no
 * register changed when there is one. */
static int run_at(struct vec_rig *r, const uint8_t *code, const uint8_t *end,
                  uint64_t rbx)
{
    struct cpu *c = r->b.cpu;
    struct vec_state in, out;
    struct rng g = rng_make(23, rbx);
    vec_random(&in, &g);
    fx_put(&in, FX_FTW, 1, 0x0f);
    fx_put(&in, FX_FSW, 2, c->x87.fsw);
    fx_put(&in, FX_FCW, 2, c->x87.fcw);
    fx_put(&in, FX_MXCSR, 4, c->mxcsr);
    in.rdi = rbx;
    size_t size = (size_t)(end - code);
    uint64_t at = vec_place(r, code, size);
    vec_to_cpu(c, &in);
    c->gpr[REG_RBX] = rbx;
    c->rip = at;
    c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
    ck_assert_int_eq(cpu_run(c, c->account.cycles + 100000), CPU_STOP_HALT);
    if (c->rip == at + size + 1)
        return -1;
    out = in;
    vec_from_cpu(c, &out);
    ck_assert(memcmp(out.fx, in.fx, 416) == 0);
    ck_assert(out.rax == in.rax && out.rcx == in.rcx && out.rdx == in.rdx);
    return (int)((c->rip - 1 - BARE_HANDLERS) / 16);
}

#define RUN(r, name, rbx) run_at((r), name, name##_end, (rbx))

BARE_CODE(f_addps, "addps (%rbx), %xmm1");
BARE_CODE(f_movaps, "movaps (%rbx), %xmm1");
BARE_CODE(f_movaps_st, "movaps %xmm1, (%rbx)");
BARE_CODE(f_movups, "movups (%rbx), %xmm1");
BARE_CODE(f_movups_st, "movups %xmm1, (%rbx)");
BARE_CODE(f_pcmpistri, "pcmpistri $0, (%rbx), %xmm1");
BARE_CODE(f_lddqu, "lddqu (%rbx), %xmm1");
BARE_CODE(f_pmovzx, "pmovzxbw (%rbx), %xmm1");
BARE_CODE(f_pshufd, "pshufd $1, (%rbx), %xmm1");
BARE_CODE(f_addsd, "addsd (%rbx), %xmm1");
BARE_CODE(f_palignr, "palignr $1, (%rbx), %xmm1");
BARE_CODE(f_cvtpd2pi, "cvtpd2pi (%rbx), %mm1");
BARE_CODE(f_paddb_mm, "paddb (%rbx), %mm1");
BARE_CODE(f_fxsave, "fxsave (%rbx)");
BARE_CODE(f_fxrstor, "fxrstor (%rbx)");
BARE_CODE(f_ldmxcsr, "ldmxcsr (%rbx)");
BARE_CODE(f_fld, "fldl (%rbx)");
BARE_CODE(f_fst, "fstps (%rbx)");
BARE_CODE(f_fnsave, "fnsave (%rbx)");
BARE_CODE(f_maskmovdqu, "maskmovdqu %xmm1, %xmm0");
BARE_CODE(f_divsd, "divsd %xmm1, %xmm0");
BARE_CODE(f_fadd, "fadd %st(1), %st");
BARE_CODE(f_fwait, "fwait");
BARE_CODE(f_fnstsw, "fnstsw (%rbx)");
BARE_CODE(f_emms, "emms");
BARE_CODE(f_movntq, "movntq %mm0, (%rbx)");

START_TEST(alignment)
{
    struct vec_rig r;
    vec_create(&r, _i == 0 ? "off" : "simple");
    uint64_t odd = BARE_DATA + 8;
    for (unsigned pass = 0; pass < 2; pass++) { /* filter cold, then warm */
        ck_assert_int_eq(RUN(&r, f_addps, BARE_DATA), -1);
        ck_assert_int_eq(RUN(&r, f_addps, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_movaps, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_movaps_st, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_pshufd, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_palignr, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_cvtpd2pi, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_fxsave, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_fxrstor, odd), EXC_GP);
        ck_assert_int_eq(RUN(&r, f_movups, odd), -1);
        ck_assert_int_eq(RUN(&r, f_movups_st, odd), -1);
        ck_assert_int_eq(RUN(&r, f_pcmpistri, odd), -1);
        ck_assert_int_eq(RUN(&r, f_lddqu, odd), -1);
        ck_assert_int_eq(RUN(&r, f_pmovzx, odd + 1), -1);
        ck_assert_int_eq(RUN(&r, f_addsd, odd + 1), -1);
        ck_assert_int_eq(RUN(&r, f_paddb_mm, odd + 1), -1);
    }
    bare_destroy(&r.b);
}
END_TEST

/* The page after BARE_PAGES is absent. */
START_TEST(page_faults)
{
    struct vec_rig r;
    vec_create(&r, _i == 0 ? "off" : "simple");
    uint64_t gone = BARE_PAGES + PAGE_SIZE, last = gone - 4;
    bare_put64(&r.b, BARE_PT + 8, 0);
    mmu_flush_all(r.b.cpu->mmu, true, FLUSH_RESET);
    ck_assert_int_eq(RUN(&r, f_addps, gone), EXC_PF);
    ck_assert_uint_eq(r.b.cpu->cr2, gone);
    ck_assert_int_eq(RUN(&r, f_addps, gone + 8), EXC_GP);
    ck_assert_int_eq(RUN(&r, f_movups, last), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_addsd, last), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_fld, last), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_fst, gone), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_paddb_mm, last), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_ldmxcsr, gone), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_fxsave, gone - 256), EXC_PF);
    ck_assert_int_eq(RUN(&r, f_fnsave, gone - 100), EXC_PF);
    uint64_t before = bare_get64(&r.b, last - 4);
    ck_assert_int_eq(RUN(&r, f_movups_st, last), EXC_PF);
    ck_assert_uint_eq(bare_get64(&r.b, last - 4), before);
    bare_destroy(&r.b);
}
END_TEST

/* MASKMOVDQU touches only the bytes it selects, and none if one faults. */
START_TEST(masked_store)
{
    struct vec_rig r;
    vec_create(&r, "off");
    struct cpu *c = r.b.cpu;
    uint64_t gone = BARE_PAGES + PAGE_SIZE;
    bare_put64(&r.b, BARE_PT + 8, 0);
    mmu_flush_all(c->mmu, true, FLUSH_RESET);
    uint64_t at =
        vec_place(&r, f_maskmovdqu, (size_t)(f_maskmovdqu_end - f_maskmovdqu));
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < 16; i++) {
            c->v[0].u8[i] = (uint8_t)(0x10 + i);
            c->v[1].u8[i] = i < 8 && i % 2 == 0 ? 0x80 : 0x7f;
        }
        if (k == 1)
            c->v[1].u8[12] = 0xff;
        if (k == 2)
            memset(c->v[1].u8, 0, 16);
        bare_put64(&r.b, gone - 8, 0);
        c->gpr[REG_RDI] = k == 2 ? gone : gone - 8;
        c->rip = at;
        c->activity = ACTIVITY_RUN;
        ck_assert_int_eq(cpu_run(c, c->account.cycles + 100000), CPU_STOP_HALT);
        uint64_t v = bare_get64(&r.b, gone - 8);
        if (k == 0)
            ck_assert_uint_eq(v, UINT64_C(0x0016001400120010));
        else
            ck_assert_uint_eq(v, 0);
        if (k == 1) {
            ck_assert_uint_eq(c->rip, BARE_HANDLERS + 16 * EXC_PF + 1);
            ck_assert_uint_eq(c->cr2, gone + 4);
        }
    }
    bare_destroy(&r.b);
}
END_TEST

enum {
    CR0_MP = 2,
    CR0_EM = 4,
    CR0_TS = 8,
    CR0_NE = 32,
    OSFXSR = 0x200,
    OSXMMEXCPT = 0x400
};

START_TEST(availability)
{
    struct vec_rig r;
    vec_create(&r, "off");
    struct cpu *c = r.b.cpu;
    c->cr0 |= CR0_TS;
    ck_assert_int_eq(RUN(&r, f_addps, BARE_DATA), EXC_NM);
    ck_assert_int_eq(RUN(&r, f_paddb_mm, BARE_DATA), EXC_NM);
    ck_assert_int_eq(RUN(&r, f_fld, BARE_DATA), EXC_NM);
    ck_assert_int_eq(RUN(&r, f_fxsave, BARE_DATA), EXC_NM);
    ck_assert_int_eq(RUN(&r, f_ldmxcsr, BARE_DATA), EXC_NM);
    ck_assert_int_eq(RUN(&r, f_fwait, BARE_DATA), EXC_NM);
    c->cr0 &= ~UINT64_C(2);
    ck_assert_int_eq(RUN(&r, f_fwait, BARE_DATA), -1);
    c->cr0 = (c->cr0 | CR0_EM | CR0_MP) & ~(uint64_t)CR0_TS;
    ck_assert_int_eq(RUN(&r, f_addps, BARE_DATA), EXC_UD);
    ck_assert_int_eq(RUN(&r, f_paddb_mm, BARE_DATA), EXC_UD);
    ck_assert_int_eq(RUN(&r, f_emms, BARE_DATA), EXC_UD);
    ck_assert_int_eq(RUN(&r, f_fld, BARE_DATA), EXC_NM);
    c->cr0 &= ~(uint64_t)CR0_EM;
    c->cr4 &= ~(uint64_t)OSFXSR;
    ck_assert_int_eq(RUN(&r, f_addps, BARE_DATA), EXC_UD);
    ck_assert_int_eq(RUN(&r, f_ldmxcsr, BARE_DATA), EXC_UD);
    ck_assert_int_eq(RUN(&r, f_paddb_mm, BARE_DATA), -1);
    ck_assert_int_eq(RUN(&r, f_movntq, BARE_DATA), -1);
    bare_destroy(&r.b);
}
END_TEST

START_TEST(control_words)
{
    struct vec_rig r;
    vec_create(&r, "off");
    struct cpu *c = r.b.cpu;
    bare_put64(&r.b, BARE_DATA, 0x10000);
    ck_assert_int_eq(RUN(&r, f_ldmxcsr, BARE_DATA), EXC_GP);
    bare_put64(&r.b, BARE_DATA, 0xffff);
    ck_assert_int_eq(RUN(&r, f_ldmxcsr, BARE_DATA), -1);
    ck_assert_uint_eq(fpu_mxcsr_read(c), 0xffff);
    bare_put64(&r.b, BARE_DATA + 24, 0x20000); /* MXCSR in the area */
    ck_assert_int_eq(RUN(&r, f_fxrstor, BARE_DATA), EXC_GP);
    bare_destroy(&r.b);
}
END_TEST

static void put_f64(struct cpu *c, unsigned n, double x)
{
    memcpy(c->v[n].u8, &x, 8);
}

/* 1 / 0 with #Z unmasked: #XM, or #UD without OSXMMEXCPT. */
START_TEST(simd_exception)
{
    struct vec_rig r;
    vec_create(&r, _i == 0 ? "off" : "simple");
    struct cpu *c = r.b.cpu;
    uint64_t at = vec_place(&r, f_divsd, (size_t)(f_divsd_end - f_divsd));
    for (unsigned k = 0; k < 3; k++) {
        c->mxcsr = k == 0 ? 0x1f80 : 0x1d80;
        c->cr4 = k == 2 ? c->cr4 & ~(uint64_t)OSXMMEXCPT : c->cr4;
        put_f64(c, 0, 1.0);
        put_f64(c, 1, 0.0);
        c->rip = at;
        c->activity = ACTIVITY_RUN;
        cpu_update_mode(c);
        ck_assert_int_eq(cpu_run(c, c->account.cycles + 100000), CPU_STOP_HALT);
        ck_assert_uint_eq(c->mxcsr & MXCSR_FLAGS, 4);
        ck_assert_uint_eq(c->v[0].u64[0], k == 0
                                              ? UINT64_C(0x7ff0000000000000)
                                              : UINT64_C(0x3ff0000000000000));
        uint64_t handler = BARE_HANDLERS + 16 * (k == 1 ? EXC_XM : EXC_UD) + 1;
        if (k != 0)
            ck_assert_uint_eq(c->rip, handler);
    }
    bare_destroy(&r.b);
}
END_TEST

/* A pending x87 exception is delivered by the next waiting instruction. */
START_TEST(pending_mf)
{
    struct vec_rig r;
    vec_create(&r, _i == 0 ? "off" : "simple");
    struct cpu *c = r.b.cpu;
    c->x87.fcw = 0x37e;
    c->x87.fsw = 0x8081; /* IE, ES, B */
    ck_assert_int_eq(RUN(&r, f_fadd, BARE_DATA), EXC_MF);
    ck_assert_int_eq(RUN(&r, f_fwait, BARE_DATA), EXC_MF);
    ck_assert_int_eq(RUN(&r, f_fld, BARE_DATA), EXC_MF);
    ck_assert_int_eq(RUN(&r, f_fst, BARE_DATA), EXC_MF);
    ck_assert_int_eq(RUN(&r, f_emms, BARE_DATA), EXC_MF);
    ck_assert_int_eq(RUN(&r, f_paddb_mm, BARE_DATA), EXC_MF);
    ck_assert_int_eq(RUN(&r, f_addps, BARE_DATA), -1);
    ck_assert_int_eq(RUN(&r, f_fnstsw, BARE_DATA), -1);
    ck_assert_int_eq(RUN(&r, f_fxsave, BARE_DATA), -1);
    ck_assert_uint_eq(bare_get64(&r.b, BARE_DATA) >> 16 & 0xffff, 0x8081);
    /* CR0.NE clear: FERR# is not modelled and says so. */
    c->cr0 &= ~(uint64_t)CR0_NE;
    c->rip = vec_place(&r, f_fwait, (size_t)(f_fwait_end - f_fwait));
    c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
    ck_assert_int_eq(cpu_run(c, c->account.cycles + 100000),
                     CPU_STOP_UNMODELLED);
    ck_assert_ptr_nonnull(strstr(cpu_stop_reason(c), "FERR#"));
    bare_destroy(&r.b);
}
END_TEST

/* The host's own rounding and flags survive guest code. */
START_TEST(host_control)
{
    struct vec_rig r;
    vec_create(&r, "off");
    uint32_t mine = 0x9fc0, after;
    __asm__ volatile("ldmxcsr %0" : : "m"(mine));
    r.b.cpu->mxcsr = 0x7f80;
    int vector = RUN(&r, f_addps, BARE_DATA);
    __asm__ volatile("stmxcsr %0" : "=m"(after));
    uint32_t plain = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(plain));
    ck_assert_int_eq(vector, -1);
    ck_assert_uint_eq(after, mine);
    bare_destroy(&r.b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vec_state");
    TCase *t = tcase_create("state");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, areas, 0, 2);
    tcase_add_loop_test(t, alignment, 0, 2);
    tcase_add_loop_test(t, page_faults, 0, 2);
    tcase_add_test(t, masked_store);
    tcase_add_test(t, availability);
    tcase_add_test(t, control_words);
    tcase_add_loop_test(t, simd_exception, 0, 2);
    tcase_add_loop_test(t, pending_mf, 0, 2);
    tcase_add_test(t, host_control);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
