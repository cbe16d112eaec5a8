/* SPDX-License-Identifier: Apache-2.0
 * AES, PCLMULQDQ, SHA and GFNI: vectors of the standards, the host executing
 * the same bytes, and for GFNI a bit-by-bit reading of the manual.
 */
#include "cpu/crypto.h"
#include "tests/unit/vec_rig.h"

#include <cpuid.h>

struct form {
    const char *name;
    const uint8_t *code, *end;
    bool imm; /* the last byte is an immediate: try many */
};

/* F(name, instruction, ends in imm8) */
#define LEGACY_FORMS(F)                                                        \
    F(aesenc, "aesenc %xmm1, %xmm0", false)                                    \
    F(aesenc_m, "aesenc 16(%rbx), %xmm8", false)                               \
    F(aesenclast, "aesenclast %xmm1, %xmm0", false)                            \
    F(aesenclast_m, "aesenclast 16(%rbx), %xmm0", false)                       \
    F(aesdec, "aesdec %xmm1, %xmm0", false)                                    \
    F(aesdec_m, "aesdec 16(%rbx), %xmm0", false)                               \
    F(aesdeclast, "aesdeclast %xmm9, %xmm0", false)                            \
    F(aesdeclast_m, "aesdeclast 16(%rbx), %xmm0", false)                       \
    F(aesimc, "aesimc %xmm1, %xmm0", false)                                    \
    F(aesimc_m, "aesimc (%rbx), %xmm0", false)                                 \
    F(keygen, "aeskeygenassist $0, %xmm1, %xmm0", true)                        \
    F(keygen_m, "aeskeygenassist $0, (%rbx), %xmm0", true)                     \
    F(clmul, "pclmulqdq $0, %xmm1, %xmm0", true)                               \
    F(clmul_m, "pclmulqdq $0, 16(%rbx), %xmm0", true)
#define SHA_FORMS(F)                                                           \
    F(sha1msg1, "sha1msg1 %xmm1, %xmm0", false)                                \
    F(sha1msg1_m, "sha1msg1 16(%rbx), %xmm0", false)                           \
    F(sha1msg2, "sha1msg2 %xmm1, %xmm0", false)                                \
    F(sha1msg2_m, "sha1msg2 16(%rbx), %xmm0", false)                           \
    F(sha1nexte, "sha1nexte %xmm1, %xmm0", false)                              \
    F(sha1nexte_m, "sha1nexte 16(%rbx), %xmm0", false)                         \
    F(sha1rnds4, "sha1rnds4 $0, %xmm1, %xmm0", true)                           \
    F(sha1rnds4_m, "sha1rnds4 $0, 16(%rbx), %xmm0", true)                      \
    F(sha256msg1, "sha256msg1 %xmm1, %xmm0", false)                            \
    F(sha256msg1_m, "sha256msg1 16(%rbx), %xmm0", false)                       \
    F(sha256msg2, "sha256msg2 %xmm1, %xmm0", false)                            \
    F(sha256msg2_m, "sha256msg2 16(%rbx), %xmm0", false)                       \
    F(sha256rnds2, "sha256rnds2 %xmm0, %xmm1, %xmm2", false)                   \
    F(sha256rnds2_0, "sha256rnds2 %xmm0, %xmm1, %xmm0", false)                 \
    F(sha256rnds2_m, "sha256rnds2 %xmm0, 16(%rbx), %xmm2", false)
#define VEX_FORMS(F)                                                           \
    F(vaesenc, "vaesenc %xmm2, %xmm1, %xmm0", false)                           \
    F(vaesenc_m, "vaesenc 5(%rbx), %xmm1, %xmm0", false)                       \
    F(vaesenclast, "vaesenclast %xmm2, %xmm1, %xmm0", false)                   \
    F(vaesdec, "vaesdec %xmm2, %xmm1, %xmm8", false)                           \
    F(vaesdeclast_m, "vaesdeclast 5(%rbx), %xmm1, %xmm0", false)               \
    F(vaesimc, "vaesimc %xmm1, %xmm0", false)                                  \
    F(vaesimc_m, "vaesimc 3(%rbx), %xmm0", false)                              \
    F(vkeygen, "vaeskeygenassist $0, %xmm1, %xmm0", true)                      \
    F(vkeygen_m, "vaeskeygenassist $0, 3(%rbx), %xmm0", true)                  \
    F(vclmul, "vpclmulqdq $0, %xmm2, %xmm1, %xmm0", true)                      \
    F(vclmul_m, "vpclmulqdq $0, 3(%rbx), %xmm1, %xmm0", true)
