/* SPDX-License-Identifier: Apache-2.0
 * A test for each rule of VM entry: a virtual machine with one thing wrong
 * does not start, and fails as the manual says; with the nearest thing that
 * is right it starts. Whether it does is seen without running anything in
 * it: the VMX-preemption timer is 0 on entry. Names begin with "exit 33", or
 * with "error" and the number of VMfail.
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

/* Fields that only these tests use. */
enum {
    F_VMREAD_BITMAP = 0x2026,
    F_VMWRITE_BITMAP = 0x2028,
    F_VE_AREA = 0x202a,
    F_TERTIARY = 0x2034,
    F_VMM_TIMER = 0x4340,
    F_GUEST_PERF = 0x2808,
    F_GUEST_PDPTE = 0x280a, /* + 2 */
    F_HOST_PERF = 0x2c04,
    F_HOST_SS = 0x0c04,
    F_HOST_DS = 0x0c06,
    F_HOST_FS = 0x0c08,
    F_HOST_GS = 0x0c0a,
    F_GUEST_SYSENTER_ESP = 0x6824,
    F_GUEST_SYSENTER_EIP = 0x6826,
    F_HOST_SYSENTER_ESP = 0x6c10,
    F_HOST_SYSENTER_EIP = 0x6c12,
};
/* Segment registers, as offsets into each group of guest fields. */
enum { ES = 0, CS = 2, SS = 4, DS = 6, FS = 8, GS = 10, LDTR = 12, TR = 14 };
#define SELECTOR(s) (F_GUEST_ES + (unsigned)(s))
#define BASE(s)     (F_GUEST_ES_BASE + (unsigned)(s))
#define LIMIT(s)    (F_GUEST_ES_LIMIT + (unsigned)(s))
#define RIGHTS(s)   (F_GUEST_ES_RIGHTS + (unsigned)(s))

enum {
    CPU_TERTIARY = 1 << 17,
    CPU2_MBEC = 1 << 22,
    CPU2_SUB_PAGE = 1 << 23,
    EXIT_LOAD_PERF = 1 << 12,
    EXIT_LOAD_PAT = 1 << 19,
    ENTRY_LOAD_DEBUG = 1 << 2,
    ENTRY_LOAD_PERF = 1 << 13,
    ENTRY_LOAD_PAT = 1 << 14,
    UNUSABLE = 1 << 16,
    STI = 1 << 0, /* interruptibility */
    MOV_SS = 1 << 1,
    NMI = 1 << 3,
    HLT = 1, /* activity */
    SHUTDOWN = 2,
    SIPI = 3,
    TF = 1 << 8,
    IF = 1 << 9,
};
#define VALID 0x80000000u

static struct vm vm;
static uint64_t wide, last_page; /* first address beyond the physical width */
static uint64_t misc, basic, ept_cap;
static uint64_t wild; /* the first address that is not canonical */

static void set(unsigned field, uint64_t bits)
{
    vmwrite(field, vmread(field) | bits);
}

static void clear(unsigned field, uint64_t bits)
{
    vmwrite(field, vmread(field) & ~bits);
}

static void toggle(unsigned field, uint64_t bits)
{
    vmwrite(field, vmread(field) ^ bits);
}

/* Of access rights: the bits of `mask` become those of `value`. */
static void rights(unsigned s, uint32_t mask, uint32_t value)
{
    vmwrite(RIGHTS(s), (vmread(RIGHTS(s)) & ~(uint64_t)mask) | value);
}

static void inject(uint32_t event)
{
    vmwrite(F_ENTRY_EVENT, VALID | event);
}

static bool enable2(uint32_t bits)
{
    return vm_enable(F_SECONDARY, bits);
}

static bool ept(void)
{
    uint64_t *entry;
    return vm_enable_ept(0, &entry);
}

static bool unrestricted(void)
{
    return ept() && enable2(CPU2_UNRESTRICTED);
}

