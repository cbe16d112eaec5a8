/* SPDX-License-Identifier: Apache-2.0
 * Forms of instructions that exit, each with its control and without: exit
 * qualification, instruction length, and those bits of the instruction
 * information that the manual defines. SDM Vol.3 "Instructions That Cause VM
 * Exits", "Information for VM Exits Due to Instruction Execution".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

enum { VMCALL = 18 };

/* What a row needs of the processor beside its controls. ONLY: it is run only
 * where it exits. */
enum need { ALWAYS, MONITOR, RDPMC, XSAVE, ONLY };

struct row {
    const char *name;
    uint8_t length;
    uint8_t code[10];
    unsigned field; /* of the control; 0: it exits always */
    uint32_t control;
    uint32_t enable; /* secondary control that gives the instruction */
    enum need need;
    uint32_t reason;
    uint64_t qualification;
    uint32_t info, mask;
};

/* Instruction information of memory operands with 64-bit addresses. */
#define MEM             (2u << 7)
#define SEG(n)          ((uint32_t)(n) << 15)
#define NOX             (1u << 22)
#define NOB             (1u << 27)
#define INDEX(n, scale) ((uint32_t)(n) << 18 | (scale))
#define BASE(n)         ((uint32_t)(n) << 23)
/* ... and of registers. */
#define IS_REG  (1u << 10)
#define R1(n)   ((uint32_t)(n) << 3)
#define R2(n)   ((uint32_t)(n) << 28)
#define SIZE(n) ((uint32_t)(n) << 11)
enum { SS = 2, DS = 3, FS = 4 };
/* Bits that are defined: address size, form, segment, what is invalid. */
#define COMMON (7u << 7 | IS_REG | SEG(7) | NOX | NOB)
#define WITH_X (COMMON | INDEX(15, 3))
#define WITH_B (COMMON | BASE(15))
#define IDENT  (3u << 28)
#define REG2   (15u << 28)
#define REG1   (15u << 3)

/* RAX holds the address of a page of zeros, RBX 100h, RCX 2, FS a base. */
enum { DATA = 1, FS_BASE = 0x7000 }; /* DATA: that page */
#define RAX_IS_DATA (MEM | SEG(DS) | NOX)
#define BYTES(...)                                                             \
    sizeof((uint8_t[]){__VA_ARGS__}),                                          \
    {                                                                          \
        __VA_ARGS__                                                            \
    }
#define DT F_SECONDARY, CPU2_DESC_TABLE, 0