#define WIDE_FORMS(F)                                                          \
    F(vaesenc_y, "vaesenc %ymm2, %ymm1, %ymm0", false)                         \
    F(vaesenc_ym, "vaesenc 5(%rbx), %ymm1, %ymm0", false)                      \
    F(vaesenclast_y, "vaesenclast %ymm9, %ymm1, %ymm0", false)                 \
    F(vaesdec_y, "vaesdec %ymm2, %ymm1, %ymm8", false)                         \
    F(vaesdec_ym, "vaesdec 5(%rbx), %ymm1, %ymm8", false)                      \
    F(vaesdeclast_y, "vaesdeclast %ymm2, %ymm1, %ymm8", false)                 \
    F(vclmul_y, "vpclmulqdq $0, %ymm2, %ymm1, %ymm0", true)                    \
    F(vclmul_ym, "vpclmulqdq $0, 3(%rbx), %ymm1, %ymm0", true)

#define CODE(name, text, imm) BARE_CODE(form_##name, text);
LEGACY_FORMS(CODE)
SHA_FORMS(CODE)
VEX_FORMS(CODE)
WIDE_FORMS(CODE)
#define ROW(name, text, imm) {text, form_##name, form_##name##_end, imm},
static const struct form legacy_forms[] = {LEGACY_FORMS(ROW)};
static const struct form sha_forms[] = {SHA_FORMS(ROW)};
static const struct form vex_forms[] = {VEX_FORMS(ROW)};
static const struct form wide_forms[] = {WIDE_FORMS(ROW)};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static unsigned run_form(struct vec_rig *r, const struct form *f, struct rng *g)
{
    size_t size = (size_t)(f->end - f->code);
    for (unsigned k = 0; k < 40; k++) {
        uint8_t code[16];
        struct vec_state in, host, sim;
        memcpy(code, f->code, size);
        if (f->imm)
            code[size - 1] = (uint8_t)rng_next(g);
        vec_random(&in, g);
        for (unsigned i = 0; i < 32; i++)
            fx_put(&in, FX_XMM + 8 * i, 8, rng_next(g));
        host = sim = in;
        vec_host_run(&host, code, size);
        vec_run(r, &sim, vec_place(r, code, size), size);
        if (vec_equal(&host, &sim, 0xffff))
            continue;
        fprintf(stderr, "--- %s, imm8 %02x\n", f->name, code[size - 1]);
        vec_print("in  ", &in);
        vec_print("host", &host);
        vec_print("sim ", &sim);
        return 1;
    }
    return 0;
}

static void run_forms(const char *timing, const struct form *f, size_t n)
{
    struct vec_rig r;
    struct rng g = rng_make(31, 0);
    unsigned wrong = 0;
    vec_host_create();
    vec_create(&r, timing);
    for (size_t i = 0; i < n; i++)
        wrong += run_form(&r, &f[i], &g);
    ck_assert_uint_eq(wrong, 0);
    bare_destroy(&r.b);
}

START_TEST(legacy)
{
    run_forms("off", legacy_forms, COUNT(legacy_forms));
    run_forms("simple", legacy_forms, COUNT(legacy_forms));
}
END_TEST

START_TEST(sha)
{
    run_forms("off", sha_forms, COUNT(sha_forms));
    run_forms("simple", sha_forms, COUNT(sha_forms));
}
END_TEST

START_TEST(vex)
{
    run_forms("off", vex_forms, COUNT(vex_forms));
    run_forms("simple", vex_forms, COUNT(vex_forms));
}
END_TEST

