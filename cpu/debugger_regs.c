/* SPDX-License-Identifier: Apache-2.0
 * The registers of a core as a debugger's target description names them, in
 * its order: GDB's i386 core, SSE, AVX and segment features, then what
 * developers of kernels and hypervisors ask for.
 */
#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/debugger_view.h"
#include "cpu/flags.h"
#include "cpu/fpu.h"
#include "cpu/msr.h"
#include "cpu/segment.h"
#include "sim/base/bits.h"

#include <string.h>

/* Model-specific registers: MSR_ROW(name, number). */
#define DEBUG_MSRS(MSR_ROW)                                                    \
    MSR_ROW(efer, 0xc0000080)                                                  \
    MSR_ROW(star, 0xc0000081)                                                  \
    MSR_ROW(lstar, 0xc0000082)                                                 \
    MSR_ROW(cstar, 0xc0000083)                                                 \
    MSR_ROW(fmask, 0xc0000084)                                                 \
    MSR_ROW(tsc_aux, 0xc0000103)                                               \
    MSR_ROW(apic_base, 0x1b)                                                   \
    MSR_ROW(feature_control, 0x3a)                                             \
    MSR_ROW(sysenter_cs, 0x174)                                                \
    MSR_ROW(sysenter_esp, 0x175)                                               \
    MSR_ROW(sysenter_eip, 0x176)                                               \
    MSR_ROW(misc_enable, 0x1a0)                                                \
    MSR_ROW(debugctl, 0x1d9)                                                   \
    MSR_ROW(pat, 0x277)

/* All of them as values, in GDB's layout. */
struct file {
    uint64_t gpr[16]; /* RAX RBX RCX RDX RSI RDI RBP RSP R8.. */
    uint64_t rip;
    uint32_t eflags, selector[6];
    uint8_t st[8][10];
    uint32_t fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop;
    uint8_t xmm[16][16], ymmh[16][16];
    uint32_t mxcsr;
    uint64_t fs_base, gs_base, k_gs_base;
    uint64_t cr0, cr2, cr3, cr4, cr8, xcr0, dr[8];
    uint64_t gdtr_base, idtr_base, ldtr_base, tr_base;
    uint32_t gdtr_limit, idtr_limit, ldtr, tr;
#define MSR_ROW(name, number) uint64_t name;
    DEBUG_MSRS(MSR_ROW)
#undef MSR_ROW
};

/* How a register is written. */
enum writer {
    BY_NONE, /* not alone: a selector without its descriptor, a status */
    BY_GPR,
    BY_RIP,
    BY_FLAGS,
    BY_VECTOR,
    BY_ST,
    BY_FCTRL,
    BY_MXCSR,
    BY_BASE,
    BY_CR,
    BY_DR,
    BY_MSR
};

struct row {
    struct debug_register r;
    uint16_t offset; /* in struct file */
    uint8_t writer;
    uint32_t number; /* what the writer needs to know */
};

#define ROW(name, type, set, field, writer, number)                            \
    {                                                                          \
        {name, type, 8 * sizeof(((struct file *)0)->field), set},              \
            offsetof(struct file, field), writer, number                       \
    }