static const struct row rows[] = {
    {"CPUID", BYTES(0x0f, 0xa2), 0, 0, 0, ALWAYS, 10, 0, 0, 0},
    {"HLT", BYTES(0xf4), F_PRIMARY, CPU_HLT, 0, ONLY, 12, 0, 0, 0},
    {"INVD", BYTES(0x0f, 0x08), 0, 0, 0, ALWAYS, 13, 0, 0, 0},
    {"INVLPG [rax]", BYTES(0x0f, 0x01, 0x38), F_PRIMARY, CPU_INVLPG, 0, ALWAYS,
     14, DATA, 0, 0},
    {"INVLPG fs:[rbx+rcx*4+16]", BYTES(0x64, 0x0f, 0x01, 0x7c, 0x8b, 0x10),
     F_PRIMARY, CPU_INVLPG, 0, ALWAYS, 14, FS_BASE + 0x100 + 8 + 16, 0, 0},
    {"RDPMC", BYTES(0x0f, 0x33), F_PRIMARY, CPU_RDPMC, 0, RDPMC, 15, 0, 0, 0},
    {"RDTSC", BYTES(0x0f, 0x31), F_PRIMARY, CPU_RDTSC, 0, ALWAYS, 16, 0, 0, 0},
    {"RDTSCP", BYTES(0x0f, 0x01, 0xf9), F_PRIMARY, CPU_RDTSC, CPU2_RDTSCP,
     ALWAYS, 51, 0, 0, 0},
    {"VMCALL", BYTES(0x0f, 0x01, 0xc1), 0, 0, 0, ALWAYS, 18, 0, 0, 0},
    {"VMCLEAR [rax+4]", BYTES(0x66, 0x0f, 0xc7, 0x70, 0x04), 0, 0, 0, ALWAYS,
     19, 4, RAX_IS_DATA, WITH_B},
    {"VMLAUNCH", BYTES(0x0f, 0x01, 0xc2), 0, 0, 0, ALWAYS, 20, 0, 0, 0},
    {"VMPTRLD [rsp+8]", BYTES(0x0f, 0xc7, 0x74, 0x24, 0x08), 0, 0, 0, ALWAYS,
     21, 8, MEM | SEG(SS) | NOX | BASE(4), WITH_B},
    {"VMPTRST [rax]", BYTES(0x0f, 0xc7, 0x38), 0, 0, 0, ALWAYS, 22, 0,
     RAX_IS_DATA, WITH_B},
    {"VMREAD rbx, rcx", BYTES(0x0f, 0x78, 0xcb), 0, 0, 0, ALWAYS, 23, 0,
     IS_REG | R1(3) | R2(1), IS_REG | REG1 | REG2},
    {"VMREAD [rax], r9", BYTES(0x44, 0x0f, 0x78, 0x08), 0, 0, 0, ALWAYS, 23, 0,
     RAX_IS_DATA | R2(9), WITH_B | REG2},
    {"VMRESUME", BYTES(0x0f, 0x01, 0xc3), 0, 0, 0, ALWAYS, 24, 0, 0, 0},
    {"VMWRITE rcx, rbx", BYTES(0x0f, 0x79, 0xcb), 0, 0, 0, ALWAYS, 25, 0,
     IS_REG | R1(3) | R2(1), IS_REG | REG1 | REG2},
    {"VMWRITE r8, [rax-16]", BYTES(0x44, 0x0f, 0x79, 0x40, 0xf0), 0, 0, 0,
     ALWAYS, 25, UINT64_MAX - 15, RAX_IS_DATA | R2(8), WITH_B | REG2},
    {"VMXOFF", BYTES(0x0f, 0x01, 0xc4), 0, 0, 0, ALWAYS, 26, 0, 0, 0},
    {"VMXON fs:[r12+r13*8]", BYTES(0x64, 0xf3, 0x43, 0x0f, 0xc7, 0x34, 0xec), 0,
     0, 0, ALWAYS, 27, 0, MEM | SEG(FS) | INDEX(13, 3) | BASE(12),
     WITH_X | WITH_B},
    {"MOV DR3, RDX", BYTES(0x0f, 0x23, 0xda), F_PRIMARY, CPU_MOV_DR, 0, ALWAYS,
     29, 3 | 2 << 8, 0, 0},
    {"MOV R10, DR7", BYTES(0x41, 0x0f, 0x21, 0xfa), F_PRIMARY, CPU_MOV_DR, 0,
     ALWAYS, 29, 7 | 1 << 4 | 10 << 8, 0, 0},
    {"MWAIT", BYTES(0x0f, 0x01, 0xc9), F_PRIMARY, CPU_MWAIT, 0, MONITOR, 36, 0,
     0, 0},
    {"MONITOR", BYTES(0x0f, 0x01, 0xc8), F_PRIMARY, CPU_MONITOR, 0, MONITOR, 39,
     0, 0, 0},
    {"PAUSE", BYTES(0xf3, 0x90), F_PRIMARY, CPU_PAUSE, 0, ALWAYS, 40, 0, 0, 0},
    {"SGDT [rax]", BYTES(0x0f, 0x01, 0x00), DT, ALWAYS, 46, 0, RAX_IS_DATA,
     WITH_B | IDENT},
    {"SIDT [rbx+rcx*4+16]", BYTES(0x0f, 0x01, 0x4c, 0x8b, 0x10), DT, ALWAYS, 46,
     16, MEM | SEG(DS) | INDEX(1, 2) | BASE(3) | R2(1),
     WITH_X | WITH_B | IDENT},
    {"LGDT [rip-16]", BYTES(0x0f, 0x01, 0x15, 0xf0, 0xff, 0xff, 0xff), DT, ONLY,
     46, 0, MEM | SEG(DS) | NOX | NOB | R2(2), COMMON | IDENT},
    {"LIDT [rax]", BYTES(0x0f, 0x01, 0x18), DT, ALWAYS, 46, 0,
     RAX_IS_DATA | R2(3), WITH_B | IDENT},
    {"SLDT ecx", BYTES(0x0f, 0x00, 0xc1), DT, ALWAYS, 47, 0, IS_REG | R1(1),
     IS_REG | REG1 | IDENT},
    {"STR [rsp+8]", BYTES(0x0f, 0x00, 0x4c, 0x24, 0x08), DT, ALWAYS, 47, 8,
     MEM | SEG(SS) | NOX | BASE(4) | R2(1), WITH_B | IDENT},
    {"LLDT di", BYTES(0x0f, 0x00, 0xd7), DT, ALWAYS, 47, 0,
     IS_REG | R1(7) | R2(2), IS_REG | REG1 | IDENT},
    {"LTR [eax]", BYTES(0x67, 0x0f, 0x00, 0x18), DT, ONLY, 47, 0,
     1 << 7 | SEG(DS) | NOX | R2(3), WITH_B | IDENT},
    {"INVEPT rcx, [rax]", BYTES(0x66, 0x0f, 0x38, 0x80, 0x08), 0, 0, CPU2_EPT,
     ONLY, 50, 0, RAX_IS_DATA | R2(1), WITH_B | REG2},
    {"INVVPID rcx, [rax]", BYTES(0x66, 0x0f, 0x38, 0x81, 0x08), 0, 0, CPU2_VPID,
     ONLY, 53, 0, RAX_IS_DATA | R2(1), WITH_B | REG2},
    {"WBINVD", BYTES(0x0f, 0x09), F_SECONDARY, CPU2_WBINVD, 0, ALWAYS, 54, 0, 0,
     0},
    {"XSETBV", BYTES(0x0f, 0x01, 0xd1), 0, 0, 0, XSAVE, 55, 0, 0, 0},
    {"RDRAND eax", BYTES(0x0f, 0xc7, 0xf0), F_SECONDARY, CPU2_RDRAND, 0, ALWAYS,
     57, 0, R1(0) | SIZE(1), REG1 | SIZE(3)},
    {"RDRAND r9", BYTES(0x49, 0x0f, 0xc7, 0xf1), F_SECONDARY, CPU2_RDRAND, 0,
     ALWAYS, 57, 0, R1(9) | SIZE(2), REG1 | SIZE(3)},
    {"INVPCID rcx, [rax]", BYTES(0x66, 0x0f, 0x38, 0x82, 0x08), F_PRIMARY,
     CPU_INVLPG, CPU2_INVPCID, ALWAYS, 58, 0, RAX_IS_DATA | R2(1),
     WITH_B | REG2},
    {"RDSEED edx", BYTES(0x0f, 0xc7, 0xfa), F_SECONDARY, CPU2_RDSEED, 0, ALWAYS,
     61, 0, R1(2) | SIZE(1), REG1 | SIZE(3)},
    {"UMWAIT edi", BYTES(0xf2, 0x0f, 0xae, 0xf7), F_PRIMARY, CPU_RDTSC,
     CPU2_USER_WAIT, ALWAYS, 67, 0, R1(7) | SIZE(1), REG1 | SIZE(3)},
    {"TPAUSE edi", BYTES(0x66, 0x0f, 0xae, 0xf7), F_PRIMARY, CPU_RDTSC,
     CPU2_USER_WAIT, ALWAYS, 68, 0, R1(7) | SIZE(1), REG1 | SIZE(3)},
};

