/* SPDX-License-Identifier: Apache-2.0
 * struct cpu: everything one core is. Private to cpu/.
 *
 * The first part is what uop handlers touch; guest registers come first so
 * that a register operand is a byte offset from the cpu pointer.
 */
#ifndef VTSIM_CPU_STATE_H
#define VTSIM_CPU_STATE_H

#include "cpu/cpu.h"
#include "cpu/pmc_state.h"
#include "cpu/regs.h"
#include "mmu/config.h"
#include "mmu/hot.h"
#include "mmu/mmu.h"
#include "sim/base/rng.h"
#include "sim/base/trace.h"

/* Slots behind the 16 general registers in cpu.gpr. */
enum {
    GPR_ZERO = 16, /* always 0: "no base" and "no index" */
    GPR_EA = 17,   /* linear address made by a preceding ea uop */
    GPR_TMP = 18,  /* scratch of multi-uop instructions */
    GPR_LINE = 19, /* linear address of the line (timing off: page) last
                      fetched: base of RIP-relative operands */
    GPR_SLOTS = 20
};

/* EFLAGS. */
enum {
    FLAG_CF = 1 << 0,
    FLAG_ONE = 1 << 1,
    FLAG_PF = 1 << 2,
    FLAG_AF = 1 << 4,
    FLAG_ZF = 1 << 6,
    FLAG_SF = 1 << 7,
    FLAG_TF = 1 << 8,
    FLAG_IF = 1 << 9,
    FLAG_DF = 1 << 10,
    FLAG_OF = 1 << 11,
    FLAG_IOPL = 3 << 12,
    FLAG_NT = 1 << 14,
    FLAG_RF = 1 << 16,
    FLAG_VM = 1 << 17,
    FLAG_AC = 1 << 18,
    FLAG_VIF = 1 << 19,
    FLAG_VIP = 1 << 20,
    FLAG_ID = 1 << 21,
    FLAG_ARITH = FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF
};

/* Exception vectors, SDM Vol.3 "Exception and Interrupt Vectors". */
enum {
    EXC_DE = 0,
    EXC_DB = 1,
    EXC_NMI = 2,
    EXC_BP = 3,
    EXC_OF = 4,
    EXC_BR = 5,
    EXC_UD = 6,
    EXC_NM = 7,
    EXC_DF = 8,
    EXC_TS = 10,
    EXC_NP = 11,
    EXC_SS = 12,
    EXC_GP = 13,
    EXC_PF = 14,
    EXC_MF = 16,
    EXC_AC = 17,
    EXC_MC = 18,
    EXC_XM = 19
};

/* The event being raised: an exception found by a handler. */
struct event {
    bool valid;
    uint8_t vector;
    bool has_error;
    bool software; /* INT n, INT3, INTO: RIP pushed is the next one's */
    bool trap;     /* #DB traps: RIP pushed is the next one's */
    bool injected; /* by VM entry: RF of the image is the guest's */
    uint8_t how;   /* INTR_* type of VMX if it is neither a plain exception
                      nor an interrupt: INT n, INT3, INT1 */
    bool exit;     /* no event but a VM exit, which c->vmx->exit describes */
    bool late;     /* met by a task switch that is made: the instruction has
                      retired and c->rip is the new task's */
    uint32_t error;
    uint64_t cr2; /* #PF */
    uint64_t dr6; /* #DB: bits to set */
};

/*
 * The mode key: everything that translation looks at, so that a block
 * translated under one key never runs under another. Kept in cpu.mode by
 * cpu_update_mode, called after any change of what it is made from.
 */
