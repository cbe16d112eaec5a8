/* SPDX-License-Identifier: Apache-2.0
 * Virtual-8086 mode and virtual interrupts. SDM Vol.3 "8086 Emulation", Vol.2
 * "CLI", "STI", "PUSHF", "POPF", "INT n", "IRET".
 */
#include "cpu/v86.h"

#include "cpu/control.h"
#include "cpu/flags.h"
#include "cpu/idt.h"
#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/sysinsn.h"
#include "cpu/vmx/vmx.h"

static bool is_v86(const struct cpu *c)
{
    return (c->mode & MODE_V86) != 0;
}

static bool iopl_is_3(const struct cpu *c)
{
    return (c->eflags & FLAG_IOPL) == FLAG_IOPL;
}

/* --- the way in: "Entering Virtual-8086 Mode" --- */

enum step v86_enter(struct cpu *c, struct stack *s, const uint64_t popped[3],
                    uint32_t mask)
{
    enum { ESP, SS, ES, DS, FS, GS, WORDS };
    uint64_t v[WORDS];
    if (!stack_pop(c, s, v, WORDS, 4))
        return STEP_FAULT;
    c->seg[SEG_CS] = segment_v86((uint16_t)popped[1]);
    c->seg[SEG_SS] = segment_v86((uint16_t)v[SS]);
    c->seg[SEG_ES] = segment_v86((uint16_t)v[ES]);
    c->seg[SEG_DS] = segment_v86((uint16_t)v[DS]);
    c->seg[SEG_FS] = segment_v86((uint16_t)v[FS]);
    c->seg[SEG_GS] = segment_v86((uint16_t)v[GS]);
    c->gpr[REG_RSP] = (uint32_t)v[ESP];
    c->rip = popped[0] & 0xffff;
    sys_set_flags(c, (uint32_t)popped[2], mask | FLAG_VM);
    cpu_update_mode(c);
    return STEP_JUMP;
}

/* --- FLAGS --- */

enum v86_flags v86_flags_access(const struct cpu *c, unsigned size)
{
    if (iopl_is_3(c))
        return V86_PLAIN;
    return size == 2 && (c->cr4 & CR4_VME) != 0 ? V86_VIRTUAL : V86_REFUSED;
}

uint32_t v86_flags_image(struct cpu *c)
{
    uint32_t f = flags_read(c) & 0xffff & ~(uint32_t)FLAG_IF;
    if ((c->eflags & FLAG_VIF) != 0)
        f |= FLAG_IF;
    return f | FLAG_ONE | FLAG_IOPL;
}

bool v86_flags_bad(struct cpu *c, uint32_t flags)
{
    bool pending = (flags & FLAG_IF) != 0 && (c->eflags & FLAG_VIP) != 0;
    if (!pending && (flags & FLAG_TF) == 0)
        return false;
    raise_gp(c, 0);
    return true;
}

void v86_set_vif(struct cpu *c, bool on)
{
    c->eflags &= ~(uint32_t)FLAG_VIF;
    if (on)
        c->eflags |= FLAG_VIF;
}

/* CR4 lets VIF stand for IF: VME in virtual-8086 mode, PVI at level 3 of
 * protected mode. */
static bool virtual_if(const struct cpu *c)
{
    if (cpu_cpl(c) != 3)
        return false;
    return (c->cr4 & (is_v86(c) ? CR4_VME : CR4_PVI)) != 0;
}

bool v86_interrupt_waits(const struct cpu *c)
{
    const uint32_t both = FLAG_VIF | FLAG_VIP;
    return (c->eflags & both) == both && virtual_if(c);
}

enum step v86_cli(struct cpu *c, const struct uop *u)
{
    if (is_v86(c) && iopl_is_3(c))
        return sys_cli(c, u);
    if (!virtual_if(c))
        return raise_gp(c, 0);
    v86_set_vif(c, false);
    return STEP_NEXT;
}

enum step v86_sti(struct cpu *c, const struct uop *u)
{
    if (is_v86(c) && iopl_is_3(c))
        return sys_sti(c, u);
    if (!virtual_if(c) || (c->eflags & FLAG_VIP) != 0)
        return raise_gp(c, 0);
    v86_set_vif(c, true);
    return STEP_NEXT;
}

/* --- INT n: "Software Interrupt Handling in Virtual-8086 Mode" --- */

/* The vector's bit of the redirection bitmap, the 32 bytes below the I/O
 * bitmap. False: c->event is valid. */
static bool redirection_bit(struct cpu *c, uint8_t vector, bool *set)
{
    enum { IO_MAP_BASE = 102, BITMAP_BYTES = 32 };
    const struct segment *tr = &c->seg[SEG_TR];
    uint16_t map;
    uint8_t byte;
    if (tr->limit < IO_MAP_BASE + 1) {
        raise_gp(c, 0);
        return false;
    }
    if (!mem_system_read(c, (uint32_t)(tr->base + IO_MAP_BASE), 2, &map))
        return false;
    uint32_t at = (uint32_t)map - BITMAP_BYTES + vector / 8u;
    if (at > tr->limit) {
        raise_gp(c, 0);
        return false;
    }
    if (!mem_system_read(c, (uint32_t)(tr->base + at), 1, &byte))
        return false;
    *set = (byte >> (vector & 7) & 1) != 0;
    return true;
}

/* Methods 5 and 6: through the 8086 program's own vector table at linear
 * address 0, as in real mode. */
static enum step redirect(struct cpu *c, uint8_t vector)
{
    uint16_t entry[2];
    bool own = iopl_is_3(c);
    uint32_t image = own ? flags_read(c) & 0xffff : v86_flags_image(c);
    uint64_t v[3] = {image, c->seg[SEG_CS].selector, c->next_rip};
    struct stack s = stack_current(c);
    if (!mem_system_read(c, vector * 4u, 4, entry) ||
        !stack_push(c, &s, v, 3, 2))
        return STEP_FAULT;
    stack_commit(c, &s);
    c->seg[SEG_CS] = segment_v86(entry[1]);
    c->rip = entry[0];
    c->eflags &= ~(uint32_t)(FLAG_TF | FLAG_RF | (own ? FLAG_IF : FLAG_VIF));
    c->shadow_sti = false;
    c->shadow_mov_ss = false;
    c->step_armed = false; /* as after any INT n */
    cpu_update_mode(c);
    return STEP_JUMP;
}

enum step v86_int(struct cpu *c, uint8_t vector)
{
    bool set = true; /* without CR4.VME all go to the monitor */
    if ((c->cr4 & CR4_VME) != 0 && !redirection_bit(c, vector, &set))
        return STEP_FAULT;
    if (!set)
        return redirect(c, vector);
    if (!iopl_is_3(c) && !PLANTED(c, PLANT_V86_INT_IOPL))
        return raise_gp(c, 0);
    return event_software(c, vector, INTR_SOFT_INTERRUPT);
}
