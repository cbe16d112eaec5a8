/* SPDX-License-Identifier: Apache-2.0
 * The groups of rules of VM entry.
 */
#include "cpu/vmx/check_inside.h"

const struct vmx_rule *vmx_rules(enum vmx_check_group g, unsigned *count)
{
    switch (g) {
    case CHECK_CONTROLS: return vmx_rules_controls(count);
    case CHECK_HOST: return vmx_rules_host(count);
    case CHECK_GUEST: return vmx_rules_guest(count);
    case CHECK_GROUPS: break;
    }
    *count = 0;
    return NULL;
}

const struct vmx_rule *vmx_check(enum vmx_check_group g,
                                 const struct vmx_check *k)
{
    switch (g) {
    case CHECK_CONTROLS: return vmx_check_controls(k);
    case CHECK_HOST: return vmx_check_host(k);
    case CHECK_GUEST: return vmx_check_guest(k);
    case CHECK_GROUPS: break;
    }
    return NULL;
}
