/* SPDX-License-Identifier: Apache-2.0
 * The XSAVE feature set: save and restore sequences byte for byte against
 * the host; what each instruction refuses; CPUID leaf 0Dh; XCR0.
 */
#include "cpu/cpuid.h"
#include "cpu/fpu.h"
#include "cpu/x87.h"
#include "cpu/xsave.h"
#include "sim/base/rng.h"
#include "tests/unit/sys_rig.h"

#include <setjmp.h>
#include <signal.h>

enum {
    AREA = 1024, /* what the host comparison looks at */
    ALL = 7,
    AT_BV = 512,
    AT_COMP = 520,
    IN = RIG_DATA,
    IN2 = RIG_DATA + 0x1000,
    OUT = RIG_DATA + 0x2000,
    PT = 0x100000,    /* a page table for 4 KiB pages at ... */
    PAGED = 0x400000, /* ... this linear address */
};
#define COMPACT (UINT64_C(1) << 63)

/* Every instruction on (%rbx), followed by HLT, each at its own address. */
enum form {
    XSAVE_,
    XSAVE64_,
    XSAVEOPT_,
    XSAVEOPT64_,
    XSAVEC_,
    XSAVEC64_,
    XRSTOR_,
    XRSTOR64_,
    HOST_FORMS,
    XSAVES_ = HOST_FORMS,
    XSAVES64_,
    XRSTORS_,
    XRSTORS64_,
    XGETBV_,
    XSETBV_,
    FORMS
};
static const char *const form_hex[FORMS] = {
    "0f ae 23 f4", "48 0f ae 23 f4", "0f ae 33 f4", "48 0f ae 33 f4",
    "0f c7 23 f4", "48 0f c7 23 f4", "0f ae 2b f4", "48 0f ae 2b f4",
    "0f c7 2b f4", "48 0f c7 2b f4", "0f c7 1b f4", "48 0f c7 1b f4",
    "0f 01 d0 f4", "0f 01 d1 f4"};

static void all_features(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->xsave = k->xsaveopt = k->xsavec = k->xsaves = k->avx = k->pku = true;
}

static void no_xsave(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->xsave = k->xsaveopt = k->xsavec = k->xsaves = k->avx = k->pku = false;
    k->f16c = k->fma = k->avx2 = k->vaes = k->vpclmulqdq = false;
}

static void no_xsavec(struct rig *r)
{
    all_features(r);
    r->config.core.xsavec = r->config.core.xsaves = false;
}

static void ready(struct rig *r, unsigned cpl)
{
    rig_long(r, cpl);
    r->c->cr4 |= CR4_OSXSAVE;
    r->c->xcr0 = ALL;
    cpu_update_mode(r->c);
}

static void create(struct rig *r)
{
    rig_create(r, all_features);
    ready(r, 0);
    for (unsigned i = 0; i < FORMS; i++)
        rig_hex(r, RIG_CODE + 64 * i, form_hex[i]);
}

/* The vector, or -1. */
static int run(struct rig *r, enum form f, uint64_t at, uint64_t mask)
{
    struct cpu *c = r->c;
    c->rip = RIG_CODE + 64 * (uint64_t)f;
    c->gpr[REG_RBX] = at;
    c->gpr[REG_RAX] = (uint32_t)mask;
    c->gpr[REG_RDX] = mask >> 32;
    c->activity = ACTIVITY_RUN;
    ck_assert_int_eq(rig_go(r, NULL), CPU_STOP_HALT);
    return rig_vector(r);
}

/* --- against the host --- */

static struct host {
    sigjmp_buf back;
    _Alignas(64) uint8_t own[4096], in[AREA], in2[AREA], out[AREA];
} host;

static void on_fault(int sig)
{
    siglongjmp(host.back, sig);
}

#define HOST_ONE(text, at, mask)                                               \
    __asm__ volatile(text                                                      \
                     :                                                         \
                     : "b"(at), "a"((uint32_t)(mask)), "d"(0)                  \
                     : "memor"                                                 \
                       "y")

