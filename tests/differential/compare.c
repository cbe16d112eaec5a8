/* SPDX-License-Identifier: Apache-2.0
 * Comparison of the two outcomes: what the manual leaves undefined is
 * masked, computed per case from the operands; a remaining difference is
 * either explained by a row of waivers.def or reported.
 */
/* The decoder's enumerations have hundreds of values; a few matter here. */
#pragma GCC diagnostic ignored "-Wswitch-enum"

#include "tests/differential/case.h"

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

uint32_t undefined_flags(const struct test_case *t)
{
    switch (t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_AND:
    case ZYDIS_MNEMONIC_OR:
    case ZYDIS_MNEMONIC_XOR:
    case ZYDIS_MNEMONIC_TEST: return AF;
    case ZYDIS_MNEMONIC_MUL:
    case ZYDIS_MNEMONIC_IMUL: return SF | ZF | AF | PF;
    case ZYDIS_MNEMONIC_DIV:
    case ZYDIS_MNEMONIC_IDIV: return CF | PF | AF | ZF | SF | OF;
    case ZYDIS_MNEMONIC_SHL:
    case ZYDIS_MNEMONIC_SHR:
    case ZYDIS_MNEMONIC_SAR:
    case ZYDIS_MNEMONIC_ROL:
    case ZYDIS_MNEMONIC_ROR:
    case ZYDIS_MNEMONIC_RCL:
    case ZYDIS_MNEMONIC_RCR:
    case ZYDIS_MNEMONIC_SHLD:
    case ZYDIS_MNEMONIC_SHRD: return undefined_shift(t);
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC: return OF | SF | AF | PF;
    case ZYDIS_MNEMONIC_BSF:
    case ZYDIS_MNEMONIC_BSR: return CF | OF | SF | AF | PF;
    default: return 0;
    }
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
    uint32_t mask_gpr;   /* bit i set: register i is not compared */
    uint32_t mask_error; /* bits of the error code not compared */
    uint64_t mask_cr2;   /* ... and of CR2 */
    bool mask_outcome;   /* vector, rip and all: nothing is compared */
    bool mask_st, mask_ftw, mask_xmm, mask_mxcsr, mask_memory;
};

#include "tests/differential/waivers.h"

static void compare_integer(const struct scope *s, struct verdict *v)
{
    const struct machine_state *a = &s->native->after, *b = &s->sim->after;
    for (unsigned i = 0; i < 16; i++) {
        if (a->gpr[i] != b->gpr[i] && !(s->mask_gpr >> i & 1))
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
}

static void compare_vector(const struct scope *s, struct verdict *v)
{
    const struct fx_image *a = &s->native->after.fx, *b = &s->sim->after.fx;
    for (unsigned i = 0; i < 16 && !s->mask_xmm; i++) {
        if (memcmp(a->xmm[i], b->xmm[i], 16) != 0)
            say(v, " xmm%u host %016llx:%016llx sim %016llx:%016llx;", i,
                (unsigned long long)a->xmm[i][1],
                (unsigned long long)a->xmm[i][0],
                (unsigned long long)b->xmm[i][1],
                (unsigned long long)b->xmm[i][0]);
    }
    const uint64_t(*ah)[2] = s->native->after.ymmh;
    const uint64_t(*bh)[2] = s->sim->after.ymmh;
    for (unsigned i = 0; i < 16 && !s->mask_xmm; i++) {
        if (memcmp(ah[i], bh[i], 16) != 0)
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
    if (s->native->vector != s->sim->vector ||
        (s->native->error ^ s->sim->error) & ~s->mask_error ||
        ((s->native->cr2 ^ s->sim->cr2) & ~s->mask_cr2))
        say(v, " fault host %d/%x/%llx sim %d/%x/%llx;", s->native->vector,
            s->native->error, (unsigned long long)s->native->cr2,
            s->sim->vector, s->sim->error, (unsigned long long)s->sim->cr2);
    compare_integer(s, v);
    compare_vector(s, v);
    compare_memory(s, v);
}

void case_compare(const struct test_case *t, const struct outcome *native,
                  const struct outcome *sim, struct verdict *v)
{
    struct scope s = {.t = t, .native = native, .sim = sim};
    s.mask_flags = 0x3f7fd7 & ~0x10202u; /* not IF, reserved, RF */
    if (native->vector < 0)
        s.mask_flags &= ~undefined_flags(t);
    s.mask_fsw = (uint16_t)~undefined_fsw(t);
    v->waived = -1;
    compare_all(&s, v);
    if (!v->differs)
        return;
    for (unsigned i = 0; i < waiver_count(); i++) {
        struct scope with = s;
        struct verdict after;
        if (!waiver[i].applies(&with))
            continue;
        compare_all(&with, &after);
        if (!after.differs) {
            v->waived = (int)i;
            v->differs = false;
            return;
        }
    }
}
