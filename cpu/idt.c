/* SPDX-License-Identifier: Apache-2.0
 * One event through its gate: IA-32e, 32-bit and 16-bit protected-mode gates
 * and the real-mode vector table; task gates lead to cpu/task.c.
 * SDM Vol.3 "Interrupt and Exception Handling", Vol.2 "INT n".
 */
#include "cpu/idt.h"

#include "cpu/flags.h"
#include "cpu/mem.h"
#include "cpu/plant_system.h"
#include "cpu/segment.h"
#include "cpu/task.h"
#include "sim/base/bits.h"

/* Everything about one delivery that its steps share. */
struct delivery {
    const struct event *e;
    uint32_t ext;   /* EXT bit of nested error codes */
    uint64_t ret;   /* RIP to push */
    uint64_t flags; /* image to push */
    unsigned type;  /* of the gate */
    unsigned ist;
    uint16_t selector;
    uint64_t offset;
    struct descriptor target;
    unsigned cpl; /* at the handler */
    struct stack stack;
    bool switched; /* to an inner stack: SS and RSP are pushed */
};

/* RF of the image: set for faults so that the retried instruction does not
 * hit its own breakpoint again; SDM Vol.3 "Instruction-Breakpoint Exception
 * Condition". #DB faults keep the present value. */
static uint64_t flags_image(struct cpu *c, const struct event *e,
                            bool interrupt)
{
    uint64_t f = flags_read(c) & ~(uint64_t)FLAG_RF;
    if ((c->eflags & FLAG_RF) != 0 && c->account.instructions <= c->rf_insn)
        f |= FLAG_RF;
    /* Between two iterations of a repeated string instruction RF is set. */
    if ((interrupt || e->trap) && c->rep_active)
        f |= FLAG_RF;
    bool fault = !interrupt && !e->software && !e->trap && !e->injected &&
                 e->vector != EXC_DB;
    return fault ? f | FLAG_RF : f;
}

static uint32_t gate_error(const struct delivery *d)
{
    return (uint32_t)d->e->vector << 3 | 2 | d->ext;
}

static bool refuse(struct cpu *c, uint8_t vector, uint32_t error)
{
    raise_error(c, vector, error);
    return false;
}

/* DPL and presence, in this order. INT1 is not checked. */
static bool check_gate(struct cpu *c, const struct delivery *d,
                       const struct descriptor *g)
{
    if (d->e->software && descriptor_dpl(g) < cpu_cpl(c))
        return refuse(c, EXC_GP, gate_error(d));
    if (!descriptor_present(g))
        return refuse(c, EXC_NP, gate_error(d));
    return true;
}

static bool read_gate64(struct cpu *c, struct delivery *d)
{
    uint32_t at = (uint32_t)d->e->vector * 16;
    struct descriptor g = {0};
    uint64_t raw[2];
    if (at + 15 > c->idtr.limit)
        return refuse(c, EXC_GP, gate_error(d));
    if (!mem_system_read(c, c->idtr.base + at, 16, raw))
        return false;
    g.lo = raw[0];
    g.hi = raw[1];
    d->type = descriptor_type(&g);
    if (!descriptor_is_system(&g) ||
        (d->type != SYS_INT && d->type != SYS_TRAP))
        return refuse(c, EXC_GP, gate_error(d));
    if (!check_gate(c, d, &g))
        return false;
    d->ist = (unsigned)(g.lo >> 32) & 7;
    d->selector = (uint16_t)(g.lo >> 16);
    d->offset = bits_get(g.lo, 15, 0) | bits_get(g.lo, 63, 48) << 16 |
                bits_get(g.hi, 31, 0) << 32;
    return true;
}

