/* SPDX-License-Identifier: Apache-2.0
 * What VMX non-root operation has with EPT alone: VM functions,
 * virtualization exceptions, unrestricted guests, PDPTEs read through EPT.
 * SDM Vol.3 "Features Specific to VMX Non-Root Operation", "Unrestricted
 * Guests", "Changes to Instruction Behavior in VMX Non-Root Operation".
 */
#include "tests/unit/vmx_rig.h"

enum {
    PAGE = 0xc00000,  /* a 2-MByte page, entry 6 of the page directory */
    OTHER = 0xe00000, /* and the next one */
    PDPT = 0x116000,  /* of a PAE guest */
};

static struct vmx_rig X;

static void set_up(void)
{
    vmx_rig_create(&X, NULL);
    X.v->secondary_controls |= PROC2_EPT;
}

static void tear_down(void)
{
    vmx_rig_destroy(&X);
}

static uint64_t *gpr(unsigned reg)
{
    return &X.r.c->gpr[reg];
}

static void exits(const char *hex, unsigned reason, uint64_t qualification)
{
    vmx_rig_exits(&X, hex, reason, qualification);
}

static void faults(const char *hex, int vector)
{
    vmx_rig_faults(&X, hex, vector);
}

static void completes(const char *hex)
{
    faults(hex, -1);
}

/* Entry `i` of the EPT page directory; nothing is cached between runs. */
static void ept_entry(unsigned i, uint64_t v)
{
    rig_put(&X.r, VMX_EPT_PD + 8 * (uint64_t)i, v, 8);
    mmu_invept(X.r.c->mmu, INVEPT_GLOBAL, 0, 0);
}

/* ------------------------------------------------------------------ VMFUNC */

#define VMFUNC "0f 01 d4"

static void list_entry(unsigned i, uint64_t eptp)
{
    rig_put(&X.r, VMX_EPTP_LIST + 8 * (uint64_t)i, eptp, 8);
}

START_TEST(test_vmfunc_refused)
{
    list_entry(0, vmx_rig_eptp(VMX_EPT_OTHER));
    /* In root operation it does not exist. */
    rig_long(&X.r, 0);
    rig_faults(&X.r, VMFUNC " f4", EXC_UD, -1);
    *gpr(REG_RAX) = *gpr(REG_RCX) = 0;
    X.v->vm_functions = 1;
    faults(VMFUNC, EXC_UD); /* without the control */
    X.v->secondary_controls |= PROC2_VMFUNC;
    *gpr(REG_RAX) = 64;
    faults(VMFUNC, EXC_UD);
    *gpr(REG_RAX) = 63;
    exits(VMFUNC, REASON_VMFUNC, 0);
    *gpr(REG_RAX) = 0;
    X.v->vm_functions = 0;
    exits(VMFUNC, REASON_VMFUNC, 0);
    X.v->vm_functions = 1;
    *gpr(REG_RCX) = 512;
    exits(VMFUNC, REASON_VMFUNC, 0);
    *gpr(REG_RCX) = 511; /* an entry of zeros: UC, but a walk of one level */
    exits(VMFUNC, REASON_VMFUNC, 0);
    list_entry(511, vmx_rig_eptp(VMX_EPT_OTHER) | 0x800);
    exits(VMFUNC, REASON_VMFUNC, 0);
    list_entry(511, vmx_rig_eptp(VMX_EPT_OTHER));
    completes(VMFUNC);
}
END_TEST

/* The second root has page OTHER where the first has PAGE. */
static void two_roots(void)
{
    enum { PDPT2 = 0x117000, PD2 = 0x118000 };
    rig_put(&X.r, VMX_EPT_OTHER, PDPT2 | 7, 8);
    rig_put(&X.r, PDPT2, PD2 | 7, 8);
    for (uint64_t i = 0; i < 8; i++) {
        uint64_t to = i == PAGE >> 21 ? OTHER >> 21 : i;
        rig_put(&X.r, PD2 + 8 * i, to << 21 | 6 << 3 | 0x87, 8);
    }
    rig_put(&X.r, PAGE, 0x1111, 8);
    rig_put(&X.r, OTHER, 0x2222, 8);
}

