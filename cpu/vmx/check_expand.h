/* SPDX-License-Identifier: Apache-2.0
 * Turns a table of rules into functions and rows. The file that includes this
 * says CHECK_RULES, the table, CHECK_PREFIX, a string, and CHECK_GROUP:
 *
 *   RULE(id, field, section, "the rule", condition)
 *   BITS(id, field, section, "the rule", bits of the field that break it)
 *   RULE_Q, BITS_Q: likewise, with the qualification of exit 33 after section
 *
 * over `k` (struct vmx_check) and `v` (its VMCS).
 */
#include "cpu/vmx/check_inside.h"

#define CHECK_PASTE(a, b)  a##b
#define CHECK_CONCAT(a, b) CHECK_PASTE(a, b)

#define RULE(id, field, section, text, condition)                              \
    RULE_Q(id, field, section, ENTRY_QUAL_NONE, text, condition)
#define BITS(id, field, section, text, bits)                                   \
    BITS_Q(id, field, section, ENTRY_QUAL_NONE, text, bits)

#define RULE_Q(id, field, section, qualification, text, condition)             \
    ALWAYS_INLINE bool holds_##id(const struct vmx_check *k)                   \
    {                                                                          \
        const struct vmcs *v = k->v;                                           \
        (void)v;                                                               \
        return condition;                                                      \
    }                                                                          \
    enum { exists_##id = sizeof(((struct vmcs *)0)->field) };
#define BITS_Q(id, field, section, qualification, text, bits)                  \
    ALWAYS_INLINE uint64_t bits_##id(const struct vmx_check *k)                \
    {                                                                          \
        const struct vmcs *v = k->v;                                           \
        (void)v;                                                               \
        return bits;                                                           \
    }                                                                          \
    RULE_Q(id, field, section, qualification, text, bits_##id(k) == 0)
#include CHECK_RULES
#undef RULE_Q
#undef BITS_Q

static const struct vmx_rule check_rows[] = {
#define RULE_Q(id, field, section, qualification, text, condition)             \
    {CHECK_PREFIX "." #id, #field, section,      text,                         \
     holds_##id,           NULL,   qualification},
#define BITS_Q(id, field, section, qualification, text, bits)                  \
    {CHECK_PREFIX "." #id, #field,    section,      text,                      \
     holds_##id,           bits_##id, qualification},
#include CHECK_RULES
#undef RULE_Q
#undef BITS_Q
};

const struct vmx_rule *CHECK_CONCAT(vmx_rules_, CHECK_GROUP)(unsigned *count)
{
    *count = sizeof check_rows / sizeof check_rows[0];
    return check_rows;
}

/* Straight-line code, all of it inlined, rather than a walk over the rows: this
 * runs on every VM entry, in a third of the time. */
const struct vmx_rule *CHECK_CONCAT(vmx_check_,
                                    CHECK_GROUP)(const struct vmx_check *k)
{
    const struct vmx_rule *row = check_rows;
#define RULE_Q(id, field, section, qualification, text, condition)             \
    if (!holds_##id(k))                                                        \
        return row;                                                            \
    row++;
#define BITS_Q(id, field, section, qualification, text, bits)                  \
    RULE_Q(id, field, section, qualification, text, )
#include CHECK_RULES
#undef RULE_Q
#undef BITS_Q
    return NULL;
}