static bool tpr_shadow(void)
{
    if (!vm_enable(F_PRIMARY, CPU_TPR_SHADOW))
        return false;
    uint8_t *apic = page();
    apic[0x80] = 0x50;
    vmwrite(F_VIRTUAL_APIC, (uintptr_t)apic);
    vmwrite(F_TPR_THRESHOLD, 0);
    return true;
}

static bool virtual_interrupts(void)
{
    return tpr_shadow() && vm_enable(F_PIN, PIN_EXTINT) &&
           enable2(CPU2_VIRTUAL_INTR);
}

static bool posted(void)
{
    if (!virtual_interrupts() || !vm_enable(F_PIN, PIN_POSTED))
        return false;
    vmwrite(F_POSTED_DESCRIPTOR, (uintptr_t)page());
    vmwrite(F_POSTED_VECTOR, 0xf2);
    return vm_enable(F_EXIT, EXIT_ACK);
}

static bool vmm_timer(void)
{
    if (!vm_enable(F_PRIMARY, CPU_TERTIARY) || (rdmsr(0x492) >> 51 & 1) == 0)
        return false;
    vmwrite(F_TERTIARY, UINT64_C(1) << 51);
    return true;
}

/* VMCS that the link pointer may name. */
static uint32_t *linked(void)
{
    uint32_t *region = page();
    *region = (uint32_t)basic & 0x7fffffff;
    vmwrite(F_LINK, (uintptr_t)region);
    return region;
}

static void user(void)
{
    rights(CS, 0x60, 0x60);
    rights(SS, 0x60, 0x60);
    set(SELECTOR(CS), 3);
    set(SELECTOR(SS), 3);
}

/* LDTR that can be used. */
static bool ldtr(void)
{
    vmwrite(SELECTOR(LDTR), 0x20);
    vmwrite(LIMIT(LDTR), 0xfff);
    vmwrite(RIGHTS(LDTR), 0x82);
    return true;
}

static void pdpte(unsigned n, uint64_t entry)
{
    ((uint64_t *)vmread(F_GUEST_CR3))[n] = entry;
}

static bool has_sgx(void)
{
    uint32_t r[4];
    cpuid(0, 0, r);
    if (r[0] < 7)
        return false;
    cpuid(7, 0, r);
    return (r[1] & 1 << 2) != 0;
}

/* Not reached: a VM that starts exits before its first instruction. */
extern const char guest_code[];
__asm__(".pushsection .text\nguest_code: vmcall; jmp guest_code\n.popsection");

/* --- virtual machines ----------------------------------------------------- */

enum base { B64, PAE, REAL, V86 };

static void make_pae(void)
{
    clear(F_ENTRY, ENTRY_IA32E);
    vmwrite(F_GUEST_CR3, (uintptr_t)page());
    vmwrite(F_GUEST_RIP, 0x1000);
    rights(CS, 0xf000, 0xc000);
}

static bool make_real(void)
{
    clear(F_ENTRY, ENTRY_IA32E);
    vmwrite(F_GUEST_CR0, (vmread(F_GUEST_CR0) & ~UINT64_C(0x80000001)) | 0x30);
    clear(F_GUEST_CR4, 1 << 5);
    vmwrite(F_GUEST_RIP, 0x100);
    vmwrite(F_GUEST_RSP, 0x800);
    for (unsigned s = ES; s <= GS; s += 2) {
        vmwrite(SELECTOR(s), 0x100);
        vmwrite(BASE(s), (uintptr_t)page());
        vmwrite(LIMIT(s), 0xffff);
        vmwrite(RIGHTS(s), 0x93);
    }
    return unrestricted();
}

static void make_v86(void)
{
    make_pae();
    set(F_GUEST_RFLAGS, 1 << 17);
    for (unsigned s = ES; s <= GS; s += 2) {
        vmwrite(SELECTOR(s), 0x123);
        vmwrite(BASE(s), 0x1230);
        vmwrite(LIMIT(s), 0xffff);
        vmwrite(RIGHTS(s), 0xf3);
    }
}

