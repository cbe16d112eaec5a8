/* SPDX-License-Identifier: Apache-2.0
 * Translation of VEX-encoded vector instructions with an immediate: what
 * enum avx_imm_op wants in uop.imm. SDM Vol.2.
 */
#include "cpu/xlat_avx.h"

/* Byte i of the control is f(imm8, i). */
static uint64_t control(unsigned imm, unsigned (*f)(unsigned imm, unsigned i))
{
    uint64_t r = 0;
    for (unsigned i = 0; i < 8; i++)
        r |= (uint64_t)(f(imm, i) & 0xff) << 8 * i;
    return r;
}

/* VPSHUFD, VPERMILPS, VSHUFPS: two bits a dword, the same in each lane. */
static unsigned dword(unsigned imm, unsigned i)
{
    return imm >> 2 * (i & 3) & 3;
}

/* VPERMILPD, VSHUFPD: a bit a qword of the register. */
static unsigned qword_in_lane(unsigned imm, unsigned i)
{
    return (imm >> i / 2 & 1) * 2 + (i & 1);
}

/* VPERMQ, VPERMPD: two bits a qword. */
static unsigned qword(unsigned imm, unsigned i)
{
    return (imm >> (i & 6) & 3) * 2 + (i & 1);
}

static unsigned low_words(unsigned imm, unsigned i)
{
    return 2 * (i < 4 ? dword(imm, i) : i);
}

static unsigned high_words(unsigned imm, unsigned i)
{
    return 2 * (i < 4 ? i : 4 + dword(imm, i));
}

/* VPERM2F128: four bits a lane: which of four lanes, and zero. */
static unsigned lanes(unsigned imm, unsigned i)
{
    unsigned s = imm >> (i & 4) & 0xf;
    if (s & 8)
        return 0;
    return ((s & 1) * 4 + (i & 3)) | (s & 2 ? AVX_PERM_RM : AVX_PERM_VVVV);
}

/* Blends: a bit an element. */
static unsigned each(unsigned imm, unsigned i)
{
    return imm >> i & 1 ? 0xff : 0;
}

static unsigned each_two(unsigned imm, unsigned i)
{
    return imm >> i / 2 & 1 ? 0xff : 0;
}

/* VPALIGNR: bytes beyond both operands are zero. */
static unsigned align(unsigned imm, unsigned i)
{
    return i != 0 ? 0 : imm < 32 ? imm : 32;
}

static unsigned whole(unsigned imm, unsigned i)
{
    return i == 0 ? imm : 0;
}

/* INSERTPS from memory takes the 4 bytes there: COUNT_S counts in a register
 * only. */
static unsigned insertps_mem(unsigned imm, unsigned i)
{
    return i == 0 ? imm & 0x3f : 0;
}

struct imm_row {
    uint16_t mnemonic;
    uint8_t op;
    bool vvvv; /* (dst, vvvv, rm, imm8), else (dst, rm, imm8) */
    unsigned (*f)(unsigned imm, unsigned i);
};
#define ROW(m, op, vvvv, f)                                                    \
    {                                                                          \
        ZYDIS_MNEMONIC_##m, AVX_##op, vvvv, f                                  \
    }
static const struct imm_row imm_rows[] = {
    ROW(VPSHUFD, SHUF_DWORD, false, dword),
    ROW(VPERMILPS, SHUF_DWORD, false, dword),
    ROW(VPERMILPD, SHUF_DWORD, false, qword_in_lane),
    ROW(VPSHUFLW, SHUF_WORD, false, low_words),
    ROW(VPSHUFHW, SHUF_WORD, false, high_words),
    ROW(VPERMQ, PERM_ONE, false, qword),
    ROW(VPERMPD, PERM_ONE, false, qword),
    ROW(VSHUFPS, SHUF_TWO, true, dword),
    ROW(VSHUFPD, SHUF_TWO, true, qword_in_lane),
    ROW(VPERM2F128, PERM_TWO, true, lanes),
    ROW(VPERM2I128, PERM_TWO, true, lanes),
    ROW(VPBLENDW, BLEND_WORD, true, each),
    ROW(VPBLENDD, BLEND_DWORD, true, each),
    ROW(VBLENDPS, BLEND_DWORD, true, each),
    ROW(VBLENDPD, BLEND_DWORD, true, each_two),
    ROW(VPALIGNR, ALIGN, true, align),
    ROW(VMPSADBW, MPSADBW, true, whole),
    ROW(VINSERTPS, INSERTPS, true, whole),
};
#undef ROW