enum {
    MODE_CPL = 3,       /* bits 1:0 */
    MODE_LONG = 1 << 2, /* 64-bit code segment in IA-32e mode */
    MODE_CS32 = 1 << 3, /* CS.D: 32-bit defaults (not in 64-bit mode) */
    MODE_SS32 = 1 << 4, /* SS.B: 32-bit stack pointer */
    MODE_PROT = 1 << 5, /* CR0.PE */
    MODE_LMA = 1 << 6,  /* IA-32e mode active */
    MODE_V86 = 1 << 7,
    MODE_FLAT = 1 << 8,          /* ES CS SS DS: base 0, limit 4 GiB, usable,
                                    writable where needed */
    MODE_TS = 1 << 9,            /* CR0.TS */
    MODE_EM = 1 << 10,           /* CR0.EM */
    MODE_MP = 1 << 11,           /* CR0.MP */
    MODE_OSFXSR = 1 << 12,       /* CR4.OSFXSR */
    MODE_SSE_UNMASKED = 1 << 13, /* MXCSR unmasks an exception */
    MODE_TSD = 1 << 14,          /* CR4.TSD */
    MODE_UMIP = 1 << 15,         /* CR4.UMIP */
    MODE_FSGSBASE = 1 << 16,     /* CR4.FSGSBASE */
    MODE_PCE = 1 << 17,          /* CR4.PCE */
    MODE_IOPL_LOW = 1 << 18,     /* CPL > IOPL */
    MODE_SINGLE = 1 << 19,       /* blocks of one instruction (near a deadline,
                                    TF, breakpoints, shadows) */
    MODE_AC = 1 << 20,           /* alignment checking is in force */
    MODE_OSXMMEXCPT = 1 << 21,
    MODE_CS_BASE0 = 1 << 22, /* CS base is 0 */
    MODE_OSXSAVE = 1 << 23,
    MODE_AVX = 1 << 24,   /* CR4.OSXSAVE and XCR0[2:1] = 11b */
    MODE_GUEST = 1 << 25, /* VMX non-root operation: instructions that may
                             exit have a check in front of them */
};

/* Why the dispatch chain came back to the run loop. */
enum leave {
    LEAVE_LOOKUP, /* rip is exact: find the next block */
    LEAVE_EVENT,  /* c->event is valid, rip is the faulting instruction's */
    LEAVE_CHECK,  /* rip is exact: look at limits, interrupts, requests */
};

struct uop;
struct block;
struct codecache;
struct lapic;
struct vmx;

struct cpu {
    /* --- hot --- */
    uint64_t gpr[GPR_SLOTS];
    uint64_t cc_res, cc_src; /* lazy flags: cpu/flags.h */
    uint32_t cc_op;
    uint32_t eflags;      /* arithmetic bits valid only when cc_op == CC_NONE */
    uint64_t rip;         /* exact only outside blocks and after uop_sync */
    uint64_t next_rip;    /* set for callouts: RIP after the instruction */
    uint64_t limit;       /* cycle at which blocks must stop; event check */
    uint64_t fetch_pline; /* physical address of gpr[GPR_LINE]; ~0: fetch
                             again (engine_reset_fetch) */
    uint32_t mode;        /* MODE_* */
    uint8_t leave;        /* enum leave */
    uint64_t fetch_generation;  /* of the translations cached for fetches */
    const struct uop *slow_uop; /* whose slow access is under way */
    _Alignas(64) struct cycle_account account;
    /* Result of a slow load; never address a local in a handler, it would
     * cost the tail call. */
    union {
        uint64_t u64[8];
        uint8_t u8[64];
    } slow;
    _Alignas(64) union vec v[32];
    uint32_t mxcsr;      /* flags incomplete inside cpu_run: fpu_mxcsr_read */
    uint32_t host_mxcsr; /* the host's own while the guest's is loaded */
    bool fpu_entered;    /* between fpu_enter and fpu_leave */
    struct x87 x87;
    struct mmu_hot hot;

    /* --- architectural, not hot --- */
    struct segment seg[SEG_COUNT];
    struct descriptor_table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0, xss;
    uint32_t pkru;  /* in force while CR4.PKE is set */
    uint64_t dr[8]; /* 0-3, 6, 7 */
    struct {
        uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
        uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
        uint64_t pat, apic_base, misc_enable, feature_control, debugctl;
        uint64_t tsc_offset, tsc_adjust, tsc_deadline, bios_sign_id;
        uint64_t umwait_control;
        struct mmu_mtrr mtrr;
    } msr;
    uint64_t pdpte[4];
    struct lbr {
        uint64_t from[32], to[32], info[32];
        uint64_t tos, select, ler_from, ler_to;
        uint64_t last; /* cycle of the newest record */
    } lbr;
    struct pmc pmc;

