/* SPDX-License-Identifier: Apache-2.0
 * The VMX-preemption timer, and on a processor with the private extensions
 * the VMM timer. SDM Vol.3 "VMX-Preemption Timer".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

static struct vm vm;

#define CODE(name, text)                                                       \
    __asm__(".pushsection .text\n.globl code_" #name ", end_" #name            \
            "\n.balign 16\ncode_" #name ": " text "\nend_" #name               \
            ": vmcall\n.popsection");                                          \
    extern const char code_##name[], end_##name[]

CODE(loop, "1: jmp 1b");
CODE(nothing, "nop");
CODE(cpuid, "xor %eax, %eax; cpuid");
CODE(hlt, "hlt");
CODE(count, "mov $10000, %ecx; 1: dec %ecx; jnz 1b");

enum { SAVE_TIMER = 1 << 22, EXIT_TIMER = 52, EXIT_VMM_TIMER = 0x106 };

static uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* The timer counts down by 1 as this bit of the TSC changes. */
static unsigned rate(void)
{
    return rdmsr(0x485) & 31;
}

static bool start(const void *code, uint64_t value)
{
    vm_reset(&vm, code);
    vmwrite(F_TIMER, value);
    return vm_enable(F_PIN, PIN_TIMER);
}

static void test_zero(void)
{
    (void)start(code_nothing, 0);
    uint64_t reason = vm_run(&vm);
    ok(reason == EXIT_TIMER && vmread(F_GUEST_RIP) == (uintptr_t)code_nothing,
       "exit 52 zero: before the first instruction");
}

static void test_rate(void)
{
    static const uint64_t values[] = {100, 1000, 5000};
    for (unsigned i = 0; i < 3; i++) {
        (void)start(code_loop, values[i]);
        uint64_t before = rdtsc();
        uint64_t reason = vm_run(&vm);
        uint64_t gone = rdtsc() - before, least = (values[i] - 1) << rate();
        if (reason != EXIT_TIMER || gone < least)
            diag("exit reason 0x%lx after %lu, not %lu", reason, gone, least);
        ok(reason == EXIT_TIMER && gone >= least, "exit 52 not before %lu",
           values[i]);
    }
}

static void test_other_exit(void)
{
    (void)start(code_cpuid, 0x10000000);
    uint64_t reason = vm_run(&vm);
    ok(reason == 10 && vmread(F_TIMER) == 0x10000000,
       "another exit leaves the value as it was");
    if (!start(code_count, 0x10000000) || !vm_enable(F_EXIT, SAVE_TIMER)) {
        skip("saving the value", "not in this processor");
        return;
    }
    uint64_t before = rdtsc();
    reason = vm_run(&vm);
    uint64_t gone = (rdtsc() - before) >> rate(), left = vmread(F_TIMER);
    if (left >= 0x10000000 || 0x10000000 - left > gone + 1)
        diag("0x%lx is left, %lu have passed", left, gone);
    ok(reason == 18 && left < 0x10000000 && 0x10000000 - left <= gone + 1,
       "what is left is saved by another exit");
    (void)start(code_loop, 10);
    (void)vm_enable(F_EXIT, SAVE_TIMER);
    reason = vm_run(&vm);
    ok(reason == EXIT_TIMER && vmread(F_TIMER) == 0,
       "0 is saved by its own exit");
}

static void test_halted(void)
{
    (void)start(code_hlt, 2000);
    uint64_t reason = vm_run(&vm);
    bool good = reason == EXIT_TIMER && vmread(F_ACTIVITY) == 1 &&
                vmread(F_GUEST_RIP) == (uintptr_t)end_hlt;
    if (!good)
        diag("exit reason 0x%lx, activity %lu, RIP 0x%lx", reason,
             vmread(F_ACTIVITY), vmread(F_GUEST_RIP));
    ok(good, "exit 52 out of HLT");
    /* Entered halted; IA32_VMX_MISC bit 6. */
    if ((rdmsr(0x485) >> 6 & 1) == 0) {
        skip("exit 52 out of an activity state", "not in this processor");
        return;
    }
    (void)start(code_nothing, 2000);
    vmwrite(F_ACTIVITY, 1);
    reason = vm_run(&vm);
    ok(reason == EXIT_TIMER && vmread(F_ACTIVITY) == 1 &&
           vmread(F_GUEST_RIP) == (uintptr_t)code_nothing,
       "exit 52 out of an activity state");
}

static void test_injected(void)
{
    /* An event that is injected comes first: the exit is at its handler. */
    if (!start(code_nothing, 0))
        return;
    vmwrite(F_ENTRY_EVENT, 0x80000306); /* #UD */
    uint64_t reason = vm_run(&vm), rip = vmread(F_GUEST_RIP);
    ok(reason == EXIT_TIMER && rip != (uintptr_t)code_nothing,
       "exit 52 after an injected event");
}

/* --- the private timer --- */

enum {
    F_TERTIARY = 0x2034,
    F_VMM_VALUE = 0x2340,
    F_VMM_READING = 0x2740,
    F_VMM_CONFIG = 0x4340,
    MODE_RELATIVE = 1,
    MODE_ABSOLUTE = 2,
};
#define VMM_TIMER (UINT64_C(1) << 51)

static bool vmm_start(const void *code, unsigned config, uint64_t value)
{
    enum { TERTIARY = 1 << 17 };
    vm_reset(&vm, code);
    if ((vmx_allowed(F_PRIMARY) & TERTIARY) == 0 ||
        (rdmsr(0x492) & VMM_TIMER) == 0)
        return false;
    vmwrite(F_PRIMARY, vmread(F_PRIMARY) | TERTIARY);
    vmwrite(F_TERTIARY, VMM_TIMER);
    vmwrite(F_VMM_CONFIG, config);
    vmwrite(F_VMM_VALUE, value);
    return true;
}

static void test_vmm_timer(void)
{
    uint64_t at = rdtsc() + 50000;
    if (!vmm_start(code_loop, MODE_ABSOLUTE, at)) {
        skip("exit 262 VMM timer", "not in this processor");
        return;
    }
    uint64_t reason = vm_run(&vm), now = rdtsc();
    if (reason != EXIT_VMM_TIMER || now < at)
        diag("exit reason 0x%lx at %lu, not %lu", reason, now, at);
    ok(reason == EXIT_VMM_TIMER && now >= at, "exit 262 at an absolute time");
    ok(vmread(F_VMM_READING) >= at && vmread(F_VMM_READING) <= now,
       "the reading of the exit");
    (void)vmm_start(code_nothing, MODE_ABSOLUTE, 1);
    reason = vm_run(&vm);
    ok(reason == EXIT_VMM_TIMER &&
           vmread(F_GUEST_RIP) == (uintptr_t)code_nothing,
       "exit 262 a time that is past");
    uint64_t before = rdtsc();
    (void)vmm_start(code_hlt, MODE_RELATIVE, 30000);
    reason = vm_run(&vm);
    now = rdtsc();
    ok(reason == EXIT_VMM_TIMER && now - before >= 30000,
       "exit 262 relative, out of HLT");
    (void)vmm_start(code_nothing, 3, 0); /* no such mode */
    reason = vm_run(&vm);
    ok(reason == (VM_FAIL_VALID | 7), "a mode that is none");
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("all", "no VMX, or the firmware has locked it off");
        return plan_end();
    }
    if (start(code_nothing, 0)) {
        test_zero();
        test_rate();
        test_other_exit();
        test_halted();
        test_injected();
    } else {
        skip("exit 52", "no VMX-preemption timer");
    }
    test_vmm_timer();
    return plan_end();
}