static struct vm vm;
static uint8_t *code, *data;

static void set_registers(const struct row *t)
{
    for (unsigned i = 0; i < 32; i++)
        data[i] = 0;
    vm.gpr[GPR_RAX] = (uintptr_t)data;
    vm.gpr[GPR_RBX] = 0x100;
    vm.gpr[GPR_RCX] = t->need == MONITOR || t->need == RDPMC ? 0 : 2;
    vm.gpr[GPR_RDX] = vm.gpr[GPR_RDI] = 0;
}

/* The instruction, then VMCALL. */
static uint64_t run(const struct row *t)
{
    for (unsigned i = 0; i < t->length; i++)
        code[i] = t->code[i];
    code[t->length] = 0x0f;
    code[t->length + 1] = 0x01;
    code[t->length + 2] = 0xc1;
    set_registers(t);
    vmwrite(F_GUEST_RIP, (uintptr_t)code);
    vmwrite(F_GUEST_RFLAGS, 2);
    vmwrite(F_INTERRUPTIBILITY, 0);
    return vm_run(&vm);
}

static bool exists(const struct row *t)
{
    uint32_t r[4];
    cpuid(1, 0, r);
    switch (t->need) {
    case MONITOR: return (r[2] & 1 << 3) != 0;
    case XSAVE: return (r[2] & 1 << 26) != 0;
    case RDPMC: cpuid(10, 0, r); return (r[0] & 0xff00) != 0;
    case ALWAYS:
    case ONLY: break;
    }
    return true;
}