    /* --- events --- */
    struct event event;
    bool shadow_sti, shadow_mov_ss; /* interrupts blocked for one insn */
    bool nmi_pending, nmi_blocked, intr_line, init_pending, sipi_pending;
    uint8_t sipi_vector;
    uint64_t pending_dr6; /* traps to deliver at the next boundary */
    /* Values of account.instructions: a shadow, EFLAGS.RF or a single-step
     * trap belongs to the instruction that retires after this count, so
     * event_boundary needs nobody to clear them. */
    uint64_t shadow_insn, rf_insn, step_insn;
    bool step_armed; /* TF was set at the boundary step_insn */
    bool branched;   /* the last instruction of a block of one was a taken
                        branch, or a callout jumped */
    bool watch;      /* DR7 arms a data breakpoint: mem_*_slow see every access
                        (mmu_context.watch) and call debug_data */
    enum {
        ACTIVITY_RUN,
        ACTIVITY_HLT,
        ACTIVITY_MWAIT, /* as HLT, with the reasons of `monitor` to go on */
        ACTIVITY_WAIT_SIPI,
        ACTIVITY_SHUTDOWN,      /* for good: the machine stops */
        ACTIVITY_GUEST_SHUTDOWN /* entered by VM entry: as HLT, and only NMI,
                                   INIT and VM exits end it */
    } activity;
    bool vmx_guest; /* VMX non-root operation */
    /* cpu/wait.c */
    struct {
        uint64_t line;      /* physical, marked in the memory system; or ~0 */
        bool armed, hit;    /* no store yet; one came */
        bool watching;      /* a store ends the present wait */
        bool any_interrupt; /* an interrupt does even if EFLAGS.IF is clear */
        bool limited;       /* its deadline is IA32_UMWAIT_CONTROL's */
        uint64_t deadline;  /* cycle at which it ends */
    } monitor;
    bool stop_requested;
    uint64_t until;             /* cpu_run's limit */
    uint64_t instruction_limit; /* 0: none */
    bool single;                /* run loop wants one-instruction blocks now */
    bool rep_active;       /* the REP instruction at rip was left between two
                              iterations and goes on without a new start */
    uint64_t storm_insn;   /* retired when the last event was delivered */
    uint32_t storm_events; /* ... and events since that count moved */
    char stop_reason[256];
    bool unmodelled; /* stop with CPU_STOP_UNMODELLED */

    /* --- parts --- */
    struct cpu_config config;
    struct mmu_config mmu_config; /* cpu_create copies it: CPUID shows it */
    struct cpu_wiring wiring;
    struct mmu *mmu;
    struct codecache *code;
    struct lapic *lapic;
    struct vmx *vmx; /* cpu/vmx/vmx.h; always there */
    struct trace_port trace;
    struct rng rng;

    /* --- counters outside the cycle account --- */
    struct cpu_counters {
        _Alignas(16) uint64_t loads; /* accesses made by instructions */
        uint64_t stores;
        uint64_t branches, taken;
        uint64_t exceptions, interrupts, syscalls;
        uint64_t blocks_translated, blocks_dropped, smc_writes;
        uint64_t io_reads, io_writes;
    } count;
};

/* The fetched line may no longer be mapped, or not for this context: look
 * again before the next block. Called by cpu_update_mode and after every
 * mmu_flush_*; such instructions end their block. */
static inline void engine_reset_fetch(struct cpu *c)
{
    c->fetch_pline = UINT64_MAX;
    c->fetch_generation++;
}

/* Recompute c->mode and tell the MMU its context, after any change of CRs,
 * EFER, segments, CPL, EFLAGS.{AC,IOPL,VM,TF}, MXCSR masks. cpu/mode.c */
void cpu_update_mode(struct cpu *c);

/* Recompute MODE_SINGLE alone: c->single, TF, shadows, breakpoints. */
void cpu_update_single(struct cpu *c);

#endif
