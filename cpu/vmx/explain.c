/* SPDX-License-Identifier: Apache-2.0
 * Why a VM entry failed, for people.
 */
#include "cpu/vmx/check.h"

#include <inttypes.h>
#include <stdio.h>

void vmx_explain(const struct vmx_rule *r, const struct vmx_check *k, char *out,
                 size_t size)
{
    const struct vmcs_field *d = vmcs_by_name(r->field);
    char bits[40] = "";
    if (r->offending != NULL)
        snprintf(bits, sizeof bits, ", wrong bits %" PRIX64 "H",
                 r->offending(k));
    snprintf(out, size, "%s (%04XH) is %0*" PRIX64 "H%s: %s (\"%s\"; rule %s)",
             r->field, (unsigned)d->encoding, d->bytes * 2,
             vmcs_get(k->v, d, false), bits, r->rule, r->section, r->name);
}
