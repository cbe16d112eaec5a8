/* SPDX-License-Identifier: Apache-2.0
 * A small library for guest tests of VMX: enter VMX operation, build the
 * least virtual machine there is, run a piece of code in it and look at the
 * exit. Everything here is transcribed from the manual anew (SDM Vol.3 "Field
 * Encoding in VMCS", "VM-Execution Control Fields", "VMX Basic Exit
 * Reasons"): nothing is shared with a simulator, and the images also boot
 * elsewhere by multiboot.
 */
#ifndef SEMANTICS_VMX_H
#define SEMANTICS_VMX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- fields --- */
enum {
    F_VPID = 0x0000,
    F_POSTED_VECTOR = 0x0002,
    F_EPTP_INDEX = 0x0004,
    F_GUEST_ES = 0x0800, /* selectors: + 2 for CS SS DS FS GS LDTR TR */
    F_GUEST_CS = 0x0802,
    F_GUEST_SS = 0x0804,
    F_GUEST_LDTR = 0x080c,
    F_GUEST_TR = 0x080e,
    F_GUEST_INTERRUPT_STATUS = 0x0810,
    F_PML_INDEX = 0x0812,
    F_HOST_ES = 0x0c00,
    F_HOST_CS = 0x0c02,
    F_HOST_TR = 0x0c0c,
    F_IO_BITMAP_A = 0x2000,
    F_IO_BITMAP_B = 0x2002,
    F_MSR_BITMAP = 0x2004,
    F_EXIT_MSR_STORE = 0x2006,
    F_EXIT_MSR_LOAD = 0x2008,
    F_ENTRY_MSR_LOAD = 0x200a,
    F_PML_ADDRESS = 0x200e,
    F_TSC_OFFSET = 0x2010,
    F_VIRTUAL_APIC = 0x2012,
    F_APIC_ACCESS = 0x2014,
    F_POSTED_DESCRIPTOR = 0x2016,
    F_VM_FUNCTIONS = 0x2018,
    F_EPTP = 0x201a,
    F_EOI_BITMAP0 = 0x201c, /* + 2 for 1..3 */
    F_EPTP_LIST = 0x2024,
    F_XSS_BITMAP = 0x202c,
    F_SUB_PAGE_TABLE = 0x2030,
    F_TSC_MULTIPLIER = 0x2032,
    F_GUEST_PHYSICAL = 0x2400,
    F_LINK = 0x2800,
    F_GUEST_DEBUGCTL = 0x2802,
    F_GUEST_PAT = 0x2804,
    F_GUEST_EFER = 0x2806,
    F_HOST_PAT = 0x2c00,
    F_HOST_EFER = 0x2c02,
    F_PIN = 0x4000,
    F_PRIMARY = 0x4002,
    F_EXCEPTIONS = 0x4004,
    F_CR3_TARGETS = 0x400a,
    F_EXIT = 0x400c,
    F_EXIT_MSR_STORES = 0x400e,
    F_EXIT_MSR_LOADS = 0x4010,
    F_ENTRY = 0x4012,
    F_ENTRY_MSR_LOADS = 0x4014,
    F_ENTRY_EVENT = 0x4016,
    F_ENTRY_ERROR = 0x4018,
    F_ENTRY_LENGTH = 0x401a,
    F_TPR_THRESHOLD = 0x401c,
    F_SECONDARY = 0x401e,
    F_PLE_GAP = 0x4020,
    F_PLE_WINDOW = 0x4022,
    F_ERROR = 0x4400,
    F_REASON = 0x4402,
    F_EXIT_EVENT = 0x4404,
    F_EXIT_ERROR = 0x4406,
    F_VECTORING = 0x4408,
    F_VECTORING_ERROR = 0x440a,
    F_LENGTH = 0x440c,
    F_INFO = 0x440e,
    F_GUEST_ES_LIMIT = 0x4800, /* + 2: CS SS DS FS GS LDTR TR GDTR IDTR */
    F_GUEST_GDTR_LIMIT = 0x4810,
    F_GUEST_IDTR_LIMIT = 0x4812,
    F_GUEST_ES_RIGHTS = 0x4814, /* + 2: CS SS DS FS GS LDTR TR */
    F_INTERRUPTIBILITY = 0x4824,
    F_ACTIVITY = 0x4826,
    F_GUEST_SYSENTER_CS = 0x482a,
    F_TIMER = 0x482e,
    F_HOST_SYSENTER_CS = 0x4c00,
    F_CR0_MASK = 0x6000,
    F_CR4_MASK = 0x6002,
    F_CR0_SHADOW = 0x6004,
    F_CR4_SHADOW = 0x6006,
    F_QUALIFICATION = 0x6400,
    F_LINEAR = 0x640a,
    F_GUEST_CR0 = 0x6800,
    F_GUEST_CR3 = 0x6802,
    F_GUEST_CR4 = 0x6804,
    F_GUEST_ES_BASE = 0x6806, /* + 2: CS SS DS FS GS LDTR TR GDTR IDTR */
    F_GUEST_LDTR_BASE = 0x6812,
    F_GUEST_TR_BASE = 0x6814,
    F_GUEST_GDTR_BASE = 0x6816,
    F_GUEST_IDTR_BASE = 0x6818,
    F_GUEST_DR7 = 0x681a,
    F_GUEST_RSP = 0x681c,
    F_GUEST_RIP = 0x681e,
    F_GUEST_RFLAGS = 0x6820,
    F_GUEST_PENDING_DEBUG = 0x6822,
    F_HOST_CR0 = 0x6c00,
    F_HOST_CR3 = 0x6c02,
    F_HOST_CR4 = 0x6c04,
    F_HOST_FS_BASE = 0x6c06,
    F_HOST_GS_BASE = 0x6c08,
    F_HOST_TR_BASE = 0x6c0a,
    F_HOST_GDTR_BASE = 0x6c0c,
    F_HOST_IDTR_BASE = 0x6c0e,
    F_HOST_RSP = 0x6c14,
    F_HOST_RIP = 0x6c16,
};

