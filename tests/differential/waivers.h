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

static bool bsf_bsr_zero(struct scope *s)
{
    const ZydisDecodedInstruction *zi = &s->t->zi;
    s->mask_gpr = 0xffff;
    return (zi->mnemonic == ZYDIS_MNEMONIC_BSF ||
            zi->mnemonic == ZYDIS_MNEMONIC_BSR) &&
           (s->native->after.rflags & ZF);
}

static bool bswap16(struct scope *s)
{
    s->mask_gpr = 0xffff;
    return s->t->zi.mnemonic == ZYDIS_MNEMONIC_BSWAP &&
           s->t->zi.operand_width == 16;
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

static const struct waiver {
    const char *name;
    bool (*applies)(struct scope *s);
    const char *reason;
} waiver[] = {
    {"66h-near-branch", near_branch_66,
     "SDM Vol.2 JMP/CALL/Jcc: Intel ignores 66h in 64-bit mode; AMD "
     "truncates RIP to 16 bits"},
    {"bsf-bsr-zero", bsf_bsr_zero,
     "SDM Vol.2 BSF, BSR: destination undefined when the source is 0"},
    {"bswap16", bswap16, "SDM Vol.2 BSWAP: 16-bit result undefined"},
    {"shld-shrd-16", shiftd16,
     "SDM Vol.2 SHLD, SHRD: result undefined when the count exceeds 16"},
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

#endif
