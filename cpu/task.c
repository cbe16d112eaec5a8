/* SPDX-License-Identifier: Apache-2.0
 * Task switches with 16- and 32-bit task state segments. Everything that can
 * refuse a switch is looked at first; then the old state is saved, and what
 * the new TSS holds is loaded whatever it is. Its descriptors are checked
 * last, and what is wrong with them is the new task's exception. The order of
 * checks is that of SDM Vol.3 "Exception Conditions Checked During a Task
 * Switch" (the table's footnote: exact for the P6 family), but for the LDT's
 * presence, which is looked at before selectors are read from it.
 */
#include "cpu/task.h"

#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/flags.h"
#include "cpu/mem.h"
#include "cpu/plant.h"
#include "cpu/vmx/vmx.h"
#include "sim/base/bits.h"

/* Layout of a TSS, SDM Vol.3 "Task-State Segment (TSS)", "16-Bit Task-State
 * Segment (TSS)". General registers begin behind EFLAGS. */
struct tss_format {
    uint8_t width; /* of EIP, EFLAGS and registers */
    uint8_t limit; /* least of an incoming TSS */
    uint8_t ip;    /* first of what the switch saves */
    uint8_t end;   /* behind the last of it */
    uint8_t selectors, selector_step;
    uint8_t segments; /* ES CS SS DS and, in 32-bit TSSs, FS GS */
    uint8_t ldt;
};
static const struct tss_format tss32 = {4, 0x67, 0x20, 0x60, 0x48, 4, 6, 0x60};
static const struct tss_format tss16 = {2, 0x2b, 0x0e, 0x2a, 0x22, 2, 4, 0x2a};

enum { TSS_CR3 = 0x1c, TSS_TRAP = 0x64 };

/* What the new TSS holds. */
struct task_state {
    uint32_t cr3, eip, eflags, gpr[8];
    uint16_t selector[6], ldt;
    bool trap;
};

static const struct tss_format *format_of(unsigned type)
{
    return (type & 8) != 0 ? &tss32 : &tss16;
}

static uint64_t tss_address(const struct segment *tr, unsigned off)
{
    return (uint32_t)(tr->base + off);
}

static bool refuse(struct cpu *c, uint8_t vector, uint16_t sel, uint32_t ext)
{
    raise_error(c, vector, selector_error(sel, ext));
    return false;
}

/* ------------------------------------------------- before the switch */

/* Where the GDT holds the descriptor of the present TSS. */
static uint64_t old_descriptor(const struct cpu *c)
{
    return (uint32_t)(c->gdtr.base + (c->seg[SEG_TR].selector & 0xfff8u));
}

static bool probe(struct cpu *c, uint64_t lin, unsigned len, bool write)
{
    unsigned how = (write ? MMU_WRITE : MMU_READ) | MMU_SYSTEM;
    if (mmu_probe(c->mmu, lin, len, how))
        return true;
    raise_page_fault(c);
    return false;
}

/* Everything that the switch will touch is there. SDM Vol.3 "Task
 * Switching", step 5. */
static bool all_mapped(struct cpu *c, const struct task_switch *t,
                       const struct segment *to, uint64_t descriptor)
{
    const struct segment *tr = &c->seg[SEG_TR];
    const struct tss_format *old = format_of(tr->attr & 0xf);
    const struct tss_format *new = format_of(to->attr & 0xf);
    if (!probe(c, tss_address(tr, old->ip), (unsigned)old->end - old->ip,
               true) ||
        !probe(c, tss_address(to, 0), new->limit + 1u, false))
        return false;
    if (t->cause == TASK_CALL && !probe(c, tss_address(to, 0), 2, true))
        return false;
    if (t->cause != TASK_CALL && !probe(c, old_descriptor(c) + 5, 1, true))
        return false;
    return t->cause == TASK_IRET || probe(c, descriptor + 5, 1, true);
}

/* ------------------------------------------------- saving and loading */

/* Mapped before, so that it cannot fault. */
static void put(struct cpu *c, uint64_t lin, unsigned len, uint64_t v)
{
    bool done = mem_system_write(c, lin, len, &v);
    SIM_ASSERT(done);
}

static uint32_t get(struct cpu *c, const struct segment *tss, unsigned off,
                    unsigned len)
{
    uint32_t v = 0;
    bool done = mem_system_read(c, tss_address(tss, off), len, &v);
    SIM_ASSERT(done);
    return v;
}

