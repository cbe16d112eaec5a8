/* SPDX-License-Identifier: Apache-2.0
 * VEX-encoded floating point, FMA and F16C: every row of avx_fp.def and
 * avx_fma.def and every other form against the host executing the same bytes,
 * in all rounding modes, with denormals-are-zero and flush-to-zero, masked and
 * unmasked. Then what the host cannot show: encodings that are #UD, a store
 * that faults.
 */
#include "tests/unit/vec_rig.h"

struct form {
    const char *name;
    const uint8_t *code, *end;
    bool imm; /* the last byte is an immediate: try many */
};

#define REG_128 "%xmm"
#define REG_256 "%ymm"

/* F(name, instruction, ends in imm8): what the rows do not give. */
#define OTHER_FORMS(F)                                                         \
    F(pd2ps_m128, "vcvtpd2psx 5(%rbx), %xmm0", false)                          \
    F(pd2ps_m256, "vcvtpd2psy 5(%rbx), %xmm0", false)                          \
    F(pd2dq_m128, "vcvtpd2dqx 5(%rbx), %xmm0", false)                          \
    F(pd2dq_m256, "vcvtpd2dqy 5(%rbx), %xmm0", false)                          \
    F(tpd2dq_m128, "vcvttpd2dqx 5(%rbx), %xmm0", false)                        \
    F(tpd2dq_m256, "vcvttpd2dqy 5(%rbx), %xmm0", false)                        \
    F(ps2pd_m128, "vcvtps2pd 5(%rbx), %xmm0", false)                           \
    F(ps2pd_m256, "vcvtps2pd 5(%rbx), %ymm0", false)                           \
    F(dq2pd_m128, "vcvtdq2pd 5(%rbx), %xmm0", false)                           \
    F(dq2pd_m256, "vcvtdq2pd 5(%rbx), %ymm0", false)                           \
    F(sqrtps_m256, "vsqrtps 5(%rbx), %ymm0", false)                            \
    F(ps2dq_m256, "vcvtps2dq 5(%rbx), %ymm0", false)                           \
    F(dpps_128, "vdpps $0, %xmm2, %xmm1, %xmm0", true)                         \
    F(dpps_256, "vdpps $0, %ymm2, %ymm9, %ymm0", true)                         \
    F(dpps_m128, "vdpps $0, 5(%rbx), %xmm1, %xmm0", true)                      \
    F(dpps_m256, "vdpps $0, 5(%rbx), %ymm1, %ymm0", true)                      \
    F(dppd, "vdppd $0, %xmm2, %xmm1, %xmm0", true)                             \
    F(dppd_m, "vdppd $0, 7(%rbx), %xmm1, %xmm0", true)                         \
    F(ph2ps_128, "vcvtph2ps %xmm1, %xmm0", false)                              \
    F(ph2ps_256, "vcvtph2ps %xmm1, %ymm0", false)                              \
    F(ph2ps_m128, "vcvtph2ps 61(%rbx), %xmm0", false)                          \
    F(ph2ps_m256, "vcvtph2ps 61(%rbx), %ymm0", false)                          \
    F(ps2ph_128, "vcvtps2ph $0, %xmm1, %xmm0", true)                           \
    F(ps2ph_256, "vcvtps2ph $0, %ymm9, %xmm8", true)                           \
    F(ps2ph_m128, "vcvtps2ph $0, %xmm1, 61(%rbx)", true)                       \
    F(ps2ph_m256, "vcvtps2ph $0, %ymm1, 61(%rbx)", true)                       \
    F(si2ss_32, "vcvtsi2ssl %ecx, %xmm1, %xmm0", false)                        \
    F(si2ss_64, "vcvtsi2ssq %rcx, %xmm1, %xmm0", false)                        \
    F(si2ss_m32, "vcvtsi2ssl 5(%rbx), %xmm1, %xmm0", false)                    \
    F(si2ss_m64, "vcvtsi2ssq 5(%rbx), %xmm1, %xmm0", false)                    \
    F(si2sd_32, "vcvtsi2sdl %ecx, %xmm1, %xmm0", false)                        \
    F(si2sd_64, "vcvtsi2sdq %rcx, %xmm1, %xmm0", false)                        \
    F(si2sd_m32, "vcvtsi2sdl 5(%rbx), %xmm1, %xmm0", false)                    \
    F(si2sd_m64, "vcvtsi2sdq 5(%rbx), %xmm1, %xmm0", false)                    \
    F(ss2si_32, "vcvtss2si %xmm1, %eax", false)                                \
    F(ss2si_64, "vcvtss2si %xmm1, %rax", false)                                \
    F(ss2si_m, "vcvtss2si 4(%rbx), %rax", false)                               \
    F(sd2si_32, "vcvtsd2si %xmm1, %eax", false)                                \
    F(sd2si_64, "vcvtsd2si %xmm1, %rax", false)                                \
    F(sd2si_m, "vcvtsd2si 8(%rbx), %eax", false)                               \
    F(tss2si_32, "vcvttss2si %xmm1, %eax", false)                              \
    F(tss2si_64, "vcvttss2si %xmm1, %rax", false)                              \
    F(tsd2si_32, "vcvttsd2si %xmm1, %eax", false)                              \
    F(tsd2si_64, "vcvttsd2si 8(%rbx), %rax", false)                            \
    F(comiss, "vcomiss %xmm1, %xmm0", false)                                   \
    F(comiss_m, "vcomiss 5(%rbx), %xmm0", false)                               \
    F(ucomiss, "vucomiss %xmm1, %xmm0", false)                                 \
    F(comisd, "vcomisd %xmm1, %xmm0", false)                                   \
    F(ucomisd, "vucomisd %xmm1, %xmm0", false)                                 \
    F(ucomisd_m, "vucomisd 5(%rbx), %xmm0", false)                             \
    F(same, "vfmadd231pd %ymm0, %ymm0, %ymm0", false)

