/* SPDX-License-Identifier: Apache-2.0
 * Bits of the VM-execution, VM-exit and VM-entry controls, and other
 * constants of VMX. SDM Vol.3 "Virtual-Machine Control Structures",
 * appendix "VMX Basic Exit Reasons".
 */
#ifndef VTSIM_CPU_VMX_CONTROLS_H
#define VTSIM_CPU_VMX_CONTROLS_H

#include <stdint.h>

/* Pin-based. */
enum {
    PIN_EXTERNAL_INTERRUPT = 1 << 0,
    PIN_NMI = 1 << 3,
    PIN_VIRTUAL_NMI = 1 << 5,
    PIN_TIMER = 1 << 6,
    PIN_POSTED = 1 << 7,
};

/* Primary processor-based. */
enum {
    PROC_INTERRUPT_WINDOW = 1 << 2,
    PROC_TSC_OFFSET = 1 << 3,
    PROC_HLT = 1 << 7,
    PROC_INVLPG = 1 << 9,
    PROC_MWAIT = 1 << 10,
    PROC_RDPMC = 1 << 11,
    PROC_RDTSC = 1 << 12,
    PROC_CR3_LOAD = 1 << 15,
    PROC_CR3_STORE = 1 << 16,
    PROC_TERTIARY = 1 << 17,
    PROC_CR8_LOAD = 1 << 19,
    PROC_CR8_STORE = 1 << 20,
    PROC_TPR_SHADOW = 1 << 21,
    PROC_NMI_WINDOW = 1 << 22,
    PROC_MOV_DR = 1 << 23,
    PROC_IO = 1 << 24,
    PROC_IO_BITMAPS = 1 << 25,
    PROC_MTF = 1 << 27,
    PROC_MSR_BITMAPS = 1 << 28,
    PROC_MONITOR = 1 << 29,
    PROC_PAUSE = 1 << 30,
};
#define PROC_SECONDARY (UINT32_C(1) << 31)

/* Secondary processor-based. */
enum {
    PROC2_APIC_ACCESSES = 1 << 0,
    PROC2_EPT = 1 << 1,
    PROC2_DESC_TABLE = 1 << 2,
    PROC2_RDTSCP = 1 << 3,
    PROC2_X2APIC = 1 << 4,
    PROC2_VPID = 1 << 5,
    PROC2_WBINVD = 1 << 6,
    PROC2_UNRESTRICTED = 1 << 7,
    PROC2_APIC_REGISTERS = 1 << 8,
    PROC2_VIRTUAL_INTERRUPTS = 1 << 9,
    PROC2_PAUSE_LOOP = 1 << 10,
    PROC2_RDRAND = 1 << 11,
    PROC2_INVPCID = 1 << 12,
    PROC2_VMFUNC = 1 << 13,
    PROC2_SHADOW = 1 << 14,
    PROC2_RDSEED = 1 << 16,
    PROC2_PML = 1 << 17,
    PROC2_VE = 1 << 18,
    PROC2_XSAVES = 1 << 20,
    PROC2_MBEC = 1 << 22,
    PROC2_SUB_PAGE = 1 << 23,
    PROC2_TSC_SCALING = 1 << 25,
    PROC2_USER_WAIT = 1 << 26,
};

/* Tertiary, private: mechanisms' section 0.3. */
#define PROC3_VMM_TIMER (UINT64_C(1) << 51)

/* Primary VM-exit. */
enum {
    EXIT_SAVE_DEBUG = 1 << 2,
    EXIT_HOST64 = 1 << 9,
    EXIT_LOAD_PERF_GLOBAL = 1 << 12,
    EXIT_ACK_INTERRUPT = 1 << 15,
    EXIT_SAVE_PAT = 1 << 18,
    EXIT_LOAD_PAT = 1 << 19,
    EXIT_SAVE_EFER = 1 << 20,
    EXIT_LOAD_EFER = 1 << 21,
    EXIT_SAVE_TIMER = 1 << 22,
};

/* VM-entry. */
enum {
    ENTRY_LOAD_DEBUG = 1 << 2,
    ENTRY_IA32E = 1 << 9,
    ENTRY_SMM = 1 << 10,
    ENTRY_DEACTIVATE_DUAL = 1 << 11,
    ENTRY_LOAD_PERF_GLOBAL = 1 << 13,
    ENTRY_LOAD_PAT = 1 << 14,
    ENTRY_LOAD_EFER = 1 << 15,
};

