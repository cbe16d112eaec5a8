/* SPDX-License-Identifier: Apache-2.0
 * Control and debug registers: reserved bits, consistency, what a change
 * invalidates; the instructions around them. SDM Vol.3 "Control Registers",
 * Vol.2 "MOV--Move to/from Control Registers".
 */
#include "tests/unit/sys_rig.h"

static struct rig R;

static void set_up(void)
{
    rig_create(&R, NULL);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

/* mov crN, rax in 64-bit mode: #GP(0) and nothing changed. */
static void refused(const char *hex, uint64_t v)
{
    uint64_t cr0 = R.c->cr0, cr3 = R.c->cr3, cr4 = R.c->cr4;
    R.c->gpr[REG_RAX] = v;
    rig_faults(&R, hex, EXC_GP, 0);
    ck_assert_uint_eq(R.c->cr0, cr0);
    ck_assert_uint_eq(R.c->cr3, cr3);
    ck_assert_uint_eq(R.c->cr4, cr4);
}

static const char TO_CR0[] = "0f 22 c0 f4", TO_CR3[] = "0f 22 d8 f4",
                  TO_CR4[] = "0f 22 e0 f4", TO_CR8[] = "44 0f 22 c0 f4";

START_TEST(cr0_refuses_inconsistent_bits)
{
    const uint64_t base = CR0_PG | CR0_PE | CR0_ET;
    const uint64_t bad[] = {
        base | UINT64_C(1) << 32, /* upper half */
        base & ~(uint64_t)CR0_PE, /* PG without PE */
        base | CR0_NW,            /* NW without CD */
        base & ~CR0_PG,           /* PG cleared in 64-bit mode */
    };
    for (unsigned i = 0; i < 4; i++) {
        rig_long(&R, 0);
        refused(TO_CR0, bad[i]);
    }
}
END_TEST

START_TEST(cr0_ignores_undefined_bits_and_et)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RAX] = CR0_PG | CR0_PE | 0x0ffaffc0;
    rig_runs(&R, TO_CR0);
    ck_assert_uint_eq(R.c->cr0, CR0_PG | CR0_PE | CR0_ET);
}
END_TEST

START_TEST(paging_with_lme_needs_pae)
{
    rig_protected(&R, 0);
    R.c->efer = EFER_LME;
    R.c->gpr[REG_RAX] = CR0_PG | CR0_PE;
    ck_assert_int_eq(rig_go(&R, TO_CR0), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), EXC_GP);
    ck_assert_uint_eq(R.c->efer, EFER_LME);
}
END_TEST

/* Clearing PG in compatibility mode leaves IA-32e mode. */
START_TEST(lma_follows_paging)
{
    rig_long(&R, 0);
    R.c->seg[SEG_CS] = rig_segment(&R, SEL_CODE32);
    cpu_update_mode(R.c);
    R.c->gpr[REG_RAX] = CR0_PE;
    rig_runs(&R, TO_CR0);
    ck_assert_uint_eq(R.c->efer & EFER_LMA, 0);
    ck_assert_uint_eq(R.c->mode & MODE_LMA, 0);
}
END_TEST

START_TEST(cr3_refuses_bits_beyond_the_width)
{
    rig_long(&R, 0);
    refused(TO_CR3, RIG_PML4 | UINT64_C(1) << R.config.mmu.maxphyaddr);
    rig_long(&R, 0);
    refused(TO_CR3, RIG_PML4 | UINT64_C(1) << 63); /* without PCIDE */
}
END_TEST

START_TEST(cr4_refuses_what_is_not_there)
{
    const uint64_t base = CR4_PAE;
    const uint64_t bad[] = {
        base | 1,       /* VME */
        base | 1 << 14, /* SMXE */
        base | UINT64_C(1) << 40,
        base & ~(uint64_t)CR4_PAE, /* in IA-32e mode */
        base | CR4_LA57,
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rig_long(&R, 0);
        refused(TO_CR4, bad[i]);
    }
}
END_TEST

static void no_features(struct rig *r)
{
    struct cpu_config *k = &r->config.core;
    k->pcid = k->invpcid = k->smep = k->smap = k->umip = k->fsgsbase = false;
    k->xsave = k->xsaveopt = k->xsavec = k->xsaves = k->avx = false;
    k->f16c = k->fma = k->avx2 = k->vaes = k->vpclmulqdq = false;
}

