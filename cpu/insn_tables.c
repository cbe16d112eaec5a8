/* SPDX-License-Identifier: Apache-2.0
 * The instruction table, one row a mnemonic, from the .def files.
 */
#include "cpu/insn_ctl.h"
#include "cpu/xlat.h"

/* Every family has the one type. */
#define INSN(mnemonic, family, cost, rules, feature) xlat_fn family;
#include "cpu/insn_avx_fp.def"
#include "cpu/insn_avx_int.def"
#include "cpu/insn_bmi.def"
#include "cpu/insn_crypto.def"
#include "cpu/insn_ctl.def"
#include "cpu/insn_ext.def"
#include "cpu/insn_int.def"
#include "cpu/insn_sys.def"
#include "cpu/insn_vec.def"
#include "cpu/insn_vmx.def"
#include "cpu/insn_x87.def"
#undef INSN

const struct insn_row insn_rows[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define INSN(mnemonic, family, cost, rules, feature)                           \
    [ZYDIS_MNEMONIC_##                                                         \
        mnemonic] = {family, rules, COST_##cost, FEATURE_##feature},
#include "cpu/insn_avx_fp.def"
#include "cpu/insn_avx_int.def"
#include "cpu/insn_bmi.def"
#include "cpu/insn_crypto.def"
#include "cpu/insn_ctl.def"
#include "cpu/insn_ext.def"
#include "cpu/insn_int.def"
#include "cpu/insn_sys.def"
#include "cpu/insn_vec.def"
#include "cpu/insn_vmx.def"
#include "cpu/insn_x87.def"
#undef INSN
};
