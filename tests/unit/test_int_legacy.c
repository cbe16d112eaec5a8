/* SPDX-License-Identifier: Apache-2.0
 * Integer instructions outside 64-bit mode and on stacks that are not flat:
 * forms that are callouts, 16-bit stacks and offsets, limits; and which
 * flags POPF may change. Expected values follow from the manual's pages.
 */
#include "tests/unit/bare.h"

#include <stdlib.h>

enum {
    LEGACY_CODE = 0x9000, /* reached by 16-bit offsets */
    LEGACY_DATA = 0xa000,
    LEGACY_SP = 0xc000,
    SS_BASE = 0x20000, /* of the stack that is not flat */
    GDT_CODE = 24,     /* 32-bit code in bare.h's GDT, for the handlers */
    CR0_PE = 1,
    ATTR_DATA = 0x93,
    ATTR_CODE = 0x9b,
    ATTR_BIG = 0xc000, /* G and D/B */
    EFLAGS_IF = 0x200,
    EFLAGS_AC = 0x40000,
    EFLAGS_ID = 0x200000,
};

enum kind { REAL16, PROTECTED16, FLAT32, STACK32 };

static struct segment segment(uint64_t base, uint32_t limit, uint32_t attr)
{
    return (struct segment){
        .base = base, .limit = limit, .attr = attr, .selector = 16};
}

/* A core of the kind at LEGACY_CODE, paging off; faults go to handlers that
 * halt, by 32-bit interrupt gates. */
static void start(struct bare *b, enum kind kind, struct cpu_regs *r)
{
    uint32_t big = kind == FLAT32 || kind == STACK32 ? ATTR_BIG : 0;
    uint32_t limit = big ? UINT32_MAX : 0xffff;
    bare_put64(b, BARE_GDT + GDT_CODE, UINT64_C(0x00cf9b000000ffff));
    for (uint64_t v = 0; v < 32; v++) {
        uint64_t at = BARE_HANDLERS + 16 * v;
        bare_put64(b, BARE_IDT + 8 * v,
                   at | (uint64_t)GDT_CODE << 16 | UINT64_C(0x8e00) << 32);
    }
    cpu_reset(b->cpu);
    cpu_get_regs(b->cpu, r);
    for (unsigned i = 0; i < 16; i++)
        r->gpr[i] = 0;
    r->gpr[REG_RSP] = LEGACY_SP;
    r->rip = LEGACY_CODE;
    r->cr0 = kind == REAL16 ? 0x10 : 0x10 | CR0_PE;
    r->rflags = 2;
    for (unsigned s = SEG_ES; s <= SEG_GS; s++)
        r->seg[s] = segment(0, limit, ATTR_DATA | big);
    r->seg[SEG_CS] = segment(0, limit, ATTR_CODE | big);
    r->seg[SEG_CS].selector = kind == REAL16 ? 0 : GDT_CODE;
    if (kind == STACK32)
        r->seg[SEG_SS] = segment(SS_BASE, LEGACY_SP + 15, ATTR_DATA | 0x4000);
    r->gdtr.base = BARE_GDT;
    r->gdtr.limit = 31;
    r->idtr.base = BARE_IDT;
    r->idtr.limit = 255;
}

static void load(struct bare *b, const uint8_t *from, const uint8_t *end)
{
    bare_load(b, LEGACY_CODE, from, end);
}

/* Run to HLT; the registers then. */
static void finish(struct bare *b, struct cpu_regs *r)
{
    cpu_set_regs(b->cpu, r);
    ck_assert_int_eq(cpu_run(b->cpu, 100000), CPU_STOP_HALT);
    cpu_get_regs(b->cpu, r);
}

static uint32_t get32(struct bare *b, uint64_t at)
{
    return (uint32_t)bare_get64(b, at);
}

static void put32(struct bare *b, uint64_t at, uint32_t v)
{
    ck_assert(memsys_write(b->memory, (hpa){at}, 4, &v));
}

