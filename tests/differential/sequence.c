/* SPDX-License-Identifier: Apache-2.0
 * Short sequences: 4 to 16 instructions that share registers, flags, a stack
 * and memory, with forward branches among them.
 *
 * RBX and RBP point into the arena for the whole sequence and are the only
 * bases; RSI and RDI move by string instructions alone. So the addresses stay
 * what they are meant to be whatever the other instructions compute. A flag
 * that is undefined after an instruction must not be read before it is
 * defined again, and is not compared at the end.
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "cpu/xlat.h"
#include "tests/differential/gen.h"

#include <string.h>

enum { RBX = 3, RSP = 4, RBP = 5, RSI = 6, RDI = 7 };
enum { FIXUPS_MAX = STEPS_MAX };

struct builder {
    struct test_case *t;
    unsigned at;                       /* bytes so far */
    unsigned start[STEPS_MAX + 1];     /* offset of each instruction */
    uint32_t undefined[STEPS_MAX + 1]; /* flags undefined before it */
    unsigned steps, wanted;
    uint32_t target; /* bit i: a branch goes to step i */
    struct {
        unsigned at, size, to; /* relative field, its size, target step */
    } fixup[FIXUPS_MAX];
    unsigned fixups;
};

/* Results, not only flags, that are undefined for some operands; and what
 * has state of its own. */
static bool unsuitable(const struct test_case *t)
{
    const ZydisDecodedInstruction *zi = &t->zi;
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
    case ZYDIS_MNEMONIC_BSWAP:
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_LEAVE:
    case ZYDIS_MNEMONIC_XLAT:
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFQ:
    case ZYDIS_MNEMONIC_LDMXCSR:
    case ZYDIS_MNEMONIC_VLDMXCSR:
    case ZYDIS_MNEMONIC_CVTPI2PS:
    case ZYDIS_MNEMONIC_RCPPS:
    case ZYDIS_MNEMONIC_RCPSS:
    case ZYDIS_MNEMONIC_RSQRTPS:
    case ZYDIS_MNEMONIC_RSQRTSS:
    case ZYDIS_MNEMONIC_VRCPPS:
    case ZYDIS_MNEMONIC_VRCPSS:
    case ZYDIS_MNEMONIC_VRSQRTPS:
    case ZYDIS_MNEMONIC_VRSQRTSS: return true;
    default: break;
    }
    if (zi->meta.category == ZYDIS_CATEGORY_SHA)
        return true; /* unaligned operands, by vendor */
    if (zi->opcode_map == ZYDIS_OPCODE_MAP_0F && zi->opcode == 0x0d)
        return true; /* a prefetch or #UD, by vendor */
    if (zi->opcode_map == ZYDIS_OPCODE_MAP_0F &&
        (zi->opcode == 0xae || zi->opcode == 0xc7))
        return true; /* FXSAVE, XSAVE and their like */
    return zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && zi->opcode >= 0xd8 &&
           zi->opcode <= 0xdf;
}

/* The operands keep to the rules above. */
static bool operands_fit(const struct test_case *t)
{
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            int base = gpr_number(o->mem.base);
            if (o->mem.type == ZYDIS_MEMOP_TYPE_VSIB)
                return false;
            if (o->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
                o->mem.type == ZYDIS_MEMOP_TYPE_MEM &&
                ((base != RBX && base != RBP) ||
                 o->mem.index != ZYDIS_REGISTER_NONE ||
                 t->zi.address_width != 64))
                return false;
            continue;
        }
        if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
            continue;
        if (ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_SEGMENT)
            return false;
        int reg = gpr_number(o->reg.value);
        bool writes = o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
        bool hidden = o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
        if (writes && (reg == RBX || reg == RBP ||
                       ((reg == RSP || reg == RSI || reg == RDI) && !hidden)))
            return false;
    }
    return true;
}

/* BT m, r may reach far: the offset is a register. */
static bool reaches_far(const struct test_case *t)
{
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        return t->zo[0].type == ZYDIS_OPERAND_TYPE_MEMORY &&
               t->zo[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
    default: return false;
    }
}

static uint32_t flags_read(const struct test_case *t)
{
    if (t->zi.mnemonic == ZYDIS_MNEMONIC_PUSHF ||
        t->zi.mnemonic == ZYDIS_MNEMONIC_PUSHFQ)
        return UINT32_MAX;
    return t->zi.cpu_flags == NULL ? 0 : t->zi.cpu_flags->tested;
}