#define GPR(name, type, i, reg)   ROW(name, type, DEBUG_CORE, gpr[i], BY_GPR, reg)
#define CORE32(name, type, field) ROW(name, type, DEBUG_CORE, field, BY_NONE, 0)
#define ST(i)                     ROW("st" #i, "i387_ext", DEBUG_CORE, st[i], BY_ST, i)
#define XMM(i)                    ROW("xmm" #i, "vec128", DEBUG_SSE, xmm[i], BY_VECTOR, i)
#define YMMH(i)                                                                \
    ROW("ymm" #i "h", "uint128", DEBUG_AVX, ymmh[i], BY_VECTOR, 16 + i)
#define CONTROL(field, writer, number)                                         \
    ROW(#field, "int64", DEBUG_CONTROL, field, writer, number)
#define DR(i) ROW("dr" #i, "int64", DEBUG_CONTROL, dr[i], BY_DR, i)
#define SIXTEEN(R)                                                             \
    R(0), R(1), R(2), R(3), R(4), R(5), R(6), R(7), R(8), R(9), R(10), R(11),  \
        R(12), R(13), R(14), R(15)

static const struct row rows[] = {
    GPR("rax", "int64", 0, REG_RAX),
    GPR("rbx", "int64", 1, REG_RBX),
    GPR("rcx", "int64", 2, REG_RCX),
    GPR("rdx", "int64", 3, REG_RDX),
    GPR("rsi", "int64", 4, REG_RSI),
    GPR("rdi", "int64", 5, REG_RDI),
    GPR("rbp", "data_ptr", 6, REG_RBP),
    GPR("rsp", "data_ptr", 7, REG_RSP),
    GPR("r8", "int64", 8, 8),
    GPR("r9", "int64", 9, 9),
    GPR("r10", "int64", 10, 10),
    GPR("r11", "int64", 11, 11),
    GPR("r12", "int64", 12, 12),
    GPR("r13", "int64", 13, 13),
    GPR("r14", "int64", 14, 14),
    GPR("r15", "int64", 15, 15),
    ROW("rip", "code_ptr", DEBUG_CORE, rip, BY_RIP, 0),
    ROW("eflags", "i386_eflags", DEBUG_CORE, eflags, BY_FLAGS, 0),
    CORE32("cs", "int32", selector[0]),
    CORE32("ss", "int32", selector[1]),
    CORE32("ds", "int32", selector[2]),
    CORE32("es", "int32", selector[3]),
    CORE32("fs", "int32", selector[4]),
    CORE32("gs", "int32", selector[5]),
    ST(0),
    ST(1),
    ST(2),
    ST(3),
    ST(4),
    ST(5),
    ST(6),
    ST(7),
    ROW("fctrl", "int", DEBUG_CORE, fctrl, BY_FCTRL, 0),
    CORE32("fstat", "int", fstat),
    CORE32("ftag", "int", ftag),
    CORE32("fiseg", "int", fiseg),
    CORE32("fioff", "int", fioff),
    CORE32("foseg", "int", foseg),
    CORE32("fooff", "int", fooff),
    CORE32("fop", "int", fop),
    SIXTEEN(XMM),
    ROW("mxcsr", "i386_mxcsr", DEBUG_SSE, mxcsr, BY_MXCSR, 0),
    SIXTEEN(YMMH),
    ROW("fs_base", "int", DEBUG_SEGMENTS, fs_base, BY_BASE, SEG_FS),
    ROW("gs_base", "int", DEBUG_SEGMENTS, gs_base, BY_BASE, SEG_GS),
    CONTROL(k_gs_base, BY_MSR, 0xc0000102),
    CONTROL(cr0, BY_CR, 0),
    CONTROL(cr2, BY_CR, 2),
    CONTROL(cr3, BY_CR, 3),
    CONTROL(cr4, BY_CR, 4),
    CONTROL(cr8, BY_CR, 8),
    CONTROL(xcr0, BY_NONE, 0),
    DR(0),
    DR(1),
    DR(2),
    DR(3),
    DR(6),
    DR(7),
    CONTROL(gdtr_base, BY_NONE, 0),
    CONTROL(idtr_base, BY_NONE, 0),
    CONTROL(ldtr_base, BY_NONE, 0),
    CONTROL(tr_base, BY_NONE, 0),
    ROW("gdtr_limit", "int32", DEBUG_CONTROL, gdtr_limit, BY_NONE, 0),
    ROW("idtr_limit", "int32", DEBUG_CONTROL, idtr_limit, BY_NONE, 0),
    ROW("ldtr", "int32", DEBUG_CONTROL, ldtr, BY_NONE, 0),
    ROW("tr", "int32", DEBUG_CONTROL, tr, BY_NONE, 0),
#define MSR_ROW(name, number)                                                  \
    ROW(#name, "int64", DEBUG_MSR, name, BY_MSR, number),
    DEBUG_MSRS(MSR_ROW)
#undef MSR_ROW
};
enum { ROWS = sizeof rows / sizeof rows[0] };
_Static_assert((int)ROWS <= (int)DEBUG_REGISTERS_MAX, "room in the interface");

unsigned debugger_registers(void)
{
    return ROWS;
}

const struct debug_register *debugger_register(unsigned index)
{
    return index < ROWS ? &rows[index].r : NULL;
}

unsigned debugger_register_at(unsigned index)
{
    unsigned at = 0;
    for (unsigned i = 0; i < index && i < ROWS; i++)
        at += rows[i].r.bits / 8u;
    return at;
}

/* --- reading --- */

/* The tag word from its abridged form: SDM Vol.1 "x87 FPU Tag Word"; an empty
 * register is 3, and the others are told apart by their exponent. */
static uint32_t full_tags(const struct x87 *x)
{
    uint32_t tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint32_t tag = 3;
        if ((x->ftw >> i & 1) != 0) {
            unsigned exponent = (unsigned)(x->st[i].u64[1] & 0x7fff);
            bool integer = x->st[i].u64[0] >> 63 != 0;
            if (exponent == 0 && x->st[i].u64[0] == 0)
                tag = 1;
            else
                tag = exponent == 0 || exponent == 0x7fff || !integer ? 2 : 0;
        }
        tags |= tag << (2 * i);
    }
    return tags;
}

static void fill_x87(struct file *f, const struct x87 *x)
{
    unsigned top = x->fsw >> 11 & 7;
    for (unsigned i = 0; i < 8; i++)
        memcpy(f->st[i], x->st[(top + i) & 7].u8, sizeof f->st[i]);
    f->fctrl = x->fcw;
    f->fstat = x->fsw;
    f->ftag = full_tags(x);
    f->fiseg = x->fcs;
    f->fioff = (uint32_t)x->fip;
    f->foseg = x->fds;
    f->fooff = (uint32_t)x->fdp;
    f->fop = x->fop;
}

static void fill_own(struct cpu *c, struct file *f)
{
    static const uint8_t order[6] = {SEG_CS, SEG_SS, SEG_DS,
                                     SEG_ES, SEG_FS, SEG_GS};
    for (unsigned i = 0; i < 6; i++)
        f->selector[i] = c->seg[order[i]].selector;
    f->rip = c->rip;
    f->eflags = flags_read(c);
    f->fs_base = c->seg[SEG_FS].base;
    f->gs_base = c->seg[SEG_GS].base;
    f->cr0 = c->cr0;
    f->cr2 = c->cr2;
    f->cr3 = c->cr3;
    f->cr4 = c->cr4;
    f->gdtr_base = c->gdtr.base;
    f->gdtr_limit = c->gdtr.limit;
    f->idtr_base = c->idtr.base;
    f->idtr_limit = c->idtr.limit;
    f->ldtr = c->seg[SEG_LDTR].selector;
    f->ldtr_base = c->seg[SEG_LDTR].base;
    f->tr = c->seg[SEG_TR].selector;
    f->tr_base = c->seg[SEG_TR].base;
#define MSR_ROW(name, number)                                                  \
    if (!msr_read(c, number, &f->name))                                        \
        f->name = 0;
    DEBUG_MSRS(MSR_ROW)
#undef MSR_ROW
}

/* The guest-state area. General registers, vectors and CR2 are not in it: they
 * stay the core's. */
static void fill_guest(const struct cpu *c, struct file *f)
{
    const struct vmcs *s = &c->vmx->vmcs;
    const uint16_t selector[6] = {s->guest_cs_selector, s->guest_ss_selector,
                                  s->guest_ds_selector, s->guest_es_selector,
                                  s->guest_fs_selector, s->guest_gs_selector};
    for (unsigned i = 0; i < 6; i++)
        f->selector[i] = selector[i];
    f->gpr[7] = s->guest_rsp;
    f->rip = s->guest_rip;
    f->eflags = (uint32_t)s->guest_rflags;
    f->fs_base = s->guest_fs_base;
    f->gs_base = s->guest_gs_base;
    f->cr0 = s->guest_cr0;
    f->cr3 = s->guest_cr3;
    f->cr4 = s->guest_cr4;
    f->dr[7] = s->guest_dr7;
    f->gdtr_base = s->guest_gdtr_base;
    f->gdtr_limit = s->guest_gdtr_limit;
    f->idtr_base = s->guest_idtr_base;
    f->idtr_limit = s->guest_idtr_limit;
    f->ldtr = s->guest_ldtr_selector;
    f->ldtr_base = s->guest_ldtr_base;
    f->tr = s->guest_tr_selector;
    f->tr_base = s->guest_tr_base;
    f->sysenter_cs = s->guest_sysenter_cs;
    f->sysenter_esp = s->guest_sysenter_esp;
    f->sysenter_eip = s->guest_sysenter_eip;
    f->debugctl = s->guest_debugctl;
}

/* The host-state area; a VM exit sets RFLAGS to 2. */
static void fill_root(const struct cpu *c, struct file *f)
{
    const struct vmcs *s = &c->vmx->vmcs;
    const uint16_t selector[6] = {s->host_cs_selector, s->host_ss_selector,
                                  s->host_ds_selector, s->host_es_selector,
                                  s->host_fs_selector, s->host_gs_selector};
    for (unsigned i = 0; i < 6; i++)
        f->selector[i] = selector[i];
    f->gpr[7] = s->host_rsp;
    f->rip = s->host_rip;
    f->eflags = FLAG_ONE;
    f->fs_base = s->host_fs_base;
    f->gs_base = s->host_gs_base;
    f->cr0 = s->host_cr0;
    f->cr3 = s->host_cr3;
    f->cr4 = s->host_cr4;
    f->gdtr_base = s->host_gdtr_base;
    f->gdtr_limit = 0xffff;
    f->idtr_base = s->host_idtr_base;
    f->idtr_limit = 0xffff;
    f->tr = s->host_tr_selector;
    f->tr_base = s->host_tr_base;
    f->sysenter_cs = s->host_sysenter_cs;
    f->sysenter_esp = s->host_sysenter_esp;
    f->sysenter_eip = s->host_sysenter_eip;
}

static void fill(struct cpu *c, enum debug_view v, struct file *f)
{
    static const uint8_t order[8] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX,
                                     REG_RSI, REG_RDI, REG_RBP, REG_RSP};
    memset(f, 0, sizeof *f);
    for (unsigned i = 0; i < 16; i++)
        f->gpr[i] = c->gpr[i < 8 ? order[i] : i];
    for (unsigned i = 0; i < 16; i++) {
        memcpy(f->xmm[i], c->v[i].u8, 16);
        memcpy(f->ymmh[i], c->v[i].u8 + 16, 16);
    }
    fill_x87(f, &c->x87);
    f->mxcsr = fpu_mxcsr_read(c);
    f->cr8 = control_read(c, 8);
    f->xcr0 = c->xcr0;
    memcpy(f->dr, c->dr, sizeof f->dr);
    if (!msr_read(c, 0xc0000102, &f->k_gs_base))
        f->k_gs_base = 0;
    fill_own(c, f);
    if (debugger_own_view(c, v) || !debugger_has_view(c, v))
        return;
    if (v == DEBUG_VIEW_GUEST)
        fill_guest(c, f);
    else
        fill_root(c, f);
    f->efer = debugger_view_efer(c, v);
}

unsigned debugger_read_registers(struct cpu *c, enum debug_view v,
                                 uint8_t out[DEBUG_FILE_BYTES])
{
    struct file f;
    unsigned used = 0;
    fill(c, v, &f);
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned bytes = rows[i].r.bits / 8u;
        memcpy(out + used, (const uint8_t *)&f + rows[i].offset, bytes);
        used += bytes;
    }
    return used;
}

