/* SPDX-License-Identifier: Apache-2.0
 * The case generator: structured random bytes that Zydis accepts, with
 * memory operands, branch targets and counts steered so that they mean
 * something. A pure function of (seed, index).
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "cpu/xlat.h"
#include "sim/base/rng.h"
#include "tests/differential/case.h"

#include <string.h>

#define FLAGS_ARITH 0x8d5u

static uint64_t below(struct rng *r, uint64_t n)
{
    return rng_next(r) % n;
}

static uint64_t integer_value(struct rng *r)
{
    static const uint64_t edge[] = {0,
                                    1,
                                    2,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x7fffffff,
                                    0x80000000,
                                    0xffffffff,
                                    0x100000000,
                                    0x7fffffffffffffff,
                                    0x8000000000000000,
                                    0xffffffffffffffff,
                                    0x0f,
                                    0x10,
                                    0x1f,
                                    0x20,
                                    0x3f,
                                    0x40,
                                    0xffffffff80000000,
                                    0x5555555555555555,
                                    0xaaaaaaaaaaaaaaaa};
    switch (below(r, 8)) {
    case 0:
    case 1: return edge[below(r, sizeof edge / sizeof edge[0])];
    case 2: return below(r, 256);
    case 3: return ~below(r, 256);
    default: return rng_next(r);
    }
}

/* Eight bytes that are interesting as floats, doubles or integers. */
static uint64_t vector_value(struct rng *r)
{
    static const uint64_t doubles[] = {0,
                                       0x8000000000000000,
                                       0x3ff0000000000000,
                                       0xbff0000000000000,
                                       0x7ff0000000000000,
                                       0xfff0000000000000,
                                       0x7ff8000000000000,
                                       0x7ff0000000000001,
                                       0x0000000000000001,
                                       0x000fffffffffffff,
                                       0x0010000000000000,
                                       0x7fefffffffffffff,
                                       0x4330000000000000,
                                       0x41dfffffffc00000,
                                       0xc1e0000000000000,
                                       0x3fe0000000000000,
                                       0x43e0000000000000,
                                       0x4059000000000000};
    static const uint32_t floats[] = {
        0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
        0x7fc00000, 0x7f800001, 0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff,
        0x4b000000, 0x4effffff, 0xcf000000, 0x3f000000, 0x5f000000, 0x42c80000};
    switch (below(r, 6)) {
    case 0:
    case 1: return doubles[below(r, sizeof doubles / sizeof doubles[0])];
    case 2: {
        uint64_t lo = floats[below(r, sizeof floats / sizeof floats[0])];
        uint64_t hi = floats[below(r, sizeof floats / sizeof floats[0])];
        return hi << 32 | lo;
    }
    case 3: { /* a double of moderate size */
        uint64_t exponent = 1023 - 40 + below(r, 80);
        return (rng_next(r) & 0x800fffffffffffff) | exponent << 52;
    }
    case 4: { /* two floats of moderate size */
        uint64_t e0 = 127 - 20 + below(r, 40), e1 = 127 - 20 + below(r, 40);
        return (rng_next(r) & 0x807fffff807fffff) | e0 << 23 | e1 << 55;
    }
    default: return rng_next(r);
    }
}

