/* SPDX-License-Identifier: Apache-2.0
 * Comparison of the two outcomes: what the manual leaves undefined is
 * masked, computed per case from the operands; a remaining difference is
 * either explained by a row of waivers.h or reported.
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "tests/differential/gen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800 };

/* The shift count as the instruction sees it, masked to 5 or 6 bits. */
static unsigned shift_count(const struct test_case *t)
{
    unsigned operand = t->zi.operand_count_visible - 1;
    const ZydisDecodedOperand *o = &t->zo[operand];
    uint64_t n = t->before.gpr[1];
    if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        n = o->imm.value.u;
    return (unsigned)n & (t->zi.operand_width == 64 ? 63 : 31);
}

static uint32_t undefined_shift(const struct test_case *t)
{
    unsigned n = shift_count(t), size = t->zi.operand_width;
    if (n == 0)
        return 0;
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: return n == 1 ? 0 : OF;
    case ZYDIS_MNEMONIC_SAR: return AF | (n == 1 ? 0 : OF);
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD:
        if (n > size)
            return CF | PF | AF | ZF | SF | OF;
        return AF | (n == 1 ? 0 : OF);
    default: /* SHL, SHR */
        return AF | (n == 1 ? 0u : (uint32_t)OF) |
               (n >= size ? (uint32_t)CF : 0u);
    }
}

/* Those that do not depend on the operands. */
static uint32_t undefined_always(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_TEST: return AF;
    case ZYDIS_MNEMONIC_MUL:
    case ZYDIS_MNEMONIC_IMUL: return SF | ZF | AF | PF;
    case ZYDIS_MNEMONIC_DIV:
    case ZYDIS_MNEMONIC_IDIV: return CF | PF | AF | ZF | SF | OF;
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: return OF | SF | AF | PF;
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR: return CF | OF | SF | AF | PF;
    case ZYDIS_MNEMONIC_LZCNT:
    case ZYDIS_MNEMONIC_TZCNT: return OF | SF | AF | PF;
    case ZYDIS_MNEMONIC_ANDN:
    case ZYDIS_MNEMONIC_BLSI:
    case ZYDIS_MNEMONIC_BLSR:
    case ZYDIS_MNEMONIC_BLSMSK:
    case ZYDIS_MNEMONIC_BZHI: return AF | PF;
    case ZYDIS_MNEMONIC_BEXTR: return SF | AF | PF;
    case ZYDIS_MNEMONIC_AAA:
    case ZYDIS_MNEMONIC_AAS: return OF | SF | ZF | PF;
    case ZYDIS_MNEMONIC_AAM:
    case ZYDIS_MNEMONIC_AAD: return OF | AF | CF;
    case ZYDIS_MNEMONIC_DAA:
    case ZYDIS_MNEMONIC_DAS: return OF;
    default: return 0;
    }
}

static bool is_shift(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD: return true;
    default: return false;
    }
}

uint32_t undefined_flags(const struct test_case *t)
{
    return is_shift(t->zi.mnemonic) ? undefined_shift(t)
                                    : undefined_always(t->zi.mnemonic);
}

uint32_t undefined_flags_worst(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR: return OF;
    case ZYDIS_MNEMONIC_SAR: return AF | OF;
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR: return AF | OF | CF;
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD: return CF | PF | AF | ZF | SF | OF;
    default: return undefined_always(zi->mnemonic);
    }
}

/* A sequence: what is undefined where it ended. */
static uint32_t undefined_here(const struct test_case *t, uint64_t rip)
{
    uint64_t offset = rip - t->before.rip;
    for (unsigned i = 0; i <= t->steps; i++) {
        if (t->start[i] == offset)
            return t->undefined[i];
    }
    return 0;
}

/* C0, C2, C3 (and C1) that the manual leaves undefined. */
static uint16_t undefined_fsw(const struct test_case *t)
{
    if (t->zi.meta.isa_set != ZYDIS_ISA_SET_X87 &&
        t->zi.meta.category != ZYDIS_CATEGORY_X87_ALU)
        return 0;
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_FCOM:
    case ZYDIS_MNEMONIC_FCOMP:
    case ZYDIS_MNEMONIC_FCOMPP:
    case ZYDIS_MNEMONIC_FUCOM:
    case ZYDIS_MNEMONIC_FUCOMP:
    case ZYDIS_MNEMONIC_FUCOMPP:
    case ZYDIS_MNEMONIC_FTST:
    case ZYDIS_MNEMONIC_FICOM:
    case ZYDIS_MNEMONIC_FICOMP:
    case ZYDIS_MNEMONIC_FXAM:
    case ZYDIS_MNEMONIC_FPREM:
    case ZYDIS_MNEMONIC_FPREM1:
    case ZYDIS_MNEMONIC_FNINIT:
    case ZYDIS_MNEMONIC_FLDCW:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FRSTOR: return 0;
    default: return 0x4500;
    }
}

