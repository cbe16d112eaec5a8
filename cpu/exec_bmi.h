/* SPDX-License-Identifier: Apache-2.0
 * Tables of the bit-manipulation handlers: BMI1, BMI2, LZCNT, ADX, MOVBE.
 */
#ifndef VTSIM_CPU_EXEC_BMI_H
#define VTSIM_CPU_EXEC_BMI_H

#include "cpu/exec_int.h"

enum bmi_unary { BMI_BLSR, BMI_BLSMSK, BMI_BLSI, BMI_UNARY };
enum bmi_count { BMI_TZCNT, BMI_LZCNT, BMI_COUNT };
enum bmi_binary {
    BMI_ANDN,
    BMI_BEXTR,
    BMI_BZHI,
    BMI_PDEP, /* no flags from here on */
    BMI_PEXT,
    BMI_SARX,
    BMI_SHLX,
    BMI_SHRX,
    BMI_RORX, /* the other operand is imm */
    BMI_BINARY
};

/*
 * The r/m operand is register `base` or memory (first index); dst is written,
 * src is the other register. Sizes are 4 and 8 bytes, and 2 for count and
 * movbe. Last index: flags dead or live.
 */
struct exec_bmi_table {
    uop_fn *unary[2][BMI_UNARY][2][2];
    uop_fn *count[2][BMI_COUNT][3][2];
    uop_fn *binary[2][BMI_BINARY][2][2];
    uop_fn *mulx[2][2];   /* aux: register of the low half */
    uop_fn *adx[2][2][2]; /* ADCX, ADOX; dst is read too */
    uop_fn *movbe[2][3];  /* load to dst, store of src */
};

extern const struct exec_bmi_table exec_bmi_off, exec_bmi_simple;

#endif