/* Slots of selectors keep their upper halves. */
static void save_state(struct cpu *c, const struct task_switch *t)
{
    const struct segment *tr = &c->seg[SEG_TR];
    const struct tss_format *f = format_of(tr->attr & 0xf);
    uint64_t flags = t->flags;
    if (t->cause == TASK_IRET)
        flags &= ~(uint64_t)FLAG_NT;
    unsigned at = f->ip;
    put(c, tss_address(tr, at), f->width, t->rip);
    put(c, tss_address(tr, at += f->width), f->width, flags);
    for (unsigned i = 0; i < 8; i++)
        put(c, tss_address(tr, at += f->width), f->width, c->gpr[i]);
    for (unsigned i = 0; i < f->segments; i++)
        put(c, tss_address(tr, f->selectors + i * f->selector_step), 2,
            c->seg[i].selector);
}

/* The upper halves of registers are undefined after a switch to a 16-bit
 * task; they become ones, as in other emulators. */
static void read_state(struct cpu *c, const struct segment *tss,
                       struct task_state *s)
{
    const struct tss_format *f = format_of(tss->attr & 0xf);
    uint32_t upper = f->width == 2 ? 0xffff0000 : 0;
    unsigned at = f->ip;
    *s = (struct task_state){.eip = get(c, tss, at, f->width)};
    s->eflags = get(c, tss, at += f->width, f->width);
    for (unsigned i = 0; i < 8; i++)
        s->gpr[i] = get(c, tss, at += f->width, f->width) | upper;
    for (unsigned i = 0; i < f->segments; i++)
        s->selector[i] =
            (uint16_t)get(c, tss, f->selectors + i * f->selector_step, 2);
    s->ldt = (uint16_t)get(c, tss, f->ldt, 2);
    if (f->width == 4) {
        s->cr3 = get(c, tss, TSS_CR3, 4);
        s->trap = (get(c, tss, TSS_TRAP, 2) & 1) != 0;
    }
}

/* Busy flags of both descriptors and the back link. */
static void mark_tasks(struct cpu *c, const struct task_switch *t,
                       const struct segment *to, struct descriptor *d)
{
    if (t->cause != TASK_CALL && !PLANTED(c, PLANT_SYS_TASK_BUSY)) {
        uint8_t access;
        bool done = mem_system_read(c, old_descriptor(c) + 5, 1, &access);
        SIM_ASSERT(done);
        put(c, old_descriptor(c) + 5, 1, access & ~2u);
    }
    if (t->cause == TASK_CALL)
        put(c, tss_address(to, 0), 2, c->seg[SEG_TR].selector);
    if (t->cause != TASK_IRET) {
        bool done = descriptor_set_busy(c, d, true);
        SIM_ASSERT(done);
    }
}

static bool late(struct cpu *c)
{
    c->event.late = true;
    return false;
}

/* A 16-bit TSS has no CR3. An equal one flushes nothing: SDM Vol.3
 * "Operations that Invalidate TLBs and Paging-Structure Caches". */
static bool load_cr3(struct cpu *c, uint64_t cr3)
{
    if ((c->cr0 & CR0_PG) == 0 || cr3 == c->cr3)
        return true;
    if ((c->cr4 & CR4_PAE) != 0) {
        uint64_t pdpte[4];
        if (!mmu_load_pdptes(c->mmu, cr3, pdpte)) {
            raise_gp(c, 0);
            return false;
        }
        for (unsigned i = 0; i < 4; i++)
            c->pdpte[i] = pdpte[i];
    }
    c->cr3 = cr3;
    cpu_update_mode(c);
    mmu_flush_pcid(c->mmu, control_pcid(c), FLUSH_TASK_SWITCH);
    engine_reset_fetch(c);
    return true;
}

/* Registers as the TSS gives them. Segment registers hold their selectors
 * and are unusable until their descriptors are loaded; without a stack the
 * level is 3, so that a handler brings its own. */
static void load_registers(struct cpu *c, const struct task_switch *t,
                           const struct task_state *s)
{
    enum {
        LOADED = FLAG_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL |
                 FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF | FLAG_VIP |
                 FLAG_ID
    };
    for (unsigned i = 0; i < 8; i++)
        c->gpr[i] = s->gpr[i];
    c->rip = s->eip;
    c->cc_op = 0;
    c->eflags = (s->eflags & LOADED) | FLAG_ONE;
    if (t->cause == TASK_CALL)
        c->eflags |= FLAG_NT;
    c->rf_insn = c->account.instructions;
    for (unsigned i = SEG_ES; i <= SEG_GS; i++)
        c->seg[i] = segment_null(s->selector[i], i == SEG_SS ? 3 : 0);
    c->seg[SEG_LDTR] = segment_null(s->ldt, 0);
    c->cr0 |= CR0_TS;
    c->dr[7] &= ~UINT64_C(0x155); /* local enables */
}

