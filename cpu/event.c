/* SPDX-License-Identifier: Apache-2.0
 * Guest events: recording them, the double-fault rules, and what happens at
 * an instruction boundary. The gates themselves are cpu/idt.c's.
 * SDM Vol.3 "Interrupt and Exception Handling".
 */
#include "cpu/event.h"

#include "cpu/debug.h"
#include "cpu/idt.h"
#include "cpu/lapic.h"
#include "cpu/lbr.h"
#include "cpu/plant.h"
#include "cpu/reset.h"
#include "cpu/segment.h"
#include "cpu/trace.h"
#include "cpu/v86.h"
#include "cpu/vmx/vmx.h"
#include "cpu/wait.h"

#include <stdio.h>
#include <string.h>

enum step raise_exception(struct cpu *c, uint8_t vector)
{
    c->event = (struct event){.valid = true, .vector = vector};
    return STEP_FAULT;
}

enum step raise_error(struct cpu *c, uint8_t vector, uint32_t error)
{
    c->event = (struct event){
        .valid = true, .vector = vector, .has_error = true, .error = error};
    return STEP_FAULT;
}

enum step raise_page_fault(struct cpu *c)
{
    const struct mmu_fault *f = mmu_fault(c->mmu);
    if (UNLIKELY(f->kind != MMU_FAULT_PAGE))
        return vmx_memory_event(c, f);
    c->event = (struct event){.valid = true,
                              .vector = EXC_PF,
                              .has_error = true,
                              .error = f->error_code,
                              .cr2 = f->address};
    return STEP_FAULT;
}

/* The bytes at CS:RIP in hexadecimal, up to the end of the page. */
static void describe_bytes(struct cpu *c, char *out, size_t size)
{
    uint64_t lin = c->rip;
    if ((c->mode & MODE_LONG) == 0)
        lin = (uint32_t)(lin + c->seg[SEG_CS].base);
    uint64_t page;
    const uint8_t *host;
    struct event kept = c->event;
    bool ok = mmu_fetch_peek(c->mmu, lin, &page, &host) && host != NULL;
    c->event = kept;
    if (!ok) {
        snprintf(out, size, "unreadable");
        return;
    }
    size_t at = lin & (PAGE_SIZE - 1), used = 0;
    for (size_t i = 0; i < 8 && at + i < PAGE_SIZE && used < size; i++)
        used += (size_t)snprintf(out + used, size - used,
                                 i == 0 ? "%02x" : " %02x", host[at + i]);
}

enum step raise_unmodelled(struct cpu *c, const char *what)
{
    char bytes[40];
    describe_bytes(c, bytes, sizeof bytes);
    snprintf(c->stop_reason, sizeof c->stop_reason,
             "not modelled: %s at %04x:%016llx (bytes %s)", what,
             (unsigned)c->seg[SEG_CS].selector, (unsigned long long)c->rip,
             bytes);
    c->unmodelled = true;
    c->event.valid = false;
    event_notify(c);
    return STEP_FAULT;
}

static void enter_shutdown(struct cpu *c, const struct event *first)
{
    if (c->vmx_guest) {
        struct vmx_exit x = {.reason = REASON_TRIPLE_FAULT};
        c->vmx->vectoring = 0; /* it is no exit during delivery */
        vmx_exit(c, &x);
        return;
    }
    char bytes[40];
    describe_bytes(c, bytes, sizeof bytes);
    snprintf(c->stop_reason, sizeof c->stop_reason,
             "triple fault: vector %u could not be delivered at "
             "%04x:%016llx (error %x, CR2 %016llx, RSP %016llx, bytes %s)",
             (unsigned)first->vector, (unsigned)c->seg[SEG_CS].selector,
             (unsigned long long)c->rip, (unsigned)first->error,
             (unsigned long long)c->cr2, (unsigned long long)c->gpr[REG_RSP],
             bytes);
    c->activity = ACTIVITY_SHUTDOWN;
    c->event.valid = false;
    event_notify(c);
}

