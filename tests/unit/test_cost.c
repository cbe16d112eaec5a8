/* SPDX-License-Identifier: Apache-2.0
 * Cost classes: every supported mnemonic is named, every class is that of
 * some form, presets give every class by the rule of docs/timing.md, and
 * strings are charged by iterations or lines.
 */
#include "cpu/cost_form.h"
#include "cpu/xlat.h"
#include "sim/machine/config_file.h"
#include "tests/unit/sys_rig.h"

static const struct {
    const char *name;
    enum cost_rule rule;
} classes[COST_COUNT] = {
#define COST(e, name, cycles, leaf, rule, doc) [COST_##e] = {name, COST_##rule},
#include "cpu/cost.def"
#undef COST
};

/* ------------------------------------------------------------------- forms */

/* Charged while the instruction runs, not by its form. */
static const enum cost_class dynamic[] = {
    COST_BRANCH_TAKEN,  COST_STRING_START, COST_STRING,   COST_REP_MOVS_LINE,
    COST_REP_STOS_LINE, COST_REP_LODS,     COST_REP_CMPS, COST_REP_SCAS,
    COST_FAR_GATE,      COST_TASK_SWITCH,
};

/* Mnemonics of which a form may cost what the simplest operation does. */
static const ZydisMnemonic plain[] = {
#define M(m) ZYDIS_MNEMONIC_##m
    M(ADD),
    M(OR),
    M(AND),
    M(SUB),
    M(XOR),
    M(NOT),
    M(NEG),
    M(INC),
    M(DEC),
    M(CMP),
    M(TEST),
    M(MOV),
    M(MOVZX),
    M(MOVSX),
    M(MOVSXD),
    M(MOVNTI),
    M(CBW),
    M(CWDE),
    M(CDQE),
    M(CWD),
    M(CDQ),
    M(CQO),
    M(XLAT),
    M(NOP),
    M(LEA),
    M(PUSH),
    M(POP),
    M(CLC),
    M(STC),
    M(CMC),
    M(SALC),
    M(CLAC),
    M(STAC),
    M(ENDBR32),
    M(ENDBR64),
    M(BT),
    M(BTS),
    M(BTR),
    M(BTC),
    M(ROL),
    M(ROR),
    M(SHL),
    M(SHR),
    M(SAR),
    M(JMP),
    M(CALL),
    M(RET),
    M(INTO),
    M(UD0),
    M(UD1),
    M(UD2),
    M(RSM),
    M(PREFETCH),
    M(PREFETCHW),
    M(PREFETCHWT1),
    M(PREFETCHNTA),
    M(PREFETCHT0),
    M(PREFETCHT1),
    M(PREFETCHT2),
    M(SETB),
    M(SETBE),
    M(SETL),
    M(SETLE),
    M(SETNB),
    M(SETNBE),
    M(SETNL),
    M(SETNLE),
    M(SETNO),
    M(SETNP),
    M(SETNS),
    M(SETNZ),
    M(SETO),
    M(SETP),
    M(SETS),
    M(SETZ),
    M(JB),
    M(JBE),
    M(JL),
    M(JLE),
    M(JNB),
    M(JNBE),
    M(JNL),
    M(JNLE),
    M(JNO),
    M(JNP),
    M(JNS),
    M(JNZ),
    M(JO),
    M(JP),
    M(JS),
    M(JZ),
    /* core.vtx.cost.* is charged where they execute. */
    M(VMXON),
    M(VMXOFF),
    M(VMCLEAR),
    M(VMPTRLD),
    M(VMPTRST),
    M(VMREAD),
    M(VMWRITE),
    M(VMLAUNCH),
    M(VMRESUME),
    M(VMCALL),
    M(VMFUNC),
    M(INVEPT),
    M(INVVPID),
    /* With REP their iterations are charged. */
    M(MOVSB),
    M(MOVSW),
    M(MOVSD),
    M(MOVSQ),
    M(STOSB),
    M(STOSW),
    M(STOSD),
    M(STOSQ),
    M(LODSB),
    M(LODSW),
    M(LODSD),
    M(LODSQ),
    M(CMPSB),
    M(CMPSW),
    M(CMPSD),
    M(CMPSQ),
    M(SCASB),
    M(SCASW),
    M(SCASD),
    M(SCASQ),
#undef M
};

