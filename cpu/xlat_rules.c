/* SPDX-License-Identifier: Apache-2.0
 * What may stop an instruction before its family is asked: the rules of its
 * table row, in the order of SDM Vol.3 "Priority Among Concurrent Events":
 * what makes the encoding invalid (#UD), then privilege (#GP), then the
 * availability of the FPU (#NM).
 */
#include "cpu/vmx/vmx.h"
#include "cpu/xlat_block.h"

/* The encoding is the row's: VEX or legacy. */
static bool encoding_fits(const struct xlat *x, uint32_t rules)
{
    bool vex = (rules & (R_VEX | R_AVX | R_AVX_FP)) != 0;
    ZydisInstructionEncoding want = vex ? ZYDIS_INSTRUCTION_ENCODING_VEX
                                        : ZYDIS_INSTRUCTION_ENCODING_LEGACY;
    if (x->zi->encoding != want)
        return false;
    uint32_t m = x->mode;
    if (vex && (!(m & MODE_PROT) || (m & MODE_V86)))
        return false;
    return !(rules & (R_AVX | R_AVX_FP)) || (m & MODE_AVX);
}

/* Forms that a later feature added to an instruction. */
static bool lacks_form(const struct xlat *x, uint32_t rules)
{
    bool wide = x->zi->avx.vector_length == 256;
    if ((rules & R_AVX2_256) && wide && !cpu_has(x->c, FEATURE_AVX2))
        return true;
    if ((rules & R_AVX2_REG) && x->zi->raw.modrm.mod == 3 &&
        !cpu_has(x->c, FEATURE_AVX2))
        return true;
    if ((rules & R_VAES_256) && wide && !cpu_has(x->c, FEATURE_VAES))
        return true;
    return (rules & R_VPCLMUL_256) && wide &&
           !cpu_has(x->c, FEATURE_VPCLMULQDQ);
}

static bool invalid(const struct xlat *x, const struct insn_row *row)
{
    uint32_t m = x->mode, r = row->rules;
    if (!cpu_has(x->c, (enum cpu_feature)row->feature) || !encoding_fits(x, r))
        return true;
    if (lacks_form(x, r))
        return true;
    if ((r & R_XSAVE) && !(m & MODE_OSXSAVE))
        return true;
    if ((r & R_LONG) && !(m & MODE_LONG))
        return true;
    if ((r & R_NOT_LONG) && (m & MODE_LONG))
        return true;
    if ((r & R_PROT) && (!(m & MODE_PROT) || (m & MODE_V86)))
        return true;
    if ((r & R_NOT_COMPAT) && (m & (MODE_LMA | MODE_LONG)) == MODE_LMA)
        return true;
    if ((x->zi->attributes & ZYDIS_ATTRIB_HAS_LOCK) &&
        (!(r & R_LOCK) || x->zo[0].type != ZYDIS_OPERAND_TYPE_MEMORY))
        return true;
    if ((r & (R_SSE | R_SSE_FP)) && ((m & MODE_EM) || !(m & MODE_OSFXSR)))
        return true;
    return (r & R_MMX) && (m & MODE_EM);
}

bool xlat_rules(struct xlat *x, const struct insn_row *row)
{
    uint32_t m = x->mode, r = row->rules;
    if (invalid(x, row)) {
        xlat_raise(x, EXC_UD);
        return true;
    }
    if (m & MODE_GUEST)
        vmx_xlat_intercept(x, r);
    if ((r & R_CPL0) && (m & MODE_CPL) != 0) {
        xlat_raise(x, EXC_GP);
        return true;
    }
    if (((r & R_X87) && (m & (MODE_EM | MODE_TS))) ||
        ((r & (R_MMX | R_SSE | R_SSE_FP | R_AVX | R_AVX_FP)) &&
         (m & MODE_TS))) {
        xlat_raise(x, EXC_NM);
        return true;
    }
    return false;
}