static void say(struct verdict *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(struct verdict *v, const char *format, ...)
{
    size_t used = strlen(v->text);
    va_list args;
    va_start(args, format);
    vsnprintf(v->text + used, sizeof v->text - used, format, args);
    va_end(args);
    v->differs = true;
}

static const char *const gpr_name[16] = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/* What a waiver may look at and change before the comparison. */
struct scope {
    const struct test_case *t;
    const struct outcome *native, *sim;
    uint32_t mask_flags; /* compared EFLAGS bits */
    uint16_t mask_fsw;
    uint32_t mask_gpr;    /* bit i set: register i is not compared */
    uint32_t mask_error;  /* bits of the error code not compared */
    uint64_t mask_cr2;    /* ... and of CR2 */
    bool mask_fault;      /* vector, error code and address */
    bool mask_outcome;    /* vector, rip and all: nothing is compared */
    uint32_t mask_vector; /* bit i set: vector register i is not compared */
    bool mask_st, mask_ftw, mask_xmm, mask_mxcsr, mask_memory;
    struct {
        unsigned from, to;
    } hole[2]; /* bytes of the arena not compared */
};

#include "tests/differential/waivers.h"

static void compare_integer(const struct scope *s, struct verdict *v)
{
    const struct machine_state *a = &s->native->after, *b = &s->sim->after;
    bool wide = s->t->mode == CODE_64;
    /* Only 64-bit code can see bits 63:32 and R8-R15. */
    uint64_t part = wide ? UINT64_MAX : UINT32_MAX;
    for (unsigned i = 0; i < (wide ? 16u : 8u); i++) {
        if (((a->gpr[i] ^ b->gpr[i]) & part) && !(s->mask_gpr >> i & 1))
            say(v, " %s host %016llx sim %016llx;", gpr_name[i],
                (unsigned long long)a->gpr[i], (unsigned long long)b->gpr[i]);
    }
    if (a->rip != b->rip)
        say(v, " rip host %llx sim %llx;", (unsigned long long)a->rip,
            (unsigned long long)b->rip);
    if ((a->rflags ^ b->rflags) & s->mask_flags)
        say(v, " rflags host %llx sim %llx (compared %x);",
            (unsigned long long)a->rflags, (unsigned long long)b->rflags,
            s->mask_flags);
    if (a->cs != b->cs || a->ss != b->ss || a->ds != b->ds || a->es != b->es)
        say(v, " cs/ss/ds/es host %x/%x/%x/%x sim %x/%x/%x/%x;", a->cs, a->ss,
            a->ds, a->es, b->cs, b->ss, b->ds, b->es);
}

static void compare_vector(const struct scope *s, struct verdict *v)
{
    const struct fx_image *a = &s->native->after.fx, *b = &s->sim->after.fx;
    for (unsigned i = 0; i < 16 && !s->mask_xmm; i++) {
        if (memcmp(a->xmm[i], b->xmm[i], 16) != 0 && !(s->mask_vector >> i & 1))
            say(v, " xmm%u host %016llx:%016llx sim %016llx:%016llx;", i,
                (unsigned long long)a->xmm[i][1],
                (unsigned long long)a->xmm[i][0],
                (unsigned long long)b->xmm[i][1],
                (unsigned long long)b->xmm[i][0]);
    }
    const uint64_t(*ah)[2] = s->native->after.ymmh;
    const uint64_t(*bh)[2] = s->sim->after.ymmh;
    for (unsigned i = 0; i < 16 && !s->mask_xmm; i++) {
        if (memcmp(ah[i], bh[i], 16) != 0 && !(s->mask_vector >> i & 1))
            say(v, " ymm%u[255:128] host %016llx:%016llx sim %016llx:%016llx;",
                i, (unsigned long long)ah[i][1], (unsigned long long)ah[i][0],
                (unsigned long long)bh[i][1], (unsigned long long)bh[i][0]);
    }
    if (a->mxcsr != b->mxcsr && !s->mask_mxcsr)
        say(v, " mxcsr host %x sim %x;", a->mxcsr, b->mxcsr);
    if ((a->fsw ^ b->fsw) & s->mask_fsw)
        say(v, " fsw host %x sim %x;", a->fsw, b->fsw);
    if (a->fcw != b->fcw || (a->ftw != b->ftw && !s->mask_ftw))
        say(v, " fcw/ftw host %x/%x sim %x/%x;", a->fcw, a->ftw, b->fcw,
            b->ftw);
    for (unsigned i = 0; i < 8 && !s->mask_st; i++) {
        if (a->st[i].mantissa != b->st[i].mantissa ||
            a->st[i].exponent != b->st[i].exponent)
            say(v, " st%u host %04x:%016llx sim %04x:%016llx;", i,
                a->st[i].exponent, (unsigned long long)a->st[i].mantissa,
                b->st[i].exponent, (unsigned long long)b->st[i].mantissa);
    }
}

static void compare_memory(const struct scope *s, struct verdict *v)
{
    if (s->mask_memory ||
        memcmp(s->native->memory, s->sim->memory, ARENA_SIZE) == 0)
        return;
    unsigned shown = 0;
    for (unsigned i = 0; i < ARENA_SIZE && shown < 8; i++) {
        if ((i >= s->hole[0].from && i < s->hole[0].to) ||
            (i >= s->hole[1].from && i < s->hole[1].to))
            continue;
        if (s->native->memory[i] != s->sim->memory[i]) {
            say(v, " [%llx] host %02x sim %02x;",
                (unsigned long long)(ARENA + i), s->native->memory[i],
                s->sim->memory[i]);
            shown++;
        }
    }
}

static void compare_all(const struct scope *s, struct verdict *v)
{
    v->differs = false;
    v->text[0] = '\0';
    if (s->mask_outcome)
        return;
    if (s->mask_fault)
        ;
    else if (s->native->vector != s->sim->vector ||
             (s->native->error ^ s->sim->error) & ~s->mask_error ||
             ((s->native->cr2 ^ s->sim->cr2) & ~s->mask_cr2))
        say(v, " fault host %d/%x/%llx sim %d/%x/%llx;", s->native->vector,
            s->native->error, (unsigned long long)s->native->cr2,
            s->sim->vector, s->sim->error, (unsigned long long)s->sim->cr2);
    compare_integer(s, v);
    compare_vector(s, v);
    compare_memory(s, v);
}

/* Saved images of the x87: FIP, FCS, FOP, FDP and FDS are the processor's
 * own business (SDM Vol.1 "x87 FPU Instruction and Data (Operand) Pointers",
 * CPUID FDP_EXCPTN_ONLY and FCS/FDS deprecation), as is MXCSR_MASK. */
static void mask_image(struct scope *s)
{
    const struct test_case *t = s->t;
    unsigned from = 0, to = 0;
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FNSAVE:
        from = t->zi.operand_width == 16 ? 6 : 12;
        to = t->zi.operand_width == 16 ? 14 : 28;
        break;
    case ZYDIS_MNEMONIC_FXSAVE:
    case ZYDIS_MNEMONIC_FXSAVE64:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
        from = 6;
        to = 24;
        break;
    default: return;
    }
    uint64_t at = operand_address(t, &t->zo[0]) - ARENA;
    if (at >= ARENA_SIZE)
        return;
    s->hole[0].from = (unsigned)at + from;
    s->hole[0].to = (unsigned)at + to;
    if (from == 6 && to == 24) { /* MXCSR_MASK */
        s->hole[1].from = (unsigned)at + 28;
        s->hole[1].to = (unsigned)at + 32;
    }
}

