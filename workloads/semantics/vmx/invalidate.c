/* SPDX-License-Identifier: Apache-2.0
 * After an invalidation the new translation is used: each instruction and
 * transition that must drop one, with a change in the guest's tables or in
 * EPT before it. That the old translation is still used without it is allowed
 * and not required, so a note tells which it was. SDM Vol.3 "Operations that
 * Invalidate Cached Mappings".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

static struct vm vm;
extern uint64_t pml4[], pdpt[], pd[];
/* Two regions of 2 MiB that differ in a byte, and their first 4-KiB pages. */
static uint8_t region[2][2 << 20] __attribute__((aligned(2 << 20)));
static uint64_t target; /* the entry of `far` in the guest's directory */

enum { OLD = 0x11, NEW = 0x22, AT = 0x123 };
#define FAR UINT64_C(0x80000000) /* a linear address that nobody else uses */

#define CODE(name, text)                                                       \
    __asm__(".pushsection .text\n.globl code_" #name                           \
            "\n.balign 16\ncode_" #name ": " text                              \
            "\nvmcall\nvmcall\n.popsection");                                  \
    extern const char code_##name[]

/* Reads into AL, over and over: R8 the address. */
CODE(reads, "1: mov (%r8), %al; vmcall; jmp 1b");
/* Read, store R10 to the entry at R9, do something, read again. */
#define CHANGE(name, what)                                                     \
    CODE(name, "mov (%r8), %bl; mov %r10, (%r9)\n" what "\nmov (%r8), %al")
CHANGE(invlpg, "invlpg (%r8)");
CHANGE(cr3, "mov %cr3, %rcx; mov %rcx, %cr3");
CHANGE(invpcid0, "xor %ecx, %ecx; push %r8; push $0; invpcid (%rsp), %rcx");
CHANGE(invpcid1, "mov $1, %ecx; push $0; push $0; invpcid (%rsp), %rcx");
CHANGE(invpcid2, "mov $2, %ecx; push $0; push $0; invpcid (%rsp), %rcx");
CHANGE(invpcid3, "mov $3, %ecx; push $0; push $0; invpcid (%rsp), %rcx");
CHANGE(cr4, "mov %cr4, %rcx; xor $0x80, %rcx; mov %rcx, %cr4\n"
            "xor $0x80, %rcx; mov %rcx, %cr4");

static void prepare(void)
{
    uint64_t at = (uintptr_t)region[0];
    region[0][AT] = OLD;
    region[1][AT] = NEW;
    pd[FAR >> 21] = at | 0xe3;
    target = (uintptr_t)&pd[FAR >> 21];
}

static bool has(unsigned bit)
{
    return (rdmsr(0x48c) >> bit & 1) != 0;
}

/* --- by the monitor --- */

struct descriptor {
    uint64_t low, high;
};

static bool invept(uint64_t type, uint64_t low, uint64_t high)
{
    const struct descriptor d = {low, high};
    bool failed;
    __asm__ volatile("invept %1, %2"
                     : "=@ccbe"(failed)
                     : "m"(d), "r"(type)
                     : "memory");
    return !failed;
}

static bool invvpid(uint64_t type, uint64_t vpid, uint64_t lin)
{
    const struct descriptor d = {vpid, lin};
    bool failed;
    __asm__ volatile("invvpid %1, %2"
                     : "=@ccbe"(failed)
                     : "m"(d), "r"(type)
                     : "memory");
    return !failed;
}

static void touch_tlb(void)
{
    __asm__ volatile("invlpg %0" : : "m"(*(const char *)FAR) : "memory");
}

/* The guest reads; what it got. */
static unsigned next(void)
{
    uint64_t reason = vm_run(&vm);
    if (reason != 18)
        diag("exit reason 0x%lx", reason);
    vmwrite(F_GUEST_RIP, vmread(F_GUEST_RIP) + 3); /* VMCALL */
    return (unsigned)vm.gpr[GPR_RAX] & 0xff;
}

static void note(const char *name, unsigned stale)
{
    diag("%s: %s translation before it", name,
         stale == OLD ? "the old" : "the new");
}

static void ept_case(const char *name, unsigned capability, uint64_t type)
{
    uint64_t *entry;
    if (!has(20) || !has(capability)) {
        skip(name, "not in this processor");
        return;
    }
    prepare();
    vm_reset(&vm, code_reads);
    if (!vm_enable_ept((uintptr_t)region[0], &entry) ||
        !vm_enable(F_SECONDARY, CPU2_VPID)) {
        skip(name, "no EPT or no VPID");
        return;
    }
    vmwrite(F_VPID, 1);
    vm.gpr[8] = (uintptr_t)region[0] + AT;
    unsigned first = next();
    *entry += (uintptr_t)region[1] - (uintptr_t)region[0];
    unsigned stale = next();
    uint64_t eptp = vmread(F_EPTP);
    bool done = type == 3
                    ? invept(3, *entry & ~UINT64_C(0xfff), 4096)
                    : invept(type, type == 2 ? 0 : eptp, (uintptr_t)region[0]);
    if (type == 3) /* of where the entry was, too */
        done = invept(3, (uintptr_t)region[0], 4096) && done;
    unsigned now = next();
    note(name, stale);
    if (!done || now != NEW)
        diag("0x%x, 0x%x", first, now);
    ok(done && first == OLD && now == NEW, "%s", name);
}