/* Interruption information: type in bits 10:8. */
enum {
    INTR_EXTERNAL = 0,
    INTR_NMI = 2,
    INTR_HARD_EXCEPTION = 3,
    INTR_SOFT_INTERRUPT = 4,
    INTR_PRIVILEGED = 5, /* INT1 */
    INTR_SOFT_EXCEPTION = 6,
    INTR_OTHER = 7, /* of an entry: pending MTF exit */
};
#define INTR_TYPE_SHIFT  8
#define INTR_ERROR_VALID (UINT32_C(1) << 11)
#define INTR_UNBLOCK_NMI                                                       \
    (UINT32_C(1) << 12) /* "NMI unblocking due to IRET"                        \
                         */
#define INTR_VALID (UINT32_C(1) << 31)

/* Guest interruptibility state. */
enum {
    BLOCK_STI = 1 << 0,
    BLOCK_MOV_SS = 1 << 1,
    BLOCK_SMI = 1 << 2,
    BLOCK_NMI = 1 << 3,
    BLOCK_ENCLAVE = 1 << 4,
};

/* Guest activity state. */
enum {
    GUEST_ACTIVE = 0,
    GUEST_HLT = 1,
    GUEST_SHUTDOWN = 2,
    GUEST_WAIT_SIPI = 3,
};

/* Pending debug exceptions. */
enum {
    PENDING_ENABLED = 1 << 12, /* a breakpoint of DR7 was met */
    PENDING_BS = 1 << 14,
};

/* EXIT(enumerator, number, name in statistics: KVM's, lower case) */
#define VMX_EXITS(EXIT)                                                        \
    EXIT(EXCEPTION_NMI, 0, "exception_nmi")                                    \
    EXIT(EXTERNAL_INTERRUPT, 1, "external_interrupt")                          \
    EXIT(TRIPLE_FAULT, 2, "triple_fault")                                      \
    EXIT(INIT, 3, "init_signal")                                               \
    EXIT(SIPI, 4, "sipi_signal")                                               \
    EXIT(INTERRUPT_WINDOW, 7, "interrupt_window")                              \
    EXIT(NMI_WINDOW, 8, "nmi_window")                                          \
    EXIT(TASK_SWITCH, 9, "task_switch")                                        \
    EXIT(CPUID, 10, "cpuid")                                                   \
    EXIT(GETSEC, 11, "getsec")                                                 \
    EXIT(HLT, 12, "hlt")                                                       \
    EXIT(INVD, 13, "invd")                                                     \
    EXIT(INVLPG, 14, "invlpg")                                                 \
    EXIT(RDPMC, 15, "rdpmc")                                                   \
    EXIT(RDTSC, 16, "rdtsc")                                                   \
    EXIT(RSM, 17, "rsm")                                                       \
    EXIT(VMCALL, 18, "vmcall")                                                 \
    EXIT(VMCLEAR, 19, "vmclear")                                               \
    EXIT(VMLAUNCH, 20, "vmlaunch")                                             \
    EXIT(VMPTRLD, 21, "vmptrld")                                               \
    EXIT(VMPTRST, 22, "vmptrst")                                               \
    EXIT(VMREAD, 23, "vmread")                                                 \
    EXIT(VMRESUME, 24, "vmresume")                                             \
    EXIT(VMWRITE, 25, "vmwrite")                                               \
    EXIT(VMXOFF, 26, "vmoff")                                                  \
    EXIT(VMXON, 27, "vmon")                                                    \
    EXIT(CR_ACCESS, 28, "cr_access")                                           \
    EXIT(DR_ACCESS, 29, "dr_access")                                           \
    EXIT(IO, 30, "io_instruction")                                             \
    EXIT(MSR_READ, 31, "msr_read")                                             \
    EXIT(MSR_WRITE, 32, "msr_write")                                           \
    EXIT(INVALID_STATE, 33, "invalid_state")                                   \
    EXIT(MSR_LOAD_FAIL, 34, "msr_load_fail")                                   \
    EXIT(MWAIT, 36, "mwait_instruction")                                       \
    EXIT(MTF, 37, "monitor_trap_flag")                                         \
    EXIT(MONITOR, 39, "monitor_instruction")                                   \
    EXIT(PAUSE, 40, "pause_instruction")                                       \
    EXIT(MCE_ENTRY, 41, "mce_during_vmentry")                                  \
    EXIT(TPR_THRESHOLD, 43, "tpr_below_threshold")                             \
    EXIT(APIC_ACCESS, 44, "apic_access")                                       \
    EXIT(EOI, 45, "eoi_induced")                                               \
    EXIT(GDTR_IDTR, 46, "gdtr_idtr")                                           \
    EXIT(LDTR_TR, 47, "ldtr_tr")                                               \
    EXIT(EPT_VIOLATION, 48, "ept_violation")                                   \
    EXIT(EPT_MISCONFIG, 49, "ept_misconfig")                                   \
    EXIT(INVEPT, 50, "invept")                                                 \
    EXIT(RDTSCP, 51, "rdtscp")                                                 \
    EXIT(PREEMPTION_TIMER, 52, "preemption_timer")                             \
    EXIT(INVVPID, 53, "invvpid")                                               \
    EXIT(WBINVD, 54, "wbinvd")                                                 \
    EXIT(XSETBV, 55, "xsetbv")                                                 \
    EXIT(APIC_WRITE, 56, "apic_write")                                         \
    EXIT(RDRAND, 57, "rdrand")                                                 \
    EXIT(INVPCID, 58, "invpcid")                                               \
    EXIT(VMFUNC, 59, "vmfunc")                                                 \
    EXIT(ENCLS, 60, "encls")                                                   \
    EXIT(RDSEED, 61, "rdseed")                                                 \
    EXIT(PML_FULL, 62, "pml_full")                                             \
    EXIT(XSAVES, 63, "xsaves")                                                 \
    EXIT(XRSTORS, 64, "xrstors")                                               \
    EXIT(SPP, 66, "spp_event")                                                 \
    EXIT(UMWAIT, 67, "umwait")                                                 \
    EXIT(TPAUSE, 68, "tpause")                                                 \
    EXIT(VMM_TIMER, 0x106, "vmm_timer")