static bool read_gate32(struct cpu *c, struct delivery *d)
{
    uint32_t at = (uint32_t)d->e->vector * 8;
    struct descriptor g = {0};
    if (at + 7 > c->idtr.limit)
        return refuse(c, EXC_GP, gate_error(d));
    if (!mem_system_read(c, (uint32_t)(c->idtr.base + at), 8, &g.lo))
        return false;
    d->type = descriptor_type(&g);
    bool known = d->type == SYS_TASK_GATE || d->type == SYS_INT16 ||
                 d->type == SYS_TRAP16 || d->type == SYS_INT ||
                 d->type == SYS_TRAP;
    if (!descriptor_is_system(&g) || !known)
        return refuse(c, EXC_GP, gate_error(d));
    if (!check_gate(c, d, &g))
        return false;
    d->selector = (uint16_t)(g.lo >> 16);
    d->offset = bits_get(g.lo, 15, 0);
    if (d->type == SYS_INT || d->type == SYS_TRAP)
        d->offset |= bits_get(g.lo, 63, 48) << 16;
    return true;
}

/* The handler's code segment and privilege level. */
static bool check_target(struct cpu *c, struct delivery *d)
{
    struct descriptor *cs = &d->target;
    uint32_t error = selector_error(d->selector, d->ext);
    if (selector_is_null(d->selector))
        return refuse(c, EXC_GP, d->ext);
    if (!descriptor_read(c, d->selector, EXC_GP, d->ext, cs))
        return false;
    unsigned cpl = cpu_cpl(c), dpl = descriptor_dpl(cs);
    bool conforming = (descriptor_type(cs) & TYPE_CONFORMING) != 0;
    if (!descriptor_is_code(cs) || dpl > cpl)
        return refuse(c, EXC_GP, error);
    /* Virtual-8086 mode is left for level 0 alone. */
    if ((c->mode & MODE_V86) != 0 && (conforming || dpl != 0))
        return refuse(c, EXC_GP, error);
    if ((c->mode & MODE_LMA) != 0 &&
        (!descriptor_is_long(cs) || descriptor_is_big(cs)))
        return refuse(c, EXC_GP, error);
    if (!descriptor_present(cs))
        return refuse(c, EXC_NP, error);
    d->cpl = conforming ? cpl : dpl;
    d->switched = d->cpl < cpl;
    return true;
}

static bool choose_stack(struct cpu *c, struct delivery *d)
{
    if (d->switched || d->ist != 0) {
        if (!stack_from_tss(c, d->cpl, d->ist, d->ext, &d->stack))
            return false;
        /* An IST entry without a change of level keeps SS, and its accesses
         * are ordinary ones of that level. */
        if (!d->switched) {
            d->stack.ss = c->seg[SEG_SS];
            d->stack.access = 0;
        }
    } else {
        d->stack = stack_current(c);
        d->stack.error = d->ext;
    }
    if ((c->mode & MODE_LMA) != 0) {
        d->stack.flat64 = true;
        if (!PLANTED(c, SYS_PLANT_FRAME_ALIGN))
            d->stack.sp &= ~UINT64_C(15);
    }
    return true;
}

/* Pushed, then null, when an event leaves virtual-8086 mode: in protected
 * mode their contents would mean something else. */
static const uint8_t v86_pushed[] = {SEG_GS, SEG_FS, SEG_DS, SEG_ES};

static bool check_offset(struct cpu *c, const struct delivery *d)
{
    bool ok = (c->mode & MODE_LMA) != 0
                  ? segment_canonical(c, d->offset)
                  : d->offset <= segment_from(&d->target).limit;
    return ok || refuse(c, EXC_GP, d->ext);
}

static unsigned frame_item(const struct cpu *c, const struct delivery *d)
{
    if ((c->mode & MODE_LMA) != 0)
        return 8;
    return d->type == SYS_INT || d->type == SYS_TRAP ? 4 : 2;
}

/* Room for the frame, and then where the handler begins. */
static bool check_frame(struct cpu *c, const struct delivery *d)
{
    bool lma = (c->mode & MODE_LMA) != 0;
    unsigned n = (lma || d->switched ? 5u : 3u) + (d->e->has_error ? 1u : 0);
    if ((c->mode & MODE_V86) != 0)
        n += sizeof v86_pushed;
    return stack_has_room(c, &d->stack, n, frame_item(c, d)) &&
           check_offset(c, d);
}