static const char *const levels[] = {"off", "simple"};
#define WITH_LEVELS(b)                                                         \
    for (unsigned level_ = 0; level_ < 2; level_++)                            \
        for (bool once_ = (bare_create(&(b), levels[level_], NULL), true);     \
             once_; bare_destroy(&(b)), once_ = false)

BARE_CODE(stack32, ".code32\n"
                   "push $-5\n"
                   "push $0x12345678\n"
                   "pushl 0xa000\n"
                   "pushw $0x1234\n"
                   "popw %bx\n"
                   "push %esp\n"
                   "pop %ecx\n"
                   "popl 4(%esp)\n" /* address with the new ESP: SDM POP */
                   "pusha\n"
                   "mov $7, %ecx\n"
                   "popa\n"
                   "hlt\n"
                   ".code64\n");

START_TEST(pushes_and_pops_of_32_bits)
{
    struct bare b;
    for (unsigned flat = 0; flat < 2; flat++) {
        WITH_LEVELS(b)
        {
            struct cpu_regs r;
            uint64_t base = flat ? 0 : SS_BASE;
            load(&b, stack32, stack32_end);
            put32(&b, LEGACY_DATA, 0xcafe0001);
            start(&b, flat ? FLAT32 : STACK32, &r);
            r.gpr[REG_RBX] = 0xaaaa5555;
            finish(&b, &r);
            ck_assert_uint_eq(r.gpr[REG_RBX], 0xaaaa1234);
            /* ESP pushed is the one before: above three doublewords */
            ck_assert_uint_eq(r.gpr[REG_RCX], LEGACY_SP - 12);
            ck_assert_uint_eq(r.gpr[REG_RSP], LEGACY_SP - 8);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 4), 0xcafe0001);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 8), 0x12345678);
            /* PUSHA: EAX ECX EDX EBX ESP ... */
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 16), LEGACY_SP - 12);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 28), LEGACY_SP - 8);
        }
    }
}
END_TEST

BARE_CODE(stack16, ".code16\n"
                   "push $-5\n"
                   "pushl $0x12345678\n"
                   "push %ax\n"
                   "pop %cx\n"
                   "pushl %eax\n"
                   "pop %dx\n"
                   "pop %si\n"
                   "enter $6, $0\n"
                   "leave\n"
                   "pusha\n"
                   "hlt\n"
                   ".code64\n");

/* A 16-bit stack wraps at 64 KiB and leaves the upper half of ESP alone. */
START_TEST(a_stack_of_16_bits_wraps)
{
    struct bare b;
    for (enum kind kind = REAL16; kind <= PROTECTED16; kind++) {
        WITH_LEVELS(b)
        {
            struct cpu_regs r;
            load(&b, stack16, stack16_end);
            start(&b, kind, &r);
            r.gpr[REG_RSP] = 0x77770000;
            r.gpr[REG_RAX] = 0x89abcdef;
            r.gpr[REG_RBP] = 0x55551111;
            finish(&b, &r);
            ck_assert_uint_eq(get32(&b, 0xfffa), 0x12345678);
            ck_assert_uint_eq(get32(&b, 0xfffe) & 0xffff, 0xfffb);
            ck_assert_uint_eq(r.gpr[REG_RCX] & 0xffff, 0xcdef);
            ck_assert_uint_eq(r.gpr[REG_RDX] & 0xffff, 0xcdef);
            ck_assert_uint_eq(r.gpr[REG_RSI] & 0xffff, 0x89ab);
            ck_assert_uint_eq(r.gpr[REG_RBP], 0x55551111);
            ck_assert_uint_eq(r.gpr[REG_RSP], 0x7777ffea);
            ck_assert_uint_eq(get32(&b, 0xfff8) & 0xffff, 0xcdef);
            /* AX CX DX BX SP BP: the SP of before */
            ck_assert_uint_eq(get32(&b, 0xfff0) & 0xffff, 0xfffa);
            ck_assert_uint_eq(get32(&b, 0xffee) & 0xffff, 0x1111);
        }
    }
}
END_TEST

