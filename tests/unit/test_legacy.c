/* SPDX-License-Identifier: Apache-2.0
 * Decimal adjustment, BOUND, SALC, and real mode as an operating mode: the
 * vector table, stacks and limits at the ends of segments, the way from and
 * to protected mode. Expected values are transcribed from the manual's pages.
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

/* ---------------------------------------------------------------- decimal */

/* A second transcription of the "Operation" sections. */
struct decimal {
    unsigned ax;
    bool cf, af;
};

static void daa(struct decimal *d)
{
    unsigned al = d->ax & 0xff, old_al = al;
    bool old_cf = d->cf;
    d->cf = false;
    if ((al & 0xf) > 9 || d->af) {
        d->cf = old_cf || al + 6 > 0xff;
        al = (al + 6) & 0xff;
        d->af = true;
    } else {
        d->af = false;
    }
    if (old_al > 0x99 || old_cf) {
        al = (al + 0x60) & 0xff;
        d->cf = true;
    } else {
        d->cf = false;
    }
    d->ax = (d->ax & 0xff00) | al;
}

static void das(struct decimal *d)
{
    unsigned al = d->ax & 0xff, old_al = al;
    bool old_cf = d->cf;
    d->cf = false;
    if ((al & 0xf) > 9 || d->af) {
        d->cf = old_cf || al < 6;
        al = (al - 6) & 0xff;
        d->af = true;
    } else {
        d->af = false;
    }
    if (old_al > 0x99 || old_cf) {
        al = (al - 0x60) & 0xff;
        d->cf = true;
    }
    d->ax = (d->ax & 0xff00) | al;
}

static void aaa(struct decimal *d)
{
    if ((d->ax & 0xf) > 9 || d->af) {
        d->ax = (d->ax + 0x106) & 0xffff;
        d->af = d->cf = true;
    } else {
        d->af = d->cf = false;
    }
    d->ax &= 0xff0f;
}

static void aas(struct decimal *d)
{
    if ((d->ax & 0xf) > 9 || d->af) {
        d->ax = (d->ax - 6) & 0xffff;
        d->ax = (d->ax - 0x100) & 0xffff;
        d->af = d->cf = true;
    } else {
        d->af = d->cf = false;
    }
    d->ax &= 0xff0f;
}

static uint32_t result_flags(unsigned al)
{
    uint32_t f = (al & 0x80 ? FLAG_SF : 0u) | (al == 0 ? FLAG_ZF : 0u);
    unsigned ones = 0;
    for (unsigned i = 0; i < 8; i++)
        ones += al >> i & 1;
    return ones % 2 == 0 ? f | FLAG_PF : f;
}

/* Run one instruction and a HLT with AX and flags as given. */
static void one(unsigned ax, uint32_t flags)
{
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    R.c->gpr[REG_RAX] = 0xa5a50000 | ax;
    R.c->eflags = FLAG_ONE | flags;
    R.c->cc_op = 0;
    ck_assert_int_eq(cpu_run(R.c, R.c->account.cycles + 100000), CPU_STOP_HALT);
}

START_TEST(decimal_adjustment_is_the_manual_s)
{
    static const struct {
        const char *code;
        void (*want)(struct decimal *);
        bool results; /* SF, ZF and PF are defined */
    } rows[] = {
        {"27 f4", daa, true},
        {"2f f4", das, true},
        {"37 f4", aaa, false},
        {"3f f4", aas, false},
    };
    for (unsigned r = 0; r < 4; r++) {
        rig_protected(&R, 0);
        rig_hex(&R, RIG_CODE, rows[r].code);
        for (unsigned n = 0; n < 0x4000; n++) {
            static const unsigned high[] = {0, 1, 0x7f, 0xff};
            unsigned ax = (n & 0xff) | high[n >> 10 & 3] << 8;
            struct decimal d = {ax, (n & 0x100) != 0, (n & 0x200) != 0};
            one(ax, (d.cf ? FLAG_CF : 0u) | (d.af ? FLAG_AF : 0u));
            rows[r].want(&d);
            uint32_t f = flags_read(R.c), mask = FLAG_CF | FLAG_AF;
            uint32_t want = (d.cf ? FLAG_CF : 0u) | (d.af ? FLAG_AF : 0u);
            if (rows[r].results) {
                mask |= FLAG_SF | FLAG_ZF | FLAG_PF;
                want |= result_flags(d.ax & 0xff);
            }
            ck_assert_uint_eq(R.c->gpr[REG_RAX], 0xa5a50000 | d.ax);
            ck_assert_uint_eq(f & mask, want);
        }
    }
}
END_TEST

