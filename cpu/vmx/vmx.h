/* SPDX-License-Identifier: Apache-2.0
 * VMX in one core: its state, and what the rest of cpu/ calls. SDM Vol.3
 * "Introduction to Virtual-Machine Extensions" and the chapters after it.
 * Dual-monitor treatment of SMIs is not modelled: IA32_VMX_BASIC says so, and
 * the entry controls that belong to it are reserved.
 */
#ifndef VTSIM_CPU_VMX_VMX_H
#define VTSIM_CPU_VMX_VMX_H

#include "cpu/uop.h"
#include "cpu/vmx/caps.h"
#include "cpu/vmx/controls.h"
#include "cpu/vmx/vmcs.h"

#define VMX_NO_VMCS UINT64_MAX

enum { EXC_VE = 20 }; /* virtualization exception */

/* What an exit will report. Filled by whoever finds the reason; the exit
 * itself is made where events are delivered (vmx_exit). */
struct vmx_exit {
    uint32_t reason; /* enum vmx_reason */
    uint64_t qualification;
    uint32_t info;   /* VM-exit instruction information */
    uint32_t length; /* of the instruction; 0: not reported */
    bool measure;    /* the exit finds the length: of the one at c->rip, which
                        is exact by then */
    uint64_t linear, physical;
    uint32_t interruption, error_code; /* VM-exit interruption information */
    bool trap; /* after the instruction: c->rip is the next one's already */
};

/* Counts and cycles of one exit reason: columns of `perf kvm stat` and the
 * split of its cycles. */
struct vmx_exit_stats {
    uint64_t count;
    uint64_t in, handler, out; /* cycles: exit, root operation, entry */
    uint64_t refill;   /* walk cycles in the guest until the next exit */
    uint64_t min, max; /* of in + handler + out */
};
enum { VMX_REASON_SLOTS = 80 }; /* basic reasons 0..78; the last: private */

struct vmx {
    struct vmx_caps caps;
    bool on;          /* in VMX operation; c->vmx_guest: in non-root */
    bool a20_closed;  /* A20M# as the board drives it; no effect while `on` */
    uint64_t vmxon;   /* VMXON pointer */
    uint64_t current; /* current-VMCS pointer, or VMX_NO_VMCS */
    struct vmcs vmcs; /* its data: in memory again after VMCLEAR, or when
                         another VMCS is loaded */
    /* Most recently used first: whose data cost nothing extra. */
    uint64_t cached[16];

    struct vmx_exit exit; /* of the event under way (event.exit) */

    /* Controls in force in non-root operation, copied at entry. */
    uint32_t pin, proc, proc2, exit_controls, entry_controls;
    uint64_t proc3;

    /* Virtual-NMI blocking; the IRET under way, or whose fault is being
     * delivered, unblocked NMIs (bit 12 of the interruption information). */
    bool virtual_nmi_blocked, nmi_unblocked_by_iret;
    bool mtf_pending;
    bool trap_exit; /* exit_after is due at the next boundary */
    struct vmx_exit exit_after;
    /* The event whose delivery is under way, for IDT-vectoring information;
     * 0: none. */
    uint32_t vectoring, vectoring_error, vectoring_length;
    bool vectoring_rf; /* RF of the image that the delivery pushes */

    /* Cycles at which the timers of this entry fire; UINT64_MAX: none. */
    uint64_t timer_cycle, vmm_timer_cycle;
    uint64_t timer_start; /* TSC >> shift when the entry began */
    uint64_t vmm_target;  /* of the VMM timer's source */
    uint64_t guest_instructions, insn_at_entry; /* retired in non-root */

    /* PAUSE-loop exiting: TSC of the first and the last PAUSE. */
    uint64_t pause_first, pause_last;
    bool pause_seen;

    /* APIC virtualization: RVI and SVI are vmcs.guest_interrupt_status. */
    bool interrupt_recognized; /* a pending virtual interrupt is */
    bool apic_written; /* a write to the APIC-access page was virtualized: its
                          emulation is due at the next boundary */
    uint16_t apic_offset; /* of that write in the page, and its bytes */
    uint8_t apic_length;

    /* Statistics. */
    uint64_t entries, entry_failures;
    struct vmx_exit_stats stats[VMX_REASON_SLOTS];
    uint32_t last_reason;
    bool last_exit_valid;
    uint64_t exit_began, root_began, entry_began;
    uint64_t walk_cycles_at_entry;
};

/* --- vmx.c --- */
SIM_MUST_CHECK enum sim_status vmx_create(struct cpu *c, struct sim_error *e);
void vmx_destroy(struct cpu *c);
void vmx_reset(struct cpu *c);
void vmx_register_stats(const struct cpu *c, struct stat_registry *r,
                        const char *prefix);
/* Charge a cost of cost.def: vmx_charge(c, exit_save). With timing off one
 * cycle an instruction is all that passes. */
