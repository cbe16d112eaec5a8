/* SPDX-License-Identifier: Apache-2.0
 * System instructions that do not transfer control: segment registers and
 * descriptor tables, MSRs, the time-stamp counter, invalidation. Privilege
 * that the mode key shows was checked at translation. SDM Vol.2.
 */
#include "cpu/sysinsn.h"

#include "cpu/control.h"
#include "cpu/cpuid.h"
#include "cpu/flags.h"
#include "cpu/int_callout.h"
#include "cpu/msr.h"
#include "cpu/plant_system.h"
#include "cpu/pmc.h"
#include "cpu/reset.h"
#include "cpu/segment.h"
#include "cpu/trace.h"
#include "cpu/vmx/vmx.h"
#include "cpu/xlat.h"
#include "sim/base/bits.h"

#include <string.h>

/* --------------------------------------------------------------- operands */

uint64_t sys_read_reg(const struct cpu *c, unsigned off, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, (const uint8_t *)c->gpr + off, size);
    return v;
}

void sys_write_reg(struct cpu *c, unsigned off, unsigned size, uint64_t v)
{
    if (size == 4)
        REG(uint64_t, c, off) = (uint32_t)v;
    else
        memcpy((uint8_t *)c->gpr + off, &v, size);
}

bool sys_read_rm(struct cpu *c, const struct uop *u, unsigned size, uint64_t *v)
{
    if ((u->aux & SYS_MEM) == 0) {
        *v = sys_read_reg(c, u->dst, size);
        return true;
    }
    if (!mem_load_slow(c, u, uop_ea(c, u), size, false))
        return false;
    *v = c->slow.u64[0];
    return true;
}

bool sys_write_rm(struct cpu *c, const struct uop *u, unsigned size, uint64_t v)
{
    if ((u->aux & SYS_MEM) == 0) {
        sys_write_reg(c, u->dst, size, v);
        return true;
    }
    c->slow.u64[0] = v;
    return mem_store_slow(c, u, uop_ea(c, u), size, false);
}

void sys_set_flags(struct cpu *c, uint32_t value, uint32_t mask)
{
    uint32_t old = flags_read(c);
    c->eflags = (old & ~mask) | (value & mask) | FLAG_ONE;
    c->cc_op = 0;
    if ((mask & FLAG_RF) != 0)
        c->rf_insn = c->account.instructions;
}

/* ------------------------------------------------------ segment registers */

/* Interrupts and debug traps wait until after the next instruction. */
static void begin_ss_shadow(struct cpu *c)
{
    c->shadow_mov_ss = true;
    c->shadow_insn = c->account.instructions;
}

enum step sys_mov_to_sreg(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (!sys_read_rm(c, u, 2, &v) || !segment_load(c, u->src, (uint16_t)v))
        return STEP_FAULT;
    if (u->src == SEG_SS)
        begin_ss_shadow(c);
    cpu_update_mode(c);
    return STEP_NEXT;
}

enum step sys_mov_from_sreg(struct cpu *c, const struct uop *u)
{
    uint64_t sel = c->seg[u->src].selector;
    unsigned size = (u->aux & SYS_MEM) != 0 ? 2 : sys_size(u);
    return sys_write_rm(c, u, size, sel) ? STEP_NEXT : STEP_FAULT;
}

/* The selector is pushed zero-extended; the manual also allows a store of 16
 * bits below a full decrement. */
enum step sys_push_sreg(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v = c->seg[u->src].selector;
    if (!stack_push(c, &s, &v, 1, sys_size(u)))
        return STEP_FAULT;
    stack_commit(c, &s);
    return STEP_NEXT;
}

enum step sys_pop_sreg(struct cpu *c, const struct uop *u)
{
    struct stack s = stack_current(c);
    uint64_t v;
    if (!stack_pop(c, &s, &v, 1, sys_size(u)) ||
        !segment_load(c, u->src, (uint16_t)v))
        return STEP_FAULT;
    stack_commit(c, &s);
    if (u->src == SEG_SS)
        begin_ss_shadow(c);
    cpu_update_mode(c);
    return STEP_NEXT;
}

