/* SPDX-License-Identifier: Apache-2.0
 * VMX instructions in root operation, and VMCS shadowing: what faults, what
 * fails and how, in the manual's order, and what is in a VMCS when. SDM Vol.3
 * "VMX Instruction Reference", "Software Use of Virtual-Machine Control
 * Structures", "VMCS Shadowing Bitmap Addresses", appendix "VMX Capability
 * Reporting Facility".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

/* Outcomes of an instruction; FAULT + vector of an exception. */
enum { DONE, INVALID, VALID, ODD, FAULT = 0x100 };
enum { UD = FAULT + 6, GP = FAULT + 13, PF = FAULT + 14 };
enum { ARITHMETIC = 0x8d5, CF = 1, ZF = 0x40 };
enum { VMCALL_EXIT = 18, VMREAD_EXIT = 23, VMWRITE_EXIT = 25 };
#define UNMAPPED (UINT64_C(1) << 38)

/* [RAX] is the operand in memory, RCX the other register or the field, RBX
 * the register form of VMREAD and VMWRITE. */
static struct {
    uint64_t rax, rbx, rcx, flags;
} r;
static uint64_t operand[2];
static uint8_t *code;
static struct vm vm;
static unsigned width; /* of physical addresses */

static void call(void)
{
    __asm__ volatile("pushf; orq %4, (%%rsp); popf; call *%5\n\t"
                     "pushf; pop %3"
                     : "+a"(r.rax), "+b"(r.rbx), "+c"(r.rcx), "=m"(r.flags)
                     : "i"(ARITHMETIC), "r"(code)
                     : "memory", "cc");
}

#define RUN(...)                                                               \
    run((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static unsigned run(const uint8_t *insn, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        code[i] = insn[i];
    code[n] = 0xc3;
    int vector = faults(call);
    if (vector >= 0)
        return FAULT + (unsigned)vector;
    switch (r.flags & ARITHMETIC) {
    case 0: return DONE;
    case CF: return INVALID;
    case ZF: return VALID;
    default: return ODD;
    }
}

#define VMXON       RUN(0xf3, 0x0f, 0xc7, 0x30)
#define VMXOFF      RUN(0x0f, 0x01, 0xc4)
#define VMCLEAR     RUN(0x66, 0x0f, 0xc7, 0x30)
#define VMPTRLD     RUN(0x0f, 0xc7, 0x30)
#define VMPTRST     RUN(0x0f, 0xc7, 0x38)
#define VMREAD      RUN(0x0f, 0x78, 0xcb)
#define VMREAD_MEM  RUN(0x0f, 0x78, 0x08)
#define VMWRITE     RUN(0x0f, 0x79, 0xcb)
#define VMWRITE_MEM RUN(0x0f, 0x79, 0x08)
#define VMLAUNCH    RUN(0x0f, 0x01, 0xc2)
#define VMRESUME    RUN(0x0f, 0x01, 0xc3)
#define VMCALL      RUN(0x0f, 0x01, 0xc1)
#define INVEPT      RUN(0x66, 0x0f, 0x38, 0x80, 0x08)
#define INVVPID     RUN(0x66, 0x0f, 0x38, 0x81, 0x08)

static void due(const char *name, unsigned got, unsigned want)
{
    ok(got == want, "%s", name);
    if (got != want)
        diag("outcome %x, not %x", got, want);
}

/* VMfailValid with this error. */
static void error_due(const char *name, unsigned got, unsigned error)
{
    unsigned found = got == VALID ? (unsigned)vmread(F_ERROR) : 0;
    ok(got == VALID && found == error, "%s", name);
    if (got != VALID || found != error)
        diag("outcome %x error %u, not %u", got, found, error);
}

static void point(uint64_t v)
{
    operand[0] = v;
    operand[1] = 0;
    r.rax = (uintptr_t)operand;
}

static uint32_t revision(void)
{
    return (uint32_t)rdmsr(0x480) & 0x7fffffff;
}

static uint64_t region(void)
{
    uint32_t *p = page();
    *p = revision();
    return (uintptr_t)p;
}

#define read_cr(n)                                                             \
    ({                                                                         \
        uint64_t v_;                                                           \
        __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v_));                     \
        v_;                                                                    \
    })