static void prepare(const struct row *t)
{
    const uint32_t off = CPU_HLT | CPU_INVLPG | CPU_MWAIT | CPU_RDPMC |
                         CPU_RDTSC | CPU_MOV_DR | CPU_MONITOR | CPU_PAUSE;
    const uint32_t kept = CPU2_EPT | CPU2_VPID;
    vmwrite(F_PRIMARY, vmread(F_PRIMARY) & ~(uint64_t)off);
    if ((vmx_allowed(F_PRIMARY) & CPU_SECONDARY) != 0)
        vmwrite(F_SECONDARY, t->enable & ~kept);
    if (t->enable != 0)
        vmwrite(F_PRIMARY, vmread(F_PRIMARY) | CPU_SECONDARY);
    vmwrite(F_GUEST_ES_BASE + 2 * FS, FS_BASE);
    vmwrite(F_EXCEPTIONS, UINT32_MAX);
    if (t->need == XSAVE) /* OSXSAVE */
        vmwrite(F_GUEST_CR4, vmread(F_GUEST_CR4) | 1 << 18);
}

static void check(const struct row *t)
{
    uint64_t reason = run(t), q = vmread(F_QUALIFICATION);
    uint64_t want = t->qualification, length = vmread(F_LENGTH);
    uint32_t info = (uint32_t)vmread(F_INFO) & t->mask;
    if (want == DATA)
        want = (uintptr_t)data;
    if ((t->info & t->mask & NOB) != 0) /* relative to RIP */
        want = (uintptr_t)code + t->length - 16;
    bool same = reason == t->reason && q == want && length == t->length &&
                info == t->info && vmread(F_GUEST_RIP) == (uintptr_t)code;
    ok(same, "exit %u %s", t->reason, t->name);
    if (!same)
        diag("reason %lu qualification %lx length %lu information %x, not %x",
             reason, q, length, info, t->info);
}

static void row(const struct row *t)
{
    if (!exists(t) || (t->enable & ~vmx_allowed(F_SECONDARY)) != 0 ||
        (t->field != 0 && (t->control & ~vmx_allowed(t->field)) != 0)) {
        skip(t->name, "not of this processor");
        return;
    }
    prepare(t);
    if (t->field != 0 && t->need != ONLY) {
        uint64_t reason = run(t);
        ok(reason == VMCALL, "%s runs without its control", t->name);
        if (reason != VMCALL)
            diag("reason %lu event %lx", reason, vmread(F_EXIT_EVENT));
    }
    prepare(t);
    if (t->field != 0)
        (void)vm_enable(t->field, t->control);
    check(t);
    if (t->enable == 0 || t->need == ONLY)
        return;
    /* Where the guest does not have it #UD comes before the exit. */
    vmwrite(F_SECONDARY, 0);
    uint64_t reason = run(t);
    ok(reason == 0 && (vmread(F_EXIT_EVENT) & 0xff) == 6,
       "%s is #UD where the guest has it not", t->name);
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("encodings", "no VMX");
        return plan_end();
    }
    code = page();
    data = page();
    vm_reset(&vm, code);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        row(&rows[i]);
    return plan_end();
}
