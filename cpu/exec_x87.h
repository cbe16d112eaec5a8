/* SPDX-License-Identifier: Apache-2.0
 * The handler table of exec_x87.c.
 */
#ifndef VTSIM_CPU_EXEC_X87_H
#define VTSIM_CPU_EXEC_X87_H

#include "cpu/uop.h"

enum x87_width { X87_2, X87_4, X87_8, X87_10, X87_WIDTHS }; /* bytes */

struct exec_x87_table {
    uop_fn *reg, *reg_nowait, *store_nowait;
    uop_fn *load[X87_WIDTHS], *store[X87_WIDTHS];
};
extern const struct exec_x87_table exec_x87_off, exec_x87_simple;

#endif