/* Outcome of MOV to CR0 or CR4 of what is in RBX. */
static unsigned load_cr(unsigned n, uint64_t v)
{
    r.rbx = v;
    unsigned outcome = n == 0 ? RUN(0x0f, 0x22, 0xc3) : RUN(0x0f, 0x22, 0xe3);
    return outcome >= FAULT ? outcome : DONE;
}

/* ------------------------------------------------------ outside operation */

static void outside(void)
{
    point(0);
    r.rcx = 1;
    due("VMXOFF outside VMX operation", VMXOFF, UD);
    due("VMCLEAR outside VMX operation", VMCLEAR, UD);
    due("VMPTRLD outside VMX operation", VMPTRLD, UD);
    due("VMPTRST outside VMX operation", VMPTRST, UD);
    due("VMREAD outside VMX operation", VMREAD, UD);
    due("VMWRITE outside VMX operation", VMWRITE, UD);
    due("VMLAUNCH outside VMX operation", VMLAUNCH, UD);
    due("VMRESUME outside VMX operation", VMRESUME, UD);
    due("VMCALL outside VMX operation", VMCALL, UD);
    due("INVEPT outside VMX operation", INVEPT, UD);
    due("INVVPID outside VMX operation", INVVPID, UD);
}

static void vmxon_conditions(uint64_t good)
{
    uint64_t cr0 = read_cr(0), cr4 = read_cr(4);
    point(good);
    (void)load_cr(4, cr4 & ~UINT64_C(0x2000));
    due("VMXON without CR4.VMXE", VMXON, UD);
    (void)load_cr(4, cr4);
    (void)load_cr(0, cr0 & ~UINT64_C(0x20));
    due("VMXON without CR0.NE", VMXON, GP);
    (void)load_cr(0, cr0);
    r.rax = UNMAPPED;
    due("VMXON with its operand in no page", VMXON, PF);
    r.rax = UINT64_C(1) << 63;
    due("VMXON with its operand at no canonical address", VMXON, GP);
    point(good + 8);
    due("VMXON of an unaligned region", VMXON, INVALID);
    point(good | UINT64_C(1) << width);
    due("VMXON beyond the physical-address width", VMXON, INVALID);
    point(good);
    *(uint32_t *)good = revision() ^ 1;
    due("VMXON of a region of another revision", VMXON, INVALID);
    *(uint32_t *)good = revision() | 1u << 31;
    due("VMXON of a region with bit 31", VMXON, INVALID);
    *(uint32_t *)good = revision();
    due("VMXON", VMXON, DONE);
}

/* --------------------------------------------------------- in operation */

static void fixed_bits(void)
{
    uint64_t cr0 = read_cr(0), cr4 = read_cr(4);
    due("CR4.VMXE stays", load_cr(4, cr4 & ~UINT64_C(0x2000)), GP);
    due("CR0.NE stays", load_cr(0, cr0 & ~UINT64_C(0x20)), GP);
    due("CR0 takes what it holds", load_cr(0, cr0), DONE);
    due("CR4 takes what it holds", load_cr(4, cr4), DONE);
}

static void without_vmcs(uint64_t vmxon)
{
    point(vmxon);
    r.rcx = 0x4002;
    due("VMXON in root operation, no VMCS", VMXON, INVALID);
    due("VMPTRLD of the VMXON region, no VMCS", VMPTRLD, INVALID);
    due("VMCLEAR of the VMXON region, no VMCS", VMCLEAR, INVALID);
    due("VMREAD, no VMCS", VMREAD, INVALID);
    due("VMWRITE, no VMCS", VMWRITE, INVALID);
    due("VMLAUNCH, no VMCS", VMLAUNCH, INVALID);
    due("VMRESUME, no VMCS", VMRESUME, INVALID);
    due("VMCALL in root operation, no VMCS", VMCALL, INVALID);
    due("VMPTRST, no VMCS", VMPTRST, DONE);
    ok(operand[0] == ~UINT64_C(0), "VMPTRST stores all ones");
}