/* LDS, LES, LFS, LGS, LSS: an offset, then the selector. */
enum step sys_load_far(struct cpu *c, const struct uop *u)
{
    unsigned size = 1u << (u->aux & OFFSET_LG);
    uint64_t offset, sel;
    if (!int_load_part(c, u, 0, size, &offset) ||
        !int_load_part(c, u, size, 2, &sel) ||
        !segment_load(c, u->src, (uint16_t)sel))
        return STEP_FAULT;
    sys_write_reg(c, u->dst, size, offset);
    cpu_update_mode(c);
    return STEP_NEXT;
}

/* ------------------------------------------------------ descriptor tables */

/* Limit and base are two operands: each by itself is within the segment. */
static enum step load_table(struct cpu *c, const struct uop *u,
                            struct descriptor_table *t)
{
    unsigned bytes = (c->mode & MODE_LONG) != 0 ? 8 : 4;
    uint64_t limit, base;
    if (!int_load_part(c, u, 0, 2, &limit) ||
        !int_load_part(c, u, 2, bytes, &base))
        return STEP_FAULT;
    if (bytes == 8 && !segment_canonical_register(c, base))
        return raise_gp(c, 0);
    if (bytes == 4 && (u->aux & OFFSET_LG) == 1)
        base &= 0xffffff;
    t->base = base;
    t->limit = (uint16_t)limit;
    return STEP_NEXT;
}

enum step sys_lgdt(struct cpu *c, const struct uop *u)
{
    return load_table(c, u, &c->gdtr);
}

enum step sys_lidt(struct cpu *c, const struct uop *u)
{
    return load_table(c, u, &c->idtr);
}

/* All base bits are stored whatever the operand size. */
static enum step store_table(struct cpu *c, const struct uop *u,
                             const struct descriptor_table *t)
{
    unsigned bytes = (c->mode & MODE_LONG) != 0 ? 8 : 4;
    if (!int_store_part(c, u, 2, bytes, t->base, false) ||
        !int_store_part(c, u, 0, 2, t->limit, true) ||
        !int_store_part(c, u, 2, bytes, t->base, true))
        return STEP_FAULT;
    return STEP_NEXT;
}

enum step sys_sgdt(struct cpu *c, const struct uop *u)
{
    return store_table(c, u, &c->gdtr);
}

enum step sys_sidt(struct cpu *c, const struct uop *u)
{
    return store_table(c, u, &c->idtr);
}

static enum step store_word(struct cpu *c, const struct uop *u, uint64_t v)
{
    unsigned size = (u->aux & SYS_MEM) != 0 ? 2 : sys_size(u);
    return sys_write_rm(c, u, size, v) ? STEP_NEXT : STEP_FAULT;
}

enum step sys_smsw(struct cpu *c, const struct uop *u)
{
    return store_word(c, u, c->vmx_guest ? vmx_read_cr(c, 0) : c->cr0);
}

enum step sys_sldt(struct cpu *c, const struct uop *u)
{
    return store_word(c, u, c->seg[SEG_LDTR].selector);
}

enum step sys_str(struct cpu *c, const struct uop *u)
{
    return store_word(c, u, c->seg[SEG_TR].selector);
}

enum step sys_lldt(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (!sys_read_rm(c, u, 2, &v) || !segment_load_ldtr(c, (uint16_t)v))
        return STEP_FAULT;
    return STEP_NEXT;
}

enum step sys_ltr(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (!sys_read_rm(c, u, 2, &v) || !segment_load_tr(c, (uint16_t)v))
        return STEP_FAULT;
    return STEP_NEXT;
}

/* ----------------------------------------------- LAR LSL VERR VERW ARPL */

static void set_zf(struct cpu *c, bool on)
{
    uint32_t f = flags_arith(c) & ~(uint32_t)FLAG_ZF;
    flags_set_arith(c, on ? f | FLAG_ZF : f);
}

/* The selector may be used at CPL and its RPL, or is a conforming code
 * segment, whose privilege is not checked. */
static bool visible(const struct cpu *c, const struct descriptor *d)
{
    unsigned dpl = descriptor_dpl(d);
    if (descriptor_is_code(d) && (descriptor_type(d) & TYPE_CONFORMING) != 0)
        return true;
    return dpl >= cpu_cpl(c) && dpl >= (d->selector & 3u);
}

