/* SPDX-License-Identifier: Apache-2.0
 * EPT as a guest meets it: every combination of rights against every kind of
 * access, what is a misconfiguration, which fields the exits fill, accesses
 * to the guest's own paging structures, and accessed and dirty flags. SDM
 * Vol.3 "EPT Violations", "EPT Misconfigurations", "Accessed and Dirty Flags
 * for EPT".
 */
#include "semantics/vmx/vmx.h"

int guest_main(const char *line);

static struct vm vm;
static uint8_t touched[8192] __attribute__((aligned(4096), used));

#define CODE(name, text)                                                       \
    __asm__(".pushsection .text\n.globl code_" #name ", end_" #name            \
            "\n.balign 16\ncode_" #name ": " text "\nend_" #name               \
            ": vmcall\n.popsection");                                          \
    extern const char code_##name[], end_##name[]

CODE(read, "mov touched + 0x123, %al");
CODE(write, "movb $0, touched + 0x123");
CODE(rmw, "lock incb touched + 0x123");
CODE(fetch, "mov $touched + 0x123, %eax; movb $0xc3, (%rax); call *%rax");
CODE(cross, "mov touched + 0xffc, %rax");
CODE(far, "mov $0x80000123, %ebx; movb $1, (%rbx)");

enum { READ = 1, WRITE = 2, FETCH = 4 };
enum { CAP_EXECUTE_ONLY = 0, CAP_AD = 21, CAP_1G = 17 };

static bool ept_has(unsigned bit)
{
    return (rdmsr(0x48c) >> bit & 1) != 0;
}

static uint64_t physical_bits(void)
{
    uint32_t r[4];
    cpuid(0x80000008, 0, r);
    return r[0] & 0xff;
}

/* A guest at `code`, with the entry of `at` in *entry. */
static bool start(const void *code, const void *at, uint64_t **entry)
{
    vm_reset(&vm, code);
    return vm_enable_ept((uintptr_t)at, entry);
}

/* --- rights --- */

static uint64_t due_reason(unsigned rights, unsigned need)
{
    bool only_x = rights == 4 && !ept_has(CAP_EXECUTE_ONLY);
    if (rights == 2 || rights == 6 || only_x)
        return 49;
    return (rights & need) == need ? 18 : 48;
}

static void rights_case(const char *name, const void *code, unsigned rights,
                        unsigned access, unsigned need)
{
    uint64_t *entry;
    (void)start(code, touched, &entry);
    *entry = (*entry & ~UINT64_C(7)) | rights;
    uint64_t due = due_reason(rights, need), reason = vm_run(&vm);
    bool good = reason == due;
    if (!good)
        diag("exit reason 0x%lx, not 0x%lx", reason, due);
    if (good && due == 48) {
        uint64_t qual = vmread(F_QUALIFICATION);
        /* Access, rights, and the address's linear one, finally. Whether the
         * write of a read-modify-write counts as a read too is open. */
        uint64_t want = 0x180 | rights << 3 | access;
        uint64_t mask = need == WRITE && code == code_rmw ? 0x1be : 0x1bf;
        if ((qual & mask) != (want & mask))
            diag("qualification 0x%lx, not 0x%lx", qual, want);
        good = (qual & mask) == (want & mask) &&
               vmread(F_LINEAR) == (uintptr_t)touched + 0x123;
    }
    if (good && due != 18)
        good = vmread(F_GUEST_PHYSICAL) == (uintptr_t)touched + 0x123;
    ok(good, "exit %u %s with rights %u", (unsigned)due, name, rights);
}

static void test_rights(void)
{
    for (unsigned rights = 0; rights < 8; rights++) {
        rights_case("read", code_read, rights, READ, READ);
        rights_case("write", code_write, rights, WRITE, WRITE);
    }
    for (unsigned rights = 1; rights < 8; rights += 2)
        rights_case("read and write", code_rmw, rights,
                    (rights & 2) != 0 ? READ : READ | WRITE, WRITE);
}