/* --- writing --- */

static bool write_rip(struct cpu *c, uint64_t v)
{
    if ((c->mode & MODE_LONG) != 0 ? !segment_canonical(c, v)
                                   : v > c->seg[SEG_CS].limit)
        return false;
    c->rip = v;
    c->rep_active = false;
    return true;
}

static bool write_flags(struct cpu *c, uint32_t v)
{
    const uint32_t writable = FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF |
                              FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_AC |
                              FLAG_VIF | FLAG_VIP | FLAG_ID;
    if (((v ^ flags_read(c)) & ~writable) != 0)
        return false;
    c->eflags = v;
    c->cc_op = CC_NONE;
    cpu_update_mode(c);
    return true;
}

static bool write_cr(struct cpu *c, unsigned number, uint64_t v)
{
    if (number == 2) {
        c->cr2 = v;
        return true;
    }
    struct event kept = c->event;
    bool ok = control_write(c, number, v) != STEP_FAULT;
    c->event = kept;
    return ok;
}

static bool write_dr(struct cpu *c, unsigned number, uint64_t v)
{
    if (number >= 6 && v >> 32 != 0)
        return false;
    if (number == 6)
        v |= DR6_FIXED;
    if (number == 7)
        v |= DR7_FIXED;
    c->dr[number] = v;
    cpu_update_mode(c);
    return true;
}