/* --- controls --- */
enum {
    PIN_EXTINT = 1 << 0,
    PIN_NMI = 1 << 3,
    PIN_VNMI = 1 << 5,
    PIN_TIMER = 1 << 6,
    PIN_POSTED = 1 << 7,
};
enum {
    CPU_INTR_WINDOW = 1 << 2,
    CPU_TSC_OFFSET = 1 << 3,
    CPU_HLT = 1 << 7,
    CPU_INVLPG = 1 << 9,
    CPU_MWAIT = 1 << 10,
    CPU_RDPMC = 1 << 11,
    CPU_RDTSC = 1 << 12,
    CPU_CR3_LOAD = 1 << 15,
    CPU_CR3_STORE = 1 << 16,
    CPU_CR8_LOAD = 1 << 19,
    CPU_CR8_STORE = 1 << 20,
    CPU_TPR_SHADOW = 1 << 21,
    CPU_NMI_WINDOW = 1 << 22,
    CPU_MOV_DR = 1 << 23,
    CPU_IO = 1 << 24,
    CPU_IO_BITMAPS = 1 << 25,
    CPU_MTF = 1 << 27,
    CPU_MSR_BITMAPS = 1 << 28,
    CPU_MONITOR = 1 << 29,
    CPU_PAUSE = 1 << 30,
};
#define CPU_SECONDARY 0x80000000u
enum {
    CPU2_APIC_ACCESS = 1 << 0,
    CPU2_EPT = 1 << 1,
    CPU2_DESC_TABLE = 1 << 2,
    CPU2_RDTSCP = 1 << 3,
    CPU2_X2APIC = 1 << 4,
    CPU2_VPID = 1 << 5,
    CPU2_WBINVD = 1 << 6,
    CPU2_UNRESTRICTED = 1 << 7,
    CPU2_APIC_REGISTERS = 1 << 8,
    CPU2_VIRTUAL_INTR = 1 << 9,
    CPU2_PAUSE_LOOP = 1 << 10,
    CPU2_RDRAND = 1 << 11,
    CPU2_INVPCID = 1 << 12,
    CPU2_VMFUNC = 1 << 13,
    CPU2_SHADOW = 1 << 14,
    CPU2_RDSEED = 1 << 16,
    CPU2_PML = 1 << 17,
    CPU2_VE = 1 << 18,
    CPU2_XSAVES = 1 << 20,
    CPU2_TSC_SCALING = 1 << 25,
    CPU2_USER_WAIT = 1 << 26,
};
enum {
    EXIT_HOST64 = 1 << 9,
    EXIT_ACK = 1 << 15,
    EXIT_SAVE_EFER = 1 << 20,
    EXIT_LOAD_EFER = 1 << 21,
    EXIT_SAVE_TIMER = 1 << 22,
};
enum { ENTRY_IA32E = 1 << 9, ENTRY_LOAD_EFER = 1 << 15 };