static void random_x87(struct rng *r, struct fx_image *fx)
{
    static const uint16_t exponents[] = {0,      0x3fff, 0xbfff, 0x7fff,
                                         0xffff, 0x4000, 0x3ffe, 0x4010,
                                         0x8000, 0x0001, 0x403e, 0x7ffe};
    uint16_t rc_pc = (uint16_t)(below(r, 16) << 8);
    if ((rc_pc & 0x300) == 0x100)
        rc_pc |= 0x200; /* precision control 01 is reserved */
    bool unmasked = below(r, 32) == 0;
    fx->fcw =
        (uint16_t)(0x40 | rc_pc | (unmasked ? below(r, 64) : (uint64_t)0x3f));
    fx->fsw = (uint16_t)(below(r, 8) << 11 | (rng_next(r) & 0x4700));
    fx->ftw = (uint8_t)(below(r, 4) ? 0xff : rng_next(r));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t m = rng_next(r);
        uint16_t e = (uint16_t)(0x3fff - 60 + below(r, 120));
        switch (below(r, 6)) {
        case 0: e = exponents[below(r, 12)]; break;
        case 1: m = UINT64_C(1) << 63; break;
        case 2:
            m = below(r, 2) ? 0 : UINT64_C(3) << 62;
            e = exponents[below(r, 12)];
            break;
        default: break;
        }
        if ((e & 0x7fff) != 0 && below(r, 64) != 0)
            m |= UINT64_C(1) << 63; /* else an unnormal: unsupported */
        fx->st[i].mantissa = m;
        fx->st[i].exponent = (uint16_t)(e | (below(r, 2) << 15));
    }
}

static void random_state(struct rng *r, struct machine_state *s)
{
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < 16; i++)
        s->gpr[i] = integer_value(r);
    s->gpr[4] = ARENA + 0x800 + 8 * below(r, 256);
    s->rip = CODE_PAGE + CODE_OFFSET;
    s->rflags = 0x202 | (rng_next(r) & FLAGS_ARITH);
    if (below(r, 16) == 0)
        s->rflags |= 0x400; /* DF */
    for (unsigned i = 0; i < 16; i++) {
        s->fx.xmm[i][0] = vector_value(r);
        s->fx.xmm[i][1] = vector_value(r);
        s->ymmh[i][0] = vector_value(r);
        s->ymmh[i][1] = vector_value(r);
    }
    s->xstate_bv = 7;
    s->fx.mxcsr = 0x1f80;
    if (below(r, 4) == 0)
        s->fx.mxcsr |= (uint32_t)(rng_next(r) & 0xe07f);
    if (below(r, 48) == 0) /* unmask some */
        s->fx.mxcsr &= ~(uint32_t)(rng_next(r) & 0x1f80);
    s->fx.mxcsr_mask = 0xffff;
    random_x87(r, &s->fx);
}

/* --- bytes --- */

/* A VEX prefix and its opcode. SDM Vol.2 "Instruction Format". */
static unsigned random_vex(struct rng *r, uint8_t *b)
{
    unsigned n = 0;
    /* vvvv is 1111b where the instruction has no such operand. */
    uint8_t last = (uint8_t)(below(r, 2) ? rng_next(r) : 0x78 | below(r, 8));
    if (below(r, 48) == 0) /* #UD: a legacy prefix before VEX */
        b[n++] = (uint8_t[]){0x66, 0xf2, 0xf3, 0xf0, 0x48}[below(r, 5)];
    if (below(r, 32) == 0)
        b[n++] = 0x67;
    if (below(r, 3) == 0) { /* two-byte form: map 1, W = 0 */
        b[n++] = 0xc5;
        b[n++] = (uint8_t)(last & 0x7f) | (uint8_t)(below(r, 2) << 7);
    } else {
        static const uint8_t maps[] = {1, 1, 1, 2, 2, 2, 3, 3};
        b[n++] = 0xc4;
        b[n++] = (uint8_t)(below(r, 8) << 5 | maps[below(r, 8)]);
        b[n++] = last;
    }
    b[n++] = (uint8_t)rng_next(r);
    return n;
}

