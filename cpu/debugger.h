/* SPDX-License-Identifier: Apache-2.0
 * A debugger's hold on one core: breakpoints and watchpoints outside guest
 * memory and the guest's debug registers, single steps, registers and memory
 * without time, and where trace events go. Nothing here changes what the
 * guest sees or when; a core without a debugger pays nothing.
 */
#ifndef VTSIM_CPU_DEBUGGER_H
#define VTSIM_CPU_DEBUGGER_H

#include "cpu/cpu.h"
#include "mmu/inspect.h"
#include "sim/base/trace.h"

/* The types of the remote protocol's Z packets. */
enum debug_point {
    DEBUG_SOFT, /* both kinds of breakpoint stop before the instruction */
    DEBUG_HARD,
    DEBUG_WRITE, /* watchpoints stop after the access */
    DEBUG_READ,
    DEBUG_ACCESS,
    DEBUG_POINT_KINDS
};

enum { DEBUG_POINTS_MAX = 1024, DEBUG_WATCH_MAX = 4096 /* bytes of one */ };

enum debug_stop_kind {
    DEBUG_STOP_NONE,
    DEBUG_STOP_STEP,
    DEBUG_STOP_POINT /* `point` at `at` */
};

struct debug_stop {
    enum debug_stop_kind kind;
    enum debug_point point;
    uint64_t at;
};

SIM_MUST_CHECK enum sim_status debugger_attach(struct cpu *c,
                                               struct sim_error *e);
void debugger_detach(struct cpu *c);

/* A point at a linear address; of `len` bytes for watchpoints, 1 to
 * DEBUG_WATCH_MAX. Inserting it again changes nothing. False: refused. */
bool debugger_insert(struct cpu *c, enum debug_point kind, uint64_t lin,
                     uint64_t len);
/* Removing what is not there changes nothing. */
void debugger_remove(struct cpu *c, enum debug_point kind, uint64_t lin,
                     uint64_t len);
void debugger_clear(struct cpu *c);

/* The next run stops after one instruction, or when an event or a VM exit
 * was delivered instead. */
void debugger_step(struct cpu *c);

/* Why cpu_run came back with CPU_STOP_REQUEST; read once. */
struct debug_stop debugger_take_stop(struct cpu *c);

/* Trace events of the core go there; mask 0: nowhere. */
void cpu_set_trace(struct cpu *c, struct trace_port port);

/* --- looking and changing (cpu/debugger_view.c) --- */

/* Whose state: the core's own, or the other side of VMX by the current VMCS:
 * the host state while a guest runs, the guest state in root operation. */
enum debug_view { DEBUG_VIEW_CORE, DEBUG_VIEW_ROOT, DEBUG_VIEW_GUEST };

/* False: there is no current VMCS to take it from. */
bool debugger_has_view(const struct cpu *c, enum debug_view v);

bool debugger_in_guest(const struct cpu *c); /* VMX non-root operation */
const char *debugger_activity(const struct cpu *c);

bool debugger_walk(struct cpu *c, enum debug_view v, uint64_t lin,
                   struct walk_report *r);
void debugger_tlb(struct cpu *c,
                  void (*each)(void *self, const struct tlb_view *t),
                  void *self);

/* RAM at a linear address as the view maps it; no time, no rights checked, no
 * device reached. Return the number of bytes moved. */
uint64_t debugger_read(struct cpu *c, enum debug_view v, uint64_t lin,
                       uint64_t len, void *out);
uint64_t debugger_write(struct cpu *c, enum debug_view v, uint64_t lin,
                        uint64_t len, const void *in);

/* A VMCS field of the current VMCS; `index` counts the rows that the
 * processor has. */
struct debug_field {
    const char *name;
    unsigned encoding, bytes;
    uint64_t value;
};
bool debugger_vmcs(const struct cpu *c, uint64_t *pointer, bool *launched);
bool debugger_vmcs_field(const struct cpu *c, unsigned index,
                         struct debug_field *f);
/* Exits so far by basic reason: false past the last reason. */
bool debugger_exits(const struct cpu *c, unsigned index, unsigned *reason,
                    const char **name, uint64_t *count);

/* --- registers (cpu/debugger_regs.c) --- */

/* Features of the target description. */
enum debug_set {
    DEBUG_CORE,
    DEBUG_SSE,
    DEBUG_AVX,
    DEBUG_SEGMENTS,
    DEBUG_CONTROL,
    DEBUG_MSR,
    DEBUG_SETS
};

struct debug_register {
    const char *name, *type; /* as in a target description */
    uint16_t bits;
    uint8_t set; /* enum debug_set */
};

enum { DEBUG_REGISTERS_MAX = 160, DEBUG_REGISTER_BYTES = 16 };

unsigned debugger_registers(void); /* their number */
const struct debug_register *debugger_register(unsigned index);
/* Little-endian bytes of all registers one after the other, as many bytes
 * each as its bits say; returns their number. */
enum { DEBUG_FILE_BYTES = DEBUG_REGISTERS_MAX * DEBUG_REGISTER_BYTES };
unsigned debugger_read_registers(struct cpu *c, enum debug_view v,
                                 uint8_t out[DEBUG_FILE_BYTES]);
/* Offset of a register in that file. */
unsigned debugger_register_at(unsigned index);
/* False: the value is impossible, or the register cannot be written alone;
 * nothing changed. The core's own view only. */
bool debugger_write_register(struct cpu *c, unsigned index, const uint8_t *in);

#endif
