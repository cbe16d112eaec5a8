/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic flags made from what the last flag-writing uop left behind.
 */
#include "cpu/flags.h"

uint32_t flags_arith(const struct cpu *c)
{
    if (CC_KIND(c->cc_op) == CC_NONE)
        return c->eflags & FLAG_ARITH;
    return (flags_cf(c) ? FLAG_CF : 0u) | (flags_pf(c) ? FLAG_PF : 0u) |
           (flags_af(c) ? FLAG_AF : 0u) | (flags_zf(c) ? FLAG_ZF : 0u) |
           (flags_sf(c) ? FLAG_SF : 0u) | (flags_of(c) ? FLAG_OF : 0u);
}

uint32_t flags_read(struct cpu *c)
{
    if (CC_KIND(c->cc_op) != CC_NONE)
        flags_set_arith(c, flags_arith(c));
    return c->eflags;
}

bool flags_condition_var(const struct cpu *c, unsigned cc)
{
    return flags_condition(c, cc & 15u);
}