START_TEST(aam_divides_and_aad_multiplies)
{
    const uint32_t mask = FLAG_SF | FLAG_ZF | FLAG_PF;
    rig_protected(&R, 0);
    for (unsigned base = 1; base < 256; base += 3) {
        rig_put(&R, RIG_CODE, 0xf400d4 | base << 8, 3);
        for (unsigned al = 0; al < 256; al += 5) {
            one(0x3300 | al, 0);
            unsigned want = al / base << 8 | al % base;
            ck_assert_uint_eq(R.c->gpr[REG_RAX], 0xa5a50000 | want);
            ck_assert_uint_eq(flags_read(R.c) & mask, result_flags(want & 255));
        }
        rig_put(&R, RIG_CODE, 0xf400d5 | base << 8, 3);
        for (unsigned ax = 0; ax < 0x10000; ax += 0x333) {
            one(ax, 0);
            unsigned want = ((ax & 255) + (ax >> 8) * base) & 255;
            ck_assert_uint_eq(R.c->gpr[REG_RAX], 0xa5a50000 | want);
            ck_assert_uint_eq(flags_read(R.c) & mask, result_flags(want));
        }
    }
    rig_protected(&R, 0);
    rig_faults(&R, "d4 00 f4", EXC_DE, -1);
    ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP], 4), RIG_CODE);
}
END_TEST

START_TEST(salc_spreads_the_carry)
{
    rig_protected(&R, 0);
    rig_runs(&R, "f9 d6 88 c3 f8 d6 f4"); /* stc; salc; mov bl, al; clc ... */
    ck_assert_uint_eq(R.c->gpr[REG_RBX] & 0xff, 0xff);
    ck_assert_uint_eq(R.c->gpr[REG_RAX] & 0xff, 0);
}
END_TEST

START_TEST(bound_compares_signed)
{
    static const struct {
        int32_t low, high, index;
        bool fault;
    } rows[] = {
        {-5, 7, -5, false}, {-5, 7, 7, false}, {-5, 7, -6, true},
        {-5, 7, 8, true},   {3, 2, 3, true},   {0, 0x7fff, -1, true},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned lg = 1; lg < 3; lg++) {
            rig_protected(&R, 0);
            R.c->gpr[REG_RBX] = RIG_DATA;
            R.c->gpr[REG_RAX] = (uint32_t)rows[i].index;
            rig_put(&R, RIG_DATA, (uint32_t)rows[i].low, 1u << lg);
            rig_put(&R, RIG_DATA + (1u << lg), (uint32_t)rows[i].high,
                    1u << lg);
            const char *code = lg == 1 ? "66 62 03 f4" : "62 03 f4";
            if (!rows[i].fault) {
                rig_runs(&R, code);
                continue;
            }
            rig_faults(&R, code, EXC_BR, -1); /* a fault: EIP is BOUND's */
            ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP], 4), RIG_CODE);
        }
    rig_protected(&R, 0);
    rig_faults(&R, "62 c0", EXC_UD, -1);
}
END_TEST

START_TEST(long_mode_has_none_of_them)
{
    static const char *const code[] = {"27", "2f", "37",    "3f",    "d4 0a",
                                       "d5", "d6", "62 03", "ce",    "60",
                                       "61", "06", "c4 03", "c5 03", "9a"};
    for (unsigned i = 0; i < sizeof code / sizeof code[0]; i++) {
        rig_long(&R, 0);
        rig_hex(&R, RIG_CODE, "90 90 90 90 90 90 90 90");
        rig_faults(&R, code[i], EXC_UD, -1);
    }
}
END_TEST

/* -------------------------------------------------------------- real mode */

enum { REAL_SS = RIG_USER_STACK >> 4, REAL_DS = RIG_DATA >> 4 };

static void real(void)
{
    rig_real(&R);
    for (unsigned v = 0; v < 256; v++) /* handlers are offsets from 0 */
        rig_put(&R, 4 * (uint64_t)v, RIG_HANDLERS + 16 * v, 4);
    R.c->idtr = (struct descriptor_table){0, 0x3ff};
    R.c->seg[SEG_SS].selector = REAL_SS;
    R.c->seg[SEG_SS].base = RIG_USER_STACK;
    R.c->seg[SEG_DS].selector = REAL_DS;
    R.c->seg[SEG_DS].base = RIG_DATA;
    R.c->gpr[REG_RSP] = 0x1000;
    R.c->rip = 0;
    cpu_update_mode(R.c);
}