bool debugger_write_register(struct cpu *c, unsigned index, const uint8_t *in)
{
    if (index >= ROWS)
        return false;
    const struct row *r = &rows[index];
    struct file f;
    unsigned bytes = r->r.bits / 8u;
    fill(c, DEBUG_VIEW_CORE, &f);
    if (memcmp((const uint8_t *)&f + r->offset, in, bytes) == 0)
        return true; /* as it is */
    uint64_t v = 0;
    memcpy(&v, in, bytes < sizeof v ? bytes : sizeof v);
    switch ((enum writer)r->writer) {
    case BY_NONE: return false;
    case BY_GPR: c->gpr[r->number] = v; return true;
    case BY_RIP: return write_rip(c, v);
    case BY_FLAGS: return write_flags(c, (uint32_t)v);
    case BY_VECTOR:
        memcpy(c->v[r->number & 15].u8 + (r->number & 16), in, 16);
        return true;
    case BY_ST:
        memcpy(c->x87.st[((c->x87.fsw >> 11 & 7u) + r->number) & 7].u8, in, 10);
        return true;
    case BY_FCTRL:
        if (v >> 16 != 0)
            return false;
        c->x87.fcw = (uint16_t)v;
        return true;
    case BY_MXCSR:
        if (v >> 16 != 0)
            return false;
        fpu_mxcsr_write(c, (uint32_t)v);
        return true;
    case BY_BASE:
        if (!segment_canonical(c, v))
            return false;
        c->seg[r->number].base = v;
        return true;
    case BY_CR: return write_cr(c, r->number, v);
    case BY_DR: return write_dr(c, r->number, v);
    case BY_MSR: return msr_write(c, r->number, v);
    }
    return false;
}
