/* SPDX-License-Identifier: Apache-2.0
 * System instructions from decoded form to callouts: operands are packed as
 * cpu/sysinsn.h says, and what the mode key decides (privilege, UMIP, TSD,
 * FSGSBASE, IOPL) is decided here. SDM Vol.2.
 */
#include "cpu/xlat_sys.h"

#include "cpu/control.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/v86.h"
#include "cpu/xlat_int.h"

static bool is_mem(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static bool fault(struct xlat *x, uint8_t vector)
{
    xlat_raise(x, vector);
    return true;
}

/* A callout with the r/m operand zo[n]; `end` as in xlat_callout_end. */
static struct uop *emit_rm(struct xlat *x, unsigned n, callout_fn *fn, bool end)
{
    const ZydisDecodedOperand *o = &x->zo[n];
    struct ea ea = {0};
    if (is_mem(o))
        ea = xlat_ea(x, o);
    struct uop *u = end ? xlat_callout_end(x, fn) : xlat_callout(x, fn);
    u->aux = xlat_size(x);
    if (is_mem(o)) {
        xlat_set_ea(u, &ea);
        u->aux |= SYS_MEM;
    } else {
        u->dst = xlat_gpr(o->reg.value);
    }
    return u;
}

static bool emit_plain(struct xlat *x, callout_fn *fn)
{
    xlat_callout(x, fn)->aux = xlat_size(x);
    return true;
}

static bool emit_end(struct xlat *x, callout_fn *fn)
{
    xlat_callout_end(x, fn)->aux = xlat_size(x);
    return true;
}

/* ------------------------------------- segment, control, debug registers */

bool xlat_mov_sreg(struct xlat *x)
{
    bool to =
        x->zo[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
        ZydisRegisterGetClass(x->zo[0].reg.value) == ZYDIS_REGCLASS_SEGMENT;
    uint8_t seg = xlat_number(x->zo[to ? 0 : 1].reg.value);
    if (seg > SEG_GS || (to && seg == SEG_CS))
        return false;
    struct uop *u = to ? emit_rm(x, 1, sys_mov_to_sreg, true)
                       : emit_rm(x, 0, sys_mov_from_sreg, false);
    u->src = seg;
    return true;
}

bool xlat_push_sreg(struct xlat *x)
{
    struct uop *u = xlat_callout(x, sys_push_sreg);
    u->aux = xlat_size(x);
    u->src = xlat_number(x->zo[0].reg.value);
    return true;
}

bool xlat_pop_sreg(struct xlat *x)
{
    uint8_t seg = xlat_number(x->zo[0].reg.value);
    if (seg > SEG_GS || seg == SEG_CS)
        return false;
    struct uop *u = xlat_callout_end(x, sys_pop_sreg);
    u->aux = xlat_size(x);
    u->src = seg;
    return true;
}

bool xlat_mov_cr(struct xlat *x)
{
    bool to =
        ZydisRegisterGetClass(x->zo[0].reg.value) == ZYDIS_REGCLASS_CONTROL;
    uint8_t n = xlat_number(x->zo[to ? 0 : 1].reg.value);
    if (n != 0 && n != 2 && n != 3 && n != 4 && n != 8)
        return false;
    if ((x->mode & MODE_CPL) != 0)
        return fault(x, EXC_GP);
    struct uop *u = to ? xlat_callout_end(x, sys_mov_to_cr)
                       : xlat_callout(x, sys_mov_from_cr);
    u->src = n;
    u->dst = xlat_gpr(x->zo[to ? 1 : 0].reg.value);
    return true;
}

/* #UD of DR4 and DR5 depends on CR4.DE and comes before #GP: the callout
 * checks both. */
bool xlat_mov_dr(struct xlat *x)
{
    bool to = ZydisRegisterGetClass(x->zo[0].reg.value) == ZYDIS_REGCLASS_DEBUG;
    uint8_t n = xlat_number(x->zo[to ? 0 : 1].reg.value);
    if (n > 7)
        return false;
    struct uop *u = xlat_callout_end(x, to ? sys_mov_to_dr : sys_mov_from_dr);
    u->src = n;
    u->dst = xlat_gpr(x->zo[to ? 1 : 0].reg.value);
    return true;
}

bool xlat_sys_load_far(struct xlat *x)
{
    uint8_t seg;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_LDS: seg = SEG_DS; break;
    case ZYDIS_MNEMONIC_LES: seg = SEG_ES; break;
    case ZYDIS_MNEMONIC_LFS: seg = SEG_FS; break;
    case ZYDIS_MNEMONIC_LGS: seg = SEG_GS; break;
    default: seg = SEG_SS; break;
    }
    if (!is_mem(&x->zo[1]))
        return false;
    struct uop *u = xlat_callout_end(x, sys_load_far);
    int_set_offset(x, u, &x->zo[1], 0, int_insn_lg(x));
    u->dst = xlat_gpr(x->zo[0].reg.value);
    u->src = seg;
    return true;
}

/* ------------------------------------------------------ descriptor tables */

bool xlat_sys_table_load(struct xlat *x)
{
    bool gdt = x->zi->mnemonic == ZYDIS_MNEMONIC_LGDT;
    if (!is_mem(&x->zo[0]))
        return false;
    struct uop *u = xlat_callout_end(x, gdt ? sys_lgdt : sys_lidt);
    int_set_offset(x, u, &x->zo[0], 0, int_insn_lg(x));
    return true;
}

bool xlat_sys_rm_load(struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_LLDT: emit_rm(x, 0, sys_lldt, true); break;
    case ZYDIS_MNEMONIC_LTR: emit_rm(x, 0, sys_ltr, true); break;
    default: emit_rm(x, 0, sys_lmsw, true); break;
    }
    return true;
}