/* The code ends in real mode's handler of `vector`; IP pushed is `ip`. */
static void real_ends(const char *hex, int vector, unsigned ip)
{
    ck_assert_int_eq(rig_go(&R, hex), CPU_STOP_HALT);
    ck_assert_int_eq(rig_vector(&R), vector);
    uint64_t sp = RIG_USER_STACK + (R.c->gpr[REG_RSP] & 0xffff);
    ck_assert_uint_eq(rig_read(&R, sp, 2), ip);
    ck_assert_uint_eq(rig_read(&R, sp + 2, 2), RIG_CODE >> 4);
}

START_TEST(an_interrupt_pushes_three_words)
{
    real();
    R.c->eflags |= FLAG_IF | FLAG_CF | FLAG_AC;
    R.c->gpr[REG_RSP] = 0x12341000;
    real_ends("cd 55", 0x55, 2);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 0x12340ffa);
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK + 0xffe, 2), 0x203);
    ck_assert_uint_eq(R.c->eflags & (FLAG_IF | FLAG_TF | FLAG_AC), 0);
}
END_TEST

START_TEST(a_vector_beyond_the_table_is_gp)
{
    real();
    R.c->idtr.limit = 4 * 0x55 + 2;
    real_ends("cd 55", EXC_GP, 0);
    real(); /* without #GP's entry it is a double fault ... */
    R.c->idtr.limit = 4 * EXC_GP + 2;
    real_ends("cd 55", EXC_DF, 0);
    real(); /* ... and without that shutdown */
    R.c->idtr.limit = 4 * EXC_DF + 2;
    ck_assert_int_eq(rig_go(&R, "cd 55"), CPU_STOP_SHUTDOWN);
}
END_TEST

START_TEST(a_push_at_sp_1_shuts_down)
{
    real(); /* #SS finds no room, nor does #DF: SDM Vol.2 PUSH */
    R.c->gpr[REG_RSP] = 1;
    ck_assert_int_eq(rig_go(&R, "50 f4"), CPU_STOP_SHUTDOWN);
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 1);
    real(); /* even stack pointers wrap around */
    R.c->gpr[REG_RSP] = 0;
    R.c->gpr[REG_RAX] = 0x1234;
    rig_runs(&R, "50 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 0xfffe);
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK + 0xfffe, 2), 0x1234);
    real();
    R.c->gpr[REG_RSP] = 0xffff;
    real_ends("58", EXC_SS, 0); /* a pop over the end */
}
END_TEST

START_TEST(pusha_at_the_end_of_the_segment)
{
    real();
    R.c->gpr[REG_RSP] = 9;
    real_ends("60", EXC_GP, 0);
    R.c->config.vendor = VENDOR_AMD;
    real();
    R.c->gpr[REG_RSP] = 9;
    rig_put(&R, RIG_USER_STACK + 1, 0x7777, 2);
    real_ends("60", EXC_SS, 0); /* its three words end above that */
    ck_assert_uint_eq(rig_read(&R, RIG_USER_STACK + 1, 2), 0x7777);
}
END_TEST

START_TEST(operands_end_at_the_limit)
{
    static const struct {
        const char *code; /* offset in BX */
        unsigned last;    /* the highest that is good */
    } rows[] = {
        {"8a 07 f4", 0xffff},    {"8b 07 f4", 0xfffe},
        {"66 8b 07 f4", 0xfffc}, {"66 87 07 f4", 0xfffc},
        {"62 07 f4", 0xfffc},    {"0f c7 0f f4", 0xfff8},
        {"89 de ad f4", 0xfffe}, {"89 df ab f4", 0xfffe},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        real();
        R.c->gpr[REG_RBX] = rows[i].last;
        rig_runs(&R, rows[i].code);
        if (rows[i].last == 0xffff)
            continue;
        real();
        R.c->gpr[REG_RBX] = rows[i].last + 1;
        ck_assert_int_eq(rig_go(&R, rows[i].code), CPU_STOP_HALT);
        ck_assert_int_eq(rig_vector(&R), EXC_GP);
    }
}
END_TEST