static void host_form(enum form f, void *at, uint64_t mask)
{
    switch ((int)f) {
    case XSAVE_: HOST_ONE("xsave (%%rbx)", at, mask); break;
    case XSAVE64_: HOST_ONE("xsave64 (%%rbx)", at, mask); break;
    case XSAVEOPT_: HOST_ONE("xsaveopt (%%rbx)", at, mask); break;
    case XSAVEOPT64_: HOST_ONE("xsaveopt64 (%%rbx)", at, mask); break;
    case XSAVEC_: HOST_ONE("xsavec (%%rbx)", at, mask); break;
    case XSAVEC64_: HOST_ONE("xsavec64 (%%rbx)", at, mask); break;
    case XRSTOR_: HOST_ONE("xrstor (%%rbx)", at, mask); break;
    default: HOST_ONE("xrstor64 (%%rbx)", at, mask); break;
    }
}

/* Restore all, restore some, save some; true: nothing faulted. The
 * compiler's own vector state is put back. */
__attribute__((noinline, target("general-regs-only"))) static bool
host_sequence(enum form restore, enum form save, const uint64_t mask[2])
{
    host_form(XSAVE64_, host.own, ALL);
    bool ok = sigsetjmp(host.back, 1) == 0;
    if (ok) {
        host_form(XRSTOR64_, host.in, ALL);
        host_form(restore, host.in2, mask[0]);
        host_form(save, host.out, mask[1]);
    }
    host_form(XRSTOR64_, host.own, ALL);
    return ok;
}

static bool host_has_all(void)
{
    uint32_t a, b, c, d;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1), "c"(0));
    if ((c >> 27 & 1) == 0)
        return false;
    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    if ((a & ALL) != ALL)
        return false;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0xd), "c"(1));
    return (a & 3) == 3;
}

static void put(uint8_t *area, unsigned at, unsigned size, uint64_t v)
{
    memcpy(area + at, &v, size);
}

/* A random image. Components present are not in their initial state; x87
 * pointers are 0, since vendors differ about them. Some headers are bad. */
static void image(uint8_t *a, struct rng *g, bool may_compact)
{
    for (unsigned i = 0; i < AREA; i += 8)
        put(a, i, 8, rng_next(g));
    uint64_t k = rng_next(g);
    put(a, 0, 2, (k & 0x0f3f) | 0x40);
    put(a, 2, 2, k >> 16 & 0x7f00 & ~UINT64_C(0x8080));
    put(a, 4, 2, k >> 32 & 0xff);
    memset(a + 6, 0, 18);
    put(a, 24, 8, (k >> 40 & 1) != 0 ? 0x1f80 : 0x1f80 | (k >> 41 & 0x607f));
    if ((k >> 48 & 63) == 0)
        put(a, 26, 2, 0x100); /* reserved bits of MXCSR */
    memset(a + AT_BV, 0, 64);
    uint64_t bv = k >> 54 & ALL;
    put(a, AT_BV, 8, bv);
    uint64_t e = rng_next(g);
    bool compact = may_compact && (e & 1) != 0;
    if (compact)
        put(a, AT_COMP, 8, COMPACT | bv | (e >> 1 & ALL));
    if ((e >> 8 & 31) == 0) /* a stray bit in the header */
        a[AT_BV + (e >> 16 & 63)] ^= (uint8_t)(1 << (e >> 24 & 7));
}

/* Pointers of x87 and MXCSR_MASK are the vendor's. */
static void forget(uint8_t *a)
{
    memset(a + 6, 0, 18);
    memset(a + 28, 0, 4);
}

static void show(const char *what, const uint8_t *h, const uint8_t *s)
{
    for (unsigned i = 0; i < AREA; i++)
        if (h[i] != s[i]) {
            printf("%s: byte %u: host %02x, here %02x\n", what, i, h[i], s[i]);
            return;
        }
}