static bool make(enum base base)
{
    static unsigned mark;
    if (mark == 0)
        mark = pages_used();
    if (vm.vmcs != 0)
        __asm__ volatile("vmclear %0" : : "m"(vm.vmcs) : "memory", "cc");
    pages_release(mark);
    vm_reset(&vm, guest_code);
    vmwrite(F_PIN, vmread(F_PIN) | PIN_TIMER);
    vmwrite(F_TIMER, 0);
    vmwrite(F_ENTRY_ERROR, 0);
    vmwrite(F_ENTRY_LENGTH, 0);
    switch (base) {
    case B64: return true;
    case PAE: make_pae(); return true;
    case REAL: return make_real();
    case V86: make_v86(); return true;
    }
    return false;
}

/* --- cases ---------------------------------------------------------------- */

/* How an entry fails. */
enum outcome { ERROR7, ERROR8, EXIT33, EXIT33_PDPTE, EXIT33_NMI, EXIT33_LINK };

struct check_case {
    const char *rule, *change;
    enum outcome outcome;
    bool there; /* the processor has what the case needs */
};

/* Make case `wanted`; false: there are not so many. */
static bool make_case(unsigned wanted, bool spoil, struct check_case *c)
{
    unsigned n = 0;
#define CASE(outcome, rule, base, need, change, ...)                           \
    if (n++ == wanted) {                                                       \
        *c = (struct check_case){#rule, #change, outcome,                      \
                                 make(base) && (need)};                        \
        if (!c->there)                                                         \
            return true;                                                       \
        if (spoil) {                                                           \
            change;                                                            \
        } else {                                                               \
            __VA_ARGS__;                                                       \
        }                                                                      \
        return true;                                                           \
    }
#include "semantics/vmx/entries.def"
#undef CASE
    return false;
}

static const char *title(enum outcome o)
{
    switch (o) {
    case ERROR7: return "error 7";
    case ERROR8: return "error 8";
    default: return "exit 33";
    }
}

static bool failed_so(enum outcome o, uint64_t result)
{
    static const uint8_t qualification[] = {
        [EXIT33_PDPTE] = 2, [EXIT33_NMI] = 3, [EXIT33_LINK] = 4};
    if (o == ERROR7 || o == ERROR8)
        return result == (VM_FAIL_VALID | (o == ERROR7 ? 7 : 8));
    return result == 0x80000021 &&
           vmread(F_QUALIFICATION) == qualification[o] && !vm.launched;
}

static void report(const struct check_case *c, const char *what,
                   uint64_t result)
{
    diag("%s: %s %lx, qualification %lx", c->rule, what, result,
         vmread(F_QUALIFICATION));
}

static void run_case(unsigned n)
{
    struct check_case c;
    make_case(n, true, &c);
    if (!c.there) {
        skip(c.rule, "not there");
        return;
    }
    uint64_t result = vm_run(&vm);
    bool fails = failed_so(c.outcome, result);
    if (!fails)
        report(&c, "spoilt", result);
    make_case(n, false, &c);
    result = vm_run(&vm);
    bool starts = result < VALID;
    if (!starts)
        report(&c, "good", result);
    ok(fails && starts, "%s %s: %s", title(c.outcome), c.rule, c.change);
}

/* --- what a failed entry leaves ------------------------------------------- */

enum { FIELDS = 10 };

/* What neither kind of failure changes: exit information but reason and
 * qualification, the guest's state. */
static const unsigned kept[FIELDS] = {
    F_EXIT_EVENT, F_EXIT_ERROR,    F_VECTORING, F_VECTORING_ERROR,
    F_LENGTH,     F_INFO,          F_GUEST_RIP, F_GUEST_RFLAGS,
    F_ACTIVITY,   F_GUEST_ES_LIMIT};