START_TEST(cr4_follows_the_configuration)
{
    const uint64_t bits[] = {CR4_UMIP, CR4_FSGSBASE, CR4_PCIDE,
                             CR4_SMEP, CR4_SMAP,     CR4_OSXSAVE};
    for (unsigned i = 0; i < 6; i++) {
        rig_long(&R, 0);
        if (bits[i] != CR4_SMEP) /* all pages of the rig are user pages */
            R.c->gpr[REG_RAX] = CR4_PAE | bits[i];
        else
            R.c->gpr[REG_RAX] = CR4_PAE;
        R.c->eflags |= FLAG_AC;
        rig_runs(&R, TO_CR4);
        ck_assert_uint_eq(R.c->cr4, R.c->gpr[REG_RAX]);
    }
    rig_destroy(&R);
    rig_create(&R, no_features);
    for (unsigned i = 0; i < 6; i++) {
        rig_long(&R, 0);
        refused(TO_CR4, CR4_PAE | bits[i]);
    }
}
END_TEST

START_TEST(pcide_needs_pcid_zero)
{
    rig_long(&R, 0);
    R.c->cr3 |= 0x18;
    cpu_update_mode(R.c);
    refused(TO_CR4, CR4_PAE | CR4_PCIDE);
}
END_TEST

/* Paging cannot be turned off while PCIDE is set. */
START_TEST(pcide_keeps_paging_on)
{
    rig_long(&R, 0);
    R.c->cr4 |= CR4_PCIDE;
    R.c->seg[SEG_CS] = rig_segment(&R, SEL_CODE32);
    cpu_update_mode(R.c);
    R.c->gpr[REG_RAX] = CR0_PE;
    rig_faults(&R, TO_CR0, EXC_GP, 0);
}
END_TEST

START_TEST(cr8_is_the_task_priority)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RAX] = 9;
    rig_runs(&R, "44 0f 22 c0 44 0f 20 c1 f4"); /* mov cr8, rax; mov rcx, cr8 */
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 9);
    ck_assert_uint_eq(lapic_cr8(R.c), 9);
    rig_long(&R, 0);
    refused(TO_CR8, 16);
}
END_TEST

START_TEST(control_registers_are_privileged)
{
    static const char *const codes[] = {
        "0f 20 c0",       "0f 22 c0", "0f 21 c0", "0f 23 c0", "0f 06",
        "0f 01 f0",       "f4",       "0f 30",    "0f 32",    "0f 01 3b",
        "66 0f 38 82 03", "0f 09",    "0f 08",    "0f 01 f8", "0f 01 13",
        "0f 01 1b",       "0f 00 d0", "0f 00 d8", "fa",       "fb",
    };
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        rig_long(&R, 3);
        R.c->gpr[REG_RBX] = RIG_DATA;
        rig_faults(&R, codes[i], EXC_GP, 0);
    }
}
END_TEST

START_TEST(unknown_control_registers_are_ud)
{
    static const char *const codes[] = {"0f 20 c8", "0f 22 e8", "0f 20 f0",
                                        "44 0f 20 c8"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        rig_long(&R, 0);
        rig_faults(&R, codes[i], EXC_UD, -1);
    }
}
END_TEST

START_TEST(lmsw_sets_but_does_not_clear_pe)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RAX] = 0xfff8;           /* TS */
    rig_runs(&R, "0f 01 f0 0f 01 e1 f4"); /* lmsw ax; smsw ecx */
    ck_assert_uint_ne(R.c->cr0 & CR0_PE, 0);
    ck_assert_uint_eq(R.c->cr0 & (CR0_MP | CR0_EM | CR0_TS), CR0_TS);
    ck_assert_uint_eq((uint32_t)R.c->gpr[REG_RCX], (uint32_t)R.c->cr0);
}
END_TEST

START_TEST(clts_clears_ts_and_the_mode_key)
{
    rig_long(&R, 0);
    R.c->cr0 |= CR0_TS;
    cpu_update_mode(R.c);
    rig_runs(&R, "0f 06 0f 57 c0 f4"); /* clts; xorps: no #NM */
    ck_assert_uint_eq(R.c->mode & MODE_TS, 0);
}
END_TEST