START_TEST(host_agrees)
{
    struct rig r;
    struct rng g = rng_make(33, 0);
    uint8_t out[AREA], fill[AREA];
    unsigned faults = 0, wrong = 0;
    if (!host_has_all()) {
        printf("host: no XSAVEC or no AVX state\n");
        return;
    }
    create(&r);
    signal(SIGSEGV, on_fault);
    for (unsigned n = 0; n < 6000 && wrong < 5; n++) {
        uint64_t k = rng_next(&g);
        enum form restore = k & 1 ? XRSTOR64_ : XRSTOR_;
        enum form save = (enum form)(k >> 1 & 7) % XRSTOR_;
        uint64_t mask[2] = {k >> 8 & ALL, k >> 16 & ALL};
        image(host.in, &g, false);
        memset(host.in + AT_BV, 0, 64);
        put(host.in, AT_BV, 8, k >> 24 & ALL);
        put(host.in, 26, 2, 0);
        image(host.in2, &g, true);
        for (unsigned i = 0; i < AREA; i += 8)
            put(host.out, i, 8, rng_next(&g));
        rig_write(&r, IN, host.in, AREA);
        rig_write(&r, IN2, host.in2, AREA);
        rig_write(&r, OUT, host.out, AREA);
        memcpy(fill, host.out, AREA);
        bool ok = host_sequence(restore, save, mask);
        faults += !ok;
        ck_assert_int_eq(run(&r, XRSTOR64_, IN, ALL), -1);
        int vector = run(&r, restore, IN2, mask[0]);
        if (vector != (ok ? -1 : EXC_GP)) {
            printf("case %u: vector %d, host %s\n", n, vector,
                   ok ? "none" : "#GP");
            wrong++;
        }
        if (vector != -1) {
            ready(&r, 0);
            continue;
        }
        ck_assert_int_eq(run(&r, save, OUT, mask[1]), -1);
        ck_assert(memsys_read(r.memory, (hpa){OUT}, AREA, out));
        forget(out);
        /* A host process that loses its processor in between gets its state
         * back with other bits of XINUSE: once more. */
        unsigned tries = 0;
        for (forget(host.out); memcmp(host.out, out, AREA) != 0 && tries < 3;
             tries++) {
            memcpy(host.out, fill, AREA);
            (void)host_sequence(restore, save, mask);
            forget(host.out);
        }
        if (tries == 3) {
            printf("case %u: save %d mask %x, restore %d mask %x\n", n,
                   (int)save, (unsigned)mask[1], (int)restore,
                   (unsigned)mask[0]);
            show("area", host.out, out);
            wrong++;
        }
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(faults, 50);
    rig_destroy(&r);
}
END_TEST

/* --- what is refused --- */

START_TEST(not_enabled)
{
    struct rig r;
    create(&r);
    for (unsigned f = 0; f < FORMS; f++) {
        ready(&r, 0);
        r.c->cr4 &= ~(uint64_t)CR4_OSXSAVE;
        cpu_update_mode(r.c);
        r.c->gpr[REG_RCX] = 0;
        ck_assert_int_eq(run(&r, (enum form)f, OUT, 1), EXC_UD);
    }
    for (unsigned f = 0; f < XGETBV_; f++) {
        ready(&r, 0);
        r.c->cr0 |= CR0_TS;
        cpu_update_mode(r.c);
        ck_assert_int_eq(run(&r, (enum form)f, OUT + 1, 1), EXC_NM);
        for (unsigned shift = 1; shift < 64; shift *= 2) {
            ready(&r, 0);
            ck_assert_int_eq(run(&r, (enum form)f, OUT + shift, 1), EXC_GP);
        }
    }
    for (unsigned f = XSAVES_; f <= XRSTORS64_; f++) {
        ready(&r, 3);
        ck_assert_int_eq(run(&r, (enum form)f, OUT, 1), EXC_GP);
    }
    ready(&r, 3);
    ck_assert_int_eq(run(&r, XSETBV_, OUT, 1), EXC_GP);
    rig_destroy(&r);
}
END_TEST

START_TEST(xsetbv_rules)
{
    static const struct {
        uint32_t rcx;
        uint64_t v;
        int vector;
    } rows[] = {
        {0, 1, -1},         {0, 3, -1},
        {0, 7, -1},         {0, 0x207, -1},
        {0, 0x201, -1},     {0, 0, EXC_GP},
        {0, 2, EXC_GP},     {0, 5, EXC_GP}, /* AVX without SSE */
        {0, 0xf, EXC_GP},   {0, 0x27, EXC_GP},
        {1, 1, EXC_GP},     {0, UINT64_C(1) << 63 | 1, EXC_GP},
        {0, 0x407, EXC_GP},
    };
    struct rig r;
    create(&r);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ready(&r, 0);
        r.c->gpr[REG_RCX] = rows[i].rcx;
        ck_assert_int_eq(run(&r, XSETBV_, 0, rows[i].v), rows[i].vector);
        ck_assert_uint_eq(r.c->xcr0, rows[i].vector < 0 ? rows[i].v : ALL);
        if (rows[i].vector >= 0)
            continue;
        ck_assert_int_eq((r.c->mode & MODE_AVX) != 0, (rows[i].v & 6) == 6);
        r.c->gpr[REG_RCX] = 0;
        ck_assert_int_eq(run(&r, XGETBV_, 0, 0), -1);
        ck_assert_uint_eq(r.c->gpr[REG_RAX], rows[i].v);
    }
    /* XINUSE: nothing, then one component after the other. */
    ready(&r, 0);
    r.c->xcr0 = 0x207;
    x87_init(&r.c->x87);
    memset(r.c->x87.st, 0, sizeof r.c->x87.st);
    memset(r.c->v, 0, sizeof r.c->v);
    for (unsigned i = 0; i < 5; i++) {
        static const unsigned used[] = {0, 1, 3, 7, 0x207};
        if (i == 1)
            r.c->x87.fop = 1;
        if (i == 2)
            r.c->v[15].u8[0] = 1;
        if (i == 3)
            r.c->v[15].u8[31] = 1;
        if (i == 4)
            r.c->pkru = 4;
        r.c->gpr[REG_RCX] = 1;
        ck_assert_int_eq(run(&r, XGETBV_, 0, 0), -1);
        ck_assert_uint_eq(r.c->gpr[REG_RAX], used[i]);
    }
    ready(&r, 0);
    r.c->gpr[REG_RCX] = 2;
    ck_assert_int_eq(run(&r, XGETBV_, 0, 0), EXC_GP);
    rig_destroy(&r);
}
END_TEST