START_TEST(test_eptp_switching)
{
    two_roots();
    list_entry(5, vmx_rig_eptp(VMX_EPT_OTHER));
    list_entry(6, vmx_rig_eptp(VMX_EPT_PML4));
    X.v->secondary_controls |= PROC2_VMFUNC;
    X.v->vm_functions = 1;
    for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
        vmx_rig_long(&X, cpl);
        *gpr(REG_RAX) = 0;
        *gpr(REG_RCX) = UINT64_C(0x700000005);
        *gpr(REG_RSI) = PAGE;
        /* mov rbx, [rsi]; vmfunc; mov rdx, [rsi]; inc ecx; vmfunc;
         * mov rdi, [rsi]; vmcall */
        vmx_rig_run(&X, "48 8b 1e " VMFUNC " 48 8b 16 ff c1 " VMFUNC
                        " 48 8b 3e 0f 01 c1");
        ck_assert_uint_eq(X.after.exit_reason, REASON_VMCALL);
        ck_assert_uint_eq(*gpr(REG_RBX), 0x1111);
        ck_assert_uint_eq(*gpr(REG_RDX), 0x2222);
        ck_assert_uint_eq(*gpr(REG_RDI), 0x1111);
        ck_assert_uint_eq(X.after.eptp, vmx_rig_eptp(VMX_EPT_PML4));
        ck_assert_uint_eq(X.after.eptp_index, 6);
    }
}
END_TEST

/* -------------------------------------------------------------------- #VE */

#define LOAD "48 8b 1e" /* mov rbx, [rsi] */
/* A read of a page that is not there, and a write of one that is read-only;
 * the guest's own tables allow user accesses and writes. */
enum { READ_NOTHING = 0x781, WRITE_READ_ONLY = 2 | 5 << 3 | 0x780 };

static void violation(void)
{
    X.v->secondary_controls |= PROC2_VE;
    ept_entry(PAGE >> 21, 0);
    *gpr(REG_RSI) = PAGE + 0x128;
    rig_put(&X.r, VMX_VE_AREA + 4, 0, 4);
}

static uint64_t area(unsigned at, unsigned n)
{
    return rig_read(&X.r, VMX_VE_AREA + at, n);
}

START_TEST(test_ve)
{
    violation();
    X.v->eptp_index = 0x1234;
    rig_put(&X.r, VMX_VE_AREA + 34, 0x5678, 2);
    faults(LOAD, EXC_VE);
    ck_assert_uint_eq(rig_frame(&X.r, 0, false), RIG_CODE);
    ck_assert_uint_eq(area(0, 4), REASON_EPT_VIOLATION);
    ck_assert_uint_eq(area(4, 4), UINT32_MAX);
    ck_assert_uint_eq(area(8, 8), READ_NOTHING);
    ck_assert_uint_eq(area(16, 8), PAGE + 0x128);
    ck_assert_uint_eq(area(24, 8), PAGE + 0x128);
    ck_assert_uint_eq(area(32, 2), 0x1234);
    ck_assert_uint_eq(area(34, 2), 0x5678);
    /* The area is in use until the guest says otherwise. */
    exits(LOAD, REASON_EPT_VIOLATION, READ_NOTHING);
    ck_assert_uint_eq(X.after.guest_physical_address, PAGE + 0x128);
    rig_put(&X.r, VMX_VE_AREA + 4, 0, 4);
    faults(LOAD, EXC_VE);
}
END_TEST

START_TEST(test_ve_or_exit)
{
    violation();
    ept_entry(PAGE >> 21, UINT64_C(1) << 63); /* suppressed */
    exits(LOAD, REASON_EPT_VIOLATION, READ_NOTHING);
    /* Of a page that is mapped, its own bit says. */
    ept_entry(PAGE >> 21, UINT64_C(1) << 63 | PAGE | 6 << 3 | 0x85);
    *gpr(REG_RBX) = 0;
    exits("48 89 1e", REASON_EPT_VIOLATION, WRITE_READ_ONLY);
    ept_entry(PAGE >> 21, PAGE | 6 << 3 | 0x85);
    faults("48 89 1e", EXC_VE);
    ck_assert_uint_eq(area(8, 8), WRITE_READ_ONLY);
    rig_put(&X.r, VMX_VE_AREA + 4, 0, 4);
    ept_entry(PAGE >> 21, 0);
    X.v->secondary_controls &= ~(uint32_t)PROC2_VE;
    exits(LOAD, REASON_EPT_VIOLATION, READ_NOTHING);
    ck_assert_uint_eq(area(4, 4), 0);
}
END_TEST

/* It is an exception like others: the exception bitmap has a bit for it. */
START_TEST(test_ve_intercepted)
{
    violation();
    X.v->exception_bitmap = 1u << EXC_VE;
    vmx_rig_run(&X, LOAD);
    ck_assert_uint_eq(X.after.exit_reason, REASON_EXCEPTION_NMI);
    ck_assert_uint_eq(X.after.exit_interruption,
                      INTR_VALID | INTR_HARD_EXCEPTION << 8 | EXC_VE);
    ck_assert_uint_eq(area(4, 4), UINT32_MAX);
}
END_TEST