/* Classes of SDM Vol.3 "Interrupt and Exception Classes"; interrupts,
 * software events and traps are benign whatever their vector. */
enum severity { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum severity class_of(const struct event *e, bool interrupt)
{
    if (interrupt || e->software || e->trap)
        return BENIGN;
    switch (e->vector) {
    case EXC_DE:
    case EXC_TS:
    case EXC_NP:
    case EXC_SS:
    case EXC_GP: return CONTRIBUTORY;
    case EXC_VE:
    case EXC_PF: return PAGE_FAULT;
    case EXC_DF: return DOUBLE_FAULT;
    default: return BENIGN;
    }
}

/* What `second`, met while delivering one of class `first`, turns into.
 * SDM Vol.3 "Conditions for Generating a Double Fault". */
static bool makes_double_fault(enum severity first, enum severity second)
{
    return (first == CONTRIBUTORY && second == CONTRIBUTORY) ||
           (first == PAGE_FAULT &&
            (second == CONTRIBUTORY || second == PAGE_FAULT));
}

/* State that an exception changes whether or not its delivery succeeds. */
static void note_exception(struct cpu *c, const struct event *e)
{
    if (e->vector == EXC_PF && e->has_error)
        c->cr2 = e->cr2;
    if (e->vector == EXC_DB && !e->software) {
        /* B0-B3 are the newest exception's, the others stay: SDM Vol.3 "Debug
         * Status Register (DR6)". */
        c->dr[6] = (c->dr[6] & ~UINT64_C(0xf)) | e->dr6;
        c->dr[7] &= ~DR7_GD;
        /* SDM Vol.3 "Monitoring Branches, Exceptions, and Interrupts",
         * "Single-Stepping on Branches". */
        c->msr.debugctl &= ~(uint64_t)(DEBUGCTL_LBR | DEBUGCTL_BTF);
    }
}

/* Events in a row without a retired instruction: handlers that fault at
 * their first instruction. A real processor loops until it is reset. */
enum { STORM_EVENTS = 1 << 22 };

/* Events met while one is delivered, which on a real processor may go on for
 * ever too: an alignment check whose handler's stack is misaligned. */
enum { NESTED_EVENTS = 1 << 10 };

static bool storm(struct cpu *c)
{
    if (c->storm_insn != c->account.instructions) {
        c->storm_insn = c->account.instructions;
        c->storm_events = 0;
    }
    return ++c->storm_events >= STORM_EVENTS;
}

static void stop_storm(struct cpu *c, const struct event *e, unsigned events)
{
    snprintf(c->stop_reason, sizeof c->stop_reason,
             "exception loop: vector %u at %04x:%016llx, %u events without "
             "an instruction",
             (unsigned)e->vector, (unsigned)c->seg[SEG_CS].selector,
             (unsigned long long)c->rip, events);
    c->activity = ACTIVITY_SHUTDOWN;
    c->event.valid = false;
    event_notify(c);
}

/* How an event comes to be delivered. */
struct origin {
    bool interrupt; /* NMI or external */
    bool nmi;
    uint32_t info;   /* injected by VM entry: its interruption information */
    uint32_t length; /* of the instruction of a software event */
};

/* In VMX non-root operation an exception may exit instead; `plain`: it is
 * one that the processor found, not one that VM entry injects. True: the
 * exit was made. Else the delivery is noted for IDT-vectoring information. */
static bool leaves_guest(struct cpu *c, const struct event *e,
                         const struct origin *o, bool plain)
{
    struct vmx_exit x;
    if (plain && !o->interrupt && vmx_takes_exception(c, e, &x)) {
        vmx_exit(c, &x);
        return true;
    }
    uint32_t info = plain ? vmx_event_info(e, o->interrupt, o->nmi) : o->info;
    vmx_vectoring(c, info, e, o->length);
    return false;
}

/* The delivery of e met c->event: what is delivered next. False: nothing. */
static bool escalate(struct cpu *c, struct event *e, struct origin *o,
                     const struct event *first)
{
    struct vmx_exit x;
    /* The exception bitmap is asked before the two are put together: SDM
     * Vol.3 "Instructions That Cause VM Exits" and "Information for VM Exits
     * That Occur During Event Delivery". */
    if (c->vmx_guest && vmx_takes_exception(c, &c->event, &x)) {
        c->event.valid = false;
        vmx_exit(c, &x);
        return false;
    }
    enum severity was = class_of(e, o->interrupt);
    enum severity now = class_of(&c->event, false);
    if (was == DOUBLE_FAULT && now != BENIGN) {
        note_exception(c, &c->event);
        enter_shutdown(c, first);
        return false;
    }
    if (makes_double_fault(was, now)) {
        note_exception(c, &c->event);
        raise_error(c, EXC_DF, 0);
        c->vmx->vectoring = 0; /* an exit by #DF is not during delivery */
    }
    *e = c->event;
    *o = (struct origin){0};
    c->event.valid = false;
    c->count.exceptions++;
    return true;
}

static void settle(struct cpu *c, uint64_t from)
{
    c->event.valid = false;
    c->shadow_sti = false;
    c->shadow_mov_ss = false;
    c->step_armed = false;
    if (UNLIKELY(c->vmx_guest)) {
        c->vmx->vectoring = 0;
        c->vmx->nmi_unblocked_by_iret = false;
        c->vmx->mtf_pending = (c->vmx->proc & PROC_MTF) != 0;
    }
    if (c->activity == ACTIVITY_MWAIT)
        wait_end(c);
    if (c->activity == ACTIVITY_HLT || c->activity == ACTIVITY_GUEST_SHUTDOWN)
        c->activity = ACTIVITY_RUN;
    cpu_update_mode(c);
    if (UNLIKELY(lbr_on(c)))
        lbr_event(c, from, lbr_linear(c, c->rip));
}

static void deliver(struct cpu *c, struct event e, struct origin o)
{
    struct event first = e;
    uint64_t from = lbr_linear(c, c->rip);
    bool plain = !e.injected;
    unsigned nested = 0;
    if (storm(c)) {
        stop_storm(c, &e, STORM_EVENTS);
        return;
    }
    /* Time passes in functional mode too, or such a loop has no end. */
    cycles_charge(&c->account, LEAF_INTERRUPT,
                  c->config.timing != TIMING_OFF
                      ? c->config.cost.cycles[COST_INTERRUPT]
                      : 1);
    c->event.valid = false;
    for (;;) {
        if (c->vmx_guest && leaves_guest(c, &e, &o, plain))
            return;
        if (!o.interrupt && plain)
            note_exception(c, &e);
        plain = true;
        TRACE(c, INTERRUPT,
              o.nmi         ? "nmi"
              : o.interrupt ? "interrupt"
                            : "exception",
              e.vector, e.has_error ? e.error : 0,
              e.vector == EXC_PF ? e.cr2 : 0);
        if (idt_deliver(c, &e, o.interrupt))
            break;
        if (c->unmodelled)
            return;
        if (c->event.exit) {
            vmx_exit(c, &c->vmx->exit);
            return;
        }
        if (!escalate(c, &e, &o, &first))
            return;
        if (++nested == NESTED_EVENTS) {
            stop_storm(c, &e, NESTED_EVENTS);
            return;
        }
    }
    settle(c, from);
}

void event_deliver(struct cpu *c)
{
    if (c->unmodelled || !c->event.valid)
        return;
    if (UNLIKELY(c->event.exit)) {
        vmx_exit(c, &c->vmx->exit);
        return;
    }
    c->count.exceptions++;
    /* The faulting instruction will run again and find its data
     * breakpoints again. */
    if (!c->event.software && !c->event.trap)
        c->pending_dr6 = 0;
    deliver(c, c->event, (struct origin){0});
}

void event_inject(struct cpu *c, const struct event *e, uint32_t info,
                  uint32_t length)
{
    uint32_t type = info >> INTR_TYPE_SHIFT & 7;
    struct event injected = *e;
    struct origin o = {.info = info, .length = length};
    o.nmi = type == INTR_NMI;
    o.interrupt = o.nmi || type == INTR_EXTERNAL;
    injected.injected = true;
    deliver(c, injected, o);
}

void event_interrupt(struct cpu *c, uint8_t vector, bool nmi)
{
    struct event e = {.valid = true, .vector = vector};
    c->count.interrupts++;
    if (nmi && !PLANTED(c, PLANT_SYS_NMI_UNBLOCKED))
        c->nmi_blocked = true;
    deliver(c, e, (struct origin){.interrupt = true, .nmi = nmi});
}

/* ------------------------------------------------ instruction boundaries */

/* In the order of SDM Vol.3 "Priority Among Concurrent Events". */
enum boundary {
    BOUNDARY_NOTHING,
    BOUNDARY_INIT,
    BOUNDARY_SIPI,
    BOUNDARY_TRAP,
    BOUNDARY_NMI,
    BOUNDARY_APIC,
    BOUNDARY_EXTINT,
    BOUNDARY_BREAKPOINT,
    BOUNDARY_VIRTUAL,
    BOUNDARY_WAKE, /* MWAIT or its like is over without an event */
    BOUNDARY_VMX,  /* from here: + enum vmx_boundary */
};

static bool in_shadow(const struct cpu *c, bool flag)
{
    return flag && c->account.instructions <= c->shadow_insn;
}

/* The single-step trap is due when an instruction that began with TF set
 * has completed, or an iteration of a repeated one has. */
static bool step_due(const struct cpu *c)
{
    if (!c->step_armed)
        return false;
    if ((c->msr.debugctl & DEBUGCTL_BTF) != 0)
        return c->branched && c->account.instructions > c->step_insn;
    return c->account.instructions > c->step_insn || c->rep_active;
}

/* EFLAGS.RF lasts for one instruction. */
static bool rf_in_force(const struct cpu *c)
{
    return (c->eflags & FLAG_RF) != 0 && c->account.instructions <= c->rf_insn;
}

/* A maskable interrupt that waits, whoever may take it. */
static enum boundary requested(const struct cpu *c)
{
    if (lapic_pending(c) >= 0)
        return BOUNDARY_APIC;
    return c->intr_line && lapic_accepts_extint(c) ? BOUNDARY_EXTINT
                                                   : BOUNDARY_NOTHING;
}

static enum boundary next_interrupt(const struct cpu *c)
{
    if (in_shadow(c, c->shadow_sti) || in_shadow(c, c->shadow_mov_ss))
        return BOUNDARY_NOTHING;
    bool open = (c->eflags & FLAG_IF) != 0;
    if (UNLIKELY(c->vmx_guest)) {
        enum vmx_boundary v = vmx_above_interrupts(c, open);
        if (v != VMX_BOUNDARY_NONE)
            return (enum boundary)(BOUNDARY_VMX + v);
        if (c->activity == ACTIVITY_GUEST_SHUTDOWN)
            return BOUNDARY_NOTHING;
        /* EFLAGS.IF does not hold back those that exit. */
        open = open || (c->vmx->pin & PIN_EXTERNAL_INTERRUPT) != 0;
    }
    return open ? requested(c) : BOUNDARY_NOTHING;
}

/* In VMX root operation an INIT signal waits until VMXOFF; so it does in the
 * wait-for-SIPI state of a guest. */
static bool init_due(const struct cpu *c)
{
    if (!c->init_pending || !c->vmx->on)
        return c->init_pending;
    return c->vmx_guest && c->activity != ACTIVITY_WAIT_SIPI;
}

static enum boundary next_boundary(const struct cpu *c)
{
    if (c->activity == ACTIVITY_SHUTDOWN || c->unmodelled)
        return BOUNDARY_NOTHING;
    if (init_due(c))
        return BOUNDARY_INIT;
    if (c->activity == ACTIVITY_WAIT_SIPI)
        return c->sipi_pending ? BOUNDARY_SIPI : BOUNDARY_NOTHING;
    if (c->activity == ACTIVITY_MWAIT && wait_over(c))
        return BOUNDARY_WAKE;
    bool mov_ss = in_shadow(c, c->shadow_mov_ss);
    enum vmx_boundary v = VMX_BOUNDARY_NONE;
    if (UNLIKELY(c->vmx_guest))
        v = vmx_above_traps(c);
    if (UNLIKELY(v != VMX_BOUNDARY_NONE))
        return (enum boundary)(BOUNDARY_VMX + v);
    if (!mov_ss && (c->pending_dr6 != 0 || step_due(c)))
        return BOUNDARY_TRAP;
    if (UNLIKELY(c->vmx_guest))
        v = vmx_above_nmi(c);
    if (UNLIKELY(v != VMX_BOUNDARY_NONE))
        return (enum boundary)(BOUNDARY_VMX + v);
    /* The manual leaves it to the processor whether STI holds NMIs back:
     * Vol.2 "STI". It does here, as before an NMI window. */
    if (!mov_ss && c->nmi_pending && !c->nmi_blocked &&
        !in_shadow(c, c->shadow_sti))
        return BOUNDARY_NMI;
    enum boundary b = next_interrupt(c);
    if (b != BOUNDARY_NOTHING)
        return b;
    if (c->activity == ACTIVITY_RUN && (c->mode & MODE_SINGLE) != 0 &&
        (c->dr[7] & 0xff) != 0 && !mov_ss && !rf_in_force(c) &&
        debug_instruction_match(c, lbr_linear(c, c->rip)) != 0)
        return BOUNDARY_BREAKPOINT;
    if (c->activity == ACTIVITY_RUN && v86_interrupt_waits(c))
        return BOUNDARY_VIRTUAL;
    return BOUNDARY_NOTHING;
}

/* True when a one-instruction state has run out or TF waits to be armed. */
static bool needs_upkeep(const struct cpu *c)
{
    if (c->activity != ACTIVITY_RUN)
        return false;
    bool tf = (c->eflags & FLAG_TF) != 0;
    return (c->shadow_sti && !in_shadow(c, c->shadow_sti)) ||
           (c->shadow_mov_ss && !in_shadow(c, c->shadow_mov_ss)) ||
           ((c->eflags & FLAG_RF) != 0 && !rf_in_force(c)) ||
           (tf != c->step_armed) || step_due(c);
}

/* Runs before an instruction begins, so TF is looked at here. */
static void upkeep(struct cpu *c)
{
    c->shadow_sti = in_shadow(c, c->shadow_sti);
    c->shadow_mov_ss = in_shadow(c, c->shadow_mov_ss);
    if (!rf_in_force(c))
        c->eflags &= ~(uint32_t)FLAG_RF;
    c->step_armed = (c->eflags & FLAG_TF) != 0;
    c->step_insn = c->account.instructions;
    cpu_update_single(c);
}

bool event_pending(const struct cpu *c)
{
    return next_boundary(c) != BOUNDARY_NOTHING || needs_upkeep(c);
}

static void deliver_trap(struct cpu *c)
{
    struct event e = {.valid = true, .vector = EXC_DB};
    bool step = step_due(c) && !PLANTED(c, PLANT_SYS_DR6_NO_BS);
    e.dr6 = c->pending_dr6 | (step ? DR6_BS : 0);
    c->pending_dr6 = 0;
    c->step_armed = false;
    c->count.exceptions++;
    /* c->rip is the next instruction's already, and RF is not set in the
     * image of a trap: deliver as one. */
    e.trap = true;
    c->next_rip = c->rip;
    deliver(c, e, (struct origin){0});
}

static void deliver_breakpoint(struct cpu *c)
{
    struct event e = {.valid = true, .vector = EXC_DB};
    e.dr6 = debug_instruction_match(c, lbr_linear(c, c->rip));
    c->count.exceptions++;
    deliver(c, e, (struct origin){0});
}

static void deliver_extint(struct cpu *c)
{
    uint8_t vector = c->wiring.inta.acknowledge(c->wiring.inta.self);
    event_interrupt(c, vector, false);
}

static void take_init(struct cpu *c)
{
    if (c->vmx_guest)
        vmx_take_init(c);
    else
        cpu_init_signal(c);
}

static void take_sipi(struct cpu *c)
{
    if (c->vmx_guest)
        vmx_take_sipi(c);
    else
        cpu_startup(c);
}

static void take_nmi(struct cpu *c)
{
    if (c->vmx_guest && (c->vmx->pin & PIN_NMI) != 0) {
        vmx_take_nmi(c);
        return;
    }
    c->nmi_pending = false;
    event_interrupt(c, EXC_NMI, true);
}

static void take_interrupt(struct cpu *c, bool apic)
{
    if (!apic && c->wiring.inta.acknowledge == NULL) {
        c->intr_line = false;
        return;
    }
    if (c->vmx_guest && (c->vmx->pin & PIN_EXTERNAL_INTERRUPT) != 0)
        vmx_take_external(c, apic);
    else if (apic)
        event_interrupt(c, lapic_acknowledge(c), false);
    else
        deliver_extint(c);
}

bool event_boundary(struct cpu *c)
{
    enum boundary b = next_boundary(c);
    switch (b) {
    case BOUNDARY_INIT: take_init(c); return true;
    case BOUNDARY_SIPI: take_sipi(c); return true;
    case BOUNDARY_TRAP: deliver_trap(c); break;
    case BOUNDARY_NMI: take_nmi(c); break;
    case BOUNDARY_APIC: take_interrupt(c, true); break;
    case BOUNDARY_EXTINT: take_interrupt(c, false); break;
    case BOUNDARY_BREAKPOINT: deliver_breakpoint(c); break;
    case BOUNDARY_WAKE: wait_end(c); break;
    case BOUNDARY_VIRTUAL:
        raise_gp(c, 0);
        event_deliver(c);
        break;
    case BOUNDARY_NOTHING: break;
    case BOUNDARY_VMX:
    default: vmx_take_boundary(c, (enum vmx_boundary)(b - BOUNDARY_VMX)); break;
    }
    if (c->activity == ACTIVITY_RUN && needs_upkeep(c))
        upkeep(c);
    return b != BOUNDARY_NOTHING;
}

enum step event_software(struct cpu *c, uint8_t vector, uint8_t how)
{
    bool int1 = how == INTR_PRIVILEGED;
    struct event e = {.valid = true,
                      .vector = vector,
                      .software = !int1,
                      .trap = int1,
                      .how = how};
    /* What a MOV SS held back goes along: one exception, not two. */
    if (int1)
        e.dr6 = c->pending_dr6;
    c->event.valid = false;
    if (c->vmx_guest) {
        struct vmx_exit x;
        if (vmx_takes_exception(c, &e, &x))
            return vmx_exit_event(c, &x);
        vmx_vectoring(c, vmx_event_info(&e, false, false), &e,
                      (uint32_t)(c->next_rip - c->rip));
    }
    if (!idt_deliver(c, &e, false))
        return STEP_FAULT;
    c->count.exceptions++;
    if (int1) {
        c->dr[6] |= e.dr6;
        c->pending_dr6 = 0;
        c->dr[7] &= ~DR7_GD;
        c->msr.debugctl &= ~(uint64_t)(DEBUGCTL_LBR | DEBUGCTL_BTF);
    }
    c->shadow_sti = false;
    c->shadow_mov_ss = false;
    c->step_armed = false;
    c->vmx->vectoring = 0;
    cpu_update_mode(c);
    return STEP_JUMP;
}

/* ------------------------------------------------------------- wires in */

void cpu_set_intr(struct cpu *c, bool level)
{
    c->intr_line = level;
    lapic_lint0(c, level);
    event_notify(c);
}

/* Translated code is found by physical address: after a new fetch the blocks
 * of the other address are not entered. */
void cpu_set_a20(struct cpu *c, bool open)
{
    c->vmx->a20_closed = !open;
    vmx_apply_a20(c);
    event_notify(c);
}

void cpu_nmi(struct cpu *c)
{
    c->nmi_pending = true;
    event_notify(c);
}