static bool same(const uint64_t *before)
{
    for (unsigned i = 0; i < FIELDS; i++)
        if (vmread(kept[i]) != before[i]) {
            diag("field %x is %lx, was %lx", kept[i], vmread(kept[i]),
                 before[i]);
            return false;
        }
    return true;
}

/* SDM Vol.3 "VM-Entry Failures During or After Loading Guest State": no guest
 * state is saved, other exit information stays, and so does the launch
 * state. */
static void test_exit_33(void)
{
    uint64_t before[FIELDS];
    make(B64);
    inject(3 << 8 | 6);
    bool good = vm_run(&vm) == 52;
    /* The event was delivered: what it pushed is not to be seen again. */
    for (unsigned i = 0; i < FIELDS; i++)
        before[i] = vmread(kept[i]);
    set(SELECTOR(TR), 4);
    good &= vm_run(&vm) == 0x80000021;
    ok(good && same(before), "exit 33 saves nothing");
    clear(SELECTOR(TR), 4);
    ok(vm_run(&vm) == 52, "exit 33 leaves a launched VMCS launched");

    make(B64);
    set(SELECTOR(TR), 4);
    good = vm_run(&vm) == 0x80000021;
    clear(SELECTOR(TR), 4);
    vm.launched = true;
    good &= vm_run(&vm) == (VM_FAIL_VALID | 5);
    vm.launched = false;
    ok(good && vm_run(&vm) == 52, "exit 33 leaves a clear VMCS clear");
}

/* SDM Vol.3 "Conventions": VMfail changes the error field alone. */
static void test_error(unsigned field, uint64_t bad, unsigned error)
{
    uint64_t before[FIELDS];
    make(B64);
    bool good = vm_run(&vm) == 52;
    for (unsigned i = 0; i < FIELDS; i++)
        before[i] = vmread(kept[i]);
    uint64_t value = vmread(field);
    vmwrite(field, bad);
    good &= vm_run(&vm) == (VM_FAIL_VALID | error);
    good &= vmread(F_REASON) == 52 && same(before);
    vmwrite(field, value);
    ok(good && vm_run(&vm) == 52, "error %u changes nothing else", error);
}

/* Controls are looked at before host state, and that before the guest's. */
static void test_order(void)
{
    make(B64);
    set(SELECTOR(TR), 4);
    vmwrite(F_HOST_CS, 0);
    bool good = vm_run(&vm) == (VM_FAIL_VALID | 8);
    vmwrite(F_HOST_CS, 8);
    clear(F_ENTRY, 1);
    good &= vm_run(&vm) == (VM_FAIL_VALID | 7);
    set(F_ENTRY, 1);
    ok(good && vm_run(&vm) == 0x80000021, "exit 33 comes last");
}

int guest_main(const char *line)
{
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("all", "no VMX, or the firmware has locked it off");
        return plan_end();
    }
    if ((vmx_allowed(F_PIN) & PIN_TIMER) == 0) {
        skip("all", "no VMX-preemption timer");
        return plan_end();
    }
    uint32_t r[4];
    cpuid(0x80000008, 0, r);
    wide = UINT64_C(1) << (r[0] & 0xff);
    last_page = wide - 4096;
    wild = UINT64_C(1) << ((r[0] >> 8 & 0xff) - 1);
    basic = rdmsr(0x480);
    misc = rdmsr(0x485);
    make(B64);
    ept_cap = (vmx_allowed(F_SECONDARY) & (CPU2_EPT | CPU2_VPID)) != 0
                  ? rdmsr(0x48c)
                  : 0;
    struct check_case c;
    for (unsigned n = 0; make_case(n, true, &c); n++)
        run_case(n);
    test_exit_33();
    test_error(F_PIN, 0, 7);
    test_error(F_HOST_TR, 0, 8);
    test_order();
    return plan_end();
}
