/* SPDX-License-Identifier: Apache-2.0
 * Instructions that may exit from VMX non-root operation: a callout in front
 * of each decides by the controls. Rows in intercepts.def. SDM Vol.3
 * "Relative Priority of Faults and VM Exits": the encoding's #UD is found
 * before the callout is emitted, and it stands back for the #GP by privilege
 * that the instruction itself raises; any other fault comes after the exit.
 */
#include "cpu/reset.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"
#include "cpu/vmx/vmx.h"
#include "cpu/wait.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"

enum when {
    WHEN_NEVER,
    WHEN_ALWAYS,
    WHEN_PROC,
    WHEN_PROC2,
    WHEN_MONITOR, /* as PROC, after #UD by CPL and IA32_MISC_ENABLE */
    WHEN_PAUSE,   /* as PROC, and PAUSE-loop exiting */
    WHEN_XSS,     /* XSS-exiting bitmap */
    WHEN_FIELD,   /* VMCS shadowing and its bitmap */
};

enum guard { GUARD_NONE, GUARD_CPL, GUARD_TSD, GUARD_PCE, GUARD_UMIP };

/* Forms of the instruction information; the last bits of TABLE and SELECTOR
 * are the instruction's identity. */
enum info {
    INFO_NONE,
    INFO_ARMED,      /* qualification: address-range monitoring is armed */
    INFO_LINEAR,     /* qualification: linear address of the operand */
    INFO_DR,         /* qualification: registers and direction */
    INFO_REGISTER,   /* register and operand size */
    INFO_MEMORY,     /* memory operand; so have those that follow */
    INFO_INVALIDATE, /* and a register */
    INFO_VMREAD,
    INFO_VMWRITE,
    INFO_TABLE_0 = 0x10,
    INFO_TABLE_1,
    INFO_TABLE_2,
    INFO_TABLE_3,
    INFO_SELECTOR_0 = 0x20,
    INFO_SELECTOR_1,
    INFO_SELECTOR_2,
    INFO_SELECTOR_3,
};
enum { INFO_KIND = 0xf0, INFO_IDENTITY = 3 };

struct intercept {
    uint16_t reason;
    uint8_t when, guard, info;
    uint32_t control, needs;
};

enum row {
    ROW_NONE,
#define INTERCEPT(mnemonic, reason, when, control, needs, guard, info)         \
    ROW_##mnemonic,
#include "cpu/vmx/intercepts.def"
#undef INTERCEPT
    ROWS
};

