/* SPDX-License-Identifier: Apache-2.0
 * Hardware task switching: JMP, CALL, IRET, and events through TSS
 * descriptors and task gates. SDM Vol.3 "Task Management".
 */
#ifndef VTSIM_CPU_TASK_H
#define VTSIM_CPU_TASK_H

#include "cpu/segment.h"

/* CALL and events nest: the new task links back to the old one. */
enum task_cause { TASK_JUMP, TASK_CALL, TASK_IRET };

struct task_switch {
    enum task_cause cause;
    bool gate;      /* an event that found a task gate in the IDT */
    bool hardware;  /* ... and no instruction caused it */
    uint32_t ext;   /* EXT bit of error codes */
    uint64_t rip;   /* saved in the outgoing TSS */
    uint64_t flags; /* likewise */
};

/*
 * Switch to the task of `tss`, a descriptor whose type and presence were
 * checked. False: c->event is valid; with event.late the switch is made and
 * the exception belongs to the new task, before its first instruction. The
 * caller looks at the limit of CS: task_entry_ok.
 */
SIM_MUST_CHECK bool task_switch(struct cpu *c, const struct task_switch *t,
                                struct descriptor *tss);

/* The same by the selector that a task gate or (TASK_IRET) the back link
 * holds: it must name an available (busy) TSS in the GDT. */
SIM_MUST_CHECK bool task_switch_by_selector(struct cpu *c,
                                            const struct task_switch *t,
                                            uint16_t sel);

/* EIP lies within the new task's code segment; #GP(ext) otherwise. */
SIM_MUST_CHECK bool task_entry_ok(struct cpu *c, uint32_t ext);

/* IRET with EFLAGS.NT: back to the task that the present TSS links to. */
enum step task_return(struct cpu *c);

/* The error code of an event on the stack of the task that handles it. */
SIM_MUST_CHECK bool task_push_error(struct cpu *c, uint32_t error,
                                    uint32_t ext);

#endif