static bool is_plain(ZydisMnemonic m)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (plain[i] == m)
            return true;
    return false;
}

START_TEST(every_supported_mnemonic_is_named)
{
    for (unsigned m = 0; m <= ZYDIS_MNEMONIC_MAX_VALUE; m++)
        ck_assert_msg(insn_rows[m].fn == NULL ||
                          cost_is_named((ZydisMnemonic)m),
                      "%s has no row in cpu/cost_form.def",
                      ZydisMnemonicGetString((ZydisMnemonic)m));
}
END_TEST

struct census {
    ZydisDecoder decoder[2]; /* 64 and 32 bits */
    bool seen[COST_COUNT];
    unsigned forms;
};

static void look_at(struct census *k, const uint8_t *bytes, unsigned mode)
{
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(
            ZydisDecoderDecodeFull(&k->decoder[mode], bytes, 15, &zi, zo)))
        return;
    if (insn_rows[zi.mnemonic].fn == NULL && !cost_is_named(zi.mnemonic))
        return;
    /* The last class is none that a row's default has. */
    enum cost_class c = cost_of_form(&zi, zo, COST_COUNT);
    ck_assert_msg(c < COST_COUNT, "no class: %s",
                  ZydisMnemonicGetString(zi.mnemonic));
    ck_assert_msg(c != COST_ALU || is_plain(zi.mnemonic),
                  "%s costs as a plain operation",
                  ZydisMnemonicGetString(zi.mnemonic));
    k->seen[c] = true;
    k->forms++;
}

/* Every opcode of a map behind the bytes of `head`, with register, memory
 * and indexed operands; opcodes whose ModRM names the instruction with every
 * value of it. */
static void census_map(struct census *k, const uint8_t *head, unsigned n,
                       unsigned modes)
{
    static const uint8_t rm[] = {0x00, 0x44, 0xc1};
    for (unsigned op = 0; op < 256; op++)
        for (unsigned i = 0; i < 3 * 8; i++) {
            uint8_t b[15] = {0};
            bool x87 = op >= 0xd8 && op <= 0xdf, system = op == 1;
            memcpy(b, head, n);
            b[n] = (uint8_t)op;
            b[n + 1] = (uint8_t)(rm[i % 3] | (i / 3) << 3);
            b[n + 2] = 0x48; /* SIB: rax + rcx * 2 */
            b[n + 3] = 1;
            for (unsigned m = 0; m < modes; m++)
                look_at(k, b, m);
            for (unsigned r = 0; (x87 || system) && r < 8; r++) {
                b[n + 1] = (uint8_t)(0xc0 | (i / 3) << 3 | r);
                look_at(k, b, 0);
            }
        }
}

static void census_legacy(struct census *k)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf2, 0xf3, 0xf0, 0x48};
    for (unsigned m = 0; m < 4; m++)
        for (unsigned p = 0; p < 6; p++) {
            uint8_t head[8];
            unsigned n = 0;
            if (prefixes[p] != 0)
                head[n++] = prefixes[p];
            if (m >= 1)
                head[n++] = 0x0f;
            if (m >= 2)
                head[n++] = m == 2 ? 0x38 : 0x3a;
            census_map(k, head, n, 2);
        }
}

static void census_vex(struct census *k)
{
    for (unsigned map = 1; map <= 3; map++)
        for (unsigned p = 0; p < 16; p++) {
            /* vvvv 1111b, and 1101b for forms with another register. */
            uint8_t head[] = {0xc4, (uint8_t)(0xe0 | map),
                              (uint8_t)((p & 8) << 4 | 0x78 | (p & 7))};
            census_map(k, head, 3, 1);
            head[2] = (uint8_t)((p & 8) << 4 | 0x68 | (p & 7));
            census_map(k, head, 3, 1);
        }
}

