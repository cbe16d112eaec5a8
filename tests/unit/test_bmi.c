/* SPDX-License-Identifier: Apache-2.0
 * BMI1, BMI2, LZCNT, ADX and MOVBE against the host, register and memory
 * forms, alone and in sequences that keep, drop and read single flags; the
 * fall-back of TZCNT and LZCNT; what is #UD.
 */
#include "tests/unit/sys_rig.h"
#include "tests/unit/vec_rig.h"

enum {
    ANDN_FLAGS = FLAG_ARITH & ~(FLAG_AF | FLAG_PF),
    BEXTR_FLAGS = FLAG_CF | FLAG_OF | FLAG_ZF,
    COUNT_FLAGS = FLAG_CF | FLAG_ZF,
    ALL = FLAG_ARITH,
};

struct form {
    const char *name;
    const uint8_t *code, *end;
    uint32_t flags; /* defined after it */
};

#define FORMS(F)                                                               \
    F(andn32, "andn %edx, %ecx, %eax", ANDN_FLAGS)                             \
    F(andn64, "andn %rdx, %rcx, %rax", ANDN_FLAGS)                             \
    F(andn32m, "andn 4(%rbx), %ecx, %eax", ANDN_FLAGS)                         \
    F(andn64m, "andn (%rbx), %rcx, %rax", ANDN_FLAGS)                          \
    F(bextr32, "bextr %ecx, %edx, %eax", BEXTR_FLAGS)                          \
    F(bextr64, "bextr %rcx, %rdx, %rax", BEXTR_FLAGS)                          \
    F(bextr32m, "bextr %ecx, (%rbx), %eax", BEXTR_FLAGS)                       \
    F(bextr64m, "bextr %rcx, 61(%rbx), %rax", BEXTR_FLAGS)                     \
    F(blsi32, "blsi %edx, %eax", ANDN_FLAGS)                                   \
    F(blsi64, "blsi %rdx, %rdx", ANDN_FLAGS)                                   \
    F(blsi32m, "blsi (%rbx), %eax", ANDN_FLAGS)                                \
    F(blsi64m, "blsi (%rbx), %rax", ANDN_FLAGS)                                \
    F(blsmsk32, "blsmsk %edx, %eax", ANDN_FLAGS)                               \
    F(blsmsk64, "blsmsk %rdx, %rax", ANDN_FLAGS)                               \
    F(blsmsk64m, "blsmsk (%rbx), %rax", ANDN_FLAGS)                            \
    F(blsr32, "blsr %edx, %eax", ANDN_FLAGS)                                   \
    F(blsr64, "blsr %rdx, %rax", ANDN_FLAGS)                                   \
    F(blsr64m, "blsr (%rbx), %rax", ANDN_FLAGS)                                \
    F(tzcnt16, "tzcnt %dx, %ax", COUNT_FLAGS)                                  \
    F(tzcnt32, "tzcnt %edx, %eax", COUNT_FLAGS)                                \
    F(tzcnt64, "tzcnt %rdx, %rax", COUNT_FLAGS)                                \
    F(tzcnt16m, "tzcnt (%rbx), %ax", COUNT_FLAGS)                              \
    F(tzcnt64m, "tzcnt (%rbx), %rax", COUNT_FLAGS)                             \
    F(lzcnt16, "lzcnt %dx, %ax", COUNT_FLAGS)                                  \
    F(lzcnt32, "lzcnt %edx, %eax", COUNT_FLAGS)                                \
    F(lzcnt64, "lzcnt %rdx, %rax", COUNT_FLAGS)                                \
    F(lzcnt32m, "lzcnt (%rbx), %eax", COUNT_FLAGS)                             \
    F(bzhi32, "bzhi %ecx, %edx, %eax", ANDN_FLAGS)                             \
    F(bzhi64, "bzhi %rcx, %rdx, %rax", ANDN_FLAGS)                             \
    F(bzhi64m, "bzhi %rcx, (%rbx), %rax", ANDN_FLAGS)                          \
    F(mulx32, "mulx %ecx, %eax, %edi", ALL)                                    \
    F(mulx64, "mulx %rcx, %rax, %rdi", ALL)                                    \
    F(mulx64same, "mulx %rcx, %rax, %rax", ALL)                                \
    F(mulx64m, "mulx (%rbx), %rax, %rdx", ALL)                                 \
    F(mulx32m, "mulx (%rbx), %edx, %ecx", ALL)                                 \
    F(pdep32, "pdep %ecx, %edx, %eax", ALL)                                    \
    F(pdep64, "pdep %rcx, %rdx, %rax", ALL)                                    \
    F(pdep64m, "pdep (%rbx), %rdx, %rax", ALL)                                 \
    F(pext32, "pext %ecx, %edx, %eax", ALL)                                    \
    F(pext64, "pext %rcx, %rdx, %rax", ALL)                                    \
    F(pext32m, "pext (%rbx), %edx, %eax", ALL)                                 \
    F(rorx32, "rorx $13, %edx, %eax", ALL)                                     \
    F(rorx32_0, "rorx $32, %edx, %eax", ALL)                                   \
    F(rorx64, "rorx $200, %rdx, %rax", ALL)                                    \
    F(rorx64m, "rorx $63, (%rbx), %rax", ALL)                                  \
    F(sarx32, "sarx %ecx, %edx, %eax", ALL)                                    \
    F(sarx64, "sarx %rcx, %rdx, %rax", ALL)                                    \
    F(sarx32m, "sarx %ecx, (%rbx), %eax", ALL)                                 \
    F(shlx32, "shlx %ecx, %edx, %eax", ALL)                                    \
    F(shlx64, "shlx %rcx, %rdx, %rax", ALL)                                    \
    F(shlx64m, "shlx %rcx, (%rbx), %rax", ALL)                                 \
    F(shrx32, "shrx %ecx, %edx, %eax", ALL)                                    \
    F(shrx64, "shrx %rcx, %rdx, %rax", ALL)                                    \
    F(shrx64m, "shrx %rcx, (%rbx), %rax", ALL)                                 \
    F(adcx32, "adcx %ecx, %eax", ALL)                                          \
    F(adcx64, "adcx %rcx, %rax", ALL)                                          \
    F(adcx64m, "adcx (%rbx), %rax", ALL)                                       \
    F(adox32, "adox %ecx, %eax", ALL)                                          \
    F(adox64, "adox %rcx, %rax", ALL)                                          \
    F(adox32m, "adox (%rbx), %eax", ALL)                                       \
    F(movbe16, "movbe (%rbx), %ax", ALL)                                       \
    F(movbe32, "movbe (%rbx), %eax", ALL)                                      \
    F(movbe64, "movbe 61(%rbx), %rax", ALL)                                    \
    F(movbe16s, "movbe %cx, 63(%rbx)", ALL)                                    \
    F(movbe32s, "movbe %ecx, (%rbx)", ALL)                                     \
    F(movbe64s, "movbe %rcx, (%rbx)", ALL)                                     \
    F(chain1, "add %rcx, %rax; adcx %rdx, %rdi; adox %rcx, %rdx", ALL)         \
    F(chain2, "adox %rdx, %rdi; adcx %rcx, %rdx; setc %al; seto %ah", ALL)     \
    F(chain3, "inc %ecx; adcx %rdx, %rdi; lahf; adox %rdi, %rdx", ALL)         \
    F(chain4, "sub %rcx, %rdx; adox %edi, %edx; jo 1f; inc %rdi; 1:", ALL)     \
    F(dead1, "blsr %rdx, %rax; blsi %rcx, %rcx; add %rcx, %rdx", ALL)          \
    F(dead2, "cmp %rcx, %rdx; shlx %rcx, %rdi, %rax; seta %dl", ALL)           \
    F(dead3, "tzcnt %rcx, %rax; cmovc %rdx, %rcx; xor %edi, %edx", ALL)        \
    F(dead4, "andn %rcx, %rdx, %rax; bzhi %rax, %rcx, %rdi; setz %al",         \
      ANDN_FLAGS)                                                              \
    F(dead5, "stc; adcx %rcx, %rdx; test %rdx, %rdx; adox %rax, %rcx",         \
      ALL & ~FLAG_AF)

