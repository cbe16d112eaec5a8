/* SPDX-License-Identifier: Apache-2.0
 * Steering: memory operands that meet the arena (its page ends, its
 * read-only page, the absent pages beside it), branch targets in the code
 * page, counts and divisors of a size at which something happens.
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "tests/differential/gen.h"

#include <string.h>

static void put_le(uint8_t *p, uint64_t v, unsigned bytes)
{
    memcpy(p, &v, bytes);
}

uint64_t arena_target(struct rng *r)
{
    uint64_t at;
    switch (below(r, 24)) {
    case 0: at = ARENA + below(r, 32) - 16; break; /* around the start */
    case 1: at = ARENA + ARENA_SIZE - 1 - below(r, 32); break;
    case 2: at = ARENA_RO + below(r, 4096); break;
    case 3: at = ARENA_RO - 1 - below(r, 32); break;
    case 4: at = ARENA + 4096 - 1 - below(r, 32); break;
    default: at = ARENA + below(r, 2 * 4096 - 64); break;
    }
    if (!one_in(r, 4))
        at &= ~UINT64_C(15);
    return at;
}

int gpr_number(ZydisRegister reg)
{
    if (reg == ZYDIS_REGISTER_NONE)
        return -1;
    ZydisRegister wide =
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15)
        return -1;
    return (int)(wide - ZYDIS_REGISTER_RAX);
}

static uint64_t address_mask(const ZydisDecodedInstruction *zi)
{
    return zi->address_width == 64 ? UINT64_MAX
                                   : (UINT64_C(1) << zi->address_width) - 1;
}

static uint64_t segment_base(const struct test_case *t,
                             const ZydisDecodedOperand *o)
{
    const struct machine_state *s = &t->before;
    if (t->mode == CODE_64)
        return 0;
    switch (o->mem.segment) {
    case ZYDIS_REGISTER_CS: return selector_base(s->cs);
    case ZYDIS_REGISTER_SS: return selector_base(s->ss);
    case ZYDIS_REGISTER_ES: return selector_base(s->es);
    default: return selector_base(s->ds);
    }
}

/* Set the part of a register that addresses use; the rest is random now and
 * then, as it must not count. */
static void set_address_part(struct rng *r, struct test_case *t, int number,
                             uint64_t v)
{
    uint64_t mask = address_mask(&t->zi), rest = 0;
    if (one_in(r, 4))
        rest = t->mode == CODE_64 ? rng_next(r) : (uint32_t)rng_next(r);
    t->before.gpr[number] = (v & mask) | (rest & ~mask);
}

/* Indices that stay near the base, now and then one that does not. */
static void aim_vsib(struct rng *r, struct test_case *t,
                     const ZydisDecodedOperand *o)
{
    int number = ZydisRegisterGetId(o->mem.index);
    uint64_t parts[4];
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
        if (one_in(r, 64) && t->mode == CODE_64)
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
    uint64_t disp = (uint64_t)o->mem.disp.value, scale = o->mem.scale;
    unsigned doff = t->zi.raw.disp.offset, dsize = t->zi.raw.disp.size / 8;

    if (o->mem.type == ZYDIS_MEMOP_TYPE_VSIB)
        aim_vsib(r, t, o);
    if (o->mem.base == ZYDIS_REGISTER_RIP ||
        o->mem.base == ZYDIS_REGISTER_EIP) {
        put_le(t->bytes + doff, at - (t->before.rip + t->zi.length), 4);
        return;
    }
    at -= segment_base(t, o);
    if (o->visibility != ZYDIS_OPERAND_VISIBILITY_EXPLICIT && base == 4)
        return; /* the stack is where it is */
    if (index >= 0 && index != base && index != 4)
        set_address_part(r, t, index, below(r, 8));
    uint64_t scaled = index >= 0 ? gpr[index] * (scale ? scale : 1) : 0;
    if (base >= 0 && base != index) {
        set_address_part(r, t, base, at - disp - scaled);
    } else if (base >= 0) {
        set_address_part(r, t, base, (at - disp) / (1u + scale));
    } else if (dsize >= 2) {
        put_le(t->bytes + doff, at - (dsize == 8 ? 0 : scaled), dsize);
    } else if (index >= 0 && scale != 0) {
        set_address_part(r, t, index, (at - disp) / scale);
    }
}

