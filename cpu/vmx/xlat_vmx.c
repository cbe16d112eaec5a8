/* SPDX-License-Identifier: Apache-2.0
 * VMX instructions from decoded form to callouts. Their checks are made when
 * they execute: the mode key knows nothing of VMX operation in root.
 */
#include "cpu/vmx/xlat_vmx.h"

#include "cpu/int_callout.h"
#include "cpu/vmx/insn.h"
#include "cpu/xlat_int.h"

static bool plain(struct xlat *x, callout_fn *fn)
{
    (void)xlat_callout_end(x, fn);
    return true;
}

/* An operand in memory, zo[n]; `src` may be another, a register. */
static bool memory(struct xlat *x, callout_fn *fn, unsigned n,
                   const ZydisDecodedOperand *src)
{
    if (x->zo[n].type != ZYDIS_OPERAND_TYPE_MEMORY)
        return false;
    struct uop *u = xlat_callout_end(x, fn);
    int_set_offset(x, u, &x->zo[n], 0, 0);
    if (src != NULL)
        u->src = xlat_gpr(src->reg.value);
    return true;
}

/* VMREAD and VMWRITE: the r/m operand and the register with the encoding. */
static bool access(struct xlat *x, callout_fn *fn,
                   const ZydisDecodedOperand *rm,
                   const ZydisDecodedOperand *field)
{
    struct uop *u = xlat_callout(x, fn);
    if (rm->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        int_set_offset(x, u, rm, 0, 0);
    } else {
        u->dst = xlat_gpr(rm->reg.value);
        u->aux = VMX_AUX_REGISTER;
    }
    u->src = xlat_gpr(field->reg.value);
    return true;
}

bool xlat_vmx(struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_VMXON: return memory(x, vmx_vmxon, 0, NULL);
    case ZYDIS_MNEMONIC_VMXOFF: return plain(x, vmx_vmxoff);
    case ZYDIS_MNEMONIC_VMCLEAR: return memory(x, vmx_vmclear, 0, NULL);
    case ZYDIS_MNEMONIC_VMPTRLD: return memory(x, vmx_vmptrld, 0, NULL);
    case ZYDIS_MNEMONIC_VMPTRST: return memory(x, vmx_vmptrst, 0, NULL);
    case ZYDIS_MNEMONIC_VMREAD:
        return access(x, vmx_vmread, &x->zo[0], &x->zo[1]);
    case ZYDIS_MNEMONIC_VMWRITE:
        return access(x, vmx_vmwrite, &x->zo[1], &x->zo[0]);
    case ZYDIS_MNEMONIC_VMLAUNCH: return plain(x, vmx_vmlaunch);
    case ZYDIS_MNEMONIC_VMRESUME: return plain(x, vmx_vmresume);
    case ZYDIS_MNEMONIC_VMCALL: return plain(x, vmx_vmcall);
    case ZYDIS_MNEMONIC_VMFUNC: return plain(x, vmx_vmfunc);
    case ZYDIS_MNEMONIC_INVEPT: return memory(x, vmx_invept, 1, &x->zo[0]);
    case ZYDIS_MNEMONIC_INVVPID: return memory(x, vmx_invvpid, 1, &x->zo[0]);
    default: return false;
    }
}
