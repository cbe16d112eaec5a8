/* SPDX-License-Identifier: Apache-2.0
 * Differences between the host CPU and the model that are explained: each a
 * predicate on the case, what it masks, and why. Included by compare.c only.
 * A waiver that masks registers or memory never rests on the mnemonic alone.
 */
#ifndef VTSIM_TESTS_DIFFERENTIAL_WAIVERS_H
#define VTSIM_TESTS_DIFFERENTIAL_WAIVERS_H

static bool near_branch_66(struct scope *s)
{
    const ZydisDecodedInstruction *zi = &s->t->zi;
    s->mask_outcome = true;
    return (zi->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) &&
           zi->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE;
}

static bool shiftd16(struct scope *s)
{
    const ZydisDecodedInstruction *zi = &s->t->zi;
    bool double_shift = zi->mnemonic == ZYDIS_MNEMONIC_SHLD ||
                        zi->mnemonic == ZYDIS_MNEMONIC_SHRD;
    s->mask_gpr = 0xffff;
    s->mask_memory = true;
    return double_shift && zi->operand_width == 16 && shift_count(s->t) > 16;
}

static bool cvtpi2ps_memory(struct scope *s)
{
    const struct test_case *t = s->t;
    s->mask_st = s->mask_ftw = true;
    s->mask_fsw = 0;
    return t->zi.mnemonic == ZYDIS_MNEMONIC_CVTPI2PS &&
           t->zo[1].type == ZYDIS_OPERAND_TYPE_MEMORY;
}

/* Several pushes, and for ENTER reads of frames between them. */
static bool frame_fault(struct scope *s)
{
    const ZydisMnemonic m = s->t->zi.mnemonic;
    bool enter = m == ZYDIS_MNEMONIC_ENTER;
    s->mask_memory = true;
    s->mask_fault = enter && s->t->zo[1].imm.value.u > 0;
    return (enter || m == ZYDIS_MNEMONIC_PUSHA || m == ZYDIS_MNEMONIC_PUSHAD) &&
           s->native->vector >= 12 && s->sim->vector >= 12;
}

static bool kernel_address(struct scope *s)
{
    const struct outcome *n = s->native;
    s->mask_error = 1;
    /* ... and the model's own tables lie in the first 64 KiB. */
    return n->vector == 14 && (n->cr2 >> 63 || n->cr2 < 0x10000);
}

static bool x87_c1(struct scope *s)
{
    s->mask_fsw &= (uint16_t)~0x200;
    switch (s->t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_FCMOVB:
    case ZYDIS_MNEMONIC_FCMOVBE:
    case ZYDIS_MNEMONIC_FCMOVE:
    case ZYDIS_MNEMONIC_FCMOVNB:
    case ZYDIS_MNEMONIC_FCMOVNBE:
    case ZYDIS_MNEMONIC_FCMOVNE:
    case ZYDIS_MNEMONIC_FCMOVNU:
    case ZYDIS_MNEMONIC_FCMOVU:
    case ZYDIS_MNEMONIC_FCOMI:
    case ZYDIS_MNEMONIC_FCOMIP:
    case ZYDIS_MNEMONIC_FUCOMI:
    case ZYDIS_MNEMONIC_FUCOMIP:
    case ZYDIS_MNEMONIC_FFREE:
    case ZYDIS_MNEMONIC_FFREEP: return true;
    default: return false;
    }
}

static bool nop_0f0d(struct scope *s)
{
    const ZydisDecodedInstruction *zi = &s->t->zi;
    s->mask_outcome = true;
    return zi->opcode_map == ZYDIS_OPCODE_MAP_0F && zi->opcode == 0x0d &&
           s->t->zo[0].type == ZYDIS_OPERAND_TYPE_REGISTER;
}

