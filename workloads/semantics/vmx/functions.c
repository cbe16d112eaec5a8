/* SPDX-License-Identifier: Apache-2.0
 * VM functions and virtualization exceptions. SDM Vol.3 "VM Functions",
 * "Virtualization Exceptions".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

enum { EXCEPTION = 0, VMCALL = 18, EPT_VIOLATION = 48, VMFUNC = 59 };
enum { UD = 6, VE = 20 };
enum { F_VE_AREA = 0x202a, MSR_VMFUNC = 0x491, EPTP_SWITCHING = 1 };

/* mov rbx, [rsi]; vmfunc; mov rdx, [rsi]; vmcall */
extern const char switch_code[], load_code[];
__asm__(".pushsection .text\n"
        ".globl switch_code, load_code\n"
        "switch_code: mov (%rsi), %rbx; vmfunc; mov (%rsi), %rdx; vmcall\n"
        "load_code: mov (%rsi), %rbx; vmcall\n"
        ".popsection");

static struct vm vm;

static uint64_t run(const char *code)
{
    vmwrite(F_GUEST_RIP, (uintptr_t)code);
    vmwrite(F_GUEST_RFLAGS, 2);
    return vm_run(&vm);
}

static void expect(const char *name, uint64_t reason, unsigned due)
{
    ok(reason == due, "%s", name);
    if (reason != due)
        diag("reason %lx event %lx qualification %lx", reason,
             vmread(F_EXIT_EVENT), vmread(F_QUALIFICATION));
}

static void expect_event(const char *name, uint64_t reason, unsigned vector)
{
    uint64_t event = vmread(F_EXIT_EVENT);
    bool same = reason == EXCEPTION && event == (0x80000300 | vector);
    ok(same, "%s", name);
    if (!same)
        diag("reason %lx event %lx", reason, event);
}

static void equals(const char *name, uint64_t is, uint64_t due)
{
    ok(is == due, "%s", name);
    if (is != due)
        diag("%lx, not %lx", is, due);
}

/* ---------------------------------------------------------- EPTP switching */

/* Two roots: the second has page `b` where the first has `a`. */
static bool two_roots(uint64_t *list, uint64_t *a, const uint64_t *b)
{
    uint64_t *entry;
    if (!vm_enable_ept((uintptr_t)a, &entry))
        return false;
    list[1] = vmread(F_EPTP);
    if (!vm_enable_ept((uintptr_t)a, &entry))
        return false;
    *entry = (uintptr_t)b | (*entry & 0xfff);
    list[2] = vmread(F_EPTP);
    list[3] = list[2] | 0x800; /* a reserved bit */
    vmwrite(F_EPTP, list[1]);
    return true;
}

static void set(uint32_t function, uint64_t index, const void *at)
{
    vm.gpr[GPR_RAX] = function;
    vm.gpr[GPR_RCX] = index;
    vm.gpr[GPR_RSI] = (uintptr_t)at;
}

static void test_vmfunc(void)
{
    uint64_t *a = page(), *b = page(), *list = page();
    *a = 0x1111;
    *b = 0x2222;
    vm_reset(&vm, switch_code);
    vmwrite(F_EXCEPTIONS, UINT32_MAX);
    set(0, 2, a);
    expect_event("VMFUNC without the control", run(switch_code), UD);
    if (!two_roots(list, a, b) || !vm_enable(F_SECONDARY, CPU2_VMFUNC) ||
        (rdmsr(MSR_VMFUNC) & EPTP_SWITCHING) == 0) {
        skip("EPTP switching", "none");
        return;
    }
    vmwrite(F_VM_FUNCTIONS, 0);
    expect("a function that is off", run(switch_code), VMFUNC);
    vmwrite(F_VM_FUNCTIONS, EPTP_SWITCHING);
    vmwrite(F_EPTP_LIST, (uintptr_t)list);
    set(64, 2, a);
    expect_event("function 64", run(switch_code), UD);
    set(63, 2, a);
    expect("function 63", run(switch_code), VMFUNC);
    equals("its length", vmread(F_LENGTH), 3);
    set(0, 512, a);
    expect("entry 512", run(switch_code), VMFUNC);
    set(0, 3, a);
    expect("an EPT pointer with a reserved bit", run(switch_code), VMFUNC);
    equals("the EPT pointer stays", vmread(F_EPTP), list[1]);
    set(0, UINT64_C(0x700000002), a);
    expect("entry 2", run(switch_code), VMCALL);
    equals("before it the first page", vm.gpr[GPR_RBX], 0x1111);
    equals("after it the second", vm.gpr[GPR_RDX], 0x2222);
    equals("the VMCS has the EPT pointer", vmread(F_EPTP), list[2]);
    if ((vmx_allowed(F_SECONDARY) & CPU2_VE) != 0)
        equals("and its index", vmread(F_EPTP_INDEX), 2);
}

/* -------------------------------------------------------------------- #VE */

struct area {
    uint32_t reason, busy;
    uint64_t qualification, linear, physical;
    uint16_t index;
};

static void check_area(const struct area *area, const uint64_t *at)
{
    equals("the area: reason", area->reason, EPT_VIOLATION);
    equals("... in use", area->busy, UINT32_MAX);
    equals("... qualification", area->qualification & 0x1bf, 0x181);
    equals("... linear address", area->linear, (uintptr_t)at + 0x128);
    equals("... physical address", area->physical, (uintptr_t)at + 0x128);
}

static void test_ve(void)
{
    uint64_t *at = page(), *entry;
    volatile struct area *area = page();
    vm_reset(&vm, load_code);
    vmwrite(F_EXCEPTIONS, UINT32_MAX);
    if (!vm_enable_ept((uintptr_t)at, &entry) ||
        !vm_enable(F_SECONDARY, CPU2_VE)) {
        skip("#VE", "none");
        return;
    }
    vmwrite(F_VE_AREA, (uintptr_t)area);
    set(0, 0, (const char *)at + 0x128);
    uint64_t mapped = *entry;
    *entry = 0;
    expect_event("a violation becomes #VE", run(load_code), VE);
    check_area((const struct area *)area, at);
    equals("the guest is at the instruction", vmread(F_GUEST_RIP),
           (uintptr_t)load_code);
    expect("while the area is in use, it exits", run(load_code), EPT_VIOLATION);
    area->busy = 0;
    *entry = UINT64_C(1) << 63;
    expect("so it does when suppressed", run(load_code), EPT_VIOLATION);
    equals("the area is left alone", area->busy, 0);
    *entry = mapped;
    expect("a page that is there", run(load_code), VMCALL);
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("functions", "no VMX");
        return plan_end();
    }
    test_vmfunc();
    test_ve();
    return plan_end();
}