START_TEST(wide)
{
    run_forms("off", wide_forms, COUNT(wide_forms));
    run_forms("simple", wide_forms, COUNT(wide_forms));
}
END_TEST

static uint8_t *memory_at(struct vec_state *s, unsigned at)
{
    return s->memory + at;
}

static void run_code(struct vec_rig *r, struct vec_state *s,
                     const uint8_t *code, const uint8_t *end)
{
    size_t size = (size_t)(end - code);
    vec_run(r, s, vec_place(r, code, size), size);
    ck_assert_int_eq(s->vector, -1);
}
#define RUN(r, s, name) run_code(r, s, name, name##_end)

/* The whole of AES-128: the key is expanded, a block is encrypted into 16,
 * and decrypted again into 32, by the equivalent inverse cipher. */
BARE_CODE(code_aes,
          "movdqu (%rbx), %xmm1; movdqu 16(%rbx), %xmm0\n"
          "lea 256(%rbx), %rdx; movdqu %xmm1, (%rdx)\n"
          ".irp rcon, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36\n"
          "aeskeygenassist $\\rcon, %xmm1, %xmm2\n"
          "pshufd $0xff, %xmm2, %xmm2\n"
          "movdqa %xmm1, %xmm3; pslldq $4, %xmm3; pxor %xmm3, %xmm1\n"
          "pslldq $4, %xmm3; pxor %xmm3, %xmm1\n"
          "pslldq $4, %xmm3; pxor %xmm3, %xmm1\n"
          "pxor %xmm2, %xmm1\n"
          "add $16, %rdx; movdqu %xmm1, (%rdx)\n"
          ".endr\n"
          "lea 256(%rbx), %rdx; pxor (%rdx), %xmm0\n"
          ".irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9\n"
          "aesenc 16*\\n(%rdx), %xmm0\n"
          ".endr\n"
          "aesenclast 160(%rdx), %xmm0; movdqu %xmm0, 32(%rbx)\n"
          "pxor 160(%rdx), %xmm0\n"
          ".irp n, 9, 8, 7, 6, 5, 4, 3, 2, 1\n"
          "aesimc 16*\\n(%rdx), %xmm4; aesdec %xmm4, %xmm0\n"
          ".endr\n"
          "aesdeclast (%rdx), %xmm0; movdqu %xmm0, 48(%rbx)");

/* FIPS 197 "Advanced Encryption Standard", Appendix A.1 "Expansion of a
 * 128-bit Key" and Appendix B "Cipher Example". */
START_TEST(fips_197)
{
    static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae,
                                    0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88,
                                    0x09, 0xcf, 0x4f, 0x3c};
    static const uint8_t plain[16] = {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a,
                                      0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2,
                                      0xe0, 0x37, 0x07, 0x34};
    static const uint8_t cipher[16] = {0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc,
                                       0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97,
                                       0x19, 0x6a, 0x0b, 0x32};
    static const uint8_t last_key[16] = {0xd0, 0x14, 0xf9, 0xa8, 0xc9, 0xee,
                                         0x25, 0x89, 0xe1, 0x3f, 0x0c, 0xc8,
                                         0xb6, 0x63, 0x0c, 0xa6};
    struct vec_rig r;
    struct vec_state s;
    vec_create(&r, "off");
    memset(&s, 0, sizeof s);
    fx_put(&s, FX_FCW, 2, 0x37f);
    fx_put(&s, FX_MXCSR, 4, 0x1f80);
    memcpy(memory_at(&s, 0), key, 16);
    memcpy(memory_at(&s, 16), plain, 16);
    RUN(&r, &s, code_aes);
    ck_assert_mem_eq(memory_at(&s, 256 + 160), last_key, 16);
    ck_assert_mem_eq(memory_at(&s, 32), cipher, 16);
    ck_assert_mem_eq(memory_at(&s, 48), plain, 16);
    bare_destroy(&r.b);
}
END_TEST

/* One block of SHA-256 as the instructions are meant to be used: state ABEF
 * and CDGH at 0 and 16, message at 64, constants at 128. */