static uint32_t flags_written(const struct test_case *t)
{
    const ZydisAccessedFlags *f = t->zi.cpu_flags;
    return f == NULL ? 0 : f->modified | f->set_0 | f->set_1 | f->undefined;
}

/* Those an instruction writes whatever its operands: a shift by 0 does not. */
static bool writes_always(const ZydisDecodedInstruction *zi)
{
    if (has_rep(zi))
        return false;
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: return false;
    default: return true;
    }
}

/* Take the instruction in t->zi as the next step. */
static void accept(struct builder *b)
{
    struct test_case *t = b->t;
    uint32_t undefined = b->undefined[b->steps];
    if (writes_always(&t->zi))
        undefined &= ~flags_written(t);
    undefined |= undefined_flags_worst(&t->zi);
    b->at += t->zi.length;
    b->steps++;
    b->start[b->steps] = b->at;
    b->undefined[b->steps] |= undefined;
}

/* Decode what lies at the end of the sequence. */
static bool decode_next(struct builder *b, uint8_t *bytes)
{
    struct test_case next;
    next.mode = CODE_64;
    memcpy(next.bytes, bytes, 15);
    if (!case_decode(&next))
        return false;
    b->t->zi = next.zi;
    memcpy(b->t->zo, next.zo, sizeof b->t->zo);
    return true;
}

static bool put_branch(struct builder *b, struct rng *r)
{
    uint8_t *p = b->t->bytes + b->at, bytes[15] = {0};
    unsigned n = 0, size = 1;
    if (b->fixups == FIXUPS_MAX)
        return false;
    switch (below(r, 8)) {
    case 0: bytes[n++] = 0xeb; break;
    case 1: bytes[n++] = (uint8_t)(0xe0 | below(r, 4)); break; /* LOOP, JRCXZ */
    case 2:
        bytes[n++] = below(r, 2) ? 0xe9 : 0xe8;
        size = 4;
        break;
    case 3:
    case 4:
        bytes[n++] = 0x0f;
        bytes[n++] = (uint8_t)(0x80 | below(r, 16));
        size = 4;
        break;
    default: bytes[n++] = (uint8_t)(0x70 | below(r, 16)); break;
    }
    if (!decode_next(b, bytes) ||
        (flags_read(b->t) & b->undefined[b->steps]) != 0)
        return false;
    unsigned to = b->steps + 1 + (unsigned)below(r, 4);
    if (to > b->wanted)
        to = b->wanted;
    b->target |= 1u << to;
    memcpy(p, bytes, n + size);
    b->fixup[b->fixups].at = b->at + n;
    b->fixup[b->fixups].size = size;
    b->fixup[b->fixups].to = to;
    b->fixups++;
    b->undefined[to] |= b->undefined[b->steps];
    accept(b);
    return true;
}

/* PUSH of an address in the sequence and RET to it. */
static bool put_return(struct builder *b, struct rng *r)
{
    static const uint8_t push[15] = {0x68}, ret[15] = {0xc3};
    if (b->steps + 2 > b->wanted || b->fixups == FIXUPS_MAX ||
        (b->target >> (b->steps + 1) & 1)) /* it would skip the PUSH */
        return false;
    uint8_t bytes[15];
    memcpy(bytes, push, sizeof bytes);
    if (!decode_next(b, bytes))
        return false;
    memcpy(b->t->bytes + b->at, push, 5);
    unsigned to = b->steps + 2 + (unsigned)below(r, 3);
    if (to > b->wanted)
        to = b->wanted;
    b->fixup[b->fixups].at = b->at + 1;
    b->fixup[b->fixups].size = 8; /* absolute, see fix_up */
    b->target |= 1u << to;
    b->fixup[b->fixups].to = to;
    b->fixups++;
    accept(b);
    memcpy(bytes, ret, sizeof bytes);
    if (!decode_next(b, bytes))
        return false;
    b->t->bytes[b->at] = 0xc3;
    b->undefined[to] |= b->undefined[b->steps];
    accept(b);
    return true;
}

static void fix_up(struct builder *b)
{
    for (unsigned i = 0; i < b->fixups; i++) {
        uint8_t *p = b->t->bytes + b->fixup[i].at;
        unsigned size = b->fixup[i].size, to = b->start[b->fixup[i].to];
        if (size == 8) {
            uint32_t address = (uint32_t)(CODE_PAGE + b->t->place + to);
            memcpy(p, &address, 4);
        } else {
            uint32_t d = to - (b->fixup[i].at + size);
            memcpy(p, &d, size);
        }
    }
}