/* System types that LAR (LSL) knows, as bits; in IA-32e mode fewer. */
static bool type_listed(const struct cpu *c, const struct descriptor *d,
                        bool lsl)
{
    bool lma = (c->mode & MODE_LMA) != 0;
    uint32_t types = lsl ? 0x0a0e : 0x1a3e;
    if (lma)
        types = lsl ? 0x0a04 : 0x1a04;
    if (PLANTED(c, SYS_PLANT_LAR_TYPES))
        types |= lsl ? 0 : 0xc000;
    return !descriptor_is_system(d) || (types >> descriptor_type(d) & 1) != 0;
}

/* System descriptors are 16 bytes in IA-32e mode and their upper half must
 * be there and have type 0; the first half tells which it is. */
static bool peek(struct cpu *c, uint16_t sel, bool *found, struct descriptor *d)
{
    if (!descriptor_peek(c, sel, false, found, d))
        return false;
    if (*found && descriptor_is_system(d) && (c->mode & MODE_LMA) != 0) {
        if (!descriptor_peek(c, sel, true, found, d))
            return false;
        *found = *found && bits_get(d->hi, 44, 40) == 0;
    }
    return true;
}

/* Bits 19:16, the limit's, are undefined in the manual; processors give
 * them. */
enum step sys_lar(struct cpu *c, const struct uop *u)
{
    uint64_t sel;
    bool found;
    struct descriptor d;
    if (!sys_read_rm(c, u, 2, &sel) || !peek(c, (uint16_t)sel, &found, &d))
        return STEP_FAULT;
    bool ok = found && visible(c, &d) && type_listed(c, &d, false);
    if (ok)
        sys_write_reg(c, u->src, sys_size(u), d.lo >> 32 & 0x00ffff00);
    set_zf(c, ok);
    return STEP_NEXT;
}

enum step sys_lsl(struct cpu *c, const struct uop *u)
{
    uint64_t sel;
    bool found;
    struct descriptor d;
    if (!sys_read_rm(c, u, 2, &sel) || !peek(c, (uint16_t)sel, &found, &d))
        return STEP_FAULT;
    bool ok = found && visible(c, &d) && type_listed(c, &d, true);
    if (ok)
        sys_write_reg(c, u->src, sys_size(u), segment_from(&d).limit);
    set_zf(c, ok);
    return STEP_NEXT;
}

static enum step verify(struct cpu *c, const struct uop *u, bool write)
{
    uint64_t sel;
    bool found;
    struct descriptor d;
    if (!sys_read_rm(c, u, 2, &sel) ||
        !descriptor_peek(c, (uint16_t)sel, false, &found, &d))
        return STEP_FAULT;
    bool ok = found && !descriptor_is_system(&d) && visible(c, &d);
    unsigned type = ok ? descriptor_type(&d) : 0;
    if (write)
        ok = ok && (type & (TYPE_CODE | TYPE_WRITE)) == TYPE_WRITE;
    else
        ok = ok && ((type & TYPE_CODE) == 0 || (type & TYPE_READ) != 0);
    set_zf(c, ok);
    return STEP_NEXT;
}

enum step sys_verr(struct cpu *c, const struct uop *u)
{
    return verify(c, u, false);
}

enum step sys_verw(struct cpu *c, const struct uop *u)
{
    return verify(c, u, true);
}

enum step sys_arpl(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    if (!sys_read_rm(c, u, 2, &v))
        return STEP_FAULT;
    uint64_t rpl = sys_read_reg(c, u->src, 2) & 3;
    bool raise = (v & 3) < rpl;
    if (raise && !sys_write_rm(c, u, 2, (v & ~UINT64_C(3)) | rpl))
        return STEP_FAULT;
    set_zf(c, raise);
    return STEP_NEXT;
}

/* ------------------------------------------------------ interrupts, HLT */

enum step sys_cli(struct cpu *c, const struct uop *u)
{
    (void)u;
    c->eflags &= ~(uint32_t)FLAG_IF;
    return STEP_NEXT;
}

enum step sys_sti(struct cpu *c, const struct uop *u)
{
    (void)u;
    if ((c->eflags & FLAG_IF) == 0) {
        c->eflags |= FLAG_IF;
        c->shadow_sti = true;
        c->shadow_mov_ss = false; /* one that covers STI ends with it */
        c->shadow_insn = c->account.instructions;
        cpu_update_single(c);
    }
    return STEP_NEXT;
}

enum step sys_hlt(struct cpu *c, const struct uop *u)
{
    (void)u;
    c->activity = ACTIVITY_HLT;
    c->rip = c->next_rip;
    return STEP_AGAIN;
}