/* They need CPUID's SMAP, not CR4's, and CPL 0. */
START_TEST(clac_and_stac_change_ac)
{
    rig_long(&R, 0);
    R.c->cr4 &= ~(uint64_t)CR4_SMAP;
    cpu_update_mode(R.c);
    rig_runs(&R, "0f 01 cb 9c 58 0f 01 ca 9c 5b f4"); /* stac .. clac */
    ck_assert_uint_eq(R.c->gpr[REG_RAX] & FLAG_AC, FLAG_AC);
    ck_assert_uint_eq(R.c->gpr[REG_RBX] & FLAG_AC, 0);
    rig_long(&R, 3);
    rig_faults(&R, "0f 01 cb", EXC_UD, -1);
    rig_long(&R, 3);
    rig_faults(&R, "0f 01 ca", EXC_UD, -1);
}
END_TEST

START_TEST(umip_keeps_the_tables_from_user_code)
{
    static const char *const codes[] = {"0f 01 03", "0f 01 0b", "0f 00 c0",
                                        "0f 00 c8", "0f 01 e0"};
    for (unsigned i = 0; i < 5; i++) {
        rig_long(&R, 3);
        R.c->gpr[REG_RBX] = RIG_DATA;
        char hex[40];
        snprintf(hex, sizeof hex, "%s cd 80", codes[i]);
        rig_faults(&R, hex, 0x80, -1);
        rig_long(&R, 3);
        R.c->cr4 |= CR4_UMIP;
        cpu_update_mode(R.c);
        R.c->gpr[REG_RBX] = RIG_DATA;
        rig_faults(&R, hex, EXC_GP, 0);
    }
}
END_TEST

/* A processor with 5-level paging takes 57-bit addresses into registers even
 * while it uses 4 levels. */
START_TEST(table_bases_are_canonical_by_the_processors_width)
{
    for (unsigned bits = 48; bits <= 57; bits += 9)
        for (unsigned wide = 0; wide < 2; wide++) {
            rig_long(&R, 0);
            R.c->config.linear_bits = bits;
            R.c->gpr[REG_RBX] = RIG_DATA;
            rig_put(&R, RIG_DATA, 0x7fff, 2);
            rig_put(&R, RIG_DATA + 2, UINT64_C(1) << (wide != 0 ? 57 : 55), 8);
            if (bits == 57 && wide == 0) {
                rig_runs(&R, "0f 01 13 f4");
                ck_assert_uint_eq(R.c->gdtr.base, UINT64_C(1) << 55);
            } else {
                rig_faults(&R, "0f 01 13 f4", EXC_GP, 0);
            }
        }
}
END_TEST

START_TEST(sgdt_and_lgdt_are_ten_bytes_in_64_bit_mode)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RBX] = RIG_DATA;
    R.c->gdtr.base = RIG_GDT;
    rig_put(&R, RIG_DATA + 16, 0x7f, 2);
    rig_put(&R, RIG_DATA + 18, UINT64_C(0xffff800000005000), 8);
    rig_runs(&R, "0f 01 03 0f 01 53 10 f4");
    ck_assert_uint_eq(rig_read(&R, RIG_DATA, 2), SEL_END - 1);
    ck_assert_uint_eq(rig_read(&R, RIG_DATA + 2, 8), RIG_GDT);
    ck_assert_uint_eq(R.c->gdtr.base, UINT64_C(0xffff800000005000));
    ck_assert_uint_eq(R.c->gdtr.limit, 0x7f);
    rig_long(&R, 0);
    rig_put(&R, RIG_DATA + 18, UINT64_C(1) << 50, 8);
    rig_faults(&R, NULL, EXC_GP, 0);
}
END_TEST

/* ------------------------------------------------------------ invalidation */

enum { PAGE = 0x200000 * 4, OTHER = 0x200000 * 5 };

/* Map linear PAGE at physical `to` without telling the TLB. */
static void remap(uint64_t to, bool global)
{
    rig_put(&R, RIG_PD + 8 * 4, to | 0x87 | (global ? 0x100u : 0), 8);
}

static void prepare(bool global)
{
    rig_long(&R, 0);
    rig_put(&R, PAGE, 1, 8);
    rig_put(&R, OTHER, 2, 8);
    remap(PAGE, global);
    R.c->gpr[REG_RBX] = PAGE;
    R.c->gpr[REG_RAX] = R.c->cr3;
    if (global)
        R.c->cr4 |= CR4_PGE;
    cpu_update_mode(R.c);
    rig_runs(&R, "48 8b 0b f4"); /* mov rcx, [rbx]: now in the TLB */
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 1);
    remap(OTHER, global);
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    rig_runs(&R, NULL);
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 1); /* stale, as it may be */
}