#define ROUNDS4(n, m)                                                          \
    "movdqa %xmm" m ", %xmm0; paddd 128+16*" n "(%rbx), %xmm0\n"               \
    "sha256rnds2 %xmm0, %xmm1, %xmm2\n"                                        \
    "pshufd $0x0e, %xmm0, %xmm0; sha256rnds2 %xmm0, %xmm2, %xmm1\n"
/* The message's next four words replace the oldest. */
#define SCHEDULE(a, b, c, d)                                                   \
    "sha256msg1 %xmm" b ", %xmm" a "\n"                                        \
    "movdqa %xmm" d ", %xmm7; palignr $4, %xmm" c ", %xmm7\n"                  \
    "paddd %xmm7, %xmm" a "; sha256msg2 %xmm" d ", %xmm" a "\n"
#define SCHEDULE16                                                             \
    SCHEDULE("3", "4", "5", "6")                                               \
    SCHEDULE("4", "5", "6", "3")                                               \
    SCHEDULE("5", "6", "3", "4") SCHEDULE("6", "3", "4", "5")
#define ROUNDS16(a, b, c, d)                                                   \
    ROUNDS4(a, "3") ROUNDS4(b, "4") ROUNDS4(c, "5") ROUNDS4(d, "6")
BARE_CODE(code_sha256,
          "movdqa (%rbx), %xmm1; movdqa 16(%rbx), %xmm2\n"
          "movdqa 64(%rbx), %xmm3; movdqa 80(%rbx), %xmm4\n"
          "movdqa 96(%rbx), %xmm5; movdqa 112(%rbx), %xmm6\n" ROUNDS16("0", "1",
                                                                       "2", "3")
              SCHEDULE16 ROUNDS16("4", "5", "6", "7")
                  SCHEDULE16 ROUNDS16("8", "9", "10", "11") SCHEDULE16 ROUNDS16(
                      "12", "13", "14",
                      "15") "paddd (%rbx), %xmm1; paddd 16(%rbx), %xmm2\n"
                            "movdqa %xmm1, 32(%rbx); movdqa %xmm2, 48(%rbx)");

/* Fractional bits of square and cube roots of the first primes, FIPS 180-4
 * "SHA-256 Constants", by integer arithmetic. */
static uint32_t root_bits(unsigned p, unsigned power)
{
    unsigned __int128 target = (unsigned __int128)p << (32 * power);
    uint64_t r = 0;
    for (int bit = 36; bit >= 0; bit--) {
        unsigned __int128 x = r | UINT64_C(1) << bit, y = x * x;
        if (power == 3)
            y = y <= ((unsigned __int128)1 << 88) ? y * x : target + 1;
        if (y <= target)
            r = (uint64_t)x;
    }
    return (uint32_t)r;
}

/* FIPS 180-4, "SHA-256 Example (One-Block Message)": "abc". */
START_TEST(sha_256)
{
    static const uint32_t digest[8] = {0xba7816bf, 0x8f01cfea, 0x414140de,
                                       0x5dae2223, 0xb00361a3, 0x96177a9c,
                                       0xb410ff61, 0xf20015ad};
    static const uint8_t order[8] = {5, 4, 1, 0, 7, 6, 3, 2}; /* FEBA HGDC */
    uint32_t prime[64], message[16] = {0x61626380}, out[8];
    unsigned n = 0;
    for (unsigned p = 2; n < 64; p++) {
        bool is_prime = true;
        for (unsigned i = 0; i < n; i++)
            is_prime &= p % prime[i] != 0;
        if (is_prime)
            prime[n++] = p;
    }
    struct vec_rig r;
    struct vec_state s;
    vec_create(&r, "simple");
    memset(&s, 0, sizeof s);
    fx_put(&s, FX_FCW, 2, 0x37f);
    fx_put(&s, FX_MXCSR, 4, 0x1f80);
    message[15] = 24;
    memcpy(memory_at(&s, 64), message, 64);
    for (unsigned i = 0; i < 8; i++) {
        uint32_t h = root_bits(prime[order[i]], 2);
        memcpy(memory_at(&s, 4 * i), &h, 4);
    }
    for (unsigned i = 0; i < 64; i++) {
        uint32_t k = root_bits(prime[i], 3);
        memcpy(memory_at(&s, 128 + 4 * i), &k, 4);
    }
    RUN(&r, &s, code_sha256);
    memcpy(out, memory_at(&s, 32), 32);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(out[i], digest[order[i]]);
    bare_destroy(&r.b);
}
END_TEST

