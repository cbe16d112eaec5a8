/* SPDX-License-Identifier: Apache-2.0
 * Virtual interrupts: when they are delivered, what that does to the virtual
 * APIC, EOI, self-IPIs, x2APIC mode, and posted interrupts. SDM Vol.3 "APIC
 * Virtualization and Virtual Interrupts".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

static struct vm vm;
static uint8_t *virtual_apic, *access_page;

#define CODE(name, text)                                                       \
    __asm__(".pushsection .text\n.globl code_" #name ", end_" #name            \
            "\n.balign 16\ncode_" #name ": " text "\nend_" #name               \
            ": vmcall\n.popsection");                                          \
    extern const char code_##name[], end_##name[]

CODE(nothing, "nop");
CODE(sti, "sti; nop; nop");
CODE(lower, "mov $5, %eax; mov %rax, %cr8; nop");
CODE(eoi, "movl $0, 0xb0(%rbx); nop");
CODE(self, "movl $0x44051, 0x300(%rbx); nop");
CODE(wrmsr, "wrmsr; nop");
CODE(rdmsr, "rdmsr");

/* A handler a vector: it exits, and its RIP tells the vector. */
__asm__(".pushsection .text\n.balign 16\nhandlers:\n.rept 256\n vmcall\n"
        " .balign 16\n.endr\n.popsection");
extern const char handlers[];

enum {
    VTPR = 0x80,
    VISR = 0x100,
    VIRR = 0x200,
    VMCALL = 18,
    APIC_WRITE = 56,
    NOT_TAKEN = -1
};

static void set(unsigned bank, unsigned vector)
{
    virtual_apic[bank + vector / 32 * 16 + vector / 8 % 4] |=
        (uint8_t)(1 << vector % 8);
}

static bool is_set(unsigned bank, unsigned vector)
{
    unsigned at = bank + vector / 32 * 16 + vector / 8 % 4;
    return (virtual_apic[at] >> vector % 8 & 1) != 0;
}

static void own_idt(void)
{
    uint64_t *gate = page(), cs = vmread(F_GUEST_CS);
    for (unsigned v = 0; v < 256; v++) {
        uint64_t to = (uintptr_t)handlers + 16 * v;
        gate[2 * v] = (to & 0xffff) | cs << 16 | UINT64_C(0x8e) << 40 |
                      (to >> 16 & 0xffff) << 48;
        gate[2 * v + 1] = to >> 32;
    }
    vmwrite(F_GUEST_IDTR_BASE, (uintptr_t)gate);
    vmwrite(F_GUEST_IDTR_LIMIT, 0xfff);
}

/* A guest at `code` with virtual-interrupt delivery and `more`, interrupts
 * on; the vectors in service and requested are 0 or in the registers. */
static bool begin(const void *code, uint32_t more, unsigned serviced,
                  unsigned requested)
{
    vm_reset(&vm, code);
    virtual_apic = page();
    access_page = page();
    own_idt();
    vmwrite(F_GUEST_RFLAGS, 0x202);
    vmwrite(F_VIRTUAL_APIC, (uintptr_t)virtual_apic);
    vmwrite(F_TPR_THRESHOLD, 0);
    vm.gpr[GPR_RBX] = (uintptr_t)access_page;
    if (!vm_enable(F_PIN, PIN_EXTINT) || !vm_enable(F_EXIT, EXIT_ACK) ||
        !vm_enable(F_PRIMARY, CPU_TPR_SHADOW) ||
        !vm_enable(F_SECONDARY, CPU2_VIRTUAL_INTR | more))
        return false;
    if ((more & CPU2_APIC_ACCESS) != 0)
        vmwrite(F_APIC_ACCESS, (uintptr_t)access_page);
    for (unsigned i = 0; i < 4; i++)
        vmwrite(F_EOI_BITMAP0 + 2 * i, 0);
    if (serviced != 0)
        set(VISR, serviced);
    if (requested != 0)
        set(VIRR, requested);
    vmwrite(F_GUEST_INTERRUPT_STATUS, serviced << 8 | requested);
    return true;
}

/* Run: the vector that was delivered, or NOT_TAKEN when the guest came to
 * `end`; else the reason of the exit is shown. */