/* The page is written first: RET. */
static void test_fetch(void)
{
    for (unsigned rights = 0; rights < 8; rights++) {
        uint64_t *entry;
        touched[0x123] = 0xc3;
        vm_reset(&vm, touched + 0x123);
        (void)vm_enable_ept((uintptr_t)touched, &entry);
        uint64_t sp = vmread(F_GUEST_RSP);
        *(uint64_t *)sp = (uintptr_t)end_fetch;
        *entry = (*entry & ~UINT64_C(7)) | rights;
        uint64_t due = due_reason(rights, FETCH), reason = vm_run(&vm);
        uint64_t qual = due == 48 ? vmread(F_QUALIFICATION) : 0;
        bool good = reason == due &&
                    (due != 48 || (qual & 0x1bf) == (0x184 | rights << 3));
        if (!good)
            diag("exit reason 0x%lx, qualification 0x%lx", reason, qual);
        ok(good, "exit %u fetch with rights %u", (unsigned)due, rights);
    }
}

/* The rights of the levels above count too. */
static void test_upper_levels(void)
{
    for (unsigned level = 2; level <= 4; level++) {
        uint64_t *entry;
        (void)start(code_write, touched, &entry);
        uint64_t *table = (uint64_t *)(vmread(F_EPTP) & ~UINT64_C(0xfff));
        for (unsigned l = 4; l > level; l--)
            table =
                (uint64_t
                     *)(table[(uintptr_t)touched >> (12 + 9 * (l - 1)) & 511] &
                        ~UINT64_C(0xfff));
        unsigned i = (uintptr_t)touched >> (12 + 9 * (level - 1)) & 511;
        /* Read and execute only; the write is stopped. The stack is not
         * used, and flags of the guest's tables are set already. */
        table[i] &= ~UINT64_C(2);
        uint64_t reason = vm_run(&vm), qual = vmread(F_QUALIFICATION);
        bool good = reason == 48 && (qual & 0x3a) == 0x2a;
        if (!good)
            diag("exit reason 0x%lx, qualification 0x%lx", reason, qual);
        ok(good, "exit 48 write right missing at level %u", level);
    }
}

/* --- misconfigurations --- */

static void misconfigured(const char *name, unsigned level, uint64_t bits)
{
    uint64_t *entry;
    (void)start(code_read, touched, &entry);
    uint64_t *table = (uint64_t *)(vmread(F_EPTP) & ~UINT64_C(0xfff));
    unsigned i = 0;
    for (unsigned l = 4; l >= level; l--) {
        i = (uintptr_t)touched >> (12 + 9 * (l - 1)) & 511;
        if (l > level)
            table = (uint64_t *)(table[i] & ~UINT64_C(0xfff));
    }
    if (level == 1)
        table[i] &= ~UINT64_C(0x38); /* the memory type */
    table[i] |= bits;
    uint64_t reason = vm_run(&vm);
    if (reason != 49)
        diag("exit reason 0x%lx", reason);
    ok(reason == 49, "exit 49 %s", name);
}

static void test_misconfigurations(void)
{
    misconfigured("memory type 2", 1, 2 << 3);
    misconfigured("memory type 3", 1, 3 << 3);
    misconfigured("memory type 7", 1, 7 << 3);
    misconfigured("reserved bits of a PDE", 2, 1 << 3);
    misconfigured("reserved bits of a PDPTE", 3, 1 << 4);
    misconfigured("reserved bits of a PML4E", 4, 1 << 7);
    if (physical_bits() < 52) {
        misconfigured("address bit of a PTE", 1,
                      UINT64_C(1) << physical_bits() | 6 << 3);
        misconfigured("address bit of a PDE", 2,
                      UINT64_C(1) << physical_bits());
    }
    /* An entry that is not present is none, whatever its other bits. */
    uint64_t *entry;
    (void)start(code_read, touched, &entry);
    *entry = UINT64_C(0x7ffffffffffff000) | 7 << 3;
    uint64_t reason = vm_run(&vm);
    ok(reason == 48, "exit 48 not present with other bits set");
}

/* --- what the exits say --- */