/* --- GFNI, bit by bit --- */

/* GF2P8MULB: the polynomial product, then the remainder by
 * x^8 + x^4 + x^3 + x + 1. */
static uint8_t slow_multiply(uint8_t a, uint8_t b)
{
    unsigned product = 0;
    for (unsigned i = 0; i < 8; i++)
        for (unsigned j = 0; j < 8; j++)
            if ((a >> i & 1) && (b >> j & 1))
                product ^= 1u << (i + j);
    for (unsigned bit = 15; bit >= 8; bit--)
        if (product >> bit & 1)
            product ^= 0x11bu << (bit - 8);
    return (uint8_t)product;
}

static uint8_t slow_inverse(uint8_t x)
{
    for (unsigned y = 1; y < 256; y++)
        if (slow_multiply(x, (uint8_t)y) == 1)
            return (uint8_t)y;
    return 0;
}

/* affine_byte of the manual: retbyte.bit[i] =
 * parity(tsrc2qw.byte[7-i] AND src1byte) XOR imm8.bit[i]. */
static uint8_t slow_affine(const uint8_t matrix[8], uint8_t x, uint8_t imm8)
{
    unsigned r = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned parity = imm8 >> i & 1;
        for (unsigned k = 0; k < 8; k++)
            parity ^= (matrix[7 - i] & x) >> k & 1;
        r |= parity << i;
    }
    return (uint8_t)r;
}

static void slow_gfni(enum gfni_op op, const uint8_t *a, const uint8_t *b,
                      unsigned bytes, uint8_t imm8, uint8_t *out)
{
    for (unsigned i = 0; i < bytes; i++) {
        const uint8_t *matrix = b + i / 8 * 8;
        out[i] = op == GFNI_MULB
                     ? slow_multiply(a[i], b[i])
                     : slow_affine(
                           matrix,
                           op == GFNI_AFFINE ? a[i] : slow_inverse(a[i]), imm8);
    }
}

/* All products and inverses; the matrix whose only row is the identity. */
START_TEST(gfni_field)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t identity = UINT64_C(0x0102040810204080);
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++)
            ck_assert_uint_eq(gfni_qword(GFNI_MULB, a * ones, b * ones, 0),
                              slow_multiply((uint8_t)a, (uint8_t)b) * ones);
        ck_assert_uint_eq(gfni_qword(GFNI_AFFINE, a, identity, 0) & 0xff, a);
        ck_assert_uint_eq(gfni_qword(GFNI_AFFINE_INVERSE, a, identity, 0) &
                              0xff,
                          slow_inverse((uint8_t)a));
    }
}
END_TEST

/* The S-box of AES is the inverse followed by an affine map: AESENCLAST with
 * a zero key and equal bytes shows it. SDM Vol.2 GF2P8AFFINEINVQB. */
START_TEST(gfni_makes_the_s_box)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    for (unsigned a = 0; a < 256; a++) {
        __m128i x = _mm_set1_epi8((char)a);
        __asm__("aesenclast %1, %0" : "+x"(x) : "x"(_mm_setzero_si128()));
        ck_assert_uint_eq(gfni_qword(GFNI_AFFINE_INVERSE, a * ones,
                                     UINT64_C(0xf1e3c78f1f3e7cf8), 0x63),
                          (uint64_t)_mm_cvtsi128_si64(x));
    }
}
END_TEST