static int taken(const char *end)
{
    uint64_t reason = vm_run(&vm), rip = vmread(F_GUEST_RIP);
    uint64_t in = rip - (uintptr_t)handlers;
    if (reason == VMCALL && in < 256 * 16)
        return (int)(in / 16);
    if (reason == VMCALL && rip == (uintptr_t)end)
        return NOT_TAKEN;
    diag("exit reason 0x%lx at 0x%lx", reason, rip);
    return -2;
}

/* RIP on the stack of the handler. */
static uint64_t returns_to(void)
{
    const uint64_t *frame = (const uint64_t *)vmread(F_GUEST_RSP);
    return *frame;
}

static void test_delivery(void)
{
    (void)begin(code_nothing, 0, 0, 0x61);
    set(VIRR, 0x42);
    int v = taken(end_nothing);
    ok(v == 0x61 && returns_to() == (uintptr_t)code_nothing,
       "delivered after entry");
    ok(vmread(F_GUEST_INTERRUPT_STATUS) == 0x6142 && is_set(VISR, 0x61) &&
           !is_set(VIRR, 0x61) && virtual_apic[0xa0] == 0x60,
       "RVI, SVI, VIRR, VISR and VPPR follow");
    (void)begin(code_nothing, 0, 0, 0x61);
    virtual_apic[VTPR] = 0x60;
    ok(taken(end_nothing) == NOT_TAKEN, "not at the priority of VTPR");
    (void)begin(code_nothing, 0, 0x6f, 0x61);
    ok(taken(end_nothing) == NOT_TAKEN, "not at the priority in service");
    (void)begin(code_nothing, 0, 0, 0);
    set(VIRR, 0x61);
    ok(taken(end_nothing) == NOT_TAKEN, "RVI decides, not VIRR");
}

static void test_boundaries(void)
{
    (void)begin(code_nothing, 0, 0, 0x61);
    vmwrite(F_GUEST_RFLAGS, 2);
    ok(taken(end_nothing) == NOT_TAKEN, "not while IF is clear");
    (void)begin(code_sti, 0, 0, 0x61);
    vmwrite(F_GUEST_RFLAGS, 2);
    int v = taken(end_sti);
    ok(v == 0x61 && returns_to() == (uintptr_t)code_sti + 2,
       "one instruction after STI");
    (void)begin(code_nothing, 0, 0, 0x61);
    (void)vm_enable(F_PRIMARY, CPU_INTR_WINDOW);
    ok(vm_run(&vm) == 7, "exit 7 in place of a virtual interrupt");
    if ((rdmsr(0x485) >> 6 & 1) == 0) {
        skip("out of HLT", "no such activity state of an entry");
        return;
    }
    (void)begin(code_nothing, 0, 0, 0x61);
    vmwrite(F_ACTIVITY, 1);
    ok(taken(end_nothing) == 0x61, "out of HLT");
}

static void test_registers(void)
{
    (void)begin(code_lower, 0, 0, 0x61);
    virtual_apic[VTPR] = 0x60;
    int v = taken(end_lower);
    ok(v == 0x61 && returns_to() == (uintptr_t)end_lower - 1,
       "after MOV to CR8 lowers VTPR");
    if (!begin(code_eoi, CPU2_APIC_ACCESS, 0x71, 0x51)) {
        skip("EOI and self-IPI", "no virtualized APIC accesses");
        return;
    }
    set(VISR, 0x33);
    v = taken(end_eoi);
    ok(v == 0x51 && returns_to() == (uintptr_t)end_eoi - 1 &&
           !is_set(VISR, 0x71) && is_set(VISR, 0x33),
       "after EOI of a higher one");
    (void)begin(code_eoi, CPU2_APIC_ACCESS, 0x71, 0);
    vmwrite(F_EOI_BITMAP0 + 2, UINT64_C(1) << (0x71 - 64));
    ok(vm_run(&vm) == 45 && vmread(F_QUALIFICATION) == 0x71 &&
           vmread(F_GUEST_RIP) == (uintptr_t)end_eoi - 1,
       "exit 45 after an EOI of the bitmap");
    (void)begin(code_self, CPU2_APIC_ACCESS, 0, 0);
    v = taken(end_self);
    ok(v == 0x51 && returns_to() == (uintptr_t)end_self - 1 &&
           vmread(F_GUEST_INTERRUPT_STATUS) == 0x5100,
       "a self-IPI by the interrupt command");
}