/* The case that the waivers look at: of a sequence, the instruction where it
 * ended, with the registers of the end. */
static const struct test_case *faulting_case(const struct test_case *t,
                                             const struct outcome *native)
{
    static struct test_case at; /* large */
    uint64_t offset = native->after.rip - t->before.rip;
    if (t->steps <= 2 || native->vector < 0 || offset >= t->length)
        return t;
    at = *t;
    memmove(at.bytes, t->bytes + offset, t->length - offset);
    if (!case_decode(&at))
        return t;
    at.before = native->after;
    return &at;
}

void case_compare(const struct test_case *t, const struct outcome *native,
                  const struct outcome *sim, struct verdict *v)
{
    struct scope s = {.t = t, .native = native, .sim = sim};
    s.mask_flags = 0x3f7fd7 & ~0x10202u; /* not IF, reserved, RF */
    if (t->steps > 2)
        s.mask_flags &= ~undefined_here(t, native->after.rip);
    else if (native->vector < 0)
        s.mask_flags &= ~undefined_flags(t);
    mask_image(&s);
    s.mask_fsw = (uint16_t)~undefined_fsw(t);
    v->waived = -1;
    compare_all(&s, v);
    if (!v->differs)
        return;
    const struct test_case *where = faulting_case(t, native);
    struct scope base = s;
    base.t = where;
    if (!kernel_address(&base)) /* it may be beside another */
        base = s;
    for (unsigned i = 0; i < waiver_count(); i++) {
        struct scope with = base;
        struct verdict after;
        with.t = where;
        if (!waiver[i].applies(&with))
            continue;
        with.t = t;
        compare_all(&with, &after);
        if (!after.differs) {
            v->waived = (int)i;
            v->differs = false;
            return;
        }
    }
}