START_TEST(every_class_is_that_of_some_form)
{
    static struct census k;
    memset(&k, 0, sizeof k);
    ZydisDecoderInit(&k.decoder[0], ZYDIS_MACHINE_MODE_LONG_64,
                     ZYDIS_STACK_WIDTH_64);
    ZydisDecoderInit(&k.decoder[1], ZYDIS_MACHINE_MODE_LEGACY_32,
                     ZYDIS_STACK_WIDTH_32);
    census_legacy(&k);
    census_vex(&k);
    for (size_t i = 0; i < sizeof dynamic / sizeof dynamic[0]; i++) {
        ck_assert(!k.seen[dynamic[i]]);
        k.seen[dynamic[i]] = true;
    }
    for (unsigned i = 0; i < COST_COUNT; i++)
        ck_assert_msg(k.seen[i], "no form costs %s", classes[i].name);
    ck_assert_uint_gt(k.forms, 50000);
}
END_TEST

static const struct {
    const char *hex;
    enum cost_class is;
} some[] = {
    {"01 c8", COST_ALU},
    {"01 08", COST_RMW},
    {"f0 01 08", COST_LOCKED},
    {"48 87 08", COST_LOCKED},
    {"48 87 c8", COST_XCHG},
    {"49 90", COST_XCHG},
    {"f3 41 90", COST_XCHG},
    {"f3 90", COST_PAUSE},
    {"f0 48 0f c7 08", COST_LOCKED_PAIR},
    {"f6 f1", COST_DIV8},
    {"66 f7 f1", COST_DIV16},
    {"f7 f1", COST_DIV32},
    {"48 f7 f1", COST_DIV64},
    {"48 f7 38", COST_IDIV64},
    {"f7 f9", COST_IDIV32},
    {"f6 e1", COST_MUL8},
    {"48 f7 e9", COST_MUL64},
    {"48 0f af c1", COST_MUL},
    {"d3 e0", COST_SHIFT_CL},
    {"c1 e0 03", COST_ALU},
    {"d1 d0", COST_ROTATE_CARRY},
    {"c1 d0 03", COST_ROTATE_CARRY_N},
    {"0f a4 c8 03", COST_SHIFT_DOUBLE},
    {"0f a5 c8", COST_SHIFT_DOUBLE_CL},
    {"0f a3 08", COST_BIT_STRING},
    {"0f a3 c8", COST_ALU},
    {"8d 04 08", COST_ALU},
    {"8d 44 08 01", COST_LEA_COMPLEX},
    {"8e d8", COST_SEGMENT},
    {"8c d8", COST_SEGMENT_READ},
    {"0f 22 d8", COST_MOV_CR3},
    {"0f 22 c0", COST_MOV_CR},
    {"0f 20 c0", COST_READ_CR},
    {"0f 23 c0", COST_MOV_DR},
    {"a4", COST_MOVS},
    {"f3 a4", COST_ALU},
    {"a5", COST_MOVS},
    {"f2 0f 10 c1", COST_VEC},
    {"f2 0f c2 c1 00", COST_FP_ADD},
    {"a7", COST_CMPS},
    {"66 0f 5e c1", COST_FP_DIV},
    {"f3 0f 5e c1", COST_FP_DIV_SS},
    {"c5 fd 5e c1", COST_FP_DIV_PD256},
    {"c5 f9 5e c1", COST_FP_DIV},
    {"c5 fd 58 00", COST_FP_ADD256},
    {"c4 e2 f5 98 c2", COST_FMA256},
    {"c4 e2 f1 92 04 10", COST_GATHER2},
    {"c4 e2 75 92 04 10", COST_GATHER8},
    {"c4 e2 75 93 04 10", COST_GATHER4},
    {"c4 e3 fd 00 c1 00", COST_LANE_CROSS},
    {"c4 e2 7d 30 c1", COST_LANE_CROSS},
    {"c4 e2 79 18 00", COST_VEC},
    {"66 0f 6e c0", COST_VEC_GPR},
    {"66 0f 6e 00", COST_VEC},
    {"66 0f f3 c1", COST_VEC_SHIFT},
    {"66 0f 73 f1 03", COST_VEC},
    {"c4 e2 71 2c 00", COST_MASK_LOAD},
    {"c4 e2 71 2e 00", COST_MASK_STORE},
    {"d9 fe", COST_X87_SIN},
    {"de f9", COST_X87_DIV},
    {"ff 28", COST_FAR},
    {"ff 20", COST_ALU},
    {"ff 18", COST_FAR_CALL},
    {"cb", COST_FAR_RET},
    {"c3", COST_ALU},
};