bool xlat_avx_imm(struct xlat *x)
{
    const struct imm_row *r = imm_rows;
    while (r->mnemonic != x->zi->mnemonic)
        r++;
    const struct avx_forms *f = &VEC_TABLE(x, avx_imm)->op[r->op];
    const ZydisDecodedOperand *rm = &x->zo[r->vvvv ? 2 : 1];
    struct uop *u = r->vvvv ? avx_emit3(x, f) : avx_emit2(x, f);
    bool insertps = r->op == AVX_INSERTPS && is_mem(rm);
    u->imm = control(vec_imm8(rm + 1), insertps ? insertps_mem : r->f);
    return true;
}

/* Shifts by imm8: (dst, rm, imm8). */
bool xlat_avx_shift(struct xlat *x)
{
    static const uint16_t mnemonic[AVX_SHIFT_OPS] = {
#define X(m, host) [AVX_SHIFT_##m] = ZYDIS_MNEMONIC_##m,
        AVX_SHIFT_LIST(X) X(VPSLLDQ, ) X(VPSRLDQ, )
#undef X
    };
    unsigned op = 0, imm = vec_imm8(&x->zo[2]);
    while (mnemonic[op] != x->zi->mnemonic)
        op++;
    struct uop *u = xlat_emit(x, VEC_TABLE(x, avx_imm)->shift[op][avx_l(x)]);
    u->dst = xlat_number(x->zo[0].reg.value);
    u->src = xlat_number(x->zo[1].reg.value);
    u->imm = op >= AVX_SHIFT_VPSLLDQ && imm > 16 ? 16 : imm;
    return true;
}

bool xlat_avx_blendv(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_VPBLENDVB   ? AVX_BLENDV_VPBLENDVB
                  : m == ZYDIS_MNEMONIC_VBLENDVPS ? AVX_BLENDV_VBLENDVPS
                                                  : AVX_BLENDV_VBLENDVPD;
    struct uop *u = avx_emit3(x, &VEC_TABLE(x, avx_imm)->blendv[op]);
    u->imm = xlat_number(x->zo[3].reg.value);
    return true;
}

bool xlat_avx_test(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    unsigned op = m == ZYDIS_MNEMONIC_VPTEST    ? AVX_TEST_VPTEST
                  : m == ZYDIS_MNEMONIC_VTESTPS ? AVX_TEST_VTESTPS
                                                : AVX_TEST_VTESTPD;
    avx_emit2(x, &VEC_TABLE(x, avx_imm)->test[op]);
    return true;
}

bool xlat_avx_string(struct xlat *x)
{
    ZydisMnemonic m = x->zi->mnemonic;
    struct uop *u = avx_emit2(x, &VEC_TABLE(x, avx_imm)->string);
    u->aux = vec_imm8(&x->zo[2]);
    if (m == ZYDIS_MNEMONIC_VPCMPESTRI || m == ZYDIS_MNEMONIC_VPCMPESTRM)
        u->aux |= STR_EXPLICIT;
    if (m == ZYDIS_MNEMONIC_VPCMPESTRM || m == ZYDIS_MNEMONIC_VPCMPISTRM)
        u->aux |= STR_MASK;
    if (x->zi->raw.vex.W && (x->mode & MODE_LONG))
        u->aux |= STR_REXW;
    return true;
}