static void vpid_case(const char *name, unsigned capability, uint64_t type)
{
    if (!has(32) || !has(capability)) {
        skip(name, "not in this processor");
        return;
    }
    prepare();
    vm_reset(&vm, code_reads);
    if (!vm_enable(F_SECONDARY, CPU2_VPID)) {
        skip(name, "no VPID");
        return;
    }
    vmwrite(F_VPID, 7);
    vm.gpr[8] = FAR + AT;
    unsigned first = next();
    pd[FAR >> 21] = (uintptr_t)region[1] | 0xe3;
    unsigned stale = next();
    bool done = invvpid(type, type == 2 ? 0 : 7, type == 0 ? FAR + AT : 0);
    unsigned now = next();
    note(name, stale);
    ok(done && first == OLD && now == NEW, "%s", name);
    /* Nothing of this VPID is left for another test. */
    (void)invvpid(2, 0, 0);
    touch_tlb();
}

/* Without a VPID each transition drops what the guest left. */
static void test_no_vpid(void)
{
    prepare();
    vm_reset(&vm, code_reads);
    vm.gpr[8] = FAR + AT;
    unsigned first = next();
    pd[FAR >> 21] = (uintptr_t)region[1] | 0xe3;
    unsigned now = next();
    ok(first == OLD && now == NEW, "VM exit and entry without VPID");
    touch_tlb();
}

/* --- by the guest --- */

static void guest_case(const char *name, const void *code, bool possible)
{
    if (!possible) {
        skip(name, "not in this processor");
        return;
    }
    prepare();
    vm_reset(&vm, code);
    if (vm_enable(F_SECONDARY, CPU2_VPID))
        vmwrite(F_VPID, 9);
    vm.gpr[8] = FAR + AT;
    vm.gpr[9] = target;
    vm.gpr[10] = (uintptr_t)region[1] | 0xe3;
    uint64_t reason = vm_run(&vm);
    unsigned first = (unsigned)vm.gpr[GPR_RBX] & 0xff;
    unsigned now = (unsigned)vm.gpr[GPR_RAX] & 0xff;
    if (reason != 18)
        diag("exit reason 0x%lx at 0x%lx", reason, vmread(F_GUEST_RIP));
    ok(reason == 18 && first == OLD && now == NEW, "%s in a guest", name);
    if (has(32) && has(42))
        (void)invvpid(2, 0, 0);
    touch_tlb();
}

static bool invpcid_there(void)
{
    uint32_t r[4];
    cpuid(7, 0, r);
    return (r[1] >> 10 & 1) != 0 &&
           (vmx_allowed(F_SECONDARY) & CPU2_INVPCID) != 0;
}

static void invpcid_case(const char *name, const void *code)
{
    if (!invpcid_there()) {
        skip(name, "not in this processor");
        return;
    }
    prepare();
    vm_reset(&vm, code);
    (void)vm_enable(F_SECONDARY, CPU2_INVPCID);
    vm.gpr[8] = FAR + AT;
    vm.gpr[9] = target;
    vm.gpr[10] = (uintptr_t)region[1] | 0xe3;
    uint64_t reason = vm_run(&vm);
    bool good = reason == 18 && (vm.gpr[GPR_RBX] & 0xff) == OLD &&
                (vm.gpr[GPR_RAX] & 0xff) == NEW;
    if (!good)
        diag("exit reason 0x%lx at 0x%lx", reason, vmread(F_GUEST_RIP));
    ok(good, "%s in a guest", name);
    touch_tlb();
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("all", "no VMX, or the firmware has locked it off");
        return plan_end();
    }
    ept_case("INVEPT individual address", 24, 0);
    ept_case("INVEPT single context", 25, 1);
    ept_case("INVEPT global", 26, 2);
    ept_case("INVEPT host-physical region", 28, 3);
    ept_case("INVEPT update in place", 29, 4);
    vpid_case("INVVPID individual address", 40, 0);
    vpid_case("INVVPID single context", 41, 1);
    vpid_case("INVVPID all contexts", 42, 2);
    vpid_case("INVVPID single context, globals retained", 43, 3);
    test_no_vpid();
    guest_case("INVLPG", code_invlpg, true);
    guest_case("MOV CR3", code_cr3, true);
    guest_case("CR4.PGE", code_cr4, true);
    invpcid_case("INVPCID address", code_invpcid0);
    invpcid_case("INVPCID context", code_invpcid1);
    invpcid_case("INVPCID all with globals", code_invpcid2);
    invpcid_case("INVPCID all", code_invpcid3);
    return plan_end();
}