/* Headers that XRSTOR and XRSTORS take and refuse. XCR0 is 207h. */
START_TEST(headers)
{
    static const struct {
        uint64_t bv, comp;
        unsigned stray; /* byte of the header set to 1, or 0 */
        int xrstor, xrstors;
    } rows[] = {
        {7, 0, 0, -1, EXC_GP},
        {0x207, 0, 0, -1, EXC_GP},
        {8, 0, 0, EXC_GP, EXC_GP},
        {7, 7, 0, EXC_GP, EXC_GP},
        {7, 0, 16, EXC_GP, EXC_GP},
        {7, 0, 23, EXC_GP, EXC_GP},
        {7, 0, 24, -1, EXC_GP},
        {7, 0, 63, -1, EXC_GP},
        {7, COMPACT | 7, 0, -1, -1},
        {3, COMPACT | 0x207, 0, -1, -1},
        {7, COMPACT | 3, 0, EXC_GP, EXC_GP},
        {COMPACT | 3, COMPACT | 7, 0, EXC_GP, EXC_GP},
        {3, COMPACT | 0xf, 0, EXC_GP, EXC_GP},
        {3, COMPACT | 0x107, 0, EXC_GP, EXC_GP},
        {3, COMPACT | 7, 16, EXC_GP, EXC_GP},
        {3, COMPACT | 7, 63, EXC_GP, EXC_GP},
    };
    struct rig r;
    create(&r);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (unsigned system = 0; system < 2; system++) {
            uint8_t area[4096] = {0};
            put(area, 24, 4, 0x1f80);
            put(area, AT_BV, 8, rows[i].bv);
            put(area, AT_COMP, 8, rows[i].comp);
            if (rows[i].stray != 0)
                area[AT_BV + rows[i].stray] = 1;
            rig_write(&r, IN, area, sizeof area);
            ready(&r, 0);
            r.c->xcr0 = 0x207;
            int want = system ? rows[i].xrstors : rows[i].xrstor;
            ck_assert_msg(
                run(&r, system ? XRSTORS_ : XRSTOR_, IN, UINT64_MAX) == want,
                "row %u system %u: %d", i, system, rig_vector(&r));
        }
    }
    rig_destroy(&r);
    /* Without XSAVEC the compacted form does not exist. */
    rig_create(&r, no_xsavec);
    ready(&r, 0);
    rig_hex(&r, RIG_CODE, form_hex[XRSTOR_]);
    rig_put(&r, IN + AT_BV, 3, 8);
    rig_put(&r, IN + AT_COMP, COMPACT | 3, 8);
    ck_assert_int_eq(run(&r, XSAVE_, IN, 7), EXC_GP);
    ready(&r, 0);
    rig_put(&r, IN + AT_COMP, 0, 8);
    ck_assert_int_eq(run(&r, XSAVE_, IN, 7), -1);
    rig_destroy(&r);
}
END_TEST