/* Instructions with a large memory operand: save areas. */
static bool has_area(const ZydisDecodedInstruction *zi)
{
    return has_image(zi) || zi->mnemonic == ZYDIS_MNEMONIC_FXSAVE ||
           zi->mnemonic == ZYDIS_MNEMONIC_FXSAVE64 ||
           zi->mnemonic == ZYDIS_MNEMONIC_FNSAVE ||
           zi->mnemonic == ZYDIS_MNEMONIC_FNSTENV;
}

static void aim_operands(struct rng *r, struct test_case *t)
{
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY ||
            o->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
            continue;
        /* Leave some wild; but a wild 32-bit address may be the harness's. */
        uint64_t wild = operand_address(t, o);
        if (o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
            t->zi.address_width == 64 && one_in(r, 64) &&
            (wild >> 31 != 0 || wild < 0x8000))
            continue;
        uint64_t at = arena_target(r);
        if (has_area(&t->zi) && !one_in(r, 4))
            at = ARENA + 64 * below(r, 100); /* all of the area fits */
        if (o->size >= 256 && !one_in(r, 4))
            at &= ~UINT64_C(31);
        aim(r, t, o, at);
    }
}

/* Implicit stack operands have the stack's width, not the address size. */
static uint64_t operand_mask(const struct test_case *t,
                             const ZydisDecodedOperand *o)
{
    uint16_t ss = t->before.ss;
    if (o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT ||
        gpr_number(o->mem.base) != 4)
        return address_mask(&t->zi);
    if (t->mode == CODE_64)
        return UINT64_MAX;
    return (ss & 4) && !ldt_rows[ss >> 3].db ? 0xffff : UINT32_MAX;
}

uint64_t operand_address(const struct test_case *t,
                         const ZydisDecodedOperand *o)
{
    int base = gpr_number(o->mem.base), index = gpr_number(o->mem.index);
    uint64_t at = (uint64_t)o->mem.disp.value;
    if (o->mem.base == ZYDIS_REGISTER_RIP || o->mem.base == ZYDIS_REGISTER_EIP)
        at += t->before.rip + t->zi.length;
    else if (base >= 0)
        at += t->before.gpr[base];
    if (index >= 0)
        at += t->before.gpr[index] * (o->mem.scale ? o->mem.scale : 1);
    at &= operand_mask(t, o);
    at += segment_base(t, o);
    return t->mode == CODE_64 ? at : (uint32_t)at;
}

/* Where `bytes` at operand `o` lie in case memory; NULL: not in the arena. */
static uint8_t *operand_memory(struct test_case *t,
                               const ZydisDecodedOperand *o, unsigned bytes)
{
    uint64_t at = operand_address(t, o);
    if (at < ARENA || at > ARENA + ARENA_SIZE - bytes)
        return NULL;
    return t->memory + (at - ARENA);
}

static const ZydisDecodedOperand *memory_operand(const struct test_case *t)
{
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        if (t->zo[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            t->zo[i].mem.type == ZYDIS_MEMOP_TYPE_MEM)
            return &t->zo[i];
    }
    return NULL;
}

/* A target that may stay: not canonical, or the kernel's. */
static bool may_stay(struct rng *r, const struct test_case *t, uint64_t target)
{
    return t->mode == CODE_64 && target >> 47 != 0 && one_in(r, 4);
}