#define CODE(name, text, flags) BARE_CODE(form_##name, text);
FORMS(CODE)
#define ROW(name, text, flags) {text, form_##name, form_##name##_end, flags},
static const struct form forms[] = {FORMS(ROW)};

static bool host_has(void)
{
    uint32_t a, b, c, d;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
    bool movbe = c >> 22 & 1;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    bool bmi = (b >> 3 & 1) && (b >> 8 & 1) && (b >> 19 & 1);
    __asm__("cpuid"
            : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
            : "a"(0x80000001), "c"(0));
    return movbe && bmi && (c >> 5 & 1);
}

static uint64_t value(struct rng *g)
{
    uint64_t k = rng_next(g), r = rng_next(g);
    switch (k & 7) {
    case 0: return r & 0x47;
    case 1: return UINT64_MAX << (r & 63);
    case 2: return UINT64_C(1) << (r & 63);
    case 3: return r & 0x1f1f;
    case 4: return (uint32_t)r;
    case 5: return (k >> 3 & 7) == 0 ? 0 : ~UINT64_C(0) >> (r & 63);
    default: return r;
    }
}

static bool same(const struct form *f, const struct vec_state *h,
                 const struct vec_state *s)
{
    uint64_t flags = (h->flags ^ s->flags) & f->flags;
    if (h->rax == s->rax && h->rcx == s->rcx && h->rdx == s->rdx &&
        h->rdi == s->rdi && flags == 0 &&
        memcmp(h->memory, s->memory, sizeof h->memory) == 0)
        return true;
    printf("%s: host rax %llx rcx %llx rdx %llx rdi %llx flags %llx\n"
           "    here rax %llx rcx %llx rdx %llx rdi %llx flags %llx\n",
           f->name, (unsigned long long)h->rax, (unsigned long long)h->rcx,
           (unsigned long long)h->rdx, (unsigned long long)h->rdi,
           (unsigned long long)h->flags, (unsigned long long)s->rax,
           (unsigned long long)s->rcx, (unsigned long long)s->rdx,
           (unsigned long long)s->rdi, (unsigned long long)s->flags);
    return false;
}