static void test_crossing(void)
{
    uint64_t *entry;
    (void)start(code_cross, touched, &entry);
    entry[1] = 0; /* the second page; both lie in one table */
    bool one_table = ((uintptr_t)touched >> 12 & 511) != 511;
    if (!one_table) {
        skip("exit 48 second page of an access", "two tables");
        return;
    }
    uint64_t reason = vm_run(&vm);
    uint64_t at = vmread(F_GUEST_PHYSICAL);
    if (at != (uintptr_t)touched + 0x1000)
        diag("guest-physical address 0x%lx", at);
    ok(reason == 48 && at == (uintptr_t)touched + 0x1000 &&
           vmread(F_GUEST_RIP) == (uintptr_t)code_cross,
       "exit 48 second page of an access");
}

extern uint64_t pml4[], pdpt[], pd[];

/* The guest's own page directory is not there: a read with bit 8 clear. */
static void test_guest_tables(void)
{
    uint64_t *entry, at = (uintptr_t)pd + 4096 * 2; /* that of 2 GiB */
    (void)start(code_far, (const void *)at, &entry);
    *entry &= ~UINT64_C(7);
    uint64_t reason = vm_run(&vm), qual = vmread(F_QUALIFICATION);
    uint64_t where = vmread(F_GUEST_PHYSICAL);
    bool good = reason == 48 && (qual & 0x185) == 0x81 && where == at &&
                vmread(F_LINEAR) == 0x80000123;
    if (!good)
        diag("exit reason 0x%lx, qualification 0x%lx, at 0x%lx", reason, qual,
             where);
    ok(good, "exit 48 read of a guest's table");
    /* Readable only: the accessed flag cannot be set. */
    (void)start(code_far, (const void *)at, &entry);
    ((uint64_t *)at)[0] &= ~UINT64_C(0x60);
    *entry &= ~UINT64_C(2);
    reason = vm_run(&vm);
    qual = vmread(F_QUALIFICATION);
    good = reason == 48 && (qual & 0x182) == 0x82;
    if (!good)
        diag("exit reason 0x%lx, qualification 0x%lx", reason, qual);
    ok(good, "exit 48 accessed flag of a guest's table");
    *entry |= 2;
}

/* --- flags --- */

static uint64_t flags_after(const void *code, bool enabled)
{
    uint64_t *entry;
    (void)start(code, touched, &entry);
    if (enabled)
        vmwrite(F_EPTP, vmread(F_EPTP) | 1 << 6);
    uint64_t reason = vm_run(&vm);
    if (reason != 18)
        diag("exit reason 0x%lx", reason);
    return *entry & 0x300;
}

static void test_flags(void)
{
    ok(flags_after(code_write, false) == 0, "no flags unless enabled");
    if (!ept_has(CAP_AD)) {
        skip("accessed and dirty flags", "not in this processor");
        return;
    }
    ok(flags_after(code_read, true) == 0x100, "accessed flag of a read");
    ok(flags_after(code_write, true) == 0x300, "both flags of a write");
    /* With the flags a walk of the guest's tables is a write to them. */
    uint64_t *entry, at = (uintptr_t)pd + 4096 * 2;
    (void)start(code_far, (const void *)at, &entry);
    vmwrite(F_EPTP, vmread(F_EPTP) | 1 << 6);
    ((uint64_t *)at)[0] |= 0x60;
    *entry &= ~UINT64_C(2);
    uint64_t reason = vm_run(&vm), qual = vmread(F_QUALIFICATION);
    if (reason != 48 || (qual & 0x183) != 0x83)
        diag("exit reason 0x%lx, qualification 0x%lx", reason, qual);
    ok(reason == 48 && (qual & 0x183) == 0x83,
       "exit 48 a walk with flags writes");
}

int guest_main(const char *line)
{
    uint64_t *entry;
    (void)line;
    plan_begin();
    if (!vmx_start()) {
        skip("all", "no VMX, or the firmware has locked it off");
        return plan_end();
    }
    if (!start(code_read, touched, &entry)) {
        skip("all", "no EPT");
        return plan_end();
    }
    test_rights();
    test_fetch();
    test_upper_levels();
    test_misconfigurations();
    test_crossing();
    test_guest_tables();
    test_flags();
    return plan_end();
}