static void pointers(uint64_t vmxon, uint64_t a, uint64_t b)
{
    uint64_t beyond = UINT64_C(1) << width;
    point(a);
    due("VMCLEAR", VMCLEAR, DONE);
    due("VMPTRLD", VMPTRLD, DONE);
    point(0);
    due("VMPTRST", VMPTRST, DONE);
    ok(operand[0] == a, "VMPTRST stores the pointer");
    point(b + 4);
    error_due("VMPTRLD of an unaligned pointer", VMPTRLD, 9);
    error_due("VMCLEAR of an unaligned pointer", VMCLEAR, 2);
    point(b | beyond);
    error_due("VMPTRLD beyond the physical-address width", VMPTRLD, 9);
    error_due("VMCLEAR beyond the physical-address width", VMCLEAR, 2);
    point(vmxon);
    error_due("VMPTRLD of the VMXON region", VMPTRLD, 10);
    error_due("VMCLEAR of the VMXON region", VMCLEAR, 3);
    error_due("VMXON in root operation", VMXON, 15);
    point(b);
    *(uint32_t *)b = revision() ^ 2;
    error_due("VMPTRLD of another revision", VMPTRLD, 11);
    *(uint32_t *)b = revision();
    r.rax = UNMAPPED;
    due("VMPTRLD with its operand in no page", VMPTRLD, PF);
    due("VMCLEAR with its operand in no page", VMCLEAR, PF);
    due("VMPTRST with its operand in no page", VMPTRST, PF);
}

/* ------------------------------------------------------------- fields */

static bool reads(uint64_t field, uint64_t want)
{
    r.rcx = field;
    r.rbx = UINT64_C(0x5a5a5a5a5a5a5a5a);
    unsigned outcome = VMREAD;
    if (outcome == DONE && r.rbx == want)
        return true;
    diag("VMREAD %lx: outcome %x, %lx, not %lx", field, outcome, r.rbx, want);
    return false;
}

static unsigned writes(uint64_t field, uint64_t v)
{
    r.rcx = field;
    r.rbx = v;
    return VMWRITE;
}

static void fields(void)
{
    const uint64_t v = UINT64_C(0xfedcba9876543210);
    (void)writes(F_GUEST_ES, v);
    ok(reads(F_GUEST_ES, 0x3210), "a field of 16 bits");
    (void)writes(F_EXCEPTIONS, v);
    ok(reads(F_EXCEPTIONS, 0x76543210), "a field of 32 bits");
    (void)writes(F_TSC_OFFSET, v);
    ok(reads(F_TSC_OFFSET, v), "a field of 64 bits");
    ok(reads(F_TSC_OFFSET + 1, v >> 32), "its upper half");
    (void)writes(F_TSC_OFFSET + 1, UINT64_C(0x9999999901234567));
    ok(reads(F_TSC_OFFSET, UINT64_C(0x0123456776543210)),
       "a write of its upper half");
    (void)writes(F_GUEST_RIP, v);
    ok(reads(F_GUEST_RIP, v), "a field of natural width");
    static const struct {
        uint64_t field;
        const char *name;
    } bad[] = {
        {F_EXCEPTIONS + 1, "the upper half of 32 bits"},
        {F_GUEST_ES + 1, "the upper half of 16 bits"},
        {F_GUEST_RIP + 1, "the upper half of natural width"},
        {F_EXCEPTIONS | 1 << 12, "reserved bit 12"},
        {F_EXCEPTIONS | 1 << 15, "reserved bit 15"},
        {F_EXCEPTIONS | UINT64_C(1) << 32, "bit 32"},
        {0x01fe, "an index that is not"},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r.rcx = bad[i].field;
        error_due(bad[i].name, VMREAD, 12);
        error_due(bad[i].name, VMWRITE, 12);
    }
    bool any = (rdmsr(0x485) & 1 << 29) != 0;
    if (any)
        due("VMWRITE of a read-only field", writes(F_REASON, 7), DONE);
    else
        error_due("VMWRITE of a read-only field", writes(F_REASON, 7), 13);
}

static void memory_operands(void)
{
    point(UINT64_C(0x1122334455667788));
    r.rcx = F_GUEST_RSP;
    due("VMWRITE from memory", VMWRITE_MEM, DONE);
    point(0);
    due("VMREAD to memory", VMREAD_MEM, DONE);
    ok(operand[0] == UINT64_C(0x1122334455667788), "its value");
    point(7);
    r.rcx = F_EXCEPTIONS + 1;
    error_due("VMREAD to memory that fails", VMREAD_MEM, 12);
    ok(operand[0] == 7, "stores nothing");
    r.rax = UNMAPPED;
    r.rcx = F_GUEST_RSP;
    due("VMREAD to no page", VMREAD_MEM, PF);
    due("VMWRITE from no page", VMWRITE_MEM, PF);
}