/* SGDT, SIDT, SLDT, STR, SMSW: what UMIP keeps from CPL 3. */
bool xlat_sys_store(struct xlat *x)
{
    callout_fn *fn;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_SGDT: fn = sys_sgdt; break;
    case ZYDIS_MNEMONIC_SIDT: fn = sys_sidt; break;
    case ZYDIS_MNEMONIC_SLDT: fn = sys_sldt; break;
    case ZYDIS_MNEMONIC_STR: fn = sys_str; break;
    default: fn = sys_smsw; break;
    }
    if ((fn == sys_sgdt || fn == sys_sidt) && !is_mem(&x->zo[0]))
        return false;
    if ((x->mode & MODE_UMIP) != 0 && (x->mode & MODE_CPL) != 0)
        return fault(x, EXC_GP);
    if (fn == sys_sgdt || fn == sys_sidt)
        int_set_offset(x, xlat_callout(x, fn), &x->zo[0], 0, int_insn_lg(x));
    else
        emit_rm(x, 0, fn, false);
    return true;
}

bool xlat_sys_lar_lsl(struct xlat *x)
{
    bool lar = x->zi->mnemonic == ZYDIS_MNEMONIC_LAR;
    uint8_t reg = xlat_gpr(x->zo[0].reg.value);
    emit_rm(x, 1, lar ? sys_lar : sys_lsl, false)->src = reg;
    return true;
}

bool xlat_sys_verify(struct xlat *x)
{
    bool read = x->zi->mnemonic == ZYDIS_MNEMONIC_VERR;
    emit_rm(x, 0, read ? sys_verr : sys_verw, false);
    return true;
}

bool xlat_sys_arpl(struct xlat *x)
{
    uint8_t reg = xlat_gpr(x->zo[1].reg.value);
    emit_rm(x, 0, sys_arpl, false)->src = reg;
    return true;
}

/* --------------------------------------------- flags, activity, transfers */

bool xlat_sys_if(struct xlat *x)
{
    bool cli = x->zi->mnemonic == ZYDIS_MNEMONIC_CLI;
    if ((x->mode & (MODE_IOPL_LOW | MODE_V86)) != 0)
        return emit_end(x, cli ? v86_cli : v86_sti);
    if (cli)
        return emit_plain(x, sys_cli);
    return emit_end(x, sys_sti);
}

bool xlat_sys_clts(struct xlat *x)
{
    return emit_end(x, sys_clts);
}

bool xlat_sys_ac(struct xlat *x)
{
    bool set = x->zi->mnemonic == ZYDIS_MNEMONIC_STAC;
    return emit_end(x, set ? sys_stac : sys_clac);
}

bool xlat_sys_hlt(struct xlat *x)
{
    return emit_end(x, sys_hlt);
}

bool xlat_sys_int(struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_INT3: return emit_end(x, sys_int3);
    case ZYDIS_MNEMONIC_INT1: return emit_end(x, sys_int1);
    case ZYDIS_MNEMONIC_INTO: return emit_end(x, sys_into);
    default: break;
    }
    uint32_t vector = (uint32_t)x->zo[0].imm.value.u & 0xff;
    xlat_callout_end(x, sys_int)->aux = vector << SYS_EXTRA_SHIFT;
    return true;
}

bool xlat_sys_iret(struct xlat *x)
{
    return emit_end(x, sys_iret);
}