START_TEST(parts_of_an_operand_wrap_each_by_itself)
{
    real(); /* les ax, [bx]: offset at FFFEh, selector at 0 */
    R.c->gpr[REG_RBX] = 0xfffe;
    rig_put(&R, RIG_DATA + 0xfffe, 0x1234, 2);
    rig_put(&R, RIG_DATA, 0x5678, 2);
    rig_runs(&R, "c4 07 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RAX] & 0xffff, 0x1234);
    ck_assert_uint_eq(R.c->seg[SEG_ES].base, 0x56780);
    real(); /* sidt [bx]: a fault of the second part leaves the first alone */
    R.c->seg[SEG_DS].limit = 0x102;
    R.c->gpr[REG_RBX] = 0x100;
    rig_put(&R, RIG_DATA + 0x100, 0x7777, 2);
    real_ends("0f 01 0f", EXC_GP, 0);
    ck_assert_uint_eq(rig_read(&R, RIG_DATA + 0x100, 2), 0x7777);
}
END_TEST

START_TEST(code_ends_at_the_limit)
{
    enum { END = RIG_CODE + 0x10000 };
    real();
    R.c->rip = 0xfffe; /* mov ax, imm16 has its last byte outside */
    rig_hex(&R, END - 2, "b8 34 12");
    real_ends(NULL, EXC_GP, 0xfffe);
    real();
    R.c->rip = 0xffff; /* IP goes to 10000h, which is pushed as 0 */
    rig_hex(&R, END - 1, "90");
    real_ends(NULL, EXC_GP, 0);
    real(); /* an invalid instruction needs only the bytes that show it */
    R.c->rip = 0xfffe;
    rig_hex(&R, END - 2, "fe f8 90 90");
    real_ends(NULL, EXC_UD, 0xfffe);
}
END_TEST

START_TEST(the_limit_of_code_comes_before_its_pages)
{
    rig_protected(&R, 0);
    rig_put(&R, RIG_PML4, 0x87, 8); /* 32-bit paging: 4 MiB, then nothing */
    R.c->cr3 = RIG_PML4;
    R.c->cr4 = CR4_PSE;
    R.c->cr0 |= CR0_PG;
    rig_sel(&R, SEL_CODE32, rig_descriptor(0, 0x3fffff, 0x9b, 4));
    R.c->seg[SEG_CS].limit = 0x3fffff;
    R.c->seg[SEG_CS].base = 0;
    R.c->rip = 0x3ffffe;
    rig_hex(&R, 0x3ffffe, "b8 00");
    mmu_flush_all(R.c->mmu, true, FLUSH_RESET);
    cpu_update_mode(R.c);
    ck_assert_msg(rig_go(&R, NULL) == CPU_STOP_HALT, "%s",
                  cpu_stop_reason(R.c));
    ck_assert_int_eq(rig_vector(&R), EXC_GP);
}
END_TEST

START_TEST(iret_and_popf_in_real_mode)
{
    real(); /* IRETD leaves VM, VIF and VIP alone */
    R.c->eflags |= FLAG_VIF;
    rig_put(&R, RIG_USER_STACK + 0x1000, 0x20, 4);
    rig_put(&R, RIG_USER_STACK + 0x1004, RIG_CODE >> 4, 4);
    rig_put(&R, RIG_USER_STACK + 0x1008, 0x00367ed5, 4);
    rig_hex(&R, RIG_CODE + 0x20, "f4");
    rig_runs(&R, "66 cf");
    ck_assert_uint_eq(flags_read(R.c) & ~(uint32_t)FLAG_RF,
                      0x00247ed7 | FLAG_VIF);
    real();
    rig_put(&R, RIG_USER_STACK + 0x1000, 0x10000, 4);
    rig_put(&R, RIG_USER_STACK + 0x1004, RIG_CODE >> 4, 4);
    real_ends("66 cf", EXC_GP, 0);
}
END_TEST

START_TEST(limits_and_rights_outlive_protected_mode)
{
    real();
    R.c->seg[SEG_DS].limit = UINT32_MAX; /* "big real" */
    R.c->gpr[REG_RBX] = 0x100;
    R.c->gpr[REG_RAX] = REAL_DS + 0x10;
    rig_put(&R, RIG_DATA + 0x100 + 0x20100, 0x5a, 1);
    /* mov ds, ax; mov cl, [ebx + 20000h] */
    rig_runs(&R, "8e d8 67 8a 8b 00 00 02 00 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RCX] & 0xff, 0x5a);
    real();
    R.c->seg[SEG_DS].attr = 0x91; /* read-only */
    rig_runs(&R, "8b 07 f4");
    real();
    R.c->seg[SEG_DS].attr = 0x91;
    real_ends("89 07", EXC_GP, 0);
    real();
    R.c->seg[SEG_DS] = segment_null(0, 0); /* unusable ... */
    real_ends("8a 07", EXC_GP, 0);
    real();
    R.c->seg[SEG_DS] = segment_null(0, 0); /* ... until it is loaded */
    R.c->gpr[REG_RBX] = 0;
    rig_runs(&R, "8e d8 8a 07 f4");
}
END_TEST

START_TEST(pe_changes_nothing_but_the_rules_for_loads)
{
    real(); /* smsw; or 1; lmsw: CS goes on as it is; then and ~1, lmsw */
    R.c->gpr[REG_RBX] = 0x100;
    rig_put(&R, RIG_DATA + 0x100, 0x4321, 2);
    R.c->gdtr = (struct descriptor_table){RIG_GDT, SEL_END - 1};
    rig_runs(&R, "0f 01 e0 0c 01 0f 01 f0 8b 0f 24 fe 0f 01 f0 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RCX] & 0xffff, 0x4321);
    ck_assert_uint_eq(R.c->cr0 & CR0_PE, CR0_PE); /* LMSW cannot clear it */
    ck_assert_uint_eq(R.c->mode & (MODE_CPL | MODE_CS32 | MODE_PROT),
                      MODE_PROT);
    /* mov cr0: and back to real mode */
    real();
    rig_runs(&R, "0f 20 c0 0c 01 0f 22 c0 24 fe 0f 22 c0 b8 00 70 8e c0 f4");
    ck_assert_uint_eq(R.c->seg[SEG_ES].base, 0x70000);
    ck_assert_uint_eq(R.c->cr0 & CR0_PE, 0);
    real(); /* PG needs PE */
    real_ends("0f 20 c0 66 0d 00 00 00 80 0f 22 c0", EXC_GP, 9);
}
END_TEST

START_TEST(protected_mode_instructions_in_real_mode)
{
    static const struct {
        const char *code;
        int vector;
    } rows[] = {
        {"0f 00 c0", EXC_UD}, {"0f 00 d8", EXC_UD}, {"0f 02 c0", EXC_UD},
        {"63 c0", EXC_UD},    {"c5 f8 77", EXC_UD}, {"0f 34", EXC_GP},
        {"0f 35", EXC_GP},    {"f0 89 07", EXC_UD}, {"f0 90", EXC_UD},
        {"8e c8", EXC_UD},    {"62 c0", EXC_UD},    {"c4 c0", EXC_UD},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        real();
        rig_hex(&R, RIG_CODE, "90 90 90 90 90 90");
        real_ends(rows[i].code, rows[i].vector, 0);
    }
}
END_TEST

START_TEST(sti_does_not_prolong_the_shadow_of_mov_ss)
{
    rig_protected(&R, 0); /* mov ss, ax; sti; the trap of both; inc eax */
    R.c->eflags |= FLAG_TF;
    R.c->gpr[REG_RAX] = SEL_DATA;
    cpu_update_mode(R.c);
    rig_faults(&R, "8e d0 fb 40 40", EXC_DB, -1);
    ck_assert_uint_eq(rig_read(&R, R.c->gpr[REG_RSP], 4), RIG_CODE + 3);
    ck_assert_uint_eq(R.c->gpr[REG_RAX], SEL_DATA);
}
END_TEST

START_TEST(fifteen_bytes_are_the_longest)
{
    real();
    rig_runs(&R, "36 36 36 36 36 36 36 36 36 36 36 36 36 31 c0 f4");
    real();
    real_ends("36 36 36 36 36 36 36 36 36 36 36 36 36 36 31 c0 f4", EXC_GP, 0);
}
END_TEST

START_TEST(enter_probes_the_whole_of_its_last_word)
{
    real();
    R.c->gpr[REG_RSP] = 7; /* BP at 5, SP = FFFFh: a word there is too long */
    real_ends("c8 06 00 00", EXC_SS, 0);
    real();
    R.c->gpr[REG_RSP] = 8;
    rig_runs(&R, "c8 06 00 00 f4");
    ck_assert_uint_eq(R.c->gpr[REG_RSP], 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        decimal_adjustment_is_the_manual_s,
        aam_divides_and_aad_multiplies,
        salc_spreads_the_carry,
        bound_compares_signed,
        long_mode_has_none_of_them,
        an_interrupt_pushes_three_words,
        a_vector_beyond_the_table_is_gp,
        a_push_at_sp_1_shuts_down,
        pusha_at_the_end_of_the_segment,
        operands_end_at_the_limit,
        parts_of_an_operand_wrap_each_by_itself,
        code_ends_at_the_limit,
        the_limit_of_code_comes_before_its_pages,
        iret_and_popf_in_real_mode,
        limits_and_rights_outlive_protected_mode,
        pe_changes_nothing_but_the_rules_for_loads,
        protected_mode_instructions_in_real_mode,
        sti_does_not_prolong_the_shadow_of_mov_ss,
        fifteen_bytes_are_the_longest,
        enter_probes_the_whole_of_its_last_word,
    };
    Suite *s = suite_create("legacy");
    TCase *t = tcase_create("legacy");
    tcase_add_checked_fixture(t, set_up, tear_down);
    for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