/* operands: dst, first source, offset of a memory source or XMM10. */
struct gfni_form {
    const uint8_t *code, *end;
    enum gfni_op op;
    unsigned bytes, first, dst;
    int memory; /* offset, -1 for register 10 */
    bool legacy;
};
#define GFNI_FORMS(F)                                                          \
    F(g0, "gf2p8mulb %xmm10, %xmm3", GFNI_MULB, 16, 3, 3, -1, true)            \
    F(g1, "gf2p8mulb 16(%rbx), %xmm3", GFNI_MULB, 16, 3, 3, 16, true)          \
    F(g2, "gf2p8affineqb $0, %xmm10, %xmm3", GFNI_AFFINE, 16, 3, 3, -1, true)  \
    F(g3, "gf2p8affineinvqb $0, %xmm10, %xmm10", GFNI_AFFINE_INVERSE, 16, 10,  \
      10, -1, true)                                                            \
    F(g4, "vgf2p8mulb %xmm10, %xmm2, %xmm3", GFNI_MULB, 16, 2, 3, -1, false)   \
    F(g5, "vgf2p8mulb 3(%rbx), %ymm2, %ymm3", GFNI_MULB, 32, 2, 3, 3, false)   \
    F(g6, "vgf2p8affineqb $0, 5(%rbx), %xmm2, %xmm3", GFNI_AFFINE, 16, 2, 3,   \
      5, false)                                                                \
    F(g7, "vgf2p8affineqb $0, %ymm10, %ymm2, %ymm10", GFNI_AFFINE, 32, 2, 10,  \
      -1, false)                                                               \
    F(g8, "vgf2p8affineinvqb $0, %ymm10, %ymm2, %ymm3", GFNI_AFFINE_INVERSE,   \
      32, 2, 3, -1, false)                                                     \
    F(g9, "gf2p8affineinvqb $0, 32(%rbx), %xmm3", GFNI_AFFINE_INVERSE, 16, 3,  \
      3, 32, true)
#define GFNI_CODE(name, text, ...) BARE_CODE(form_##name, text);
GFNI_FORMS(GFNI_CODE)
#define GFNI_ROW(name, text, ...) {form_##name, form_##name##_end, __VA_ARGS__},
static const struct gfni_form gfni_forms[] = {GFNI_FORMS(GFNI_ROW)};

static void register_of(const struct vec_state *s, unsigned n, uint8_t out[32])
{
    memcpy(out, s->fx + FX_XMM + 16 * n, 16);
    memcpy(out + 16, s->hi + 16 * n, 16);
}

static void gfni_form(struct vec_rig *r, const struct gfni_form *f,
                      struct rng *g)
{
    size_t size = (size_t)(f->end - f->code);
    uint8_t code[16], a[32], b[32], want[32], got[32];
    struct vec_state s;
    memcpy(code, f->code, size);
    uint8_t imm8 = (uint8_t)rng_next(g);
    if (f->op != GFNI_MULB)
        code[size - 1] = imm8;
    vec_random(&s, g);
    for (unsigned i = 0; i < 16; i++) /* whatever the host has */
        memcpy(s.hi + 16 * i, s.fx + FX_XMM + 16 * (15 - i), 16);
    register_of(&s, f->first, a);
    register_of(&s, 10, b);
    if (f->memory >= 0)
        memcpy(b, s.memory + f->memory, 32);
    register_of(&s, f->dst, want);
    if (!f->legacy)
        memset(want, 0, 32);
    slow_gfni(f->op, a, b, f->bytes, imm8, want);
    vec_run(r, &s, vec_place(r, code, size), size);
    ck_assert_int_eq(s.vector, -1);
    register_of(&s, f->dst, got);
    ck_assert_mem_eq(got, want, 32);
}

START_TEST(gfni_forms_run)
{
    struct rng g = rng_make(33, 0);
    for (unsigned t = 0; t < 2; t++) {
        struct vec_rig r;
        vec_create(&r, t == 0 ? "off" : "simple");
        for (unsigned k = 0; k < 40; k++)
            for (size_t i = 0; i < COUNT(gfni_forms); i++)
                gfni_form(&r, &gfni_forms[i], &g);
        bare_destroy(&r.b);
    }
}
END_TEST

BARE_CODE(code_unaligned, "gf2p8mulb 8(%rbx), %xmm1");
BARE_CODE(code_unaligned_aes, "aesenc 8(%rbx), %xmm1");
BARE_CODE(code_sha, "sha1nexte %xmm2, %xmm1");
BARE_CODE(code_imc_l, ".byte 0xc4, 0xe2, 0x7d, 0xdb, 0xc1");