START_TEST(forms_have_their_classes)
{
    ZydisDecoder d;
    ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        uint8_t b[15] = {0};
        const char *hex = some[i].hex;
        unsigned byte, n = 0;
        int used;
        for (; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used)
            b[n++] = (uint8_t)byte;
        ZydisDecodedInstruction zi;
        ZydisDecodedOperand zo[ZYDIS_MAX_OPERAND_COUNT];
        ck_assert_msg(
            ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, b, sizeof b, &zi, zo)),
            "%s", some[i].hex);
        enum cost_class c = cost_of_form(&zi, zo, COST_COUNT);
        ck_assert_msg(c == some[i].is, "%s: %s, not %s", some[i].hex,
                      c < COST_COUNT ? classes[c].name : "none",
                      classes[some[i].is].name);
    }
}
END_TEST

/* ----------------------------------------------------------------- presets */

/* The figure behind `tag` (" L " or " T ") in a source; 0: not there. */
static double figure(const char *text, const char *tag)
{
    const char *at = text, *last = NULL;
    while ((at = strstr(at, tag)) != NULL)
        last = at++;
    return last == NULL ? 0 : strtod(last + strlen(tag), NULL);
}

static uint32_t by_rule(enum cost_rule rule, double l, double t)
{
    double v = rule == COST_PIPELINED ? t : l > t ? l : t;
    return v < 1 ? 1 : (uint32_t)(v + 0.5);
}

static void check_preset(const struct preset *p)
{
    struct machine_config c;
    struct config_file *f = NULL;
    struct sim_error e;
    config_defaults(&c);
    ck_assert_int_eq(preset_read(p->name, &f, &e), SIM_OK);
    ck_assert_int_eq(config_file_apply(f, &c, &e), SIM_OK);
    for (unsigned i = 0; i < COST_COUNT; i++) {
        char name[64];
        const char *how = "", *text = "";
        snprintf(name, sizeof name, "core.cost.%s", classes[i].name);
        ck_assert_msg(config_file_gives(f, name), "%s: %s", p->name, name);
        ck_assert_msg(config_file_source(f, name, &how, &text), "%s: %s",
                      p->name, name);
        double l = figure(text, " L "), t = figure(text, " T ");
        if (strcmp(how, "read") != 0)
            continue;
        ck_assert_msg(l != 0 || t != 0, "%s: %s", p->name, text);
        ck_assert_msg(by_rule(classes[i].rule, l, t) == c.core.cost.cycles[i],
                      "%s: %s is %u, not by %s", p->name, name,
                      c.core.cost.cycles[i], text);
    }
    config_file_free(f);
}

START_TEST(presets_give_every_class_by_the_rule)
{
    size_t count;
    const struct preset *p = preset_all(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(p[i].name, "toy") != 0)
            check_preset(&p[i]);
}
END_TEST

/* ----------------------------------------------------------------- strings */

static struct rig R;

static void set_up(void)
{
    rig_create(&R, NULL);
    rig_long(&R, 0);
}

static void tear_down(void)
{
    rig_destroy(&R);
}