/* ------------------------------------------------- in the new task */

static bool load_ldt(struct cpu *c, uint16_t sel, uint32_t ext)
{
    struct descriptor d;
    if (selector_is_null(sel))
        return true;
    if ((sel & 4) != 0)
        return refuse(c, EXC_TS, sel, ext);
    if (!descriptor_read(c, sel, EXC_TS, ext, &d))
        return false;
    if (!descriptor_is_system(&d) || descriptor_type(&d) != SYS_LDT ||
        !descriptor_present(&d))
        return refuse(c, EXC_TS, sel, ext);
    c->seg[SEG_LDTR] = segment_from(&d);
    return true;
}

/* Type and level of the code segment; its presence comes later. */
static bool check_code(struct cpu *c, uint16_t sel, uint32_t ext,
                       struct descriptor *d)
{
    if (!descriptor_read(c, sel, EXC_TS, ext, d))
        return false;
    unsigned dpl = descriptor_dpl(d), rpl = sel & 3u;
    bool conforming = (descriptor_type(d) & TYPE_CONFORMING) != 0;
    if (!descriptor_is_code(d) || (conforming ? dpl > rpl : dpl != rpl))
        return refuse(c, EXC_TS, sel, ext);
    return true;
}

static bool check_stack(struct cpu *c, uint16_t sel, unsigned cpl, uint32_t ext,
                        struct descriptor *d)
{
    if (!descriptor_read(c, sel, EXC_TS, ext, d))
        return false;
    if (descriptor_is_system(d) || descriptor_is_code(d) ||
        (descriptor_type(d) & TYPE_WRITE) == 0)
        return refuse(c, EXC_TS, sel, ext);
    if (!descriptor_present(d))
        return refuse(c, EXC_SS, sel, ext);
    if (descriptor_dpl(d) != cpl)
        return refuse(c, EXC_TS, sel, ext);
    return true;
}

/* A good stack is loaded whatever the code segment is, so that a handler of
 * the same level finds one. */
static bool load_code_and_stack(struct cpu *c, const struct task_state *s,
                                uint32_t ext)
{
    struct descriptor cs, ss;
    unsigned cpl = s->selector[SEG_CS] & 3u;
    bool code = check_code(c, s->selector[SEG_CS], ext, &cs);
    struct event first = c->event;
    bool level = (s->selector[SEG_SS] & 3u) == cpl;
    if (!check_stack(c, s->selector[SEG_SS], cpl, ext, &ss) ||
        !descriptor_set_accessed(c, &ss)) {
        if (code)
            return false;
    } else if (level) {
        c->seg[SEG_SS] = segment_from(&ss);
    }
    if (!code) {
        c->event = first;
        return false;
    }
    if (!descriptor_present(&cs))
        return refuse(c, EXC_NP, s->selector[SEG_CS], ext);
    if (!descriptor_set_accessed(c, &cs))
        return false;
    c->seg[SEG_CS] = segment_from(&cs);
    return level || refuse(c, EXC_TS, s->selector[SEG_SS], ext);
}

static bool load_data(struct cpu *c, unsigned seg, uint16_t sel, unsigned cpl,
                      uint32_t ext)
{
    struct descriptor d;
    if (selector_is_null(sel))
        return true;
    if (!descriptor_read(c, sel, EXC_TS, ext, &d))
        return false;
    unsigned type = descriptor_type(&d), dpl = descriptor_dpl(&d);
    bool code = descriptor_is_code(&d);
    if (descriptor_is_system(&d) || (code && (type & TYPE_READ) == 0))
        return refuse(c, EXC_TS, sel, ext);
    if (!descriptor_present(&d))
        return refuse(c, EXC_NP, sel, ext);
    bool conforming = code && (type & TYPE_CONFORMING) != 0;
    if (!conforming && ((sel & 3u) > dpl || cpl > dpl))
        return refuse(c, EXC_TS, sel, ext);
    if (!descriptor_set_accessed(c, &d))
        return false;
    c->seg[seg] = segment_from(&d);
    return true;
}

static bool load_segments(struct cpu *c, const struct task_state *s,
                          uint32_t ext)
{
    static const uint8_t data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    if (!load_ldt(c, s->ldt, ext))
        return false;
    if ((c->eflags & FLAG_VM) != 0) {
        segment_set_v86(c, s->selector);
        return true;
    }
    if (!load_code_and_stack(c, s, ext))
        return false;
    unsigned cpl = s->selector[SEG_CS] & 3u;
    for (unsigned i = 0; i < sizeof data; i++)
        if (!load_data(c, data[i], s->selector[data[i]], cpl, ext))
            return false;
    return true;
}