/* Every row from registers and, where one name fits, from memory. */
#define ROWS3(F, m, host)                                                      \
    F(m##_x, host " %xmm2, %xmm1, %xmm0", false)                               \
    F(m##_y, host " %ymm10, %ymm9, %ymm8", false)                              \
    F(m##_xm, host " 5(%rbx), %xmm1, %xmm0", false)                            \
    F(m##_ym, host " 37(%rbx), %ymm1, %ymm0", false)
#define ROWS3_S(F, m, host)                                                    \
    F(m##_x, host " %xmm2, %xmm1, %xmm0", false)                               \
    F(m##_xm, host " 4(%rbx), %xmm9, %xmm0", false)
#define ROWS2(F, m, host, D, S)                                                \
    F(m##_x, host " %xmm1, %xmm0", false)                                      \
    F(m##_y, host " " REG_##S "9, " REG_##D "8", false)
#define ROWS3_I(F, m, host)                                                    \
    F(m##_x, host " $0, %xmm2, %xmm1, %xmm0", true)                            \
    F(m##_y, host " $0, %ymm10, %ymm9, %ymm8", true)                           \
    F(m##_xm, host " $0, 5(%rbx), %xmm1, %xmm0", true)                         \
    F(m##_ym, host " $0, 37(%rbx), %ymm1, %ymm0", true)
#define ROWS3_SI(F, m, host)                                                   \
    F(m##_x, host " $0, %xmm2, %xmm1, %xmm0", true)                            \
    F(m##_xm, host " $0, 4(%rbx), %xmm9, %xmm0", true)
#define ROWS2_I(F, m, host)                                                    \
    F(m##_x, host " $0, %xmm1, %xmm0", true)                                   \
    F(m##_y, host " $0, %ymm9, %ymm8", true)                                   \
    F(m##_ym, host " $0, 5(%rbx), %ymm8", true)

#define CODE(name, text, imm) BARE_CODE(form_##name, text);
OTHER_FORMS(CODE)
#define AVX_FP3(m, host, ...)                         ROWS3(CODE, m, host)
#define AVX_FP3_S(m, host, ...)                       ROWS3_S(CODE, m, host)
#define AVX_FP2(m, host, size128, size256, D, S, ...) ROWS2(CODE, m, host, D, S)
#define AVX_FP3_I(m, host, ...)                       ROWS3_I(CODE, m, host)
#define AVX_FP3_SI(m, host, ...)                      ROWS3_SI(CODE, m, host)
#define AVX_FP2_I(m, host, ...)                       ROWS2_I(CODE, m, host)
#define AVX_FMA(m, host, ...)                         ROWS3(CODE, m, host)
#define AVX_FMA_S(m, host, ...)                       ROWS3_S(CODE, m, host)
#include "cpu/avx_fma.def"
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"

#define ROW(name, text, imm) {text, form_##name, form_##name##_end, imm},
static const struct form forms[] = {OTHER_FORMS(ROW)
#define AVX_FP3(m, host, ...)                         ROWS3(ROW, m, host)
#define AVX_FP3_S(m, host, ...)                       ROWS3_S(ROW, m, host)
#define AVX_FP2(m, host, size128, size256, D, S, ...) ROWS2(ROW, m, host, D, S)
#define AVX_FP3_I(m, host, ...)                       ROWS3_I(ROW, m, host)
#define AVX_FP3_SI(m, host, ...)                      ROWS3_SI(ROW, m, host)
#define AVX_FP2_I(m, host, ...)                       ROWS2_I(ROW, m, host)
#define AVX_FMA(m, host, ...)                         ROWS3(ROW, m, host)
#define AVX_FMA_S(m, host, ...)                       ROWS3_S(ROW, m, host)
#include "cpu/avx_fma.def"
#include "cpu/avx_fp.def"
#include "cpu/avx_fp_undef.h"
};

/* Numbers whose products and sums overflow, underflow, cancel and round. */
static uint64_t fp_value(struct rng *g)
{
    static const uint16_t wide[] = {1,    2,    30,   512,  1022, 1023,
                                    1024, 1100, 1535, 1540, 2045, 2046};
    static const uint8_t narrow[] = {1,   2,   20,  64,  100, 112, 113,
                                     127, 128, 142, 143, 190, 253, 254};
    uint64_t r = rng_next(g), k = rng_next(g);
    uint64_t fraction = k >> 8 & 1 ? r : k >> 9 & 1 ? 0 : r << 29;
    switch (k % 4) {
    case 0: return vec_value(g);
    case 1:
        return (fraction & UINT64_C(0x800fffffffffffff)) |
               (wide[k / 1024 % 12] + (k >> 40 & 1)) << 52;
    default:
        return (fraction & UINT64_C(0x807fffff807fffff)) |
               (uint64_t)narrow[k / 1024 % 14] << 23 |
               (uint64_t)narrow[k / 65536 % 14] << 55;
    }
}

static void random_state(struct vec_state *s, struct rng *g, bool unmasked)
{
    vec_random(s, g);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t low = fp_value(g), high = fp_value(g), m = fp_value(g);
        fx_put(s, FX_XMM + 8 * i, 8, low);
        memcpy(s->hi + 8 * i, &high, 8);
        memcpy(s->memory + 8 * i, &m, 8);
    }
    if (rng_next(g) % 4 == 0) /* equal operands cancel */
        memcpy(s->fx + FX_XMM + 16, s->fx + FX_XMM + 32, 16);
    uint64_t k = rng_next(g);
    uint32_t masks = unmasked ? (uint32_t)k & MXCSR_MASKS : MXCSR_MASKS;
    uint32_t mxcsr = masks | ((uint32_t)(k >> 16) & 0xe07f);
    if (k >> 40 & 1)
        mxcsr &= ~(uint32_t)MXCSR_FLAGS;
    fx_put(s, FX_MXCSR, 4, mxcsr);
}

/* 32 immediates with anything in the upper bits, or the form as it is. */
static void run_form(struct vec_rig *r, const struct form *f, struct rng *g,
                     unsigned rounds, bool unmasked, unsigned *wrong)
{
    size_t size = (size_t)(f->end - f->code);
    unsigned values = f->imm ? 32 : 1;
    for (unsigned v = 0; v < values; v++) {
        uint8_t code[16];
        memcpy(code, f->code, size);
        if (f->imm)
            code[size - 1] = (uint8_t)(v | (rng_next(g) & 0xe0));
        uint64_t at = vec_place(r, code, size);
        for (unsigned k = 0; k < (rounds + values - 1) / values; k++) {
            struct vec_state in, host, sim;
            random_state(&in, g, unmasked);
            host = sim = in;
            vec_host_run(&host, code, size);
            vec_run(r, &sim, at, size);
            if (host.vector >= 0) /* the handler's frame holds the flags */
                sim.flags = host.flags;
            if (vec_equal(&host, &sim, 0xffff))
                continue;
            if ((*wrong)++ < 20) {
                fprintf(stderr, "--- %s, imm8 %02x\n", f->name, code[size - 1]);
                vec_print("in  ", &in);
                vec_print("host", &host);
                vec_print("sim ", &sim);
            }
            return;
        }
    }
}

static void run_forms(const char *timing, unsigned rounds, bool unmasked)
{
    struct vec_rig r;
    struct rng g = rng_make(21, unmasked);
    unsigned wrong = 0;
    vec_host_create();
    vec_create(&r, timing);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        run_form(&r, &forms[i], &g, rounds, unmasked, &wrong);
    ck_assert_uint_eq(wrong, 0);
    bare_destroy(&r.b);
}

START_TEST(masked_off)
{
    run_forms("off", 128, false);
}
END_TEST

START_TEST(masked_simple)
{
    run_forms("simple", 32, false);
}
END_TEST

START_TEST(unmasked)
{
    run_forms("off", 160, true);
}
END_TEST

/* The vector that `code` raises, -1 for none; `s` is the state to run it on
 * and what becomes of it. */
static int raised(struct vec_rig *r, struct vec_state *s, const uint8_t *code,
                  const uint8_t *end)
{
    size_t size = (size_t)(end - code);
    vec_run(r, s, vec_place(r, code, size), size);
    return s->vector;
}

BARE_CODE(code_fma, "vfmadd213pd %ymm1, %ymm2, %ymm3");
BARE_CODE(code_half, "vcvtph2ps %xmm1, %ymm3");
BARE_CODE(code_add, "vaddps %ymm1, %ymm2, %ymm3");
/* VDPPD with VEX.L = 1, VFMADD213PD with VEX.W and vvvv = 1111b being a
 * register, VCVTPH2PS with VEX.W = 1, VADDPS after LOCK and after 66h. */
BARE_CODE(code_dppd_l, ".byte 0xc4, 0xe3, 0x75, 0x41, 0xc2, 0x31");
BARE_CODE(code_half_w, ".byte 0xc4, 0xe2, 0xf9, 0x13, 0xc1");
BARE_CODE(code_sqrt_v, ".byte 0xc5, 0xf0, 0x51, 0xc1");
BARE_CODE(code_add_lock, ".byte 0xf0, 0xc5, 0xf4, 0x58, 0x03");
BARE_CODE(code_add_66, ".byte 0x66, 0xc5, 0xf4, 0x58, 0x03");

START_TEST(availability)
{
    struct vec_rig r;
    struct vec_state s;
    struct rng g = rng_make(22, 0);
    vec_create(&r, "off");
    vec_random(&s, &g);
    struct cpu *c = r.b.cpu;
#define RAISED(code) raised(&r, &s, code, code##_end)
    ck_assert_int_eq(RAISED(code_fma), -1);
    ck_assert_int_eq(RAISED(code_half), -1);
    ck_assert_int_eq(RAISED(code_dppd_l), EXC_UD);
    ck_assert_int_eq(RAISED(code_half_w), EXC_UD);
    ck_assert_int_eq(RAISED(code_sqrt_v), EXC_UD);
    ck_assert_int_eq(RAISED(code_add_lock), EXC_UD);
    ck_assert_int_eq(RAISED(code_add_66), EXC_UD);
    c->cr0 |= 8; /* TS */
    ck_assert_int_eq(RAISED(code_add), EXC_NM);
    c->config.fma = c->config.f16c = false;
    ck_assert_int_eq(RAISED(code_fma), EXC_UD);
    ck_assert_int_eq(RAISED(code_half), EXC_UD);
    c->cr0 &= ~UINT64_C(8);
    ck_assert_int_eq(RAISED(code_add), -1);
    c->xcr0 = 3;
    ck_assert_int_eq(RAISED(code_add), EXC_UD);
    bare_destroy(&r.b);
}
END_TEST

BARE_CODE(code_store_half, "vcvtps2ph $0, %ymm1, (%rdi)");

/* A store that faults leaves no flag in MXCSR, masked and unmasked, even
 * though the conversion was inexact; #PF goes before #XM. */
START_TEST(store_that_faults)
{
    struct vec_rig r;
    struct vec_state s;
    struct rng g = rng_make(23, 0);
    static const uint32_t mxcsr[] = {0x1f80, 0x0f80, 0x1780};
    vec_create(&r, "off");
    bare_put64(&r.b, BARE_PT + 8, 0); /* the page after BARE_PAGES */
    for (unsigned i = 0; i < 3; i++) {
        vec_random(&s, &g);
        fx_put(&s, FX_XMM + 16, 8, UINT64_C(0x3f8000017f7fffff));
        fx_put(&s, FX_MXCSR, 4, mxcsr[i]);
        s.rdi = BARE_PAGES + 4096 - 15;
        ck_assert_int_eq(RAISED(code_store_half), EXC_PF);
        ck_assert_uint_eq(fx_get(&s, FX_MXCSR, 4), mxcsr[i]);
        ck_assert_uint_eq(r.b.cpu->cr2, BARE_PAGES + 4096);
        s.rdi = BARE_PAGES + 4096 - 16;
        ck_assert_int_eq(RAISED(code_store_half), i == 0 ? -1 : EXC_XM);
        ck_assert_uint_ne(fx_get(&s, FX_MXCSR, 4), mxcsr[i]);
    }
    bare_destroy(&r.b);
}
END_TEST

static bool host_ok(void)
{
    return vec_host_avx() && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

int main(void)
{
    Suite *s = suite_create("avx_fp");
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 120);
    if (host_ok()) {
        tcase_add_test(t, masked_off);
        tcase_add_test(t, masked_simple);
        tcase_add_test(t, unmasked);
        tcase_add_test(t, availability);
        tcase_add_test(t, store_that_faults);
    }
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