static unsigned random_legacy(struct rng *r, uint8_t *b)
{
    unsigned n = 0;
    if (below(r, 6) == 0)
        b[n++] = 0x66;
    switch (below(r, 24)) {
    case 0:
    case 1: b[n++] = 0xf2; break;
    case 2:
    case 3:
    case 4: b[n++] = 0xf3; break;
    case 5: b[n++] = 0xf0; break;
    case 6: b[n++] = 0x67; break;
    case 7: b[n++] = below(r, 2) ? 0x2e : 0x3e; break;
    default: break;
    }
    if (below(r, 16) == 0)
        b[n++] = 0x66;
    if (below(r, 2) == 0)
        b[n++] = (uint8_t)(0x40 | below(r, 16));
    if (below(r, 64) == 0) /* a prefix after REX: REX is then ignored */
        b[n++] = 0x66;
    uint64_t map = below(r, 16);
    if (map < 8) {
        b[n++] = (uint8_t)rng_next(r);
    } else {
        b[n++] = 0x0f;
        if (map == 13 || map == 14)
            b[n++] = 0x38;
        else if (map == 15)
            b[n++] = 0x3a;
        b[n++] = (uint8_t)rng_next(r);
    }
    return n;
}

static void random_bytes(struct rng *r, uint8_t *b)
{
    bool vex = both_have(FEATURE_AVX) && below(r, 8) < 3;
    unsigned n = vex ? random_vex(r, b) : random_legacy(r, b);
    while (n < 15)
        b[n++] = (uint8_t)rng_next(r);
}

/* Instructions whose effect depends on what the host's kernel set up, or
 * that leave user mode; reliability lists and reasons in README.md here. */
static bool excluded(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_RDRAND:
    case ZYDIS_MNEMONIC_RDSEED:
    case ZYDIS_MNEMONIC_RDPID:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_XGETBV:
    case ZYDIS_MNEMONIC_XSETBV:
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_FXRSTOR64:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFD:
    case ZYDIS_MNEMONIC_POPFQ:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
    case ZYDIS_MNEMONIC_VLDMXCSR:
    case ZYDIS_MNEMONIC_LDMXCSR: return true;
    default: break;
    }
    if (zi->attributes &
        (ZYDIS_ATTRIB_HAS_SEGMENT_FS | ZYDIS_ATTRIB_HAS_SEGMENT_GS))
        return true;
    /* Far transfers and segment registers. */
    if (zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return true;
    return false;
}

static bool touches_segment(const struct test_case *t)
{
    for (unsigned i = 0; i < t->zi.operand_count_visible; i++) {
        if (t->zo[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            ZydisRegisterGetClass(t->zo[i].reg.value) == ZYDIS_REGCLASS_SEGMENT)
            return true;
    }
    return false;
}

/* --- steering --- */

static void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    memcpy(p, &v, bytes);
}

static uint64_t arena_target(struct rng *r)
{
    uint64_t at;
    switch (below(r, 24)) {
    case 0: at = ARENA + below(r, 16) - 16; break; /* before the start */
    case 1: at = ARENA + ARENA_SIZE - 1 - below(r, 16); break;
    case 2: at = ARENA_RO + below(r, 4096); break;
    case 3: at = ARENA_RO - 1 - below(r, 16); break;
    case 4: at = ARENA + 4096 - 1 - below(r, 16); break;
    default: at = ARENA + below(r, 2 * 4096 - 64); break;
    }
    if (below(r, 4) != 0)
        at &= ~UINT64_C(15);
    return at;
}

static int gpr_number(ZydisRegister reg)
{
    if (reg == ZYDIS_REGISTER_NONE)
        return -1;
    ZydisRegister wide =
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15)
        return -1;
    return (int)(wide - ZYDIS_REGISTER_RAX);
}

/* Indices that stay near the base, now and then one that does not. */
static void aim_vsib(struct rng *r, struct test_case *t,
                     const ZydisDecodedOperand *o)
{
    int number = ZydisRegisterGetId(o->mem.index);
    uint64_t parts[4];
    /* The letter before the last: GATHERD.., GATHERQ.. */
    bool qword = false;
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_VGATHERQPD:
    case ZYDIS_MNEMONIC_VGATHERQPS:
    case ZYDIS_MNEMONIC_VPGATHERQD:
    case ZYDIS_MNEMONIC_VPGATHERQQ: qword = true; break;
    default: break;
    }
    for (unsigned i = 0; i < 4; i++) {
        uint64_t lo = below(r, 64) - 8, hi = below(r, 64) - 8;
        if (below(r, 64) == 0)
            lo = rng_next(r);
        parts[i] = qword ? lo : (uint32_t)lo | hi << 32;
    }
    memcpy(t->before.fx.xmm[number], parts, 16);
    memcpy(t->before.ymmh[number], parts + 2, 16);
}

