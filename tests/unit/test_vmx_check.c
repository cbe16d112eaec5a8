/* SPDX-License-Identifier: Apache-2.0
 * The checks of VM entry: for each row of the tables, changes that make just
 * it fail and near misses that pass (vmx_check_cases.def), and which bits of
 * a field break it (vmx_check_bits.def).
 */
#include "tests/unit/vmcs_rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const group_name[] = {"controls", "host", "guest"};

struct check_case {
    const char *group, *rule; /* the rule with its group */
    const char *also;
    const char *text; /* the change, for messages */
};

/* Make case `wanted`: the change that spoils, or the near miss. False: there
 * are not so many. */
static bool make_case(struct vmcs_rig *r, unsigned wanted, bool spoil,
                      struct check_case *out)
{
    struct vmcs *v = &r->v;
    struct vmx_check *k = &r->k;
    unsigned n = 0;
    (void)k;
#define CASE(group, rule, base, also, change, ...)                             \
    if (n++ == wanted) {                                                       \
        *out = (struct check_case){#group, #group "." #rule, also,             \
                                   spoil ? #change : #__VA_ARGS__};            \
        rig_make(r, base);                                                     \
        if (spoil) {                                                           \
            change;                                                            \
        } else {                                                               \
            __VA_ARGS__;                                                       \
        }                                                                      \
        return true;                                                           \
    }
#include "tests/unit/vmx_check_cases.def"
#undef CASE
    return false;
}

/* "name" is a word of the list. */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at++)
        if ((at == list || at[-1] == ' ') &&
            (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static void expect_group_holds(const struct vmcs_rig *r, unsigned g,
                               const char *text)
{
    unsigned count;
    const struct vmx_rule *rules = vmx_rules((enum vmx_check_group)g, &count);
    for (unsigned i = 0; i < count; i++)
        ck_assert_msg(rules[i].holds(&r->k), "%s fails after: %s",
                      rules[i].name, text);
    ck_assert_ptr_null(vmx_check((enum vmx_check_group)g, &r->k));
}

static void expect_all_hold(const struct vmcs_rig *r, const char *text)
{
    for (unsigned g = 0; g < CHECK_GROUPS; g++)
        expect_group_holds(r, g, text);
}

/* Exactly the rule and those listed fail in the group, the rule first; what
 * is looked at before the group holds. */
static void expect_only(const struct vmcs_rig *r, const struct check_case *c)
{
    for (unsigned g = 0; g < CHECK_GROUPS; g++) {
        if (strcmp(group_name[g], c->group) != 0) {
            expect_group_holds(r, g, c->text);
            continue;
        }
        unsigned count;
        const struct vmx_rule *rules =
            vmx_rules((enum vmx_check_group)g, &count);
        for (unsigned i = 0; i < count; i++) {
            bool due = strcmp(rules[i].name, c->rule) == 0 ||
                       listed(c->also, rules[i].name);
            ck_assert_msg(rules[i].holds(&r->k) != due,
                          "%s %s, %s was to fail, after: %s", rules[i].name,
                          due ? "holds" : "fails", c->rule, c->text);
        }
        const struct vmx_rule *first =
            vmx_check((enum vmx_check_group)g, &r->k);
        ck_assert_ptr_nonnull(first);
        ck_assert_str_eq(first->name, c->rule);
        return;
    }
    ck_abort_msg("%s: no such group", c->group);
}

START_TEST(bases_are_accepted)
{
    struct vmcs_rig r;
    for (unsigned base = 0; base < RIG_BASES; base++) {
        char text[16];
        snprintf(text, sizeof text, "base %u", base);
        rig_make(&r, (enum rig_base)base);
        expect_all_hold(&r, text);
    }
}
END_TEST

START_TEST(each_case_breaks_its_rule_alone)
{
    struct vmcs_rig r;
    struct check_case c;
    for (unsigned n = 0; make_case(&r, n, true, &c); n++)
        expect_only(&r, &c);
}
END_TEST

START_TEST(near_misses_pass)
{
    struct vmcs_rig r;
    struct check_case c;
    for (unsigned n = 0; make_case(&r, n, false, &c); n++)
        expect_all_hold(&r, c.text);
}
END_TEST

static const struct vmx_rule *rule_by_name(const char *name)
{
    for (unsigned g = 0; g < CHECK_GROUPS; g++) {
        unsigned count;
        const struct vmx_rule *rules =
            vmx_rules((enum vmx_check_group)g, &count);
        for (unsigned i = 0; i < count; i++)
            if (strcmp(rules[i].name, name) == 0)
                return &rules[i];
    }
    ck_abort_msg("%s: no such rule", name);
}

/* Set up row `wanted` of vmx_check_bits.def. */
static bool make_bits(struct vmcs_rig *r, unsigned wanted, const char **rule,
                      const char **field, uint64_t *bits)
{
    struct vmcs *v = &r->v;
    unsigned n = 0;
    (void)v;
#define BITS(name, base, setup, changed, forbidden)                            \
    if (n++ == wanted) {                                                       \
        rig_make(r, base);                                                     \
        setup;                                                                 \
        *rule = #name;                                                         \
        *field = #changed;                                                     \
        *bits = forbidden;                                                     \
        return true;                                                           \
    }
#include "tests/unit/vmx_check_bits.def"
#undef BITS
    return false;
}

START_TEST(single_bits)
{
    struct vmcs_rig r;
    const char *name, *field;
    uint64_t bits;
    for (unsigned n = 0; make_bits(&r, n, &name, &field, &bits); n++) {
        const struct vmx_rule *rule = rule_by_name(name);
        const struct vmcs_field *d = vmcs_by_name(field);
        ck_assert_msg(rule->holds(&r.k), "%s fails at first", name);
        uint64_t value = vmcs_get(&r.v, d, false);
        for (unsigned b = 0; b < d->bytes * 8u; b++) {
            vmcs_set(&r.v, d, false, value ^ BIT(b));
            ck_assert_msg(rule->holds(&r.k) == ((bits >> b & 1) == 0),
                          "%s: bit %u of %s", name, b, field);
        }
    }
}
END_TEST

START_TEST(every_rule_has_a_case)
{
    struct vmcs_rig r;
    struct check_case c;
    for (unsigned g = 0; g < CHECK_GROUPS; g++) {
        unsigned count;
        const struct vmx_rule *rules =
            vmx_rules((enum vmx_check_group)g, &count);
        ck_assert_uint_gt(count, 20);
        for (unsigned i = 0; i < count; i++) {
            bool found = false;
            for (unsigned n = 0; !found && make_case(&r, n, true, &c); n++)
                found = strcmp(c.rule, rules[i].name) == 0;
            ck_assert_msg(found, "%s has no case", rules[i].name);
        }
    }
}
END_TEST

/* SDM Vol.3 "VM-Entry Failures During or After Loading Guest State". */
START_TEST(qualifications_of_exit_33)
{
    unsigned count, odd = 0;
    const struct vmx_rule *rules = vmx_rules(CHECK_GUEST, &count);
    for (unsigned i = 0; i < count; i++) {
        unsigned due = 0;
        if (strncmp(rules[i].name, "guest.pdpte", 11) == 0)
            due = 2;
        if (strcmp(rules[i].name, "guest.blocking_sti_nmi") == 0)
            due = 3;
        if (strncmp(rules[i].name, "guest.link_", 11) == 0)
            due = 4;
        odd += due != 0;
        ck_assert_uint_eq(rules[i].qualification, due);
    }
    ck_assert_uint_eq(odd, 5 + 1 + 4);
}
END_TEST

START_TEST(eptp_rules_are_those_of_vmfunc)
{
    /* EPTP switching uses vmx_eptp_valid: the rows must say the same. */
    struct vmcs_rig r;
    uint64_t x = 1;
    unsigned valid = 0;
    rig_make(&r, FULL64);
    for (unsigned n = 0; n < 200000; n++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        r.config.vtx.ept_5level = (x >> 60 & 1) != 0;
        r.config.vtx.ept_accessed_dirty = (x >> 61 & 1) != 0;
        rig_caps(&r);
        r.v.eptp = (0x7000 | 0x1e) ^ (x >> 20 & x >> 31 & 0xfff);
        r.v.eptp |= (x >> 55 & 7) == 0 ? BIT(40 + (x >> 40 & 15)) : 0;
        bool holds = vmx_check(CHECK_CONTROLS, &r.k) == NULL;
        ck_assert_int_eq(holds,
                         vmx_eptp_valid(&r.caps, RIG_MAXPHYADDR, r.v.eptp));
        valid += holds;
    }
    ck_assert_uint_gt(valid, 1000);
}
END_TEST

START_TEST(rules_read_well)
{
    for (unsigned g = 0; g < CHECK_GROUPS; g++) {
        unsigned count;
        const struct vmx_rule *rules =
            vmx_rules((enum vmx_check_group)g, &count);
        for (unsigned i = 0; i < count; i++) {
            ck_assert_ptr_nonnull(vmcs_by_name(rules[i].field));
            ck_assert_int_eq(
                strncmp(rules[i].name, group_name[g], strlen(group_name[g])),
                0);
            for (unsigned j = 0; j < i; j++)
                ck_assert_str_ne(rules[i].name, rules[j].name);
        }
    }
}
END_TEST

/* Each failing case is explained: field, encoding, rule, section. */
START_TEST(explanations_name_everything)
{
    struct vmcs_rig r;
    struct check_case c;
    for (unsigned n = 0; make_case(&r, n, true, &c); n++) {
        const struct vmx_rule *rule = NULL;
        for (unsigned g = 0; rule == NULL && g < CHECK_GROUPS; g++)
            rule = vmx_check((enum vmx_check_group)g, &r.k);
        char line[512], encoding[16];
        vmx_explain(rule, &r.k, line, sizeof line);
        snprintf(encoding, sizeof encoding, "(%04XH)",
                 (unsigned)vmcs_by_name(rule->field)->encoding);
        ck_assert_uint_lt(strlen(line), sizeof line - 1);
        ck_assert_ptr_null(strchr(line, '\n'));
        ck_assert_ptr_nonnull(strstr(line, rule->field));
        ck_assert_ptr_nonnull(strstr(line, encoding));
        ck_assert_ptr_nonnull(strstr(line, rule->name));
        ck_assert_ptr_nonnull(strstr(line, rule->rule));
        ck_assert_ptr_nonnull(strstr(line, rule->section));
        if (rule->offending != NULL)
            ck_assert_uint_ne(rule->offending(&r.k), 0);
    }
}
END_TEST

START_TEST(explanation_shows_value_and_bits)
{
    struct vmcs_rig r;
    char line[512];
    rig_make(&r, MIN64);
    r.v.guest_rflags = 0x8;
    vmx_explain(vmx_check(CHECK_GUEST, &r.k), &r.k, line, sizeof line);
    ck_assert_str_eq(
        line, "VM entry failed (exit 33, qualification 0): guest_rflags "
              "(6820H) is 0000000000000008H, wrong bits AH; rule "
              "guest.rflags_reserved: bits 63:22, 15, 5 and 3 are 0, bit 1 is "
              "1 (\"Checks on Guest RIP, RFLAGS, and SSP\")");
    rig_make(&r, FULL64);
    r.v.vpid = 0;
    vmx_explain(vmx_check(CHECK_CONTROLS, &r.k), &r.k, line, sizeof line);
    ck_assert_str_eq(line, "VM entry failed (error 7): vpid (0000H) is 0000H; "
                           "rule controls.vpid: with \"enable VPID\", the VPID "
                           "is not 0000H (\"VM-Execution Control Fields\")");
    rig_make(&r, MIN64);
    r.v.host_cs_selector = 0;
    vmx_explain(vmx_check(CHECK_HOST, &r.k), &r.k, line, sizeof line);
    ck_assert_ptr_nonnull(strstr(line, "(error 8): host_cs_selector (0C02H)"));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("vmx_check");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, bases_are_accepted);
    tcase_add_test(t, each_case_breaks_its_rule_alone);
    tcase_add_test(t, near_misses_pass);
    tcase_add_test(t, single_bits);
    tcase_add_test(t, every_rule_has_a_case);
    tcase_add_test(t, qualifications_of_exit_33);
    tcase_add_test(t, eptp_rules_are_those_of_vmfunc);
    tcase_add_test(t, rules_read_well);
    tcase_add_test(t, explanations_name_everything);
    tcase_add_test(t, explanation_shows_value_and_bits);
    Suite *s = suite_create("vmx_check");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