/* PKRU and XSAVES: places, and that what is absent is initialised. */
START_TEST(components)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    c->xcr0 = 0x207;
    memset(c->v, 0, sizeof c->v);
    c->v[3].u8[20] = 0x5a;
    c->pkru = 0x12345678;
    ck_assert_int_eq(run(&r, XSAVES64_, OUT, UINT64_MAX), -1);
    ck_assert_uint_eq(rig_read(&r, OUT + AT_BV, 8) & ~UINT64_C(1), 0x204);
    ck_assert_uint_eq(rig_read(&r, OUT + AT_COMP, 8), COMPACT | 0x207);
    ck_assert_uint_eq(rig_read(&r, OUT + 576 + 3 * 16 + 4, 1), 0x5a);
    ck_assert_uint_eq(rig_read(&r, OUT + 576 + 256, 8), 0x12345678);
    /* Compacted without AVX, PKRU comes first; standard: at its place. */
    ck_assert_int_eq(run(&r, XSAVEC_, OUT, 0x203), -1);
    ck_assert_uint_eq(rig_read(&r, OUT + 576, 8), 0x12345678);
    ck_assert_int_eq(run(&r, XSAVE_, IN, UINT64_MAX), -1);
    ck_assert_uint_eq(rig_read(&r, IN + 2688, 8), 0x12345678);
    c->pkru = 0;
    ck_assert_int_eq(run(&r, XRSTOR_, IN, 0x200), -1);
    ck_assert_uint_eq(c->pkru, 0x12345678);
    /* XRSTORS of an area without SSE, AVX and PKRU. */
    c->v[1].u8[0] = 1;
    c->mxcsr = 0x3f80;
    rig_put(&r, OUT + AT_BV, 0, 8);
    rig_put(&r, OUT + AT_COMP, COMPACT | 0x207, 8);
    ck_assert_int_eq(run(&r, XRSTORS_, OUT, UINT64_MAX), -1);
    ck_assert_uint_eq(c->v[1].u8[0], 0);
    ck_assert_uint_eq(c->v[3].u8[20], 0);
    ck_assert_uint_eq(c->pkru, 0);
    ck_assert_uint_eq(c->mxcsr, 0x1f80);
    ck_assert_uint_eq(c->x87.fcw, 0x37f);
    rig_destroy(&r);
}
END_TEST