/* Each of two VMCSs keeps its data while the other is current, and after
 * VMCLEAR a copy of the region is as good. */
static void two_vmcs(uint64_t a, uint64_t b)
{
    uint64_t copy = region();
    point(a);
    (void)VMPTRLD;
    (void)writes(F_GUEST_RIP, 0xaaaa);
    point(b);
    (void)VMCLEAR;
    (void)VMPTRLD;
    (void)writes(F_GUEST_RIP, 0xbbbb);
    point(a);
    (void)VMPTRLD;
    ok(reads(F_GUEST_RIP, 0xaaaa), "the first VMCS kept its data");
    (void)writes(F_GUEST_RIP, 0xcccc);
    point(a);
    (void)VMPTRLD;
    ok(reads(F_GUEST_RIP, 0xcccc), "VMPTRLD of the current one loses nothing");
    point(b);
    (void)VMPTRLD;
    ok(reads(F_GUEST_RIP, 0xbbbb), "so did the second");
    point(b);
    due("VMCLEAR of the current VMCS", VMCLEAR, DONE);
    r.rcx = F_GUEST_RIP;
    due("leaves none current", VMREAD, INVALID);
    for (unsigned i = 0; i < 512; i++)
        ((uint64_t *)copy)[i] = ((uint64_t *)b)[i];
    point(copy);
    (void)VMPTRLD;
    ok(reads(F_GUEST_RIP, 0xbbbb), "a copy of the region has the data");
    (void)VMCLEAR;
}

/* --------------------------------------------------------- launch state */

static void launch_state(void)
{
    static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1};
    uint8_t *guest = page();
    for (unsigned i = 0; i < sizeof vmcall; i++)
        guest[i] = vmcall[i];
    vm_reset(&vm, guest);
    error_due("VMRESUME of a clear VMCS", VMRESUME, 5);
    ok(vm_run(&vm) == VMCALL_EXIT, "VMLAUNCH");
    error_due("VMLAUNCH of a launched VMCS", VMLAUNCH, 4);
    r.rcx = 0x10;
    error_due("VM entry after MOV SS", RUN(0x8e, 0xd1, 0x0f, 0x01, 0xc3), 26);
    error_due("VM entry after MOV SS, before the launch state",
              RUN(0x8e, 0xd1, 0x0f, 0x01, 0xc2), 26);
    point(vm.vmcs);
    (void)VMCLEAR;
    due("VMRESUME after VMCLEAR", VMRESUME, INVALID);
    (void)VMPTRLD;
    error_due("VMRESUME after VMCLEAR and VMPTRLD", VMRESUME, 5);
    vm.launched = false;
    ok(vm_run(&vm) == VMCALL_EXIT, "VMLAUNCH again");
}

/* -------------------------------------------------------- INVEPT, INVVPID */

static void invept(void)
{
    uint64_t caps = rdmsr(0x48c), eptp = (uintptr_t)page() | 3 << 3 | 6;
    if ((vmx_allowed(F_SECONDARY) & CPU2_EPT) == 0 || !(caps >> 20 & 1)) {
        skip("INVEPT", "not of this processor");
        return;
    }
    for (unsigned type = 1; type <= 2; type++) {
        point(eptp);
        r.rcx = type;
        if (caps >> (24 + type) & 1)
            due("INVEPT of a type", INVEPT, DONE);
        else
            error_due("INVEPT of a type that is not", INVEPT, 28);
    }
    static const uint64_t types[] = {0, 3, 4, 5, UINT64_C(1) << 32 | 1};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        r.rax = UNMAPPED; /* the type comes before the operand */
        r.rcx = types[i];
        error_due("INVEPT of a type that there is not", INVEPT, 28);
    }
    r.rcx = 1;
    due("INVEPT with its operand in no page", INVEPT, PF);
    static const uint64_t bits[] = {1, 2 << 3, 1 << 7, UINT64_C(1) << 52};
    for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        point(eptp ^ bits[i]);
        r.rcx = 1;
        error_due("INVEPT of a bad EPT pointer", INVEPT, 28);
    }
}

