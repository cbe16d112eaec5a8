/* SPDX-License-Identifier: Apache-2.0
 * VMX as the processor's manual defines it, transcribed here for monitors:
 * MSRs, controls, VMCS encodings, exit reasons, and the instructions. Intel
 * SDM Vol.3, appendices "VMX Capability Reporting Facility", "Field Encoding
 * in VMCS" and "VMX Basic Exit Reasons".
 */
#ifndef WORKLOADS_MICROHV_VMX_H
#define WORKLOADS_MICROHV_VMX_H

#include "workloads/runtime/types.h"

/* ---- MSRs ---- */

#define MSR_FEATURE_CONTROL 0x3au
#define FEATURE_LOCKED      (1ull << 0)
#define FEATURE_VMX         (1ull << 2) /* outside SMX operation */

#define MSR_VMX_FIRST        0x480u
#define MSR_VMX_BASIC        0x480u
#define MSR_VMX_PINBASED     0x481u
#define MSR_VMX_PROCBASED    0x482u
#define MSR_VMX_EXIT         0x483u
#define MSR_VMX_ENTRY        0x484u
#define MSR_VMX_MISC         0x485u
#define MSR_VMX_CR0_FIXED0   0x486u
#define MSR_VMX_CR0_FIXED1   0x487u
#define MSR_VMX_CR4_FIXED0   0x488u
#define MSR_VMX_CR4_FIXED1   0x489u
#define MSR_VMX_PROCBASED2   0x48bu
#define MSR_VMX_EPT_VPID_CAP 0x48cu
#define MSR_VMX_TRUE_PIN     0x48du
#define MSR_VMX_TRUE_PROC    0x48eu
#define MSR_VMX_TRUE_EXIT    0x48fu
#define MSR_VMX_TRUE_ENTRY   0x490u
#define MSR_VMX_LAST         0x493u

#define VMX_BASIC_TRUE_CONTROLS (1ull << 55)
#define VMX_MISC_SAVE_LMA       (1ull << 5)
#define VMX_MISC_HLT            (1ull << 6)

#define EPT_CAP_2M      (1ull << 16)
#define EPT_CAP_1G      (1ull << 17)
#define EPT_CAP_INVEPT  (1ull << 20)
#define EPT_CAP_AD      (1ull << 21)
#define EPT_CAP_INVVPID (1ull << 32)

/* ---- Controls ---- */

#define PIN_EXTERNAL_INTERRUPT (1u << 0)
#define PIN_NMI                (1u << 3)
#define PIN_VIRTUAL_NMI        (1u << 5)
#define PIN_PREEMPTION_TIMER   (1u << 6)

#define PROC_INTERRUPT_WINDOW (1u << 2)
#define PROC_TSC_OFFSET       (1u << 3)
#define PROC_HLT              (1u << 7)
#define PROC_INVLPG           (1u << 9)
#define PROC_CR3_LOAD         (1u << 15)
#define PROC_CR3_STORE        (1u << 16)
#define PROC_TPR_SHADOW       (1u << 21)
#define PROC_NMI_WINDOW       (1u << 22)
#define PROC_IO_BITMAPS       (1u << 25)
#define PROC_MSR_BITMAPS      (1u << 28)
#define PROC_SECONDARY        (1u << 31)

#define PROC2_APIC_ACCESSES  (1u << 0)
#define PROC2_EPT            (1u << 1)
#define PROC2_RDTSCP         (1u << 3)
#define PROC2_VPID           (1u << 5)
#define PROC2_UNRESTRICTED   (1u << 7)
#define PROC2_APIC_REGISTERS (1u << 8)
#define PROC2_VIRTUAL_INTR   (1u << 9)
#define PROC2_INVPCID        (1u << 12)
#define PROC2_PML            (1u << 17)
#define PROC2_XSAVES         (1u << 20)
#define PROC2_USER_WAIT      (1u << 26)

