/* SPDX-License-Identifier: Apache-2.0
 * Accesses to control registers, ports, MSRs and the TSC from a guest: what
 * masks, shadows, targets and bitmaps let pass, what the guest then reads, and
 * what exits report. SDM Vol.3 "Instructions That Cause VM Exits
 * Conditionally", "Changes to Instruction Behavior in VMX Non-Root Operation",
 * "Basic VM-Exit Information".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

enum { EXCEPTION = 0, VMCALL = 18, CR = 28, IO = 30, RDMSR = 31, WRMSR = 32 };
enum { PE = 1, MP = 2, EM = 4, TS = 8, NE = 0x20, AM = 1 << 18 };
enum { TSD = 4, PGE = 0x80 };
enum { GP = 13 };

static struct vm vm;
static uint8_t *code;

/* The bytes, then VMCALL. */
#define RUN(...)                                                               \
    run((const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static uint64_t run(const uint8_t *insn, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        code[i] = insn[i];
    code[n] = 0x0f;
    code[n + 1] = 0x01;
    code[n + 2] = 0xc1;
    vmwrite(F_GUEST_RIP, (uintptr_t)code);
    vmwrite(F_GUEST_RFLAGS, 2);
    return vm_run(&vm);
}

static uint64_t *gpr(unsigned n)
{
    return &vm.gpr[n];
}

static void passes(const char *name, uint64_t reason)
{
    ok(reason == VMCALL, "%s", name);
    if (reason != VMCALL)
        diag("reason %lu qualification %lx event %lx", reason,
             vmread(F_QUALIFICATION), vmread(F_EXIT_EVENT));
}

static void exits(const char *name, uint64_t reason, unsigned due,
                  uint64_t qualification)
{
    uint64_t q = vmread(F_QUALIFICATION);
    bool same = reason == due && q == qualification;
    ok(same, "%s", name);
    if (!same)
        diag("reason %lu qualification %lx, not %u %lx", reason, q, due,
             qualification);
}

static void faults_in_guest(const char *name, uint64_t reason, unsigned vector)
{
    uint64_t event = vmread(F_EXIT_EVENT);
    bool same = reason == EXCEPTION && (event & 0xff) == vector;
    ok(same, "%s", name);
    if (!same)
        diag("reason %lu event %lx", reason, event);
}

static void equals(const char *name, uint64_t is, uint64_t due)
{
    ok(is == due, "%s", name);
    if (is != due)
        diag("%lx, not %lx", is, due);
}

static void reset(void)
{
    vm_reset(&vm, code);
    vmwrite(F_EXCEPTIONS, UINT32_MAX);
}

/* ------------------------------------------------------ control registers */

#define MOV_CR0_RBX  0x0f, 0x22, 0xc3
#define MOV_RCX_CR0  0x0f, 0x20, 0xc1
#define SMSW_EDX     0x0f, 0x01, 0xe2
#define LMSW_AX      0x0f, 0x01, 0xf0
#define LMSW_RAX4    0x0f, 0x01, 0x70, 0x04 /* [rax+4] */
#define CLTS         0x0f, 0x06
#define MOV_CR3_R9   0x41, 0x0f, 0x22, 0xd9
#define MOV_CR4_RBX  0x0f, 0x22, 0xe3
#define MOV_RCX_CR4  0x0f, 0x20, 0xe1
#define LMSW_ACCESS  (3u << 4)
#define CLTS_ACCESS  (2u << 4)
#define LMSW_MEMORY  (1u << 6)
#define GPR_FIELD(n) ((uint64_t)(n) << 8)

static void test_cr0(void)
{
    reset();
    uint64_t now = vmread(F_GUEST_CR0) & ~(uint64_t)(AM | TS | MP);
    vmwrite(F_GUEST_CR0, now);
    vmwrite(F_CR0_MASK, AM | MP);
    vmwrite(F_CR0_SHADOW, AM);
    *gpr(GPR_RBX) = now | AM | TS;
    passes("MOV to CR0 that agrees with the shadow",
           RUN(MOV_CR0_RBX, MOV_RCX_CR0, SMSW_EDX));
    equals("the host's bits stay", vmread(F_GUEST_CR0), now | TS);
    equals("MOV from CR0 reads the shadow", *gpr(GPR_RCX), now | AM | TS);
    equals("SMSW reads the shadow", *gpr(GPR_RDX), (uint32_t)(now | AM | TS));
    *gpr(GPR_RBX) = now | TS;
    exits("MOV to CR0 that does not", RUN(MOV_CR0_RBX), CR, GPR_FIELD(3));
    *gpr(GPR_RBX) = now | UINT64_C(1) << 40;
    exits("its exit comes before #GP", RUN(MOV_CR0_RBX), CR, GPR_FIELD(3));
    *gpr(GPR_RBX) |= AM;
    faults_in_guest("a reserved bit is #GP", RUN(MOV_CR0_RBX), GP);
    *gpr(GPR_RBX) = (now | AM) & ~(uint64_t)NE;
    faults_in_guest("a fixed bit is #GP", RUN(MOV_CR0_RBX), GP);
}

static void test_clts(void)
{
    reset();
    uint64_t now = vmread(F_GUEST_CR0) | TS;
    vmwrite(F_GUEST_CR0, now);
    vmwrite(F_CR0_MASK, TS);
    vmwrite(F_CR0_SHADOW, 0);
    passes("CLTS of a shadow that is 0", RUN(CLTS));
    equals("CR0.TS stays", vmread(F_GUEST_CR0), now);
    vmwrite(F_CR0_SHADOW, TS);
    exits("CLTS of a shadow that is 1", RUN(CLTS), CR, CLTS_ACCESS);
    vmwrite(F_CR0_MASK, 0);
    passes("CLTS of the guest's own bit", RUN(CLTS));
    equals("CR0.TS is cleared", vmread(F_GUEST_CR0), now & ~(uint64_t)TS);
}

static void test_lmsw(void)
{
    uint16_t *operand = page();
    reset();
    uint64_t now = vmread(F_GUEST_CR0) | TS;
    vmwrite(F_GUEST_CR0, now);
    vmwrite(F_CR0_MASK, TS | PE);
    vmwrite(F_CR0_SHADOW, PE);
    *gpr(GPR_RAX) = 0xfff0 | MP | EM; /* PE is not cleared */
    passes("LMSW that agrees with the shadow", RUN(LMSW_AX));
    equals("it writes MP and EM", vmread(F_GUEST_CR0), now | MP | EM);
    *gpr(GPR_RAX) = 0xff00 | TS;
    exits("LMSW that does not", RUN(LMSW_AX), CR,
          LMSW_ACCESS | UINT64_C(0xff08) << 16);
    vmwrite(F_CR0_SHADOW, 0);
    operand[2] = PE;
    *gpr(GPR_RAX) = (uintptr_t)operand;
    exits("LMSW that sets a PE of 0", RUN(LMSW_RAX4), CR,
          LMSW_ACCESS | LMSW_MEMORY | PE << 16);
    equals("its address is reported", vmread(F_LINEAR), (uintptr_t)operand + 4);
    vmwrite(F_GUEST_CR0, now & ~(uint64_t)TS);
}

static void test_cr3(void)
{
    reset();
    uint64_t now = vmread(F_GUEST_CR3);
    *gpr(9) = now;
    if (!vm_enable(F_PRIMARY, CPU_CR3_LOAD)) {
        skip("CR3 targets", "no CR3-load exiting");
        return;
    }
    exits("MOV to CR3", RUN(MOV_CR3_R9), CR, 3 | GPR_FIELD(9));
    vmwrite(0x600a, now);
    vmwrite(F_CR3_TARGETS, 1);
    vmwrite(0x6008, now + 0x1000);
    exits("the second target of one", RUN(MOV_CR3_R9), CR, 3 | GPR_FIELD(9));
    vmwrite(F_CR3_TARGETS, 2);
    passes("the second target of two", RUN(MOV_CR3_R9));
    vmwrite(F_CR3_TARGETS, 0);
}

static void test_cr4(void)
{
    reset();
    uint64_t now = vmread(F_GUEST_CR4) & ~(uint64_t)(PGE | TSD);
    const uint64_t vmxe = 1 << 13;
    vmwrite(F_GUEST_CR4, now);
    vmwrite(F_CR4_MASK, vmxe | PGE);
    vmwrite(F_CR4_SHADOW, PGE);
    *gpr(GPR_RBX) = (now | PGE | TSD) & ~vmxe;
    passes("MOV to CR4 that hides VMXE", RUN(MOV_CR4_RBX, MOV_RCX_CR4));
    equals("the host's bits of CR4 stay", vmread(F_GUEST_CR4), now | TSD);
    equals("MOV from CR4 reads the shadow", *gpr(GPR_RCX), *gpr(GPR_RBX));
    *gpr(GPR_RBX) = now | PGE;
    exits("MOV to CR4 that does not agree", RUN(MOV_CR4_RBX), CR,
          4 | GPR_FIELD(3));
    vmwrite(F_CR4_MASK, 0);
    *gpr(GPR_RBX) = now & ~vmxe;
    faults_in_guest("VMXE is fixed", RUN(MOV_CR4_RBX), GP);
}

/* -------------------------------------------------------------------- I/O */

#define OUT_DX_EAX 0xef
#define OUT_DX_AX  0x66, 0xef
#define OUT_DX_AL  0xee
#define REP_INSB   0xf3, 0x6c
#define OUTSD_FS   0x64, 0x6f
#define PORT(n)    ((uint64_t)(n) << 16)
enum { IN = 1 << 3, STRING = 1 << 4, REP = 1 << 5 };

static void test_io(void)
{
    uint8_t *a = page(), *b = page();
    reset();
    vmwrite(F_IO_BITMAP_A, (uintptr_t)a);
    vmwrite(F_IO_BITMAP_B, (uintptr_t)b);
    if (!vm_enable(F_PRIMARY, CPU_IO_BITMAPS)) {
        skip("I/O bitmaps", "none");
        return;
    }
    *gpr(GPR_RAX) = 0;
    *gpr(GPR_RDX) = 0x7ffe; /* a port where nothing is */
    passes("ports of clear bits", RUN(OUT_DX_EAX));
    b[0] = 2;
    exits("the last byte, in bitmap B", RUN(OUT_DX_EAX), IO, PORT(0x7ffe) | 3);
    passes("a narrower access", RUN(OUT_DX_AX));
    b[0] = 0;
    a[0xfff] = 0x80;
    exits("the second byte, in bitmap A", RUN(OUT_DX_EAX), IO,
          PORT(0x7ffe) | 3);
    *gpr(GPR_RDX) = 0xffff;
    passes("the last port", RUN(OUT_DX_AL));
    exits("around the last port", RUN(OUT_DX_AX), IO, PORT(0xffff) | 1);
    vmwrite(F_PRIMARY, vmread(F_PRIMARY) & ~(uint64_t)CPU_IO_BITMAPS);
    (void)vm_enable(F_PRIMARY, CPU_IO);
    vmwrite(F_GUEST_ES_BASE + 2 * 4, 0x5000);
    *gpr(GPR_RDX) = 0x1234;
    *gpr(GPR_RCX) = 2;
    *gpr(GPR_RDI) = UINT64_C(0x123456789a);
    *gpr(GPR_RSI) = 0x10;
    exits("REP INSB", RUN(REP_INSB), IO, PORT(0x1234) | IN | STRING | REP);
    equals("its address, whatever is there", vmread(F_LINEAR),
           UINT64_C(0x123456789a));
    exits("OUTSD fs:", RUN(OUTSD_FS), IO, PORT(0x1234) | STRING | 3);
    equals("its address", vmread(F_LINEAR), 0x5010);
    if ((rdmsr(0x480) >> 54 & 1) != 0)
        equals("its information", vmread(F_INFO) & (7 << 7 | 7 << 15),
               2 << 7 | 4 << 15);
}

/* -------------------------------------------------------------- MSRs, TSC */

#define RDMSR_INSN 0x0f, 0x32
#define WRMSR_INSN 0x0f, 0x30
#define RDTSC_INSN 0x0f, 0x31

static void test_msr(void)
{
    uint8_t *bitmap = page();
    reset();
    vmwrite(F_MSR_BITMAP, (uintptr_t)bitmap);
    if (!vm_enable(F_PRIMARY, CPU_MSR_BITMAPS)) {
        skip("MSR bitmaps", "none");
        return;
    }
    static const struct {
        uint32_t number;
        uint16_t read;
        const char *name;
    } msrs[] = {{0x174, 0x174 / 8, "a low MSR"},
                {0xc0000081, 1024 + 0x81 / 8, "a high MSR"}};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t bit = (uint8_t)(1 << (msrs[i].number & 7));
        *gpr(GPR_RCX) = msrs[i].number;
        passes(msrs[i].name, RUN(RDMSR_INSN, WRMSR_INSN));
        bitmap[msrs[i].read] = bit;
        exits("its read bit", RUN(RDMSR_INSN), RDMSR, 0);
        passes("is none of WRMSR's", RUN(WRMSR_INSN));
        bitmap[msrs[i].read] = 0;
        bitmap[msrs[i].read + 2048] = bit;
        exits("its write bit", RUN(WRMSR_INSN), WRMSR, 0);
        passes("is none of RDMSR's", RUN(RDMSR_INSN));
        bitmap[msrs[i].read + 2048] = 0;
    }
    *gpr(GPR_RCX) = 0x2000;
    exits("RDMSR above the low range", RUN(RDMSR_INSN), RDMSR, 0);
    *gpr(GPR_RCX) = 0xbfffffff;
    exits("WRMSR below the high range", RUN(WRMSR_INSN), WRMSR, 0);
    *gpr(GPR_RCX) = 0xc0002000;
    exits("RDMSR above the high range", RUN(RDMSR_INSN), RDMSR, 0);
}

static uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* The guest's time lies between what its host saw before and after. */
static void between(const char *name, uint64_t before, uint64_t after)
{
    uint64_t guest = (uint32_t)*gpr(GPR_RAX) | *gpr(GPR_RDX) << 32;
    ok(before <= guest && guest <= after, "%s", name);
    if (before > guest || guest > after)
        diag("%lx <= %lx <= %lx", before, guest, after);
}

static void test_tsc(void)
{
    const uint64_t offset = UINT64_C(1) << 60;
    reset();
    if (!vm_enable(F_PRIMARY, CPU_TSC_OFFSET | CPU_MSR_BITMAPS)) {
        skip("TSC offset", "none");
        return;
    }
    vmwrite(F_MSR_BITMAP, (uintptr_t)page());
    vmwrite(F_TSC_OFFSET, offset);
    uint64_t began = rdtsc();
    (void)RUN(RDTSC_INSN);
    between("RDTSC adds the offset", began + offset, rdtsc() + offset);
    *gpr(GPR_RCX) = 0x10;
    began = rdtsc();
    (void)RUN(RDMSR_INSN);
    between("so does RDMSR", began + offset, rdtsc() + offset);
    if (!vm_enable(F_SECONDARY, CPU2_TSC_SCALING)) {
        skip("TSC scaling", "none");
        return;
    }
    vmwrite(F_TSC_MULTIPLIER, UINT64_C(3) << 47);
    began = rdtsc();
    (void)RUN(RDTSC_INSN);
    uint64_t ended = rdtsc();
    between("RDTSC multiplies first", began + began / 2 + offset,
            ended + ended / 2 + offset);
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("accesses", "no VMX");
        return plan_end();
    }
    code = page();
    test_cr0();
    test_clts();
    test_lmsw();
    test_cr3();
    test_cr4();
    test_io();
    test_msr();
    test_tsc();
    return plan_end();
}