static void invvpid(void)
{
    uint64_t caps = rdmsr(0x48c);
    if ((vmx_allowed(F_SECONDARY) & CPU2_VPID) == 0 || !(caps >> 32 & 1)) {
        skip("INVVPID", "not of this processor");
        return;
    }
    for (unsigned type = 0; type < 4; type++) {
        if (!(caps >> (40 + type) & 1))
            continue;
        point(1);
        r.rcx = type;
        due("INVVPID of a type", INVVPID, DONE);
        operand[0] = 0x10001;
        error_due("INVVPID with reserved bits", INVVPID, 28);
        operand[0] = 0;
        if (type == 2)
            due("INVVPID of all contexts", INVVPID, DONE);
        else
            error_due("INVVPID of VPID 0", INVVPID, 28);
    }
    r.rax = UNMAPPED;
    r.rcx = 4;
    error_due("INVVPID of a type that there is not", INVVPID, 28);
    r.rcx = 2;
    due("INVVPID with its operand in no page", INVVPID, PF);
    point(1);
    operand[1] = UINT64_C(1) << 62;
    r.rcx = 0;
    error_due("INVVPID of no canonical address", INVVPID, 28);
}

/* ------------------------------------------------------------- shadowing */

enum { VMREAD_BITMAP = 0x2026, VMWRITE_BITMAP = 0x2028 };

/* VMREAD rbx, rcx or VMWRITE rcx, rbx in the guest, then VMCALL. */
static uint64_t guest_access(bool write, uint64_t field, uint64_t v)
{
    const uint8_t bytes[] = {
        0x0f, write ? 0x79 : 0x78, 0xcb, 0x9c, 0x5a, 0x0f, 0x01,
        0xc1}; /* pushf; pop rdx */
    for (unsigned i = 0; i < sizeof bytes; i++)
        code[i] = bytes[i];
    vmwrite(F_GUEST_RIP, (uintptr_t)code);
    vmwrite(F_GUEST_RFLAGS, 2);
    vm.gpr[GPR_RCX] = field;
    vm.gpr[GPR_RBX] = v;
    return vm_run(&vm);
}

static void set_bit(uint8_t *map, unsigned field, bool set)
{
    map[field / 8] =
        (uint8_t)((map[field / 8] & ~(1 << field % 8)) | set << field % 8);
}

static void shadow_accesses(uint8_t *readers, uint8_t *writers)
{
    ok(guest_access(true, F_GUEST_RIP, 0x777) == VMCALL_EXIT &&
           (vm.gpr[GPR_RDX] & ARITHMETIC) == 0,
       "VMWRITE of a guest goes to the shadow VMCS");
    ok(guest_access(false, F_GUEST_RIP, 0) == VMCALL_EXIT &&
           vm.gpr[GPR_RBX] == 0x777,
       "VMREAD of a guest comes from it");
    ok(vmread(F_GUEST_RIP) != 0x777, "the current VMCS is another");
    ok(guest_access(false, F_EXCEPTIONS + 1, 0) == VMCALL_EXIT &&
           (vm.gpr[GPR_RDX] & ARITHMETIC) == ZF && vmread(F_ERROR) == 12,
       "VMREAD of no field fails in the guest");
    set_bit(readers, F_GUEST_RIP, true);
    ok(guest_access(false, F_GUEST_RIP, 0) == VMREAD_EXIT,
       "VMREAD exits by its bitmap");
    ok(guest_access(true, F_GUEST_RIP, 1) == VMCALL_EXIT,
       "VMWRITE does not, by the other");
    set_bit(writers, F_GUEST_RIP, true);
    ok(guest_access(true, F_GUEST_RIP, 1) == VMWRITE_EXIT,
       "VMWRITE exits by its bitmap");
    ok(guest_access(false, UINT64_C(1) << 15 | F_EXCEPTIONS, 0) == VMREAD_EXIT,
       "VMREAD with a bit above 14 exits");
}