enum vmx_reason {
#define EXIT(e, number, name) REASON_##e = number,
    VMX_EXITS(EXIT)
#undef EXIT
};
#define REASON_ENTRY_FAILURE (UINT32_C(1) << 31)

/* VM-instruction errors. SDM Vol.3 "VM Instruction Error Numbers". */
enum vmx_error {
    VMERR_VMCALL_IN_ROOT = 1,
    VMERR_VMCLEAR_ADDRESS = 2,
    VMERR_VMCLEAR_VMXON = 3,
    VMERR_VMLAUNCH_NOT_CLEAR = 4,
    VMERR_VMRESUME_NOT_LAUNCHED = 5,
    VMERR_VMRESUME_AFTER_VMXOFF = 6,
    VMERR_ENTRY_CONTROLS = 7,
    VMERR_ENTRY_HOST = 8,
    VMERR_VMPTRLD_ADDRESS = 9,
    VMERR_VMPTRLD_VMXON = 10,
    VMERR_VMPTRLD_REVISION = 11,
    VMERR_UNSUPPORTED_FIELD = 12,
    VMERR_READ_ONLY_FIELD = 13,
    VMERR_VMXON_IN_ROOT = 15,
    VMERR_ENTRY_EXECUTIVE = 16,
    VMERR_ENTRY_EXECUTIVE_LAUNCH = 17,
    VMERR_ENTRY_EXECUTIVE_VMXON = 18,
    VMERR_VMCALL_NOT_CLEAR = 19,
    VMERR_VMCALL_EXIT_CONTROLS = 20,
    VMERR_VMCALL_MSEG = 22,
    VMERR_VMXOFF_DUAL = 23,
    VMERR_VMCALL_SMM = 24,
    VMERR_ENTRY_DUAL = 25,
    VMERR_ENTRY_MOV_SS = 26,
    VMERR_INVALID_OPERAND = 28, /* of INVEPT and INVVPID */
};

/* Qualifications of exit 33. */
enum {
    ENTRY_QUAL_NONE = 0,
    ENTRY_QUAL_PDPTE = 2,
    ENTRY_QUAL_NMI = 3,
    ENTRY_QUAL_LINK = 4
};

/* VMX-abort indicators. */
enum {
    VMX_ABORT_MSR_SAVE = 1,
    VMX_ABORT_HOST_PDPTE = 2,
    VMX_ABORT_VMCS = 3,
    VMX_ABORT_MSR_LOAD = 4,
    VMX_ABORT_MACHINE_CHECK = 5,
    VMX_ABORT_LMA = 6,
};

#endif