BARE_CODE(deep, ".code32\n"
                "mov $0xb000, %ebp\n"
                "enter $0x20, $3\n"
                "hlt\n"
                ".code64\n");

/* ENTER 20h,3: old EBP, two display entries, the new frame pointer. */
START_TEST(enter_copies_the_display)
{
    struct bare b;
    for (unsigned flat = 0; flat < 2; flat++) {
        WITH_LEVELS(b)
        {
            struct cpu_regs r;
            uint64_t base = flat ? 0 : SS_BASE;
            load(&b, deep, deep_end);
            put32(&b, base + 0xb000 - 4, 0x11111111);
            put32(&b, base + 0xb000 - 8, 0x22222222);
            start(&b, flat ? FLAT32 : STACK32, &r);
            finish(&b, &r);
            ck_assert_uint_eq(r.gpr[REG_RBP], LEGACY_SP - 4);
            ck_assert_uint_eq(r.gpr[REG_RSP], LEGACY_SP - 16 - 0x20);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 4), 0xb000);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 8), 0x11111111);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 12), 0x22222222);
            ck_assert_uint_eq(get32(&b, base + LEGACY_SP - 16), LEGACY_SP - 4);
        }
    }
}
END_TEST

BARE_CODE(bits32, ".code32\n"
                  "mov $0xa010, %esi\n"
                  "mov $-33, %ecx\n"
                  "bts %ecx, (%esi)\n" /* unit -2: bit 31 of A008h */
                  "setc %al\n"
                  "bt %ecx, (%esi)\n"
                  "setc %ah\n"
                  "mov $-3, %cx\n"
                  "btcw %cx, (%esi)\n" /* bit 13 of A00Eh */
                  "mov $0xa000, %ebx\n"
                  "mov $0x20, %edx\n"
                  "xchg %eax, %edx\n"
                  "xlat\n"
                  "hlt\n"
                  ".code64\n");

START_TEST(bit_offsets_and_xlat_of_32_bits)
{
    struct bare b;
    WITH_LEVELS(b)
    {
        struct cpu_regs r;
        load(&b, bits32, bits32_end);
        put32(&b, LEGACY_DATA + 8, 0);
        put32(&b, LEGACY_DATA + 12, 0);
        put32(&b, LEGACY_DATA + 0x20, 0x5a);
        start(&b, FLAT32, &r);
        finish(&b, &r);
        ck_assert_uint_eq(get32(&b, LEGACY_DATA + 8), 0x80000000);
        ck_assert_uint_eq(get32(&b, LEGACY_DATA + 12), 0x20000000);
        ck_assert_uint_eq(r.gpr[REG_RDX], 0x100);
        ck_assert_uint_eq(r.gpr[REG_RAX], 0x5a);
    }
}
END_TEST

BARE_CODE(bits16, ".code16\n"
                  "mov $0xa010, %si\n"
                  "mov $-33, %cx\n"
                  "bts %cx, (%bx,%si)\n" /* wraps at 64 KiB with BX */
                  "mov $0xff, %al\n"
                  "mov $0xff70, %bx\n"
                  "xlat\n"
                  "lea 0x7fff(%bx,%si), %di\n"
                  "lea (%bx,%si), %edx\n"
                  "hlt\n"
                  ".code64\n");

START_TEST(offsets_of_16_bits_wrap)
{
    struct bare b;
    WITH_LEVELS(b)
    {
        struct cpu_regs r;
        load(&b, bits16, bits16_end);
        /* unit -3 of A010h: A00Ah, bit 15 */
        put32(&b, LEGACY_DATA + 8, 0);
        put32(&b, 0x6c, 0);
        put32(&b, 0x6c, 0x77000000); /* byte 6Fh = FF70h + FFh - 10000h */
        start(&b, REAL16, &r);
        r.gpr[REG_RBX] = 0xffff0000;
        r.gpr[REG_RDI] = 0xeeee0000;
        finish(&b, &r);
        ck_assert_uint_eq(get32(&b, LEGACY_DATA + 8), 0x80000000);
        ck_assert_uint_eq(r.gpr[REG_RAX] & 0xff, 0x77);
        ck_assert_uint_eq(r.gpr[REG_RDI],
                          0xeeee0000 | ((0xff70 + 0xa010 + 0x7fff) & 0xffff));
        ck_assert_uint_eq(r.gpr[REG_RDX], (0xff70 + 0xa010) & 0xffff);
    }
}
END_TEST