#define vmx_charge(c, field) vmx_charge_n(c, VMXC_##field, 1)
enum vmx_cost {
#define VMX_COST(field, leaf, cycles, doc) VMXC_##field,
#include "cpu/vmx/cost.def"
#undef VMX_COST
    VMX_COSTS
};
void vmx_charge_n(struct cpu *c, enum vmx_cost what, uint64_t times);

/* Put A20M# into effect, or its blocking in VMX operation. */
void vmx_apply_a20(struct cpu *c);

/* Physical memory as VMX structures are read: untimed. False: no RAM. */
bool vmx_phys_read(struct cpu *c, uint64_t at, unsigned len, void *out);
bool vmx_phys_write(struct cpu *c, uint64_t at, unsigned len, const void *in);

/* --- insn.c: instructions in root operation --- */
callout_fn vmx_vmxon, vmx_vmxoff, vmx_vmclear, vmx_vmptrld, vmx_vmptrst;
callout_fn vmx_vmread, vmx_vmwrite, vmx_vmlaunch, vmx_vmresume, vmx_vmcall;
callout_fn vmx_invept, vmx_invvpid, vmx_vmfunc;
/* Results. SDM Vol.3 "Conventions" of the VMX instruction reference. */
void vmx_succeed(struct cpu *c);
void vmx_fail_invalid(struct cpu *c);
void vmx_fail(struct cpu *c, enum vmx_error error); /* valid or invalid */
/* Keep the working copy in memory: VMCLEAR, another VMPTRLD, VMXOFF. */
void vmx_store_current(struct cpu *c);
/* A VMCS's data are used: the cost vmcs_cold when they are not at hand. */
void vmx_touch_vmcs(struct cpu *c, uint64_t pointer);

/* --- entry.c --- */
/* VMLAUNCH and VMRESUME after the instruction's own checks: all of VM entry.
 * STEP_NEXT: VMfail, flags are set. STEP_JUMP: the guest runs, or an entry
 * failure has exited (c->rip says). */
enum step vmx_enter(struct cpu *c, bool launch);

/* --- exit.c --- */
/* Record an exit instead of an event: c->event.exit. For use as raise_gp is.
 * The first is for an instruction (length from c->next_rip). */
enum step vmx_exit_insn(struct cpu *c, enum vmx_reason reason,
                        uint64_t qualification, uint32_t info);
enum step vmx_exit_event(struct cpu *c, const struct vmx_exit *x);
/* An EPT event that mmu_fault describes: an exit, or #VE. */
enum step vmx_memory_event(struct cpu *c, const struct mmu_fault *f);
/* The exit happens at the boundary after the present instruction. */
void vmx_exit_later(struct cpu *c, const struct vmx_exit *x);
/* Make the exit: save the guest, load the host. c->rip is the host's. */
void vmx_exit(struct cpu *c, const struct vmx_exit *x);
/* Stop for good: VMX abort. */
void vmx_abort(struct cpu *c, unsigned indicator);

/* --- intercept.c --- */
/* Emit the check in front of an instruction in non-root operation that
 * controls may make exit (intercepts.def); `rules` are its row's. Called by
 * xlat_rules when the encoding is valid, before its faults by privilege. */
struct xlat;
void vmx_xlat_intercept(struct xlat *x, uint32_t rules);

/* A task switch is tried whose TSS descriptor has been checked: it exits.
 * `source`: as the exit qualification has it. `insn`: an instruction asked for
 * it, the length of which is reported. */
enum vmx_task_source {
    VMX_TASK_CALL,
    VMX_TASK_IRET,
    VMX_TASK_JUMP,
    VMX_TASK_GATE
};
enum step vmx_exit_task_switch(struct cpu *c, uint16_t selector,
                               enum vmx_task_source source, bool insn);

/* --- io_msr.c: decided where the instruction executes, in non-root operation
 * only. STEP_NEXT: no exit, go on. --- */
struct vmx_io {
    uint16_t port;
    uint8_t size;
    bool in, string, rep, immediate;
    /* Of string instructions: */
    uint8_t segment, address_size;
    uint64_t offset;
};
enum step vmx_exit_io(struct cpu *c, const struct vmx_io *io);
/* RDMSR and WRMSR: exits, and what else is different in non-root operation.
 * *done: the instruction is done and (RDMSR) EDX:EAX hold the value. */
enum step vmx_rdmsr(struct cpu *c, uint32_t number, bool *done);
enum step vmx_wrmsr(struct cpu *c, uint32_t number, uint64_t v, bool *done);

/* --- cr.c: control registers in non-root operation --- */
/* All of MOV to CR `number` (0, 2, 3, 4, 8) from the register `gpr`. */
enum step vmx_mov_to_cr(struct cpu *c, unsigned number, unsigned gpr,
                        uint64_t v);