static bool far_return(struct xlat *x)
{
    uint32_t release = 0;
    if (x->zo[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        release = (uint32_t)x->zo[0].imm.value.u & 0xffff;
    struct uop *u = xlat_callout_end(x, sys_far_ret);
    u->aux = xlat_size(x) | release << SYS_EXTRA_SHIFT;
    return true;
}

bool xlat_far(struct xlat *x)
{
    if (x->zi->mnemonic == ZYDIS_MNEMONIC_RET)
        return far_return(x);
    uint32_t call = x->zi->mnemonic == ZYDIS_MNEMONIC_CALL ? SYS_CALL_FAR : 0;
    if (is_mem(&x->zo[0])) {
        struct uop *u = xlat_callout_end(x, sys_far_indirect);
        int_set_offset(x, u, &x->zo[0], call != 0, int_insn_lg(x));
        return true;
    }
    if (x->zo[0].type != ZYDIS_OPERAND_TYPE_POINTER)
        return false;
    struct uop *u = xlat_callout_end(x, sys_far_direct);
    u->disp = (int32_t)x->zo[0].ptr.offset;
    u->aux =
        xlat_size(x) | call | (uint32_t)x->zo[0].ptr.segment << SYS_EXTRA_SHIFT;
    return true;
}

bool xlat_sys_call(struct xlat *x)
{
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL: return emit_end(x, sys_syscall);
    case ZYDIS_MNEMONIC_SYSRET: return emit_end(x, sys_sysret);
    case ZYDIS_MNEMONIC_SYSENTER: return emit_end(x, sys_sysenter);
    default: return emit_end(x, sys_sysexit);
    }
}

/* -------------------------------------------------- MSRs, counters, CPUID */

bool xlat_sys_rdmsr(struct xlat *x)
{
    return emit_plain(x, sys_rdmsr);
}

bool xlat_sys_wrmsr(struct xlat *x)
{
    return emit_end(x, sys_wrmsr);
}

bool xlat_sys_rdtsc(struct xlat *x)
{
    bool p = x->zi->mnemonic == ZYDIS_MNEMONIC_RDTSCP;
    if ((x->mode & MODE_TSD) != 0 && (x->mode & MODE_CPL) != 0)
        return fault(x, EXC_GP);
    return emit_plain(x, p ? sys_rdtscp : sys_rdtsc);
}

bool xlat_sys_rdpmc(struct xlat *x)
{
    if ((x->mode & MODE_PCE) == 0 && (x->mode & MODE_CPL) != 0)
        return fault(x, EXC_GP);
    xlat_callout_end(x, sys_rdpmc);
    return true;
}

bool xlat_sys_cpuid(struct xlat *x)
{
    return emit_plain(x, sys_cpuid);
}

/* ----------------------------------------------------------- invalidation */

bool xlat_sys_invlpg(struct xlat *x)
{
    if (!is_mem(&x->zo[0]))
        return false;
    x->loads = 0; /* the operand is an address only */
    emit_rm(x, 0, sys_invlpg, true);
    return true;
}

bool xlat_sys_invpcid(struct xlat *x)
{
    if (!is_mem(&x->zo[1]))
        return false;
    uint8_t type = xlat_gpr(x->zo[0].reg.value);
    emit_rm(x, 1, sys_invpcid, true)->src = type;
    return true;
}

bool xlat_sys_wbinvd(struct xlat *x)
{
    return emit_end(x, sys_wbinvd);
}

/* ------------------------------------------------------- FS and GS bases */

bool xlat_sys_swapgs(struct xlat *x)
{
    return emit_plain(x, sys_swapgs);
}

bool xlat_sys_base(struct xlat *x)
{
    int m = (int)x->zi->mnemonic;
    bool write = m == ZYDIS_MNEMONIC_WRFSBASE || m == ZYDIS_MNEMONIC_WRGSBASE;
    bool fs = m == ZYDIS_MNEMONIC_RDFSBASE || m == ZYDIS_MNEMONIC_WRFSBASE;
    if ((x->mode & MODE_FSGSBASE) == 0)
        return false;
    emit_rm(x, 0, write ? sys_wrbase : sys_rdbase, false)->src =
        fs ? SEG_FS : SEG_GS;
    return true;
}

/* -------------------------------------------------------------------- I/O */

/* The memory operand of a string instruction, hidden or not. */
static const ZydisDecodedOperand *memory_operand(const struct xlat *x)
{
    for (unsigned i = 0; i < x->zi->operand_count; i++)
        if (is_mem(&x->zo[i]))
            return &x->zo[i];
    return NULL;
}

bool xlat_sys_in_out(struct xlat *x)
{
    bool in = x->zi->mnemonic == ZYDIS_MNEMONIC_IN;
    const ZydisDecodedOperand *data = &x->zo[in ? 0 : 1];
    const ZydisDecodedOperand *port = &x->zo[in ? 1 : 0];
    struct uop *u = xlat_callout_end(x, in ? sys_in : sys_out);
    u->aux = data->size / 8u;
    if (port->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
        u->aux |= SYS_IMM | ((uint32_t)port->imm.value.u & 0xff)
                                << SYS_EXTRA_SHIFT;
    return true;
}

bool xlat_sys_ins_outs(struct xlat *x)
{
    const ZydisInstructionAttributes rep =
        ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    const ZydisDecodedOperand *o = memory_operand(x);
    int m = (int)x->zi->mnemonic;
    bool ins = m == ZYDIS_MNEMONIC_INSB || m == ZYDIS_MNEMONIC_INSW ||
               m == ZYDIS_MNEMONIC_INSD;
    if (o == NULL)
        return false;
    struct uop *u = xlat_callout_end(x, ins ? sys_ins : sys_outs);
    u->aux = o->size / 8u | (x->zi->address_width / 8u) << SYS_ADDRESS_SHIFT;
    if ((x->zi->attributes & rep) != 0)
        u->aux |= SYS_REP;
    u->seg = ins ? SEG_ES : xlat_number(o->mem.segment);
    return true;
}

/* ----------------------------------------------------- what is not there */

bool xlat_sys_absent(struct xlat *x)
{
    (void)x;
    return false; /* #UD */
}