/* An area whose end lies in a page that is absent: nothing is written. */
START_TEST(straddling)
{
    struct rig r;
    create(&r);
    struct cpu *c = r.c;
    for (unsigned f = 0; f < XGETBV_; f++) {
        ready(&r, 0);
        rig_put(&r, RIG_PD + 8 * (PAGED >> 21), PT | 7, 8);
        rig_put(&r, PT, OUT | 7, 8);
        rig_put(&r, PT + 8, 0, 8);
        mmu_flush_all(c->mmu, true, FLUSH_RESET);
        c->v[2].u8[30] = 0x77;
        c->v[2].u8[1] = 0x66;
        uint64_t at = PAGED + 0x1000 - 576;
        for (unsigned i = 0; i < 576; i += 8)
            rig_put(&r, OUT + 0x1000 - 576 + i, 0, 8);
        bool compact = f >= XSAVES_;
        rig_put(&r, OUT + 0x1000 - 64, 7, 8);
        rig_put(&r, OUT + 0x1000 - 56, compact ? COMPACT | 7 : 0, 8);
        rig_put(&r, OUT + 0x1000 - 576 + 24, 0x1f80, 4);
        ck_assert_int_eq(run(&r, (enum form)f, at, 7), EXC_PF);
        ck_assert_uint_eq(c->cr2, PAGED + 0x1000);
        bool restores = f == XRSTOR_ || f == XRSTOR64_ || f >= XRSTORS_;
        ck_assert_uint_eq(rig_read(&r, c->gpr[REG_RSP], 4), restores ? 0 : 2);
        ck_assert_uint_eq(c->v[2].u8[30], 0x77);
        ck_assert_uint_eq(c->v[2].u8[1], 0x66);
        ck_assert_uint_eq(rig_read(&r, OUT + 0x1000 - 576 + 160 + 32, 8), 0);
        ck_assert_uint_eq(rig_read(&r, OUT + 0x1000 - 64, 8), 7);
    }
    rig_destroy(&r);
}
END_TEST

/* Outside 64-bit mode registers 8 to 15 are neither saved nor restored. */
START_TEST(protected_mode)
{
    struct rig r;
    rig_create(&r, all_features);
    rig_protected(&r, 0);
    struct cpu *c = r.c;
    c->cr4 = CR4_OSFXSR | CR4_OSXSAVE;
    c->xcr0 = ALL;
    cpu_update_mode(c);
    for (unsigned i = 0; i < 16; i++)
        memset(c->v[i].u8, (int)i + 1, 32);
    memset(c->x87.st, 0, sizeof c->x87.st);
    x87_init(&c->x87);
    for (unsigned i = 0; i < 1024; i += 8)
        rig_put(&r, OUT + i, 0, 8);
    c->gpr[REG_RBX] = OUT;
    c->gpr[REG_RAX] = ALL;
    c->gpr[REG_RDX] = 0;
    ck_assert_int_eq(rig_go(&r, "0f ae 23 f4"), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&r), -1);
    ck_assert_uint_eq(rig_read(&r, OUT + AT_BV, 8), 6);
    ck_assert_uint_eq(rig_read(&r, OUT + 160 + 7 * 16, 1), 8);
    ck_assert_uint_eq(rig_read(&r, OUT + 160 + 8 * 16, 1), 0);
    ck_assert_uint_eq(rig_read(&r, OUT + 576 + 7 * 16, 1), 8);
    ck_assert_uint_eq(rig_read(&r, OUT + 576 + 8 * 16, 1), 0);
    rig_put(&r, OUT + AT_BV, 0, 8);
    c->rip = RIG_CODE + 64;
    c->activity = ACTIVITY_RUN;
    rig_hex(&r, RIG_CODE + 64, form_hex[XRSTOR_]);
    ck_assert_int_eq(rig_go(&r, NULL), CPU_STOP_HALT);
    ck_assert_uint_eq(c->v[7].u8[0], 0);
    ck_assert_uint_eq(c->v[7].u8[16], 0);
    ck_assert_uint_eq(c->v[8].u8[0], 9);
    ck_assert_uint_eq(c->v[8].u8[16], 9);
    rig_destroy(&r);
}
END_TEST

/* --- CPUID, CR4, IA32_XSS --- */

static void amd(struct rig *r)
{
    all_features(r);
    r->config.core.vendor = VENDOR_AMD;
}