static void steer_branch(struct rng *r, struct test_case *t)
{
    uint64_t to = t->before.rip - t->place + 0x100 + below(r, 0x600);
    if (t->zi.raw.imm[0].is_relative) {
        int64_t d = (int64_t)(40 + below(r, 60));
        if (below(r, 2) || t->place > 0xe00)
            d = -d;
        put_le(t->bytes + t->zi.raw.imm[0].offset, (uint64_t)d,
               t->zi.raw.imm[0].size / 8);
        return;
    }
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        if (!(o->actions & ZYDIS_OPERAND_ACTION_MASK_READ))
            continue; /* what CALL pushes */
        int reg = o->type == ZYDIS_OPERAND_TYPE_REGISTER && i == 0
                      ? gpr_number(o->reg.value)
                      : -1;
        uint8_t *m = o->type == ZYDIS_OPERAND_TYPE_MEMORY
                         ? operand_memory(t, o, 8)
                         : NULL;
        uint64_t now = 0;
        if (m != NULL)
            memcpy(&now, m, 8);
        if (reg >= 0 && !may_stay(r, t, t->before.gpr[reg]))
            t->before.gpr[reg] = to;
        else if (m != NULL && !may_stay(r, t, now))
            put_le(m, to, 8);
    }
}

/* --- instructions that want particular values --- */

static void steer_bit_offset(struct rng *r, struct test_case *t)
{
    if (t->zo[1].type != ZYDIS_OPERAND_TYPE_REGISTER ||
        t->zo[0].type != ZYDIS_OPERAND_TYPE_MEMORY)
        return;
    int reg = gpr_number(t->zo[1].reg.value);
    if (reg < 0 || reg == gpr_number(t->zo[0].mem.base) ||
        reg == gpr_number(t->zo[0].mem.index))
        return;
    t->before.gpr[reg] = below(r, 512) - 256;
    if (t->mode != CODE_64)
        t->before.gpr[reg] = (uint32_t)t->before.gpr[reg];
}

/* A selector whose descriptor is the same on both sides. */
static uint16_t random_selector(struct rng *r)
{
    static const uint16_t common[] = {
        0,         1,      3,      USER_CS32,         USER_DS,
        USER_CS64, 0xffff, 0xfff8, LDT_ROWS << 3 | 7, 0x1004};
    if (one_in(r, 3))
        return common[below(r, 10)];
    uint16_t selector = ldt_selector(1 + (unsigned)below(r, LDT_ROWS - 1));
    return one_in(r, 4) ? (uint16_t)(selector & (0xfffc | below(r, 4)))
                        : selector;
}

static void steer_selector(struct rng *r, struct test_case *t)
{
    uint16_t selector = random_selector(r);
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        int reg = o->type == ZYDIS_OPERAND_TYPE_REGISTER
                      ? gpr_number(o->reg.value)
                      : -1;
        if (reg >= 0 && reg != 4 &&
            (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ))
            t->before.gpr[reg] =
                (t->before.gpr[reg] & ~UINT64_C(0xffff)) | selector;
        if (o->type != ZYDIS_OPERAND_TYPE_MEMORY)
            continue;
        uint8_t *m = operand_memory(t, o, 16);
        if (m == NULL)
            continue;
        unsigned at = 0; /* LDS, LES: behind the offset */
        if (t->zi.mnemonic == ZYDIS_MNEMONIC_LDS ||
            t->zi.mnemonic == ZYDIS_MNEMONIC_LES)
            at = t->zi.operand_width / 8;
        put_le(m + at, selector, 2);
    }
}

static void steer_bound(struct rng *r, struct test_case *t)
{
    const ZydisDecodedOperand *o = memory_operand(t);
    int reg = gpr_number(t->zo[0].reg.value);
    uint8_t *m = o == NULL ? NULL : operand_memory(t, o, 8);
    if (m == NULL || reg < 0 || one_in(r, 4))
        return;
    unsigned size = t->zi.operand_width / 8;
    uint64_t v = t->before.gpr[reg];
    put_le(m, v - below(r, 3), size);
    put_le(m + size, v + below(r, 4) - 1, size);
}

static void steer_mxcsr(struct rng *r, struct test_case *t)
{
    const ZydisDecodedOperand *o = memory_operand(t);
    uint8_t *m = o == NULL ? NULL : operand_memory(t, o, 4);
    if (m == NULL)
        return;
    /* Bit 17 is AMD's alone. */
    uint64_t v = rng_next(r) & (one_in(r, 8) ? 0xfffdffff : 0xffff);
    put_le(m, v, 4);
}