static bool loopcc_prefix(struct scope *s)
{
    const struct test_case *t = s->t;
    bool prefix = false;
    for (unsigned i = 0; i < t->zi.raw.prefix_count; i++)
        prefix |= t->bytes[i] == 0xf2 || t->bytes[i] == 0xf3;
    s->mask_outcome = true;
    return prefix && (t->zi.mnemonic == ZYDIS_MNEMONIC_LOOPE ||
                      t->zi.mnemonic == ZYDIS_MNEMONIC_LOOPNE);
}

static bool mmx_fault(struct scope *s)
{
    const struct outcome *n = s->native, *m = s->sim;
    s->mask_st = s->mask_ftw = true;
    s->mask_fsw = 0;
    s->mask_error = 1;
    s->mask_cr2 = m->cr2 - n->cr2 < 16 ? UINT64_MAX : 0;
    ZydisMnemonic mnemonic = s->t->zi.mnemonic;
    if (n->vector >= 12 && (mnemonic == ZYDIS_MNEMONIC_MASKMOVQ ||
                            mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU ||
                            mnemonic == ZYDIS_MNEMONIC_VMASKMOVDQU)) {
        s->mask_outcome = true;
        return true;
    }
    if (n->vector < 0 || n->vector != m->vector)
        return false;
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_CVTPS2PI:
    case ZYDIS_MNEMONIC_CVTTPS2PI:
    case ZYDIS_MNEMONIC_CVTPD2PI:
    case ZYDIS_MNEMONIC_CVTTPD2PI:
    case ZYDIS_MNEMONIC_CVTPI2PS:
    case ZYDIS_MNEMONIC_CVTPI2PD: return true;
    default: return false;
    }
}

/* Two memory operands, or one of two parts, each of which may fault. */
static bool access_order(struct scope *s)
{
    const ZydisDecodedInstruction *zi = &s->t->zi;
    bool parts = zi->mnemonic == ZYDIS_MNEMONIC_LDS ||
                 zi->mnemonic == ZYDIS_MNEMONIC_LES ||
                 zi->mnemonic == ZYDIS_MNEMONIC_BOUND;
    unsigned operands = 0;
    for (unsigned i = 0; i < zi->operand_count; i++) {
        bool memory = s->t->zo[i].type == ZYDIS_OPERAND_TYPE_MEMORY;
        operands += memory;
        parts |= memory && s->t->zo[i].size == 80; /* 8 bytes and 2 */
    }
    s->mask_fault = true;
    return (parts ||
            (zi->meta.category == ZYDIS_CATEGORY_STRINGOP && operands == 2)) &&
           s->native->vector >= 12 && s->sim->vector >= 12;
}

/* Save areas: AMD's microcode touches the last byte first. */
static bool area_end(struct scope *s)
{
    bool area = false;
    for (unsigned i = 0; i < s->t->zi.operand_count; i++)
        area |= s->t->zo[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
                (s->t->zo[i].size >= 14 * 8 || has_image(&s->t->zi));
    if (s->sim->vector < 0 && s->native->vector >= 12) {
        s->mask_outcome = true; /* ... of all the area, used or not */
        return has_image(&s->t->zi);
    }
    if (s->sim->vector == 12 || s->sim->vector == 13) {
        s->mask_fault = true; /* ... beyond the segment limit */
        return area && s->native->vector == 14;
    }
    s->mask_cr2 = UINT64_MAX;
    s->mask_error = 1;
    return area && s->native->vector == 14 && s->sim->vector == 14 &&
           s->native->cr2 + 1024 - s->sim->cr2 < 2048;
}

/* A 4-GiB segment has no limit that an access could exceed, or it has. */
static bool limit_wrap(struct scope *s)
{
    const struct test_case *t = s->t;
    s->mask_fault = true;
    if (t->mode == CODE_64 || s->sim->vector != 14 ||
        (s->native->vector != 13 && s->native->vector != 12))
        return false;
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            operand_address(t, o) + o->size / 8u > UINT64_C(0x100000000))
            return true;
    }
    return false;
}