/* What vm_run returns besides the exit-reason field: VMfailInvalid, or
 * VMfailValid with the error number in bits 7:0. */
#define VM_FAIL_INVALID UINT64_C(0x100000000)
#define VM_FAIL_VALID   UINT64_C(0x200000000)

/* --- the machine --- */

enum {
    GPR_RAX,
    GPR_RCX,
    GPR_RDX,
    GPR_RBX,
    GPR_RSP,
    GPR_RBP,
    GPR_RSI,
    GPR_RDI,
    GPR_COUNT = 16
};

/* A virtual machine: one VMCS and the registers that the VMCS has not. */
struct vm {
    uint64_t gpr[GPR_COUNT]; /* RSP is in the VMCS */
    uint64_t vmcs;           /* physical address */
    bool launched;
};

static inline uint64_t rdmsr(uint32_t n)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(n));
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t n, uint64_t v)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
                     : "memory");
}

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    __asm__ volatile("cpuid"
                     : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                     : "a"(leaf), "c"(sub));
}

uint64_t vmread(unsigned field); /* fails the test when it fails */
void vmwrite(unsigned field, uint64_t v);

/* The processor has VMX and the firmware lets us use it. */
bool vmx_possible(void);

/* VMXON, once. False: the test cannot go on. */
bool vmx_start(void);

/* Controls of a field that the capability MSRs allow to be 1; of the
 * secondary controls 0 when there are none. */
uint32_t vmx_allowed(unsigned field);

/* A fresh, clear, current VMCS whose guest begins at `code` in 64-bit mode at
 * level 0, on the paging and descriptor tables that run now, with a stack of
 * its own and interrupts off. Nothing exits but what must. */
void vm_reset(struct vm *vm, const void *code);

/* Set bits of a control field; with secondary ones the primary's bit too.
 * False: the processor has not all of them. */
bool vm_enable(unsigned field, uint32_t bits);

/* EPT that maps the first 4 GiB to themselves with 4-KiB pages around `at`
 * and 2-MiB pages elsewhere; *entry is the entry of the page at `at`. False:
 * no EPT. */
bool vm_enable_ept(uint64_t at, uint64_t **entry);

/* VMLAUNCH or VMRESUME; back at the next exit. */
uint64_t vm_run(struct vm *vm);

/* A zeroed page of its own. Those after the first `used` can be given back. */
void *page(void);
unsigned pages_used(void);
void pages_release(unsigned used);

/* Run `insn`: the vector of the exception it raises, or -1. */
int faults(void (*insn)(void));

/* The local APIC, mapped where it is after reset. */
void apic_write(unsigned offset, uint32_t v);
uint32_t apic_read(unsigned offset);

/* --- results: docs/regress.md --- */
void plan_begin(void);
void ok(bool good, const char *format, ...);
void skip(const char *name, const char *why);
void diag(const char *format, ...);
int plan_end(void); /* prints the plan; 0 when nothing failed */

#endif