static void test_x2apic(void)
{
    if (!begin(code_wrmsr, CPU2_X2APIC, 0, 0) ||
        !vm_enable(F_PRIMARY, CPU_MSR_BITMAPS)) {
        skip("x2APIC mode", "not virtualized by this processor");
        return;
    }
    vmwrite(F_MSR_BITMAP, (uintptr_t)page());
    vm.gpr[GPR_RCX] = 0x83f;
    vm.gpr[GPR_RAX] = 0x91;
    ok(taken(end_wrmsr) == 0x91, "a self-IPI by its MSR");
    (void)begin(code_wrmsr, CPU2_X2APIC, 0, 0);
    (void)vm_enable(F_PRIMARY, CPU_MSR_BITMAPS);
    vmwrite(F_MSR_BITMAP, (uintptr_t)page());
    vm.gpr[GPR_RCX] = 0x83f;
    vm.gpr[GPR_RAX] = 0x0f;
    ok(vm_run(&vm) == APIC_WRITE && vmread(F_QUALIFICATION) == 0x3f0,
       "exit 56 after a self-IPI of vector 15");
    (void)begin(code_rdmsr, CPU2_X2APIC, 0, 0);
    (void)vm_enable(F_PRIMARY, CPU_MSR_BITMAPS);
    vmwrite(F_MSR_BITMAP, (uintptr_t)page());
    virtual_apic[VTPR] = 0x35;
    vm.gpr[GPR_RCX] = 0x808;
    bool good = taken(end_rdmsr) == NOT_TAKEN && vm.gpr[GPR_RAX] == 0x35;
    ok(good, "RDMSR reads VTPR whatever mode the APIC is in");
}

/* The notification comes from this processor's own local APIC: pending when
 * the guest is entered. */
static void notify(uint8_t vector)
{
    apic_write(0xf0, 0x1ff);
    apic_write(0x310, apic_read(0x20));
    apic_write(0x300, 0x44000u | vector);
}

static bool begin_posting(uint8_t *descriptor)
{
    if (!begin(code_nothing, 0, 0, 0) || !vm_enable(F_PIN, PIN_POSTED))
        return false;
    vmwrite(F_POSTED_VECTOR, 0xf2);
    vmwrite(F_POSTED_DESCRIPTOR, (uintptr_t)descriptor);
    return true;
}

static void test_posted(void)
{
    uint8_t *descriptor = page();
    if (!begin_posting(descriptor)) {
        skip("posted interrupts", "not in this processor");
        return;
    }
    descriptor[0x61 / 8] = 1 << 1; /* 61h and 95h */
    descriptor[0x95 / 8] = 1 << 5;
    descriptor[32] = 1; /* outstanding notification */
    notify(0xf2);
    int v = taken(end_nothing);
    ok(v == 0x95 && vmread(F_GUEST_INTERRUPT_STATUS) == 0x9561,
       "posted: the highest is delivered");
    ok(is_set(VIRR, 0x61) && descriptor[0x61 / 8] == 0 &&
           descriptor[0x95 / 8] == 0 && descriptor[32] == 0,
       "posted: the requests moved, the notification is off");
    ok((apic_read(0x170) >> (0xf2 - 0xe0) & 1) == 0 &&
           (apic_read(0x270) >> (0xf2 - 0xe0) & 1) == 0,
       "posted: the notification was ended");
    (void)begin_posting(descriptor);
    notify(0xf3);
    uint64_t reason = vm_run(&vm);
    ok(reason == 1 && vmread(F_EXIT_EVENT) == 0x800000f3,
       "exit 1 of another vector, acknowledged");
    apic_write(0xb0, 0);
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("all", "no VMX, or the firmware has locked it off");
        return plan_end();
    }
    if (!begin(code_nothing, 0, 0, 0)) {
        skip("all", "no virtual-interrupt delivery");
        return plan_end();
    }
    test_delivery();
    test_boundaries();
    test_registers();
    test_x2apic();
    test_posted();
    return plan_end();
}