/* Run `hex` and tell whether PAGE's new translation is seen after it. */
static bool sees_new(const char *hex)
{
    char code[80];
    snprintf(code, sizeof code, "%s 48 8b 0b f4", hex);
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    rig_runs(&R, code);
    return R.c->gpr[REG_RCX] == 2;
}

START_TEST(invlpg_drops_the_page_global_or_not)
{
    prepare(false);
    ck_assert(sees_new("0f 01 3b"));
    prepare(true);
    ck_assert(sees_new("0f 01 3b"));
}
END_TEST

START_TEST(invlpg_of_a_non_canonical_address_does_nothing)
{
    prepare(false);
    R.c->gpr[REG_RDX] = UINT64_C(1) << 50;
    ck_assert(!sees_new("0f 01 3a"));
}
END_TEST

START_TEST(mov_cr3_keeps_global_pages)
{
    prepare(false);
    ck_assert(sees_new("0f 22 d8"));
    prepare(true);
    ck_assert(!sees_new("0f 22 d8"));
}
END_TEST

START_TEST(changing_pge_drops_global_pages)
{
    prepare(true);
    R.c->gpr[REG_RAX] = R.c->cr4 & ~(uint64_t)CR4_PGE;
    ck_assert(sees_new("0f 22 e0"));
}
END_TEST

START_TEST(cr3_bit_63_keeps_the_pcids_translations)
{
    prepare(false);
    R.c->cr4 |= CR4_PCIDE;
    cpu_update_mode(R.c);
    R.c->gpr[REG_RAX] = RIG_PML4 | UINT64_C(1) << 63;
    ck_assert(!sees_new("0f 22 d8"));
    ck_assert_uint_eq(R.c->cr3, RIG_PML4); /* bit 63 is not kept */
    R.c->gpr[REG_RAX] = RIG_PML4;
    ck_assert(sees_new("0f 22 d8"));
}
END_TEST

/* invpcid rdi, [rdx] */
static const char INVPCID[] = "66 0f 38 82 3a";

static void descriptor(uint64_t type, uint64_t pcid, uint64_t lin)
{
    R.c->gpr[REG_RDI] = type;
    R.c->gpr[REG_RDX] = RIG_DATA;
    rig_put(&R, RIG_DATA, pcid, 8);
    rig_put(&R, RIG_DATA + 8, lin, 8);
}

