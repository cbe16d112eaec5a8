/* SPDX-License-Identifier: Apache-2.0
 * Translation of the instructions of cpu/legacy.h.
 */
#include "cpu/legacy.h"
#include "cpu/xlat_int.h"

bool xlat_decimal(struct xlat *x)
{
    callout_fn *fn;
    switch ((int)x->zi->mnemonic) {
    case ZYDIS_MNEMONIC_AAA: fn = legacy_aaa; break;
    case ZYDIS_MNEMONIC_AAS: fn = legacy_aas; break;
    case ZYDIS_MNEMONIC_DAA: fn = legacy_daa; break;
    case ZYDIS_MNEMONIC_DAS: fn = legacy_das; break;
    case ZYDIS_MNEMONIC_AAM: fn = legacy_aam; break;
    case ZYDIS_MNEMONIC_AAD: fn = legacy_aad; break;
    default: fn = legacy_salc; break;
    }
    struct uop *u = xlat_callout(x, fn);
    if (int_is_imm(&x->zo[0]))
        u->disp = (int32_t)(x->zo[0].imm.value.u & 0xff);
    return true;
}

bool xlat_bound(struct xlat *x)
{
    if (!int_is_mem(&x->zo[1]))
        return false;
    struct uop *u = xlat_callout(x, legacy_bound);
    int_set_offset(x, u, &x->zo[1], 0, int_insn_lg(x));
    u->dst = int_reg(&x->zo[0]);
    x->loads = 2;
    return true;
}