#define EXIT_SAVE_DEBUG    (1u << 2)
#define EXIT_HOST_64       (1u << 9)
#define EXIT_ACK_INTERRUPT (1u << 15)
#define EXIT_SAVE_PAT      (1u << 18)
#define EXIT_LOAD_PAT      (1u << 19)
#define EXIT_SAVE_EFER     (1u << 20)
#define EXIT_LOAD_EFER     (1u << 21)
#define EXIT_SAVE_TIMER    (1u << 22)

#define ENTRY_LOAD_DEBUG (1u << 2)
#define ENTRY_IA32E      (1u << 9)
#define ENTRY_LOAD_PAT   (1u << 14)
#define ENTRY_LOAD_EFER  (1u << 15)

/* ---- VMCS fields ---- */

enum vmcs_field {
    VPID = 0x0000,
    GUEST_ES_SELECTOR = 0x0800,
    GUEST_CS_SELECTOR = 0x0802,
    GUEST_SS_SELECTOR = 0x0804,
    GUEST_DS_SELECTOR = 0x0806,
    GUEST_FS_SELECTOR = 0x0808,
    GUEST_GS_SELECTOR = 0x080a,
    GUEST_LDTR_SELECTOR = 0x080c,
    GUEST_TR_SELECTOR = 0x080e,
    PML_INDEX = 0x0812,
    HOST_ES_SELECTOR = 0x0c00,
    HOST_CS_SELECTOR = 0x0c02,
    HOST_SS_SELECTOR = 0x0c04,
    HOST_DS_SELECTOR = 0x0c06,
    HOST_FS_SELECTOR = 0x0c08,
    HOST_GS_SELECTOR = 0x0c0a,
    HOST_TR_SELECTOR = 0x0c0c,

    IO_BITMAP_A = 0x2000,
    IO_BITMAP_B = 0x2002,
    MSR_BITMAP = 0x2004,
    PML_ADDRESS = 0x200e,
    TSC_OFFSET = 0x2010,
    VIRTUAL_APIC_PAGE = 0x2012,
    APIC_ACCESS_PAGE = 0x2014,
    EPT_POINTER = 0x201a,
    EOI_EXIT_BITMAP0 = 0x201c,
    EOI_EXIT_BITMAP1 = 0x201e,
    EOI_EXIT_BITMAP2 = 0x2020,
    EOI_EXIT_BITMAP3 = 0x2022,
    XSS_EXIT_BITMAP = 0x202c,
    GUEST_PHYSICAL = 0x2400,
    VMCS_LINK = 0x2800,
    GUEST_DEBUGCTL = 0x2802,
    GUEST_PAT = 0x2804,
    GUEST_EFER = 0x2806,
    GUEST_PDPTE0 = 0x280a,
    HOST_PAT = 0x2c00,
    HOST_EFER = 0x2c02,

    PIN_CONTROLS = 0x4000,
    PROC_CONTROLS = 0x4002,
    EXCEPTION_BITMAP = 0x4004,
    PF_ERROR_MASK = 0x4006,
    PF_ERROR_MATCH = 0x4008,
    CR3_TARGET_COUNT = 0x400a,
    EXIT_CONTROLS = 0x400c,
    EXIT_MSR_STORE_COUNT = 0x400e,
    EXIT_MSR_LOAD_COUNT = 0x4010,
    ENTRY_CONTROLS = 0x4012,
    ENTRY_MSR_LOAD_COUNT = 0x4014,
    ENTRY_INTERRUPTION = 0x4016,
    ENTRY_ERROR_CODE = 0x4018,
    ENTRY_LENGTH = 0x401a,
    TPR_THRESHOLD = 0x401c,
    PROC2_CONTROLS = 0x401e,
    INSTRUCTION_ERROR = 0x4400,
    EXIT_REASON = 0x4402,
    EXIT_INTERRUPTION = 0x4404,
    EXIT_ERROR_CODE = 0x4406,
    IDT_VECTORING = 0x4408,
    IDT_ERROR_CODE = 0x440a,
    EXIT_LENGTH = 0x440c,
    EXIT_INFO = 0x440e,
    GUEST_ES_LIMIT = 0x4800,
    GUEST_LDTR_LIMIT = 0x480c,
    GUEST_TR_LIMIT = 0x480e,
    GUEST_GDTR_LIMIT = 0x4810,
    GUEST_IDTR_LIMIT = 0x4812,
    GUEST_ES_ACCESS = 0x4814,
    GUEST_CS_ACCESS = 0x4816,
    GUEST_SS_ACCESS = 0x4818,
    GUEST_LDTR_ACCESS = 0x4820,
    GUEST_TR_ACCESS = 0x4822,
    GUEST_INTERRUPTIBILITY = 0x4824,
    GUEST_ACTIVITY = 0x4826,
    GUEST_SYSENTER_CS = 0x482a,
    PREEMPTION_TIMER = 0x482e,
    HOST_SYSENTER_CS = 0x4c00,