/* Give an explicit memory operand one of the two bases and a displacement
 * that reaches the arena. */
static void rebase(struct rng *r, struct test_case *t, uint8_t *bytes)
{
    const ZydisDecodedInstruction *zi = &t->zi;
    if (!(zi->attributes & ZYDIS_ATTRIB_HAS_MODRM) || zi->raw.modrm.mod == 3)
        return;
    unsigned at = zi->raw.modrm.offset;
    bytes[at] =
        (uint8_t)(0x80 | zi->raw.modrm.reg << 3 | (below(r, 2) ? RBX : RBP));
    int32_t disp = (int32_t)below(r, 0x400) - 0x200;
    if (!one_in(r, 8))
        disp &= ~31;
    memcpy(bytes + at + 1, &disp, 4);
}

static bool put_plain(struct builder *b, struct rng *r)
{
    struct test_case one;
    for (unsigned tries = 0; tries < 32; tries++) {
        unsigned form = form_choose(r, false);
        if (form_at(form)->mode != CODE_64 || !form_generate(r, form, &one))
            continue;
        rebase(r, &one, one.bytes);
        one.mode = CODE_64;
        if (!case_decode(&one) ||
            case_standing(&one.zi, one.zo) != STANDING_TESTED ||
            one.zi.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
            (insn_rows[one.zi.mnemonic].rules & R_CPL0) || unsuitable(&one) ||
            reaches_far(&one) || !operands_fit(&one))
            continue;
        b->t->zi = one.zi;
        memcpy(b->t->zo, one.zo, sizeof one.zo);
        if ((flags_read(b->t) & b->undefined[b->steps]) != 0)
            continue;
        memcpy(b->t->bytes + b->at, one.bytes, one.zi.length);
        accept(b);
        return true;
    }
    return false;
}

static bool put_short(struct builder *b, struct rng *r)
{
    uint8_t bytes[15] = {0};
    unsigned n = 0;
    switch (below(r, 3)) {
    case 0: /* PUSH, POP of registers that may change */
        n = (unsigned)below(r, 3);
        bytes[0] = (uint8_t)((below(r, 2) ? 0x50 : 0x58) | n);
        break;
    case 1: /* string instructions, repeated or not */
        if (below(r, 2))
            bytes[n++] = below(r, 2) ? 0xf3 : 0xf2;
        if (one_in(r, 3))
            bytes[n++] = below(r, 2) ? 0x66 : 0x48;
        bytes[n] = (uint8_t[]){0xa4, 0xa5, 0xa6, 0xa7, 0xaa,
                               0xab, 0xac, 0xad, 0xae, 0xaf}[below(r, 10)];
        break;
    default: /* MOV ECX, a count */
        bytes[0] = 0xb9;
        bytes[1] = (uint8_t)below(r, 12);
        break;
    }
    if (!decode_next(b, bytes) ||
        (flags_read(b->t) & b->undefined[b->steps]) != 0)
        return false;
    memcpy(b->t->bytes + b->at, bytes, b->t->zi.length);
    accept(b);
    return true;
}

bool sequence_generate(struct rng *r, struct test_case *t, const char **why)
{
    struct builder b = {.t = t};
    t->mode = CODE_64;
    t->place = CODE_OFFSET;
    *why = "no sequence found";
    b.wanted = 4 + (unsigned)below(r, STEPS_MAX - 3);
    for (unsigned tries = 0; b.steps < b.wanted; tries++) {
        if (tries > 200)
            return false;
        uint64_t what = below(r, 8);
        (void)(what == 0                   ? put_branch(&b, r)
               : what == 1                 ? put_short(&b, r)
               : what == 2 && one_in(r, 3) ? put_return(&b, r)
                                           : put_plain(&b, r));
    }
    fix_up(&b);
    t->length = b.at;
    t->steps = b.steps;
    random_state(r, t);
    fill_memory(r, t->memory);
    uint64_t *gpr = t->before.gpr;
    gpr[1] = below(r, 2) ? below(r, 16) : gpr[1];
    gpr[RBX] = ARENA + 0x400 + 32 * below(r, 0xc0);
    gpr[RBP] = ARENA + 0x400 + 32 * below(r, one_in(r, 4) ? 0x140 : 0xc0);
    gpr[RSI] = arena_target(r);
    gpr[RDI] = arena_target(r);
    for (unsigned i = 0; i <= b.steps; i++) {
        t->start[i] = (uint16_t)b.start[i];
        t->undefined[i] = b.undefined[i];
    }
    return case_decode(t);
}