/* -------------------------------------------------- MSRs, counters, CPUID */

static void write_edx_eax(struct cpu *c, uint64_t v)
{
    c->gpr[REG_RAX] = (uint32_t)v;
    c->gpr[REG_RDX] = v >> 32;
}

enum step sys_rdmsr(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    (void)u;
    if (UNLIKELY(c->vmx_guest)) {
        bool done;
        enum step s = vmx_rdmsr(c, (uint32_t)c->gpr[REG_RCX], &done);
        if (s != STEP_NEXT || done)
            return s;
    }
    if (!msr_read(c, (uint32_t)c->gpr[REG_RCX], &v))
        return raise_gp(c, 0);
    TRACE(c, MSR, "rdmsr", (uint32_t)c->gpr[REG_RCX], v);
    write_edx_eax(c, v);
    return STEP_NEXT;
}

enum step sys_wrmsr(struct cpu *c, const struct uop *u)
{
    (void)u;
    uint64_t v = (uint32_t)c->gpr[REG_RAX] | c->gpr[REG_RDX] << 32;
    if (UNLIKELY(c->vmx_guest)) {
        bool done;
        enum step s = vmx_wrmsr(c, (uint32_t)c->gpr[REG_RCX], v, &done);
        if (s != STEP_NEXT || done)
            return s;
    }
    TRACE(c, MSR, "wrmsr", (uint32_t)c->gpr[REG_RCX], v);
    if (!msr_write(c, (uint32_t)c->gpr[REG_RCX], v))
        return c->unmodelled ? STEP_FAULT : raise_gp(c, 0);
    return STEP_NEXT;
}

enum step sys_rdpmc(struct cpu *c, const struct uop *u)
{
    uint64_t v;
    (void)u;
    if (!pmc_read(c, (uint32_t)c->gpr[REG_RCX], &v))
        return raise_gp(c, 0);
    write_edx_eax(c, v);
    return STEP_NEXT;
}

/* What RDTSC returns. */
static uint64_t visible_tsc(const struct cpu *c)
{
    uint64_t tsc = cpu_tsc(c);
    return UNLIKELY(c->vmx_guest) ? vmx_guest_tsc(c, tsc) : tsc;
}

enum step sys_rdtsc(struct cpu *c, const struct uop *u)
{
    (void)u;
    write_edx_eax(c, visible_tsc(c));
    return STEP_NEXT;
}

enum step sys_rdtscp(struct cpu *c, const struct uop *u)
{
    (void)u;
    write_edx_eax(c, visible_tsc(c));
    c->gpr[REG_RCX] = (uint32_t)c->msr.tsc_aux;
    return STEP_NEXT;
}

enum step sys_cpuid(struct cpu *c, const struct uop *u)
{
    uint32_t out[4], leaf = (uint32_t)c->gpr[REG_RAX];
    (void)u;
    cpuid_leaf(c, leaf, (uint32_t)c->gpr[REG_RCX], out);
    if (leaf == 1) /* loads the revision: Vol.3 "Microcode Update Facilities" */
        c->msr.bios_sign_id = UINT64_C(1) << 32;
    c->gpr[REG_RAX] = out[CPUID_EAX];
    c->gpr[REG_RBX] = out[CPUID_EBX];
    c->gpr[REG_RCX] = out[CPUID_ECX];
    c->gpr[REG_RDX] = out[CPUID_EDX];
    return STEP_NEXT;
}

enum step sys_rdpid(struct cpu *c, const struct uop *u)
{
    REG(uint64_t, c, u->dst) = (uint32_t)c->msr.tsc_aux;
    return STEP_NEXT;
}

/* -------------------------------------------------------- protection keys */

enum step sys_rdpkru(struct cpu *c, const struct uop *u)
{
    (void)u;
    if ((c->cr4 & CR4_PKE) == 0)
        return raise_ud(c);
    if ((uint32_t)c->gpr[REG_RCX] != 0)
        return raise_gp(c, 0);
    write_edx_eax(c, c->pkru);
    return STEP_NEXT;
}