BARE_CODE(over, ".code32\n"
                "mov $0xc00c, %esp\n"
                "push %eax\n" /* within the limit */
                "mov $0xc014, %esp\n"
                "push %ebx\n" /* its last byte is beyond */
                "hlt\n"
                ".code64\n");

/* #SS finds no room for its frame either: a shutdown, ESP as it was. */
START_TEST(a_push_beyond_the_limit_faults)
{
    struct bare b;
    WITH_LEVELS(b)
    {
        struct cpu_regs r;
        load(&b, over, over_end);
        start(&b, STACK32, &r);
        cpu_set_regs(b.cpu, &r);
        ck_assert_int_eq(cpu_run(b.cpu, 100000), CPU_STOP_SHUTDOWN);
        cpu_get_regs(b.cpu, &r);
        ck_assert_uint_eq(r.gpr[REG_RSP], 0xc014);
    }
}
END_TEST

/* SDM Vol.2 POPF: IOPL needs CPL 0, IF a CPL of at most IOPL. TF is not
 * set: it would trap. */
BARE_CODE(flags_masked, "mov $0x3ffeff, %eax\n"
                        "push %rax\n"
                        "popfq\n"
                        "pushfq\n"
                        "pop %rbx\n"
                        "hlt\n");

static uint64_t flags_after(struct bare *b, unsigned cpl, unsigned iopl)
{
    struct cpu_regs r;
    BARE_LOAD(b, flags_masked);
    bare_start(b, BARE_CODE_AT);
    cpu_get_regs(b->cpu, &r);
    r.seg[SEG_CS].attr |= cpl << SEG_ATTR_DPL_SHIFT;
    r.seg[SEG_SS].attr |= cpl << SEG_ATTR_DPL_SHIFT;
    r.seg[SEG_CS].selector |= (uint16_t)cpl;
    r.seg[SEG_SS].selector |= (uint16_t)cpl;
    r.rflags = 2 | (uint64_t)iopl << 12;
    cpu_set_regs(b->cpu, &r);
    /* HLT faults outside CPL 0; the instructions before it are counted. */
    cpu_set_instruction_limit(b->cpu, cpu_account(b->cpu)->instructions + 5);
    ck_assert_int_eq(cpu_run(b->cpu, cpu_account(b->cpu)->cycles + 100000),
                     CPU_STOP_INSTRUCTIONS);
    cpu_get_regs(b->cpu, &r);
    return r.gpr[REG_RBX];
}

START_TEST(popf_changes_what_the_privilege_allows)
{
    struct bare b;
    const uint64_t any = 0xcd5 | 2 | 0x4000 | EFLAGS_AC | EFLAGS_ID;
    WITH_LEVELS(b)
    {
        ck_assert_uint_eq(flags_after(&b, 0, 0), any | EFLAGS_IF | 0x3000);
        ck_assert_uint_eq(flags_after(&b, 3, 0), any);
        ck_assert_uint_eq(flags_after(&b, 3, 3), any | EFLAGS_IF | 0x3000);
        ck_assert_uint_eq(flags_after(&b, 1, 2), any | EFLAGS_IF | 0x2000);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        pushes_and_pops_of_32_bits,
        a_stack_of_16_bits_wraps,
        enter_copies_the_display,
        bit_offsets_and_xlat_of_32_bits,
        offsets_of_16_bits_wrap,
        a_push_beyond_the_limit_faults,
        popf_changes_what_the_privilege_allows,
    };
    Suite *suite = suite_create("int_legacy");
    TCase *cases = tcase_create("all");
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
