/* SPDX-License-Identifier: Apache-2.0
 * Translation of the extensions of the system interface: rows in
 * cpu/insn_ext.def. Most are callouts. SDM Vol.2.
 */
#include "cpu/fpu_save.h"
#include "cpu/insn_ext.h"
#include "cpu/sysinsn.h"
#include "cpu/xsave.h"

/* ------------------------------------------------------------------ XSAVE */

bool xlat_xgetbv(struct xlat *x)
{
    (void)xlat_callout(x, sys_xgetbv);
    return true;
}

bool xlat_xsetbv(struct xlat *x)
{
    (void)xlat_callout_end(x, sys_xsetbv);
    return true;
}

struct xsave_form {
    ZydisMnemonic mnemonic;
    uint32_t aux;
    bool restores;
};

static const struct xsave_form xsave_forms[] = {
    {ZYDIS_MNEMONIC_XSAVE, 0, false},
    {ZYDIS_MNEMONIC_XSAVE64, FPU_REXW, false},
    {ZYDIS_MNEMONIC_XSAVEOPT, XSAVE_INIT, false},
    {ZYDIS_MNEMONIC_XSAVEOPT64, XSAVE_INIT | FPU_REXW, false},
    {ZYDIS_MNEMONIC_XSAVEC, XSAVE_INIT | XSAVE_COMPACT, false},
    {ZYDIS_MNEMONIC_XSAVEC64, XSAVE_INIT | XSAVE_COMPACT | FPU_REXW, false},
    {ZYDIS_MNEMONIC_XSAVES, XSAVE_INIT | XSAVE_COMPACT | XSAVE_SYSTEM, false},
    {ZYDIS_MNEMONIC_XSAVES64,
     XSAVE_INIT | XSAVE_COMPACT | XSAVE_SYSTEM | FPU_REXW, false},
    {ZYDIS_MNEMONIC_XRSTOR, 0, true},
    {ZYDIS_MNEMONIC_XRSTOR64, FPU_REXW, true},
    {ZYDIS_MNEMONIC_XRSTORS, XSAVE_SYSTEM, true},
    {ZYDIS_MNEMONIC_XRSTORS64, XSAVE_SYSTEM | FPU_REXW, true},
};

/* #NM comes before the #GP of XSAVES and XRSTORS outside CPL 0. */
bool xlat_xsave(struct xlat *x)
{
    const struct xsave_form *f = xsave_forms;
    while (f->mnemonic != x->zi->mnemonic)
        f++;
    uint8_t vector = x->mode & MODE_TS ? EXC_NM : EXC_GP;
    if ((x->mode & MODE_TS) != 0 ||
        ((f->aux & XSAVE_SYSTEM) != 0 && (x->mode & MODE_CPL) != 0)) {
        xlat_raise(x, vector);
        return true;
    }
    struct ea ea = xlat_ea(x, &x->zo[0]);
    struct uop *u = f->restores ? xlat_callout_end(x, sys_xrstor)
                                : xlat_callout(x, sys_xsave);
    xlat_set_ea(u, &ea);
    u->aux = f->aux;
    return true;
}