START_TEST(leaf_0dh)
{
    uint32_t out[4];
    for (unsigned vendor = 0; vendor < 2; vendor++) {
        struct rig r;
        unsigned pkru = vendor == 0 ? 2688 : 2432;
        rig_create(&r, vendor == 0 ? all_features : amd);
        ready(&r, 0);
        const struct {
            uint64_t xcr0;
            uint32_t size, compact;
        } rows[] = {{1, 576, 576},
                    {3, 576, 576},
                    {7, 832, 832},
                    {0x201, pkru + 8, 584},
                    {0x207, pkru + 8, 840}};
        for (unsigned i = 0; i < 5; i++) {
            r.c->xcr0 = rows[i].xcr0;
            cpuid_leaf(r.c, 0xd, 0, out);
            ck_assert_uint_eq(out[CPUID_EAX], 0x207);
            ck_assert_uint_eq(out[CPUID_EBX], rows[i].size);
            ck_assert_uint_eq(out[CPUID_ECX], pkru + 8);
            ck_assert_uint_eq(out[CPUID_EDX], 0);
            cpuid_leaf(r.c, 0xd, 1, out);
            ck_assert_uint_eq(out[CPUID_EAX], 0xf);
            ck_assert_uint_eq(out[CPUID_EBX], rows[i].compact);
            ck_assert_uint_eq(out[CPUID_ECX], 0);
        }
        cpuid_leaf(r.c, 0xd, 2, out);
        ck_assert_uint_eq(out[CPUID_EAX], 256);
        ck_assert_uint_eq(out[CPUID_EBX], 576);
        ck_assert_uint_eq(out[CPUID_ECX], 0);
        cpuid_leaf(r.c, 0xd, 9, out);
        ck_assert_uint_eq(out[CPUID_EAX], 8);
        ck_assert_uint_eq(out[CPUID_EBX], pkru);
        for (unsigned sub = 3; sub < 64; sub++) {
            cpuid_leaf(r.c, 0xd, sub, out);
            ck_assert(sub == 9 || (out[0] | out[1] | out[2] | out[3]) == 0);
        }
        rig_destroy(&r);
    }
}
END_TEST

START_TEST(enumeration)
{
    struct rig r;
    uint32_t out[4];
    create(&r);
    cpuid_leaf(r.c, 1, 0, out);
    ck_assert_uint_eq(out[CPUID_ECX] >> 26 & 3, 3);
    rig_long(&r, 0);
    cpuid_leaf(r.c, 1, 0, out);
    ck_assert_uint_eq(out[CPUID_ECX] >> 26 & 3, 1);
    uint64_t v = 1;
    ck_assert(msr_read(r.c, 0xda0, &v) && v == 0);
    ck_assert(msr_write(r.c, 0xda0, 0));
    ck_assert(!msr_write(r.c, 0xda0, 0x100));
    rig_destroy(&r);
    rig_create(&r, no_xsave);
    rig_long(&r, 0);
    ck_assert_int_eq(control_write(r.c, 4, r.c->cr4 | CR4_OSXSAVE), STEP_FAULT);
    ck_assert(!msr_read(r.c, 0xda0, &v));
    cpuid_leaf(r.c, 1, 0, out);
    ck_assert_uint_eq(out[CPUID_ECX] >> 26 & 7, 0);
    for (unsigned sub = 0; sub < 10; sub++) {
        cpuid_leaf(r.c, 0xd, sub, out);
        ck_assert_uint_eq(out[0] | out[1] | out[2] | out[3], 0);
    }
    rig_destroy(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("xsave");
    TCase *t = tcase_create("xsave");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, host_agrees);
    tcase_add_test(t, not_enabled);
    tcase_add_test(t, xsetbv_rules);
    tcase_add_test(t, headers);
    tcase_add_test(t, components);
    tcase_add_test(t, straddling);
    tcase_add_test(t, protected_mode);
    tcase_add_test(t, leaf_0dh);
    tcase_add_test(t, enumeration);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