    CR0_MASK = 0x6000,
    CR4_MASK = 0x6002,
    CR0_SHADOW = 0x6004,
    CR4_SHADOW = 0x6006,
    EXIT_QUALIFICATION = 0x6400,
    GUEST_LINEAR = 0x640a,
    GUEST_CR0 = 0x6800,
    GUEST_CR3 = 0x6802,
    GUEST_CR4 = 0x6804,
    GUEST_ES_BASE = 0x6806,
    GUEST_CS_BASE = 0x6808,
    GUEST_LDTR_BASE = 0x6812,
    GUEST_TR_BASE = 0x6814,
    GUEST_GDTR_BASE = 0x6816,
    GUEST_IDTR_BASE = 0x6818,
    GUEST_DR7 = 0x681a,
    GUEST_RSP = 0x681c,
    GUEST_RIP = 0x681e,
    GUEST_RFLAGS = 0x6820,
    GUEST_PENDING_DEBUG = 0x6822,
    GUEST_SYSENTER_ESP = 0x6824,
    GUEST_SYSENTER_EIP = 0x6826,
    HOST_CR0 = 0x6c00,
    HOST_CR3 = 0x6c02,
    HOST_CR4 = 0x6c04,
    HOST_FS_BASE = 0x6c06,
    HOST_GS_BASE = 0x6c08,
    HOST_TR_BASE = 0x6c0a,
    HOST_GDTR_BASE = 0x6c0c,
    HOST_IDTR_BASE = 0x6c0e,
    HOST_SYSENTER_ESP = 0x6c10,
    HOST_SYSENTER_EIP = 0x6c12,
    HOST_RSP = 0x6c14,
    HOST_RIP = 0x6c16,
};

/* ---- Exit reasons and what describes them ---- */

enum exit_reason {
    EXIT_EXCEPTION_NMI = 0,
    EXIT_EXTERNAL_INTERRUPT = 1,
    EXIT_TRIPLE_FAULT = 2,
    EXIT_INIT = 3,
    EXIT_SIPI = 4,
    EXIT_INTERRUPT_WINDOW = 7,
    EXIT_NMI_WINDOW = 8,
    EXIT_TASK_SWITCH = 9,
    EXIT_CPUID = 10,
    EXIT_GETSEC = 11,
    EXIT_HLT = 12,
    EXIT_INVD = 13,
    EXIT_INVLPG = 14,
    EXIT_VMCALL = 18,
    EXIT_VMCLEAR = 19,
    EXIT_VMXON = 27,
    EXIT_CR_ACCESS = 28,
    EXIT_IO = 30,
    EXIT_RDMSR = 31,
    EXIT_WRMSR = 32,
    EXIT_ENTRY_GUEST_STATE = 33,
    EXIT_ENTRY_MSR_LOAD = 34,
    EXIT_APIC_ACCESS = 44,
    EXIT_VIRTUAL_EOI = 45,
    EXIT_EPT_VIOLATION = 48,
    EXIT_EPT_MISCONFIG = 49,
    EXIT_INVEPT = 50,
    EXIT_PREEMPTION_TIMER = 52,
    EXIT_INVVPID = 53,
    EXIT_XSETBV = 55,
    EXIT_APIC_WRITE = 56,
    EXIT_VMFUNC = 59,
    EXIT_REASONS = 80,
};
#define EXIT_ENTRY_FAILED (1u << 31)

