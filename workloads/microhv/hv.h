/* SPDX-License-Identifier: Apache-2.0
 * microhv, a small monitor: its structures and the interface of each of its
 * files. One virtual machine with one processor; guest-physical addresses are
 * host-physical addresses, and the devices are the guest's.
 */
#ifndef WORKLOADS_MICROHV_HV_H
#define WORKLOADS_MICROHV_HV_H

#include "workloads/microhv/plant.h"
#include "workloads/microhv/vmx.h"
#include "workloads/runtime/libc.h"
#include "workloads/runtime/types.h"
#include "workloads/runtime/x86.h"

#define KERNEL_BASE 0xffffffff80000000ull
#define DIRECT_BASE 0xffff800000000000ull /* all of RAM, mapped linearly */
#define GIB         (1ull << 30)
#define FOUR_GIB    (4 * GIB)

#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, GPRS = 16 };

/* start.S knows the offsets of the first three. */
struct vcpu {
    u64 gpr[GPRS]; /* RSP is in the VMCS */
    u64 host_stack;
    u64 launched;
    u64 vmcs;       /* physical address */
    u32 proc;       /* primary controls as they are in the VMCS */
    u64 waits[4];   /* vectors of interrupts to be injected */
    u64 cr0, cr4;   /* as the guest last wrote them, by an exit */
    u64 cr3, efer;  /* shadow paging: the guest's */
    bool vectoring; /* the entry is to deliver an event again */
    bool nmi;       /* a non-maskable interrupt is to be injected */
    u64 exits[EXIT_REASONS];
};
_Static_assert(offsetof(struct vcpu, host_stack) == 128, "start.S");
_Static_assert(offsetof(struct vcpu, launched) == 136, "start.S");

enum apic_mode {
    APIC_PASS, /* interrupts go to the guest without exits */
    APIC_EXIT, /* they exit and are injected */
};

struct options {
    unsigned ept_level; /* 1: 4 KiB, 2: 2 MiB, 3: 1 GiB */
    bool vpid, shadow;
    enum apic_mode apic;
    bool io_exit;  /* every port access exits */
    bool hlt_exit; /* HLT exits */
    bool stats;    /* count exits and print them at the end */
};

/* How the guest starts: the parameters of vtsim_guest.h. */
struct guest_start {
    bool long64;
    u64 rip, gpr[GPRS], cr3;
    u64 gdt_base, gdt_limit, cs, ds;
    u64 ram_low, ram_high; /* bytes from 0 and from 4 GiB up */
    u64 zeroed;            /* 1: RAM nobody wrote to is zero */
};

struct monitor {
    struct options options;
    struct guest_start start;
    u64 image;          /* physical address of the image */
    u64 area, area_end; /* physical memory of the monitor */
    u64 next;           /* first page never handed out */
    struct vcpu vcpu;
};
extern struct monitor hv;
extern volatile u8 nmi_waits;

static inline void *direct(u64 pa)
{
    return (void *)(pa + DIRECT_BASE);
}

/* ---- main.c ---- */

NORETURN void hv_panic(const char *f, ...) PRINTF(1, 2);
void hv_say(const char *f, ...) PRINTF(1, 2);
/* End the machine as the guest's own triple fault would. */
NORETURN void hv_shutdown(void);
u64 image_pa(const void *symbol);

/* ---- memory.c: RAM and the monitor's own address space ---- */

void memory_find(u64 info_pa, bool move);
void memory_map_high(void);
u64 page_take(void);   /* a zeroed page's physical address */
u64 pages_take(u64 n); /* n adjacent ones */
bool guest_ram(u64 gpa, u64 n);

/* ---- options.c ---- */

void options_read(const char *text);
void guest_params_read(const char *text, const char *end);

/* ---- load.c: a multiboot kernel as the guest ---- */

void load_guest(u64 info_pa);

/* ---- host.c: descriptor tables, exceptions, VMX operation ---- */

extern u64 try_rdmsr(u32 msr, u64 *out);
extern u64 try_wrmsr(u32 msr, u64 v);
extern u64 try_xsetbv(u32 n, u64 v);
void host_tables(void);
u64 host_tss(void);
void vmx_enable(void);