/* A violation during the delivery of an event always exits. */
START_TEST(test_ve_delivery)
{
    violation();
    X.v->guest_rsp = PAGE + 0x1000;
    vmx_rig_run(&X, "0f 0b");
    ck_assert_uint_eq(X.after.exit_reason, REASON_EPT_VIOLATION);
    ck_assert_uint_eq(X.after.idt_vectoring,
                      INTR_VALID | INTR_HARD_EXCEPTION << 8 | EXC_UD);
    ck_assert_uint_eq(area(4, 4), 0);
}
END_TEST

/* So does one without CR0.PE. */
START_TEST(test_ve_real_mode)
{
    vmx_rig_real(&X);
    violation();
    ept_entry(PAGE >> 21, PAGE | 6 << 3 | 0x87);
    ept_entry(RIG_DATA >> 21, RIG_DATA >> 21 << 21 | 6 << 3 | 0x85);
    *gpr(REG_RSI) = 0x100;
    vmx_rig_run(&X, "88 04"); /* mov [si], al: DS is 0 */
    ck_assert_uint_eq(X.after.exit_reason, REASON_EPT_VIOLATION);
    ck_assert_uint_eq(area(4, 4), 0);
}
END_TEST

/* --------------------------------------------------------- other modes */

/* VMCALL exits from real mode, where the other VMX instructions are #UD; an
 * unrestricted guest sets and clears CR0.PE, but not NE. */
START_TEST(test_real_mode)
{
    vmx_rig_real(&X);
    exits("0f 01 c1", REASON_VMCALL, 0);
    faults("0f 78 cb", EXC_UD);
    *gpr(REG_RBX) = X.v->guest_cr0 | CR0_PE;
    completes("0f 22 c3");
    ck_assert_uint_ne(X.r.c->cr0 & CR0_PE, 0);
    *gpr(REG_RCX) = X.v->guest_cr0;
    completes("0f 22 c3 0f 22 c1");
    ck_assert_uint_eq(X.r.c->cr0 & CR0_PE, 0);
    *gpr(REG_RBX) &= ~(uint64_t)CR0_NE;
    faults("0f 22 c3", EXC_GP);
    *gpr(REG_RDX) = 0x1234;
    X.v->primary_controls |= PROC_IO;
    exits("ee", REASON_IO, 0x1234 << 16);
}
END_TEST

/* ------------------------------------------------------------------- PAE */

static void pae(void)
{
    rig_protected(&X.r, 0);
    rig_put(&X.r, PDPT, RIG_PD | 1, 8);
    struct cpu *c = X.r.c;
    c->cr0 |= CR0_PG;
    c->cr4 = CR4_PAE;
    c->cr3 = PDPT;
    vmx_rig_guest(&X);
    X.v->guest_pdpte0 = RIG_PD | 1;
    X.v->guest_pdpte1 = X.v->guest_pdpte2 = X.v->guest_pdpte3 = 0;
}

/* MOV to CR3, CR0 and CR4 read the PDPTEs through EPT: a violation is its
 * exit, a reserved bit #GP. */
START_TEST(test_pdptes)
{
    pae();
    *gpr(REG_RBX) = PDPT;
    completes("0f 22 db");
    ck_assert_uint_eq(X.r.c->pdpte[0], RIG_PD | 1);
    rig_put(&X.r, PDPT, RIG_PD | 3, 8);
    faults("0f 22 db", EXC_GP);
    rig_put(&X.r, PDPT, RIG_PD | 1, 8);
    ept_entry(PAGE >> 21, 0);
    *gpr(REG_RBX) = PAGE;
    vmx_rig_run(&X, "0f 22 db");
    ck_assert(X.exited);
    ck_assert_uint_eq(X.after.exit_reason, REASON_EPT_VIOLATION);
    ck_assert_uint_eq(X.after.guest_physical_address, PAGE);
    ck_assert_uint_eq(X.after.guest_cr3, PDPT);
    /* PGE changes: they are read again. */
    X.v->guest_cr3 = PAGE;
    *gpr(REG_RBX) = X.v->guest_cr4 | CR4_PGE;
    vmx_rig_run(&X, "0f 22 e3");
    ck_assert_uint_eq(X.after.exit_reason, REASON_EPT_VIOLATION);
    *gpr(REG_RBX) = X.v->guest_cr4 | CR4_TSD;
    completes("0f 22 e3");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmx_functions");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, test_vmfunc_refused);
    tcase_add_test(t, test_eptp_switching);
    tcase_add_test(t, test_ve);
    tcase_add_test(t, test_ve_or_exit);
    tcase_add_test(t, test_ve_intercepted);
    tcase_add_test(t, test_ve_delivery);
    tcase_add_test(t, test_ve_real_mode);
    tcase_add_test(t, test_real_mode);
    tcase_add_test(t, test_pdptes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? 0 : 1;
}