static int raised(struct vec_rig *r, struct vec_state *s, const uint8_t *code,
                  const uint8_t *end)
{
    size_t size = (size_t)(end - code);
    vec_run(r, s, vec_place(r, code, size), size);
    return s->vector;
}

START_TEST(availability)
{
    struct vec_rig r;
    struct vec_state s;
    struct rng g = rng_make(34, 0);
    vec_create(&r, "off");
    vec_random(&s, &g);
    struct cpu_config *c = &r.b.cpu->config;
#define RAISED(code) raised(&r, &s, code, code##_end)
    ck_assert_int_eq(RAISED(code_unaligned), EXC_GP);
    ck_assert_int_eq(RAISED(code_unaligned_aes), EXC_GP);
    ck_assert_int_eq(RAISED(code_imc_l), EXC_UD);
    ck_assert_int_eq(RAISED(form_vaesenc_y), -1);
    ck_assert_int_eq(RAISED(form_vclmul_y), -1);
    c->vaes = c->vpclmulqdq = false;
    ck_assert_int_eq(RAISED(form_vaesenc_y), EXC_UD);
    ck_assert_int_eq(RAISED(form_vclmul_y), EXC_UD);
    ck_assert_int_eq(RAISED(form_vaesenc), -1);
    ck_assert_int_eq(RAISED(form_vclmul), -1);
    c->aes = c->pclmulqdq = c->sha = c->gfni = false;
    ck_assert_int_eq(RAISED(form_vaesenc), EXC_UD);
    ck_assert_int_eq(RAISED(form_vclmul), EXC_UD);
    ck_assert_int_eq(RAISED(form_aesenc), EXC_UD);
    ck_assert_int_eq(RAISED(form_clmul), EXC_UD);
    ck_assert_int_eq(RAISED(code_sha), EXC_UD);
    ck_assert_int_eq(RAISED(code_unaligned), EXC_UD);
    c->aes = true;
    r.b.cpu->xcr0 = 1;
    ck_assert_int_eq(RAISED(form_vaesenc), EXC_UD);
    ck_assert_int_eq(RAISED(form_aesenc), -1);
    r.b.cpu->cr0 |= 8; /* TS */
    ck_assert_int_eq(RAISED(form_aesenc), EXC_NM);
    bare_destroy(&r.b);
}
END_TEST

START_TEST(host_lacks)
{
    struct cpu_config c = {.aes = true, .pclmulqdq = true, .sha = true};
    const char *lacks = NULL;
    c.gfni = true; /* as SHA, in C */
    ck_assert_ptr_null(fpu_host_lacks(&c, HOST_AES | HOST_PCLMULQDQ, &lacks));
    ck_assert_str_eq(fpu_host_lacks(&c, HOST_PCLMULQDQ, &lacks), "core.aes");
    ck_assert_str_eq(lacks, "AES");
    ck_assert_str_eq(fpu_host_lacks(&c, HOST_AES, &lacks), "core.pclmulqdq");
    ck_assert_str_eq(lacks, "PCLMULQDQ");
}
END_TEST

/* A bit of leaf 7 of the host's CPUID. */
static bool host_has(bool ecx, unsigned bit)
{
    unsigned a, b = 0, c = 0, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
           ((ecx ? c : b) >> bit & 1) != 0;
}

int main(void)
{
    Suite *s = suite_create("crypto");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, gfni_field);
    tcase_add_test(t, legacy);
    tcase_add_test(t, fips_197);
    tcase_add_test(t, sha_256);
    tcase_add_test(t, vex);
    if (host_has(false, 29))
        tcase_add_test(t, sha);
    if (host_has(true, 9) && host_has(true, 10)) /* VAES, VPCLMULQDQ */
        tcase_add_test(t, wide);
    tcase_add_test(t, gfni_makes_the_s_box);
    tcase_add_test(t, gfni_forms_run);
    tcase_add_test(t, availability);
    tcase_add_test(t, host_lacks);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