static bool arpl_read_only(struct scope *s)
{
    s->mask_outcome = true;
    return s->t->zi.mnemonic == ZYDIS_MNEMONIC_ARPL && s->sim->vector == 13 &&
           (s->native->vector == 14 ||
            (s->native->vector < 0 && !(s->native->after.rflags & ZF)));
}

/* An operand that is neither aligned nor addressable by SS. */
static bool unaligned_stack(struct scope *s)
{
    const struct test_case *t = s->t;
    s->mask_fault = true;
    for (unsigned i = 0; i < t->zi.operand_count; i++) {
        const ZydisDecodedOperand *o = &t->zo[i];
        bool image = has_image(&t->zi);
        unsigned align = image ? 64 : o->size == 256 ? 32 : 16;
        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && (o->size >= 128 || image) &&
            o->mem.segment == ZYDIS_REGISTER_SS &&
            operand_address(t, o) % align != 0)
            return (s->native->vector ^ s->sim->vector) == 1 &&
                   (s->native->vector & ~1) == 12;
    }
    return false;
}

static bool rep_compare_fault(struct scope *s)
{
    const ZydisDecodedInstruction *zi = &s->t->zi;
    s->mask_flags = 0;
    return (zi->attributes & (ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE |
                              ZYDIS_ATTRIB_HAS_REP)) &&
           s->native->vector >= 12 && s->sim->vector >= 12;
}

static bool fcom_unmasked(struct scope *s)
{
    s->mask_fsw &= (uint16_t)~0x4700;
    if (!(s->native->after.fx.fsw & s->sim->after.fx.fsw & 0x80))
        return false;
    switch (s->t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_FCOM:
    case ZYDIS_MNEMONIC_FCOMP:
    case ZYDIS_MNEMONIC_FCOMPP:
    case ZYDIS_MNEMONIC_FUCOM:
    case ZYDIS_MNEMONIC_FUCOMP:
    case ZYDIS_MNEMONIC_FUCOMPP:
    case ZYDIS_MNEMONIC_FICOM:
    case ZYDIS_MNEMONIC_FICOMP:
    case ZYDIS_MNEMONIC_FTST:
    case ZYDIS_MNEMONIC_FPREM:
    case ZYDIS_MNEMONIC_FPREM1: return true;
    case ZYDIS_MNEMONIC_FCOMI:
    case ZYDIS_MNEMONIC_FCOMIP:
    case ZYDIS_MNEMONIC_FUCOMI:
    case ZYDIS_MNEMONIC_FUCOMIP:
        s->mask_flags &= ~(uint32_t)(CF | PF | ZF | AF | SF | OF);
        return true;
    default: return false;
    }
}

static bool fstpnce_empty(struct scope *s)
{
    const struct fx_image *fx = &s->t->before.fx;
    s->mask_st = s->mask_ftw = true;
    s->mask_fsw = 0;
    s->mask_outcome = !(fx->fcw & 1); /* the fault is unmasked */
    return s->t->zi.mnemonic == ZYDIS_MNEMONIC_FSTPNCE &&
           !(fx->ftw >> (fx->fsw >> 11 & 7) & 1);
}

static bool call_order(struct scope *s)
{
    s->mask_outcome = true;
    return s->t->zi.mnemonic == ZYDIS_MNEMONIC_CALL &&
           s->native->vector == 14 && s->sim->vector == 13 &&
           s->native->cr2 == s->native->after.gpr[4] - 8;
}

/* The harness is a non-PIE program: its image and heap lie where a wild
 * 32-bit address may point. */
extern char __executable_start; /* NOLINT: the linker's name */

static bool harness_memory(struct scope *s)
{
    const struct outcome *m = s->sim;
    uint64_t from = (uint64_t)(uintptr_t)&__executable_start;
    s->mask_outcome = true;
    return m->vector == 14 && m->cr2 >= from && m->cr2 < from + (64u << 20);
}

/* An exception of the multiplications keeps the additions from being made,
 * or not. */