static const struct intercept intercepts[ROWS] = {
#define INTERCEPT(mnemonic, reason, when, control, needs, guard, info)         \
    [ROW_##mnemonic] = {REASON_##reason, WHEN_##when, GUARD_##guard,           \
                        INFO_##info,     control,     needs},
#include "cpu/vmx/intercepts.def"
#undef INTERCEPT
};

static const uint8_t row_of[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define INTERCEPT(mnemonic, reason, when, control, needs, guard, info)         \
    [ZYDIS_MNEMONIC_##mnemonic] = ROW_##mnemonic,
#include "cpu/vmx/intercepts.def"
#undef INTERCEPT
};

/* ------------------------------------------------------------ translation */

/* Bits of the instruction information. */
enum {
    INFO_REG1_SHIFT = 3,
    INFO_ADDRESS_SHIFT = 7,
    INFO_IS_REGISTER = 1 << 10,
    INFO_OPERAND_32 = 1 << 11, /* of LGDT and the like */
    INFO_OPERAND_SHIFT = 11,   /* of RDRAND and the like */
    INFO_SEGMENT_SHIFT = 15,
    INFO_INDEX_SHIFT = 18,
    INFO_NO_INDEX = 1 << 22,
    INFO_BASE_SHIFT = 23,
    INFO_NO_BASE = 1 << 27,
    INFO_REG2_SHIFT = 28,
};

/* 16, 32, 64 bits as 0, 1, 2. */
static uint32_t width_code(unsigned bits)
{
    return bits == 64 ? 2 : bits == 32 ? 1 : 0;
}

static uint32_t gpr_number(const ZydisDecodedOperand *o)
{
    return xlat_gpr(o->reg.value) / 8u;
}

static bool is_rip(ZydisRegister r)
{
    return r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP;
}

static uint32_t memory_info(const struct xlat *x, const ZydisDecodedOperand *o)
{
    const ZydisDecodedOperandMem *m = &o->mem;
    uint32_t v = width_code(x->zi->address_width) << INFO_ADDRESS_SHIFT |
                 (uint32_t)xlat_segment(o) << INFO_SEGMENT_SHIFT;
    if (m->index == ZYDIS_REGISTER_NONE) {
        v |= INFO_NO_INDEX;
    } else {
        v |= xlat_gpr(m->index) / 8u << INFO_INDEX_SHIFT;
        v |= m->scale == 0 ? 0 : (uint32_t)__builtin_ctz(m->scale);
    }
    if (m->base == ZYDIS_REGISTER_NONE || is_rip(m->base))
        v |= INFO_NO_BASE;
    else
        v |= xlat_gpr(m->base) / 8u << INFO_BASE_SHIFT;
    return v;
}

static uint32_t rm_info(const struct xlat *x, const ZydisDecodedOperand *o)
{
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY)
        return memory_info(x, o);
    return INFO_IS_REGISTER | gpr_number(o) << INFO_REG1_SHIFT;
}

/* MOV with a debug register: bits 3:0 its number, 4 the direction, 11:8 the
 * general register. */
static uint32_t dr_qualification(const struct xlat *x)
{
    bool to = ZydisRegisterGetClass(x->zo[0].reg.value) == ZYDIS_REGCLASS_DEBUG;
    uint32_t dr = xlat_number(x->zo[to ? 0 : 1].reg.value);
    return dr | (to ? 0 : 1u << 4) | gpr_number(&x->zo[to ? 1 : 0]) << 8;
}

/* The r/m operand of the forms with one. */
static const ZydisDecodedOperand *rm_operand(const struct xlat *x,
                                             unsigned info)
{
    bool second = info == INFO_INVALIDATE || info == INFO_VMWRITE;
    return &x->zo[second ? 1 : 0];
}

static uint32_t static_info(const struct xlat *x, unsigned info)
{
    const ZydisDecodedOperand *rm = rm_operand(x, info);
    switch ((enum info)info) {
    case INFO_NONE:
    case INFO_ARMED:
    case INFO_LINEAR: return 0;
    case INFO_DR: return dr_qualification(x);
    case INFO_REGISTER:
        return gpr_number(rm) << INFO_REG1_SHIFT |
               width_code(x->zi->operand_width) << INFO_OPERAND_SHIFT;
    case INFO_MEMORY: return memory_info(x, rm);
    case INFO_VMREAD:
        return rm_info(x, rm) | gpr_number(&x->zo[1]) << INFO_REG2_SHIFT;
    case INFO_INVALIDATE:
    case INFO_VMWRITE:
        return rm_info(x, rm) | gpr_number(&x->zo[0]) << INFO_REG2_SHIFT;
    case INFO_TABLE_0:
    case INFO_TABLE_1:
    case INFO_TABLE_2:
    case INFO_TABLE_3:
        return memory_info(x, rm) | (info & INFO_IDENTITY) << INFO_REG2_SHIFT |
               (x->zi->operand_width != 16 ? INFO_OPERAND_32 : 0);
    case INFO_SELECTOR_0:
    case INFO_SELECTOR_1:
    case INFO_SELECTOR_2:
    case INFO_SELECTOR_3:
        return rm_info(x, rm) | (info & INFO_IDENTITY) << INFO_REG2_SHIFT;
    }
    return 0;
}

/* MOV is all of its forms, and PAUSE with REX.B is XCHG. */
static bool is_intercepted(const struct xlat *x)
{
    if (x->zi->mnemonic == ZYDIS_MNEMONIC_MOV) {
        for (unsigned i = 0; i < 2; i++)
            if (x->zo[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                ZydisRegisterGetClass(x->zo[i].reg.value) ==
                    ZYDIS_REGCLASS_DEBUG)
                return xlat_number(x->zo[i].reg.value) < 8;
        return false;
    }
    if (x->zi->mnemonic == ZYDIS_MNEMONIC_PAUSE)
        return !(x->mode & MODE_LONG) || !x->zi->raw.rex.B;
    const uint64_t caps = x->c->vmx->caps.ept_vpid;
    if (x->zi->mnemonic == ZYDIS_MNEMONIC_INVEPT)
        return (caps & EPT_CAP_INVEPT) != 0;
    if (x->zi->mnemonic == ZYDIS_MNEMONIC_INVVPID)
        return (caps & EPT_CAP_INVVPID) != 0;
    return true;
}

/* A #GP by privilege follows. */
static bool denied(const struct xlat *x, const struct intercept *t,
                   uint32_t rules)
{
    uint32_t m = x->mode;
    if ((m & MODE_CPL) == 0)
        return false;
    switch ((enum guard)t->guard) {
    case GUARD_NONE: return (rules & R_CPL0) != 0;
    case GUARD_CPL: return true;
    case GUARD_TSD: return (m & MODE_TSD) != 0;
    case GUARD_PCE: return (m & MODE_PCE) == 0;
    case GUARD_UMIP: return (m & MODE_UMIP) != 0;
    }
    return false;
}

/*
 * The callout's uop: dst is the row, aux the information. src: the register
 * of VMREAD and VMWRITE with the encoding. seg: the instruction is denied
 * (INVLPG: its segment). disp: the displacement, with `scale` relative to
 * RIP; of INVLPG the operand's offset is where operands are.
 */
static callout_fn intercept, intercept_denied;

void vmx_xlat_intercept(struct xlat *x, uint32_t rules)
{
    uint8_t row = row_of[x->zi->mnemonic];
    const struct intercept *t = &intercepts[row];
    if (row == ROW_NONE || !is_intercepted(x))
        return;
    if (denied(x, t, rules)) {
        if (t->needs != 0)
            xlat_callout(x, intercept_denied)->dst = row;
        return;
    }
    struct ea ea = {0};
    if (t->info == INFO_LINEAR)
        ea = xlat_offset(x, &x->zo[0]);
    struct uop *u = xlat_callout(x, intercept);
    u->dst = row;
    u->aux = static_info(x, t->info);
    if (t->info == INFO_LINEAR) {
        xlat_set_ea(u, &ea);
    } else if (t->info >= INFO_MEMORY) {
        const ZydisDecodedOperand *rm = rm_operand(x, t->info);
        if (rm->type == ZYDIS_OPERAND_TYPE_MEMORY) {
            u->disp = (int32_t)rm->mem.disp.value;
            u->scale = is_rip(rm->mem.base);
        }
        if (t->when == WHEN_FIELD)
            u->src = xlat_gpr(x->zo[t->info == INFO_VMREAD ? 1 : 0].reg.value);
    }
}

/* -------------------------------------------------------------- execution */

static bool lacks(const struct cpu *c, const struct intercept *t)
{
    return (t->needs & ~c->vmx->proc2) != 0;
}

/* "PAUSE" of "Instructions That Cause VM Exits Conditionally". */
static bool pause_exits(struct cpu *c)
{
    struct vmx *x = c->vmx;
    if ((x->proc & PROC_PAUSE) != 0)
        return true;
    if ((x->proc2 & PROC2_PAUSE_LOOP) == 0 || cpu_cpl(c) != 0)
        return false;
    uint64_t now = cpu_tsc_ticks(c);
    bool first = !x->pause_seen || now - x->pause_last > x->vmcs.ple_gap;
    x->pause_seen = true;
    x->pause_last = now;
    if (first) {
        x->pause_first = now;
        return false;
    }
    return now - x->pause_first > x->vmcs.ple_window;
}

/* "VMREAD": an encoding of more than 15 bits, or its bit in the bitmap. */
static bool field_exits(struct cpu *c, const struct uop *u, bool read)
{
    const struct vmcs *v = &c->vmx->vmcs;
    if ((c->vmx->proc2 & PROC2_SHADOW) == 0)
        return true;
    uint64_t field =
        sys_read_reg(c, u->src, (c->mode & MODE_LONG) != 0 ? 8 : 4);
    if (field >> 15 != 0)
        return true;
    uint64_t bitmap = read ? v->vmread_bitmap : v->vmwrite_bitmap;
    uint8_t byte = UINT8_MAX;
    (void)vmx_phys_read(c, bitmap + field / 8, 1, &byte);
    return (byte >> (field & 7) & 1) != 0;
}

static bool exits(struct cpu *c, const struct intercept *t, const struct uop *u)
{
    switch ((enum when)t->when) {
    case WHEN_NEVER: return false;
    case WHEN_ALWAYS: return true;
    case WHEN_MONITOR:
    case WHEN_PROC: return (c->vmx->proc & t->control) != 0;
    case WHEN_PROC2: return (c->vmx->proc2 & t->control) != 0;
    case WHEN_PAUSE: return pause_exits(c);
    case WHEN_XSS: {
        uint64_t mask = (uint32_t)c->gpr[REG_RAX] | c->gpr[REG_RDX] << 32;
        return (mask & c->xss & c->vmx->vmcs.xss_bitmap) != 0;
    }
    case WHEN_FIELD: return field_exits(c, u, t->info == INFO_VMREAD);
    }
    return false;
}

/* The linear address without any check: the exit comes before them. */
static uint64_t operand_linear(const struct cpu *c, const struct uop *u)
{
    uint64_t base = c->seg[u->seg].base;
    if ((c->mode & MODE_LONG) == 0)
        return (uint32_t)(base + uop_ea(c, u));
    return uop_ea(c, u) + (u->seg == SEG_FS || u->seg == SEG_GS ? base : 0);
}

static uint64_t qualification(const struct cpu *c, const struct intercept *t,
                              const struct uop *u)
{
    switch ((unsigned)t->info) {
    case INFO_ARMED: return c->monitor.armed;
    case INFO_LINEAR: return operand_linear(c, u);
    case INFO_DR: return u->aux;
    default: break;
    }
    if (t->info < INFO_MEMORY)
        return 0;
    uint64_t disp = (uint64_t)(int64_t)u->disp;
    return u->scale != 0 ? c->next_rip + disp : disp;
}

static enum step intercept(struct cpu *c, const struct uop *u)
{
    const struct intercept *t = &intercepts[u->dst];
    if (lacks(c, t) || (t->when == WHEN_MONITOR && !wait_monitor_enabled(c)))
        return raise_ud(c);
    if (!exits(c, t, u))
        return STEP_NEXT;
    return vmx_exit_insn(c, (enum vmx_reason)t->reason, qualification(c, t, u),
                         t->info == INFO_DR ? 0 : u->aux);
}

/* The #UD that comes before a #GP. */
static enum step intercept_denied(struct cpu *c, const struct uop *u)
{
    return lacks(c, &intercepts[u->dst]) ? raise_ud(c) : STEP_NEXT;
}

/* ----------------------------------------------------------- task switches */

/* SDM Vol.3 "Treatment of Task Switches", "Exit Qualification for Task
 * Switches". */
enum step vmx_exit_task_switch(struct cpu *c, uint16_t selector,
                               enum vmx_task_source source, bool insn)
{
    uint64_t q = selector | (uint64_t)source << 30;
    if (insn)
        return vmx_exit_insn(c, REASON_TASK_SWITCH, q, 0);
    struct vmx_exit x = {.reason = REASON_TASK_SWITCH, .qualification = q};
    return vmx_exit_event(c, &x);
}