START_TEST(host_agrees)
{
    struct vec_rig r;
    struct rng g = rng_make(44, 0);
    unsigned wrong = 0;
    if (!host_has()) {
        printf("host: no BMI, ADX, LZCNT or MOVBE\n");
        return;
    }
    vec_host_create();
    vec_create(&r, _i == 0 ? "off" : "simple");
    struct vec_state in;
    memset(&in, 0, sizeof in);
    fx_put(&in, FX_FCW, 2, 0x37f);
    fx_put(&in, FX_MXCSR, 4, 0x1f80);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *f = &forms[i];
        size_t size = (size_t)(f->end - f->code);
        uint64_t at = vec_place(&r, f->code, size);
        for (unsigned k = 0; k < 300; k++) {
            in.rax = value(&g);
            in.rcx = value(&g);
            in.rdx = value(&g);
            in.rdi = value(&g);
            in.flags = rng_next(&g) & FLAG_ARITH;
            uint64_t m = value(&g);
            memcpy(in.memory, &m, 8);
            m = value(&g);
            memcpy(in.memory + 61, &m, 8);
            struct vec_state host = in, sim = in;
            vec_host_run(&host, f->code, size);
            vec_run(&r, &sim, at, size);
            ck_assert_int_eq(sim.vector, -1);
            if (!same(f, &host, &sim)) {
                wrong++;
                break;
            }
        }
    }
    ck_assert_uint_eq(wrong, 0);
    bare_destroy(&r.b);
}
END_TEST

/* --- without the features --- */

static void without(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->bmi1 = k->bmi2 = k->lzcnt = k->adx = k->movbe = false;
}

START_TEST(absent)
{
    static const char *const undefined[] = {
        "c4 e2 78 f2 c3",    "c4 e2 78 f7 c3", "c4 e2 78 f3 db",
        "c4 e3 7b f0 c3 05", "c4 e2 7b f6 c3", "66 0f 38 f6 c3",
        "f3 0f 38 f6 c3",    "0f 38 f0 03"};
    struct rig r;
    rig_create(&r, without);
    for (unsigned i = 0; i < sizeof undefined / sizeof undefined[0]; i++) {
        rig_long(&r, 0);
        rig_faults(&r, undefined[i], EXC_UD, -1);
    }
    /* TZCNT is BSF: the destination stays when the source is 0; LZCNT BSR. */
    rig_long(&r, 0);
    r.c->gpr[REG_RAX] = 5;
    r.c->gpr[REG_RBX] = 0;
    rig_runs(&r, "f3 48 0f bc c3 f4");
    ck_assert_uint_eq(r.c->gpr[REG_RAX], 5);
    ck_assert((flags_read(r.c) & FLAG_ZF) != 0);
    rig_long(&r, 0);
    r.c->gpr[REG_RBX] = 0x10;
    rig_runs(&r, "f3 48 0f bd c3 f4");
    ck_assert_uint_eq(r.c->gpr[REG_RAX], 4);
    rig_destroy(&r);
}
END_TEST

/* VEX.L = 1, real mode, LOCK. */
START_TEST(invalid)
{
    struct rig r;
    rig_create(&r, NULL);
    static const char *const undefined[] = {
        "c4 e2 7c f2 c3",    "c4 e2 7c f3 db", "c4 e3 7f f0 c3 05",
        "66 c4 e2 78 f2 c3", "f0 0f 38 f1 03", "0f 38 f0 c3",
        "c4 e3 73 f0 c3 05"};
    for (unsigned i = 0; i < sizeof undefined / sizeof undefined[0]; i++) {
        rig_long(&r, 0);
        rig_faults(&r, undefined[i], EXC_UD, -1);
    }
    /* In real mode; the flags of the CMP before it are those pushed. */
    rig_real(&r);
    r.c->gpr[REG_RAX] = 1;
    r.c->gpr[REG_RBX] = 2;
    ck_assert_int_eq(rig_go(&r, "39 d8 c4 e2 78 f2 c3 01 c0 f4"),
                     CPU_STOP_HALT);
    ck_assert_uint_eq(
        (r.c->rip - 1 + r.c->seg[SEG_CS].base - RIG_HANDLERS) / 16, EXC_UD);
    uint64_t sp = r.c->seg[SEG_SS].base + (r.c->gpr[REG_RSP] & 0xffff);
    ck_assert_uint_eq(rig_read(&r, sp + 4, 2) & FLAG_ARITH,
                      FLAG_CF | FLAG_SF | FLAG_AF | FLAG_PF);
    rig_destroy(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bmi");
    TCase *t = tcase_create("bmi");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, host_agrees, 0, 2);
    tcase_add_test(t, absent);
    tcase_add_test(t, invalid);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