static bool push_frame(struct cpu *c, struct delivery *d)
{
    uint64_t v[10];
    unsigned n = 0, size = frame_item(c, d);
    bool lma = (c->mode & MODE_LMA) != 0;
    if ((c->mode & MODE_V86) != 0)
        for (unsigned i = 0; i < sizeof v86_pushed; i++)
            v[n++] = c->seg[v86_pushed[i]].selector;
    if (lma || d->switched) {
        v[n++] = c->seg[SEG_SS].selector;
        v[n++] = c->gpr[REG_RSP];
    }
    v[n++] = d->flags;
    v[n++] = c->seg[SEG_CS].selector;
    v[n++] = d->ret;
    if (d->e->has_error)
        v[n++] = d->e->error;
    return stack_push(c, &d->stack, v, n, size);
}

/* The handler is a task. SDM Vol.2 "INT n", TASK-GATE. */
static bool deliver_task(struct cpu *c, const struct delivery *d)
{
    struct task_switch t = {.cause = TASK_CALL,
                            .gate = true,
                            .hardware = !d->e->software,
                            .ext = d->ext,
                            .rip = d->ret,
                            .flags = d->flags};
    return task_switch_by_selector(c, &t, d->selector) &&
           (!d->e->has_error || task_push_error(c, d->e->error, d->ext)) &&
           task_entry_ok(c, d->ext);
}

static bool deliver_protected(struct cpu *c, struct delivery *d)
{
    bool lma = (c->mode & MODE_LMA) != 0;
    if (!(lma ? read_gate64(c, d) : read_gate32(c, d)))
        return false;
    if (!lma && d->type == SYS_TASK_GATE)
        return deliver_task(c, d);
    if (!check_target(c, d) || !choose_stack(c, d) || !check_frame(c, d) ||
        !push_frame(c, d) || !descriptor_set_accessed(c, &d->target) ||
        !stack_set_accessed(c, &d->stack))
        return false;
    if (d->switched)
        c->seg[SEG_SS] = d->stack.ss;
    if ((c->mode & MODE_V86) != 0)
        for (unsigned i = 0; i < sizeof v86_pushed; i++)
            c->seg[v86_pushed[i]] = segment_null(0, 0);
    if (lma)
        c->gpr[REG_RSP] = d->stack.sp;
    else
        stack_commit(c, &d->stack);
    struct segment cs = segment_from(&d->target);
    segment_set_cs(c, &cs, d->cpl);
    c->rip = d->offset;
    c->eflags &= ~(uint32_t)(FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM);
    if (d->type == SYS_INT || d->type == SYS_INT16)
        c->eflags &= ~(uint32_t)FLAG_IF;
    return true;
}

/* SDM Vol.3 "Interrupt and Exception Handling" of "8086 Emulation". No error
 * codes are pushed. */
static bool deliver_real(struct cpu *c, struct delivery *d)
{
    uint32_t at = (uint32_t)d->e->vector * 4;
    uint16_t entry[2];
    if (at + 3 > c->idtr.limit) {
        raise_gp(c, gate_error(d));
        return false;
    }
    if (!mem_system_read(c, (uint32_t)(c->idtr.base + at), 4, entry))
        return false;
    d->stack = stack_current(c);
    uint64_t v[3] = {d->flags & 0xffff, c->seg[SEG_CS].selector, d->ret};
    if (!stack_push(c, &d->stack, v, 3, 2))
        return false;
    stack_commit(c, &d->stack);
    segment_set_real_cs(c, entry[1]);
    c->rip = entry[0];
    c->eflags &= ~(uint32_t)(FLAG_IF | FLAG_TF | FLAG_RF | FLAG_AC);
    return true;
}

bool idt_deliver(struct cpu *c, const struct event *e, bool interrupt)
{
    struct delivery d = {.e = e, .ext = e->software ? 0 : 1};
    if (PLANTED(c, SYS_PLANT_EXT))
        d.ext = 0;
    d.ret = e->software || e->trap ? c->next_rip : c->rip;
    d.flags = flags_image(c, e, interrupt);
    if ((c->mode & MODE_PROT) == 0)
        return deliver_real(c, &d);
    return deliver_protected(c, &d);
}
