/* SPDX-License-Identifier: Apache-2.0
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT. Where the vendors differ the
 * configured one decides: Intel's SYSCALL exists in 64-bit mode only, AMD's
 * SYSENTER outside long mode only. SDM Vol.2; AMD APM Vol.3.
 */
#include "cpu/control.h"
#include "cpu/flags.h"
#include "cpu/segment.h"
#include "cpu/sysinsn.h"

/* Flat segments with fixed rights; nothing is read from memory. */
enum { GPR_R11 = 11 };

/* Access rights. */
enum { CODE64 = 0xa09b, CODE32 = 0xc09b, DATA32 = 0xc093 };

static struct segment flat(uint64_t selector, uint32_t attr, unsigned level)
{
    struct segment s = {.limit = UINT32_MAX};
    s.attr = attr | level << SEG_ATTR_DPL_SHIFT;
    s.selector = (uint16_t)((selector & 0xfffc) | level);
    return s;
}

static bool is_amd(const struct cpu *c)
{
    return c->config.vendor == VENDOR_AMD;
}

static bool syscall_exists(const struct cpu *c)
{
    if ((c->efer & EFER_SCE) == 0 || (c->mode & MODE_PROT) == 0)
        return false;
    return (c->mode & MODE_LONG) != 0 || is_amd(c);
}

enum step sys_syscall(struct cpu *c, const struct uop *u)
{
    (void)u;
    if (!syscall_exists(c))
        return raise_ud(c);
    uint64_t star = c->msr.star;
    uint32_t flags = flags_read(c) & ~(uint32_t)FLAG_RF;
    bool lma = (c->mode & MODE_LMA) != 0;
    c->gpr[REG_RCX] = c->next_rip;
    if (lma) {
        c->gpr[GPR_R11] = flags;
        c->rip = (c->mode & MODE_LONG) != 0 ? c->msr.lstar : c->msr.cstar;
        flags &= ~(uint32_t)c->msr.fmask;
    } else {
        c->rip = (uint32_t)star;
        flags &= ~(uint32_t)(FLAG_IF | FLAG_VM);
    }
    c->eflags = flags | FLAG_ONE;
    c->seg[SEG_CS] = flat(star >> 32, lma ? CODE64 : CODE32, 0);
    c->seg[SEG_SS] = flat((star >> 32) + 8, DATA32, 0);
    c->step_armed = false; /* a TF that FMASK clears makes no trap */
    c->count.syscalls++;
    cpu_update_mode(c);
    return STEP_JUMP;
}

enum step sys_sysret(struct cpu *c, const struct uop *u)
{
    if (!syscall_exists(c))
        return raise_ud(c);
    if (cpu_cpl(c) != 0)
        return raise_gp(c, 0);
    bool wide = sys_size(u) == 8;
    /* AMD takes the bad address at the outer level, when it is fetched. */
    if (wide && !is_amd(c) && !segment_canonical(c, c->gpr[REG_RCX]))
        return raise_gp(c, 0);
    uint64_t base = c->msr.star >> 48;
    if (wide) {
        c->rip = c->gpr[REG_RCX];
        c->seg[SEG_CS] = flat(base + 16, CODE64, 3);
    } else {
        c->rip = (uint32_t)c->gpr[REG_RCX];
        c->seg[SEG_CS] = flat(base, CODE32, 3);
    }
    c->seg[SEG_SS] = flat(base + 8, DATA32, 3);
    if ((c->mode & MODE_LMA) != 0)
        sys_set_flags(c, (uint32_t)c->gpr[GPR_R11] & 0x3c7fd7,
                      UINT32_MAX & ~(uint32_t)FLAG_RF);
    else
        c->eflags |= FLAG_IF;
    c->eflags &= ~(uint32_t)FLAG_RF;
    cpu_update_mode(c);
    return STEP_JUMP;
}

enum step sys_sysenter(struct cpu *c, const struct uop *u)
{
    (void)u;
    bool lma = (c->mode & MODE_LMA) != 0;
    if (lma && is_amd(c))
        return raise_ud(c);
    if ((c->mode & MODE_PROT) == 0 || (c->msr.sysenter_cs & 0xfffc) == 0)
        return raise_gp(c, 0);
    c->eflags = flags_read(c) & ~(uint32_t)(FLAG_VM | FLAG_IF | FLAG_RF);
    uint64_t cs = c->msr.sysenter_cs;
    c->seg[SEG_CS] = flat(cs, lma ? CODE64 : CODE32, 0);
    c->seg[SEG_SS] = flat(cs + 8, DATA32, 0);
    c->rip = lma ? c->msr.sysenter_eip : (uint32_t)c->msr.sysenter_eip;
    c->gpr[REG_RSP] = lma ? c->msr.sysenter_esp : (uint32_t)c->msr.sysenter_esp;
    c->count.syscalls++;
    cpu_update_mode(c);
    return STEP_JUMP;
}

enum step sys_sysexit(struct cpu *c, const struct uop *u)
{
    bool lma = (c->mode & MODE_LMA) != 0, wide = sys_size(u) == 8;
    uint64_t cs = c->msr.sysenter_cs;
    if (lma && is_amd(c))
        return raise_ud(c);
    if ((c->mode & MODE_PROT) == 0 || (cs & 0xfffc) == 0 || cpu_cpl(c) != 0)
        return raise_gp(c, 0);
    uint64_t rip = c->gpr[REG_RDX], rsp = c->gpr[REG_RCX];
    if (wide && !(segment_canonical(c, rip) && segment_canonical(c, rsp)))
        return raise_gp(c, 0);
    c->rip = wide ? rip : (uint32_t)rip;
    c->gpr[REG_RSP] = wide ? rsp : (uint32_t)rsp;
    c->seg[SEG_CS] = flat(cs + (wide ? 32 : 16), wide ? CODE64 : CODE32, 3);
    c->seg[SEG_SS] = flat(cs + (wide ? 40 : 24), DATA32, 3);
    cpu_update_mode(c);
    return STEP_JUMP;
}