/* ---- ept.c ---- */

void ept_check(void); /* does the processor have what the options ask for? */
u64 ept_build(void);  /* -> EPT pointer */

/* ---- vm.c: the VMCS ---- */

#define VPID_OF_GUEST 1

extern int vm_enter(struct vcpu *v);
extern char vm_exit_entry[];
void vm_create(struct vcpu *v);
u32 vm_adjust(u32 msr, u32 true_msr, u32 want, u32 optional);

/* ---- run.c: what probe/ has in another form ---- */

NORETURN void vm_run(struct vcpu *v);
bool extra_option(const char *word, size_t n);

/* ---- exit.c: one handler a reason ---- */

void skip_instruction(void);
/* Instead of the event that the entry was to deliver, if there is one. */
void inject_exception(struct vcpu *v, u32 vector, bool has_error, u32 error);
void inject_gp(struct vcpu *v);
void inject_ud(struct vcpu *v);

typedef void exit_handler(struct vcpu *v);
exit_handler exit_cpuid, exit_rdmsr, exit_wrmsr, exit_xsetbv;
exit_handler exit_cr, exit_io, exit_external, exit_window;
exit_handler exit_exception_nmi, exit_nmi_window, exit_hlt;
exit_handler exit_invlpg, exit_ud, exit_invd;
exit_handler exit_ept_violation, exit_unexpected;
NORETURN void exit_triple_fault(struct vcpu *v);

/* ---- irq.c ---- */

void irq_before_entry(struct vcpu *v);
/* An event whose delivery an exit interrupted is delivered again. */
void irq_requeue(struct vcpu *v);

/* ---- cr.c ---- */

void cr_init(u64 cr0, u64 cr4);
u64 guest_cr0(void);
u64 guest_cr4(void);
u64 paging_cr0(void); /* their bits of paging */
u64 paging_cr4(void);
u64 guest_efer(void);
bool guest_is_long(void); /* IA-32e mode */
bool guest_is_64(void);   /* and 64-bit code */
u64 gpr_read(const struct vcpu *v, unsigned n);
void gpr_write(struct vcpu *v, unsigned n, u64 value);

/* ---- walk.c: the guest's own page tables ---- */

struct walk {
    bool ok; /* else `error` is the page fault's error code */
    u32 error;
    u64 gpa;    /* of the address */
    u64 rights; /* PTE_W, PTE_U, PTE_NX of the whole way */
    bool dirty, global;
    unsigned level; /* of the leaf; 0: paging is off */
    u64 table[5];   /* [level]: guest-physical address of its entry */
    u64 entry[5];   /* and its value */
};
#define PTE_P    (1ull << 0)
#define PTE_W    (1ull << 1)
#define PTE_U    (1ull << 2)
#define PTE_A    (1ull << 5)
#define PTE_D    (1ull << 6)
#define PTE_PS   (1ull << 7)
#define PTE_G    (1ull << 8)
#define PTE_NX   (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull
#define PF_P     (1u << 0)
#define PF_W     (1u << 1)
#define PF_U     (1u << 2)
#define PF_R     (1u << 3)
#define PF_I     (1u << 4)

/* What the processor would find for an access of the kind `error` tells;
 * with `set`, the accessed and dirty flags are set as it does. */
struct walk guest_walk(u64 cr3, u64 linear, u32 error, bool set);

/* ---- shadow.c: paging without EPT ---- */

void shadow_init(struct vcpu *v);
u64 shadow_cr0_mask(void);
u64 shadow_cr4_mask(void);   /* bits the guest does not own */
u64 shadow_cr4_hidden(void); /* bits it cannot set */
u64 shadow_cr4(u64 cr4);     /* what runs when the guest's is cr4 */
u64 shadow_cr3(void);
void shadow_cr3_written(struct vcpu *v, u64 cr3);
void shadow_cr_changed(struct vcpu *v);
u64 shadow_efer(void);
bool shadow_set_efer(struct vcpu *v, u64 efer);
void shadow_page_fault(struct vcpu *v, u64 linear, u32 error);

#endif