static void shadowing(void)
{
    if ((vmx_allowed(F_SECONDARY) & CPU2_SHADOW) == 0) {
        skip("VMCS shadowing", "not of this processor");
        return;
    }
    uint64_t shadow = region();
    uint8_t *readers = page(), *writers = page();
    point(shadow);
    (void)VMCLEAR;
    *(uint32_t *)shadow |= 1u << 31;
    due("VMPTRLD of a shadow VMCS", VMPTRLD, DONE);
    due("VMLAUNCH of a shadow VMCS", VMLAUNCH, INVALID);
    (void)VMCLEAR;
    vm_reset(&vm, code);
    ok(guest_access(false, F_GUEST_RIP, 0) == VMREAD_EXIT,
       "VMREAD exits without shadowing");
    (void)vm_enable(F_SECONDARY, CPU2_SHADOW);
    vmwrite(VMREAD_BITMAP, (uintptr_t)readers);
    vmwrite(VMWRITE_BITMAP, (uintptr_t)writers);
    ok(guest_access(false, F_GUEST_RIP, 0) == VMCALL_EXIT &&
           (vm.gpr[GPR_RDX] & ARITHMETIC) == CF,
       "VMREAD without a shadow VMCS: VMfailInvalid");
    vmwrite(F_LINK, shadow);
    shadow_accesses(readers, writers);
}

/* ------------------------------------------------------ capability MSRs */

static void capability(const char *name, uint32_t msr, uint32_t exact,
                       uint32_t default1)
{
    uint64_t plain = rdmsr(msr);
    bool good = ((uint32_t)plain & default1) == default1 &&
                ((uint32_t)plain & ~(uint32_t)(plain >> 32)) == 0;
    if ((rdmsr(0x480) >> 55 & 1) != 0) {
        uint64_t t = rdmsr(exact);
        good = good && t >> 32 == plain >> 32 &&
               ((uint32_t)t | default1) == (uint32_t)plain;
    }
    ok(good, "%s", name);
    if (!good)
        diag("%lx", plain);
}

static void write_capability(void)
{
    wrmsr(0x480, rdmsr(0x480));
}

static void write_feature_control(void)
{
    wrmsr(0x3a, 5);
}

static void capabilities(void)
{
    uint64_t basic = rdmsr(0x480), misc = rdmsr(0x485);
    ok((basic >> 32 & 0x1fff) <= 4096 && (basic >> 32 & 0x1fff) != 0 &&
           (basic >> 50 & 15) == 6,
       "IA32_VMX_BASIC");
    capability("IA32_VMX_PINBASED_CTLS", 0x481, 0x48d, 0x16);
    capability("IA32_VMX_PROCBASED_CTLS", 0x482, 0x48e, 0x401e172);
    capability("IA32_VMX_EXIT_CTLS", 0x483, 0x48f, 0x36dff);
    capability("IA32_VMX_ENTRY_CTLS", 0x484, 0x490, 0x11ff);
    bool unrestricted = (vmx_allowed(F_SECONDARY) & CPU2_UNRESTRICTED) != 0;
    ok((!unrestricted || (misc & 1 << 5) != 0) && (misc & 0x80003e00) == 0 &&
           (misc >> 16 & 0x1ff) <= 4,
       "IA32_VMX_MISC");
    ok((rdmsr(0x486) & ~rdmsr(0x487)) == 0 && (rdmsr(0x486) & 0x20) != 0,
       "IA32_VMX_CR0_FIXED0 and 1");
    ok((rdmsr(0x488) & ~rdmsr(0x489)) == 0 && (rdmsr(0x488) & 0x2000) != 0,
       "IA32_VMX_CR4_FIXED0 and 1");
    ok((rdmsr(0x48a) & ~UINT64_C(0x3fe)) == 0 && (rdmsr(0x48a) & 0x3fe) >= 0x2a,
       "IA32_VMX_VMCS_ENUM");
    ok(faults(write_capability) == 13, "WRMSR of a capability is #GP");
    ok(faults(write_feature_control) == 13,
       "WRMSR of the locked IA32_FEATURE_CONTROL is #GP");
}

int guest_main(const char *line)
{
    uint32_t id[4];
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("operation", "no VMX");
        return plan_end();
    }
    cpuid(UINT32_C(0x80000008), 0, id);
    width = id[0] & 0xff;
    code = page();
    uint64_t vmxon = region(), a = region(), b = region();
    due("VMXOFF", VMXOFF, DONE);
    outside();
    vmxon_conditions(vmxon);
    fixed_bits();
    without_vmcs(vmxon);
    pointers(vmxon, a, b);
    fields();
    memory_operands();
    two_vmcs(a, b);
    launch_state();
    invept();
    invvpid();
    shadowing();
    capabilities();
    /* Last: there are models that stop here. */
    error_due("VMCALL in root operation", VMCALL, 1);
    return plan_end();
}
