/* SPDX-License-Identifier: Apache-2.0
 * One logical processor, as sim/machine sees it. It owns its MMU, private
 * caches and local APIC; everything else reaches it through ports.
 */
#ifndef VTSIM_CPU_CPU_H
#define VTSIM_CPU_CPU_H

#include "cpu/config.h"
#include "mmu/memsys.h"
#include "sim/base/cycles.h"
#include "sim/base/port.h"
#include "sim/base/stat.h"
#include "sim/base/status.h"

struct cpu;

/* What the core is wired to. Ports are copied. */
struct cpu_wiring {
    unsigned index; /* 0..cores-1; 0 is the bootstrap processor */
    unsigned cores;
    struct memsys *memory;
    struct io_port io;
    struct inta_port inta;         /* the 8259's acknowledge cycle */
    struct apic_bus_port apic_bus; /* IPIs out */
    struct clock_port apic_clock;  /* local-APIC timer; see cpu_on_apic_time */
    struct magic_port magic;       /* region-of-interest operations */
    struct cache_config l3;        /* the shared L3, for CPUID; size 0: none */
    struct wake_port wake;         /* a store ended this core's wait */
    struct note_port note;         /* lines for the user; may be left zero */
};

SIM_MUST_CHECK enum sim_status
cpu_create(const struct cpu_config *c, const struct mmu_config *m,
           const struct cpu_wiring *w, struct cpu **out, struct sim_error *e);
void cpu_destroy(struct cpu *c);

/* RESET#: state of SDM Vol.3 "Processor State After Reset". APs wait for
 * SIPI. */
void cpu_reset(struct cpu *c);

/* Why cpu_run came back. */
enum cpu_stop {
    CPU_STOP_TIME,         /* local time reached the limit */
    CPU_STOP_HALT,         /* HLT or wait-for-SIPI: sleeps until an event */
    CPU_STOP_REQUEST,      /* cpu_request_stop was called */
    CPU_STOP_INSTRUCTIONS, /* the instruction limit */
    CPU_STOP_SHUTDOWN,     /* triple fault, VMX abort: cpu_stop_reason */
    CPU_STOP_UNMODELLED    /* met something refused aloud: cpu_stop_reason */
};

/*
 * Execute until local time (cycles) is at or past `until`, or an earlier
 * stop. Interrupts are taken at the exact instruction boundary. A halted
 * core with nothing pending returns CPU_STOP_HALT at once.
 */
enum cpu_stop cpu_run(struct cpu *c, uint64_t until);

/* Lower the running cpu_run's limit to cycle `until` (an event was
 * scheduled); no effect if it is later than the present limit. */
void cpu_shorten(struct cpu *c, uint64_t until);

/* Make cpu_run return CPU_STOP_REQUEST after the current instruction. */
void cpu_request_stop(struct cpu *c);

/* Return CPU_STOP_INSTRUCTIONS once this many have retired since reset. */
void cpu_set_instruction_limit(struct cpu *c, uint64_t instructions);

/* One line, no newline: RIP, bytes and reason of the last abnormal stop. */
const char *cpu_stop_reason(const struct cpu *c);

/* The core's time and cycle stack; live. Exact outside cpu_run and inside a
 * device access or interrupt acknowledge made by the core. */
struct cycle_account *cpu_account(struct cpu *c);

/* Let a halted core's time pass up to `cycle`, as idle. */
void cpu_idle_until(struct cpu *c, uint64_t cycle);

/* Wires in. */
void cpu_set_intr(struct cpu *c, bool level); /* INTR from the 8259 */
void cpu_nmi(struct cpu *c);
/* A20M#: while the gate is closed the core's accesses have bit 20 of the
 * physical address 0, those of fetches and page walks included. */
void cpu_set_a20(struct cpu *c, bool open);
/*
 * A message on the APIC bus. With shorthand 0 the core takes it only when
 * the destination names it, so a router may offer it to every core; other
 * shorthands are resolved by the router. Lowest-priority messages (delivery
 * 1) go to one core: among those that cpu_apic_matches, the one of least
 * cpu_apic_priority, then of least index.
 */
void cpu_apic_message(struct cpu *c, const struct apic_message *m);
bool cpu_apic_matches(const struct cpu *c, const struct apic_message *m);
unsigned cpu_apic_priority(const struct cpu *c); /* PPR, 0..255 */
void cpu_on_apic_time(struct cpu *c, sim_time now);
/* The local APIC's registers; sim/machine routes FEE00000h of the running
 * core here. */
struct mmio_port cpu_apic_port(struct cpu *c);
/* True when an event would wake it from HLT or wait-for-SIPI now. */
bool cpu_has_work(const struct cpu *c);

/* Initial register state for loaders; every field 64 bits. */
struct cpu_entry {
    uint64_t rip, rsp, rax, rbx, rcx, rdx, rsi, rdi;
    enum { ENTRY_PROTECTED32, ENTRY_LONG64, ENTRY_REAL16 } mode;
    uint64_t cr3;      /* ENTRY_LONG64: root of an identity map */
    uint64_t gdt_base; /* physical address of a flat GDT the loader wrote */
    uint16_t gdt_limit;
    uint16_t cs, ds; /* selectors in it */
};
void cpu_set_entry(struct cpu *c, const struct cpu_entry *entry);

/* Architectural registers for tests and debuggers: see cpu/regs.h. Setting
 * them drops pending traps and translations and wakes the core from HLT. */
struct cpu_regs;
void cpu_get_regs(struct cpu *c, struct cpu_regs *out);
void cpu_set_regs(struct cpu *c, const struct cpu_regs *in);

/* Counters under `prefix` ("core0"), the cycle stack included. */
void cpu_register_stats(const struct cpu *c, struct stat_registry *r,
                        const char *prefix);

#endif
