/* SPDX-License-Identifier: Apache-2.0
 * Translation of the extensions of the system interface: rows in
 * cpu/insn_ext.def. Most are callouts. SDM Vol.2.
 */
#include "cpu/fpu_save.h"
#include "cpu/insn_ext.h"
#include "cpu/sysinsn.h"
#include "cpu/wait.h"
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

/* -------------------------------------------------------- protection keys */

bool xlat_pkru(struct xlat *x)
{
    if (x->zi->mnemonic == ZYDIS_MNEMONIC_RDPKRU)
        (void)xlat_callout(x, sys_rdpkru);
    else
        (void)xlat_callout_end(x, sys_wrpkru);
    return true;
}

/* --------------------------------------------------------------- waiting */

/* MONITOR, UMONITOR: a byte at the address in RAX or in the operand, in DS
 * or the segment of a prefix. */
bool xlat_monitor(struct xlat *x)
{
    bool user = x->zi->mnemonic == ZYDIS_MNEMONIC_UMONITOR;
    ZydisRegister seg =
        x->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS   ? ZYDIS_REGISTER_FS
        : x->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS ? ZYDIS_REGISTER_GS
        : x->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_ES ? ZYDIS_REGISTER_ES
        : x->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_CS ? ZYDIS_REGISTER_CS
        : x->zi->attributes & ZYDIS_ATTRIB_HAS_SEGMENT_SS ? ZYDIS_REGISTER_SS
                                                          : ZYDIS_REGISTER_DS;
    ZydisDecodedOperand byte = {.type = ZYDIS_OPERAND_TYPE_MEMORY, .size = 8};
    byte.actions = ZYDIS_OPERAND_ACTION_READ;
    byte.mem.type = ZYDIS_MEMOP_TYPE_MEM;
    byte.mem.segment = seg;
    byte.mem.base = x->zo[0].reg.value;
    struct ea ea = xlat_ea(x, &byte);
    struct uop *u = xlat_callout(x, user ? sys_umonitor : sys_monitor);
    xlat_set_ea(u, &ea);
    x->loads = 1;
    return true;
}

bool xlat_mwait(struct xlat *x)
{
    (void)xlat_callout_end(x, sys_mwait);
    return true;
}

bool xlat_umwait(struct xlat *x)
{
    if ((x->mode & MODE_TSD) != 0 && (x->mode & MODE_CPL) != 0) {
        xlat_raise(x, EXC_GP);
        return true;
    }
    struct uop *u = xlat_callout_end(x, sys_umwait);
    u->dst = xlat_gpr(x->zo[0].reg.value);
    u->aux = x->zi->mnemonic == ZYDIS_MNEMONIC_UMWAIT;
    return true;
}

/* ---------------------------------------------------------------- others */

/* RDPID writes a whole register. */
bool xlat_rdpid(struct xlat *x)
{
    struct uop *u = xlat_callout(x, sys_rdpid);
    u->dst = xlat_gpr(x->zo[0].reg.value);
    return true;
}

/* The source is the memory operand, the destination's offset in ES is a
 * register. */
bool xlat_movdir64b(struct xlat *x)
{
    struct ea ea = xlat_ea(x, &x->zo[1]);
    struct uop *u = xlat_callout(x, sys_movdir64b);
    xlat_set_ea(u, &ea);
    u->dst = xlat_gpr(x->zo[0].reg.value);
    u->aux = x->zi->address_width / 8u;
    return true;
}