static bool dot_product(struct scope *s)
{
    s->mask_mxcsr =
        ((s->native->after.fx.mxcsr ^ s->sim->after.fx.mxcsr) & ~0x20u) == 0;
    switch (s->t->zi.mnemonic) {
    case ZYDIS_MNEMONIC_DPPS:
    case ZYDIS_MNEMONIC_DPPD:
    case ZYDIS_MNEMONIC_VDPPS:
    case ZYDIS_MNEMONIC_VDPPD:
        return s->native->vector == 19 && s->sim->vector == 19;
    default: return false;
    }
}

/* A gather that faulted: the mask of elements not yet loaded is extended from
 * its sign bits, or not. The signs themselves agree. */
static bool gather_fault(struct scope *s)
{
    const struct test_case *t = s->t;
    if (t->zi.meta.category != ZYDIS_CATEGORY_AVX2GATHER ||
        s->native->vector < 0 || s->native->vector != s->sim->vector)
        return false;
    unsigned mask = ZydisRegisterGetId(t->zo[2].reg.value) & 15;
    unsigned dwords = t->zo[2].size / 32, step = t->zo[0].element_size / 32;
    for (unsigned i = step - 1; i < dwords && i < 8; i += step) {
        const uint32_t *a = (const uint32_t *)s->native->after.fx.xmm[mask];
        const uint32_t *b = (const uint32_t *)s->sim->after.fx.xmm[mask];
        if (i >= 4) {
            a = (const uint32_t *)s->native->after.ymmh[mask] - 4;
            b = (const uint32_t *)s->sim->after.ymmh[mask] - 4;
        }
        if ((a[i] ^ b[i]) >> 31)
            return false;
    }
    s->mask_vector |= 1u << mask;
    return true;
}

static bool sha_unaligned(struct scope *s)
{
    s->mask_outcome = true;
    return s->t->zi.meta.category == ZYDIS_CATEGORY_SHA &&
           s->t->zo[1].type == ZYDIS_OPERAND_TYPE_MEMORY &&
           operand_address(s->t, &s->t->zo[1]) % 16 != 0 &&
           s->sim->vector == 13 && s->native->vector != 13;
}

static bool clflush_code(struct scope *s)
{
    const ZydisMnemonic m = s->t->zi.mnemonic;
    s->mask_outcome = true;
    return (m == ZYDIS_MNEMONIC_CLFLUSH || m == ZYDIS_MNEMONIC_CLFLUSHOPT ||
            m == ZYDIS_MNEMONIC_CLWB) &&
           s->t->mode != CODE_64 && s->native->vector < 0 &&
           s->sim->vector == 13 && s->t->zo[0].mem.segment == ZYDIS_REGISTER_CS;
}

static bool fld_denormal(struct scope *s)
{
    const struct fx_image *after = &s->native->after.fx;
    s->mask_st = s->mask_ftw = true;
    s->mask_fsw = (uint16_t)~0x7f00;
    return s->t->zi.mnemonic == ZYDIS_MNEMONIC_FLD && !(after->fcw & 2) &&
           (after->fsw & 2) && (s->sim->after.fx.fsw & 2);
}