enum step sys_wrpkru(struct cpu *c, const struct uop *u)
{
    (void)u;
    if ((c->cr4 & CR4_PKE) == 0)
        return raise_ud(c);
    if ((uint32_t)c->gpr[REG_RCX] != 0 || (uint32_t)c->gpr[REG_RDX] != 0)
        return raise_gp(c, 0);
    c->pkru = (uint32_t)c->gpr[REG_RAX];
    if (!PLANTED(c, PLANT_SYS_WRPKRU_STALE))
        cpu_update_mode(c);
    return STEP_NEXT;
}

/* --------------------------------------------------------- direct stores */

/* 64 bytes from the uop's address to ES:register, aligned, in one store. */
enum step sys_movdir64b(struct cpu *c, const struct uop *u)
{
    uint64_t to;
    uint64_t offset = sys_read_reg(c, u->dst, u->aux);
    if (!mem_linear(c, SEG_ES, offset, 64, true, &to))
        return STEP_FAULT;
    if ((to & 63) != 0 ||
        ((c->mode & MODE_LONG) != 0 && !segment_canonical(c, to)))
        return raise_gp(c, 0);
    if (!mem_load_slow(c, u, uop_ea(c, u), 64, false) ||
        !mem_store_slow(c, u, to, 64, false))
        return STEP_FAULT;
    return STEP_NEXT;
}

/* ----------------------------------------------------------- invalidation */

/* A non-canonical address is not an error: nothing to invalidate. */
enum step sys_invlpg(struct cpu *c, const struct uop *u)
{
    uint64_t lin = uop_ea(c, u);
    TRACE(c, INVALIDATE, "invlpg", lin, control_pcid(c));
    if (segment_canonical(c, lin))
        mmu_flush_page(c->mmu, lin, control_pcid(c), true, FLUSH_INVLPG);
    engine_reset_fetch(c);
    return STEP_NEXT;
}

/* src: the register with the type, dst unused; the descriptor is 16 bytes
 * of memory. SDM Vol.2 "INVPCID". */
enum step sys_invpcid(struct cpu *c, const struct uop *u)
{
    enum { ADDRESS, CONTEXT, ALL_GLOBAL, ALL };
    unsigned size = (c->mode & MODE_LONG) != 0 ? 8 : 4;
    uint64_t type = sys_read_reg(c, u->src, size);
    if (!mem_load_slow(c, u, uop_ea(c, u), 16, false))
        return STEP_FAULT;
    uint64_t pcid = c->slow.u64[0], lin = c->slow.u64[1];
    if (type > ALL || pcid >> 12 != 0)
        return raise_gp(c, 0);
    if (type <= CONTEXT && (c->cr4 & CR4_PCIDE) == 0 && pcid != 0)
        return raise_gp(c, 0);
    TRACE(c, INVALIDATE, "invpcid", type, pcid, lin);
    if (type == ADDRESS) {
        if (!segment_canonical_register(c, lin))
            return raise_gp(c, 0);
        mmu_flush_page(c->mmu, lin, (uint16_t)pcid, false, FLUSH_INVPCID);
    } else if (type == CONTEXT) {
        mmu_flush_pcid(c->mmu, (uint16_t)pcid, FLUSH_INVPCID);
    } else {
        mmu_flush_all(c->mmu, type == ALL_GLOBAL, FLUSH_INVPCID);
    }
    engine_reset_fetch(c);
    return STEP_NEXT;
}

/* INVD too: dropping modified lines cannot be told from writing them back
 * where RAM always holds the newest bytes. */
enum step sys_wbinvd(struct cpu *c, const struct uop *u)
{
    (void)u;
    mmu_wbinvd(c->mmu);
    engine_reset_fetch(c);
    return STEP_NEXT;
}

/* ---------------------------------------------------- FS and GS base */

enum step sys_swapgs(struct cpu *c, const struct uop *u)
{
    (void)u;
    uint64_t base = c->seg[SEG_GS].base;
    c->seg[SEG_GS].base = c->msr.kernel_gs_base;
    c->msr.kernel_gs_base = base;
    return STEP_NEXT;
}

enum step sys_rdbase(struct cpu *c, const struct uop *u)
{
    sys_write_reg(c, u->dst, sys_size(u), c->seg[u->src].base);
    return STEP_NEXT;
}

enum step sys_wrbase(struct cpu *c, const struct uop *u)
{
    uint64_t v = sys_read_reg(c, u->dst, sys_size(u));
    if (!segment_canonical(c, v))
        return raise_gp(c, 0);
    c->seg[u->src].base = v;
    return STEP_NEXT;
}