/* Exits of MOV from CR, before the value is read by vmx_read_cr. */
enum step vmx_mov_from_cr(struct cpu *c, unsigned number, unsigned gpr);
/* A register's value as the guest reads it. */
uint64_t vmx_read_cr(const struct cpu *c, unsigned number);
enum step vmx_clts(struct cpu *c);
/* `linear` is the address of a memory operand. */
enum step vmx_lmsw(struct cpu *c, uint16_t source, bool memory,
                   uint64_t linear);

/* --- boundary.c --- */
/* What VMX adds to the events of an instruction boundary in non-root
 * operation. In the order of SDM Vol.3 "Other Causes of VM Exits" and of
 * their priorities with those of cpu/event.c. */
enum vmx_boundary {
    VMX_BOUNDARY_NONE,
    VMX_BOUNDARY_APIC_WRITE, /* emulation of a write to the APIC page */
    VMX_BOUNDARY_TRAP_EXIT,  /* APIC write, EOI, TPR: of the last instruction */
    VMX_BOUNDARY_MTF,
    VMX_BOUNDARY_TIMER, /* from here: below debug traps */
    VMX_BOUNDARY_NMI_WINDOW,
    VMX_BOUNDARY_INTERRUPT_WINDOW, /* from here: below NMIs */
    VMX_BOUNDARY_VIRTUAL_INTERRUPT,
};
enum vmx_boundary vmx_above_traps(const struct cpu *c);
enum vmx_boundary vmx_above_nmi(const struct cpu *c);
/* `open`: EFLAGS.IF is set and no shadow blocks. */
enum vmx_boundary vmx_above_interrupts(const struct cpu *c, bool open);
void vmx_take_boundary(struct cpu *c, enum vmx_boundary b);
/* INIT, SIPI, NMI and external interrupts that exit; the last one is false
 * when posted-interrupt processing took it. */
void vmx_take_init(struct cpu *c);
void vmx_take_sipi(struct cpu *c);
void vmx_take_nmi(struct cpu *c);
void vmx_take_external(struct cpu *c, bool apic);
/* An exception, c->rip and c->next_rip as for its delivery: true when the
 * exception bitmap makes it exit, and what the exit reports. */
bool vmx_takes_exception(const struct cpu *c, const struct event *e,
                         struct vmx_exit *x);
/* What IDT-vectoring information calls the event; see also event.c. */
uint32_t vmx_event_info(const struct event *e, bool interrupt, bool nmi);
/* An event is about to go through the IDT. */
void vmx_vectoring(struct cpu *c, uint32_t info, const struct event *e,
                   uint32_t length);
/* IRET begins: what it unblocks. */
void vmx_iret(struct cpu *c);
/* Earliest cycle at which a timer wants the core's attention. timers.c */
uint64_t vmx_deadline(const struct cpu *c);

/* --- apicv.c: APIC virtualization --- */
void vmx_apic_entry(struct cpu *c); /* after guest state is loaded */
/* At an instruction boundary, before anything else is looked at, while
 * c->vmx->apic_written: APIC-write emulation, which may ask for an exit by
 * vmx_exit_later. A VM exit in between drops it (apic_written = false). */
void vmx_apic_emulate(struct cpu *c);
struct guest_port vmx_apic_port(struct cpu *c);
enum step vmx_apic_write_cr8(struct cpu *c, uint64_t v);
uint64_t vmx_apic_read_cr8(const struct cpu *c);
/* x2APIC MSRs under "virtualize x2APIC mode"; *done says whether it was one
 * that is virtualized. */
enum step vmx_apic_rdmsr(struct cpu *c, uint32_t number, bool *done);
enum step vmx_apic_wrmsr(struct cpu *c, uint32_t number, uint64_t v,
                         bool *done);
/* A virtual interrupt is recognized and above the virtual PPR. */
bool vmx_apic_pending(const struct cpu *c);
uint8_t vmx_apic_deliver(struct cpu *c); /* VIRR to VISR; its vector */
/* An external interrupt with "process posted interrupts": true when its
 * vector was the notification's and it was processed without an exit. */
bool vmx_apic_posted(struct cpu *c, uint8_t vector);

/* --- context.c --- */
/* What the MMU's context is in non-root operation, beyond the registers. */
void vmx_context(const struct cpu *c, struct mmu_context *ctx);

/* --- tsc.c: time of a guest, in non-root operation only --- */
/* The guest's TSC when the processor's is `tsc`: offset and scaling. */
uint64_t vmx_guest_tsc(const struct cpu *c, uint64_t tsc);
/* Ticks of the processor's TSC in `delay` ticks of the guest's. */
uint64_t vmx_physical_delay(const struct cpu *c, uint64_t delay);

/* --- vmfunc.c --- */
/* The EPT violation that mmu_fault describes became #VE, which is raised and
 * the information area filled. False: it exits as `x`. */
bool vmx_ve(struct cpu *c, const struct vmx_exit *x);

#endif