/* Make memory operand `o` address `at`, by its base register or its
 * displacement. */
static void aim(struct rng *r, struct test_case *t,
                const ZydisDecodedOperand *o, uint64_t at)
{
    int base = gpr_number(o->mem.base), index = gpr_number(o->mem.index);
    uint64_t *gpr = t->before.gpr;
    uint64_t disp = (uint64_t)o->mem.disp.value;
    unsigned doff = t->zi.raw.disp.offset, dsize = t->zi.raw.disp.size / 8;

    if (o->mem.type == ZYDIS_MEMOP_TYPE_VSIB)
        aim_vsib(r, t, o);
    if (o->mem.base == ZYDIS_REGISTER_RIP ||
        o->mem.base == ZYDIS_REGISTER_EIP) {
        uint64_t next = CODE_PAGE + CODE_OFFSET + t->length;
        put_le(t->bytes + doff, at - next, 4);
        return;
    }
    if (index >= 0 && index != base)
        gpr[index] = below(r, 8);
    uint64_t scaled = index >= 0 ? gpr[index] * o->mem.scale : 0;
    if (base >= 0 && base != index) {
        gpr[base] = at - disp - scaled;
    } else if (base >= 0) {
        gpr[base] = (at - disp) / (1u + o->mem.scale);
    } else if (dsize == 4) {
        put_le(t->bytes + doff, at - scaled, 4);
    } else if (dsize == 8) {
        put_le(t->bytes + doff, at, 8);
    }
}

static void aim_operands(struct rng *r, struct test_case *t)
{
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY ||
            o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
            continue;
        if (o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
            below(r, 64) == 0)
            continue; /* leave it wild */
        aim(r, t, o, arena_target(r));
    }
}

/* Where the effective address of operand `o` falls in the arena, or -1. */
static int64_t operand_offset(const struct test_case *t,
                              const ZydisDecodedOperand *o)
{
    int base = gpr_number(o->mem.base), index = gpr_number(o->mem.index);
    uint64_t at = (uint64_t)o->mem.disp.value;
    if (o->mem.base == ZYDIS_REGISTER_RIP)
        at += CODE_PAGE + CODE_OFFSET + t->length;
    else if (base >= 0)
        at += t->before.gpr[base];
    if (index >= 0)
        at += t->before.gpr[index] * o->mem.scale;
    if (at < ARENA || at > ARENA + ARENA_SIZE - 8)
        return -1;
    return (int64_t)(at - ARENA);
}

static void steer_branch(struct rng *r, struct test_case *t)
{
    uint64_t to = CODE_PAGE + 0x100 + below(r, 0x600);
    const ZydisDecodedOperand *o = &t->zo[0];
    if (t->zi.raw.imm[0].is_relative) {
        int64_t d = (int64_t)(40 + below(r, 60));
        if (below(r, 2))
            d = -d;
        put_le(t->bytes + t->zi.raw.imm[0].offset, (uint64_t)d,
               t->zi.raw.imm[0].size / 8);
        return;
    }
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        o = &t->zo[i];
        if (o->type == ZYDIS_OPERAND_TYPE_REGISTER && i == 0 &&
            gpr_number(o->reg.value) >= 0 && below(r, 32)) {
            t->before.gpr[gpr_number(o->reg.value)] = to;
        } else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            int64_t off = operand_offset(t, o);
            if (off >= 0 && below(r, 32))
                put_le(t->memory + off, to, 8);
        }
    }
}