static const struct waiver {
    const char *name;
    bool (*applies)(struct scope *s);
    double share; /* of all cases, at most */
    const char *reason;
} waiver[] = {
    {"66h-near-branch", near_branch_66, 0.02,
     "SDM Vol.2 JMP/CALL/Jcc: Intel ignores 66h in 64-bit mode; AMD "
     "truncates RIP to 16 bits"},
    {"shld-shrd-16", shiftd16, 0.004,
     "SDM Vol.2 SHLD, SHRD: result undefined when the count exceeds 16"},
    {"cvtpi2ps-memory", cvtpi2ps_memory, 0.002,
     "SDM Vol.2 CVTPI2PS: a transition to MMX operation; AMD makes none for "
     "a memory source"},
    {"frame-fault", frame_fault, 0.006,
     "SDM Vol.2 ENTER, PUSHA: what was pushed before a fault may stay in "
     "memory "
     "(the model writes none), and which access faults first"},
    {"kernel-address", kernel_address, 0.03,
     "the host's kernel half is mapped for supervisors, the model's is not: "
     "bit P of the error code"},
    {"x87-c1", x87_c1, 0.05,
     "SDM Vol.2 FCOMI, FUCOMI: C1 = 0 (AMD keeps it); FCMOVcc, FFREE: "
     "undefined without a stack fault"},
    {"nop-0f0d", nop_0f0d, 0.004,
     "SDM Vol.2 App.A: 0F 0D with a register is a reserved NOP; AMD: #UD"},
    {"loopcc-prefix", loopcc_prefix, 0.002,
     "SDM Vol.2 LOOPcc takes no F2/F3; on AMD it chooses the condition"},
    {"mmx-fault", mmx_fault, 0.002,
     "whether the MMX transition precedes a fault, and whether MASKMOVQ "
     "faults on bytes it does not write, is implementation-specific"},
    {"access-order", access_order, 0.002,
     "SDM Vol.2 MOVS, CMPS, LDS, BOUND: which of two faulting accesses is made "
     "first is not specified"},
    {"area-end", area_end, 0.006,
     "SDM Vol.2 FXSAVE, XSAVE and their like: which byte of an area is "
     "accessed "
     "first, and whether components not transferred are, is not specified; "
     "AMD touches the last byte first"},
    {"limit-wrap", limit_wrap, 0.0001,
     "SDM Vol.3 Limit Checking: with a limit of FFFFFFFFh an access that wraps "
     "may or may not fault"},
    {"arpl-read-only", arpl_read_only, 0.0005,
     "SDM Vol.2 ARPL: #GP when the destination is not writable; on AMD only "
     "when it is written"},
    {"unaligned-stack", unaligned_stack, 0.001,
     "an operand unaligned (#GP) and beyond SS's limit (#SS): the manual "
     "gives no order"},
    {"rep-compare-fault", rep_compare_fault, 0.03,
     "SDM Vol.2 REP: EFLAGS are restored on a page fault; AMD keeps those of "
     "the last iteration"},
    {"fcom-unmasked", fcom_unmasked, 0.04,
     "SDM Vol.2 FCOM, FPREM: condition codes are not set under an unmasked "
     "exception; AMD sets them"},
    {"fstpnce-empty", fstpnce_empty, 0.01,
     "D9 D8+i is a reserved alias of FSTP; AMD's makes no stack-fault check"},
    {"call-order", call_order, 0.0001,
     "SDM Vol.2 CALL checks the target before it pushes; AMD the other way"},
    {"harness-memory", harness_memory, 0.0001,
     "the address lies in the image or heap of the harness"},
    {"gather-fault", gather_fault, 0.005,
     "SDM Vol.2 VGATHER: the mask is extended before the first load; AMD "
     "extends none of a gather that faults"},
    {"clflush-code", clflush_code, 0.0001,
     "SDM Vol.2 CLFLUSH may name an execute-only segment; the model refuses"},
    {"sha-unaligned", sha_unaligned, 0.004,
     "SDM Vol.2 SHA1MSG1 and its like, exceptions type 4: an unaligned operand "
     "is #GP; AMD loads it"},
    {"dot-product", dot_product, 0.0001,
     "SDM Vol.2 DPPS: whether the flags of the additions are reported beside "
     "an "
     "unmasked exception of the multiplications"},
    {"fld-denormal", fld_denormal, 0.002,
     "SDM Vol.1 Denormal Operand Exception: an unmasked #D stops FLD before "
     "it pushes; AMD pushes"},
};

unsigned waiver_count(void)
{
    return sizeof waiver / sizeof waiver[0];
}

const char *waiver_name(unsigned i)
{
    return waiver[i].name;
}

const char *waiver_reason(unsigned i)
{
    return waiver[i].reason;
}

double waiver_share(unsigned i)
{
    return waiver[i].share;
}

#endif