/* ------------------------------------------------- the switch */

/* A guest switches no tasks. Whether the exit or a fault of the two TSSs'
 * pages comes first is the implementation's choice: SDM Vol.3 "Treatment of
 * Task Switches". */
static bool exit_instead(struct cpu *c, const struct task_switch *t,
                         uint16_t selector)
{
    static const uint8_t source[] = {[TASK_JUMP] = VMX_TASK_JUMP,
                                     [TASK_CALL] = VMX_TASK_CALL,
                                     [TASK_IRET] = VMX_TASK_IRET};
    unsigned from = t->gate ? VMX_TASK_GATE : source[t->cause];
    (void)vmx_exit_task_switch(c, selector, (enum vmx_task_source)from,
                               !t->hardware);
    return false;
}

bool task_switch(struct cpu *c, const struct task_switch *t,
                 struct descriptor *tss)
{
    const struct segment *tr = &c->seg[SEG_TR];
    struct segment to = segment_from(tss);
    const struct tss_format *old = format_of(tr->attr & 0xf);
    if (to.limit < format_of(to.attr & 0xf)->limit)
        return refuse(c, EXC_TS, tss->selector, t->ext);
    if (UNLIKELY(c->vmx_guest))
        return exit_instead(c, t, tss->selector);
    if (tr->limit < old->end - 1u)
        return refuse(c, EXC_TS, tr->selector, t->ext);
    if (!all_mapped(c, t, &to, tss->lin))
        return false;
    struct task_state s;
    if (c->config.timing != TIMING_OFF)
        cycles_charge(&c->account, LEAF_BRANCH,
                      c->config.cost.cycles[COST_TASK_SWITCH]);
    save_state(c, t);
    read_state(c, &to, &s);
    mark_tasks(c, t, &to, tss);
    to.attr |= 2; /* busy */
    c->seg[SEG_TR] = to;
    load_registers(c, t, &s);
    bool ok = (format_of(to.attr & 0xf)->width == 2 || load_cr3(c, s.cr3)) &&
              load_segments(c, &s, t->ext);
    if (ok && s.trap)
        c->pending_dr6 |= DR6_BT;
    cpu_update_mode(c);
    return ok || late(c);
}

bool task_switch_by_selector(struct cpu *c, const struct task_switch *t,
                             uint16_t sel)
{
    bool back = t->cause == TASK_IRET;
    uint8_t vector = back ? EXC_TS : EXC_GP;
    struct descriptor d;
    if ((sel & 4) != 0)
        return refuse(c, vector, sel, t->ext);
    if (!descriptor_read(c, sel, vector, t->ext, &d))
        return false;
    unsigned type = descriptor_type(&d);
    bool is = type == SYS_TSS_AVAIL || type == SYS_TSS16_AVAIL;
    if (back)
        is = type == SYS_TSS_BUSY || type == SYS_TSS16_BUSY;
    if (!descriptor_is_system(&d) || !is)
        return refuse(c, vector, sel, t->ext);
    if (!descriptor_present(&d))
        return refuse(c, EXC_NP, sel, t->ext);
    return task_switch(c, t, &d);
}

bool task_entry_ok(struct cpu *c, uint32_t ext)
{
    if (c->rip <= c->seg[SEG_CS].limit)
        return true;
    raise_gp(c, ext);
    return late(c);
}

/* The back link is the first word of the TSS. */
enum step task_return(struct cpu *c)
{
    struct task_switch t = {.cause = TASK_IRET,
                            .rip = c->next_rip,
                            .flags = flags_read(c) & ~(uint64_t)FLAG_RF};
    const struct segment *tr = &c->seg[SEG_TR];
    uint16_t link;
    if (tr->limit < 1)
        return raise_error(c, EXC_TS, selector_error(tr->selector, 0));
    if (!mem_system_read(c, tss_address(tr, 0), 2, &link))
        return STEP_FAULT;
    if (!task_switch_by_selector(c, &t, link) || !task_entry_ok(c, 0))
        return STEP_FAULT;
    return STEP_JUMP;
}

bool task_push_error(struct cpu *c, uint32_t error, uint32_t ext)
{
    struct stack s = stack_current(c);
    uint64_t v = error;
    s.error = ext;
    bool wide = (c->seg[SEG_TR].attr & 8) != 0;
    if (!stack_push(c, &s, &v, 1, wide ? 4 : 2))
        return late(c);
    stack_commit(c, &s);
    return true;
}
