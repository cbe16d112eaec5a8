/* SPDX-License-Identifier: Apache-2.0
 * The loop of the virtual machine: enter, find the exit's reason, handle it.
 */
#include "workloads/microhv/hv.h"

/* No options besides those of options.c. */
bool extra_option(const char *word, size_t n)
{
    (void)word;
    (void)n;
    return false;
}

static exit_handler *const handler[EXIT_REASONS] = {
    [EXIT_EXCEPTION_NMI] = exit_exception_nmi,
    [EXIT_EXTERNAL_INTERRUPT] = exit_external,
    [EXIT_TRIPLE_FAULT] = exit_triple_fault,
    [EXIT_INTERRUPT_WINDOW] = exit_window,
    [EXIT_NMI_WINDOW] = exit_nmi_window,
    [EXIT_CPUID] = exit_cpuid,
    [EXIT_GETSEC] = exit_ud,
    [EXIT_HLT] = exit_hlt,
    [EXIT_INVD] = exit_invd,
    [EXIT_INVLPG] = exit_invlpg,
    [EXIT_VMCALL... EXIT_VMXON] = exit_ud,
    [EXIT_CR_ACCESS] = exit_cr,
    [EXIT_IO] = exit_io,
    [EXIT_RDMSR] = exit_rdmsr,
    [EXIT_WRMSR] = exit_wrmsr,
    [EXIT_EPT_VIOLATION] = exit_ept_violation,
    [EXIT_INVEPT] = exit_ud,
    [EXIT_INVVPID] = exit_ud,
    [EXIT_XSETBV] = exit_xsetbv,
    [EXIT_VMFUNC] = exit_ud,
};

void vm_run(struct vcpu *v)
{
    for (;;) {
        irq_before_entry(v);
        if (vm_enter(v))
            hv_panic("VM entry fails with error %lu",
                     vm_read(INSTRUCTION_ERROR));
        u64 reason = vm_read(EXIT_REASON);
        if (reason & EXIT_ENTRY_FAILED || reason >= EXIT_REASONS) {
            exit_unexpected(v);
            continue;
        }
        v->exits[reason]++;
        v->vectoring = false;
        (handler[reason] ? handler[reason] : exit_unexpected)(v);
    }
}