static void steer(struct rng *r, struct test_case *t)
{
    aim_operands(r, t);
    bool rep =
        t->zi.attributes &
        (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
    if (rep) /* with 32-bit addresses bits 63:32 do not count */
        t->before.gpr[1] =
            below(r, 9) | (t->zi.address_width == 32 ? rng_next(r) << 32 : 0);
    ZydisMnemonic m = t->zi.mnemonic;
    if ((m == ZYDIS_MNEMONIC_BT || m == ZYDIS_MNEMONIC_BTS ||
         m == ZYDIS_MNEMONIC_BTR || m == ZYDIS_MNEMONIC_BTC) &&
        t->zo[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        t->zo[0].type == ZYDIS_OPERAND_TYPE_MEMORY) {
        int reg = gpr_number(t->zo[1].reg.value);
        if (reg >= 0 && reg != gpr_number(t->zo[0].mem.base) &&
            reg != gpr_number(t->zo[0].mem.index))
            t->before.gpr[reg] = below(r, 512) - 256;
    }
    if (m == ZYDIS_MNEMONIC_ENTER)
        t->bytes[t->zi.raw.imm[1].offset] &= 3;
    if (m == ZYDIS_MNEMONIC_LEAVE || m == ZYDIS_MNEMONIC_ENTER)
        t->before.gpr[5] = ARENA + 0x400 + 8 * below(r, 512);
    if (m == ZYDIS_MNEMONIC_XLAT)
        t->before.gpr[3] = arena_target(r);
    if (m == ZYDIS_MNEMONIC_DIV || m == ZYDIS_MNEMONIC_IDIV) {
        if (below(r, 2)) /* make quotients that fit common */
            t->before.gpr[2] = below(r, 4) ? 0 : UINT64_MAX;
    }
    if (t->zi.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE)
        steer_branch(r, t);
}

/* Two KiB of interesting values, repeated: filling it all afresh would be
 * most of a case's cost. */
static void fill_memory(struct rng *r, uint8_t *memory)
{
    enum { CHUNK = 2048 };
    for (unsigned i = 0; i < CHUNK; i += 8)
        put_le(memory + i, (i & 8) ? vector_value(r) : integer_value(r), 8);
    for (unsigned i = CHUNK; i < ARENA_SIZE; i += CHUNK)
        memcpy(memory + i, memory, CHUNK);
}

/* --- the case --- */

/* Both sides have the instruction, in this encoding. */
static bool modelled(const ZydisDecodedInstruction *zi)
{
    const struct insn_row *row = &insn_rows[zi->mnemonic];
    bool vex = row->rules & (R_VEX | R_AVX | R_AVX_FP);
    return row->fn != NULL && both_have(row->feature) &&
           zi->encoding == (vex ? ZYDIS_INSTRUCTION_ENCODING_VEX
                                : ZYDIS_INSTRUCTION_ENCODING_LEGACY);
}

bool case_generate(uint64_t seed, uint64_t index, struct test_case *t,
                   const char **why)
{
    struct rng r = rng_make(seed, index);
    ZydisDecoder decoder;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64,
                     ZYDIS_STACK_WIDTH_64);
    t->seed = seed;
    t->index = index;
    *why = "not an instruction";
    for (unsigned tries = 0; tries < 64; tries++) {
        random_bytes(&r, t->bytes);
        t->bytes[15] = 0xcc;
        if (ZYAN_FAILED(
                ZydisDecoderDecodeFull(&decoder, t->bytes, 15, &t->zi, t->zo)))
            continue;
        if (!modelled(&t->zi))
            continue;
        if (excluded(&t->zi) || touches_segment(t))
            continue;
        t->length = t->zi.length;
        random_state(&r, &t->before);
        fill_memory(&r, t->memory);
        steer(&r, t);
        /* Steering patched bytes: decode what will run. */
        if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, t->bytes, 15, &t->zi,
                                               t->zo)) ||
            t->zi.length != t->length)
            continue;
        memset(t->bytes + t->length, 0xcc, sizeof t->bytes - t->length);
        return true;
    }
    return false;
}
