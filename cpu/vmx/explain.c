/* SPDX-License-Identifier: Apache-2.0
 * Why a VM entry failed, for people.
 */
#include "cpu/vmx/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void vmx_rule_outcome(const struct vmx_rule *r, char *out, size_t size)
{
    if (strncmp(r->name, "controls.", 9) == 0)
        snprintf(out, size, "error %d", VMERR_ENTRY_CONTROLS);
    else if (strncmp(r->name, "host.", 5) == 0)
        snprintf(out, size, "error %d", VMERR_ENTRY_HOST);
    else
        snprintf(out, size, "exit %d, qualification %u", REASON_INVALID_STATE,
                 r->qualification);
}

void vmx_explain(const struct vmx_rule *r, const struct vmx_check *k, char *out,
                 size_t size)
{
    const struct vmcs_field *d = vmcs_by_name(r->field);
    char outcome[40], bits[40] = "";
    vmx_rule_outcome(r, outcome, sizeof outcome);
    if (r->offending != NULL)
        snprintf(bits, sizeof bits, ", wrong bits %" PRIX64 "H",
                 r->offending(k));
    snprintf(out, size,
             "VM entry failed (%s): %s (%04XH) is %0*" PRIX64
             "H%s; rule %s: %s (\"%s\")",
             outcome, r->field, (unsigned)d->encoding, d->bytes * 2,
             vmcs_get(k->v, d, false), bits, r->name, r->rule, r->section);
}