/* Interruption information, of exits and for entries. */
#define EVENT_VALID      (1u << 31)
#define EVENT_ERROR      (1u << 11)
#define EVENT_EXTERNAL   (0u << 8)
#define EVENT_NMI        (2u << 8)
#define EVENT_EXCEPTION  (3u << 8)
#define EVENT_TYPE(info) ((info) >> 8 & 7)
#define TYPE_EXTERNAL    0u
#define TYPE_NMI         2u
#define TYPE_EXCEPTION   3u
#define TYPE_SOFT_INT    4u
#define TYPE_SOFT_PRIV   5u
#define TYPE_SOFT_EXC    6u

#define BLOCKED_BY_STI   1u
#define BLOCKED_BY_MOVSS 2u
#define BLOCKED_BY_NMI   8u

#define ACTIVITY_ACTIVE 0u
#define ACTIVITY_HLT    1u

/* Access rights of a segment in the VMCS. */
#define AR_UNUSABLE (1u << 16)

/* ---- EPT ---- */

#define EPT_READ    1ull
#define EPT_WRITE   2ull
#define EPT_EXECUTE 4ull
#define EPT_RWX     7ull
#define EPT_TYPE(t) ((u64)(t) << 3)
#define EPT_LEAF    (1ull << 7)
#define EPT_A       (1ull << 8)
#define EPT_D       (1ull << 9)
#define MEMORY_UC   0
#define MEMORY_WB   6

#define EPTP_WALK_4 (3ull << 3)
#define EPTP_AD     (1ull << 6)

/* ---- Instructions. True: VMsucceed. ---- */

static inline bool vmx_on(u64 pa)
{
    bool bad;

    __asm__ volatile("vmxon %1" : "=@ccbe"(bad) : "m"(pa) : "memory");
    return !bad;
}

static inline void vmx_off(void)
{
    __asm__ volatile("vmxoff" : : : "memory", "cc");
}

static inline bool vmx_clear(u64 pa)
{
    bool bad;

    __asm__ volatile("vmclear %1" : "=@ccbe"(bad) : "m"(pa) : "memory");
    return !bad;
}

static inline bool vmx_load(u64 pa)
{
    bool bad;

    __asm__ volatile("vmptrld %1" : "=@ccbe"(bad) : "m"(pa) : "memory");
    return !bad;
}

static inline u64 vm_read(enum vmcs_field field)
{
    u64 v;

    __asm__ volatile("vmread %1, %0" : "=r"(v) : "r"((u64)field) : "cc");
    return v;
}

bool vm_write_failed(enum vmcs_field field);

static inline void vm_write(enum vmcs_field field, u64 v)
{
    bool bad;

    __asm__ volatile("vmwrite %1, %2"
                     : "=@ccbe"(bad)
                     : "r"(v), "r"((u64)field));
    if (__builtin_expect(bad, false))
        vm_write_failed(field);
}

struct inv_descriptor {
    u64 first, second;
};

enum { INVEPT_CONTEXT = 1, INVEPT_ALL = 2 };
enum {
    INVVPID_ADDRESS = 0,
    INVVPID_CONTEXT = 1,
    INVVPID_ALL = 2,
    INVVPID_KEEP_GLOBAL = 3,
};

static inline bool invept(u64 type, u64 eptp)
{
    struct inv_descriptor d = {eptp, 0};
    bool bad;

    __asm__ volatile("invept %1, %2"
                     : "=@ccbe"(bad)
                     : "m"(d), "r"(type)
                     : "memory");
    return !bad;
}

static inline bool invvpid(u64 type, u16 vpid, u64 linear)
{
    struct inv_descriptor d = {vpid, linear};
    bool bad;

    __asm__ volatile("invvpid %1, %2"
                     : "=@ccbe"(bad)
                     : "m"(d), "r"(type)
                     : "memory");
    return !bad;
}

#endif