START_TEST(invpcid_types)
{
    static const struct {
        uint64_t type;
        bool global, dropped;
    } rows[] = {
        {0, false, true}, {0, true, false}, {1, false, true}, {1, true, false},
        {2, false, true}, {2, true, true},  {3, false, true}, {3, true, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        prepare(rows[i].global);
        descriptor(rows[i].type, 0, PAGE);
        ck_assert_msg(sees_new(INVPCID) == rows[i].dropped, "row %u", i);
    }
}
END_TEST

START_TEST(invpcid_refusals)
{
    static const struct {
        uint64_t type, pcid, lin;
        bool pcide;
    } rows[] = {
        {4, 0, 0, true},
        {0, 0x1000, 0, true}, /* reserved bits */
        {0, 1, 0, false},     /* PCID without PCIDE */
        {1, 1, 0, false},
        {0, 0, UINT64_C(1) << 50, true}, /* not canonical */
        {UINT64_C(1) << 32, 0, 0, true},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_long(&R, 0);
        if (rows[i].pcide)
            R.c->cr4 |= CR4_PCIDE;
        cpu_update_mode(R.c);
        descriptor(rows[i].type, rows[i].pcid, rows[i].lin);
        rig_faults(&R, INVPCID, EXC_GP, 0);
    }
}
END_TEST

/* ------------------------------------------------------------ debug registers
 */

START_TEST(dr6_and_dr7_have_fixed_bits)
{
    rig_long(&R, 0);
    R.c->gpr[REG_RAX] = 0xffffffff;
    R.c->gpr[REG_RCX] = 0xffffdc00; /* GD clear */
    /* mov dr6, rax; mov dr7, rcx; mov rdx, dr6; mov rsi, dr7 */
    rig_runs(&R, "0f 23 f0 0f 23 f9 0f 21 f2 0f 21 fe f4");
    ck_assert_uint_eq(R.c->gpr[REG_RDX], 0xffffefff);
    ck_assert_uint_eq(R.c->gpr[REG_RSI], 0xffff0400);
    rig_long(&R, 0);
    refused("0f 23 f8", UINT64_C(1) << 32);
}
END_TEST

START_TEST(dr4_is_dr6_unless_de)
{
    rig_long(&R, 0);
    R.c->cr4 &= ~(uint64_t)CR4_DE;
    rig_runs(&R, "0f 21 e0 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX], DR6_FIXED);
    rig_long(&R, 0);
    rig_faults(&R, "0f 21 e0", EXC_UD, -1);
}
END_TEST

/* ---------------------------------------------------- FS, GS, TSC, others */

START_TEST(swapgs_and_fsgsbase)
{
    rig_long(&R, 0);
    R.c->cr4 |= CR4_FSGSBASE;
    cpu_update_mode(R.c);
    R.c->msr.kernel_gs_base = 0x1111;
    R.c->seg[SEG_GS].base = 0x2222;
    R.c->gpr[REG_RAX] = UINT64_C(0x123456789a);
    /* swapgs; rdgsbase rcx; wrfsbase eax; rdfsbase rdx */
    rig_runs(&R, "0f 01 f8 f3 48 0f ae c9 f3 0f ae d0 f3 48 0f ae c2 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RCX], 0x1111);
    ck_assert_uint_eq(R.c->msr.kernel_gs_base, 0x2222);
    ck_assert_uint_eq(R.c->gpr[REG_RDX], 0x3456789a);
    rig_long(&R, 0);
    rig_faults(&R, "f3 48 0f ae c2", EXC_UD, -1);
    rig_long(&R, 0);
    R.c->cr4 |= CR4_FSGSBASE;
    cpu_update_mode(R.c);
    R.c->gpr[REG_RAX] = UINT64_C(1) << 60;
    rig_faults(&R, "f3 48 0f ae d0", EXC_GP, 0);
}
END_TEST

START_TEST(tsd_and_pce_guard_the_counters)
{
    rig_long(&R, 3);
    rig_faults(&R, "0f 31 cd 80", 0x80, -1);
    rig_long(&R, 3);
    R.c->cr4 |= CR4_TSD;
    cpu_update_mode(R.c);
    rig_faults(&R, "0f 31", EXC_GP, 0);
    rig_long(&R, 3);
    R.c->cr4 |= CR4_TSD;
    cpu_update_mode(R.c);
    rig_faults(&R, "0f 01 f9", EXC_GP, 0);
    rig_long(&R, 3); /* CR4.PCE is clear */
    rig_faults(&R, "0f 33", EXC_GP, 0);
    rig_long(&R, 0);
    R.c->gpr[REG_RCX] = 0x4000; /* no such counter */
    rig_faults(&R, "0f 33", EXC_GP, 0);
}
END_TEST

START_TEST(absent_instructions_are_ud)
{
    static const char *const codes[] = {
        "0f 0b",    "0f b9 c0", "0f ff c0",
        "0f aa",    "0f 01 d0", /* OSXSAVE = 0 */
        "0f 01 d1", "0f 01 c1",
    };
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        rig_long(&R, 0);
        rig_faults(&R, codes[i], EXC_UD, -1);
    }
}
END_TEST

static Suite *suite(void)
{
    const TTest *const tests[] = {
        cr0_refuses_inconsistent_bits,
        cr0_ignores_undefined_bits_and_et,
        paging_with_lme_needs_pae,
        lma_follows_paging,
        cr3_refuses_bits_beyond_the_width,
        cr4_refuses_what_is_not_there,
        cr4_follows_the_configuration,
        pcide_needs_pcid_zero,
        pcide_keeps_paging_on,
        cr8_is_the_task_priority,
        control_registers_are_privileged,
        unknown_control_registers_are_ud,
        lmsw_sets_but_does_not_clear_pe,
        clts_clears_ts_and_the_mode_key,
        clac_and_stac_change_ac,
        umip_keeps_the_tables_from_user_code,
        table_bases_are_canonical_by_the_processors_width,
        sgdt_and_lgdt_are_ten_bytes_in_64_bit_mode,
        invlpg_drops_the_page_global_or_not,
        invlpg_of_a_non_canonical_address_does_nothing,
        mov_cr3_keeps_global_pages,
        changing_pge_drops_global_pages,
        cr3_bit_63_keeps_the_pcids_translations,
        invpcid_types,
        invpcid_refusals,
        dr6_and_dr7_have_fixed_bits,
        dr4_is_dr6_unless_de,
        swapgs_and_fsgsbase,
        tsd_and_pce_guard_the_counters,
        absent_instructions_are_ud,
    };
    Suite *s = suite_create("control");
    TCase *t = tcase_create("control");
    tcase_add_checked_fixture(t, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