static void steer_flags(struct rng *r, struct test_case *t)
{
    uint64_t at = t->before.gpr[4] +
                  (t->mode == CODE_64 ? 0 : selector_base(t->before.ss));
    if (at - ARENA > ARENA_SIZE - 8)
        return;
    uint64_t v = rng_next(r) & ~UINT64_C(0x100); /* no TF */
    if (!one_in(r, 8))
        v &= 0x247fd7;
    put_le(t->memory + (at - ARENA), v & ~UINT64_C(0x100), 8);
}

static void steer_divide(struct rng *r, struct test_case *t)
{
    if (below(r, 2)) /* make quotients that fit common */
        t->before.gpr[2] = below(r, 4)          ? 0
                           : t->mode == CODE_64 ? UINT64_MAX
                                                : UINT32_MAX;
}

static void steer_frame(struct rng *r, struct test_case *t)
{
    uint64_t base = t->mode == CODE_64 ? 0 : selector_base(t->before.ss);
    if (t->zi.mnemonic == ZYDIS_MNEMONIC_ENTER)
        t->bytes[t->zi.raw.imm[1].offset] &= 3;
    t->before.gpr[5] = ARENA + 0x400 + 8 * below(r, 512) - base;
}

static void steer_xlat(struct rng *r, struct test_case *t)
{
    uint64_t at = arena_target(r) - below(r, 256);
    t->before.gpr[3] = at - segment_base(t, &t->zo[0]);
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        if (t->zo[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            t->before.gpr[3] = at - segment_base(t, &t->zo[i]);
    }
    t->before.gpr[3] &= address_mask(&t->zi);
}

static void steer_area(struct rng *r, struct test_case *t)
{
    const ZydisDecodedOperand *o = memory_operand(t);
    uint64_t at = o == NULL ? 0 : operand_address(t, o) - ARENA;
    if (o != NULL && at < ARENA_SIZE)
        steer_image(r, t, t->memory + at, (unsigned)(ARENA_SIZE - at));
}

static void steer_mnemonic(struct rng *r, struct test_case *t)
{
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: steer_bit_offset(r, t); break;
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_LEAVE: steer_frame(r, t); break;
    case ZYDIS_MNEMONIC_XLAT: steer_xlat(r, t); break;
    case ZYDIS_MNEMONIC_AAM:
    case ZYDIS_MNEMONIC_AAD: /* a base of 0 is #DE */
        if (below(r, 2))
            t->bytes[t->zi.raw.imm[0].offset] =
                (uint8_t[]){0, 0, 10, 255}[below(r, 4)];
        break;
    case ZYDIS_MNEMONIC_DIV:
    case ZYDIS_MNEMONIC_IDIV: steer_divide(r, t); break;
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES: steer_selector(r, t); break;
    case ZYDIS_MNEMONIC_BOUND: steer_bound(r, t); break;
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_VLDMXCSR: steer_mxcsr(r, t); break;
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFD:
    case ZYDIS_MNEMONIC_POPFQ: steer_flags(r, t); break;
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_POP:
        if (t->zo[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            ZydisRegisterGetClass(t->zo[0].reg.value) == ZYDIS_REGCLASS_SEGMENT)
            steer_selector(r, t);
        break;
    default: break;
    }
}

void steer(struct rng *r, struct test_case *t)
{
    aim_operands(r, t);
    if (!case_decode(t)) /* a displacement is another one now */
        return;
    if (has_rep(&t->zi)) { /* bits beyond the address size do not count */
        uint64_t rest =
            t->mode == CODE_64 ? rng_next(r) : (uint32_t)rng_next(r);
        t->before.gpr[1] = below(r, 9) | (rest & ~address_mask(&t->zi));
    }
    steer_mnemonic(r, t);
    if (has_image(&t->zi))
        steer_area(r, t);
    if (t->zi.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE)
        steer_branch(r, t);
}