/* Cycles of the base leaf that the code adds to those of as many NOPs. */
static uint64_t base_cycles(const char *hex)
{
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    R.c->gpr[REG_RSI] = RIG_DATA;
    R.c->gpr[REG_RDI] = RIG_DATA + 0x4000;
    cpu_update_mode(R.c);
    uint64_t before = R.c->account.leaf[LEAF_BASE];
    rig_runs(&R, hex);
    return R.c->account.leaf[LEAF_BASE] - before;
}

static uint64_t cost(enum cost_class k)
{
    return R.config.core.cost.cycles[k];
}

START_TEST(fast_strings_are_charged_by_lines)
{
    R.c->gpr[REG_RCX] = 0;
    uint64_t start = base_cycles("f3 a4 f4");
    ck_assert_uint_eq(start, 1 + cost(COST_STRING_START) + cost(COST_HLT));
    R.c->gpr[REG_RCX] = 640;
    ck_assert_uint_eq(base_cycles("f3 a4 f4") - start,
                      10 * cost(COST_REP_MOVS_LINE));
    R.c->gpr[REG_RCX] = 80;
    ck_assert_uint_eq(base_cycles("f3 48 a5 f4") - start,
                      10 * cost(COST_REP_MOVS_LINE));
    R.c->gpr[REG_RCX] = 80;
    ck_assert_uint_eq(base_cycles("f3 48 ab f4") - start,
                      10 * cost(COST_REP_STOS_LINE));
}
END_TEST

START_TEST(other_strings_are_charged_by_iterations)
{
    R.c->gpr[REG_RCX] = 0;
    uint64_t start = base_cycles("f3 a4 f4");
    R.c->gpr[REG_RCX] = 50;
    ck_assert_uint_eq(base_cycles("f3 ac f4") - start,
                      50 * cost(COST_REP_LODS));
    R.c->gpr[REG_RCX] = 50;
    ck_assert_uint_eq(base_cycles("f3 a6 f4") - start,
                      50 * cost(COST_REP_CMPS));
    R.c->gpr[REG_RCX] = 50;
    R.c->gpr[REG_RAX] = 1;
    R.c->eflags |= FLAG_DF;
    ck_assert_uint_eq(base_cycles("f3 a4 f4") - start, 50 * cost(COST_STRING));
    ck_assert_uint_eq(base_cycles("a4 f4"), cost(COST_MOVS) + cost(COST_HLT));
}
END_TEST

/* A stop between iterations changes nothing of what a string costs. */
START_TEST(stops_do_not_change_the_charge_of_a_string)
{
    R.c->gpr[REG_RCX] = 4096;
    uint64_t whole = base_cycles("f3 a4 f4");
    R.c->rip = RIG_CODE;
    R.c->activity = ACTIVITY_RUN;
    R.c->gpr[REG_RCX] = 4096;
    R.c->gpr[REG_RSI] = RIG_DATA;
    R.c->gpr[REG_RDI] = RIG_DATA + 0x4000;
    cpu_update_mode(R.c);
    uint64_t before = R.c->account.leaf[LEAF_BASE];
    unsigned stops = 0;
    while (cpu_run(R.c, R.c->account.cycles + 7) != CPU_STOP_HALT)
        ck_assert_uint_lt(++stops, 10000);
    ck_assert_uint_gt(stops, 10);
    ck_assert_uint_eq(R.c->account.leaf[LEAF_BASE] - before, whole);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cost");
    TCase *t = tcase_create("forms");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_supported_mnemonic_is_named);
    tcase_add_test(t, every_class_is_that_of_some_form);
    tcase_add_test(t, forms_have_their_classes);
    tcase_add_test(t, presets_give_every_class_by_the_rule);
    suite_add_tcase(s, t);
    t = tcase_create("strings");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, fast_strings_are_charged_by_lines);
    tcase_add_test(t, other_strings_are_charged_by_iterations);
    tcase_add_test(t, stops_do_not_change_the_charge_of_a_string);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
